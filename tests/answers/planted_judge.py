"""A judge whose quality a test plants: it reads the message as it is sent, and is right as often as
it was told. Answers carry their worth in their words: `good`, `poor` or `even`.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

from fake_server import FakeServer, chat

from routerlib.answers.pairs import INFERIOR, SUPERIOR, TIE, KnownPair

NAMES = {"first": "A", "second": "B", "tie": "C"}


def uniform(*purpose: Any) -> float:
    """A number in [0, 1) that depends on its arguments alone."""
    text = "\0".join(map(str, purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def pairs(number: int, ties: float = 0.2, source: str = "graded") -> list[KnownPair]:
    """Pairs whose better answer is written in the answers, half of the others for each side."""
    made = []
    for i in range(number):
        draw = uniform("worth", i)
        side = INFERIOR
        if draw < ties:
            side = TIE
        elif draw < ties + (1 - ties) / 2:
            side = SUPERIOR
        worth = {
            TIE: ("even", "even"),
            INFERIOR: ("good", "poor"),
            SUPERIOR: ("poor", "good"),
        }[side]
        more = " and so on" * int(6 * uniform("length", i))
        made.append(
            KnownPair(
                id=f"p{i}",
                prompt=f"prompt {i}",
                inferior=(f"{worth[0]} answer number {i}{more}",),
                superior=(f"{worth[1]} answer of number {i}",),
                category=("letters", "sums", "plans")[i % 3],
                known=(side,),
                source=source,
                group=str(i),
            )
        )
    return made


def shown(message: str) -> tuple[str, str, str]:
    """(prompt, answer A, answer B) as the shipped prompt shows them."""
    found = re.findall(r"<(prompt|answer_a|answer_b)>\n(.*?)\n</\1>", message, re.DOTALL)
    return tuple(text for _, text in found)  # type: ignore[return-value]


def truth(first: str, second: str) -> str:
    if first.startswith("even"):
        return "tie"
    return "first" if first.startswith("good") else "second"


class PlantedJudge:
    """Callable for a `FakeServer`.

    Args:
        accuracy: of a pair, whichever way it is shown. order: chance of saying "A" whatever is
            there. longer: chance of preferring the longer answer whatever is there. logprobs: gives
            them. form: how the letter is written, such as "Verdict: {}".
    """

    def __init__(self, accuracy=1.0, order=0.0, longer=0.0, logprobs=False, form="{}"):
        self.accuracy, self.order, self.longer = accuracy, order, longer
        self.logprobs, self.form = logprobs, form

    def verdict(self, first: str, second: str, prompt: str) -> str:
        if uniform("order", first, second) < self.order:
            return "first"
        if uniform("longer", prompt) < self.longer and len(first) != len(second):
            return "first" if len(first) > len(second) else "second"
        right = truth(first, second)
        if uniform("right", prompt) < self.accuracy:
            return right
        # Wrong in the same way whichever answer stands first
        wrong_side = min(first, second) if uniform("wrong", prompt) < 0.5 else max(first, second)
        side = "first" if wrong_side == first else "second"
        return "tie" if side == right else side

    def __call__(self, body: dict[str, Any], number: int) -> tuple[int, dict[str, str], Any]:
        prompt, first, second = shown(body["messages"][-1]["content"])
        letter = NAMES[self.verdict(first, second, prompt)]
        if body.get("logprobs") and not self.logprobs:
            return 400, {}, {"error": {"message": "logprobs is not supported", "param": "logprobs"}}
        value = chat(self.form.format(letter))
        if body.get("logprobs"):
            others = [name for name in "ABC" if name != letter]
            alternatives = [{"token": letter, "logprob": math.log(0.8)}]
            alternatives += [{"token": f" {name}", "logprob": math.log(0.08)} for name in others]
            token = {"token": letter, "logprob": math.log(0.8), "top_logprobs": alternatives}
            value["choices"][0]["logprobs"] = {"content": [token]}
        return 200, {}, value


def server(**planted: Any) -> FakeServer:
    """A server for one planted judge."""
    return FakeServer(PlantedJudge(**planted))
