"""The form that all six notebooks share (README, "The notebooks")."""

import ast
import inspect
import io
import re
import tokenize

import nbformat
import pytest
import yaml

from routerlib import pipeline, settings

NOTEBOOKS = list(pipeline.NOTEBOOKS)
LONGEST_CELL = 25
LONGEST_LINE = 100  # characters that a notebook's page shows without a scroll bar
# The stand-ins answer in one short line, which a command cannot assume
STANDINS_OWN = (
    "MAX_TOKENS",
    "STOP",
    "MAX_CONCURRENT",  # 32 are 14 % faster than 16 on vLLM's CPU build
)
MEANING_NONE = ("all", "", 0, {})  # what papermill can pass for None


def shared_defaults():
    """(notebook, parameter, value there, value in the signature) of functions that a command calls
    too."""
    from routerlib.answers import grading
    from routerlib.collecting import collection

    for name, function in (
        ("03_collect_responses", collection.collect),
        ("04_extract_answers", grading.grade),
    ):
        signature = inspect.signature(function).parameters
        for parameter, value in pipeline.defaults(pipeline.notebook_path(name)).items():
            known = signature.get(parameter.lower())
            if known is not None and known.default is not inspect.Parameter.empty:
                yield name, parameter, value, known.default


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
    return (
        ast.parse(cell.source, type_comments=False) if "%" not in cell.source[:1] else ast.parse("")
    )


