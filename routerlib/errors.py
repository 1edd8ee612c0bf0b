"""The errors that routerlib foresees: each is a sentence for a person, and knows how a command ends
with it.

An error class of this package derives from `Foreseen` (and from the built-in that callers expect,
such as ValueError). The commands print its text and exit with its code; every other exception is a
fault of ours, and is told as such. What a server answers to a request is classified in `endpoints`,
not here.
"""

from __future__ import annotations

import errno

# What is found out here is the arguments' or the input's; what a server says of them, or does not
# say, is the server's.
FAILED = 1  # a server, a cluster, a notebook or the disk
WRONG_INPUT = 2  # the arguments or the input have to change
INCOMPLETE = 3  # what is done is kept; the same command goes on

FULL = (errno.EDQUOT, errno.EFBIG, errno.ENOSPC)  # of an OSError: no room for what is written


class Foreseen(Exception):
    """An error whose text says what is wrong, where, and what to do now; `exit_code` is the
    command's.

    Example:
        try: routerlib.collect("questions.jsonl", "my-model")
        except routerlib.Foreseen as error: print(error)
    """

    exit_code = WRONG_INPUT


class SettingError(Foreseen, ValueError):
    """A setting has a value that it cannot have; the text names both, and says what is allowed."""
