"""The policy at work: the same cases through the three doors, against servers that follow a
script.
"""

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import openai
import pytest
from scripted import Scripted
from small_router import EASY, HARD, small_router

from routerlib.serving import proxy, stages
from routerlib.serving.routed_clients import AsyncRoutedClient, Backend, RoutedClient
from routerlib.serving.stages import passes_by
from routerlib.settings import SettingError
from routerlib.training.policies import CASCADE, Policy, Sources
from routerlib.training.router import Router
from routerlib.training.second_look import Ranks, SecondLook

ROOT = Path(__file__).parents[2]
DOORS = ("client", "async client", "server")
EASY_FOR_IT, HARD_FOR_IT = "Say hello in French.", "Say hello in French, the hard way."
DOWN, SILENT = 503, 30.0


def look(**signals):
    """A second look at these signals, by their sign: +1 where a high one speaks for escalating."""
    ranks = {name: Ranks((-3.0, 0.0), (-1.0, 1.0), sign) for name, sign in signals.items()}
    return SecondLook(0.0, ranks, dict.fromkeys(signals, (4.0, 0.0, 0.0)))


BY_LOGPROB = Policy(
    CASCADE, look(mean_logprob=-1), threshold=0.5, unit="dollars",
    usual_costs={"inferior": 1e-6, "superior": 2e-4, "signals": 0.0},
)  # fmt: skip
BY_SECOND = Policy(
    CASCADE,
    SecondLook(
        0.0,
        {"second_agreement": Ranks((0.0, 1.0), (-1.0, 1.0), -1)},
        {"second_agreement": (4.0, 0.0, 0.0)},
    ),
    threshold=0.5,
    sources=Sources(second_model="other"),
    usual_costs={"inferior": 1.0, "superior": 10.0, "signals": 0.5},
    unit="superior calls",
)


def with_policy(policy):
    router = small_router()
    router.policy = policy
    return router


def messages(content):
    return [{"role": "user", "content": content}]


@contextlib.contextmanager
def asking(door, router, inferior, superior, **options):
    """A function that asks through a door, and gives (answer, or the list of a stream's events,
    headers).
    """
    how = {"max_retries": 0}
    if door == "server":
        with (
            proxy.start(router, inferior, superior, **options) as server,
            openai.OpenAI(base_url=server.url, api_key="none", **how) as client,
        ):
            yield lambda content, **more: asked(client, content, **more)
    elif door == "client":
        with RoutedClient(router, inferior, superior, **options, **how) as client:
            yield lambda content, **more: asked(client, content, **more)
    else:
        loop = asyncio.new_event_loop()
        client = AsyncRoutedClient(router, inferior, superior, **options, **how)
        try:
            yield lambda content, **more: loop.run_until_complete(
                asked_async(client, content, **more)
            )
        finally:
            loop.run_until_complete(client.close())
            loop.close()


def asked(client, content, **more):
    given = {"model": "router", "messages": messages(content), **more}
    raw = client.chat.completions.with_raw_response.create(**given)
    answer = raw.parse()
    return (list(answer) if more.get("stream") else answer), raw.headers


async def asked_async(client, content, **more):
    given = {"model": "router", "messages": messages(content), **more}
    raw = await client.chat.completions.with_raw_response.create(**given)
    answer = raw.parse()
    if more.get("stream"):
        return [event async for event in answer], raw.headers
    return answer, raw.headers


def text_of(answer):
    if not isinstance(answer, list):
        return answer.choices[0].message.content
    pieces = [event.choices[0].delta.content or "" for event in answer if event.choices]
    return "".join(pieces).strip()


