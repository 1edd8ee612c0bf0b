"""Who answers a request: the router between two endpoints, and the rules by which a request finds
its model.

A `Switchboard` reads a request in the form of the OpenAI API, and makes a `Plan` of it: who is
asked first, who is asked if that one has no answer, and why. Nothing is sent here; that is done by
`routed_clients` and by `proxy`'s server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2

from routerlib import settings
from routerlib.endpoints import addresses
from routerlib.errors import Foreseen
from routerlib.rows.schemas import Message
from routerlib.training.router import Decision, Router

ROUTED = "router"  # the model name that asks for a decision
THRESHOLD_HEADER = "x-router-threshold"  # in a request: decide this one at another threshold


class RequestError(Foreseen, ValueError):
    """A request that cannot be routed. `status` is the HTTP status that says so; the text says what
    to change.
    """

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status

    def body(self) -> dict[str, Any]:
        """The error in the form of the OpenAI API, which its SDK turns into an exception with this
        text.
        """
        kind = "invalid_request_error" if self.status < 500 else "api_error"
        return {"error": {"message": str(self), "type": kind, "param": None, "code": None}}


class BackendError(Foreseen, ValueError):
    """No way to a model: an address that is none, or a model without a name; the text says what to
    give.
    """


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
        check_server_address(self.base_url)
        if not self.model and isinstance(self.model, str | None):
            raise BackendError(
                f"The router does not know what the model at {self.base_url} is called: give its "
                "name as well."
            )
        settings.text(f"The name of the model at {self.base_url}", self.model)

    @property
    def is_local(self) -> bool:
        return addresses.is_here(self.base_url)

    def key(self) -> str | None:
        """The key to send: the given one, else OPENAI_API_KEY for a remote server, else none.

        Raises:
            settings.MissingKey: the server is remote and no key is to be found.
        """
        return self.api_key or (None if self.is_local else settings.key("OPENAI_API_KEY"))

    def headers(self) -> dict[str, str]:
        """The headers that show the key, if there is one.

        Raises:
            settings.MissingKey: as `key`.
        """
        key = self.key()
        if not key:
            return {}
        told = {"authorization": f"Bearer {key}"}
        # Azure knows a key by a header of its own
        return told | ({"api-key": key} if "api-version=" in urlsplit(self.base_url).query else {})

    def url(self, path: str = "") -> str:
        """The address of a path there; a query, such as Azure's ?api-version=…, stays behind it."""
        parts = urlsplit(self.base_url)
        whole = "/".join(filter(None, (parts.path.rstrip("/"), path.strip("/"))))
        return urlunsplit(parts._replace(path=whole))


def backend(value: str | Backend, model: Any) -> Backend:
    """An endpoint from its address: `http://127.0.0.1:8000/v1`, the model's name being the one the
    router knows.

    Raises:
        BackendError: it is no http address, or nobody said what the model is called there.
    """
    return value if isinstance(value, Backend) else Backend(value, model)


def check_server_address(value: Any, name: str = "") -> None:
    """Raises BackendError where a value is no address of a server; `name` is the setting's."""
    if not _is_address(value):
        given = f"{name} is {value!r}, which" if name else repr(value)
        raise BackendError(
            f"{given} is no address of a server; one looks like http://127.0.0.1:8000/v1."
        )


def _is_address(value: Any) -> bool:
    try:
        url = httpx2.URL(value)
    except (TypeError, httpx2.InvalidURL):
        return False
    is_one_word = len(str(value).split()) == 1
    is_http = url.scheme in ("http", "https") and bool(url.host)
    return is_http and is_one_word and (url.port or 80) < 65536


@dataclass(frozen=True)
class Plan:
    """What happens to one request: who is asked first, who is asked if that one has no answer, and
    why.
    """

    first: Backend
    second: Backend | None = None
    decision: Decision | None = None  # None where the caller named the model
    stage: str = ""  # of a policy, which decided: "prompt" or "answer"; empty without a policy
    reads: bool = False  # the first model's answer is read before it is shown
    told: Mapping[str, str] = field(default_factory=dict)  # further headers

    @property
    def targets(self) -> tuple[Backend, ...]:
        """Who may be asked, in this order; never empty."""
        return (self.first,) if self.second is None else (self.first, self.second)

    def headers(self, answered_by: Backend) -> dict[str, str]:
        """The response headers that tell the decision and who answered."""
        told = {"x-router-model": answered_by.model}
        if self.decision:
            told["x-router-decision"] = self.decision.model
            told["x-router-score"] = f"{self.decision.p_superior:.4f}"
            if "x-router-policy" not in self.told:  # a policy's threshold is none of the router's
                told[THRESHOLD_HEADER] = f"{self.decision.threshold:.4f}"
        if answered_by is not self.first:
            told["x-router-fallback"] = "true"
        if self.stage:
            told["x-router-stage"] = self.stage
        told |= self.told
        return {
            name: value.encode("latin-1", "replace").decode("latin-1")
            for name, value in told.items()
        }


