"""Rows from anywhere: the shipped samples, a local file, or a data set on a hub; checked one by
one.

A source is named by one text, so that a notebook parameter can hold it: "sample", "sample-log" (a
log of requests), a path (.jsonl, .json, .csv, .parquet; .jsonl and .csv also gzipped), or a data
set on the hub (see `hub`:
"org/name", and where needed ":config", "@split" and "#revision" behind it, or the address of its
page). "[:100]" behind a source takes its first 100 rows; several are joined by commas. Two sources
of graded answers, "inferior=…, superior=…", make outcomes. Rows
are streamed: memory does not grow with the source. What a row must contain is `schemas`' business.
"""

from __future__ import annotations

import csv
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from routerlib import settings
from routerlib.errors import Foreseen
from routerlib.rows import conversations, hub, jsonl, masking, published, schemas, tables
from routerlib.rows.logs import shapes
from routerlib.rows.schemas import Question, Row, RowError

R = TypeVar("R", bound=Row)
Rejected = jsonl.Rejects | list[dict[str, Any]] | None

SAMPLE = "sample"
SAMPLE_LOG = "sample-log"  # of requests, with the superior model's answers
SAMPLE_FILES: dict[type[Row], str] = {
    schemas.Question: "questions.jsonl",
    schemas.Conversation: "prompts.jsonl",
    schemas.Vote: "votes.jsonl",
    schemas.VoteQuestion: "vote_questions.jsonl",
    schemas.LabelledPrompt: "outcomes.jsonl",
}
# Of the columns of a CSV; its header tells which, since Excel writes what the country writes.
SEPARATORS = ",;\t|"
# Stands behind the last line of a CSV: whether a cell is still open there.
END_OF_CSV = "\x03end of the table\x03"
# a.csv[:100]
FIRST_ROWS = re.compile(r"(?P<source> .+? ) \s* \[ :(?P<number> \d+ ) \]", re.VERBOSE)
SIDE = re.compile(r"(?P<side> inferior | superior ) \s* = \s* (?P<source> .+ )", re.VERBOSE)
# Where data sets live that are often named without their owner.
OWNERS = {
    "gsm8k": "openai/gsm8k:main",
    "mmlu": "cais/mmlu:all",
    "ai2_arc": "allenai/ai2_arc:ARC-Challenge",
    "gpqa": "Idavidrein/gpqa:gpqa_diamond",
    "math-500": "HuggingFaceH4/MATH-500",
    "mmlu-pro": "TIGER-Lab/MMLU-Pro@test",
    "lmsys-chat-1m": "lmsys/lmsys-chat-1m",
    "wildchat-1m": "allenai/WildChat-1M",
    "mt_bench_human_judgments": "lmsys/mt_bench_human_judgments@human",
}


class SourceError(Foreseen, ValueError):
    """A source cannot be read; the text says why and what to do."""


def load_rows(
    source: str | Path,
    row_type: type[R],
    limit: int | None = None,
    rejects: Rejected = None,
    fields: Mapping[str, str] | None = None,
    mask: masking.Mask | None = None,
) -> Iterator[R]:
    """Stream the rows of one or several sources, each checked against `row_type`.

    Where conversations are asked for, the requests of a log come as such (see `logs`).

    Args:
        source: "sample", a path, a data set on the hub, or several of them with commas between.
        limit: at most so many rows in all; None: every row.
        rejects: where given, bad rows are appended here ({file, line, field, reason, text}) and
            passed over.
        fields: where the rows have other names, ours to theirs: {"question_id": "id"};
            "doc.question" looks inside.
        mask: takes out of every text what nobody else should read (see `masking`), before it goes
            anywhere, the rejects included.

    Raises:
        SourceError: the source does not exist, is empty, gated, or of a kind we cannot read.
        settings.SettingError: the limit is no whole number above 0, or `fields` maps no names.
        jsonl.Unreadable: a file is not what its name says, damaged, or none of its first rows can
        be used.
        RowError: a bad row, with file, line and field, where `rejects` is None.
    """
    if limit is not None:
        limit = min(settings.whole("LIMIT", limit), sys.maxsize)
    names = _field_names(fields, row_type)
    parts = _parts(source)
    if row_type is schemas.LabelledPrompt and any(SIDE.fullmatch(part) for part in parts):
        rows: Iterator[R] = _outcomes_of_two(parts, row_type, rejects, names)
    else:
        # A wrong source shows before the first row is used.
        streams = [_started(*_open(part, row_type, limit)) for part in parts]
        rows = itertools.chain.from_iterable(
            jsonl.checked(
                name, _prepared(name, values, row_type, rejects, names, mask), row_type, rejects
            )
            for name, values in streams
        )
    yield from itertools.islice(rows, limit)


