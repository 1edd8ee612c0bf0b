"""Parts of a ledger: what several workers have written of one file, each in a file of its own.

A part is itself a ledger, of some of the items; it lies in a hidden folder beside the file it
belongs to. Whatever is in it was paid for, so whoever opens the file next takes the parts in first,
on one machine or on many, and only then removes them. Who works on which items is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from routerlib.collecting.ledger import Ledger, LedgerMismatch, Row, decoded_lines
from routerlib.progress import tell
from routerlib.rows import jsonl

# Seconds to wait for a worker of an earlier run, which ends as soon as it misses its driver.
PATIENCE = 120.0
AT_ONCE = 500  # rows taken in with one write

Best = dict[str, tuple[Row, bytes]]  # the newest row of each item, with its line


def folder_of(path: str | Path) -> Path:
    """Where the parts of a file lie: answers.jsonl → .answers.jsonl.parts/."""
    path = Path(path)
    return path.with_name(f".{path.name}.parts")


def files_of(path: str | Path) -> list[Path]:
    """The parts of a file, in the order in which they were begun."""
    folder = folder_of(path)
    return sorted(folder.glob("*.jsonl")) if folder.is_dir() else []


def best_rows(files: Iterable[Path], key: str, samples: str = "responses") -> Best:
    """Of each item in some parts, the row with the most samples, of several the newest.

    A line that a crash tore in two is passed over, and so is a part that was closed empty: it is
    gone.
    """
    best: Best = {}
    for file in filter(Path.exists, files):
        for line, row in decoded_lines(file):
            if not isinstance(row, dict) or key not in row:
                continue
            known = best.get(str(row[key]))
            if known is None or _count(row, samples) >= _count(known[0], samples):
                best[str(row[key])] = row, line
    return best


def _count(row: Row, samples: str) -> int:
    return len(row.get(samples) or ())


def take_in(book: Ledger) -> int:
    """Bring whatever lies in parts beside a ledger's file into it, then remove the parts.

    Waits for workers that still write. Returns how many rows came.

    Raises:
        LedgerMismatch: a part holds answers of another model or with other sampling; nothing was
            removed.
        jsonl.FileInUse: a worker goes on writing for longer than we wait.
    """
    files = files_of(book.path)
    taken = 0
    for file in files:
        with _at_rest(file):
            taken += take_rows(book, best_rows([file], book.key, book.samples).values(), file)
    if taken:
        book.notes.append(f"{book.path}: {taken:,} rows of an interrupted run were taken in.")
    book.sync()
    remove(book.path, files)
    return taken


def take_rows(book: Ledger, rows: Iterable[tuple[Row, bytes]], file: Path | None = None) -> int:
    """Append those rows that know more than the ledger does; returns how many.

    Raises:
        LedgerMismatch: one does not belong.
    """
    taken = 0
    waiting: list[tuple[Row, bytes]] = []
    for row, line in rows:
        if file is not None:
            _check(book, row, file)
        if not _is_news(book, row):
            continue
        waiting.append((row, line))
        if len(waiting) == AT_ONCE:
            book.append_lines(waiting)
            taken, waiting = taken + len(waiting), []
    book.append_lines(waiting)
    return taken + len(waiting)


def _is_news(book: Ledger, row: Row) -> bool:
    key = str(row[book.key])
    if book.is_done(key):
        return False
    known = book.latest(key)
    return known is None or _count(row, book.samples) >= _count(known, book.samples)


def _check(book: Ledger, row: Row, file: Path) -> None:
    try:
        book.check(row)
    except LedgerMismatch as error:
        raise LedgerMismatch(f"{file}, {book.key} {row[book.key]!r}: {error}") from None


def remove(path: str | Path, files: Iterable[Path]) -> None:
    """Remove parts, and their folder where it is empty then."""
    for file in files:
        file.unlink(missing_ok=True)
    folder = folder_of(path)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _at_rest(file: Path) -> jsonl.Writer:
    """A part that nobody else writes any more, held so that nobody begins."""
    deadline, was_told = time.monotonic() + PATIENCE, False
    while True:
        try:
            return jsonl.Writer(file, fsync=False)
        except jsonl.FileInUse:
            if time.monotonic() > deadline:
                raise
        if not was_told:
            tell(f"{file} is still being written by a worker of an earlier run; waiting for it …")
            was_told = True
        time.sleep(0.2)
