r"""Whether two answers say the same: `\frac{1}{2}` and 0.5, `x = 5` and 5, {1, 2} and {2, 1}; "The Nile." and "nile".

For expressions math-verify does the algebra. Here is what goes before it (a cheap exact match; an answer tidied
and put into a math environment, without which many a LaTeX answer is not read at all) and after it (very small
numbers, number bases, vectors). Everything runs in the calling process without a time limit: a hostile
expression can hang it for good, so bulk work goes through `killable`. What the answer is within a model's
text is `extraction`'s business.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

MAX_LENGTH = (
    2_000  # characters; no answer of any benchmark comes near it, and parsers are slow beyond
)

_SYMBOLS = str.maketrans(
    {
        "−": "-", "–": "-", "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "π": r"\pi ", "∞": r"\infty ",
        "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "±": r"\pm ", "°": r"^\circ ",
        "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "²": "^2", "³": "^3", "⁴": "^4",
        "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "\u00a0": " ", "\u202f": " ",
        "€": "", "£": "", "￥": "", "¥": "", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "λ": r"\lambda ",
    }
)  # fmt: skip
_ENVIRONMENTS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
_TEXT_COMMAND = re.compile(
    r"\\(?:text(?:bf|it|rm|normal|sf|tt)?|textnormal|mbox|mathrm|mathbf|mathit|operatorname)\b\s*"
)
_SPACES = re.compile(r"(?:\\[,;:! ]|\\q?quad\b|~|\s)+")
_NUMBER = r"[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)"
_UNIT = re.compile(
    rf"^(?P<value>{_NUMBER}(?:/\d+)?|[-+]?\\[dt]?frac\{{[^{{}}]+\}}\{{[^{{}}]+\}})\s*"
    r"(?P<unit>(?:(?:[kcmdnμ]?m|[kmμ]?g|m?[lL]|[kmMG]?[JWVANs]|h|hr|min|ft|in|mi|mph|kph|[kM]?Hz|[kM]?Pa|°?[CFK]|"
    r"(?!(?:and|or|mod|sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt|arc\w*|pi|theta)\b)[A-Za-z]{3,})"
    r"(?:\^?\{?-?\d\}?)?[\s/·*]*)+)\.?$"
)
_BASE = re.compile(r"^([0-9A-Za-z]+)_\{?(\d{1,2})\}?$")
_REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar|dot)\{?(\d+)\}?")
_MIXED = re.compile(r"^([-+]?\d+) (\d+)/(\d+)$")
_SPACED_NUMBER = re.compile(r"^[-+]?\d{1,3}(?: \d{3})+(?:\.\d+)?$")
_DEGREES_IN_TRIG = re.compile(
    r"\\(sin|cos|tan|cot|sec|csc)\s*[({]?\s*(\d+(?:\.\d+)?)\s*\^\{?\\circ\}?\s*[)}]?"
)
_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_WORDS = {word: str(value) for value, word in enumerate(_NUMBER_WORDS.split())}
_DECIMAL_COMMA = re.compile(r"^[-+]?\d+,\d{2,}$")


def equal(gold: str, answer: str) -> bool:
    """Whether an answer equals the gold one, as mathematics.

    Args:
        gold, answer: expressions in LaTeX or plain text, with or without $…$ around them. The relation is
            not quite symmetric: `5` may stand for a gold `x = 5`, but not for a gold `2x + z = 5`.

    Returns:
        False where they differ, and where either cannot be read.
    """
    gold, answer = tidy(gold), tidy(answer)
    if not gold or not answer or max(len(gold), len(answer)) > MAX_LENGTH:
        return bool(gold) and _squeeze(gold) == _squeeze(answer)
    if _squeeze(gold) == _squeeze(answer):
        return True
    gold, answer = _without_unit(gold, answer), _without_unit(answer, gold)
    if gold.endswith("%") != answer.endswith(
        "%"
    ):  # 12.5 % asked for, 12.5 said, or the other way round
        bare = [
            _plain(text.removesuffix("%").removesuffix("\\").strip()) for text in (gold, answer)
        ]
        if None not in bare and _close(*bare):
            return True
    bases = _BASE.match(gold), _BASE.match(answer)
    if all(bases):
        return _in_base(*bases[0].groups()) == _in_base(*bases[1].groups())
    if _plain(gold) is not None and _plain(answer) is not None:
        return _close(_plain(gold), _plain(answer))
    return _verified(gold, answer)


def tidy(expression: str) -> str:
    """An expression as the parser likes it: no environment, no closing full stop, symbols as LaTeX commands."""
    text = expression.strip().translate(_SYMBOLS)
    text = re.sub(r"^(?:\\displaystyle|\*\*)\s*|\*\*$", "", text).strip()
    text = _inside(text.rstrip(".;: \n")).rstrip(".;: \n").strip()
    text = re.sub(
        r"(?<=\d),\\!\s*(?=\d{3})|(?<=\d)\{\s*,\s*\}\s*(?=\d{3})|(?<=\d)\\[,;:!](?=\d{3}(?!\d))",
        "",
        text,
    )
    text = (
        text.replace(r"\$", "")
        .replace("$", " ")
        .replace("**", "^")
        .replace(r"\varnothing", r"\emptyset")
    )
    text = re.sub(r"√\s*(\d+|\w|\{)", lambda root: r"\sqrt" + _braced(root[1]), text)
    text = re.sub(r"\bsqrt\(([^()]+)\)", r"\\sqrt{\1}", text) if r"\sqrt" not in text else text
    text = re.sub(r"^\\?\{\s*\w\s*(?:\\mid|\||:)\s*(.+?)\s*\\?\}$", r"\1", text)
    text = re.sub(r"^([-+]?\d+(?:\.\d+)?)[eE]([-+]?\d{1,3})$", r"\1 \\times 10^{\2}", text.strip())
    text = _WORDS.get(text.casefold(), text)
    text = _REPEATING.sub(_repeating_decimal, text)
    text = _DEGREES_IN_TRIG.sub(r"\\\1(\\frac{\2 \\pi}{180})", text)
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", text.strip())
    return text.replace(" ", "") if _SPACED_NUMBER.match(text) else text


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


def _without_unit(text: str, other: str) -> str:
    """`30 m/s` is 30 where the other side has no bare letters that the unit could be part of."""
    match = _UNIT.match(text)
    bare = re.sub(r"\\(?:text|mbox|mathrm)\s*\{[^{}]*\}|\\[A-Za-z]+", "", other)
    return (
        match["value"]
        if match and (not re.search("[A-Za-z]", bare) or _UNIT.match(other))
        else text
    )


def _repeating_decimal(match: re.Match[str]) -> str:
    whole, fixed, period = match[1] or "0", match[2], match[3]
    scale, nines = 10 ** len(fixed), 10 ** len(period) - 1
    value = Fraction(int(whole + fixed), scale) + Fraction(int(period), scale * nines)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _in_base(digits: str, base: str) -> int | str:
    try:
        return int(digits, int(base))
    except ValueError:
        return f"{digits}_{base}"


@lru_cache(maxsize=4096)
def _plain(text: str) -> Fraction | None:
    """The value of a plain number such as -1,234.50, or None. At most 400 characters, so that it stays cheap."""
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
    """math-verify's verdict, corrected where its rounding to six decimals hides a difference."""
    from math_verify import verify

    if any("\\" not in text and re.search(r"\d +\d", text) for text in (gold, answer)):
        return False  # "11 2" is two numbers, which the parser would join into one
    if _DECIMAL_COMMA.match(gold) or _DECIMAL_COMMA.match(answer):
        swapped = [_plain(text.replace(",", ".")) for text in (gold, answer)]
        if None not in swapped and _close(*swapped):
            return True
    left, right = parsed(gold), parsed(answer)
    if not left or not right:
        return False
    if verify(left, right, timeout_seconds=None, allow_set_relation_comp=True):
        return not _differ_in_scale(left[0], right[0])
    return (
        _same_vector(left[0], right[0])
        or _same_union(left[0], right[0])
        or _same_complex(left[0], right[0])
    )


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


