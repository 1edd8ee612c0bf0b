"""Crash-safe JSONL: rows that are on disk are whole, and stay.

A row is appended in one write and flushed to the disk; a last line that a crash tore in two is cut
off on the next start; one writer at a time holds the file's lock. Readers stream, so memory does
not grow with the file; what they are given may be anything, and is said in a sentence where it is
no file of rows. What a row must contain is `schemas`' business.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import fcntl
import gzip
import hashlib
import io
import json
import math
import os
import re
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from routerlib import settings
from routerlib.errors import Foreseen
from routerlib.rows.characters import mended
from routerlib.rows.published import as_fields
from routerlib.rows.schemas import Responses, Row, RowError, model_of_file, parse_row

R = TypeVar("R", bound=Row)

LONGEST = 1 << 28  # characters of one line; reading on would fill the memory
# Levels of lists and objects within each other; not far above, checking and writing a row fail.
DEEPEST = 100
HOPELESS = 100  # so many bad rows before the first good one, and it is not the file that was meant
# Seconds for which a lock may outlive its writer: a program that is being started, or one that
# looks through /proc, holds every open file of ours for a moment.
LOCK_LINGERS = 0.5


class FileInUse(Foreseen, RuntimeError):
    """Another process is writing this file."""


class Unreadable(Foreseen, ValueError):
    """A file that no rows can be read from: another kind of file, damaged, or closed to us. The
    text says what to do.
    """


def encode(row: Row | dict[str, Any]) -> bytes:
    """One line: UTF-8 JSON, a newline at the end. A lone surrogate, which UTF-8 cannot hold,
    becomes '?'.

    A value that JSON does not know, such as a date out of a parquet file, becomes its text: a row
    that was paid for is not lost over it.
    """
    value = row.model_dump(mode="json") if isinstance(row, Row) else row
    return (
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", errors="replace") + b"\n"
    )


class Writer:
    """Appends rows to a file that no crash can corrupt. Use as a context manager.

    Args:
        path: the file; its folder is made. A torn last line is removed (`repaired` says how many
            bytes).
        fsync: wait until the disk has each row (True), or leave that to the operating system.

    Raises:
        FileInUse: another writer holds the file.
    """

    def __init__(self, path: str | Path, fsync: bool = True):
        self.path, self.fsync = Path(path), fsync
        settings.make_folder(self.path.parent)
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
        return self.append_line(encode(row))

    def append_line(self, line: bytes) -> int:
        """`append` for a row that `encode` has turned into its line."""
        start = self._file.seek(0, os.SEEK_END)
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(
                    errno.ENOSPC,
                    f"only {written} of {len(line)} bytes fitted on the disk",
                    str(self.path),
                )
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
        """Put other lines in the place of all, at once or not at all; the lock is held
        throughout.
        """
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
    deadline = time.monotonic() + LOCK_LINGERS
    while True:
        file = open(path, "ab+", buffering=0)  # noqa: SIM115 - the writer closes it
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            if time.monotonic() < deadline:
                time.sleep(0.01)
                continue
            raise FileInUse(
                f"{path} is being written by another process. Wait for it, stop it, or name "
                "another file."
            ) from None
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
        file.close()


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a lock beside a file or folder that no two processes may work in at the same time.

    Raises:
        FileInUse: another process holds it.
    """
    settings.make_folder(path.parent)
    lock = path.with_name(f"{path.name}.lock")
    try:
        file = _open_locked(lock)
    except FileInUse:
        raise FileInUse(
            f"{path} is being worked in by another process: a run of the same kind. Wait for it, "
            "or stop it."
        ) from None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # while it is held: who opens it meanwhile looks again
        file.close()


