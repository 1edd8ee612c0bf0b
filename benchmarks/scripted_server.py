"""A server of completions that does as little work as Python can: for benchmarks in which clients
and servers share a machine's cores, and in which the servers count what they were paid for.

It answers every request with the same words after a fixed time, works on so many at once, and lets
the others wait, as an inference server does. Each answer is a line in its log: the number in the
prompt ("Number 17: …"), and how many samples were asked for; a prompt without a number leaves none.
It checks nothing that a client sends; `tests/mock_server.py` is the one that misbehaves.

    python benchmarks/scripted_server.py LOG LATENCY_MS AT_ONCE
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import deque
from functools import cache
from typing import BinaryIO

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
NUMBER = re.compile(r"Number (\d+): (?!.*Number )", re.DOTALL)  # the last one: an example may count
WORDS = " the answer is 7, after some thought about it"


def response(value: object) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


MODELS = response({"object": "list", "data": [{"id": "mock", "object": "model"}]})


@cache
def answer(samples: int, chat: bool) -> bytes:
    """What one request gets that asks for so many samples."""
    said = {"message": {"role": "assistant", "content": WORDS}} if chat else {"text": WORDS}
    choices = [{"index": number, "finish_reason": "stop"} | said for number in range(samples)]
    written = samples * len(WORDS.split())
    usage = {"prompt_tokens": 10, "completion_tokens": written, "total_tokens": 10 + written}
    kind = "chat.completion" if chat else "text_completion"
    return response(
        {"id": "1", "object": kind, "created": 0, "model": "mock", "choices": choices}
        | {"usage": usage}
    )


class Server:
    """What all connections share: the log, and the places at which requests are worked on."""

    def __init__(self, log: BinaryIO, latency: float, at_once: int):
        self.log, self.latency, self.at_once = log, latency, at_once
        self.loop = asyncio.get_running_loop()
        self.active = 0
        self.waiting: deque[tuple[asyncio.Transport, bytes, bytes]] = deque()

    def take(self, transport: asyncio.Transport, line: bytes, said: bytes) -> None:
        """Work on a request, as soon as there is a place."""
        if self.active >= self.at_once:
            self.waiting.append((transport, line, said))
            return
        self.active += 1
        self.loop.call_later(self.latency, self.give, transport, line, said)

    def give(self, transport: asyncio.Transport, line: bytes, said: bytes) -> None:
        """Answer: paid for from now on, whether or not anybody still listens."""
        if line:
            self.log.write(line)
        transport.write(said)
        self.active -= 1
        while self.waiting and self.active < self.at_once:
            self.take(*self.waiting.popleft())


class Connection(asyncio.Protocol):
    """One client's connection: requests, one after the other."""

    def __init__(self, server: Server):
        self.server, self.received = server, b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self.received, 0, end + 2)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self.received) < whole:
                return
            head, body = self.received[:end], self.received[end + 4 : whole]
            self.received = self.received[whole:]
            self._requested(head.split(b" ", 2)[1], body)

    def _requested(self, path: bytes, body: bytes) -> None:
        if not path.endswith(b"/completions"):
            self.transport.write(MODELS)
            return
        request = json.loads(body)
        chat, samples = "messages" in request, request.get("n") or 1
        prompt = request["messages"][-1]["content"] if chat else request["prompt"]
        found = NUMBER.search(prompt)
        line = f"{found[1]} {samples}\n".encode() if found else b""
        self.server.take(self.transport, line, answer(samples, chat))


async def main(log: str, latency_ms: str, at_once: str) -> None:
    with open(log, "ab", buffering=0) as file:
        server = Server(file, float(latency_ms) / 1000, int(at_once))
        listening = await server.loop.create_server(lambda: Connection(server), "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}/v1", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
