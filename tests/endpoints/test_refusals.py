"""What servers' errors say: each kind in the words of many servers, those of gateways around
servers included.
"""

import email.utils
import json
import time

import pytest

from routerlib.endpoints.refusals import (
    BEYOND,
    HOPELESS,
    UNABLE_NOW,
    Kind,
    error_in,
    read_refusal,
    retry_after,
)


def openai(message, **more):
    return {"error": {"message": message, "type": None, "param": None, "code": None} | more}


CASES = [
    # busy
    (
        Kind.BUSY,
        429,
        openai("Rate limit reached for m. Please try again in 7m12s.", code="rate_limit_exceeded"),
    ),
    (Kind.BUSY, 429, ""),
    (
        Kind.BUSY,
        503,
        {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}},
    ),
    (Kind.BUSY, 503, {"error": "Model a/b is currently loading", "estimated_time": 20.5}),
    (Kind.BUSY, 503, "no healthy upstream"),
    (
        Kind.BUSY,
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ),
    (Kind.BUSY, 498, openai("Flex tier capacity exceeded")),
    (Kind.BUSY, 400, {"__type": "com.amazon#ThrottlingException", "message": "Too many requests"}),
    (Kind.BUSY, 500, openai("litellm.RateLimitError: Error code: 429 - {'error': 'slow'}")),
    (
        Kind.BUSY,
        500,
        openai(json.dumps({"error": {"code": 503, "message": "The model is overloaded."}})),
    ),
    (Kind.BUSY, 200, {"error": {"message": "Provider returned error", "code": 429}}),
    (Kind.BUSY, 200, {"error": {"message": "Provider returned error", "code": "529"}}),
    (Kind.BUSY, 200, {"code": 1305, "msg": "当前模型繁忙,请稍后"}),
    (
        Kind.BUSY,
        200,
        {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None},
    ),
    (Kind.BUSY, 502, {"error": {"message": "queue full", "code": 429}}),
    (Kind.BUSY, 403, openai("You have exceeded a secondary rate limit.")),
    # gone, or broken
    (Kind.DOWN, 502, "<html><head><title>502 Bad Gateway</title></head></html>"),
    (Kind.DOWN, 504, ""),
    (Kind.DOWN, 522, "<!DOCTYPE html><title>Connection timed out</title>"),
    (Kind.BROKEN, 500, openai("The server had an error. Please try again later.")),
    (Kind.BROKEN, 500, "Internal Server Error"),
    (
        Kind.BROKEN,
        200,
        {"error": {"message": "CUDA error: an illegal memory access was encountered"}},
    ),
    (Kind.BROKEN, 408, openai("Request timeout")),
    # no request can succeed
    (
        Kind.NO_CREDIT,
        402,
        openai("This request requires more credits, or fewer max_tokens.", code=402),
    ),
    (Kind.NO_CREDIT, 429, openai("You exceeded your current quota.", code="insufficient_quota")),
    (
        Kind.NO_CREDIT,
        429,
        {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}},
    ),
    (
        Kind.NO_CREDIT,
        403,
        {"code": 30001, "message": "Sorry, your account balance is insufficient"},
    ),
    (Kind.NO_CREDIT, 400, openai("Your credit balance is too low to access the API.")),
    (
        Kind.NO_CREDIT,
        200,
        {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
    ),
    (Kind.WRONG_KEY, 401, openai("Incorrect API key provided: sk-…")),
    (Kind.WRONG_KEY, 401, ""),
    (Kind.WRONG_KEY, 403, {"detail": "Not authenticated"}),
    (Kind.WRONG_KEY, 403, {"message": "API key is missing"}),
    (Kind.WRONG_KEY, 403, openai("Authentication credentials were not provided.")),
    (Kind.NO_ACCESS, 403, openai("Your API key does not have permission to use this model")),
    (Kind.BUSY, 200, {"error_code": 18, "error_msg": "Open api qps request limit reached"}),
    (Kind.BUSY, 200, {"errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]}),
    (Kind.WRONG_KEY, 400, [openai("API key not valid. Please pass a valid API key.", code=400)]),
    (Kind.WRONG_KEY, 200, {"error": {"message": "No auth credentials found", "code": 401}}),
    (Kind.WRONG_KEY, 500, {"detail": "Authentication failed: token expired"}),
    (
        Kind.NO_ACCESS,
        403,
        openai("Project `p` does not have access to model `m`", code="model_not_found"),
    ),
    (Kind.BLOCKED, 403, "<!DOCTYPE html><title>Attention Required! | Cloudflare</title>"),
    (Kind.NO_MODEL, 404, {"error": "model 'm' not found"}),
    (Kind.NO_MODEL, 404, openai("The model `m` does not exist or you do not have access to it.")),
    (Kind.NO_MODEL, 404, openai("The API deployment does not exist.", code="DeploymentNotFound")),
    (Kind.NO_MODEL, 400, openai("a/b is not a valid model ID", code=400)),
    (Kind.NO_MODEL, 400, openai("Model Not Exist")),
    (Kind.NO_MODEL, 400, {"object": "error", "message": "Invalid model: m", "code": "1500"}),
    (Kind.NO_PATH, 404, {"detail": "Not Found"}),
    (Kind.NO_PATH, 404, "404 page not found"),
    (Kind.NO_PATH, 405, {"detail": "Method Not Allowed"}),
    (
        Kind.NO_PATH,
        404,
        openai("This is a chat model and not supported in the v1/completions endpoint."),
    ),
    (Kind.NO_PATH, 200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
    # this request alone
    (Kind.TOO_LONG, 413, "<html><title>413 Request Entity Too Large</title></html>"),
    (Kind.TOO_LONG, 400, openai("This model's maximum context length is 4096 tokens.")),
    (
        Kind.TOO_LONG,
        400,
        {"error": {"type": "exceed_context_size_error", "message": "the request exceeds it"}},
    ),
    (Kind.TOO_LONG, 400, openai("prompt is too long: 213462 tokens > 200000 maximum")),
    (
        Kind.TOO_LONG,
        429,
        openai(
            "Request too large for m on tokens per min: Limit 30000, Requested 40000.",
            code="rate_limit_exceeded",
        ),
    ),
    (
        Kind.NO_SUCH_INPUT,
        400,
        openai("Model does not support images. Please use a model that does."),
    ),
    (Kind.NO_SUCH_INPUT, 400, openai("m is not a multimodal model")),
    (
        Kind.FILTERED,
        400,
        openai("It was filtered by the content management policy.", code="content_filter"),
    ),
    (
        Kind.FILTERED,
        400,
        {"code": "DataInspectionFailed", "message": "Input may be inappropriate."},
    ),
    (
        Kind.FILTERED,
        403,
        openai("Your chosen model requires moderation and your input was flagged"),
    ),
    (
        Kind.REFUSED,
        400,
        openai("Parameter 'max_tokens' is not supported with this model.", param="max_tokens"),
    ),
    (Kind.REFUSED, 400, openai("Only one completion choice is allowed")),
    (
        Kind.REFUSED,
        422,
        {"detail": [{"loc": ["body", "stream"], "msg": "Extra inputs are not permitted"}]},
    ),
]


@pytest.mark.parametrize(("kind", "status", "body"), CASES, ids=lambda value: str(value)[:40])
def test_each_kind_is_known_by_what_the_server_says(kind, status, body):
    assert read_refusal(status, body).kind == kind
    if not isinstance(body, str):
        assert read_refusal(status, json.dumps(body).encode()).kind == kind, "as bytes, too"


def test_the_kinds_that_serve_another_server_model_or_nobody_are_apart():
    assert not UNABLE_NOW & HOPELESS and not BEYOND & (UNABLE_NOW | HOPELESS)


def test_any_status_with_a_retry_after_waits_but_no_credit_and_no_key_do_not():
    assert read_refusal(500, "oops", {"retry-after": "7"}).kind == Kind.BUSY
    assert read_refusal(403, "<html>", {"retry-after": "7"}).retry_after == 7
    assert read_refusal(402, "pay", {"retry-after": "7"}).kind == Kind.NO_CREDIT
    assert read_refusal(401, "who?", {"retry-after": "7"}).kind == Kind.WRONG_KEY


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (openai("Please try again in 7m12.5s. Visit …"), 432.5),
        (openai("Please try again in 20s."), 20),
        (openai("try again in 350ms"), 0.35),
        (openai("Retry after 3 seconds"), 3),
        (openai("Please retry."), None),
        ({"error": {"details": [{"retryDelay": "6s"}]}}, 6),
        ({"error": "loading", "estimated_time": 20.5}, 20.5),
        (openai("try again in 1 hour"), 3600),
        (openai("wait 2 minutes"), 120),
    ],
)
def test_the_wait_is_found_in_the_body(body, seconds):
    assert read_refusal(429, body).retry_after == seconds


def test_retry_after_is_read_in_all_its_forms():
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after-ms": "250"}) == 0.25
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert 25 < retry_after({"retry-after": date}) <= 30
    assert retry_after({}) is None and retry_after({"retry-after": "soon"}) is None


def test_what_a_provider_behind_a_gateway_said_is_shown():
    body = openai("Provider returned error", metadata={"raw": '{"detail": "m is down for today"}'})
    assert read_refusal(502, body).text == "Provider returned error: m is down for today"


def test_the_text_names_the_field_that_the_server_named():
    refusal = read_refusal(422, {"detail": [{"loc": ["body", "stop"], "msg": "too many"}]})
    assert refusal.text == "body.stop: too many" and "stop" in refusal.words
    assert "seed" in read_refusal(400, {"errors": {"seed": ["is unknown"]}}).words
    assert read_refusal(400, openai("no", param="top_p")).param == "top_p"


def test_an_echo_of_the_request_is_no_complaint_about_its_fields():
    body = {"detail": [{"loc": ["body", "n"], "msg": "no", "input": {"stop": ["x"], "model": "m"}}]}
    assert "stop" not in read_refusal(422, body).words


def test_a_servers_message_cannot_steer_the_terminal():
    assert (
        read_refusal(400, openai("no \x1b[2J\x1b]0;mine\x07 model\nhere")).text
        == "no �[2J�]0;mine� model here"
    )


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"choices": [1], "error": None}, None),
        ({"choices": [1], "error": {}}, None),
        ({"choices": [1]}, None),
        ({"choices": [1], "error": {"code": 429}}, {"code": 429}),
        ({"error": "no"}, "no"),
        ({"choices": [1], "base_resp": {"status_code": 0}}, None),
        ({"code": 1, "msg": "no"}, {"code": 1, "msg": "no"}),
    ],
)
def test_an_error_inside_an_answer_is_found(answer, error):
    assert error_in(answer) == error


def test_a_body_without_end_is_read_in_bounded_time():
    deep = {"error": "no"}
    for _ in range(2000):
        deep = {"error": deep}
    started = time.monotonic()
    assert read_refusal(400, deep).kind == Kind.REFUSED
    read_refusal(500, "x " * 1_000_000)
    read_refusal(400, openai("model " * 100_000))
    assert time.monotonic() - started < 5
