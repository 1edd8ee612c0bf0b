"""Data sets on the hub, read by the real clients from a hub on this machine; one process answers
for all cases.
"""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hub_standin import MEMBER, VISITOR, HubStandin, Repository

from routerlib.rows import hub, sources

WORKER = Path(__file__).with_name("hub_worker.py")
SECRET = "hf_plantedSecret9f3a"


def parquet(rows, group=100):
    data = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), data, row_group_size=group)
    return data.getvalue()


def jsonl_bytes(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def readme(**configs):
    """Front matter with a licence, and for each configuration its splits and files."""
    lines = ["---", "license: cc-by-4.0"]
    if configs:
        lines.append("configs:")
    for name, splits in configs.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, path in splits.items():
            lines += [f"  - split: {split}", f"    path: {path}"]
    return "\n".join([*lines, "---", "", "Rows made for a test.", ""]).encode()


def vote(number, winner="model_a"):
    said = [{"role": "user", "content": f"Question {number}?"}]
    return {
        "question_id": 81 + number % 80,
        "model_a": "gpt-4",
        "model_b": "llama-13b",
        "winner": winner,
        "judge": "expert_1",
        "conversation_a": said,
        "conversation_b": said,
        "turn": 1,
    }


def chat(number):
    noise = os.urandom(120).hex()  # random: a file as large as its text
    said = [
        {"role": "user", "content": f"Please explain number {number} to me."},
        {"role": "assistant", "content": noise},
    ]
    return {
        "conversation_id": f"c{number}",
        "model": "vicuna-13b",
        "conversation": said,
        "turn": 1,
        "language": "English",
        "openai_moderation": [{"flagged": False}],
        "redacted": False,
    }


def maths(number):
    return {
        "problem": f"What is ${number} + 1$?",
        "solution": f"It is {number + 1}.",
        "answer": str(number + 1),
        "subject": "Algebra",
        "level": 1,
        "unique_id": f"test/{number}.json",
    }


def choice(number):
    options = [str(number + step) for step in range(10)]
    return {
        "question_id": number,
        "question": f"Which is {number} + 3?",
        "options": options,
        "answer": "D",
        "answer_index": 3,
        "cot_content": "",
        "category": "math",
    }


def chats(shards=3, each=400, **trouble):
    files = {
        f"data/train-{shard:05d}-of-{shards:05d}.parquet": parquet(
            [chat(shard * each + number) for number in range(each)]
        )
        for shard in range(shards)
    }
    return Repository({"README.md": readme(), **files}, **trouble)


def own_questions(**trouble):
    rows = [
        {"unique_id": str(n), "question": f"What is {n} + {n}?", "answer_correct": str(2 * n)}
        for n in range(30)
    ]
    return Repository({"README.md": readme(), "questions.jsonl": jsonl_bytes(rows)}, **trouble)


def repositories():
    sums = [{"question": f"{n} pears and 2?", "answer": f"So.\n#### {n + 2}"} for n in range(40)]
    both = {"train": parquet(sums[:30]), "test": parquet(sums[30:])}
    data = {
        "lmsys/mt_bench_human_judgments": Repository(
            {
                "README.md": readme(default={"human": "data/human-*", "gpt4_pair": "data/gpt4*"}),
                "data/human-0.parquet": parquet([vote(n) for n in range(60)]),
                "data/gpt4_pair-0.parquet": parquet([vote(n, "tie") for n in range(40)]),
            }
        ),
        "lmsys/lmsys-chat-1m": chats(gated=True),
        "HuggingFaceH4/MATH-500": Repository(
            {"README.md": readme(), "test.jsonl": jsonl_bytes([maths(n) for n in range(50)])},
            tags=("v1.0",),
        ),
        "TIGER-Lab/MMLU-Pro": Repository(
            {
                "README.md": readme(
                    default={"test": "data/test-*", "validation": "data/validation-*"}
                ),
                "data/test-0.parquet": parquet([choice(n) for n in range(70, 140)]),
                "data/validation-0.parquet": parquet([choice(n) for n in range(5)]),
            }
        ),
        "openai/gsm8k": Repository(
            {
                "README.md": readme(
                    main={"train": "main/train-*", "test": "main/test-*"},
                    socratic={"train": "socratic/train-*", "test": "socratic/test-*"},
                ),
                **{
                    f"{config}/{split}-0.parquet": rows
                    for config in ("main", "socratic")
                    for split, rows in both.items()
                },
            }
        ),
        "someone/private": own_questions(private=True),
        "someone/empty": Repository({"README.md": readme()}),
        # A hash that holds 401 and 403, and a hub in trouble: neither is a refusal.
        "someone/down": own_questions(broken=500, commit="401403" + "a" * 34),
        "someone/gated-and-down": chats(1, 30, gated=True, broken=503, commit="4" * 34 + "014031"),
        **{
            f"someone/hiccups-{status}": chats(hiccup=3, hiccup_status=status)
            for status in (0, 429, 503)
        },
    }
    return {("dataset", name): repository for name, repository in data.items()}


class Reader:
    """A process whose clients know one hub; `read` gives what it read, or the sentence of its
    error.
    """

    def __init__(self, url, folder, hurry=True):
        self.folder = folder
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("HF_")
        }
        environment |= {
            "HF_ENDPOINT": url,
            "HF_HOME": str(folder / "home"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "ROUTERLIB_OUTPUTS": str(folder / "outputs"),
            "HURRY": "1" if hurry else "",
        }
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(folder / "stderr.txt", "wb"),  # noqa: SIM115 - closed with the process
            env=environment,
            text=True,
        )

    def read(self, source, row_type="Question", limit=None, token=None, **more):
        order = {"source": source, "row_type": row_type, "limit": limit, "token": token, **more}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def error(self, *args, **more):
        answer = self.read(*args, **more)
        assert "error" in answer, f"read {answer.get('rows')} rows"
        return answer["error"]

    @property
    def said(self):
        return (self.folder / "stderr.txt").read_text()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def site():
    with HubStandin(repositories()) as server:
        yield server


