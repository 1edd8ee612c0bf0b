"""`serve-router`: the router as an OpenAI-compatible server on 127.0.0.1, for programs in any
language.

A chat completion for the model "router" goes to the inferior or the superior model; headers of the
answer tell which, and why. Bytes pass through as they come, streams included. `/v1/decisions`
answers with the decision alone, in the shape of OpenAI's Decisions API. Who gets which request is
`switchboard`'s, what is read before an answer is shown `stages`', when the other model is asked
`fallback`'s; this module knows HTTP: paths, compressed bodies, size limits, time-outs, the optional
key, health and metrics. Prompts are not logged unless that is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import re
import shlex
import socket
import threading
import time
import traceback
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    MutableMapping,
    Sequence,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import uvicorn
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from routerlib import event_loop, settings
from routerlib.endpoints import addresses, clients, connections, replies, servers
from routerlib.endpoints.addresses import HOST
from routerlib.errors import Foreseen
from routerlib.progress import printable, printable_lines
from routerlib.rows.schemas import Message
from routerlib.serving import compression, decisions_api
from routerlib.serving.fallback import Reply
from routerlib.serving.scoring_queue import ScoringQueue
from routerlib.serving.stages import NOTE, StagedLine, Stages
from routerlib.serving.switchboard import (
    ROUTED,
    THRESHOLD_HEADER,
    Backend,
    BackendError,
    Plan,
    RequestError,
    Switchboard,
    backend,
    check_server_address,
    conversation,
    switchboard,
)
from routerlib.training.router import Router

HOST_NAMES = ("127.0.0.1", "localhost", "[::1]")  # in the Host header another is a web page's trick
HOST_NAME = re.compile(r"[\w.:\[\]-]+")  # with or without a port
KEY_NAME = "ROUTERLIB_SERVER_KEY"
LEAST_MB = 0.001  # a smaller limit would refuse every request

# Headers that belong to one connection (RFC 9110, section 7.6.1), and those that this server writes
# itself.
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
OWN = {
    "host",
    "content-length",
    "content-encoding",
    "content-type",
    "authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "cookie",
    "expect",
    THRESHOLD_HEADER,
}
DROPPED_ON = HOP_BY_HOP | OWN  # on the way to a model
DROPPED_BACK = HOP_BY_HOP | {"date", "server", "set-cookie"}  # on the way back

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Limits:
    """What the server allows: seconds and bytes."""

    max_bytes: int = 10 * 1024 * 1024  # of a request
    body_timeout: float = 30.0  # to receive a request
    connect_timeout: float = 10.0  # to reach a model's server
    timeout: float = 600.0  # between two bytes of a model's answer
    patience: float = 15.0  # for a stream's first word, before keep-alive comments are passed on
    log_prompts: bool = False


class Json(JSONResponse):
    """A JSON answer in ASCII: what a caller sent may hold halves of surrogate pairs, which UTF-8
    cannot.
    """

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


class CannotListen(Foreseen, RuntimeError):
    """The server's port is taken, or may not be used; the text says what to do."""


