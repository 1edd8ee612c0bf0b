"""The rendered notebooks under docs/notebooks: of this version, whole, small, and of no machine."""

import re

import nbformat
import pytest

from routerlib import __version__, pipeline, settings

PAGES = settings.ROOT / "docs" / "notebooks"
PICTURE = re.compile(r"!\[(?P<alt>(?:[^\]]|\][^(])*)\]\((?P<file>pictures/[^)]+)\)")


@pytest.fixture(scope="module")
def rendering(script):
    return script("render_notebooks")


def ran(name, **changes):
    """A run of a notebook, as papermill leaves it: every code cell has printed a line."""
    notebook = nbformat.read(pipeline.notebook_path(name), as_version=4)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.execution_count = number
            said = f"routerlib {__version__} · cell {number}\n"
            cell.outputs = [nbformat.v4.new_output("stream", text=said)]
    noted = {"parameters": {}, "duration": 61.0, "start_time": "2026-01-02T03:04:05"}
    noted["output_path"] = f"/home/somebody/here/results/notebooks/{name}.ipynb"
    noted["input_path"] = f"/home/somebody/here/notebooks/{name}.ipynb"
    notebook.metadata["papermill"] = {**noted, **changes}
    return notebook


def test_the_pages_show_the_notebooks_of_this_version(rendering):
    assert rendering.old_pages() == []


def test_a_changed_cell_is_told_with_the_command_that_remakes_the_page(rendering, monkeypatch):
    real = rendering.source_of

    def changed(name):
        notebook = real(name)
        if name == "03_collect_responses":
            notebook.cells[-1].source += "\n- One more."
        return notebook

    monkeypatch.setattr(rendering, "source_of", changed)
    told = rendering.old_pages()
    assert len(told) == 1 and "03_collect_responses.md" in told[0] and "make docs" in told[0]
    monkeypatch.setattr(rendering, "__version__", "99.0")
    assert len(rendering.old_pages()) == len(pipeline.NOTEBOOKS)


def test_a_badge_is_no_part_of_what_was_run(rendering):
    notebook = rendering.source_of("01_analysis")
    before = rendering.sum_of(notebook)
    title, rest = rendering.BADGE.sub("", notebook.cells[0].source).split("\n\n", 1)
    notebook.cells[0].source = f"{title}\n\n[![Open In Colab](a.svg)](https://b) There.\n\n{rest}"
    assert rendering.sum_of(notebook) == before


def test_every_picture_is_there_and_has_words_for_who_cannot_see_it():
    shown = set()
    for name in pipeline.NOTEBOOKS:
        text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        found = list(PICTURE.finditer(text))
        assert found, f"{name} shows no figure"
        for picture in found:
            assert picture["alt"].strip(), picture["file"]
            shown.add(picture["file"])
    kept = {f"pictures/{file.name}" for file in (PAGES / "pictures").iterdir()}
    assert shown == kept
    assert sum(file.stat().st_size for file in PAGES.rglob("*") if file.is_file()) < 6e6


def test_no_path_of_a_machine_and_no_style_sheet_stands_in_a_page(rendering):
    for page in PAGES.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        left = rendering.FOREIGN.search(text)
        assert left is None, f"{page.name}: {left[0]}"
        assert "<style" not in text and "<script" not in text


def test_a_page_has_the_texts_of_the_notebook_and_the_outputs_of_the_run(rendering, tmp_path):
    run = ran("01_analysis")
    said = "written: /home/somebody/here/results/analysis/metrics.json\n"
    run.cells[-3].outputs = [nbformat.v4.new_output("stream", text=said)]
    nbformat.write(run, tmp_path / "01_analysis.ipynb")
    with rendering.Photographer() as photographer:
        page, pictures = rendering.render("01_analysis", tmp_path, photographer)
    assert "written: outputs/analysis/metrics.json" in page and "· cell 1\n" in page
    assert "2026-01-02, in 1 min 1 s" in page and not pictures
    assert page.splitlines()[0] == rendering.stamp(rendering.source_of("01_analysis"))


def test_a_run_of_other_code_or_parameters_or_that_broke_off_is_refused(rendering):
    name = "05_finetune"
    other, failed, unfinished, older = ran(name), ran(name), ran(name), ran(name)
    other.cells[-3].source += "\nprint(1)"
    failed.cells[-3].outputs = [nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])]
    unfinished.cells[-3].execution_count = None
    older.cells[1].outputs[0].text = "routerlib 0.0.1 · Python"
    small = ran(name, parameters={"SEEDS": 1})
    refused = (
        (other, "other code"),
        (failed, "ended in"),
        (unfinished, "ended in"),
        (older, "another version"),
        (small, "parameters of its own"),
    )
    for run, word in refused:
        with pytest.raises(rendering.RenderError, match=word):
            rendering.with_outputs(rendering.source_of(name), run, name)
    elsewhere = ran(name, parameters={"SUPERIOR_API_BASE": "http://127.0.0.1:9/v1"})
    rendering.with_outputs(rendering.source_of(name), elsewhere, name)


def test_a_missing_run_says_which_command_makes_it(rendering, tmp_path):
    with pytest.raises(rendering.RenderError, match="make run"):
        rendering.write(tmp_path, tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


@pytest.mark.parametrize("path", ["/tmp/a/b", "/home/me/x.jsonl", "(/root/.cache/hub)"])
def test_a_path_of_the_machine_is_refused(rendering, path):
    with pytest.raises(rendering.RenderError, match="machine"):
        rendering.own_paths(f"see {path} there", {"/somewhere/else": "outputs"})
    for fine in ("https://example.org/tmp/a", "outputs/tmp/x", "http://127.0.0.1:8000/v1"):
        assert rendering.own_paths(fine, {}) == fine
