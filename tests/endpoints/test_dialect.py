"""The dialect: which field a refusal names, what is said in its place, and what is learnt for
all.
"""

import pytest

from routerlib.endpoints.dialect import Dialect
from routerlib.endpoints.refusals import read_refusal


def body(**more):
    usual = {
        "model": "m",
        "messages": [],
        "max_tokens": 512,
        "temperature": 0.7,
        "stop": list("abcd"),
    }
    return usual | {"stream": False} | more


def refused(message, status=400, **more):
    return read_refusal(status, {"error": {"message": message, **more}})


def words(message, sent=None, **more):
    return Dialect().other_words(refused(message, **more), sent or body(), {})


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        ("at most 4 stop strings are allowed, 16 were sent", {"stop": 4}),
        ("Number of stop sequences (16) exceeds the maximum of 5.", {"stop": 5}),
        ("`stop` supports up to 4 stop sequences. Given: 16", {"stop": 4}),
        ("Invalid 'stop': array too long. Maximum length 4, but got 16 instead.", {"stop": 4}),
        ("参数stop不支持", {"stop": 1}),
        ("Le paramètre « stop » n'est pas pris en charge", {"stop": 1}),
        ("stopSequences is not supported by this model", {"stop": 1}),
        ("litellm.UnsupportedParamsError: no support for ['stop'], model=o3-2", {"stop": 1}),
        ("Unsupported value: 'temperature' does not support 0.7", {"temperature": None}),
        ("temperature: Extra inputs are not permitted", {"temperature": None}),
        (
            "Use 'max_completion_tokens' in place of 'max_tokens'",
            {"max_tokens": "max_completion_tokens"},
        ),
        ("max_tokens is not supported", {"max_tokens": "max_completion_tokens"}),
        ("max_tokens must be a multiple of 16", {"max_tokens": "max_completion_tokens"}),
        (
            "Invalid max_tokens value, the valid range of max_tokens is [1, 300]",
            {"max_tokens": 300},
        ),
        ("stream: value is not allowed", {"stream": None}),
        ("the request body has an unknown field 'seed'", {"seed": None}),
        ("[{'type': 'extra_forbidden', 'loc': ('body', 'top_p')}]", {"top_p": None}),
        ("top_logprobs must be at most 5", {"top_logprobs": 5}),
        ("log probabilities are not available", {"logprobs": None, "top_logprobs": None}),
        ("max_tokens may be 256 to 500, or 2,000", {"max_tokens": 500}),
        ("max_tokens不能大于300", {"max_tokens": 300}),
        ("max_tokens must lie in [1,512)", {"max_tokens": "max_completion_tokens"}),
        ("sample logprobs of 20 are more than the maximum, 5", {"top_logprobs": 5}),
        ("n must be 1", {"n": 1}),
        ("body -> n\n  Extra inputs are not permitted", {"n": 1}),
        ("Only one completion choice is allowed", {"n": 1}),
        ("`candidateCount` above 4 is not possible", {"n": 4}),
    ],
)
def test_the_named_field_is_said_otherwise(message, changed):
    sent = body(
        stop=[str(k) for k in range(16)], n=9, seed=1, top_p=0.5, logprobs=True, top_logprobs=20
    )
    assert words(message, sent) == changed


def test_the_field_may_be_named_by_param_alone_or_by_its_place_in_a_list():
    assert words("Invalid request", param="temperature") == {"temperature": None}
    assert words("Invalid request", param="$.stop[1]") == {"stop": 1}
    nested = read_refusal(
        422, {"detail": [{"loc": ["body", "stream"], "msg": "not permitted", "input": body()}]}
    )
    assert Dialect().other_words(nested, body(), {}) == {"stream": None}
    by_name = read_refusal(
        400, {"title": "One or more errors", "errors": {"temperature": ["is unknown"]}}
    )
    assert Dialect().other_words(by_name, body(), {}) == {"temperature": None}


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens; max_tokens is 512",
        "Please stop: rate limit reached",
        "the content policy does not allow temperature",
    ],
)
def test_what_is_no_matter_of_fields_changes_nothing(message):
    assert words(message) is None


