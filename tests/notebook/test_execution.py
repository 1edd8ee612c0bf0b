"""One notebook in a real kernel: every way in which it can fail is a sentence, and its line says
what goes on."""

import json
import logging
import os
import re
import sys
import types

import nbformat
import pytest

from routerlib import settings
from routerlib.notebook import execution, parameters
from routerlib.rows import jsonl


@pytest.fixture
def execute(tmp_path, outputs, monkeypatch):
    """Execute a notebook of these cells in a folder of this name; returns its executed copy."""
    monkeypatch.setattr(settings, "ROOT", tmp_path)

    def run(*cells, folder="notebooks", name="05_finetune", **given):
        source = tmp_path / folder / f"{name}.ipynb"
        source.parent.mkdir(exist_ok=True)
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        if given:
            code[0].metadata["tags"] = ["parameters"]
        nbformat.write(nbformat.v4.new_notebook(cells=code), source)
        target = tmp_path / f"{folder} out" / f"{name}.ipynb"
        target.parent.mkdir(exist_ok=True)
        execution.execute(source, target, given)
        return nbformat.read(target, as_version=4)

    return run


def printed(notebook):
    return "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )


def test_the_kernel_is_this_very_python_whatever_is_registered_as_python3(
    execute, tmp_path, monkeypatch
):
    spec = tmp_path / "share" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    monkeypatch.setenv("MPLBACKEND", "module://ipympl.backend_nbagg")
    monkeypatch.setenv("HOME", "/proc")
    text = (
        "import os, sys; print(sys.executable, os.environ['MPLBACKEND'], os.environ['IPYTHONDIR'])"
    )
    told = printed(execute(text)).split()
    assert told[:2] == [sys.executable, execution.INLINE]
    assert told[2] == str(settings.outputs("cache", "ipython"))


def test_odd_characters_in_paths_are_paths(execute):
    cells = ["A = 1", "print('a is', A)"]
    done = execute(*cells, folder="{a} %s #1 ü' &", A=5)
    assert printed(done) == "a is 5\n"


def test_bytes_that_are_no_utf8_in_a_path_are_a_sentence(execute):
    with pytest.raises(execution.ExecutionError, match=r"holds bytes that are no UTF-8.*Rename"):
        execute("1", folder="a\udcff")


@pytest.mark.parametrize(
    "name,words",
    [
        (
            "SIGKILL",
            "05_finetune, cell 2: its kernel was killed. Most often .* memory runs out.*"
            "Make it smaller .BATCH_SIZE or MAX_LENGTH., and run the same command again",
        ),
        ("SIGSEGV", "cell 2: its kernel was ended by SIGSEGV.\n.*Mend the cause, and run the same"),
    ],
)
def test_a_kernel_that_dies_is_a_sentence_with_its_cell_and_cause(execute, name, words):
    kill = f"import os, signal; os.kill(os.getpid(), signal.{name})"
    with pytest.raises(execution.NotebookFailed, match=re.compile(words, re.DOTALL)):
        execute("print('first')", kill)


def test_what_makes_a_notebook_smaller_is_a_parameter_that_it_has():
    for name, words in execution.SMALLER.items():
        named = set(re.findall(r"[A-Z_]{3,}", words))
        assert named and named <= set(parameters.defaults(parameters.notebook_path(name)))


def test_too_few_file_handles_are_named(execute):
    cell = "raise OSError(24, 'Too many open files')"
    with pytest.raises(execution.NotebookFailed, match=r"Errno 24.*ulimit -n 1024"):
        execute(cell)


def test_an_error_without_a_text_tells_the_last_line_that_was_printed(tmp_path):
    executed = tmp_path / "executed.ipynb"
    streams = [{"output_type": "stream", "name": "stderr", "text": "a\nOSError: [Errno 24] no\n\n"}]
    jsonl.write_json(executed, {"cells": [{"cell_type": "code", "outputs": streams}]})
    error = type("Error", (), {"exec_count": None, "ename": "CellExecutionError", "evalue": ""})
    told = execution._of_a_cell("04", executed, error)
    assert "it ended without a word: OSError: [Errno 24] no" in told and "ulimit -n" in told


@pytest.mark.parametrize(
    "error,words",
    [
        (OSError(28, "No space left on device"), r"No space left.* Is there room .*goes on from"),
        (OSError(24, "Too many open files"), r"ulimit -n 1024"),
        (RuntimeError("Kernel didn't respond in 300 seconds"), "its kernel did not start"),
        (KeyError("x"), "could not be executed: KeyError: .*Mend the cause and run the same"),
    ],
)
def test_every_other_failure_is_a_sentence_too(execute, monkeypatch, error, words):
    import papermill

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(papermill, "execute_notebook", fail)
    with pytest.raises(execution.ExecutionError, match=re.compile(f"05_finetune.*{words}", re.S)):
        execute("1")


def test_a_python_without_a_kernel_is_a_sentence(execute, monkeypatch):
    monkeypatch.setattr(execution.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(execution.ExecutionError, match=r"has no kernel.*pip install ipykernel"):
        execute("1")


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
    execution.settle(file)
    kept = jsonl.read_json(file)["cells"]
    assert kept[0]["outputs"] == [
        *said("stderr", "asking: 100%\n"),
        *said("stdout", "7 answers\n"),
        figure,
    ]
    assert kept[1] == {"cell_type": "markdown"}


# --- the live line ---


def hear(line, *texts):
    for text in texts:
        line.emit(logging.LogRecord("papermill", logging.INFO, "", 0, text, None, None))
    return line.line()


def test_the_line_says_cell_last_words_and_time_left():
    line = execution.LiveLine("[1/1] 02", expected=61)
    told = hear(line, "Executing Cell 5------", "reading\n", "<Figure size 1x1>")
    assert told == "[1/1] 02 · cell 5 · 0:00, about 1:00 left · reading"


def test_who_takes_longer_has_no_time_left_of_nought():
    line = execution.LiveLine("x", expected=0)
    assert "longer than expected" in line.line() and "0:00 left" not in line.line()


def test_that_a_server_is_waited_for_is_said_until_the_bar_moves():
    line = execution.LiveLine("x", expected=60)
    stuck = "asking: 27%|##7   | 16/60 [00:22<00:17, 2.48item/s, failed 0]"
    paused = "no connection to http://127.0.0.1:8000/v1. Paused; no attempt is spent."
    assert hear(line, stuck, paused, f"\r{stuck.replace('00:22', '00:25')}").endswith(paused)
    assert "17/60" in hear(line, stuck.replace("16/60", "17/60"))


def test_the_live_line_needs_no_output_and_no_width(monkeypatch):
    monkeypatch.setattr(execution.sys, "stdout", None)
    with execution.LiveLine("x", expected=1) as line:
        assert not line.is_terminal
    line.is_terminal = True
    line.said = "word " * 100
    assert len(line.line()) == 79  # of no terminal at all
    monkeypatch.undo()
    monkeypatch.setattr(execution.sys, "stdout", types.SimpleNamespace(fileno=lambda: 1))
    monkeypatch.setattr(execution.os, "get_terminal_size", lambda _: os.terminal_size((0, 0)))
    assert len(line.line()) == 79
    monkeypatch.setattr(execution.os, "get_terminal_size", lambda _: os.terminal_size((50, 9)))
    assert len(line.line()) == 49
