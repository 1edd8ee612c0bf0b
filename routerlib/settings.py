"""Where things are, what the environment says, and what a setting may be: folders, `.env`, keys;
checks with sentences.

Paths start from the project's root, never from the working directory. Keys come from the
environment, from `.env`, or from Colab's secrets, in one function; they are never a notebook
parameter, since papermill writes parameters into the executed notebook. Each check gives a
setting's value back, or says in one sentence what is allowed in its place. Commands and parameter
files are read by `__main__` and `pipeline`.
"""

from __future__ import annotations

import codecs
import io
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from routerlib.errors import FULL, Foreseen, SettingError

PACKAGE = Path(__file__).resolve().parent
# A checkout is its own root; an installed copy works in the folder it is used from.
ROOT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").exists() else Path.cwd()
SAMPLES = PACKAGE / "samples"
MISSING = "missing"
MOST_PORT = 65535
QUOTES = ('""', "''", "“”", "\u2018\u2019")
# Spaces and line ends; no-break and zero-width spaces, and the mark at the start of a file
UNSEEN = " \t\r\n\v\f\0\u00a0\u200b\u200c\u200d\u2060\ufeff"


class MissingKey(Foreseen, RuntimeError):
    """A key that the work needs is nowhere to be found; the text says where to put it."""


class Unwritable(Foreseen, OSError):
    """Nothing can be written at a path; the text says why, and what to do."""


def outputs(*parts: str) -> Path:
    """A path below `outputs/` (or below ROUTERLIB_OUTPUTS), its folder made: outputs("graded",
    "a.jsonl")."""
    path = resolve(variable("ROUTERLIB_OUTPUTS") or "outputs").joinpath(*parts)
    make_folder(path.parent if path.suffix else path)
    return path


def make_folder(folder: Path) -> Path:
    """Make a folder, and those above it that are not there; returns it.

    Raises:
        Unwritable: it cannot be made; the text names what is in the way. OSError: the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise
        above = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        why = f"{above} is no folder"
        if os.path.isdir(above):
            why = f"no folder can be made in {above} ({error.strerror})"
        raise Unwritable(
            f"The folder {folder} cannot be made: {why}. Name another place, or mend this one."
        ) from None
    return folder


def resolve(path: str | Path) -> Path:
    """A user's path: absolute as it is, relative from the project's root, `~` expanded."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else ROOT / path


def refusal_of_pipe(path: Path) -> str:
    """Why something that is there can be no input: a pipe (`<(zcat …)`), a socket, a device. Empty
    for a file, a folder, and where there is nothing."""
    is_usual = os.path.isfile(path) or os.path.isdir(path)
    if is_usual or not os.path.exists(path):
        return ""
    return (
        f"{path} is neither a file nor a folder. An input is read more than once, which a pipe or "
        "a device does not allow: write its content to a file, and name that."
    )


# --- the environment, `.env`, and the vaults of Colab and Kaggle ---

_from_file: dict[str, str] = {}  # what load_env has put into the environment
_from_pipe: dict[Path, bytes] = {}  # what a named pipe has given: it gives it once
_refused: set[str] = set()  # secrets that a vault took long to refuse, and is not asked for again
SHARED_MEMORY = "/dev/shm"
PIPE_PATIENCE = 5.0  # seconds that whoever writes a named pipe may take, as a vault that asks first
SLOW = 1.0  # seconds after which a vault's refusal is remembered


def load_env() -> None:
    """Read `.env` in the project's root into the environment; what is set there already wins.

    The file may be UTF-8 or UTF-16 (as some Windows shells write it), with or without a byte order
    mark. It may be a named pipe, as password managers make one: that is read once.

    Raises:
        SettingError: it cannot be read, is no text, or has a line that is none of NAME=value; the
            text names the file and the line, and never what stands there, which may be a key.
    """
    path = ROOT / ".env"
    try:
        content = _content_of_env(path)
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror or error}.") from None
    for name, value in _names_and_values(path, content):
        if os.environ.get(name) == _from_file.get(name):
            os.environ[name] = _from_file[name] = value


def _content_of_env(path: Path) -> bytes:
    """The bytes of an `.env`; none where there is no such file, or a folder of that name, which is
    somebody's environment.
    """
    if path.is_fifo():
        if path not in _from_pipe:
            _from_pipe[path] = _read_pipe(path)
        return _from_pipe[path]
    return path.read_bytes() if path.is_file() else b""