class Metrics:
    """The counts and durations that `/metrics` shows; one registry a server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "routerlib_requests",
            "Requests, by decision and status",
            ["decision", "status"],
            registry=self.registry,
        )
        self.fallbacks = Counter(
            "routerlib_fallbacks",
            "Requests answered by the other model",
            ["asked_first"],
            registry=self.registry,
        )
        self.scores = Histogram(
            "routerlib_p_superior",
            "Scores given",
            buckets=[tenth / 10 for tenth in range(1, 11)],
            registry=self.registry,
        )
        self.scoring = Histogram(
            "routerlib_scoring_seconds",
            "Time to score a prompt, waiting included",
            registry=self.registry,
        )
        self.first_byte = Histogram(
            "routerlib_first_byte_seconds",
            "Time until a model answers",
            ["model"],
            registry=self.registry,
        )
        self.reading = Histogram(
            "routerlib_reading_seconds",
            "Time to read an answer before it is shown",
            registry=self.registry,
        )
        self.stages = Counter(
            "routerlib_stages",
            "Requests of a policy, by the stage that decided and the decision",
            ["stage", "decision"],
            registry=self.registry,
        )
        self.in_flight = Gauge("routerlib_in_flight", "Requests under way", registry=self.registry)


class RouterApp:
    """The server's handlers, around one switchboard."""

    def __init__(
        self,
        board: Switchboard,
        api_key: str | None = None,
        limits: Limits | None = None,
        hosts: Sequence[str] = (),
    ):
        self.board = board
        self.api_key = api_key
        self.limits = limits or Limits()
        self.hosts = {*HOST_NAMES, *(host.strip().lower() for host in hosts)}
        self.metrics = Metrics()
        self.stages = Stages(board)
        self.queue: ScoringQueue
        self.direct: aiohttp.ClientSession  # to this machine; both are there while it runs
        self.outside: aiohttp.ClientSession  # to others, through a proxy where one is set

    def asgi(self) -> ASGIApp:
        """The application, to be run by any ASGI server (`start` and `serve_router` use
        uvicorn).
        """
        routes = [
            Route("/v1/chat/completions", self.guarded(self.chat), methods=["POST"]),
            Route("/v1/decisions", self.guarded(self.decisions), methods=["POST"]),
            Route("/v1/models", self.guarded(self.models)),
            Route("/v1/models/{name:path}", self.guarded(self.models)),
            Route("/health", self.guarded(self.health)),
            Route("/metrics", self.guarded(self.show_metrics)),
        ]
        elsewhere = {404: _no_such_path, 405: _no_such_path}
        app = Starlette(routes=routes, exception_handlers=elsewhere, lifespan=self.lifespan)

        async def with_usual_paths(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope = {**scope, "path": usual_path(scope["path"])}
            await app(scope, receive, send)

        return with_usual_paths

    def guarded(self, handler: Handler) -> Handler:
        """The handler, its errors told to the caller in the form of the OpenAI API."""

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestError as error:
                return _refusal_reply(error)
            except ClientDisconnect:
                return Response(status_code=499)  # nobody reads it
            except Exception as error:
                # An exception's text may hold a prompt, so the log gets the kind and the place
                # alone.
                log.error("%s at %s", type(error).__name__, _place_of_error(error))
                return _refusal_reply(
                    RequestError(
                        f"The router failed ({type(error).__name__}); its log tells where.", 500
                    )
                )

        return answer

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.queue = ScoringQueue(self.board.router)
        # The first score loads libraries: not on a caller's time.
        with contextlib.suppress(Exception):
            await self.queue.score([Message(role="user", content="Hello")])
            await asyncio.to_thread(self.stages.warm)
        await self.stages.examine()
        async with (
            self.session(trust_env=False) as self.direct,
            self.session(trust_env=True) as self.outside,
        ):
            yield
        self.queue.close()
        await asyncio.to_thread(self.stages.close)

    def session(self, trust_env: bool) -> aiohttp.ClientSession:
        """What asks models' servers: with as many connections as requests (`limit=0`), and with
        compressed answers passed through compressed.
        """
        return connections.session(
            trust_env=trust_env,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self.limits.connect_timeout, sock_read=self.limits.timeout
            ),
            auto_decompress=False,
        )

    async def chat(self, request: Request) -> Response:
        body = await self.read(request)
        named = self.board.named(body)
        if named is None:
            score = await self.score(conversation(body))
            plan = self.stages.plan(score, body, request.headers)
        else:
            plan = Plan(named)
        if not plan.reads:
            self.note(plan, body)
        return Relay(self, request, body, plan)

    async def decisions(self, request: Request) -> Response:
        body = await self.read(request)
        if body.get("model") not in (ROUTED, self.board.router.name):
            raise RequestError(
                f"There is no decision model {body.get('model')!r} here; ask for {ROUTED!r}.",
                status=404,
            )
        questions = decisions_api.questions(body)
        score = await self.score(decisions_api.conversation_of(body))
        decision = self.board.decide(score, request.headers)
        plan = self.board.plan(decision)
        self.metrics.requests.labels(decision.model, 200).inc()
        self.note(plan, body)
        answers = [decisions_api.answer(question, decision, self.board) for question in questions]
        told = {
            "model": self.board.router.name,
            "answers": answers,
            "usage": decisions_api.NO_USAGE,
        }
        return Json(told, headers=plan.headers(plan.first))

    async def models(self, request: Request) -> Response:
        self.check(request)
        return Json(self.board.catalogue(request.path_params.get("name", "")))

    async def health(self, _: Request) -> Response:
        threshold = self.board.threshold_for({})
        threshold = self.board.router.threshold if threshold is None else threshold
        told = {"status": "ok", "router": self.board.router.name, "threshold": threshold}
        if self.stages.policy is not None:
            why_not = self.stages.why_not or None
            told["policy"] = {"name": self.stages.policy.name, "router_alone_because": why_not}
        return Json(told)

    async def show_metrics(self, request: Request) -> Response:
        self.check(request)
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    def check(self, request: Request) -> None:
        """Who may ask: a program of this machine that knows the key, if there is one; no web
        page.
        """
        host = request.headers.get("host", "").lower()
        if host not in self.hosts and host.rpartition(":")[0] not in self.hosts:
            raise RequestError(
                f"This server answers to the names {', '.join(sorted(self.hosts))} only, not to "
                f"{host!r}. "
                "Allow a further name with --hosts.",
                status=403,
            )
        if self.api_key is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(
                given.strip().encode(), self.api_key.encode()
            ):
                raise RequestError(
                    "The key is missing or wrong: send `Authorization: Bearer <key>`.", status=401
                )

    async def read(self, request: Request) -> dict[str, Any]:
        """The JSON body of a request that passes all checks."""
        self.check(request)
        # A web page can send a form or a plain text to this address unasked, but not JSON.
        if (
            request.headers.get("content-type", "").partition(";")[0].strip().lower()
            != "application/json"
        ):
            raise RequestError(
                "Send JSON, with the header `Content-Type: application/json`.", status=415
            )
        try:
            async with asyncio.timeout(self.limits.body_timeout):
                content = await self.receive(request)
        except TimeoutError:
            raise RequestError(
                f"The request did not arrive within {self.limits.body_timeout:g} s.", status=408
            ) from None
        content = self.unpacked(content, request.headers.get("content-encoding", ""))
        try:
            body = json.loads(content, parse_constant=_refuse_no_number)
        except RequestError:
            raise
        except (ValueError, RecursionError):
            raise RequestError("The request is no valid JSON.") from None
        if not isinstance(body, dict):
            raise RequestError("The request must be a JSON object.")
        return body

    async def receive(self, request: Request) -> bytes:
        chunks, size = [], 0
        async for chunk in request.stream():
            chunks.append(chunk)
            size += len(chunk)
            if size > self.limits.max_bytes:
                raise self.too_large()
        return b"".join(chunks)

    def unpacked(self, content: bytes, encoding: str) -> bytes:
        """A body without the compression that its header names."""
        if not encoding:
            return content
        try:
            return compression.decoded(content, encoding, self.limits.max_bytes)
        except compression.TooLarge:
            raise self.too_large() from None
        except compression.UnknownEncoding as error:
            raise RequestError(
                f"The encoding {str(error)!r} is not known here: send the request plain, or as "
                f"{', '.join(compression.ENCODINGS)}.",
                status=415,
            ) from None
        except compression.CannotDecode as error:
            raise RequestError(f"The request cannot be unpacked: {error}.") from None

    def too_large(self) -> RequestError:
        return RequestError(
            f"The request is larger than {self.limits.max_bytes:,} bytes.", status=413
        )

    async def score(self, messages: list[Message]) -> float:
        with self.metrics.scoring.time():
            score = await self.queue.score(messages)
        self.metrics.scores.observe(score)
        return score

    def note(self, plan: Plan, body: Mapping[str, Any]) -> None:
        """A line in the log: who answers, and why; the prompt only where that was asked for."""
        decision = plan.decision
        told = f"asked for {body.get('model')}"
        if decision is not None:
            told = f"{decision.model} p={decision.p_superior:.3f}"
            self.metrics.stages.labels(plan.stage or "prompt", decision.model).inc()
        if plan.stage:
            why = plan.told.get(NOTE) or (decision.reason if decision else "")
            told += f" stage={plan.stage}: {'the router alone' if self.stages.why_not else why}"
        if self.limits.log_prompts:
            log.info(
                "%s %s",
                told,
                json.dumps(body.get("messages", body.get("input")), ensure_ascii=False),
            )
        else:
            log.info("%s", told)


