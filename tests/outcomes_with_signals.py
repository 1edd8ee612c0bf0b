"""Made-up outcomes whose second look is known: informative, useless or misleading signals, at any
price.
"""

import numpy as np
from scipy.special import expit

from routerlib.stats import costs
from routerlib.training.policy_choice import Outcomes


def made_up(kind, rows=3000, seed=0, ratio=0.1, reading=0.0):
    """(p_superior, Outcomes): the prompt tells a little; `kind` says what the model's confidence
    tells.

    informative: it is higher where the inferior model is right. useless: noise. misleading: it is
    higher where only the superior model is right, so that a threshold set by hand sends up the
    wrong prompts.
    """
    random = np.random.default_rng(seed)
    difficulty = random.normal(size=rows)
    inferior = (random.random(rows) < expit(-1.5 * difficulty)).astype(float)
    superior = (random.random(rows) < expit(1.6 - 1.5 * difficulty)).astype(float)
    seen = 0.8 * difficulty + random.normal(size=rows)
    p_superior = 0.05 + 0.35 * np.exp(-((seen - 0.9) ** 2) / 3)
    told = {
        "informative": inferior - 0.5,
        "useless": np.zeros(rows),
        "misleading": (superior > inferior) - 0.5,
    }[kind]
    confidence = 1.2 * told + random.normal(size=rows)
    signals = {
        "mean_logprob": -np.exp(-confidence / 2),
        "length": np.exp(5 + random.normal(size=rows)),
        "cut_off": (random.random(rows) < 0.03).astype(float),
    }
    bill = costs.checked_costs(np.full(rows, ratio), np.ones(rows), np.full(rows, reading * ratio))
    return p_superior, Outcomes(inferior, superior, signals, bill)
