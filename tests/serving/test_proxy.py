"""The router server, asked by clients that nobody here wrote: the openai SDK, LiteLLM and curl."""

import asyncio
import gzip
import json
import os
import shutil
import subprocess
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path

import httpx2
import openai
import pytest
from small_router import EASY, HARD
from upstream import nonsense

try:
    from compression import zstd
except ImportError:
    from backports import zstd

from routerlib.errors import Foreseen
from routerlib.serving import proxy
from routerlib.serving.proxy import Limits
from routerlib.serving.switchboard import Backend, Switchboard

CHOICE = {"type": "choice", "name": "route", "instructions": "Which model?"}
CHOICE |= {"choices": [{"value": "inferior"}, {"value": "superior"}]}


def body(text, **more):
    return {"model": "router", "messages": [{"role": "user", "content": text}], **more}


def root(server):
    return server.url.removesuffix("/v1")


# --- the openai SDK ---


def test_routes_for_the_openai_sdk(client):
    assert client.chat.completions.create(**body(EASY)).model == "small"
    raw = client.chat.completions.with_raw_response.create(**body(HARD))
    assert raw.parse().model == "large"
    assert raw.headers["x-router-decision"] == "superior"
    assert 0.5 < float(raw.headers["x-router-score"]) <= 1
    assert raw.headers["x-request-id"] == "r1"  # the model's own headers come through


