"""Where rows come from, what they weigh, and the one split.

What is held back anywhere never trains.
"""

import gzip
import json

import numpy as np
import pytest
from tiny_encoder import rows

from routerlib.errors import SettingError
from routerlib.rows import jsonl
from routerlib.rows.schemas import LABELS, LabelledPrompt, RowError
from routerlib.training import examples, labelled_data


def graded(number=60, **fields):
    return [examples.outcome_row({**row, **fields}) for row in rows(number)]


def labelled(prompt, source="llm", p=0.4, **fields):
    label = "ROUTE_TO_SUPERIOR" if p > 0.5 else "ROUTE_TO_INFERIOR"
    return LabelledPrompt(
        id=prompt[:30], prompt=prompt, label=label, p_superior=p, source=source, **fields
    )


def unlike(number, source="llm", **fields):
    """Prompts of which no two are near duplicates."""
    rng = np.random.default_rng(number)
    made = []
    for n in range(number):
        words = " ".join(f"w{rng.integers(10**6)}" for _ in range(12))
        made.append(labelled(f"{n} {words}", source, **fields))
    return made


def split_of(listed, weights=None, seed=0):
    made = examples.from_rows(listed, weights)
    return made, labelled_data.split_rows(made, seed)


# --- the split ---


def test_graded_rows_are_shared_out_and_nothing_is_in_two_parts():
    made, parts = split_of(graded(300))
    every = np.concatenate([parts[name] for name in ("train", "validation", "calibration", "test")])
    assert sorted(every) == list(range(300))
    owners = {}
    for name in ("train", "validation", "calibration", "test"):
        for group in made.groups[parts[name]]:
            assert owners.setdefault(group, name) == name
    assert not len(parts["held_back"]) and not len(parts["unscored"])


@pytest.mark.parametrize("held", ["validation", "test"])
@pytest.mark.parametrize("source", ["llm", "human"])
def test_what_02_holds_back_never_trains(held, source):
    extra = unlike(30, source, split=held) + unlike(31, source, split="train")
    for seed in range(3):
        _, parts = split_of(graded() + extra, seed=seed)
        assert not set(parts["train"]) & set(range(60, 90))
        assert set(range(90, 121)) <= set(parts["train"])
        assert parts["held_back"].tolist() == list(range(60, 90))


def test_a_near_duplicate_of_a_held_back_prompt_does_not_train():
    text = "Explain to a child how the tides follow the moon and why there are two of them a day"
    held = labelled(text, split="test")
    near = labelled(text.lower() + " please", split="train")
    far = labelled("Explain how a lock works", split="train")
    made, parts = split_of([*graded(), held, near, far])
    assert made.groups[60] == made.groups[61] != made.groups[62]
    assert 61 not in parts["train"] and 62 in parts["train"]


def test_a_labelled_prompt_that_is_tested_elsewhere_does_not_train():
    listed = graded()
    again = [labelled(row.prompt.upper() + "  ", p=0.5) for row in listed]
    for seed in range(3):
        made, parts = split_of(listed + again, seed=seed)
        away = np.concatenate([parts[name] for name in ("validation", "calibration", "test")])
        trained = made.groups[parts["train"]]
        assert not np.isin(trained, made.groups[away]).any()
        assert len(parts["train"]) > (parts["train"] < 60).sum(), "those of training prompts do"


def test_graded_rows_keep_the_part_that_an_earlier_split_gave_them():
    names = ["train"] * 40 + ["validation"] * 10 + ["test"] * 10
    listed = [
        row.model_copy(update={"split": name, "prompt": f"{row.prompt} {n} {n * 7} {n * 13}"})
        for n, (row, name) in enumerate(zip(graded(), names, strict=True))
    ]
    made = examples.from_rows(listed)
    made = examples.Examples(**{**vars(made), "groups": np.arange(60)})
    for seed in range(3):
        parts = labelled_data.split_rows(made, seed)
        assert parts["validation"].tolist() == list(range(40, 50))
        assert parts["test"].tolist() == list(range(50, 60))
        both = np.r_[parts["train"], parts["calibration"]]
        assert sorted(both) == list(range(40))
        assert len(parts["train"]) > len(parts["calibration"]) > 0


