"""Policies are chosen by money on held-out rows: never a useless second look, and one that pays
wherever it does.
"""

import functools
from dataclasses import replace

import numpy as np
import pytest
from outcomes_with_signals import made_up
from scipy.stats import binomtest

from routerlib.rows.schemas import LabelledPrompt
from routerlib.stats import costs, metrics
from routerlib.stats.savings import Range
from routerlib.training import policy_choice
from routerlib.training.policies import BOTH, CASCADE, ROUTER, path_of

ROWS = 1500


@functools.lru_cache
def fitted(kind, ratio=0.1, seed=0, reading=0.0, rows=ROWS):
    p, told = made_up(kind, rows, seed, ratio, reading)
    return policy_choice.fit_policies(np.arange(rows), p, told, np.arange(rows)), told


def test_rows():
    row = {
        "id": 1,
        "prompt": "p",
        "label": "ROUTE_TO_INFERIOR",
        "p_superior": 0,
        "source": "graded",
    }
    row |= {"inferior_score": 1, "superior_score": 1}
    rows = [
        row | {"inferior_signals": {"length": 3, "mean_logprob": None}, "inferior_cost": 0.1},
        row | {"inferior_signals": {"length": 5, "margin": 2.0}, "superior_cost": 3.0},
        row | {"inferior_cost": 0.3},
    ]
    told = policy_choice.outcomes([LabelledPrompt(**one) for one in rows])
    assert set(told.signals) == {"length", "margin"}  # one that no row has is no signal
    assert told.signals["length"][:2].tolist() == [3, 5] and np.isnan(told.signals["length"][2])
    assert told.costs.inferior == pytest.approx([0.1, 0.2, 0.3])
    assert told.costs.superior.tolist() == [3, 3, 3] and told.priced


def test_without_prices_an_inferior_call_counts_a_tenth_and_reading_its_calls():
    row = LabelledPrompt(
        id="1", prompt="p", label="ROUTE_TO_INFERIOR", p_superior=0, source="graded",
        inferior_score=1, superior_score=1, inferior_cost=0.5, signals_calls=3,
    )  # fmt: skip
    told = policy_choice.outcomes([row])
    assert told.costs.price_ratio == pytest.approx(0.1) and not told.priced
    assert told.costs.signals == pytest.approx([0.3])
    told = policy_choice.outcomes([row], 0.001, 0.02)
    assert told.costs.signals == pytest.approx([0.003]) and told.priced
    unscored = row.model_copy(update={"inferior_score": None})
    assert np.isnan(policy_choice.outcomes([unscored]).inferior).all()


def test_prices_of_nothing_are_no_prices():
    row = LabelledPrompt(
        id="1", prompt="p", label="ROUTE_TO_INFERIOR", p_superior=0, source="graded",
        inferior_score=1, superior_score=1, inferior_cost=0, superior_cost=0,
    )  # fmt: skip
    told = policy_choice.outcomes([row])
    assert told.costs.price_ratio == pytest.approx(0.1) and not told.priced
    free_once = row.model_copy(update={"superior_cost": 2.0})
    told = policy_choice.outcomes([free_once])
    assert told.costs.price_ratio == 0 and told.priced


@pytest.mark.filterwarnings("error")
def test_where_the_superior_model_is_free_the_router_stays():
    one, told = fitted("informative")
    free = replace(told, costs=costs.checked_costs(told.costs.inferior, 0.0))
    choice = policy_choice.choose([one.at(free)], free)
    assert choice.name == ROUTER and "not dearer" in choice.sentence
    assert np.isnan(choice.price_ratio)


def test_rows_with_signals_that_are_too_few_are_told_so():
    p, told = made_up("informative", 60)
    few = policy_choice.fit_policies(np.arange(60), p, told, np.arange(60))
    assert list(few.policies) == [ROUTER]
    assert (
        "needs 100 rows to learn from, and here are 60"
        in policy_choice.choose([few], told).sentence
    )


def test_rows_without_signals_have_the_router_alone():
    one, told = fitted("informative")
    bare = policy_choice.Outcomes(told.inferior, told.superior, {}, told.costs)
    alone = policy_choice.fit_policies(one.index, one.p_superior, bare, one.index)
    assert list(alone.policies) == [ROUTER]
    choice = policy_choice.choose([alone], bare)
    assert choice.name == ROUTER and "no signals" in choice.sentence


