"""Which conversations are worth labelling: filters, duplicates and overlap with the evaluation
questions.

Conversations stream in and prompts stream out; every row that does not come out is counted under
the one filter that took it. Memory grows with the prompts that are kept (about 1.5 KB each, for the
duplicate index), not with their text or the input. Reading rows is `sources`' business, labelling
them `labelling`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.endpoints.prompts import as_text
from routerlib.errors import Foreseen
from routerlib.rows import jsonl, sources
from routerlib.rows.conversations import OwnIds, answer_to
from routerlib.rows.sameness import ENDS, NearIndex, text_key, tokens
from routerlib.rows.schemas import (
    CleanPrompt,
    Conversation,
    Message,
    Prompt,
    VoteQuestion,
)

Embed = Callable[[Sequence[str]], np.ndarray]  # texts -> (n, width) vectors of length 1

BROKEN, OTHER, MEDIA = "broken row", "no request to a chat model", "shows a picture or a file"
NO_USER, LANGUAGE = "no user turn", "other language"
SHORT, LONG, FLAGGED, REDACTED = "too short", "too long", "flagged by moderation", "redacted"
EXACT, NEAR = "exact duplicate", "near duplicate"
SHARED_WORDS, SAME_MEANING = (
    "shares words with an evaluation question",
    "means the same as an evaluation question",
)
FILTERS = (
    BROKEN,
    OTHER,
    MEDIA,
    NO_USER,
    LANGUAGE,
    SHORT,
    LONG,
    FLAGGED,
    REDACTED,
    EXACT,
    NEAR,
    SHARED_WORDS,
    SAME_MEANING,
)

WINDOW = 512  # prompts embedded at once


@dataclass(frozen=True)
class Filters:
    """What a conversation must be like to be kept.

    Fields: whole_conversation: keep everything up to the last user turn, not the first user turn
    alone.
    languages: names as in the `language` field, or a text with commas between them; empty: all. A
    row without that field is of no other language. min_chars, max_chars: of the prompt's text.
    drop_flagged, drop_redacted: by the rows' own marks. near_duplicate: Jaccard similarity of
    three-word shingles, in (0, 1], from which two prompts count as the same; above 1 only exact
    ones do.
    """

    whole_conversation: bool = False
    languages: tuple[str, ...] | str = ("English",)
    min_chars: int = 8
    max_chars: int = 4000
    drop_flagged: bool = True
    drop_redacted: bool = True
    near_duplicate: float = 0.8

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", tuple(settings.names(self.languages)))
        settings.whole("MAX_CHARS", self.max_chars)
        settings.number("NEAR_DUPLICATE", self.near_duplicate)

    def describe(self) -> dict[str, Any]:
        """The settings as JSON values, for the data card."""
        return asdict(self) | {"languages": list(self.languages)}


class CleaningError(Foreseen, ValueError):
    """No prompt is left; the text says which filters took them."""


@dataclass
class Report:
    """How many rows were read, how many each filter took, and how many were kept. They add up.

    `examples` has the first few ids that each filter took. `answered` are the kept prompts with
    an answer from a log; `other_answers` those whose logged answer was left behind, since it
    answers more than the prompt that was kept. `first_broken` says where the first row is that
    cannot be read, and why not.
    """

    dropped: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    passed_in: int = 0
    answered: int = 0
    other_answers: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)
    first_broken: str = ""

    @property
    def read(self) -> int:
        return self.passed_in + self.dropped[BROKEN] + self.dropped[OTHER]

    def drop(self, reason: str, name: str) -> None:
        self.dropped[reason] += 1
        seen = self.examples.setdefault(reason, [])
        if len(seen) < 3:
            seen.append(name)

    def counts(self) -> dict[str, int]:
        """Every filter with what it took, in the order in which they apply; zeros included."""
        return {name: self.dropped[name] for name in FILTERS}

    def summary(self) -> str:
        taken = ", ".join(f"{name} {count:,}" for name, count in self.counts().items() if count)
        return (
            f"{self.read:,} conversations read, {self.kept:,} prompts kept; taken out: "
            f"{taken or 'none'}.{self._broken()}{self._answers()}"
        )

    def _broken(self) -> str:
        return f" The first broken row: {self.first_broken}." if self.first_broken else ""

    def _answers(self) -> str:
        told = ""
        if self.answered:
            told += f" {self.answered:,} of the kept prompts come with an answer from their log."
        if self.other_answers:
            told += (
                f" {self.other_answers:,} logged answers answer more than the first user turn; "
                "WHOLE_CONVERSATION = True keeps these."
            )
        return told


class RejectedConversations(jsonl.Rejects):
    """Broken rows as they are met: to a file, and counted in the report. Give it to
    `sources.load_rows`.
    """

    def __init__(self, report: Report, path: str | Path):
        super().__init__(path)
        self.report = report

    def append(self, row: dict[str, Any]) -> None:
        self.report.drop(BROKEN, f"line {row.get('line', '?')}")
        super().append(row)
        first = self.first
        self.report.first_broken = (
            f"{first['file']}, line {first['line']}: {first['reason']} (see {self.path.name})"
        )

    def pass_over(self, line: int, what: str) -> None:
        self.report.drop(OTHER, f"line {line}: {what}")
        super().pass_over(line, what)


def clean(
    conversations: Iterable[Conversation],
    filters: Filters,
    report: Report,
    evaluation: Evaluation | None = None,
) -> Iterator[CleanPrompt]:
    """Stream the prompts that pass every filter, in order; `report` is filled on the way.

    Args:
        evaluation: the questions that no prompt may repeat; None: that check is left out.

    Raises:
        CleaningError: at the end, where not one prompt came through.
    """
    duplicates = Duplicates(filters.near_duplicate)
    ids = OwnIds()
    window: list[CleanPrompt] = []
    for conversation in conversations:
        report.passed_in += 1
        row, reason = pass_filters(conversation, filters)
        if row is not None:
            reason = duplicates.add(as_text(row.prompt))
        if (
            row is not None
            and not reason
            and evaluation
            and evaluation.shares_words(as_text(row.prompt))
        ):
            reason = SHARED_WORDS
        if reason or row is None:
            report.drop(str(reason), conversation.conversation_id)
            continue
        row.id = ids.own_id(row.id)
        count_answers(row, conversation, report)
        window.append(row)
        if len(window) == WINDOW:
            yield from _check_meaning(window, evaluation, report)
            window = []
    yield from _check_meaning(window, evaluation, report)
    if not report.kept:
        raise no_prompt_left(report)


def count_answers(row: CleanPrompt, conversation: Conversation, report: Report) -> None:
    report.answered += row.answer is not None
    report.other_answers += row.answer is None and conversation.logged is not None


def pass_filters(
    conversation: Conversation, filters: Filters
) -> tuple[CleanPrompt | None, str | None]:
    """The conversation's prompt, or the first of the cheap filters that it fails."""
    if conversation.has_media:
        return None, MEDIA
    prompt = _prompt_of_conversation(conversation.conversation, filters.whole_conversation)
    if prompt is None:
        return None, NO_USER
    length = len(as_text(prompt))
    says_language = "language" in conversation.model_fields_set
    if says_language and filters.languages and conversation.language not in filters.languages:
        return None, LANGUAGE
    if not filters.min_chars <= length <= filters.max_chars:
        return None, SHORT if length < filters.min_chars else LONG
    marks = [turn.get("flagged") for turn in conversation.openai_moderation]
    if filters.drop_flagged and (any(marks) or conversation.toxic):
        return None, FLAGGED
    if filters.drop_redacted and conversation.redacted:
        return None, REDACTED
    row = CleanPrompt(
        id=conversation.conversation_id,
        prompt=prompt,
        language=conversation.language,
        answer=answer_to(prompt, conversation),
    )
    if conversation.category:
        row.category = conversation.category
    return row, None


