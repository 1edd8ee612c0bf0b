"""Shows panels in a real browser: Voila serves a folder of notebooks, Chromium opens them without a
window.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from routerlib.endpoints import addresses, engines

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 90_000  # milliseconds: a page starts a kernel first


def missing() -> str:
    """A sentence about what is not installed; empty if everything is."""
    if CHROMIUM is None:
        return "no browser: install Chromium (Debian: apt install chromium)"
    for package in ("voila", "playwright"):
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is not installed (pip install {package})"
    return ""


def write_notebook(path: Path, source: str) -> None:
    """A notebook of one cell, which shows the panel."""
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, path)


class Voila:
    """Voila on a folder of notebooks: `with Voila(folder) as voila:
    page.goto(voila.url("demo"))`.
    """

    def __init__(self, folder: Path, theme: str = "light"):
        self.folder, self.theme, self.port = folder, theme, addresses.free_port()

    def url(self, notebook: str) -> str:
        """The address of a notebook, by its name without ending."""
        return f"http://127.0.0.1:{self.port}/voila/render/{notebook}.ipynb"

    def __enter__(self) -> Voila:
        command = [
            sys.executable,
            "-m",
            "voila",
            str(self.folder),
            "--no-browser",
            f"--port={self.port}",
        ]
        command += ["--Voila.ip=127.0.0.1", f"--theme={self.theme}", "--pool_size=0"]
        self.log = self.folder / f"voila-{self.theme}.log"
        with open(self.log, "wb") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"Voila did not start. Its log ends:\n{engines.tail(self.log)}")
            time.sleep(0.1)
        return self

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/voila/static/none", timeout=1)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)
