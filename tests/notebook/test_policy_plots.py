"""The figures of a second look show all policies and both models, and are read in a computed
sentence.
"""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "training"))
from test_competition import competing

from routerlib.notebook import plots, policy_plots
from routerlib.stats.savings import Range
from routerlib.training import competition
from routerlib.training.policies import NAMES


def title(figure):
    axes = figure.axes[0]
    return axes.get_title(loc="left") or axes.get_title()


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def lies_beside(figure):
    """The legend hides no line, and none of its names is cut off."""
    figure.canvas.draw()
    legend, panel = figure.legends[0].get_window_extent(), figure.axes[0].get_tightbbox()
    return not legend.overlaps(panel) and legend.x0 >= 0 and legend.x1 <= figure.bbox.width


def test_dollars_show_three_policies_both_models_the_oracle_and_the_certified_point():
    found, rows, part, router = competing("informative")
    certificate = competition.certify_choice(found, router, rows, part["calibration"], 0.1, 0.1)
    figure = policy_plots.accuracy_over_dollars(found, certificate.to_dict())
    shown = labels(figure)
    assert "money" in title(figure) and lies_beside(figure)
    assert [name for name in NAMES if name in shown] == list(NAMES)
    assert {"oracle", "certified point (calibration rows)"} <= set(shown)
    assert sum(text.startswith("always") for text in shown) == 2
    layers = {line.get_label(): line.get_zorder() for line in figure.axes[0].lines}
    assert max(NAMES, key=layers.__getitem__) == found.choice.name
    star = figure.axes[0].lines[-1]
    assert star.get_color() == plots.MARKED, "marked points have one colour in all figures"
    assert star.get_xdata()[0] == pytest.approx(certificate.expenses["cost_per_1000"])
    without = labels(policy_plots.accuracy_over_dollars(found))
    assert not any(text.startswith("certified") for text in without)


def test_cost_areas_are_drawn_over_the_price_ratios():
    found, *_ = competing("informative")
    figure = policy_plots.cost_area_over_ratio(found.over_ratios, 0.1)
    drawn = {line.get_label(): line for line in figure.axes[0].lines}
    ratios = [choice.price_ratio for choice in found.over_ratios]
    assert drawn["both"].get_xdata() == pytest.approx(ratios)
    areas = [choice.areas["cascade alone"] for choice in found.over_ratios]
    assert drawn["cascade alone"].get_ydata() == pytest.approx(areas)
    assert "your prices" in labels(figure) and "price" in title(figure) and lies_beside(figure)


def test_the_sentence_and_the_table_say_what_the_curves_say():
    found, *_ = competing("informative")
    sentence = policy_plots.reading_of_dollars(found)
    assert f"'{found.choice.name}'" in sentence and "nine tenths" in sentence
    assert f"{len(found.test):,} test rows" in sentence and "calibration rows" in sentence
    table = policy_plots.table(found.table)
    assert f"**{found.choice.name}** (chosen)" in table and table.count("\n") == 4
    unknown = Range(0.5, float("nan"), 0.6)
    unsure = [replace(row, apgr=unknown) for row in found.table]
    assert "nan" not in policy_plots.table(unsure) and "[–," in policy_plots.table(unsure)
