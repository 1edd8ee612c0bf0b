"""What human votes say: which models are better, how hard each question is, and how far people
agree.

Votes in, numbers out. Nothing is read or drawn here (`sources`, `plots`), and no model is asked
(`labelling`). A tie is the inferior model's win throughout, since it is cheaper; `p_superior` is
the share of cross-tier votes in which the superior side was strictly better.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from routerlib import settings
from routerlib.errors import Foreseen
from routerlib.rows.schemas import (
    ROUTE_TO_INFERIOR,
    ROUTE_TO_SUPERIOR,
    LabelledPrompt,
    Message,
    Vote,
    VoteQuestion,
)

ELO_MEAN = 1000.0
ELO_PER_UNIT = 400 / math.log(10)  # 400 points: ten wins to one
# of strengths, natural units (870 Elo points): only felt where a model never lost, or never won
PRIOR_SD = 5.0
UNDECIDED = "undecided"
LEAST_VOTES = 2  # one person's word decides nothing, whatever the other questions say

MT_BENCH_SUPERIOR = ("gpt-4", "gpt-3.5-turbo", "claude-v1")
MT_BENCH_INFERIOR = ("vicuna-13b-v1.2", "alpaca-13b", "llama-13b")
MT_BENCH_CATEGORIES = (
    "writing",
    "roleplay",
    "reasoning",
    "math",
    "coding",
    "extraction",
    "stem",
    "humanities",
)


class VotesError(Foreseen, ValueError):
    """Votes that the question at hand cannot be answered from; the text says why and what to do."""


# --- the models ---


@dataclass(frozen=True)
class Rating:
    """A model's place: Elo points with their bootstrap interval, and the number of votes it took
    part in.
    """

    model: str
    rating: float
    low: float
    high: float
    votes: int


def models_voted_on(votes: Iterable[Vote]) -> list[str]:
    """The names of all models that were voted on, sorted."""
    return sorted({name for vote in votes for name in (vote.model_a, vote.model_b)})


def _win_counts(votes: Sequence[Vote], models: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(wins[i, j]: i beat j; ties[i, j], symmetric), both of shape (models, models)."""
    at = {name: number for number, name in enumerate(models)}
    wins, ties = np.zeros((2, len(models), len(models)))
    for vote in votes:
        a, b = at[vote.model_a], at[vote.model_b]
        if vote.winner == "tie":
            ties[a, b] += 1
            ties[b, a] += 1
        else:
            wins[(a, b) if vote.winner == "model_a" else (b, a)] += 1
    return wins, ties