@pytest.fixture
def pair():
    with Scripted("small") as small, Scripted("large") as large:
        yield small, large


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("door", DOORS)
def test_a_sure_answer_is_kept_and_a_doubtful_one_escalates(door, stream, pair):
    small, large = pair
    with asking(door, with_policy(BY_LOGPROB), small.url, large.url) as ask:
        answer, headers = ask(EASY_FOR_IT, stream=stream)
        assert text_of(answer) == f"small heard: {EASY_FOR_IT}"
        assert headers["x-router-stage"] == "answer" and headers["x-router-model"] == "small"
        assert headers["x-router-decision"] == "inferior"
        assert headers["x-router-policy"] == CASCADE and float(headers["x-router-gain"]) < 0.5
        assert headers["x-router-calls"] == "inferior=1"
        assert float(headers["x-router-cost"]) == pytest.approx(15 * 0.1 / 1e6)
        assert headers["x-router-cost-unit"] == "dollars"
        assert "x-router-threshold" not in headers and not large.asked

        answer, headers = ask(HARD_FOR_IT, stream=stream)
        assert text_of(answer) == f"large heard: {HARD_FOR_IT}", "not a word of the other"
        assert headers["x-router-stage"] == "answer" and headers["x-router-model"] == "large"
        assert headers["x-router-decision"] == "superior" and float(headers["x-router-gain"]) > 0.5
        assert headers["x-router-calls"] == "inferior=1, superior=1"
        assert float(headers["x-router-cost"]) > 15 * 0.1 / 1e6
    assert large.asked[-1].get("stream", False) == stream and "logprobs" not in large.asked[-1]
    assert all(body["logprobs"] for body in small.asked)


@pytest.mark.parametrize("door", DOORS)
def test_the_caller_sees_what_it_asked_for_and_no_more(door, pair):
    small, large = pair
    with asking(door, with_policy(BY_LOGPROB), small.url, large.url) as ask:
        answer, _ = ask(EASY_FOR_IT)
        assert answer.choices[0].logprobs is None and answer.usage.completion_tokens == 5
        answer, _ = ask(EASY_FOR_IT, logprobs=True, top_logprobs=2)
        assert answer.choices[0].logprobs.content[0].logprob == -0.01
        assert small.asked[-1]["top_logprobs"] == 5
        usage = {"stream_options": {"include_usage": True}}
        events, headers = ask(EASY_FOR_IT, stream=True, **usage)
        assert headers["content-type"].startswith("text/event-stream")
        assert events[-1].usage.completion_tokens == 5 and not events[-1].choices
        assert [event.choices[0].finish_reason for event in events[:-1]] == [None, "stop"]
        events, _ = ask(EASY_FOR_IT, stream=True)
        assert not any(event.usage for event in events)
    assert not any("stream_options" in body for body in small.asked)


@pytest.mark.parametrize("logprobs", ["left out", "refused"])
@pytest.mark.parametrize("door", DOORS)
def test_a_server_without_log_probabilities_is_noticed_and_the_router_alone_decides(
    door, logprobs, caplog
):
    with (
        Scripted("small", logprobs=logprobs) as small,
        Scripted("large") as large,
        caplog.at_level(logging.INFO),
        asking(door, with_policy(BY_LOGPROB), small.url, large.url) as ask,
    ):
        for turn in range(2):
            for content, model in ((HARD_FOR_IT, "small"), (HARD, "large")):
                answer, headers = ask(content)
                assert text_of(answer) == f"{model} heard: {content}"
                assert headers["x-router-stage"] == "prompt"
                assert "gives no log-probabilities" in headers["x-router-note"]
                assert headers["x-router-threshold"] == "0.5000"
            if turn == 0:
                number = len(small.asked)
        assert len(small.asked) == number + 1, "known now: one plain request for the easy prompt"
        assert "logprobs" not in small.asked[-1]
    assert sum("the router alone decides" in r.message and r.levelname == "WARNING"
               for r in caplog.records) == 1  # fmt: skip