@pytest.mark.parametrize("seed", range(3))
def test_a_useless_second_look_is_never_chosen(seed):
    one, told = fitted("useless", seed=seed)
    choices = policy_choice.over_ratios([one], told, (0.02, 0.1, 0.4))
    assert {choice.name for choice in choices} == {ROUTER}


@pytest.mark.parametrize("ratio", [0.02, 0.2, 0.4])
@pytest.mark.parametrize("kind", ["informative", "useless", "misleading"])
def test_on_fresh_rows_the_choice_is_near_the_better_single_decision_at_every_price(kind, ratio):
    one, told = fitted(kind)
    told = told.at_ratio(ratio)
    one = one.at(told)
    choice = policy_choice.choose([one], told)
    p, fresh = made_up(kind, 10_000, 50, ratio)
    areas = {
        name: costs.cost_area(
            policy.course(p, fresh.signals), fresh.inferior, fresh.superior, fresh.costs
        )
        for name, policy in one.policies.items()
    }
    assert areas[choice.name] >= max(areas[ROUTER], areas[CASCADE]) - 0.02


def test_an_informative_look_is_chosen_while_the_first_call_is_cheap_and_not_once_it_is_dear():
    one, told = fitted("informative")
    choices = policy_choice.over_ratios([one], told, (0.05, 0.95))
    assert choices[0].name in (CASCADE, BOTH) and choices[1].name == ROUTER
    difference, low, high = choices[0].above[choices[0].name]
    assert 0 < low < difference < high
    sentence = policy_choice.turning_sentence(choices)
    assert "at 0.05, the lowest price ratio tried; from 0.95 on" in sentence
    lower = policy_choice.over_ratios([one], told, (0.02, 0.05, 0.95))
    assert "up to a price ratio of 0.05; from 0.95 on" in policy_choice.turning_sentence(lower)


def test_two_decisions_take_the_place_of_one_only_where_they_are_clearly_better():
    one, told = fitted("informative")
    cheap, dear = policy_choice.over_ratios([one], told, (0.05, 0.5))
    # While the first call is cheap, both do what the cascade does: the fewer decisions are chosen.
    assert cheap.areas[BOTH] == pytest.approx(cheap.areas[CASCADE], abs=0.01)
    assert cheap.name == CASCADE
    assert dear.areas[BOTH] > dear.areas[CASCADE] + 0.02 and dear.name == BOTH


@pytest.mark.parametrize(("moved", "chosen"), [(0.01, ROUTER), (0.03, CASCADE)])
def test_a_look_that_adds_next_to_nothing_is_left_alone_however_sure_that_is(moved, chosen):
    random = np.random.default_rng(0)
    superior, inferior = np.ones(4000), (random.random(4000) < 0.7).astype(float)
    told = policy_choice.Outcomes(
        inferior, superior, {"sure": inferior}, costs.checked_costs(np.zeros(4000), 1.0)
    )
    score = random.random(4000)
    gain = score + moved * (superior - inferior)
    courses = {ROUTER: costs.router_course(score), CASCADE: costs.cascade_course(gain)}
    one = policy_choice.FittedPolicies(
        np.arange(4000), score, gain, dict.fromkeys(courses), courses
    )
    choice = policy_choice.choose([one], told)
    gained, low, _ = choice.above[CASCADE]
    assert 0 < low < gained < 1.2 * moved
    assert choice.name == chosen


@pytest.mark.parametrize(("rows", "chosen"), [(300, ROUTER), (6000, CASCADE)])
def test_a_look_whose_lead_may_be_luck_is_left_alone_however_large_it_is(rows, chosen):
    random = np.random.default_rng(6)
    superior, inferior = np.ones(rows), (random.random(rows) < 0.7).astype(float)
    told = policy_choice.Outcomes(
        inferior, superior, {"weak": inferior}, costs.checked_costs(np.zeros(rows), 1.0)
    )
    score = random.random(rows)
    gain = random.random(rows) + 0.05 * (superior - inferior)
    courses = {ROUTER: costs.router_course(score), CASCADE: costs.cascade_course(gain)}
    one = policy_choice.FittedPolicies(
        np.arange(rows), score, gain, dict.fromkeys(courses), courses
    )
    choice = policy_choice.choose([one], told)
    gained, low, _ = choice.above[CASCADE]
    assert gained >= policy_choice.WORTH and (low > 0) == (chosen == CASCADE)
    assert choice.name == chosen


