"""Collect a model's answers to questions: k samples each, over a local or remote endpoint,
resumable.

`collect` reads questions, or prompts without a known answer, asks, and writes one
`schemas.Responses` line each; run again, it goes on. An answer that a log holds counts as a sample.
Requests, patience and storage are `clients`, `resumable` and `ledger`; what a run will cost is
`forecast`'s business, reading the answers `grading`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from routerlib import event_loop, settings
from routerlib.collecting import ledger, ledger_parts, resumable
from routerlib.collecting.forecast import Prices, forecast
from routerlib.collecting.ledger import LedgerMismatch
from routerlib.collecting.resumable import Summary as CollectionSummary
from routerlib.endpoints import clients, prompts, servers
from routerlib.endpoints.check import first_answer
from routerlib.errors import SettingError
from routerlib.rows import jsonl, sources, tables
from routerlib.rows.logprobs import request_fields, small
from routerlib.rows.schemas import OpenPrompt, Prompt, Question, Responses, parse_row
from routerlib.stats.prices import call_cost

__all__ = [
    "CollectionSummary",
    "answers_counted",
    "collect",
    "collect_sync",
    "measure_answers",
    "open_prompts",
    "output_path",
    "read_responses",
    "sent",
    "write_logged",
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
    logprobs: bool = False,
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
        output_file: relative to output_dir. Without it, a stable name from model and data set. At
            an address such as s3://bucket/a.jsonl, or as a .parquet file, a copy of the answers is
            put at the end; as they come, they are in a .jsonl file of that name in output_dir.
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
        logprobs: keep the log-probabilities of the tokens, where the server gives them; the likely
            alternatives stand beside letters alone. Answers without them are of use as well.

    Returns:
        Counts, tokens, cost and path; `exit_code` is 0 where every question is complete, else 3.

    Raises:
        ValueError, sources.SourceError, schemas.RowError: a wrong argument or bad input.
        ledger.LedgerMismatch: the file holds answers of another model or with other sampling.
        jsonl.FileInUse: another process writes the file.
        clients.Stopped: wrong key, model or URL. resumable.DiskFull: no room.
    """
    how = asking(
        *(model, api_mode, k_responses, temperature, max_tokens, stop, endpoint, template),
        *(extra_body, timeout, price_in, price_out, logprobs),
    )
    check_pace(max_concurrent, batch_size, max_attempts)
    budget, limit = checked_budget(budget), first_so_many(num_problems)
    path = output_path(questions, model, output_file, output_dir)
    total = count_questions(questions, limit)
    async with how.ready(api_base, api_key) as job:
        book = how.book(path)
        opening = how.opening(questions, limit, fields, book, budget)
        with jsonl.Rejects(jsonl.rejects_path(path)) as rejects:
            summary = await resumable.run_job(
                read_questions(questions, limit, rejects, fields),
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
                budget=budget if how.prices.are_known else None,
                opening=opening,
            )
    summary.rejected = rejects.count
    if rejects.count or rejects.passed_over:
        summary.notes.append(str(rejects))
    put_copy(summary, output_file)
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
        "with_logprobs": sum(sample.logprobs is not None for sample in samples),
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
    # 02 writes the file whether or not a prompt of the log was among those it read
    if not left.is_file() or not left.stat().st_size:
        print("Notebook 02 left no prompts with an answer from a log, so none are asked here.")
        return ""
    return str(left)


