"""The texts we send: a question as a prompt, a conversation as one text, and where an answer ends.

Pure functions, but for reading a template file. What a model writes back is read by `extraction`.

A template is a text with two parts, one for multiple-choice and one for open-ended questions; in
it {question}, {choices} (one lettered option a line) and {letters} ("A, B, C, D") are filled in,
and every other brace stays as it is. To change the prompts, copy `TEMPLATES["short"]` or
`TEMPLATES["reasoning"]` to a file, edit it, and name the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from routerlib.errors import SettingError
from routerlib.rows import end_marks, jsonl
from routerlib.rows.options import LETTERS, lettered
from routerlib.rows.schemas import Message, Prompt, Question, conversation_text

MCQ_MARK, OPEN_MARK = "[multiple choice]", "[open-ended]"

SHORT = """[multiple choice]
Question: Which of these can fly?
A. pig
B. eagle
C. shark
Answer: B

Question: Which is the largest?
A. ten
B. two
C. five
Answer: A

Question: {question}
{choices}
Answer:
[open-ended]
Question: What is 3 + 5?
Answer: 8

Question: What is the capital of England?
Answer: London

Question: What is the opposite of big?
Answer: small

Question: Which animal says meow?
Answer: cat

Question: What is 14 - 6?
Answer: 8

Question: Who wrote Oliver Twist?
Answer: Charles Dickens

Question: What comes next: 4, 5, 6, 7?
Answer: 8

Question: What is the plural of dog?
Answer: dogs

Question: What is 7 * 8?
Answer: 56

Question: What color is blood?
Answer: red

Question: What is the chemical symbol of helium?
Answer: He

Question: What is 23 + 45?
Answer: 68

Question: {question}
Answer:
"""

REASONING = """[multiple choice]
Answer the following multiple-choice question. Think step by step, then finish with \
one line of the form
"The answer is (X)", where X is one of the letters {letters}.

Question: {question}

{choices}
[open-ended]
Answer the following question. Think step by step, then finish with the final answer in \\boxed{}.

Question: {question}
"""

TEMPLATES = {"short": SHORT, "reasoning": REASONING}


@dataclass(frozen=True)
class Template:
    """The two texts around a question. `name` is "short", "reasoning" or the file it was read
    from.
    """

    name: str
    multiple_choice: str
    open_ended: str

    def fill(self, question: Question) -> str:
        """The prompt for one question."""
        text = self.multiple_choice if question.is_mcq else self.open_ended
        options = question.choices or []
        values = {
            "{question}": question.question,
            "{choices}": lettered(options, "{letter}. {option}"),
            "{letters}": ", ".join(LETTERS[: len(options)]),
        }
        return re.sub(
            r"\{(?:question|choices|letters)\}", lambda match: values[match.group()], text
        )


def well_formed(text: str) -> str:
    """A text without halves of surrogate pairs: JSON and Python can hold them, UTF-8, tokenizers
    and files cannot. A half becomes "�", as a byte does that is no UTF-8.
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def template(name: str | Path | None, endpoint: str = "completions") -> Template:
    """A template by its name or file.

    Args:
        name: "short" (examples, then the answer at once: for completions), "reasoning" (an
            instruction: for chat), a file, or None for the endpoint's own.

    Raises:
        ValueError: there is no such template, the file cannot be read, or has no place for the
            question.
    """
    usual = "short" if endpoint == "completions" else "reasoning"
    name = str(name or usual)
    if name in TEMPLATES:
        return _parsed(name, TEMPLATES[name])
    path = Path(name).expanduser()
    if not path.is_file():
        raise SettingError(
            f"There is no template {name!r}: name a file, or one of {', '.join(TEMPLATES)}."
        )
    return _parsed(name, "".join(jsonl.read_lines(path)))


def _parsed(name: str, text: str) -> Template:
    """Split at the two marks; a text without marks serves both kinds of question."""
    marks = re.escape(MCQ_MARK), re.escape(OPEN_MARK)
    pieces = re.split(
        rf"^({marks[0]}|{marks[1]})[ \t]*\n", text.rstrip() + "\n", flags=re.MULTILINE
    )
    parts = {mark: body.rstrip() for mark, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    if not parts:
        parts = {MCQ_MARK: text.rstrip(), OPEN_MARK: text.rstrip()}
    for mark in (MCQ_MARK, OPEN_MARK):
        body = parts.get(mark, "")
        needed = ("{question}", "{choices}") if mark == MCQ_MARK else ("{question}",)
        missing = [place for place in needed if place not in body]
        if missing:
            raise SettingError(
                f"Template {name}: the part {mark} has no {' and no '.join(missing)}."
            )
    return Template(name, parts[MCQ_MARK], parts[OPEN_MARK])


def stop_strings(
    stop: tuple[str, ...] | list[str] = (), limit: int | None = None
) -> tuple[str, ...]:
    """The stop strings to send: the user's own first, then the end marks, as many as the endpoint
    takes.
    """
    return tuple(dict.fromkeys([*stop, *end_marks.END_MARKS]))[:limit]


def as_messages(prompt: Prompt) -> list[dict[str, str]]:
    """A prompt in the chat form of the OpenAI API: one user message, or the conversation as it
    is.
    """
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [
        {"role": message.role, "content": message.content} for message in map(_message_of, prompt)
    ]


def as_text(prompt: Prompt) -> str:
    """A prompt as one text for an encoder: a single prompt as it is, a conversation with its roles
    marked.

    A conversation of one user turn equals the single prompt, so both score the same.
    """
    if isinstance(prompt, str):
        return prompt
    return conversation_text([_message_of(message) for message in prompt])


def _message_of(message: Message | dict) -> Message:
    return message if isinstance(message, Message) else Message.model_validate(message)
