"""Numbers in words, and numbers with their units."""

from fractions import Fraction

import pytest

from routerlib.answers.quantities import number_in_words, quantity


@pytest.mark.parametrize(
    "text, value",
    [
        ("zero", 0),
        ("Twelve", 12),
        ("a dozen", 12),
        ("half a dozen", 6),
        ("three dozen", 36),
        ("forty-two", 42),
        ("three hundred and five", 305),
        ("two thousand five hundred", 2_500),
        ("2.5 million", 2_500_000),
        ("one two", None),
        ("twenty thirty", None),
        ("hundred", None),
        ("12", None),
        ("ten of them", None),
        ("five and", None),
    ],
)
def test_numbers_in_words(text, value):
    assert number_in_words(text) == value


@pytest.mark.parametrize(
    "text, number, measures, factor",
    [
        ("12 cm", "12", "m", Fraction(1, 100)),
        (r"12\text{ cm}^2", "12", "m^2", Fraction(1, 10_000)),
        ("5 square meters", "5", "m^2", 1),
        ("$8", "8", "$", 1),
        ("8 cents", "8", "$", Fraction(1, 100)),
        ("5 dollars a day", "5", "$", 1),
        ("90 minutes", "90", "s", 60),
        ("60 miles per hour", "60", "m/s", Fraction(1397, 3125)),
        (r"20^\circ\text{C}", "20", "°C", 1),
        (r"\frac{1}{2} hours", r"\frac{1}{2}", "s", 3600),
        ("7 apples", "7", "?apples", 1),
        ("7", "7", "", 1),
        ("3 million dollars", "3000000", "$", 1),
    ],
)
def test_a_number_with_its_unit(text, number, measures, factor):
    found = quantity(text)
    assert (found.number, found.measures, found.factor) == (number, measures, factor)


@pytest.mark.parametrize("text", ["5x", "x", "3 and 4", "2 + 3", "5 k", ""])
def test_what_is_no_quantity(text):
    assert quantity(text) is None
