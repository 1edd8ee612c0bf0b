"""An append-only JSONL file that remembers which items of a bulk job are done.

One line an item, with the samples it has so far; while an item is unfinished, a later line for it
takes the place of the earlier one. `Ledger.close` removes the lines so replaced and puts the others
into the order in which the job met its items, so that a file at rest has one line an item, and is
the same file however many requests, or machines, worked on it; `latest_rows` reads a file in any
state. Who fills the lines, and when an item is asked again, is `resumable`'s business.

Memory: some 120 bytes an item for finished ones; the samples of unfinished ones stay in the file
until they are needed. 1 million items take about 120 MB.
"""

from __future__ import annotations

import json
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import from_json

from routerlib.errors import Foreseen
from routerlib.rows import jsonl
from routerlib.rows.schemas import RowError

Row = dict[str, Any]

TOKENS = ("prompt_tokens", "completion_tokens")  # what a row's `usage` counts

# Flags in the low bits of an index entry; the checksum of the item's subject sits above.
DONE, SEEN = 1, 2


class LedgerMismatch(Foreseen, RuntimeError):
    """The file holds answers to something else: another model, other sampling, another question."""


class Ledger:
    """The rows of one job on disk, indexed by item.

    Args:
        path: the JSONL file; made if it is not there.
        key: the field that names the item, such as "unique_id".
        wanted: an item is done when its list `samples` has at least so many entries.
        subject: gives a row's own text, or whatever else tells it from its namesakes; where it
            differs from the row on disk, the job is refused.
        check: called with each row found on disk; raises LedgerMismatch where the row does not
            belong.
        samples: the field with the list of samples.

    Raises:
        jsonl.FileInUse: another process writes this file.
        LedgerMismatch: the file is of another job, or no JSONL at all.
    """

    def __init__(
        self,
        path: str | Path,
        key: str,
        wanted: int = 1,
        subject: Callable[[Row], Any] | None = None,
        check: Callable[[Row], None] | None = None,
        samples: str = "responses",
    ):
        self.path, self.key, self.wanted, self.subject, self.samples = (
            Path(path),
            key,
            wanted,
            subject,
            samples,
        )
        self.notes: list[str] = []  # what the user should read about the file's past
        self.found_done = self.done = 0
        self.usage = dict.fromkeys(TOKENS, 0)  # of the rows found on disk
        self._usage_of: dict[str, tuple[int, ...]] = {}  # of unfinished items among them
        self._check = check
        self._index: dict[int, int] = {}
        self._offsets: dict[str, int] = {}  # unfinished items only: where their latest line starts
        self._stale = array("Q")  # where replaced lines start
        self._met = array("q")  # the items, as the job has come to them
        self._unsynced = 0
        self._writer = jsonl.Writer(self.path, fsync=False)
        if self._writer.repaired:
            self.notes.append(
                f"{self.path}: a last line torn by a crash was cut off ({self._writer.repaired} "
                "bytes)."
            )
        try:
            self._scan()
        except BaseException:
            self._writer.close()
            raise
        self._reader = open(self.path, "rb")  # noqa: SIM115 - closed by close()

    # -- what is known
    # -----------------------------------------------------------------------------------

    def is_done(self, key: str) -> bool:
        return bool(self._index.get(hash(key), 0) & DONE)

    def latest(self, key: str) -> Row | None:
        """The latest row of an unfinished item, or None where it has none (or is done)."""
        offset = self._offsets.get(key)
        if offset is None:
            return None
        self._reader.seek(offset)
        return from_json(self._reader.readline())

    def meet(self, key: str, subject: Any) -> bool:
        """Note that the job has come to this item; False where it met the same one before.

        Raises:
            LedgerMismatch: the item's text is another than that of its row on disk, or of its
                namesake.
        """
        digest, mark = hash(key), checksum(subject) << 2
        entry = self._index.get(digest)
        if entry is not None and self.subject and entry & ~3 != mark:
            of = "an earlier item of the same input. Give each its own id."
            if not entry & SEEN:
                of = f"its row in {self.path}. Give each its own id, or name another output file."
            raise LedgerMismatch(
                f"{self.key} {key!r} stands for two different texts: this input's and that of {of}"
            )
        if entry is not None and entry & SEEN:
            return False
        self._index[digest] = (mark if entry is None else entry) | SEEN
        self._met.append(digest)
        return True

    # -- writing
    # -----------------------------------------------------------------------------------------

    def append(self, row: Row) -> None:
        """Add the newest state of an item; what it replaces is remembered for `compact`.

        Raises:
            OSError: the disk is full, say; the file is as before.
        """
        offset = self._writer.append(row)
        self._unsynced += 1
        self._appended(row, offset)

    def append_lines(self, rows: Sequence[tuple[Row, bytes]]) -> None:
        """`append` for rows with the lines they were read from, all in one write; their tokens
        count as found.

        Raises:
            OSError: as `append`; not one row is there then.
        """
        if not rows:
            return
        offset = self._writer.append_line(b"".join(line for _, line in rows))
        self._unsynced += len(rows)
        for row, line in rows:
            self._appended(row, offset)
            self._add_usage(row[self.key], row)
            offset += len(line)

    def _appended(self, row: Row, offset: int) -> None:
        key = row[self.key]
        if key in self._offsets:
            self._stale.append(self._offsets.pop(key))
        self._note(key, row, offset)

    @property
    def unsynced(self) -> int:
        """Rows that the operating system has, but perhaps not yet the disk."""
        return self._unsynced

    def sync(self) -> None:
        """Wait until the disk has every row."""
        count = self._unsynced
        self._writer.sync()
        self._unsynced -= count

    def compact(self) -> int:
        """Rewrite the file without replaced lines, at once or not at all. Returns how many went."""
        if not self._stale:
            return 0
        stale = sorted(self._stale)
        self._writer.replace(
            line for offset, line in _lines(self.path) if not _contains(stale, offset)
        )
        self._stale = array("Q")
        return len(stale)

    def arrange(self) -> bool:
        """Put the lines into the order in which the job met their items, at once or not at all;
        those it did not meet follow, in the order they had. Returns whether anything moved.

        Drops replaced lines first. Two passes over the file, and 40 bytes an item meanwhile.
        """
        self.compact()
        digests, offsets = array("q"), array("q")
        for _, offset, row in _decoded_lines(self.path):
            digests.append(hash(str(row[self.key])))
            offsets.append(offset)
        order = _order(np.asarray(digests), np.asarray(self._met))
        if (order == np.arange(len(order))).all():
            return False
        places = np.asarray(offsets)[order]
        with open(self.path, "rb") as file:
            self._writer.replace(_line_at(file, int(place)) for place in places)
        return True

    def close(self, compact: bool = True) -> None:
        """Flush, arrange the lines and drop replaced ones (unless told otherwise), and let the file
        go.
        """
        try:
            if compact:
                self.arrange()
            self.sync()
            if self.path.stat().st_size == 0:
                self.path.unlink()  # a run that never got an answer leaves nothing behind
        finally:
            self._reader.close()
            self._writer.close()

    # -- reading what is there
    # ---------------------------------------------------------------------------

    def check(self, row: Row) -> None:
        """Raises LedgerMismatch where a row does not belong to this job."""
        if self._check:
            self._check(row)

    def _scan(self) -> None:
        for number, offset, row in _decoded_lines(self.path):
            if not isinstance(row, dict) or self.key not in row:
                if isinstance(row, dict) and number == 1:
                    raise LedgerMismatch(
                        f"{self.path} holds other rows than answers: its first has no {self.key}. "
                        "It stays as it is; name another file."
                    )
                self._stale.append(offset)
                self._set_aside(number, offset)
                continue
            if self._check:
                self._check_line(number, row)
            self._found(str(row[self.key]), row, offset)

    def _check_line(self, number: int, row: Row) -> None:
        assert self._check is not None
        try:
            self._check(row)
        except LedgerMismatch as error:
            raise LedgerMismatch(f"{self.path}, line {number}: {error}") from None

    def _found(self, key: str, row: Row, offset: int) -> None:
        if self.is_done(key):
            self._stale.append(offset)
            return
        if key in self._offsets:
            self._stale.append(self._offsets.pop(key))
        self._note(key, row, offset)
        self._add_usage(key, row)
        self.found_done += self.is_done(key)

    def _add_usage(self, key: str, row: Row) -> None:
        """A row's tokens; a later row for the same item counts those of the earlier one again."""
        usage = row.get("usage")
        known = usage if isinstance(usage, dict) else {}
        spent = tuple(_whole(known.get(name)) for name in TOKENS)
        before = self._usage_of.pop(key, (0,) * len(TOKENS))
        for name, now, then in zip(TOKENS, spent, before, strict=True):
            self.usage[name] += now - then
        if not self.is_done(key):
            self._usage_of[key] = spent

    def _note(self, key: str, row: Row, offset: int) -> None:
        digest = hash(key)
        entry = (
            self._index.get(digest, 0) & SEEN
            | checksum(self.subject(row) if self.subject else None) << 2
        )
        if len(row.get(self.samples) or ()) >= self.wanted:
            self._index[digest] = entry | DONE
            self.done += 1
        else:
            self._index[digest] = entry
            self._offsets[key] = offset

    def _set_aside(self, number: int, offset: int) -> None:
        """A line no row can be read from is kept in a file of its own; its item will be asked
        again.
        """
        aside = self.path.with_name(self.path.name + ".damaged")
        with open(self.path, "rb") as file, open(aside, "ab") as kept:
            file.seek(offset)
            kept.write(file.readline())
        self.notes.append(
            f"{self.path}, line {number}: no row with a {self.key} can be read; moved to "
            f"{aside.name}."
        )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _order(lines: np.ndarray, met: np.ndarray) -> np.ndarray:
    """Which line comes first, second …: by the place of its item among those met.

    Args:
        lines, met: digests of items, shapes (n,) and (m,).
    """
    rank = np.arange(len(lines)) + len(met)  # of a line whose item was not met
    if len(met):
        by_digest = np.argsort(met, kind="stable")
        found = np.searchsorted(met, lines, sorter=by_digest).clip(max=len(met) - 1)
        place = by_digest[found]
        rank = np.where(met[place] == lines, place, rank)
    return np.argsort(rank, kind="stable")


