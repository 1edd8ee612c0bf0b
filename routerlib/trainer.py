"""The Hugging Face Trainer with soft targets, row weights, and the same batches on any number of processes.

Imported only when training starts, since it loads torch and transformers. How it is set up is in `training`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import Trainer
from transformers.trainer_pt_utils import LengthGroupedSampler


class WeightedTrainer(Trainer):
    """Cross-entropy against soft labels: of the logits' difference, or (two labels) of each logit on its own."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = False  # the loss below is a mean over rows, equal on every process

    def compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any) -> Any:
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
        return _OrderByEpoch(self, self.args.train_batch_size * self.args.world_size, lengths=lengths)


class _OrderByEpoch(LengthGroupedSampler):
    """An order that depends on seed and epoch alone, so that a resumed run goes on with the one it left."""

    def __init__(self, trainer: Trainer, batch_size: int, lengths: list[int]):
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self._trainer = trainer

    def __iter__(self) -> Any:
        epoch = int((self._trainer.state.epoch or 0) + 1e-3)
        self.generator.manual_seed(self._trainer.args.data_seed + 1_000_003 * epoch)
        return super().__iter__()
