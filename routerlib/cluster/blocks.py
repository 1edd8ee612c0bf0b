"""A long list of items, worked on in blocks by the machines of a cluster, in bounded memory.

The items are written to files, a block each, in a folder that all machines see; Ray Data's
`map_batches` hands the files to workers, which write their results beside them. So a run that is
interrupted goes on with the blocks that are left, a machine that is lost costs the block it had,
and the results are read back in the order of the items. What a worker does is a class of another
module, named as text.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import logging
import os
import shutil
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.cluster.machines import ClusterError, Machines, name_of_this_node
from routerlib.progress import bar as progress_bar
from routerlib.rows import jsonl, tables

MANIFEST = "manifest.json"
RESULTS, BEGUN = ".results", ".begun"
PER_TASK = 10_000  # tasks of one run, at most; more blocks share them
TRIES = 3  # times that a block may end its worker's process before the run is stopped
PULSE = 0.5  # seconds between two looks at work that is led from within the cluster


class Blocks:
    """The items of one piece of work, in files, and their results.

    Args:
        folder: where they lie; made, and removed by `remove`.
        size: items of a block.
    """

    def __init__(self, folder: Path, size: int):
        self.folder, self.size = folder, size
        self.count = self.items = 0

    def spool(self, items: Iterable[Any], of: Any) -> bool:
        """Write the items, unless an earlier run has written the same; returns whether it wrote.

        Args:
            of: what the items and their results depend on, as a JSON value.
        """
        manifest = self.folder / MANIFEST
        known = jsonl.read_json(manifest) if manifest.exists() else {}
        if known and known["of"] == json.loads(json.dumps(of)):
            self.count, self.items = known["blocks"], known["items"]
            return False
        self.remove()
        settings.make_folder(self.folder)
        items = iter(items)
        while block := list(itertools.islice(items, self.size)):
            jsonl.write_rows(self._file(self.count), ({"item": item} for item in block))
            self.count, self.items = self.count + 1, self.items + len(block)
        jsonl.write_json(manifest, {"of": of, "blocks": self.count, "items": self.items})
        return True

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:08d}"

    def work(
        self,
        machines: Machines,
        worker: str,
        arguments: dict[str, Any],
        label: str = "",
        show: bool = True,
        source: str | Path = "",
    ) -> None:
        """Have every block worked on that has no results yet.

        Args:
            worker: "module:class"; an instance is called with the items of a block, and gives as
                many results, all of them JSON values. Where it has a method `name_of`, that tells
                which row of the source an item is.
            arguments: of the class.
            source: where the items come from, for messages.

        Raises:
            ClusterError: a block failed; the text names the machine, the source and the row.
        """
        numbers = range(self.count)
        left = [number for number in numbers if not _results(self._file(number)).exists()]
        for number in left:
            _begun(self._file(number)).unlink(missing_ok=True)
        done = self.items - sum(self._length(number) for number in left)
        with progress_bar(self.items, label, show=show, initial=done) as bar:
            if left:
                bar.set_postfix_str(str(machines), refresh=False)
                work = {"worker": worker, "arguments": arguments, "source": str(source)}
                for length in self._worked_on(machines, left, work):
                    bar.update(length)

    def _length(self, number: int) -> int:
        last = number == self.count - 1
        return self.items - number * self.size if last else self.size

    def _worked_on(
        self, machines: Machines, left: list[int], work: dict[str, Any]
    ) -> Iterator[int]:
        """The length of each block, when its results are there."""
        rows = [{"file": str(self._file(number)), "first": number * self.size} for number in left]
        # A core each from the start; where a machine is lost, one worker is enough to go on
        most = min(machines.cores, len(rows))
        given = rows, most, work
        found = outcomes_from_outside(machines, *given) if machines.is_outside else outcomes(*given)
        try:
            with contextlib.closing(found):  # Ray would work on, else, while an error goes up
                for length, failure in found:
                    if failure:
                        raise ClusterError(failure)
                    yield length
        except machines.ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            said = str(cause).strip().splitlines()[-1][:300]
            raise ClusterError(
                f"The cluster could not finish its blocks in {self.folder} ({said}). Those that "
                "are done stay; run again to go on."
            ) from None

    def results(self) -> Iterator[Any]:
        """The results of all items, in their order."""
        for number in range(self.count):
            for _, value in jsonl.read_values(_results(self._file(number))):
                yield value["result"]

    def remove(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _results(file: Path) -> Path:
    return file.with_name(file.name + RESULTS)


def _begun(file: Path) -> Path:
    """Holds a sign for each time that the block was begun in this run."""
    return file.with_name(file.name + BEGUN)


def outcomes(
    rows: list[dict[str, Any]], most: int, work: dict[str, Any]
) -> Generator[tuple[int, str], None, None]:
    """How each block came out, (length, failure), as it is done.

    Args:
        rows: a file, and the place of its first item, of each block. most: workers. work: the
            arguments of `Worker`.
    """
    data = _ray_data()
    pool = data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most)
    dataset = data.from_items(rows, override_num_blocks=min(len(rows), PER_TASK)).map_batches(
        Worker, fn_constructor_kwargs=work, batch_size=1, num_cpus=1, compute=pool
    )
    for row in dataset.iter_rows():
        yield int(row["length"]), str(row["failure"])


class Foreman:
    """Hands the blocks out from within the cluster: who comes in through Ray Client (ray://) can
    start an actor, but not drive Ray Data.
    """

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def work(self, rows: list[dict[str, Any]], most: int, work: dict[str, Any]) -> None:
        """Have all blocks worked on; returns when the last one is done."""
        for outcome in outcomes(rows, most, work):
            self.found.append(outcome)

    def since(self, count: int) -> list[tuple[int, str]]:
        """What has come after the first so many outcomes."""
        return self.found[count:]


def outcomes_from_outside(
    machines: Machines, rows: list[dict[str, Any]], most: int, work: dict[str, Any]
) -> Generator[tuple[int, str], None, None]:
    """`outcomes`, from a machine that is not one of the cluster's."""
    ray = machines.ray
    # Two calls at a time: the one that works, and the one that asks how far it is
    foreman = ray.remote(Foreman).options(num_cpus=0, max_concurrency=2).remote()
    count = 0
    try:
        working, is_over = foreman.work.remote(rows, most, work), False
        while not is_over:
            is_over = bool(ray.wait([working], timeout=PULSE)[0])
            found = ray.get(foreman.since.remote(count))
            count += len(found)
            yield from found
        ray.get(working)  # raises what has ended it
    finally:
        with contextlib.suppress(Exception):  # the cluster has gone already
            ray.kill(foreman)


def _ray_data() -> Any:
    """Ray Data, with nothing to say of its own."""
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    data = importlib.import_module("ray.data")
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return data


class Worker:
    """What Ray starts on a machine: the worker, and the way from a file to a file."""

    def __init__(self, worker: str, arguments: dict[str, Any], source: str = ""):
        settings.prepare()
        module, _, name = worker.partition(":")
        self.work = getattr(importlib.import_module(module), name)(**arguments)
        self.source = source
        self.node = name_of_this_node()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        outcomes = [
            self._worked_on(Path(str(file)), int(first))
            for file, first in zip(batch["file"], batch["first"], strict=True)
        ]
        return {
            "length": [length for length, _ in outcomes],
            "failure": [failure for _, failure in outcomes],
        }

    def _worked_on(self, file: Path, first: int) -> tuple[int, str]:
        """How many items were worked on; else why not, with machine, source and row."""
        if not file.exists():
            return 0, (
                f"The machine {self.node} does not see {file.parent}. All machines need one folder "
                "in common: set ROUTERLIB_OUTPUTS to one that they share."
            )
        items = [value["item"] for _, value in jsonl.read_values(file)]
        rows = f"Rows {first + 1:,} to {first + len(items):,} of {self.source or file}"
        if self._begin(file) > TRIES:
            return 0, (
                f"{rows} have ended the process that worked on them {TRIES} times, the last time "
                f"perhaps on {self.node}. Look at the memory there, or take these rows out; what "
                "is done stays, and the next run goes on."
            )
        try:
            results = self.work(items)
        except Exception as error:
            return 0, self._failure(items, first, rows, error)
        try:
            jsonl.write_rows(_results(file), ({"result": result} for result in results))
        except Exception as error:
            return 0, f"{rows} could not be kept on {self.node}: {_said(error)}"
        return len(items), ""

    def _begin(self, file: Path) -> int:
        """Note that a block is begun; returns how many times it was. Ray begins a block again where
        its process has ended, however often that is.
        """
        with open(_begun(file), "ab") as notes:
            notes.write(b".")
            return notes.tell()

    def _failure(self, items: list[Any], first: int, rows: str, error: Exception) -> str:
        """Which row it is that fails, as found by working on each alone, and why."""
        for number, item in enumerate(items):
            try:
                self.work([item])
            except Exception as its_own:
                name_of = getattr(self.work, "name_of", None)
                name = f" ({name_of(item)})" if name_of else ""
                return (
                    f"Row {first + number + 1:,} of {self.source or 'all'}{name} failed on "
                    f"{self.node}: {_said(its_own)}. Mend it or take it out, and run again: what "
                    "is done stays."
                )
        return f"{rows} failed on {self.node}, and none of them alone: {_said(error)}"

    def __del__(self) -> None:
        close = getattr(getattr(self, "work", None), "close", None)
        if close is not None:
            with contextlib.suppress(Exception):
                close()


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def marks_of(source: str | Path) -> list[Any]:
    """What tells whether a source has changed: of its files as `fingerprint` does; of what lies
    elsewhere, its name.
    """
    marks: list[Any] = []
    for part in settings.names(str(source)):
        path = tables.fetched(part) if tables.is_address(part) else settings.resolve(part)
        marks += [part, *(fingerprint(path) if path.is_file() else [])]
    return marks


def fingerprint(*files: Path) -> list[list[Any]]:
    """What tells whether files have changed: name, size and time."""
    return [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
