"""Which of several values a question asks for, and that none is chosen where two fit as well."""

import pytest

from routerlib.answers.asked import asked_of
from routerlib.answers.closing import closing_value


@pytest.mark.parametrize(
    "text, question, value",
    [
        ("They need 6 trays, leaving 2 spare rolls.", "How many trays do they need?", "6"),
        ("They need 6 trays, leaving 2 spare rolls.", "How many rolls are spare?", "2"),
        ("The farm has 17 goats and 9 geese.", "How many goats are on the farm?", "17"),
        ("The farm has 17 goats and 9 geese.", "How many geese are there?", "9"),
        ("The farm has 17 goats and 9 geese.", "How many animals are there?", None),
        ("The farm has 17 goats and 9 geese.", "Is the farm a large one?", None),
        ("There are 5 tall masts and 8 short masts.", "How many short masts are there?", "8"),
        ("A ride is $0.45 per mile, and 90 miles are $40.50.", "How much do they cost?", "$40.50"),
        ("He takes 3 kites for $6 each, paying $18.", "How much money does he pay?", "$18"),
        ("Ute has $12 + $9 = $21 and needs $8 more.", "How much more money does she need?", "$8"),
        ("Ada is 9 years old and her aunt is 31 years old.", "How old is Ada?", "9"),
        ("Ada is 9 years old and her aunt is 31 years old.", "How old is her aunt?", "31"),
        ("The sum of the roots is 7 and the product is 12.", "Find the product.", "12"),
        ("The sum of the roots is 7 and the product is 12.", "What is the sum of them?", "7"),
        ("It takes 5 spoons of salt and 3 spoons of oil.", "How many spoons of oil are used?", "3"),
        ("So Ida won 8 cups, Ulf won 6 cups, and Pia won 3.", "How many cups did Ulf win?", "6"),
        ("So Ida won 8 cups, Ulf won 6 cups, and Pia won 3.", "How many cups did they win?", None),
        ("He gets $70 a day, or $350 a week.", "How much does he earn in a week?", "$350"),
        ("He gets $70 a day, or $350 a week.", "How much does he earn in a day?", "$70"),
        ("So a third of them, or 14 guests, left.", "How many guests left?", "14"),
        ("The rebate is $15, making the price $45.", "What is the rebate?", "$15"),
        ("The rebate is $15, making the price $45.", "What is the price?", "$45"),
        ("It rose from $80 to $100, a rise of 25%.", "By what percent did it rise?", r"25\%"),
    ],
)
def test_the_question_tells_which_value_is_meant(text, question, value):
    assert (closing_value(text, question) or None) == value


@pytest.mark.parametrize(
    "text, question, value",
    [
        ("It takes 1 day 2 hours, or 26 hours.", "How many days is that?", "1 day 2 hours"),
        ("It takes 90 minutes, or 1.5 hours.", "How many hours does it take?", "1.5"),
        ("That is 4 weeks, or 28 days.", "How many weeks is that?", "4"),
        ("That is 4 weeks, or 28 days.", "How many days is that?", "28"),
        ("That is 4 boxes, or 28 pens.", "How many tins is that?", "4"),
        ("It takes 90 minutes (1.5 hours).", "How many hours does it take?", "1.5"),
        ("It takes 90 minutes (2.5 hours).", "How many hours does it take?", "90"),
    ],
)
def test_one_amount_in_two_units_is_read_in_the_one_asked_for(text, question, value):
    assert closing_value(text, question) == value


def test_a_sentence_that_tells_by_itself_is_not_overruled_by_the_question():
    text = "He had 10 apples and gave away 4, so he has 6 left."
    assert closing_value(text, "How many apples does he have left?") == "6"


def test_the_last_sentence_that_asks_counts():
    asked = asked_of("Ben has 3 hens. How many eggs do they lay? Give how many boxes they fill.")
    assert asked is not None
    assert asked.counted == ("box",)
    assert asked_of("Ben has 3 hens.") is None


def test_a_rate_is_not_asked_for_where_the_question_asks_for_a_sum():
    text = "That gives 20 miles per week and 60 miles over three weeks."
    assert closing_value(text, "How many miles does she run in 3 weeks?") != "20"


@pytest.mark.parametrize(
    "text, question, value",
    [
        ("It has center $(1, 4)$ and radius $6$.", "What is the center of the circle?", "(1, 4)"),
        (
            "The fee rose from $40 to $50, a rise of 25%.",
            "By what percent did the fee rise?",
            r"25\%",
        ),
        ("She earns $700, i.e. $36,400 a year.", "How much does she earn in a year?", "$36,400"),
        ("She has 24 eggs left, which is 2 boxes.", "How many eggs does she have left?", "24"),
    ],
)
def test_units_rates_and_nouns_of_the_question(text, question, value):
    assert closing_value(text, question) == value