def _prompt_of_conversation(messages: Sequence[Message], whole: bool) -> Prompt | None:
    """The first user turn, or all up to the last one; None where no user says anything."""
    users = [
        i
        for i, message in enumerate(messages)
        if message.role == "user" and _is_visible(message.content)
    ]
    if not users:
        return None
    if not whole or users[-1] == 0:
        return messages[users[0]].content.strip()
    return list(messages[: users[-1] + 1])


def _is_visible(text: str) -> bool:
    """Whether a text holds more than spaces and signs that leave no mark: control characters,
    zero-width ones.
    """
    return any(sign.isprintable() and not sign.isspace() for sign in text)


def _check_meaning(
    window: list[CleanPrompt], evaluation: Evaluation | None, report: Report
) -> Iterator[CleanPrompt]:
    near: list[tuple[float, str]] = []
    if evaluation and window:
        near = evaluation.nearest([as_text(row.prompt) for row in window])
    for number, row in enumerate(window):
        if evaluation is None or not near or means_other(row, near[number], evaluation, report):
            report.kept += 1
            yield row


def means_other(
    row: CleanPrompt, nearest: tuple[float, str], evaluation: Evaluation, report: Report
) -> bool:
    """Whether a prompt means something else than the question nearest to it, whose category it
    gets where it has none.

    Args:
        nearest: cosine similarity and category of that question.
    """
    similarity, category = nearest
    if similarity >= evaluation.similarity:
        report.drop(SAME_MEANING, row.id)
        return False
    if row.category == "uncategorised" and similarity >= evaluation.category_similarity:
        row.category = category
    return True