def _cut_torn_line(file: Any, path: Path) -> int:
    """Truncate after the last newline; returns the number of bytes removed.

    A last line that lacks only its newline is completed instead. A file that does not begin as
    JSONL does is not touched.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size and file.read(1) not in (b"{", b"\n"):
        raise RowError(
            f"{path} is no JSONL file of rows (its first line is no object). Name another file."
        )
    keep = _after_last_newline(file, size)
    if keep == size:
        return 0
    file.seek(keep)
    tail = file.read(size - keep)
    with contextlib.suppress(ValueError, RecursionError):
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


def read_lines(path: str | Path) -> Iterator[str]:
    """Stream the lines of a text file, told by its first bytes: UTF-8 or UTF-16, gzipped or not
    (whatever its name says). A bad byte becomes U+FFFD.

    Raises:
        FileNotFoundError. Unreadable: a folder, a binary file, a damaged or forbidden one, or an
        endless line.
    """
    number = 0
    try:
        with _open_text(Path(path)) as file:
            while line := file.readline(LONGEST):
                number += 1
                if len(line) == LONGEST:
                    raise Unreadable(
                        f"{path}, line {number} is longer than {LONGEST:,} characters: this is no "
                        "JSONL."
                    )
                yield line
    except IsADirectoryError:
        raise Unreadable(f"{path} is a folder. Name a file in it.") from None
    except PermissionError:
        raise Unreadable(
            f"{path} may not be read by this user. Allow it (chmod +r), or name another file."
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Unreadable(
            f"{path} is damaged or was cut off while it was copied (after line {number}: "
            f"{error}). Fetch it again."
        ) from None


def _open_text(path: Path) -> io.TextIOWrapper:
    with open(path, "rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
    file: Any = gzip.open(path) if is_gzip else open(path, "rb")  # noqa: SIM115 - wrapper closes
    try:
        head = file.peek(4096)[:4096]
        encoding = (
            "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        )
        if "\0" in head.decode(encoding, errors="ignore"):
            raise Unreadable(
                f"{path} is a binary file (a picture, an archive, a parquet file under a wrong "
                "name?), where text with a row on each line is needed. Name another file."
            )
        return io.TextIOWrapper(file, encoding, errors="replace")
    except BaseException:
        file.close()
        raise


def decode_json(text: str) -> Any:
    """One JSON value.

    Raises:
        RowError: no JSON, or such as no row can hold: NaN, Infinity, endless numbers, endless
            nesting.
    """
    try:
        value = _DECODER.decode(text)
    except RowError:
        raise
    except json.JSONDecodeError as error:
        place = f" in line {error.lineno}" if error.lineno > 1 else ""
        raise RowError(f"no valid JSON ({error.msg}{place})", text=text[:500]) from None
    except (ValueError, RecursionError) as error:
        what = (
            "lists and objects are nested too deep"
            if isinstance(error, RecursionError)
            else "a number is too long"
        )
        raise RowError(what, text=text[:500]) from None
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(value):
        raise RowError(
            f"lists and objects are nested deeper than {DEEPEST} levels", text=text[:500]
        )
    return mended(value) if _HALF_ESCAPED.search(text) else value


def _no_number(name: str) -> None:
    raise RowError(f"{name} is no number that JSON knows; write null, or leave the field out")


_DECODER = json.JSONDecoder(parse_constant=_no_number)
_HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")  # \ud83d


def _is_deep(value: Any) -> bool:
    layer = [value]
    for _ in range(DEEPEST):
        inside = (item.values() if isinstance(item, dict) else item for item in layer)
        layer = [
            child for children in inside for child in children if isinstance(child, dict | list)
        ]
    return bool(layer)


def decode_lines(path: str | Path) -> Iterator[tuple[int, Any]]:
    """Stream (line number, value) of a JSONL file; the value of a line that cannot be decoded is a
    RowError.

    Raises:
        FileNotFoundError, Unreadable: as `read_lines`.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            yield number, decode_json(line)
        except RowError as error:
            yield number, RowError(str(error), text=line[:500])


def read_values(path: str | Path) -> Iterator[tuple[int, Any]]:
    """Stream (line number, decoded value) of a JSONL file; blank lines are passed over.

    Raises:
        FileNotFoundError, Unreadable, RowError: the last names file, line and what is wrong with
            the line.
    """
    for number, value in decode_lines(path):
        if isinstance(value, RowError):
            raise RowError(f"{path}, line {number}: {value}: {value.text[:60]!r}")
        yield number, value


def rejects_path(path: Path) -> Path:
    """Where the bad rows go beside a file made of the good ones: answers.jsonl →
    answers.rejects.jsonl.
    """
    return path.with_name(f"{path.name.removesuffix('.jsonl')}.rejects.jsonl")


