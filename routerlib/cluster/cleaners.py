"""Clean conversations over several machines: what 02 does first, in bounded memory.

Workers filter the rows, block by block, and sketch their words. Which of them repeat an earlier one
is then decided group by group: a group is linked by equal bands of the sketches (and equal keys),
so that no text of one is near a text of another; inside a group the rule is `cleaning`'s own, in
the order of the input. So near duplicates are found wherever they stand, and what is kept is what
one process keeps. Memory: some 60 bytes a conversation, and what the largest group takes.
"""

from __future__ import annotations

import base64
import contextlib
import inspect
import json
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.cluster.blocks import Blocks, marks_of
from routerlib.cluster.machines import Machines, joined, on_machines
from routerlib.endpoints.prompts import as_text
from routerlib.labels import cleaned, cleaning
from routerlib.rows import jsonl
from routerlib.rows.conversations import OwnIds
from routerlib.rows.sameness import BANDS, ROWS, NearIndex, bands, text_key, tokens
from routerlib.rows.schemas import CleanPrompt, Conversation, parse_row

BLOCK = 1000  # conversations filtered together
TOGETHER = 10_000  # rows of groups that are looked through with one index
VALUES = BANDS * ROWS  # of a sketch
KEPT = 0  # in the array of reasons
REASONS = (cleaning.EXACT, cleaning.NEAR)


@on_machines(cleaned.clean_file)
def clean_file(*args: Any, cluster: str | None = None, **kwargs: Any) -> cleaning.Report:
    """`cleaned.clean_file`; with CLUSTER, on several machines."""
    if not cluster:
        return cleaned.clean_file(*args, **kwargs)
    bound = inspect.signature(cleaned.clean_file).bind(*args, **kwargs)
    bound.apply_defaults()
    of: dict[str, Any] = {name: str(value) for name, value in bound.arguments.items()}
    of["files"] = marks_of(bound.arguments["prompts"])

    def cleaner(
        rows: Iterable[Conversation],
        filters: cleaning.Filters,
        report: cleaning.Report,
        evaluation: cleaning.Evaluation | None,
    ) -> Iterator[CleanPrompt]:
        return clean(rows, filters, report, evaluation, cluster, of)

    return cleaned.clean_by(cleaner, *bound.arguments.values())


def clean(
    conversations: Iterable[Conversation],
    filters: cleaning.Filters,
    report: cleaning.Report,
    evaluation: cleaning.Evaluation | None = None,
    cluster: str | None = None,
    of: Any = None,
) -> Iterator[CleanPrompt]:
    """`cleaning.clean`: stream the prompts that pass every filter, in order; with CLUSTER, worked
    out on several machines.

    Args:
        of: what the conversations are, as a JSON value, by which an interrupted run knows its own
            work again; None: it begins anew.

    Raises:
        CleaningError: at the end, where not one prompt came through. ClusterError.
    """
    if not cluster:
        yield from cleaning.clean(conversations, filters, report, evaluation)
        return
    folder = settings.outputs("datasets") / ".cleaning"
    with jsonl.only_one(folder), joined(cluster) as machines:
        run = _Cleaning(machines, folder, filters, report, evaluation)
        yield from run.kept(conversations, of)


