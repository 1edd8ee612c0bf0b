"""Rows as public data sets have them, turned into our fields: each shape is told by the names that
it holds.

`SHAPES` is the table: a row type, the data sets, the names by which their rows are recognised, and
the function that turns one row. A row in our own format passes through. This module looks at names
and values alone: it checks nothing (see `schemas`), and reads no file (see `sources`, where names
of other files are mapped by hand).
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from routerlib.rows.options import option_index

Fields = dict[str, Any]

# How votes name a winner, beside model_a, model_b and tie.
TIES = re.compile(r"tie\b.*|both[ _-]?(bad|good)|neither|draw", re.IGNORECASE)
# Who speaks, in other words than ours: ShareGPT's "human" and "gpt", LangChain's "ai"
SPEAKERS = {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant",
            "bard": "assistant", "bot": "assistant", "model": "assistant", "ai": "assistant",
            "developer": "system"}  # fmt: skip
GOLD_MARK = re.compile(r"(?P<way> .*? ) \#\#\#\# \s* (?P<gold> .+? ) \s*", re.VERBOSE | re.DOTALL)
# What Python raises where a field holds something else than its data set has there
OTHER_FORM = (AttributeError, IndexError, KeyError, RecursionError, TypeError)
# The metrics of lm-evaluation-harness that say whether an answer is right, the surest first.
RIGHT = (
    "exact_match",
    "math_verify",
    "acc",
    "acc_norm",
    "pass@1",
    "prompt_level_strict_acc",
    "score",
)


@dataclass(frozen=True)
class Shape:
    """One published form of a row.

    Fields: row_type: the name of our type. sets: the data sets. has: names of which all are in such
    a row. turn: gives our fields. lacks: our own names, of which a row that has them all needs no
    turning.
    """

    row_type: str
    sets: str
    has: frozenset[str]
    turn: Callable[[Fields], Fields]
    lacks: frozenset[str] = frozenset()

    def fits(self, row: Mapping[str, Any]) -> bool:
        return self.has <= row.keys() and not (self.lacks and self.lacks <= row.keys())


def as_fields(row_type: str, row: Fields) -> Fields:
    """A row of any published shape as the fields of our row type; a row of no known shape as it
    is.

    Raises:
        ValueError: it has the names of a shape, but not its form, so that it cannot be turned.
    """
    for shape in _BY_TYPE.get(row_type, ()):
        if shape.fits(row):
            try:
                return shape.turn(dict(row))
            except OTHER_FORM as error:
                what = "a value in them is of another kind"
                if isinstance(error, KeyError):
                    what = f"there is no {error}"
                raise ValueError(
                    f"it has the fields of {shape.sets}, but not in the same form ({what})"
                ) from None
    return row


def id_of(*texts: Any) -> str:
    """An id for a row that has none, from what it says: the same wherever the row stands."""
    text = json.dumps(texts, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _rename(row: Fields, **names: str) -> Fields:
    """Give fields our names, where ours are not taken."""
    for ours, theirs in names.items():
        if theirs in row and row.get(ours) is None:
            row[ours] = row.pop(theirs)
    return row


# --- questions ---


def _question(row: Fields) -> Fields:
    """MATH-500, AIME, GSM8K, MMLU, MMLU-Pro and their like; the gold answer of GSM8K stands after
    "####".
    """
    _rename(row, question="problem", explanation_correct="solution", category="subject")
    _rename(row, unique_id="question_id", choices="options")
    _rename(
        row, unique_id="id", explanation_correct="cot_content", choice_index_correct="answer_index"
    )
    choices = _list_in_cell(row.get("choices"))
    if isinstance(choices, list | tuple):  # a text would fall into its letters
        row["choices"] = list(choices)
        _point_at_choice(row)
    is_ours = row.get("answer_correct") is not None and "answer" not in row
    if row.get("answer_correct") is None and "answer" in row:
        row["answer_correct"] = row.pop("answer")
    split_gold(row)
    return row if is_ours else _identified(row)


def _point_at_choice(row: Fields) -> None:
    """The index of the right option, from a letter or a number counted from 0, and its text."""
    choices, answer = row["choices"], row.get("answer")
    if row.get("choice_index_correct") is None:
        row["choice_index_correct"] = _index(answer, len(choices))
    index = row["choice_index_correct"]
    is_inside = isinstance(index, int) and 0 <= index < len(choices)
    if row.get("answer_correct") is None and is_inside:
        row["answer_correct"] = choices[index]


def _index(answer: Any, number: int) -> int | None:
    if isinstance(answer, int) and not isinstance(answer, bool):
        return answer
    return option_index(str(answer or ""), number)


def split_gold(row: Fields) -> None:
    """GSM8K writes the way and then "#### 1,200": the way becomes the explanation, 1200 the
    answer.
    """
    found = GOLD_MARK.fullmatch(str(row.get("answer_correct", "")))
    if not found:
        return
    gold = found["gold"]
    is_number = re.fullmatch(r"[-+$]?\d{1,3}(,\d{3})+(\.\d+)?", gold)
    row["answer_correct"] = gold.replace(",", "") if is_number else gold
    if row.get("explanation_correct") is None and found["way"].strip():
        row["explanation_correct"] = found["way"].strip()


def _identified(row: Fields) -> Fields:
    if row.get("unique_id") is None and row.get("question"):
        row["unique_id"] = id_of(row["question"], row.get("choices"))
    return row


def _capital_question(row: Fields) -> Fields:
    """AIME as some publish it: ID, Problem or Question, Solution, Answer."""
    for name in ("ID", "Problem", "Question", "Solution", "Answer", "Year"):
        _rename(row, **{name.lower(): name})
    return _question(row)


def _arc(row: Fields) -> Fields:
    """ARC: choices as two lists (or a list of pairs) of text and label, and the label of the right
    one.
    """
    choices, key = row["choices"], str(row.pop("answerKey"))
    if isinstance(choices, Mapping):
        texts, labels = list(choices["text"]), [str(label) for label in choices["label"]]
    else:
        texts = [choice["text"] for choice in choices]
        labels = [str(choice["label"]) for choice in choices]
    row["choices"] = texts
    row["choice_index_correct"] = labels.index(key) if key in labels else None
    return _question(row)


def _arc_of_the_authors(row: Fields) -> Fields:
    """ARC as its authors' own files have it: stem and choices inside the question."""
    inside = row.pop("question")
    return _arc({**row, "question": inside["stem"], "choices": inside["choices"]})


