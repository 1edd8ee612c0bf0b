r"""The value a text gives as its final answer to a mathematical question, as it is written there.

The last balanced `\boxed{…}`, a stated answer ("the answer is …", "#### …"), a first line that is
nothing but a value, or the value a text ends on. Which part of an output is read is `extraction`'s
business, whether two values are equal `equality`'s.
"""

from __future__ import annotations

import re

from routerlib.answers.closing import closing_value
from routerlib.answers.hedges import hedge, is_unsure, taken_back
from routerlib.answers.quantities import LARGE_NUMBERS, number_in_words
from routerlib.answers.values import (
    ENVIRONMENTS,
    PERCENT_SIGN,
    VALUE,
    figures,
    is_value,
    joined_formulas,
    percents,
    reals_in_signs,
    result_of,
    several,
    without_marks,
)
from routerlib.answers.wording import (
    CHECK,
    SENTENCE_ENDS,
    folded,
    last_sentence,
    statement_ends,
    without_bold,
)

_BOX = re.compile(r"\\(?:boxed|fbox)\s*")

_JOINED = re.compile(r"^[\s,;]*$|^[^.\n=,]{0,30}[,;]?\s*\b(?:and|or)\b\s*(?:[\w_]+\s*=\s*)?$")
# Escaped twice: \\frac{1}{2}
_DOUBLED = re.compile(
    r"""
    (?<! \\ ) \\\\ (?= (?: boxed | text | [dt]?frac | sqrt | left | right | pi | cdot | quad | infty
      | circ | times ) \b )
    """,
    re.VERBOSE,
)


def published_gold(gold: str) -> str | None:
    """The answer behind GSM8K's mark at the end of a published solution ("… #### 18"), or None."""
    marked = re.search(r"(?:^|\n)\s*####\s*(\S[^\n]*?)\s*$", gold)
    return marked[1] if marked else None


# "not \\boxed{35}", "If order mattered, it would be \\boxed{70}"
_REJECTED = re.compile(
    r"""
      \b (?: not | rather\ than | instead\ of ) \s+ [\s$(\[\\]* $
    | \b [Ii]f \b [^.\n]* \b would \b [^.\n]* $
    """,
    re.VERBOSE,
)


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
        if _REJECTED.search(text[max(0, match.start() - 120) : match.start()]):
            continue
        content, end = _braces(text, match.end())
        if content is None:
            continue
        percent = PERCENT_SIGN.match(
            re.sub(r"^[\s$)\\]*?(?=\\?%|\s*[pP])", "", text[end : end + 24])
        )
        content = content.strip() + (r"\%" if percent and "%" not in content else "")
        if (
            groups
            and last_end >= 0
            and _JOINED.match(_bare_between(text[last_end : match.start()]))
        ):
            groups[-1] = f"{groups[-1]}, {content}"
        else:
            groups.append(content)
        last_end = end
    return groups


def _bare_between(between: str) -> str:
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


def committed_expression(
    part: str, truncated: bool, question: str | None = None
) -> tuple[str | None, str]:
    """The value a text commits to, and the rule that found it; None where it commits to none.

    Of an output that was cut off only a box or a statement counts, and only where it does not touch
    the end: what stands there may be half of a number.
    """
    part = _MINUS_IN_WORDS.sub(_negative, part)
    part = reals_in_signs(_MINUS.sub(r"\1-", _QED.sub("", folded(part))))
    whole = _without_check(without_bold(part)).strip()
    if truncated:
        whole = _all_but_the_end(whole)
    boxes = boxed(whole)
    boxes_end = max(whole.rfind(r"\boxed"), whole.rfind(r"\fbox"))
    statements = [match for match in statement_ends(whole) if not _is_denied(whole, match)]
    for match in reversed(statements):
        if boxes and boxes[-1] and match.start() < boxes_end:
            break
        answer = _stated_value(_behind_denial(whole[match.end() :]))
        if answer and _is_statement_hedged(whole, match, answer):
            return None, HEDGED
        if answer:
            return _as_corrected(answer, "stated", whole[match.end() :], question)
    if boxes and boxes[-1]:
        return _as_corrected(boxes[-1], "boxed", whole[boxes_end:], question)
    if truncated:
        return None, "cut off"
    denied = [match for match in statement_ends(whole) if _is_denied(whole, match)]
    if denied and last_sentence(whole) in whole[denied[-1].start() - 80 :]:
        return None, "answer denied"
    part, whole = without_marks(part), without_marks(whole)
    first, _, rest = whole.partition("\n")
    first = first.strip() if rest.strip() else _OPENS_CONCLUDING.sub("", first.strip())
    if rest.strip() and _OPENS_REASONING.search(first):
        first = ""
    last = closing_value(_without_check(part), question)
    if first and (is_value(first) or number_in_words(first.strip(" .*"))):
        goes_on = "=" in first and _CONCLUDES.match(last_sentence(rest))
        if not (goes_on and last):
            return result_of(first.rstrip(". ")), "first line"
    return (last, "last value") if last else (None, "no statement")


