"""The client: failures by name, what a server cannot do, and what must not be shown."""

import asyncio
import contextlib
import gzip
import json
import ssl

import httpx2
import openai
import pytest
from aiohttp import web
from mock_server import MockServer
from raw_server import DONE, EVENTS, RawServer, chunk, completion, response

from routerlib import settings
from routerlib.endpoints import clients


def ask(server_options=None, n=1, times=1, **options):
    async def main():
        async with (
            MockServer(**(server_options or {})) as server,
            clients.connect(server.base_url) as client,
        ):
            endpoint = clients.Endpoint(client, "mock", **options)
            answers = [await endpoint.sample("What is 1 + 1?", n) for _ in range(times)]
            return server, endpoint, answers

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("401", clients.Stopped),
        ("403", clients.Stopped),
        ("404", clients.Stopped),
        ("quota", clients.Stopped),
        ("400", clients.BadRequest),
        ("422", clients.BadRequest),
        ("500", clients.FailedAttempt),
        ("503", clients.Busy),
        ("408", clients.FailedAttempt),
        ("429", clients.Busy),
        ("reset", clients.Outage),
        ("reset_in_body", clients.Outage),
        ("invalid_json", clients.FailedAttempt),
        ("html", clients.Stopped),
        ("no_choices", clients.FailedAttempt),
    ],
)
def test_every_failure_has_its_name(word, error):
    with pytest.raises(error) as caught:
        ask({"script": lambda body: word})
    assert caught.value.__cause__ is None and caught.value.kind
    if word.isdigit() or word == "quota":
        assert caught.value.status == (429 if word == "quota" else int(word))


def test_nobody_there_is_an_outage_in_plain_words():
    async def main():
        async with clients.connect("http://127.0.0.1:9/v1") as client:
            endpoint = clients.Endpoint(client, "mock")
            assert not await endpoint.is_up()
            await endpoint.sample("hi")

    with pytest.raises(clients.Outage, match="Refused"):
        asyncio.run(main())


def test_waiting_for_a_dead_server_of_ours_is_vain(monkeypatch):
    async def main():
        async with clients.connect("http://127.0.0.1:9/v1") as client:
            await clients.Endpoint(client, "mock").is_up()

    monkeypatch.setattr(
        clients.servers, "what_died", lambda base: f"The server at {base} died. Its log …"
    )
    with pytest.raises(
        clients.Stopped, match=r"127\.0\.0\.1:9/v1 died(.|\n)*Start the server again"
    ):
        asyncio.run(main())


def test_the_sdk_does_not_try_again_by_itself():
    with pytest.raises(clients.FailedAttempt):
        ask({"script": ["500", "ok"]})


def test_a_server_that_refuses_n_is_asked_one_by_one_from_then_on():
    server, endpoint, answers = ask({"script": lambda body: "refuse_n"}, n=3, times=2)
    assert [len(answer.samples) for answer in answers] == [1, 1] and endpoint.takes_n is False
    assert [body.get("n") for body in server.requests] == [3, None, None]


def test_a_model_that_wants_another_name_for_the_length_gets_it():
    class Picky(MockServer):
        async def _behave(self, word, body, request):
            from mock_server import _error

            if "max_tokens" in body:
                return _error(
                    400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
                )
            return await super()._behave(word, body, request)

    async def main():
        async with Picky() as server, clients.connect(server.base_url) as client:
            endpoint = clients.Endpoint(client, "mock", "chat", max_tokens=9)
            answer = await endpoint.sample("hi", 3)
            return server, answer

    server, answer = asyncio.run(main())
    assert server.requests[-1]["max_completion_tokens"] == 9 and len(answer.samples) == 3


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({"model": "other"}, "EXTRA_BODY holds 'model', which is set otherwise"),
        ({"top_p": 0.9, "n": 99}, "holds 'n', which is set otherwise"),
        ({"stream": True}, "holds 'stream'"),
        ({"messages": []}, "holds 'messages'"),
        ({"API_Key": "s3cret"}, "'API_Key', and all that it holds is recorded"),
        ({"authorization": "Bearer s3cret"}, "a key comes from the environment"),
    ],
)
def test_extra_fields_change_neither_who_is_asked_nor_hold_a_key(extra, told):
    with pytest.raises(settings.SettingError, match=told) as raised:
        ask(extra_body=extra)
    assert "s3cret" not in str(raised.value)


def test_what_is_sent_anyway_may_be_said():
    server, _, _ = ask(extra_body={"stream": False})
    assert server.requests[0]["stream"] is False


