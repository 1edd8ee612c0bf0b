"""When the other model is asked: the same cases through the three doors, both clients and the
server.
"""

import asyncio
import contextlib
import gzip
import json
import zlib

import openai
import pytest
from raw_server import DONE, EVENTS, RawServer, chunk, completion, response
from small_router import EASY

from routerlib.serving import fallback, proxy
from routerlib.serving.fallback import another_may
from routerlib.serving.proxy import Limits
from routerlib.serving.routed_clients import AsyncRoutedClient, RoutedClient
from routerlib.serving.switchboard import Backend

FROM_SMALL, FROM_LARGE = "from small", "from large"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
DOORS = ("client", "async client", "server")


def large(body, _):
    if body.get("stream"):
        return response(chunk(FROM_LARGE) + DONE, kind=EVENTS)
    return response(completion(FROM_LARGE))


@contextlib.contextmanager
def asking(door, router, inferior, superior, with_fallback=True, **limits):
    """A function that asks through a door, and gives the text of the answer."""
    if door == "server":
        more = {"fallback": with_fallback, "limits": Limits(**limits)}
        with (
            proxy.start(router, inferior, superior, **more) as server,
            openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client,
        ):
            yield lambda **more: asked(client, **more)
    elif door == "client":
        more = {"fallback": with_fallback, "max_retries": 0}
        with RoutedClient(router, inferior, superior, **more) as client:
            yield lambda **more: asked(client, **more)
    else:

        async def ask(**given):
            more = {"fallback": with_fallback, "max_retries": 0}
            async with AsyncRoutedClient(router, inferior, superior, **more) as client:
                return await async_asked(client, **given)

        yield lambda **given: asyncio.run(ask(**given))


def request(content=EASY, **more):
    return {"model": "router", "messages": [{"role": "user", "content": content}], **more}


def asked(client, **given):
    answer = client.chat.completions.create(**request(**given))
    if not given.get("stream"):
        return answer.choices[0].message.content
    return "".join(event.choices[0].delta.content or "" for event in answer)


async def async_asked(client, **given):
    answer = await client.chat.completions.create(**request(**given))
    if not given.get("stream"):
        return answer.choices[0].message.content
    return "".join([event.choices[0].delta.content or "" async for event in answer])


GZIPPED = gzip.compress(json.dumps({"error": {"code": 503, "message": "no worker"}}).encode())
NO_ANSWERS = {
    "nothing": b"",
    "no HTTP": b"\0\1\2\r\n\r\n",
    "no credit": response({"error": {"message": "Insufficient Balance"}}, 402),
    "locked": response({"error": "conflict"}, 409),
    "a gateway": response(b"error code: 523", 523, "text/plain"),
    "not built": response({"error": {"message": "no"}}, 501),
    "a login page": response(b"<html>Sign in</html>", kind="text/html; charset=utf-8"),
    "an error alone": response({"error": {"code": 429, "message": "Provider returned error"}}),
    "an error in a list": response([{"error": {"status": "UNAVAILABLE", "message": "loading"}}]),
    "an error in a choice": response(
        {"choices": [{"message": {"role": "assistant", "content": ""}, "error": {"code": 502}}]}
    ),
    "an error, packed": response(GZIPPED, content_encoding="gzip"),
    "no JSON": response(b'{"choices": [{'),
    "no choices": response({"id": "1", "choices": []}),
    "cut off": [response(json.dumps(completion(FROM_SMALL)).encode()[:40], length=900), b""],
    "not packed as told": response(completion(FROM_SMALL), content_encoding="gzip"),
}
NO_STREAMS = {
    "an error first": response(b'data: {"error": {"message": "no worker"}}\n\n', kind=EVENTS),
    "an error after the role": response(
        b": wait\n\n" + chunk() + b'data: {"error": {"code": 503}, "choices": []}\n\n', kind=EVENTS
    ),
    "the end first": response(DONE, kind=EVENTS),
    "an empty stream": response(b"", kind=EVENTS),
    "cut off after the role": [response(chunk(), kind=EVENTS, length=900), b""],
    "a page in events": response(b"data: <html>\n\n", kind=EVENTS),
    "an error in place of a stream": response({"error": {"code": 529, "message": "overloaded"}}),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", NO_ANSWERS)
def test_where_no_answer_comes_the_other_model_is_asked(door, kind, router):
    with (
        RawServer(lambda *_: NO_ANSWERS[kind]) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url) as ask,
    ):
        assert ask() == FROM_LARGE
        assert len(inferior.bodies) == len(superior.bodies) == 1


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", NO_STREAMS)
def test_where_a_stream_brings_nothing_the_other_model_is_asked(door, kind, router):
    with (
        RawServer(lambda *_: NO_STREAMS[kind]) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url) as ask,
    ):
        assert ask(stream=True) == FROM_LARGE
        assert len(inferior.bodies) == len(superior.bodies) == 1


