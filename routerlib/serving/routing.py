"""Use a router from a program: clients that drop in for OpenAI's, and send each call to one of two models.

`RoutedClient` and `AsyncRoutedClient` *are* `openai.OpenAI` and `openai.AsyncOpenAI`. The routing sits below
them, where HTTP requests leave: a chat completion asked of the model "router" is scored, given the name and
the address of the inferior or the superior model, and otherwise passed on untouched, so that streaming,
tools, parsing and retries are the SDK's own. Everything about the choice that `proxy` needs as well is here;
scores and thresholds are made by `router`, bulk work is `collection`'s.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2
import openai

from routerlib import settings
from routerlib.endpoints import servers
from routerlib.errors import Foreseen
from routerlib.rows import sources
from routerlib.rows.schemas import LabelledPrompt, Message
from routerlib.training.router import Decision, Router, RouterError, newest

ROUTED = "router"  # the model name that asks for a decision
THRESHOLD_HEADER = "x-router-threshold"  # in a request: decide this one at another operating point
UNAVAILABLE = (429, 500, 502, 503, 504, 529)  # answers of a server that cannot serve now


class RequestError(Foreseen, ValueError):
    """A request that cannot be routed. `status` is the HTTP status that says so; the text says what to change."""

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status

    def body(self) -> dict[str, Any]:
        """The error in the form of the OpenAI API, which its SDK turns into an exception with this text."""
        kind = "invalid_request_error" if self.status < 500 else "api_error"
        return {"error": {"message": str(self), "type": kind, "param": None, "code": None}}


class BackendError(Foreseen, ValueError):
    """No way to a model: an address that is none, or a model without a name; the text says what to give."""


@dataclass(frozen=True)
class Backend:
    """Where one of the two models answers: an OpenAI-compatible server, and the model's name there.

    Example:
        inferior = routerlib.Backend("http://localhost:8001/v1", "my-cheap-model")
        client = routerlib.RoutedClient(router, inferior, superior="http://localhost:8000/v1")

    Raises:
        BackendError: the address is none, or the model has no name.
    """

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _is_address(self.base_url):
            raise BackendError(
                f"{self.base_url!r} is no address of a server; one looks like http://127.0.0.1:8000/v1."
            )
        if self.model is None:
            raise BackendError(
                f"The router does not know what the model at {self.base_url} is called: give its name as well."
            )
        settings.text(f"The name of the model at {self.base_url}", self.model)

    @property
    def is_local(self) -> bool:
        return httpx2.URL(self.base_url).host in servers.LOCAL_HOSTS

    def key(self) -> str | None:
        """The key to send: the given one, else OPENAI_API_KEY for a remote server, else none.

        Raises:
            settings.MissingKey: the server is remote and no key is to be found.
        """
        return self.api_key or (None if self.is_local else settings.key("OPENAI_API_KEY"))

    def url(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"


def backend(value: str | Backend, model: str | None) -> Backend:
    """An endpoint from its address: `http://127.0.0.1:8000/v1`, the model's name being the one the router knows.

    Raises:
        BackendError: it is no http address, or nobody said what the model is called there.
    """
    return value if isinstance(value, Backend) else Backend(value, model or None)


def _is_address(value: Any) -> bool:
    try:
        url = httpx2.URL(value)
    except (TypeError, httpx2.InvalidURL):
        return False
    return url.scheme in ("http", "https") and bool(url.host) and (url.port or 80) < 65536


@dataclass(frozen=True)
class Plan:
    """What happens to one request: who is asked first, who is asked if that server is down, and why."""

    first: Backend
    second: Backend | None
    decision: Decision | None  # None where the caller named the model

    def headers(self, answered_by: Backend) -> dict[str, str]:
        """The response headers that tell the decision and who answered."""
        told = {"x-router-model": answered_by.model}
        if self.decision:
            told["x-router-decision"] = self.decision.model
            told["x-router-score"] = f"{self.decision.p_superior:.4f}"
            told[THRESHOLD_HEADER] = f"{self.decision.threshold:.4f}"
        if answered_by is not self.first:
            told["x-router-fallback"] = "true"
        return {
            name: value.encode("latin-1", "replace").decode("latin-1")
            for name, value in told.items()
        }


@dataclass(frozen=True)
class Switchboard:
    """A router between two endpoints, and the rules by which a request finds its model.

    `threshold` overrides the router's own; `fallback` asks the other model when the chosen one is down.
    """

    router: Router
    inferior: Backend
    superior: Backend
    threshold: float | None = None
    fallback: bool = False

    def named(self, body: Mapping[str, Any]) -> Backend | None:
        """The endpoint a request names itself, None where it asks for the router.

        Raises:
            RequestError: the model is none of those served here.
        """
        name = body.get("model")
        known = {"inferior": self.inferior, "superior": self.superior}
        known |= {known_as.model: known_as for known_as in (self.inferior, self.superior)}
        if name == ROUTED:
            return None
        if isinstance(name, str) and name in known:
            return known[name]
        raise RequestError(
            f"There is no model {name!r} here. Ask for {ROUTED!r} to be routed, or name one of the two models: "
            f"{self.inferior.model!r}, {self.superior.model!r}.",
            status=404,
        )

    def plan(
        self, named: Backend | None, p_superior: float | None, headers: Mapping[str, str]
    ) -> Plan:
        """Who answers: the endpoint the caller named, else the one that the score and the threshold point to."""
        if named is not None:
            return Plan(named, None, None)
        decision = self.router.decide(p_superior, self.threshold_for(headers))
        pair = (self.inferior, self.superior)
        first, second = pair if decision.model == "inferior" else pair[::-1]
        return Plan(first, second if self.fallback else None, decision)

    def threshold_for(self, headers: Mapping[str, str]) -> float | None:
        """The threshold of one request: its header's, else the switchboard's, else (None) the router's.

        Raises:
            RequestError: the header holds no number in [0, 1].
        """
        text = headers.get(THRESHOLD_HEADER)
        if text is None:
            return self.threshold
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise RequestError(
                f"The header {THRESHOLD_HEADER} must be a number from 0 to 1, not {text!r}."
            )
        return value


def switchboard(
    router: Router,
    inferior: str | Backend,
    superior: str | Backend,
    threshold: float | None = None,
    fallback: bool = False,
) -> Switchboard:
    """A switchboard between two endpoints, given as `backend` takes them.

    Raises:
        BackendError: as `backend`. settings.SettingError: no router, or a threshold outside [0, 1].
    """
    if not callable(getattr(router, "score", None)):
        raise settings.SettingError(
            f"The router is {router!r}; give a Router, such as routing.load() returns."
        )
    threshold = None if threshold is None else settings.number("THRESHOLD", threshold, most=1)
    inferior = backend(inferior, router.models.get("inferior"))
    superior = backend(superior, router.models.get("superior"))
    return Switchboard(router, inferior, superior, threshold, fallback)


def load(folder: str | Path = "") -> Router:
    """The router in a folder; without one the newest below outputs/models; without any, `quick` on the samples.

    Raises:
        router.RouterError: the folder that was named holds no router.
    """
    try:
        found = Path(folder) if folder else newest()
    except RouterError as error:
        print(
            f"{error} Until then: TF-IDF and ridge regression, fitted now on the shipped outcomes."
        )
        return quick(sources.load_rows("sample", LabelledPrompt))
    loaded = Router.from_pretrained(found)
    print(f"{loaded.name} ({loaded.kind}) from {found}")
    return loaded


def quick(rows: Iterable[LabelledPrompt]) -> Router:
    """A router in a second: TF-IDF and ridge regression, calibrated and certified on rows it was not fitted on.

    Where no threshold can be certified, it takes the one that sends half of the calls to the superior model.
    """
    from routerlib.stats import metrics
    from routerlib.training import evaluation, examples
    from routerlib.training.scorers import TfidfRidge

    data = examples.from_rows(rows)
    split = examples.split(data.groups, {"train": 0.6, "calibration": 0.2, "certificate": 0.2})
    train, calibration, fresh = (data.take(split[name]) for name in split)
    scorer = TfidfRidge().fit(train)
    platt = metrics.calibrate("platt", scorer.score(calibration.texts), calibration.p_superior)
    router = Router("TF-IDF + ridge, quick", scorer, platt)
    if not evaluation.certify(router, fresh).certified:
        half = [row for row in router.curve if row["share_superior"] <= 0.5]
        router.threshold = half[0]["threshold"]
    return router


def conversation(body: Mapping[str, Any]) -> list[Message]:
    """The messages of a request as the router reads them: all turns, in order, whatever their content is made of.

    Raises:
        RequestError: there are none, or one is not in the form of the OpenAI API.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError(
            "The request has no `messages`: a list of objects with `role` and `content` is needed."
        )
    return [_message(index, message) for index, message in enumerate(messages)]


