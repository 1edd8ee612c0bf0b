"""Grade files of answers, and read from the grades what they tell about the models.

`grade` turns what 03 wrote into the same rows with `extracted_answer` and `is_correct` on every
response; `summarise` reads graded files into accuracies with intervals; `join_outcomes` puts two
models' graded files side by side as labelled prompts for 05. Responses files are only read. Whether
one answer is right is `correctness`'s business.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from routerlib import settings
from routerlib.answers import correctness
from routerlib.answers.killable import Crew, Lost
from routerlib.errors import Foreseen
from routerlib.progress import bar as progress_bar
from routerlib.progress import printable
from routerlib.rows import jsonl, tables
from routerlib.rows.schemas import (
    ROUTE_TO_INFERIOR,
    ROUTE_TO_SUPERIOR,
    LabelledPrompt,
    Responses,
    Sample,
)

RESERVED = ("outcomes.jsonl",)  # written beside the graded files, and no graded file itself


class GradingError(Foreseen, ValueError):
    """The input or output cannot be used as it is; the text says what to do."""


class NoInput(GradingError, FileNotFoundError):
    """There is no such file or folder."""


# --- files ---


@dataclass
class Grading:
    """What `grade` did: the graded files, the summary of each model, and what is not in them.

    Fields: rejected: rows that could not be read; `rejects` has a sentence for each file with such.
    superseded: rows that a later one for the same question and model replaced. lost: answers whose
    grading took too long or crashed.
    """

    files: list[Path] = field(default_factory=list)
    summaries: list[dict[str, Any]] = field(default_factory=list)
    answers: int = 0
    rejected: int = 0
    rejects: list[str] = field(default_factory=list)
    superseded: int = 0
    lost: int = 0
    seconds: float = 0.0


def grade(
    input: str | Path = "",
    output: str | Path = "",
    workers: int | None = None,
    timeout: float = 5.0,
    by_category: bool = True,
    progress: bool = True,
) -> Grading:
    """Grade a file of responses, or every file of a folder, and write each again with grades.

    Example:
        grading = routerlib.grade("outputs/responses", "outputs/graded")
        print(grading.answers)

    Args:
        input: a JSONL file (or .jsonl.gz) as 03 writes it, the same as .parquet or at an address
            such as s3://bucket/a.jsonl, or a folder of such files; empty for outputs/responses, or
            the shipped sample responses where that has none.
        output: the graded file or folder; empty for outputs/graded. It appears complete or not at
            all. Rows that cannot be read go to `<name>.rejects.jsonl` beside it, with file, line,
            field and reason. At an address, or as a .parquet file, a copy of the graded rows is
            put; the graded file itself is in outputs/graded.
        workers: processes. Without it, one a core.
        timeout: seconds of processor time that one answer may take.
        by_category: print a line for each category.
        progress: show a bar and the summary.

    Raises:
        NoInput: there is no such file or folder. GradingError: no responses in it, or the output is
            the input.
        jsonl.Unreadable: a file is no text, damaged, or may not be read.
    """
    with Crew("routerlib.answers.correctness:grade_answer", workers, timeout) as crew:

        def alone(works: list[Work]) -> Iterator[Iterator[GradedLine]]:
            return (graded_lines(str(work.source), work.lines, crew) for work in works)

        return grade_by(alone, input, output, by_category, progress)


Lines = Iterable[tuple[int, Any]]  # line number and decoded value, or RowError


@dataclass(frozen=True)
class Work:
    """A file to grade: the responses, the graded file they become, and the lines of the responses,
    without those that a later line replaces.
    """

    source: Path
    target: Path
    lines: Lines


@dataclass(frozen=True)
class GradedLine:
    """What became of a line: the row with its grades, what it tells of its model (as
    `_counts_of` has it), and how many of its answers were lost; or, refused, the reject.
    """

    number: int
    row: Responses | dict[str, Any] | None = None
    told: dict[str, Any] = field(default_factory=dict)
    lost: int = 0
    refused: dict[str, Any] | None = None


def grade_by(
    graded: Callable[[list[Work]], Iterable[Iterable[GradedLine]]],
    input: str | Path,
    output: str | Path,
    by_category: bool,
    progress: bool,
) -> Grading:
    """`grade`, by whoever grades: this process, or many machines.

    Args:
        graded: is given all the work, whose lines it may look at first; gives the graded lines of
            each file, in this order.
    """
    started, grading = time.monotonic(), Grading()
    pairs = _files_to_grade(input, _graded_path(output))
    # What cannot be graded is told before anything is written
    surveys = [_survey(source) for source, _ in pairs]
    works = [
        Work(source, target, _lines_to_grade(source, survey))
        for (source, target), survey in zip(pairs, surveys, strict=True)
    ]
    tallies: _Tallies = {}
    for work, survey, lines in zip(works, surveys, graded(works), strict=True):
        _grade_file(work, survey, lines, grading, tallies, progress)
    grading.seconds = time.monotonic() - started
    grading.summaries = _summaries(tallies)
    if progress:
        _tell(grading, by_category)
    if output and tables.is_copy(output):
        for told in _copies(grading.files, str(output)):
            print(f"The same rows are at {told}.")
    return grading


def _graded_path(output: str | Path) -> Path:
    """The graded file or folder; of a copy, what it is a copy of."""
    if not str(output).strip():
        return settings.outputs("graded")
    if str(output).endswith(tables.OTHER_ENDINGS):
        tables.check_ending("OUTPUT", output)
    if not tables.is_copy(output):
        return settings.resolve(output)
    if tables.is_address(output):
        tables.check_address(output)
    if not _names_a_file(output):
        return settings.outputs("graded")
    return settings.outputs("graded") / tables.name_of_lines(output)


def _copies(files: list[Path], output: str) -> Iterator[str]:
    """Put the graded rows where the output was named: a file, or a folder at an address."""
    for file in files:
        rows = (value for _, value in jsonl.read_values(file))
        target = output if _names_a_file(output) else f"{output.rstrip('/')}/{file.name}"
        yield tables.put(rows, target)


def _names_a_file(output: str | Path) -> bool:
    """Whether an output is one file, and no folder at an address."""
    return str(output).endswith((".jsonl", ".parquet"))


def _files_to_grade(input: str | Path, target: Path) -> list[tuple[Path, Path]]:
    """(responses file, graded file) for each file of the input, none of which takes another's
    place.
    """
    files = input_files(input)
    is_file = target.suffix in (".jsonl", ".gz") and not target.is_dir()
    if (is_file and len(files) > 1) or (not is_file and target.is_file()):
        raise GradingError(
            f"{target} is a file, where a folder for {len(files)} graded files is needed. Name "
            "another."
        )
    pairs = [
        (file, target if is_file else target / file.name.removesuffix(".gz")) for file in files
    ]
    taken = {file.resolve(): file for file in files}
    for file, graded in pairs:
        if graded.resolve() in taken:
            raise GradingError(
                f"{graded} is the responses file itself, which stays as it is. Name another output."
                if graded.resolve() == file.resolve()
                else f"{file} and {taken[graded.resolve()]} would both be graded into {graded}. "
                f"Rename one of them."
            )
        if jsonl.rejects_path(graded).resolve() in taken:
            raise GradingError(
                f"{graded}: its rows that cannot be graded would go to {file}. Name another output."
            )
        taken[graded.resolve()] = file
    return pairs


def input_files(input: str | Path = "") -> list[Path]:
    """The responses files behind an input: a file, the files of a folder, or by default what 03
    left or the samples.

    Raises:
        FileNotFoundError: there is nothing of that name. GradingError: a folder without responses.
    """
    if not str(input).strip():
        return responses_files(settings.outputs("responses")) or sorted(
            settings.SAMPLES.glob("responses_*.jsonl")
        )
    if tables.is_address(input):
        return [tables.as_lines(input)]
    source = settings.resolve(input)
    if refusal := settings.refusal_of_pipe(source):
        raise GradingError(refusal)
    if not source.exists():
        raise NoInput(
            f"There is nothing at {source}. Name a responses file of notebook 03, or a folder of "
            "them."
        )
    if tables.is_copy(source):
        return [tables.as_lines(source)]
    files = responses_files(source) if source.is_dir() else [source]
    if not files:
        raise GradingError(
            f"{source} holds no .jsonl files with rows. Run notebook 03 first, or name another "
            "folder."
        )
    return files


def responses_files(folder: str | Path) -> list[Path]:
    """The JSONL files of a folder, sorted, without rejects, outcomes, and those in which there is
    nothing yet.
    """
    files = [path for pattern in ("*.jsonl", "*.jsonl.gz") for path in Path(folder).glob(pattern)]
    return sorted(
        path
        for path in files
        if path.is_file()
        and path.stat().st_size
        and ".rejects." not in path.name
        and path.name not in RESERVED
    )


def _grade_file(
    work: Work,
    survey: _Survey,
    lines: Iterable[GradedLine],
    grading: Grading,
    tallies: _Tallies,
    show: bool,
) -> None:
    with (
        progress_bar(survey.lines, work.source.name, "row", show) as bar,
        jsonl.Rejects(jsonl.rejects_path(work.target)) as rejects,
    ):

        def rows() -> Iterator[Responses | dict[str, Any]]:
            for line in lines:
                bar.update(line.number - bar.n)
                if line.refused:
                    rejects.append(line.refused)
                if line.row is None:
                    continue
                grading.answers += line.told["samples"]
                grading.lost += line.lost
                _add(line.told, tallies)
                yield line.row

        jsonl.write_rows(work.target, rows())
        bar.update(survey.lines - bar.n)
    grading.superseded += len(survey.superseded)
    if rejects.count:
        grading.rejects.append(str(rejects))
    grading.rejected += rejects.count
    grading.files.append(work.target)


def graded_lines(name: str, lines: Lines, crew: Crew) -> Iterator[GradedLine]:
    """Lines of responses in their order, each as soon as all its answers have a verdict.

    Args:
        name: the file, for messages. crew: of `correctness.grade_answer`.
    """
    waiting: deque[tuple[int, Responses | jsonl.Refused]] = deque()

    def items() -> Iterator[dict[str, Any]]:
        for number, row in jsonl.each_checked(name, lines, Responses):
            waiting.append((number, row))
            for sample in _answers_of(row):
                yield correctness.item_of(cast(Responses, row), sample)

    filled = lost = 0
    for verdict in crew.map(items()):
        while not _answers_of(waiting[0][1]):
            yield _as_graded(*waiting.popleft())
        answers = _answers_of(waiting[0][1])
        correctness.record(answers[filled], verdict)
        filled += 1
        lost += isinstance(verdict, Lost)
        if filled == len(answers):
            yield _as_graded(*waiting.popleft(), lost)
            filled = lost = 0
    while waiting:
        yield _as_graded(*waiting.popleft())


def _answers_of(row: Responses | jsonl.Refused) -> list[Sample]:
    return [] if isinstance(row, jsonl.Refused) else row.responses


def _as_graded(number: int, row: Responses | jsonl.Refused, lost: int = 0) -> GradedLine:
    if isinstance(row, jsonl.Refused):
        return GradedLine(number, refused=row.as_row)
    return GradedLine(number, row, _counts_of(row), lost)


@dataclass
class _Survey:
    """What a file holds: its lines, and those that a later line for the same question and model
    replaces.
    """

    lines: int = 0
    superseded: set[int] = field(default_factory=set)


def _survey(path: Path) -> _Survey:
    """Read a file through before anything is written.

    Where each line names a question of its own, no line replaces another, and the rows need not be
    checked here; but for the first that can be graded, all is looked at when it is its turn.

    Raises:
        GradingError: there is no row in it. jsonl.Unreadable: none that can be graded.
    """
    survey, names = _Survey(), set[int]()
    for survey.lines, value in jsonl.decode_lines(path):
        name = _name_of(value, path)
        if name is None or name in names:
            return _checked_survey(path)
        names.add(name)
    if next(jsonl.read_rows(path, Responses, rejects=[]), None) is None:
        raise _no_row(path)
    return survey


def _name_of(value: Any, path: Path) -> int | None:
    """What tells the question and the model of a line, as a number; None where the line says it in
    words of another format, or cannot be read.
    """
    if not isinstance(value, dict):
        return None
    named, model = value.get("unique_id"), value.get("model") or jsonl.model_of_file(str(path))
    is_plain = isinstance(named, str | int) and isinstance(model, str)
    return hash((model, str(named))) if is_plain else None


def _checked_survey(path: Path) -> _Survey:
    """The same from rows that are checked: only a row that can be used replaces another."""
    survey = _Survey()
    last: dict[int, int] = {}

    def numbered() -> Iterator[tuple[int, Any]]:
        for survey.lines, value in jsonl.decode_lines(path):
            yield survey.lines, value

    for row in jsonl.checked(str(path), numbered(), Responses, rejects=[]):
        key = hash((row.model, row.unique_id))
        survey.superseded.update([last[key]] if key in last else [])
        last[key] = survey.lines
    if not last:
        raise _no_row(path)
    return survey


def _no_row(path: Path) -> GradingError:
    return GradingError(
        f"{path} has no row that can be graded. Name a responses file of notebook 03."
    )


def _lines_to_grade(path: Path, survey: _Survey) -> Iterator[tuple[int, Any]]:
    """The numbered values of a file, without those that a later line replaces."""
    for number, value in jsonl.decode_lines(path):
        if number not in survey.superseded:
            yield number, value


def _tell(grading: Grading, by_category: bool) -> None:
    for summary in grading.summaries:
        for group in summary["categories"] if by_category else []:
            right = _percent_with_interval(group["accuracy"])
            name = printable(group["category"])
            print(f"  {name:<24}{right}  of {group['questions']} questions")
        print(printable(summary_sentence(summary)))
    rate = grading.answers / max(grading.seconds, 1e-9)
    notes = [f"{grading.answers:,} answers graded in {grading.seconds:.1f} s ({rate:,.0f}/s)"]
    if grading.lost:
        notes.append(f"{grading.lost} lost to time-outs or crashes and counted as wrong")
    if grading.superseded:
        notes.append(
            f"{grading.superseded:,} rows gave way to a later one for the same question and model"
        )
    print("; ".join(notes) + ".")
    print(*grading.rejects, sep="\n", end="\n" if grading.rejects else "")


# --- accuracies with intervals ---


def estimate(values: Any) -> dict[str, float]:
    """A mean over questions with its 95 % interval; values in [0, 1], one a question.

    The interval is Wilson's, at the effective number of questions: for values other than 0 and 1
    (shares of several samples) their variance is smaller than a coin's, so that n grows by that
    ratio.
    """
    import numpy as np

    from routerlib.stats.metrics import wilson

    values = np.asarray(list(values), dtype=float)
    n = len(values)
    mean = float(values.mean()) if n else 0.0
    coin, own = mean * (1 - mean), float(values.var()) if n else 0.0
    effective = n * min(coin / own, 100.0) if n > 1 and own > 1e-12 and coin > 0 else n
    low, high = wilson(mean * effective, effective)
    return {"value": mean, "low": low, "high": high, "n": n}


def _counts_of(row: Responses) -> dict[str, Any]:
    """What the answers to one question tell of a model, in numbers that JSON can hold."""
    samples = row.responses
    status = [sample.extraction_status for sample in samples]
    return {
        "model": row.model,
        "category": row.category,
        "samples": len(samples),
        "right": sum(bool(sample.is_correct) for sample in samples),
        "majority": _majority(samples),
        "none": status.count("none"),
        "ambiguous": status.count("ambiguous"),
        "truncated": sum(bool(sample.truncated) for sample in samples),
        "rules": Counter(sample.extraction_rule or "unknown" for sample in samples),
    }


@dataclass
class _GroupTally:
    """What one model did on one group of questions, a number (or a pair of them) a question."""

    shares: list[float] = field(default_factory=list)
    samples_and_right: list[tuple[int, int]] = field(default_factory=list)
    majority: list[float] = field(default_factory=list)
    none: list[float] = field(default_factory=list)
    truncated: list[float] = field(default_factory=list)
    ambiguous: list[float] = field(default_factory=list)
    unread: list[float] = field(default_factory=list)

    def add(self, told: dict[str, Any]) -> None:
        n = told["samples"]
        self.shares.append(told["right"] / n)
        self.samples_and_right.append((n, told["right"]))
        self.majority.append(told["majority"])
        self.none.append(told["none"] / n)
        self.ambiguous.append(told["ambiguous"] / n)
        self.unread.append((told["none"] + told["ambiguous"]) / n)
        self.truncated.append(told["truncated"] / n)

    def passed(self, k: int) -> list[float]:
        """pass@k of each question; of one with fewer samples, of so many as it has."""
        from routerlib.stats.metrics import pass_at_k

        return [pass_at_k(n, right, min(k, n)) for n, right in self.samples_and_right]


def _majority(samples: list[Sample]) -> float:
    """Whether the most frequent answer is right; of several, their mean; samples without an answer
    have no vote.
    """
    votes = Counter(
        sample.extracted_answer for sample in samples if sample.extracted_answer is not None
    )
    if not votes:
        return 0.0
    most = max(votes.values())
    right = {sample.extracted_answer: bool(sample.is_correct) for sample in samples}
    winners = [right[answer] for answer, count in votes.items() if count == most]
    return sum(winners) / len(winners)


def summarise(files: str | Path | Sequence[str | Path]) -> list[dict[str, Any]]:
    """Accuracies from graded files, one entry for each model, over all its files.

    Returns:
        model, questions, samples (fewest and most a question), k, and as {value, low, high, n} over
        questions: accuracy (pass@1), pass_at_k, majority_vote, none, truncated, ambiguous, unread
            (none or
        ambiguous); `rules` counts the samples by the rule that found them; `categories` lists
        category, questions and accuracy. Questions without samples are left out; `without_samples`
        counts them.
    """
    tallies: _Tallies = {}
    for row in _rows_of_files(files):
        _add(_counts_of(row), tallies)
    return _summaries(tallies)


def _rows_of_files(files: str | Path | Sequence[str | Path]) -> Iterator[Responses]:
    for path in [files] if isinstance(files, str | Path) else files:
        yield from jsonl.read_rows(path, Responses)


@dataclass
class _ModelTally:
    """What one model did on all questions and on those of each category."""

    sizes: Counter[int] = field(default_factory=Counter)  # how many questions have so many samples
    rules: Counter[str] = field(default_factory=Counter)  # how many samples a rule has read
    whole: _GroupTally = field(default_factory=_GroupTally)
    groups: dict[str, _GroupTally] = field(default_factory=dict)

    def add(self, told: dict[str, Any]) -> None:
        self.sizes[told["samples"]] += 1
        if not told["samples"]:
            return
        self.whole.add(told)
        self.groups.setdefault(told["category"], _GroupTally()).add(told)
        self.rules.update(told["rules"])


_Tallies = dict[str, _ModelTally]  # by model


def _add(told: dict[str, Any], tallies: _Tallies) -> None:
    tallies.setdefault(told["model"], _ModelTally()).add(told)


def _summaries(tallies: _Tallies) -> list[dict[str, Any]]:
    return [_summary(model, tally) for model, tally in tallies.items()]


def _summary(model: str, tally: _ModelTally) -> dict[str, Any]:
    sizes, whole = tally.sizes, tally.whole
    k = max(sizes)
    return {
        "model": model,
        "questions": len(whole.shares),
        "without_samples": sizes[0],
        "samples": [min((n for n in sizes if n), default=0), k],
        "k": k,
        "accuracy": estimate(whole.shares),
        "pass_at_k": estimate(whole.passed(k)),
        "majority_vote": estimate(whole.majority),
        "none": estimate(whole.none),
        "truncated": estimate(whole.truncated),
        "ambiguous": estimate(whole.ambiguous),
        "unread": estimate(whole.unread),
        "rules": dict(tally.rules.most_common()),
        "categories": [
            {"category": name, "questions": len(group.shares), "accuracy": estimate(group.shares)}
            for name, group in sorted(tally.groups.items())
        ],
    }


def choose_pair(
    summaries: Sequence[dict[str, Any]], inferior: str = "", superior: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Which of the graded models is the inferior and which the superior one: (summary, summary).

    By the names given; for two models without names, the less accurate one is the inferior.

    Raises:
        GradingError: there are not two models, or a name is not among them.
    """
    known = {summary["model"]: summary for summary in summaries}
    for name in filter(None, (inferior, superior)):
        if name not in known:
            raise GradingError(
                f"No graded answers of a model {name!r}; there are those of "
                f"{', '.join(known) or 'none'}."
            )
    if inferior and inferior == superior:
        raise GradingError(
            f"INFERIOR_MODEL and SUPERIOR_MODEL are both {inferior!r}; name two different ones."
        )
    rest = [known[name] for name in known if name not in (inferior, superior)]
    if len(rest) + bool(inferior) + bool(superior) != 2 and not (inferior and superior):
        raise GradingError(
            f"{len(known)} models were graded ({', '.join(known)}), where a pair is needed. Name "
            "the two as INFERIOR_MODEL and SUPERIOR_MODEL, or grade the answers of the other "
            "model as well."
        )
    rest.sort(key=lambda summary: summary["accuracy"]["value"])
    first = known[inferior] if inferior else rest.pop(0)
    return first, known[superior] if superior else rest.pop(0)


