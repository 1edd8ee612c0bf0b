"""A server that sends exactly the bytes a test gives it: for what well-behaved servers never do.

    with RawServer(lambda body, turn: response(b"{}")) as server: server.url

`answer` is given the request's body and how many requests this connection has brought before; it
returns the bytes of the whole response, or nothing, upon which the connection is closed. A list of
bytes is sent piece by piece; where its last piece is empty, the connection is closed after it.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable

Answer = Callable[[dict, int], bytes | list[bytes]]


class RawServer:
    def __init__(self, answer: Answer, pause: float = 0.0):
        self.answer = answer
        self.pause = pause  # seconds between two pieces
        self.bodies: list[dict] = []
        self.heads: list[dict[str, str]] = []  # of the same requests: "" is the first line's name
        self.connections = 0

    def __enter__(self) -> RawServer:
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            turn = 0
            while head := _head(stream):
                body = json.loads(stream.read(int(head.get("content-length", 0))) or b"{}")
                self.heads.append(head)
                self.bodies.append(body)
                pieces = self.answer(body, turn)
                turn += 1
                for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                    connection.sendall(piece)
                    time.sleep(self.pause)
                if not pieces or not pieces[-1]:
                    return


def _head(stream) -> dict[str, str]:
    """The headers of a request, in small letters; nothing where none comes any more."""
    head = {"": stream.readline().decode().strip()}
    while (line := stream.readline()) not in (b"", b"\r\n"):
        name, _, value = line.decode().partition(":")
        head[name.lower()] = value.strip()
    return head if line else {}


def response(
    content: bytes | dict | list,
    status: int = 200,
    kind: str = "application/json",
    length: int | None = None,
    **headers: str,
) -> bytes:
    """The bytes of a response; a `length` that is not the content's makes it one that breaks
    off.
    """
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}"]
    lines.append(f"content-length: {len(content) if length is None else length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def completion(text: str | None, **more: object) -> dict:
    """A chat completion that says this."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    base = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**base, "choices": [choice], **more}


def chunk(text: str | None = None, **more: object) -> bytes:
    """An event of a stream that brings this piece of text; None: a role alone."""
    delta = {"role": "assistant"} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    base = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**base, "choices": [choice], **more}).encode() + b"\n\n"


EVENTS = "text/event-stream"
DONE = b"data: [DONE]\n\n"
