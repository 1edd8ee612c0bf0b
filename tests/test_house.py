"""The house: every folder and module says what it is for, and importing the library stays light.

Who may import whom is a contract of import-linter, in pyproject.toml; `make lint` checks it.
"""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import routerlib

PACKAGE = Path(routerlib.__file__).parent
TESTS = Path(__file__).parent
# Two addresses of version 0.1: tests/test_public.py sees that they still work.
ELSEWHERE = {"router.py", "routing.py"}
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_opens_with_its_purpose(module):
    text = ast.get_docstring(ast.parse((PACKAGE / module).read_text(encoding="utf-8")))
    sentences = 1 if module.name == "__init__.py" else 2
    assert text and text.count(".") >= sentences


def flat(module):
    """A module's docstring as one line."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    return " ".join((ast.get_docstring(tree) or "").split())


FOLDERS_OF_MODULES = sorted({module.parent for module in MODULES} - {Path()})
IN_BACKTICKS = re.compile(r"`(\w+)`")
NAMED_AS_OWNER = re.compile(r"`([\w.]+)`'")  # "starting a server is `servers`' business"


@pytest.mark.parametrize("folder", FOLDERS_OF_MODULES, ids=str)
def test_a_folder_says_where_what_is(folder):
    """Who looks for something opens the folder first: it names each of its modules."""
    named = set(IN_BACKTICKS.findall(flat(folder / "__init__.py")))
    modules = {path.stem for path in MODULES if path.parent == folder} - {"__init__"}
    assert not modules - named, f"name them in {folder}/__init__.py: {sorted(modules - named)}"


def test_no_docstring_sends_its_reader_to_a_module_that_is_not_there():
    there = {path.stem for path in MODULES} | {path.parent.name for path in MODULES}
    owners = {(str(path), name) for path in MODULES for name in NAMED_AS_OWNER.findall(flat(path))}
    assert len(owners) > 50
    assert not {(path, name) for path, name in owners if name.split(".")[-1] not in there}


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


def test_importing_changes_no_environment():
    """What is set for the libraries that come after is set when it is asked for. The module of
    fine-tuning is left out: it begins with torch, which sets a variable of its own.
    """
    names = [".".join(path.with_suffix("").parts) for path in MODULES if path.stem != "__init__"]
    names = [f"routerlib.{name}" for name in names if name != "training.fine_tuning"]
    code = (
        "import importlib, os, sys\n"
        "for name in sys.argv[1:]:\n"
        "    before = dict(os.environ)\n"
        "    importlib.import_module(name)\n"
        "    assert dict(os.environ) == before, name\n"
    )
    subprocess.run([sys.executable, "-c", code, *names], check=True)


NAMED = re.compile(r'"(routerlib[\w.]*):(\w+)"')  # "routerlib.cluster.graders:Grader"


def test_what_is_named_by_a_text_is_there():
    """Renaming tools and type checkers do not see such names."""
    texts = [(PACKAGE / module).read_text(encoding="utf-8") for module in MODULES]
    found = {named for text in texts for named in NAMED.findall(text)}
    assert len(found) > 20
    for module, name in sorted(found):
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"


# --- names and lengths ---

IN_A_MODULE = re.compile(r"`(?:\w+\.)*(\w+)\.(\w+)`")  # `training_set.agreement_rows`

ENTRY_POINTS = {"main", "__getattr__"}  # what Python or a command line calls by this name
LONGEST = 60  # lines of a function, without its docstring


def top_level(module):
    """The functions and classes that a module offers or keeps, itself alone."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in tree.body if isinstance(node, kinds)]


def test_no_two_functions_or_classes_have_one_name():
    """A verb on many machines has the name of the verb on one: `cluster.collecting.collect`."""
    places = {}
    for module in MODULES:
        if module.parts[0] != "cluster":
            for node in top_level(module):
                places.setdefault(node.name, []).append(str(module))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert not {name: twice[name] for name in twice if name not in ENTRY_POINTS}


def docstrings(module):
    kinds = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    return [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]


def test_what_a_docstring_says_is_in_a_module_is_there():
    """Nobody renames in docstrings: `mixing.agreement_rows` would stay when `mixing` is gone."""
    modules = {path.stem for path in MODULES}
    where = {}
    for module in MODULES:
        for node in top_level(module):
            where.setdefault(node.name, set()).add(module.stem)
    found = []
    for module in MODULES:
        for text in docstrings(module):
            found += [(str(module), *named) for named in IN_A_MODULE.findall(text)]
    # A class has its methods, Python its modules, and an object its own.
    others = {"asyncio", "self"}
    told = [one for one in found if one[2] in where and one[1].islower() and one[1] not in others]
    assert len(told) > 40
    assert not [one for one in told if one[1] not in where[one[2]] and one[2] not in modules]


