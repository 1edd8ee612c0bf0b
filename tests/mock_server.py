"""An OpenAI-compatible server that misbehaves on a script; for tests and benchmarks, not part of
the library.

In a test:      async with MockServer(script=["reset", "500", "ok"]) as server: …server.base_url…
As a process:   python tests/mock_server.py --port 8123 --latency-ms 50 --words 300
 Each request takes the next word of the script; when it is used up, the server answers well. A
function
may stand in for the script: it is given the request and returns the word.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

Request = dict[str, Any]


class MockServer:
    """Answers `say(request, index)`; counts and keeps what it was asked.

    Attributes:
        requests: the bodies of all completion requests, in order.
        takes_n: False: gives one choice however many are asked (as transformers serve does).
        in_flight_peak: the most requests it ever worked on at once.
        health: the status of /health and /v1/models.
    """

    def __init__(
        self,
        script: Iterable[str] | Callable[[Request], str] = (),
        latency: float = 0.0,
        takes_n: bool = True,
        say: Callable[[Request, int], str] | None = None,
        models: tuple[str, ...] = ("mock",),
        key: str | None = None,
        port: int = 0,
        keep: bool = True,
    ):
        self.script = script if callable(script) else None
        self._words = iter(()) if callable(script) else iter(script)
        self.latency, self.takes_n, self.models, self.key, self.port, self.keep = (
            latency, takes_n, models, key, port, keep,
        )  # fmt: skip
        self.say = say or (
            lambda request, index: f" answer to {prompt_of(request)[-40:]!r}, {index}"
        )
        self.requests: list[Request] = []
        self.headers: list[dict[str, str]] = []
        self.count = self.in_flight = self.in_flight_peak = 0
        self.health = 200
        self.version = ""
        self.retry_after = "0.05"
        self._site: web.TCPSite | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> MockServer:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/version", self._version)
        app.router.add_get("/health", self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def open(self) -> None:
        """Listen (again): on the same port as before."""
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        self.port = self._site._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Stop listening, and drop every connection: as a server that has died does."""
        await self._site.stop()
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def _models(self, request: web.Request) -> web.Response:
        models = [{"id": name, "object": "model"} for name in self.models]
        return _answer({"object": "list", "data": models}, self.health)

    async def _health(self, request: web.Request) -> web.Response:
        return _answer({"status": self.health}, self.health)

    async def _version(self, request: web.Request) -> web.Response:
        if self.version:
            return _answer({"version": self.version})
        return _error(404, "no such page")

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.count += 1
        if self.keep:
            self.requests.append(body)
            self.headers.append(dict(request.headers))
        word = self.script(body) if self.script else next(self._words, "ok")
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            return await self._behave(word, body, request)
        finally:
            self.in_flight -= 1

    async def _behave(self, word: str, body: Request, request: web.Request) -> web.StreamResponse:
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            word = "401"
        if word == "reset":
            request.transport.abort()
            return web.Response()
        if word == "reset_in_body":
            return await self._stream(request, b'{"choices": [{"text": "half an ans', abort=True)
        if word == "slow":
            return await self._stream(request, b" " * 10_000, pause=0.05)
        if word == "echo_key":
            return _error(500, f"internal error; headers were {dict(request.headers)}")
        if word == "429":
            return _error(429, "slow down", {"Retry-After": self.retry_after})
        if word == "quota":
            return _error(429, "You exceeded your current quota", code="insufficient_quota")
        if word == "refuse_n" and body.get("n", 1) > 1:
            return _error(400, "n must be 1")
        if word.isdigit():
            text = f"error {word} on purpose, asked by {request.headers.get('Authorization')}"
            wait = {"Retry-After": self.retry_after} if word == "503" else {}
            return _error(int(word), text, wait)
        if word == "invalid_json":
            return web.Response(body=b'{"choices": [{"te', content_type="application/json")
        if word == "html":
            return web.Response(text="<html>It works!</html>", content_type="text/html")
        return _answer(self._answer_to(word, body, request))

    async def _stream(
        self, request: web.Request, text: bytes, abort: bool = False, pause: float = 0.0
    ) -> Any:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(text) + 100
        await response.prepare(request)
        for piece in [text] if not pause else (text[i : i + 1] for i in range(len(text))):
            await response.write(piece)
            await asyncio.sleep(pause)
        if abort:
            request.transport.abort()
        return response

    def _answer_to(self, word: str, body: Request, request: web.Request) -> dict[str, Any]:
        n = body.get("n", 1) if self.takes_n else 1
        if word == "fewer":
            n = max(1, n - 1)
        texts = [self.say(body, index) for index in range(n)]
        if word == "no_choices":
            texts = []
        if word == "empty":
            texts = ["" for _ in texts]
        if word == "huge":
            texts = ["x" * 10_000_000 for _ in texts]
        if word == "special":
            texts = [f"<s> yes<|im_end|>\nno{text}" for text in texts]
        if word == "null":
            texts = [None for _ in texts]
        if word == "echo_key_in_answer":
            texts = [f"the header was {request.headers.get('Authorization')}" for _ in texts]
        return _completion(body, texts, chat=request.path.endswith("chat/completions"))


def prompt_of(request: Request) -> str:
    """The text asked about, whichever endpoint it came to."""
    return request["prompt"] if "prompt" in request else request["messages"][-1]["content"]


def _completion(body: Request, texts: list[Any], chat: bool) -> dict[str, Any]:
    words = sum(len((text or "").split()) for text in texts)
    choices = [
        {"index": index, "finish_reason": "stop"}
        | ({"message": {"role": "assistant", "content": text}} if chat else {"text": text})
        for index, text in enumerate(texts)
    ]
    return {
        "id": "mock",
        "object": "chat.completion" if chat else "text_completion",
        "created": 0,
        "model": body["model"],
        "choices": choices,
        "usage": {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words},
    }


def _answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=json.dumps(value).encode(), status=status, content_type="application/json"
    )


def _error(
    status: int, message: str, headers: dict[str, str] | None = None, code: str | None = None
) -> web.Response:
    value = {"error": {"message": message, "type": code or "mock", "param": None, "code": code}}
    response = _answer(value, status)
    response.headers.update(headers or {})
    return response


async def _serve(port: int, latency: float, words: int, takes_n: bool) -> None:
    text = " " + " ".join(
        itertools.islice(
            itertools.cycle(["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog"]),
            words,
        )
    )
    async with MockServer(
        latency=latency, port=port, say=lambda *_: text, takes_n=takes_n, keep=False
    ) as server:
        print(f"listening on {server.base_url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--words", type=int, default=300)
    parser.add_argument(
        "--one-at-a-time", action="store_true", help="give one choice, whatever n is"
    )
    arguments = parser.parse_args()
    asyncio.run(
        _serve(
            arguments.port,
            arguments.latency_ms / 1000,
            arguments.words,
            not arguments.one_at_a_time,
        )
    )
