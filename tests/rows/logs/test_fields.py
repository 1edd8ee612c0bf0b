"""Moments in every unit, and what is no number."""

import pytest

from routerlib.rows.logs import fields


@pytest.mark.parametrize(
    "value,seconds",
    [
        (1777629600, 1777629600.0),
        (1777629600000, 1777629600.0),
        (1777629600000000, 1777629600.0),
        ("1777629600000000000", 1777629600.0),
        ("2026-05-01T10:00:00Z", 1777629600.0),
        ("2026-05-01 10:00:00.000000", 1777629600.0),
        ("yesterday", None),
        (None, None),
        (-5, None),
    ],
)
def test_moments_in_every_unit(value, seconds):
    assert fields.timestamp(value) == seconds