def no_prompt_left(report: Report) -> CleaningError:
    """What is raised where not one prompt came through."""
    return CleaningError(
        f"No prompt came through. {report.summary()} Choose other prompts, or milder filters."
    )


def write_logged_prompts(folder: str | Path) -> int:
    """Of the clean prompts in a folder, write those with an answer from their log to a file of
    their own, prompts_logged.jsonl, for 03; returns how many there are.
    """
    clean = sources.load_rows(Path(folder) / "prompts_clean.jsonl", CleanPrompt)
    answered = (row for row in clean if row.answer is not None)
    return jsonl.write_rows(Path(folder) / "prompts_logged.jsonl", answered)


# --- duplicates ---


class Duplicates:
    """Remembers texts, and knows whether a new one repeats an old one exactly (case, spacing and
    the full stop aside) or nearly (see NearIndex; a threshold above 1 leaves that out)."""

    def __init__(self, threshold: float):
        self._exact: set[bytes] = set()
        self._index = NearIndex(threshold) if threshold <= 1 else None

    def add(self, text: str) -> str | None:
        """EXACT or NEAR where an earlier text says the same; else None, and the text is
        remembered.
        """
        sketch = self._index.sketch(tokens(text)) if self._index else None
        return self.add_sketched(text_key(text), sketch)

    def add_sketched(self, key: bytes, sketch: np.ndarray | None) -> str | None:
        """`add` for a text of which only the key and the sketch are known."""
        if key in self._exact:
            return EXACT
        if self._index and sketch is not None:
            if self._index.near(sketch):
                return NEAR
            self._index.remember(sketch)
        self._exact.add(key)
        return None


# --- overlap with the evaluation questions ---


def evaluation_questions(source: str, votes_source: str = "") -> Iterator[VoteQuestion]:
    """The questions that no prompt may repeat: questions, vote questions or votes, by any source.

    Args:
        source: as `sources.load_rows` takes it; "votes" in it stands for the votes that 01 read.
        votes_source: which these were; empty: what 01 noted.

    Raises:
        CleaningError: "votes" is named, and 01 has not run.
    """
    if "votes" in settings.names(source) and not votes_source:
        votes_source = _votes_of_01()
    parts = [votes_source if part == "votes" else part for part in settings.names(source)]
    return sources.load_rows(", ".join(parts), VoteQuestion)