class Rejects:
    """Rows that could not be used, in a file of their own that exists only if there are any.

    Each goes to the file as it is met, as {file, line, field, reason, text}; what an earlier run
    left there is removed. Close it, or use it as a context manager. `count` says how many, `str()`
    which was the first.
    """

    def __init__(self, path: str | Path):
        self.path, self.count = Path(path), 0
        self.passed_over: Counter[str] = Counter()
        self.first: dict[str, Any] = {}
        self._file: Any = None
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self.path.unlink()

    def append(self, row: dict[str, Any]) -> None:
        if self._file is None:
            settings.make_folder(self.path.parent)
            self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115 - closed by close()
        self._file.write(encode(row))
        self.first = self.first or row
        self.count += 1

    def pass_over(self, line: int, what: str) -> None:
        """Note a row that is about something else, such as a span of a log that called no model."""
        self.passed_over[what] += 1

    def close(self) -> None:
        if self._file:
            self._file.close()

    def __enter__(self) -> Rejects:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        others = ", ".join(f"{count:,} {what}" for what, count in self.passed_over.items())
        left_out = f"Left out: {others}." if others else ""
        if not self.first:
            return left_out or "Every row could be used."
        told = f" {left_out}" if left_out else ""
        return (
            f"{self.count:,} rows could not be used and are in {self.path.name}; "
            f"the first: {self.first['file']}, line {self.first['line']}: {self.first['reason']}."
            f"{told}"
        )


def read_rows(
    path: str | Path, row_type: type[R], rejects: Rejects | list[dict[str, Any]] | None = None
) -> Iterator[R]:
    """Stream the rows of a JSONL file, each checked; `rejects` as in `checked`.

    Raises:
        FileNotFoundError, Unreadable, RowError: the last names file, line and field.
    """
    return checked(str(path), decode_lines(path), row_type, rejects)


def checked(
    name: str,
    values: Iterable[tuple[int, Any]],
    row_type: type[R],
    rejects: Rejects | list[dict[str, Any]] | None = None,
) -> Iterator[R]:
    """Stream the numbered values of a file as rows of one type.

    Args:
        name: the file, for messages.
        values: (line number, decoded value), or (line number, RowError) for a line that could not
            be decoded.
        rejects: where given, a bad row is appended here ({file, line, field, reason, text}) and
            passed over; where None, it raises.

    Raises:
        RowError: names file, line and field. Unreadable: every row is bad, or HOPELESS come before
            the first good one.
    """
    count, first, tally = _Count(), "", _Tally(row_type.OUTCOME)
    for _, row in each_checked(name, values, row_type):
        if isinstance(row, Refused):
            first = first or f"{name}, line {row.as_row['line']}: {row.error}"
            if rejects is None:
                raise RowError(first, row.error.field)
            rejects.append(row.as_row)
            count.bad += 1
            tally.refuse(row.value, row.error)
            if count.bad == HOPELESS and not count.good:
                tally.check(name)
                raise Unreadable(
                    f"{first}. None of the first {count.bad} rows can be used: is this the file "
                    "you meant?"
                )
            continue
        count.good += 1
        tally.keep(row)
        yield row
    if count.bad and not count.good:
        tally.check(name)
        raise Unreadable(f"{first}. No row of it can be used: is this the file you meant?")
    tally.check(name)


@dataclass(frozen=True)
class Refused:
    """A row that cannot be used: what it is, why not, and as it is noted among the rejects."""

    value: Any
    error: RowError
    as_row: dict[str, Any]


def each_checked(
    name: str, values: Iterable[tuple[int, Any]], row_type: type[R]
) -> Iterator[tuple[int, R | Refused]]:
    """Stream the numbered values of a file as rows of one type, or refused; arguments as in
    `checked`.
    """
    for number, value in values:
        try:
            if isinstance(value, RowError):
                raise value
            yield number, parse_row(row_type, _with_model_named(row_type, name, value))
        except RowError as error:
            yield number, Refused(value, error, _reject(name, number, value, error))


@dataclass
class _Count:
    good: int = 0
    bad: int = 0


def _with_model_named(row_type: type[Row], name: str, value: Any) -> Any:
    """A row of responses that does not say whose they are gets the model's name from the file's."""
    is_nameless = row_type is Responses and isinstance(value, dict) and not value.get("model")
    return value | {"model": model_of_file(name)} if is_nameless else value


