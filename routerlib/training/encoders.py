"""Transformer encoders on texts: frozen sentence embeddings, and the fine-tuned classifier.

Texts are sorted by length and batched by tokens, so almost nothing is padded; the body runs in
bfloat16 where the processor computes in it, the last layer in float32. Long texts lose their oldest
tokens. How a batch passes through a model is `inference`'s business, training `fine_tuning`'s, and
what a score means `router`'s.
"""

from __future__ import annotations

import copy
import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.endpoints import standins
from routerlib.errors import Foreseen, SettingError
from routerlib.rows import hub
from routerlib.training.bert import Bert, Tokenizer
from routerlib.training.inference import Forward, compute_dtype, device, forward, has_torch

BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}  # after padding; more of them leave a CPU's caches
MAX_LENGTH = 256
# Characters that a tokenizer is given for each token that is kept, far more than one has: it takes
# a text whole before it cuts it, and minutes for one of 50 MB.
CHARS_A_TOKEN = 400


class EncoderError(Foreseen, ValueError):
    """No encoder can be loaded from a folder or hub name.

    The text says why and what to name instead.
    """


@functools.cache
def quiet() -> None:
    """Say nothing while a model loads, and slow nobody; to be called before torch is loaded.

    A bar, that a new head is new, that one CPU shares no layers tell a user nothing.
    """
    settings.report_nothing()
    settings.let_idle_threads_sleep()
    from transformers.utils import logging as notices

    notices.disable_progress_bar()
    for name in ("modeling_utils", "distributed.tensor_parallel"):
        logging.getLogger(f"transformers.{name}").setLevel(logging.ERROR)


def _loaded(load: Callable[..., Any], folder: str | Path, **settings_of_model: Any) -> Any:
    """What `load`, a `from_pretrained` of transformers, gives for a folder, hub id or page.

    Raises:
        EncoderError: there is no model, or the hub did not give it; with the cause.
    """
    name = hub.model_id(str(folder))
    try:
        return load(name, trust_remote_code=False, **settings_of_model)
    except (OSError, ValueError) as error:
        raise EncoderError(_why_not_loaded(error, name)) from None


def _why_not_loaded(error: Exception, name: str) -> str:
    if Path(name).exists() or name.startswith(("/", ".", "~")):
        said = hub.without_secrets(" ".join(str(error).split()))
        return (
            f"No encoder could be loaded from {name} ({said[:300]}). Name the folder of a "
            "BERT-like model, or a hub id; left empty, the offline encoder is taken."
        )
    return (
        f"No encoder could be loaded from {name}. {hub.explain(error, hub.MODEL, name)} It is a "
        "BERT-like model by its hub id or folder; left empty, the offline encoder is taken."
    )


