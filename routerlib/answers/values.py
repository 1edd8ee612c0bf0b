r"""How a mathematical value is written in a text: digits with signs of money and percent, roots,
inline mathematics, several values side by side.

Patterns and small readings that `expressions` (boxes and statements) and `closing` (the sentence a
text ends on) share. Which of a text's values is its answer is their business.
"""

from __future__ import annotations

import re

FUNCTIONS = r"sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt|mod|arcsin|arccos|arctan|pi|inf|and|or"
# Inline mathematics as Pandoc reads it: the opening $ has no space behind it, the closing one none
# before it and no digit behind it. So "$20 + $15 = $35" is money, and "$x + 1$" is mathematics.
# https://pandoc.org/MANUAL.html#extension-tex_math_dollars
_ENV = r"""
    (?: \$\$ .+? \$\$
      | (?<![\\\d]) \$ (?!\s) (?: \\\$ | [^$\n] )*? (?: \\\$ | [^$\n\s\\] ) \$ (?!\d)
      | (?<![\\\d]) \$ [ ] [^$\n]+ [ ] \$ (?!\d)
      | \\\( (?: [^\\] | \\(?!\)) )+? \\\)
      | \\\[ (?: [^\\] | \\(?!\]) )+? \\\] )
"""
_PERCENT = r"\s* (?: \\?% | (?i:percent(?:age)?|pct)\b )"
ENVIRONMENT = re.compile(_ENV, re.DOTALL | re.VERBOSE)
# "$1$ and $2$", "$28$ percent"
ENVIRONMENTS = re.compile(
    rf"{_ENV} (?:{_PERCENT})? (?: \s* (?: ,?\s*\b(?:and|or)\b | , ) \s* {_ENV} )*",
    re.DOTALL | re.VERBOSE,
)
PERCENT_SIGN = re.compile(_PERCENT, re.VERBOSE)
# "-1,234.50", "$12", "3 1/2", "5^2", "40 %", "3:30"
VALUE = re.compile(
    rf"""
    (?<![\w.^_√]) [-−]? (?: \d+\s? )? √ (?: \d+ | \( \d+ \) ) (?![\w^/.]\d)  # 4√2 is no 4
    | (?<![\w.^_√]) [-−]? (?: \d+\s? )? π (?: /\d+ )? (?!\w)                        # nor is 4π
    | (?<![\w.^_√]) (?: [-−+]\s? )? [$€£¥₹]? (?: [-−]\s? )?
    (?: (?<=₹) \d{{1,2}}(?:,\d\d)+,\d{{3}}(?!\d) | \d{{1,3}}(?:[, ']\d{{3}})+(?!\d) | \d+ )?
    (?: (?<=\d)[.,]\d+ | (?<!\d)\.\d+ )? (?<=\d)
    (?: :\d\d(?!\d) )? (?: (?:[ ]\d+)?/\d+ )? (?: \^\{{?-?\d+\}}? )? (?: {_PERCENT} )?
    """,
    re.VERBOSE,
)


# Two letters that are no unit and no product: "20% of 300 is 60" is a sentence
# "12이므로 …": nor is what ends as sentences do in Korean and Japanese
_SHORT_WORD = re.compile(
    r"(?i)\b(?:of|is|to|on|by|we|he|it|so|as|if|an|hence|thus|therefore)\b|이므로|니다|なので|ので"
)


# "135 miles in 150 minutes": a sentence, though it has no verb
_BESIDE = re.compile(
    r"\d \s* (?: [^\W\d]+ \s+ ){0,2} \b (?: in|for|after|at|over ) \s+ \$?\d", re.VERBOSE
)


def is_value(line: str) -> bool:
    """Nothing but an expression: no word of three letters outside LaTeX, save a unit behind a
    number.
    """
    bare = re.sub(r"\\[A-Za-z]+(?:\{[A-Za-z ]+\})?", " ", line)
    words = re.findall(rf"(?!(?:{FUNCTIONS})\b)\b[^\W\d_]{{3,}}", bare)
    opening = VALUE.match(line.lstrip("(* "))
    unit = bool(opening) and len(words) <= 2 and len(line) < 40
    if _SHORT_WORD.search(bare) or _BESIDE.search(line):
        return False
    return bool(re.search(r"\d|\\|^\W*\w\W*$", line)) and (not words or unit)


