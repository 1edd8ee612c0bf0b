"""Expressions as the parser likes them."""

import pytest

from routerlib.answers.notation import in_signs, squeeze, tidy


@pytest.mark.parametrize(
    "written, tidied",
    [
        (r"\(x + 1\).", "x + 1"),
        ("$1$ and $2$", "1  and  2"),
        ("3{,}5", "3.5"),
        (r"25\,000", "25000"),
        (r"1,\!000", "1000"),
        ("1'234'567", "1234567"),
        ("3 1/2", r"3\frac{1}{2}"),
        ("√2", r"\sqrt{2}"),
        ("sqrt(7)", r"\sqrt{7}"),
        ("3e8", r"3 \times 10^{8}"),
        (r"0.\overline{3}", r"\frac{1}{3}"),
        ("twenty-one", "21"),
        (r"3 \pmod{7}", "3"),
        ("2ab", r"2\cdot a\cdot b"),
        ("12 cm", "12 cm"),
        (r"1 \\[3pt] 2", r"1 \\  2"),
        (r"\begin{cases} x = 1 \\ y = 2 \end{cases}", "x = 1, y = 2"),
        (r"\cos 60^\circ", r"\cos(\frac{60 \pi}{180})"),
    ],
)
def test_an_expression_is_tidied(written, tidied):
    assert tidy(written) == tidied


@pytest.mark.parametrize(
    "written, signs",
    [
        ("28 percent", r"28\%"),
        ("3 and a half", "3.5"),
        ("x²", "x^{2}"),
        ("⅔", r"\frac{2}{3}"),
        ("x₁", "x_{1}"),
    ],
)
def test_words_and_unicode_become_signs(written, signs):
    assert in_signs(written) == signs


def test_squeezed_texts_keep_two_numbers_two():
    assert squeeze(r"\text{No Solution}") == "nosolution"
    assert squeeze("1 2") != squeeze("12")