def answers_counted(summary: CollectionSummary) -> dict[str, Any]:
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

    Behind a table or an address stands a JSONL file of the same name, since rows are appended as
    they come; `put_copy` follows it.

    Raises:
        tables.AddressError: the address could not be written to. settings.SettingError: the name
            of the file ends as that of no file of rows.
    """
    folder = settings.resolve(output_dir) if output_dir else settings.outputs("responses")
    if output_file:
        tables.check_ending("OUTPUT_FILE", output_file, (".jsonl", ".ndjson", ".parquet"))
    if output_file and tables.is_address(output_file):
        tables.check_address(output_file)
        return folder / tables.name_of_lines(output_file)
    if output_file and tables.is_copy(output_file):
        return (folder / Path(output_file).expanduser()).with_suffix(".jsonl")
    if output_file:
        return folder / Path(output_file).expanduser()
    name = sources.short_name(questions) if isinstance(questions, str | Path) else "questions"
    owner = re.sub(r"[^A-Za-z0-9._-]+", "_", model.strip("/"))
    return folder / f"{owner}_{name}.jsonl"


def put_copy(summary: CollectionSummary, output_file: str | Path | None) -> None:
    """Where the output was named as a table or at an address, put the answers there as well.

    Raises:
        tables.AddressError: they cannot be put there; the text says where they are.
    """
    path = Path(summary.path)
    if not output_file or not tables.is_copy(output_file) or not path.exists():
        return
    is_address = tables.is_address(output_file)
    target = output_file if is_address else path.with_suffix(".parquet")
    told = tables.put(ledger.latest_rows(path, "unique_id"), target)
    summary.notes.append(f"The same answers are at {told}.")


# --- how a model is asked ---


@dataclass(frozen=True)
class Asking:
    """How one model is asked, in plain values that can travel to another machine: whatever a row
    depends on beside its question, and what is needed to ask. `asking` makes one of arguments.
    """

    model: str
    api_mode: str
    k_responses: int
    temperature: float | None
    max_tokens: int
    stop: tuple[str, ...]
    endpoint: str
    wording: prompts.Template
    extra_body: dict[str, Any]
    timeout: float
    price_in: float
    price_out: float
    logprobs: bool = False  # kept with the answers, which are the same without

    @property
    def sampling(self) -> dict[str, Any]:
        """What the answers depend on beside the model; the same for every row of a file."""
        text = f"{self.wording.multiple_choice}\0{self.wording.open_ended}"
        return {
            "endpoint": self.endpoint,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "stop": list(self.stop),
            "extra_body": self.extra_body,
            "template": self.wording.name,
            "template_sha256": hashlib.sha256(text.encode()).hexdigest()[:16],
        }

    def book(self, path: str | Path) -> ledger.Ledger:
        """The file of the answers, opened to go on with them; what a run on several machines has
        left beside it, in parts, is taken in.

        Raises:
            ledger.LedgerMismatch: it holds answers of another model, or sampled otherwise.
            jsonl.FileInUse: another process writes it.
        """
        check = _same_sampling(self.model, self.sampling)
        book = ledger.Ledger(path, "unique_id", self.k_responses, _subject_of_row, check)
        try:
            ledger_parts.take_in(book)
        except BaseException:
            book.close(compact=False)
            raise
        return book

    def part(self, path: str | Path) -> ledger.Ledger:
        """A file for the answers to some of the questions, as `ledger_parts` knows it."""
        return ledger.Ledger(path, "unique_id", self.k_responses, _subject_of_row)

    @contextlib.asynccontextmanager
    async def ready(
        self, api_base: str | None, api_key: str | None = None
    ) -> AsyncIterator[resumable.Job[Question]]:
        """The job of asking at one address, with an open connection; a server of ours there is not
        stopped meanwhile.

        Raises:
            settings.MissingKey, settings.SettingError: as `clients.connect`.
        """
        async with clients.connect(api_base, api_key, self.timeout, self.api_mode) as client:
            target = self._endpoint(client)
            with servers.held(target.url):
                yield self._job(target)

    def _endpoint(self, client: Any) -> clients.Endpoint:
        target = clients.Endpoint(
            client,
            self.model,
            self.endpoint,
            self.api_mode,
            self.temperature,
            self.max_tokens,
            self.stop,
            dict(self.extra_body),
            self.timeout,
        )
        if self.api_mode == clients.LOCAL:
            ends = servers.end_tokens(self.model, target.url, self.stop, self.max_tokens)
            target.hint(ends)
        if self.logprobs:
            target.hint(request_fields(is_chat=self.endpoint == clients.CHAT))
        return target

    def _job(self, target: clients.Endpoint) -> resumable.Job[Question]:
        asked_with = self.sampling | {"k_responses": self.k_responses}
        if self.logprobs:
            asked_with["logprobs"] = True

        async def ask(question: Question, n: int) -> clients.Completion:
            answer = await target.sample(sent(question, self.wording), n)
            if self.logprobs:
                _keep_logprobs(answer, target)
            return self.prices.mark(answer)

        return replace(
            self._plan(),
            ask=ask,
            row=lambda question, state: _row_of_question(
                question, state, self.model, target.as_sent(asked_with)
            ),
            is_up=target.is_up,
            where=target.url,
            news=target.dialect.news,
            found=lambda answer: first_answer(target, answer, self.price_in, self.price_out),
        )

    def _plan(self) -> resumable.Job[Question]:
        """What is known of the job before anybody is asked."""

        async def ask_nobody(question: Question, n: int) -> clients.Completion:
            raise AssertionError("nobody is connected")

        return resumable.Job(
            key=lambda question: question.unique_id,
            ask=ask_nobody,
            row=lambda question, state: _row_of_question(
                question, state, self.model, self.sampling
            ),
            wanted=self.k_responses,
            subject=subject_of,
            brings=lambda question: logged_samples(question, self.model),
            most=lambda question, n: self.prices.most(
                sent(question, self.wording), n, self.max_tokens
            ),
        )

    @property
    def prices(self) -> Prices:
        return Prices(self.price_in, self.price_out)

    def opening(
        self,
        questions: str | Path | Iterable[Question],
        limit: int | None,
        fields: dict[str, str] | None,
        book: ledger.Ledger,
        budget: float | None,
    ) -> str:
        """What a run will cost, in a sentence; empty where that cannot be told before it asks. The
        book is closed where the questions cannot be read: another run may write it then.
        """
        if self.prices.are_known and _can_be_read_twice(questions):
            try:
                expected = forecast(
                    read_questions(questions, limit, [], fields),
                    self._plan(),
                    book,
                    self.prices,
                    lambda question: sent(question, self.wording),
                    self.max_tokens,
                )
            except BaseException:
                book.close(compact=False)
                raise
            return expected.sentence(budget)
        if budget is not None and not self.prices.are_known:
            return "No price is given, so nothing is counted and BUDGET ends nothing."
        return ""


def _keep_logprobs(answer: clients.Completion, target: clients.Endpoint) -> None:
    """Log-probabilities as small as they are read; a server that gives none is told once."""
    for sample in answer.samples:
        tokens = small(sample.pop("logprobs", None), sample["full_response"])
        if tokens is not None:
            sample["logprobs"] = tokens
    gives = any("logprobs" in sample for sample in answer.samples)
    if not gives and target.gives_logprobs is None and _is_text(answer):
        target.dialect.news.append(
            "it gives no log-probabilities, so 04 has no signals of them; vLLM gives them"
        )
    if gives or _is_text(answer):
        target.gives_logprobs = gives


def _is_text(answer: clients.Completion) -> bool:
    return any(sample["full_response"] for sample in answer.samples)


def asking(
    model: str,
    api_mode: str,
    k_responses: int,
    temperature: float | None,
    max_tokens: int,
    stop: str | Sequence[str],
    endpoint: str,
    template: str | Path | None,
    extra_body: dict[str, Any] | None,
    timeout: float,
    price_in: float,
    price_out: float,
    logprobs: bool = False,
) -> Asking:
    """How a model is asked, out of the arguments of `collect`, checked.

    Raises:
        settings.SettingError: with a sentence, where one cannot be.
    """
    k_responses = settings.whole("K_RESPONSES", k_responses)
    max_tokens = settings.whole("MAX_TOKENS", max_tokens)
    if k_responses > MOST_RESPONSES:
        raise SettingError(f"K_RESPONSES is {k_responses:,}; it is {MOST_RESPONSES:,} at most.")
    if temperature is not None:
        settings.number("TEMPERATURE", temperature, most=2)
    _check_amounts(model, timeout, price_in, price_out)
    stops = (stop,) if isinstance(stop, str) and stop else stop
    if not isinstance(stops, Iterable) or not all(isinstance(one, str) for one in stops):
        raise SettingError(f"STOP is {stop!r}; it is a text, or a list of texts.")
    if extra_body is not None and not isinstance(extra_body, dict):
        raise SettingError(
            f"EXTRA_BODY is {extra_body!r}; it is a mapping of fields, such as {{'top_p': 0.9}}."
        )
    wording = prompts.template(template, endpoint)
    return Asking(
        *(model, api_mode, k_responses, temperature, max_tokens, tuple(stops), endpoint, wording),
        *(dict(extra_body or {}), timeout, price_in, price_out, logprobs),
    )


def check_pace(max_concurrent: int, batch_size: int, max_attempts: int) -> None:
    """Whether a run's numbers of requests, rows and attempts can be.

    Raises:
        settings.SettingError.
    """
    settings.whole("MAX_CONCURRENT", max_concurrent)
    settings.whole("BATCH_SIZE", batch_size)
    settings.whole("MAX_ATTEMPTS", max_attempts)


# --- questions in ---


def read_questions(
    questions: str | Path | Iterable[Question],
    limit: int | None,
    rejects: jsonl.Rejects | list[dict[str, Any]],
    fields: dict[str, str] | None,
) -> Iterator[Question]:
    """The questions of a run, streamed; `rejects` takes those that cannot be used."""
    if isinstance(questions, str | Path):
        return sources.load_asked(questions, limit, rejects, fields)
    return map(_as_question, itertools.islice(questions, limit))


def _as_question(given: Any) -> Question:
    """A question that a program has given, as such or as the fields of a row.

    Raises:
        RowError: it is none.
    """
    return given if isinstance(given, Question) else parse_row(Question, given)


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


def write_logged(prompts: Iterable[OpenPrompt], model: str, path: Path, prices: Prices) -> Path:
    """A file of responses as 03 writes it, of the answers that a log holds of one model.

    Args:
        prices: for answers of which the log has the tokens, and no cost.
    """
    rows = []
    for prompt in prompts:
        samples = logged_samples(prompt, model)
        for sample in samples:
            known = [float(sample[name]) for name in ledger.TOKENS if sample.get(name) is not None]
            if sample.get("cost") is None and prices.are_known and len(known) == 2:
                sample["cost"] = prices.cost(*known)
        state = resumable.State(samples=samples)
        rows.append(_row_of_question(prompt, state, model, {"from_log": True}))
    jsonl.write_rows(path, rows)
    return path


def _can_be_read_twice(questions: Any) -> bool:
    """Whether the questions can be counted before they are asked: files and lists, not streams."""
    if isinstance(questions, str | Path):
        named = settings.names(str(questions))
        local = (sources.SAMPLE, sources.SAMPLE_LOG)
        return all(part in local or settings.resolve(part).is_file() for part in named)
    return hasattr(questions, "__len__")


def checked_budget(budget: float | None) -> float | None:
    """The money that BUDGET allows; None where there is no limit.

    Raises:
        settings.SettingError: it is no amount.
    """
    if budget in (None, "", 0):
        return None
    return settings.number("BUDGET", budget)


def count_questions(questions: Any, limit: int | None) -> int | None:
    """How many questions there are, for the progress bar; None where only reading them would
    tell.

    Raises:
        settings.SettingError: they are none.
    """
    if not isinstance(questions, str | Path | Iterable):
        raise SettingError(
            f"QUESTIONS is {questions!r}; it is the name of a source, or a list of questions."
        )
    if isinstance(questions, Sized) and not isinstance(questions, str):
        known = len(questions)
    else:
        path = (
            sources.sample_file(Question)
            if questions == sources.SAMPLE
            else settings.resolve(str(questions))
        )
        if path.suffix != ".jsonl" or not path.is_file() or not os.access(path, os.R_OK):
            return limit
        known, last = 0, b"\n"
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                known, last = known + block.count(b"\n"), block[-1:]
        known += last != b"\n"  # a last line that nothing ends
    return min(known, limit) if limit else known


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


def _row_of_question(
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


def subject_of(question: Question) -> Any:
    """What tells a question from its namesakes: its text and, of a multiple choice, the options."""
    if question.choices is None:
        return question.question
    return [question.question, *question.choices]


def _subject_of_row(row: dict[str, Any]) -> Any:
    """`subject_of` a row that was written; one that lacks the text differs from every question."""
    choices = row.get("choices")
    problem = row.get("problem")
    return problem if choices is None else [problem, *choices]


def first_so_many(num_problems: int | str | None) -> int | None:
    """The number in NUM_PROBLEMS; None for every question."""
    if num_problems is None or str(num_problems).strip().lower() in ("all", "none", ""):
        return None
    if str(num_problems).strip().isdigit() and int(num_problems) > 0:
        return int(num_problems)
    raise SettingError(f"NUM_PROBLEMS is {num_problems!r}; it is a number above 0, or 'all'.")


def _check_amounts(model: str, timeout: float, price_in: float, price_out: float) -> None:
    settings.text("MODEL", model)
    if prompts.well_formed(model) != model:
        raise SettingError(f"MODEL is {model!r}, which is no UTF-8 text.")
    settings.seconds("TIMEOUT", timeout)
    settings.price("PRICE_IN", price_in)
    settings.price("PRICE_OUT", price_out)
