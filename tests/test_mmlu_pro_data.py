"""What MMLU-Pro's authors publish becomes the two files of the benchmarks: questions that both
models of the pair were asked in the same words, other models' outputs beside them.
"""

import json
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import mmlu_pro_data

from routerlib.rows import jsonl


def entry(number, said, question="Which one?"):
    return {
        "question_id": number,
        "question": question,
        "options": ["this", "that"],
        "answer": "B",
        "answer_index": 1,
        "category": "law",
        "model_outputs": said,
    }


def publish(folder, model, entries):
    with zipfile.ZipFile(folder / f"model_outputs_{model}_5shots.zip", "w") as packed:
        packed.writestr("outputs.json", json.dumps(entries))
        packed.writestr("__MACOSX/outputs.json", b"\0")


def test_questions_asked_alike_are_joined(tmp_path, monkeypatch, capsys):
    publish(tmp_path, mmlu_pro_data.INFERIOR, [entry(1, "A."), entry(2, "B."), entry(3, "C.")])
    dear = [entry(2, "The answer is (B)."), entry(1, "A", question="Which?"), entry(3, "(A)")]
    publish(tmp_path, mmlu_pro_data.SUPERIOR, dear)
    publish(tmp_path, mmlu_pro_data.OTHERS[0], [entry(2, "b"), entry(3, "x", question="What?")])
    out = tmp_path / "data"
    monkeypatch.setattr(sys, "argv", ["x", "--published", str(tmp_path), "--output", str(out)])
    mmlu_pro_data.main()
    assert "2 questions" in capsys.readouterr().out
    pairs = [row for _, row in jsonl.read_values(out / mmlu_pro_data.PAIR_FILE)]
    assert [(row["question_id"], row["inferior_output"]) for row in pairs] == [
        ("2", "B."),
        ("3", "C."),
    ]
    assert pairs[0]["superior_output"] == "The answer is (B)." and pairs[0]["category"] == "law"
    beside = [row for _, row in jsonl.read_values(out / mmlu_pro_data.OTHERS_FILE)]
    assert [row[mmlu_pro_data.OTHERS[0]] for row in beside] == ["b", None]
    assert {row[mmlu_pro_data.OTHERS[1]] for row in beside} == {None}


def test_what_is_missing_is_named(tmp_path):
    publish(tmp_path, mmlu_pro_data.INFERIOR, [entry(1, "A.")])
    with pytest.raises(ValueError, match=f"no model_outputs_{mmlu_pro_data.SUPERIOR}"):
        mmlu_pro_data.joined(tmp_path)
    publish(tmp_path, mmlu_pro_data.SUPERIOR, [])
    with pytest.raises(ValueError, match="holds no questions"):
        mmlu_pro_data.joined(tmp_path)
