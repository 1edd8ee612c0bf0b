"""The scorers a router can be made of that train in seconds: constant, category, TF-IDF, frozen embeddings, blend.

Each is fitted on `Examples` and gives every text a number strictly between 0 and 1, higher where the superior
model is needed more. That number ranks prompts; that it is also a probability is the work of the
calibration in `router`. The fine-tuned encoder, which has the same interface, is in `training`. Saved as
arrays (safetensors) and JSON.

What a scorer learns is the *gain* (superior's minus inferior's score, in [-1, 1]), because the area under the
cost-quality curve rewards ranking by it; rows without scores use p_superior instead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from routerlib import jsonl
from routerlib.examples import Examples

SCORER_KINDS: dict[str, type[Scorer]] = {}


class ScorerError(ValueError):
    """A scorer that cannot be fitted on these rows or read from this folder; the text says why."""


class Scorer(ABC):
    """Ranks prompts. Subclasses keep plain values in `self.plain` and numpy arrays in `self.arrays`."""

    kind: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            SCORER_KINDS[cls.kind] = cls

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
            save_file({k: np.ascontiguousarray(v) for k, v in self.arrays.items()}, folder / "scorer.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """Read back what `save` wrote."""
        from safetensors.numpy import load_file

        scorer = cls.__new__(cls)
        Scorer.__init__(scorer)
        scorer.plain = {k: v for k, v in jsonl.read_json(folder / "scorer.json").items() if k != "kind"}
        weights = folder / "scorer.safetensors"
        scorer.arrays = load_file(weights) if weights.exists() else {}
        scorer._ready(folder)
        return scorer

    def _ready(self, folder: Path) -> None:  # noqa: B027 - most scorers need nothing more
        """Rebuild what is not an array or a plain value, after loading."""


def load_scorer(folder: Path) -> Scorer:
    """The scorer in a folder, whatever its kind.

    Raises:
        ScorerError: there is none, or its kind is not known here.
    """
    file = folder / "scorer.json"
    if not file.exists():
        raise ScorerError(f"{folder} holds no scorer: the file scorer.json is missing. Save the router again.")
    kind = jsonl.read_json(file).get("kind")
    if kind not in SCORER_KINDS:
        raise ScorerError(f"{file}: kind {kind!r} is not known; known are {', '.join(sorted(SCORER_KINDS))}.")
    return SCORER_KINDS[kind].load(folder)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Log-odds to probability, without overflow."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(x, dtype=float)))


def log_odds(p: np.ndarray) -> np.ndarray:
    """Probability to log-odds, kept finite."""
    p = np.clip(np.asarray(p, dtype=float), 1e-6, 1 - 1e-6)
    return np.log(p) - np.log1p(-p)


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
    """A number drawn from each text's hash: the same text always scores the same, and nothing is learnt."""

    kind = "random"

    def fit(self, examples: Examples) -> Random:
        return self

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        import zlib

        return (np.array([zlib.crc32(text.encode("utf-8", "replace")) for text in texts]) + 0.5) / 2**32


class CategoryMean(Scorer):
    """The mean gain of the prompt's category, shrunk towards the overall mean where the category is rare."""

    kind = "category"
    PRIOR_ROWS = 10.0

    def fit(self, examples: Examples) -> CategoryMean:
        overall = float(np.average(examples.gain, weights=examples.weights))
        names, member = np.unique(np.array(examples.categories, dtype=object).astype(str), return_inverse=True)
        rows = np.bincount(member, weights=examples.weights)
        gains = np.bincount(member, weights=examples.weights * examples.gain)
        means = (gains + self.PRIOR_ROWS * overall) / (rows + self.PRIOR_ROWS)
        self.plain = {"overall": overall, "means": dict(zip(names.tolist(), means.tolist(), strict=True))}
        return self

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        overall, means = self.plain["overall"], self.plain["means"]
        return _from_gain(np.array([means.get(name, overall) for name in categories or [""] * len(texts)]))


class TfidfRidge(Scorer):
    """Ridge regression of the gain on TF-IDF of words and word pairs; the penalty by leave-one-out error."""

    kind = "tfidf"
    ALPHAS = (1.0, 3.0, 10.0, 30.0, 100.0)

    def fit(self, examples: Examples) -> TfidfRidge:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=50_000, sublinear_tf=True)
        try:
            features = self._vectorizer.fit_transform(examples.texts)
        except ValueError:
            raise ScorerError(
                f"TF-IDF found no word that occurs in two of the {len(examples)} training prompts; it needs more rows."
            ) from None
        self.plain = {"terms": self._vectorizer.get_feature_names_out().tolist()}
        intercept, weights = _ridge(features, examples.gain, examples.weights, self.ALPHAS)
        self.arrays = {"idf": self._vectorizer.idf_, "weights": weights, "intercept": np.array([intercept])}
        return self

    def _ready(self, folder: Path) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        terms = {term: number for number, term in enumerate(self.plain["terms"])}
        self._vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=terms)
        self._vectorizer.idf_ = self.arrays["idf"]

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        gains = self._vectorizer.transform(texts) @ self.arrays["weights"] + self.arrays["intercept"][0]
        return _from_gain(gains)


def _ridge(features: Any, y: np.ndarray, weights: np.ndarray, alphas: Sequence[float]) -> tuple[float, np.ndarray]:
    """Intercept and weights of the ridge regression whose penalty does best in 5-fold cross-validation."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import cross_val_predict

    def error(alpha: float) -> float:
        model = Ridge(alpha=alpha, solver="sparse_cg", tol=1e-3)
        predicted = cross_val_predict(model, features, y, cv=min(5, len(y)), params={"sample_weight": weights})
        return float(np.average((predicted - y) ** 2, weights=weights))

    best = Ridge(alpha=min(alphas, key=error), solver="sparse_cg", tol=1e-4).fit(features, y, sample_weight=weights)
    return float(best.intercept_), np.asarray(best.coef_, dtype=float)
