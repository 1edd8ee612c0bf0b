"""How fast we fine-tune against the Trainer's plain defaults: every row padded to the maximum,
float32.

    python benchmarks/training.py --outcomes FILE [--rows 256] [--json OUT]

Same rows, same seed, same number of steps; prints examples a second, the ratio, and both validation
losses.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from routerlib.endpoints import standins
from routerlib.rows import jsonl
from routerlib.training import encoders, examples, fine_tuning, inference, labelled_data


def plain(
    train: examples.Examples, validation: examples.Examples, recipe: fine_tuning.Recipe
) -> dict[str, float]:
    """The Trainer as it comes, apart from our loss.

    Padding to max length, float32, random order.
    """
    from transformers import (
        AutoModelForSequenceClassification,
        TrainingArguments,
        default_data_collator,
        set_seed,
    )

    from routerlib.training.fine_tuning import WeightedTrainer

    class Unsorted(WeightedTrainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return super(WeightedTrainer, self)._get_train_sampler(train_dataset)

    set_seed(recipe.seed)
    tokenizer = encoders.load_tokenizer(recipe.backbone, recipe.max_length)

    def rows(part: examples.Examples) -> list[dict[str, Any]]:
        encoded = tokenizer(
            part.texts, truncation=True, padding="max_length", max_length=recipe.max_length
        )
        columns = (
            encoded["input_ids"],
            encoded["attention_mask"],
            fine_tuning.targets(part, recipe.target),
            part.weights,
        )
        names = ("input_ids", "attention_mask", "labels", "weight")
        return [
            dict(zip(names, (ids, mask, [float(y)], float(w)), strict=True))
            for ids, mask, y, w in zip(*columns, strict=True)
        ]

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=recipe.epochs,
            learning_rate=recipe.learning_rate,
            per_device_train_batch_size=recipe.batch_size,
            warmup_steps=round(
                recipe.warmup * recipe.epochs * np.ceil(len(train) / recipe.batch_size)
            ),
            weight_decay=recipe.weight_decay,
            use_cpu=inference.device() == "cpu",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            label_names=["labels"],
            seed=recipe.seed,
        )
        trainer = Unsorted(
            model=AutoModelForSequenceClassification.from_pretrained(
                recipe.backbone, num_labels=2, dtype="float32"
            ),
            args=arguments,
            train_dataset=rows(train),
            eval_dataset=rows(validation),
            data_collator=default_data_collator,
        )
        speed = trainer.train().metrics["train_samples_per_second"]
        return {"examples_per_second": speed, "validation_loss": trainer.evaluate()["eval_loss"]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--outcomes", default="", help="labelled prompts (default: what 04 left, else the sample)"
    )
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--backbone", help="default: the offline stand-in")
    parser.add_argument("--json")
    given = parser.parse_args()
    rows = examples.from_rows(labelled_data.read_outcomes(given.outcomes))
    order = np.random.default_rng(0).permutation(len(rows))[: round(given.rows * 1.25)]
    train, validation = rows.take(order[: given.rows]), rows.take(order[given.rows :])
    recipe = fine_tuning.Recipe(given.backbone or str(standins.path("encoder")), epochs=1)
    _, history = fine_tuning.fine_tune(train, validation, recipe, progress=False)
    ours = {
        "examples_per_second": history.examples_per_second,
        "validation_loss": history.best_validation_loss,
    }
    usual = plain(train, validation, recipe)
    ratio = ours["examples_per_second"] / usual["examples_per_second"]
    print(
        f"{len(train)} rows, one epoch\nours          {ours}\nplain Trainer {usual}\nratio "
        f"{ratio:.1f}"
    )
    if given.json:
        jsonl.write_json(given.json, {"ours": ours, "plain": usual, "ratio": ratio})


if __name__ == "__main__":
    main()