def test_it_is_committed_without_outputs_and_names_kernel_python3(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert "papermill" not in notebook.metadata
    for cell in code_cells(notebook):
        assert not cell.outputs and cell.execution_count is None
        assert "papermill" not in cell.metadata


def test_the_opening_is_the_same_everywhere(notebook):
    first, setup, parameters, understood = notebook.cells[:4]
    number = notebook.metadata["name"].split("_")[0]
    assert first.cell_type == "markdown" and first.source.startswith(f"# {number} · ")
    for need in ("**Needs**", "GPU", "key", "minutes", "cost"):
        assert need in first.source, f"the opening does not say what it needs: {need}"
    reference = nbformat.read(pipeline.notebook_path(NOTEBOOKS[0]), as_version=4)
    assert setup.source == reference.cells[1].source
    assert parameters.metadata["tags"] == ["parameters"]
    asks = f'globals().update(parameters.understood("{notebook.metadata["name"]}", globals()))'
    assert understood.source.splitlines()[-1] == asks


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


COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def compressed(source):
    """(line, what a stranger has to unfold there) in the code of a cell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, COMPREHENSIONS):
            inner = [part for part in ast.walk(node) if part is not node]
            if len(node.generators) > 1 or any(isinstance(part, COMPREHENSIONS) for part in inner):
                yield node.lineno, "a loop within a loop in one expression"
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.BitOr):
            yield node.lineno, "a dictionary that grows by |="
        if isinstance(node, ast.NamedExpr):
            yield node.lineno, "a name given inside an expression"


@pytest.mark.parametrize(
    "source",
    [
        "x = [row for file in files for row in read(file)]",
        "x = {a: [b for b in c] for a in d}",
        "x |= {1: 2}",
        "if (x := f()): pass",
    ],
)
def test_compressed_code_is_found(source):
    assert list(compressed(source)) and not list(compressed("x = [f(a) for a in b]\nx += [1]"))


def test_no_cell_is_compressed(notebook):
    for cell in code_cells(notebook):
        assert not list(compressed(cell.source)), cell.source[:80]


def test_the_choices_of_a_parameter_are_explained():
    """A reader meets no value of METHOD or TARGET, and no baseline in a table, without its
    meaning."""
    from routerlib.labels import labelling
    from routerlib.training import candidates, fine_tuning

    linear = "embedding + logistic"  # told as "a logistic model of the embedding"
    last_words = [name.rpartition(" + ")[2] for name in candidates.BASELINES if name != linear]
    for name, choices in (
        ("02_create_dataset", labelling.METHODS),
        ("05_finetune", (*fine_tuning.TARGETS, *last_words, "logistic")),
    ):
        read = nbformat.read(pipeline.notebook_path(name), as_version=4)
        text = "\n".join(cell.source for cell in read.cells if cell.cell_type == "markdown")
        assert [choice for choice in choices if choice not in text] == []


def test_the_minutes_are_those_that_a_run_says_it_expects(notebook):
    name = notebook.metadata["name"]
    told = re.search(r"minutes: (\d+)", notebook.cells[0].source)
    takes = pipeline.NOTEBOOKS[name][1] / 60
    assert told and takes <= int(told[1]) <= takes + 1.5, "whole minutes that are enough"


def test_papermill_sees_every_parameter(notebook):
    import papermill

    path = str(pipeline.notebook_path(notebook.metadata["name"]))
    assert set(papermill.inspect_notebook(path)) == set(pipeline.defaults(settings.Path(path)))


def test_it_calls_and_shows_but_defines_nothing(notebook):
    for cell in code_cells(notebook):
        if "parameters" not in cell.metadata.get("tags", []):  # a table, one line a parameter
            assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source[:80]
        assert max(map(len, cell.source.splitlines())) <= LONGEST_LINE, cell.source[:80]
        for node in ast.walk(tree(cell)):
            assert not isinstance(
                node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
            ), cell.source[:80]


def test_it_has_figures_each_with_its_reading_and_writes_its_metrics_last(notebook):
    step = pipeline.NOTEBOOKS[notebook.metadata["name"]][0]
    text = "\n".join(cell.source for cell in code_cells(notebook))
    assert "plots.show(" in text and "plots.save(" not in text
    last = code_cells(notebook)[-1].source
    assert "metrics.json" in last and f'"{step}"' in last


def test_it_ends_with_what_to_change_and_what_the_next_one_takes(notebook):
    name = notebook.metadata["name"]
    closing, references = notebook.cells[-2:]
    assert references.source.startswith("**References**\n\n- ")
    change, following = closing.source.split("\n\n")
    assert change.startswith("**To change** ") and following.startswith("**Next** ")
    known = pipeline.defaults(pipeline.notebook_path(name))
    named = [
        word
        for word in re.findall(r"`([A-Z][A-Z_]+)(?: = [^`]*)?`", change)
        if word == word.upper()
    ]
    assert named and set(named) <= set(known)
    if name != NOTEBOOKS[-1]:
        assert NOTEBOOKS[NOTEBOOKS.index(name) + 1] in following


SAME_EVERYWHERE = ("# Set-up", "# papermill's -p")  # read once, and folded in the rendered pages


def test_it_can_be_read_in_ten_minutes(notebook):
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    read = [cell for cell in texts if not cell.source.startswith("**References**")]
    prose = sum(len(cell.source.split()) for cell in read)
    own = [cell for cell in code_cells(notebook) if not cell.source.startswith(SAME_EVERYWHERE)]
    code = sum(len(cell.source.splitlines()) for cell in own)
    assert prose / 200 + code / 25 < 10, "minutes, at 200 words or 25 lines of code each"


@pytest.mark.parametrize(
    "name, parameter, value, default",
    [row for row in shared_defaults() if row[1] not in STANDINS_OWN],
)
def test_a_notebook_has_the_defaults_of_the_function_it_shares_with_a_command(
    name, parameter, value, default
):
    assert value == default or (value in MEANING_NONE and default is None), f"{parameter} of {name}"


@pytest.mark.parametrize(
    "file",
    sorted((settings.ROOT / "notebooks" / "params").glob("*.yaml")),
    ids=lambda path: path.name,
)
def test_parameter_files_fit_the_notebooks(file):
    assert yaml.safe_load(file.read_text())
    plans = pipeline.plan(NOTEBOOKS, [file])
    assert any(plan.parameters for plan in plans)


def test_there_is_a_parameter_file_for_each_way_to_run():
    names = {path.stem for path in (settings.ROOT / "notebooks" / "params").glob("*.yaml")}
    assert names >= {"offline", "gpu", "openai"}
