"""What was read from the hub, kept on disk row by row, so that it is read once and an interruption
loses nothing.

Each edition of a data set (one revision of one split) has a JSONL file under outputs/hub, and
beside it a note of how far it goes and how its stream goes on. Deleting them is safe. Asking the
hub is `hub`'s business.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.rows import jsonl

NOTE_EVERY = 500  # rows


@dataclass(frozen=True)
class Edition:
    """A data set as it was read: one split (and configuration, where given) of one revision, with
    its licence.
    """

    id: str
    config: str
    split: str
    revision: str
    license: str

    def __str__(self) -> str:
        config = f":{self.config}" if self.config else ""
        return f"{self.id}{config}@{self.split}#{self.revision[:8]}"


class KeptRows:
    """The rows of one edition that are on disk. `count` says how many, `is_whole` whether that is
    all of them.
    """

    def __init__(self, edition: Edition):
        self.edition = edition
        parts = (edition.id, edition.config, edition.split, edition.revision[:12])
        stem = "--".join(re.sub(r"[^A-Za-z0-9.-]+", "_", part) for part in parts if part)
        self.path = settings.outputs("hub") / f"{stem}.jsonl"
        note = _note_beside(self.path.with_suffix(".json"))
        is_there = self.path.exists()
        self.count: int = note.get("rows", 0) if is_there else 0
        self.is_whole: bool = note.get("is_whole", False) and is_there
        self.state: dict[str, Any] | None = note.get("state") if is_there else None
        self.state_rows: int = note.get("state_rows", 0)

    def rows(self) -> Iterator[Any]:
        """The rows on disk, in order; a last line that a crash tore in two is left out."""
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    @contextlib.contextmanager
    def appending(self, count: int) -> Iterator[Appending]:
        """A writer behind the `count` rows on disk; how far it came is noted at its end.

        Raises:
            jsonl.FileInUse: another reader writes them.
        """
        with jsonl.Writer(self.path, fsync=False) as writer:
            rows = Appending(self, writer, count)
            try:
                yield rows
            finally:
                writer.sync()
                rows.note()

    def wind(self, stream: Any, count: int) -> int:
        """Put a fresh stream near row `count`; returns how many of its rows are still to be passed
        over.
        """
        if not self.state or self.state_rows > count:
            return count
        try:
            stream.load_state_dict(self.state)
        except (
            KeyError,
            TypeError,
            ValueError,
            IndexError,
        ):  # noted by another version of the library
            return count
        return count - self.state_rows


class Appending:
    """Rows on their way to the disk; set `is_whole` when there are no more."""

    def __init__(self, kept: KeptRows, writer: jsonl.Writer, count: int):
        self.kept, self.writer, self.count, self.is_whole = kept, writer, count, False

    def append(self, line: bytes, stream: Any) -> None:
        """Keep one row, as `jsonl.encode` wrote it; `stream` gave it."""
        self.writer.append_line(line)
        self.count += 1
        if self.count % NOTE_EVERY == 0:
            self.kept.state, self.kept.state_rows = stream.state_dict(), self.count
            self.note()

    def note(self) -> None:
        """Write down how far the rows go."""
        kept = self.kept
        kept.count, kept.is_whole = self.count, self.is_whole
        note = {
            "edition": asdict(kept.edition),
            "rows": self.count,
            "is_whole": self.is_whole,
            "state": None if self.is_whole else kept.state,
            "state_rows": kept.state_rows,
            "read_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        jsonl.write_json(kept.path.with_suffix(".json"), note)


def last_read(id: str, config: str, split: str, revision: str) -> KeptRows | None:
    """The edition of a data set that was read last; an empty split or revision stands for any."""
    notes = settings.outputs("hub").glob("*.json")
    for path in sorted(notes, key=lambda path: path.stat().st_mtime, reverse=True):
        known = _note_beside(path).get("edition")
        if not known or (known["id"], known["config"]) != (id, config):
            continue
        if split in ("", known["split"]) and known["revision"].startswith(revision):
            return KeptRows(Edition(**known))
    return None


def _note_beside(path: Path) -> dict[str, Any]:
    """What is noted beside the rows; nothing where the note is missing or damaged."""
    with contextlib.suppress(FileNotFoundError, jsonl.RowError, jsonl.Unreadable):
        note = jsonl.read_json(path)
        return note if isinstance(note, dict) else {}
    return {}
