"""Files as public data sets have them, thirty made-up rows each, read without a word about their
shape.
"""

import contextlib
import csv
import json
import random
import re

import pytest

from routerlib.rows import jsonl, published, schemas, sources
from routerlib.rows.schemas import Conversation, LabelledPrompt, Question, Responses, RowError, Vote

ROWS = 30


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path, row_type, **more):
    return list(sources.load_rows(path, row_type, **more))


# --- questions ---

LETTERS = "ABCD"
QUESTION_SETS = {
    "GSM8K": (
        lambda n: {"question": f"{n} pears and 2?", "answer": f"So {n}+2.\n#### {n + 2:,}"},
        lambda n: str(n + 2),
    ),
    "MMLU": (
        lambda n: {
            "question": f"Which is {n}?",
            "subject": "algebra",
            "choices": [f"{n}-{c}" for c in LETTERS],
            "answer": n % 4,
        },
        lambda n: f"{n}-{LETTERS[n % 4]}",
    ),
    "MMLU with letters": (
        lambda n: {
            "question": f"Which is {n}?",
            "subject": "algebra",
            "choices": [f"{n}-{c}" for c in LETTERS],
            "answer": LETTERS[n % 4],
        },
        lambda n: f"{n}-{LETTERS[n % 4]}",
    ),
    "MMLU-Pro": (
        lambda n: {
            "question_id": n,
            "question": f"Which is {n}?",
            "options": [f"{n}-{c}" for c in LETTERS],
            "answer": LETTERS[n % 4],
            "answer_index": n % 4,
            "cot_content": "",
            "category": "math",
            "src": "made",
        },
        lambda n: f"{n}-{LETTERS[n % 4]}",
    ),
    "ARC": (
        lambda n: {
            "id": f"Mercury_{n}",
            "question": f"Which is {n}?",
            "choices": {
                "text": [f"{n}-{c}" for c in LETTERS],
                "label": list("1234" if n % 2 else LETTERS),
            },
            "answerKey": "1234"[n % 4] if n % 2 else LETTERS[n % 4],
        },
        lambda n: f"{n}-{LETTERS[n % 4]}",
    ),
    "ARC, authors' files": (
        lambda n: {
            "id": f"Mercury_{n}",
            "question": {
                "stem": f"Which is {n}?",
                "choices": [{"text": f"{n}-{c}", "label": c} for c in LETTERS],
            },
            "answerKey": LETTERS[n % 4],
        },
        lambda n: f"{n}-{LETTERS[n % 4]}",
    ),
    "GPQA": (
        lambda n: {
            "Record ID": f"rec{n}",
            "Question": f"Which is {n}?",
            "Correct Answer": f"{n}-right",
            "Incorrect Answer 1": f"{n}-a",
            "Incorrect Answer 2": f"{n}-b",
            "Incorrect Answer 3": f"{n}-c",
            "High-level domain": "Physics",
            "Subdomain": "Optics",
            "Explanation": "Because.",
        },
        lambda n: f"{n}-right",
    ),
    "AIME 2024": (
        lambda n: {"ID": f"2024-I-{n}", "Problem": f"Find {n}.", "Solution": "…", "Answer": n},
        lambda n: str(n),
    ),
    "AIME 2024 of H4": (
        lambda n: {
            "id": n,
            "problem": f"Find {n}.",
            "solution": "…",
            "answer": f"{n:03}",
            "url": "",
            "year": "2024",
        },
        lambda n: f"{n:03}",
    ),
    "AIME 2025": (lambda n: {"question": f"Find {n}.", "answer": str(n)}, lambda n: str(n)),
    "AIME 1983-2024": (
        lambda n: {
            "ID": f"1983-{n}",
            "Year": 1983,
            "Problem Number": n,
            "Question": f"Find {n}.",
            "Answer": n,
        },
        lambda n: str(n),
    ),
    "MATH-500": (
        lambda n: {
            "problem": f"Find {n}.",
            "solution": "…",
            "answer": str(n),
            "subject": "Algebra",
            "level": 1,
            "unique_id": f"test/{n}.json",
        },
        lambda n: str(n),
    ),
}


