"""The form that all six notebooks share (README, "The notebooks")."""

import ast
import inspect
import io
import tokenize

import nbformat
import pytest
import yaml

from routerlib import pipeline, settings

NOTEBOOKS = list(pipeline.NOTEBOOKS)
LONGEST_CELL = 25


@pytest.fixture(params=NOTEBOOKS)
def notebook(request):
    path = pipeline.notebook_path(request.param)
    loaded = nbformat.read(path, as_version=4)
    nbformat.validate(loaded)
    loaded.metadata["name"] = request.param
    return loaded


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters_cell(notebook):
    return next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))


def tree(cell):
    return ast.parse(cell.source, type_comments=False) if "%" not in cell.source[:1] else ast.parse("")


def test_it_is_committed_without_outputs_and_names_kernel_python3(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert "papermill" not in notebook.metadata
    for cell in code_cells(notebook):
        assert not cell.outputs and cell.execution_count is None
        assert "papermill" not in cell.metadata


def test_the_opening_is_the_same_everywhere(notebook):
    first, setup, parameters = notebook.cells[:3]
    number = notebook.metadata["name"].split("_")[0]
    assert first.cell_type == "markdown" and first.source.startswith(f"# {number} · ")
    for need in ("**Needs**", "GPU", "key", "minutes", "cost"):
        assert need in first.source, f"the opening does not say what it needs: {need}"
    reference = nbformat.read(pipeline.notebook_path(NOTEBOOKS[0]), as_version=4)
    assert setup.source == reference.cells[1].source
    assert parameters.metadata["tags"] == ["parameters"]


def test_every_parameter_is_a_literal_with_help(notebook):
    source = parameters_cell(notebook).source
    comments = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    for statement in ast.parse(source).body:
        assert isinstance(statement, ast.Assign), "annotations hide a parameter from papermill"
        name = statement.targets[0].id
        assert name == name.upper()
        assert statement.lineno == statement.end_lineno and statement.lineno in comments, (
            f"{name} has no help on its line"
        )
        value = ast.literal_eval(statement.value)
        assert "#" not in repr(value)


def test_papermill_sees_every_parameter(notebook):
    import papermill

    path = str(pipeline.notebook_path(notebook.metadata["name"]))
    assert set(papermill.inspect_notebook(path)) == set(pipeline.defaults(settings.Path(path)))


def test_it_calls_and_shows_but_defines_nothing(notebook):
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source[:80]
        for node in ast.walk(tree(cell)):
            assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda), (
                cell.source[:80]
            )


def test_it_has_a_figure_and_writes_its_metrics_last(notebook):
    step = pipeline.NOTEBOOKS[notebook.metadata["name"]][0]
    text = "\n".join(cell.source for cell in code_cells(notebook))
    assert "plots." in text.replace("plots.use_house_style()", "") or "panel" in text
    last = code_cells(notebook)[-1].source
    assert "metrics.json" in last and f'"{step}"' in last


@pytest.mark.parametrize(
    "file", sorted((settings.ROOT / "notebooks" / "params").glob("*.yaml")), ids=lambda path: path.name
)
def test_parameter_files_fit_the_notebooks(file):
    assert yaml.safe_load(file.read_text())
    plans = pipeline.plan(NOTEBOOKS, [file])
    assert any(plan.parameters for plan in plans)


def test_there_is_a_parameter_file_for_each_way_to_run():
    names = {path.stem for path in (settings.ROOT / "notebooks" / "params").glob("*.yaml")}
    assert names >= {"offline", "gpu", "openai"}


def shared_defaults():
    """(notebook, parameter, value there, value in the signature) of functions that a command calls too."""
    from routerlib import collection, grading

    for name, function in (("03_collect_responses", collection.collect), ("04_extract_answers", grading.grade)):
        signature = inspect.signature(function).parameters
        for parameter, value in pipeline.defaults(pipeline.notebook_path(name)).items():
            known = signature.get(parameter.lower())
            if known is not None and known.default is not inspect.Parameter.empty:
                yield name, parameter, value, known.default
