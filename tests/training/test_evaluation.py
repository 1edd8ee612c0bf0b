"""The whole study on made-up outcomes: all candidates, a choice, one table, a certificate, a saved folder."""

import numpy as np
import pytest
from tiny_encoder import rows, tiny_encoder

from routerlib.rows import jsonl
from routerlib.training import evaluation, examples, fine_tuning
from routerlib.training.router import Router


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    backbone = tiny_encoder(tmp_path_factory.mktemp("tiny"))
    made = examples.from_rows(map(examples.outcome_row, rows(500)))
    parts = evaluation.split_rows(made)
    recipe = fine_tuning.Recipe(str(backbone), epochs=2, learning_rate=3e-3, bf16=False)
    run = evaluation.fit(
        made.take(parts["train"]),
        made.take(parts["validation"]),
        backbone,
        [recipe],
        progress=False,
    )
    return made, parts, run


@pytest.fixture(scope="module")
def table(study):
    made, parts, run = study
    return evaluation.measure(
        made, [evaluation.score_test(run, made, parts["test"])], evaluation.BLEND, n=200
    )


def test_the_table_tells_a_signal_from_chance(table):
    by_name = {row["name"]: row for row in table}
    assert by_name["constant"]["apgr"] == pytest.approx(0.5)
    assert (
        by_name["blend"]["apgr_low"] > 0.5
        and by_name["blend"]["difference_low"] < by_name["blend"]["difference_high"]
    )
    assert [row["name"] for row in table if row["chosen"]] == ["blend"]
    assert set(evaluation.BASELINES) < set(by_name)


def test_a_constant_is_worth_nothing_over_tests_of_any_size(study):
    made, parts, run = study
    tests = [
        evaluation.score_test(run, made, parts["test"][at])
        for at in (slice(0, 41), slice(30, None))
    ]
    tests[1].after["constant"] = tests[1].after["constant"] * 0.9  # another split, another constant
    row = next(
        row
        for row in evaluation.measure(made, tests, evaluation.BLEND, n=50)
        if row["name"] == "constant"
    )
    assert (row["apgr"], row["cpt50"], row["auc"]) == pytest.approx((0.5, 0.5, 0.5))


def test_markdown_and_verdict_name_the_choice(table):
    assert "**blend** (chosen)" in evaluation.as_markdown(table)
    assert "blend" in evaluation.verdict(table)


def test_a_split_without_a_gap_is_part_of_the_whole_and_a_whole_without_one_has_no_figure(
    study, tmp_path, recwarn
):
    made, parts, run = study
    gain = made.superior[parts["test"]] - made.inferior[parts["test"]]
    flat = np.r_[
        np.flatnonzero(gain < 0)[:3], np.flatnonzero(gain > 0)[:3]
    ]  # as much lost as won: no gap
    whole, none = (
        evaluation.score_test(run, made, parts["test"][at]) for at in (slice(None), flat)
    )
    table = evaluation.measure(made, [whole, none], evaluation.BLEND, n=200)
    assert not any(
        np.isnan(value) for row in table for value in row.values() if isinstance(value, float)
    )
    table = evaluation.measure(made, [none], evaluation.BLEND, n=200)
    assert all(np.isnan(row["apgr"]) and np.isnan(row["cpt50"]) for row in table)
    shown = evaluation.as_markdown(table).replace(evaluation.NO_BREAK, " ")
    assert "– [–, –]" in shown and "nan" not in shown
    assert "no gap" in evaluation.verdict(table)
    assert jsonl.read_json(jsonl.write_json(tmp_path / "table.json", table))[0]["apgr"] is None
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


def test_a_winning_baseline_is_said_in_words(table):
    rows = [dict(row) for row in table]
    chosen = next(row for row in rows if row["chosen"])
    chosen |= {"difference": -0.1, "difference_low": -0.2, "difference_high": -0.01}
    assert evaluation.verdict(rows).startswith("A baseline wins")


def test_held_out_scores_come_from_fits_that_did_not_see_the_row(study):
    _, _, run = study
    encoder = run.candidates[evaluation.ENCODER].held_out
    assert (
        np.isnan(np.delete(encoder, run.validation)).all()
        and np.isfinite(encoder[run.validation]).all()
    )
    assert np.isfinite(run.candidates["kernel"].held_out).all()


