"""05: fit, compare, choose, certify and save a router."""
