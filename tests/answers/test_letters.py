"""Which letter a text commits itself to: statements, remarks, headings over options, and what
counts of several.
"""

import pytest

from routerlib.answers import letters

TREES = ["oak", "birch", "maple tree", "willow"]


def committed(text, truncated=False):
    return letters.committed_letter(text, TREES, truncated)


@pytest.mark.parametrize(
    "text, letter, rule",
    [
        ("The answer is (B).", "B", "stated letter"),
        (r"So \boxed{B}", "B", "boxed letter"),
        ("Therefore, the tree is:\n\nC. maple tree\n\nIts leaf says so.", "C", "announced option"),
        ("So it has to be D. willow, which likes water.", "D", "announced option"),
        ("Option C seems to me to fit, and is it.", "C", "named option"),
        ("I read it wrongly at first, so it is actually D.", "D", "closest option"),
        ("The other three are ruled out. That leaves B as the only one.", "B", "closest option"),
        ("Hence, C must be the correct choice.", "C", "called correct"),
        ("Die richtige Antwort ist nicht A, sondern D.", "D", "stated letter"),
        ("정답은 A가 아니라 D입니다.", "D", "stated letter"),
        ("Clearly, (D) is the most plausible.", "D", "called correct"),
        ("A and B are too tall, which leaves D.", "D", "closest option"),
        ("Only C remains.", "C", "closest option"),
        ("c) maple tree", "C", "lone letter"),
    ],
)
def test_what_a_text_commits_to_has_a_rule(text, letter, rule):
    assert committed(text) == (letter, rule)


@pytest.mark.parametrize(
    "text",
    [
        "Die richtige Antwort ist C.",
        "La bonne réponse est la C.",
        "La respuesta correcta es la opción C.",
        "La risposta è C.",
        "A alternativa correta é a C.",
        "Правильный ответ: С.",
        "故选C。",
        "正しい答えはCです。",
        "정답은 C입니다.",
        "उत्तर: C",
    ],
)
def test_statements_in_other_languages(text):
    assert committed(text) == ("C", "stated letter")


def test_a_letter_that_is_denied_abroad_is_none():
    assert committed("不选C，不选D。")[0] == ""


@pytest.mark.parametrize(
    "text",
    [
        "Let us go through the options:\n\nOption A:\n- has acorns\n\nOption B:\n- is white",
        "**A. oak**: has acorns.\n**B. birch**: is white.\n**C. maple tree**: is red.",
        "The forest holds many.\n\n### A) oak\nHas acorns.\n\n### B) birch\nIs white.",
    ],
)
def test_a_heading_over_the_options_is_no_statement(text):
    assert committed(text)[0] == ""


def test_a_list_behind_the_answer_does_not_change_it():
    text = (
        "The correct answer is (B).\n\nThe other options:\n\nA. oak has acorns.\nC. maple is red."
    )
    assert committed(text) == ("B", "stated letter")


def test_a_function_is_no_letter():
    text = "Solving it, the solution is X(t) = 4 for t > 0, which corresponds to option D."
    assert committed(text)[0] == "D"


def test_the_last_clear_statement_counts_even_after_a_longer_one():
    long = (
        "The answer is (A), the oak, which has acorns and a long life and stands in many forests."
    )
    assert committed(f"{long}\n\nNo: the bark is white.\n\nThe answer is (B).")[0] == "B"


@pytest.mark.parametrize(
    "text",
    [
        "If the bark is white, is the answer B?",
        "The answer could be B.",
        "If it had grown by water, the answer would be (D).",
    ],
)
def test_what_is_only_supposed_is_no_statement(text):
    assert committed(text)[0] == ""


def test_of_an_output_that_was_cut_off_only_clear_statements_count():
    assert committed("Option C seems best", truncated=True) == ("", "cut off")
    assert committed("The answer is (C). Option", truncated=True) == ("C", "stated letter")


def test_a_letter_beyond_the_options_is_none():
    assert committed("The answer is (F).") == ("", "letter of no option")
