"""The runner, on two small notebooks that run in a real kernel."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest

from routerlib import pipeline, settings
from routerlib.endpoints import engines, servers
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
    pipeline._remember(step, recipe=step.recipe, seconds=7.5)
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

    monkeypatch.setattr(pipeline, "execute_step", interrupted)
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
    with pytest.raises(settings.SettingError, match=f"The parameter {name} takes a"):
        run(**{name: value})


def test_a_text_takes_a_number_or_several_texts(project):
    assert pipeline.plan(["01"], parameters={"NAME": 60})[0].parameters == {"NAME": "60"}
    assert pipeline.plan(["01"], parameters={"NAME": ["a", "b"]})[0].parameters == {
        "NAME": ["a", "b"]
    }


def test_what_is_typed_is_read_as_the_kind_of_its_default(project):
    given = {"NAME": "2026-11-27", "FACTOR": "010", "FLAG": "off", "OTHER": "2", "UNKNOWN": "no"}
    read = pipeline.typed(["01", "02"], given)
    assert read == given | {"FACTOR": 10, "FLAG": False, "OTHER": 2}


def test_a_parameter_that_names_a_pipe_is_refused_before_anything_is_read(project, tmp_path):
    os.mkfifo(tmp_path / "pipe")  # whoever opens it waits for ever
    with pytest.raises(pipeline.PipelineError, match="neither a file nor a folder"):
        pipeline.plan(["01"], parameters={"NAME": str(tmp_path / "pipe")})


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
        ("NAME: a\n# b\nNAME: b\n", "line 3: NAME is given on line 1 already"),
        ("01_first:\n  NAME: a\n  NAME: b\n", "line 3: NAME is given on line 2 already"),
        ("01_first: {NAME: a}\n01_first: {NAME: b}\n", "line 2: 01_first is given on line 1"),
        ("FACTRO: 1\n", r"p.yaml: No notebook of this run has a parameter FACTRO. Did you mean"),
        ("01_first: {FACTRO: 1}\n", "p.yaml, under 01_first: .* has no parameter FACTRO. Did you"),
        ("FACTOR: many\n", "p.yaml: The parameter FACTOR takes a"),
        ("FACTOR: 1\n01_first: {FACTOR: x}\n", "p.yaml, under 01_first: The parameter FACTOR"),
        ("NAME: a\n" + "# b\n" * 300_000, "more than 1,048,576 characters"),
    ],
)
def test_a_bad_parameter_file_is_a_sentence(project, tmp_path, text, words):
    path = tmp_path / "p.yaml"
    if text is not None:
        path.write_text(text)
    refused = (pipeline.PipelineError, settings.SettingError, jsonl.Unreadable)
    with pytest.raises(refused, match=words):
        pipeline.plan(["01"], [path])


def test_of_several_values_for_a_name_the_nearest_counts(project, tmp_path):
    """Under the notebook's own name before the rest of any file; what was typed before all."""
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("01_first: {FACTOR: 1, NAME: one}\nWORDS: [x]\nSHARE: 0.1\n")
    two.write_text("FACTOR: 2\nNAME: two\nWORDS: [y]\nSHARE: 0.2\n")
    [step] = pipeline.plan(["01"], [one, two], {"SHARE": 0.3})
    assert step.parameters == {"FACTOR": 1, "NAME": "one", "WORDS": ["y"], "SHARE": 0.3}


