"""Render the executed notebooks as pages under docs/notebooks, to be read without running anything.

    python scripts/render_notebooks.py                  # from outputs/notebooks
    python scripts/render_notebooks.py --runs FOLDER    # from another run's executed notebooks
    python scripts/render_notebooks.py --check          # write nothing; exit 1 where a page is old

A page is Markdown with its pictures beside it. Its texts are those of notebooks/ as they stand, its
outputs those of the run; a run of other code, with other parameters, or with a failed cell is
refused. The first line of a page names the version and the sum of the notebook's cells, which a
test compares with the notebook. Paths of the machine that ran are cut down to the project's own.
Panels are photographed in Chromium, since a page of Markdown cannot hold their styles.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from html import unescape
from pathlib import Path
from typing import Any

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "browser"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from badges import BADGE

from routerlib import __version__, pipeline, settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "notebooks"
PICTURES = "pictures"
REMAKE = "make docs"
FOREIGN = re.compile(r"(?<![\w.:/~-])/(?:home|root|Users|tmp|work|mnt|srv|var|opt|private)/\S+")
PANEL = "rl-live-"  # the class that every panel's face carries
FOLDED = ("# Set-up", "# papermill's -p")  # how cells begin that are the same in every notebook
TEMPLATE = """
{%- extends 'markdown/index.md.j2' -%}
{% block stream %}
```text
{{ output.text.rstrip() | strip_ansi }}
```
{% endblock stream %}
{% block data_text scoped %}
```text
{{ output.data['text/plain'] }}
```
{% endblock data_text %}
{% block data_png %}
![{{ output.metadata.get('image/png', {}).get('alt', '') }}](
{{- output.metadata.filenames['image/png'] | path2url }})
{% endblock data_png %}
"""


class RenderError(Exception):
    """A run that a page cannot be made of; the text says why and what to do."""


def cells_of(notebook: Any) -> list[tuple[str, str]]:
    """(kind, source) of each cell, without the badge: an address is no part of what was run."""
    return [(cell.cell_type, BADGE.sub("", cell.source).strip()) for cell in notebook.cells]


def sum_of(notebook: Any) -> str:
    """What tells one state of a notebook from another, in twelve characters."""
    return hashlib.sha256(json.dumps(cells_of(notebook)).encode()).hexdigest()[:12]


def stamp(notebook: Any) -> str:
    """The first line of a page: which version and which cells it shows."""
    return f"<!-- Made by `{REMAKE}`: routerlib {__version__}, cells {sum_of(notebook)} -->"


def source_of(name: str) -> Any:
    """A notebook as it is in the repository."""
    return nbformat.read(pipeline.notebook_path(name), as_version=4)


def with_outputs(source: Any, run: Any, name: str) -> Any:
    """A notebook with the outputs of a run of its code.

    Raises:
        RenderError: the run is of other code, of another version or with other parameters, or did
            not come to its end.
    """
    again = f"Run the notebooks with their defaults, then render them again: {REMAKE}"
    run_code = [
        cell
        for cell in run.cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]
    code = [cell for cell in source.cells if cell.cell_type == "code"]
    given = run.metadata.get("papermill", {}).get("parameters", {})
    if any(not parameter.endswith("_API_BASE") for parameter in given):  # where a server is
        raise RenderError(f"The run of {name} has parameters of its own. {again}")
    if [cell.source for cell in code] != [cell.source for cell in run_code]:
        raise RenderError(f"The run of {name} is of other code than the notebook's. {again}")
    told = "".join(output.get("text", "") for output in run_code[0].outputs)
    if f"routerlib {__version__} " not in told:
        raise RenderError(f"The run of {name} is of another version of routerlib. {again}")
    for number, cell in enumerate(run_code):
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed or cell.execution_count is None:
            raise RenderError(f"The run of {name} ended in its code cell {number}. {again}")
    for cell, ran in zip(code, run_code, strict=True):
        cell.outputs = ran.outputs
    return source


def own_paths(text: str, places: dict[str, str]) -> str:
    """A text without the paths of the machine that ran.

    Args:
        places: a folder of that machine -> what it is called in the project.

    Raises:
        RenderError: a path of that machine is left.
    """
    for place, called in sorted(places.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(place, called)
    left = FOREIGN.search(text)
    if left:
        raise RenderError(f"A path of this machine would stand in a page: {left[0]}")
    return text


def places_of(run: Any) -> dict[str, str]:
    """The folders that a run's outputs may name, as papermill noted them."""
    noted = run.metadata["papermill"]
    outputs = Path(noted["output_path"]).parents[1]
    project = Path(noted["input_path"]).parents[1]
    return {str(outputs): "outputs", f"{project}/": "", str(project): ".", str(Path.home()): "~"}


