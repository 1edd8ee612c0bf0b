"""Where 05's labelled prompts come from, what each weighs, and which rows may be learnt from.

Finds what the other notebooks left, reads files of outcomes, and makes the one split that training,
calibration, certificate and test all keep to. A split that was made before (02 writes it into its
rows) is kept: what was held back there never trains here. Fitting is `candidates`' business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.answers import auditing
from routerlib.errors import SettingError
from routerlib.rows import jsonl, sources
from routerlib.rows.schemas import LabelledPrompt, RowError
from routerlib.stats.prices import call_cost, prices_of
from routerlib.training.examples import SPLIT, Examples, outcome_row, split

FEWEST_GRADED = 20
HELD_BACK = ("validation", "test")  # parts of an earlier split that never train


def find_data(
    outcomes: str = "", labelled: str = "", fields: Mapping[str, str] | None = None
) -> tuple[list[LabelledPrompt], str]:
    """The labelled prompts to learn from and the sentence that says where they came from.

    Args:
        outcomes: graded or judged rows (several sources with commas between); empty:
            outcomes.jsonl in outputs/graded and outputs/graded/judged, else the shipped sample.
            Judged rows that people audit are marked, and kept for calibration.
        labelled: prompts with labels from people or a model (several sources with commas between);
            empty: what notebooks 01 and 02 left; "none": none.
        fields: names of the outcomes' fields, ours to theirs (see `sources.load_rows`).
    """
    asked = ""
    if not outcomes:
        left = usual_outcomes()
        outcomes = ",".join(left)
        asked = _questions_asked() if str(_graded_by_04()) in left else ""
    rows = list(sources.load_rows(outcomes, LabelledPrompt, fields=fields))
    rows, others = of_one_pair(auditing.with_audit(rows))
    for source in labelled_sources(labelled):
        rows += list(sources.load_rows(source, LabelledPrompt))
    counts = Counter(row.source for row in rows)
    listed = ", ".join(f"{number:,} {source}" for source, number in sorted(counts.items()))
    names = " and ".join(dict.fromkeys(Path(name).name for name in settings.names(outcomes)))
    what = "graded and judged ones" if counts["judged"] else "graded ones"
    told = f"{len(rows):,} labelled prompts ({listed}), {what} from {names}.{asked}{others}"
    return rows, told


def _graded_by_04() -> Path:
    return settings.outputs("graded") / "outcomes.jsonl"


def usual_outcomes() -> list[str]:
    """The outcomes that 04 left, graded and judged; the shipped sample where it left none."""
    left = [_graded_by_04(), settings.outputs("graded", "judged") / "outcomes.jsonl"]
    return [str(path) for path in left if path.exists()] or [sources.SAMPLE]


def of_one_pair(rows: Sequence[LabelledPrompt]) -> tuple[list[LabelledPrompt], str]:
    """The outcomes that are about one pair of models, and a sentence where others were left out.

    Rows that do not say whose they are belong to any pair. Of several pairs, the one with most rows
    counts: a router sends prompts to two models, and learns from these alone.
    """
    pairs = Counter(filter(None, map(_pair_of, rows)))
    if len(pairs) < 2:
        return list(rows), ""
    [(pair, _)] = pairs.most_common(1)
    kept = [row for row in rows if _pair_of(row) in (None, pair)]
    left_out = ", ".join(" and ".join(other) for other in pairs if other != pair)
    return kept, (
        f" {len(rows) - len(kept):,} outcomes of other models ({left_out}) were left out; the "
        f"router is for {' and '.join(pair)}. Name the files as OUTCOMES to choose."
    )


def pair_of_models(rows: Sequence[LabelledPrompt]) -> dict[str, str]:
    """The pair that outcomes are about, {"inferior": name, "superior": name}: as most rows say,
    else as 04's numbers do, else the sides' own names.
    """
    pairs = Counter(filter(None, map(_pair_of, rows)))
    if pairs:
        [(pair, _)] = pairs.most_common(1)
        return dict(zip(("inferior", "superior"), pair, strict=True))
    left = settings.outputs("graded", "metrics.json")
    known = jsonl.read_json(left) if left.exists() else {}
    return {side: known.get(side, {}).get("model", side) for side in ("inferior", "superior")}


def _pair_of(row: LabelledPrompt) -> tuple[str, str] | None:
    if row.inferior_model and row.superior_model:
        return row.inferior_model, row.superior_model
    return None


def _questions_asked() -> str:
    """Where the questions that 03 asked came from, as a sentence; empty where it left no word."""
    left = settings.outputs("responses") / "metrics.json"
    known = jsonl.read_json(left).get("sources", []) if left.is_file() else []
    if not known:
        return ""
    return f" The questions: {'; '.join(map(_named_source, known))}."


def _named_source(found: Mapping[str, Any]) -> str:
    name = found.get("id") or found.get("source")
    facts = [
        f"{fact} {str(found[fact])[:12]}"
        for fact in ("revision", "split", "licence", "sha256")
        if found.get(fact)
    ]
    return f"{name} ({', '.join(facts)})" if facts else str(name)


def labelled_sources(labelled: str = "") -> list[str]:
    """The files named in a setting, or those that notebooks 01 and 02 left; "none": none."""
    if labelled == "none":
        return []
    if labelled:
        return settings.names(labelled)
    usual = [
        settings.outputs("datasets") / "router_dataset_all.jsonl",
        settings.outputs("analysis") / "labelled_questions.jsonl",
    ]
    return [str(path) for path in usual if path.exists()]


def read_outcomes(path: str | Path = "") -> list[LabelledPrompt]:
    """Outcomes of a file (JSONL, gzipped or not): prompt, category and both models' scores.

    Args:
        path: empty: what notebook 04 left, else the shipped sample.

    Raises:
        RowError: naming file and line of the first row that is none. SettingError: there is no
            such file, or what is given names none.
    """
    if path in ("", None):
        return [row for row in find_data("", "none")[0] if row.inferior_score is not None]
    if not isinstance(path, str | Path):
        raise SettingError(f"OUTCOMES is a {type(path).__name__}; it is the name of a file.")
    file = Path(path) if Path(path).exists() else settings.resolve(path)
    if not file.exists():
        raise SettingError(f"There is no file {file}. Name one with outcomes, as 04 writes them.")
    rows = []
    for number, value in jsonl.read_values(file):
        try:
            rows.append(outcome_row(value))
        except (KeyError, TypeError, ValueError) as error:
            raise RowError(f"{path}, line {number}: not an outcome ({error}).") from None
    return rows


def weights_after_examination(
    weights: dict[str, float], labelled: str = ""
) -> tuple[dict[str, float], str]:
    """The weights of the sources, that of model-written labels 0 where 02 found them worthless.

    02 examines its labeller on prompts of known label and writes beside its data set whether it
    does better than a constant.

    Returns:
        (weights, sentence): the sentence is empty where nothing was changed.
    """
    for source in labelled_sources(labelled):
        record = Path(source).parent / "metrics.json"
        found = jsonl.read_json(record) if record.exists() else {}
        if found.get("labeller_is_useful") is False and weights.get("llm", 1.0) > 0:
            agreed, majority = found.get("labeller_agreement"), found.get("majority_share")
            figures = ""
            if agreed is not None and majority is not None:
                figures = (
                    f" (it agrees on {agreed:.0%}, the commoner label alone on {majority:.0%})"
                )
            sentence = (
                f"02 found its labeller {found.get('labeller', '')} no better than a constant"
                f"{figures}: its labels do not train, their weight is 0."
            ).replace("  ", " ")
            return weights | {"llm": 0.0}, sentence
    return weights, ""


def split_rows(
    rows: Examples, seed: int = 0, shares: dict[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Positions of train, validation, calibration and test rows, and of those left for checks.

    Rows of one group (equal or nearly equal prompts) stay together. Graded rows make validation,
    calibration and test; judged rows, which have scores too, count as graded. Rows that an earlier
    split held back stay held back: graded ones go to the part of that name, others to "held_back".
    Rows set aside for an audit calibrate. What an earlier split lets train is shared out between
    train and calibration. Further rows without grades train where their weight is above zero and
    their prompt is in no other part. People's labels of weight zero are "unscored", left for a
    check of their own, unless the router has learnt or was calibrated on the same prompt.

    Raises:
        SettingError: there are too few graded rows to split.
    """
    graded = np.flatnonzero(rows.graded)
    if len(graded) < FEWEST_GRADED:
        raise SettingError(
            f"Only {len(graded)} graded rows: a split needs {FEWEST_GRADED} at the least, some "
            "hundreds to be of use."
        )
    parts = _split_graded(rows, graded, shares or SPLIT, seed)
    held = _groups_of(rows, HELD_BACK)
    kept_from_training = np.concatenate(
        [held, *(rows.groups[at] for name, at in parts.items() if name != "train")]
    )
    free = ~np.isin(rows.groups, kept_from_training)
    others = np.flatnonzero(~rows.graded & (rows.weights > 0) & free)
    used = [parts[name] for name in parts if name != "test"]
    learnt = rows.groups[np.concatenate([*used, others])]
    people = ~rows.graded & (rows.weights == 0) & (np.array(rows.sources) == "human")
    earlier = ~rows.graded & np.isin(rows.splits, HELD_BACK) & ~people
    return parts | {
        "train": np.r_[parts["train"], others],
        "held_back": np.flatnonzero(earlier),
        "unscored": np.flatnonzero(people & ~np.isin(rows.groups, learnt)),
    }


