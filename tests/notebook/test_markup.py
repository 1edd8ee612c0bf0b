"""What is drawn: faces that need no style sheet, pictures with alternative texts, numbers, and
texts that stay text.
"""

import base64
import re

import numpy as np
import pytest
from small_router import small_router

from routerlib.notebook import markup
from routerlib.notebook.markup import Entry, ModelAnswer, Point
from routerlib.training.router import Decision

NASTY = "<script>alert(1)</script> & 'quotes'"
NAMES = {"inferior": "small", "superior": "large"}


@pytest.fixture
def point():
    router = small_router()
    return Point(router.curve, 0.5, 0.3, router.certificate)


def plain(point, **more):
    """A face with everything on it; more: other arguments."""
    decision = Decision("superior", 0.9, 0.5, "")
    given = {
        "name": "my router",
        "names": NAMES,
        "message": "Stopped.",
        "prompt": "Prove it.",
        "decision": decision,
        "answers": {"superior": ModelAnswer("superior", "large", "Because.", "done", seconds=1.5)},
        "batch": [{"prompt": "Is ice cold?", "p_superior": 0.1, "decision": "inferior"}],
        "events": [Entry("2026-01-01T10:00:00", "routed", "Prove it.", 0.9, 0.5, "superior")],
    }
    return markup.plain_html(**{**given, "point": point, **more})


def words(page):
    """What is left of a page without any style: its texts, blocks and cells apart."""
    text = re.sub(r"</?(p|tr|td|th|table|div|blockquote|pre|b)[^>]*>", " ", page)
    text = re.sub(r"<img[^>]*alt='([^']*)'[^>]*>", r" \1 ", text)
    return re.sub(r"[ \n]+", " ", text).strip()


def test_a_face_reads_without_a_style_sheet(point):
    told = words(plain(point))
    assert "my router · inferior model: small · superior model: large" in told
    assert "Stopped. Prompt: Prove it. Send it to the superior model: large." in told
    assert "large (the router’s choice) Because. 1.5 s" in told
    assert "Threshold 0.500: 35\u00a0% of the calibration prompts go to the superior model" in told
    assert "0 of 1 prompts go to the superior model." in told
    assert "p_superior goes to prompt 0.10 inferior Is ice cold?" in told
    assert "History: time p_superior goes to prompt answered by 10:00:00 0.90 superior" in told
    assert "<" not in told


def test_every_picture_of_a_face_has_a_text_and_stands_alone(point):
    page = plain(point)
    pictures = re.findall(r"<img src='data:image/svg\+xml;base64,([^']*)' alt='([^']*)'", page)
    assert [alt for _, alt in pictures] == [
        "p_superior 0.90, threshold 0.500",
        "accuracy 0.65 with 35\u00a0% of the calls to the superior model",
        "histogram of 1 scores; the fullest bar has 1",
    ]
    assert page.count("<img") == len(pictures) and "<svg" not in page
    for data, _ in pictures:
        svg = base64.b64decode(data).decode()
        assert svg.startswith("<svg xmlns='http://www.w3.org/2000/svg' width=")
        assert "<style>" in svg and "var(" not in svg


def test_nothing_of_a_user_or_a_model_becomes_markup(point):
    answers = {"inferior": ModelAnswer("inferior", NASTY, NASTY, "failed", error=NASTY)}
    batch = [{"prompt": NASTY, "p_superior": 0.1, "decision": "inferior"}]
    events = [Entry("2026-01-01T10:00:00", "asked", NASTY, 0.1, 0.5, "inferior", model=NASTY)]
    names = {"inferior": NASTY, "superior": NASTY}
    page = plain(
        point,
        name=NASTY,
        names=names,
        message=NASTY,
        prompt=NASTY,
        answers=answers,
        batch=batch,
        events=events,
    )
    assert "<script" not in page and "&lt;script&gt;" in page


