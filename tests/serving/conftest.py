"""What the tests of the router server share: one that runs, and a client of it."""

import openai
import pytest

from routerlib.serving import proxy


@pytest.fixture(scope="module")
def server(router, upstream):
    with proxy.start(router, upstream.url, upstream.url) as server:
        yield server


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
        yield client
