"""A real router for tests, fitted in milliseconds: TF-IDF on two dozen prompts, easy and hard ones.

It knows nothing beyond its words ("prove", "derive" …), which is enough to see prompts go both
ways.
"""

from __future__ import annotations

import numpy as np

from routerlib.rows.schemas import ROUTE_TO_INFERIOR, ROUTE_TO_SUPERIOR, LabelledPrompt
from routerlib.stats.calibration import Calibration
from routerlib.stats.certificates import Certificate
from routerlib.training.examples import from_rows
from routerlib.training.router import Router
from routerlib.training.scorers import TfidfRidge

EASY = "What is the capital of France?"
HARD = "Prove the theorem, then derive the formula step by step."
PROMPTS = {
    0.0: [
        "What is the capital of Norway?",
        "What is the colour of snow?",
        "What is 2 + 2?",
        "What day comes after Monday?",
        "Say hello in French.",
        "Say thanks in Spanish.",
        "Name the capital of Peru.",
        "Name the colour of grass.",
        "Is ice cold?",
        "Is the sun hot?",
    ],
    1.0: [
        "Prove the theorem that there are infinitely many primes.",
        "Prove the theorem of Pythagoras.",
        "Derive the formula of the pendulum step by step.",
        "Derive the formula for the sum of the squares.",
        "Prove that the formula holds, step by step.",
        "Design a proof of the halting theorem and derive its corollaries.",
        "Explain step by step how to derive and prove the formula.",
        "Design a lock and prove, step by step, that it is safe.",
        "Prove the theorem on compact sets, then derive the formula.",
        "Derive, step by step, the theorem of the mean.",
    ],
}


def rows() -> list[LabelledPrompt]:
    """The prompts as graded rows: the superior model is always right, the inferior one on the easy
    ones.
    """
    return [
        LabelledPrompt(
            id=f"{gain}-{number}",
            prompt=prompt,
            label=ROUTE_TO_SUPERIOR if gain else ROUTE_TO_INFERIOR,
            p_superior=gain,
            source="graded",
            inferior_score=1 - gain,
            superior_score=1.0,
        )
        for gain, prompts in PROMPTS.items()
        for number, prompt in enumerate(prompts)
    ]


def small_router() -> Router:
    """A fitted router with a curve, prices and a certified threshold."""
    return Router(
        name="small-tfidf",
        scorer=TfidfRidge().fit(from_rows(rows())),
        calibration=Calibration("platt", slope=16.0, intercept=-11.5),
        threshold=0.5,
        curve=curve(),
        certificate=Certificate(
            True, 0.3, 0.02, 0.05, 600, "paired", 0.004, 0.018, 0.59, 0.75
        ).to_dict(),
        models={"inferior": "small", "superior": "large"},
        prices={"inferior": 0.1, "superior": 5.0},
    )


def curve() -> list[dict[str, float]]:
    """Share, accuracy and cost at 41 thresholds, falling as the threshold rises."""
    thresholds = np.linspace(0, 1, 41)
    share = (1 - thresholds) ** 1.5
    gained = share**0.5
    return [
        {
            "threshold": t,
            "share_superior": s,
            "accuracy": 0.5 + 0.25 * g,
            "pgr": g,
            "cost_per_1000": 0.1 + 4.9 * s,
        }
        for t, s, g in zip(thresholds.tolist(), share.tolist(), gained.tolist(), strict=True)
    ]