class Relay(Response, StagedLine):
    """The answer of a model, passed on byte by byte; if the caller leaves, the model's server is
    let go.

    Starlette's StreamingResponse is as fast (12 ms a call beside 13 on a busy machine), but it
    watches the caller only once a model has begun to answer. Who leaves while a model still thinks
    would be noticed when the whole answer is there, and paid.
    """

    def __init__(self, app: RouterApp, request: Request, body: dict[str, Any], plan: Plan):
        self.app = app
        self.request = request
        self.asked = body
        self.plan = plan
        self.patience = app.limits.patience
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        work = asyncio.ensure_future(self.relay(send))
        with self.app.metrics.in_flight.track_inprogress():
            try:
                await asyncio.wait((gone, work), return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                if not work.done():
                    work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    async def relay(self, send: Send) -> None:
        try:
            was_read = self.plan.reads
            reply, answered_by, self.plan = await self.app.stages.ask(self.plan, self.asked, self)
            if was_read:
                if answered_by is not self.plan.first:
                    self.app.metrics.fallbacks.labels(self.decided).inc()
                self.app.note(self.plan, self.asked)
        except RequestError as error:
            self.count(error.status)
            response = Json(error.body(), error.status, headers=self.plan.headers(self.plan.first))
            await response({"type": "http"}, _nothing, send)
            return
        self.count(reply.status)
        async with reply.origin:
            await send(self.start_of(reply, answered_by))
            for piece in reply.held:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            try:
                async for piece in reply.pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except (aiohttp.ClientError, TimeoutError) as error:
                kind = type(error).__name__
                log.warning("the answer of %s broke off (%s)", answered_by.model, kind)
                if not reply.is_events or reply.encoding:
                    # Without its end: the server breaks the connection, and the caller's client
                    # notices.
                    return
                broken = RequestError(f"The answer of {answered_by.model} broke off ({kind}).", 502)
                # The SDK raises such an event as an APIError.
                event = f"\n\ndata: {json.dumps(broken.body())}\n\n".encode()
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def start_of(self, reply: Reply, answered_by: Backend) -> dict[str, Any]:
        """The message that starts our answer: the model's status and headers, and those that tell
        the decision.
        """
        dropped = DROPPED_BACK | reply.dropped
        if reply.is_events:
            dropped.add("content-length")  # an event that tells of a broken answer may be added
        told = [(k, v) for k, v in reply.origin.headers.items() if k.lower() not in dropped]
        if reply.dropped:
            told.append(("content-type", reply.headers["content-type"]))
        told += self.plan.headers(answered_by).items()
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in told
        ]
        return {"type": "http.response.start", "status": reply.status, "headers": headers}

    # --- as a `StagedLine` ---

    @property
    def broken(self) -> tuple[type[Exception], ...]:
        return (RequestError, aiohttp.ClientError, TimeoutError)

    async def send(self, target: Backend, asked: Mapping[str, Any] | None = None) -> Reply:
        if target is self.plan.second and not self.plan.reads:
            self.app.metrics.fallbacks.labels(self.decided).inc()
        response = await self.post(target, asked or self.asked)
        return Reply(response.status, response.headers, response.content.iter_any(), response)

    async def look(self, reply: Reply) -> bool:
        if not reply.is_events:
            return await super().look(reply)
        try:
            async with asyncio.timeout(self.patience):
                return await super().look(reply)
        except TimeoutError:
            return False  # the caller has waited long enough: what has come is passed on

    async def let_go(self, reply: Reply) -> None:
        reply.origin.close()

    async def work_out(self, work: Callable[[], Any]) -> Any:
        with self.app.metrics.reading.time():
            return await super().work_out(work)

    async def post(self, target: Backend, asked: Mapping[str, Any]) -> aiohttp.ClientResponse:
        start = time.perf_counter()
        headers = {
            name: value for name, value in self.request.headers.items() if name not in DROPPED_ON
        }
        try:
            headers |= {"content-type": "application/json", **target.headers()}
            content = json.dumps({**asked, "model": target.model}).encode()
            url = target.url("chat/completions")
            session = self.app.direct if target.is_local else self.app.outside
            response = await session.post(
                url, data=content, headers=headers, params=self.request.query_params
            )
        except TimeoutError:
            raise RequestError(
                f"The server of {target.model} did not answer in time.", status=504
            ) from None
        except aiohttp.ClientResponseError as error:
            raise RequestError(
                f"What the server of {target.model} at {target.base_url} sent is no HTTP "
                f"({error.message[:120]}).",
                status=502,
            ) from None
        except aiohttp.ClientError as error:
            raise RequestError(
                f"The server of {target.model} at {target.base_url} cannot be reached "
                f"({type(error).__name__}). Is it running?",
                status=502,
            ) from None
        except settings.MissingKey as error:
            raise RequestError(str(error), status=502) from None
        self.app.metrics.first_byte.labels(target.model).observe(time.perf_counter() - start)
        return response

    def count(self, status: int) -> None:
        self.app.metrics.requests.labels(self.decided, status).inc()

    @property
    def decided(self) -> str:
        return self.plan.decision.model if self.plan.decision else "named"


