"""Log-probabilities of both endpoints are one list of tokens, and small where they are kept."""

import pytest

from routerlib.rows import logprobs

CHAT = {
    "content": [
        {"token": "The", "logprob": -0.25, "bytes": [1], "top_logprobs": [
            {"token": "The", "logprob": -0.25}, {"token": "A", "logprob": -2.0}]},
        {"token": " B", "logprob": -0.123456, "top_logprobs": [
            {"token": " B", "logprob": -0.123456}, {"token": " C", "logprob": -3.0}]},
        {"token": "\n", "logprob": -1.0},
    ]
}  # fmt: skip
COMPLETIONS = {
    "text_offset": [0, 3, 5],
    "tokens": ["The", " B", "\n"],
    "token_logprobs": [-0.25, -0.123456, -1.0],
    "top_logprobs": [{"The": -0.25, "A": -2.0}, {" B": -0.123456, " C": -3.0}, None],
}


@pytest.mark.parametrize("given", [CHAT, COMPLETIONS, CHAT["content"]])
def test_either_endpoint_is_read_alike(given):
    tokens = logprobs.tokens_of(given)
    assert [token["token"] for token in tokens] == ["The", " B", "\n"]
    assert [token["logprob"] for token in tokens] == [-0.25, -0.123456, -1.0]
    assert tokens[1]["top_logprobs"][1] == {"token": " C", "logprob": -3.0}
    assert "top_logprobs" not in tokens[2]
    assert logprobs.tokens_of(tokens) == tokens


@pytest.mark.parametrize("given", [CHAT, COMPLETIONS])
def test_tokens_behind_the_text_are_left_out(given):
    assert len(logprobs.tokens_of(given, "The B")) == 2
    assert len(logprobs.tokens_of(given, "The B\n")) == 3
    assert len(logprobs.tokens_of(given, "Another text")) == 3, "which tokens are its own?"


@pytest.mark.parametrize(
    "given",
    [None, {}, [], {"content": None}, {"tokens": []}, {"tokens": ["a"]}, "none", 7, [None, 3],
     {"tokens": ["a"], "token_logprobs": [None]}, {"content": [{"token": "a", "logprob": "x"}]},
     {"content": [{"token": "a", "logprob": True}]}],
)  # fmt: skip
def test_what_tells_none_is_none(given):
    assert logprobs.tokens_of(given) is None
    assert logprobs.small(given) is None


def test_the_first_token_of_an_echo_may_have_none():
    given = {"tokens": ["a", "b"], "token_logprobs": [None, -1.0]}
    assert [token["logprob"] for token in logprobs.tokens_of(given)] == [None, -1.0]


def test_alternatives_are_kept_beside_letters_alone_and_numbers_are_rounded():
    kept = logprobs.small(CHAT)
    assert ["top_logprobs" in token for token in kept] == [False, True, False]
    assert kept[1]["logprob"] == -0.1235
    assert kept[1]["top_logprobs"][1] == {"token": " C", "logprob": -3.0}


@pytest.mark.parametrize(
    ("token", "letter"),
    [(" C", "C"), ("(C", "C"), ("C)", "C"), ("\u0120C", "C"), ("c", ""), ("Co", ""), ("", "")],
)
def test_letters(token, letter):
    assert logprobs.letter_of(token) == letter


def test_requests_ask_in_the_words_of_their_endpoint():
    assert logprobs.request_fields(is_chat=True) == {"logprobs": True, "top_logprobs": 5}
    assert logprobs.request_fields(is_chat=False) == {"logprobs": 5}
