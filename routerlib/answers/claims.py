r"""Which name in a sentence is what it answers: "It was written by Melville, a friend of Hawthorne"
answers Melville.

A sentence is cut into clauses; those that deny, imagine or only go on about the answer do not
count. Of what is left the known answer must stand where an answer stands: behind "is", "by" or a
colon, or as the subject of the only clause that tells something. A name anywhere else in a sentence
is no answer. Dates, yes and no, and what counts as the same name are `phrases`' business.
"""

from __future__ import annotations

import re

from routerlib.answers.hedges import is_withdrawn
from routerlib.answers.wording import bare_words

# "It's", "The author is", "written by", "Author:", "作者是"
COPULA = re.compile(
    r"""
      (?: 's | ’s ) \b
    | \b (?: is | was | are | were | be | by | appears | becomes | known\ as
        | called | named | ist | est | es | è | é )
      \b \s* :?
    | :
    | (?<= [\u3400-\u9FFF] ) (?: 是 | 叫 | 为 | は )
    """,
    re.VERBOSE | re.IGNORECASE,
)
DENIAL = re.compile(
    r"""
      \b (?: not | never | neither | nor | no\ longer | hardly | scarcely
        | there\ (?:is|are|was|were)\ no ) \b
    | n['’]t \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
UNDECIDED = {"or", "neither", "unknown"}
_CLAUSE = re.compile(
    r"""
    [;,.!?()—] \s* | \s [–-] \s | \b (?: but | because | since | which | while | whereas ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "X would be larger", but not "That would be X"
_IMAGINED = re.compile(r"(?i)\bwould\b(?<!\bthat would)(?<!\bit would)(?<!\bthis would)")
# Why it is so: "…, because Y is smaller"
_REASON = re.compile(r"(?i)(?<=\w),?\s+(?:because|since)\b[^.;!?]*")
# How it was before: "It was Y until 1960"
_PAST = re.compile(r"(?i)\b(?:until|till|formerly|originally|previously)\b")
# "It lies on a fjord": a clause that goes on about what the first one told
_PRONOUN = re.compile(
    r"""
    \s* (?: and\s+ )? (?: it | he | she | they | this | that | these | its | his | her | there ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "Eiffel designed it", "Oslo is the capital": the verb behind a subject
_DID = re.compile(
    r"""
    [^\W\d_]+ed | wrote | won | built | made | sang | drew | led | found | did | was | is | are
      | were
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What may follow an answer within its clause: "by Vermeer around 1665", "Tolstoy who wrote it"
_GOES_ON = re.compile(
    r"""
    who | that | in | on | at | by | around | about | from | with | for | during | near | until
      | when | where | as
    """,
    re.VERBOSE,
)
_COUNTS = re.compile(r"\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve")
# A first sentence that is the answer: "Canberra. Sydney is the largest city."
_NAME_ALONE = re.compile(
    r"""
    \s* (?P<name> [A-Z0-9] [^.!?;:,\n]{1,40} (?<= [^\W\d_]{3} ) ) [.!] \s+ (?= [A-Z] )
    """,
    re.VERBOSE,
)
# What a text may open with before it comes to its answer: "Sure.", "Gen. Grant"
_OPENERS = re.compile(
    r"""
    (?: sure | okay | great | good | well | certainly | thanks | hello | yes | correct | true
      | false | right | here | mrs | gov | gen | sen | col | prof | rev | capt ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def name_alone(answer: str) -> str | None:
    """The short first sentence that is an answer by itself, what follows being remarks; or None."""
    found = _NAME_ALONE.match(answer)
    if not found or len(found["name"].split()) > 4 or _OPENERS.match(found["name"]):
        return None
    verbs = any(_DID.fullmatch(word) for word in found["name"].split())
    return None if verbs or COPULA.search(found["name"]) else found["name"]


def asked_claim(answer: str, question: str) -> str | None:
    """The one of several clauses that shares most words with the question; None without such a
    one.
    """
    told = [claim for claim in _claims(answer) if COPULA.search(claim)]
    asked = set(bare_words(question))
    shared = [len(asked & set(bare_words(claim))) for claim in told]
    best = [claim for claim, count in zip(told, shared, strict=True) if count == max(shared)]
    return best[0] if len(told) > 1 and len(best) == 1 else None


def sets_against(answer: str) -> bool:
    """Whether a sentence tells two things side by side: "A is the port, while B is the capital"."""
    beside = re.search(r"(?i)\b(?:while|whereas)\b", answer)
    return beside is not None and bool(COPULA.search(answer, beside.end()))


def tells(answer: str, wanted: list[str], beside_another: bool = False) -> bool:
    """Whether a sentence gives the wanted words as its answer.

    Args:
        answer: a sentence or a few; wanted: the known answer as `bare_words`; beside_another: the
            sentence told another thing, too, so that its subject need not be the answer.
    """
    claims = _claims(answer)
    if any(UNDECIDED & set(bare_words(claim)) - set(wanted) for claim in claims):
        return False
    if re.search(r"(?i)\bbut also\b", answer):
        return False
    told = [claim for claim in claims if COPULA.search(claim)]
    if not told:
        return len(claims) == 1 and (_ends_on(claims[0], wanted) or _acts(claims[0], wanted))
    told = _without_explanations(told)
    if _behind_copula(told[-1], wanted) or _is_named_behind(told[-1], claims, wanted):
        return True
    return len(told) == 1 and not beside_another and _is_subject(told[0], wanted)


def _claims(answer: str) -> list[str]:
    """The clauses that claim something; behind a semicolon, another thing is told."""
    first, semicolon, _ = answer.partition(";")
    tells_alone = COPULA.search(first) or len(first.split()) <= 4
    if semicolon and tells_alone and not DENIAL.search(first):
        answer = first
    answer = _REASON.sub("", re.sub(r"\([^()]*\)", " ", answer))
    clauses = [clause for clause in _CLAUSE.split(answer) if clause and bare_words(clause)]
    claims = [
        clause for clause in clauses if not DENIAL.search(clause) and not _IMAGINED.search(clause)
    ]
    today = [claim for claim in claims if not _PAST.search(claim)]
    return today or claims


def _without_explanations(told: list[str]) -> list[str]:
    """Clauses without those that go on about the first: "It is Oslo. It lies on a fjord.\""""
    return [
        claim
        for i, claim in enumerate(told)
        if i == 0 or not _PRONOUN.match(claim) or len(_told_by(claim)) <= 3
    ]


def _told_by(claim: str) -> list[str]:
    return bare_words(claim[list(COPULA.finditer(claim))[-1].end() :])


def _behind_copula(claim: str, wanted: list[str]) -> bool:
    """Whether the wanted words stand behind "is" or "by", with at most two smaller words before."""
    copulas = list(COPULA.finditer(claim))
    for copula in copulas:
        said = bare_words(claim[copula.end() :])
        if said[: len(wanted)] != wanted:
            continue
        next_word = said[len(wanted)] if len(said) > len(wanted) else ""
        counted = len(wanted) == 1 and _COUNTS.fullmatch(wanted[0])
        if not next_word or _GOES_ON.fullmatch(next_word) or counted:
            return True
    behind = claim[copulas[-1].end() :]
    said = bare_words(behind)
    if said[-len(wanted) :] != wanted or len(said) > len(wanted) + 2:
        return False
    before = re.findall(r"[^\W_]+", behind)[: -len(wanted)]
    if _belongs_to_another(before):
        return False
    # A capital before the answer belongs to the name, as in New York; a person may have one.
    if copulas[-1][0].strip().casefold() == "by":
        return all(word[0].isupper() or word in ("a", "an", "the") for word in before)
    return not before[-1][0].isupper()


# Words by which a name belongs to another thing: "bigger than", "a suburb of", "dedicated to"
_OF_ANOTHER = re.compile(
    r"(?i)than|to|for|with|from|after|before|near|over|under|about|as|like|no|half|except|beside|by"
)
_OF_ITSELF = re.compile(
    r"(?i)city|town|state|country|kingdom|republic|island|isle|river|lake|county|province|name|month"
)


def _belongs_to_another(before: list[str]) -> bool:
    """Whether the words between "is" and a name make it another's: "is | the capital of | France".

    "In" may stand before it, where it tells where: "It is in France", but "It is Lyon in France".
    """
    words = [word.casefold() for word in before]
    if any(_OF_ANOTHER.fullmatch(word) for word in words):
        return True
    places = [i for i, word in enumerate(words) if word in ("in", "on", "at")]
    if places and any(word[0].isupper() for word in before[: places[-1]]):
        return True
    return any(
        word == "of" and not (i and _OF_ITSELF.fullmatch(words[i - 1]))
        for i, word in enumerate(words)
    )


# "It flows into the Black Sea", "The prize went to Curie"
_PLACES = re.compile(
    r"""
    \b (?: in | into | on | onto | to | at | through ) \s+ (?: (?:the|a|an|its|their) \s+ )? $
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _ends_on(claim: str, wanted: list[str]) -> bool:
    """Whether a clause without "is" ends on the wanted words, told as a place or an aim."""
    words = list(re.finditer(r"[^\W_]+", claim))
    if len(words) <= len(wanted) or bare_words(claim)[-len(wanted) :] != wanted:
        return False
    return bool(_PLACES.search(claim[: words[-len(wanted)].start()]))


# "Brazil has won", "Helium comes second", "The Danube flows through Vienna"
_ACTS = re.compile(
    r"""
    (?: has | have | had ) \s (?: \w+ed | won | made | given )
      | comes | came | flows | lies | rises
    """,
    re.VERBOSE,
)


def _acts(claim: str, wanted: list[str]) -> bool:
    """Whether a clause without "is" opens with the wanted words as the one who does something."""
    said = bare_words(claim)
    behind = " ".join(said[len(wanted) : len(wanted) + 2])
    return said[: len(wanted)] == wanted and bool(_ACTS.match(behind))


def _is_named_behind(told: str, claims: list[str], wanted: list[str]) -> bool:
    """Whether the clause behind names whom the one before only describes: "by her son, Edward"."""
    behind = claims[claims.index(told) + 1 :]
    described = told[list(COPULA.finditer(told))[-1].end() :]
    plain = re.fullmatch(r"\s*(?:her|his|their|its|the|a|an)\s+[^A-Z]+", described)
    return plain is not None and bool(behind) and bare_words(behind[0]) == wanted


def _is_subject(claim: str, wanted: list[str]) -> bool:
    """Whether a clause opens with the wanted words, and a verb follows: "Oslo is the capital"."""
    said = bare_words(claim)
    verb = said[len(wanted)] if len(said) > len(wanted) else ""
    if is_withdrawn(" " + " ".join(said[len(wanted) :])):
        return False
    if re.search(r"\b(?:was|were|is|are)\s+[^\W\d_]+(?:ed|en|wn)\s+by\b", claim):
        return False  # "Victoria was succeeded by Edward" may answer with either
    return said[: len(wanted)] == wanted and bool(_DID.fullmatch(verb))
