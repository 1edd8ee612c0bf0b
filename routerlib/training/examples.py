"""Labelled prompts as arrays: what every scorer is fitted on and measured on, and how it is split.

A split never tears a group of equal or nearly equal prompts apart, so no prompt is both learnt and
tested. Nothing is fitted here (`scorers`), and no file is read (`labelled_data`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.endpoints.prompts import as_text
from routerlib.errors import SettingError
from routerlib.rows.sameness import near_groups
from routerlib.rows.schemas import ROUTE_TO_INFERIOR, ROUTE_TO_SUPERIOR, LabelledPrompt

SPLIT = {"train": 0.55, "validation": 0.1, "calibration": 0.2, "test": 0.15}

LISTS = ("texts", "categories", "sources", "splits")
ARRAYS = ("p_superior", "inferior", "superior", "weights", "groups")


@dataclass(frozen=True)
class Examples:
    """Labelled prompts, one entry per row in every field.

    Fields: texts (conversations with their roles marked), categories, p_superior in [0, 1], weights
    >= 0, sources, groups (int: equal and nearly equal prompts share one), splits (the part that an
    earlier split, such as 02's, gave the row; "" where there was none), and the two models' scores
    in [0, 1], NaN where a row has none (human and LLM labels).
    """

    texts: list[str]
    categories: list[str]
    p_superior: np.ndarray
    inferior: np.ndarray
    superior: np.ndarray
    weights: np.ndarray
    sources: list[str]
    groups: np.ndarray
    splits: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def graded(self) -> np.ndarray:
        """Which rows know both models' scores (bool)."""
        return ~(np.isnan(self.inferior) | np.isnan(self.superior))

    @property
    def gain(self) -> np.ndarray:
        """What the superior model adds, in [-1, 1].

        Where no scores are known, p_superior stands in.
        """
        return np.where(self.graded, self.superior - self.inferior, self.p_superior)

    @property
    def strictly_better(self) -> np.ndarray:
        """0 or 1: the superior model's answer is more likely than not the only good one."""
        return (self.p_superior > 0.5).astype(float)

    @property
    def both_right(self) -> np.ndarray:
        """How often each model is right, shape (n, 2): inferior, superior.

        From p_superior where no scores are known.
        """
        inferior = np.where(self.graded, self.inferior, 1 - self.p_superior)
        return np.stack([inferior, np.where(self.graded, self.superior, 1.0)], axis=1)

    def take(self, index: np.ndarray | Sequence[int]) -> Examples:
        """The rows at these positions (or where a bool mask holds), in that order."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(int)
        taken: dict[str, Any] = {name: [getattr(self, name)[i] for i in index] for name in LISTS}
        taken.update((name, getattr(self, name)[index]) for name in ARRAYS)
        return Examples(**taken)

    def join(self, other: Examples) -> Examples:
        """These rows and then the other's.

        Both come from one `from_rows` (it numbers the groups).
        """
        joined: dict[str, Any] = {
            name: getattr(self, name) + getattr(other, name) for name in LISTS
        }
        joined.update((name, np.r_[getattr(self, name), getattr(other, name)]) for name in ARRAYS)
        return Examples(**joined)


def from_rows(
    rows: Iterable[LabelledPrompt], source_weights: dict[str, float] | None = None
) -> Examples:
    """Labelled prompts as Examples, in file order.

    Args:
        source_weights: weight of a row by its source, such as {"human": 2, "llm": 0.5}; 1 where not
            named.

    Raises:
        ValueError: there are no rows, or a weight is negative.
    """
    rows = list(rows)
    if not rows:
        raise SettingError(
            "There are no labelled prompts. Run notebook 04 (or 01, 02), or name another file."
        )
    weights = source_weights or {}
    if any(weight < 0 for weight in weights.values()):
        raise SettingError(
            f"A source weight is negative: {weights}. Weights are 0 (leave out) or more."
        )
    texts = [as_text(row.prompt) for row in rows]
    return Examples(
        texts=texts,
        categories=[row.category for row in rows],
        p_superior=np.array([row.p_superior for row in rows], dtype=float),
        inferior=_or_nan([row.inferior_score for row in rows]),
        superior=_or_nan([row.superior_score for row in rows]),
        weights=np.array([weights.get(row.source, 1.0) for row in rows], dtype=float),
        sources=[row.source for row in rows],
        groups=near_groups(texts),
        splits=[getattr(row, "split", None) or "" for row in rows],
    )


def _or_nan(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def outcome_row(row: dict) -> LabelledPrompt:
    """A labelled prompt from an outcome: `prompt`, `inferior_score` and `superior_score` at least.

    `p_superior`, where missing, is P(superior right, inferior wrong) of independent samples:
    superior_score * (1 - inferior_score).

    Raises:
        KeyError, pydantic.ValidationError: a needed field is missing or does not fit.
    """
    row = dict(row)
    if row.get("p_superior") is None:
        row["p_superior"] = float(row["superior_score"]) * (1 - float(row["inferior_score"]))
    row.setdefault("id", row.get("unique_id", "none"))
    row.setdefault("source", "graded")
    row["category"] = str(row.get("category") or "uncategorised")
    row.setdefault("label", ROUTE_TO_SUPERIOR if row["p_superior"] > 0.5 else ROUTE_TO_INFERIOR)
    return LabelledPrompt.model_validate(row)


def split(
    groups: np.ndarray, shares: dict[str, float] | None = None, seed: int = 0
) -> dict[str, np.ndarray]:
    """Row positions of each named part; rows of one group stay together.

    Args:
        groups: (n,) group of each row. shares: name -> share, summing to 1 (default SPLIT). seed:
            of the shuffle.

    Returns:
        name -> sorted positions; together they are all rows, and no two parts share one.

    Raises:
        ValueError: the shares do not sum to 1.
    """
    shares = shares or SPLIT
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise SettingError(
            f"The shares of a split must sum to 1; these sum to {sum(shares.values()):g}: {shares}."
        )
    groups = np.asarray(groups)
    unique, sizes = np.unique(groups, return_counts=True)
    order = np.random.default_rng(settings.seed(seed)).permutation(len(unique))
    reached = np.cumsum(sizes[order]) / len(groups)
    bounds = np.cumsum(list(shares.values()))
    part_of = np.searchsorted(bounds, reached - 1e-9).clip(max=len(bounds) - 1)
    by_group = dict(zip(unique[order], part_of, strict=True))
    parts = np.array([by_group[group] for group in groups])
    return {name: np.flatnonzero(parts == number) for number, name in enumerate(shares)}


def folds(groups: np.ndarray, number: int, seed: int = 0) -> list[np.ndarray]:
    """Positions of `number` parts of about equal size.

    Groups kept together (for out-of-fold predictions).
    """
    parts = split(groups, {str(fold): 1 / number for fold in range(number)}, seed)
    return [part for part in parts.values() if len(part)]
