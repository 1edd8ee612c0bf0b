"""LiteLLM's classifier plugin: alone, and inside a real LiteLLM proxy where one is installed."""

import asyncio
import os
import re
import secrets
import socket
import subprocess
import time
import types
from pathlib import Path

import httpx2
import openai
import pytest
from small_router import EASY, HARD
from upstream import Upstream

from routerlib.serving import litellm_plugin
from routerlib.serving.switchboard import RequestError
from routerlib.training.router import RouterError

ROOT = Path(__file__).parents[2]
KEY = f"sk-{secrets.token_hex(32)}"  # without one, the proxy does not start
PYTHON = os.environ.get("ROUTERLIB_LITELLM_PYTHON")


def context(*messages):
    return types.SimpleNamespace(structured_messages=tuple(messages))


def user(text):
    return {"role": "user", "content": text}


def test_a_tier_is_named_for_each_side(router):
    classifier = litellm_plugin.Classifier(router)

    async def ask():
        parts = user([{"type": "text", "text": HARD}])
        return await asyncio.gather(
            *(classifier.classify(context(one)) for one in (user(EASY), user(HARD), parts))
        )

    assert asyncio.run(ask()) == ["SIMPLE", "REASONING", "REASONING"]


def test_the_whole_conversation_is_scored(router):
    """The last message alone is an easy one."""
    classifier = litellm_plugin.Classifier(router)
    said = (user(HARD), {"role": "assistant", "content": "Which theorem?"}, user("This one."))
    expected = router.route([list(said)])[0].model
    assert asyncio.run(classifier.classify(context(*said))) == litellm_plugin.TIERS[expected]


def test_a_request_without_messages_is_refused(router):
    with pytest.raises(RequestError, match="messages"):
        asyncio.run(litellm_plugin.Classifier(router).classify(context()))


def test_the_router_is_the_one_of_the_environment(router, tmp_path, monkeypatch):
    litellm_plugin.load_routers_classifier.cache_clear()
    monkeypatch.setenv("ROUTERLIB_ROUTER", str(tmp_path / "none"))
    with pytest.raises(RouterError, match="There is no folder"):
        _ = litellm_plugin.classifier
    monkeypatch.setenv("ROUTERLIB_ROUTER", str(router.save(tmp_path / "mine")))
    assert litellm_plugin.classifier.router.name == router.name
    assert litellm_plugin.classifier is litellm_plugin.classifier
    with pytest.raises(AttributeError, match="other"):
        _ = litellm_plugin.other
    litellm_plugin.load_routers_classifier.cache_clear()


# --- a real proxy ---


def configuration(url):
    """The one that docs/deployment.md shows, with both models at one address."""
    page = (ROOT / "docs" / "deployment.md").read_text()
    (shown,) = re.findall(r"```yaml\n(model_list:.*?)```", page, flags=re.DOTALL)
    return re.sub(r"http://127\.0\.0\.1:800[01]/v1", url, shown)


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


@pytest.fixture
def proxy(router, tmp_path):
    """A LiteLLM proxy with the plugin: (its address, the models behind it)."""
    if not PYTHON:
        pytest.skip("ROUTERLIB_LITELLM_PYTHON names no Python with litellm[proxy] and routerlib")
    port, log = free_port(), tmp_path / "proxy.log"
    saved = router.save(tmp_path / "router")
    with Upstream() as upstream, open(log, "wb") as out:
        (tmp_path / "config.yaml").write_text(configuration(upstream.url))
        words = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(
            [str(Path(PYTHON).parent / "litellm"), *words, "--telemetry", "False"],
            cwd=tmp_path,
            env=os.environ
            | {
                "ROUTERLIB_ROUTER": str(saved),
                "PYTHONPATH": str(ROOT),
                "LITELLM_MASTER_KEY": KEY,
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "NO_PROXY": "*",
            },
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/health/liveliness", process, log)
            yield f"http://127.0.0.1:{port}", upstream
        finally:
            process.terminate()
            process.wait(20)


def wait_for(address, process, log):
    for _ in range(480):
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if httpx2.get(address, timeout=1).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.25)
    raise AssertionError(log.read_text()[-3000:])


# LiteLLM's own heuristic takes the first for an easy one, the second for a hard one.
SHORT = "Prove the formula."
WORDY = (
    "What is the capital? Let's think through and reason: analyze the kubernetes architecture, "
    "evaluate the distributed database and the algorithm complexity."
)


@pytest.mark.real
def test_a_litellm_proxy_routes_through_a_saved_router(proxy):
    address, upstream = proxy
    client = openai.OpenAI(base_url=address, api_key=KEY, max_retries=0)
    for prompt, model in ((EASY, "small"), (SHORT, "large"), (WORDY, "small"), (HARD, "large")):
        answer = client.chat.completions.create(model="routed", messages=[user(prompt)])
        assert answer.choices[0].message.content == f"{model} heard: {prompt}"
    assert [body["model"] for body in upstream.bodies] == ["small", "large", "small", "large"]
    # Streams go the same way, and a conversation is more than its last message.
    easy = [user("Hello."), {"role": "assistant", "content": "Hello!"}, user(EASY)]
    for said, model in ((easy, "small"), ([user(HARD)], "large")):
        with client.chat.completions.create(model="routed", messages=said, stream=True) as stream:
            words = [one.choices[0].delta.content or "" for one in stream if one.choices]
        assert "".join(words).strip() == f"{model} heard: {said[-1]['content']}"
        assert upstream.bodies[-1]["messages"] == said
