"""Collect a model's answers to questions: k samples each, over a local or remote endpoint,
resumable.

`collect` reads questions, or prompts without a known answer, asks, and writes one
`schemas.Responses` line each; run again, it goes on. An answer that a log holds counts as a sample.
Requests, patience and storage are `clients`, `resumable` and `ledger`; what a run will cost is
`forecast`'s business, reading the answers `grading`'s.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from routerlib import event_loop, settings
from routerlib.collecting import ledger, resumable
from routerlib.collecting.forecast import Prices, forecast
from routerlib.collecting.ledger import LedgerMismatch
from routerlib.collecting.resumable import Summary as CollectionSummary
from routerlib.endpoints import clients, prompts, servers
from routerlib.endpoints.check import first_answer
from routerlib.errors import SettingError
from routerlib.rows import jsonl, sources
from routerlib.rows.schemas import OpenPrompt, Prompt, Question, Responses, parse_row
from routerlib.stats.prices import call_cost

__all__ = [
    "CollectionSummary",
    "collect",
    "collect_sync",
    "count_answers",
    "measure_answers",
    "open_prompts",
    "output_path",
    "read_responses",
    "sent",
]

# What rows written before a setting existed were sampled with.
SAMPLING_DEFAULTS: dict[str, Any] = {"stop": [], "extra_body": {}}

MOST_RESPONSES = 100_000  # to one question; a server asked for more at once may die of it


async def collect(
    questions: str | Path | Iterable[Question] = sources.SAMPLE,
    model: str = "standin-inferior",
    api_base: str | None = None,
    api_mode: str = clients.LOCAL,
    k_responses: int = 3,
    num_problems: int | str | None = None,
    temperature: float | None = 0.7,
    max_tokens: int = 512,
    stop: str | Sequence[str] = (),
    batch_size: int = 32,
    max_concurrent: int = 16,
    max_attempts: int = 3,
    endpoint: str = clients.COMPLETIONS,
    output_file: str | Path | None = None,
    output_dir: str | Path | None = None,
    template: str | Path | None = None,
    price_in: float = 0.0,
    price_out: float = 0.0,
    extra_body: dict[str, Any] | None = None,
    api_key: str | None = None,
    timeout: float = 600.0,
    progress: bool = True,
    fields: dict[str, str] | None = None,
    budget: float | None = None,
) -> CollectionSummary:
    """Bring every question to k answers of one model, as far as attempts allow; rows go to disk one
    by one.

    Prompts without a known answer are asked as they are, conversations too (for these, take the
    endpoint "chat"). Where a log holds an answer of this very model, it is the first sample.

    Args:
        questions: a .jsonl, .csv or .parquet file, a hub id, or "sample"; several with commas
            between; or the questions themselves. Prompts without a known answer do as well: 02's
            prompts_clean.jsonl, conversations, logs.
        model: as the server names it.
        api_base: the base URL. Without it, http://localhost:8000/v1 (local) or OpenAI's (remote).
        api_mode: "local" or "remote"; remote takes the key from OPENAI_API_KEY.
        k_responses: samples a question. More of them may be asked for later; those received stay.
        num_problems: the first so many questions. Without it, or with "all": every one.
        temperature: 0 to 2; "none" leaves it out, for models that take none.
        max_tokens: of one answer.
        stop: a string that ends an answer, or several; special tokens such as <|im_end|> always do.
        batch_size: questions read ahead, and rows that share one flush of the disk, at most.
        max_concurrent: requests in flight, at most.
        max_attempts: failures after which a question is left alone, over all runs.
        endpoint: "completions", or "chat" in the model's own chat template.
        output_file: relative to output_dir. Without it, a stable name from model and data set.
        output_dir: where the file lies. Without it, outputs/responses.
        template: "short", "reasoning", or a template file. Without it, the endpoint's own.
        price_in: money per million tokens read.
        price_out: money per million tokens written.
        extra_body: more fields of the request, such as {"top_p": 0.9}; recorded with the sampling.
        timeout: seconds for one request.
        fields: where questions have other names for their fields, ours to theirs, such as
            {"unique_id": "id"}.
        budget: money that the answers in the file may cost in all, earlier runs included. No
            request is sent that could go beyond it; a run with more goes on. Without it, or with 0:
            no limit.

    Returns:
        Counts, tokens, cost and path; `exit_code` is 0 where every question is complete, else 3.

    Raises:
        ValueError, sources.SourceError, schemas.RowError: a wrong argument or bad input.
        ledger.LedgerMismatch: the file holds answers of another model or with other sampling.
        jsonl.FileInUse: another process writes the file.
        clients.Stopped: wrong key, model or URL. resumable.DiskFull: no room.
    """
    k_responses, max_tokens = (
        settings.whole("K_RESPONSES", k_responses),
        settings.whole("MAX_TOKENS", max_tokens),
    )
    _check_arguments(k_responses, max_concurrent, batch_size, max_attempts, temperature)
    _check_amounts(model, timeout, price_in, price_out)
    budget = _budget(budget)
    limit = _limit(num_problems)
    wording = prompts.template(template, endpoint)
    path = output_path(questions, model, output_file, output_dir)
    stop = (stop,) if isinstance(stop, str) and stop else tuple(stop)
    total = _count(questions, limit)
    async with clients.connect(api_base, api_key, timeout, api_mode) as client:
        target = clients.Endpoint(
            client,
            model,
            endpoint,
            api_mode,
            temperature,
            max_tokens,
            stop,
            dict(extra_body or {}),
            timeout,
        )
        target.hints = (
            servers.end_tokens(model, target.url, stop, max_tokens)
            if api_mode == clients.LOCAL
            else {}
        )
        sampling = _sampling(target, wording)
        asked_with = sampling | {"k_responses": k_responses}
        book = ledger.Ledger(
            path, "unique_id", k_responses, _subject_of_row, _same_sampling(model, sampling)
        )
        prices = Prices(price_in, price_out)

        async def ask(question: Question, n: int) -> clients.Completion:
            return prices.mark(await target.sample(sent(question, wording), n))

        job = resumable.Job(
            key=lambda question: question.unique_id,
            ask=ask,
            row=lambda question, state: _row(question, state, model, target.as_sent(asked_with)),
            wanted=k_responses,
            subject=_subject,
            is_up=target.is_up,
            where=target.url,
            news=target.dialect.news,
            found=lambda answer: first_answer(target, answer, price_in, price_out),
            brings=lambda question: logged_samples(question, model),
            most=lambda question, n: prices.most(sent(question, wording), n, max_tokens),
        )
        opening = ""
        if prices.are_known and _can_be_read_twice(questions):
            expected = forecast(
                _questions(questions, limit, [], fields),
                job,
                book,
                prices,
                lambda question: sent(question, wording),
                max_tokens,
            )
            opening = expected.sentence(budget)
        elif budget is not None:
            opening = "No price is given, so nothing is counted and BUDGET ends nothing."
        with servers.held(target.url), jsonl.Rejects(jsonl.rejects_path(path)) as rejects:
            summary = await resumable.run_job(
                _questions(questions, limit, rejects, fields),
                job,
                book,
                max_concurrent,
                batch_size,
                max_attempts,
                total,
                price_in,
                price_out,
                progress,
                label=model,
                budget=budget if prices.are_known else None,
                opening=opening,
            )
    summary.rejected = rejects.count
    summary.notes += [str(rejects)] if rejects.count or rejects.passed_over else []
    return summary


def collect_sync(*args: Any, **kwargs: Any) -> CollectionSummary:
    """Bring every question to k answers of one model, resumable; the arguments are those of
    `collect`, awaited here.

    Example:
        summary = routerlib.collect("my_questions.jsonl", "my-model", "http://localhost:8000/v1")
        print(summary, summary.path)
    """
    return event_loop.run_coroutine(collect(*args, **kwargs))


def read_responses(path: str | Path) -> Iterator[Responses]:
    """Stream the rows of a responses file in any state, one a question: of several lines the one
    that counts.

    Raises:
        FileNotFoundError, RowError.
    """
    return (parse_row(Responses, row) for row in ledger.latest_rows(path, "unique_id"))


def measure_answers(
    summary: CollectionSummary, price_in: float = 0.0, price_out: float = 0.0
) -> dict[str, Any]:
    """What the answers in a summary's file come to, those of earlier runs included.

    Prices are per million tokens. `all_samples_alike` is the share of questions, in [0, 1], whose
    samples are one and the same text.
    """
    rows = list(read_responses(summary.path))
    samples = [sample for row in rows for sample in row.responses]
    alike = sum(
        len({sample.full_response.strip() for sample in row.responses}) == 1 for row in rows
    )
    usages = [row.usage or {} for row in rows]
    tokens_in, tokens_out = (
        sum(usage.get(name, 0) for usage in usages)
        for name in ("prompt_tokens", "completion_tokens")
    )
    reasons = Counter(str(sample.finish_reason) for sample in samples)
    return {
        "questions": summary.total,
        "complete": summary.complete,
        "failed": summary.failed,
        "answers": len(samples),
        "cut_off": reasons["length"],
        "empty": sum(not sample.full_response.strip() for sample in samples),
        "all_samples_alike": round(alike / max(1, len(rows)), 4),
        "seconds": round(summary.seconds, 1),
        "samples_per_second": round(summary.samples / summary.seconds, 2)
        if summary.samples
        else None,
        "cost": call_cost(tokens_in, tokens_out, price_in, price_out),
        "finish_reasons": dict(reasons),
        "path": summary.path,
    }


def open_prompts(named: str = "") -> str:
    """The prompts without a known answer that 03 asks; empty where there are none.

    Args:
        named: a source; "none" for no prompts; empty for those of 02 that came with an answer from
            their log, where it left any.
    """
    if named.strip():
        return "" if named.strip().lower() == "none" else named
    left = settings.outputs("datasets", "prompts_logged.jsonl")
    if not left.is_file():
        print("Notebook 02 left no prompts with an answer from a log, so none are asked here.")
        return ""
    return str(left)


def count_answers(summary: CollectionSummary) -> dict[str, Any]:
    """What a run over prompts came to, for a notebook's numbers; `cost` includes earlier runs."""
    samples = [sample for row in read_responses(summary.path) for sample in row.responses]
    return {
        "prompts": summary.total,
        "complete": summary.complete,
        "answers": len(samples),
        "from_log": sum(bool(sample.from_log) for sample in samples),
        "cost": summary.spent_before + summary.cost,
        "is_out_of_budget": summary.is_out_of_budget,
        "path": summary.path,
    }


