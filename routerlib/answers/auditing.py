"""People check a part of what judges said: which pairs, in which order, and what they answered.

The plan is made once, before anyone votes: a random part of the judged rows is set aside for the
certificate, each of its rows gets a chance of being shown, and a coin decides. Both are on disk, so
that work can be stopped, resumed and shared. A verdict is a vote in 01's schema, with the two
answers it was about. `losses` turns votes into what `stats.audits` certifies. Who shows the pairs
is `notebook.audit`'s business, or a table's that a team fills in.
"""

from __future__ import annotations

import getpass
import hashlib
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.answers.pairs import INFERIOR, SUPERIOR, TIE, Pair
from routerlib.endpoints.prompts import as_messages, as_text
from routerlib.errors import Foreseen
from routerlib.rows import jsonl, spreadsheets
from routerlib.rows.schemas import LabelledPrompt, Vote
from routerlib.stats import audits, certificates

PLAN, VOTES, SKIPS = "audit_plan.jsonl", "audit_votes.jsonl", "audit_skips.jsonl"
A, B, BOTH_GOOD, BOTH_BAD, SKIP = "A", "B", "both good", "both bad", "skip"
VERDICTS = (A, B, BOTH_GOOD, BOTH_BAD, SKIP)
# Of the judged rows, how many are set aside for the certificate: people check some of these, and no
# router learns from any.
SET_ASIDE = 0.5
FEWEST_OTHERS = 30  # rows that are not set aside, below which they say nothing about those that are
COLUMNS = ("id", "prompt", "answer_a", "answer_b", "verdict")
# Before an id in a table: without it, a spreadsheet takes 1234567890123456 or 12e3456789012345 for
# a number, and saves another one.
ID_MARK = "pair-"

# Given the rows to learn from and those to look at: (how hard the second look, how hard the first
# look to something that has not learnt from them), or (None, None) where nothing can be learnt.
LooksHard = Callable[
    [Sequence[LabelledPrompt], Sequence[LabelledPrompt]],
    tuple[np.ndarray | None, np.ndarray | None],
]


class AuditError(Foreseen, ValueError):
    """An audit cannot be planned, or a verdict cannot be taken; the text says why and what to
    do.
    """


@dataclass(frozen=True)
class Planned:
    """What was fixed about one judged row before anyone voted.

    Fields: chance: of being shown to people, in (0, 1]. picked: what the coin said. superior_first:
    whose answer is A. inferior_sample, superior_sample: which answers are shown. digest: of the
    prompt and these answers, so that a vote on other ones is not taken for one on these.
    """

    id: str
    chance: float
    picked: bool
    superior_first: bool
    inferior_sample: int
    superior_sample: int
    digest: str

    def texts(self, pair: Pair) -> tuple[str, str]:
        """(answer A, answer B)."""
        both = pair.superior[self.superior_sample], pair.inferior[self.inferior_sample]
        return both if self.superior_first else both[::-1]


def _digest(pair: Pair, i: int, j: int) -> str:
    seen = "\0".join((as_text(pair.prompt), pair.inferior[i], pair.superior[j]))
    return hashlib.sha256(seen.encode(errors="replace")).hexdigest()[:16]


def loss_of(row: LabelledPrompt) -> float:
    """A judged row's loss of sending it to the inferior model, in [-1, 1]."""
    if row.superior_score is None or row.inferior_score is None:
        raise AuditError(f"Row {row.id!r} has no scores: only judged outcomes can be audited.")
    return row.superior_score - row.inferior_score


