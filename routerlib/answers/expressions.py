r"""The value a text gives as its final answer to a mathematical question, as it is written there.

The last balanced `\boxed{…}`, a stated answer ("the answer is …", "#### …"), a first line that is nothing but a
value, or the value a text ends on. Which part of an output is read is `extraction`'s business, whether two
values are equal `equality`'s.
"""

from __future__ import annotations

import re

FUNCTIONS = r"sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt|mod|arcsin|arccos|arctan|pi|inf|and|or"
_BOX = re.compile(r"\\(?:boxed|fbox)\s*")
_ENV = r"(?:\$\$.+?\$\$|(?<![\\\d])\$(?:\\\$|[^$\n])+?(?<!\\)\$|\\\((?:[^\\]|\\(?!\)))+?\\\)|\\\[(?:[^\\]|\\(?!\]))+?\\\])"
_PERCENT = r"\s*(?:\\?%|(?i:percent(?:age)?|pct)\b)"
_ENVIRONMENT = re.compile(_ENV, re.DOTALL)
_ENVIRONMENTS = re.compile(
    rf"{_ENV}(?:{_PERCENT})?(?:\s*(?:,?\s*\b(?:and|or)\b|,)\s*{_ENV})*", re.DOTALL
)
_JOINED = re.compile(r"^[\s,;]*$|^[^.\n=,]{0,30}[,;]?\s*\b(?:and|or)\b\s*(?:[\w_]+\s*=\s*)?$")
_FINAL = re.compile(
    r"(?:(?i:\banswers?\b(?:\s+(?:to (?:this|the) (?:question|problem)|here|choice))?\s*(?:is|are|was|would be|should be|:|=)+)|\#{4})[\s:*]*(?:\\n)?\s*"
)
_VALUE = re.compile(
    r"(?<![\w.^_])(?:[-−+]\s?)?[$€£]?(?:\d{1,3}(?:[, ]\d{3})+(?!\d)|\d+)?(?:(?<=\d)[.,]\d+|(?<!\d)\.\d+)?(?<=\d)"
    rf"(?:(?: \d+)?/\d+)?(?:\^\{{?-?\d+\}}?)?(?:{_PERCENT})?"
)
_DOUBLED = re.compile(
    r"(?<!\\)\\\\(?=(?:boxed|text|[dt]?frac|sqrt|left|right|pi|cdot|quad|infty|circ|times)\b)"
)  # escaped twice


def boxed(text: str) -> list[str]:
    r"""The contents of all balanced `\boxed{…}`, in order; boxes joined by "and" or a comma become one.

    A percent sign right behind a box belongs to it. A box that is never closed counts only on the last line.
    """
    groups: list[str] = []
    last_end = -1
    for match in _BOX.finditer(text):
        if match.start() < last_end:
            continue  # a box within a box
        content, end = _braces(text, match.end())
        if content is None:
            continue
        percent = re.match(rf"[\s$)\\]*?{_PERCENT}", text[end : end + 24])
        content = content.strip() + (r"\%" if percent and "%" not in content else "")
        if groups and last_end >= 0 and _JOINED.match(_bare(text[last_end : match.start()])):
            groups[-1] = f"{groups[-1]}, {content}"
        else:
            groups.append(content)
        last_end = end
    return groups


def _bare(between: str) -> str:
    """What stands between two boxes, without spacing commands and \\text."""
    return re.sub(r"\\(?:q?quad|[,;:! ])|\\text\s*(?=\{)|[{}$]|\\[()\[\]]", " ", between)


def _braces(text: str, start: int) -> tuple[str | None, int]:
    """The content of the braces that open at `start`, and where they end."""
    if text[start : start + 1] != "{":
        digit = re.match(r"-?\w+", text[start:])
        return (digit[0], start + digit.end()) if digit else (None, start)
    depth = 0
    for place in re.finditer(r"(?<!\\)[{}]|\\\\[{}]", text[start : start + 4000]):
        depth += 1 if place[0].endswith("{") else -1
        if depth == 0:
            return text[start + 1 : start + place.start()], start + place.end()
    rest = text[start + 1 : start + 400].rstrip()
    return (None, start) if "\n" in rest or len(rest) > 200 else (rest.rstrip("$. "), len(text))


def once_escaped(text: str) -> str:
    r"""A text in which LaTeX commands that were escaped twice (`\\frac`) are as they were meant."""
    return _DOUBLED.sub(r"\\", text)


def states_value(text: str) -> bool:
    """Whether a text states an answer in so many words, such as "the answer is 5" or "#### 5"."""
    return bool(_FINAL.search(text))