def load_asked(
    source: str | Path,
    limit: int | None = None,
    rejects: Rejected = None,
    fields: Mapping[str, str] | None = None,
) -> Iterator[Question]:
    """Stream what a model is to be asked: questions with a known answer, and prompts without one
    (`OpenPrompt`), conversations and the requests of a log among them.

    Each source is one or the other, told by its first rows. Of prompts that show a picture or a
    file, only the texts are here, so they are left out and noted in `rejects`.

    Args, raises: as `load_rows`.
    """
    if limit is not None:
        limit = min(settings.whole("LIMIT", limit), sys.maxsize)
    streams = [_told_apart(*_started(*_open(part, Question, limit))) for part in _parts(source)]
    rows = itertools.chain.from_iterable(
        _asked_in(name, values, is_prompts, rejects, fields) for name, values, is_prompts in streams
    )
    yield from itertools.islice(rows, limit)


FIRST_LOOK = 20  # rows by which questions are told from prompts


def _told_apart(
    name: str, values: Iterator[tuple[int, Any]]
) -> tuple[str, Iterator[tuple[int, Any]], bool]:
    """A stream, and whether it is one of prompts: the first row that can be either decides."""
    first = list(itertools.islice(values, FIRST_LOOK))
    kinds = [_is_prompt(value) for _, value in first if isinstance(value, dict)]
    decided = [kind for kind in kinds if kind is not None]
    return name, itertools.chain(first, values), bool(decided and decided[0])


def _is_prompt(row: dict[str, Any]) -> bool | None:
    """Whether a row is a prompt; None where it is neither that nor a question."""
    try:
        question = published.as_fields("Question", dict(row))
    except ValueError:  # it is told when the row is read
        return False
    if question.get("question") and question.get("answer_correct") not in (None, ""):
        return False
    if shapes.shape_of(row) or any(name in row for name in ("conversation", "conversations")):
        return True
    if "prompt" in row and "question" not in row and "problem" not in row:
        return True
    return False if question.get("question") else None


def _asked_in(
    name: str,
    values: Iterator[tuple[int, Any]],
    is_prompts: bool,
    rejects: Rejected,
    fields: Mapping[str, str] | None,
) -> Iterator[Question]:
    row_type: type[Row] = schemas.Conversation if is_prompts else Question
    names = _field_names(fields, row_type)
    values = _prepared(name, values, row_type, rejects, names, None)
    if not is_prompts:
        yield from jsonl.checked(name, values, Question, rejects)
        return
    ids = conversations.OwnIds()
    place = _Place()
    for row in jsonl.checked(name, place.followed(values), schemas.Conversation, rejects):
        if row.has_media:
            if isinstance(rejects, jsonl.Rejects):
                rejects.pass_over(0, "prompts that show a picture or a file")
            continue
        try:
            prompt = conversations.as_open_prompt(row)
        except RowError as error:
            _refuse(name, place.line, row, error, rejects)
            continue
        prompt.unique_id = ids.own_id(prompt.unique_id)
        yield prompt


