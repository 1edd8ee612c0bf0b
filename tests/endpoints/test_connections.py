"""How requests leave: past a proxy of the environment, with long headers, and once more where a
connection was closed.
"""

import asyncio

import httpx2
import openai
import pytest
from raw_server import RawServer, completion, response

from routerlib.endpoints import connections

ASKED = {"model": "m", "messages": []}


def once(_, turn):
    """Answers the first request of each connection, and closes upon the second."""
    return b"" if turn else response(completion("Hi"))


def ask_with_aiohttp(url, times):
    async def run():
        async with connections.session() as session:
            return [
                (await (await session.post(url, json=ASKED)).json())["id"] for _ in range(times)
            ]

    return asyncio.run(run())


def ask_with_httpx(url, times):
    with httpx2.Client() as client:
        found = []
        for _ in range(times):
            answer = connections.send(client, client.build_request("POST", url, json=ASKED))
            answer.read()
            found.append(answer.json()["id"])
        return found


def ask_with(make):
    def ask(url, times):
        async def run():
            found = []
            async with make() as client:
                for _ in range(times):
                    request = client.build_request("POST", url, json=ASKED)
                    answer = await connections.send_async(client, request)
                    await answer.aread()
                    found.append(answer.json()["id"])
            return found

        return asyncio.run(run())

    return ask


WAYS = {
    "aiohttp": ask_with_aiohttp,
    "httpx": ask_with_httpx,
    "httpx, asynchronous": ask_with(httpx2.AsyncClient),
    "the SDK's, over aiohttp": ask_with(connections.AioHttpClient),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_request_on_a_connection_just_closed_is_sent_once_more(way):
    with RawServer(once) as server:
        assert WAYS[way](server.url, 4) == ["1"] * 4


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_closes_a_new_connection_is_not_asked_again(way):
    with RawServer(lambda *_: b"") as server:
        with pytest.raises(Exception, match=r"(?i)disconnected"):
            WAYS[way](server.url, 1)
        assert len(server.bodies) == 1


def test_a_server_that_closes_late_may_have_worked_and_is_not_asked_again(monkeypatch):
    monkeypatch.setattr(connections, "SUDDEN", -1.0)
    with RawServer(once) as server:
        with pytest.raises(Exception, match=r"(?i)disconnected"):
            ask_with_aiohttp(server.url, 2)
        assert len(server.bodies) == 2


def test_a_server_that_closes_every_connection_is_given_up():
    """Each connection brings one answer: a pool of such, all stale, is not worked through for
    ever.
    """

    async def run(url):
        async with connections.session() as session:
            first = await asyncio.gather(*(session.post(url, json=ASKED) for _ in range(6)))
            for answer in first:
                await answer.read()
            await session.post(url, json=ASKED)

    with RawServer(once) as server:
        with pytest.raises(Exception, match=r"(?i)disconnected"):
            asyncio.run(run(server.url))
        assert len(server.bodies) == 6 + connections.SENDINGS


@pytest.mark.parametrize("way", WAYS)
def test_headers_are_as_long_as_gateways_send_them(way):
    longest = response(completion("Hi"), x_trace="a" * 60_000)
    with RawServer(lambda *_: longest) as server:
        assert WAYS[way](server.url, 1) == ["1"]


def test_a_transport_that_keeps_bodies_closes_the_one_below_it():
    closed = []

    class Below(httpx2.AsyncBaseTransport):
        async def aclose(self):
            closed.append(True)

    asyncio.run(connections.KeepingTransport(Below(), bool).aclose())
    assert closed


def test_a_session_uses_proxies_of_the_environment_only_where_told(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with RawServer(once) as server:
        assert ask_with_aiohttp(server.url, 1) == ["1"]
        with pytest.raises(openai.APIConnectionError):
            asyncio.run(through_the_sdk(server.url, trust_env=True))
        assert asyncio.run(through_the_sdk(server.url, trust_env=False)) == "Hi"


async def through_the_sdk(url, trust_env):
    http = connections.AioHttpClient(trust_env=trust_env)
    async with openai.AsyncOpenAI(
        base_url=url, api_key="none", http_client=http, max_retries=0
    ) as client:
        answer = await client.chat.completions.create(**ASKED)
        return answer.choices[0].message.content