def test_a_part_for_a_notebook_that_does_not_run_is_passed_over(project, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("FACTOR: 4\n02_second: {NO_SUCH: 9}\n")
    assert pipeline.plan(["01"], [path])[0].parameters == {"FACTOR": 4}


def test_a_pipe_of_parameters_is_refused(project, tmp_path):
    """It gives its content once, and its first look would have taken that: nothing would be set."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(pipeline.PipelineError, match="neither a file nor a folder"):
        pipeline.plan(["01"], [tmp_path / "pipe"])


def test_an_unknown_notebook_is_a_sentence(project):
    with pytest.raises(pipeline.PipelineError, match="01_first, 02_second"):
        pipeline.run(["07"])


# --- what a notebook depends on, and what it owes ---

READER = """DATA = ""  # a file, or several with commas
MODEL_OUTPUT = ""  # where more goes
"""
COPIES = """from pathlib import Path
from routerlib import settings
from routerlib.rows import jsonl
settings.outputs("copies", "all.txt").write_text(" ".join(DATA.split(",")))
if MODEL_OUTPUT:
    Path(MODEL_OUTPUT).write_text("more")
left = settings.outputs("one", "prompt.txt")
jsonl.write_json(settings.outputs("copies", "metrics.json"), {{"left": left.exists()}})"""


@pytest.fixture
def reader(project, monkeypatch):
    """A notebook that reads files which its parameters name, and one that 01 left."""
    monkeypatch.setattr(pipeline, "NOTEBOOKS", {"01_first": ("one", 1), "03_reader": ("copies", 1)})
    monkeypatch.setattr(pipeline, "READS", {"03_reader": [("one/prompt.txt", "")]})
    path = project / "notebooks" / "03_reader.ipynb"
    cells = [nbformat.v4.new_code_cell(READER), nbformat.v4.new_code_cell(COPIES.format())]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return project


def executed(**parameters):
    return bool(pipeline.run(["03"], parameters=parameters).executed)


def test_a_changed_data_file_runs_again_and_a_moved_date_does_not(reader, tmp_path, capsys):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text("a")
    two.write_text("b")
    data = {"DATA": f"{one}, {two}@train"}
    assert executed(**data) and not executed(**data)
    os.utime(one, (0, 0))
    assert not executed(**data)
    before = two.stat()
    two.write_text("c")  # as long as before, and with its date put back
    os.utime(two, (before.st_atime, before.st_mtime))
    assert executed(**data) and not executed(**data)
    assert f"03_reader: again, since {two} has changed" in capsys.readouterr().out


def test_a_folder_is_its_files_names_and_contents(reader, tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a").write_text("a")
    assert executed(DATA=str(folder)) and not executed(DATA=str(folder))
    (folder / "deep" / "a").rename(folder / "deep" / "b")
    assert executed(DATA=str(folder))


def test_what_is_left_in_outputs_and_read_counts_even_on_the_plan_alone(reader, outputs):
    (step,) = pipeline.plan(["03"])
    before = step.fingerprint
    left = settings.outputs("one") / "prompt.txt"
    left.write_text("a prompt")
    assert step.fingerprint != before
    assert executed() and not executed()
    left.write_text("an edited prompt")
    assert executed() and not executed()
    left.unlink()
    assert executed()


def test_every_file_that_the_last_run_wrote_is_owed(reader, outputs, tmp_path, capsys):
    elsewhere = tmp_path / "more.txt"
    given = {"MODEL_OUTPUT": str(elsewhere)}
    assert executed(**given) and not executed(**given)
    for owed in (outputs / "copies" / "all.txt", elsewhere):
        owed.unlink()
        assert executed(**given) and owed.exists()
        assert f"{owed}, which it wrote, is gone" in capsys.readouterr().out


def test_what_a_later_notebook_of_the_run_writes_does_not_count(reader, monkeypatch):
    monkeypatch.setattr(pipeline, "READS", {"01_first": [("copies/all.txt", "")]})
    first, _ = pipeline.plan(["01", "03"])
    alone = pipeline.plan(["01"])[0]
    (settings.outputs("copies") / "all.txt").write_text("of an earlier run")
    assert first.inputs() == {} and list(alone.inputs()) == [
        str(settings.outputs() / "copies/all.txt")
    ]


@pytest.mark.parametrize(
    "value",
    ["sample", "", "/", ".", "..", "~nobody/x", "a" * 5000, "a\0b", "lmsys/lmsys-chat-1m", None],
)
def test_a_value_that_names_no_file_names_none(project, value):
    assert pipeline._named_files(value) == []


def test_the_notebooks_parameters_name_what_is_read(monkeypatch):
    for name, reads in pipeline.READS.items():
        known = pipeline.defaults(pipeline.notebook_path(name))
        assert {parameter for _, parameter in reads if parameter} <= set(known), name


# --- the closing words ---


def test_the_closing_words_say_what_came_out_and_where(outputs):
    accuracy = {"value": 0.5, "low": 0.4, "high": 0.6}
    graded = {side: {"accuracy": accuracy} for side in ("superior", "inferior")}
    jsonl.write_json(
        settings.outputs("graded", "metrics.json"), {**graded, "outcomes": {"joined": 1234}}
    )
    router = {
        "router": "kernel",
        "apgr": {"value": 0.6, "low": 0.51, "high": 0.7},
        "threshold": 0.25,
        "share_superior": 0.5,
        "accuracy": 0.55,
        "certificate": {"sentence": "It is promised."},
        "folder": "/r",
    }
    jsonl.write_json(settings.outputs("models", "metrics.json"), router)
    text = pipeline.summary(pipeline.Result(["01_first"], ["02_second"], 61.2))
    assert "Done in 1 min 1 s: 1 notebooks executed, 1 reused." in text
    assert "superior 0.500 [0.400, 0.600]" in text and "(1,234 questions)" in text
    assert "kernel: APGR 0.600 [0.510, 0.700], better than chance" in text
    assert "It is promised." in text and "saved in            /r" in text


def test_without_numbers_the_closing_words_stand_alone(outputs):
    text = pipeline.summary(pipeline.Result())
    assert "accuracy" not in text and "router  " not in text and "figures" in text


def test_a_router_no_better_than_chance_is_called_that(outputs):
    router = {
        "router": "kernel",
        "apgr": {"value": 0.55, "low": 0.45, "high": 0.6},
        "threshold": 0.25,
        "share_superior": 0.5,
        "accuracy": 0.55,
        "folder": "/r",
    }
    jsonl.write_json(settings.outputs("models", "metrics.json"), router)
    assert "not clearly better than chance" in pipeline.summary(pipeline.Result())
    router["apgr"] = {"value": None, "low": None, "high": None}
    jsonl.write_json(settings.outputs("models", "metrics.json"), router)
    assert "no APGR" in pipeline.summary(pipeline.Result())


# --- a scheduler's signal ---

CHILD = """import sys
from pathlib import Path
from routerlib import __main__, pipeline, settings
settings.ROOT = Path(sys.argv[1])
pipeline.NOTEBOOKS = {"01_first": ("one", 1)}
pipeline.API_BASES = {}
sys.exit(__main__.main(["run", "01"]))"""
LONG = """import os, time
from routerlib import settings
settings.outputs("one", "kernel.pid").write_text(str(os.getpid()))
time.sleep(120)"""


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_with_its_kernel_and_a_closing_line(tmp_path, outputs, number):
    cells = [nbformat.v4.new_code_cell(FIRST), nbformat.v4.new_code_cell(LONG)]
    cells[0].metadata["tags"] = ["parameters"]
    path = tmp_path / "notebooks" / "01_first.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    written = outputs / "one" / "kernel.pid"
    deadline = time.monotonic() + 120
    while not (written.exists() and written.read_text()) and time.monotonic() < deadline:
        time.sleep(0.2)
    kernel = int(written.read_text())
    child.send_signal(number)
    out, told = child.communicate(timeout=60)
    assert child.returncode == 128 + number
    assert "01_first: stopped after" in out
    assert f"Ended by {number.name}. What was finished is on disk" in told
    assert not psutil.pid_exists(kernel) or psutil.Process(kernel).status() == "zombie"


def test_another_engine_is_another_recipe_where_models_are_asked(monkeypatch):
    def recipes():
        steps = pipeline.plan(["01_analysis", "03_collect_responses"])
        return [step.recipe for step in steps]

    monkeypatch.setenv("ROUTERLIB_ENGINE", "transformers")
    votes, answers = recipes()
    monkeypatch.setenv("ROUTERLIB_ENGINE", "vllm")
    assert recipes()[0] == votes and recipes()[1] != answers
    monkeypatch.delenv("ROUTERLIB_ENGINE")
    monkeypatch.setattr(engines, "choose_engine", lambda: "vllm")
    chosen = recipes()[1]
    monkeypatch.setattr(engines, "choose_engine", lambda: "transformers")
    assert recipes()[1] != chosen, "the engine that the library would choose counts, too"


# --- the servers of the stand-ins ---


@pytest.fixture
def stand_ins(monkeypatch):
    """What happened to the stand-ins' servers, in order; each is found one port further on."""
    told = []

    def begin(begun, model, api_base, temperature):
        told.append(("begin", model, api_base, temperature))
        begun.append(servers.Place(model, api_base))

    def ensure(model, api_base, temperature):
        told.append(("ensure", model, api_base, temperature))
        return servers.Place(model, api_base.replace("80", "81"))

    def release(*places):
        told.append(("release", *(place.model for place in places)))

    monkeypatch.setattr(pipeline.servers, "begin", begin)
    monkeypatch.setattr(pipeline.servers, "ensure", ensure)
    monkeypatch.setattr(pipeline.servers, "release", release)
    return told


def test_the_servers_start_together_and_are_waited_for_when_they_are_asked(stand_ins):
    plans = pipeline.plan(("01", "02", "03"))
    with pipeline._standins_for(plans) as addresses_for:
        assert {kind for kind, *_ in stand_ins} == {"begin"}
        assert {model for _, model, *_ in stand_ins} == {"standin-superior", "standin-inferior"}
        assert {temperature for *_, temperature in stand_ins} == {0.7}
        begun = len(stand_ins)
        assert addresses_for(plans[0]) == {} and len(stand_ins) == begun, "01 waits for nobody"
        assert addresses_for(plans[1]) == {"LABELLER_API_BASE": "http://127.0.0.1:8100/v1"}
        assert addresses_for(plans[2]) == {
            "INFERIOR_API_BASE": "http://127.0.0.1:8101/v1",
            "SUPERIOR_API_BASE": "http://127.0.0.1:8100/v1",
        }, "a second model is not asked, and none is given"
    waited = [model for kind, model, *_ in stand_ins if kind == "ensure"]
    assert waited == ["standin-superior", "standin-inferior"], "once each"
    assert stand_ins[-1][0] == "release" and len(stand_ins[-1]) == 1 + 2 + 2


def test_a_run_that_fails_lets_go_of_servers_nobody_waited_for(stand_ins):
    with pytest.raises(ZeroDivisionError), pipeline._standins_for(pipeline.plan(("03",))):
        raise ZeroDivisionError
    assert stand_ins[-1] == ("release", "standin-superior", "standin-inferior")
