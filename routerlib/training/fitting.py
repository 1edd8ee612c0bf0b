"""Notebook 05 in one call: from outcomes to a fitted, calibrated and certified router.

For programs, and for a first look. The notebook does the same step by step, repeats the split,
compares the candidates on test rows and writes the table; this keeps the test rows for whoever
wants to measure afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from routerlib import settings
from routerlib.endpoints import standins
from routerlib.rows import sources
from routerlib.rows.schemas import LabelledPrompt
from routerlib.stats import certificates
from routerlib.training import candidates, evaluation, examples, labelled_data
from routerlib.training.router import Router

if TYPE_CHECKING:
    from routerlib.training.fine_tuning import Recipe


@settings.needing_an_extra("Fitting a router")
def fit(
    outcomes: str | Path = "",
    labelled: str | Path = "",
    *,
    epsilon: float = 0.05,
    delta: float = 0.1,
    backbone: str | Path = "",
    epochs: int = 0,
    seed: int = 0,
    use_categories: bool = False,
    progress: bool = False,
) -> Router:
    """Fit a router on graded outcomes, choose among the candidates, calibrate it and certify its
    threshold.

    Example:
        router = routerlib.fit("outputs/graded/outcomes.jsonl", epsilon=0.05)
        print(router.certificate["sentence"], router.route("What is 2 + 2?"))

    Args:
        outcomes: rows with `prompt`, `category`, `inferior_score` and `superior_score`, as 04
            writes them. Without it, what 04 left, else the shipped sample.
        labelled: further labelled prompts, which only help to train. Without it, none.
        epsilon: loss of accuracy against always calling the superior model that the certificate
            allows, in (0, 1).
        delta: risk that the certificate is broken, in (0, 1).
        backbone: the encoder, a folder or a hub id. Without it, the offline one.
        epochs: of fine-tuning the encoder at most; 0 leaves it frozen, which takes seconds and is
            often as good or better (docs/performance.md has figures).
        seed: of the split.
        use_categories: give the scorers each prompt's category; only where prompts will come with
            one.
        progress: show bars.

    Returns:
        The router; `router.certificate["certified"]` says whether a threshold could be certified.

    Raises:
        SettingError: there are too few graded rows to split. RowError, SourceError: the file cannot
            be used. MetricError: no certificate has such an epsilon or delta.
    """
    certificates.check_terms(epsilon, delta)  # told before the work
    settings.whole("EPOCHS", epochs, least=0)
    found = labelled_data.read_outcomes(outcomes)
    if labelled:
        found += sources.load_rows(labelled, LabelledPrompt)
    rows = examples.from_rows(found)
    part = labelled_data.split_rows(rows, seed)
    encoder = backbone or standins.path("encoder")
    run = candidates.fit_candidates(
        rows.take(part["train"]),
        rows.take(part["validation"]),
        encoder,
        _recipes(encoder, epochs, seed),
        seed,
        use_categories=use_categories,
        progress=progress,
    )
    chosen, _ = candidates.choose_candidate([run])
    router = run.candidates[chosen].router
    kept_back = rows.take(part["calibration"])
    evaluation.certify(router, kept_back, epsilon, delta, use_categories=use_categories)
    return router


def _recipes(encoder: str | Path, epochs: int, seed: int) -> list[Recipe]:
    """How to fine-tune, where that was asked for; only then torch is loaded."""
    if not epochs:
        return []
    from routerlib.training.fine_tuning import Recipe

    return [Recipe(str(encoder), epochs=epochs, seed=seed)]
