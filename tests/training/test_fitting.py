"""Notebook 05 in one call.

What comes back routes, is certified or says why not, and never learnt from the test rows.
"""

import json

import pytest
from tiny_encoder import rows, tiny_encoder

from routerlib.errors import SettingError
from routerlib.training import candidates, evaluation, fitting


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
