"""The price of a call, in one place: tokens times the endpoint's prices.

Prices are dollars per million tokens everywhere, `price_in` for those read (the prompt) and
`price_out` for those written (the answer). Of a prompt that begins as an earlier one, servers read
the beginning out of a cache, and many charge less for it. What a share of calls costs in the end is
`metrics`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def call_cost(
    prompt_tokens: Any,
    completion_tokens: Any,
    price_in: float,
    price_out: float,
    cached_tokens: Any = 0,
    cached_share: float = 1.0,
) -> Any:
    """Price of calls, in dollars; numbers or arrays of tokens, prices per million of them.

    Args:
        cached_tokens: of the prompt's, how many were read out of a cache. cached_share: what such a
            token costs, as a share of `price_in`.
    """
    read = prompt_tokens - (1.0 - cached_share) * cached_tokens
    return (read * price_in + completion_tokens * price_out) / 1e6


def prices_of(prices: Mapping[str, float], side: str) -> tuple[float, float] | None:
    """The (price_in, price_out) of a model in a router's prices; None where they are not known.

    A router says `inferior_in`, `inferior_out` and so on; one of version 0.1 has a single price for
    all of a side's tokens, under the side's name.

    Args:
        side: "inferior" or "superior".
    """
    flat = prices.get(side)
    price_in = prices.get(f"{side}_in", flat)
    price_out = prices.get(f"{side}_out", flat)
    if price_in is None or price_out is None:
        return None
    return price_in, price_out
