"""Talk to a model behind an OpenAI-compatible endpoint, and say in five words what went wrong.

`connect` makes the OpenAI client: its own silent retries off, since the ledger of attempts is ours, and
aiohttp below it, which stays fast at hundreds of requests. `Endpoint` asks one model for samples and
learns what its server cannot do. Every failure becomes one of the five exceptions below, whose names say
what to do about it; none carries a key. Retrying, pausing and storing are `bulk`'s business; starting a
server is `servers`'.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from pydantic_core import from_json

from routerlib import settings
from routerlib.endpoints import addresses, prompts, servers
from routerlib.errors import Foreseen, SettingError
from routerlib.progress import printable
from routerlib.rows.schemas import Prompt

if TYPE_CHECKING:
    from openai import AsyncOpenAI

LOCAL, REMOTE = "local", "remote"
COMPLETIONS, CHAT = "completions", "chat"
LOCAL_BASE = "http://localhost:8000/v1"
REMOTE_BASE = "https://api.openai.com/v1"
STOP_LIMIT = 4  # OpenAI and vLLM refuse more stop strings than this
DOWN = (
    502,
    503,
    504,
    520,
    521,
    522,
    523,
    524,
    529,
)  # a gateway's words for "the server behind me is gone"


class RequestFailure(Foreseen):
    """A request brought no answer. `kind` and `status` are what a row records; the text is for a person."""

    kind = "failure"

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


class Outage(RequestFailure):
    """The server could not be reached, or broke off: wait until it is back; no attempt is spent."""

    kind = "outage"


class RateLimited(RequestFailure):
    """429: wait `retry_after` seconds (None: it did not say), then send less at once; no attempt is spent."""

    kind = "rate_limit"

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message, 429)
        self.retry_after = retry_after


class FailedAttempt(RequestFailure):
    """The server answered, but not usably (5xx, nonsense, too late): this costs an attempt."""

    kind = "failed_attempt"

    def __init__(self, message: str, status: int | None = None, kind: str = "server_error"):
        super().__init__(message, status)
        self.kind = kind


class BadRequest(RequestFailure):
    """The server refuses this one request (400): asking again in the same words is useless."""

    kind = "bad_request"


class Stopped(RequestFailure):
    """No request can succeed (wrong key, no access, wrong model, no quota left): the run stops at once."""

    kind = "stopped"


@dataclass
class Answer:
    """What one request brought: samples as `schemas.Sample` has them, and the tokens that are billed."""

    samples: list[dict[str, Any]]
    prompt_tokens: int = 0
    completion_tokens: int = 0


def connect(
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = 600.0,
    api_mode: str = LOCAL,
    connect_timeout: float = 10.0,
) -> AsyncOpenAI:
    """An OpenAI client for a local or remote endpoint, without retries of its own. Close it after use.

    Args:
        base_url: such as http://localhost:8000/v1; None: the default of the mode.
        api_key: None: OPENAI_API_KEY from the environment, needed in remote mode only.
        timeout: seconds without a byte after which a request is given up.

    Raises:
        settings.MissingKey: remote, and no key anywhere; or a key that no header can hold.
        ValueError: an unknown mode, or a base URL that is none.
    """
    base_url = check_base(base_url, api_mode)
    key = api_key or settings.key("OPENAI_API_KEY", required=api_mode == REMOTE) or "none"
    if not (key.isascii() and key.isprintable()):
        raise settings.MissingKey(
            "The key holds a line break, or a letter no key has. Copy OPENAI_API_KEY anew."
        )
    import openai

    return openai.AsyncOpenAI(
        base_url=base_url,
        api_key=key,
        max_retries=0,
        timeout=openai.Timeout(timeout, connect=connect_timeout, pool=None),
        http_client=openai.DefaultAioHttpClient(
            timeout=openai.Timeout(timeout, connect=connect_timeout, pool=None),
            trust_env=not addresses.is_here(base_url),
        ),
    )


def check_base(base_url: str | None, api_mode: str) -> str:
    """The base URL, or the default of the mode; without a slash at its end.

    Raises:
        ValueError: with a sentence, where mode or URL is wrong.
    """
    if api_mode not in (LOCAL, REMOTE):
        raise SettingError(f"API_MODE is {api_mode!r}; it is either 'local' or 'remote'.")
    base_url = base_url or (LOCAL_BASE if api_mode == LOCAL else REMOTE_BASE)
    if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).hostname:
        raise SettingError(
            f"{base_url!r} is no base URL. It looks like {LOCAL_BASE} or {REMOTE_BASE}."
        )
    return base_url.rstrip("/")


@dataclass(frozen=True)
class Kind:
    """A kind of endpoint: its path, the fields of a request that hold the prompt, and the text of a choice in an answer."""

    path: str
    fields: Callable[[Prompt], dict[str, Any]]
    text: Callable[[dict[str, Any]], Any]


def _said(choice: dict[str, Any]) -> Any:
    message = choice.get("message") or {}
    return message.get("content") or message.get("refusal") or ""


KINDS = {
    COMPLETIONS: Kind(
        "/completions",
        lambda prompt: {"prompt": prompts.as_text(prompt)},
        lambda choice: choice["text"],
    ),
    CHAT: Kind(
        "/chat/completions", lambda prompt: {"messages": prompts.as_messages(prompt)}, _said
    ),
}


@dataclass
class Endpoint:
    """One model behind one client: how it is sampled, and what its server has shown it cannot do.

    Args:
        kind: "completions" (the text goes as it is) or "chat" (in the model's own chat template).
        stop: strings at which an answer ends; the special tokens of the model families are added.
        extra_body: further fields of the request, such as {"top_p": 0.9}.
        deadline: seconds for one whole request, however slowly it trickles.
        hints: fields that only save the server's time and change no answer; `extra_body` goes before them.
    """

    client: AsyncOpenAI
    model: str
    kind: str = COMPLETIONS
    api_mode: str = LOCAL
    temperature: float = 0.7
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    extra_body: dict[str, Any] = field(default_factory=dict)
    deadline: float = 900.0
    hints: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingError(
                f"ENDPOINT is {self.kind!r}; it is either {' or '.join(map(repr, KINDS))}."
            )
        try:
            json.dumps(self.extra_body, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SettingError(
                f"EXTRA_BODY is {self.extra_body!r}, which JSON cannot hold ({error})."
            ) from None
        self.takes_n: bool | None = None  # None: not known yet
        self.length_field = "max_tokens"
        self.sends_stop = True
        # What is not sent is cut here.
        self.stop_sent = prompts.stop_strings(self.stop, STOP_LIMIT)

    @property
    def url(self) -> str:
        """The base URL as it may be shown: without user name, password and query."""
        parts = urlsplit(str(self.client.base_url))
        return urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
        )

    async def sample(self, prompt: Prompt, n: int = 1) -> Answer:
        """Ask for n samples; a server that cannot give n at once gives fewer, and is remembered.

        Raises:
            Outage, RateLimited, FailedAttempt, BadRequest, Stopped.
        """
        n = 1 if self.takes_n is False else n
        try:
            answer = await self._request(prompt, n)
        except BadRequest as refusal:
            if not self._adapt(refusal, n):
                raise
            answer = await self._request(prompt, 1 if self.takes_n is None else n)
            self.takes_n = False if self.takes_n is None and n > 1 else self.takes_n
        if n > 1:
            self.takes_n = len(answer.samples) > 1 or self.takes_n is True
        return answer

    def _adapt(self, refusal: BadRequest, n: int) -> bool:
        """Whether the refused request is worth asking in other words."""
        text = str(refusal)
        if "max_completion_tokens" in text and self.length_field == "max_tokens":
            self.length_field = "max_completion_tokens"
            self.takes_n = self.takes_n if n == 1 else True
        elif "'stop'" in text and "nsupported" in text and self.sends_stop:
            self.sends_stop = False  # what they would have cut is cut here
            self.takes_n = self.takes_n if n == 1 else True
        else:
            return n > 1 and self.takes_n is None  # perhaps it is n that it does not take
        return True

    async def _request(self, prompt: Prompt, n: int) -> Answer:
        return self._read(await self.post(KINDS[self.kind].path, self._body(prompt, n)))

    def _body(self, prompt: Prompt, n: int) -> dict[str, Any]:
        body = {"model": self.model, **KINDS[self.kind].fields(prompt)}
        body |= {self.length_field: self.max_tokens, "temperature": self.temperature}
        body |= {"n": n} if n > 1 else {}
        body |= {"stop": list(self.stop_sent)} if self.sends_stop and self.stop_sent else {}
        return body | self.hints | self.extra_body

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One request, whatever its path; the decoded answer.

        Raises:
            Outage, RateLimited, FailedAttempt, BadRequest, Stopped.
        """
        import httpx2
        import openai

        try:
            async with asyncio.timeout(self.deadline):
                # The bare response: building the SDK's objects costs more than all we do with it.
                response = await self.client.post(path, body=body, cast_to=httpx2.Response)
            value = from_json(response.content)
        except TimeoutError:
            raise FailedAttempt(
                f"no whole answer within {self.deadline:.0f} s", kind="timeout"
            ) from None
        except openai.APIError as error:
            raise self._translated(error) from None
        except ValueError:
            raise FailedAttempt("the answer is no valid JSON", kind="invalid_answer") from None
        if not isinstance(value, dict):
            raise FailedAttempt("the answer is no JSON object", kind="invalid_answer")
        return value

    def _read(self, value: dict[str, Any]) -> Answer:
        try:
            usage = value.get("usage") or {}
            spent = int(usage.get("completion_tokens") or 0)
            read = int(usage.get("prompt_tokens") or 0)
            samples = [self._sample(choice, read or None) for choice in value["choices"]]
        except (KeyError, TypeError, ValueError, AttributeError):
            error = value.get("error")
            if error:  # some servers report a failure with status 200
                raise FailedAttempt(self.hide(_message_in(value, str(error)))) from None
            raise FailedAttempt(
                "the answer has not the form of a completion", kind="invalid_answer"
            ) from None
        if not samples:
            raise FailedAttempt("the answer holds no choices", kind="invalid_answer")
        _share_tokens(samples, spent)
        return Answer(samples, read, spent)

    def _sample(self, choice: dict[str, Any], prompt_tokens: int | None) -> dict[str, Any]:
        text = KINDS[self.kind].text(choice)
        if not isinstance(text, str):
            raise TypeError
        text, was_cut = prompts.cut(text, self.stop)
        sample = {
            "full_response": self.hide(text),
            "finish_reason": "stop" if was_cut else choice.get("finish_reason"),
            "prompt_tokens": prompt_tokens,
            "completion_tokens": None,
        }
        message = choice.get("message") or {}
        reasoning = message.get("reasoning_content") or message.get("reasoning")
        sample |= {"reasoning": self.hide(reasoning)} if isinstance(reasoning, str) else {}
        return sample | ({"logprobs": choice["logprobs"]} if choice.get("logprobs") else {})

    def hide(self, text: str) -> str:
        """A text without the key, should a server have echoed it."""
        key = self.client.api_key
        return text.replace(key, "[key]") if len(key) > 4 and key in text else text

    async def is_up(self, timeout: float = 5.0) -> bool:
        """Whether the server answers: it can be reached, and neither it nor a gateway says that it is down.

        Raises:
            Stopped: it is a server of ours that has died, so that waiting for it is vain.
        """
        if died := await asyncio.to_thread(servers.revive, self.url):
            raise Stopped(
                f"{died}\nWhat was finished is on disk. Start the server again, and the work goes on from there."
            )
        models = await self._status(f"{self.url}/models", timeout)
        if models is None or models in DOWN:
            return False
        health = await self._status(
            urlunsplit((*urlsplit(self.url)[:2], "/health", "", "")), timeout
        )
        return health is not None and health not in DOWN and not (health >= 500 and models >= 500)

    async def models(self, timeout: float = 5.0) -> list[str]:
        """The names of the models the server offers; empty where it does not say."""
        try:
            async with asyncio.timeout(timeout):
                page = await self.client.get("/models", cast_to=dict[str, Any])
            return [model["id"] for model in page["data"]]
        except Exception:  # only asked to make a message more useful
            return []

    async def _status(self, url: str, timeout: float) -> int | None:
        import httpx2
        import openai

        try:
            async with asyncio.timeout(timeout):
                return (await self.client.get(url, cast_to=httpx2.Response)).status_code
        except openai.APIStatusError as error:
            return error.status_code
        except (openai.APIError, TimeoutError, ValueError):
            return None

    def _translated(self, error: Any) -> RequestFailure:
        import openai

        if (
            isinstance(error, openai.APITimeoutError)
            and "Connect" not in type(error.__cause__).__name__
        ):
            return FailedAttempt(
                "the server went silent in the middle of an answer", kind="timeout"
            )
        if isinstance(error, openai.APIStatusError):
            return self._by_status(error)
        if isinstance(error, openai.APIConnectionError):
            return Outage(f"no connection to {self.url} ({_reason(error)})")
        return FailedAttempt(self.hide(str(error))[:500])

    def _by_status(self, error: Any) -> RequestFailure:
        status, text = error.status_code, self.hide(_message_in(error.body, error.message))
        if status == 401:
            return Stopped(
                f"{self.url} does not accept the key (401: {text}). Check OPENAI_API_KEY in the environment or .env.",
                401,
            )
        if status == 403:
            return Stopped(
                f"{self.url} denies this key access to {self.model} (403: {text}). "
                "Ask the provider for access, or choose another model.",
                403,
            )
        if status == 404:
            return Stopped(
                f"{self.url} knows no model {self.model!r}, or has no {KINDS[self.kind].path} (404: {text}). "
                "Check the model's name and the base URL (which ends in /v1 as a rule).",
                404,
            )
        if status == 429:
            if "insufficient_quota" in (
                str(getattr(error, "code", "")),
                str(getattr(error, "type", "")),
            ):
                return Stopped(
                    f"The account at {self.url} has no quota left (429: {text}). Add credit, run again.",
                    429,
                )
            return RateLimited(f"too many requests: {text}", retry_after(error.response.headers))
        if status >= 500 or status in (408, 409, 425):
            return FailedAttempt(f"{self.url} answered {status}: {text}", status)
        return BadRequest(f"the server refused the request ({status}: {text})", status)


def retry_after(headers: Any) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or a date); None where neither is there."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        date = email.utils.parsedate_tz(value)
        return max(0.0, email.utils.mktime_tz(date) - time.time() if date else float(value))
    except ValueError:
        return None


