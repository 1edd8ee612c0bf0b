"""Replies: whatever form a paid answer has, its text is kept; what is no answer is told for what it
is.
"""

import gzip
import json

import pytest

from routerlib.endpoints.refusals import Kind, read_refusal
from routerlib.endpoints.replies import (
    ErrorInside,
    NoCompletion,
    cached_tokens,
    decode_reply,
    finite,
    first_token_masses,
    is_whole,
    model_names,
    offers,
    samples,
    usage,
)


def chat(content, finish="stop", **message):
    return {"choices": [{"finish_reason": finish, "message": {"content": content, **message}}]}


def read(value, stop=(), is_chat=True):
    return samples(value, stop, lambda text: text, is_chat)


def text_of(value, **more):
    [sample] = read(value, **more)
    return sample["full_response"]


def events(*chunks, end=b""):
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + end


def test_a_stream_that_says_it_is_done_is_whole_without_a_reason():
    piece = {"choices": [{"index": 0, "delta": {"content": "4"}, "finish_reason": None}]}
    value = decode_reply(events(piece, end=b"data: [DONE]\n\n"), "text/event-stream")
    assert text_of(value) == "4"
    with pytest.raises(NoCompletion, match="broke off"):
        decode_reply(events(piece), "text/event-stream")


def test_an_error_among_the_events_is_that_error():
    told = {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded"}
    value = decode_reply(b"event:error\n" + events(told), "text/event-stream")
    with pytest.raises(ErrorInside) as inside:
        read(value)
    assert read_refusal(200, inside.value.error).kind == Kind.BUSY


# --- bytes ---


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1}',
        b'\xef\xbb\xbf{"a": 1}',
        b'\r\n\n  {"a": 1}\n\n',
        b'\0{"a": 1}',
        b'[{"a": 1}]',
        b'{"a": 1}\n\ndata: [DONE]\n\n',
    ],
)
def test_an_object_is_found_in_whatever_is_around_it(content):
    assert decode_reply(content) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (rb'{"a": "Hi \ud83d"}', "Hi \ufffd"),
        (rb'{"a": "Hi \ude00 \ud83d\ude00"}', "Hi \ufffd \U0001f600"),
        ('{"a": "é'.encode()[:-1] + b'"}', "\ufffd"),
        (b'{"a": "line\nfeed"}', "line\nfeed"),
    ],
)
def test_halves_of_characters_are_replaced(content, text):
    assert decode_reply(content)["a"] == text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b'{"choices": [{"text": "half an ans', "broke off after 34"),
        (b'{"choices": [{"text": "a"}', "broke off"),
        (b"<!DOCTYPE html><html>login", "page for a browser.*base URL"),
        (b"  <html>", "page for a browser"),
        (b"<?xml version='1.0'?><Error/>", "page for a browser"),
        (b"OK", "no JSON; it starts with 'OK'"),
        (b"[1, 2]", "no JSON object"),
        (b'"text"', "no JSON object"),
        (b'data: {"choices": [{"delta": {"content": "4"}}]}\n\n', "stream that broke off"),
        (b"[" * 100_000, "nested too deep|broke off"),
    ],
)
def test_what_is_no_completion_is_told_for_what_it_is(content, says):
    with pytest.raises(NoCompletion, match=says):
        decode_reply(content)


def stream(*pieces, end="data: [DONE]\n\n"):
    lines = [f"data: {json.dumps(piece)}\n\n" for piece in pieces]
    return (": keep-alive\n\n" + "".join(lines) + end).encode()


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ('{"a": "é"}'.encode("latin-1"), 'application/json; charset="ISO-8859-1"'),
        ('{"a": "é"}'.encode("cp1252"), "application/json;charset=windows-1252"),
        ('{"a": "é"}'.encode("utf-16"), "application/json"),
        ('{"a": "é"}'.encode("utf-16-le"), ""),
        ('{"a": "é"}'.encode("utf-32-be"), ""),
        (gzip.compress('{"a": "é"}'.encode()), "application/json"),
        (gzip.compress('{"a": "é"}'.encode("latin-1")), "text/plain; charset=latin1"),
        (': thinking\n\n:\n: still thinking\r\n\r\n{"a": "é"}'.encode(), ""),
    ],
)
def test_a_body_is_read_in_the_form_that_it_has(content, content_type):
    assert decode_reply(content, content_type) == {"a": "é"}


