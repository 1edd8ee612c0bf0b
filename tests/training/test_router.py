"""Every kind of router: scores in [0, 1], the same after saving, and folders that do not fit are refused."""

import json
import re

import numpy as np
import pytest
from tiny_encoder import rows, tiny_encoder

from routerlib.rows.schemas import Message
from routerlib.stats import metrics
from routerlib.stats.metrics import Calibration
from routerlib.training import encoders, examples, router, scorers


@pytest.fixture(scope="module")
def train():
    return examples.from_rows(map(examples.outcome_row, rows(150)))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return encoders.SentenceEncoder(tiny_encoder(tmp_path_factory.mktemp("tiny")))


def every_scorer(encoder):
    light = [scorers.Constant(), scorers.Random(), scorers.CategoryMean(), scorers.TfidfRidge()]
    heavy = [
        scorers.EmbeddingLogistic(encoder),
        scorers.Neighbours(encoder),
        scorers.Kernel(encoder),
    ]
    parts = [scorers.TfidfRidge(), scorers.Kernel(encoder), scorers.EmbeddingLogistic(encoder)]
    return [*light, *heavy, scorers.Blend(parts, [0.5, 0.2, 0.3], [0, 0, 0], [1, 1, 1])]


KINDS = ("constant", "random", "category", "tfidf", "linear", "knn", "kernel", "blend")


@pytest.mark.parametrize("number", range(8), ids=KINDS)
def test_saved_router_scores_as_before(number, train, encoder, tmp_path):
    scorer = every_scorer(encoder)[number].fit(train)
    made = router.Router("mine", scorer, Calibration("platt", 1.5, -0.2, logit=True), threshold=0.3)
    before = made.score(train.texts[:20], train.categories[:20])
    assert ((before > 0) & (before < 1)).all()
    found = router.Router.from_pretrained(made.save(tmp_path / "r"))
    assert (found.name, found.kind, found.threshold) == ("mine", KINDS[number], 0.3)
    assert found.score(train.texts[:20], train.categories[:20]) == pytest.approx(before, abs=0.003)
    assert not [
        path
        for path in (tmp_path / "r").rglob("*")
        if path.suffix in (".pkl", ".pickle", ".bin", ".pt")
    ]


@pytest.mark.parametrize("number", range(3, 8), ids=KINDS[3:])
def test_what_can_learn_learns(number, train, encoder):
    scorer = every_scorer(encoder)[number].fit(train)
    hard = np.array([category == "proof" for category in train.categories])
    p = scorer.score(train.texts)
    assert p[hard].mean() > p[~hard].mean()


def test_a_blend_keeps_its_encoder_once(train, encoder, tmp_path):
    folder = router.Router("b", every_scorer(encoder)[7].fit(train)).save(tmp_path / "b")
    assert len(list(folder.rglob("model.safetensors"))) == 1


def test_one_prompt_a_conversation_and_a_list_are_told_apart(train):
    made = router.Router("tfidf", scorers.TfidfRidge().fit(train))
    one = made.route("prove the theorem")
    conversation = made.route([{"role": "user", "content": "prove the theorem"}])
    listed = made.route(["prove the theorem", [Message(role="user", content="prove the theorem")]])
    assert one.p_superior == conversation.p_superior == listed[0].p_superior == listed[1].p_superior
    assert (
        made.route("x", threshold=0).model == "superior"
        and made.route("x", threshold=1.1).model == "inferior"
    )
    assert made.route([]) == [] and made.score([]).shape == (0,)


def test_misuse_gets_a_sentence(train):
    made = router.Router("constant", scorers.Constant().fit(train))
    with pytest.raises(router.RouterError, match="takes a list"):
        made.score("one prompt")
    with pytest.raises(router.RouterError, match="categories"):
        made.score(["a", "b"], ["x"])
    with pytest.raises(router.RouterError, match="threshold"):
        made.route("a", threshold=-1)


def test_folders_that_do_not_fit_are_refused(train, tmp_path):
    with pytest.raises(router.RouterError, match="There is no folder"):
        router.Router.from_pretrained(tmp_path / "none")
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "config.json").write_text("{}")
    with pytest.raises(router.RouterError, match="no router"):
        router.Router.from_pretrained(tmp_path / "hf")
    folder = router.Router("c", scorers.Constant().fit(train)).save(tmp_path / "c")
    facts = json.loads((folder / router.FILE).read_text())
    (folder / router.FILE).write_text(json.dumps(facts | {"format": 99}))
    with pytest.raises(router.RouterError, match="format 99"):
        router.Router.from_pretrained(folder)
    (folder / router.FILE).write_text(json.dumps(facts))
    (folder / "scorer.json").write_text('{"kind": "oracle"}')
    with pytest.raises(router.RouterError, match="oracle"):
        router.Router.from_pretrained(folder)


@pytest.mark.parametrize("name", ["router.json", "scorer.json", "scorer.safetensors"])
@pytest.mark.parametrize("damage", ["cut off", "missing", "empty", "binary", "another kind"])
def test_a_damaged_folder_is_refused_in_a_sentence(train, tmp_path, name, damage):
    folder = router.Router("t", scorers.TfidfRidge().fit(train)).save(tmp_path / "t")
    content = (folder / name).read_bytes()
    changed = {
        "cut off": content[: len(content) // 2],
        "empty": b"",
        "binary": b"\0\xff" * 50,
        "another kind": b"[]",
    }
    (folder / name).unlink()
    if damage != "missing":
        (folder / name).write_bytes(changed[damage])
    with pytest.raises(router.RouterError, match=re.escape(str(folder))):
        router.Router.from_pretrained(folder)


@pytest.mark.parametrize(
    "change",
    [{"threshold": "x"}, {"threshold": None}, {"curve": 3}, {"models": None}, {"prices": []}, {"name": None},
     {"certificate": 3}, {"calibration": 3}, {"calibration": {"method": "isotonic", "knots": 3}}],
)  # fmt: skip
def test_a_field_of_another_kind_is_refused_in_a_sentence(train, tmp_path, change):
    folder = router.Router("c", scorers.Constant().fit(train)).save(tmp_path / "c")
    facts = json.loads((folder / router.FILE).read_text())
    (folder / router.FILE).write_text(json.dumps(facts | change))
    with pytest.raises(router.RouterError, match=re.escape(str(folder))):
        router.Router.from_pretrained(folder)


def test_newest_router_is_found_and_its_absence_said(train, tmp_path):
    with pytest.raises(router.RouterError, match="no router below"):
        router.newest(tmp_path)
    import os

    for age, name in ((10, "old"), (0, "new")):
        folder = router.Router(name, scorers.Constant().fit(train)).save(tmp_path / name)
        stamp = (folder / router.FILE).stat().st_mtime - age
        os.utime(folder / router.FILE, (stamp, stamp))
    assert router.newest(tmp_path).name == "new"


def test_an_unknown_category_is_no_error(train):
    scorer = scorers.CategoryMean().fit(train)
    p = scorer.score(["a", "b"], ["proof", "never seen"])
    assert p[0] > p[1]


def test_blend_weights_prefer_what_ranks_and_drop_what_does_not():
    rng = np.random.default_rng(0)
    gain = rng.normal(size=30000)
    good, useless = (
        metrics.sigmoid(gain + rng.normal(size=30000)),
        metrics.sigmoid(rng.normal(size=30000)),
    )
    blend = scorers.blend_weights([good, useless, np.full(30000, 0.3)], gain, np.ones(30000))
    weights = blend.plain["weights"]
    assert weights[0] > 0.85 and weights[2] == 0 and sum(weights) == pytest.approx(1)
