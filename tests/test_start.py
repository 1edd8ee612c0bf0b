"""Ctrl-C in the first moments of a command, while it imports."""

import os
import signal
import subprocess
import sys

import pytest

from routerlib import start

# A module in the place of a heavy one: says that it is being imported, and takes its time.
SLOW = "import sys, time; print('importing', flush=True); time.sleep(30)"
PROGRAM = "import sys; from routerlib.start import main; sys.exit(main())"


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("begins", [["-m", "routerlib", "--help"], ["-c", PROGRAM]])
@pytest.mark.parametrize("module", ["tyro", "tqdm"])
def test_ctrl_c_while_a_command_imports_leaves_no_traceback(tmp_path, begins, module):
    (tmp_path / f"{module}.py").write_text(SLOW)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, *begins], env={**os.environ, "PYTHONPATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as command:  # fmt: skip
        assert command.stdout.readline() == "importing\n"
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=20)
    assert command.returncode == start.INTERRUPTED
    assert told == "\nInterrupted before anything was begun.\n"


def test_whoever_has_ctrl_c_ignored_is_obeyed():
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from routerlib import start; "
        "start.leave_at_once(); start.hear_again(); "
        "assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.usefixtures("heard_signals")
def test_a_command_that_runs_is_interrupted_as_usual():
    code = (
        "import signal; from routerlib import start; start.leave_at_once(); "
        "assert signal.getsignal(signal.SIGINT) != signal.default_int_handler; "
        "from routerlib.__main__ import main; main([]); "
        "assert signal.getsignal(signal.SIGINT) == signal.default_int_handler"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_nothing_that_takes_long_comes_first():
    code = "import sys; from routerlib import start; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tyro", "tqdm", "numpy", "asyncio", "pydantic"} & set(done.stdout.split())
