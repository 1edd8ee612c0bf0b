"""Every kind of router scores the same after saving; folders that do not fit are refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from outcomes_with_signals import made_up
from small_router import EASY, HARD, small_router
from tiny_encoder import rows

from routerlib.rows.schemas import Message
from routerlib.stats.calibration import Calibration
from routerlib.training import examples, policy_choice, router, scorers
from routerlib.training.router import RouterError


def every_scorer(encoder):
    light = [scorers.Constant(), scorers.Random(), scorers.CategoryMean(), scorers.TfidfRidge()]
    heavy = [
        scorers.EmbeddingLogistic(encoder),
        scorers.Neighbours(encoder),
        scorers.Kernel(encoder),
    ]
    parts = [scorers.TfidfRidge(), scorers.Kernel(encoder), scorers.EmbeddingLogistic(encoder)]
    return [*light, *heavy, scorers.Blend(parts, [0.5, 0.2, 0.3], [0, 0, 0], [1, 1, 1])]


def fitted(scorer, train):
    """A blend's parts are fitted one by one: earlier versions saved it, none is made anew."""
    for part in getattr(scorer, "parts", [scorer]):
        part.fit(train)
    return scorer


KINDS = ("constant", "random", "category", "tfidf", "linear", "knn", "kernel", "blend")


@pytest.mark.parametrize("number", range(8), ids=KINDS)
def test_saved_router_scores_as_before(number, train, encoder, tmp_path):
    scorer = fitted(every_scorer(encoder)[number], train)
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


def test_a_blend_keeps_its_encoder_once(train, encoder, tmp_path):
    folder = router.Router("b", fitted(every_scorer(encoder)[7], train)).save(tmp_path / "b")
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
    [
        {"threshold": "x"},
        {"threshold": None},
        {"curve": 3},
        {"models": None},
        {"prices": []},
        {"name": None},
        {"certificate": 3},
        {"calibration": 3},
        {"calibration": {"method": "isotonic", "knots": 3}},
    ],
)
def test_a_field_of_another_kind_is_refused_in_a_sentence(train, tmp_path, change):
    folder = router.Router("c", scorers.Constant().fit(train)).save(tmp_path / "c")
    facts = json.loads((folder / router.FILE).read_text())
    (folder / router.FILE).write_text(json.dumps(facts | change))
    with pytest.raises(router.RouterError, match=re.escape(str(folder))):
        router.Router.from_pretrained(folder)


def test_a_router_carries_its_policy_and_one_without_has_none(train, tmp_path):
    score, told = made_up("informative", 300)
    policies = policy_choice.fit_policies(np.arange(300), score, told, np.arange(300)).policies
    scorer = scorers.Constant().fit(train)
    for name, policy in policies.items():
        saved = router.Router(name, scorer, policy=policy).save(tmp_path / name)
        assert router.Router.from_pretrained(saved).policy == policy
    plain = router.Router("plain", scorer).save(tmp_path / "plain")
    assert router.Router.from_pretrained(plain).policy is None


def test_a_damaged_policy_is_refused_in_a_sentence(train, tmp_path):
    saved = router.Router("r", scorers.Constant().fit(train)).save(tmp_path)
    facts = json.loads((saved / router.FILE).read_text())
    (saved / router.FILE).write_text(json.dumps({**facts, "policy": {"name": "both"}}))
    with pytest.raises(router.RouterError, match=r"policy: .*train the router again"):
        router.Router.from_pretrained(saved)


def test_newest_router_is_found_and_its_absence_said(train, tmp_path):
    with pytest.raises(router.RouterError, match="no router below"):
        router.newest(tmp_path)
    import os

    for age, name in ((10, "old"), (0, "new")):
        folder = router.Router(name, scorers.Constant().fit(train)).save(tmp_path / name)
        stamp = (folder / router.FILE).stat().st_mtime - age
        os.utime(folder / router.FILE, (stamp, stamp))
    assert router.newest(tmp_path).name == "new"


# --- one decision ---


class Told(scorers.Scorer):
    """0.2, and 0.3 more where the category is proof."""

    kind = "constant"

    def fit(self, examples):
        return self

    def score(self, texts, categories=None):
        self.texts = list(texts)
        named = categories or [""] * len(texts)
        return np.array([0.5 if name == "proof" else 0.2 for name in named])


def test_a_score_at_the_threshold_goes_to_the_superior_model():
    made = router.Router("told", Told(), threshold=0.2)
    assert made.decide(0.2) == router.Decision(
        "superior", 0.2, 0.2, "p_superior 0.200 is at or above the threshold 0.200"
    )
    assert made.decide(0.1999).model == "inferior" and made.decide(0.1, 0.05).model == "superior"
    assert made.decide(0.0, threshold=0).model == "superior"
    assert (
        made.decide(0.9, threshold=0.95).reason == "p_superior 0.900 is below the threshold 0.950"
    )
    with pytest.raises(router.RouterError, match="threshold nan"):
        made.decide(0.5, float("nan"))


def test_a_score_uses_the_category_and_the_calibration():
    made = router.Router("told", Told(), Calibration("platt", 2.0, 0.5, logit=True))
    wanted = [1 / (1 + np.exp(-(2 * np.log(p / (1 - p)) + 0.5))) for p in (0.5, 0.2)]
    assert made.score(["a", "b"], ["proof", "chat"]) == pytest.approx(wanted)
    assert made.score(["a"]) == pytest.approx(wanted[1:])


def test_half_a_character_does_not_reach_the_scorer():
    made = router.Router("told", Told())
    made.score(["cut \ud83d here"])
    made.scorer.texts[0].encode("utf-8")


def test_a_wrong_threshold_is_refused_before_any_work():
    made = router.Router("told", Told())
    with pytest.raises(router.RouterError, match="threshold -1"):
        made.route([], threshold=-1)


