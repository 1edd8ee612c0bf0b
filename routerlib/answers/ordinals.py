r"""Options that a text names by their place: "only the second of these fits", 应选择第三项.

A place is an answer only where the words around it commit to it, and where no option of the
question speaks of places itself ("the first law", "3"): there the same words may mean another
option. A letter that stands in a text is the business of `letters`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from routerlib.answers.nearby import holds_any
from routerlib.answers.wording import RIGHT_ABROAD

_ENGLISH = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_CHINESE = "一二三四五六七八九"
# How the ordinals of a language begin, from the first place to the fifth
_STEMS = (
    ("erste", "zweite", "dritte", "vierte", "fünfte"),
    ("primer", "segund", "tercer", "cuart", "quint"),
    ("premi", "deuxi", "troisi", "quatri", "cinqui"),
    ("prim", "second", "terz", "quart", "quint"),
    ("primeir", "segund", "terceir", "quart", "quint"),
    ("перв", "втор", "трет", "четв", "пят"),
)
_PLACE = {word: place for place, word in enumerate(_ENGLISH)}
_PLACE |= {sign: place for place, sign in enumerate(_CHINESE)}
_PLACE |= {str(place + 1): place for place in range(9)}
_PLACE |= {stem: place for stems in _STEMS for place, stem in enumerate(stems)}

_IN_ENGLISH = "|".join(_ENGLISH)
_ABROAD = "|".join(sorted({stem for stems in _STEMS for stem in stems}, key=len, reverse=True))

# "only the second of these actually fits", "is the very first", "is the third of the options"
_ONE = r"(?: \ (?: one | option | choice | answer | statement | sentence ) \b )"
_OF_THEM = r"""
    (?: \ (?: of | in | on | among ) \ (?:
        (?:the \ )? (?: (?: two|three|four|five|six|seven|eight|nine|ten ) \ )?
          (?: options | choices | answers | statements | list )
      | these | those | them | the \ (?: two|three|four|five|six|seven|eight|nine|ten ) )
      (?: \ listed )? \b )
"""
_FITS = r"""
    (?: \ (?: actually | really | clearly ) )?
    \ (?: fits | works | matches | qualifies | holds | meets | satisfies | applies | remains
      | is \ (?: correct | right | true | left ) ) \b
"""
_SAID = re.compile(
    rf"""
    the\  (?:                                             # found at once: the engine seeks "the "
        (?<= nly \ the \ ) (?<! [Nn]ot \ only \ the \ ) (?P<only> {_IN_ENGLISH} ) \b
          {_ONE}? {_OF_THEM}? (?: {_FITS} | (?= \W* $ ) )
      | (?<= \b is \ the \ ) (?:
            very \ (?P<very> {_IN_ENGLISH} ) \b {_ONE}? {_OF_THEM}?
          | (?P<of> {_IN_ENGLISH} ) \b {_ONE}? {_OF_THEM} )
          (?= \W* $ )
    )
    """,
    re.VERBOSE | re.MULTILINE,
)
# "The last option is the correct one.", "The third option.": the last words of a text
_SAID_AT_LAST = re.compile(
    rf"""
    (?: ^ | \.\s ) \W* [Tt]he \  (?P<place> {_IN_ENGLISH} | last ) \  (?: option | choice )
    (?: \ is (?:\ the)? \ (?: correct | right | best )
      (?: \ (?: one | option | choice | answer ) )? )?
    [\s.!*]* \Z
    """,
    re.VERBOSE | re.MULTILINE,
)
# 应当选择第三项, 正解は2番です, "3번이 맞습니다", "정답은 3번입니다"
_SAID_IN_ASIA = re.compile(
    rf"""
      (?: (?<! [不没別别果若] ) (?<! 有人 ) (?<! 人会 ) (?<! 人會 ) [选選] [择擇]?
        | 答案 \s? [应應]? [该該]? [是为為] | 正[确確]的 \s? [是为為] )
      \s? 第 \s? (?P<zh> [1-9{_CHINESE}] ) \s? [项項个個]
    | (?: 答え | 正解 | 正答 | 正しいの ) \s? は \s? (?P<ja> [1-9] ) \s? 番目?
      (?= \s? (?: です | だ | \W*$ ) )
    | (?<!\d) (?P<ko> [1-9] ) \s? 번 \s? [이은]? \s? (?: 맞 | 옳 | 정답 )
    | 답 \s? [은이] \s? (?P<ko_is> [1-9] ) \s? 번 (?= \s? (?: 입니다 | 이다 | 이에요 | \W*$ ) )
    """,
    re.VERBOSE | re.MULTILINE,
)
# "верный вариант — второй", "la opción correcta es la tercera", "Die dritte Aussage ist richtig"
_NOUN = r"""
    (?: antwort | aussage | option | opción | opção | opzione | alternativa | réponse | proposition
      | respuesta | risposta | resposta | afirmación | afirmação )
"""
_SAID_ABROAD = re.compile(
    rf"""
    \b (?:
        (?: верн | правильн ) \w* \s (?: вариант | ответ ) \w* \s* (?: [—–:-] | это ) \s*
        (?P<ru> перв | втор | трет | четв | пят ) \w*
      | {_NOUN} \s (?: {RIGHT_ABROAD} \s )? (?: ist | est | es | è | é ) \s
        (?: die | la | a | o ) \s (?P<behind> {_ABROAD} ) \w*
      | (?: die | la | a | le | o ) \s (?P<before> {_ABROAD} ) \w* \s {_NOUN} \s
        (?: ist | est | es | è | é ) \s (?: (?: die | la | a | o ) \s )? {RIGHT_ABROAD}
    )
    (?= \W* $ )
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
# Every match of it holds one of these
_WORDS_ABROAD = (
    *("antwort", "aussage", "opción", "opção", "opzione", "alternativa", "réponse", "proposition"),
    *("respuesta", "risposta", "resposta", "afirma", "dritte", "zweite", "ième", "première"),
    *("верн", "правильн"),
)


def places_told(text: str, choices: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Where a text commits itself to an option by its place: start, end, and the place from 0.

    Nothing where an option speaks of a place itself, or holds the number that is told.
    """
    patterns = [_SAID, _SAID_AT_LAST]
    if not text.isascii() and holds_any(text, ("第", "番", "번")):
        patterns.append(_SAID_IN_ASIA)
    if holds_any(text, _WORDS_ABROAD):
        patterns.append(_SAID_ABROAD)
    found = [match for pattern in patterns for match in pattern.finditer(text)]
    if found and any(_OWN_PLACE.search(option) for option in choices):
        return
    for match in found:
        word = match[match.lastgroup or 0].casefold()
        own_number = word.isdigit() and any(word in option for option in choices)
        place = len(choices) - 1 if word == "last" else _PLACE[word]
        if place < len(choices) and not own_number:
            yield match.start(), match.end(), place


# "the first law", "第二定律", "I only": what a place may mean then is not for sure
_OWN_PLACE = re.compile(
    rf"""
      第
    | \b (?: {_IN_ENGLISH} | {_ABROAD} )
    | \b (?: (?-i: [IVX]+ ) | only | both | neither | statement ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)
