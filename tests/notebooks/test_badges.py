"""The badges that open the notebooks in Colab: the right notebook, at the repository's address."""

import json
import re
import shutil

import nbformat
import pytest

from routerlib import pipeline, settings

LINK = re.compile(r"\]\((https://colab\.research\.google\.com/github/\S+)\)")


@pytest.fixture(scope="module")
def badges(script):
    return script("badges")


@pytest.fixture
def copy(tmp_path):
    """A copy of what the script reads and writes, without an address."""
    text = (settings.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    text = re.sub(r'\[project\.urls\]\nRepository = ".*"\n\n', "", text)
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    shutil.copytree(settings.ROOT / "notebooks", tmp_path / "notebooks")
    return tmp_path


def opened_by(root):
    """(notebook, addresses that its opening cell's badges lead to), for each notebook."""
    for name in pipeline.NOTEBOOKS:
        notebook = json.loads((root / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
        yield name, LINK.findall("".join(notebook["cells"][0]["source"]))


def expected(address, name):
    place = address.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{place}/blob/main/notebooks/{name}.ipynb"


def test_the_badges_are_of_the_address_that_is_noted_and_there_is_none_without(badges):
    address = badges.noted_address(settings.ROOT)
    for name, links in opened_by(settings.ROOT):
        assert links == ([expected(address, name)] if address else []), "make badges"


@pytest.mark.parametrize(
    "given", ["https://github.com/an-owner/a.name", "git@github.com:an-owner/a.name.git"]
)
def test_each_notebook_gets_the_badge_that_opens_it(badges, copy, given):
    assert badges.main([given], copy) == 0
    address = "https://github.com/an-owner/a.name"
    assert badges.noted_address(copy) == address
    for name, links in opened_by(copy):
        assert links == [expected(address, name)]
        notebook = nbformat.read(copy / "notebooks" / f"{name}.ipynb", as_version=4)
        nbformat.validate(notebook)
        opening = notebook.cells[0].source
        assert opening.startswith(f"# {name[:2]} · ") and opening.count("\n\n") >= 2
        assert f"git clone -q {address} && pip install -q -r a.name/req" in opening


def test_another_address_takes_the_place_of_the_first_and_the_same_changes_nothing(badges, copy):
    badges.main(["https://github.com/an-owner/first"], copy)
    badges.main(["https://github.com/another/second"], copy)
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    assert badges.main([], copy) == 0
    assert before == {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    for name, links in opened_by(copy):
        assert links == [expected("https://github.com/another/second", name)]
    assert b"an-owner" not in b"".join(before.values())


@pytest.mark.parametrize("given", ["", "https://example.org/an-owner/name", "an-owner/name"])
def test_without_an_address_on_github_nothing_is_written(badges, copy, given, capsys):
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    assert badges.main([given] if given else [], copy) == 1
    assert "https://github.com/OWNER/NAME" in capsys.readouterr().out
    assert before == {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