def test_the_blend_scores_what_its_held_out_scores_promise(study):
    """On validation rows the refitted parts have seen the label, the encoder has not: close, not equal."""
    _, _, run = study
    blend = run.candidates[evaluation.BLEND]
    texts = [run.development.texts[i] for i in run.validation]
    categories = [run.development.categories[i] for i in run.validation]
    again = blend.router.score(texts, categories)
    assert np.corrcoef(again, blend.held_out[run.validation])[0, 1] > 0.8
    assert abs(again.mean() - blend.held_out[run.validation].mean()) < 0.05


def test_the_default_falls_only_to_clear_evidence(study):
    _, _, run = study
    name, why = evaluation.choose([run])
    assert name in run.candidates and name in why
    cheat = evaluation.Candidate(run.candidates["constant"].router, run.development.gain / 2 + 0.5)
    better = evaluation.Run(run.development, run.validation, {**run.candidates, "cheat": cheat})
    assert evaluation.choose([better])[0] == "cheat"


def test_certify_and_save(study, table, tmp_path):
    made, parts, run = study
    router = run.candidates[evaluation.BLEND].router
    found = evaluation.certify(router, made.take(parts["calibration"]), 0.2, 0.2, 0.001, 0.01)
    assert router.threshold == found.threshold and router.certificate["epsilon"] == 0.2
    assert router.curve[0]["cost_per_1000"] >= router.curve[-1]["cost_per_1000"] > 0
    folder = evaluation.save(router, "tiny", table, "made up", tmp_path / "r")
    read = Router.from_pretrained(folder)
    assert read.certificate == router.certificate and read.kind == "blend"
    assert "APGR" in (folder / "README.md").read_text()


def test_rows_of_weight_zero_are_kept_for_a_check():
    from routerlib.rows.schemas import LabelledPrompt

    graded = list(map(examples.outcome_row, rows(60)))
    people = [
        LabelledPrompt(
            id=str(n),
            prompt=f"name a colour {n}",
            label="ROUTE_TO_INFERIOR",
            p_superior=0.1 * n,
            source="human",
        )
        for n in range(8)
    ]
    made = examples.from_rows(graded + people, {"human": 0.0})
    parts = evaluation.split_rows(made)
    assert parts["unscored"].tolist() == list(range(60, 68))
    trained = evaluation.split_rows(examples.from_rows(graded + people, {"human": 1.0}))
    assert set(range(60, 68)) <= set(trained["train"].tolist()) and not len(trained["unscored"])
    assert not set(trained["test"]) & set(range(60, 68))


def test_a_prompt_that_was_learnt_is_no_check():
    from routerlib.rows.schemas import LabelledPrompt

    graded = list(map(examples.outcome_row, rows(60)))
    same = [
        LabelledPrompt(
            id=f"v{row.id}", prompt=row.prompt, label=row.label, p_superior=0.5, source="human"
        )
        for row in graded
    ]
    made = examples.from_rows(graded + same, {"human": 0.0})
    parts = evaluation.split_rows(made)
    seen = np.concatenate(
        [made.groups[parts[name]] for name in ("train", "validation", "calibration")]
    )
    assert len(parts["unscored"]) and not np.isin(made.groups[parts["unscored"]], seen).any()


def test_outcomes_are_read_gzipped_and_bad_lines_named(tmp_path):
    import gzip
    import json

    with gzip.open(tmp_path / "o.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(5))
    assert len(evaluation.read_outcomes(tmp_path / "o.jsonl.gz")) == 5
    jsonl.write_rows(tmp_path / "bad.jsonl", [*rows(2), {"prompt": "no scores"}])
    with pytest.raises(evaluation.RowError, match="line 3"):
        evaluation.read_outcomes(tmp_path / "bad.jsonl")


def test_the_loss_at_a_threshold_is_that_of_the_prompts_below_it(study):
    made, parts, _ = study
    test = made.take(parts["test"])
    score = np.arange(len(test)) / len(test)
    loss, low, high = evaluation.threshold_loss(score, test, 0.5)
    below = slice(0, -(-len(test) // 2))
    assert (
        loss == pytest.approx((test.superior[below] - test.inferior[below]).sum() / len(test))
        and low <= loss <= high
    )
    assert evaluation.threshold_loss(score, test, 0.0) == (0, 0, 0)
