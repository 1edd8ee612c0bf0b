"""A model gives the same numbers however it is run.

And torch is what remains where OpenVINO cannot.
"""

import threading

import numpy as np
import pytest
import torch
import transformers

from routerlib.training import inference

openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed")

SMALL = {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL |= {
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "num_labels": 2,
}


def classifier(kind):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **SMALL, pad_token_id=0)
    return transformers.AutoModelForSequenceClassification.from_config(config).eval()


def logits(model, batch):
    return model(**batch).logits


def batch(rng, lengths, width):
    ids, mask = (
        rng.integers(5, 100, size=(len(lengths), width)),
        np.zeros((len(lengths), width), dtype=np.int64),
    )
    for row, length in enumerate(lengths):
        mask[row, :length] = 1
        ids[row, length:] = 0
    return ids, mask


@pytest.mark.parametrize("kind", ["bert", "roberta", "electra", "modernbert", "mpnet"])
def test_the_compiled_model_gives_torchs_numbers(kind):
    model, rng = classifier(kind), np.random.default_rng(0)
    plain, compiled = inference.with_torch(model, logits), inference.forward(model, logits)
    for lengths, width in (([7], 8), ([16, 3, 9], 16), ([1], 8), ([40] * 5, 40)):
        ids, mask = batch(rng, lengths, width)
        expected = plain(ids, mask)
        assert compiled(ids, mask) == pytest.approx(expected, abs=0.04)  # bfloat16, logits around 1


def test_what_is_masked_changes_nothing():
    model, rng = classifier("bert"), np.random.default_rng(1)
    compiled = inference.with_openvino(model, logits)
    ids, mask = batch(rng, [5, 9], 16)
    other = np.where(mask == 1, ids, 77)
    assert compiled(other, mask) == pytest.approx(compiled(ids, mask), abs=1e-6)


def test_a_model_that_cannot_be_translated_runs_with_torch():
    model = classifier("bert")

    def head(model, batch):
        if torch.jit.is_tracing():
            raise RuntimeError("no such operator")
        return model(**batch).logits

    ids, mask = batch(np.random.default_rng(2), [4, 8], 8)
    with pytest.warns(UserWarning, match="runs with torch, since OpenVINO cannot"):
        run = inference.forward(model, head)
    assert np.array_equal(run(ids, mask), inference.with_torch(model, logits)(ids, mask))


def test_a_translation_that_is_wrong_is_not_used():
    model = classifier("bert")

    def head(model, batch):
        found = model(**batch).logits
        return found + 5 if torch.jit.is_tracing() else found

    with pytest.warns(UserWarning, match="differ from torch's"):
        run = inference.forward(model, head)
    ids, mask = batch(np.random.default_rng(3), [8], 8)
    assert np.array_equal(run(ids, mask), inference.with_torch(model, logits)(ids, mask))


def test_without_openvino_torch_does_it(monkeypatch):
    monkeypatch.setattr(inference.importlib.util, "find_spec", lambda name: None)
    ids, mask = batch(np.random.default_rng(4), [8], 8)
    model = classifier("bert")
    assert np.array_equal(
        inference.forward(model, logits)(ids, mask), inference.with_torch(model, logits)(ids, mask)
    )


def test_many_threads_get_their_own_numbers():
    run, rng = inference.with_openvino(classifier("bert"), logits), np.random.default_rng(5)
    batches = [batch(rng, [int(n)], 32) for n in rng.integers(1, 32, size=40)]
    expected, found = [run(*one) for one in batches], [None] * len(batches)

    def work(start):
        for at in range(start, len(batches), 4):
            found[at] = run(*batches[at])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(a, b) for a, b in zip(expected, found, strict=True))


def test_a_translation_starts_no_telemetry(monkeypatch):
    """OpenVINO's own converter starts a session that reports to its makers where a user once agreed
    to that.
    """
    sessions = pytest.importorskip("openvino_telemetry")
    started = []
    monkeypatch.setattr(sessions.Telemetry, "init", lambda self, *_, **__: started.append(self))
    inference.with_openvino(classifier("bert"), logits)
    assert not started
