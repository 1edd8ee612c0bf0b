"""The decision alone, in the shape of OpenAI's Decisions API: typed questions in, probabilities
out.

A router can answer one question, which of two models a prompt needs; others are refused in words.
HTTP is `proxy`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerlib.rows.schemas import ROUTE_TO_INFERIOR, ROUTE_TO_SUPERIOR, Message
from routerlib.serving.switchboard import RequestError, Switchboard, conversation
from routerlib.training.router import Decision

# Nothing is billed, so no token is counted
NO_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


def questions(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The questions of a request to `/v1/decisions`.

    Raises:
        RequestError: there are none, or one has no known type.
    """
    questions = body.get("questions")
    if not isinstance(questions, list) or not 1 <= len(questions) <= 400:
        raise RequestError("The request needs `questions`: a list of 1 to 400 objects.")
    for index, question in enumerate(questions):
        kind = question.get("type") if isinstance(question, dict) else None
        if kind not in ("predicate", "choice", "score"):
            raise RequestError(f"questions[{index}].type must be predicate, choice or score.")
        choices = question.get("choices")
        if kind == "choice" and not (
            isinstance(choices, list) and all(isinstance(choice, dict) for choice in choices)
        ):
            raise RequestError(
                f"questions[{index}].choices must be a list of objects with `value`."
            )
    return questions


def conversation_of(body: Mapping[str, Any]) -> list[Message]:
    """The input of a request to `/v1/decisions`, a text or a list of messages and calls, as a
    conversation.

    Raises:
        RequestError: there is none.
    """
    given = body.get("input")
    if isinstance(given, str) and given:
        return [Message(role="user", content=given)]
    if not isinstance(given, list) or not given:
        raise RequestError("The request needs `input`: a text, or a list of messages.")
    return conversation({"messages": [_as_chat(item) for item in given]})


def _as_chat(item: Any) -> Any:
    kind = item.get("type", "message") if isinstance(item, dict) else None
    if kind in ("function_call", "custom_tool_call"):
        return {
            "role": "assistant",
            "content": f"[calls {item.get('name')}({item.get('arguments', item.get('input'))})]",
        }
    if kind in ("function_call_output", "custom_tool_call_output"):
        return {"role": "tool", "content": item.get("output")}
    return item


def answer(question: Mapping[str, Any], decision: Decision, board: Switchboard) -> dict[str, Any]:
    """The answer to one question, or a refusal where it is not the one question a router can
    answer.

    A `choice` between the two models (by the names "inferior" and "superior", by their labels, or
    by their own names) gets both probabilities, and as its choice what the threshold says. A
    `predicate` named "superior" gets the probability that only the superior model will do.
    `confidence` is the lead of the chosen probability over an even guess, (p - 1/2) / (1/2), and
    not below 0.
    """
    name, p = question.get("name"), decision.p_superior
    if question["type"] == "predicate" and name == "superior":
        return {"type": "predicate", "name": name, "probability": p}
    if question["type"] == "choice":
        values = [choice.get("value") for choice in question["choices"]]
        sides = [_side_of(value, board) for value in values]
        if sorted(map(str, sides)) == ["inferior", "superior"]:
            shares = [p if side == "superior" else 1 - p for side in sides]
            chosen = sides.index(decision.model)
            return {
                "type": "choice",
                "name": name,
                "choice": values[chosen],
                "confidence": max(0.0, 2 * shares[chosen] - 1),
                "probabilities": [
                    {"value": v, "probability": s} for v, s in zip(values, shares, strict=True)
                ],
            }
    reason = (
        "This decision model answers one question: which of two models a prompt needs. Ask it as a "
        "choice with "
        'the values "inferior" and "superior", or as a predicate named "superior".'
    )
    return {"type": "refusal", "name": name, "reason": reason}


def _side_of(value: Any, board: Switchboard) -> str | None:
    if value in ("inferior", ROUTE_TO_INFERIOR, board.inferior.model):
        return "inferior"
    return "superior" if value in ("superior", ROUTE_TO_SUPERIOR, board.superior.model) else None
