r"""The answer in what a model wrote: a letter, a mathematical expression or a few words, or honestly none.

An output is first cut to the part that answers this question (`own_part`): models run on into a question
of their own, or answer the examples of the prompt first. Then the statements in it are read in order, and
the last one that commits to an answer counts. Every answer comes with the name of the rule that found it.
Pure functions on text. Whether the answer is right is `grading`'s business, equality of expressions
`equality`'s; nothing is learnt and no model is asked.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

Status = Literal["found", "ambiguous", "none"]
Kind = Literal["choice", "maths", "text"]


@dataclass(frozen=True)
class Extraction:
    """What was read: the answer (None unless found), the rule that decided, and whether the output was cut off."""

    answer: str | None
    rule: str
    status: Status
    truncated: bool = False


@dataclass(frozen=True)
class _Statement:
    """A place where an output commits itself: to letters (several: undecided) or, with none, to no option."""

    start: int
    end: int
    letters: str
    rule: str


# --- which kind of question --------------------------------------------------------------------------------------

_FUNCTIONS = r"sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt|mod|arcsin|arccos|arctan|pi|inf|and|or"


def kind_of(gold: str, is_mcq: bool = False) -> Kind:
    """How a question is graded: by letter, by mathematical equality, or by matching words.

    Multiple choice is told by its options. Else the gold answer decides: it is mathematics if it holds a
    LaTeX command or is made of numbers, symbols, function names and words of at most two letters (`42`,
    `x+1`, `$5`, `12 cm`); with a longer word in it (`Paris`, `July 4, 1776`, `Apollo 11`), and as a formula such as `H2O`, it is text.
    """
    if is_mcq:
        return "choice"
    if re.search(r"\\[A-Za-z]+|\$.*\$|\^|_\{", gold):
        return "maths"
    if re.fullmatch(r"(?:[A-Z][a-z]?\d*)*[A-Z][a-z]?\d+(?:[A-Z][a-z]?\d*)*", gold.strip()):
        return "text"
    if re.search(rf"(?!(?:{_FUNCTIONS})\b)\b[^\W\d_]{{3,}}", gold):
        return "text"
    return "maths" if re.search(r"\d|[-+*/=<>()]|^\W*[A-Za-z]\W*$", gold) else "text"


# --- the part of an output that answers this question ------------------------------------------------------------

_SPECIAL_TOKEN = re.compile(
    r"<\|(?:eot_id|assistant|im_end|im_start|endoftext|end|end_of_text|user|eom_id)\|>|</s>|<end_of_turn>|<｜end"
)
_HEADING = re.compile(
    r"(?:(?<=\n)|^|(?<=[.!)\]] )|(?<=[.!)\]]))[#*_> \t]{0,12}"
    r"(?:(?:next|new|another|final|last)\s+)?"
    r"(?:(?:Question|Problem|Exercise|Q)[ \t]*(?:\#?\d+)?[ \t]*[*_]*[:.)](?!\w)|(?:Question|Problem|Exercise|Example|Instruction) \d+\b"
    r"|(?:Follow[- ]?up|Additional|Practice) (?:questions?|exercises?|problems?)\b"
    r"|The following (?:are|is) (?:a )?(?:multiple[- ]choice|single[- ]choice)"
    r"|(?:Human|User|USER|HUMAN)[ \t]*:|\#\#+[ \t]*(?:Instruction|Input|User|Human|Question|Your task))",
)
_LONG_GAP = re.compile(r"[ \t]{9,}|\n(?:[ \t]*\n){3,}")
_COMBINING = re.compile(
    r"(?i)\b(?:combin(?:e|ing)|compil(?:e|ing)|collect(?:ing)?|summari[sz](?:e|ing)|recap(?:ping)?|list(?:ing)?|"
    r"(?:a |in )?summary(?: of)?)\s+(?:all\s+)?(?:of\s+)?(?:the|these|those|our|my|above|previous)\s+(?:\w+\s+){0,3}answers\b"
)
_WORD = re.compile(r"[a-z0-9]{4,}")


def own_part(text: str, question: str | None = None, choices: Sequence[str] = ()) -> str:
    """The part of an output that answers this question.

    Decided by structure: reasoning in <think> tags and all behind an end token go; an output that runs on
    is split at the headings of new questions. A part that repeats this question (or most of its options)
    is ours. Else it is the text before the first heading if that states an answer; where the output opens
    with headings it is the last part if they are numbered (the examples of the prompt come first), or the
    first. What follows "combining all the answers" is about other questions too, and goes.
    """
    text = _LONG_GAP.sub(lambda gap: "\n\n\n" if "\n" in gap[0] else "    ", _without_reasoning(text))
    headings = [match.start() for match in _HEADING.finditer(text)]
    if headings:
        text = _chosen_part(text, headings, question, choices)
    combining = _COMBINING.search(text)
    if combining and any(_statements(text[: combining.start()], len(choices) or 26)):
        text = text[: combining.start()]
    return text


def _without_reasoning(text: str) -> str:
    if "</think>" in text:
        thought, _, rest = text.rpartition("</think>")
        text = rest if rest.strip() else thought
    elif text.lstrip().startswith("<think>"):
        return ""  # cut off while still thinking
    stop = _SPECIAL_TOKEN.search(text, pos=1) if text else None
    return text[: stop.start()] if stop and text[: stop.start()].strip() else text


def _chosen_part(text: str, headings: list[int], question: str | None, choices: Sequence[str]) -> str:
    before = text[: headings[0]]
    parts = [text[a:b] for a, b in zip(headings, [*headings[1:], len(text)], strict=True)]
    ours = [part for part in parts if _repeats(part, question, choices)]
    if before.strip() and not _is_introduction(before, choices):
        return before
    if ours:
        return ours[-1]
    if len(parts) > 1 and re.search(r"\b1\b", parts[0][:24]):  # numbered: the examples first, ours last
        return parts[-1]
    stating = [part for part in parts if any(_statements(plain_text(part), len(choices) or 26))]
    return before + (stating or parts)[0]


def _is_introduction(text: str, choices: Sequence[str]) -> bool:
    """Text that only announces what comes: it states no answer, and is none."""
    plain = plain_text(text)
    if any(_statements(plain, len(choices) or 26)) or boxed(text):
        return False
    if choices:
        return not (_lone_letter(plain, choices) or _letters_of(plain, choices))
    return not _FINAL.search(text) and bool(
        re.search(r"(?i):\s*$|\b(?:let's|let us|sure|here (?:is|are)|i will|i'll)\b", text)
    )


def _repeats(part: str, question: str | None, choices: Sequence[str]) -> bool:
    if question and _folded(question)[:80] in _folded(part):
        return True
    folded = _folded(part)
    listed = sum(len(option) > 3 and _folded(option) in folded for option in choices)
    return len(choices) >= 3 and listed >= 0.6 * len(choices)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


# --- multiple choice ---------------------------------------------------------------------------------------------

_MARKUP = re.compile(
    r"\*{1,3}|`|__|\$|\\[()\[\]]|\\(?:text(?:bf|it|rm)?|math(?:rm|bf|bb|it)|mbox|operatorname|displaystyle|Large|large)\b|\\[,;! ]"
)
_FULL_WIDTH = {ord("（"): "(", ord("）"): ")", ord("："): ":", ord("．"): ".", ord("，"): ",", 0xA0: " ", ord("’"): "'"}
_FULL_WIDTH |= {ord("Ａ") + i: letter for i, letter in enumerate(string.ascii_uppercase)}

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
_BOXED_LETTER = re.compile(r"\\boxed\s*\{\s*[\(\[\{]*\s*([A-Z])\s*[\)\]\}.:]*(?:\s*\}|[.:)\s][^{}]*\})")
_AND_MORE = re.compile(
    r"\s*[\)\]\"']*\s*(?:,|/|&|(?:,\s*)?\b(?:or|and)\b)\s*(?:(?:option|choice|answer)\s*)?(?:[\(\[]([A-Z])[\)\]]|([B-HJ-Z])(?=\W|$)(?!\s*[=^+]|['’]\w))"
    r"(?!\s+(?:is|are|was|were|does|do|would|can|cannot|has|have)\b)"
)
_LETTER_LIST = re.compile(r"\(([A-Z](?:\s*(?:,|&|/|,?\s*and\b|,?\s*or\b)\s*[A-Z])+)\)")
_CLEAR = ("stated letter", "boxed letter", "no option fits")  # a remark such as "C is closest" does not overrule them
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
_CUE = re.compile(
    r"(?i)\b(?:therefore|thus|hence|so|consequently|accordingly|in conclusion|conclude|correct|best|answer|choose|select|pick|"
    r"match(?:es)?|corresponds?|closest|most (?:likely|appropriate|accurate)|this (?:is|means|gives)|final(?:ly)?|overall|which is|that is|we (?:get|have|find))\b|=|\\approx|≈"
)


def extract_choice(
    text: str, choices: Sequence[str], *, question: str | None = None, finish_reason: str | None = None
) -> Extraction:
    """The letter an output commits to, among the letters of this question's options.

    Args:
        text: the model's output; choices: the 2 to 26 options' texts; question: its text, if known, which
            helps to find the part of the output that answers it; finish_reason: as the server gave it
            (`length`: only an explicit statement counts, since the output never came to its end).

    Returns:
        An Extraction whose answer is a capital letter. Rules, strongest first: a stated letter (the last
        one counts, a later "none of the options" takes it back), a stated or boxed option text or value,
        a lone letter, and the concluding sentence. `ambiguous` where it stays with several letters.
    """
    part = own_part(text, question, choices)
    truncated = finish_reason == "length" or (finish_reason is None and _breaks_off(part, text))
    plain = plain_text(part)
    options = len(choices)
    lone = _lone_letter(plain, choices)
    if lone:
        return Extraction(lone, "lone letter", "found", truncated)
    statements = [s for s in _statements(plain, options, choices) if not truncated or s.rule in _CLEAR]
    last = _last_statement(plain, statements, question, choices)
    if last and not last.letters and not truncated and len(near := _closest_option(plain[last.start :], choices)) == 1:
        return Extraction(near, "closest option", "found", truncated)
    if last:
        return _decided(last, options, truncated)
    for rule, found in _weaker(part, plain, choices, truncated):
        if len(found) == 1:
            return Extraction(found, rule, "found", truncated)
        if found:
            return Extraction(None, rule, "ambiguous", truncated)
    return Extraction(None, "cut off" if truncated else "no statement", "none", truncated)


def plain_text(text: str) -> str:
    """An output without emphasis, maths delimiters and full-width letters; `(A, C)` becomes `(A), (C)`."""
    text = _MARKUP.sub("", text.translate(_FULL_WIDTH))
    return _LETTER_LIST.sub(lambda match: "(" + "), (".join(re.findall("[A-Z]", match[1])) + ")", text)


def _decided(statement: _Statement, options: int, truncated: bool) -> Extraction:
    valid = sorted(set(statement.letters) & set(string.ascii_uppercase[:options]))
    if len(set(statement.letters)) > 1:
        return Extraction(None, statement.rule, "ambiguous", truncated)
    if not valid:
        return Extraction(None, statement.rule if not statement.letters else "letter of no option", "none", truncated)
    return Extraction(valid[0], statement.rule, "found", truncated)


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
            statement = _read(text, match, rule, valid, choices)
            if statement:
                yield statement
    if not any(
        re.match(r"(?i)(none|no(ne)? of|neither|not |cannot|it cannot|insufficient)", option.strip())
        for option in choices
    ):
        for match in _DECLINED.finditer(text):
            yield _Statement(match.start(), match.end(), "", "no option fits")


def _read(text: str, match: re.Match[str], rule: str, valid: str, choices: Sequence[str]) -> _Statement | None:
    index = next(i for i, group in enumerate(match.groups(), start=1) if group)
    letter, end = match[index].upper(), match.end(index)
    if rule != "boxed letter" and _is_hypothetical(text, match.start(), end):
        return None
    if _is_listed(text[match.start(index) : end + 400], letter):
        return None
    if rule in ("called correct", "closest option", "named option") and letter not in valid:
        return None
    if rule == "called correct" and not _BEFORE_LETTER.search(text[max(0, match.start() - 30) : match.start()]):
        return None
    if rule == "called correct" and re.search(r"(?i)\b(?:not|n't|incorrect|neither|nor|in)\b", text[end : match.end()]):
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
    later = {remark.letters for remark in remarks if remark.start > last.start and remark.letters in last.letters}
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
    return _Statement(last.start, last.end, "".join(remark.letters for remark in remarks), last.rule)


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


def _lone_letter(text: str, choices: Sequence[str]) -> str | None:
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
        if _same_option(match[2], option) or (_opens_with(match[2], option) and text.count("\n") < 2):
            return match[1]
    return None


def _weaker(part: str, plain: str, choices: Sequence[str], truncated: bool) -> Iterator[tuple[str, str]]:
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
    return _letters_of(boxes[-1], choices) if boxes else ""


_STATED_TEXT = re.compile(
    r"(?i)\b(?:answer|option|choice|solution)\b(?:\s+(?:to this question|here|choice|option))?\s*(?:is|are|was|would be|should be|must be|:|=)+\s*"
    r"(?:therefore|thus|that|most likely|probably|approximately|about|indeed|\s)*[:\-–\s]*((?:[^.\n]|\.(?=\d)|\.(?=\w))+)"
)


def _stated_option(plain: str, choices: Sequence[str]) -> str:
    found = ""
    for match in _STATED_TEXT.finditer(plain):
        if re.match(r"(?i)\s*(?:not|none|un)", match[1]):
            found = ""
            continue
        letters = _letters_of(match[1], choices) or _opening_option(match[1], choices)
        found = letters or found
    return found


_CLOSEST_TEXT = re.compile(
    r"(?i)\bclosest\b(?:\s+\w+){0,3}?\s+(?:to|is|of|being|would be)\s+((?:[^.,;\n]|[.,](?=\d))+)"
)


def _closest_option(plain: str, choices: Sequence[str]) -> str:
    """Behind "the answer is not listed": the option named as the closest by its text."""
    found = [_letters_of(match[1], choices) for match in _CLOSEST_TEXT.finditer(plain)]
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
    if other := _letters_of(match[3], choices).replace(letter, ""):
        return letter + other  # a letter with another option's text
    if (match[2] in ("A", "I") or len(plain) > 600) and not _opens_with(
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
    if match[2] and not _opens_with(match[2], option):
        return ""
    listed = re.match(r"^[\(\[]?[A-Z][\)\].:]", lines[-2])
    return "" if match[2] and listed else match[1]


_EMPHASISED = re.compile(r"\*\*\s*[\(\[]?([A-Z])(?:[\)\]].{0,200}?|[.:]\s.{0,200}?|)\s*\*\*")


def _emphasised_letter(part: str, choices: Sequence[str]) -> str:
    """The only bold letter of an output, in its last paragraph."""
    found = {match[1] for match in _EMPHASISED.finditer(part)}
    last = _EMPHASISED.search(part.strip().rsplit("\n\n", 1)[-1])
    return last[1] if last and len(found) == 1 and last[1] in string.ascii_uppercase[: len(choices)] else ""


def _concluding_letter(plain: str, choices: Sequence[str]) -> str:
    """The one letter in brackets, or behind the word option, in a last sentence that concludes."""
    sentence = _last_sentence(plain)
    if not _CUE.search(sentence) or re.search(r"(?i)\b(?:not|n't|none|neither|incorrect|false|eliminate)\b", sentence):
        return ""
    valid = string.ascii_uppercase[: len(choices)]
    found = re.findall(r"(?<![\w(])\(([A-Z])\)|\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+\(?([A-Z])\b", sentence)
    found += [
        (letter, "")
        for letter in re.findall(r"(?i:\b(?:therefore|thus|hence|so|ans|option)\b)\W*([B-HJ-Z])\W*$", sentence)
    ]
    letters = {a or b for a, b in found} & set(valid)
    return "".join(sorted(letters))


def _concluding_option(plain: str, choices: Sequence[str]) -> str:
    """The one option whose text or value the last sentence arrives at."""
    sentence = _last_sentence(plain)
    concludes = _CUE.search(sentence) or sentence == plain.strip()
    if not concludes or re.search(r"(?i)\b(?:not|n't|none|neither|nor|incorrect|eliminate|however)\b", sentence):
        return ""
    tail = re.split(
        r"=|\\approx|≈|\b(?:is|are|was|be|equals?|about|approximately|of|to|as|by|get|have|gives?)\b", sentence
    )[-1]
    letters = _letters_of(tail, choices)
    if letters:
        return letters
    folded = _option_key(sentence)
    named = [i for i, option in enumerate(choices) if _is_wordy(option) and _contains(folded, _option_key(option))]
    longest = [
        i
        for i in named
        if not any(i != j and _contains(_option_key(choices[j]), _option_key(choices[i])) for j in named)
    ]
    return string.ascii_uppercase[longest[0]] if len(longest) == 1 else ""


def _last_sentence(plain: str) -> str:
    body = plain.strip()
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z\\(\[])|\n+", body)
    return sentences[-1] if sentences else ""


# --- comparing with the options' texts ---------------------------------------------------------------------------


def _letters_of(answer: str, choices: Sequence[str]) -> str:
    """The letters of all options that equal an answer, by text or by value."""
    answer = re.sub(r"^\s*[\(\[]?[A-Z][\)\]:.]\s+(?=\S)", "", answer)
    return "".join(
        letter for letter, option in zip(string.ascii_uppercase, choices, strict=False) if _same_option(answer, option)
    )


def _opening_option(answer: str, choices: Sequence[str]) -> str:
    """The option whose text a statement opens with: `Paris, because it …`; the longest of several."""
    key = _option_key(answer)
    opening = [i for i, option in enumerate(choices) if _opens_key(key, _option_key(option)) and _is_wordy(option)]
    return string.ascii_uppercase[max(opening, key=lambda i: len(_option_key(choices[i])))] if opening else ""


def _opens_with(text: str, option: str) -> bool:
    """Whether a text starts with an option, or with as much of it as was written."""
    key, wanted = _option_key(text), _option_key(option)
    return bool(key) and bool(wanted) and (_opens_key(key, wanted) or (len(key) >= 8 and wanted.startswith(key)))


def _opens_key(key: str, wanted: str) -> bool:
    return bool(wanted) and key.startswith(wanted) and not key[len(wanted) : len(wanted) + 1].isalnum()


def _contains(text: str, key: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text))


def _is_wordy(option: str) -> bool:
    """Long enough to be no accident in a sentence: a word of four letters."""
    return bool(re.search(r"[^\W\d_]{4,}", option))


def _same_option(answer: str, option: str) -> bool:
    key, wanted = _option_key(answer), _option_key(option)
    if not key or not wanted:
        return False
    if key == wanted:
        return True
    one, other = _value(key), _value(wanted)
    return (
        one is not None
        and other is not None
        and one[0] == other[0]
        and (one[1] == other[1] or not one[1] or not other[1])
    )


@lru_cache(maxsize=8192)
def _option_key(text: str) -> str:
    """An option's text without styling, case, articles, spaces in numbers, and end punctuation."""
    text = _MARKUP.sub("", text.translate(_FULL_WIDTH)).casefold().replace("−", "-")
    text = re.sub(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}", r"\1/\2", text)
    text = re.sub(r"\\(?:times|cdot)\s*", "×", text).replace("*", "×").replace("^{\\circ}", "°").replace("^\\circ", "°")
    text = re.sub(r"[{}~]|\\(?=[%$])|\\left|\\right", "", text)
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"\s*([-+/^×=<>])\s*", r"\1", text)
    return re.sub(r"^(?:the|an|a)\s+", "", " ".join(text.split()).strip(" .;:,!\"'")).strip()