@pytest.fixture(scope="module")
def reader(site, tmp_path_factory):
    worker = Reader(site.url, tmp_path_factory.mktemp("hub"))
    yield worker
    worker.close()


# --- what is read ---


def test_votes_are_read_by_split_and_without_one_the_humans(reader):
    assert reader.read("lmsys/mt_bench_human_judgments", "Vote")["rows"] == 60
    assert reader.read("lmsys/mt_bench_human_judgments@human", "Vote")["rows"] == 60
    pairs = reader.read("lmsys/mt_bench_human_judgments@gpt4_pair", "Vote")
    assert pairs["rows"] == 40 and pairs["first"]["winner"] == "tie"


def test_questions_of_several_data_sets_follow_each_other(reader):
    both = reader.read("HuggingFaceH4/MATH-500, TIGER-Lab/MMLU-Pro@test")
    assert both["rows"] == 120 and both["first"]["answer_correct"] == "1"
    few = reader.read("HuggingFaceH4/MATH-500[:3], TIGER-Lab/MMLU-Pro@validation[:2]")
    assert few["rows"] == 5 and few["last"]["choice_index_correct"] == 3


def test_a_configuration_and_a_split_are_honoured(reader):
    found = reader.read("openai/gsm8k:main@test")
    assert found["rows"] == 10 and found["first"]["answer_correct"] == "32"


@pytest.mark.parametrize(
    "address",
    [
        "https://huggingface.co/datasets/HuggingFaceH4/MATH-500",
        "https://huggingface.co/datasets/HuggingFaceH4/MATH-500/viewer/default/test?row=3",
        "https://huggingface.co/datasets/HuggingFaceH4/MATH-500/tree/main",
    ],
)
def test_the_address_of_a_page_is_a_name(reader, address):
    assert reader.read(address, limit=2)["rows"] == 2


