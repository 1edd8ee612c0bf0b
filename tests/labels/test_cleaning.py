"""Cleaning: each filter takes what was planted for it and nothing else, everything adds up, and
memory stays bounded.
"""

import json
import random
import tracemalloc
from collections import Counter

import log_rows
import numpy as np
import pytest

from routerlib.labels import cleaning
from routerlib.labels.cleaning import Evaluation, Filters, RejectedConversations, Report
from routerlib.rows import jsonl, sources
from routerlib.rows.schemas import Conversation, VoteQuestion
from routerlib.settings import SettingError

WORDS = [
    f"{a}{b}{c}"
    for a in "bdfgklmnprst"
    for b in "aeiou"
    for c in ("n", "rt", "l", "sk", "m", "nd", "p")
]
QUESTIONS = [
    "Compose a travel story about an island that nobody has found on any map since the year 1790.",
    (
        "A train leaves at noon and another one at one o'clock; when does the second catch up "
        "with the first?"
    ),
    "What is 8 * 8?",
    "Hi",
]


def conversation(text, number=0, **fields):
    talk = [{"role": "user", "content": text}, {"role": "assistant", "content": "Well."}]
    return {
        "conversation_id": f"c{number}",
        "model": "m",
        "conversation": talk,
        "turn": 1,
        "language": "English",
        "openai_moderation": [{"flagged": False}],
        "redacted": False,
    } | fields


def planted(number, seed=0):
    """(rows in the chat-1m schema, what each filter should take): a tenth of them spoilt in a known
    way.
    """
    rng, expected, kept = random.Random(seed), Counter(), []
    for i in range(number):
        text = " ".join(rng.choices(WORDS, k=rng.randint(15, 60)))
        row, kind = conversation(text, i), rng.randrange(80)
        reason = None
        if kind == 0:
            row, reason = {"conversation_id": i, "conversation": "no list"}, cleaning.BROKEN
        elif kind == 1:
            row["conversation"], reason = (
                [{"role": "assistant", "content": "Hello?"}],
                cleaning.NO_USER,
            )
        elif kind == 2:
            row["language"], reason = (
                rng.choice(["German", "unknown", "Chinese"]),
                cleaning.LANGUAGE,
            )
        elif kind == 3:
            row["openai_moderation"], reason = (
                [{"flagged": False}, {"flagged": True}],
                cleaning.FLAGGED,
            )
        elif kind == 4:
            row["redacted"], reason = True, cleaning.REDACTED
        elif kind == 5 and kept:
            row, reason = conversation(rng.choice(kept).upper() + " .", i), cleaning.EXACT
        elif kind == 6 and kept:
            longest = max(rng.choices(kept, k=20), key=len)
            row, reason = conversation(longest + " please", i), cleaning.NEAR
        elif kind == 7:
            row, reason = (
                conversation(f"{text[:40]} {i}: {QUESTIONS[i % 3]} Thanks, {text[-20:]}", i),
                cleaning.SHARED_WORDS,
            )
        elif kind == 8:
            row, reason = conversation(text[:5], i), cleaning.SHORT
        elif kind == 9:
            row, reason = conversation(text * 80, i), cleaning.LONG
        if reason is None:
            kept.append(text)
            kept = kept[-500:]
        expected[reason] += 1
        yield row, expected


@pytest.fixture
def evaluation():
    return Evaluation(
        [VoteQuestion(question_id=i, category=f"k{i}", turns=[q]) for i, q in enumerate(QUESTIONS)]
    )


def cleaned(rows, filters=None, evaluation=None, report=None):
    report = report or Report()
    kept = list(
        cleaning.clean(
            map(Conversation.model_validate, rows), filters or Filters(), report, evaluation
        )
    )
    return kept, report


