"""Grading files: verdicts, rejects, hostile rows, intervals and outcomes."""

import asyncio
import gzip
import hashlib
import json
import os

import fsspec
import pytest
from fake_server import FakeServer, chat

from routerlib import settings
from routerlib.answers import grading
from routerlib.collecting import collection
from routerlib.errors import SettingError
from routerlib.notebook import plots
from routerlib.rows import jsonl, tables
from routerlib.rows.schemas import LabelledPrompt, Question, Responses

CHOICES = ["3", "4", "5"]


def mcq(key, outputs, model="m", category="sums", right=1, **more):
    return {
        "unique_id": key,
        "problem": f"What is 2+2, asked as {key}?",
        "is_mcq": True,
        "choices": CHOICES,
        "choice_index_correct": right,
        "answer_correct": CHOICES[right],
        "category": category,
        "model": model,
        "responses": [{"full_response": text, "finish_reason": "stop"} for text in outputs],
        **more,
    }


def open_ended(key, gold, outputs, **more):
    row = mcq(key, outputs, **more)
    return row | {
        "is_mcq": False,
        "choices": None,
        "choice_index_correct": None,
        "answer_correct": gold,
    }


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(source, target="", **more):
    return grading.grade(source, target, workers=1, progress=False, **more)


def verdicts(path):
    return [
        [sample.is_correct for sample in row.responses] for row in jsonl.read_rows(path, Responses)
    ]


def test_each_kind_of_question_is_graded_and_the_responses_stay(tmp_path):
    source = write(
        tmp_path / "responses" / "m_all.jsonl",
        [
            mcq("a", ["The answer is (B).", "B", " (A) 3", "4", "no idea"]),
            open_ended("b", r"\frac{1}{2}", [r"\boxed{0.5}", "The answer is 2."]),
            open_ended("c", "Thimphu", [" Thimphu", " Paris\n"]),
            open_ended("d", "3", [" three", " 3", " -3"], answer_alternatives=["three"]),
            open_ended("e", "85", []),
        ],
    )
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    result = run(source, tmp_path / "graded")
    assert result.files == [tmp_path / "graded" / "m_all.jsonl"] and (
        result.answers,
        result.lost,
    ) == (12, 0)
    assert verdicts(result.files[0]) == [
        [True, True, False, True, False],
        [True, False],
        [True, False],
        [True, True, False],
        [],
    ]
    first = next(jsonl.read_rows(result.files[0], Responses)).responses[0]
    assert (first.extracted_answer, first.extraction_rule, first.extraction_status) == (
        "B",
        "stated letter",
        "found",
    )
    assert run(source, tmp_path / "graded").files == result.files  # again, over what is there
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before


def test_bad_rows_go_to_a_rejects_file_with_line_and_field(tmp_path):
    good = mcq("a", ["B"])
    lines = [
        json.dumps(good),
        "{not json",
        json.dumps(mcq("b", ["B"], right=1) | {"choice_index_correct": 7}),
        json.dumps({name: value for name, value in good.items() if name != "problem"}),
        "",
        json.dumps(mcq("c", ["A"])),
    ]
    source = tmp_path / "r.jsonl"
    source.write_text("\n".join(lines) + "\n")
    result = run(source, tmp_path / "graded")
    rejects = [row for _, row in jsonl.read_values(tmp_path / "graded" / "r.rejects.jsonl")]
    assert [(row["line"], row["field"]) for row in rejects] == [
        (2, ""),
        (3, "choice_index_correct"),
        (4, "problem"),
    ]
    assert result.rejected == 3 and verdicts(result.files[0]) == [[True], [False]]
    write(source, [good])
    run(source, tmp_path / "graded")
    assert not (tmp_path / "graded" / "r.rejects.jsonl").exists()


def test_of_several_lines_for_a_question_the_last_counts(tmp_path):
    source = write(tmp_path / "r.jsonl", [mcq("a", ["A"]), mcq("b", ["B"]), mcq("a", ["A", "B"])])
    assert verdicts(run(source, tmp_path / "g").files[0]) == [[True], [False, True]]


def test_hostile_expressions_cost_only_themselves(tmp_path):
    hostile = [
        r"\boxed{9^{9^{9^{9}}}}",
        r"\boxed{10^{10^{10}}}",
        rf"\boxed{{{'7' * 10_000}}}",
        r"\boxed{" + "{" * 2_000,
        r"\boxed{" + "(" * 1_500 + "1" + ")" * 1_500 + "}",
        r"\boxed{(10^9)!}",
    ]
    outputs = [text for hard in hostile for text in (hard, r"\boxed{0.5}")]
    source = write(tmp_path / "r.jsonl", [open_ended("a", r"\frac{1}{2}", outputs)])
    result = run(source, tmp_path / "g", timeout=2.0)
    assert verdicts(result.files[0]) == [[False, True] * len(hostile)]
    assert result.answers == len(outputs)