def _share_tokens(samples: list[dict[str, Any]], spent: int) -> None:
    """Note each sample's tokens. A server counts those of one request together: several samples share them by length."""
    if not spent:
        return
    if len(samples) == 1:
        samples[0]["completion_tokens"] = spent
        return
    lengths = [len(sample["full_response"]) + 1 for sample in samples]
    given, total, so_far = 0, sum(lengths), 0
    for sample, length in zip(samples, lengths, strict=True):
        so_far += length
        share = round(spent * so_far / total) - given
        given += share
        sample |= {"completion_tokens": share, "completion_tokens_estimated": True}


def _message_in(body: Any, fallback: str) -> str:
    """The human part of an error body: OpenAI's {"message"}, vLLM's {"error": {…}}, FastAPI's {"detail"}."""
    text = body
    for name in ("error", "message", "detail"):
        if isinstance(text, dict) and text.get(name):
            text = text[name]
    if not isinstance(text, str):
        text = json.dumps(text) if isinstance(text, list | dict) and text else fallback
    return printable(" ".join(text.split())[:500])


def _reason(error: BaseException) -> str:
    """The cause of a connection error in its own words: the innermost error of the operating system, if any."""
    chain = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    causes = [link for link in chain if isinstance(link, OSError)] or chain
    return f"{type(causes[-1]).__name__}: {causes[-1]}".rstrip(": ")[:200]
