"""A policy is one path: both decisions move together, nested, and say one by one what they say in
bulk.
"""

import functools
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from outcomes_with_signals import made_up

from routerlib.stats import costs, metrics
from routerlib.training import policy_choice
from routerlib.training.policies import BOTH, CASCADE, ROUTER, Policy, Sources, path_of


@functools.lru_cache
def policies(kind="informative", ratio=0.25, reading=0.0, rows=1500):
    p, told = made_up(kind, rows, ratio=ratio, reading=reading)
    return policy_choice.fit_policies(np.arange(rows), p, told, np.arange(rows)).policies


def made_gains(rows=2000, seed=0):
    """p_superior, and a gain that it foretells with noise."""
    random = np.random.default_rng(seed)
    p = random.random(rows)
    return p, np.clip(p - 0.2 + 0.3 * random.normal(size=rows), -1, 1)


def bill(rows, first, reading=0.0):
    return costs.checked_costs(np.full(rows, first), np.ones(rows), np.full(rows, reading))


@pytest.mark.parametrize("reading", [0.0, 0.05, 0.3])
def test_no_threshold_rises_along_the_path_and_its_end_sends_everything_up(reading):
    p, gain = made_gains()
    path = path_of(p, gain, bill(2000, 0.2, reading))
    for thresholds in (path.prices, path.read, path.escalate, path.up):
        assert all(a >= b for a, b in itertools.pairwise(thresholds))
    course = path.course(p, gain)
    assert (course.states(path.prices[-1]) == costs.STATES.index("up")).all()
    above = np.nextafter(path.prices[0], np.inf)
    assert (course.states(above) == costs.STATES.index("unread")).all()


def test_the_dearer_the_first_call_the_more_prompts_go_straight_up():
    p, gain = made_gains()
    shares = []
    for first in (0.02, 0.1, 0.3, 0.6):
        path = path_of(p, gain, bill(2000, first))
        course = path.course(p, gain)
        half = np.quantile(course.position, 0.5)
        shares.append((course.states(half) == costs.STATES.index("up")).mean())
    assert shares == sorted(shares) and shares[0] < 0.1 and shares[-1] > 0.3


def test_where_reading_costs_prompts_that_are_surely_easy_stay_unread():
    p, gain = made_gains()
    free = path_of(p, gain, bill(2000, 0.05)).course(p, gain)
    paid = path_of(p, gain, bill(2000, 0.05, 0.05)).course(p, gain)
    half = [np.quantile(course.position, 0.5) for course in (free, paid)]
    unread = [(one.states(at) == 0) for one, at in zip((free, paid), half, strict=True)]
    assert unread[0].mean() == 0 and 0.05 < unread[1].mean() < 0.8
    assert p[unread[1]].mean() < p[~unread[1]].mean()


@pytest.mark.parametrize("reading", [0.0, 0.05])
def test_the_path_makes_no_leap_even_where_the_prompt_says_nothing(reading):
    random = np.random.default_rng(0)
    p, gain = random.random(2000), np.clip(0.2 + 0.3 * random.normal(size=2000), -1, 1)
    course = path_of(p, gain, bill(2000, 0.2, reading)).course(p, gain)
    for steps in (course.up, course.read):
        _, rows = np.unique(steps[np.isfinite(steps)], return_counts=True)
        assert rows.max(initial=0) <= 40 or rows.max() == 2000  # all at once: read for free
    _, together = np.unique(course.position, return_counts=True)
    assert together.max() <= 60


def test_both_reach_the_better_of_the_two_single_decisions_where_they_were_fitted():
    p, told = made_up("informative", 1500)
    once = policy_choice.fit_policies(np.arange(len(p)), p, told, np.arange(len(p)))
    for ratio in (0.02, 0.1, 0.3, 0.6):
        priced = told.at_ratio(ratio)
        fitted = once.at(priced)
        areas = {
            name: costs.cost_area(course, told.inferior, told.superior, priced.costs)
            for name, course in fitted.held_out.items()
        }
        assert areas[BOTH] >= max(areas[ROUTER], areas[CASCADE]) - 0.01


@pytest.mark.parametrize("reading", [0.0, 0.5])
@pytest.mark.parametrize("name", [ROUTER, CASCADE, BOTH])
def test_one_by_one_a_policy_does_what_its_course_says(name, reading):
    policy = policies(reading=reading)[name]
    p, told = made_up("informative", rows=300, seed=7)
    course = policy.course(p, told.signals)
    told.signals["mean_logprob"][::7] = np.nan
    course = policy.course(p, told.signals)
    for level in (0.2, 0.5, 0.8):
        policy = Policy(name, policy.look, policy.path, float(np.quantile(course.position, level)))
        states = course.states(policy.threshold)
        for i in range(300):
            stage = policy.before(p[i])
            if stage == "read":
                signals = {
                    one: values[i] for one, values in told.signals.items() if values[i] == values[i]
                }
                stage = "escalated" if policy.escalates(p[i], signals)[0] else "read"
            assert stage == costs.STATES[states[i]]


def test_a_signal_given_as_none_is_missing():
    policy = policies()[CASCADE]
    assert policy.escalates(0.2, {"mean_logprob": None}) == policy.escalates(0.2, {})


def test_the_router_alone_has_no_second_decision():
    with pytest.raises(ValueError, match="no second decision"):
        Policy(ROUTER).escalates(0.5, {})


@pytest.mark.parametrize("name", [ROUTER, CASCADE, BOTH])
def test_policies_travel_as_json_without_infinities(name):
    asked = Sources(samples=3, temperature=0.7, second_model="other", encoder="folder")
    policy = replace(
        policies(reading=0.2)[name], sources=asked, usual_costs={"signals": 0.5}, unit="calls"
    )
    text = json.dumps(policy.to_dict(), allow_nan=False)
    assert Policy.from_dict(json.loads(text)) == policy


@pytest.mark.parametrize("part", ["name", "look", "path", "threshold"])
def test_a_policy_that_was_cut_off_is_told(part):
    values = policies()[BOTH].to_dict()
    del values[part]
    with pytest.raises(metrics.MetricError, match=part):
        Policy.from_dict(values)


def test_the_grid_for_a_certificate_rises_and_ends_where_nothing_goes_up():
    p, told = made_up("informative", rows=500, seed=3)
    for policy in policies().values():
        grid, position = policy.thresholds(), policy.course(p, told.signals).position
        assert (np.diff(grid) > 0).all()
        assert (position >= grid[0]).all()
        assert not (position >= grid[-1]).any()


def test_the_grid_of_a_cascade_steps_by_a_thousandth_through_every_gain():
    grid = policies()[CASCADE].thresholds()
    assert (
        grid[0] == -np.inf
        and grid[-1] > 1
        and grid[1:-1] == pytest.approx(np.arange(-1000, 1001) / 1000)
    )


@pytest.mark.parametrize("name", [CASCADE, BOTH])
def test_a_gain_that_is_known_is_not_asked_for_again(name):
    policy = policies()[name]
    p, told = made_up("informative", rows=300, seed=7)
    gain = np.random.default_rng(0).permutation(policy.look.gain(p, told.signals))
    course = policy.course(p, told.signals, gain)
    known = costs.cascade_course(gain) if name == CASCADE else policy.path.course(p, gain)
    assert course.position.tolist() == known.position.tolist()
    assert course.position.tolist() != policy.course(p, told.signals).position.tolist()
