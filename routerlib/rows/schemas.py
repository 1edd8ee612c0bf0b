"""The rows that travel between the notebooks, and the check that each one passes on the way in.

Every arrow of the data flow is a JSONL file of one of these rows. A row is checked where it is read
and where it is written; fields we do not know are kept, because a file may carry more than we need.
This module does no input or output (see `jsonl`) and does not know where rows come from (`sources`).
"""

from __future__ import annotations

import string
from typing import Annotated, Any, Literal, TypeVar

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

ROUTE_TO_INFERIOR = "ROUTE_TO_INFERIOR"
ROUTE_TO_SUPERIOR = "ROUTE_TO_SUPERIOR"
LABELS = (ROUTE_TO_INFERIOR, ROUTE_TO_SUPERIOR)

Label = Literal["ROUTE_TO_INFERIOR", "ROUTE_TO_SUPERIOR"]
Winner = Literal["model_a", "model_b", "tie"]
Source = Literal["human", "llm", "graded"]


class RowError(Foreseen, ValueError):
    """A row that does not fit its format. The text names the field; readers add file and line."""

    def __init__(self, message: str, field: str = "", text: str = ""):
        super().__init__(message)
        self.field, self.text = field, text


class Row(BaseModel):
    """Base of all rows: unknown fields are kept, and assignments are not re-checked (speed)."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[
    str, BeforeValidator(_as_text)
]  # ids and answers arrive as numbers in public files


Signal = Annotated[float, Field(allow_inf_nan=False)]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Message(Row):
    """One turn of a conversation, as the OpenAI API writes it."""

    role: str
    content: str


Prompt = str | list[Message]  # a single user prompt, or the whole conversation so far


class Question(Row):
    """A question with a known answer. `choices` is None for an open-ended one."""

    unique_id: Text
    question: str = Field(min_length=1)
    choices: list[Text] | None = None
    choice_index_correct: int | None = None
    explanation_correct: str | None = None
    answer_correct: Text
    answer_alternatives: list[Text] = Field(
        default_factory=list
    )  # other wordings that are right as well
    category: str = "uncategorised"

    @property
    def is_mcq(self) -> bool:
        return self.choices is not None

    @model_validator(mode="before")
    @classmethod
    def _from_published_rows(cls, row: Any) -> Any:
        return question_fields(row) if isinstance(row, dict) else row

    @model_validator(mode="after")
    def _choices_fit(self) -> Question:
        if self.is_mcq:
            check_choices(self.choices, self.choice_index_correct)
        return self


def check_choices(choices: list[str] | None, correct: int | None) -> None:
    """What a multiple-choice row must have: 2 to 26 options, since each gets a letter, and the index of the right one.

    Raises:
        RowError: naming the field.
    """
    number = len(choices or ())
    if not 2 <= number <= 26:
        raise RowError(f"{number} options, where 2 to 26 are possible", "choices")
    if correct is None or not 0 <= correct < number:
        raise RowError(f"{correct} is no index into {number} choices", "choice_index_correct")


def question_fields(row: dict[str, Any]) -> dict[str, Any]:
    """Turn a row of MATH-500 or MMLU-Pro, as their authors publish them, into a Question's fields.

    MATH-500 names them problem, solution, answer, subject; MMLU-Pro question_id, options, answer (a
    letter), answer_index, cot_content. A row that is in our format already passes through.
    """
    row = dict(row)
    if "problem" in row and "question" not in row:  # MATH-500
        row["question"] = row.pop("problem")
    if "solution" in row and "explanation_correct" not in row:
        row["explanation_correct"] = row.pop("solution")
    if "subject" in row and "category" not in row:
        row["category"] = row.pop("subject")
    if "question_id" in row and "unique_id" not in row:  # MMLU-Pro
        row["unique_id"] = row.pop("question_id")
    if "options" in row and "choices" not in row:
        row["choices"] = list(row.pop("options"))
        letter = str(row.get("answer", ""))
        index = row.pop("answer_index", None)
        if index is None and len(letter) == 1 and letter.upper() in string.ascii_uppercase:
            index = string.ascii_uppercase.index(letter.upper())
        row["choice_index_correct"] = index
        if "cot_content" in row:
            row.setdefault("explanation_correct", row.pop("cot_content"))
    choices, index = row.get("choices"), row.get("choice_index_correct")
    if "answer_correct" not in row:
        in_range = choices is not None and isinstance(index, int) and 0 <= index < len(choices)
        if in_range:
            row["answer_correct"] = choices[index]
        elif "answer" in row:
            row["answer_correct"] = row.pop("answer")
    return row


class Sample(Row):
    """One answer of a model. 03 writes the first four fields; 04 adds the grade."""

    full_response: str
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    extracted_answer: str | None = None
    is_correct: bool | None = None


class Failure(Row):
    """Why a question has fewer samples than asked for; never mixed with the answers."""

    kind: str
    message: str
    status: int | None = None


class Responses(Row):
    """All samples of one model for one question: a line of what 03 writes and 04 grades."""

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
    responses: list[Sample]

    @model_validator(mode="before")
    @classmethod
    def _mcq_follows_from_choices(cls, row: Any) -> Any:
        if isinstance(row, dict) and "is_mcq" not in row:
            row = {**row, "is_mcq": bool(row.get("choices"))}
        return row

    @model_validator(mode="after")
    def _choices_fit(self) -> Responses:
        if self.is_mcq:
            check_choices(self.choices, self.choice_index_correct)
        return self


class Vote(Row):
    """One human judgment between two models, in the schema of lmsys/mt_bench_human_judgments."""

    question_id: Text
    model_a: str
    model_b: str
    winner: Winner
    judge: str = "unknown"
    turn: int = 1
    conversation_a: list[Message] | None = None
    conversation_b: list[Message] | None = None

    @model_validator(mode="before")
    @classmethod
    def _normalise_ties(cls, row: Any) -> Any:
        if isinstance(row, dict) and str(row.get("winner", "")).startswith("tie"):
            row = {
                **row,
                "winner": "tie",
            }  # "tie (inconsistent)", "tie (bothbad)" occur in public files
        return row


class VoteQuestion(Row):
    """What the votes are about: an MT-Bench question, one text a turn."""

    question_id: Text
    category: str = "uncategorised"
    turns: list[str] = Field(min_length=1)


class Conversation(Row):
    """A row of lmsys/lmsys-chat-1m."""

    conversation_id: Text
    model: str = "unknown"
    conversation: list[Message] = Field(min_length=1)
    turn: int = 1
    language: str = "unknown"
    openai_moderation: list[dict[str, Any]] = Field(default_factory=list)
    redacted: bool = False


class LabelledPrompt(Row):
    """What 01, 02 and 04 give to 05: a prompt and how often only the superior model will do.

    `p_superior` is the soft label, in [0, 1]: the share of comparisons in which the superior
    model's answer was strictly better (a tie is the inferior model's win: it is cheaper).
    `inferior_score` and `superior_score`, in [0, 1], are the two models' own shares of right
    samples; graded rows have them, human and LLM labels do not.
    `inferior_signals` is what is known once the inferior model has answered, by name; a signal that
    was not measured is left out (or null), never 0. `inferior_cost` and `superior_cost` are the money of
    this row's calls, in one unit; `signals_cost` is what the signals cost beside the inferior call
    (another model's answer, further samples).
    """

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

    @model_serializer(mode="wrap")
    def _without_what_was_not_measured(self, written: SerializerFunctionWrapHandler) -> dict:
        row = written(self)
        return {name: value for name, value in row.items() if not _unmeasured(name, value)}


def _unmeasured(name: str, value: Any) -> bool:
    return value is None and (name == "inferior_signals" or name.endswith("_cost"))


R = TypeVar("R", bound=Row)


def parse(row_type: type[R], value: Any) -> R:
    """Check one decoded JSON value against a row type.

    Raises:
        RowError: with a sentence that names the first field that does not fit.
    """
    if not isinstance(value, dict):
        raise RowError(f"expected an object with fields, found {type(value).__name__}")
    try:
        return row_type.model_validate(value)
    except ValidationError as error:
        raise _row_error(error) from None


def _row_error(error: ValidationError) -> RowError:
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get(
        "error"
    )  # a check of ours over several fields names the one at fault
    field = (
        cause.field if isinstance(cause, RowError) else ".".join(str(part) for part in first["loc"])
    )
    message = first["msg"].removeprefix("Value error, ")
    others = error.error_count() - 1
    more = f" (and {others} more)" if others else ""
    return RowError(f"field {field}: {message}{more}" if field else f"{message}{more}", field)
