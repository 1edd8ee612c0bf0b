"""Cleaning over several machines keeps what one process keeps, wherever duplicates stand."""

import contextlib
import importlib
import json
import random

import numpy as np
import pytest

from routerlib.cluster import blocks, cleaners
from routerlib.cluster.blocks import Blocks
from routerlib.labels import cleaned, cleaning
from routerlib.rows import jsonl
from routerlib.rows.sameness import NearIndex, text_key, tokens
from routerlib.rows.schemas import Conversation, VoteQuestion

WORDS = ["router", "prompt", "one", "model", "says", "what", "costs", "quality", "and", "so", "on"]


@pytest.fixture
def here(monkeypatch):
    """A cluster that is this process."""

    def work(self, machines, worker, arguments, label="", show=True, source=""):
        module, _, name = worker.partition(":")
        made = getattr(importlib.import_module(module), name)(**arguments)
        for number in range(self.count):
            items = [value["item"] for _, value in jsonl.read_values(self._file(number))]
            results = [{"result": result} for result in made(items)]
            jsonl.write_rows(blocks._results(self._file(number)), results)

    monkeypatch.setattr(Blocks, "work", work)
    monkeypatch.setattr(cleaners, "joined", lambda cluster: contextlib.nullcontext(None))


def conversation(number, text, **more):
    return Conversation(
        conversation_id=f"c{number}", conversation=[{"role": "user", "content": text}], **more
    )


def texts(count, rng):
    """Texts of which many repeat an earlier one, exactly, nearly, or by a chain of near ones."""
    found = []
    for _ in range(count):
        kind = rng.random()
        if kind < 0.4 or not found:
            found.append(" ".join(rng.choices(WORDS, k=rng.randint(8, 40))))
        elif kind < 0.6:
            found.append(rng.choice(found) + rng.choice(["", ".", " ", "?"]))
        else:
            words = rng.choice(found).split()
            words[rng.randrange(len(words))] = rng.choice(WORDS)
            found.append(" ".join(words))
    return found


def both(rows, filters, evaluation=None):
    """(rows, report) of one process, and of many."""
    outcomes = []
    for cluster in (None, "here"):
        report = cleaning.Report()
        kept = list(cleaners.clean(iter(rows), filters, report, evaluation, cluster))
        outcomes.append((kept, report))
    return outcomes


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("near", [0.6, 0.8, 1.5])
def test_the_same_prompts_are_kept_as_by_one_process(here, outputs, seed, near, monkeypatch):
    monkeypatch.setattr(cleaners, "BLOCK", 17)
    rng = random.Random(seed)
    rows = [
        conversation(number % 90, text, language=rng.choice(["English", "German"]))
        for number, text in enumerate(texts(300, rng))
    ]
    (one, report), (many, same) = both(rows, cleaning.Filters(near_duplicate=near))
    assert [row.model_dump_json() for row in many] == [row.model_dump_json() for row in one]
    assert same.counts() == report.counts() and same.examples == report.examples
    assert (same.read, same.kept) == (report.read, report.kept)
    assert report.dropped[cleaning.EXACT] and bool(report.dropped[cleaning.NEAR]) == (near <= 1)
    assert not (outputs / "datasets" / ".cleaning").exists()


def test_questions_are_kept_out_by_words_and_by_meaning(here, outputs):
    questions = [
        VoteQuestion(question_id="1", category="maths", turns=["What is the sum of two and two?"])
    ]

    def embed(sentences):
        made = np.array([[len(text), 20.0 + text.count("a")] for text in sentences], dtype=float)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    evaluation = cleaning.Evaluation(
        questions, embed=embed, similarity=0.9999, category_similarity=0.9
    )
    rows = [conversation(n, text) for n, text in enumerate(texts(60, random.Random(1)))]
    rows.append(conversation(99, "Tell me: what is the sum of two and two?"))
    (one, report), (many, same) = both(rows, cleaning.Filters(), evaluation)
    assert [row.model_dump_json() for row in many] == [row.model_dump_json() for row in one]
    assert same.counts() == report.counts() and report.dropped[cleaning.SHARED_WORDS]
    assert {row.category for row in many} >= {"maths"}


def test_where_nothing_is_left_it_is_told(here, outputs):
    with pytest.raises(cleaning.CleaningError, match="No prompt came through"):
        both([conversation(1, "short")], cleaning.Filters())
    with pytest.raises(cleaning.CleaningError, match="No prompt came through"):
        list(cleaners.clean(iter([]), cleaning.Filters(), cleaning.Report(), None, "here"))


