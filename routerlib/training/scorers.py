"""What a router can be made of: each scorer learns from `Examples` and then ranks texts.

Constant, random and category mean, TF-IDF and ridge, three scorers on frozen embeddings, and the
fine-tuned encoder (which `fine_tuning` trains). Each gives a text a number strictly between 0 and
1, higher where the superior model is needed more. That number ranks prompts; that it is also a
probability is the work of the calibration in `router`. Saved as arrays (safetensors) and JSON.

What a scorer learns is the *gain* (superior's minus inferior's score, in [-1, 1]), because the area
under the cost-quality curve rewards ranking by it; rows without scores use p_superior instead.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import itertools
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from routerlib.errors import Foreseen
from routerlib.rows import jsonl
from routerlib.stats.calibration import log_odds, sigmoid, soft_logistic
from routerlib.training import encoders, inference
from routerlib.training.examples import Examples
from routerlib.training.features import surface_features

WORD = re.compile(r"\b\w\w+\b")  # "x = 12" holds one: 12


class ScorerError(Foreseen, ValueError):
    """A scorer that cannot be fitted on these rows or read from this folder; the text says why."""


class Scorer(ABC):
    """Ranks prompts.

    Subclasses keep plain values in `self.plain` and numpy arrays in `self.arrays`.
    """

    kind: ClassVar[str]

    def __init__(self) -> None:
        self.plain: dict[str, Any] = {}
        self.arrays: dict[str, np.ndarray] = {}

    @abstractmethod
    def fit(self, examples: Examples) -> Scorer:
        """Learn from the examples; returns itself."""

    @abstractmethod
    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        """A number in (0, 1) for each text, shape (n,); higher: more need of the superior model."""

    def save(self, folder: Path) -> None:
        """Write scorer.json and scorer.safetensors into the folder."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        jsonl.write_json(folder / "scorer.json", {"kind": self.kind, **self.plain})
        if self.arrays:
            save_file(
                {k: np.ascontiguousarray(v) for k, v in self.arrays.items()},
                folder / "scorer.safetensors",
            )

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """Read back what `save` wrote."""
        from safetensors.numpy import load_file

        scorer = cls.__new__(cls)
        Scorer.__init__(scorer)
        scorer.plain = {
            k: v for k, v in jsonl.read_json(folder / "scorer.json").items() if k != "kind"
        }
        weights = folder / "scorer.safetensors"
        scorer.arrays = load_file(weights) if weights.exists() else {}
        scorer._ready(folder)
        return scorer

    def _ready(self, folder: Path) -> None:  # noqa: B027 - most scorers need nothing more
        """Rebuild what is not an array or a plain value, after loading."""


def _from_gain(gain: np.ndarray) -> np.ndarray:
    """A gain in [-1, 1] as a number in (0, 1), in the same order."""
    return sigmoid(2 * np.asarray(gain, dtype=float))


class Constant(Scorer):
    """Every prompt the same: the mean p_superior. What a router must beat."""

    kind = "constant"

    def fit(self, examples: Examples) -> Constant:
        mean = float(np.average(examples.p_superior, weights=examples.weights))
        self.plain["p"] = min(max(mean, 1e-6), 1 - 1e-6)
        return self

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        return np.full(len(texts), self.plain["p"])


class Random(Scorer):
    """A number drawn from each text's hash.

    The same text always scores the same, and nothing is learnt.
    """

    kind = "random"

    def fit(self, examples: Examples) -> Random:
        return self

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        return (np.array([_hashed(text) for text in texts]) + 0.5) / 2**48


