r"""The words and signs by which texts give answers, in several languages: one place for all kinds
of question.

Here is what a letter, a value and a few words have in common: how a text reads without its styling,
where a statement such as "the answer is" ends, what a check behind an answer opens with, and which
words draw a conclusion. What stands behind a statement is read by `letters`, `expressions` and
`phrases`.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator

from routerlib.answers.nearby import holds_any

# --- a text without its dress ---------------------------------------------------------------------

_STYLES = re.compile(
    r"""
      \*{1,3} | ` | __ | \$ | \\[()\[\]]                      # **bold**, `code`, $maths$, \(maths\)
    | \\(?: text(?:bf|it|rm)? | math(?:rm|bf|bb|it|sf) | mbox | operatorname
          | displaystyle | [Ll]arge | LARGE | bf )\b          # \text{(B)}
    | \\[,;! ]                                                # spacing commands
    """,
    re.VERBOSE,
)
BOLD = re.compile(r"(?<![*\w])(\*{2,3}|__)(?=\S)(.+?)(?<=\S)\1(?!\*)")

_LAST_DIGIT = 0x20000  # the scripts end here; beyond are ideographs and places for private use
# Digits of every script as 0 to 9, full-width signs as narrow ones, and full stops as full stops.
_SIGNS = {
    code: str(unicodedata.decimal(chr(code)))
    for code in range(128, _LAST_DIGIT)
    if unicodedata.category(chr(code)) == "Nd"
}
_SIGNS |= {0xFF01 + i: chr(0x21 + i) for i in range(94)}
_SIGNS |= {ord("Ａ") + i: letter for i, letter in enumerate(string.ascii_uppercase)}
_SIGNS |= {ord(sign): ". " for sign in "。．।｡"}
_SIGNS |= {ord(sign): ", " for sign in "、،，"}
_SIGNS |= {ord("“"): '"', ord("”"): '"', ord("‘"): "'", ord("’"): "'", ord("「"): '"'}
_SIGNS |= {ord("」"): '"', ord("【"): "[", ord("】"): "]", 0xA0: " ", 0x3000: " ", 0x202F: " "}
_SIGNS |= {0x2009: " ", 0x200B: "", 0xFEFF: "", ord("؟"): "?"}
_SIGNS |= {ord(sign): "-" for sign in "‐‑‒−"}

# Scripts that put no space between a word and a letter or a number: 答えはCです, 정답은42입니다.
_UNSPACED = r"\u0900-\u0DFF\u0E00-\u0E7F\u3040-\u30FF\u3400-\u9FFF\uAC00-\uD7AF"
_BORDER = re.compile(
    rf"(?<=[{_UNSPACED}])(?=[A-Za-z0-9(\[\\$*-])|(?<=[A-Za-z0-9)\]$*])(?=[{_UNSPACED}])"
)
# A Cyrillic or Greek letter that looks like a Latin one, alone at the end of a statement: "Ответ:
# В".
_LOOK_ALIKE = str.maketrans("АВСЕНКМОРТХΑΒΕΖΗΙ", "ABCEHKMOPTXABEZHI")
_ALONE = re.compile(r"(?<=[:—–-])\s*[(*]{0,3}[АВСЕНΑΒΕΖΗΙ](?=[)*.\s]*(?:\n|$))")


def folded(text: str) -> str:
    """A text with the digits, full stops and brackets of other scripts as ASCII has them."""
    if text.isascii():
        return text
    text = _BORDER.sub(" ", text.translate(_SIGNS))
    return _ALONE.sub(lambda letter: letter[0].translate(_LOOK_ALIKE), text)


def unstyled(text: str) -> str:
    """A text without emphasis and maths delimiters, folded."""
    plain = folded(text)
    return _STYLES.sub("", plain) if holds_any(plain, _STYLE_SIGNS) else plain


_STYLE_SIGNS = ("*", "`", "__", "$", "\\")


def without_bold(text: str) -> str:
    """A text without Markdown's bold, but with all its mathematics: `x**2` stays."""
    return BOLD.sub(r"\2", text) if "**" in text or "__" in text else text


_ARTICLES = ("the", "a", "an")


