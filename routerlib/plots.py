"""Every figure of the notebooks, one function each: rows or arrays in, a matplotlib Figure out.

Colours differ in lightness as well as hue, so that a print in grey still reads. Nothing is computed here
that a number in the text needs: that is `metrics`, `ratings` and `grading`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from routerlib import settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INFERIOR, SUPERIOR, ROUTER, NEUTRAL = "#e69f00", "#1f4e79", "#009e73", "#8c8c8c"


def use_house_style() -> None:
    """Fonts, sizes and colours of all figures. Call once at the top of a notebook."""
    import matplotlib as mpl
    import seaborn as sns

    sns.set_theme(context="notebook", style="whitegrid")
    mpl.rcParams.update(
        {
            "figure.figsize": (8.0, 4.5),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.alpha": 0.4,
            "axes.prop_cycle": mpl.cycler(color=[SUPERIOR, INFERIOR, ROUTER, "#cc79a7", "#56b4e9", NEUTRAL]),
        }
    )


def save(figure: Figure, name: str) -> Path:
    """Write a figure as PNG below outputs/figures; returns the path."""
    path = settings.outputs("figures", f"{name}.png")
    figure.savefig(path, dpi=150)
    return path
