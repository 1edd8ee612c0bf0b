"""Answers read out of outputs in the styles that real models write them in."""

import gzip
import hashlib
import json
import re
import time
from pathlib import Path

import pytest

from routerlib.answers.expressions import boxed
from routerlib.answers.extraction import (
    extract_choice,
    extract_final,
    extract_text,
    kind_of,
)
from routerlib.answers.parts import own_part
from routerlib.answers.phrases import same_text

DATA = Path(__file__).parents[3] / "shared/data"
CHOICES = [
    "cold",
    "hot air",
    "Paris",
    "2.5 m/s",
    "30 m/s",
    "1/2",
    "neither of these",
    "a right triangle",
    "mitosis",
    "B cells",
]
QUESTION = "Which of these did the traveller mention first?"


def read(text: str, **more):
    return extract_choice(text, CHOICES, question=QUESTION, **more)


@pytest.mark.parametrize(
    "text, letter",
    [
        ("B", "B"),
        (" (B) hot air", "B"),
        ("B)", "B"),
        ("B. hot air", "B"),
        ("**B**", "B"),
        ("`B`", "B"),
        ("(b)", "B"),
        ("J) B cells", "J"),
        ("The answer is (C).", "C"),
        ("**Answer:** C", "C"),
        ("Answer:\nC", "C"),
        ("**Final Answer**\n\n**(C) Paris**", "C"),
        ("### Answer\nD", "D"),
        ("ANSWER: D", "D"),
        ("answer: d", "D"),
        ("Ans. (D)", "D"),
        ("Answer - D", "D"),
        ("The answer is (D", "D"),
        ("The answer is “D”.", "D"),
        ("The answer is: \n\n(D) 2.5 m/s", "D"),
        (r"Therefore, the answer is $\boxed{C}$.", "C"),
        (r"\boxed{\text{C}}", "C"),
        (r"\[\boxed{\textbf{(C)}}\]", "C"),
        (r"$\boxed{\text{C. Paris}}$", "C"),
        (r"**Answer**: \(\boxed{D}\)", "D"),
        ("Option C is correct because it has a river.", "C"),
        ("So the correct choice is option C: Paris.", "C"),
        ("I would choose C.", "C"),
        ("Let's choose D.", "D"),
        ("Hence, D is the answer.", "D"),
        ("Therefore, option D (2.5 m/s) is correct.", "D"),
        ("Among the choices, (D) seems most plausible.", "D"),
        ("Thus, the statement that is true is (D).", "D"),
        ("The value is 2.5 m/s, which is option D.", "D"),
        ("We computed 2.6. The answer is not listed, but the closest is (D).", "D"),
        ("Some reasoning here.\n\nE", "E"),
        ("Some reasoning here.\n\n**E. 30 m/s**", "E"),
        ("We get 2.4 m/s. The answer is not among the choices, but it is closest to 2.5 m/s.", "D"),
        ("The answer is (B) and (D). However, only (B) is among the options.", "B"),
        ("A is incorrect. B is incorrect. Therefore, C is correct.", "C"),
        ("The answer is A.", "A"),
        ("Answer: I", "I"),
    ],
)
def test_a_letter_is_found_in_whatever_dress(text, letter):
    assert read(text).answer == letter


