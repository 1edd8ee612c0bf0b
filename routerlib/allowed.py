"""What a setting may be: each check gives the value back, or says in one sentence what is allowed in its place.

Settings come out of notebooks and programs that people edit, so that a value may be of any kind. Commands and
parameter files are read by `__main__` and `pipeline`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from routerlib.errors import SettingError


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number, `least` or more.

    Raises:
        SettingError: it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise SettingError(f"{name} is {value!r}; it is a whole number{_from(least)}.")
    return int(value)


def number(name: str, value: Any, least: float = 0.0, most: float = math.inf) -> float:
    """A finite number from `least` to `most`.

    Raises:
        SettingError: it is anything else, NaN included.
    """
    if not _is_number(value) or not least <= value <= most:
        where = (
            f"; it lies between {least:g} and {most:g}"
            if math.isfinite(most)
            else f"; it is a number{_from(least)}"
        )
        raise SettingError(f"{name} is {value!r}{where}.")
    return float(value)


def price(name: str, value: Any) -> float:
    """An amount of money per million tokens.

    Raises:
        SettingError: it is anything else.
    """
    if not _is_number(value) or value < 0:
        raise SettingError(f"{name} is {value!r}; it is an amount per million tokens, 0 or more.")
    return float(value)


def text(name: str, value: Any) -> str:
    """A text that says something.

    Raises:
        SettingError: it is empty, or no text.
    """
    if not isinstance(value, str) or not value.strip():
        raise SettingError(f"{name} is {value!r}; it is a text, and not empty.")
    return value


def seed(value: Any) -> int:
    """A seed of random draws.

    Raises:
        SettingError: it is none; without one, no draw could be repeated.
    """
    return whole("SEED", value, least=0)


def names(value: str | Iterable[Any] | None) -> list[str]:
    """The names in a text with commas between, or in a list; none where it is empty."""
    parts = value.split(",") if isinstance(value, str) else value or ()
    return [name for part in parts if (name := str(part).strip())]


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _from(least: float) -> str:
    return " above 0" if least == 1 else f", {least:g} or more"
