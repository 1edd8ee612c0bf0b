"""Answers in the form of other APIs: the text is kept, thoughts stand apart, tokens are counted."""

import pytest

from routerlib.endpoints.other_apis import as_completion
from routerlib.endpoints.replies import NoCompletion, completion_within, samples, usage

RESPONSE = {
    "object": "response",
    "status": "completed",
    "output": [
        {"type": "reasoning", "content": [], "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "blue"}]},
    ],
    "usage": {"input_tokens": 3, "output_tokens": 9},
}
MESSAGE = {
    "type": "message",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "blue"},
        {"type": "redacted_thinking", "data": "Ab3"},
    ],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 9},
}
CANDIDATES = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [{"text": "hm", "thought": True}, {"text": "blue"}],
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 5},
}
COHERE = {
    "finish_reason": "COMPLETE",
    "message": {
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "blue"}]
    },
    "usage": {
        "billed_units": {"input_tokens": 1},
        "tokens": {"input_tokens": 3, "output_tokens": 9},
    },
}


@pytest.mark.parametrize("value", [RESPONSE, MESSAGE, CANDIDATES, COHERE])
def test_a_text_is_kept_with_its_thoughts_apart_and_its_tokens(value):
    whole = completion_within(value)
    [sample] = samples(whole, (), str, is_chat=True)
    assert (sample["full_response"], sample["reasoning"]) == ("blue", "hm")
    assert sample["finish_reason"] == "stop" and usage(whole) == (3, 9)


@pytest.mark.parametrize(
    ("value", "reason", "tokens"),
    [
        (
            {
                "generated_text": "blue",
                "details": {"finish_reason": "length", "generated_tokens": 9},
            },
            "length",
            (0, 9),
        ),
        (
            {"content": "blue", "stop_type": "word", "tokens_evaluated": 3, "tokens_predicted": 9},
            "stop",
            (3, 9),
        ),
        ({"content": "blue", "stopped_limit": True, "tokens_predicted": 9}, "length", (0, 9)),
    ],
)
def test_servers_own_apis_are_read_with_and_without_a_chat(value, reason, tokens):
    for is_chat in (True, False):
        whole = completion_within(value)
        [sample] = samples(whole, (), str, is_chat)
        assert (sample["full_response"], sample["finish_reason"]) == ("blue", reason)
    assert usage(whole) == tokens


def test_a_response_that_was_cut_off_says_so():
    cut = RESPONSE | {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": RESPONSE["output"][:1],
    }
    [sample] = samples(cut, (), str, is_chat=True)
    assert (sample["full_response"], sample["finish_reason"]) == ("", "length")
    filtered = cut | {"incomplete_details": {"reason": "content_filter"}}
    assert samples(filtered, (), str, is_chat=True)[0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    "value",
    [
        RESPONSE | {"status": "queued", "output": []},
        {"type": "message", "content": "a note of the gateway"},
        {"candidates": []},
        {"output": "blue"},
    ],
)
def test_what_is_no_answer_yet_stays_none(value):
    assert as_completion(value) == value


def test_an_answer_that_a_gateway_has_wrapped_keeps_its_tokens():
    chat = {"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}]}
    assert usage(completion_within({"data": chat | {"usage": {"prompt_tokens": 5}}})) == (5, 0)
    with pytest.raises(NoCompletion, match="not done"):
        completion_within({"message": {"content": "4"}, "done": False})