def make_plan(
    rows: Sequence[LabelledPrompt],
    pairs: Iterable[Pair],
    number: int = 200,
    folder: str | Path = "",
    set_aside: float = SET_ASIDE,
    seed: int = 0,
    looks_hard: LooksHard | None = None,
    epsilon: float = 0.05,
    delta: float = 0.1,
) -> list[Planned]:
    """The plan in a folder, made now where there is none; in the order in which pairs are shown.

    A plan that exists stays as it is: its chances were fixed before the votes. Delete it, with the
    votes, to begin anew.

    Args:
        rows: the judged outcomes; pairs: the answers behind them.
        number: of pairs that people are to see, about.
        set_aside: the share of the rows that the plan takes; the others are left to training, and
            set the scale of the chances: so a row's chance depends on nothing but the row.
        looks_hard: learns from the others which prompts look hard (see `LooksHard`); these are
            shown to people less often. Without it, all count as easy.
        epsilon, delta: of the certificate that is hoped for: audits go where they tell most about
            it. Any other may be asked of the same votes.

    Raises:
        AuditError: no row was judged. settings.SettingError: a number that cannot be.
        MetricError: no certificate has such an epsilon or delta.
    """
    path = _audit_folder(folder) / PLAN
    if path.exists():
        return read_plan(folder)
    settings.whole("AUDITS", number)
    certificates.check_terms(epsilon, delta)
    settings.number("SET_ASIDE", set_aside, most=1)
    by_id = {pair.id: pair for pair in pairs}
    judged = [row for row in rows if row.source == "judged" and row.id in by_id]
    if not judged:
        raise AuditError("There are no judged rows to audit. Have pairs judged first (04).")
    aside = audits.coins([f"aside {row.id}" for row in judged], seed) < set_aside
    chosen = [row for row, is_in in zip(judged, aside, strict=True) if is_in] or judged
    left = [row for row, is_in in zip(judged, aside, strict=True) if not is_in and aside.any()]
    order = np.argsort(audits.coins([f"order {row.id}" for row in chosen], seed), kind="stable")
    chosen = [chosen[i] for i in order]
    chances = _chances_of_audit(chosen, left, number, looks_hard, (epsilon, delta))
    picked = audits.audit_picks([row.id for row in chosen], chances, seed)
    first = audits.coins([f"side {row.id}" for row in chosen], seed) < 0.5
    which = audits.coins([f"sample {row.id}" for row in chosen], seed)
    plan = []
    for place, row in enumerate(chosen):
        pair = by_id[row.id]
        i, j = int(which[place] * len(pair.inferior)), int(which[place] * len(pair.superior))
        plan.append(
            Planned(
                id=row.id,
                chance=float(chances[place]),
                picked=bool(picked[place]),
                superior_first=bool(first[place]),
                inferior_sample=i,
                superior_sample=j,
                digest=_digest(pair, i, j),
            )
        )
    jsonl.write_rows(path, ({"place": i, **vars(one)} for i, one in enumerate(plan)))
    return plan


def _chances_of_audit(
    chosen: Sequence[LabelledPrompt],
    left: Sequence[LabelledPrompt],
    number: int,
    looks_hard: LooksHard | None,
    promise: tuple[float, float],
) -> np.ndarray:
    losses_of_chosen = [loss_of(row) for row in chosen]
    if len(left) < FEWEST_OTHERS:
        return audits.audit_chances(losses_of_chosen, number)
    hard, hard_left = looks_hard(left, chosen) if looks_hard else (None, None)
    others = [loss_of(row) for row in left], hard_left
    return audits.audit_chances(losses_of_chosen, number, hard, others, *promise)


def read_plan(folder: str | Path = "") -> list[Planned]:
    """The plan of a folder, in its order; empty where none was made.

    Raises:
        AuditError: a line is no part of a plan.
    """
    path = _audit_folder(folder) / PLAN
    plan: list[Planned] = []
    if not path.exists():
        return plan
    names = list(Planned.__dataclass_fields__)
    for line, row in jsonl.read_values(path):
        try:
            plan.append(_checked_plan(Planned(**{name: row[name] for name in names})))
        except (KeyError, TypeError, ValueError):
            raise AuditError(
                f"{path}, line {line}: this is no plan of an audit. Move the file away, and plan "
                "anew; votes without their plan cannot be used for a certificate."
            ) from None
    return plan


def _checked_plan(one: Planned) -> Planned:
    """One row of a plan, if its values can be; raises ValueError."""
    is_chance = isinstance(one.chance, float | int) and 0 < one.chance <= 1
    are_flags = all(isinstance(flag, bool) for flag in (one.picked, one.superior_first))
    samples = (one.inferior_sample, one.superior_sample)
    if not (is_chance and are_flags and all(isinstance(n, int) and n >= 0 for n in samples)):
        raise ValueError
    return one


def _audit_folder(folder: str | Path) -> Path:
    return settings.resolve(folder) if folder else settings.outputs("graded", "judged")


# --- people's verdicts ---


