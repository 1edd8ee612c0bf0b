"""The two figures of a second look: accuracy over dollars, and cost area over the price ratio.

They take what `training.competition` found and give matplotlib figures; the sentence that reads
them is there too. The house style and the colours of the models are `plots`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from routerlib.notebook.plots import INFERIOR, ROUTER, SUPERIOR, draw_star
from routerlib.stats import costs
from routerlib.training import evaluation
from routerlib.training.policies import BOTH, CASCADE
from routerlib.training.policies import ROUTER as ROUTER_ALONE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from routerlib.training.competition import Competition
    from routerlib.training.policy_choice import Choice, PolicyResult

LOOKS = {ROUTER_ALONE: ("#cc79a7", "--"), CASCADE: ("#56b4e9", "-."), BOTH: (ROUTER, "-")}


def accuracy_over_dollars(
    found: Competition, certified: dict[str, Any] | None = None, unit: str = "$"
) -> Figure:
    """Accuracy against the bill of 1,000 prompts, on the first split's test rows.

    Args:
        certified: the policy's certificate (`PolicyCertificate.to_dict()`); its point on the
            calibration rows is marked where one is certified.
        unit: of the costs.
    """
    import matplotlib.pyplot as plt

    told = found.told.take(found.test)
    outcomes = (told.inferior, told.superior, told.costs)
    figure, axes = plt.subplots(figsize=(8, 5))
    for name, course in found.courses.items():
        colour, dashes = LOOKS[name]
        _, dollars, accuracy = costs.dollar_curve(course, *outcomes)
        # Where two policies do the same, the chosen one's line lies on top.
        width, layer = (2.5, 3) if name == found.choice.name else (1.4, 2)
        line = axes.plot(dollars, accuracy, color=colour, linestyle=dashes, lw=width, label=name)
        line[0].set_zorder(layer)
    _, dollars, accuracy = costs.dollar_curve(costs.oracle_course(*outcomes), *outcomes)
    axes.plot(dollars, accuracy, color="black", ls=":", label="oracle")
    ends = (
        (told.costs.inferior, told.inferior, "o", INFERIOR, "always inferior"),
        (told.costs.superior, told.superior, "s", SUPERIOR, "always superior"),
    )
    for bill, right, marker, colour, name in ends:
        label = f"{name}, {right.mean():.3f}"
        axes.plot(1000 * bill.mean(), right.mean(), marker, color=colour, ms=9, label=label)
    if certified and certified["promise"]["certified"]:
        at = certified["expenses"]
        place = at["cost_per_1000"], at["accuracy"]
        draw_star(axes, *place, "certified point (calibration rows)")
    axes.set_title("What money buys, by policy")
    axes.set_xlabel(f"{unit} for 1,000 prompts")
    axes.set_ylabel("accuracy")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def cost_area_over_ratio(choices: Sequence[Choice], price_ratio: float | None = None) -> Figure:
    """Held-out cost area of each policy over the price ratio, inferior to superior.

    Args:
        choices: by rising price ratio. price_ratio: the user's own, marked by a line.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4))
    ratios = [choice.price_ratio for choice in choices]
    for name, (colour, dashes) in LOOKS.items():
        areas = [choice.areas[name] for choice in choices]
        axes.plot(ratios, areas, color=colour, linestyle=dashes, marker="o", ms=4, label=name)
    axes.axhline(0.5, color="#c4c4c4", lw=0.8, label="spending at random")
    if price_ratio is not None and price_ratio <= max(ratios):
        axes.axvline(price_ratio, color="black", ls=":", label="your prices")
    axes.set_title("Which policy pays, by the price of a first call")
    axes.set_xlabel("price of an inferior call, as a share of a superior one")
    axes.set_ylabel("cost area, held-out rows")
    # Inside, it would lie on the lines: where they run is the reader's data.
    figure.legend(loc="outside lower center", ncols=5, fontsize=9)
    return figure


def table(rows: Sequence[PolicyResult]) -> str:
    """The policies on test rows in Markdown, each figure with its 95 % interval; the chosen in
    bold.
    """
    if not rows:
        return ""
    lines = ["| policy | cost area | above router alone | APGR |", "|---|---|---|---|"]
    for row in rows:
        cells = [f"**{row.name}** (chosen)" if row.chosen else row.name]
        figures = ((row.cost_area, ".3f"), (row.difference, "+.3f"), (row.apgr, ".3f"))
        for told, form in figures:
            cells.append(evaluation.with_interval(form, told.value, told.low, told.high))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def reading_of_dollars(found: Competition) -> str:
    """What the figure of accuracy over dollars says, computed from its curves.

    The cheapest bill at which the chosen policy reaches nine tenths of the gap, beside the superior
    model's own; and of which rows the curves are, and the certified point.
    """
    told = found.told.take(found.test)
    outcomes = (told.inferior, told.superior, told.costs)
    low, high = float(told.inferior.mean()), float(told.superior.mean())
    wanted = low + 0.9 * (high - low)
    course = found.courses[found.choice.name]
    _, dollars, accuracy = costs.dollar_curve(course, *outcomes)
    full = 1000 * float(told.costs.superior.mean())
    reached = dollars[accuracy >= wanted]
    if high <= low or not len(reached):
        said = "On these test rows the superior model is not better: no money buys accuracy."
    else:
        said = (
            f"'{found.choice.name}' reaches nine tenths of the way from the inferior model's "
            f"accuracy ({low:.3f}) to the superior one's ({high:.3f}) for "
            f"{100 * float(reached.min()) / full:.0f} % of the superior model's bill."
        )
    if any(name != ROUTER_ALONE for name in found.courses):
        said += (
            " A policy that reads the cheap answer pays for it on every prompt that it reads, so "
            "its curve rises later."
        )
    return (
        f"{said} The curves are of {len(told):,} test rows; a certified point (the star) is what "
        "the calibration rows showed, so that it may lie beside them."
    )
