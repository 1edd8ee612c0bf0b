"""A call costs its tokens times the prices per million of them."""

import numpy as np
import pytest

from routerlib.stats import prices


def test_cost_of_a_call_is_tokens_times_price_per_million():
    assert prices.call_cost(1000, 500, price_in=2.0, price_out=8.0) == pytest.approx(0.006)
    many = prices.call_cost(np.array([1000, 0]), np.array([500, 1]), 2.0, 8.0)
    assert many == pytest.approx([0.006, 8e-6])


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"inferior_in": 1.0, "inferior_out": 4.0}, (1.0, 4.0)),
        ({"inferior": 0.1}, (0.1, 0.1)),
        ({"inferior": 0.1, "inferior_out": 4.0}, (0.1, 4.0)),
        ({"inferior_in": 0.0, "inferior_out": 0.0}, (0.0, 0.0)),
        ({"inferior_in": 1.0}, None),
        ({"superior": 2.0}, None),
        ({}, None),
    ],
)
def test_prices_of_a_side_in_both_vocabularies(known, expected):
    assert prices.prices_of(known, "inferior") == expected


def test_cached_tokens_cost_a_share():
    assert prices.call_cost(1000, 100, 1.0, 2.0, 800, 0.25) == pytest.approx(
        (200 + 0.25 * 800 + 200) / 1e6
    )
    assert prices.call_cost(1000, 100, 1.0, 2.0, 800) == prices.call_cost(1000, 100, 1.0, 2.0)