def _line_at(file: Any, offset: int) -> bytes:
    file.seek(offset)
    return file.readline()


def checksum(subject: Any) -> int:
    """32 bits by which two texts (or JSON values) are told apart."""
    text = (
        subject
        if isinstance(subject, str)
        else json.dumps(subject, sort_keys=True, ensure_ascii=False)
    )
    return zlib.crc32(text.encode("utf-8", errors="replace"))


def latest_rows(path: str | Path, key: str, samples: str = "responses") -> Iterator[Row]:
    """Stream the rows of a ledger's file in any state: of several lines for one item, only the one
    that counts.

    That is the last one, which has the most samples. A torn last line is passed over. Two passes;
    memory some 100 bytes an item.

    Raises:
        FileNotFoundError, RowError: the latter for a line that is no JSON object with that key.
    """
    last: dict[int, tuple[int, int]] = {}
    for number, offset, row in _decoded_lines(path):
        if not isinstance(row, dict) or key not in row:
            if row is _TORN:
                continue
            raise RowError(f"{path}, line {number}: no row with a {key} can be read from this line")
        digest, count = hash(str(row[key])), len(row.get(samples) or ())
        if digest not in last or count >= last[digest][1]:
            last[digest] = offset, count
    keep = array("Q", sorted(offset for offset, _ in last.values()))
    del last
    for _, offset, row in _decoded_lines(path):
        if row is not _TORN and _contains(keep, offset):
            yield row


def decoded_lines(path: str | Path) -> Iterator[tuple[bytes, Any]]:
    """The lines of a file, each with a newline, and their values; a torn or damaged one has
    None.
    """
    for _, line in _lines(path):
        try:
            yield line.rstrip(b"\n") + b"\n", from_json(line)
        except ValueError:
            yield line, None


_TORN = object()


def _lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    offset = 0
    with open(path, "rb", buffering=1 << 20) as file:
        for line in file:
            yield offset, line
            offset += len(line)


def _decoded_lines(path: str | Path) -> Iterator[tuple[int, int, Any]]:
    """(line number, offset, value) of each line that is not blank; None for no JSON, _TORN for a
    torn end.
    """
    for number, (offset, line) in enumerate(_lines(path), start=1):
        if line.isspace():
            continue
        try:
            yield number, offset, from_json(line)
        except ValueError:
            yield number, offset, None if line.endswith(b"\n") else _TORN


def _contains(ordered: Any, value: int) -> bool:
    place = bisect_left(ordered, value)
    return place < len(ordered) and ordered[place] == value
