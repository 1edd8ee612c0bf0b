"""Use a router from a program: clients that drop in for OpenAI's, and send each call to one of two
models.

`RoutedClient` and `AsyncRoutedClient` *are* `openai.OpenAI` and `openai.AsyncOpenAI`. The routing
sits below them, where HTTP requests leave: a chat completion asked of the model "router" is scored,
given the name and the address of the inferior or the superior model, and otherwise passed on
untouched, so that streaming, tools, parsing and retries are the SDK's own. Who gets which request
is `switchboard`'s, what is read before an answer is shown `stages`', when the other model is asked
`fallback`'s; scores and thresholds are made by `router`, bulk work is `collection`'s.
"""

from __future__ import annotations

import concurrent.futures
import inspect
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import httpx2
import openai

from routerlib import settings
from routerlib.endpoints import addresses, connections
from routerlib.rows.characters import mended
from routerlib.serving.fallback import Reply, without_waiting
from routerlib.serving.scoring_queue import ScoringQueue
from routerlib.serving.stages import Gathered, StagedLine, Stages
from routerlib.serving.switchboard import (
    ROUTED,
    THRESHOLD_HEADER,
    Backend,
    BackendError,
    Plan,
    RequestError,
    Switchboard,
    backend,
    conversation,
    switchboard,
)
from routerlib.training.router import Router

__all__ = [
    "AsyncRoutedClient",
    "Backend",
    "BackendError",
    "RequestError",
    "RoutedClient",
    "backend",
]


LATER = 1.0  # seconds after max_wait at which a silent server is given up


# --- Below the synchronous client ---


class RoutingTransport(httpx2.BaseTransport):
    """The floor below `RoutedClient`: gives each chat completion its model, address and key.

    Args:
        direct: sends what stays on this machine. outside: sends the rest, through a proxy where one
            is set.
    """

    def __init__(self, board: Switchboard, direct: httpx2.Client, outside: httpx2.Client):
        self.board = board
        self.direct = direct
        self.outside = outside
        self.stages = Stages(board)

    def client(self, target: Backend) -> httpx2.Client:
        return self.direct if target.is_local else self.outside

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            if listed := _models_listed(request, self.board):
                return listed
            if not _is_chat(request):
                return connections.send(self.client(self.board.superior), request)
            body = _body_of_request(request)
            plan = self.plan(request, body)
        except RequestError as error:
            return httpx2.Response(error.status, json=error.body(), request=request)
        try:
            line = HttpLine(self, request, body)
            reply, answered_by, plan = without_waiting(self.stages.ask(plan, body, line))
        except RequestError as error:
            return _refusal_response(error, request, plan)
        return _response_for_sdk(reply, request, plan, answered_by, HeldStream(reply))

    def plan(self, request: httpx2.Request, body: dict[str, Any]) -> Plan:
        named = self.board.named(body)
        if named is not None:
            return Plan(named)
        [score] = self.board.router.score([conversation(body)])
        return self.stages.plan(float(score), body, request.headers)

    def close(self) -> None:
        self.stages.close()
        self.direct.close()
        self.outside.close()


class HttpLine(StagedLine):
    """How `RoutedClient` talks to a model's server."""

    broken = (httpx2.TransportError,)

    def __init__(self, transport: RoutingTransport, request: httpx2.Request, body: dict[str, Any]):
        self.transport = transport
        self.request = request
        self.body = body

    async def send(self, target: Backend, asked: Mapping[str, Any] | None = None) -> Reply:
        request = _readdressed(self.request, asked or self.body, target)
        if asked is not None and self.transport.board.max_wait is not None:
            _read_within(request, self.transport.board.max_wait + LATER)
        response = connections.send(self.transport.client(target), request)
        return Reply(response.status_code, response.headers, _pieces(response), response)

    async def let_go(self, reply: Reply) -> None:
        reply.origin.close()

    async def at_once(
        self,
        first: Coroutine[Any, Any, Any],
        beside: Mapping[str, Coroutine[Any, Any, Any]],
        seconds: float | None,
    ) -> Gathered:
        """Each in a thread. One that is late goes on by itself, until its server falls silent."""
        if not beside and seconds is None:
            return Gathered(await first)
        end = None if seconds is None else time.monotonic() + seconds
        main = _future_of(first)
        others = {name: _future_of(work) for name, work in beside.items()}
        try:
            found = Gathered(main.result(seconds))
        except concurrent.futures.TimeoutError:
            if main.done():
                raise  # its own
            return Gathered(is_late=True)
        if found.first is None:
            return found
        for name, other in others.items():
            left = None if end is None else max(0.0, end - time.monotonic())
            concurrent.futures.wait([other], timeout=left)
            if other.done():
                found.beside[name] = other.exception() or other.result()
            else:
                found.is_late = True
        return found

    async def work_out(self, work: Callable[[], Any]) -> Any:
        return work()


