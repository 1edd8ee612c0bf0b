"""Labelled prompts as arrays: what every scorer is fitted on and evaluated on, and how it is split.

A split never tears a group of equal prompts apart, so no prompt is both learnt and tested. Nothing is
fitted here (`baselines`, `training`), and no file is read (`sources`, `jsonl`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from routerlib import settings
from routerlib.endpoints.prompts import as_text
from routerlib.errors import SettingError
from routerlib.rows.sameness import same_text_groups
from routerlib.rows.schemas import ROUTE_TO_SUPERIOR, LabelledPrompt

SPLIT = {"train": 0.55, "validation": 0.1, "calibration": 0.2, "test": 0.15}


@dataclass(frozen=True)
class Examples:
    """Labelled prompts, one entry per row in every field.

    Fields: texts (conversations with their roles marked), categories, p_superior in [0, 1], weights >= 0,
    sources, groups (int: equal prompts share one), and the two models' scores in [0, 1], NaN where a row
    has none (human and LLM labels).
    """

    texts: list[str]
    categories: list[str]
    p_superior: np.ndarray
    inferior: np.ndarray
    superior: np.ndarray
    weights: np.ndarray
    sources: list[str]
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def graded(self) -> np.ndarray:
        """Which rows know both models' scores (bool)."""
        return ~(np.isnan(self.inferior) | np.isnan(self.superior))

    @property
    def gain(self) -> np.ndarray:
        """What the superior model adds, in [-1, 1]; where no scores are known, p_superior stands in."""
        return np.where(self.graded, self.superior - self.inferior, self.p_superior)

    @property
    def strictly_better(self) -> np.ndarray:
        """0 or 1: the superior model's answer is more likely than not the only good one."""
        return (self.p_superior > 0.5).astype(float)

    @property
    def both_right(self) -> np.ndarray:
        """How often each model is right, shape (n, 2): inferior, superior; from p_superior where no scores are known."""
        inferior = np.where(self.graded, self.inferior, 1 - self.p_superior)
        return np.stack([inferior, np.where(self.graded, self.superior, 1.0)], axis=1)

    def take(self, index: np.ndarray | Sequence[int]) -> Examples:
        """The rows at these positions (or where a bool mask holds), in that order."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(int)
        lists = {
            name: [getattr(self, name)[i] for i in index]
            for name in ("texts", "categories", "sources")
        }
        arrays = ("p_superior", "inferior", "superior", "weights", "groups")
        return Examples(**lists, **{name: getattr(self, name)[index] for name in arrays})

    def join(self, other: Examples) -> Examples:
        """These rows and then the other's, which must come from one `from_rows` (groups are compared by number)."""
        lists = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("texts", "categories", "sources")
        }
        arrays = ("p_superior", "inferior", "superior", "weights", "groups")
        return Examples(
            **lists, **{name: np.r_[getattr(self, name), getattr(other, name)] for name in arrays}
        )


def from_rows(
    rows: Iterable[LabelledPrompt], source_weights: dict[str, float] | None = None
) -> Examples:
    """Labelled prompts as Examples, in file order.

    Args:
        source_weights: weight of a row by its source, such as {"human": 2, "llm": 0.5}; 1 where not named.

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
        inferior=np.array(
            [np.nan if row.inferior_score is None else row.inferior_score for row in rows]
        ),
        superior=np.array(
            [np.nan if row.superior_score is None else row.superior_score for row in rows]
        ),
        weights=np.array([weights.get(row.source, 1.0) for row in rows], dtype=float),
        sources=[row.source for row in rows],
        groups=group_prompts(texts),
    )


def group_prompts(texts: Sequence[str]) -> np.ndarray:
    """The same number for texts that say the same (see `sameness`); shape (n,)."""
    return same_text_groups(texts)


def outcome_row(row: dict) -> LabelledPrompt:
    """A labelled prompt from an outcome that has `prompt`, `inferior_score` and `superior_score` at the least.

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
    row.setdefault("label", ROUTE_TO_SUPERIOR if row["p_superior"] > 0.5 else "ROUTE_TO_INFERIOR")
    return LabelledPrompt.model_validate(row)


def split(
    groups: np.ndarray, shares: dict[str, float] | None = None, seed: int = 0
) -> dict[str, np.ndarray]:
    """Row positions of each named part; rows of one group stay together.

    Args:
        groups: (n,) group of each row. shares: name -> share, summing to 1 (default SPLIT). seed: of the shuffle.

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
    part_of = dict(
        zip(
            unique[order],
            np.searchsorted(bounds, reached - 1e-9).clip(max=len(bounds) - 1),
            strict=True,
        )
    )
    parts = np.array([part_of[group] for group in groups])
    return {name: np.flatnonzero(parts == number) for number, name in enumerate(shares)}


def folds(groups: np.ndarray, number: int, seed: int = 0) -> list[np.ndarray]:
    """Positions of `number` parts of about equal size, groups kept together (for out-of-fold predictions)."""
    parts = split(groups, {str(fold): 1 / number for fold in range(number)}, seed)
    return [part for part in parts.values() if len(part)]
