"""Start, find, share and stop local OpenAI-compatible servers.

A server runs in the background, listens on this machine only, writes a log below outputs/logs, and
is remembered in a small file beside it. The file names the processes that use the server, its
holders: it is stopped when the last one lets go of it (or by hand, where `serve` started it), and
one whose holders are all gone is used or stopped by whoever comes next. Which engine runs and how
is the business of `engines`; talking to a model is that of `clients`. Remote endpoints need none.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pydantic

from routerlib import settings
from routerlib.endpoints import addresses, engines, standins
from routerlib.endpoints.addresses import HOST
from routerlib.errors import FAILED, Foreseen
from routerlib.progress import deferring_signals

BROKEN = 503  # what /health answers where the part that computes has died; the process may live on
TEMPERATURE = 0.7  # of a server's first request, where nobody says what the others will ask for
EVERYBODYS = "/tmp"
MEMORY = "ROUTERLIB_SERVER_MEMORY"  # in a server's environment: the file that remembers it
DESCRIBED_IN = ("config.json", "params.json")  # files of which a model's folder has one
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
PATIENCE = 10.0  # seconds that a server may take to say which models it has
RESTARTS = 3  # of one server by one process: after that it is the server that is wrong


class ServerError(Foreseen, RuntimeError):
    """A server could not be started, found or used; the text says why and what to do."""

    exit_code = FAILED


class PortTaken(ServerError):
    """Something else listens there."""


@dataclass(frozen=True)
class Holder:
    """A process that uses a server. Its number alone may be another's tomorrow."""

    pid: pydantic.PositiveInt
    born: float  # see `_born`


@dataclass(frozen=True)
class Server:
    """A server of ours: what it serves, where, which process it is, and who uses it.

    `temperature` is set where the engine keeps that of its first request; with None each request
    has its own. `is_kept` says that it stays until it is stopped by hand.
    """

    model: str
    port: int
    engine: str
    pid: pydantic.PositiveInt
    born: float
    log: str
    temperature: float | None = None
    host: str = HOST
    memory: str = ""
    is_kept: bool = True
    holders: tuple[Holder, ...] = ()

    @property
    def base_url(self) -> str:
        return f"{addresses.root(self.host, self.port)}/v1"

    @property
    def users(self) -> tuple[Holder, ...]:
        """The holders that live."""
        return tuple(holder for holder in self.holders if _lives(holder))

    @property
    def is_abandoned(self) -> bool:
        """Whether those who used it are gone and nobody wanted it kept."""
        return not self.is_kept and not self.users

    def fits(self, model: str, engine: str | None, temperature: float | None) -> bool:
        """Whether it serves the model, on this engine and at this temperature (None: on any)."""
        at_temperature = temperature is None or self.temperature in (None, temperature)
        return self.model == model and engine in (None, self.engine) and at_temperature


@dataclass
class Place:
    """Where a model answers: its address, and the server of ours there, which this process holds.

    `server` is None where the server is not ours. `release` lets go of a place.
    """

    model: str
    base_url: str
    temperature: float | None = None
    server: Server | None = None
    losses: int = 0


# --- to start one by hand ---


def serve(
    model: str,
    port: int = 8000,
    engine: str | None = None,
    max_model_len: int | None = None,
    gpu_util: float = 0.95,
    temperature: float | None = None,
    timeout: float = 900.0,
) -> Server:
    """Start a server in the background and wait until it answers.

    One that already serves the model is used. It stays until it is stopped.

    Example:
        server = routerlib.serve("Qwen/Qwen2.5-1.5B-Instruct", port=8001)
        print(server.base_url)

    Args:
        model: a hub id, a local folder, or a stand-in's name.
        port: on 127.0.0.1.
        engine: "vllm" or "transformers". Without it, ROUTERLIB_ENGINE, or whichever runs here.
        max_model_len: context length in tokens (vLLM). Without it, the model's own.
        gpu_util: share of the GPU's memory (vLLM).
        temperature: of the warm-up request, whose sampling `transformers serve` keeps. Without it,
            0.7, and a server that runs already may have any.
        timeout: seconds to wait until it answers.

    Raises:
        ServerError: there is no such model, the port is taken, the process died (with the first
            error of its log), or it never answered.
        EngineError: there is no such engine, or it is not installed.
        SettingError: another argument is out of range.
    """
    _check_settings(model, port, max_model_len, gpu_util, temperature, timeout)
    wish = _Wish(model, HOST, port, engine, max_model_len, gpu_util, temperature, timeout)
    return _obtain(wish, holder=None)


