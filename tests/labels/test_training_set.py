"""Mixing.

Duplicates by rule, near-duplicates on one side of a split, and a second run that is the same set.
"""

import json
import random
from collections import Counter, defaultdict
from typing import get_args

import pytest

from routerlib.labels import training_set
from routerlib.rows.sameness import text_key
from routerlib.rows.schemas import (
    LABELS,
    ROUTE_TO_INFERIOR,
    ROUTE_TO_SUPERIOR,
    LabelledPrompt,
    RowError,
    Source,
)


def row(prompt, p=0.9, source="llm", name=None, **fields):
    label = LABELS[int(p > 0.5)]
    return LabelledPrompt(
        id=name or prompt[:20], prompt=prompt, label=label, p_superior=p, source=source, **fields
    )


def test_every_source_of_labels_has_its_rank():
    assert sorted(training_set.PRIORITY) == sorted(get_args(Source))


def many(number, seed=0):
    """Random prompts, every fifth a near copy of an earlier one."""
    rng, rows = random.Random(seed), []
    for i in range(number):
        text = " ".join(f"w{rng.randrange(5000)}" for _ in range(30))
        if i % 5 == 4:
            text = rng.choice(rows).prompt + " please"
        rows.append(row(text, rng.random(), name=str(i), category=f"c{i % 3}"))
    return rows


def test_graded_wins_over_people_and_people_over_a_model():
    merged = training_set.merge(
        [row("Why?", 0.9, "llm"), row("why ", 0.8, "human"), row("Why", 0.1, "graded"), row("How?")]
    )
    by_source = {r.source: r for r in merged.rows}
    assert by_source["graded"].label == ROUTE_TO_INFERIOR and len(merged.rows) == 2
    assert (merged.duplicates, merged.conflicts) == (2, 1)


def test_rows_of_one_source_are_averaged():
    (one,) = training_set.merge(
        [row("Why?", 0.9), row("Why?", 0.2, name="b"), row("Why?", 0.3, name="c")]
    ).rows
    assert one.p_superior == pytest.approx(1.4 / 3, abs=1e-6) and one.label == ROUTE_TO_INFERIOR
    assert one.merged_from == 3


def test_two_prompts_of_one_id_both_stay():
    merged = training_set.merge(
        [row("Why?", name="1"), row("How?", name="1"), row("What?", name="1-2")]
    )
    assert len({r.id for r in merged.rows}) == 3


def test_a_source_without_a_rank_is_a_sentence():
    with pytest.raises(training_set.TrainingSetError, match="'llm'"):
        training_set.merge([row("Why?")], priority=("graded",))


def test_no_near_duplicate_sits_in_two_splits():
    rows = training_set.with_splits(training_set.merge(many(600)).rows)
    parts = defaultdict(set)
    for r in rows:
        parts[r.prompt.removesuffix(" please").split(" please")[0]].add(r.split)
    assert max(len(names) for names in parts.values()) == 1
    shares = Counter(r.split for r in rows)
    assert {name: shares[name] / len(rows) for name in shares} == pytest.approx(
        training_set.SHARES, abs=0.03
    )


def test_only_training_rows_are_balanced():
    rows = training_set.with_splits(
        [row(f"{r.prompt} {i}", 0.9 if i % 4 else 0.1) for i, r in enumerate(many(400))]
    )
    balanced = training_set.balance(rows, "downsample")
    count = Counter((r.split, r.label) for r in balanced)
    assert count["train", ROUTE_TO_INFERIOR] == count["train", ROUTE_TO_SUPERIOR] > 0
    assert [r for r in balanced if r.split != "train"] == [r for r in rows if r.split != "train"]
    assert training_set.balance(rows, "none") == rows


@pytest.mark.parametrize(
    ("how", "word"), [("upsample", "upsample"), ("downsample", ROUTE_TO_INFERIOR)]
)
def test_a_balance_that_cannot_be_is_a_sentence(how, word):
    with pytest.raises(training_set.TrainingSetError, match=word):
        training_set.balance([row("Why?"), row("How?")], how)