def graded_files_of(files: Sequence[str | Path], model: str) -> list[Path]:
    """The graded files that hold answers of a model, told by their first row."""
    return [Path(path) for path in files if next(_rows_of_files(path)).model == model]


def summary_sentence(summary: dict[str, Any]) -> str:
    """A summary in words: accuracy with its interval, and what could not be read."""
    parts = [
        (
            f"{summary['model']}: {_percent_with_interval(summary['accuracy'])} right on "
            f"{summary['questions']:,} questions"
        )
    ]
    if summary["k"] > 1:
        parts.append(
            f"pass@{summary['k']} {_percent_with_interval(summary['pass_at_k'])}, majority vote "
            f"{_percent_with_interval(summary['majority_vote'])}"
        )
    shares = [
        f"{name.replace('none', 'no answer')} {summary[name]['value']:.1%}"
        for name in ("none", "ambiguous", "truncated")
    ]
    return "; ".join([*parts, ", ".join(shares)]) + "."


def gap_sentence(inferior: dict[str, Any], superior: dict[str, Any]) -> str:
    """How far the two models are apart, in all and by category: where a router has most and least
    to win.
    """
    gap = superior["accuracy"]["value"] - inferior["accuracy"]["value"]
    cheap = {group["category"]: group["accuracy"]["value"] for group in inferior["categories"]}
    gaps = {
        group["category"]: group["accuracy"]["value"] - cheap[group["category"]]
        for group in superior["categories"]
        if group["category"] in cheap
    }
    more = f"{100 * abs(gap):.1f} points {'more' if gap >= 0 else 'less'} often"
    text = f"{superior['model']} is right {more} than {inferior['model']}"
    if len(gaps) < 2:
        return f"{text}."
    wide, narrow = max(gaps, key=gaps.__getitem__), min(gaps, key=gaps.__getitem__)
    return (
        f"{text}: most in {wide} ({100 * gaps[wide]:+.1f}), least in {narrow} "
        f"({100 * gaps[narrow]:+.1f})."
    )


