"""What the panel shows, drawn: pure functions from values to HTML and SVG, and to the CSV behind
their links.

Every text of a user, a model, a server or a router passes through here on its way to the page, and
is escaped here; so are cells that a spreadsheet would run. The colours are those of the surrounding
theme, by `panel.css`. There are no widgets here, no state and no events, which are `panel`'s; what
the router decides is `router`'s business.
"""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from routerlib.rows.spreadsheets import as_csv
from routerlib.stats.metrics import CurvePoint
from routerlib.training.router import Decision

SIDES = ("inferior", "superior")
TABLE_ROWS = 200  # rows of a table on show; the CSV has all
PER_CENT = "\u00a0%"  # the number and its sign stay on one line
STYLE = (Path(__file__).parent / "panel.css").read_text(encoding="utf-8")


@dataclass
class ModelAnswer:
    """One model's answer to one prompt, as far as it has come. Times in seconds, cost in
    dollars; is_cut_off: it ended at the limit of tokens.
    """

    side: str
    model: str
    text: str = ""
    state: str = "waiting"  # waiting | streaming | done | stopped | failed
    first_token: float | None = None
    seconds: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    is_cut_off: bool = False
    error: str = ""


@dataclass
class Entry:
    """A line of the history: a prompt that was routed, or an answer that came. Times in seconds,
    cost in dollars.
    """

    time: str
    what: str  # routed | asked
    prompt: str
    p_superior: float
    threshold: float
    decision: str
    model: str = ""
    seconds: float | None = None
    first_token: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    answer: str = ""
    error: str = ""


# --- The page ---


def header_html(name: str, names: dict[str, str]) -> str:
    """The style of all that follows, and the title: which router, between which models."""
    models = "".join(_pill(side, f"{side} · {names[side]}") for side in SIDES)
    title = f"<div class='rl-title'>{html.escape(name)}</div>"
    return (
        f"<style>{STYLE}</style><div class='rl-head'>{title}<div "
        f"class='rl-models'>{models}</div></div>"
    )


def audit_header_html() -> str:
    """The style of the audit, and its title."""
    title = "<div class='rl-title'>Which answer is better?</div>"
    return f"<style>{STYLE}</style><div class='rl-head'>{title}</div>"


def audit_pair_html(prompt: str, first: str, second: str) -> str:
    """A prompt and two answers side by side, without a name; all of it escaped."""
    cards = "".join(
        f"<div class='rl-card rl-answer' aria-label='Answer {letter}'><div class='rl-who'>"
        f"<span class='rl-pill rl-letter'>{letter}</span></div>"
        f"<div class='rl-text'>{html.escape(text) or muted_html('(an empty answer)')}</div></div>"
        for letter, text in (("A", first), ("B", second))
    )
    asked = f"<div class='rl-text'>{html.escape(prompt)}</div>"
    return (
        f"<div class='rl-card rl-asked' aria-label='Prompt'>{asked}</div>"
        f"<div class='rl-answers'>{cards}</div>"
    )


def audit_plain_html(told: str, pair: tuple[str, str, str] | None) -> str:
    """An audit as text and a table: how far it has come, and the pair on show (prompt, A, B)."""
    parts = [f"<p>{html.escape(told)}</p>"]
    if pair is not None:
        prompt, first, second = pair
        parts.append(plain_table(("", ""), [("prompt", prompt), ("A", first), ("B", second)]))
    return "\n".join(parts)


def face_html(live: str, content: str) -> str:
    """A face, which a page shows only where no widget of the class `live` lives on it."""
    hidden = f"<style>body:has(.{live}) .{live}-face {{ display: none; }}</style>"
    return f"{hidden}<div class='{live}-face' style='max-width: 920px'>{content}</div>"


