"""When two names are one person's or one place's, and when they only sound alike."""

import pytest

from routerlib.answers import names
from routerlib.answers.phrases import same_text


@pytest.mark.parametrize(
    "said, gold, same",
    [
        ("Lovelace", "Ada Lovelace", True),
        ("It was Lovelace.", "Ada Lovelace", True),
        ("Goethe", "Johann Wolfgang von Goethe", True),
        ("von Goethe", "Johann Wolfgang von Goethe", True),
        ("Ada", "Ada Lovelace", False),
        ("Byron", "Ada Lovelace", False),
        ("Korea", "South Korea", False),
        ("Kong", "Hong Kong", False),
        ("Bridge", "Tower Bridge", False),
        ("Zealand", "New Zealand", False),
        ("Not Lovelace", "Ada Lovelace", False),
    ],
)
def test_a_surname_alone_names_a_person(said, gold, same):
    assert same_text(said, [gold]) is same


def test_a_known_question_must_ask_for_a_person():
    assert same_text("Lovelace", ["Ada Lovelace"], "Who wrote the first program?")
    assert same_text("Ada Lovelace", ["Lovelace"], "Which mathematician wrote the first program?")
    assert not same_text("Lovelace", ["Ada Lovelace"], "What is the name of the crater?")
    assert not same_text("Ada Lovelace", ["Lovelace"])


@pytest.mark.parametrize(
    "said, gold, same",
    [
        ("The deepest is Baikal.", "Lake Baikal", True),
        ("Kilimanjaro", "Mount Kilimanjaro", True),
        ("The Rhine", "River Rhine", True),
        ("Queen Victoria", "Lake Victoria", False),
        ("The deepest is Tahoe.", "Lake Baikal", False),
    ],
)
def test_a_place_may_be_told_without_its_kind(said, gold, same):
    assert same_text(said, [gold]) is same


def test_the_kind_of_a_place_is_left_out_where_it_is_asked_for():
    assert same_text("The Orinoco River", ["Orinoco"], "Which river flows through it?")
    assert not same_text("The Colorado River", ["Colorado"], "Which state is it in?")


def test_a_name_with_a_middle_name_and_a_surname_behind_a_role():
    assert names.is_full_name("Ada King Lovelace.", ["ada", "lovelace"])
    assert not names.is_full_name("Not Ada King Lovelace.", ["ada", "lovelace"])
    assert names.is_surname("It was invented by Nobel.", "Alfred Nobel")
    assert not names.is_surname("It was not invented by Nobel.", "Alfred Nobel")
