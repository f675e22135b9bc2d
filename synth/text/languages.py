"""Which of a few languages a short text is in, by its function words.

Trained language identifiers guess wildly at the length of a request ("How do I reset my password?" is
French to one of the best), and all that the checks need is which word list applies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def word_list(text: str) -> tuple[str, ...]:
    """Words written as one text, so that a long list reads as lines and not as a column."""
    return tuple(text.split())


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "en": _words(
        "the and of to is are was i my me you your it this that how what why which when where who can"
        " could do"
        " does did have has we our for with from on not if an should would will be by at or there please"
        " in a"
        " as he she they their his her all any them but than i'm it's don't can't"
    ),
    "de": _words(
        "in an so als der die das den dem des ein eine einen einem einer und oder ist sind war ich mein"
        " meine meinen meiner"
        " mir mich sie ihr ihre wir uns unser unsere wie was warum welche welcher welches wann wo wer kann"
        " können muss habe hat haben nicht kein keine für mit von zu zum zur im auf aus bei nach bitte wird"
        " werden soll dass wenn es man auch noch um ohne über"
    ),
    "fr": _words(
        "le la les un une des du de et ou est sont je j'ai mon ma mes vous votre vos nous notre comment"
        " quel quelle quels quelles pourquoi quand où qui que peut puis pour avec sur dans par ne pas il"
        " elle"
        " on ce cette ces au aux sans plus mais été être c'est n'est qu'est s'il d'un d'une l'on"
    ),
    "es": _words(
        "el la los las un una unos de del y o es son yo mi mis me tu su sus nos nuestro cómo qué cuál"
        " cuáles"
        " por para con en sin no al se lo que puedo puede cuando cuándo dónde quién está están hay como más"
        " pero ha he si sobre desde hasta antes hacer quiero"
    ),
    "it": _words(
        "il lo la gli le un uno una di del della dei delle e è sono io mio mia miei mie mi si che come cosa"
        " quale quali perché quando dove chi posso può per con non in nel nella al alla da dal ho ha hanno"
        " senza più ma se su sul questo questa ci anche devo"
    ),
    "pt": _words(
        "o os as um uma de do da dos das e ou é são eu meu minha meus minhas me seu sua como qual quais por"
        " para com em no na não que posso pode quando onde quem está se ao à sem mais mas há isso este esta"
        " pelo pela foi fazer você"
    ),
    "nl": _words(
        "de het een en of is zijn was ik mijn mij je jouw u uw wij ons onze hoe wat waarom welke wanneer"
        " waar"
        " wie kan kunnen moet heb heeft hebben niet geen voor met van naar in op uit bij als dat dit er"
        " maar"
        " ook nog zonder wordt worden"
    ),
}


# Letters that settle a draw.
_LETTERS: Final[Mapping[str, str]] = {"de": "äöüß", "fr": "çœêèàù«", "es": "ñ¿¡", "it": "òìàè", "pt": "ãõç"}


def language_of(text: str) -> str:
    """The code of the language whose function words make up most of `text`; English where none do."""
    return languages_of(text)[0]


def languages_of(text: str) -> list[str]:
    """The languages that fit `text` best: several where their function words are equally many.

    "Por favor, reserve seis mesas para o jantar" counts the same in Spanish and in Portuguese. English where
    no word is known.
    """
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    counts = {code: sum(word in known for word in words) for code, known in FUNCTION_WORDS.items()}
    for code, letters in _LETTERS.items():
        counts[code] += any(letter in text for letter in letters)
    most = max(counts.values())
    return [code for code, count in counts.items() if count == most] if most else ["en"]
