"""When two mathematical answers are the same, and when they only look alike."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from routerlib.answers.equality import equal
from routerlib.answers.parsing import parsed

DATA = Path(__file__).parents[3] / "shared/data"


@pytest.mark.parametrize(
    "gold, answer",
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac 12", "1/2"),
        ("7/2", r"3\frac{1}{2}"),
        ("7/2", "3 1/2"),
        ("1/3", "0.3333333"),
        (r"0.\overline{3}", "1/3"),
        (r"50\%", "0.5"),
        (r"12.5\%", "12.5"),
        (r"3 \times 10^8", "3e8"),
        ("6", "six"),
        ("x=5", "5"),
        ("5", "x = 2 + 3 = 5"),
        ("(1,2)", "(1, 2)"),
        (r"\{1,2\}", r"\{2,1\}"),
        (r"2 \text{ and } 3", "3, 2"),
        ("10,000", "10{,}000"),
        (r"25\,000", "25000"),
        ("1000", "1 000"),
        ("2,74", "2.74"),
        (r"\$18.90", "18.9"),
        ("36", "36 dollars"),
        ("30", "30 m/s"),
        (r"5 \text{ cm}", "5"),
        (r"90^\circ", "90 degrees"),
        (r"\text{(B)}", "B"),
        (r"\text{6:00 pm}", r"6:00 \text{ PM}"),
        (r"3\sqrt{2}", r"\sqrt{18}"),
        (r"3\sqrt{2}", "3√2"),
        ("-5", "−5"),
        ("x**2", "x²"),
        (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "(1, 2)"),
        (r"\begin{pmatrix} 1 \\ 2 \\ 7 \end{pmatrix}", r"\langle 1, 2, 7 \rangle"),
        ("[1,2]", r"1 \le x \le 2"),
        (r"(-\infty,2)\cup(3,\infty)", r"x<2 \text{ or } x>3"),
        (r"\{x \mid x>3\}", "x > 3"),
        (r"\emptyset", r"\varnothing"),
        (r"e^{i\pi/3}", r"\frac{1}{2}+\frac{\sqrt{3}}{2}i"),
        (r"\cos 60^\circ", r"\frac{1}{2}"),
        ("5x - 7y + 4 = 0", "-10x + 14y - 8 = 0"),
        ("2516_8", "2516_{8}"),
        (r"\frac{1}{2}.", r"$\frac{1}{2}$"),
        (r"\text{no solution}", r"\varnothing"),
        ("3mn", "3nm"),
        ("x^2+2xy", "2xy+x^2"),
        (r"3\cos\theta", "r = 3 cos θ"),
        ("(5,8)", r"\begin{cases} x = 5 \\ y = 8 \end{cases}"),
        (r"\frac{3\pm\sqrt5}{2}", r"\frac{3+\sqrt5}{2}, \frac{3-\sqrt5}{2}"),
        (r"\frac{3\pm\sqrt5}{2}", r"x = \frac{3 \pm \sqrt{5}}{2}"),
        ("f(x)=x^3", "y = x^3"),
        ("21:30", r"9:30 \text{ p.m.}"),
        (r"\text{infinitely many}", "infinitely many solutions"),
        ("3.5", "3 and a half pies"),
        (r"\frac14", "a quarter"),
        (r"\emptyset", "There is no real solution"),
        (r"\text{DNE}", r"\text{Does not exist}"),
        (r"\sqrt{7}", r"\sqrt{7} \approx 2.646"),
        ("2.646", r"\sqrt{7} \approx 2.646"),
        ("11", r"x\approx11"),
        ("200", "3 hours 20 minutes"),
        ("200 minutes", "3 hours and 20 minutes"),
        (r"\frac{10}{3}", "3 hours 20 minutes"),
        ("2.50", "2 dollars and 50 cents"),
        ("1250", "1 250 euros"),
        ("1250", "1.250 euros"),
        ("3.75", "3,75 Euro"),
        ("2.5", "two and a half"),
        (r"31\%", r"31\text{ percent}"),
        (r"31\%", "31 pct"),
        (r"\{(1,2),(3,4)\}", "(3,4),(1,2)"),
        ("(3,4),(1,2)", r"\{(1,2),(3,4)\}"),
        ("12", r"a + b = \mathbf{12}"),
        (r"(-\infty,4)\cup(4,\infty)", "all real numbers except 4"),
        (r"\text{all real numbers}", r"(-\infty,\infty)"),
        ("0.75", r"\frac{3}{4} \text{ or } 75\%"),
        ("511", r"511 \text{ (or } 2^{9}-1)"),
        ("-1,-5", r"x = \frac{-6 \pm 4}{2} = -1 \text{ or } -5"),
        ("2500", r"2{,}500 \; \text{g}"),
        ("24", "two dozen"),
    ],
)
def test_the_same_answer_in_another_form(gold, answer):
    assert equal(gold, answer)


@pytest.mark.parametrize(
    "gold, answer",
    [
        ("1", "-1"),
        ("3", r"\frac{3}{4}"),
        ("-4", "-10, -4, -2, 2"),
        (r"(-\infty, 0]", r"(-\infty, 0)"),
        ("1/3", "0.333"),
        (r"3\sqrt{2}", "4.24"),
        ("(1,2)", "(2,1)"),
        ("(1,2)", "[1,2]"),
        ("(1,2)", "(1,2,3)"),
        (r"\pm 2", "2"),
        ("5, 7", "5"),
        ("14", "14 or 15"),
        ("32349", "32, 349"),
        ("2x + z = 1", "1"),
        ("a^2+b^2", "x^2+y^2"),
        ("2516_8", "2516_{10}"),
        ("2516_8", "2517"),
        ("12:00", "1:00"),
        (r"5\text{ cm}", r"5\%"),
        (r"15\text{ radians}", "15 degrees"),
        (r"\text{odd}", r"\text{even}"),
        (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
        (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"),
        ("10^{-10}", "0"),
        ("1000000", "1000001"),
        ("0.00001", "0.00002"),
        ("5", "5 x"),
        ("13", "11 2"),
        ("22", "11 2"),
        ("112", "11 2"),
        ("2", ""),
        ("2", "no idea"),
        (r"\text{no solution}", "0"),
        ("3", "3cd"),
        ("3cd", "3"),
        ("6", "6xyz"),
        (r"\frac{3\pm\sqrt5}{2}", r"\frac{3+\sqrt5}{2}"),
        ("f(x)=x^3", "y = x^2"),
        ("9:30", r"21:30"),
        (r"9:30 \text{ a.m.}", "21:30"),
        (r"\text{infinitely many}", r"\text{no solution}"),
        ("0", r"\emptyset"),
        (r"\text{no solution}", "does not exist"),
        ("7", r"\sqrt{7} \approx 2.646"),
        ("20", "3 hours 20 minutes"),
        ("3", "3 hours 20 minutes"),
        ("2 hours", "3 hours 20 minutes"),
        ("1.25", "1.250 euros"),
        ("2", "two and a half"),
        (r"\{(1,2),(3,4)\}", "(1,2),(4,3)"),
        (r"\{(1,2),(3,4)\}", "(1,2)"),
        ("31", "31 percent of it"),
        ("4", "all reals except 4"),
        (r"(-\infty,4)\cup(4,\infty)", "all real numbers except 5"),
        ("512", r"511 \text{ (or } 2^{9}-1)"),
        ("-1", r"x = \frac{-6 \pm 4}{2} = -1 \text{ or } -5"),
        ("7", "7..."),
        ("7", "7 is wrong"),
        ("7", "7 halves"),
    ],
)
def test_another_answer(gold, answer):
    assert not equal(gold, answer)


def test_long_answers_are_compared_as_text_only():
    digits = "9" * 10_000
    assert equal(digits, digits)
    assert not equal(digits, digits[:-1])


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside the checkout")
def test_every_gold_of_math500_equals_itself_and_is_read():
    golds = [
        json.loads(line)["answer"] for line in (DATA / "math500.jsonl").read_text().splitlines()
    ]
    assert len(golds) == 500
    assert [gold for gold in golds if not equal(gold, gold)] == []
    assert [gold for gold in golds if not parsed(gold)] == []
    neighbours = [(a, b) for a, b in pairwise(golds) if a != b and equal(a, b)]
    assert neighbours == [("5", "x=5")]
