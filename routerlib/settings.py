"""Where things are and what the environment says: the project's folders, `.env`, and the keys.

Paths start from the project's root, never from the working directory. Keys come from the environment,
from `.env`, or from Colab's secrets, in one function; they are never a notebook parameter, since
papermill writes parameters into the executed notebook. Sizes and models are parameters, not settings.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from routerlib.errors import Foreseen

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


load_env()  # before anything reads where outputs go
