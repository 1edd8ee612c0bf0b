"""What an output arrives at without a letter: each rule finds its own case, and a cut off output
arrives nowhere.
"""

import pytest

from routerlib.answers import conclusions

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
    ],
)
def test_each_rule_finds_its_own(text, letters, rule):
    assert conclusions.arrived_at(text, TREES, truncated=False) == (letters, rule)


def test_a_denied_option_is_no_conclusion():
    assert conclusions.arrived_at("So it is not the maple tree.", TREES, False) == ("", "")


def test_cut_off_only_a_box_counts():
    assert conclusions.arrived_at("Therefore it is a birch.", TREES, truncated=True) == ("", "")
    assert conclusions.arrived_at(r"\boxed{oak} and", TREES, truncated=True)[0] == "A"
