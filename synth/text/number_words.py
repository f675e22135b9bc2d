"""Numbers written as words, in a few languages; digits stay the business of `numbers`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from synth.text.languages import word_list

_ENGLISH_UNITS = word_list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_ENGLISH_TENS = word_list("twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}

_ENGLISH: Final[dict[str, int]] = {
    **{word: value for value, word in enumerate(_ENGLISH_UNITS)},
    **{word: 20 + 10 * place for place, word in enumerate(_ENGLISH_TENS)},
}
_ENGLISH_ORDINALS: Final = {
    **{
        word: value
        for value, word in enumerate(
            word_list("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"), 1
        )
    },
    "twentieth": 20,
    "thirtieth": 30,
    "hundredth": 100,
}

# Zero upwards, then by value; compounds such as "fünfundzwanzig" are put together below.
_LISTS: Final[Mapping[str, str]] = {
    "de": "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn"
    " sechzehn siebzehn achtzehn neunzehn zwanzig",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
    " dix-sept dix-huit dix-neuf vingt",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"
    " dieciséis"
    " diecisiete dieciocho diecinueve veinte",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici"
    " quindici"
    " sedici diciassette diciotto diciannove venti",
    "pt": "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezasseis"
    " dezassete dezoito dezanove vinte",
    "nl": "nul een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien"
    " zestien"
    " zeventien achttien negentien twintig",
}
_MORE: Final[Mapping[str, Mapping[str, int]]] = {
    "de": {
        "eins": 1, "dreißig": 30, "vierzig": 40, "fünfzig": 50, "sechzig": 60, "siebzig": 70, "achtzig": 80,
        "neunzig": 90, "hundert": 100, "tausend": 1000,
    },
    "fr": {
        "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "soixante-dix": 70,
        "quatre-vingts": 80, "quatre-vingt": 80, "quatre-vingt-dix": 90, "cent": 100, "mille": 1000,
    },
    "es": {
        "dós": 2, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60, "setenta": 70,
        "ochenta": 80, "noventa": 90, "cien": 100, "mil": 1000,
    },
    "it": {
        "trenta": 30, "quaranta": 40, "cinquanta": 50, "sessanta": 60, "settanta": 70, "ottanta": 80,
        "novanta": 90, "cento": 100, "mille": 1000,
    },
    "pt": {
        "duas": 2, "trinta": 30, "quarenta": 40, "cinquenta": 50, "sessenta": 60, "setenta": 70,
        "oitenta": 80, "noventa": 90, "cem": 100, "mil": 1000,
    },
    "nl": {
        "dertig": 30, "veertig": 40, "vijftig": 50, "zestig": 60, "zeventig": 70, "tachtig": 80,
        "negentig": 90, "honderd": 100, "duizend": 1000,
    },
}  # fmt: skip
# Articles and everyday words that are numbers only sometimes: they can meet a digit, and are never missed.
_ALSO_ARTICLES: Final = frozenset(word_list("ein eine un une uno una um uma een sei"))

_ENGLISH_RUN: Final = re.compile(
    rf"\b(?:(?:{'|'.join([*_ENGLISH, *_SCALES, 'a(?=[ -]+(?:hundred|thousand|million))'])})"
    r"(?:[ -]+(?:and[ -]+)?|\b))+",
    re.IGNORECASE,
)
_ENGLISH_ORDINAL: Final = re.compile(
    rf"\b(?:({'|'.join(_ENGLISH_TENS)})[ -])?({'|'.join(_ENGLISH_ORDINALS)})\b", re.IGNORECASE
)
_LETTERS: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


def worded_numbers(text: str, language: str) -> Iterator[tuple[int, int, float, bool]]:
    """Start, end and value of each number in words, and whether it must survive a rewording.

    "One", articles and ordinals ("first, open ...") are often no numbers: they do not have to.
    """
    if language == "en":
        yield from _english(text)
        return
    known = _lexicon(language)
    for match in _LETTERS.finditer(text.lower()):
        word = match.group()
        value = known.get(word)
        if value is None:
            value = _compound(word, known, language)
        if value is not None:
            yield match.start(), match.end(), value, value > 1 and word not in _ALSO_ARTICLES


def _english(text: str) -> Iterator[tuple[int, int, float, bool]]:
    for match in _ENGLISH_RUN.finditer(text):
        words = re.findall(r"[a-z]+", match.group().lower())
        while words and words[-1] == "and":
            words.pop()
        for value in _values(words):
            yield match.start(), match.end(), value, value != 1
    for match in _ENGLISH_ORDINAL.finditer(text):
        tens = _ENGLISH[match[1].lower()] if match[1] else 0
        yield match.start(), match.end(), tens + _ENGLISH_ORDINALS[match[2].lower()], False


def _values(words: list[str]) -> Iterator[float]:
    """Adds up a run of number words: one value where they belong together, several where they do not."""
    total = current = 0
    last = 0
    for word in words:
        if word == "and":
            continue
        if word in _SCALES:
            scale = _SCALES[word]
            if scale == 100:
                current = max(current, 1) * 100
            else:
                total, current = total + max(current, 1) * scale, 0
            last = scale
            continue
        value = 1 if word == "a" else _ENGLISH[word]
        fits = not last or last >= 100 or (20 <= last < 100 and last % 10 == 0 and value < 10)
        if not fits:
            yield total + current
            total = current = 0
        current, last = current + value, value
    yield total + current


def _lexicon(language: str) -> dict[str, int]:
    known = {word: value for value, word in enumerate(_LISTS.get(language, "").split())}
    return {**known, **_MORE.get(language, {})}


def _compound(word: str, known: Mapping[str, int], language: str) -> int | None:
    """ "fünfundzwanzig", "vijfentwintig", "treinta-y-cinco" as one word, "ventiquattro"."""
    if language in ("de", "nl"):
        for joint in ("und",) if language == "de" else ("en", "ën"):
            unit, found, ten = word.partition(joint)
            while found:
                if known.get(unit, 10) < 10 and known.get(ten, 0) >= 20:
                    return known[unit] + known[ten]
                more, found, ten = ten.partition(joint)
                unit = f"{unit}{joint}{more}"
        return _hundreds(word, known, "hundert" if language == "de" else "honderd")
    if language == "fr" and "-" in word:
        ten, _, unit = word.rpartition("-")
        ten = ten.removesuffix("-et")
        if known.get(ten, 0) >= 20 and 0 < known.get(unit, 100) < 20:
            return known[ten] + known[unit]
    if language == "it":
        for ten, value in known.items():
            stem = ten[:-1]
            if value >= 20 and word.startswith(stem):
                unit = word.removeprefix(ten) if word.startswith(ten) else word.removeprefix(stem)
                if 0 < known.get(unit.replace("é", "e"), 100) < 10:
                    return value + known[unit.replace("é", "e")]
    return None


def _hundreds(word: str, known: Mapping[str, int], hundred: str) -> int | None:
    before, found, after = word.partition(hundred)
    if found and (not before or 0 < known.get(before, 100) < 10) and (not after or after in known):
        return known.get(before, 1) * 100 + (known[after] if after else 0)
    return None