def reading_gap(inferior: dict[str, Any], superior: dict[str, Any]) -> dict[str, Any]:
    """How much of the gap between two models could be reading rather than knowledge.

    An output in which no single answer was found counts as wrong. Had all such outputs of the
    inferior model been right, and those of the superior one wrong, the gap would be the narrowest;
    the other way round, the widest.

    Args:
        inferior, superior: summaries of `summarise`.

    Returns:
        gap (accuracy of the superior model less that of the inferior one), narrowest, widest, as
        shares in [-1, 1]; unread: the share of each model's outputs without a single answer, as
        (inferior, superior);
        difference: {value, low, high} of those two shares, inferior less superior, with Newcombe's
            95 %
        interval (Statistics in Medicine 17, 1998, method 10); differ: whether that interval leaves
        out 0.
    """
    one, other = inferior["unread"], superior["unread"]
    gap = superior["accuracy"]["value"] - inferior["accuracy"]["value"]
    value = one["value"] - other["value"]
    below = math.hypot(one["value"] - one["low"], other["high"] - other["value"])
    above = math.hypot(one["high"] - one["value"], other["value"] - other["low"])
    difference = {"value": value, "low": value - below, "high": value + above}
    return {
        "gap": gap,
        "narrowest": gap - one["value"],
        "widest": gap + other["value"],
        "unread": (one["value"], other["value"]),
        "difference": difference,
        "differ": difference["low"] > 0 or difference["high"] < 0,
    }


