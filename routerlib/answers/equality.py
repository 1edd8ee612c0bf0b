r"""Whether two expressions are equal: `\frac{1}{2}` and 0.5, `x = 5` and 5, {1, 2} and {2, 1}, 3 km
and 3000 m.

For expressions math-verify does the algebra (`parsing`, on what `notation` has tidied). Here is
what goes before it (a cheap exact match, no value at all, amounts with their units, number bases)
and after it (very small numbers, sets, vectors). Everything runs in the calling process
without a time limit: a hostile expression can hang it for good, so bulk work goes through
`killable`. What the answer is within a model's text is `extraction`'s business.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any

from routerlib.answers.hedges import changes_number
from routerlib.answers.notation import SPACES, in_signs, inside_all, squeeze, tidy
from routerlib.answers.parsing import parsed, read_whole
from routerlib.answers.quantities import Quantity, composed, number_in_words, quantity

MAX_LENGTH = (
    2_000  # characters; no answer of any benchmark comes near it, and parsers are slow beyond
)

# 1101_2, (1101)_{2}, 1101_{\text{two}}
_BASE = re.compile(r"^\(?([0-9A-Za-z]+)\)?_\{?(?:\\text\{)?(\d{1,2}|[a-z]+)\}{0,2}$")
_DECIMAL_COMMA = re.compile(r"^[-+]?\d+,(?:\d{1,2}|\d{4,})$")
_DOTS_BEHIND = re.compile(r"(?:\.{3}|…|\\[lcd]?dots)[\s$}\])]*$")
_DOTS = re.compile(r"\\[lcdv]?dots[a-z]?\b|\.\.\.")
# 9:30 p.m., 9:30 \text{ PM}
_CLOCK = re.compile(
    r"""
    ^ (\d{1,2}:\d\d) \s* (?: \\text\w* \s* \{ \s* | \\[,;! ] | ~ )* \s*
    ([ap]) \.? \s? m \b \.? \}? $
    """,
    re.VERBOSE | re.IGNORECASE,
)


def equal(gold: str, answer: str) -> bool:
    """Whether an answer equals the gold one, as mathematics.

    Args:
        gold, answer: expressions in LaTeX or plain text, with or without $…$ around them. The
            relation is not quite symmetric: `5` may stand for a gold `x = 5`, but not for a gold
            `2x + z = 5`.

    Returns:
        False where they differ, where either cannot be read, and where either was read only in
        part.
    """
    gold, answer = in_signs(gold), in_signs(answer)
    nothing = _no_value(gold), _no_value(answer)
    if any(nothing):
        return nothing[0] == nothing[1]
    told = _approximated(gold), _approximated(answer)
    if any(told):
        sides = [both or (text,) for both, text in zip(told, (gold, answer), strict=True)]
        return any(equal(one, other) for one in sides[0] for other in sides[1])
    measured = _same_quantity(gold, answer)
    if measured is not None:
        return measured
    if _DOTS_BEHIND.search(answer) and not _DOTS_BEHIND.search(gold):
        return False
    gold, answer = tidy(gold), tidy(answer)
    if _UNFINISHED.search(answer) and not _UNFINISHED.search(gold):
        return False
    if not gold or not answer or max(len(gold), len(answer)) > MAX_LENGTH:
        return bool(gold) and squeeze(gold) == squeeze(answer)
    if squeeze(gold) == squeeze(answer):
        return True
    if _DOTS.search(gold) or _DOTS.search(answer):
        return False  # how a list goes on cannot be computed
    if _is_told_twice(gold, answer):
        return True
    answer = _chained_list(answer)
    if gold.endswith("%") != answer.endswith("%") and _same_percent(gold, answer):
        return True
    clocks = _CLOCK.match(gold), _CLOCK.match(answer)
    if any(clocks):
        return _same_time(gold, answer, *clocks)
    bases = _BASE.match(gold), _BASE.match(answer)
    if bases[0] and bases[1]:
        return _in_base(*bases[0].groups()) == _in_base(*bases[1].groups())
    if bases[0] and re.fullmatch(r"\w+", answer):
        return bases[0][1] == answer  # the base is as a unit, and may be left out
    one, other = _plain_number(gold), _plain_number(answer)
    if one is not None and other is not None:
        return _close(one, other)
    return _verified(gold, answer)


# "7+", "7?": more is meant than stands there
_UNFINISHED = re.compile(r"[-+*/=?]$|\bor more\b")


# --- no value, and two for one ---

_NOTHING = {
    "none": re.compile(
        r"""
        (?: there\ (?:is|are)\ )? no\ (?: real\ | integer\ | such\ | valid\ )?
          (?: solutions?|roots?|values?|answers? ) (?: \ exists? )?
        | none | (?: the\ )? empty\ set | \\(?:emptyset|varnothing) | ∅ | \\?\{\s*\\?\}
        """,
        re.VERBOSE | re.IGNORECASE,
    ),
    "endless": re.compile(r"infinitely\ many(?:\ \w+)?", re.VERBOSE | re.IGNORECASE),
    "undefined": re.compile(
        r"(?:it\ )?(?:dne|does\ not\ exist|doesn't\ exist|(?:is\ )?(?:undefined|not\ defined))",
        re.VERBOSE | re.IGNORECASE,
    ),
}


def _no_value(text: str) -> str | None:
    """Which kind of no value a text names: "none" (no solution, ∅), "undefined" (DNE), or None."""
    if len(text) > 80:
        return None
    bare = " ".join(SPACES.sub(" ", inside_all(text)).split())
    return next((name for name, words in _NOTHING.items() if words.fullmatch(bare)), None)


_APPROXIMATELY = re.compile(r"\\approx(?![A-Za-z])|≈")
_NAME = re.compile(r"\\?[A-Za-z](?:_?\{?\w+\}?)?")


def _approximated(text: str) -> tuple[str, str] | None:
    r"""Both sides of `\sqrt{5} \approx 2.236`: one number, told twice; None for anything else."""
    sides = _APPROXIMATELY.split(inside_all(text))
    if len(sides) != 2 or not all(side.strip() for side in sides):
        return None
    exact, rounded = sides[0].strip(), sides[1].strip()
    return (rounded, rounded) if _NAME.fullmatch(exact) else (exact, rounded)


# "1/4, 25\%", "1023 (or 2^{10} - 1)"
_OR = re.compile(
    r"\s* (?: , | \(? \\text\w* \s* \{ [\s(]* or \s* \} | [,(]? \s* \b or \b ) \s*", re.VERBOSE
)
_WITH_A_NAME = re.compile(r"(?<![\\A-Za-z])[A-Za-z]")


def _is_told_twice(gold: str, answer: str) -> bool:
    """Whether an answer tells one number in two ways, and both are the gold one: `1/4 or 25 %`."""
    told = [part.strip(" )") if "(" not in part else part for part in _OR.split(answer)]
    if len(told) != 2 or told[0] == told[1] or _OR.search(gold):
        return False
    if any(not part or _WITH_A_NAME.search(part) for part in told):
        return False
    return all(equal(gold, part) for part in told)


def _chained_list(answer: str) -> str:
    r"""The list that a chain of equations ends on: `-1 \text{ or } -3` of `x = \frac{-4 \pm 2}{2} =
    -1 \text{ or } -3`; any other answer as it is.
    """
    _, equals, last = answer.rpartition("=")
    is_chain = answer.count("=") == 2 and not re.search(r"[<>]|,.*=", answer)
    return last.strip() if equals and is_chain and _OR.search(last) else answer


# --- amounts ---


def _same_quantity(gold: str, answer: str) -> bool | None:
    """Whether two numbers with units are the same amount; None where that is no matter of units.

    A unit may be missing on one side (`30` for `30 m/s`); a word that is no unit measures nothing
    (`36 students`). Where both have one, 3 km is 3000 m, and 12 cm is neither 12 m nor 12 cm².
    """
    if max(len(gold), len(answer)) > MAX_LENGTH:
        return None
    asked, given = quantity(inside_all(gold)), quantity(inside_all(answer))
    sums = composed(inside_all(gold)), composed(inside_all(answer))
    if any(sums):
        one = sums[0] or ([asked] if asked else [])
        other = sums[1] or ([given] if given else [])
        if one and other:
            return any(_same_amount(*pair) for pair in product(one, other))
    for side, text in ((asked, answer), (given, gold)):
        if side and side.measures and re.search(r"%[\s$.]*$", text):
            return False  # 5 % are no 5 cm
    if asked is None or given is None or not (asked.measures or given.measures):
        return None
    return _same_amount(asked, given)


def _same_amount(asked: Quantity, given: Quantity) -> bool:
    changed = [side.measures for side in (asked, given) if changes_number(side.measures)]
    if changed and asked.measures != given.measures:
        return False  # 7 squared, 7 if n is odd
    if any(unit.startswith("?") and other == "" for unit, other in _pairs_of_parts(asked, given)):
        return equal(asked.number, given.number)
    named = [side.measures for side in (asked, given) if side.measures]
    known = [unit for unit in named if not unit.startswith("?")]
    if len(known) == 2 and known[0] != known[1]:
        return False
    if len(named) == 2 and len(known) == 1 and known[0] in ("$", "€", "£", "s"):
        return False  # 5 apples are no 5 dollars
    if len(known) < 2 or asked.factor == given.factor:
        return equal(asked.number, given.number)
    one, other = _plain_number(tidy(asked.number)), _plain_number(tidy(given.number))
    if one is None or other is None:
        return False
    return _close(one * asked.factor, other * given.factor)


def _pairs_of_parts(asked: Quantity, given: Quantity) -> tuple[tuple[str, str], tuple[str, str]]:
    return (asked.measures, given.measures), (given.measures, asked.measures)


def _same_percent(gold: str, answer: str) -> bool:
    """12.5 % asked for, 12.5 said, or the other way round."""
    bare = [
        _plain_number(text.removesuffix("%").removesuffix("\\").strip()) for text in (gold, answer)
    ]
    return bare[0] is not None and bare[1] is not None and _close(bare[0], bare[1])


def _same_time(
    gold: str, answer: str, asked: re.Match[str] | None, given: re.Match[str] | None
) -> bool:
    """3:30 and 3:30 PM; but 3:30 AM is another time."""
    one, other = _on_a_day(gold, asked), _on_a_day(answer, given)
    if one is not None and one == other:
        return True
    if asked and given:
        return (asked[1], asked[2].casefold()) == (given[1], given[2].casefold())
    return (asked[1] if asked else gold) == (given[1] if given else answer)


def _on_a_day(text: str, clock: re.Match[str] | None) -> int | None:
    """Minutes since midnight of `9:30 p.m.` and `21:30`; None where the half of the day is open."""
    time = re.fullmatch(r"(\d{1,2}):(\d\d)", clock[1] if clock else text.strip())
    if not time or not (clock or int(time[1]) > 12):
        return None
    hours = int(time[1]) % 12 if clock else int(time[1])
    if clock and clock[2].casefold() == "p":
        hours += 12
    return 60 * hours + int(time[2])


def _in_base(digits: str, base: str) -> int | str:
    words = number_in_words(base)
    try:
        return int(digits, int(base) if words is None else int(words))
    except ValueError:
        return f"{digits}_{base}"


@lru_cache(maxsize=4096)
def _plain_number(text: str) -> Fraction | None:
    """The value of a plain number such as -1,234.50, or None. At most 400 characters, so that it
    stays cheap.
    """
    text = re.sub(r"^([-+])\s+", r"\1", text)
    if len(text) > 400 or not re.fullmatch(
        r"[-+]?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)?(?:\.\d*)?", text
    ):
        return None
    digits = text.replace(",", "").rstrip(".")
    return Fraction(digits) if re.search(r"\d", digits) else None


def _close(gold: Fraction, answer: Fraction) -> bool:
    """Equal, or a decimal that agrees to six places (and, of a small number, to six digits)."""
    if gold == answer:
        return True
    if gold.denominator == answer.denominator == 1:
        return False
    return abs(gold - answer) <= min(Fraction(1, 2_000_000), abs(gold) / 1_000_000)


def _verified(gold: str, answer: str) -> bool:
    """math-verify's verdict, where both sides were read whole, and as the same kind of thing."""
    from math_verify import verify

    if any("\\" not in text and re.search(r"\d +\d", text) for text in (gold, answer)):
        return False  # "11 2" is two numbers, which the parser would join into one
    if _DECIMAL_COMMA.match(gold) or _DECIMAL_COMMA.match(answer):
        swapped = [_plain_number(text.replace(",", ".")) for text in (gold, answer)]
        if swapped[0] is not None and swapped[1] is not None and _close(swapped[0], swapped[1]):
            return True
    gold, answer = _as_sets(gold, answer)
    if _is_set(gold) + _is_set(answer) == 1 and _is_pair(gold) + _is_pair(answer) == 1:
        return False  # {2, 5} has no order, (2, 5) has
    gold, answer = _as_one_function(_both_signs(gold), _both_signs(answer))
    left, right = parsed(gold), parsed(answer)
    if not left or not right or not _same_sides(left, right, verify):
        return False
    return read_whole(gold) and read_whole(answer)


