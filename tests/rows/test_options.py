"""Numbers and letters of options are each other's opposite, and no option is without a letter."""

import pytest

from routerlib.rows import options


@pytest.mark.parametrize("index", range(26))
def test_a_letter_leads_back_to_its_place(index):
    letter = options.option_letter(index)
    assert options.option_index(letter, index + 1) == index
    assert options.option_index(letter, index) is None, "there are too few options"


@pytest.mark.parametrize("index", [-1, 26])
def test_a_place_without_a_letter_is_refused(index):
    with pytest.raises(IndexError):
        options.option_letter(index)


@pytest.mark.parametrize("written", ["C", "c", "(C)", " (c) "])
def test_a_letter_may_be_dressed(written):
    assert options.option_index(written, 4) == 2


@pytest.mark.parametrize("written", ["", "CD", "Ç", "3", "()"])
def test_what_is_no_letter_has_no_place(written):
    assert options.option_index(written, 26) is None


def test_options_are_listed_in_order_and_with_whatever_they_hold():
    assert options.lettered(["a {b}", "c"]) == "(A) a {b}\n(B) c"
    assert options.lettered(["x", "y"], "{letter}. {option}") == "A. x\nB. y"
    assert options.lettered([]) == ""
