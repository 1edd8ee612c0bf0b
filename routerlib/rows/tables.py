"""Files of rows as JSONL or parquet, on this machine or at an address that fsspec knows.

A file at an address (s3://…, gs://…, memory://…) is fetched before it is read, and put there when
it is complete; between the two it lies in outputs/fetched or in a folder of its own. What a row
must contain is `schemas`' business, which sources there are `sources`'.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.errors import Foreseen
from routerlib.rows import jsonl

ADDRESS = re.compile(
    r"(?P<protocol> [a-z][a-z0-9+.-]+ ) ://  .+ ", re.VERBOSE
)  # s3://bucket/a.jsonl
OF_OTHERS = ("http", "https", "hf")  # `hub` reads these
AT_ONCE = 1000  # rows of one group of a parquet file


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


@contextlib.contextmanager
def delivered(name: str | Path) -> Iterator[tuple[Path, str]]:
    """A local path to write to, and the name under which the file will be: itself, or an address,
    where the file is put when it is complete.

    Raises:
        AddressError: it cannot be put there; the text says where it lies meanwhile.
    """
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
    path.parent.mkdir(parents=True, exist_ok=True)
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
    """The rows, flat; the kinds of value that each column has are filled in on the way."""
    for row in rows:
        flat = _flat(row if isinstance(row, dict) else row.model_dump(mode="json"))
        for name, value in flat.items():
            kinds.setdefault(name, set())
            if value is not None:
                kinds[name].add(type(value))
        yield flat


def _write_columns(path: Path, rows: Iterator[dict[str, Any]], kinds: dict[str, set[type]]) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    types = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}
    columns = {name: _kind(found) for name, found in kinds.items()}
    schema = pyarrow.schema(
        [(name, types.get(one, pyarrow.string())) for name, one in columns.items()]
    )
    texts = [name for name, one in columns.items() if one is str]
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(itertools.islice(rows, AT_ONCE)):
            for row in some:
                row |= {name: _text(row[name]) for name in texts if name in row}
            writer.write_table(pyarrow.Table.from_pylist(some, schema))


def _kind(found: set[type]) -> type:
    """What a column holds: of several kinds, or of none, texts."""
    if found == {int, float}:
        return float
    return next(iter(found)) if len(found) == 1 else str


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose lists and objects are JSON texts, as a table's columns hold one kind each."""
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        for name, value in row.items()
    }
