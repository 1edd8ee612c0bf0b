"""Chat JSONL: what a prompt says stays as it is."""

import log_rows


def test_a_prompt_that_is_JSON_itself_stays_as_it_is():
    for text in ("[3, 1, 2]", '[{"a": 1}] is what?'):
        row = log_rows.conversation({"prompt": text, "response": "Well."})
        assert row.conversation[0].content == text
        span = {"gen_ai.prompt.0.content": text, "gen_ai.request.model": "m"}
        assert log_rows.conversation(span).conversation[0].content == text


def test_a_line_of_a_batch_beside_its_answer():
    body = {"model": "big", "messages": log_rows.USER}
    sent = {"custom_id": "b1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    came = {"status_code": 200, "body": {"choices": [{"message": {"content": "Far"}}]}}
    row = log_rows.conversation({"custom_id": "b1", "request": sent, "response": came})
    assert (row.model, row.logged.full_response) == ("big", "Far")
    assert row.conversation[0].content == log_rows.USER[0]["content"]
