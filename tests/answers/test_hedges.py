"""What keeps a value from being a plain answer, and what does not."""

import pytest

from routerlib.answers import hedges
from routerlib.answers.equality import equal
from routerlib.answers.extraction import extract_final


@pytest.mark.parametrize(
    "before, behind, kind",
    [
        ("The rope measures at least ", " m.", "bound"),
        ("The rope measures between ", " and 9 m.", "bound"),
        ("Sold were ", " tickets or more", "bound"),
        ("Sold were ", "+", "bound"),
        ("It holds for all x except x = ", ".", "exception"),
        ("All integers other than ", " work.", "exception"),
        ("The sum does not equal ", ".", "denial"),
        ("The sum cannot be ", ".", "denial"),
        ("The sum might also be ", ".", "doubt"),
        ("She must buy at least ", " tins.", None),
        ("He can fill at most ", " bags.", None),
        ("The smallest number of tins is no less than ", ".", None),
        ("The rope measures ", " m.", None),
        ("It holds for all x, and the sum is ", ".", None),
        ("She did not only sell ", " pies.", None),
        ("That is half of ", ".", "part"),
        ("She has twice ", " pies.", "part"),
        ("The sum is minus ", ".", "part"),
        ("The sum is ", " squared.", "part"),
        ("The sum is ", "k.", "part"),
        ("The sum is ", "...", "part"),
        ("The sum is ", " kg.", None),
        ("#### ", "", None),
        ("It is infinite, such as ", ".", "case"),
        ("The sum is ", " if $n$ is odd.", "case"),
        ("The sum is ", " unless it rains.", "case"),
        ("The sum is ", ", or possibly 24", "case"),
        ("The sum is ", " if she buys one more.", None),
        ("The sum is ", " (wrong)", "denial"),
        ("The sum is ", " is incorrect", "denial"),
        ("The sum is just under ", ".", "bound"),
        ("So x > ", ".", "bound"),
        ("She went over ", " bridges.", None),
    ],
)
def test_what_hedges_a_value(before, behind, kind):
    assert hedges.hedge(before, behind) == kind


@pytest.mark.parametrize(
    "sentence, unsure",
    [
        ("I am not sure whether it is 5 or 6.", True),
        ("That depends on how many guests come.", True),
        ("The result may also be 216.", True),
        ("She is sure that it is 5.", False),
        ("It takes 5 days.", False),
    ],
)
def test_a_sentence_that_does_not_know(sentence, unsure):
    assert hedges.is_unsure(sentence) is unsure


@pytest.mark.parametrize(
    "behind, withdrawn",
    [
        (" is a trap", True),
        (" (incorrect)", True),
        (") can be ruled out", True),
        (" does not fit", True),
        (" could be right", True),
        (" if it rains", True),
        ("?", True),
        (", not C", False),
        (" is right", False),
        (". False friends abound", False),
        (" since the others fail", False),
    ],
)
def test_words_behind_an_option_may_take_it_back(behind, withdrawn):
    assert hedges.is_withdrawn(behind) is withdrawn


@pytest.mark.parametrize(
    "text",
    [
        "There were at least 40 geese on the lake.",
        "The answer is 40, though I am not certain; it may also be 44.",
        "It could be 40.",
        "The number of geese is not equal to 40.",
        "He has 40 geese, minus the 8 that flew away.",
    ],
)
def test_a_hedged_value_is_not_read(text):
    assert extract_final(text).answer is None


@pytest.mark.parametrize(
    "text, value",
    [
        ("The answer is 31. Wait, I forgot the first row. So it is 34.", "34"),
        (r"\boxed{31}. Actually, a row is missing, which gives 34.", "34"),
        ("The answer is 31. Wait, let me check: 20 + 11 = 31.", "31"),
        ("The answer is 31. Actually, that was quick.", "31"),
    ],
)
def test_words_that_take_an_answer_back_need_one_that_agrees(text, value):
    assert extract_final(text).answer == value


def test_taken_back_without_another_value_it_is_undecided():
    found = extract_final("The answer is 31. Wait, rows 3 and 4 are the same, are they not?")
    assert (found.answer, found.status) == (None, "ambiguous")


@pytest.mark.parametrize(
    "gold, answer",
    [
        ("9", "9 squared"),
        ("9", r"9\text{ if }n\text{ is even}"),
        ("9", r"9\text{ or more}"),
        ("9", "9+"),
        ("9", "9?"),
        ("9", r"9\text{ more than }x"),
        ("2", "2 thirds"),
    ],
)
def test_words_behind_a_number_that_make_another_of_it(gold, answer):
    assert not equal(gold, answer)


@pytest.mark.parametrize("answer", ["9 more marbles", "9 overs", "9 times", "9 dozen", "9 left"])
def test_words_behind_a_number_that_only_say_what_it_counts(answer):
    assert equal("9", answer)
