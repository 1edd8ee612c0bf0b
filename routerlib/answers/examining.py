"""Is a judge any good? Its verdicts on pairs whose better answer is known, beside what people
reach.

A judge is examined on people's votes (with their conversations) and on graded pairs, one answer
right and one wrong, before a large run is paid. Chance is what counts as bad: people themselves
agree in 65.5 % of votes on MT-Bench with ties kept, kappa 0.35 on "the superior answer is strictly
better", and nobody asks a judge for more. What was measured here is also the judge's weight in a
jury. Asking is `judging`'s business, and a promise about people needs an audit (`auditing`).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import event_loop, settings
from routerlib.answers import correctness, judging, pairs
from routerlib.answers.judges import Judge, JudgingError
from routerlib.answers.judging import Estimate, Judging, Leanings
from routerlib.answers.pairs import INFERIOR, SIDES, SUPERIOR, TIE, KnownPair, PairsError
from routerlib.rows import jsonl
from routerlib.rows.schemas import Responses, Vote
from routerlib.votes import ratings

# People on MT-Bench (Zheng et al. 2023, arXiv 2306.05685): two of them on the same two answers,
# ties kept; and Cohen's kappa of two votes on "is the strong model's answer strictly better?".
PEOPLE_AGREE, PEOPLE_KAPPA = 0.655, 0.35
RESAMPLES = 1000
LARGEST_WEIGHT = 4.0  # of a judge in a jury: that of one who is right in 98 of 100 pairs
FEWEST_PAIRS = 10
PAIRS_TO_TELL = 10  # of a category, for a figure of its own


class JudgeRefused(JudgingError):
    """A judge that is no better than chance; the text shows on how many pairs, and what to do."""


@dataclass(frozen=True)
class People:
    """How far people agree with each other about the same two answers.

    Fields: agreement in [0, 1], with ties. kappa, on "superior strictly better". comparisons: pairs
    of votes that were compared; 0 where the figures are those of MT-Bench.
    """

    agreement: float = PEOPLE_AGREE
    kappa: float = PEOPLE_KAPPA
    comparisons: int = 0

    @property
    def sentence(self) -> str:
        where = (
            f"on {self.comparisons:,} pairs of votes here" if self.comparisons else "on MT-Bench"
        )
        return (
            f"People agree with each other in {self.agreement:.1%}, kappa {self.kappa:.2f} "
            f"({where})."
        )


@dataclass(frozen=True)
class Examination:
    """A judge against what is known of one source of pairs.

    Fields: source: "votes" or "graded". pairs, votes: compared. unsettled: pairs that it gave no
    verdict on; they are in no figure. agreement: of its settled verdicts with the votes, ties kept.
    single: of a verdict in one order alone. kappa: on "superior strictly better", beyond chance
    (Cohen 1960). confusion: known side -> said side -> votes. categories: agreement by category.
    leanings: order and length. longer_is_better: how often the longer answer is the known better
    one. weight: in a jury, the log-odds of its balanced accuracy (Nitzan and Paroush 1982). cost:
    money of its verdicts, those of earlier runs included.
    """

    judge: str
    source: str
    pairs: int
    votes: int
    unsettled: int
    agreement: Estimate
    single: Estimate
    kappa: Estimate
    confusion: dict[str, dict[str, int]]
    categories: dict[str, Estimate]
    leanings: Leanings
    longer_is_better: Estimate
    weight: float
    people: People
    first_unread: str = ""
    cost: float = 0.0

    @property
    def is_better_than_chance(self) -> bool:
        """Whether kappa's 95 % interval lies above 0, on enough pairs to say so."""
        low = self.kappa.low
        return self.pairs >= FEWEST_PAIRS and low is not None and low > 0

    @property
    def sentence(self) -> str:
        """What the examination found, in words."""
        if not self.pairs:
            return (
                f"Not one of {self.unsettled:,} pairs got a verdict in both orders that could be "
                f"read from the judge {self.judge}{self._first_said}."
            )
        known = {"votes": "people", "graded": "the grades"}.get(self.source, self.source)
        of = f"{self.pairs:,} pair{'' if self.pairs == 1 else 's'}"
        if self.votes != self.pairs:
            of += f" ({self.votes:,} votes)"
        parts = [
            f"On {of} the judge {self.judge} agrees with {known} in "
            f"{_percent_estimate(self.agreement)}, ties kept; kappa {_figure_of(self.kappa)} on "
            "whether the superior answer is strictly better.",
        ]
        if self.source == "votes":
            parts.append(self.people.sentence)
        parts.append(
            f"{_percent_estimate(self.leanings.consistent)} kept the verdict in the other order."
        )
        if self.unsettled:
            parts.append(
                f"On {self.unsettled:,} more it gave no verdict that could be "
                f"read{self._first_said}."
            )
        if self.is_better_than_chance:
            parts.append("It is better than chance.")
        elif self.pairs < FEWEST_PAIRS:
            parts.append("So few pairs show nothing.")
        else:
            parts.append("Nothing here shows that it is better than chance.")
        return " ".join(parts)

    @property
    def _first_said(self) -> str:
        """What the first unreadable verdict said, in brackets; empty where none was."""
        return f" (the first one: {self.first_unread!r})" if self.first_unread else ""

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "judge": self.judge,
            "source": self.source,
            "pairs": self.pairs,
            "votes": self.votes,
            "unsettled": self.unsettled,
            "agreement": self.agreement.to_dict(),
            "single_order_agreement": self.single.to_dict(),
            "kappa": self.kappa.to_dict(),
            "confusion": self.confusion,
            "categories": {name: one.to_dict() for name, one in self.categories.items()},
            "leanings": self.leanings.to_dict(),
            "longer_is_better": self.longer_is_better.to_dict(),
            "weight": self.weight,
            "is_better_than_chance": self.is_better_than_chance,
            "people_agreement": self.people.agreement,
            "people_kappa": self.people.kappa,
        }


