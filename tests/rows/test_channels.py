"""Texts in channels: what is said, and what is thought."""

import pytest

from routerlib.rows.channels import said_and_thought

THINKS = "<|channel|>analysis<|message|>7? No.<|end|>"


@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        (THINKS + "<|start|>assistant<|channel|>final<|message|>8<|return|>", "8", "7? No."),
        (THINKS + "<|start|>assistant<|channel|>final<|message|>8", "8", "7? No."),
        (THINKS, "", "7? No."),
        ("<|channel|>analysis<|message|>7? Perhaps", "", "7? Perhaps"),
        ("<|channel|>commentary to=f<|message|>{}<|call|>" + THINKS, "", "{}\n7? No."),
        ("<|channel|>final<|message|>a<|end|><|channel|>final<|message|>b", "b", ""),
    ],
)
def test_the_last_final_channel_is_said_the_others_are_thought(text, said, thought):
    assert said_and_thought(text) == (said, thought)


@pytest.mark.parametrize("text", ["", "8", "a <|channel|> of a river", "<|message|>"])
def test_other_texts_have_no_channels(text):
    assert said_and_thought(text) is None
