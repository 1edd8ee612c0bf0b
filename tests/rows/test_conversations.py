"""A conversation as a prompt: what is asked, its id, and the answer to exactly that."""

from collections import Counter

import pytest

from routerlib.rows.conversations import answer_to, as_open_prompt, own_id
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
    ids = Counter()
    given = ["a", "b", "a", "a-2", "a"]
    assert [own_id(name, ids) for name in given] == ["a", "b", "a-2", "a-2-2", "a-3"]


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