class _Cleaning:
    """One run: the filtered rows on disk, and what is known of each by its place."""

    def __init__(
        self,
        machines: Machines,
        folder: Path,
        filters: cleaning.Filters,
        report: cleaning.Report,
        evaluation: cleaning.Evaluation | None,
    ):
        self.machines, self.folder = machines, folder
        self.filters, self.report, self.evaluation = filters, report, evaluation
        self.filtered = Blocks(folder / "filtered", BLOCK)
        self.of: Any = None
        self.source = "the conversations"
        self.compared = Blocks(folder / "compared", cleaning.WINDOW)

    def kept(self, conversations: Iterable[Conversation], of: Any) -> Iterator[CleanPrompt]:
        """The prompts that pass every filter, in order."""
        if of is None:
            self.filtered.remove()
            self.compared.remove()
        elif isinstance(of, dict):
            self.source = str(of.get("prompts") or self.source)
        told = self.evaluation.describe() if self.evaluation else None
        self.of = {"of": of, "filters": self.filters.describe(), "evaluation": told}
        items = (row.model_dump(mode="json", exclude_unset=True) for row in conversations)
        if not self.filtered.spool(items, self.of):
            deque(conversations, maxlen=0)  # read all the same: bad rows are noted in reading
        words = self.evaluation.without_meaning() if self.evaluation else None
        self.filtered.work(
            self.machines,
            "routerlib.cluster.cleaners:Filtering",
            {"filters": self.filters, "evaluation": words},
            "filtering",
            source=self.source,
        )
        reasons = self._duplicates()
        yield from self._compared(lambda: self._unlike(reasons))
        if not self.report.kept:
            raise cleaning.no_prompt_left(self.report)
        self.filtered.remove()
        self.compared.remove()
        with contextlib.suppress(OSError):  # something of somebody else's is in it
            self.folder.rmdir()

    # -- duplicates --------------------------------------------------------------------------------

    def _duplicates(self) -> np.ndarray:
        """For each row the reason that takes it as a duplicate, 1 + its place in REASONS; KEPT for
        none. Shape (n,), in the order of the input.
        """
        marks = Marks(self.folder, self.filtered.items)
        for place, found in enumerate(self.filtered.results()):
            if "key" in found:
                marks.note(place, bytes.fromhex(found["key"]), _sketch(found["sketch"]))
        reasons = np.zeros(self.filtered.items, dtype=np.uint8)
        duplicates, remembered = cleaning.Duplicates(self.filters.near_duplicate), 0
        for group in marks.groups():
            remembered += len(group)
            if remembered > TOGETHER:  # one index for many small groups, which do not meet in it
                duplicates = cleaning.Duplicates(self.filters.near_duplicate)
                remembered = len(group)
            for place in group:
                reason = duplicates.add_sketched(*marks.of(int(place)))
                if reason:
                    reasons[place] = 1 + REASONS.index(reason)
        marks.remove()
        return reasons

    def _unlike(self, reasons: np.ndarray) -> Iterator[tuple[dict[str, Any], str | None]]:
        """What was found of each row, and the reason that takes it; None where it goes on."""
        for found, number in zip(self.filtered.results(), reasons, strict=True):
            reason = found.get("reason")
            if reason is None and number != KEPT:
                reason = REASONS[number - 1]
            if reason is None and found["shares_words"]:
                reason = cleaning.SHARED_WORDS
            yield found, reason

    # -- what is left ------------------------------------------------------------------------------

    def _compared(self, unlike: Any) -> Iterator[CleanPrompt]:
        """The rows whose meaning is not a question's either; the report is filled on the way."""
        evaluation = self.evaluation
        nearest: Iterator[Any] | None = None
        if evaluation and evaluation.compares_meaning:
            texts = (as_text(_row(found).prompt) for found, reason in unlike() if not reason)
            self.compared.spool(texts, self.of)
            worker = "routerlib.cluster.cleaners:Comparing"
            arguments = {"evaluation": evaluation}
            source = f"the prompts of {self.source} that are left"
            self.compared.work(self.machines, worker, arguments, "comparing", source=source)
            nearest = self.compared.results()
        ids = OwnIds()
        for found, reason in unlike():
            self.report.passed_in += 1
            if reason:
                self.report.drop(reason, found["id"])
                continue
            row = _row(found)
            row.id = ids.own_id(row.id)
            self.report.answered += row.answer is not None
            self.report.other_answers += found["left_answer"]
            if nearest is not None and evaluation is not None:
                similarity, category = next(nearest)
                if not cleaning.means_other(row, (similarity, category), evaluation, self.report):
                    continue
            self.report.kept += 1
            yield row


def _row(found: dict[str, Any]) -> CleanPrompt:
    return parse_row(CleanPrompt, dict(found["row"]))


def _sketch(text: str | None) -> np.ndarray | None:
    return None if text is None else np.frombuffer(base64.b64decode(text), dtype=np.uint32)