def output_path(
    questions: Any,
    model: str,
    output_file: str | Path | None = None,
    output_dir: str | Path | None = None,
) -> Path:
    """Where the answers go: google/gemma-3-4b-it on MATH-500 →
    outputs/responses/google_gemma-3-4b-it_MATH_500.jsonl.
    """
    folder = settings.resolve(output_dir) if output_dir else settings.outputs("responses")
    if output_file:
        return folder / Path(output_file).expanduser()
    name = sources.short_name(questions) if isinstance(questions, str | Path) else "questions"
    owner = re.sub(r"[^A-Za-z0-9._-]+", "_", model.strip("/"))
    return folder / f"{owner}_{name}.jsonl"


def _questions(
    questions: str | Path | Iterable[Question],
    limit: int | None,
    rejects: jsonl.Rejects | list[dict[str, Any]],
    fields: dict[str, str] | None,
) -> Iterator[Question]:
    if isinstance(questions, str | Path):
        return sources.load_asked(questions, limit, rejects, fields)
    return (
        (question for question, _ in zip(questions, range(limit), strict=False))
        if limit
        else iter(questions)
    )


def sent(question: Question, wording: prompts.Template) -> Prompt:
    """What the model gets: a question in its template, a prompt as it is."""
    if isinstance(question, OpenPrompt):
        return question.prompt or question.question
    return wording.fill(question)