def test_streams_for_the_openai_sdk(client):
    chunks = list(
        client.chat.completions.create(
            **body(HARD), stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.strip() == f"large heard: {HARD}"
    assert chunks[-1].usage.prompt_tokens == 7


def test_arguments_and_unknown_fields_arrive_untouched(client, upstream):
    client.chat.completions.create(
        **body("Grüße, 世界"), seed=3, extra_body={"x": {"y": [None, 1.5]}}
    )
    sent = upstream.bodies[-1]
    assert (sent["seed"], sent["x"]) == (3, {"y": [None, 1.5]})
    assert sent["messages"][0]["content"] == "Grüße, 世界"
    assert "authorization" not in upstream.headers[-1]  # the caller's key is not passed on


def test_a_callers_key_goes_no_further_by_whatever_name(server, upstream):
    names = ("api-key", "x-api-key", "x-goog-api-key")
    headers = dict.fromkeys(names, "s3cret") | {"x-trace": "7"}
    httpx2.post(f"{server.url}/chat/completions", json=body(EASY), headers=headers)
    assert upstream.headers[-1]["x-trace"] == "7"
    assert "s3cret" not in upstream.headers[-1].values()


def test_a_request_in_another_encoding_is_told_as_it_is_sent_on(server, upstream):
    content = json.dumps(body(EASY)).encode("utf-16")
    headers = {"content-type": "application/json; charset=utf-16"}
    answer = httpx2.post(f"{server.url}/chat/completions", content=content, headers=headers)
    assert answer.status_code == 200
    assert upstream.headers[-1]["content-type"] == "application/json"


def test_lists_its_models(client):
    assert [model.id for model in client.models.list()] == ["router", "small", "large"]
    assert client.models.retrieve("large").id == "large"
    with pytest.raises(openai.NotFoundError, match="no model 'meta/llama-9' here"):
        client.models.retrieve("meta/llama-9")


# --- other clients ---


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_answers_curl(server):
    command = [
        "curl",
        "-s",
        "-i",
        f"{server.url}/chat/completions",
        "-H",
        "Content-Type: application/json",
    ]
    done = subprocess.run(
        [*command, "-d", json.dumps(body(HARD))], capture_output=True, text=True, timeout=30
    )
    head, _, text = (
        done.stdout.partition("\n\n")
        if "\r" not in done.stdout
        else done.stdout.partition("\r\n\r\n")
    )
    assert "200 OK" in head
    assert "x-router-decision: superior" in head.lower()
    assert json.loads(text)["model"] == "large"


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_streams_to_curl(server):
    command = [
        "curl",
        "-sN",
        f"{server.url}/chat/completions",
        "-H",
        "Content-Type: application/json",
    ]
    done = subprocess.run(
        [*command, "-d", json.dumps(body(EASY, stream=True))],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.rstrip().endswith("data: [DONE]")
    assert '"model": "small"' in done.stdout


def litellm_python():
    """A Python that has LiteLLM: this one, or the one that ROUTERLIB_LITELLM_PYTHON names."""
    return sys.executable if find_spec("litellm") else os.environ.get("ROUTERLIB_LITELLM_PYTHON")


LITELLM = """
import json, sys, litellm
url, easy, hard = sys.argv[1:]
ask = dict(api_base=url, api_key="none")
of = lambda text: [{"role": "user", "content": text}]
print(json.dumps({
    "easy": litellm.completion(model="openai/router", messages=of(easy), **ask).model,
    "hard": litellm.completion(model="openai/router", messages=of(hard), **ask).model,
    "stream": "".join(
        chunk.choices[0].delta.content or ""
        for chunk in litellm.completion(
            model="openai/router", messages=of(hard), stream=True, **ask
        )
    ),
}))
"""


@pytest.mark.skipif(
    not litellm_python(), reason="no LiteLLM: set ROUTERLIB_LITELLM_PYTHON to a Python that has it"
)
def test_answers_litellm(server):
    done = subprocess.run(
        [litellm_python(), "-c", LITELLM, server.url, EASY, HARD],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["easy"].endswith("small")
    assert told["hard"].endswith("large")
    assert told["stream"].strip() == f"large heard: {HARD}"


LITELLM_DECIDES = """
import json, sys, litellm
url, hard, question = sys.argv[1:]
answer = litellm.decisions(model="openai/router", input=hard, questions=[json.loads(question)],
                           api_base=url, api_key="none")
print(answer.model_dump_json())
"""


@pytest.mark.skipif(
    not litellm_python(), reason="no LiteLLM: set ROUTERLIB_LITELLM_PYTHON to a Python that has it"
)
def test_decides_for_litellm(server):
    command = [litellm_python(), "-c", LITELLM_DECIDES, server.url, HARD, json.dumps(CHOICE)]
    env = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    if "has no attribute 'decisions'" in done.stderr:
        pytest.skip("this LiteLLM has no decisions yet")
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout.strip().splitlines()[-1])["answers"][0]
    assert answer["choice"] == "superior"
    assert answer["probabilities"][1]["probability"] > 0.5


# --- health, metrics, limits, keys ---


def test_tells_its_health_and_its_metrics(server, client):
    client.chat.completions.create(**body(HARD))
    health = httpx2.get(f"{root(server)}/health").json()
    assert health == {"status": "ok", "router": "small-tfidf", "threshold": 0.5}
    text = httpx2.get(f"{root(server)}/metrics").text
    assert 'routerlib_requests_total{decision="superior",status="200"}' in text
    assert "routerlib_p_superior_bucket" in text
    assert HARD not in text


def test_paths_that_are_not_there_get_a_sentence(server):
    response = httpx2.get(f"{server.url}/embeddings")
    assert response.status_code == 404
    assert "/v1/chat/completions" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/chat/completions",
        "/v1/chat/completions/",
        "//v1//chat/completions",
        "/v1/v1/chat/completions",
    ],
)
def test_a_path_may_be_written_in_the_ways_people_write_it(server, path):
    assert httpx2.post(root(server) + path, json=body(EASY)).json()["model"] == "small"
    assert httpx2.get(f"{root(server)}/health/").json()["status"] == "ok"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_request_may_be_packed(server, upstream, encoding):
    plain = json.dumps(body("Say hello, packed")).encode()
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}[encoding]
    headers = {"content-type": "application/json", "content-encoding": encoding}
    response = httpx2.post(f"{server.url}/chat/completions", content=pack(plain), headers=headers)
    assert response.json()["model"] == "small"
    assert "content-encoding" not in upstream.headers[-1]
    broken = httpx2.post(f"{server.url}/chat/completions", content=plain, headers=headers)
    assert broken.status_code == 400
    assert f"cannot be unpacked: the body is no {encoding}" in broken.text
    unknown = httpx2.post(
        f"{server.url}/chat/completions",
        content=plain,
        headers=headers | {"content-encoding": "br"},
    )
    assert unknown.status_code == 415
    assert "'br' is not known here" in unknown.text


