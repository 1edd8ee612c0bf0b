"""Every figure of the notebooks, one function each: rows or arrays in, a matplotlib Figure out.

`show` puts a figure into the notebook with the sentence that reads it. Colours differ in lightness
as well as hue, so that a print in grey still reads. Nothing is computed here that a number in the
text needs: that is `metrics`, `ratings` and `grading`; the sentences are `readings`.
"""

from __future__ import annotations

import contextlib
import html
import importlib.util
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routerlib import settings
from routerlib.endpoints.prompts import as_text
from routerlib.notebook.execution import INLINE
from routerlib.rows.schemas import (
    LABELS,
    ROUTE_TO_INFERIOR,
    ROUTE_TO_SUPERIOR,
    LabelledPrompt,
    Responses,
)
from routerlib.stats.metrics import ece, quality_band, quality_curve, reliability_bins, wilson
from routerlib.votes.ratings import UNDECIDED

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from routerlib.labels.labelling import Check
    from routerlib.labels.training_set import SourceAgreement
    from routerlib.stats.metrics import SharePoint
    from routerlib.training.evaluation import CategoryResult
    from routerlib.votes.ratings import Agreement, Difficulty, Rating, Tiers

INFERIOR, SUPERIOR, ROUTER, NEUTRAL = "#e69f00", "#1f4e79", "#009e73", "#8c8c8c"
MARKED = "#d55e00"  # the one point that a figure is about
BEYOND_SHARES = (-0.03, 1.03)  # the ends of an axis of shares: a mark at 0 or 1 is seen whole


def use_house_style() -> None:
    """Fonts, sizes and colours of all figures. Call once at the top of a notebook.

    Whatever a user's matplotlibrc, style or MPLBACKEND says does not count: figures are drawn
    without a screen, and look the same everywhere.
    """
    if "matplotlib" not in sys.modules:
        _import_matplotlib(INLINE if "ipykernel" in sys.modules else "agg")
    import matplotlib as mpl
    import seaborn as sns
    from cycler import cycler

    if "IPython" in sys.modules:  # a figure shown is a picture, whatever backend is in use
        from IPython import get_ipython
        from IPython.core.pylabtools import select_figure_formats

        shell = get_ipython()
        if shell is not None:
            select_figure_formats(shell, {"png"})
    mpl.rcdefaults()
    sns.set_theme(context="notebook", style="whitegrid")
    mpl.rcParams.update(
        {
            "figure.figsize": (8.0, 4.5),
            "figure.dpi": 100,
            "font.size": 10,
            "axes.labelsize": 10,
            "axes.titlesize": 12,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.fontsize": 9.5,
            "legend.title_fontsize": 9.5,
            "legend.frameon": False,
            "figure.constrained_layout.use": True,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.alpha": 0.4,
            "axes.prop_cycle": cycler(
                color=[SUPERIOR, INFERIOR, ROUTER, "#cc79a7", "#56b4e9", NEUTRAL]
            ),
        }
    )


def _import_matplotlib(backend: str) -> None:
    """Import matplotlib with its own settings, which are in order.

    It refuses to load where MPLBACKEND names a backend that it has not, or where a matplotlibrc (in
    the working folder, which it looks at first, or the user's) or a style sheet of the user's is
    damaged; and it tells of each line that it does not know.
    """
    package = importlib.util.find_spec("matplotlib")
    if package is None or not package.origin:
        return
    data = Path(package.origin).parent / "mpl-data"
    os.environ["MPLBACKEND"] = backend
    os.environ["MATPLOTLIBRC"] = str(data / "matplotlibrc")
    # where it looks for style sheets
    os.environ["MPLCONFIGDIR"] = str(settings.outputs("cache", settings.CACHES["MPLCONFIGDIR"]))
    with contextlib.chdir(data):
        import matplotlib.pyplot  # noqa: F401


def _arms(
    values: Sequence[float], lows: Sequence[float], highs: Sequence[float]
) -> list[list[float]]:
    """The arms of error bars, below and above; none where the interval (of a bootstrap, say) ends
    before its value."""
    below = [max(0.0, value - low) for value, low in zip(values, lows, strict=True)]
    above = [max(0.0, high - value) for value, high in zip(values, highs, strict=True)]
    return [below, above]


def save(figure: Figure, name: str) -> Path:
    """Write a figure as PNG below outputs/figures; returns the path."""
    path = settings.outputs("figures", f"{name}.png")
    figure.savefig(path, dpi=150)
    return path


