"""`serve-router`: the router as an OpenAI-compatible server on 127.0.0.1, for programs in any language.

A chat completion for the model "router" goes to the inferior or the superior model; headers of the answer tell
which, and why. Bytes pass through as they come, streams included. `/v1/decisions` answers with the decision
alone, in the shape of OpenAI's Decisions API. The rules of routing are `routing`'s; this module knows HTTP:
size limits, time-outs, the optional key, health and metrics. Prompts are not logged unless that is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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
from starlette.types import Receive, Scope, Send

from routerlib import event_loop, settings
from routerlib.endpoints import clients, servers
from routerlib.errors import Foreseen
from routerlib.rows.schemas import ROUTE_TO_INFERIOR, ROUTE_TO_SUPERIOR, Message
from routerlib.serving.routing import (
    ROUTED,
    THRESHOLD_HEADER,
    UNAVAILABLE,
    Backend,
    Plan,
    RequestError,
    Scorer,
    Switchboard,
    backend,
    conversation,
    switchboard,
)
from routerlib.training.router import Decision, Router

HOST = "127.0.0.1"
HOST_NAMES = (
    "127.0.0.1",
    "localhost",
    "[::1]",
)  # another name in the Host header is a web page's trick
KEY_NAME = "ROUTERLIB_SERVER_KEY"

# Headers that belong to one connection (RFC 9110, section 7.6.1), and those that this server writes itself.
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
}
HOP_BY_HOP |= {"transfer-encoding", "upgrade"}
OWN = {"host", "content-length", "authorization", "cookie", "expect", THRESHOLD_HEADER}
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
    log_prompts: bool = False


class Json(JSONResponse):
    """A JSON answer in ASCII: what a caller sent may hold halves of surrogate pairs, which UTF-8 cannot."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


class CannotListen(Foreseen, RuntimeError):
    """The server's port is taken, or may not be used; the text says what to do."""


