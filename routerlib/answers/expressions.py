r"""The value a text gives as its final answer to a mathematical question, as it is written there.

The last balanced `\boxed{…}`, a stated answer ("the answer is …", "#### …"), a first line that is
nothing but a value, or the value a text ends on. Which part of an output is read is `extraction`'s
business, whether two values are equal `equality`'s.
"""

from __future__ import annotations

import re

from routerlib.answers.quantities import LARGE_NUMBERS, number_in_words
from routerlib.answers.wording import BOLD as _BOLD
from routerlib.answers.wording import CHECK, folded, last_sentence, statement_ends, without_bold

FUNCTIONS = r"sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt|mod|arcsin|arccos|arctan|pi|inf|and|or"
_BOX = re.compile(r"\\(?:boxed|fbox)\s*")

# Inline mathematics as Pandoc reads it: the opening $ has no space behind it, the closing one none
# before it and no digit behind it. So "$20 + $15 = $35" is money, and "$x + 1$" is mathematics.
# https://pandoc.org/MANUAL.html#extension-tex_math_dollars
_ENV = r"""
    (?: \$\$ .+? \$\$
      | (?<![\\\d]) \$ (?!\s) (?: \\\$ | [^$\n] )*? (?: \\\$ | [^$\n\s\\] ) \$ (?!\d)
      | (?<![\\\d]) \$ [ ] [^$\n]+ [ ] \$ (?!\d)
      | \\\( (?: [^\\] | \\(?!\)) )+? \\\)
      | \\\[ (?: [^\\] | \\(?!\]) )+? \\\] )
"""
_PERCENT = r"\s* (?: \\?% | (?i:percent(?:age)?|pct)\b )"
_ENVIRONMENT = re.compile(_ENV, re.DOTALL | re.VERBOSE)
# "$1$ and $2$", "$28$ percent"
_ENVIRONMENTS = re.compile(
    rf"{_ENV} (?:{_PERCENT})? (?: \s* (?: ,?\s*\b(?:and|or)\b | , ) \s* {_ENV} )*",
    re.DOTALL | re.VERBOSE,
)
_PERCENT_SIGN = re.compile(_PERCENT, re.VERBOSE)
_JOINED = re.compile(r"^[\s,;]*$|^[^.\n=,]{0,30}[,;]?\s*\b(?:and|or)\b\s*(?:[\w_]+\s*=\s*)?$")
# "-1,234.50", "$12", "3 1/2", "5^2", "40 %", "3:30"
_VALUE = re.compile(
    rf"""
    (?<![\w.^_√]) [-−]? (?: \d+\s? )? √ (?: \d+ | \( \d+ \) ) (?![\w^/.]\d)  # 4√2 is no 4
    | (?<![\w.^_√]) [-−]? (?: \d+\s? )? π (?: /\d+ )? (?!\w)                        # nor is 4π
    | (?<![\w.^_√]) (?: [-−+]\s? )? [$€£¥]? (?: [-−]\s? )?
    (?: \d{{1,3}}(?:[, ]\d{{3}})+(?!\d) | \d+ )?
    (?: (?<=\d)[.,]\d+ | (?<!\d)\.\d+ )? (?<=\d)
    (?: :\d\d(?!\d) )? (?: (?:[ ]\d+)?/\d+ )? (?: \^\{{?-?\d+\}}? )? (?: {_PERCENT} )?
    """,
    re.VERBOSE,
)
# Escaped twice
_DOUBLED = re.compile(
    r"(?<!\\)\\\\(?=(?:boxed|text|[dt]?frac|sqrt|left|right|pi|cdot|quad|infty|circ|times)\b)"
)


def published_gold(gold: str) -> str | None:
    """The answer behind GSM8K's mark at the end of a published solution ("… #### 18"), or None."""
    marked = re.search(r"(?:^|\n)\s*####\s*(\S[^\n]*?)\s*$", gold)
    return marked[1] if marked else None