def stop(port: int = 8000, force: bool = False) -> bool:
    """Stop the server on a port, if it is ours. Returns whether there was one.

    Args:
        force: stop it even where another process uses it.

    Raises:
        ServerError: another process uses it.
    """
    with _alone():
        server = find(port)
        if server is None:
            _memory(port).unlink(missing_ok=True)
            return False
        others = [holder for holder in server.users if holder != _me()]
        if others and not force:
            raise ServerError(
                f"The server of {server.model} on port {port} is used by "
                f"{_holder_named(others[0])}. Wait until that has ended, or stop the server all "
                "the same with --force."
            )
        _stop_and_forget(server)
        return True


# --- to use one, together with others ---


def ensure(model: str, api_base: str, temperature: float | None = None) -> Place:
    """Make sure that `model` answers, and hold its server where it is ours. Let go with `release`.

    A stand-in's server is started if nothing listens at the address; where something else does, at
    a free port. A server of ours that runs already is shared.

    Args:
        api_base: where the model should answer. Remote addresses are left alone.
        temperature: what the requests will ask for; None where it does not matter.

    Returns:
        the place where it answers; its `base_url` may differ from `api_base` for a stand-in.

    Raises:
        ServerError: nothing answers and the model is none we start ourselves, or something else
            answers.
    """
    try:
        host, port = addresses.host_and_port(api_base)
    except ValueError as error:
        raise ServerError(f"{api_base!r} is no address of a server ({error}).") from None
    place = Place(model, api_base, temperature)
    if not addresses.is_here(api_base):
        return place
    if standins.is_standin(model):
        standins.path(model)
        _settle_standin(place, host, port)
    else:
        _settle_own(place)
    _sweep()
    _held[_key(place.base_url)] = place
    return place


def begin(begun: list[Place], model: str, api_base: str, temperature: float | None = None) -> None:
    """Start the server of a stand-in without waiting for it: `ensure` does that, when it is needed.

    Several that start at the same time are ready in little more than the time of one. Where
    something listens at the address already, nothing is started: `ensure` sees what it is.

    Args:
        begun: the place is put in here, to be let go of with `release` whether or not `ensure` was
            called. A signal that ends us comes before or after: what was started is always in it.
    """
    is_here = addresses.is_here(api_base)
    if is_here and not addresses.is_listening(*addresses.host_and_port(api_base)):
        engines.choose_engine()  # a wrong one is told before a model is made
    standins.path(model)  # which may take a while
    place = Place(model, api_base, temperature)
    with deferring_signals():
        begun.append(place)
        if is_here:
            _begin_here(place, *addresses.host_and_port(api_base))


def _begin_here(place: Place, host: str, port: int) -> None:
    if addresses.is_listening(host, port):
        return
    wish = _standin_wish(place, host, port)
    launched = replace(wish, engine=engines.choose_engine(wish.engine))
    with contextlib.suppress(PortTaken):  # `ensure` takes a free one, and says so
        place.server, _ = _join_or_launch(launched, wish, _me())


def expect(model: str, api_base: str) -> None:
    """Say now that nothing will answer later: before long work that comes first. Starts nothing.

    Raises:
        ServerError: the model is none that `ensure` starts, its address is on this machine, and
            nothing answers there, or something else does.
    """
    with contextlib.suppress(ValueError):  # no address at all: `ensure` says so
        if addresses.is_here(api_base) and not standins.is_standin(model):
            _check_that_it_answers(model, api_base)


