"""Where a long pattern is tried: what is found is what the whole text holds."""

import random
import re

import pytest

from routerlib.answers import letters, nearby, wording
from routerlib.answers.nearby import REACH, any_case, holds_any, matches, near_letters

FRAGMENTS = [
    *("The answer is (B).", "So the correct option is C", "answer: d\n", "\\boxed{A}", "**E**"),
    *("this corresponds to option C", "It must be (C)", "which leaves D", "only C remains"),
    *("(B), which rises, is clearly correct", "I'm changing my answer to E.", "Not A, but D."),
    *("Die richtige Antwort ist C.", "La respuesta es la B.", "正确答案是 C", "Je choisis la C."),
    *("While A is tempting, it falls.", "though B is often named", "rather than C", ", not D."),
    *("The third option is correct.", "the answer is option number 2.", "none of these fits"),
    *("The answer is not listed.", "The closest is (C).", "DNAC and Xy", "is C. heap sort"),
    *(
        "it rises by 12 m/s",
        "we find that the rate of change stays",
        "\n\n",
        "\n",
        " ... ",
        "(joules)",
    ),
    *(
        "la risposta è B",
        "é C",
        "OPTION C IS CORRECT",
        "THE ANSWER IS (A)",
        "antwort: C",
        "İstanbul",
    ),
]


def made_texts(count: int) -> list[str]:
    draw = random.Random(7)
    filler = ["and", "so", "we", "find", "that", "the", "speed", "of", "it", "stays", "mass", ""]
    texts = []
    for _ in range(count):
        pieces = []
        for _ in range(draw.randrange(1, 6)):
            pieces.append(" ".join(draw.choices(filler, k=draw.choice([0, 3, 60, 200]))))
            pieces.append(draw.choice(FRAGMENTS))
        texts.append(" ".join(pieces))
    return texts


def everything_read(text: str):
    plain = letters.plain_text(text)
    found = letters._statements(plain, 5, ["heat", "cold", "heap sort", "the Rhine", "light"])
    return plain, sorted((one.start, one.end, one.letters, one.rule) for one in found)


def all_but_other_languages(text: str, words) -> bool:
    """Every long pattern is tried, save those of other languages on an English text."""
    return words is not letters._WORDS_ABROAD or holds_any(text, words)


def test_a_look_at_the_stretches_finds_what_the_whole_text_holds(monkeypatch):
    texts = made_texts(300)
    near = [everything_read(text) for text in texts]
    monkeypatch.setattr(letters, "near_letters", lambda text: [(0, len(text))])
    monkeypatch.setattr(wording, "holds_any", lambda text, words: True)
    monkeypatch.setattr(letters, "holds_any", all_but_other_languages)
    assert near == [everything_read(text) for text in texts]
    assert sum(len(found) for _, found in near) > 300  # there was something to find


@pytest.mark.parametrize("text", ["(C)", "so C.", "optionC C", "is C", "C", "a\nC\nb"])
def test_a_lone_letter_has_a_stretch(text):
    assert near_letters(text) == [(0, len(text))]


@pytest.mark.parametrize("text", ["", "DNAC", "The rate", "xC", "no capital (c)", "Ab cD"])
def test_letters_of_words_have_none(text):
    assert near_letters(text) == []


def test_stretches_reach_as_far_as_they_say_and_those_that_meet_are_one():
    far = "word " * 400
    [first, second] = near_letters(far + "(B) " + far + "(C) " + far)
    assert first[0] == len(far) + 1 - REACH
    assert first[1] >= len(far) + 1 + REACH
    assert first[1] < second[0]
    assert len(near_letters("word " * 100 + "(B) " + "word " * 100 + "(C)")) == 1


def test_the_end_of_a_stretch_is_not_taken_for_the_end_of_the_text():
    behind_the_letter = "x" * (REACH - 3) + " . . . and more, and more"
    text = "B " + behind_the_letter
    [(_, end)] = near_letters(text)
    assert text[end - 1].isalnum() and text[end].isalnum()
    assert not list(matches(re.compile(r"x\W*$"), text, near_letters(text)))


def test_places_are_those_of_the_whole_text():
    text = "word " * 300 + "the answer is (B)"
    [found] = matches(re.compile(r"\(B\)"), text, near_letters(text))
    assert found.start() == text.index("(B)")


def test_any_case_is_any_case_of_whole_patterns():
    pattern = re.compile(any_case("closest", "matche?s?", r"opt\ for"), re.VERBOSE)
    found = [match[0] for match in pattern.finditer("CLOSEST Matches matchs oPT FOR clos")]
    assert found == ["CLOSEST", "Matches", "matchs", "oPT FOR"]


def test_words_are_found_in_whatever_case():
    assert holds_any("ALTHOUGH it rains", ("though",))
    assert not holds_any("it rains", ("though", "while"))
    assert nearby.holds_any("a→b", ("→",))