class _Tally:
    """Whether the rows that are refused are others than those that are kept: then what is left
    would mislead.

    Args:
        field: the field that holds a row's outcome, such as the winner of a vote; empty: nothing is
            tallied.
    """

    LEAST = 5  # rows of one outcome; of fewer, all may be broken by chance
    SHARE = 0.02  # of all rows, refused for the outcome itself

    def __init__(self, field: str):
        self.field = field
        self.kept: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}

    def keep(self, row: Row) -> None:
        if self.field:
            self.kept[str(getattr(row, self.field))] += 1

    def refuse(self, value: Any, error: RowError) -> None:
        if not self.field or not isinstance(value, dict):
            return
        if error.field == self.field:
            said = str(value.get(self.field))[:60]
            self.unread[said] += 1
        else:
            said = self._outcome(value)
            self.refused[said] += 1
        self.reasons.setdefault(said, str(error))

    def _outcome(self, value: dict[str, Any]) -> str:
        if self.field != "winner":
            return ""
        with contextlib.suppress(ValueError):  # a vote in another form than its data set has
            return str(as_fields("Vote", value).get(self.field, ""))
        return ""

    def check(self, name: str) -> None:
        """Raises Unreadable where one reason took rows by their outcome."""
        total = self.kept.total() + self.refused.total() + self.unread.total()
        unread = self.unread.total()
        if unread >= self.LEAST and unread >= self.SHARE * total:
            examples = ", ".join(repr(said) for said, _ in self.unread.most_common(3))
            known = ", ".join(self.kept)
            left = (
                f"while those with {known} remain. What is left would say something else than the "
                "file does"
            )
            if not known:
                reason = self.reasons[self.unread.most_common(1)[0][0]]
                left = f"and none remains ({reason})"
            raise Unreadable(
                f"{name}: {unread:,} of {total:,} rows were refused for their {self.field} "
                f"({examples}), {left}. Write the {self.field} as the format has it, or map "
                "the field with FIELDS."
            )
        for said, count in self.refused.items():
            if said and count >= self.LEAST and self.kept and not self.kept[said]:
                raise Unreadable(
                    f"{name}: all {count:,} rows with the {self.field} {said!r} were refused "
                    f"({self.reasons[said]}), while others remain. What is left would say "
                    "something else than the file does. Mend these rows first."
                )


def _reject(name: str, number: int, value: Any, error: RowError) -> dict[str, Any]:
    text = error.text or json.dumps(value, ensure_ascii=False, default=str)
    return {
        "file": name,
        "line": number,
        "field": error.field,
        "reason": str(error)[:500],
        "text": text[:500],
    }


def write_rows(path: str | Path, rows: Iterable[Row | dict[str, Any]]) -> int:
    """Write a whole file at once, gzipped if its name ends in .gz: it appears complete or not at
    all.

    Returns:
        the number of rows.
    """
    count = 0
    is_gzip = Path(path).suffix == ".gz"
    with _replacing(path) as raw:
        zipped = (
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0)
            if is_gzip
            else contextlib.nullcontext(raw)
        )
        with zipped as file:
            for row in rows:
                file.write(encode(row))
                count += 1
    return count


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file's content, as 64 signs.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | Path, value: Any) -> Path:
    """Write one JSON document, readable by a person, complete or not at all. Returns the path.

    NaN and infinity, for which JSON has no word, become null.
    """
    with _replacing(path) as file:
        text = json.dumps(_finite(value), ensure_ascii=False, indent=2, default=_as_json_knows)
        file.write(text.encode() + b"\n")
    return Path(path)


def write_text(path: str | Path, text: str, encoding: str = "utf-8") -> Path:
    """Write a text for people or other programs, complete or not at all. Returns the path. What the
    encoding cannot hold, such as half a character, becomes "?".
    """
    with _replacing(path) as file:
        file.write(text.encode(encoding, "replace"))
    return Path(path)


def read_json(path: str | Path) -> Any:
    """Read one JSON document.

    Raises:
        FileNotFoundError, Unreadable, RowError: the last names the file and the place where the
            JSON breaks.
    """
    text = "".join(read_lines(path))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise RowError(f"{path}: no valid JSON (line {error.lineno}: {error.msg})") from None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inside) for inside in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_json_knows(value: Any) -> Any:
    """numpy's numbers and arrays, and paths, as JSON knows them."""
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Row):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


@contextlib.contextmanager
def _replacing(path: str | Path) -> Iterator[Any]:
    path = Path(path)
    settings.make_folder(path.parent)
    if path.is_dir():  # told before the work, which would else be lost at its end
        raise settings.Unwritable(f"{path} is a folder. Name a file in it, or another place.")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except PermissionError as error:
        raise settings.Unwritable(
            f"{path} cannot be written: no file can be made in {path.parent} ({error.strerror}). "
            "Allow it (chmod +w), or name another place."
        ) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:  # a full disk does not say whose
            error.filename = str(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
