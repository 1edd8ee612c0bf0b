"""Reasons why an answer ended: other servers' words become ours, and nothing is lost."""

import pytest

from routerlib.rows.finish_reasons import OURS, WORDS, finish_reason


@pytest.mark.parametrize(
    ("told", "ours"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("eos_token", "stop"),
        ("end_turn", "stop"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("FINISH_REASON_STOP", "stop"),
        ("model_length", "length"),
        ("SAFETY", "content_filter"),
        ("ERROR_TOXIC", "content_filter"),
        ("ERROR_LIMIT", "length"),
        ("IMAGE_RECITATION", "content_filter"),
        ({"type": "stop", "matched": 128009}, "stop"),
        ({"type": "length", "length": 9}, "length"),
        ({"reason": "abort", "message": "gone"}, "error"),
        (["stop"], "stop"),
        ([], None),
        (None, None),
        ("", None),
        ("FINISH_REASON_UNSPECIFIED", None),
        (1, "1"),
        ("Perplexed", "Perplexed"),
        ({"why": "because"}, '{"why": "because"}'),
    ],
)
def test_a_reason_is_told_in_one_vocabulary(told, ours):
    assert finish_reason(told) == ours


def test_no_word_means_two_things():
    assert len(OURS) == sum(map(len, WORDS.values()))
    assert all(finish_reason(finish_reason(word)) == finish_reason(word) for word in OURS)
