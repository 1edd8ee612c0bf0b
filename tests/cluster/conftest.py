"""A cluster of two nodes for the tests of this folder, and scripted servers that count."""

import asyncio
import importlib.util
import sys
import threading

import pytest
from mock_server import MockServer


def skip_without_ray():
    """Without importing it: how the library imports it matters."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip('Ray is not installed: pip install -e ".[cluster]"')


@pytest.fixture
def installed_ray():
    skip_without_ray()


@pytest.fixture(autouse=True)
def no_connection_is_left():
    yield
    ray = sys.modules.get("ray")
    assert not (ray and ray.is_initialized()), "this process is on a cluster still"


@pytest.fixture(scope="session")
def nodes():
    """Two real nodes of one core each; a test that kills one starts another in its place."""
    skip_without_ray()
    from two_nodes import TwoNodes

    with TwoNodes() as started:
        yield started


@pytest.fixture
def cluster(nodes, monkeypatch):
    """What a driver needs to join the two nodes with "auto"."""
    for name, value in nodes.environment.items():
        monkeypatch.setenv(name, value)
    return nodes


@pytest.fixture
def serve():
    """Start a scripted server in a thread of its own: serve(script=…, latency=…)."""
    started = []

    def start(**options):
        server = MockServer(**options)
        loop = asyncio.new_event_loop()
        ready = threading.Event()

        async def work():
            async with server:
                ready.set()
                await server.over.wait()

        def run():
            asyncio.set_event_loop(loop)
            server.over = asyncio.Event()
            loop.run_until_complete(work())

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert ready.wait(30)
        server.call = lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)
        started.append((server, loop, thread))
        return server

    yield start
    for server, loop, thread in started:
        loop.call_soon_threadsafe(server.over.set)
        thread.join(30)