def test_a_face_is_hidden_by_the_widget_it_belongs_to_and_no_other():
    page = markup.face_html("rl-live-1", "<p>it</p>")
    assert "body:has(.rl-live-1) .rl-live-1-face { display: none; }" in page
    assert "<div class='rl-live-1-face'" in page


def test_a_panel_that_has_not_begun_has_a_face_too(point):
    bare = Point([], 0.5, None, None)
    empty = {
        "message": "",
        "prompt": "",
        "decision": None,
        "answers": {},
        "batch": [],
        "events": [],
    }
    told = words(plain(bare, **empty))
    assert told == "my router · inferior model: small · superior model: large Threshold 0.500:"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "$0.00"), (None, "–"), (1234.5, "$1,234.50"), (0.01, "$0.01"), (0.00012, "$0.00012")],
)
def test_money_is_written_so_that_it_can_be_read(amount, shown):
    assert markup._dollars(amount) == shown


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (
            {"x-router-decision": "inferior", "x-router-gain": "-0.0150"},
            "The inferior model's answer was read: expected gain -0.015, so it stays; calls: "
            "inferior=2, second=1; cost: $0.0000049.",
        ),
        (
            {"x-router-decision": "superior", "x-router-gain": "0.3000"},
            "The inferior model's answer was read: expected gain 0.300, so the superior model is "
            "asked; calls: inferior=2, second=1; cost: $0.0000049.",
        ),
        (
            {"x-router-decision": "superior"},
            "Decided from the prompt alone; calls: inferior=2, second=1; cost: $0.0000049.",
        ),
        (
            {"x-router-gain": "0.3", "x-router-cost": "1.2", "x-router-cost-unit": "superior calls"}
            | {"x-router-note": "no answer to read within 3 s"},
            "No answer to read within 3 s; calls: inferior=2, second=1; cost: 1.2 superior calls.",
        ),
    ],
)
def test_which_stage_decided_and_what_it_cost_is_told_in_words(headers, said):
    usual = {"x-router-calls": "inferior=2, second=1"}
    usual |= {"x-router-cost": "4.85e-06", "x-router-cost-unit": "dollars"}
    assert markup.stage_sentence(usual | headers) == said


def span_of_number(drawn):
    """From where to where a bar's number reaches on a narrow bar, in per cent of it."""
    [(classes, side, at)] = re.findall(
        r"class='(rl-number[^']*)' style='(left|right):([\d.]+)%'", drawn
    )
    at = float(at)
    start = at if side == "left" else 100 - at - markup.NUMBER
    return "inside" in classes, start, start + markup.NUMBER


@pytest.mark.parametrize("p", [0.0, 0.05, 0.15, 0.17, 0.3, 0.5, 0.8, 0.86, 0.99, 1.0])
def test_the_thresholds_line_never_crosses_the_number_in_the_bar(p):
    for at in np.linspace(0, 1, 201):
        is_inside, start, end = span_of_number(markup.bar_html(p, at))
        assert not start + 0.01 < 100 * at < end - 0.01, (p, at)
        assert start >= -0.01 and end <= 100.01, (p, at)
        if is_inside:  # its ink is that of the fill
            assert end <= 100 * p + 0.01


def test_the_number_stands_in_its_bar_where_nothing_is_in_the_way():
    assert span_of_number(markup.bar_html(0.6, 0.2))[0]
    assert not span_of_number(markup.bar_html(0.6, 0.55))[0]


def test_words_of_a_table_stay_whole_but_for_those_without_an_end():
    table = markup.plain_table(("p_superior", "answer"), [("0.5", "x" * 300), ("0.5", "Mercury")])
    cells = re.findall("style='([^']*)'>([^<]+)<", table)
    breaks = {text: "anywhere" in style for style, text in cells}
    assert breaks == {
        "p_superior": False,
        "answer": False,
        "0.5": False,
        "x" * 300: True,
        "Mercury": False,
    }
