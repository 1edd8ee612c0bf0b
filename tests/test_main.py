"""The commands, as a user types them."""

import contextlib
import errno
import functools
import io
import json
import os
import subprocess
import sys

import pytest

import routerlib
from routerlib import __main__ as commands
from routerlib.__main__ import Command
from routerlib.collecting import resumable
from routerlib.errors import Foreseen


def run(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "routerlib", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **more,
    )


@pytest.mark.parametrize("command", list(commands.COMMANDS))
def test_help_reads_well(command, capsys):
    with pytest.raises(SystemExit) as stop:
        commands.main([command, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert f"python -m routerlib {command}" in text
    assert "None" not in text, "a default that says None tells nothing"


def test_the_version_is_told(capsys):
    for asked in ("--version", "-V"):
        assert commands.main([asked]) == commands.OK
        assert capsys.readouterr().out == f"routerlib {routerlib.__version__}\n"


def test_without_a_command_there_is_an_overview(capsys):
    assert commands.main([]) == commands.OK
    told = capsys.readouterr().out
    assert all(name in told for name in commands.COMMANDS)
    assert commands.main(["colect"]) == commands.WRONG_INPUT


def test_wrong_input_is_a_sentence_and_code_2(outputs, capsys):
    code = commands.main(["collect", "--questions", "nowhere.jsonl", "--model", "m"])
    told = capsys.readouterr().err
    assert code == commands.WRONG_INPUT
    assert "There is no file" in told and "Traceback" not in told


def test_a_failure_is_a_sentence_and_code_1(outputs, capsys):
    assert (
        commands.main(["serve", "--model", "/no/such/model", "--port", "8791"]) == commands.FAILED
    )
    assert "There is no folder /no/such/model" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "collect"])
def test_a_server_that_is_down_is_code_1(outputs, monkeypatch, capsys, command):
    monkeypatch.setattr(resumable, "LAST_ANSWERS", 0.1)
    short = functools.partial(resumable.run_job, first_contact=0.0)
    monkeypatch.setattr(resumable, "run_job", short)
    words = ["--model", "m", "--api-base", "http://127.0.0.1:9/v1"]
    more = ["--questions", "sample"] if command == "collect" else []
    assert commands.main([command, *more, *words]) == commands.FAILED
    assert "127.0.0.1:9/v1" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "a.jsonl"])
def test_no_room_is_a_failure_and_no_wrong_input(monkeypatch, capsys, name):
    error = OSError(errno.ENOSPC, "No space left on device", *filter(None, [name]))
    monkeypatch.setitem(commands.COMMANDS, "grade", broken(error))
    assert commands.main(["grade"]) == commands.FAILED
    assert f"No more could be written{' to ' * bool(name)}{name} (" in capsys.readouterr().err


def test_a_terminal_without_our_signs_shows_question_marks():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    for arguments, code in [(["--help"], commands.OK), (["colect"], commands.WRONG_INPUT)]:
        done = run(*arguments, env=environment)
        assert (
            done.returncode == code
            and "COMMAND" in done.stdout + done.stderr
            and "Traceback" not in done.stderr
        )


