r"""The clauses of a sentence, and the value that they say.

"Since a carton holds 12 jars, they need 9 cartons" says 9, in its main clause. A clause is main,
or draws the conclusion, or restates what was said, or is subordinate to another; its values are
weighed by `weights`. Where two stay that are equally good, none is chosen, since no answer is
better than a wrong one. Which sentence of a text is read is the business of `closing`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from routerlib.answers.quantities import number_in_words
from routerlib.answers.values import ENVIRONMENT, ENVIRONMENTS
from routerlib.answers.weights import (
    BESIDE,
    BRACKETED,
    DENIED,
    SAID,
    Value,
    values_weighed,
    word_behind,
)

UNDECIDED = Value("", 0, 0, SAID)

# --- a sentence cut into clauses ------------------------------------------------------------------

_BORDER = re.compile(
    r"""
      \s* [;|] \s* | : \s+ | , \s+ | \s [–—-] \s+ (?= [^\W\d] )
    | (?<! \b of ) (?<! \b from ) (?<! thing ) (?<! \b all ) (?<! \b number ) \s+
      (?= (?: so | thus | therefore | hence | but | which | while | whereas | although | though
        | because | since
        | and\ (?:so|thus|therefore|hence|then|together) ) \b )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CONCLUDING = re.compile(
    r"""
      ^ \W* (?: and\s+ )? (?: so | thus | therefore | hence | then | meaning | making | giving
          | totall?ing | bringing | (?:for\ )?a\ (?:grand\ )?total | (?:which|that|this) \s+
          (?: means | equals | gives | makes | leaves | comes
            | (?:is|are) (?= \s+ (?:\w+\s+)? [$€£(\\]*\d ) ) ) \b
    | \b (?:their|the) \s+ (?: product|sum|difference|total|average|ratio ) \s+ (?:is|equals) \b
    | \b (?: in\ (?:total|all) | altogether | combined | together | insgesamt | zusammen | au\ total
        | en\ total | in\ totale | no\ total | ao\ todo | всего | итого ) \b
    | ^ \W* (?: portanto | por\ (?:lo\ )?tanto | donc | daher | deshalb | somit | folglich | quindi
        | dunque | assim | luego | entonces | поэтому | значит | следовательно | итак ) \b
    | ^ \W* (?: 所以 | 因此 | 故 | 一共 | 总共 | 總共 | 共 | 还剩 | 還剩 | 剩下 | 合計 | 残り
        | 따라서 | 총 )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SUBORDINATE = re.compile(
    r"""
    ^ \W* (?: and\s+ )? (?: even\s+ )? (?:
        since | because | as | if | when | where | while | whereas | although | though | unlike
      | given | assuming | unless | who | whose | which | with | without | e\.g\.
      | compared | excluding | including | not | rather | instead | despite
      | after | before | until | out\ of | starting | note | ignoring | in\ order\ to | um | damit
      | para | pour | per | чтобы | adding | subtracting | dividing | multiplying | using
      | combining | taking | counting | substituting | attained | reached | achieved | rounded
      | based
      | da | weil | wenn | obwohl | nachdem | car | puisque | comme | si | alors\ que | porque
      | aunque | como | cuando | embora | quando | perché | poiché | anche\ se | так\ как | хотя
      | если ) \b
    | ^ \W* (?: 比 | 因为 | 因為 | 由于 | 如果 | 虽然 )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The same once more: "2.5 hours, or 150 minutes", "40% of $250, i.e. $100"
_RESTATING = re.compile(r"\W*(?:i\.e\.|that is(?: to say)?|or|namely)(?!\w)", re.IGNORECASE)
# "which is 3 times the usual 4", "which is 25% of the original price": a comparison, no result
_COMPARES = re.compile(
    r"""
    ^ \W* (?: which | that | this ) \s+ (?: is | are ) \s+ (?:\w+\s+)?
      (?: [\d.,/]+ \s* (?: times | % | percent | more | less | fewer ) | half | twice | double )
    | ^ \W* [$€£]? [\d.,/]+ \s* (?: [\w%]+ \s+ ){0,2}
      (?: more | less | fewer | times | \w{3,}er ) \s+ (?: than | as ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)


_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True)
class Clause:
    """A clause of a sentence with its values; kind: main, concluding, restating or subordinate."""

    kind: str
    values: tuple[Value, ...]
    text: str
    start: int

    def of_weight(self, weight: int) -> list[Value]:
        return [value for value in self.values if value.weight == weight]

    def said(self) -> list[Value]:
        return self.of_weight(SAID) or self.of_weight(BESIDE)

    def ends_on_sum(self) -> bool:
        """Whether its last value is the result of a sum: "it takes 300 / 60 = 5 hours"."""
        return self.text[: self.said()[-1].start - self.start].rstrip().endswith("=")

    def _is_trade(self, last: Value) -> bool:
        """Things for money, "4 mugs for $36": the question may ask for either."""
        money = [value for value in self.of_weight(BESIDE) if re.match("[$€£¥]", value.text)]
        return any(
            re.search(r"\bfor\s+$", self.text[: value.start - self.start])
            and not re.match("[$€£¥]", last.text)
            for value in money
        )

    def choice(self) -> Value:
        """The value this clause says: the last one behind its verb, unless two stand side by
        side.
        """
        values = self.said()
        last = values[-1]
        if self._is_trade(last):
            return UNDECIDED
        if len({value.text for value in values}) == 1:
            return last
        if last.weight == BESIDE:
            return UNDECIDED  # "for 3 hours at 5 mph"
        between = self.text[values[-2].end - self.start : last.start - self.start]
        if between.rstrip().endswith(("=", "≈", "→", "⟶")):
            return last
        if _UNSPACED.search(self.text):  # without spaces, "3人で" is told by no word of its own
            return UNDECIDED if re.search(r"\b(?:and|or)\b|,", between) else last
        return last if re.search(r"[A-Za-z]|^\(", values[-2].text) else UNDECIDED


def clauses_of(sentence: str) -> list[Clause]:
    whole = [_one_of_a_clause(sentence, span) for span in ENVIRONMENTS.finditer(sentence)]
    whole += [span.span() for span in BRACKETED.finditer(sentence)]
    places = [
        border.end()
        for border in _BORDER.finditer(sentence)
        if not any(start < border.end() < end for start, end in whole)
    ]
    places = [0, *places, len(sentence)]
    found: list[Clause] = []
    for start, end in pairwise(places):
        text = sentence[start:end]
        if _only_goes_on(text) and found:
            text, start = sentence[found[-1].start : end], found.pop().start
        values = tuple(
            Value(value.text, value.start + start, value.end + start, value.weight)
            for value in values_weighed(text)
        )
        kind = _kind_of_clause(text)
        if kind == "restating" and not found:
            kind = "main"  # "That is 3 weeks" says it for the first time
        if kind == "main" and len(found) > 1 and _only_concludes(found[-1]):
            kind = "concluding"  # "…; so, the total is 150"
        found.append(Clause(kind, values, text, start))
    return found


def _one_of_a_clause(sentence: str, formulas: re.Match[str]) -> tuple[int, int]:
    """Where formulas that stand side by side start and end; behind "since", only the first is of
    the clause: "since $x > 0$, $x = 2$".
    """
    before = re.split(r"[;:,]", sentence[: formulas.start()])[-1]
    first = ENVIRONMENT.match(sentence, formulas.start())
    end = first.end() if first and _SUBORDINATE.search(before) else formulas.end()
    return formulas.start(), end


def _only_goes_on(text: str) -> bool:
    """A number in a list of numbers is no clause: "the sides are 3, 4 and 5"."""
    return bool(re.match(r"(?:and)?\s*[-−$€£]?[\d./]+(?:\s+and\s+[\d./]+)?\W*$", text))


def _only_concludes(clause: Clause) -> bool:
    return clause.kind == "concluding" and not clause.values and len(clause.text.split()) <= 3


# "It would be 12 if there were no discount"
_UNREAL = re.compile(r"\bwould\b.*\b(?:if|without)\b|\bif\b.*\bwould\b", re.IGNORECASE)


def _kind_of_clause(text: str) -> str:
    if _UNREAL.search(text):
        return "subordinate"
    if _COMPARES.search(text):
        return "subordinate"
    if _RESTATING.match(text):
        return "restating"
    if _CONCLUDING.search(text):
        return "concluding"
    return "subordinate" if _SUBORDINATE.search(text) else "main"


# --- which value they say -------------------------------------------------------------------------


def chosen_value(clauses: list[Clause]) -> Value | None:
    """The value of the last clause that concludes, else of the only main clause that says one."""
    if all(clause.kind == "subordinate" for clause in clauses):
        clauses = [*clauses[:-1], replace(clauses[-1], kind="main")]  # "After 2 weeks it is …"
    main = [clause for clause in clauses if clause.kind in ("main", "concluding") and clause.said()]
    main = main or [clause for clause in clauses if clause.kind == "restating" and clause.said()]
    concluding = [clause for clause in main if clause.kind == "concluding"]
    if concluding:
        behind = clauses[clauses.index(concluding[-1]) + 1 :]
        beside = [clause for clause in behind if clause.kind == "main" and clause.of_weight(SAID)]
        if _OPENS_CONCLUSION.match(concluding[-1].text) and beside:
            return _same([concluding[-1].choice(), *(clause.choice() for clause in beside)])
        return concluding[-1].choice()
    if main and main[-1].ends_on_sum():
        return main[-1].choice()
    for weight in (SAID, BESIDE):
        telling = [clause for clause in main if clause.of_weight(weight)]
        if telling:
            choice = _same([clause.choice() for clause in telling])
            return UNDECIDED if _told_otherwise(choice, clauses) else choice
    rest = [value for clause in clauses for value in clause.values if value.weight != DENIED]
    if not rest:
        return UNDECIDED if any(clause.values for clause in clauses) else None
    return rest[-1] if len({value.text for value in rest}) == 1 else UNDECIDED


def _told_otherwise(choice: Value, clauses: list[Clause]) -> bool:
    """Whether it is told once more as another number of the same: "$600, i.e. $31,200 a year"."""
    again = [
        (clause, value)
        for clause in clauses
        if clause.kind == "restating" and clause.start > choice.start
        for value in clause.of_weight(SAID)
    ]
    own = [clause for clause in clauses if clause.start <= choice.start][-1:]
    nouns = [_noun_of(clause, choice) for clause in own]
    return any(
        _in_figures(value) != _in_figures(choice)
        and [_noun_of(clause, value)] == nouns
        and all(nouns)
        for clause, value in again
    )


def _in_figures(value: Value) -> str:
    """A value in figures: `12` for "a dozen"."""
    in_words = number_in_words(value.text)
    return value.text if in_words is None else str(in_words)


def _noun_of(clause: Clause, value: Value) -> str:
    """What a value counts: its sign of money, or the word behind it."""
    money = re.match(r"[$€£¥]", value.text)
    return money[0] if money else word_behind(clause.text[value.end - clause.start :]).strip()


# "Thus Ann has 30, Ben has 20": what follows from it stands in all clauses behind it
_OPENS_CONCLUSION = re.compile(r"(?i)\W*(?:so|thus|therefore|hence|then)\b")


def _same(choices: list[Value]) -> Value:
    """The value that all clauses say, or the one that the last one keeps of several: "x is 2 or -2;
    since x > 0, x is 2".
    """
    choices = [choice for choice in choices if r"\equiv" not in choice.text] or choices
    last = choices[-1]
    if len({choice.text for choice in choices}) == 1:
        return last
    kept = all(last.text in re.split(r",\s*", choice.text) for choice in choices)
    return last if last.text and kept else UNDECIDED