class Audit:
    """The pairs of a plan, and what people have said about them so far; nothing on show.

    Args:
        pairs: the answers of both models. plan: as `make_plan` gives it. folder: where votes and
            skips lie, one file each; without it, outputs/graded/judged. auditor: who votes; without
            it, the name of the account.

    Attributes:
        items: (planned, pair) of those that were picked, in the order in which they are shown.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        plan: Sequence[Planned],
        folder: str | Path = "",
        auditor: str = "",
    ):
        self.folder = _audit_folder(folder)
        self.auditor = auditor.strip() or _audit_account()
        by_id = {pair.id: pair for pair in pairs}
        self.items: list[tuple[Planned, Pair]] = []
        self.changed = 0  # picked rows whose answers are no longer those of the plan
        for one in plan:
            pair = by_id.get(one.id)
            if not one.picked:
                continue
            if pair is None or not _is_of(one, pair):
                self.changed += 1
                continue
            self.items.append((one, pair))
        self._done = set(verdicts_in(self.folder))

    @property
    def pending(self) -> list[tuple[Planned, Pair]]:
        """What nobody has dealt with yet, in order."""
        return [item for item in self.items if item[0].digest not in self._done]

    @property
    def done(self) -> int:
        return len(self.items) - len(self.pending)

    def record(self, planned: Planned, verdict: str, seconds: float | None = None) -> None:
        """Write one verdict to disk; one that this auditor gave before on the same pair goes.

        Raises:
            AuditError: no such verdict, or a pair that was not picked.
        """
        if verdict not in VERDICTS:
            raise AuditError(f"{verdict!r} is no verdict; it is one of {', '.join(VERDICTS)}.")
        pair = next((pair for one, pair in self.items if one == planned), None)
        if pair is None:
            raise AuditError(f"The pair {planned.id!r} was not picked, so it cannot be audited.")
        self.take_back(planned)
        row = self._row(planned, pair, verdict, seconds)
        with jsonl.Writer(self.folder / (SKIPS if verdict == SKIP else VOTES)) as file:
            file.append(row)
        self._done.add(planned.digest)

    def take_back(self, planned: Planned) -> None:
        """Remove this auditor's verdict on a pair, if there is one."""
        for name in (VOTES, SKIPS):
            path = self.folder / name
            if not path.exists():
                continue
            rows = [row for _, row in jsonl.read_values(path)]
            kept = [row for row in rows if not self._is_mine(row, planned)]
            if len(kept) < len(rows):
                jsonl.write_rows(path, kept)
        self._done = set(verdicts_in(self.folder))

    def _is_mine(self, row: Any, planned: Planned) -> bool:
        is_row = isinstance(row, dict)
        return is_row and (row.get("digest"), row.get("judge")) == (planned.digest, self.auditor)

    def _row(
        self, planned: Planned, pair: Pair, verdict: str, seconds: float | None
    ) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "judge": self.auditor,
            "verdict": verdict,
            "digest": planned.digest,
            "chance": planned.chance,
            "category": pair.category,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        if seconds is not None:
            facts["seconds"] = round(seconds, 1)
        if verdict == SKIP:
            return {"question_id": pair.id, **facts}
        models = pair.superior_model, pair.inferior_model
        if not planned.superior_first:
            models = models[::-1]
        asked = as_messages(pair.prompt)
        turns = [[*asked, {"role": "assistant", "content": text}] for text in planned.texts(pair)]
        vote = Vote.model_validate(
            {
                "question_id": pair.id,
                "model_a": models[0],
                "model_b": models[1],
                "winner": {A: "model_a", B: "model_b"}.get(verdict, "tie"),
                "turn": sum(turn["role"] == "user" for turn in asked) or 1,
                "conversation_a": turns[0],
                "conversation_b": turns[1],
                "superior_first": planned.superior_first,
                **facts,
            }
        )
        return vote.model_dump()

    @property
    def sentence(self) -> str:
        """How far the audit has come, in words."""
        told = f"{self.done:,} of {len(self.items):,} pairs have a verdict"
        if not self.pending:
            told += ": the audit is complete. Run 05 for what it certifies"
        if self.changed:
            told += (
                f"; {self.changed:,} picked pairs cannot be shown, since their answers are no "
                "longer those of the plan"
            )
        return f"{told}."


def _is_of(planned: Planned, pair: Pair) -> bool:
    i, j = planned.inferior_sample, planned.superior_sample
    if i >= len(pair.inferior) or j >= len(pair.superior):
        return False
    return _digest(pair, i, j) == planned.digest


def _audit_account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "person"