def _hashed(text: str) -> int:
    """48 bits of the text's hash, the same on every machine (Python's own hash is not)."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).digest()
    return int.from_bytes(digest, "big")


class CategoryMean(Scorer):
    """The mean gain of the prompt's category.

    Shrunk towards the overall mean where the category is rare.
    """

    kind = "category"
    PRIOR_ROWS = 10.0

    def fit(self, examples: Examples) -> CategoryMean:
        overall = float(np.average(examples.gain, weights=examples.weights))
        names, member = np.unique(
            np.array(examples.categories, dtype=object).astype(str), return_inverse=True
        )
        rows = np.bincount(member, weights=examples.weights)
        gains = np.bincount(member, weights=examples.weights * examples.gain)
        means = (gains + self.PRIOR_ROWS * overall) / (rows + self.PRIOR_ROWS)
        self.plain = {
            "overall": overall,
            "means": dict(zip(names.tolist(), means.tolist(), strict=True)),
        }
        return self

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        overall, means = self.plain["overall"], self.plain["means"]
        if categories is None:
            return _from_gain(np.full(len(texts), overall))
        return _from_gain(np.array([means.get(name, overall) for name in categories]))


class TfidfRidge(Scorer):
    """Ridge regression of the gain on TF-IDF of words and word pairs.

    The penalty is the one that does best in cross-validation.
    """

    kind = "tfidf"
    ALPHAS = (1.0, 3.0, 10.0, 30.0, 100.0)

    def fit(self, examples: Examples) -> TfidfRidge:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(
            ngram_range=(1, 2), min_df=2, max_features=50_000, sublinear_tf=True
        )
        try:
            features = vectorizer.fit_transform(examples.texts)
        except ValueError:
            raise ScorerError(
                f"TF-IDF found no word that occurs in two of the {len(examples)} training "
                f"prompts; it needs more rows."
            ) from None
        self.plain = {"terms": vectorizer.get_feature_names_out().tolist()}
        intercept, weights = _ridge(features, examples.gain, examples.weights, self.ALPHAS)
        self.arrays = {
            "idf": vectorizer.idf_,
            "weights": weights,
            "intercept": np.array([intercept]),
        }
        return self

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        gains = [self._sum(text) for text in texts]
        return _from_gain(np.array(gains, dtype=float) + self.arrays["intercept"][0])

    def _ready(self, folder: Path) -> None:
        terms = len(self.plain["terms"])
        if not terms == len(self.arrays["idf"]) == len(self.arrays["weights"]):
            raise ScorerError(f"{folder}: there is not one idf and one weight for each term.")

    @functools.cached_property
    def _number(self) -> dict[str, int]:
        return {term: number for number, term in enumerate(self.plain["terms"])}

    def _sum(self, text: str) -> float:
        """The weighted sum of one text's TF-IDF, by `TfidfVectorizer`'s formulas.

        A term counts 1 + log of how often it occurs, times its idf; the row has length 1. Done
        here, so that a saved router scores where scikit-learn is not installed.
        """
        words = WORD.findall(text.lower())
        pairs = [" ".join(pair) for pair in itertools.pairwise(words)]
        times = Counter(self._number[term] for term in words + pairs if term in self._number)
        if not times:
            return 0.0
        which = np.array(list(times))
        row = (1 + np.log(np.array(list(times.values())))) * self.arrays["idf"][which]
        return float(row @ self.arrays["weights"][which] / np.linalg.norm(row))


def _ridge(
    features: Any, y: np.ndarray, weights: np.ndarray, alphas: Sequence[float]
) -> tuple[float, np.ndarray]:
    """Intercept and weights of ridge regression, the penalty the best one on held-out rows."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import cross_val_predict

    def error(alpha: float) -> float:
        model = Ridge(alpha=alpha, solver="sparse_cg", tol=1e-3)
        predicted = cross_val_predict(
            model, features, y, cv=min(5, len(y)), params={"sample_weight": weights}
        )
        return float(np.average((predicted - y) ** 2, weights=weights))

    best = Ridge(alpha=min(alphas, key=error), solver="sparse_cg", tol=1e-4)
    best.fit(features, y, sample_weight=weights)
    return float(best.intercept_), np.asarray(best.coef_, dtype=float)


# --- on frozen embeddings ---


