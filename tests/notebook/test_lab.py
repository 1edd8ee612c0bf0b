"""`make lab`: the command line that it becomes."""

import os

import pytest

from routerlib import settings
from routerlib.notebook import lab


@pytest.mark.parametrize("user", [0, 1000])
def test_root_is_meant_and_nobody_is_asked_for_news(monkeypatch, user):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    command = lab.lab_command(["--no-browser"])
    assert ("--allow-root" in command) == (user == 0)
    assert "--ip=127.0.0.1" in command and set(lab.ASKING_NOBODY) < set(command)
    assert command[-2:] == ["--no-browser", str(settings.ROOT / "notebooks")]


def test_where_home_cannot_be_written_jupyter_writes_among_the_outputs(monkeypatch, outputs):
    became = []
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(os, "execv", lambda *command: became.append(command))
    for name in settings.CACHES:
        os.environ.pop(name, None)
    monkeypatch.setenv("HOME", "/proc")
    lab.main([])
    assert os.environ["JUPYTER_CONFIG_PATH"].startswith(str(outputs))
    assert became[0][1] == lab.lab_command([])
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
        assert os.environ[name].startswith(str(outputs))


def test_the_question_whether_there_may_be_news_is_not_asked(monkeypatch, outputs):
    """JupyterLab's server itself says so, beside what the user has switched off."""
    from jupyterlab_server.config import get_page_config

    own = outputs / "own" / "labconfig" / "page_config.json"
    own.parent.mkdir(parents=True)
    own.write_text('{"disabledExtensions": {"own": true}}')
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(outputs / "own"))
    lab.keep_it_quiet()
    disabled = get_page_config([])["disabledExtensions"]
    assert {"own", "@jupyterlab/apputils-extension:announcements"} <= set(disabled)
