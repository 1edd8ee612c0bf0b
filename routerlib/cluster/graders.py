"""Grade files of answers over several machines: what 04 does, with the verdicts of many hands.

Reading, checking and writing the files is `answers.grading`'s, here as alone, so that the graded
file is the same; only the verdicts come from workers. Each grades in processes that can be killed,
so that a hostile expression costs its own row.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from routerlib.answers import grading
from routerlib.answers.killable import Crew, Lost
from routerlib.cluster.blocks import Blocks, fingerprint
from routerlib.cluster.machines import Machines, joined, on_machines

BLOCK = 512  # outputs of a block


@on_machines(grading.grade)
def grade(*args: Any, cluster: str | None = None, **kwargs: Any) -> grading.Grading:
    """`grading.grade`; with CLUSTER, on several machines."""
    if not cluster:
        return grading.grade(*args, **kwargs)
    bound = inspect.signature(grading.grade).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    with joined(cluster) as machines:
        crews = ClusterVerdicts(machines, given["timeout"], given["workers"], given["progress"])
        wanted = ("input", "output", "by_category", "progress")
        return grading.grade_by(crews.of, *(given[name] for name in wanted))


class ClusterVerdicts:
    """The verdicts on the outputs of files, from the machines of a cluster.

    Args:
        timeout: seconds of processor time that one output may take.
        workers: processes of one worker; None: one, since there is a worker a core.
    """

    def __init__(self, machines: Machines, timeout: float, workers: int | None, show: bool):
        self.machines, self.show = machines, show
        self.arguments = {"timeout": timeout, "workers": workers or 1}

    def of(self, works: list[grading.Work]) -> list[_Read]:
        """The verdicts on the outputs of some files, worked out now."""
        first = works[0].target
        blocks = Blocks(first.with_name(f".{first.name}.blocks"), BLOCK)
        items = itertools.chain.from_iterable(work.items for work in works)
        blocks.spool(
            items, {"files": fingerprint(*(work.source for work in works)), **self.arguments}
        )
        worker = "routerlib.cluster.graders:Grader"
        blocks.work(self.machines, worker, self.arguments, "grading", self.show)
        results = blocks.results()
        return [_Read(blocks, results, is_last=work is works[-1]) for work in works]


class _Read:
    """Verdicts that are there, as a crew gives them: those on one file, before those on the next.
    The blocks go when the last one is read.
    """

    def __init__(self, blocks: Blocks, results: Iterator[Any], is_last: bool):
        self.blocks, self.results, self.is_last = blocks, results, is_last

    def map(self, items: Iterable[Any]) -> Iterator[Any]:
        """A verdict, or a Lost, for each item."""
        for _ in items:
            verdict = next(self.results)
            is_lost = isinstance(verdict, dict) and "lost" in verdict
            yield Lost(verdict["lost"], verdict["detail"]) if is_lost else verdict
        if self.is_last:
            self.blocks.remove()


class Grader:
    """A worker: verdicts on the outputs of a block."""

    def __init__(self, timeout: float, workers: int):
        self.crew = Crew("routerlib.answers.correctness:grade_answer", workers, timeout)
        self.crew.__enter__()

    def __call__(self, items: list[Any]) -> list[Any]:
        return [self._as_json(verdict) for verdict in self.crew.map(items)]

    @staticmethod
    def _as_json(verdict: Any) -> Any:
        if isinstance(verdict, Lost):
            return {"lost": verdict.reason, "detail": verdict.detail}
        return verdict

    def close(self) -> None:
        self.crew.__exit__()
