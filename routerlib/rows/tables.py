"""Files of rows as JSONL or parquet, on this machine or at an address that fsspec knows.

A file at an address (s3://…, gs://…, memory://…) is fetched before it is read, and put there when
it is complete; between the two it lies in outputs/fetched or in a folder of its own. What a row
must contain is `schemas`' business, which sources there are (CSV among them) `sources`'.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.errors import Foreseen, SettingError
from routerlib.rows import jsonl

ADDRESS = re.compile(
    r"(?P<protocol> [a-z][a-z0-9+.-]+ ) ://  .+ ", re.VERBOSE
)  # s3://bucket/a.jsonl
WRITTEN = (".jsonl", ".ndjson", ".jsonl.gz", ".parquet")  # how the names of files of rows end
OF_OTHERS = ("http", "https", "hf")  # `hub` reads these
AT_ONCE = 1000  # rows of one group of a parquet file
NESTED = b"routerlib.json"  # marks a column in which lists and objects stand as JSON texts
BEGINS_JSON = ("[", "{", '"')


class AddressError(Foreseen, OSError):
    """A file at an address cannot be fetched or put there; the text says why."""


def is_address(name: str | Path) -> bool:
    """Whether a name is an address that fsspec reads, rather than a path or a page of a hub."""
    found = ADDRESS.fullmatch(str(name))
    return bool(found) and found["protocol"] not in OF_OTHERS  # type: ignore[index]


def fetched(address: str) -> Path:
    """A local copy of a file at an address; one that is there and has not changed is kept.

    Raises:
        AddressError: it is not there, its protocol's package is missing, or it may not be read.
    """
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(address)
        told = f"{address}\0{sorted((k, str(v)) for k, v in system.info(path).items())}"
        name = f"{hashlib.sha256(told.encode()).hexdigest()[:12]}-{path.rsplit('/', 1)[-1]}"
        local = settings.outputs("fetched") / name
        if not local.exists():
            part = local.with_name(f".{local.name}.{os.getpid()}")
            system.get_file(path, str(part))
            os.replace(part, local)
    except (OSError, ImportError, ValueError) as error:
        raise AddressError(
            f"{address} cannot be fetched ({type(error).__name__}: {error}). Check the address, "
            "the rights to read it, and that the package of its protocol is installed (s3fs for "
            "s3://, gcsfs for gs://)."
        ) from None
    return local


def is_copy(name: str | Path) -> bool:
    """Whether a name is of a file to which no row can be appended: a table, or at an address. What
    has to be appended to goes to a JSONL file, of which `put` makes a copy there.
    """
    return is_address(name) or Path(str(name)).suffix == ".parquet"


def name_of_lines(name: str | Path) -> str:
    """The file name of the JSONL file behind a copy: s3://bucket/a.parquet → a.jsonl."""
    return str(name).rsplit("/", 1)[-1].removesuffix(".parquet").removesuffix(".jsonl") + ".jsonl"


def check_address(name: str | Path) -> None:
    """Ask whether an address can be written to at all, before there is anything to write.

    Raises:
        AddressError: the package of its protocol is missing, or it has no such form.
    """
    import fsspec

    try:
        fsspec.core.url_to_fs(str(name))
    except (OSError, ImportError, ValueError) as error:
        raise AddressError(
            f"{name} cannot be written to ({type(error).__name__}: {error}). Install the package "
            "of its protocol (s3fs for s3://, gcsfs for gs://), or name another output."
        ) from None


# Of names that say what they are not: `x.txt` is meant as a file, where a folder `v1.2` may be one
OTHER_ENDINGS = (".csv", ".html", ".json", ".md", ".tsv", ".txt", ".xlsx")


def check_ending(setting: str, name: str | Path, endings: tuple[str, ...] = WRITTEN) -> None:
    """Refuse a name that says of a file of rows that it is something else, such as a CSV.

    Args:
        setting: under which the name was given, for the message. endings: those that it may have.

    Raises:
        SettingError: it ends otherwise.
    """
    if not str(name).endswith(endings):
        raise SettingError(
            f"{setting} is {name}: what is written is JSON lines or a table, so the name ends in "
            f"{', '.join(endings[:-1])} or {endings[-1]}."
        )


def put(rows: Iterable[Any], name: str | Path) -> str:
    """Write rows as a table, or to an address; returns the name of what is there now.

    Raises:
        AddressError: they cannot be put there.
    """
    with delivered(name) as (path, told):
        write(path, rows)
    return told


def as_lines(name: str | Path) -> Path:
    """A JSONL file, below outputs/fetched, with the rows of a table, or of a file at an address.

    Raises:
        AddressError: the file cannot be fetched. jsonl.Unreadable: it is no parquet.
    """
    source = fetched(str(name)) if is_address(name) else settings.resolve(name)
    stat = source.stat()
    told = f"{source}\0{stat.st_size}\0{stat.st_mtime_ns}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:12]
    is_table = str(name).endswith(".parquet")
    own_name = name_of_lines(name) if is_table else str(name).rsplit("/", 1)[-1]
    path = settings.outputs("fetched", digest) / own_name
    if path.exists():
        return path
    if not is_table:
        part = path.with_name(f".{path.name}.{os.getpid()}")
        shutil.copyfile(source, part)
        os.replace(part, path)
        return path
    try:
        jsonl.write_rows(path, read_table(source))
    except Exception as error:  # pyarrow raises several kinds for a file that is no parquet
        raise jsonl.Unreadable(f"{name} is no readable parquet file: {error}") from None
    return path