def load_tokenizer(folder: str | Path, max_length: int = MAX_LENGTH) -> Any:
    """The folder's (or hub model's) tokenizer, cutting texts to their last `max_length` tokens.

    Raises:
        EncoderError: there is none, or the hub cannot be reached.
    """
    settings.report_nothing()
    if not has_torch():
        return Tokenizer(folder, max_length)
    from transformers import AutoTokenizer

    tokenizer = _loaded(AutoTokenizer.from_pretrained, folder)
    tokenizer.truncation_side = "left"
    limit = tokenizer.model_max_length or max_length
    tokenizer.model_max_length = min(limit, max_length)
    return tokenizer


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Positions grouped into batches of similar length, each at most `tokens` after padding.

    Shortest first.
    """
    batch: list[int] = []
    for position in np.argsort(lengths, kind="stable"):
        if batch and (len(batch) + 1) * lengths[position] > tokens:
            yield batch
            batch = []
        batch.append(int(position))
    if batch:
        yield batch


def run_texts(through: Forward, tokenizer: Any, texts: Sequence[str], width: int) -> np.ndarray:
    """Pass texts through a model; `through` gives (rows, width) for each batch. Shape (n, width).

    The rows come back in the order of the texts.
    """
    result = np.zeros((len(texts), width), dtype=np.float32)
    ends = [text[-CHARS_A_TOKEN * tokenizer.model_max_length :] for text in texts]
    encoded = tokenizer(ends, truncation=True, padding=False)["input_ids"] if texts else []
    for batch in batches([len(ids) for ids in encoded], BATCH_TOKENS[device()]):
        result[batch] = through(*_padded([encoded[i] for i in batch], tokenizer))
    return result


def _padded(rows: Sequence[list[int]], tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Token ids and mask, both of shape (rows, tokens).

    Widths are multiples of 8: each new one is compiled anew.
    """
    longest = max(map(len, rows))
    width = max(longest, min(-(-longest // 8) * 8, tokenizer.model_max_length))
    ids = np.full((len(rows), width), tokenizer.pad_token_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)], mask[number, : len(row)] = row, 1
    return ids, mask


class SentenceEncoder:
    """Frozen embeddings: the mean over the tokens of the last hidden state, of unit length.

    Args:
        folder: a Hugging Face encoder (BERT-like); a local folder or a hub name.
        remember: keep every text's embedding in memory, for repeated splits over the same rows.
        is_saved: it was written by `save`: of it safetensors are read, and never a pickle.
    """

    def __init__(
        self,
        folder: str | Path,
        max_length: int = MAX_LENGTH,
        remember: bool = False,
        is_saved: bool = False,
    ):
        self.folder, self.max_length, self.is_saved = str(folder), max_length, is_saved
        self.tokenizer = load_tokenizer(folder, max_length)
        self.model, self._forward, self.width = _headless_encoder(folder, is_saved)
        self._known: dict[str, np.ndarray] | None = {} if remember else None
        self._last: tuple[list[str], np.ndarray] = ([], np.zeros((0, self.width), dtype=np.float32))

    def __reduce__(self) -> Any:
        """On another machine it is read from its folder again."""
        remembers = self._known is not None
        return SentenceEncoder, (self.folder, self.max_length, remembers, self.is_saved)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of shape (n, width), float32, each of length 1."""
        if self._known is None:
            return self._embed_last(list(texts))
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._embed(new), strict=True))
        return np.stack([self._known[text] for text in texts]) if len(texts) else self._embed([])

    def _embed_last(self, texts: list[str]) -> np.ndarray:
        """The scorers of one blend ask for the same texts one after the other.

        These are embedded once.
        """
        known, embeddings = self._last
        if known != texts:
            embeddings = self._embed(texts)
            self._last = (texts, embeddings)
        return embeddings

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        pooled = run_texts(self._forward, self.tokenizer, texts, self.width)
        return pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-9)

    def save(self, folder: str | Path) -> None:
        """Write the encoder as a Hugging Face folder (safetensors.

        In the precision it computes in).
        """
        self.model.save_pretrained(os.fspath(folder))
        self.tokenizer.save_pretrained(os.fspath(folder))


def _headless_encoder(folder: str | Path, is_saved: bool) -> tuple[Any, Forward, int]:
    """An encoder without a head, the way through it to mean embeddings, and their width."""
    if not has_torch():
        bert = Bert(folder)
        return bert, bert.mean_pooled, bert.width
    quiet()
    from transformers import AutoModel

    numbers = {"use_safetensors": True} if is_saved else {}
    model = _loaded(AutoModel.from_pretrained, folder, dtype=compute_dtype(), **numbers)
    model = model.to(device()).eval()
    return model, forward(model, _mean_pool), model.config.hidden_size


def _mean_pool(model: Any, batch: Any) -> Any:
    hidden = model(**batch).last_hidden_state.float()
    if "attention_mask" not in batch:
        return hidden.mean(dim=1)
    mask = batch["attention_mask"].unsqueeze(-1).float()
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1)


@functools.lru_cache(maxsize=4)
def shared(folder: str, max_length: int = MAX_LENGTH) -> SentenceEncoder:
    """One encoder in memory for all scorers that use the same folder.

    It remembers what it embedded.
    """
    return SentenceEncoder(folder, max_length, remember=True)


def encoder_at(folder: str = "") -> SentenceEncoder:
    """The encoder of a folder or hub id; empty: the offline one."""
    return SentenceEncoder(folder or standins.path("encoder"))


def embedder(folder: str = "") -> Callable[[Sequence[str]], np.ndarray]:
    """Embeddings by an encoder that loads when it is first asked; it remembers no text.

    Args:
        folder: a folder or hub id; empty: the offline encoder.
    """

    @functools.cache
    def encoder() -> SentenceEncoder:
        return encoder_at(folder)

    return lambda texts: encoder().embed(texts)


# --- the classifier ---


def new_classifier(backbone: str, labels: Sequence[str]) -> Any:
    """A pretrained encoder with a fresh classification head, in float32, ready for training."""
    quiet()
    from transformers import AutoConfig, AutoModelForSequenceClassification

    names = dict(enumerate(labels))
    config = _loaded(
        AutoConfig.from_pretrained,
        backbone,
        num_labels=len(names),
        id2label=names,
        label2id={name: number for number, name in names.items()},
    )
    for name in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(config, name):
            # Dropout inside attention has no fused kernel: on a CPU most of a step's time
            setattr(config, name, 0.0)
    return _loaded(
        AutoModelForSequenceClassification.from_pretrained,
        backbone,
        config=config,
        dtype="float32",
    )


def load_classifier(folder: str | Path) -> Any:
    """A saved classifier, ready to score."""
    if not has_torch():
        return Bert(folder)
    quiet()
    from transformers import AutoModelForSequenceClassification

    model = _loaded(
        AutoModelForSequenceClassification.from_pretrained,
        folder,
        dtype="float32",
        use_safetensors=True,
    )
    return for_inference(model)


def for_inference(model: Any) -> Any:
    """The model on its device, its body in the fastest precision, its last layer in float32."""
    import torch

    model = model.to(device=device(), dtype=compute_dtype()).eval()
    last = last_layer(model).float()
    last.register_forward_pre_hook(
        lambda _, inputs: tuple(value.to(torch.float32) for value in inputs)
    )
    return model


def last_layer(model: Any) -> Any:
    """The linear layer that gives the logits.

    Raises:
        ValueError: the architecture names it in a way we do not know.
    """
    head = model.classifier
    head = getattr(head, "out_proj", head)
    if not hasattr(head, "weight"):
        raise SettingError(
            f"{type(model).__name__}: its last layer was not found; use a BERT-like encoder."
        )
    return head


def save_classifier(model: Any, folder: str | Path) -> None:
    """Write a classifier as a Hugging Face folder, in float32."""
    if not isinstance(model, Bert):
        model = copy.deepcopy(model).cpu().float()
    model.save_pretrained(folder)


def two_logits(model: Any) -> Forward:
    """The quickest way through a classifier to its two logits, (rows, 2)."""
    return model.logits if isinstance(model, Bert) else forward(model, _two_logits)


def _two_logits(model: Any, batch: Any) -> Any:
    return model(**batch).logits


def features(model: Any, tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    """What a classifier's last layer sees of each text: shape (n, its inputs), float32."""
    return run_texts(forward(model, _before_last), tokenizer, texts, last_layer(model).in_features)


def _before_last(model: Any, batch: Any) -> Any:
    seen = []
    hook = last_layer(model).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        model(**batch)
    finally:
        hook.remove()
    return seen[0]