class Photographer:
    """Takes pictures of panels, in a browser without a window or a network."""

    def __enter__(self) -> Photographer:
        self.playing = self.browser = None
        return self

    def __exit__(self, *_: object) -> None:
        if self.browser:
            self.browser.close()
            self.playing.stop()

    def of(self, html: str) -> bytes:
        """A panel's face as a PNG.

        Raises:
            RenderError: no browser is installed.
        """
        import driver
        from playwright.sync_api import sync_playwright

        if driver.missing():
            raise RenderError(f"The panels cannot be photographed: {driver.missing()}.")
        if not self.browser:
            self.playing = sync_playwright().start()
            self.browser = self.playing.chromium.launch(
                executable_path=driver.CHROMIUM, args=driver.FLAGS
            )
        page = self.browser.new_page(viewport={"width": 980, "height": 600}, offline=True)
        page.set_content(f"<body style='font: 15px sans-serif'>{html}</body>")
        page.add_style_tag(content=f"[class*={PANEL}] {{ padding: 12px; }}")
        picture = page.locator(f"[class*={PANEL}]").first.screenshot()
        page.close()
        return picture


def as_shown(output: Any, photographer: Photographer) -> Any | None:
    """An output as a page of Markdown can hold it; None for what a page has no use for."""
    data = output.get("data", {})
    page = "".join(data.get("text/html", ""))
    if "application/vnd.jupyter.widget-view+json" in data:
        return None  # its face follows, as an output of its own
    if PANEL in page:
        picture = base64.b64encode(photographer.of(page)).decode()
        words = re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))
        alt = f"A panel, as the run left it: {' '.join(unescape(words).split())[:300]} …"
        return nbformat.v4.new_output(
            "display_data", {"image/png": picture}, metadata={"image/png": {"alt": alt}}
        )
    if page:  # a table of pandas: its style sheet would stand in the page as text
        del data["text/html"]
    return output


def folded(cells: list[Any]) -> list[Any]:
    """The cells, those that every notebook shares behind a line that opens them."""
    shown = []
    for cell in cells:
        if cell.cell_type == "code" and cell.source.startswith(FOLDED):
            what = cell.source.splitlines()[0].lstrip("# ")
            opening = f"<details><summary>{what}</summary>\n"
            ending = "</details>"
            shown += [nbformat.v4.new_markdown_cell(opening), cell]
            shown += [nbformat.v4.new_markdown_cell(ending)]
        else:
            shown.append(cell)
    return shown


def when(run: Any) -> str:
    """When a run was, and how long it took."""
    noted = run.metadata["papermill"]
    minutes, seconds = divmod(round(noted["duration"]), 60)
    day = noted["start_time"][:10]
    return f"*The notebook as it ran on {day}, in {minutes} min {seconds} s, with its defaults.*"


def way(name: str) -> str:
    """Links from a page to the notebook itself, and to the pages beside it."""
    names = list(pipeline.NOTEBOOKS)
    at = names.index(name)
    links = [f"[the notebook itself](../../notebooks/{name}.ipynb)"]
    links += [f"[before: {near}]({near}.md)" for near in names[max(at - 1, 0) : at]]
    links += [f"[next: {near}]({near}.md)" for near in names[at + 1 : at + 2]]
    return " · ".join(links)


