"""Scoring a file: one row a prompt, in order, however the blocks fall."""

import json

import pytest
from small_router import small_router

from routerlib.errors import SettingError
from routerlib.rows import jsonl, sources
from routerlib.training import scored
from routerlib.training.router import RouterError


@pytest.fixture
def saved(outputs):
    router = small_router()
    router.save(outputs / "models" / "small-save")
    return router


def rows_of(path):
    return [value for _, value in jsonl.read_values(path)]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_each_prompt_has_its_score_and_its_model(saved, tmp_path):
    chat = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Prove Fermat's last theorem."}]  # fmt: skip
    file = write(
        tmp_path / "prompts.jsonl",
        [{"id": "a", "prompt": "What is 2 + 2?"}, {"id": "b", "prompt": chat}],
    )
    done = scored.score(file, output=tmp_path / "scored.jsonl", progress=False)
    rows = rows_of(tmp_path / "scored.jsonl")
    assert [row["id"] for row in rows] == ["a", "b"] and done.prompts == 2
    assert 0 < done.seconds < 600
    for row, prompt in zip(rows, ["What is 2 + 2?", chat], strict=True):
        decision = saved.decide(row["p_superior"])
        assert row["p_superior"] == pytest.approx(float(saved.score([prompt])[0]), abs=1e-6)
        assert row["model"] == decision.model and row["prompt"] == prompt


def test_nothing_is_written_under_a_name_of_another_format(saved, tmp_path):
    with pytest.raises(SettingError, match=r"OUTPUT is .*x\.txt"):
        scored.score("sample", output=tmp_path / "x.txt", progress=False)
    assert not list(tmp_path.glob("*.txt"))


def test_blocks_change_nothing(saved, outputs, monkeypatch):
    scored.score("sample", output=outputs / "whole.jsonl", progress=False)
    monkeypatch.setattr(scored, "BLOCK", 7)
    scored.score("sample", output=outputs / "small.jsonl", progress=False)
    assert rows_of(outputs / "whole.jsonl") == rows_of(outputs / "small.jsonl")


def test_bad_rows_are_set_aside_and_counted(saved, tmp_path):
    rows = [{"id": str(n), "prompt": f"Prompt {n}"} for n in range(3)]
    file = write(tmp_path / "prompts.jsonl", [*rows, {"id": "no prompt"}])
    done = scored.score(file, output=tmp_path / "scored.jsonl", progress=False)
    assert (done.prompts, done.rejected) == (3, 1)
    assert (tmp_path / "scored.rejects.jsonl").exists() and "line 4" in str(done)


def test_parquet_out_and_in_again(saved, tmp_path):
    scored.score("sample", output=tmp_path / "a.parquet", num_prompts=5, progress=False)
    again = scored.score(
        tmp_path / "a.parquet", output=tmp_path / "b.jsonl", threshold=0.0, progress=False
    )
    assert again.prompts == 5 and again.share_superior == 1.0


def test_what_is_wrong_is_told_before_any_work(saved, tmp_path):
    with pytest.raises(RouterError, match="threshold"):
        scored.score("sample", threshold=float("nan"))
    with pytest.raises(RouterError, match="no folder"):
        scored.score("sample", router=tmp_path / "nowhere")
    with pytest.raises(sources.SourceError, match="no file"):
        scored.score(tmp_path / "nowhere.jsonl", progress=False)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"prompts": "nowhere.jsonl"}, "There is no file"),
        ({"prompts": "blank.jsonl"}, "not one row"),
        ({"prompts": "textless.jsonl"}, "holds no prompt|No row of it"),
        ({"num_prompts": 0}, "NUM_PROMPTS is 0"),
        ({"fields": {"questoin": "q"}}, "FIELDS names"),
    ],
)
def test_what_cannot_be_scored_is_told_before_a_router_is_loaded(
    saved, tmp_path, monkeypatch, given, told
):
    write(tmp_path / "good.jsonl", [{"id": "a", "prompt": "Hi?"}])
    write(tmp_path / "textless.jsonl", [{"id": "a", "prompt": ""}])
    (tmp_path / "blank.jsonl").write_text("\n")
    loaded = []
    monkeypatch.setattr(scored.Router, "from_pretrained", loaded.append)
    asked = {"prompts": "good.jsonl", **given}
    asked["prompts"] = tmp_path / asked["prompts"]
    with pytest.raises(ValueError, match=told):
        scored.score(**asked, output=tmp_path / "scored.jsonl", progress=False)
    assert not loaded and not (tmp_path / "scored.jsonl").exists()


def test_scores_take_no_place_of_the_routers_own_files(saved, outputs, tmp_path):
    folder = outputs / "models" / "small-save"
    file = write(tmp_path / "prompts.jsonl", [{"id": "a", "prompt": "Hi?"}])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "link").symlink_to(folder)
    for output in (folder / "router.json", folder / "new.jsonl", tmp_path / "link" / "scorer.json"):
        with pytest.raises(SettingError, match="folder of the router"):
            scored.score(file, output=output, progress=False)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
