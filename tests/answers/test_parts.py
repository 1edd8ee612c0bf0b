"""The part of an output that answers its question, and whether the output is whole."""

import pytest

from routerlib.answers.parts import LONG, end_of_thought, is_cut_off, own_part
from routerlib.rows.end_marks import END_MARKS


@pytest.mark.parametrize(
    "name", ["think", "thinking", "thought", "reasoning", "scratchpad", "analysis"]
)
@pytest.mark.parametrize("dress", ["<{}>|</{}>", "[{}]|[/{}]", "◁{}▷|◁/{}▷", "<|{}|>|<|/{}|>"])
def test_thinking_in_any_tag_is_no_answer(name, dress):
    opening, closing = (
        (part.format(name) for part in dress.split("|", 1))
        if "<|" not in dress
        else (
            f"<|{name}|>",
            f"<|/{name}|>",
        )
    )
    assert own_part(f"{opening}first 7, then{closing}It is 8.").strip() == "It is 8."
    assert own_part(f"{opening}first 7, then").strip() == ""
    assert own_part(f"first 7, then{closing} It is 8.").strip() == "It is 8."


def test_a_model_that_says_nothing_behind_its_thinking_has_answered_in_it():
    assert "7" in own_part("<think>It is 7.</think>\n")


def test_of_channels_the_final_one_counts():
    told = (
        "<|channel|>analysis<|message|>7?<|end|>"
        "<|start|>assistant<|channel|>final<|message|>8<|return|>"
    )
    assert own_part(told) == "8"
    assert own_part("<|channel|>analysis<|message|>7? Perhaps") == ""
    assert own_part("analysisIt may be 7.assistantfinalIt is 8.") == "It is 8."
    assert own_part("analysis shows 8") == "analysis shows 8"


@pytest.mark.parametrize("token", END_MARKS)
def test_what_stands_behind_the_end_of_a_turn_is_no_answer(token):
    assert own_part(f"It is 8.{token}user: and 9?") == "It is 8."


def test_the_end_mark_that_is_an_html_tag_counts_only_at_the_end():
    assert own_part("It is <s>7</s> 8.") == "It is <s>7</s> 8."
    assert own_part("It is 8.</s>\nUser: and 9?") == "It is 8."


@pytest.mark.parametrize(
    "text, inside",
    [
        ("so <answer>8</answer>", "8"),
        ("so <final_answer> 8", " 8"),
        ("<answer>7</answer> no, <answer>8</answer>", "8"),
        ('{"answer": 8}', "8"),
        ('{"why": "7 + 1", "final_answer": "8"}', "8"),
        ('{"result": {"answer": "8"}}', "8"),
        ("```json\n{'solution': '8'}\n```", "8"),
        ('{"why": "7 + 1"}', '{"why": "7 + 1"}'),
        ("the set {1: 2}", "the set {1: 2}"),
    ],
)
def test_of_an_answer_in_tags_or_json_the_inside_counts(text, inside):
    assert own_part(text) == inside


SENTENCE = "The parts are added one after the other. " * 12


@pytest.mark.parametrize(
    "tail, finish, cut_off",
    [
        ("so we", None, True),
        ("so it is 24", None, False),
        ("so it is \\boxed{24}", None, False),
        ("这就是答案。", None, False),
        ("so we", "stop", False),
        ("so we are done.", "length", True),
        ("around " * 40, None, True),
    ],
)
def test_an_output_is_whole_or_cut_off(tail, finish, cut_off):
    text = SENTENCE + tail
    assert len(text) > LONG and is_cut_off(text, text, finish) is cut_off


def test_a_long_output_that_ends_in_a_whole_option_is_whole():
    options = ["red light", "violet light"]
    for end, cut_off in (("B. violet light", False), ("B. vio", True)):
        text = f"{SENTENCE}\n\nTherefore it is:\n\n{end}"
        assert is_cut_off(text, text, None, options) is cut_off


def test_a_short_output_is_whole():
    assert not is_cut_off("It is 8", "It is 8", None)


@pytest.mark.parametrize(
    ("text", "finish_reason", "end"),
    [
        ("<think>\nIt is 7.\nSo the answer is 7", "stop", "So the answer is 7"),
        ("<think>\nIt is 7.\nSo the answer is 7<|im_end|>", "eos", "So the answer is 7"),
        ("<think>\nIt is 7.\nSo the answer is 7", "length", ""),
        ("<think>\nIt is 7.\nSo the answer is 7", None, ""),
        ("So the answer is 7", "stop", ""),
    ],
)
def test_the_end_of_a_thought_that_is_never_closed(text, finish_reason, end):
    assert end_of_thought(text, finish_reason) == end


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("<solution><step>24 - 7</step><answer>17</answer></solution>", "17"),
        ("<respuesta><opcion>C</opcion></respuesta>", "C"),
        ("<|START_THINKING|>18?<|END_THINKING|><|START_RESPONSE|>17<|END_RESPONSE|>", "17"),
    ],
)
def test_tags_in_tags_and_of_other_names(text, inside):
    assert own_part(text).strip() == inside
