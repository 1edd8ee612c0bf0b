"""Messages of every form are read, and pictures are seen."""

import json

import log_rows
import pytest

from routerlib.rows.schemas import RowError

QUESTIONS = {
    "JSON text": json.dumps(log_rows.USER),
    "object": {"messages": log_rows.USER},
    "text": log_rows.USER[0]["content"],
    "parts": [{"role": "user", "content": [{"type": "text", "text": log_rows.USER[0]["content"]}]}],
    "LangChain": [[{"type": "human", "content": log_rows.USER[0]["content"]}]],
    "LangChain's objects": [
        {
            "lc": 1,
            "id": ["langchain", "schema", "messages", "HumanMessage"],
            "kwargs": {"content": log_rows.USER[0]["content"]},
        }
    ],
    "Gemini": {"contents": [{"role": "user", "parts": [{"text": log_rows.USER[0]["content"]}]}]},
    "arguments of a function": {"args": [log_rows.USER[0]["content"]], "kwargs": {}},
}


@pytest.mark.parametrize("form", QUESTIONS)
def test_messages_of_every_form_are_read(form):
    row = log_rows.conversation(
        {"id": "1", "traceId": "t", "type": "GENERATION", "input": QUESTIONS[form]}
    )
    assert [(turn.role, turn.content) for turn in row.conversation] == [
        ("user", log_rows.USER[0]["content"])
    ]


def test_a_system_message_that_stands_apart_comes_first():
    anthropic = log_rows.conversation(
        {"request": {"system": "Be brief.", "messages": log_rows.USER}}
    )
    parts = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    said = json.dumps([{"type": "text", "content": "Be brief."}])
    span = log_rows.conversation(
        {"gen_ai.input.messages": json.dumps(parts), "gen_ai.system_instructions": said}
    )
    for row in (anthropic, span):
        assert (row.conversation[0].role, row.conversation[0].content) == ("system", "Be brief.")


PICTURES = {
    "OpenAI": {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    "Responses API": {"type": "input_image", "image_url": "https://example.org/a.png"},
    "Anthropic": {"type": "image", "source": {"type": "base64", "data": "aGk="}},
    "sound": {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    "OpenTelemetry": {"type": "blob", "modality": "image", "content": "aGk="},
    "Gemini": {"inline_data": {"mime_type": "image/png", "data": "aGk="}},
    "in the text": {"type": "text", "text": "see data:image/png;base64,aGk="},
    "Langfuse": {"type": "text", "text": "see @@@langfuseMedia:type=image/png|id=c|source=x@@@"},
    "a file": {"type": "file", "file": {"file_id": "f"}},
}


@pytest.mark.parametrize("form", PICTURES)
def test_pictures_are_seen(form):
    turn = {"role": "user", "content": [{"type": "text", "text": "What?"}, PICTURES[form]]}
    assert log_rows.conversation({"messages": [turn]}).has_media
    assert log_rows.conversation({"conversation_id": "1", "conversation": [turn]}).has_media


def test_texts_about_pictures_are_texts():
    turn = {"role": "user", "content": 'Write {"type": "image_url"} and data:image/png please.'}
    assert not log_rows.conversation({"messages": [turn]}).has_media


@pytest.mark.parametrize("mark", ("litellm_truncated 35012", "litellm_truncated skipped 35012"))
def test_a_message_that_was_cut_is_not_what_was_asked(mark):
    text = f"Read this: ... ({mark} chars) ... and tell me why."
    found = log_rows.read_one({"messages": [{"role": "user", "content": text}]})
    assert isinstance(found, RowError) and "was cut when it was logged" in str(found)
