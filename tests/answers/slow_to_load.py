"""A function for `test_killable` that needs half a second of work before its first odd item."""

import time

_loaded: list[int] = []


def double(item: int) -> int:
    return 2 * item


def loader_for_double(item: int):
    return _load if item % 2 and not _loaded else None


def _load() -> None:
    end = time.process_time() + 0.6
    while time.process_time() < end:
        pass
    _loaded.append(1)
