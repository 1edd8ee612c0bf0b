"""Where things are, what the environment says, and what a setting may be: folders, `.env`, keys; checks with sentences.

Paths start from the project's root, never from the working directory. Keys come from the environment,
from `.env`, or from Colab's secrets, in one function; they are never a notebook parameter, since
papermill writes parameters into the executed notebook. Each check gives a setting's value back, or says in one
sentence what is allowed in its place. Commands and parameter files are read by `__main__` and `pipeline`.
"""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from routerlib.errors import Foreseen, SettingError

PACKAGE = Path(__file__).resolve().parent
# A checkout is its own root; an installed copy works in the folder it is used from.
ROOT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").exists() else Path.cwd()
SAMPLES = PACKAGE / "samples"


class MissingKey(Foreseen, RuntimeError):
    """A key that the work needs is nowhere to be found; the text says where to put it."""


def outputs(*parts: str) -> Path:
    """A path below `outputs/` (or below ROUTERLIB_OUTPUTS), its folder made: outputs("graded", "a.jsonl")."""
    base = resolve(os.environ.get("ROUTERLIB_OUTPUTS") or "outputs")
    path = base.joinpath(*parts)
    folder = path.parent if path.suffix else path
    folder.mkdir(parents=True, exist_ok=True)
    return path


def resolve(path: str | Path) -> Path:
    """A user's path: absolute as it is, relative from the project's root, `~` expanded."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else ROOT / path


def load_env() -> None:
    """Read `.env` in the project's root into the environment; what is set already wins."""
    from dotenv import load_dotenv

    load_dotenv(ROOT / ".env", override=False)


def key(name: str, required: bool = True) -> str | None:
    """The value of a secret such as OPENAI_API_KEY, from the environment, `.env`, or Colab's secrets.

    Raises:
        MissingKey: it is required and nowhere set.
    """
    load_env()
    value = os.environ.get(name) or _colab_secret(name)
    if not value and required:
        raise MissingKey(
            f"{name} is not set. Put `{name}=…` into the file .env in {ROOT} (see .env.example), or export it "
            "in the shell that starts the notebook; in Colab, add it under Secrets (the key symbol)."
        )
    return value or None


def _colab_secret(name: str) -> str | None:
    if "google.colab" not in sys.modules:
        return None
    from google.colab import userdata  # type: ignore[import-not-found]

    try:
        return userdata.get(name)
    except (userdata.SecretNotFoundError, userdata.NotebookAccessError):
        return None


def describe_environment() -> str:
    """One line for the top of a notebook: versions, cores, accelerator. Does not import torch."""
    packages = ("torch", "transformers", "openai")
    versions = [f"{name} {_version(name)}" for name in packages]
    gpu = "GPU present" if Path("/proc/driver/nvidia/version").exists() else "no GPU"
    from routerlib import __version__

    python = platform.python_version()
    return " · ".join(
        [f"routerlib {__version__}", f"Python {python}", *versions, f"{os.cpu_count()} cores", gpu]
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


# --- what a setting may be ---


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


load_env()  # before anything reads where outputs go
