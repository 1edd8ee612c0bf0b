"""Splits keep equal prompts together and lose no row; targets follow from the scores."""

import numpy as np
import pytest
from tiny_encoder import rows

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
    from routerlib.rows.schemas import LabelledPrompt

    both = graded.join(examples.from_rows([LabelledPrompt(**row)]))
    assert (
        both.gain[2] == 0.75
        and both.both_right[2].tolist() == [0.25, 1.0]
        and both.graded.tolist() == [1, 1, 0]
    )