def _read_pipe(path: Path) -> bytes:
    """What comes out of a named pipe until its writer closes it.

    Raises:
        TimeoutError: nobody writes, or nobody comes to an end.
    """
    content, deadline = b"", time.monotonic() + PIPE_PATIENCE
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # an open that waits would wait for ever
    try:
        while time.monotonic() < deadline:
            try:
                piece = os.read(pipe, 65536)
            except BlockingIOError:  # a writer is there, and has yet to write
                piece = None
            if piece:
                content += piece
                continue
            if piece == b"" and content:
                return content
            time.sleep(0.02)
    finally:
        os.close(pipe)
    raise TimeoutError(f"it is a named pipe, and nobody has filled it in {PIPE_PATIENCE:g} s")


def _names_and_values(path: Path, content: bytes) -> Iterator[tuple[str, str]]:
    """The settings in the bytes of an `.env`; a name without a value is passed over."""
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    text = _env_text(path, content)
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise SettingError(
                f"{path}, line {binding.original.line}: expected NAME=value. "
                "Mend the line, or put # before it."
            )
    for name, value in dotenv_values(stream=io.StringIO(text)).items():
        if value and "\0" not in value:  # the environment holds no NUL
            yield name, value


def _env_text(path: Path, content: bytes) -> str:
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    # UTF-16 without a mark: every other byte of an English name is nought
    elif b"\0" in content[:2]:
        encoding = "utf-16-be" if content[0] == 0 else "utf-16-le"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SettingError(
            f"{path}, line {line}: this is no text in UTF-8. "
            "Save the file anew, with the encoding UTF-8."
        ) from None


def variable(name: str) -> str | None:
    """What the environment or `.env` says under a name, or None where it says nothing.

    Quotes around the whole value are taken off: some tools read a file of settings and leave them
    there.
    """
    load_env()
    return _pasted(os.environ.get(name))


def _pasted(value: Any) -> str | None:
    """A value without what copying leaves around it; None where nothing else is there."""
    bare = str(value or "").strip(UNSEEN)
    if len(bare) > 1 and bare[0] + bare[-1] in QUOTES:
        bare = bare[1:-1].strip(UNSEEN)
    return bare or None


def key(name: str, required: bool = True) -> str | None:
    """The value of a secret such as OPENAI_API_KEY: from the environment, `.env`, or Colab's or
    Kaggle's secrets.

    Raises:
        MissingKey: it is required and nowhere set.
    """
    value = variable(name)
    if not value and (required or name not in _refused):
        value = _from_vault(name)
    if not value and required:
        raise MissingKey(
            f"{name} is not set. Put `{name}=…` into the file .env in {ROOT} (see .env.example), "
            "or export it in the shell that starts the notebook; in Colab and Kaggle, add it "
            "under Secrets."
        )
    return value or None


def _from_vault(name: str) -> str | None:
    """A secret out of the vault of the platform that runs this notebook; None where it gives none.

    A vault names its errors differently from release to release (it times out outside the
    platform's own page, the secret is not there, this notebook may not see it), and all of them
    mean "not set". One that takes long to say so is asked again only for what is required.
    """
    start = time.monotonic()
    with suppress(Exception):
        if "google.colab" in sys.modules:
            from google.colab import userdata

            return _pasted(userdata.get(name))
        if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
            from kaggle_secrets import UserSecretsClient

            return _pasted(UserSecretsClient().get_secret(name))
    if time.monotonic() - start > SLOW:
        _refused.add(name)
    return None


# --- what other programs of this process and its children may do ---

# How often an idle thread of OpenMP looks for its next piece of work before it sleeps. A step of a
# small model is hundreds of pieces, microseconds apart, and to be woken for each can take long; a
# thread that looks for long keeps the core from another server. On two cores, two servers of vLLM
# answered a request each in 8.4 s with 0, in 7.6 s with 1,000 and in 26 s with 20,000; one alone in
# 10.5, 6.1 and 4.7 s.
SPINS = 1_000

