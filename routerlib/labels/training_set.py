"""From any number of labelled files to one training set: merged, balanced, split, and described so
that it can be proved.

Rows come in and files go out, the same bytes for the same input, whatever its order. Which prompts
are clean is `cleaning`'s business, their labels are `labelling`'s, and learning from them is
`training`'s.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.endpoints.prompts import as_text
from routerlib.errors import Foreseen
from routerlib.rows import jsonl
from routerlib.rows.sameness import SAME_SIDE, near_groups, text_key
from routerlib.rows.schemas import (
    FORMAT,
    FORMAT_FIELD,
    LABELS,
    ROUTE_TO_INFERIOR,
    ROUTE_TO_SUPERIOR,
    LabelledPrompt,
    check_format,
)
from routerlib.stats.metrics import wilson
from routerlib.training import examples

# Answers checked against the truth, then people, then a model that has seen both answers, then one
# that has seen the prompt alone.
PRIORITY = ("graded", "human", "judged", "llm")
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
FILES = {
    "router_dataset_all.jsonl": LABELS,
    "router_dataset_inferior.jsonl": (ROUTE_TO_INFERIOR,),
    "router_dataset_superior.jsonl": (ROUTE_TO_SUPERIOR,),
}
CARD, CARD_TEXT = "router_dataset_card.json", "router_dataset_card.md"


class TrainingSetError(Foreseen, ValueError):
    """A training set cannot be made as asked; the text says why and what to do."""


@dataclass(frozen=True)
class Merged:
    """The rows, one a prompt, sorted by their text's key.

    How many were duplicates, and of those, how many disagreed.
    """

    rows: list[LabelledPrompt]
    duplicates: int
    conflicts: int


def merge(rows: Iterable[LabelledPrompt], priority: Sequence[str] = PRIORITY) -> Merged:
    """One row a prompt. Of several, the source that comes first in `priority` decides; several rows
    of that source are averaged: `p_superior` is their mean, and the label is superior where that
    is above 0.5.

    Raises:
        TrainingSetError: a row's source is not in `priority`.
    """
    by_text: dict[bytes, list[LabelledPrompt]] = defaultdict(list)
    total = 0
    for row in rows:
        if row.source not in priority:
            raise TrainingSetError(
                f"Row {row.id!r} has the source {row.source!r}; the rule knows "
                f"{', '.join(priority)}."
            )
        by_text[text_key(as_text(row.prompt))].append(row)
        total += 1
    groups = [by_text[key] for key in sorted(by_text)]
    conflicts = sum(len({row.label for row in group}) > 1 for group in groups)
    kept = _unique_ids([_resolve(group, priority) for group in groups])
    return Merged(kept, total - len(kept), conflicts)


def _resolve(group: list[LabelledPrompt], priority: Sequence[str]) -> LabelledPrompt:
    best = min(group, key=lambda row: priority.index(row.source)).source
    chosen = sorted(
        (row for row in group if row.source == best),
        key=lambda row: (row.id, row.model_dump_json()),
    )
    first = chosen[0]
    if len(chosen) == 1:
        return first
    p = sum(row.p_superior for row in chosen) / len(chosen)
    label: str = first.label
    if len({row.label for row in chosen}) > 1:
        label = ROUTE_TO_SUPERIOR if p > 0.5 else ROUTE_TO_INFERIOR
    merged = {"p_superior": round(p, 6), "label": label, "merged_from": len(chosen)}
    return first.model_copy(update=merged)


def _unique_ids(rows: list[LabelledPrompt]) -> list[LabelledPrompt]:
    """Ids of different files may clash: the second of a name gets "-2", and so on."""
    seen: Counter[str] = Counter()
    taken = {row.id for row in rows}
    unique = []
    for row in rows:
        seen[row.id] += 1
        if seen[row.id] == 1:
            unique.append(row)
            continue
        number = seen[row.id]
        while f"{row.id}-{number}" in taken:
            number += 1
        name = f"{row.id}-{number}"
        taken.add(name)
        unique.append(row.model_copy(update={"id": name}))
    return unique


def with_splits(
    rows: Sequence[LabelledPrompt],
    shares: dict[str, float] | None = None,
    similarity: float = SAME_SIDE,
    seed: int = 0,
) -> list[LabelledPrompt]:
    """The rows with a field `split` ("train", ...) and a field `group`, which stays together.

    05 keeps to these parts: what is held back here never trains there.

    Args:
        shares: name -> share, summing to 1 (default SHARES).
        similarity: Jaccard similarity of three-word shingles from which two prompts are of one
            group.

    Raises:
        ValueError: the shares do not sum to 1.
    """
    if not rows:
        return []
    groups = near_groups([as_text(row.prompt) for row in rows], similarity)
    parts = examples.split(groups, shares or SHARES, seed)
    part_of = {int(i): name for name, members in parts.items() for i in members}
    return [
        row.model_copy(update={"split": part_of[i], "group": int(groups[i])})
        for i, row in enumerate(rows)
    ]


def balance(
    rows: Sequence[LabelledPrompt], how: str = "none", seed: int = 0
) -> list[LabelledPrompt]:
    """Even out the labels of the training rows; validation and test rows keep the shares of real
    traffic.

    Args:
        how: "none", or "downsample": as many of the commoner label as there are of the rarer one,
            drawn at random.

    Raises:
        TrainingSetError: an unknown way, or a label without a row.
    """
    if how == "none":
        return list(rows)
    if how != "downsample":
        raise TrainingSetError(f'BALANCE is {how!r}; it is "none" or "downsample".')
    training = [i for i, row in enumerate(rows) if (row.split or "train") == "train"]
    by_label = {label: [i for i in training if rows[i].label == label] for label in LABELS}
    least = min(len(members) for members in by_label.values())
    if not least:
        empty = next(label for label, members in by_label.items() if not members)
        raise TrainingSetError(
            f"No training row has the label {empty}, so there is nothing to balance; use "
            f'BALANCE="none".'
        )
    rng = np.random.default_rng(settings.seed(seed))
    keep = {int(i) for members in by_label.values() for i in rng.permutation(members)[:least]}
    return [row for i, row in enumerate(rows) if i in keep or (row.split or "train") != "train"]


@dataclass(frozen=True)
class SourceAgreement:
    """How often two sources give the same prompt the same label.

    prompts: that both labelled. agreement: in [0, 1], with its 95 % interval (Wilson); all three
    are None where they share no prompt.
    """

    first: str
    second: str
    prompts: int
    agreement: float | None
    low: float | None
    high: float | None


def agreement_rows(rows: Iterable[LabelledPrompt]) -> list[SourceAgreement]:
    """The agreement of each pair of the sources that are there."""
    labels: dict[bytes, dict[str, str]] = defaultdict(dict)
    for row in rows:
        labels[text_key(as_text(row.prompt))][row.source] = row.label
    found = {source for by in labels.values() for source in by}
    there = [source for source in PRIORITY if source in found]
    table = []
    for first, second in combinations(there if len(there) > 1 else PRIORITY, 2):
        both = [by[first] == by[second] for by in labels.values() if first in by and second in by]
        low, high = wilson(sum(both), len(both)) if both else (None, None)
        share = sum(both) / len(both) if both else None
        table.append(SourceAgreement(first, second, len(both), share, low, high))
    return table


# --- files and their description ---


def write_training_set(
    rows: Sequence[LabelledPrompt], folder: str | Path, facts: dict[str, Any]
) -> dict[str, Any]:
    """Write the three data files and the card; returns the card.

    Args:
        facts: what else the card should say, such as `inputs` (see `describe_file`), labeller,
            filters. All of it must be JSON.

    Raises:
        TrainingSetError: there are no rows.
    """
    if not rows:
        raise TrainingSetError(
            "There are no labelled prompts to write. Label some first, or name a labelled file."
        )
    folder, files = Path(folder), {}
    for name, labels in FILES.items():
        jsonl.write_rows(folder / name, (row for row in rows if row.label in labels))
        files[name] = describe_file(folder / name)
    card = {
        FORMAT_FIELD: FORMAT,
        "dataset_sha256": files["router_dataset_all.jsonl"]["sha256"],
        "rows": len(rows),
        "counts": {
            name: _counts_by(rows, name)
            for name in ("label", "source", "category", "language", "split")
        },
        "files": files,
        **facts,
    }
    jsonl.write_json(folder / CARD, card)
    (folder / CARD_TEXT).write_text(card_text(card), encoding="utf-8")
    return card


def _counts_by(rows: Sequence[LabelledPrompt], name: str) -> dict[str, int]:
    return dict(sorted(Counter(str(getattr(row, name) or "unknown") for row in rows).items()))


def describe_file(path: str | Path) -> dict[str, Any]:
    """A file's name, number of lines and SHA-256, for the card."""
    with open(path, "rb") as file:
        lines = sum(1 for _ in file)
    return {"file": Path(path).name, "rows": lines, "sha256": jsonl.file_sha256(path)}


