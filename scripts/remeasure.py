"""Measure the documentation's figures again, and say what has moved.

    python scripts/remeasure.py                     # those that need nothing but this repository
    python scripts/remeasure.py --data FOLDER       # those on public outcomes too
    python scripts/remeasure.py --table sample      # those of one table
    python scripts/remeasure.py --write             # and put what was measured into the pages

Each figure of docs/figures.json has a command, the place of its number in the JSON that the command
writes, and the interval it was measured with. A figure has moved where the new one lies outside
that interval. The tables between the marks `<!-- figures: NAME -->` and `<!-- end -->` of README.md
and docs/ are made from the file; a test holds them to it. With --write, README's picture is drawn
anew too, by the command that measures its headline. Speeds are ratios of two programs in one run:
milliseconds of another machine say nothing.

FOLDER holds MMLU-Pro's recorded outputs, as benchmarks/mmlu_pro_data.py makes them.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures.json"
PICTURE = ROOT / "docs" / "curve.png"
AND = " && "  # between the programs of a command
MARKS = re.compile(r"(<!-- figures: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass
class Figure:
    """One number of the documentation.

    Fields: table: the table it stands in. what: its line there. at: keys and positions that lead to
    it in what the command wrote; its interval stands beside it under `_low` and `_high`. command:
    the words that follow `python`, several programs with && between; {out} is where the last one
    writes, {data} the folder of public outcomes, {made} one for what the earlier ones make, and
    {picture} where README's picture is drawn.
    """

    table: str
    what: str
    command: str
    at: list[Any]
    value: float
    low: float
    high: float
    digits: int = 3

    @property
    def told(self) -> str:
        number = f"{{:.{self.digits}f}}".format
        return f"{number(self.value)} [{number(self.low)}, {number(self.high)}]"

    def holds(self, value: float) -> bool:
        """Whether a number measured anew lies within the interval."""
        return self.low <= value <= self.high


def read_figures(path: Path = FIGURES) -> list[Figure]:
    return [Figure(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def table_of(figures: list[Figure], name: str) -> str:
    """A table in Markdown; below it, the commands it was made with."""
    own = [figure for figure in figures if figure.table == name]
    lines = ["| | measured, with its 95 % interval |", "|---|---|"]
    lines += [f"| {figure.what} | {figure.told} |" for figure in own]
    commands = dict.fromkeys(figure.command for figure in own)
    steps = dict.fromkeys(step for command in commands for step in command.split(AND))
    shown = [f"`python {as_typed(step)}`" for step in steps]
    return "\n".join([*lines, "", f"Measured by {', then '.join(shown)}.", ""])


def as_typed(step: str) -> str:
    """A program with its options as a reader types them: without where it writes, and with names
    for the folders."""
    for option in (" --json {out}", " --figure {picture}"):
        step = step.replace(option, "")
    return step.replace("{data}", "DATA").replace("{made}/", "")


def with_tables(text: str, figures: list[Figure]) -> str:
    """A page with its tables made anew."""
    return MARKS.sub(lambda found: found[1] + table_of(figures, found["name"]) + found[3], text)


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@dataclass
class Workshop:
    """Where commands run. made: a folder for what they leave each other. data: the folder of public
    outcomes. picture: where README's picture is drawn. done: the programs that have run."""

    made: Path
    data: str = ""
    picture: str = ""
    done: set[str] = field(default_factory=set)

    def measure(self, command: str) -> Any:
        """What the last program of a command writes as JSON; an earlier one runs once for all."""
        *earlier, last = command.split(AND)
        for step in earlier:
            if step not in self.done:
                self._run(step)
                self.done.add(step)
        out = self.made / "out.json"
        self._run(last, out=out)
        return json.loads(out.read_text(encoding="utf-8"))

    def _run(self, step: str, **places: Path) -> None:
        told = step.format(data=self.data, made=self.made, picture=self.picture, **places)
        subprocess.run([sys.executable, *shlex.split(told)], cwd=ROOT, check=True)


def found_at(value: Any, places: list[Any]) -> Any:
    """A part of a JSON value; a place such as "name=both, price_ratio=0.1" finds an object in a
    list."""
    for place in places:
        if isinstance(value, list) and isinstance(place, str):
            wanted = dict(condition.split("=") for condition in place.split(", "))
            fits = [one for one in value if wanted.items() <= {k: str(one[k]) for k in one}.items()]
            value = fits[0]
        else:
            value = value[place]
    return value


def remeasured(figures: list[Figure], given: argparse.Namespace, workshop: Workshop) -> int:
    """Measure the figures, tell of each, and note the new values where they are to be written; how
    many have moved."""
    measured: dict[str, Any] = {}
    moved = 0
    for figure in figures:
        if given.table and figure.table != given.table:
            continue
        if "{data}" in figure.command and not given.data:
            print(f"left out: {figure.what} (it needs --data)")
            continue
        if figure.command not in measured:
            measured[figure.command] = workshop.measure(figure.command)
        *before, last = figure.at
        around = found_at(measured[figure.command], before)
        value = around[last]
        says = "holds" if figure.holds(value) else "HAS MOVED"
        moved += not figure.holds(value)
        print(f"{says}: {figure.what}: {figure.told}, now {value:.{figure.digits}f}", flush=True)
        if given.write:
            figure.value = value
            figure.low, figure.high = around[f"{last}_low"], around[f"{last}_high"]
    return moved


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="", help="a folder with the public outcomes")
    parser.add_argument("--table", default="", help="measure the figures of this table alone")
    parser.add_argument("--write", action="store_true", help="put the new figures into the pages")
    given = parser.parse_args()
    figures = read_figures()
    with tempfile.TemporaryDirectory() as folder:
        picture = PICTURE if given.write else Path(folder) / PICTURE.name
        workshop = Workshop(Path(folder), given.data, str(picture))
        moved = remeasured(figures, given, workshop)
    if given.write:
        entries = [vars(figure) for figure in figures]
        FIGURES.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
        for page in pages():
            page.write_text(with_tables(page.read_text(encoding="utf-8"), figures), "utf-8")
    return int(moved > 0)


if __name__ == "__main__":
    sys.exit(main())
