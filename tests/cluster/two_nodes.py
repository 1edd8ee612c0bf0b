"""A real Ray of two nodes with one core each, on 127.0.0.1: for tests and benchmarks.

with TwoNodes(folder) as nodes: … nodes.environment …
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from routerlib.endpoints.addresses import free_port

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STARTED = "Ray runtime started"
PATIENCE = 120.0  # seconds, on a busy machine
STARTS = 3  # Ray gives its helpers 15 seconds, which a busy machine may exceed
# For Ray Client's server on the head: gRPC, in use by a thread while another one starts a process,
# kills that process; and Ray's word for leaving 127.0.0.1 as it is, which a second node refuses
OF_HEAD = {"GRPC_ENABLE_FORK_SUPPORT": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
STORE = 150_000_000  # bytes of shared memory a node


class TwoNodes:
    """Starts the nodes, and stops what it started: no more, and no less.

    Args:
        cores: that each node offers to Ray, as tasks. pinned: whether all processes of a node share
            one core of this machine, as on a machine with one.

    Attributes:
        environment: variables of a driver that joins them with "auto".
        from_outside: the address for a driver that is on none of them.
    """

    def __init__(self, cores: int = 1, nodes: int = 2, pinned: bool = False):
        self.cores, self.count, self.pinned = cores, nodes, pinned
        self._folder = tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp")
        self.folder = Path(self._folder.name)
        (self.folder / "light").mkdir()
        (self.folder / "light" / "rfc3987_syntax.py").write_text('raise ImportError("spared")\n')
        self.nodes: list[subprocess.Popen] = []
        self.port, self.client_port = free_port(), free_port()
        self.from_outside = f"ray://127.0.0.1:{self.client_port}"
        self.environment = {
            "RAY_ADDRESS": f"127.0.0.1:{self.port}",
            "RAY_AUTH_MODE": "disabled",  # for tests alone
            "RAY_USAGE_STATS_ENABLED": "0",
            # A node whose sockets are closed is gone at once; one that is only slow is waited for.
            "RAY_health_check_timeout_ms": "120000",
            # Ray's workers are nice: beside other work, on a busy machine, they would get nothing.
            "RAY_worker_niceness": "0",
        }

    def __enter__(self) -> TwoNodes:
        try:
            self.start_head()
            for _ in range(self.count - 1):
                self.start_another()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in reversed(self.nodes):
            self.kill(node)
        with contextlib.suppress(OSError):
            self._folder.cleanup()

    def start_head(self) -> subprocess.Popen:
        return self._start("--head", f"--port={self.port}", "--include-dashboard=false",
                           f"--temp-dir={self.folder}",
                           f"--ray-client-server-port={self.client_port}")  # fmt: skip

    def start_another(self) -> subprocess.Popen:
        return self._start(f"--address=127.0.0.1:{self.port}")

    def _start(self, *arguments: str) -> subprocess.Popen:
        paths = [str(self.folder / "light"), str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, **self.environment}
        if "--head" in arguments:
            environment |= OF_HEAD
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        del environment["RAY_ADDRESS"]
        command = [sys.executable, str(HERE / "loopback_node.py"), "start", *arguments]
        command += [f"--num-cpus={self.cores}", f"--object-store-memory={STORE}", "--block"]
        own_core = {len(self.nodes) % (os.cpu_count() or 1)}
        for _ in range(STARTS):
            log = self.folder / f"node-{time.monotonic_ns()}.log"
            with open(log, "wb") as file:
                node = subprocess.Popen(
                    command, stdout=file, stderr=file, env=environment, start_new_session=True,
                    preexec_fn=lambda: self.pinned and os.sched_setaffinity(0, own_core),
                )  # fmt: skip
            if self._has_started(node, log):
                self.nodes.append(node)
                return node
            self._end(node)
        raise RuntimeError(f"Ray did not start: {log.read_text(errors='replace')[-2000:]}")

    @staticmethod
    def _has_started(node: subprocess.Popen, log: Path) -> bool:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and node.poll() is None:
            if STARTED in log.read_text(errors="replace"):
                return True
            time.sleep(0.2)
        return False

    def kill(self, node: subprocess.Popen) -> None:
        """End a node as a machine ends that loses its power: every process of it, at once."""
        self._end(node)
        self.nodes.remove(node)

    @staticmethod
    def _end(node: subprocess.Popen) -> None:
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(node.pid).children(recursive=True)
            for process in [psutil.Process(node.pid), *family]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
        node.wait()