@pytest.mark.parametrize("name", [CASCADE, BOTH])
def test_a_second_look_is_judged_by_gains_from_fits_that_did_not_see_the_row(name):
    one, told = fitted("useless", rows=300)
    policy, judged = one.policies[name], one.held_out[name]
    held = policy.course(one.p_superior, told.signals, one.gain)
    seen = policy.course(one.p_superior, told.signals)
    assert np.array_equal(judged.position, held.position)
    assert not np.array_equal(judged.position, seen.position)


def test_what_turns_where_is_said_for_looks_that_always_or_never_pay():
    one, told = fitted("informative")
    assert "up to the highest" in policy_choice.turning_sentence(
        policy_choice.over_ratios([one], told, (0.05,))
    )
    one, told = fitted("useless")
    assert "At no price ratio" in policy_choice.turning_sentence(
        policy_choice.over_ratios([one], told, (0.05, 0.2))
    )


def test_where_there_is_no_gap_the_router_stays():
    one, told = fitted("informative")
    swapped = policy_choice.Outcomes(told.superior, told.inferior, told.signals, told.costs)
    assert policy_choice.choose([one], swapped).name == ROUTER


def test_measured_rows_say_what_the_areas_are_and_which_is_chosen():
    one, told = fitted("informative")
    p, fresh = made_up("informative", 1000, 5)
    everything = _joined(told, fresh)
    index = np.arange(ROWS, ROWS + 1000)
    table = policy_choice.compare_policies(
        [policy_choice.on_test(one, index, p, everything)], everything, CASCADE
    )
    found = {row.name: row for row in table}
    assert [row.name for row in table if row.chosen] == [CASCADE]
    course = one.policies[CASCADE].course(p, fresh.signals)
    outcomes = (fresh.inferior, fresh.superior)
    row = found[CASCADE]
    assert row.apgr.value == pytest.approx(metrics.apgr(course.position, *outcomes))
    assert row.cost_area.value == pytest.approx(costs.cost_area(course, *outcomes, fresh.costs))
    for figure in (row.apgr, row.cost_area, row.difference):
        assert figure.low < figure.value < figure.high
    above = row.cost_area.value - found[ROUTER].cost_area.value
    assert row.difference.value == pytest.approx(above)
    assert found[ROUTER].difference == Range(0, 0, 0)
    assert row.to_dict()["difference_low"] == row.difference.low
    noisy = replace(row, price_ratio=0.019999999999999997)
    assert noisy.to_dict()["price_ratio"] == 0.02
    tiny = replace(row, price_ratio=0.0000123456789)
    assert tiny.to_dict()["price_ratio"] == 0.0000123457


def _joined(*parts):
    join = np.concatenate
    return policy_choice.Outcomes(
        join([part.inferior for part in parts]),
        join([part.superior for part in parts]),
        {name: join([part.signals[name] for part in parts]) for name in parts[0].signals},
        costs.Costs(
            join([part.costs.inferior for part in parts]),
            join([part.costs.superior for part in parts]),
            join([part.costs.signals for part in parts]),
        ),
    )


@pytest.mark.parametrize("name", [ROUTER, CASCADE, BOTH])
def test_a_certificate_states_calls_and_money_at_its_point(name):
    one, _ = fitted("informative")
    p, fresh = made_up("informative", 1500, 5)
    placed, found = policy_choice.certify_policy(one.policies[name], p, fresh, 0.05, 0.1)
    course = placed.course(p, fresh.signals)
    told = costs.expenses(course, fresh.inferior, fresh.superior, fresh.costs, placed.threshold)
    assert found.expenses == told and found.promise.certified and found.promise.bound <= 0.05
    assert told["share_superior"] == pytest.approx(found.promise.share_superior)
    assert f"{100 * told['share_up']:.1f} %" in found.sentence
    assert f"{100 * told['saved']:.1f} %" in found.sentence
    assert placed.certificate["sentence"] == found.sentence


