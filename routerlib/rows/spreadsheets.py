"""Tables for people's spreadsheets: written so that none of their cells is run, read back from
whatever a spreadsheet makes of them.

A text that a spreadsheet would take for a formula gets an apostrophe in front. Files come back with
a byte-order mark, semicolons or tabs in place of commas, and columns in another order. What the
columns mean is their user's business.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from routerlib.errors import Foreseen

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
LONGEST_CELL = 1 << 24  # characters; the csv module's own limit is 131,072


class TableError(Foreseen, ValueError):
    """A table that cannot be read; the text names file, line and column, and says what to do."""


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV. A text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if not rows:
        return ""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        return f"'{value}"
    return value


def read_spreadsheet(
    path: str | Path, columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each (line, row) of a CSV file whose header names at least these columns, in any order.

    Raises:
        TableError: no such file, no UTF-8 text, no CSV, or a column is missing.
    """
    file = Path(path).expanduser()
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TableError(f"{file} cannot be read ({error.strerror}). Check its name.") from None
    except UnicodeDecodeError as error:
        raise TableError(
            f"{file} is no UTF-8 text (byte {error.start}). Save it as CSV in UTF-8."
        ) from None
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    usual = csv.field_size_limit(LONGEST_CELL)  # of the whole process, so it is put back
    try:
        rows = list(_rows_of(file, text, delimiter, columns))
    finally:
        csv.field_size_limit(usual)
    yield from rows


def _rows_of(
    file: Path, text: str, delimiter: str, columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = {str(name).strip().casefold(): str(name) for name in reader.fieldnames or ()}
    missing = [name for name in columns if name not in names]
    if missing:
        raise TableError(
            f"{file}: the column {missing[0]!r} is missing; its header has "
            f"{', '.join(names) or 'nothing'}. Send back the table that was exported, with its "
            "header."
        )
    try:
        for row in reader:
            yield reader.line_num, {name: (row[names[name]] or "") for name in columns}
    except csv.Error as error:
        raise TableError(f"{file}, line {reader.line_num}: no CSV ({error}).") from None