def release(*places: Place | None) -> None:
    """Let go of places; a server that nobody else uses, and nobody wanted kept, is stopped."""
    for place in places:
        if place is None:
            continue
        if _held.get(_key(place.base_url)) is place:
            del _held[_key(place.base_url)]
        if place.server is not None:
            _let_go(place.server)
            place.server = None


@contextlib.contextmanager
def held(api_base: str) -> Iterator[None]:
    """Use whatever server of ours is at an address; it is not stopped meanwhile."""
    server = _hold(api_base) if addresses.is_here(api_base) else None
    try:
        yield
    finally:
        if server is not None:
            _let_go(server)


def revive(api_base: str) -> str | None:
    """Where a server is gone that this process may start, start it again.

    Returns:
        why no server will answer there again, in a sentence; None where one does, or where it may
        come back by itself.
    """
    with _reviving:
        place = _held.get(_key(api_base)) if addresses.is_here(api_base) else None
        if place is None or not standins.is_standin(place.model):
            return what_died(api_base)
        host, port = addresses.host_and_port(api_base)
        server = find(port)
        if server is not None and _health(server) != BROKEN:
            place.server = server
            return None
        if server is None and addresses.is_listening(host, port):
            return None
        if place.losses >= RESTARTS:
            return what_died(api_base) or f"The server at {api_base} was lost {RESTARTS} times."
        place.losses += 1
        print(f"The server of {place.model} at {api_base} is gone; starting it again …", flush=True)
        with _alone():
            lost = _remembered(_memory(port))
            if lost:
                _write(_without_me(lost))  # the new one is held anew
        try:
            place.server = _obtain(_standin_wish(place, host, port), _me())
        except (ServerError, engines.EngineError) as error:
            return str(error)
        return None


def what_died(api_base: str) -> str | None:
    """Of a server of ours that should answer here and never will again: what happened, and its log.

    None for one that lives, was stopped on purpose, or is not ours: these may come back.
    """
    if not addresses.is_here(api_base):
        return None
    host, port = addresses.host_and_port(api_base)
    server = _remembered(_memory(port))
    if server is None:
        return None
    if is_alive(server):
        is_lost = _health(server) == BROKEN
    else:
        is_lost = not addresses.is_listening(host, port)
    if not is_lost:
        return None
    return f"The server of {server.model} on port {port} died. {_why_gone(server)}"


def find(port: int) -> Server | None:
    """The living server of ours on a port, whichever outputs folder remembers it."""
    server = _remembered(_memory(port))
    if server and is_alive(server):
        return server
    return next((server for server in _elsewhere() if server.port == port), None)


def is_alive(server: Server | Holder) -> bool:
    """Whether the server's process runs; a dead child that nobody has waited for does not."""
    return _lives(server)


def end_tokens(model: str, api_base: str, stop: Sequence[str], max_tokens: int) -> dict[str, Any]:
    """Request fields by which `transformers serve` ends an answer at a stop string.

    Empty for every other server. With continuous batching it ignores `stop`, but takes end tokens
    for each request. Every token whose text holds a stop string is one, so that the answer costs no
    more than it is worth; its text is cut by `clients`.
    """
    server = find(addresses.host_and_port(api_base)[1])
    if server is None or server.engine != engines.TRANSFORMERS or not stop:
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
    if isinstance(own, list):
        ends += own
    elif own is not None:
        ends.append(own)
    generation = {
        "eos_token_id": sorted(set(ends)),
        "do_sample": True,
        "max_new_tokens": max_tokens,
    }
    return {"generation_config": json.dumps(generation)}


# --- where a model answers ---

_held: dict[tuple[str, int], Place] = {}  # by this process
_reviving = threading.Lock()


@atexit.register
def _let_go_of_all() -> None:
    """Whatever a process holds ends with it; one that is killed is found by the next."""
    release(*list(_held.values()))


def _key(base_url: str) -> tuple[str, int]:
    return addresses.host_and_port(base_url)