def bare_words(text: str) -> list[str]:
    """Words without accents, case, punctuation and articles."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).casefold()
    plain = plain.replace("'", "").replace("’", "")
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return [word for word in re.findall(r"[^\W_]+", plain) if word not in _ARTICLES]


# --- statements -----------------------------------------------------------------------------------

# What an answer is called. English alone also says "to answer the question", which is none.
_ENGLISH_NOUN = r"(?<!to[ ])(?<!must[ ])(?<!can[ ])\b(?:answers?|final\ (?:result|value))\b"
ANSWER_ABROAD = r"""
    (?: (?:最[终終後后]|正[确確]|正しい|最も|適切)[的な]* )*         # 正确答案, 正しい選択肢
    (?: (?:最も)? (?:適切|妥当|正しい) (?:な)? (?:の|もの) (?=は)
      | 答案 | 答え | 解答 | 回答 | 正解 | 正答 | 答 | [结結]果 | [结結][论論] )
  | (?: 최종\s* | 올바른\s* )? (?: 정답 | 답변 | 해답 | 답 )
  | \b(?: antwort | lösung | ergebnis | endergebnis | antwoord            # German, Dutch
      | réponse | solution | résultat | respuesta | solución | resultado  # French, Spanish
      | risposta | soluzione | risultato | resposta | solução | gabarito  # Italian, Portuguese
      | odpowiedź | odpověď | svaret | svar | cevap | jawaban(?:nya)? | đáp\ án )\b
  | \b(?: ответ | решение | відповідь )\b
  | (?: الإجابة | الجواب | الحل ) | उत्तर | जवाब | উত্তর
"""
OPTION_ABROAD = r"""
    (?: 正[确確]的? | 正しい )? (?: [选選][项項] | 選択肢 ) | 선택지
  | \b(?: opción | opção | opzione | option | alternativa | proposition | letra | lettera | вариант
      | aussage | afirmación | afirmação | affirmation )\b
"""
# The words for right and best, by how they begin: richtige, верный, meilleure
RIGHT_ABROAD = r"""
    (?i: richtig | korrekt | zutreffend | correct | corret | exact | juste | giust | esatt | bonne
      | верн | правильн | beste | meilleur | mejor | miglior | melhor | лучш ) [^\W\d_]*