@pytest.mark.parametrize("arguments", ["--help", "grade --help", "serve --stop --port 8792"])
def test_a_reader_that_leaves_gets_no_traceback(outputs, arguments):
    command = f"{sys.executable} -m routerlib {arguments} | true"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=120
    )
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_closed_streams_are_no_failure(outputs, tmp_path):
    command = f"exec {sys.executable} -m routerlib "
    grade = f"grade --output {tmp_path / 'graded'} --workers 1"
    for ending, code in [(f"{grade} 2>&-", 0), (f"{grade} >&-", 0), ("route <&-", 2)]:
        done = subprocess.run(
            ["bash", "-c", command + ending],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code and "did not foresee" not in done.stderr, (
            ending,
            done.stderr,
        )


def broken(error):
    """A command whose function raises."""
    return Command("fails", f"{__name__}:{stash(error)}")


def stash(error):
    """A function of this module that raises the error; returns its name."""

    def function():
        raise error

    globals()["failing"] = function
    return "failing"


def test_an_unforeseen_error_has_a_sentence_and_hides_nothing_when_asked(monkeypatch, capsys):
    for error in (
        ZeroDivisionError("a surprise"),
        ValueError("of a library"),
        OSError("of a library"),
    ):
        monkeypatch.setitem(commands.COMMANDS, "grade", broken(error))
        monkeypatch.delenv("ROUTERLIB_DEBUG", raising=False)
        assert commands.main(["grade"]) == commands.FAILED
        told = capsys.readouterr().err
        assert "did not foresee" in told and "ROUTERLIB_DEBUG=1" in told and "Traceback" not in told
        monkeypatch.setenv("ROUTERLIB_DEBUG", "1")
        assert commands.main(["grade"]) == commands.FAILED
        told = capsys.readouterr().err
        assert told.startswith("An error that routerlib did not foresee") and "Traceback" in told


def test_a_foreseen_error_shows_its_place_when_asked(outputs, monkeypatch, capsys):
    monkeypatch.setenv("ROUTERLIB_DEBUG", "1")
    assert commands.main(["route", "hello", "--router", "none-here"]) == commands.WRONG_INPUT
    told = capsys.readouterr().err
    assert "did not foresee" not in told and "Traceback" in told


def test_a_file_that_cannot_be_opened_is_a_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(globals(), "reading", lambda: tmp_path.read_text())
    monkeypatch.setitem(commands.COMMANDS, "grade", Command("reads", f"{__name__}:reading"))
    assert commands.main(["grade"]) == commands.WRONG_INPUT
    assert capsys.readouterr().err == f"{tmp_path}: Is a directory.\n"


def test_of_a_file_that_takes_anothers_place_the_place_is_told(monkeypatch, capsys, tmp_path):
    (tmp_path / "part").touch()
    monkeypatch.setitem(
        globals(), "moving", lambda: os.replace(tmp_path / "part", tmp_path / "none" / "whole")
    )
    monkeypatch.setitem(commands.COMMANDS, "grade", Command("moves", f"{__name__}:moving"))
    assert commands.main(["grade"]) == commands.WRONG_INPUT
    assert capsys.readouterr().err.startswith(f"{tmp_path}/none/whole: ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_output_for_which_there_is_no_room_is_a_sentence():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "routerlib"], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == commands.FAILED
    assert "No more could be written" in done.stderr and "did not foresee" not in done.stderr


def test_what_an_error_quotes_cannot_steer_the_terminal(monkeypatch, capsys):
    error = Foreseen("field \x1b[31mid\x07: wrong\nname another")
    monkeypatch.setitem(commands.COMMANDS, "grade", broken(error))
    commands.main(["grade"])
    assert capsys.readouterr().err == "field �[31mid�: wrong\nname another\n"


def test_json_is_the_format_and_no_option(outputs, tmp_path, capsys):
    (tmp_path / "router.json").write_text('{"half": ')
    assert commands.main(["route", "hi", "--router", str(tmp_path)]) == commands.WRONG_INPUT
    told = capsys.readouterr().err
    assert "no valid JSON" in told and "--json" not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["colect"], "Did you mean collect?"),
        (["grade", "--by-categroy"], "--by-category"),
        (["collect", "--question", "sample", "--model", "m"], "--questions"),
        (["grade", "--worker", "2"], "--workers"),
        (["run", "03_colect_responses"], "Did you mean 03_collect_responses?"),
    ],
)
def test_a_misspelt_word_is_refused_with_a_suggestion(arguments, said, capsys):
    try:
        code = commands.main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == commands.WRONG_INPUT
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--num-problems", "-3", "--num-problems is '-3'"),
        ("--k-responses", "0", "--k-responses is 0"),
        ("--temperature", "3", "--temperature is 3.0"),
    ],
)
def test_errors_name_the_options_of_the_command(outputs, option, value, said, capsys):
    code = commands.main(["collect", "--questions", "sample", "--model", "m", f"{option}={value}"])
    assert code == commands.WRONG_INPUT
    assert said in capsys.readouterr().err


def test_route_without_a_router_answers_by_a_quick_one_and_says_how_to_get_a_better(
    outputs, capsys
):
    assert commands.main(["route", "hello", "--json"]) == commands.OK
    told = capsys.readouterr()
    assert json.loads(told.out)["model"] in ("inferior", "superior")
    assert "notebook 05" in told.err.lower() and "fitted now on the shipped outcomes" in told.err


