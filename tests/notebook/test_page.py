"""`make panel`: what the page holds, and how it is served."""

import os
import signal
import sys

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from small_router import small_router

from routerlib.notebook import page
from routerlib.progress import Terminated


def test_the_page_is_the_panel_alone(tmp_path):
    folder = small_router().save(tmp_path / "router")
    models = {"inferior": ("http://127.0.0.1:1/v1", "my model"), "superior": None}
    path = page.write_notebook(tmp_path, str(folder), models)
    [cell] = nbformat.read(path, as_version=4).cells
    shown: dict = {}
    exec(cell.source.replace("page.panel(", "panel = page.panel("), shown)
    panel = shown["panel"]
    assert panel.router.name == "small-tfidf"
    assert panel.backends["inferior"].model == "my model"
    assert panel.backends["superior"] is None


def test_it_is_served_here_alone_and_a_closed_page_is_ended(tmp_path):
    command = page.voila_command(tmp_path / "panel.ipynb", 1234)
    assert "--Voila.ip=127.0.0.1" in command and "--port=1234" in command
    assert f"--MappingKernelManager.cull_idle_timeout={page.IDLE}" in command
    assert any(part.startswith("--MappingKernelManager.cull_interval=") for part in command)


def test_the_page_may_load_nothing_from_elsewhere(tmp_path, monkeypatch):
    """Voila itself reads what is written for it, beside what the user has."""
    from voila.app import Voila

    page.write_settings(tmp_path)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path / "the user's"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", page._first(tmp_path, "JUPYTER_CONFIG_PATH"))
    assert os.environ["JUPYTER_CONFIG_PATH"].endswith("the user's")
    voila = Voila()
    voila.load_config_file("voila", path=voila.config_file_paths)
    policy = voila.tornado_settings["headers"]["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "http" not in policy


def test_its_kernel_is_this_very_python_whatever_is_registered_as_python3(tmp_path, monkeypatch):
    page.write_kernel(tmp_path)
    notebook = nbformat.read(page.write_notebook(tmp_path, "", {**page.MODELS}), as_version=4)
    monkeypatch.setattr(
        "jupyter_client.kernelspec.jupyter_path", lambda *_: [str(tmp_path / "kernels")]
    )
    spec = KernelSpecManager().get_kernel_spec(notebook.metadata.kernelspec.name)
    assert spec.argv[0] == sys.executable


@pytest.mark.parametrize(
    ("end", "code"), [(KeyboardInterrupt(), 0), (Terminated(signal.SIGTERM), 143)]
)
def test_however_it_is_ended_its_servers_are_let_go_and_it_says_so(monkeypatch, capsys, end, code):
    def stop(notebook, port):
        raise end

    released = []
    monkeypatch.setattr(page.servers, "ensure", lambda name, base: page.servers.Place(name, base))
    monkeypatch.setattr(page.servers, "release", lambda *places: released.extend(places))
    monkeypatch.setattr(page, "_serve", stop)
    assert page.main() == code
    assert len(released) == 2 and "Stopped, with its kernels" in capsys.readouterr().out


def test_a_start_tells_where_it_is_even_without_models(monkeypatch, capsys, tmp_path):
    def no_model(name, base):
        raise page.servers.ServerError(f"{name} is not here.")

    served = []
    monkeypatch.setattr(page.servers, "ensure", no_model)
    monkeypatch.setattr(page, "_serve", lambda notebook, port: served.append((notebook, port)))
    page.serve_panel(port=0)
    told = capsys.readouterr().out
    assert "standin-inferior is not here." in told
    assert "The panel routes, but cannot ask the inferior model." in told
    assert len(served) == 1


def test_a_router_that_is_not_there_is_told_before_a_server_is_started(
    outputs, monkeypatch, capsys
):
    def started(*_):
        raise AssertionError("a server was started")

    monkeypatch.setattr(page.servers, "ensure", started)
    assert page.main("--nonsense") == 2
    assert "There is no folder" in capsys.readouterr().err