def reading_sentence(inferior: dict[str, Any], superior: dict[str, Any]) -> str:
    """`reading_gap` in words: what was not read of each model, what that could do to the gap, and
    who differs.
    """
    found = reading_gap(inferior, superior)
    parts = [
        f"No single answer was read in {_unread(inferior)}, and in {_unread(superior)}.",
        f"The gap is {100 * found['gap']:.1f} points; read otherwise, these outputs could make it "
        f"anything from {100 * found['narrowest']:.1f} to {100 * found['widest']:.1f}.",
    ]
    if not found["differ"]:
        return " ".join([*parts, "The two models do not differ measurably in this."])
    difference = found["difference"]
    more = inferior["model"] if difference["value"] > 0 else superior["model"]
    low, high = sorted(abs(100 * difference[end]) for end in ("low", "high"))
    parts.append(
        f"The two models differ in this: {more} is read less often by "
        f"{abs(100 * difference['value']):.1f} points (95 % interval {low:.1f} to {high:.1f}). "
        "Part of the gap may be form and not knowledge, so read some of these outputs before you "
        "trust it."
    )
    return " ".join(parts)


def _unread(summary: dict[str, Any]) -> str:
    shares = {name: summary[name]["value"] for name in ("unread", "none", "ambiguous", "truncated")}
    return (
        f"{shares['unread']:.1%} of the outputs of {summary['model']} (no answer "
        f"{shares['none']:.1%}, ambiguous {shares['ambiguous']:.1%}; cut off "
        f"{shares['truncated']:.1%})"
    )


