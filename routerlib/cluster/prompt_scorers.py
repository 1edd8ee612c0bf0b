"""Score a file of prompts over several machines: the same blocks, worked on by many hands.

Each worker loads the router once. Reading the prompts and writing the file is `training.scored`'s,
here as alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.cluster.blocks import Blocks, marks_of
from routerlib.cluster.machines import joined, on_machines
from routerlib.rows import jsonl
from routerlib.training import scored
from routerlib.training.router import FILE, Router, newest


@on_machines(scored.score)
def score(*args: Any, cluster: str | None = None, **kwargs: Any) -> scored.Scoring:
    """`scored.score`; with CLUSTER, on several machines."""
    if not cluster:
        return scored.score(*args, **kwargs)
    bound = inspect.signature(scored.score).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    folder = settings.resolve(given["router"] or newest())
    router = Router.from_pretrained(folder)
    name = scored.scores_path(given["prompts"]).name
    blocks = Blocks(settings.outputs("scored") / f".{name}.blocks", scored.BLOCK)
    of: dict[str, Any] = {name: given[name] for name in ("prompts", "num_prompts", "fields")}
    of |= {"router": str(folder), "of": (folder / FILE).stat().st_mtime_ns}
    of["files"] = marks_of(given["prompts"])

    with jsonl.only_one(blocks.folder), joined(cluster) as machines:

        def scores(read: scored.Read) -> Iterator[tuple[scored.Item, float]]:
            items = ({"prompt": item["prompt"], "id": item["id"]} for item in read(False))
            blocks.spool(items, _plain(of))
            worker, arguments = (
                "routerlib.cluster.prompt_scorers:PromptScorer",
                {"router": str(folder)},
            )
            show, source = given["progress"], given["prompts"]
            blocks.work(machines, worker, arguments, "scoring", show, source)
            yield from zip(read(True), blocks.results(), strict=True)

        wanted = ("prompts", "output", "num_prompts", "threshold", "fields", "progress")
        result = scored.score_by(scores, router, *(given[name] for name in wanted))
        blocks.remove()
    return result


def _plain(of: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in of.items()}


class PromptScorer:
    """A worker: p_superior of the prompts of a block."""

    def __init__(self, router: str):
        self.router = Router.from_pretrained(router)

    def __call__(self, items: list[Any]) -> list[float]:
        return scored.score_block(self.router, [item["prompt"] for item in items])

    def name_of(self, item: dict[str, Any]) -> str:
        """A prompt's id."""
        return repr(item.get("id", ""))
