"""Talking to a model: what is sent, what comes back, who serves it."""
