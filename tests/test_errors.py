"""Every error that a person may see is foreseen: it knows how a command ends with it."""

import ast
import builtins
from pathlib import Path

import pytest

import routerlib
from routerlib import errors
from routerlib.endpoints import clients, servers

PACKAGE = Path(routerlib.__file__).parent
# Raised and caught inside: no person sees their texts.
INSIDE = {
    "CannotDecode",
    "ErrorInside",
    "NoCompletion",
    "NoModelCall",
    "NotThere",
    "TooLarge",
    "UnknownEncoding",
    "_Halted",
    "_Overspent",
    "_TooLong",
}
SIGNALS = {"Terminated"}  # ends a command as Ctrl-C does


def classes():
    """Name → names of its bases, of every class in the package."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name] = [ast.unparse(base).split(".")[-1] for base in node.bases]
    return found


def ancestors(name, bases):
    above = {name}
    for base in bases.get(name, ()):
        if base not in above:
            above |= ancestors(base, bases)
    return above


def is_raised(names):
    kinds = [getattr(builtins, name, None) for name in names]
    return any(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds)


def test_every_error_is_foreseen_but_those_that_nobody_sees():
    bases = classes()
    above = {name: ancestors(name, bases) for name in bases}
    raised = {name for name in bases if is_raised(above[name])}
    foreseen = {name for name in raised if "Foreseen" in above[name]}
    assert len(foreseen) > 40
    assert raised - foreseen == INSIDE | SIGNALS


def test_a_foreseen_error_ends_a_command_as_wrong_input_does():
    with pytest.raises(ValueError, match="THRESHOLD") as found:
        raise errors.SettingError("THRESHOLD is 2; it is a number from 0 to 1.")
    assert isinstance(found.value, routerlib.Foreseen)
    assert found.value.exit_code == errors.WRONG_INPUT == 2


def test_what_a_server_says_or_does_not_say_ends_a_command_as_failed():
    """2 is for a wrong call: what is found out here, before anybody is asked."""
    kinds = [clients.RequestFailure, *clients.RequestFailure.__subclasses__()]
    assert len(kinds) == 6
    assert {kind.exit_code for kind in [*kinds, servers.ServerError]} == {errors.FAILED}


def test_the_ends_of_a_command_are_four():
    """0 is all done; scripts and schedulers tell the others apart."""
    assert (errors.FAILED, errors.WRONG_INPUT, errors.INCOMPLETE) == (1, 2, 3)
