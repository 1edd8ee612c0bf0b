"""Kinds of prompts: like words go together, and few prompts stay together."""

from routerlib.labels.kinds import name_kinds

TOPICS = {
    "garden": "Which plant grows in a shady garden beside the {} tomato?",
    "train": "When does the train from the {} station leave for the harbour?",
}


def texts(number):
    colours = ("red", "old", "tall", "quiet", "northern")
    return [
        (topic, text.format(colours[n % 5]))
        for n in range(number)
        for topic, text in TOPICS.items()
    ]


def test_prompts_of_like_words_are_one_kind_named_by_them():
    rows = texts(30)
    kinds = name_kinds([text for _, text in rows])
    by_topic = {topic: {kind for (name, _), kind in zip(rows, kinds, strict=True) if name == topic}
                for topic in TOPICS}  # fmt: skip
    assert all(len(found) == 1 for found in by_topic.values())
    assert by_topic["garden"] != by_topic["train"]
    assert "plant" in next(iter(by_topic["garden"])) or "garden" in next(iter(by_topic["garden"]))
    assert kinds == name_kinds([text for _, text in rows])


def test_few_prompts_and_prompts_without_words_stay_together():
    assert name_kinds(["Hi"] * 20) == ["all"] * 20
    assert set(name_kinds([str(number) for number in range(80)])) == {"all"}
    assert name_kinds([]) == []