@dataclass(frozen=True)
class Switchboard:
    """A router between two endpoints, and the rules by which a request finds its model.

    `threshold` overrides the router's own; `fallback` asks the other model when the chosen one has
    no answer. Where the router carries a policy that reads answers: `second` is the other cheap
    model that it compares with, `max_wait` the seconds after which a request goes up that has no
    answer yet. The policy itself is carried out by `stages`.
    """

    router: Router
    inferior: Backend
    superior: Backend
    threshold: float | None = None
    fallback: bool = False
    second: Backend | None = None
    max_wait: float | None = None

    def named(self, body: Mapping[str, Any]) -> Backend | None:
        """The endpoint a request names itself, None where it asks for the router.

        Raises:
            RequestError: the model is none of those served here.
        """
        name = body.get("model")
        if name == ROUTED:
            return None
        known = {"inferior": self.inferior, "superior": self.superior}
        for target in (self.inferior, self.superior):
            known[target.model] = target
        if isinstance(name, str) and name in known:
            return known[name]
        raise self._no_model(name)

    def catalogue(self, name: str = "") -> dict[str, Any]:
        """The models that can be asked for, or the one that is named, as `GET /v1/models` and
        `/v1/models/{id}` tell.

        Raises:
            RequestError: the model is none of those served here.
        """
        names = dict.fromkeys((ROUTED, self.inferior.model, self.superior.model))
        models = {
            known: {"id": known, "object": "model", "created": 0, "owned_by": "routerlib"}
            for known in names
        }
        if not name:
            return {"object": "list", "data": list(models.values())}
        if name not in models:
            raise self._no_model(name)
        return models[name]

    def _no_model(self, name: Any) -> RequestError:
        return RequestError(
            f"There is no model {name!r} here. Ask for {ROUTED!r} to be routed, or name one of the "
            "two "
            f"models: {self.inferior.model!r}, {self.superior.model!r}.",
            status=404,
        )

    def decide(self, p_superior: float, headers: Mapping[str, str]) -> Decision:
        """The router's decision on a score, at the threshold of this request."""
        return self.router.decide(p_superior, self.threshold_for(headers))

    def plan(self, decision: Decision) -> Plan:
        """Who answers after a decision."""
        if decision.model == "inferior":
            first, second = self.inferior, self.superior
        else:
            first, second = self.superior, self.inferior
        return Plan(first, second if self.fallback else None, decision)

    def threshold_for(self, headers: Mapping[str, str]) -> float | None:
        """The threshold of one request: its header's, else the switchboard's, else (None) the
        router's.

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
    second: str | Backend | None = None,
    max_wait: float | None = None,
) -> Switchboard:
    """A switchboard between two endpoints, given as `backend` takes them.

    Raises:
        BackendError: as `backend`. settings.SettingError: no router, a threshold outside [0, 1], or
        a max_wait that is no time.
    """
    checked_router(router)
    threshold = None if threshold is None else settings.number("THRESHOLD", threshold, most=1)
    inferior = backend(inferior, router.models.get("inferior"))
    superior = backend(superior, router.models.get("superior"))
    if second is not None:
        policy = getattr(router, "policy", None)
        second = backend(second, policy.sources.second_model if policy else None)
    if max_wait is not None:
        settings.seconds("MAX_WAIT", max_wait)
    return Switchboard(router, inferior, superior, threshold, fallback, second, max_wait)


def checked_router(router: Router) -> Router:
    """What was given as a router, if it can decide.

    Raises:
        settings.SettingError: it is none, such as the name of its folder.
    """
    if not callable(getattr(router, "score", None)):
        raise settings.SettingError(
            f"The router is {router!r}; give a Router, as Router.from_pretrained(folder) returns."
        )
    return router


def conversation(body: Mapping[str, Any]) -> list[Message]:
    """The messages of a request as the router reads them: all turns, in order, whatever their
    content is made of.

    Raises:
        RequestError: there are none, or one is not in the form of the OpenAI API.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError(
            "The request has no `messages`: a list of objects with `role` and `content` is needed."
        )
    return [_checked_message(index, message) for index, message in enumerate(messages)]


def _checked_message(index: int, message: Any) -> Message:
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
    """One part of a message's content as text; what is no text is named in brackets
    ("[image_url]").
    """
    if isinstance(part, Mapping):
        if part.get("type") == "input_json":
            return json.dumps(part.get("data"), ensure_ascii=False)
        for name in ("text", "refusal"):
            if isinstance(part.get(name), str):
                return part[name]
        return f"[{part.get('type', 'part')}]"
    return str(part)