# Counted things, several of them: "3 cats and 4 dogs", "15 red, 4 green and 2 blue balls"
_COUNTED = r"(\d[\d,.]*) (?: \s+ [^\W\d_]+ ){1,3}"
_SEVERAL = re.compile(
    rf"^ {_COUNTED} (?: (?: \s*,\s* | \s*,?\s+(?:and|und|et|y|e|и)\s+ ) {_COUNTED} )+ \W* $",
    re.VERBOSE,
)
# Equations for several unknowns or several roots: "x = 3 or x = -2"
_EQUATIONS = re.compile(
    r"""
    (?<!when\ ) (?<!if\ ) (?<!at\ ) (?<!for\ )
    \b [A-Za-z](?:_?\w)? \s* = \s* [-−]?[\d./]+
    (?: \s* (?: , | ,?\s*\b(?:and|or)\b ) \s* (?:\b[A-Za-z](?:_?\w)?\s*=\s*) [-−]?[\d./]+ )+
    (?= \W*$ )
    """,
    re.VERBOSE,
)


# Both are meant, and none of them alone: "x is either 3 or -3"
_EITHER = re.compile(
    r"""
    (?: ^ | \b (?: is | are | be | equals? ) \s+ | = \s* ) either \s+
    \$? ([-−]?[\d./]*\d) \$? \s+ or \s+ \$? ([-−]?[\d./]*\d) \$? \W* $
    """,
    re.VERBOSE,
)


def several(text: str) -> str | None:
    """Several counted things as `3, 4`, several equations as their right-hand sides."""
    either = _EITHER.search(text)
    if either:
        return f"{either[1]}, {either[2]}"
    unknowns = _OF_UNKNOWNS.search(text)
    if unknowns:
        return unknowns[1]
    if _SEVERAL.match(text):
        return ", ".join(re.findall(r"\d[\d,.]*\d|\d", text))
    equations = _EQUATIONS.search(text)
    if equations:
        return ", ".join(re.findall(r"=\s*([-−]?[\d./]*\d)", equations[0]))
    return None


# "4d = 48 → d = 12", "3x = 12 \\implies x = 4"
_ARROW = re.compile(r"→|⇒|⟹|=>|->|\\(?:implies|Rightarrow|Longrightarrow)\b")
# "(a, b) = (3, 7), and a^2 + b^2 = 58": what the last equation makes of the unknowns
_OF_UNKNOWNS = re.compile(
    r"""
    = .* (?: ,\s* | \band\s+ | \bso\s+ | \bhence\s+ ) \$?
    (?= [^=,$]* [A-Za-z] [^=,$]* [-+*/^] ) (?= [^=,$]* [-+*/^] [^=,$]* [A-Za-z] ) [^=,$A-Z]{3,40}
    = \s* ([-−]?[\d./]*\d) \$? \W* $
    """,
    re.VERBOSE,
)


_OF_SUM = r"[\s\d.,'’+\-*/×·÷()=$€£₹−x^π]"


def result_of(line: str) -> str:
    """The right-hand side of a line such as `3 × 3 = 9` or `$16 + $2 = $18`; other equations stay
    whole, and of several steps the last does.
    """
    steps = _ARROW.split(line)
    if len(steps) > 1 and all("=" in step for step in steps):
        line = re.sub(r"^[A-Za-z]\s*=\s*", "", steps[-1].strip())
    unknowns = _OF_UNKNOWNS.search(line)
    if unknowns:
        return unknowns[1]
    left, equals, right = line.rpartition("=")
    arithmetic = re.fullmatch(rf"{_OF_SUM}*\d{_OF_SUM}*", left)
    counted = re.fullmatch(r"\s*[\d.,]+\s+[^\W\d_]{3,}\s*", left)  # 3 dozen = 36 eggs
    if left.count("$") % 2 and "$" in right:
        right = right.partition("$")[0]  # the end of the mathematics: "$2 + 3 = 5$ apples"
    return right.strip() if equals and (arithmetic or counted) and right.strip() else line


