"""The progress bar of long work: one form for shells, notebooks, and headless runs.

It is text, not a widget: a headless run passes text on as it comes, and a saved notebook keeps the last
state, where a widget would stay at nought.
"""

from __future__ import annotations

import sys

from tqdm import tqdm


def bar(total: int | None, label: str = "", unit: str = "item", show: bool = True) -> tqdm:
    """A bar with counts, rate and time left; use as a context manager, or close it.

    Args:
        total: how many there are; None where only the end will tell.
        show: False for a bar that says nothing.
    """
    in_notebook = "ipykernel" in sys.modules
    return tqdm(
        total=total,
        desc=label or None,
        unit=unit,
        disable=not show,
        mininterval=3.0 if in_notebook else 0.5,
        file=sys.stdout if in_notebook else sys.stderr,  # a notebook paints standard error red
        dynamic_ncols=not in_notebook,
    )
