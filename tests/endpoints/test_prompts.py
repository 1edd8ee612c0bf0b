"""The texts we send, and where an answer ends."""

import pytest

from routerlib.endpoints import prompts
from routerlib.rows import end_marks
from routerlib.rows.schemas import Message, Question

OPEN = Question(unique_id="1", question=r"What is $\frac{1}{2}$ of {x}?", answer_correct="?")


def mcq(options):
    choices = [f"option {number}" for number in range(options)]
    return Question(
        unique_id="2",
        question="Which?",
        choices=choices,
        choice_index_correct=0,
        answer_correct=choices[0],
    )


@pytest.mark.parametrize("options", [2, 4, 10, 26])
def test_letters_come_from_the_choices(options):
    text = prompts.template("short").fill(mcq(options))
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[options - 1]
    assert f"\n{last}. option {options - 1}\nAnswer:" in text and text.endswith("Answer:")
    assert (
        f"B, {last}" in prompts.template("reasoning").fill(mcq(options))
        or options > 2
        or last == "B"
    )


@pytest.mark.parametrize("name", prompts.TEMPLATES)
def test_braces_of_a_question_stay(name):
    text = prompts.template(name).fill(OPEN)
    assert r"What is $\frac{1}{2}$ of {x}?" in text and "{question}" not in text


def test_each_endpoint_has_its_own():
    assert prompts.template(None, "completions").name == "short" == prompts.template("").name
    assert prompts.template(None, "chat").name == "reasoning"
    assert "\\boxed{}" in prompts.template(None, "chat").fill(OPEN)


def test_a_template_file(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text(
        '[open-ended]\nQ {question} {"a": 1}\n'
        "[multiple choice]\nM {question}\n{choices}\n({letters})\n"
    )
    wording = prompts.template(path)
    assert wording.fill(OPEN) == f'Q {OPEN.question} {{"a": 1}}'
    assert wording.fill(mcq(2)) == "M Which?\nA. option 0\nB. option 1\n(A, B)"
    path.write_text("{question}\n{choices}\nAnswer:\n")
    assert prompts.template(path).fill(OPEN).startswith(OPEN.question)


@pytest.mark.parametrize(
    "text", ["no place", "[open-ended]\n{question}", "[multiple choice]\n{question}\n{choices}"]
)
def test_a_template_without_its_places_is_refused(tmp_path, text):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(ValueError, match=r"\[(open-ended|multiple choice)\]"):
        prompts.template(tmp_path / "t.txt")


def test_a_template_that_is_no_text_is_a_sentence(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xfa\x00\x01" * 100)
    with pytest.raises(ValueError, match=r"t\.txt is a binary file"):
        prompts.template(tmp_path / "t.txt")


def test_stop_strings_put_the_users_first_and_keep_the_limit():
    assert prompts.stop_strings(["\n"], 4) == ("\n", "<|im_end|>", "<end_of_turn>", "<|eot_id|>")
    assert prompts.stop_strings(["</s>"]).count("</s>") == 1
    assert set(end_marks.END_MARKS) < set(prompts.stop_strings(["\n"]))


def test_one_user_turn_equals_the_single_prompt():
    talk = [Message(role="user", content="hi"), {"role": "assistant", "content": "yes?"}]
    assert prompts.as_text("hi") == prompts.as_text(talk[:1]) == "hi"
    assert prompts.as_text(talk) == "user: hi\n\nassistant: yes?"
    assert (
        prompts.as_messages("hi")
        == prompts.as_messages(talk[:1])
        == [{"role": "user", "content": "hi"}]
    )


def test_halves_of_a_character_are_replaced_as_bytes_are():
    assert prompts.well_formed("a\ud83d") == b"a\xf0".decode(errors="replace") == "a\ufffd"
    assert prompts.well_formed("\ud83d\ude00 é") == "\U0001f600 é"
