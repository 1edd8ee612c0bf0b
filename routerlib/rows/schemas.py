"""The rows that travel between the notebooks, and the check that each one passes on the way in.

Every arrow of the data flow is a JSONL file of one of these rows. A row is checked where it is read
and where it is written; fields we do not know are kept, because a file may carry more than we need.
This module does no input or output (see `jsonl`) and does not know where rows come from
(`sources`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from routerlib.errors import Foreseen
from routerlib.rows import published
from routerlib.rows.finish_reasons import finish_reason as in_our_words
from routerlib.rows.options import LETTERS, lettered

Label = Literal["ROUTE_TO_INFERIOR", "ROUTE_TO_SUPERIOR"]
ROUTE_TO_INFERIOR: Final = "ROUTE_TO_INFERIOR"
ROUTE_TO_SUPERIOR: Final = "ROUTE_TO_SUPERIOR"
LABELS: tuple[Label, Label] = (ROUTE_TO_INFERIOR, ROUTE_TO_SUPERIOR)

Winner = Literal["model_a", "model_b", "tie"]
Source = Literal["human", "llm", "graded", "judged"]
FORMAT, FORMAT_FIELD = 1, "routerlib_format"  # of rows and of a data set's card


class RowError(Foreseen, ValueError):
    """A row that does not fit its format. The text names the field; readers add file and line."""

    def __init__(self, message: str, field: str = "", text: str = ""):
        super().__init__(message)
        self.field, self.text = field, text


def check_format(facts: Mapping[str, Any]) -> None:
    """Refuse what a later version wrote in a form that this one would misread.

    A row, or a card of a data set, that carries no number is of format 1, as everything is that
    was written so far. `router.json` has a number of its own.

    Raises:
        RowError: its number is above FORMAT.
    """
    number = facts.get(FORMAT_FIELD, FORMAT)
    if isinstance(number, int) and number > FORMAT:
        raise RowError(
            f"format {number}, where this version of routerlib reads format {FORMAT}: a later one "
            "wrote it. Upgrade routerlib",
            FORMAT_FIELD,
        )


class Row(BaseModel):
    """Base of all rows: unknown fields are kept, and assignments are not re-checked (speed).

    A row may come as a public data set has it (see `published`). `SPARSE` names the fields that are
    written only where a row has them; `OUTCOME` the one on which rows may not be lost unevenly.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=())
    SPARSE: ClassVar[frozenset[str]] = frozenset()
    OUTCOME: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _from_published_rows(cls, row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        check_format(row)
        return published.as_fields(cls.__name__, row)

    @model_serializer(mode="wrap")
    def _without_what_is_not_known(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        row = written(self)
        for name in self.SPARSE:
            if row.get(name, ...) is None:
                del row[name]
        return row


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


# Ids and answers arrive as numbers in public files.
Text = Annotated[str, BeforeValidator(_as_text)]
# What a message says may be a list of parts, or nothing where it calls tools.
Content = Annotated[str, BeforeValidator(published.message_text)]
# Why an answer ended, however the server or the file says it: {"type": "length"}, "MAX_TOKENS".
FinishReason = Annotated[str | None, BeforeValidator(in_our_words)]
Signal = Annotated[float, Field(allow_inf_nan=False)]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Message(Row):
    """One turn of a conversation, as the OpenAI API writes it."""

    role: str
    content: Content


def conversation_text(turns: Sequence[Message]) -> str:
    """A conversation as one text, with its roles marked; one of a single user turn is that turn."""
    if len(turns) == 1 and turns[0].role == "user":
        return turns[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns)


Prompt = str | list[Message]  # a single user prompt, or the whole conversation so far


class Question(Row):
    """A question with a known answer. `choices` is None for an open-ended one."""

    unique_id: Text
    question: str = Field(min_length=1)
    choices: list[Text] | None = None
    choice_index_correct: int | None = None
    explanation_correct: str | None = None
    answer_correct: Text
    answer_alternatives: list[Text] = Field(default_factory=list)  # other right wordings
    category: Text = "uncategorised"

    @property
    def is_mcq(self) -> bool:
        return self.choices is not None

    @model_validator(mode="after")
    def _choices_fit(self) -> Question:
        if self.is_mcq:
            check_choices(self.choices, self.choice_index_correct)
        return self


class LoggedAnswer(Row):
    """An answer that a log already holds, and what the log tells of it (see `logs`).

    `model` is the name it was asked under, `also_named` other names of it in the same log. `cost`
    is money as the log has it, `seconds` how long the answer took, `at` when it was asked (ISO
    8601, UTC).
    """

    SPARSE: ClassVar[frozenset[str]] = frozenset(
        {"finish_reason", "prompt_tokens", "completion_tokens", "cost", "seconds", "at"}
    )

    full_response: str
    model: str = "unknown"
    also_named: list[str] = Field(default_factory=list)
    finish_reason: FinishReason = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: Money | None = None
    seconds: float | None = None
    at: str | None = None

    def is_of(self, model: str) -> bool:
        """Whether the log names this model as the one that answered."""
        return model in (self.model, *self.also_named)


class OpenPrompt(Question):
    """A prompt as 03 asks it: nobody knows its answer, so `answer_correct` is empty.

    `question` is its text; `prompt` the conversation, where it is more than one text. `answer` is
    what a log already holds.
    """

    answer_correct: Text = ""
    prompt: list[Message] | None = None
    answer: LoggedAnswer | None = None


def check_choices(choices: list[str] | None, correct: int | None) -> None:
    """What a multiple-choice row must have: 2 to 26 options, since each gets a letter, and the
    index of the right one.

    Raises:
        RowError: naming the field.
    """
    number = len(choices or ())
    if not 2 <= number <= len(LETTERS):
        raise RowError(f"{number} options, where 2 to {len(LETTERS)} are possible", "choices")
    if correct is None or not 0 <= correct < number:
        raise RowError(f"{correct} is no index into {number} choices", "choice_index_correct")


def prompt_text(problem: str, choices: Sequence[str] | None) -> str:
    """What a router sees of a question: its text, and its options where it has any."""
    if not choices:
        return problem
    return f"{problem}\n{lettered(choices)}"


class Sample(Row):
    """One answer of a model. 03 writes the first four fields; 04 adds the grade.

    completion_tokens_estimated: the server counted those of several samples together, and each has
    a share by its length. cost: money. seconds: how long it took. from_log: it came out of a log,
    and was not asked for.
    extraction_rule, extraction_status (found, ambiguous or none) and truncated say how 04 read it.
    logprobs: its tokens with their log-probabilities, as the server gave them (see `logprobs`).
    """

    SPARSE: ClassVar[frozenset[str]] = frozenset(
        {
            "completion_tokens_estimated",
            "cached_tokens",
            "reasoning",
            "cost",
            "seconds",
            "from_log",
            "extraction_rule",
            "extraction_status",
            "truncated",
            "logprobs",
        }
    )

    full_response: str
    finish_reason: FinishReason = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    completion_tokens_estimated: bool | None = None
    cached_tokens: int | None = None
    extracted_answer: str | None = None
    is_correct: bool | None = None
    reasoning: str | None = None
    cost: float | None = None
    seconds: float | None = None
    from_log: bool | None = None
    extraction_rule: str | None = None
    extraction_status: str | None = None
    truncated: bool | None = None
    logprobs: Any = None


class Failure(Row):
    """Why a question has fewer samples than asked for; never mixed with the answers."""

    kind: str
    message: str
    status: int | None = None


class Responses(Row):
    """All samples of one model for one question: a line of what 03 writes and 04 grades.

    `usage` counts the tokens and requests behind them.
    """

    SPARSE: ClassVar[frozenset[str]] = frozenset({"usage"})

    unique_id: Text
    problem: str
    is_mcq: bool
    choices: list[Text] | None = None
    choice_index_correct: int | None = None
    explanation_correct: str | None = None
    answer_correct: Text
    answer_alternatives: list[Text] = Field(default_factory=list)
    category: str = "uncategorised"
    model: str
    sampling: dict[str, Any] = Field(default_factory=dict)
    attempts: int = 0
    error: Failure | None = None
    usage: dict[str, int] | None = None
    responses: list[Sample]

    @model_validator(mode="after")
    def _choices_fit(self) -> Responses:
        if self.is_mcq:
            check_choices(self.choices, self.choice_index_correct)
        return self

    def as_prompt(self) -> str:
        """What the router sees of the question."""
        return prompt_text(self.problem, self.choices)


def model_of_file(path: str) -> str:
    """The model whose answers a file holds, from its name: google_gemma-3-4b-it_MATH_500.jsonl,
    gemma.graded.jsonl.

    Data sets that such names end in are taken off. The samples_*.jsonl of lm-evaluation-harness lie
    in a folder that is named after the model.
    """
    file = PurePath(path)
    if file.name.startswith("samples_") and file.parent.name:
        return file.parent.name.replace("__", "/")
    stem = re.sub(r"(\.graded)?\.(jsonl|json|csv|parquet)(\.gz)?$", "", file.name)
    return re.sub(KNOWN_ENDINGS, "", stem) or stem


KNOWN_ENDINGS = (
    r"([_-](MATH[_-]500|MMLU[_-]Pro|gsm8k|sample|questions|responses|graded|test|validation))+$"
)


class Vote(Row):
    """One human judgment between two models, in the schema of lmsys/mt_bench_human_judgments."""

    OUTCOME: ClassVar[str] = "winner"

    question_id: Text
    model_a: str
    model_b: str
    winner: Winner
    judge: str = "unknown"
    turn: int = 1
    conversation_a: list[Message] | None = None
    conversation_b: list[Message] | None = None


class VoteQuestion(Row):
    """What the votes are about: an MT-Bench question, one text a turn."""

    question_id: Text
    category: str = "uncategorised"
    turns: list[str] = Field(min_length=1)


class Conversation(Row):
    """A row of lmsys/lmsys-chat-1m; `toxic` is WildChat's mark, and rows of one's own may have a
    category.

    `logged` is the answer to the whole conversation, where a log has one; `has_media` marks a
    conversation with pictures, sound or files, of which only the texts are here.
    """

    SPARSE: ClassVar[frozenset[str]] = frozenset({"category", "toxic", "logged", "has_media"})

    conversation_id: Text
    model: str = "unknown"
    conversation: list[Message] = Field(min_length=1)
    turn: int = 1
    language: str = "unknown"
    openai_moderation: list[dict[str, Any]] = Field(default_factory=list)
    redacted: bool = False
    toxic: bool | None = None
    category: Text | None = None
    logged: LoggedAnswer | None = None
    has_media: bool | None = None


class CleanPrompt(Row):
    """A prompt that passed all filters of 02. `category` is its own, or that of the nearest
    evaluation question, where one is near; `answer` is one that a log holds.
    """

    SPARSE: ClassVar[frozenset[str]] = frozenset({"answer"})

    id: Text
    prompt: Prompt
    language: str = "unknown"
    category: str = "uncategorised"
    answer: LoggedAnswer | None = None


class LabelledPrompt(Row):
    """What 01, 02 and 04 give to 05: a prompt and how often only the superior model will do.

    `p_superior` is the soft label, in [0, 1]: the share of comparisons in which the superior
    model's answer was strictly better (a tie is the inferior model's win: it is cheaper).
    `inferior_score` and `superior_score`, in [0, 1], are the two models' own shares of right
    samples in graded rows; in judged rows, the share of comparisons that the model did not lose.
    Human and LLM labels have none.
    `inferior_signals` is what is known once the inferior model has answered, by name; a signal that
    was not measured is left out (or null), never 0. `inferior_cost` and `superior_cost` are the
    money of this row's calls, in one unit; `signals_cost` is what the signals cost beside the
    inferior call (another model's answer, further samples), and `signals_calls` how many calls of
    cheap models that is; `signals_from` what was asked for them (samples, temperature,
    second_model, encoder), so that a server can ask the same. `inferior_model` and `superior_model`
    say whose answers they were. `votes` and `interval` come from people's votes (01), `answers`,
    `labeller` and `language` from a labeller (02), `merged_from`, `split` and `group` from the
    training set (02). `judges`, the `verdicts` behind the label, `judging_cost` (money) and `doubt`
    (in [0, 1]: how far the verdicts differ) come from judges (04), `audit` from people who checked
    a judged row (see `answers.auditing`).
    """

    SPARSE: ClassVar[frozenset[str]] = frozenset(
        {
            *(
                "inferior_signals",
                "inferior_cost",
                "superior_cost",
                "signals_cost",
                "signals_calls",
                "signals_from",
            ),
            *("inferior_model", "superior_model", "votes", "interval", "answers", "labeller"),
            *("language", "merged_from", "split", "group"),
            *("judges", "verdicts", "judging_cost", "doubt", "audit"),
        }
    )

    id: Text
    prompt: Prompt
    label: Label
    p_superior: float = Field(ge=0, le=1)
    source: Source
    category: str = "uncategorised"
    inferior_score: float | None = Field(default=None, ge=0, le=1)
    superior_score: float | None = Field(default=None, ge=0, le=1)
    inferior_signals: dict[str, Signal | None] | None = None
    inferior_cost: Money | None = None
    superior_cost: Money | None = None
    signals_cost: Money | None = None
    signals_calls: Money | None = None
    signals_from: dict[str, Any] | None = None
    inferior_model: str | None = None
    superior_model: str | None = None
    votes: int | None = None
    interval: list[float] | None = None
    answers: int | None = None
    labeller: dict[str, Any] | str | None = None
    language: str | None = None
    merged_from: int | None = None
    split: str | None = None
    group: int | None = None
    judges: list[str] | None = None
    verdicts: list[dict[str, Any]] | None = None
    judging_cost: Money | None = None
    doubt: float | None = None
    audit: dict[str, Any] | None = None


R = TypeVar("R", bound=Row)


def parse_row(row_type: type[R], value: Any) -> R:
    """Check one decoded JSON value against a row type.

    Raises:
        RowError: with a sentence that names the field that does not fit, or all the fields that are
            missing.
    """
    if not isinstance(value, dict):
        raise RowError(f"expected an object with fields, found {type(value).__name__}")
    try:
        return row_type.model_validate(value)
    except ValidationError as error:
        raise _row_error(error, value) from None


def _row_error(error: ValidationError, row: dict[str, Any]) -> RowError:
    errors = error.errors(include_url=False)
    missing = [
        str(found["loc"][0])
        for found in errors
        if found["type"] == "missing" and len(found["loc"]) == 1
    ]
    if missing:
        return RowError(_missing(missing, row), missing[0])
    first = errors[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, RowError):  # a check of ours over several fields names the one at fault
        field = cause.field
    else:
        field = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return RowError(f"field {field}: {message}{more}" if field else f"{message}{more}", field)


def _missing(missing: Sequence[str], row: dict[str, Any]) -> str:
    """All fields that a row lacks, the names that it has, and which of these may stand for
    which.
    """
    names = [str(name) for name in row]
    has = ", ".join(names[:15]) + (", …" if len(names) > 15 else "")
    near = nearest_names(missing, names)
    guess = ", ".join(f'"{name}": "{found}"' for name, found in near.items())
    advice = f"; if these are the same under other names, set FIELDS = {{{guess}}}" if guess else ""
    models = published.models_in(row)
    if len(models) > 1 and set(missing) & OUTCOME_FIELDS:
        advice = (
            '; to take two of its models, set FIELDS = {"inferior_score": CHEAP, '
            '"superior_score": EXPENSIVE}, '
            f"out of {', '.join(models)}"
        )
    also = f" (also missing: {', '.join(missing[1:])})" if len(missing) > 1 else ""
    return f"field {missing[0]}: Field required{also}; the row has {has or 'no field'}{advice}"


OUTCOME_FIELDS = {"p_superior", "label"}  # what a wide table of many models does not have

# Names that others give to our fields, the commonest first.
OTHER_NAMES = {
    "unique_id": ("id", "uid", "question_id", "key", "index"),
    "question_id": ("id", "unique_id", "qid", "uid"),
    "conversation_id": ("id", "uid", "chat_id", "conversation_hash"),
    "id": ("unique_id", "uid", "key", "question_id"),
    "question": ("problem", "prompt", "query", "text", "input", "instruction"),
    "problem": ("question", "prompt", "query", "text", "input"),
    "prompt": ("question", "problem", "query", "text", "input", "instruction"),
    "answer_correct": ("answer", "gold", "target", "label", "solution", "output"),
    "conversation": ("messages", "conversations", "chat", "dialogue", "turns"),
    "turns": ("prompt", "prompts", "question", "text"),
    "winner": ("preference", "label", "vote", "choice", "preferred"),
    "model_a": ("left_model", "model_1", "model_left"),
    "model_b": ("right_model", "model_2", "model_right"),
    "responses": ("outputs", "samples", "answers", "generations"),
}


LIKE = 0.6  # two names that share less than this have nothing to do with each other


def nearest_name(wanted: str, names: Iterable[str]) -> str | None:
    """Of a row's names, the one that most likely means what we call `wanted`; None where none is
    like it.
    """
    return nearest_names([wanted], names).get(wanted)


def nearest_names(wanted: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """For each of our names the row's name that most likely means it; none is proposed twice.

    The likeliest pair of all is taken first, then the likeliest of those that are left. A name of
    ours that is like none of the row's is left out.
    """
    pairs = [(ours, theirs) for theirs in dict.fromkeys(names) for ours in wanted]
    likeness = {pair: _likeness(*pair) for pair in pairs}
    likely = [pair for pair, like in likeness.items() if like >= LIKE]
    found: dict[str, str] = {}
    for ours, theirs in sorted(likely, key=lambda pair: -likeness[pair]):
        if ours not in found and theirs not in found.values():
            found[ours] = theirs
    return {ours: found[ours] for ours in wanted if ours in found}


def _likeness(ours: str, theirs: str) -> float:
    """How likely a row's name means ours, in [0, 2]: above 1 for our own name in other letters and
    for the names that others give to the field, the commonest first; else the share of letters that
    both have in one order.
    """
    written = theirs.casefold().replace(" ", "_")
    known = (ours.casefold(), *OTHER_NAMES.get(ours, ()))
    if written in known:
        return 1 + 1 / (1 + known.index(written))
    return difflib.SequenceMatcher(None, written, ours.casefold()).ratio()
