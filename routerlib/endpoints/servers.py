"""Start, find and stop a local OpenAI-compatible server: vLLM where there is a GPU, else `transformers serve`.

A server runs in the background, listens on 127.0.0.1 only, writes a log below outputs/logs, and is
remembered in a small file beside it, so that any later process can find it or stop it. Remote endpoints
need no server; talking to either kind is `clients`' business.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pydantic

from routerlib import settings
from routerlib.endpoints import standins
from routerlib.errors import FAILED, Foreseen

HOST = "127.0.0.1"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
BROKEN = 503  # what /health answers where the part that computes has died; the process may live on
ENGINES = ("vllm", "transformers")
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
TEMPERATURE = 0.7  # of a server's first request, where nobody says what the others will ask for

# What a model family needs of vLLM beyond the defaults, by the start of the model's name.
FAMILY_FLAGS = {
    "mistralai/": ["--tokenizer-mode", "mistral"],  # its own tokenizer file is the reference one
    "google/gemma-3": [
        "--limit-mm-per-prompt",
        '{"image": 0}',
    ],  # text alone: no memory for the vision tower
    "google/gemma-4": ["--limit-mm-per-prompt", '{"image": 0}'],
}

# `transformers serve` on a CPU. Small blocks let requests share the keys and values of a common prompt start
# (few-shot examples); attention runs over the whole cache, so it is no larger than one full context (8,192 tokens).
CPU_CACHE_FLAGS = [
    "--cb-block-size",
    "16",
    "--cb-num-blocks",
    "512",
    "--cb-max-batch-tokens",
    "256",
]


class ServerError(Foreseen, RuntimeError):
    """A server could not be started, found or used; the text says why and what to do."""

    exit_code = FAILED


@dataclass(frozen=True)
class Server:
    """A running server: what it serves, where, and which process it is."""

    model: str
    port: int
    engine: str
    pid: pydantic.PositiveInt
    born: float  # see `_born`: a recycled process id is not our server
    log: str
    temperature: float | None = (
        None  # where the engine keeps that of its first request; None: each request's own
    )

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}/v1"


def choose_engine() -> str:
    """vLLM where it is installed and a GPU is present, else transformers."""
    has_gpu = Path("/proc/driver/nvidia/version").exists() or Path("/dev/kfd").exists()
    return "vllm" if has_gpu and importlib.util.find_spec("vllm") else "transformers"


def serve(
    model: str,
    port: int = 8000,
    engine: str | None = None,
    max_model_len: int | None = None,
    gpu_util: float = 0.95,
    temperature: float | None = None,
    timeout: float = 900.0,
) -> Server:
    """Start a server in the background and wait until it answers; one that already serves the model is reused.

    Example:
        server = routerlib.serve("Qwen/Qwen2.5-1.5B-Instruct", port=8001)
        print(server.base_url)

    Args:
        model: a hub id, a local folder, or a stand-in's name.
        port: on 127.0.0.1.
        engine: "vllm" or "transformers". Without it, whichever runs here.
        max_model_len: context length in tokens (vLLM). Without it, the model's own.
        gpu_util: share of the GPU's memory (vLLM).
        temperature: of the warm-up request, whose sampling `transformers serve` keeps. Without it, 0.7, and
            a server that runs already may have any.
        timeout: seconds to wait until it answers.

    Raises:
        ServerError: there is no such port or model, the port is taken, the process died (with the log's last lines),
            or it never answered. settings.SettingError: another argument is out of range.
    """
    _check(model, port, max_model_len, gpu_util, temperature, timeout)
    running = _working(port)
    if (
        running
        and running.model == model
        and (temperature is None or running.temperature in (None, temperature))
    ):
        if _health(port) != 200:  # somebody else is just starting it
            _make_ready(running, timeout)
        return running
    if running or _port_taken(port):
        what = f"the server of {running.model}" if running else "another program"
        raise ServerError(
            f"Port {port} is taken by {what}. Choose another with --port"
            + (f", or stop it: python -m routerlib serve --stop --port {port}." if running else ".")
        )
    engine, temperature = (
        engine or choose_engine(),
        TEMPERATURE if temperature is None else temperature,
    )
    fixed = temperature if engine == "transformers" else None
    server = _launch(
        model, port, engine, _command(model, port, engine, max_model_len, gpu_util), fixed
    )
    try:
        _make_ready(server, timeout)
    except BaseException:
        stop(port)
        raise
    return server


def _check(
    model: str,
    port: int,
    max_model_len: int | None,
    gpu_util: float,
    temperature: float | None,
    timeout: float,
) -> None:
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ServerError(f"The port is {port!r}; it is a number from 1 to 65535.")
    is_misspelt = str(model).startswith("standin") and not standins.is_standin(model)
    is_folder = bool(model) and Path(model).is_dir()  # Path("") is the folder we are in
    if not is_folder and (is_misspelt or not HUB_ID.fullmatch(model)):
        raise ServerError(
            f"There is no folder {model}, and it is no hub id either. Name a model's folder, a hub id such as "
            f"Qwen/Qwen2.5-1.5B-Instruct, or a stand-in: {', '.join(standins.NAMES)}."
        )
    if max_model_len is not None:
        settings.whole("MAX_MODEL_LEN", max_model_len)
    settings.number("GPU_UTIL", gpu_util, most=1)
    settings.number("TEMPERATURE", TEMPERATURE if temperature is None else temperature, most=2)
    settings.number("TIMEOUT", timeout)


def _command(
    model: str, port: int, engine: str, max_model_len: int | None, gpu_util: float
) -> list[str]:
    if engine == "vllm":
        # The module rather than the `vllm` command: the CPU build's command does not find its own package.
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
        command += ["--enforce-eager", "--gpu-memory-utilization", str(gpu_util)]
        command += ["--max-model-len", str(max_model_len)] if max_model_len else []
        command += next(
            (flags for start, flags in FAMILY_FLAGS.items() if model.startswith(start)), []
        )
    elif engine == "transformers":
        command = [
            sys.executable,
            "-m",
            "transformers.cli.transformers",
            "serve",
            model,
            "--continuous-batching",
        ]
        if not Path("/proc/driver/nvidia/version").exists():
            command += ["--device", "cpu", "--dtype", "bfloat16", *CPU_CACHE_FLAGS]
    else:
        raise ServerError(f"There is no engine {engine!r}; choose one of {', '.join(ENGINES)}.")
    return [*command, "--host", HOST, "--port", str(port)]


def _launch(
    model: str, port: int, engine: str, command: list[str], temperature: float | None
) -> Server:
    import psutil

    if engine == "vllm" and not importlib.util.find_spec("vllm"):
        raise ServerError(
            'vLLM is not installed. Install it with: pip install -e ".[gpu]", or use --engine transformers.'
        )
    log = settings.outputs("logs", f"server-{port}.log")
    folder = settings.ROOT
    if standins.is_standin(model):
        folder = standins.path(
            model
        ).parent  # the server knows a model by the path it was given: here, its name
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(model),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    born = _born(psutil.Process(process.pid))
    server = Server(model, port, engine, process.pid, born, str(log), temperature)
    _memory(port).write_text(json.dumps(asdict(server)))
    return server


def _environment(model: str) -> dict[str, str]:
    settings.report_nothing()
    environment = dict(os.environ)
    if standins.is_standin(model):  # it needs nothing of the hub, least of all a folder below HOME
        environment["HF_HUB_OFFLINE"] = "1"
        environment["HF_HOME"] = str(settings.outputs("cache", "huggingface"))
        environment.pop("HF_HUB_CACHE", None)
    # Threads that wait should sleep: two busy processes on few cores otherwise slow each other twentyfold.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    home = Path(environment.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    Path(environment.get("HF_HUB_CACHE") or home / "hub").mkdir(
        parents=True, exist_ok=True
    )  # else /v1/models fails
    return environment


def _make_ready(server: Server, timeout: float) -> None:
    _wait_until_ready(server, timeout)
    _warm_up(server, TEMPERATURE if server.temperature is None else server.temperature)


def _wait_until_ready(server: Server, timeout: float) -> None:
    start, said = time.monotonic(), 0.0
    while _health(server.port) != 200:
        elapsed = time.monotonic() - start
        if not is_alive(server):
            raise ServerError(
                f"The server of {server.model} stopped while starting. Its log ends:\n{tail(server.log)}"
            )
        if elapsed > timeout:
            raise ServerError(
                f"The server of {server.model} did not answer within {timeout:.0f} s. Its log ends:\n{tail(server.log)}"
            )
        if elapsed - said >= 5:
            said = elapsed
            print(
                f"  waiting for {server.model} on port {server.port}, {elapsed:.0f} s …", flush=True
            )
        time.sleep(0.2)


def _warm_up(server: Server, temperature: float) -> None:
    body = {"model": server.model, "prompt": "1 2 3", "max_tokens": 1, "temperature": temperature}
    status, text = _post(f"{server.base_url}/completions", body, timeout=300)
    if status != 200:
        raise ServerError(
            f"The server of {server.model} refused a first request ({status}): {text[:500]}"
        )


def stop(port: int = 8000) -> bool:
    """Stop the server on a port, if we started one. Returns whether there was one."""
    server = find(port)
    _memory(port).unlink(missing_ok=True)
    if server is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while is_alive(server) and time.monotonic() < deadline:
            time.sleep(0.1)
        if is_alive(server):
            os.killpg(server.pid, signal.SIGKILL)
    return True


def find(port: int) -> Server | None:
    """The server we started on a port, if it is still alive."""
    server = _remembered(port)
    return server if server and is_alive(server) else None


def _remembered(port: int) -> Server | None:
    try:
        return pydantic.TypeAdapter(Server).validate_json(_memory(port).read_bytes())
    except (OSError, ValueError):
        return None


def _working(port: int) -> Server | None:
    """The server we started on a port; one that says itself that it cannot answer any more is stopped."""
    server = find(port)
    if server and _health(port) == BROKEN:
        stop(port)
        return None
    return server


def what_died(api_base: str) -> str | None:
    """Of a server of ours that should answer here and never will again: what happened, and where its log is.

    None for one that lives, was stopped on purpose, or is not ours: these may come back.
    """
    parts = urlsplit(api_base)
    server = _remembered(parts.port or 80) if parts.hostname in LOCAL_HOSTS else None
    if server is None or (
        _health(server.port) != BROKEN if is_alive(server) else _port_taken(server.port)
    ):
        return None
    return f"The server of {server.model} on port {server.port} died. Its log, {server.log}, ends:\n{tail(server.log)}"


def is_alive(server: Server) -> bool:
    """Whether the server's process runs; a dead child that nobody has waited for does not."""
    import psutil

    try:
        process = psutil.Process(server.pid)
        return _born(process) == server.born and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _born(process: Any) -> float:
    """When a process was created, in seconds; on Linux from the machine's start, since there the creation time moves
    with a clock that is set."""
    import psutil

    return round(process.create_time() - (psutil.boot_time() if psutil.LINUX else 0.0), 2)


def ensure(model: str, api_base: str, temperature: float | None = None) -> Server | None:
    """Make sure that `model` answers at `api_base`: a stand-in's server is started if nothing listens there.

    Args:
        temperature: what the requests will ask for; None where it does not matter.

    Returns:
        the server that this call started (stop it with `release`), or None where one was there already.

    Raises:
        ServerError: nothing answers and the model is none we start ourselves, or something else answers.
    """
    try:
        parts = urlsplit(api_base or "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except (TypeError, ValueError, AttributeError) as error:
        raise ServerError(f"{api_base!r} is no address of a server ({error}).") from None
    if parts.hostname not in LOCAL_HOSTS:
        return None
    running = _working(port)
    if not _port_taken(port):
        if standins.is_standin(model):
            return serve(model, port=port, temperature=temperature)
        raise ServerError(
            f"Nothing answers at {api_base}. Start a server, for example with\n"
            f"  python -m routerlib serve --model {model} --port {port}\n"
            "or name the address of one that runs."
        )
    status, text = _post(
        f"{api_base.rstrip('/')}/completions", {"model": model, "prompt": "1", "max_tokens": 1}, 120
    )
    if status in (400, 404) and standins.is_standin(model):
        raise ServerError(
            f"The server at {api_base} does not serve {model}: {text[:300]} Name another address, or stop that server "
            f"(one of ours: python -m routerlib serve --stop --port {port})."
        )
    if not status:
        raise ServerError(
            f"Something listens at {api_base}, but a first request failed ({text}). Stop it, or wait."
        )
    if not running:
        _memory(port).unlink(missing_ok=True)  # of a server that was here before this one
    if running and temperature is not None and running.temperature not in (None, temperature):
        raise ServerError(
            f"The server at {api_base} samples at temperature {running.temperature}, which its first request fixed, "
            f"not at {temperature}. Take that temperature, or stop the server and run this again:\n"
            f"  python -m routerlib serve --stop --port {port}"
        )
    return None


def end_tokens(model: str, api_base: str, stop: Sequence[str], max_tokens: int) -> dict[str, Any]:
    """Request fields by which `transformers serve` ends an answer at a stop string; empty for every other server.

    With continuous batching it ignores `stop`, but takes end tokens for each request. Every token whose text
    holds a stop string is one, so that the answer costs no more than it is worth; its text is cut by `clients`.
    """
    server = find(urlsplit(api_base).port or 80)
    if server is None or server.engine != "transformers" or not stop:
        return {}
    folder = standins.path(model) if standins.is_standin(model) else Path(model)
    if server.model != model or not (folder / "tokenizer.json").is_file():
        return {}
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = (
        tokenizer.decode([number], skip_special_tokens=False)
        for number in range(tokenizer.get_vocab_size())
    )
    ends = [number for number, text in enumerate(texts) if any(mark in text for mark in stop)]
    own = json.loads((folder / "generation_config.json").read_text()).get("eos_token_id")
    ends += own if isinstance(own, list) else [own] if own is not None else []
    generation = {
        "eos_token_id": sorted(set(ends)),
        "do_sample": True,
        "max_new_tokens": max_tokens,
    }
    return {"generation_config": json.dumps(generation)}


def release(*servers: Server | None) -> None:
    """Stop the servers that `ensure` started; None, for one that was there already, is passed over."""
    for server in servers:
        if server is not None:
            stop(server.port)


def free_port() -> int:
    """A port on 127.0.0.1 that nothing uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def tail(log: str | Path, lines: int = 15) -> str:
    """The last lines of a log, indented."""
    text = Path(log).read_text(errors="replace") if Path(log).is_file() else ""
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-lines:]) or "  (nothing)"


def _memory(port: int) -> Path:
    return settings.outputs("logs", f"server-{port}.json")


def _port_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((HOST, port)) == 0


def _health(port: int) -> int:
    """The status of /health; 0 where nothing answers."""
    return _ask(f"http://{HOST}:{port}/health", timeout=2)[0]


def _post(url: str, body: dict, timeout: float) -> tuple[int, str]:
    return _ask(
        urllib.request.Request(
            url, json.dumps(body).encode(), {"Content-Type": "application/json"}
        ),
        timeout,
    )


def _ask(request: str | urllib.request.Request, timeout: float) -> tuple[int, str]:
    """Status and text of an answer; (0, why) where there is none."""
    try:
        with _direct().open(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return 0, str(error) or type(error).__name__


def _direct() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({})
    )  # a local address needs no proxy
