r"""Answers in words: what a text gives as its answer to a question of fact, and whether that is the
known one.

Case, accents, punctuation, articles and lead-ins do not matter; a date is a date in any order. A
sentence may hold the known answer, unless it denies it or offers several. Which part of an output
is read is `parts`' business; numbers and formulas are `expressions`' and `equality`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from routerlib.answers.claims import (
    COPULA,
    DENIAL,
    UNDECIDED,
    asked_claim,
    name_alone,
    sets_against,
    tells,
)
from routerlib.answers.conclusions import stated_texts
from routerlib.answers.hedges import is_unsure
from routerlib.answers.wording import bare_words, last_sentence, unstyled, without_contrast

# --- what a text says ---


def committed_phrase(part: str, truncated: bool) -> tuple[str | None, str]:
    """The words a text gives as its answer, and the rule that found them; None where it gives
    none.
    """
    plain = unstyled(part)
    stated = [words.strip() for words in stated_texts(plain) if words.strip()]
    if stated:
        return stated[-1], "stated"
    first, _, rest = plain.strip().partition("\n")
    short = len(first.split()) <= 12 or not rest.strip()
    if first and short and not first.endswith(":"):
        return first.strip(), "first line"
    last = "" if truncated else last_sentence(plain)
    return (last, "last sentence") if last else (None, "no statement")


# --- whether two answers in words are the same ---

_LEAD_IN = re.compile(
    r"""
    (?i) ^ (?: (?: so|therefore|thus|hence|well|sure|ok(?:ay)?|i\ (?:think|believe)
      | i(?:['’]d|\ would)\ (?:say|guess) | my\ (?:best\ )?guess\ is
      | the\ (?:correct\ |final\ |right\ )?answer|answer|a|it|this|that|they|he|she|is|was|are|were
      | it's|that's|would\ be|called|known\ as|named|probably|most\ likely|likely|:|,|- ) \s* )+
    """,
    re.VERBOSE,
)
# What others believe:
# "Many people think it is Sydney, but the capital is Canberra"
_OPINION = re.compile(
    r"""
    (?i) \b(?: (?:many|most|some|other)\s+(?:people\s+)? | people\s+
          | one\s+(?:might|may|could)\s+ )
    (?: often\s+ | may\s+ | might\s+ )? (?: think|believe|assume|say|guess )s? \b [^.;]{0,120}?
    [,;]? \s* \b(?:but|however|although|yet)\b ,? \s*
    """,
    re.VERBOSE,
)
# What was before: "Formerly known as Ceylon, …", "The capital used to be Bonn; …"
_FORMER = re.compile(
    r"""
    (?i) \b (?: formerly|previously|originally|once ) \s+ (?: known\ as|called|named ) \s
        [^,;.]{1,80} [,;]
      | ; [^,;.]{1,80} \b (?: used\ to\ be | was\ (?:formerly|once|previously) ) \s
        [^,;.]{1,80} (?= [.]? $ )
      | \b [^,;.]{1,80} \b used\ to\ be \s [^,;.]{1,80} [,;] (?: \s*but\b )?
    """,
    re.VERBOSE,
)
_ATTRIBUTED = re.compile(
    r"""
    (?i) \b [^.;,]{0,60}? \b (?: usually|often|commonly|sometimes|widely|wrongly ) \s+
    (?: attributed|credited|believed|said|thought|mistaken|given ) \b [^.;]{0,120}?
    [,;] \s* \b (?:but|however|yet) \b ,? \s*
    """,
    re.VERBOSE,
)
# A remark about the answer: ", which plants turn into oxygen", "(part of the limbic system)"
_REMARK = re.compile(
    r",\s*(?:which|who|whose|where)\b[^.,;]*,?|\s*\((?:part|in|of|near|not|which|who|from)\b[^()]*\)"
)
_ASKED_AND_DENIED = re.compile(r"(?i)^[^?.!]{1,60}\?\s*no\b[,.:—–-]*\s*(?=\w)")  # "Oslo? No, Rome"
_NOT_BUT = re.compile(r"(?i)^\s*not\s+[^,.;]{1,60},?\s+but\s+")  # "Not gold but silver."
# Another one that is only granted: "…; it might have been Hooke"
_MAY_BE = re.compile(
    r"""
    (?i) (?: [,;] \s* )? (?: \b(?:but|though|although|or) \s+ )? \b (?: it|he|she|this|that ) \s+
    (?: may|might|could ) \s+ (?: also\s+ )? (?: be | have\ been ) \b [^,;.]*
    """,
    re.VERBOSE,
)
_HEDGE = re.compile(r"(?i)\b(?:possibly|perhaps|maybe)\b")
# "Gustave Eiffel designed it": the verb behind the one who did it
_DID = re.compile(r"(?i)[^\W\d_]+ed|wrote|won|built|made|sang|drew|led|found|did")
_YES, _NO = {"yes", "true", "correct"}, {"no", "false", "incorrect"}


def same_text(answer: str, golds: Sequence[str], question: str | None = None) -> bool:
    """Whether an answer in words is one of the accepted ones.

    Case, accents, punctuation, articles and lead-ins ("it is …") do not matter. A sentence may hold
    the gold answer as a whole phrase, unless it says "not" or "or"; a shorter answer must be the
    gold answer, since `New York` is no `York`. Yes and true, no and false are told by the first
    such word.
    """
    return any(_same_phrase(answer, gold, question) for gold in golds if bare_words(gold))


def _same_phrase(answer: str, gold: str, question: str | None) -> bool:
    wanted = bare_words(gold)
    answer = _ASKED_AND_DENIED.sub("", answer)
    answer = name_alone(answer) or answer
    answer = (question and asked_claim(answer, question)) or answer
    beside_another = sets_against(answer)
    answer = _OPINION.sub("", _ATTRIBUTED.sub("", _FORMER.sub("", answer)))
    answer = _REMARK.sub("", without_contrast(_NOT_BUT.sub("", answer)))
    answer = _MAY_BE.sub("", answer)
    if len(_HEDGE.findall(answer)) > 1 or is_unsure(answer) or not answer.strip():
        return False
    if len(wanted) == 1 and wanted[0] in _YES | _NO:
        return _polarity(answer) == (wanted[0] in _YES)
    date = date_in(gold)
    if date and re.fullmatch(_DATE_ONLY, gold.strip()):
        return dates_in(answer) == [date]
    bare = _LEAD_IN.sub("", answer.strip())
    first = re.split(r"[,;(—]|\s[–-]\s|\b(?:because|since|which)\b", bare)[0]
    said = bare_words(bare)
    if wanted in (said, bare_words(first), bare_words(answer)) or "".join(wanted) == "".join(said):
        return True
    if said and sorted(said) == sorted(wanted) and re.fullmatch(r"[^,]+,[^,]+", bare.strip(" .")):
        return True  # "Melville, Herman"
    if _is_full_name(bare, wanted) or _is_surname(answer, gold):
        return True
    if _is_apposition(bare):
        return False
    told = bare_words(answer)
    acts = len(told) > len(wanted) and _DID.fullmatch(told[len(wanted)])
    if (
        acts
        and told[: len(wanted)] == wanted
        and not UNDECIDED & set(told)
        and not DENIAL.search(answer)
    ):
        return True
    echoes = question and " or " not in question and set(wanted) <= set(bare_words(question))
    return not echoes and tells(answer, wanted, beside_another)


def _is_full_name(bare: str, wanted: list[str]) -> bool:
    """Whether an answer ends on the gold name with a middle name in it: `Neil Alden Armstrong`."""
    named = re.search(r"((?:\b[A-Z][\w.'’-]*\s+){2}[A-Z][\w'’-]*)[\s.]*$", bare)
    said = bare_words(named[1]) if named else []
    return (
        len(wanted) == 2
        and len(said) == 3
        and [said[0], said[2]] == wanted
        and not (DENIAL.search(bare))
    )


# "The author is", "written by", "was the first to": what comes is a person
_PERSON = re.compile(
    r"""
    (?i) \b (?: author | writer | poet | novelist | playwright | painter | artist | composer
        | sculptor | architect | inventor | discoverer | scientist | physicist | chemist
        | mathematician | philosopher | director | president | founder | emperor | explorer ) \s+
      (?: \w+\s+ ){0,4}? (?:is|was) \s+
    | \b (?: written | painted | composed | invented | discovered | directed | founded | proved
        | sculpted | designed | developed | proposed ) \s+ by \s+
    """,
    re.VERBOSE,
)


def _is_surname(answer: str, gold: str) -> bool:
    """Whether a sentence about a person ends on the surname of the gold name: "The author is
    Dickens."
    """
    person = re.fullmatch(r"[A-Z][\w'’.-]+ (?:[A-Z][\w'’.-]* )*([A-Z][\w'’-]{3,})", gold.strip())
    told = list(_PERSON.finditer(answer))
    if not person or not told or DENIAL.search(answer):
        return False
    return bare_words(answer[told[-1].end() :]) == bare_words(person[1])


def _polarity(answer: str) -> bool | None:
    """Whether an answer says yes: its first word of yes and no decides, turned by a "not" before
    it.
    """
    words = bare_words(answer)
    if "neither" in words:
        return None
    for i, word in enumerate(words):
        if word in _YES | _NO:
            turned = {"not", "isnt", "never"} & set(words[max(0, i - 3) : i])
            return (word in _YES) != bool(turned)
    return None


def _is_apposition(bare: str) -> bool:
    """`Wednesday, the day after Tuesday`: a name, and what it is; the name is the answer."""
    name, comma, rest = bare.partition(",")
    plain_name = name[:1].isupper() and len(name.split()) <= 3 and not COPULA.search(name)
    opens = re.match(r"\s*(?:the|a|an|who|which|where|not)\b", rest)
    return bool(comma) and plain_name and opens is not None


# --- dates ---

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = (
    r"(?P<month>jan\w*|feb\w*|mar\w*|apr\w*|may|jun\w*|jul\w*|aug\w*|sep\w*|oct\w*|nov\w*"
    r"|dec\w*)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?!\d)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{3,4})"
_DATE_FORMS = (
    rf"{_MONTH}\s+(?:the\s+)?{_DAY}\s*,?\s*(?:of\s+)?{_YEAR}",  # July 4th, 1776
    rf"\b{_DAY}\.?\s+(?:of\s+)?{_MONTH}\s*,?\s*{_YEAR}",  # the 4th of July 1776
    r"\b(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})\b",  # 1776-07-04
    r"\b(?P<day>1[3-9]|2\d|3[01])[-/.](?P<month>0?\d|1[0-2])[-/.](?P<year>\d{4})\b",  # 14/07/1776
    r"\b(?P<month>0?\d|1[0-2])/(?P<day>1[3-9]|2\d|3[01])/(?P<year>\d{4})\b",  # 07/14/1776
)
_DATES = [re.compile(form, re.IGNORECASE) for form in _DATE_FORMS]
_DATE_ONLY = re.compile(
    "|".join(re.sub(r"\(\?P<\w+>", "(?:", form) for form in _DATE_FORMS), re.IGNORECASE
)

Date = tuple[int, int, int]  # year, month, day


def dates_in(text: str) -> list[Date]:
    """The different dates a text names, in any of the common orders, as (year, month, day)."""
    found = {}
    for pattern in _DATES:
        for match in pattern.finditer(text):
            month = match["month"].casefold()
            number = int(month) if month.isdigit() else _month_number(month)
            if number:
                found[int(match["year"]), number, int(match["day"])] = match.start()
    return sorted(found, key=lambda date: found[date])


def date_in(text: str) -> Date | None:
    """The one date a text names, or None."""
    dates = dates_in(text)
    return dates[0] if len(dates) == 1 else None


def _month_number(name: str) -> int:
    """1 to 12 for a month's name or its beginning, 0 for any other word."""
    fits = [i for i, month in enumerate(_MONTHS, 1) if month.startswith(name) or name == "sept"]
    return fits[0] if len(fits) == 1 else 0
