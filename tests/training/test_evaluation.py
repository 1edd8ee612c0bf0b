"""The comparison on test rows.

Exact figures on rows made for them, and the words that go with them.
"""

from dataclasses import replace

import numpy as np
import pytest
from small_router import small_router

from routerlib.errors import SettingError
from routerlib.rows import jsonl
from routerlib.stats import metrics
from routerlib.stats.calibration import Calibration, sigmoid
from routerlib.training import candidates, evaluation, examples
from routerlib.training.router import Router
from routerlib.training.scorers import Random, Scorer


def graded(number, seed=0):
    """Random outcomes whose true need of the superior model is known; (examples, need)."""
    rng = np.random.default_rng(seed)
    need = rng.random(number)
    inferior = (rng.random(number) < 0.9 - 0.8 * need).astype(float)
    superior = (rng.random(number) < 0.85).astype(float)
    rows = examples.Examples(
        texts=[f"prompt {n}" for n in range(number)],
        categories=[("sums", "facts")[n % 2] for n in range(number)],
        p_superior=superior * (1 - inferior),
        inferior=inferior,
        superior=superior,
        weights=np.ones(number),
        sources=["graded"] * number,
        groups=np.arange(number),
        splits=[""] * number,
    )
    return rows, need


def scored(rows, index, **scores):
    """Test rows with scores by candidate's name ("_" stands for a space).

    Calibrated as they are.
    """
    named = {name.replace("_", " "): np.asarray(score)[index] for name, score in scores.items()}
    return evaluation.Tested(np.asarray(index), named, dict(named))


@pytest.fixture(scope="module")
def study():
    rows, need = graded(400)
    rng = np.random.default_rng(1)
    scores = {
        "kernel": need,
        "constant": np.full(400, 0.3),
        "TF-IDF_+_ridge": np.clip(need + rng.normal(size=400) * 0.4, 0, 1),
        "random": rng.random(400),
    }
    return rows, scores, scored(rows, np.arange(400), **scores)


@pytest.fixture(scope="module")
def table(study):
    rows, _, test = study
    return evaluation.compare(rows, [test], "kernel", n=300)


def test_the_table_holds_the_metrics_of_each_candidate(study, table):
    rows, scores, _ = study
    for row in table:
        score = scores[row.name.replace(" ", "_")]
        both = (rows.inferior, rows.superior)
        assert row.apgr == pytest.approx(metrics.apgr(score, *both))
        assert row.cpt50 == pytest.approx(metrics.cpt(score, *both, 0.5))
        assert row.cpt80 == pytest.approx(metrics.cpt(score, *both, 0.8))
        assert row.auc == pytest.approx(metrics.auc(score, rows.p_superior))
        assert row.brier == pytest.approx(metrics.brier(score, rows.p_superior))
        assert row.log_loss == pytest.approx(metrics.log_loss(score, rows.p_superior))
        assert row.ece == row.ece_before == pytest.approx(metrics.ece(score, rows.p_superior))
        assert row.ece_by_chance == metrics.ece_by_chance(score, n=100)
    assert [row.apgr for row in table] == sorted((row.apgr for row in table), reverse=True)
    assert [row.name for row in table if row.chosen] == ["kernel"]


def test_intervals_are_those_of_a_bootstrap(study, table):
    rows, scores, _ = study
    both = (rows.inferior, rows.superior)
    first = table[0]
    low, high = metrics.bootstrap(metrics.apgr, scores["kernel"], *both, n=2000)
    assert (first.apgr_low, first.apgr_high) == pytest.approx((low, high), abs=0.03)
    assert first.best_baseline == "TF-IDF + ridge"
    rival = scores["TF-IDF_+_ridge"]
    gained, low, high = metrics.paired_difference(metrics.apgr, scores["kernel"], rival, *both)
    assert first.difference == pytest.approx(gained)
    assert (first.difference_low, first.difference_high) == pytest.approx((low, high), abs=0.03)
    own = next(row for row in table if row.name == "TF-IDF + ridge")
    assert (own.difference, own.difference_low, own.difference_high) == (0, 0, 0)


