"""The house: imports run downwards only, and importing the library stays light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import routerlib

PACKAGE = Path(routerlib.__file__).parent
FLOORS = [
    ("ground", ["allowed", "schemas", "jsonl", "settings", "event_loop", "progress"]),
    (
        "pure",
        [
            "prompts",
            "options",
            "expressions",
            "letters",
            "extraction",
            "equality",
            "metrics",
            "certificates",
            "ratings",
            "surface",
            "examples",
        ],
    ),
    ("world", ["standins", "clients", "servers", "sources", "inference", "encoders", "killable"]),
    ("work", ["ledger", "bulk", "collection", "labelling", "judging", "grading", "cleaning", "mixing"]),
    ("router", ["baselines", "router", "trainer", "training", "evaluation", "routing"]),
    ("face", ["plots", "readings", "viewer", "markup", "panel", "proxy", "pipeline", "summary", "__main__"]),
]
FLOOR = {module: number for number, (_, modules) in enumerate(FLOORS) for module in modules}


def imported_modules(path: Path) -> set[str]:
    """The routerlib modules that a module imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "routerlib":
            found |= {alias.name for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("routerlib."):
            found.add(node.module.split(".")[1])
    return found


@pytest.mark.parametrize("module", sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"))
def test_imports_run_downwards(module):
    assert module in FLOOR, f"{module} lives on no floor: name it here and in the README"
    above = {name for name in imported_modules(PACKAGE / f"{module}.py") if FLOOR[name] > FLOOR[module]}
    assert not above, f"{module} imports from a floor above its own: {sorted(above)}"


@pytest.mark.parametrize("module", sorted(FLOOR))
def test_every_module_opens_with_its_purpose(module):
    text = ast.get_docstring(ast.parse((PACKAGE / f"{module}.py").read_text()))
    assert text and len(text.split(".")) >= 2


def test_heavy_libraries_load_only_when_used():
    code = "import sys, routerlib, routerlib.__main__ as m; m.main(['--help']); print([n for n in sys.modules if n in ('torch','transformers','datasets','openai','pandas','sklearn','matplotlib')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_the_readme_lists_every_module_on_its_floor():
    rows = (line.split("|")[1:3] for line in (PACKAGE.parent / "README.md").read_text().splitlines() if "|" in line)
    table = {
        name.strip(): set(re.findall(r"`(\w+)`", modules)) for name, modules in (row for row in rows if len(row) == 2)
    }
    assert {name: table.get(name) for name, _ in FLOORS} == {name: set(modules) for name, modules in FLOORS}
