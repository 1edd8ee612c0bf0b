"""Words and signs of statements: scripts as one, bold off, checks and conclusions told."""

import pytest

from routerlib.answers import wording


@pytest.mark.parametrize(
    "text, folded",
    [
        ("４２。", "42. "),
        ("٤٢", "42"),
        ("答えはCです", "答えは C です"),
        ("정답은 42입니다", "정답은 42 입니다"),
        ("Ответ: В", "Ответ: B"),
        ("Вот ответ", "Вот ответ"),
        ("−5", "-5"),
        ("plain", "plain"),
    ],
)
def test_other_scripts_read_as_ascii(text, folded):
    assert wording.folded(text) == folded


def test_bold_goes_and_powers_stay():
    assert wording.without_bold("it is **7** and x**2, 2**3") == "it is 7 and x**2, 2**3"


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 7",
        "The answer to this question is 7",
        "Final Answer: 7",
        "### Answer\n\n7",
        "Die Antwort lautet 7",
        "La respuesta a esta pregunta es 7",
        "Réponse finale : 7",
        "A resposta é 7",
        "答案是 7",
        "答えは 7",
        "정답은 7",
        "#### 7",
    ],
)
def test_a_statement_ends_where_its_answer_opens(text):
    (match,) = wording.statement_ends(text)
    assert text[match.end() :] == "7"


@pytest.mark.parametrize(
    "text", ["To answer the question is easy", "#### 1. Add the parts", "the answers we gave"]
)
def test_other_uses_of_the_word_state_nothing(text):
    assert not list(wording.statement_ends(text))


@pytest.mark.parametrize(
    "text", ["It is 7.\n\nCheck: 7", "7 Äpfel. Probe: 7", "答案。检查:7", "7 (検算: 7)"]
)
def test_a_check_is_told(text):
    assert wording.CHECK.search(wording.folded(text))


def test_the_last_sentence():
    assert wording.last_sentence("One. Two is 2.5. So three") == "So three"
    assert wording.last_sentence("") == ""


@pytest.mark.parametrize(
    "text, left",
    [
        ("While A is near, B is it.", "B is it."),
        ("Thus, although A is near, B is it.", "Thus, B is it."),
        ("While A, B, and C are wrong, D is right.", "D is right."),
        ("It is B, though A is near.", "It is B."),
        ("It is Rome, followed by Milan.", "It is Rome."),
        ("It is B instead of A.", "It is B."),
        ("Es ist B, obwohl A nahe liegt.", "Es ist B."),
        ("B grows while it is warm at 2.5 m. So it is B.", "B grows. So it is B."),
        ("It is B and not A.", "It is B."),
        ("It is, not A, but B.", "It is, not A, but B."),
    ],
)
def test_what_is_granted_to_others_goes(text, left):
    assert wording.without_contrast(text) == left
