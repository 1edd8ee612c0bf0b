"""The viewer of graded outputs: what a selection holds, and that nothing a model wrote gets into
the page.
"""

import json

import pytest

from routerlib.notebook import viewer


def row(key, model, correct, rule="stated letter", status="found", text="B", category="sums"):
    return {
        "unique_id": key,
        "problem": "What is 2+2? <script>alert(1)</script>",
        "is_mcq": True,
        "choices": ["3", "4 <b>"],
        "choice_index_correct": 1,
        "answer_correct": "4",
        "category": category,
        "model": model,
        "responses": [
            {
                "full_response": text,
                "extracted_answer": "B" if correct else None,
                "is_correct": correct,
                "extraction_rule": rule,
                "extraction_status": status,
                "truncated": status == "none",
            }
        ],
    }


@pytest.fixture
def files(tmp_path):
    sides = {
        "cheap": [
            row("a", "cheap", True),
            row("b", "cheap", False, "cut off", "none"),
            row("c", "cheap", True, category="x"),
        ],
        "dear": [
            row("a", "dear", True),
            row("b", "dear", True),
            row("c", "dear", False, "lone letter", "ambiguous", "x"),
        ],
    }
    paths = []
    for name, rows in sides.items():
        paths.append(tmp_path / f"{name}.jsonl")
        paths[-1].write_text("".join(json.dumps(value) + "\n" for value in rows))
    return paths


def ids(outputs):
    return [(output.row.unique_id, output.row.model) for output in outputs]


def test_selection_by_category_rule_and_verdict(files):
    outputs = viewer.read_outputs(files)
    assert len(viewer.select(outputs)) == 6
    assert ids(viewer.select(outputs, category="x")) == [("c", "cheap")]
    assert ids(viewer.select(outputs, rule="lone letter")) == [("c", "dear")]
    assert ids(viewer.select(outputs, verdict="wrong")) == [("b", "cheap"), ("c", "dear")]
    assert (
        ids(viewer.select(outputs, verdict="no answer"))
        == ids(viewer.select(outputs, verdict="truncated"))
        == [("b", "cheap")]
    )
    assert ids(viewer.select(outputs, verdict="ambiguous")) == [("c", "dear")]
    assert ids(viewer.select(outputs, verdict="only superior right", superior="dear")) == [
        ("b", "cheap"),
        ("b", "dear"),
    ]
    assert ids(viewer.select(outputs, verdict="only inferior right")) == [
        ("c", "cheap"),
        ("c", "dear"),
    ]
    assert len(viewer.select(outputs, verdict="models disagree")) == 4
    assert len(viewer.read_outputs(files, limit=2)) == 2


def test_everything_in_a_card_is_escaped(tmp_path):
    nasty = '<img src=x onerror=alert(1)> & "quotes" </div>'
    path = tmp_path / "g.jsonl"
    path.write_text(json.dumps(row("<i>", nasty, True, rule=nasty, text=nasty, category=nasty)))
    page = viewer.card(viewer.read_outputs([path])[0])
    assert "<img" not in page and "<script" not in page and "<i>&lt;img" in page
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;quotes&quot; &lt;/div&gt;" in page
    assert "B (4 &lt;b&gt;)" in page


def test_the_widget_follows_its_controls(files):
    view = viewer.OutputViewer(files, superior="dear")
    assert view.count.value == "1 of 6"
    view.on.click()
    assert (view.place, view.count.value) == (1, "2 of 6")
    view.back.click()
    view.back.click()
    assert view.place == 5
    view.verdict.value = "only superior right"
    assert (view.place, len(view.shown)) == (0, 2) and "cut off" in view.view.value
    view.rule.value = "lone letter"
    assert (view.shown, view.count.value, view.view.value) == ([], "no such output", "")
    view.on.click()
