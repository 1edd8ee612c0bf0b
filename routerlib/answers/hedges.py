r"""What keeps words from being a plain answer: a bound, a condition, an exception, a doubt, a
question, a later change of mind.

"At least 9", "12 if n is even", "all x except 4" and "it may also be 216" name a value that a
grader must not credit as it stands. Every reader of answers asks here before it takes a value, so
that what was only half understood is told as undecided. What the value is, is the readers'
business.
"""

from __future__ import annotations

import re

# A bound before a value: "at least $", "no more than the ", "between ". Of what somebody needs, or
# can do at most, the bound is the answer: "She needs at least 5 boxes."
_BOUND = re.compile(
    r"""
    \b (?: at\ (?:least|most|minimum|maximum) | (?: no\ )? (?: more|less|fewer|greater|larger
        |smaller|higher|lower ) \ than | between | as\ (?: much|many|little|few ) \ as
      | mindestens | höchstens | au\ (?:moins|plus) | al\ menos | como\ máximo | almeno
      | pelo\ menos | не\ (?:менее|более) | 至少 | 至多 | 少なくとも )
    \s* (?: (?:the|a|an|about|around) \s+ )? [$€£(\\]* $
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NEEDED = re.compile(
    r"(?i)\b(?:needs?|needed|requires?d?|requires|must|should|ha(?:s|ve|d) to|takes?|can|could|able"
    r"|minimum|maximum|smallest|largest|least number|braucht?|muss|faut|doit|necesita|debe)\b"
)
# Behind a value: "7 or more", "7+", "7 and up", "7 at most"
_OPEN_ENDED = re.compile(
    r"""
    \s* (?: \+ (?!\s*[\w$(\\√])
      | \b (?: or|and|oder|ou|o ) \s+ (?: more|less|fewer|greater|above|below|over|under|up|higher
          |lower|mehr|weniger|plus|moins|más|menos ) \b
      | \b at\ (?:least|most) \b )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Right before a value: "except x = ", "other than ", "it might be "
_EXCEPTED = re.compile(
    r"""
    (?: \b (?: except(?:ing)? | excluding | other\ than | apart\ from | aside\ from | save\ for
        | but\ not | not\ equal\ to | different\ from | ausser | außer | sauf | excepto | salvo
        | eccetto | exceto | кроме | 除了 ) \b | \\ne(?:q)?\b | ≠ | \\setminus \b | ∖ )
    (?: \s | \b(?:for|when|where|at|that|if)\b | [$({\\] | \\?[A-Za-z]\s*= )* $
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MAY_BE = re.compile(
    r"""
    \b (?: may|might|could ) (?: \s+ (?:also|even|well|just|possibly) )* \s+ (?: be | have\ been )
    (?: \s+ (?:the|a|an|as\ much\ as|about) )? \s* [$€£(\\]* $
    """,
    re.VERBOSE | re.IGNORECASE,
)
_IS_NOT = re.compile(
    r"""
    \b (?: not | \w+n['’]t | cannot | never ) \s+ (?: (?!only\b|just\b)[a-z]+ \s+ ){0,2}?
    (?: be | equal(?:s|\ to)? | is | have\ been ) \s+
    (?: (?:the|a|an|exactly|equal\ to|as\ much\ as) \s+ )? [$€£(\\]* $
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A sentence that says it does not know: "I'm not sure whether it is 5 or 6."
_UNSURE = re.compile(
    r"""
    \b (?: not\ (?:\w+\ )? (?:sure|certain|clear) | unsure | uncertain | unclear
      | (?: can(?:not|['’]t|\ not) | could(?:\ not|n['’]t) | unable\ to ) \s+ (?:\w+\s+)?
        (?: decide|tell|say|determine|choose|conclude ) (?! \s+ (?:that|but) )
      | hard\ to\ (?:say|tell) | not\ enough\ (?:information|data)
      | (?: depends | depending ) \s+ on \s+ (?: whether|if|how|which )
      | (?: it|answer|result|value|this|that ) \s+ (?:may|might|could) \s+ (?:also|equally) \s+ be )
    \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What makes another number of one when it stands behind it as if it were a unit: "7 squared"
_CHANGES = re.compile(
    r"""
    \b (?: squared | cubed | factorial | hundreds? | thirds? | fourths? | fifths? | sixths?
      | eighths? | tenths? | below | above | under | over | if | unless | when | or | to | except
      | not | plus | minus | at\ (?:least|most) | (?: more | less | fewer ) \ than ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Words that take back what was said before them
_TAKES_BACK = re.compile(
    r"""
    (?i) \b (?: actually | wait | scratch\ that | correction | on\ second\ thought | on\ reflection
      | hold\ on | let\ me\ reconsider | i\ was\ wrong | that(?:'s|\ is|\ was)\ (?:wrong|not\ right)
      | sorry | oops | my\ mistake | i\ (?:missed|forgot|overlooked) | i\ mean(?:t)? ) \b
    """,
    re.VERBOSE,
)


def taken_back(text: str) -> re.Match[str] | None:
    """The first words in a text that take back what stood before it: "Wait, …", "scratch that"."""
    return _TAKES_BACK.search(text)


def hedge(before: str, behind: str) -> str | None:
    """What hedges a value between the words before and behind it in its sentence: "bound",
    "exception", "doubt", "denial", or None where it is told plainly.
    """
    if _BOUND.search(before) and not _NEEDED.search(before):
        return "bound"
    if _is_open_ended(behind) and not _NEEDED.search(before):
        return "bound"
    if _EXCEPTED.search(before):
        return "exception"
    if _IS_NOT.search(before):
        return "denial"
    return "doubt" if _MAY_BE.search(before) else None


_COULD_BE = re.compile(r"(?i)\b(?:could|may|might)\s+(?:also\s+|well\s+)?be\b")


def is_doubtful(sentence: str) -> bool:
    """Whether a sentence only considers something: "It could be Hume, but it could also be A"."""
    return bool(_COULD_BE.search(sentence)) or is_unsure(sentence)


def is_unsure(sentence: str) -> bool:
    """Whether a sentence says that it does not know: "I'm not sure whether it is 5 or 6"."""
    return bool(_UNSURE.search(sentence))


def _is_open_ended(behind: str) -> bool:
    """Whether the words behind a value leave it open upwards or downwards: "7 or more", and behind
    the noun that it counts, "7 boxes or more".
    """
    past_noun = re.sub(r"^\s*(?:(?!(?:or|and|at)\b)[^\W\d_]+)?", "", behind)
    return bool(_OPEN_ENDED.match(behind) or _OPEN_ENDED.match(past_noun))


def changes_number(words: str) -> bool:
    """Whether words behind a number make another number of it: `squared`, `dozen`, `or more`."""
    return bool(_CHANGES.search(words))
