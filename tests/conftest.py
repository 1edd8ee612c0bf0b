"""What all tests share: a place to write, the stand-in models, and the real data where it is at hand."""

from pathlib import Path

import pytest

from routerlib import standins

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """An empty outputs folder; the stand-in models stay where they are."""
    monkeypatch.setenv("ROUTERLIB_STANDINS", str(standins.folder()))
    monkeypatch.setenv("ROUTERLIB_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path / "outputs"


@pytest.fixture
def shared_data():
    """The folder of real data beside the checkout; a test that needs it is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no folder of real data beside this checkout")
    return SHARED_DATA