def test_the_server_notices_before_the_first_request(caplog):
    router = with_policy(BY_LOGPROB)
    with (
        Scripted("small", logprobs="left out") as small,
        Scripted("large") as large,
        caplog.at_level(logging.INFO),
        proxy.start(router, small.url, large.url) as server,
    ):
        assert "gives no log-probabilities" in caplog.text
        assert "gives no log-probabilities" in server.app.stages.sentence
        with openai.OpenAI(base_url=server.url, api_key="none") as client:
            health = client.get("/../health", cast_to=dict)
        assert "no log-probabilities" in health["policy"]["router_alone_because"]
        assert not large.asked


def test_a_server_that_is_down_at_the_start_is_no_server_without_log_probabilities(pair):
    small, large = pair
    small.down = DOWN
    with proxy.start(with_policy(BY_LOGPROB), small.url, large.url) as server:
        small.down = 0
        with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
            assert asked(client, HARD_FOR_IT)[1]["x-router-stage"] == "answer"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("door", DOORS)
def test_a_slow_first_answer_sends_the_request_up(door, stream, pair):
    small, large = pair
    with asking(door, with_policy(BY_LOGPROB), small.url, large.url, max_wait=0.3) as ask:
        small.wait = 2.0
        start = time.monotonic()
        answer, headers = ask(EASY_FOR_IT, stream=stream)
        assert time.monotonic() - start < 1.8
        assert text_of(answer) == f"large heard: {EASY_FOR_IT}"
        assert headers["x-router-note"] == "no answer to read within 0.3 s"
        assert headers["x-router-decision"] == "superior"
        assert headers["x-router-calls"] == "inferior=1, superior=1"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("door", DOORS)
def test_where_the_first_model_is_down_the_rule_of_fallback_holds(door, stream, pair):
    small, large = pair
    small.down = DOWN
    router = with_policy(BY_LOGPROB)
    with asking(door, router, small.url, large.url, fallback=True) as ask:
        answer, headers = ask(EASY_FOR_IT, stream=stream)
        assert text_of(answer) == f"large heard: {EASY_FOR_IT}"
        assert headers["x-router-fallback"] == "true" and headers["x-router-model"] == "large"
        assert headers["x-router-note"] == "small gave no answer"
    with (
        asking(door, router, small.url, large.url) as ask,
        pytest.raises(openai.InternalServerError, match="no worker"),
    ):
        ask(EASY_FOR_IT, stream=stream)
    nowhere = Backend("http://127.0.0.1:9/v1", "small")
    with asking(door, router, nowhere, large.url, fallback=True) as ask:
        assert ask(EASY_FOR_IT)[1]["x-router-fallback"] == "true"
    with asking(door, router, nowhere, large.url) as ask, pytest.raises(openai.APIError):
        ask(EASY_FOR_IT)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("door", DOORS)
def test_where_the_superior_model_is_down_the_answer_that_was_read_is_shown(door, stream, pair):
    small, large = pair
    large.down = DOWN
    router = with_policy(BY_LOGPROB)
    with asking(door, router, small.url, large.url, fallback=True) as ask:
        answer, headers = ask(HARD_FOR_IT, stream=stream)
        assert text_of(answer) == f"small heard: {HARD_FOR_IT}"
        assert headers["x-router-fallback"] == "true" and headers["x-router-decision"] == "superior"
    assert len(small.asked) == (2 if door == "server" else 1), "asked once, beside the start"
    with (
        asking(door, router, small.url, large.url) as ask,
        pytest.raises(openai.InternalServerError, match="no worker"),
    ):
        ask(HARD_FOR_IT, stream=stream)


TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
IMAGE = [
    {"type": "text", "text": EASY_FOR_IT},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
]