def test_a_planted_stream_is_accounted_for_to_the_row(tmp_path, evaluation):
    path, expected = tmp_path / "chat.jsonl", None
    with open(path, "w") as file:
        for row, expected in planted(6000):  # noqa: B007 - the last one is the total
            file.write(json.dumps(row) + "\n")
        file.write('{"conversation_id": "torn", "conversa\n')
    report = Report()
    rejects = RejectedConversations(report, tmp_path / "rejected.jsonl")
    stream = sources.load_rows(path, Conversation, rejects=rejects)
    kept = sum(1 for _ in cleaning.clean(stream, Filters(), report, evaluation))
    expected[cleaning.BROKEN] += 1
    counts = report.counts()
    assert report.read == 6001 == kept + sum(counts.values()) and kept == report.kept
    for name in set(cleaning.FILTERS) - {cleaning.NEAR, cleaning.SAME_MEANING}:
        assert counts[name] == expected[name], name
    # Found by an estimate
    assert counts[cleaning.NEAR] == pytest.approx(expected[cleaning.NEAR], abs=3)
    assert len((tmp_path / "rejected.jsonl").read_text().splitlines()) == counts[cleaning.BROKEN]
    assert "6,001 conversations read" in report.summary()
    assert f"The first broken row: {path}, line 1: field conversation" in report.summary()
    assert "(see rejected.jsonl)" in report.summary()


def test_memory_stays_within_a_few_kilobytes_a_prompt(evaluation):
    rows = (
        Conversation.model_validate(row)
        for row, _ in planted(4000)
        if isinstance(row["conversation"], list)
    )
    tracemalloc.start()
    kept = sum(1 for _ in cleaning.clean(rows, Filters(), Report(), evaluation))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / kept < 4000


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"language": "French"}, cleaning.LANGUAGE),
        ({"redacted": True}, cleaning.REDACTED),
        ({"openai_moderation": [{"flagged": True}]}, cleaning.FLAGGED),
        ({"conversation": [{"role": "user", "content": "  "}]}, cleaning.NO_USER),
    ],
)
def test_each_mark_is_one_filter_and_can_be_switched_off(fields, reason):
    rows = [
        conversation("How do whales sleep in the sea?", **fields),
        conversation("Why do owls turn their heads?"),
    ]
    assert cleaned(rows)[1].dropped == {reason: 1}
    open_filters = Filters(languages=(), drop_flagged=False, drop_redacted=False)
    assert cleaned(rows, open_filters)[1].kept == 1 + (reason != cleaning.NO_USER)


def test_where_no_prompt_comes_through_the_filters_that_took_them_are_named():
    rows = [conversation("Wie schlafen Wale im Meer?", language="German"), conversation("Hm?")]
    with pytest.raises(
        cleaning.CleaningError, match=r"No prompt came through.* other language 1, too short 1"
    ):
        cleaned(rows)


def test_a_row_that_does_not_say_its_language_is_of_no_other_one():
    row = conversation("How do whales sleep in the sea?")
    del row["language"]
    assert cleaned([row])[1].kept == 1


@pytest.mark.parametrize(
    "text", ["\0" * 20, "\x1b\x07\x08" * 9, "\u200b" * 20, "\u00ad" * 20, "\ufeff \u3000" * 9]
)
def test_a_prompt_of_signs_that_nobody_sees_says_nothing(text):
    _, report = cleaned([conversation(text), conversation("Why do owls turn their heads?")])
    assert report.dropped == {cleaning.NO_USER: 1}


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"max_chars": 0}, "MAX_CHARS is 0; it is a whole number above 0"),
        ({"max_chars": "x"}, "MAX_CHARS is 'x'"),
        ({"near_duplicate": -1}, "NEAR_DUPLICATE is -1; it is a number, 0 or more"),
        ({"near_duplicate": float("nan")}, "NEAR_DUPLICATE is nan"),
    ],
)
def test_settings_that_a_filter_cannot_have_are_named(setting, says):
    with pytest.raises(SettingError, match=says):
        Filters(**setting)


def test_languages_are_a_list_or_a_text_with_commas():
    assert (
        Filters(languages=" English, German ").languages
        == Filters(languages=["English", "German"]).languages
    )
    assert Filters(languages="").languages == Filters(languages=None).languages == ()


