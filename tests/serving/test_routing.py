"""Which router is taken, where one, several or none are there."""

import pytest
from small_router import EASY, HARD, rows

from routerlib.serving import routing


def test_load_takes_the_named_router_then_the_newest_then_a_quick_one(
    router, outputs, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(routing.sources, "load_rows", lambda *_: rows())
    quick = routing.load()
    assert "There is no router" in capsys.readouterr().out
    easy, hard = quick.score([EASY, HARD])
    assert easy < hard
    assert 0 < quick.threshold <= 1
    router.save(outputs / "models" / "mine")
    assert routing.load().name == "small-tfidf"
    router.save(tmp_path / "other")
    assert routing.load(tmp_path / "other").name == "small-tfidf"
    with pytest.raises(routing.RouterError, match="no folder"):
        routing.load(tmp_path / "none")
