"""All six notebooks, at their smallest size, on the real stand-in models behind real servers.

One run of the pipeline serves all tests here; they look at what it left.
"""

from pathlib import Path

import nbformat
import pytest
from watching import Watch

from routerlib import pipeline, settings
from routerlib.endpoints import engines, standins
from routerlib.rows import jsonl
from routerlib.rows.schemas import LabelledPrompt, Responses
from routerlib.training.router import Router, newest

SMALLEST = Path(__file__).with_name("smallest.yaml")
pytestmark = [pytest.mark.notebooks, pytest.mark.real, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    """What the kernels and servers look up, read and write; their HOME cannot be written."""
    return Watch(tmp_path_factory.mktemp("watch"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, watch):
    """An outputs folder after a whole run."""
    folder = tmp_path_factory.mktemp("outputs")
    standins.build()  # before what is looked up is watched: a first build asks the package registry
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTERLIB_STANDINS", str(standins.folder()))
        patch.setenv("ROUTERLIB_OUTPUTS", str(folder))
        # A run of this size is mostly the start of its servers; vLLM's own tests are in tests/real.
        patch.setenv(engines.CHOICE, engines.TRANSFORMERS)
        patch.setenv("OPENAI_API_KEY", "sk-planted-key-that-must-stay-out")
        for name, value in watch.environment(HOME="/proc").items():
            patch.setenv(name, value)
        result = pipeline.run(files=[SMALLEST])
        assert result.executed == list(pipeline.NOTEBOOKS)
        yield folder


def metrics(folder, step):
    return jsonl.read_json(folder / step / "metrics.json")


def test_01_counts_the_sample_votes(finished):
    found = metrics(finished, "analysis")
    votes = sum(1 for _ in jsonl.read_values(settings.SAMPLES / "votes.jsonl"))
    assert (found["n_votes"], found["n_models"]) == (votes, 2)
    assert found["n_labelled"] + found["n_undecided"] == found["n_questions"]
    assert found["superior_models"] == ["standin-superior"]
    assert (finished / "analysis" / "labelling_prompt.txt").read_text().strip()


def test_02_accounts_for_every_prompt(finished):
    found = metrics(finished, "datasets")
    assert found["n_kept"] + sum(found["dropped"].values()) == found["n_read"]
    assert found["n_labelled"] > 0
    rows = list(jsonl.read_rows(finished / "datasets" / "router_dataset_all.jsonl", LabelledPrompt))
    assert len(rows) == found["n_dataset"]


def test_03_has_every_sample_of_both_models(finished):
    for side in ("inferior", "superior"):
        rows = list(
            jsonl.read_rows(finished / "responses" / f"standin-{side}_sample.jsonl", Responses)
        )
        assert len(rows) == 100 and all(len(row.responses) == 1 for row in rows)
        assert all(
            "\n" not in sample.full_response.strip() for row in rows for sample in row.responses
        )


def test_04_finds_the_superior_model_better(finished):
    found = metrics(finished, "graded")
    assert found["outcomes"]["joined"] == 100
    assert found["superior"]["accuracy"]["value"] > found["inferior"]["accuracy"]["value"]
    outcomes = list(jsonl.read_rows(finished / "graded" / "outcomes.jsonl", LabelledPrompt))
    assert len(outcomes) == 100 and all(0 <= row.p_superior <= 1 for row in outcomes)


def test_prompts_of_a_log_go_from_02_to_03_and_to_the_judge_of_04(finished):
    """The superior model's answers are in the log; the inferior model is asked for the others, and
    the judge, a model of 135 million parameters, is found out by its examination.
    """
    asked = metrics(finished, "responses")["prompts"]
    assert asked["superior"]["from_log"] == asked["superior"]["answers"] >= 25
    assert asked["inferior"]["from_log"] == 0
    assert asked["inferior"]["answers"] == asked["superior"]["answers"]
    graded = metrics(finished, "graded")
    [examined] = graded["examined"].values()
    assert examined["source"] == "graded" and 0 < examined["pairs"] + examined["unsettled"] <= 10
    assert not examined["is_better_than_chance"] and graded["judge_is_refused"]
    # What it said is there to be looked at, away from what 05 trains on
    assert not (finished / "graded" / "judged" / "outcomes.jsonl").exists()
    assert graded["judging"] == {} or graded["judging"]["pairs"] == 2


def test_05_saves_a_router_that_scores(finished):
    router = Router.from_pretrained(newest(finished / "models"))
    scores = router.score(["What is 7 * 8?", "What is the opposite of hot?"])
    assert ((scores >= 0) & (scores <= 1)).all()


def test_06_shows_the_panel(finished):
    notebook = nbformat.read(finished / "notebooks" / "06_demo.ipynb", as_version=4)
    shown = [
        key
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for key in output.get("data", {})
    ]
    assert "application/vnd.jupyter.widget-view+json" in shown


def test_no_notebook_shows_an_error_or_a_traceback(finished):
    for name in pipeline.NOTEBOOKS:
        notebook = nbformat.read(finished / "notebooks" / f"{name}.ipynb", as_version=4)
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                assert output.output_type != "error", (name, output)
                text = output.get("text", "")
                assert "Traceback" not in text and "Warning:" not in text, (name, text[:500])


def test_a_key_in_the_environment_reaches_no_file(finished):
    for file in finished.rglob("*"):
        if file.is_file() and file.suffix not in (".safetensors", ".png"):
            assert b"sk-planted-key" not in file.read_bytes(), file


def test_no_notebook_and_no_server_looks_a_name_up(finished, watch):
    assert watch.lookups() == set()


def test_nothing_is_written_outside_the_outputs_folder(finished, watch):
    asked = {path for path in watch.written() if path == "/proc" or "/routerlib-" in path}
    assert watch.written(finished, standins.folder()) - asked == set()


@pytest.mark.parametrize("name", list(pipeline.NOTEBOOKS))
def test_what_a_notebook_reads_of_others_is_what_it_depends_on(finished, watch, name):
    own, *_ = pipeline.NOTEBOOKS[name]
    patterns = [pattern for pattern, _ in pipeline.READS.get(name, [])]
    read = watch.read_by_the_reader_of(pipeline.notebook_path(name))
    left = [Path(path).relative_to(finished) for path in read if path.startswith(str(finished))]
    aside = {own, "logs", "cache", "notebooks", "figures"}
    of_others = [path for path in left if path.parts[0] not in aside]
    # A folder that a pattern names is depended on with all that is in it: a router's encoder, say
    named = {
        path for path in of_others for at in (path, *path.parents) if any(map(at.match, patterns))
    }
    assert sorted({*of_others} - named) == []
    assert read, "the notebook was watched"


def test_a_second_run_reuses_everything(finished):
    assert pipeline.run(files=[SMALLEST]).reused == list(pipeline.NOTEBOOKS)
