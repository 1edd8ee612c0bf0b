"""An OpenAI-compatible server whose every answer a test writes: status, headers and body, as it
likes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web
from mock_server import MockServer

Answer = tuple[int, dict[str, str], Any]


class FakeServer(MockServer):
    """`answer(body, number)` gives (status, headers, an object or bytes) for each request, the
    first one being 1.
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Any], int], Answer],
        latency: float = 0.0,
    ):
        super().__init__(latency=latency)
        self.answer = answer

    async def _behave(self, word: str, body: Any, request: web.Request) -> web.StreamResponse:
        status, headers, content = self.answer(body, self.count)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"} | headers
        return web.Response(status=status, headers=headers, body=raw)


def chat(text: Any, finish: Any = "stop", n: int = 1, **message: Any) -> dict[str, Any]:
    """A chat completion with n times the same text."""
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text, **message},
    }
    counts = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    return {"id": "c", "object": "chat.completion", "choices": [choice] * n, "usage": counts}


def error(message: str, **more: Any) -> dict[str, Any]:
    """An error in the form of OpenAI's."""
    return {"error": {"message": message, **more}}
