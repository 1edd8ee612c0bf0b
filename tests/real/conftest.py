"""What the tests on real engines share: the inferior stand-in, served by each of them."""

import contextlib

import pytest

from routerlib.endpoints import addresses, engines, servers, standins

MODEL = "standin-inferior"


@pytest.fixture(scope="session", params=engines.ENGINES)
def served(request, tmp_path_factory):
    """The inferior stand-in on a real engine, at a port of its own, and the environment of those
    who ask it. A start takes up to a minute, so each engine is started once for all tests here.
    """
    engine = request.param
    if engine == engines.VLLM and not engines.vllm_python():
        if engines.runs_on_cpu() or engines.has_gpu():
            pytest.skip("vLLM is not installed: make .venv-vllm/.installed")
        pytest.skip("vLLM's CPU build is for Linux on x86-64")
    environment = {
        "ROUTERLIB_STANDINS": str(standins.folder()),
        "ROUTERLIB_OUTPUTS": str(tmp_path_factory.mktemp(f"{engine}-outputs")),
        engines.CHOICE: engine,
    }
    with set_in_environment(environment):
        try:
            base = f"http://localhost:{addresses.free_port()}/v1"
            found = servers.ensure(MODEL, base, 0.7)
        except standins.StandInError as error:
            pytest.skip(f"the stand-in models cannot be fetched here: {error}")
    assert found.server.engine == engine
    yield found, environment
    server = found.server
    with set_in_environment(environment):
        servers.release(found)
        assert not servers.is_alive(server), "the server outlived its last user"


@pytest.fixture(scope="module")
def place(served):
    """The server of `served`, in its environment."""
    found, environment = served
    with set_in_environment(environment):
        yield found


@contextlib.contextmanager
def set_in_environment(values):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield
