"""`make panel`: the panel as a page of its own, served by Voila on 127.0.0.1.

The two models' servers are started once, here, where nothing answers yet; each visitor gets a
kernel of its own, which ends some minutes after the page was closed, so that its memory is free
again. What the panel does is `panel`'s.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from routerlib import settings
from routerlib.endpoints import addresses, engines, servers
from routerlib.errors import Foreseen
from routerlib.notebook.panel import RouterPanel
from routerlib.serving import routing
from routerlib.serving.switchboard import Backend

PORT = 8866
IDLE = 120  # seconds after which a kernel without a page is ended
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
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    notebook.metadata["title"] = "Router panel"
    path = folder / "panel.ipynb"
    nbformat.write(notebook, path)
    return path


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
    """
    if addresses.is_listening(addresses.HOST, port):
        port = addresses.free_port()
    models: dict[str, tuple[str, str] | None] = {}
    places: list[servers.Place] = []
    with tempfile.TemporaryDirectory(prefix="routerlib-panel-") as folder:
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
            notebook = write_notebook(Path(folder), router, models)
            _serve(notebook, port)
        except KeyboardInterrupt:
            print("Stopped.")
        finally:
            servers.release(*places)


def _serve(notebook: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    log = settings.outputs("logs", "panel.log")
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            voila_command(notebook, port), stdout=stream, stderr=subprocess.STDOUT
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
            process.terminate()
            process.wait(timeout=20)


if __name__ == "__main__":
    serve_panel(sys.argv[1] if len(sys.argv) > 1 else "")
