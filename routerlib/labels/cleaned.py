"""Clean a file of conversations: 02's first step, from a shell.

`clean_file` reads a source, has it cleaned, and writes the prompts that are kept, what was rejected
and how many each filter took. What is kept is `cleaning`'s to decide; labels come later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.endpoints import standins
from routerlib.labels import cleaning
from routerlib.rows import jsonl, masking, sources, tables
from routerlib.rows.schemas import CleanPrompt, Conversation
from routerlib.training import encoders

Cleaner = Callable[
    [Iterable[Conversation], cleaning.Filters, cleaning.Report, cleaning.Evaluation | None],
    Iterator[CleanPrompt],
]


def clean_file(
    prompts: str | Path = sources.SAMPLE,
    output: str | Path = "",
    limit: int | None = None,
    whole_conversation: bool = False,
    languages: str = "English",
    max_chars: int = 4000,
    near_duplicate: float = 0.8,
    mask: str = "",
    mask_countries: str = "US",
    eval_questions: str = "sample",
    encoder: str = "standin-encoder",
    fields: dict[str, str] | None = None,
) -> cleaning.Report:
    """Clean conversations, and write the prompts that pass every filter, in their order.

    Args:
        prompts: conversations or logs: a .jsonl, .csv or .parquet file, a hub id, an address such
            as s3://bucket/log.parquet, or several with commas between.
        output: a .jsonl or .parquet file, or an address of one; empty for
            outputs/datasets/prompts_clean.jsonl.
        limit: the first so many conversations. Without it, every one.
        whole_conversation: keep all turns up to the last user turn, else the first alone.
        languages: names with commas; empty for all.
        max_chars: longer prompts are taken out.
        near_duplicate: likeness from which two prompts are the same; above 1: exact ones only.
        mask: "standard" (addresses, telephone and card numbers, secrets), or module:function.
        mask_countries: where telephone numbers may be written without +1.
        eval_questions: no prompt may overlap these: questions, votes, or "votes" for 01's.
        encoder: for the check of the meaning; empty leaves it out.
        fields: where the rows have other names for their fields, ours to theirs.

    Returns:
        how many rows were read, how many each filter took, and how many were kept.

    Raises:
        sources.SourceError: the source cannot be read. CleaningError: not one prompt came through.
    """
    return clean_by(
        cleaning.clean,
        *(prompts, output, limit, whole_conversation, languages, max_chars, near_duplicate),
        *(mask, mask_countries, eval_questions, encoder, fields),
    )


def clean_by(
    cleaner: Cleaner,
    prompts: str | Path,
    output: str | Path,
    limit: int | None,
    whole_conversation: bool,
    languages: str,
    max_chars: int,
    near_duplicate: float,
    mask: str,
    mask_countries: str,
    eval_questions: str,
    encoder: str,
    fields: dict[str, str] | None,
) -> cleaning.Report:
    """`clean_file`, by whatever cleans: this process, or many machines."""
    kinds: dict[str, Any] = {"max_chars": max_chars, "near_duplicate": near_duplicate}
    filters = cleaning.Filters(whole_conversation, languages, **kinds)
    if limit is not None:
        settings.whole("LIMIT", limit)
    how: dict[str, Any] = {"mask": masking.masking(mask, mask_countries), "fields": fields}
    evaluation = _evaluation(eval_questions, encoder)
    report = cleaning.Report()
    target = output or settings.outputs("datasets", "prompts_clean.jsonl")
    with tables.delivered(target, prompts) as (path, name):
        rejects = cleaning.RejectedConversations(report, jsonl.rejects_path(path))
        with rejects:
            rows = sources.load_rows(prompts, Conversation, limit, rejects, **how)
            tables.write(path, cleaner(rows, filters, report, evaluation))
    print(report.summary(), "Written:", name)
    return report


def _evaluation(questions: str, encoder: str) -> cleaning.Evaluation | None:
    if not questions.strip():
        return None
    embed = None
    if encoder:
        model = standins.path(encoder) if standins.is_standin(encoder) else encoder
        embed = encoders.SentenceEncoder(model, 128).embed
    return cleaning.Evaluation(cleaning.evaluation_questions(questions), embed=embed)
