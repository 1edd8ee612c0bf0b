"""A conversation as a prompt: what is asked, its id, and the answer to exactly that."""

import random
import tracemalloc

import pytest

from routerlib.rows.conversations import OwnIds, answer_to, as_open_prompt
from routerlib.rows.schemas import Conversation, LoggedAnswer, RowError

ASKED = {"role": "user", "content": " How far is the moon? "}
ANSWERED = {"role": "assistant", "content": "About 384,400 km."}
AGAIN = {"role": "user", "content": "In miles?"}
LOGGED = LoggedAnswer(full_response="238,900 miles.", model="big")


def talk(*turns, model="unknown", logged=None):
    return Conversation(
        conversation_id="c", model=model, conversation=list(turns), turn=1, logged=logged
    )


def test_an_id_stays_and_its_copies_are_numbered():
    ids = OwnIds()
    given = ["a", "b", "a", "a-2", "a"]
    assert [ids.own_id(name) for name in given] == ["a", "b", "a-2", "a-2-2", "a-3"]


def plainly(names):
    """The same ids, from a set of all that were given out."""
    given_out, numbers = set(), {}
    for name in names:
        own = name
        while own in given_out:
            numbers[name] = numbers.get(name, 1) + 1
            own = f"{name}-{numbers[name]}"
        given_out.add(own)
        yield own


def test_every_id_is_given_out_once_and_costs_a_few_bytes():
    ids, rng = OwnIds(), random.Random(3)
    names = [f"c{rng.randrange(20_000)}{rng.choice(['', '', '-2'])}" for _ in range(30_000)] + [""]
    found = [ids.own_id(name) for name in names]
    assert found == list(plainly(names)) and len(set(found)) == len(found)
    fresh = [f"unheard-of {number}" for number in range(100_000)]
    tracemalloc.start()
    assert all(ids.own_id(name) == name for name in fresh)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 25 * len(fresh)


def test_the_answer_to_the_whole_conversation_is_the_logs():
    whole = talk(ASKED, logged=LOGGED)
    assert answer_to("How far is the moon?", whole) is LOGGED
    assert answer_to(whole.conversation, whole) is LOGGED


def test_a_part_of_a_conversation_has_the_answer_that_follows_it():
    named = talk(ASKED, ANSWERED, AGAIN, model="big")
    found = answer_to("How far is the moon?", named)
    assert (found.full_response, found.model) == ("About 384,400 km.", "big")


@pytest.mark.parametrize("model", ["unknown", "none", ""])
def test_a_turn_of_nobody_known_answers_nothing(model):
    assert answer_to("How far is the moon?", talk(ASKED, ANSWERED, AGAIN, model=model)) is None


def test_a_log_names_the_model_of_its_last_answer_alone():
    row = talk(ASKED, ANSWERED, AGAIN, model="big", logged=LOGGED)
    assert answer_to("How far is the moon?", row) is None


def test_an_answer_to_more_than_the_prompt_is_not_the_prompts():
    system = {"role": "system", "content": "Be brief."}
    assert answer_to("How far is the moon?", talk(system, ASKED, logged=LOGGED)) is None


def test_one_turn_is_asked_as_a_text_and_several_as_turns():
    single = as_open_prompt(talk(ASKED, logged=LOGGED))
    assert (single.question, single.prompt, single.answer) == ("How far is the moon?", None, LOGGED)
    several = as_open_prompt(talk(ASKED, ANSWERED, AGAIN, ANSWERED, logged=None))
    assert [turn.content for turn in several.prompt] == [
        turn["content"] for turn in (ASKED, ANSWERED, AGAIN)
    ]
    assert "In miles?" in several.question and several.category == "uncategorised"


def test_where_no_user_speaks_nothing_is_asked():
    with pytest.raises(RowError, match="no user says anything"):
        as_open_prompt(talk(ANSWERED))
