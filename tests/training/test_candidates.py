"""Candidates are judged by scores of rows they have not seen.

And luck does not choose among them.
"""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from tiny_encoder import rows, tiny_encoder

from routerlib.stats import calibration, metrics
from routerlib.training import candidates, examples, fine_tuning
from routerlib.training.router import Router
from routerlib.training.scorers import Constant, Scorer


@pytest.fixture(scope="module")
def parts():
    made = examples.from_rows(map(examples.outcome_row, rows(260)))
    at = examples.split(made.groups, {"train": 0.75, "validation": 0.25})
    return made.take(at["train"]), made.take(at["validation"])


@pytest.fixture(scope="module")
def run(parts, tmp_path_factory):
    backbone = tiny_encoder(tmp_path_factory.mktemp("tiny"))
    recipe = fine_tuning.Recipe(str(backbone), epochs=2, learning_rate=3e-3, bf16=False)
    weak = replace(recipe, epochs=1, learning_rate=1e-9, target="gain")
    return candidates.fit_candidates(*parts, backbone, [weak, recipe], progress=False)


def test_every_candidate_is_there_and_development_is_train_then_validation(run, parts):
    assert set(run.candidates) == {*candidates.BASELINES, "kernel", candidates.ENCODER}
    assert run.development.texts == parts[0].texts + parts[1].texts
    assert run.validation.tolist() == list(range(len(parts[0]), len(run.development)))
    for name, candidate in run.candidates.items():
        assert candidate.router.name == name


def test_the_encoder_is_judged_on_validation_rows_alone_the_others_on_all(run):
    encoder = run.candidates[candidates.ENCODER].held_out
    assert np.isnan(np.delete(encoder, run.validation)).all()
    assert np.isfinite(encoder[run.validation]).all()
    assert np.isfinite(run.candidates["kernel"].held_out).all()


def test_the_best_recipe_is_kept_and_its_level_is_the_kernels(run):
    encoder = run.candidates[candidates.ENCODER]
    assert encoder.router.metrics["target"] in ("gain", "p_superior")
    at = run.validation
    reached = candidates.apgr_or_nan(encoder.held_out[at], run.development.take(at))
    assert encoder.router.metrics["validation_apgr"] == pytest.approx(reached, abs=1e-6)
    kernel = run.candidates["kernel"].held_out[at]
    assert encoder.held_out[at].mean() == pytest.approx(kernel.mean(), abs=1e-4)
    assert encoder.history.best_validation_loss > 0


def test_of_two_recipes_the_one_of_higher_apgr_is_kept(parts, run, tmp_path, monkeypatch):
    made = []

    def tried(train, validation, fitted, recipe, progress):
        router = Router(recipe, Constant())
        router.metrics = {"validation_apgr": {"a": 0.5, "b": 0.7, "c": -1.0}[recipe]}
        made.append(recipe)
        return candidates.Candidate(router, np.zeros(len(fitted.development)))

    monkeypatch.setattr(candidates, "_encoder", tried)
    backbone = tiny_encoder(tmp_path / "tiny")
    again = candidates.fit_candidates(*parts, backbone, ["a", "b", "c"], progress=False)
    assert made == ["a", "b", "c"] and again.candidates[candidates.ENCODER].router.name == "b"


def test_a_recipe_whose_validation_rows_show_no_gap_stands_behind_all_others(
    parts, run, monkeypatch
):
    """APGR is no number there; it is told as -1, below any that can be measured."""
    train, validation = parts
    equal = replace(validation, superior=validation.inferior)
    history = fine_tuning.History(best_validation_loss=0.5, examples_per_second=1.0)
    monkeypatch.setattr(fine_tuning, "fine_tune", lambda *_, **__: (Constant().fit(train), history))
    recipe = fine_tuning.Recipe("none", epochs=1)
    made = candidates._encoder(train, equal, run, recipe, progress=False)
    assert made.router.metrics["validation_apgr"] == -1.0


def test_a_figure_of_few_validation_rows_comes_with_its_interval(parts):
    _, validation = parts
    gain = np.nan_to_num(validation.superior - validation.inferior)
    told = candidates._reached(gain, validation)
    assert f"on {int(validation.graded.sum())} validation rows (95 % interval " in told
    equal = replace(validation, superior=validation.inferior)
    nobody = replace(validation, superior=np.full(len(validation), np.nan))
    for rows_without_gap in (equal, nobody):
        assert "too few for an APGR" in candidates._reached(gain, rows_without_gap)