def _differ_in_scale(gold: Any, answer: Any) -> bool:
    """Two small numbers that only look equal after rounding: 1/2004! and 1/2006!."""
    from sympy import Expr

    if not all(isinstance(side, Expr) and not side.free_symbols for side in (gold, answer)):
        return False
    try:
        a, b = gold.evalf(20), answer.evalf(20)
        return bool(a.is_real and b.is_real and 0 < abs(a) < 1e-3 and abs(a - b) > 1e-3 * abs(a))
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


# --- words ----------------------------------------------------------------------------------------------------------

_LEAD_IN = re.compile(
    r"(?i)^(?:(?:so|therefore|thus|hence|well|sure|ok(?:ay)?|i (?:think|believe)|the (?:correct |final |right )?answer|answer|a|it|this|that|they|he|she|is|was|are|were|"
    r"would be|called|known as|named|probably|most likely|likely|:|,|-)\s*)+"
)


def same_text(answer: str, golds: Sequence[str]) -> bool:
    """Whether an answer in words is one of the accepted ones.

    Case, accents, punctuation, articles and lead-ins ("it is …") do not matter. A sentence may hold the gold
    answer as a whole phrase, unless it says "not" or "or"; a shorter answer must be the gold answer, since
    `New York` is no `York`.
    """
    said = _words(_LEAD_IN.sub("", answer.strip()))
    first = _words(
        re.split(r"[,;(]|\b(?:because|since|which)\b", _LEAD_IN.sub("", answer.strip()))[0]
    )
    full = _words(answer)
    for gold in map(_words, golds):
        if gold and (gold in (said, first, full) or "".join(gold) == "".join(said)):
            return True
        if gold and len(full) >= len(gold) + 3 and _holds(full, gold, answer):
            return True
    return False


def _holds(words: list[str], gold: list[str], answer: str) -> bool:
    if {"not", "or", "neither", "unknown", "isnt", "t"} & set(words) - set(gold):
        return False
    places = [i for i in range(len(words) - len(gold) + 1) if words[i : i + len(gold)] == gold]
    if not places:
        return False
    cased = re.findall(r"[^\W_]+", answer)
    before = words[places[-1] - 1] if places[-1] else ""
    capital = any(word.casefold() == before and word[0].isupper() for word in cased[1:])
    return not capital or before in {"is", "was"}


def _words(text: str) -> list[str]:
    """Words without accents, case, punctuation and articles."""
    plain = (
        unicodedata.normalize("NFKD", text.replace("ß", "ss"))
        .casefold()
        .replace("'", "")
        .replace("’", "")
    )
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return [word for word in re.findall(r"[^\W_]+", plain) if word not in ("the", "a", "an")]
