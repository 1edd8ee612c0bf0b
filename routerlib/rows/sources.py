"""Rows from anywhere: the shipped samples, a local file, or a data set on a hub; checked one by one.

A source is named by one text, so that a notebook parameter can hold it: "sample", a path (.jsonl, .json,
.csv, .parquet; .jsonl and .csv also gzipped), or a hub id such as "HuggingFaceH4/MATH-500" (with a
configuration: "org/name:config", with a split: "org/name@split"). Several are joined by commas. Rows
are streamed: memory does not grow with the source. What a row must contain is `schemas`' business.
"""

from __future__ import annotations

import csv
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from routerlib import settings
from routerlib.errors import Foreseen
from routerlib.rows import jsonl, schemas
from routerlib.rows.schemas import Row, RowError

R = TypeVar("R", bound=Row)

SAMPLE = "sample"
SAMPLE_FILES: dict[type[Row], str] = {
    schemas.Question: "questions.jsonl",
    schemas.Conversation: "prompts.jsonl",
    schemas.Vote: "votes.jsonl",
    schemas.VoteQuestion: "vote_questions.jsonl",
    schemas.LabelledPrompt: "outcomes.jsonl",
}
PREFERRED_SPLITS = (
    "test",
    "human",
    "train",
)  # evaluation questions first; "human" is where the votes are
SEPARATORS = (
    ",;\t|"  # of the columns of a CSV; its header tells: Excel writes what the country writes
)
HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+(:[\w.-]+)?(@[\w.-]+)?$")


class SourceError(Foreseen, ValueError):
    """A source cannot be read; the text says why and what to do."""


def load_rows(
    source: str | Path,
    row_type: type[R],
    limit: int | None = None,
    rejects: jsonl.Rejects | list[dict[str, Any]] | None = None,
) -> Iterator[R]:
    """Stream the rows of one or several sources, each checked against `row_type`.

    Args:
        source: "sample", a path, a hub id, or several of them with commas between.
        limit: at most so many rows in all; None: every row.
        rejects: where given, bad rows are appended here ({file, line, field, reason, text}) and passed over.

    Raises:
        SourceError: the source does not exist, is empty, gated, or of a kind we cannot read.
        settings.SettingError: the limit is no whole number above 0.
        jsonl.Unreadable: a file is not what its name says, damaged, or none of its first rows can be used.
        RowError: a bad row, with file, line and field, where `rejects` is None.
    """
    limit = (
        None
        if limit is None
        else min(settings.whole("The number of rows to read", limit), sys.maxsize)
    )
    source = "" if source is None else str(source)  # None: a parameter left empty in a YAML file
    is_one = os.path.isfile(settings.resolve(source))  # also one with a comma in its name
    parts = [source] if is_one else settings.names(source)
    if not parts:
        raise SourceError(
            'No source is named. Use "sample", a file, or a hub id such as HuggingFaceH4/MATH-500.'
        )
    streams = [
        _started(*_open(part, row_type)) for part in parts
    ]  # a wrong one shows before the first row is used
    rows = itertools.chain.from_iterable(
        jsonl.checked(name, values, row_type, rejects) for name, values in streams
    )
    yield from itertools.islice(rows, limit)


def _started(name: str, values: Iterator[tuple[int, Any]]) -> tuple[str, Iterator[tuple[int, Any]]]:
    """A stream of which the first value has been read, which shows whether the source can be read at all."""
    first = next(values, None)
    if first is None:
        raise SourceError(f"{name} is empty: there is not one row in it. Name another source.")
    return name, itertools.chain([first], values)


def short_name(source: str | Path) -> str:
    """A source's name as part of a file name: "HuggingFaceH4/MATH-500, TIGER-Lab/MMLU-Pro" → "MATH_500_MMLU_Pro"."""
    parts = [
        re.sub(r"[:@].*", "", part.strip()).rstrip("/").split("/")[-1]
        for part in str(source).split(",")
    ]
    stems = [re.sub(r"\.(jsonl|json|csv|parquet)(\.gz)?$", "", part) for part in parts if part]
    return re.sub(r"[^A-Za-z0-9.]+", "_", "_".join(stems)).strip("_")


def sample_file(row_type: type[Row]) -> Path:
    """The shipped sample of a row type."""
    return settings.SAMPLES / SAMPLE_FILES[row_type]


