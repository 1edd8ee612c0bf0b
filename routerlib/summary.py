"""What a run of the pipeline came to, in a dozen lines: the numbers, and where to look.

The numbers are read from the metrics files that the notebooks wrote; nothing is computed here.
"""

from __future__ import annotations

from typing import Any

from routerlib import settings
from routerlib.pipeline import Result
from routerlib.rows import jsonl


def of_run(result: Result) -> str:
    """The closing words of `python -m routerlib run`."""
    minutes = f"{int(result.seconds) // 60} min {int(result.seconds) % 60} s"
    lines = [
        "",
        f"Done in {minutes}: {len(result.executed)} notebooks executed, {len(result.reused)} reused.",
        *_accuracy(_metrics("graded")),
        *_router(_metrics("models")),
        f"  executed notebooks  {settings.outputs('notebooks')}",
        f"  figures             {settings.outputs('figures')}",
        "",
        'Try it: .venv/bin/python -m routerlib route "What is the opposite of hot?" "What is 17 * 23?"',
        "or open notebooks/06_demo.ipynb: make lab",
    ]
    return "\n".join(lines)


def _metrics(step: str) -> dict[str, Any]:
    path = settings.outputs(step, "metrics.json")
    return jsonl.read_json(path) if path.exists() else {}


def _accuracy(metrics: dict[str, Any]) -> list[str]:
    if "superior" not in metrics:
        return []
    return [
        f"  accuracy            {_named(metrics, 'superior')}, {_named(metrics, 'inferior')} "
        f"({metrics['outcomes']['joined']:,} questions)"
    ]


def _named(metrics: dict[str, Any], side: str) -> str:
    model = metrics[side]
    accuracy = model["accuracy"]
    return f"{side} {accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]"


def _router(metrics: dict[str, Any]) -> list[str]:
    if "apgr" not in metrics:
        return []
    apgr, certificate = metrics["apgr"], metrics.get("certificate") or {}
    worth = "no APGR, for the test rows show no gap between the models"
    if None not in apgr.values():
        beats = (
            "better than chance" if apgr["low"] > 0.5 else "not clearly better than chance (0.5)"
        )
        worth = f"APGR {apgr['value']:.3f} [{apgr['low']:.3f}, {apgr['high']:.3f}], {beats}"
    return [
        f"  router              {metrics['router']}: {worth}",
        f"  threshold           {metrics['threshold']:.3f} sends {metrics['share_superior']:.0%} of the test prompts to the "
        f"superior model, accuracy {metrics['accuracy']:.3f}",
        *(
            [f"  certificate         {certificate['sentence']}"]
            if certificate.get("sentence")
            else []
        ),
        f"  saved in            {metrics['folder']}",
    ]
