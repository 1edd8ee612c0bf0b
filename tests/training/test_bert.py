"""BERT in numpy against torch's: the same folder, the same numbers, and what it cannot run."""

import json
import shutil

import numpy as np
import pytest
import safetensors.torch
import torch
from tiny_encoder import EASY, HARD, tiny_encoder, within
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from routerlib import settings
from routerlib.training import bert, encoders

TEXTS = [*EASY, *HARD, "", "word " * 200 + "prove the theorem", "hello 12, WORLD?"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An encoder no weight of which is 0 or 1, as a trained one: each is seen to be used."""
    made = tiny_encoder(tmp_path_factory.mktemp("tiny"))
    weights = safetensors.torch.load_file(made / "model.safetensors")
    noise = torch.Generator().manual_seed(1)
    for tensor in weights.values():
        if tensor.ndim == 1:  # biases, and the scales of the normalisation
            tensor += 0.1 * torch.randn(tensor.shape, generator=noise)
    safetensors.torch.save_file(weights, made / "model.safetensors", {"format": "pt"})
    return made


def batch():
    """Rows of unequal length, padded two columns further than the longest."""
    ids = np.arange(60, dtype=np.int64).reshape(4, 15) % 40 + 2
    mask = np.ones_like(ids)
    for row, length in enumerate((13, 1, 7, 12)):
        mask[row, length:] = 0
    return ids * mask, mask


def torchs(model, ids, mask):
    with torch.inference_mode():
        return model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))


def test_hidden_states_are_torchs(folder):
    ids, mask = batch()
    expected = torchs(AutoModel.from_pretrained(folder), ids, mask).last_hidden_state.numpy()
    found = bert.Bert(folder).hidden(ids, mask)
    assert found.shape == expected.shape == (4, 15, 32)
    assert found[mask == 1] == pytest.approx(expected[mask == 1], abs=1e-5)


def test_padding_changes_no_embedding(folder):
    ids, mask = batch()
    model = bert.Bert(folder)
    together = model.mean_pooled(ids, mask)
    alone = [
        model.mean_pooled(ids[[n], : mask[n].sum()], mask[[n], : mask[n].sum()]) for n in range(4)
    ]
    assert together == pytest.approx(np.concatenate(alone), abs=1e-5)


def test_weights_in_bfloat16_are_read_as_torch_reads_them(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    AutoModel.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(tmp_path)
    kept = safetensors.torch.load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in kept.values()} == {torch.bfloat16}
    found = bert.Bert(tmp_path).weights
    assert all(np.array_equal(found[name], kept[name].float().numpy()) for name in kept)


def test_a_classifiers_logits_are_torchs(folder, tmp_path):
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2).eval()
    model.save_pretrained(tmp_path)
    ids, mask = batch()
    found = bert.Bert(tmp_path)
    assert found.is_classifier and not bert.Bert(folder).is_classifier
    expected = torchs(model, ids, mask).logits.numpy()
    assert found.logits(ids, mask) == pytest.approx(expected, abs=1e-5)


def test_gelu_is_the_exact_one():
    x = np.linspace(-9, 9, 100_001, dtype=np.float32)
    # In float64: some processors' float32 gelu of torch is itself 1.1e-6 off
    expected = torch.nn.functional.gelu(torch.from_numpy(x).double()).numpy()
    assert bert.gelu(x.copy()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("length", [5, 64, 10**6])
def test_token_ids_are_those_of_transformers(folder, length):
    """Long texts lose their first words in both."""
    theirs = AutoTokenizer.from_pretrained(folder)
    theirs.truncation_side, theirs.model_max_length = "left", min(64, length)
    ours = bert.Tokenizer(folder, length)
    assert ours.model_max_length == theirs.model_max_length
    assert ours.pad_token_id == theirs.pad_token_id
    assert ours(TEXTS)["input_ids"] == theirs(TEXTS, truncation=True)["input_ids"]


def test_an_encoder_embeds_the_same_without_torch(folder, tmp_path, monkeypatch):
    expected = encoders.SentenceEncoder(folder).embed(TEXTS)
    monkeypatch.setattr(encoders, "has_torch", lambda: False)
    light = encoders.SentenceEncoder(folder)
    assert light.embed(TEXTS) == pytest.approx(expected, abs=within(1e-5))
    light.save(tmp_path / "again")
    assert encoders.SentenceEncoder(tmp_path / "again").embed(TEXTS) == pytest.approx(
        light.embed(TEXTS)
    )


def test_another_architecture_names_what_to_install(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for change in (
        {"model_type": "modernbert"},
        {"hidden_act": "relu"},
        {"position_embedding_type": "relative_key"},
    ):
        config = json.loads((folder / "config.json").read_text()) | change
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(settings.MissingPackages, match=r"routerlib\[train\]"):
            bert.Bert(tmp_path)
    with pytest.raises(settings.MissingPackages, match=r"org/name.*routerlib\[train\]"):
        bert.Bert("org/name")
    with pytest.raises(settings.MissingPackages, match=r"tokenizer.json.*routerlib\[train\]"):
        bert.Tokenizer("org/name", 64)


def test_a_folder_that_was_not_copied_whole_is_told_so(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    del weights["embeddings.LayerNorm.weight"]
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(bert.BertError, match=r"lacks embeddings.LayerNorm.weight"):
        bert.Bert(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(bert.BertError, match=r"There is no .*model.safetensors"):
        bert.Bert(tmp_path)
