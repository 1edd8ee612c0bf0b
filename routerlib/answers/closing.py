r"""The value that a text without a stated answer arrives at: what its closing sentence says in its
main clause.

"Hence Omar needs 9 more stickers to reach 30" says 9. So a sentence is cut into clauses, and each
number in it is weighed by the words around it: one that belongs to a purpose, a comparison, a
duration or "the 4 friends" is not what the sentence tells. Where two stay that are equally good,
none is read, since no answer is better than a wrong one. Boxes and stated answers are
`expressions`' business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from unicodedata import normalize

from routerlib.answers.asked import Asked, asked_instead, asked_of, asked_value, in_asked_unit
from routerlib.answers.hedges import hedge, is_unsure
from routerlib.answers.quantities import LARGE_NUMBERS, number_in_words
from routerlib.answers.values import (
    ENVIRONMENTS,
    VALUE,
    figures,
    is_value,
    joined_formulas,
    percents,
    result_of,
    several,
)
from routerlib.answers.wording import BOLD, without_bold

_AND_A_HALF = re.compile(r"(?<![\d.,/])(\d+) and a half\b")
_VULGAR = re.compile("[¼-¾⅐-⅞]")  # ½ as 1/2
LONGEST = 600  # characters: what is longer is no sentence, and takes long to cut into clauses

# How much a sentence commits to a value in it.
SAID, BESIDE, NAMED, DENIED = 3, 2, 1, 0


@dataclass(frozen=True)
class Value:
    """A value in a sentence, as it is written there, where it stands, and its weight."""

    text: str
    start: int
    end: int
    weight: int


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


# A paragraph that only takes leave: "I hope this helps! If you have 3 more questions, ask."
_FAREWELL = re.compile(
    r"(?i)\W*(?:I hope (?:this|that)|let me know|feel free|if you have"
    r"|please let me|would you like)\b"
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
    listed = several(plain)
    if listed:
        return listed
    whole = _whole_line(plain)
    if len(set(strong)) == 1 and not whole:
        return result_of(strong[0])
    if whole:
        return whole
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


# "In 4 weeks, she would run 100 miles."
_IMAGINED = re.compile(r"(?i)^(?!\W*(?:so|thus|therefore|hence|then)\b).*\bwould\b")


def _is_weak(sentence: str) -> bool:
    """Whether a sentence may only go on about the answer: no number of it stands by its verb, as in
    "He reads them in 4 days.", or it imagines something.
    """
    weights = [value.weight for value in _values_weighed(sentence)]
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
_REMARK = re.compile(r"\s*\([^()]*(?:[^\W\d_]{2}|i\.e|e\.g)[^()]*\)")  # "4 packs (20 plates)"
# An interval or a point: "[-3, 3)", "(1/2, 4)"
_BRACKETED = re.compile(r"[\[(] \s* [-−\d./π√∞]+ (?: \s*,\s* [-−\d./π√∞]+ )+ \s* [)\]]", re.VERBOSE)
# A sum that stays one: "16π − 32", "2 + √3"
_ATOM = r"(?:\d+(?:\.\d+)?)? (?: √(?:\d+|\(\d+\)) | π ) (?:/\d+)? | \d+(?:\.\d+)?"
_SYMBOLIC = re.compile(
    rf"(?<![\w.^√]) (?=[^,;A-Za-z]*[√π]) [-−]? (?:{_ATOM}) (?: \s*[-−+]\s* (?:{_ATOM}) )+"
    r" (?![\w.]*\d|\w)",
    re.VERBOSE,
)
_RATIO = re.compile(r"(?<![\d:.])\d+(?:\s?:\s?\d+)+(?![\d:])|(?<=ratio is )\d+ to \d+\b")
_CHANCE = re.compile(r"(?i)\b(?:probability|chance|odds|fraction|proportion)\b")


def _of_sentence(sentence: str, asked: Asked | None) -> str | None:
    """The value of a sentence's main clause; "" for several, None for none."""
    within = re.search(rf"∈\s*({_BRACKETED.pattern})\W*$", sentence, re.VERBOSE)
    if within:
        return within[1]
    nothing = _NOTHING.search(sentence)
    if nothing and not re.search(r"\d", sentence[nothing.start() :]):
        return nothing.lastgroup and _NOTHING_NAMED[nothing.lastgroup]
    equation = _EQUATION_END.search(sentence)
    if equation and re.search(r"[A-Za-z]", equation["value"]):
        return equation["value"]
    if len(sentence) > LONGEST:
        values = _values_weighed(sentence)
        return values[-1].text if values else None
    whole = sentence
    shorter = _REMARK.sub("", sentence)
    sentence = shorter if _values_weighed(shorter) else sentence
    clauses = _clauses(sentence)
    chosen = _as_asked(asked, sentence, clauses, _chosen(clauses))
    if asked and chosen and chosen.text and sentence != whole:
        values = _values_weighed(whole)
        told = [f"{value.text} {_word_behind(whole[value.end :])}" for value in values]
        own = f"{chosen.text} {_word_behind(sentence[chosen.end :])}"
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
    r"(?i)\b(?:subtract|add|multiply|divide)\s(?!.*(?:=|\b(?:get|gives?|is|are|equals?|makes?|leaves?"
    r"|has|have|obtain|yields?|so|thus)\b))"
)
# "She has 60 pens, minus the 18 she gave away"
_LESS = re.compile(r",?\s+(?:minus|plus)\s+(?:the\s+)?[$€£]?\d", re.IGNORECASE)