@contextlib.contextmanager
def delivered(name: str | Path, read: str | Path = "") -> Iterator[tuple[Path, str]]:
    """A local path to write to, and the name under which the file will be: itself, or an address,
    where the file is put when it is complete.

    Args:
        read: what the file is made from, several with commas between: it is not written over.

    Raises:
        SettingError: the name is one of those that are read, or ends as that of no file of rows.
            AddressError: it cannot be put there;
            the text says where it lies meanwhile.
    """
    check_ending("OUTPUT", name)
    for source in settings.names(str(read)):
        if _is_one(name, source):
            raise SettingError(
                f"{name} is what is read: the result would take its place. Name another output."
            )
    if not is_address(name):
        path = settings.resolve(name)
        yield path, str(path)
        return
    folder = Path(tempfile.mkdtemp(dir=settings.outputs("fetched"), prefix="to-"))
    path = folder / str(name).rsplit("/", 1)[-1]
    yield path, str(name)
    import fsspec

    try:
        for file in sorted(folder.iterdir()):  # with what was rejected
            address = str(name).rsplit("/", 1)[0] + f"/{file.name}"
            system, target = fsspec.core.url_to_fs(address)
            system.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
            system.put_file(str(file), target)
            file.unlink()
        folder.rmdir()
    except (OSError, ImportError, ValueError) as error:
        raise AddressError(
            f"{name} cannot be written ({type(error).__name__}: {error}). The file lies in "
            f"{folder}: copy it from there, or name another address."
        ) from None


def _is_one(name: str | Path, other: str) -> bool:
    """Whether two names are those of one file, or of one address."""
    if is_address(name) or is_address(other):
        return str(name) == other
    with contextlib.suppress(OSError, RuntimeError):  # one of them is not there
        return os.path.samefile(settings.resolve(name), settings.resolve(other))
    return False


def write(path: str | Path, rows: Iterable[Any]) -> int:
    """Write a whole file, parquet if its name ends so, else JSONL: it appears complete or not at
    all.

    Returns:
        the number of rows.
    """
    if Path(path).suffix != ".parquet":
        return jsonl.write_rows(path, rows)
    return _write_parquet(Path(path), iter(rows))


def _write_parquet(path: Path, rows: Iterator[Any]) -> int:
    """Two passes, by way of a file of JSON lines: only the last row tells what the columns are."""
    settings.make_folder(path.parent)
    lines = path.with_name(f".{path.name}.{os.getpid()}.jsonl")
    part = path.with_name(f".{path.name}.{os.getpid()}")
    kinds: dict[str, set[type]] = {}
    try:
        count = jsonl.write_rows(lines, _noting_kinds(rows, kinds))
        _write_columns(part, (value for _, value in jsonl.read_values(lines)), kinds)
        os.replace(part, path)
    finally:
        lines.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return count


def _noting_kinds(rows: Iterator[Any], kinds: dict[str, set[type]]) -> Iterator[dict[str, Any]]:
    """The rows as plain values; the kinds that each column has are filled in on the way."""
    for row in rows:
        plain = row if isinstance(row, dict) else row.model_dump(mode="json")
        for name, value in plain.items():
            kinds.setdefault(name, set())
            if value is not None:
                kinds[name].add(type(value))
        yield plain


def _write_columns(path: Path, rows: Iterator[dict[str, Any]], kinds: dict[str, set[type]]) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    types = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}
    columns = {name: _kind(found) for name, found in kinds.items()}
    nested = {name for name, found in kinds.items() if found & {list, dict}}
    fields = [
        pyarrow.field(name, types.get(kind, pyarrow.string()), metadata=_marks(name in nested))
        for name, kind in columns.items()
    ]
    schema = pyarrow.schema(fields)
    texts = [name for name, kind in columns.items() if kind is str]
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(itertools.islice(rows, AT_ONCE)):
            for row in some:
                row |= {name: _as_column_text(row.get(name), name in nested) for name in texts}
            writer.write_table(pyarrow.Table.from_pylist(some, schema))


def _kind(found: set[type]) -> type:
    """What a column holds: texts, where there are several kinds, lists or objects, or none."""
    if found == {int, float}:
        return float
    only = next(iter(found)) if len(found) == 1 else str
    return str if only in (list, dict) else only


def _marks(is_nested: bool) -> dict[bytes, bytes]:
    return {NESTED: b"1"} if is_nested else {}


def _as_column_text(value: Any, is_nested: bool) -> str | None:
    """A value in a column of texts. Where some are lists or objects, a text that begins as JSON
    does is written as JSON as well, so that each is read back as what it was.
    """
    if value is None:
        return None
    if isinstance(value, str) and not (is_nested and value.startswith(BEGINS_JSON)):
        return value
    return json.dumps(value, ensure_ascii=False)


def read_table(path: Path) -> Iterator[dict[str, Any]]:
    """Stream the rows of a parquet file; lists and objects that `write` made texts of are such
    again. Raises what pyarrow raises.
    """
    import pyarrow.parquet as parquet

    file = parquet.ParquetFile(path)
    nested = [one.name for one in file.schema_arrow if (one.metadata or {}).get(NESTED)]
    for batch in file.iter_batches(batch_size=AT_ONCE):
        for row in batch.to_pylist():
            for name in nested:
                text = row[name]
                if text is not None and text.startswith(BEGINS_JSON):
                    row[name] = json.loads(text)
            yield row
