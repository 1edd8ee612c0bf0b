"""A model as a judge: what it is asked about two answers, and how its verdict is read.

A judge sees a prompt and two answers, A and B, and no name of a model. Where the endpoint gives
log-probabilities, the verdict is one token, with the chances of A, B and C (equally good); else it
is read from the text. What cannot be read is no verdict: nothing is guessed. Which pairs are shown,
in which order, and what verdicts come to is `judging`'s business.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from routerlib import settings
from routerlib.endpoints import clients, replies, servers
from routerlib.endpoints.clients import (
    BadRequest,
    Busy,
    Completion,
    Endpoint,
    FailedAttempt,
    Outage,
)
from routerlib.endpoints.prompts import as_text
from routerlib.errors import Foreseen
from routerlib.rows import jsonl
from routerlib.rows.schemas import Prompt

LOGPROBS, TEXT = "logprobs", "text"
METHODS = ("auto", LOGPROBS, TEXT)
FIRST, SECOND, TIE = "first", "second", "tie"
LETTERS = {"A": FIRST, "B": SECOND, "C": TIE}
PLACES = ("{prompt}", "{answer_a}", "{answer_b}")
SHIPPED_PROMPT = Path(__file__).with_name("judge_prompt.txt")
# Where A, B and C together are less likely than this, the model wanted to say something else.
LEAST_MASS = 0.05


class JudgingError(Foreseen, ValueError):
    """Judging cannot be done as asked; the text says why and what to do."""


@dataclass(frozen=True)
class Judge:
    """Who judges, and how it is asked.

    Fields: model, api_base: the endpoint (a chat model). prompt: the judge's prompt, with places
    for {prompt}, {answer_a} and {answer_b}; empty: the shipped one. method: "logprobs", "text", or
    "auto", the first of these that the server can do. max_tokens: of a verdict read from text.
    price_in, price_out: dollars per million tokens. weight: in a jury, 0 or more.

    Example:
        Judge("my-model", "http://localhost:8000/v1", prompt=judges.load_judging_prompt("mine.txt"))

    Raises:
        JudgingError, settings.SettingError: a field has a value that it cannot have.
    """

    model: str
    api_base: str | None = None
    prompt: str = ""
    method: str = "auto"
    # Nearly greedy. Servers have been seen to keep to greedy decoding once a request said 0.
    temperature: float | None = 0.1
    max_tokens: int = 512
    price_in: float = 0.0
    price_out: float = 0.0
    weight: float = 1.0
    api_mode: str = clients.LOCAL
    timeout: float = 600.0

    def __post_init__(self) -> None:
        settings.text("JUDGE", self.model)
        if self.method not in METHODS:
            raise JudgingError(f"METHOD is {self.method!r}; it is one of {', '.join(METHODS)}.")
        settings.whole("max_tokens", self.max_tokens)
        settings.price("PRICE_IN", self.price_in)
        settings.price("PRICE_OUT", self.price_out)
        settings.number("weight of a judge", self.weight)
        if not self.prompt.strip():
            object.__setattr__(self, "prompt", load_judging_prompt())
        check_prompt(self.prompt, "The judge's prompt")

    @property
    def prompt_sha256(self) -> str:
        return hashlib.sha256(self.prompt.encode()).hexdigest()[:16]

    @property
    def stem(self) -> str:
        """The judge in a file's name: its model, and which prompt it was given."""
        model = re.sub(r"[^A-Za-z0-9.-]+", "_", self.model.strip("/"))
        return f"{model}-{self.prompt_sha256[:8]}"

    def describe(self, method: str) -> dict[str, Any]:
        """What a verdict depends on, for the rows."""
        facts: dict[str, Any] = {
            "model": self.model,
            "method": method,
            "prompt_sha256": self.prompt_sha256,
        }
        if method == TEXT:
            facts |= {"temperature": self.temperature, "max_tokens": self.max_tokens}
        return facts


def parse_judge(text: str, **fields: Any) -> Judge:
    """A judge from MODEL@URL, as commands take it; without a URL, at the usual local address.

    Example:
        parse_judge("my-model@http://localhost:8000/v1", price_in=0.5)
    """
    model, at, url = text.strip().rpartition("@")
    if not at or "://" not in url:
        model, url = text.strip(), ""
    return Judge(model, url or None, **fields)


def parse_jury(text: str, api_base: str | None = None, **fields: Any) -> list[Judge]:
    """The judges of a setting: MODEL@URL or MODEL, several with commas between; none for "".

    Args:
        api_base: of those without a URL. fields: of all of them.
    """
    jury = []
    for name in settings.names(text):
        one = parse_judge(name, **fields)
        jury.append(replace(one, api_base=one.api_base or api_base))
    return jury