def boxed(text: str) -> list[str]:
    r"""The contents of all balanced `\boxed{…}`, in order; boxes joined by "and" or a comma become
    one.

    A percent sign right behind a box belongs to it. A box that is never closed counts only on the
    last line.
    """
    groups: list[str] = []
    last_end = -1
    for match in _BOX.finditer(text):
        if match.start() < last_end:
            continue  # a box within a box
        content, end = _braces(text, match.end())
        if content is None:
            continue
        percent = _PERCENT_SIGN.match(
            re.sub(r"^[\s$)\\]*?(?=\\?%|\s*[pP])", "", text[end : end + 24])
        )
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
        token = re.match(r"-?(?:\d+|\w(?!\w))", text[start:])  # \boxed 5
        return (token[0], start + token.end()) if token else (None, start)
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
    return any(statement_ends(text))


# --- the value a text commits to ------------------------------------------------------------------


def committed_expression(part: str, truncated: bool) -> tuple[str | None, str]:
    """The value a text commits to, and the rule that found it; None where it commits to none.

    Of an output that was cut off only a box or a statement counts, and only where it does not touch
    the end: what stands there may be half of a number.
    """
    whole = _without_check(without_bold(folded(part))).strip()
    if truncated:
        whole = _all_but_the_end(whole)
    boxes = boxed(whole)
    boxes_end = max(whole.rfind(r"\boxed"), whole.rfind(r"\fbox"))
    statements = [match for match in statement_ends(whole) if not _is_denied(whole, match)]
    for match in reversed(statements):
        if boxes and boxes[-1] and match.start() < boxes_end:
            break
        answer = _stated_value(whole[match.end() :])
        if answer:
            return answer, "stated"
    if boxes and boxes[-1]:
        return boxes[-1], "boxed"
    if truncated:
        return None, "cut off"
    denied = [match for match in statement_ends(whole) if _is_denied(whole, match)]
    if denied and last_sentence(whole) in whole[denied[-1].start() - 80 :]:
        return None, "answer denied"
    first = _OPENS_CONCLUDING.sub("", whole.split("\n", 1)[0].strip())
    if first and (_is_value(first) or number_in_words(first.strip(" .*"))):
        return _result(first.rstrip(". ")), "first line"
    if _HALF_A_TERM.search(last_sentence(whole)):
        return None, "no statement"  # better no answer than half of one
    last = last_value(_without_check(folded(part)))
    return (last, "last value") if last else (None, "no statement")


# A number with a variable or the imaginary unit on it, at the very end: "2 + 3i", "5x"
_HALF_A_TERM = re.compile(r"(?<![\w\\])\d[\d.]*[xyzni][.!\s]*$")
_OPENS_CONCLUDING = re.compile(r"^(?:So|Thus|Hence|Therefore)\b,?\s+(?=\$)")


def _all_but_the_end(text: str) -> str:
    """A text without the line that it was cut off in."""
    return text[: text.rfind("\n") + 1]


def _without_check(text: str) -> str:
    """A text up to a check of its answer ("Check: 42 + 8 = 50"), if it says something before
    that.
    """
    check = CHECK.search(text)
    if not check or not re.search(r"\d|\\", text[: check.start()]):
        return text
    rest = text[check.start() :]
    if boxed(rest) or states_value(rest):
        return text  # the answer comes behind the check
    return text[: check.start()]


def _is_denied(text: str, statement: re.Match[str]) -> bool:
    """`The answer is not 9`, `if the answer were 9`, `the answer is 8? No`."""
    before = re.split(r"[.!?\n]", text[max(0, statement.start() - 40) : statement.start()])[-1]
    behind = text[statement.end() : statement.end() + 30]
    return bool(
        re.match(r"\s*(?:not|n't|never|between|more than|less than|at (?:least|most))\b", behind)
        or re.search(r"(?i)\b(?:if|whether|suppose|assume|unless)\b", before)
    )