"""
_ENGLISH_LINK = r"""
    (?: \b(?:is|are|was|were|would\ be|should\ be|must\ be|will\ be|comes\ to|equals)\b
      | ['’]s (?= \s+ (?-i: [\d$*("“\\\\A-Z] ) ) )        # the answer's Oslo, the answer's 5
"""
LINK_ABROAD = r"""
    应该是 | 应为 | 應為 | 就是 | 是 | 为 | 為 | は | [은는이가](?=[\s\d(A-Z])
  | \b(?: ist | lautet | wäre | is | luidt | est | serait | es | sería | è | é | seria | jest | to
      | je | är | adalah | là | это | является )\b
  | هي | هو
"""
_STATEMENT = re.compile(
    rf"""
    (?: {_ENGLISH_NOUN}
        (?: \s+ (?!{_ENGLISH_LINK}) [\w'’-]+ ){{0,6}}?       # to this question, for the second part
        \s* (?: {_ENGLISH_LINK} \s* :? | [:=]+ )
      | (?: {ANSWER_ABROAD} )
        (?: [ ]+ (?!(?:{LINK_ABROAD})) [\w'’-]+ ){{0,4}}?     # Respuesta a esta pregunta
        \s* (?: {LINK_ABROAD} | [:=—–] | -(?=[ ]) ) \s* :?
      | (?: उत्तर | জবাব | উত্তর | 答え? ) (?= [ ] )            # a noun alone: "उत्तर 42 है"
      | ^ [\W_]* (?:final\ |correct\ )? answer [\W_]* $ (?= \s*\n )   # a heading of its own
      | ^ [ ]* \#{{4}} [ ]* (?= [-+(]*[$€£\\]*\d (?![\d]*[.)]\s+[A-Z]) | \\ )  # GSM8K's mark
    )
    [\s:*"]*
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
CHECK = re.compile(
    r"""
    (?: ^ | (?<=[.!?)\]]\s) | (?<=\n) | (?<=\() ) [\s*#_(]{0,8}
    (?: check(?:ing)? | to\ (?:check|verify|double-check) | let(?:'|\ u)s\ (?:check|verify)
        | verification
      | verify(?:ing)? | proof | sanity\ check | double-check
      | probe | kontrolle | überprüfung | v[ée]rification | v[ée]rifions | verificación
            | comprobación
      | comprobamos | verifica | verificação | проверка | проверим
      | 检查 | 檢查 | 检验 | 验证 | 驗證 | 验算 | 驗算 | 検算 | 確認 | 확인 | 검산 )
    (?![a-z]) [^.\n]{0,40}? [:,]
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
CONCLUDES = re.compile(
    r"""
    (?i) \b(?: therefore | thus | hence | so | consequently | accordingly | conclu\w+ | overall
      | final\w* | closest | best | in\ summary | answer | correct | choose | select | pick
      | match(?:es)? | corresponds? | most\ (?:likely|appropriate|accurate)
      | this\ (?:is|means|gives) | which\ is | that\ is | we\ (?:get|have|find)
      | also | folglich | daher | donc | ainsi | luego | entonces | por\ (?:lo\ )?tanto | quindi
      | portanto | logo | следовательно | значит )\b
    | 所以 | 因此 | 故 | 综上 | 綜上 | よって | したがって | 従って | 따라서 | 그러므로
    | = | \\approx | ≈
    """,
    re.VERBOSE,
)


# What a text grants to another answer, or sets beside its own: "While A is tempting, …",
# "…, although Puccini is often credited", "… rather than Locke", "…, followed by the Amazon".
CONCEDES = r"""
    (?: (?:even\ )? (?:though|although) | while | whereas | albeit | despite | unlike
      | obwohl | obgleich | wenngleich | auch\ wenn | während | bien\ que | même\ si | alors\ que
      | aunque | si\ bien | mientras\ que | sebbene | benché | anche\ se | mentre
      | embora | ainda\ que | mesmo\ que | enquanto | хотя | в\ то\ время\ как
    )\b | 虽然 | 雖然 | 尽管 | 儘管 | 비록
"""
# A comma within a clause stands in a list, "A, B, and C are wrong", or before "where" or "which".
_IN_CLAUSE = r"""
    (?: [^.,;!?\n] | \.(?=\w) | ,(?=\S)
      | , (?= \s* (?: and\b | or\b | und\b | where\b | which\b | who\b
        | [(]?[A-Z][)]? \s* (?: , | and\b | or\b ) ) ) )
"""
_CONTRAST = re.compile(
    rf"""
    (?! (?<=\w)\w ) (?:     # never inside a word: told at once, and most places are
        (?: ^ | (?<=[.!?\n]) | (?<=[.!?:]\s) | (?<=,\s) ) (?P<lead> [\s*]* (?:\w+,\s+)? )
        (?: {CONCEDES} ) {_IN_CLAUSE}{{1,240}} ,\s+
      | (?: ^ | (?<=[.!?\n]) | (?<=[.!?:]\s) ) \s* (?: it (?: ['’]s | \ is | \ may\ be ) | one\ is )
        \ tempt\w+ \ to \ {_IN_CLAUSE}{{1,160}} , \s+ but \s+
      | ,? \s* [(]? (?<=[\s,(]) (?: {CONCEDES} ) (?: [^.;\n] | \.(?=\w) ){{1,300}} (?= [.;\n] | $ )
      | ,? \s+ (?: rather\ than | instead\ of | as\ opposed\ to | followed\ by | ahead\ of
          | anstatt | statt | plutôt\ que | au\ lieu\ de | en\ lugar\ de | en\ vez\ de | invece\ di
          | em\ vez\ de | вместо ) \s+ {_IN_CLAUSE}{{1,120}}
      | (?: , \s* | \s+ (?:and|und|et|y|e) \s+ ) (?: not | nicht | non | no | não | а\ не ) \s+
        (?! .{{0,60}} \b(?:but|sondern|mais|sino|ma|mas|а)\b )
        {_IN_CLAUSE}{{1,60}} (?= [.,;\n] | $ )
    )
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)


# Every match of the pattern holds one of these; most texts hold none, and are not searched.
_CONTRAST_WORDS = (
    *("though", "while", "whereas", "albeit", "despite", "unlike", "tempt", "rather than"),
    *("instead of", "as opposed to", "followed by", "ahead of", "obwohl", "obgleich", "wenngleich"),
    *("auch wenn", "während", "anstatt", "statt", "bien que", "même si", "alors que", "plutôt que"),
    *("au lieu de", "aunque", "si bien", "mientras que", "en lugar de", "en vez de", "sebbene"),
    *("benché", "anche se", "mentre", "invece di", "embora", "ainda que", "mesmo que", "enquanto"),
    *("em vez de", "хотя", "в то время как", "вместо", "虽然", "雖然", "尽管", "儘管", "비록"),
    *("not", "nicht", " no", ",no", "\nno", "\tno", "não", "а не"),
)


def without_contrast(text: str) -> str:
    """A text without the clauses that grant something to another answer: `It is D, though A …`."""
    if not holds_any(text, _CONTRAST_WORDS):
        return text
    return _CONTRAST.sub(lambda clause: clause["lead"] or "", text)


def statement_ends(text: str) -> Iterator[re.Match[str]]:
    """Every "the answer is", "Antwort:", "答案是", "#### "; the answer opens where it ends."""
    return _STATEMENT.finditer(text)


# A remark in brackets behind the last sentence: "So A. (B makes proteins, C packs them.)"
_REMARK_BEHIND = re.compile(r"(?<=[.!?:\w])\s+\((?=[^()]*(?:[^\W\d_]+\s+){2})[^()]*\)[\s.]*$")


# What Japanese and Korean end a sentence with: "2√3 です"
SENTENCE_ENDS = re.compile(r"\s*(?:です|である|となる|となります|になります|입니다|이다)[\s.]*$")


def last_sentence(plain: str) -> str:
    """What stands behind the last full stop or line break, save a remark in brackets."""
    plain = _REMARK_BEHIND.sub("", plain)
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z\\(\[])|\n+", plain.strip())
    return sentences[-1] if sentences else ""
