"""What `replay` ends with: a page for the terminal, and the same as an HTML file of its own.

The numbers come in as they were measured; here they are put in words and pictures. Everything that
a log or a model wrote is escaped, and the file loads nothing from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from routerlib.rows import jsonl
from routerlib.stats.savings import FEWEST, Range, Saving

NO_MONEY = "–"


@dataclass
class ReplayPage:
    """The figures of a replay, and the sentences around them.

    Fields: logs: what was read. superior, inferior, judges: the models. whole, kinds: if all went
    to the inferior model, together and by kind of prompt. routed: on prompts that the router has
    not seen, at its threshold; None without a router. certificate: what is promised, in words.
    judging: how the judge's verdicts follow order and length. costs: (what, money). notes: what
    else a reader should know. unit: what the money is in. is_free: the inferior model has no price,
    so that its answers count as free.
    """

    logs: str
    superior: str
    inferior: str
    judges: str
    whole: Saving
    kinds: list[Saving]
    certificate: str
    routed: Saving | None = None
    share_superior: float | None = None
    judging: list[str] = field(default_factory=list)
    costs: list[tuple[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unit: str = "dollars"
    seconds: float = 0.0
    is_free: bool = False

    # -- in words --

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        money = self._money_saved()
        if self.whole.lost is None:
            told = money or "no money is known"
            return (
                f"Had {self.inferior} answered all {self.whole.prompts:,} of these prompts instead "
                f"of {self.superior}: {told}. How much quality that would have cost is not known."
            )
        return (
            f"Had {self.inferior} answered all {self.whole.prompts:,} of these prompts instead of "
            f"{self.superior}: {_in_points(self.whole.lost)} points of quality lost, as the judge "
            f"sees it{', and ' if money else ''}{money}."
        )

    def _money_saved(self) -> str:
        if self.whole.saved is None:
            return ""
        told = f"{_percent(self.whole.saved)} of the bill saved"
        return f"{told} (its own answers counted as free)" if self.is_free else told

    @property
    def explanation(self) -> str:
        """What the figures mean."""
        return (
            "Points of quality: of 100 prompts, those whose answer from the superior model is "
            "better, less those whose answer from the inferior model is better. In brackets: 95 % "
            "ranges."
        )

    def rows(self) -> Iterator[tuple[str, Saving]]:
        """(name, figures) of each line of the table."""
        yield "all prompts", self.whole
        for kind in self.kinds:
            yield kind.name, kind

    def cost_sentence(self) -> str:
        total = sum(money for _, money in self.costs)
        parts = ", ".join(f"{what} {money:,.4f}" for what, money in self.costs)
        return f"This replay cost {total:,.4f} {self.unit} ({parts}) and {self.seconds:,.0f} s."

    def routed_sentence(self) -> str:
        """What the router does at its threshold, on prompts that it has not seen."""
        if self.routed is None:
            return ""
        if self.share_superior == 1:
            return (
                f"Routed, on {self.routed.prompts:,} prompts that the router has not seen: all go "
                f"to {self.superior}, so that nothing is lost and nothing is saved."
            )
        saved = f", {_percent(self.routed.saved)} of the bill saved" if self.routed.saved else ""
        return (
            f"Routed, on {self.routed.prompts:,} prompts that the router has not seen: "
            f"{1 - (self.share_superior or 0.0):.0%} go to {self.inferior}, "
            f"{_in_points(self.routed.lost)} points of quality lost{saved}."
        )

    def as_text(self) -> str:
        """The page for a terminal."""
        width = max(len("kind of prompt"), *(len(name) for name, _ in self.rows()))
        width = min(width, 34)
        lines = [
            "",
            self.headline,
            "",
            f"  {'kind of prompt':<{width}}  {'prompts':>7}  {'quality lost':>22}  "
            f"{'money saved':>22}",
        ]
        lines += [
            f"  {name[:width]:<{width}}  {one.prompts:>7,}  {_in_points(one.lost):>22}  "
            f"{_percent(one.saved) if one.saved else NO_MONEY:>22}{_few(one)}"
            for name, one in self.rows()
        ]
        lines += ["", self.explanation, "", *self._sentences()]
        return "\n".join(lines)

    def _sentences(self) -> list[str]:
        told = [self.certificate, self.routed_sentence(), *self.judging, *self.notes]
        return [sentence for sentence in [*told, self.cost_sentence()] if sentence]

    def _chapters(self) -> Iterator[tuple[str, list[str]]]:
        """(heading, sentences) of the file, below the table."""
        yield "Behind a router", [self.routed_sentence()]
        yield "How good the judge is", self.judging
        yield "What was read and paid", [*self.notes, self.cost_sentence()]

    # -- as a file --

    def as_html(self) -> str:
        """The page as one HTML document, which needs nothing beside it."""
        head = "".join(f"<th{kind}>{escape(name)}</th>" for name, kind in TABLE_HEAD)
        reach = _reach([one for _, one in self.rows()])
        body = "".join(_html_row(name, one, reach) for name, one in self.rows())
        told = "".join(_html_chapter(*chapter) for chapter in self._chapters())
        title = f"{self.inferior} in the place of {self.superior}"
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
            f"<body><h1>{escape(title)}</h1>"
            f'<p class="lead">{escape(self.headline)}</p>'
            f'<p class="certificate">{escape(self.certificate)}</p>'
            f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
            "</div>"
            f"<p><small>{escape(self.explanation)}</small></p>{told}"
            f"<p><small>Logs: {escape(self.logs)}. Judge: {escape(self.judges)}.</small></p>"
            "</body></html>\n"
        )

    def write(self, path: Path) -> Path:
        """Write the HTML file; returns its path."""
        return jsonl.write_text(path, self.as_html())

    def numbers(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "superior": self.superior,
            "inferior": self.inferior,
            "judges": self.judges,
            "all": self.whole.to_dict(),
            "kinds": [kind.to_dict() for kind in self.kinds],
            "routed": self.routed.to_dict() if self.routed else None,
            "share_superior": self.share_superior,
            "certificate": self.certificate,
            "costs": dict(self.costs),
            "seconds": round(self.seconds, 1),
        }


def _in_points(lost: Range | None) -> str:
    if lost is None:
        return "not known"
    return f"{100 * lost.value:+.1f} [{100 * lost.low:+.1f}, {100 * lost.high:+.1f}]"


def _percent(saved: Range | None) -> str:
    if saved is None:
        return NO_MONEY
    return f"{_share(saved.value)} [{_share(saved.low)}, {_share(saved.high)}]"


def _share(value: float) -> str:
    """In percent; close to all, one place more, since 99.6 % is not all."""
    return f"{value:.1%}" if 0.99 <= value < 1 else f"{value:.0%}"


def _few(one: Saving) -> str:
    return "  (too few to say)" if one.prompts < FEWEST else ""


# --- the file ---

# What stands over a column, and of what kind the column is
NUMBER, PICTURE = ' class="number"', ' class="picture"'
TABLE_HEAD: Sequence[tuple[str, str]] = (
    ("kind of prompt", ""),
    ("prompts", NUMBER),
    ("quality lost (points)", NUMBER),
    ("gained ← 0 → lost", PICTURE),
    ("money saved", NUMBER),
)
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       color: #1a1a1a; background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
.wide { overflow-x: auto; }
.lead { font-size: 1.15rem; }
.certificate { border-left: 4px solid #4a7ab5; padding-left: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #ddd; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
.picture { text-align: center; white-space: nowrap; }
@media (max-width: 40rem) {
  .picture { display: none; }
  th, td { padding: .35rem .3rem; font-size: .85rem; overflow-wrap: normal; }
  td.number { white-space: normal; }
}
tbody tr:first-child { font-weight: 600; }
small { color: #555; }
"""
CHART = (180, 22)  # pixels of the picture of a range