def test_without_categories_the_category_mean_is_left_out(parts, tmp_path):
    backbone = tiny_encoder(tmp_path / "tiny")
    for change, named in (({}, False), ({"use_categories": True}, True)):
        given = {"use_categories": False, **change}
        run = candidates.fit_candidates(*parts, backbone, progress=False, **given)
        assert (candidates.CATEGORY_MEAN in run.candidates) is named
        assert (set(run.development.categories) == {"uncategorised"}) is not named
    alike = [replace(part, categories=["one"] * len(part)) for part in parts]
    run = candidates.fit_candidates(*alike, backbone, progress=False)
    assert candidates.CATEGORY_MEAN not in run.candidates


class Memory(Scorer):
    """Remembers what it was fitted on: 0.9 for those texts, 0.1 for others."""

    kind = "memory"

    def fit(self, data):
        self.seen = set(data.texts)
        return self

    def score(self, texts, categories=None):
        return np.array([0.9 if text in self.seen else 0.1 for text in texts])


def test_held_out_scores_come_from_fits_that_did_not_see_the_row(parts):
    data = parts[0]
    held = examples.folds(data.groups, 4, 0)
    found = candidates._light("memory", Memory, data, held)
    line = found.router.calibration
    assert line.method == "platt"
    assert found.held_out == pytest.approx(np.full(len(data), line(0.1)))
    assert found.router.scorer.seen == set(data.texts)


class Told(Scorer):
    """Scores a text by its number, more where the category is proof."""

    kind = "told"

    def fit(self, data):
        return self

    def score(self, texts, categories=None):
        numbers = np.array([float(text.split()[-1]) for text in texts])
        return (numbers + 20 * (np.array(categories) == "proof")) / 100


def test_held_out_scores_stand_at_their_rows_and_use_the_category(parts):
    data = parts[0]
    held = examples.folds(data.groups, 4, 0)
    found = candidates._light("told", Told, data, held)
    raw = Told().score(data.texts, data.categories)
    line = calibration.calibrate("platt", raw, data.p_superior)
    assert found.held_out == pytest.approx(line(raw))


def test_one_group_alone_is_judged_by_a_fit_on_all(parts):
    data = parts[0].take(np.arange(6))
    found = candidates._light("memory", Memory, data, [np.arange(6)])
    assert np.isfinite(found.held_out).all()


def test_apgr_or_nan_looks_at_graded_rows_alone(parts):
    data = parts[0]
    score = np.arange(len(data)) / len(data)
    known = candidates.apgr_or_nan(score, data)
    assert known == pytest.approx(metrics.apgr(score, data.inferior, data.superior))
    some = replace(data, inferior=np.where(np.arange(len(data)) % 3, data.inferior, np.nan))
    at = some.graded
    wanted = metrics.apgr(score[at], data.inferior[at], data.superior[at])
    assert candidates.apgr_or_nan(score, some) == pytest.approx(wanted)
    assert np.isnan(candidates.apgr_or_nan(score, replace(data, superior=data.inferior)))


# --- choosing ---


def held(development, **scores):
    """A run whose candidates have these held-out scores."""
    run = candidates.Fitted(development, np.arange(1))
    for name, score in scores.items():
        named = name.replace("_", " ")
        run.candidates[named] = candidates.Candidate(Router(named, Constant()), np.asarray(score))
    return run


@pytest.fixture(scope="module")
def outcomes():
    """400 rows whose gain is half known: the known half is the kernel's score."""
    rng = np.random.default_rng(4)
    base = examples.from_rows(map(examples.outcome_row, rows(4))).take(np.zeros(400, dtype=int))
    need = rng.random(400)
    inferior = (rng.random(400) < 0.8 - 0.7 * need).astype(float)
    superior = np.ones(400)
    data = replace(base, inferior=inferior, superior=superior, p_superior=1 - inferior)
    return data, need, rng


def test_the_default_is_kept_against_what_is_no_better(outcomes):
    data, need, rng = outcomes
    worse = need + rng.normal(size=400)
    name, why = candidates.choose_candidate([held(data, kernel=need, worse=worse, same=need)])
    assert name == "kernel" and "no other candidate beats it by more than one standard" in why


def test_clear_evidence_chooses_another_and_the_best_of_several(outcomes):
    data, need, _ = outcomes
    better = need / 4 + data.gain / 8
    best = need / 4 + data.gain / 2
    name, why = candidates.choose_candidate([held(data, kernel=need, better=better, best=best)])
    assert name == "best"
    gained = metrics.apgr(best, data.inferior, data.superior)
    gained -= metrics.apgr(need, data.inferior, data.superior)
    assert f"its APGR is {gained:.3f} above the kernel's" in why


