"""What the tests on real engines share: the inferior stand-in, served by each of them."""

import pytest

from routerlib.endpoints import addresses, engines, servers, standins

MODEL = "standin-inferior"


@pytest.fixture(scope="module", params=engines.ENGINES)
def place(request, tmp_path_factory):
    """The inferior stand-in on a real engine, at a port of its own."""
    engine = request.param
    if engine == engines.VLLM and not engines.vllm_python():
        if engines.runs_on_cpu() or engines.has_gpu():
            pytest.skip("vLLM is not installed: make .venv-vllm/.installed")
        pytest.skip("vLLM's CPU build is for Linux on x86-64")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTERLIB_STANDINS", str(standins.folder()))
        patch.setenv("ROUTERLIB_OUTPUTS", str(tmp_path_factory.mktemp(f"{engine}-outputs")))
        patch.setenv(engines.CHOICE, engine)
        try:
            base = f"http://localhost:{addresses.free_port()}/v1"
            found = servers.ensure(MODEL, base, 0.7)
        except standins.StandInError as error:
            pytest.skip(f"the stand-in models cannot be fetched here: {error}")
        assert found.server.engine == engine
        yield found
        server = found.server
        servers.release(found)
        assert not servers.is_alive(server), "the server outlived its last user"