def test_extra_fields_go_last():
    server, _, _ = ask(extra_body={"top_p": 0.5}, hints={"top_p": 1, "min_p": 0.1})
    assert (server.requests[0]["top_p"], server.requests[0]["min_p"]) == (0.5, 0.1)


def test_tokens_of_several_samples_add_up():
    _, _, [answer] = ask(n=5)
    assert sum(sample["completion_tokens"] for sample in answer.samples) == answer.completion_tokens
    assert all(sample["completion_tokens_estimated"] for sample in answer.samples)
    _, _, [single] = ask()
    assert "completion_tokens_estimated" not in single.samples[0]


def test_an_address_that_sends_requests_on_is_named():
    """A POST loses its body at a 301, so that what the other address says alone would mislead."""

    async def main(url):
        async with clients.connect(url) as client:
            await clients.Endpoint(client, "m").sample("hi")

    def moved(body, turn):
        if body:
            return response(b"", 301, location="/v2/completions")
        return response({"error": "there is no such page"}, 404)

    with RawServer(moved) as server, pytest.raises(clients.Stopped) as told:
        asyncio.run(main(server.url))
    assert "/v2/completions, with status 301: is that the base URL?" in str(told.value)


def test_a_key_or_password_is_not_shown():
    async def main():
        async with MockServer(script=["echo_key"]) as server:
            base = server.base_url.replace("://", "://user:secret-word@")
            async with clients.connect(base, "sk-planted-key") as client:
                endpoint = clients.Endpoint(client, "mock")
                assert "secret-word" not in endpoint.url
                with pytest.raises(clients.FailedAttempt) as caught:
                    await endpoint.sample("hi")
                return str(caught.value)

    text = asyncio.run(main())
    assert "sk-planted-key" not in text and "secret-word" not in text


@pytest.mark.parametrize(
    "url",
    [
        "a",
        "ftp://a/v1",
        "http://",
        "http://[::1",
        "http://a:99999/v1",
        "http://a:x/v1",
        "http://a/\0",
    ],
)
def test_what_is_no_address_is_told_in_a_sentence(url):
    with pytest.raises(settings.SettingError, match="no base URL"):
        clients.check_base(url, "local")


def test_base_urls(monkeypatch):
    assert clients.check_base(None, "local") == clients.LOCAL_BASE
    assert clients.check_base("", "remote") == clients.REMOTE_BASE
    assert clients.check_base("http://a/v1/", "local") == "http://a/v1"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(settings.MissingKey):
        clients.connect(api_mode="remote")


@pytest.mark.parametrize("key", ["sk-planted\nkey", "sk-planted-ключ"])
def test_a_key_that_no_header_can_hold_is_a_sentence_without_it(key):
    with pytest.raises(settings.MissingKey, match="Copy OPENAI_API_KEY anew") as caught:
        clients.connect("http://127.0.0.1:9/v1", key)
    assert "planted" not in str(caught.value)


def test_models_are_listed():
    async def main():
        async with (
            MockServer(models=("a", "b")) as server,
            clients.connect(server.base_url) as client,
        ):
            return await clients.Endpoint(client, "a").models()

    assert asyncio.run(main()) == ["a", "b"]


def asked_raw(answer, times=1, **options):
    """What comes of requests to a server that sends these bytes; the server, and the answers."""

    async def main(url):
        async with clients.connect(url, timeout=5) as client:
            endpoint = clients.Endpoint(client, "m", clients.CHAT, **options)
            return [await endpoint.sample("What is 1 + 1?", 1) for _ in range(times)]

    with RawServer(answer) as server:
        return server, asyncio.run(main(server.url))


WHOLE = json.dumps(completion("two")).encode()
CHUNKED = b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n" % len(WHOLE)


@pytest.mark.parametrize(
    "sent",
    [
        response(WHOLE, length=len(WHOLE) + 9),
        response(gzip.compress(WHOLE), length=9000, content_encoding="gzip"),
        CHUNKED + WHOLE + b"\r\n",
        CHUNKED + WHOLE,
        response(chunk("two") + DONE, kind=EVENTS, length=9000),
    ],
)
def test_a_whole_answer_of_another_length_than_told_is_kept_and_asked_for_once(sent):
    server, [answer] = asked_raw(lambda *_: [sent, b""])
    assert answer.samples[0]["full_response"] == "two" and len(server.bodies) == 1


@pytest.mark.parametrize(
    "sent", [response(WHOLE[:-1], length=len(WHOLE)), response(chunk("tw"), length=9000)]
)
def test_half_an_answer_is_none(sent):
    with pytest.raises(clients.Outage, match="broke off"):
        asked_raw(lambda *_: [sent, b""])