def test_random_is_no_rival_and_may_be_absent(study):
    rows, scores, _ = study
    lucky = scored(rows, np.arange(400), random=(rows.gain + 1) / 2, constant=scores["constant"])
    assert {row.best_baseline for row in evaluation.compare(rows, [lucky], "random", n=20)} == {
        "constant"
    }


def test_a_constant_is_worth_nothing_over_tests_of_any_size(study):
    rows, scores, _ = study
    one = scored(rows, np.arange(0, 41), constant=scores["constant"])
    other = scored(rows, np.arange(30, 400), constant=scores["constant"] * 0.9)
    (row,) = evaluation.compare(rows, [one, other], "constant", n=50)
    assert (row.apgr, row.cpt50, row.auc) == pytest.approx((0.5, 0.5, 0.5))


def test_each_test_is_ranked_within_itself(study):
    """A second test whose scores lie all above the first's changes no ranking."""
    rows, scores, _ = study
    half = np.arange(200), np.arange(200, 400)
    plain = [scored(rows, at, kernel=scores["kernel"], constant=scores["constant"]) for at in half]
    moved = [plain[0], replace(plain[1], after=dict(plain[1].after))]
    moved[1].after["kernel"] = sigmoid(plain[1].after["kernel"]) / 2 + 0.5
    first, second = (evaluation.compare(rows, tests, "kernel", n=50)[0] for tests in (plain, moved))
    assert (first.apgr, first.cpt50, first.auc) == (second.apgr, second.cpt50, second.auc)
    areas = np.sum([metrics.apgr_parts(scores["kernel"][at], rows.inferior[at], rows.superior[at])
                    for at in half], axis=0)  # fmt: skip
    assert first.apgr == pytest.approx(float((areas[0] / areas[1])[0]))


def test_a_row_that_two_splits_test_is_one_row_to_the_interval(study):
    rows, _, test = study
    once = evaluation.compare(rows, [test], "kernel", n=200)[0]
    twice = evaluation.compare(rows, [test, test], "kernel", n=200)[0]
    assert (twice.apgr_low, twice.apgr_high) == pytest.approx((once.apgr_low, once.apgr_high))


def test_a_whole_without_a_gap_has_no_figure_and_a_part_without_one_does_no_harm(
    study, tmp_path, recwarn
):
    rows, scores, _ = study
    flat = np.r_[np.flatnonzero(rows.gain < 0)[:3], np.flatnonzero(rows.gain > 0)[:3]]
    named = {"kernel": scores["kernel"], "constant": scores["constant"]}
    none, whole = scored(rows, flat, **named), scored(rows, np.arange(400), **named)
    for row in evaluation.compare(rows, [whole, none], "kernel", n=100):
        assert np.isfinite([row.apgr, row.apgr_low, row.difference_high, row.cpt80]).all()
    table = evaluation.compare(rows, [none], "kernel", n=100)
    assert all(np.isnan(row.apgr) and np.isnan(row.cpt50) for row in table)
    shown = evaluation.as_markdown(table).replace(evaluation.NO_BREAK, " ")
    assert "– [–, –]" in shown and "nan" not in shown
    assert "no gap" in evaluation.verdict(table)
    written = jsonl.write_json(tmp_path / "table.json", [row.to_dict() for row in table])
    assert jsonl.read_json(written)[0]["apgr"] is None
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


# --- in words ---

ROW = evaluation.Compared(
    "kernel", True, 0.61234, 0.55, 0.66, "constant", 0.1, 0.05, 0.15,
    0.4, 0.75, 0.7, 0.2, 0.6, 0.031, 0.05, 0.03,
)  # fmt: skip
OTHER = replace(ROW, name="constant", chosen=False, difference=0.0)