@pytest.mark.parametrize("name", QUESTION_SETS)
def test_questions_as_published(tmp_path, name):
    make, gold = QUESTION_SETS[name]
    rows = read(write(tmp_path / "q.jsonl", map(make, range(ROWS))), Question)
    assert [row.answer_correct for row in rows] == [gold(n) for n in range(ROWS)]
    assert len({row.unique_id for row in rows}) == ROWS
    for row in rows:
        if row.is_mcq:
            assert row.choices[row.choice_index_correct] == row.answer_correct


def test_the_way_to_a_gold_answer_is_kept_and_large_numbers_lose_their_commas(tmp_path):
    rows = [{"question": "How many?", "answer": "First so.\nThen so.\n#### 12,500"}]
    (row,) = read(write(tmp_path / "q.jsonl", rows), Question)
    assert (row.answer_correct, row.explanation_correct) == ("12500", "First so.\nThen so.")


def test_the_right_option_of_gpqa_is_in_every_place_and_always_in_the_same(tmp_path):
    make, _ = QUESTION_SETS["GPQA"]
    path = write(tmp_path / "q.jsonl", map(make, range(ROWS)))
    places = [row.choice_index_correct for row in read(path, Question)]
    assert set(places) == {0, 1, 2, 3}
    assert places == [row.choice_index_correct for row in read(path, Question)]


def test_an_id_that_a_row_lacks_does_not_depend_on_its_place(tmp_path):
    make, _ = QUESTION_SETS["GSM8K"]
    first = read(write(tmp_path / "a.jsonl", [make(1), make(2)]), Question)
    second = read(write(tmp_path / "b.jsonl", [make(2)]), Question)
    assert first[1].unique_id == second[0].unique_id != first[0].unique_id


# --- votes ---

TURNS = [
    {"role": "user", "content": "Why?"},
    {"role": "assistant", "content": "So."},
]
PARTS = [
    {"role": "user", "content": [{"type": "text", "text": "Why?", "image": None}]},
    {"role": "assistant", "content": [{"type": "text", "text": "So.", "image": None}]},
]
WINNERS = ("model_a", "model_b", "tie")


def arena_33k(n):
    winner = (*WINNERS, "tie (bothbad)")[n % 4]
    return {
        "question_id": f"q{n}",
        "model_a": "m1",
        "model_b": "m2",
        "winner": winner,
        "judge": f"arena_user_{n}",
        "conversation_a": TURNS,
        "conversation_b": TURNS,
        "turn": 1 + n % 7,
        "anony": True,
        "language": "English",
        "tstamp": 1.5,
    }


def arena_140k(n):
    return {
        "id": f"i{n}",
        "model_a": "m1",
        "model_b": "m2",
        "winner": (*WINNERS, "both_bad")[n % 4],
        "evaluation_session_id": f"s{n // 2}",
        "evaluation_order": 1,
        "conversation_a": PARTS,
        "conversation_b": PARTS,
        "full_conversation": [],
        "is_code": False,
    }


def arena_55k(n):
    marks = [int(n % 3 == place) for place in range(3)]
    return {
        "id": n,
        "model_a": "m1",
        "model_b": "m2",
        "prompt": json.dumps(["Why \ud83d?", "And then?"]),
        "response_a": json.dumps(["So.", None]),
        "response_b": json.dumps(["Thus.", "Then."]),
        "winner_model_a": marks[0],
        "winner_model_b": marks[1],
        "winner_tie": marks[2],
    }


def expected(n, kinds):
    winner = (*WINNERS, "tie")[n % kinds]
    return winner