def _votes_of_01() -> str:
    path = settings.outputs("analysis", "metrics.json")
    noted = jsonl.read_json(path) if path.exists() else {}
    named = [str(source["source"]) for source in noted.get("sources", ()) if "source" in source]
    if not named:
        raise CleaningError(
            "EVAL_QUESTIONS names the votes, but notebook 01 has not noted which it read. Run 01 "
            "first, or name their source here, such as lmsys/mt_bench_human_judgments@human."
        )
    return ", ".join(named)


class Evaluation:
    """The questions that a router will be evaluated on, and whether a prompt repeats one of them.

    Args:
        questions: all turns of each are protected.
        ngram: a prompt that shares so many words in a row with a question is taken out. A shorter
            question must occur as a whole; one below five words must be the whole prompt.
        embed: a sentence encoder; None leaves the check of the meaning out.
        similarity: cosine similarity, in [-1, 1], from which a prompt means the same as a question.
        category_similarity: cosine from which a prompt gets the category of its nearest question.
    """

    SHORTEST = 5

    def __init__(
        self,
        questions: Iterable[VoteQuestion],
        ngram: int = 10,
        embed: Embed | None = None,
        similarity: float = 0.85,
        category_similarity: float = 0.45,
    ):
        self.ngram, self.similarity, self.category_similarity = (
            ngram,
            similarity,
            category_similarity,
        )
        turns: dict[str, str] = {}  # a question that was voted on often stands here once
        for question in questions:
            for turn in question.turns:
                turns.setdefault(turn, question.category)
        self.texts, self.categories = list(turns), list(turns.values())
        self._whole: set[tuple[str, ...]] = set()
        self._grams: dict[int, set[int]] = {}
        for text in self.texts:
            self._protect(_tokens_of(text), ngram)
        self._embed = embed
        self._vectors = embed(self.texts) if embed and self.texts else None

    def __reduce__(self) -> Any:
        """On another machine it is built anew: hashes of words differ from process to process."""
        questions = [
            VoteQuestion(question_id=str(number), category=category, turns=[text])
            for number, (text, category) in enumerate(zip(self.texts, self.categories, strict=True))
        ]
        limits = (self.similarity, self.category_similarity)
        return Evaluation, (questions, self.ngram, self._embed, *limits)

    def without_meaning(self) -> Evaluation:
        """The same questions, by their words alone."""
        _, (questions, ngram, _, *limits) = self.__reduce__()
        return Evaluation(questions, ngram, None, *limits)

    @property
    def compares_meaning(self) -> bool:
        return self._vectors is not None

    def describe(self) -> dict[str, Any]:
        """The settings as JSON values, for the data card."""
        similarity = self.similarity if self._embed else None
        return {"evaluation_turns": len(self.texts), "ngram": self.ngram, "similarity": similarity}

    def _protect(self, words: tuple[str, ...], ngram: int) -> None:
        self._whole.add(words)
        size = min(ngram, len(words))
        if size >= min(self.SHORTEST, ngram):
            self._grams.setdefault(size, set()).update(_grams(words, size))

    def shares_words(self, text: str) -> bool:
        """Whether the text repeats a question word for word, in part or as a whole."""
        words = _tokens_of(text)
        return words in self._whole or any(
            not known.isdisjoint(_grams(words, size)) for size, known in self._grams.items()
        )

    def nearest(self, texts: Sequence[str]) -> list[tuple[float, str]]:
        """(cosine similarity, category) of the question nearest to each text; empty without an
        encoder.
        """
        if self._embed is None or self._vectors is None or not texts:
            return []
        cosines = self._embed(texts) @ self._vectors.T
        best = cosines.argmax(axis=1)
        return [(float(cosines[i, j]), self.categories[j]) for i, j in enumerate(best)]


def _tokens_of(text: str) -> tuple[str, ...]:
    """Tokens without the full stop or question mark at the end."""
    words = tokens(text)
    while words and words[-1] in ENDS:
        words = words[:-1]
    return words


def _grams(words: Sequence[str], size: int) -> Iterator[int]:
    return (hash(tuple(words[i : i + size])) for i in range(len(words) - size + 1))