def test_the_table_in_markdown():
    shown = evaluation.as_markdown([OTHER, ROW]).replace(evaluation.NO_BREAK, " ").splitlines()
    assert shown[0] == (
        "| router | APGR | above best baseline | CPT 50 % | CPT 80 % | AUC | Brier | ECE |"
    )
    assert shown[1].count("|") == shown[0].count("|") == shown[3].count("|")
    assert shown[2].startswith("| constant | 0.612")
    assert shown[3] == (
        "| **kernel** (chosen) | 0.612 [0.550, 0.660] | +0.100 [+0.050, +0.150] "
        "| 0.40 | 0.75 | 0.700 | 0.200 | 0.031 |"
    )
    assert f"0.612{evaluation.NO_BREAK}[" in evaluation.as_markdown([ROW])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "The kernel beats the best baseline, constant, by +0.100 APGR (95 % interval +0.050"),
        ({"difference_low": -0.01}, "The kernel is above the best baseline, constant, by +0.100"),
        ({"difference_low": 0.0}, "two cannot be told apart"),
        (
            {"difference": -0.02, "difference_low": -0.1, "difference_high": 0.01},
            "The kernel is below the best baseline",
        ),
        (
            {"difference": -0.1, "difference_low": -0.2, "difference_high": -0.01},
            "A baseline wins: constant is better than the kernel, whose difference is -0.100",
        ),
        ({"difference_low": -0.2, "difference_high": 0.0}, "cannot be told apart"),
        ({"best_baseline": "kernel"}, "The best baseline, kernel, is itself the choice"),
        ({"apgr": float("nan")}, "no gap to recover"),
    ],
)
def test_the_verdict_says_what_the_interval_allows(change, said):
    assert said in evaluation.verdict([OTHER, replace(ROW, **change)])


# --- scoring, and the checks beside the table ---


class Length(Scorer):
    """The share of a hundred characters, more where the category is sums."""

    kind = "length"

    def fit(self, examples):
        return self

    def score(self, texts, categories=None):
        extra = [0.1 * (name == "sums") for name in categories or [""] * len(texts)]
        return np.array([len(text) / 100 for text in texts]) + extra


def router(line=None):
    return Router("length", Length(), line or Calibration("none"))


def test_test_rows_are_scored_before_and_after_calibration(study):
    rows, _, _ = study
    line = Calibration("platt", 2.0, -1.0, logit=True)
    run = candidates.Fitted(rows, np.arange(3))
    run.candidates["length"] = candidates.Candidate(router(line), np.zeros(400))
    for use, extra in ((True, 0.1), (False, 0.0)):
        found = evaluation.score_test(run, rows, [2, 3], use)
        assert found.index.tolist() == [2, 3]
        assert found.before["length"] == pytest.approx([0.08 + extra, 0.08])
        assert found.after["length"] == pytest.approx(line(found.before["length"]))


def test_certify_sets_threshold_certificate_and_curve(study):
    rows, need = study[0], study[1]["kernel"]
    known = dict(zip(rows.texts, need, strict=True))
    scorer = Length()
    scorer.score = lambda texts, categories=None: np.array([known[text] for text in texts])
    made = Router("known", scorer)
    found = evaluation.certify(made, rows, 0.15, 0.2, inferior_cost=0.001, superior_cost=0.01)
    assert found.certified and (found.epsilon, found.delta) == (0.15, 0.2)
    assert found.n_calibration == 400
    assert made.threshold == found.threshold and made.certificate == found.to_dict()
    assert made.curve[0]["cost_per_1000"] == pytest.approx(10)
    assert made.curve[-1]["cost_per_1000"] == pytest.approx(1)


def test_certify_gives_the_category_only_where_asked(study):
    rows, _, _ = study
    for use, highest in ((True, 0.2), (False, 0.1)):
        made = router()
        evaluation.certify(made, rows, 0.2, 0.2, use_categories=use)
        assert max(row["threshold"] for row in made.curve) == pytest.approx(highest)


def test_certify_reads_a_file_of_outcomes(study, tmp_path):
    rows, _, _ = study
    path = jsonl.write_rows(
        tmp_path / "o.jsonl",
        [
            {"prompt": text, "inferior_score": low, "superior_score": high}
            for text, low, high in zip(rows.texts, rows.inferior, rows.superior, strict=True)
        ],
    )
    assert path == 400
    assert evaluation.certify(router(), tmp_path / "o.jsonl").n_calibration == 400