def test_the_first_turn_or_the_conversation_so_far():
    talk = [
        {"role": "user", "content": "Name a river."},
        {"role": "assistant", "content": "The Po."},
        {"role": "user", "content": "A longer one."},
        {"role": "assistant", "content": "The Nile."},
    ]
    (first,), _ = cleaned([conversation("", conversation=talk)])
    (whole,), _ = cleaned([conversation("", conversation=talk)], Filters(whole_conversation=True))
    assert first.prompt == "Name a river."
    assert [turn.content for turn in whole.prompt] == ["Name a river.", "The Po.", "A longer one."]


def test_sums_that_differ_in_one_sign_are_no_duplicates():
    rows = [
        conversation(text, i)
        for i, text in enumerate(["What is 3 + 4?", "What is 3 * 4?", "what is  3 + 4"])
    ]
    kept, report = cleaned(rows)
    assert [row.prompt for row in kept] == ["What is 3 + 4?", "What is 3 * 4?"]
    assert report.dropped == {cleaning.EXACT: 1} and report.examples[cleaning.EXACT] == ["c2"]


def test_near_duplicates_by_planted_similarity():
    rng, caught = random.Random(5), {0.9: 0, 0.5: 0}
    for similarity in caught:
        for _ in range(200):
            duplicates = cleaning.Duplicates(0.8)
            shared, other = round(204 * similarity), round(204 * (1 - similarity) / 2)
            words = rng.choices(WORDS, k=shared)
            ends = [[f"x{rng.randrange(10**9)}" for _ in range(other)] for _ in range(2)]
            assert duplicates.add(" ".join(words + ends[0])) is None
            caught[similarity] += duplicates.add(" ".join(words + ends[1])) == cleaning.NEAR
    assert caught[0.9] >= 180 and caught[0.5] <= 2


@pytest.mark.parametrize(
    ("question", "prompt"),
    [
        ("什么是光合作用，请详细说明？", "什么是光合作用,请详细说明"),
        (
            "光合成とは何ですか、くわしく教えてください。",
            "光合成とは何ですか、くわしく教えてください",
        ),
        ("What is $8 \\times 8$ in words, please?", "what is 8 \\times 8 in words, please"),
        ("“Who wrote this play?”, asked he.", '"who wrote this play?", asked he'),
        ("Which river is the longest of all?", "Which\u200b river is the longest of all？"),
    ],
)
def test_other_print_of_one_text_is_a_duplicate_and_overlaps(question, prompt):
    duplicates = cleaning.Duplicates(0.8)
    assert duplicates.add(question) is None
    assert duplicates.add(prompt) == cleaning.EXACT
    evaluation = Evaluation([VoteQuestion(question_id="1", turns=[question])])
    assert evaluation.shares_words(prompt) and evaluation.shares_words(f"Hello. {prompt}")
    assert not evaluation.shares_words("Which bridge is the oldest of all?")


@pytest.mark.parametrize(
    ("text", "overlaps"),
    [
        (QUESTIONS[0].upper(), True),
        ("Please: " + QUESTIONS[1][:70], True),
        ("Tell me, what is 8 * 8? I forgot.", True),
        ("What is 8 * 9?", False),
        ("Hi", True),
        ("Hi there, which train leaves at noon?", False),
        ("Compose a travel story about an island of your own.", False),
    ],
)
def test_words_shared_with_an_evaluation_question(evaluation, text, overlaps):
    assert evaluation.shares_words(text) is overlaps


def turned(degrees):
    """An encoder for tests: the number in a text is its direction on a circle."""
    angles = np.radians([float(text.split()[-1]) for text in degrees])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_the_same_meaning_is_taken_out_and_a_near_one_gets_its_category():
    questions = [
        VoteQuestion(question_id=1, category="east", turns=["q 0"]),
        VoteQuestion(question_id=2, category="north", turns=["q 90"]),
    ]
    evaluation = Evaluation(questions, embed=turned, similarity=0.9, category_similarity=0.6)
    rows = [
        conversation(f"some words that end in {degrees}", i)
        for i, degrees in enumerate((10, 40, 60, 180))
    ]
    kept, report = cleaned(rows, Filters(near_duplicate=2), evaluation)
    assert report.dropped == {cleaning.SAME_MEANING: 1}
    assert [row.category for row in kept] == ["east", "north", "uncategorised"]