def _future_of(work: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
    """The result to come of a coroutine that never waits for a loop."""
    found: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            found.set_result(without_waiting(work))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=run, name="first-answer", daemon=True).start()
    return found


def _read_within(request: httpx2.Request, seconds: float) -> None:
    """Let a request give up where its server is silent for so long, if it would not before."""
    limits = dict(request.extensions.get("timeout") or {})
    usual = limits.get("read")
    limits["read"] = seconds if usual is None else min(usual, seconds)
    request.extensions = {**request.extensions, "timeout": limits}


async def _pieces(response: httpx2.Response) -> AsyncIterator[bytes]:
    """A synchronous body for `Reply`, which knows asynchronous ones; it never waits for a loop."""
    for piece in response.iter_raw():
        yield piece


class HeldStream(httpx2.SyncByteStream):
    """The body of an answer of which some pieces were looked at before."""

    def __init__(self, reply: Reply):
        self.reply = reply

    def __iter__(self) -> Iterator[bytes]:
        yield from self.reply.held
        while (piece := without_waiting(anext(self.reply.pieces, None))) is not None:
            yield piece

    def close(self) -> None:
        self.reply.origin.close()


class RoutingHttpClient(openai.DefaultHttpxClient):
    """An HTTP client whose transport routes."""


# --- Below the asynchronous client ---


class AsyncRoutingTransport(httpx2.AsyncBaseTransport):
    """The floor below `AsyncRoutedClient`; its arguments are those of `RoutingTransport`."""

    def __init__(self, board: Switchboard, direct: httpx2.AsyncClient, outside: httpx2.AsyncClient):
        self.board = board
        self.direct = direct
        self.outside = outside
        self.stages = Stages(board)
        self.queue = ScoringQueue(board.router)

    def client(self, target: Backend) -> httpx2.AsyncClient:
        return self.direct if target.is_local else self.outside

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            if listed := _models_listed(request, self.board):
                return listed
            if not _is_chat(request):
                return await connections.send_async(self.client(self.board.superior), request)
            body = _body_of_request(request)
            plan = await self.plan(request, body)
        except RequestError as error:
            return httpx2.Response(error.status, json=error.body(), request=request)
        try:
            line = AsyncHttpLine(self, request, body)
            reply, answered_by, plan = await self.stages.ask(plan, body, line)
        except RequestError as error:
            return _refusal_response(error, request, plan)
        return _response_for_sdk(reply, request, plan, answered_by, AsyncHeldStream(reply))

    async def plan(self, request: httpx2.Request, body: dict[str, Any]) -> Plan:
        named = self.board.named(body)
        if named is not None:
            return Plan(named)
        score = await self.queue.score(conversation(body))
        return self.stages.plan(score, body, request.headers)

    async def aclose(self) -> None:
        self.stages.close()
        self.queue.close()
        await self.direct.aclose()
        await self.outside.aclose()


class AsyncHttpLine(StagedLine):
    """How `AsyncRoutedClient` talks to a model's server."""

    broken = HttpLine.broken

    def __init__(
        self, transport: AsyncRoutingTransport, request: httpx2.Request, body: dict[str, Any]
    ):
        self.transport = transport
        self.request = request
        self.body = body

    async def send(self, target: Backend, asked: Mapping[str, Any] | None = None) -> Reply:
        request = _readdressed(self.request, asked or self.body, target)
        response = await connections.send_async(self.transport.client(target), request)
        return Reply(response.status_code, response.headers, response.aiter_raw(), response)

    async def let_go(self, reply: Reply) -> None:
        await reply.origin.aclose()