def _percent_with_interval(share: dict[str, float]) -> str:
    return f"{share['value']:.1%} [{share['low']:.1%}, {share['high']:.1%}]"


# --- outcomes ---


def join_outcomes(
    inferior_graded: str | Path | Sequence[str | Path],
    superior_graded: str | Path | Sequence[str | Path],
    output: str | Path | None = None,
) -> tuple[list[LabelledPrompt], dict[str, float]]:
    """Two models' graded files, joined by `unique_id`, as labelled prompts for 05.

    Args:
        inferior_graded, superior_graded: files that `grade` wrote, one or several.
        output: where to write the rows as JSONL, if anywhere.

    Returns:
        (rows, counts). A row's p_superior is the share of all pairs of one sample each in which the
        superior model is right and the inferior is not, which is s·(1 − i) of their shares of right
        samples; inferior_score and superior_score are those shares. `counts` has joined,
        only_inferior, only_superior (questions in one file alone), without_samples,
        different_questions (one id, two
        texts: left out), and what `two_by_two` counts in the joined ones.

    Raises:
        GradingError: a file has not been graded, or no question is in both.
    """
    inferior, cheap_model = {}, ""
    for row in _rows_of_files(inferior_graded):
        inferior[row.unique_id], cheap_model = _right_share_of(row), row.model
    counts: Counter[str] = Counter(
        joined=0, only_inferior=0, only_superior=0, without_samples=0, different_questions=0
    )
    rows, met = [], set()
    for row in _rows_of_files(superior_graded):
        other, own = inferior.get(row.unique_id), _right_share_of(row)
        met.add(row.unique_id)
        fate = _fate_of_question(other, own)
        counts[fate] += 1
        if fate == "joined" and other and other[1] is not None and own[1] is not None:
            outcome = _labelled(row, other[1], own[1])
            outcome.inferior_model, outcome.superior_model = cheap_model, row.model
            rows.append(outcome)
    counts["only_inferior"] = len(inferior.keys() - met)
    if not rows:
        raise GradingError(
            "No question was answered by both models: join the graded files of two models on one "
            f"data set ({inferior_graded} and {superior_graded})."
        )
    if output:
        jsonl.write_rows(output, rows)
    return rows, dict(counts) | two_by_two(rows)