def stated_value(part: str) -> tuple[str, str]:
    """The value a text commits to, and the rule that found it; "" where it commits to none."""
    boxes = boxed(part)
    last_box = max(part.rfind(r"\boxed"), part.rfind(r"\fbox"))
    later = [
        match for match in _FINAL.finditer(part, max(last_box, 0)) if match.start() > last_box >= 0
    ]
    if (
        boxes
        and boxes[-1]
        and not any("final" in part[max(0, m.start() - 8) : m.start()].lower() for m in later)
    ):
        return boxes[-1], "boxed"
    for match in reversed(list(_FINAL.finditer(part))):
        answer = _first_value(part[match.end() :])
        if answer:
            return answer, "stated"
    if boxes and boxes[-1]:
        return boxes[-1], "boxed"
    first = part.split("\n", 1)[0].strip()
    return (
        (first.rstrip(". "), "first line") if first and _is_value(first) else ("", "no statement")
    )


def _is_value(line: str) -> bool:
    """Nothing but an expression: no word of three letters outside LaTeX, save a unit behind a number."""
    bare = re.sub(r"\\[A-Za-z]+(?:\{[A-Za-z ]+\})?", " ", line)
    words = re.findall(rf"(?!(?:{FUNCTIONS})\b)\b[^\W\d_]{{3,}}", bare)
    opening = _VALUE.match(line.lstrip("(* "))
    return bool(re.search(r"\d|\\|^\W*\w\W*$", line)) and (
        not words or bool(opening and len(words) <= 2 and len(line) < 40)
    )


def _first_value(phrase: str) -> str | None:
    """The value that a statement opens with: up to the end of its line or sentence."""
    phrase = phrase.replace(r"\"", '"')
    environments = _ENVIRONMENTS.match(
        phrase.lstrip('*: "\\' if not phrase.lstrip().startswith("\\") else '*: "')
    )
    if environments:
        return _joined(environments[0])
    line = re.split(r"\n|(?<!\d)\.(?:\s|$)|\.(?=\s|$)|\s+I hope\b", phrase.strip(), maxsplit=1)[
        0
    ].strip("*\"' ")
    if not line:
        return None
    if _is_value(line):
        return _percents(line)
    told = re.split(r"\b(?:is|are|was|be|equals)\b", line)
    if len(told) > 1:  # "the volume of $V$ is 120"
        return _first_value(told[-1]) or _first_value(told[0])
    environments = _ENVIRONMENTS.search(line)
    if environments:
        return _joined(environments[0])
    value = _VALUE.search(line)
    if value:
        return _percents(value[0])
    return line if len(line.split()) <= 4 else None


def last_value(part: str) -> str | None:
    """The value a text ends on: its last maths environment or number, in its last paragraph that has one."""
    paragraphs = [
        text
        for text in re.sub(r"```.*?(?:```|$)", "", part, flags=re.DOTALL).split("\n\n")
        if text.strip()
    ]
    for paragraph in reversed(
        paragraphs[-2:]
    ):  # behind the answer there may be a closing remark, not more
        environments = list(_ENVIRONMENTS.finditer(paragraph))
        values = [match for match in _VALUE.finditer(paragraph) if match[0]]
        last = environments[-1] if environments else None
        if last and not any(value.start() >= last.end() for value in values):
            return _joined(last[0])
        fraction = re.findall(r"-?\\[dt]?frac\{-?[\d.]+\}\{-?[\d.]+\}", paragraph)
        if fraction and not values:
            return fraction[-1]
        if values:
            return _percents(_whole_line(paragraph) or values[-1][0])
    return None


def _whole_line(paragraph: str) -> str | None:
    """The right-hand side where the last line is an equation or expression and nothing else."""
    line = paragraph.strip().rsplit("\n", 1)[-1].strip(" .*")
    return (
        line.rsplit("=", 1)[-1].strip()
        if _is_value(line) and line.count("=")
        else (line if _is_value(line) else None)
    )


def _joined(environments: str) -> str:
    """`$1$ and $2$` as `1, 2`; `$28$ percent` as `28\\%`."""
    inner = [
        re.sub(r"^(?:\$\$?|\\\(|\\\[)\s*|\s*(?:\$\$?|\\\)|\\\])$", "", found)
        for found in _ENVIRONMENT.findall(environments)
    ]
    percent = re.search(rf"{_PERCENT}\s*$", environments)
    return ", ".join(inner) + (r"\%" if percent and not inner[-1].endswith("%") else "")


def _percents(value: str) -> str:
    return re.sub(_PERCENT, r"\\%", value.strip().rstrip(".,;:"))
