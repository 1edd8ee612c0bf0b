"""The drop-in clients: who gets which call, with which arguments, over real HTTP."""

import asyncio

import httpx2
import openai
import pytest
from small_router import EASY, HARD

from routerlib.serving import routed_clients
from routerlib.serving.routed_clients import (
    AsyncRoutedClient,
    Backend,
    BackendError,
    RoutedClient,
)
from routerlib.settings import SettingError

TOOL = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture
def client(router, upstream):
    with RoutedClient(router, upstream.url, upstream.url, max_retries=0) as client:
        yield client


def ask(client, text, **more):
    return client.chat.completions.create(
        model="router", messages=[{"role": "user", "content": text}], **more
    )


def test_easy_and_hard_prompts_go_to_different_models_and_the_answer_says_which(client):
    assert ask(client, EASY).model == "small"
    answer = ask(client, HARD)
    assert answer.model == "large"
    assert answer.choices[0].message.content == f"large heard: {HARD}"


def test_it_is_an_openai_client(client):
    assert isinstance(client, openai.OpenAI)
    assert issubclass(AsyncRoutedClient, openai.AsyncOpenAI)


def test_it_lists_what_can_be_asked_for(client):
    assert [model.id for model in client.models.list()] == ["router", "small", "large"]
    assert client.models.retrieve("router").id == "router"
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-9' here"):
        client.models.retrieve("gpt-9")


