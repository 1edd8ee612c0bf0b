"""The runner, on two small notebooks that run in a real kernel."""

import os

import nbformat
import pytest

from routerlib import pipeline, settings
from routerlib.rows import jsonl

FIRST = """FACTOR = 2  # what to multiply by
NAME = "a"  # any text
SHARE = 0.5  # in [0, 1]
FLAG = False  # a switch
WORDS = ["x"]  # a list"""
SECOND = "FACTOR = 3  # the same name\nOTHER = 1  # its own"
WORK = """from routerlib import settings
from routerlib.rows import jsonl
print("factor", FACTOR)
if FACTOR == 0:
    raise ValueError("a factor of nothing")
path = settings.outputs("{step}", "metrics.json")
runs = jsonl.read_json(path)["runs"] + 1 if path.exists() else 1
jsonl.write_json(path, {{"factor": FACTOR, "runs": runs}})"""


def write_notebook(path, parameters, step):
    cells = [
        nbformat.v4.new_code_cell(parameters),
        nbformat.v4.new_code_cell(WORK.format(step=step)),
    ]
    cells[0].metadata["tags"] = ["parameters"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture
def project(tmp_path, outputs, monkeypatch):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    monkeypatch.setattr(pipeline, "NOTEBOOKS", {"01_first": ("one", 1), "02_second": ("two", 1)})
    monkeypatch.setattr(pipeline, "API_BASES", {})
    write_notebook(tmp_path / "notebooks" / "01_first.ipynb", FIRST, "one")
    write_notebook(tmp_path / "notebooks" / "02_second.ipynb", SECOND, "two")
    return tmp_path


def run(**parameters):
    return pipeline.run(["01", "02"], parameters=parameters)


def test_a_second_run_reuses_and_a_changed_parameter_does_not(project, outputs):
    assert run().executed == ["01_first", "02_second"]
    assert run().reused == ["01_first", "02_second"]
    assert run(OTHER=5).executed == ["02_second"]
    assert run(NAME="b").executed == ["01_first", "02_second"], (
        "what follows a changed notebook is changed too"
    )


def test_the_dates_of_files_do_not_matter(project, outputs):
    run()
    for date in (0, 4_000_000_000):
        for file in [*outputs.rglob("*"), *project.rglob("*.ipynb")]:
            os.utime(file, (date, date))
        assert all(pipeline.is_done(step) for step in pipeline.plan(["01", "02"]))


@pytest.mark.parametrize(
    "text", ["[1]", '{"01_first": 5}', '{"01_first": {"seconds": "x"}}', "\x00\xff", "{"]
)
def test_a_damaged_memory_of_earlier_runs_is_as_good_as_none(project, text):
    pipeline._history_file().write_text(text)
    (step,) = pipeline.plan(["01"])
    assert not pipeline.is_done(step) and pipeline._expected_seconds(step) == 1
    pipeline._remember(step, fingerprint=step.fingerprint, seconds=7.5)
    assert pipeline._expected_seconds(step) == 7.5


def test_missing_results_are_made_again(project, outputs):
    run()
    (outputs / "two" / "metrics.json").unlink()
    result = run()
    assert (result.reused, result.executed) == (["01_first"], ["02_second"])


def test_a_changed_notebook_runs_again(project):
    run()
    write_notebook(
        project / "notebooks" / "02_second.ipynb", SECOND.replace("OTHER = 1", "OTHER = 2"), "two"
    )
    assert run().executed == ["02_second"]


def test_a_failing_cell_is_a_sentence_and_the_next_run_goes_on_there(project, outputs, capsys):
    with pytest.raises(
        pipeline.NotebookFailed, match=r"01_first, cell \d+: ValueError: a factor of nothing"
    ):
        run(FACTOR=0)
    assert (outputs / "notebooks" / "01_first.ipynb").exists()
    assert "failed after" in capsys.readouterr().out
    assert run().executed == ["01_first", "02_second"]


def test_an_interrupted_notebook_is_stopped_not_failed(project, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert "01_first: stopped after 0:00" in capsys.readouterr().out


def test_values_reach_the_kernel_with_their_kinds(project, outputs):
    run(FACTOR=7)
    assert pipeline.jsonl.read_json(outputs / "one" / "metrics.json")["factor"] == 7


def test_a_misspelt_parameter_is_refused_with_a_suggestion(project):
    with pytest.raises(pipeline.PipelineError, match=r"parameter FACTRO\. Did you mean FACTOR"):
        run(FACTRO=1)


@pytest.mark.parametrize(
    "name,value",
    [("FACTOR", "many"), ("FACTOR", True), ("FLAG", "true"), ("WORDS", "x"), ("NAME", True)],
)
def test_a_value_of_the_wrong_kind_is_refused(project, name, value):
    with pytest.raises(pipeline.PipelineError, match=f"The parameter {name} takes a"):
        run(**{name: value})


def test_a_text_takes_a_number_or_several_texts(project):
    assert pipeline.plan(["01"], parameters={"NAME": 60})[0].parameters == {"NAME": "60"}
    assert pipeline.plan(["01"], parameters={"NAME": ["a", "b"]})[0].parameters == {
        "NAME": ["a", "b"]
    }


def test_yaml_files_are_read_and_later_ones_win(project, tmp_path):
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("FACTOR: 4\nSHARE: 1e-3\n")
    two.write_text("FACTOR: 5\n")
    first, second = pipeline.plan(["01", "02"], [one, two], {"NAME": "c"})
    assert first.parameters == {"FACTOR": 5, "SHARE": 0.001, "NAME": "c"}
    assert second.parameters == {"FACTOR": 5}


def test_a_section_is_for_its_notebook_alone(project, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("FACTOR: 4\n02_second:\n  FACTOR: 9\n")
    first, second = pipeline.plan(["01", "02"], [path])
    assert (first.parameters, second.parameters) == ({"FACTOR": 4}, {"FACTOR": 9})
    path.write_text("02_second:\n  NAME: b\n")
    with pytest.raises(pipeline.PipelineError, match="parameter NAME"):
        pipeline.plan(["01", "02"], [path])


@pytest.mark.parametrize(
    "text,words",
    [
        ("- a\n- b\n", "NAME: value"),
        ("a: [", "no valid YAML"),
        (None, "no parameter file"),
        ("1: 2\n", "NAME: value"),
        ("01_first: 5\n", "under 01_first: expected lines"),
        ("01_first:\n- NAME\n", "under 01_first: expected lines"),
        ("01_frist: {NAME: a}\n", "no notebook 01_frist. Did you mean 01_first"),
        ("\0\x01", "is a binary file"),
        ("a: 2026-99-99\n", "no valid YAML"),
    ],
)
def test_a_bad_parameter_file_is_a_sentence(project, tmp_path, text, words):
    path = tmp_path / "p.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises((pipeline.PipelineError, jsonl.Unreadable), match=words):
        pipeline.plan(["01"], [path])


def test_an_unknown_notebook_is_a_sentence(project):
    with pytest.raises(pipeline.PipelineError, match="01_first, 02_second"):
        pipeline.run(["07"])


@pytest.mark.parametrize(
    "text,value",
    [
        ("true", True),
        ("1e-3", 0.001),
        ("12", 12),
        ("a b", "a b"),
        ("[1, 2]", [1, 2]),
        ("", ""),
        ("[a: {", "[a: {"),
    ],
)
def test_values_from_the_command_line(text, value):
    parsed = pipeline.parse_value(text)
    assert parsed == value and type(parsed) is type(value)


def test_of_a_line_written_again_and_again_the_last_state_stays(tmp_path):
    def said(name, *texts):
        return [{"output_type": "stream", "name": name, "text": text} for text in texts]

    figure = {"output_type": "display_data", "data": {}, "metadata": {}}
    outputs = [
        *said("stderr", "asking: 0%\rasking:", " 50%\rasking: 100%\n"),
        *said("stdout", "7 answers\n"),
        figure,
    ]
    file = tmp_path / "executed.ipynb"
    jsonl.write_json(file, {"cells": [{"outputs": outputs}, {"cell_type": "markdown"}]})
    pipeline.settle(file)
    kept = jsonl.read_json(file)["cells"]
    assert kept[0]["outputs"] == [
        *said("stderr", "asking: 100%\n"),
        *said("stdout", "7 answers\n"),
        figure,
    ]
    assert kept[1] == {"cell_type": "markdown"}


def test_a_full_disk_ends_a_run_with_a_sentence(project, monkeypatch):
    import papermill

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(papermill, "execute_notebook", full)
    with pytest.raises(
        pipeline.PipelineError, match=r"01_first: .*No space left.*goes on from here"
    ):
        pipeline.run(["01"])
