"""The panel without a browser: every part from code, against real servers, and with hostile
input.
"""

import asyncio
import csv
import io
import re
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from raw_server import EVENTS, RawServer, chunk, response
from scripted import Scripted
from small_router import EASY, HARD, small_router
from upstream import nonsense

from routerlib.notebook import markup
from routerlib.notebook import panel as panel_module
from routerlib.notebook.markup import at_threshold, histogram_svg
from routerlib.notebook.panel import RouterPanel, prompts_from_file
from routerlib.serving.routed_clients import Backend
from routerlib.settings import SettingError, Unwritable
from routerlib.training.policies import CASCADE, Policy
from routerlib.training.router import Decision
from routerlib.training.second_look import Ranks, SecondLook

MARKUP = "<img src=x onerror=alert(1)> & <b>bold</b> '\"</textarea><script>alert(2)</script>"


@pytest.fixture
def panel(router, upstream):
    return RouterPanel(router, upstream.url, upstream.url)


def shown(panel):
    """All HTML on show."""
    views = [
        panel._error,
        panel._verdict,
        panel._marks,
        panel._point,
        panel._answers,
        panel._batch_view,
    ]
    return "".join(view.value for view in [*views, panel._batch_table, panel._history_view])


def test_routes_easy_and_hard_prompts(panel):
    panel.prompt.value = EASY
    assert panel.route().model == "inferior"
    assert "The inferior model will do" in panel._verdict.value
    panel.prompt.value = HARD
    assert panel.route().model == "superior"
    assert "Send it to the superior model" in panel._verdict.value
    assert [event.decision for event in panel.history] == ["inferior", "superior"]


def test_a_click_does_what_the_method_does(panel):
    panel.samples[0].click()
    assert panel.routed == panel_module.SAMPLES[0][1]
    assert panel.decision is not None


def test_an_empty_prompt_is_a_hint(panel):
    panel.prompt.value = "  \n"
    assert panel.route() is None
    assert "Type a prompt first" in panel.message
    assert panel.ask() == {}


def test_the_slider_moves_the_decision_and_tells_what_it_buys(panel, router):
    panel.prompt.value = HARD
    p = panel.route().p_superior
    panel.threshold.value = 0.95
    assert panel.decision.model == "inferior"
    assert panel.decision.p_superior == p
    share = at_threshold(router.curve, 0.95)["share_superior"]
    assert f"{100 * share:.0f}\u00a0%" in panel._point.value
    panel.threshold.value = 0.0
    assert "100\u00a0%" in panel._point.value
    assert len(panel.history) == 1  # moving is not routing


def test_the_certified_threshold_is_a_stop(panel):
    panel.threshold.value = 0.302
    assert panel.threshold.value == 0.3
    panel.threshold.value = 0.31
    assert panel.threshold.value == 0.31
    panel.certified_button.click()
    assert panel.threshold.value == 0.3
    assert "rl-stop" in panel._marks.value
    panel.own_button.click()
    assert panel.threshold.value == 0.5


def test_without_a_certificate_there_is_no_stop(router):
    bare = small_router()
    bare.certificate = None
    panel = RouterPanel(bare)
    assert panel.certified_button.layout.display == "none"
    assert "rl-stop" not in panel._marks.value
    bare.certificate = {
        "certified": False,
        "threshold": 0.0,
        "sentence": "None certified: too few rows.",
    }
    panel = RouterPanel(bare)
    assert "rl-stop" not in panel._marks.value
    assert "None certified" in panel._point.value


def test_without_a_curve_it_says_so():
    bare = small_router()
    bare.curve = []
    assert "without a curve" in RouterPanel(bare)._point.value


def test_asks_the_chosen_model(panel):
    panel.prompt.value = HARD
    answers = panel.ask()
    assert list(answers) == ["superior"]
    answer = answers["superior"]
    assert answer.text.strip() == f"large heard: {HARD}"
    assert answer.state == "done"
    assert answer.prompt_tokens == 7
    assert answer.cost == pytest.approx(5.0 * (7 + answer.completion_tokens) / 1e6)
    assert 0 < answer.first_token <= answer.seconds
    assert panel.history[-1].model == "large"


