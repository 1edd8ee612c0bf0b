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
    behind_option,
    goes_on_with,
    goes_through_options,
    letters_of,
    opens_with,
    option_key,
    same_option,
)
from routerlib.answers.hedges import is_withdrawn, taken_back
from routerlib.answers.nearby import Stretch, any_case, holds_any, matches, near_letters
from routerlib.answers.ordinals import places_told
from routerlib.answers.wording import (
    ANSWER_ABROAD,
    CONCLUDES,
    LINK_ABROAD,
    OPTION_ABROAD,
    RIGHT_ABROAD,
    unstyled,
    without_contrast,
)
from routerlib.rows.options import LETTERS


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
              | appears|looks|fits?|works|meets|satisfies|matches|holds|applies
              | explains|describes|captures|represents|illustrates|reflects )\b
      | \s* [^\x00-\u024F\s“”‘’–—] )                     # a word of another script: 答えはCです
    (?! \s*[=^+] | ['’]\w | \s*(?:[이가]\s*아니|ではな|じゃな|でな|不是)   # C가 아니라: not C
      | \(\w{1,2}\)\s*(?:[=<>≤≥]|is|for|at) )   # B = 4, C's, X(t) = 3
"""
_BARE = rf"""["'“]? \b([B-HJ-Z])\b ["'”]? {_ENDS_BARE}"""
_BARE_WORDLIKE = r"""
    ["'“]? \b([AI])\b
    (?= \s* (?: $ | [.;:!)\]}"\n] | ,\s*$ ) | ,?\s*\b(?:because|since|as|which)\b
      | ,\s+(?-i:[a-z]) | \s*[^\x00-\u024F\s“”‘’–—] | (?<= tatement\ [AI] ) \s+ is\b
      | (?<= :\ [AI] ) \s+ \( )
    (?! ['’]\w | \.\s?[eE]\. )                                         # A's, I.e.
"""
_LETTER = rf"(?: {_BRACKETED} | {_BARE} | {_BARE_WORDLIKE} )"

_NOUN = r"""
    (?: answers? | ans\.? | choices? | options? | solutions? | responses? | selections? | guess
        | letter
      | alternatives?
      | (?:correct|true|false|right|best|accurate|incorrect)\ (?:statements?|one|conclusion|match
          |description|explanation)
      | one\ (?:that|which)\ is\ (?:not\ )?(?:an?\ )?\w+ | exception
      | one\ (?:that|which)\ (?:best\ )?(?:fits|matches|works|applies)(?:\ best)?
      | (?:verdict|conclusion|decision|pick|remaining)(?=\s*:)
      | (?:correct|right)(?=\s*:) )
"""
_FILLER = r"""
    (?: \s | [:,=\-–>→*"}]
      | \b(?: i\ (?:believe|think|guess) | it's | it\ is ) \b
      | \b(?: is|are|would|should|will|must|be|therefore|thus|hence|then|clearly|likely|most
            |probably
            | indeed|simply|actually|definitely|really|truly|certainly|remaining|one|have
            | to|none\ other\ than|the|an|option|options|choice|letter|answer|statement
            | number|correct|best|closest|right|either|both|given|by|to|final|here|so|in|fact|which
            | corresponding|appropriate|accurate|labell?ed|boxed|\\boxed )\b
      | \\boxed )
"""
# "The correct answer to this question is therefore option (C)", "Answer: C", "Answer\n\nC"
_STATED = re.compile(
    rf"""
    (?i: \b (?<!second\ ) (?<!wrong\ ) (?<!other\ ) (?<!alternative\ )
        (?! (?<=incorrect\ ) (?: answers? | options | choices ) \b ) {_NOUN} )
    (?: \s+ (?i: here | (?:to|for)\ (?:this|the)\ question | from\ the\ (?:given\ )?(?:options
        |choices)
          | among\ the\ (?:given\ )?(?:options|choices) | choice | option | provided | above
          | of\ the\ (?:options|choices) ) )*
    ["'”]? (?: , [^,.\n]{{1,60}} , )? \s*                        # , given the rise of incomes,
    (?: (?i: \b (?: is | are | (?:would|should|must|will)\ (?:(?!not|never)\w+\ )?(?:have\ to\ )?be
          | (?:should|must)\ have\ been
          | ought\ to\ be | has\ to\ be | (?:may|might|could)\ well\ be | can\ only\ be
          | turns\ out\ to\ be ) \b )
      | : | = | > | --> | -> | →
      | \| (?= [^|\n]* \| \s*(?:$|\n) )                           # a row: | Answer | B |
      | [-–—] | \n+ | (?= \([A-Z]\)\W*(?:$|\n) ) | ['’]s(?=\s)
      | (?i: (?<=\bans\.) ) (?= \ [A-Z]\W*(?:$|\n) ) )
    (?i: {_FILLER} ){{0,12}}? {_LETTER}
    """,
    re.VERBOSE,
)
# "Not A, but D", "n'est pas A mais D", "no es la A, sino la D", "не A, а D", "不是A，而是D",
# "AではなくD", "A가 아니라 D": the letter that is denied, and the one that takes its place
_ARTICLE = (
    r"(?i: (?: la | el | le | il | die | der | das | a | o | option | opción | answer ) \s+ )?"
)
_ANY_LETTER = r"[(\[]? [A-Z] [)\]]?"
_CORRECTED = re.compile(
    rf"""
    (?: (?: (?i: \b (?: not | \w+n't | nicht | pas | no(?:\ es|\ era)? | non(?:\ è)?
              | n[ãa]o(?:\ é)? | не ) ) \s+ | (?: 不是 | 并非 | 並非 ) \s* )
        {_ARTICLE} {_ANY_LETTER} \s* [,;—–-]* \s*
        (?: (?i: but(?:\ rather)? | rather | instead | it\ is | it's | sondern | mais | c'est
              | sino | es | ma | bensì | mas(?:\ sim)? | é | а ) \s+ | (?: 而是 | 是 ) \s* )
      | {_ANY_LETTER} \s* (?: ではなく(?:て)? | じゃなく(?:て)? | [이가]?\ ?아니라 ) [\s,]*
    )
    {_ARTICLE} {_LETTER}
    """,
    re.VERBOSE,
)
# "Die richtige Antwort ist C", "La respuesta es la B", "正确答案是 C", "故选 C", "정답은 C"
_STATED_ABROAD = re.compile(
    rf"""
    (?: (?i: {ANSWER_ABROAD} | {OPTION_ABROAD} )
        (?: [ ]+ (?!(?i:{LINK_ABROAD}|(?:no|non|n[ãa]o|nicht|не)\b)) [^\W\d]{{2,}} ){{0,4}}?
        \s* \]? \s* (?: (?i: {LINK_ABROAD} ) | [:=—–] | -(?=\s) | (?<=\]) ) \s* :?
      | (?i: \b(?:antwort|réponse|respuesta|risposta|resposta
            |ответ)\b ) (?= \s+[(]?[A-Z][).]*\s*(?:$|\n) )
      | (?: उत्तर | জবাব | উত্তর ) (?= \s+[(]?[A-Z] )
      | (?<![不没別别]) (?<!有人) (?<!人会) (?<!人會)
        (?: [选選](?![项項]) [择擇]? [是为為]? ) \s* :? )
    (?: \s | [:",] | \b(?i: la|el|le|lo|les|die|der|das|den|o|a|é|option|opción|opção|opzione
          | alternativa|letra|lettera|lettre|buchstabe|antwort|вариант|буква|donc|also|daher
          | portanto|quindi|entonces|therefore ) \b | \bl' ){{0,6}}?
    {_LETTER}
    """,
    re.VERBOSE,
)
# "answer: d", "the correct option is c."
_STATED_LOWER = re.compile(
    rf"""
    \b {any_case("answer", "ans", "choice", "option")} \b \.? (?i: \s+(?:choice|option) )?
    (?: , [^,.\n]{{1,60}} , )? \s* (?i: \bis\b | : | = ) [\s:]* (?: (?i:option|choice|letter) \s+ )?
    (?: \(([a-z])\) | ([b-z])\) | ([b-hj-z]) (?= [.\s]*(?:$|\n) ) )
    """,
    re.VERBOSE,
)
# "I'm changing my answer to E"
_CHANGED = re.compile(
    rf"""
    (?i: \b (?: chang(?:e|ed|ing) | switch(?:ed|ing)? | revis(?:e|ed|ing) ) \s (?: my | the ) \s
      (?: (?:first|initial) \s )? (?: answer | choice | pick ) \s (?: from \s \W*[A-Z]\W* \s )? to
      \s (?: (?:option|choice) \s )? )
    {_LETTER}
    """,
    re.VERBOSE,
)
# "Option C seems best", "option B explains it better", "choice (B) meets all conditions"
_NAMED = re.compile(
    rf"""
    (?i: \b(?:options?|choices?|answers?|letter|alternative) ) \s* {_LETTER}
    (?: (?= [^.\n]{{0,60}}? \b (?i: is|are|seems?|appears?|must\ be|best
            | would\ be(?=\s+(?:the\s+)?(?:best|correct|right|most|answer))|provides?|gives?
            | meets?|fits?|satisf(?:y|ies)|match(?:es)?|remains? ) \b
          (?! \s* (?i: not|n't|in(?:correct|valid)|wrong|false|ruled|eliminated|un|im ) ) )
      | (?= \s+ (?i: explains|describes|captures|represents|illustrates|reflects ) \b
          [^.,;\n]{{0,60}} \b (?i: best|better|correctly|most\ accurately ) \b ) )
    (?! \s+ (?i: can\ be|could\ be|may\ be|might\ be|is\ not|are\ not|isn't|cannot ) )
    """,
    re.VERBOSE,
)
# "C is the most likely answer", "(B), which rises, is clearly correct"
_IS_CORRECT = re.compile(
    rf"""
    (?= [(\[{{"'“A-Z] ) {_LETTER}
    (?: (?!\([A-Z]\)) (?!(?i:,?\s(?:so|but|hence|thus|therefore)\b)) [^.;\n] ){{0,120}}?
    \b (?i: is|are|being|would\ be|must\ be|seems|seems\ to\ be|appears\ to\ be
      |stands\ out\ as ) \s+
    (?i: (?: indeed|clearly|also|therefore|likely|definitely ) \s+ )? (?i: the\s+ )?
    (?i: (?: most|more|only|best ) \s+ )?
    (?i: correct|right|accurate|appropriate|best|suitable|closest|valid|likely|plausible|reasonable
       | probable|logical|defensible|convincing|fitting
       |consistent|possibility|(?:my\ )?(?:answer|choice|pick|guess)|solution|supported
       | one\ (?:that|which)\ (?:matches|fits|works|holds|applies)
       | among\ the\ (?:options|choices)|listed|available ) \b
    (?i: \s+ (?:answer|option|choice|one|statement|response|match|description|explanation) )?
    """,
    re.VERBOSE,
)
# What options are often about; behind "vitamin", "type" or "group" a letter is a name
_THING = any_case(
    *("reaction", "product", "compound", "structure", "molecule", "reagent", "mechanism"),
    *("principle", "process", "statement", "theory", "graph", "diagram", "figure", "sequence"),
    *("pathway", "explanation", "description", "intermediate", "isomer", "scheme"),
)
_COMES_CLOSE = any_case(
    *("closest", "nearest", r"best\ (?:matche?s?|fits?)", "matche?s?", "correspond(?:s|ing)"),
    *(r"agrees?\ with", r"consistent\ with", r"equivalent\ to", "selects?", "choos(?:e|es|ing)"),
    *("chose", "picks?", "picked", r"go(?:ing)?\ with", r"opt\ for"),
)
_CHOOSES = any_case(
    *("choose", "choosing", "chose", "select", "pick", "guess", "say", "meant?", r"go\ with"),
    *(r"opt\ for", r"lean(?:ing)?\ towards?"),
)
_LEAVES = any_case("leav(?:es?|ing)", r"left\ with", "so,?", "hence,?", "thus,?", "therefore,?")
_POINTS_TO = any_case(
    *(r"correspond(?:s|ing)\ to", "match(?:es|ing)", "favou?rs", "supports", r"points\ to"),
    r"i\.e\.,?",
)
_SURELY = any_case(
    *("definitely", "clearly", "certainly", "therefore", "thus", "probably", r"most\ likely"),
    *("undoubtedly", "obviously", "surely", "indeed"),
)
# "this corresponds to option C", "I would go with C", "It must be (C)", "which leaves D", "only C
# remains"
_CLOSEST = re.compile(
    rf"""
    \b (?:
        {_COMES_CLOSE} \b (?: [^.\n(] | \.\d | \((?![A-Z]\)) ){{0,70}}?
        (?: (?i: \b(?:option|choice|answer|letter)s? ) \s* {_LETTER} | \(([A-Z])\) )
      | {_CHOOSES} \s+ (?i: the\s+ )? (?i: (?:answer|option|choice|letter)\s+ )? {_LETTER}
      | {any_case("it", "this", "that")} (?i: 's | \s+ (?: is | must\ be | has\ to\ be | should\ be
            | ought\ to\ be | would\ be | would\ have\ to\ be | had\ to\ be | can\ only\ be
            | needs\ to\ be | turns\ out\ to\ be ) ) \s+
        (?i: most\s+ )? (?i: (?:likely|probably|clearly|actually|really|in\ fact|rather)\s+ )?
        (?i: (?:option|choice|letter|answer)\s+ )? {_LETTER}
        (?= \W*(?:$|\n) | \s* [.;!] \s+ [A-Z] | ,?\s+ (?:because|since|as|not|with)\b )
      | {any_case("which")} \s+ (?i: is\s+ (?: (?:option|choice|answer)\s+ )? ) \(([A-Z])\)
        (?= \W*$ )
      | {_LEAVES} \s+ (?i: (?:us|only|just|with)\s+ ){{0,2}}
        (?i: (?:option|choice|answer)\s+ )? {_LETTER}
        (?= \s+it\ is\b | \s+as\ (?:the|our)\b | \W*(?:$|\n) )
      | {_POINTS_TO} \s+ (?i: (?:option|choice|answer)\s+ )? {_LETTER} (?= \W*(?:$|\n) )
      | {_THING} \b (?: \s+ (?!(?i:not|if)\b) [A-Za-z]+ ){{0,5}}? \s+ (?i:is) \s+ {_LETTER}
        (?= \W* $ )
      | {any_case("therefore", "thus", "hence", "so")} ,? \s+
        (?: (?i:option|choice) | {_THING} ) \s+ {_LETTER} (?= \W*(?:$|\n) | \.\s )
      | {any_case("no", "rather", "instead")} \s* [:,—–-] \s* {_LETTER} (?= \W*(?:$|\n) | \.\s )
      | {any_case("is")} \s+ {_SURELY} \s+ {_LETTER} (?= \W*(?:$|\n) | \.\s )
      | {any_case("only")} \s+ (?i: (?:option|choice|answer)\s+ )? {_LETTER}
        (?= \s+(?:remains|is\ left|fits|works|meets|satisfies|matches)\b )
    )
    | (?: (?<! [A-Z]\ ) (?<! [A-Z] ) (?: → | -> ) | ⇒ | => ) \s* {_LETTER} (?= \W*$ )
    | {_LETTER} (?= \s+ it\ is \W* (?: $ | \n ) )
    | {_LETTER} (?= \s+ (?: fits | matches | suits ) \b (?: \s+ \w+ ){{0,4}}? \s+ best \b )
    """,
    re.VERBOSE,
)
# "Antwort C ist richtig", "Somit ist C die richtige Antwort", "Richtig ist C", "Je choisis la C",
# "選択肢Cが正しい", "选项C是正确的", "C가 정답"
_CHOOSES_ABROAD = r"""
    (?i: \b (?: wähle (?:\ ich)? | entscheide\ mich\ für | choisis | choisirais | elijo | elegiría
      | escojo | scelgo | sceglierei | escolho | escolheria | выбираю | выбираем | выбрал\w* ) \b )
"""
_CORRECT_ABROAD = re.compile(
    rf"""
      (?i: \b (?:antwort|aussage|option|opción|opção|opzione|alternativa|réponse|respuesta|risposta
          |resposta|вариант|ответ) ) \s+ [(]? ([A-Z]) [)]? \s+ (?i: (?: ist|est|es|è|é|— ) \s+ )?
      (?i: (?: die|la|a|il|o ) \s+ )? {RIGHT_ABROAD}
    | (?i: \b ist ) \s+ (?i: (?:antwort|aussage|option) \s+ )? [(]? ([A-Z]) [)]? \s+
      (?i: die \s+ )? {RIGHT_ABROAD}
    | \b {RIGHT_ABROAD} \s+ (?i: ist|est|es|è|é|— ) \s+ {_ARTICLE} [(]? ([A-Z]) [)]?
      (?= \W*(?:$|\n) | [,.] )
    | (?: ^ | [.;,]\s+ ) (?i: c'est | es\ ist | è | es | é | это ) \s+ {_ARTICLE}
      [(]? ([A-Z]) [)]? (?= \W*(?:$|\n) )
    | {_CHOOSES_ABROAD} \s+ (?: (?i: donc|also|la|el|die|die\ antwort|la\ réponse|réponse|la\ opción
          |l'option|option|opción|l'opzione|a\ opção|вариант|ответ) \s+ ){{0,2}} [(]? ([A-Z]) [)]?
      (?= \W*(?:$|\n) | [,.] )
    | (?i: \b trifft ) \s+ (?: (?i: also|nur|daher|somit|damit|hier|die\ aussage|aussage|antwort
          |option|allein ) \s+ ){{0,3}} [(]? ([A-Z]) [)]? \s+ (?i: zu ) \b
    | (?i: \b würde ) \s+ [(]? ([A-Z]) [)]? \s+ (?i: wählen|nehmen|sagen )
    | (?i: \b (?: (?:il\ (?:ne\ )?)? reste(?:\ que)? | bleibt | rimane | resta | queda | sobra
        | остаётся | остается ) ) \s+
      (?: (?i: nur|also|daher|somit|noch|solo|sólo|só|donc|dunque|quindi|apenas|только|вариант|la|el
          |o|a ) \s+ ){{0,3}} [(]? ([A-Z]) [)]? (?= \W*(?:$|\n) )
    | (?: 只有 | 只剩(?:下)? | 残るのは | (?:我认为|我觉得|我認為|应该|應該) (?:是|选|選) ) \s*
      [(]? ([A-Z]) [)]? (?! \s* (?:或|还是|還是|和|与) )
    | (?: 選択肢 | [选選][项項] )? \s* [(]? (?<![A-Za-z]) ([A-Z]) [)]? \s*
      (?: [项項] | 番 | 번 )? \s*
      (?: が | [이가] | 是 | 为 | 為 )? \s* (?: 最も )?
      (?: 正しい | 正解 | 正[确確](?!答案|选项)(?:的)? | 適切 | 정답 | 맞 | 옳 )
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
    \s* [\)\]"'}]* \s*
    (?: , | / | & | -> | → | (?:,\s*)?\b(?:or|and|oder|und|ou|et|o|y|e|или|и|plus|but\ also)\b
      | 또는 | 혹은 | 或者? | 还是 | または | もしくは ) \s*
    (?: (?:or|and)\s+ )? (?i: (?:option|choice|answer)\s* )? (?: \\boxed\s*\{ \s* )?
    (?: [\(\[]([A-Z])[\)\]] | ([B-HJ-Z])(?=\W|$)(?!\s*[=^+]|['’]\w) )
    (?! \s+ (?: is|are|was|were|does|do|would|can|cannot|has|have|ist|est|es|è|é ) \b
      | \s* (?: 是 | は | が | [은는이가](?!\w) ) )
    """,
    re.VERBOSE,
)
_LETTER_LIST = re.compile(r"\(([A-Z](?:\s*(?:,|&|/|,?\s*and\b|,?\s*or\b)\s*[A-Z])+)\)")
_CLEAR = ("stated letter", "boxed letter", "announced option", "no option fits")
_DECLINED = re.compile(
    r"""
    (?i) \b (?:
      (?:answers?|options?|choices?|solution) \b [^.\n]{0,40}?
      (?: \b (?:is|are|was|does|do) (?:\s+not|n't) \s+ (?:\w+\s+){0,2}?
          (?: listed|among|one\ of|on\ the\ list|in\ the\ list|in\ the\ (?:given\ )?(?:options
              |choices)
            | provided|available|present|given|match\w*|correspond\w*|appear\w*|shown|any\ of|here )
        | \b is \s* \(? \s* (?:none|not\ listed|not\ among|not\ given|unknown|not\ provided
              |n/?a) \b )
    | (?:it|this|that|which|value|result) \b [^.\n]{0,30}? \b (?:is|does) (?:\s+not|n't) \s+
      (?:\w+\s+){0,2}? (?:listed|among|one\ of|match|correspond\w*|in) \b
      [^.\n]{0,25}? \b (?:options|choices|answers|list) \b
    | none\ of\ (?:the|these|those)\ (?!other) (?:\w+\s+){0,2}?
      (?:options?|choices|answers?|above|given|listed|provided) \b [^.\n]{0,40}
    | no\ (?:correct|right|matching|valid|suitable)\ (?:answer|option|choice) \b
    )
    """,
    re.VERBOSE,
)
# Every match of it holds one of these
_DECLINING_WORDS = ("not", "n't", "none", "no ", "unknown", "n/a", " na", "(na", "\nna", "isna")
# An option that says itself that none fits, or that one cannot know: then such words are an answer.
_DECLINING_OPTION = re.compile(
    r"\s* (?: none | no\ of | neither | not\  | cannot | it\ cannot | insufficient )",
    re.VERBOSE | re.IGNORECASE,
)
_CONDITION = re.compile(
    r"""
    (?i) \b (?: if|whether|no\ way|suppose|assum(?:e|ing)|unless|not|\w*n't|never|could|might|may
      | rather\ than | instead\ of|eliminate|exclude|rule\ out|why|like|e\.g\.|such\ as|example
      | seem\ that | thought | tempt(?:ing|ed)(?:\ to)?
      | (?:students|people|readers|candidates)(?:\ (?:may|might|often|would))?
      | anything\ but | opposite\ of | doubt | hardly | no\ longer | less\ likely | nothing )
    \b [^.\n]{0,45} $
    """,
    re.VERBOSE,
)
_UNREAL = re.compile(
    r"""
    \b if \b [^.\n]* \b (?: had | were | was | asked | meant | wanted | said ) \b
    [^.\n]* \b would \b [^.\n]* $
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:\n]|[.!?]\s|(?i:\b(?:but|so|then|therefore|thus|hence|because)\b)")
_BEFORE_LETTER = re.compile(
    r"""
    (?i) (?: ^ | [\n.,;:!?(\["'–—-]
      | \b (?: options?|choices?|answers?|letter|statement|therefore|thus|so|hence|that|only|and|but
             | believe|think|conclude|choices,|then|while|which|clearly|actually|say|suggests?
             | indicates? | inspection | consideration | reflection ) )
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
        rest = plain[last.start :]
        near = closest_option(rest, choices) or lettered_options(rest, choices)
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
    """An output without emphasis, maths delimiters and what it grants to other answers, folded;
    `(A, C)` becomes `(A), (C)`.
    """
    plain = without_contrast(unstyled(_CHECKBOX.sub(_ticked, text)))
    if holds_any(plain, _NUMBER_WORDS):
        plain = _NUMBERED.sub(_letter_of_number, plain)
    return _LETTER_LIST.sub(
        lambda match: "(" + "), (".join(re.findall("[A-Z]", match[1])) + ")", plain
    )


_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"]
# "The third option is correct", "the answer is option number 3"
_NUMBERED = re.compile(
    rf"""
    (?i) \b (?:
        the \s+ (?P<first> {"|".join(_ORDINALS)} ) \s+ (?: option | choice | answer ) \b
        (?= \s+ (?: is | must\ be ) \s+ (?: the\s+ )? (?: correct | right ) \b )
      | (?: (?<=\bis\ ) | (?<=pick\ ) | (?<=choose\ ) | (?<=select\ ) )
        the \s+ (?P<behind> {"|".join(_ORDINALS)} ) \s+ (?: option | choice | one ) \b
      | (?: option | choice ) \s+ (?: number | no\. | \# ) \s* (?P<number> [1-9] ) \b
    )
    """,
    re.VERBOSE,
)

_NUMBER_WORDS = (*_ORDINALS, "number", "no.", "#")
_CHECKBOX = re.compile(r"^([ \t]*[-*+] )\[([ xX])\] ", re.MULTILINE)  # "- [x] C. argon"


def _ticked(box: re.Match[str]) -> str:
    return f"{box[1]}{'❌' if box[2] == ' ' else '✅'} "


def _letter_of_number(match: re.Match[str]) -> str:
    """`the third option` as `option C`."""
    ordinal = match["first"] or match["behind"]
    place = _ORDINALS.index(ordinal.casefold()) if ordinal else int(match["number"]) - 1
    return f"option {LETTERS[place]}"


def _decided(statement: Statement, options: int) -> tuple[str, str]:
    named = "".join(sorted(set(statement.letters)))
    if len(named) == 1 and named not in LETTERS[:options]:
        return "", "letter of no option"
    return named, statement.rule


# --- all statements of a text ---------------------------------------------------------------------


_ANYWHERE = [(_BOXED_LETTER, "boxed letter"), (_STATED_LOWER, "stated letter")]
_NEAR_A_LETTER = [
    (_STATED, "stated letter"),
    (_CORRECTED, "stated letter"),
    (_CHANGED, "stated letter"),
    (_NAMED, "named option"),
    (_IS_CORRECT, "called correct"),
    (_CLOSEST, "closest option"),
]
_NEAR_A_LETTER_ABROAD = [
    (_STATED_ABROAD, "stated letter"),
    (_CORRECT_ABROAD, "named option"),
]


def _statements(text: str, options: int, choices: Sequence[str] = ()) -> Iterator[Statement]:
    """Every place that commits to a letter, or declares that no option fits, in no particular
    order.
    """
    headings = _Headings(text)
    stretches = near_letters(text)
    near = _NEAR_A_LETTER + _NEAR_A_LETTER_ABROAD if _is_abroad(text) else _NEAR_A_LETTER
    found = [(match, rule) for pattern, rule in _ANYWHERE for match in pattern.finditer(text)]
    found += [
        (match, rule) for pattern, rule in near for match in matches(pattern, text, stretches)
    ]
    for match, rule in found:
        statement = _letter_read(text, match, rule, LETTERS[:options], headings, choices)
        if statement:
            yield statement
    if choices:
        yield from _announced(text, choices, headings, stretches)
        for start, end, place in places_told(text, choices):
            denied = is_withdrawn(text[end : end + 60]) or _WRONG_ABROAD.match(text, end)
            if not denied and not _is_hypothetical(text, start, end):
                yield Statement(start, end, LETTERS[place], "named option")
    declining = any(_DECLINING_OPTION.match(option) for option in choices)
    if not declining and holds_any(text, _DECLINING_WORDS):
        for match in _DECLINED.finditer(text):
            yield Statement(match.start(), match.end(), "", "no option fits")


# 选第三项是错的, "3번이 맞지 않습니다"
_WRONG_ABROAD = re.compile(r"\s*(?:是错|是錯|不对|不對|不正|지 않|지않|았을까)")

# What a text in another language holds: one of these words, or a letter of another script.
_WORDS_ABROAD = (
    *("antwo", "ergebnis", "lösung", "aussage", "richtig", "korrekt", "würde", "wähle", "beste"),
    *("ntscheide", "bleibt", "répon", "repons", "repond", "résultat", "c'est"),
    *("option correct",),
    *("option est", "proposition correct", "proposition est", "chois", "reste", "respuesta"),
    *("resultado", "soluc", "soluç", "soluz", "opción", "opção", "opzione", "alternativa"),
    *("letra", "lettera", "elijo", "elegir", "escoj", "escolh", "queda", "resta", "sobra"),
    *("risposta", "risultato", "resposta", "riman", "scelg", "sceglie", "correcta", "correcto"),
    *(
        "trifft",
        "corretta",
        "corretto",
        "gabarito",
        "jawab",
        "cevap",
        "svar",
        "odpov",
        "odpow",
        "đáp",
    ),
)
_SCRIPTS_ABROAD = re.compile(
    r"""
      [\u0400-\u04FF\u0600-\u06FF\u0900-\u0DFF\u3040-\u30FF\u3400-\u9FFF\uAC00-\uD7AF]
    | [èé]\s                                                        # "la risposta è B", "é C"
    """,
    re.VERBOSE,
)


def _is_abroad(text: str) -> bool:
    """A cheap look before the long patterns of other languages."""
    return holds_any(text, _WORDS_ABROAD) or (
        not text.isascii() and bool(_SCRIPTS_ABROAD.search(text))
    )


def _letter_read(
    text: str,
    match: re.Match[str],
    rule: str,
    valid: str,
    headings: _Headings,
    choices: Sequence[str],
) -> Statement | None:
    index = next(i for i, group in enumerate(match.groups(), start=1) if group)
    letter, start, end = match[index].upper(), match.start(index), match.end(index)
    if rule != "boxed letter" and _is_hypothetical(text, match.start(), end):
        return None
    if _is_listed(text[start : end + 400], letter) or headings.hold(start):
        return None
    if rule in ("called correct", "closest option", "named option") and letter not in valid:
        return None
    if letter not in valid and text[end : end + 1] == "(":
        return None  # O(n)
    if rule == "called correct" and not _called_correct(text, match, end):
        return None
    rest = _behind_own_option(text[end : end + 300], letter, choices)
    if is_withdrawn(rest.partition("}")[0] if rule == "boxed letter" else rest):
        return None
    letters, stop = letter, end
    while more := _AND_MORE.match(text, stop):
        letters, stop = letters + (more[1] or more[2]), more.end()
    if len(letters) > 1 and not set(letters) <= set(valid):
        letters = letter
    if len(letters) == 1 and letter in valid:
        letters += goes_on_with(rest, choices, letter)
    return Statement(start, max(stop, match.end()), letters, rule)


def _behind_own_option(behind: str, letter: str, choices: Sequence[str]) -> str:
    """What stands behind a letter, or behind the text of its option where that comes next."""
    line = behind.split("\n", 1)[0]
    told = re.match(r"[)\].:\s]+(?=\S)", line)
    if not told or letter not in LETTERS[: len(choices)]:
        return line
    rest = behind_option(line[told.end() :], choices[LETTERS.index(letter)])
    if rest is not None and _SAYS_WHY.match(rest):
        return ""
    return line if rest is None else rest


# "(H). Legal problems | are not included in it": said of the thing, not of the option
_SAYS_WHY = re.compile(
    r"\s+ (?:is|are|was|were) \s+ not \s+ (?!(?:correct|right|true|possible|it|an?|the|my)\b)",
    re.VERBOSE | re.IGNORECASE,
)


# "F would be the answer for a weak base": right in another case only
_IN_A_CASE = re.compile(r"[^.;\n]{0,40}?\b(?:if|for|in|had|were|without|under)\b")


def _called_correct(text: str, match: re.Match[str], end: int) -> bool:
    before = text[max(0, match.start() - 30) : match.start()]
    if re.search(r"\bwould be\b", match[0]) and _IN_A_CASE.match(text, match.end()):
        return False
    denied = re.search(r"(?i)\b(?:not|n't|incorrect|neither|nor|in)\b", text[end : match.end()])
    return bool(_BEFORE_LETTER.search(before)) and not denied


def _is_hypothetical(text: str, start: int, end: int) -> bool:
    """`if the answer is (A)`, `the answer would be (A) if …`, `it could be (A)`, within one
    clause.
    """
    clause = _CLAUSE.split(text[max(0, start - 60) : start])[-1]
    if _CONDITION.search(clause):
        return True
    if re.match(r"[)\]\"'*]*\s*\?", text[end : end + 6]):
        return True  # "Answer: A? No: D."
    if re.match(
        r"[)\]\"'*]*\s*(?:\.{2,}|…|—|–|-|,)\s*no\b(?:[,.:—–-]|\s+wait)", text[end : end + 16]
    ):
        return True  # "C... no, A."
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


# "…is C. heap sort, which", "…from (D) 24 m", "an aldol addition (E)": a letter with its own option
_WITH_OPTION = re.compile(
    r"""
    (?P<verb> (?i: \b (?:is|are|be|as|so) ) )? (?: ^ | [\s:"]{1,3} )
    (?: (?i:option|choice|answer) \s+ )?
    (?: \( ([A-Z]) \) :? | ([A-Z]) [).:]+ ) [ ]* (?= [^\n] )
    """,
    re.VERBOSE,
)
_BEHIND_OPTION = re.compile(r"(?P<text>[^\n(]{2,200}?) [ ] \( (?P<letter>[A-Z]) \)", re.VERBOSE)


def _announced(
    text: str, choices: Sequence[str], headings: _Headings, stretches: Sequence[Stretch]
) -> Iterator[Statement]:
    """An option with its letter, alone on a line that was announced, or behind "is"."""
    valid = LETTERS[: len(choices)]
    for line in headings.lone:
        if line[1] not in valid or not announced(text, line.start()):
            continue
        option = choices[valid.index(line[1])]
        if not line[2] or same_option(line[2], option) or opens_with(line[2], option):
            yield Statement(line.start(1), line.end(), line[1], "announced option")
    for match in matches(_WITH_OPTION, text, stretches):
        letter, start = match[2] or match[3], match.start(2) if match[2] else match.start(3)
        if letter not in valid or headings.hold(start) or not match["verb"]:
            continue
        if _is_hypothetical(text, match.start(), start + 1):
            continue
        option = choices[valid.index(letter)]
        words = _rest_of_line(text, match.end())
        if opens_with(words, option) and not _is_listed(text[start:][:400], letter):
            rest = behind_option(words, option) or ""
            if not is_withdrawn(rest):
                letters = letter + goes_on_with(rest, choices, letter)
                yield Statement(start, start + 1, letters, "announced option")


def _rest_of_line(text: str, place: int) -> str:
    end = text.find("\n", place)
    return text[place:] if end < 0 else text[place:end]


def lettered_options(sentence: str, choices: Sequence[str]) -> str:
    """The letters that stand in a sentence beside their own option's text: "from C. heap sort", "is
    Kant (A)".
    """
    valid = LETTERS[: len(choices)]
    found = set()
    for match in _WITH_OPTION.finditer(sentence):
        letter, line = match[2] or match[3], _rest_of_line(sentence, match.end())
        if letter in valid and opens_with(line, choices[valid.index(letter)]):
            rest = behind_option(line, choices[valid.index(letter)]) or ""
            if not is_withdrawn(rest):
                found.add(letter)
    for match in _BEHIND_OPTION.finditer(sentence):
        if match["letter"] in valid:
            key = option_key(choices[valid.index(match["letter"])])
            withdrawn = is_withdrawn(sentence[match.end() :])
            if key and option_key(match["text"]).endswith(key) and not withdrawn:
                found.add(match["letter"])
    return "".join(sorted(found))


# "B) Only II is true ✅", "| C | ✓ |", "C: right.", "- (C) correct: both hold": a letter and what
# is said of it
_JUDGED = re.compile(
    r"""
    (?: ^ | (?<=[.;]\s) ) [ \t|#>*•✗✘✖❌-]* (?P<first> [✅✔✓☑] )? [\uFE0F\s|*]*
    (?: (?i:option|choice|answer) [ ]+ )?
    [(\[]? (?P<letter> [A-Z] ) (?: [)\].,:|]+ | [ ]?[-–—]\s | \s | $ ) [\s|]*
    (?P<verdict> (?i: (?: correct|right|true|yes )\b ) )? [^\n]*?
    (?= $ | [.;]\s+[(\[]?[A-Z][)\].:] )
    """,
    re.VERBOSE | re.MULTILINE,
)


def ticked_letters(text: str, options: int) -> str:
    """The letters that are called right, by ✅ or a word, in a list in which others are not."""
    in_table = _only_yes(text, options)
    if in_table:
        return in_table
    lines = [line for line in _JUDGED.finditer(text) if line["letter"] in LETTERS[:options]]
    ticked = {line["letter"] for line in lines if line["verdict"] or re.search("[✅✔✓☑]", line[0])}
    return "".join(sorted(ticked)) if len({line["letter"] for line in lines}) > 1 else ""


# "| B. Xenon | 18 | yes |", "B) Xenon - True": a row that ends in a verdict
_ROW = re.compile(
    r"""
    ^ [ \t]* (?: \| | [-*•] )? [ ]* [(\[]? ([A-Z]) [)\].:| ] [^\n]*
    (?: \| | [-–—:→(] | -> ) [ ]*
    (?i: (yes | true | correct) | no | false | incorrect | wrong ) [.)]? [ ]* \|? [ ]* $
    """,
    re.VERBOSE | re.MULTILINE,
)


def _only_yes(text: str, options: int) -> str:
    """The one letter of a list of all options whose row ends in yes, all others ending in no."""
    rows = _ROW.findall(text)
    letters = "".join(letter for letter, _ in rows)
    said_yes = [letter for letter, yes in rows if yes]
    return said_yes[0] if letters == LETTERS[:options] and len(said_yes) == 1 else ""


# --- which statement counts -----------------------------------------------------------------------


def _last_statement(text: str, statements: list[Statement]) -> Statement | None:
    """The last clear statement, or what the weaker remarks agree on."""
    lists = [statement for statement in statements if len(statement.letters) > 1]
    statements = [
        statement
        for statement in statements  # of "A or B", the B is no statement of its own
        if not any(several.start < statement.start < several.end for several in lists)
    ]
    statements = sorted(statements, key=lambda statement: (statement.start, len(statement.letters)))
    clear = [statement for statement in statements if statement.rule in _CLEAR]
    remarks = [statement for statement in statements if statement.rule not in _CLEAR]
    declined = bool(clear) and not clear[-1].letters
    if not clear or (declined and remarks and remarks[-1].end > clear[-1].start):
        return _agreed(text, remarks, clear)
    corrected = _corrected(text, clear[-1], remarks)
    if corrected:
        return corrected
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


def _corrected(text: str, last: Statement, remarks: list[Statement]) -> Statement | None:
    """The last remark behind words that take the last clear statement back."""
    later = [remark for remark in remarks if remark.start > last.end]
    if later and taken_back(text[last.end : later[-1].start]):
        return later[-1] if len(later[-1].letters) == 1 else None
    return None


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
    match = re.match(r"^\s*[\(\[{\"']?([A-Za-z])[\)\]}\"'.:,]*\s*[✅✔✓☑\uFE0F]*\s*(?:$|\n)", text)
    if match and match[1].upper() in valid and not headed.hold(match.start(1)):
        rest = text[match.end() :].strip()
        short = match[1].isupper() or len(text.strip()) <= 4
        if short and (not rest or not _STATED.search(rest)):
            return match[1].upper()
    match = re.match(r"^\s*[\(\[]?([A-Za-z])(?:[\)\]]|\s*[.:]|\s(?:-\s)?(?=\S))\s*(.*)", text)
    if match and match[1].upper() in valid and not _STATED.search(text):
        option = choices[valid.index(match[1].upper())]
        opening = opens_with(match[2], option) and text.count("\n") < 2 and match[1].isupper()
        rest = behind_option(match[2], option) or ""
        letter = match[1].upper()
        if is_withdrawn(rest) or goes_on_with(rest, choices, letter):
            return None
        if goes_through_options(match[2], choices, letter):
            return None
        if re.match(r"\s*[AI]\s", text):
            opening = False  # an article or a pronoun: "A proton has a charge"
        if same_option(match[2], option) and not headed.hold(match.start(1)):
            return match[1].upper()
        if opening:
            return match[1]
    return None


# "The closest of the options is | 12.5 m/s"
_CLOSEST_TEXT = re.compile(
    r"""
    \b closest \b (?: \s+ \w+ ){0,3}? \s+ (?: to | is | of | being | would\ be ) \s+
    ( (?: [^.,;\n] | [.,](?=\d) )+ )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def closest_option(plain: str, choices: Sequence[str]) -> str:
    """Behind "the answer is not listed": the option named as the closest by its text."""
    found = [letters_of(match[1], choices) for match in _CLOSEST_TEXT.finditer(plain)]
    return next((letters for letters in reversed(found) if letters), "")