def _gpqa(row: Fields) -> Fields:
    """GPQA: the right option, and three wrong ones; they are put in an order that the question's
    text decides.
    """
    right = str(row.pop("Correct Answer")).strip()
    wrong = [str(row.pop(f"Incorrect Answer {number}")).strip() for number in (1, 2, 3)]
    _rename(row, question="Question", unique_id="Record ID", explanation_correct="Explanation")
    _rename(row, category="High-level domain")
    options = sorted([right, *wrong], key=lambda option: id_of(row["question"], option))
    row |= {
        "choices": options,
        "choice_index_correct": options.index(right),
        "answer_correct": right,
    }
    return _identified(row)


# --- votes ---


def _vote(row: Fields) -> Fields:
    """Chatbot Arena's votes, of 33k, 100k and 140k: another name for a tie, one id a vote,
    conversations of parts.
    """
    _rename(row, question_id="id", judge="evaluation_session_id")
    if "turn" in row and ("tstamp" in row or "anony" in row):
        row["turn"] = 1  # there it counts the rounds of the talk, which is judged as a whole
    for side in ("conversation_a", "conversation_b"):
        row[side] = _list_in_cell(row.get(side))
    winner = row.get("winner")
    if isinstance(winner, str) and TIES.fullmatch(winner.strip()):
        row["winner"] = "tie"
    return row


def _vote_in_columns(row: Fields) -> Fields:
    """The 55k votes of Kaggle: three columns of 0 and 1 for the winner."""
    columns = {"model_a": "winner_model_a", "model_b": "winner_model_b", "tie": "winner_tie"}
    marked = [
        name for name, column in columns.items() if str(row.pop(column)) in ("1", "1.0", "True")
    ]
    row["winner"] = marked[0] if len(marked) == 1 else f"{len(marked)} winners marked"
    return _vote_on_responses(row)


