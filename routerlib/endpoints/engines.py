"""The engines that serve a model here, vLLM and `transformers serve`: which one runs on this
machine, the command that starts it, its environment, and why it did not start.

Both speak OpenAI's protocol. vLLM may live in an environment of its own (`.venv-vllm`, which
`make run` installs), since its CPU build wants other versions than the notebooks do.
Processes, ports and who uses them are the business of `servers`.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import re
import shutil
import sys
from pathlib import Path

from routerlib import settings
from routerlib.endpoints import standins
from routerlib.errors import FAILED, Foreseen

VLLM, TRANSFORMERS = "vllm", "transformers"
ENGINES = (VLLM, TRANSFORMERS)
CHOICE = "ROUTERLIB_ENGINE"  # the environment's word on which engine to take
VLLM_HOME = ".venv-vllm"  # below the project's root

# What a model family needs of vLLM beyond the defaults, by the start of the model's name.
TEXT_ALONE = ["--limit-mm-per-prompt", '{"image": 0}']  # no memory for the vision tower
FAMILY_FLAGS = {
    "mistralai/": ["--tokenizer-mode", "mistral"],  # its own tokenizer file is the reference one
    "google/gemma-3": TEXT_ALONE,
    "google/gemma-4": TEXT_ALONE,
}

# `transformers serve` on a CPU. Small blocks let requests share the keys and values of a common
# prompt start (few-shot examples); attention runs over the whole cache, so it is no larger than one
# full context (8,192 tokens).
CPU_CACHE_FLAGS = [
    "--cb-block-size",
    "16",
    "--cb-num-blocks",
    "512",
    "--cb-max-batch-tokens",
    "256",
]

# vLLM on a CPU. It shares the keys and values of whole blocks, and its own 128 tokens are longer
# than most examples: with 32, the least that it computes well with, 80 sample questions with three
# answers each took 31 s instead of 87 s on two cores.
VLLM_CPU_FLAGS = ["--block-size", "32"]

# What torch compiles with where CXX names nothing else. Many images of containers have none.
COMPILER = "g++"

# GiB of memory from which on vLLM is taken on a CPU: 4 a server, and what the notebooks need.
MEMORY_FOR_VLLM = 15

# Processors compute in bfloat16 where they have instructions for it; others take several times as
# long as in float32.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}

GIB = 2**30


class EngineError(Foreseen, RuntimeError):
    """An engine is unknown or not installed; the text says which there are, or what to do."""

    exit_code = FAILED


def choose_engine(wanted: str | None = None) -> str:
    """The engine to start: the wanted one, else the environment's, else the best that runs here.

    Args:
        wanted: "vllm" or "transformers"; None: ROUTERLIB_ENGINE, or, where that is not set, vLLM
            where it is installed and there is a GPU, or memory for two of its servers on the
            processor, and transformers elsewhere. On two cores the stand-ins answer about twice as
            fast on vLLM, and are labelled several times as fast, which is more than its later start
            and its installation take; but each server needs 4 GB where transformers needs 1 GB.

    Raises:
        EngineError: there is no engine of that name, or vLLM is not installed. MissingPackages:
            transformers is not.
    """
    name = wanted or demanded()
    if name is None:
        name = VLLM if (has_gpu() or has_memory()) and vllm_python() else TRANSFORMERS
    if name not in ENGINES:
        raise EngineError(f"There is no engine {name!r}; choose one of {', '.join(ENGINES)}.")
    if name == VLLM and not vllm_python():
        raise EngineError(f"vLLM is not installed. {_how_to_install()}")
    if name == TRANSFORMERS and not importlib.util.find_spec("transformers"):
        raise settings.left_out("train", "Serving a model with transformers")
    return name


def demanded() -> str | None:
    """The engine that the environment asks for; None where it leaves the choice."""
    return os.environ.get(CHOICE, "").strip() or None


def has_gpu() -> bool:
    """Whether a driver of a GPU that vLLM knows is loaded."""
    return has_nvidia() or Path("/dev/kfd").exists()


def has_nvidia() -> bool:
    return Path("/proc/driver/nvidia/version").exists()


def has_memory() -> bool:
    """Whether two of vLLM's servers on the processor leave memory for the rest."""
    import psutil

    return bool(psutil.virtual_memory().total >= MEMORY_FOR_VLLM * GIB)


