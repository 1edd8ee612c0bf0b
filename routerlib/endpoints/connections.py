"""How requests leave this program: HTTP clients that behave the same whichever of our programs
makes them.

They go straight to what is on this machine, whatever proxy the environment names; they take headers
as long as gateways send them; and a request that met a kept-alive connection just as the server
closed it is sent once more. What a request says, and what an answer means, is `clients`' and
`serving`'s business.
"""

from __future__ import annotations

import json
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

import aiohttp
import httpx2
import openai

# Bytes of one header line; aiohttp's own limit of 8,190 refuses real gateways.
MAX_HEADER = 256 * 1024
SENDINGS = 3  # of one request: a pool may hold several connections that have just been closed
# Seconds: who closes later than this after a request has read it, and may have worked on it
SUDDEN = 5.0
GZIP, GZIP_BEGINS = ("gzip", "x-gzip"), b"\x1f"  # a piece may be one byte long

# --- aiohttp ---

# Whether the request of this task went out on a connection that had served another one before.
_reused: ContextVar[bool] = ContextVar("reused", default=False)


def session(trust_env: bool = False, **options: Any) -> aiohttp.ClientSession:
    """A session of aiohttp for model servers; to be made, and closed, inside a running loop.

    Args:
        trust_env: whether proxies of the environment are used; never for what is on this machine.
        options: as `aiohttp.ClientSession` takes them.
    """
    watch = aiohttp.TraceConfig()
    watch.on_connection_create_start.append(_on_new_connection)
    watch.on_connection_reuseconn.append(_on_reused_connection)
    return aiohttp.ClientSession(
        trust_env=trust_env,
        max_line_size=MAX_HEADER,
        max_field_size=MAX_HEADER,
        trace_configs=[watch],
        middlewares=[_send_once_more],
        **options,
    )


async def _on_new_connection(*_: Any) -> None:
    _reused.set(False)


async def _on_reused_connection(*_: Any) -> None:
    _reused.set(True)


