"""What talks to a model, on each real engine: collecting, chat, labels, an engine that is lost.

The stand-in models, served by vLLM's CPU build and by `transformers serve`. An engine that is not
installed here is skipped, with what to do about it.
"""

import asyncio
import os
import signal
from collections import Counter

import psutil
import pytest

from routerlib import settings
from routerlib.collecting import collection
from routerlib.endpoints import clients, engines, servers
from routerlib.labels import labelling
from routerlib.rows import jsonl

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
MODEL = "standin-inferior"


def is_vllm(place):
    return place.server.engine == engines.VLLM


def collect(place, **more):
    how = {"num_problems": 6, "max_tokens": 16, "stop": "\n", "max_concurrent": 4}
    how |= {"progress": False, "output_file": "real.jsonl"} | more
    return collection.collect("sample", place.model, place.base_url, **how)


def rows(summary):
    found = [value for _, value in jsonl.read_values(summary.path)]
    ids = Counter(row["unique_id"] for row in found)
    assert set(ids.values()) <= {1}, f"doubled: {ids}"
    return found


def test_it_listens_on_this_machine_only(place):
    process = psutil.Process(place.server.pid)
    listening = {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def test_another_model_is_not_served_there(place):
    assert servers._other_than("standin-superior", place.base_url)
    assert servers._other_than(MODEL, place.base_url) is None


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_k_samples_come_and_end_at_the_stop_string(place, endpoint):
    summary = asyncio.run(collect(place, endpoint=endpoint, output_file=f"{endpoint}.jsonl"))
    assert (summary.complete, summary.samples, summary.failed) == (6, 18, 0)
    texts = [sample["full_response"] for row in rows(summary) for sample in row["responses"]]
    assert len(texts) == 18 and not any("\n" in text or "<|" in text for text in texts)
    assert len(set(texts)) > 6, "samples of one question differ"
    again = asyncio.run(collect(place, endpoint=endpoint, output_file=f"{endpoint}.jsonl"))
    assert again.samples == 0, "nothing is asked twice"


def test_vllm_gives_all_samples_in_one_request(place):
    if not is_vllm(place):
        pytest.skip("`transformers serve` ignores n")

    async def main():
        async with clients.connect(place.base_url) as client:
            endpoint = clients.Endpoint(client, MODEL, max_tokens=8)
            return await endpoint.sample("2 + 2 =", n=4)

    answer = asyncio.run(main())
    assert len(answer.samples) == 4 and answer.completion_tokens


def test_labels_by_log_probabilities(place, tmp_path):
    if not is_vllm(place):
        pytest.skip("`transformers serve` gives no log-probabilities")
    prompt, _ = labelling.load_prompt()
    known = labelling.known_labels()[:8]
    labeller = labelling.Labeller(MODEL, place.base_url, prompt)
    run = asyncio.run(labelling.label(known, labeller, tmp_path, progress=False))
    assert run.method == labelling.LOGPROBS
    assert (run.labelled, run.failed, run.unparsable) == (8, 0, 0)
    shares = {row["p_superior"] for _, row in jsonl.read_values(run.path)}
    assert len(shares) > 1 and all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_an_engine_lost_in_mid_collection_is_started_again(place, how):
    """Nothing is lost and nothing is doubled, whatever the moment."""
    if is_vllm(place) and how == "stopped":
        pytest.skip("who stops a server does not ask which engine it is, and vLLM starts slowly")
    lost = place.server

    async def main():
        work = asyncio.create_task(
            collect(place, num_problems=16, k_responses=2, output_file=f"{how}.jsonl")
        )
        found = settings.outputs("responses", f"{how}.jsonl")
        while not (found.exists() and found.stat().st_size):
            await asyncio.sleep(0.02)
            assert not work.done(), "it was too quick to be disturbed"
        if how == "killed":
            os.killpg(lost.pid, signal.SIGKILL)
        else:
            await asyncio.to_thread(servers.stop, lost.port, force=True)
        return await work

    summary = asyncio.run(main())
    assert (summary.complete, summary.failed) == (16, 0)
    assert [len(row["responses"]) for row in rows(summary)] == [2] * 16
    assert place.server.pid != lost.pid and not servers.is_alive(lost)