def _settle_standin(place: Place, host: str, port: int) -> None:
    """Find or start the server of a stand-in: at its usual address, else at a free port."""
    wish = _standin_wish(place, host, port)
    if find(port) is None and addresses.is_listening(host, port):
        other = _other_than(place.model, place.base_url)
        if other is None:
            return
    else:
        try:
            place.server = _obtain(wish, _me())
            return
        except PortTaken as taken:
            other = str(taken)
    alike = next((s for s in _all() if s.fits(wish.model, wish.engine, wish.temperature)), None)
    port = alike.port if alike else addresses.free_port(wish.host)
    place.server = _obtain(replace(wish, port=port), _me())
    place.base_url = place.server.base_url
    print(f"{other} {place.model} answers at {place.base_url} instead.", flush=True)


def _settle_own(place: Place) -> None:
    """Check that a model of the user's answers, and hold its server where it is ours."""
    model, api_base = place.model, place.base_url
    _check_that_it_answers(model, api_base)
    server = _hold(api_base)
    if server and server.model == model and not server.fits(model, None, place.temperature):
        _let_go(server)
        raise ServerError(
            f"The server at {api_base} samples at temperature {server.temperature}, which its "
            f"first request fixed, not at {place.temperature}. Take that temperature, or stop the "
            f"server and run this again:\n  python -m routerlib serve --stop --port {server.port}"
        )
    place.server = server


def _check_that_it_answers(model: str, api_base: str) -> None:
    host, port = addresses.host_and_port(api_base)
    if not addresses.is_listening(host, port):
        raise ServerError(
            f"Nothing answers at {api_base}. Start a server, for example with\n"
            f"  python -m routerlib serve --model {model} --port {port}\n"
            "or name the address of one that runs."
        )
    status, text = _first_answer(model, api_base)
    if not status:
        raise ServerError(
            f"Something listens at {api_base}, but a first request failed ({text}). "
            "Stop it, or wait."
        )
    if not _is_json(text) and not _lists_models(api_base):
        raise ServerError(
            f"Something else than a model's server listens at {api_base}: it answered {status} and "
            "no JSON. Check the address (which ends in /v1 as a rule), or stop what listens there."
        )


def _other_than(model: str, api_base: str) -> str | None:
    """What listens at an address instead of the model's server; None where the model answers.

    A busy model may take long for its answer, but not for its name: what is silent then is no model
    that is worth waiting for.
    """
    status, text = addresses.fetch(f"{api_base.rstrip('/')}/models", timeout=PATIENCE)
    if status:
        status, text = _first_answer(model, api_base)
    if status == 200 and _is_completion_of(model, text):
        return None
    if not status:
        return f"Something listens at {api_base}, but a first request failed ({text})."
    return f"Something else listens at {api_base} (it answered {status})."


def _first_answer(model: str, api_base: str) -> tuple[int, str]:
    body = {"model": model, "prompt": "1", "max_tokens": 1}
    return addresses.fetch(f"{api_base.rstrip('/')}/completions", body, timeout=120)


def _is_completion_of(model: str, text: str) -> bool:
    """Whether a text is a completion, and not one that names another model as its author."""
    try:
        answer = json.loads(text)
        has_text = isinstance(answer["choices"][0]["text"], str)
    except (ValueError, LookupError, TypeError):
        return False
    author = answer.get("model")
    return has_text and (not isinstance(author, str) or model in author)


def _lists_models(api_base: str) -> bool:
    """A server that knows chats alone may answer anything at the path of completions."""
    status, text = addresses.fetch(f"{api_base.rstrip('/')}/models", timeout=10)
    return status == 200 and _is_json(text)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


# --- obtaining a server: found or started, by one process at a time ---


@dataclass(frozen=True)
class _Wish:
    """A server as it should be."""

    model: str
    host: str
    port: int
    engine: str | None = None
    max_model_len: int | None = None
    gpu_util: float = 0.95
    temperature: float | None = None
    timeout: float = 900.0


def _standin_wish(place: Place, host: str, port: int) -> _Wish:
    own = host if host == "::1" else HOST
    return _Wish(place.model, own, port, engines.demanded(), temperature=place.temperature)