def _message(index: int, message: Any) -> Message:
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        raise RequestError(f"messages[{index}] must be an object with `role` and `content`.")
    content = message.get("content")
    if isinstance(content, str):
        text = content
    elif content is None or isinstance(content, list):
        text = "\n".join(part_text(part) for part in content or ())
    else:
        raise RequestError(f"messages[{index}].content must be a text or a list of parts.")
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise RequestError(f"messages[{index}].tool_calls must be a list.")
    for call in calls:
        function = call.get("function") if isinstance(call, Mapping) else None
        function = function if isinstance(function, Mapping) else {}
        text += f"\n[calls {function.get('name')}({function.get('arguments')})]"
    return Message(role=message["role"], content=text.strip())


def part_text(part: Any) -> str:
    """One part of a message's content as text; what is no text is named in brackets ("[image_url]")."""
    if isinstance(part, Mapping):
        if part.get("type") == "input_json":
            return json.dumps(part.get("data"), ensure_ascii=False)
        for name in ("text", "refusal"):
            if isinstance(part.get(name), str):
                return part[name]
        return f"[{part.get('type', 'part')}]"
    return str(part)


class Scorer:
    """Scores the prompts of concurrent requests together, off the event loop.

    While one batch is being scored in a worker thread, the requests that arrive gather into the next one; one alone
    waits for nobody. Batches are small because on a CPU a batch takes nearly as long as its prompts one by one, and
    all of it waits for the last. A scorer belongs to one event loop.
    """

    def __init__(self, router: Router, max_batch: int = 8):
        self.router = router
        self.max_batch = max_batch
        self.pending: list[tuple[list[Message], asyncio.Future[float]]] = []
        self.worker: asyncio.Task | None = None
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="router")

    async def score(self, messages: list[Message]) -> float:
        """The probability, in [0, 1], that only the superior model will do."""
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.pending.append((messages, answer))
        if self.worker is None or self.worker.done():
            self.worker = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self.pending:
            batch, self.pending = self.pending[: self.max_batch], self.pending[self.max_batch :]
            try:
                scores = await loop.run_in_executor(
                    self.thread, self._scores, [messages for messages, _ in batch]
                )
            except Exception as error:
                settle(
                    batch,
                    lambda answer, _, error=error: answer.set_exception(error),
                    [None] * len(batch),
                )
            else:
                settle(batch, lambda answer, score: answer.set_result(score), scores)

    def _scores(self, prompts: Sequence[list[Message]]) -> list[float]:
        return [float(score) for score in self.router.score(prompts)]

    def close(self) -> None:
        self.thread.shutdown(wait=False, cancel_futures=True)


