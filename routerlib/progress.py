"""What long work shows: one progress bar for shells, notebooks, and headless runs; and texts of others, made harmless.

The bar is text, not a widget: a headless run passes text on as it comes, and a saved notebook keeps the last
state, where a widget would stay at nought.
"""

from __future__ import annotations

import re
import sys

from tqdm import tqdm


def bar(total: int | None, label: str = "", unit: str = "item", show: bool = True) -> tqdm:
    """A bar with counts, rate and time left; use as a context manager, or close it.

    Args:
        total: how many there are; None where only the end will tell.
        show: False for a bar that says nothing.
    """
    in_notebook = "ipykernel" in sys.modules
    file = sys.stdout if in_notebook else sys.stderr  # a notebook paints standard error red
    return tqdm(
        total=total,
        desc=printable(label) or None,
        unit=unit,
        disable=not show or file is None,  # None: whoever started us has closed it
        mininterval=3.0 if in_notebook else 0.5,
        file=file,
        dynamic_ncols=not in_notebook,
    )


def printable(text: str) -> str:
    """A text from a file or a server on one line, each control character as "�", so that it cannot steer a terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "�", text)
