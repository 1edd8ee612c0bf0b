"""What tests share: a place to write, the stand-in models, a small router with a server, and real
data where at hand.
"""

import importlib.util
import signal
import sys
from pathlib import Path

import pytest
from small_router import small_router
from upstream import Upstream

from routerlib.endpoints import standins

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_configure():
    """A scheduler's SIGTERM ends the tests as Ctrl-C does: with the servers that they started."""

    def end(*_):
        pytest.exit("ended by SIGTERM", returncode=128 + signal.SIGTERM)

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, end)


@pytest.fixture
def heard_signals():
    """SIGHUP and SIGINT as a terminal leaves them: under nohup, or in a shell's background, all
    that the tests start ignores them, too."""
    hang_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGHUP, hang_up)
    signal.signal(signal.SIGINT, interrupt)


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """An empty outputs folder; the stand-in models stay where they are."""
    monkeypatch.setenv("ROUTERLIB_STANDINS", str(standins.folder()))
    monkeypatch.setenv("ROUTERLIB_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path / "outputs"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data beside the checkout; a test that needs it is skipped where it is
    absent.
    """
    if not SHARED_DATA.is_dir():
        pytest.skip("no folder of real data beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def script():
    """Gives a program of scripts/ as a module, by its name without ending."""

    def load(name):
        path = Path(__file__).parents[1] / "scripts" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        search = list(sys.path)
        spec.loader.exec_module(module)
        sys.path[:] = search
        return module

    return load


@pytest.fixture(scope="module")
def router():
    """A small fitted router; a test that changes one makes its own."""
    return small_router()


@pytest.fixture(scope="module")
def upstream():
    """A server that answers for both of the router's models."""
    with Upstream() as server:
        yield server
