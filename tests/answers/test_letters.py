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
        ("The third option is correct.", "C", "called correct"),
        ("I first thought of D, but B is right.", "B", "called correct"),
        ("Answer: C, I mean B.", "B", "closest option"),
        ("A and C are in the south. B it is.", "B", "closest option"),
        (r"\boxed{A} or \boxed{B}", "AB", "boxed letter"),
        ("So the answer is the second one.", "B", "stated letter"),
        ("I choose option number 4.", "D", "closest option"),
        ("First I chose A. I'm changing my answer to C.", "C", "stated letter"),
        ("The process is C.", "C", "closest option"),
        ("It has red leaves, hence structure C.", "C", "closest option"),
        ("It has red leaves, i.e. option C.", "C", "closest option"),
        ("So C would be my pick.", "C", "called correct"),
        ("Option C explains the leaves better than D.", "C", "named option"),
        ("None of the above is white: it is the birch (B).", "B", "closest option"),
        ("正确答案是C，D是柳树。", "C", "stated letter"),
        ("The one that is NOT a broadleaf is B.", "B", "stated letter"),
        ("On closer inspection C is the one that fits.", "C", "called correct"),
        ("Thus, the tree is: **D. willow**\n\nIt grows by rivers.", "D", "announced option"),
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
        "सही उत्तर C है।",
        "【答案】C",
        "Prawidłowa odpowiedź to C.",
        "Đáp án đúng là C.",
    ],
)
def test_statements_in_other_languages(text):
    assert committed(text) == ("C", "stated letter")


@pytest.mark.parametrize(
    "text",
    [
        "Not C, but B.",
        "The answer isn't C but B.",
        "It's not C, it's B.",
        "Es ist nicht C, sondern B.",
        "Ce n'est pas C, c'est B.",
        "La bonne réponse n'est pas C mais B.",
        "La respuesta no es la C, sino la B.",
        "La risposta non è C, ma B.",
        "A resposta não é C, mas sim B.",
        "Ответ не C, а B.",
        "答案不是C，而是B。",
        "正解はCではなく、Bです。",
        "정답은 C가 아니라 B입니다.",
    ],
)
def test_a_denied_letter_gives_way_to_its_correction(text):
    assert committed(text)[0] == "B"


@pytest.mark.parametrize(
    "text",
    [
        "不选C，不选D。",
        "La respuesta no es la C.",
        "La réponse n'est pas C.",
        "La risposta non è C.",
        "Die Antwort ist nicht C.",
        "正解はCではない。",
        "The answer should not be C.",
        "I don't choose C.",
        "A common mistake is to answer C.",
    ],
)
def test_a_letter_that_is_only_denied_is_none(text):
    assert committed(text)[0] == ""


@pytest.mark.parametrize(
    "text",
    [
        "It would have to be B.",
        "It ought to be B, since the bark is white.",
        "The right choice, given its white bark, is really B.",
        "The answer must therefore be the remaining one, B.",
        "So, B it is.",
        "The exception is B.",
        "The answer: I believe it's B.",
        "B is my answer.",
        "I'd lean towards B, but I can't be certain.",
        "C is wrong because of its leaves; hence B.",
        "Between B and C, the bark favours B.",
        "(B) stands out as the most defensible.",
        "The most suitable option might well be B.",
        "It has white bark: m = 5 N ⇒ B",
        "It has white bark, therefore option B.\n\nNote: option C would be a red tree.",
        "Answer: C? No: B.",
        "The tree described is definitely B, even though C also has leaves.",
        "All are true but B, so the one that is NOT true is B.",
        "Ans. B",
        "Remaining: B",
        "It has white bark → B",
        "My choice: B\nMy second choice: C",
        "Choosing C would be a mistake; B is supported by its bark.",
        "There is no way it's C. It's B.",
    ],
)
def test_modal_verbs_and_asides_state_a_letter(text):
    assert committed(text)[0] == "B"


@pytest.mark.parametrize(
    "text",
    [
        "It should be B, though C would be a close second.",
        "While C has red leaves, the answer is B.",
        "Although C, D and A grow here, I would go with B.",
        "The answer is B, even though C is nice.",
        "Die Antwort ist B, obwohl C auch passen würde.",
        "Je choisis B, bien que C soit possible.",
        "La respuesta es B, aunque C también es posible.",
        "Ответ: B, хотя C тоже подходит.",
    ],
)
def test_what_is_granted_to_another_letter_does_not_count(text):
    assert committed(text)[0] == "B"