def test_agreement_with_people_is_counted_and_said(study):
    texts = ["x" * n for n in (10, 20, 50, 90)]
    rows = replace(study[0].take([0, 1, 2, 3]), texts=texts, p_superior=np.array([0, 0.2, 0.4, 1]))
    found, sentence = evaluation.on_people(router(), rows)
    p = np.array([0.1, 0.2, 0.5, 0.9])  # one half says superior
    assert found["rows"] == 4 and found["agreement"] == 0.75
    assert found["auc"] == metrics.auc(p, rows.p_superior)
    assert found["brier"] == pytest.approx(metrics.brier(p, rows.p_superior))
    assert found["correlation"] == pytest.approx(np.corrcoef(p, rows.p_superior)[0, 1])
    assert sentence.startswith("On 4 questions that votes have labelled")


def test_a_router_that_knows_nothing_of_people_does_not_tell(study):
    rows = study[0]
    blind = Router("random", Random())
    found, sentence = evaluation.on_people(blind, rows)
    assert found["auc_low"] < 0.5 < found["auc_high"] and "does not tell apart" in sentence
    known = dict(zip(rows.texts, rows.p_superior, strict=True))
    clever = Length()
    clever.score = lambda texts, categories=None: np.array([known[text] for text in texts])
    found, sentence = evaluation.on_people(Router("clever", clever), rows)
    assert found["auc_low"] > 0.5 and "the router tells apart" in sentence
    flat = replace(rows, p_superior=np.full(len(rows), 0.5))
    assert evaluation.on_people(blind, flat)[0]["correlation"] == 0.0
    same = replace(rows, texts=["same"] * len(rows))
    assert evaluation.on_people(router(), same)[0]["correlation"] == 0.0


def test_accuracies_of_both_models_with_intervals(study):
    rows = study[0]
    found = evaluation.accuracies(rows)
    for side, values in (("inferior", rows.inferior), ("superior", rows.superior)):
        figure = found[side]["accuracy"]
        assert figure["value"] == pytest.approx(values.mean())
        assert (figure["low"], figure["high"]) == metrics.bootstrap(np.mean, values)


def test_the_loss_at_a_threshold_is_that_of_the_prompts_below_it(study):
    rows = study[0]
    score = np.arange(400) / 400
    loss, low, high = evaluation.threshold_loss(score, rows, 0.5)
    assert loss == pytest.approx(rows.gain[:200].sum() / 400)
    assert low < loss < high
    assert evaluation.threshold_loss(score, rows, 0.0) == (0, 0, 0)


def test_results_by_category(study):
    rows, scores, _ = study
    facts, sums = evaluation.by_category(scores["kernel"], rows)
    assert (facts.category, sums.category, facts.rows, sums.rows) == ("facts", "sums", 200, 200)
    odd = np.arange(1, 400, 2)
    assert facts.inferior == pytest.approx(rows.inferior[odd].mean())
    assert facts.superior == pytest.approx(rows.superior[odd].mean())
    assert facts.p_superior == pytest.approx(scores["kernel"][odd].mean())
    assert facts.apgr == pytest.approx(
        metrics.apgr(scores["kernel"][odd], rows.inferior[odd], rows.superior[odd])
    )


# --- judged rows ---


def test_each_source_has_its_own_apgr(study):
    rows, scores, _ = study
    mixed = replace(rows, sources=["graded", "judged"] * 200)
    tests = [
        scored(mixed, np.arange(0, 300), **scores),
        scored(mixed, np.arange(100, 400), **scores),
    ]
    table = evaluation.by_source(mixed, tests, "kernel", n=200)
    assert [row.source for row in table] == ["graded", "judged"]
    assert [row.rows for row in table] == [200, 200]
    for row, start in zip(table, (0, 1), strict=True):
        inside = [np.arange(a + start, a + 300, 2) for a in (0, 100)]
        same = replace(rows, sources=["x"] * 400)
        parts = [scored(rows, at, **scores) for at in inside]
        alone = evaluation.by_source(same, parts, "kernel", 200)
        assert row.apgr == pytest.approx(alone[0].apgr) and row.apgr_low < row.apgr < row.apgr_high
    text = evaluation.sources_as_markdown(table)
    assert "| judged | 200 |" in text and f"{table[1].apgr:.3f}" in text


class Need(Scorer):
    """Reads the score off the prompt's text."""

    kind = "need"

    def fit(self, examples):
        return self

    def score(self, texts, categories=None):
        return np.array([float(text) for text in texts])