@pytest.mark.parametrize("charset", ["hex", "rot13", "no-such-thing", "\x00", "zip"])
def test_a_charset_that_is_none_is_passed_over(charset):
    read = decode_reply(b'{"a": "\xe9"}', f"application/json; charset={charset}")
    assert read == {"a": "�"}


def test_a_packed_body_that_is_broken_is_no_answer():
    whole = gzip.compress(b'{"a": 1}' * 50)
    for broken in (whole[:-12], whole[:30] + b"?" + whole[31:], b"\x1f\x8b"):
        with pytest.raises(NoCompletion, match="packed by gzip, and broken"):
            decode_reply(broken)


def test_the_lines_of_ollamas_own_stream_are_one_answer():
    lines = [
        {"model": "m", "message": {"role": "assistant", "content": "4"}, "done": False},
        {"model": "m", "message": {"role": "assistant", "content": "2"}, "done": False},
        {"message": {"content": ""}, "done": True, "done_reason": "length", "eval_count": 9},
    ]
    value = decode_reply("\n".join(map(json.dumps, lines)).encode())
    [sample] = read(value)
    assert (sample["full_response"], sample["finish_reason"]) == ("42", "length")
    assert sample["completion_tokens"] == 9
    with pytest.raises(NoCompletion, match="broke off"):
        decode_reply("\n".join(map(json.dumps, lines[:2])).encode())


def test_an_answer_of_ollamas_own_api_is_an_answer():
    own = {"message": {"content": "42"}, "done": True, "prompt_eval_count": 3, "eval_count": 2}
    [sample] = read(own)
    assert sample["full_response"] == "42" and sample["finish_reason"] == "stop"
    assert (sample["prompt_tokens"], sample["completion_tokens"]) == (3, 2)
    assert text_of({"response": "42", "done": True}) == "42"
    with pytest.raises(ErrorInside):
        read({"error": "model is busy", "done": True})


def test_chunks_one_a_line_are_one_answer_and_a_log_line_behind_it_is_none():
    pieces = [{"choices": [{"index": 0, "delta": {"content": t}}]} for t in ("4", "2")]
    pieces.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    assert text_of(decode_reply("\n".join(map(json.dumps, pieces)).encode())) == "42"
    behind = json.dumps(chat("42")) + '\n{"level": "info"}'
    assert text_of(decode_reply(behind.encode())) == "42"


def test_choices_by_number_are_choices():
    one = chat("42")["choices"][0]
    assert [s["full_response"] for s in read({"choices": {"0": one, "1": one}})] == ["42", "42"]
    assert text_of({"choices": one}) == "42"


def test_an_event_stream_nobody_asked_for_is_put_together():
    def piece(index, finish=None, **delta):
        return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}

    content = stream(
        piece(0, role="assistant", content=""),
        piece(0, reasoning_content="hm"),
        piece(1, content="5"),
        piece(0, content="4"),
        piece(0, "stop", content="2"),
        piece(1, "length"),
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9}},
    )
    first, second = read(decode_reply(content))
    assert (first["full_response"], first["reasoning"]) == ("42", "hm")
    assert (second["full_response"], second["finish_reason"]) == ("5", "length")
    assert usage(decode_reply(content)) == (3, 9)


def piece(text, index=0, finish=None, **more):
    return {
        "choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish}]
    } | more


def texts(content, asked):
    return [sample["full_response"] for sample in read(decode_reply(content, asked=asked))]


@pytest.mark.parametrize("asked", [1, 2])
def test_a_stream_that_counts_its_pieces_is_one_answer(asked):
    words = [piece(word, number) for number, word in enumerate(["Pa", "ri", "s"])]
    assert texts(events(*words, piece("", 3, "stop")), asked) == ["Paris"]
    assert texts(stream(*words), asked) == ["Paris"]


def test_more_answers_than_were_asked_for_stay_apart():
    both = [piece("a"), piece("b", 1), piece("", 0, "stop"), piece("", 1, "length")]
    assert texts(events(*both), asked=1) == ["a", "b"]