@pytest.mark.parametrize(
    ("make", "kinds"), [(arena_33k, 4), (arena_140k, 4), (arena_55k, 3)], ids=lambda x: str(x)[:20]
)
def test_votes_as_published_keep_every_row_and_its_winner(tmp_path, make, kinds):
    rows = [make(n) for n in range(ROWS)]
    writer = write_csv if make is arena_55k else write
    suffix = "csv" if make is arena_55k else "jsonl"
    rejects = []
    votes = read(writer(tmp_path / f"votes.{suffix}", rows), Vote, rejects=rejects)
    assert rejects == []
    assert [vote.winner for vote in votes] == [expected(n, kinds) for n in range(ROWS)]
    assert len({vote.question_id for vote in votes}) == ROWS
    for vote in votes:
        user, answer = vote.conversation_a[:2]
        assert (user.role, answer.role) == ("user", "assistant")
        assert user.content.startswith("Why") and answer.content == "So."
        user.content.encode()
        assert vote.turn == 1


def test_a_row_with_two_winners_is_broken(tmp_path):
    rows = [arena_55k(n) for n in range(ROWS)]
    rows[4] |= {"winner_model_a": 1, "winner_model_b": 1}
    rejects = []
    votes = read(write_csv(tmp_path / "votes.csv", rows), Vote, rejects=rejects)
    assert len(votes) == ROWS - 1 and rejects[0]["field"] == "winner"


@pytest.mark.parametrize("name", ["m1", "left", "?"])
def test_winners_that_cannot_be_read_stop_the_run_while_ties_survive(tmp_path, name):
    rows = [arena_33k(n) for n in range(ROWS)]
    for row in rows:
        row["winner"] = "tie" if row["winner"].startswith("tie") else name
    with pytest.raises(jsonl.Unreadable, match=r"\d+ of 30 rows were refused for their winner"):
        read(write(tmp_path / "votes.jsonl", rows), Vote, rejects=[])


def test_where_every_winner_is_a_model_all_are_counted_and_the_reason_told(tmp_path):
    rows = [{**arena_33k(n), "winner": f"m{n % 3}"} for n in range(ROWS)]
    told = r"30 of 30 rows were refused for their winner \('m0', 'm1', 'm2'\).*'model_a', 'model_b'"
    with pytest.raises(jsonl.Unreadable, match=told):
        read(write(tmp_path / "votes.jsonl", rows), Vote, rejects=[])


def test_where_no_row_has_a_field_its_name_is_told_and_no_outcome(tmp_path):
    rows = [{**arena_33k(n), "model_A": "m1"} for n in range(ROWS)]
    for row in rows:
        del row["model_a"]
    with pytest.raises(jsonl.Unreadable, match="field model_a: Field required"):
        read(write(tmp_path / "votes.jsonl", rows), Vote, rejects=[])


def test_rows_of_one_outcome_that_are_broken_otherwise_stop_the_run(tmp_path):
    rows = [arena_33k(n) for n in range(ROWS)]
    for row in rows:
        if row["winner"] == "model_b":
            row["judge"] = ["who?"]
    with pytest.raises(jsonl.Unreadable, match="all 8 rows with the winner 'model_b' were refused"):
        read(write(tmp_path / "votes.jsonl", rows), Vote, rejects=[])


def test_broken_rows_of_any_outcome_stop_nothing(tmp_path):
    rows = [arena_33k(n) for n in range(300)]
    for number in (3, 50, 101, 202):
        rows[number]["judge"] = ["who?"]
    rejects = []
    assert len(read(write(tmp_path / "votes.jsonl", rows), Vote, rejects=rejects)) == 296


# --- conversations ---

