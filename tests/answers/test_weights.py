"""How much a clause commits to each of its values, by the words around it."""

import pytest

from routerlib.answers.weights import BESIDE, DENIED, NAMED, SAID, values_weighed


@pytest.mark.parametrize(
    "clause, weighed",
    [
        ("she needs 9 more stickers to reach 30", [("9", SAID), ("30", NAMED)]),
        ("she drove 90 km in 2 hours", [("90", SAID), ("2", BESIDE)]),
        ("each of the 5 cousins receives $17", [("5", NAMED), ("$17", SAID)]),
        ("he swam 3 miles more than before", [("3", NAMED)]),
        ("there are not 6 of them", [("6", DENIED)]),
        ("it costs 4 to 7 dollars", [("4", DENIED), ("7", DENIED)]),
        ("it rose from 4 to 7 dollars", [("4", DENIED), ("7", SAID)]),
        ("20% of 300 is 60", [("20\\%", NAMED), ("300", NAMED), ("60", SAID)]),
        ("on day 9 it has 22 leaves", [("9", NAMED), ("22", SAID)]),
        ("2 + 3 = 5", [("5", SAID)]),
    ],
)
def test_values_and_their_weights(clause, weighed):
    found = [(value.text.replace("20%", "20\\%"), value.weight) for value in values_weighed(clause)]
    assert found == weighed


@pytest.mark.parametrize(
    "clause, text",
    [
        ("the primes are 2, 3 and 5", "2, 3, 5"),
        ("it lasts 2 hours 40 minutes", "2 hours 40 minutes"),
        ("the ratio is 4 to 7", "4:7"),
        ("the area is 16π − 32", "16π − 32"),
        ("each gets twenty-one sweets", "twenty-one"),
        ("it lies in [-2, 6)", "[-2, 6)"),
    ],
)
def test_what_is_one_value_is_read_as_one(clause, text):
    (value,) = values_weighed(clause)
    assert value.text == text
    assert clause[value.start : value.end].startswith(value.text[0])