def _groups_of(rows: Examples, parts: Sequence[str]) -> np.ndarray:
    """The groups that have a row in one of these parts of an earlier split."""
    return np.unique(rows.groups[np.isin(rows.splits, parts)])


def _split_graded(
    rows: Examples, graded: np.ndarray, shares: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Graded rows by part: where an earlier split put them, the others by the shares."""
    groups = rows.groups[graded]
    tested = np.isin(groups, _groups_of(rows, ("test",)))
    validated = np.isin(groups, _groups_of(rows, ("validation",))) & ~tested
    held = tested | validated
    audited = np.isin(groups, _groups_of(rows, ("calibration",))) & ~held
    learnable = np.isin(groups, _groups_of(rows, ("train",))) & ~held & ~audited
    new = ~(held | audited | learnable)
    parts = {
        name: [found] for name, found in _shared_out(graded, groups, new, shares, seed).items()
    }
    # A row that an earlier split lets train may train or calibrate, but it is no test.
    both = {name: share for name, share in shares.items() if name in ("train", "calibration")}
    both = {name: share / sum(both.values()) for name, share in both.items()}
    for name, found in _shared_out(graded, groups, learnable, both, seed).items():
        parts[name].append(found)
    for name, at in (("validation", validated), ("test", tested), ("calibration", audited)):
        parts.setdefault(name, []).append(graded[at])
    return {name: np.sort(np.concatenate(found)) for name, found in parts.items()}


def _shared_out(
    graded: np.ndarray, groups: np.ndarray, at: np.ndarray, shares: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    if not at.any():
        return dict.fromkeys(shares, graded[:0])
    return {name: graded[at][found] for name, found in split(groups[at], shares, seed).items()}


@dataclass(frozen=True)
class TokensPerCall:
    """Mean tokens of one call of a model: read (the prompt), written (the answer), and how many of
    those read came out of a cache.
    """

    read: float
    written: float
    cached: float = 0.0

    @property
    def total(self) -> float:
        return self.read + self.written


# Where no call was measured.
USUAL_CALL = TokensPerCall(350, 150)


def tokens_per_call(folder: str | Path | None = None) -> dict[str, TokensPerCall]:
    """Mean tokens of a call, by model, as measured in the graded files; empty where none are."""
    spent: dict[str, list[tuple[int, int, int]]] = {}
    base = settings.outputs("graded") if folder is None else settings.resolve(folder)
    for path in sorted(base.glob("*.jsonl")):
        for _, row in jsonl.read_values(path):
            for sample in row.get("responses", []):
                read, written = sample.get("prompt_tokens"), sample.get("completion_tokens")
                if read is not None and written is not None:
                    cached = sample.get("cached_tokens") or 0
                    spent.setdefault(row["model"], []).append((read, written, cached))
    found = {}
    for model, tokens in spent.items():
        mean = np.mean(tokens, axis=0)
        found[model] = TokensPerCall(*mean.tolist())
    return found


def costs_per_call(
    names: Mapping[str, str], prices: Mapping[str, float], tokens: Mapping[str, TokensPerCall]
) -> dict[str, float]:
    """What one call of each model costs, in dollars: {"inferior_cost": ..., "superior_cost": ...}.

    Args:
        names: side -> model. prices: as a router keeps them (see `prices.prices_of`); a side
            without prices is left out; "cached_share" is what a cached token costs, as a share of
            one read anew. tokens: by model; USUAL_CALL where one is missing.
    """
    found = {}
    for side, model in names.items():
        per_million, call = prices_of(prices, side), tokens.get(model, USUAL_CALL)
        if per_million is not None:
            cached = (call.cached, prices.get("cached_share", 1.0))
            found[f"{side}_cost"] = call_cost(call.read, call.written, *per_million, *cached)
    return found