def test_what_is_here_is_asked_past_a_proxy_of_the_environment(router, upstream, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with RoutedClient(router, upstream.url, upstream.url, max_retries=0) as client:
        assert ask(client, EASY).model == "small"
        assert ask(client.with_options(timeout=5), EASY).model == "small"

    async def run():
        async with AsyncRoutedClient(router, upstream.url, upstream.url, max_retries=0) as client:
            return (await ask(client, HARD)).model

    assert asyncio.run(run()) == "large"
    elsewhere = Backend("http://model.example/v1", "small", api_key="none")
    with RoutedClient(router, elsewhere, upstream.url, max_retries=0) as client:
        transport = client._client._transport
        assert transport.client(elsewhere).trust_env
        assert not transport.client(client.board.superior).trust_env


def test_a_proxy_that_no_client_can_use_stops_only_what_would_go_through_it(
    router, upstream, monkeypatch
):
    monkeypatch.setenv("ALL_PROXY", "nonsense://127.0.0.1:9")
    with RoutedClient(router, upstream.url, upstream.url, max_retries=0) as client:
        assert ask(client, EASY).model == "small"
    elsewhere = Backend("http://model.example/v1", "small", api_key="none")
    with pytest.raises(SettingError, match=r"which ALL_PROXY names, which cannot be used"):
        RoutedClient(router, elsewhere, upstream.url)


def test_certificates_that_are_not_there_stop_only_what_needs_them(router, upstream, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/opt/other/cacert.pem")
    with RoutedClient(router, upstream.url, upstream.url, max_retries=0) as client:
        assert ask(client, EASY).model == "small"
    elsewhere = Backend("http://model.example/v1", "small", api_key="none")
    for kind in (RoutedClient, AsyncRoutedClient):
        with pytest.raises(SettingError, match=r"those of SSL_CERT_FILE=/opt/other/cacert\.pem"):
            kind(router, elsewhere, upstream.url)


def test_every_argument_arrives_untouched(client, upstream):
    given = {
        "temperature": 0.25,
        "seed": 7,
        "tools": [TOOL],
        "stop": ["\n"],
        "extra_body": {"guided": {"a": [1, None]}},
    }
    answer = ask(client, EASY, **given)
    assert answer.choices[0].message.tool_calls[0].function.name == "look_up"
    sent = upstream.bodies[-1]
    assert sent["guided"] == {"a": [1, None]}
    assert {name: sent[name] for name in ("temperature", "seed", "tools", "stop")} == {
        name: given[name] for name in ("temperature", "seed", "tools", "stop")
    }


def test_half_a_character_is_no_error(client, router, upstream):
    half = "2 + 2? \ud83d"
    assert ask(client, half).choices
    assert upstream.bodies[-1]["messages"][-1]["content"] == "2 + 2? \ufffd"

    async def main():
        both = upstream.url
        async with AsyncRoutedClient(router, both, both) as other:
            said = [{"role": "user", "content": half}]
            return await other.chat.completions.create(model="router", messages=said)

    assert asyncio.run(main()).choices


def test_streams_and_counts_tokens(client):
    chunks = list(ask(client, HARD, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.strip() == f"large heard: {HARD}"
    assert {chunk.model for chunk in chunks} == {"large"}
    assert chunks[-1].usage.completion_tokens == len(text.split())


def test_the_sdks_own_streaming_helper_works(client):
    with client.chat.completions.stream(
        model="router", messages=[{"role": "user", "content": EASY}]
    ) as stream:
        list(stream)
        assert stream.get_final_completion().model == "small"


def test_headers_tell_the_decision(client):
    raw = client.chat.completions.with_raw_response.create(
        model="router", messages=[{"role": "user", "content": HARD}]
    )
    assert raw.headers["x-router-decision"] == "superior"
    assert raw.headers["x-router-model"] == "large"
    assert float(raw.headers["x-router-score"]) > 0.5
    assert raw.headers["x-router-threshold"] == "0.5000"


def test_one_request_can_have_its_own_threshold(client, upstream):
    assert ask(client, HARD, extra_headers={"x-router-threshold": "0.999"}).model == "small"
    assert "x-router-threshold" not in upstream.headers[-1]
    with pytest.raises(openai.BadRequestError, match="from 0 to 1, not 'much'"):
        ask(client, HARD, extra_headers={"x-router-threshold": "much"})


def test_the_clients_threshold_overrides_the_routers(router, upstream):
    with RoutedClient(router, upstream.url, upstream.url, threshold=0.0) as client:
        assert ask(client, EASY).model == "large"


def test_a_named_model_is_not_routed(client):
    message = [{"role": "user", "content": HARD}]
    assert client.chat.completions.create(model="small", messages=message).model == "small"
    assert client.chat.completions.create(model="inferior", messages=message).model == "small"
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-9' here"):
        client.chat.completions.create(model="gpt-9", messages=message)


def test_a_follow_up_is_read_with_its_conversation(client, router):
    follow_up = {"role": "user", "content": "Do it again, but shorter."}
    before = [
        {"role": "user", "content": HARD},
        {"role": "assistant", "content": "First, the theorem …"},
    ]
    alone = client.chat.completions.create(model="router", messages=[follow_up]).model
    within = client.chat.completions.create(model="router", messages=[*before, follow_up]).model
    assert (alone, within) == ("small", "large")


def test_options_can_be_changed_and_the_routing_stays(client):
    changed = client.with_options(timeout=5, default_headers={"x-a": "b"})
    assert isinstance(changed, RoutedClient)
    assert ask(changed, HARD).model == "large"


@pytest.mark.parametrize("down", ["down", "limited", "dead"])
def test_falls_back_where_the_chosen_model_is_down(router, upstream, down):
    address = "http://127.0.0.1:9/v1" if down == "dead" else upstream.url
    pair = (Backend(upstream.url, "small"), Backend(address, down))
    with RoutedClient(router, *pair, fallback=True, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="router", messages=[{"role": "user", "content": HARD}]
        )
        assert raw.parse().model == "small"
        assert raw.headers["x-router-fallback"] == "true"
        assert raw.headers["x-router-decision"] == "superior"
    with RoutedClient(router, *pair, max_retries=0) as client, pytest.raises(openai.APIError):
        ask(client, HARD)


def test_each_server_gets_its_own_key(router, upstream, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    superior = Backend(upstream.url, "large", api_key="key-of-large")
    assert "key-of-large" not in repr(superior)
    with RoutedClient(router, upstream.url, superior) as client:
        ask(client, HARD)
        assert upstream.headers[-1]["authorization"] == "Bearer key-of-large"
        ask(client, EASY)
        assert "authorization" not in upstream.headers[-1]


def test_an_address_that_is_none_is_named(router):
    with pytest.raises(BackendError, match="'localhost:8000' is no address"):
        RoutedClient(router, "localhost:8000", "http://127.0.0.1:1/v1")


HERE = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize("kind", [RoutedClient, AsyncRoutedClient])
@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"model": ["small"]}, SettingError, r"takes no 'model'.*model='router'"),
        ({"tresold": 0.5}, SettingError, "takes no 'tresold'"),
        ({"threshold": 7}, SettingError, "THRESHOLD is 7; it lies between 0 and 1"),
        ({"threshold": "high"}, SettingError, "THRESHOLD is 'high'"),
        ({"threshold": float("nan")}, SettingError, "THRESHOLD is nan"),
        ({"router": "outputs/models"}, SettingError, "router is 'outputs/models'; give a Router"),
        ({"inferior": [HERE]}, BackendError, r"\['http.*'\] is no address"),
        ({"inferior": None}, BackendError, "None is no address"),
        ({"superior": "http://"}, BackendError, "'http://' is no address"),
        ({"superior": "http://here:99999/v1"}, BackendError, "99999/v1' is no address"),
    ],
)
def test_arguments_of_the_wrong_kind_are_a_sentence(router, kind, change, error, says):
    with pytest.raises(error, match=says):
        kind(**{"router": router, "inferior": HERE, "superior": HERE} | change)


def test_async_calls_route_stream_and_fall_back(router, upstream):
    async def run():
        down = Backend(upstream.url, "down")
        async with AsyncRoutedClient(router, upstream.url, upstream.url) as client:
            answers = await asyncio.gather(*(ask(client, text) for text in [EASY, HARD] * 8))
            chunks = [chunk async for chunk in await ask(client, HARD, stream=True)]
            changed = await ask(client.with_options(timeout=5), EASY)
        async with AsyncRoutedClient(
            router, upstream.url, down, fallback=True, max_retries=0
        ) as client:
            rescued = await ask(client, HARD)
        dead = Backend("http://127.0.0.1:9/v1", "large")
        async with AsyncRoutedClient(
            router, upstream.url, dead, fallback=True, max_retries=0
        ) as client:
            assert (await ask(client, HARD)).model == "small"
        return [answer.model for answer in answers], chunks[0].model, changed.model, rescued.model

    assert asyncio.run(run()) == (["small", "large"] * 8, "large", "small", "small")


@pytest.mark.parametrize(("usual", "read"), [(600.0, 2.0), (0.5, 0.5), (None, 2.0)])
def test_a_late_answer_is_given_up_no_later_than_any_other(usual, read):
    given = {"connect": 5.0, "read": usual}
    request = httpx2.Request("POST", "http://127.0.0.1:9/v1", extensions={"timeout": given})
    routed_clients._read_within(request, 2.0)
    assert request.extensions["timeout"] == {"connect": 5.0, "read": read}
    assert given["read"] == usual, "what other requests share stays as it is"
