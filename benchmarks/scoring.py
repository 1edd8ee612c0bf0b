"""How fast our scoring is against the straightforward path: float32, one prompt at a time, padded
to 512 tokens.

    python benchmarks/scoring.py [--router FOLDER] [--prompts FILE] [--json OUT]

Prints prompts a second and p50/p99 latency of both, batched and one at a time, the ratios, and the
largest difference of any score. Without a router, a classifier with fresh weights on the offline
encoder is timed: speed does not depend on what was learnt. Without a file, the shipped prompts are
scored.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from routerlib import settings
from routerlib.endpoints import standins
from routerlib.rows import jsonl
from routerlib.rows.schemas import LABELS
from routerlib.training import encoders
from routerlib.training.scorers import EncoderScorer


def read_prompts(path: str | None, limit: int) -> list[str]:
    """First user turns of a file of questions (turns), conversations or prompts."""
    texts = []
    for _, row in jsonl.read_values(path or settings.SAMPLES / "prompts.jsonl"):
        first = (row.get("turns") or [row.get("prompt")])[0]
        texts.append(first or row["conversation"][0]["content"])
    return texts[:limit]


def straightforward(model: Any, tokenizer: Any, text: str) -> float:
    """One prompt, float32, padded to 512 tokens."""
    import torch

    batch = tokenizer(
        [text], padding="max_length", truncation=True, max_length=512, return_tensors="pt"
    )
    with torch.inference_mode():
        return float(torch.softmax(model(**batch).logits.float(), dim=1)[0, 1])


def one_at_a_time(
    score: Callable[[str], float], texts: list[str], warm: int = 3
) -> tuple[np.ndarray, dict[str, float]]:
    """Scores, and prompts a second with p50 and p99 latency in milliseconds."""
    for text in texts[:warm]:
        score(text)
    scores, seconds = [], []
    for text in texts:
        started = time.perf_counter()
        scores.append(score(text))
        seconds.append(time.perf_counter() - started)
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1000
    return np.array(scores), {
        "prompts_per_second": len(texts) / sum(seconds),
        "p50_ms": p50,
        "p99_ms": p99,
    }


def batched(
    score: Callable[[list[str]], np.ndarray], texts: list[str], rounds: int = 3
) -> tuple[np.ndarray, float]:
    """Scores, and prompts a second of the best of some rounds."""
    scores, best = score(texts), 0.0
    for _ in range(rounds):
        started = time.perf_counter()
        score(texts)
        best = max(best, len(texts) / (time.perf_counter() - started))
    return scores, best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--router", help="folder of a fine-tuned encoder router")
    parser.add_argument("--prompts", help="JSONL with turns, prompt or conversation")
    parser.add_argument("--limit", type=int, default=80)
    parser.add_argument("--json")
    given = parser.parse_args()
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, set_seed

    set_seed(0)
    texts = read_prompts(given.prompts, given.limit)
    folder = given.router or str(standins.path("encoder"))
    plain = encoders.new_classifier(folder, LABELS).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    fast = AutoModelForSequenceClassification.from_config(plain.config)
    fast.load_state_dict(plain.state_dict())
    scorer = EncoderScorer(encoders.for_inference(fast), encoders.load_tokenizer(folder, 512))

    lengths = [len(tokenizer(text)["input_ids"]) for text in texts]
    print(f"{len(texts)} prompts, median {np.median(lengths):.0f} tokens, {folder}")
    reference, slow = one_at_a_time(lambda text: straightforward(plain, tokenizer, text), texts)
    single, quick = one_at_a_time(lambda text: float(scorer.score([text])[0]), texts)
    together, per_second = batched(scorer.score, texts)
    result = {
        "straightforward": slow,
        "ours, one at a time": quick,
        "ours, batched, prompts_per_second": per_second,
        "ratio of throughput": per_second / slow["prompts_per_second"],
        "ratio of p50": slow["p50_ms"] / quick["p50_ms"],
        "largest difference of a score": float(
            max(np.abs(single - reference).max(), np.abs(together - reference).max())
        ),
        "rank correlation": float(
            np.corrcoef(np.argsort(np.argsort(reference)), np.argsort(np.argsort(together)))[0, 1]
        ),
    }
    for name, value in result.items():
        print(f"{name:36} {value if isinstance(value, dict) else format(value, '.4g')}")
    if given.json:
        jsonl.write_json(given.json, result)


if __name__ == "__main__":
    main()