def test_a_packed_request_is_as_large_as_what_it_unpacks_to(router, upstream):
    packed = gzip.compress(json.dumps(body("x" * 2_000_000)).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    with proxy.start(
        router, upstream.url, upstream.url, limits=Limits(max_bytes=1_000_000)
    ) as server:
        response = httpx2.post(f"{server.url}/chat/completions", content=packed, headers=headers)
    assert response.status_code == 413


def test_further_names_can_be_allowed(router, upstream):
    names = ["host.docker.internal", " Router.Example "]
    with proxy.start(router, upstream.url, upstream.url, hosts=names) as server:
        for host, status in (
            ("host.docker.internal:8080", 200),
            ("router.example", 200),
            ("localhost", 200),
            ("[::1]:8080", 200),
            ("evil.example", 403),
            ("host.docker.internal.evil.example", 403),
        ):
            answer = httpx2.post(
                f"{server.url}/chat/completions", json=body(EASY), headers={"host": host}
            )
            assert answer.status_code == status, host
        assert server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("content", "headers", "status", "said"),
    [
        ("{", {}, 400, "no valid JSON"),
        ("[" * 100_000, {}, 400, "no valid JSON"),
        ("[]", {}, 400, "a JSON object"),
        ('{"model": "router"}', {}, 400, "no `messages`"),
        (json.dumps({**body("hi"), "model": ["router"]}), {}, 404, "no model ['router']"),
        ('{"model": "\\ud800", "messages": []}', {}, 404, "no model '\\ud800'"),
        ('{"model": "router", "n": 1' + "0" * 5000 + "}", {}, 400, "no valid JSON"),
        (b"\xff\xfe{", {}, 400, "no valid JSON"),
        ('{"model": "router", "top_p": NaN}', {}, 400, "NaN is no number there"),
        (json.dumps(body("hi")), {"content-type": "text/plain"}, 415, "application/json"),
        (
            json.dumps(body("hi")),
            {"host": "evil.example"},
            403,
            "localhost only, not to 'evil.example'",
        ),
        (json.dumps({**body("hi"), "model": "gpt-9"}), {}, 404, "'small', 'large'"),
        (json.dumps(body("hi")), {"x-router-threshold": "2"}, 400, "from 0 to 1"),
        (json.dumps(body("x" * 2_000_000)), {}, 413, "larger than 1,000,000 bytes"),
    ],
)
def test_bad_requests_are_refused_in_words(router, upstream, content, headers, status, said):
    with proxy.start(
        router, upstream.url, upstream.url, limits=Limits(max_bytes=1_000_000)
    ) as server:
        headers = {"content-type": "application/json"} | headers
        response = httpx2.post(f"{server.url}/chat/completions", content=content, headers=headers)
        assert response.status_code == status
        assert said in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "kind", ["closes", "noise", "page", "page_502", "half", "cut", "cut_stream"]
)
def test_a_model_that_sends_nonsense_makes_no_traceback(router, kind, capfd, caplog):
    with nonsense(kind) as url, proxy.start(router, url, url) as server:
        try:
            asked = body(EASY, stream=kind == "cut_stream")
            response = httpx2.post(f"{server.url}/chat/completions", json=asked)
        except httpx2.TransportError:
            assert kind == "cut", "an answer that was cut off is not passed on as if it were whole"
        else:
            told = {
                "closes": "cannot be reached",
                "noise": "is no HTTP",
                "page": "sent a web page in place of an answer of small",
                "cut_stream": "broke off",
            }
            assert told.get(kind, "") in response.text
            is_error = kind in ("closes", "noise", "page", "page_502")
            assert response.status_code == (502 if is_error else 200)
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())


def test_what_stands_in_the_way_is_told_at_the_start(router, upstream):
    def told(inferior, superior):
        return asyncio.run(proxy.doubts(Switchboard(router, inferior, superior)))

    large = Backend(upstream.url, "large")
    assert told(large, large) == []
    [dead] = told(large, Backend("http://127.0.0.1:9/v1", "big"))
    assert (
        "Nothing answers at http://127.0.0.1:9/v1, where the superior model big should be" in dead
    )
    assert "python -m routerlib serve --model big --port 9" in dead
    [other] = told(Backend(upstream.url, "small"), large)
    assert "does not offer 'small' (but large)" in other and "--inferior-model" in other


