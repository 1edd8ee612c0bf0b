"""What an error of a model's server says: one reading of status, code, words and headers, for all
who ask models.

Servers tell one and the same thing in many ways: "busy" is a 429, a 503 with "server busy", a 200
whose body holds an error, or a list of errors with the seconds to wait inside. `read` turns any of
them into one of the kinds below; what follows from a kind (wait, give up, stop, ask another model)
is decided by `clients`, `resumable` and `serving`; how long a busy server is left alone, by
`collecting.pace`. Nothing here sends anything.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from routerlib.progress import printable


class Kind(StrEnum):
    """What an error means, whatever its form."""

    BUSY = "busy"  # too many requests, overloaded, still loading: later, and fewer at once
    DOWN = "down"  # a gateway's word for "the server behind me is gone"
    BROKEN = "broken"  # the server failed at this request
    NO_CREDIT = "no credit"
    WRONG_KEY = "wrong key"
    NO_ACCESS = "no access"
    BLOCKED = "blocked"  # a page of a firewall: perhaps this prompt, perhaps all of them
    NO_MODEL = "no such model"
    NO_PATH = "no such path"
    STOPPED_ON_THE_WAY = "stopped on the way"  # a proxy wants to know who asks
    NOT_ENCRYPTED = "not encrypted"  # http was spoken where https is wanted
    TOO_LONG = "too long"  # this prompt, for this model
    NO_SUCH_INPUT = "no such input"  # images, sound or turns that this model cannot read
    FILTERED = "filtered"  # by moderation
    REFUSED = "refused"  # this request, for another reason


UNABLE_NOW = frozenset({Kind.BUSY, Kind.DOWN, Kind.BROKEN})  # another server may be able
# Every request would meet it
HOPELESS = frozenset(
    {
        Kind.NO_CREDIT,
        Kind.WRONG_KEY,
        Kind.NO_ACCESS,
        Kind.BLOCKED,
        Kind.NO_MODEL,
        Kind.NO_PATH,
        Kind.NOT_ENCRYPTED,
        Kind.STOPPED_ON_THE_WAY,
    }
)
BEYOND = frozenset({Kind.TOO_LONG, Kind.NO_SUCH_INPUT})  # another model may be able

BUSY_STATUS = frozenset({420, 429, 430, 498, 503, 529})
DOWN_STATUS = frozenset({502, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530})
# Gateways put these around another server's error, whose own status then stands in the body.
WRAPPING_STATUS = frozenset({400, 424, 500, 502})
# Statuses below 500 that are about this moment, not about the request: a time-out, a conflict, a
# gateway that has hung up ("499 client closed request").
PASSING_STATUS = frozenset({0, 408, 409, 424, 425, 444, 449, 460, 499})


@dataclass(frozen=True)
class Refusal:
    """One error, read.

    Fields: status: the response's, or the one its body names where that says more; 0: neither says
    one. text: what the server says, one line for a person. words: all that it says, in which names
    of fields are looked for. param: the field it names as the culprit. retry_after: seconds it asks
    to wait. is_page: it is a page for a browser.
    """

    kind: Kind
    status: int
    text: str
    words: str = ""
    param: str = ""
    retry_after: float | None = None
    is_page: bool = False


def read_refusal(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Refusal:
    """What an error says.

    Args:
        status: of the response, which is 200 for an error told inside one.
        body: the decoded JSON, or the text or bytes where it is none.
        headers: of the response.
    """
    value = _value_in_body(body)
    is_page = isinstance(value, str) and bool(PAGE.match(value))
    words = _page_title(value) if is_page else " ".join(_strings(value))
    codes = {code.lower() for code in _values_named(value, CODE_NAMES)}
    inner = _inner_status(codes, words)
    if not 400 <= status < 600 or (status in WRAPPING_STATUS and inner):
        status = inner
    wait = retry_after(headers or {})
    wait = _wait_in(value, words) if wait is None else wait
    text = _text(value) or words
    param = next(iter(_values_named(value, ("param",))), "")
    kind = _kind_of_refusal(status, codes, words, wait, is_page)
    if kind == Kind.REFUSED and param == "model":
        kind = Kind.NO_MODEL
    if kind == Kind.BUSY and wait is None:
        wait = until_reset(headers or {}, value)
    return Refusal(
        kind=kind,
        status=status,
        text=printable(" ".join(text.split())[:500]),
        words=words,
        param=param,
        retry_after=wait,
        is_page=is_page,
    )


def error_in(value: Mapping[str, Any]) -> Any:
    """The error that an answer with status 200 tells, beside its choices or in their place; None
    where it tells none.
    """
    for name in ("error", "errors"):
        if _tells_something(value.get(name)):
            return dict(value) if _is_flag(value, name) else value[name]
    gateway = value.get("base_resp")  # MiniMax: {"status_code": 1002, "status_msg": "rate limit"}
    if isinstance(gateway, Mapping) and gateway.get("status_code"):
        return gateway
    return None if value.get("choices") else dict(value)


def _is_flag(value: Mapping[str, Any], name: str) -> bool:
    """Whether the error beside no answer is a word alone, as in {"error": true, "message": "…"}."""
    others = (other for other in TEXT_NAMES if other != name)
    is_word = not isinstance(value[name], Mapping | list | tuple)
    return is_word and not value.get("choices") and any(value.get(other) for other in others)


def _tells_something(error: Any) -> bool:
    """Whether there is an error: gateways put an empty one beside a whole answer, as in
    {"message": "", "code": null}.
    """
    if isinstance(error, Mapping):
        return any(_tells_something(part) for part in error.values())
    if isinstance(error, list | tuple):
        return any(_tells_something(part) for part in error)
    return bool(error)


# --- the words ---

# Up to 80 characters of one sentence; a dot inside a name, as in "llama-3.1", does not end it.
GAP = r"(?:[^.]|\.(?=\w)){0,80}"

PAGE = re.compile(
    r"\s*(?:<!--.*?-->\s*)?<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE | re.DOTALL
)

NO_CREDIT = re.compile(
    r"""
      # "Insufficient Balance", insufficient_quota
      insufficient[ _.-]?(?:\w+[ _-])?(?:balance|credits?|quota|funds)
    | (?:credit|account)\ balance\ is\ (?:too\ low|not\ enough|insufficient)
    | balance\ is\ insufficient
    | out\ of\ credits? | no\ (?:more\ )?credits?\ (?:left|remaining)
    | credits?\ (?:are\ |is\ |have\ been\ )?(?:exhausted|depleted|used\ up)
    | used\ all\ (?:\w+\ )?credits | (?:have|has)\ any\ credits
    | (?:quota|balance|credits?)\ (?:is|are)\ not\ enough
    | not[ _]enough[ _](?:balance|credits?|quota|funds)
    | credit\ limit\ (?:exceeded|reached)
    | \boverdue\ (?:balance|payment|bill|invoice) | AccountOverdue
    | \b(?:recharge|top[ -]up)\ your\ (?:account|balance)
    | budget[ _](?:has[ _]been[ _])?exceeded
      # "reached its monthly spending limit", "your API usage limits", "Key limit exceeded"
    | spend(?:ing)?\ limits?\b | API\ usage\ limits?\b | \bkey\ limit\ exceeded
    | payment[ _]required | billing_(?:hard_limit|not_active)\w* | billing\ hard\ limit | arrearage
    | \bbilling\ to\ be\ enabled
    | 余额(?:不足|已?用完|已?用尽|已?耗尽) | 欠费 | 额度(?:不足|已用尽|已用完|已耗尽)
    """,
    re.IGNORECASE | re.VERBOSE,
)
WRONG_KEY = re.compile(
    r"""
      (?:api|access|auth)[ _-]?(?:key|token) | bearer\ token  # "API key not valid", invalid_api_key
    | authenticat(?:e|ed|ion)\b | authentication_error | \bcredentials?\b
    | unauthori[sz]ed | unauthenticated | authorization\ header
    | 令牌 | 密钥
    """,
    re.IGNORECASE | re.VERBOSE,
)
BUSY = re.compile(
    r"""
      rate[ _-]?limit | too[ _]many[ _](?:\w+[ _])?requests | throttl | resource[ _]exhausted
    | overload | over\ capacity | at\ capacity | capacity[ _](?:is[ _])?exceeded
    | (?:no|insufficient|exceeded|out\ of)[ _](?:\w+[ _])?capacity
    | (?:server|service|model|system|engine|backend|worker)s?[ _](?:is[ _]|are[ _])?(?:\w+[ _])?busy
    | (?:loading|starting|warming\ up)[ ](?:the\ )?model
    | model\b[^.]{0,60}\b(?:loading|warming\ up|starting)
    | (?:qps|request|daily|usage)s?\ (?:\w+\ )?limit\ (?:reached|exceeded)
    | capacity\ (?:\w+\ )?exceeded | server[ _]is[ _]full
    | queue\ (?:is\ )?full | (?:maximum|too\ many)\ (?:pending|concurrent|queued)
    | \bhigh\ (?:demand|traffic|load)\b | peak\ load | please\ wait\ (?:before|a\ (?:moment|while))
    | concurren(?:cy|t)\b[^.]{0,30}\b(?:limit|exceed)
    | temporar(?:y|ily)\b[^.]{0,20}\bunavailable | slow[ _]down
    | 繁忙 | 限流 | 频繁 | 负载 | 速率限制
    """,
    re.IGNORECASE | re.VERBOSE,
)
TOO_LONG = re.compile(
    r"""
      context[ _]length | maximum\ context | context\ (?:window|size|limit) | exceed_context_size\w*
    | (?:prompt|input|request|messages?|conversation)[^.]{0,40}
      \btoo\ (?:long|large|big|many\ tokens(?!,?\ please\ wait))
    | (?:input|prompt)s?`?[ _]tokens?\b | maximum\ (?:input|prompt|model)\ length
    | max_(?:model_len|seq_len|prompt_tokens)\b | string_above_max_length
      # Cohere's "too many tokens: size limit exceeded"; Bedrock's "please wait" is about a minute
    | \btoo\ many\ tokens\b(?!\ per\b|,?\ please\ wait)
    | \b(?:input|prompt)\ length\b | \bmodel\ token\ limit\b
    | \b(?:input|prompt)s?`?\ must\ have\ (?:less|fewer)\ than
    | \btokens?\ in\ (?:the|your)\ (?:prompt|input|request)
      # in characters: "The prompt has 31,200 characters; at most 24,000"
    | \b(?:prompt|input|request|messages?)\b[^.]{0,60}\d\ (?:characters|chars)\b
      # "max_tokens must be at least 1, got -186": what the prompt leaves of the context
    | max_\w*tokens\b.{0,90}\bgot\ -\d
    | -\d+\ is\ less\ than\ the\ minimum\b[^.]{0,20}\bmax_\w*tokens
    | 上下文长度 | 超长 | 输入(?:长度|过长|内容过长)
    """,
    re.IGNORECASE | re.VERBOSE,
)
NO_SUCH_INPUT = re.compile(
    r"""
      (?:does\ not|doesn't|cannot|can't|not|no|un)[ -]?(?:\w+\ ){0,4}?support\w*[^.]{0,40}
      \b(?:images?|image_url|vision|multi-?modal|audio|video)
    | (?:image|vision|multi-?modal|audio|video)\w*[^.]{0,60}(?:not|un)[ -]?support
    | not\ a\ (?:multi-?modal|vision)\ model
      # turns that the model's template does not know: "System role not supported"
    | \bsystem\ (?:role|messages?|prompts?)\b[^.]{0,20}\bnot\ (?:supported|allowed)
    | \brole['"`]?\ does\ not\ support 
    | \broles\b[^.]{0,20}\b(?:alternate|alternating)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
NO_MODEL = re.compile(
    rf"""
      \bmodel\b{GAP}\b(?:not[ _]found|not[ _]exist|does\ not\ exist|unknown|not\ a\ valid)
    | \bmodel\b{GAP}\b(?:decommissioned|retired|discontinued)
    | \brequested\ model\b{GAP}\bnot\ (?:supported|available)
    | (?:invalid|unknown|no\ such|find|not\ a\ valid|unsupported|access)
      \ (?:[\w-]+\ )?model(?:ID)?\b (?:[ ]?(?:id|name|for|:|'|"|`|$|[\w./-]+\.(?:\ |$)))
    | \bmodel\ (?:identifier|id|name)\ is\ (?:invalid|not\ valid)
    | model_not_found | unknown_model | invalid_model | model\ not\ exist | model_not_exist
    | model_(?:not_supported|not_available|decommissioned|deprecated)
    | no\ (?:endpoints?|deployment)\ (?:found|exists?) | DeploymentNotFound
      # Bedrock: this model is known under the name of an inference profile alone
    | \bwith\ on-demand\ throughput\b
    | 模型不存在
    """,
    re.IGNORECASE | re.VERBOSE,
)
# A server whose model has just gone, or whose generation failed, says so with any status: LM
# Studio's 400 "Model reloaded."
FAILED = re.compile(
    rf"""
      \bmodel\b{GAP}\b(?:crashed|unloaded|reloaded|terminated)\b
    | \b(?:failed\ to\ load|error\ loading)\ (?:the\ )?model\b
    | \brunner\b{GAP}\b(?:stopped|terminated)\b
    | \bchannel\ error\b | \bcontext\ cancell?ed\b | \boperation\ cancell?ed\b | \bout\ of\ memory\b
      # one generation went wrong, as Groq says with a 400: the next one may not
    | \bfailed_generation\b | \btool_use_failed\b | \bjson_validate_failed\b
    | \bmodel\ called\ a\ tool\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# What a server that speaks https says to http: Go's, nginx's
NOT_ENCRYPTED = re.compile(r"HTTP request (?:was sent )?to (?:an )?HTTPS (?:server|port)", re.I)
NO_PATH = re.compile(
    r"""
      unexpected\ endpoint
    | (?:no\ such|unknown|invalid|unrecognized|unsupported)\ (?:\w+\ )?(?:url|route|path|endpoint)
    | cannot\ (?:post|get)\ / | (?:route|path|url|page)\ not\ found | \bno\ route\b
    # OpenAI's and Azure's words for a chat model asked for completions
    | not\ supported\ in\ the\ v1/\w+\ endpoint | operation\ does\ not\ work\ with\ the\ specified
    | \bpath\ (?:is\ )?not\ allowed
      # Ollama's of a model without a template, llama.cpp's of a server of embeddings
    | \bdoes\ not\ support\ (?:chat|generate|completions?)\b
      (?!\ (?:template|messages?|history|with))
    # AWS's gateway, of a path that is not there: a key was sent
    | \bmissing\ authentication\ token\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
FILTERED = re.compile(
    r"""
      content[ _-]?(?:filter|policy|management|moderation|inspection) | moderat(?:ion|ed) | flagged
    | content\ exists\ risk | \bcontent\b[^.]{0,40}\bblocked\b | censor
    | responsible[ _]?ai | usage\ polic | safety | data[ _]?inspection | inappropriate | prohibited
    | 敏感 | 违规 | 不合规
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Who asks may ask for nothing, whatever the status: the account is closed, or the place is wrong.
SHUT_OUT = re.compile(
    r"""
      # "Organization has been restricted", "Your account org-1 is suspended"
      \b(?:organi[sz]ation|account|workspace|tenant|subscription)\b\ (?:\S+\ ){0,4}?
      (?:restricted|suspended|deactivated|disabled|banned|terminated|closed|frozen)\b
    | organization_restricted | account_(?:deactivated|suspended|disabled|banned)
      # "User location is not supported", "not available in your country"
    | \b(?:location|country|region|territory)\b[^.]{0,40}\bnot\ (?:supported|available|allowed)
    | \bnot\ (?:supported|available|allowed)\ (?:\w+\ ){0,3}(?:location|country|region|territory)\b
      # OpenRouter's, where the account's own settings leave no provider
    | \bmatching\ your\ (?:data\ policy|guardrail)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# "You do not have access to …", "your organization must be verified", "in your region"
ACCESS = re.compile(
    r"""
      access | permission | forbidden | not\ allowed | subscri | tier | verif | region | country
    | key
    """,
    re.IGNORECASE | re.VERBOSE,
)
# A 403 that is about who asks, not about what they may: "Not authenticated", "API key missing"
NOT_KNOWN = re.compile(
    r"""
      (?:not|un)[ -]?authenticated
    | authentication\ (?:is\ )?(?:required|failed|credentials|error)
    | (?:missing|invalid|incorrect|expired|no|wrong)\ (?:\w+\ )?(?:key|token|credentials)\b
      # "key is not valid", "The security token included in the request is expired"
    | (?:key|token|credentials|signature)\ (?:\w+\ ){0,6}?
      (?:missing|invalid|incorrect|expired|required|wrong|not\ (?:found|provided|valid))
    | ExpiredToken | UnrecognizedClient | InvalidClientTokenId
    """,
    re.IGNORECASE | re.VERBOSE,
)
# A failed server's word for a field that it cannot do: "NotImplementedError: n > 1"
UNABLE = re.compile(
    r"""
      not [ _]? (?:yet[ _])? (?:implemented | supported | allowed)
    | unsupported
      # Python's, for an argument that a function does not have
    | unexpected\ keyword
    """,
    re.IGNORECASE | re.VERBOSE,
)
TOO_LARGE_FOR_THE_LIMIT = re.compile(r"request too large", re.I)  # more tokens than a minute allows


def _kind_of_refusal(
    status: int, codes: set[str], words: str, wait: float | None, is_page: bool
) -> Kind:
    said = " ".join([*codes, words])
    if NOT_ENCRYPTED.search(words):
        return Kind.NOT_ENCRYPTED
    if status == 407:
        return Kind.STOPPED_ON_THE_WAY
    if status == 402 or (NO_CREDIT.search(said) and not (status == 429 and wait is not None)):
        return Kind.NO_CREDIT
    if status == 403:
        return _denied(said, wait, is_page)
    if status == 401 or (status in (0, 400, 500) and WRONG_KEY.search(said)):
        return Kind.WRONG_KEY
    if SHUT_OUT.search(said) and wait is None and not FILTERED.search(said):
        return Kind.NO_ACCESS
    if status == 413 or TOO_LARGE_FOR_THE_LIMIT.search(words):
        return Kind.TOO_LONG
    if status in (0, 400, 499, 500) and FAILED.search(words):
        return Kind.BROKEN
    if status in BUSY_STATUS or (wait is not None and status) or _busy_words(status, said):
        return Kind.BUSY
    if status in DOWN_STATUS:
        return Kind.DOWN
    return _by_words(status, said)


def _denied(said: str, wait: float | None, is_page: bool) -> Kind:
    """A 403 is the door of the server, its moderation, a firewall before it, or a limit of
    requests.
    """
    if BUSY.search(said) or wait is not None:
        return Kind.BUSY
    if is_page:
        return Kind.BLOCKED
    if FILTERED.search(said):
        return Kind.FILTERED
    if NO_PATH.search(said):
        return Kind.NO_PATH
    if NOT_KNOWN.search(said):
        return Kind.WRONG_KEY
    return Kind.NO_ACCESS if ACCESS.search(said) else Kind.BLOCKED


def _busy_words(status: int, said: str) -> bool:
    return bool(BUSY.search(said)) and not (status == 404 or TOO_LONG.search(said))


def _by_words(status: int, said: str) -> Kind:
    if status == 405 or NO_PATH.search(said):
        return Kind.NO_PATH
    if status == 404:
        return Kind.NO_MODEL if re.search("model|deployment|模型", said, re.I) else Kind.NO_PATH
    if FILTERED.search(said):
        return Kind.FILTERED
    if TOO_LONG.search(said):
        return Kind.TOO_LONG
    if NO_SUCH_INPUT.search(said):
        return Kind.NO_SUCH_INPUT
    if NO_MODEL.search(said):
        return Kind.NO_MODEL
    if status in PASSING_STATUS or status >= 500:
        return Kind.BROKEN
    return Kind.REFUSED


# --- the parts of a body ---

CODE_NAMES = (
    "code",
    "type",
    "status",
    "error_code",
    "errorCode",
    "status_code",
    "statusCode",
    "error_type",
    "reason",
    "__type",
)
TEXT_NAMES = (
    "error", "errors", "message", "msg", "detail", "details", "error_description", "errorMessage",
    "error_message", "error_msg", "errmsg", "errorMsg", "status_msg", "Message", "title", "reason",
    "description",
)  # fmt: skip
ECHOES = frozenset(
    {
        "input",
        "ctx",
        "request",
        "prompt",
        "messages",
        "url",
        "documentation_url",
        "headers",
        "user_id",
        "failed_generation",
    }
)
NAMED_FIELDS = frozenset({"errors", "detail", "details", "fields", "fieldErrors", "validation"})
DEEPEST = 8  # levels of objects, lists and JSON within a text


def _value_in_body(body: Any) -> Any:
    """The body as a value, where its text is JSON; else as its text."""
    if isinstance(body, bytes):
        body = body.decode("utf-8-sig", "replace")
    if isinstance(body, str) and body.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(body, strict=False)
        except (ValueError, RecursionError):
            return body
    return body


def _strings(value: Any, level: int = 0) -> Iterator[str]:
    """All texts of a body but the echo of what was sent; of objects that list errors by field, the
    fields' names too.
    """
    if level > DEEPEST:
        return
    if isinstance(value, str):
        inner = _value_in_body(value)
        if inner is value:
            yield value[:20_000]
        else:
            yield from _strings(inner, level + 1)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name in ECHOES:
                continue
            if name in NAMED_FIELDS and isinstance(part, Mapping):
                yield from (str(field) for field in part)
            yield from _strings(part, level + 1)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part, level + 1)


def _values_named(value: Any, names: tuple[str, ...], level: int = 0) -> Iterator[str]:
    """The values of fields with these names, wherever they stand, as texts."""
    if level > DEEPEST:
        return
    if isinstance(value, str):
        inner = _value_in_body(value)
        if inner is not value:
            yield from _values_named(inner, names, level + 1)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name in names and isinstance(part, str | int | float) and not isinstance(part, bool):
                yield str(part)
            elif name not in ECHOES:
                yield from _values_named(part, names, level + 1)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _values_named(part, names, level + 1)


def _text(value: Any, level: int = 0) -> str:
    """The human part: OpenAI's {"error": {"message"}}, vLLM's {"message"}, FastAPI's {"detail":
    […]}, lists of these.
    """
    value = _value_in_body(value)
    if isinstance(value, str) or level > DEEPEST:
        return _page_title(value) if isinstance(value, str) else ""
    if isinstance(value, list | tuple):
        return "; ".join(filter(None, (_text(part, level + 1) for part in value[:3])))
    if not isinstance(value, Mapping):
        return ""
    texts = (_text(value[name], level + 1) for name in TEXT_NAMES if value.get(name))
    told = filter(None, texts)
    text = next(told, "")
    if isinstance(value.get("error"), str) and (more := next(told, "")) and more not in text:
        text = f"{text}: {more}"  # {"error": "Bad Request", "message": "…"}
    if isinstance(value.get("loc"), list | tuple):  # pydantic: the field stands beside the text
        text = f"{'.'.join(map(str, value['loc']))}: {text}"
    behind = _behind(value)
    return f"{text}: {behind}" if behind and behind not in text else text


def _behind(value: Mapping[str, Any]) -> str:
    """What the provider behind a gateway said: OpenRouter's {"message": "Provider returned error",
    "metadata": {"raw"}}.
    """
    metadata = value.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    return (_text(raw) or str(raw)) if raw else ""


def _page_title(text: str) -> str:
    """Of a page for a browser its title; any other text as it is."""
    if not PAGE.match(text):
        return text
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    return f"a page, {title[1].strip()!r}" if title else "a page for a browser"


# "Error code: 429 - …", "got status: 503", "HTTP 502", "429 Too Many Requests"
STATUS_IN_TEXT = re.compile(
    r"""
      (?:error\ code | status\ code | status | http) [ :=/]* ([45]\d\d) \b
    | \b (429 | 529) [ ]
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _inner_status(codes: set[str], words: str) -> int:
    for code in codes:
        if re.fullmatch(r"[45]\d\d", code):
            return int(code)
    found = STATUS_IN_TEXT.search(words)
    return int(found[1] or found[2]) if found else 0


# --- how long to wait ---

# "Please try again in 6.5s", "in 7m12s", "retry after 20 seconds"; Google's "retryDelay": "6s"
WAIT_IN_TEXT = re.compile(
    r"""(?:again|retry|wait|available)\ (?:\w+\ )??(?:in|after|for)?\ ?
        (?:(?P<h>\d+)\ ?h(?:ours?)?(?:,?\ and)?\ ?)?
        (?:(?P<m>\d+)\ ?m(?:in(?:ute)?s?)?(?!s)(?:,?\ and)?\ ?)?
        (?:(?P<s>\d+(?:\.\d+)?)\ ?(?P<unit>ms|s(?:ec(?:ond)?s?)?))?(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)
DELAY_NAMES_MS = ("retry_after_ms", "retryAfterMs")
DELAY_NAMES = ("retryDelay", "retry_after", "retryAfter", "retry_after_seconds", "estimated_time")
# "6m0s", "1h2m3.5s", "17ms", "3s", "3", as Go writes durations; "PT3S", as ISO 8601 does;
# "3 seconds"; "00:00:03", as .NET does
DURATION = re.compile(
    r"""
      (?:PT)? (?:(?P<h>\d+)\ ?h(?:ours?)?\ ?)? (?:(?P<m>\d+)\ ?m(?:in(?:ute)?s?)?(?!s)\ ?)?
      (?:(?P<s>\d+(?:\.\d+)?)\ ?(?P<unit>ms|s(?:ec(?:ond)?s?)?)?)?
    | (?P<clock_h>\d+) : (?P<clock_m>\d\d) : (?P<clock_s>\d\d(?:\.\d+)?)
    """,
    re.IGNORECASE | re.VERBOSE,
)
LONGEST_DURATION = 1e9  # seconds; a larger number is a date since 1970
LONGEST_DATE = 1e11  # seconds since 1970; a larger number is in milliseconds


def seconds_in(told: str, now: float | None = None) -> float | None:
    """Seconds from now, of a time in any of the forms that servers write: seconds, a duration as
    Go writes it, a date as in HTTP, in ISO 8601, or in seconds or milliseconds since 1970.

    None for anything else; below 0 for a date that has passed.
    """
    now = time.time() if now is None else now
    told = told.strip()
    found = DURATION.fullmatch(told)
    if told and found:
        hours, minutes, seconds = (
            float(found[name] or found[f"clock_{name}"] or 0) for name in ("h", "m", "s")
        )
        if (found["unit"] or "").lower() == "ms":
            seconds /= 1000
        seconds += 3600 * hours + 60 * minutes
        if seconds < LONGEST_DURATION:
            return seconds
        return (seconds / 1000 if seconds > LONGEST_DATE else seconds) - now
    try:  # a date that names no zone is in UTC, as HTTP's are
        if date := email.utils.parsedate_tz(told):
            return email.utils.mktime_tz((*date[:9], date[9] or 0)) - now
        when = datetime.fromisoformat(told)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms`, `Retry-After`, Azure's `x-ratelimit-timeremaining`,
    or a gateway's own header such as `x-rate-limit-retry-after-seconds`; None where none of them
    is there. Of several values, as two gateways leave them, the first.
    """
    named = {str(name).lower(): value for name, value in headers.items()}
    usual = ("retry-after-ms", "retry-after", "x-ratelimit-timeremaining")
    for name in (*usual, *filter(OWN_RETRY_AFTER.fullmatch, named)):
        told = named.get(name)
        if told is None:
            continue
        scale = 1000 if name.endswith("-ms") else 1
        wait = seconds_in(told)
        wait = seconds_in(told.partition(",")[0]) if wait is None else wait
        if wait is not None:
            return max(0.0, wait / scale)
    return None


OWN_RETRY_AFTER = re.compile(r".*-retry-after(?:-ms|-seconds)?")


def until_reset(headers: Mapping[str, str], body: Any = None) -> float | None:
    """Seconds until the limits that a busy server calls used up are whole again.

    Servers that name no wait count what remains of several limits, and when each is reset:
    `x-ratelimit-remaining-requests: 0` and `x-ratelimit-reset-requests: 6m0s` (OpenAI),
    `anthropic-ratelimit-requests-remaining` and `…-reset` with a date. Gateways repeat these
    headers in the body. The IETF's newest draft has one header for both: `RateLimit:
    "default";r=0;t=30`. None where nothing is used up, or the time has passed.
    """
    given = {**_headers_in(body), **headers}
    told = {str(n).lower().replace("rate-limit", "ratelimit"): v for n, v in given.items()}
    waits = [
        seconds_in(str(told.get(name.replace("remaining", "reset"), "")))
        for name, value in told.items()
        if "ratelimit" in name and "remaining" in name and str(value).strip() in ("0", "0.0")
    ]
    waits += [float(t) for t in USED_UP.findall(str(told.get("ratelimit", "")))]
    return max((wait for wait in waits if wait and wait > 0), default=None)


# "default";r=0;t=30
USED_UP = re.compile(r";\s*r=0\s*;\s*t=(\d+)")


def _headers_in(value: Any, level: int = 0) -> dict[str, Any]:
    """The headers that a body repeats, as in OpenRouter's {"metadata": {"headers": {…}}}."""
    if level > DEEPEST:
        return {}
    if isinstance(value, Mapping):
        if isinstance(value.get("headers"), Mapping):
            return dict(value["headers"])
        parts = list(value.values())
    else:
        parts = list(value) if isinstance(value, list | tuple) else []
    return next(filter(None, (_headers_in(part, level + 1) for part in parts)), {})


def _wait_in(value: Any, words: str) -> float | None:
    for told in _values_named(value, DELAY_NAMES):
        wait = seconds_in(told)
        if wait is not None and wait >= 0:
            return wait
    for told in _values_named(value, DELAY_NAMES_MS):
        wait = seconds_in(told)
        if wait is not None and wait >= 0:
            return wait / 1000
    for found in WAIT_IN_TEXT.finditer(words):
        hours, minutes, seconds = (float(found[name] or 0) for name in ("h", "m", "s"))
        if hours or minutes or found["s"]:
            small = seconds / 1000 if (found["unit"] or "").lower() == "ms" else seconds
            return 3600 * hours + 60 * minutes + small
    return None