def card_summary(card: dict[str, Any]) -> str:
    """The card's first lines, in Markdown: how many rows, which very file, and what they are."""
    lines = [f"{card['rows']:,} labelled prompts. SHA-256 `{card['dataset_sha256']}`.", ""]
    for name, counts in card["counts"].items():
        lines.append(
            f"- **{name}**: " + ", ".join(f"{value} {count:,}" for value, count in counts.items())
        )
    return "\n".join(lines)


def card_text(card: dict[str, Any]) -> str:
    """The card for people, in Markdown."""
    lines = ["# Router data set", "", card_summary(card)]
    for name in [
        name for name in card if name not in ("rows", "dataset_sha256", "counts", "files")
    ]:
        lines += [
            "",
            f"## {name.replace('_', ' ')}",
            "",
            "```json",
            json.dumps(card[name], indent=2),
            "```",
        ]
    return "\n".join(lines) + "\n"


def verify(folder: str | Path) -> list[str]:
    """Whether the files in a folder are those its card describes: a sentence for each that is not;
    empty if all are.

    Raises:
        FileNotFoundError: there is no card. RowError: a later version of routerlib wrote it.
    """
    folder = Path(folder)
    faults = []
    card = jsonl.read_json(folder / CARD)
    check_format(card)
    for name, known in card["files"].items():
        if not (folder / name).exists():
            faults.append(f"{name} is missing.")
        elif describe_file(folder / name) != known:
            faults.append(f"{name} is not the file of the card: its contents differ.")
    return faults