def verdicts_in(folder: str | Path = "") -> dict[str, list[float]]:
    """People's losses by the digest of what they saw: 1 where the superior answer won, -1 where the
    inferior one did, 0 for both good or both bad, and 1, the worst, for a skip.

    Raises:
        AuditError: a line that is no verdict of an audit.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for name in (VOTES, SKIPS):
        path = _audit_folder(folder) / name
        for line, row in jsonl.read_values(path) if path.exists() else ():
            try:
                found[str(row["digest"])].append(_loss_of_verdict(row))
            except (KeyError, TypeError):
                raise AuditError(
                    f"{path}, line {line}: this is no verdict of an audit (a vote of another "
                    "file?). Take the line out, and run this again."
                ) from None
    return found


def _loss_of_verdict(row: Mapping[str, Any]) -> float:
    verdict = row["verdict"]
    if verdict == SKIP:
        return 1.0
    side = {A: SUPERIOR, B: INFERIOR}.get(verdict, TIE)
    if side != TIE and not row["superior_first"]:
        side = INFERIOR if side == SUPERIOR else SUPERIOR
    return {SUPERIOR: 1.0, INFERIOR: -1.0, TIE: 0.0}[side]


# --- what the certificate needs ---


@dataclass(frozen=True)
class AuditedRows:
    """The rows of a plan, in its order, as `stats.audits.certify_audited` takes them; (n,) each.

    Fields: ids. judged: the judge's losses. audited: people's, the mean over several people, NaN
    where nobody voted. picked, chance: of the plan.
    """

    ids: list[str]
    judged: np.ndarray
    audited: np.ndarray
    picked: np.ndarray
    chance: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_audited(self) -> int:
        return int((~np.isnan(self.audited)).sum())


def losses(rows: Iterable[LabelledPrompt], folder: str | Path = "") -> AuditedRows:
    """What judges and people said about the rows of the plan; rows that are gone are left out."""
    by_id = {row.id: row for row in rows if row.source == "judged"}
    people = verdicts_in(folder)
    plan = [one for one in read_plan(folder) if one.id in by_id]
    seen = [people.get(one.digest) if one.picked else None for one in plan]
    return AuditedRows(
        ids=[one.id for one in plan],
        judged=np.array([loss_of(by_id[one.id]) for one in plan], dtype=float),
        audited=np.array([float(np.mean(s)) if s else math.nan for s in seen], dtype=float),
        picked=np.array([one.picked for one in plan], dtype=bool),
        chance=np.array([one.chance for one in plan], dtype=float),
    )


def with_audit(rows: Sequence[LabelledPrompt], folder: str | Path = "") -> list[LabelledPrompt]:
    """The rows, those of the plan marked: no router learns from them (`split` is "calibration"),
    and `audit` holds place, chance, picked and people's loss, where there is one.
    """
    found = losses(rows, folder)
    told = {}
    for place, name in enumerate(found.ids):
        loss = found.audited[place]
        told[name] = {
            "place": place,
            "chance": float(found.chance[place]),
            "picked": bool(found.picked[place]),
            "loss": None if math.isnan(loss) else float(loss),
        }
    return [
        row.model_copy(update={"split": "calibration", "audit": told[row.id]})
        if row.source == "judged" and row.id in told
        else row
        for row in rows
    ]


# --- a table for a team ---


def export_table(audit: Audit, path: str | Path) -> Path:
    """Write the pairs nobody has dealt with as CSV, with an empty column `verdict` to fill in: A,
    B, both good, both bad, skip.
    """
    rows = []
    for planned, pair in audit.pending:
        first, second = planned.texts(pair)
        rows.append(
            {
                "id": f"{ID_MARK}{planned.digest}",
                "prompt": as_text(pair.prompt),
                "answer_a": first,
                "answer_b": second,
                "verdict": "",
            }
        )
    if not rows:
        raise AuditError("There is no pair left to audit.")
    # With a byte-order mark, without which a spreadsheet takes UTF-8 for something else.
    return jsonl.write_text(settings.resolve(path), spreadsheets.as_csv(rows), "utf-8-sig")


_MEANT = {
    "a": A,
    "b": B,
    "g": BOTH_GOOD,  # the letters of the panel
    "x": BOTH_BAD,
    "s": SKIP,
    "both good": BOTH_GOOD,
    "good": BOTH_GOOD,
    "both bad": BOTH_BAD,
    "bad": BOTH_BAD,
    "skip": SKIP,
}


def import_table(audit: Audit, path: str | Path) -> int:
    """Take the verdicts of a table that `export_table` wrote and a person filled in; empty ones are
    passed over. Returns how many were taken: all of them, or none where one cannot be.

    Raises:
        AuditError, spreadsheets.TableError: naming file, line and what was found there.
    """
    by_digest = {planned.digest: (planned, pair) for planned, pair in audit.items}
    found: list[tuple[Planned, str]] = []
    met: dict[str, str] = {}
    for place, row in spreadsheets.read_spreadsheet(path, COLUMNS):
        said = " ".join(row["verdict"].strip().strip("'").casefold().split())
        if not said:
            continue
        where = f"{path}, {place}"
        name = row["id"].strip().lstrip("'").removeprefix(ID_MARK)
        if name not in by_digest:
            raise AuditError(
                f"{where}: the id {name[:40]!r} is none of this audit's. Import the table into the "
                "audit that it was exported from, with its column id as it was."
            )
        if said not in _MEANT:
            raise AuditError(
                f"{where}: the verdict {row['verdict'][:40]!r} is none; write "
                f"{', '.join(VERDICTS)}, or leave it empty."
            )
        if name in met:
            raise AuditError(
                f"{where}: this pair has a verdict in {met[name]} already. Keep one of them."
            )
        met[name] = place
        found.append((by_digest[name][0], _MEANT[said]))
    for planned, verdict in found:
        audit.record(planned, verdict)
    return len(found)
