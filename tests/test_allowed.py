"""Settings: what fits comes back, and everything else is one sentence with its name."""

import numpy as np
import pytest

from routerlib import allowed


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True, float("nan"), [1]])
def test_what_is_no_whole_number_above_nought_is_named(value):
    with pytest.raises(allowed.SettingError) as error:
        allowed.whole("SAMPLES", value)
    assert str(error.value) == f"SAMPLES is {value!r}; it is a whole number above 0."


def test_whole_numbers_come_back_numpys_as_well():
    assert allowed.whole("N", 10**30) == 10**30 and allowed.whole("N", np.int64(3)) == 3
    assert allowed.seed(0) == 0 and allowed.seed(2**40) == 2**40


@pytest.mark.parametrize("value", [-0.1, 1.1, "0.5", None, False, float("nan"), float("inf")])
def test_what_is_no_number_in_its_bounds_is_named(value):
    with pytest.raises(allowed.SettingError) as error:
        allowed.number("THRESHOLD", value, most=1)
    assert str(error.value) == f"THRESHOLD is {value!r}; it lies between 0 and 1."


def test_numbers_come_back():
    assert allowed.number("PRICE", 3) == 3.0 and allowed.number("PRICE", np.float32(0.5)) == 0.5


@pytest.mark.parametrize("value", ["", "  ", None, 5, ["m"]])
def test_what_is_no_text_is_named(value):
    with pytest.raises(allowed.SettingError, match=r"MODEL is .*; it is a text, and not empty"):
        allowed.text("MODEL", value)


def test_names_stand_in_a_list_or_between_commas():
    assert allowed.names(" a, b,,c ") == allowed.names(["a", " b", "c"]) == ["a", "b", "c"]
    assert allowed.names("") == allowed.names(None) == allowed.names([]) == []


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "free", None, True])
def test_a_price_is_an_amount_per_million_tokens(value):
    assert allowed.price("PRICE_IN", 0) == 0.0 and allowed.price("PRICE_IN", 2.5) == 2.5
    with pytest.raises(
        allowed.SettingError, match=r"PRICE_IN is .*; it is an amount per million tokens, 0 or more"
    ):
        allowed.price("PRICE_IN", value)