@lru_cache(maxsize=8192)
def _value(key: str) -> tuple[Fraction, str] | None:
    """A number and its unit (`12.50 m/s` is 12.5 and `m/s`), or None where the text is anything else."""
    match = re.match(
        r"^([€$£]?)\s*([-+]?\d{1,30}(?:\.\d{0,30})?|[-+]?\.\d{1,30})(?:×10\^?([-+]?\d{1,3})|e([-+]?\d{1,3}))?(/\d{1,9})?\s*(\D{0,24})$",
        key,
    )
    if not match:
        return None
    number = Fraction(match[2].rstrip(".")) * Fraction(10) ** int(match[3] or match[4] or 0)
    if match[5] and int(match[5][1:]) == 0:
        return None
    number = number / int(match[5][1:]) if match[5] else number
    return number, (match[1] + match[6]).replace(" ", "")


def _breaks_off(part: str, text: str) -> bool:
    """Whether an output of some length stops in mid-sentence, or goes round in a loop; not so if it was cut by us."""
    body = part.rstrip()
    if len(body) < 400 or not text.rstrip().endswith(body[-40:]):
        return False
    tail = body[-60:]
    if body.count(tail) >= 3 or body[:-200].count(body[-160:-60]) >= 3:
        return True
    return body[-1] not in ".!?)]}*`$\"'”:" and not text.endswith("\n")