async def _send_once_more(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """aiohttp does the same by itself, but for GET alone: a POST might act twice. Here the server
    has read nothing.
    """
    start = time.monotonic()
    for _ in range(SENDINGS - 1):
        try:
            return await send(request)
        except aiohttp.ClientConnectorError:
            raise  # no connection at all
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not _reused.get() or time.monotonic() - start > SUDDEN:
                raise
    return await send(request)


IsWhole = Callable[[bytes], bool]  # whether so many bytes, unpacked, are a whole answer


class AioHttpClient(openai.DefaultAioHttpClient):
    """The SDK's fast HTTP client, on sessions as `session` makes them.

    Args:
        is_whole: what is a whole answer, kept as `KeptBody` says; None: every body is as its server
            has told it.
        options: as the SDK's client takes them.
    """

    def __init__(self, is_whole: IsWhole | None = None, **options: Any):
        self.is_whole = is_whole  # read while the transports are made
        super().__init__(**options)

    def _init_transport(self, *given: Any, **options: Any) -> httpx2.AsyncBaseTransport:
        return self._ours(super()._init_transport(*given, **options))

    def _init_proxy_transport(self, *given: Any, **options: Any) -> httpx2.AsyncBaseTransport:
        return self._ours(super()._init_proxy_transport(*given, **options))

    def _ours(self, transport: Any) -> httpx2.AsyncBaseTransport:
        ours = _on_our_session(transport)
        return ours if self.is_whole is None else KeepingTransport(ours, self.is_whole)


def _on_our_session(transport: Any) -> httpx2.AsyncBaseTransport:
    """The SDK's transport over aiohttp takes a maker of its session; another transport stays as it
    is.
    """
    if hasattr(transport, "client") and hasattr(transport, "limits"):
        limits = transport.limits

        def make() -> aiohttp.ClientSession:
            # 0 is aiohttp's word for no limit
            connector = aiohttp.TCPConnector(
                limit=limits.max_connections or 0,
                keepalive_timeout=limits.keepalive_expiry,
                ssl=transport.ssl_context,
            )
            return session(connector=connector)

        transport.client = make
    return transport


class KeepingTransport(httpx2.AsyncBaseTransport):
    """Hands on what another transport brings, each body as `KeptBody`."""

    def __init__(self, below: httpx2.AsyncBaseTransport, is_whole: IsWhole):
        self.below, self.is_whole = below, is_whole

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response: Any = await self.below.handle_async_request(request)
        encoding = response.headers.get("content-encoding", "")
        response.stream = KeptBody(response.stream, encoding, self.is_whole)
        return response

    async def aclose(self) -> None:
        await self.below.aclose()


class KeptBody(httpx2.AsyncByteStream):
    """The body of a response that ends where the server has closed it, if what came is whole.

    HTTP tells a body's length, or its last chunk; servers tell a length that is too large, or leave
    the chunk out. A JSON value tells by itself whether it is whole. And servers tell of gzip where
    there is none: such a body is packed here, since the reader goes by the header.

    Args:
        body: as it comes.
        encoding: the response's content-encoding.
        is_whole: whether so many bytes, unpacked, are a whole answer.
    """

    def __init__(self, body: httpx2.AsyncByteStream, encoding: str, is_whole: IsWhole):
        self.body, self.encoding, self.is_whole = body, encoding, is_whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        held: list[bytes] = []
        encoding, packer = self.encoding.strip().lower(), None
        try:
            async for piece in self.body:
                if not any(held) and encoding in GZIP and piece[:1] not in (b"", GZIP_BEGINS):
                    encoding, packer = "", zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
                held.append(piece)
                yield _packed(packer, piece) if packer else piece
        except (httpx2.ReadError, httpx2.ReadTimeout):
            if not self.is_whole(_unpacked(b"".join(held), encoding)):
                raise
        if packer:
            yield packer.flush()

    async def aclose(self) -> None:
        await self.body.aclose()


def _packed(packer: Any, piece: bytes) -> bytes:
    """A piece that can be unpacked before the next one comes."""
    packed: bytes = packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    return packed


def _unpacked(content: bytes, encoding: str) -> bytes:
    """A body without gzip or deflate around it; nothing where it is packed otherwise."""
    if encoding in ("", "identity", "none"):
        return content
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(content)
    except zlib.error:
        return b""


# --- the SDK ---

# Of a request's headers, what its body decides, and what the answers before it have set
OF_ONE_REQUEST = (b"content-length", b"cookie")


class Client(openai.AsyncOpenAI):
    """The SDK's client, which posts to a path again as it did the first time.

    The SDK makes each request anew, out of addresses, headers and options of which nothing changes
    but the body, and that takes it longer than all that we do with an answer. So the first request
    to a path is the SDK's own, and those after it are the same with another body. What fails, fails
    in the SDK's words.

    Args:
        http_client: what sends. options: as the SDK takes them.
    """

    def __init__(self, *, http_client: httpx2.AsyncClient, **options: Any):
        super().__init__(http_client=http_client, **options)
        self.http = http_client
        self._patterns: dict[str, Pattern] = {}

    async def post_json(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        """The bare answer to one request, read to its end.

        Raises:
            openai.APIError: as the SDK does. What aiohttp raises, and the SDK does not translate.
        """
        pattern = self._patterns.get(path)
        if pattern is None:
            response = await self.post(path, body=body, cast_to=httpx2.Response)
            self._patterns[path] = Pattern(response)
            return response
        return await self._posted(pattern.filled(body, self.http.cookies))

    async def _posted(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self.http.send(request)
        except httpx2.TimeoutException as error:
            raise openai.APITimeoutError(request=request) from error
        except (httpx2.RequestError, ssl.SSLError) as error:
            raise openai.APIConnectionError(request=request) from error
        if not response.is_success:
            raise self._make_status_error_from_response(response)
        return response


class Pattern:
    """What all requests to a path have in common, taken from the first one."""

    def __init__(self, response: httpx2.Response):
        # Not where a redirection has led to: the SDK asks the first address each time
        first = response.history[0] if response.history else response
        self.url, self.extensions = first.request.url, first.request.extensions
        headers = first.request.headers.raw
        self.headers = [pair for pair in headers if pair[0].lower() not in OF_ONE_REQUEST]

    def filled(self, body: dict[str, Any], cookies: httpx2.Cookies) -> httpx2.Request:
        """The request with this body."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return httpx2.Request(
            "POST",
            self.url,
            headers=self.headers,
            content=content.encode(),
            cookies=cookies,
            extensions=self.extensions,
        )


# --- httpx ---


class Watch:
    """What a request of httpx tells on its way: whether it went out on a connection used before."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.events: list[str] = []

    def saw_a_closed_connection(self, error: httpx2.TransportError) -> bool:
        """Whether the request failed because a kept-alive connection had just been closed."""
        kinds = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)
        sudden = time.monotonic() - self.start <= SUDDEN
        is_new = any("connect_tcp" in event for event in self.events)
        answered = any("receive_response_headers.complete" in event for event in self.events)
        return (
            isinstance(error, kinds) and sudden and bool(self.events) and not (is_new or answered)
        )

    def note(self, event: str, _: Any) -> None:
        self.events.append(event)

    async def note_async(self, event: str, _: Any) -> None:
        self.events.append(event)


def send(client: httpx2.Client, request: httpx2.Request) -> httpx2.Response:
    """Send a request, its answer to be read as a stream.

    Raises:
        httpx2.TransportError: no answer began.
    """
    given = request.extensions
    for _ in range(SENDINGS - 1):
        watch = Watch()
        request.extensions = {**given, "trace": watch.note}
        try:
            return client.send(request, stream=True)
        except httpx2.TransportError as error:
            if not watch.saw_a_closed_connection(error):
                raise
    return client.send(request, stream=True)


async def send_async(client: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    """`send`, for asynchronous clients; over aiohttp the session sends once more."""
    given = request.extensions
    for _ in range(SENDINGS - 1):
        watch = Watch()
        request.extensions = {**given, "trace": watch.note_async}
        try:
            return await _sent(client, request)
        except httpx2.TransportError as error:
            if not watch.saw_a_closed_connection(error):
                raise
    return await _sent(client, request)


async def _sent(client: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    try:
        return await client.send(request, stream=True)
    except aiohttp.ClientError as error:  # one that the SDK's transport does not translate
        raise httpx2.RemoteProtocolError(str(error)[:300], request=request) from error