def test_asks_both_side_by_side(panel):
    panel.prompt.value = EASY
    assert list(panel.ask("both")) == ["inferior", "superior"]
    assert panel._answers.value.count("data-state='done'") == 2
    assert (
        "the router&#x27;s choice" in panel._answers.value
        or "the router's choice" in panel._answers.value
    )


def test_a_notebooks_cell_may_await_the_answers(panel):
    panel.prompt.value = EASY
    assert list(asyncio.run(panel.asking("both"))) == ["inferior", "superior"]
    assert panel._answers.value.count("data-state='done'") == 2 and not panel.busy


def test_a_changed_prompt_is_routed_again_before_it_is_asked(panel):
    panel.prompt.value = EASY
    panel.route()
    panel.prompt.value = HARD
    assert list(panel.ask()) == ["superior"]


def look():
    ranks = {"mean_logprob": Ranks((-3.0, 0.0), (-1.0, 1.0), -1)}
    return SecondLook(0.0, ranks, {"mean_logprob": (4.0, 0.0, 0.0)})


def test_a_policy_is_carried_out_and_its_first_answer_is_never_taken_back():
    router = small_router()
    router.policy = Policy(CASCADE, look(), threshold=0.5)
    seen = []
    with Scripted("small") as small, Scripted("large") as large:
        panel = RouterPanel(router, small.url, large.url)
        assert "answer is read before it is shown" in panel._hint.value
        panel._answers.observe(lambda change: seen.append(change["new"]), "value")
        panel.prompt.value = EASY
        assert list(panel.ask()) == ["inferior"]
        assert panel.answers["inferior"].text == f"small heard: {EASY}"
        assert "answer was read: expected gain" in panel.message and "it stays" in panel.message
        assert "calls: inferior=1" in panel.message
        panel.prompt.value = f"{EASY} The hard way."
        panel.route()
        seen.clear()
        assert list(panel.ask()) == ["superior"]
        assert panel.answers["superior"].text.strip().startswith("large heard:")
        assert "so the superior model is asked" in panel.message
        assert "calls: inferior=1, superior=1" in panel.message
        assert not any("small heard" in html for html in seen)
        assert [event.model for event in panel.history if event.what == "asked"] == [
            "small",
            "large",
        ]
        panel.threshold.value = 0.9
        panel.ask()
        assert list(panel.answers) == ["inferior"], "the router alone, at a point of the user's"
        assert "logprobs" not in small.asked[-1]
        panel.own_button.click()
        small.down = 503
        assert panel.ask()["inferior"].state == "failed"
        assert "is busy (503: " in panel.answers["inferior"].error and not panel.busy


def test_a_slider_within_half_a_step_of_the_routers_own_threshold_is_at_it(panel, router):
    step = panel.threshold.step
    for steps, is_own in ((0.4, True), (-0.4, True), (0.6, False), (-0.6, False)):
        panel.threshold.value = router.threshold + steps * step
        assert panel._is_at_own_point() == is_own, steps


def test_a_policy_that_cannot_be_carried_out_says_so_in_the_panel():
    router = small_router()
    router.policy = Policy(CASCADE, look(), threshold=0.5)
    with Scripted("small", logprobs="left out") as small, Scripted("large") as large:
        panel = RouterPanel(router, small.url, large.url)
        panel.prompt.value = EASY
        assert list(panel.ask()) == ["inferior"]
        assert "gives no log-probabilities" in panel.message
    ranks = {"second_agreement": Ranks((0.0, 1.0), (-1.0, 1.0), -1)}
    second = SecondLook(0.0, ranks, {"second_agreement": (4.0, 0.0, 0.0)})
    router.policy = Policy(CASCADE, second, threshold=0.5)
    panel = RouterPanel(router, small.url, large.url)
    assert "which has no address, so the router alone decides" in panel._hint.value


