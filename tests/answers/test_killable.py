"""Workers that can be killed: order, hanging items, crashes, and errors, each at the cost of one
item.
"""

import os

import pytest

from routerlib.answers.killable import MOST_PER_CORE, Crew, Lost, WorkerFailed


def test_a_hundred_thousand_processes_are_not_started():
    with Crew("operator:neg", workers=100_000) as crew:
        assert crew.size <= MOST_PER_CORE * (os.cpu_count() or 1)
    with Crew("operator:neg", workers=3) as crew:
        assert crew.size == 3


def test_results_come_in_the_order_of_the_items():
    with Crew("operator:neg", workers=2) as crew:
        assert list(crew.map(range(200))) == [-i for i in range(200)]
        assert list(crew.map([])) == []
        assert list(crew.map([7])) == [-7]  # the same crew again


def test_a_hanging_item_costs_only_itself():
    items = [0.0] * 20 + [600] + [0.0] * 20 + [600] + [0.0] * 5
    with Crew("time:sleep", workers=2, timeout=1.0) as crew:
        results = list(crew.map(items))
    assert [i for i, result in enumerate(results) if result == Lost("timeout")] == [20, 41]
    assert results.count(None) == 45


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(timeout):
    with pytest.raises(ValueError, match=f"TIMEOUT is {timeout}"):
        Crew("operator:neg", timeout=timeout)


@pytest.mark.parametrize("workers", [0, -3, 1.5])
def test_a_number_of_workers_that_is_none_is_refused(workers):
    with pytest.raises(ValueError, match=f"WORKERS is {workers}"):
        Crew("operator:neg", workers=workers)


def test_waiting_is_not_computing():
    with Crew("time:sleep", workers=1, timeout=0.5) as crew:
        assert list(crew.map([1.0, 1.0, 0.0])) == [None, None, None]


def test_a_long_computation_in_python_interrupts_itself():
    with Crew("timeit:timeit", workers=1, timeout=0.5) as crew:
        first, lost, last = crew.map(["pass", "while True: pass", "pass"])
        assert lost == Lost("timeout") and first > 0 and last > 0


def test_one_long_computation_in_c_is_killed():
    with Crew("math:factorial", workers=1, timeout=1.0) as crew:
        results = list(crew.map([3, 10**8, 4]))
    assert results == [6, Lost("timeout"), 24]


def test_an_error_and_a_dead_process_are_told_apart():
    with Crew("os:_exit", workers=1, timeout=5.0) as crew:
        (lost,) = crew.map([3])
        assert lost.reason == "crash"
    with Crew("math:sqrt", workers=1, timeout=5.0) as crew:
        lost, right = crew.map([-1, 4])
        assert (lost.reason, right) == ("error", 2.0) and "ValueError" in lost.detail


def test_items_are_not_read_far_ahead():
    read = []

    def items():
        for i in range(20_000):
            read.append(i)
            yield i

    with Crew("operator:neg", workers=1) as crew:
        results = crew.map(items())
        for _ in range(10):
            next(results)
        assert len(read) < 3_000


def test_a_worker_that_cannot_start_is_an_error_not_a_loop():
    with (
        pytest.raises(WorkerFailed, match="no_such_module"),
        Crew("no_such_module:f", workers=1) as crew,
    ):
        list(crew.map([1]))


def test_loading_what_an_item_needs_is_not_on_its_clock():
    with Crew("tests.answers.slow_to_load:double", workers=1, timeout=0.2) as crew:
        assert list(crew.map([2, 4, 1, 3, 5])) == [4, 8, 2, 6, 10]
