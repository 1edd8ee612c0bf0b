"""The public face: its names load, say how they are used, and are in the page made from them."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import routerlib

ROOT = Path(routerlib.__file__).parents[1]


@pytest.mark.parametrize("name", routerlib.__all__)
def test_each_name_loads_and_shows_its_use(name):
    value = getattr(routerlib, name)
    told = inspect.getdoc(value) or ""
    assert "Example:" in told, f"{name}'s docstring shows no use"
    example = told.partition("Example:")[2].strip("\n")
    compile(
        inspect.cleandoc(example.partition("\n\n")[0]), name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )


def test_a_name_says_what_it_takes():
    """`*args, **kwargs` would tell a reader nothing."""
    for name in routerlib.__all__:
        value = getattr(routerlib, name)
        if inspect.isfunction(value):
            kinds = {parameter.kind for parameter in inspect.signature(value).parameters.values()}
            assert inspect.Parameter.VAR_POSITIONAL not in kinds, name


def test_type_checkers_see_the_names_where_they_are():
    tree = ast.parse(Path(routerlib.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: f"{line.module}:{alias.name}"
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert seen == routerlib.HOMES and sorted(seen) == sorted(routerlib.__all__)
    assert (Path(routerlib.__file__).parent / "py.typed").exists()


def test_a_name_that_is_none_is_refused():
    with pytest.raises(AttributeError, match="colect"):
        routerlib.colect  # noqa: B018


def test_importing_a_submodule_hides_no_name():
    """A folder of the name of a function would take its place as soon as it is imported."""
    for path in Path(routerlib.__file__).parent.rglob("*.py"):
        if path.stem != "__main__":
            parts = path.relative_to(ROOT).with_suffix("").parts
            importlib.import_module(".".join(parts).removesuffix(".__init__"))
    for name in routerlib.__all__:
        assert not inspect.ismodule(getattr(routerlib, name)), name


def test_programs_of_version_0_1_still_find_router_and_client():
    old_router = importlib.import_module("routerlib.router")
    old_routing = importlib.import_module("routerlib.routing")
    assert old_router.Router is routerlib.Router
    assert old_routing.RoutedClient is routerlib.RoutedClient
    assert old_routing.AsyncRoutedClient is routerlib.AsyncRoutedClient


def test_the_pages_made_from_the_code_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "scripts/make_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def remeasure(script):
    return script("remeasure")


def test_the_figures_of_the_pages_are_those_that_were_measured(remeasure):
    figures = remeasure.read_figures()
    tables = set()
    for page in remeasure.pages():
        text = page.read_text(encoding="utf-8")
        assert remeasure.with_tables(text, figures) == text, page.name
        tables |= {found["name"] for found in remeasure.MARKS.finditer(text)}
    assert tables == {figure.table for figure in figures}
    for figure in figures:
        assert figure.holds(figure.value), figure.what


def test_a_figure_that_has_moved_is_told(remeasure, tmp_path, monkeypatch, capsys):
    entry = {"table": "t", "what": "APGR", "at": ["name=kernel", "apgr"], "command": "x {out}"}
    file = tmp_path / "figures.json"
    file.write_text(json.dumps([{**entry, "value": 0.6, "low": 0.5, "high": 0.7}]))
    monkeypatch.setattr(remeasure, "FIGURES", file)
    monkeypatch.setattr(remeasure.read_figures, "__defaults__", (file,))
    monkeypatch.setattr(sys, "argv", ["remeasure.py"])
    for value, status in ((0.69, 0), (0.71, 1), (0.49, 1)):
        rows = [{"name": "other", "apgr": 0.6}, {"name": "kernel", "apgr": value}]
        monkeypatch.setattr(remeasure.Workshop, "measure", lambda self, command, rows=rows: rows)
        assert remeasure.main() == status
        assert ("HAS MOVED" in capsys.readouterr().out) == bool(status)


def test_what_a_command_needs_is_made_once_and_a_number_is_found_by_several_keys(
    remeasure, tmp_path, monkeypatch
):
    ran = []

    def run(words, **options):
        ran.append(words[1:])
        if "--json" in words:
            Path(words[-1]).write_text('[{"name": "a", "r": 0.1, "v": 1}, {"name": "a", "r": 0.2}]')

    monkeypatch.setattr(remeasure.subprocess, "run", run)
    shop = remeasure.Workshop(tmp_path, data="/public")
    for ratio in ("0.1", "0.2"):
        command = f"make.py {{data}}/a {{made}}/b && use.py {{made}}/b {ratio} --json {{out}}"
        found = shop.measure(command)
    assert ran[0] == ["make.py", "/public/a", f"{tmp_path}/b"] and len(ran) == 3
    assert remeasure.found_at(found, ["name=a, r=0.1", "v"]) == 1
    with pytest.raises(KeyError):
        remeasure.found_at(found, ["name=a, r=0.2", "v"])
    figure = remeasure.Figure("t", "APGR", command, ["v"], 0.6, 0.5, 0.7)
    told = remeasure.table_of([figure], "t")
    assert "`python make.py DATA/a b`, then `python use.py b 0.2`." in told


def test_a_figure_on_public_data_is_left_out_without_them(remeasure, monkeypatch, capsys):
    figure = remeasure.Figure("t", "APGR", "x {data}/a.jsonl {out}", ["apgr"], 0.6, 0.5, 0.7)
    monkeypatch.setattr(remeasure, "read_figures", lambda: [figure])
    monkeypatch.setattr(sys, "argv", ["remeasure.py"])
    assert remeasure.main() == 0 and "left out: APGR" in capsys.readouterr().out
