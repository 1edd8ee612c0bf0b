"""Ratings: planted strengths come back, few votes leave a question undecided, and the known totals
of MT-Bench.
"""

import math
from collections import Counter

import numpy as np
import pytest

from routerlib.rows import jsonl
from routerlib.rows.schemas import ROUTE_TO_INFERIOR, ROUTE_TO_SUPERIOR, Vote, VoteQuestion
from routerlib.settings import SettingError
from routerlib.votes import ratings
from routerlib.votes.ratings import Rating, Tiers

TIERS = Tiers(("big",), ("small",), "given")


def vote(a="big", b="small", winner="model_a", question="q", judge="j1", turn=1):
    return Vote(question_id=question, model_a=a, model_b=b, winner=winner, judge=judge, turn=turn)


def simulated(strengths, number, tie=0.5, seed=0):
    """Votes of Davidson's model with these natural strengths."""
    rng, names, votes = np.random.default_rng(seed), list(strengths), []
    for i in range(number):
        a, b = rng.choice(len(names), 2, replace=False)
        s, t = strengths[names[a]], strengths[names[b]]
        weights = np.array([math.exp(s), math.exp(t), tie * math.exp((s + t) / 2)])
        winner = ("model_a", "model_b", "tie")[rng.choice(3, p=weights / weights.sum())]
        votes.append(vote(names[a], names[b], winner, question=str(i % 50)))
    return votes


@pytest.fixture(scope="module")
def mt_bench(shared_data):
    votes = list(jsonl.read_rows(shared_data / "mt_bench_human_votes.jsonl", Vote))
    questions = jsonl.read_rows(shared_data / "mt_bench_questions.jsonl", VoteQuestion)
    return votes, {row.question_id: row for row in questions}


def test_planted_strengths_and_ties_come_back():
    truth = {"a": 1.0, "b": 0.3, "c": -1.3}
    wins, ties = ratings._win_counts(simulated(truth, 20_000, tie=0.8), list(truth))
    strengths, tie = ratings.bradley_terry(wins, ties)
    assert strengths == pytest.approx(list(truth.values()), abs=0.06)
    assert tie == pytest.approx(0.8, abs=0.06)


def test_the_interval_of_a_rating_holds_the_truth_and_narrows_with_votes():
    truth = {"a": 0.8, "b": 0.0, "c": -0.8}
    few, many = (ratings.rank_models(simulated(truth, n, seed=3), n=100) for n in (300, 4000))
    for row in many:
        expected = ratings.ELO_MEAN + ratings.ELO_PER_UNIT * truth[row.model]
        assert row.low - 15 < expected < row.high + 15
    assert [row.model for row in many] == ["a", "b", "c"]
    assert many[0].high - many[0].low < (few[0].high - few[0].low) / 2


def test_ten_wins_to_one_are_400_points():
    votes = [vote(question=str(i)) for i in range(1000)] + [
        vote(winner="model_b", question=str(i)) for i in range(100)
    ]
    first, second = ratings.rank_models(votes, n=5)
    assert first.rating - second.rating == pytest.approx(400, abs=5)


def test_a_model_that_never_lost_has_a_finite_rating():
    first, second = ratings.rank_models([vote(question=str(i)) for i in range(40)], n=10)
    assert first.model == "big" and 200 < first.rating - second.rating < 3000


def test_win_rates_count_ties_half_and_leave_gaps_where_models_never_met():
    votes = [vote(), vote(winner="tie"), vote("small", "other", "model_b")]
    models, rate, number = ratings.win_rates(votes)
    at = {name: i for i, name in enumerate(models)}
    assert rate[at["big"], at["small"]] == 0.75 and rate[at["small"], at["big"]] == 0.25
    assert math.isnan(rate[at["big"], at["other"]]) and number[at["big"], at["other"]] == 0


def ranked(**elo):
    return [Rating(name, value, value - 10, value + 10, 100) for name, value in elo.items()]


def test_tiers_by_the_largest_gap():
    tiers = ratings.split_tiers(ranked(a=1200, b=1150, c=900, d=880))
    assert (
        tiers.superior == ("a", "b") and tiers.inferior == ("c", "d") and "250 points" in tiers.rule
    )


def test_tiers_by_lists_and_one_list_leaves_the_rest():
    rows = ranked(a=1200, b=1150, c=900)
    assert ratings.split_tiers(rows, "a", ["c"]).inferior == ("c",)
    assert ratings.split_tiers(rows, "a, b").inferior == ("c",)
    assert ratings.split_tiers(rows, inferior="b,c").superior == ("a",)


