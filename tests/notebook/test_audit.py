"""The audit panel without a browser: blind, escaped, by click or key, and on disk at once."""

import pytest
from audit_pairs import HOSTILE, audit_in, pairs_and_plan

from routerlib.answers import auditing
from routerlib.answers.auditing import Audit, AuditError
from routerlib.notebook import audit as audits
from routerlib.notebook.audit import AuditPanel
from routerlib.rows import jsonl
from routerlib.rows.schemas import Vote


@pytest.fixture
def panel(tmp_path):
    return AuditPanel(audit_in(tmp_path), least_seconds=0)


def votes(folder):
    path = folder / auditing.VOTES
    return list(jsonl.read_rows(path, Vote)) if path.exists() else []


def test_the_pair_on_show_hides_the_models_and_escapes_all(panel):
    page = panel._pair.value + panel.snapshot()
    assert "cheapo" not in page and "dearest" not in page
    assert "<script" not in page and "<img" not in page and "onerror" in page
    assert HOSTILE not in page


def test_each_button_wears_one_look(panel):
    """Two of them together were white text on white ground."""
    looks = {name: set(button._dom_classes) for name, button in panel.buttons.items()}
    assert all(len(look & {"rl-quiet", "rl-primary"}) == 1 for look in looks.values())
    assert {name for name, look in looks.items() if "rl-primary" in look} == {"A", "B"}


def test_a_click_writes_a_vote_and_shows_the_next_pair(panel, tmp_path):
    first = panel.current
    panel.buttons[auditing.A].click()
    (vote,) = votes(tmp_path)
    assert vote.winner == "model_a" and vote.question_id == first[0].id
    assert panel.current[0].id != first[0].id
    assert "1 of" in panel._progress.value


@pytest.mark.parametrize(
    ("key", "verdict"), [("a", "A"), ("B", "B"), ("g", "both good"), ("x", "both bad")]
)
def test_a_key_is_a_verdict(panel, tmp_path, key, verdict):
    panel.key.value = key
    (vote,) = votes(tmp_path)
    assert vote.verdict == verdict and panel.key.value == ""


def test_keys_that_came_too_fast_or_mean_nothing_are_told_off(panel, tmp_path):
    shown = panel.current
    for typed in ("ab", "q"):
        panel.key.value = typed
        assert typed in panel.message and panel.current == shown
    assert votes(tmp_path) == [] and panel.key.value == ""
    panel.key.value = "s"
    assert panel.message == "" and panel.current != shown and votes(tmp_path) == []


def test_a_double_click_is_one_verdict(tmp_path):
    panel = AuditPanel(audit_in(tmp_path), least_seconds=30)
    panel._shown_at -= 60
    panel.buttons[auditing.B].click()
    panel.buttons[auditing.B].click()
    assert len(votes(tmp_path)) == 1


def test_back_takes_a_verdict_back(panel, tmp_path):
    panel.back()
    assert "no verdict to take back" in panel.message
    shown = panel.current
    panel.say_verdict("A")
    panel.back()
    assert panel.current == shown and votes(tmp_path) == []
    panel.back()
    assert "no verdict to take back" in panel.message, "it was taken back already"
    panel.say_verdict("both bad")
    assert votes(tmp_path)[0].verdict == "both bad"


def test_it_goes_on_where_it_was_stopped_and_ends_with_a_sentence(tmp_path):
    panel = AuditPanel(audit_in(tmp_path), least_seconds=0)
    panel.say_verdict("A")
    after = panel.current
    panel = AuditPanel(audit_in(tmp_path), least_seconds=0)
    assert panel.current[0] == after[0]
    while panel.current:
        panel.say_verdict("skip")
    assert all(button.disabled for button in panel.buttons.values()) and panel.key.disabled
    assert "audit is complete" in panel._progress.value
    panel.say_verdict("A")
    assert len(votes(tmp_path)) == 1


def test_a_disk_that_fails_is_a_sentence_and_the_pair_stays(panel, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(jsonl.Writer, "append", fail)
    shown = panel.current
    panel.buttons[auditing.A].click()
    assert "No space left" in panel.message and panel.current == shown


def test_a_notebook_keeps_a_face_of_it(panel):
    bundle = panel._repr_mimebundle_()
    assert "prompt" in bundle["text/html"] and "<table>" in bundle["text/html"]


def test_the_audit_of_04s_outcomes_is_opened_in_one_call(tmp_path):
    given, rows, _ = pairs_and_plan(tmp_path / "plan")
    files = []
    for side in ("inferior", "superior"):
        path = tmp_path / f"{side}.jsonl"
        lines = [
            {
                "unique_id": pair.id,
                "problem": pair.prompt,
                "is_mcq": False,
                "answer_correct": "",
                "model": side,
                "responses": [{"full_response": getattr(pair, side)[0]}],
            }
            for pair in given
        ]
        jsonl.write_rows(path, lines)
        files.append(path)
    with pytest.raises(AuditError, match="no judged outcomes"):
        audits.open_audit(*files, tmp_path / "none.jsonl")
    jsonl.write_rows(tmp_path / "judged" / "outcomes.jsonl", rows)
    found = audits.open_audit(*files, tmp_path / "judged" / "outcomes.jsonl", 20, auditor="ada")
    assert isinstance(found, Audit) and found.items and found.folder == tmp_path / "judged"