def test_without_a_server_it_says_how_to_start_one_and_still_routes(router):
    panel = RouterPanel(router)
    panel.prompt.value = EASY
    assert panel.route().model == "inferior"
    panel.ask()
    assert "python -m routerlib serve --model small --port 8001" in panel.message
    assert "RouterPanel(router, inferior=" in panel.message


def test_a_dead_server_is_a_sentence_and_the_buttons_come_back(router):
    dead = Backend("http://127.0.0.1:9/v1", "small")
    panel = RouterPanel(router, dead, dead)
    panel.prompt.value = EASY
    answer = panel.ask()["inferior"]
    assert answer.state == "failed"
    assert answer.error.startswith("No connection to http://127.0.0.1:9/v1 (ConnectionRefused")
    assert answer.error.endswith("Start it with: python -m routerlib serve --model small --port 9")
    assert not panel.busy
    assert not panel.ask_button.disabled


def test_one_server_down_leaves_the_other_answer(router, upstream):
    panel = RouterPanel(router, upstream.url, Backend(upstream.url, "down"))
    panel.prompt.value = EASY
    answers = panel.ask("both")
    assert (answers["inferior"].state, answers["superior"].state) == ("done", "failed")
    assert answers["superior"].error.endswith("is busy (503: no capacity)")


def test_an_answer_at_its_limit_says_so(router, upstream):
    panel = RouterPanel(router, Backend(upstream.url, "cut"), upstream.url)
    panel.prompt.value = EASY
    answers = panel.ask("both")
    assert (answers["inferior"].is_cut_off, answers["superior"].is_cut_off) == (True, False)
    assert panel._answers.value.count("cut off at the limit of tokens") == 1


class Failing:
    """A router whose scoring fails."""

    name, threshold, curve, certificate = "failing", 0.5, (), None
    models = prices = MappingProxyType({})

    def route(self, *_):
        raise RuntimeError("out of <b>memory</b>")

    score = route


def test_an_exception_becomes_a_sentence(capsys):
    panel = RouterPanel(Failing())
    panel.prompt.value = panel.batch_prompts.value = EASY
    panel.route_button.click()
    assert panel.message == "RuntimeError: out of <b>memory</b>"
    assert "<b>memory" not in panel._error.value
    assert not panel.route_button.disabled
    panel.batch_button.click()
    assert "RuntimeError" in panel.message
    assert not panel.busy


def test_a_second_click_during_work_does_nothing(panel, upstream):
    panel.prompt.value = EASY
    panel.busy = True
    panel.ask_button.click()
    panel.batch_button.click()
    assert panel.answers == {}
    panel.ask()
    assert "at work" in panel.message
    panel.busy = False


def test_everything_is_escaped(panel, router, upstream):
    panel.prompt.value = panel.batch_prompts.value = MARKUP
    panel.ask("both")
    panel.route_batch()
    html = shown(panel) + panel.snapshot()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    named = small_router()
    named.name, named.models = MARKUP, {"inferior": MARKUP, "superior": "large"}
    assert "<img src=x" not in RouterPanel(named).snapshot()


def test_long_and_non_latin_prompts_work(panel):
    for prompt in (
        "证明这个定理。" * 3000,
        "x" * 20_000,
        "Καλημέρα κόσμε",
        "שלום עולם 👋🏽",
        "\0 \x1b[31m",
    ):
        panel.prompt.value = prompt
        assert panel.route() is not None
        assert panel.ask()[panel.decision.model].state == "done"
    # The table shortens them, the CSV does not
    assert len(panel._history_view.value.split("<table>")[1]) < 20_000
    assert "x" * 20_000 in panel.history_csv()


