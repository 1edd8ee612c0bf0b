r"""Whether two expressions are equal: `\frac{1}{2}` and 0.5, `x = 5` and 5, {1, 2} and {2, 1}, 3 km
and 3000 m.

For expressions math-verify does the algebra. Here is what goes before it (a cheap exact match; an
answer tidied and put into a math environment, without which many a LaTeX answer is not read at all)
and after it (very small numbers, number bases, vectors). Everything runs in the calling process
without a time limit: a hostile expression can hang it for good, so bulk work goes through
`killable`. What the answer is within a model's text is `extraction`'s business.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any

from routerlib.answers.hedges import changes_number
from routerlib.answers.quantities import Quantity, composed, number_in_words, quantity
from routerlib.answers.wording import folded

MAX_LENGTH = (
    2_000  # characters; no answer of any benchmark comes near it, and parsers are slow beyond
)

_SYMBOLS = str.maketrans(
    {
        "×": r"\times ",
        "÷": r"\div ",
        "·": r"\cdot ",
        "⋅": r"\cdot ",
        "π": r"\pi ",
        "∞": r"\infty ",
        "≤": r"\le ",
        "≥": r"\ge ",
        "≠": r"\ne ",
        "≈": r"\approx ",
        "±": r"\pm ",
        "°": r"^\circ ",
        "∪": r"\cup ",
        "∩": r"\cap ",
        "∈": r"\in ",
        "∅": r"\emptyset ",
        "–": "-",
        "⁄": "/",
        "€": "",
        "£": "",
        "￥": "",
        "¥": "",
        "θ": r"\theta ",
        "α": r"\alpha ",
        "β": r"\beta ",
        "λ": r"\lambda ",
        "…": r"\ldots ",
    }
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_RAISED_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_LOWERED_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_ENVIRONMENTS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
_TEXT_COMMAND = re.compile(
    r"\\(?:text(?:bf|it|rm|normal|sf|tt)?|textnormal|mbox|mathrm|mathbf|mathit|operatorname)\b\s*"
)
_SPACES = re.compile(r"(?:\\[,;:! ]|\\q?quad\b|~|\s)+")
# 1101_2, (1101)_{2}, 1101_{\text{two}}
_BASE = re.compile(r"^\(?([0-9A-Za-z]+)\)?_\{?(?:\\text\{)?(\d{1,2}|[a-z]+)\}{0,2}$")
_REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar|dot)\{?(\d+)\}?")
_MIXED = re.compile(r"^([-+]?\d+) (\d+)/(\d+)$")
_SPACED_NUMBER = re.compile(r"^[-+]?\d{1,3}(?: \d{3})+(?:\.\d+)?$")
_DEGREES_IN_TRIG = re.compile(
    r"\\(sin|cos|tan|cot|sec|csc)\s*[({]?\s*(\d+(?:\.\d+)?)\s*\^\{?\\circ\}?\s*[)}]?"
)
_DECIMAL_COMMA = re.compile(r"^[-+]?\d+,(?:\d{1,2}|\d{4,})$")
_DOTS = re.compile(r"\\[lcdv]?dots[a-z]?\b|\.\.\.")
_CLOCK = re.compile(
    r"^(\d{1,2}:\d\d)\s*(?:\\text\w*\s*\{\s*|\\[,;! ]|~)*\s*([ap])\.?\s?m\b\.?\}?$", re.IGNORECASE
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
    gold, answer = _in_signs(gold), _in_signs(answer)
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
    gold, answer = tidy(gold), tidy(answer)
    if _UNFINISHED.search(answer) and not _UNFINISHED.search(gold):
        return False
    if not gold or not answer or max(len(gold), len(answer)) > MAX_LENGTH:
        return bool(gold) and _squeeze(gold) == _squeeze(answer)
    if _squeeze(gold) == _squeeze(answer):
        return True
    if _DOTS.search(gold) or _DOTS.search(answer):
        return False  # how a list goes on cannot be computed
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
    bare = " ".join(_SPACES.sub(" ", _inside_all(text)).split())
    return next((name for name, words in _NOTHING.items() if words.fullmatch(bare)), None)


_APPROXIMATELY = re.compile(r"\\approx(?![A-Za-z])|≈")
_NAME = re.compile(r"\\?[A-Za-z](?:_?\{?\w+\}?)?")


def _approximated(text: str) -> tuple[str, str] | None:
    r"""Both sides of `\sqrt{5} \approx 2.236`: one number, told twice; None for anything else."""
    sides = _APPROXIMATELY.split(_inside_all(text))
    if len(sides) != 2 or not all(side.strip() for side in sides):
        return None
    exact, rounded = sides[0].strip(), sides[1].strip()
    return (rounded, rounded) if _NAME.fullmatch(exact) else (exact, rounded)


# --- amounts ---


def _same_quantity(gold: str, answer: str) -> bool | None:
    """Whether two numbers with units are the same amount; None where that is no matter of units.

    A unit may be missing on one side (`30` for `30 m/s`); a word that is no unit measures nothing
    (`36 students`). Where both have one, 3 km is 3000 m, and 12 cm is neither 12 m nor 12 cm².
    """
    if max(len(gold), len(answer)) > MAX_LENGTH:
        return None
    asked, given = quantity(_inside_all(gold)), quantity(_inside_all(answer))
    sums = composed(_inside_all(gold)), composed(_inside_all(answer))
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


_PERCENT_WORD = re.compile(r"(?<=[\d$})])\s*(?:\\text\w*\{\s*)?(?:percent(?:age)?|pct)\b\.?\}?")

_AND_A_HALF = re.compile(r"\b(\d+) and a half\b")


def _in_signs(text: str) -> str:
    """An expression with symbols as LaTeX has them, `28 percent` as 28 %, `3 and a half` as 3.5."""
    text = _AND_A_HALF.sub(r"\1.5", text)
    return _PERCENT_WORD.sub(r"\\%", _in_symbols(text))


def _on_a_day(text: str, clock: re.Match[str] | None) -> int | None:
    """Minutes since midnight of `9:30 p.m.` and `21:30`; None where the half of the day is open."""
    time = re.fullmatch(r"(\d{1,2}):(\d\d)", clock[1] if clock else text.strip())
    if not time or not (clock or int(time[1]) > 12):
        return None
    hours = int(time[1]) % 12 if clock else int(time[1])
    if clock and clock[2].casefold() == "p":
        hours += 12
    return 60 * hours + int(time[2])


def _in_symbols(text: str) -> str:
    """An expression with the signs of Unicode as LaTeX has them, and money signs left."""
    if text.isascii():
        return text
    text = _RAISED_RUN.sub(lambda run: "^{" + run[0].translate(_RAISED) + "}", text)
    text = _LOWERED_RUN.sub(lambda run: "_{" + run[0].translate(_LOWERED) + "}", text)
    text = "".join(_fraction(sign) for sign in text)
    return folded(text)


def _fraction(sign: str) -> str:
    """`⅓` as a fraction in LaTeX; any other sign as it is."""
    if sign.isascii() or unicodedata.category(sign) != "No":
        return sign
    over, slash, under = unicodedata.normalize("NFKC", sign).partition("⁄")
    return rf"\frac{{{over}}}{{{under}}}" if slash else sign


def tidy(expression: str) -> str:
    """An expression as the parser likes it: no environment, no closing full stop, symbols as LaTeX
    commands.
    """
    text = _in_symbols(expression.strip()).translate(_SYMBOLS)
    text = re.sub(r"^(?:\\displaystyle|\*\*)\s*|\*\*$", "", text).strip()
    text = _inside_all(text)
    text = re.sub(r"\\math(?:rm|bf|it)\s*\{([a-z]|[-+]?[\d.,]+)\}", r"\1", text)  # \mathrm{e}
    text = re.sub(r"(?<=\d)\{\s*,\s*\}\s*(?=\d{1,2}(?!\d))", ".", text)  # 3{,}5
    text = re.sub(
        r"(?<=\d)\\!\s*,\s*(?=\d{3})|(?<=\d),\\!\s*(?=\d{3})|(?<=\d)\{\s*,\s*\}\s*(?=\d{3})"
        r"|(?<=\d)(?:\\[,;:! ]|~)(?=\d{3}(?!\d))",
        "",
        text,
    )
    text = re.sub(r"(?<=\d)'(?=\d{3}(?!\d))", "", text)  # 1'234'567
    text = text.replace(r"\$", "").replace("$", " ").replace("**", "^")
    text = text.replace(r"\varnothing", r"\emptyset")
    text = text.replace(r"\langle", "(").replace(r"\rangle", ")")
    text = re.sub(
        r"\\(?:begin|end)\s*\{(?:aligned|align\*?|gathered)\}|(?<==)\s*&|&(?==)", "", text
    )
    text = re.sub(r"\\text\s*\{\s*((?:thou|m|b|tr)\w*)\s*\}$", r" \1", text)  # 3 \text{ billion}
    text = re.sub(r"√\s*(\d+|\w|\{)", lambda root: r"\sqrt" + _braced(root[1]), text)
    text = re.sub(r"√\s*\(([^()]+)\)|\\sqrt\s*\(([^()]+)\)", _root, text)
    text = re.sub(r"\bsqrt\(([^()]+)\)", r"\\sqrt{\1}", text) if r"\sqrt" not in text else text
    text = re.sub(r"^\\?\{\s*\w\s*(?:\\mid|\||:)\s*(.+?)\s*\\?\}$", r"\1", text)
    text = re.sub(r"^([-+]?\d+(?:\.\d+)?)[eE]([-+]?\d{1,3})$", r"\1 \\times 10^{\2}", text.strip())
    text = re.sub(r"(?<=\d)\s*[xX*]\s*(?=10\s*\^)", r" \\times ", text)  # 1.5 x 10^8
    text = re.sub(
        r"\s*(?:\\pmod\s*\{?\s*\d+\s*\}?|\(\s*\\?(?:text\{)?mod\}?\s*\d+\s*\))$", "", text
    )
    text = _CASES.sub(_listed_cases, text)
    text = _BARE_FUNCTION.sub(r"\\\1 ", text)
    text = _PRODUCT.sub(_multiplied, text)
    words = number_in_words(text)
    if words is not None:
        text = str(words)
    text = _REPEATING.sub(_repeating_decimal, text)
    text = _DEGREES_IN_TRIG.sub(r"\\\1(\\frac{\2 \\pi}{180})", text)
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", text.strip())
    return text.replace(" ", "") if _SPACED_NUMBER.match(text) else text


_CASES = re.compile(r"\\begin\s*\{cases\}(.*)\\end\s*\{cases\}", re.DOTALL)
# "3 cos θ"
_BARE_FUNCTION = re.compile(r"(?<![\\A-Za-z])(sin|cos|tan|cot|sec|csc|ln|log)(?![A-Za-z])")
# 2ab, 3xy: letters behind a number that are no unit, which the parser would leave out
_PRODUCT = re.compile(r"(?<=\d)[a-z]{2,3}(?![A-Za-z])")


def _multiplied(match: re.Match[str]) -> str:
    return match[0] if _is_unit(match[0]) else "".join(rf"\cdot {letter}" for letter in match[0])


def _is_unit(letters: str) -> bool:
    measured = quantity(f"1 {letters}")
    return measured is not None and not measured.measures.startswith("?")


def _listed_cases(match: re.Match[str]) -> str:
    r"""`\begin{cases} x = 1 \\ y = 2 \end{cases}` as `x = 1, y = 2`."""
    return ", ".join(line.strip(" ,&") for line in match[1].split(r"\\") if line.strip(" ,&"))


def _root(match: re.Match[str]) -> str:
    return rf"\sqrt{{{match[1] or match[2]}}}"


def _inside_all(text: str) -> str:
    r"""A text without the environments and the \text{…} that span the whole of it."""
    text = text.strip()
    for _ in range(3):
        before = text
        text = _inside(text.rstrip(".;: \n")).rstrip(".;: \n").strip()
        whole = re.fullmatch(r"\\(?:text\w*|mbox|mathrm|mathbf)\s*\{([^{}]*)\}", text)
        text = whole[1].strip() if whole else text
        if text == before:
            break
    return text


def _braced(text: str) -> str:
    return text if text == "{" else "{" + text + "}"


def _inside(text: str) -> str:
    """The content of a math environment that spans the whole text."""
    for opening, closing in _ENVIRONMENTS:
        inner = text[len(opening) : -len(closing)]
        if (
            len(text) > len(opening) + len(closing)
            and text.startswith(opening)
            and text.endswith(closing)
        ):
            return text if opening in inner or closing in inner else inner.strip()
    return text


def _squeeze(text: str) -> str:
    """For the exact match: no spaces, no styling; words without case."""
    text = re.sub(r"(?<=\d)\s+(?=\d)", "&", text)  # two numbers stay two
    text = re.sub(_TEXT_COMMAND.pattern + r"\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\(?:left|right|displaystyle|bigl?|bigr?)(?![a-z])", "", text)
    text = re.sub(r"\\[dt]frac", r"\\frac", re.sub(r"\^\{?\\circ\}?", "", text))
    text = re.sub(r"\{(\w)\}", r"\1", _SPACES.sub("", text)).strip("{}") or text
    return text.casefold() if re.search(r"[A-Za-z]{2}", text) and "\\" not in text else text


def _repeating_decimal(match: re.Match[str]) -> str:
    whole, fixed, period = match[1] or "0", match[2], match[3]
    scale, nines = 10 ** len(fixed), 10 ** len(period) - 1
    value = Fraction(int(whole + fixed), scale) + Fraction(int(period), scale * nines)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


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


# --- read whole ---

# What a text says besides its numbers and letters: commands that only set it, words in \text{…}.
_SETTING = re.compile(
    r"\\(?:text\w*|mbox|mathrm|mathbf|operatorname)\s*\{[^{}]*\}|\\(?:begin|end)\s*\{[^{}]*\}|\\[A-Za-z]+"
)
_ATOM = re.compile(r"\d+|(?<![A-Za-z])[A-Za-z](?![A-Za-z])")
_LETTERS = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,3}(?![A-Za-z])")
MOST_ATOMS = 16  # numbers and letters that are tried; an answer with more is read by its first ones


@lru_cache(maxsize=4096)
def read_whole(expression: str) -> bool:
    """Whether a change of any number or letter changes what is read: if not, it was not read.

    The parser reads the part that it understands and leaves out the rest: of `1+\\mathrm{i}` it
    reads 1. So each number and each single letter is replaced in turn, and the expression parsed
    again.
    """
    whole = _fingerprint(expression)
    masked = _SETTING.sub(lambda match: " " * len(match[0]), expression)
    for run in _LETTERS.finditer(masked):
        changed = expression[: run.start()] + _another(run[0][0]) + expression[run.start() + 1 :]
        if not _is_unit(run[0]) and _fingerprint(changed) == whole:
            return False  # of "6ab" only the 6 was read
    for atom in list(_ATOM.finditer(masked))[:MOST_ATOMS]:
        if atom[0] in ("0", "1") or _is_left_side(masked, atom):
            continue  # 0 x, x^1 and x = 5
        changed = expression[: atom.start()] + _another(atom[0]) + expression[atom.end() :]
        if _fingerprint(changed) == whole:
            return False
    return True


def _another(atom: str) -> str:
    """Another number, or another letter, to stand where this one did."""
    if atom.isdigit():
        return str(int(atom) + 7)
    return "w" if atom == "q" else "q"


def _is_left_side(text: str, atom: re.Match[str]) -> bool:
    """The unknown of `x = 5`, `x_1 = 3` and `f(x) = …`, which is not compared."""
    return bool(re.match(r"[\w(){}_,^ ]*=|[\w(){}_, ]*\\?(?:in|to)\b", text[atom.end() :]))


def _fingerprint(expression: str) -> str:
    return str(parsed(expression)[:1])


@lru_cache(maxsize=4096)
def parsed(expression: str) -> list[Any]:
    """An expression as sympy objects (and its text last), or [] where it cannot be read."""
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    wrapped = f"${expression}$" if "\n" not in expression else f"$${expression}$$"
    targets = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]
    return _Parsed(parse(wrapped, targets, parsing_timeout=None))


class _Parsed(list):
    """A list, as math-verify wants it, that the cache may share."""


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