# --- mathematics -------------------------------------------------------------------------------------------------

_BOX = re.compile(r"\\(?:boxed|fbox)\s*")
_ENV = (
    r"(?:\$\$.+?\$\$|(?<![\\\d])\$(?:\\\$|[^$\n])+?(?<!\\)\$|\\\((?:[^\\]|\\(?!\)))+?\\\)|\\\[(?:[^\\]|\\(?!\]))+?\\\])"
)
_PERCENT = r"\s*(?:\\?%|(?i:percent(?:age)?|pct)\b)"
_ENVIRONMENT = re.compile(_ENV, re.DOTALL)
_ENVIRONMENTS = re.compile(rf"{_ENV}(?:{_PERCENT})?(?:\s*(?:,?\s*\b(?:and|or)\b|,)\s*{_ENV})*", re.DOTALL)
_JOINED = re.compile(r"^[\s,;]*$|^[^.\n=,]{0,30}[,;]?\s*\b(?:and|or)\b\s*(?:[\w_]+\s*=\s*)?$")
_FINAL = re.compile(
    r"(?:(?i:\banswers?\b(?:\s+(?:to (?:this|the) (?:question|problem)|here|choice))?\s*(?:is|are|was|would be|should be|:|=)+)|\#{4})[\s:*]*(?:\\n)?\s*"
)
_VALUE = re.compile(
    r"(?<![\w.^_])(?:[-−+]\s?)?[$€£]?(?:\d{1,3}(?:[, ]\d{3})+(?!\d)|\d+)?(?:(?<=\d)[.,]\d+|(?<!\d)\.\d+)?(?<=\d)"
    rf"(?:(?: \d+)?/\d+)?(?:\^\{{?-?\d+\}}?)?(?:{_PERCENT})?"
)