CONVERSATION_SETS = {
    "lmsys-chat-1m": lambda n: {
        "conversation_id": f"c{n}",
        "model": "m",
        "conversation": TURNS,
        "turn": 1,
        "language": "English",
        "openai_moderation": [{"flagged": False}],
        "redacted": False,
    },
    "WildChat-1M": lambda n: {
        "conversation_hash": f"h{n}",
        "model": "gpt-4",
        "timestamp": "2023-04-09T00:00:00",
        "conversation": [message | {"language": "English", "toxic": False} for message in TURNS],
        "turn": 1,
        "language": "English",
        "openai_moderation": [{"flagged": False}],
        "detoxify_moderation": [{"toxicity": 0.1}],
        "toxic": n == 3,
        "redacted": False,
    },
    "ShareGPT": lambda n: {
        "id": f"s{n}",
        "conversations": [
            {"from": "human", "value": "Why?"},
            {"from": "gpt", "value": "So."},
        ],
    },
    "messages with tool calls": lambda n: {
        "prompt_id": f"p{n}",
        "messages": [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "content": [{"type": "text", "text": "42"}]},
        ],
    },
    "prompts alone": lambda n: {"id": n, "prompt": "Why?"},
}


@pytest.mark.parametrize("name", CONVERSATION_SETS)
def test_conversations_as_published(tmp_path, name):
    path = write(tmp_path / "c.jsonl", map(CONVERSATION_SETS[name], range(ROWS)))
    rejects = []
    rows = read(path, Conversation, rejects=rejects)
    assert rejects == [] and len({row.conversation_id for row in rows}) == ROWS
    assert {row.conversation[0].role for row in rows} == {"user"}
    assert {row.conversation[0].content for row in rows} == {"Why?"}
    assert sum(bool(row.toxic) for row in rows) == (1 if name == "WildChat-1M" else 0)


# --- outcomes ---

PAIR = {"inferior_score": "cheap/model-7b", "superior_score": "gpt-3.5-dear"}


def router_bench(n):
    row = {
        "sample_id": f"mmlu.{n}",
        "prompt": f"['Answer this.\\nWhich is {n}?']",
        "eval_name": "mmlu",
    }
    for place, model in enumerate(PAIR.values()):
        row[model] = float(n % (2 + place) == 0)
        row[f"{model}|model_response"] = "A"
        row[f"{model}|total_cost"] = 0.5 + place
    return row | {"oracle_model_to_route_to": "no_model_correct"}


def sprout(n):
    row = {"key": n, "dataset": "mmlu", "prompt": f"Which is {n}?", "golden_answer": "A"}
    for place, model in enumerate(PAIR.values()):
        score = float(n % (2 + place) == 0)
        row[model] = {"response": "A", "score": score, "num_input_tokens": 3}
    return row


@pytest.mark.parametrize("make", [router_bench, sprout])
@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_wide_tables_of_outcomes_give_the_two_models_that_are_named(tmp_path, make, suffix):
    if make is sprout and suffix == "csv":
        pytest.skip("its cells are objects, which are published as parquet")
    writer = write_csv if suffix == "csv" else write
    path = writer(tmp_path / f"o.{suffix}", [make(n) for n in range(ROWS)])
    rows = read(path, LabelledPrompt, fields=PAIR)
    assert [row.inferior_score for row in rows] == [float(n % 2 == 0) for n in range(ROWS)]
    assert [row.superior_score for row in rows] == [float(n % 3 == 0) for n in range(ROWS)]
    assert rows[3].p_superior == 1 and rows[0].p_superior == 0
    assert rows[3].prompt.endswith("Which is 3?") and rows[3].category == "mmlu"
    assert rows[0].inferior_model == PAIR["inferior_score"]
    if make is router_bench:
        assert rows[0].superior_cost == 1.5


def test_a_wide_table_without_names_is_answered_with_its_models(tmp_path):
    path = write(tmp_path / "o.jsonl", map(router_bench, range(ROWS)))
    with pytest.raises(RowError, match=r"FIELDS = .*CHEAP.*out of cheap/model-7b, gpt-3.5-dear"):
        read(path, LabelledPrompt)


def harness(n, right):
    return {
        "doc_id": n,
        "doc": {"question": f"{n} and 2?", "answer": f"So.\n#### {n + 2}"},
        "target": f"So.\n#### {n + 2}",
        "arguments": [[f"Q: {n} and 2?\nA:", {"until": ["Q:"]}]],
        "resps": [[f"It is {n + 2}."]],
        "filtered_resps": [str(n + 2)],
        "exact_match": float(right),
    }