def test_all_that_a_router_carries_is_saved(tmp_path):
    curve = [{"threshold": 0.5, "share_superior": 0.25}]
    made = router.Router(
        "c",
        scorers.Constant().fit(examples.from_rows(map(examples.outcome_row, rows(20)))),
        threshold=0.4,
        curve=curve,
        certificate={"certified": True},
        models={"inferior": "small"},
        prices={"inferior_in": 1.0},
        metrics={"apgr": 0.6},
    )
    read = router.Router.from_pretrained(made.save(tmp_path / "c"))
    for name in ("name", "threshold", "curve", "certificate", "models", "prices", "metrics"):
        assert getattr(read, name) == getattr(made, name), name


def test_a_save_that_breaks_off_leaves_no_router(train, tmp_path, monkeypatch):
    """An older router.json must not vouch for a scorer that is half written."""
    made = router.Router("c", scorers.Constant().fit(train))
    folder = made.save(tmp_path / "c")

    def broken(where):
        raise OSError("disk full")

    monkeypatch.setattr(made.scorer, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        made.save(folder)
    with pytest.raises(router.RouterError, match="no router"):
        router.Router.from_pretrained(folder)


def test_a_missing_package_is_not_told_as_a_broken_router(train, tmp_path, monkeypatch):
    """The folder is whole: to copy it again, as is said of broken ones, would not help."""
    folder = router.Router("c", scorers.Constant().fit(train)).save(tmp_path / "c")

    def without_torch(_):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(scorers, "load_scorer", without_torch)
    with pytest.raises(ModuleNotFoundError, match="torch"):
        router.Router.from_pretrained(folder)


# --- routers that an earlier version saved ---

EARLIER = Path(__file__).parent / "routers_of_0_1"


@pytest.mark.parametrize("name", ["tfidf", "blend"])
def test_a_router_of_an_earlier_version_scores_as_it_did(name):
    """Saved by version 0.1: TF-IDF; a blend of kernel, TF-IDF and a fine-tuned encoder."""
    expected = json.loads((EARLIER / "expected.json").read_text())[name]
    read = router.Router.from_pretrained(EARLIER / name)
    assert read.score(list(expected)) == pytest.approx(list(expected.values()), abs=0.01)
    assert read.certificate["sentence"].startswith("At threshold") and len(read.curve) == 41
    assert read.models == {"inferior": "small", "superior": "large"}


def test_a_router_of_an_earlier_version_can_be_saved_again(tmp_path):
    read = router.Router.from_pretrained(EARLIER / "blend")
    prompts = ["prove the theorem 3 4", "say hello in french"]
    again = router.Router.from_pretrained(read.save(tmp_path / "again"))
    assert again.score(prompts) == pytest.approx(read.score(prompts), abs=0.003)
    assert again.threshold == 0.37 and again.kind == "blend"


@pytest.mark.parametrize("value", ["NaN", "-0.1", "true", "-Infinity"])
def test_a_threshold_that_is_none_is_told_with_its_file(train, tmp_path, value):
    folder = small_router().save(tmp_path / "r")
    file = folder / "router.json"
    facts = json.loads(file.read_text()) | {"threshold": json.loads(value)}
    file.write_text(json.dumps(facts))
    with pytest.raises(router.RouterError, match=rf"{re.escape(str(file))}.*threshold"):
        router.Router.from_pretrained(folder)


def test_of_what_a_library_says_only_the_first_sentence_is_told(tmp_path, monkeypatch):
    """Advice such as "load it without this check" is not for whoever was given a folder."""
    folder = small_router().save(tmp_path / "r")

    def fail(_):
        raise ValueError("Loading failed. Switch the checks off\nand " + "x" * 5000)

    monkeypatch.setattr(router.scorers, "load_scorer", fail)
    with pytest.raises(router.RouterError) as raised:
        router.Router.from_pretrained(folder)
    told = str(raised.value)
    assert "Loading failed" in told and "checks" not in told and "Copy the folder" in told
    monkeypatch.setattr(router.scorers, "load_scorer", broken_with("x" * 5000))
    with pytest.raises(router.RouterError) as raised:
        router.Router.from_pretrained(folder)
    assert len(str(raised.value)) < 1000


def broken_with(text):
    def fail(_):
        raise ValueError(text)

    return fail


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        (5, "'5' is neither a prompt nor a list"),
        (None, "'None' is neither a prompt nor a list"),
        (b"x", "neither a prompt nor a list"),
        (["a", None], "Prompt 2 is 'None', which is none"),
        ([{"role": "user"}], "Prompt 1 is .*`role` and `content`"),
        ([("user", "hi")], "Prompt 1 is .*which is none"),
        ([5], "Prompt 1 is '5'"),
    ],
)
def test_what_is_no_prompt_is_told_with_its_place(prompts, said):
    router = small_router()
    with pytest.raises(RouterError, match=said):
        router.route(prompts)
    if not (isinstance(prompts, list) and isinstance(prompts[0], dict)):
        with pytest.raises(RouterError, match=said):
            router.score(prompts)


def test_prompts_come_in_any_collection():
    router = small_router()
    texts = [EASY, HARD]
    expected = router.score(texts)
    for given in (tuple(texts), (text for text in texts), np.array(texts)):
        assert (router.score(given) == expected).all()
    assert [one.model for one in router.route(text for text in texts)] == ["inferior", "superior"]


@pytest.mark.parametrize("threshold", ["half", float("nan"), -1, [0.5]])
def test_a_threshold_that_is_none_is_told_as_it_was_given(threshold):
    with pytest.raises(RouterError, match=r"threshold .*probability from 0"):
        small_router().route(EASY, threshold=threshold)
