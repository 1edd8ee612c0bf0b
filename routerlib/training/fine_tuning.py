"""Fine-tuning an encoder into a router's scorer, with the Hugging Face Trainer.

The head starts as a logistic regression on the frozen encoder's features. Soft targets, dynamic padding with length
grouping, bfloat16 where the hardware has it, warm-up, early stopping on validation loss. The result is an
`EncoderScorer`, a plain two-label classifier: softmax of its two logits is the score, so
`transformers.pipeline("text-classification", folder)` gives the same numbers. Runs as it is under
`accelerate launch` on several processes or GPUs. What to train on and which scorer to keep is `evaluation`'s
business.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from routerlib.rows.schemas import LABELS
from routerlib.stats.metrics import sigmoid
from routerlib.training import encoders, inference
from routerlib.training.examples import Examples
from routerlib.training.scorers import Scorer, ScorerError, soft_logistic

TARGETS = ("p_superior", "gain", "two_heads", "strictly_better")
HEAD_C = 0.05  # of the head's logistic regression; of 0.05 and 0.5 the one with the lesser loss on validation rows
CPU_ROWS = (
    16  # rows at once on a CPU: more of them leave its caches, and a step takes twice as long
)


@dataclass(frozen=True)
class Recipe:
    """How an encoder is fine-tuned.

    Attributes:
        backbone: folder or hub name of a BERT-like encoder. target: one of TARGETS (see `targets`).
        epochs: at most; training stops when validation loss has not fallen for `patience` evaluations.
        learning_rate: peak, after warming up over `warmup` of all steps, then falling linearly.
        batch_size: of one optimiser step, over all processes. max_length: in tokens; longer texts lose their oldest.
        bf16: compute in bfloat16; None: where the hardware has it.
    """

    backbone: str
    target: str = TARGETS[0]
    epochs: float = 4
    learning_rate: float = 5e-5
    batch_size: int = 32
    max_length: int = encoders.MAX_LENGTH
    warmup: float = 0.1
    weight_decay: float = 0.01
    patience: int = 2
    seed: int = 0
    bf16: bool | None = None

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise ScorerError(
                f"TARGET {self.target!r} is not known; it is one of {', '.join(TARGETS)}."
            )
        if self.epochs <= 0 or self.batch_size < 1 or self.learning_rate <= 0:
            raise ScorerError("EPOCHS, BATCH_SIZE and LEARNING_RATE must be above zero.")


@dataclass
class History:
    """What a training run did: the Trainer's log, the best validation loss, rows per second, the head's fit included."""

    log: list[dict[str, float]] = field(default_factory=list)
    best_validation_loss: float = float("nan")
    examples_per_second: float = float("nan")


class EncoderScorer(Scorer):
    """A fine-tuned classifier: sigmoid of the difference of its two logits."""

    kind = "encoder"

    def __init__(self, model: Any = None, tokenizer: Any = None):
        super().__init__()
        self.model, self.tokenizer = model, tokenizer

    def fit(self, examples: Examples) -> EncoderScorer:
        raise ScorerError(
            "An encoder is fitted with training.fine_tune, which also needs validation rows."
        )

    def score(self, texts: Sequence[str], categories: Sequence[str] | None = None) -> np.ndarray:
        return sigmoid(self.logits(texts))

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Log-odds of needing the superior model, shape (n,)."""
        both = encoders.run(self._forward, self.tokenizer, texts, 2).astype(float)
        return both[:, 1] - both[:, 0]

    @functools.cached_property
    def _forward(self) -> inference.Forward:
        return inference.forward(self.model, _two_logits)

    def fold(self, slope: float, intercept: float) -> EncoderScorer:
        """The scorer whose logits are slope * logits + intercept: a calibration put into the last layer."""
        import copy

        import torch

        model = copy.deepcopy(self.model)
        last = encoders.last_layer(model)
        with torch.no_grad():
            last.weight.mul_(slope)
            last.bias.mul_(slope)
            last.bias[1] += intercept
        return EncoderScorer(model, self.tokenizer)

    def save(self, folder: Path) -> None:
        """Write a Hugging Face model folder (float32 safetensors, tokenizer, config) and scorer.json."""
        import copy

        super().save(folder)
        copy.deepcopy(self.model).cpu().float().save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def _ready(self, folder: Path) -> None:
        self.model = encoders.load_classifier(folder)
        self.tokenizer = encoders.load_tokenizer(folder, 10**6)


def _two_logits(model: Any, batch: Any) -> Any:
    return model(**batch).logits


def targets(examples: Examples, target: str) -> np.ndarray:
    """What the two logits learn, in [0, 1]: shape (n,) for their difference, or (n, 2) for one model each.

    gain: (1 + superior - inferior) / 2, so a probability of 0.5 means that the superior model adds nothing;
    p_superior: the soft label; strictly_better: p_superior > 0.5; two_heads: inferior right, superior right, each
    by its own logit (rows without scores teach only p_superior's complement and 1).
    """
    if target == "two_heads":
        return examples.both_right
    values = {
        "gain": (1 + examples.gain) / 2,
        "p_superior": examples.p_superior,
        "strictly_better": examples.strictly_better,
    }
    return values[target]


