"""The benchmark of routers takes any file of outcomes: with signals, with some, with none, and with
a confidence that misleads.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from tiny_encoder import tiny_encoder

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import router_quality

from routerlib.rows import jsonl
from routerlib.training.policies import NAMES, ROUTER

ROWS = 400
THINGS = ("apples", "bridges", "comets", "drums", "engines", "ferries", "gardens", "harbours")
FIGURES = ("name", "chosen", "apgr", "apgr_low", "apgr_high")
MONEY = ("cost_area", "cost_area_low", "cost_area_high", "price_ratio")
RATIOS = ("0.06", "0.4")


def outcomes(kind, seed=0):
    """Rows whose prompt tells a little; `kind` says what the confidence tells.

    informative: it is high where the inferior model is right. two-sided: it is extreme, high or
    low, where the inferior model is right, so that no threshold separates. opposite: it is high
    where the inferior model is wrong.
    """
    random = np.random.default_rng(seed)
    rows = []
    for number in range(ROWS):
        thing, count = random.integers(len(THINGS)), int(random.integers(2, 900))
        difficulty = (thing - 3.5) / 2.5 + random.normal()
        inferior = random.random() < expit(-1.5 * difficulty)
        superior = random.random() < expit(2.5 - difficulty)
        told = float(inferior) - 0.5
        noise = random.normal()
        confidence = {
            "informative": 3 * told + noise,
            "opposite": -3 * told + noise,
            "two-sided": random.choice([-1, 1]) * (0.5 + 2 * inferior) + 0.3 * noise,
            "none": 0.0,
        }[kind]
        row = {
            "prompt": f"Case {number}: how many {THINGS[thing]} are left of {count}?",
            "category": "counting",
            "inferior_score": float(inferior),
            "superior_score": float(superior),
            "inferior_cost": 0.0001 * float(np.exp(0.4 * random.normal())),
            "superior_cost": 0.002 * float(np.exp(0.4 * random.normal())),
        }
        if kind != "none" and number % 50:
            row["inferior_signals"] = {"confidence": confidence, "length": float(count)}
            if number % 7 == 0:
                row["inferior_signals"]["length"] = None
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return str(tiny_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture
def measured(tmp_path, backbone, monkeypatch):
    """The table that the benchmark writes of some rows."""

    def run(rows, *more):
        file, table = tmp_path / "outcomes.jsonl", tmp_path / "table.json"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        command = ["router_quality.py", "--outcomes", str(file), "--json", str(table)]
        monkeypatch.setattr(sys, "argv", [*command, "--backbone", backbone, "--epochs", "0", *more])
        router_quality.main()
        return jsonl.read_json(table)

    return run


def policies_at(table, ratio):
    # The table gives the ratio with six digits.
    near = pytest.approx(ratio, rel=1e-5)
    here = {row["name"]: row for row in table if row["price_ratio"] == near}
    assert set(NAMES) <= set(here)
    [chosen] = [row for row in here.values() if row["chosen"]]
    return here, chosen


@pytest.mark.parametrize("kind", ["informative", "opposite", "two-sided"])
def test_whatever_the_confidence_tells_the_choice_is_near_the_better_decision(kind, measured):
    table = measured(outcomes(kind), "--seeds", "2", "--price-ratio", *RATIOS)
    for ratio in map(float, RATIOS):
        here, chosen = policies_at(table, ratio)
        assert {*FIGURES, *MONEY} <= set(chosen)
        assert chosen["cost_area_low"] < chosen["cost_area"] < chosen["cost_area_high"]
        better = max(here[name]["cost_area"] for name in NAMES[:2])
        assert chosen["cost_area"] >= better - 0.03  # on few rows
        if kind == "two-sided":
            assert chosen["name"] == ROUTER
    if kind == "informative":
        _, chosen = policies_at(table, 0.06)
        assert chosen["name"] != ROUTER and chosen["difference_low"] > 0


def test_without_price_ratios_the_rows_own_costs_count(measured):
    rows = outcomes("informative")
    table = measured(rows, "--seeds", "1")
    costs = [np.mean([row[f"{side}_cost"] for row in rows]) for side in ("inferior", "superior")]
    policies_at(table, costs[0] / costs[1])


def test_without_signals_the_routers_are_compared_as_ever(measured):
    table = measured(outcomes("none"), "--seeds", "1", "--price-ratio", "0.1")
    assert {"kernel", "random"} <= {row["name"] for row in table}
    assert not {"cost_area", "price_ratio"} & set().union(*table)
