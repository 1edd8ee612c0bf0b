"""Logs of requests, as four makers write them; `shapes` tells them apart."""