def _is_value(line: str) -> bool:
    """Nothing but an expression: no word of three letters outside LaTeX, save a unit behind a
    number.
    """
    bare = re.sub(r"\\[A-Za-z]+(?:\{[A-Za-z ]+\})?", " ", line)
    words = re.findall(rf"(?!(?:{FUNCTIONS})\b)\b[^\W\d_]{{3,}}", bare)
    opening = _VALUE.match(line.lstrip("(* "))
    unit = bool(opening) and len(words) <= 2 and len(line) < 40
    return bool(re.search(r"\d|\\|^\W*\w\W*$", line)) and (not words or unit)


# Where the value that opens a phrase ends: at a remark in brackets, a clause, a comparison, another
# sentence.
_REMARK = re.compile(
    r"""
      \s* \( (?: not | or\ not | i\.e | e\.g | out\ of | of | from | von | de | sur | di | su | из
           | approx | about | rounded | since | because | as | which | that | the | a | in | see
           | [^\W\d_]{3,} ) [^()]* \)? .*
    | \s* [,;] \s* (?: not | as | since | because | which | so | where | who | and\ not | but
          | i\.e | or
           | rather | instead | while | after | when | if ) \b (?<! or ) .*
    | \s+ (?: because | since | not | instead | rather | when | where | which | if | as | after
          | so ) \b .*
    | \s+ (?: of | out\ of | from | von | de | des | las | los | sur | di | su | из | от ) \s+
           (?: the | a | these | all | our | las | los | les | den | der )? \s* \d .*
    """,
    re.VERBOSE | re.DOTALL,
)


def _stated_value(phrase: str) -> str | None:
    """The value that a statement opens with: up to the end of its line or sentence.

    "9 boys, as 12 are girls" is 9, "3 + 6 = 9" is 9, "3 cats and 4 dogs" is 3, 4, and "the sum of 3
    and 6" is none.
    """
    phrase = phrase.replace(r"\"", '"')
    lead = '*: "' if phrase.lstrip().startswith("\\") else '*: "\\'
    if phrase.lstrip().startswith("\\$"):
        phrase = phrase.lstrip()[1:]
    environments = _ENVIRONMENTS.match(phrase.lstrip(lead))
    if environments:
        return _joined(environments[0])
    phrase = re.sub(r"\b(i\.e|e\.g|approx|ca|z\.B)\.", r"\1", phrase)
    line = re.split(r"\n|(?<!\d)\.(?:\s|$)|\.(?=\s|$)|\s+I hope\b|</", phrase.strip(), maxsplit=1)[
        0
    ].strip("*\"' ")
    if not line:
        return None
    bare = _REMARK.sub("", line)
    several = _several(bare)
    if several:
        return several
    if _is_value(bare):
        return _percents(_result(bare))
    if number_in_words(bare):
        return bare
    opening = _opening_value(bare)
    if opening:
        return opening
    told = re.split(r"\b(?:is|are|was|be|equals)\b", line)
    if len(told) > 1:  # "the volume of $V$ is 120"
        return _stated_value(told[-1]) or _stated_value(told[0])
    environments = _ENVIRONMENTS.search(line)
    if environments:
        return _joined(environments[0])
    values = [match[0] for match in _VALUE.finditer(line) if match[0]]
    if len(set(values)) == 1:
        return _percents(values[0])
    return line if not values and len(line.split()) <= 4 else None