_DOUBLED = re.compile(
    r"(?<!\\)\\\\(?=(?:boxed|text|[dt]?frac|sqrt|left|right|pi|cdot|quad|infty|circ|times)\b)"
)  # escaped twice


def boxed(text: str) -> list[str]:
    r"""The contents of all balanced `\boxed{…}`, in order; boxes joined by "and" or a comma become one.

    A percent sign right behind a box belongs to it. A box that is never closed counts only on the last line.
    """
    groups: list[str] = []
    last_end = -1
    for match in _BOX.finditer(text):
        if match.start() < last_end:
            continue  # a box within a box
        content, end = _braces(text, match.end())
        if content is None:
            continue
        percent = re.match(rf"[\s$)\\]*?{_PERCENT}", text[end : end + 24])
        content = content.strip() + (r"\%" if percent and "%" not in content else "")
        if groups and last_end >= 0 and _JOINED.match(_bare(text[last_end : match.start()])):
            groups[-1] = f"{groups[-1]}, {content}"
        else:
            groups.append(content)
        last_end = end
    return groups


def _bare(between: str) -> str:
    """What stands between two boxes, without spacing commands and \\text."""
    return re.sub(r"\\(?:q?quad|[,;:! ])|\\text\s*(?=\{)|[{}$]|\\[()\[\]]", " ", between)


