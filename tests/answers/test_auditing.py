"""The audit: picked by chance and planned once, votes that 01 reads, losses as the certificate
takes them.
"""

import json
import math

import numpy as np
import pytest
from audit_pairs import audit_in, pairs_and_plan
from planted_judge import pairs

from routerlib import settings
from routerlib.answers import auditing, judging
from routerlib.answers.auditing import BOTH_BAD, BOTH_GOOD, SKIP, A, Audit, AuditError, B
from routerlib.answers.judging import Comparison
from routerlib.answers.pairs import INFERIOR, SUPERIOR, TIE
from routerlib.rows import jsonl, sources, spreadsheets
from routerlib.rows.schemas import LabelledPrompt, Vote
from routerlib.rows.spreadsheets import TableError
from routerlib.stats.metrics import MetricError


def judged_rows(given):
    """Outcomes of a judge who is always right."""
    rows = []
    for pair in given:
        side = pair.known[0]
        rows.append(judging.outcome_of(pair, [Comparison("m", 0, 0, side, side, None)]))
    return rows


def planned(tmp_path, number=60, audits=20, **settings):
    given = pairs(number)
    rows = judged_rows(given)
    plan = auditing.make_plan(rows, given, audits, tmp_path, **settings)
    return given, rows, plan


def right_verdict(one, pair):
    """What a person says who agrees with the answers' words."""
    if pair.known[0] == TIE:
        return BOTH_GOOD
    return A if (pair.known[0] == SUPERIOR) == one.superior_first else B


def test_the_plan_is_made_once_and_by_chance(tmp_path):
    given, rows, plan = planned(tmp_path, 1000, 100)
    assert 400 < len(plan) < 600  # half of the rows are set aside
    assert sum(one.picked for one in plan) == pytest.approx(100, abs=30)
    assert np.mean([one.superior_first for one in plan]) == pytest.approx(0.5, abs=0.08)
    assert sum(one.chance for one in plan) == pytest.approx(100, abs=10)
    by_id = {row.id: row for row in rows}
    tied = {one.chance for one in plan if auditing.loss_of(by_id[one.id]) == 0}
    named = {one.chance for one in plan if auditing.loss_of(by_id[one.id]) != 0}
    assert len(tied) == len(named) == 1 and named.pop() == pytest.approx(1.5 * tied.pop())
    # Another number changes nothing: chances are fixed before the votes
    assert auditing.make_plan(rows, given, 5, tmp_path) == plan == auditing.read_plan(tmp_path)
    order = [one.id for one in plan]
    assert order != sorted(order, key=lambda name: int(name[1:]))


def test_the_rows_left_to_training_set_the_chances_and_say_what_looks_hard(tmp_path):
    """A chance is a function of its row alone, whatever other rows are set aside."""
    told = []

    def looks_hard(left, chosen):
        told.append(({row.id for row in left}, {row.id for row in chosen}))
        return [np.array([int(row.id[1:]) % 10 for row in rows]) for rows in (chosen, left)]

    given, rows, _ = planned(tmp_path / "first", 1000, 100)
    plan = auditing.make_plan(rows, given, 100, tmp_path / "second", looks_hard=looks_hard)
    [(left, chosen)] = told
    assert not left & chosen and left | chosen == {row.id for row in rows}
    assert chosen == {one.id for one in plan}
    by_hardness = {int(one.id[1:]) % 10: one.chance for one in plan}
    assert by_hardness[9] < 0.5 * by_hardness[0]
    assert sum(one.picked for one in plan) == pytest.approx(100, abs=40)


