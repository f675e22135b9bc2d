"""Writes the numbers of other scripts in digits, so that one reader of numbers suffices: "三人" is "3人",
"1万円" is "10000円", "2時間半" is "2.5 hours", "오후 3시" is "15:00", "خمسة" is "5".

A numeral that may be part of another word ("一緒", "四川") only counts before a counter ("三人"). One is
never required: "一个" and "एक" are articles as well.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from synth.text.lexicon import Markers, any_of, markers, whole_word

_DIGITS: Final = {
    **{character: value for value, character in enumerate("〇一二三四五六七八九")},
    "零": 0, "两": 2, "兩": 2,
}  # fmt: skip
_UNITS: Final = {"十": 10, "百": 100, "千": 1000, "천": 1000, "백": 100}
_SCALES: Final = {"万": 10**4, "萬": 10**4, "만": 10**4, "億": 10**8, "亿": 10**8, "억": 10**8, "兆": 10**12}
_HAN: Final = "".join((*_DIGITS, "十百千万萬億亿兆"))
_RUNS: Final = {
    "ja": re.compile(rf"[\d.,{_HAN}]+"),
    "zh": re.compile(rf"[\d.,{_HAN}]+"),
    # Only behind digits, because the characters are parts of many words.
    "ko": re.compile(r"\d[\d.,]*\s?[천백만억](?:\s?[\d.,]*[천백만억])*"),
}  # fmt: skip
_PART: Final = re.compile(r"\d+(?:[.,]\d+)*|\w")
# From this value on, a numeral of several characters is a number without a counter.
_SURE_FROM: Final = 20
_MARKS: Final = str.maketrans("٫٬，．：／％٪", ".,,.:/%%")


def in_digits(text: str, language: str) -> tuple[str, list[float]]:
    """The text with its numbers in ASCII digits, and the numbers that a rewording need not keep."""
    text = "".join(_ascii_digit(char) for char in text.translate(_MARKS))
    if language not in ("ja", "zh", "ko", "ar", "hi", "ru"):
        return text, []
    known = markers(language)
    optional: list[float] = []
    if language in _RUNS:
        text = _runs_in_digits(text, language, optional)
    text = _words_in_digits(text, language, optional)
    text = _scaled(text, language)
    text = _halves(text, known)
    text = _clocks(text, known)
    text = re.sub(r"(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日号號일]", r" \1/\2 ", text)
    return _units(text, language), optional


def _ascii_digit(char: str) -> str:
    if char.isascii() or unicodedata.category(char) != "Nd":
        return char
    return str(unicodedata.decimal(char))


def _runs_in_digits(text: str, language: str, optional: list[float]) -> str:
    """Replaces runs of number characters; those that need not be kept are left and noted in `optional`."""
    known = markers(language)
    counter = re.compile(rf"\s?{any_of(known.counters)}")
    skipped = _spans(any_of(known.not_numerals) if known.not_numerals else "(?!)", text)

    def written(match: re.Match[str]) -> str:
        run = match.group().strip(".,")
        if re.fullmatch(r"[\d.,]*", run):
            return match.group()
        value = _value(run)
        counted = counter.match(text, match.end()) is not None and match.group()[-1] not in ".,"
        sure = run[0].isdigit() or counted or (len(run) > 1 and value >= _SURE_FROM)
        if not sure or value == 1 or any(start <= match.start() < end for start, end in skipped):
            optional.append(value)
            return match.group()
        return match.group().replace(run, _plain(value))

    return _RUNS[language].sub(written, text)


def _spans(pattern: str, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(pattern, text)]


def _value(run: str) -> float:
    """The value of a run of digits and number characters: "2億3千万", "二〇二四", "十二"."""
    if all(char in _DIGITS for char in run):
        return float("".join(str(_DIGITS[char]) for char in run))
    total = section = 0.0
    number: float | None = None
    for part in _PART.findall(run):
        if part in _SCALES:
            total += (section + (number or 0) or 1) * _SCALES[part]
            section, number = 0.0, None
        elif part in _UNITS:
            section += (1 if number is None else number) * _UNITS[part]
            number = None
        else:
            number = float(_DIGITS[part]) if part in _DIGITS else float(part.replace(",", ""))
    return total + section + (number or 0)


def _plain(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


@cache
def _numeral(language: str) -> re.Pattern[str]:
    """A numeral as a word, or before a counter in a language that has them."""
    known = markers(language)
    words = "|".join(sorted([*known.numerals, *known.ordinals], key=len, reverse=True))
    if known.whole_words:
        return re.compile(whole_word(f"{known.prefixes}(?P<word>{words})"), re.IGNORECASE)
    return re.compile(rf"(?<!\S)(?P<word>{words})(?P<counted>\s?{any_of(known.counters)})?")


def _words_in_digits(text: str, language: str, optional: list[float]) -> str:
    known = markers(language)
    if not known.numerals:
        return text

    def written(match: re.Match[str]) -> str:
        word = match["word"].lower()
        if word in known.ordinals:
            optional.append(known.ordinals[word])
            return match.group()
        value = known.numerals[word]
        counted = match["counted"] if known.counters else ""
        if counted is None:
            return match.group()
        if value == 1:
            optional.append(value)
            return match.group()
        return f" {_plain(value)}{counted}"

    return _numeral(language).sub(written, text)


@cache
def _scale(language: str) -> re.Pattern[str]:
    scales = sorted(markers(language).scales, key=len, reverse=True)
    return re.compile(rf"(?P<number>\d+(?:[.,]\d+)*)\s?{whole_word('(?P<scale>' + '|'.join(scales) + ')')}")


def _scaled(text: str, language: str) -> str:
    """ "2.5 करोड़" is 25000000."""
    scales = markers(language).scales
    if not scales:
        return text
    return _scale(language).sub(
        lambda match: _plain(float(match["number"].replace(",", ".")) * scales[match["scale"]]), text
    )


def _halves(text: str, known: Markers) -> str:
    """ "2時間半", "两个半小时" and "2시간 반" are 2.5 hours."""
    if not known.half:
        return text
    units = any_of(sorted(known.units, key=len, reverse=True))
    after = re.compile(rf"(\d+)\s?(?P<unit>{units})\s?{known.half}(?!\w*額)")
    between = re.compile(rf"(\d+)[个個]{known.half}(?P<unit>小时|小時|月)")
    text = after.sub(lambda match: f"{match[1]}.5{match['unit']}", text)
    return between.sub(lambda match: f"{match[1]}.5个{match['unit']}", text)


def _clocks(text: str, known: Markers) -> str:
    """ "午後2時半" is "14:30". Without a half of the day, both halves are possible."""
    if not known.clock:
        return text
    morning, afternoon = any_of(known.morning), any_of(known.afternoon)
    clock = re.compile(
        rf"(?:(?P<am>{morning})|(?P<pm>{afternoon}))?\s?(?<![\d.])(?P<hour>[012]?\d)\s?(?:{any_of(known.clock)})(?!間|间)"
        rf"(?:\s?(?P<minute>[0-5]?\d)\s?[分분]|\s?(?P<half>{known.half}))?"
    )

    def written(match: re.Match[str]) -> str:
        hour = int(match["hour"])
        minute = 30 if match["half"] else int(match["minute"] or 0)
        if hour > 24:
            return match.group()
        if match["am"]:
            return f" {hour}:{minute:02} am "
        return f" {hour + 12 if match['pm'] and hour < 12 else hour}:{minute:02} "

    return clock.sub(written, text)


@cache
def _unit(language: str) -> re.Pattern[str]:
    known = markers(language)
    units = "|".join(sorted(known.units, key=len, reverse=True))
    return re.compile(
        rf"(?P<number>\d)\s?{whole_word(f'(?P<unit>{units})') if known.whole_words else f'(?P<unit>{units})'}"
    )


def _units(text: str, language: str) -> str:
    """Writes units of time in English, because equal periods are compared."""
    units = markers(language).units
    return _unit(language).sub(lambda match: f"{match['number']} {units[match['unit']]} ", text)