def show(figure: Figure, name: str, reading: str) -> None:
    """Save a figure, display it, and below it the sentence that reads it: no figure goes without.

    The picture carries the sentence as its alternative text, for who cannot see it.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    save(figure, name)
    words = re.sub(r"[*`]", "", reading)
    display(figure, metadata={"image/png": {"alt": words}})
    plt.close(figure)  # or the notebook shows it once more
    say(f"**Reading.** {reading}")


def say(text: str) -> None:
    """Display Markdown. Names out of files cannot smuggle in HTML, and a dollar is money, not
    mathematics."""
    from IPython.display import Markdown, display

    display(Markdown(html.escape(text, quote=False).replace("$", "&#36;")))


# --- analysis (01) ---

MOST_GROUPS, FEWEST_ROWS = 10, 5  # groups that a figure shows, and rows that one needs for that


def win_rate_grid(models: Sequence[str], rate: np.ndarray, number: np.ndarray) -> Figure:
    """Win rate of each row's model against each column's, a tie counting half; the votes below each
    figure.

    Args:
        models: (m,) names. rate: (m, m) in [0, 1], NaN where they never met. number: (m, m) votes.
    """
    import matplotlib.pyplot as plt
    import numpy as np
    import seaborn as sns

    figure, axes = plt.subplots(figsize=(3.4 + 0.8 * len(models), 1.6 + 0.55 * len(models)))
    texts = [
        [f"{rate[i, j]:.0%}\n{number[i, j]}" if number[i, j] else "" for j in range(len(models))]
        for i in range(len(models))
    ]
    sns.heatmap(
        rate, annot=np.array(texts), fmt="", mask=np.isnan(rate), vmin=0, vmax=1, cmap="Blues",
        ax=axes,
        xticklabels=models, yticklabels=models, cbar_kws={"label": "share won"}, linewidths=1,
        annot_kws={"fontsize": 9.5},
    )  # fmt: skip
    axes.set(title="Win rates (votes)", xlabel="against", ylabel="model")
    axes.set_xticks(axes.get_xticks(), models, rotation=20, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="y", rotation=0)
    axes.grid(False)
    return figure


def ranking(ratings: Sequence[Rating], tiers: Tiers) -> Figure:
    """Models by rating with their intervals; the superior ones dark with filled circles, the
    inferior ones light."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.4 * len(ratings)))
    looks = {"superior": (SUPERIOR, "o"), "inferior": (INFERIOR, "s"), None: (NEUTRAL, "x")}
    named: set[str | None] = set()  # the tiers that the legend has
    for place, row in enumerate(ratings):
        side = tiers.side(row.model)
        colour, marker = looks[side]
        label = None if side in named else side or "in neither tier"
        named.add(side)
        error = _arms([row.rating], [row.low], [row.high])
        axes.errorbar(
            row.rating, place, xerr=error, fmt=marker, color=colour, capsize=4, label=label
        )
    axes.set_yticks(range(len(ratings)), [row.model for row in ratings])
    axes.set_ylim(len(ratings) - 0.5, -0.5)
    axes.set(
        title="Ranking by votes",
        xlabel="rating, Elo points with 95 % interval (400 points: ten wins to one)",
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def question_difficulty(rows: Sequence[Difficulty], threshold: float) -> Figure:
    """Where each category's questions lie: a circle for those of one p_superior, its area their
    number, in the colour of their label; hollow where they are undecided."""
    import matplotlib.pyplot as plt
    from matplotlib.collections import PathCollection

    by_category: dict[str, list[Difficulty]] = {}
    for row in rows:
        by_category.setdefault(row.category, []).append(row)
    means = {
        name: sum(row.p_superior for row in found) / len(found)
        for name, found in by_category.items()
    }
    names = sorted(means, key=means.__getitem__)
    figure, axes = plt.subplots(figsize=(8.6, 1.6 + 0.34 * len(names)))
    # One place for each verdict, so that no circle hides another
    looks = {
        ROUTE_TO_INFERIOR: ("inferior", INFERIOR, INFERIOR, -0.2),
        UNDECIDED: ("undecided", "white", NEUTRAL, 0.0),
        ROUTE_TO_SUPERIOR: ("superior", SUPERIOR, SUPERIOR, 0.2),
    }
    for verdict, (label, face, edge, shift) in looks.items():
        counts = Counter(
            (round(row.p_superior, 2), names.index(row.category) + shift)
            for row in rows
            if row.verdict == verdict
        )
        axes.scatter(
            [place[0] for place in counts],
            [place[1] for place in counts],
            s=[14.0 * number for number in counts.values()],
            color=face,
            edgecolors=edge,
            label=f"{label} ({counts.total():,})",
        )
    axes.axvline(threshold, color="black", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(names)), [f"{name} ({len(by_category[name])})" for name in names])
    axes.set(
        title=f"How often only the superior side would do (threshold {threshold:g})",
        xlabel="p_superior; the area of a circle is the number of questions",
        xlim=(-0.03, 1.03),
        ylim=(-0.7, len(names) - 0.3),
    )
    legend = axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="label (questions)")
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([60.0])
    return figure