class Marks:
    """Keys and sketches of rows by their places, on disk, and the groups that they link.

    Args:
        folder: where they lie meanwhile. count: of all rows.
    """

    KEY = 12  # bytes

    def __init__(self, folder: Path, count: int):
        self.folder = folder / "marks"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.count = count
        self.keys = self._array("keys", (count, self.KEY), np.uint8)
        self.sketches = self._array("sketches", (count, VALUES), np.uint32)
        self.links = self._array("links", (BANDS + 1, count), np.uint64)
        self.is_there = np.zeros(count, dtype=bool)
        self.has_sketches = False

    def _array(self, name: str, shape: tuple[int, ...], kind: Any) -> np.ndarray:
        if not self.count:
            return np.zeros(shape, dtype=kind)
        return np.memmap(self.folder / name, dtype=kind, mode="w+", shape=shape)

    def note(self, place: int, key: bytes, sketch: np.ndarray | None) -> None:
        """Keep what is known of a row."""
        self.is_there[place] = True
        self.keys[place] = np.frombuffer(key, dtype=np.uint8)
        self.links[BANDS, place] = np.frombuffer(key[:8], dtype=np.uint64)[0]
        if sketch is not None:
            self.has_sketches = True
            self.sketches[place] = sketch
            self.links[:BANDS, place] = [band % 2**64 for band in bands(sketch)]

    def of(self, place: int) -> tuple[bytes, np.ndarray | None]:
        """Key and sketch of a row."""
        sketch = np.array(self.sketches[place]) if self.has_sketches else None
        return self.keys[place].tobytes(), sketch

    def groups(self) -> Iterator[np.ndarray]:
        """The places of rows that share a band or a key, directly or by others; ascending within a
        group. A row that shares none with any other is in no group.
        """
        places = np.flatnonzero(self.is_there)
        if not len(places):
            return
        labels = np.arange(len(places), dtype=np.int32)
        for number in range(BANDS + 1) if self.has_sketches else (BANDS,):
            labels = _merged_labels(labels, np.asarray(self.links[number])[places])
        order = np.argsort(labels, kind="stable")
        starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
        ends = np.append(starts[1:], len(order))
        for group in np.flatnonzero(ends - starts > 1):
            yield places[order[starts[group] : ends[group]]]

    def remove(self) -> None:
        """Remove the files."""
        for file in self.folder.iterdir():
            file.unlink()
        self.folder.rmdir()


def _merged_labels(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Labels of groups, of which those are one that hold an equal value; shape (n,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    order = np.argsort(values, kind="stable")
    same = values[order][1:] == values[order][:-1]
    one, other = labels[order[:-1][same]], labels[order[1:][same]]
    size = int(labels.max()) + 1
    links = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(size, size))
    _, groups = connected_components(links, directed=False)
    return groups[labels].astype(np.int32)


class Filtering:
    """A worker: conversations in, what the filters that look at one row alone make of them out."""

    def __init__(self, filters: cleaning.Filters, evaluation: cleaning.Evaluation | None):
        self.filters, self.evaluation = filters, evaluation
        near = filters.near_duplicate
        self.index = NearIndex(near) if near <= 1 else None

    def __call__(self, items: list[Any]) -> list[Any]:
        return [self._found(parse_row(Conversation, item)) for item in items]

    def name_of(self, item: dict[str, Any]) -> str:
        """A conversation's id."""
        return repr(item.get("conversation_id", ""))

    def _found(self, conversation: Conversation) -> dict[str, Any]:
        name = conversation.conversation_id
        row, reason = cleaning.pass_filters(conversation, self.filters)
        if row is None:
            return {"id": name, "reason": reason}
        text = as_text(row.prompt)
        sketch = None
        if self.index is not None:
            values = self.index.sketch(tokens(text))
            sketch = base64.b64encode(values.tobytes()).decode()
        return {
            "id": name,
            "row": json.loads(row.model_dump_json()),
            "key": text_key(text).hex(),
            "sketch": sketch,
            "shares_words": bool(self.evaluation and self.evaluation.shares_words(text)),
            "left_answer": row.answer is None and conversation.logged is not None,
        }


class Comparing:
    """A worker: texts in, similarity and category of the question nearest to each out."""

    def __init__(self, evaluation: cleaning.Evaluation):
        self.evaluation = evaluation

    def __call__(self, items: list[Any]) -> list[Any]:
        return [list(pair) for pair in self.evaluation.nearest(items)]

    def name_of(self, item: str) -> str:
        """The beginning of a prompt."""
        return repr(item[:60])