def _html_chapter(heading: str, sentences: Sequence[str]) -> str:
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences if sentence)
    return f"<h2>{escape(heading)}</h2>{told}" if told else ""


def _reach(figures: Sequence[Saving]) -> float:
    """How far the pictures of all rows reach to both sides, as a share: as far as the widest."""
    ends = [abs(end) for one in figures if one.lost for end in (one.lost.low, one.lost.high)]
    return max(ends, default=0.0) or 1.0


def _html_row(name: str, one: Saving, reach: float) -> str:
    few = " <small>(too few to say)</small>" if one.prompts < FEWEST else ""
    return (
        f'<tr><td>{escape(name)}{few}</td><td class="number">{one.prompts:,}</td>'
        f'<td class="number">{escape(_in_points(one.lost))}</td>'
        f'<td class="picture">{_picture(one.lost, reach)}</td>'
        f'<td class="number">{escape(_percent(one.saved))}</td></tr>'
    )


def _picture(lost: Range | None, reach: float) -> str:
    """A range on a line of so much to both sides of 0, as inline SVG; nothing where there is
    none.
    """
    if lost is None:
        return ""
    width, height = CHART

    def place(value: float) -> float:
        return round((value / reach + 1) / 2 * (width - 10) + 5, 1)

    low, high, middle = place(lost.low), place(lost.high), height / 2
    label = escape(_in_points(lost))
    return (
        f'<svg width="{width}" height="{height}" role="img" aria-label="{label}">'
        f'<line x1="{place(0)}" y1="0" x2="{place(0)}" y2="{height}" stroke="#999"/>'
        f'<line x1="{low}" y1="{middle}" x2="{high}" y2="{middle}" stroke="#4a7ab5" '
        'stroke-width="3"/>'
        f'<circle cx="{place(lost.value)}" cy="{middle}" r="4" fill="#1f4e87"/></svg>'
    )
