"""Langfuse's logs: observations and traces as the API gives them (camel case), as the UI exports
them, and as files of the blob storage integration, where input and output are JSON texts.

The snake case of those files: https://langfuse.com/docs/api-and-data-platform/features/
blob-storage-export-fields. A trace is read by its generations; other observations called no model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from routerlib.rows.logs.fields import Fields, decoded_text, first_of
from routerlib.rows.logs.logged_calls import LoggedCall, NoModelCall, told_beside

OBSERVATIONS = {"SPAN", "GENERATION", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR",
                "EMBEDDING", "GUARDRAIL"}  # fmt: skip


TRACE_MARKS = {"timestamp", "htmlPath", "observations", "sessionId", "session_id", "userId",
               "user_id", "bookmarked"}  # fmt: skip


def is_langfuse(row: Fields) -> bool:
    has_trace = bool(row.get("traceId") or row.get("trace_id"))
    is_observation = row.get("type") in OBSERVATIONS and has_trace and "attributes" not in row
    names = {"model", "provided_model_name", "providedModelName", "usageDetails", "usage_details"}
    is_generation = has_trace and "input" in row and bool(names & row.keys())
    is_trace = {"id", "input", "output"} <= row.keys() and bool(TRACE_MARKS & row.keys())
    return is_observation or is_generation or is_trace


def generations(row: Fields) -> list[Mapping[str, Any]]:
    """The generations of a trace; a trace without any, and an observation, stand for themselves."""
    inside = [part for part in row.get("observations") or () if isinstance(part, Mapping)]
    return [part for part in inside if part.get("type") == "GENERATION"] or [row]


def _plain_text(value: Any) -> Any:
    """A text that an export has written as JSON once more, quotes and all; others as they are."""
    if not isinstance(value, str) or not (value.startswith('"') and value.endswith('"')):
        return value
    try:
        text = json.loads(value)
    except ValueError:
        return value
    return text if isinstance(text, str) else value


def read_langfuse(row: Mapping[str, Any]) -> LoggedCall:
    """A generation; or a trace without any, of which the input and output are all that is known."""
    kind = row.get("type") or "GENERATION"
    if kind != "GENERATION":
        raise NoModelCall(f"observation of type {kind}")
    costs = decoded_text(first_of(row, "costDetails", "cost_details"))
    total = costs.get("total") if isinstance(costs, Mapping) else None
    usage = first_of(row, "usageDetails", "usage_details", "usage")
    given = first_of(row, "totalCost", "total_cost", "calculatedTotalCost", "cost")
    start = first_of(row, "startTime", "start_time", "timestamp")
    return LoggedCall(
        row.get("id"),
        _plain_text(row.get("input")),
        _plain_text(row.get("output")),
        model=first_of(row, "model", "provided_model_name", "providedModelName"),
        usage=usage or row,
        cost=total if given is None else given,
        start=start,
        end=first_of(row, "endTime", "end_time"),
        failed=str(row.get("level") or "").upper() == "ERROR",
        beside=told_beside(row),
    )
