"""Fine-tuning on a tiny encoder.

It learns, the pipeline agrees, a kill is survived, two processes equal one.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_encoder import rows, tiny_encoder

from routerlib.stats import metrics
from routerlib.stats.calibration import Calibration
from routerlib.training import encoders, examples, fine_tuning, inference, model_card, scorers
from routerlib.training.router import Router

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def parts():
    made = examples.from_rows(map(examples.outcome_row, rows(160)))
    return made.take(np.arange(128)), made.take(np.arange(128, 160))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    backbone = tiny_encoder(tmp_path_factory.mktemp("tiny"))
    return fine_tuning.Recipe(
        str(backbone), epochs=5, learning_rate=2e-3, batch_size=16, patience=5, bf16=False
    )


@pytest.fixture(scope="module")
def trained(parts, recipe):
    return fine_tuning.fine_tune(*parts, recipe, progress=False)


def test_it_learns_and_says_how(trained, parts):
    scorer, history = trained
    hard = np.array([category == "proof" for category in parts[1].categories])
    p = scorer.score(parts[1].texts)
    assert p[hard].mean() > p[~hard].mean() + 0.1
    losses = [entry["eval_loss"] for entry in history.log if "eval_loss" in entry]
    assert history.best_validation_loss == min(losses) and history.examples_per_second > 0


@pytest.mark.parametrize("target", ["p_superior", "two_heads"])
def test_the_head_starts_as_a_logistic_regression(target, parts, recipe):
    """With a learning rate of nothing, what it knows is what the head was given."""
    still = replace(recipe, target=target, epochs=1, learning_rate=1e-12)
    p = fine_tuning.fine_tune(*parts, still, progress=False)[0].score(parts[1].texts)
    hard = np.array([category == "proof" for category in parts[1].categories])
    assert metrics.auc(p, hard) > 0.9
    assert p.mean() == pytest.approx(parts[0].p_superior.mean(), abs=0.1) or target == "two_heads"


def test_plain_pipeline_gives_the_calibrated_probabilities(trained, parts, tmp_path):
    from transformers import pipeline

    made = Router("encoder", trained[0], Calibration("platt", 1.7, -0.4, logit=True), threshold=0.4)
    expected = made.score(parts[1].texts)
    folder = model_card.save_with_card(made, "tiny", [], "made up", tmp_path / "saved")
    assert Router.from_pretrained(folder).score(parts[1].texts) == pytest.approx(expected, abs=0.01)
    classify = pipeline("text-classification", str(folder), top_k=None)
    given = [
        {d["label"]: d["score"] for d in found}["ROUTE_TO_SUPERIOR"]
        for found in classify(parts[1].texts)
    ]
    assert given == pytest.approx(expected, abs=0.01)
    assert "text-classification" in (folder / "README.md").read_text()


def test_a_blend_with_an_encoder_is_read_by_a_fresh_process(trained, parts, tmp_path):
    blend = scorers.Blend(
        [trained[0], scorers.TfidfRidge().fit(parts[0])], [0.5, 0.5], [0, 0], [1, 1]
    )
    folder = Router("blend", blend).save(tmp_path / "blend")
    code = (
        "from routerlib.training.router import Router; "
        f"print(Router.from_pretrained({str(folder)!r}).score(['prove the theorem 3 4'])[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout.split()[-1]) == pytest.approx(
        blend.score(["prove the theorem 3 4"])[0], abs=0.01
    )


@pytest.mark.parametrize("target", fine_tuning.TARGETS)
def test_every_target_trains(target, parts, recipe):
    scorer, _ = fine_tuning.fine_tune(
        *parts, replace(recipe, target=target, epochs=1), progress=False
    )
    assert np.isfinite(scorer.logits(parts[1].texts)).all()


def test_training_goes_on_from_a_checkpoint(parts, recipe, tmp_path):
    whole, _ = fine_tuning.fine_tune(*parts, recipe, tmp_path / "whole", progress=False)
    import shutil

    first = sorted(
        (tmp_path / "whole").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1])
    )[0]
    # What a kill in a later epoch leaves behind
    shutil.copytree(first, tmp_path / "cut" / first.name)
    resumed, _ = fine_tuning.fine_tune(*parts, recipe, tmp_path / "cut", progress=False)
    assert resumed.logits(parts[1].texts) == pytest.approx(whole.logits(parts[1].texts), abs=0.05)


def test_bad_recipes_and_empty_parts_get_a_sentence(parts, recipe):
    with pytest.raises(fine_tuning.ScorerError, match="oracle"):
        replace(recipe, target="oracle")
    with pytest.raises(fine_tuning.ScorerError, match="above zero"):
        replace(recipe, epochs=0)
    with pytest.raises(fine_tuning.ScorerError, match="need some"):
        fine_tuning.fine_tune(parts[0].take([]), parts[1], recipe)


def test_two_processes_give_what_one_gives(parts, recipe, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import sys\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n"
        "import numpy as np\n"
        "from routerlib.training import examples, fine_tuning\n"
        "from tiny_encoder import rows\n"
        "made = examples.from_rows(map(examples.outcome_row, rows(160)))\n"
        "parts = made.take(np.arange(128)), made.take(np.arange(128, 160))\n"
        f"recipe = fine_tuning.Recipe({recipe.backbone!r}, epochs=5, learning_rate=2e-3, "
        f"batch_size=16, patience=5, bf16=False)\n"
        "scorer, _ = fine_tuning.fine_tune(*parts, recipe, progress=False)\n"
        f"np.save({str(tmp_path / 'logits.npy')!r}, scorer.logits(parts[1].texts))\n"
    )
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--cpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
    ]
    done = subprocess.run(
        [
            *launch,
            "--mixed_precision",
            "no",
            "--dynamo_backend",
            "no",
            "--main_process_port",
            "0",
            str(script),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    alone, _ = fine_tuning.fine_tune(*parts, recipe, progress=False)
    assert np.load(tmp_path / "logits.npy") == pytest.approx(alone.logits(parts[1].texts), abs=0.05)


# --- what the trainer is given ---


def two_rows(weights):
    listed = [
        {"prompt": "name a colour", "inferior_score": 1, "superior_score": 0.5},
        {"prompt": "prove the theorem", "inferior_score": 0.25, "superior_score": 1},
    ]
    made = examples.from_rows(map(examples.outcome_row, listed))
    return replace(made, weights=np.array(weights, dtype=float))


def test_targets_by_hand():
    made = two_rows([1, 1])
    assert fine_tuning.targets(made, "gain").tolist() == [0.25, 0.875]
    assert fine_tuning.targets(made, "p_superior").tolist() == [0.0, 0.75]
    assert fine_tuning.targets(made, "strictly_better").tolist() == [0.0, 1.0]
    assert fine_tuning.targets(made, "two_heads").tolist() == [[1, 0.5], [0.25, 1]]


def test_rows_for_the_trainer_carry_their_weight_with_a_mean_of_one(recipe):
    tokenizer = encoders.load_tokenizer(recipe.backbone, 64)
    found = fine_tuning._dataset(two_rows([1, 3]), tokenizer, "gain")
    assert [row["weight"] for row in found] == [0.5, 1.5]
    assert [row["labels"] for row in found] == [[0.25], [0.875]]
    zero = fine_tuning._dataset(two_rows([0, 2]), tokenizer, "two_heads")
    assert [row["weight"] for row in zero] == [0.0, 2.0]
    assert [row["labels"] for row in zero] == [[1.0, 0.5], [0.25, 1.0]]


def test_rows_for_the_trainer_are_cut_to_what_the_encoder_reads(recipe):
    tokenizer = encoders.load_tokenizer(recipe.backbone, 8)
    long = replace(two_rows([1, 1]), texts=["say hello in french " * 20, "ice"])
    assert [len(row["input_ids"]) for row in fine_tuning._dataset(long, tokenizer, "gain")] == [
        8,
        3,
    ]


class Logits:
    """A model that says what it is told."""

    def __init__(self, values):
        self.logits = torch.tensor(values)

    def __call__(self, **_):
        return self


def loss_of(logits, labels, weights):
    inputs = {"labels": torch.tensor(labels), "weight": torch.tensor(weights)}
    trainer = fine_tuning.WeightedTrainer.__new__(fine_tuning.WeightedTrainer)
    return float(trainer.compute_loss(Logits(logits), inputs))


def test_the_loss_is_the_weighted_cross_entropy_of_the_difference():
    one, two = np.log1p(np.exp(-2.0)), np.log1p(np.exp(1.0))
    found = loss_of([[1.0, 3.0], [0.0, 1.0]], [[1.0], [0.0]], [0.5, 1.5])
    assert found == pytest.approx((0.5 * one + 1.5 * two) / 2)
    assert loss_of([[1.0, 3.0], [0.0, 1.0]], [[1.0], [0.0]], [2.0, 0.0]) == pytest.approx(one)


def test_the_loss_of_two_heads_is_the_mean_of_both():
    right, wrong = np.log1p(np.exp(-2.0)), np.log1p(np.exp(1.0))
    assert loss_of([[2.0, 1.0]], [[1.0, 0.0]], [1.0]) == pytest.approx((right + wrong) / 2)


def test_a_history_keeps_the_least_validation_loss_and_counts_the_heads_time():
    log = [
        {"eval_loss": 0.7},
        {"eval_loss": 0.5},
        {"eval_loss": 0.6},
        {"train_runtime": 8.0, "train_samples_per_second": 30.0},
    ]
    found = fine_tuning._history_of(log, head_seconds=2.0)
    assert found.best_validation_loss == 0.5 and found.examples_per_second == pytest.approx(24)


def test_the_trainer_gets_what_the_recipe_says(recipe, tmp_path):
    asked = replace(recipe, batch_size=64, epochs=4, warmup=0.1, seed=5, learning_rate=3e-4)
    found = fine_tuning._arguments(asked, 640, tmp_path, resumable=False)
    assert found.seed == found.data_seed == 5 and found.learning_rate == 3e-4
    assert found.per_device_train_batch_size * found.gradient_accumulation_steps == 64
    assert found.warmup_steps == 4 and found.num_train_epochs == 4
    assert found.load_best_model_at_end and found.metric_for_best_model == "eval_loss"
    assert found.greater_is_better is False and found.save_only_model


@pytest.mark.skipif(inference.device() != "cpu", reason="GPUs want other widths")
def test_short_texts_are_padded_no_further_than_a_processor_wants(parts, recipe, tmp_path):
    """10 tokens, as a short question has: padding to 16 would be paid for in full."""
    trainer, _ = fine_tuning._trainer(*parts, recipe, tmp_path, False, False)
    row = {"input_ids": [1] * 10, "labels": [0.5], "weight": 1.0}
    assert trainer.data_collator([row])["input_ids"].shape == (1, 12)


def test_the_head_gets_the_weighted_regression_on_what_the_encoder_sees(recipe):
    """Rows that contradict each other on the same words: the heavier ones decide."""
    for heavy, wanted in ((0, 0.1), (1, 0.9)):
        listed = [
            {"prompt": "prove the theorem", "inferior_score": 1 - n % 2, "superior_score": 1}
            for n in range(20)
        ]
        made = examples.from_rows(map(examples.outcome_row, listed))
        weights = np.where(np.arange(20) % 2 == heavy, 0.9, 0.1)
        model = encoders.new_classifier(recipe.backbone, fine_tuning.LABELS)
        tokenizer = encoders.load_tokenizer(recipe.backbone, 64)
        fine_tuning._fit_head(model, tokenizer, replace(made, weights=weights), "p_superior")
        scorer = scorers.EncoderScorer(encoders.for_inference(model), tokenizer)
        assert scorer.score(["prove the theorem"])[0] == pytest.approx(wanted, abs=0.02)


def test_a_history_without_a_run_has_no_figures():
    found = fine_tuning._history_of([], 2.0)
    assert np.isnan(found.best_validation_loss) and np.isnan(found.examples_per_second)
