"""Crash-safe JSONL: rows that are on disk are whole, and stay.

A row is appended in one write and flushed to the disk; a last line that a crash tore in two is cut off
on the next start; one writer at a time holds the file's lock. Readers stream, so memory does not grow
with the file. What a row must contain is `schemas`' business.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from routerlib.schemas import Row, RowError, parse

R = TypeVar("R", bound=Row)


class FileInUse(RuntimeError):
    """Another process is writing this file."""


def encode(row: Row | dict[str, Any]) -> bytes:
    """One line: UTF-8 JSON, a newline at the end. A lone surrogate, which UTF-8 cannot hold, becomes '?'."""
    value = row.model_dump(mode="json") if isinstance(row, Row) else row
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n"


class Writer:
    """Appends rows to a file that no crash can corrupt. Use as a context manager.

    Args:
        path: the file; its folder is made. A torn last line is removed (`repaired` says how many bytes).
        fsync: wait until the disk has each row (True), or leave that to the operating system.

    Raises:
        FileInUse: another writer holds the file.
    """

    def __init__(self, path: str | Path, fsync: bool = True):
        self.path, self.fsync = Path(path), fsync
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _open_locked(self.path)
        try:
            self.repaired = _cut_torn_line(self._file, self.path)
        except BaseException:
            self._file.close()
            raise

    def append(self, row: Row | dict[str, Any]) -> int:
        """Write one row, whole or not at all. Returns the offset at which its line starts.

        Raises:
            OSError: the disk is full, say; what was half written is taken back first.
        """
        line, start = encode(row), self._file.seek(0, os.SEEK_END)
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes fitted on the disk", str(self.path))
            if self.fsync:
                os.fsync(self._file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(start)
            raise
        return start

    def sync(self) -> None:
        """Wait until the disk has what was appended."""
        os.fsync(self._file.fileno())

    def replace(self, lines: Iterable[bytes]) -> None:
        """Put other lines in the place of all, at once or not at all; the lock is held throughout."""
        with _replacing(self.path) as file:
            for line in lines:
                file.write(line)
            fcntl.flock(file, fcntl.LOCK_EX)  # before it gets its name: no other writer can slip in
            successor = os.dup(file.fileno())
        self._file.close()
        self._file = os.fdopen(successor, "ab+", buffering=0)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_locked(path: Path) -> Any:
    """Open for appending and lock; again where the file was replaced between the two steps."""
    while True:
        file = open(path, "ab+", buffering=0)  # noqa: SIM115 - the writer closes it
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise FileInUse(
                f"{path} is being written by another process. Wait for it, stop it, or name another file."
            ) from None
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
        file.close()


def _cut_torn_line(file: Any, path: Path) -> int:
    """Truncate after the last newline; returns the number of bytes removed.

    A last line that lacks only its newline is completed instead. A file that does not begin as JSONL
    does is not touched.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size and file.read(1) not in (b"{", b"\n"):
        raise RowError(f"{path} is no JSONL file of rows (its first line is no object). Name another file.")
    keep = _after_last_newline(file, size)
    if keep == size:
        return 0
    file.seek(keep)
    tail = file.read(size - keep)
    with contextlib.suppress(ValueError):
        json.loads(tail)
        file.write(b"\n")
        return 0
    file.truncate(keep)
    return size - keep


def _after_last_newline(file: Any, size: int) -> int:
    keep = size
    while keep > 0:
        step = min(65536, keep)
        file.seek(keep - step)
        newline = file.read(step).rfind(b"\n")
        if newline >= 0:
            return keep - step + newline + 1
        keep -= step
    return 0


def open_text(path: str | Path) -> Any:
    """Open a text file for reading, gzipped if its name ends in .gz; a bad byte becomes U+FFFD."""
    path = Path(path)
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    return open(path, encoding="utf-8", errors="replace")


def read_values(path: str | Path) -> Iterator[tuple[int, Any]]:
    """Stream (line number, decoded value) of a JSONL file; blank lines are passed over.

    Raises:
        FileNotFoundError, RowError: the latter names file, line and what is wrong with the line.
    """
    for number, value in decode_lines(path):
        if isinstance(value, RowError):
            raise RowError(f"{path}, line {number}: {value}: {value.text[:60]!r}")
        yield number, value


def read_rows(path: str | Path, row_type: type[R], rejects: list[dict[str, Any]] | None = None) -> Iterator[R]:
    """Stream the rows of a JSONL file, each checked; `rejects` as in `checked`.

    Raises:
        FileNotFoundError, RowError: the latter names file, line and field.
    """
    return checked(str(path), decode_lines(path), row_type, rejects)


def checked(
    name: str, values: Iterable[tuple[int, Any]], row_type: type[R], rejects: list[dict[str, Any]] | None = None
) -> Iterator[R]:
    """Stream the numbered values of a file as rows of one type.

    Args:
        name: the file, for messages.
        values: (line number, decoded value), or (line number, RowError) for a line that could not be decoded.
        rejects: where given, a bad row is appended here ({file, line, field, reason, text}) and passed
            over; where None, it raises.

    Raises:
        RowError: names file, line and field.
    """
    for number, value in values:
        try:
            if isinstance(value, RowError):
                raise value
            yield parse(row_type, value)
        except RowError as error:
            if rejects is None:
                raise RowError(f"{name}, line {number}: {error}", error.field) from None
            text = error.text or json.dumps(value, ensure_ascii=False, default=str)
            rejects.append(
                {"file": name, "line": number, "field": error.field, "reason": str(error), "text": text[:500]}
            )


def decode_lines(path: str | Path) -> Iterator[tuple[int, Any]]:
    """Stream (line number, value) of a JSONL file; the value of a line that is no JSON is a RowError."""
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                yield number, RowError(f"no valid JSON ({error.msg})", text=line)


def write_rows(path: str | Path, rows: Iterable[Row | dict[str, Any]]) -> int:
    """Write a whole file at once: it appears complete or not at all. Returns the number of rows."""
    count = 0
    with _replacing(path) as file:
        for row in rows:
            file.write(encode(row))
            count += 1
    return count


def write_json(path: str | Path, value: Any) -> Path:
    """Write one JSON document, readable by a person, complete or not at all. Returns the path."""
    with _replacing(path) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain).encode() + b"\n")
    return Path(path)


def read_json(path: str | Path) -> Any:
    """Read one JSON document.

    Raises:
        FileNotFoundError, RowError: the latter names the file and the place where the JSON breaks.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise RowError(f"{path}: no valid JSON (line {error.lineno}: {error.msg})") from None


def _plain(value: Any) -> Any:
    """numpy's numbers and arrays, and paths, as JSON knows them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Row):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


@contextlib.contextmanager
def _replacing(path: str | Path) -> Iterator[Any]:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
