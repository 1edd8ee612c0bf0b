r"""The part of an output that answers this question, and whether the output came to its end.

Models think in tags, wrap what they say in JSON or in tags of an answer, answer the examples of the
prompt first, and run on into questions of their own. All that goes here, by structure alone; what
the rest says is read by `letters`, `expressions` and `phrases`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

from routerlib.answers import expressions, letters
from routerlib.answers.choices import letters_of, opens_with
from routerlib.answers.wording import unstyled
from routerlib.rows import channels
from routerlib.rows.end_marks import END_MARKS, LAST_MARKS, OPENING_MARKS
from routerlib.rows.finish_reasons import LENGTH, STOP
from routerlib.rows.finish_reasons import finish_reason as in_our_words

# --- thinking, and the brackets an answer is put into ---------------------------------------------

_THOUGHT = (
    r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis|deliberation"
    r"|monologue|"
    r"inner_thoughts|chain_of_thought|cot)"
)
_OPENING = re.compile(
    rf"""
      < (?:\w+:)? {_THOUGHT} > | \[ {_THOUGHT} \] | ◁ {_THOUGHT} ▷      # <think>, [THINK], ◁think▷
    | <\| (?:begin_of_|start_)? {_THOUGHT} \|>      # <|begin_of_thought|>, <|START_THINKING|>
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CLOSING = re.compile(
    rf"""
      < / (?:\w+:)? {_THOUGHT} > | \[ / {_THOUGHT} \] | ◁ / {_THOUGHT} ▷
    | <\| (?:end_of_|end_|/) {_THOUGHT} \|>
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BARE_CHANNELS = re.compile(r"^\s*analysis(?=[^\sa-z])(?:.*?)(?:assistant\s*final|\Z)", re.DOTALL)
_ANSWER_TAG = re.compile(
    r"""
    [<\[] (final_answer|answer|final|output|response|solution|result         # <answer>B</answer>
        |antwort|réponse|reponse|respuesta|risposta|resposta|ответ|答案|答え|정답) [>\]]
    (?P<inside> .*? ) (?: [<\[] / \1 [>\]] | (?<! \] ) \Z )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
