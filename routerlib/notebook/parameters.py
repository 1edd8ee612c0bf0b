"""The parameters of a notebook: what it has, and whether a value given to one is of its kind.

They are read from the cell tagged `parameters`, so that there is no second list of them. The runner
asks here before it starts anything, and each notebook asks again for itself: papermill's own `-p`
hands `false` on as the text "false", which Python takes for true. So what no function would take
is refused before a server is started for it; what a value means, and whether the file or the model
that it names is there, is not looked at here.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.rows import jsonl

_above_0 = settings.whole
_from_0 = partial(settings.whole, least=0)
_up_to_1 = partial(settings.number, most=1)
# What is checked of a value itself, before a server is started for it: name -> check
BOUNDS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("K_RESPONSES", "PROMPT_SAMPLES", "SAMPLES", "SEEDS"), _above_0),
    **dict.fromkeys(("MAX_TOKENS", "PROMPT_MAX_TOKENS", "JUDGE_MAX_TOKENS"), _above_0),
    **dict.fromkeys(("BATCH_SIZE", "MAX_CONCURRENT", "MAX_ATTEMPTS", "MAX_LENGTH"), _above_0),
    **dict.fromkeys(("MAX_CHARS", "AUDITS", "BOOTSTRAP", "CHECK_LIMIT", "KNOWN_PAIRS"), _above_0),
    **dict.fromkeys(("LIMIT", "LABEL_LIMIT", "REFUSED_PAIRS", "EXAMPLES"), _from_0),
    **dict.fromkeys(("SEED", "WORKERS", "EPOCHS"), _from_0),
    **dict.fromkeys(("PRICE_IN", "PRICE_OUT"), settings.price),
    **dict.fromkeys(("BUDGET", "NEAR_DUPLICATE", "MAX_WAIT"), settings.number),
    **dict.fromkeys(("EPSILON", "DELTA", "LEVEL", "CACHED_SHARE"), _up_to_1),
    "TEMPERATURE": partial(settings.number, most=2),
    "TIMEOUT": settings.seconds,
    "PORT": partial(settings.port, least=0),
}
# Texts of which there are a few
CHOICES = {
    "API_MODE": ("local", "remote"),
    "ENDPOINT": ("completions", "chat"),
    "METHOD": ("decision", "logprobs", "samples", "auto"),
    "BALANCE": ("none", "downsample"),
    "TARGET": ("p_superior", "gain", "two_heads", "strictly_better", "compare"),
}
ROLE = re.compile("(?:INFERIOR|SUPERIOR|SECOND|JUDGE)_(?=PRICE_|API_MODE)")
# Where None says something that no other value does: not sent at all; all of them.
TAKE_NONE = ("TEMPERATURE", "NUM_PROBLEMS")
KINDS = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    list: "list",
    dict: "mapping",
    type(None): "nothing",
}


def notebook_path(notebook: str) -> Path:
    """The file of a notebook of this project: "01_analysis"."""
    return settings.ROOT / "notebooks" / f"{notebook}.ipynb"


def defaults(notebook: Path) -> dict[str, Any]:
    """The parameters of a notebook and their default values.

    Raises:
        SettingError: there is no such file.
    """
    if not notebook.exists():
        raise settings.SettingError(
            f"There is no notebook {notebook}. An installed package comes without them: run this "
            "in a checkout of the project."
        )
    values: dict[str, Any] = {}
    for cell in jsonl.read_json(notebook)["cells"]:
        if "parameters" not in cell["metadata"].get("tags", ()):
            continue
        for statement in ast.parse("".join(cell["source"])).body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                values[statement.targets[0].id] = ast.literal_eval(statement.value)
    return values


def understood(notebook: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given to a notebook's parameters, each as the kind that its default is.

    Args:
        notebook: its name, such as "01_analysis".
        given: any names with their values, such as all those of its kernel; the others are left
            out.

    Returns:
        name -> value. A text that stands for another kind ("false", "1e-3", "[a, b]") is read as
        it.

    Raises:
        SettingError: a value is of a kind that the parameter does not take.
    """
    file = notebook_path(notebook)
    if not file.exists():  # an installed package comes without the notebooks
        return {}
    values = {}
    for name, default in defaults(file).items():
        if name in given:
            values[name] = fitting(name, _read_as(given[name], default), default)
    return values