def test_a_lead_within_one_standard_error_does_not_choose(outcomes):
    """The same lead, told on a tenth of the rows, may be luck; on all rows it is not."""
    data, need, _ = outcomes
    rng = np.random.default_rng(8)
    noisy = need + rng.normal(size=400) * 0.15
    both = data.inferior, data.superior
    gained, low, _ = metrics.paired_difference(
        metrics.apgr, need, noisy, *both, n=300, level=candidates.ONE_SIGMA
    )
    assert gained > 0 and low > 0
    assert candidates.choose_candidate([held(data, kernel=noisy, other=need)])[0] == "other"
    for start in range(0, 400, 40):
        at = np.arange(start, start + 40)
        few = data.take(at)
        both = few.inferior, few.superior
        lead, least, _ = metrics.paired_difference(
            metrics.apgr, need[at], noisy[at], *both, n=300, level=candidates.ONE_SIGMA
        )
        if lead > 0 > least:
            chosen = candidates.choose_candidate([held(few, kernel=noisy[at], other=need[at])])
            assert chosen[0] == "kernel"
            return
    pytest.fail("no part of the rows where the lead is within one standard error")


def test_only_graded_rows_that_both_have_held_out_count(outcomes):
    data, need, _ = outcomes
    hidden = np.where(np.arange(400) < 200, np.nan, data.gain)
    run = held(data, kernel=need, other=hidden)
    gained, _ = candidates._advantage([run], "other")
    at = np.arange(200, 400)
    both = data.inferior[at], data.superior[at]
    wanted = metrics.apgr(data.gain[at], *both) - metrics.apgr(need[at], *both)
    assert gained == pytest.approx(wanted)
    ungraded = replace(data, superior=np.where(np.arange(400) < 300, np.nan, data.superior))
    gained, _ = candidates._advantage([held(ungraded, kernel=need, other=hidden)], "other")
    at = np.arange(300, 400)
    both = data.inferior[at], data.superior[at]
    wanted = metrics.apgr(data.gain[at], *both) - metrics.apgr(need[at], *both)
    assert gained == pytest.approx(wanted)


def test_the_evidence_of_several_splits_is_joined(outcomes):
    data, need, _ = outcomes
    halves = [np.arange(200), np.arange(200, 400)]
    runs = [held(data.take(at), kernel=need[at], other=data.gain[at]) for at in halves]
    gained, least = candidates._advantage(runs, "other")
    both = data.inferior, data.superior
    wanted = metrics.apgr(data.gain, *both) - metrics.apgr(need, *both)
    assert gained == pytest.approx(wanted) and least < gained


def test_rows_without_a_gap_choose_nothing(outcomes):
    data, need, _ = outcomes
    flat = replace(data, inferior=np.ones(400))
    name, why = candidates.choose_candidate([held(flat, kernel=need, other=data.gain)])
    assert name == "kernel" and "cannot rank the candidates" in why and "no gap" in why


def test_one_standard_error_is_the_middle_68_percent_of_a_normal_curve():
    middle = 2 * NormalDist().cdf(1) - 1
    assert abs(candidates.ONE_SIGMA - middle) < 0.001


def test_the_advantage_is_less_one_standard_error_of_the_paired_difference(outcomes):
    """The lower end lies one standard deviation of the resampled differences below their mean."""
    data, need, _ = outcomes
    other = need + np.random.default_rng(2).normal(size=400) * 0.3
    gained, least = candidates._advantage([held(data, kernel=need, other=other)], "other")
    rng, drawn = np.random.default_rng(1), []
    for _ in range(400):
        at = rng.integers(400, size=400)
        both = data.inferior[at], data.superior[at]
        drawn.append(metrics.apgr(other[at], *both) - metrics.apgr(need[at], *both))
    assert gained < 0 and gained - least == pytest.approx(np.std(drawn), rel=0.25)


def test_held_out_parts_keep_groups_together_and_follow_the_seed(parts, monkeypatch):
    """Each prompt twice, as one group: no fit has seen the twin of what it is judged on."""
    twice = parts[0].take(np.repeat(np.arange(60), 2))
    seen = []

    def watched(name, build, development, held):
        seen.append([tuple(part) for part in held])
        assert development.texts == twice.texts + parts[1].texts
        for part in held:
            inside = set(development.groups[part].tolist())
            rest = np.setdiff1d(np.arange(len(development)), part)
            assert not inside & set(development.groups[rest].tolist())
        return None

    monkeypatch.setattr(candidates, "_light", watched)
    monkeypatch.setattr(candidates, "light_scorers", lambda *_, **__: {"one": None})
    for seed in (0, 0, 1):
        candidates.fit_candidates(twice, parts[1], "", seed=seed, progress=False)
    assert len(seen[0]) == 4 and seen[0] == seen[1] != seen[2]