def plain_html(
    name: str,
    names: dict[str, str],
    message: str,
    prompt: str,
    decision: Decision | None,
    point: Point,
    answers: dict[str, ModelAnswer],
    batch: Sequence[dict[str, Any]],
    events: Sequence[Entry],
) -> str:
    """A panel as text, tables and pictures, readable without its style sheet; the pictures have
    alternative texts.

    Args:
        name: the router's. names: side -> the model's name. message: what the panel has to say now.
        batch: the rows of the prompts routed at once. events: the history.
    """
    models = " · ".join(f"{side} model: {html.escape(names[side])}" for side in SIDES)
    parts = [f"<p><b>{html.escape(name)}</b> · {models}</p>"]
    if message:
        parts.append(f"<p>{html.escape(message)}</p>")
    if decision is not None:
        headline, why = _verdict(decision)
        to = html.escape(names[decision.model])
        parts += [
            "<p>Prompt:</p><blockquote><pre "
            f"style='{WRAPPED}'>{html.escape(prompt)}</pre></blockquote>",
            f"<p><b>{headline}: {to}.</b> {why}</p>",
            picture_html(bar_svg(decision, point.top)),
        ]
    parts += _plain_answers(answers, decision)
    parts.append(f"<p>Threshold {point.at:.3f}:</p>")
    if point.curve:
        parts.append(plain_table((), point.facts()))
    parts.append(picture_html(curve_svg(point.curve, point.at, point.certified)))
    if point.sentence:
        parts.append(f"<p>{html.escape(point.sentence)}</p>")
    if batch:
        scores = np.array([row["p_superior"] for row in batch])
        parts.append(f"<p><b>{_batch_headline(batch)}.</b></p>")
        parts.append(picture_html(histogram_svg(scores, point.at, point.top)))
        ordered = sorted(batch, key=lambda row: -row["p_superior"])[:TABLE_ROWS]
        cells = [(f"{r['p_superior']:.2f}", r["decision"], short(r["prompt"])) for r in ordered]
        parts.append(plain_table(("p_superior", "goes to", "prompt"), cells))
    if events:
        heads = ("time", "p_superior", "goes to", "prompt", "answered by")
        rows = [
            (e.time[11:], f"{e.p_superior:.2f}", e.decision, short(e.prompt), e.model or "–")
            for e in reversed(events[-TABLE_ROWS:])
        ]
        parts += ["<p>History:</p>", plain_table(heads, rows)]
    return "\n".join(parts)


WRAPPED = "white-space: pre-wrap; overflow-wrap: anywhere; margin: 0"


def _plain_answers(answers: dict[str, ModelAnswer], decision: Decision | None) -> list[str]:
    rows = []
    for side in SIDES:
        if side in answers:
            answer = answers[side]
            chosen = decision is not None and decision.model == side
            who = f"{answer.model}{' (the router’s choice)' if chosen else ''}"
            rows.append((who, answer.error or answer.text, _took(answer)))
    return [plain_table(("model", "answer", "took"), rows)] if rows else []


