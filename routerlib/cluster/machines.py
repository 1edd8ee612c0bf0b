"""Several machines as one: joining a Ray cluster, or making one of this machine's cores, and
leaving it.

`joined` is the only place that imports Ray; without the extra `cluster` it says how to get it.
Whatever is started here listens on 127.0.0.1 alone. How work is divided, and what is done with it,
is the other modules' business.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from routerlib import settings
from routerlib.endpoints import addresses
from routerlib.errors import FAILED, Foreseen, SettingError

LOCAL, AUTO = "local", "auto"
CLIENT = re.compile(r"ray://[^/\s]+:\d+")  # ray://head.example:10001
WHAT_IT_MAY_BE = (
    "'local' (the cores of this machine), 'auto' (the cluster that this machine is part of), or an "
    "address such as ray://head.example:10001"
)
GRAMMAR = "rfc3987_syntax"
JOINS_BY_ITSELF = "RAY_ENABLE_AUTO_CONNECT"
STARTS = 4  # tries to start Ray on a busy machine


class ClusterError(Foreseen, RuntimeError):
    """The cluster cannot be joined, or a machine of it cannot do its part; the text says what to
    do.
    """

    exit_code = FAILED


@dataclass(frozen=True)
class Machines:
    """A cluster that was joined.

    Attributes:
        ray: the library, imported.
        cores: how many of its cores can be used, over all machines.
        nodes: how many machines there are.
        is_outside: whether this machine is none of them, and came in by ray://.
    """

    ray: ModuleType
    cores: int
    nodes: int
    is_outside: bool = False

    def __str__(self) -> str:
        machines = "1 machine" if self.nodes == 1 else f"{self.nodes} machines"
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{machines}, {cores}"


def checked_cluster(cluster: str) -> str:
    """What CLUSTER names, checked.

    Raises:
        SettingError: it is none of what it may be.
    """
    cluster = str(cluster).strip()
    if cluster in (LOCAL, AUTO):
        return cluster
    if CLIENT.fullmatch(cluster):
        with contextlib.suppress(ValueError):  # a port that cannot be
            addresses.host_and_port(cluster.replace("ray:", "http:", 1))
            return cluster
    raise SettingError(f"CLUSTER is {cluster!r}; it is {WHAT_IT_MAY_BE}.")


@contextlib.contextmanager
def joined(cluster: str) -> Iterator[Machines]:
    """The machines of a cluster, for as long as they are needed.

    A connection that the program has made itself is used, and left open.

    Args:
        cluster: "local", "auto", or an address such as ray://head.example:10001.

    Raises:
        SettingError: it is none of these. settings.MissingPackages: Ray is not installed.
        ClusterError: there is no such cluster, or it does not let us in.
    """
    cluster = checked_cluster(cluster)
    ray = _import_ray()
    if ray.is_initialized():
        yield _machines(ray)
        return
    with _signals_kept():
        _connect(ray, cluster)
    try:
        yield _machines(ray)
    finally:
        with _signals_kept():
            ray.shutdown()


def _import_ray() -> ModuleType:
    settings.report_nothing()  # before the import, which reads it
    # What Ray says of itself is not the user's business; what fails is told by us.
    os.environ.setdefault("RAY_DISABLE_IMPORT_WARNING", "1")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    sys.modules.setdefault(GRAMMAR, None)  # type: ignore[arg-type]
    try:
        with _no_joining_by_itself():
            return importlib.import_module("ray")
    except ImportError:
        raise settings.MissingPackages(
            f"CLUSTER needs Ray, which is not installed for {sys.executable}. Install it on every "
            "machine: pip install 'routerlib[cluster]', or, in a checkout, pip install -e "
            "'.[cluster]'; without CLUSTER, all work is done here."
        ) from None


@contextlib.contextmanager
def _no_joining_by_itself() -> Iterator[None]:
    """Import Ray so that a call of a thread that still runs, once we have left, joins nothing.

    By default any call joins a cluster, or starts one that listens to other machines. It is read at
    the import; a program that imported Ray itself has decided.
    """
    before = os.environ.get(JOINS_BY_ITSELF)
    os.environ.setdefault(JOINS_BY_ITSELF, "0")
    try:
        yield
    finally:
        if before is None:
            del os.environ[JOINS_BY_ITSELF]


def _connect(ray: ModuleType, cluster: str) -> None:
    named = _named_cluster(cluster)
    if not named:
        # Ray would take any that runs here for it, such as another program's own.
        nobody = "RAY_ADDRESS is not set, and no `ray start` was run on this machine"
        raise ClusterError(_no_cluster(cluster, ConnectionError(nobody)))
    address = _address(named)
    if address is not None and not addresses.is_listening(*address):
        # Ray itself would end this process, without a word that helps.
        host, port = address
        raise ClusterError(_no_cluster(cluster, ConnectionError(f"nobody is at {host}:{port}")))
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    try:
        if cluster == LOCAL:
            _start_here(ray, quiet)
        elif _is_on_loopback(cluster):
            with _on_loopback():
                ray.init(named, **quiet)
        else:
            ray.init(named, **quiet)
    except Exception as error:  # Ray raises many kinds for a cluster that is not there
        raise ClusterError(_no_cluster(cluster, error)) from None


def _named_cluster(cluster: str) -> str:
    """What "auto" stands for: what RAY_ADDRESS names, or the cluster that this machine has joined
    last; empty where it has joined none. All else stands for itself.
    """
    if cluster != AUTO:
        return cluster
    from ray._private import utils

    return os.environ.get("RAY_ADDRESS") or utils.read_ray_address(None) or ""


def _address(named: str) -> tuple[str, int] | None:
    """Host and port of a cluster; None where its name holds none."""
    try:
        host, port = addresses.host_and_port(f"http://{named.removeprefix('ray://')}")
    except ValueError:
        return None
    return (host, port) if host and ":" in named else None


def _start_here(ray: ModuleType, quiet: dict[str, Any]) -> None:
    """Start Ray on this machine's cores, for this program alone. Ray gives its own helpers a fixed
    time to start, which a busy machine may exceed: hence more than one try.
    """
    for left in reversed(range(STARTS)):
        try:
            with _on_loopback(), _light_start(), _out_of_our_group():
                ray.init("local", include_dashboard=False, num_cpus=os.cpu_count(), **quiet)
            return
        except Exception as error:
            ray.shutdown()
            if not left or "time" not in str(error):
                raise


def _no_cluster(cluster: str, error: Exception) -> str:
    said = " ".join(str(error).split())[:300]
    if type(error).__name__ == "AuthenticationError" or "token" in said.lower():
        return (
            f"The cluster does not let this machine in ({said}). Give it the cluster's token: the "
            "file ~/.ray/auth_token of the head, or RAY_AUTH_TOKEN."
        )
    if "client server failed" in said:
        return (
            f"The cluster at {cluster} was reached, and could not start its part of the way in "
            f"({said}). Start its head with GRPC_ENABLE_FORK_SUPPORT=0 in the environment, or run "
            "this on a machine of the cluster, with CLUSTER = 'auto'."
        )
    if cluster == LOCAL:
        return f"Ray could not be started on this machine ({said}). Try again, or without CLUSTER."
    if cluster == AUTO:
        return (
            f"No cluster was found from this machine ({said}). Start one with `ray start --head`, "
            "and on each other machine `ray start --address=HEAD:6379`; or set RAY_ADDRESS; or "
            "take CLUSTER = 'local'."
        )
    return f"There is no cluster at {cluster} ({said}). Check the address, and that the head runs."


def _is_on_loopback(cluster: str) -> bool:
    """Whether RAY_ADDRESS names a cluster that listens on 127.0.0.1 and nowhere else."""
    from ray._private import services

    try:
        host, port = addresses.host_and_port(f"http://{os.environ.get('RAY_ADDRESS', '')}")
    except ValueError:
        return False
    if cluster != AUTO or host != addresses.HOST:
        return False
    return not addresses.is_listening(services.get_node_ip_address(), port)


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Have Ray listen on 127.0.0.1: where it is told that a machine is alone, it does; an address
    of 127.0.0.1 it replaces by the machine's outward one.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextlib.contextmanager
def _light_start() -> Iterator[None]:
    """Spare the processes that Ray starts a grammar which JupyterLab's packages bring: building it
    takes each of them seconds of a core, and Ray waits 15 seconds for some of them.
    """
    folder = settings.outputs("cluster", "start")
    (folder / f"{GRAMMAR}.py").write_text('raise ImportError("not needed here")\n')
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextlib.contextmanager
def _out_of_our_group() -> Iterator[None]:
    """Start Ray's processes in sessions of their own.

    What is sent to this program's group, by a job runner or a terminal, reaches this program then,
    which ends with a sentence, and ends them. Otherwise they end first, and it with them, without a
    word. One that is killed takes them along: Ray has the kernel see to that.
    """
    services: Any = importlib.import_module("ray._private.services")
    before = services.ConsolePopen
    services.ConsolePopen = functools.partial(before, start_new_session=True)
    try:
        yield
    finally:
        services.ConsolePopen = before


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep our own answer to SIGTERM: Ray puts its own in its place, which ends without a word."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # not the main thread: nothing was replaced
            signal.signal(signal.SIGTERM, before)


def _machines(ray: ModuleType) -> Machines:
    alive = [node for node in ray.nodes() if node.get("Alive", node.get("alive"))]
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores < 1:
        raise ClusterError(
            "The cluster has no cores to work with. Start a machine with --num-cpus."
        )
    return Machines(ray, cores, len(alive), is_outside=ray.util.client.ray.is_connected())


def name_of_this_node() -> str:
    """The machine that this process runs on, for messages: its name, and the start of Ray's id."""
    import socket

    import ray

    return f"{socket.gethostname()} ({ray.get_runtime_context().get_node_id()[:8]})"


# --- the same functions, with one parameter more ---

WORD = (
    'cluster: where the work is done: "local" (the cores of this machine), "auto" (the cluster of '
    "Ray that this machine is part of), or an address such as ray://head:10001. Without it, in "
    "this process."
)


def on_machines(alone: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function the parameters, the defaults and the help of `alone`, and `cluster` behind
    them.

    So that the work on many machines cannot be told by its options from the work on one.
    """

    def dressed(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(alone)
        cluster = inspect.Parameter(
            "cluster", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="str | None"
        )
        parameters = [*signature.parameters.values(), cluster]
        function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        function.__annotations__ = {**alone.__annotations__, "cluster": "str | None"}
        function.__wrapped__ = alone  # type: ignore[attr-defined]
        function.__doc__ = _with_cluster(inspect.getdoc(alone) or "")
        return function

    return dressed


def _with_cluster(told: str) -> str:
    """A docstring with `cluster` as the last of its arguments."""
    head, arguments, rest = re.split(r"(?<=\n)(Args:\n)", told, maxsplit=1)
    given, gap, after = rest.partition("\n\n")
    return f"{head}{arguments}{given}\n    {WORD}{gap}{after}"
