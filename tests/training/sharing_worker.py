"""Pushes and fetches routers for test_sharing: an order a line on standard input, what came of it a
line on standard output.

The hub's client reads HF_ENDPOINT when it is imported, so this is a process of its own.
"""

import json
import os
import sys

from routerlib.errors import Foreseen
from routerlib.training.router import Router

REAL_OUT = os.fdopen(os.dup(1), "w")
sys.stdout = sys.stderr  # what the client prints is no answer


def answer(order):
    os.environ.pop("HF_TOKEN", None)
    if order.get("token"):
        os.environ["HF_TOKEN"] = order["token"]
    router = Router.from_pretrained(order["router"])
    if "to" not in order:
        return {"name": router.name, "scores": router.score(order["prompts"]).tolist()}
    if "threshold" in order:
        router.threshold = order["threshold"]
    return {"page": router.push_to_hub(order["to"], order.get("private", True))}


for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Foreseen as error:
        result = {"error": str(error), "kind": type(error).__name__}
    print(json.dumps(result), file=REAL_OUT, flush=True)