@pytest.mark.parametrize(
    "text",
    [
        "Richtig ist B.",
        "Somit ist Aussage B korrekt.",
        "Ich würde B wählen.",
        "Je choisis donc la réponse B.",
        "Elijo la B.",
        "Scelgo B.",
        "したがって、Bが正しい。",
        "따라서 B가 정답입니다.",
        "选项B是正确的。",
        "我认为是B，但也有人会选C。",
        "因此只有B符合。",
        "最も適切なのはBである。",
        "Es bleibt also B.",
        "Il reste B.",
        "Ich entscheide mich für B.",
        "Non ha foglie rosse; è B.",
        "Rimane B.",
        "Остаётся B.",
        "Gabarito: B",
        "La réponse est la réponse B et non la réponse C.",
    ],
)
def test_a_letter_is_called_right_or_chosen_in_other_languages(text):
    assert committed(text)[0] == "B"


@pytest.mark.parametrize(
    "text", ["정답은 B 또는 C입니다.", "La réponse est B ou C.", "Antwort: B oder C"]
)
def test_two_letters_in_other_languages_stay_undecided(text):
    assert committed(text)[0] in ("BC", "")


def test_a_statement_can_be_taken_back():
    assert committed("Answer: C\n\nActually, scratch that: it's B.")[0] == "B"
    assert committed("Answer: C\n\nAnd this is B.")[0] == "C"


@pytest.mark.parametrize(
    "text, letters",
    [
        ("A) oak ❌\nB) birch ✅\nC) maple tree ❌", "B"),
        ("| A | ✗ |\n| B | ✓ |\n| C | ✗ |", "B"),
        ("A) oak ✅\nB) birch ✅", "AB"),
        ("✅ B. birch\n\n❌ A, C, D are wrong", "B"),
        ("A: wrong. B: right. C: wrong.", "B"),
        ("- (A) incorrect\n- (B) correct: white bark\n- (C) incorrect", "B"),
        ("A - False\nB - True\nC - False", "B"),
        ("B) birch ✅", ""),
        ("A) oak\nB) birch", ""),
    ],
)
def test_ticks_at_options(text, letters):
    assert letters_ticked(text) == letters


def letters_ticked(text):
    return letters.ticked_letters(text, len(TREES))


@pytest.mark.parametrize(
    "sentence, found",
    [
        ("It stems from B. birch", "B"),
        ("The white one is the birch (B)", "B"),
        ("It stems from B. oak", ""),
        ("The white one is the birch (C)", ""),
        ("Beside the oak (A) grows (B) birch", "AB"),
    ],
)
def test_a_letter_beside_its_own_option(sentence, found):
    assert letters.lettered_options(sentence, TREES) == found


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
        "The answer is (B) if the bark is white.",
        "Option C explains the leaves, but D explains them better.",
        "Nothing supports (B).",
        "The process is not C.",
        "If it had grown by water, the answer would be (D).",
    ],
)
def test_what_is_only_supposed_is_no_statement(text):
    assert committed(text)[0] == ""


def test_of_an_output_that_was_cut_off_only_clear_statements_count():
    assert committed("Option C seems best", truncated=True) == ("", "cut off")
    assert committed("The answer is (C). Option", truncated=True) == ("C", "stated letter")


@pytest.mark.parametrize(
    "text",
    [
        "The answer is Option B or Option C.",
        "The answer is B. birch or C. maple tree.",
        "Answer: B -> C",
        "B. birch, no wait, C. maple tree",
        "The answer is B but also C.",
    ],
)
def test_two_letters_side_by_side_are_no_answer(text):
    assert len(committed(text)[0]) != 1


@pytest.mark.parametrize(
    "text",
    [
        "B. birch is wrong",
        "The answer is B. birch is a trap.",
        r"\boxed{B is wrong}",
        "It is B. birch? No.",
        "The answer is (B). Birch is not correct.",
    ],
)
def test_an_option_that_is_taken_back_right_behind_it_is_no_answer(text):
    assert committed(text)[0] == ""


def test_what_is_said_of_the_thing_behind_the_letter_does_not_take_the_letter_back():
    assert committed("The answer is (B). Birch is not found on the island.")[0] == "B"


def test_a_letter_beyond_the_options_is_none():
    assert committed("The answer is (F).") == ("", "letter of no option")
