r"""Dates in the common orders: July 4th, 1776, the 4th of July 1776, 1776-07-04, 14/07/1776.

A date that may be read in two ways, such as 04/07/1776, is none. What a date says about an answer
is the business of `phrases`.
"""

from __future__ import annotations

import re

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = (
    r"(?P<month>jan\w*|feb\w*|mar\w*|apr\w*|may|jun\w*|jul\w*|aug\w*|sep\w*|oct\w*|nov\w*"
    r"|dec\w*)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?!\d)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{3,4})"
_DATE_FORMS = (
    rf"{_MONTH}\s+(?:the\s+)?{_DAY}\s*,?\s*(?:of\s+)?{_YEAR}",  # July 4th, 1776
    rf"\b{_DAY}\.?\s+(?:of\s+)?{_MONTH}\s*,?\s*{_YEAR}",  # the 4th of July 1776
    r"\b(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})\b",  # 1776-07-04
    r"\b(?P<day>1[3-9]|2\d|3[01])[-/.](?P<month>0?\d|1[0-2])[-/.](?P<year>\d{4})\b",  # 14/07/1776
    r"\b(?P<month>0?\d|1[0-2])/(?P<day>1[3-9]|2\d|3[01])/(?P<year>\d{4})\b",  # 07/14/1776
)
_DATES = [re.compile(form, re.IGNORECASE) for form in _DATE_FORMS]
DATE_ONLY = re.compile(
    "|".join(re.sub(r"\(\?P<\w+>", "(?:", form) for form in _DATE_FORMS), re.IGNORECASE
)

Date = tuple[int, int, int]  # year, month, day


def dates_in(text: str) -> list[Date]:
    """The different dates a text names, in any of the common orders, as (year, month, day)."""
    found = {}
    for pattern in _DATES:
        for match in pattern.finditer(text):
            month = match["month"].casefold()
            number = int(month) if month.isdigit() else _month_number(month)
            if number:
                found[int(match["year"]), number, int(match["day"])] = match.start()
    return sorted(found, key=lambda date: found[date])


def date_in(text: str) -> Date | None:
    """The one date a text names, or None."""
    dates = dates_in(text)
    return dates[0] if len(dates) == 1 else None


def _month_number(name: str) -> int:
    """1 to 12 for a month's name or its beginning, 0 for any other word."""
    fits = [i for i, month in enumerate(_MONTHS, 1) if month.startswith(name) or name == "sept"]
    return fits[0] if len(fits) == 1 else 0
