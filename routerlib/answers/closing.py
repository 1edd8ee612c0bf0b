r"""The value that a text without a stated answer arrives at: what its closing sentence says in its
main clause.

Here is decided which paragraph and which sentence is read, and what makes its value none: a
remark, a hedge, an instruction. Which value a sentence says is told by its clauses (`clauses`),
which of two that are equally good the question asks for by `asked`. Where two stay, none is read,
since no answer is better than a wrong one. Boxes and stated answers are `expressions`' business.
"""

from __future__ import annotations

import re
from unicodedata import normalize

from routerlib.answers.asked import Asked, asked_instead, asked_of, asked_value, in_asked_unit
from routerlib.answers.clauses import Clause, chosen_value, clauses_of
from routerlib.answers.hedges import hedge, is_unsure
from routerlib.answers.quantities import LARGE_NUMBERS, number_in_words
from routerlib.answers.values import (
    VALUE,
    figures,
    is_value,
    percents,
    result_of,
    several,
)
from routerlib.answers.weights import (
    BESIDE,
    BRACKETED,
    COMPOSED_IN_WORDS,
    DENIED,
    SCIENTIFIC,
    Value,
    values_weighed,
    word_behind,
)
from routerlib.answers.wording import BOLD, without_bold

_AND_A_HALF = re.compile(r"(?<![\d.,/])(\d+) and a half\b")
_VULGAR = re.compile("[¼-¾⅐-⅞]")  # ½ as 1/2
LONGEST = 600  # characters: what is longer is no sentence, and takes long to cut into clauses


def closing_value(part: str, question: str | None = None) -> str | None:
    """The value a text ends on, as it is written there; None where it ends on none, or on several
    that are equally good.

    Its last paragraph that holds a value decides, up to one paragraph before the end, since behind
    the answer there may be a closing remark. A value in bold is preferred: "There are **9** boys,
    as 12 of the 21 are girls." Where a sentence alone leaves several, the question tells which of
    them it asks for.
    """
    asked = asked_of(question) if question else None
    part = _AND_A_HALF.sub(r"\1.5", part)
    part = COMPOSED_IN_WORDS.sub(_composed_in_figures, part)
    part = _VULGAR.sub(lambda sign: " " + normalize("NFKC", sign[0]).replace("⁄", "/"), part)
    without_code = re.sub(r"```.*?(?:```|$)", "", part, flags=re.DOTALL)
    paragraphs = [
        text for text in without_code.split("\n\n") if text.strip() and not _FAREWELL.match(text)
    ]
    for paragraph in reversed(paragraphs[-2:]):
        value = _of_paragraph(paragraph, asked)
        if value is not None:
            return percents(value) or None
    return None


def _composed_in_figures(told: re.Match[str]) -> str:
    """`5 dollars and 50 cents` for "five dollars and fifty cents"."""
    numbers = number_in_words(told["more"]), number_in_words(told["rest"])
    if None in numbers:
        return told[0]
    return f"{numbers[0]} {told['units']} and {numbers[1]} {told['parts']}"