def test_the_cheapest_of_the_points_that_hold_is_certified():
    one, _ = fitted("informative", ratio=0.4)
    p, fresh = made_up("informative", 1500, 5, ratio=0.4)
    for policy in one.policies.values():
        placed, found = policy_choice.certify_policy(policy, p, fresh, 0.05, 0.1)
        course, grid = policy.course(p, fresh.signals), policy.thresholds()
        passed = grid[grid <= placed.threshold][-40:]
        bills = [costs.spent(course, fresh.costs, at).mean() for at in passed]
        assert 1000 * min(bills) == pytest.approx(found.expenses["cost_per_1000"])


def test_a_certificate_that_saves_no_money_is_none():
    one, _ = fitted("informative", ratio=0.9)
    p, fresh = made_up("informative", 1500, 5, ratio=0.9)
    placed, found = policy_choice.certify_policy(one.policies[CASCADE], p, fresh, 0.05, 0.1)
    assert not found.promise.certified and found.expenses["saved"] == 0
    assert "also saves money" in found.sentence
    assert placed.before(0.0) == "up"


@pytest.mark.parametrize("name", [ROUTER, CASCADE, BOTH])
def test_too_few_rows_certify_nothing_and_everything_goes_straight_up(name):
    one, _ = fitted("informative")
    p, fresh = made_up("informative", 30, 5)
    placed, found = policy_choice.certify_policy(one.policies[name], p, fresh, 0.001, 0.01)
    assert not found.promise.certified and "None certified" in found.sentence
    assert {placed.before(score) for score in p} == {"up"}


@pytest.mark.parametrize("name", [CASCADE, BOTH])
def test_the_promise_is_broken_at_most_delta_of_the_time(name):
    one, _ = fitted("informative")
    policy = one.policies[name]
    p, population = made_up("informative", 20_000, 77)
    course = policy.course(p, population.signals)
    random = np.random.default_rng(0)
    broken, runs, delta = 0, 100, 0.2
    for _ in range(runs):
        drawn = random.integers(len(p), size=600)
        placed, _ = policy_choice.certify_policy(
            policy, p[drawn], population.take(drawn), 0.02, delta, "betting"
        )
        kept = course.states(placed.threshold) < costs.STATES.index("escalated")
        lost = np.where(kept, population.superior - population.inferior, 0.0).mean()
        broken += lost > 0.02
    low = binomtest(broken, runs).proportion_ci(method="exact").low
    assert low <= delta


def test_at_other_prices_only_the_path_of_both_is_another():
    made, told = fitted("informative", ratio=0.05)
    dearer = replace(told, costs=costs.checked_costs(
        6 * told.costs.inferior, told.costs.superior, told.costs.signals
    ))  # fmt: skip
    moved = made.at(dearer)
    path = path_of(made.p_superior, made.gain, dearer.take(made.index).costs)
    assert moved.policies[BOTH].path == path != made.policies[BOTH].path
    held_out = path.course(made.p_superior, made.gain)
    assert moved.held_out[BOTH].position.tolist() == held_out.position.tolist()
    for name in (ROUTER, CASCADE):
        assert moved.policies[name] is made.policies[name]


def test_until_a_threshold_is_chosen_the_router_sends_up_what_is_more_likely_better_there():
    made, _ = fitted("informative")
    assert [made.policies[ROUTER].before(p) for p in (0.49, 0.5)] == ["unread", "up"]


def test_where_the_router_stays_the_best_of_the_others_is_told():
    one, told = fitted("useless")
    best = set()
    for choice in policy_choice.over_ratios([one], told, (0.02, 0.05, 0.1, 0.2, 0.4, 0.6)):
        if choice.name == ROUTER:
            rival = max((CASCADE, BOTH), key=choice.areas.__getitem__)
            assert f"(the best, {rival}: cost area {choice.above[rival][0]:+.3f}" in choice.sentence
            best.add(rival)
    assert BOTH in best, "the later in the alphabet would be told by chance"


def test_signals_come_from_what_most_rows_say():
    row = LabelledPrompt(
        id="1", prompt="p", label="ROUTE_TO_INFERIOR", p_superior=0, source="graded",
        inferior_score=1, superior_score=1,
    )  # fmt: skip
    rows = [row.model_copy(update={"signals_from": {"samples": n}}) for n in (3, 2, 3)]
    assert policy_choice.sources_of([*rows, row]).samples == 3
    assert policy_choice.sources_of([row]).samples == 1
