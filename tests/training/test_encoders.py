"""Loading encoders: a folder without one is told in a sentence.

What they compute is tested where it is used.
"""

import json
import os
import re
import subprocess
import sys

import pytest
from hub_standin import HubStandin, Repository
from tiny_encoder import tiny_encoder

from routerlib.training import encoders


def test_a_folder_without_an_encoder_is_told_in_a_sentence(tmp_path):
    (tmp_path / "config.json").write_text("{broken")
    told = f"from {re.escape(str(tmp_path))} .*not a valid JSON file.* hub id"
    with pytest.raises(encoders.EncoderError, match=told):
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


HUB_CASES = """
import json, sys, time, types
from huggingface_hub.utils import _http
_http.time = types.SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 20))
from routerlib.training import encoders
told = {}
for name in json.loads(sys.argv[1]):
    try:
        told[name] = str(encoders.SentenceEncoder(name).width)
    except encoders.EncoderError as error:
        told[name] = str(error)
print(json.dumps(told))
"""


def test_an_encoder_by_hub_id_is_loaded_or_the_cause_is_told(tmp_path):
    folder = tiny_encoder(tmp_path / "tiny")
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    models = {
        "google-bert/bert-base-uncased": Repository(files),
        "bert-base-uncased": Repository(files, moved_to="google-bert/bert-base-uncased"),
        "some/gated": Repository(files, gated=True),
        "some/broken-weights": Repository(files, broken=500),
    }
    address = "https://huggingface.co/google-bert/bert-base-uncased"
    names = [*models, address, "some/nothing"]
    with HubStandin({("model", name): found for name, found in models.items()}) as site:
        done = subprocess.run(
            [sys.executable, "-c", HUB_CASES, json.dumps(names)],
            env=os.environ
            | {
                "HF_ENDPOINT": site.url,
                "HF_HOME": str(tmp_path / "home"),
                "HF_HUB_DISABLE_XET": "1",
                "HF_TOKEN": "",
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    told = json.loads(done.stdout.splitlines()[-1])
    for name in ("google-bert/bert-base-uncased", "bert-base-uncased", address):
        assert told[name] == "32", told[name]
    assert (
        "is gated" in told["some/gated"]
        and "https://huggingface.co/some/gated" in told["some/gated"]
    )
    assert "in trouble (status 500)" in told["some/broken-weights"]
    assert "There is no model some/nothing" in told["some/nothing"]


def test_an_embedder_embeds_the_texts_and_loads_when_it_is_first_asked(tmp_path):
    embed = encoders.embedder(str(tmp_path / "encoder"))  # not there yet
    tiny_encoder(tmp_path / "encoder")
    found = embed(["say hello in french", "prove the theorem"])
    wanted = encoders.encoder_at(str(tmp_path / "encoder")).embed(
        ["say hello in french", "prove the theorem"]
    )
    assert found.tolist() == wanted.tolist() and found.shape[0] == 2


def test_without_a_name_the_offline_encoder_is_taken(tmp_path, monkeypatch):
    tiny_encoder(tmp_path / "encoder")
    monkeypatch.setattr(encoders.standins, "path", lambda name: tmp_path / name)
    assert encoders.encoder_at().embed(["ice"]).shape == (1, 32)


def test_of_a_huge_text_only_the_end_is_made_into_tokens(tmp_path, monkeypatch):
    """A tokenizer takes a text whole, whatever of it is kept."""
    tokenizer = encoders.load_tokenizer(tiny_encoder(tmp_path), max_length=8)
    seen = []

    class Watched:
        model_max_length, pad_token_id = tokenizer.model_max_length, tokenizer.pad_token_id

        def __call__(self, texts, **more):
            seen.extend(map(len, texts))
            return tokenizer(texts, **more)

    def through(ids, mask):
        return (ids * mask).sum(axis=1, keepdims=True)

    short = "say hello in french 1 2 3 4 5 6 " * 4
    huge = "prove the theorem " * 100_000 + short
    found = encoders.run_texts(through, Watched(), [huge, short], 1)
    assert found[0] == found[1] and max(seen) == 8 * encoders.CHARS_A_TOKEN


@pytest.mark.parametrize("load", ["sentence", "classifier"])
def test_of_a_saved_router_no_pickle_is_read(tmp_path, recwarn, load):
    """A router is safetensors and JSON; a pickle in its place is somebody else's."""
    import torch

    folder = tiny_encoder(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(encoders.EncoderError, match="safetensors"):
        if load == "sentence":
            encoders.SentenceEncoder(folder, is_saved=True)
        else:
            encoders.load_classifier(folder)
    assert not [str(one.message) for one in recwarn if "torch" in str(one.filename)]
