"""Where in a sentence an answer stands, and where another name does."""

import pytest

from routerlib.answers.phrases import same_text


@pytest.mark.parametrize(
    "answer, told, beside",
    [
        ("The opera is by Verdi, a rival of Bizet.", "Verdi", "Bizet"),
        ("It was Verdi who wrote it and sent it to Bizet.", "Verdi", "Bizet"),
        ("It was painted by Turner around 1840.", "Turner", "1840"),
        ("The king after Harald was Olaf.", "Olaf", "Harald"),
        ("It's the Rhine, a little longer than the Elbe.", "Rhine", "Elbe"),
        ("Longer than the Elbe: the Rhine.", "Rhine", "Elbe"),
        ("Oslo. Bergen is the rainiest town.", "Oslo", "Bergen"),
        ("Contrary to what many believe, Bergen is not the capital; Oslo is.", "Oslo", "Bergen"),
        ("Oslo is the capital. It lies on a fjord of Norway.", "Oslo", "Norway"),
        ("There are seven hills in the town.", "seven", "hills"),
        (
            "Lake Vener is the largest; Lake Ladoga would be if Russia counted.",
            "Lake Vener",
            "Lake Ladoga",
        ),
    ],
)
def test_a_name_beside_the_answer_is_no_answer(answer, told, beside):
    assert same_text(answer, [told])
    assert not same_text(answer, [beside])


@pytest.mark.parametrize(
    "answer, names",
    [
        ("Bergen is the largest port, while Oslo is the capital.", ["Bergen"]),
        ("Bergen is the rainiest town. The largest is Oslo.", ["Bergen"]),
        ("Neither yes nor no.", ["yes", "no"]),
        ("I think it was Verdi, but I'm not certain; it might have been Bizet.", ["Bizet"]),
        ("It is a kind of mercury lamp.", ["mercury"]),
    ],
)
def test_where_a_sentence_leaves_it_open_no_name_is_credited(answer, names):
    assert not any(same_text(answer, [name]) for name in names)


def test_the_question_tells_which_clause_answers_it():
    answer = "Bergen is the largest port, while Oslo is the capital."
    assert same_text(answer, ["Oslo"], "What is the capital of Norway?")
    assert not same_text(answer, ["Bergen"], "What is the capital of Norway?")
    assert same_text(answer, ["Bergen"], "Which is the largest port of Norway?")


def test_an_abbreviation_ends_no_sentence():
    assert not same_text("Mrs. Dalloway walks through London.", ["Mrs"])
    assert same_text("St. Olaf", ["Olaf", "St. Olaf"])


@pytest.mark.parametrize(
    "answer, told, beside",
    [
        ("The trophy went to Ajax.", "Ajax", "trophy"),
        ("It flows into the North Sea.", "North Sea", "Sea"),
        ("He was succeeded by his son, Olaf II.", "Olaf II", "Olaf"),
        ("Harald was succeeded by Olaf.", "Olaf", "Harald"),
        ("Bergen? No, Oslo.", "Oslo", "Bergen"),
        ("The krone — not the euro.", "krone", "euro"),
    ],
)
def test_an_answer_behind_another_verb(answer, told, beside):
    assert same_text(answer, [told])
    assert not same_text(answer, [beside])


def test_what_the_question_names_is_no_answer():
    answer = "The Rhine flows through Basel."
    assert not same_text(answer, ["Basel"], "Which river flows through Basel?")
    assert same_text(answer, ["Basel"], "Through which town does it flow?")
