"""The second look learns which way each signal speaks, leaves out those that say nothing, and is
moved by no gap.
"""

import functools
import json

import numpy as np
import pytest
from outcomes_with_signals import made_up

from routerlib.stats import metrics
from routerlib.training import second_look
from routerlib.training.second_look import SecondLook, ranks_of


@functools.lru_cache
def fitted(kind, seed=0, rows=3000):
    p, told = made_up(kind, rows, seed)
    return second_look.fit_second_look(p, told.signals, told.inferior, told.superior)


def test_ranks_run_from_low_to_high_and_stand_in_the_middle_of_ties():
    ranks = ranks_of([3.0, 1.0, np.nan, 2.0])
    assert ranks([1.0, 2.0, 3.0]) == pytest.approx([-2 / 3, 0, 2 / 3])
    yes_or_no = ranks_of([0.0] * 9 + [1.0])
    assert yes_or_no([0.0, 1.0]) == pytest.approx([-0.1, 0.9])


def test_ranks_hold_still_outside_of_what_was_seen_and_where_nothing_is_known():
    ranks = ranks_of(np.arange(100.0))
    assert ranks(1e9) == ranks(99.0) and ranks(-1e9) == ranks(0.0)
    assert ranks(np.nan) == 0.0


@pytest.mark.parametrize(("kind", "sign"), [("informative", -1), ("misleading", 1)])
def test_the_direction_of_a_signal_is_learnt(kind, sign):
    look = fitted(kind)
    assert {name: ranks.sign for name, ranks in look.signals.items()} == {"mean_logprob": sign}


@pytest.mark.parametrize("seed", range(5))
def test_signals_that_say_nothing_are_left_out(seed):
    assert set(fitted("useless", seed).signals) <= {"length", "cut_off"}
    assert len(fitted("useless", seed).signals) <= 1  # 2.5 standard errors, three signals


@pytest.mark.parametrize("kind", ["informative", "misleading"])
def test_the_gain_rises_with_each_input_in_its_direction(kind):
    look = fitted(kind)
    p = np.linspace(0.05, 0.4, 50)
    still = {"mean_logprob": np.full(50, -1.0)}
    assert (np.diff(look.gain(p, still)) >= -1e-12).all()
    moving = {"mean_logprob": np.linspace(-3, 0, 50)}
    sign = look.signals["mean_logprob"].sign
    assert (sign * np.diff(look.gain(np.full(50, 0.2), moving)) >= -1e-12).all()


def test_on_fresh_rows_it_ranks_better_than_the_prompt_and_its_level_is_right():
    look = fitted("informative")
    p, fresh = made_up("informative", seed=99)
    gain = look.gain(p, fresh.signals)
    outcomes = (fresh.inferior, fresh.superior)
    assert metrics.apgr(gain, *outcomes) > metrics.apgr(p, *outcomes) + 0.1
    assert gain.mean() == pytest.approx((fresh.superior - fresh.inferior).mean(), abs=0.03)


def test_a_missing_signal_is_not_a_signal_of_zero():
    look = fitted("informative")
    p = np.full(2, 0.2)
    missing = look.gain(p, {"mean_logprob": np.array([np.nan, 0.0])})
    assert missing[0] != missing[1]  # a log-probability of 0 is certainty
    assert look.gain(p, {})[0] == missing[0]


def test_that_a_signal_is_missing_is_learnt_where_it_happens():
    p, told = made_up("informative")
    gain = told.superior - told.inferior
    gone = (gain > 0) & (np.random.default_rng(1).random(len(gain)) < 0.5)
    signals = {**told.signals, "mean_logprob": np.where(gone, np.nan, told.signals["mean_logprob"])}
    look = second_look.fit_second_look(p, signals, told.inferior, told.superior)
    here = look.gain(p, signals)
    assert here[gone].mean() > here[~gone].mean() + 0.3


def test_a_signal_that_hardly_any_row_has_is_not_looked_at():
    p, told = made_up("informative")
    rare = np.where(np.arange(len(p)) < 40, told.signals["mean_logprob"], np.nan)
    look = second_look.fit_second_look(p, {"mean_logprob": rare}, told.inferior, told.superior)
    assert not look.signals


@pytest.mark.filterwarnings("error")
def test_numbers_at_the_ends_of_what_a_float_holds_are_ranked():
    p, told = made_up("informative")
    wide = np.where(told.signals["mean_logprob"] < -1, -1.7e308, told.signals["mean_logprob"])
    wide[wide > -0.6] = 1.7e308
    look = second_look.fit_second_look(p, {"mean_logprob": wide}, told.inferior, told.superior)
    assert look.signals["mean_logprob"].sign == -1
    assert np.isfinite(look.gain(p, {"mean_logprob": wide})).all()


def test_held_out_gains_come_from_fits_that_did_not_see_the_row():
    p, told = made_up("useless", rows=400)
    parts = np.array_split(np.arange(400), 4)
    held = second_look.held_out(p, told.signals, told.inferior, told.superior, parts)
    changed = told.inferior.copy()
    changed[parts[0]] = 1 - changed[parts[0]]
    again = second_look.held_out(p, told.signals, changed, told.superior, parts)
    assert (held[parts[0]] == again[parts[0]]).all()
    assert (held[parts[1]] != again[parts[1]]).any()


def test_it_travels_as_json():
    look = fitted("informative")
    back = SecondLook.from_dict(json.loads(json.dumps(look.to_dict())))
    p, fresh = made_up("informative", rows=50, seed=4)
    assert (back.gain(p, fresh.signals) == look.gain(p, fresh.signals)).all()


def test_columns_that_do_not_fit_are_told_by_name():
    with pytest.raises(metrics.MetricError, match="length: 2 numbers for 3 rows"):
        second_look.fit_second_look(
            [0.1, 0.2, 0.3], {"length": [1.0, 2.0]}, [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]
        )
