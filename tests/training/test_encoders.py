"""Loading encoders: a folder without one is told in a sentence.

What they compute is tested where it is used.
"""

import re

import pytest
from tiny_encoder import tiny_encoder

from routerlib.training import encoders


def test_a_folder_without_an_encoder_is_told_in_a_sentence(tmp_path):
    with pytest.raises(encoders.EncoderError, match=f"from {re.escape(str(tmp_path))} .* hub id"):
        encoders.load_tokenizer(tmp_path)


def test_long_texts_lose_their_oldest_tokens(tmp_path):
    tokenizer = encoders.load_tokenizer(tiny_encoder(tmp_path), max_length=8)
    long, end = (
        tokenizer(text, truncation=True)["input_ids"]
        for text in ("say hello in french 1 2 3 4 5 6", "3 4 5 6")
    )
    assert len(long) == 8 and long[-3:] == end[-3:]


def test_the_features_of_a_classifier_are_what_its_last_layer_turns_into_logits(tmp_path):
    import torch

    folder = tiny_encoder(tmp_path)
    model, tokenizer = (
        encoders.new_classifier(str(folder), ["a", "b"]),
        encoders.load_tokenizer(folder),
    )
    texts = ["prove the theorem 3", "name a colour", "say hello in french 1 2 3 4 5 6"]
    seen = encoders.features(model, tokenizer, texts)
    last = encoders.last_layer(model)
    with torch.no_grad():
        expected = model(**tokenizer(texts, return_tensors="pt", padding=True)).logits.numpy()
        found = last(torch.from_numpy(seen)).numpy()
    assert seen.shape == (3, last.in_features) and found == pytest.approx(expected, abs=0.02)
    assert not last._forward_pre_hooks
