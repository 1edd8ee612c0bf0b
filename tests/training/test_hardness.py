"""What looks hard to something that has learnt from other rows, and when it says nothing."""

import numpy as np
import pytest

from routerlib.rows.schemas import LabelledPrompt
from routerlib.training import hardness


class Words:
    """An encoder that sees whether a prompt is about sums."""

    max_length = 128

    def embed(self, texts):
        return np.array([[1.0, 0.0] if "sum" in text else [0.0, 1.0] for text in texts])


def rows(count, start=0, seed=0, signal=True):
    rng = np.random.default_rng(seed)
    found = []
    for number in range(start, start + count):
        is_sum = number % 2 == 0
        lost = rng.random() < (0.8 if is_sum and signal else 0.1)
        found.append(
            LabelledPrompt(
                id=f"r{number}",
                prompt=f"{'sum' if is_sum else 'word'} number {number} of {rng.random()}",
                label="ROUTE_TO_SUPERIOR" if lost else "ROUTE_TO_INFERIOR",
                p_superior=float(lost),
                source="judged",
                inferior_score=float(not lost),
                superior_score=1.0,
            )
        )
    return found


def test_prompts_like_those_that_were_lost_look_hard():
    look = hardness.hardness(Words())
    asked = rows(40, start=1000)
    looks, own = look(rows(200), asked)
    assert looks.shape == (40,) and own.shape == (200,)
    sums = np.array(["sum" in row.prompt for row in asked])
    assert looks[sums].min() > looks[~sums].max()


@pytest.mark.parametrize("learn", [rows(hardness.FEWEST - 1), rows(200, signal=False), []])
def test_where_nothing_can_be_learnt_nothing_is_said(learn):
    assert hardness.hardness(Words())(learn, rows(40, start=1000)) == (None, None)


def test_losses_that_are_all_alike_teach_nothing():
    same = [row.model_copy(update={"inferior_score": 1.0}) for row in rows(150)]
    assert hardness.hardness(Words())(same, rows(10, start=1000)) == (None, None)