def made(folder, rows):
    return training_set.write_training_set(
        training_set.with_splits(training_set.merge(rows).rows, seed=1),
        folder,
        {"labeller": {"model": "m"}},
    )


def test_the_same_rows_in_another_order_are_the_same_set(tmp_path):
    rows = many(200)
    first = made(tmp_path / "a", rows)
    random.Random(3).shuffle(rows)
    assert made(tmp_path / "b", rows) == first
    assert made(tmp_path / "c", rows[1:])["dataset_sha256"] != first["dataset_sha256"]


def test_the_files_are_one_set_and_its_two_halves_and_the_card_proves_them(tmp_path):
    card = made(tmp_path, many(200))
    sizes = {name: file["rows"] for name, file in card["files"].items()}
    assert (
        sizes["router_dataset_all.jsonl"] == card["rows"] == sum(card["counts"]["label"].values())
    )
    assert sizes["router_dataset_inferior.jsonl"] == card["counts"]["label"][ROUTE_TO_INFERIOR]
    assert sizes["router_dataset_superior.jsonl"] == card["counts"]["label"][ROUTE_TO_SUPERIOR]
    assert training_set.verify(tmp_path) == []
    text = (tmp_path / training_set.CARD_TEXT).read_text()
    assert card["dataset_sha256"] in text and '"model": "m"' in text
    with open(tmp_path / "router_dataset_superior.jsonl", "a") as file:
        file.write("\n")
    (tmp_path / "router_dataset_inferior.jsonl").unlink()
    assert sorted(training_set.verify(tmp_path)) == [
        "router_dataset_inferior.jsonl is missing.",
        "router_dataset_superior.jsonl is not the file of the card: its contents differ.",
    ]


def test_nothing_to_write_is_a_sentence(tmp_path):
    with pytest.raises(training_set.TrainingSetError, match="no labelled prompts"):
        training_set.write_training_set([], tmp_path, {})


def test_agreement_of_sources_counts_shared_prompts_only():
    rows = [
        row("a b c", 0.9, "llm"),
        row("A b c.", 0.1, "human"),
        row("d", 0.9, "llm"),
        row("d", 0.8, "human"),
        row("e"),
    ]
    table = {(one.first, one.second): one for one in training_set.agreement_rows(rows)}
    assert table["human", "llm"].prompts == 2 and table["human", "llm"].agreement == 0.5
    assert table["human", "llm"].low < 0.5 < table["human", "llm"].high
    assert list(table) == [("human", "llm")], "of sources that are not there, nothing is said"
    rows.append(row("f", 0.5, "graded"))
    table = {(one.first, one.second): one for one in training_set.agreement_rows(rows)}
    assert table["graded", "llm"].agreement is None


def test_conversations_are_merged_by_their_whole_text():
    talk = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    one, two = (
        LabelledPrompt(id=i, prompt=talk, label=LABELS[0], p_superior=0, source="llm") for i in "xy"
    )
    assert len(training_set.merge([one, two, row("c")]).rows) == 2
    assert text_key("c") != text_key("user: a\n\nassistant: b\n\nuser: c")


def test_a_card_of_a_later_format_is_not_checked(tmp_path):
    card = {"routerlib_format": 2, "files": {}}
    (tmp_path / training_set.CARD).write_text(json.dumps(card))
    with pytest.raises(RowError, match="format 2"):
        training_set.verify(tmp_path)


def test_rows_that_contradict_each_other_evenly_go_to_the_cheap_model():
    (one,) = training_set.merge([row("Why?", 0.9), row("Why?", 0.1, name="b")]).rows
    assert one.p_superior == 0.5 and one.label == ROUTE_TO_INFERIOR


def test_rows_without_a_split_are_training_rows_when_labels_are_evened_out():
    rows = [row(f"hard {i}", 0.9, name=f"h{i}") for i in range(9)] + [row("easy", 0.1)]
    rows += [row("tested", 0.9, split="test")]
    kept = training_set.balance(rows, "downsample")
    assert sorted(one.prompt.split()[0] for one in kept) == ["easy", "hard", "tested"]
