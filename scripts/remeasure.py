"""Measure the documentation's figures again, and say what has moved.

    python scripts/remeasure.py                     # those that need nothing but this repository
    python scripts/remeasure.py --data FOLDER       # those on public outcomes too
    python scripts/remeasure.py --write             # and put what was measured into the pages

Each figure of docs/figures.json has a command, the place of its number in the JSON that the command
writes, and the interval it was measured with. A figure has moved where the new one lies outside
that interval. The tables between the marks `<!-- figures: NAME -->` and `<!-- end -->` of README.md
and docs/ are made from the file; a test holds them to it. Speeds are ratios of two programs in one
run: milliseconds of another machine say nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures.json"
MARKS = re.compile(r"(<!-- figures: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass
class Figure:
    """One number of the documentation.

    Fields: table: the table it stands in. what: its line there. at: keys and positions that lead to
    it in what the command wrote; its interval stands beside it under `_low` and `_high`. command:
    the words that follow `python`; {out} is where it writes, {data} the folder of public outcomes.
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
    shown = [f"`python {command.replace(' --json {out}', '')}`" for command in commands]
    return "\n".join([*lines, "", f"Measured by {', '.join(shown)}.", ""])


def with_tables(text: str, figures: list[Figure]) -> str:
    """A page with its tables made anew."""
    return MARKS.sub(lambda found: found[1] + table_of(figures, found["name"]) + found[3], text)


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def measure(command: str, data: str) -> Any:
    """What a command writes as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        words = shlex.split(command.format(out=out, data=data))
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True)
        return json.loads(out.read_text(encoding="utf-8"))


def found_at(value: Any, places: list[Any]) -> Any:
    """A part of a JSON value; a place such as "name=kernel" finds an object in a list."""
    for place in places:
        if isinstance(value, list) and isinstance(place, str):
            name, _, wanted = place.partition("=")
            value = next(one for one in value if str(one.get(name)) == wanted)
        else:
            value = value[place]
    return value


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="", help="a folder with the public outcomes")
    parser.add_argument("--write", action="store_true", help="put the new figures into the pages")
    given = parser.parse_args()
    figures, measured, moved = read_figures(), {}, 0
    for figure in figures:
        if "{data}" in figure.command and not given.data:
            print(f"left out: {figure.what} (it needs --data)")
            continue
        if figure.command not in measured:
            measured[figure.command] = measure(figure.command, given.data)
        *before, last = figure.at
        around = found_at(measured[figure.command], before)
        value = around[last]
        says = "holds" if figure.holds(value) else "HAS MOVED"
        moved += not figure.holds(value)
        print(f"{says}: {figure.what}: {figure.told}, now {value:.{figure.digits}f}")
        if given.write:
            figure.value = value
            figure.low, figure.high = around[f"{last}_low"], around[f"{last}_high"]
    if given.write:
        entries = [vars(figure) for figure in figures]
        FIGURES.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
        for page in pages():
            page.write_text(with_tables(page.read_text(encoding="utf-8"), figures), "utf-8")
    return int(moved > 0)


if __name__ == "__main__":
    sys.exit(main())