def test_answers_of_one_index_are_told_apart_by_their_ends():
    one, other = [piece("a"), piece("b", finish="stop")], [piece("c"), piece("d", finish="length")]
    answers = read(decode_reply(events(*one, piece(""), *other), asked=2))
    assert [sample["full_response"] for sample in answers] == ["ab", "cd"]
    assert [sample["finish_reason"] for sample in answers] == ["stop", "length"]
    assert texts(events(*one, piece("!"), piece("", finish="stop")), asked=1) == ["ab!"]


def test_an_end_under_a_wrong_index_is_the_end_of_the_other_answer():
    content = events(piece("a"), piece("b", 1), piece("", 0, "stop"), piece("", 0, "length"))
    assert texts(content, asked=2) == ["a", "b"]


def test_answers_mixed_under_one_index_are_asked_for_one_by_one():
    content = events(piece("a"), piece("b"), piece("", finish="stop"), piece("", finish="stop"))
    with pytest.raises(ErrorInside) as inside:
        decode_reply(content, asked=2)
    assert read_refusal(200, inside.value.error).param == "n"
    assert texts(content, asked=1) == ["ab"]


def test_tokens_of_a_stream_are_counted_wherever_they_stand():
    counts = {"prompt_tokens": 3, "completion_tokens": 9}
    in_choice = piece("4", finish="stop")
    in_choice["choices"][0]["usage"] = counts
    for end in (in_choice, piece("4", finish="stop", x_groq={"id": "r", "usage": counts})):
        assert usage(decode_reply(events(end))) == (3, 9)
    last = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 9}}
    assert usage(decode_reply(events(in_choice, last))) == (4, 9)


def test_tokens_counted_last_are_an_end_and_so_is_a_reason_by_another_name():
    counts = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9}}
    assert texts(events(piece("a"), counts), asked=1) == ["a"]
    with pytest.raises(NoCompletion, match="broke off"):
        decode_reply(events(piece("a", usage=counts["usage"])))
    camel = {"choices": [{"delta": {"content": "a"}, "finishReason": "MAX_TOKENS"}]}
    assert read(decode_reply(events(camel)))[0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b'{"choices": []}', True),
        (b'{"choices": []} ', True),
        (b'{"choices": [', False),
        (b'{"choices": []}{"a', False),
        (b"", False),
        (b"4", False),
        (b'data: {"choices": []}\n\ndata: [DONE]\n\n', True),
        (b'data: {"choices": []}\n\n', False),
        (b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}\n\nda', True),
        (b'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: {"ch', False),
    ],
)
def test_a_body_closed_too_early_is_whole_where_its_json_is(content, whole):
    assert is_whole(content) == whole


ENDED = events(piece("4", finish="stop"))


def test_what_is_torn_behind_the_end_of_an_answer_is_passed_over():
    assert texts(ENDED + b'data: {"choices": [], "usage": {"prompt_tok', asked=1) == ["4"]
    for torn in (
        events(piece("4")) + b'data: {"choices": [{"delta": {"con',
        b'data: {"choices": [{"delt\n\n' + ENDED + b"data: [DONE]\n\n",
        b'data: {"choices": [{"delt\n' + ENDED + b"data: [DONE]\n\n",
    ):
        with pytest.raises(NoCompletion, match="broke off"):
            decode_reply(torn)


def test_an_event_may_be_written_over_several_lines():
    lines = json.dumps(piece("4", finish="stop"), indent=1).splitlines()
    written = "\r\n".join(f"data: {line}" for line in lines) + "\r\n\r\ndata: [DONE]\r\n\r\n"
    assert texts(written.encode(), asked=1) == ["4"]


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": [{"index": 0, "delta": "4"}]},
        {"choices": {"index": 0, "delta": {"content": "4"}}},
        {"choices": [{"index": 0, "delta": {"content": ["4"]}}]},
        {"choices": [{"index": 0, "delta": {"content": "4"}, "message": {"content": "All: 4"}}]},
    ],
)
def test_a_piece_of_a_stream_may_have_any_form(odd):
    before, after = piece(""), piece("2", finish="stop")
    assert texts(events(before, odd, after), asked=1) == ["42"]


@pytest.mark.parametrize("odd", [True, 7, [[]], {"choices": 7}, {"choices": [7]}, {"a": None}])
@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n"])
def test_what_has_no_form_at_all_is_no_answer_and_no_fault_of_ours(odd, end):
    for content in (json.dumps(odd).encode(), events(odd) + end, events({"error": [[]]}, odd)):
        with pytest.raises((NoCompletion, ErrorInside)):
            read(decode_reply(content))