def _refuse_no_number(name: str) -> None:
    """JSON knows neither NaN nor Infinity, so that a model's server would refuse them."""
    raise RequestError(f"The request is no valid JSON: {name} is no number there.")


async def _nothing() -> MutableMapping[str, Any]:
    raise RuntimeError("an error has no body to receive")


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def usual_path(path: str) -> str:
    """The path as the routes have it: "/chat/completions", "//v1/chat/completions/" and "/v1/v1/…"
    are the same.
    """
    parts = [part for part in path.split("/") if part]
    while parts and parts[0] == "v1":
        del parts[0]
    if parts and parts[0] in ("health", "metrics"):
        return "/" + "/".join(parts)
    return "/" + "/".join(["v1", *parts])


async def _no_such_path(request: Request, _: Exception) -> Response:
    message = (
        f"This server has no {request.method} {request.scope['path']}. It has POST "
        "/v1/chat/completions and "
        "/v1/decisions, GET /v1/models, /health and /metrics."
    )
    return Json(RequestError(message, 404).body(), 404)


def _refusal_reply(error: RequestError) -> Response:
    headers = {"www-authenticate": "Bearer"} if error.status == 401 else None
    return Json(error.body(), error.status, headers=headers)


def _place_of_error(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


# --- Running it ---


class RouterServer:
    """A router server in a thread of this process: `with start(…) as server: server.url`.

    Raises:
        CannotListen: the port is taken.
    """

    def __init__(self, app: RouterApp, port: int):
        self.socket = _listen(port)
        self.url = (
            f"http://{HOST}:{self.socket.getsockname()[1]}/v1"  # what clients take as `base_url`
        )
        config = uvicorn.Config(
            app.asgi(),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=connections.MAX_HEADER,
        )
        self.app = app
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=self.server.run, args=([self.socket],), name="serve-router", daemon=True
        )

    def start(self) -> RouterServer:
        """Start it and wait until it answers.

        Raises:
            CannotListen: it did not start.
        """
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                raise CannotListen("The router server did not start; its log says why.")
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Let requests under way end (5 s), then close."""
        self.server.should_exit = True
        self.thread.join(timeout=15)

    def __enter__(self) -> RouterServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _listen(port: int) -> socket.socket:
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is: else 40 ms
    # a call.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"The router server cannot listen on {HOST}:{port} ({error.strerror}). Choose another "
            "with --port."
        ) from None
    return listener


def start(
    router: Router,
    inferior: str | Backend,
    superior: str | Backend,
    *,
    port: int = 0,
    threshold: float | None = None,
    fallback: bool = False,
    api_key: str | None = None,
    limits: Limits | None = None,
    hosts: Sequence[str] = (),
    second: str | Backend | None = None,
    max_wait: float | None = None,
) -> RouterServer:
    """Start the server in a thread, on 127.0.0.1; port 0 takes a free one. Stop it with `.stop()`.

    Args:
        router, inferior, superior, threshold, fallback, second, max_wait: as for
            `routed_clients.RoutedClient`.
        api_key: if given, callers must send it as `Authorization: Bearer …`; /health stays open.
        limits: sizes and time-outs.
        hosts: names beside 127.0.0.1 and localhost that callers may know this server by, such as
            host.docker.internal; it listens on 127.0.0.1 all the same.
    """
    board = switchboard(router, inferior, superior, threshold, fallback, second, max_wait)
    return RouterServer(RouterApp(board, api_key, limits, hosts), port).start()


async def doubts(board: Switchboard) -> list[str]:
    """What stands in the way of an answer, a sentence for each model that cannot be reached or is
    not offered.

    Asks each server for its models; nothing is generated, and nothing billed.
    """
    found = []
    for side in ("inferior", "superior", "second"):
        target = getattr(board, side)
        if target is not None:
            found.append(await _doubt(side, target))
    return [doubt for doubt in found if doubt]


async def _doubt(side: str, target: Backend) -> str | None:
    mode = clients.LOCAL if target.is_local else clients.REMOTE
    try:
        async with clients.connect(
            target.base_url, target.api_key, timeout=10, api_mode=mode
        ) as client:
            endpoint = clients.Endpoint(client, target.model)
            is_up, offered = await endpoint.is_up(), await endpoint.models()
    except (clients.Stopped, settings.MissingKey) as error:
        return str(error)
    port = httpx2.URL(target.base_url).port or 80
    if not is_up:
        what = (
            f"Nothing answers at {endpoint.url}, where the {side} model {target.model} should be."
        )
        model = shlex.quote(target.model)  # it may stand in a folder of somebody else's making
        start = f"Start it: python -m routerlib serve --model {model} --port {port}"
        return f"{what} {start if target.is_local else 'Is the address right?'}"
    ours = servers.find(port) if target.is_local else None
    is_ours = bool(ours and ours.model == target.model)
    if not offered or replies.offers(offered, target.model) or is_ours:
        return None  # `transformers serve` does not list the local folder that it serves
    named = ", ".join(offered[:5])
    return (
        f"{endpoint.url} does not offer {target.model!r} (but {named}): name the {side} model with "
        f"--{side}-model."
    )


def serve_router(
    router: str | Path | None = None,
    inferior: str = "http://127.0.0.1:8001/v1",
    superior: str = "http://127.0.0.1:8000/v1",
    inferior_model: str | None = None,
    superior_model: str | None = None,
    port: int = 8080,
    threshold: float | None = None,
    fallback: bool = False,
    timeout: float = 600.0,
    max_mb: float = 10.0,
    log_prompts: bool = False,
    hosts: str = "",
    second: str = "",
    second_model: str | None = None,
    max_wait: float | None = None,
) -> None:
    """Serve a saved router until interrupted, as an OpenAI-compatible server.

    Example:
        routerlib.serve_router(inferior="http://localhost:8001/v1",
        superior="http://localhost:8000/v1")

    Args:
        router: a router's folder or hub id. Without it, the newest below outputs/models.
        inferior: address of the inferior model's server.
        superior: address of the superior model's server.
        inferior_model: its name there. Without it, the one the router knows.
        superior_model: its name there. Without it, the one the router knows.
        port: on 127.0.0.1.
        threshold: of p_superior, in [0, 1]. Without it, the router's own.
        fallback: ask the other model when the chosen one is down, busy, or cannot take the prompt.
        timeout: seconds without a byte from a model after which it counts as down.
        max_mb: the largest request, in megabytes.
        log_prompts: write the prompts into the log, too.
        hosts: further names that callers may know this server by, with commas between them, such as
            host.docker.internal.
        second: address of the second cheap model's server, where the router's policy compares with
            one. Without it, such a policy is not carried out.
        second_model: its name there. Without it, the one the policy knows.
        max_wait: seconds after which a prompt goes to the superior model because the inferior
            model's answer has not come. Without it, the answer is waited for.

    A key that callers must send is read from ROUTERLIB_SERVER_KEY (environment or .env); without
    one, any program on this machine may ask.
    """
    from routerlib.training.router import newest

    _check_server(port, timeout, max_mb, threshold, max_wait)
    _check_addresses({"INFERIOR": inferior, "SUPERIOR": superior, "SECOND": second}, port)
    names = _host_names(hosts)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    loaded = Router.from_pretrained(router or newest())
    server = start(
        loaded,
        backend(inferior, inferior_model or loaded.models.get("inferior")),
        backend(superior, superior_model or loaded.models.get("superior")),
        port=port,
        threshold=threshold,
        fallback=fallback,
        api_key=settings.key(KEY_NAME, required=False),
        limits=Limits(max_bytes=int(max_mb * 1e6), timeout=timeout, log_prompts=log_prompts),
        hosts=names,
        second=_second(loaded, second, second_model),
        max_wait=max_wait,
    )
    for doubt in event_loop.run_coroutine(doubts(server.app.board)):
        print(f"Warning: {printable_lines(doubt)}", flush=True)
    if told := server.app.stages.sentence:
        print(told, flush=True)
    guarded = (
        f"a key is needed ({KEY_NAME})"
        if server.app.api_key
        else f"no key is needed (set {KEY_NAME} for one)"
    )
    print(
        f"{printable(loaded.name)} serves at {server.url}, as the model {ROUTED!r}; {guarded}. "
        "Stop with Ctrl-C.",
        flush=True,
    )
    try:
        with servers.held(inferior), servers.held(superior):
            server.thread.join()
    except KeyboardInterrupt:
        server.stop()
        print("Stopped.")


def _check_server(
    port: int, timeout: float, max_mb: float, threshold: float | None, max_wait: float | None
) -> None:
    """Whether a server can be so, before the router is loaded."""
    settings.port("PORT", port, least=0)
    settings.seconds("TIMEOUT", timeout)
    settings.number("MAX_MB", max_mb, least=LEAST_MB)
    if threshold is not None:
        settings.number("THRESHOLD", threshold, most=1)
    if max_wait is not None:
        settings.seconds("MAX_WAIT", max_wait)


def _check_addresses(given: Mapping[str, str], port: int) -> None:
    """Whether each is the address of another server than this one, which would ask itself, and
    that without end.

    Args:
        given: by setting; "SECOND" may be empty.
    """
    for name, address in given.items():
        if name == "SECOND" and not address:
            continue
        check_server_address(address, name)
        if addresses.is_here(address) and addresses.host_and_port(address)[1] == port:
            raise BackendError(
                f"{name} is {address}, where this server itself would listen. Name the address of "
                "a model's server, or another PORT."
            )


def _host_names(hosts: str) -> list[str]:
    """The names in a list with commas between, as a caller's Host header has them."""
    names = settings.names(hosts)
    for name in names:
        if not HOST_NAME.fullmatch(name):
            raise settings.SettingError(
                f"HOSTS names {name!r}, which is no name of a machine; one looks like "
                "host.docker.internal, without http:// and path."
            )
    return names


def _second(router: Router, address: str, model: str | None) -> Backend | None:
    if not address:
        return None
    known = router.policy.sources.second_model if router.policy else None
    return backend(address, model or known)
