"""Answers of every form are read."""

import json

import log_rows
import pytest

ANSWERS = {
    "text": "About 384,400 km.",
    "chat completion": {
        "choices": [{"message": {"role": "assistant", "content": "About 384,400 km."}}]
    },
    "the same as JSON text": json.dumps(
        {"choices": [{"message": {"content": "About 384,400 km."}}]}
    ),
    "completion": {"choices": [{"text": "About 384,400 km.", "index": 0}]},
    "message": {"role": "assistant", "content": "About 384,400 km."},
    "parts": {
        "content": [{"type": "text", "text": "About 384,400 km."}],
        "stop_reason": "end_turn",
    },
    "thoughts and parts": {
        "content": [
            {"type": "thinking", "thinking": "Hm.", "text": "Hm."},
            {"type": "text", "text": "About 384,400 km."},
        ]
    },
    "Gemini": {"candidates": [{"content": {"parts": [{"text": "About 384,400 km."}]}}]},
    "Responses API": {
        "object": "response",
        "output": [
            {"type": "reasoning", "summary": []},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "About 384,400 km."}],
            },
        ],
    },
    "Batch": {
        "status_code": 200,
        "body": {"choices": [{"message": {"content": "About 384,400 km."}}]},
    },
    "Ollama": {"message": {"role": "assistant", "content": "About 384,400 km."}, "done": True},
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
    "list of messages": [{"role": "assistant", "content": "About 384,400 km."}],
}


@pytest.mark.parametrize("form", ANSWERS)
def test_answers_of_every_form_are_read(form):
    row = log_rows.conversation({"messages": log_rows.USER, "response": ANSWERS[form]})
    assert row.logged.full_response == "About 384,400 km."


def test_what_a_stream_tells_of_itself_is_kept():
    events = [
        {"model": "big", "choices": [{"delta": {"content": "Far"}, "finish_reason": "length"}]},
        {"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 13}},
    ]
    logged = log_rows.conversation({"messages": log_rows.USER, "response": events}).logged
    assert (logged.model, logged.finish_reason) == ("big", "length")
    assert (logged.prompt_tokens, logged.completion_tokens) == (31, 13)


def test_the_counts_of_ollama_are_tokens():
    response = {"message": {"content": "Far"}, "prompt_eval_count": 31, "eval_count": 13}
    logged = log_rows.conversation({"messages": log_rows.USER, "response": response}).logged
    assert (logged.prompt_tokens, logged.completion_tokens) == (31, 13)


@pytest.mark.parametrize(
    "response",
    (
        'data: {"error": {"message": "overloaded"}}\n\n',
        "data: [DONE]",
        [{"object": "chat.completion.chunk", "choices": []}],
        "About ... (litellm_truncated skipped 35012 chars. A safeguard) ... km.",
        {"choices": [{"message": {"content": "About ... (litellm_truncated 9 chars)"}}]},
        {"choices": [{"message": {"content": [{"text": "A (truncated 9 chars)"}]}}]},
    ),
)
def test_a_stream_without_words_and_an_answer_that_was_cut_are_none(response):
    assert log_rows.conversation({"messages": log_rows.USER, "response": response}).logged is None
