"""A streamed answer, as logs keep it, is one answer again."""

import log_rows
import pytest

STREAMS = {
    "chunks": [
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": piece}}]}
        for piece in ("About 384", ",400 km.")
    ],
    "chunks of two answers": [
        {"choices": [{"index": place, "delta": {"content": text}}]}
        for place, text in ((0, "About "), (1, "No idea."), (0, "384,400 km."))
    ],
    "an event stream": 'data: {"choices": [{"delta": {"content": "About 384,400 km."}}]}\n\n'
    'data: {"choices": [], "usage": {"prompt_tokens": 3}}\r\n\r\ndata: [DONE]\n\n',
    "an event stream that was cut off": 'event: x\ndata: {"choices": '
    '[{"text": "About 384,400 km."}]}\n\ndata: {"choi',
    "Anthropic's events": [
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "About "}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "384,400 km."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    ],
    "events of the Responses API": [
        {"type": "response.created", "response": {"output": []}},
        {"type": "response.output_text.delta", "delta": "About "},
        {"type": "response.output_text.delta", "delta": "384,400 km."},
        {"type": "response.output_text.done", "text": "About 384,400 km."},
    ],
}


@pytest.mark.parametrize("form", STREAMS)
def test_a_stream_of_every_form_is_one_answer(form):
    row = log_rows.conversation({"messages": log_rows.USER, "response": STREAMS[form]})
    assert row.logged.full_response == "About 384,400 km."


def test_what_a_stream_tells_of_itself_is_kept():
    events = [
        {"model": "big", "choices": [{"delta": {"content": "Far"}, "finish_reason": "length"}]},
        {"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 13}},
    ]
    logged = log_rows.conversation({"messages": log_rows.USER, "response": events}).logged
    assert (logged.model, logged.finish_reason) == ("big", "length")
    assert (logged.prompt_tokens, logged.completion_tokens) == (31, 13)


@pytest.mark.parametrize(
    "response",
    (
        'data: {"error": {"message": "overloaded"}}\n\n',
        "data: [DONE]",
        [{"object": "chat.completion.chunk", "choices": []}],
    ),
)
def test_a_stream_without_words_is_no_answer(response):
    assert log_rows.conversation({"messages": log_rows.USER, "response": response}).logged is None


def test_a_text_that_begins_like_a_stream_is_a_text():
    for text in ("data: see above", "id: 7, and so on", "event: the fair"):
        row = log_rows.conversation({"messages": log_rows.USER, "response": text})
        assert row.logged.full_response == text
