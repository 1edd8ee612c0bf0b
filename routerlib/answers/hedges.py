r"""What keeps words from being a plain answer: a bound, a condition, an exception, a doubt, a
question, a later change of mind.

"At least 9", "half of 9", "12 if n is even", "all x except 4" and "it may also be 216" name a value
that a grader must not credit as it stands. Every reader of answers asks here before it takes a
value, so that what was only half understood is told as undecided. What the value is, is the
readers' business.
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
    r"""
    \b (?: needs? | needed | required? | requires | must | should | ha(?:s|ve|d)\ to | takes? | can
      | could | able | minimum | maximum | smallest | largest | least\ number | braucht? | muss
      | faut | doit | necesita | debe ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
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
    \b (?: not\ (?:\w+\ )? (?:sure|certain|clear) | i\ (?:don['’]t|do\ not)\ know | unsure
      | uncertain | unclear
      | (?: can(?:not|['’]t|\ not) | could(?:\ not|n['’]t) | unable\ to ) \s+ (?:\w+\s+)?
        (?: decide|tell|say|determine|choose|conclude ) (?! \s+ (?:that|but) )
      | (?: is | are | remains ) \ unknown
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
    \b (?: squared | cubed | factorial | hundreds? | halves | hundredths? | wrong | incorrect
      | thirds? | fourths? | fifths? | sixths?
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


# Right before a value that is only a part of what is said: "half of ", "twice ", "a multiple of "
_PART_BEFORE = re.compile(
    r"""
      \b (?: half | third | quarter | double | twice | triple | thrice | square | cube | root | log
        | ln | sin | cos | tan | (?: multiple | factor | divisor | power | fraction | digits? ) s? )
      (?: \s+ of )? \s* [(]? $
    | \b (?: minus | plus | negative ) \s* $
    | √ \s* $ | (?<! \# ) \# \s* $ | \b No\. \s* $
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Right behind a value that is only a part: "hundred", "squared", "th", "k"
_PART_BEHIND = re.compile(
    r"""
      \s* (?: hundreds? | bn | mn | squared | cubed | factorial | halves | thirds | fifths | tenths
        | hundredths ) \b
    | [²³⁴⁵ⁿ_] | (?: k | bn | th | e | e\d+ | P\d+ | C\d+ ) \b
    | \s* (?: \.{3} | … | [<>≤≥≠] )
    """,
    re.VERBOSE,
)
# A sign or a word of comparison right before a value: "x > ", "is just under "
_COMPARED = re.compile(
    r"""
      (?<![=-]) [<>≤≥≠±] \s* [$€£]? $ | \\(?: [lg]e?q? | [lg]eqslant | pm ) \s* $
    | (?: ^ | \b (?: is | are | was | were | be | has | have | had | costs? | just | slightly | well
        | somewhat | = ) \s ) \s* (?: over | under | above | below ) \s+ [$€£]? $
    | \b (?: almost | nearly | close\ to | up\ to ) \s+ [$€£]? $
    """,
    re.VERBOSE | re.IGNORECASE,
)
# One of several, or of no known one: "such as ", "for example ", "anything but "
_ONE_OF_MANY = re.compile(
    r"""
    \b (?: such\ as | like | for\ (?:example|instance),? | e\.?g\.?,? | any(?:thing|\ number)\ but
      | undefined\ (?:for|at|when) | neither )
    \s* (?: [a-z] \s* = \s* )? [$€£]? $
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Behind a value: it holds in one case only, or another may, or it is called wrong
_IN_A_CASE = re.compile(
    r"""
    \s* ,? \s* (?:
        (?: only\s+ )? (?: if | when | for ) \s+ [$\\(]* [a-z] [$)\\]* \s*
          (?: (?:is|are) \s+ )? (?: even | odd | positive | negative | prime | not | [<>≤≥≠] )
      | unless \b | only\ (?:if|when) \b | and \s \S+ \s otherwise \b
      | [(]? or \s+ (?: maybe | possibly | perhaps | even ) \b
      | with\ probability \b )
    """,
    re.VERBOSE,
)
_CALLED_WRONG = re.compile(
    r"""
    \s* [(]? \s* (?: (?:is|was|would\ be) \s+ )?
    (?: wrong | incorrect | false | impossible | excluded | ruled\ out
      | too \s (?: big|small|high|low|large )
      | not \s (?: (?: the | a ) \s )? (?: right | correct | possible | allowed )
      | (?: my | a | the ) \s (?: first | initial ) \s (?: guess | thought | idea ) ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)


# Behind a letter or an option: "is a trap", "(incorrect)", "can be ruled out", "if it rains", "?"
_WITHDRAWN = re.compile(
    r"""
    [\s)\]"'*:]* (?:
        [\[(–—-]? \s*
        (?: (?: is | was | are | were | seems | looks | would\ be | could\ be | can\ be | must\ be
          | has\ been ) \s+ )?
        (?: (?: a | an | the | clearly | only | just | simply | thus | already ) \s+ ){0,2}
        (?: (?: wrong | incorrect | false | mistake | error | trap | distractor | tempting
            | ruled\ out | eliminated | excluded | dismissed | rejected | worse | second[ -]best
            | less\ likely | unlikely | my\ first | what\ most ) \b | [❌✗✘] )
      | (?: is | was | are | were | would\ be | can\ be | could\ be ) \s+ (?: not | out | never ) \b
      | (?: could | may | might ) \s+ (?: also\s+ )? be \b | would\ be \s+ \w+ \s+ if \b
      | (?: isn['’]t | wasn['’]t | aren['’]t | doesn['’]t | does\ not | cannot | can['’]t | fails?
          | failed ) \b
      | (?: if | unless | only\ (?:if|when) ) \b
      | \?
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_withdrawn(behind: str) -> bool:
    """Whether the words behind a letter or an option take it back: "is a trap", "if it rains"."""
    return bool(_WITHDRAWN.match(behind))


def taken_back(text: str) -> re.Match[str] | None:
    """The first words in a text that take back what stood before it: "Wait, …", "scratch that"."""
    return _TAKES_BACK.search(text)


def hedge(before: str, behind: str) -> str | None:
    """What hedges a value between the words before and behind it in its sentence: "part", "case",
    "bound", "exception", "doubt", "denial", or None where it is told plainly.
    """
    if _PART_BEFORE.search(before) or _PART_BEHIND.match(behind):
        return "part"
    if _ONE_OF_MANY.search(before) or _IN_A_CASE.match(behind):
        return "case"
    if _CALLED_WRONG.match(behind):
        return "denial"
    if _COMPARED.search(before) and not _NEEDED.search(before):
        return "bound"
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