def _vote_on_responses(row: Fields) -> Fields:
    """Prompt and both responses as texts, or as JSON lists of texts with one for each turn."""
    prompts = _turns(row.pop("prompt"))
    for side in ("a", "b"):
        answers = _turns(row.pop(f"response_{side}"))
        row[f"conversation_{side}"] = _talk(prompts, answers)
    return _vote(row)


def _turns(value: Any) -> list[str]:
    value = _list_in_cell(value)
    turns = value if isinstance(value, list) else [value]
    return ["" if turn is None else str(turn) for turn in turns]


def _talk(prompts: list[str], answers: list[str]) -> list[dict[str, str]]:
    talk = []
    for number, prompt in enumerate(prompts):
        talk.append({"role": "user", "content": prompt})
        if number < len(answers):
            talk.append({"role": "assistant", "content": answers[number]})
    return talk


def _list_in_cell(value: Any) -> Any:
    """A list that a table holds as text, in JSON's writing or Python's; any other value as it
    is.
    """
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = _python_list(value)
    return found if isinstance(found, list) else value


def _python_list(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


# --- questions that votes are about, or that no prompt may repeat ---


def _asked_in_vote(row: Fields) -> Fields:
    """The question of a vote: what its user said, turn by turn."""
    vote = as_fields("Vote", row)
    talk = vote.get("conversation_a") or []
    said = [turn.get("content") for turn in talk if turn.get("role") == "user"]
    turns = [text for text in map(message_text, said) if text]
    return {"question_id": vote.get("question_id"), "turns": turns}


def _asked_in_question(row: Fields) -> Fields:
    """A question with a known answer, as something that is asked."""
    question = as_fields("Question", row)
    text = question.get("question")
    found = {"question_id": question.get("unique_id"), "turns": [text] if text else []}
    if question.get("category") is not None:
        found["category"] = str(question["category"])
    return found


# --- conversations ---


def _conversation(row: Fields) -> Fields:
    """lmsys-chat-1m, WildChat and rows of `messages`."""
    _rename(row, conversation_id="conversation_hash", conversation="messages")
    _rename(row, conversation_id="prompt_id")
    _rename(row, conversation_id="id")
    if row.get("conversation_id") is None:
        row["conversation_id"] = id_of(row.get("conversation"))
    return row


def _sharegpt(row: Fields) -> Fields:
    """ShareGPT: `from` and `value` in the place of role and content."""
    turns = row.pop("conversations")
    if not isinstance(turns, list):
        return _conversation({**row, "conversation": turns})
    row["conversation"] = [
        {"role": SPEAKERS.get(turn["from"], turn["from"]), "content": turn.get("value")}
        if isinstance(turn, Mapping) and "from" in turn
        else turn
        for turn in turns
    ]
    return _conversation(row)


def _lone_prompt(row: Fields) -> Fields:
    """A row with a prompt alone: a conversation of one turn."""
    prompt = row.pop("prompt")
    row["conversation"] = prompt if isinstance(prompt, list) else _talk([str(prompt)], [])
    return _conversation(row)


def message_text(content: Any) -> Any:
    """What a message says: of a list of parts, the texts; of a call of tools without words,
    nothing.
    """
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    texts = [part if isinstance(part, str) else part.get("text") for part in content if part]
    return "\n".join(text for text in texts if text)


# --- outcomes ---


def _outcome_of_scores(row: Fields) -> Fields:
    """Two scores of one prompt; what follows from them is added. RouterBench keeps the prompt in a
    list.
    """
    _rename(row, id="sample_id", category="eval_name", prompt="problem")
    _rename(row, id="unique_id", category="dataset")
    _rename(row, id="key", prompt="question")
    row["prompt"] = _one_text(row.get("prompt"))
    for side in ("inferior_score", "superior_score"):
        row[side] = _score(row[side])
    if row.get("id") is None:
        row["id"] = id_of(row["prompt"])
    inferior, superior = row["inferior_score"], row["superior_score"]
    if isinstance(inferior, float) and isinstance(superior, float):
        if row.get("p_superior") is None:
            row["p_superior"] = superior * (1 - inferior)
        if row.get("label") is None:
            row["label"] = "ROUTE_TO_SUPERIOR" if row["p_superior"] > 0.5 else "ROUTE_TO_INFERIOR"
    row.setdefault("source", "graded")
    return row


def _one_text(prompt: Any) -> Any:
    prompt = _list_in_cell(prompt)
    is_texts = isinstance(prompt, list) and all(isinstance(part, str) for part in prompt)
    return "\n".join(prompt) if is_texts else prompt


def _score(value: Any) -> Any:
    """A score as a number; SPROUT keeps it in an object beside the response."""
    value = value.get("score") if isinstance(value, Mapping) else value
    if isinstance(value, str) and re.fullmatch(r"\d*\.?\d+", value):
        return float(value)
    return float(value) if isinstance(value, bool | int | float) else value


def models_in(row: Mapping[str, Any]) -> list[str]:
    """The models that a wide table of outcomes has a column for: RouterBench's, or SPROUT's; else
    none.
    """
    wide = [
        name.removesuffix("|model_response") for name in row if name.endswith("|model_response")
    ]
    wide += [name.removesuffix("|total_cost") for name in row if name.endswith("|total_cost")]
    objects = [
        name for name, value in row.items() if isinstance(value, Mapping) and "score" in value
    ]
    return sorted(set(wide) | set(objects))


# --- graded answers of one model ---


def _harness_sample(row: Fields) -> Fields:
    """A line of lm-evaluation-harness' samples_*.jsonl."""
    doc = row["doc"] if isinstance(row["doc"], Mapping) else {}
    question = as_fields("Question", dict(doc))
    problem = question.get("question") or doc.get("query") or _first_argument(row.get("arguments"))
    choices = question.get("choices")
    found = {
        "unique_id": str(row["doc_id"]),
        "problem": problem,
        "choices": choices,
        "choice_index_correct": question.get("choice_index_correct"),
        "answer_correct": question.get("answer_correct", row["target"]),
        "category": str(question.get("category") or row.get("task_name") or "uncategorised"),
        "model": row.get("model"),
        "responses": [
            {"full_response": _first_response(row, choices), "is_correct": _is_right(row)}
        ],
    }
    return _responses(found)


def _first_argument(arguments: Any) -> Any:
    """The prompt: [["text", …]] in older logs, {"gen_args_0": {"arg_0": "text"}} in newer ones."""
    while arguments and not isinstance(arguments, str):
        values = list(arguments.values()) if isinstance(arguments, Mapping) else arguments
        arguments = values[0]
    return arguments


def _first_response(row: Fields, choices: Any) -> str:
    """The text that was written; of log-likelihoods, the option that is likeliest."""
    response: Any = row.get("resps") or row.get("filtered_resps") or ""
    if choices and len(row.get("filtered_resps") or ()) == len(choices):
        likely = [float(pair[0]) for pair in row["filtered_resps"] if isinstance(pair, list)]
        if len(likely) == len(choices):
            return str(choices[likely.index(max(likely))])
    while isinstance(response, list) and response:
        response = response[0]
    return response if isinstance(response, str) else json.dumps(response)


def _is_right(row: Fields) -> bool | None:
    told = row.get("metrics")
    named = told if isinstance(told, list) else []
    for name in (*named, *RIGHT):
        score = _score(row.get(name))
        if isinstance(score, float):
            return score >= 0.5
    return None


def _bench_record(row: Fields) -> Fields:
    """A record of LLMRouterBench; `sources` gives it the model and data set of its file."""
    name = str(row.get("dataset_name") or "record")
    found = {
        "unique_id": f"{name}-{row['index']}",
        "problem": row["origin_query"] or row.get("prompt"),
        "answer_correct": row["ground_truth"],
        "category": name,
        "model": row.get("model_name"),
        "responses": [
            {
                "full_response": str(row.get("raw_output") or row.get("prediction") or ""),
                "is_correct": _is_right(row),
                "prompt_tokens": row.get("prompt_tokens"),
                "completion_tokens": row.get("completion_tokens"),
                "cost": row.get("cost"),
            }
        ],
    }
    return _responses(found)


def _responses(row: Fields) -> Fields:
    """Our own rows of responses, of which others may have written the gold answer as GSM8K does."""
    split_gold(row)
    if "is_mcq" not in row:
        row["is_mcq"] = bool(row.get("choices"))
    return row


# --- the table ---


def _shape(
    row_type: str, sets: str, has: str, turn: Callable[[Fields], Fields], lacks: str = ""
) -> Shape:
    return Shape(
        row_type, sets, frozenset(has.split(",")), turn, frozenset(lacks.split(",")) - {""}
    )


SHAPES = (
    _shape("Question", "GPQA", "Question,Correct Answer,Incorrect Answer 1", _gpqa),
    _shape("Question", "AIME (capital names)", "Problem,Answer", _capital_question),
    _shape("Question", "AIME 1983-2024", "Question,Answer", _capital_question),
    _shape("Question", "ARC", "question,choices,answerKey", _arc),
    _shape("Question", "ARC (authors' files)", "question,answerKey", _arc_of_the_authors),
    _shape("Question", "MATH-500, AIME", "problem", _question, "question"),
    _shape("Question", "MMLU-Pro", "question,options", _question, "choices"),
    _shape("Question", "GSM8K, MMLU, AIME 2025; ours", "question", _question),
    _shape("Vote", "arena 55k", "winner_model_a,winner_model_b,winner_tie", _vote_in_columns),
    _shape("Vote", "WSDM Cup", "prompt,response_a,response_b,winner", _vote_on_responses),
    _shape("Vote", "MT-Bench, arena 33k, 100k, 140k", "model_a,model_b,winner", _vote),
    _shape("VoteQuestion", "votes of any set", "model_a,model_b", _asked_in_vote, "turns"),
    _shape("VoteQuestion", "questions", "question", _asked_in_question, "turns"),
    _shape("VoteQuestion", "MATH-500, AIME", "problem", _asked_in_question, "turns"),
    _shape("VoteQuestion", "GPQA, AIME", "Question", _asked_in_question, "turns"),
    _shape("VoteQuestion", "AIME 2024", "Problem", _asked_in_question, "turns"),
    _shape("Conversation", "ShareGPT", "conversations", _sharegpt),
    _shape("Conversation", "lmsys-chat-1m, WildChat", "conversation", _conversation),
    _shape("Conversation", "messages", "messages", _conversation),
    _shape("Conversation", "prompts alone", "prompt", _lone_prompt),
    _shape(
        "LabelledPrompt",
        "RouterBench, SPROUT, two scores",
        "inferior_score,superior_score",
        _outcome_of_scores,
        "p_superior,label,id",
    ),
    _shape("Responses", "lm-evaluation-harness", "doc_id,doc,target", _harness_sample),
    _shape("Responses", "LLMRouterBench", "index,origin_query,ground_truth,score", _bench_record),
    _shape("Responses", "ours", "responses", _responses),
)
_BY_TYPE = {
    name: tuple(shape for shape in SHAPES if shape.row_type == name)
    for name in {shape.row_type for shape in SHAPES}
}


def joined_outcomes(inferior: Iterable[Any], superior: Iterable[Any]) -> Iterable[Fields]:
    """Graded answers of two models (`schemas.Responses`) as outcomes, by question id; a question in
    one is left out.

    Where an id has several rows, as for each filter of lm-evaluation-harness, the question counts
    as right where one of them says so.
    """
    cheap: dict[str, tuple[str, float, str]] = {}
    for row in inferior:
        score = max(_share_right(row), cheap.get(row.unique_id, ("", 0.0, ""))[1])
        cheap[row.unique_id] = (" ".join(row.problem.split()), score, row.model)
    best: dict[str, tuple[Any, float]] = {}
    for row in superior:
        score = max(_share_right(row), best.get(row.unique_id, (None, 0.0))[1])
        best[row.unique_id] = (row, score)
    for name, (row, score) in best.items():
        if name in cheap and cheap[name][0] == " ".join(row.problem.split()):
            yield {
                "id": name,
                "prompt": row.as_prompt(),
                "category": row.category,
                "inferior_score": cheap[name][1],
                "superior_score": score,
                "inferior_model": cheap[name][2],
                "superior_model": row.model,
            }


def _share_right(row: Any) -> float:
    verdicts = [bool(sample.is_correct) for sample in row.responses]
    return sum(verdicts) / len(verdicts) if verdicts else 0.0
