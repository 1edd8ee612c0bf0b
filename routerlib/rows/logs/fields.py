"""What stands in a field of a log: JSON kept as text, names, tokens, money and moments, in any of
the usual forms.

Each function reads one value, and gives None for what it cannot be; nothing is raised. Which field
of which kind of log holds what is told in the module of that kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Fields = dict[str, Any]


def decoded_text(value: Any) -> Any:
    """A JSON list or object that a log keeps as text; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return found if isinstance(found, list | dict) else value
    return value


def first_of(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def word_or_none(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def tokens_told(usage: Any) -> tuple[int | None, int | None]:
    """(tokens read, tokens written) from an object of counts."""
    usage = decoded_text(usage)
    if not isinstance(usage, Mapping):
        return None, None
    read = (
        *("prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "input"),
        *("promptTokenCount", "prompt_eval_count"),
    )
    wrote = (
        *("completion_tokens", "output_tokens", "completionTokens", "outputTokens", "output"),
        *("candidatesTokenCount", "eval_count"),
    )
    return _first_count(usage, read), _first_count(usage, wrote)


def _first_count(usage: Mapping[str, Any], names: Iterable[str]) -> int | None:
    for name in names:
        count = amount_or_none(usage.get(name))
        if count is not None:
            return int(count)
    return None


def amount_or_none(value: Any) -> float | None:
    """A number of at least 0, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def seconds_between(start: Any, end: Any) -> float | None:
    first, last = timestamp(start), timestamp(end)
    if first is None or last is None or last < first:
        return None
    return round(last - first, 6)


def moment_of(value: Any) -> str | None:
    stamp = timestamp(value)
    if stamp is None or stamp > LAST_MOMENT:
        return None
    return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds")


LAST_MOMENT = 1e11  # seconds; later years have five digits


def timestamp(value: Any) -> float | None:
    """Seconds since 1970 from a number of seconds, milli-, micro- or nanoseconds, or a date."""
    if isinstance(value, datetime):
        return value.timestamp()
    number = amount_or_none(value)
    if number is not None:
        for size in (1e17, 1e14, 1e11):  # of nano-, micro- and milliseconds in our days
            if number >= size:
                return number / (size / 1e8)
        return number
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def shown_briefly(value: Any) -> str:
    """What was found in the place of messages, in a few words."""
    value = decoded_text(value)
    if isinstance(value, Mapping):
        names = ", ".join(map(str, list(value)[:8]))
        return f"an object of {names}" if names else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    return "nothing" if value in (None, "") else repr(str(value)[:60])