def _braces(text: str, start: int) -> tuple[str | None, int]:
    """The content of the braces that open at `start`, and where they end."""
    if text[start : start + 1] != "{":
        digit = re.match(r"-?\w+", text[start:])
        return (digit[0], start + digit.end()) if digit else (None, start)
    depth = 0
    for place in re.finditer(r"(?<!\\)[{}]|\\\\[{}]", text[start : start + 4000]):
        depth += 1 if place[0].endswith("{") else -1
        if depth == 0:
            return text[start + 1 : start + place.start()], start + place.end()
    rest = text[start + 1 : start + 400].rstrip()
    return (None, start) if "\n" in rest or len(rest) > 200 else (rest.rstrip("$. "), len(text))


def extract_final(text: str, *, question: str | None = None, finish_reason: str | None = None) -> Extraction:
    r"""The final answer to an open-ended mathematical question, as the model wrote it.

    Rules, strongest first: the last balanced `\boxed{…}`; a stated answer ("the answer is …", "#### …"; the
    last one counts); a first line that is nothing but a value; the value that the last sentence ends on,
    unless the output was cut off. Returns an Extraction whose answer is LaTeX or plain text.
    """
    part = _DOUBLED.sub(r"\\", own_part(text, question)).strip()
    truncated = finish_reason == "length"
    boxes = boxed(part)
    last_box = max(part.rfind(r"\boxed"), part.rfind(r"\fbox"))
    later = [match for match in _FINAL.finditer(part, max(last_box, 0)) if match.start() > last_box >= 0]
    if boxes and boxes[-1] and not any("final" in part[max(0, m.start() - 8) : m.start()].lower() for m in later):
        return Extraction(boxes[-1], "boxed", "found", truncated)
    for match in reversed(list(_FINAL.finditer(part))):
        answer = _first_value(part[match.end() :])
        if answer:
            return Extraction(answer, "stated", "found", truncated)
    if boxes and boxes[-1]:
        return Extraction(boxes[-1], "boxed", "found", truncated)
    first = part.split("\n", 1)[0].strip()
    if first and _is_value(first):
        return Extraction(first.rstrip(". "), "first line", "found", truncated)
    answer = None if truncated or _breaks_off(part, text) else _last_value(part)
    return Extraction(answer, "last value", "found") if answer else Extraction(None, "no statement", "none", truncated)