def test_a_vote_is_one_that_01_reads(tmp_path):
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    for one, pair in audit.items:
        audit.record(one, right_verdict(one, pair), seconds=1.234)
    votes = list(sources.load_rows(str(tmp_path / auditing.VOTES), Vote))
    assert len(votes) == len(audit.items) > 10
    for vote, (one, pair) in zip(votes, audit.items, strict=True):
        assert vote.question_id == pair.id and vote.judge == "ada" and vote.seconds == 1.2
        assert {vote.model_a, vote.model_b} == {"inferior", "superior"}
        assert (vote.model_a == "superior") == one.superior_first
        winner = {"model_a": vote.model_a, "model_b": vote.model_b, "tie": TIE}[vote.winner]
        assert winner == pair.known[0]
        assert vote.conversation_a[-1].content == one.texts(pair)[0]
        assert vote.conversation_a[0].content == pair.prompt
    assert "complete" in audit.sentence


def test_it_is_stopped_and_resumed_and_shared(tmp_path):
    given, _, plan = planned(tmp_path)
    first = Audit(given, plan, tmp_path, "ada")
    (one, _), (two, _) = first.pending[:2]
    first.record(one, A)
    first.record(two, SKIP)
    second = Audit(given, auditing.read_plan(tmp_path), tmp_path, "bob")
    assert second.done == 2 and second.pending == first.pending
    assert "2 of" in second.sentence
    second.take_back(one)
    assert second.done == 2  # ada's verdict is not bob's to take back
    first.take_back(one)
    first.take_back(two)
    assert Audit(given, plan, tmp_path, "bob").done == 0


def test_a_second_verdict_takes_the_place_of_the_first(tmp_path):
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    one, _ = audit.pending[0]
    audit.record(one, A)
    audit.record(one, BOTH_BAD)
    assert sum(1 for _ in jsonl.read_values(tmp_path / auditing.VOTES)) == 1
    audit.record(one, SKIP)
    assert auditing.verdicts_in(tmp_path) == {one.digest: [1.0]}


def test_losses_are_those_of_people_and_a_skip_is_the_worst(tmp_path):
    given, rows, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    by_id = {pair.id: pair for pair in given}
    skipped = audit.pending[2][0].id
    for one, pair in audit.items[:-1]:
        audit.record(one, SKIP if one.id == skipped else right_verdict(one, pair))
    found = auditing.losses(rows, tmp_path)
    assert found.ids == [one.id for one in plan] and len(found) == len(plan)
    assert found.n_audited == len(audit.items) - 1
    for place, one in enumerate(plan):
        worth = {SUPERIOR: 1.0, TIE: 0.0, INFERIOR: -1.0}[by_id[one.id].known[0]]
        assert found.judged[place] == worth
        if one.id == skipped:
            assert found.audited[place] == 1.0
        elif one.picked and one.id != audit.items[-1][0].id:
            assert found.audited[place] == worth
        else:
            assert math.isnan(found.audited[place])


def test_several_people_are_averaged(tmp_path):
    given, rows, plan = planned(tmp_path)
    one, _ = Audit(given, plan, tmp_path, "ada").items[0]
    Audit(given, plan, tmp_path, "ada").record(one, A)
    Audit(given, plan, tmp_path, "bob").record(one, B)
    Audit(given, plan, tmp_path, "cyn").record(one, BOTH_GOOD)
    found = auditing.losses(rows, tmp_path)
    assert found.audited[found.ids.index(one.id)] == pytest.approx(0)
    assert found.n_audited == 1


def test_rows_of_the_plan_are_kept_from_training(tmp_path):
    _, rows, plan = planned(tmp_path)
    graded = LabelledPrompt(
        id=plan[0].id, prompt="x", label="ROUTE_TO_INFERIOR", p_superior=0, source="graded"
    )
    marked = auditing.with_audit([*rows, graded], tmp_path)
    aside = [row for row in marked if row.split == "calibration"]
    assert sorted(row.id for row in aside) == sorted(one.id for one in plan)
    assert marked[-1] is graded
    row = next(row for row in marked if row.audit and row.audit["picked"])
    assert row.audit["loss"] is None and 0 < row.audit["chance"] <= 1
    assert auditing.with_audit(rows, tmp_path / "none") == rows