@pytest.mark.parametrize(
    ("superior", "inferior", "word"),
    [("z", "", "'z'"), ("a", "a,b", "both sides"), ("a,b,c", "", "empty")],
)
def test_lists_that_cannot_be_are_sentences(superior, inferior, word):
    with pytest.raises(ratings.VotesError, match=word):
        ratings.split_tiers(ranked(a=1200, b=1150, c=900), superior, inferior)


def test_mt_bench_models_get_the_published_lists():
    names = (*ratings.MT_BENCH_SUPERIOR, *ratings.MT_BENCH_INFERIOR)
    rows = [Rating(name, 1000 - i, 0, 0, 1) for i, name in enumerate(names)]
    tiers = ratings.split_tiers(rows)
    assert (
        tiers.superior == ratings.MT_BENCH_SUPERIOR and tiers.inferior == ratings.MT_BENCH_INFERIOR
    )


def asked(*names):
    return {
        name: VoteQuestion(question_id=name, category="c", turns=[f"first {name}", "second"])
        for name in names
    }


def test_a_tie_is_the_inferior_models_win():
    votes = [vote(winner="tie") for _ in range(30)] + [vote(question="r") for _ in range(30)]
    easy, hard = ratings.difficulties(votes, asked("q", "r"), TIERS)
    assert (easy.question_id, easy.superior_wins, easy.inferior_share) == ("q", 0, 1.0)
    assert easy.verdict == ROUTE_TO_INFERIOR and hard.verdict == ROUTE_TO_SUPERIOR


def test_the_side_counts_not_the_position():
    votes = [
        vote("small", "big", "model_b"),
        vote("small", "big", "model_a"),
        vote("big", "other", "model_a"),
    ]
    assert [won for _, won in ratings.cross_tier(votes, TIERS)] == [True, False]


def test_few_votes_are_undecided_and_kept_out_of_the_labels():
    votes = [vote(question="sure") for _ in range(40)] + [
        vote(question="sure2", winner="tie") for _ in range(40)
    ]
    votes += [vote(question="few"), vote(question="few", winner="model_b")]
    rows = ratings.difficulties(votes, asked("sure", "sure2", "few"), TIERS)
    verdicts = {row.question_id: row.verdict for row in rows}
    assert verdicts["few"] == ratings.UNDECIDED
    assert {row.id for row in ratings.labelled(rows)} == {"sure", "sure2"}
    by_id = {row.question_id: row for row in rows}
    assert by_id["few"].high - by_id["few"].low > 3 * (by_id["sure"].high - by_id["sure"].low)


def test_the_estimates_shrink_towards_what_all_questions_show_and_their_intervals_hold_the_truth():
    rng = np.random.default_rng(1)
    p, votes = rng.beta(3, 2, size=300), np.full(300, 10)
    wins = rng.binomial(votes, p)
    a, b = ratings.fit_beta(wins, votes)
    assert a / (a + b) == pytest.approx(p.mean(), abs=0.03) and 3 < a + b < 8
    ballots = [
        vote(question=str(i), winner="model_a" if k < wins[i] else "model_b")
        for i in range(300)
        for k in range(10)
    ]
    rows = {
        row.question_id: row
        for row in ratings.difficulties(ballots, asked(*map(str, range(300))), TIERS)
    }
    inside = np.mean([rows[str(i)].low <= p[i] <= rows[str(i)].high for i in range(300)])
    assert 0.84 < inside < 0.96  # of a 90 % interval
    estimate = np.array([rows[str(i)].p_superior for i in range(300)])
    assert np.mean((estimate - p) ** 2) < np.mean((wins / 10 - p) ** 2)


def test_turn_two_is_asked_as_a_conversation():
    votes = [vote(turn=1) for _ in range(5)] + [vote(turn=2, winner="model_b") for _ in range(60)]
    (row,) = ratings.difficulties(votes, asked("q"), TIERS, turn=2)
    assert row.votes == 60 and row.prompt == ("first q", "second")
    (label,) = ratings.labelled([row])
    assert [turn.content for turn in label.prompt] == ["first q", "second"]


@pytest.mark.parametrize("threshold", [0.0, 1.0, 5.0])
def test_a_threshold_outside_the_unit_interval_is_a_sentence(threshold):
    with pytest.raises(ratings.VotesError, match="THRESHOLD"):
        ratings.difficulties([vote()], asked("q"), TIERS, threshold=threshold)


