"""Before a run of thousands, a few requests: what a server is, what it takes, and what a sample
costs.

`check` asks the server for its models and its version, and the model for a word on each endpoint;
whatever is refused shows what a run would have to do without. It spends a few dozen tokens and
writes nothing. `first_answer` says the same of a run's own first answer, and asks for nothing that
is paid. Long work is `collection`'s and `labelling`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from routerlib import event_loop, settings
from routerlib.endpoints import clients, prompts, replies
from routerlib.endpoints.clients import (
    Busy,
    Completion,
    Endpoint,
    Outage,
    RequestFailure,
    Stopped,
)
from routerlib.endpoints.refusals import Kind
from routerlib.progress import printable
from routerlib.rows.logprobs import request_fields
from routerlib.stats.prices import call_cost

QUESTION = "What is 2 + 2? Answer with the number alone."
WORDS = 16  # tokens of a sample that is asked for
BUSY_TRIES = 4
FIRST_PATIENCE = 3.0  # seconds in which a server tells about itself, once a run has begun


@dataclass
class Finding:
    """What was found about one model behind one server.

    Fields: engine: its name and version, where told. names: of the models there. endpoints: those
    that answer ("chat", "completions"). samples_at_once: whether it gives several with one request.
    stop_strings: how many it takes; None: all that were sent. has_logprobs: whether it gives
    log-probabilities; None: nobody asked for them. news: what it refused, in sentences.
    prompt_tokens, completion_tokens: of one sample. cost: of one sample, in the unit of the prices.
    sample: what sample that is.
    """

    url: str
    model: str
    engine: str = ""
    names: list[str] = field(default_factory=list)
    endpoints: list[str] = field(default_factory=list)
    samples_at_once: bool | None = None
    stop_strings: int | None = None
    has_logprobs: bool | None = None
    news: list[str] = field(default_factory=list)
    not_there: dict[str, str] = field(default_factory=dict)  # endpoints that do not answer, and why
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    cost: float = 0.0
    sample: str = "A sample of this check"

    def __str__(self) -> str:
        many = {True: "yes", False: "no, one at a time", None: "not asked for"}[
            self.samples_at_once
        ]
        stops = "all that were sent" if self.stop_strings is None else f"{self.stop_strings}"
        logprobs = {True: " Log-probabilities: yes.", False: " Log-probabilities: no.", None: ""}
        read, written = self.prompt_tokens, self.completion_tokens
        lines = [
            f"{self.url} answers for {self.model}. Engine: {self.engine or 'not told'}.",
            f"Endpoints: {', '.join(self.endpoints)}.",
            *(f"Not {name}: {why}" for name, why in self.not_there.items()),
            f"Several samples with one request (n): {many}. Stop strings: {stops}."
            + logprobs[self.has_logprobs],
            *(f"Learnt: {sentence}." for sentence in self.news),
            f"{self.sample}: {read:.0f} tokens read, {written:.0f} written"
            + (f", cost {self.cost:.6f}." if self.cost else "."),
        ]
        if self.names and not replies.offers(self.names, self.model):
            near = difflib.get_close_matches(self.model, self.names, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            lines.append(f"Its list of models does not name {self.model}{meant}.")
        return "\n".join(map(printable, lines))


async def first_answer(
    endpoint: Endpoint,
    completion: Completion,
    price_in: float = 0.0,
    price_out: float = 0.0,
    patience: float = FIRST_PATIENCE,
) -> Finding:
    """What a run's first answer shows of the server; beside it, only what costs nothing is asked.

    Args:
        completion: the answer.
        price_in: per million tokens read.
        price_out: per million tokens written.
        patience: seconds for the server to tell its engine and its models.
    """
    finding = Finding(endpoint.url, endpoint.model, sample="A sample of the first answer")
    if "logprobs" in endpoint.hints:
        finding.has_logprobs = any(sample.get("logprobs") for sample in completion.samples)
    _note_costs(finding, endpoint, completion)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            finding.names = await endpoint.models()
            finding.engine = await engine_of(endpoint)
    finding.cost = float(
        call_cost(finding.prompt_tokens, finding.completion_tokens, price_in, price_out)
    )
    return finding


def check(
    api_base: str | None = None,
    model: str = "standin-inferior",
    api_mode: str = clients.LOCAL,
    price_in: float = 0.0,
    price_out: float = 0.0,
    timeout: float = 120.0,
) -> Finding:
    """Ask a server a few short questions, and tell what a long run would meet.

    Example: python -m routerlib check --api-base http://127.0.0.1:8000/v1 --model standin-inferior

    Args:
        api_base: URL of the endpoint. Without it, http://localhost:8000/v1, or OpenAI's if remote.
        model: as the server names it.
        api_mode: local, or remote (key from OPENAI_API_KEY).
        price_in: per million tokens read.
        price_out: per million tokens written.
        timeout: seconds for one request.

    Raises:
        clients.RequestFailure: a wrong key, name or path, no credit, or nothing answers; the text
        says what to do. settings.SettingError: a wrong argument.
    """
    settings.text("MODEL", model)
    settings.price("PRICE_IN", price_in)
    settings.price("PRICE_OUT", price_out)
    settings.seconds("TIMEOUT", timeout)
    finding = event_loop.run_coroutine(_checked_endpoint(api_base, model, api_mode, timeout))
    finding.cost = float(
        call_cost(finding.prompt_tokens, finding.completion_tokens, price_in, price_out)
    )
    print(finding)
    return finding


async def _checked_endpoint(
    api_base: str | None, model: str, api_mode: str, timeout: float
) -> Finding:
    async with clients.connect(api_base, None, timeout, api_mode) as client:
        failures: dict[str, RequestFailure] = {}
        finding = Finding("", model)
        for kind in (clients.CHAT, clients.COMPLETIONS):
            # All end marks are sent, so that a limit shows.
            endpoint = Endpoint(client, model, kind, api_mode, max_tokens=WORDS, deadline=timeout)
            endpoint.stop_sent = prompts.stop_strings()
            finding.url = endpoint.url
            try:
                completion = await _patient(endpoint, 2)
            except RequestFailure as failure:
                failures[kind] = failure
                if isinstance(failure, Outage | Busy) or _is_for_all(failure):
                    raise _with_place(failure, endpoint.url) from None
                continue
            _note_costs(finding, endpoint, completion)
        if not finding.endpoints:
            raise _with_place(failures[clients.CHAT], finding.url)
        finding.not_there = {kind: str(failure) for kind, failure in failures.items()}
        finding.names = await endpoint.models()
        finding.engine = await engine_of(endpoint)
        kind = finding.endpoints[0]
        finding.has_logprobs = await gives_logprobs(client, model, kind, api_mode)
        return finding


def _with_place(failure: RequestFailure, url: str) -> RequestFailure:
    """The failure, told with the server's address; that of a server which does not answer, with
    what to do.
    """
    told = str(failure)
    if url not in told:
        told = f"{url}: {told}"
    if isinstance(failure, Outage):
        told += ". Start the server, or name another address as API_BASE."
    elif isinstance(failure, Busy):
        told += f". It was asked {BUSY_TRIES} times. Check again later, or name another server."
    elif failure.kind == "timeout":
        told += ". Is this the address of a model's server? A slow one needs a longer TIMEOUT."
    failure.args = (told,)
    return failure


def _is_for_all(failure: RequestFailure) -> bool:
    """Whether the other endpoint of the server would fail in the same way: it is no matter of
    paths.
    """
    kind = failure.refusal.kind if failure.refusal else None
    return isinstance(failure, Stopped) and kind != Kind.NO_PATH


async def _patient(endpoint: Endpoint, n: int) -> Completion:
    """One request; a busy server is asked a few times more."""
    for attempt in range(BUSY_TRIES):
        try:
            return await endpoint.sample(QUESTION, n)
        except Busy as busy:
            if attempt == BUSY_TRIES - 1:
                raise
            wait = min(20.0, 2.0**attempt if busy.retry_after is None else busy.retry_after)
            print(f"{busy}. Asking again in {wait:.0f} s …", flush=True)
            await asyncio.sleep(wait)
    raise AssertionError("a loop that returns or raises")


def _note_costs(finding: Finding, endpoint: Endpoint, completion: Completion) -> None:
    finding.endpoints.append(endpoint.kind)
    finding.news += [news for news in endpoint.dialect.news if news not in finding.news]
    if len(finding.endpoints) > 1:
        return
    finding.samples_at_once = endpoint.takes_n
    words = endpoint.dialect.words
    if "stop" in words:
        finding.stop_strings = words["stop"] or 0
    finding.prompt_tokens = completion.prompt_tokens
    finding.completion_tokens = completion.completion_tokens / len(completion.samples)


async def gives_logprobs(client: Any, model: str, kind: str, api_mode: str) -> bool | None:
    """Whether a server gives log-probabilities with its answers; None where it gives no answer."""
    wanted = request_fields(is_chat=kind == clients.CHAT)
    endpoint = Endpoint(
        client, model, kind, api_mode, temperature=1.0, max_tokens=WORDS, extra_body=wanted
    )
    try:
        completion = await endpoint.sample(QUESTION, 1)
    except (Outage, Busy, Stopped):
        return None
    except RequestFailure:
        return False
    return bool(completion.samples[0].get("logprobs"))


async def engine_of(endpoint: Endpoint, timeout: float = 5.0) -> str:
    """The engine's name and version, as far as the server tells; "" where it does not.

    vLLM and SGLang answer at /version and /get_server_info, Ollama at /api/version, llama.cpp at
    /props; others name themselves as the owner of their models. A provider far away runs none of
    these, and is asked for its models alone.
    """
    root = urlunsplit((*urlsplit(str(endpoint.client.base_url))[:2], "", "", ""))
    places = {"/version": "vLLM", "/api/version": "Ollama", "/get_server_info": "SGLang"}
    is_near = endpoint.api_mode == clients.LOCAL
    for path, name in places.items() if is_near else ():
        value = await endpoint.ask(f"{root}{path}", timeout)
        if isinstance(value, dict) and isinstance(value.get("version"), str):
            return f"{name} {value['version']}"
    value = await endpoint.ask(f"{root}/props", timeout) if is_near else None
    if isinstance(value, dict) and "build_info" in value:
        return f"llama.cpp {value['build_info']}"
    listed = await endpoint.ask(f"{endpoint.url}/models", timeout)
    models = listed.get("data") if isinstance(listed, dict) else None
    owners = {m.get("owned_by") for m in models or () if isinstance(m, dict) and m.get("owned_by")}
    return str(owners.pop()) if len(owners) == 1 else ""