# Counted things, several of them: "3 cats and 4 dogs", "15 red, 4 green and 2 blue balls"
_COUNTED = r"(\d[\d,.]*) (?: \s+ [^\W\d_]+ ){1,3}"
_SEVERAL = re.compile(
    rf"^ {_COUNTED} (?: (?: \s*,\s* | \s*,?\s+(?:and|und|et|y|e|и)\s+ ) {_COUNTED} )+ \W* $",
    re.VERBOSE,
)
# Equations for several unknowns or several roots: "x = 3 or x = -2"
_EQUATIONS = re.compile(
    r"""
    (?<!when\ ) (?<!if\ ) (?<!at\ ) (?<!for\ )
    \b [A-Za-z](?:_?\w)? \s* = \s* [-−]?[\d./]+
    (?: \s* (?: , | ,?\s*\b(?:and|or)\b ) \s* (?:\b[A-Za-z](?:_?\w)?\s*=\s*) [-−]?[\d./]+ )+
    (?= \W*$ )
    """,
    re.VERBOSE,
)


def _several(text: str) -> str | None:
    """Several counted things as `3, 4`, several equations as their right-hand sides."""
    if _SEVERAL.match(text):
        return ", ".join(re.findall(r"\d[\d,.]*\d|\d", text))
    equations = _EQUATIONS.search(text)
    if equations:
        return ", ".join(re.findall(r"=\s*([-−]?[\d./]*\d)", equations[0]))
    return None


def _opening_value(text: str) -> str | None:
    """The number a phrase opens with, where nothing behind it makes it a part of an expression."""
    value = _VALUE.match(text.lstrip("( ≈~"))
    if not value or not value[0]:
        return None
    behind = text.lstrip("( ≈~")[value.end() :]
    if re.match(r"[\w^_/*(]|\s*[-+*/×·÷^=]|\s*[,;]?\s*(?:or|to|and)\s+\d", behind):
        return None
    size = re.match(rf"\s+(?:{LARGE_NUMBERS})\b", behind)  # 2.5 million
    return _percents(value[0] + (size[0] if size else ""))


def _result(line: str) -> str:
    """The right-hand side of a line such as `3 × 3 = 9` or `$16 + $2 = $18`; other equations stay
    whole.
    """
    left, equals, right = line.rpartition("=")
    arithmetic = re.fullmatch(r"[\s\d.,+\-*/×·÷()=$€£−x]*\d[\s\d.,+\-*/×·÷()=$€£−x]*", left)
    return right.strip() if equals and arithmetic and right.strip() else line


# --- the value a text ends on ---------------------------------------------------------------------


def last_value(part: str) -> str | None:
    """The value a text ends on: its last maths environment or number, in its last paragraph that
    has one.

    A value in bold is preferred to one that is not: "There are **9** boys, as 12 of the 21 are
    girls."
    """
    without_code = re.sub(r"```.*?(?:```|$)", "", part, flags=re.DOTALL)
    paragraphs = [
        text for text in without_code.split("\n\n") if text.strip() and not _FAREWELL.match(text)
    ]
    # Behind the answer there may be a closing remark, not more.
    for paragraph in reversed(paragraphs[-2:]):
        value = _last_in(paragraph)
        if value:
            return value
    return None


