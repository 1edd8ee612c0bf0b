"""A BERT read from its folder and run with numpy alone, its tokenizer included.

What scores prompts where torch and transformers are not installed: the same folder of safetensors
and tokenizer.json that they write, the same numbers within some millionths. It knows BERT with
absolute positions, with or without a classifier of two labels, which is what notebook 05 saves by
default; it trains nothing, and of another architecture it says what to install. Where torch is
there, `inference` is quicker.

Vaswani et al. 2017 (arXiv 1706.03762) and Devlin et al. 2019 (arXiv 1810.04805), with the names of
Hugging Face's checkpoints.
"""

from __future__ import annotations

import functools
import json
import math
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.errors import Foreseen

Array = np.ndarray
MODEL_FILES = ("config.json", "model.safetensors")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
KINDS_OF_NUMBERS = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}  # BF16 is none of numpy's
IN_CACHE = 32_768  # numbers that are worked on at once; more of them leave a processor's cache
NEVER = np.float32(-1e9)  # added to the odds of looking at padding


class BertError(Foreseen, ValueError):
    """A folder of which a part is missing; the text says which."""


class Bert:
    """A BERT encoder for inference, in float32.

    Attributes:
        width: numbers a token has in the last hidden state.
    """

    def __init__(self, folder: str | Path):
        """Read it.

        Raises:
            MissingPackages: it is no BERT of this kind, so that torch is needed.
            BertError: a part of it is missing.
        """
        self.folder = Path(folder)
        self.config = _read_config(self.folder)
        weights = _read_weights(self.folder / "model.safetensors")
        self.is_classifier = "classifier.weight" in weights
        # A classifier's names start with those of its body
        self.weights = {name.removeprefix("bert."): values for name, values in weights.items()}
        self.width = int(self.config["hidden_size"])
        self._one_at_a_time = threading.Lock()
        self.heads = int(self.config["num_attention_heads"])
        missing = [name for name in self._needed() if name not in self.weights]
        if missing:
            raise BertError(
                f"{self.folder / 'model.safetensors'} lacks {missing[0]}: it was not copied whole. "
                "Copy the folder again from where it was made."
            )

    def _needed(self) -> list[str]:
        last = f"encoder.layer.{self.config['num_hidden_layers'] - 1}.output.LayerNorm.weight"
        heads = ["pooler.dense.weight", "classifier.bias"] if self.is_classifier else []
        return ["embeddings.word_embeddings.weight", "embeddings.LayerNorm.weight", last, *heads]

    def hidden(self, ids: Array, mask: Array) -> Array:
        """The last hidden state, (rows, tokens, width), of token ids and mask (rows, tokens)."""
        with self._one_at_a_time, _threads().limit(limits=1, user_api="blas"):
            return self._hidden(ids, mask)

    def _hidden(self, ids: Array, mask: Array) -> Array:
        odds = ((1 - mask) * NEVER).astype(np.float32)[:, None, None, :]
        x = self.weights["embeddings.word_embeddings.weight"][ids]
        x = x + self.weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = x + self.weights["embeddings.token_type_embeddings.weight"][0]
        x = self._normed(x, "embeddings.LayerNorm")
        for number in range(self.config["num_hidden_layers"]):
            layer = f"encoder.layer.{number}"
            seen = self._attended(x, odds, f"{layer}.attention.self")
            seen = self._linear(seen, f"{layer}.attention.output.dense")
            x = self._normed(x + seen, f"{layer}.attention.output.LayerNorm")
            wide = gelu(self._linear(x, f"{layer}.intermediate.dense"))
            seen = self._linear(wide, f"{layer}.output.dense")
            x = self._normed(x + seen, f"{layer}.output.LayerNorm")
        return x

    def mean_pooled(self, ids: Array, mask: Array) -> Array:
        """The mean of the last hidden state over the tokens that are not padding, (rows, width)."""
        ids, mask = _without_spare(ids, mask)
        kept = mask[:, :, None].astype(np.float32)
        return (self.hidden(ids, mask) * kept).sum(axis=1) / kept.sum(axis=1)

    def logits(self, ids: Array, mask: Array) -> Array:
        """What a classifier says of each row, (rows, labels): its last layer on the first token."""
        hidden = self.hidden(*_without_spare(ids, mask))
        first = np.tanh(self._linear(hidden[:, 0], "pooler.dense"))
        return self._linear(first, "classifier")

    def save_pretrained(self, folder: str | Path) -> None:
        """The folder it was read from once more, byte for byte; nothing of it was changed."""
        _copy(self.folder, Path(folder), MODEL_FILES)

    def _attended(self, x: Array, odds: Array, name: str) -> Array:
        rows, tokens, width = x.shape
        query, key, value = (
            self._linear(x, f"{name}.{part}")
            .reshape(rows, tokens, self.heads, width // self.heads)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        query = query * np.float32(1 / math.sqrt(width // self.heads))
        share = _softmax(query @ key.transpose(0, 1, 3, 2) + odds)
        return (share @ value).transpose(0, 2, 1, 3).reshape(rows, tokens, width)

    def _linear(self, x: Array, name: str) -> Array:
        weight = self.weights[f"{name}.weight"]
        found = x.reshape(-1, x.shape[-1]) @ weight.T
        found += self.weights[f"{name}.bias"]
        return found.reshape(*x.shape[:-1], len(weight))

    def _normed(self, x: Array, name: str) -> Array:
        """Layer normalisation: Ba et al. 2016, arXiv 1607.06450."""
        x = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        return x / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


@functools.cache
def _threads() -> Any:
    """The switch for the threads of numpy's matrix products.

    Several of them wait for each other busily, and where another program has a core, a prompt takes
    thirty times as long as with one.
    """
    import threadpoolctl

    return threadpoolctl.ThreadpoolController()


def _without_spare(ids: Array, mask: Array) -> tuple[Array, Array]:
    """Without the columns in which every row is padding."""
    longest = int(mask.sum(axis=1).max())
    return ids[:, :longest], mask[:, :longest]


def _softmax(odds: Array) -> Array:
    shares = np.exp(odds - odds.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def gelu(x: Array) -> Array:
    """x times the normal distribution function of x, in place: Hendrycks and Gimpel 2016, arXiv
    1606.08415.

    The error function is formula 7.1.26 of Abramowitz and Stegun (1964), right to 1.5e-7: numpy
    has none of its own.
    """
    flat = x.reshape(-1)
    for start in range(0, len(flat), IN_CACHE):
        part = flat[start : start + IN_CACHE]
        size = np.abs(part)
        np.maximum(part, 0, out=part)
        part -= size * _beyond(size)
    return x


def _beyond(size: Array) -> Array:
    """The share of the normal distribution above each number, all of them at least 0."""
    z = size * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.float32(1.061405429) * t
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series += np.float32(factor)
        series *= t
    z *= -z
    series *= np.exp(z, out=z)
    return series / 2


# --- its files ---


def _read_config(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    if not file.is_file():
        raise settings.left_out("train", f"The encoder {folder}, which is no folder saved here,")
    config = json.loads(file.read_text(encoding="utf-8"))
    kind = config.get("model_type")
    is_plain = (
        kind == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
    )
    if not is_plain:
        raise settings.left_out("train", f"The encoder in {folder} (kind {kind}, not plain BERT)")
    return config


def _read_weights(file: Path) -> dict[str, Array]:
    """The tensors of a safetensors file in float32, from float32, float16 or bfloat16."""
    import safetensors

    if not file.is_file():
        raise BertError(f"There is no {file}. Copy the folder again from where it was made.")
    tensors = safetensors.deserialize(file.read_bytes())
    return {name: _as_float32(tensor).reshape(tensor["shape"]) for name, tensor in tensors}


def _as_float32(tensor: dict[str, Any]) -> Array:
    if tensor["dtype"] == "BF16":  # the upper half of a float32
        halves = np.frombuffer(tensor["data"], dtype="<u2").astype(np.uint32)
        return (halves << 16).view(np.float32)
    kind = KINDS_OF_NUMBERS[tensor["dtype"]]
    return np.frombuffer(tensor["data"], dtype=kind).astype(np.float32)


def _copy(source: Path, target: Path, names: Sequence[str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).is_file() and source.resolve() != target.resolve():
            shutil.copyfile(source / name, target / name)


class Tokenizer:
    """The folder's tokenizer, as `encoders` asks transformers' for one: texts in, token ids out.

    Args:
        max_length: longer texts keep their last tokens.
    """

    def __init__(self, folder: str | Path, max_length: int):
        import tokenizers

        self.folder = Path(folder)
        file = self.folder / "tokenizer.json"
        if not file.is_file():
            raise settings.left_out("train", f"The tokenizer in {folder}, no {file.name},")
        facts = json.loads((self.folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        self._tokenizer = tokenizers.Tokenizer.from_file(str(file))
        self.model_max_length = int(min(facts.get("model_max_length") or max_length, max_length))
        self._tokenizer.enable_truncation(self.model_max_length, direction="left")
        self._tokenizer.no_padding()
        self.pad_token_id = self._tokenizer.token_to_id(_token_text(facts.get("pad_token"))) or 0

    def __call__(
        self, texts: Sequence[str], truncation: bool = True, padding: bool = False
    ) -> dict[str, list[list[int]]]:
        """Ids of each text, cut and not padded, whatever the two settings say."""
        return {"input_ids": [found.ids for found in self._tokenizer.encode_batch(list(texts))]}

    def save_pretrained(self, folder: str | Path) -> None:
        """The tokenizer's files once more, byte for byte."""
        _copy(self.folder, Path(folder), TOKENIZER_FILES)


def _token_text(token: Any) -> str:
    """A token's text: older files write it as an object."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "[PAD]")