def test_a_revision_can_be_fixed(reader, site):
    sha = site.repositories["dataset", "HuggingFaceH4/MATH-500"].sha
    for revision in ("v1.0", sha):
        assert reader.read(f"HuggingFaceH4/MATH-500#{revision}", limit=1)["rows"] == 1
    told = reader.error("HuggingFaceH4/MATH-500#v9")
    assert "has no such revision" in told and "datasets/HuggingFaceH4/MATH-500" in told


def test_a_gated_data_set_is_read_with_a_token_that_was_let_in(reader):
    for token in (MEMBER, f"  {MEMBER}\r\n"):
        assert reader.read("lmsys/lmsys-chat-1m@train", "Conversation", 5, token)["rows"] == 5


def test_a_card_learns_revision_split_and_licence(reader, site):
    reader.read("TIGER-Lab/MMLU-Pro@validation")
    (card,) = reader.read("TIGER-Lab/MMLU-Pro@validation", describe=True)["description"]
    sha = site.repositories["dataset", "TIGER-Lab/MMLU-Pro"].sha
    assert (card["id"], card["split"], card["revision"]) == (
        "TIGER-Lab/MMLU-Pro",
        "validation",
        sha,
    )
    assert card["license"] == "cc-by-4.0"


# --- why something is not read ---


def test_a_gated_data_set_without_a_token_names_page_and_variable(reader):
    told = reader.error("lmsys/lmsys-chat-1m@train", "Conversation")
    assert "is gated" in told and "datasets/lmsys/lmsys-chat-1m" in told and "set HF_TOKEN" in told


def test_terms_that_were_not_accepted_are_told_apart_from_no_token(reader):
    told = reader.error("lmsys/lmsys-chat-1m@train", "Conversation", token=VISITOR)
    assert "has not been let in" in told and "set HF_TOKEN" not in told


@pytest.mark.parametrize("source", ["HuggingFaceH4/MATH-500", "lmsys/lmsys-chat-1m"])
def test_an_expired_token_is_told_as_that_also_on_a_public_data_set(reader, source):
    told = reader.error(source, "Conversation" if "chat" in source else "Question", token="hf_old")
    assert "does not accept HF_TOKEN" in told and "is gated" not in told and "hf_old" not in told


@pytest.mark.parametrize("token", [f"{SECRET} x", f'{SECRET}"x', f"{SECRET}é", f"{SECRET}\tx"])
def test_a_token_that_is_none_is_told_and_never_shown(reader, token):
    told = reader.error("lmsys/lmsys-chat-1m@train", "Conversation", token=token)
    assert "holds a sign that no token has" in told
    assert SECRET not in told and SECRET not in reader.said


def test_a_private_data_set_speaks_of_the_token(reader):
    assert "or it is private" in reader.error("someone/private")
    assert "account of HF_TOKEN" in reader.error("someone/private", token=VISITOR)
    assert reader.read("someone/private", token=MEMBER)["rows"] == 30


def test_an_unknown_data_set_is_told(reader):
    assert "There is no data set someone/nothing" in reader.error("someone/nothing")


def test_a_wrong_split_or_configuration_is_told_with_the_right_ones(reader):
    told = reader.error("TIGER-Lab/MMLU-Pro@tset")
    assert "no split 'tset'. It has TIGER-Lab/MMLU-Pro@test, TIGER-Lab/MMLU-Pro@validation" in told
    told = reader.error("openai/gsm8k:mian@test")
    assert "no configuration 'mian'. It has openai/gsm8k:main@test, openai/gsm8k:soc" in told
    told = reader.error("openai/gsm8k")
    assert "several configurations. Name one of them: openai/gsm8k:main, openai/gsm8k:so" in told
    assert "load_dataset" not in told and "Without a way to the hub" not in told


def test_an_empty_repository_is_told(reader):
    told = reader.error("someone/empty")
    assert "holds no file of rows" in told and "Without a way" not in told