def test_answers_that_changed_are_not_shown_nor_taken_for_the_old_ones(tmp_path):
    from dataclasses import replace

    given, _, plan = planned(tmp_path)
    changed = [replace(pair, superior=(pair.superior[0] + "!",)) for pair in given]
    audit = Audit(changed, plan, tmp_path, "ada")
    assert audit.items == [] and "no longer those of the plan" in audit.sentence


def test_a_stricter_promise_sends_people_to_the_easiest_prompts(tmp_path):
    given, rows, _ = planned(tmp_path / "first", 1000, 100)

    def looks_hard(left, chosen):
        return [np.array([int(row.id[1:]) % 10 for row in rows]) for rows in (chosen, left)]

    def hardest_to_easiest(epsilon):
        folder = tmp_path / str(epsilon)
        plan = auditing.make_plan(rows, given, 100, folder, looks_hard=looks_hard, epsilon=epsilon)
        chances = {int(one.id[1:]) % 10: one.chance for one in plan}
        return chances[9] / chances[0]

    assert hardest_to_easiest(0.02) < hardest_to_easiest(0.3)


def test_a_promise_that_cannot_be_made_is_refused_before_anything_is_planned(tmp_path):
    given, rows, _ = planned(tmp_path / "first")
    with pytest.raises(MetricError, match="epsilon = 5"):
        auditing.make_plan(rows, given, 10, tmp_path / "second", epsilon=5)
    assert not (tmp_path / "second" / auditing.PLAN).exists()


def test_what_was_not_picked_cannot_be_audited(tmp_path):
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    other = next(one for one in plan if not one.picked)
    with pytest.raises(AuditError, match="was not picked"):
        audit.record(other, A)
    with pytest.raises(AuditError, match="'C' is no verdict"):
        audit.record(audit.items[0][0], "C")
    with pytest.raises(AuditError, match="no judged rows"):
        auditing.make_plan([], given, 10, tmp_path / "new")


def test_foreign_files_are_told_by_line(tmp_path):
    (tmp_path / auditing.PLAN).write_text('{"id": "x"}\n')
    with pytest.raises(AuditError, match=r"audit_plan.jsonl, line 1: this is no plan"):
        auditing.read_plan(tmp_path)
    vote = {"question_id": 1, "model_a": "x", "model_b": "y", "winner": "tie"}
    (tmp_path / auditing.VOTES).write_text(json.dumps(vote) + "\n")
    with pytest.raises(AuditError, match=r"audit_votes.jsonl, line 1: this is no verdict"):
        auditing.verdicts_in(tmp_path)


# --- tables ---


def test_a_team_fills_in_a_table(tmp_path):
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    path = auditing.export_table(audit, tmp_path / "table.csv")
    text = path.read_text(encoding="utf-8-sig")
    assert "superior" not in text and "inferior" not in text
    lines = text.splitlines()
    assert len(lines) == len(audit.items) + 1
    words = ["A", "b", "Both good", "both bad ", "skip", ""]
    filled = [line + word for line, word in zip(lines[1:7], words, strict=True)]
    path.write_text("\n".join([lines[0], *filled]) + "\n")
    assert auditing.import_table(audit, path) == 5
    again = Audit(given, plan, tmp_path, "ada")
    assert again.done == 5
    assert len(list(jsonl.read_rows(tmp_path / auditing.VOTES, Vote))) == 4
    assert auditing.import_table(again, path) == 5 and again.done == 5


