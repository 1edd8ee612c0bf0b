"""Logs of requests, as four makers write them; `shapes` tells them apart.

A module for each maker: `chat` (OpenAI's), `litellm`, `langfuse`, `opentelemetry`. What they share:
`fields` (a value under one of several names), `messages` (who said what, tools included),
`logged_calls` (a request with its prompt), `logged_answers` (what came back, and what it cost), and
the `chunks` of a streamed answer.
"""
