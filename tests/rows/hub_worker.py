"""Reads sources for test_hub: an order a line on standard input, what was read or the error a line
on standard output.
"""

import json
import os
import sys
import time
import types

from huggingface_hub.utils import _http

from routerlib.rows import hub, schemas, sources

REAL_OUT = os.fdopen(os.dup(1), "w")
sys.stdout = sys.stderr  # what the clients print is no answer

if os.environ["HURRY"]:  # the client waits a tenth of its time between two tries
    _http.time = types.SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 10))


def answer(order: dict) -> dict:
    os.environ.pop("HF_TOKEN", None)
    if order["token"] is not None:
        os.environ["HF_TOKEN"] = order["token"]
    row_type = getattr(schemas, order["row_type"])
    if order.get("describe"):
        return {"description": sources.describe(order["source"], row_type)}
    hub.edition.cache_clear()
    rows = [
        row.model_dump(mode="json")
        for row in sources.load_rows(order["source"], row_type, order["limit"])
    ]
    distinct = len({json.dumps(row, sort_keys=True) for row in rows})
    return {"rows": len(rows), "first": rows[0], "last": rows[-1], "distinct": distinct}


for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Exception as error:  # the test reads it
        result = {"error": f"{error}", "kind": type(error).__name__}
    print(json.dumps(result), file=REAL_OUT, flush=True)