@pytest.mark.real
def test_the_stand_in_encoder_finds_a_paraphrase():
    from routerlib.endpoints import standins
    from routerlib.training import encoders

    if not standins.is_built("standin-encoder"):
        pytest.skip("the stand-in encoder is not built")
    encoder = encoders.SentenceEncoder(standins.path("encoder"), 128)
    questions = [
        VoteQuestion(question_id=1, category="c", turns=["What is the capital city of France?"])
    ]
    evaluation = Evaluation(questions, embed=encoder.embed)
    rows = [
        conversation("Which city is the capital of France, please?", 1),
        conversation("How are candles made?", 2),
    ]
    kept, report = cleaned(rows, evaluation=evaluation)
    assert [row.id for row in kept] == ["c2"] and report.dropped == {cleaning.SAME_MEANING: 1}


def test_evaluation_questions_may_be_questions_votes_or_those_that_01_read(outputs, tmp_path):
    asked = tmp_path / "q.jsonl"
    asked.write_text(json.dumps({"question": "Which river is longest?", "answer": "#### 1"}) + "\n")
    voted = tmp_path / "votes.jsonl"
    talk = [{"role": "user", "content": "Write a poem."}, {"role": "assistant", "content": "O!"}]
    pair = {"model_a": "a", "model_b": "b", "winner": "tie"}
    row = pair | {"question_id": 81, "conversation_a": talk, "conversation_b": talk}
    voted.write_text(2 * (json.dumps(row) + "\n"))
    found = Evaluation(cleaning.evaluation_questions(f"{asked}, {voted}"))
    assert found.texts == ["Which river is longest?", "Write a poem."]
    with pytest.raises(cleaning.CleaningError, match="Run 01 first"):
        list(cleaning.evaluation_questions("votes"))
    noted = outputs / "analysis" / "metrics.json"
    noted.write_text(json.dumps({"sources": [{"kind": "file", "source": str(voted)}]}))
    both = Evaluation(cleaning.evaluation_questions(f"{asked}, votes"))
    assert both.texts == found.texts


# --- logs ---


def logged(*turns, answer="Well.", **fields):
    """A conversation of a log, with an answer to the whole of it."""
    talk = [{"role": role, "content": text} for role, text in turns]
    told = {"full_response": answer, "model": "big", "prompt_tokens": 9} if answer else None
    return Conversation(conversation_id="c", model="big", conversation=talk, logged=told, **fields)


LONG_TALK = (
    ("system", "Be brief."),
    ("user", "What is a good first garden plant?"),
    ("assistant", "Mint."),
    ("user", "And which is a good second one?"),
)


@pytest.mark.parametrize(
    "turns,whole,answer",
    [
        (LONG_TALK, True, "Well."),
        (LONG_TALK, False, None),  # the system message was seen, too
        (LONG_TALK[1:], False, None),  # which model said "Mint." is not in the log
        (LONG_TALK[1:], True, "Well."),
        (LONG_TALK[1:2], False, "Well."),
        (LONG_TALK[:2], False, None),
        (LONG_TALK[:2], True, "Well."),
    ],
)
def test_a_logged_answer_is_kept_where_it_answers_the_kept_prompt(turns, whole, answer):
    report = Report()
    filters = Filters(whole_conversation=whole)
    (row,) = cleaning.clean([logged(*turns)], filters, report)
    assert (row.answer and row.answer.full_response) == answer
    assert report.answered == (answer is not None)
    assert report.other_answers == (answer is None)
    if answer is None:
        assert "WHOLE_CONVERSATION = True" in report.summary()


def test_a_data_set_names_one_model_for_all_turns():
    talk = logged(*LONG_TALK[1:], answer=None)
    (row,) = cleaning.clean([talk], Filters(), Report())
    assert row.answer.full_response == "Mint." and row.answer.is_of("big")
    nameless = talk.model_copy(update={"model": "unknown"})
    (row,) = cleaning.clean([nameless], Filters(), Report())
    assert row.answer is None


