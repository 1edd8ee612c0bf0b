"""Grade files of answers over several machines: what 04 does, by many hands.

This process reads the lines and writes the graded file; checking the rows, grading them and putting
them into words again is the workers' part, so that a second one is worth its money. How a line is
graded is `answers.grading`'s, here as alone, so that the graded file is the same. Each worker
grades in a process that can be killed: a hostile expression costs its own row.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from routerlib.answers import grading
from routerlib.answers.killable import Crew
from routerlib.cluster.blocks import Blocks, fingerprint
from routerlib.cluster.machines import Machines, joined, on_machines
from routerlib.rows import jsonl
from routerlib.rows.schemas import Row, RowError

BLOCK = 128  # lines of a block


@on_machines(grading.grade)
def grade(*args: Any, cluster: str | None = None, **kwargs: Any) -> grading.Grading:
    """`grading.grade`; with CLUSTER, on several machines."""
    if not cluster:
        return grading.grade(*args, **kwargs)
    bound = inspect.signature(grading.grade).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    with joined(cluster) as machines:
        many = ClusterGrading(machines, given["timeout"], given["workers"], given["progress"])
        wanted = ("input", "output", "by_category", "progress")
        return grading.grade_by(many.graded, *(given[name] for name in wanted))


class ClusterGrading:
    """The graded lines of files, from the machines of a cluster.

    Args:
        timeout: seconds of processor time that one output may take.
        workers: processes of one worker; None: one, since there is a worker a core.
    """

    def __init__(self, machines: Machines, timeout: float, workers: int | None, show: bool):
        self.machines, self.show = machines, show
        self.arguments = {"timeout": timeout, "workers": workers or 1}

    def graded(self, works: list[grading.Work]) -> Iterator[Iterator[grading.GradedLine]]:
        """The graded lines of each file, worked out now."""
        first = works[0].target
        blocks = Blocks(first.with_name(f".{first.name}.blocks"), BLOCK)
        of = {"lines of": fingerprint(*(work.source for work in works)), **self.arguments}
        with jsonl.only_one(blocks.folder):
            blocks.spool((line for work in works for line in _as_items(work)), of)
            worker = "routerlib.cluster.graders:Grader"
            source = ", ".join(str(work.source) for work in works)
            blocks.work(self.machines, worker, self.arguments, "grading", self.show, source)
            for _, lines in itertools.groupby(blocks.results(), key=itemgetter("file")):
                yield (grading.GradedLine(**line["graded"]) for line in lines)
            blocks.remove()


def _as_items(work: grading.Work) -> Iterator[dict[str, Any]]:
    """The lines of a file as JSON has them; one that could not be decoded with its error."""
    for number, value in work.lines:
        line = {"file": str(work.source), "number": number}
        if isinstance(value, RowError):
            yield line | {"error": str(value), "field": value.field, "text": value.text}
        else:
            yield line | {"value": value}


def _value_of(item: dict[str, Any]) -> Any:
    if "error" in item:
        return RowError(item["error"], item["field"], text=item["text"])
    return item["value"]


class Grader:
    """A worker: the lines of a block, graded."""

    def __init__(self, timeout: float, workers: int):
        self.size, self.timeout = workers, timeout
        self._hire()

    def _hire(self) -> None:
        self.crew = Crew("routerlib.answers.correctness:grade_answer", self.size, self.timeout)
        self.crew.__enter__()

    def __call__(self, items: list[Any]) -> list[Any]:
        try:
            return self._graded(items)
        except Exception:
            self.close()  # it still has answers to give, which would be taken for those of others
            self._hire()
            raise

    def _graded(self, items: list[Any]) -> list[Any]:
        results = []
        for file, lines in itertools.groupby(items, key=itemgetter("file")):
            numbered = ((item["number"], _value_of(item)) for item in lines)
            for graded in grading.graded_lines(file, numbered, self.crew):
                results.append({"file": file, "graded": _as_json(graded)})
        return results

    def name_of(self, item: dict[str, Any]) -> str:
        """Where a line stands."""
        return f"line {item['number']} of {item['file']}"

    def close(self) -> None:
        self.crew.__exit__()


def _as_json(graded: grading.GradedLine) -> dict[str, Any]:
    row = graded.row.model_dump(mode="json") if isinstance(graded.row, Row) else graded.row
    return {**vars(graded), "row": row}