def _fate_of_question(
    inferior: tuple[int, float | None] | None, superior: tuple[int, float | None]
) -> str:
    if inferior is None:
        return "only_superior"
    if inferior[0] != superior[0]:
        return "different_questions"
    return "without_samples" if inferior[1] is None or superior[1] is None else "joined"


def _right_share_of(row: Responses) -> tuple[int, float | None]:
    """(fingerprint of the question, share of right samples or None without samples)."""
    verdicts = [sample.is_correct for sample in row.responses]
    if None in verdicts:
        raise GradingError(
            f"Question {row.unique_id} of {row.model} has no grades yet. Grade its file first "
            "(notebook 04)."
        )
    text = hash((" ".join(row.problem.split()), tuple(row.choices or ())))
    return text, sum(map(bool, verdicts)) / len(verdicts) if verdicts else None


def _labelled(row: Responses, inferior: float, superior: float) -> LabelledPrompt:
    p = superior * (1 - inferior)
    return LabelledPrompt(
        id=row.unique_id,
        prompt=prompt_of(row),
        label=ROUTE_TO_SUPERIOR if p > 0.5 else ROUTE_TO_INFERIOR,
        p_superior=p,
        source="graded",
        category=row.category,
        inferior_score=inferior,
        superior_score=superior,
    )


