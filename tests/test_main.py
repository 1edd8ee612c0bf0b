"""The commands, as a user types them."""

import json
import os
import subprocess
import sys

import pytest

from routerlib import __main__ as commands


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
        commands.main(["serve", "--model", "/no/such/model", "--engine", "transformers", "--port", "8791"])
        == commands.FAILED
    )
    assert "stopped while starting" in capsys.readouterr().err


def test_an_unforeseen_error_has_a_sentence_and_hides_nothing_when_asked(monkeypatch, capsys):
    def broken(_):
        raise ZeroDivisionError("a surprise")

    monkeypatch.setitem(commands.COMMANDS, "grade", broken)
    assert commands.main(["grade"]) == commands.FAILED
    assert "ROUTERLIB_DEBUG=1" in capsys.readouterr().err
    monkeypatch.setenv("ROUTERLIB_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        commands.main(["grade"])


def test_route_without_a_router_says_how_to_get_one(outputs, capsys):
    assert commands.main(["route", "hello"]) == commands.WRONG_INPUT
    assert "notebook 05" in capsys.readouterr().err.lower()


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


def test_interrupting_a_run_ends_with_130(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setitem(commands.COMMANDS, "collect", interrupted)
    assert commands.main(["collect"]) == commands.INTERRUPTED
    assert "goes on from there" in capsys.readouterr().err


def test_input_without_a_usable_row_is_no_success(outputs, tmp_path, capsys):
    (tmp_path / "bad.jsonl").write_bytes(b"\x00\xff not json\n")
    assert commands.main(["grade", "--input", str(tmp_path / "bad.jsonl")]) == commands.WRONG_INPUT
    assert "Nothing was graded" in capsys.readouterr().err