def _check_settings(
    model: str,
    port: int,
    max_model_len: int | None,
    gpu_util: float,
    temperature: float | None,
    timeout: float,
) -> None:
    settings.port("PORT", port)
    is_misspelt = str(model).startswith("standin") and not standins.is_standin(model)
    is_folder = bool(model) and Path(model).is_dir()  # Path("") is the folder we are in
    if not is_folder and (is_misspelt or not HUB_ID.fullmatch(model)):
        raise ServerError(
            f"There is no folder {model}, and it is no hub id either. Name a model's folder, a hub "
            "id such as Qwen/Qwen2.5-1.5B-Instruct, or a stand-in: "
            f"{', '.join(standins.NAMES)}."
        )
    if is_folder and not any(Path(model, name).exists() for name in DESCRIBED_IN):
        raise ServerError(
            f"{model} holds no model: there is no {' or '.join(DESCRIBED_IN)} in it. Name the "
            "folder in which it is."
        )
    if max_model_len is not None:
        settings.whole("MAX_MODEL_LEN", max_model_len)
    settings.share("GPU_UTIL", gpu_util)
    settings.number("TEMPERATURE", TEMPERATURE if temperature is None else temperature, most=2)
    settings.seconds("TIMEOUT", timeout)


def _obtain(wish: _Wish, holder: Holder | None) -> Server:
    """A server as wished, which answers: one that is there, or a new one.

    Args:
        holder: who will use it; None: it is kept until somebody stops it.

    Raises:
        PortTaken: something else listens there.
        ServerError: it did not start.
    """
    engine = engines.choose_engine(wish.engine)
    while True:
        server, is_new = _join_or_launch(replace(wish, engine=engine), wish, holder)
        try:
            if is_new or _health(server) != 200:  # else somebody else is just starting it
                _wait_until_ready(server, wish.timeout)
                _warm_up(server)
            return server
        except ServerError:
            was_lost = not is_alive(server)
            _give_up(server, is_new)
            if is_new or not was_lost:
                raise
            print(
                f"Whoever was starting the server of {server.model} on port {server.port} has "
                "stopped it; starting it here …",
                flush=True,
            )
        except BaseException:
            _give_up(server, is_new)
            raise


def _join_or_launch(launched: _Wish, wish: _Wish, holder: Holder | None) -> tuple[Server, bool]:
    """A server that runs there, or a new one; and whether it is new.

    Args:
        launched: the wish with the engine that a new server runs on; `wish` may leave it open.
    """
    with _alone():
        joined = _join(wish, holder)
        if joined is not None:
            return joined, False
        lost = _remembered(_memory(wish.port))
        if lost:
            _kill(lost)  # what is left of it
        server = _launch(launched, holder)
        if lost:  # whoever used that uses the new one
            server = _write(replace(server, holders=(*lost.users, *server.holders)))
        return server, True


def _join(wish: _Wish, holder: Holder | None) -> Server | None:
    """The server that runs there already, with one more holder; None where the port is free."""
    running = find(wish.port)
    if running and _health(running) == BROKEN:
        _kill(running)
        running = None
    if running and running.fits(wish.model, wish.engine, wish.temperature):
        if running.is_abandoned:
            print(f"Using the server of {running.model} that an earlier run has left on port "
                  f"{running.port}.", flush=True)  # fmt: skip
        return _with_holder(running, holder)
    if running and running.is_abandoned:
        _tell_abandoned(running)
        _stop_and_forget(running)
        running = None
    if running:
        raise PortTaken(
            f"Port {wish.port} is taken by the server of {running.model} ({running.engine}"
            f"{_temperature_told(running)}). Choose another with --port, or stop it: "
            f"python -m routerlib serve --stop --port {wish.port}."
        )
    if addresses.is_listening(wish.host, wish.port):
        raise PortTaken(
            f"Port {wish.port} is taken by another program. Choose another with --port."
        )
    return None


def _temperature_told(server: Server) -> str:
    return "" if server.temperature is None else f", temperature {server.temperature}"


