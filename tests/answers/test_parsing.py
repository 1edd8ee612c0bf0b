"""What math-verify's parser read, and what it left out."""

import pytest

from routerlib.answers.parsing import parsed, read_whole


@pytest.mark.parametrize("expression", ["x + 1", r"\frac{3}{4}", "x = 5", r"2\sqrt{7}", "(3, 4)"])
def test_what_is_read_whole(expression):
    assert not isinstance(parsed(expression)[0], str)
    assert read_whole(expression)


def test_what_is_read_only_in_part():
    assert parsed("4√2")[0] == 4
    assert not read_whole("4√2")


def test_what_cannot_be_read_stays_text():
    assert list(parsed(r"\frac{")) == [r"\frac{"]
