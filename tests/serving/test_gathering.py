"""A held answer in its caller's form, and what is asked beside it; the rest runs in
`test_stages`.
"""

import asyncio
import json

import pytest
from raw_server import completion

from routerlib.serving import gathering
from routerlib.serving.fallback import Reply
from routerlib.serving.gathering import FirstAnswer, NotThere, as_events, read_answer
from routerlib.serving.switchboard import Backend

TARGET = Backend("http://127.0.0.1:1/v1", "small")
LOGPROBS = {"content": [{"token": "Yes", "logprob": -0.1}]}


async def nothing():
    for piece in ():
        yield piece


def reply(status=200, **headers):
    given = {"content-type": "application/json", "content-length": "7"} | headers
    return Reply(status, given, nothing(), None)


def answer(text="Yes", logprobs=LOGPROBS, **more):
    value = completion(text, usage={"prompt_tokens": 3, "completion_tokens": 1}, **more)
    value["choices"][0]["logprobs"] = logprobs
    return read_answer(reply(), json.dumps(value).encode())


def body_of(first):
    return b"".join(first.reply.held)


def events_in(content):
    lines = [line for line in content.decode().split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def test_a_stream_has_the_text_its_end_and_its_tokens_if_asked_for():
    value = answer().value | {"service_tier": "default"}
    first, last, usage = events_in(as_events(value, with_usage=True))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "Yes"}
    assert first["choices"][0]["logprobs"] == LOGPROBS and first["choices"][0]["index"] == 0
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert usage["usage"]["prompt_tokens"] == 3 and usage["choices"] == []
    assert {event["object"] for event in (first, last, usage)} == {"chat.completion.chunk"}
    assert first["service_tier"] == "default" and "usage" not in first
    assert len(events_in(as_events(value, with_usage=False))) == 2


def test_thoughts_and_refusals_go_into_the_stream_and_what_is_null_does_not():
    value = answer().value
    value["choices"][0]["message"] |= {"reasoning_content": "Hm.", "refusal": None}
    delta = events_in(as_events(value, False))[0]["choices"][0]["delta"]
    assert delta["reasoning_content"] == "Hm." and "refusal" not in delta


def test_log_probabilities_are_shown_to_whom_asked_for_them():
    first = answer()
    gathering.in_the_form_asked(first, {"logprobs": True})
    assert not first.reply.held and not first.reply.dropped, "as it came"
    gathering.in_the_form_asked(first, {})
    assert "logprobs" not in json.loads(body_of(first))["choices"][0]
    assert "content-length" in first.reply.dropped
    assert "content-length" not in first.reply.headers
    first = answer()
    gathering.in_the_form_asked(first, {"stream": True, "logprobs": True})
    assert events_in(body_of(first))[0]["choices"][0]["logprobs"] == LOGPROBS
    assert first.reply.headers["content-type"] == "text/event-stream"
    first = answer()
    gathering.in_the_form_asked(first, {"stream": True})
    assert "logprobs" not in events_in(body_of(first))[0]["choices"][0]


def test_what_is_no_completion_is_handed_on_as_it_came():
    first = read_answer(reply(), b'{"error": {"message": "no"}}')
    assert first.value is None and first.samples == []
    gathering.in_the_form_asked(first, {"stream": True})
    assert not first.reply.dropped


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"a": 1}, {"a": 1}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": False}),
        ({"stream": False}, {"stream": False}),
    ],
)
def test_a_request_whose_answer_comes_in_one_piece(body, sent):
    assert gathering.unstreamed(body) == sent


def test_an_empty_answer_has_no_log_probabilities_to_bring():
    assert answer().has_logprobs and answer("", None).has_logprobs
    assert (
        not answer("Yes", None).has_logprobs and not answer("Yes", {"content": None}).has_logprobs
    )


def test_tokens_are_known_where_they_are_told():
    assert answer().tokens() == (3, 1, 0)
    assert FirstAnswer(reply()).tokens() is None
    assert gathering.tokens_in({"usage": {"prompt_tokens": 0}}) is None
    assert gathering.tokens_in([]) is None


class Line:
    """Answers with so many samples, whatever is asked."""

    broken = (OSError,)

    def __init__(self, *numbers, status=200):
        self.numbers, self.status, self.asked = list(numbers), status, []

    async def send(self, target, asked=None):
        self.asked.append(asked)
        number = self.numbers.pop(0)
        if number is None:
            raise OSError
        value = completion("Yes")
        value["choices"] *= number

        async def pieces():
            yield json.dumps(value).encode()

        return Reply(self.status, {}, pieces(), None)

    async def let_go(self, reply):
        pass


def further(line, wanted, **more):
    how = {"temperature": None, "with_logprobs": False} | more
    return asyncio.run(gathering.further_samples(TARGET, {"seed": 1, "n": 1}, line, wanted, **how))


def test_further_samples_are_asked_for_until_they_are_enough():
    line = Line(3)
    assert len(further(line, 3, temperature=0.7)) == 3
    assert line.asked == [{"temperature": 0.7, "n": 3}]
    line = Line(1, 1, 5)
    assert len(further(line, 3, with_logprobs=True)) == 3
    assert [asked.get("n") for asked in line.asked] == [3, 2, None]
    assert line.asked[0]["logprobs"] is True


@pytest.mark.parametrize(
    ("line", "says"),
    [(Line(None), "no answer of small (OSError)"), (Line(0), "status 200"),
     (Line(2, status=500), "status 500")],
)  # fmt: skip
def test_further_samples_that_do_not_come_are_a_sentence(line, says):
    with pytest.raises(NotThere, match="further samples") as raised:
        further(line, 2)
    assert says in str(raised.value)


class Refusing(Line):
    """Takes no log-probabilities, and has nothing to say without."""

    async def send(self, target, asked=None):
        self.asked.append(asked)
        refused = {"error": {"message": "logprobs is not supported", "param": "logprobs"}}
        content = json.dumps(refused if "logprobs" in asked else completion("")).encode()

        async def pieces():
            yield content

        return Reply(400 if "logprobs" in asked else 200, {}, pieces(), None)

    async def look(self, reply):
        return await reply.look()


@pytest.mark.parametrize("may_fall_back", [True, False])
def test_a_refusal_is_remembered_though_the_answer_without_is_empty(may_fall_back):
    line = Refusing()
    how = {"with_logprobs": True, "may_fall_back": may_fall_back, "is_known_to_give": False}
    first = asyncio.run(gathering.ask_inferior(TARGET, {"n": 1}, line, **how))
    assert not first.takes_logprobs and first.has_logprobs
    assert ["logprobs" in asked for asked in line.asked] == [True, False]
