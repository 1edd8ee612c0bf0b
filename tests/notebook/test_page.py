"""`make panel`: what the page holds, and how it is served."""

import nbformat
from small_router import small_router

from routerlib.notebook import page


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