LINES = "one\u2028two\x85three"


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
def test_a_text_may_hold_what_other_places_take_for_an_end_of_line(end):
    told = [json.dumps(part, ensure_ascii=False) for part in (piece(LINES), piece("", 0, "stop"))]
    content = "".join(f"data: {part}{end}" for part in told).encode()
    assert texts(content, asked=1) == [LINES]
    unended = f"data: {told[0]}{end}data: [DONE]{end}".encode()
    assert texts(unended, asked=1) == [LINES] and is_whole(unended)


@pytest.mark.parametrize(
    "around",
    [
        "<br />\n<b>Deprecated</b>: {curly} things in <b>relay.php</b> line <b>3</b><br />\nHERE",
        ")]}'\nHERE",
        "answer(HERE);",
    ],
)
def test_what_a_relay_writes_around_an_answer_is_passed_over(around):
    assert text_of(decode_reply(around.replace("HERE", json.dumps(chat("4"))).encode())) == "4"
    with pytest.raises(NoCompletion, match="no JSON"):
        decode_reply(around.replace("HERE", '{"note": 1}').encode())


def test_a_page_with_json_inside_is_a_page():
    page = "<!doctype html><script>x = " + json.dumps(chat("4")) + "</script>"
    with pytest.raises(NoCompletion) as caught:
        decode_reply(page.encode())
    assert caught.value.is_page


def test_an_answer_in_an_envelope_or_encoded_twice_is_an_answer():
    whole = json.dumps(chat("4"))
    for value in ({"statusCode": 200, "body": whole}, {"data": whole}, {"body": chat("4")}):
        assert text_of(value) == "4"
    assert text_of(decode_reply(json.dumps(whole).encode())) == "4"
    with pytest.raises(NoCompletion):
        decode_reply(b'"four"')


def test_an_error_in_an_envelope_is_that_error():
    with pytest.raises(ErrorInside) as inside:
        read({"statusCode": 429, "body": '{"note": "Too Many Requests"}'})
    assert read_refusal(200, inside.value.error).kind == Kind.BUSY


def test_a_tool_that_was_called_is_kept_without_the_key():
    call = {"function": {"name": "find", "arguments": '{"key": "sk-1"}'}}
    [sample] = samples(
        chat(None, "tool_calls", tool_calls=[call]), (), lambda t: t.replace("sk-1", "[key]"), True
    )
    assert sample["full_response"] == "" and "tool_calls" not in read(chat("4"))[0]
    assert sample["tool_calls"][0]["function"]["arguments"] == '{"key": "[key]"}'