def _both_signs(text: str) -> str:
    r"""`\frac{1 \pm \sqrt5}{2}` as the two numbers that it stands for."""
    if text.count(r"\pm") != 1 or text.lstrip().startswith(r"\pm"):
        return text
    name, equals, value = text.rpartition("=")
    text = value if equals and _NAME.fullmatch(name.strip()) else text
    return ", ".join(re.sub(r"\\pm(?![a-z])", sign, text) for sign in "+-")


def _as_one_function(gold: str, answer: str) -> tuple[str, str]:
    """`f(x) = x^2` and `y = x^2` name the same values in two ways."""
    sides = [re.fullmatch(r"\s*(y|[fgh]\(x\))\s*=([^=]+)", text) for text in (gold, answer)]
    if sides[0] and sides[1] and sides[0][1] != sides[1][1] and "y" in (sides[0][1], sides[1][1]):
        return sides[0][2], sides[1][2]
    return gold, answer


def _same_sides(left: list[Any], right: list[Any], verify: Any) -> bool:
    """Whether two parsed sides are equal, compared in both directions."""
    if verify(left, right, timeout_seconds=None, allow_set_relation_comp=True):
        return not _differ_in_size(left[0], right[0])
    one, other = left[0], right[0]
    return (
        _same_vector(one, other)
        or _same_vector(other, one)
        or _same_union(one, other)
        or _same_union(other, one)
        or _same_complex(one, other)
    )