def _is_value_hedged(sentence: str, clauses: list[_Clause], chosen: Value) -> bool:
    """Whether the clause of a value bounds, excepts, doubts or denies it, or its sentence does."""
    start = max(clause.start for clause in clauses if clause.start <= chosen.start)
    behind = re.split(r"[;,]\s", sentence[chosen.end :])[0]
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
UNDECIDED = Value("", 0, 0, SAID)


def _as_asked(
    asked: Asked | None, sentence: str, clauses: list[_Clause], chosen: Value | None
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
    told = [value.text + " " + _word_behind(sentence[value.end :]) for value in values]
    own = chosen.text + " " + _word_behind(sentence[chosen.end :])
    place = in_asked_unit(asked, own, told)
    if place is None:
        place = asked_instead(
            asked, sentence, [(value.start, value.end) for value in values], chosen.end
        )
    return chosen if place is None else values[place]


def _chosen(clauses: list[_Clause]) -> Value | None:
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


def _told_otherwise(choice: Value, clauses: list[_Clause]) -> bool:
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
        value.text != choice.text and [_noun_of(clause, value)] == nouns and all(nouns)
        for clause, value in again
    )


def _noun_of(clause: _Clause, value: Value) -> str:
    """What a value counts: its sign of money, or the word behind it."""
    money = re.match(r"[$€£¥]", value.text)
    return money[0] if money else _word_behind(clause.text[value.end - clause.start :]).strip()


# "Thus Ann has 30, Ben has 20": what follows from it stands in all clauses behind it
_OPENS_CONCLUSION = re.compile(r"(?i)\W*(?:so|thus|therefore|hence|then)\b")


def _same(choices: list[Value]) -> Value:
    """The value that all clauses say, or the one that the last one keeps of several: "x is 2 or -2;
    since x > 0, x is 2".
    """
    last = choices[-1]
    if len({choice.text for choice in choices}) == 1:
        return last
    kept = all(last.text in re.split(r",\s*", choice.text) for choice in choices)
    return last if last.text and kept else UNDECIDED


# --- clauses --------------------------------------------------------------------------------------

