"""Talk to a model behind an OpenAI-compatible endpoint, and say in five words what went wrong.

`connect` makes the OpenAI client: its own silent retries off, since the ledger of attempts is
ours, and aiohttp below it, which stays fast at hundreds of requests (`connections`). `Endpoint`
asks one model for samples, in the words that its server takes (`dialect`), and reads what comes
back (`replies`).
Every failure becomes one of the five exceptions below, whose names say what to do about it; none
carries a key. Retrying and storing are `resumable`'s business, waiting for a busy server is
`pace`'s; starting a server is `servers`'.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from routerlib import settings
from routerlib.endpoints import addresses, connections, prompts, refusals, replies, servers
from routerlib.endpoints.dialect import MOST_ROUNDS, Dialect, Words
from routerlib.endpoints.refusals import Kind, Refusal
from routerlib.errors import FAILED, Foreseen, SettingError
from routerlib.rows.schemas import Prompt

LOCAL, REMOTE = "local", "remote"
COMPLETIONS, CHAT = "completions", "chat"
LOCAL_BASE = "http://localhost:8000/v1"
REMOTE_BASE = "https://api.openai.com/v1"
STOP_LIMIT = 4  # OpenAI and vLLM refuse more stop strings than this


class RequestFailure(Foreseen):
    """A request brought no answer. `kind` and `status` are what a row records; the text is for a
    person; `refusal` is what the server said, where it said something.
    """

    exit_code = FAILED
    kind = "failure"

    def __init__(self, message: str, status: int | None = None, refusal: Refusal | None = None):
        super().__init__(message)
        self.status = status
        self.refusal = refusal


class Outage(RequestFailure):
    """The server could not be reached, or broke off: wait until it is back; no attempt is spent."""

    kind = "outage"


class Busy(RequestFailure):
    """Too many requests, overloaded, still loading: wait `retry_after` seconds (None: it did not
    say), then send less at once; no attempt is spent.
    """

    kind = "busy"

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        status: int | None = 429,
        refusal: Refusal | None = None,
    ):
        super().__init__(message, status, refusal)
        self.retry_after = retry_after


class FailedAttempt(RequestFailure):
    """The server answered, but not usably (5xx, nonsense, too late): this costs an attempt."""

    kind = "failed_attempt"

    def __init__(
        self,
        message: str,
        status: int | None = None,
        kind: str = "server_error",
        refusal: Refusal | None = None,
    ):
        super().__init__(message, status, refusal)
        self.kind = kind


class BadRequest(RequestFailure):
    """The server refuses this one request: asking again in the same words is useless."""

    kind = "bad_request"


class Stopped(RequestFailure):
    """No request can succeed (wrong key, no access, wrong model, no quota left): the run stops.

    `is_sure`: whatever other requests met. Where it is not (a wrong key, after answers to it),
    others decide: one question alone may meet the refusal of a firewall, or of a gateway that
    changes.
    """

    kind = "stopped"

    @property
    def is_sure(self) -> bool:
        return self.refusal is None or self.refusal.kind == Kind.NO_CREDIT


@dataclass
class Completion:
    """What one request brought: samples as `schemas.Sample` has them, and the tokens that are
    billed.
    """

    samples: list[dict[str, Any]]
    prompt_tokens: int = 0
    completion_tokens: int = 0


def connect(
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = 600.0,
    api_mode: str = LOCAL,
    connect_timeout: float = 10.0,
) -> connections.Client:
    """An OpenAI client for a local or remote endpoint, without retries of its own. Close it after
    use.

    Args:
        base_url: such as http://localhost:8000/v1; None: the default of the mode. A query, such as
            Azure's ?api-version=…, goes with every request.
        api_key: None: OPENAI_API_KEY from the environment, needed in remote mode only.
        timeout: seconds without a byte after which a request is given up.

    Raises:
        settings.MissingKey: remote, and no key anywhere; or a key that no header can hold.
        settings.SettingError: an unknown mode, a base URL that is none, or certificates that the
            environment names and that cannot be read.
    """
    base_url = check_base(base_url, api_mode)
    key = api_key or _key_of_environment(base_url, api_mode) or "none"
    if not (key.isascii() and key.isprintable()):
        raise settings.MissingKey(
            "The key holds a line break, or a letter no key has. Copy OPENAI_API_KEY anew."
        )
    import openai

    parts = urlsplit(base_url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    headers = {}
    if "api-version" in query:
        headers["api-key"] = key  # Azure knows a key by this header alone
    if parts.username is not None:  # a door before the server, which the URL opens
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    try:
        http = connections.AioHttpClient(
            is_whole=replies.is_whole,
            timeout=openai.Timeout(timeout, connect=connect_timeout, pool=None),
            trust_env=not addresses.is_here(base_url),
        )
    except addresses.UNREADABLE as error:
        raise settings.SettingError(addresses.environment_refused(base_url, error)) from None
    return connections.Client(
        base_url=urlunsplit(parts._replace(query="", netloc=parts.netloc.rpartition("@")[2])),
        api_key=key,
        max_retries=0,
        timeout=openai.Timeout(timeout, connect=connect_timeout, pool=None),
        default_query=query or None,
        default_headers=headers or None,
        http_client=http,
    )


def _key_of_environment(base_url: str, api_mode: str) -> str | None:
    if api_mode == LOCAL and addresses.is_here(base_url):
        return settings.variable("OPENAI_API_KEY")  # no platform's vault has to be waited for
    return settings.key("OPENAI_API_KEY", required=api_mode == REMOTE)


def check_base(base_url: str | None, api_mode: str) -> str:
    """The base URL, or the default of the mode; without a slash at its end.

    Raises:
        settings.SettingError: with a sentence, where mode or URL is wrong.
    """
    if api_mode not in (LOCAL, REMOTE):
        raise SettingError(f"API_MODE is {api_mode!r}; it is either 'local' or 'remote'.")
    base_url = base_url or (LOCAL_BASE if api_mode == LOCAL else REMOTE_BASE)
    if not _is_web_address(base_url):
        raise SettingError(
            f"{base_url!r} is no base URL. It looks like {LOCAL_BASE} or {REMOTE_BASE}."
        )
    parts = urlsplit(base_url)
    for kind in KINDS.values():
        if parts.path.rstrip("/").endswith(kind.path):
            base = urlunsplit(parts._replace(path=parts.path.rstrip("/").removesuffix(kind.path)))
            raise SettingError(f"{base_url!r} is the address of one path. The base URL is {base}")
    return urlunsplit(parts._replace(path=parts.path.rstrip("/"), fragment=""))


def _is_web_address(url: str) -> bool:
    """Whether a URL is of the web, with a host and a port that can be: 99999 is none."""
    try:
        host, _ = addresses.host_and_port(url)
    except ValueError:
        return False
    return bool(host) and url.isprintable() and urlsplit(url).scheme in ("http", "https")


@dataclass(frozen=True)
class Api:
    """A kind of endpoint: its path, and the fields of a request that hold the prompt."""

    path: str
    fields: Callable[[Prompt], dict[str, Any]]


# Chat first: its path ends in that of the other.
KINDS = {
    CHAT: Api("/chat/completions", lambda prompt: {"messages": prompts.as_messages(prompt)}),
    COMPLETIONS: Api("/completions", lambda prompt: {"prompt": prompts.as_text(prompt)}),
}


# What decides who is asked, what, and how often, and is recorded and paid for as such
OURS = frozenset({"model", "messages", "prompt", "n", "stream"})
KEYS = frozenset({"api_key", "api-key", "apikey", "authorization"})


def _check_fields(extra: Mapping[str, Any]) -> None:
    """Refuse further fields of a request that would change what our own say.

    Raises:
        SettingError: one would, or is a key, which would be recorded with the answers.
    """
    for name in extra:
        if name in OURS and not (name == "stream" and extra[name] is False):  # as it is sent
            raise SettingError(
                f"EXTRA_BODY holds {name!r}, which is set otherwise: the answers would be recorded "
                "as what they are not. Take it out."
            )
        if name.lower() in KEYS:
            raise SettingError(
                f"EXTRA_BODY holds {name!r}, and all that it holds is recorded with the answers. "
                "Take it out: a key comes from the environment or .env."
            )


@dataclass
class Endpoint:
    """One model behind one client: how it is sampled, and what its server has shown it cannot do.

    Args:
        kind: "completions" (the text goes as it is) or "chat" (in the model's own chat template).
        temperature: 0 to 2; None: it is not sent, and the server takes its own.
        stop: strings at which an answer ends; the end marks of the model families are added.
        extra_body: further fields of the request, such as {"top_p": 0.9}.
        deadline: seconds for one whole request, however slowly it trickles.
        hints: fields that only save the server's time and change no answer; `extra_body` goes
            before them.
        needed: fields without which an answer is of no use; a server that refuses them has failed.
    """

    client: connections.Client
    model: str
    kind: str = COMPLETIONS
    api_mode: str = LOCAL
    temperature: float | None = 0.7
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    extra_body: dict[str, Any] = field(default_factory=dict)
    deadline: float = 900.0
    hints: dict[str, Any] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()

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
        _check_fields(self.extra_body)
        # What is not sent is cut here; the user's own are sent until the server refuses their
        # number.
        self.stop_sent = prompts.stop_strings(self.stop, max(STOP_LIMIT, len(self.stop)))
        self.dialect = Dialect(self.needed, self.hints)
        self.has_answered = False
        self.gives_logprobs: bool | None = None  # None: nobody knows yet
        self._gives_many = False
        self._slowest_probe = 0.0  # seconds for the server to tell that it is there
        self._hints_at: dict[Kind, str] = {}

    @property
    def url(self) -> str:
        """The base URL as it may be shown: without user name, password and query."""
        parts = urlsplit(str(self.client.base_url))
        return urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
        )

    def hint(self, fields: dict[str, Any]) -> None:
        """Send these fields, too, which change no answer: the first to go where a server refuses
        a request.
        """
        self.hints = {**self.hints, **fields}
        self.dialect.hints = tuple(self.hints)

    @property
    def takes_n(self) -> bool | None:
        """Whether the server gives several samples at once; None: not known yet."""
        if self._gives_many:
            return True
        return False if self.dialect.words.get("n") == 1 else None

    # -- asking ------------------------------------------------------------------------------------

    async def sample(self, prompt: Prompt, n: int = 1) -> Completion:
        """Ask for n samples; a server that cannot give n at once gives fewer, and is remembered.

        A refused request is sent anew in other words as often as that changes something.

        Raises:
            Outage, Busy, FailedAttempt, BadRequest, Stopped.
        """
        wanted = self._wanted(prompt, n)
        trial: Words = {}
        sent = self.dialect.say(wanted)
        for _ in range(MOST_ROUNDS):
            try:
                completion = self._read(await self.post(KINDS[self.kind].path, sent))
            except RequestFailure as failure:
                anew = self._anew(failure, wanted, sent, trial)
                if anew is None:
                    raise await self._explained(failure) from None
                sent, trial = anew
            else:
                self._learn(sent, trial, completion)
                return completion
        raise BadRequest(f"{self.url} refused the request in {MOST_ROUNDS} different words")

    def _wanted(self, prompt: Prompt, n: int) -> dict[str, Any]:
        body = {"model": self.model, **KINDS[self.kind].fields(prompt)}
        body["max_tokens"] = self.max_tokens
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if n > 1:
            body["n"] = n
        if self.stop_sent:
            body["stop"] = list(self.stop_sent)
        body["stream"] = False  # some servers stream unless they are told not to
        return body | self.hints | self.extra_body

    def _anew(
        self, failure: RequestFailure, wanted: dict[str, Any], sent: dict[str, Any], trial: Words
    ) -> tuple[dict[str, Any], Words] | None:
        """The request in other words, and what they try out; None where the refusal stands."""
        if failure.refusal is None or isinstance(failure, Busy):
            return None
        if (learnt := self.dialect.say(wanted, trial)) != sent:
            return learnt, trial  # other requests have learnt better meanwhile
        other = self.dialect.other_words(failure.refusal, sent, trial)
        if other is None or (said := self.dialect.say(wanted, other)) == sent:
            return None
        return said, other

    def as_sent(self, sampling: dict[str, Any]) -> dict[str, Any]:
        """A record of the sampling that was asked for, with what the server did not take."""
        told = dict(sampling)
        if left_out := self.dialect.left_out:
            told["left_out"] = left_out
        if limits := self.dialect.limits:
            told["limits"] = limits
        return told

    def _learn(self, sent: dict[str, Any], trial: Words, completion: Completion) -> None:
        self.has_answered = True
        self.dialect.accept(sent, trial)
        if sent.get("n", 1) > 1:
            self._gives_many = self._gives_many or len(completion.samples) > 1
            if not self._gives_many:
                self.dialect.learn("n", 1)

    def _read(self, value: dict[str, Any]) -> Completion:
        try:
            value = replies.completion_within(value)
            found = replies.samples(value, self.stop, self.hide, self.kind == CHAT)
        except replies.ErrorInside as inside:
            raise self._failure(refusals.read_refusal(200, inside.error)) from None
        except replies.NoCompletion as nothing:
            raise FailedAttempt(self.hide(str(nothing)), kind="invalid_answer") from None
        except MISSHAPEN as odd:
            raise self._misshapen(odd) from None
        read, written = replies.usage(value)
        return Completion(found, read, written)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One request, whatever its path; the decoded answer.

        Raises:
            Outage, Busy, FailedAttempt, BadRequest, Stopped.
        """
        import aiohttp
        import httpx2
        import openai

        response = None
        try:
            async with asyncio.timeout(self.deadline):
                response = await self._fetched_later(await self.client.post_json(path, body))
            return self._decoded(response, body.get("n", 1))
        except TimeoutError:
            raise FailedAttempt(
                f"no whole answer within {self.deadline:.0f} s", kind="timeout"
            ) from None
        except replies.NoCompletion as nothing:
            raise self._no_completion(nothing, response) from None
        except replies.ErrorInside as inside:
            raise self._failure(refusals.read_refusal(200, inside.error)) from None
        except (openai.APIError, aiohttp.ClientError, httpx2.HTTPError, ValueError) as error:
            raise self.failure(error) from None

    def _decoded(self, response: Any, asked: int) -> dict[str, Any]:
        media_type = response.headers.get("content-type", "")
        try:
            return replies.decode_reply(response.content, media_type, asked)
        except MISSHAPEN as odd:
            raise self._misshapen(odd) from None

    def _misshapen(self, odd: Exception) -> FailedAttempt:
        """One answer that has a form nobody has thought of; the run goes on with the others."""
        text = f"{self.url} sends an answer that has not the form of one ({type(odd).__name__})"
        return FailedAttempt(text, kind="invalid_answer")

    async def _fetched_later(self, response: Any) -> Any:
        """The answer to a request that was only accepted (status 202), where the server tells the
        place to ask for it: as HTTP has it, or by an id, as NVIDIA's cloud does.
        """
        import httpx2
        import openai

        place, pause = _place_of_answer(response, self.url), LATER
        while place and response.status_code == 202:
            await asyncio.sleep(pause)
            pause = min(LATEST, pause * 1.5)
            try:
                response = await self.client.get(place, cast_to=httpx2.Response)
            except openai.NotFoundError:
                break  # that is not how this server means it
        return response

    # -- what went wrong ---------------------------------------------------------------------------

    def failure(self, error: Exception) -> RequestFailure:
        """What an error of the SDK, or of the transport below it, means: the one reading of them
        for all who ask a model, streams included.
        """
        import openai

        if isinstance(error, openai.APIStatusError):
            return self._failure(_refusal_of(error))
        if isinstance(error, openai.APIError) and error.body:  # told within a stream
            return self._failure(refusals.read_refusal(200, error.body))
        return self._broken_transport(error)

    async def explained(self, error: Exception) -> RequestFailure:
        """`failure`, with what the server itself can tell about a wrong name or path."""
        return await self._explained(self.failure(error))

    def _failure(self, refusal: Refusal) -> RequestFailure:
        """The exception for what a server said: the one place that turns words into what to do."""
        if self.client.api_key in refusal.words:
            text, words = self.hide(refusal.text), self.hide(refusal.words)
            refusal = replace(refusal, text=text, words=words)
        status, kind = refusal.status or None, refusal.kind
        said = refusal.text or "no word on why"
        said = f"{status}: {said}" if status else said
        if kind == Kind.BUSY:
            what = "gets too many requests" if status == 429 else "is busy"
            message = f"{self.url} {what} ({said})"
            return Busy(message, refusal.retry_after, status, refusal)
        if kind in (Kind.DOWN, Kind.BROKEN):
            return FailedAttempt(f"{self.url} answered {said}", status, refusal=refusal)
        if kind in refusals.HOPELESS:
            path, way = KINDS[self.kind].path, self._way_there()
            text = STOPPED_BECAUSE[kind].format(
                url=self.url, model=self.model, path=path, said=said, way=way
            )
            return Stopped(text, status, refusal)
        return BadRequest(f"the server refused the request ({said})", status, refusal)

    def _no_completion(self, nothing: replies.NoCompletion, response: Any) -> RequestFailure:
        """A page for a browser, from a server that has never answered, is another address."""
        text, sent_on = self.hide(str(nothing)), _sent_on(response)
        if nothing.is_page and not self.has_answered:
            wrong = Refusal(Kind.NO_PATH, 200, text, is_page=True)
            said, _, _ = text.partition(". ")
            where = f" {sent_on[:1].upper()}{sent_on[1:]}." if sent_on else ""
            return Stopped(f"{self.url} is no model's server: {said}.{where}", 200, wrong)
        if nothing.is_empty and response.status_code == 202:
            return Outage(f"{self.url} only accepts requests (202), and never sends the answers")
        if nothing.is_empty:
            return Outage(f"{self.url} answers with nothing (an empty body)")
        if packed := _unknown_packing(response):
            text = f"it packs its answers by {packed!r}, unasked, which cannot be read here"
        return FailedAttempt(f"{self.url}: {text}", kind="invalid_answer")

    def _broken_transport(self, error: Exception) -> RequestFailure:
        import aiohttp
        import httpx2
        import openai

        reason, causes = self.hide(_reason(error)), _causes_in_transport(error)

        def is_one(*kinds: type[BaseException]) -> bool:
            return any(isinstance(cause, kinds) for cause in causes)

        if not self.has_answered and (why := _no_encryption(causes)):
            return Stopped(why.format(url=self.url, reason=reason))
        if isinstance(error, openai.APITimeoutError):
            if "Connect" not in type(error.__cause__).__name__:
                text = "the server went silent in the middle of an answer"
                return FailedAttempt(text, kind="timeout")
            return Outage(f"no connection to {self._way_there()} ({reason})")
        if is_one(aiohttp.ClientPayloadError) and not is_one(aiohttp.ContentTypeError):
            return Outage(f"the answer of {self.url} broke off ({reason})")
        if is_one(httpx2.DecodingError):
            text = f"{self.url} sends an answer that is not packed as its header says ({reason})"
            return FailedAttempt(text, kind="invalid_answer")
        if is_one(aiohttp.ClientResponseError, aiohttp.http.HttpProcessingError):
            text = f"{self.url} sends an answer that is no proper HTTP ({reason})"
            return FailedAttempt(text, kind="invalid_answer")
        if is_one(openai.APIConnectionError, aiohttp.ClientError, httpx2.HTTPError):
            return Outage(f"no connection to {self._way_there()} ({reason})")
        return FailedAttempt(f"{self.url}: {reason}")

    def _way_there(self) -> str:
        proxy = addresses.proxy_of(self.url)
        return f"{self.url} through {proxy}" if proxy else self.url

    async def _explained(self, failure: RequestFailure) -> RequestFailure:
        """The failure, with what the server itself can tell about a wrong name or path."""
        kind = failure.refusal.kind if failure.refusal else None
        if not isinstance(failure, Stopped) or kind not in (Kind.NO_MODEL, Kind.NO_PATH):
            return failure
        if kind not in self._hints_at:
            ask = self._names_there if kind == Kind.NO_MODEL else self._path_there
            self._hints_at[kind] = await ask()
        return Stopped(
            f"{failure} {self._hints_at[kind]}".rstrip(), failure.status, failure.refusal
        )

    async def _names_there(self) -> str:
        names = await self.models()
        if not names:
            return "Check the model's name, and the base URL (it ends in /v1 as a rule)."
        shown = ", ".join(names[:12])
        more = f" and {len(names) - 12} more" if len(names) > 12 else ""
        return f"The server has: {shown}{more}."

    async def _path_there(self) -> str:
        """Where the base URL lacks its /v1, or has it once too often: the address that answers."""
        other = self.url.removesuffix("/v1") if self.url.endswith("/v1") else f"{self.url}/v1"
        status = await self._status(f"{other}/models", 5.0)
        here = await self._status(f"{self.url}/models", 5.0)
        guarded = (200, 401, 403)
        if (status == 200 and here != 200) or (status in guarded and here not in guarded):
            return f"{other} answers: is that the base URL?"
        if self.kind == COMPLETIONS:
            return 'Check the base URL (it ends in /v1 as a rule), or take ENDPOINT="chat".'
        return "Check the base URL (it ends in /v1 as a rule)."

    # -- the server itself -------------------------------------------------------------------------

    def hide(self, text: str) -> str:
        """A text without the key, should a server have echoed it."""
        key = self.client.api_key
        return text.replace(key, "[key]") if key in text and is_secret(key) else text

    async def is_up(self, timeout: float = 5.0) -> bool:
        """Whether the server answers: it can be reached, and neither it nor a gateway says that it
        is down.

        A list of models that is long in coming is waited for longer the next time. A path to
        /health that leads nowhere says nothing: what is asked for may answer all the same.

        Raises:
            Stopped: it is a server of ours that has died, so that waiting for it is vain.
        """
        if died := await asyncio.to_thread(servers.revive, self.url):
            raise Stopped(
                f"{died}\nWhat was finished is on disk. Start the server again, and the work goes "
                "on "
                "from there."
            )
        patience = max(timeout, self._slowest_probe)
        models = await self._status(f"{self.url}/models", patience)
        if models == SILENT:
            self._slowest_probe = min(LONGEST_PROBE, 2 * patience)
        if not models or models in GONE:
            return False
        health = await self._status(
            urlunsplit((*urlsplit(self.url)[:2], "/health", "", "")), timeout
        )
        if health == SILENT:
            return models < 500
        return health is not None and health not in GONE and not (health >= 500 and models >= 500)

    async def models(self, timeout: float = 5.0) -> list[str]:
        """The names of the models the server offers; empty where it does not say."""
        import httpx2

        try:
            async with asyncio.timeout(timeout):
                page = await self.client.get("/models", cast_to=httpx2.Response)
            return replies.model_names(json.loads(page.content))
        except Exception:  # only asked to make a message more useful
            return []

    async def ask(self, url: str, timeout: float) -> Any:
        """What the server tells at another address, as a JSON value; None where it tells
        nothing.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self.client.get(url, cast_to=dict[str, Any])
        except Exception:  # only asked to say more about a server that answers
            return None

    async def _status(self, url: str, timeout: float) -> int | None:
        """The status of an answer; None where nobody is there, SILENT where none came in time."""
        import httpx2
        import openai

        try:
            async with asyncio.timeout(timeout):
                response = await self.client.get(url, cast_to=httpx2.Response)
                return int(response.status_code)
        except openai.APIStatusError as error:
            return error.status_code
        except TimeoutError:
            return SILENT
        except Exception:  # whatever it is, no answer has come
            return None


MISSHAPEN = (AttributeError, IndexError, KeyError, TypeError)  # what reading a value meets
SILENT = 0  # in the place of a status
LONGEST_PROBE = 60.0  # seconds
GONE = refusals.DOWN_STATUS | {503, 529}  # what a server that is down, or a gateway before it, says

STOPPED_BECAUSE = {
    Kind.NO_CREDIT: "The account at {url} has no quota left ({said}). Add credit, run again.",
    Kind.WRONG_KEY: "{url} does not accept the key ({said}). Check OPENAI_API_KEY in the "
    "environment or .env.",
    Kind.NO_ACCESS: "{url} denies this key access to {model} ({said}). Ask the provider for "
    "access, or choose another model.",
    Kind.BLOCKED: "{url} denies access to {model} ({said}): a firewall before it, perhaps. Ask its "
    "provider, or choose another model.",
    Kind.NO_MODEL: "{url} knows no model {model!r} ({said}).",
    Kind.NO_PATH: "{url} has no {path}, or no model {model!r} ({said}).",
    Kind.STOPPED_ON_THE_WAY: "There is no way to {way}: a proxy asks for a user and a password "
    "({said}). Write them into the proxy's address, or take this one out with NO_PROXY.",
    Kind.NOT_ENCRYPTED: "{url} was asked without encryption, and refuses that ({said}). Begin the "
    "base URL with https://",
}


def is_secret(key: str) -> bool:
    """Whether a key can be a secret: "EMPTY", "ollama" and "not-needed" are words, and stand in
    answers.

    Whatever holds letters and digits, is long, or mixes capitals inside, can be one; so can what
    starts as keys do ("sk-…"). Digits alone are a number before they are a key.
    """
    if len(key) <= 4 or (key.isdigit() and len(key) < 12):
        return False
    if key.startswith(("sk-", "sk_", "gsk_", "hf_", "key-", "xai-")):
        return True
    words = re.split(r"[-_ .]", key)
    is_words = all(
        word.isalpha() and word in (word.lower(), word.upper(), word.title()) for word in words
    )
    return not is_words or max(map(len, words)) >= 16 or len(key) >= 24


def _refusal_of(error: Any) -> Refusal:
    """What an answer with an error status says: its body as it came, not as the SDK has cut it.

    After a redirection that is the other address's word, and the address is told: a request that
    was sent on may have lost its body on the way, as a POST does at a 301.
    """
    try:
        body: Any = error.response.content or error.body
    except Exception:  # a body that was never read
        body = error.body
    refusal = refusals.read_refusal(
        error.status_code, body or error.message, error.response.headers
    )
    if sent_on := _sent_on(error.response):
        return replace(refusal, text=f"{refusal.text}; {sent_on}: is that the base URL?")
    return refusal


def _sent_on(response: Any) -> str:
    """Where a response came from after a redirection, and how; "" where there was none."""
    if response is None or not response.history:
        return ""
    first = response.history[0]
    return f"it sends requests on to {response.url}, with status {first.status_code}"


# Seconds between two questions for an answer that was promised for later
LATER, LATEST = 0.5, 10.0


def _place_of_answer(response: Any, url: str) -> str:
    """Where the answer to an accepted request will be, on the same server; "" where that is not
    told.

    Source: RFC 9110, section 15.3.3; NVIDIA's API reference, "status polling".
    """
    if named := response.headers.get("nvcf-reqid"):
        return f"{url}/status/{quote(named, safe='')}"
    place = response.headers.get("location")
    if not place:
        return ""
    told = response.url.join(place)
    # a key goes nowhere else
    return str(told) if told.netloc == response.url.netloc else ""


def _unknown_packing(response: Any) -> str:
    """A compression that nobody asked for, by its name; "" where there is none."""
    told = response.headers.get("content-encoding", "").lower().split(",")
    asked_for = response.request.headers.get("accept-encoding", "").lower().split(",")
    known = {"", "none", "identity", *(name.strip() for name in asked_for)}
    return next((name.strip() for name in told if name.strip() not in known), "")


def _causes_in_transport(error: BaseException) -> list[BaseException]:
    """An error of the transport and those below it, as far down as they are about the network.

    A library's error may stand in the context of one that it has dealt with, which is no cause.
    """
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        library = type(inner).__module__.partition(".")[0]
        if not isinstance(inner, OSError) and library not in ("aiohttp", "httpx2", "openai"):
            break
        chain.append(inner)
    return chain


def _no_encryption(causes: list[BaseException]) -> str:
    """What to say where the encryption itself fails, which no waiting mends; "" elsewhere."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                "The certificate of {url} is not trusted here ({reason}). If it is your own, or "
                "your company's, name the file of its authority in SSL_CERT_FILE."
            )
        if isinstance(cause, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(cause):
            return "{url} does not speak https ({reason}). Begin the base URL with http://"
    return ""


def _reason(error: BaseException) -> str:
    """The cause of a connection error in its own words: the innermost error of the operating
    system, if any.
    """
    chain = _causes_in_transport(error)
    cause = next((link for link in reversed(chain) if isinstance(link, OSError)), chain[-1])
    return " ".join(f"{type(cause).__name__}: {cause}".rstrip(": ").split())[:200]


def verdict_endpoint(
    client: Any,
    model: str,
    api_mode: str,
    by_logprobs: bool,
    temperature: float | None,
    max_tokens: int,
    deadline: float = Endpoint.deadline,
) -> Endpoint:
    """A chat endpoint that is asked for verdicts: by the log-probabilities of one token, or by a
    short text.

    Log-probabilities are asked for at temperature 1, which leaves them as they are; and a first
    request at temperature 0 would fix greedy decoding for all later ones on some servers.

    Args:
        temperature, max_tokens: of a text. deadline: seconds for one whole request.
    """
    texts = Endpoint(
        client,
        model,
        kind=CHAT,
        api_mode=api_mode,
        temperature=temperature,
        max_tokens=max_tokens,
        deadline=deadline,
    )
    if not by_logprobs:
        return texts
    wanted = {"logprobs": True, "top_logprobs": 20}
    needed = frozenset(wanted)
    return replace(texts, temperature=1.0, max_tokens=1, extra_body=wanted, needed=needed)


async def patiently(url: str, ask: Callable[[], Awaitable[Any]], patience: float) -> Any:
    """What a first request brings, asked again while its server is not there yet, or busy; twice
    more where it fails within the server, since one such failure says little of what it can do.

    Args:
        url: the server's, for what is told while waiting. patience: seconds, in all.

    Raises:
        Outage, Busy: the last one, when patience is over. Whatever else `ask` raises.
    """
    deadline, is_said, failures = time.monotonic() + patience, False, 0
    while True:
        try:
            return await ask()
        except FailedAttempt as error:
            failures += 1
            if failures > 2 or error.status is None or error.status < 500:
                raise
            await asyncio.sleep(0.5)
        except (Outage, Busy) as error:
            wait = getattr(error, "retry_after", None) or 0.5
            if time.monotonic() + wait > deadline:
                raise
            if not is_said:
                print(f"{url}: {error}. Asking again for {patience:.0f} s …", flush=True)
                is_said = True
            await asyncio.sleep(wait)
