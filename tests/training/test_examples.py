"""Splits keep equal prompts together and lose no row; targets follow from the scores."""

import numpy as np
import pytest
from tiny_encoder import rows

from routerlib.rows.schemas import LabelledPrompt
from routerlib.training import examples


def made(number=100):
    return examples.from_rows(map(examples.outcome_row, rows(number)))


def test_split_covers_all_rows_once_and_keeps_groups_together():
    groups = np.random.default_rng(0).integers(60, size=200)
    parts = examples.split(groups, seed=3)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(200))
    owners = {
        group: {name for name, at in parts.items() if group in groups[at]} for group in groups
    }
    assert all(len(names) == 1 for names in owners.values())
    assert 0.5 < len(parts["train"]) / 200 < 0.7


def test_split_differs_by_seed_and_repeats():
    groups = np.arange(50)
    first, again, other = (examples.split(groups, seed=seed)["test"] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


def test_shares_must_sum_to_one():
    with pytest.raises(ValueError, match=r"sum to 0\.9"):
        examples.split(np.arange(10), {"a": 0.5, "b": 0.4})


def test_prompts_that_are_nearly_the_same_are_one_group():
    long = "How many times must a fair coin be thrown until heads has come up twice in a row?"
    prompts = ["What is 2+2?", "what is  2+2", "What is 2+3?", long, f"Please: {long}"]
    listed = [{"prompt": text, "inferior_score": 0, "superior_score": 1} for text in prompts]
    found = examples.from_rows(map(examples.outcome_row, listed))
    assert found.groups.tolist() == [0, 0, 2, 3, 3] and found.splits == [""] * 5


def test_rows_are_taken_by_position_or_by_mask_and_joined_again():
    whole = examples.from_rows(map(examples.outcome_row, rows(10)))
    back = whole.take([0, 1, 2]).join(whole.take(np.arange(10) > 2))
    for name in (*examples.LISTS, *examples.ARRAYS):
        assert list(getattr(back, name)) == list(getattr(whole, name)), name
    assert whole.take([4, 1]).texts == [whole.texts[4], whole.texts[1]]


def test_folds_hold_every_row_once_in_parts_of_about_equal_size():
    groups = np.random.default_rng(1).integers(100, size=300)
    found = examples.folds(groups, 4, 0)
    assert sorted(np.concatenate(found)) == list(range(300))
    assert len(found) == 4 and all(50 < len(part) < 100 for part in found)
    owners = [set(groups[part]) for part in found]
    assert not owners[0] & owners[1] and not owners[2] & owners[3]
    assert len(examples.folds(np.zeros(5), 4)) == 1


def test_outcome_without_soft_label_gets_the_chance_that_only_superior_is_right():
    row = examples.outcome_row(
        {"prompt": "a", "category": None, "inferior_score": 0.25, "superior_score": 0.5}
    )
    assert row.p_superior == pytest.approx(0.375) and row.label == "ROUTE_TO_INFERIOR"


def test_weights_follow_the_source_and_none_is_negative():
    listed = list(map(examples.outcome_row, rows(3)))
    assert examples.from_rows(listed, {"graded": 0.5}).weights.tolist() == [0.5] * 3
    with pytest.raises(ValueError, match="negative"):
        examples.from_rows(listed, {"graded": -1})
    with pytest.raises(ValueError, match="no labelled prompts"):
        examples.from_rows([])


def test_rows_without_scores_use_the_soft_label_as_gain():
    graded = made(2)
    row = {
        "id": 1,
        "prompt": "a b",
        "label": "ROUTE_TO_SUPERIOR",
        "p_superior": 0.75,
        "source": "llm",
    }
    both = graded.join(examples.from_rows([LabelledPrompt(**row)]))
    assert (
        both.gain[2] == 0.75
        and both.both_right[2].tolist() == [0.25, 1.0]
        and both.graded.tolist() == [1, 1, 0]
    )


def listed_rows(**changes):
    """One row without scores, changed, as examples."""
    given = {
        "id": 1,
        "prompt": "a",
        "label": "ROUTE_TO_SUPERIOR",
        "p_superior": 0.5,
        "source": "llm",
    }
    return examples.from_rows([LabelledPrompt(**{**given, **changes})])


def test_a_source_that_is_not_named_weighs_one_and_one_of_weight_zero_nothing():
    listed = [
        LabelledPrompt(
            id=str(n), prompt=f"p{n}", label="ROUTE_TO_INFERIOR", p_superior=0.2, source=source
        )
        for n, source in enumerate(["human", "llm", "graded"])
    ]
    found = examples.from_rows(listed, {"human": 2.0, "llm": 0})
    assert found.weights.tolist() == [2.0, 0.0, 1.0]
    assert found.sources == ["human", "llm", "graded"]


def test_a_label_of_one_half_is_not_strictly_better():
    assert listed_rows(p_superior=0.5).strictly_better.tolist() == [0.0]
    assert listed_rows(p_superior=0.51).strictly_better.tolist() == [1.0]


def test_gain_and_both_models_by_hand():
    row = {"prompt": "a", "inferior_score": 0.25, "superior_score": 0.75}
    graded = examples.from_rows([examples.outcome_row(row)])
    assert graded.gain.tolist() == [0.5] and graded.both_right.tolist() == [[0.25, 0.75]]
    told = listed_rows(p_superior=0.3)
    assert told.gain.tolist() == [0.3] and told.both_right.tolist() == [[0.7, 1.0]]


def test_an_earlier_split_is_kept_in_mind():
    assert listed_rows(split="test").splits == ["test"]


def test_an_outcome_keeps_what_it_says_and_gets_what_it_does_not():
    said = examples.outcome_row(
        {"prompt": "a", "inferior_score": 0, "superior_score": 1, "p_superior": 0.5, "unique_id": 7}
    )
    assert said.p_superior == 0.5 and said.label == "ROUTE_TO_INFERIOR" and str(said.id) == "7"
    assert said.category == "uncategorised" and said.source == "graded"
    sure = examples.outcome_row({"prompt": "a", "inferior_score": 0, "superior_score": 1})
    assert sure.p_superior == 1 and sure.label == "ROUTE_TO_SUPERIOR"


def test_parts_are_filled_in_the_order_of_the_shares_by_rows_not_by_groups():
    """Groups of 1 to 40 rows, 820 in all: half of the rows, short of one group at most."""
    groups = np.repeat(np.arange(40), np.arange(1, 41))
    for seed in range(5):
        half = examples.split(groups, {"first": 0.5, "second": 0.5}, seed)["first"]
        assert 410 - 40 < len(half) <= 410
    apart = examples.split(np.arange(100), {"first": 0.7, "second": 0.1, "third": 0.2}, 1)
    assert [len(part) for part in apart.values()] == [70, 10, 20]


def test_a_prompt_and_its_near_copy_are_in_one_part():
    long = (
        "How many times must a fair coin number {} be thrown until heads has come up twice in a "
        "row?"
    )
    prompts = [long.format(n) for n in range(40)]
    listed = [
        {"prompt": start + text, "inferior_score": 0, "superior_score": 1}
        for text in prompts
        for start in ("", "Please: ")
    ]
    found = examples.from_rows(map(examples.outcome_row, listed))
    part_of = {}
    for name, at in examples.split(found.groups, seed=2).items():
        part_of.update(dict.fromkeys(at.tolist(), name))
    assert all(part_of[2 * n] == part_of[2 * n + 1] for n in range(40))


def test_shares_that_nearly_sum_to_one_are_refused():
    with pytest.raises(ValueError, match=r"sum to 0\.95"):
        examples.split(np.arange(10), {"a": 0.5, "b": 0.45})