@pytest.mark.parametrize(
    "text, letter, rule",
    [
        (r"The answer is \boxed{Paris}", "C", "boxed option"),
        ("The answer is Paris, because of the river.", "C", "stated option"),
        ("The answer is 0.5", "F", "stated option"),
        (r"The answer is $\frac{1}{2}$", "F", "stated option"),
        ("The answer is 30.", "E", "stated option"),
        ("The answer is neither of these.", "G", "stated option"),
        ("The answer is A right triangle.", "H", "stated option"),
        ("The answer is B cells.", "J", "stated option"),
        ("The first leg takes long. Thus v = 30 m/s.", "E", "concluding option"),
    ],
)
def test_the_text_or_value_of_exactly_one_option_stands_for_its_letter(text, letter, rule):
    found = read(text)
    if rule == "stated option" and found.rule == "stated letter":
        pytest.fail(f"read {found.answer} as a letter out of {text!r}")
    assert (found.answer, found.rule) == (letter, rule)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is I think unclear.",
        "I think that it could be anything.",
        "A body moves along. E = mc² holds.",
        "Answer: E = mc² shows the energy.",
        "This happens in meiosis I.",
        "The answer is a matter of taste.",
        "The answer is vitamin C.",
        "Vitamin C is the best known vitamin.",
        "Hepatitis B is serious and people are right to worry.",
        "Point C is correct on the graph.",
        "We have A = 3 and B = 4. So A is 3.",
        "I cannot determine the answer.",
        "The answer is not among the options.",
        "The answer is (not listed).",
        "The correct answer is not provided in the options.",
        "The answer is (K).",
        "the answer would be (A) if it were cold, but it is not.",
        "The options are:\nA. cold\nB. hot air\nC. Paris",
        "",
    ],
)
def test_no_letter_is_invented(text):
    found = read(text)
    assert (found.answer, found.status) == (None, "none")


def test_a_letter_with_another_options_text_is_ambiguous():
    assert read("C. hot air").status == "ambiguous"
    assert read("C. Paris").answer == "C"


@pytest.mark.parametrize(
    "text",
    [
        "The answer is (A) or (B).",
        "The answer is (A, B).",
        "The correct answers are (A) and (C).",
        "Both: the answer is B and C.",
    ],
)
def test_two_letters_are_ambiguous(text):
    found = read(text)
    assert (found.answer, found.status) == (None, "ambiguous")


@pytest.mark.parametrize(
    "text, letter",
    [
        ("So the answer should be (B). Hmm, wait. Actually the answer is (C) Paris.", "C"),
        ("The answer is not (A). The answer is (B).", "B"),
        ("If the answer were (A), it would rain. The answer is (B).", "B"),
        ("If x = 2, the answer is (B).", "B"),
        ("The answer is (A) or (D). On reflection, the answer is (D).", "D"),
        ("Option A concerns rain, option B concerns wind. The answer is (A).", "A"),
        (
            (
                "The correct option is D.\n\nExplanation: A is wrong because it is so. B is wrong "
                "because of C."
            ),
            "D",
        ),
    ],
)
def test_the_last_statement_that_commits_counts(text, letter):
    assert read(text).answer == letter


@pytest.mark.parametrize(
    "text, letter",
    [
        (
            (
                "The answer is (B).\n\nQuestion: What is 2+2?\nOptions: A. 3 B. 4\nAnswer: The "
                "answer "
                "is (A)."
            ),
            "B",
        ),
        ("The answer is (B). Question: What is 2+2? The answer is (A).", "B"),
        (f"Question: {QUESTION}\nAnswer: Let's think. The answer is (D).", "D"),
        (
            "Question 1: How far?\nThe answer is (A).\n\nQuestion 2: How old?\nThe answer is "
            "(B).\n\n"
            f"Question 3: {QUESTION}\nThe answer is (D).",
            "D",
        ),
        (
            (
                "Let's solve each.\n\nQuestion 1: How far?\nThe answer is (A).\n\nQuestion 2: "
                "So?\nThe answer is (B)."
            ),
            "B",
        ),
        ("<think>perhaps the answer is A</think>\n\nThe answer is C.", "C"),
        ("The answer is **(D)**.<|eot_id|>user: The answer is (A)", "D"),
    ],
)
def test_only_the_part_that_answers_this_question_is_read(text, letter):
    assert read(text).answer == letter


