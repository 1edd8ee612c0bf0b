r"""Whether two names name one person or one place: Einstein and Albert Einstein, Everest and Mount
Everest.

A name may be told in short where what is left out cannot tell it from another: a person's first
names, "Lake" and "River", but not the "New" of New York. What else a sentence says about a name is
the business of `claims` and `phrases`.
"""

from __future__ import annotations

import re

from routerlib.answers.claims import DENIAL
from routerlib.answers.wording import bare_words

# --- persons --------------------------------------------------------------------------------------

_ROLE = r"""
    (?: author | writer | poet | novelist | playwright | painter | artist | composer | sculptor
      | architect | inventor | discoverer | scientist | physicist | chemist | mathematician
      | philosopher | director | president | founder | emperor | explorer )
"""
# "The author is", "written by", "was the first to": what comes is a person
_PERSON = re.compile(
    rf"""
      \b {_ROLE} \s+ (?: \w+\s+ ){{0,4}}? (?:is|was) \s+
    | \b (?: written | painted | composed | invented | discovered | directed | founded | proved
        | sculpted | designed | developed | proposed ) \s+ by \s+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ASKS_PERSON = re.compile(
    rf"\b (?: who | whose | whom | (?: which | what | name ) \s+ (?: \w+\s+ )?? {_ROLE} ) \b",
    re.VERBOSE | re.IGNORECASE,
)
# What is said before a name and belongs to none
_TITLE = re.compile(
    r"""
    ^ (?: (?:[Tt]he\ )? (?: King | Queen | Emperor | Empress | Pope | President | Sir | Dr | Mr
      | Mrs | Ms | Professor | Prof | General | Captain | Lord | Lady ) \.? \s )+ (?= [A-Z] )
    """,
    re.VERBOSE,
)


def without_title(name: str) -> str:
    """`Henry VIII` for "King Henry VIII of England"; any other words as they are."""
    return re.sub(r"(?<= [IVX]) of [A-Z][a-z]+\W*$", "", _TITLE.sub("", name.strip()))


def with_first_names(answer: str, gold: str) -> str:
    """An answer that tells a person's first names as initials with the gold name in full: "W. A.
    Mozart".
    """
    first, _, last = gold.strip().rpartition(" ")
    names = first.split()
    if not names or not all(re.fullmatch(r"[A-Z][\w'’-]+", name) for name in [*names, last]):
        return answer
    initials = r"\s?".join(rf"{name[0]}\." for name in names)
    return re.sub(rf"\b{initials}\s?{re.escape(last)}\b", gold.strip(), answer)


# "Albert | Einstein", "Ludwig van | Beethoven", "J. R. R. | Tolkien"
_NAMED_PERSON = re.compile(
    r"""
    (?P<first> [A-Z][\w.'’-]* ) \s
    (?: [A-Z][\w.'’-]* \s ){0,2} (?P<particle> (?: (?: van | von | der | de | da | di ) \s )* )
    (?P<last> [A-Z][\w'’-]{3,} ) (?: ,? \s (?:Jr|Sr)\.? )?
    """,
    re.VERBOSE,
)
# The first words of names that are no person's: New York, South Korea, Hong Kong, Black Sea
_PLACES_AND_THINGS = """
    new north south east west northern southern eastern western central upper lower great greater
    united saint st san santa são los las el la le the sri costa hong buenos rio puerto tel saudi
    sierra burkina papua ivory cape fort port long mount mt lake river black white red dead yellow
    golden grand big old real inter french british english american german dutch russian chinese
    nobel prime world cold civil star mexico vatican panama suez pacific atlantic indian arctic
    carbon sulfuric sodium nitric
"""
_NO_FIRST_NAMES = frozenset(_PLACES_AND_THINGS.split())
# The last words of names that are no person's: Eiffel Tower, Mexico City
_KINDS = """
    sea ocean river lake city town tower bridge canal wall war prize island islands mountain
    mountains desert kingdom states republic union empire peninsula bay gulf strait valley street
    house palace square park gate system minister party award theorem effect theory law acid oxide
    dioxide forest
"""
_NO_SURNAMES = frozenset(_KINDS.split())


def is_full_name(bare: str, wanted: list[str]) -> bool:
    """Whether an answer ends on the gold name with a middle name in it: `Neil Alden Armstrong`."""
    named = re.search(r"((?:\b[A-Z][\w.'’-]*\s+){2}[A-Z][\w'’-]*)[\s.]*$", bare)
    said = bare_words(named[1]) if named else []
    return (
        len(wanted) == 2
        and len(said) == 3
        and [said[0], said[2]] == wanted
        and not (DENIAL.search(bare))
    )


def is_surname(answer: str, gold: str) -> bool:
    """Whether a sentence about a person ends on the surname of the gold name: "The author is
    Dickens."
    """
    person = re.fullmatch(r"[A-Z][\w'’.-]+ (?:[A-Z][\w'’.-]* )*([A-Z][\w'’-]{3,})", gold.strip())
    told = list(_PERSON.finditer(answer))
    if not person or not told or DENIAL.search(answer):
        return False
    return bare_words(answer[told[-1].end() :]) == bare_words(person[1])


def is_person_in_short(said: str, gold: str, question: str | None) -> bool:
    """Whether a name is a person's, and the other one nothing but the surname: "Einstein".

    A question that is known must ask for a person. Where none is known, the gold name must be the
    long one, and not look like that of a place or a thing, such as South Korea and Eiffel Tower.
    """
    asks_person = question is not None and _ASKS_PERSON.search(question) is not None
    if question is not None and len(question.split()) > 3 and not asks_person:
        return False
    return _is_surname_of(said, gold) or (asks_person and _is_surname_of(gold, said))


def _is_surname_of(short: str, full: str) -> bool:
    person = _NAMED_PERSON.fullmatch(full.strip(" ."))
    if not person or person["first"].casefold() in _NO_FIRST_NAMES:
        return False
    if person["last"].casefold() in _NO_SURNAMES:
        return False
    surname, said = bare_words(person["last"]), bare_words(short)
    return said in (surname, bare_words(person["particle"]) + surname)


# --- places ---------------------------------------------------------------------------------------

_KIND_BEFORE = r"\b (?: Lake | Mount | Mt\.? | River ) \s+"
_KIND_BEHIND = r"\s+ (?: River | Ocean | Desert ) \b"
_KIND = re.compile(rf"^ (?:[Tt]he\s+)? {_KIND_BEFORE} | {_KIND_BEHIND} $", re.VERBOSE)


def place_in_short(answer: str, gold: str) -> str | None:
    """The gold name of a place without "Lake" or "River", where an answer tells it so; else None.

    "The highest is Everest" tells Mount Everest so; "Queen Victoria" tells no Lake Victoria.
    """
    short = _KIND.sub("", gold.strip())
    told = re.search(rf"(?: (\w+) \s+ )? \b {re.escape(short)} \b", answer, re.VERBOSE)
    if short == gold.strip() or not told:
        return None
    is_other_name = told[1] is not None and told[1] != "The" and told[1][0].isupper()
    return None if is_other_name else short


def without_kind_of_place(answer: str, gold: str, question: str | None) -> str:
    """An answer that says "Lake", "Mount" or "River" with the gold name, without that word, where
    the question asks for such a place: Colorado is no river.
    """
    if question is None or not _ASKS_PLACE.search(question):
        return answer
    name = re.escape(gold.strip())
    beside = rf"{_KIND_BEFORE} (?= {name} \b ) | (?<= \b{name} ) {_KIND_BEHIND}"
    return re.sub(beside, "", answer, flags=re.VERBOSE)


_ASKS_PLACE = re.compile(r"(?i)\b(?:lake|mountain|mount|peak|river|ocean|desert)\b")
