"""Tables for people's spreadsheets: written so that none of their cells is run, read back from
whatever a spreadsheet makes of them.

A text that a spreadsheet would take for a formula gets an apostrophe in front. Files come back with
a byte-order mark, as UTF-16, with semicolons or tabs in place of commas, and with columns in
another order. A row that cannot be told apart from its neighbours is refused: a cell in the wrong
column would be taken for something that nobody wrote. What the columns mean is their user's
business.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.errors import Foreseen

# As OWASP lists them ("CSV injection"); the last four are the signs of East Asian keyboards.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
SEPARATORS = ",;\t"
SEPARATOR_LINE = re.compile(r"sep=(?P<separator>.)")  # sep=; which some programs put first
LINE_END = re.compile(r"\r\n|\r|\n")
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
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA_SIGNS):
        return f"'{value}"
    return value


def read_spreadsheet(
    path: str | Path, columns: Sequence[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each (place, row) of a CSV file whose header names at least these columns, in any order. The
    place is for messages: "line 3", or "row 3 (line 7 of the text)" where cells have several lines.

    Raises:
        TableError: no such file, no UTF-8 or UTF-16 text, no CSV, a column that is missing or there
            twice, or a row with more cells than the header has.
    """
    file = settings.resolve(path)
    text = _decoded_text(file)
    usual = csv.field_size_limit(LONGEST_CELL)  # of the whole process, so it is put back
    try:
        rows = list(_rows_of(file, text, columns))
    finally:
        csv.field_size_limit(usual)
    yield from rows


def _decoded_text(file: Path) -> str:
    if refusal := settings.refusal_of_pipe(file):
        raise TableError(refusal)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise TableError(f"{file} cannot be read ({error.strerror}). Check its name.") from None
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(
            f"{file} is no UTF-8 text (byte {error.start}). Save it as CSV in UTF-8."
        ) from None


def _rows_of(file: Path, text: str, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    rows = _cells_of(file, text)
    _, header = next(rows, ("", []))
    names = [name.strip().casefold() for name in header]
    for name in columns:
        if name not in names:
            raise TableError(
                f"{file}: the column {name!r} is missing; its header has "
                f"{', '.join(names) or 'nothing'}. Send back the table that was exported, with "
                "its header."
            )
        if names.count(name) > 1:
            raise TableError(
                f"{file}: {names.count(name)} columns are called {name!r}. Keep the one that "
                "counts."
            )
    for place, cells in rows:
        if any(cell.strip() for cell in cells[len(names) :]):
            raise TableError(
                f"{file}, {place}: {len(cells)} cells under {len(names)} columns, so nobody knows "
                "which is which. A text with the separator in it needs quotation marks around it."
            )
        row = dict(itertools.zip_longest(names, cells[: len(names)], fillvalue=""))
        yield place, {name: row[name] for name in columns}


def _cells_of(file: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    """(place, cells) of each row that is not empty, the header first."""
    first = LINE_END.split(text.lstrip("\r\n"), maxsplit=1)[0]
    separator = max(SEPARATORS, key=first.count)
    told = SEPARATOR_LINE.fullmatch(first.strip())
    if told:
        separator = told["separator"]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for number in itertools.count(1):
        line = reader.line_num + 1
        place = f"line {line}" if line == number else f"row {number} (line {line} of the text)"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            what = str(error)
            if what == "unexpected end of data":
                what = "a quotation mark that begins a cell is never ended"
            raise TableError(f"{file}, {place}: no CSV ({what}). Mend this row.") from None
        if cells is None:
            return
        is_told = told is not None and number == 1
        if any(cells) and not is_told:
            yield place, cells