class _Place:
    """The line that was read last of a stream."""

    line = 0

    def followed(self, values: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        for line, value in values:
            self.line = line
            yield line, value


def _refuse(
    name: str, line: int, row: schemas.Conversation, error: RowError, rejects: Rejected
) -> None:
    if rejects is None:
        raise RowError(f"{name}, line {line}: {error}", error.field)
    text = row.model_dump_json()[:500]
    rejects.append(
        {"file": name, "line": line, "field": error.field, "reason": str(error), "text": text}
    )


def _parts(source: str | Path) -> list[str]:
    """The single sources that a text names."""
    source = "" if source is None else str(source)  # None: a parameter left empty in a YAML file
    if os.path.isfile(settings.resolve(source)):  # also one with a comma in its name
        return [source]
    parts = settings.names(source)
    if not parts:
        raise SourceError(
            'No source is named. Use "sample", a file, or a hub id such as HuggingFaceH4/MATH-500.'
        )
    return parts


def _started(name: str, values: Iterator[tuple[int, Any]]) -> tuple[str, Iterator[tuple[int, Any]]]:
    """A stream of which the first value has been read, which shows whether the source can be read
    at all.
    """
    first = next(values, None)
    if first is None:
        raise SourceError(f"{name} is empty: there is not one row in it. Name another source.")
    return name, itertools.chain([first], values)


def _prepared(
    name: str,
    values: Iterator[tuple[int, Any]],
    row_type: type[Row],
    rejects: Rejected,
    names: Mapping[str, str],
    mask: masking.Mask | None,
) -> Iterator[tuple[int, Any]]:
    """The values of one source on their way to be checked: under our names, requests out of their
    log, masked.
    """
    values = _under_our_names(values, names)
    if row_type is schemas.Conversation:
        values = shapes.requests(name, values, getattr(rejects, "pass_over", None))
    return _masked(values, mask) if mask else values


def _masked(values: Iterator[tuple[int, Any]], mask: masking.Mask) -> Iterator[tuple[int, Any]]:
    for number, value in values:
        if isinstance(value, RowError):
            # What was cut off in the middle of an address would not be known for one.
            text = value.text if len(value.text) < 500 else value.text.rpartition(" ")[0]
            yield number, RowError(mask(str(value)), value.field, mask(text))
        else:
            yield number, masking.masked(value, mask)


# --- names of fields ---


def _field_names(fields: Mapping[str, str] | None, row_type: type[Row]) -> dict[str, str]:
    """The map of names, checked: ours are fields of the row, theirs are texts."""
    if not fields:
        return {}
    known = set(row_type.model_fields)
    if not isinstance(fields, Mapping) or not all(
        isinstance(name, str) for name in fields.values()
    ):
        raise settings.SettingError(
            f"FIELDS is {fields!r}; it maps our names of fields to those in the file, such as "
            '{"question_id": "id"}.'
        )
    for name in fields:
        if name not in known:
            near = schemas.nearest_name(str(name), known)
            hint = f" Did you mean {near!r}?" if near else ""
            raise settings.SettingError(
                f"FIELDS names {name!r}, which is no field of a {row_type.__name__}: they are "
                f"{', '.join(row_type.model_fields)}.{hint}"
            )
    return dict(fields)


def _under_our_names(
    values: Iterable[tuple[int, Any]], names: Mapping[str, str]
) -> Iterator[tuple[int, Any]]:
    """The values with their fields under our names."""
    for number, value in values:
        yield number, _renamed(value, names) if names and isinstance(value, dict) else value


def _renamed(row: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """One row with our names added; a wide table's costs follow the two models that were chosen."""
    found = dict(row)
    for ours, theirs in names.items():
        value = _field_at(row, theirs)
        if value is not None:
            found[ours] = value
    for side in ("inferior", "superior"):
        model = names.get(f"{side}_score")
        if model in published.models_in(row):
            found[f"{side}_model"] = model
            cost = row.get(f"{model}|total_cost")
            if cost is not None:
                found[f"{side}_cost"] = cost
    used = set(names.values()) - set(names)
    return {name: value for name, value in found.items() if name not in used}


def _field_at(row: Mapping[str, Any], path: str) -> Any:
    """A field by its name, or by a path into objects: "doc.question"."""
    if path in row:
        return row[path]
    value: Any = row
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


# --- outcomes from the graded answers of two models ---


def _outcomes_of_two(
    parts: list[str], row_type: type[R], rejects: Rejected, names: Mapping[str, str]
) -> Iterator[R]:
    """Outcomes out of "inferior=a.jsonl, superior=b.jsonl", joined by question."""
    files: dict[str, list[str]] = {"inferior": [], "superior": []}
    side = ""
    for part in parts:
        found = SIDE.fullmatch(part)
        if found:
            side, part = found["side"], found["source"]
        files[side or "inferior"].append(part)
    if not all(files.values()):
        raise SourceError(
            "Outcomes need the graded answers of two models: inferior=FILE, superior=FILE."
        )
    sides = {
        side: load_rows(", ".join(named), schemas.Responses, rejects=rejects, fields=names)
        for side, named in files.items()
    }
    count = 0
    for row in published.joined_outcomes(sides["inferior"], sides["superior"]):
        count += 1
        yield schemas.parse_row(row_type, row)
    if not count:
        raise SourceError(
            f"No question is in both {', '.join(files['inferior'])} and "
            f"{', '.join(files['superior'])}: name the graded answers of two models to the same "
            "questions."
        )


# --- names of sources ---


def short_name(source: str | Path) -> str:
    """A source as part of a file name: "openai/gsm8k:main, TIGER-Lab/MMLU-Pro@test" →
    "gsm8k_main_MMLU_Pro_test".
    """
    names = "_".join(_short_name_of_part(part) for part in _parts(source))
    return re.sub(r"[^A-Za-z0-9.]+", "_", names).strip("_")


def _short_name_of_part(part: str) -> str:
    part = _without_number(part)[0].strip()
    found = _hub_name(part)
    if found:
        parts = (found.id.split("/")[-1], found.config, found.split, found.revision[:8])
        return "_".join(filter(None, parts))
    return re.sub(r"\.(jsonl|json|csv|parquet)(\.gz)?$", "", part.rstrip("/").split("/")[-1])


def describe(source: str | Path, row_type: type[Row]) -> list[dict[str, Any]]:
    """Where rows came from, for a card: a file's SHA-256, a hub data set's revision, split and
    licence.
    """
    return [_description(_without_number(part)[0], row_type) for part in _parts(source)]


def _description(part: str, row_type: type[Row]) -> dict[str, Any]:
    sample = _sample_of(part, row_type)
    path = sample or settings.resolve(part)
    if path.is_file():
        kind, digest = "sample" if sample else "file", jsonl.file_sha256(path)
        return {"kind": kind, "source": part, "sha256": digest}
    found = _hub_name(part)
    if found:
        return {"source": part} | hub.describe_dataset(found)
    return {"kind": "unknown", "source": part}


def sample_file(row_type: type[Row]) -> Path:
    """The shipped sample of a row type."""
    return settings.SAMPLES / SAMPLE_FILES[row_type]


def _sample_of(source: str, row_type: type[Row]) -> Path | None:
    """The shipped file that a source names; None where it names none."""
    if source == SAMPLE_LOG:
        return settings.SAMPLES / "log.jsonl"
    return sample_file(row_type) if source == SAMPLE else None


def _open(
    source: str, row_type: type[Row], limit: int | None = None
) -> tuple[str, Iterator[tuple[int, Any]]]:
    """A source's name for messages, and its values with their line numbers."""
    source, number = _without_number(source)
    if number is not None:
        name, values = _open(source, row_type, number)
        return name, itertools.islice(values, number)
    sample = _sample_of(source, row_type)
    if sample:
        return str(sample), jsonl.decode_lines(sample)
    if tables.is_address(source):
        copy = tables.fetched(source)
        return source, _reader(copy)(copy)
    path = settings.resolve(source)
    if path.is_file():
        return str(path), _reader(path)(path)
    if path.is_dir():
        raise SourceError(
            f"{path} is a folder; name a file in it (.jsonl, .json, .csv or .parquet)."
        )
    if refusal := settings.refusal_of_pipe(path):
        raise SourceError(refusal)
    found = _hub_name(source)
    if found:
        return source, _hub_rows(found, limit)
    raise SourceError(_no_such_file(source, path))


def _without_number(source: str) -> tuple[str, int | None]:
    """A source, and the number of rows that "[:100]" behind it asks for."""
    found = FIRST_ROWS.fullmatch(source)
    if not found or os.path.isfile(settings.resolve(source)):
        return source, None
    return found["source"], max(1, int(found["number"]))


def _hub_name(source: str) -> hub.HubName | None:
    """The data set on the hub that a source names; None for a path."""
    if source.startswith((".", "/", "~")) or ("://" not in source and _looks_like_file(source)):
        return None
    try:
        return hub.hub_name(source)
    except hub.HubError as error:
        raise SourceError(str(error)) from None


def _hub_rows(name: hub.HubName, limit: int | None) -> Iterator[tuple[int, Any]]:
    try:
        yield from hub.stream_rows(name, limit)
    except hub.HubError as error:
        raise SourceError(str(error)) from error


def _no_such_file(source: str, path: Path) -> str:
    """What a name may have been meant for that is neither a file nor a data set's full id."""
    bare = re.split(r"[:@#]", source)[0].strip()
    if "://" in source:
        return (
            f"{source} is no address of a data set. It looks like "
            "https://huggingface.co/datasets/openai/gsm8k."
        )
    known = OWNERS.get(bare.lower())
    if known:
        return f"There is no file {path}. On the hub, a data set is named with its owner: {known}."
    hint = ""
    if re.fullmatch(r"[\w-]+", bare) and bare:
        hint = (
            f" For a data set on the hub, write its owner as well, as its page does: owner/{bare}."
        )
    return f"There is no file {path}. Check the path: relative ones start at {settings.ROOT}.{hint}"


def _looks_like_file(source: str) -> bool:
    return bool(re.search(r"\.(jsonl|ndjson|log|json|csv|parquet|gz|txt)$", source))


def _reader(path: Path) -> Callable[[Path], Iterator[tuple[int, Any]]]:
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    readers = {
        ".jsonl": _read_json_lines,
        ".ndjson": _read_json_lines,
        ".log": _read_json_lines,
        ".json": _read_json,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    if suffix not in readers:
        raise SourceError(
            f"{path}: files of kind {suffix or '(none)'} cannot be read; use {', '.join(readers)}."
        )
    return readers[suffix]


def _read_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    yield from _printed_values(path) if _is_printed(path) else jsonl.decode_lines(path)


def _is_printed(path: Path) -> bool:
    """Whether values are printed over several lines each, as the SDKs of OpenTelemetry do."""
    lines = (line.rstrip() for line in jsonl.read_lines(path))
    return next((line for line in lines if line), "") == "{"


def _printed_values(path: Path) -> Iterator[tuple[int, Any]]:
    """(number of its first line, value) of objects one after the other, each between braces that
    stand alone at the start of a line; RowError for one that cannot be decoded.
    """
    first, held = 1, ""
    for number, line in enumerate(jsonl.read_lines(path), start=1):
        if line.rstrip() == "{" and held.strip():  # the one before was never ended
            yield first, _decoded_or_error(held)
            held = ""
        first = first if held.strip() else number
        held += line
        if line.rstrip(" \r\n,") == "}":
            yield first, _decoded_or_error(held.rstrip(" \r\n,"))
            held = ""
    if held.strip():
        yield first, _decoded_or_error(held)


def _decoded_or_error(text: str) -> Any:
    try:
        return jsonl.decode_json(text)
    except RowError as error:
        return error


def _read_json(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        value = jsonl.decode_json("".join(jsonl.read_lines(path)))
    except RowError as error:
        if not _is_printed(path):
            raise SourceError(f"{path}: {error}.") from None
        yield from _printed_values(path)
        return
    if isinstance(value, dict) and isinstance(value.get("records"), list):
        value = _records(value)
    elif isinstance(value, dict) and isinstance(value.get("data"), list):  # a page of an API
        value = value["data"]
    elif shapes.shape_of(value):  # one trace, or one export of spans
        value = [value]
    if not isinstance(value, list):
        raise SourceError(f"{path}: expected a list of rows, found {type(value).__name__}.")
    yield from enumerate(value, start=1)


def _records(file: dict[str, Any]) -> list[Any]:
    """The records of a file of LLMRouterBench, each with the model and data set that stand at its
    top.
    """
    shared = {name: file[name] for name in ("model_name", "dataset_name") if name in file}
    return [shared | row if isinstance(row, dict) else row for row in file["records"]]


def _read_csv(path: Path) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(1 << 30)
    lines = jsonl.read_lines(path)
    header = next(lines, "")
    separator = max(SEPARATORS, key=header.count)
    rows = csv.reader(itertools.chain([header], lines, [END_OF_CSV]), delimiter=separator)
    names: list[str] = []
    while True:
        first = rows.line_num + 1
        try:
            cells = next(rows)
        except csv.Error as error:
            raise SourceError(f"{path}, line {rows.line_num} is no CSV: {error}.") from None
        if cells == [END_OF_CSV]:
            return
        if cells and cells[-1].endswith(END_OF_CSV):
            raise SourceError(
                f"{path}, line {first} is no CSV: a quotation mark that begins a cell in this row "
                "is never ended, so all rows after it would be taken for one text. Mend this row."
            )
        if not names:
            names = cells
        elif len(cells) > len(names):
            fault = (
                f"{len(cells)} cells under {len(names)} columns; a text with {separator!r} needs "
                "quotes around it"
            )
            yield rows.line_num, RowError(fault, text=str(cells))
        elif cells:
            named = zip(names, cells, strict=False)
            yield rows.line_num, {name: _csv_cell(text) for name, text in named if name and text}


def _csv_cell(text: str) -> Any:
    """A CSV cell; lists and objects are written in it as JSON."""
    if text[:1] in ("[", "{"):
        try:
            return jsonl.decode_json(text)
        except RowError:
            return text
    return int(text) if re.fullmatch(r"-?\d{1,15}", text) else text


def _read_parquet(path: Path) -> Iterator[tuple[int, Any]]:
    with settings.needing_an_extra(f"Reading {path}"):
        import pyarrow.parquet  # noqa: F401

    number = 0
    try:
        for number, row in enumerate(tables.read_table(path), start=1):
            yield number, row
    except Exception as error:  # pyarrow raises several kinds for a file that is no parquet
        after = f" after row {number}" if number else ""
        raise SourceError(f"{path} is no readable parquet file{after}: {error}") from None
