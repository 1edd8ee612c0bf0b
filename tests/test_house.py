"""The house: every folder and module says what it is for, and importing the library stays light.

Who may import whom is a contract of import-linter, in pyproject.toml; `make lint` checks it.
"""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import routerlib

PACKAGE = Path(routerlib.__file__).parent
TESTS = Path(__file__).parent
# Modules whose tests still stand in another file. This list only ever gets shorter.
ELSEWHERE = {
    "errors.py",
    "router.py",
    "routing.py",
}
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_opens_with_its_purpose(module):
    text = ast.get_docstring(ast.parse((PACKAGE / module).read_text(encoding="utf-8")))
    sentences = 1 if module.name == "__init__.py" else 2
    assert text and text.count(".") >= sentences


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_modules_tests_are_in_the_folder_of_its_name(module):
    if module.name == "__init__.py":
        return
    mirrored = TESTS / module.parent / f"test_{module.stem.strip('_')}.py"
    where = mirrored.relative_to(TESTS.parent)
    if str(module) in ELSEWHERE:
        assert not mirrored.exists(), f"{where} is there: take {module} off the list"
    else:
        assert mirrored.exists(), f"the tests of {module} belong in {where}"


def test_no_two_modules_have_one_name():
    """One name, one thing; and of two test files of one name pytest collects one alone."""
    inside = [path.stem for path in MODULES if len(path.parts) > 1 and path.stem != "__init__"]
    assert sorted(inside) == sorted(set(inside))


def test_heavy_libraries_load_only_when_used():
    code = (
        "import sys, routerlib, routerlib.__main__ as m; m.main(['--help']); heavy = ('torch', "
        "'transformers', 'datasets', 'openai', 'pandas', 'sklearn', 'matplotlib'); print([name "
        "for name in sys.modules if name in heavy])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


NAMED = re.compile(r'"(routerlib[\w.]*):(\w+)"')  # "routerlib.cluster.graders:Grader"


def test_what_is_named_by_a_text_is_there():
    """Renaming tools and type checkers do not see such names."""
    texts = [(PACKAGE / module).read_text(encoding="utf-8") for module in MODULES]
    found = {named for text in texts for named in NAMED.findall(text)}
    assert len(found) > 20
    for module, name in sorted(found):
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"
