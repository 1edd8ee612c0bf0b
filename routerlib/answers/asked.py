"""Which of several values in a sentence a question asks for: "how many packs …?" asks for the packs
in "4 packs, leaving 3 spare plates".

Read from the question are the noun behind "how many", whether it is money, the noun behind "what is
the", and its other words. It is asked only where a sentence alone does not tell (`closing`), and
where one value fits better than all others; else none is chosen, since no answer is better than a
wrong one. Only questions in English are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from routerlib.answers.quantities import Quantity, quantity


@dataclass(frozen=True)
class Asked:
    """What a question asks for, in stems of words.

    `counted` is the noun behind "how many" with the words before it, the noun last; `subject` the
    noun behind "what is the"; `words` are all telling words of the sentence that asks.
    """

    counted: tuple[str, ...]
    subject: str
    words: frozenset[str]
    is_money: bool
    is_percent: bool
    is_rate: bool


_ASKS = re.compile(r"\b(?:how|what|find|determine|compute|calculate|which|give)\b", re.IGNORECASE)
# "how many more blue marbles | does she need", "how many packs | of plates"
_HOW_MANY = re.compile(
    r"""
    \b how\ many \s+ (?: (?:more|fewer|less|other|additional|total|in\ total|full|whole) \s+ )*
    (?P<noun> (?: (?! (?: is|are|was|were|do|does|did|can|could|will|would|should|must|has|have|had
        | of|in|on|at|to|that|which|who|for|from|with|per|there|more|less|fewer|left|you|he|she|it
        | they|we|i ) \b ) [A-Za-z'’-]+ \s* ){1,4} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "what is the total | cost", "Find the | height"
_WHAT_IS = re.compile(
    r"""
    \b (?: what (?: \ is | 's | \ was | \ are | \ will\ be )
      | find | determine | compute | calculate | give )
    \ (?:the\ )? (?: total\ | whole\ )? ([A-Za-z]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MONEY = re.compile(
    r"""
    \b (?: how\ much\ (?:\w+\ )?money | dollars? | cents? | euros? | pounds\ sterling
      | how\ much \b .* \b (?: cost | costs | pay | paid | pays | spend | spent | spends | earn
          | earns | earned | make | makes | made | save | saved | saves | owe | owes | owed
          | charge | charges | charged | profit | price | change | bill | worth )
      | what \b .* \b (?: price | cost | profit | salary | bill | wage | income ) ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PERCENT = re.compile(r"\b(?:what|which|how many) percent|\bpercentage\b", re.IGNORECASE)
# "How much is it per person", "the average", "for 3 dollars a piece"
_RATE = re.compile(
    r"""
      \b (?: per | each | every | apiece | rate | average | hourly | weekly | daily | monthly
        | unit ) \b
    | \b a\ piece \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "$0.35 per mile", "$2 each": what one thing costs
_OF_ONE = re.compile(
    r"""
    \s* (?:
        /                                                     # $2/kg
      | (?: per | each | apiece | every ) \b                  # $0.35 per mile
      | an? \s+ (?: hour | day | week | month | year | piece ) \b  # $96 a day
    )
    """,
    re.VERBOSE,
)
# "25 miles per week"
_PER = re.compile(r"\s*[A-Za-z]+\s+(?:per|an?|each|every)\b", re.IGNORECASE)
_EACH = re.compile(r"\b(?:each|every|per)\b", re.IGNORECASE)
_EMPTY_WORDS = """
    a an the of in on at to for from by with and or is are was were be been do does did has have had
    can could will would should must if that this these those it its he she they them his her their
    how many much what which who when where there so than then as each all total give find determine
    compute calculate number value answer question get gets take takes i you we my your our
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


@lru_cache(maxsize=1024)
def asked_of(question: str) -> Asked | None:
    """What the last sentence of a question that asks something asks for; None where none does."""
    sentences = re.split(r"(?<=[.?!])\s+", question.strip())
    asking = next((text for text in reversed(sentences) if _ASKS.search(text)), None)
    if asking is None:
        return None
    many = _HOW_MANY.search(asking)
    subject = _WHAT_IS.search(asking)
    return Asked(
        counted=tuple(_stem(word) for word in re.findall(r"[A-Za-z]+", many["noun"]))
        if many
        else (),
        subject=_stem(subject[1]) if subject and subject[1].casefold() not in _EMPTY else "",
        words=frozenset(_telling(asking)),
        is_money=bool(_MONEY.search(asking)) and not many,
        is_percent=bool(_PERCENT.search(asking)),
        is_rate=bool(_RATE.search(asking)),
    )


def asked_value(asked: Asked, sentence: str, spans: Sequence[tuple[int, int]]) -> int | None:
    """The place in `spans` of the one value of a sentence that is asked for; None where several are
    as good.

    Args:
        asked: what the question asks for; sentence: a text; spans: where its values start and end,
            in order.
    """
    fits = [_fit(asked, sentence, spans, i) for i in range(len(spans))]
    best = max(fits, default=None)
    if best is None or best <= (0, 0):
        return None
    chosen = [i for i, fit in enumerate(fits) if fit == best]
    texts = {sentence[slice(*spans[i])] for i in chosen}
    return chosen[-1] if len(texts) == 1 else None


def asked_instead(
    asked: Asked, sentence: str, spans: Sequence[tuple[int, int]], end: int
) -> int | None:
    """The place in `spans` of the one value that must be meant, whatever else the sentence tells:
    "the discount is $15, making it $45", where the discount is asked for. `end` is where the value
    ends that the sentence itself would choose.
    """
    paid = [i for i, (_, end) in enumerate(spans) if _is_of_asked(asked, sentence[end:])]
    if paid:
        fits = paid
    elif asked.counted and _counts_another(asked, sentence[end:]):
        fits = [i for i, (_, end) in enumerate(spans) if _counts_asked(asked, sentence[end:])]
    elif asked.is_percent:
        fits = [i for i, (start, end) in enumerate(spans) if "%" in sentence[start:end]]
    elif asked.subject:
        fits = [i for i, (start, _) in enumerate(spans) if _names(asked.subject, sentence[:start])]
    else:
        fits = []
    return fits[0] if len(fits) == 1 else None


def _is_of_asked(asked: Asked, behind: str) -> bool:
    """Whether a value is for one of what is asked: "$96 a day", where a day is asked for."""
    of_one = _OF_ONE.match(behind)
    return of_one is not None and bool(set(_telling(of_one[0])) & asked.words)


def _counts_asked(asked: Asked, behind: str) -> bool:
    """Whether a value counts what is asked for: "42 pencils", where pencils are asked for."""
    noun = re.match(r"\s*([A-Za-z]+)", behind)
    return noun is not None and _stem(noun[1]) == asked.counted[-1]


def _counts_another(asked: Asked, behind: str) -> bool:
    """Whether a value counts things that are not asked for: "3.5 boxes", where pencils are."""
    noun = re.match(r"\s*([A-Za-z]{3,}s)\b", behind)
    return noun is not None and _stem(noun[1]) not in asked.counted


# "… the discount is $": what the value behind it is
_NAMED = re.compile(
    r"""
    \b (?: the | her | his | their | its | has | with | and | a ) \s+ (\w+) \s+
    (?: (?: is | are | was | = ) \s* )? [$€£]? $
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _names(subject: str, before: str) -> bool:
    told = _NAMED.search(before)
    return told is not None and _stem(told[1]) == subject


def in_asked_unit(asked: Asked, chosen: str, others: Sequence[str]) -> int | None:
    """The place in `others` of the same amount as `chosen` in the unit that is asked for.

    All are values with the word behind them: where minutes are asked for, "105 minutes" stands for
    "1 hour 45 minutes".
    """
    if len(asked.counted) != 1 or _stem(chosen.split()[-1]) == asked.counted[0]:
        return None
    own = quantity(chosen)
    if own is None or not own.measures or own.measures.startswith("?"):
        return None
    told = [quantity(other) for other in others]
    found = [
        i
        for i, other in enumerate(told)
        if _stem(others[i].split()[-1]) == asked.counted[0] and other and _as_much(own, other)
    ]
    return found[0] if len(found) == 1 else None


def _as_much(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities in figures are the same amount of the same thing, up to rounding."""
    figures = [re.fullmatch(r"[\d,]*\.?\d+", side.number) for side in (one, other)]
    if one.measures != other.measures or not all(figures):
        return False
    amounts = [Fraction(side.number.replace(",", "")) * side.factor for side in (one, other)]
    return abs(amounts[0] - amounts[1]) <= max(amounts) / 100


def _fit(asked: Asked, sentence: str, spans: Sequence[tuple[int, int]], i: int) -> tuple[int, int]:
    """How well a value fits: by its noun first, then by the words around it."""
    start, end = spans[i]
    before = sentence[spans[i - 1][1] if i else 0 : start]
    behind = sentence[end : spans[i + 1][0] if i + 1 < len(spans) else len(sentence)]
    behind = re.split(r"[,;.]|\band\b", behind)[0]
    if _is_of_asked(asked, behind):
        return (2, 0)
    of_one = _OF_ONE.match(behind) or _PER.match(behind)
    if (of_one or _EACH.search(_since_clause(before))) and not asked.is_rate:
        return (0, 0)
    counts = [_stem(word) for word in re.findall(r"[A-Za-z]+", behind)[:4]]
    beside = asked.words & set(_telling(" ".join(behind.split()[:4])))
    leading = asked.words & set(_telling(_since_clause(before)))
    words = 10 * len(beside) + len(leading - beside)  # "cups of sugar" tells more than "she needs"
    if asked.counted:
        named = sum(word in counts for word in asked.counted)
        return (named if asked.counted[-1] in counts[:3] else 0, words if named else 0)
    if asked.is_percent:
        is_percent = sentence[start:end].rstrip().endswith("%")
        return (int(is_percent), words if is_percent else 0)
    if asked.is_money:
        is_money = bool(re.match(r"\\?[$€£¥]", sentence[start:end])) or counts[:1] == ["dollar"]
        return (int(is_money), words if is_money else 0)
    if asked.subject:
        return (int(asked.subject in map(_stem, re.findall(r"[A-Za-z]+", before))), 0)
    return (0, words)


def _since_clause(before: str) -> str:
    return re.split(r"[,;]", before)[-1] if re.search(r"[,;].*[A-Za-z]", before) else before


def _telling(text: str) -> list[str]:
    words = re.findall(r"[A-Za-z]+", text.casefold().replace("'s", ""))
    return [_stem(word) for word in words if word not in _EMPTY]


_ENDINGS = {"ies": "y", "ing": "", "ches": "ch", "shes": "sh", "xes": "x", "ed": "", "s": ""}


def _stem(word: str) -> str:
    """A word without the endings of plural and tense: packs and pack, needs and needed."""
    word = word.casefold()
    for ending, rest in _ENDINGS.items():
        stem = word.removesuffix(ending) + rest
        if word.endswith(ending) and len(stem) >= 3 and not word.endswith("ss"):
            return stem
    return word
