"""What an output arrives at without a letter: each rule finds its own case, and a cut off output
arrives nowhere.
"""

import pytest

from routerlib.answers import conclusions
from routerlib.answers.extraction import extract_choice

TREES = ["oak", "birch", "maple tree", "None of the above"]


@pytest.mark.parametrize(
    "text, letters, rule",
    [
        (r"\boxed{\text{birch}}", "B", "boxed option"),
        ("The answer is birch.", "B", "stated option"),
        ("Die Antwort lautet: birch.", "B", "stated option"),
        ("The answer is none of the above.", "D", "stated option"),
        ("None of the above.", "D", "concluding option"),
        ("It is white.\n\n=> B. birch", "B", "closing letter"),
        ("It is white, so **B. birch** I guess", "B", "emphasised letter"),
        ("It has red leaves. Therefore it is a maple tree.", "C", "concluding option"),
        ("C) maple tree because of the leaves.", "C", "leading letter"),
        ("A) oak ❌\nB) birch ✅\n", "B", "ticked option"),
        ("The bark is white. B.", "B", "closing letter"),
        ("The bark is white [B].", "B", "closing letter"),
        ("Tree: birch", "B", "concluding option"),
        ("Since white bark is the only one that fits, B.", "B", "closing letter"),
        ("Option B. (Option C would need red leaves.)", "B", "leading letter"),
        ("It grows on the birch, unlike the oak.", "B", "concluding option"),
        ("It can't be the birch, as it is red; it's the maple tree.", "C", "concluding option"),
        ("Result: birch. None of the other trees comes close.", "B", "stated option"),
        ("maple t", "", ""),
        ("So it is the birch, which is nicer than the oak.", "B", "concluding option"),
        ("It grows fast. The bark comes from B. birch", "B", "lettered option"),
        ("Mark the birch (B), which is known for its bark.", "B", "lettered option"),
        ("The bark is white. This tree is the birch.", "B", "concluding option"),
        ("It was planted by the lake. Maple tree.", "C", "concluding option"),
        ("Birch it is.", "B", "concluding option"),
        ("It's not the oak but the birch that is white.", "B", "concluding option"),
        ("It can't be the oak, which leaves birch as the only tree.", "B", "concluding option"),
        ("The right tree, however, is the birch.", "B", "concluding option"),
        ("White bark comes from the birch.", "B", "concluding option"),
        ("It is the birch. (The oak has a dark bark.)", "B", "concluding option"),
        ("It is white, so neither A nor C; B.", "B", "closing letter"),
        ("Not A: it is dark. Not C either. The white one is B.", "B", "concluding letter"),
        (
            "The bark was taken from the maple tree. It is the birch rather than the oak.",
            "B",
            "concluding option",
        ),
    ],
)
def test_each_rule_finds_its_own(text, letters, rule):
    assert conclusions.arrived_at(text, TREES, truncated=False) == (letters, rule)


def test_an_option_that_denies_can_be_concluded():
    options = ["oak", "birch", "It cannot be known"]
    text = "The bark isn't told. So it cannot be known."
    assert conclusions.arrived_at(text, options, False) == ("C", "concluding option")


@pytest.mark.parametrize(
    "text",
    [
        "So it is not the maple tree.",
        "So it is anything but the maple tree.",
        "So it is the opposite of (C).",
        "I doubt (C).",
        "The tree is birch?",
        "Birch if it is white.",
        "Therefore birch can be ruled out.",
        "(B) is a trap.",
        "(B)?",
        "**(B) is wrong**",
    ],
)
def test_what_is_denied_doubted_or_withdrawn_is_no_conclusion(text):
    assert conclusions.arrived_at(text, TREES, False) == ("", "")


@pytest.mark.parametrize(
    "text", ["(B) or (C)", "(B)/(C)", "The answer is birch or maple tree.", "birch -> maple tree"]
)
def test_two_options_side_by_side_are_no_answer(text):
    assert len(conclusions.arrived_at(text, TREES, False)[0]) != 1


@pytest.mark.parametrize(
    "text",
    [
        "These grow here:\nA. oak\nB. birch",
        "These grow here:\noak\nbirch",
        "We look at each of them.\n- (A) oak\n- (B) birch",
        "It is white. It is not B. birch",
        "A. has acorns\nB. is white\nC.",
        "A birch and a maple tree are both tall.",
    ],
)
def test_the_last_entry_of_a_list_is_no_conclusion(text):
    assert conclusions.arrived_at(text, TREES, False) == ("", "")


def test_cut_off_only_a_box_counts():
    assert conclusions.arrived_at("Therefore it is a birch.", TREES, truncated=True) == ("", "")
    assert conclusions.arrived_at(r"\boxed{oak} and", TREES, truncated=True)[0] == "A"


def test_the_end_of_an_equation_that_is_stated_names_its_option():
    text = "Dividing gives the number. The answer is $x = -48 / (-6) = 8$. The answer is correct."
    assert extract_choice(text, ["6", "48", "8", "-8"]).answer == "C"


@pytest.mark.parametrize(
    "text",
    [
        "Maple or silver birch",
        "Both maple and silver birch are possible.",
        "It could be silver birch (B), but it could also be A.",
        "Students pick B here.",
    ],
)
def test_what_is_only_considered_concludes_nothing(text):
    assert extract_choice(text, ["maple", "silver birch", "mountain oak"]).answer is None


def test_a_letter_that_is_taken_back_at_once_or_only_tempts_is_none():
    options = ["maple", "silver birch", "mountain oak"]
    assert extract_choice("I'd say C... no, A. The leaves settle it.", options).answer == "A"
    text = "It's tempting to answer C, but the right one is A."
    assert extract_choice(text, options).answer == "A"
