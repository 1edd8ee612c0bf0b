"""Pairs of answers: joined by id, and those whose better answer is known by votes or grades."""

import pytest

from routerlib.answers import pairs
from routerlib.answers.pairs import INFERIOR, SUPERIOR, TIE, PairsError
from routerlib.rows import jsonl
from routerlib.rows.schemas import Vote
from routerlib.votes.ratings import Tiers

TIERS = Tiers(("big",), ("small", "tiny"), "the lists given")


def row(name, answers, model="small", problem="Say hello", right=None, **more):
    samples = [{"full_response": text} for text in answers]
    for sample, grade in zip(samples, right or (), strict=bool(right)):
        sample["is_correct"] = grade
    base = {"unique_id": name, "problem": problem, "is_mcq": False, "answer_correct": ""}
    return base | {"model": model, "responses": samples, "category": "chat"} | more


def written(tmp_path, name, rows):
    path = tmp_path / name
    jsonl.write_rows(path, rows)
    return path


def test_pairs_are_joined_by_id_and_what_does_not_fit_is_counted(tmp_path):
    cheap = written(
        tmp_path,
        "small.jsonl",
        [
            row("1", ["hi", "hey"]),
            row("2", ["x"], answer_correct="42"),
            row("3", []),
            row("4", ["y"], problem="Another text"),
            row("5", ["z"]),
        ],
    )
    dear = written(
        tmp_path,
        "big.jsonl",
        [
            row("1", ["Hello."], "big"),
            row("2", ["w"], "big", answer_correct="42"),
            row("3", ["v"], "big"),
            row("4", ["u"], "big"),
            row("6", ["t"], "big"),
        ],
    )
    found, counts = pairs.read_pairs(cheap, [dear])
    assert [pair.id for pair in found] == ["1"]
    (pair,) = found
    assert pair.inferior == ("hi", "hey") and pair.superior == ("Hello.",)
    assert (pair.inferior_model, pair.superior_model) == ("small", "big")
    assert counts == {
        "joined": 1,
        "has_answer": 1,
        "without_samples": 1,
        "different_prompts": 1,
        "only_superior": 1,
        "only_inferior": 1,
    }
    assert len(pairs.read_pairs(cheap, dear, has_answer=True)[0]) == 2


def test_no_pair_is_a_sentence_with_the_counts(tmp_path):
    cheap = written(tmp_path, "small.jsonl", [row("1", ["x"], answer_correct="42")])
    dear = written(tmp_path, "big.jsonl", [row("1", ["y"], "big", answer_correct="42")])
    with pytest.raises(PairsError, match=r"1 has_answer.*prompts without a known answer"):
        pairs.read_pairs(cheap, dear)


def test_every_sample_meets_one_before_any_meets_two():
    pair = pairs.Pair("x", "p", ("a", "b", "c"), ("d", "e"))
    assert pair.matches(5) == [(0, 0), (1, 1), (2, 0)]
    assert pair.matches(2) == [(0, 0), (1, 1)]


def vote(a, b, winner, question="81", turn=1, judge="x", talk=True):
    def turns(model):
        first = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": f"{model} 1"}]
        more = [{"role": "user", "content": "R"}, {"role": "assistant", "content": f"{model} 2"}]
        return first + (more if turn == 2 else [])

    return Vote(
        question_id=question,
        model_a=a,
        model_b=b,
        winner=winner,
        turn=turn,
        judge=judge,
        conversation_a=turns(a) if talk else None,
        conversation_b=turns(b) if talk else None,
    )


def test_votes_become_pairs_with_all_their_votes():
    votes = [
        vote("big", "small", "model_a"),
        vote("small", "big", "model_a", judge="y"),
        vote("small", "big", "tie", judge="z"),
        vote("small", "tiny", "model_a"),
        vote("tiny", "big", "model_b", turn=2),
        vote("tiny", "big", "model_b", talk=False),
    ]
    one, two = pairs.pairs_of_votes(votes, TIERS)
    assert one.known == (SUPERIOR, INFERIOR, TIE) and one.group == "81"
    assert one.inferior == ("small 1",) and one.superior == ("big 1",) and one.prompt == "Q"
    assert two.inferior == ("assistant: tiny 1\n\nuser: R\n\nassistant: tiny 2",)
    assert two.known == (SUPERIOR,) and two.inferior_model == "tiny"
    with pytest.raises(PairsError, match="Not one of 1 votes"):
        pairs.pairs_of_votes([vote("big", "small", "tie", talk=False)], TIERS)


def test_a_right_and_a_wrong_answer_make_a_known_pair(tmp_path):
    cheap = written(
        tmp_path,
        "small.jsonl",
        [
            row("1", ["no", "yes"], right=[False, True], answer_correct="yes"),
            row("2", ["yes"], right=[True], answer_correct="yes"),
            row("3", ["yes"], right=[True], answer_correct="yes"),
        ],
    )
    dear = written(
        tmp_path,
        "big.jsonl",
        [
            row("1", ["Yes!"], "big", right=[True], answer_correct="yes"),
            row("2", ["never"], "big", right=[False], answer_correct="yes"),
            row("3", ["yes"], "big", right=[True], answer_correct="yes"),
        ],
    )
    one, two = pairs.pairs_of_grades(cheap, dear)
    assert one.known == (SUPERIOR,) and one.inferior == ("no",) and one.superior == ("Yes!",)
    assert two.known == (INFERIOR,) and two.source == "graded"


def test_files_of_answers_to_prompts_are_found_by_their_models(tmp_path):
    written(tmp_path, "x_prompts.jsonl", [row("1", ["a"])])
    written(tmp_path, "y_prompts.jsonl", [row("1", ["b"], "big")])
    written(tmp_path, "z_prompts.jsonl", [row("1", ["b"], "other")])
    (tmp_path / "empty.jsonl").touch()
    cheap, dear = pairs.prompt_files("small", "big", tmp_path)
    assert [path.name for path in cheap] == ["x_prompts.jsonl"]
    assert [path.name for path in dear] == ["y_prompts.jsonl"]
    assert pairs.prompt_files("small", "none", tmp_path) == (cheap, [])
