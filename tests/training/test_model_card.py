"""A saved router with its card: the figures, the promise and the limits are in it."""

import time

import numpy as np
import pytest
from small_router import small_router

from routerlib.rows import jsonl
from routerlib.stats.calibration import Calibration
from routerlib.training import evaluation, model_card
from routerlib.training.router import Router
from routerlib.training.scorers import Constant

ROW = evaluation.Compared(
    "small-tfidf", True, 0.6, 0.55, 0.66, "constant", 0.1, 0.05, 0.15,
    0.4, 0.75, 0.7, 0.2, 0.6, 0.031, 0.05, float("nan"),
)  # fmt: skip


def test_the_folder_is_named_after_backbone_and_time():
    at = time.struct_time((2026, 3, 4, 5, 6, 7, 0, 0, 0))
    name = model_card.folder_name("/some/where/bert-base-uncased", at)
    assert name == "bert-base-uncased-router-finetuning-20260304T050607-save"


def test_router_card_and_table_are_written(tmp_path):
    folder = model_card.save_with_card(small_router(), "tiny", [ROW], "Made up.", tmp_path / "r")
    assert folder == tmp_path / "r"
    read = Router.from_pretrained(folder)
    assert read.certificate == small_router().certificate and read.kind == "tfidf"
    (kept,) = jsonl.read_json(folder / "metrics.json")["table"]
    assert kept["apgr"] == 0.6 and kept["ece_by_chance"] is None
    card = (folder / "README.md").read_text()
    assert evaluation.as_markdown([ROW]) in card and small_router().certificate["sentence"] in card
    assert "Made up. The encoder: tiny." in card
    assert "`small` and `large`" in card and "0.5000." in card
    assert "It is no transformers model" in card and card.startswith("---\npipeline_tag")
    assert model_card.LIMITS in card


def test_by_default_it_goes_below_outputs(outputs):
    folder = model_card.save_with_card(small_router(), "tiny", [], "Made up.")
    assert folder.parent == outputs / "models" and folder.name.startswith("tiny-router-finetuning-")


@pytest.mark.parametrize(
    ("backbone", "name"),
    [("bert-base-uncased", "bert-base-uncased"), ("org/encoder", "org/encoder"), ("", "models")],
)
def test_the_card_names_the_encoder_and_no_path_of_this_machine(tmp_path, backbone, name):
    folder = tmp_path / "models"
    folder.mkdir()
    written = model_card.save_with_card(
        small_router(), backbone or folder, [], "Made up.", tmp_path / "r"
    )
    card = (written / "README.md").read_text()
    assert f"The encoder: {name}." in card and str(tmp_path) not in card


def test_a_card_without_figures_or_certificate_says_so():
    bare = Router("bare", Constant())
    card = model_card.model_card(bare, [], "No rows.")
    assert "## Figures\n\nNone." in card and "The threshold is not certified." in card
    assert "`inferior` and `superior`" in card


@pytest.mark.parametrize(
    "line",
    [Calibration("platt", 2.0, 1.0, logit=True), Calibration("isotonic", knots=((0, 0), (1, 1)))],
)
def test_only_an_encoders_line_is_folded(line):
    """What folding does to an encoder is tested where encoders are trained."""
    made = Router("c", Constant(), line)
    made.scorer.plain["p"] = 0.3
    assert model_card.fold_calibration(made) is made
    assert np.isfinite(made.score(["x"])).all()
