"""Two models' answers to one prompt, side by side: what a judge compares and a person audits.

Pairs come from the responses files of two models, where no answer is known; pairs whose better
answer is known, which a judge is examined on, come from people's votes with their conversations and
from graded files. Nothing is asked and nothing is decided here (see `judges` and `judging`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from routerlib import settings
from routerlib.errors import Foreseen
from routerlib.rows import jsonl
from routerlib.rows.schemas import Message, Prompt, Responses, Vote
from routerlib.votes.ratings import Tiers

INFERIOR, SUPERIOR, TIE = "inferior", "superior", "tie"
SIDES = (INFERIOR, SUPERIOR, TIE)

Files = str | Path | Sequence[str | Path]


class PairsError(Foreseen, ValueError):
    """There are no pairs to judge in what was given; the text says why and what to do."""


@dataclass(frozen=True)
class Pair:
    """A prompt with the answers of both models, at least one of each.

    Fields: id, unique in a run. prompt: a text or a conversation. inferior, superior: the models'
    answers, in the order of their samples. inferior_model, superior_model: their names, which no
    judge sees. inferior_cost, superior_cost: money for one answer, None where it was not counted.
    """

    id: str
    prompt: Prompt
    inferior: tuple[str, ...]
    superior: tuple[str, ...]
    category: str = "uncategorised"
    inferior_model: str = "inferior"
    superior_model: str = "superior"
    inferior_cost: float | None = None
    superior_cost: float | None = None

    def matches(self, most: int) -> list[tuple[int, int]]:
        """Which inferior sample meets which superior one, at most so many meetings.

        Every sample of both sides is used before one is used again.
        """
        number = min(most, max(len(self.inferior), len(self.superior)))
        return [(i % len(self.inferior), i % len(self.superior)) for i in range(number)]


@dataclass(frozen=True)
class KnownPair(Pair):
    """A pair whose better answer is known: what `judges` are examined on.

    Fields: known: one of SIDES for each person who voted, or a single one for a graded pair.
    source: "votes" or "graded". group: pairs of one question share it.
    """

    known: tuple[str, ...] = ()
    source: str = "graded"
    group: str = ""


# --- answers to prompts ---


def read_pairs(
    inferior: Files, superior: Files, has_answer: bool = False
) -> tuple[list[Pair], dict[str, int]]:
    """The pairs of two models' responses files, joined by `unique_id`, in the superior file's
    order.

    Args:
        inferior, superior: files that 03 wrote (or logs as 02 reads them), one or several.
        has_answer: also take questions with a known answer, which are usually graded.

    Returns:
        (pairs, counts): counts has joined, only_inferior, only_superior, without_samples,
        different_prompts (one id, two texts: left out) and has_answer (left to grading).

    Raises:
        PairsError: no prompt is in both.
    """
    counts: Counter[str] = Counter()
    known = {row.unique_id: row for row in _rows_of_files_given(inferior)}
    pairs, met = [], set()
    for row in _rows_of_files_given(superior):
        other = known.get(row.unique_id)
        met.add(row.unique_id)
        fate = _fate_of_pair(other, row, has_answer)
        counts[fate] += 1
        if fate == "joined" and other is not None:
            pairs.append(_pair(other, row))
    counts["only_inferior"] = len(known.keys() - met)
    if not pairs:
        told = ", ".join(f"{number:,} {name}" for name, number in counts.items() if number)
        raise PairsError(
            f"There is no pair of answers to judge in {_models_named(inferior)} and "
            f"{_models_named(superior)} ({told or 'no rows'}). Judging needs prompts without a "
            "known answer that both models have answered: run notebook 03 on the same prompts "
            "for both."
        )
    return pairs, dict(counts)


def prompt_files(
    inferior: str, superior: str, folder: str | Path = ""
) -> tuple[list[Path], list[Path]]:
    """The files with both models' answers to prompts that 03 left, by the models' names in them.

    Args:
        folder: without it, outputs/responses/prompts.
    """
    where = settings.resolve(folder) if folder else settings.outputs("responses", "prompts")
    found: dict[str, list[Path]] = {inferior: [], superior: []}
    for path in sorted(where.glob("*.jsonl")):
        if ".rejects." in path.name or not path.stat().st_size:
            continue
        model = next(_rows_of_files_given(path)).model
        if model in found:
            found[model].append(path)
    return found[inferior], found[superior]


def is_prompt(row: Responses) -> bool:
    """Whether a row is about a prompt: nobody knows its answer, so it can only be judged."""
    return not (row.answer_correct or row.is_mcq)


def asked_prompt(row: Responses) -> Prompt:
    """What was asked: the conversation where the row carries one, else its text and options."""
    conversation = (row.model_extra or {}).get("prompt")
    if isinstance(conversation, list) and conversation:
        return [Message.model_validate(turn) for turn in conversation]
    return row.as_prompt()


def _rows_of_files_given(files: Files) -> Iterator[Responses]:
    for path in [files] if isinstance(files, str | Path) else files:
        yield from jsonl.read_rows(path, Responses)


def _models_named(files: Files) -> str:
    return ", ".join(str(path) for path in ([files] if isinstance(files, str | Path) else files))


def _fate_of_pair(inferior: Responses | None, superior: Responses, has_answer: bool) -> str:
    if inferior is None:
        return "only_superior"
    if not (has_answer or is_prompt(superior)):
        return "has_answer"
    if " ".join(inferior.problem.split()) != " ".join(superior.problem.split()):
        return "different_prompts"
    return "joined" if inferior.responses and superior.responses else "without_samples"


def _pair(inferior: Responses, superior: Responses) -> Pair:
    return Pair(
        id=superior.unique_id,
        prompt=asked_prompt(superior),
        inferior=tuple(sample.full_response for sample in inferior.responses),
        superior=tuple(sample.full_response for sample in superior.responses),
        category=superior.category,
        inferior_model=inferior.model,
        superior_model=superior.model,
        inferior_cost=_mean_cost_of_side(inferior),
        superior_cost=_mean_cost_of_side(superior),
    )


def _mean_cost_of_side(row: Responses) -> float | None:
    costs = [sample.cost for sample in row.responses if sample.cost is not None]
    return sum(costs) / len(costs) if costs else None


# --- pairs whose better answer is known ---


def pairs_of_votes(votes: Iterable[Vote], tiers: Tiers) -> list[KnownPair]:
    """The pairs that people voted on, a superior model against an inferior one, with all votes.

    Votes without conversations are passed over, and so are those within one tier. Of a second turn,
    the answer is all that followed the first question, since the two conversations differ there.

    Raises:
        PairsError: not one vote can be used.
    """
    groups: dict[tuple, list[Vote]] = defaultdict(list)
    number = 0
    for vote in votes:
        number += 1
        sides = {tiers.side(vote.model_a), tiers.side(vote.model_b)}
        if sides == {INFERIOR, SUPERIOR} and vote.conversation_a and vote.conversation_b:
            models = sorted((vote.model_a, vote.model_b))
            groups[(vote.question_id, vote.turn, *models)].append(vote)
    pairs = [_voted_pair(group, tiers) for group in groups.values()]
    if not pairs:
        raise PairsError(
            f"Not one of {number:,} votes can examine a judge: that takes the conversations "
            "(conversation_a, conversation_b) and a superior model against an inferior one."
        )
    return pairs


def _voted_pair(votes: Sequence[Vote], tiers: Tiers) -> KnownPair:
    first = votes[0]
    a_is_superior = tiers.side(first.model_a) == SUPERIOR
    texts = [_after_the_question(turns) for turns in (first.conversation_a, first.conversation_b)]
    models = [first.model_a, first.model_b]
    if a_is_superior:
        texts.reverse()
        models.reverse()
    assert first.conversation_a is not None
    return KnownPair(
        id=f"vote-{first.question_id}-{first.turn}-{'-'.join(models)}",
        prompt=first.conversation_a[0].content,
        inferior=(texts[0],),
        superior=(texts[1],),
        category=str((first.model_extra or {}).get("category") or "uncategorised"),
        inferior_model=models[0],
        superior_model=models[1],
        known=tuple(_side_of_vote(vote, tiers) for vote in votes),
        source="votes",
        group=first.question_id,
    )


def _after_the_question(turns: Sequence[Message] | None) -> str:
    """One answer as it is; what follows several turns with the roles marked."""
    rest = list(turns or ())[1:]
    if len(rest) == 1:
        return rest[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in rest)


def _side_of_vote(vote: Vote, tiers: Tiers) -> str:
    if vote.winner == "tie":
        return TIE
    winner = vote.model_a if vote.winner == "model_a" else vote.model_b
    return SUPERIOR if tiers.side(winner) == SUPERIOR else INFERIOR


def pairs_of_grades(inferior: Files, superior: Files) -> list[KnownPair]:
    """One pair a question, out of two models' graded files, in which one answer is right and the
    other wrong.

    Of several samples, the first such pair counts; a question on which there is none gives nothing.
    """
    known = {row.unique_id: row for row in _rows_of_files_given(inferior)}
    pairs = []
    for row in _rows_of_files_given(superior):
        other = known.get(row.unique_id)
        if other is not None:
            pairs += known_pairs_of_rows(other, row)
    return pairs


def known_pairs_of_rows(inferior: Responses, superior: Responses) -> list[KnownPair]:
    """The pair, if there is one, in which one of two models' graded answers to one question is
    right and the other one wrong.
    """
    chosen = _right_and_wrong(inferior, superior)
    if chosen is None:
        return []
    i, j = chosen
    return [
        KnownPair(
            id=f"graded-{superior.unique_id}",
            prompt=asked_prompt(superior),
            inferior=(inferior.responses[i].full_response,),
            superior=(superior.responses[j].full_response,),
            category=superior.category,
            inferior_model=inferior.model,
            superior_model=superior.model,
            known=(SUPERIOR if superior.responses[j].is_correct else INFERIOR,),
            source="graded",
            group=superior.unique_id,
        )
    ]


def _right_and_wrong(inferior: Responses, superior: Responses) -> tuple[int, int] | None:
    for i, cheap in enumerate(inferior.responses):
        for j, dear in enumerate(superior.responses):
            grades = {cheap.is_correct, dear.is_correct}
            if grades == {True, False}:
                return i, j
    return None