def _read_as(value: Any, default: Any) -> Any:
    """A text as what it says, where the default is no text."""
    is_text_for_another_kind = isinstance(value, str) and not isinstance(default, str)
    return parse_value(value) if is_text_for_another_kind else value


def parse_value(text: str) -> Any:
    """A value from a text: a number as Python reads it (010 is 10, 1e-3 is 0.001), all else as YAML
    does. Numbers that only YAML knows, such as 1:30 for 90, stay texts."""
    import yaml

    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    try:
        value = yaml.safe_load(text) if text else ""
    except (yaml.YAMLError, ValueError, RecursionError):
        return text  # brackets and quotes that mean nothing in YAML
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return text if is_number else value


def from_text(text: str, default: Any) -> Any:
    """What somebody has typed for a parameter whose default is known.

    A text is taken as it was typed: 007, no and 2026-11-27 may be a folder's name, and a prompt may
    hold a colon. Only quotes around it, a list of texts in brackets and null are read.
    """
    if not isinstance(default, str):
        return parse_value(text)
    if text == "null":
        return None
    if not text.startswith(("[", '"', "'")):
        return text
    value = parse_value(text)
    return value if isinstance(value, str) or _are_texts(value) else text


def fitting(name: str, value: Any, default: Any) -> Any:
    """The value, if its kind fits the default's and it lies where the name's values lie.

    A whole number may stand for a real one, a number or a list of texts for a text. None, which an
    empty value in YAML is, stands for 0 and for what is empty: a text, a list, a mapping.

    Raises:
        SettingError: it does not fit; the text names what does.
    """
    fit = _of_its_kind(name, value, default)
    if fit is not None:
        _check_bounds(name, fit)
    return fit


def _check_bounds(name: str, value: Any) -> None:
    """Whether a value of the right kind can be; a name with its role before it, such as
    INFERIOR_PRICE_IN, is one of those without.
    """
    kind = ROLE.sub("", name)
    if check := BOUNDS.get(kind):
        check(name, value)
    if kind in CHOICES and value not in CHOICES[kind]:
        *others, last = map(repr, CHOICES[kind])
        raise settings.SettingError(f"{name} is {value!r}; it is {', '.join(others)} or {last}.")
    if name == "NUM_PROBLEMS":
        from routerlib.collecting import collection

        collection.first_so_many(value)
    if name == "CLUSTER" and value:
        from routerlib.cluster import machines

        machines.checked_cluster(value)


def _of_its_kind(name: str, value: Any, default: Any) -> Any:
    """The value, if its kind fits the default's."""
    is_number_wanted = isinstance(default, int | float) and not isinstance(default, bool)
    if isinstance(value, str) and is_number_wanted:
        value = parse_value(value)  # YAML reads 1e-3 as text
    if value is None and name in TAKE_NONE:
        return value
    if value is None:
        value = _nothing_for(default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_finite = not isinstance(value, float) or math.isfinite(value)
    if default is None or (_is_of_the_kind_of(value, default) and is_finite):
        return value
    if isinstance(default, float) and is_number and is_finite:
        return float(value)
    is_whole = is_number and is_finite and value == int(value)
    if isinstance(default, int) and is_number_wanted and is_whole:
        return int(value)  # 1e3
    if isinstance(default, str) and is_number:
        return str(value)  # NUM_PROBLEMS: 60, where the default says "all"
    if isinstance(default, str) and _are_texts(value):
        return value  # STOP: several texts, where the default is one
    hint = ""
    if isinstance(default, str):  # `no`, and a date, are none in YAML
        hint = " In a file of parameters, put a text into quotes."
    raise settings.SettingError(
        f"The parameter {name} takes a {_kind_of_value(default)} such as {default!r}, "
        f"not {value!r} ({_kind_of_value(value)}).{hint}"
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _nothing_for(default: Any) -> Any:
    """What None stands for; itself where the parameter can neither be empty nor 0."""
    if isinstance(default, bool) or (isinstance(default, int | float) and default != 0):
        return None
    return type(default)() if isinstance(default, int | float | str | list | dict) else None


def _is_of_the_kind_of(value: Any, default: Any) -> bool:
    """Whether both are of one kind; Python counts a bool among the whole numbers, we do not."""
    is_bool_for_number = isinstance(value, bool) and not isinstance(default, bool)
    return isinstance(value, type(default)) and not is_bool_for_number


def _kind_of_value(value: Any) -> str:
    return KINDS.get(type(value), type(value).__name__)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " Did you mean K_RESPONSES?" where a known name resembles this one, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""