def test_half_a_surrogate_pair_is_no_character(panel, tmp_path):
    panel.prompt.value = panel.batch_prompts.value = "a \ud800 b"
    assert panel.ask()[panel.decision.model].state == "done"
    assert panel.routed == "a \ufffd b"
    assert len(panel.route_batch()) == 1
    shown(panel).encode()
    assert "a \ufffd b" in panel.save_history(tmp_path / "history.csv").read_text()
    assert prompts_from_file("a.jsonl", b'{"prompt": "a \\ud800"}') == ["a \ufffd"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [("closes", "No connection to"), ("noise", "no proper HTTP"), ("page", "no chat completion"),
     ("half", "no chat completion"), ("cut", "broke off"), ("no_json", "no chat completion"),
     ("other_json", "no chat completion"), ("page_502", "answered 502")],
)  # fmt: skip
def test_a_backend_that_sends_nonsense_is_a_sentence(router, kind, said):
    with nonsense(kind) as url:
        panel = RouterPanel(router, url, url)
        panel.prompt.value = EASY
        answer = panel.ask()["inferior"]
    assert answer.state == "failed"
    assert said in answer.error and url in answer.error
    assert "<script>" not in panel._answers.value


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (response({"error": {"message": "no", "code": "insufficient_quota"}}, 429), "Add credit"),
        (response({"error": {"message": "Incorrect API key"}}, 401), "Check OPENAI_API_KEY in the"),
        (response({"error": {"message": "model not found"}}, 404), "knows no model 'small'"),
        (
            response(chunk("Yes") + b'data: {"error": {"message": "overloaded"}}\n\n', kind=EVENTS),
            "is busy (overloaded)",
        ),
    ],
)
def test_what_a_server_refuses_is_told_as_to_all_who_ask(router, sent, said):
    with RawServer(lambda body, turn: sent) as server:
        panel = RouterPanel(router, server.url, server.url)
        panel.prompt.value = EASY
        answer = panel.ask()["inferior"]
    assert answer.state == "failed" and said in answer.error and server.url in answer.error


def test_a_token_count_that_is_no_number_is_unknown(router):
    with nonsense("odd_counts") as url:
        panel = RouterPanel(router, url, url)
        panel.prompt.value = EASY
        answer = panel.ask()["inferior"]
    assert (answer.state, answer.text, answer.completion_tokens, answer.cost) == (
        "done",
        "Yes",
        None,
        None,
    )
    assert panel.message == "" and len(panel.history) == 2


def test_a_batch_gets_a_table_and_a_histogram(panel):
    panel.batch_prompts.value = f"{EASY}\n\n{HARD}\nSay hello"
    scores = panel.route_batch()
    assert len(scores) == 3
    assert "1 of 3 prompts go to the superior model" in panel._batch_view.value
    assert "<svg class='rl-histogram'" in panel._batch_view.value
    assert panel._batch_table.value.index(HARD) < panel._batch_table.value.index("Say hello")
    panel.threshold.value = 0.0
    assert "3 of 3 prompts go to the superior model" in panel._batch_view.value
    rows = list(csv.DictReader(io.StringIO(panel.batch_csv())))
    assert [row["decision"] for row in rows] == ["superior"] * 3


def test_an_empty_batch_is_a_hint(panel):
    assert len(panel.route_batch()) == 0
    assert "Paste some prompts" in panel.message


def uploaded(name, text):
    facts = {"name": name, "type": "", "size": len(text), "last_modified": datetime(2026, 1, 1)}
    return ({**facts, "content": memoryview(text.encode())},)