# "The answer is negative 18"
_MINUS = re.compile(
    r"(^|\b(?:is|are|was|be|equals?|of|to|gives?)\s|[=:]\s*)(?:minus|negative)\s+(?=[$€£]?\d)",
    re.MULTILINE,
)
# "It is minus forty degrees."
_MINUS_IN_WORDS = re.compile(
    r"(?<=(?: is| to| of|t's) )(?:minus|negative) (?P<words>[a-z]+(?:-[a-z]+)?)\b"
)


def _negative(told: re.Match[str]) -> str:
    number = number_in_words(told["words"])
    return told[0] if number is None else f"-{number}"


# "$\\blacksquare$", "∎", "Q.E.D."
_QED = re.compile(
    r"\s* (?: \$? \s* \\(?:blacksquare|square|qed)\b \s* \$? | [∎■□] | Q\.?E\.?D\.? ) \s* $",
    re.VERBOSE,
)
HEDGED = "hedged"  # the rule of a value that a text does not commit to


def _is_statement_hedged(text: str, statement: re.Match[str], answer: str) -> bool:
    """Whether the sentence of a statement bounds, excepts or doubts the answer it gives."""
    lead = re.split(r"[.!?]\s|\n", text[: statement.start()])[-1] + statement[0]
    rest = re.split(r"(?<=[.!?])\s|\n", text[statement.end() :].lstrip())[0]
    values = [value for value in VALUE.finditer(rest) if figures(value[0]) == figures(answer)]
    if re.search(r"[<>≤≥≠]|\\(?:[lg]eq?|neq?)\b", answer):
        values = []  # the comparison is the answer
    value = ENVIRONMENTS.match(rest) or (values[-1] if values else None)
    told = (lead + rest[: value.start()], rest[value.end() :]) if value else (lead, rest)
    return bool(hedge(*told) or is_unsure(lead + rest))


def _as_corrected(
    answer: str, rule: str, behind: str, question: str | None
) -> tuple[str | None, str]:
    """An answer and its rule, unless words behind it take it back: "… 204. Wait, it is 216"."""
    back = taken_back(behind)
    later = behind[back.end() :] if back else ""
    if not re.search(r"\d", later):
        return answer, rule
    value = closing_value(later, question)
    if value is None:
        return None, HEDGED
    return (answer, rule) if figures(value) == figures(answer) else (value, "corrected")


# Behind an equation: "x = 12, y = 5 … So x + y = 17."
_CONCLUDES = re.compile(r"(?i)\W*(?:so|thus|hence|therefore|then|finally|consequently)\b")
_OPENS_CONCLUDING = re.compile(r"^(?:So|Thus|Hence|Therefore)\b,?\s+(?=\$)")


# An equation that more follows, unless it only names the unknown: "x + 2x + 6 = 66"
_OPENS_REASONING = re.compile(
    r"^ [^=]* (?: [A-Za-z][^=]*[-+*/] | [-+*/][^=]*[A-Za-z] ) [^=]* =", re.VERBOSE
)


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


# "not 12 but 14": what is denied, before the value that takes its place
_NOT_BUT = re.compile(r"\s*not\s+[^,.;\n]{1,40},?\s+(?:but|rather)\s+(?:rather\s+)?")


def _behind_denial(phrase: str) -> str:
    return _NOT_BUT.sub("", phrase, count=1) if _NOT_BUT.match(phrase) else phrase