def _is_value(line: str) -> bool:
    """Nothing but an expression: no word of three letters outside LaTeX, save a unit behind a number."""
    bare = re.sub(r"\\[A-Za-z]+(?:\{[A-Za-z ]+\})?", " ", line)
    words = re.findall(rf"(?!(?:{_FUNCTIONS})\b)\b[^\W\d_]{{3,}}", bare)
    opening = _VALUE.match(line.lstrip("(* "))
    return bool(re.search(r"\d|\\|^\W*\w\W*$", line)) and (
        not words or bool(opening and len(words) <= 2 and len(line) < 40)
    )


def _first_value(phrase: str) -> str | None:
    """The value that a statement opens with: up to the end of its line or sentence."""
    phrase = phrase.replace(r"\"", '"')
    environments = _ENVIRONMENTS.match(phrase.lstrip('*: "\\' if not phrase.lstrip().startswith("\\") else '*: "'))
    if environments:
        return _joined(environments[0])
    line = re.split(r"\n|(?<!\d)\.(?:\s|$)|\.(?=\s|$)|\s+I hope\b", phrase.strip(), maxsplit=1)[0].strip("*\"' ")
    if not line:
        return None
    if _is_value(line):
        return _percents(line)
    told = re.split(r"\b(?:is|are|was|be|equals)\b", line)
    if len(told) > 1:  # "the volume of $V$ is 120"
        return _first_value(told[-1]) or _first_value(told[0])
    environments = _ENVIRONMENTS.search(line)
    if environments:
        return _joined(environments[0])
    value = _VALUE.search(line)
    if value:
        return _percents(value[0])
    return line if len(line.split()) <= 4 else None


