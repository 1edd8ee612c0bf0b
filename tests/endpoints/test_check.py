"""The check before a long run: what it says of a server, and what it refuses to go on with."""

import asyncio

import pytest
from fake_server import FakeServer, chat, error
from raw_server import RawServer

from routerlib import settings
from routerlib.endpoints import check as checks
from routerlib.endpoints import clients


@pytest.fixture(autouse=True)
def keyless(outputs, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def check(answer, model="mock", version="", path="", **options):
    """`check` in a thread beside the server; (finding, server)."""

    async def main():
        async with FakeServer(answer) as server:
            server.version = version
            base = server.base_url.removesuffix(path)
            return await asyncio.to_thread(checks.check, base, model, **options), server

    return asyncio.run(main())


def whole(body, _):
    if "prompt" in body:
        return 404, {}, {"detail": "Not Found"}
    answer = chat("4", n=body.get("n", 1))
    if body.get("logprobs"):
        answer["choices"][0]["logprobs"] = {"content": [{"token": "4", "logprob": -0.1}]}
    return 200, {}, answer


def test_what_was_found_is_told(capsys):
    finding, _ = check(whole, version="0.30.1", price_in=1_000_000, price_out=2_000_000)
    said = capsys.readouterr().out
    assert (
        "Engine: vLLM 0.30.1." in said and "Endpoints: chat." in said and "Not completions" in said
    )
    assert "(n): yes. Stop strings: all that were sent. Log-probabilities: yes." in said
    assert finding.cost == pytest.approx(5 + 2 * 3.5) and finding.names == ["mock"]


def test_what_is_refused_is_told(capsys):
    def answer(body, number):
        for name in ("max_tokens", "temperature"):
            if name in body:
                return 400, {}, error(f"Unsupported parameter: '{name}'")
        if len(body.get("stop", ())) > 4:
            return 400, {}, error("at most 4 stop strings")
        return 200, {}, chat("4")

    finding, _ = check(answer)
    said = capsys.readouterr().out
    assert finding.samples_at_once is False and "one at a time" in said
    assert "Stop strings: 4." in said and "Log-probabilities: no" in said
    assert "`max_completion_tokens` in place of" in said and "takes no `temperature`" in said


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, error("who are you?"), "Check OPENAI_API_KEY"),
        (400, error("API key not valid"), "Check OPENAI_API_KEY"),
        (402, error("Insufficient Balance"), "Add credit"),
        (404, error("The model `x` does not exist"), "The server has: mock"),
        (200, {"error": "Unexpected endpoint or method."}, "base URL"),
    ],
)
def test_what_no_run_could_do_with_is_a_sentence(status, body, says):
    with pytest.raises(clients.Stopped, match=says):
        check(lambda *_: (status, {}, body))


def test_a_base_url_without_its_v1_is_noticed():
    with pytest.raises(clients.Stopped, match=r"/v1 answers: is that the base URL\?"):
        check(whole, path="/v1")


def test_nobody_there_is_an_outage():
    with pytest.raises(clients.Outage, match="Refused"):
        checks.check("http://127.0.0.1:9/v1", "m")


def test_a_name_that_the_list_lacks_is_told(capsys):
    check(whole, model="mokc")
    assert "does not name mokc (did you mean mock?)" in capsys.readouterr().out


def test_a_busy_server_is_asked_again(capsys):
    def answer(body, number):
        return (503, {"Retry-After": "0"}, error("busy")) if number < 3 else whole(body, number)

    finding, _ = check(answer)
    assert finding.endpoints == ["chat"] and "Asking again" in capsys.readouterr().out


def test_a_busy_server_is_waited_for_once_and_the_user_told_why(capsys, monkeypatch):
    """Its other endpoint would say the same."""
    waits = []

    async def wait(seconds):
        waits.append(seconds)

    monkeypatch.setattr(checks.asyncio, "sleep", wait)
    with pytest.raises(clients.Busy, match=r"overloaded.* asked 4 times\. Check again later"):
        check(lambda *_: (200, {}, {"error": {"message": "overloaded"}}))
    assert [wait for wait in waits if wait] == [1, 2, 4]
    assert capsys.readouterr().out.count("is busy (overloaded). Asking again in") == 3


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_that_cannot_be_waited_is_refused(timeout):
    with pytest.raises(settings.SettingError, match="seconds above 0"):
        checks.check("http://127.0.0.1:9/v1", "mock", timeout=timeout)


def test_a_failure_names_the_server_and_what_to_do():
    with pytest.raises(clients.Outage, match=r"127.0.0.1:9/v1 .*Start the server, or name another"):
        checks.check("http://127.0.0.1:9/v1", "m")
    with pytest.raises(clients.RequestFailure, match=r"^http://127.0.0.1:\d+/v1: .*no choices"):
        check(lambda *_: (200, {}, {"choices": []}))
    with RawServer(lambda *_: [b"", b"late"], pause=3) as silent:
        told = f"{silent.url}: no whole answer.* longer TIMEOUT"
        with pytest.raises(clients.RequestFailure, match=told):
            checks.check(silent.url, "m", timeout=0.5)


def test_names_from_a_server_cannot_steer_the_terminal(capsys):
    checks_of = checks.Finding(
        "http://x/v1", "mokc", engine="e\x1b[31m", names=["mock\x1b]0;x\x07"]
    )
    assert all(line.isprintable() for line in str(checks_of).split("\n"))