def test_folders_and_defaults(tmp_path, outputs):
    for name in ("x.jsonl", "y.jsonl", "x.rejects.jsonl", "outcomes.jsonl"):
        write(outputs / "responses" / name, [mcq("a", ["B"], model=name)])
    write(outputs / "responses" / "just_begun.jsonl", [])
    result = run("")
    assert [path.name for path in result.files] == ["x.jsonl", "y.jsonl"]
    assert result.files[0].parent == outputs / "graded"
    assert [summary["model"] for summary in result.summaries] == ["x.jsonl", "y.jsonl"]


def test_input_that_is_not_there_or_would_be_overwritten(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing at"):
        run(tmp_path / "missing.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(grading.GradingError, match=r"no \.jsonl files"):
        run(tmp_path / "empty")
    with pytest.raises(grading.GradingError, match="no row that can be graded"):
        run(write(tmp_path / "empty" / "just_begun.jsonl", []))
    with pytest.raises(grading.GradingError, match=r"no \.jsonl files"):
        run(tmp_path / "empty")
    source = write(tmp_path / "r.jsonl", [mcq("a", ["B"])])
    with pytest.raises(grading.GradingError, match="responses file itself"):
        run(source, tmp_path)
    assert verdicts(source) == [[None]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\n\n", "no row that can be graded"),
        (b'{"unique_id": "a"}\n', "line 1: field problem"),
        (b"\x89PNG\x00\x01" * 900, "is a binary file"),
        (b"not json\n" * 500, "None of the first 100 rows"),
        (gzip.compress(json.dumps(mcq("a", ["B"])).encode() * 99)[:-20], "cut off"),
    ],
)
def test_what_cannot_be_graded_is_told_before_anything_is_written(tmp_path, data, words):
    write(tmp_path / "in" / "a.jsonl", [mcq("a", ["B"])])
    (tmp_path / "in" / "b.jsonl").write_bytes(data)
    for name in ("a.jsonl", "b.jsonl", "b.rejects.jsonl"):
        write(tmp_path / "graded" / name, [{"graded": "before"}])
    with pytest.raises(ValueError, match=words) as raised:
        run(tmp_path / "in", tmp_path / "graded")
    assert "b.jsonl" in str(raised.value)
    assert all(
        path.read_text() == '{"graded": "before"}\n' for path in (tmp_path / "graded").iterdir()
    )


def test_a_pipe_is_refused_since_it_gives_its_rows_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(grading.GradingError, match="neither a file nor a folder"):
        run(tmp_path / "pipe.jsonl")


def test_an_output_of_blanks_is_none(tmp_path, outputs):
    run(write(tmp_path / "x.jsonl", [mcq("a", ["B"])]), " ")
    assert (outputs / "graded" / "x.jsonl").exists()


def test_no_file_takes_the_place_of_another(tmp_path):
    write(tmp_path / "in" / "a.jsonl", [mcq("a", ["B"])])
    (tmp_path / "in" / "a.jsonl.gz").write_bytes(
        gzip.compress((tmp_path / "in" / "a.jsonl").read_bytes())
    )
    with pytest.raises(grading.GradingError, match=r"a\.jsonl would both be graded into"):
        run(tmp_path / "in", tmp_path / "graded")
    with pytest.raises(grading.GradingError, match="is a file, where a folder for 2"):
        run(tmp_path / "in", tmp_path / "graded.jsonl")
    (tmp_path / "note").write_text("mine")
    with pytest.raises(grading.GradingError, match="is a file, where a folder"):
        run(tmp_path / "in" / "a.jsonl", tmp_path / "note")
    rejects = write(tmp_path / "x.rejects.jsonl", [mcq("a", ["B"])])
    with pytest.raises(grading.GradingError, match="rows that cannot be graded"):
        run(rejects, tmp_path / "x.jsonl")
    assert rejects.exists() and (tmp_path / "note").read_text() == "mine"


def test_only_a_row_that_can_be_used_replaces_another(tmp_path):
    broken = mcq("a", ["A"], "one") | {"responses": "none"}
    path = write(tmp_path / "all.jsonl", [mcq("a", ["B"], "one"), broken])
    result = grading.grade(path, tmp_path / "g.jsonl", workers=1, progress=False)
    assert (result.superseded, result.rejected) == (0, 1)
    assert verdicts(tmp_path / "g.jsonl") == [[True]]


def test_a_row_without_its_model_is_of_the_model_that_the_file_is_named_after(tmp_path):
    unnamed = mcq("a", ["A"], "one")
    del unnamed["model"]
    path = write(tmp_path / "one.jsonl", [mcq("a", ["B"], "one"), mcq("b", ["B"], "one"), unnamed])
    result = grading.grade(path, tmp_path / "g.jsonl", workers=1, progress=False)
    assert result.superseded == 1 and verdicts(tmp_path / "g.jsonl") == [[True], [False]]


def test_models_in_one_file_stay_apart_and_replaced_rows_are_counted(tmp_path, capsys):
    rows = [mcq("a", ["B"], "one"), mcq("a", ["A"], "two"), mcq("a", ["B", "B"], "one")]
    result = grading.grade(write(tmp_path / "all.jsonl", rows), tmp_path / "g.jsonl.gz", workers=1)
    assert result.superseded == 1 and "1 rows gave way to a later one" in capsys.readouterr().out
    assert verdicts(tmp_path / "g.jsonl.gz") == [[False], [True, True]]
    assert [summary["model"] for summary in result.summaries] == ["two", "one"]


def test_names_out_of_a_file_cannot_steer_the_terminal(tmp_path, capsys):
    row = mcq("a", ["B"], "m\x1b[2J\nwins", category="\x1b]0;mine\x07sums")
    grading.grade(write(tmp_path / "r.jsonl", [row]), tmp_path / "g.jsonl", workers=1)
    said = capsys.readouterr().out
    assert "m�[2J�wins: 100.0%" in said and "�sums" in said and "\x1b" not in said


def test_summary_of_k_samples(tmp_path):
    rows = [
        mcq("a", ["B", "B", "A", "C"]),
        mcq("b", ["A", "A", "B", "hm"], category="other"),
        mcq("c", []),
    ]
    (summary,) = run(write(tmp_path / "r.jsonl", rows), tmp_path / "g").summaries
    assert (summary["questions"], summary["without_samples"], summary["k"]) == (2, 1, 4)
    assert summary["accuracy"]["value"] == pytest.approx((0.5 + 0.25) / 2)
    assert summary["pass_at_k"]["value"] == 1.0
    assert summary["majority_vote"]["value"] == 0.5
    assert summary["none"]["value"] == pytest.approx(1 / 8)
    assert [group["category"] for group in summary["categories"]] == ["other", "sums"]
    assert summary["accuracy"]["low"] < 0.375 < summary["accuracy"]["high"]
    assert "37.5%" in grading.summary_sentence(summary)


def test_intervals_cover_and_narrow_with_samples():
    coin = grading.estimate([1.0] * 50 + [0.0] * 50)
    assert (coin["low"], coin["high"]) == pytest.approx((0.4038, 0.5962), abs=1e-3)
    shares = grading.estimate([0.4, 0.6] * 50)
    assert coin["high"] - coin["low"] > shares["high"] - shares["low"] > 0
    assert grading.estimate([1.0] * 20)["low"] == pytest.approx(0.8389, abs=1e-3)


def test_outcomes_join_two_models(tmp_path):
    cheap = [
        mcq("a", ["B", "A"], "cheap"),
        mcq("b", ["B"], "cheap"),
        mcq("x", ["B"], "cheap"),
        mcq("n", [], "cheap"),
    ]
    dear = [
        mcq("a", ["B", "B"], "dear"),
        mcq("b", ["A"], "dear"),
        mcq("y", ["B"], "dear"),
        mcq("n", ["B"], "dear"),
    ]
    other = mcq("o", ["B"], "dear")
    cheap.append(mcq("o", ["B"], "cheap"))
    dear.append(other | {"problem": "another question"})
    write(tmp_path / "r" / "cheap.jsonl", cheap)
    write(tmp_path / "r" / "dear.jsonl", dear)
    result = run(tmp_path / "r", tmp_path / "g")
    rows, counts = grading.join_outcomes(*result.files, tmp_path / "g" / "outcomes.jsonl")
    by_id = {row.id: row for row in rows}
    assert set(by_id) == {"a", "b"}
    # A tie is the cheap model's
    assert by_id["a"].p_superior == pytest.approx(0.5) and by_id["a"].label == "ROUTE_TO_INFERIOR"
    assert (by_id["b"].inferior_score, by_id["b"].superior_score, by_id["b"].p_superior) == (
        1.0,
        0.0,
        0.0,
    )
    assert "(B) 4" in by_id["a"].prompt
    expected = {
        "joined": 2,
        "only_inferior": 1,
        "only_superior": 1,
        "without_samples": 1,
        "different_questions": 1,
    }
    assert {name: counts[name] for name in expected} == expected
    assert (counts["both_right"], counts["only_superior_right"], counts["only_inferior_right"]) == (
        0.5,
        0.5,
        1.0,
    )
    assert len(list(jsonl.read_rows(tmp_path / "g" / "outcomes.jsonl", LabelledPrompt))) == 2
    assert "25.0% of the questions only the superior" in grading.gain_sentence(counts)
    assert grading.graded_files_of(result.files, "dear") == [tmp_path / "g" / "dear.jsonl"]


def test_outcomes_need_grades_and_a_common_question(tmp_path):
    ungraded = write(tmp_path / "u.jsonl", [mcq("a", ["B"])])
    with pytest.raises(grading.GradingError, match="no grades yet"):
        grading.join_outcomes(ungraded, ungraded)
    graded = run(write(tmp_path / "r.jsonl", [mcq("z", ["B"])]), tmp_path / "g").files[0]
    more = run(write(tmp_path / "s.jsonl", [mcq("y", ["B"])]), tmp_path / "g").files[0]
    with pytest.raises(grading.GradingError, match="No question was answered by both"):
        grading.join_outcomes(graded, more)


def test_which_model_is_which():
    weak, strong = (
        {"model": "s", "accuracy": {"value": 0.2}},
        {"model": "t", "accuracy": {"value": 0.6}},
    )
    assert grading.choose_pair([strong, weak]) == (weak, strong)
    assert grading.choose_pair([strong, weak], inferior="t") == (strong, weak)
    assert grading.choose_pair([strong, weak], superior="s") == (strong, weak)
    with pytest.raises(grading.GradingError, match="1 models were graded"):
        grading.choose_pair([weak])
    with pytest.raises(grading.GradingError, match="'u'"):
        grading.choose_pair([weak, strong], inferior="u")
    with pytest.raises(grading.GradingError, match="are both 't'"):
        grading.choose_pair([weak, strong], "t", "t")


def test_figures_show_both_models(tmp_path):
    rows = [
        mcq("a", ["B"], "cheap"),
        mcq("b", ["A"], "cheap", "other"),
        mcq("a", ["B"], "dear"),
        mcq("b", ["B"], "dear", "other"),
    ]
    write(tmp_path / "r" / "c.jsonl", rows[:2])
    write(tmp_path / "r" / "d.jsonl", rows[2:])
    result = run(tmp_path / "r", tmp_path / "g")
    said = grading.gap_sentence(*grading.choose_pair(result.summaries))
    assert (
        said == "dear is right 50.0 points more often than cheap: most in other (+100.0), least in "
        "sums (+0.0)."
    )
    axes = plots.accuracy_by_category(*grading.choose_pair(result.summaries)).axes[0]
    assert sorted(label.get_text() for label in axes.get_yticklabels()) == ["other (1)", "sums (1)"]
    assert [x for bars in axes.containers for x in bars.lines[0].get_xdata()] == [
        0.0,
        1.0,
        1.0,
        1.0,
    ]
    _, counts = grading.join_outcomes(*result.files)
    texts = [text.get_text() for text in plots.who_is_right(counts).axes[0].texts]
    assert [text.split("\n")[0] for text in texts] == ["50.0%", "50.0%", "0.0%", "0.0%"]
    assert len(plots.answers_read(result.summaries).axes[0].patches) >= 2


def summary_of(model, accuracy, none=0.0, ambiguous=0.0, n=1000):
    """A summary as `summarise` makes it, of so many questions with one sample each."""
    shares = {
        "accuracy": accuracy,
        "none": none,
        "ambiguous": ambiguous,
        "unread": none + ambiguous,
        "truncated": 0.0,
    }
    flags = {name: [1.0] * round(n * p) + [0.0] * round(n * (1 - p)) for name, p in shares.items()}
    return {"model": model} | {name: grading.estimate(values) for name, values in flags.items()}


def test_how_much_of_the_gap_could_be_reading():
    cheap, dear = summary_of("cheap", 0.5, none=0.1, ambiguous=0.02), summary_of("dear", 0.6, 0.01)
    found = grading.reading_gap(cheap, dear)
    assert found["gap"] == pytest.approx(0.1)
    assert found["narrowest"] == pytest.approx(0.1 - 0.12)  # cheap's unread outputs all right
    assert found["widest"] == pytest.approx(0.1 + 0.01)  # dear's unread outputs all right
    assert found["unread"] == (pytest.approx(0.12), pytest.approx(0.01))
    difference = found["difference"]
    assert difference["value"] == pytest.approx(0.11)
    assert (difference["low"], difference["high"]) == pytest.approx((0.0889, 0.1321), abs=5e-3)
    assert found["differ"]
    said = grading.reading_sentence(cheap, dear)
    assert "12.0% of the outputs of cheap (no answer 10.0%, ambiguous 2.0%; cut off 0.0%)" in said
    assert (
        "anything from -2.0 to 11.0" in said and "cheap is read less often by 11.0 points" in said
    )


def test_models_that_are_read_alike_are_said_not_to_differ():
    cheap, dear = summary_of("cheap", 0.5, none=0.02), summary_of("dear", 0.6, none=0.015)
    assert not grading.reading_gap(cheap, dear)["differ"]
    assert "do not differ measurably" in grading.reading_sentence(cheap, dear)
    worse = summary_of("dear", 0.6, none=0.1)
    assert grading.reading_gap(cheap, worse)["differ"]
    assert "dear is read less often by 8.0 points" in grading.reading_sentence(cheap, worse)


def test_a_summary_counts_what_was_not_read(tmp_path):
    rows = [mcq("a", ["B", "no idea", "The answer is (A) or (B).", "B"])]
    (summary,) = run(write(tmp_path / "r.jsonl", rows), tmp_path / "g").summaries
    shares = {name: summary[name]["value"] for name in ("none", "ambiguous", "unread")}
    assert shares == {"none": 0.25, "ambiguous": 0.25, "unread": 0.5}


# How servers and files tell that an answer was cut off, and that it ended.
CUT_OFF = ["length", "MAX_TOKENS", {"type": "length", "length": 9}, ["model_length"], "LIMIT"]
ENDED = ["stop", "eos_token", {"type": "stop", "matched": 2}, "FinishReason.STOP", None, 0]


@pytest.mark.parametrize("told", [*CUT_OFF, *ENDED], ids=str)
def test_why_an_answer_ended_is_read_alike_from_a_server_and_from_a_file(told, outputs):
    async def collected():
        async with FakeServer(lambda *_: (200, {}, chat("The answer is 4.", told))) as server:
            asked = [Question(unique_id="q", question="2 + 2?", answer_correct="4")]
            return await collection.collect(
                asked, "m", server.base_url, k_responses=1, endpoint="chat", progress=False
            )

    summary = asyncio.run(collected())
    (ours,) = collection.read_responses(summary.path)
    theirs = outputs / "theirs.jsonl"
    row = ours.model_dump() | {"responses": [{"full_response": "The answer is 4."}]}
    row["responses"][0]["finish_reason"] = told
    write(theirs, [row])
    for path in (summary.path, theirs):
        target = outputs / "graded.jsonl"
        run(path, target)
        (graded,) = collection.read_responses(target)
        assert graded.responses[0].is_correct is (told not in CUT_OFF)
        assert graded.responses[0].truncated is (told in CUT_OFF)
        assert graded.responses[0].finish_reason == ours.responses[0].finish_reason
        target.unlink()


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_responses_and_grades_may_be_tables_or_at_addresses(tmp_path, outputs, ending):
    rows = [mcq("a", ["The answer is (B)", "(A)"]), open_ended("b", "7", [r"\boxed{7}"])]
    write(tmp_path / "m.jsonl", rows)
    run(tmp_path / "m.jsonl", tmp_path / "graded.jsonl")
    address = f"memory://bucket/m.{ending}"
    tables.put((value for _, value in jsonl.read_values(tmp_path / "m.jsonl")), address)
    for output in (f"memory://bucket/graded/g.{ending}", str(tmp_path / f"g.{ending}")):
        run(address, output)
        graded = tables.as_lines(output).read_bytes()
        assert graded == (tmp_path / "graded.jsonl").read_bytes()
    run(address, "memory://bucket/folder")
    assert fsspec.filesystem("memory").exists("/bucket/folder/m.jsonl")
    fsspec.filesystem("memory").rm("/bucket", recursive=True)


@pytest.mark.parametrize("name", ["x.txt", "graded.csv", "graded.json"])
def test_an_output_that_is_meant_as_another_kind_of_file_is_no_folder(outputs, tmp_path, name):
    with pytest.raises(SettingError, match=r"OUTPUT is .*\.jsonl"):
        grading.grade(output=tmp_path / name, workers=1, progress=False)
    assert not list(tmp_path.glob("*.*"))


def test_an_output_below_a_file_is_a_sentence(outputs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(settings.Unwritable, match="file is no folder"):
        grading.grade(output=tmp_path / "file" / "graded", workers=1, progress=False)