def settle(
    batch: Sequence[tuple], how: Callable[[asyncio.Future, Any], None], values: Sequence[Any]
) -> None:
    """Give each waiting request its result, those aside whose caller has gone."""
    for (_, answer), value in zip(batch, values, strict=True):
        if not answer.done():
            how(answer, value)


class RoutingTransport(httpx2.BaseTransport):
    """The floor below `RoutedClient`: gives each chat completion its model, address and key."""

    def __init__(self, board: Switchboard, client: httpx2.Client):
        self.board = board
        self.client = client

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not _is_chat(request):
            return self.client.send(request, stream=True)
        try:
            body = _body(request)
            named = self.board.named(body)
            score = None if named else float(self.board.router.score([conversation(body)])[0])
            plan = self.board.plan(named, score, request.headers)
        except RequestError as error:
            return httpx2.Response(error.status, json=error.body(), request=request)
        return self._send(request, body, plan)

    def _send(self, request: httpx2.Request, body: dict, plan: Plan) -> httpx2.Response:
        try:
            response = self.client.send(_readdressed(request, body, plan.first), stream=True)
            if plan.second is None or response.status_code not in UNAVAILABLE:
                return _told(response, plan, plan.first)
            response.close()
        except httpx2.TransportError:
            if plan.second is None:
                raise
        return _told(
            self.client.send(_readdressed(request, body, plan.second), stream=True),
            plan,
            plan.second,
        )

    def close(self) -> None:
        self.client.close()


class RoutingHttpClient(openai.DefaultHttpxClient):
    """An HTTP client whose transport routes."""


class AsyncRoutingTransport(httpx2.AsyncBaseTransport):
    """The floor below `AsyncRoutedClient`."""

    def __init__(self, board: Switchboard, client: httpx2.AsyncClient):
        self.board = board
        self.client = client
        self.scorer = Scorer(board.router)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not _is_chat(request):
            return await self.client.send(request, stream=True)
        try:
            body = _body(request)
            named = self.board.named(body)
            score = None if named else await self.scorer.score(conversation(body))
            plan = self.board.plan(named, score, request.headers)
        except RequestError as error:
            return httpx2.Response(error.status, json=error.body(), request=request)
        return await self._send(request, body, plan)

    async def _send(self, request: httpx2.Request, body: dict, plan: Plan) -> httpx2.Response:
        try:
            response = await self.client.send(_readdressed(request, body, plan.first), stream=True)
            if plan.second is None or response.status_code not in UNAVAILABLE:
                return _told(response, plan, plan.first)
            await response.aclose()
        except httpx2.TransportError:
            if plan.second is None:
                raise
        return _told(
            await self.client.send(_readdressed(request, body, plan.second), stream=True),
            plan,
            plan.second,
        )

    async def aclose(self) -> None:
        self.scorer.close()
        await self.client.aclose()