def logged_samples(question: Question, model: str) -> list[dict[str, Any]]:
    """The sample that a log holds for this model, where it names it as the one that answered."""
    answer = question.answer if isinstance(question, OpenPrompt) else None
    if answer is None or not answer.is_of(model):
        return []
    told = answer.model_dump(mode="json", exclude={"model", "also_named", "at"})
    return [{**told, "from_log": True}]


def _can_be_read_twice(questions: Any) -> bool:
    """Whether the questions can be counted before they are asked: files and lists, not streams."""
    if isinstance(questions, str | Path):
        parts = settings.names(str(questions))
        local = (sources.SAMPLE, sources.SAMPLE_LOG)
        return all(part in local or settings.resolve(part).is_file() for part in parts)
    return hasattr(questions, "__len__")


def _budget(budget: float | None) -> float | None:
    if budget in (None, "", 0):
        return None
    return settings.number("BUDGET", budget)


def _count(questions: Any, limit: int | None) -> int | None:
    """How many questions there are, for the progress bar; None where only reading them would
    tell.
    """
    if hasattr(questions, "__len__") and not isinstance(questions, str):
        known = len(questions)
    else:
        path = (
            sources.sample_file(Question)
            if questions == sources.SAMPLE
            else settings.resolve(str(questions))
        )
        if path.suffix != ".jsonl" or not path.is_file() or not os.access(path, os.R_OK):
            return limit
        with open(path, "rb") as file:
            known = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return min(known, limit) if limit else known


