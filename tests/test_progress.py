"""Long work: its bar, and how signals end it."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import threading
import time

import pytest

from routerlib import progress


@pytest.fixture(autouse=True)
def nobody_hears_signals():
    """As in a program that has just started: the tests' own handler of SIGTERM is set aside."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_bar_says_its_label_and_counts_and_a_silent_one_nothing(capsys):
    with progress.bar(3, "wor\x1bk", "answer") as bar:
        bar.update(3)
    told = "".join(capsys.readouterr())  # standard output where a kernel's module is loaded
    assert "wor�k" in told and "3/3" in told
    with progress.bar(3, "work", show=False) as bar:
        bar.update(3)
    assert "".join(capsys.readouterr()) == ""


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\nb", "a\x9bb", "a\x7fb"])
def test_a_text_of_others_cannot_steer_a_terminal(text):
    assert progress.printable(text).isprintable()


def test_lines_of_others_stay_lines_and_cannot_steer_a_terminal():
    assert progress.printable_lines("a\x1b[2J\n\tb\rc\n") == "a�[2J\n    b�c\n"


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("name", progress.ENDING)
def test_a_signal_ends_work_as_an_interrupt_and_the_handlers_are_put_back(name):
    number = getattr(signal, name)
    with pytest.raises(KeyboardInterrupt) as end, progress.ended_by_signals():
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert str(end.value) == name and end.value.exit_code == 128 + number
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_second_signal_does_not_disturb_the_clean_up():
    cleaned = []
    with pytest.raises(progress.Terminated), progress.ended_by_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)
    assert cleaned


def test_a_signal_within_a_clean_up_waits_for_its_end():
    cleaned = []
    with pytest.raises(progress.Terminated), progress.ended_by_signals():
        with progress.deferring_signals():
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)
        cleaned.append("too far")
    assert cleaned == [True]


def test_what_whoever_started_us_ignores_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with progress.ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_nothing_happens():
    done = []

    def work():
        with progress.ended_by_signals():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


def test_a_command_that_is_terminated_says_so_and_ends_with_its_code(tmp_path):
    code = (
        "import sys, time; from routerlib import __main__ as m, pipeline; "
        "pipeline.run = lambda *_, **__: (print('under way', flush=True), time.sleep(60)); "
        "sys.exit(m.main(['run']))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ROUTERLIB_OUTPUTS": str(tmp_path)},
    )
    assert child.stdout.readline().strip() == "under way"
    child.send_signal(signal.SIGTERM)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 143 and "Ended by SIGTERM. What was finished is on disk" in told


def test_a_signal_within_a_destructor_is_not_lost():
    class Slow:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)  # here the handler runs

    with pytest.raises(progress.Terminated), progress.ended_by_signals():
        Slow()
        time.sleep(10)


HUNG_UP = """import sys, time
from routerlib.progress import Terminated, ended_by_signals
try:
    with ended_by_signals():
        try:
            print("ready", flush=True)
            time.sleep(60)
        finally:
            print("cleaning up", flush=True)
            open(sys.argv[1], "w").write("cleaned up")
except Terminated as end:
    print("ended", file=sys.stderr, flush=True)
    sys.exit(end.exit_code)
"""


@pytest.mark.usefixtures("heard_signals")
def test_a_terminal_that_is_closed_does_not_disturb_the_clean_up(tmp_path):
    pty = pytest.importorskip("pty")
    leader, terminal = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", HUNG_UP, tmp_path / "done"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    assert b"ready" in os.read(leader, 100)
    os.close(leader)
    assert child.wait(30) == 128 + signal.SIGHUP
    assert (tmp_path / "done").read_text() == "cleaned up"
