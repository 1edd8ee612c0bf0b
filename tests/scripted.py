"""A model's server that behaves as a test says: with or without log-probabilities, slow, down, with
answers by the question.

    with Scripted("small", answers={"2 + 2": "4"}) as small: small.url, small.bodies

A question that names a doubt ("hard") is answered with unlikely words, every other with likely
ones. It speaks plain HTTP by `raw_server`, so that what it sends is in the test's hand.
"""

from __future__ import annotations

import json
import time

from raw_server import DONE, EVENTS, RawServer, response

SURE, UNSURE = -0.01, -3.0  # log-probability of each token


class Scripted(RawServer):
    """
    Args:
        model: whose name stands in the answers. logprobs: "given", "left out" (asked for, not
            given) or "refused" (400). pause: seconds before an answer. down: the status it answers
            everything with. takes_n: whether it gives n answers at once. answers: text by a part of
            the question.
    """

    def __init__(self, model, logprobs="given", pause=0.0, down=0, takes_n=True, answers=None):
        super().__init__(self.respond)
        self.model, self.logprobs, self.wait, self.down = model, logprobs, pause, down
        self.takes_n, self.answers = takes_n, answers or {}

    def respond(self, body, _):
        time.sleep(self.wait)
        if not body:
            return response({"object": "list", "data": [{"id": self.model, "object": "model"}]})
        if self.down:
            return response({"error": {"message": "no worker"}}, self.down)
        if body.get("logprobs") and self.logprobs == "refused":
            said = {"message": "logprobs is not supported", "param": "logprobs"}
            return response({"error": said}, 400)
        if body.get("stream"):
            return response(b"".join(map(_event, self.events(body))) + DONE, kind=EVENTS)
        return response(self.whole(body))

    def text(self, body):
        content = body["messages"][-1]["content"]
        content = content if isinstance(content, str) else json.dumps(content)
        found = (text for part, text in self.answers.items() if part in content)
        return next(found, f"{self.model} heard: {content}")

    def choice(self, body, index=0):
        text = self.text(body)
        message = {"role": "assistant", "content": text}
        if body.get("tools"):
            function = {"name": body["tools"][0]["function"]["name"], "arguments": "{}"}
            call = {"id": "t1", "type": "function", "function": function}
            message |= {"content": None, "tool_calls": [call]}
        choice = {"index": index, "message": message, "finish_reason": "stop"}
        if body.get("logprobs") and self.logprobs == "given":
            chance = UNSURE if "hard" in json.dumps(body["messages"]) else SURE
            tokens = [{"token": f"{word} ", "logprob": chance} for word in text.split(" ")]
            choice["logprobs"] = {"content": tokens}
        return choice

    def whole(self, body):
        number = body.get("n", 1) if self.takes_n else 1
        usage = {"prompt_tokens": 10, "completion_tokens": 5 * number}
        return {
            "id": "c1", "object": "chat.completion", "created": 1, "model": self.model,
            "choices": [self.choice(body, index) for index in range(number)],
            "usage": usage | {"total_tokens": sum(usage.values())},
        }  # fmt: skip

    def events(self, body):
        base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": self.model}
        for word in self.text(body).split(" "):
            delta = {"role": "assistant", "content": word + " "}
            yield base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        yield base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}

    @property
    def asked(self):
        """The bodies of completions, without those of other requests."""
        return [body for body in self.bodies if body]


def _event(chunk):
    return f"data: {json.dumps(chunk)}\n\n".encode()