class _Embedded(Scorer):
    """Scorers that see a text as its frozen sentence embedding; the encoder is saved with them."""

    encoder: encoders.SentenceEncoder

    def __init__(self, encoder: encoders.SentenceEncoder):
        super().__init__()
        self.encoder = encoder

    def save(self, folder: Path) -> None:
        self.save_without_encoder(folder)
        self.save_encoder(folder)

    def save_without_encoder(self, folder: Path) -> None:
        super().save(folder)

    def save_encoder(self, folder: Path) -> None:
        self.encoder.save(folder / "embedding")
        jsonl.write_json(
            folder / "embedding" / "routerlib.json", {"max_length": self.encoder.max_length}
        )

    def _ready(self, folder: Path) -> None:
        # A blend's parts share one encoder, which lies two folders up.
        home = folder if (folder / "embedding").is_dir() else folder.parent.parent
        facts = home / "embedding" / "routerlib.json"
        self.encoder = _saved_encoder(
            str(home / "embedding"), jsonl.read_json(facts)["max_length"], facts.stat().st_mtime
        )


@functools.lru_cache(maxsize=4)
def _saved_encoder(folder: str, max_length: int, changed: float) -> encoders.SentenceEncoder:
    """One encoder in memory for all that is loaded from a folder, until the folder has changed."""
    return encoders.SentenceEncoder(folder, max_length, is_saved=True)


class EmbeddingLogistic(_Embedded):
    """Two logistic regressions on frozen embeddings, inferior right and superior right.

    Scored by their difference.
    """

    kind = "linear"
    C = 0.5

    def fit(self, examples: Examples) -> EmbeddingLogistic:
        features, both = self.encoder.embed(examples.texts), examples.both_right
        fitted = [soft_logistic(features, right, examples.weights, self.C) for right in both.T]
        self.arrays = {
            "weights": np.stack([weights for weights, _ in fitted]),
            "intercepts": np.array([intercept for _, intercept in fitted]),
        }
        return self

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        odds = self.encoder.embed(texts) @ self.arrays["weights"].T + self.arrays["intercepts"]
        right = sigmoid(odds)
        return _from_gain(right[:, 1] - right[:, 0])


