"""The Hugging Face Trainer with soft targets, row weights, and the same batches on any number of processes.

Imported only when training starts, since it loads torch and transformers. How it is set up is in `training`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import Trainer, TrainerCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from routerlib import progress


class WeightedTrainer(Trainer):
    """Cross-entropy against soft labels: of the logits' difference, or (two labels) of each logit on its own."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = (
            False  # the loss below is a mean over rows, equal on every process
        )

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any
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
        """Batches grouped by length over the whole batch, so that n processes share what one would take."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        lengths = [len(row["input_ids"]) for row in dataset]
        return _OrderByEpoch(
            self,
            self.args.train_batch_size
            * self.args.world_size
            * self.args.gradient_accumulation_steps,
            lengths=lengths,
        )


class TextProgress(TrainerCallback):
    """Our progress bar, with the validation loss, in place of the Trainer's widget."""

    def __init__(self, label: str, show: bool = True):
        self.label, self.show = label, show

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar = progress.bar(
            state.max_steps, self.label, "step", self.show and state.is_world_process_zero
        )
        self.bar.update(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.update(state.global_step - self.bar.n)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any
    ) -> None:
        self.bar.set_postfix_str(
            f"validation loss {(metrics or {}).get('eval_loss', float('nan')):.4f}"
        )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.total = (
            self.bar.n
        )  # early stopping ends before the last step: that is all there was to do
        self.bar.refresh()
        self.bar.close()


class _OrderByEpoch(LengthGroupedSampler):
    """An order that depends on seed and epoch alone, so that a resumed run goes on with the one it left."""

    def __init__(self, trainer: Trainer, batch_size: int, lengths: list[int]):
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self._trainer = trainer

    def __iter__(self) -> Any:
        epoch = int((self._trainer.state.epoch or 0) + 1e-3)
        self.generator.manual_seed(self._trainer.args.data_seed + 1_000_003 * epoch)
        return super().__iter__()