def joined_formulas(environments: str) -> str:
    """`$1$ and $2$` as `1, 2`; `$28$ percent` as `28\\%`."""
    inner = [
        re.sub(r"^(?:\$\$?|\\\(|\\\[)\s*|\s*(?:\$\$?|\\\)|\\\])$", "", found)
        for found in ENVIRONMENT.findall(environments)
    ]
    percent = _PERCENT_END.search(environments)
    return ", ".join(inner) + (r"\%" if percent and not inner[-1].endswith("%") else "")


# "all real numbers", "all reals except x = 3", "all real $x$ other than $2$ and $5$"
_LEFT_OUT = r"\$? (?: [a-z] \s* (?: = | \\ne(?:q)?\b ) \s* )? [-−]?\d+(?:[./]\d+)? \$?"
_REALS = re.compile(
    rf"""
    \b all \s+ (?: real \s+ (?: numbers? | values? (?:\ of)? )? | reals )
    (?: \s* \$? \b [a-z] \b \$? )?
    (?: ,? \s+
        (?: except (?:\ for|\ when|\ where|\ at)? | other\ than | but | excluding | apart\ from )
        \s+ (?P<left_out> {_LEFT_OUT} (?: \s* (?: ,?\s*\b(?:and|or)\b | , ) \s* {_LEFT_OUT} )* )
    )?
    (?= \W* (?: $ | \n ) )
    """,
    re.VERBOSE,
)


def reals_in_signs(text: str, environment: str = "$") -> str:
    r"""A text with "all reals except 3" as `$\mathbb{R} \setminus \{3\}$`, where a line ends on it.

    `environment` is what stands on both sides of the set: "" where the text is mathematics.
    """

    def in_signs(match: re.Match[str]) -> str:
        left_out = re.findall(r"[-−]?\d+(?:[./]\d+)?", match["left_out"] or "")
        without = rf" \setminus \{{{', '.join(left_out)}\}}" if left_out else ""
        return rf"{environment}\mathbb{{R}}{without}{environment}"

    return _REALS.sub(in_signs, text) if "all" in text else text


_PERCENT_END = re.compile(rf"{_PERCENT} \s* $", re.VERBOSE)


def percents(value: str) -> str:
    return PERCENT_SIGN.sub(r"\\%", value.strip().rstrip(".,;:"))


def figures(value: str) -> list[str]:
    """The runs of digits in a value: two that have the same ones tell the same number."""
    return re.findall(r"\d+", value)


# "1. Add them.", "2) Multiply them."
_MARKER = re.compile(r"[ \t]*(\d{1,2})[.)][ \t]+(?=[^\W\d_]{2})")
# "Q: 6 × 7\nA: 42": behind the question that an output tells again
_REPLY = re.compile(r"\s* (?: Q: [^\n]* \n+ )? A: \s (?=\S) (?! .* ^[B-Z]: )", re.X | re.M | re.S)
# "θ = π/6 (30°)": the same in another unit
_IN_DEGREES = re.compile(
    r"(?<=\S) \s+ \( [≈~\s]* [-−]?[\d.]+ \s* (?:°|degrees|radians|rad) \) (?= [\s.]* $ )",
    re.VERBOSE | re.MULTILINE,
)


def without_marks(text: str) -> str:
    """A text without what only orders it: the numbers of a list, the "A:" of a reply, and what an
    angle is in degrees.
    """
    lines, awaited = [], 1
    for line in text.split("\n"):
        marker = _MARKER.match(line)
        if marker and int(marker[1]) in (1, awaited):
            awaited = int(marker[1]) + 1
            line = line[marker.end() :]
        lines.append(line)
    if awaited > 2:
        text = "\n".join(lines)
    reply = _REPLY.match(text)
    return _IN_DEGREES.sub("", text[reply.end() :] if reply else text)