def test_two_sample_files_of_the_harness_are_outcomes(tmp_path):
    files = []
    for name, every in (("org__small", 2), ("org__large", 3)):
        folder = tmp_path / name
        folder.mkdir()
        rows = [harness(n, n % every == 0) for n in range(ROWS)]
        files.append(write(folder / "samples_gsm8k_2026-01-02.jsonl", rows))
    graded = read(files[0], Responses)
    assert {row.model for row in graded} == {"org/small"}
    assert graded[5].answer_correct == "7" and graded[5].responses[0].full_response == "It is 7."
    rows = read(f"inferior={files[0]}, superior={files[1]}", LabelledPrompt)
    assert [row.inferior_score for row in rows] == [float(n % 2 == 0) for n in range(ROWS)]
    assert [row.superior_score for row in rows] == [float(n % 3 == 0) for n in range(ROWS)]
    assert rows[1].prompt == "1 and 2?"


def test_two_files_of_llmrouterbench_are_outcomes(tmp_path):
    for name, every in (("small", 2), ("large", 3)):
        records = [
            {
                "index": n,
                "origin_query": f"Which is {n}?",
                "prompt": "…",
                "prediction": str(n),
                "ground_truth": str(n),
                "score": float(n % every == 0),
                "cost": 0.1,
                "prompt_tokens": 3,
                "completion_tokens": 4,
            }
            for n in range(ROWS)
        ]
        file = {"model_name": name, "dataset_name": "aime", "records": records}
        (tmp_path / f"{name}.json").write_text(json.dumps(file))
    pair = f"inferior={tmp_path / 'small.json'}, superior={tmp_path / 'large.json'}"
    rows = read(pair, LabelledPrompt)
    assert len(rows) == ROWS and rows[3].p_superior == 1 and rows[3].category == "aime"
    assert (rows[0].inferior_model, rows[0].superior_model) == ("small", "large")


def test_graded_files_without_a_common_question_are_told(tmp_path):
    one = write(tmp_path / "a.jsonl", [harness(1, True)])
    two = write(tmp_path / "b.jsonl", [harness(2, True)])
    with pytest.raises(sources.SourceError, match="No question is in both"):
        read(f"inferior={one}, superior={two}", LabelledPrompt)
    with pytest.raises(sources.SourceError, match="of two models"):
        read(f"inferior={one}", LabelledPrompt)


# --- none of these ---

OWN = [{"nr": n, "body": {"text": f"What is {n}?"}, "gold": n} for n in range(ROWS)]
NAMES = {"unique_id": "nr", "question": "body.text", "answer_correct": "gold"}


def test_names_are_mapped_by_hand(tmp_path):
    rows = read(write(tmp_path / "q.jsonl", OWN), Question, fields=NAMES)
    assert (rows[2].unique_id, rows[2].question, rows[2].answer_correct) == (
        "2",
        "What is 2?",
        "2",
    )


def test_a_file_of_other_names_says_all_that_are_missing_and_the_nearest(tmp_path):
    rows = [{"uid": n, "query": "Why?", "gold": "so"} for n in range(ROWS)]
    with pytest.raises(RowError) as raised:
        read(write(tmp_path / "q.jsonl", rows), Question)
    told = str(raised.value)
    assert "unique_id" in told and "also missing: question, answer_correct" in told
    assert "the row has uid, query, gold" in told
    guess = 'FIELDS = {"unique_id": "uid", "question": "query", "answer_correct": "gold"}'
    assert guess in told


def test_a_map_of_names_that_are_none_of_ours_is_refused(tmp_path):
    path = write(tmp_path / "q.jsonl", OWN)
    with pytest.raises(
        ValueError, match=r"'unique-id', which is no field.*Did you mean 'unique_id'"
    ):
        read(path, Question, fields={"unique-id": "nr"})
    with pytest.raises(ValueError, match="FIELDS is"):
        read(path, Question, fields={"unique_id": 3})