def test_a_group_in_two_parts_of_an_earlier_split_is_tested():
    """Near duplicates that an earlier split tore apart stand together on the stricter side."""
    listed = graded()
    made = examples.from_rows(listed)
    groups, splits = np.arange(60), [""] * 60
    groups[:3] = 0
    splits[:3] = ["train", "validation", "test"]
    made = examples.Examples(**{**vars(made), "groups": groups, "splits": splits})
    parts = labelled_data.split_rows(made)
    assert {0, 1, 2} <= set(parts["test"])
    splits[:3] = ["train", "validation", ""]
    parts = labelled_data.split_rows(made)
    assert {0, 1, 2} <= set(parts["validation"])


def test_rows_of_weight_zero_do_not_train_and_peoples_are_left_for_a_check():
    people = unlike(8, "human")
    _, parts = split_of(graded() + people + unlike(5, "llm"), {"human": 0.0, "llm": 0.0})
    assert parts["unscored"].tolist() == list(range(60, 68))
    assert parts["train"].max() < 60 and not len(parts["held_back"])
    _, trained = split_of(graded() + people, {"human": 1.0})
    assert set(range(60, 68)) <= set(trained["train"]) and not len(trained["unscored"])
    assert not set(trained["test"]) & set(range(60, 68))


def test_a_prompt_that_was_learnt_is_no_check_but_one_that_is_tested_is():
    listed = graded()
    same = [labelled(row.prompt, "human") for row in listed]
    made, parts = split_of(listed + same, {"human": 0.0})
    learnt = np.concatenate([parts[name] for name in ("train", "validation", "calibration")])
    assert (
        len(parts["unscored"])
        and not np.isin(made.groups[parts["unscored"]], made.groups[learnt]).any()
    )
    assert np.isin(made.groups[parts["unscored"]], made.groups[parts["test"]]).all()
    beside = unlike(4, "llm")
    asked = [labelled(row.prompt, "human") for row in beside]
    _, parts = split_of(listed + beside + asked, {"human": 0.0})
    assert not len(parts["unscored"]), "a model's labels of the same prompts were learnt"


def test_too_few_graded_rows_are_refused():
    with pytest.raises(SettingError, match="Only 19 graded rows: a split needs 20"):
        split_of(graded(19))
    split_of(graded(20))


def test_shares_of_ones_own():
    made = examples.from_rows(graded(300))
    parts = labelled_data.split_rows(made, 1, {"train": 0.5, "test": 0.5})
    assert sorted(np.r_[parts["train"], parts["test"]]) == list(range(300))
    assert not len(parts["validation"])


# --- weights ---


def examined(folder, useful, **more):
    jsonl.write_rows(folder / "router_dataset_all.jsonl", unlike(3))
    jsonl.write_json(folder / "metrics.json", {"labeller_is_useful": useful, **more})
    return str(folder / "router_dataset_all.jsonl")


def test_a_labeller_no_better_than_a_constant_does_not_train(tmp_path):
    given = {"graded": 1.0, "llm": 0.3}
    figures = {"labeller": "tiny", "labeller_agreement": 0.5, "majority_share": 0.625}
    path = examined(tmp_path, False, **figures)
    weights, said = labelled_data.weights_after_examination(given, path)
    assert weights == {"graded": 1.0, "llm": 0.0} and given["llm"] == 0.3
    assert "labeller tiny no better than a constant" in said and "weight is 0" in said
    assert "agrees on 50%" in said and "on 62%" in said
    assert labelled_data.weights_after_examination({}, path)[0] == {"llm": 0.0}
    examined(tmp_path, False)
    said = labelled_data.weights_after_examination({"llm": 0.1}, path)[1]
    assert said == (
        "02 found its labeller no better than a constant: its labels do not train, their weight "
        "is 0."
    )


def test_the_labels_that_02_left_are_examined_too(outputs):
    (outputs / "datasets").mkdir(parents=True, exist_ok=True)
    examined(outputs / "datasets", False)
    assert labelled_data.weights_after_examination({"llm": 0.3})[0] == {"llm": 0.0}


@pytest.mark.parametrize("useful", [True, None])
def test_another_labeller_keeps_its_weight(tmp_path, useful):
    path = examined(tmp_path, useful)
    assert labelled_data.weights_after_examination({"llm": 0.3}, path) == ({"llm": 0.3}, "")


