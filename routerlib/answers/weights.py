r"""The values of a clause, each with how much the clause commits to it.

"Hence Omar needs 9 more stickers to reach 30" commits to 9: a number that belongs to a purpose, a
comparison, a duration or "the 4 friends" is not what a clause tells. Each number is weighed by the
words between it and the one before, and by those behind it. Which of them a sentence says is the
business of `clauses`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from routerlib.answers.quantities import composed, number_in_words
from routerlib.answers.values import ENVIRONMENTS, VALUE, joined_formulas

# How much a clause commits to a value in it.
SAID, BESIDE, NAMED, DENIED = 3, 2, 1, 0


@dataclass(frozen=True)
class Value:
    """A value in a sentence, as it is written there, where it stands, and its weight."""

    text: str
    start: int
    end: int
    weight: int


# An interval or a point: "[-3, 3)", "(1/2, 4)"
BRACKETED = re.compile(r"[\[(] \s* [-−\d./π√∞]+ (?: \s*,\s* [-−\d./π√∞]+ )+ \s* [)\]]", re.VERBOSE)
# A sum that stays one: "16π − 32", "2 + √3"
_ATOM = r"(?:\d+(?:\.\d+)?)? (?: √(?:\d+|\(\d+\)) | π ) (?:/\d+)? | \d+(?:\.\d+)?"
_SYMBOLIC = re.compile(
    rf"(?<![\w.^√]) (?=[^,;A-Za-z]*[√π]) [-−]? (?:{_ATOM}) (?: \s*[-−+]\s* (?:{_ATOM}) )+"
    r" (?![\w.]*\d|\w)",
    re.VERBOSE,
)
# "4.5 × 10⁻⁴", "3 x 10^8"
SCIENTIFIC = re.compile(
    r"""
    (?<![\w.,^√]) [-−]? \d+ (?:[.,]\d+)? [eE] [-−+]?\d{1,3} (?!\w)
    | (?<![\w.,^√]) [-−]? \d+ (?:[.,]\d+)? \s* [×x·⋅*] \s* 10 \s*
    (?: \^ \s* (?: \{ [-−+]?\d{1,3} \} | [-−+]?\d{1,3} ) | [⁺⁻]? [⁰¹²³⁴-⁹]{1,3} )
    """,
    re.VERBOSE,
)
_RATIO = re.compile(r"(?<![\d:.])\d+(?:\s?:\s?\d+)+(?![\d:])|(?<=is )\d+ to \d+\b")


@lru_cache(maxsize=1024)  # a sentence is asked whole, and again by its only clause
def values_weighed(text: str) -> tuple[Value, ...]:
    """All values of a clause with their weights; the terms of a sum are left out, its result
    stays.
    """
    spans = [
        (match.start(), match.end(), _summed(joined_formulas(match[0])))
        for match in ENVIRONMENTS.finditer(text)
    ]
    for pattern in (BRACKETED, SCIENTIFIC, _RATIO, _SYMBOLIC, VALUE):
        for match in pattern.finditer(text):
            inside = any(start < match.end() and match.start() < end for start, end, _ in spans)
            if match[0] and not inside:
                written = match[0].strip()
                if " to " in written and "ratio" not in text.lower():
                    continue
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
        if re.match(r"[-−+]", value) and re.search(r"[\d)]\s*$", text[:start]):
            weight = None  # of "1 + 18" the 18 is a term, and its sign is none
        before = end
        if value.isalpha() and weight != SAID:
            continue  # "two" in "the two smallest" counts nothing
        if weight is not None:
            values.append(Value(value, start, end, weight))
    return tuple(values)


# "twelve eggs", "one thousand two hundred": numbers as words
_SHARE = "(?:halves|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?)"
_WORDS = re.compile(
    rf"""
    (?i) \b (?: (?: a|one|two|three|four|five|six|seven|eight|nine ) [- ] (?:half|{_SHARE})
      (?= \W* $ )
      | (?! \w+ (?: [- ]{_SHARE} | \ out\ of ) \b )
        (?: two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{{3,5}}teen
        | (?:twen|thir|for|fif|six|seven|eigh|nine)ty ) \b
        | one (?=\ (?:hundred|thousand|million|dozen)) | (?:half\ a | a) (?=\ dozen) )
    (?: [- ] (?: and\ )? (?: one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve
        |\w{{3,5}}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million
        |dozen ) \b )*
    (?: \ and\ a\ half\b )?
    """,
    re.VERBOSE,
)
# "five dollars and fifty cents", "two hours and fifteen minutes"
COMPOSED_IN_WORDS = re.compile(
    r"""
    \b (?P<more> (?:[a-z]+-)?[a-z]+ ) \s (?P<units> dollars? | euros? | hours? | minutes? | pounds?
        | feet | foot | met(?:er|re)s? )
    ,? \s and \s (?P<rest> (?:[a-z]+-)?[a-z]+ ) \s
    (?P<parts> cents? | minutes? | seconds? | ounces? | inch(?:es)? | centimet(?:er|re)s? ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
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
        elif found and _is_composed(text, found[-1], start, end):
            opening, _, _ = found.pop()
            found.append((opening, end, text[opening:end] + word_behind(text[end:])))
        else:
            found.append((start, end, value))
    return found


def _is_composed(text: str, first: tuple[int, int, str], start: int, end: int) -> bool:
    """Whether two values are the parts of one quantity, be it with "and" between them."""
    if _COMPOSED.fullmatch(text[first[1] : start]):
        return True
    return bool(composed(text[first[0] : end].lstrip("$€") + word_behind(text[end:])))


def _summed(value: str) -> str:
    """The right-hand side of a sum with dots: `1 + \\frac12 + \\cdots = 2`."""
    left, _, right = value.rpartition("=")
    return right.strip() if re.search(r"\\[lc]?dots", left) and right.strip() else value


def word_behind(text: str) -> str:
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
# "On day 9", "Step 3", "in room no. 7": a number that only names
_NUMBERED = re.compile(
    r"""
    \b (?: day | step | part | chapter | page | grade | case | question | problem | room | number
      | option | example | bus | no\. | \# ) \s* $
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DENIES = re.compile(
    r"""
    \b (?: not | neither | subtract | add | than | instead\ of | rather\ than | unlike | nor
      | except | either | between
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
_GOES_ON = re.compile(
    r"""
      \s? [xyzni] \b (?! \.[a-z] )              # 5x, but not "5 i.e."
    | [-–] \d                                   # 5-6
    | \s* (?:or|to) \s+ [$€£]?\d                # 5 to 6
    | ,? \s* (?: \.\.\. | … )                   # 5, 6, 7, …
    """,
    re.VERBOSE,
)
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