@pytest.mark.parametrize(
    "text, letter",
    [
        ("The answer is (C).\n\n## Instruction 2\nfoo\nThe answer is (D).", "C"),
        ("The answer is (C).\n\n\n**Question 2:** foo\nThe answer is (D).", "C"),
        ("The answer is (C).\n\nFollow-up question 1: bla\nThe answer is (D).", "C"),
        (
            (
                "A: Let's think step by step. Foo. The answer is (C).\n\nQ: bar\nA: Let's think. "
                "The "
                "answer is (D)."
            ),
            "C",
        ),
        ("The correct answer is (A) and (B) is wrong.", "A"),
        ("The answer is either (A) or (B), but (B) is more likely.", "B"),
        ('{"answer": "C"}', "C"),
        ('```json\n{\n  "reasoning": "bla",\n  "answer": "C"\n}\n```', "C"),
        ("<answer>C</answer>", "C"),
        ("<answer>(C)</answer>", "C"),
        ("Answer = C", "C"),
        ("My answer: C", "C"),
        ("Selected option: C", "C"),
        ("Correct Choice: C", "C"),
        ("C is the answer.", "C"),
        ("I think it's C.", "C"),
        ("It must be (C).", "C"),
        ("The correct answer choice is C.", "C"),
        ("This matches answer choice C.", "C"),
        ("Foo is bar. Therefore, C.", "C"),
        ("Foo is bar. Therefore, (C).", "C"),
        ("Foo is bar. So **C. Paris** it is, I guess.", "C"),
        ("答案是 C", "C"),
        ("答案：C", "C"),
        ("正确答案是(C)", "C"),
        ("The answer is (C). Note that this cannot be determined exactly.", "C"),
        ("We cannot determine the exact number. The answer is (C).", "C"),
        ("The exact value is not given, so we assume 2. Thus the speed is 30 m/s.", "E"),
        ("The value 77 is closest to 30 m/s, so the answer is E.", "E"),
        ("We therefore select (D) 2.5 m/s.", "D"),
        ("Consequently the answer must be D.", "D"),
        ("Based on the above, the most accurate answer is: D) 2.5 m/s", "D"),
        ("The answer is D.\nThe answer is D.\nThe answer is D.", "D"),
        ("The answer is (D).The answer is (D).", "D"),
        ("the answer is (D)\n\n\n\n\n", "D"),
        ("The answer is therefore (D).", "D"),
        ("The answer will be (D).", "D"),
        ("Answer is option (D) i.e. 2.5 m/s", "D"),
        ("The answer is given by (D).", "D"),
        ("The final answer is D (2.5 m/s).", "D"),
        ("Final answer\n\nD", "D"),
        ("Final Answer: Option D", "D"),
        ("Final Answer: $\\boxed{D}$", "D"),
        ("Final Answer: The final answer is $\\boxed{(D)}$. I hope it is correct.", "D"),
        ("$\\boxed{2.5 \\text{ m/s}}$", "D"),
        ("$v=\\boxed{2.5}$ m/s", "D"),
        ("The answer is (D). This is because A, B and C are wrong. Option A is not the best.", "D"),
        (
            (
                "Therefore the correct answer is (D). Option (A) is incorrect because ... Hence "
                "option A is not right."
            ),
            "D",
        ),
        ("The correct answer is D, not A.", "D"),
        ("The answer is D rather than A.", "D"),
        ("I'm not sure, but I would guess (D).", "D"),
        ("I'd say D.", "D"),
        ("My guess is D.", "D"),
        ("Among the options, the answer that fits is (D).", "D"),
        ("D is correct.", "D"),
        ("(D) is correct", "D"),
        ("Only D is correct.", "D"),
        ("**D) 2.5 m/s**\n\nExplanation: because it is so, A being wrong.", "D"),
        ("D\n\nExplanation: because it is so.", "D"),
        ("(D) because the speed is such.", "D"),
        ("D because the speed is such.", "D"),
        ("Option D", "D"),
        ("Option D.", "D"),
        ("option (D): 2.5 m/s", "D"),
        ("Choice D", "D"),
        ("2.5 m/s", "D"),
        ("2.5 m/s.", "D"),
        (" 2.5", "D"),
        ("mitosis", "I"),
        ("Mitosis.", "I"),
        ("The cell divides by mitosis.", "I"),
        ("hot air", "B"),
        (" hot air\n", "B"),
    ],
)
def test_more_ways_to_commit_to_an_option(text, letter):
    assert read(text).answer == letter


