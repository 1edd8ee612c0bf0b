"""Long work: one progress bar for shells, notebooks and headless runs, and how signals end it.

The bar is text, not a widget: a headless run passes text on as it comes, and a saved notebook keeps
the last state, where a widget would stay at nought.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from tqdm import tqdm

AGAIN = 0.05  # seconds after which a signal that came at a bad moment is sent once more
ENDING = ("SIGTERM", "SIGHUP")  # a scheduler, `docker stop`, `kill`; a terminal that is closed


class Terminated(KeyboardInterrupt):
    """A signal has come that ends a program; what is under way is wound up as after Ctrl-C."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number  # as a shell tells it


class _Signals:
    """What has come so far: whether we are ending, and what is kept for later."""

    is_ending = False
    deferring = 0
    kept: int | None = None


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end what runs inside as Ctrl-C does, by a `Terminated`.

    A second signal changes nothing: what follows the first is the clean-up. A signal that whoever
    started us ignores (nohup) stays ignored. Only the main thread hears signals; elsewhere nothing
    happens.
    """
    is_main = threading.current_thread() is threading.main_thread()
    names = [name for name in ENDING if is_main and hasattr(signal, name)]  # Windows has no SIGHUP
    before = {}
    for number in (getattr(signal, name) for name in names):
        if signal.getsignal(number) in (signal.SIG_DFL, None):
            before[number] = signal.signal(number, _end_by_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if before:
            _Signals.is_ending, _Signals.kept = False, None


def _end_by_signal(number: int, frame: FrameType | None) -> None:
    _leave_closed_terminal()
    if _Signals.deferring:
        _Signals.kept = number
    elif _is_in_a_destructor(frame):  # what is raised there, Python tells and forgets
        again = threading.Timer(AGAIN, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
    elif not _Signals.is_ending:
        _Signals.is_ending = True
        raise Terminated(number)


def _is_in_a_destructor(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


def _leave_closed_terminal() -> None:
    """Write to nowhere from now on, where the terminal is gone: each line of the clean-up would
    fail there, and the clean-up with it.
    """
    for number in (1, 2):
        with suppress(OSError):
            is_device = stat.S_ISCHR(os.fstat(number).st_mode)
            if is_device and not os.isatty(number):  # nor is a terminal that has hung up
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)


@contextmanager
def deferring_signals() -> Iterator[None]:
    """Keep a signal that ends us until what runs inside is done: a clean-up is not left half
    way."""
    _Signals.deferring += 1
    try:
        yield
    finally:
        _Signals.deferring -= 1
        if _Signals.kept is not None and not _Signals.deferring:
            number, _Signals.kept = _Signals.kept, None
            _end_by_signal(number, None)


def bar(
    total: int | None,
    label: str = "",
    unit: str = "item",
    show: bool = True,
    initial: int = 0,
    delay: float = 0.0,
) -> tqdm:
    """A bar with counts, rate and time left; use as a context manager, or close it.

    Args:
        total: how many there are; None where only the end will tell.
        show: False for a bar that says nothing.
        initial: how many were done before. delay: seconds of work before the bar is shown.
    """
    in_notebook, file = _where()
    return tqdm(
        total=total,
        desc=printable(label) or None,
        unit=unit,
        initial=initial,
        delay=delay,
        disable=not show or file is None,  # None: whoever started us has closed it
        mininterval=3.0 if in_notebook else 0.5,
        file=file,
        dynamic_ncols=not in_notebook,
    )


def tell(text: str) -> None:
    """One line among the bars, where they are shown."""
    _, file = _where()
    if file is not None:
        tqdm.write(text, file=file)


def _where() -> tuple[bool, Any]:
    """Whether this is a notebook, and where to write: a notebook paints standard error red."""
    in_notebook = "ipykernel" in sys.modules
    return in_notebook, sys.stdout if in_notebook else sys.stderr


def printable(text: str) -> str:
    """A text of others on one line, each control character as "�": it cannot steer a terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "�", text)


def printable_lines(text: str) -> str:
    """The same of a text of several lines, which stay lines."""
    return "\n".join(map(printable, text.expandtabs(4).split("\n")))