_BORDER = re.compile(
    r"""
      \s* [;|] \s* | : \s+ | , \s+ | \s [–—-] \s+ (?= [^\W\d] )
    | (?<! \b of ) (?<! \b from ) \s+ (?= (?: so | thus | therefore | hence | but | which | while
        | whereas | although | though | because | since
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
class _Clause:
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
        if between.rstrip().endswith(("=", "≈")):
            return last
        if _UNSPACED.search(self.text):  # without spaces, "3人で" is told by no word of its own
            return UNDECIDED if re.search(r"\b(?:and|or)\b|,", between) else last
        return last if re.search(r"[A-Za-z]|^\(", values[-2].text) else UNDECIDED


def _clauses(sentence: str) -> list[_Clause]:
    whole = [*ENVIRONMENTS.finditer(sentence), *_BRACKETED.finditer(sentence)]
    places = [
        border.end()
        for border in _BORDER.finditer(sentence)
        if not any(span.start() < border.end() < span.end() for span in whole)
    ]
    places = [0, *places, len(sentence)]
    found: list[_Clause] = []
    for start, end in pairwise(places):
        text = sentence[start:end]
        if _only_goes_on(text) and found:
            text, start = sentence[found[-1].start : end], found.pop().start
        values = tuple(
            Value(value.text, value.start + start, value.end + start, value.weight)
            for value in _values_weighed(text)
        )
        kind = _kind_of_clause(text)
        if kind == "restating" and not found:
            kind = "main"  # "That is 3 weeks" says it for the first time
        if kind == "main" and len(found) > 1 and _only_concludes(found[-1]):
            kind = "concluding"  # "…; so, the total is 150"
        found.append(_Clause(kind, values, text, start))
    return found


def _only_goes_on(text: str) -> bool:
    """A number in a list of numbers is no clause: "the sides are 3, 4 and 5"."""
    return bool(re.match(r"(?:and)?\s*[-−$€£]?[\d./]+(?:\s+and\s+[\d./]+)?\W*$", text))


def _only_concludes(clause: _Clause) -> bool:
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


# --- the values of a clause -----------------------------------------------------------------------


def _values_weighed(text: str) -> list[Value]:
    """All values of a clause with their weights; the terms of a sum are left out, its result
    stays.
    """
    spans = [
        (match.start(), match.end(), _summed(joined_formulas(match[0])))
        for match in ENVIRONMENTS.finditer(text)
    ]
    for pattern in (_BRACKETED, _RATIO, _SYMBOLIC, VALUE):
        for match in pattern.finditer(text):
            inside = any(start < match.end() and match.start() < end for start, end, _ in spans)
            if match[0] and not inside:
                written = match[0].strip()
                if pattern is _RATIO:
                    written = written.replace(" to ", ":")
                spans.append((match.start(), match.end(), written))
    if not spans and not re.search(r"\d", text):
        spans = [
            (word.start(), word.end(), word[0])
            for word in _WORDS.finditer(text)
            if number_in_words(word[0])
        ]
    values: list[Value] = []
    before = 0
    for start, end, value in _in_one(text, sorted(spans)):
        weight = _weight_of_value(text[before:start], value, text[end:])
        if _ENDS_RANGE.fullmatch(text[before:start]) and not _RISES.search(text[:start]):
            weight = DENIED
        if values and weight is not None and _CONJUNCT.fullmatch(text[before:start]):
            weight = min(weight, values[-1].weight)
        before = end
        if value.isalpha() and weight != SAID:
            continue  # "two" in "the two smallest" counts nothing
        if weight is not None:
            values.append(Value(value, start, end, weight))
    return values


# "twelve eggs", "one thousand two hundred": numbers as words
_WORDS = re.compile(
    r"""
    (?i) \b (?: (?: two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,5}teen
        | (?:twen|thir|for|fif|six|seven|eigh|nine)ty ) \b
        | one (?=\ (?:hundred|thousand|million)) )
    (?: [- ] (?: and\ )? (?: one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve
        |\w{3,5}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million ) \b )*
    (?: \ and\ a\ half\b )?
    """,
    re.VERBOSE,
)
# The end of a range, "5 to 6", but not of a change: "rose from 100 to 145"
_ENDS_RANGE = re.compile(r"\s+to\s+|\s*[–]\s*")
_RISES = re.compile(r"(?i)\bfrom\s+\S+(?:\s+\w+)?\s+(?:to|–)\s*$")
# "for 1 coffee and 1 cake": the second stands where the first does
_CONJUNCT = re.compile(r"(?:\s+[^\W\d_]+){0,3}\s*,?\s*\b(?:and|or|und|et|y|e|и)\s+")
# Two units of one quantity: "2 hours 15 minutes", "1 m 80 cm"
_COMPOSED = re.compile(
    r"""
    \s* (?: h(?:ours?|rs?)? | min(?:ute)?s? | days? | weeks? | years? | months? | m(?:eters?)? | km
      | f(?:ee)?t | foot | kg | pounds? | lbs? | dollars? | quarts? | gallons? ) \s*
    """,
    re.VERBOSE,
)


def _in_one(text: str, spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """`3, 4 and 5` as one value."""
    found: list[tuple[int, int, str]] = []
    for start, end, value in spans:
        if found and re.fullmatch(r"\s*(?:,\s*(?:and\b)?|and\b)\s*", text[found[-1][1] : start]):
            opening, _, one = found.pop()
            sign = r" \cup " if "∞" in one + value else ", "  # of intervals, not of points
            found.append((opening, end, f"{one}{sign}{value}"))
        elif found and re.fullmatch(r"\s*(?:≈|\\approx)\s*", text[found[-1][1] : start]):
            opening, _, one = found.pop()
            found.append((opening, end, f"{one} ≈ {value}"))
        elif found and _COMPOSED.fullmatch(text[found[-1][1] : start]):
            opening, _, _ = found.pop()
            found.append((opening, end, text[opening:end] + _word_behind(text[end:])))
        else:
            found.append((start, end, value))
    return found


def _summed(value: str) -> str:
    """The right-hand side of a sum with dots: `1 + \\frac12 + \\cdots = 2`."""
    left, _, right = value.rpartition("=")
    return right.strip() if re.search(r"\\[lc]?dots", left) and right.strip() else value


def _word_behind(text: str) -> str:
    word = re.match(r"\s*[^\W\d_]+", text)
    return word[0] if word else ""


_OPERATOR = r"[-+*/×·÷−^]|x(?=\s*[$€£(]*\d)"
# "3 hens × 2 eggs": a sign of arithmetic, up to two words behind a number
_TERM_BEFORE = re.compile(
    rf"^[)\]]*(?:\s*[\w%/²³]+){{0,2}}?\s*[)\]]*\s*(?:{_OPERATOR}|=)\s*[-$€£(\\\d]"
)
_TERM_BEHIND = re.compile(rf"(?:{_OPERATOR})\s*[$€£(]*$")
_ABOUT = r"""
    (?: (?: about | approximately | roughly | around | exactly | only | just | nearly | almost
      | up\ to | at\ least | at\ most | another | etwa | rund | environ | circa | unos | около )
      \s+ )?