def test_a_file_can_be_uploaded(panel):
    panel.upload.value = uploaded("p.jsonl", f'{{"prompt": "{EASY}"}}\n{{"question": "{HARD}"}}\n')
    assert "2 prompts from p.jsonl" in panel._batch_view.value
    assert len(panel.route_batch()) == 2
    panel.upload.value = uploaded("q.jsonl", "{oops")
    assert "q.jsonl, line 1: no valid JSON" in panel.message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "one\n\n two \n", ["one", "two"]),
        ("a.txt", "\ufeffone", ["one"]),
        ("a.csv", 'id,prompt\n1,one\n2,"two, and\nmore"\n', ["one", "two, and\nmore"]),
        ("a.csv", "one\ntwo\n", ["one", "two"]),
        ("a.jsonl", '"one"\n{"problem": "two"}\n', ["one", "two"]),
    ],
)
def test_files_of_prompts(name, content, expected):
    assert prompts_from_file(name, content.encode()) == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"\xff\xfe\x00", "no UTF-8"),
        ("a.txt", b"\n\n", "holds no prompt"),
        ("a.jsonl", b'{"prompt": 3}', "line 1: no field"),
        ("a.jsonl", b"3", "line 1: no field"),
        ("a.jsonl", b"[" * 100_000, "line 1: no valid JSON"),
        ("a.csv", b"x" * 200_000, "no CSV"),
    ],
)
def test_files_that_hold_none(name, content, said):
    with pytest.raises(ValueError, match=said):
        prompts_from_file(name, content)


def test_what_a_cell_may_hold_does_not_depend_on_tables_read_before():
    before = csv.field_size_limit(1 << 30)
    try:
        with pytest.raises(ValueError, match="no CSV"):
            prompts_from_file("a.csv", b"x" * 200_000)
        assert csv.field_size_limit() == 1 << 30
    finally:
        csv.field_size_limit(before)


def test_the_csv_is_harmless_in_a_spreadsheet(panel, tmp_path):
    panel.prompt.value = '=HYPERLINK("http://evil")'
    panel.route()
    path = panel.save_history(tmp_path / "history.csv")
    row = next(csv.DictReader(io.StringIO(path.read_text())))
    assert row["prompt"].startswith("'=")


def test_the_history_can_be_cleared(panel):
    panel.prompt.value = EASY
    panel.route()
    panel.clear_button.click()
    assert panel.history == []
    assert "Nothing yet" in panel._history_view.value


def test_a_bare_name_shows_widgets_and_a_page_for_viewers_without(panel):
    panel.prompt.value = HARD
    panel.route()
    bundle = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "Send it to the superior model" in bundle["text/html"]
    assert HARD in bundle["text/html"]


def test_clicks_that_waited_for_a_busy_kernel_pay_once(panel):
    """The second click is handled before the first one's work has begun; a third, after Stop came
    that early, works.
    """

    async def run():
        panel.prompt.value = EASY
        panel.ask_button.click()
        panel.ask_button.click()
        await panel._task
        before = [event.what for event in panel.history]
        panel.ask_button.click()
        panel.stop_button.click()
        await asyncio.wait([panel._task])
        await asyncio.sleep(0)
        return before

    assert asyncio.run(run()).count("asked") == 1
    assert not panel.busy and not panel.ask_button.disabled
    assert list(panel.ask()) == ["inferior"]


def test_stop_keeps_what_has_come(router, upstream):
    """From inside a running loop, as in a notebook: the click returns at once, and Stop ends the
    work.
    """
    import asyncio

    async def run():
        slow = RouterPanel(router, Backend(upstream.url, "slow"), Backend(upstream.url, "slow"))
        slow.prompt.value = EASY
        slow.ask_button.click()
        assert slow._task is not None
        while not slow.answers:
            await asyncio.sleep(0.01)
        assert slow.busy
        assert slow.ask_button.disabled
        assert slow.stop_button.layout.display is None
        slow.ask_button.click()  # a second click
        slow.stop_button.click()
        await slow._task
        return slow

    slow = asyncio.run(run())
    assert slow.answers["inferior"].state == "stopped"
    assert slow.message == "Stopped."
    assert not slow.busy


def test_a_threshold_between_two_rows_of_the_curve_is_the_upper_ones():
    curve = [{"threshold": t, "share_superior": s} for t, s in ((0.3, 1.0), (0.7, 0.4), (1.0, 0.0))]
    shares = [
        at_threshold(curve, t)["share_superior"] for t in (0.0, 0.3, 0.301, 0.7, 0.71, 1.0, 1.2)
    ]
    assert shares == [1.0, 1.0, 0.4, 0.4, 0.0, 0.0, 0.0]