class AsyncRoutingHttpClient(openai.DefaultAsyncHttpxClient):
    """An HTTP client whose transport routes."""


def _is_chat(request: httpx2.Request) -> bool:
    return request.method == "POST" and request.url.path.endswith("/chat/completions")


def _body(request: httpx2.Request) -> dict[str, Any]:
    return json.loads(request.content)


def _readdressed(request: httpx2.Request, body: dict, target: Backend) -> httpx2.Request:
    dropped = ("host", "content-length", "authorization", THRESHOLD_HEADER)
    headers = {name: value for name, value in request.headers.items() if name not in dropped}
    if key := target.key():
        headers["authorization"] = f"Bearer {key}"
    url = httpx2.URL(target.url("chat/completions"), params=request.url.params)
    content = json.dumps({**body, "model": target.model}).encode()
    return httpx2.Request(
        "POST", url, headers=headers, content=content, extensions=request.extensions
    )


def _told(response: httpx2.Response, plan: Plan, answered_by: Backend) -> httpx2.Response:
    response.headers.update(plan.headers(answered_by))
    return response


class _Routed:
    """What both clients do beside being OpenAI's: their requests leave through a transport that routes."""

    _routing_http: type  # the HTTP client that carries the transport
    _routing_transport: type
    _usual_http: Callable[[], Any]  # what sends the routed requests on

    def __init__(
        self,
        router: Router,
        inferior: str | Backend,
        superior: str | Backend,
        *,
        threshold: float | None = None,
        fallback: bool = False,
        **options: Any,
    ):
        self._refuse_unknown(options)
        self.board = switchboard(router, inferior, superior, threshold, fallback)
        http = options.pop("http_client", None)
        if not isinstance(http, self._routing_http):  # it is one where `copy` made this client
            http = self._routing_http(
                transport=self._routing_transport(self.board, http or self._usual_http())
            )
        # The SDK wants some key, even for a local server that needs none; each request gets its endpoint's own.
        given = {
            "api_key": self.board.superior.key() or "none",
            "base_url": self.board.superior.base_url,
        } | options
        super().__init__(**given, http_client=http)

    def _refuse_unknown(self, options: Mapping[str, Any]) -> None:
        known = inspect.signature(super().__init__).parameters
        if unknown := [name for name in options if name not in known]:
            raise settings.SettingError(
                f"{type(self).__name__} takes no {unknown[0]!r}. Beside router, inferior, superior, threshold and "
                f"fallback it takes what OpenAI's client takes; a model is named in each call: model={ROUTED!r}."
            )

    def copy(self, *, _extra_kwargs: Mapping[str, Any] = {}, **options: Any) -> Self:
        """As OpenAI's: the same client with some options changed. The routing stays."""
        names = ("router", "inferior", "superior", "threshold", "fallback")
        same = {name: getattr(self.board, name) for name in names}
        return super().copy(**options, _extra_kwargs={**same, **_extra_kwargs})

    with_options = copy


class RoutedClient(_Routed, openai.OpenAI):
    """OpenAI's client, with each chat completion sent to the cheaper of two models that will do.

    Example:
        client = RoutedClient(router, "http://127.0.0.1:8001/v1", "http://127.0.0.1:8000/v1")
        answer = client.chat.completions.create(model="router", messages=[{"role": "user", "content": "Hi"}])
        answer.model  # who answered

    Args:
        router: decides, on the whole conversation.
        inferior, superior: a `Backend`, or an address where the model has the name that the router knows.
        threshold: the operating point in [0, 1]; None is the router's own.
        fallback: ask the other model when the chosen one is down or overloaded.
        options: anything `openai.OpenAI` takes (timeout, max_retries, default_headers, http_client …).

    A call that names one of the two models is not routed; one request can set its own operating point with
    `extra_headers={"x-router-threshold": "0.3"}`. What is no chat completion goes to the superior's server.
    """

    _routing_http = RoutingHttpClient
    _routing_transport = RoutingTransport
    _usual_http = openai.DefaultHttpxClient


class AsyncRoutedClient(_Routed, openai.AsyncOpenAI):
    """`RoutedClient` for asynchronous code. Prompts that arrive together are scored together.

    Example:
        client = AsyncRoutedClient(router, "http://127.0.0.1:8001/v1", "http://127.0.0.1:8000/v1")
        answer = await client.chat.completions.create(model="router", messages=messages)
    """

    _routing_http = AsyncRoutingHttpClient
    _routing_transport = AsyncRoutingTransport
    _usual_http = openai.DefaultAioHttpClient
