"""`make lab`: JupyterLab on the notebooks, on 127.0.0.1.

It works where JupyterLab by itself does not: for root, as one is in a container, and where HOME
cannot be written. It asks nobody for news or updates, nor the user whether it may. What the
notebooks do is theirs; options given here are JupyterLab's own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from routerlib import settings
from routerlib.rows import jsonl

# No news, no look for updates, no list of extensions: JupyterLab would ask others for them.
ASKING_NOBODY = (
    "--LabApp.news_url=None",
    "--LabApp.extension_manager=readonly",
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
)
# The plugin that asks "Would you like to get notified about official Jupyter news?", switched off
# as https://jupyterlab.readthedocs.io/en/stable/user/announcements.html says
PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}


def keep_it_quiet() -> Path:
    """Have JupyterLab read `PAGE` beside the user's own settings; returns the file's path."""
    folder = settings.outputs("cache", "jupyter", "quiet")
    file = folder / "labconfig" / "page_config.json"
    file.parent.mkdir(exist_ok=True)
    jsonl.write_json(file, PAGE)
    paths = [*filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")]), str(folder)]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(paths)
    return file


def lab_command(options: list[str]) -> list[str]:
    """JupyterLab's command line. Root is told to be meant: JupyterLab refuses it otherwise."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # Windows has no root
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ip=127.0.0.1",
        *(["--allow-root"] if is_root else []),
        *ASKING_NOBODY,
        *options,
        str(settings.ROOT / "notebooks"),
    ]


def main(options: list[str]) -> None:
    """Become JupyterLab, so that it hears Ctrl-C and every other signal itself."""
    settings.prepare()
    keep_it_quiet()
    command = lab_command(options)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