@pytest.mark.parametrize("token", [None, MEMBER])
def test_a_hub_in_trouble_is_not_taken_for_a_refusal(reader, token):
    told = reader.error("someone/down", token=token)
    assert "in trouble (status 500)" in told and "gated" not in told


def test_trouble_behind_the_gate_is_trouble(reader):
    told = reader.error("someone/gated-and-down", "Conversation", token=MEMBER)
    assert "in trouble (status 503)" in told and "gated." not in told


# --- streams that break ---


@pytest.mark.parametrize("status", [0, 429, 503])
def test_a_hub_with_hiccups_loses_and_doubles_no_row(reader, status):
    found = reader.read(f"someone/hiccups-{status}", "Conversation")
    assert found["rows"] == 1200 and found["distinct"] == 1200


def test_a_hub_that_goes_away_is_told_soon_and_the_reading_goes_on_from_there(tmp_path):
    repository = chats(3, 600, stops_after=400_000)
    with HubStandin({("dataset", "some/chats"): repository}) as site:
        worker = Reader(site.url, tmp_path, hurry=False)
        told = worker.error("some/chats", "Conversation")
        # The client's five tries take 23 s; loading torch and `datasets` before may take as long.
        assert time.monotonic() - site.left_at < 45
        assert "does not answer" in told and "rows that were read are kept" in told
        assert "The hub does not answer while some/chats is read" in worker.said
        (path,) = (tmp_path / "outputs/hub").glob("*.jsonl")
        kept = path.read_bytes().count(b"\n")
        assert 500 < kept < 1800
        # What was kept is enough for a smaller reading, in a new process and with the hub away.
        worker.close()
        worker = Reader(site.url, tmp_path)
        again = worker.read("some/chats", "Conversation", limit=500)
        assert again["rows"] == 500 and "as it was read before" in worker.said
        repository.stops_after, site.is_gone, asked = 0, False, len(site.log)
        whole = worker.read("some/chats", "Conversation")
        assert whole["rows"] == 1800 and whole["distinct"] == 1800
        first = [path for verb, path, _ in site.log[asked:] if verb == "GET" and "00000-of" in path]
        assert kept < 1000 or not first  # a shard that was read is not fetched again
        worker.close()


def test_what_was_read_whole_needs_no_hub(tmp_path):
    with HubStandin({("dataset", "some/questions"): own_questions()}) as site:
        worker = Reader(site.url, tmp_path)
        assert worker.read("some/questions")["rows"] == 30
        worker.close()
        site.is_gone = True
        worker = Reader(site.url, tmp_path)
        assert worker.read("some/questions")["rows"] == 30
        (card,) = worker.read("some/questions", describe=True)["description"]
        assert len(card["revision"]) == 40
        told = worker.error("some/others")
        assert "does not answer" in told and "download it elsewhere" in told
        worker.close()


# --- names ---


def test_names_are_taken_apart_and_put_together():
    name = hub.hub_name("openai/gsm8k:main@test#e53f048")
    assert name == hub.HubName("openai/gsm8k", "main", "test", "e53f048")
    assert str(name) == "openai/gsm8k:main@test#e53f048"
    assert hub.hub_name("just-a-word") is None and hub.hub_name("a/b/c.jsonl") is None
    pinned = hub.hub_name("https://huggingface.co/datasets/openai/gsm8k/tree/e53f048?x=1")
    assert pinned == hub.HubName("openai/gsm8k", revision="e53f048")
    with pytest.raises(hub.HubError, match="is no data set"):
        hub.hub_name("https://huggingface.co/google-bert/bert-base-uncased")
    assert hub.model_id("https://huggingface.co/google-bert/bert-base-uncased") == (
        "google-bert/bert-base-uncased"
    )


@pytest.mark.parametrize("bare", ["gsm8k", "gsm8k:main@test"])
def test_a_name_without_owner_is_answered_with_the_owner(bare):
    with pytest.raises(sources.SourceError, match="owner: openai/gsm8k:main"):
        list(sources.load_rows(bare, sources.schemas.Question))
