"""The letter an output commits itself to, among the letters of a question's options.

A *statement* is a place where a text commits itself ("the answer is (B)", a boxed letter, "C is correct"), unless it is
hypothetical or a list of the options. The last clear one counts; where there is none, weaker signs are asked,
strongest first. Several letters mean undecided, and none is invented. Which part of an output is read, and what
becomes of a letter, is `extraction`'s business; options named by their text are `options`'.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from routerlib.answers.choices import (
    contains,
    is_wordy,
    letters_of,
    opening_option,
    opens_with,
    option_key,
    same_option,
    unstyled,
)
from routerlib.answers.expressions import boxed


@dataclass(frozen=True)
class _Statement:
    """A place where an output commits itself: to letters (several: undecided) or, with none, to no option."""

    start: int
    end: int
    letters: str
    rule: str


# --- how a letter is given as an answer --------------------------------------------------------------------------

# A letter as an answer: (C), [C], {C}, "C", or bare C where no word follows that it could belong to.
_BRACKETED = r"[\(\[\{]{1,2}\s*([A-Z])\s*(?:[\)\]\}.:]{1,2}|$)"
_AFTER_BARE = (
    r"(?=\s*(?:$|[.,;:!?)\]}\"'\n|/\\]|[-–—(]|</)|\s+(?:because|since|as|and|or|which|with|for|based|due|given|here|but|while|"
    r"is|in|from|according|so|where|option|choice|only|rather|not|over|instead)\b)(?!\s*[=^+]|['’]\w)"
)
_BARE = r"[\"'“]?\b([B-HJ-Z])\b[\"'”]?" + _AFTER_BARE
_BARE_WORDLIKE = r"[\"'“]?\b([AI])\b(?=\s*(?:$|[.;:!)\]}\"\n]|,?\s*(?:because|since|as|which)\b))(?!['’]\w|\.\s?[eE]\.)"
_LETTER = rf"(?:{_BRACKETED}|{_BARE}|{_BARE_WORDLIKE})"
_NOUN = (
    r"(?:answers?|ans\.?|choices?|options?|solutions?|responses?|selections?|guess|letter|alternatives?|"
    r"(?:correct|true|false|right|best|accurate|incorrect)\s+(?:statements?|one|conclusion|match|description|explanation))"
)
_FILLER = (
    r"(?:\s|[:,=\-–>→*\"]|\b(?:is|are|would|should|will|must|be|therefore|thus|hence|then|clearly|likely|most|probably|indeed|"
    r"simply|actually|definitely|the|an|option|options|choice|letter|answer|statement|number|correct|best|closest|right|"
    r"either|both|given|by|to|final|here|so|in|fact|which|corresponding|appropriate|accurate|labell?ed|boxed|\\boxed)\b|\\boxed)"
)
_STATED = re.compile(
    rf"(?i:\b{_NOUN})(?:\s+(?i:here|to (?:this|the) question|for (?:this|the) question|from the (?:given )?(?:options|choices)|"
    rf"among the (?:given )?(?:options|choices)|choice|option|provided|above|of the (?:options|choices)))*"
    rf"[\"'”]?\s*(?i:\bis\b|\bare\b|\bwould be\b|\bshould be\b|\bmust be\b|\bwill be\b|:|=|>|-->|->|→|[-–—]|\n+|(?=\([A-Z]\)\W*(?:$|\n)))(?i:{_FILLER}){{0,12}}?{_LETTER}"
)
_STATED_LOWER = re.compile(
    r"(?i:\b(?:answer|ans|choice|option)\b\.?(?:\s+(?:choice|option))?)\s*(?i:\bis\b|:|=)[\s:]*(?:(?i:option|choice|letter)\s+)?"
    r"(?:\(([a-z])\)|([b-z])\)|([b-hj-z])(?=[.\s]*(?:$|\n)))"
)
_NAMED = re.compile(
    rf"(?i:\b(?:options?|choices?|answers?|letter|alternative))\s*{_LETTER}"
    r"(?=[^.\n]{0,60}?\b(?i:is|are|seems?|appears?|would be|must be|best|provides?|gives?)\b(?!\s*(?i:not|n't|in(?:correct|valid)|"
    r"wrong|false|ruled|eliminated|un|im)))(?!\s+(?i:can be|could be|may be|might be|is not|are not|isn't|cannot))"
)
_IS_CORRECT = re.compile(
    rf"{_LETTER}(?:(?!\([A-Z]\))[^.\n]){{0,120}}?\b(?i:is|are|being|would be|must be|seems|seems to be|appears to be)\s+(?i:indeed\s+|clearly\s+|also\s+|therefore\s+|likely\s+|definitely\s+)?"
    r"(?i:the\s+)?(?i:most\s+|more\s+|only\s+|best\s+)?(?i:correct|right|accurate|appropriate|best|suitable|closest|valid|likely|plausible|reasonable|probable|logical|"
    r"answer|solution|among the (?:options|choices)|listed|available)\b"
    r"(?i:\s+(?:answer|option|choice|one|statement|response|match|description|explanation))?"
)
_CLOSEST = re.compile(
    rf"(?i:\b(?:closest|nearest|best (?:matche?s?|fits?)|matche?s|correspond(?:s|ing)|agrees? with|consistent with|equivalent to|"
    rf"selects?|choos(?:e|es|ing)|chose|picks?|picked|go(?:ing)? with|opt for))\b(?:[^.\n(]|\.\d|\((?![A-Z]\))){{0,70}}?"
    rf"(?:(?i:\b(?:option|choice|answer|letter)s?)\s*{_LETTER}|\(([A-Z])\))"
    rf"|(?i:\b(?:choose|choosing|chose|select|pick|guess|say|go with|opt for))\s+(?i:the\s+)?(?i:answer\s+|option\s+|choice\s+|letter\s+)?{_LETTER}"
    rf"|(?i:\b(?:it|this|that)(?:'s|\s+(?:is|must be|has to be|should be)))\s+(?i:most\s+)?(?i:likely\s+|probably\s+|clearly\s+)?"
    rf"(?i:option\s+|choice\s+|letter\s+|answer\s+)?{_LETTER}(?=\W*(?:$|\n))"
    rf"|答案(?:应该|应)?(?:是|为|选|:)?\s*{_LETTER}"
)
_BOXED_LETTER = re.compile(
    r"\\boxed\s*\{\s*[\(\[\{]*\s*([A-Z])\s*[\)\]\}.:]*(?:\s*\}|[.:)\s][^{}]*\})"
)
_AND_MORE = re.compile(
    r"\s*[\)\]\"']*\s*(?:,|/|&|(?:,\s*)?\b(?:or|and)\b)\s*(?:(?:option|choice|answer)\s*)?(?:[\(\[]([A-Z])[\)\]]|([B-HJ-Z])(?=\W|$)(?!\s*[=^+]|['’]\w))"
    r"(?!\s+(?:is|are|was|were|does|do|would|can|cannot|has|have)\b)"
)
_LETTER_LIST = re.compile(r"\(([A-Z](?:\s*(?:,|&|/|,?\s*and\b|,?\s*or\b)\s*[A-Z])+)\)")
_CLEAR = (
    "stated letter",
    "boxed letter",
    "no option fits",
)  # a remark such as "C is closest" does not overrule them
_DECLINED = re.compile(
    r"(?i)\b(?:answers?|options?|choices?|solution)\b[^.\n]{0,40}?"
    r"(?:\b(?:is|are|was|does|do)(?:\s+not|n't)\s+(?:\w+\s+){0,2}?(?:listed|among|one of|on the list|in the list|in the (?:given )?(?:options|choices)|"
    r"provided|available|present|given|match\w*|correspond\w*|appear\w*|shown|any of|here)"
    r"|\bis\s*\(?\s*(?:none|not listed|not among|not given|unknown|not provided|n/?a)\b)"
    r"|\b(?:it|this|that|which|value|result)\b[^.\n]{0,30}?\b(?:is|does)(?:\s+not|n't)\s+(?:\w+\s+){0,2}?(?:listed|among|one of|match|correspond\w*|in)\b"
    r"[^.\n]{0,25}?\b(?:options|choices|answers|list)\b"
    r"|\bnone of (?:the|these|those) (?:\w+\s+){0,2}?(?:options?|choices|answers?|above|given|listed|provided)\b[^.\n]{0,40}"
    r"|\bno (?:correct|right|matching|valid|suitable) (?:answer|option|choice)\b"
)
_CONDITION = re.compile(
    r"(?i)\b(?:if|whether|suppose|assum(?:e|ing)|unless|not|n't|never|could|might|may|rather than|instead of|eliminate|exclude|"
    r"rule out|why|like|e\.g\.|such as|example)\b[^.\n]{0,45}$"
)
_CLAUSE = re.compile(r"[,;:\n]|[.!?]\s|(?i:\b(?:but|so|then|therefore|thus|hence|because)\b)")
_BEFORE_LETTER = re.compile(
    r"(?i)(?:^|[\n.,;:!?(\[\"'–—-]|\b(?:options?|choices?|answers?|letter|statement|therefore|thus|so|hence|that|only|and|but|believe|think|"
    r"conclude|choices,|then|while|which|clearly|actually|say|suggests?|indicates?))\s*[\"'(\[]*$"
)
_CONCLUDES = re.compile(
    r"(?i)\b(?:therefore|thus|hence|so|consequently|conclu\w+|overall|final\w*|closest|best|in summary|answer)\b"
)
_WORD = re.compile(r"[a-z0-9]{4,}")
_CUE = re.compile(
    r"(?i)\b(?:therefore|thus|hence|so|consequently|accordingly|in conclusion|conclude|correct|best|answer|choose|select|pick|"
    r"match(?:es)?|corresponds?|closest|most (?:likely|appropriate|accurate)|this (?:is|means|gives)|final(?:ly)?|overall|which is|that is|we (?:get|have|find))\b|=|\\approx|≈"
)


def committed(
    part: str, choices: Sequence[str], question: str | None, truncated: bool
) -> tuple[str, str]:
    """The letters a text commits to, and the rule that found them.

    Returns:
        One letter; several where the text stays undecided; "" where it commits to none, or to one that no option has.
    """
    plain = plain_text(part)
    lone = lone_letter(plain, choices)
    if lone:
        return lone, "lone letter"
    found = [
        s for s in _statements(plain, len(choices), choices) if not truncated or s.rule in _CLEAR
    ]
    last = _last_statement(plain, found, question, choices)
    if (
        last
        and not last.letters
        and not truncated
        and len(near := _closest_option(plain[last.start :], choices)) == 1
    ):
        return near, "closest option"
    if last:
        return _decided(last, len(choices))
    weaker = (
        (letters, rule) for rule, letters in _weaker(part, plain, choices, truncated) if letters
    )
    return next(weaker, ("", "cut off" if truncated else "no statement"))


def states_letter(text: str, options: int) -> bool:
    """Whether a text commits itself anywhere: to one of so many letters, or to none of the options."""
    return any(_statements(text, options))


def plain_text(text: str) -> str:
    """An output without emphasis, maths delimiters and full-width letters; `(A, C)` becomes `(A), (C)`."""
    return _LETTER_LIST.sub(
        lambda match: "(" + "), (".join(re.findall("[A-Z]", match[1])) + ")", unstyled(text)
    )


def _decided(statement: _Statement, options: int) -> tuple[str, str]:
    named = "".join(sorted(set(statement.letters)))
    if len(named) == 1 and named not in string.ascii_uppercase[:options]:
        return "", "letter of no option"
    return named, statement.rule


def _statements(text: str, options: int, choices: Sequence[str] = ()) -> Iterator[_Statement]:
    """Every place that commits to a letter, or declares that no option fits, in no particular order."""
    rules = (
        (_BOXED_LETTER, "boxed letter"),
        (_STATED, "stated letter"),
        (_STATED_LOWER, "stated letter"),
        (_NAMED, "named option"),
        (_IS_CORRECT, "called correct"),
        (_CLOSEST, "closest option"),
    )
    valid = string.ascii_uppercase[:options]
    for pattern, rule in rules:
        for match in pattern.finditer(text):
            statement = _read(text, match, rule, valid)
            if statement:
                yield statement
    if not any(
        re.match(
            r"(?i)(none|no(ne)? of|neither|not |cannot|it cannot|insufficient)", option.strip()
        )
        for option in choices
    ):
        for match in _DECLINED.finditer(text):
            yield _Statement(match.start(), match.end(), "", "no option fits")


def _read(text: str, match: re.Match[str], rule: str, valid: str) -> _Statement | None:
    index = next(i for i, group in enumerate(match.groups(), start=1) if group)
    letter, end = match[index].upper(), match.end(index)
    if rule != "boxed letter" and _is_hypothetical(text, match.start(), end):
        return None
    if _is_listed(text[match.start(index) : end + 400], letter):
        return None
    if rule in ("called correct", "closest option", "named option") and letter not in valid:
        return None
    if rule == "called correct" and not _BEFORE_LETTER.search(
        text[max(0, match.start() - 30) : match.start()]
    ):
        return None
    if rule == "called correct" and re.search(
        r"(?i)\b(?:not|n't|incorrect|neither|nor|in)\b", text[end : match.end()]
    ):
        return None
    letters, stop = letter, end
    while more := _AND_MORE.match(text, stop):
        letters, stop = letters + (more[1] or more[2]), more.end()
    if len(letters) > 1 and not set(letters) <= set(valid):
        letters = letter
    return _Statement(match.start(index), max(stop, match.end()), letters, rule)


def _is_hypothetical(text: str, start: int, end: int) -> bool:
    """`if the answer is (A)`, `the answer would be (A) if …`, `it could be (A)`, within one clause."""
    clause = _CLAUSE.split(text[max(0, start - 60) : start])[-1]
    return bool(
        _CONDITION.search(clause)
        or re.match(r"[)\]\"'}]*\s+(?:if|only if|unless|provided that)\b", text[end : end + 20])
    )


def _is_listed(text: str, letter: str) -> bool:
    """Whether a letter only opens a list of options: the next one follows, on its own line or as `A) x B) y`."""
    following = re.escape(chr(ord(letter) + 1))
    lines = rf"{letter}[)\].:][^\n]*\n+\s*[(\[]?{following}[)\].:]"
    return bool(re.match(rf"{lines}|{letter}\)[^\n(]*?\s{following}\)\s", text))


def _last_statement(
    text: str, statements: list[_Statement], question: str | None, choices: Sequence[str]
) -> _Statement | None:
    """The last clear statement, or what the weaker remarks agree on; of several blocks, one that speaks of ours."""
    statements = sorted(statements, key=lambda statement: (statement.start, len(statement.letters)))
    clear = [statement for statement in statements if statement.rule in _CLEAR]
    remarks = [statement for statement in statements if statement.rule not in _CLEAR]
    if not clear or (not clear[-1].letters and remarks and remarks[-1].end > clear[-1].start):
        return _agreed(text, remarks, clear)
    last = max((s for s in clear if s.start == clear[-1].start), key=lambda s: len(s.letters))
    later = {
        remark.letters
        for remark in remarks
        if remark.start > last.start and remark.letters in last.letters
    }
    if len(last.letters) > 1 and len(later) == 1:  # "(A) or (B), but (B) is more likely"
        return next(remark for remark in reversed(remarks) if remark.letters in later)
    if len({statement.letters for statement in clear if statement.letters}) < 2 or "\n" not in text:
        return last
    return _block_of_ours(text, clear, question, choices) or last


def _agreed(text: str, remarks: list[_Statement], clear: list[_Statement]) -> _Statement | None:
    """The one letter the remarks name; of several, the last if its sentence draws a conclusion."""
    if clear:  # behind "the answer is not listed" the closest option is the answer
        remarks = [remark for remark in remarks if remark.end > clear[-1].start]
    if not remarks or len({remark.letters for remark in remarks}) == 1:
        return remarks[-1] if remarks else None
    last = remarks[-1]
    sentence = re.split(r"[.\n](?!\d)", text[: last.start])[-1] + text[last.start : last.end]
    if _CONCLUDES.search(sentence):
        return last
    return _Statement(
        last.start, last.end, "".join(remark.letters for remark in remarks), last.rule
    )


def _block_of_ours(
    text: str, clear: list[_Statement], question: str | None, choices: Sequence[str]
) -> _Statement | None:
    """Where blocks of a text answer different questions: the statement of the last one that speaks of ours."""
    vocabulary = set(_WORD.findall(" ".join([question or "", *choices]).lower()))
    scores = []
    for previous, statement in zip([0, *(s.end for s in clear)], clear, strict=False):
        words = set(_WORD.findall(text[previous : statement.end].lower()))
        scores.append(len(words & vocabulary) / max(len(vocabulary), 1))
    apart = "\n\n" in text[clear[-2].end : clear[-1].start].strip(" ")
    if (
        not apart
        or len(words) < 5
        or max(scores) < 0.1
        or scores[-1] >= (0.55 if len(words) >= 15 else 0.2) * max(scores)
    ):
        return None
    return clear[max(i for i, score in enumerate(scores) if score >= 0.9 * max(scores))]


def lone_letter(text: str, choices: Sequence[str]) -> str | None:
    """An output that is nothing but a letter, or a letter and its option: `B`, ` (B)`, `B) cold`."""
    text = re.sub(r"(?i)^\s*(?:option|choice|answer|letter)\s+(?=\(?[a-z]\b)", "", text)
    if because := re.match(r"\s*\(?([B-HJ-Z])\)?\s+(?:because|since)\b", text):
        return because[1] if because[1] in string.ascii_uppercase[: len(choices)] else None
    match = re.match(r"^\s*[\(\[\"']?([A-Za-z])[\)\]\"'.:,]*\s*(?:$|\n)", text)
    if (
        match
        and match[1].upper() in string.ascii_uppercase[: len(choices)]
        and (match[1].isupper() or len(text.strip()) <= 3)
    ):
        rest = text[match.end() :].strip()
        if not rest or not _STATED.search(rest):
            return match[1].upper()
    match = re.match(r"^\s*[\(\[]?([A-Z])(?:[\)\]]|\s*[.:]|\s(?=\S))\s*(.*)", text)
    if match and match[1] in string.ascii_uppercase[: len(choices)] and not _STATED.search(text):
        option = choices[string.ascii_uppercase.index(match[1])]
        if same_option(match[2], option) or (opens_with(match[2], option) and text.count("\n") < 2):
            return match[1]
    return None


def _weaker(
    part: str, plain: str, choices: Sequence[str], truncated: bool
) -> Iterator[tuple[str, str]]:
    """Rules for outputs without a stated letter, strongest first: (name, the letters found)."""
    yield "boxed option", _boxed_option(part, choices)
    if truncated:
        return
    yield "stated option", _stated_option(plain, choices)
    yield "closest option", _closest_option(plain, choices)
    yield "leading letter", _leading_letter(plain, choices)
    yield "closing letter", _closing_letter(plain, choices)
    yield "emphasised letter", _emphasised_letter(part, choices)
    yield "concluding sentence", _concluding_letter(plain, choices)
    yield "concluding option", _concluding_option(plain, choices)


def _boxed_option(part: str, choices: Sequence[str]) -> str:
    boxes = boxed(part)
    return letters_of(boxes[-1], choices) if boxes else ""


_STATED_TEXT = re.compile(
    r"(?i)\b(?:answer|option|choice|solution)\b(?:\s+(?:to this question|here|choice|option))?\s*(?:is|are|was|would be|should be|must be|:|=)+\s*"
    r"(?:therefore|thus|that|most likely|probably|approximately|about|indeed|\s)*[:\-–\s]*((?:[^.\n]|\.(?=\d)|\.(?=\w))+)"
)


def stated_texts(plain: str) -> list[str]:
    """What stands behind "the answer is", in order."""
    return [match[1] for match in _STATED_TEXT.finditer(plain)]


def _stated_option(plain: str, choices: Sequence[str]) -> str:
    found = ""
    for words in stated_texts(plain):
        if re.match(r"(?i)\s*(?:not|none|un)", words):
            found = ""
            continue
        letters = letters_of(words, choices) or opening_option(words, choices)
        found = letters or found
    return found


_CLOSEST_TEXT = re.compile(
    r"(?i)\bclosest\b(?:\s+\w+){0,3}?\s+(?:to|is|of|being|would be)\s+((?:[^.,;\n]|[.,](?=\d))+)"
)


def _closest_option(plain: str, choices: Sequence[str]) -> str:
    """Behind "the answer is not listed": the option named as the closest by its text."""
    found = [letters_of(match[1], choices) for match in _CLOSEST_TEXT.finditer(plain)]
    return next((letters for letters in reversed(found) if letters), "")


def _leading_letter(plain: str, choices: Sequence[str]) -> str:
    """An output that opens with its letter: `(C) because …`, `C. text of the option`."""
    listed = re.findall(r"(?m)^\s*[\(\[]?([A-Z])[\)\].:]\s", plain)
    if len(set(listed)) > 1 or re.search(r"(?m)^\s*II\.", plain):
        return ""
    match = re.match(r"\s*(?:[\(\[]([A-Z])[\)\]]|([A-Z])(?:[\):]|\.(?=\s)))\s*(.*)", plain)
    if not match:
        return ""
    letter = match[1] or match[2]
    if letter not in string.ascii_uppercase[: len(choices)]:
        return ""
    if other := letters_of(match[3], choices).replace(letter, ""):
        return letter + other  # a letter with another option's text
    if (match[2] in ("A", "I") or len(plain) > 600) and not opens_with(
        match[3], choices[string.ascii_uppercase.index(letter)]
    ):
        return ""
    return letter


def _closing_letter(plain: str, choices: Sequence[str]) -> str:
    """A last line that is only a letter, or a letter and its option."""
    lines = [line.strip() for line in plain.strip().split("\n") if line.strip()]
    if len(lines) < 2:
        return ""
    match = re.match(r"^(?:=+>|[-→>•]+)?\s*[\(\[]?([A-Z])(?:[\)\].:]+\s*(.*)|)$", lines[-1])
    if not match or match[1] not in string.ascii_uppercase[: len(choices)]:
        return ""
    option = choices[string.ascii_uppercase.index(match[1])]
    if match[2] and not opens_with(match[2], option):
        return ""
    listed = re.match(r"^[\(\[]?[A-Z][\)\].:]", lines[-2])
    return "" if match[2] and listed else match[1]


_EMPHASISED = re.compile(r"\*\*\s*[\(\[]?([A-Z])(?:[\)\]].{0,200}?|[.:]\s.{0,200}?|)\s*\*\*")


def _emphasised_letter(part: str, choices: Sequence[str]) -> str:
    """The only bold letter of an output, in its last paragraph."""
    found = {match[1] for match in _EMPHASISED.finditer(part)}
    last = _EMPHASISED.search(part.strip().rsplit("\n\n", 1)[-1])
    return (
        last[1]
        if last and len(found) == 1 and last[1] in string.ascii_uppercase[: len(choices)]
        else ""
    )


def _concluding_letter(plain: str, choices: Sequence[str]) -> str:
    """The one letter in brackets, or behind the word option, in a last sentence that concludes."""
    sentence = last_sentence(plain)
    if not _CUE.search(sentence) or re.search(
        r"(?i)\b(?:not|n't|none|neither|incorrect|false|eliminate)\b", sentence
    ):
        return ""
    valid = string.ascii_uppercase[: len(choices)]
    found = re.findall(
        r"(?<![\w(])\(([A-Z])\)|\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+\(?([A-Z])\b", sentence
    )
    found += [
        (letter, "")
        for letter in re.findall(
            r"(?i:\b(?:therefore|thus|hence|so|ans|option)\b)\W*([B-HJ-Z])\W*$", sentence
        )
    ]
    letters = {a or b for a, b in found} & set(valid)
    return "".join(sorted(letters))


def _concluding_option(plain: str, choices: Sequence[str]) -> str:
    """The one option whose text or value the last sentence arrives at."""
    sentence = last_sentence(plain)
    concludes = _CUE.search(sentence) or sentence == plain.strip()
    if not concludes or re.search(
        r"(?i)\b(?:not|n't|none|neither|nor|incorrect|eliminate|however)\b", sentence
    ):
        return ""
    tail = re.split(
        r"=|\\approx|≈|\b(?:is|are|was|be|equals?|about|approximately|of|to|as|by|get|have|gives?)\b",
        sentence,
    )[-1]
    letters = letters_of(tail, choices)
    if letters:
        return letters
    folded = option_key(sentence)
    named = [
        i
        for i, option in enumerate(choices)
        if is_wordy(option) and contains(folded, option_key(option))
    ]
    longest = [
        i
        for i in named
        if not any(
            i != j and contains(option_key(choices[j]), option_key(choices[i])) for j in named
        )
    ]
    return string.ascii_uppercase[longest[0]] if len(longest) == 1 else ""


def last_sentence(plain: str) -> str:
    body = plain.strip()
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z\\(\[])|\n+", body)
    return sentences[-1] if sentences else ""
