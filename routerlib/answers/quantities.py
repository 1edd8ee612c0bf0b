r"""Quantities: numbers in words, and a number with its unit, so that 3 km is 3000 m and no 3 miles.

`number_in_words` reads "twenty-one" and "2.5 million"; `quantity` takes a unit off its number and
says what it measures, for the units that school books use. A unit that is not known stays a name,
which equals only itself. Everything here is text and exact arithmetic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

# --- numbers in words -----------------------------------------------------------------------------

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_NUMBERS = {word: value for value, word in enumerate(_SMALL)}
_NUMBERS |= {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6}
_PARTS |= {"seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10}
_DOZENS = {"a": Fraction(1), "half a": Fraction(1, 2)}
LARGE_NUMBERS = "|".join(_LARGE)


def number_in_words(text: str) -> Fraction | None:
    """The value of "twenty-one", "three hundred and five", "two and a half", "2.5 million"; None
    for anything else.
    """
    words = re.sub(r"[-\s]+", " ", text.strip().casefold()).split()
    share = _share_in_words(words)
    if share:
        return share
    if len(words) > 3 and words[-3:] == ["and", "a", "half"]:
        is_figure = len(words) == 4 and words[0].isdigit()
        whole = Fraction(words[0]) if is_figure else number_in_words(" ".join(words[:-3]))
        return None if whole is None else whole + Fraction(1, 2)
    if not words or len(words) > 12:
        return None
    if words[-1] == "dozen":
        dozens = _DOZENS.get(" ".join(words[:-1])) or number_in_words(" ".join(words[:-1]))
        return dozens and 12 * dozens
    figure = re.fullmatch(r"[-+]?\d[\d,]*(?:\.\d+)?", words[0])
    if figure and not (len(words) == 2 and words[1] in _LARGE):
        return None
    if figure:
        return Fraction(words[0].replace(",", "")) * _LARGE[words[1]]
    total = group = 0
    for word in words:
        if word in _NUMBERS:
            if not _may_follow(group % 100, _NUMBERS[word]):
                return None
            group += _NUMBERS[word]
        elif word == "hundred" and group:
            group *= 100
        elif word in _LARGE and group:
            total, group = total + group * _LARGE[word], 0
        elif word != "and" or not (total or group):
            return None
    return None if words[-1] == "and" else Fraction(total + group)


def _share_in_words(words: list[str]) -> Fraction | None:
    """The value of "half", "a third" and "three quarters"; None for anything else."""
    if words == ["half"]:
        return Fraction(1, 2)
    if len(words) != 2:
        return None
    under = _PARTS.get(words[1]) or _PARTS.get(words[1].removesuffix("s"))
    over = 1 if words[0] == "a" else _NUMBERS.get(words[0], 0)
    return Fraction(over, under) if under and 0 < over < 20 else None


def _may_follow(before: int, value: int) -> bool:
    """Whether one number may follow another as its smaller part: twenty, one; not one, two."""
    return before == 0 or (before >= 20 and before % 10 == 0 and 0 < value < 10)


# --- units ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Quantity:
    """A number as it was written, its unit as it was written, and what that is in terms of a base
    unit.

    `measures` is the base ("m", "s", "$", "m/s" …) with its power; a word that is no known unit
    stands there behind "?", with factor 1. Without a unit, `measures` is "".
    """

    number: str
    measures: str
    factor: Fraction


def _units_by_name() -> dict[str, tuple[str, Fraction]]:
    """Each name of a unit with its base and factor; symbols by case, words in lower case."""
    lines = """
        m: m 1, meter 1, metre 1, km 1000, kilometer 1000, kilometre 1000, cm 1/100
        m: centimeter 1/100
        m: centimetre 1/100, mm 1/1000, millimeter 1/1000, millimetre 1/1000, dm 1/10
        m: decimeter 1/10
        m: in 127/5000, inch 127/5000, ft 381/1250, foot 381/1250, feet 381/1250, yd 1143/1250
        m: yard 1143/1250, mi 201168/125, mile 201168/125, nm 1/1000000000, μm 1/1000000
        kg: kg 1, kilogram 1, kilo 1, g 1/1000, gram 1/1000, mg 1/1000000, milligram 1/1000000
        kg: ton 1000, tonne 1000, lb 45359237/100000000, pound 45359237/100000000
        kg: oz 45359237/1600000000, ounce 45359237/1600000000
        s: s 1, sec 1, second 1, min 60, minute 60, h 3600, hr 3600, hour 3600, day 86400
        s: week 604800
        s: ms 1/1000, millisecond 1/1000
        month: month 1, year 12, yr 12
        L: L 1, l 1, liter 1, litre 1, mL 1/1000, ml 1/1000, milliliter 1/1000, millilitre 1/1000
        $: $ 1, dollar 1, usd 1, USD 1, buck 1, ¢ 1/100, cent 1/100, penny 1/100, pennies 1/100
        €: € 1, euro 1, eur 1, EUR 1, centime 1/100
        £: £ 1
        °: ° 1, degree 1, deg 1
        rad: rad 1, radian 1
        °C: °C 1, ° C 1, celsius 1, degree celsius 1
        °F: °F 1, ° F 1, fahrenheit 1, degree fahrenheit 1
        K: K 1, kelvin 1
        m/s: km/h 5/18, kph 5/18, kmh 5/18, mph 1397/3125
        J: J 1, joule 1, kJ 1000, kilojoule 1000, MJ 1000000
        W: W 1, watt 1, kW 1000, kilowatt 1000
        N: N 1, newton 1, kN 1000
        Pa: Pa 1, pascal 1, kPa 1000, MPa 1000000
        V: V 1, volt 1, mV 1/1000, kV 1000
        A: A 1, amp 1, ampere 1, mA 1/1000
        Hz: Hz 1, hertz 1, kHz 1000, MHz 1000000
        C: C 1, coulomb 1
    """
    table = {}
    for line in lines.strip().splitlines():
        base, _, units = line.strip().partition(": ")
        for unit in units.split(", "):
            name, _, factor = unit.rpartition(" ")
            table[name] = (base, Fraction(factor))
    return table


_UNITS = _units_by_name()
_FIGURE = (
    r"[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?:[ ]\d{3})+(?!\d)|\d+)(?:\.\d+)?"
    r"|\d+,\d{1,2}(?!\d)|\.\d+)"
    r"(?:\s*(?:\\times|\\cdot)\s*10\^\{?[-+]?\d+\}?)?"
)
_WITH_UNIT = re.compile(
    rf"""
    ^ (?P<sign> (?: \\?\$ | € | £ )? ) \s*
    (?P<number> {_FIGURE} (?: / \d+ )? | [-+]? \d+ [ ] \d+ / \d+
      | [-+]? (?:\d+)? \\[dt]?frac \s* (?:\{{[^{{}}]+\}}
        |\d) \s* (?:\{{[^{{}}]+\}}|\d)
      | [-+]? (?:\d+)? \\sqrt \{{[^{{}}]+\}} | [-+]? \d* \\pi )
    (?: \s* (?P<scale> thousand|million|billion|trillion ) \b )?
    \s* (?P<unit> [^\d\s=<>+,;|(){{}}\[\]\\&_-] [^\d=<>+,;|(){{}}\[\]\\&_-]*? )?
    (?: \s* \^ \{{? (?P<power> [23] ) \}}? )? \s* \.? $
    """,
    re.VERBOSE,
)
# Words that count or describe, and measure nothing: "square units", "5 apples"
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}


def quantity(text: str) -> Quantity | None:
    """A text as a number with a unit; None where it is neither a number nor a number with a unit.

    Args:
        text: a tidied expression, without a math environment: `12 cm`, `5.4 cents`, `$8`, `60
            km/h`.
    """
    text = re.sub(r"\^\{?\\circ\}?\s*", "° ", text)
    text = re.sub(r"\\(?:text\w*|mbox|mathrm|mathbf|operatorname)\s*\{([^{}]*)\}", r" \1 ", text)
    text = re.sub(r"\\[,;:! ]|~|\\(?=[%$])", " ", text).replace("{,}", ",")
    match = _WITH_UNIT.match(" ".join(text.split()))
    if not match:
        return None
    number = match["number"]
    if match["scale"]:
        value = number_in_words(f"{number} {match['scale']}")
        if value is None:
            return None
        number = str(value)
    name = (match["unit"] or match["sign"] or "").strip(" .*").replace("\\", "")
    found = _in_base_unit(number, name, int(match["power"] or 1))
    if found and found.measures.startswith("?") and re.search(r"\d[a-z]{1,3}$", text.strip()):
        return None  # 6xyz is a product
    if found and found.measures == "€" and _DOTTED.fullmatch(number):
        return replace(found, number=number.replace(".", ""))
    return found


def amount(text: str) -> tuple[Fraction, str] | None:
    """A figure with a known unit in terms of its base unit: 4.0 kJ is 4000 and "J"; else None."""
    found = quantity(text)
    if found is None or not found.measures or found.measures.startswith("?"):
        return None
    figure = found.number.replace(",", "")
    return (Fraction(figure) * found.factor, found.measures) if _PLAIN.fullmatch(figure) else None


_PLAIN = re.compile(r"[-+]?\d*\.?\d+")
# "2 hours 15 minutes", "1 m 80 cm", "5 feet and 3 inches": the parts of one quantity
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([^\W\d_]+)\.?(?:\s*,?\s*(?:(?:and|et|und|y|e|и)\s+)?|$)")
# 1.500 €: money has no three decimals, so these are thousands as most of Europe writes them
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{3})+")


def composed(text: str) -> list[Quantity]:
    """A quantity of several parts in each of its units: "2 hours 15 minutes" is 9/4 hours and 135
    minutes.

    Returns:
        One Quantity a unit; [] where a text is anything else, or its units measure different
        things.
    """
    text = text.strip(" .")
    matches = list(_PART.finditer(text))
    if len(matches) < 2 or "".join(match[0] for match in matches) != text:
        return []
    parts = [quantity(f"{match[1]} {match[2]}") for match in matches]
    known = [part for part in parts if part and part.measures and part.measures[0] != "?"]
    if len(known) < len(parts) or len({part.measures for part in known}) > 1:
        return []
    factors = [part.factor for part in known]
    if factors != sorted(set(factors), reverse=True):
        return []  # 3 cm 5 m are two lengths
    whole = sum((Fraction(part.number) * part.factor for part in known), Fraction(0))
    return [replace(part, number=str(whole / part.factor)) for part in known]


def _in_base_unit(number: str, name: str, power: int) -> Quantity | None:
    words = re.sub(r"\s*(?:/|\bper\b)\s*", "/", name).split()
    if words and words[0].casefold() in _POWERS:
        power, words = _POWERS[words[0].casefold()], words[1:]
    if not words:
        return Quantity(number, "", Fraction(1))
    if words[0] in ("and", "or"):
        return None
    for length in (2, 1):  # "degrees Celsius" before "degrees"; "dollars a day" are dollars
        known = _unit(" ".join(words[:length]))
        if known and (len(words) <= length or len(words[0]) > 2 or length == 2):
            base, factor = known
            return Quantity(number, base + (f"^{power}" if power > 1 else ""), factor**power)
    if not re.search(r"[^\W\d_]{3}", name):
        return None  # a variable, not a unit
    return Quantity(number, "?" + " ".join(words).casefold(), Fraction(1))


def _unit(name: str) -> tuple[str, Fraction] | None:
    """The base and factor of a unit, alone or as a quotient such as `meters/second`."""
    if name in _UNITS:
        return _UNITS[name]
    if "/" in name:
        over, _, under = name.partition("/")
        above, below = _unit(over), _unit(under)
        return (f"{above[0]}/{below[0]}", above[1] / below[1]) if above and below else None
    word = name.casefold()
    if len(word) < 3:
        return None  # symbols go by their case
    for singular in (word, word.removesuffix("s"), word.removesuffix("es")):
        if singular in _UNITS:
            return _UNITS[singular]
    two = word.split()
    return _UNITS.get(f"{two[0].removesuffix('s')} {two[1]}") if len(two) == 2 else None