def _percent_estimate(share: Estimate) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "an unknown share"
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"


def _figure_of(value: Estimate) -> str:
    if value.value is None or value.low is None or value.high is None:
        return "not known, since the known verdicts are all alike"
    return f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"


# --- which pairs ---


def known_pairs(
    votes: Iterable[Vote] = (),
    inferior_graded: pairs.Files = (),
    superior_graded: pairs.Files = (),
    limit: int = 200,
    seed: int = 0,
    superior_models: Sequence[str] = (),
    inferior_models: Sequence[str] = (),
) -> list[KnownPair]:
    """Pairs to examine a judge on, drawn at random: half of the limit from votes, half from grades,
    or all from the one that there is.

    Args:
        votes: with conversations; their models' tiers are those of 01 unless both lists are given.
        inferior_graded, superior_graded: files that 04's `grade` wrote.
        limit: pairs at most.

    Raises:
        PairsError: nothing is known to examine a judge on.
    """
    settings.whole("KNOWN_PAIRS", limit)
    votes = [vote for vote in votes if vote.conversation_a and vote.conversation_b]
    voted: list[KnownPair] = []
    if votes:
        rated = ratings.rank_models(votes, n=50)
        tiers = ratings.split_tiers(rated, superior_models, inferior_models)
        voted = pairs.pairs_of_votes(votes, tiers)
    graded = pairs.pairs_of_grades(inferior_graded, superior_graded)
    if not voted and not graded:
        raise PairsError(
            "Nothing is known to examine the judge on. It takes people's votes with the answers "
            "they were about (conversation_a and conversation_b), or questions with known answers "
            "that 04 has graded for both models."
        )
    rng = np.random.default_rng(settings.seed(seed))
    share = limit // 2 if voted and graded else limit
    chosen = _drawn_pairs(voted, max(share, limit - len(graded)), rng)
    return chosen + _drawn_pairs(graded, limit - len(chosen), rng)