def category_difficulty(by_turn: Mapping[str, Mapping[str, float]]) -> Figure:
    """Share of cross-tier votes that the superior side won strictly, by category; one bar for each
    turn.

    Args:
        by_turn: name of the bar ("turn 1") -> category -> share in [0, 1].
    """
    import matplotlib.pyplot as plt
    import pandas as pd
    from matplotlib.container import BarContainer

    table = pd.DataFrame(by_turn).sort_values(by=next(iter(by_turn)))
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.25 * len(table) * len(by_turn) ** 0.5))
    table.plot.barh(ax=axes, color=[SUPERIOR, INFERIOR][: len(by_turn)], width=0.75)
    for bars in axes.containers:
        if isinstance(bars, BarContainer):
            axes.bar_label(bars, fmt="{:.0%}", padding=3, fontsize=9)
    axes.set(
        title="Difficulty by category",
        xlabel="share of votes won strictly by the superior side",
        ylabel="",
    )
    axes.set_xlim(0, 1)
    axes.legend(loc="lower right").set_visible(len(by_turn) > 1)
    return figure


def votes_per_question(rows: Sequence[Difficulty]) -> Figure:
    """How many questions have how many cross-tier votes."""
    import matplotlib.pyplot as plt
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    counts = [row.votes for row in rows]
    figure, axes = plt.subplots(figsize=(8, 2.4))
    sns.histplot(counts, discrete=True, shrink=0.8, color=SUPERIOR, alpha=1, ax=axes)
    axes.set(
        title="Votes per question", xlabel="cross-tier votes on the question", ylabel="questions"
    )
    axes.set_xlim(min(counts, default=0) - 2.5, max(counts, default=0) + 2.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def agreements(found: Mapping[str, Agreement]) -> Figure:
    """How often two votes say the same: what is compared -> agreement, its interval, and the number
    of pairs."""
    rows = {f"{name} ({of.pairs:,})": (of.share, of.low, of.high) for name, of in found.items()}
    return _shares("Do two votes agree? (pairs of votes)", rows, "no pair")


# --- data set (02) ---


def filter_counts(counts: Mapping[str, int], kept: int) -> Figure:
    """What each filter took out of the conversations, in the order in which they apply, and what
    was kept."""
    import matplotlib.pyplot as plt

    names, values = [*counts, "kept"], [*counts.values(), kept]
    figure, axes = plt.subplots(figsize=(8, 1.0 + 0.24 * len(names)))
    bars = axes.barh(names, values, color=[NEUTRAL] * len(counts) + [ROUTER])
    axes.bar_label(bars, [f"{value:,}" for value in values], padding=3, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(title="What the filters took, in their order", xlabel="conversations")
    return figure


def label_shares(rows: Sequence[LabelledPrompt]) -> Figure:
    """Share of ROUTE_TO_SUPERIOR by length of the prompt, by language and by category, with Wilson
    95 % intervals; what would be a single group is left out."""
    import matplotlib.pyplot as plt

    lengths = quartile_names([len(as_text(row.prompt)) for row in rows])
    groupings = {
        "length (characters)": [(lengths(len(as_text(row.prompt))), row) for row in rows],
        "language": [(row.language or "unknown", row) for row in rows],
        "category": [(row.category, row) for row in rows],
    }
    shown = {}
    for title, pairs in groupings.items():
        groups = _in_groups(pairs, by_length=title.startswith("length"))
        if len(groups) > 1 or title.startswith("length"):
            shown[title] = groups
    sizes = [1 + len(groups) for groups in shown.values()]
    figure, panels = plt.subplots(
        len(shown),
        1,
        figsize=(8, 0.9 + 0.33 * sum(sizes)),
        height_ratios=sizes,
        sharex=True,
        squeeze=False,
    )
    for axes, (title, groups) in zip(panels[:, 0], shown.items(), strict=True):
        _share_panel(axes, title, groups)
    panels[-1, 0].set_xlabel("share labelled superior (95 % interval)")
    return figure


def quartile_names(lengths: Sequence[int]) -> Callable[[int], str]:
    """A function that names the quartile of these lengths in which a length lies, such as "40 to
    68"."""
    import numpy as np

    bounds = np.unique(np.quantile(lengths, [0, 0.25, 0.5, 0.75, 1.0]).astype(int))
    starts = bounds[:-1] if len(bounds) > 1 else bounds

    def name(length: int) -> str:
        place = max(0, int(np.searchsorted(starts, length, side="right")) - 1)
        is_last = place + 1 >= len(starts)
        end = bounds[-1] if is_last else bounds[place + 1] - 1  # the next begins there
        return f"{starts[place]} to {end}"

    return name


def _in_groups(
    pairs: Sequence[tuple[str, LabelledPrompt]], by_length: bool = False
) -> dict[str, list[bool]]:
    """Group -> whether each of its rows is labelled superior; the largest first, lengths in their
    order, and groups too small to tell anything taken together."""
    groups: dict[str, list[bool]] = {}
    for name, row in pairs:
        groups.setdefault(name, []).append(row.label == ROUTE_TO_SUPERIOR)
    if by_length:
        return dict(sorted(groups.items(), key=lambda group: int(group[0].split()[0])))
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    large = {name: found for name, found in ordered[:MOST_GROUPS] if len(found) >= FEWEST_ROWS}
    rest = [is_superior for name, found in ordered if name not in large for is_superior in found]
    return {**large, "others": rest} if rest else large


def _share_panel(axes: Axes, title: str, groups: Mapping[str, Sequence[bool]]) -> None:
    shares = [sum(found) / len(found) for found in groups.values()]
    bounds = [wilson(sum(found), len(found)) for found in groups.values()]
    error = _arms(shares, [low for low, _ in bounds], [high for _, high in bounds])
    places = range(len(groups))
    axes.barh(places, shares, color=SUPERIOR, alpha=0.35, height=0.6)
    axes.errorbar(shares, places, xerr=error, fmt="o", color=SUPERIOR, ms=5, capsize=3, lw=1.2)
    axes.set_yticks(places, [f"{name} ({len(found)})" for name, found in groups.items()])
    axes.set(title=f"by {title}", xlim=(-0.02, 1.02), ylim=(len(groups) - 0.4, -0.6))


def labeller_check(
    check: Check, known: Sequence[LabelledPrompt], given: Sequence[LabelledPrompt]
) -> Figure:
    """Confusion of the labeller with the known labels, and the reliability of its p_superior."""
    import matplotlib.pyplot as plt
    import numpy as np
    import seaborn as sns

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.9))
    short = ["inferior", "superior"]
    table = np.array([[check.confusion[a][b] for b in check.confusion[a]] for a in check.confusion])
    sns.heatmap(
        table,
        annot=True,
        fmt="d",
        cmap="Blues",
        cbar=False,
        ax=left,
        xticklabels=short,
        yticklabels=short,
    )
    left.set(title="Confusion (prompts)", xlabel="label given", ylabel="known label")
    truth = {as_text(row.prompt): float(row.label == ROUTE_TO_SUPERIOR) for row in known}
    answered = [(row.p_superior, truth.get(as_text(row.prompt))) for row in given]
    pairs = [(said, known) for said, known in answered if known is not None]
    bins = reliability_bins([p for p, _ in pairs], [y for _, y in pairs], bins=5)
    said, seen = [one.mean_p for one in bins], [one.mean_y for one in bins]
    error = _arms(seen, [one.low for one in bins], [one.high for one in bins])
    right.plot([0, 1], [0, 1], color=NEUTRAL, linestyle="--", label="calibrated")
    told = "labeller, 95 % interval"
    right.errorbar(said, seen, yerr=error, fmt="o", capsize=4, color=SUPERIOR, label=told)
    top = _top_of_shares([*said, *(one.high for one in bins)])
    right.set(
        title="Calibration",
        xlabel="p_superior given",
        ylabel="share known as superior",
        xlim=(BEYOND_SHARES[0], top),
        ylim=(BEYOND_SHARES[0], top),
    )
    figure.legend(loc="outside lower right", ncols=2)  # inside, it would lie on the intervals
    return figure