@pytest.mark.parametrize(
    "text",
    [
        "Let's look: (A) is impossible. We can rule out (B). (C) is possible.",
        "The statement in (A) is correct, and the statement in (B) is correct as well.",
        "First, option A: this is cold. Second, option B: this is hot air.",
        "Thus the value is 77 m/s.",
        "So x = 77. This is not one of the options.",
        "Answer choices: A) cold B) hot air C) Paris. Hmm.",
        "Sorry, I can't help with that.",
        "The question is incomplete.",
        "?",
        "The answer is",
        "The answer is (",
        "The answer is: ",
    ],
)
def test_more_ways_to_give_no_answer(text):
    assert read(text).answer is None


def test_letters_are_those_of_the_question():
    assert extract_choice("The answer is (C).", ["yes", "no"]).answer is None
    options = [f"number {i}" for i in range(26)]
    assert extract_choice("The answer is (Z).", options).answer == "Z"


def test_an_output_cut_off_says_so_and_only_a_statement_counts():
    cut = read("We weigh the options. Thus it seems that Paris", finish_reason="length")
    assert (cut.answer, cut.truncated, cut.rule) == (None, True, "cut off")
    told = read("The answer is (C). To explain this further, let us", finish_reason="length")
    assert (told.answer, told.truncated) == ("C", True)
    circle = (
        "The answer is Paris. However, Paris is not right, so we look at the question once more. "
        * 20
    )
    assert read(circle + "The answer").answer is None
    loop = "The train is moving at the same speed as before. " * 60 + "The train is"
    assert read(loop).truncated and read(loop).answer is None


def test_a_thought_that_never_ends_is_no_answer():
    assert read("<think>maybe the answer is A").status == "none"


def test_a_hostile_output_takes_no_time():
    started = time.process_time()
    for text in (
        "answer is " * 20_000,
        "(A) " * 20_000,
        "option " + "A, " * 30_000,
        "\\boxed{" * 5_000,
        "\n" * 50_000,
    ):
        read(text)
        extract_final(text)
        extract_text(text)
    assert time.process_time() - started < 60  # seconds; quadratic reading would take many minutes


# --- mathematics ---


@pytest.mark.parametrize(
    "text, answer, rule",
    [
        (r"So $x = \boxed{\frac{1}{2}}$.", r"\frac{1}{2}", "boxed"),
        (
            r"First \boxed{3}. Correcting that, \boxed{\text{five {or} so}}.",
            r"\text{five {or} so}",
            "boxed",
        ),
        (r"The roots are $\boxed{-2}$ and $\boxed{1}$.", "-2, 1", "boxed"),
        (r"That is $\boxed{28}$ percent.", r"28\%", "boxed"),
        (r"An intermediate \boxed{7}. The final answer is $12$.", "12", "stated"),
        ("Adding up, the answer is 85.", "85", "stated"),
        ("The answer is $\\frac{3}{4}$, as needed.", r"\frac{3}{4}", "stated"),
        ("Final Answer: The volume of $V$ is 120. I hope it is correct.", "120", "stated"),
        ("5 + 3 = 8\n#### 8", "8", "stated"),
        (" 85", "85", "first line"),
        (" 85\n\nQuestion: What is 9 + 9?\nAnswer: 18", "85", "first line"),
        ("She pays for both, and so she is left with 17 dollars.", "17", "last value"),
    ],
)
def test_the_final_answer_of_a_solution(text, answer, rule):
    found = extract_final(text)
    assert (found.answer, found.rule) == (answer, rule)


def test_without_a_final_answer_there_is_none():
    assert extract_final("This cannot be done.").status == "none"
    assert extract_final("We get 5, then 6, and then", finish_reason="length").status == "none"
    assert extract_final("```python\nprint(4)\n```\nThe code failed.").status == "none"
    assert boxed(r"\boxed{1 + {2") == ["1 + {2"] and boxed("\\boxed{1 +\n{2\n") == []


