"""Score a file of prompts: p_superior of each, and which model it would go to.

Prompts are scored in blocks of a fixed size, in the order of the input, and written with six
decimals, so that the file is the same wherever the blocks are worked on. Training a router, and
asking the models, are others' business.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.endpoints.prompts import as_text
from routerlib.errors import Foreseen
from routerlib.progress import bar as progress_bar
from routerlib.rows import jsonl, sources, tables
from routerlib.rows.schemas import OpenPrompt, Prompt, Question, prompt_text
from routerlib.training.router import Router, newest

BLOCK = 256  # prompts scored together
DECIMALS = 6  # more differ from machine to machine

Item = dict[str, Any]  # {id, prompt, category}
Read = Callable[[bool], Iterator[Item]]  # the items, from the first; whether bad rows are noted
Scores = Callable[[Read], Iterator[tuple[Item, float]]]


class ScoringError(Foreseen, ValueError):
    """The input holds nothing to score; the text says where."""


@dataclass
class Scoring:
    """What `score` did: the file, its rows, the share that goes to the superior model in [0, 1],
    and the input rows that could not be used.
    """

    path: str
    prompts: int = 0
    superior: int = 0
    rejected: int = 0
    rejects: str = ""
    seconds: float = 0.0

    @property
    def share_superior(self) -> float:
        return self.superior / max(1, self.prompts)

    def __str__(self) -> str:
        rate = self.prompts / max(self.seconds, 1e-9)
        told = (
            f"{self.prompts:,} prompts scored in {self.seconds:.1f} s ({rate:,.0f}/s), "
            f"{self.share_superior:.1%} to the superior model. {self.path}"
        )
        return f"{told}\n{self.rejects}" if self.rejected else told


def score(
    prompts: str | Path = sources.SAMPLE,
    router: str | Path | None = None,
    output: str | Path = "",
    num_prompts: int | None = None,
    threshold: float | None = None,
    fields: dict[str, str] | None = None,
    progress: bool = True,
) -> Scoring:
    """Score prompts with a router, and write {id, prompt, category, p_superior, model} of each.

    Example:
        scoring = routerlib.score("prompts.jsonl", output="scored.parquet")
        print(scoring)

    Args:
        prompts: questions, prompts, conversations or logs: a .jsonl, .csv or .parquet file, a hub
            id, an address such as s3://bucket/prompts.parquet, or several with commas between.
        router: a router's folder. Without it, the newest below outputs/models.
        output: a .jsonl or .parquet file, or an address of one; empty for a name after the input
            in outputs/scored. It appears complete or not at all.
        num_prompts: the first so many. Without it, every one.
        threshold: of p_superior, from 0 to 1. Without it, the router's own.
        fields: where the rows have other names for their fields, ours to theirs.
        progress: show a bar.

    Raises:
        training.router.RouterError: there is no such router. sources.SourceError: no such input.
        ScoringError: not one row of it can be scored.
    """
    folder = router or newest()
    if num_prompts is not None:
        settings.whole("NUM_PROMPTS", num_prompts)
    if next(read_items(prompts, num_prompts, [], fields), None) is None:
        raise _no_prompt(prompts)  # before a router is loaded, which can take long
    found = Router.from_pretrained(folder)
    return score_by(
        lambda read: _scores(found, read(True), num_prompts, progress),
        found,
        *(prompts, output, num_prompts, threshold, fields, progress),
    )


def score_by(
    scores: Scores,
    router: Router,
    prompts: str | Path,
    output: str | Path,
    num_prompts: int | None,
    threshold: float | None,
    fields: Mapping[str, str] | None,
    progress: bool,
) -> Scoring:
    """`score`, with whatever gives the items with their p_superior: this process, or many
    machines.
    """
    started = time.monotonic()
    router.decide(0.0, threshold)  # a wrong threshold is refused before any work
    _refuse_to_write_into(router.folder, output)
    if num_prompts is not None:
        settings.whole("NUM_PROMPTS", num_prompts)
    with tables.delivered(output or scores_path(prompts), prompts) as (path, name):
        scoring = Scoring(name)
        with jsonl.Rejects(jsonl.rejects_path(path)) as rejects:

            def read(notes_rejects: bool) -> Iterator[Item]:
                noted = rejects if notes_rejects else _Unnoted()
                return read_items(prompts, num_prompts, noted, fields)

            tables.write(path, _rows(scores(read), router, threshold, scoring))
        if not scoring.prompts:
            raise _no_prompt(prompts)
        scoring.rejected, scoring.rejects = rejects.count, str(rejects)
    scoring.seconds = time.monotonic() - started
    if progress:
        print(scoring)
    return scoring


def _no_prompt(prompts: str | Path) -> ScoringError:
    return ScoringError(f"{prompts} holds no prompt. Name another source.")


def _refuse_to_write_into(folder: Path | None, output: str | Path) -> None:
    """Refuse an output among the router's own files, which it could replace.

    Raises:
        SettingError: it is there.
    """
    if folder is None or not output or tables.is_address(output):
        return
    if settings.resolve(output).resolve().is_relative_to(folder.resolve()):
        raise settings.SettingError(
            f"OUTPUT is {output}, in the folder of the router itself. Name another output."
        )


def scores_path(prompts: str | Path) -> Path:
    """Where the scores go: outputs/scored/ and the name of the input."""
    return settings.outputs("scored") / f"{sources.short_name(prompts)}.jsonl"


def read_items(
    prompts: str | Path,
    limit: int | None,
    rejects: jsonl.Rejects | list[dict[str, Any]],
    fields: Mapping[str, str] | None,
) -> Iterator[Item]:
    """The prompts of a source as {id, prompt, category}, streamed."""
    for row in sources.load_asked(prompts, limit, rejects, fields):
        prompt = _prompt(row)
        kept = prompt if isinstance(prompt, str) else [turn.model_dump() for turn in prompt]
        yield {"id": row.unique_id, "prompt": kept, "category": row.category}


def _prompt(row: Question) -> Prompt:
    if isinstance(row, OpenPrompt) and row.prompt is not None:
        return row.prompt
    return prompt_text(row.question, row.choices)


class _Unnoted(list[dict[str, Any]]):
    """Bad rows that have been noted before."""

    def append(self, row: dict[str, Any]) -> None:
        """Note nothing."""


def _rows(
    scored: Iterator[tuple[Item, float]],
    router: Router,
    threshold: float | None,
    scoring: Scoring,
) -> Iterator[Item]:
    for item, p_superior in scored:
        decision = router.decide(p_superior, threshold)
        scoring.prompts += 1
        scoring.superior += decision.model == "superior"
        yield {**item, "p_superior": p_superior, "model": decision.model}


def _scores(
    router: Router, items: Iterator[Item], total: int | None, show: bool
) -> Iterator[tuple[Item, float]]:
    with progress_bar(total, "scoring", "prompt", show) as bar:
        while block := list(itertools.islice(items, BLOCK)):
            scores = score_block(router, [item["prompt"] for item in block])
            yield from zip(block, scores, strict=True)
            bar.update(len(block))


def score_block(router: Router, prompts: Sequence[Any]) -> list[float]:
    """p_superior of at most BLOCK prompts, in [0, 1], with six decimals."""
    texts = [as_text(prompt) for prompt in prompts]
    return [round(float(score), DECIMALS) for score in router.score(texts)]