def win_rates(votes: Sequence[Vote]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """How often each model beat each other one, a tie counting half.

    Returns:
        (models, rate, number): rate[i, j] in [0, 1] is i's share against j, NaN where they never
        met; number[i, j] is how many votes that is. Models by descending mean rate.
    """
    names = models_voted_on(votes)
    wins, ties = _win_counts(votes, names)
    number = wins + wins.T + ties
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(number > 0, (wins + ties / 2) / number, np.nan)
        overall = (wins + ties / 2).sum(axis=1) / number.sum(axis=1)
    order = np.argsort(-overall, kind="stable")
    return (
        [names[i] for i in order],
        rate[np.ix_(order, order)],
        number[np.ix_(order, order)].astype(int),
    )


def bradley_terry(
    wins: np.ndarray, ties: np.ndarray, start: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Strengths of models by maximum likelihood, ties included.

    Davidson's extension (1970) of Bradley and Terry (1952): with strengths s and a tie parameter v,
    P(i beats j) : P(j beats i) : P(tie) = e^s_i : e^s_j : v e^((s_i + s_j) / 2). A weak normal
    prior (PRIOR_SD) keeps the strength of a model that never lost finite.

    Args:
        wins: (models, models), wins[i, j] times i beat j. ties: the same shape, symmetric.
        start: strengths and log v to start from, shape (models + 1,).

    Returns:
        (strengths with mean 0, shape (models,); the tie parameter v > 0).
    """
    from scipy.optimize import minimize

    first, second = np.triu_indices(len(wins), k=1)
    won, lost, tied = wins[first, second], wins[second, first], ties[first, second]
    number = won + lost + tied

    def cost(x: np.ndarray) -> tuple[float, np.ndarray]:
        s, log_v = x[:-1], x[-1]
        middle = (s[first] + s[second]) / 2 + log_v
        logits = np.stack([s[first], s[second], middle])
        total = np.logaddexp.reduce(logits, axis=0)
        p = np.exp(logits - total)
        value = (
            number @ total
            - won @ s[first]
            - lost @ s[second]
            - tied @ middle
            + (x @ x) / (2 * PRIOR_SD**2)
        )
        slope = x / PRIOR_SD**2
        np.add.at(slope, first, number * (p[0] + p[2] / 2) - won - tied / 2)
        np.add.at(slope, second, number * (p[1] + p[2] / 2) - lost - tied / 2)
        slope[-1] += (number * p[2] - tied).sum()
        return value, slope

    x = minimize(
        cost, np.zeros(len(wins) + 1) if start is None else start, jac=True, method="L-BFGS-B"
    ).x
    return x[:-1] - x[:-1].mean(), float(np.exp(x[-1]))


def rank_models(
    votes: Sequence[Vote], n: int = 200, level: float = 0.95, seed: int = 0
) -> list[Rating]:
    """All models by descending rating on the Elo scale (mean 1,000; 400 points are ten wins to
    one).

    The intervals come from a bootstrap over questions, not votes: votes on one question share its
    luck, and a ranking is meant to hold for questions nobody has asked yet.

    Args:
        n: bootstrap resamples. level: of the intervals.

    Raises:
        VotesError: fewer than two models. settings.SettingError: no resamples, or no seed.
    """
    settings.whole("BOOTSTRAP", n)
    models = models_voted_on(votes)
    if len(models) < 2:
        raise VotesError(
            f"A ranking needs votes between at least two models; these name {models or 'none'}."
        )
    _check_connected(votes, models)
    by_question = [_win_counts(group, models) for group in _by_question(votes).values()]
    all_wins = np.array([wins for wins, _ in by_question])
    all_ties = np.array([ties for _, ties in by_question])
    strengths, tie = bradley_terry(all_wins.sum(axis=0), all_ties.sum(axis=0))
    start = np.append(strengths, math.log(tie))
    rng = np.random.default_rng(settings.seed(seed))
    weights = rng.multinomial(len(all_wins), np.full(len(all_wins), 1 / len(all_wins)), size=n)
    resampled = np.array(
        [
            bradley_terry(
                np.tensordot(w, all_wins, axes=1), np.tensordot(w, all_ties, axes=1), start
            )[0]
            for w in weights
        ]
    )
    low, high = ELO_MEAN + ELO_PER_UNIT * np.quantile(
        resampled, [(1 - level) / 2, (1 + level) / 2], axis=0
    )
    taken_part = Counter(name for vote in votes for name in (vote.model_a, vote.model_b))
    elo = ELO_MEAN + ELO_PER_UNIT * strengths
    rows = zip(models, elo, low, high, strict=True)
    ratings = [
        Rating(name, float(r), float(min(lo, r)), float(max(hi, r)), taken_part[name])
        for name, r, lo, hi in rows
    ]
    return sorted(ratings, key=lambda rating: -rating.rating)


def _check_connected(votes: Sequence[Vote], models: Sequence[str]) -> None:
    """Strengths compare models that met, if only through others; between groups that never did,
    they are invented.

    Raises:
        VotesError: there are such groups.
    """
    from scipy.sparse.csgraph import connected_components

    wins, ties = _win_counts(votes, models)
    number, group_of = connected_components(wins + wins.T + ties > 0, directed=False)
    if number > 1:
        groups = [
            [name for name, group in zip(models, group_of, strict=True) if group == wanted]
            for wanted in range(number)
        ]
        listed = "; ".join(", ".join(group) for group in groups)
        raise VotesError(
            f"These groups of models never met, not even through others: {listed}. No vote says "
            "how one group compares with the other, so they cannot be ranked together. Take the "
            "votes of one group alone, or add votes between them."
        )


def _by_question(votes: Iterable[Vote]) -> dict[str, list[Vote]]:
    groups: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        groups[vote.question_id].append(vote)
    return groups


# --- the tiers ---


@dataclass(frozen=True)
class Tiers:
    """Which models count as superior and which as inferior, and the rule that said so."""

    superior: tuple[str, ...]
    inferior: tuple[str, ...]
    rule: str

    def side(self, model: str) -> str | None:
        """ "superior", "inferior", or None for a model in neither list."""
        if model in self.superior:
            return "superior"
        return "inferior" if model in self.inferior else None


def largest_gap(ratings: Sequence[Rating]) -> Tiers:
    """Split the ranking where two neighbours are furthest apart.

    Raises:
        VotesError: fewer than two models.
    """
    ranked = sorted(ratings, key=lambda rating: -rating.rating)
    if len(ranked) < 2:
        raise VotesError("Two tiers need at least two ranked models.")
    gaps = [above.rating - below.rating for above, below in itertools.pairwise(ranked)]
    cut = int(np.argmax(gaps)) + 1
    names = [rating.model for rating in ranked]
    rule = f"the largest gap in the ranking, {max(gaps):.0f} points below {names[cut - 1]}"
    return Tiers(tuple(names[:cut]), tuple(names[cut:]), rule)


def _clear_gap(ratings: Sequence[Rating]) -> Tiers:
    """`largest_gap`, where the intervals on its two sides do not overlap.

    Raises:
        VotesError: they do: the ranking has no gap, and tiers would be invented.
    """
    tiers = largest_gap(ratings)
    weakest = min((row for row in ratings if row.model in tiers.superior), key=_points)
    strongest = max((row for row in ratings if row.model in tiers.inferior), key=_points)
    if weakest.low <= strongest.high:
        raise VotesError(
            f"The ranking has no gap: where it is widest, {weakest.model} has {weakest.rating:.0f} "
            f"points ({weakest.low:.0f} to {weakest.high:.0f}) and {strongest.model} "
            f"{strongest.rating:.0f} ({strongest.low:.0f} to {strongest.high:.0f}), which overlap. "
            "Name the tiers yourself as SUPERIOR_MODELS and INFERIOR_MODELS, or add votes."
        )
    return tiers


def _points(rating: Rating) -> float:
    return rating.rating


def split_tiers(
    ratings: Sequence[Rating],
    superior: str | Sequence[str] = (),
    inferior: str | Sequence[str] = (),
) -> Tiers:
    """The two tiers: by the lists where given, else MT-Bench's own where these are its models, else
    by the largest gap.

    Args:
        superior, inferior: model names, as a list or one text with commas; one list alone leaves
            the rest to the other.

    Raises:
        VotesError: a name nobody voted on, a model on both sides, or an empty side.
    """
    known = [rating.model for rating in ratings]
    superior, inferior = settings.names(superior), settings.names(inferior)
    rule = "the lists given"
    if not superior and not inferior:
        if not set(known) <= {*MT_BENCH_SUPERIOR, *MT_BENCH_INFERIOR}:
            return _clear_gap(ratings)
        rule = "the lists for MT-Bench"
        superior = [name for name in MT_BENCH_SUPERIOR if name in known]
        inferior = [name for name in MT_BENCH_INFERIOR if name in known]
        if not superior or not inferior:
            return _clear_gap(ratings)
    superior = superior or [name for name in known if name not in inferior]
    inferior = inferior or [name for name in known if name not in superior]
    unknown = [name for name in (*superior, *inferior) if name not in known]
    both = [name for name in superior if name in inferior]
    fault = ""
    if unknown:
        fault = f"nobody voted on {unknown[0]!r}"
    elif both:
        fault = f"{both[0]!r} is on both sides"
    elif not superior or not inferior:
        fault = "empty"
    if fault:
        raise VotesError(
            f"SUPERIOR_MODELS and INFERIOR_MODELS: {fault}. The models in these votes are "
            f"{', '.join(known)}."
        )
    return Tiers(tuple(superior), tuple(inferior), rule)


def cross_tier(votes: Iterable[Vote], tiers: Tiers) -> list[tuple[Vote, bool]]:
    """The votes between the tiers, each with whether the superior side was strictly better."""
    pairs = []
    for vote in votes:
        sides = tiers.side(vote.model_a), tiers.side(vote.model_b)
        if set(sides) == {"superior", "inferior"}:
            pairs.append(
                (vote, vote.winner == ("model_a" if sides[0] == "superior" else "model_b"))
            )
    return pairs


# --- the questions ---


def questions_in(votes: Iterable[Vote]) -> dict[str, VoteQuestion]:
    """The questions' texts out of the votes' own conversations, by question_id.

    MT-Bench's ids 81 to 160 get their published category, ten a category; others are uncategorised.

    Raises:
        VotesError: no vote carries a conversation.
    """
    turns: dict[str, list[str]] = {}
    for vote in votes:
        users = [message.content for message in vote.conversation_a or () if message.role == "user"]
        if len(users) > len(turns.get(vote.question_id, ())):
            turns[vote.question_id] = users
    if not turns:
        raise VotesError(
            "The votes hold no conversations to take the questions from. Name a file of QUESTIONS."
        )
    return {
        i: VoteQuestion(question_id=i, category=_mt_bench_category(i), turns=texts)
        for i, texts in turns.items()
    }


def _mt_bench_category(question_id: str) -> str:
    number = int(question_id) - 81 if question_id.isdigit() else -1
    return MT_BENCH_CATEGORIES[number // 10] if 0 <= number < 80 else "uncategorised"


@dataclass(frozen=True)
class Difficulty:
    """What the cross-tier votes say about one question.

    Fields: votes: how many there are. superior_wins: in how many the superior side was strictly
    better.
    p_superior, low, high: estimate of that share, in [0, 1], with its interval. verdict: a label,
    or "undecided".
    """

    question_id: str
    category: str
    prompt: str | tuple[str, ...]
    votes: int
    superior_wins: int
    p_superior: float
    low: float
    high: float
    verdict: str = UNDECIDED

    @property
    def is_decided(self) -> bool:
        return self.verdict != UNDECIDED

    @property
    def inferior_share(self) -> float:
        """Share of the votes that the inferior side won or tied, as counted."""
        return 1 - self.superior_wins / self.votes if self.votes else math.nan


def fit_beta(wins: np.ndarray, votes: np.ndarray) -> tuple[float, float]:
    """The Beta(a, b) that the questions' shares come from, by maximum likelihood of the
    beta-binomial.

    Empirical Bayes (Skellam 1948): questions with few votes borrow from the others. a + b is kept
    between 0.5 and 1,000: data without any spread would send it to infinity.

    Args:
        wins: (questions,) votes for the superior side. votes: (questions,) all votes, each > 0.
    """
    from scipy.optimize import minimize
    from scipy.special import betaln, expit

    wins, votes = np.asarray(wins, dtype=float), np.asarray(votes, dtype=float)

    def cost(x: np.ndarray) -> float:
        a, b = math.exp(x[1]) * expit(x[0]), math.exp(x[1]) * expit(-x[0])
        return -float((betaln(wins + a, votes - wins + b) - betaln(a, b)).sum())

    share = np.clip(wins.sum() / votes.sum(), 0.01, 0.99)
    bounds = [(-6.0, 6.0), (math.log(0.5), math.log(1000.0))]
    x = minimize(
        cost, [math.log(share / (1 - share)), math.log(4.0)], bounds=bounds, method="L-BFGS-B"
    ).x
    return float(math.exp(x[1]) * expit(x[0])), float(math.exp(x[1]) * expit(-x[0]))


def difficulties(
    votes: Sequence[Vote],
    questions: Mapping[str, VoteQuestion],
    tiers: Tiers,
    turn: int = 0,
    level: float = 0.9,
    threshold: float = 0.5,
) -> list[Difficulty]:
    """How much each question needs the superior side, hardest last, with the verdict at
    `threshold`.

    The estimate is the mean of Beta(a + wins, b + votes - wins), with (a, b) from `fit_beta`, and
    the interval its central `level`. It takes votes as independent, so it is a little too sure
    where one judge voted often.

    Args:
        questions: by question_id; votes on other questions are passed over.
        turn: 1 or 2 for the votes on that turn alone, 0 for both turns together.
        level: of the intervals, in (0, 1). threshold: see `interval_verdict`.

    Raises:
        VotesError: no cross-tier vote is left, or the threshold or the level lies outside (0, 1).
    """
    if not (0 < threshold < 1 and 0 < level < 1):
        raise VotesError(
            f"THRESHOLD and LEVEL lie between 0 and 1; they are {threshold:g} and {level:g}."
        )
    ids, won, all_ = _cross_tier_counts(votes, questions, tiers, turn)
    from scipy.stats import beta

    a, b = fit_beta(won, all_)
    posterior = beta(a + won, b + all_ - won)
    low, high = posterior.interval(level)
    rows = []
    for i, name in enumerate(ids):
        p, lo, hi = (float(values[i]) for values in (posterior.mean(), low, high))
        question = questions[name]
        lo, hi = min(lo, p), max(hi, p)  # a very skewed posterior has its mean in a tail
        row = Difficulty(
            name,
            question.category,
            _prompt_of_turn(question, turn),
            int(all_[i]),
            int(won[i]),
            p,
            lo,
            hi,
        )
        said = interval_verdict(lo, hi, threshold) if row.votes >= LEAST_VOTES else UNDECIDED
        rows.append(replace(row, verdict=said))
    return sorted(rows, key=lambda row: (row.p_superior, row.question_id))


def _cross_tier_counts(
    votes: Sequence[Vote], questions: Mapping[str, VoteQuestion], tiers: Tiers, turn: int
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """(question ids, cross-tier votes that the superior side won strictly, all cross-tier
    votes).
    """
    wins: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for vote, superior_won in cross_tier(votes, tiers):
        if vote.question_id in questions and turn in (0, vote.turn):
            number[vote.question_id] += 1
            wins[vote.question_id] += superior_won
    if not number:
        raise VotesError(
            f"No vote compares {', '.join(tiers.superior)} with {', '.join(tiers.inferior)}"
            f"{f' on turn {turn}' if turn else ''}, on a question whose text is known. Check "
            "QUESTIONS and the tiers."
        )
    return list(number), np.array([wins[i] for i in number]), np.array(list(number.values()))


def _prompt_of_turn(question: VoteQuestion, turn: int) -> str | tuple[str, ...]:
    """What a router would see: the first turn, or for turn 2 alone the user's turns up to there."""
    return (
        question.turns[0] if turn < 2 or len(question.turns) < 2 else tuple(question.turns[:turn])
    )


def interval_verdict(low: float, high: float, threshold: float) -> str:
    """The label of an interval of p_superior, or "undecided" where it straddles the threshold.

    Superior where all of it is at or above the threshold, inferior where all of it is below.
    """
    if low >= threshold:
        return ROUTE_TO_SUPERIOR
    if high < threshold:
        return ROUTE_TO_INFERIOR
    return UNDECIDED


def labelled(rows: Iterable[Difficulty]) -> list[LabelledPrompt]:
    """The decided questions as labelled prompts of source "human"; the undecided are left out."""
    return [
        LabelledPrompt(
            id=row.question_id,
            prompt=row.prompt if isinstance(row.prompt, str) else _user_turns(row.prompt),
            label=ROUTE_TO_SUPERIOR if row.verdict == ROUTE_TO_SUPERIOR else ROUTE_TO_INFERIOR,
            p_superior=round(row.p_superior, 6),
            source="human",
            category=row.category,
            votes=row.votes,
            interval=[round(row.low, 6), round(row.high, 6)],
        )
        for row in rows
        if row.is_decided
    ]


def _user_turns(turns: Sequence[str]) -> list[Message]:
    return [Message(role="user", content=text) for text in turns]


def mean_by_category(rows: Iterable[Difficulty]) -> dict[str, float]:
    """Pooled share of cross-tier votes that the superior side won strictly, by category, hardest
    first.
    """
    wins: Counter[str] = Counter()
    votes: Counter[str] = Counter()
    for row in rows:
        wins[row.category] += row.superior_wins
        votes[row.category] += row.votes
    shares = {category: wins[category] / votes[category] for category in votes}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


# --- how far people agree ---


@dataclass(frozen=True)
class Agreement:
    """How often two votes on the same thing say the same: the share in [0, 1], its interval, and
    how many pairs.

    share, low and high are None where no two votes are about the same thing.
    """

    share: float | None
    low: float | None
    high: float | None
    pairs: int


def human_agreement(
    votes: Sequence[Vote], ties: bool = True, n: int = 1000, seed: int = 0
) -> Agreement:
    """How often two judges agree on the same pair of answers (question, turn and both models).

    As in Zheng et al. 2023 (arXiv 2306.05685, section 4.2): `ties=True` is their set-up 1 (a tie
    agrees with a tie only), `ties=False` their set-up 2 (votes for a tie are left out).
    """
    kept = [vote for vote in votes if ties or vote.winner != "tie"]
    keys = [(v.question_id, v.turn, *sorted((v.model_a, v.model_b))) for v in kept]
    return _agreement_of_pairs(
        [v.question_id for v in kept],
        keys,
        [v.judge for v in kept],
        [_winner(v) for v in kept],
        n,
        seed,
    )


def label_agreement(votes: Sequence[Vote], tiers: Tiers, n: int = 1000, seed: int = 0) -> Agreement:
    """How often two judges' cross-tier votes on the same question and turn, whichever models
    answered, agree on whether the superior side was strictly better. It is what a router is asked:
    it sees the prompt alone."""
    pairs = cross_tier(votes, tiers)
    chosen = [vote for vote, _ in pairs]
    keys = [(vote.question_id, vote.turn) for vote in chosen]
    outcomes = [str(superior_won) for _, superior_won in pairs]
    return _agreement_of_pairs(
        [v.question_id for v in chosen], keys, [v.judge for v in chosen], outcomes, n, seed
    )


def ceiling(agreement: float) -> float:
    """The highest accuracy at predicting single votes that a router can reach, from how far those
    votes agree.

    If the vote on an item is "yes" with probability p, two votes agree with A = E[p² + (1 - p)²],
    so E[(2p - 1)²] = 2A - 1; the best prediction is right with E[max(p, 1 - p)] = (1 + E|2p - 1|) /
    2, which by Jensen's inequality is at most (1 + sqrt(2A - 1)) / 2. No distribution is assumed.
    Below A = 1/2, it is 1/2.
    """
    return (1 + math.sqrt(max(0.0, 2 * agreement - 1))) / 2


def _winner(vote: Vote) -> str:
    return {"tie": "tie", "model_a": vote.model_a, "model_b": vote.model_b}[vote.winner]


def _agreement_of_pairs(
    questions: Sequence[str],
    keys: Sequence[tuple],
    judges: Sequence[str],
    outcomes: Sequence[str],
    n: int,
    seed: int,
) -> Agreement:
    """Pairs of votes under one key by two judges (by one judge, where the file knows only one),
    pooled over keys; the interval (95 %) from a bootstrap over questions."""
    repeats = len(set(judges)) < 2
    groups: dict[tuple, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        groups[key].append(i)
    same: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for members in groups.values():
        for i, j in itertools.combinations(members, 2):
            if repeats or judges[i] != judges[j]:
                pairs[questions[i]] += 1
                same[questions[i]] += outcomes[i] == outcomes[j]
    if not pairs:
        return Agreement(None, None, None, 0)
    agreed, number = (
        np.array([counter[name] for name in pairs], dtype=float) for counter in (same, pairs)
    )
    draws = np.random.default_rng(settings.seed(seed)).integers(len(number), size=(n, len(number)))
    low, high = np.quantile(agreed[draws].sum(axis=1) / number[draws].sum(axis=1), [0.025, 0.975])
    share = float(agreed.sum() / number.sum())
    return Agreement(share, min(float(low), share), max(float(high), share), int(number.sum()))
