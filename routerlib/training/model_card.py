"""Write a router with its card: what it is, how good, what it promises, and where that ends.

The folder holds the router itself (`router` writes and reads it), the card as README.md, and the
comparison table as metrics.json. Nothing is measured here; that is `evaluation`'s business.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from routerlib import settings
from routerlib.rows import jsonl
from routerlib.stats.calibration import Calibration
from routerlib.training.evaluation import Compared, as_markdown
from routerlib.training.router import Router
from routerlib.training.scorers import EncoderScorer

LIMITS = (
    "The figures and the certificate hold for prompts like those above. On other prompts, or after "
    "either model changes, measure and certify again. p_superior is the probability that only the "
    "superior model's answer is good; prompts are ranked by the expected gain behind it."
)
AS_PIPELINE = "`transformers.pipeline('text-classification', folder)` gives the same probabilities."
AS_ROUTER = "It is no transformers model: read it with `Router.from_pretrained(folder)`."


def folder_name(backbone: str | Path, at: time.struct_time | None = None) -> str:
    """<backbone>-router-finetuning-<YYYYMMDDTHHMMSS>-save."""
    stamp = time.strftime("%Y%m%dT%H%M%S", at or time.localtime())
    return f"{Path(str(backbone)).name}-router-finetuning-{stamp}-save"


def save_with_card(
    router: Router,
    backbone: str | Path,
    table: Sequence[Compared],
    data: str,
    folder: str | Path | None = None,
) -> Path:
    """Write the router with its model card; returns the folder.

    A fine-tuned encoder's calibration goes into its last layer, so that the plain transformers
    pipeline gives calibrated probabilities (isotonic calibration cannot be put there, and is
    applied by `Router` alone).

    Args:
        table: the comparison; may be empty. data: the sentence about the rows it was trained on.
        folder: by default a new one below outputs/models.
    """
    if folder is None:
        target = settings.outputs("models") / folder_name(backbone)
    else:
        target = settings.resolve(folder)
    target.mkdir(parents=True, exist_ok=True)
    fold_calibration(router).save(target)
    data = f"{data} The encoder: {_encoder_name(backbone)}."
    (target / "README.md").write_text(model_card(router, table, data), encoding="utf-8")
    jsonl.write_json(target / "metrics.json", {"table": [row.to_dict() for row in table]})
    return target


def _encoder_name(backbone: str | Path) -> str:
    """A hub id as it is; of a folder its name, since a path says nothing to others."""
    return Path(str(backbone)).name if Path(str(backbone)).is_dir() else str(backbone)


def fold_calibration(router: Router) -> Router:
    """The same router, an encoder's calibration inside its last layer where that is possible."""
    line, scorer = router.calibration, router.scorer
    is_line = line.method in ("platt", "temperature") and line.logit
    if not isinstance(scorer, EncoderScorer) or not is_line:
        return router
    return replace(
        router, scorer=scorer.fold(line.slope, line.intercept), calibration=Calibration("none")
    )


def model_card(router: Router, table: Sequence[Compared], data: str) -> str:
    """The card in Markdown, with the header that model hubs read."""
    certificate = router.certificate
    promise = certificate["sentence"] if certificate else "The threshold is not certified."
    inferior = router.models.get("inferior", "inferior")
    superior = router.models.get("superior", "superior")
    use = AS_PIPELINE if router.kind == EncoderScorer.kind else AS_ROUTER
    figures = "## Figures\n\nNone."
    if table:
        figures = f"## Figures, on test rows touched once\n\n{as_markdown(table)}"
    sections = [
        "---\npipeline_tag: text-classification\ntags: [llm-router]\n---",
        f"# Router: {router.name}",
        f"Sends each prompt to one of `{inferior}` and `{superior}`. {use}",
        f"## Data\n\n{data}",
        figures,
        f"## Threshold\n\n{router.threshold:.4f}. {promise}",
        f"## Limits\n\n{LIMITS}",
    ]
    return "\n\n".join(sections) + "\n"
