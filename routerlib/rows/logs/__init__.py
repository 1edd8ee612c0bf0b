"""Logs of requests, as four makers write them; `shapes` tells them apart.

A module for each maker: `chat` (OpenAI's), `litellm`, `langfuse`, `opentelemetry`. What they share:
`fields`, `messages`, `logged_calls`, `logged_answers`, and the `chunks` of a streamed answer.
"""