def test_the_letters_of_the_panel_are_verdicts_in_a_table_too(tmp_path):
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    letters = zip(audit.items[:5], "abgxs", strict=True)
    said = [f"{one.digest},p,a,b,{letter}" for (one, _), letter in letters]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["id,prompt,answer_a,answer_b,verdict", *said]))
    assert auditing.import_table(audit, table) == 5
    votes = list(jsonl.read_rows(tmp_path / auditing.VOTES, Vote))
    assert [vote.verdict for vote in votes] == ["A", "B", "both good", "both bad"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{id},p,a,b,maybe", r"line 2: the verdict 'maybe' is none; write A, B, both good"),
        ("beef,p,a,b,A", r"line 2: the id 'beef' is none of this audit's"),
        ("{id},p,a,b,A\n{id},p,a,b,B", "line 3: this pair has a verdict in line 2 already"),
    ],
)
def test_a_table_that_cannot_be_taken_changes_nothing(tmp_path, line, said):
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    table = tmp_path / "table.csv"
    table.write_text(
        "id,prompt,answer_a,answer_b,verdict\n" + line.format(id=audit.items[0][0].digest)
    )
    with pytest.raises(AuditError, match=said):
        auditing.import_table(audit, table)
    assert audit.done == 0 and not (tmp_path / auditing.VOTES).exists()
    table.write_text("id,prompt\n")
    with pytest.raises(TableError, match="'answer_a' is missing"):
        auditing.import_table(audit, table)


def test_no_id_of_a_table_is_a_number_to_a_spreadsheet(tmp_path):
    """12e3456789012345 would come back as 1.2E+3457, and 1234567890123456 with a nought at its
    end."""
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    path = auditing.export_table(audit, tmp_path / "table.csv")
    ids = [row["id"] for _, row in spreadsheets.read_spreadsheet(path, ("id",))]
    assert ids and all(name.startswith("pair-") for name in ids)


def test_a_table_is_written_and_read_at_one_place(tmp_path, monkeypatch):
    """Relative to the project, wherever the notebook runs."""
    monkeypatch.setattr(settings, "ROOT", tmp_path / "project")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    path = auditing.export_table(audit, "table.csv")
    assert path.parent == tmp_path / "project"
    assert auditing.import_table(audit, "table.csv") == 0


def test_a_cell_too_many_is_not_taken_for_a_verdict(tmp_path):
    """The comma in the prompt has put answer B under "verdict"."""
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    table = tmp_path / "table.csv"
    name = audit.items[0][0].digest
    table.write_text(f"id,prompt,answer_a,answer_b,verdict\n{name},which, then,a,b,B\n")
    with pytest.raises(TableError, match=r"line 2: 6 cells under 5 columns"):
        auditing.import_table(audit, table)
    assert audit.done == 0


def test_nothing_left_is_a_sentence(tmp_path):
    given, _, plan = planned(tmp_path)
    audit = Audit(given, plan, tmp_path, "ada")
    for one, _ in audit.items:
        audit.record(one, SKIP)
    with pytest.raises(AuditError, match="no pair left"):
        auditing.export_table(audit, tmp_path / "table.csv")


@pytest.mark.parametrize(
    "wrong",
    [{"chance": "x"}, {"chance": 0}, {"chance": 1.5}, {"picked": "yes"}, {"superior_first": 1},
     {"inferior_sample": -1}, {"superior_sample": "0"}],
)  # fmt: skip
def test_a_plan_with_a_value_that_cannot_be_is_told_with_its_line(tmp_path, wrong):
    pairs_and_plan(tmp_path)
    file = tmp_path / auditing.PLAN
    rows = [row for _, row in jsonl.read_values(file)]
    jsonl.write_rows(file, [rows[0], {**rows[1], **wrong}])
    with pytest.raises(AuditError, match="line 2: this is no plan of an audit"):
        auditing.read_plan(tmp_path)


def test_a_table_that_cannot_be_written_there_is_told(tmp_path):
    audit = audit_in(tmp_path)
    with pytest.raises(settings.Unwritable, match="is a folder"):
        auditing.export_table(audit, tmp_path)
    with pytest.raises(settings.Unwritable, match="is no folder"):
        auditing.export_table(audit, tmp_path / auditing.PLAN / "t.csv")