def test_prompts_with_pictures_are_counted_and_left_out():
    report = Report()
    rows = [logged(("user", "What is in this picture?"), has_media=True), logged(*LONG_TALK)]
    assert len(list(cleaning.clean(rows, Filters(), report))) == 1
    assert report.counts()[cleaning.MEDIA] == 1
    assert report.read == report.kept + report.dropped.total()


@pytest.mark.parametrize("kind", log_rows.FORMATS)
def test_a_log_goes_through_the_filters_of_today(kind, tmp_path):
    """Duplicates and other languages are found in a log as elsewhere; all of it adds up."""
    path = tmp_path / "log.jsonl"
    lines = log_rows.lines(kind, 60)
    path.write_text("\n".join([*lines, *lines[-5:]]), encoding="utf-8")
    report = Report()
    with RejectedConversations(report, tmp_path / "bad.jsonl") as rejects:
        rows = sources.load_rows(path, Conversation, rejects=rejects)
        kept = list(cleaning.clean(rows, Filters(near_duplicate=2), report))
    counts = report.counts()
    assert len(kept) == report.kept == report.answered == 60
    assert counts[cleaning.EXACT] == 5 and counts[cleaning.MEDIA] == 1
    assert counts[cleaning.BROKEN] == len(log_rows.BROKEN)
    assert bool(counts[cleaning.OTHER]) == (kind != "chat")
    assert report.read == report.kept + report.dropped.total()


def test_two_prompts_of_one_id_get_an_id_each():
    rows = [logged(("user", f"How old is the {word} tree here?")) for word in ("oak", "fir", "ash")]
    palm = logged(("user", "Is a palm a tree at all?"))
    rows.append(palm.model_copy(update={"conversation_id": "c-2"}))
    kept = list(cleaning.clean(rows, Filters(near_duplicate=2), Report()))
    assert len({row.id for row in kept}) == len(kept) == 4 and kept[0].id == "c"


def test_prompts_with_a_logged_answer_go_on_in_a_file_of_their_own(tmp_path):
    """What 03 asks of the sample log: its own request twice and a picture are out."""
    rows = sources.load_rows("sample, sample-log", Conversation)
    report = Report()
    jsonl.write_rows(tmp_path / "prompts_clean.jsonl", cleaning.clean(rows, Filters(), report))
    number = cleaning.write_logged_prompts(tmp_path)
    assert number == report.answered >= 25
    assert report.counts()[cleaning.MEDIA] == 1 and report.counts()[cleaning.EXACT] >= 1
    asked = list(sources.load_asked(tmp_path / "prompts_logged.jsonl"))
    assert len(asked) == number
    assert all(row.answer.is_of("standin-superior") and row.answer.cost for row in asked)
    assert {row.category for row in asked} >= {"rewriting", "sums", "code"}


@pytest.mark.parametrize(("similarity", "is_other"), [(0.85, False), (0.8499, True)])
def test_a_prompt_as_near_as_the_limit_means_the_same(similarity, is_other):
    evaluation, report = Evaluation([], similarity=0.85, category_similarity=0.45), Report()
    row = cleaning.CleanPrompt(id="a", prompt="What is it?")
    assert cleaning.means_other(row, (similarity, "maths"), evaluation, report) is is_other
    assert report.dropped[cleaning.SAME_MEANING] == (not is_other)


@pytest.mark.parametrize(("similarity", "category"), [(0.45, "maths"), (0.4499, "uncategorised")])
def test_the_category_is_that_of_a_question_as_near_as_the_limit(similarity, category):
    evaluation = Evaluation([], similarity=0.85, category_similarity=0.45)
    row = cleaning.CleanPrompt(id="a", prompt="What is it?")
    assert cleaning.means_other(row, (similarity, "maths"), evaluation, Report())
    assert row.category == category


@pytest.mark.parametrize("whole", [False, True])
def test_a_conversation_of_one_turn_is_a_text_whichever_is_kept(whole):
    row = Conversation.model_validate(conversation("What is a router for, in one line?"))
    kept, reason = cleaning.pass_filters(row, Filters(whole_conversation=whole))
    assert reason is None and kept.prompt == "What is a router for, in one line?"
