"""Which prompts look hard, for the plan of an audit: people's time goes where it tells most.

A kernel regression learns from judged rows that nobody will audit where the inferior model loses,
and looks at those that are to be audited (`answers.auditing.make_plan`). It decides nothing about
quality, and no promise rests on it: a poor one only wastes audits. So it is left out where, on rows
that it has not learnt from, it does not follow the judge's losses better than chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from routerlib.answers.auditing import LooksHard
from routerlib.rows.schemas import LabelledPrompt
from routerlib.training import encoders, examples
from routerlib.training.candidates import out_of_fold
from routerlib.training.scorers import Kernel

FEWEST = 100  # rows to learn from, below which nothing is seen
FOLDS = 5
RISK = 0.01  # that what follows the losses so well does so by chance


def hardness(encoder: encoders.SentenceEncoder) -> LooksHard:
    """What `auditing.make_plan` takes as `looks_hard`.

    Args:
        encoder: of the meaning of a prompt.
    """

    def look(
        learn: Sequence[LabelledPrompt], rows: Sequence[LabelledPrompt]
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        if len(learn) < FEWEST:
            return None, None
        known = examples.from_rows(learn)
        own = out_of_fold(lambda: Kernel(encoder), known, examples.folds(known.groups, FOLDS))
        if not _follows(own, known.gain):
            return None, None
        asked = examples.from_rows(rows)
        return Kernel(encoder).fit(known).score(asked.texts, asked.categories), own

    return look


def _follows(looks: np.ndarray, losses: np.ndarray) -> bool:
    """Whether prompts that look harder lose more often, by rank, beyond chance."""
    from scipy.stats import spearmanr

    if np.ptp(losses) == 0 or np.ptp(looks) == 0:
        return False
    return bool(spearmanr(looks, losses, alternative="greater").pvalue < RISK)