class Metrics:
    """The counts and durations that `/metrics` shows; one registry a server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        kept = {"registry": self.registry}
        self.requests = Counter(
            "routerlib_requests", "Requests, by decision and status", ["decision", "status"], **kept
        )
        self.fallbacks = Counter(
            "routerlib_fallbacks", "Requests answered by the other model", ["asked_first"], **kept
        )
        self.scores = Histogram(
            "routerlib_p_superior",
            "Scores given",
            buckets=[tenth / 10 for tenth in range(1, 11)],
            **kept,
        )
        self.scoring = Histogram(
            "routerlib_scoring_seconds", "Time to score a prompt, waiting included", **kept
        )
        self.first_byte = Histogram(
            "routerlib_first_byte_seconds", "Time until a model answers", ["model"], **kept
        )
        self.in_flight = Gauge("routerlib_in_flight", "Requests under way", **kept)


class RouterApp:
    """The server's handlers, around one switchboard."""

    def __init__(
        self, board: Switchboard, api_key: str | None = None, limits: Limits | None = None
    ):
        self.board = board
        self.api_key = api_key
        self.limits = limits or Limits()
        self.metrics = Metrics()
        self.scorer: Scorer
        self.sessions: dict[
            bool, aiohttp.ClientSession
        ] = {}  # by whether the server is on this machine

    def asgi(self) -> Starlette:
        """The application, to be run by any ASGI server (`start` and `serve_router` use uvicorn)."""
        routes = [
            Route("/v1/chat/completions", self.guarded(self.chat), methods=["POST"]),
            Route("/v1/decisions", self.guarded(self.decisions), methods=["POST"]),
            Route("/v1/models", self.guarded(self.models)),
            Route("/health", self.guarded(self.health)),
            Route("/metrics", self.guarded(self.show_metrics)),
        ]
        elsewhere = {404: _no_such_path, 405: _no_such_path}
        return Starlette(routes=routes, exception_handlers=elsewhere, lifespan=self.lifespan)

    def guarded(self, handler: Handler) -> Handler:
        """The handler, its errors told to the caller in the form of the OpenAI API."""

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestError as error:
                return _refused(error)
            except ClientDisconnect:
                return Response(status_code=499)  # nobody reads it
            except Exception as error:
                # An exception's text may hold a prompt, so the log gets the kind and the place alone.
                log.error("%s at %s", type(error).__name__, _place(error))
                return _refused(
                    RequestError(
                        f"The router failed ({type(error).__name__}); its log tells where.", 500
                    )
                )

        return answer

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.scorer = Scorer(self.board.router)
        with contextlib.suppress(
            Exception
        ):  # the first score loads libraries: not on a caller's time
            await self.scorer.score([Message(role="user", content="Hello")])
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self.limits.connect_timeout, sock_read=self.limits.timeout
        )
        async with contextlib.AsyncExitStack() as stack:
            for is_local in (True, False):  # a local address needs no proxy of the environment
                # limit=0: as many connections as requests. Compressed answers pass through compressed.
                session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=timeout,
                    auto_decompress=False,
                    trust_env=not is_local,
                )
                self.sessions[is_local] = await stack.enter_async_context(session)
            yield
        self.scorer.close()

    async def chat(self, request: Request) -> Response:
        body = await self.read(request)
        named = self.board.named(body)
        if named is None:
            score = await self.score(conversation(body))
            plan = self.board.plan(None, score, request.headers)
        else:
            plan = self.board.plan(named, None, request.headers)
        self.note(plan.decision, body)
        return Relay(self, request, body, plan)

    async def decisions(self, request: Request) -> Response:
        body = await self.read(request)
        if body.get("model") not in (ROUTED, self.board.router.name):
            raise RequestError(
                f"There is no decision model {body.get('model')!r} here; ask for {ROUTED!r}.",
                status=404,
            )
        questions = decision_questions(body)
        score = await self.score(decision_input(body))
        plan = self.board.plan(None, score, request.headers)
        self.metrics.requests.labels(plan.decision.model, 200).inc()
        self.note(plan.decision, body)
        answer = {
            "model": self.board.router.name,
            "answers": [
                decision_answer(question, plan.decision, self.board) for question in questions
            ],
            "usage": NO_USAGE,
        }
        return Json(answer, headers=plan.headers(plan.first))

    async def models(self, request: Request) -> Response:
        self.check(request)
        names = (ROUTED, self.board.inferior.model, self.board.superior.model)
        data = [
            {"id": name, "object": "model", "created": 0, "owned_by": "routerlib"} for name in names
        ]
        return Json({"object": "list", "data": data})

    async def health(self, _: Request) -> Response:
        threshold = self.board.threshold_for({})
        threshold = self.board.router.threshold if threshold is None else threshold
        return Json({"status": "ok", "router": self.board.router.name, "threshold": threshold})

    async def show_metrics(self, request: Request) -> Response:
        self.check(request)
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    def check(self, request: Request) -> None:
        """Who may ask: a program of this machine that knows the key, if there is one; no web page."""
        host = request.headers.get("host", "")
        if host.rsplit(":", 1)[0] not in HOST_NAMES and host not in HOST_NAMES:
            raise RequestError("This server answers on 127.0.0.1 only.", status=403)
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
                body = json.loads(await self.receive(request))
        except TimeoutError:
            raise RequestError(
                f"The request did not arrive within {self.limits.body_timeout:g} s.", status=408
            ) from None
        except (ValueError, RecursionError) as error:
            if isinstance(error, RequestError):
                raise
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
                raise RequestError(
                    f"The request is larger than {self.limits.max_bytes:,} bytes.", status=413
                )
        return b"".join(chunks)

    async def score(self, messages: list[Message]) -> float:
        with self.metrics.scoring.time():
            score = await self.scorer.score(messages)
        self.metrics.scores.observe(score)
        return score

    def note(self, decision: Decision | None, body: Mapping[str, Any]) -> None:
        told = (
            f"{decision.model} p={decision.p_superior:.3f}"
            if decision
            else f"asked for {body.get('model')}"
        )
        if self.limits.log_prompts:
            log.info(
                "%s %s",
                told,
                json.dumps(body.get("messages", body.get("input")), ensure_ascii=False),
            )
        else:
            log.info("%s", told)