def test_costs_are_left_out_where_no_price_is_known():
    free = small_router()
    free.prices, free.curve = (
        {},
        [{**row, "cost_per_1000": None, "pgr": None} for row in free.curve],
    )
    panel = RouterPanel(free)
    assert "$" not in panel._point.value
    assert "gap closed" not in panel._point.value


def test_a_score_near_the_threshold_is_told_from_it():
    text = markup.verdict_html(
        Decision("inferior", 0.4996, 0.5, ""), {"inferior": "s", "superior": "l"}
    )
    assert "49.96\u00a0% chance" in text
    assert "below the threshold of 50.00\u00a0%" in text


def test_no_number_is_parted_from_its_per_cent_sign(panel):
    panel.prompt.value = panel.batch_prompts.value = HARD
    panel.route()
    panel.route_batch()
    page = panel.snapshot()
    assert page.count("\u00a0%") > 4 and " %" not in page


def test_a_panel_writes_no_html_and_escapes_nothing():
    source = Path(panel_module.__file__).read_text()
    assert not re.search(r"</|<[a-z]+[ >]|\bhtml\.|escape", source.partition('"""\n\n')[2])


def test_a_curve_of_costs_alone_is_no_picture():
    blind = small_router()
    blind.curve = [{**row, "accuracy": None, "pgr": None} for row in blind.curve]
    point = RouterPanel(blind)._point.value
    assert "<svg" not in point and "of the calibration prompts" in point


def test_histogram_counts_every_score():
    import numpy as np

    svg = histogram_svg(np.array([0.0, 0.5, 0.5, 1.0]), 0.5)
    assert svg.count("<rect") == 3
    assert "4 scores; the fullest bar has 2" in svg


def test_panels_do_not_share_state(router):
    one, two = RouterPanel(router), RouterPanel(router)
    one.prompt.value = EASY
    one.route()
    assert two.history == []


def test_the_scale_ends_where_the_scores_do():
    low = small_router()
    low.threshold, low.certificate = 0.15, None
    low.curve = [{**row, "threshold": 0.3 * row["threshold"]} for row in low.curve]
    panel = RouterPanel(low)
    assert panel.threshold.max == panel.top == 0.35
    panel.threshold.value = 0.175
    assert "all to the inferior model · 0.35" in panel._marks.value
    panel.prompt.value = HARD
    panel.route()  # scores above the scale: a full bar
    assert "width:100.00%" in panel._verdict.value
    assert "left:50.00%" in panel._verdict.value


def test_a_certified_threshold_of_its_own_needs_one_button():
    same = small_router()
    same.threshold = same.certificate["threshold"]
    panel = RouterPanel(same)
    assert panel.own_button.layout.display == "none"
    assert panel.certified_button.layout.display is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"router": None}, "The router is None; give a Router"),
        ({"router": "outputs/models/x"}, "give a Router, as Router.from_pretrained"),
        ({"max_tokens": 0}, "MAX_TOKENS is 0"),
        ({"max_tokens": "x"}, "MAX_TOKENS is 'x'"),
        ({"samples": ["What is 2 + 2?"]}, "pairs of a label and a prompt"),
    ],
)
def test_what_no_panel_can_be_made_of_is_told(router, wrong, said):
    with pytest.raises(SettingError, match=said):
        RouterPanel(**{"router": router, **wrong})


def test_a_history_that_cannot_be_saved_there_is_told(panel, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match="file is no folder"):
        panel.save_history(tmp_path / "file" / "history.csv")
    with pytest.raises(Unwritable, match="is a folder"):
        panel.save_history(tmp_path)
    assert panel.save_history(tmp_path / "new" / "history.csv").read_text() == panel.history_csv()