def sample_pairs(limit: int = 40, seed: int = 0) -> list[KnownPair]:
    """Pairs of the shipped sample to examine a judge on where nothing else is known: one of two
    models' answers to a short question is right, the other one wrong.

    Half of them have the right answer from the superior model, as far as there are so many: a judge
    who always names the same one is then right on half of them.

    Args:
        limit: pairs at most.
    """
    settings.whole("KNOWN_PAIRS", limit)
    read = {
        side: jsonl.read_rows(settings.SAMPLES / f"responses_{side}.jsonl", Responses)
        for side in (INFERIOR, SUPERIOR)
    }
    answers = {side: {row.unique_id: row for row in rows} for side, rows in read.items()}
    names = sorted(answers[INFERIOR].keys() & answers[SUPERIOR].keys())
    rng = np.random.default_rng(settings.seed(seed))
    found: dict[str, list[KnownPair]] = {INFERIOR: [], SUPERIOR: []}
    for at in rng.permutation(len(names)):
        both = [_graded_here(answers[side][names[at]]) for side in (INFERIOR, SUPERIOR)]
        for pair in pairs.known_pairs_of_rows(*both):
            found[pair.known[0]].append(pair)
        if min(map(len, found.values())) >= (limit + 1) // 2:
            break
    few, many = sorted(found.values(), key=len)
    some = few[: limit // 2]
    return some + many[: limit - len(some)]


def _graded_here(row: Responses) -> Responses:
    """A row of the shipped sample with its grades; its short answers need no process of their
    own.
    """
    for sample in row.responses:
        correctness.record(sample, correctness.grade_answer(correctness.item_of(row, sample)))
    return row


def _drawn_pairs(
    known: Sequence[KnownPair], number: int, rng: np.random.Generator
) -> list[KnownPair]:
    order = rng.permutation(len(known))[: max(0, number)]
    return [known[i] for i in sorted(order)]


# --- the examination ---


def examine(
    jury: Judge | Sequence[Judge],
    known: Sequence[KnownPair],
    folder: str | Path = "",
    **settings_of_the_run: Any,
) -> list[Examination]:
    """Let each judge judge pairs whose better answer is known, resumable, and measure it.

    Args:
        folder: for the verdicts. Without it, outputs/graded/judged/examination.
        settings_of_the_run: those of `judging.judge`, such as max_concurrent.

    Returns:
        one examination for each judge and source of pairs.

    Raises:
        judging.NothingJudged: a judge answered nothing at all.
    """
    return event_loop.run_coroutine(examining(jury, known, folder, **settings_of_the_run))


async def examining(
    jury: Judge | Sequence[Judge],
    known: Sequence[KnownPair],
    folder: str | Path = "",
    **settings_of_the_run: Any,
) -> list[Examination]:
    """`examine`, to be awaited."""
    jury = [jury] if isinstance(jury, Judge) else list(jury)
    known = [pair for pair in known if not _says_nothing(pair)]
    target = (
        settings.resolve(folder) if folder else settings.outputs("graded", "judged") / "examination"
    )
    found = []
    for one in jury:
        name = f"{one.stem}.jsonl"
        try:
            run = await judging.judge(known, one, target, name=name, **settings_of_the_run)
        except judging.NothingJudged as nothing:
            run = nothing.judging
            if not any(tally.samples or tally.complete_before for tally in run.summaries):
                raise  # no answer came at all: that says nothing about the judge
        found += [
            compare_verdicts(one.model, [pair for pair in known if pair.source == source], run)
            for source in sorted({pair.source for pair in known})
        ]
    return found


def _says_nothing(pair: KnownPair) -> bool:
    """Whether both answers are the same, so that no judge is asked about them."""
    return not any(True for _ in judging.asked_showings([pair]))


def compare_verdicts(judge: str, known: Sequence[KnownPair], run: Judging) -> Examination:
    """Compare a judge's settled verdicts with what is known of the same pairs."""
    facts: list[tuple[str, str, str, str]] = []  # group, category, known, said
    single: list[tuple[str, bool]] = []
    said_of: dict[str, str] = {}
    comparisons = []
    for pair in known:
        for one in run.comparisons.get(pair.id, ()):
            comparisons.append(one)
            if one.verdict is None:
                continue
            said_of[pair.id] = one.verdict
            facts += [(pair.group, pair.category, side, one.verdict) for side in pair.known]
            for verdict in (one.inferior_first, one.superior_first):
                single += [(pair.group, verdict == side) for side in pair.known]
    groups = [group for group, *_ in facts]
    agreed = [known_side == said for *_, known_side, said in facts]
    by_category = defaultdict(list)
    for group, category, known_side, said in facts:
        by_category[category].append((group, known_side == said))
    return Examination(
        judge=judge,
        source=known[0].source if known else "",
        pairs=len(said_of),
        votes=len(facts),
        unsettled=len(known) - len(said_of),
        agreement=_share_over_groups(groups, agreed),
        single=_share_over_groups([g for g, _ in single], [hit for _, hit in single]),
        kappa=_kappa_over_groups(facts),
        confusion=_confusion(facts),
        categories={
            name: _share_over_groups([g for g, _ in rows], [hit for _, hit in rows])
            for name, rows in sorted(by_category.items())
        },
        leanings=judging.leanings(comparisons),
        longer_is_better=_longer_is_better(known),
        weight=_weight(facts),
        people=people_of(known),
        first_unread=run.first_unread,
        cost=sum(run.costs.get(pair.id, 0.0) for pair in known),
    )


def _confusion(facts: Sequence[tuple[str, str, str, str]]) -> dict[str, dict[str, int]]:
    counts = Counter((known, said) for *_, known, said in facts)
    return {known: {said: counts[known, said] for said in SIDES} for known in SIDES}


def _longer_is_better(known: Sequence[KnownPair]) -> Estimate:
    """How often the longer answer is the one that is known to be better, ties aside."""
    hits = total = 0
    for pair in known:
        sizes = len(pair.inferior[0]), len(pair.superior[0])
        if sizes[0] == sizes[1]:
            continue
        longer = SUPERIOR if sizes[1] > sizes[0] else INFERIOR
        decided = [side for side in pair.known if side != TIE]
        total += len(decided)
        hits += decided.count(longer)
    return judging.estimate_share(hits, total)


def _resampled_groups(groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(number of each row's group, weight of each group in each resample): questions are drawn, not
    votes, since votes on one question share its luck.
    """
    names, at = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    return at, weights


def _share_over_groups(groups: Sequence[str], hits: Sequence[bool]) -> Estimate:
    """A share with a bootstrap interval over questions; Wilson's where all rows say the same, which
    no resample can vary.
    """
    if not groups:
        return Estimate(None, None, None, 0)
    mean = float(np.mean(hits))
    if mean in (0.0, 1.0):
        return judging.estimate_share(int(np.sum(hits)), len(hits))
    at, weights = _resampled_groups(groups)
    number = np.bincount(at)
    agreed = np.bincount(at, weights=np.asarray(hits, dtype=float))
    drawn = (weights @ agreed) / (weights @ number)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(mean, min(float(low), mean), max(float(high), mean), len(hits))


def _kappa_over_groups(facts: Sequence[tuple[str, str, str, str]]) -> Estimate:
    """Cohen's kappa on "superior strictly better", with a bootstrap interval over questions."""
    if len({known == SUPERIOR for *_, known, _ in facts}) < 2:
        return Estimate(None, None, None, len(facts))
    at, weights = _resampled_groups([group for group, *_ in facts])
    table = np.zeros((at.max() + 1, 2, 2))
    for group, (_, _, known, said) in zip(at, facts, strict=True):
        table[group, int(known == SUPERIOR), int(said == SUPERIOR)] += 1
    value = float(kappa_of(table.sum(axis=0)[None])[0])
    drawn = kappa_of(np.tensordot(weights, table, axes=1))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(value, min(float(low), value), max(float(high), value), len(facts))


def kappa_of(tables: np.ndarray) -> np.ndarray:
    """Cohen's kappa (1960) of tables of counts, shape (n, 2, 2); 0 where chance explains all."""
    total = tables.sum(axis=(1, 2))
    agreed = (tables[:, 0, 0] + tables[:, 1, 1]) / total
    by_chance = (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1) / total**2
    room = 1 - by_chance
    return np.where(room > 1e-12, (agreed - by_chance) / np.where(room > 1e-12, room, 1.0), 0.0)


def _weight(facts: Sequence[tuple[str, str, str, str]]) -> float:
    """Log-odds of the mean of both rates of right verdicts, each with one more of either kind."""
    rates = []
    for is_superior in (True, False):
        said = [(verdict == SUPERIOR) for *_, k, verdict in facts if (k == SUPERIOR) == is_superior]
        right = sum(one == is_superior for one in said)
        rates.append((right + 1) / (len(said) + 2))
    balanced = sum(rates) / 2
    if balanced <= 0.5:
        return 0.0
    return round(min(LARGEST_WEIGHT, math.log(balanced / (1 - balanced))), 4)


def people_of(known: Sequence[KnownPair]) -> People:
    """How far the people behind known pairs agree with each other; MT-Bench's figures where no pair
    has two votes.
    """
    same = compared = 0
    both = Counter[bool]()
    alike = 0
    for pair in known:
        for i, one in enumerate(pair.known):
            for other in pair.known[i + 1 :]:
                compared += 1
                same += one == other
                alike += (one == SUPERIOR) == (other == SUPERIOR)
                both.update([one == SUPERIOR, other == SUPERIOR])
    share = both[True] / (2 * compared) if compared else 0.0
    by_chance = share**2 + (1 - share) ** 2
    if not compared or by_chance == 1:
        return People()
    kappa = (alike / compared - by_chance) / (1 - by_chance)
    return People(same / compared, kappa, compared)


# --- what follows from it ---


def accept(jury: Sequence[Judge], found: Sequence[Examination]) -> tuple[list[Judge], str]:
    """The judges that may judge, each with its measured weight, and a sentence.

    A judge is refused where no source of known pairs shows it to be better than chance.

    Raises:
        JudgeRefused: every judge is.
    """
    kept, told = [], []
    for judge in jury:
        own = [one for one in found if one.judge == judge.model]
        good = [one for one in own if one.is_better_than_chance]
        if good:
            weight = max(one.weight for one in good)
            kept.append(replace(judge, weight=weight if weight > 0 else 0.01))
            told.append(" ".join(one.sentence for one in good))
        else:
            told.append(_refusal(judge, own))
    if not kept:
        raise JudgeRefused(
            f"{' '.join(told)} Its labels would be noise: take another judge, edit its prompt, or "
            "examine it on more pairs (KNOWN_PAIRS)."
        )
    return kept, " ".join(told)


@dataclass(frozen=True)
class Admission:
    """Who may judge, after the examination: what a notebook goes by, where `accept` would raise.

    Fields: jury: with measured weights; those that were refused, where all were. is_refused: all
    were, so that their verdicts may be looked at, but train nothing. sentence: why.
    """

    jury: list[Judge]
    is_refused: bool
    sentence: str


def admit(jury: Sequence[Judge], found: Sequence[Examination]) -> Admission:
    """`accept`, with a refusal as a value."""
    try:
        kept, sentence = accept(jury, found)
    except JudgeRefused as refusal:
        return Admission(list(jury), True, str(refusal))
    return Admission(kept, False, sentence)


def _refusal(judge: Judge, own: Sequence[Examination]) -> str:
    if not own:
        return f"The judge {judge.model} was not examined, so it is refused."
    return f"The judge {judge.model} is refused. {' '.join(one.sentence for one in own)}"


def examinations_as_markdown(found: Sequence[Examination]) -> str:
    """Figures of all examinations: one line a judge and source, then agreement by category."""
    lines = [
        "| judge | known from | pairs | agreement, ties kept | kappa | same in both orders | "
        "prefers the longer | the longer is better |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        cells = [
            _table_cell(one.judge),
            one.source,
            f"{one.pairs:,}",
            _percent_estimate(one.agreement),
            _figure_of(one.kappa),
            _percent_estimate(one.leanings.consistent),
            _percent_estimate(one.leanings.longer),
            _percent_estimate(one.longer_is_better),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _table_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def categories_as_markdown(one: Examination) -> str:
    """A judge's agreement by category, and its confusion of known (rows) and said (columns).

    A category with fewer pairs than `PAIRS_TO_TELL` is counted, not shown: its interval says
    nothing.
    """
    told = {name: share for name, share in one.categories.items() if share.n >= PAIRS_TO_TELL}
    few = [share.n for name, share in one.categories.items() if name not in told]
    lines = []
    if told:
        lines += ["| category | pairs | agreement |", "|---|---:|---:|"]
    lines += [
        f"| {_table_cell(name)} | {share.n:,} | {_percent_estimate(share)} |"
        for name, share in told.items()
    ]
    if few:
        lines += ["", f"{_categories_with_few(len(few))} ({sum(few):,} pairs)."]
    lines += ["", "| known \\ said | " + " | ".join(SIDES) + " |", "|---|---:|---:|---:|"]
    lines += [
        f"| {known} | " + " | ".join(str(one.confusion[known][said]) for said in SIDES) + " |"
        for known in SIDES
    ]
    return "\n".join(lines)


def _categories_with_few(count: int) -> str:
    if count == 1:
        return f"1 category has fewer than {PAIRS_TO_TELL} pairs, too few for a figure of its own"
    return (
        f"{count} categories have fewer than {PAIRS_TO_TELL} pairs each, too few for figures of "
        "their own"
    )


def keep_examinations(found: Sequence[Examination], path: str | Path) -> Path:
    """Keep the examinations as JSON."""
    return jsonl.write_json(path, [one.to_dict() for one in found])


def examination_figures(found: Sequence[Examination]) -> Mapping[str, Any]:
    """What a notebook keeps among its metrics: the figures by judge and source."""
    return {f"{one.judge}/{one.source}": one.to_dict() for one in found}