def _sampling(target: clients.Endpoint, wording: prompts.Template) -> dict[str, Any]:
    """What the answers depend on beside the model; the same for every row of a file."""
    text = f"{wording.multiple_choice}\0{wording.open_ended}"
    return {
        "endpoint": target.kind,
        "temperature": target.temperature,
        "max_tokens": target.max_tokens,
        "stop": list(target.stop),
        "extra_body": target.extra_body,
        "template": wording.name,
        "template_sha256": hashlib.sha256(text.encode()).hexdigest()[:16],
    }


def _same_sampling(model: str, sampling: dict[str, Any]) -> Any:
    compared = {name: value for name, value in sampling.items() if name != "template"}

    def check(row: dict[str, Any]) -> None:
        stored = row.get("sampling")
        if not stored or "model" not in row:
            raise LedgerMismatch(
                "the row does not say with which model and sampling it was made (an older "
                "version, or another tool, wrote it), so it cannot be continued. Move the file "
                "away, or name another OUTPUT_FILE."
            )
        if row["model"] != model:
            raise LedgerMismatch(
                f"the file holds answers of the model {row['model']!r}, not {model!r}. Name "
                "another OUTPUT_FILE."
            )
        for name, value in compared.items():
            if stored.get(name, SAMPLING_DEFAULTS.get(name)) != value:
                raise LedgerMismatch(
                    f"the file holds answers sampled with {name} = {stored.get(name)!r}, not "
                    f"{value!r}. Take the old value, or name another OUTPUT_FILE (samples of "
                    "different settings do not belong together)."
                )

    return check


def _row(
    question: Question, state: resumable.State, model: str, sampling: dict[str, Any]
) -> dict[str, Any]:
    return {
        "unique_id": question.unique_id,
        "problem": question.question,
        "is_mcq": question.is_mcq,
        "choices": question.choices,
        "choice_index_correct": question.choice_index_correct,
        "explanation_correct": question.explanation_correct,
        "answer_correct": question.answer_correct,
        "answer_alternatives": question.answer_alternatives,
        "category": question.category,
        **(question.model_extra or {}),
        **_conversation_of(question),
        "model": model,
        "sampling": sampling,
        "attempts": state.attempts,
        "error": state.error,
        "usage": state.usage,
        "responses": state.samples,
    }


def _conversation_of(question: Question) -> dict[str, Any]:
    """The conversation of a prompt that is more than its text."""
    if not isinstance(question, OpenPrompt) or question.prompt is None:
        return {}
    return {"prompt": [turn.model_dump(mode="json") for turn in question.prompt]}


def _subject(question: Question) -> Any:
    """What tells a question from its namesakes: its text and, of a multiple choice, the options."""
    if question.choices is None:
        return question.question
    return [question.question, *question.choices]


def _subject_of_row(row: dict[str, Any]) -> Any:
    """`_subject` of a row that was written; one that lacks the text differs from every question."""
    choices = row.get("choices")
    problem = row.get("problem")
    return problem if choices is None else [problem, *choices]


def _limit(num_problems: int | str | None) -> int | None:
    if num_problems is None or str(num_problems).strip().lower() in ("all", "none", ""):
        return None
    if str(num_problems).strip().isdigit() and int(num_problems) > 0:
        return int(num_problems)
    raise SettingError(f"NUM_PROBLEMS is {num_problems!r}; it is a number above 0, or 'all'.")


def _check_arguments(
    k: int, max_concurrent: int, batch_size: int, max_attempts: int, heat: float | None
) -> None:
    for name, value in {
        "MAX_CONCURRENT": max_concurrent,
        "BATCH_SIZE": batch_size,
        "MAX_ATTEMPTS": max_attempts,
    }.items():
        settings.whole(name, value)
    if k > MOST_RESPONSES:
        raise SettingError(f"K_RESPONSES is {k:,}; it is {MOST_RESPONSES:,} at most.")
    if heat is not None:
        settings.number("TEMPERATURE", heat, most=2)


def _check_amounts(model: str, timeout: float, price_in: float, price_out: float) -> None:
    if not str(model).strip():
        raise SettingError("MODEL is empty; it is the name by which the server knows the model.")
    if prompts.well_formed(str(model)) != str(model):
        raise SettingError(f"MODEL is {model!r}, which is no UTF-8 text.")
    if not 0 < timeout < math.inf:
        raise SettingError(f"TIMEOUT is {timeout!r}; it is a number of seconds above 0.")
    settings.price("PRICE_IN", price_in)
    settings.price("PRICE_OUT", price_out)
