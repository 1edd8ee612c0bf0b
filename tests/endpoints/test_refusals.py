"""What servers' errors say: each kind in the words of many servers, those of gateways around
servers included.
"""

import email.utils
import json
import time
from datetime import UTC, datetime

import pytest

from routerlib.endpoints.refusals import (
    BEYOND,
    HOPELESS,
    UNABLE_NOW,
    Kind,
    error_in,
    read_refusal,
    retry_after,
    seconds_in,
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
    (Kind.REFUSED, 400, openai("Unsupported value: temperature for this model.")),
    (Kind.REFUSED, 400, openai("This model only support stream mode, please enable stream.")),
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
    (Kind.BROKEN, 499, {"error": "context canceled"}),
    (Kind.BROKEN, 400, {"error": "Model reloaded."}),
    (Kind.BROKEN, 400, {"error": "The model llama-3.1-8b has crashed (Exit code: 6)"}),
    (Kind.BROKEN, 400, {"error": 'Failed to load model "a/b". Error: Operation canceled.'}),
    (Kind.BROKEN, 400, {"error": 'Failed to load model "a". Error: Error loading model.'}),
    (Kind.BROKEN, 500, openai("model runner has unexpectedly stopped, check the server's logs")),
    (Kind.BROKEN, 400, {"error": "Channel Error"}),
    # busy, in a word alone
    (Kind.BUSY, 200, {"error": {"message": "The system meets high demand, and cannot answer."}}),
    (Kind.BUSY, 500, openai("We're experiencing high traffic right now!")),
    (Kind.BUSY, 400, openai('{"message": "Too many tokens, please wait before trying again."}')),
    # no request can succeed
    (Kind.NO_CREDIT, 403, openai("token quota is not enough, token remain quota: 0.00")),
    (Kind.NO_CREDIT, 401, openai("该令牌额度已用尽")),
    (Kind.NO_CREDIT, 403, openai("Key limit exceeded (total limit).", code=403)),
    (Kind.NO_CREDIT, 400, openai("You have reached your specified API usage limits.")),
    (Kind.NO_CREDIT, 429, openai("Your team has used all available credits.")),
    (Kind.NO_CREDIT, 403, openai("Your newly created team doesn't have any credits yet.")),
    (Kind.NO_CREDIT, 400, openai("Budget has been exceeded! Current cost: 6, max budget: 5")),
    (Kind.NO_CREDIT, 403, openai("The account has an overdue balance.")),
    (Kind.NO_CREDIT, 403, {"reason": "NOT_ENOUGH_BALANCE"}),
    (Kind.NO_CREDIT, 403, openai("Credit limit exceeded, see your settings")),
    (Kind.NO_CREDIT, 403, [openai("It requires billing to be enabled for project 7")]),
    (Kind.NO_CREDIT, 403, openai("您的账户余额已用完")),
    (Kind.BUSY, 429, openai("Quota exceeded for metric: requests per minute")),
    (Kind.WRONG_KEY, 403, {"message": "The security token included in the request is expired"}),
    (Kind.WRONG_KEY, 403, {"message": "Signature expired: 20251101T is now earlier than 2025"}),
    (Kind.WRONG_KEY, 403, {"__type": "UnrecognizedClientException", "message": "No."}),
    (Kind.NO_MODEL, 400, openai("The model `llama-3.1-8b` does not exist")),
    (Kind.NO_MODEL, 400, openai("The model `mixtral-8x7b` has been decommissioned.")),
    (Kind.NO_MODEL, 400, openai("The requested model 'a' is not supported by any provider.")),
    (Kind.NO_MODEL, 400, {"error": "could not find real modelID for a"}),
    (Kind.NO_MODEL, 400, openai("Unable to access model a/b. Please visit the list of models.")),
    (Kind.NO_MODEL, 400, openai("Not for us.", code="model_not_supported")),
    (Kind.NO_MODEL, 400, openai("Incorrect value.", param="model")),
    (Kind.NO_MODEL, 400, {"message": "Model a.b with on-demand throughput isn’t supported."}),
    (Kind.NO_MODEL, 400, openai("Unable to access non-serverless model a/b. Rent a machine.")),
    (Kind.NO_MODEL, 400, {"message": "The given model identifier is invalid."}),
    (Kind.NO_PATH, 400, openai('"embedder:latest" does not support chat')),
    (Kind.NO_PATH, 501, openai("This server does not support completions.")),
    (Kind.NO_PATH, 403, {"message": "Missing Authentication Token"}),
    (Kind.NO_PATH, 403, {"error": "Forbidden", "message": "Path not allowed"}),
    (
        Kind.NO_PATH,
        400,
        openai("The completion operation does not work with the specified model, m."),
    ),
    (Kind.STOPPED_ON_THE_WAY, 407, "<html><title>Proxy Authentication Required</title></html>"),
    # who asks is shut out, whatever the status
    (Kind.NO_ACCESS, 400, openai("Organization has been restricted.", code="restricted")),
    (Kind.NO_ACCESS, 400, openai("No.", code="organization_restricted")),
    (Kind.NO_ACCESS, 412, openai("Account acme is suspended. Please contact us.")),
    (Kind.NO_ACCESS, 429, openai("Your account org-1 is currently suspended, check your plan")),
    (Kind.NO_ACCESS, 400, [openai("User location is not supported for the API use.")]),
    (Kind.NO_ACCESS, 451, openai("This model is not available in your country.")),
    (Kind.NO_ACCESS, 404, openai("No endpoints found matching your data policy.")),
    (Kind.BUSY, 429, openai("Your account is suspended for now, try again in 20s")),
    (Kind.FILTERED, 400, openai("Flagged. Your account may be suspended for such prompts.")),
    # one generation that went wrong
    (Kind.BROKEN, 400, openai("Tool choice is none, but model called a tool")),
    (
        Kind.BROKEN,
        400,
        openai("See 'failed_generation'", failed_generation="stop: invalid api key"),
    ),
    # the room that the prompt leaves
    (Kind.TOO_LONG, 400, openai("max_tokens must be at least 1, got -160.")),
    (
        Kind.TOO_LONG,
        400,
        openai("Invalid 'max_tokens': below minimum. Expected a value >= 1, but got -5 instead."),
    ),
    (Kind.TOO_LONG, 400, openai("-24 is less than the minimum of 1 - 'max_tokens'")),
    (Kind.REFUSED, 400, openai("max_tokens must be at least 16, got 1")),
    # a prompt that is too long, counted in whatever unit
    (Kind.TOO_LONG, 400, [openai("The input token count (90210) exceeds what m allows (8192).")]),
    (Kind.TOO_LONG, 400, {"message": "too many tokens: 310 above the limit of m, 4000"}),
    (Kind.TOO_LONG, 422, {"error": "`inputs` must have less than 512 tokens. Given: 700"}),
    (Kind.TOO_LONG, 400, openai("Range of input length should be [1, 6144]")),
    (Kind.TOO_LONG, 400, openai("The request exceeded model token limit: 4096")),
    (Kind.TOO_LONG, 400, {"code": 7, "message": "prompt_tokens (99) above max_seq_len (64)"}),
    (Kind.TOO_LONG, 400, openai("number of tokens in the prompt is over the limit of 900")),
    (Kind.TOO_LONG, 400, openai("The prompt has 9000 characters, at most 8000 are read")),
    (Kind.TOO_LONG, 400, openai("输入内容过长")),
    (Kind.REFUSED, 400, openai("max_tokens (9000) exceeds the limit of 4096 output tokens")),
    (Kind.REFUSED, 400, openai("At most 4096 completion tokens, whereas you provided 9000")),
    (Kind.BUSY, 429, openai("The token rate limit of your pricing tier is exceeded")),
    # turns that a template does not know
    (Kind.NO_SUCH_INPUT, 400, openai("System role not supported")),
    (Kind.NO_SUCH_INPUT, 400, openai("'messages[0].role' does not support 'system' here.")),
    (Kind.NO_SUCH_INPUT, 400, openai("Conversation roles must alternate user/assistant/…")),
    (Kind.NOT_ENCRYPTED, 400, "Client sent an HTTP request to an HTTPS server.\n"),
    (
        Kind.NOT_ENCRYPTED,
        400,
        "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
    ),
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
    (Kind.FILTERED, 400, openai("Content Exists Risk")),
    (Kind.FILTERED, 451, openai("The content that you gave is blocked.")),
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
        (openai("try again in 1 minute and 5 seconds"), 65),
        (openai("slow", retry_after_ms=2500), 2.5),
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


@pytest.mark.parametrize("place", [None, 7, "body", {"a": 1}])
def test_the_place_of_a_fault_may_have_any_form(place):
    assert read_refusal(422, {"detail": [{"loc": place, "msg": "too many"}]}).text == "too many"


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
        ({"error": True, "message": "no"}, {"error": True, "message": "no"}),
        ({"error": "1", "msg": "no"}, {"error": "1", "msg": "no"}),
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


NOW = 1_800_000_000.0


@pytest.fixture
def elsewhere_on_earth(monkeypatch):
    """Where clocks show another time than UTC, in which servers tell theirs."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("3", 3),
        ("2.5s", 2.5),
        ("17ms", 0.017),
        ("6m0s", 360),
        ("1h2m3s", 3723),
        ("1800000004", 4),
        ("1800000004000", 4),
        ("Fri, 15 Jan 2027 08:00:05 GMT", 5),
        ("2027-01-15T08:00:06Z", 6),
        ("2027-01-15T08:00:00+00:00", 0),
        ("4 seconds", 4),
        ("PT1M4S", 64),
        ("00:01:04", 64),
        ("Fri Jan 15 08:00:05 2027", 5),
        ("2027-01-15 08:00:06", 6),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
@pytest.mark.usefixtures("elsewhere_on_earth")
def test_a_time_is_read_in_every_form(told, seconds):
    assert seconds_in(told, now=NOW) == (None if seconds is None else pytest.approx(seconds))


def test_of_two_waits_that_gateways_left_the_first_counts():
    assert retry_after({"retry-after": "3, 9"}) == 3
    assert retry_after({"x-ratelimit-timeremaining": "4"}) == 4
    assert retry_after({"retry-after": "soon", "x-ratelimit-timeremaining": "4"}) == 4
    assert retry_after({"X-Retry-After": "4"}) == 4
    assert retry_after({"x-rate-limit-retry-after-seconds": "4"}) == 4
    assert retry_after({"x-gateway-retry-after-ms": "400"}) == 0.4


def iso(seconds):
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()


def test_a_busy_server_s_used_up_limits_tell_the_wait():
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "6m0s",
        "x-ratelimit-remaining-tokens": "9000",
        "x-ratelimit-reset-tokens": "9h",
    }
    assert read_refusal(429, "", headers).retry_after == 360
    assert read_refusal(400, openai("no"), headers).kind == Kind.REFUSED, "busy is said otherwise"
    dated = {
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": iso(30),
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": iso(60),
    }
    assert read_refusal(429, "", dated).retry_after == pytest.approx(60, abs=2)
    assert read_refusal(429, "", dated | {"retry-after": "2"}).retry_after == 2
    hyphened = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "8"}
    assert read_refusal(429, "", hyphened).retry_after == 8
    newest = {"ratelimit": '"minute";r=0;t=7, "day";r=3;t=900'}
    assert read_refusal(429, "", newest).retry_after == 7
    assert read_refusal(429, "", {"ratelimit": '"day";r=3;t=900'}).retry_after is None


def test_limits_that_a_gateway_repeats_in_the_body_count_while_they_are_ahead():
    def told(when):
        limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(when * 1000))}
        return openai("Rate limit exceeded", code=429, metadata={"headers": limits})

    ahead = read_refusal(200, told(time.time() + 20))
    assert ahead.kind == Kind.BUSY and ahead.retry_after == pytest.approx(20, abs=2)
    assert read_refusal(200, told(time.time() - 20)).retry_after is None


def test_an_error_that_says_nothing_is_none():
    empty = {"message": "", "type": "", "param": "", "code": None}
    answer = {"choices": [{"message": {"content": "42"}}]}
    assert error_in(answer | {"error": empty}) is None
    assert error_in(answer | {"error": empty | {"code": 500}})


def test_the_text_of_an_error_that_is_a_flag_or_a_title_stands_beside_it():
    flag = error_in({"error": True, "message": "Too many requests"})
    assert read_refusal(200, flag).kind == Kind.BUSY
    assert read_refusal(200, flag).text == "Too many requests"
    title = {"statusCode": 400, "error": "Bad Request", "message": "stop is unknown"}
    assert read_refusal(400, title).text == "Bad Request: stop is unknown"
