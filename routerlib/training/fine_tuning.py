"""Fine-tuning an encoder into a router's scorer, with the Hugging Face Trainer.

The head starts as a logistic regression on the frozen encoder's features. Soft targets, dynamic
padding with length grouping, bfloat16 where the hardware has it, warm-up, early stopping on
validation loss. The result is an `EncoderScorer`, a plain two-label classifier: softmax of its two
logits is the score, so `transformers.pipeline("text-classification", folder)` gives the same
numbers. Runs as it is under `accelerate launch` on several processes or GPUs. What to train on is
`labelled_data`'s business, which scorer to keep `candidates`'. Imported only when training starts,
since it loads torch and transformers.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import Trainer, TrainerCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from routerlib import progress as progress_bars
from routerlib.rows.schemas import LABELS
from routerlib.stats.calibration import soft_logistic
from routerlib.training import encoders, inference
from routerlib.training.examples import Examples
from routerlib.training.scorers import EncoderScorer, ScorerError

TARGETS = ("p_superior", "gain", "two_heads", "strictly_better")
# Of the head's logistic regression: of 0.05 and 0.5 the one of less loss on validation rows.
HEAD_C = 0.05
# Rows at once on a CPU: more of them leave its caches, and a step takes twice as long.
CPU_ROWS = 16
# A batch is as long as its longest text, rounded up to a multiple of this: GPUs compute well with
# 16, a CPU with 4, where short questions (10 tokens) are a third faster so.
PADDING, CPU_PADDING = 16, 4


@dataclass(frozen=True)
class Recipe:
    """How an encoder is fine-tuned.

    Attributes:
        backbone: folder or hub name of a BERT-like encoder. target: one of TARGETS (see `targets`).
        epochs: at most; training stops when validation loss has not fallen for `patience`
            evaluations.
        learning_rate: peak, after warming up over `warmup` of all steps, then falling linearly.
        batch_size: of one optimiser step, over all processes. max_length: in tokens; longer texts
            lose their oldest.
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
    """What a training run did.

    The Trainer's log, the best validation loss, rows per second, the head's fit included.
    """

    log: list[dict[str, float]] = field(default_factory=list)
    best_validation_loss: float = float("nan")
    examples_per_second: float = float("nan")


def targets(examples: Examples, target: str) -> np.ndarray:
    """What the two logits learn, in [0, 1]: (n,) for their difference, or (n, 2), a model each.

    gain: (1 + superior - inferior) / 2, so a probability of 0.5 means that the superior model adds
    nothing;
    p_superior: the soft label; strictly_better: p_superior > 0.5; two_heads: inferior right,
    superior right, each by its own logit (rows without scores teach only p_superior's complement
    and 1).
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
        checkpoints: a folder of its own for this run's checkpoints, one an epoch; if it holds some,
            training goes on from the last. None: nothing outlives the call.

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
    history = _history_of(trainer.state.log_history, head_seconds)
    model = trainer.accelerator.unwrap_model(trainer.model)
    return EncoderScorer(encoders.for_inference(model), tokenizer), history


def _fit_head(model: Any, tokenizer: Any, train: Examples, target: str) -> None:
    """Give the last layer the weights of a logistic regression on what it sees before any
    fine-tuning.

    From a random head the first steps teach the encoder what suits the noise in that head, which
    costs most where rows are few (Kumar et al. 2022, arXiv 2202.10054).
    """
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

    set_seed(recipe.seed)
    tokenizer = encoders.load_tokenizer(recipe.backbone, recipe.max_length)
    trainer = WeightedTrainer(
        model=encoders.new_classifier(recipe.backbone, LABELS),
        args=_arguments(recipe, len(train), folder, resumable),
        train_dataset=_dataset(train, tokenizer, recipe.target),
        eval_dataset=_dataset(validation, tokenizer, recipe.target),
        data_collator=DataCollatorWithPadding(tokenizer, pad_to_multiple_of=_padding()),
        callbacks=[
            EarlyStoppingCallback(recipe.patience),
            TextProgress(f"fine-tuning on {recipe.target}", progress),
        ],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, tokenizer


def _padding() -> int:
    """What a batch's length is a multiple of, on this machine."""
    return CPU_PADDING if inference.device() == "cpu" else PADDING


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
        # `TextProgress` instead: a widget's last state is lost where nobody looks on
        disable_tqdm=True,
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


def _history_of(log: list[dict[str, float]], head_seconds: float) -> History:
    losses = [entry["eval_loss"] for entry in log if "eval_loss" in entry]
    run = next((entry for entry in reversed(log) if "train_runtime" in entry), {})
    seconds = run.get("train_runtime", float("nan"))
    rows = run.get("train_samples_per_second", float("nan")) * seconds
    return History(log, min(losses, default=float("nan")), rows / (seconds + head_seconds))


# --- the Trainer with soft targets, row weights, and the same batches on any number of processes
# ---


class WeightedTrainer(Trainer):
    """Cross-entropy against soft labels.

    Of the logits' difference, or (two labels) of each logit on its own.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # The loss below is a mean over rows, equal on every process.
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        labels, weight = inputs.pop("labels").float(), inputs.pop("weight").float()
        outputs = model(**inputs)
        logits = outputs.logits.float()
        if labels.shape[1] == 1:
            logits = logits[:, 1:] - logits[:, :1]
        losses = binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(dim=1)
        loss = (losses * weight).mean()
        return (loss, outputs) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Batches grouped by length over the whole batch.

        So that n processes share what one would take. The Trainer asks for no other rows than its
        own.
        """
        rows: Any = self.train_dataset
        lengths = [len(row["input_ids"]) for row in rows]
        processes, steps = self.args.world_size, self.args.gradient_accumulation_steps
        return _OrderByEpoch(self, self.args.train_batch_size * processes * steps, lengths)


class TextProgress(TrainerCallback):
    """Our progress bar, with the validation loss, in place of the Trainer's widget."""

    def __init__(self, label: str, show: bool = True):
        self.label, self.show = label, show

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar = progress_bars.bar(
            state.max_steps, self.label, "step", self.show and state.is_world_process_zero
        )
        self.bar.update(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.update(state.global_step - self.bar.n)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any
    ) -> None:
        loss = (metrics or {}).get("eval_loss", float("nan"))
        self.bar.set_postfix_str(f"validation loss {loss:.4f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # Early stopping ends before the last step: that is all there was to do.
        self.bar.total = self.bar.n
        self.bar.refresh()
        self.bar.close()


class _OrderByEpoch(LengthGroupedSampler):
    """An order that depends on seed and epoch alone.

    So that a resumed run goes on with the one it left.
    """

    def __init__(self, trainer: Trainer, batch_size: int, lengths: list[int]):
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self._trainer = trainer

    def __iter__(self) -> Any:
        epoch = int((self._trainer.state.epoch or 0) + 1e-3)
        seed = int(self._trainer.args.data_seed or 0)
        self.generator.manual_seed(seed + 1_000_003 * epoch)
        return super().__iter__()
