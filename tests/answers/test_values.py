"""How values are written: what is nothing but a value, several of them, and the result of a sum."""

import pytest

from routerlib.answers import values


@pytest.mark.parametrize(
    "line, only",
    [
        ("3/4", True),
        ("$12", True),
        ("12 cm", True),
        ("x", True),
        ("we add 3 to the sum", False),
        ("90 km in 2 hours", False),
    ],
)
def test_a_line_that_is_nothing_but_a_value(line, only):
    assert values.is_value(line) is only


@pytest.mark.parametrize(
    "text, listed",
    [
        ("3 cats and 4 dogs", "3, 4"),
        ("x = 3 or x = -2", "3, -2"),
        ("it is least when x = 3", None),
        ("x is either 3 or -3", "3, -3"),
        ("either way it is 3 or -3 or 0", None),
        ("(a, b) = (2, 6), and a^2 + b^2 = 40", "40"),
        ("3 cats", None),
    ],
)
def test_several_values(text, listed):
    assert values.several(text) == listed


def test_the_result_of_a_sum_and_an_equation():
    assert values.result_of("$16 + $2 = $18") == "$18"
    assert values.result_of("y = 2x") == "y = 2x"
    assert values.result_of("5t = 35 → t = 7 days") == "7 days"
    assert values.result_of("3 → 4") == "3 → 4"


@pytest.mark.parametrize(
    "text, signs",
    [
        ("It is all reals except 4.", r"It is $\mathbb{R} \setminus \{4\}$."),
        ("all real $x$ other than $2$ and $x = 5$", r"$\mathbb{R} \setminus \{2, 5\}$"),
        ("It holds for all real numbers.", r"It holds for $\mathbb{R}$."),
        ("all real numbers greater than 4", "all real numbers greater than 4"),
        ("all of them", "all of them"),
    ],
)
def test_all_reals_but_some_are_a_set(text, signs):
    assert values.reals_in_signs(text) == signs


def test_environments_side_by_side_are_one_value():
    assert values.joined_formulas(r"$1$ and \(2\)") == "1, 2"
    assert values.joined_formulas("$28$ percent") == r"28\%"
    assert values.percents("40 percent.") == r"40\%"


@pytest.mark.parametrize(
    "text, value", [("4√2", "4√2"), ("$1,250.50", "$1,250.50"), ("3 1/2", "3 1/2")]
)
def test_a_value_is_matched_whole(text, value):
    assert values.VALUE.match(text)[0] == value