def test_an_answer_of_a_form_that_nobody_has_thought_of_is_a_failed_attempt(monkeypatch):
    """It costs one question an attempt, not the run the answers under way."""
    for place in ("decode_reply", "samples"):
        with monkeypatch.context() as patched:
            patched.setattr(clients.replies, place, lambda *_: {}["unheard of"])
            with pytest.raises(clients.FailedAttempt, match=r"not the form of one \(KeyError\)"):
                asked_raw(lambda *_: response(WHOLE))


def test_an_answer_under_the_long_headers_of_a_gateway_is_read():
    _, [answer] = asked_raw(lambda *_: response(WHOLE, x_trace="a" * 60_000))
    assert answer.samples[0]["full_response"] == "two"


def test_a_request_on_a_connection_just_closed_goes_on_another_one():
    server, answers = asked_raw(lambda _, turn: b"" if turn else response(WHOLE), times=4)
    assert len(answers) == 4 and len(server.bodies) == 4 + 3, "each but the first met a closed one"


def test_a_request_that_a_server_has_read_and_left_is_not_sent_once_more():
    """It may have been answered, and billed: whoever repeats it decides so, and waits."""
    read = []
    with pytest.raises(clients.Outage, match=r"(?i)disconnected"):
        asked_raw(lambda body, _: [read.append(body), b""][1:])
    assert len(read) == 1


@pytest.mark.parametrize("place", [{"nvcf_reqid": "a/7"}, {"location": "/v1/status/a%2F7"}])
def test_an_answer_promised_for_later_is_fetched_and_paid_once(monkeypatch, place):
    monkeypatch.setattr(clients, "LATER", 0.01)
    asked = []

    def answer(body, _):
        asked.append(body)
        return response(WHOLE) if len(asked) == 3 else response(b"", 202, **place)

    _, [completed] = asked_raw(answer)
    assert completed.samples[0]["full_response"] == "two"
    assert [bool(body) for body in asked] == [True, False, False], "one POST, two GETs"


@pytest.mark.parametrize("place", [{}, {"location": "http://127.0.0.1:9/elsewhere"}])
def test_a_promise_without_a_place_here_is_told(place):
    with pytest.raises(clients.Outage, match="202"):
        asked_raw(lambda *_: response(b"", 202, **place))


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_a_plain_answer_under_a_header_of_gzip_is_kept(encoding):
    whole = response(WHOLE, content_encoding=encoding)
    packed = response(gzip.compress(WHOLE), content_encoding=encoding)
    unended = response(WHOLE, content_encoding=encoding, length=9000)
    for sent in (whole, packed, unended, [whole[:-9], whole[-9:-4], whole[-4:]]):
        pieces = sent if isinstance(sent, list) else [sent]
        server, [answer] = asked_raw(lambda *_, pieces=pieces: [*pieces, b""])
        assert answer.samples[0]["full_response"] == "two" and len(server.bodies) == 1


def test_an_answer_packed_in_a_way_that_nobody_asked_for_is_told():
    with pytest.raises(clients.FailedAttempt, match="'br', unasked"):
        asked_raw(lambda *_: response(b"\x0b\x02", content_encoding="br"))


def test_answers_mixed_in_one_stream_are_asked_for_one_by_one():
    def answer(body, _):
        n = body.get("n", 1)
        ends = chunk("", choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]) * n
        return response(chunk("red") + chunk("blue") * (n - 1) + ends + DONE, kind=EVENTS)

    async def main(url):
        async with clients.connect(url) as client:
            endpoint = clients.Endpoint(client, "m", clients.CHAT)
            return [await endpoint.sample("Which?", 2) for _ in range(2)], endpoint.takes_n

    with RawServer(answer) as server:
        answers, takes_n = asyncio.run(main(server.url))
    assert [[s["full_response"] for s in a.samples] for a in answers] == [["red"], ["red"]]
    assert takes_n is False and [body.get("n") for body in server.bodies] == [2, None, None]


def test_the_tokens_of_an_answer_in_another_form_are_counted():
    native = {"type": "message", "content": [{"type": "text", "text": "two"}]}
    counts = {"usage": {"input_tokens": 3, "output_tokens": 9}}
    for value in (native | counts, {"data": completion("two") | counts}):
        _, [answer] = asked_raw(lambda *_, value=value: response(value))
        assert (answer.prompt_tokens, answer.completion_tokens) == (3, 9)


