r"""The letter an output commits itself to, among the letters of a question's options.

A *statement* is a place where a text commits itself ("the answer is (B)", a boxed letter, "**C.
Paris**" alone behind "the city is:"), unless it is hypothetical or heads an entry in a list of the
options. The last clear statement counts; where there is none, weaker *remarks* are asked ("C is the
closest", "which leaves D"). Several letters mean undecided, and none is invented. Outputs without
any of these are read by `conclusions`; which part of an output is read, and what becomes of a
letter, is `extraction`'s business.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from routerlib.answers.choices import (
    LETTERS,
    letters_of,
    opens_with,
    same_option,
)
from routerlib.answers.wording import (
    ANSWER_ABROAD,
    CONCLUDES,
    LINK_ABROAD,
    OPTION_ABROAD,
    unstyled,
)


@dataclass(frozen=True)
class Statement:
    """A place where an output commits itself: to letters (several: undecided) or, with none, to no
    option.

    `start` and `end` are places in the text; `rule` names what found it.
    """

    start: int
    end: int
    letters: str
    rule: str


# --- how a letter is given as an answer -----------------------------------------------------------
# A letter as an answer is in brackets, or bare where no word follows that it could belong to
# ("C cells" is no answer). A and I are words too, and need more behind them.

_BRACKETED = r"[\(\[\{]{1,2} \s* ([A-Z]) \s* (?: [\)\]\}.:]{1,2} | $ )"  # (C), [C], {(C)}
_ENDS_BARE = r"""
    (?= \s* (?: $ | [.,;:!?)\]}"'\n|/\\] | [-–—(] | </ )
      | \s+ (?: because|since|as|and|or|which|with|for|based|due|given|here|but|while|is|in|from
              | according|so|where|option|choice|only|rather|not|over|instead|it
              | must|would|should|remains?|seems
              | appears|looks|fits?|works|meets|satisfies|matches|holds|applies )\b
      | \s* [^\x00-\u024F\s“”‘’–—] )                     # a word of another script: 答えはCです
    (?! \s*[=^+] | ['’]\w | \s*(?:[이가]\s*아니|ではな|じゃな|でな|不是)   # C가 아니라: not C
      | \(\w{1,2}\)\s*(?:[=<>≤≥]|is|for|at) )   # B = 4, C's, X(t) = 3
"""
_BARE = rf"""["'“]? \b([B-HJ-Z])\b ["'”]? {_ENDS_BARE}"""
_BARE_WORDLIKE = r"""
    ["'“]? \b([AI])\b
    (?= \s* (?: $ | [.;:!)\]}"\n] | ,\s*$ ) | ,?\s*\b(?:because|since|as|which)\b
      | ,\s+(?-i:[a-z]) | \s*[^\x00-\u024F\s“”‘’–—] )
    (?! ['’]\w | \.\s?[eE]\. )                                         # A's, I.e.
"""
_LETTER = rf"(?: {_BRACKETED} | {_BARE} | {_BARE_WORDLIKE} )"

_NOUN = r"""
    (?: answers? | ans\.? | choices? | options? | solutions? | responses? | selections? | guess
        | letter
      | alternatives?
      | (?:correct|true|false|right|best|accurate|incorrect)\ (?:statements?|one|conclusion|match
          |description|explanation)
      | (?:correct|right)(?=\s*:) )
"""
_FILLER = r"""
    (?: \s | [:,=\-–>→*"]
      | \b(?: is|are|would|should|will|must|be|therefore|thus|hence|then|clearly|likely|most
            |probably
            | indeed|simply|actually|definitely|the|an|option|options|choice|letter|answer|statement
            | number|correct|best|closest|right|either|both|given|by|to|final|here|so|in|fact|which
            | corresponding|appropriate|accurate|labell?ed|boxed|\\boxed )\b
      | \\boxed )
"""
# "The correct answer to this question is therefore option (C)", "Answer: C", "Answer\n\nC"
_STATED = re.compile(
    rf"""
    (?i: \b{_NOUN} )
    (?: \s+ (?i: here | (?:to|for)\ (?:this|the)\ question | from\ the\ (?:given\ )?(?:options
        |choices)
          | among\ the\ (?:given\ )?(?:options|choices) | choice | option | provided | above
          | of\ the\ (?:options|choices) ) )*
    ["'”]? \s*
    (?: (?i: \bis\b|\bare\b|\bwould\ be\b|\bshould\ be\b|\bmust\ be\b|\bwill\ be\b )
      | : | = | > | --> | -> | → | [-–—] | \n+ | (?= \([A-Z]\)\W*(?:$|\n) ) )
    (?i: {_FILLER} ){{0,12}}? {_LETTER}
    """,
    re.VERBOSE,
)
# The letter that a contrast denies:
# "nicht B, sondern", "no B sino", "A가 아니라"
_INSTEAD_OF = r"""
    (?: (?: (?i: \b(?:nicht|pas|no|non|não|nao|не) ) \s+ (?i: (?:la|el|die|a|l')\s+ )? )?
        [(]?[A-Z][)]? \s* ,? \s*
        (?: (?i: \b(?:sondern|mais|sino|ma|bensì|mas(?:\ sim)?|а)\b ) (?i: \s+(?:la|el|die|a)\b )?
          | [이가]\ ?아니라 | ではなく | じゃなくて | [，,]?\ ?而是 ) \s* ,? \s*
    )?
"""
# "Die richtige Antwort ist C", "La respuesta es la B", "正确答案是 C", "故选 C", "정답은 C"
_STATED_ABROAD = re.compile(
    rf"""
    (?: (?i: {ANSWER_ABROAD} | {OPTION_ABROAD} )
        (?: [ ]+ (?!(?i:{LINK_ABROAD})) [^\W\d]{{2,}} ){{0,4}}?
        \s* (?: (?i: {LINK_ABROAD} ) | [:=—–] | -(?=\s) ) \s* :?
      | (?i: \b(?:antwort|réponse|respuesta|risposta|resposta
            |ответ)\b ) (?= \s+[(]?[A-Z][).]*\s*(?:$|\n) )
      | (?<![不没別别]) (?: [选選](?![项項]) [择擇]? [是为為]? ) \s* :? )
    (?: \s | [:",] | \b(?i: la|el|le|lo|les|die|der|das|den|o|a|é|option|opción|opção|opzione
          | alternativa|letra|lettera|lettre|buchstabe|antwort|вариант|буква|donc|also|daher
          | portanto|quindi|entonces|therefore ) \b | \bl' ){{0,6}}?
    {_INSTEAD_OF}
    {_LETTER}
    """,
    re.VERBOSE,
)
# "answer: d", "the correct option is c."
_STATED_LOWER = re.compile(
    r"""
    (?i: \b(?:answer|ans|choice|option)\b \.? (?:\s+(?:choice|option))? )
    \s* (?i: \bis\b | : | = ) [\s:]* (?: (?i:option|choice|letter) \s+ )?
    (?: \(([a-z])\) | ([b-z])\) | ([b-hj-z]) (?= [.\s]*(?:$|\n) ) )
    """,
    re.VERBOSE,
)
# "Option C seems best", "choice (B) meets all conditions"
_NAMED = re.compile(
    rf"""
    (?i: \b(?:options?|choices?|answers?|letter|alternative) ) \s* {_LETTER}
    (?= [^.\n]{{0,60}}? \b (?i: is|are|seems?|appears?|would\ be|must\ be|best|provides?|gives?
          | meets?|fits?|satisf(?:y|ies)|match(?:es)?|remains? ) \b
        (?! \s* (?i: not|n't|in(?:correct|valid)|wrong|false|ruled|eliminated|un|im ) ) )
    (?! \s+ (?i: can\ be|could\ be|may\ be|might\ be|is\ not|are\ not|isn't|cannot ) )
    """,
    re.VERBOSE,
)
# "C is the most likely answer", "(B), which rises, is clearly correct"
_IS_CORRECT = re.compile(
    rf"""
    {_LETTER} (?: (?!\([A-Z]\)) [^.\n] ){{0,120}}?
    \b (?i: is|are|being|would\ be|must\ be|seems|seems\ to\ be|appears\ to\ be ) \s+
    (?i: (?: indeed|clearly|also|therefore|likely|definitely ) \s+ )? (?i: the\s+ )?
    (?i: (?: most|more|only|best ) \s+ )?
    (?i: correct|right|accurate|appropriate|best|suitable|closest|valid|likely|plausible|reasonable
       | probable|logical|consistent|possibility|answer|solution|among\ the\ (?:options|choices)
             |listed|available ) \b
    (?i: \s+ (?:answer|option|choice|one|statement|response|match|description|explanation) )?
    """,
    re.VERBOSE,
)
# "this corresponds to option C", "I would go with C", "It must be (C)", "which leaves D", "only C
# remains"
_CLOSEST = re.compile(
    rf"""
      (?i: \b (?: closest|nearest|best\ (?:matche?s?|fits?)|matche?s|correspond(?:s|ing)
          |agrees?\ with|consistent\ with|equivalent\ to|selects?|choos(?:e|es|ing)|chose|picks?
                |picked
          |go(?:ing)?\ with|opt\ for ) ) \b
      (?: [^.\n(] | \.\d | \((?![A-Z]\)) ){{0,70}}?
      (?: (?i: \b(?:option|choice|answer|letter)s? ) \s* {_LETTER} | \(([A-Z])\) )
    | (?i: \b (?:choose|choosing|chose|select|pick|guess|say|go\ with|opt\ for) ) \s+ (?i: the\s+ )?
      (?i: (?:answer|option|choice|letter)\s+ )? {_LETTER}
    | (?i: \b (?:it|this|that) (?: 's | \s+(?:is|must\ be|has\ to\ be|should\ be) ) ) \s+
      (?i: most\s+ )? (?i: (?:likely|probably|clearly|actually|really|in\ fact|rather)\s+ )?
      (?i: (?:option|choice|letter|answer)\s+ )? {_LETTER} (?= \W*(?:$|\n) )
    | (?i: \b (?: leav(?:es?|ing) | left\ with | so ) ) \s+ (?i: (?:us|only|just|with)\s+ ){{0,2}}
      (?i: (?:option|choice|answer)\s+ )? {_LETTER}
      (?= \s+it\ is\b | \s+as\ (?:the|our)\b | \W*(?:$|\n) )
    | (?i: \b (?: correspond(?:s|ing)\ to | match(?:es|ing)
          | i\.e\.,? ) ) \s+ {_LETTER} (?= \W*(?:$|\n) )
    | (?: ^ | [.!?]\s ) \s* [→⇒] \s* {_LETTER} (?= \W*$ )
    | (?i: \b only ) \s+ (?i: (?:option|choice|answer)\s+ )? {_LETTER}
      (?= \s+(?:remains|is\ left|fits|works|meets|satisfies|matches)\b )
    """,
    re.VERBOSE,
)
# "Antwort C ist richtig", "Somit ist C die richtige Antwort", "選択肢Cが正しい", "选项C是正确的"
_CORRECT_ABROAD = re.compile(
    r"""
      (?i: \b (?:antwort|option|opción|opção|opzione|alternativa|réponse|respuesta|risposta|resposta
          |вариант|ответ) ) \s+ [(]? ([A-Z]) [)]? \s+ (?i: (?: ist|est|es|è|é|— ) \s+ )?
      (?i: (?: die|la|a|il|o ) \s+ )?
      (?i: richtig|korrekt|correct|corret|juste|giust|bonne|верн|правильн ) \w*
    | (?i: \b ist ) \s+ [(]? ([A-Z]) [)]? \s+ (?: richtig|korrekt|die\ (?:richtige|korrekte) ) \b
    | (?: 選択肢 | [选選][项項] ) \s* [(]? ([A-Z]) [)]? \s* (?: が|是|为|為 )? \s*
      (?: 正しい|正解|正[确確] )
    """,
    re.VERBOSE,
)
_BOXED_LETTER = re.compile(
    r"""
    \\boxed \s* \{ \s* [\(\[\{]* \s* ([A-Z]) \s* [\)\]\}.:]* (?: \s*\} | [.:)\s][^{}]*\} )
    """,
    re.VERBOSE,
)
_AND_MORE = re.compile(
    r"""
    \s* [\)\]"']* \s* (?: , | / | & | (?:,\s*)?\b(?:or|and)\b ) \s*
    (?: (?:or|and)\s+ )? (?: (?:option|choice|answer)\s* )?
    (?: [\(\[]([A-Z])[\)\]] | ([B-HJ-Z])(?=\W|$)(?!\s*[=^+]|['’]\w) )
    (?! \s+(?:is|are|was|were|does|do|would|can|cannot|has|have)\b )
    """,
    re.VERBOSE,
)
_LETTER_LIST = re.compile(r"\(([A-Z](?:\s*(?:,|&|/|,?\s*and\b|,?\s*or\b)\s*[A-Z])+)\)")
_CLEAR = ("stated letter", "boxed letter", "announced option", "no option fits")
_DECLINED = re.compile(
    r"""
    (?i)
      \b (?:answers?|options?|choices?|solution) \b [^.\n]{0,40}?
      (?: \b (?:is|are|was|does|do) (?:\s+not|n't) \s+ (?:\w+\s+){0,2}?
          (?: listed|among|one\ of|on\ the\ list|in\ the\ list|in\ the\ (?:given\ )?(?:options
              |choices)
            | provided|available|present|given|match\w*|correspond\w*|appear\w*|shown|any\ of|here )
        | \b is \s* \(? \s* (?:none|not\ listed|not\ among|not\ given|unknown|not\ provided
              |n/?a) \b )
    | \b (?:it|this|that|which|value|result) \b [^.\n]{0,30}? \b (?:is|does) (?:\s+not|n't) \s+
      (?:\w+\s+){0,2}? (?:listed|among|one\ of|match|correspond\w*|in) \b
      [^.\n]{0,25}? \b (?:options|choices|answers|list) \b
    | \b none\ of\ (?:the|these|those)\ (?:\w+\s+){0,2}?
      (?:options?|choices|answers?|above|given|listed|provided) \b [^.\n]{0,40}
    | \b no\ (?:correct|right|matching|valid|suitable)\ (?:answer|option|choice) \b
    """,
    re.VERBOSE,
)
# An option that says itself that none fits, or that one cannot know: then such words are an answer.
_DECLINING_OPTION = re.compile(
    r"(?i)\s*(?:none|no(?:ne)? of|neither|not |cannot|it cannot|insufficient)"
)
_CONDITION = re.compile(
    r"""
    (?i) \b (?: if|whether|suppose|assum(?:e|ing)|unless|not|n't|never|could|might|may|rather\ than
      | instead\ of|eliminate|exclude|rule\ out|why|like|e\.g\.|such\ as|example|seem\ that
            |thought )
    \b [^.\n]{0,45} $
    """,
    re.VERBOSE,
)
_UNREAL = re.compile(r"(?i)\bif\b[^.\n]*\b(?:had|were|was)\b[^.\n]*\bwould\b[^.\n]*$")
_CLAUSE = re.compile(r"[,;:\n]|[.!?]\s|(?i:\b(?:but|so|then|therefore|thus|hence|because)\b)")
_BEFORE_LETTER = re.compile(
    r"""
    (?i) (?: ^ | [\n.,;:!?(\["'–—-]
      | \b (?: options?|choices?|answers?|letter|statement|therefore|thus|so|hence|that|only|and|but
             | believe|think|conclude|choices,|then|while|which|clearly|actually|say|suggests?
             | indicates? ) )
    \s* ["'(\[]* $
    """,
    re.VERBOSE,
)


def committed_letter(part: str, choices: Sequence[str], truncated: bool) -> tuple[str, str]:
    """The letters a text commits to, and the rule that found them.

    Returns:
        One letter; several where the text stays undecided; "" where it commits to none, or to one
        that no option has.
    """
    plain = plain_text(part)
    lone = lone_letter(plain, choices)
    if lone:
        return lone, "lone letter"
    found = [
        statement
        for statement in _statements(plain, len(choices), choices)
        if not truncated or statement.rule in _CLEAR
    ]
    last = _last_statement(plain, found)
    if last and not last.letters and not truncated:
        near = closest_option(plain[last.start :], choices)
        if len(near) == 1:
            return near, "closest option"
    if last:
        return _decided(last, len(choices))
    return "", "cut off" if truncated else "no statement"


def states_letter(text: str, options: int) -> bool:
    """Whether a text commits itself anywhere: to one of so many letters, or to none of the
    options.
    """
    return any(_statements(text, options))


def plain_text(text: str) -> str:
    """An output without emphasis and maths delimiters, folded; `(A, C)` becomes `(A), (C)`."""
    return _LETTER_LIST.sub(
        lambda match: "(" + "), (".join(re.findall("[A-Z]", match[1])) + ")", unstyled(text)
    )


def _decided(statement: Statement, options: int) -> tuple[str, str]:
    named = "".join(sorted(set(statement.letters)))
    if len(named) == 1 and named not in LETTERS[:options]:
        return "", "letter of no option"
    return named, statement.rule


# --- all statements of a text ---------------------------------------------------------------------


def _statements(text: str, options: int, choices: Sequence[str] = ()) -> Iterator[Statement]:
    """Every place that commits to a letter, or declares that no option fits, in no particular
    order.
    """
    rules = [
        (_BOXED_LETTER, "boxed letter"),
        (_STATED, "stated letter"),
        (_STATED_LOWER, "stated letter"),
        (_NAMED, "named option"),
        (_IS_CORRECT, "called correct"),
        (_CLOSEST, "closest option"),
    ]
    if _ABROAD.search(text):
        rules.append((_STATED_ABROAD, "stated letter"))
        rules.append((_CORRECT_ABROAD, "named option"))
    headings = _Headings(text)
    for pattern, rule in rules:
        for match in pattern.finditer(text):
            statement = _read(text, match, rule, LETTERS[:options], headings)
            if statement:
                yield statement
    if choices:
        yield from _announced(text, choices, headings)
    if not any(_DECLINING_OPTION.match(option) for option in choices):
        for match in _DECLINED.finditer(text):
            yield Statement(match.start(), match.end(), "", "no option fits")


# A cheap look before the long pattern: does a text hold such a noun, or a letter of another script,
# at all?
_ABROAD = re.compile(
    r"""
      [AaRrJjCcSsOoLl] (?: ntwo | rgebnis | [ée]pon[sd] | espuesta | isp?osta | esposta | esultado
        | isultato | ésultat | awab | evap | var[: e] | dpov | ösung | olu[czç] | pción | pção
              | pzione
        | lternativa | et(?:ra|tera)\b )
    | [Ee]rgebnis | [Oo]ption\ (?:correct|est) | [Pp]roposition\ (?:correct|est) | đáp | [Aa]ussage
    | [\u0400-\u04FF\u0600-\u06FF\u0900-\u0DFF\u3040-\u30FF\u3400-\u9FFF\uAC00-\uD7AF]
    """,
    re.VERBOSE,
)


def _read(
    text: str, match: re.Match[str], rule: str, valid: str, headings: _Headings
) -> Statement | None:
    index = next(i for i, group in enumerate(match.groups(), start=1) if group)
    letter, start, end = match[index].upper(), match.start(index), match.end(index)
    if rule != "boxed letter" and _is_hypothetical(text, match.start(), end):
        return None
    if _is_listed(text[start : end + 400], letter) or headings.hold(start):
        return None
    if rule in ("called correct", "closest option", "named option") and letter not in valid:
        return None
    if rule == "called correct" and not _called_correct(text, match, end):
        return None
    letters, stop = letter, end
    while more := _AND_MORE.match(text, stop):
        letters, stop = letters + (more[1] or more[2]), more.end()
    if len(letters) > 1 and not set(letters) <= set(valid):
        letters = letter
    return Statement(start, max(stop, match.end()), letters, rule)


def _called_correct(text: str, match: re.Match[str], end: int) -> bool:
    before = text[max(0, match.start() - 30) : match.start()]
    denied = re.search(r"(?i)\b(?:not|n't|incorrect|neither|nor|in)\b", text[end : match.end()])
    return bool(_BEFORE_LETTER.search(before)) and not denied


def _is_hypothetical(text: str, start: int, end: int) -> bool:
    """`if the answer is (A)`, `the answer would be (A) if …`, `it could be (A)`, within one
    clause.
    """
    clause = _CLAUSE.split(text[max(0, start - 60) : start])[-1]
    if _CONDITION.search(clause):
        return True
    if re.match(r"[)\]\"'}]*\s+(?:if|only if|unless|provided that)\b", text[end : end + 20]):
        return True
    return "would" in text[start:end] and bool(_UNREAL.search(text[max(0, start - 200) : end]))


def _is_listed(text: str, letter: str) -> bool:
    """Whether a letter only opens a list of options: the next one follows, on its own line or as
    `A) x B) y`.
    """
    following = re.escape(chr(ord(letter) + 1))
    lines = rf"{letter}[)\].:][^\n]*\n+\s*[(\[]?{following}[)\].:]"
    return bool(re.match(rf"{lines}|{letter}\)[^\n(]*?\s{following}\)\s", text))


# --- headings over the options --------------------------------------------------------------------

# A line that opens with a letter in the dress of an option: "Option A:", "- (B) the Rhine", "3. C.
# heap"
_LETTERED_LINE = re.compile(
    r"""
    ^ [ \t#>*•✓✗❌✅-]* (?: \d{1,2}[.)] [ \t]* )? [#*]*
    (?: (?i:option|choice|answer|statement|alternative) [ ]+ )?
    [(\[]? ([A-Z]) (?: [)\].:]+ | [ ]?[-–—](?=[ ]) ) [ \t]* ([^\n]*) $
    """,
    re.VERBOSE | re.MULTILINE,
)
# A line that announces one option: "Therefore, the structure is:", "Correct answer:"
_ANNOUNCES = re.compile(
    r"""
    (?i) (?: \b(?:is|are|be|as|was|choose|select) | \b(?:correct|final|best|right)\ (?:answer
        |option|choice)
      | ^\W*(?:the\ )?answer )
    \s* [:–—-]? \s* $
    """,
    re.VERBOSE,
)


class _Headings:
    """Where letters head the entries of a list: lines with ascending letters, one after the
    other.
    """

    def __init__(self, text: str):
        self.lines = list(_LETTERED_LINE.finditer(text))
        self.lone: list[re.Match[str]] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        run: list[re.Match[str]] = []
        for line in self.lines:
            ascending = bool(run) and line[1] > run[-1][1]
            if not ascending or announced(text, line.start()):
                self._close(run)
                run = []
            run.append(line)
        self._close(run)

    def _close(self, run: list[re.Match[str]]) -> None:
        if len(run) == 1:
            self.lone.append(run[0])
        elif run:
            self._starts += [line.start() for line in run]
            self._ends += [line.start(1) + 1 for line in run]

    def hold(self, place: int) -> bool:
        """Whether the letter at a place heads an entry of a list."""
        i = bisect_right(self._starts, place) - 1
        return i >= 0 and place < self._ends[i]


def announced(text: str, place: int) -> bool:
    """Whether the line before a place ends in "is:", or says that the answer follows."""
    before = text[max(0, place - 200) : place]
    line = before.rstrip().rsplit("\n", 1)[-1]
    return before.endswith("\n") and bool(_ANNOUNCES.search(line))


# "…is C. heap sort, which", "…is: (D) 24 m": the letter with its own option behind a verb
_WITH_OPTION = re.compile(
    r"""
    (?i: \b (?:is|are|be|as|so) ) \s* [:\s]* (?: (?i:option|choice|answer) \s+ )?
    [(\[]? ([A-Z]) [)\].:]+ [ ]* ([^\n]+)
    """,
    re.VERBOSE,
)


def _announced(text: str, choices: Sequence[str], headings: _Headings) -> Iterator[Statement]:
    """An option with its letter, alone on a line that was announced, or behind "is"."""
    valid = LETTERS[: len(choices)]
    for line in headings.lone:
        if line[1] not in valid or not announced(text, line.start()):
            continue
        option = choices[valid.index(line[1])]
        if not line[2] or same_option(line[2], option) or opens_with(line[2], option):
            yield Statement(line.start(1), line.end(), line[1], "announced option")
    for match in _WITH_OPTION.finditer(text):
        if match[1] not in valid or headings.hold(match.start(1)):
            continue
        if _is_hypothetical(text, match.start(), match.end(1)):
            continue
        option = choices[valid.index(match[1])]
        if opens_with(match[2], option) and not _is_listed(text[match.start(1) :][:400], match[1]):
            yield Statement(match.start(1), match.end(1), match[1], "announced option")


# --- which statement counts -----------------------------------------------------------------------


def _last_statement(text: str, statements: list[Statement]) -> Statement | None:
    """The last clear statement, or what the weaker remarks agree on."""
    statements = sorted(statements, key=lambda statement: (statement.start, len(statement.letters)))
    clear = [statement for statement in statements if statement.rule in _CLEAR]
    remarks = [statement for statement in statements if statement.rule not in _CLEAR]
    declined = bool(clear) and not clear[-1].letters
    if not clear or (declined and remarks and remarks[-1].end > clear[-1].start):
        return _agreed(text, remarks, clear)
    together = [statement for statement in clear if statement.start == clear[-1].start]
    last = max(together, key=lambda statement: len(statement.letters))
    later = {
        remark.letters
        for remark in remarks
        if remark.start > last.start and remark.letters in last.letters
    }
    if len(last.letters) > 1 and len(later) == 1:  # "(A) or (B), but (B) is more likely"
        return next(remark for remark in reversed(remarks) if remark.letters in later)
    return last


def _agreed(text: str, remarks: list[Statement], clear: list[Statement]) -> Statement | None:
    """The one letter the remarks name; of several, the last if its sentence draws a conclusion."""
    if clear:  # behind "the answer is not listed" the closest option is the answer
        remarks = [remark for remark in remarks if remark.end > clear[-1].start]
    if not remarks:
        return None
    last = remarks[-1]
    if len({remark.letters for remark in remarks}) == 1:
        return last
    sentence = re.split(r"[.\n](?!\d)", text[: last.start])[-1] + text[last.start : last.end]
    if CONCLUDES.search(sentence):
        return last
    letters = "".join(remark.letters for remark in remarks)
    return Statement(last.start, last.end, letters, last.rule)


# --- an output that is nothing but its answer -----------------------------------------------------


def lone_letter(text: str, choices: Sequence[str]) -> str | None:
    """An output that is nothing but a letter, or a letter and its option: `B`, ` (B)`, `b)
    cold`.
    """
    valid = LETTERS[: len(choices)]
    text = re.sub(r"(?i)^\s*(?:option|choice|answer|letter)\s+(?=\(?[a-z]\b)", "", text)
    because = re.match(r"\s*\(?([B-HJ-Z])\)?,?\s+(?:because|since)\b|\s*(A),?\s+because\b", text)
    if because:
        letter = because[1] or because[2]
        return letter if letter in valid else None
    headed = _Headings(text)
    match = re.match(r"^\s*[\(\[\"']?([A-Za-z])[\)\]\"'.:,]*\s*(?:$|\n)", text)
    if match and match[1].upper() in valid and not headed.hold(match.start(1)):
        rest = text[match.end() :].strip()
        short = match[1].isupper() or len(text.strip()) <= 4
        if short and (not rest or not _STATED.search(rest)):
            return match[1].upper()
    match = re.match(r"^\s*[\(\[]?([A-Za-z])(?:[\)\]]|\s*[.:]|\s(?:-\s)?(?=\S))\s*(.*)", text)
    if match and match[1].upper() in valid and not _STATED.search(text):
        option = choices[valid.index(match[1].upper())]
        opening = opens_with(match[2], option) and text.count("\n") < 2 and match[1].isupper()
        if re.match(r"\s*[AI]\s", text):
            opening = False  # an article or a pronoun: "A proton has a charge"
        if same_option(match[2], option) and not headed.hold(match.start(1)):
            return match[1].upper()
        if opening:
            return match[1]
    return None


_CLOSEST_TEXT = re.compile(
    r"(?i)\bclosest\b(?:\s+\w+){0,3}?\s+(?:to|is|of|being|would be)\s+((?:[^.,;\n]|[.,](?=\d))+)"
)


def closest_option(plain: str, choices: Sequence[str]) -> str:
    """Behind "the answer is not listed": the option named as the closest by its text."""
    found = [letters_of(match[1], choices) for match in _CLOSEST_TEXT.finditer(plain)]
    return next((letters for letters in reversed(found) if letters), "")
