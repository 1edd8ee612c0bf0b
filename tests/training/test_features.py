"""What is read off a prompt, feature by feature, on prompts whose features are plain to see."""

import numpy as np
import pytest

from routerlib.training.features import NAMES, surface_features

CHOICE = "Which of these is NOT 3.5 or 1,000?\nA) 12 cats\nB) none\n(C) 7"


def of(text):
    return dict(zip(NAMES, surface_features([text])[0], strict=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log characters", np.log1p(len(CHOICE))),
        ("log characters before the options", np.log1p(len(CHOICE.split("A)")[0]))),
        ("share of digits", 9 / len(CHOICE)),
        ("log numbers", np.log1p(2)),
        ("options", 3),
        ("mean option length", np.log1p(4)),
        ("spread of option lengths", np.log1p(np.std([7, 4, 1]))),
        ("options with a digit", 2 / 3),
        ("share of capitals", 7 / len(CHOICE)),
        ("question marks", 1),
        ("mathematical marks", 0),
        ("negated", 1),
        ("mean word length", np.mean([len(word) for word in CHOICE.split()])),
        ("blank to fill", 0),
        ("share of operators", 0),
        ("lines", np.log1p(3)),
        ("sentences", np.log1p(1)),
    ],
)
def test_each_feature_of_a_question_with_options(name, value):
    assert of(CHOICE)[name] == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("Fill in: the ___ is blue.", "blank to fill", 1),
        ("Find $x$ in \\frac{1}{2}", "mathematical marks", np.log1p(3)),
        ("a+b-c*d/e=f^g<h>i", "share of operators", 8 / 17),
        ("A. Smith wrote this.", "options", 0),
        ("Is it true? Say so. Now", "sentences", np.log1p(2)),
        ("Version 1.5 is out", "sentences", np.log1p(0)),
        ("An exception is not noted", "negated", 1),
        ("A notable exception", "negated", 0),
        ("plain words", "question marks", 0),
        ("one two", "mean word length", 3),
        ("A) x\nB) y", "options", 2),
        ("XX", "share of operators", 0),
        ("A) 1\nB) two 2", "options with a digit", 1),
    ],
)
def test_single_features(text, name, value):
    assert of(text)[name] == pytest.approx(value)


def test_every_text_has_a_finite_row_even_an_empty_one():
    found = surface_features(["", "\n", "A) x\nB) y", "é" * 10_000])
    assert found.shape == (4, len(NAMES)) and np.isfinite(found).all()
    assert surface_features([]).shape == (0, len(NAMES))
    assert len({tuple(row) for row in found}) == 4