def test_without_an_examination_or_a_weight_nothing_is_said(tmp_path):
    path = examined(tmp_path, False)
    assert labelled_data.weights_after_examination({"llm": 0.0}, path) == ({"llm": 0.0}, "")
    (tmp_path / "metrics.json").unlink()
    assert labelled_data.weights_after_examination({"llm": 0.3}, path) == ({"llm": 0.3}, "")
    assert labelled_data.weights_after_examination({"llm": 0.3}, "none") == ({"llm": 0.3}, "")


# --- files ---


def test_by_default_it_finds_what_the_other_notebooks_left(outputs):
    found, said = labelled_data.find_data("", "none")
    assert all(row.source == "graded" for row in found) and "graded ones from sample" in said
    for name in ("graded", "datasets", "analysis"):
        (outputs / name).mkdir(parents=True, exist_ok=True)
    jsonl.write_rows(outputs / "graded" / "outcomes.jsonl", graded(25))
    jsonl.write_rows(outputs / "datasets" / "router_dataset_all.jsonl", unlike(4))
    jsonl.write_rows(outputs / "analysis" / "labelled_questions.jsonl", unlike(3, "human"))
    found, said = labelled_data.find_data()
    assert said == (
        "32 labelled prompts (25 graded, 3 human, 4 llm), graded ones from outcomes.jsonl."
    )
    assert len(found) == 32
    assert len(labelled_data.read_outcomes()) == 25
    named = f"{outputs / 'datasets' / 'router_dataset_all.jsonl'}, none.jsonl"
    assert labelled_data.labelled_sources(named)[1] == "none.jsonl"


