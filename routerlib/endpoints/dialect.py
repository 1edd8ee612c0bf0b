"""The words a server takes: what a request may do without, learnt from what the server refuses.

Servers speak the OpenAI API with gaps: one takes no `temperature`, another four stop strings, a
third calls `max_tokens` something else. Each refusal is held against the request that met it. Where
it names a field that the request held and can do without, the request is worth sending anew in
other words; words that were accepted are used from then on. The rule is the field's name in the
refusal, whatever the sentence around it. Nothing here sends anything; `clients` does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from routerlib.endpoints.refusals import UNABLE, Kind, Refusal

Body = dict[str, Any]
# What is said in place of a field: None: nothing; a text: the same under this name; True: true; a
# number: so much, or so many, at most.
Words = dict[str, Any]

ESSENTIAL = frozenset({"model", "messages", "prompt"})
# Beside its own name, how servers call a field in their refusals.
ALIASES = {
    "stop": ("stop[ _]sequences?", "stopSequences", "stop[ _]strings?", "stop[ _]words?"),
    "max_tokens": ("max_output_tokens", "maxOutputTokens", "max_new_tokens", "maxTokens"),
    "max_completion_tokens": ("max_output_tokens", "maxOutputTokens", "max_new_tokens"),
    "n": (
        "candidate_?count", "num_return_sequences", "best_of", "completion choices?",
        "(?:multiple|several) (?:completions|choices|candidates|generations)",
        "number of (?:completions|choices|candidates|generations)",
    ),
    "stream": ("streaming",),
    "top_p": ("topP",),
    "top_k": ("topK",),
    "logprobs": ("log[ _]?prob(?:abilitie)?s", "responseLogprobs"),
}  # fmt: skip
LENGTHS = frozenset({"max_tokens", "max_completion_tokens"})
LEAST_LENGTH = 256  # tokens; a smaller number in a refusal is no limit of the server's
# Where a refusal names nothing and no request was accepted yet, these are left out one after the
# other.
SUSPECTS = ("stream_options", "n", "stop", "stream", "temperature")
MOST_ROUNDS = 12  # of one request, refused in ever new words
# refusals of a field that was accepted before: then it is no single question's fault
BELIEVED_AFTER = 3

# Errors that are not about the fields of a request, even where their text names one.
OTHER_MATTERS = frozenset({Kind.BUSY, Kind.DOWN, Kind.NO_CREDIT, Kind.FILTERED, Kind.NO_PATH})
# Errors whose words may name a field that is at fault. A door may be closed to a field alone, as in
# "403: You are not allowed to request logprobs from this model".
OF_FIELDS = frozenset({Kind.REFUSED, Kind.BROKEN, Kind.NO_ACCESS})


class Room(int):
    """So many tokens the context leaves to the answer of one prompt: a limit for that alone."""


class Dialect:
    """The words of one server, for one kind of request.

    Args:
        needed: fields without which an answer is of no use; they are never left out.
        hints: fields that change no answer; they go first where something has to.
    """

    def __init__(self, needed: Iterable[str] = (), hints: Iterable[str] = ()):
        self.needed = ESSENTIAL | frozenset(needed)
        self.hints = tuple(hints)
        self.words: Words = {}
        self.news: list[str] = []  # sentences about what was learnt, each told once
        self._accepted: set[str] = set()  # fields of requests that were answered
        self._doubts: Counter[str] = Counter()
        self._guessed_in_vain = False
        self._has_told_room = False

    # -- speaking ----------------------------------------------------------------------------------

    def say(self, wanted: Mapping[str, Any], trial: Words | None = None) -> Body:
        """A request in the words of the day, and in those that this request tries out."""
        body = dict(wanted)
        for field, instead in {**self.words, **(trial or {})}.items():
            _replace(body, field, instead)
        return body

    @property
    def left_out(self) -> list[str]:
        """The fields that change answers and are not sent."""
        silent = {*self.hints, "stream", "stream_options", "n"}
        return sorted(f for f, word in self.words.items() if word is None and f not in silent)

    @property
    def limits(self) -> dict[str, int]:
        """What is sent smaller than asked, such as {"max_tokens": 8192}; of stop strings, n and
        hints nothing is lost.
        """
        whole = {*self.hints, "stop", "n"}
        return {
            field: word
            for field, word in self.words.items()
            if isinstance(word, int) and not isinstance(word, bool) and field not in whole
        }

    # -- learning ----------------------------------------------------------------------------------

    def other_words(self, refusal: Refusal, sent: Body, trial: Words) -> Words | None:
        """What to try after a refusal: `trial` with one thing more said otherwise; None where
        nothing is left.

        Args:
            sent: the request that was refused, as it was sent.
            trial: what it tried out so far.
        """
        if refusal.kind == Kind.TOO_LONG:
            return self._shorter_answer(refusal, sent, trial)
        if refusal.kind in OTHER_MATTERS:
            return None
        lacking = (self.needed - ESSENTIAL) & sent.keys()
        if any(_place_named(field, refusal) >= 0 for field in lacking):
            fewer = _fewer_alternatives(refusal, sent, trial)
            return {**trial, **fewer} if fewer else None
        for field in self._named(refusal, sent):
            instead = self._instead_of(field, refusal, sent, trial)
            if instead is not None:
                return {**trial, **instead}
        return self._guess(refusal, sent, trial)

    def accept(self, sent: Body, trial: Words) -> None:
        """A request was answered: what it tried out is learnt, unless the server took it otherwise
        before.
        """
        for field, instead in trial.items():
            if isinstance(instead, Room):
                self._note_room(field)
                continue
            if field in self.words and self.words[field] == instead:
                continue
            self._doubts[field] += 1
            if field not in self._accepted or self._doubts[field] >= BELIEVED_AFTER:
                self.words[field] = instead
                self.news.append(_news_of(field, instead))
        if not self._accepted >= sent.keys():
            self._accepted |= sent.keys()

    def _note_room(self, field: str) -> None:
        if not self._has_told_room:
            self._has_told_room = True
            self.news.append(
                f"some prompts and {field} tokens together are more than the model's context, or "
                "the limit of tokens, so their answers may take what is left"
            )

    def learn(self, field: str, instead: Any) -> None:
        """Note what an answer shows, such as that n is passed over."""
        self.words[field] = instead

    def _named(self, refusal: Refusal, sent: Body) -> list[str]:
        """The fields of the request that a refusal names, the likeliest first."""
        fields = [field for field in (*sent, "stream") if field not in self.needed]
        if refusal.param:
            param = re.split(r"[.\[\]/$]+", refusal.param.strip("'\"` "))
            if found := [field for field in dict.fromkeys(fields) if field in param]:
                return found
        if refusal.kind not in OF_FIELDS:
            return []
        places = {field: _place_named(field, refusal) for field in fields}
        return sorted((f for f in places if places[f] >= 0), key=lambda f: places[f])

    def _shorter_answer(self, refusal: Refusal, sent: Body, trial: Words) -> Words | None:
        """Fewer tokens for this answer, where prompt and answer together are too long for the
        context. A server that has not counted the whole prompt ("contains at least 98 input
        tokens") does not know the room, so that half as many are tried, and half of these.
        """
        for field in LENGTHS & sent.keys():
            room = room_in(refusal.words, sent[field])
            if room is not None and NOT_COUNTED.search(refusal.words):
                room = sent[field] // 2
            elif field in trial:
                continue
            if room is not None and room >= LEAST_LENGTH:
                return {**trial, field: Room(room)}
        return None

    def _instead_of(self, field: str, refusal: Refusal, sent: Body, trial: Words) -> Words | None:
        """The next thing to say in place of a refused field; None where nothing is left."""
        known = {**self.words, **trial}
        if field not in sent:  # `stream`, left out and named again: the server wants it true
            return {"stream": True} if known.get("stream", True) is None else None
        value = sent[field]
        least = _limit_in(f"{refusal.text} {refusal.param}", value)
        if field in LENGTHS and least is not None and least < LEAST_LENGTH:
            least = None  # "a multiple of 16" is no limit; answers cut so short are worth nothing
        if field == "max_tokens" and (least is None or "max_completion_tokens" in refusal.words):
            return {"max_tokens": "max_completion_tokens"}
        if field == "n":
            return {"n": least or 1}
        if least is not None:
            return {field: least}
        if field == "stop" and isinstance(value, list) and len(value) > 1:
            return {"stop": 1}
        if field == "logprobs":
            fewer = _fewer_alternatives(refusal, sent, known)
            return fewer or {"logprobs": None, "top_logprobs": None}
        return {field: None}

    def _guess(self, refusal: Refusal, sent: Body, trial: Words) -> Words | None:
        """What to leave out where a refusal names nothing: the least loss first, until one thing
        was accepted.
        """
        if refusal.kind != Kind.REFUSED:
            return None
        if sent.get("n", 1) > 1 and "n" not in self._accepted:
            return {**trial, "n": 1}
        if self._accepted or self._guessed_in_vain:
            return None
        for field in (*self.hints, *SUSPECTS):
            if field in sent and field not in self.needed:
                return {**trial, field: None}
        self._guessed_in_vain = True
        return None


def _replace(body: Body, field: str, instead: Any) -> None:
    if instead is True:
        body[field] = True
        if field == "stream":  # else no tokens would be counted
            body["stream_options"] = {"include_usage": True}
        return
    if field not in body:
        return
    value = body.pop(field)
    if instead is None or (field == "n" and instead == 1):
        return
    if isinstance(instead, str):
        body[instead] = value
    elif isinstance(value, list):
        body[field] = value[:instead]
    else:
        body[field] = min(value, instead)


def _place_named(field: str, refusal: Refusal) -> int:
    """Where a refusal names a field; -1 where it does not.

    A refused request may name it in any way; a server that failed has to quote it: 'stop', or to
    say that it cannot do it.
    """
    names = "|".join([re.escape(field), *ALIASES.get(field, ())])
    quoted = rf"""['"`](?:{names})['"`]"""
    if refusal.kind == Kind.BROKEN and not UNABLE.search(refusal.words):
        pattern = quoted
    elif field == "n":  # a letter: only in quotes, at the end of a path, before a sign or a verb
        verbs = "must|should|has to|is|cannot|greater"
        aliases = "|".join(ALIASES["n"])
        pattern = rf"{quoted}|(?:\bn(?=\s*(?:[=<>:]|(?:{verbs})\b))|(?:{aliases})\b)"
    else:
        pattern = rf"(?<![A-Za-z0-9_\\])(?:{names})(?![A-Za-z0-9_])"
    found = re.search(pattern, refusal.words, re.IGNORECASE)
    return found.start() if found else -1


def _fewer_alternatives(refusal: Refusal, sent: Body, known: Words) -> Words | None:
    """Log-probabilities of fewer tokens, where a refusal names how many there may be."""
    most = _limit_in(f"{refusal.text} {refusal.param}", sent.get("top_logprobs"))
    return {"top_logprobs": most} if most is not None and "top_logprobs" not in known else None


def _limit_in(text: str, value: Any) -> int | None:
    """The largest number in a refusal that is below what was sent: "at most 4 stop strings", "range
    [1, 8192]".
    """
    size = len(value) if isinstance(value, list) else value
    if isinstance(size, bool) or not isinstance(size, int):
        return None
    return max((number for number in _numbers_in(text) if 0 < number < size), default=None)


# "131,072"; "[1,512]" is a range
THOUSANDS = re.compile(r"(?<![\[\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
# A sign of another script may stand beside it: "不能大于4096"
NUMBER = re.compile(r"(?<![A-Za-z0-9_.-])\d{1,9}(?![A-Za-z0-9_]|\.\d)")
SUM = re.compile(r"\brequested:?\s+(\d{1,8})\b", re.IGNORECASE)
NOT_COUNTED = re.compile(r"\bat least \d", re.IGNORECASE)


def _numbers_in(text: str) -> list[int]:
    return [int(number) for number in NUMBER.findall(_without_commas(text))]


def _without_commas(text: str) -> str:
    return THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)


def room_in(words: str, asked: int) -> int | None:
    """The tokens that a context leaves to an answer, out of a refusal of prompt and answer
    together; None where it does not say, or where the prompt alone is too long.

    Servers name the context and the prompt's tokens in any order, mostly with the sum: "maximum
    context length is 2048 tokens. However, you requested 2084 tokens (36 in the messages, 2048 in
    the completion)". So these are two numbers of which the prompt's is below the context's, and
    the context's below prompt and answer together. Where the sum alone is told, "Limit 8000,
    Requested 20020", the prompt's are what is left of it. A refusal that names neither the
    answer's tokens nor the sum is about the prompt.

    Args:
        asked: the tokens that were asked for.
    """
    numbers = _numbers_in(words)
    sums = [int(number) for number in SUM.findall(_without_commas(words))]
    numbers += [total - asked for total in sums if total > asked]
    prompts = sorted(set(numbers) - {asked})
    with_sum = [prompt for prompt in prompts if prompt + asked in numbers]
    if asked not in numbers and not with_sum:
        return None
    for prompt in with_sum or prompts[:1]:
        contexts = [number for number in numbers if prompt < number < prompt + asked]
        if contexts:
            return max(contexts) - prompt
    return None


def _news_of(field: str, instead: Any) -> str:
    if instead is None:
        return f"the server takes no `{field}`, so it is left out"
    if isinstance(instead, str):
        return f"the server takes `{instead}` in place of `{field}`"
    if instead is True:
        return f"the server answers only with `{field}: true`"
    if field == "stop":
        return (
            f"the server takes {instead} stop strings at most; at the others answers are cut here"
        )
    return f"the server takes {field} = {instead} at most"