def _last_value(part: str) -> str | None:
    """The value a text ends on: its last maths environment or number, in its last paragraph that has one."""
    paragraphs = [text for text in re.sub(r"```.*?(?:```|$)", "", part, flags=re.DOTALL).split("\n\n") if text.strip()]
    for paragraph in reversed(paragraphs[-2:]):  # behind the answer there may be a closing remark, not more
        environments = list(_ENVIRONMENTS.finditer(paragraph))
        values = [match for match in _VALUE.finditer(paragraph) if match[0]]
        last = environments[-1] if environments else None
        if last and not any(value.start() >= last.end() for value in values):
            return _joined(last[0])
        fraction = re.findall(r"-?\\[dt]?frac\{-?[\d.]+\}\{-?[\d.]+\}", paragraph)
        if fraction and not values:
            return fraction[-1]
        if values:
            return _percents(_whole_line(paragraph) or values[-1][0])
    return None


def _whole_line(paragraph: str) -> str | None:
    """The right-hand side where the last line is an equation or expression and nothing else."""
    line = paragraph.strip().rsplit("\n", 1)[-1].strip(" .*")
    return (
        line.rsplit("=", 1)[-1].strip() if _is_value(line) and line.count("=") else (line if _is_value(line) else None)
    )


def _joined(environments: str) -> str:
    """`$1$ and $2$` as `1, 2`; `$28$ percent` as `28\\%`."""
    inner = [
        re.sub(r"^(?:\$\$?|\\\(|\\\[)\s*|\s*(?:\$\$?|\\\)|\\\])$", "", found)
        for found in _ENVIRONMENT.findall(environments)
    ]
    percent = re.search(rf"{_PERCENT}\s*$", environments)
    return ", ".join(inner) + (r"\%" if percent and not inner[-1].endswith("%") else "")