def test_a_server_that_failed_has_to_quote_the_field():
    assert Dialect().other_words(refused("worker told to stop", 500), body(), {}) is None
    said = refused("Unknown argument 'stop'", 500)
    assert Dialect().other_words(said, body(), {}) == {"stop": 1}


def refuse_until(dialect, wanted, answer, rounds=12):
    """A server's side of the talk: `answer(body)` is a refusal or None. Returns the accepted
    body.
    """
    trial = {}
    for _ in range(rounds):
        sent = dialect.say(wanted, trial)
        refusal = answer(sent)
        if refusal is None:
            dialect.accept(sent, trial)
            return sent
        trial = dialect.other_words(refusal, sent, trial)
        if trial is None:
            return None
    return None


def test_several_refused_fields_go_one_after_the_other():
    def picky(sent):
        for name in ("max_tokens", "stop", "temperature", "n", "stream"):
            if name in sent:
                return refused(f"'{name}' is not supported")
        return None

    dialect = Dialect()
    sent = refuse_until(dialect, body(n=3), picky)
    assert sent == {"model": "m", "messages": [], "max_completion_tokens": 512}
    assert dialect.say(body(n=3)) == sent, "learnt for all"
    assert dialect.left_out == ["stop", "temperature"] and len(dialect.news) == 5


def test_a_server_that_wants_to_stream_gets_it():
    def streams(sent):
        return None if sent.get("stream") is True else refused("only `stream` mode is possible")

    sent = refuse_until(Dialect(), body(), streams)
    assert sent["stream"] is True and sent["stream_options"] == {"include_usage": True}


def test_a_stream_without_its_count_of_tokens_is_better_than_none():
    def streams(sent):
        if "stream_options" in sent:
            return refused("Unknown field: stream_options")
        return None if sent.get("stream") is True else refused("only `stream` mode is possible")

    dialect = Dialect()
    sent = refuse_until(dialect, body(), streams)
    assert sent["stream"] is True and "stream_options" not in sent
    assert dialect.say(body()) == sent and dialect.left_out == []


def test_a_refusal_without_a_name_is_guessed_at_before_the_first_answer_only():
    def mute(sent):
        return refused("Bad Request") if "stop" in sent or "top_k" in sent else None

    dialect = Dialect(hints=["top_k"])
    sent = refuse_until(dialect, body(top_k=1), mute)
    assert "stop" not in sent and "top_k" not in sent and "temperature" in sent
    assert dialect.other_words(refused("Bad Request"), body(), {}) is None


def test_what_no_guess_helps_is_guessed_once():
    dialect = Dialect()
    asked = []
    for _ in range(3):
        assert (
            refuse_until(dialect, body(), lambda sent: asked.append(sent) or refused("no")) is None
        )
    assert len(asked) <= 6


def test_one_question_s_refusal_of_a_field_that_was_taken_teaches_nothing_until_others_meet_it():
    dialect = Dialect()
    dialect.accept(body(), {})
    for k in range(3):
        assert ("temperature" in dialect.say(body())) is True, k
        dialect.accept(body(), {"temperature": None})
    assert "temperature" not in dialect.say(body())


def test_what_is_needed_stays():
    dialect = Dialect(needed=["logprobs", "top_logprobs"])
    sent = body(logprobs=True, top_logprobs=20)
    assert dialect.other_words(refused("'logprobs' is not supported"), sent, {}) is None


def test_of_what_is_needed_there_may_be_less():
    dialect = Dialect(needed=["logprobs", "top_logprobs"])
    sent = body(logprobs=True, top_logprobs=20)
    trial = dialect.other_words(refused("'top_logprobs' is 8 at most"), sent, {})
    assert trial == {"top_logprobs": 8}
    assert dialect.other_words(refused("'logprobs' costs 3 more"), sent, trial) is None


def test_numbers_may_have_commas():
    dialect = Dialect()
    sent = body(max_tokens=128_000)
    assert words("max_tokens is 16,384 at most", sent) == {"max_tokens": 16_384}
    message = "context length is 131,072 tokens, you asked for 140,000 (12,000 and 128,000)"
    trial = dialect.other_words(refused(message), sent, {})
    assert trial == {"max_tokens": 131_072 - 12_000}