def test_outcomes_are_read_gzipped_and_bad_lines_named(tmp_path):
    with gzip.open(tmp_path / "o.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(5))
    assert len(labelled_data.read_outcomes(tmp_path / "o.jsonl.gz")) == 5
    jsonl.write_rows(tmp_path / "bad.jsonl", [*rows(2), {"prompt": "no scores"}])
    with pytest.raises(RowError, match="line 3"):
        labelled_data.read_outcomes(tmp_path / "bad.jsonl")


def test_tokens_of_a_call_are_means_of_those_that_were_measured(tmp_path):
    def answers(*tokens):
        return [{"prompt_tokens": a, "completion_tokens": b} for a, b in tokens]

    jsonl.write_rows(
        tmp_path / "a.jsonl",
        [
            {"model": "small", "responses": answers((10, 2), (20, 4))},
            {"model": "small", "responses": answers((30, None), (30, 6))},
        ],
    )
    jsonl.write_rows(tmp_path / "b.jsonl", [{"model": "large", "responses": answers((5, 50))}])
    jsonl.write_rows(tmp_path / "outcomes.jsonl", [{"id": "no responses"}])
    found = labelled_data.tokens_per_call(tmp_path)
    assert (found["small"].read, found["small"].written) == (20, 4)
    assert found["large"].total == 55
    assert labelled_data.tokens_per_call(tmp_path / "none") == {}


def test_tokens_are_counted_in_what_04_left(outputs):
    (outputs / "graded").mkdir(parents=True, exist_ok=True)
    sample = {"prompt_tokens": 3, "completion_tokens": 1}
    jsonl.write_rows(outputs / "graded" / "a.jsonl", [{"model": "small", "responses": [sample]}])
    assert labelled_data.tokens_per_call()["small"].total == 4


def test_a_call_costs_its_measured_tokens_or_those_of_a_usual_call():
    prices = {"inferior_in": 1.0, "inferior_out": 10.0, "superior": 4.0}
    tokens = {"small": labelled_data.TokensPerCall(100, 20)}
    names = {"inferior": "small", "superior": "large"}
    found = labelled_data.costs_per_call(names, prices, tokens)
    assert found == pytest.approx({"inferior_cost": 300 / 1e6, "superior_cost": 2000 / 1e6})
    assert labelled_data.costs_per_call(names, {"superior": 4.0}, tokens).keys() == {
        "superior_cost"
    }


def test_the_sentence_names_the_questions_that_03_asked(outputs):
    jsonl.write_rows(outputs / "graded" / "outcomes.jsonl", graded(2))
    known = [
        {"kind": "hub", "id": "org/maths", "revision": "0123456789abcdef", "split": "test"},
        {"kind": "file", "source": "mine.jsonl", "sha256": "f" * 64},
        {"kind": "unknown", "source": "elsewhere"},
    ]
    jsonl.write_json(outputs / "responses" / "metrics.json", {"sources": known})
    _, told = labelled_data.find_data("", "none")
    assert told.endswith(
        "The questions: org/maths (revision 0123456789ab, split test); "
        "mine.jsonl (sha256 ffffffffffff); elsewhere."
    )
    named = labelled_data.find_data(str(outputs / "graded" / "outcomes.jsonl"), "none")[1]
    assert "The questions" not in named, "a file that is named need not be what 03 asked"


# --- judged rows ---


def judged(i, models=("small", "big"), **more):
    superior = i % 3 == 0
    return LabelledPrompt(
        id=f"j{i}",
        prompt=" ".join(f"word{(i + 1) * step % 9973}" for step in (7919, 6007, 5003, 4001, 3001)),
        label=LABELS[superior],
        p_superior=float(superior),
        source="judged",
        inferior_score=float(not superior),
        superior_score=1.0,
        inferior_model=models[0],
        superior_model=models[1],
        **more,
    )


def test_judged_rows_stand_beside_graded_ones(outputs):
    jsonl.write_rows(
        outputs / "graded" / "judged" / "outcomes.jsonl", [judged(i) for i in range(40)]
    )
    found, said = labelled_data.find_data("", "none")
    assert {row.source for row in found} == {"judged"} and "40 judged" in said
    graded = [judged(i).model_copy(update={"source": "graded", "id": f"g{i}"}) for i in range(30)]
    jsonl.write_rows(outputs / "graded" / "outcomes.jsonl", graded)
    found, said = labelled_data.find_data("", "none")
    assert len(found) == 70 and "graded and judged ones from outcomes.jsonl" in said
    rows = examples.from_rows(found, {"judged": 0.5})
    assert rows.graded.all() and set(rows.weights.tolist()) == {0.5, 1.0}


def test_outcomes_of_another_pair_do_not_mix(outputs):
    rows = [judged(i) for i in range(30)] + [judged(i, ("tiny", "big")) for i in range(30, 40)]
    jsonl.write_rows(outputs / "graded" / "judged" / "outcomes.jsonl", rows)
    found, said = labelled_data.find_data("", "none")
    assert len(found) == 30
    assert "10 outcomes of other models (tiny and big) were left out" in said


def test_rows_set_aside_for_an_audit_calibrate_and_never_train():
    aside = [judged(i, split="calibration") for i in range(60)]
    rows = examples.from_rows([*aside, *(judged(i) for i in range(60, 160))])
    for seed in range(3):
        parts = labelled_data.split_rows(rows, seed)
        assert set(range(60)) <= set(parts["calibration"].tolist())
        assert not set(range(60)) & {int(i) for n in ("train", "test") for i in parts[n]}
        assert len(parts["train"]) > 40


# --- the pair ---


def test_the_pair_is_the_one_that_most_rows_name():
    row = graded(1)[0]
    named = row.model_copy(update={"inferior_model": "small", "superior_model": "large"})
    other = row.model_copy(update={"inferior_model": "tiny", "superior_model": "large"})
    half = row.model_copy(update={"inferior_model": "half", "superior_model": None})
    found = labelled_data.pair_of_models([other, half, named, half, named, half])
    assert found == {"inferior": "small", "superior": "large"}


def test_a_pair_that_no_row_names_is_the_one_that_04_has_graded_or_has_no_names(outputs):
    unnamed = graded(2)
    assert labelled_data.pair_of_models(unnamed) == {
        "inferior": "inferior",
        "superior": "superior",
    }
    known = {"inferior": {"model": "small"}, "superior": {}}
    jsonl.write_json(outputs / "graded" / "metrics.json", known)
    found = labelled_data.pair_of_models(unnamed)
    assert found == {"inferior": "small", "superior": "superior"}


def test_without_a_price_of_its_own_a_cached_token_costs_what_any_does():
    tokens = {"small": labelled_data.TokensPerCall(100, 20, cached=60)}
    prices = {"inferior_in": 1.0, "inferior_out": 2.0}
    names = {"inferior": "small"}
    assert labelled_data.costs_per_call(names, prices, tokens) == pytest.approx(
        {"inferior_cost": 140 / 1e6}
    )
    cheaper = labelled_data.costs_per_call(names, prices | {"cached_share": 0.5}, tokens)
    assert cheaper == pytest.approx({"inferior_cost": 110 / 1e6})