ANSWERS = {
    "plain": response(completion(FROM_SMALL)),
    "packed": response(
        gzip.compress(json.dumps(completion(FROM_SMALL)).encode()), content_encoding="gzip"
    ),
    "deflated": response(
        zlib.compress(json.dumps(completion(FROM_SMALL)).encode()), content_encoding="deflate"
    ),
    "long": response(completion(FROM_SMALL, padding="x" * 200_000)),
    "with a remark": response(completion(FROM_SMALL, error={"message": "credit is low"})),
    "with long headers": response(completion(FROM_SMALL), x_trace="a" * 20_000),
}
STREAMS = {
    "plain": response(chunk() + chunk(FROM_SMALL) + DONE, kind=EVENTS),
    "with comments": response(
        b": wait\n\n" * 3 + chunk(FROM_SMALL) + b": wait\n\n" + DONE, kind=EVENTS
    ),
    "with line feeds of another kind": response(
        (chunk() + chunk(FROM_SMALL) + DONE).replace(b"\n", b"\r\n"), kind=EVENTS
    ),
    "packed": response(
        gzip.compress(chunk(FROM_SMALL) + DONE), kind=EVENTS, content_encoding="gzip"
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_is_handed_on_as_it_is(door, kind, router):
    with (
        RawServer(lambda *_: ANSWERS[kind]) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url) as ask,
    ):
        assert [ask(), ask()] == [FROM_SMALL] * 2
        assert superior.bodies == []


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_is_handed_on_as_it_is(door, kind, router):
    def pieces(*_):  # cut at places that are no event's end
        whole = STREAMS[kind]
        return [whole[start : start + 37] for start in range(0, len(whole), 37)]

    with (
        RawServer(pieces, pause=0.002) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url) as ask,
    ):
        assert ask(stream=True) == FROM_SMALL
        assert superior.bodies == []


@pytest.mark.parametrize("door", DOORS)
def test_a_stream_that_ends_as_a_model_ends_it_is_an_answer_without_words(door, router):
    end = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    with (
        RawServer(lambda *_: response(chunk() + end + DONE, kind=EVENTS)) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url) as ask,
    ):
        assert ask(stream=True) == ""
        assert superior.bodies == []


@pytest.mark.parametrize("door", DOORS)
def test_an_error_after_the_first_words_is_the_callers(door, router):
    broken = chunk("Par") + b'data: {"error": {"message": "worker died", "code": 502}}\n\n'
    with (
        RawServer(lambda *_: response(broken, kind=EVENTS)) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url) as ask,
    ):
        with pytest.raises(openai.APIError, match="worker died"):
            ask(stream=True)
        assert superior.bodies == []


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (401, "wrong key", openai.AuthenticationError),
        (403, "no access to this model", openai.PermissionDeniedError),
        (404, "The model `small` does not exist", openai.NotFoundError),
        (400, "temperature must lie between 0 and 2", openai.BadRequestError),
        (422, "messages.0.role: unknown", openai.UnprocessableEntityError),
    ],
)
def test_what_the_caller_must_mend_is_told_to_the_caller(door, status, said, error, router):
    with (
        RawServer(lambda *_: response({"error": {"message": said}}, status)) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url) as ask,
    ):
        with pytest.raises(error, match=said.split()[0]):
            ask()
        assert superior.bodies == []


@pytest.mark.parametrize("door", DOORS)
def test_without_fallback_nobody_else_is_asked(door, router):
    with (
        RawServer(lambda *_: response({"error": {"message": "no worker"}}, 503)) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url, with_fallback=False) as ask,
    ):
        with pytest.raises(openai.InternalServerError, match="no worker"):
            ask()
        assert superior.bodies == []


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ([{"type": "text", "text": EASY}, IMAGE], 400, "pictures? not me"),
        ([{"type": "text", "text": EASY}, IMAGE], 404, "No endpoints found for this"),
        ([{"type": "text", "text": EASY}, IMAGE], 422, "content: must be a string"),
        ([{"type": "text", "text": EASY}, IMAGE], 500, "image input is not supported"),
        (EASY * 100, 400, "This model's maximum context length is 512 tokens, 900 were given"),
        (EASY * 100, 413, "Payload Too Large"),
        (EASY * 100, 400, "max_tokens must be at least 1, got -186."),
        (EASY, 400, "System role not supported"),
    ],
)
def test_what_one_model_cannot_take_the_other_is_asked(door, content, status, said, router):
    with (
        RawServer(lambda *_: response({"error": {"message": said}}, status)) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url) as ask,
    ):
        assert ask(content=content) == FROM_LARGE