def source_agreement(table: Sequence[SourceAgreement]) -> Figure:
    """Agreement of each pair of label sources on the prompts both labelled, with its 95 % interval.

    Args:
        table: as `training_set.agreement_rows` gives it.
    """
    rows: dict[str, tuple[float | None, ...]] = {
        f"{row.first} and {row.second} ({row.prompts:,})": (row.agreement, row.low, row.high)
        for row in table
    }
    return _shares(
        "Do the label sources agree? (prompts both labelled)", rows, "no prompt in common"
    )


def _shares(title: str, rows: Mapping[str, tuple[float | None, ...]], nothing: str) -> Figure:
    """Shares of equal labels with their 95 % intervals, a line each: name -> (share, low, high),
    None where unknown."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 1.1 + 0.4 * len(rows)))
    for place, (share, low, high) in enumerate(rows.values()):
        if share is None or low is None or high is None:
            axes.text(0.02, place, nothing, va="center", fontsize=9.5, color="black")
            continue
        axes.errorbar(
            share, place, xerr=_arms([share], [low], [high]), fmt="o", color=SUPERIOR, capsize=4
        )
        axes.annotate(
            f"{share:.0%}",
            (share, place),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(
        title=title,
        xlabel="share that say the same (95 % interval)",
        xlim=(0, 1.04),
        ylim=(len(rows) - 0.5, -0.6),
    )
    return figure


# --- extracting and grading (04) ---


def accuracy_by_category(inferior: Mapping[str, Any], superior: Mapping[str, Any]) -> Figure:
    """Accuracy of both models in each category, side by side, with 95 % intervals; from
    `grading.summarise`."""
    import matplotlib.pyplot as plt

    sides = [
        (INFERIOR, "s", "inferior", inferior, -0.15),
        (SUPERIOR, "o", "superior", superior, 0.15),
    ]
    known = {
        group["category"]: group["accuracy"]["value"]
        for *_, side, _ in sides
        for group in side["categories"]
    }
    names = sorted(known, key=known.__getitem__)
    figure, axes = plt.subplots(figsize=(8, 1.6 + 0.38 * len(names)))
    for colour, marker, role, side, shift in sides:
        groups = {group["category"]: group for group in side["categories"]}
        places = [i + shift for i, name in enumerate(names) if name in groups]
        shares = [groups[name]["accuracy"] for name in names if name in groups]
        values = [share["value"] for share in shares]
        errors = _arms(
            values, [share["low"] for share in shares], [share["high"] for share in shares]
        )
        label = f"{role}: {side['model']}"
        axes.errorbar(
            values, places, xerr=errors, fmt=marker, label=label, color=colour, capsize=3, ms=6
        )
    counts = {group["category"]: group["questions"] for group in superior["categories"]}
    axes.set_yticks(range(len(names)), [f"{name} ({counts.get(name, 0)})" for name in names])
    axes.set(
        title="Accuracy by category (questions)",
        xlabel="accuracy (95 % interval)",
        xlim=(-0.02, 1.02),
    )
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def who_is_right(counts: Mapping[str, float]) -> Figure:
    """The 2 × 2 table of both models' right and wrong answers, areas shaded by their share; from
    `grading.two_by_two`."""
    import matplotlib.pyplot as plt
    import numpy as np

    names = [["both_right", "only_superior_right"], ["only_inferior_right", "both_wrong"]]
    remarks = [
        ["the inferior will do", "worth the superior"],
        ["the inferior is better", "neither helps"],
    ]
    table = np.array([[counts[name] for name in row] for row in names], dtype=float)
    shares = table / max(table.sum(), 1e-12)
    figure, axes = plt.subplots(figsize=(6.4, 4.4))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=max(0.5, shares.max()), aspect="auto")
    for (i, j), share in np.ndenumerate(shares):
        ink = "white" if share > 0.3 else "black"
        text = f"{share:.1%}\nabout {table[i, j]:,.0f} questions\n{remarks[i][j]}"
        axes.text(j, i, text, ha="center", va="center", color=ink)
    axes.set_xticks([0, 1], ["inferior right", "inferior wrong"])
    axes.set_yticks([0, 1], ["superior right", "superior wrong"])
    axes.set_title("Who is right")
    axes.grid(False)
    return figure


def answers_read(summaries: Sequence[Mapping[str, Any]]) -> Figure:
    """Share of each model's outputs by the rule that found the answer; the rarest rules are taken
    together.

    The bars go from the least accurate model, light, to the most accurate, dark.
    """
    import matplotlib.pyplot as plt

    summaries = sorted(summaries, key=lambda summary: summary["accuracy"]["value"])
    totals = [sum(summary["rules"].values()) or 1 for summary in summaries]
    count = {
        rule: sum(s["rules"].get(rule, 0) for s in summaries)
        for s in summaries
        for rule in s["rules"]
    }
    rules = sorted(count, key=count.__getitem__, reverse=True)[:9]
    rest = [sum(n for rule, n in s["rules"].items() if rule not in rules) for s in summaries]
    names = [*rules, "other"] if any(rest) else rules
    colours = (
        [INFERIOR, *[NEUTRAL] * (len(summaries) - 2), SUPERIOR]
        if len(summaries) > 1
        else [SUPERIOR]
    )
    height = 0.8 / max(1, len(summaries))
    figure, axes = plt.subplots(figsize=(8, 1.4 + 0.36 * len(names)))
    for number, summary in enumerate(summaries):
        found = [summary["rules"].get(rule, 0) for rule in rules] + (
            rest[number : number + 1] if any(rest) else []
        )
        places = [
            place + (number - (len(summaries) - 1) / 2) * height for place in range(len(names))
        ]
        shares = [n / totals[number] for n in found]
        bars = axes.barh(places, shares, height, color=colours[number], label=summary["model"])
        axes.bar_label(bars, [f"{share:.1%}" for share in shares], padding=3, fontsize=9)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(
        title="How the answers were found",
        xlabel="share of the model's outputs",
        ylabel="rule",
        xlim=(0, 1.08),
    )
    axes.legend(loc="lower right")
    return figure


# --- fine-tuning (05) ---

BASELINE_LOOKS = (("#cc79a7", "--"), ("#56b4e9", "-."), ("#5c4a72", (0, (1, 1))))
FURTHER = "further baselines"


def cost_quality(
    scores: Mapping[str, ArrayLike],
    inferior: ArrayLike,
    superior: ArrayLike,
    chosen: str,
    certificate: Mapping[str, Any] | None = None,
) -> Figure:
    """Accuracy against the share of calls to the superior model: the chosen router with its band,
    and all others.

    Args:
        scores: name -> score of each test row (every baseline and the router itself); `chosen` is
            one of them.
        inferior, superior: accuracies of the two models on these rows, in [0, 1].
        certificate: of the chosen router (`Certificate.to_dict()`); its threshold is marked where
            one is certified.
    """
    import matplotlib.pyplot as plt
    import numpy as np

    inferior, superior = np.asarray(inferior, dtype=float), np.asarray(superior, dtype=float)
    others = {
        name: quality_curve(score, inferior, superior)
        for name, score in scores.items()
        if name != chosen
    }
    figure, axes = plt.subplots(figsize=(8, 5))
    _draw_band(axes, scores[chosen], inferior, superior, f"{chosen}, 95 % band")
    _draw_baselines(axes, others)
    oracle = quality_curve(superior - inferior, inferior, superior)
    axes.plot(*oracle, color="black", ls=":", label="oracle")
    course = quality_curve(scores[chosen], inferior, superior)
    axes.plot(*course, color=ROUTER, linewidth=2.5, label=chosen)
    for share, right, marker, colour, name in (
        (0, inferior.mean(), "o", INFERIOR, "always inferior"),
        (1, superior.mean(), "s", SUPERIOR, "always superior"),
    ):
        label = f"{name}, {right:.3f}"
        axes.plot(share, right, marker, color=colour, markersize=9, label=label)
    if certificate and certificate["certified"]:
        goes_up = np.asarray(scores[chosen]) >= certificate["threshold"]
        reached = np.where(goes_up, superior, inferior).mean()
        draw_star(axes, goes_up.mean(), reached, "certified threshold")
    axes.set(
        title="What a share of calls to the superior model buys",
        xlabel="share of calls to the superior model",
        ylabel="accuracy",
    )
    _legend_beside(axes, chosen, others)
    return figure


def _draw_band(
    axes: Axes, score: ArrayLike, inferior: ArrayLike, superior: ArrayLike, label: str
) -> None:
    """The 95 % band of a router's accuracy over the share of calls to the superior model."""
    import numpy as np

    shares = np.linspace(0, 1, 101)
    low, high = quality_band(score, inferior, superior, shares)
    axes.fill_between(shares, low, high, color=ROUTER, alpha=0.2, linewidth=0, label=label)


