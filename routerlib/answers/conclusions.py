r"""The option an output arrives at without stating a letter: a boxed or stated text or value, a
last line, a conclusion.

The rules are asked in order, strongest first, and each returns the letters it found, "" for none,
several for undecided. Statements of a letter are `letters`' business, and come before all of these.
An output that was cut off arrived nowhere: of it, only a box counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from routerlib.answers.choices import (
    behind_option,
    contains,
    goes_on_with,
    goes_through_options,
    is_wordy,
    letters_of,
    opening_option,
    opens_with,
    option_key,
)
from routerlib.answers.expressions import boxed
from routerlib.answers.hedges import is_doubtful, is_withdrawn, taken_back
from routerlib.answers.letters import (
    closest_option,
    lettered_options,
    plain_text,
    ticked_letters,
)
from routerlib.answers.wording import (
    CONCLUDES,
    SENTENCE_ENDS,
    last_sentence,
    statement_ends,
    unstyled,
)
from routerlib.rows.options import LETTERS

_DENIES = re.compile(
    r"""
    \b (?: not | cannot | \w*n['’]t | none | neither | nor | incorrect | false | wrong | eliminated?
      | any(?:thing|one)?\ but | opposite\ of | doubt | hardly | no\ longer | less\ likely
      | unlikely | nothing | excluded | dangerous | harmful | unwise | inappropriate | premature
      | contraindicated | however (?! , \s (?:is|are|was) \b ) ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def arrived_at(part: str, choices: Sequence[str], truncated: bool) -> tuple[str, str]:
    """The letters a text arrives at without naming them, and the rule that found them; ("", "") for
    none.
    """
    found = ((letters, rule) for rule, letters in _rules(part, choices, truncated) if letters)
    return next(found, ("", ""))


def _rules(part: str, choices: Sequence[str], truncated: bool) -> Iterator[tuple[str, str]]:
    plain = plain_text(part)
    yield "boxed option", _boxed_option(part, choices)
    if truncated or is_doubtful(last_sentence(plain)):
        return
    yield "stated option", _stated_option(plain, choices)
    yield "closest option", closest_option(plain, choices)
    yield "ticked option", ticked_letters(plain, len(choices))
    yield "leading letter", _leading_letter(plain, choices)
    if not last_sentence(plain).rstrip(' "*_)').endswith("?"):
        yield "closing letter", _closing_letter(plain, choices)
    yield "emphasised letter", _emphasised_letter(part, choices)
    if last_sentence(plain).rstrip(' "*_)').endswith("?"):
        return
    yield "lettered option", _lettered_option(plain, choices)
    yield "chosen option", _chosen_option(last_sentence(plain), choices)
    yield "verdict", _true_or_false(plain, choices)
    yield "concluding letter", _plainly(_concluding_letter(plain, choices), plain, choices)
    yield "concluding option", _plainly(_concluding_option(plain, choices), plain, choices)
    yield "emphasised option", _emphasised_option(part, plain, choices)
    yield "opening option", _opening_sentence(plain, choices)


def _plainly(letters: str, plain: str, choices: Sequence[str]) -> str:
    """The letters of which, or of whose options, the last sentence takes none back right behind."""
    sentence = last_sentence(plain)
    for letter in letters:
        option = unstyled(choices[LETTERS.index(letter)]).strip()
        named = rf"(?i:{re.escape(option)})(?:\s*\([A-Z]\))?|\({letter}\)"
        named += rf"|(?i:option|choice)\s{letter}\b"
        told = list(re.finditer(named, sentence)) if option else []
        if told and is_withdrawn(sentence[told[-1].end() :]):
            return ""
    return letters


def _boxed_option(part: str, choices: Sequence[str]) -> str:
    boxes = boxed(part)
    return letters_of(boxes[-1], choices) if boxes else ""


_STATED_TEXT = re.compile(
    r"""
    (?i) (?<! tempting\ ) (?<! wrong\ ) (?<! incorrect\ ) (?<! alternative\ ) (?<! other\ )
    \b(?:answer|option|choice|solution|result)\b (?: \s+ (?:to\ this\ question|here|choice
        |option) )? \s*
    (?: is|are|was|would\ be|should\ be|must\ be|:|= )+ \s*
    (?: therefore|thus|that|most\ likely|probably|approximately|about|indeed|\s )* [:\-–\s]*
    ( (?: [^.\n] | \.(?=\w) ){1,400} )
    """,
    re.VERBOSE,
)


def stated_texts(plain: str) -> list[str]:
    """What stands behind "the answer is", up to the end of its sentence, in order."""
    found = {match.start(1): match[1] for match in _STATED_TEXT.finditer(plain)}
    for match in statement_ends(plain):
        words = re.match(r"(?:[^.\n]|\.(?=\w)){1,400}", plain[match.end() : match.end() + 401])
        if words:
            found.setdefault(match.end(), words[0])
    return [SENTENCE_ENDS.sub("", found[start]) for start in sorted(found)]


def _stated_option(plain: str, choices: Sequence[str]) -> str:
    """The option whose text or value a statement gives; the last counts, a later "none" takes it
    back.
    """
    found = ""
    for words in stated_texts(plain):
        letters = letters_of(words, choices) or _opening(words, choices)
        letters = letters or letters_of(words.rpartition("=")[2], choices)  # x = -36 / (-6) = 6
        if letters:
            found = letters
        elif re.match(r"(?i)\s*(?:not|none|un)", words):
            found = ""
    return found


def _opening(words: str, choices: Sequence[str]) -> str:
    """The option that words open with, unless they take it back; several where they go on so."""
    letter = opening_option(words, choices)
    rest = behind_option(words, choices[LETTERS.index(letter)]) if letter else None
    rest = re.sub(r"^\s*\([a-z]\)", "", rest or "")
    if is_withdrawn(rest):
        return ""
    return letter + (goes_on_with(rest, choices, letter) if letter else "")


def _leading_letter(plain: str, choices: Sequence[str]) -> str:
    """An output that opens with its letter: `(C) because …`, `C. text of the option`."""
    plain = re.sub(r"^\s*(?:Option|Choice|Answer)\s+(?=\(?[A-Z][.):])", "", plain)
    listed = re.findall(r"(?m)^\s*[\(\[]?([A-Z])[\)\].:]\s", plain)
    if len(set(listed)) > 1 or re.search(r"(?m)^\s*II\.", plain):
        return ""
    match = re.match(r"\s*(?:[\(\[]([A-Z])[\)\]]|([A-Z])(?:[\):]|\.(?=\s)))\s*(.*)", plain)
    if not match:
        return ""
    letter = match[1] or match[2]
    if letter not in LETTERS[: len(choices)] or goes_through_options(match[3], choices, letter):
        return ""
    rest = behind_option(match[3], choices[LETTERS.index(letter)])
    rest = match[3] if rest is None else rest
    if is_withdrawn(rest):
        return ""
    if goes_on_with(rest, choices, letter):
        return letter + goes_on_with(rest, choices, letter)
    other = letters_of(match[3], choices).replace(letter, "")
    if other:
        return letter + other  # a letter with another option's text
    doubtful = match[2] in ("A", "I") or len(plain) > 600
    if doubtful and not opens_with(match[3], choices[LETTERS.index(letter)]):
        return ""
    return letter


# "II is backed by the text. C.", "So both are true [C].": a letter alone at the very end
_ALONE = re.compile(
    r"(?: [.!?:] | [a-z]{2}, ) \s+ ([B-HJ-Z]) \.? $ | ^ [^(\[]* \s [(\[] ([A-Z]) [)\]] \W* $",
    re.VERBOSE,
)
_BEHIND_DENIED = re.compile(
    r"; \s+ [(\[]? ([A-Z]) [)\]]? \.? $", re.VERBOSE
)  # "neither B nor C; A."


def _closing_letter(plain: str, choices: Sequence[str]) -> str:
    """A last line that is only a letter, or a letter and its option."""
    lines = [line.strip() for line in plain.strip().split("\n") if line.strip()]
    alone = _ALONE.search(lines[-1]) if lines else None
    called = re.fullmatch(r"(?:Option|Choice) [(\[]?([A-Z])[)\]]?\W*", last_sentence(plain))
    if called and called[1] in LETTERS[: len(choices)]:
        return called[1]  # "So a = 4. Choice A."
    instead = _BEHIND_DENIED.search(lines[-1]) if lines else None
    if instead and _DENIES.search(last_sentence(plain)):
        return instead[1] if instead[1] in LETTERS[: len(choices)] else ""
    if alone and not _DENIES.search(last_sentence(plain)):
        letter = alone[1] or alone[2]
        return letter if letter in LETTERS[: len(choices)] else ""
    if len(lines) < 2:
        return ""
    match = re.match(r"^(?:=+>|[-→>•]+)?\s*[\(\[]?([A-Z])(?:[\)\].:]+\s*(.*)|)$", lines[-1])
    if not match or match[1] not in LETTERS[: len(choices)]:
        return ""
    option = choices[LETTERS.index(match[1])]
    if match[2] and not opens_with(match[2], option):
        return ""
    before = re.match(r"[(\[]?([A-Z])[)\].:]", lines[-2])
    if before and ord(match[1]) == ord(before[1]) + 1:
        return ""  # C. …, and then D.
    return "" if match[2] and _ends_a_list(plain, choices) else match[1]


def _ends_a_list(plain: str, choices: Sequence[str]) -> bool:
    """Whether the last line only ends a list of the options: the line before it is one, too."""
    lines = [line.strip() for line in plain.strip().split("\n") if line.strip()]
    if len(lines) < 2:
        return False
    lettered = re.match(r"[-*•|✓✗❌✅\s]*[\(\[]?[A-Z][\)\].:]", lines[-2])
    return bool(lettered) or bool(letters_of(lines[-2], choices))


_EMPHASISED = re.compile(r"\*\*\s*[\(\[]?([A-Z])(?:[\)\]].{0,200}?|[.:]\s.{0,200}?|)\s*\*\*")


def _emphasised_letter(part: str, choices: Sequence[str]) -> str:
    """The only bold letter of an output, in its last paragraph."""
    found = {match[1] for match in _EMPHASISED.finditer(part)}
    last = _EMPHASISED.search(part.strip().rsplit("\n\n", 1)[-1])
    if last and is_withdrawn(_behind_letter(last, choices)):
        return ""
    if last and len(found) == 1 and last[1] in LETTERS[: len(choices)]:
        return last[1]
    return ""


def _behind_letter(bold: re.Match[str], choices: Sequence[str]) -> str:
    """What bold words say behind their letter, or behind its option."""
    words = bold[0][bold.end(1) - bold.start() :].strip(" *)].:")
    if bold[1] not in LETTERS[: len(choices)]:
        return words
    rest = behind_option(words, choices[LETTERS.index(bold[1])])
    return words if rest is None else rest


def _lettered_option(plain: str, choices: Sequence[str]) -> str:
    """The one letter that stands beside its own option in the last sentence."""
    sentence = re.split(r",\s+(?:who|which|where)\b", last_sentence(plain))[0]
    if _DENIES.search(sentence) or _ends_a_list(plain, choices):
        return ""
    return lettered_options(sentence, choices)


# "That leaves Sartre", "I'm going with zinc", "me quedo con el Tajo", "per esclusione rimane il
# fluoro", "What remains is the liver"
_CHOOSES = re.compile(
    r"""
    \b (?:
        leaves (?: \s us )? (?: \s (?: with | only | just ) ){0,2}
      | left \s with (?: \s (?:only|just) )?
      | what (?: (?: ['’]s | \s is ) \s left | \s remains ) \s is (?: \s (?:only|just) )?
      | i (?: ['’]m | \s am | ['’]ll | ['’]d | \s will | \s would ) \s
          (?: go | going | stick | sticking | stay | staying ) \s with
      | i (?: ['’]d | \s would )? \s (?: choose | pick | select )
      | me \s quedo \s con | fico \s com | scelgo | rimane | resta | queda | sobra
      | (?: il \s )? reste
      | (?: bleibt | übrig \s bleibt ) (?: \s (?: nur | also | noch ) ){0,2}
      | остаётся | остается )
    \s+ (?P<option> \S .* ) $
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "…, and the platypus qualifies", "Zinc wins."
_IS_CHOSEN = re.compile(
    r"""
    (?: ^ | [,;:–—] \s (?: (?: and | so | then | thus ) \s )? | \b (?: so | thus | hence ) \s )
    (?P<option> [^,;:]+? ) \s (?: wins | qualifies ) \W* $
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ARTICLE_ABROAD = re.compile(
    r"""
    ^ \W* (?: (?: el | la | los | las | le | les | il | lo | gli | i | die | der | das | den | os
      | as | o | a | un | una | uno | um | uma | ein | eine | einen | une ) \s+ | l['’] )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_GOES_ON = re.compile(r",\s+(?:which|who|since|because|as|so|car|porque|perché|weil|da)\b.*$")


def _chosen_option(sentence: str, choices: Sequence[str]) -> str:
    """The option that a last sentence chooses in so many words, by its whole text: "That leaves
    Sartre".
    """
    told = _CHOOSES.search(sentence) or _IS_CHOSEN.search(sentence)
    if not told:
        return ""
    clause = re.split(r"[,;:]\s|\bbut\b", sentence[: told.start("option")])[-1]
    if _DENIES.search(clause) or _DENIES.search(sentence, told.start()):
        return ""
    said = told["option"]
    for words in (said, _GOES_ON.sub("", said)):
        letters = letters_of(words, choices)
        letters = letters or letters_of(_ARTICLE_ABROAD.sub("", words), choices)
        if letters:
            return letters
    return ""


_BOLD_WORDS = re.compile(r"(?<!\*)\*\*([^*\n]{2,200}?)\*\*(?!\*)")


def _emphasised_option(part: str, plain: str, choices: Sequence[str]) -> str:
    """The only option in bold, where the last sentence tells it: "It is named for **Othello**"."""
    bold = [(letters_of(words, choices), words) for words in _BOLD_WORDS.findall(part)]
    named = {letters for letters, _ in bold if letters}
    told = [words for letters, words in bold if letters]
    sentence = last_sentence(plain)
    if len(named) != 1 or _DENIES.search(sentence):
        return ""
    place = sentence.rfind(unstyled(told[-1]))
    is_end = place >= 0 and not re.search(r"\w", sentence[place + len(unstyled(told[-1])) :])
    return named.pop() if is_end else ""


# "Not G: that is about buying. Not F either. Moving goods is C.": letters that name options
_DISMISSED = re.compile(r"(?: ^ | [.;] \s ) (?: Not | Neither ) \s [(]? ([A-Z]) \b", re.VERBOSE)


def _ends_on_letter(plain: str, sentence: str) -> list[str]:
    """The letter that a last sentence ends on behind "is", where other letters are dismissed."""
    ends = re.search(r"\bis\s+([B-HJ-Z])\W*$", sentence)
    dismissed = set(_DISMISSED.findall(plain))
    return [ends[1]] if ends and dismissed and ends[1] not in dismissed else []


# "so (B) follows", "we keep option C"
_NAMED = re.compile(
    r"""
      (?<! [\w(] ) \( ([A-Z]) \)
    | \b (?: [Oo]ption | [Cc]hoice | [Aa]nswer ) \s+ \(? ([A-Z]) \b
    """,
    re.VERBOSE,
)


def _concluding_letter(plain: str, choices: Sequence[str]) -> str:
    """The one letter in brackets, or behind the word option, in a last sentence that concludes."""
    sentence = last_sentence(plain)
    ends = _ends_on_letter(plain, sentence)
    if not (ends or CONCLUDES.search(sentence)) or _DENIES.search(sentence):
        return ""
    named = _NAMED.findall(sentence)
    last = re.findall(r"(?i:\b(?:therefore|thus|hence|so|ans|option)\b)\W*([B-HJ-Z])\W*$", sentence)
    letters = {bracketed or bare for bracketed, bare in named} | set(last) | set(ends)
    return "".join(sorted(letters & set(LETTERS[: len(choices)])))


# Options that are a verdict, and what they say
_VERDICTS = {"true": True, "yes": True, "correct": True}
_VERDICTS |= {"false": False, "no": False, "incorrect": False}
_VERDICT = "|".join(_VERDICTS)
# "**False.** Sound needs air.", "No, since …"
_OPENS_WITH_VERDICT = re.compile(
    rf"\W* (?P<said> {_VERDICT} ) (?: \s*[.!,;:—–] | \s-\s | \s*$ | \s+(?:because|since)\b )",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
# "…, but the statement here is not true"
_IS_SO = re.compile(
    rf"""
    (?: \b (?: is | are | be | as | so | say | thus | therefore ) | ['’]s | : | (?P<nt> n['’]t ) )
    ,? \s+
    (?: (?: indeed | therefore | clearly | definitely | actually | thus ) \s+ )?
    (?P<not> not \s+ )? (?P<said> {_VERDICT} ) \b (?! \s* \? )
    (?! (?<= \bno ) \s+ (?! because | since | as | and | but ) \w )      # "there is no answer"
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _true_or_false(plain: str, choices: Sequence[str]) -> str:
    """Of "True" and "False" the option that a text opens with or concludes; both where it says
    one thing first and then the other.
    """
    said = [_VERDICTS.get(option_key(option)) for option in choices]
    others = [option for option, verdict in zip(choices, said, strict=True) if verdict is None]
    if sorted(map(str, set(said) - {None})) != ["False", "True"] or len(said) - len(others) > 2:
        return ""
    if any(contains(option_key(plain), option_key(option)) for option in others):
        return ""  # "maybe"
    opens = _OPENS_WITH_VERDICT.match(plain)
    found = {_VERDICTS[opens["said"].casefold()]} if opens else set()
    clause = re.split(r"[,;]\s|\b(?:but|however|though)\b", last_sentence(plain))[-1]
    for verdict in _IS_SO.finditer(clause):
        denied = verdict["not"] or verdict["nt"]
        found.add(_VERDICTS[verdict["said"].casefold()] != bool(denied))
    if not found or re.search(r"(?i)\b(?:partly|partially|whether|yes and no)\b", plain):
        return ""
    return "".join(sorted(LETTERS[said.index(verdict)] for verdict in found))


# What ends an option that opens a text: a sentence or a line of its own, a dash
_OWN_SENTENCE = re.compile(
    r"""
    \s* (?: [.!](?=\s) | \s[—–-]\s | \n )
    (?! \W* (?: or | no | but | maybe | perhaps | however | yet ) \b )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _opening_sentence(plain: str, choices: Sequence[str]) -> str:
    """The option that is the first sentence of a text, "Mars. Its iron makes it red.", where no
    other option is told alone as well.
    """
    lines = re.split(r"\n+|(?<=[.!?])\s+", plain.strip())
    alone = {letters_of(line, choices) for line in lines} - {""}
    for letter, option in zip(LETTERS, choices, strict=False):
        words = unstyled(option).strip(" .")
        opens = re.match(rf"\W*(?i:{re.escape(words)})(?!\w)", plain) if words else None
        rest = plain[opens.end() :] if opens else ""
        if not opens or not is_wordy(option) or words.casefold() in _VERDICTS:
            continue
        if not _OWN_SENTENCE.match(rest):
            continue
        if alone <= {letter} and not taken_back(rest) and not is_doubtful(rest):
            return letter
    return ""


# "the speed is about | 5 m/s", "we get | 5 m/s", "v = | 5 m/s"
_BEFORE_RESULT = re.compile(
    r"""
      = | \\approx | ≈ | :
    | \b (?: is | are | was | be | equals? | about | approximately | of | to | as | by | get | have
        | gives? ) \b
    """,
    re.VERBOSE,
)


def _concluding_option(plain: str, choices: Sequence[str]) -> str:
    """The one option whose text or value the last sentence arrives at."""
    sentence = last_sentence(plain)
    whole = letters_of(sentence, choices)
    if whole and sentence == plain.strip():
        return whole  # nothing but the option, be it "None of the above"
    if _DENIES.search(sentence):
        return _denying_option(sentence, choices) or _option_instead(sentence, choices)
    concludes = CONCLUDES.search(sentence) or sentence == plain.strip()
    if sentence == plain.strip():
        key = option_key(sentence)
        begun = [i for i, option in enumerate(choices) if option_key(option).startswith(key)]
        if len(begun) == 1 and len(key) >= 8:
            return LETTERS[begun[0]]  # "Both I and II", where the option goes on "are true"
    sentence = re.split(r",\s+(?:which|where|whereas|as|because|since|compared)\b", sentence)[0]
    if not concludes:
        return "" if _ends_a_list(plain, choices) else _told_option(sentence, choices)
    tail = _BEFORE_RESULT.split(sentence)[-1]
    letters = letters_of(tail, choices) or _told_option(sentence, choices)
    letters = letters or _told_again(tail, choices)
    if not letters and sentence == plain.strip():
        letters = _only_number(sentence, choices)
    if letters:
        return letters
    folded = option_key(sentence)
    named = [
        i
        for i, option in enumerate(choices)
        if is_wordy(option) and contains(folded, option_key(option))
    ]
    open_ended = re.search(r"\bor\b|\b[Bb]oth\b", sentence)
    if open_ended and not any(
        re.search(r"\bor\b|\bboth\b", choices[i], re.IGNORECASE) for i in named
    ):
        return ""  # "classical or operant conditioning"
    longest = [i for i in named if not _within_another(i, named, choices)]
    return LETTERS[longest[0]] if len(longest) == 1 else ""


def _told_again(tail: str, choices: Sequence[str]) -> str:
    """The option a result is told as once more: "0.2, or 20%"."""
    first, again, other = tail.rpartition(", or ")
    return letters_of(other, choices) if again and not letters_of(first, choices) else ""


def _only_number(sentence: str, choices: Sequence[str]) -> str:
    """The option that is the only number of a sentence, and its end: "It began in 1789."."""
    numbers = re.findall(r"(?<![\w.,-])\d[\d.,]*(?<=\d)", sentence)
    ends = len(numbers) == 1 and re.search(
        rf"\b(?:in|on|of|at|is|are|was|has|have) {re.escape(numbers[0])}(?: [a-z]+)?[ .!]*$",
        sentence,
    )
    return letters_of(numbers[0], choices) if ends else ""


def _denying_option(sentence: str, choices: Sequence[str]) -> str:
    """The option that denies something itself, "Cannot be determined", where a sentence says so."""
    key = option_key(sentence)
    said = [
        LETTERS[i]
        for i, option in enumerate(choices)
        if _DENIES.search(option)
        and option_key(option) not in _VERDICTS
        and (contains(key, option_key(option)) or key.endswith(option.casefold().strip(" .")))
    ]
    if len(said) == 1 and _is_set_aside(sentence, choices[LETTERS.index(said[0])]):
        return ""
    others = re.findall(r"\(([A-Z])\)", sentence)
    told_too = [letter for letter in others if letter in LETTERS[: len(choices)]]
    return said[0] if len(said) == 1 and set(told_too) <= set(said) else ""


# "would be a mistake", "is not needed": what is said of an option that is not the answer
_SETS_ASIDE = re.compile(
    r"(?i) \b (?: mistake | trap | tempting | escape | needless | unneeded | unnecessary ) \b",
    re.VERBOSE,
)


def _is_set_aside(sentence: str, option: str) -> bool:
    """Whether a clause denies an option that is a denial: "'None of these' isn't right"."""
    told = re.search(rf"(?i)\b{re.escape(option.strip(' .'))}", sentence)
    if told is None:
        return False
    before = re.split(r"[,;:]", sentence[: told.start()])[-1]
    behind = re.split(r"[,;:]", sentence[told.end() :])[0]
    return any(_DENIES.search(words) or _SETS_ASIDE.search(words) for words in (before, behind))


def _option_instead(sentence: str, choices: Sequence[str]) -> str:
    """The option that a last clause tells behind a denied one: "It can't be Kant; it's Mill"."""
    clauses = re.split(r"[;,]\s+|(?<!thing )(?<!all )\bbut\b", sentence)
    denied = len(clauses) > 1 and not _DENIES.search(clauses[-1])
    kept = _KEPT.search(clauses[-1])
    if denied and kept:
        return letters_of(kept[1] or kept[2], choices)
    if denied and _DRAWS.match(clauses[-1]):
        return letters_of(_TELLS.split(clauses[-1])[-1], choices)
    told = re.search(r"(?i)\b(?:it|this)(?:\s+is|['’]s)\b|^\s*that(?:\s+is|['’]s)\b", clauses[-1])
    if denied and not told:
        instead = re.split(r"\b(?:that|which|who)\b", clauses[-1])[0]
        return letters_of(instead, choices)  # "not the Amazon but the Nile that is longest"
    return _told_option(clauses[-1], choices) if denied and told else ""


# "…, so it is Mill", but not "…, so was Mill"
_DRAWS = re.compile(r"(?i)(?:so|thus|hence|therefore)\b(?!\s+(?:is|was|are|were|do|does|did)\b)")
# "Its cost is | O(n)", "It needs | glucose", "It comes from | the liver"
_TELLS = re.compile(
    r"""
      \b (?: is | are | was | were | be | by | takes? | needs? | has | equals? | yields? | gives?
        | comes? \s from ) \b
    | ['’]s \b | :
    """,
    re.VERBOSE,
)


# "Negligence it is", "which leaves the Nile as the only choice"
_KEPT = re.compile(
    r"""
      ^ \W* ( [^,;:]+? ) \s it\ is \W* $
    | \b leav(?:es|ing) \s (?: us\ with \s )? ( [^,;:]+? ) \s as \s (?: the | our ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _told_option(sentence: str, choices: Sequence[str]) -> str:
    """The option in words that a sentence is, or tells behind "is": `Its cost is O(n)`."""
    told = _TELLS.split(sentence)[-1]
    kept = _KEPT.search(sentence)
    letters = letters_of(sentence, choices) or letters_of(
        kept[1] or kept[2] if kept else told, choices
    )
    words = len(letters) == 1 and re.search(r"[^\W\d_]", choices[LETTERS.index(letters)])
    return letters if words else ""


def _within_another(i: int, named: list[int], choices: Sequence[str]) -> bool:
    """Whether an option is only a part of another one that was named, too."""
    key = option_key(choices[i])
    return any(i != j and contains(option_key(choices[j]), key) for j in named)