def test_votes_without_a_cross_tier_pair_are_a_sentence():
    with pytest.raises(ratings.VotesError, match="No vote compares big with small"):
        ratings.difficulties([vote("big", "other")], asked("q"), TIERS)


def test_agreement_by_hand():
    votes = [
        vote(judge="1"),
        vote(judge="2"),
        vote("small", "big", "model_b", judge="3"),
        vote(winner="tie", judge="4"),
    ]
    votes.append(vote(judge="1", winner="tie"))  # one judge twice: no pair with himself
    found = ratings.human_agreement(votes)
    assert found.pairs == 9 and found.share == pytest.approx(4 / 9)
    assert ratings.human_agreement(votes, ties=False).share == 1
    assert ratings.human_agreement(votes[:1]).share is None


def test_no_predictor_beats_the_ceiling_and_it_is_met_where_all_questions_are_alike():
    rng = np.random.default_rng(0)
    for a, b in ((1, 1), (5, 2), (0.3, 0.3), (50, 50)):
        p = rng.beta(a, b, size=100_000)
        agreement = np.mean(p**2 + (1 - p) ** 2)
        assert np.maximum(p, 1 - p).mean() <= ratings.ceiling(agreement) + 1e-9
    assert ratings.ceiling(0.8**2 + 0.2**2) == pytest.approx(0.8)
    assert ratings.ceiling(1.0) == 1.0 and ratings.ceiling(0.4) == 0.5


def test_questions_come_out_of_the_votes_conversations():
    talk = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "two"},
    ]
    row = Vote(question_id=111, model_a="a", model_b="b", winner="tie", conversation_a=talk)
    assert ratings.questions_in([row])["111"].turns == ["one", "two"]
    assert ratings.questions_in([row])["111"].category == "math"
    with pytest.raises(ratings.VotesError, match="QUESTIONS"):
        ratings.questions_in([vote()])


def test_mt_bench_totals_ranking_and_agreement(mt_bench):
    votes, questions = mt_bench
    assert (len(votes), len(questions), len(ratings.models_voted_on(votes))) == (3355, 80, 6)
    assert {row.turn for row in votes} == {1, 2}
    rows = ratings.rank_models(votes, n=20)
    assert rows[0].model == "gpt-4" and [row.model for row in rows[-3:]] == list(
        ratings.MT_BENCH_INFERIOR
    )
    assert sum(row.votes for row in rows) == 2 * 3355
    # Of the order that Zheng et al. 2023 report between humans: above six in ten with ties, above
    # eight without.
    assert ratings.human_agreement(votes, n=50).share == pytest.approx(0.65, abs=0.02)
    assert ratings.human_agreement(votes, ties=False, n=50).share == pytest.approx(0.82, abs=0.02)


def test_mt_bench_difficulty(mt_bench):
    votes, questions = mt_bench
    tiers = ratings.split_tiers(ratings.rank_models(votes, n=2))
    rows = ratings.difficulties(votes, questions, tiers)
    verdicts = Counter(row.verdict for row in rows)
    assert (
        len(rows) == 80
        and sum(row.votes for row in rows) == len(ratings.cross_tier(votes, tiers)) == 2049
    )
    assert sum(verdicts.values()) == 80 and verdicts[ratings.UNDECIDED] > 0
    assert [row.p_superior for row in rows] == sorted(row.p_superior for row in rows)
    for turn in (1, 2):
        assert (
            sum(row.votes for row in ratings.difficulties(votes, questions, tiers, turn=turn))
            < 2049
        )


def test_a_ranking_without_resamples_is_refused():
    with pytest.raises(SettingError, match="BOOTSTRAP is 0"):
        ratings.rank_models([], n=0)


@pytest.mark.parametrize("seed", [-1, 1.5, None, "x", float("nan")])
def test_a_seed_that_is_none_is_named(seed):
    votes = simulated({"a": 0.0, "b": 1.0}, 50)
    with pytest.raises(SettingError, match=f"SEED is {seed!r}; it is a whole number, 0 or more"):
        ratings.rank_models(votes, n=2, seed=seed)


def plain_vote(question, a, b, winner, judge="one"):
    return Vote(question_id=question, model_a=a, model_b=b, winner=winner, judge=judge)