def test_a_command_that_is_shown_is_safe_to_copy(router):
    """The model's name may come out of a router's folder that somebody else has made."""
    named = Backend("http://127.0.0.1:9/v1", "m; rm -rf ~")
    told = asyncio.run(proxy.doubts(Switchboard(router, named, named)))
    assert "serve --model 'm; rm -rf ~' --port 9" in told[0]


def test_a_key_is_asked_for_everywhere_but_at_health(router, upstream):
    with proxy.start(router, upstream.url, upstream.url, api_key="s3cret") as server:
        for key, expected in (("s3cret", 200), ("s3cre", 401), ("", 401), ("ßecret", 401)):
            headers = {"authorization": f"Bearer {key}".encode()} if key else {}
            chat = httpx2.post(f"{server.url}/chat/completions", json=body(EASY), headers=headers)
            metrics = httpx2.get(f"{root(server)}/metrics", headers=headers)
            assert (chat.status_code, metrics.status_code) == (expected, expected)
        assert httpx2.get(f"{root(server)}/health").status_code == 200
        with pytest.raises(openai.AuthenticationError, match="Authorization: Bearer"):
            openai.OpenAI(base_url=server.url, api_key="wrong").chat.completions.create(
                **body(EASY)
            )


@pytest.mark.parametrize("down", ["down", "dead"])
def test_falls_back_only_if_told_to(router, upstream, down):
    superior = Backend("http://127.0.0.1:9/v1" if down == "dead" else upstream.url, down)
    inferior = Backend(upstream.url, "small")
    with proxy.start(router, inferior, superior, fallback=True) as server:
        response = httpx2.post(f"{server.url}/chat/completions", json=body(HARD))
        assert response.json()["model"] == "small"
        assert response.headers["x-router-fallback"] == "true"
        assert (
            'routerlib_fallbacks_total{asked_first="superior"} 1.0'
            in httpx2.get(f"{root(server)}/metrics").text
        )
    with proxy.start(router, inferior, superior) as server:
        response = httpx2.post(f"{server.url}/chat/completions", json=body(HARD))
        assert response.status_code == (502 if down == "dead" else 503)
        assert response.headers["x-router-decision"] == "superior"
        if down == "dead":
            assert "cannot be reached" in response.json()["error"]["message"]


def test_a_silent_model_is_a_timeout(router, upstream):
    slow = Backend(upstream.url, "slow")
    with proxy.start(router, slow, slow, limits=Limits(timeout=0.3)) as server:
        response = httpx2.post(f"{server.url}/chat/completions", json=body(EASY))
        assert response.status_code == 504
        assert "did not answer in time" in response.json()["error"]["message"]


def test_a_caller_that_leaves_frees_the_model(router, upstream):
    slow = Backend(upstream.url, "slow")
    upstream.left.clear()
    with proxy.start(router, slow, slow) as server:
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{server.url}/chat/completions", json=body(EASY), timeout=0.5)
        assert upstream.left.wait(10)