@pytest.mark.parametrize(
    ("content", "more", "why"),
    [
        (HARD_FOR_IT, {"tools": [TOOL]}, "the request offers tools"),
        (IMAGE, {}, "the request holds more than text"),
        (HARD_FOR_IT, {"n": 2}, "the request asks for several answers"),
        (HARD_FOR_IT, {"modalities": ["text", "audio"]}, "the answer is to be more than text"),
        (HARD_FOR_IT, {"extra_headers": {"x-router-threshold": "0.9"}}, "a threshold of its own"),
    ],
)
@pytest.mark.parametrize("door", DOORS)
def test_what_no_signal_tells_about_passes_by_the_second_stage(
    door, content, more, why, pair, caplog
):
    small, large = pair
    with (
        caplog.at_level(logging.INFO),
        asking(door, with_policy(BY_LOGPROB), small.url, large.url) as ask,
    ):
        answer, headers = ask(content, **more)
        assert answer.model == "small" and headers["x-router-stage"] == "prompt"
        assert why in headers["x-router-note"] and why in caplog.text
        assert "logprobs" not in small.asked[-1]
        if "tools" in more:
            assert answer.choices[0].message.tool_calls[0].function.name == "look_up"
            _, headers = ask(HARD, stream=True, **more)
            assert headers["x-router-model"] == "large" and why in headers["x-router-note"]


def test_conversations_that_call_tools_pass_by():
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "t"}]}
    said = {"messages": [*messages("Hi"), called, {"role": "tool", "content": "7"}]}
    assert passes_by(said) == "the conversation calls tools"
    plain = {"messages": messages("Hi"), "n": 1, "tools": [], "modalities": ["text"]}
    assert passes_by(plain) == ""


# --- a second model, and further samples ---


@pytest.mark.parametrize("door", DOORS)
def test_the_second_models_answer_is_asked_for_and_compared(door):
    said = {"Say": "The answer is 1/2.", "Name": "The answer is 7."}
    other = {"Say": "It is \\boxed{0.5}", "Name": "The answer is 8."}
    with (
        Scripted("small", answers=said) as small,
        Scripted("large") as large,
        Scripted("other", answers=other) as second,
        asking(door, with_policy(BY_SECOND), small.url, large.url, second=second.url) as ask,
    ):
        answer, headers = ask("Say it.", temperature=0.2, seed=7)
        assert answer.model == "small" and text_of(answer) == "The answer is 1/2."
        assert headers["x-router-calls"] == "inferior=1, second=1"
        assert float(headers["x-router-cost"]) == 1.5
        assert headers["x-router-cost-unit"] == "superior calls"
        assert second.asked[-1]["model"] == "other" and second.asked[-1]["temperature"] == 0.2
        assert "logprobs" not in small.asked[-1], "not asked for where they are not read"
        answer, headers = ask("Name it.")
        assert answer.model == "large"
        assert headers["x-router-calls"] == "inferior=1, superior=1, second=1"

        second.down = DOWN
        answer, headers = ask("Name it.")
        assert answer.model == "small", "the router alone decides"
        assert "no answer of other (status 503)" in headers["x-router-note"]
        assert headers["x-router-stage"] == "prompt"


@pytest.mark.parametrize("door", DOORS)
def test_a_second_model_that_is_late_counts_as_no_answer_in_time(door):
    router = with_policy(BY_SECOND)
    with (
        Scripted("small") as small,
        Scripted("large") as large,
        Scripted("other", pause=2.0) as second,
        asking(door, router, small.url, large.url, second=second.url, max_wait=0.3) as ask,
    ):
        start = time.monotonic()
        answer, headers = ask(EASY_FOR_IT)
        assert time.monotonic() - start < 1.8
        assert answer.model == "large" and "within 0.3 s" in headers["x-router-note"]


