"""Compares the numbers of two texts, whatever their spelling: "2,500" and "2500", "5 pm" and "17:00".

A number can have several readings ("1.500" is fifteen hundred in Berlin and one and a half in Boston; "3/5"
is a day in May or in March). Two numbers are equal if they share a reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from synth.text.languages import language_of, languages_of
from synth.text.lexicon import LANGUAGES, any_of, lexicon
from synth.text.paraphrase_checks.number_words import worded_numbers
from synth.text.paraphrase_checks.numerals import in_digits

# A reading of a number: ("n", value), ("time", hour, minute), ("date", month, day), ("id", letters).
NumberReading = tuple[str | float, ...]

_ISO_DATE: Final = re.compile(r"\b(?P<y>(?:19|20)\d\d)-(?P<m>[01]?\d)-(?P<d>[0-3]?\d)\b")
_PLAIN_DATE: Final = re.compile(
    r"\b(?P<a>[0-3]?\d)(?P<sep>[./])(?P<b>[0-3]?\d)(?P=sep)(?P<y>\d{4}|\d\d)?(?![\d.])"
)
_CLOCK: Final = re.compile(
    r"\b(?P<h>[0-2]?\d)(?P<sep>[:.h]|\s?uhr\s?|\sh\s)(?P<m>[0-5]\d)(?![.,]?\d)\s*(?P<half>[ap]\.?m\b\.?)?"
    r"|\b(?P<h2>1?\d)\s*(?P<half2>[ap]\.?m\b\.?|o['’]clock\b|uhr\b)|\b(?P<h3>[012]?\d)\s?h\b(?!\w)",
    re.IGNORECASE,
)
# German: "halb drei" is half past two.
_HALF_BEFORE: Final = re.compile(r"\bhalb\s([a-zäöüß]{3,6})\b", re.IGNORECASE)
_NAMED_HOUR: Final = re.compile(r"\b(noon|midday|midnight)\b", re.IGNORECASE)
# An identifier mixes letters and digits, or has too many dots for a number: "A-1234", "RFC2616", "3.11.4".
# Only in ASCII: in "30日以内なら返金" and "1790년에" no space separates a number from the words after it.
_IDENTIFIER: Final = re.compile(r"(?<![\w.])[^\W_]\w*(?:[-_./:+]\w+)*", re.ASCII)
_GROUPED: Final = re.compile(r"\d{1,3}(?:\.\d{3})+|\d+(?:[-/:+.]\d+)?")
_SUFFIXED: Final = re.compile(
    r"\d+(?:[.,]\d+)*(?:st|nd|rd|th|er|e|[kKmM]|bn|mm|cm|km|kg|mg|ml|gb|mb|kb|tb|ghz|mhz|hz|h|s|ms|min|kw"
    r"|kwh|px|pt|x|m|g|l|w|v|d|°?c|°?f|ème|eme|º|ª|o|a|th?s|eur|usd|€|days?|hrs?|lbs?|ft|in)",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(
    r"(?<![\d])\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?!\d)(?:[.,]\d+)?"
    r"|\d+(?:[.,]\d+)*"
)
_LETTER_SCALES: Final = {"k": 1e3, "m": 1e6, "bn": 1e9}
_FRACTION: Final = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?![\d/])|([½¼¾])")
_SIGNS: Final = {"½": 0.5, "¼": 0.25, "¾": 0.75}
_HALF: Final = re.compile(
    r"\b(?:half an (?P<hour>hour)|half a (?P<day>day)|(?P<whole>an?|\d+|one|two|three|four|five|six|seven"
    r"|eight|nine|ten)(?:\s(?P<unit>[a-z]+))? and a half(?:\s(?P<unit2>[a-z]+))?"
    r"|(?P<parts>an?|one|two|three|four)[ -](?P<part>third|quarter|fifth)s? of (?:an |the"
    r" )?(?P<unit3>[a-z]+)"
    r"|(?P<one>half) (?:of )?(?:the|my|our|all|his|her|their|your)(?P<unit4>))\b",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)\S+|(?<!\S)[^\s@]+@[^\s@]+\.\w+")
# Equal periods in different units are equal: 90 minutes and an hour and a half, 2 weeks and 14 days.
_UNITS: Final = re.compile(
    r"[\s-]?(?P<unit>seconds?|secs?|minutes?|mins?|hours?|hrs?|h|days?|weeks?|months?|years?|g|grams?|kg"
    r"|kilos?"
    r"|mm|cm|m|km|met(?:er|re)s?|kilomet(?:er|re)s?|mb|gb|tb|cents?|dollars?|euros?)\b",
    re.IGNORECASE,
)
_UNIT_FACTORS: Final[dict[str, tuple[str, float]]] = {
    "sec": ("s", 1), "min": ("s", 60), "hour": ("s", 3600), "hr": ("s", 3600), "h": ("s", 3600),
    "day": ("s", 86400), "week": ("s", 604800), "month": ("mo", 1), "year": ("mo", 12),
    "g": ("g", 1), "gram": ("g", 1), "kg": ("g", 1000), "kilo": ("g", 1000),
    "mm": ("m", 0.001), "cm": ("m", 0.01), "m": ("m", 1), "met": ("m", 1), "km": ("m", 1000),
    "kilomet": ("m", 1000), "mb": ("b", 1), "gb": ("b", 1000), "tb": ("b", 1e6),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """One number as written, all its readings, and whether a rewording must keep it."""

    text: str
    readings: frozenset[NumberReading]
    firm: bool = True

    def same(self, other: Number) -> bool:
        """Whether both share a reading."""
        return not self.readings.isdisjoint(other.readings)


def numbers_of(text: str) -> list[Number]:
    """The numbers of `text` in order of kind: dates, times, identifiers, numbers, number words, hints."""
    rest, optional = in_digits(_ADDRESS.sub(" ", text), language_of(text))
    found = [Number(f"{value:g}", frozenset({("n", value)}), firm=False) for value in optional]
    for reader in (_halves, _dates, _clocks, _identifiers, _fractions, _plain):
        spans: list[tuple[int, int]] = []
        for start, end, number in reader(rest):
            found.append(number)
            spans.append((start, end))
        for start, end in spans:  # blanks out the number, so that it is read only once
            rest = f"{rest[:start]}{' ' * (end - start)}{rest[end:]}"
    # For a tie between languages, the first one with number words in the text is used.
    worded = (list(worded_numbers(rest, language)) for language in languages_of(text))
    for start, end, value, firm in next(filter(None, worded), []):
        readings = frozenset(_with_unit(value, rest, end))
        found.append(Number(rest[start:end], readings, firm))
    found += _hints(text)
    return found


def changed_numbers(before: str, after: str) -> str | None:
    """A sentence about a number that differs between the texts, or None."""
    old, new = numbers_of(before), numbers_of(after)
    lost = [n for n in old if n.firm and not any(n.same(other) for other in new)]
    gained = [n for n in new if n.firm and not any(n.same(other) for other in old)]
    lost, gained = _without_sums(lost, new), _without_sums(gained, old)
    if lost and gained:
        return f"{lost[0].text!r} became {gained[0].text!r}"
    if lost:
        return f"{lost[0].text!r} is gone"
    if gained:
        return f"{gained[0].text!r} was not there"
    return None


def _without_sums(numbers: list[Number], others: list[Number]) -> list[Number]:
    """Removes numbers that the other text splits into two parts, such as an hour and a half for 90
    minutes, and the parts of its numbers.
    """
    wholes = {reading for other in others for reading in _measures(other)}
    sums = _sums([reading for other in others for reading in _measures(other)])
    found = [number for number in numbers if number.readings.isdisjoint(sums)]
    own = [reading for number in found for reading in _measures(number)]
    parts = {
        reading
        for reading in own
        for other in own
        if reading is not other and not _sums([reading, other]).isdisjoint(wholes)
    }
    return [number for number in found if number.readings.isdisjoint(parts)]


def _measures(number: Number) -> list[NumberReading]:
    """The readings with a unit."""
    return [reading for reading in number.readings if len(reading) == 2 and reading[0] not in ("n", "id")]


def _sums(measures: list[NumberReading]) -> set[NumberReading]:
    return {
        (a[0], round(float(a[1]) + float(b[1]), 6))
        for a in measures
        for b in measures
        if a is not b and a[0] == b[0]
    }


def _halves(text: str) -> Iterator[tuple[int, int, Number]]:
    """ "An hour and a half", "two and a half million", "half an hour"."""
    for match in _HALF.finditer(text):
        if match["part"]:
            parts = {"two": 2, "three": 3, "four": 4}.get(match["parts"].lower(), 1)
            value = parts / {"third": 3, "quarter": 4, "fifth": 5}[match["part"].lower()]
            unit = f" {match['unit3']}"
        elif match["one"]:
            value, unit = 0.5, ""
        elif match["hour"] or match["day"]:
            value, unit = 0.5, f" {match['hour'] or match['day']}s"
        else:
            word = match["whole"].lower()
            whole = 1.0 if word in ("a", "an") else next((v for *_, v, _ in worded_numbers(word, "en")), None)
            if whole is None and not word.isdigit():
                continue
            value = (float(word) if whole is None else whole) + 0.5
            unit = f" {match['unit'] or match['unit2'] or ''}"
        readings = _with_unit(value, unit, 0) | ({("n", round(100 * value, 6))} if value < 1 else set())
        yield match.start(), match.end(), Number(match.group(), frozenset(readings))


@cache
def _months() -> dict[str, float]:
    """The months by name, in all languages."""
    return {
        name: float(number)
        for code in LANGUAGES
        for number, names in enumerate(lexicon(code).months, 1)
        for name in names.split("|")
    }


@cache
def _named_date() -> re.Pattern[str]:
    day = r"(?P<{0}>[0-3]?\d)(?:st|nd|rd|th|er|\.|º|ª)?"
    months = "|".join(_months())
    return re.compile(
        rf"\b(?:{day.format('d1')}\s+(?:of\s+|de\s+)?(?P<m1>{months})\b"
        rf"|(?P<m2>{months})\.?\s+(?:the\s+)?{day.format('d2')}(?![\d:%]))",
        re.IGNORECASE,
    )


def _dates(text: str) -> Iterator[tuple[int, int, Number]]:
    for match in _ISO_DATE.finditer(text):
        reading = ("date", float(match["m"]), float(match["d"]))
        yield match.start("m"), match.end(), Number(match.group(), frozenset({reading}))
    for match in _named_date().finditer(text):
        day = float(match["d1"] or match["d2"])
        reading = ("date", _months()[(match["m1"] or match["m2"]).lower()], day)
        yield match.start(), match.end(), Number(match.group(), frozenset({reading}))
    for match in _PLAIN_DATE.finditer(text):
        a, b = float(match["a"]), float(match["b"])
        if not ((1 <= a <= 31 and 1 <= b <= 12) or (1 <= b <= 31 and 1 <= a <= 12)):
            continue
        readings: set[NumberReading] = (
            {("date", b, a), ("date", a, b)} if match["sep"] == "/" else {("date", b, a)}
        )
        start, end = match.span()
        if match["y"] and len(match["y"]) == 4:
            end = match.start("y")  # the year is a separate number, as in the other forms
        if match["sep"] == "." and not match["y"]:  # or a price at the end of a sentence
            readings |= {("n", float(f"{match['a']}.{match['b']}"))}
        yield start, end, Number(match.group(), frozenset(readings))


def _clocks(text: str) -> Iterator[tuple[int, int, Number]]:
    for match in _CLOCK.finditer(text):
        hour, minute = float(match["h"] or match["h2"] or match["h3"]), float(match["m"] or 0)
        half = (match["half"] or match["half2"] or "").lower().replace(".", "")
        if hour > 24:
            continue
        readings: set[NumberReading] = {("time", hour % 12, minute), ("time", hour % 12 + 12, minute)}
        if half in ("am", "pm"):
            readings = {("time", hour % 12 + (12 if half == "pm" else 0), minute)}
        elif hour >= 13:
            readings = {("time", hour, minute)}
        if match["h3"]:
            readings |= {("n", hour), ("s", hour * 3600)}
        elif not match["m"] and half not in ("am", "pm"):
            readings |= {("n", hour)}
        elif match["sep"] == "." and not half:  # "14.30" is a time in Spain, and a price elsewhere
            readings |= _with_unit(hour + minute / 100, text, match.end())
        yield match.start(), match.end(), Number(match.group().strip(), frozenset(readings))
    for match in _HALF_BEFORE.finditer(text):
        hour = next((value for *_, value, _ in worded_numbers(match[1].lower(), "de")), 0)
        if 1 <= hour <= 12:
            readings = {("time", (hour - 1) % 12, 30.0), ("time", (hour - 1) % 12 + 12, 30.0)}
            yield match.start(), match.end(), Number(match.group(), frozenset(readings))
    for match in _NAMED_HOUR.finditer(text):
        hour = 0.0 if match[1].lower() == "midnight" else 12.0
        readings = {("time", hour, 0.0), ("n", 12.0)}
        yield match.start(), match.end(), Number(match.group(), frozenset(readings), firm=False)


def _identifiers(text: str) -> Iterator[tuple[int, int, Number]]:
    for match in _IDENTIFIER.finditer(text):
        word = match.group().rstrip(".:-/+")
        mixed = re.search(r"[^\W\d_]", word) is not None or word.count(".") >= 2
        if (
            not (mixed and re.search(r"\d", word))
            or _GROUPED.fullmatch(word)
            or _SUFFIXED.fullmatch(word)
            or re.fullmatch(r"\d[\d.,/-]*(?:-[a-z]+)+", word)
        ):
            continue
        letters = re.sub(r"[\W_]", "", word).lower()
        readings: set[NumberReading] = {("id", letters), ("id", letters.removeprefix("v"))}
        yield match.start(), match.start() + len(word), Number(word, frozenset(readings))


def _fractions(text: str) -> Iterator[tuple[int, int, Number]]:
    for match in _FRACTION.finditer(text):
        if match[3]:
            readings: set[NumberReading] = {("n", _SIGNS[match[3]])}
        else:
            a, b = float(match[1]), float(match[2])
            readings = {("date", a, b), ("date", b, a), ("id", match[1] + match[2])}
            readings |= {("n", a / b)} if b else set()
        yield match.start(), match.end(), Number(match.group(), frozenset(readings))


def _plain(text: str) -> Iterator[tuple[int, int, Number]]:
    for match in _NUMBER.finditer(text):
        scale = _scale().match(text, match.end())
        factor = _scales()[(scale["letter"] or scale["word"]).lower()] if scale else 1.0
        end = scale.end() if scale else match.end()
        readings: set[NumberReading] = set()
        for value in _values(match.group()):
            readings |= _with_unit(round(value * factor, 6), text, end)
            if scale is None or scale["letter"] in ("m", "M"):  # "5m" may be metres
                readings |= _with_unit(value, text, match.end())
        yield match.start(), end, Number(text[match.start() : end].strip(), frozenset(readings))


@cache
def _scales() -> dict[str, float]:
    words = (scale for code in LANGUAGES for scale in lexicon(code).number_scales.items())
    return {**_LETTER_SCALES, **dict(words)}


@cache
def _scale() -> re.Pattern[str]:
    words = "|".join(word for word in _scales() if word not in _LETTER_SCALES)
    letters = "|".join(_LETTER_SCALES)
    return re.compile(rf"(?P<letter>{letters})(?![\w])|[\s-](?P<word>{words})\b", re.IGNORECASE)


def _hints(text: str) -> Iterator[Number]:
    """Words that imply a number ("dozen"): they can replace it, but need not be kept themselves."""
    groups = _hint_words()
    for match in _hint().finditer(text):
        means = groups[int((match.lastgroup or "")[1:])][0]
        yield Number(match.group(), frozenset(("n", value) for value in means), firm=False)


@cache
def _hint_words() -> list[tuple[tuple[float, ...], list[str]]]:
    """The readings of hint words, and a pattern for them in all languages."""
    found: dict[tuple[float, ...], list[str]] = {}
    for code in LANGUAGES:
        for hint in lexicon(code).number_hints:
            found.setdefault(hint.means, []).extend(hint.words)
    return list(found.items())


@cache
def _hint() -> re.Pattern[str]:
    groups = (f"(?P<v{n}>{any_of(words)})" for n, (_, words) in enumerate(_hint_words()))
    return re.compile(rf"\b(?:{'|'.join(groups)})\b", re.IGNORECASE)


def _values(digits: str) -> set[float]:
    """The possible values of a run of digits, dots and commas."""
    digits = re.sub(r"[ \u00a0\u202f'’]", "", digits)
    marks = re.findall(r"[.,]", digits)
    if not marks:
        return {float(digits)}
    whole, last = re.sub(r"[.,]", "", digits), digits.rpartition(marks[-1])
    values = set()
    if len(set(marks)) == 1 and all(len(part) == 3 for part in re.split(r"[.,]", digits)[1:]):
        values.add(float(whole))
    if len(marks) == 1 or len(set(marks)) == 2:
        values.add(float(f"{re.sub('[.,]', '', last[0])}.{last[2]}"))
    return values or {float(whole)}


def _with_unit(value: float, text: str, end: int) -> set[NumberReading]:
    """A value, and also the value in the smallest unit if its unit can be converted."""
    readings: set[NumberReading] = {("n", value)}
    unit = _UNITS.match(text, end)
    if unit:
        name = unit["unit"].lower()
        for start in sorted(_UNIT_FACTORS, key=len, reverse=True):
            if name.startswith(start):
                kind, factor = _UNIT_FACTORS[start]
                readings.add((kind, round(value * factor, 6)))
                break
    return readings
