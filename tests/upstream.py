"""A small OpenAI-compatible server for tests of what sits in front of one: real HTTP, answers that
say who spoke.

It keeps every request, so that a test can see what arrived. The model's name chooses its behaviour:
`down` answers 503, `limited` 429, `slow` never, `cut` at its limit of tokens; any other answers
with its own name and the last message.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socketserver
import threading
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route


class Upstream:
    """The server, in a thread: `with Upstream() as upstream: upstream.url`."""

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.headers: list[dict] = []
        self.left = threading.Event()  # a caller of `slow` has gone away
        routes = [
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/models", self.models),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), port=0, log_level="error", timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}/v1"

    async def models(self, _: Request) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [{"id": "large", "object": "model"}]})

    async def chat(self, request: Request):
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if body["model"] in ("down", "limited"):
            status = {"down": 503, "limited": 429}[body["model"]]
            return JSONResponse({"error": {"message": "no capacity"}}, status)
        if body["model"] == "slow":
            while not await request.is_disconnected():
                await asyncio.sleep(0.02)
            self.left.set()
        text = f"{body['model']} heard: {body['messages'][-1]['content']}"
        if body.get("stream"):
            return StreamingResponse(self.stream(body, text), media_type="text/event-stream")
        return JSONResponse(completion(body, text), headers={"x-request-id": "r1"})

    async def stream(self, body: dict, text: str):
        base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        for word in text.split(" "):
            delta = {"role": "assistant", "content": word + " "}
            yield event(base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        reason = "length" if body["model"] == "cut" else "stop"
        yield event(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            yield event(base | {"choices": [], "usage": usage(text)})
        yield "data: [DONE]\n\n"

    def __enter__(self) -> Upstream:
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)


def completion(body: dict, text: str) -> dict:
    message = {"role": "assistant", "content": text}
    if body.get("tools"):
        call = {
            "id": "t1",
            "type": "function",
            "function": {"name": body["tools"][0]["function"]["name"], "arguments": "{}"},
        }
        message |= {"content": None, "tool_calls": [call]}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage(text),
    }


def usage(text: str) -> dict:
    words = len(text.split())
    return {"prompt_tokens": 7, "completion_tokens": words, "total_tokens": 7 + words}


def event(chunk: dict) -> str:
    return f"data: {json.dumps(chunk)}\n\n"


def _head(content: bytes, kind: str, length: int | None = None, status: int = 200) -> bytes:
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: "
        f"{length or len(content)}\r\n\r\n"
    )
    return head.encode() + content


PAGE = b"<html><script>alert(1)</script></html>"
NONSENSE = {
    "closes": b"",
    "noise": b"\0\1\2\r\n\r\n",
    "page": _head(PAGE, "text/html"),
    "page_502": _head(PAGE, "text/html", status=502),
    "half": _head(b'{"id": "1", "choi', "application/json"),
    "cut": _head(b'{"id": "1", "choi', "application/json", length=500),
    "cut_stream": _head(b'data: {"id":"1","choices":[]}\n\n', "text/event-stream", length=500),
    "no_json": _head(b"data: <html>\n\n", "text/event-stream"),
    "other_json": _head(b'data: [1]\n\ndata: {"choices": 3}\n\n', "text/event-stream"),
    "odd_counts": _head(
        b'data: {"choices":[{"delta":{"content":"Yes"}}],'
        b'"usage":{"prompt_tokens":"<b>","completion_tokens":[1]}}\n\n',
        "text/event-stream",
    ),
}


@contextlib.contextmanager
def nonsense(kind: str):
    """The address of a server that answers every request with the same wrong bytes, and hangs
    up.
    """

    class Answer(socketserver.BaseRequestHandler):
        def handle(self):
            received = b""
            while b"\r\n\r\n" not in received and (part := self.request.recv(65536)):
                received += part
            self.request.sendall(NONSENSE[kind])

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