@pytest.mark.parametrize("door", DOORS)
def test_a_web_page_from_the_last_model_is_told_as_one(door, router):
    page = response(b"<html>Sign in</html>", kind="text/html")
    with (
        RawServer(lambda *_: page) as server,
        asking(door, router, server.url, server.url) as ask,
        pytest.raises(openai.InternalServerError, match="sent a web page in place of an answer"),
    ):
        ask()


def test_keep_alive_comments_are_held_back_for_a_while_only(router):
    slowly = [response(b"", kind=EVENTS, length=10**6)] + [b": wait\n\n"] * 20 + [chunk(FROM_SMALL)]

    def waiting(*_):
        return slowly

    with (
        RawServer(waiting, pause=0.05) as inferior,
        RawServer(large) as superior,
        proxy.start(
            router, inferior.url, superior.url, fallback=True, limits=Limits(patience=0.2)
        ) as server,
        openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client,
        client.chat.completions.with_streaming_response.create(**request(stream=True)) as answer,
    ):
        first = next(answer.iter_lines())
        assert first.startswith(": wait")


def test_words_without_a_number_and_numbers_without_words():
    text = {"messages": [{"role": "user", "content": "Hi"}]}
    assert another_may(200, {"message": "Rate limit reached"}, {}, text)
    assert another_may(529, b"", {}, text)
    assert not another_may(400, {"message": "unknown field `foo`"}, {}, text)
    image = {"messages": [{"role": "user", "content": [IMAGE]}]}
    assert another_may(400, {"message": "unknown field `foo`"}, {}, image)
    assert not another_may(401, {"message": "wrong key"}, {}, image)


def test_a_coroutine_that_waits_is_no_synchronous_line():
    async def waits():
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="waited"):
        fallback.without_waiting(waits())


@pytest.mark.parametrize("door", DOORS)
def test_an_address_with_a_query_is_asked_as_it_is(door, router):
    with RawServer(large) as server:
        base = server.url.replace("/v1", "/deployments/m?api-version=7")
        azure = Backend(base, "m", api_key="key-of-azure")
        with asking(door, router, azure, azure) as ask:
            assert ask() == FROM_LARGE
        assert server.heads[-1][""] == "POST /deployments/m/chat/completions?api-version=7 HTTP/1.1"
        assert server.heads[-1]["api-key"] == "key-of-azure"


@pytest.mark.parametrize(
    ("status", "kind", "is_page"),
    [
        (200, "text/html; charset=utf-8", True),
        (299, "application/xhtml+xml", True),
        (302, "text/html", False),  # what is behind it is not known
        (404, "text/html", False),
        (200, "application/json", False),
    ],
)
def test_a_page_in_place_of_an_answer_is_one_with_a_good_status(status, kind, is_page):
    assert fallback.Reply(status, {"Content-Type": kind}, None, None).is_page is is_page


END = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
OTHERWISE = {
    "plain under a header of gzip": (response(completion(FROM_SMALL), content_encoding="gzip"), {}),
    "one piece in place of a stream": (response(completion(FROM_SMALL)), {"stream": True}),
    "a message that is a text": (
        response({"choices": [{"message": FROM_SMALL}]}),
        {"stream": True},
    ),
    "a stream nobody asked for": (
        response(chunk() + chunk("from ") + chunk("small") + END + DONE, kind=EVENTS),
        {},
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", OTHERWISE)
def test_an_answer_comes_in_the_form_that_was_asked_for(door, kind, router):
    sent, given = OTHERWISE[kind]
    with (
        RawServer(lambda *_: sent) as inferior,
        RawServer(large) as superior,
        asking(door, router, inferior.url, superior.url, with_fallback=False) as ask,
    ):
        assert ask(**given) == FROM_SMALL


@pytest.mark.parametrize("door", DOORS)
def test_a_stream_nobody_asked_for_that_breaks_off_is_told(door, router):
    sent = [response(chunk("half"), kind=EVENTS, length=9000), b""]
    with (
        RawServer(lambda *_: sent) as server,
        asking(door, router, server.url, server.url, with_fallback=False) as ask,
        pytest.raises(openai.InternalServerError, match="broke off"),
    ):
        ask()


@pytest.mark.parametrize("door", DOORS)
def test_an_error_in_place_of_a_stream_is_the_callers(door, router):
    with (
        RawServer(lambda *_: response({"error": {"message": "no such voice"}}, 422)) as server,
        asking(door, router, server.url, server.url, with_fallback=False) as ask,
        pytest.raises(openai.UnprocessableEntityError, match="no such voice"),
    ):
        ask(stream=True)
