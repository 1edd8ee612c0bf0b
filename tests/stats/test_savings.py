"""Savings: the figures by hand, and ranges that hold what they promise."""

import numpy as np
import pytest

from routerlib.stats import savings
from routerlib.stats.metrics import MetricError
from routerlib.stats.savings import difference_of_shares, measure_money, measure_saving


def test_quality_and_money_by_hand():
    found = measure_saving("all", [1, 0, 0, 1], [0, 1, 0, 0], spent=[1, 1, 1, 1], full=[4, 4, 4, 8])
    assert found.lost.value == pytest.approx(0.25)
    assert (found.worse, found.better) == (0.5, 0.25)
    assert found.saved.value == pytest.approx(1 - 4 / 20)
    assert (found.spent, found.full) == (1000, 5000)


def test_without_money_there_is_no_saving():
    assert measure_saving("all", [0], [0]).saved is None
    assert measure_saving("all", [0], [0], [0.0], [0.0]).saved is None


def test_money_alone_says_nothing_of_quality():
    both = measure_saving("all", [1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1], [4, 4, 4, 8])
    money = measure_money("all", 4, [1, 1, 1, 1], [4, 4, 4, 8])
    assert (money.lost, money.worse, money.better) == (None, None, None)
    assert (money.name, money.prompts) == ("all", 4)
    assert (money.saved, money.spent, money.full) == (both.saved, both.spent, both.full)
    assert measure_money("all", 4).saved is None
    with pytest.raises(MetricError):
        measure_money("none", 0)
    with pytest.raises(MetricError):
        measure_money("uneven", 3, [1, 1, 1, 1], [4, 4, 4, 8])


@pytest.mark.parametrize("one,other", [(0, 0), (1, 0), (0.3, 0.3)])
def test_a_range_of_few_prompts_is_wide(one, other):
    few, many = difference_of_shares(one, other, 6), difference_of_shares(one, other, 600)
    assert -1 <= few.low <= few.value <= few.high <= 1
    assert few.high - few.low > 0.3 > 0.15 > many.high - many.low


@pytest.mark.parametrize("worse,better", [(0.02, 0.01), (0.3, 0.1), (0.45, 0.45), (0.1, 0.8)])
@pytest.mark.parametrize("n", [20, 100])
def test_the_range_holds_the_truth_about_19_times_in_20(worse, better, n):
    rng = np.random.default_rng(1)
    draws = rng.multinomial(n, [worse, better, 1 - worse - better], 2000) / n
    inside = 0
    for one, other, _ in draws:
        found = difference_of_shares(one, other, n)
        inside += found.low <= worse - better <= found.high
    assert 0.9 <= inside / 2000 <= 1.0


def test_a_difference_turns_with_its_sides():
    one, other = difference_of_shares(0.4, 0.1, 50), difference_of_shares(0.1, 0.4, 50)
    assert one.low == pytest.approx(-other.high) and one.high == pytest.approx(-other.low)


def test_no_prompts_and_uneven_columns_are_refused():
    with pytest.raises(MetricError):
        measure_saving("none", [], [])
    with pytest.raises(MetricError):
        measure_saving("uneven", [0, 1], [0])
    with pytest.raises(MetricError):
        measure_saving("uneven", [0, 1], [0, 0], [1.0], [1.0])


def test_the_distance_to_a_limit_counts_what_both_shares_have_in_common():
    assert savings._hybrid(1, 2, 0.0) == pytest.approx(5**0.5)
    assert savings._hybrid(1, 2, 0.5) == pytest.approx(3**0.5)
    assert savings._hybrid(1, 1, 1.0) == 0.0