@pytest.mark.parametrize("takes_n", [True, False])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("samples", [2, 3])
def test_further_samples_are_asked_for_as_they_were_when_the_policy_learnt(door, takes_n, samples):
    agreement = {"sample_agreement": Ranks((0.0, 1.0), (-1.0, 1.0), -1)}
    policy = Policy(
        CASCADE,
        SecondLook(0.0, agreement, {"sample_agreement": (4.0, 0.0, 0.0)}),
        threshold=0.5,
        sources=Sources(samples=samples, temperature=0.7),
    )
    with (
        Scripted("small", takes_n=takes_n, answers={"Say": "The answer is 7."}) as small,
        Scripted("large") as large,
        asking(door, with_policy(policy), small.url, large.url) as ask,
    ):
        answer, headers = ask("Say it.", temperature=0, seed=1, stream=True)
        assert text_of(answer) == "The answer is 7." and answer[0].model == "small"
        assert (
            headers["x-router-calls"] == f"inferior={samples}"
            and float(headers["x-router-gain"]) < 0.1
        )
        assert "x-router-cost" in headers, "by its tokens"
        shown = [body for body in small.asked if body.get("seed") == 1]
        beside = [body for body in small.asked if body.get("temperature") == 0.7]
        assert len(shown) == 1 and shown[0]["temperature"] == 0 and shown[0].get("n", 1) == 1
        assert len(beside) == (1 if takes_n else samples - 1) and not any(
            "stream" in b for b in beside
        )


# --- what cannot be carried out, and says so ---


@pytest.mark.parametrize(
    ("policy", "options", "says"),
    [
        (BY_SECOND, {}, "compares answers with those of other, which has no address"),
        (BY_LOGPROB, {"threshold": 0.4}, "A threshold is given (0.4)"),
        (dataclasses.replace(BY_LOGPROB, look=look(confidence=-1)), {}, "not measured here (conf"),
    ],
)
def test_a_policy_that_cannot_be_carried_out_says_why(policy, options, says, pair, caplog):
    small, large = pair
    with RoutedClient(with_policy(policy), small.url, large.url, **options) as client:
        answer, headers = asked(client, EASY_FOR_IT)
    assert answer.model == "small" and says in headers["x-router-note"] and says in caplog.text
    assert headers["x-router-stage"] == "prompt" and "logprobs" not in small.asked[-1]


def test_the_first_decision_sends_prompts_straight_up(pair):
    small, large = pair
    everything_up = dataclasses.replace(BY_LOGPROB, threshold=float("-inf"))
    with RoutedClient(with_policy(everything_up), small.url, large.url) as client:
        _, headers = asked(client, EASY)
    assert headers["x-router-model"] == "large" and headers["x-router-stage"] == "prompt"
    assert headers["x-router-calls"] == "superior=1" and not small.asked


def test_without_a_policy_nothing_changes(pair):
    small, large = pair
    with RoutedClient(small_router(), small.url, large.url) as client:
        _, headers = asked(client, EASY)
    assert not {"x-router-stage", "x-router-calls", "x-router-note"} & set(headers)
    assert "logprobs" not in small.asked[-1]


def test_a_policy_is_carried_out_by_the_base_installation(pair, tmp_path):
    """Without torch, scipy and scikit-learn, which only training needs."""
    small, large = pair
    with_policy(BY_LOGPROB).save(tmp_path / "r")
    code = f"""
import only_base
from routerlib import RoutedClient, Router
router = Router.from_pretrained({str(tmp_path / "r")!r})
with RoutedClient(router, {small.url!r}, {large.url!r}) as client:
    said = [{{"role": "user", "content": {HARD_FOR_IT!r}}}]
    print(client.chat.completions.create(model="router", messages=said).model)
"""
    where = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = os.environ | {"PYTHONPATH": where}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert found.stdout.strip() == "large", found.stderr[-2000:]


def test_a_saved_router_carries_its_policy(tmp_path):
    saved = Router.from_pretrained(with_policy(BY_SECOND).save(tmp_path / "r"))
    assert saved.policy == BY_SECOND
    facts = json.loads((tmp_path / "r" / "router.json").read_text())
    for name in ("sources", "usual_costs", "unit"):
        del facts["policy"][name]  # as an earlier version wrote it
    (tmp_path / "r" / "router.json").write_text(json.dumps(facts))
    assert Router.from_pretrained(tmp_path / "r").policy.sources == Sources()