# A paragraph that only takes leave: "I hope this helps! If you have 3 more questions, ask."
_FAREWELL = re.compile(
    r"""
    \W* (?: I\ hope\ (?:this|that) | let\ me\ know | feel\ free | if\ you\ have | please\ let\ me
      | would\ you\ like ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A sentence about the solution: "Note: this assumes 5 litres an hour.", "This is 3 more than Ben."
_COMMENT = re.compile(
    r"""
    \W* (?:
        note | nb | remember | recall | keep\ in\ mind | hinweis | remarque | nota | 注
      | (?:this|that|which) \s+ (?: assumes? | takes? | includes? | accounts? | is\ because
          | is \s+ (?:\S+\s+){0,4} (?: more | less | fewer | than | times | percent | % ) )
      | (?:that|it)['’]s \s+ (?:\S+\s+){0,4} (?: more | less | fewer ) \s+
          (?:\S+\s+){0,2} (?: than | from )
      | [(]? if \b [^,]* \b (?: were | had | did | weren't | hadn't | didn't ) \b [^,]*, .* \b would
    ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "(With teams of 2, they would need 42.)"
_IN_BRACKETS = re.compile(r"\s*\([^()]*[^\W\d_]{3}[^()]*\)[\s.]*")
# What ends a sentence; the sign of a decimal or of "approx." does not
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\bapprox\.)(?<!\bca\.)(?<!\.[a-z]\.)\s+(?![a-z])")


def _of_paragraph(paragraph: str, asked: Asked | None) -> str | None:
    """What a paragraph says; "" where it says several things, None where it holds no value."""
    strong = [text for _, text in BOLD.findall(paragraph) if VALUE.match(text) and is_value(text)]
    plain = without_bold(paragraph)
    rejected = list(_REJECTS.finditer(_REMARK.sub("", plain)))
    if rejected:
        return _without_rejected(_REMARK.sub("", plain), rejected, asked)
    listed = several(plain) or several(_REMARK.sub("", plain))
    if listed:
        return listed
    whole = _whole_line(plain)
    if len(set(strong)) == 1 and not whole:
        return result_of(strong[0])
    if whole:
        return whole
    if _is_table(plain):
        return ""
    beside = None
    for line in reversed(plain.strip().split("\n")):
        for sentence in reversed(_SENTENCE_END.split(line)):
            remark = _COMMENT.match(sentence) or _IN_BRACKETS.fullmatch(sentence)
            if remark or sentence.rstrip().endswith("?"):
                continue
            value = _of_sentence(sentence, asked)
            if value and beside is None and _is_weak(sentence):
                beside = value
            elif value is not None:
                agrees = beside is None or figures(beside) == figures(value)
                return value if agrees else ""
    return beside


# "We reject x = -3", "so we discard $-1$": what is said not to be the answer
_REJECTS = re.compile(
    r"""
    (?: \b and \s+ (?=since\b) )? [^.,;]*
    \b (?: reject | discard | rul(?:e|ing)\ out | throw\ out ) (?: s|ed|ing )? \s+
    (?: the\s+ )? (?: (?:root|solution|value|negative|extraneous) \s+ ){0,3}
    \$? (?: [a-z] \s* = \s* )? (?P<value> [-−]?[\d./]*\d ) \$?
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _without_rejected(plain: str, rejected: list[re.Match[str]], asked: Asked | None) -> str | None:
    """What a paragraph keeps that rejects values: what stands behind, or the others before."""
    behind = plain[rejected[-1].end() :]
    if re.search(r"\d", behind):
        return _of_paragraph(behind, asked)
    before = plain[: rejected[0].start()].rstrip(" ,;")
    told = _of_paragraph(before, asked) or ""
    without = [re.sub(r"\s|−", "", value["value"].replace("−", "-")) for value in rejected]
    values = [re.sub(r"^.*=\s*", "", value).replace("−", "-") for value in told.split(", ")]
    kept = [value for value in values if value not in without]
    return kept[0] if len(kept) == 1 else ""


# "Lena: 42. Sister: 18.": several values, each with whose it is
_OF_EACH = re.compile(r"(?: ^ | [.;,\n] \s* ) ([^\W\d_]+) : \s* ([$€£]?[\d.,]*\d)", re.VERBOSE)
_OF_ALL = re.compile(r"(?i)total|sum|answer|result|all|altogether|final|profit|difference|left")


def _is_table(plain: str) -> bool:
    """Whether a paragraph ends on the last of several values that are told side by side."""
    entries = list(_OF_EACH.finditer(plain))
    if len(entries) < 2 or re.search(r"\w", plain[entries[-1].end() :]):
        return False
    return not _OF_ALL.fullmatch(entries[-1][1]) and entries[-1][2] != entries[-2][2]


# "In 4 weeks, she would run 100 miles."
_IMAGINED = re.compile(r"(?i)^(?!\W*(?:so|thus|therefore|hence|then)\b).*\bwould\b")


def _is_weak(sentence: str) -> bool:
    """Whether a sentence may only go on about the answer: no number of it stands by its verb, as in
    "He reads them in 4 days.", or it imagines something.
    """
    weights = [value.weight for value in values_weighed(sentence)]
    return max(weights, default=DENIED) == BESIDE or bool(_IMAGINED.search(sentence))


def _whole_line(paragraph: str) -> str | None:
    """The right-hand side where the last line is an equation or expression and nothing else."""
    line = paragraph.strip().rsplit("\n", 1)[-1].strip(" .*")
    if not is_value(line):
        return None
    return line.rsplit("=", 1)[-1].strip() if "=" in line else line


# --- one sentence ---------------------------------------------------------------------------------

# The right-hand side of an equation that ends a sentence, with a letter in it: "z = 2 + 3i"
_EQUATION_END = re.compile(
    r"= \s* (?P<value> (?: [-−+*/^()\d\s.√π] | (?<![A-Za-z])[A-Za-z](?![A-Za-z]) ){1,60}? )"
    r" \s* [.!]? \s* $",
    re.VERBOSE,
)
# "four places to the right: 4.5 × 10⁻⁴", "and flip the sign: x < −3"
_BEHIND_COLON = re.compile(
    rf"""
    : \s* (?P<value> {SCIENTIFIC.pattern} | \b[a-z] \s* [<>≤≥] \s* [-−]?\d[\d./]* ) \s* [.!]? \s* $
    """,
    re.VERBOSE,
)
# "4 packs (20 plates)", but not "4 (or 5)", "4 (wrong)" and "\left(3, -5\right)"
_REMARK = re.compile(
    r"""
    \s* (?<! \\left ) (?<! \\big ) \( (?! or \s+ [$€£]? [\d.,]+ \s* \) | incorrect | wrong | false )
    [^()]* (?: [^\W\d_]{2} | i\.e | e\.g ) [^()]* \)
    """,
    re.VERBOSE,
)
_CHANCE = re.compile(r"(?i)\b(?:probability|chance|odds|fraction|proportion)\b")


def _of_sentence(sentence: str, asked: Asked | None) -> str | None:
    """The value of a sentence's main clause; "" for several, None for none."""
    within = re.search(rf"∈\s*({BRACKETED.pattern})\W*$", sentence, re.VERBOSE)
    if within:
        return within[1]
    nothing = _NOTHING.search(sentence)
    if nothing and not re.search(r"\d", sentence[nothing.start() :]):
        return nothing.lastgroup and _NOTHING_NAMED[nothing.lastgroup]
    equation = _EQUATION_END.search(sentence)
    if equation and re.search(r"[A-Za-z]", equation["value"]):
        return equation["value"]
    behind_colon = _BEHIND_COLON.search(sentence)
    if behind_colon:
        return behind_colon["value"]
    if len(sentence) > LONGEST:
        values = values_weighed(sentence)
        return values[-1].text if values else None
    whole = sentence
    shorter = _REMARK.sub("", sentence)
    sentence = shorter if values_weighed(shorter) else sentence
    clauses = clauses_of(sentence)
    chosen = _as_asked(asked, sentence, clauses, chosen_value(clauses))
    if asked and chosen and chosen.text and sentence != whole:
        values = values_weighed(whole)
        told = [f"{value.text} {word_behind(whole[value.end :])}" for value in values]
        own = f"{chosen.text} {word_behind(sentence[chosen.end :])}"
        place = in_asked_unit(asked, own, told)
        if place is not None:
            return values[place].text
    if chosen is None or not chosen.text:
        return chosen.text if chosen else None
    if _INSTRUCTS.search(sentence[: chosen.start]):
        return ""
    if _is_value_hedged(sentence, clauses, chosen) or _LESS.search(sentence[chosen.end :]):
        return ""
    behind = sentence[chosen.end :]
    share = re.match(r"\s+(?:out of|in|to)\s+(\d+)\b(?!\s*[\d%]|\s+[a-z])", behind)
    if share and _CHANCE.search(sentence[: chosen.start]):
        return f"{chosen.text}/{share[1]}"
    size = re.match(rf"\s+(?:{LARGE_NUMBERS})\b", behind)  # 2.5 million
    dotted = re.fullmatch(r"\d{1,3}(?:\.\d{3})+", chosen.text)
    unit = _EUROS.match(behind) if dotted else None  # 1.500 euros are no 1.5
    return chosen.text + (size[0] if size else "") + (unit[0] if unit else "")


# "To get the rest, subtract $18 from": what is to be done, without what comes of it
_INSTRUCTS = re.compile(
    r"""
    \b (?: subtract | add | multiply | divide ) \s
    (?! .* (?: = | \b (?: get | gives? | is | are | equals? | makes? | leaves? | has | have | obtain
      | yields? | so | thus ) \b ) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "She has 60 pens, minus the 18 she gave away", "60 pens (or 42)"
_LESS = re.compile(
    r",? \s+ (?: minus | plus ) \s+ (?: the\s+ )? [$€£]?\d | \( or \s+ [$€£]?\d[\d.,]* \s* \)",
    re.VERBOSE | re.IGNORECASE,
)


def _is_value_hedged(sentence: str, clauses: list[Clause], chosen: Value) -> bool:
    """Whether the clause of a value bounds, excepts, doubts or denies it, or its sentence does."""
    start = max(clause.start for clause in clauses if clause.start <= chosen.start)
    behind = re.split(r"[;,]\s(?!or (?:possibly|perhaps|maybe)\b)", sentence[chosen.end :])[0]
    return bool(hedge(sentence[start : chosen.start], behind) or is_unsure(sentence))


_EUROS = re.compile(r"\s*(?:€|euros?\b)", re.IGNORECASE)


# "There is no real solution.", "The limit does not exist.", "f(2) is undefined."
_NOTHING = re.compile(
    r"""
      \b (?P<none> (?: there\ (?:is|are) | has | have ) \ no\ (?: (?:real|integer|such|valid)\ )?
            (?: solutions?|roots?|values? )
          | no\ (?: real\ )? solutions?\ exists? )
    | \b (?P<undefined> (?: does\ not | doesn['’]t ) \ exist | is\ (?: undefined | not\ defined ) )
    | \b (?P<endless> infinitely\ many ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NOTHING_NAMED = {
    "none": "no solution",
    "undefined": "does not exist",
    "endless": "infinitely many",
}


def _as_asked(
    asked: Asked | None, sentence: str, clauses: list[Clause], chosen: Value | None
) -> Value | None:
    """What the question asks for, where the sentence leaves several values, or tells one amount in
    two units; else what was chosen.
    """
    if asked is None or chosen is None:
        return chosen
    values = [
        value
        for clause in clauses
        for value in clause.values
        if value.weight != DENIED or clause.kind == "restating"
    ]
    if not chosen.text:
        place = asked_value(asked, sentence, [(value.start, value.end) for value in values])
        return chosen if place is None else values[place]
    told = [value.text + " " + word_behind(sentence[value.end :]) for value in values]
    own = chosen.text + " " + word_behind(sentence[chosen.end :])
    place = in_asked_unit(asked, own, told)
    if place is None:
        place = asked_instead(
            asked, sentence, [(value.start, value.end) for value in values], chosen.end
        )
    return chosen if place is None else values[place]