def _is_set(text: str) -> bool:
    return bool(re.fullmatch(r"\\(?:left\s*\\)?\{.*\\\}", text, re.DOTALL))


_PAIRS = re.compile(r"(?:\\left\s*)?\([^()]*\) (?: \s*,\s* (?:\\left\s*)?\([^()]*\) )+", re.VERBOSE)


def _as_sets(gold: str, answer: str) -> tuple[str, str]:
    """Several pairs side by side as the set they are, where the other side is written as a set."""
    if _is_set(gold) and _PAIRS.fullmatch(answer):
        return gold, rf"\{{{answer}\}}"
    if _is_set(answer) and _PAIRS.fullmatch(gold):
        return rf"\{{{gold}\}}", answer
    return gold, answer


def _is_pair(text: str) -> bool:
    return bool(re.fullmatch(r"(?:\\left\s*)?\(.*,.*\)", text, re.DOTALL))


# --- sides as sympy has them ---


def _differ_in_size(gold: Any, answer: Any) -> bool:
    """Two numbers that only look equal after rounding to six decimals: 1/2004! and 1/2006!."""
    from sympy import Expr

    if not all(isinstance(side, Expr) and not side.free_symbols for side in (gold, answer)):
        return False
    try:
        a, b = gold.evalf(20), answer.evalf(20)
        if not (a.is_real and b.is_real):
            return False
        return bool(abs(a - b) > max(abs(a), abs(b)) / 1_000_000)
    except (TypeError, ValueError, AttributeError):
        return False