class Relay(Response):
    """The answer of a model, passed on byte by byte; if the caller leaves, the model's server is let go."""

    def __init__(self, app: RouterApp, request: Request, body: dict[str, Any], plan: Plan):
        self.app, self.request, self.body, self.plan = app, request, body, plan
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
            upstream, answered_by = await self.ask()
        except RequestError as error:
            self.count(error.status)
            response = Json(error.body(), error.status, headers=self.plan.headers(self.plan.first))
            await response({"type": "http"}, None, send)
            return
        self.count(upstream.status)
        async with upstream:
            dropped = DROPPED_BACK | ({"content-length"} if is_event_stream(upstream) else set())
            kept = [pair for pair in upstream.headers.items() if pair[0].lower() not in dropped]
            told = [*kept, *self.plan.headers(answered_by).items()]
            headers = [
                (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
                for name, value in told
            ]
            await send(
                {"type": "http.response.start", "status": upstream.status, "headers": headers}
            )
            try:
                async for chunk in upstream.content.iter_any():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning(
                    "the answer of %s broke off (%s)", answered_by.model, type(error).__name__
                )
                if not is_event_stream(upstream):
                    return  # without its end: the server breaks the connection, and the caller's client notices
                told = RequestError(
                    f"The answer of {answered_by.model} broke off ({type(error).__name__}).", 502
                )
                event = (
                    f"data: {json.dumps(told.body())}\n\n".encode()
                )  # which the SDK raises as an APIError
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def ask(self) -> tuple[aiohttp.ClientResponse, Backend]:
        """The first answer of the chosen model's server, or of the other one's, where that is allowed."""
        plan = self.plan
        try:
            response = await self.post(plan.first)
            if plan.second is None or response.status not in UNAVAILABLE:
                return response, plan.first
            response.release()
        except RequestError:
            if plan.second is None:
                raise
        self.app.metrics.fallbacks.labels(plan.decision.model).inc()
        return await self.post(plan.second), plan.second

    async def post(self, target: Backend) -> aiohttp.ClientResponse:
        start = time.perf_counter()
        headers = {
            name: value for name, value in self.request.headers.items() if name not in DROPPED_ON
        }
        try:
            if key := target.key():
                headers["authorization"] = f"Bearer {key}"
            content = json.dumps({**self.body, "model": target.model}).encode()
            url = target.url("chat/completions")
            session = self.app.sessions[target.is_local]
            response = await session.post(
                url, data=content, headers=headers, params=self.request.query_params
            )
        except TimeoutError:
            raise RequestError(
                f"The server of {target.model} did not answer in time.", status=504
            ) from None
        except aiohttp.ClientError as error:
            raise RequestError(
                f"The server of {target.model} at {target.base_url} cannot be reached ({type(error).__name__}). "
                "Is it running?",
                status=502,
            ) from None
        except settings.MissingKey as error:
            raise RequestError(str(error), status=502) from None
        self.app.metrics.first_byte.labels(target.model).observe(time.perf_counter() - start)
        return response

    def count(self, status: int) -> None:
        decision = self.plan.decision.model if self.plan.decision else "named"
        self.app.metrics.requests.labels(decision, status).inc()


def is_event_stream(answer: aiohttp.ClientResponse) -> bool:
    """Whether an answer is a stream of events that another one may be added to."""
    return answer.content_type == "text/event-stream" and "content-encoding" not in answer.headers


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _no_such_path(request: Request, _: Exception) -> Response:
    message = f"This server has no {request.method} {request.url.path}. It has /v1/chat/completions, /v1/decisions, "
    return Json(RequestError(message + "/v1/models, /health and /metrics.", 404).body(), 404)


def _refused(error: RequestError) -> Response:
    headers = {"www-authenticate": "Bearer"} if error.status == 401 else None
    return Json(error.body(), error.status, headers=headers)


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


# --- The Decisions API: typed questions in, probabilities out --------------------------------------------------

NO_USAGE = {  # nothing is billed, so no token is counted
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


def decision_questions(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The questions of a request to `/v1/decisions`.

    Raises:
        RequestError: there are none, or one has no known type.
    """
    questions = body.get("questions")
    if not isinstance(questions, list) or not 1 <= len(questions) <= 400:
        raise RequestError("The request needs `questions`: a list of 1 to 400 objects.")
    for index, question in enumerate(questions):
        kind = question.get("type") if isinstance(question, dict) else None
        if kind not in ("predicate", "choice", "score"):
            raise RequestError(f"questions[{index}].type must be predicate, choice or score.")
        choices = question.get("choices")
        if kind == "choice" and not (
            isinstance(choices, list) and all(isinstance(choice, dict) for choice in choices)
        ):
            raise RequestError(
                f"questions[{index}].choices must be a list of objects with `value`."
            )
    return questions


def decision_input(body: Mapping[str, Any]) -> list[Message]:
    """The input of a request to `/v1/decisions`, a text or a list of messages and calls, as a conversation.

    Raises:
        RequestError: there is none.
    """
    given = body.get("input")
    if isinstance(given, str) and given:
        return [Message(role="user", content=given)]
    if not isinstance(given, list) or not given:
        raise RequestError("The request needs `input`: a text, or a list of messages.")
    return conversation({"messages": [_as_chat(item) for item in given]})


def _as_chat(item: Any) -> Any:
    kind = item.get("type", "message") if isinstance(item, dict) else None
    if kind in ("function_call", "custom_tool_call"):
        return {
            "role": "assistant",
            "content": f"[calls {item.get('name')}({item.get('arguments', item.get('input'))})]",
        }
    if kind in ("function_call_output", "custom_tool_call_output"):
        return {"role": "tool", "content": item.get("output")}
    return item


def decision_answer(
    question: Mapping[str, Any], decision: Decision, board: Switchboard
) -> dict[str, Any]:
    """The answer to one question, or a refusal where it is not the one question a router can answer.

    A `choice` between the two models (by the names "inferior" and "superior", by their labels, or by their own
    names) gets both probabilities, and as its choice what the threshold says. A `predicate` named "superior"
    gets the probability that only the superior model will do. `confidence` is the lead of the chosen
    probability over an even guess, (p - 1/2) / (1/2), and not below 0.
    """
    name, p = question.get("name"), decision.p_superior
    if question["type"] == "predicate" and name == "superior":
        return {"type": "predicate", "name": name, "probability": p}
    if question["type"] == "choice":
        values = [choice.get("value") for choice in question["choices"]]
        sides = [_side(value, board) for value in values]
        if sorted(map(str, sides)) == ["inferior", "superior"]:
            shares = [p if side == "superior" else 1 - p for side in sides]
            chosen = sides.index(decision.model)
            return {
                "type": "choice",
                "name": name,
                "choice": values[chosen],
                "confidence": max(0.0, 2 * shares[chosen] - 1),
                "probabilities": [
                    {"value": v, "probability": s} for v, s in zip(values, shares, strict=True)
                ],
            }
    reason = (
        "This decision model answers one question: which of two models a prompt needs. Ask it as a choice with "
        'the values "inferior" and "superior", or as a predicate named "superior".'
    )
    return {"type": "refusal", "name": name, "reason": reason}


def _side(value: Any, board: Switchboard) -> str | None:
    if value in ("inferior", ROUTE_TO_INFERIOR, board.inferior.model):
        return "inferior"
    return "superior" if value in ("superior", ROUTE_TO_SUPERIOR, board.superior.model) else None


# --- Running it ------------------------------------------------------------------------------------------------


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
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is: else 40 ms a call.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"The router server cannot listen on {HOST}:{port} ({error.strerror}). Choose another with --port."
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
) -> RouterServer:
    """Start the server in a thread, on 127.0.0.1; port 0 takes a free one. Stop it with `.stop()`.

    Args:
        router, inferior, superior, threshold, fallback: as for `routing.RoutedClient`.
        api_key: if given, callers must send it as `Authorization: Bearer …`; /health stays open.
        limits: sizes and time-outs.
    """
    board = switchboard(router, inferior, superior, threshold, fallback)
    return RouterServer(RouterApp(board, api_key, limits), port).start()


async def doubts(board: Switchboard) -> list[str]:
    """What stands in the way of an answer, a sentence for each model that cannot be reached or is not offered.

    Asks each server for its models; nothing is generated, and nothing billed.
    """
    return [
        doubt
        for side in ("inferior", "superior")
        if (doubt := await _doubt(side, getattr(board, side)))
    ]


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
        start = f"Start it: python -m routerlib serve --model {target.model} --port {port}"
        return f"{what} {start if target.is_local else 'Is the address right?'}"
    ours = servers.find(port) if target.is_local else None
    if not offered or target.model in offered or (ours and ours.model == target.model):
        return None  # `transformers serve` does not list the local folder that it serves
    named = ", ".join(offered[:5])
    return f"{endpoint.url} does not offer {target.model!r} (but {named}): name the {side} model with --{side}-model."


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
) -> None:
    """Serve a saved router until interrupted, as an OpenAI-compatible server.

    Example:
        routerlib.serve_router(inferior="http://localhost:8001/v1", superior="http://localhost:8000/v1")

    Args:
        router: a router's folder. Without it, the newest below outputs/models.
        inferior: address of the inferior model's server.
        superior: address of the superior model's server.
        inferior_model: its name there. Without it, the one the router knows.
        superior_model: its name there. Without it, the one the router knows.
        port: on 127.0.0.1.
        threshold: the operating point in [0, 1]. Without it, the router's own.
        fallback: ask the other model when the chosen one is down.
        timeout: seconds without a byte from a model after which it counts as down.
        max_mb: the largest request, in megabytes.
        log_prompts: write the prompts into the log, too.

    A key that callers must send is read from ROUTERLIB_SERVER_KEY (environment or .env); without one, any
    program on this machine may ask.
    """
    from routerlib.training.router import newest

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
    )
    for doubt in event_loop.run(doubts(server.app.board)):
        print(f"Warning: {doubt}", flush=True)
    guarded = (
        f"a key is needed ({KEY_NAME})"
        if server.app.api_key
        else f"no key is needed (set {KEY_NAME} for one)"
    )
    print(
        f"{loaded.name} serves at {server.url}, as the model {ROUTED!r}; {guarded}. Stop with Ctrl-C.",
        flush=True,
    )
    try:
        server.thread.join()
    except KeyboardInterrupt:
        server.stop()
        print("Stopped.")
