"""When two texts are the same: print is looked through, words, numbers and operators are not."""

import numpy as np
import pytest

from routerlib.rows import sameness


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 2+2?", "what  is 2 + 2"),
        ("“Why?”", '"why?"'),
        ("It’s late", "it's late"),
        ("Ｗｈａｔ　ｉｓ　２？", "what is 2?"),
        ("What\u200b is\ufeff it", "what is it"),
        ("Find $x + 1$.", "Find x + 1."),
        ("Find $$x + 1$$", "Find x + 1"),
        (r"Find \(x + 1\)", "Find x + 1"),
        ("什么是水。", "什么是水"),
        ("7 × 8", "7 * 8"),
        ("5 − 3", "5 - 3"),
    ],
)
def test_texts_that_differ_in_print_alone_share_a_key(one, other):
    assert sameness.text_key(one) == sameness.text_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 7*8?", "What is 7+8?"),
        ("什么是水", "什么是火"),
        ("What is 2 + 2?", "What is 2 + 3?"),
        ("Pay $5", "Pay €5"),
        ("not now", "now not"),
    ],
)
def test_texts_that_say_something_else_do_not(one, other):
    assert sameness.text_key(one) != sameness.text_key(other)


def test_words_are_taken_apart_and_chinese_sign_by_sign():
    assert sameness.tokens("What is 7*8?") == ("what", "is", "7", "*", "8", "?")
    assert sameness.tokens("水 is 水と火") == ("水", "is", "水", "と", "火")


def test_long_chinese_texts_that_differ_a_little_are_near():
    text = "请用简单的语言解释一下光合作用的过程以及它对地球生态系统的重要意义并且举三个例子说明"
    index = sameness.NearIndex(0.8)
    index.remember(index.sketch(sameness.tokens(text)))
    assert index.near(index.sketch(sameness.tokens(text.replace("三个", "四个")))) == [0]
    assert index.near(index.sketch(sameness.tokens(text[::-1]))) == []


def test_near_groups_follow_chains():
    base = [f"w{i}" for i in range(60)]
    chain = [" ".join(base[i : i + 54]) for i in (0, 3, 6)]  # neighbours are near, the ends less so
    groups = sameness.near_groups([chain[0], "something else entirely", chain[2], chain[1]], 0.75)
    assert groups.tolist() == [0, 1, 0, 0]
    assert sameness.near_groups([], 0.75).tolist() == []


def test_equal_texts_are_one_group_even_where_no_three_words_are_shared():
    groups = sameness.near_groups(["Why?", "How?", "why", "!!", "Why"])
    assert groups.tolist() == [0, 1, 0, 3, 0]
    assert sameness.near_groups([]).tolist() == []


@pytest.mark.parametrize(("alike", "is_near"), [(48, True), (47, False)])
def test_a_text_as_like_as_the_threshold_is_near(alike, is_near):
    """48 of 60 values are 0.8."""
    index = sameness.NearIndex(0.8)
    sketch = np.arange(sameness.BANDS * sameness.ROWS, dtype=np.uint32)
    index.remember(sketch)
    other = sketch.copy()
    other[alike:] += 1000
    assert index.near(other) == ([0] if is_near else [])