"""
_IS = r"is|are|was|were|be|equals?|has|have|had|gets?|costs?|ist|sind|est|son|es|é"
_NUMBERED = re.compile(
    r"(?i)\b(?:day|step|part|chapter|page|grade|case|question|problem|room|number|option|example|bus"
    r"|no\.|#)\s*$"
)
_DENIES = re.compile(
    r"""
    \b (?: not | subtract | add | than | instead\ of | rather\ than | unlike | nor | except
      | either | between
      | nicht | statt | als | au\ lieu\ de | plutôt\ que | en\ (?:lugar|vez)\ de | em\ vez\ de
      | invece\ di | вместо | чем | не | or | \w+n['’]t )
    \s+ (?: (?:the|a|an|all|for|by|with|about) \s+ )? $
      | \b than \b [^,;]* $                                          # more than she had 2 years ago
    """,
    re.VERBOSE | re.IGNORECASE,
)
_QUANTITY = re.compile(
    rf"""
    \b (?: total | sum | average | mean | median | profit | loss | cost | price | amount | speed
      | distance | weight | length | area | volume | rate | value | difference | balance | change
      | income | salary | score | height | age | perimeter | minimum | maximum | number | tip
      | remainder | increase | decrease | rise | drop | gain | discount )
    (?: \s+ \w+ ){{0,1}}? \s+ (?: of | is ) \s+ {_ABOUT} $
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DETERMINED = re.compile(
    r"""
    (?: \b (?: the | these | those | all | both | his | (?<!\bcost\ )(?<!costs\ )(?<!gives\ )
        (?<!gave\ )(?<!leaves\ )(?<!leaving\ )(?<!pay\ )(?<!pays\ )(?<!paid\ )(?<!owes\ )
        (?<!earns\ )(?<!takes\ )(?<!took\ )(?<!makes\ ) her | their | its | my | our | your | every
        | each | (?:out\ )?of | per | die | den | der | alle[nr]? | les | des | los | las | sus | i
        | gli | le | os | as | ses | leurs | все )
      | (?<!it)(?<!that)(?<!there)(?<!he)(?<!what)['’]s )
    (?: \s+ (?: of | the | original | initial | first | last | next | other | same | whole | entire
        | usual | remaining | previous | given | required | available | 's | de | los | las ) )*
    \s+ $
    """,
    re.VERBOSE | re.IGNORECASE,
)
_COMPOUND = re.compile(
    r"""
      \s* (?:[^\W\d_]+\s+)? (?: more | less | fewer ) \s+ than \b    # 90 miles more than before
    | - [^\W\d_]{2,}                                             # a 900-liter tank, a 5-day trip
    | \s* times\b                                               # 3 times the usual
    | \s* (?: discount | tip | tax | off\b | interest | sale | markup | commission | bill\b | goal
        | budget )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Behind a value: half of a term (5x, 3i), of a range (5-6, 5 to 6), of a choice (5 or 6), of an
# endless list
_GOES_ON = re.compile(r"\s?[xyzni]\b(?!\.[a-z])|[-–]\d|\s*(?:or|to)\s+[$€£]?\d|,?\s*(?:\.\.\.|…)")
# "to reach 30", "to make a profit of more than $50"; but what one "has to pay" is said
_PURPOSE = re.compile(
    rf"""
    (?<!have\ ) (?<!has\ ) (?<!had\ ) (?<!need\ ) (?<!needs\ ) (?<!needed\ ) (?<!want\ )
    (?<!wants\ ) (?<!going\ ) (?<!able\ ) (?<!ought\ ) (?<!used\ ) (?<!seems\ ) (?<!afford\ )
    (?<!expected\ ) (?<!get\ ) (?<!required\ ) (?<!supposed\ )
    \b to \s+ (?! a\b | an\b | the\b | about\b | approx | around\b | only\b | exactly\b | be\s+\$?\d
        | just\b | {_IS} )
    [a-z]{{2,}} \b (?! .* \b(?:{_IS})\b ) [^,]* $
    """,
    re.VERBOSE,
)
_PREPOSITION = re.compile(
    rf"""
    \b (?: after | over | for | from | in | within | during | on | at | with | by | until | before
      | against | through | across | among | when | if | since | because | as | where | throughout
      | below | above | under | beyond | past
      | of | en | dans | chez | entre | durante | desde | pendant | depuis | bis | um | für | nach
      | von | aus | mit | pour | sur | avec | après | sous | por | para | con | de | del | em | no
      | na | do | da | com | per | su | di | dopo | из | за | в | на | по | с | от )
    (?: \s+ (?! (?:{_IS}|totale?|which|all|and|or|und|et|y|e|и)\b ) [^\W\d_][\w'’-]* ){{0,3}}
    \s+ {_ABOUT}
    (?: =\s* )? $
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _weight_of_value(before: str, value: str, behind: str) -> int | None:
    """How much a clause commits to a value, by the words between the value before it and it, and by
    those behind it; None for a term of a sum.
    """
    if _TERM_BEFORE.match(behind) or (_TERM_BEHIND.search(before) and "=" not in before[-3:]):
        return None
    if _GOES_ON.match(behind) or _DENIES.search(before):
        return DENIED
    if _QUANTITY.search(before):
        return SAID
    named = _DETERMINED.search(before) or _NUMBERED.search(before) or _COMPOUND.match(behind)
    of_percent = value.endswith("%") and re.match(r"\s*of\b", behind)
    if named or of_percent or _PURPOSE.search(before):
        return NAMED
    return BESIDE if _PREPOSITION.search(before) else SAID
