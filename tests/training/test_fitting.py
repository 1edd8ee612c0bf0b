"""Notebook 05 in one call.

What comes back routes, is certified or says why not, and never learnt from the test rows.
"""

import json
import shutil

import pytest
from tiny_encoder import rows, tiny_encoder

import routerlib
from routerlib import settings
from routerlib.errors import SettingError
from routerlib.training import candidates, evaluation, examples, fitting, labelled_data


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny_encoder(tmp_path_factory.mktemp("tiny"))


def outcomes_file(folder, count):
    path = folder / "outcomes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(count)), encoding="utf-8")
    return path


def test_a_router_comes_back_calibrated_and_certified_or_says_why_not(outputs, tmp_path, encoder):
    router = fitting.fit(outcomes_file(tmp_path, 300), backbone=encoder)
    scores = router.score(["What is 2 + 2?", "Prove it."])
    assert ((scores >= 0) & (scores <= 1)).all()
    assert router.route("What is 2 + 2?").model in ("inferior", "superior")
    assert router.certificate["sentence"]
    assert router.threshold == router.certificate["threshold"]


def test_the_test_rows_are_kept_for_whoever_measures(outputs, tmp_path, encoder, monkeypatch):
    seen = {}

    def watched_fit(train, validation, *more, **settings):
        seen["learnt"] = set(train.texts) | set(validation.texts)
        return fit(train, validation, *more, **settings)

    def watched_certify(router, calibration, *more, **settings):
        seen["certified on"] = set(calibration.texts)
        return certify(router, calibration, *more, **settings)

    fit, certify = candidates.fit_candidates, evaluation.certify
    monkeypatch.setattr(candidates, "fit_candidates", watched_fit)
    monkeypatch.setattr(evaluation, "certify", watched_certify)
    fitting.fit(outcomes_file(tmp_path, 300), backbone=encoder)
    everything = {row["prompt"] for row in rows(300)}
    assert seen["learnt"] and seen["certified on"]
    assert not seen["learnt"] & seen["certified on"]
    assert everything - seen["learnt"] - seen["certified on"], "no rows are left to test on"


def test_too_few_rows_are_refused_in_a_sentence(outputs, tmp_path, encoder):
    with pytest.raises(SettingError, match="Only 12 graded rows"):
        fitting.fit(outcomes_file(tmp_path, 12), backbone=encoder)


@pytest.fixture
def noted(monkeypatch):
    """What `fit` hands on to each step, without the work."""
    seen = {}

    class Made:
        def __init__(self, name):
            self.router = name

    def fit_candidates(train, validation, backbone, recipes, seed, **settings):
        seen["fit"] = (train, validation, backbone, recipes, seed, settings)
        return candidates.Fitted(
            train, None, {"kernel": Made("kernel's"), "other": Made("other's")}
        )

    def certify(router, calibration, epsilon, delta, **settings):
        seen["certify"] = (router, calibration, epsilon, delta, settings)

    monkeypatch.setattr(candidates, "fit_candidates", fit_candidates)
    monkeypatch.setattr(candidates, "choose_candidate", lambda runs: ("other", "why"))
    monkeypatch.setattr(evaluation, "certify", certify)
    return seen


def test_the_chosen_one_is_certified_on_the_calibration_rows_by_the_terms_given(noted, tmp_path):
    path = outcomes_file(tmp_path, 200)
    found = fitting.fit(path, backbone="e", epsilon=0.03, delta=0.2, seed=4, use_categories=True)
    data = examples.from_rows(labelled_data.read_outcomes(path))
    part = labelled_data.split_rows(data, 4)
    train, validation, backbone, recipes, seed, settings = noted["fit"]
    assert train.texts == data.take(part["train"]).texts
    assert validation.texts == data.take(part["validation"]).texts
    assert (backbone, list(recipes), seed) == ("e", [], 4) and settings["use_categories"] is True
    router, calibration, epsilon, delta, settings = noted["certify"]
    assert found == router == "other's" and (epsilon, delta) == (0.03, 0.2)
    assert calibration.texts == data.take(part["calibration"]).texts
    assert settings == {"use_categories": True}


def test_further_labels_train_and_are_not_tested(noted, tmp_path):
    told = {"id": "x", "prompt": "Compare the two essays in depth.", "label": "ROUTE_TO_SUPERIOR"}
    more = tmp_path / "labels.jsonl"
    more.write_text(json.dumps({**told, "p_superior": 0.9, "source": "llm"}) + "\n")
    fitting.fit(outcomes_file(tmp_path, 200), more, backbone="e")
    assert told["prompt"] in noted["fit"][0].texts
    assert told["prompt"] not in noted["certify"][1].texts
    assert noted["fit"][5]["use_categories"] is False and noted["certify"][2:4] == (0.05, 0.1)


def test_epochs_ask_for_an_encoder_of_that_seed(noted, tmp_path):
    fitting.fit(outcomes_file(tmp_path, 200), backbone="e", epochs=3, seed=6)
    (recipe,) = noted["fit"][3]
    assert (recipe.backbone, recipe.epochs, recipe.seed) == ("e", 3, 6)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"epsilon": 1.5}, "epsilon = 1.5"),
        ({"delta": 0}, "delta = 0"),
        ({"epochs": -1}, "EPOCHS is -1"),
        ({"epochs": "2"}, "EPOCHS is '2'"),
        ({"outcomes": [{"prompt": "x"}]}, "OUTCOMES is a list"),
        ({"outcomes": "nowhere.jsonl"}, "There is no file .*nowhere.jsonl"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_fitted(monkeypatch, wrong, said):
    def fit_candidates(*_, **__):
        raise AssertionError("something was fitted")

    monkeypatch.setattr(fitting.candidates, "fit_candidates", fit_candidates)
    with pytest.raises(routerlib.Foreseen, match=said):
        fitting.fit(**wrong)


def test_a_file_is_found_here_and_from_the_project(monkeypatch, tmp_path):
    """As every other input is, wherever the program was started."""
    source = settings.SAMPLES / "outcomes.jsonl"
    monkeypatch.setattr(settings, "ROOT", tmp_path / "project")
    (tmp_path / "project").mkdir()
    shutil.copyfile(source, tmp_path / "project" / "there.jsonl")
    shutil.copyfile(source, tmp_path / "here.jsonl")
    monkeypatch.chdir(tmp_path)
    assert len(labelled_data.read_outcomes("there.jsonl")) == 494
    assert len(labelled_data.read_outcomes("here.jsonl")) == 494