def test_a_function_that_was_called_in_the_old_way_is_kept():
    called = {"name": "find", "arguments": '{"key": "sk-1"}'}
    answer = chat(None, "function_call", function_call=called)
    [sample] = samples(answer, (), lambda t: t.replace("sk-1", "[key]"), True)
    [call] = sample["tool_calls"]
    assert call["function"] == {"name": "find", "arguments": '{"key": "[key]"}'}
    assert sample["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("reason", [None, "stop"])
def test_nothing_that_has_not_ended_is_no_answer(reason):
    """A model that is only being started; an empty answer that has ended is one."""
    nothing = chat("", reason) | {"usage": {"prompt_tokens": 5, "completion_tokens": 0}}
    if reason:
        assert text_of(nothing) == ""
    else:
        with pytest.raises(NoCompletion, match="has written nothing"):
            read(nothing)
    uncounted = chat("", None) | {"usage": None}
    assert text_of(uncounted) == ""


@pytest.mark.parametrize(
    "alternatives", [[], None, [{"token": "A"}], [{"token": "A", "logprob": "-Infinity"}]]
)
def test_log_probabilities_of_nothing_are_none(alternatives):
    with pytest.raises(ValueError, match="no log-probabilities"):
        first_token_masses({"content": [{"token": "A", "top_logprobs": alternatives}]}, "AB")


@pytest.mark.parametrize(
    "listed",
    [
        {"data": [{"id": "a"}, {"id": "b"}]},
        [{"id": "a"}, {"id": "b", "name": "B"}],
        {"models": [{"name": "a", "model": "a"}, {"name": "b"}]},
        {"data": None, "models": ["a", "b", 7]},
    ],
)
def test_models_are_listed_in_any_form(listed):
    assert model_names(listed) == ["a", "b"]


@pytest.mark.parametrize("listed", [None, "a", {}, {"error": "no such path"}, {"data": {"a": 1}}])
def test_a_list_of_models_that_is_none_names_none(listed):
    assert model_names(listed) == []


def test_a_stream_of_completions_and_one_with_an_error():
    content = stream({"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]})
    assert text_of(decode_reply(content), is_chat=False) == "a"
    with pytest.raises(ErrorInside):
        read(decode_reply(stream({"error": {"code": 502}}, end="")))


# --- texts ---


@pytest.mark.parametrize(
    "value",
    [
        chat("4"),
        chat([{"type": "text", "text": "4"}]),
        chat(["4"]),
        chat([{"type": "output_text", "text": {"value": "4"}}, {"type": "image_url"}]),
        chat({"parts": [{"text": "4"}]}),
        chat(4),
        {"choices": [{"text": "4", "finish_reason": "stop"}]},
        {"choices": [{"message": "4"}]},
        {"choices": {"message": {"content": "4"}}},
        {"choices": [{"delta": {"content": "4"}}]},
        {"data": chat("4")},
        {"output": chat("4")},
        chat(None, refusal="4"),
        chat("4", "stop") | {"error": None},
        chat("4", "stop") | {"error": {"message": "a remark about your plan"}},
    ],
)
def test_the_text_is_found_wherever_it_stands(value):
    assert text_of(value) == "4"
    assert text_of(value, is_chat=False) == "4"


def test_thinking_goes_to_reasoning_and_texts_are_joined():
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]},
        {"type": "text", "text": "The answer "},
        {"type": "text", "text": "is 4"},
    ]
    [sample] = read(chat(parts))
    assert (sample["full_response"], sample["reasoning"]) == ("The answer is 4", "2+2")
    [sample] = read(chat("4", reasoning_details=[{"type": "reasoning.text", "text": "2+2"}]))
    assert sample["reasoning"] == "2+2"
    [sample] = read(chat([{"text": "hm", "thought": True}, {"text": "4"}]))
    assert (sample["full_response"], sample["reasoning"]) == ("4", "hm")


def test_an_ended_answer_in_the_reasoning_field_is_an_answer_and_a_cut_off_one_is_not():
    [sample] = read(chat(None, "stop", reasoning_content="It is 4"))
    assert sample["full_response"] == "It is 4" and sample["answer_in_reasoning"]
    [sample] = read(chat("", "length", reasoning_content="Let me"))
    assert sample["full_response"] == "" and "answer_in_reasoning" not in sample


def test_a_filtered_answer_is_empty_and_says_so_even_without_a_message():
    [sample] = read({"choices": [{"index": 0, "finish_reason": "SAFETY"}]}, is_chat=False)
    assert (sample["full_response"], sample["finish_reason"]) == ("", "content_filter")


def test_a_stop_string_that_the_server_passed_over_is_cut_here():
    [sample] = read(chat("4\nQuestion", "length"), stop=("\n",))
    assert (sample["full_response"], sample["finish_reason"]) == ("4", "stop")


# --- errors inside ---


@pytest.mark.parametrize(
    "value",
    [
        {"error": {"message": "no"}},
        {"error": "no"},
        {"message": "no", "code": 500},
        {"choices": None, "message": "no"},
        {"detail": "no"},
        chat(None) | {"error": {"code": 429}},
        chat("half", "stop") | {"error": {"code": 502}},
        {"choices": [{"error": {"code": 502}, "message": {"content": "half"}}]},
        chat("half", "error"),
        chat("half", {"type": "abort"}),
        {"base_resp": {"status_code": 1002}, "choices": None},
    ],
)
def test_an_error_inside_is_an_error_and_no_answer(value):
    with pytest.raises(ErrorInside):
        read(value)


def test_of_several_choices_those_without_an_error_are_kept():
    value = {"choices": [chat("4")["choices"][0], {"error": {"code": 502}}]}
    assert text_of(value) == "4"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, "no choices"),
        ({"choices": []}, "no choices"),
        ({"choices": None}, "no choices"),
        ({"choices": [], "html-message": "Network connection lost."}, "Network connection lost"),
        ({"object": "chat.completion", "usage": {"total_tokens": 3}}, "no choices$"),
        ({"message": {"content": "", "thinking": "Hm"}, "done": False}, "broke off"),
        ({"choices": ["a"]}, "form of a completion"),
        ({"choices": [{"index": 0}]}, "form of a completion"),
    ],
)
def test_what_holds_no_answer_is_none(value, says):
    with pytest.raises(NoCompletion, match=says):
        read(value, is_chat=False)