def test_an_answer_that_breaks_off_is_an_error_not_an_end(router):
    async def run():
        async def half_an_answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            head = (
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
                b"chunked\r\n\r\n"
            )
            event = (
                b'data: {"id":"1","object":"chat.completion.chunk","created":1,'
                b'"model":"small","choices":[]}\n\n'
            )
            writer.write(head + f"{len(event):x}\r\n".encode() + event + b"\r\n")
            await writer.drain()
            writer.close()

        broken = await asyncio.start_server(half_an_answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{broken.sockets[0].getsockname()[1]}/v1"
        server = await asyncio.to_thread(proxy.start, router, url, url)
        async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
            stream = await client.chat.completions.create(**body(EASY), stream=True)
            with pytest.raises(openai.APIError, match="broke off"):
                [chunk async for chunk in stream]
        await asyncio.to_thread(server.stop)
        broken.close()

    asyncio.run(run())


class Failing:
    """A router that fails with the prompt in the error's text."""

    name, threshold, models = "failing", 0.5, {"inferior": "small", "superior": "large"}

    def score(self, prompts):
        raise ValueError(f"cannot score {prompts[0][-1].content}")


def test_neither_log_nor_answer_holds_a_prompt_unless_asked(router, upstream, caplog, capfd):
    caplog.set_level("INFO")
    with proxy.start(Failing(), upstream.url, upstream.url) as server:
        response = httpx2.post(f"{server.url}/chat/completions", json=body("my secret plan"))
        assert response.status_code == 500
        assert "secret plan" not in response.text
        assert "ValueError" in response.json()["error"]["message"]
    with proxy.start(router, upstream.url, upstream.url) as server:
        httpx2.post(f"{server.url}/chat/completions", json=body("my secret plan"))
    assert "p=" in caplog.text
    assert "secret plan" not in caplog.text + "".join(capfd.readouterr())
    with proxy.start(router, upstream.url, upstream.url, limits=Limits(log_prompts=True)) as server:
        httpx2.post(f"{server.url}/chat/completions", json=body("my secret plan"))
    assert "secret plan" in caplog.text


def test_a_taken_port_is_said(router, upstream, server):
    port = int(root(server).rsplit(":", 1)[1])
    with pytest.raises(proxy.CannotListen, match=f"127.0.0.1:{port}"):
        proxy.start(router, upstream.url, upstream.url, port=port)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 99999}, "PORT is 99999"),
        ({"port": -1}, "PORT is -1; it is a number from 0 to 65535"),
        ({"max_mb": 0.0}, "MAX_MB is 0.0"),
        ({"max_mb": float("nan")}, "MAX_MB is nan"),
        ({"timeout": 0.0}, "TIMEOUT is 0.0"),
        ({"max_wait": -1.0}, "MAX_WAIT is -1.0"),
        ({"threshold": float("nan")}, "THRESHOLD is nan"),
        ({"inferior": "not a url"}, "INFERIOR is 'not a url', which is no address"),
        ({"inferior": ""}, "INFERIOR is '', which is no address"),
        ({"superior": "http://127.0.0.1:8000/v1 #mine"}, "SUPERIOR is .* no address"),
        ({"second": "http://"}, "SECOND is 'http://', which is no address"),
        ({"port": 8001}, "INFERIOR is http://127.0.0.1:8001/v1, where this server itself"),
        ({"port": 8123, "superior": "http://localhost:8123/v1"}, "SUPERIOR is .* itself"),
        ({"port": 8123, "second": "http://[::1]:8123/v1"}, "SECOND is .* itself"),
        ({"hosts": "good.name,http://bad.name/"}, "HOSTS names 'http://bad.name/'"),
        ({"hosts": "*"}, r"HOSTS names '\*'"),
    ],
)
def test_what_cannot_be_is_told_before_the_router_is_loaded(given, said):
    with pytest.raises(Foreseen, match=said):
        proxy.serve_router("/no/such/router", **given)


def test_a_server_elsewhere_may_have_the_port_of_this_one():
    proxy._check_addresses({"INFERIOR": "http://203.0.113.7:8123/v1", "SECOND": ""}, 8123)


def test_listens_on_this_machine_only(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_the_command_serves_a_saved_router(router, upstream, tmp_path):
    folder = router.save(tmp_path / "router")
    code = (
        "import sys; from routerlib.serving.proxy import serve_router; "
        "serve_router(*sys.argv[1:4], port=int(sys.argv[4]))"
    )
    from routerlib.endpoints.addresses import free_port

    command = [
        sys.executable,
        "-u",
        "-c",
        code,
        str(folder),
        upstream.url,
        upstream.url,
        str(free_port()),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    try:
        # It warns, and serves all the same
        assert "does not offer 'small'" in process.stdout.readline()
        line = process.stdout.readline()
        assert "no key is needed" in line
        url = next(word for word in line.split() if word.startswith("http")).rstrip(",")
        assert httpx2.post(f"{url}/chat/completions", json=body(HARD)).json()["model"] == "large"
    finally:
        process.terminate()
        process.wait(timeout=20)