def _open(source: str, row_type: type[Row]) -> tuple[str, Iterator[tuple[int, Any]]]:
    """A source's name for messages, and its values with their line numbers."""
    if source == SAMPLE:
        path = sample_file(row_type)
        return str(path), jsonl.decode_lines(path)
    path = settings.resolve(source)
    if path.is_file():
        return str(path), _reader(path)(path)
    if path.is_dir():
        raise SourceError(
            f"{path} is a folder; name a file in it (.jsonl, .json, .csv or .parquet)."
        )
    if HUB_ID.match(source) and not source.startswith((".", "/")) and not _looks_like_file(source):
        return source, _read_hub(source)
    raise SourceError(
        f"There is no file {path}. Check the path: relative ones start at {settings.ROOT}."
    )


def _looks_like_file(source: str) -> bool:
    return bool(re.search(r"\.(jsonl|json|csv|parquet|gz|txt)$", source))


def _reader(path: Path) -> Callable[[Path], Iterator[tuple[int, Any]]]:
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    readers = {
        ".jsonl": jsonl.decode_lines,
        ".json": _read_json,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    if suffix not in readers:
        raise SourceError(
            f"{path}: files of kind {suffix or '(none)'} cannot be read; use {', '.join(readers)}."
        )
    return readers[suffix]


def _read_json(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        value = jsonl.decode("".join(jsonl.read_lines(path)))
    except RowError as error:
        raise SourceError(f"{path}: {error}.") from None
    if not isinstance(value, list):
        raise SourceError(f"{path}: expected a list of rows, found {type(value).__name__}.")
    yield from enumerate(value, start=1)


def _read_csv(path: Path) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(1 << 30)
    lines = jsonl.read_lines(path)
    header = next(lines, "")
    separator = max(SEPARATORS, key=header.count)
    rows = csv.DictReader(itertools.chain([header], lines), restkey=_MORE, delimiter=separator)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise SourceError(f"{path}, line {rows.line_num} is no CSV: {error}.") from None
        if row is None:
            return
        if extra := row.pop(_MORE, None):
            columns = len(rows.fieldnames)
            problem = f"{columns + len(extra)} cells under {columns} columns; a text with {separator!r} needs quotes around it"
            yield rows.line_num, RowError(problem, text=str([*row.values(), *extra]))
        else:
            yield (
                rows.line_num,
                {
                    name: _cell(text)
                    for name, text in row.items()
                    if name and text not in ("", None)
                },
            )


_MORE = object()  # the name of the cells for which the header has none


def _cell(text: str) -> Any:
    """A CSV cell; lists and objects are written in it as JSON."""
    if text[:1] in ("[", "{"):
        try:
            return jsonl.decode(text)
        except RowError:
            return text
    return int(text) if re.fullmatch(r"-?\d{1,15}", text) else text


def _read_parquet(path: Path) -> Iterator[tuple[int, Any]]:
    import pyarrow.parquet as parquet

    number = 0
    try:
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=1000):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except Exception as error:  # pyarrow raises several kinds for a file that is no parquet
        after = f" after row {number}" if number else ""
        raise SourceError(f"{path} is no readable parquet file{after}: {error}") from None


def _read_hub(source: str) -> Iterator[tuple[int, Any]]:
    name, _, split = source.partition("@")
    name, _, config = name.partition(":")
    token = settings.key("HF_TOKEN", required=False)
    settings.report_nothing()
    import datasets

    try:
        if not split:
            splits = datasets.get_dataset_split_names(name, config or None, token=token)
            split = next((wanted for wanted in PREFERRED_SPLITS if wanted in splits), splits[0])
        rows = datasets.load_dataset(name, config or None, split=split, streaming=True, token=token)
        yield from enumerate(rows, start=1)
    except Exception as error:  # the hub's client raises many kinds
        raise _hub_error(name, error) from None


def _hub_error(name: str, error: Exception) -> SourceError:
    text = f"{type(error).__name__}: {error}"
    page = f"https://huggingface.co/datasets/{name}"
    if re.search(r"gated|401|403|authenticat", text, re.IGNORECASE):
        return SourceError(
            f"The data set {name} is gated. Accept its terms at {page}, then set HF_TOKEN to a read token of your "
            "account (in the environment, in .env, or in Colab's secrets)."
        )
    if "DatasetNotFound" in text and "offline" not in text.lower():
        return SourceError(
            f"There is no data set {name} on the hub (and no such file). Look at {page}. {text[:200]}"
        )
    return SourceError(
        f"The data set {name} cannot be read from the hub: {text[:300]}. Without a way to the hub, download it "
        'elsewhere and name the file (.jsonl, .csv, .parquet), or use "sample".'
    )