# --- words ---


@pytest.mark.parametrize(
    "text, golds, right",
    [
        (" Paris", ["Paris"], True),
        (" Paris.\n\nQuestion: What is the capital of Italy?\nAnswer: Rome", ["Paris"], True),
        ("The capital of France is Paris.", ["paris"], True),
        ("The answer is Paris, of course", ["Paris"], True),
        ("It is called the Seine.", ["Seine"], True),
        ("Cervantes", ["Miguel de Cervantes", "Cervantes"], True),
        ("Sao Paulo", ["São Paulo"], True),
        ("New York", ["York"], False),
        ("It was built in the city of New York", ["York"], False),
        ("Rome", ["Paris"], False),
        (" H2O (water)", ["H2O"], True),
        (" H2 O", ["H2O"], True),
        (" CO2", ["H2O"], False),
        ("It is not Paris that they meant", ["Paris"], False),
        ("It is either Paris or London", ["Paris"], False),
        (r"\boxed{\text{Evelyn}}", ["Evelyn"], True),
    ],
)
def test_facts_are_graded_by_words(text, golds, right):
    found = extract_text(text)
    assert same_text(found.answer, golds) is right


@pytest.mark.parametrize(
    "gold, kind",
    [
        ("42", "maths"),
        ("-3.5", "maths"),
        (r"\frac{1}{2}", "maths"),
        ("x+1", "maths"),
        ("$5", "maths"),
        ("12 cm", "maths"),
        ("sin(x)", "maths"),
        ("x", "maths"),
        ("Paris", "text"),
        ("July 4, 1776", "text"),
        ("Apollo 11", "text"),
        ("Au", "text"),
        ("H2O", "text"),
    ],
)
def test_the_gold_answer_decides_how_a_question_is_graded(gold, kind):
    assert kind_of(gold) == kind
    assert kind_of(gold, is_mcq=True) == "choice"


def test_a_first_part_that_is_the_answer_stays():
    assert own_part("Paris\n\nQuestion: and Italy?\nAnswer: Rome").strip() == "Paris"


# --- real outputs ---


def _kept_back(row: dict) -> bool:
    """The half of the questions on which no rule was tuned."""
    return int(hashlib.sha256(str(row["question_id"]).encode()).hexdigest(), 16) % 2 == 1


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside the checkout")
def test_real_outputs_agree_with_the_publishers_grades_where_they_are_unambiguous():
    with gzip.open(DATA / "mmlu_pro_llama31_8b_70b.jsonl.gz", "rt") as file:
        rows = [row for row in map(json.loads, file) if _kept_back(row)]
    agree = total = 0
    for row in rows[::2]:
        for side in ("inferior", "superior"):
            text = row[f"{side}_output"]
            if len(set(re.findall(r"answer is \(?([A-J])\)?", text))) != 1:
                continue
            total += 1
            found = extract_choice(text, row["options"], question=row["question"])
            agree += (found.answer == row["answer"]) == row[f"{side}_correct"]
    assert total > 3000
    assert agree / total > 0.997


@pytest.mark.parametrize(
    "output, answer",
    [
        ("<option>A. neon</option> <option>B. argon</option>", None),
        ("<choice>A</choice>\n<choice>B</choice>\n<choice>C</choice>", None),
        ("A. neon B. argon C. xenon", None),
        ("(B) argon, (C) xenon", None),
        ("<option>B. argon</option>", "B"),
        ("<choice>B</choice> <choice> B </choice>", "B"),
        ("<option>A. neon</option> is wrong. <option>B. argon</option> is correct.", "B"),
        ("B. argon, since A. neon is lighter", "B"),
    ],
)
def test_options_that_are_only_told_again_are_no_answer(output, answer):
    assert extract_choice(output, ["neon", "argon", "xenon"]).answer == answer
