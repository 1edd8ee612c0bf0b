"""The whole way of a second look on each real engine: collected, graded, read, learnt from, served.

vLLM gives log-probabilities; `transformers serve` gives none, which has to be said in words.
"""

import asyncio

import openai
import pytest
from small_router import small_router

from routerlib.answers import annotation, grading
from routerlib.collecting import collection
from routerlib.endpoints import engines
from routerlib.rows import jsonl
from routerlib.rows.schemas import LabelledPrompt
from routerlib.serving import proxy
from routerlib.serving.routed_clients import AsyncRoutedClient, Backend, RoutedClient
from routerlib.training.policies import CASCADE, Policy
from routerlib.training.second_look import Ranks, SecondLook

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
NUMBER = 24
FROM_LOGPROBS = {"mean_logprob", "lowest_logprob"}


def gives_logprobs(place):
    return place.server.engine == engines.VLLM


def collected(place, file, **more):
    how = {"num_problems": NUMBER, "max_tokens": 16, "stop": "\n", "progress": False}
    how |= {"output_file": file} | more
    return asyncio.run(collection.collect("sample", place.model, place.base_url, **how))


def renamed(path, model):
    """The answers of a file as another model's: one server has to stand for three."""
    rows = [row | {"model": model} for _, row in jsonl.read_values(path)]
    jsonl.write_rows(path, rows)


def test_signals_from_collection_to_outcomes(place, tmp_path, capsys):
    collected(place, tmp_path / "small.jsonl", k_responses=2, logprobs=True)
    said = capsys.readouterr().out
    other = collected(place, tmp_path / "other.jsonl", k_responses=1)
    large = collected(place, tmp_path / "large.jsonl", k_responses=1)
    renamed(other.path, "other")
    renamed(large.path, "large")
    graded = grading.grade(tmp_path, tmp_path / "graded", progress=False)
    sides = [
        grading.graded_files_of(graded.files, name) for name in (place.model, "large", "other")
    ]
    rows, _ = grading.join_outcomes(*sides[:2])
    assert len(rows) == NUMBER
    rows = annotation.annotate(rows, *sides, output=tmp_path / "outcomes.jsonl")
    read = list(jsonl.read_rows(tmp_path / "outcomes.jsonl", LabelledPrompt))
    assert [row.inferior_signals for row in read] == [row.inferior_signals for row in rows]
    told = [row.inferior_signals or {} for row in rows]
    assert all(row.signals_from["second_model"] == "other" for row in rows)
    assert all(row.signals_from["samples"] == 2 for row in rows)
    assert sum("second_agreement" in signals for signals in told) > NUMBER / 2
    assert sum("sample_agreement" in signals for signals in told) > NUMBER / 2
    with_logprobs = [signals for signals in told if signals.keys() >= FROM_LOGPROBS]
    if gives_logprobs(place):
        assert len(with_logprobs) == NUMBER
        means = [signals["mean_logprob"] for signals in told]
        assert all(-20 < mean <= 0 for mean in means) and len(set(means)) > NUMBER / 2
        assert any("letter_margin" in signals for signals in told)
        assert "gives no log-probabilities" not in said
    else:
        assert not with_logprobs, "missing, not zero"
        assert "gives no log-probabilities, so 04 has no signals of them" in said


def policy(threshold):
    """Escalates where the expected gain, which rises as the mean log-probability falls, is high."""
    ranks = {"mean_logprob": Ranks((-3.0, 0.0), (-1.0, 1.0), -1)}
    look = SecondLook(0.0, ranks, {"mean_logprob": (4.0, 0.0, 0.0)})
    return Policy(CASCADE, look, threshold=threshold)


def reading_router(place, threshold):
    router = small_router()
    router.policy = policy(threshold)
    return router, Backend(place.base_url, place.model), Backend(place.base_url, place.model)


@pytest.mark.parametrize(("threshold", "decision"), [(1.1, "inferior"), (-1.0, "superior")])
def test_answers_are_read_before_they_are_shown(place, threshold, decision):
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    how = {"model": "router", "messages": messages, "max_tokens": 8}

    async def asynchronously(parts):
        async with AsyncRoutedClient(*parts) as client:
            raw = await client.chat.completions.with_raw_response.create(**how)
            return raw.headers

    def through_the_server(parts):
        with (
            proxy.start(*parts) as server,
            openai.OpenAI(base_url=server.url, api_key="none") as client,
        ):
            raw = client.chat.completions.with_raw_response.create(**how, stream=True)
            text = [event.choices[0].delta.content for event in raw.parse() if event.choices]
            return raw.headers, "".join(filter(None, text))

    parts = reading_router(place, threshold)
    with RoutedClient(*parts) as client:
        raw = client.chat.completions.with_raw_response.create(**how)
        assert raw.parse().choices[0].logprobs is None
    streamed, text = through_the_server(parts)
    for headers in (raw.headers, asyncio.run(asynchronously(parts)), streamed):
        if gives_logprobs(place):
            assert headers["x-router-stage"] == "answer"
            assert headers["x-router-decision"] == decision
            assert -1 <= float(headers["x-router-gain"]) <= 1
        else:
            assert headers["x-router-stage"] == "prompt"
            assert "gives no log-probabilities" in headers["x-router-note"]
    assert text.strip()