def test_a_responses_file_without_a_model_takes_the_name_of_the_file(tmp_path):
    row = {
        "unique_id": "1",
        "problem": "What is 2 + 2?",
        "is_mcq": False,
        "choices": None,
        "choice_index_correct": None,
        "explanation_correct": None,
        "answer_correct": "4",
        "category": "sums",
        "responses": [{"full_response": "4"}],
    }
    path = write(tmp_path / "google_gemma-3-4b-it_MATH_500.jsonl", [row])
    (found,) = jsonl.read_rows(path, Responses)
    assert found.model == "google_gemma-3-4b-it"


ANY_KIND = [None, 5, 1.5, True, "x", "", [], {}, [None], ["x"], [[1]], {"a": 1}, "[", "[1, 2",
            "[" * 100_000, [{"role": "user"}], [{"text": "a"}], {"text": ["a"]}]  # fmt: skip
MAY_BE_THERE = ["question", "choices", "options", "answer", "conversation_a", "conversation_b",
                "conversation", "messages", "winner", "turn", "solution", "metrics", "resps",
                "filtered_resps", "arguments", "p_superior"]  # fmt: skip


@pytest.mark.parametrize("shape", published.SHAPES, ids=lambda shape: shape.sets)
def test_a_row_with_the_names_of_a_data_set_and_another_form_is_refused_or_read(shape):
    """Whatever its fields hold: a file is not lost over one row, nor does a KeyError go up."""
    rng = random.Random(0)
    for _ in range(300):
        more = [name for name in MAY_BE_THERE if rng.random() < 0.5]
        row = {name: rng.choice(ANY_KIND) for name in sorted({*shape.has, *more})}
        with contextlib.suppress(schemas.RowError):
            schemas.parse_row(getattr(schemas, shape.row_type), row)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "q", "choices": {"text": ["a"]}, "answerKey": "A"}, "of ARC.*no 'label'"),
        ({"question": "q", "choices": ["a", "b"], "answerKey": "A"}, "of ARC.*of another kind"),
        ({"question": {"text": "q"}, "answerKey": "A"}, "ARC .authors' files.*no 'stem'"),
        ({"Question": "q", "Correct Answer": "a", "Incorrect Answer 1": "b"}, "GPQA.*Answer 2"),
        ({"question": "q", "options": "abc", "answer": "A"}, "field choices: .*valid list"),
        ({"question": "q", "options": {"A": "x"}, "answer": "A"}, "field choices: .*valid list"),
    ],
)
def test_what_differs_from_the_data_set_is_told(tmp_path, row, said):
    path = tmp_path / "questions.jsonl"
    good = {"unique_id": "g", "question": "2 + 2?", "answer_correct": "4"}
    path.write_text("".join(json.dumps(one) + "\n" for one in (good, {"id": "x", **row})))
    rejects = []
    assert [one.unique_id for one in sources.load_asked(str(path), None, rejects)] == ["g"]
    assert [one["line"] for one in rejects] == [2] and re.search(said, rejects[0]["reason"])


def test_options_that_a_cell_holds_as_text_are_read():
    row = {"question": "q", "options": "['a', 'b']", "answer": "B"}
    read = schemas.parse_row(schemas.Question, row)
    assert (read.choices, read.choice_index_correct, read.answer_correct) == (["a", "b"], 1, "b")


def test_votes_in_another_form_cost_themselves_alone(tmp_path):
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    good = {"question_id": "1", "model_a": "a", "model_b": "b", "winner": "tie",
            "conversation_a": talk, "conversation_b": talk}  # fmt: skip
    path = tmp_path / "votes.jsonl"
    bad = good | {"conversation_a": ["q", "a"]}
    path.write_text("".join(json.dumps(one) + "\n" for one in (good, bad)))
    for row_type in (schemas.Vote, schemas.VoteQuestion):
        rejects = []
        assert len(list(sources.load_rows(str(path), row_type, rejects=rejects))) == 1
        assert [one["line"] for one in rejects] == [2]
