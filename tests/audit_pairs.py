"""Pairs to audit, with answers that try to leave their place; for the panel's tests."""

from __future__ import annotations

from pathlib import Path

from routerlib.answers import auditing, judging
from routerlib.answers.auditing import Audit
from routerlib.answers.judging import Comparison
from routerlib.answers.pairs import SUPERIOR, Pair

HOSTILE = "<img src=x onerror=\"alert('a')\"></div><script>alert('s')</script>"


def pairs_and_plan(folder: Path, number: int = 40, audits: int = 12):
    """(pairs, judged rows, plan) in a folder."""
    given = [
        Pair(
            id=f"q{i}",
            prompt=f"prompt {i} {HOSTILE}",
            inferior=(f"one answer to {i} {HOSTILE}",),
            superior=(f"other answer to {i} {HOSTILE}",),
            inferior_model="cheapo",
            superior_model="dearest",
        )
        for i in range(number)
    ]
    said = [Comparison("m", 0, 0, SUPERIOR, SUPERIOR, None)]
    rows = [judging.outcome_of(pair, said) for pair in given]
    return given, rows, auditing.make_plan(rows, given, audits, folder)


def audit_in(folder: str | Path, auditor: str = "ada") -> Audit:
    """An audit whose files lie in a folder; the same one again, where they are there."""
    given, _, plan = pairs_and_plan(Path(folder))
    return Audit(given, plan, folder, auditor)