def test_an_interrupted_run_goes_on_and_tells_what_one_run_tells(
    here, outputs, tmp_path, monkeypatch
):
    """Bad rows are counted though the good ones are spooled already; a changed file is read."""
    file, how = tmp_path / "talks.jsonl", {"encoder": "", "languages": ""}
    lines = [conversation(n, text).model_dump_json(exclude_unset=True)
             for n, text in enumerate(texts(60, random.Random(2)))]  # fmt: skip
    file.write_text("\n".join([*lines, "broken"]) + "\n")

    def interrupted_then_whole(name):
        with monkeypatch.context() as patch:
            patch.setattr(Blocks, "work", interrupt)
            with pytest.raises(KeyboardInterrupt):
                cleaners.clean_file(file, tmp_path / "many.jsonl", cluster="here", **how)
        if name == "changed":
            file.write_text("\n".join(["broken", *reversed(lines)]) + "\n")
        one = cleaned.clean_file(file, tmp_path / "one.jsonl", **how)
        many = cleaners.clean_file(file, tmp_path / "many.jsonl", cluster="here", **how)
        assert many.counts() == one.counts() and many.dropped[cleaning.BROKEN] == 1
        for ending in (".jsonl", ".rejects.jsonl"):
            whole = (tmp_path / f"one{ending}").read_bytes()
            assert (tmp_path / f"many{ending}").read_bytes() == whole, (name, ending)

    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    interrupted_then_whole("same")
    interrupted_then_whole("changed")


def test_groups_link_what_shares_a_band_or_a_key(tmp_path):
    index = NearIndex(0.8)
    given = ["one two three four five six", "one two three four five six.", "quite another text",
             "one two three four five six", "alone and far from all of them"]  # fmt: skip
    marks = cleaners.Marks(tmp_path, 6)
    for place, text in enumerate(given):
        marks.note(place, text_key(text), index.sketch(tokens(text)))
    assert [group.tolist() for group in marks.groups()] == [[0, 1, 3]]
    marks.remove()
    assert not marks.folder.exists()


def test_a_row_without_a_language_stays_one(here, outputs):
    rows = [conversation(1, "A prompt that names no language at all.")]
    (one, _), (many, _) = both(rows, cleaning.Filters(languages=("German",)))
    assert len(one) == len(many) == 1


@pytest.mark.real
def test_two_nodes_write_the_file_that_one_process_writes(cluster, outputs, tmp_path):
    file = tmp_path / "talks.jsonl"
    found = texts(2500, random.Random(7))
    lines = [conversation(n, text).model_dump_json(exclude_unset=True)
             for n, text in enumerate(found)]  # fmt: skip
    file.write_text("\n".join([*lines, "broken"]) + "\n")
    how = {"encoder": "", "languages": ""}
    one = cleaned.clean_file(file, tmp_path / "one.jsonl", **how)
    many = cleaners.clean_file(file, tmp_path / "many.jsonl", cluster="auto", **how)
    assert (tmp_path / "many.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert many.counts() == one.counts() and many.dropped[cleaning.BROKEN] == 1
    assert json.loads((tmp_path / "many.jsonl").read_text().splitlines()[0])["id"] == "c0"


def test_two_runs_do_not_share_their_hidden_folder(here, outputs):
    """Whatever their outputs are: the folder is one."""
    rows = [conversation(number, f"What is the number {number}?") for number in range(3)]
    first = cleaners.clean(iter(rows), cleaning.Filters(), cleaning.Report(), None, "here")
    assert next(first).prompt == "What is the number 0?"
    second = cleaners.clean(iter(rows), cleaning.Filters(), cleaning.Report(), None, "here")
    with pytest.raises(jsonl.FileInUse, match="another process"):
        next(second)
    assert len(list(first)) == 2, "the second has taken nothing from the first"
    again = cleaners.clean(iter(rows), cleaning.Filters(), cleaning.Report(), None, "here")
    assert len(list(again)) == 3


def test_answers_of_a_log_are_counted_as_by_one_process(here, outputs):
    answer = {"full_response": "So.", "model": "m"}
    later = [{"role": "user", "content": "And then, what comes after that?"}]
    talk = [{"role": "user", "content": "What is a router for, in one line?"}]
    rows = [
        conversation(0, "What is the number 0, in words?", logged=answer),
        conversation(1, "What is the number 1, in words?"),
        Conversation(conversation_id="c2", conversation=[*talk, *later], logged=answer),
    ]
    (_, report), (_, same) = both(rows, cleaning.Filters(languages=""))
    assert (report.answered, report.other_answers) == (1, 1)
    assert (same.answered, same.other_answers) == (1, 1)
