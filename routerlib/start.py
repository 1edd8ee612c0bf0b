"""The first moments of a command, while Python imports: Ctrl-C then ends it without a traceback.

`__main__` and the installed program begin here, so nothing that takes long is imported. Once a
command runs, `__main__` hears Ctrl-C, since there may be something to wind up.
"""

from __future__ import annotations

import importlib
import os
import signal
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130


def leave_at_once() -> None:
    """From now on, Ctrl-C ends this process: nothing has been begun. Who started us with Ctrl-C
    ignored (as `nohup` or a script with `&` does) is obeyed."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def hear_again() -> None:
    """From now on, Ctrl-C is a KeyboardInterrupt as usual."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> int:
    """The installed program `routerlib`."""
    leave_at_once()
    return importlib.import_module("routerlib.__main__").main()


def _leave(number: int, frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, b"\nInterrupted before anything was begun.\n")
    os._exit(INTERRUPTED)