def fine_tune(
    train: Examples,
    validation: Examples,
    recipe: Recipe,
    checkpoints: str | Path | None = None,
    progress: bool = True,
) -> tuple[EncoderScorer, History]:
    """Fine-tune an encoder and keep the weights with the least validation loss.

    Args:
        checkpoints: a folder of its own for this run's checkpoints, one an epoch; if it holds some, training goes on
            from the last. None: nothing outlives the call.

    Raises:
        ScorerError: there are no rows to train or validate on.
    """
    if not len(train) or not len(validation):
        raise ScorerError(
            f"{len(train)} training and {len(validation)} validation rows: both parts need some."
        )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(checkpoints) if checkpoints else Path(scratch)
        trainer, tokenizer = _trainer(
            train, validation, recipe, folder, checkpoints is not None, progress
        )
        checkpoint, started = _last_checkpoint(folder), time.perf_counter()
        if checkpoint is None:
            _fit_head(trainer.model, tokenizer, train, recipe.target)
        head_seconds = time.perf_counter() - started
        trainer.train(resume_from_checkpoint=checkpoint)
    history = _history(trainer.state.log_history, head_seconds)
    model = trainer.accelerator.unwrap_model(trainer.model)
    return EncoderScorer(encoders.for_inference(model), tokenizer), history


def _fit_head(model: Any, tokenizer: Any, train: Examples, target: str) -> None:
    """Give the last layer the weights of a logistic regression on what it sees before any fine-tuning.

    From a random head the first steps teach the encoder what suits the noise in that head, which costs most where
    rows are few (Kumar et al. 2022, arXiv 2202.10054).
    """
    import torch

    seen = encoders.features(model, tokenizer, train.texts)
    centre, wanted = seen.mean(axis=0), targets(train, target).reshape(len(train), -1)
    size = max(float(np.linalg.norm(seen - centre, axis=1).mean()), 1e-6)
    fitted = [soft_logistic((seen - centre) / size, y, train.weights, HEAD_C) for y in wanted.T]
    weight = np.stack([weights for weights, _ in fitted]) / size
    bias = np.array([intercept for _, intercept in fitted]) - weight @ centre
    if len(fitted) == 1:  # of two logits the difference counts
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    last = encoders.last_layer(model)
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(weight))
        last.bias.copy_(torch.from_numpy(bias))


def _last_checkpoint(folder: Path) -> str | None:
    from transformers.trainer_utils import get_last_checkpoint

    return get_last_checkpoint(str(folder)) if folder.is_dir() else None


def _trainer(
    train: Examples,
    validation: Examples,
    recipe: Recipe,
    folder: Path,
    resumable: bool,
    progress: bool,
) -> tuple[Any, Any]:
    from transformers import (
        DataCollatorWithPadding,
        EarlyStoppingCallback,
        PrinterCallback,
        set_seed,
    )

    from routerlib.training.trainer import TextProgress, WeightedTrainer

    set_seed(recipe.seed)
    tokenizer = encoders.load_tokenizer(recipe.backbone, recipe.max_length)
    trainer = WeightedTrainer(
        model=encoders.new_classifier(recipe.backbone, LABELS),
        args=_arguments(recipe, len(train), folder, resumable),
        train_dataset=_dataset(train, tokenizer, recipe.target),
        eval_dataset=_dataset(validation, tokenizer, recipe.target),
        data_collator=DataCollatorWithPadding(tokenizer, pad_to_multiple_of=16),
        callbacks=[
            EarlyStoppingCallback(recipe.patience),
            TextProgress(f"fine-tuning on {recipe.target}", progress),
        ],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, tokenizer


def _arguments(recipe: Recipe, rows: int, folder: Path, resumable: bool) -> Any:
    from accelerate import PartialState
    from transformers import TrainingArguments

    share = max(1, recipe.batch_size // PartialState().num_processes)
    at_once = min(share, CPU_ROWS) if inference.device() == "cpu" else share
    steps = max(1, round(recipe.epochs * np.ceil(rows / recipe.batch_size)))
    bf16 = inference.compute_dtype().itemsize == 2 if recipe.bf16 is None else recipe.bf16
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=max(1, share // at_once),
        per_device_eval_batch_size=64,
        warmup_steps=round(recipe.warmup * steps),
        weight_decay=recipe.weight_decay,
        bf16=bf16,
        use_cpu=inference.device() == "cpu",
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="epoch",
        save_only_model=not resumable,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_strategy="epoch",
        report_to="none",
        seed=recipe.seed,
        data_seed=recipe.seed,
        remove_unused_columns=False,
        label_names=["labels"],
        disable_tqdm=True,  # `TextProgress` instead: a widget's last state is lost where nobody looks on
        dataloader_pin_memory=False,
    )


def _dataset(examples: Examples, tokenizer: Any, target: str) -> list[dict[str, Any]]:
    """Rows for the Trainer: token ids, the soft labels, and the row's weight (mean 1)."""
    wanted = targets(examples, target)
    weights = examples.weights / max(examples.weights.mean(), 1e-12)
    ids = tokenizer(examples.texts, truncation=True)["input_ids"]
    rows = zip(ids, wanted, weights, strict=True)
    return [
        {"input_ids": i, "labels": np.atleast_1d(y).tolist(), "weight": float(w)}
        for i, y, w in rows
    ]


def _history(log: list[dict[str, float]], head_seconds: float) -> History:
    losses = [entry["eval_loss"] for entry in log if "eval_loss" in entry]
    run = next((entry for entry in reversed(log) if "train_runtime" in entry), {})
    speed, seconds = (
        run.get("train_samples_per_second", float("nan")),
        run.get("train_runtime", float("nan")),
    )
    return History(
        log, min(losses, default=float("nan")), speed * seconds / (seconds + head_seconds)
    )