def _percents(value: str) -> str:
    return re.sub(_PERCENT, r"\\%", value.strip().rstrip(".,;:"))


# --- text --------------------------------------------------------------------------------------------------------

_LEAD_IN = re.compile(
    r"(?i)^(?:(?:so|therefore|thus|hence|well|sure|ok(?:ay)?|i (?:think|believe)|the (?:correct |final |right )?answer|answer|a|it|this|that|they|he|she|is|was|are|were|"
    r"would be|called|known as|named|probably|most likely|likely|:|,|-)\s*)+"
)


def extract_text(text: str, *, question: str | None = None, finish_reason: str | None = None) -> Extraction:
    """The words an output gives as its answer to a question of fact.

    Rules, strongest first: a box, a stated answer (the last counts), a short first line, the last sentence.
    """
    part = own_part(text, question).strip()
    truncated = finish_reason == "length"
    boxes = boxed(part)
    if boxes:
        return Extraction(re.sub(r"\\text\w*\s*\{([^{}]*)\}", r"\1", boxes[-1]), "boxed", "found", truncated)
    plain = plain_text(part)
    stated = [match[1].strip() for match in _STATED_TEXT.finditer(plain) if match[1].strip()]
    if stated:
        return Extraction(stated[-1], "stated", "found", truncated)
    first = plain.split("\n", 1)[0].strip()
    if first and not first.endswith(":") and (len(first.split()) <= 12 or "\n" not in plain.strip()):
        return Extraction(first, "first line", "found", truncated)
    last = "" if truncated or _breaks_off(part, text) else _last_sentence(plain)
    return Extraction(last, "last sentence", "found") if last else Extraction(None, "no statement", "none", truncated)


def same_text(answer: str, golds: Sequence[str]) -> bool:
    """Whether an answer in words is one of the accepted ones.

    Case, accents, punctuation, articles and lead-ins ("it is …") do not matter. A sentence may hold the gold
    answer as a whole phrase, unless it says "not" or "or"; a shorter answer must be the gold answer, since
    `New York` is no `York`.
    """
    said = _words(_LEAD_IN.sub("", answer.strip()))
    first = _words(re.split(r"[,;(]|\b(?:because|since|which)\b", _LEAD_IN.sub("", answer.strip()))[0])
    full = _words(answer)
    for gold in map(_words, golds):
        if gold and (gold in (said, first, full) or "".join(gold) == "".join(said)):
            return True
        if gold and len(full) >= len(gold) + 3 and _holds(full, gold, answer):
            return True
    return False


def _holds(words: list[str], gold: list[str], answer: str) -> bool:
    if {"not", "or", "neither", "unknown", "isnt", "t"} & set(words) - set(gold):
        return False
    places = [i for i in range(len(words) - len(gold) + 1) if words[i : i + len(gold)] == gold]
    if not places:
        return False
    cased = re.findall(r"[^\W_]+", answer)
    before = words[places[-1] - 1] if places[-1] else ""
    capital = any(word.casefold() == before and word[0].isupper() for word in cased[1:])
    return not capital or before in {"is", "was"}


def _words(text: str) -> list[str]:
    """Words without accents, case, punctuation and articles."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).casefold().replace("'", "").replace("’", "")
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return [word for word in re.findall(r"[^\W_]+", plain) if word not in ("the", "a", "an")]