def lines_of_code(function):
    docstring = ast.get_docstring(function, clean=False)
    told = docstring.count("\n") + 1 if docstring else 0
    return function.end_lineno - function.lineno + 1 - told


def test_no_function_is_longer_than_a_screen():
    found = {}
    for module in MODULES:
        tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[f"{module}: {node.name}"] = lines_of_code(node)
    assert len(found) > 1000
    assert not {name: lines for name, lines in found.items() if lines > LONGEST}


# --- what makes a line dense ---

ROOT = TESTS.parent
FOLDERS = ("routerlib", "tests", "scripts", "benchmarks")


def sources():
    """(where, Python text) of every module, test and script, and of each notebook's code."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        yield path.name, "\n".join(line for line in code if not line.startswith("%"))


OUTER = (ast.Call, ast.List, ast.Tuple, ast.Dict, ast.comprehension, ast.ListComp, ast.SetComp,
         ast.DictComp, ast.GeneratorExp)  # fmt: skip


def is_empty(node):
    return ast.unparse(node) in ("[]", "()", "{}", "''", "set()")


def adds_nothing_at_times(node):
    if not (isinstance(node, ast.AugAssign) and isinstance(node.value, ast.IfExp)):
        return False
    return is_empty(node.value.orelse) or is_empty(node.value.body)


def is_chosen_by_comparison(node):
    if not isinstance(node, ast.Subscript):
        return False
    if isinstance(node.slice, ast.Compare):
        return isinstance(node.value, OUTER) or ast.unparse(node.value).isupper()
    return isinstance(node.slice, ast.Name) and node.slice.id.startswith(("is_", "has_"))


LONGEST_PATTERN = 100  # signs: what is longer is written over several lines, with words beside it


def is_a_wall(node):
    """Whether this is a long pattern in one piece; an f-string counts with what it names."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args):
        return False
    pattern, *others = node.args
    flags = [ast.unparse(part) for part in [*others, *(word.value for word in node.keywords)]]
    if any("re.VERBOSE" in flag for flag in flags):
        return False
    is_text = isinstance(pattern, ast.Constant | ast.JoinedStr)
    return is_text and len(ast.unparse(pattern)) > LONGEST_PATTERN


def holds(node, kind):
    return any(isinstance(part, kind) for part in ast.walk(node) if part is not node)


def dense_lines(text):
    """(line, what is dense there) in Python text."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.IfExp) and holds(node, ast.IfExp):
            yield node.lineno, "a conditional expression inside another"
        if adds_nothing_at_times(node):
            yield node.lineno, "nothing is added under a condition: an if statement says so"
        if is_chosen_by_comparison(node):
            yield node.lineno, "a comparison as an index"
        if is_a_wall(node):
            yield node.lineno, "a long pattern in one piece: re.VERBOSE leaves room for examples"
        if isinstance(node, ast.expr) and isinstance(node, OUTER) and holds(node, ast.NamedExpr):
            yield node.lineno, "a name given inside an argument"


@pytest.mark.parametrize(
    "text",
    [
        "x = 1 if a else 2 if b else 3",
        "x = 1 if a else f(2 if b else 3)",
        "x |= {1: 2} if a else {}",
        "x += '' if a else 'b'",
        "x = (1, 2)[a > b]",
        "x = LABELS[share > 0.5]",
        "x = self.sessions[is_local]",
        f"x = re.compile('{'a|' * 51}b')",
        f"x = re.sub(r'{'a|' * 51}b', '', y, flags=re.IGNORECASE)",
        "if len(x := f()) > 3: pass",
        "x = [y for z in w if (y := f(z))]",
    ],
)
def test_dense_lines_are_found(text):
    assert list(dense_lines(text))


@pytest.mark.parametrize(
    "text",
    [
        "x = 1 if a else 2",
        "x += 1 if a else -1",
        "x = y[y > 2]",
        f"x = re.compile('{'a|' * 40}b')",
        f"x = re.compile('{'a | ' * 40}b', re.I | re.VERBOSE)",
        "if (x := f()) is not None: pass",
        "while line := file.readline(10): pass",
        "x = f(1 if a else 2)",
    ],
)
def test_plain_lines_are_none(text):
    assert not list(dense_lines(text))


def test_no_line_is_dense():
    found = []
    for where, text in sources():
        found += [f"{where}:{line}: {what}" for line, what in dense_lines(text)]
    assert not found
