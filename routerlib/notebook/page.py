"""`make panel`: the panel as a page of its own, served by Voila on 127.0.0.1.

The two models' servers are started once, here, where nothing answers yet; each visitor gets a
kernel of its own, of this very Python, which ends some minutes after the page was closed, so that
its memory is free again. The page loads nothing from elsewhere. Ctrl-C, SIGTERM and SIGHUP end all
of it. What the panel does is `panel`'s.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from routerlib import settings
from routerlib.endpoints import addresses, engines, servers
from routerlib.errors import Foreseen
from routerlib.notebook.panel import RouterPanel
from routerlib.progress import deferring_signals, ended_by_signals
from routerlib.serving import routing
from routerlib.serving.switchboard import Backend
from routerlib.training.router import Router

PORT = 8866
KERNEL = "routerlib-panel"  # whatever "python3" is registered here
SEARCHED = ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH")  # where Jupyter looks for kernels and settings
IDLE = 120  # seconds after which a kernel without a page is ended
# Voila's page asks a network of others for a font of icons, which the panel does not use. A browser
# that is told so asks nobody: https://developer.mozilla.org/docs/Web/HTTP/Guides/CSP
FROM_HERE_ALONE = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws://127.0.0.1:*; worker-src 'self' blob:; frame-ancestors 'self'"
)
CELL = """
import sys
sys.path.insert(0, {root!r})
from routerlib.notebook import page
page.panel({router!r}, {inferior!r}, {superior!r})
"""
MODELS = {
    "inferior": ("http://127.0.0.1:8001/v1", "standin-inferior"),
    "superior": ("http://127.0.0.1:8000/v1", "standin-superior"),
}


def panel(
    router: str = "",
    inferior: tuple[str, str] | None = None,
    superior: tuple[str, str] | None = None,
) -> RouterPanel:
    """The panel that the page shows, quietly: a router's folder, and (address, name) of the two
    models.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = routing.load(router)
    return RouterPanel(
        loaded,
        inferior and Backend(*inferior),
        superior and Backend(*superior),
    )


def write_notebook(folder: Path, router: str, models: dict[str, tuple[str, str] | None]) -> Path:
    """The notebook behind the page: one cell, which shows the panel."""
    import nbformat

    source = CELL.format(root=str(settings.ROOT), router=router, **models)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["kernelspec"] = {
        "name": KERNEL,
        "display_name": "Router panel",
        "language": "python",
    }
    notebook.metadata["title"] = "Router panel"
    path = folder / "panel.ipynb"
    nbformat.write(notebook, path)
    return path


def write_kernel(folder: Path) -> None:
    """The kernel behind the page, below a folder that Jupyter searches: this very Python."""
    from ipykernel.kernelspec import make_ipkernel_cmd

    spec = {"argv": make_ipkernel_cmd(), "display_name": "Router panel", "language": "python"}
    home = folder / "kernels" / KERNEL
    home.mkdir(parents=True)
    (home / "kernel.json").write_text(json.dumps(spec))


def write_settings(folder: Path) -> None:
    """Voila's settings, in a folder that Jupyter searches: the headers of its pages."""
    headers = {"Content-Security-Policy": FROM_HERE_ALONE}
    content = {"Voila": {"tornado_settings": {"headers": headers}}}
    (folder / "voila.json").write_text(json.dumps(content))


def voila_command(notebook: Path, port: int) -> list[str]:
    """Voila's command line; a closed page's kernel is found within half a minute after its time."""
    return [
        sys.executable,
        "-m",
        "voila",
        str(notebook),
        "--no-browser",
        "--Voila.ip=127.0.0.1",
        f"--port={port}",
        "--MappingKernelManager.cull_interval=30",
        f"--MappingKernelManager.cull_idle_timeout={IDLE}",
    ]


def serve_panel(router: str = "", port: int = PORT) -> None:
    """Serve the panel until interrupted, and say where it is.

    Args:
        router: a router's folder; empty: the newest below outputs/models, else one fitted on the
            samples.
        port: on 127.0.0.1; where it is taken, a free one.

    Raises:
        RouterError: there is no such router.
    """
    settings.prepare()
    if router:
        Router.from_pretrained(router)  # a wrong one is told here, and not to each visitor
    if addresses.is_listening(addresses.HOST, port):
        port = addresses.free_port()
    models: dict[str, tuple[str, str] | None] = {}
    places: list[servers.Place] = []
    with (
        ended_by_signals(),
        tempfile.TemporaryDirectory(prefix="routerlib-panel-") as folder,
    ):
        try:
            for side, (base, name) in MODELS.items():
                print(
                    f"The {side} model {name}: at {base}, started where nothing answers yet …",
                    flush=True,
                )
                try:
                    places.append(servers.ensure(name, base))
                    models[side] = (places[-1].base_url, name)
                except Foreseen as error:
                    models[side] = None
                    print(
                        f"{error}\nThe panel routes, but cannot ask the {side} model.", flush=True
                    )
            write_kernel(Path(folder))
            write_settings(Path(folder))
            notebook = write_notebook(Path(folder), router, models)
            _serve(notebook, port)
        finally:
            with deferring_signals():
                servers.release(*places)


def _serve(notebook: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    log = settings.outputs("logs", "panel.log")
    searched = {name: _first(notebook.parent, name) for name in SEARCHED}
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            voila_command(notebook, port),
            env=os.environ | searched,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            while addresses.fetch(f"{url}voila/static/none")[0] == 0:
                if process.poll() is not None:
                    raise servers.ServerError(
                        f"Voila ended. Its log, {log}, ends:\n{engines.tail(log)}"
                    )
                time.sleep(0.2)
            print(
                f"The panel: {url}\nThe page takes some seconds to appear: it starts a Python of "
                "its own. "
                "Stop with Ctrl-C.",
                flush=True,
            )
            process.wait()
        finally:
            with deferring_signals():
                _end(process)


def _first(folder: Path, variable: str) -> str:
    """A variable's folders with one more before them."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get(variable)])])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End Voila, which ends its kernels first."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(router: str = "") -> int:
    """`serve_panel` as a command; returns the exit code, which tells a signal as a shell does."""
    try:
        serve_panel(router)
    except KeyboardInterrupt as stop:
        print("\nStopped, with its kernels and the servers that it alone used.", flush=True)
        return getattr(stop, "exit_code", 0)
    except Foreseen as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
