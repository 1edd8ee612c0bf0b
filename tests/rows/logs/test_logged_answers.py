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
    "list of messages": [{"role": "assistant", "content": "About 384,400 km."}],
}


@pytest.mark.parametrize("form", ANSWERS)
def test_answers_of_every_form_are_read(form):
    row = log_rows.conversation({"messages": log_rows.USER, "response": ANSWERS[form]})
    assert row.logged.full_response == "About 384,400 km."


def test_the_counts_of_ollama_are_tokens():
    response = {"message": {"content": "Far"}, "prompt_eval_count": 31, "eval_count": 13}
    logged = log_rows.conversation({"messages": log_rows.USER, "response": response}).logged
    assert (logged.prompt_tokens, logged.completion_tokens) == (31, 13)


@pytest.mark.parametrize(
    "response",
    (
        "About ... (litellm_truncated skipped 35012 chars. A safeguard) ... km.",
        {"choices": [{"message": {"content": "About ... (litellm_truncated 9 chars)"}}]},
        {"choices": [{"message": {"content": [{"text": "A (truncated 9 chars)"}]}}]},
    ),
)
def test_an_answer_that_was_cut_is_none(response):
    assert log_rows.conversation({"messages": log_rows.USER, "response": response}).logged is None