# <option>C</option>: the answer where all such tags hold the same; different ones list the options
_OPTION_TAG = re.compile(
    r"""
    < (option|choice|letter|opcion|opción|opção|opcao|opzione|letra|lettera|вариант) >
    (?P<inside> [^<>]* ) </ \1 >
    """,
    re.VERBOSE | re.IGNORECASE,
)
_INNERMOST = 3  # levels of tags: <solution><answer><option>C</option></answer></solution>
_ANSWER_KEY = re.compile(
    r"""
    (?: (?:final|correct|selected|chosen|my|best|right|predicted|the)[_ -]? )*
    (?: answers? | choices? | options? | responses? | results? | solutions? | letters?
        | predictions?
      | final | antwort | réponse | respuesta | risposta | resposta | ответ | 答案 | 答え | 정답 )
    (?: [_ -]?(?:letter|choice|option|value|text|key) )?
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What ends a turn. `</s>` is an HTML tag too, and counts only where a line ends.
_TURN_ENDS = re.compile(
    "|".join(re.escape(mark) for mark in END_MARKS)
    + rf"|(?:{'|'.join(LAST_MARKS)})(?=\s*(?:$|\n))|<｜(?:Assistant|User|end)"
)


def _said_after_thought(text: str) -> str:
    """What was said after all thinking, up to the end of the turn; "" if thinking never ended."""
    if in_channels := channels.said_and_thought(text):
        said, _ = in_channels
        return _up_to_the_end(said)
    text = _BARE_CHANNELS.sub("", text, count=1)
    closings = list(_CLOSING.finditer(text))
    if closings:
        rest = text[closings[-1].end() :]
        # A model that says nothing behind its thinking has answered in it.
        text = rest if re.search(r"\w", _TURN_ENDS.sub("", rest)) else text[: closings[-1].start()]
    opening = _OPENING.search(text)
    if opening and not closings:
        text = text[: opening.start()]  # cut off while still thinking
    return _up_to_the_end(text)


def end_of_thought(text: str, finish_reason: str | None) -> str:
    """The last line of an output that is nothing but a thought, although it ended by itself; else
    "".

    Such a model answered within its thought. What it only went through on the way is no answer,
    and where the server gave no reason the thought may have been cut off.
    """
    opening = _OPENING.search(text)
    if opening is None or in_our_words(finish_reason) != STOP:
        return ""
    thought = _TURN_ENDS.sub("", text[opening.end() :])
    return thought.strip().rsplit("\n", 1)[-1]


def _up_to_the_end(text: str) -> str:
    for token in OPENING_MARKS:
        text = text.removeprefix(token)
    text = re.sub(r"<\|(?:(?:begin|end)_of_solution|(?:START|END)_RESPONSE)\|>", "\n", text)
    stop = _TURN_ENDS.search(text, pos=1) if text else None
    return text[: stop.start()] if stop and text[: stop.start()].strip() else text


def _inside_of_tags(text: str) -> str:
    """The inside of <answer>…</answer> or of the answer's field in JSON, where there is such."""
    for _ in range(_INNERMOST):
        tags = [match["inside"] for match in _ANSWER_TAG.finditer(text) if match["inside"].strip()]
        if not tags:
            break
        text = tags[-1]
    options = {match["inside"].strip() for match in _OPTION_TAG.finditer(text)} - {""}
    if len(options) == 1:
        (text,) = options
    elif options and not _OPTION_TAG.sub("", text).strip():
        text = ""  # the question's options again, and nothing said of them
    field = _json_answer(text) if "{" in text and ":" in text else None
    return text if field is None else field


def _json_answer(text: str) -> str | None:
    r"""The answer's field of an object that ends the text: `{"reasoning": "…", "answer": "B"}`."""
    body = re.sub(r"```\s*$", "", text.rstrip()).rstrip()
    start = text.find("{")
    if not body.endswith("}") or re.search(r"\\boxed", text[:start]):
        return None
    raw = body[start:]
    for load in (json.loads, ast.literal_eval):
        try:
            return _answer_field(load(raw))
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return None


def _answer_field(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    named = [(key, v) for key, v in value.items() if _ANSWER_KEY.fullmatch(str(key).strip())]
    # "final_answer" beside "answer": the longer name is the more explicit one
    for _, answer in sorted(named, key=lambda pair: -len(str(pair[0]))):
        if isinstance(answer, dict):
            return _answer_field(answer)
        if isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        if isinstance(answer, str | int | float):
            return str(answer)
    return None


# --- questions of its own ---

_HEADING = re.compile(
    r"""
    (?<! [^\n.!)\]] ) [#*_>\ \t]{0,12}      # at the start, or behind a line or a sentence
    (?: (?:next|new|another|final|last)\s+ )?
    (?: (?:Question|Problem|Exercise|Q) [ \t]* (?:\#?\d+)? [ \t]* [*_]* [:.)] (?!\w)   # Question 2:
      | (?:Question|Problem|Exercise|Example|Instruction) \ \d+ \b
      | (?:Follow[- ]?up|Additional|Practice)\ (?:questions?|exercises?|problems?) \b
      | The\ following\ (?:are|is)\ (?:a\ )?(?:multiple[- ]choice|single[- ]choice)
      | (?:Human|User|USER|HUMAN) [ \t]* :
      | \#\#+ [ \t]* (?:Instruction|Input|User|Human|Question|Your\ task)
    )
    """,
    re.VERBOSE,
)
_LONG_GAP = re.compile(r"[ \t]{9,}|\n(?:[ \t]*\n){3,}")


def own_part(text: str, question: str | None = None, choices: Sequence[str] = ()) -> str:
    """The part of an output that answers this question.

    Decided by structure: thinking and all behind an end token go; of an answer in tags or JSON the
    inside counts; an output that runs on is split at the headings of new questions. A part that
    repeats this question (or most of its options) is ours. Else it is the text before the first
    heading if that states an answer; where the output opens with headings it is the last part if
    they are numbered (the examples of the prompt come first), or the first.
    """
    said = _said_after_thought(text)
    text = _LONG_GAP.sub(lambda gap: "\n\n\n" if "\n" in gap[0] else "    ", said)
    headings = [match.start() for match in _HEADING.finditer(text)]
    if headings:
        text = _chosen_part(text, headings, question, choices)
    return _inside_of_tags(_STRUCK_OUT.sub("", text))


_STRUCK_OUT = re.compile(r"~~(?=\S)[^~\n]+~~")  # what Markdown strikes out is not said


def _chosen_part(
    text: str, headings: list[int], question: str | None, choices: Sequence[str]
) -> str:
    before = text[: headings[0]]
    parts = [text[a:b] for a, b in zip(headings, [*headings[1:], len(text)], strict=True)]
    ours = [part for part in parts if _repeats(part, question, choices)]
    if before.strip() and not _is_introduction(before, choices):
        return before
    if ours:
        return ours[-1]
    numbered = re.search(r"\b1\b", parts[0][:24])
    if len(parts) > 1 and numbered:  # the examples first, ours last
        return parts[-1]
    options = len(choices) or 26
    stating = [part for part in parts if letters.states_letter(letters.plain_text(part), options)]
    return before + (stating or parts)[0]


def _is_introduction(text: str, choices: Sequence[str]) -> bool:
    """Text that only announces what comes: it states no answer, and is none."""
    plain = letters.plain_text(text)
    if letters.states_letter(plain, len(choices) or 26) or expressions.boxed(text):
        return False
    if choices:
        return not (letters.lone_letter(plain, choices) or letters_of(plain, choices))
    return not expressions.states_value(text) and bool(
        re.search(r"(?i):\s*$|\b(?:let's|let us|sure|here (?:is|are)|i will|i'll)\b", text)
    )


def _repeats(part: str, question: str | None, choices: Sequence[str]) -> bool:
    if question and _spaced(question)[:80] in _spaced(part):
        return True
    spaced = _spaced(part)
    listed = sum(len(option) > 3 and _spaced(option) in spaced for option in choices)
    return len(choices) >= 3 and listed >= 0.6 * len(choices)


def _spaced(text: str) -> str:
    return " ".join(text.casefold().split())


# --- whole or cut off ---

_SENTENCE_ENDS = tuple(".!?)]}*`$\"'”’:。！？।」』）؟…✓✅")
LONG = 400  # characters: a shorter output was not stopped by a limit


def is_cut_off(
    part: str, text: str, finish_reason: str | None, choices: Sequence[str] = ()
) -> bool:
    """Whether an output never came to its end.

    Where the server gives a finish reason, that tells (`length`). Where it gives none, a long
    output is cut off if it goes round in a loop, or stops in mid-sentence; not so if it was cut by
    us, or ends in a whole option or a number.
    """
    reason = in_our_words(finish_reason)
    if reason is not None:
        return reason == LENGTH
    body = part.rstrip()
    if len(body) < LONG or not text.rstrip().endswith(body[-40:]):
        return False
    if body.count(body[-60:]) >= 3:
        return True
    if body.endswith(_SENTENCE_ENDS) or text.endswith("\n"):
        return False
    return not _ends_whole(body, choices)


def _ends_whole(body: str, choices: Sequence[str]) -> bool:
    """Whether the last line ends in an option of the question, or in a number."""
    line = unstyled(body).rsplit("\n", 1)[-1].strip()
    if choices:
        line = re.sub(r"^.*?(?=\(?[A-Z][).:]\s)", "", line)
        stated = re.sub(r"^\W*(?:Option\s+)?\(?[A-Z][).:]+\s*", "", line)
        return any(opens_with(stated, option) and len(stated) >= len(option) for option in choices)
    return bool(re.search(r"\d\s*\W?$", line))
