"""How requests leave: past a proxy of the environment, with long headers, and once more where a
connection was closed.
"""

import asyncio
import time

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


# --- the SDK's requests, made once ---


def post_all(answer, bodies, **options):
    """What comes of posting these bodies, answers or errors; and the server that was asked."""

    async def main(url):
        http = connections.AioHttpClient(timeout=httpx2.Timeout(0.5))
        client = connections.Client(
            base_url=url, api_key="sk-one", max_retries=0, http_client=http, **options
        )
        async with client:
            return [await one(client, body) for body in bodies]

    async def one(client, body):
        try:
            return await client.post_json("/completions", body)
        except openai.APIError as error:
            return error

    with RawServer(answer) as server:
        return asyncio.run(main(server.url)), server


def in_turn(*answers):
    """Gives these answers one after the other, the last one from then on."""
    left = list(answers)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


FINE = response(completion("Hi"))


def test_later_requests_are_the_first_one_with_another_body():
    bodies = [{"model": "m", "prompt": text} for text in ("a", "longer, and é", "c")]
    options = {"default_query": {"api-version": "1 & 2"}, "default_headers": {"api-key": "k"}}
    found, server = post_all(in_turn(FINE), bodies, organization="o", **options)
    assert [answer.status_code for answer in found] == [200] * 3 and server.bodies == bodies
    lengths = [head.pop("content-length") for head in server.heads]
    assert server.heads[0] == server.heads[1] == server.heads[2]
    first = server.heads[0]
    assert first[""] == "POST /v1/completions?api-version=1+%26+2 HTTP/1.1"
    assert first["authorization"] == "Bearer sk-one" and first["api-key"] == "k"
    assert first["openai-organization"] == "o" and first["content-type"] == "application/json"
    assert lengths == ["26", "39", "26"] and server.connections == 1


def test_a_body_is_sent_as_the_sdk_sends_it():
    body = {"model": "m", "prompt": 'é "\n" 東', "n": None, "x": [1.5, True]}
    _, server = post_all(in_turn(FINE), [body, body])
    assert server.heads[0]["content-length"] == server.heads[1]["content-length"]
    assert server.bodies == [body, body]


def test_cookies_of_earlier_answers_go_with_later_requests_as_the_sdk_sends_them():
    busy = response(b"", 503, set_cookie="seat=3; Path=/")
    told = response(completion("Hi"), set_cookie="seat=4; Path=/")
    renewed = response(completion("Hi"), set_cookie="seat=5; Path=/")
    _, server = post_all(in_turn(busy, told, renewed, FINE), [ASKED] * 5)
    seats = [head.get("cookie") for head in server.heads]
    assert seats == [None, "seat=3", "seat=4", "seat=5", "seat=5"]


def test_a_redirection_is_followed_from_the_first_address_each_time():
    def answer(body, turn):
        path = server_paths.pop(0)
        return response(b"", 307, location="/v2/completions") if path == "/v1" else FINE

    server_paths = ["/v1", "/v2"] * 3
    found, server = post_all(answer, [ASKED] * 3)
    assert [answer.status_code for answer in found] == [200] * 3
    lines = [head[""].split()[1] for head in server.heads]
    assert lines == ["/v1/completions", "/v2/completions"] * 3
    assert all(len(answer.history) == 1 for answer in found)


@pytest.mark.parametrize(
    ("failing", "kind"),
    [
        (response({"error": {"message": "slow down"}}, 429, retry_after="7"), "RateLimitError"),
        (response({"error": {"message": "no such"}}, 404), "NotFoundError"),
        (response(b"", 500), "InternalServerError"),
        (response(b"", 304), "APIStatusError"),
        ([b"HTTP/1.1 200 X\r\ncontent-length: 90\r\n\r\n{", b""], "APIConnectionError"),
        (b"", "APITimeoutError"),
    ],
)
def test_what_fails_later_fails_as_the_first_request_would(failing, kind):
    """The first error comes out of the SDK, the second one out of a request made after its own."""
    (first, fine, second), _ = post_all(in_turn(failing, FINE, failing), [ASKED] * 3)
    assert fine.status_code == 200 and type(first).__name__ == type(second).__name__ == kind
    assert str(first) == str(second)
    if isinstance(first, openai.APIStatusError):
        assert (first.body, first.status_code) == (second.body, second.status_code)
        assert first.response.headers == second.response.headers
    else:
        assert type(first.__cause__) is type(second.__cause__)


def test_a_silent_server_is_a_timeout_for_the_first_request_and_for_later_ones():
    def answer(_, turn):
        if turns.pop(0):
            time.sleep(1.0)
        return FINE

    turns = [True, False, True]
    (first, fine, second), _ = post_all(answer, [ASKED] * 3)
    assert fine.status_code == 200
    assert type(first) is type(second) is openai.APITimeoutError
    assert type(first.__cause__) is type(second.__cause__)


def test_a_number_that_json_does_not_know_is_not_sent():
    with pytest.raises(ValueError, match="JSON"):
        post_all(in_turn(FINE), [ASKED, {**ASKED, "temperature": float("nan")}])