def test_route_decides_for_prompts_given_and_for_lines(outputs):
    from small_router import small_router

    small_router().save(outputs / "models" / "small-save")
    environment = {**os.environ, "ROUTERLIB_OUTPUTS": str(outputs)}
    done = run("route", "--json", "What is 2 + 2?", "Prove Fermat's last theorem.", env=environment)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["prompt"] for row in rows] == ["What is 2 + 2?", "Prove Fermat's last theorem."]
    assert {row["model"] for row in rows} <= {"inferior", "superior"}
    piped = run("route", "--threshold", "0", input="one\n\ntwo\n", env=environment)
    assert [line.split()[0] for line in piped.stdout.splitlines()] == ["superior", "superior"]


def test_route_says_that_a_prompt_is_empty_and_answers_nothing_else(outputs, monkeypatch, capsys):
    from small_router import small_router

    small_router().save(outputs / "models" / "small-save")
    assert commands.main(["route", "", "What is 2 + 2?"]) == commands.OK
    told = capsys.readouterr()
    assert told.err == "Prompt 1 is empty: there is nothing in it to go by.\n"
    assert len(told.out.splitlines()) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    assert commands.main(["route"]) == commands.WRONG_INPUT
    assert "No prompt was given" in capsys.readouterr().err


def test_loading_an_encoder_says_nothing(outputs, tmp_path):
    from tiny_encoder import tiny_encoder

    from routerlib.training import encoders
    from routerlib.training.router import Router
    from routerlib.training.scorers import EncoderScorer

    backbone = tiny_encoder(tmp_path / "tiny")
    scorer = EncoderScorer(
        encoders.new_classifier(str(backbone), ["a", "b"]), encoders.load_tokenizer(backbone)
    )
    Router("tiny", scorer).save(outputs / "models" / "tiny-save")
    done = run(
        "route",
        "--threshold",
        "1",
        "prove it",
        env={**os.environ, "ROUTERLIB_OUTPUTS": str(outputs)},
    )
    assert done.stdout.startswith("inferior") and len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


@pytest.mark.parametrize("value", ["1.5", "-0.1", "nan", "half"])
@pytest.mark.parametrize("command", ["route", "serve-router"])
def test_a_threshold_lies_between_0_and_1(command, value, capsys):
    with pytest.raises(SystemExit):
        commands.main([command, f"--threshold={value}"])
    assert f"{value} is no number from 0 to 1" in " ".join(
        capsys.readouterr().err.replace("│", " ").split()
    )


@pytest.mark.parametrize("value", ["{top_p: 1}", "[1]", "[" * 100_000])
def test_extra_fields_that_are_no_json_are_said_with_an_example(value, capsys):
    with pytest.raises(SystemExit):
        commands.main(["collect", "--questions", "sample", "--model", "m", "--extra-body", value])
    told = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert """is no JSON object; one looks like '{"top_p": 0.9}'""" in told


def test_categories_are_shown_unless_declined(monkeypatch, capsys):
    from routerlib.answers import grading

    seen = []
    monkeypatch.setattr(
        grading, "grade", functools.wraps(grading.grade)(lambda **given: seen.append(given))
    )
    for more in ([], ["--no-by-category"]):
        with contextlib.suppress(AttributeError):
            commands.main(["grade", *more])
    assert [given["by_category"] for given in seen] == [True, False]


def test_interrupting_a_run_ends_with_130(monkeypatch, capsys):
    monkeypatch.setitem(commands.COMMANDS, "collect", broken(KeyboardInterrupt()))
    assert commands.main(["collect"]) == commands.INTERRUPTED
    assert "goes on from there" in capsys.readouterr().err


def test_input_without_a_usable_row_is_no_success(outputs, tmp_path, capsys):
    source = tmp_path / "bad.jsonl"
    source.write_text("not json\n")
    assert commands.main(["grade", "--input", str(source)]) == commands.WRONG_INPUT
    assert "No row of it can be used" in capsys.readouterr().err
    asked = [
        "collect",
        "--questions",
        str(source),
        "--model",
        "m",
        "--api-base",
        "http://127.0.0.1:9/v1",
    ]
    assert commands.main(asked) == commands.WRONG_INPUT
    said = capsys.readouterr()
    assert "line 1: no valid JSON" in said.err and "No row of it can be used" in said.err
    source.write_bytes(b"\x89PNG\0")
    assert commands.main(asked) == commands.WRONG_INPUT
    said = capsys.readouterr()
    assert "is a binary file" in said.err and "Interrupted" not in said.out