# A paragraph that only takes leave: "I hope this helps! If you have 3 more questions, ask."
_FAREWELL = re.compile(
    r"(?i)\W*(?:I hope (?:this|that)|let me know|feel free|if you have"
    r"|please let me|would you like)\b"
)
# What a last sentence says behind its value, and what holds numbers that are no answer.
_AFTERTHOUGHT = re.compile(
    r"""
    (?: \s* \( (?: i\.e | e\.g | that\ is | since | because | from ) \b [^()]* \)
      | \s*,\s* which\ is \s+ (?:
          \d[\d.,]*\s*(?:times|%|percent|more|less|fewer) | half | twice ) \b [^.=\n]*
      | \s*,\s* (?: as | since | because | while | whereas | compared )
        \b [^.=\n]*
      | (?: (?<= \bin\ total ) | (?<= altogether ) ) \s+
        (?:over|during|in|within|for|across|after) \s+
        (?: (?:the|these|those|all)\s+ )? \d+ \s+ (?:second|minute|hour|day|week|month|year)s?
    )
    (?= [\s.*!]* $ )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _without_afterthought(paragraph: str) -> str:
    """A paragraph without what its last line says behind the value it gives."""
    before, _, line = paragraph.rstrip().rpartition("\n")
    if len(line) > 600:
        return paragraph  # no sentence, and long runs of spaces would take the pattern long
    shorter = _AFTERTHOUGHT.sub("", line)
    if shorter == line or not re.search(r"\d", shorter):
        return paragraph
    return f"{before}\n{shorter}" if before else shorter


def _last_in(paragraph: str) -> str | None:
    paragraph = _without_afterthought(paragraph)
    strong = [
        text for _, text in _BOLD.findall(paragraph) if _VALUE.match(text) and _is_value(text)
    ]
    paragraph = without_bold(paragraph)
    several = _several(paragraph)
    if several:
        return several
    if len(set(strong)) == 1 and not _whole_line(paragraph):
        return _percents(_result(strong[0]))
    result = _last_result(paragraph)
    if result:
        return _percents(result)
    environments = list(_ENVIRONMENTS.finditer(paragraph))
    values = [match for match in _VALUE.finditer(paragraph) if match[0]]
    last = environments[-1] if environments else None
    if last and not any(value.start() >= last.end() for value in values):
        return _joined(last[0])
    fraction = re.findall(r"-?\\[dt]?frac\{-?[\d.]+\}\{-?[\d.]+\}", paragraph)
    if fraction and not values:
        return fraction[-1]
    if not values:
        return None
    size = re.match(rf"\s+(?:{LARGE_NUMBERS})\b", paragraph[values[-1].end() :])
    return _percents(_whole_line(paragraph) or values[-1][0] + (size[0] if size else ""))


# A sum with its result, and words behind it that conclude nothing: "12 / 4 = 3 boxes for each of 4
# children"
_SUM = re.compile(
    r"""
    \d [\d.,]* \s* [-+*/×·÷−] [^=\n]* = \s*
    (?P<result> [-−]?[$€£]?[-−]?\d[\d,]*(?:\.\d+)? ) (?! [\d.]*\d )
    (?P<behind> \s [^\n]* )? $
    """,
    re.VERBOSE,
)
_GOES_ON = re.compile(
    r"[,;:=+*/×]|\.\s|\$|\\|\b(?:so|thus|therefore|hence|then|is|are|was|were|and|or|which|gives?"
    r"|get|has|have|leaving)\b"
)


def _last_result(paragraph: str) -> str | None:
    """The result of a sum that the last line ends on, where only words and counted things follow
    it.
    """
    line = paragraph.strip().rsplit("\n", 1)[-1]
    sums = list(_SUM.finditer(line))
    behind = sums[-1]["behind"] if sums else None
    if not behind or not re.search(r"\d", behind) or _GOES_ON.search(behind.rstrip(". ")):
        return None
    return sums[-1]["result"]


def _whole_line(paragraph: str) -> str | None:
    """The right-hand side where the last line is an equation or expression and nothing else."""
    line = paragraph.strip().rsplit("\n", 1)[-1].strip(" .*")
    if not _is_value(line):
        return None
    return line.rsplit("=", 1)[-1].strip() if "=" in line else line


def _joined(environments: str) -> str:
    """`$1$ and $2$` as `1, 2`; `$28$ percent` as `28\\%`."""
    inner = [
        re.sub(r"^(?:\$\$?|\\\(|\\\[)\s*|\s*(?:\$\$?|\\\)|\\\])$", "", found)
        for found in _ENVIRONMENT.findall(environments)
    ]
    percent = _PERCENT_END.search(environments)
    return ", ".join(inner) + (r"\%" if percent and not inner[-1].endswith("%") else "")


_PERCENT_END = re.compile(rf"{_PERCENT} \s* $", re.VERBOSE)


def _percents(value: str) -> str:
    return _PERCENT_SIGN.sub(r"\\%", value.strip().rstrip(".,;:"))
