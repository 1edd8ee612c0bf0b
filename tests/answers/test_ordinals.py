"""Options that are named by their place: told only where the words around commit to it."""

import pytest

from routerlib.answers.ordinals import places_told

BRIDGES = ["Rialto", "Karlův most", "Tower Bridge", "Ponte Vecchio"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Only the second of these really fits.", 1),
        ("Here only the third option works.", 2),
        ("The one we look for is the very first of the four.", 0),
        ("That is the fourth of the options.", 3),
        ("故选第二项", 1),
        ("正确的是第3个", 2),
        ("正しいのは4番です", 3),
        ("정답은 3번입니다", 2),
        ("4번이 옳습니다", 3),
        ("Правильный ответ: третий.", 2),
        ("La bonne réponse est la deuxième.", 1),
        ("La terza opzione è quella giusta, la terza opzione è corretta.", 2),
        ("A alternativa correta é a quarta.", 3),
        ("Die vierte Aussage ist zutreffend.", 3),
    ],
)
def test_a_place_that_is_told_as_the_answer(text, place):
    assert [told for _, _, told in places_told(text, BRIDGES)] == [place]


@pytest.mark.parametrize(
    "text",
    [
        "Only the second arch fits a barge.",
        "Not only the second of these fits.",
        "It is the first of its kind.",
        "It is the second.",
        "Only the ninth of these fits.",
        "不选第二项",
        "有人会选第二项",
        "3번 국도를 따라간다",
        "Первый ответ был неверным.",
        "La segunda opción fue construida en 1345.",
    ],
)
def test_a_place_that_commits_to_nothing(text):
    assert not list(places_told(text, BRIDGES))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Only the second of these holds.", ["I only", "II only", "both", "neither"]),
        ("Only the second of these holds.", ["the first law", "the second law", "the third law"]),
        ("应选择第二项", ["第二定律", "第一定律"]),
        ("정답은 2번입니다", ["3", "4", "2"]),
    ],
)
def test_options_that_speak_of_places_themselves(text, options):
    assert not list(places_told(text, options))
