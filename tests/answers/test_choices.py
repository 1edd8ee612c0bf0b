"""Which option a text names, by its words or its value."""

import pytest

from routerlib.answers import choices

OPTIONS = ["the Nile", "0.5", "12.50 m/s", "3 × 10^4 J", "$40"]


@pytest.mark.parametrize(
    "text, letters",
    [
        ("Nile.", "A"),
        ("**the Nile**", "A"),
        ("1/2", "B"),
        (r"\frac{1}{2}", "B"),
        ("12.5 m/s", "C"),
        ("12.5", "C"),
        ("12.5 km", ""),
        (r"3 \times 10^{4}\ \mathrm{J}", "D"),
        ("40", "E"),
        ("(A) the Nile", "A"),
        ("", ""),
        ("1/0", ""),
        ("one half", "B"),
        ("1250 cm/s", "C"),
        ("1250 cm", ""),
    ],
)
def test_by_words_or_by_value(text, letters):
    assert choices.letters_of(text, OPTIONS) == letters


def test_raised_signs_may_stand_on_the_line():
    assert choices.letters_of("sp²", ["sp", "sp2", "sp3"]) == "B"
    assert choices.letters_of("x2", ["x^2", "x2"]) == "B"


@pytest.mark.parametrize(
    "text, option, rest",
    [
        ("Heap sort is wrong", "heap sort", " is wrong"),
        ("The heap", "heap", ""),
        ("heaps", "heap", None),
    ],
)
def test_what_stands_behind_an_option(text, option, rest):
    assert choices.behind_option(text, option) == rest


@pytest.mark.parametrize(
    "rest, letter",
    [
        (" or (C) quick sort", "C"),
        (" and quick sort", "C"),
        (", no wait, quick sort", "C"),
        (" -> C. quick sort", "C"),
        (" or (B) heap sort", ""),
        (" since quick sort is not stable", ""),
        ("", ""),
    ],
)
def test_a_second_option_right_behind_the_first(rest, letter):
    options = ["merge sort", "heap sort", "quick sort"]
    assert choices.goes_on_with(rest, options, "B") == letter


@pytest.mark.parametrize(
    "line, is_list",
    [
        ("merge sort B. heap sort C. quick sort", True),
        ("merge sort; (C) quick sort", True),
        ("merge sort, A. merge sort", False),
        ("merge sort. B. heap sort is not stable", False),
        ("merge sort, unlike C. bubble sort", False),
        ("merge sort D. none", False),
        ("merge sort", False),
    ],
)
def test_options_told_one_after_the_other(line, is_list):
    options = ["merge sort", "heap sort", "quick sort"]
    assert choices.goes_through_options(line, options, "A") == is_list


def test_a_statement_opens_with_the_longest_option():
    options = ["merge", "merge sort", "heap sort"]
    assert choices.opening_option("merge sort, since it is stable", options) == "B"
    assert choices.opening_option("merging", options) == ""


def test_a_text_may_hold_the_beginning_of_a_long_option():
    option = "a right triangle with two equal sides"
    assert choices.opens_with("A right triangle", option)
    assert not choices.opens_with("A right", option)
    assert not choices.opens_with("", option)


@pytest.mark.parametrize("words", ["None of these options is right.", "none of the choices fits"])
def test_none_of_them_in_other_words_is_the_option_that_says_so(words):
    assert choices.letters_of(words, ["iron", "None of the above"]) == "B"
    assert choices.letters_of("none of the metals", ["iron", "None of the above"]) == ""
