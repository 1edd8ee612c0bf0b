"""The two files of MMLU-Pro that the other scripts here read, from what its authors publish.

    python benchmarks/mmlu_pro_data.py --published FOLDER --output FOLDER

FOLDER is `eval_results` of a clone of https://github.com/TIGER-AI-Lab/MMLU-Pro (Apache-2.0), or any
folder with its `model_outputs_MODEL_5shots.zip`. Each archive holds one list of questions with that
model's recorded output (5 worked examples, reasoning, no sampling). Two models make the pair, three
others are kept beside it; a question counts where both models of the pair were asked it in the same
words with the same options, and another model's output is null where that one was not. Nothing is
graded here: `mmlu_pro_signals.py` does that.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from routerlib.rows import jsonl

INFERIOR, SUPERIOR = "Meta-Llama-3_1-8B-Instruct", "Meta-Llama-3_1-70B-Instruct"
OTHERS = ("Phi-3-mini-4k-instruct", "mathstral-7B", "Mistral-7B-Instruct-v0.2")
PAIR_FILE, OTHERS_FILE = "mmlu_pro_llama31_8b_70b.jsonl.gz", "mmlu_pro_other_cheap_models.jsonl.gz"


def recorded(folder: Path, model: str) -> dict[str, dict[str, Any]]:
    """Question id -> the published entry of one model; empty where its archive is not there.

    Raises:
        ValueError: the archive is there, but holds no list of questions with model_outputs.
    """
    archive = folder / f"model_outputs_{model}_5shots.zip"
    if not archive.exists():
        return {}
    entries: list[dict[str, Any]] = []
    with zipfile.ZipFile(archive) as packed:
        for name in packed.namelist():
            if name.endswith(".json") and not name.startswith("__MACOSX"):
                entries += json.loads(packed.read(name))
    found = {str(one["question_id"]): one for one in entries if one.get("model_outputs")}
    if not found:
        raise ValueError(f"{archive} holds no questions with model_outputs.")
    return found


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two models were asked the same question, with the same options."""
    return all(one[name] == other[name] for name in ("question", "options", "answer"))


def joined(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of both files, in the order of the pair's questions.

    Raises:
        ValueError: a model of the pair has no archive in the folder.
    """
    inferior, superior = recorded(folder, INFERIOR), recorded(folder, SUPERIOR)
    for model, found in ((INFERIOR, inferior), (SUPERIOR, superior)):
        if not found:
            raise ValueError(f"{folder} has no model_outputs_{model}_5shots.zip.")
    others = {model: recorded(folder, model) for model in OTHERS}
    pairs, beside = [], []
    for key, cheap in inferior.items():
        dear = superior.get(key)
        if dear is None or not is_same(cheap, dear):
            continue
        pairs.append(
            {
                "question_id": key,
                **{name: cheap[name] for name in ("category", "question", "options", "answer")},
                "inferior_model": INFERIOR,
                "superior_model": SUPERIOR,
                "inferior_output": cheap["model_outputs"],
                "superior_output": dear["model_outputs"],
            }
        )
        row = {"question_id": key}
        for model, found in others.items():
            said = found.get(key)
            row[model] = said["model_outputs"] if said and is_same(cheap, said) else None
        beside.append(row)
    return pairs, beside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", type=Path, required=True, help="the folder of archives")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write to")
    given = parser.parse_args()
    pairs, beside = joined(given.published)
    for name, rows in ((PAIR_FILE, pairs), (OTHERS_FILE, beside)):
        jsonl.write_rows(given.output / name, rows)
    print(f"{len(pairs):,} questions that both models were asked: {given.output}")


if __name__ == "__main__":
    main()
