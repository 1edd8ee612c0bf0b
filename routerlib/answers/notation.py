r"""An expression as math-verify's parser likes it: symbols as LaTeX commands, no environment around
it, `3{,}5` as 3.5 and `√2` as a root.

Texts become texts here, each rewriting with its value unchanged; nothing is parsed or compared,
which is `parsing`'s and `equality`'s business.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from routerlib.answers.quantities import number_in_words, quantity
from routerlib.answers.values import reals_in_signs
from routerlib.answers.wording import folded

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
_TEXT = r"""
    \\(?: text(?:bf|it|rm|normal|sf|tt)? | mbox | mathrm | mathbf | mathit | operatorname ) \b \s*
"""
_IN_TEXT = re.compile(rf"{_TEXT} \{{ ([^{{}}]*) \}}", re.VERBOSE)  # \text{ cm }
SPACES = re.compile(r"(?:\\[,;:! ]|\\q?quad\b|~|\s)+")
_REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar|dot)\{?(\d+)\}?")
_MIXED = re.compile(r"^([-+]?\d+) (\d+)/(\d+)$")
_SPACED_NUMBER = re.compile(r"^[-+]?\d{1,3}(?: \d{3})+(?:\.\d+)?$")
# \cos 60^\circ, \sin(22.5^{\circ})
_DEGREES_IN_TRIG = re.compile(
    r"""
    \\(sin|cos|tan|cot|sec|csc) \s* [({]? \s* (\d+(?:\.\d+)?) \s* \^ \{? \\circ \}? \s* [)}]?
    """,
    re.VERBOSE,
)

# --- signs ---

_PERCENT_WORD = re.compile(r"(?<=[\d$})])\s*(?:\\text\w*\{\s*)?(?:percent(?:age)?|pct)\b\.?\}?")

_AND_A_HALF = re.compile(r"\b(\d+) and a half\b")


def in_signs(text: str) -> str:
    """An expression with symbols as LaTeX has them, `28 percent` as 28 %, `3 and a half` as 3.5."""
    if "all" in text:
        text = reals_in_signs(inside_all(text), environment="")
    text = _AND_A_HALF.sub(r"\1.5", text)
    return _PERCENT_WORD.sub(r"\\%", _in_symbols(text))


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


# --- the whole expression ---


def tidy(expression: str) -> str:
    """An expression as the parser likes it: no environment, no closing full stop, symbols as LaTeX
    commands.
    """
    text = _in_symbols(expression.strip()).translate(_SYMBOLS)
    text = re.sub(r"^(?:\\displaystyle|\*\*)\s*|\*\*$", "", text).strip()
    text = inside_all(text)
    text = re.sub(r"\\math(?:rm|bf|it)\s*\{([a-z]|[-+]?[\d.,]+)\}", r"\1", text)  # \mathrm{e}
    text = re.sub(r"(?<=\d)\{\s*,\s*\}\s*(?=\d{1,2}(?!\d))", ".", text)  # 3{,}5
    text = _BETWEEN_THOUSANDS.sub("", text)
    text = re.sub(r"(?<=\d)'(?=\d{3}(?!\d))", "", text)  # 1'234'567
    text = re.sub(r"₹\s*([\d,]+)", lambda money: money[1].replace(",", ""), text)  # ₹5,00,000
    text = re.sub(r"^(.*\\pi\b.*?)\s*(?:rad|radians?)$", r"\1", text)  # 5π/6 rad
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
    text = re.sub(r"\\\\\s*\[\d[\d.]*(?:pt|em|ex|mm|cm)\]", r"\\\\ ", text)  # \\\\[2pt] in a matrix
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


_BETWEEN_THOUSANDS = re.compile(
    r"""
      (?<=\d) \\! \s* , \s* (?=\d{3})            # 1\!,000
    | (?<=\d) ,\\! \s* (?=\d{3})                 # 1,\!000
    | (?<=\d) \{ \s* , \s* \} \s* (?=\d{3})      # 1{,}000
    | (?<=\d) (?: \\[,;:!\ ] | ~ ) (?=\d{3}(?!\d))  # 1\,000
    """,
    re.VERBOSE,
)
_CASES = re.compile(r"\\begin\s*\{cases\}(.*)\\end\s*\{cases\}", re.DOTALL)
# "3 cos θ"
_BARE_FUNCTION = re.compile(r"(?<![\\A-Za-z])(sin|cos|tan|cot|sec|csc|ln|log)(?![A-Za-z])")
# 2ab, 3xy: letters behind a number that are no unit, which the parser would leave out
_PRODUCT = re.compile(r"(?<=\d)[a-z]{2,3}(?![A-Za-z])")


def _multiplied(match: re.Match[str]) -> str:
    return match[0] if is_unit(match[0]) else "".join(rf"\cdot {letter}" for letter in match[0])


def is_unit(letters: str) -> bool:
    measured = quantity(f"1 {letters}")
    return measured is not None and not measured.measures.startswith("?")


def _listed_cases(match: re.Match[str]) -> str:
    r"""`\begin{cases} x = 1 \\ y = 2 \end{cases}` as `x = 1, y = 2`."""
    return ", ".join(line.strip(" ,&") for line in match[1].split(r"\\") if line.strip(" ,&"))


def _root(match: re.Match[str]) -> str:
    return rf"\sqrt{{{match[1] or match[2]}}}"


def inside_all(text: str) -> str:
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


def squeeze(text: str) -> str:
    """For the exact match: no spaces, no styling; words without case."""
    text = re.sub(r"(?<=\d)\s+(?=\d)", "&", text)  # two numbers stay two
    text = _IN_TEXT.sub(r"\1", text)
    text = re.sub(r"\\(?:left|right|displaystyle|bigl?|bigr?)(?![a-z])", "", text)
    text = re.sub(r"\\[dt]frac", r"\\frac", re.sub(r"\^\{?\\circ\}?", "", text))
    text = re.sub(r"\{(\w)\}", r"\1", SPACES.sub("", text)).strip("{}") or text
    return text.casefold() if re.search(r"[A-Za-z]{2}", text) and "\\" not in text else text


def _repeating_decimal(match: re.Match[str]) -> str:
    whole, fixed, period = match[1] or "0", match[2], match[3]
    scale, nines = 10 ** len(fixed), 10 ** len(period) - 1
    value = Fraction(int(whole + fixed), scale) + Fraction(int(period), scale * nines)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