def with_servers(jury: Sequence[Judge]) -> tuple[list[Judge], list[servers.Place]]:
    """The judges where they answer: a stand-in's server is started, one of ours is held. Let go
    with `release`.

    Raises:
        servers.ServerError: nothing answers for a judge; the others are let go.
    """
    placed: list[Judge] = []
    places: list[servers.Place] = []
    for one in jury:
        if one.api_mode != clients.LOCAL or not one.api_base:
            placed.append(one)
            continue
        try:
            place = servers.ensure(one.model, one.api_base, one.temperature)
        except BaseException:
            release_servers(places)
            raise
        places.append(place)
        placed.append(replace(one, api_base=place.base_url))
    return placed, places


def release_servers(places: Sequence[servers.Place]) -> None:
    """Let go of the servers of `with_servers`."""
    for place in places:
        servers.release(place)


# --- what is asked ---


def load_judging_prompt(path: str | Path | None = None) -> str:
    """The judge's prompt: the named file, or the shipped one, which may be copied and edited.

    Raises:
        JudgingError: there is no such file, or a place is missing. jsonl.Unreadable: it is no text.
    """
    file = settings.resolve(path) if path else SHIPPED_PROMPT
    if not file.is_file():
        raise JudgingError(
            f"There is no judge's prompt at {file}. Copy {SHIPPED_PROMPT} and edit it, or leave "
            "JUDGE_PROMPT empty."
        )
    text = "".join(jsonl.read_lines(file))
    check_prompt(text, str(file))
    return text


def check_prompt(text: str, name: str) -> None:
    """Raises JudgingError where one of the three places is missing."""
    missing = [place for place in PLACES if place not in text]
    if missing:
        raise JudgingError(
            f"{name} has no {' and no '.join(missing)}: a judge has to see the prompt and both "
            "answers."
        )


# A mark that ends a part of the shipped prompt, inside the part: "</answer_a>".
_END_MARK = re.compile(r"</(?=(?:prompt|answer_a|answer_b)>)")


def render_comparison(template: str, prompt: Prompt, first: str, second: str) -> str:
    """The one message a judge gets. Texts are filled in as they are, but cannot end their part."""
    values = {"{prompt}": as_text(prompt), "{answer_a}": first, "{answer_b}": second}
    safe = {place: _END_MARK.sub("</ ", text) for place, text in values.items()}
    return re.sub(r"\{(?:prompt|answer_a|answer_b)\}", lambda found: safe[found.group()], template)


# --- how a verdict is read ---