@pytest.mark.parametrize("wait", [0, -1, "soon", float("nan")])
def test_a_max_wait_that_is_no_time_is_a_sentence(wait, router):
    with pytest.raises(SettingError, match="MAX_WAIT"):
        RoutedClient(router, "http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1", max_wait=wait)


def test_a_copy_of_a_client_goes_on_reading(pair):
    small, large = pair
    options = {"max_wait": 20.0}
    with RoutedClient(with_policy(BY_LOGPROB), small.url, large.url, **options) as client:
        changed = client.with_options(timeout=5)
        assert changed.board.max_wait == 20.0
        assert asked(changed, HARD_FOR_IT)[1]["x-router-stage"] == "answer"


# --- hostile answers ---


@pytest.mark.parametrize("door", DOORS)
def test_a_wrong_key_is_handed_on_as_it_came(door, pair):
    small, large = pair
    small.down = 401
    with (
        asking(door, with_policy(BY_LOGPROB), small.url, large.url, fallback=True) as ask,
        pytest.raises(openai.AuthenticationError, match="no worker"),
    ):
        ask(EASY_FOR_IT)
    assert not large.asked


def test_expressions_that_hang_do_not_hold_up_the_server():
    hang = {"Say": "The answer is 9^{9^{9^{9}}}."}
    other = {"Say": "The answer is 8^{9^{9^{9}}}."}
    with (
        Scripted("small", answers=hang) as small,
        Scripted("large") as large,
        Scripted("other", answers=other) as second,
        asking("server", with_policy(BY_SECOND), small.url, large.url, second=second.url) as ask,
    ):
        start = time.monotonic()
        answer, _ = ask("Say it.")
        assert answer.choices and time.monotonic() - start < 20


def test_an_answer_that_cannot_be_read_is_left_to_the_router(pair, monkeypatch):
    def fail(*_):
        raise ImportError("no encoder here")

    small, large = pair
    monkeypatch.setattr("routerlib.answers.signals.measure", fail)
    with RoutedClient(with_policy(BY_LOGPROB), small.url, large.url) as client:
        answer, headers = asked(client, HARD_FOR_IT)
    assert answer.model == "small" and headers["x-router-stage"] == "prompt"
    assert headers["x-router-note"] == "the answer could not be read (ImportError)"


def test_a_caller_that_leaves_lets_the_first_model_go(pair):
    small, large = pair
    small.wait = 1.0
    router = with_policy(BY_LOGPROB)
    with proxy.start(router, small.url, large.url) as server:
        before = threading.active_count()
        with (
            openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client,
            pytest.raises(openai.APITimeoutError),
        ):
            client.with_options(timeout=0.2).chat.completions.create(
                model="router", messages=messages(EASY_FOR_IT)
            )
        time.sleep(1.5)
        assert server.app.metrics.in_flight._value.get() == 0 and not large.asked
        assert threading.active_count() <= before + 3


def test_metrics_count_stages(pair):
    small, large = pair
    with proxy.start(with_policy(BY_LOGPROB), small.url, large.url) as server:
        with openai.OpenAI(base_url=server.url, api_key="none") as client:
            asked(client, EASY_FOR_IT)
            asked(client, HARD_FOR_IT)
        counted = server.app.metrics.stages
        for decision in ("inferior", "superior"):
            assert counted.labels("answer", decision)._value.get() == 1


def test_the_note_names_nothing_of_the_prompt(pair, caplog):
    small, large = pair
    with (
        caplog.at_level(logging.INFO),
        proxy.start(with_policy(BY_LOGPROB), small.url, large.url) as server,
        openai.OpenAI(base_url=server.url, api_key="none") as client,
    ):
        asked(client, "a secret, hard")
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("routerlib")]
    assert any("stage=answer: expected gain" in line for line in ours)
    assert not any("secret" in line for line in ours)
    assert stages.NOTE == "x-router-note"