def test_where_the_prompt_was_not_counted_half_as_many_tokens_are_tried_each_time():
    context, prompt = 4096, 1000

    def vague(sent):
        asked = sent["max_tokens"]
        if prompt + asked <= context:
            return None
        least = context - asked + 1
        return refused(
            f"The maximum context length is {context} tokens. You requested {asked} output tokens, "
            f"and the prompt contains at least {least}, in all at least {context + 1}."
        )

    dialect = Dialect()
    assert refuse_until(dialect, body(max_tokens=4000), vague)["max_tokens"] == 2000
    assert dialect.say(body(max_tokens=4000))["max_tokens"] == 4000, "for that prompt alone"
    prompt = 5000
    assert refuse_until(dialect, body(max_tokens=4000), vague) is None


def test_limits_are_recorded_where_something_is_lost():
    dialect = Dialect()
    dialect.accept(body(), {"max_tokens": 300, "stop": 2, "n": 4})
    assert dialect.limits == {"max_tokens": 300}
    hinted = Dialect(hints=["top_logprobs"])
    hinted.accept(body(), {"top_logprobs": 2})
    assert hinted.limits == {}, "a hint changes no answer"
    assert dialect.say(body(n=9)) == body(n=4, max_tokens=300, stop=["a", "b"])


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("NotImplementedError: n > 1", "n"),
        ("stop strings are not supported by this backend", "stop"),
        ("create() got an unexpected keyword argument temperature", "temperature"),
    ],
)
def test_a_server_that_failed_may_say_what_it_cannot_do(text, field):
    sent = {"model": "m", "n": 3, "stop": ["x"], "temperature": 0.7, "max_tokens": 9}
    words = Dialect().other_words(read_refusal(500, {"error": text}), sent, {})
    assert list(words) == [field]


TOO_LONG_TOGETHER = [
    "This model's maximum context length is 2048 tokens. However, you requested 2084 tokens (36 in "
    "the messages, 2048 in the completion).",
    "'max_tokens' is too large: 2048. This model's maximum context length is 2048 tokens and your "
    "request has 36 input tokens (2048 > 2048 - 36).",
    "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 36 `inputs` tokens and 2048",
    "Request too large for model m, organization org_01, on tokens per minute (TPM): Limit 2048, "
    "Requested 2084, please reduce your message size and try again.",
]


@pytest.mark.parametrize("message", TOO_LONG_TOGETHER)
def test_where_prompt_and_answer_are_too_long_together_the_answer_gets_what_is_left(message):
    dialect = Dialect()
    sent = body(max_tokens=2048)
    trial = dialect.other_words(refused(message, param="max_tokens"), sent, {})
    assert dialect.say(sent, trial)["max_tokens"] == 2012
    dialect.accept(dialect.say(sent, trial), trial)
    assert dialect.say(sent)["max_tokens"] == 2048, "it was this prompt's limit alone"
    assert dialect.limits == {} and len(dialect.news) == 1
    dialect.accept(dialect.say(sent, trial), trial)
    assert len(dialect.news) == 1, "told once"
    assert dialect.other_words(refused(message), dialect.say(sent, trial), trial) is None


@pytest.mark.parametrize(
    "message",
    [
        "maximum context length is 1024 tokens. However, you requested 3000 tokens",
        "maximum context length is 2048 tokens, you requested 4000 (1950 in the prompt)",
        "the request (9000 tokens) exceeds the available context size (4096 tokens)",
        "the prompt is too long",
        "Request too large on tokens per minute (TPM): Limit 8000, Requested 9950",
    ],
)
def test_a_prompt_that_is_too_long_by_itself_is_not_asked_again(message):
    sent = body(max_tokens=2050)
    assert Dialect().other_words(refused(message), sent, {}) is None


def test_a_door_that_is_closed_to_one_field_opens_without_it():
    denied = refused("You are not allowed to request logprobs from this model", status=403)
    trial = Dialect().other_words(denied, body(logprobs=True, top_logprobs=20), {})
    assert trial == {"logprobs": None, "top_logprobs": None}


def test_a_limit_that_stands_where_the_field_s_name_belongs_is_read():
    odd = refused("Param Incorrect", param="max_tokens is too large: 9000. At most 4096 tokens.")
    assert Dialect().other_words(odd, body(max_tokens=9000), {}) == {"max_tokens": 4096}