class AsyncHeldStream(httpx2.AsyncByteStream):
    """`HeldStream`, for asynchronous clients."""

    def __init__(self, reply: Reply):
        self.reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.reply.held:
            yield piece
        async for piece in self.reply.pieces:
            yield piece

    async def aclose(self) -> None:
        await self.reply.origin.aclose()


class AsyncRoutingHttpClient(openai.DefaultAsyncHttpxClient):
    """An HTTP client whose transport routes."""


# --- Requests and responses of both ---


def _is_chat(request: httpx2.Request) -> bool:
    return request.method == "POST" and request.url.path.endswith("/chat/completions")


def _models_listed(request: httpx2.Request, board: Switchboard) -> httpx2.Response | None:
    """The answer to a question about models: those that can be asked for here. None to another
    question.
    """
    start = httpx2.URL(board.superior.url("models")).path
    if request.method != "GET" or not f"{request.url.path}/".startswith(f"{start}/"):
        return None
    name = request.url.path.removeprefix(start).strip("/")
    return httpx2.Response(200, json=board.catalogue(name), request=request)


def _body_of_request(request: httpx2.Request) -> dict[str, Any]:
    return json.loads(request.content)


def _readdressed(
    request: httpx2.Request, body: Mapping[str, Any], target: Backend
) -> httpx2.Request:
    dropped = ("host", "content-length", "authorization", THRESHOLD_HEADER)
    headers = {name: value for name, value in request.headers.items() if name not in dropped}
    headers |= target.headers()
    url = httpx2.URL(target.url("chat/completions")).copy_merge_params(request.url.params)
    content = json.dumps({**body, "model": target.model}).encode()
    return httpx2.Request(
        "POST", url, headers=headers, content=content, extensions=request.extensions
    )


def _refusal_response(error: RequestError, request: httpx2.Request, plan: Plan) -> httpx2.Response:
    headers = plan.headers(plan.first)
    return httpx2.Response(error.status, json=error.body(), headers=headers, request=request)


def _response_for_sdk(
    reply: Reply, request: httpx2.Request, plan: Plan, answered_by: Backend, stream: Any
) -> httpx2.Response:
    """What the SDK gets: the model's answer, with headers that tell the decision and who
    answered.
    """
    response: httpx2.Response = reply.origin
    if reply.held:  # the response's own body has been begun
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name.lower() not in reply.dropped
        ]
        if reply.dropped:
            headers.append(("content-type", reply.headers["content-type"]))
        response = httpx2.Response(
            reply.status,
            headers=headers,
            stream=stream,
            request=request,
            extensions=response.extensions,
        )
    response.headers.update(plan.headers(answered_by))
    return response