# A line that is a verdict: "B", "**B**", "Verdict: [[A]]", "Answer A is better.", "It is a tie"
_LETTER_LINE = re.compile(
    r"""
    (?: (?:my\ |the\ )? (?:final\ )? (?:verdict|answer|decision|choice|winner|judge?ment|result
        |better\ (?:answer|one|response)|preference)
        \s* (?:is|=)? \s* [:\-–—]? \s* )?
    (?: (?:answer|assistant|response|option|model)\s+ )?
    [\[("'*_`]* (?P<letter> [ABC] ) [\])"'*_`]*
    (?: \s+ (?:is|was) \s+ (?:(?:the|clearly|much|slightly|far|a\ little|somewhat)\s+){0,2}
        (?:better|best|winner|stronger|superior) (?:\s+(?:answer|one|response|of\ the\ two))?
      | \s+ wins )?
    \s* [.!]?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TIE_LINE = re.compile(
    r"""
    (?: (?:final\ )? (?:verdict|answer|decision|result|winner) \s* [:\-–—] \s* )?
    (?: (?:it\ is|it's|this\ is)\ a\ )? [\[("'*_`]* (?:tie|draw) [\])"'*_`]* [.!]?
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A letter with its reason behind a sign: "B: it is right", "A. The other one is wrong."
_LETTER_WITH_REASON = re.compile(r"[*_`\[(]*([ABC])[*_`\])]*(?:[.):]|\s+[-–—])\s")
# MT-Bench's own form, wherever it stands: [[A]]
_DOUBLE_BRACKETS = re.compile(r"\[\[\s*([ABC]|tie)\s*\]\]", re.IGNORECASE)
_JSON_NAMES = ("verdict", "winner", "answer", "better", "choice")


def parse_verdict(text: str) -> str | None:
    """FIRST, SECOND or TIE, where a judge's text says exactly one of them, clearly; else None.

    Read are a letter in double brackets, a JSON object with a verdict or winner, a first or last
    line that is a verdict, and a letter with its reason behind a sign. Two that differ are none.
    """
    text = text.rpartition("</think>")[2].strip()
    marked = {_meaning(letter) for letter in _DOUBLE_BRACKETS.findall(text)}
    if marked:
        return marked.pop() if len(marked) == 1 else None
    if text.startswith(("{", "```")):
        return _verdict_in_json(text)
    lines = [line.strip(" \t*_`>#") for line in text.splitlines() if line.strip(" \t*_`>#")]
    if not lines:
        return None
    told = {_verdict_of_line(lines[0]), _verdict_of_line(lines[-1])}
    found = {verdict for verdict in told if verdict}
    if not found and (reasoned := _LETTER_WITH_REASON.match(lines[0])):
        found = {_meaning(reasoned[1])}
    return found.pop() if len(found) == 1 else None


def _meaning(letter: str) -> str:
    return LETTERS.get(letter.upper(), TIE)


def _verdict_of_line(line: str) -> str | None:
    if match := _LETTER_LINE.fullmatch(line):
        is_word = match["letter"] == "a" and line != "a"  # as in "a winner"
        return None if is_word else _meaning(match["letter"])
    return TIE if _TIE_LINE.fullmatch(line) else None


def _verdict_in_json(text: str) -> str | None:
    body = re.sub(r"^```\w*\s*|\s*```$", "", text)
    try:
        value = json.loads(body)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    folded = {str(name).casefold(): said for name, said in value.items()}
    said = [folded[name] for name in _JSON_NAMES if isinstance(folded.get(name), str)]
    found = {_verdict_of_line(one.strip()) for one in said}
    return found.pop() if len(found) == 1 else None


def read_chances(logprobs: Any) -> tuple[dict[str, float] | None, float]:
    """(chances, mass) from the first token's alternatives in a chat answer's `logprobs`.

    Returns:
        chances: {FIRST, SECOND, TIE: share}, summing to 1, or None where the mass is below
        LEAST_MASS. mass: the probability of A, B and C together, in [0, 1].

    Raises:
        ValueError: the answer holds no log-probabilities.
    """
    masses = replies.first_token_masses(logprobs, LETTERS)
    mass = sum(masses.values())
    if mass < LEAST_MASS:
        return None, mass
    return {LETTERS[letter]: share / mass for letter, share in masses.items()}, min(1.0, mass)


# --- asking ---

Ask = Callable[[str], Awaitable[Completion]]


def endpoint_of(client: Any, judge: Judge, method: str) -> Endpoint:
    """The judge's endpoint, sampled as the method needs it."""
    return clients.verdict_endpoint(
        client,
        judge.model,
        judge.api_mode,
        by_logprobs=method == LOGPROBS,
        temperature=judge.temperature,
        max_tokens=judge.max_tokens,
        deadline=judge.timeout,
    )


def asker(endpoint: Endpoint, method: str) -> Ask:
    """The coroutine that shows a judge one message; each sample it brings has a `verdict`, which is
    None where it could not be read.
    """

    async def by_logprobs(message: str) -> Completion:
        answer = await endpoint.sample(message, 1)
        for sample in answer.samples:
            try:
                chances, mass = read_chances(sample.pop("logprobs", None))
            except ValueError as error:
                raise FailedAttempt(str(error), kind="no_logprobs") from None
            sample |= {"verdict": _likeliest(chances), "chances": chances, "mass": round(mass, 4)}
        return answer

    async def by_text(message: str) -> Completion:
        answer = await endpoint.sample(message, 1)
        for sample in answer.samples:
            sample["verdict"] = parse_verdict(sample["full_response"])
        return answer

    return by_logprobs if method == LOGPROBS else by_text


def _likeliest(chances: dict[str, float] | None) -> str | None:
    """The likeliest verdict; a tie where two are exactly as likely."""
    if chances is None:
        return None
    best = max(chances.values())
    first = [verdict for verdict, share in chances.items() if share == best]
    return first[0] if len(first) == 1 else TIE


async def choose_judging_method(client: Any, judge: Judge, patience: float = 60.0) -> str:
    """The method to use: the judge's own, or for "auto" log-probabilities where the server gives
    them.

    Args:
        patience: seconds to wait for a server that does not answer.

    Raises:
        clients.Stopped: wrong key, model or address. JudgingError: nothing answers for so long.
    """
    if judge.method != "auto":
        return judge.method
    endpoint = endpoint_of(client, judge, LOGPROBS)
    message = render_comparison(judge.prompt, "What is 2 + 2?", "4", "5")
    try:
        answer = await clients.patiently(
            endpoint.url, lambda: asker(endpoint, LOGPROBS)(message), patience
        )
    except (Outage, Busy) as error:
        raise JudgingError(
            f"The judge {judge.model} at {endpoint.url} gave no answer: {error}. Start its "
            "server, or correct its address, or wait; then run this again."
        ) from None
    except (BadRequest, FailedAttempt):
        return TEXT
    # A model that does not begin with a letter (it reasons first) is read from its text.
    return LOGPROBS if answer.samples[0]["verdict"] is not None else TEXT
