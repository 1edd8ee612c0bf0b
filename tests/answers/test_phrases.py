"""Answers in words: what is said, and whether it is the known answer."""

import pytest

from routerlib.answers import phrases


@pytest.mark.parametrize(
    "answer, gold, same",
    [
        ("The author is Melville.", "Melville", True),
        ("It was written by Herman Melville.", "Melville", True),
        ("Melville, Herman", "Herman Melville", True),
        ("It's not Milan; it's Rome.", "Rome", True),
        ("It wasn't Bizet who wrote it; it was Verdi.", "Bizet", False),
        ("It wasn't Bizet who wrote it; it was Verdi.", "Verdi", True),
        ("作者是鲁迅。", "鲁迅", True),
        ("作者是鲁迅。", "老舍", False),
        ("Most people believe it is Milan, but the city is Rome.", "Rome", True),
        ("Most people believe it is Milan, but the city is Rome.", "Milan", False),
        ("It was built by Tom Rolt rather than by Abel Ford.", "Abel Ford", False),
        ("It was built by Tom Rolt rather than by Abel Ford.", "Tom Rolt", True),
        ("It was sung by Enrico Maria Caruso.", "Enrico Caruso", True),
        (
            "The first to climb it was Ed Hillary, together with Tenzing Norgay.",
            "Tenzing Norgay",
            False,
        ),
        ("It is not Rome; it is Milan.", "Rome", False),
        ("The capital is Rome, although Milan is richer.", "Milan", False),
        ("The capital is Rome, although Milan is richer.", "Rome", True),
        ("While Milan is richer, the capital is Rome.", "Rome", True),
        ("The largest is Rome, followed by Milan.", "Milan", False),
        ("The largest is Rome, followed by Milan.", "Rome", True),
        ("The author is Melville.", "Herman Melville", True),
        ("It was written by Melville.", "Herman Melville", True),
        ("The author is not Melville.", "Herman Melville", False),
        ("The town is York.", "New York", False),
        ("The author is Herman.", "Herman Melville", False),
        ("Herman Melville wrote it.", "Herman Melville", True),
        ("Not iron but copper.", "copper", True),
        ("Not iron but copper.", "iron", False),
        ("The coin is the krone; the mark was used in Finland.", "mark", False),
        ("It is often credited to Bizet, but the composer was Verdi.", "Bizet", False),
        ("It is often credited to Bizet, but the composer was Verdi.", "Verdi", True),
        ("The metal is iron, which rust turns into oxide.", "oxide", False),
        ("The metal is iron, which rust turns into oxide.", "iron", True),
        ("The organ is the heart (part of the circulatory system).", "circulatory system", False),
        ("Formerly known as Siam, the country is called Thailand.", "Siam", False),
        ("Formerly known as Siam, the country is called Thailand.", "Thailand", True),
        ("The capital used to be Turin; today it is Rome.", "Turin", False),
        ("The town is called Oslo; it used to be Kristiania.", "Kristiania", False),
        ("The town is called Oslo; it used to be Kristiania.", "Oslo", True),
        ("I'd guess Oslo.", "Oslo", True),
        ("Possibly Turin, possibly Rome.", "Rome", False),
        ("It was on 21/03/1985.", "March 21, 1985", True),
        ("It was on 04/03/1985.", "March 4, 1985", False),
        ("It could be Rome or Milan.", "Rome", False),
        ("It is in New York", "York", False),
        ("The statement is not true.", "True", False),
        ("This is false.", "False", True),
        ("No, although many say yes.", "Yes", False),
        ("Wednesday, the day after Tuesday", "Tuesday", False),
        ("on the 5th of March 1982", "March 5, 1982", True),
        ("1982-03-05", "5 March 1982", True),
        ("March 5 or March 6, 1982", "March 5, 1982", False),
        ("5 May 1982", "March 5, 1982", False),
        ("", "Rome", False),
        ("Athens", "Athens", True),
        ("Turin, no wait, Rome", "Turin", False),
        ("Turin, no wait, Rome", "Rome", True),
        ("Turin – no, Rome", "Turin", False),
        ("Turin (or Rome)", "Turin", False),
        ("Turin, according to some", "Turin", False),
        ("Turin is wrong.", "Turin", False),
        ("Rome, because Turin is smaller", "Turin", False),
        ("Rome; Turin is the runner-up.", "Turin", False),
        ("That would be Rome. Turin is wrong.", "Turin", False),
        ("It is Rome. It was Turin until 1871.", "Turin", False),
        ("It is Rome. It was Turin until 1871.", "Rome", True),
        ("Rome is bigger than Turin.", "Turin", False),
        ("It is a suburb of Turin.", "Turin", False),
        ("It is the city of Turin.", "Turin", True),
        ("It was signed in Turin.", "Turin", True),
        ("It is Rome with Turin.", "Turin", False),
        ("It is hardly Turin.", "Turin", False),
        ("There is no Turin.", "Turin", False),
        ("Turin? I don't know.", "Turin", False),
        ("It is Turin but also Rome.", "Turin", False),
        ("It is quicklime, also known as calcium oxide.", "calcium oxide", True),
        ("It is quicklime, also known as calcium oxide.", "quicklime", True),
        ("It is not quicklime, also known as calcium oxide.", "calcium oxide", False),
        ("Uruguay has won the first cup.", "Uruguay", True),
        ("The Elbe flows through Dresden.", "Elbe", True),
    ],
)
def test_the_same_in_words(answer, gold, same):
    assert phrases.same_text(answer, [gold]) is same


@pytest.mark.parametrize(
    "answer, question, says",
    [
        ("91 is not prime.", "Is 91 prime?", "no"),
        ("97 is prime.", "Is 97 prime?", "yes"),
        ("Whales aren't fish.", "Are whales fish?", "no"),
        ("Penguins cannot fly, since their wings are flippers.", "Can penguins fly?", "no"),
        ("The moon is not the sun.", "Is the sun the moon?", None),
        ("97 is odd.", "Is 97 prime?", None),
        ("Penguins can swim.", "Can penguins fly?", None),
        ("Whales are fish.", "What are whales?", None),
    ],
)
def test_a_question_told_again_as_a_sentence_says_yes_or_no(answer, question, says):
    assert phrases.same_text(answer, ["Yes"], question) is (says == "yes")
    assert phrases.same_text(answer, ["No"], question) is (says == "no")


@pytest.mark.parametrize(
    "text, words, rule",
    [
        ("The answer is Rome.", "Rome", "stated"),
        ("最终答案：Rome", "Rome", "stated"),
        ("答えは大阪です。", "大阪", "stated"),
        ("**Rome**", "Rome", "first line"),
        ("Let me think:\nItaly.\nSo Rome.", "So Rome.", "last sentence"),
    ],
)
def test_what_a_text_says(text, words, rule):
    assert phrases.committed_phrase(text, truncated=False) == (words, rule)


def test_cut_off_in_a_sentence_there_are_no_words():
    assert phrases.committed_phrase("Let me think:\nItaly.\nSo Ro", truncated=True)[0] is None
