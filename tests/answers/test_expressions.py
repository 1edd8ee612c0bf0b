"""The value a text commits to: boxes, statements, money, clauses behind a value, and the last
value.
"""

import pytest

from routerlib.answers import expressions


def committed(text, truncated=False):
    return expressions.committed_expression(text, truncated)[0]


@pytest.mark.parametrize(
    "text, value",
    [
        ("He pays $20 + $15 = $35.", "$35"),
        ("So they rode 90 miles in total over the 4 days.", "90"),
        ("So he needs 15 eggs, which is 5 times the usual 3 eggs.", "15"),
        ("So he pays $60 (i.e., $80 - $20).", "$60"),
        ("He has 7 left.\n\nI hope this helps with all 4 of your questions!", "7"),
        ("The diagonal is 3√2.", "3√2"),
        ("Therefore the other root is z = 4 + 7i.", "4 + 7i"),
        ("The slope of the curve is 6x.", None),
        ("The circle is 6π long.", "6π"),
        ("The answer is 9 boys, as 12 of the 21 are girls.", "9 boys"),
        ("The answer is 9 (nine).", "9"),
        ("The answer is not 11 but 13.", "13"),
        (r"It is \boxed{35}. If order mattered, it would be \boxed{70}.", "35"),
        ("The answer is half of 30, which is 15.", "15"),
        ("The answer is not 11.", None),
        ("The answer is probably not 11.", None),
        ("The answer is negative 11.", "-11"),
        ("The answer is half of 30.", None),
        ("The answer is a multiple of 30.", None),
        ("The answer is 30 if n is even, and 20 otherwise.", None),
        (r"So $a+b = 30$. $\blacksquare$", "$a+b = 30$"),
        ("90 km in 2 hours", "90"),
        ("The domain is all reals except 4.", r"\mathbb{R} \setminus \{4\}"),
        ("Answer: 4 dozen = 48 rolls", "48 rolls"),
        ("x = 9, y = 6\n\nSo x + y = 15.", "15"),
        ("x = 9, y = 6\n\nBoth are whole numbers, as they ought to be.", "x = 9, y = 6"),
        ("The answer is 0.1666... = 1/6.", "1/6"),
        (r"Our answer is thus 7 - 2\sqrt{5}.", r"7 - 2\sqrt{5}"),
        ("答えは 5√2 です。", "5√2"),
        ("The answer is $3^{n} - 1$ for $n = 3$, that is $26$.", "26"),
        ("x + 3x + 8 = 48\n4x = 40\n\nSo the number is 10.", "10"),
        (r"There are \boxed{36}, not \boxed{18}.", "36"),
        ("The answer is 5 hours (300 minutes).", "5 hours"),
        ("The answer is 2^3 = 8 ways.", "8 ways"),
        ("The solution is all $x$ with $x<0$.", "x<0"),
        ("The answer is 3 cats and 4 dogs.", "3, 4"),
        ("The answer is 3 + 6 = 9.", "9"),
        ("The answer is $x = 9$.", "x = 9"),
        ("There are **9** boys, as 12 of the 21 are girls.", "9"),
        ("There are 9 boys.\n\nCheck: 9 + 12 = 21", "9"),
        ("The answer is 8. Wait. The answer is 9.", "9"),
        ("3 · 3 = **9**", "9"),
        ("The city has 2.5 million inhabitants", "2.5 million"),
        (r"First \boxed{8}. The final answer is $9$.", "9"),
        ("The answer is not 9.", None),
        ("Nothing is known.", None),
    ],
)
def test_the_value_a_text_commits_to(text, value):
    assert committed(text) == value


@pytest.mark.parametrize(
    "text, value",
    [
        ("The answer is 4", None),
        ("The answer is 45.\nSo", "45"),
        (r"\boxed{4", None),
        ("\\boxed{45}\nand", "45"),
        ("We get 45.\nThen", None),
    ],
)
def test_what_touches_the_cut_is_not_read(text, value):
    assert committed(text, truncated=True) == value


@pytest.mark.parametrize(
    "text, boxes",
    [
        (r"\boxed{1}, \boxed{2}", ["1, 2"]),
        (r"\boxed{\frac{1}{2}}", [r"\frac{1}{2}"]),
        (r"\boxed 5", ["5"]),
        ("in \\boxed \n\nAnswer: 12", []),
        (r"\boxed{28}\%", [r"28\%"]),
        (r"\boxed{28} percent", [r"28\%"]),
    ],
)
def test_boxes(text, boxes):
    assert expressions.boxed(text) == boxes


def test_a_first_line_that_only_begins_a_reasoning_is_no_answer():
    assert committed("So $2 + 3 = 5$ apples.") == "5"
    assert committed("So $2 + 3 = 5$ and $4 + 4 = 8$.\n\nThe larger sum is 8.") == "8"


def test_a_published_solution_ends_in_its_answer():
    assert expressions.published_gold("2 + 2 = <<2+2=4>>4\n#### 4") == "4"
    assert expressions.published_gold("#### Step one\nwe add") is None
    assert expressions.published_gold("4") is None