def test_models_that_never_met_are_not_ranked_together():
    votes = [plain_vote(str(n), "a", "b", "model_a") for n in range(9)]
    votes += [plain_vote(str(n), "c", "d", "model_a") for n in range(9)]
    with pytest.raises(ratings.VotesError, match="never met, not even through others: a, b; c, d"):
        ratings.rank_models(votes, n=5)
    bridge = plain_vote("9", "b", "c", "tie")
    assert len(ratings.rank_models([*votes, bridge], n=5)) == 4


def test_a_ranking_without_a_gap_gives_no_tiers():
    winners = ("model_a", "model_b", "tie")
    votes = [plain_vote(str(n), "x", "y", winners[n % 3]) for n in range(30)]
    ranked = ratings.rank_models(votes, n=50)
    with pytest.raises(ratings.VotesError, match=r"has no gap.*SUPERIOR_MODELS"):
        ratings.split_tiers(ranked)
    assert ratings.split_tiers(ranked, "x").inferior == ("y",)


def test_one_vote_decides_nothing_however_clear_the_other_questions_are():
    votes = [
        plain_vote(str(n), "strong", "weak", "model_a", judge)
        for n in range(40)
        for judge in ("one", "two", "three")
    ]
    votes.append(plain_vote("lone", "strong", "weak", "model_a"))
    names = {vote.question_id for vote in votes}
    questions = {name: VoteQuestion(question_id=name, turns=["?"]) for name in names}
    tiers = ratings.Tiers(("strong",), ("weak",), "given")
    rows = {row.question_id: row for row in ratings.difficulties(votes, questions, tiers)}
    assert rows["lone"].verdict == ratings.UNDECIDED
    assert rows["3"].verdict == ratings.ROUTE_TO_SUPERIOR


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_an_estimate_lies_in_its_own_interval(level):
    votes = [
        plain_vote(str(n), "strong", "weak", "model_a" if n == 0 else "tie", str(judge))
        for n in range(30)
        for judge in range(3)
    ]
    questions = {str(n): VoteQuestion(question_id=str(n), turns=["?"]) for n in range(30)}
    tiers = ratings.Tiers(("strong",), ("weak",), "given")
    for row in ratings.difficulties(votes, questions, tiers, level=level):
        assert row.low <= row.p_superior <= row.high
    for rating in ratings.rank_models(votes, n=3, level=level):
        assert rating.low <= rating.rating <= rating.high


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.5, 0.9, ROUTE_TO_SUPERIOR),
        (0.499, 0.9, ratings.UNDECIDED),
        (0.1, 0.5, ratings.UNDECIDED),
        (0.1, 0.499, ROUTE_TO_INFERIOR),
    ],
)
def test_an_interval_at_the_threshold_decides_as_the_router_does(low, high, verdict):
    assert ratings.interval_verdict(low, high, 0.5) == verdict


def test_a_question_on_its_first_turn_is_that_turn_alone():
    question = VoteQuestion(question_id="q", category="maths", turns=["What is 2?", "And 3?"])
    votes = [vote(turn=turn) for turn in (1, 2) for _ in range(5)]
    seen = {
        turn: ratings.difficulties(votes, {"q": question}, TIERS, turn=turn)[0].prompt
        for turn in (0, 1, 2)
    }
    assert seen == {0: "What is 2?", 1: "What is 2?", 2: ("What is 2?", "And 3?")}


def test_of_two_judges_none_agrees_with_himself():
    votes = [vote(judge="1"), vote(judge="1"), vote(judge="2", winner="model_b")]
    found = ratings.human_agreement(votes, n=10)
    assert (found.pairs, found.share) == (2, 0.0)
    alone = ratings.human_agreement([vote(judge="1"), vote(judge="1")], n=10)
    assert (alone.pairs, alone.share) == (1, 1.0)


@pytest.mark.parametrize(("number", "verdict"), [(1, ratings.UNDECIDED), (2, ROUTE_TO_SUPERIOR)])
def test_two_people_decide_where_one_does_not(number, verdict):
    """Among questions that the superior side always wins, one vote's interval is narrow as well."""
    votes = [vote(question=str(i)) for i in range(50) for _ in range(20)]
    votes += [vote(question="few") for _ in range(number)]
    names = ["few", *map(str, range(50))]
    found = {row.question_id: row for row in ratings.difficulties(votes, asked(*names), TIERS)}
    assert found["few"].low > 0.5 and found["few"].verdict == verdict