def prompt_of(row: Responses) -> str:
    """What the router sees of a question: its text, and its options where it has any."""
    return row.as_prompt()


def two_by_two(rows: Iterable[LabelledPrompt]) -> dict[str, float]:
    """Who is right, as expected numbers of questions over all pairs of one sample of each model."""
    table = dict.fromkeys(
        ("both_right", "only_superior_right", "only_inferior_right", "both_wrong"), 0.0
    )
    for row in rows:
        i, s = row.inferior_score or 0.0, row.superior_score or 0.0
        table["both_right"] += i * s
        table["only_superior_right"] += s * (1 - i)
        table["only_inferior_right"] += i * (1 - s)
        table["both_wrong"] += (1 - i) * (1 - s)
    return table


def gain_sentence(counts: dict[str, float]) -> str:
    """The 2 × 2 table in words: what a perfect router could gain over always asking one model."""
    n = sum(
        counts[name]
        for name in ("both_right", "only_superior_right", "only_inferior_right", "both_wrong")
    )
    inferior = (counts["both_right"] + counts["only_inferior_right"]) / n
    superior = (counts["both_right"] + counts["only_superior_right"]) / n
    best = 1 - counts["both_wrong"] / n
    calls = counts["only_superior_right"] / n
    return (
        f"On {calls:.1%} of the questions only the superior model is right: a perfect router would "
        f"send just those to it, and be right on {best:.1%}, where always asking the superior "
        f"model gives {superior:.1%} and always asking the inferior one {inferior:.1%}. On "
        f"{counts['only_inferior_right'] / n:.1%} only the inferior model is right."
    )