def runs_on_cpu() -> bool:
    """Whether vLLM's CPU build is made for this machine."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def vllm_python() -> str | None:
    """The interpreter that has vLLM: this one, or that of `.venv-vllm`; None without one."""
    if importlib.util.find_spec("vllm"):
        return sys.executable
    own = settings.ROOT / VLLM_HOME  # the CPU build
    is_installed = (own / ".installed").exists() and not has_gpu()
    return str(own / "bin" / "python") if is_installed else None


def _how_to_install() -> str:
    if has_gpu():
        return 'Install it with: pip install -e ".[gpu]", or use the engine transformers.'
    if runs_on_cpu():
        return f"Install it with: make {VLLM_HOME}/.installed, or use the engine transformers."
    return "Its CPU build is for Linux on x86-64: use the engine transformers here."


def command(
    engine: str, model: str, host: str, port: int, max_model_len: int | None, gpu_util: float
) -> list[str]:
    """The command line of a server.

    Args:
        model: a hub id, a local folder, or a stand-in's name.
        max_model_len: context length in tokens (vLLM; None: the model's own).
        gpu_util: share of the GPU's memory (vLLM with a GPU).
    """
    words = _vllm(model, max_model_len, gpu_util) if engine == VLLM else _transformers(model)
    return [*words, "--host", host, "--port", str(port)]


def _vllm(model: str, max_model_len: int | None, gpu_util: float) -> list[str]:
    # The module rather than the `vllm` command: the CPU build's command does not find its own
    # package.
    words = [vllm_python() or sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    if standins.is_standin(model):
        words += ["--model", str(standins.path(model)), "--served-model-name", model]
    else:
        words += ["--model", model]
    words.append("--enforce-eager")  # compiling takes a minute at each start
    if has_gpu():
        words += ["--gpu-memory-utilization", str(gpu_util)]
    else:
        words += ["--dtype", cpu_dtype(), *VLLM_CPU_FLAGS]
    if max_model_len:
        words += ["--max-model-len", str(max_model_len)]
    for start, flags in FAMILY_FLAGS.items():
        if model.startswith(start):
            words += flags
    return words


def _transformers(model: str) -> list[str]:
    words = [sys.executable, "-m", "transformers.cli.transformers", "serve", model]
    words.append("--continuous-batching")
    if not has_nvidia():
        words += ["--device", "cpu", "--dtype", cpu_dtype(), *CPU_CACHE_FLAGS]
    return words


@functools.cache
def cpu_dtype() -> str:
    """The type to compute in on this machine's processor."""
    try:
        found = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:  # no Linux
        return "bfloat16" if platform.machine() == "arm64" else "float32"
    return "bfloat16" if found & BFLOAT16_FLAGS else "float32"


def environment(engine: str, model: str) -> dict[str, str]:
    """The environment variables of a server: this process's, and what the engine needs.

    What is set already stays as it is, but for a stand-in, which needs nothing of a hub, least of
    all a folder below HOME.
    """
    settings.report_nothing()
    # Two busy processes on few cores otherwise slow each other twentyfold.
    settings.let_idle_threads_sleep()
    variables = dict(os.environ)
    if standins.is_standin(model):
        variables["HF_HUB_OFFLINE"] = "1"
        variables["HF_HOME"] = str(settings.outputs("cache", "huggingface"))
        variables.pop("HF_HUB_CACHE", None)
    elif Path(model).is_dir():
        variables.setdefault("HF_HUB_OFFLINE", "1")  # else the hub's client asks it all the same
    if engine == VLLM and not has_gpu():
        if not shutil.which(os.environ.get("CXX", COMPILER)):
            # vLLM's sampler is otherwise compiled at the first request, which kills the engine.
            variables.setdefault("TORCH_COMPILE_DISABLE", "1")
        variables.setdefault("VLLM_CPU_KVCACHE_SPACE", str(_cache_gib(model)))
        # Two servers share the cores as the system sees fit; "auto" binds both to the first one.
        variables.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        # Model and scheduler in one process: in two, the scheduler's busy loop takes a core from
        # the model, and one more process imports vLLM.
        variables.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    if engine == VLLM:  # else below HOME, which need not be writable
        variables.setdefault("VLLM_CACHE_ROOT", str(_vllm_cache(model)))
    home = Path(variables.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(variables.get("HF_HUB_CACHE") or home / "hub")
    hub.mkdir(parents=True, exist_ok=True)  # without it, /v1/models of `transformers serve` fails
    return variables


def _vllm_cache(model: str) -> Path:
    """Where vLLM keeps what it found out about a model's code, which takes it 15 s the first time:
    for the stand-ins beside them, so that every folder of outputs profits.
    """
    if standins.is_standin(model) and os.access(standins.folder(), os.W_OK):
        return standins.folder() / "cache" / "vllm"
    return settings.outputs("cache", "vllm")


def _cache_gib(model: str) -> int:
    """Memory for keys and values on a CPU, in GiB.

    A stand-in's tokens take 23 KB each, so that 1 GiB holds 46,000 of them; other models get a
    fifth of the memory that is free, from 1 to 8 GiB (vLLM's own default is nearly all of it).
    """
    if standins.is_standin(model):
        return 1
    import psutil

    return min(8, max(1, psutil.virtual_memory().available // GIB // 5))


# --- why a server did not start ---

# vLLM puts "(EngineCore pid=15569) ERROR 11-26 19:44:30 [core.py:123] " before each line; a line
# of another level tells no error, whatever it quotes.
PREFIX = re.compile(
    r"""^(\([^()]*\bpid=\d+\)\s)?             # which of its processes
        (?P<level>[A-Z]{4,})\s                 # ERROR, WARNING, INFO
        \d\d-\d\d\s[\d:]+\s\[[^\]]*\]\s?        # when, and where in its code
    """,
    re.VERBOSE,
)
PROCESS = re.compile(r"^\([^()]*\bpid=\d+\)\s?")
# The last line of a traceback: "ValueError: To serve at least one request …", "a.b.SomeError".
RAISED = re.compile(r"^([A-Za-z_]\w*\.)*\w*([Ee]rror|Exception|Interrupt)(:\s|$)")
# What argument parsers and web servers say: "api_server.py: error: argument --x: …",
# "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): …".
SAID = re.compile(r"^(\S+: )?(error|fatal)\b[^:]*:\s*(?!Traceback)\S", re.IGNORECASE)


def cause(log: str | Path) -> str | None:
    """The first error that a server's log tells, in one or two lines; None where it tells none.

    The first is the cause. What follows ("see root cause above") are the other processes that
    lost this one.
    """
    lines = _log_text(log)
    for number, line in enumerate(lines):
        match = PREFIX.match(line)
        text = line[match.end() :] if match else PROCESS.sub("", line)
        if match and match["level"] != "ERROR":
            continue
        if RAISED.match(text) or SAID.match(text):
            return _with_rest(text.strip(), lines[number + 1 :])
    return None


def _with_rest(text: str, following: list[str]) -> str:
    """An error's text with its next line, where the first only opens it ("… validation error:")."""
    if following and (text.endswith(":") or re.search(r"\d+ validation errors? for", text)):
        last = following[0]
        match = PREFIX.match(last)
        text = f"{text} {(last[match.end() :] if match else PROCESS.sub('', last)).strip()}"
    return text[:600]


def tail(log: str | Path, lines: int = 15) -> str:
    """The last lines of a log, indented."""
    return "\n".join(f"  {line}" for line in _log_text(log)[-lines:]) or "  (nothing)"


def _log_text(log: str | Path) -> list[str]:
    path = Path(log)
    text = path.read_text(errors="replace") if path.is_file() else ""
    return text.strip().splitlines()
