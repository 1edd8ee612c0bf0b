r"""Answers in words: what a text gives as its answer to a question of fact, and whether that is the
known one.

Case, accents, punctuation, articles and lead-ins do not matter; a date is a date in any order
(`dates`), and a name may be told in short (`names`). A sentence may hold the known answer, unless
it denies it or offers several (`claims`). Which part of an output is read is `parts`' business;
numbers and formulas are `expressions`' and `equality`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from routerlib.answers.claims import (
    COPULA,
    DENIAL,
    UNDECIDED,
    asked_claim,
    name_alone,
    sets_against,
    tells,
)
from routerlib.answers.conclusions import stated_texts
from routerlib.answers.dates import DATE_ONLY, date_in, dates_in
from routerlib.answers.hedges import is_unsure, taken_back
from routerlib.answers.names import (
    is_full_name,
    is_person_in_short,
    is_surname,
    place_in_short,
    with_first_names,
    without_kind_of_place,
    without_title,
)
from routerlib.answers.quantities import number_in_words
from routerlib.answers.wording import (
    bare_words,
    last_sentence,
    unstyled,
    without_contrast,
)

# --- what a text says ---


def committed_phrase(part: str, truncated: bool) -> tuple[str | None, str]:
    """The words a text gives as its answer, and the rule that found them; None where it gives
    none.
    """
    plain = unstyled(part)
    stated = [words.strip() for words in stated_texts(plain) if words.strip()]
    if stated:
        return stated[-1], "stated"
    first, _, rest = plain.strip().partition("\n")
    short = len(first.split()) <= 12 or not rest.strip()
    if first and short and not first.endswith(":"):
        return first.strip(), "first line"
    last = "" if truncated else last_sentence(plain)
    return (last, "last sentence") if last else (None, "no statement")


# --- whether two answers in words are the same ---

# "So it is | Rome", "My guess is: | Rome"
_LEAD_IN = re.compile(
    r"""
    ^ (?: (?:
        (?: so|therefore|thus|hence|well|sure|ok(?:ay)?|i\ (?:think|believe)
          | i(?:['’]d|\ would)\ (?:say|guess) | my\ (?:best\ )?guess\ is
          | the\ (?:correct\ |final\ |right\ )?answer|answer|a|it|this|that|they|he|she|is|was|are
          | were|it's|that's|would\ be|called|known\ as|named|probably|most\ likely|likely ) \b
      | : | , | - ) \s* )+
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What others believe:
# "Many people think it is Sydney, but the capital is Canberra"
_OPINION = re.compile(
    r"""
    (?i) \b(?: (?:many|most|some|other)\s+(?:people\s+)? | people\s+
          | one\s+(?:might|may|could)\s+ )
    (?: often\s+ | may\s+ | might\s+ )? (?: think|believe|assume|say|guess )s? \b [^.;]{0,120}?
    [,;]? \s* \b(?:but|however|although|yet)\b ,? \s*
    """,
    re.VERBOSE,
)
# What was before: "Formerly known as Ceylon, …", "The capital used to be Bonn; …"
_FORMER = re.compile(
    r"""
    (?i) \b (?: formerly|previously|originally|once ) \s+ (?: known\ as|called|named ) \s
        [^,;.]{1,80} [,;]
      | ; [^,;.]{1,80} \b (?: used\ to\ be | was\ (?:formerly|once|previously) ) \s
        [^,;.]{1,80} (?= [.]? $ )
      | \b [^,;.]{1,80} \b used\ to\ be \s [^,;.]{1,80} [,;] (?: \s*but\b )?
    """,
    re.VERBOSE,
)
_ATTRIBUTED = re.compile(
    r"""
    (?i) \b [^.;,]{0,60}? \b (?: usually|often|commonly|sometimes|widely|wrongly ) \s+
    (?: attributed|credited|believed|said|thought|mistaken|given ) \b [^.;]{0,120}?
    [,;] \s* \b (?:but|however|yet) \b ,? \s*
    """,
    re.VERBOSE,
)
# A remark about the answer: ", which plants turn into oxygen", "(part of the limbic system)"
_REMARK = re.compile(
    r"""
      , \s* (?: which | who | whose | where ) \b [^.,;]* ,?
    | \s* \( (?: part | in | of | near | not | which | who | from ) \b [^()]* \)
    """,
    re.VERBOSE,
)
_ASKED_AND_DENIED = re.compile(r"(?i)^[^?.!]{1,60}\?\s*no\b[,.:—–-]*\s*(?=\w)")  # "Oslo? No, Rome"
_NOT_BUT = re.compile(r"(?i)^\s*not\s+[^,.;]{1,60},?\s+but\s+")  # "Not gold but silver."
# Another one that is only granted: "…; it might have been Hooke"
_MAY_BE = re.compile(
    r"""
    (?i) (?: [,;] \s* )? (?: \b(?:but|though|although|or) \s+ )? \b (?: it|he|she|this|that ) \s+
    (?: may|might|could ) \s+ (?: also\s+ )? (?: be | have\ been ) \b [^,;.]*
    """,
    re.VERBOSE,
)
# Behind a name: "X – no, Y", "X (or Y)", "X, according to some"
_TURNS = re.compile(
    r"""
    \W* \b (?: no | or | according\ to\ some | maybe | perhaps ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HEDGE = re.compile(r"(?i)\b(?:possibly|perhaps|maybe)\b")
# "Gustave Eiffel designed it": the verb behind the one who did it
_DID = re.compile(r"(?i)[^\W\d_]+ed|wrote|won|built|made|sang|drew|led|found|did")
_YES, _NO = {"yes", "true", "correct"}, {"no", "false", "incorrect"}


def same_text(answer: str, golds: Sequence[str], question: str | None = None) -> bool:
    """Whether an answer in words is one of the accepted ones.

    Case, accents, punctuation, articles and lead-ins ("it is …") do not matter. A sentence may hold
    the gold answer as a whole phrase, unless it says "not" or "or"; a shorter answer must be the
    gold answer, since `New York` is no `York`. Yes and true, no and false are told by the first
    such word.
    """
    numbers = {str(number_in_words(gold)) for gold in golds}
    told = re.fullmatch(
        r"(?:[Tt]here are )?([\d/]+)(?: [a-z]+)?\W*", _LEAD_IN.sub("", answer.strip())
    )
    if told and told[1] in numbers and not re.search(r"[-−]\s*\d", answer):
        return True  # 8 for "eight"
    return any(_same_name(answer, gold, question) for gold in golds if bare_words(gold))


# "vitamin C, also known as ascorbic acid": two names of one thing
_ALSO_KNOWN_AS = re.compile(
    r",? \s* [(]? \b (?: also | better | otherwise | commonly ) \s (?: known\ as | called ) \s",
    re.VERBOSE | re.IGNORECASE,
)


def _same_name(answer: str, gold: str, question: str | None) -> bool:
    """Whether an answer is the gold one by its whole name, or by one that names it as well."""
    names = _ALSO_KNOWN_AS.split(answer)
    if len(names) == 2 and all(map(bare_words, names)):
        told = names[:1] if DENIAL.search(answer) else names
        return any(_same_name(name, gold, question) for name in told)
    if _same_phrase(without_kind_of_place(answer, gold, question), gold, question):
        return True
    short = place_in_short(answer, gold)
    return short is not None and _same_phrase(answer, short, question)


def _same_phrase(answer: str, gold: str, question: str | None) -> bool:
    wanted = bare_words(gold)
    answer = with_first_names(answer, gold)
    back = taken_back(answer)
    if back and bare_words(answer[: back.start()]):
        answer = answer[back.end() :]  # "Oslo, no wait, Bergen"
    answer = _ASKED_AND_DENIED.sub("", answer)
    answer = name_alone(answer) or answer
    answer = (question and asked_claim(answer, question)) or answer
    beside_another = sets_against(answer)
    answer = _OPINION.sub("", _ATTRIBUTED.sub("", _FORMER.sub("", answer)))
    answer = _REMARK.sub("", without_contrast(_NOT_BUT.sub("", answer)))
    answer = _MAY_BE.sub("", answer)
    if len(_HEDGE.findall(answer)) > 1 or is_unsure(answer) or not answer.strip():
        return False
    if len(wanted) == 1 and wanted[0] in _YES | _NO:
        says = _polarity(answer)
        says = _claimed(answer, question) if says is None and question else says
        return says == (wanted[0] in _YES)
    date = date_in(gold)
    if date and re.fullmatch(DATE_ONLY, gold.strip()):
        return dates_in(answer) == [date]
    bare = _LEAD_IN.sub("", answer.strip())
    first = re.split(r"[,;(—]|\s[–-]\s|\b(?:because|since|which)\b", bare)[0]
    if _TURNS.match(bare[len(first) :]):
        return False
    said = bare_words(bare)
    if wanted in (said, bare_words(first), bare_words(answer)) or "".join(wanted) == "".join(said):
        return True
    if said and sorted(said) == sorted(wanted) and re.fullmatch(r"[^,]+,[^,]+", bare.strip(" .")):
        return True  # "Melville, Herman"
    if bare_words(without_title(bare)) == wanted:
        return True
    if is_full_name(bare, wanted) or is_surname(answer, gold):
        return True
    if is_person_in_short(bare, gold, question):
        return True
    if _is_apposition(bare):
        return False
    told = bare_words(answer)
    acts = len(told) > len(wanted) and _DID.fullmatch(told[len(wanted)])
    if (
        acts
        and told[: len(wanted)] == wanted
        and not UNDECIDED & set(told)
        and not DENIAL.search(answer)
    ):
        return True
    echoes = question and " or " not in question and set(wanted) <= set(bare_words(question))
    return not echoes and tells(answer, wanted, beside_another)


def _polarity(answer: str) -> bool | None:
    """Whether an answer says yes: its first word of yes and no decides, turned by a "not" before
    it.
    """
    words = bare_words(_NO_THING.sub("", answer))
    if "neither" in words:
        return None
    for i, word in enumerate(words):
        if word in _YES | _NO:
            turned = {"not", "isnt", "never"} & set(words[max(0, i - 3) : i])
            return (word in _YES) != bool(turned)
    surely = _SURELY.match(answer)
    return None if surely is None else not surely["not"]


# "Absolutely!", "Certainly not."
_SURELY = re.compile(
    r"""
    ^ \W* (?: absolutely | certainly | definitely | of\ course | yep | yeah )
    (?P<not> \ not )? (?= \s*[.!,] | \s*$ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "It has no divisors": what there is none of
_NO_THING = re.compile(
    r"""
    (?<= \w ) \s no \s (?= \w )
    (?! (?: because | since | as | and | but | if | it | they | that ) \b )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WITHOUT_NOT = {"is": ("is", "isnt"), "are": ("are", "arent"), "can": ("can", "cannot", "cant")}
_AUXILIARY = re.compile(r"(?i)\s*(?:is|are|was|were|can|could|has|have|had|will|would|should)\b")


def _claimed(answer: str, question: str) -> bool | None:
    """What an answer without yes and no says to a question such as "Is 51 prime?": whether it
    tells its words again, or denies them; None where it tells other ones.
    """
    if not _AUXILIARY.match(question):
        return None
    clause = re.split(r"[,;:(]|\b(?:because|since|as)\b|[.!?](?:\s|$)", answer.strip())[0]
    told, asked = bare_words(clause), bare_words(question)
    denied = [word for word in told if word in ("not", "isnt", "arent", "cannot", "cant", "never")]
    verb = _WITHOUT_NOT.get(asked[0], (asked[0],))
    told = [word for word in told if word not in ("not", "never")]
    place = next((i for i, word in enumerate(told) if word in verb), None)
    if place is None or told[:place] + told[place + 1 :] != asked[1:] or len(denied) > 1:
        return None
    return not denied


def _is_apposition(bare: str) -> bool:
    """`Wednesday, the day after Tuesday`: a name, and what it is; the name is the answer."""
    name, comma, rest = bare.partition(",")
    plain_name = name[:1].isupper() and len(name.split()) <= 3 and not COPULA.search(name)
    opens = re.match(r"\s*(?:the|a|an|who|which|where|not)\b", rest)
    return bool(comma) and plain_name and opens is not None