class Neighbours(_Embedded):
    """The mean gain of the most similar training prompts, by cosine of their frozen embeddings."""

    kind = "knn"
    NEIGHBOURS = 100

    def fit(self, examples: Examples) -> Neighbours:
        self.plain["neighbours"] = max(1, min(self.NEIGHBOURS, len(examples) // 5))
        self.arrays = {
            "embeddings": self.encoder.embed(examples.texts).astype(np.float16),
            "gain": examples.gain,
            "weights": examples.weights,
        }
        return self

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        number = self.plain["neighbours"]
        near = self.encoder.embed(texts) @ self.arrays["embeddings"].astype(np.float32).T
        top = np.argpartition(-near, number - 1, axis=1)[:, :number]
        weights = self.arrays["weights"][top] + 1e-9
        return _from_gain((self.arrays["gain"][top] * weights).sum(axis=1) / weights.sum(axis=1))


class Kernel(_Embedded):
    """Kernel ridge regression of both models' accuracies on meaning, surface and category together.

    The kernel is a sum: Gaussian in the frozen embedding, Gaussian in the surface features
    (`features`), and, with some weight, "same category". Score: P(superior right) * P(inferior
    wrong). The prediction is the mean over five shares of the parts: the single best one on
    held-out rows was often the luckiest. A category that is not given adds nothing. Of more than
    MOST_ROWS rows a random part is learnt, since time grows with their cube.
    """

    kind = "kernel"
    EMBEDDING_GAMMA, SURFACE_GAMMA, PENALTY = 2.0, 0.02, 5.0
    # Each line: the shares of meaning, surface and category.
    SHARES = ((1, 0.3, 0.0), (1, 0.3, 0.2), (1, 1.0, 0.0), (1, 1.0, 0.2), (1, 0.1, 0.5))
    MOST_ROWS = 12_000
    ROWS_AT_ONCE = 2000

    def fit(self, examples: Examples) -> Kernel:
        if len(examples) > self.MOST_ROWS:
            order = np.random.default_rng(0).permutation(len(examples))
            examples = examples.take(order[: self.MOST_ROWS])
        raw, both = surface_features(examples.texts), examples.both_right
        names = sorted(set(examples.categories))
        self.plain = {"categories": names}
        self.arrays = {
            "embeddings": self.encoder.embed(examples.texts).astype(np.float32),
            "centre": raw.mean(axis=0),
            "scale": raw.std(axis=0) + 1e-6,
            "member": np.array([names.index(name) for name in examples.categories]),
            "mean": np.average(both, axis=0, weights=examples.weights),
        }
        self.arrays["surface"] = self._standardised(raw)
        parts = self._parts(*(self.arrays[name] for name in ("embeddings", "surface", "member")))
        self.arrays["duals"] = np.zeros((len(parts), *both.shape), dtype=np.float32)
        for shares in np.array(self.SHARES, dtype=np.float32):
            matrix = sum(share * part for share, part in zip(shares, parts, strict=True))
            dual = _ridge_dual(matrix, both - self.arrays["mean"], examples.weights, self.PENALTY)
            self.arrays["duals"] += shares[:, None, None] * dual / len(self.SHARES)
        return self

    def _standardised(self, raw: np.ndarray) -> np.ndarray:
        scaled = (raw - self.arrays["centre"]) / self.arrays["scale"]
        return np.clip(scaled, -4, 4).astype(np.float32)

    def _parts(
        self, embeddings: np.ndarray, features: np.ndarray, member: np.ndarray
    ) -> list[np.ndarray]:
        """The three kernels between some texts and the training rows.

        Meaning, surface, category.
        """
        return [
            _gaussian(embeddings, self.arrays["embeddings"], self.EMBEDDING_GAMMA),
            _gaussian(features, self.arrays["surface"], self.SURFACE_GAMMA),
            (member[:, None] == self.arrays["member"][None, :]).astype(np.float32),
        ]

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        number = {name: index for index, name in enumerate(self.plain["categories"])}
        named = categories or [""] * len(texts)
        member = np.array([number.get(name, -1) for name in named])
        left = (
            self.encoder.embed(texts).astype(np.float32),
            self._standardised(surface_features(texts)),
            member,
        )
        right = np.tile(self.arrays["mean"], (len(texts), 1))
        for start in range(0, len(texts), self.ROWS_AT_ONCE):
            rows = slice(start, start + self.ROWS_AT_ONCE)
            parts = self._parts(*(values[rows] for values in left))
            for part, dual in zip(parts, self.arrays["duals"], strict=True):
                right[rows] += part @ dual
        right = np.clip(right, 0.001, 0.999)
        return np.clip(right[:, 1] * (1 - right[:, 0]), 1e-6, 1 - 1e-6)


def _ridge_dual(
    matrix: np.ndarray, y: np.ndarray, weights: np.ndarray, penalty: float
) -> np.ndarray:
    """Dual weights of kernel ridge regression; a row of little weight gets a larger penalty."""
    from scipy.linalg import solve

    matrix = matrix.astype(np.float32)
    penalties = penalty * weights.mean() / np.maximum(weights, 1e-6)
    matrix[np.diag_indices(len(matrix))] += penalties.astype(np.float32)
    return solve(matrix, y.astype(np.float32), assume_a="pos", overwrite_a=True)


def _gaussian(left: np.ndarray, right: np.ndarray, gamma: float) -> np.ndarray:
    distances = (
        (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * left @ right.T
    )
    return np.exp(-gamma * np.maximum(distances, 0))


# --- the fine-tuned encoder ---


class EncoderScorer(Scorer):
    """A fine-tuned classifier: sigmoid of the difference of its two logits."""

    kind = "encoder"

    def __init__(self, model: Any = None, tokenizer: Any = None):
        super().__init__()
        self.model, self.tokenizer = model, tokenizer

    def fit(self, examples: Examples) -> EncoderScorer:
        raise ScorerError(
            "An encoder is fitted with `fine_tuning.fine_tune`, which also needs validation rows."
        )

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        return sigmoid(self.logits(texts))

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Log-odds of needing the superior model, shape (n,)."""
        both = encoders.run_texts(self._forward, self.tokenizer, texts, 2).astype(float)
        return both[:, 1] - both[:, 0]

    @functools.cached_property
    def _forward(self) -> inference.Forward:
        return encoders.two_logits(self.model)

    def fold(self, slope: float, intercept: float) -> EncoderScorer:
        """The scorer whose logits are slope * logits + intercept.

        A calibration put into the last layer.
        """
        import torch

        model = copy.deepcopy(self.model)
        last = encoders.last_layer(model)
        with torch.no_grad():
            last.weight.mul_(slope)
            last.bias.mul_(slope)
            last.bias[1] += intercept
        return EncoderScorer(model, self.tokenizer)

    def save(self, folder: Path) -> None:
        """Write a Hugging Face model folder (float32 safetensors, tokenizer.

        Config) and scorer.json.
        """
        super().save(folder)
        encoders.save_classifier(self.model, folder)
        self.tokenizer.save_pretrained(folder)

    def _ready(self, folder: Path) -> None:
        self.model = encoders.load_classifier(folder)
        self.tokenizer = encoders.load_tokenizer(folder, 10**6)


# --- together ---


class Blend(Scorer):
    """A weighted sum of other scorers' log-odds, each brought to the same spread.

    What earlier versions saved; it is read and used, and no longer fitted: on no public set of
    outcomes that was tried did it rank better than the kernel, its largest part, by more than
    chance explains, and once its weights made it worse.

    Args:
        parts: fitted scorers. weights, centres, scales: one of each a part.
    """

    kind = "blend"

    def __init__(
        self,
        parts: Sequence[Scorer] = (),
        weights: Sequence[float] = (),
        centres: Sequence[float] = (),
        scales: Sequence[float] = (),
    ):
        super().__init__()
        self.parts = list(parts)
        lists = {"weights": weights, "centres": centres, "scales": scales}
        self.plain = {name: [float(value) for value in values] for name, values in lists.items()}

    def fit(self, examples: Examples) -> Blend:
        raise ScorerError("A blend is no longer fitted; fit the kernel, or another single scorer.")

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        return self.mix([part.score(texts, categories) for part in self.parts])

    def mix(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """The blend of its parts' scores, shape (n,); NaN where one is missing."""
        facts = zip(
            scores, self.plain["weights"], self.plain["centres"], self.plain["scales"], strict=True
        )
        return sigmoid(sum(w * (log_odds(s) - c) / k for s, w, c, k in facts))

    def save(self, folder: Path) -> None:
        """Each part in a folder of its own.

        A fine-tuned encoder on top, where `transformers` looks for it.
        """
        self.plain["folders"] = [
            "." if part.kind == "encoder" else f"parts/{part.kind}" for part in self.parts
        ]
        embedded = [part for part in self.parts if isinstance(part, _Embedded)]
        if embedded:
            embedded[0].save_encoder(folder)
        for part, name in zip(self.parts, self.plain["folders"], strict=True):
            if isinstance(part, _Embedded):
                part.save_without_encoder(folder / name)
            else:
                part.save(folder / name)
        super().save(folder)

    def _ready(self, folder: Path) -> None:
        self.parts = []
        for name in self.plain["folders"]:
            # The folder's own scorer.json is the blend's: what lies beside it is the encoder.
            part = EncoderScorer.load(folder) if name == "." else load_scorer(folder / name)
            self.parts.append(part)


# --- reading back ---

KINDS: dict[str, type[Scorer]] = {
    scorer.kind: scorer
    for scorer in (
        Constant,
        Random,
        CategoryMean,
        TfidfRidge,
        EmbeddingLogistic,
        Neighbours,
        Kernel,
        EncoderScorer,
        Blend,
    )
}


def load_scorer(folder: Path) -> Scorer:
    """The scorer in a folder, whatever its kind.

    Raises:
        ScorerError: there is none, or its kind is not known here.
    """
    file = folder / "scorer.json"
    if not file.exists():
        raise ScorerError(
            f"{folder} holds no scorer: the file scorer.json is missing. Save the router again."
        )
    kind = jsonl.read_json(file).get("kind")
    if kind not in KINDS:
        raise ScorerError(f"{file}: kind {kind!r} is not known; known are {', '.join(KINDS)}.")
    return KINDS[kind].load(folder)