def render(name: str, runs: Path, photographer: Photographer) -> tuple[str, dict[str, bytes]]:
    """A notebook's page, and its pictures by their names.

    Raises:
        RenderError: the run is missing or does not fit.
    """
    from nbconvert import MarkdownExporter
    from traitlets.config import Config

    path = runs / f"{name}.ipynb"
    if not path.is_file():
        raise RenderError(f"{path} is not there. Run the notebooks first: make run")
    run = nbformat.read(path, as_version=4)
    source = source_of(name)
    first_line = stamp(source)
    notebook = with_outputs(source, run, name)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = [as_shown(output, photographer) for output in cell.outputs]
            cell.outputs = [output for output in shown if output is not None]
    notebook.cells = folded(notebook.cells)
    notebook.metadata.language_info = {"name": "python"}
    naming = {"output_filename_template": "{unique_key}-{cell_index}-{index}{extension}"}
    exporter = MarkdownExporter(
        raw_template=TEMPLATE, config=Config({"ExtractOutputPreprocessor": naming})
    )
    keys = {"unique_key": name, "output_files_dir": PICTURES}
    text, resources = exporter.from_notebook_node(notebook, keys)
    text = own_paths(text, places_of(run))
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    page = "\n\n".join([first_line, when(run), way(name), text, "---", way(name)]) + "\n"
    pictures = {Path(file).name: content for file, content in resources["outputs"].items()}
    return page, pictures


def old_pages(folder: Path = PAGES) -> list[str]:
    """A sentence about each page that is not of this version of its notebook."""
    found = []
    for name in pipeline.NOTEBOOKS:
        page = folder / f"{name}.md"
        first = page.read_text(encoding="utf-8").split("\n", 1)[0] if page.is_file() else ""
        if first != stamp(source_of(name)):
            found.append(f"{page.name} shows another version of the notebook. Remake it: {REMAKE}")
    return found


def contents() -> str:
    """The page that a reader of the folder meets first: what each notebook does, with its page."""
    opening = (
        "Every figure without running anything: small models, real answers. "
        f"`{REMAKE}` makes these pages of a run on the offline stand-in models."
    )
    lines = ["# The notebooks, as they ran", "", opening, ""]
    for name in pipeline.NOTEBOOKS:
        title, what = cells_of(source_of(name))[0][1].split("\n\n")[:2]
        lines.append(f"- [{title.removeprefix('# ')}]({name}.md). {what}")
    return "\n".join(lines) + "\n"


def write(runs: Path, folder: Path) -> None:
    """All pages with their pictures, in the place of those that were there."""
    with Photographer() as photographer:
        made = {name: render(name, runs, photographer) for name in pipeline.NOTEBOOKS}
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    for left in [*folder.glob("*.md"), *(folder / PICTURES).glob("*.png")]:
        left.unlink()
    (folder / "README.md").write_text(contents(), encoding="utf-8")
    for name, (page, pictures) in made.items():
        (folder / f"{name}.md").write_text(page, encoding="utf-8")
        for file, content in pictures.items():
            (folder / PICTURES / file).write_bytes(content)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=settings.outputs("notebooks"))
    parser.add_argument("--out", type=Path, default=PAGES)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if one is old")
    given = parser.parse_args()
    if given.check:
        told = old_pages(given.out)
        print("\n".join(told) or "The pages are those of the notebooks.")
        return int(bool(told))
    try:
        write(given.runs, given.out)
    except RenderError as error:
        print(error)
        return 1
    size = sum(file.stat().st_size for file in given.out.rglob("*") if file.is_file())
    print(f"{given.out}: {len(pipeline.NOTEBOOKS)} pages, {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
