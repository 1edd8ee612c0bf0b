"""Re-make the sample log, routerlib/samples/log.jsonl: requests that this project wrote, with the
answers that the superior stand-in gave to them.

    python scripts/remake_log.py            (part of `make samples`; a minute on two cores)

The requests are such as an assistant in an office gets, and few: notebook 03 puts each of them to
the other stand-in, and a first run is to be short. The answers, their tokens and times are
those of a real run of the stand-in, bad as they are; the money is what the tokens would cost at the
prices below, which are made up. One request comes twice and one shows a picture, so that 02's
filters have something to do.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.collecting import collection
from routerlib.endpoints import servers
from routerlib.rows import jsonl
from routerlib.rows.schemas import Message, OpenPrompt, Responses
from routerlib.stats.prices import call_cost

MODEL = "standin-superior"
MAX_TOKENS = 60
PRICE_IN, PRICE_OUT = 2.0, 8.0  # dollars per million tokens, made up
FIRST_REQUEST = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)

# kind -> requests, one a line
REQUESTS = {
    "rewriting": """
        Make this politer: Send me the report today.
        Make this shorter: We would like to inform you that the meeting has been moved to Friday.
        Correct the spelling: Yesturday I recieved your mesage about the libary.
        Rewrite in the past tense: She walks to the office and buys a coffee.
        Say this more simply: The precipitation prevented the commencement of the match.
    """,
    "writing": """
        Write a two-line birthday wish for a colleague called Ana.
        Write a short message to say that I will be ten minutes late.
        Write one sentence to thank a neighbour for watering the plants.
        Write a subject line for a message about a broken printer.
        Write a short notice: the lift is out of order until Monday.
    """,
    "sums": """
        A ticket costs 4 euros. How much do 6 tickets cost?
        A train leaves at 9:40 and takes 35 minutes. When does it arrive?
        I have 50 dollars and spend 18. How much is left?
        How many minutes are two and a half hours?
        A box holds 12 eggs. How many boxes do I need for 60 eggs?
    """,
    "sorting": """
        Is this message happy or angry? I have waited three weeks and nobody answers me.
        Which department should answer this, sales or repairs? My washing machine leaks.
        Is this urgent, yes or no? There is smoke coming out of the server room.
        Which language is this? Guten Morgen, wie geht es Ihnen?
        Is this a question or an order? Close the window, please.
    """,
    "code": """
        Write a Python expression for the sum of a list called prices.
        What does this print in Python? print(len("router"))
        Write a SQL query that counts the rows of a table called orders.
        How do I make a folder called data in a shell?
        What does the command ls do?
    """,
}
# Longer talks: (kind, turns), of which the first may be the system's.
TALKS = [
    ("writing", [
        ("system", "You are the assistant of a small hotel. Answer in at most two sentences."),
        ("user", "Do you have a room for two on Friday?"),
    ]),
    ("writing", [
        ("system", "You are the assistant of a small hotel. Answer in at most two sentences."),
        ("user", "May I bring my dog?"),
    ]),
    ("planning", [
        ("user", "Name one thing to cook with eggs."),
        ("assistant", "An omelette."),
        ("user", "And what else do I need for it?"),
    ]),
    ("sums", [
        ("user", "What is 12 times 3?"),
        ("assistant", "36"),
        ("user", "And half of that?"),
    ]),
]  # fmt: skip


def asked() -> list[OpenPrompt]:
    """All requests, in a fixed order that mixes the kinds."""
    lists = {kind: text.strip().splitlines() for kind, text in REQUESTS.items()}
    length = max(map(len, lists.values()))
    singles = [
        (kind, [("user", texts[place].strip())])
        for place in range(length)
        for kind, texts in lists.items()
        if place < len(texts)
    ]
    found = []
    for number, (kind, turns) in enumerate([*singles, *TALKS], start=1):
        messages = [Message(role=role, content=text) for role, text in turns]
        found.append(
            OpenPrompt(
                unique_id=f"req-{number:03}",
                question="\n\n".join(text for _, text in turns),
                category=kind,
                prompt=messages,
            )
        )
    return found


def answered(prompts: list[OpenPrompt], folder: Path) -> Iterator[tuple[OpenPrompt, Responses]]:
    """Each request with the stand-in's answer."""
    place = servers.ensure(MODEL, "http://127.0.0.1:8000/v1")
    try:
        summary = collection.collect_sync(
            prompts,
            MODEL,
            place.base_url,
            k_responses=1,
            temperature=0.1,
            max_tokens=MAX_TOKENS,
            endpoint="chat",
            output_dir=folder,
        )
    finally:
        servers.release(place)
    rows = {row.unique_id: row for row in collection.read_responses(summary.path)}
    yield from ((prompt, rows[prompt.unique_id]) for prompt in prompts)


def entry(prompt: OpenPrompt, row: Responses, number: int, seconds: float) -> dict[str, Any]:
    """A line of the log: the bodies of a request and of its response, and what is around them."""
    sample = row.responses[0]
    usage = row.usage or {}
    tokens = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    start = FIRST_REQUEST + timedelta(seconds=47 * number)
    messages = [{"role": turn.role, "content": turn.content} for turn in prompt.prompt or ()]
    message = {"role": "assistant", "content": sample.full_response}
    return {
        "id": prompt.unique_id,
        "start_time": start.isoformat(),
        "end_time": (start + timedelta(seconds=round(seconds, 2))).isoformat(),
        "category": prompt.category,
        "request": {"model": MODEL, "messages": messages, "max_tokens": MAX_TOKENS},
        "response": {
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": sample.finish_reason}],
            "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]},
        },
        "cost": round(call_cost(*tokens, PRICE_IN, PRICE_OUT), 8),
    }


def with_a_picture(number: int) -> dict[str, Any]:
    """A request that no text stands for."""
    parts = [
        {"type": "text", "text": "What does this receipt come to?"},
        {"type": "image_url", "image_url": {"url": "https://example.org/receipt.png"}},
    ]
    start = FIRST_REQUEST + timedelta(seconds=47 * number)
    return {
        "id": "req-picture",
        "start_time": start.isoformat(),
        "request": {"model": MODEL, "messages": [{"role": "user", "content": parts}]},
        "response": None,
    }


def main() -> None:
    prompts, started = asked(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(answered(prompts, Path(folder)))
    each = (time.monotonic() - started) / len(rows)
    lines = [entry(prompt, row, number, each) for number, (prompt, row) in enumerate(rows)]
    again = entry(*rows[3], len(lines), each) | {"id": "req-again"}
    path = settings.SAMPLES / "log.jsonl"
    jsonl.write_rows(path, [*lines, again, with_a_picture(len(lines) + 1)])
    print(f"{len(lines) + 2} requests written to {path}")


if __name__ == "__main__":
    main()