def _launch(wish: _Wish, holder: Holder | None) -> Server:
    import psutil

    engine = wish.engine or engines.choose_engine()
    words = engines.command(
        engine, wish.model, wish.host, wish.port, wish.max_model_len, wish.gpu_util
    )
    log = settings.outputs("logs", f"server-{wish.port}.log")
    memory = _memory(wish.port).resolve()
    folder = settings.ROOT
    if standins.is_standin(wish.model) and engine == engines.TRANSFORMERS:
        # It knows a model by the path it was given: here, its name.
        folder = standins.path(wish.model).parent
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=engines.environment(engine, wish.model) | {MEMORY: str(memory)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    keeps_temperature = engine == engines.TRANSFORMERS
    temperature = TEMPERATURE if wish.temperature is None else wish.temperature
    server = Server(
        model=wish.model,
        port=wish.port,
        engine=engine,
        pid=process.pid,
        born=_born(psutil.Process(process.pid)),
        log=str(log),
        temperature=temperature if keeps_temperature else None,
        host=wish.host,
        memory=str(memory),
        is_kept=holder is None,
        holders=(holder,) if holder else (),
    )
    return _write(server)


def _wait_until_ready(server: Server, timeout: float) -> None:
    start, said = time.monotonic(), 0.0
    while _health(server) != 200:
        elapsed = time.monotonic() - start
        if not is_alive(server):
            raise ServerError(
                f"The server of {server.model} stopped while starting. {_why_gone(server)}"
            )
        if elapsed > timeout:
            raise ServerError(
                f"The server of {server.model} did not answer within {timeout:.0f} s. "
                f"{_why_gone(server)}"
            )
        if elapsed - said >= 5:
            said = elapsed
            print(
                f"  waiting for {server.model} on port {server.port}, {elapsed:.0f} s …", flush=True
            )
        time.sleep(0.2)


def _warm_up(server: Server) -> None:
    temperature = TEMPERATURE if server.temperature is None else server.temperature
    body = {"model": server.model, "prompt": "1 2 3", "max_tokens": 1, "temperature": temperature}
    status, text = addresses.fetch(f"{server.base_url}/completions", body, timeout=300)
    if status != 200:
        refusal = f"The server of {server.model} refused a first request ({status}): {text[:500]}"
        raise ServerError("\n".join(filter(None, [refusal, _logged_cause(server)])))


def _why_gone(server: Server) -> str:
    """Why a server is gone or silent: the first error of its log, else how it ended."""
    if told := _logged_cause(server):
        return told
    ended = _children[server.pid].poll() if server.pid in _children else None
    how = ""
    if ended == -signal.SIGKILL:
        how = "It was killed, as a system short of memory does. "
    return f"{how}Its log, {server.log}, ends:\n{engines.tail(server.log)}"


def _logged_cause(server: Server) -> str:
    """The first error of a server's log as a sentence; empty where there is none."""
    cause = engines.cause(server.log)
    return f"The first error of its log, {server.log}: {cause}" if cause else ""


def _health(server: Server) -> int:
    """The status of /health; 0 where nothing answers."""
    return addresses.fetch(f"{addresses.root(server.host, server.port)}/health")[0]


# --- who uses a server ---


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One process at a time, on this machine, starts, joins or stops a server.

    The lock is on a folder that is there for everybody, whatever their TMPDIR, and need not be
    writable.
    """
    try:
        descriptor = os.open(EVERYBODYS, os.O_RDONLY)
    except OSError:
        descriptor = os.open(tempfile.gettempdir(), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _me() -> Holder:
    import psutil

    return Holder(os.getpid(), _born(psutil.Process()))


def _holder_named(holder: Holder) -> str:
    """A holder as a person knows it: process 4711 (python -m routerlib run 02)."""
    import psutil

    try:
        text = " ".join(" ".join(psutil.Process(holder.pid).cmdline()).split())
    except psutil.Error:
        text = ""
    return f"process {holder.pid}" + (f" ({text[:120]})" if text else "")


def _hold(api_base: str) -> Server | None:
    """The server of ours at an address, held by this process; None where there is none."""
    _, port = addresses.host_and_port(api_base)
    with _alone():
        server = find(port)
        return _with_holder(server, _me()) if server else None


def _with_holder(server: Server, holder: Holder | None) -> Server:
    """The server with one more holder; None as a holder keeps it until it is stopped."""
    if holder is None:
        return _write(replace(server, is_kept=True))
    return _write(replace(server, holders=(*server.users, holder)))


def _let_go(server: Server) -> None:
    """Take this process from a server's holders, once; the last one stops it."""
    with _alone():
        current = _remembered(Path(server.memory))
        if current is None or _me() not in current.holders:
            return
        current = _without_me(current)
        if current.is_abandoned:
            _stop_and_forget(current)
        else:
            _write(current)


def _without_me(server: Server) -> Server:
    """The server without this process as a holder: once, should it hold it twice."""
    left = list(server.holders)
    if _me() in left:
        left.remove(_me())
    return replace(server, holders=tuple(left))


def _give_up(server: Server, is_new: bool) -> None:
    """After a failed start: whoever started the server ends it, the others let go of it."""
    if not is_new:
        _let_go(server)
        return
    with _alone():
        _stop_and_forget(server)


def _sweep() -> None:
    """Stop the servers whose users are gone."""
    with _alone():
        for server in _all():
            if server.is_abandoned:
                _tell_abandoned(server)
                _stop_and_forget(server)


def _tell_abandoned(server: Server) -> None:
    print(
        f"Stopping the server of {server.model} on port {server.port} (process {server.pid}), "
        "which an earlier run has left.",
        flush=True,
    )


def _stop_and_forget(server: Server) -> None:
    """Stop a server with all its processes, and forget it."""
    _kill(server)
    if server.memory:
        Path(server.memory).unlink(missing_ok=True)
    _memory(server.port).unlink(missing_ok=True)


def _kill(server: Server) -> None:
    """Stop a server with all its processes, also those that have lost the first of them."""
    import psutil

    with contextlib.suppress(ProcessLookupError, PermissionError):
        if is_alive(server):
            os.killpg(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while is_alive(server) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in _processes_of(server):
        with contextlib.suppress(psutil.Error):
            process.kill()
    if is_alive(server):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(server.pid, signal.SIGKILL)


# --- what is remembered, and which processes there are ---

_children: dict[int, subprocess.Popen[bytes]] = {}  # servers that this process started


def _memory(port: int) -> Path:
    return settings.outputs("logs", f"server-{port}.json")


def _write(server: Server) -> Server:
    """Remember a server as it is now: in one step, so that nobody reads half of it."""
    memory = Path(server.memory or _memory(server.port))
    unfinished = memory.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(asdict(server)))
    unfinished.replace(memory)
    return server


def _remembered(memory: Path) -> Server | None:
    try:
        server = pydantic.TypeAdapter(Server).validate_json(memory.read_bytes())
    except (OSError, ValueError):
        return None
    return replace(server, memory=str(memory))


def _all() -> list[Server]:
    """Every living server of ours, remembered here or in another outputs folder."""
    here = [_remembered(file) for file in settings.outputs("logs").glob("server-*.json")]
    found = {server.pid: server for server in here if server and is_alive(server)}
    for server in _elsewhere():
        found.setdefault(server.pid, server)
    return list(found.values())


def _elsewhere() -> Iterator[Server]:
    """Living servers of this user, found by the environment of their processes."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            memory = process.environ().get(MEMORY)
            server = _remembered(Path(memory)) if memory else None
            if server and server.pid == process.pid and is_alive(server):
                yield server


def _processes_of(server: Server) -> Iterator[Any]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            is_of_group = os.getpgid(process.pid) == server.pid
            if is_of_group and server.memory and process.environ().get(MEMORY) == server.memory:
                yield process


def _lives(process: Server | Holder) -> bool:
    import psutil

    if process.pid in _children:
        _children[process.pid].poll()  # a child that has ended is waited for
    try:
        found = psutil.Process(process.pid)
        return _born(found) == process.born and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _born(process: Any) -> float:
    """When a process was created, in seconds; on Linux from the machine's start, since there the
    creation time moves with a clock that is set."""
    import psutil

    return round(process.create_time() - (psutil.boot_time() if psutil.LINUX else 0.0), 2)
