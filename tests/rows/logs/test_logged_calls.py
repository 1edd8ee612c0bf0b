"""What a call cost, when it was, and who answered is kept, and what failed is no answer."""

import log_rows
import pytest


@pytest.mark.parametrize("kind", ["LiteLLM", "Langfuse", "OpenTelemetry"])
@pytest.mark.parametrize("place", range(6))
def test_what_an_answer_cost_is_kept(kind, place):
    logged = log_rows.conversation(
        log_rows.FORMATS[kind](place, "What is the tallest tree?")
    ).logged
    assert (logged.prompt_tokens, logged.completion_tokens) == (30, 12)
    assert logged.seconds == 2.5
    assert logged.at == "2026-05-01T10:00:00+00:00"
    assert logged.cost == (None if kind == "OpenTelemetry" else 0.002)


def test_a_failed_request_has_no_answer():
    """What a server says when it fails is never a model's answer."""
    litellm = log_rows.litellm(0, "Hi") | {"status": "failure", "response": "RateLimitError"}
    langfuse = log_rows.langfuse(0, "Hi") | {"level": "ERROR", "output": "timeout"}
    span = log_rows.opentelemetry(1, "Hi") | {"status": {"status_code": "ERROR"}}
    plain = {"messages": log_rows.USER, "response": {"error": {"message": "overloaded"}}}
    for row in (litellm, langfuse, span, plain):
        assert log_rows.conversation(row).logged is None