def judged_rows(number, audited, seed=0, right=0.85):
    """Judged prompts that carry their own score; a judge who is mostly right; half audited."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(number):
        score = round(float(rng.random()), 4)
        people = 1.0 if rng.random() < 0.6 * score**2 else float(-(rng.random() < 0.1))
        says = people if rng.random() < right else float(rng.choice([-1, 0, 1]))
        picked = bool(rng.random() < 0.3)
        audit = {"place": number - i, "chance": 0.3, "picked": picked, "loss": None}
        if picked and audited:
            audit["loss"] = people
        row = {
            "id": str(i),
            "prompt": str(score),
            "source": "judged",
            "inferior_score": 1.0 - (says > 0),
            "superior_score": 1.0 - (says < 0),
            "audit": audit,
        }
        made.append(examples.outcome_row(row))
    return made


def test_without_an_audit_the_sentence_says_as_the_judge_sees_it():
    labelled = judged_rows(600, audited=False)
    router = Router("need", Need(), Calibration("none"))
    found = evaluation.certify(router, examples.from_rows(labelled), 0.05, 0.1)
    assert found.certified and found.judged == 600
    assert "points of quality as the judge sees it" in found.sentence
    assert "600 of them judged by a model and not by people" in found.sentence
    assert "people would" not in found.sentence
    assert evaluation.certify_on_audit(router, labelled) is None
    assert router.certificate == found.to_dict()


def test_graded_rows_alone_promise_accuracy_as_ever(study):
    rows, _, _ = study
    router = Router("random", Random(), Calibration("none"))
    found = evaluation.certify(router, rows)
    assert found.judged == 0 and "points of accuracy" in found.sentence


def test_with_an_audit_the_promise_is_about_people():
    labelled = judged_rows(1200, audited=True)
    router = Router("need", Need(), Calibration("none"))
    evaluation.certify(router, examples.from_rows(labelled), 0.05, 0.1)
    found = evaluation.certify_on_audit(router, labelled[::-1], 0.05, 0.1)
    assert found.certified and found.n_calibration == 1200
    assert found.n_audited == sum(row.audit["picked"] for row in labelled)
    assert (
        "as people would see it" in found.sentence
        and f"{found.n_audited} audited" in found.sentence
    )
    assert router.threshold == found.threshold and router.certificate["n_audited"] > 200


def test_an_audit_that_stopped_uses_the_rows_up_to_there():
    labelled = judged_rows(1200, audited=True)
    for row in labelled:
        if row.audit["place"] > 600:
            row.audit["loss"] = None
    router = Router("need", Need(), Calibration("none"))
    found = evaluation.certify_on_audit(router, labelled, 0.05, 0.1)
    assert 600 <= found.n_calibration < 640


def test_a_judge_who_flatters_the_inferior_model_certifies_no_more_with_an_audit():
    labelled = judged_rows(1200, audited=True)
    for row in labelled:
        row.inferior_score, row.superior_score = 1.0, 0.0
    router = Router("need", Need(), Calibration("none"))
    believed = evaluation.certify(router, examples.from_rows(labelled), 0.05, 0.1)
    assert believed.share_superior == 0  # all goes to the inferior model
    audited = evaluation.certify_on_audit(router, labelled, 0.05, 0.1)
    assert audited.threshold < 0.75 and router.threshold == audited.threshold


@pytest.mark.parametrize("nothing", ["", " ", [], None])
def test_no_rows_certify_nothing(outputs, nothing):
    """They once stood for the shipped sample, whose certificate says nothing about these models."""
    router = small_router()
    before = router.certificate
    with pytest.raises(SettingError, match=r"CALIBRATION is .*graded rows that the router"):
        evaluation.certify(router, nothing)
    assert router.certificate == before


@pytest.mark.parametrize("cost", [-1, float("nan"), "much"])
def test_a_cost_that_is_none_certifies_nothing(outputs, cost):
    with pytest.raises(SettingError, match="SUPERIOR_COST is"):
        evaluation.certify(small_router(), "nowhere.jsonl", inferior_cost=1, superior_cost=cost)