WHOLE = 20  # letters of a word that stays in one piece, however narrow the page is


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that can be read without any style. Words stay whole, but for very long ones."""
    head = "".join(_plain_cell("th", name) for name in heads)
    lines = [f"<tr>{head}</tr>"] if heads else []
    for row in rows:
        cells = "".join(_plain_cell("td", value) for value in row)
        lines.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _plain_cell(tag: str, text: str) -> str:
    """A cell as wide as its longest word, where that is no chain of signs without an end."""
    longest = max(map(len, text.split()), default=0)
    # At least a word wide: a cell that may break anywhere is else squeezed to a letter a line.
    look = "text-align: left; vertical-align: top; padding: 2px 12px 2px 0; min-width: 4em; "
    look += WRAPPED if longest > WHOLE else "white-space: pre-wrap; margin: 0"
    return f"<{tag} style='{look}'>{html.escape(text)}</{tag}>"


# The colours of pictures that stand alone, on a paper of their own.
ALONE = """
svg { background: #ffffff; font-family: Helvetica, Arial, sans-serif; }
text { fill: #4d5561; } .rl-tick { font-size: 11px; }
.rl-axis { stroke: #d0d4d9; } .rl-chord { stroke: #8a929c; stroke-dasharray: 3 4; }
.rl-path { fill: none; stroke: #4f93d2; stroke-width: 2.5; }
.rl-dot, .rl-diamond { fill: #1f2328; } .rl-diamond { font-size: 12px; text-anchor: middle; }
.rl-mark { stroke: #1f2328; stroke-width: 2; }
.rl-inferior-fill { fill: #e8a724; } .rl-superior-fill { fill: #4f93d2; }
"""


def picture_html(svg: str) -> str:
    """A drawing as an image with its label as the alternative text; nothing of nothing.

    An image needs no style sheet around it, and viewers that drop drawings keep images.
    """
    if not svg:
        return ""
    [label] = re.findall("aria-label='([^']*)'", svg)
    [(width, height)] = re.findall(r"viewBox='0 0 (\d+) (\d+)'", svg)
    head = f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'"
    alone = svg.replace("<svg", head, 1).replace(">", f"><style>{ALONE}</style>", 1)
    data = base64.b64encode(alone.encode()).decode()
    size = f"width='{width}' height='{height}'"
    return f"<p><img src='data:image/svg+xml;base64,{data}' alt='{label}' {size}></p>"


def bar_svg(decision: Decision, top: float) -> str:
    """A probability as a bar on a scale from 0 to `top`, with the threshold as a line across it."""
    width, place = (
        6 * _place_on_scale(decision.p_superior, top),
        6 * _place_on_scale(decision.threshold, top),
    )
    label = f"p_superior {decision.p_superior:.2f}, threshold {decision.threshold:.3f}"
    return (
        f"<svg viewBox='0 0 600 44' role='img' aria-label='{label}'>"
        f"<rect x='0' y='6' width='600' height='20' fill='#eceef0'/>"
        f"<rect class='rl-{decision.model}-fill' x='0' y='6' width='{width:.1f}' height='20'/>"
        f"<line class='rl-mark' x1='{place:.1f}' y1='1' x2='{place:.1f}' y2='31'/>"
        "<text class='rl-tick' x='0' y='41'>0</text>"
        f"<text class='rl-tick' x='600' y='41' text-anchor='end'>{top:g}</text></svg>"
    )


def message_html(text: str, calm: bool = False) -> str:
    """What the panel has to say: a hint where calm, else an error; nothing for an empty text."""
    role = "status" if calm else "alert"
    return f"<div class='rl-say rl-{role}' role='{role}'>{html.escape(text)}</div>" if text else ""


def muted_html(text: str) -> str:
    """A text in the quieter of the two inks."""
    return f"<span class='rl-muted'>{html.escape(text)}</span>"


def _title(text: str) -> str:
    return f"<div class='rl-verdict'>{html.escape(text)}</div>"


def _pill(side: str, text: str) -> str:
    """A name in the colour of its side."""
    return f"<span class='rl-pill rl-{side}'>{html.escape(text)}</span>"


# --- One prompt ---


def verdict_html(decision: Decision | None, names: dict[str, str], top: float = 1.0) -> str:
    """The decision in words, above p_superior as a bar with the threshold marked."""
    if decision is None:
        return (
            _title("Nothing routed yet")
            + muted_html("Type a prompt and press Route.")
            + bar_html(None, None)
        )
    side = decision.model
    headline, why = _verdict(decision)
    words = (
        f"<div class='rl-verdict'>{headline} {_pill(side, names[side])}</div>"
        f"<div class='rl-muted'>{why}</div>"
    )
    return words + bar_html(decision.p_superior, decision.threshold, side, top)


def _verdict(decision: Decision) -> tuple[str, str]:
    """A decision in a few words, and in a sentence that says why."""
    p, at = decision.p_superior, decision.threshold
    is_inferior = decision.model == "inferior"
    headline = "The inferior model will do" if is_inferior else "Send it to the superior model"
    comparison = "below" if is_inferior else "at or above"
    digits = 1 if abs(p - at) >= 0.001 else 2
    chance, limit = (f"{100 * share:.{digits}f}{PER_CENT}" for share in (p, at))
    why = (
        f"The router gives it a {chance} chance that only the superior model will do, "
        f"{comparison} the threshold of {limit}."
    )
    return headline, why


def stage_sentence(headers: Mapping[str, str]) -> str:
    """What a router with a policy did with a prompt, from the headers of its answer."""
    note, gain = headers.get("x-router-note"), headers.get("x-router-gain")
    is_up = headers.get("x-router-decision") == "superior"
    if note:
        parts = [f"{note[0].upper()}{note[1:]}"]
    elif gain:
        end = "so the superior model is asked" if is_up else "so it stays"
        parts = [f"The inferior model's answer was read: expected gain {float(gain):.3f}, {end}"]
    else:
        parts = ["Decided from the prompt alone"]
    if headers.get("x-router-calls"):
        parts.append(f"calls: {headers['x-router-calls']}")
    if headers.get("x-router-cost"):
        cost, unit = headers["x-router-cost"], headers["x-router-cost-unit"]
        parts.append(f"cost: {_dollars(float(cost)) if unit == 'dollars' else f'{cost} {unit}'}")
    return "; ".join(parts) + "."


def bar_html(p: float | None, at: float | None, side: str = "inferior", top: float = 1.0) -> str:
    """A probability as a bar on a scale from 0 to `top`, with the threshold as a line across it."""
    if p is None or at is None:
        return "<div class='rl-bar' role='img' aria-label='no prompt routed yet'></div>"
    width, place = _place_on_scale(p, top), _place_on_scale(at, top)
    classes, style = _place_of_number(width, place)
    number = f"<div class='{classes}' style='{style}'>{p:.2f}</div>"
    return (
        f"<div class='rl-bar' role='img' aria-label='p_superior {p:.2f}, threshold {at:.3f}'>"
        f"<div class='rl-fill rl-{side}' style='width:{width:.2f}%'></div>"
        f"<div class='rl-line' style='left:{place:.2f}%'></div>{number}</div>"
    )


NUMBER = 16  # per cent of a narrow bar that the number takes, with the space around it


def _place_of_number(width: float, line: float) -> tuple[str, str]:
    """Where a bar's number stands so that the threshold's line does not cross it, as (classes,
    style): at the end of the fill, inside where there is room, else behind. In per cent.
    """
    inside, behind = "rl-number rl-inside", "rl-number"
    has_room = width > NUMBER
    if has_room and not width - NUMBER < line < width:
        return inside, f"right:{100 - width:.2f}%"
    if width > 100 - NUMBER:  # there is no room behind the fill: the number ends at the line
        return inside, f"right:{100 - line:.2f}%"
    if width <= line < width + NUMBER:
        return behind, f"left:{line:.2f}%"
    return behind, f"left:{width:.2f}%"


def _place_on_scale(value: float, top: float) -> float:
    """Per cent of the scale's length."""
    return 100 * min(value / top, 1.0)


def marks_html(at: float, certified: float | None, top: float = 1.0) -> str:
    """The scale under the slider: its ends, the threshold, and the certified stop."""
    stop = ""
    if certified is not None:
        stop = (
            f"<span class='rl-stop' style='left:{_place_on_scale(certified, top):.2f}%' "
            "title='certified threshold'>◆</span>"
        )
    return (
        f"<div class='rl-scale'>{stop}</div><div class='rl-ends'><span>0 · all to the superior "
        "model</span>"
        f"<b>threshold {at:.3f}</b><span>all to the inferior model · {top:g}</span></div>"
    )


def at_threshold(curve: Sequence[CurvePoint], threshold: float) -> CurvePoint:
    """The curve's row for a threshold in [0, 1]: what the calibration prompts with scores at or
    above it bring.

    Scores between two rows belong to the upper one, so that it is the first row at or above the
    threshold.
    """
    rows = sorted(curve, key=lambda row: row["threshold"])
    return next((row for row in rows if row["threshold"] >= threshold - 1e-9), rows[-1])


@dataclass(frozen=True)
class Point:
    """A threshold on a router's curve: what it buys, and what is promised.

    Fields: top: where the slider and the bars end. certified: the threshold that is promised, None
    where there is none.
    """

    curve: Sequence[CurvePoint]
    at: float
    certified: float | None
    certificate: dict[str, Any] | None
    top: float = 1.0

    @property
    def sentence(self) -> str:
        """The certificate in words; empty without one."""
        return (self.certificate or {}).get("sentence", "").replace(" %", PER_CENT)

    def facts(self) -> list[tuple[str, str]]:
        """(number, what it is) of the share of calls, the accuracy and the cost, as far as they are
        known.
        """
        here = at_threshold(self.curve, self.at)
        alone = at_threshold(self.curve, 0.0)
        none = at_threshold(self.curve, math.inf)
        share = _percent_text(here["share_superior"])
        facts = [(share, "of the calibration prompts go to the superior model")]
        if here["accuracy"] is not None:
            kept = (
                f", {_percent_text(here['pgr'])} of the gap closed"
                if here["pgr"] is not None
                else ""
            )
            both = (
                f"the superior alone has {alone['accuracy']:.2f}, the inferior "
                f"{none['accuracy']:.2f}"
            )
            facts.append((f"{here['accuracy']:.2f}", f"accuracy{kept}; {both}"))
        if here["cost_per_1000"] is not None:  # without prices nobody knows
            whole = _dollars(alone["cost_per_1000"])
            facts.append(
                (_dollars(here["cost_per_1000"]), f"per 1,000 prompts; all superior: {whole}")
            )
        return facts


def point_html(point: Point) -> str:
    """What a threshold buys: share of calls, quality and cost, beside the curve; and the promise,
    if there is one.
    """
    if not point.curve:
        return muted_html(
            "This router was saved without a curve, so what a threshold costs is not known."
        )
    facts = "".join(_fact(number, words) for number, words in point.facts())
    picture = curve_svg(point.curve, point.at, point.certified)
    on_it = point.certified is not None and abs(point.at - point.certified) < 1e-9
    bought = f"<div class='rl-buys'>{picture}<div class='rl-facts'>{facts}</div></div>"
    return bought + _promise(point.sentence, on_it)


def _promise(text: str, on_it: bool) -> str:
    """The certificate's sentence, brighter while the slider stands on its threshold."""
    if not text:
        return ""
    classes = "rl-promise rl-on" if on_it else "rl-promise"
    return f"<div class='{classes}'>◆ {html.escape(text)}</div>"


def _fact(number: str, words: str) -> str:
    return f"<div class='rl-fact'><span class='rl-big'>{number}</span>{muted_html(words)}</div>"


def curve_svg(curve: Sequence[CurvePoint], at: float, certified: float | None) -> str:
    """Accuracy over the share of superior calls, with the present point and the certified one;
    empty for fewer than two points.
    """
    if len(curve) < 2 or any(row["accuracy"] is None for row in curve):
        return ""
    here = at_threshold(curve, at)
    low, high = min(row["accuracy"] for row in curve), max(row["accuracy"] for row in curve)
    span = (high - low) or 1.0

    def place(share: float, accuracy: float) -> tuple[float, float]:
        return 8 + 224 * share, 96 - 84 * (accuracy - low) / span

    ordered = sorted(curve, key=lambda row: (row["share_superior"], row["accuracy"]))
    line = " ".join(
        f"{x:.1f},{y:.1f}" for x, y in (place(r["share_superior"], r["accuracy"]) for r in ordered)
    )
    x, y = place(here["share_superior"], here["accuracy"])
    first, last = (place(r["share_superior"], r["accuracy"]) for r in (ordered[0], ordered[-1]))
    chord = (
        f"<line class='rl-chord' x1='{first[0]:.1f}' y1='{first[1]:.1f}' x2='{last[0]:.1f}' "
        f"y2='{last[1]:.1f}'/>"
    )
    stop = ""
    if certified is not None:
        there = at_threshold(curve, certified)
        cx, cy = place(there["share_superior"], there["accuracy"])
        stop = f"<text class='rl-diamond' x='{cx:.1f}' y='{cy + 4:.1f}'>◆</text>"
    label = (
        f"accuracy {here['accuracy']:.2f} with {_percent_text(here['share_superior'])} of the "
        "calls to the superior model"
    )
    return (
        f"<svg class='rl-curve' viewBox='0 0 240 122' role='img' aria-label='{label}'>{chord}"
        "<line class='rl-axis' x1='8' y1='100' x2='232' y2='100'/><polyline class='rl-path' "
        f"points='{line}'/>{stop}"
        f"<circle class='rl-dot' cx='{x:.1f}' cy='{y:.1f}' r='5'/>"
        "<text class='rl-tick' x='8' y='116'>none superior</text>"
        "<text class='rl-tick' x='232' y='116' text-anchor='end'>all superior</text>"
        "<text class='rl-tick' x='8' y='10'>accuracy</text></svg>"
    )


def answers_html(answers: dict[str, ModelAnswer], chosen: str) -> str:
    """The answers side by side, the inferior model's first; nothing without any. chosen: the
    router's side.
    """
    cards = [_answer_html(answers[side], side == chosen) for side in SIDES if side in answers]
    return f"<div class='rl-answers'>{''.join(cards)}</div>" if cards else ""


def _answer_html(answer: ModelAnswer, chosen: bool) -> str:
    """One model's answer: who, the text so far, and what it took."""
    mark = "<span class='rl-tag'>the router's choice</span>" if chosen else ""
    text = html.escape(answer.text) or muted_html("…")
    caret = "<span class='rl-caret'></span>" if answer.state == "streaming" else ""
    body = f"<div class='rl-text'>{text}{caret}</div>" if answer.text or not answer.error else ""
    error = (
        f"<div class='rl-alert' role='alert'>{html.escape(answer.error)}</div>"
        if answer.error
        else ""
    )
    return (
        f"<div class='rl-card rl-answer rl-from-{answer.side}' data-state='{answer.state}'>"
        f"<div class='rl-who'>{_pill(answer.side, answer.model)}{mark}</div>"
        f"{body}{error}<div class='rl-took'>{_took(answer)}</div></div>"
    )


def _took(answer: ModelAnswer) -> str:
    parts = [answer.state] if answer.state in ("waiting", "stopped") else []
    if answer.is_cut_off:
        parts.append("cut off at the limit of tokens")
    first = "" if answer.first_token is None else f" (first word {answer.first_token:.1f} s)"
    read = f"{answer.prompt_tokens or 0:,} + "
    return " · ".join(parts + _spent(answer, first, read))


def _spent(what: ModelAnswer | Entry, first: str = "", read: str = "") -> list[str]:
    """Time, tokens and cost, as far as they are known; `first` goes behind the time, `read` before
    the tokens.
    """
    parts = []
    if what.seconds is not None:
        parts.append(f"{what.seconds:.1f} s{first}")
    if what.completion_tokens is not None:
        parts.append(f"{read}{what.completion_tokens:,} tokens")
    if what.cost is not None:
        parts.append(_dollars(what.cost))
    return parts


# --- Many prompts ---


def upload_html(name: str, count: int) -> str:
    """What an uploaded file held."""
    return _title(f"{count:,} prompts from {name}") + muted_html("Press Route all.")


def progress_html(done: int, total: int, seconds: float) -> str:
    """How far a batch is after some seconds of work, and how long the rest will take."""
    rate = done / seconds
    return muted_html(f"{done:,} of {total:,} · {rate:,.0f}/s · {(total - done) / rate:.0f} s left")


def batch_html(rows: Sequence[dict[str, Any]], at: float, top: float = 1.0) -> str:
    """A batch in words, above a histogram of its scores on the slider's scale."""
    if not rows:
        hint = "Paste prompts and press Route all: each bar will be the prompts of one score."
        return _title("Nothing routed yet") + muted_html(hint)
    told = _title(_batch_headline(rows))
    superior = sum(row["decision"] == "superior" for row in rows)
    share = muted_html(f"{_percent_text(superior / len(rows))}, at the threshold {at:.3f}")
    link = _download(rows, "routed-prompts.csv")
    scores = np.array([row["p_superior"] for row in rows])
    return f"{told}<div class='rl-below'>{share}{link}</div>{histogram_svg(scores, at, top)}"


def _batch_headline(rows: Sequence[dict[str, Any]]) -> str:
    superior = sum(row["decision"] == "superior" for row in rows)
    return f"{superior:,} of {len(rows):,} prompts go to the superior model"


def batch_table_html(rows: Sequence[dict[str, Any]]) -> str:
    """A batch as a table, hardest first."""
    ordered = sorted(rows, key=lambda row: -row["p_superior"])
    cells = ((row["p_superior"], row["decision"], row["prompt"]) for row in ordered[:TABLE_ROWS])
    body = [f"<tr>{_routed(*cell)}</tr>" for cell in cells]
    more = (
        muted_html(f"The first {TABLE_ROWS} of {len(rows):,}; the CSV has all.")
        if len(rows) > TABLE_ROWS
        else ""
    )
    return _table_html(("p_superior", "goes to", "prompt"), body) + more


def _routed(p: float, side: str, prompt: str) -> str:
    """The three cells of a table that say where a prompt goes."""
    text = html.escape(short(prompt))
    return (
        f"<td class='rl-num'>{p:.2f}</td><td>{_pill(side, side)}</td><td "
        f"class='rl-wide'>{text}</td>"
    )


def _table_html(heads: Sequence[str], rows: Sequence[str]) -> str:
    titles = "".join(f"<th>{name}</th>" for name in heads)
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<div class='rl-scroll' tabindex='0'>{table}</div>"


def histogram_svg(scores: np.ndarray, at: float, top: float = 1.0, bins: int = 40) -> str:
    """How many prompts have which score, with the threshold as a line; bars right of it go to the
    superior model.
    """
    counts, edges = np.histogram(np.clip(scores, 0, top), bins=bins, range=(0, top))
    fullest = max(int(counts.max()), 1)
    width = 600 / bins
    bars = "".join(
        f"<rect class='rl-{'superior' if left >= at - 1e-9 else 'inferior'}-fill' "
        f"x='{600 * left / top + 1:.1f}' "
        f"y='{100 - 92 * count / fullest:.1f}' width='{width - 2:.1f}' "
        f"height='{92 * count / fullest:.1f}'/>"
        for count, left in zip(counts.tolist(), edges.tolist(), strict=False)
        if count
    )
    x = 6 * _place_on_scale(at, top)
    label = f"histogram of {len(scores)} scores; the fullest bar has {fullest}"
    return (
        "<svg class='rl-histogram' viewBox='0 0 600 102' preserveAspectRatio='none' role='img' "
        f"aria-label='{label}'>"
        f"{bars}<line class='rl-axis' x1='0' y1='100' x2='600' y2='100'/>"
        f"<line class='rl-mark' x1='{x:.1f}' y1='0' x2='{x:.1f}' y2='102'/></svg>"
    )


# --- The history ---


def history_html(events: Sequence[Entry]) -> str:
    """The history as a table, newest first, with a link to its CSV."""
    if not events:
        return muted_html("Nothing yet: what you route and ask is kept here.")
    heads = ("time", "p_superior", "goes to", "prompt", "answered by", "took")
    link = _download([asdict(event) for event in events], "router-history.csv")
    return link + _table_html(
        heads, [_history_row(event) for event in reversed(events[-TABLE_ROWS:])]
    )


def _history_row(event: Entry) -> str:
    routed = _routed(event.p_superior, event.decision, event.prompt)
    by = html.escape(f"{event.model}{' (failed)' if event.error else ''}")
    spent = " · ".join(_spent(event))
    return (
        f"<tr><td class='rl-num'>{event.time[11:]}</td>{routed}<td>{by}</td><td>{spent}</td></tr>"
    )


# --- Files to take away ---


def _download(rows: Sequence[dict[str, Any]], name: str) -> str:
    """A link that saves rows as a CSV file, without a server. The mark in front tells spreadsheets
    that it is UTF-8.
    """
    content = base64.b64encode(("\ufeff" + as_csv(rows)).encode()).decode()
    return (
        f"<a class='rl-download' download='{name}' "
        f"href='data:text/csv;charset=utf-8;base64,{content}'>Save as CSV</a>"
    )


# --- Numbers and words ---


def short(text: str, length: int = 160) -> str:
    """The beginning of a text on one line, not escaped."""
    text = " ".join(text[: 4 * length].split())
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _percent_text(share: float | None) -> str:
    if share is None:
        return "–"
    digits = 0 if share in (0, 1) or 0.005 <= share <= 0.995 else 1
    return f"{100 * share:.{digits}f}{PER_CENT}"


def _dollars(amount: float | None) -> str:
    if amount is None:
        return "–"
    if amount == 0 or amount >= 0.01:
        return f"${amount:,.2f}"
    digits = min(8, 1 - math.floor(math.log10(amount)))
    return f"${amount:.{digits}f}"