def test_a_prompt_that_was_filtered_is_refused_not_failed():
    with pytest.raises(ErrorInside) as inside:
        read({"choices": [], "prompt_filter_results": [{"hate": 1}]})
    refusal = read_refusal(200, inside.value.error)
    assert refusal.kind == Kind.FILTERED and "filtered the prompt" in refusal.text


@pytest.mark.parametrize("reason", ["stop", None])
def test_an_empty_error_beside_an_answer_is_none(reason):
    empty = {"message": "", "type": "", "param": "", "code": None}
    assert text_of(chat("42", reason) | {"error": empty}) == "42"


# --- channels ---

ANALYSIS = "<|channel|>analysis<|message|>2 + 2, simple.<|end|><|start|>assistant"


def test_a_text_in_channels_is_taken_apart_before_it_is_cut():
    [sample] = read(chat(ANALYSIS + "<|channel|>final<|message|>It is 4<|return|>"))
    assert sample["full_response"] == "It is 4" and sample["reasoning"] == "2 + 2, simple."
    [cut] = read(chat("<|channel|>analysis<|message|>2 + 2", "length"))
    assert cut["full_response"] == "" and cut["reasoning"] == "2 + 2"
    [alone] = read(chat("<|channel|>final<|message|>4"))
    assert alone["full_response"] == "4" and "reasoning" not in alone


# --- numbers ---


def test_log_probabilities_are_numbers_that_json_has():
    told = {"content": [{"token": "A", "logprob": float("-inf"), "top": [float("nan"), -0.5]}]}
    value = chat("A")
    value["choices"][0]["logprobs"] = told
    [sample] = read(value)
    assert sample["logprobs"]["content"][0]["logprob"] == -9999.0
    json.dumps(sample, allow_nan=False)
    assert finite({"a": [float("inf")]}) == {"a": [None]}


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 7}, (5, 7)),
        ({"input_tokens": "5", "output_tokens": 7.0}, (5, 7)),
        ({"prompt_tokens": None, "completion_tokens": {"a": 1}}, (0, 0)),
        (None, (0, 0)),
        ([1], (0, 0)),
        ({"completion_tokens": -1}, (0, 0)),
        # what is thought is counted beside what is written
        ({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 20}, (5, 15)),
        ({"prompt_tokens": 5, "completion_tokens": 15, "total_tokens": 20}, (5, 15)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 9}, (5, 7)),
        ({"completion_tokens": 7, "total_tokens": 12}, (5, 7)),
        ({"total_tokens": 12}, (0, 0)),
        (
            {"input_tokens": 5, "output_tokens": 7, "cache_read": 8, "total_tokens": 20},
            (5, 7),
        ),
    ],
)
def test_an_odd_count_of_tokens_loses_no_answer(told, counts):
    assert usage({"usage": told}) == counts
    assert text_of(chat("4") | {"usage": told}) == "4"


@pytest.mark.parametrize(
    ("told", "cached"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 64}}, 64),
        ({"input_tokens_details": {"cached_tokens": 64}}, 64),
        ({"prompt_cache_hit_tokens": 64}, 64),
        ({"prompt_tokens_details": None}, 0),
        ({"prompt_tokens_details": {"cached_tokens": None}}, 0),
        ({"prompt_tokens_details": {"cached_tokens": 999}}, 100),
    ],
)
def test_tokens_out_of_a_cache_are_noted(told, cached):
    value = chat("4") | {"usage": {"prompt_tokens": 100, "completion_tokens": 5} | told}
    (sample,) = samples(value, (), str, is_chat=True)
    assert sample.get("cached_tokens", 0) == cached
    assert cached_tokens(value) in (cached, 999)


@pytest.mark.parametrize("listed", ["llama3", "llama3:latest", "models/llama3"])
def test_a_model_is_offered_under_its_fuller_name(listed):
    assert offers([listed, "other"], "llama3")
    assert not offers([listed], "llama")