def _draw_baselines(axes: Axes, curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """The best baselines, by the area under their curves, each in a look of its own, and all others
    in grey: so many lines could not be told apart.
    """
    import numpy as np

    areas = {name: float(np.trapezoid(y, x)) for name, (x, y) in curves.items()}
    best = sorted(curves, key=areas.__getitem__, reverse=True)[: len(BASELINE_LOOKS)]
    rest = [name for name in curves if name not in best]
    for number, name in enumerate(rest):
        label = f"{len(rest)} {FURTHER}" if number == 0 else None
        axes.plot(*curves[name], color="#c4c4c4", lw=0.8, label=label)
    for name, (colour, dashes) in zip(best, BASELINE_LOOKS, strict=False):
        axes.plot(*curves[name], color=colour, linestyle=dashes, lw=1.4, label=name)


def draw_star(axes: Axes, x: float, y: float, label: str) -> None:
    """The point that a figure is about."""
    axes.plot(x, y, "*", color=MARKED, markersize=15, label=label, zorder=5)


def _legend_beside(axes: Axes, chosen: str, others: Container[str]) -> None:
    """The legend to the right of a figure: what matters first, the baselines last."""
    handles, names = axes.get_legend_handles_labels()
    is_aside = [name in others or str(name).endswith(FURTHER) for name in names]
    order = sorted(range(len(names)), key=lambda i: (is_aside[i], names[i] != chosen))
    handles, names = [handles[i] for i in order], [names[i] for i in order]
    axes.legend(handles, names, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)


def reliability(before: ArrayLike, after: ArrayLike, y: ArrayLike, bins: int = 5) -> Figure:
    """What the router says against what happened, before and after calibration, in bins of equal
    numbers of rows."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(8.6, 4.2), sharex=True, sharey=True)
    tops: list[float] = []
    for axes, name, p, colour in zip(
        panels, ("Before", "After"), (before, after), (NEUTRAL, ROUTER), strict=True
    ):
        rows = reliability_bins(p, y, bins)
        said, seen = [row.mean_p for row in rows], [row.mean_y for row in rows]
        errors = _arms(seen, [row.low for row in rows], [row.high for row in rows])
        axes.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1)
        axes.errorbar(said, seen, yerr=errors, color=colour, fmt="o", capsize=3, linewidth=1.5)
        axes.set(title=f"{name} calibration: ECE {ece(p, y):.3f}", xlabel="p_superior given")
        tops.append(_top_of_shares([*said, *(row.high for row in rows)]))
    # both panels share their axes
    panels[0].set(xlim=(BEYOND_SHARES[0], max(tops)), ylim=(BEYOND_SHARES[0], max(tops)))
    panels[0].set_ylabel("share that needed the superior model")
    return figure


def _top_of_shares(shares: Sequence[float]) -> float:
    """Where an axis of shares may end: a little beyond the largest, so that small ones spread."""
    return min(BEYOND_SHARES[1], max(shares, default=1.0) + 0.05)


def score_distributions(
    p_superior: ArrayLike, labels: Sequence[str], threshold: float | None = None
) -> Figure:
    """Histogram of the calibrated scores, one for each label, with the threshold in use."""
    import matplotlib.pyplot as plt
    import numpy as np

    p, label_of = np.asarray(p_superior, dtype=float), np.asarray(labels)
    figure, axes = plt.subplots(figsize=(8, 3.8))
    edges = _edges(p, 16, threshold)
    groups = [p[label_of == label] for label in LABELS]
    weights = [np.full(len(part), 1 / max(len(part), 1)) for part in groups]
    names = [f"{label} ({len(part):,} prompts)" for label, part in zip(LABELS, groups, strict=True)]
    axes.hist(groups, edges, weights=weights, color=[INFERIOR, SUPERIOR], label=names)
    if threshold is not None and edges[0] <= threshold <= edges[-1]:
        axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.3f}")
    axes.set(
        title="Scores by true label", xlabel="p_superior", ylabel="share of the label's prompts"
    )
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _edges(p: NDArray[np.float64], bars: int, threshold: float | None) -> list[float]:
    """Edges of `bars` bars over scores p, or of one more where a threshold lies among them.

    It is the edge of two bars then: no bar holds prompts of both sides.
    """
    import numpy as np

    low, high = p.min() - 1e-9, max(p.max(), p.min() + 1e-3)
    step = (high - low) / bars
    if threshold is None or not low <= threshold <= high:
        return list(low + step * np.arange(bars + 1))
    edges = low - step + (threshold - low) % step + step * np.arange(bars + 2)
    edges[np.abs(edges - threshold).argmin()] = threshold  # exactly: a score at it goes right
    return list(edges)


def loss_curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Training and validation loss against epochs, from the Trainer's `state.log_history`; the best
    epoch is marked."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots()
    for key, name, colour, marker in (
        ("loss", "training", NEUTRAL, ""),
        ("eval_loss", "validation", ROUTER, "o"),
    ):
        points = [(entry["epoch"], entry[key]) for entry in history if key in entry]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=name)
        if points and key == "eval_loss":
            epoch, loss = min(points, key=lambda point: point[1])
            draw_star(axes, epoch, loss, f"kept: {loss:.4f} at epoch {epoch:g}")
    axes.set(
        title="Loss during fine-tuning", xlabel="epoch", ylabel="cross-entropy (lower is better)"
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.get_lines():
        axes.legend(frameon=False)
    return figure


def shares_as_markdown(
    rows: Sequence[SharePoint], unit: str = "$", marked: float | None = None
) -> str:
    """The rows of `metrics.share_table` as a Markdown table that a manager can read, that of the
    threshold `marked` in bold."""
    priced = any(row.cost_per_1000 is not None for row in rows)
    money = ("cost of 1,000 prompts", "saved") if priced else ()
    names = ("threshold", "calls to superior", "accuracy", "95 % interval", "gap recovered", *money)
    lines = ["| " + " | ".join(names) + " |", "|" + "---:|" * len(names)]
    for row in rows:
        cells = [
            f"**{row.threshold:.3f}**" if row.threshold == marked else f"{row.threshold:.3f}",
            f"{row.share_superior:.0%}",
            f"{row.accuracy:.1%}",
            f"{row.low:.1%} to {row.high:.1%}",
            "–" if row.pgr is None else f"{row.pgr:.0%}",
        ]
        if priced:
            cells += [
                f"{unit}{row.cost_per_1000:,.2f}",
                "–" if row.saved is None else f"{row.saved:z.0%}",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def category_table(rows: Sequence[CategoryResult]) -> str:
    """The rows of `evaluation.by_category` as a Markdown table."""
    lines = [
        "| category | test rows | inferior accuracy | superior accuracy | APGR |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        apgr = "–" if row.apgr != row.apgr else f"{row.apgr:.2f}"
        cells = [row.category, row.rows, f"{row.inferior:.0%}", f"{row.superior:.0%}", apgr]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


# --- demo (06) ---


def routed_prompts(p_superior: ArrayLike, threshold: float) -> Figure:
    """Histogram of the scores of prompts without labels, each bar in the colour of the model that
    gets it."""
    import matplotlib.pyplot as plt
    import numpy as np

    p = np.asarray(p_superior, dtype=float)
    to_superior = p >= threshold
    figure, axes = plt.subplots(figsize=(8, 3.6))
    edges = _edges(p, 30, threshold)
    for part, name, colour, hatch in (
        (~to_superior, "inferior", INFERIOR, ""),
        (to_superior, "superior", SUPERIOR, "//"),
    ):
        label = f"to the {name} model: {part.sum():,} prompts"
        axes.hist(p[part], edges, color=colour, alpha=0.8, hatch=hatch, label=label)
    if edges[0] <= threshold <= edges[-1]:
        axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.3f}")
    axes.set(title="Where the prompts go", xlabel="p_superior", ylabel="prompts")
    figure.legend(loc="outside lower center", ncols=3)  # inside, it would lie on the tallest bars
    return figure


# --- collecting (03) ---


def answer_lengths(rows: Mapping[str, Sequence[Responses]]) -> Figure:
    """Tokens per answer of each model, by why the answer ended.

    Args:
        rows: model → its rows of responses.
    """
    import matplotlib.pyplot as plt

    colours = {"stop": SUPERIOR, "length": INFERIOR}
    figure, axes = plt.subplots(
        1, len(rows), figsize=(8, 3.2), sharey=True, sharex=True, squeeze=False
    )
    samples = {
        model: [sample for row in found for sample in row.responses]
        for model, found in rows.items()
    }
    longest = max(
        (sample.completion_tokens or 0 for found in samples.values() for sample in found), default=1
    )
    for panel, (model, found) in zip(axes[0], samples.items(), strict=True):
        by_reason: dict[str, list[int]] = {}
        for sample in found:
            by_reason.setdefault(str(sample.finish_reason), []).append(
                sample.completion_tokens or 0
            )
        reasons = sorted(by_reason, reverse=True)
        panel.hist(
            [by_reason[reason] for reason in reasons],
            bins=min(40, longest + 1),
            range=(-0.5, longest + 0.5),
            stacked=True,
            color=[colours.get(reason, NEUTRAL) for reason in reasons],
            label=[f"{reason} ({len(by_reason[reason]):,})" for reason in reasons],
        )
        panel.set_yscale("log")  # a few answers cut off show beside thousands that are not
        panel.set(title=f"{model} model", xlabel="tokens in the answer")
        panel.legend(title="ended by (answers)")
    axes[0][0].set_ylabel("answers (logarithmic)")
    return figure


def sample_agreement(rows: Mapping[str, Sequence[Responses]]) -> Figure:
    """How many different answers the samples of one question hold, as shares of the questions, per
    model.

    Args:
        rows: model → its rows of responses.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(figsize=(8, 3.2))
    width, shades = 0.8 / max(1, len(rows)), {"inferior": INFERIOR, "superior": SUPERIOR}
    for place, (model, found) in enumerate(rows.items()):
        kinds = [
            len({sample.full_response.strip() for sample in row.responses})
            for row in found
            if row.responses
        ]
        highest = max(kinds, default=1)
        shares = [kinds.count(number) / max(1, len(kinds)) for number in range(1, highest + 1)]
        positions = [
            number + (place - (len(rows) - 1) / 2) * width for number in range(1, highest + 1)
        ]
        bars = axes.bar(
            positions, shares, width, label=f"{model} model", color=shades.get(model, NEUTRAL)
        )
        axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=2, fontsize=9)
    axes.set(
        title="Do samples of one question agree?",
        xlabel="different answers among a question's samples",
    )
    axes.set(ylabel="share of questions", ylim=(0, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure
