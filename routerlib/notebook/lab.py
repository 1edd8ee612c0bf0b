"""`make lab`: JupyterLab on the notebooks, on 127.0.0.1.

It works where JupyterLab by itself does not: for root, as one is in a container, and where HOME
cannot be written. It asks nobody for news or updates. What the notebooks do is theirs; options
given here are JupyterLab's own.
"""

from __future__ import annotations

import os
import sys

from routerlib import settings

# No news, no look for updates, no list of extensions: JupyterLab would ask others for them.
ASKING_NOBODY = (
    "--LabApp.news_url=None",
    "--LabApp.extension_manager=readonly",
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
)


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
    command = lab_command(options)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
