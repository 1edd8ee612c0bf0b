"""How a sentence is cut into clauses, and which of their values they say."""

import pytest

from routerlib.answers.clauses import UNDECIDED, chosen_value, clauses_of


@pytest.mark.parametrize(
    "sentence, kinds",
    [
        ("Since a jar holds 3 pears, they need 5 jars.", ["subordinate", "main"]),
        ("Lea ran 4 km, so together they ran 9 km.", ["main", "concluding"]),
        ("He walks 2.5 hours, or 150 minutes.", ["main", "restating"]),
        ("That is 3 weeks.", ["main"]),
        ("It costs $30; thus, the total is $150.", ["main", "concluding", "concluding"]),
        ("The sides are 3, 4 and 5.", ["main"]),
        ("It would be 12 if there were no rebate.", ["subordinate"]),
        ("It weighs 750 g, which is 3 times the usual 250 g.", ["main", "subordinate"]),
    ],
)
def test_the_kinds_of_clauses(sentence, kinds):
    assert [clause.kind for clause in clauses_of(sentence)] == kinds


@pytest.mark.parametrize(
    "sentence, value",
    [
        ("Since a jar holds 3 pears, they need 5 jars.", "5"),
        ("Lea ran 4 km, so together they ran 9 km.", "9"),
        ("He walks 2.5 hours, or 150 minutes.", "2.5"),
        ("After 2 weeks it is 14 cm tall.", "14"),
        ("It takes 300 / 60 = 5 hours.", "5"),
    ],
)
def test_the_value_that_clauses_say(sentence, value):
    assert chosen_value(clauses_of(sentence)).text == value


def test_of_two_values_that_are_equally_good_none_is_chosen():
    assert chosen_value(clauses_of("Ann has 5 pears and Ben has 7 pears.")) is UNDECIDED
    assert chosen_value(clauses_of("She buys 4 mugs for $36.")) is UNDECIDED
    assert chosen_value(clauses_of("Nothing is left.")) is None