def _is_denied(text: str, statement: re.Match[str]) -> bool:
    """`The answer is not 9`, `if the answer were 9`, `the answer is 8? No`."""
    before = re.split(r"[.!?\n]", text[max(0, statement.start() - 40) : statement.start()])[-1]
    behind = _behind_denial(text[statement.end() : statement.end() + 80])
    return bool(
        re.match(
            r"\s*(?:\w+ly\s+)?(?:not|n't|never|between|more than|less than|at (?:least|most))\b",
            behind,
        )
        or re.search(r"(?i)\b(?:if|whether|suppose|assume|unless)\b", before)
    )


# Where the value that opens a phrase ends: at a remark in brackets, a clause, a comparison, another
# sentence.
_REMARK = re.compile(
    r"""
      \s* \( (?: not | or\ not | i\.e | e\.g | out\ of | of | from | von | de | sur | di | su | из
           | approx | about | rounded | since | because | as | which | that | the | a | in | see
           | [^\W\d_]{3,} | \d[\d.,/]* \s* [^\W\d_]{2,} ) [^()]* \)? .*
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


# "… for $n = 5$, that is $31$": the number behind a formula
_RESTATED = re.compile(r"[^.\n]{0,40}\b(?:that is|i\.e\.|namely)\W{1,3}\$\s*([-\d.,/]+)\s*\$")


def _restated(behind: str) -> str | None:
    found = _RESTATED.match(behind)
    return found[1] if found else None


# "The answer is therefore | 12"
_ADVERB = re.compile(
    r"""
    ^ [\s:]* (?: thus | therefore | then | hence | simply | just | indeed | also | actually
      | really ) \s+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NAME_ALONE = re.compile(r"\\?[A-Za-z]\w*")  # the $x$ of "all $x$ with $x<0$"


def _stated_value(phrase: str) -> str | None:
    """The value that a statement opens with: up to the end of its line or sentence.

    "9 boys, as 12 are girls" is 9, "3 + 6 = 9" is 9, "3 cats and 4 dogs" is 3, 4, and "the sum of 3
    and 6" is none.
    """
    phrase = _ADVERB.sub("", phrase.replace(r"\"", '"'))
    lead = '*: "' if phrase.lstrip().startswith("\\") else '*: "\\'
    if phrase.lstrip().startswith("\\$"):
        phrase = phrase.lstrip()[1:]
    environments = ENVIRONMENTS.match(phrase.lstrip(lead))
    if environments:
        return _restated(phrase.lstrip(lead)[environments.end() :]) or joined_formulas(
            environments[0]
        )
    phrase = re.sub(r"\b(i\.e|e\.g|approx|ca|z\.B)\.", r"\1", phrase)
    line = re.split(r"\n|(?<!\.)\.(?=\s|$)|\s+I hope\b|</", phrase.strip(), maxsplit=1)[0].strip(
        "*\"' "
    )
    if not line:
        return None
    bare = _REMARK.sub("", SENTENCE_ENDS.sub("", line))
    listed = several(bare)
    if listed:
        return listed
    if is_value(bare):
        return percents(result_of(bare))
    if number_in_words(bare) and not re.match(r"\s+of\b", line[len(bare) :]):  # half of 50
        return bare
    opening = _opening_value(bare)
    if opening:
        return opening
    told = re.split(r"\b(?:is|are|was|be|equals)\b", line)
    if len(told) > 1:  # "the volume of $V$ is 120"
        return _stated_value(told[-1]) or _stated_value(told[0])
    formulas = [joined_formulas(found[0]) for found in ENVIRONMENTS.finditer(line)]
    if formulas:
        telling = [formula for formula in formulas if not _NAME_ALONE.fullmatch(formula)]
        is_plain = len(telling) in (1, len(formulas))
        return telling[0] if is_plain else None
    values = [match[0] for match in VALUE.finditer(line) if match[0]]
    if len(set(values)) == 1:
        return percents(values[0])
    return line if not values and len(line.split()) <= 4 else None


def _opening_value(text: str) -> str | None:
    """The number a phrase opens with, where nothing behind it makes it a part of an expression."""
    value = VALUE.match(text.lstrip("( ≈~"))
    if not value or not value[0]:
        return None
    behind = text.lstrip("( ≈~")[value.end() :]
    if re.match(r"[\w^_/*(]|\s*[-+*/×·÷^=]|\s*[,;]?\s*(?:or|to|and)\s+\d", behind):
        return None
    size = re.match(rf"\s+(?:{LARGE_NUMBERS})\b", behind)  # 2.5 million
    return percents(value[0] + (size[0] if size else ""))