def test_a_server_that_drops_kept_alive_connections_is_up():
    async def main():
        async def once(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            body = b'{"data": [{"id": "m"}]}'
            length = b"content-length: %d\r\n\r\n" % len(body)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + length + body)
            with contextlib.suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")  # the next request goes unread
            writer.close()

        server = await asyncio.start_server(once, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, clients.connect(f"http://127.0.0.1:{port}/v1") as client:
            endpoint = clients.Endpoint(client, "m")
            assert [await endpoint.is_up() for _ in range(3)] == [True] * 3
            assert await endpoint.models() == ["m"]

    asyncio.run(main())


def is_up(models, health, timeout, times=1):
    """What a server's two doors make of it; each gives a status after so many seconds."""

    class Doors(MockServer):
        async def _models(self, request):
            return await behind(*models)

        async def _health(self, request):
            return await behind(*health)

    async def behind(seconds, status):
        await asyncio.sleep(seconds)
        return web.json_response({"data": []}, status=status)

    async def main():
        async with Doors() as server, clients.connect(server.base_url) as client:
            endpoint = clients.Endpoint(client, "mock")
            return [await endpoint.is_up(timeout) for _ in range(times)]

    return asyncio.run(main())


def test_a_list_of_models_that_is_long_in_coming_is_waited_for_the_next_time():
    assert is_up((0.3, 200), (0, 404), timeout=0.2, times=3) == [False, True, True]


def test_a_path_to_health_that_leads_nowhere_says_nothing():
    assert is_up((0, 200), (9, 200), timeout=0.2) == [True]
    assert is_up((0, 500), (9, 200), timeout=0.2) == [False]
    assert is_up((0, 200), (0, 503), timeout=0.2) == [False]


def test_a_verdict_is_a_text_or_the_probabilities_of_one_token():
    given = {"temperature": 0.2, "max_tokens": 8, "deadline": 5.0}
    text = clients.verdict_endpoint(None, "m", "local", False, **given)
    assert (text.temperature, text.max_tokens, text.deadline) == (0.2, 8, 5.0)
    assert text.kind == "chat" and text.extra_body == {} and not text.needed
    token = clients.verdict_endpoint(None, "m", "local", True, **given)
    assert (token.temperature, token.max_tokens, token.deadline) == (1.0, 1, 5.0)
    assert token.extra_body == {"logprobs": True, "top_logprobs": 20}
    assert token.kind == "chat" and token.needed == {"logprobs", "top_logprobs"}


# --- the way there ---


def test_an_outage_names_the_proxy_on_the_way(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    async def run():
        async with clients.connect("http://model.example/v1", "none") as client:
            await clients.Endpoint(client, "m").sample("Hi")

    with pytest.raises(clients.Outage, match="through the proxy") as out:
        asyncio.run(run())
    assert "proxy http://127.0.0.1:9, which HTTP_PROXY names" in str(out.value)


def test_what_is_here_waits_for_no_vault(monkeypatch):
    asked = []
    monkeypatch.setattr(settings, "_from_vault", asked.append)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    async def key_for(base):
        async with clients.connect(base) as client:
            return client.api_key

    assert asyncio.run(key_for("http://127.0.0.1:8000/v1")) == "none" and not asked
    assert asyncio.run(key_for("http://gpu.example:8000/v1")) == "none"
    assert asked == ["OPENAI_API_KEY"]


def test_https_for_http_and_an_unknown_certificate_are_told_at_once():
    """No waiting mends them; nothing is sent but the greeting."""
    wrong = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    unknown = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")
    with pytest.raises(clients.Stopped, match="Begin the base URL with http://"):
        raise _met(wrong)
    with pytest.raises(clients.Stopped, match=r"not trusted here .*SSL_CERT_FILE"):
        raise _met(unknown)
    with pytest.raises(clients.Outage):
        raise _met(wrong, has_answered=True)


def _met(cause, has_answered=False):
    async def main():
        async with clients.connect("https://127.0.0.1:1/v1") as client:
            endpoint = clients.Endpoint(client, "m")
            endpoint.has_answered = has_answered
            error = openai.APIConnectionError(request=httpx2.Request("POST", "https://127.0.0.1:1"))
            error.__cause__ = cause
            return endpoint.failure(error)

    return asyncio.run(main())


def test_certificates_that_are_not_there_are_told_where_they_are_needed(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/opt/other/cacert.pem")
    clients.connect("http://127.0.0.1:8000/v1")
    with pytest.raises(settings.SettingError, match="those of SSL_CERT_FILE=/opt/other/cacert"):
        clients.connect("https://models.test/v1", api_key="sk-a", api_mode="remote")