# Each switch as its makers document it:
# https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables,
# https://docs.vllm.ai/en/latest/usage/usage_stats,
# https://docs.ray.io/en/latest/cluster/usage-stats.html
NO_REPORTS = {
    "DO_NOT_TRACK": "1",  # the hub's clients, vLLM and others
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",  # `transformers serve` asks a package index for newer ones
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # datasets
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # transformers asks a service to convert old weights
    "VLLM_NO_USAGE_STATS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
# What libraries keep below HOME; variable -> folder below outputs/cache
CACHES = {
    "HF_HOME": "huggingface",
    "MPLCONFIGDIR": "matplotlib",
    "IPYTHONDIR": "ipython",
    "JUPYTER_RUNTIME_DIR": "jupyter",
    "JUPYTER_DATA_DIR": "jupyter/data",
    "JUPYTER_CONFIG_DIR": "jupyter/config",
}


class MissingPackages(Foreseen, ImportError):
    """Packages that routerlib needs are not installed for this Python; the text says how to get
    them."""


def prepare_notebook() -> None:
    """What the set-up cell of a notebook does: `prepare`, and a look at the packages that it needs.

    Where a platform brings packages of its own (Colab, Kaggle), they are used as they are: other
    versions than ours are told, and only what is missing has to be installed.

    Raises:
        MissingPackages: one is not there at all; the text holds the line that installs it.
    """
    missing, other = packages_that_differ()
    if missing:
        wanted = " ".join(f'"{requirement}"' for requirement in missing)
        raise MissingPackages(
            f"{sys.executable} lacks packages that the notebooks need. Run this in a cell of its "
            f"own, restart the kernel, and begin again:\n%pip install {wanted}"
        )
    if other:
        print(f"Other versions than the tests pass with: {', '.join(other)}.")
    prepare()


def packages_that_differ() -> tuple[list[str], list[str]]:
    """Packages that are missing, as pip wants them, and those of another version than we ask for,
    in words; read from requirements.txt, or from what the installed package says that its extras
    for notebooks need."""
    from packaging.requirements import InvalidRequirement, Requirement

    file = ROOT / "requirements.txt"
    lines = _lines_of(file) if file.exists() else metadata.requires("routerlib") or []
    missing, other = [], []
    for line in lines:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:  # an address or a path, which names no package
            continue
        extras = ({"extra": name} for name in ("", "train", "notebooks"))
        if wanted.marker and not any(map(wanted.marker.evaluate, extras)):
            continue
        found = _version(wanted.name)
        if found == MISSING:
            wanted.marker = None
            missing.append(str(wanted))
        elif not wanted.specifier.contains(found, prereleases=True):
            other.append(f"{wanted.name} {found} ({wanted.specifier})")
    return missing, other


def _lines_of(requirements: Path) -> list[str]:
    """A file's requirements, those of the files that it names with -r among them; no other option
    of pip's, such as a constraint.
    """
    found = []
    for line in requirements.read_text(encoding="utf-8").splitlines():
        wanted = line.split(" #")[0].strip()
        if wanted.startswith("-r "):
            found += _lines_of(requirements.parent / wanted.removeprefix("-r ").strip())
        elif wanted and not wanted.startswith(("#", "-")):
            found.append(wanted)
    return found


# What `pip install routerlib` leaves out: the modules, and the extra that brings them.
EXTRAS = {
    "accelerate": "train",
    "datasets": "train",
    "datasketch": "train",
    "detect_secrets": "train",
    "gguf": "train",
    "openvino": "train",
    "phonenumbers": "train",
    "pyarrow": "train",
    "scipy": "train",
    "sklearn": "train",
    "torch": "train",
    "transformers": "train",
    "IPython": "notebooks",
    "ipykernel": "notebooks",
    "ipywidgets": "notebooks",
    "jupyter_client": "notebooks",
    "matplotlib": "notebooks",
    "nbformat": "notebooks",
    "pandas": "notebooks",
    "papermill": "notebooks",
    "seaborn": "notebooks",
    "voila": "notebooks",
}


def left_out(extra: str, what: str) -> MissingPackages:
    """The error for work that the base installation cannot do.

    Args:
        extra: which extra brings them. what: the work, as the subject of a sentence.
    """
    return MissingPackages(
        f"{what} needs packages that are not installed for this Python ({sys.executable}). "
        f"Install them: pip install 'routerlib[{extra}]', or, in a checkout, "
        "pip install -r requirements.txt."
    )


def explain_missing(error: ModuleNotFoundError, what: str) -> MissingPackages | None:
    """The error to raise for a module that an extra brings; None for any other module."""
    module = (error.name or "").split(".")[0]
    extra = EXTRAS.get(module)
    return left_out(extra, what) if extra else None


@contextmanager
def needing_an_extra(what: str) -> Iterator[None]:
    """Work that needs more than the base installation: where it is not there, a sentence says so.

    Also a decorator of functions. `what` is the work, as the subject of a sentence.

    Raises:
        MissingPackages: in place of a ModuleNotFoundError for what an extra brings.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise explain_missing(error, what) or error from None


def prepare() -> None:
    """Ready this process for the libraries that come after: `.env`, nothing that reports, caches
    that can be written.

    Commands and notebooks call it first; a second call changes nothing.
    """
    open_closed_streams()
    load_env()
    report_nothing()
    let_idle_threads_sleep()
    allow_open_files()
    if not _is_writable(os.path.expanduser("~")):
        keep_caches_in_outputs(CACHES)
    keep_temporary_files()


def open_closed_streams() -> None:
    """Open onto nowhere those of the three standard streams that whoever started us has closed: the
    next file opened would become one of them, and no kernel starts without.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(nowhere, True)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def report_nothing() -> None:
    """Switch off what dependencies tell their makers, for this process and those it starts; before
    their import.

    Whoever has set one of the switches otherwise is obeyed.
    """
    for name, value in NO_REPORTS.items():
        os.environ.setdefault(name, value)
    # `import openvino` sends an event, and asks nobody before. Without this module it has nothing
    # to send it with.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def let_idle_threads_sleep() -> None:
    """Have the idle threads of OpenMP sleep soon, in this process and those it starts; before torch
    or scikit-learn load it. Threads that spin for long slow every other process; those that sleep
    at once are woken for each piece of work, which takes longer than the piece.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


def open_files_allowed() -> float:
    """How many files a process may open here, connections included; inf where nobody says."""
    with suppress(ImportError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return math.inf if soft == resource.RLIM_INFINITY else soft
    return math.inf


def allow_open_files(number: int = 4096) -> None:
    """Let this process and its children open so many files, as far as the system lets us: a shell
    often allows 256, which so many connections would use up.
    """
    if open_files_allowed() >= number:
        return
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def keep_caches_in_outputs(names: Iterable[str]) -> None:
    """Have libraries keep there what they would keep below HOME; what is set already stays."""
    for name in names:
        if not os.environ.get(name):
            os.environ[name] = str(outputs("cache", CACHES[name]))


def keep_temporary_files() -> None:
    """Have temporary files below outputs where no usual folder takes any: a container may be
    read-only, or its disk of temporary files full."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        os.environ["TMPDIR"] = str(outputs("cache", "temporary"))
    if os.path.isdir(SHARED_MEMORY) and not _is_writable(SHARED_MEMORY):
        # joblib tries and warns, though nothing here uses its processes
        os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")


def _is_writable(folder: str) -> bool:
    """Whether a file can be made there. Asked by making one: a read-only disk and root are not in
    the mode."""
    try:
        with tempfile.TemporaryFile(prefix="routerlib-", dir=folder):
            return True
    except OSError:
        return False


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
        return MISSING


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


def share(name: str, value: Any) -> float:
    """A part of a whole that is not nothing: above 0, and 1 at most.

    Raises:
        SettingError: it is anything else, NaN included.
    """
    if not _is_number(value) or not 0 < value <= 1:
        raise SettingError(f"{name} is {value!r}; it is a number above 0, and 1 at most.")
    return float(value)


def seconds(name: str, value: Any) -> float:
    """A time that is waited: finite, and above 0.

    Raises:
        SettingError: it is anything else.
    """
    if not _is_number(value) or not 0 < value < math.inf:
        raise SettingError(f"{name} is {value!r}; it is a number of seconds above 0.")
    return float(value)


def port(name: str, value: Any, least: int = 1) -> int:
    """A port of this machine; 0, where `least` allows it, stands for any that is free.

    Raises:
        SettingError: it is anything else.
    """
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_whole or not least <= int(value) <= MOST_PORT:
        raise SettingError(f"{name} is {value!r}; it is a number from {least} to {MOST_PORT}.")
    return int(value)


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
    stripped = (str(part).strip() for part in parts)
    return [name for name in stripped if name]


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _from(least: float) -> str:
    return " above 0" if least == 1 else f", {least:g} or more"