def _same_vector(gold: Any, answer: Any) -> bool:
    """A column or row as a matrix and the same entries as a tuple."""
    from math_verify import verify
    from sympy import Interval, MatrixBase, Tuple

    if not isinstance(gold, MatrixBase) or min(gold.shape) != 1:
        return False
    if isinstance(answer, Interval) and answer.left_open and answer.right_open:
        answer = Tuple(answer.start, answer.end)  # (1, 2) is read as an open interval
    entries = list(gold)
    if not isinstance(answer, Tuple) or len(entries) != len(answer.args):
        return False
    return all(
        verify(a, b, timeout_seconds=None) for a, b in zip(entries, answer.args, strict=True)
    )


def _same_union(gold: Any, answer: Any) -> bool:
    """`x < 2 or x > 3` and the union of the two intervals."""
    from sympy import EmptySet, Set
    from sympy.core.relational import Relational

    if not isinstance(gold, Set) or not isinstance(answer, Set) or not answer.args:
        return False
    if not all(isinstance(part, Relational) for part in answer.args):
        return False
    union = EmptySet
    for part in answer.args:
        union = union.union(part.as_set())
    return bool(union == gold)


def _same_complex(gold: Any, answer: Any) -> bool:
    """Numbers in which i was read as a variable: e^{iπ/3} and 1/2 + √3/2·i."""
    from sympy import Expr, I

    if not all(
        isinstance(side, Expr) and {s.name for s in side.free_symbols} <= {"i"}
        for side in (gold, answer)
    ):
        return False
    if not gold.free_symbols and not answer.free_symbols:
        return False
    swapped = [side.subs(dict.fromkeys(side.free_symbols, I)) for side in (gold, answer)]
    try:
        return bool(abs((swapped[0] - swapped[1]).evalf(20)) < 1e-9)
    except (TypeError, ValueError):
        return False