class _Routed:
    """What both clients do beside being OpenAI's: their requests leave through a transport that
    routes.
    """

    _routing_http: type  # the HTTP client that carries the transport
    _routing_transport: type
    _usual_http: Callable[..., Any]  # makes what sends the routed requests on

    def __init__(
        self,
        router: Router,
        inferior: str | Backend,
        superior: str | Backend,
        *,
        threshold: float | None = None,
        fallback: bool = False,
        second: str | Backend | None = None,
        max_wait: float | None = None,
        **options: Any,
    ):
        self._refuse_unknown(options)
        self.board = switchboard(router, inferior, superior, threshold, fallback, second, max_wait)
        http = options.pop("http_client", None)
        if not isinstance(http, self._routing_http):  # it is one where `copy` made this client
            # What stays on this machine goes through no proxy of the environment.
            direct = http or self._usual_http(trust_env=False)
            outside = http or self._outside_http(direct)
            transport = self._routing_transport(self.board, direct, outside)
            http = self._routing_http(transport=transport)
        # The SDK wants some key, even for a local server that needs none; each request gets its
        # endpoint's own.
        given = {
            "api_key": self.board.superior.key() or "none",
            "base_url": _without_query(self.board.superior.base_url),
        } | options
        above: Any = super()  # OpenAI's client, whichever it is
        above.__init__(**given, http_client=http)

    def _outside_http(self, direct: Any) -> Any:
        """What sends requests to other machines, through the proxies that the environment names.

        Raises:
            settings.SettingError: there are such, and one of them cannot be used; or certificates.
        """
        targets = (self.board.inferior, self.board.superior, self.board.second)
        away = next((target for target in targets if target and not target.is_local), None)
        if away is None:
            return direct  # no proxy that the environment names is looked at
        try:
            return self._usual_http(trust_env=True)
        except (*addresses.UNREADABLE, ImportError, ValueError, httpx2.InvalidURL) as error:
            refusal = addresses.environment_refused(away.base_url, error)
            raise settings.SettingError(refusal) from None

    def _refuse_unknown(self, options: Mapping[str, Any]) -> None:
        known = inspect.signature(super().__init__).parameters
        if unknown := [name for name in options if name not in known]:
            raise settings.SettingError(
                f"{type(self).__name__} takes no {unknown[0]!r}. Beside router, inferior, "
                "superior, threshold, fallback, second and max_wait it takes what OpenAI's client "
                "takes; a model is named in each call: "
                f"model={ROUTED!r}."
            )

    def copy(self, *, _extra_kwargs: Mapping[str, Any] = {}, **options: Any) -> Self:
        """As OpenAI's: the same client with some options changed. The routing stays."""
        names = (
            *("router", "inferior", "superior", "threshold", "fallback"),
            *("second", "max_wait"),
        )
        same = {name: getattr(self.board, name) for name in names}
        above: Any = super()
        return above.copy(**options, _extra_kwargs={**same, **_extra_kwargs})

    with_options = copy


def _without_query(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(query=""))


def _mend_messages(body: Any) -> None:
    """Half characters in a request's messages become "�": the SDK could not write them."""
    if isinstance(body, dict) and "messages" in body:
        body["messages"] = mended(body["messages"])


class RoutedClient(_Routed, openai.OpenAI):
    """OpenAI's client, with each chat completion sent to the cheaper of two models that will do.

    Example:
        client = RoutedClient(router, "http://127.0.0.1:8001/v1", "http://127.0.0.1:8000/v1")
        messages = [{"role": "user", "content": "Hi"}]
        answer = client.chat.completions.create(model="router", messages=messages)
        print(answer.model)  # who answered

    Args:
        router: decides, on the whole conversation.
        inferior, superior: a `Backend`, or an address where the model has the name that the router
            knows.
        threshold: of p_superior, in [0, 1]; None is the router's own.
        fallback: ask the other model when the chosen one is down or overloaded, or cannot take the
            prompt (an image, too long a text).
        second: where the second cheap model answers, if the router's policy compares with one.
        max_wait: seconds after which a prompt goes up whose first answer, or what is read beside
            it, has not come; None: it is waited for.
        options: anything `openai.OpenAI` takes (timeout, max_retries, default_headers, http_client
            …).

    Where the router carries a policy that reads answers, the inferior model's answer is held back
    until it is decided that it is shown; a stream begins then. Headers of the answer say which
    stage decided, and what it cost.

    A call that names one of the two models is not routed; one request can set its own operating
    point with `extra_headers={"x-router-threshold": "0.3"}`. `models.list()` shows "router" and the
    two models; what else is no chat completion goes to the superior's server.
    """

    _routing_http = RoutingHttpClient
    _routing_transport = RoutingTransport
    _usual_http = openai.DefaultHttpxClient

    def _prepare_options(self, options: Any) -> Any:
        _mend_messages(options.json_data)
        return super()._prepare_options(options)


class AsyncRoutedClient(_Routed, openai.AsyncOpenAI):
    """`RoutedClient` for asynchronous code. Prompts that arrive together are scored together.

    Example:
        client = AsyncRoutedClient(router, "http://127.0.0.1:8001/v1", "http://127.0.0.1:8000/v1")
        answer = await client.chat.completions.create(model="router", messages=messages)
    """

    _routing_http = AsyncRoutingHttpClient
    _routing_transport = AsyncRoutingTransport
    _usual_http = connections.AioHttpClient

    async def _prepare_options(self, options: Any) -> Any:
        _mend_messages(options.json_data)
        return await super()._prepare_options(options)
