"""Finds the numbers of a text together with their units, to compare them with the numbers of another text.

`numbers_of` reads the numbers, whatever their spelling. This module adds what a number measures: money, a
share, or a period. "14 days" and "two weeks" are equal, "14 days" and "14 hours" are not, and a number
without a unit (a cell of a table) fits each unit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, permutations, product
from typing import Final

from synth.text.paraphrase_checks.numbers import Number, numbers_of

_CURRENCIES: Final = {
    "eur": "€|eur|euros?|ユーロ|欧元|유로",
    "usd": r"us\$|\$|usd|(?:us )?dollars?|dólares|ドル|美元|달러",
    "gbp": "£|gbp|pounds?",
    "yen": "¥|jpy|cny|rmb|yen|円|元|块",
    "won": "₩|krw|원",
    "inr": "₹|inr|rupees?|रुपये",
    "chf": "chf|francs?|franken",
}
_PERCENT: Final = (
    "%|٪|percent|per cent|prozent|pour ?cent|por ?cien(?:to)?|por ?cento|per ?cento|procent|パーセント"
)
_PERIODS: Final = (
    (1.0, "s", r"s|secs?|seconds?|sekunden?|secondes?|segundos?|secondi|秒|초"),
    (60.0, "s", r"min|mins?|minutes?|minuten|minutos?|minuti|分钟|分鐘|分間|分|분"),
    (3600.0, "s", r"h|hrs?|hours?|stunden?|heures?|horas?|ore|uur|uren|時間|小时|小時|시간"),
    (
        1.0,
        "workdays",
        r"(?:business|working)[ -]days?|workdays?|(?:werk|arbeits|bank)tagen?|(?:werk|arbeits)tage?s?"
        r"|jours ouvr(?:és|ables)|días hábiles|dias úteis|giorni lavorativi|werkdagen|営業日|工作日|영업일",
    ),
    (86400.0, "s", r"days?|tagen?|tage?s?|jours?|días?|dias?|giorni|dagen|dag|日間|日|天|일"),
    (604800.0, "s", r"weeks?|wochen?|semaines?|semanas?|settimane|weken|週間|周|주"),
    (1.0, "mo", r"months?|monaten?|monate?s?|mois|mes|meses|mesi|maanden|か月|ヶ月|カ月|个月|個月|개월"),
    (12.0, "mo", r"years?|jahren?|jahre?s?|ans|années?|años?|anos?|anni|jaar|年間|年|년"),
)
# Between Latin letters or digits and Chinese, Japanese or Korean ones. Numerals such as 万 are digits, too.
_UNSPACED: Final = r"(?![〇零一二三四五六七八九十百千万萬億亿兆两])[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
_SCRIPT_EDGE: Final = re.compile(
    rf"(?<=[A-Za-z0-9%])(?={_UNSPACED})|(?<=[\u3040-\u30ff\u3400-\u9fff])(?=[A-Za-z0-9])"
)
_SENTENCE: Final = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])|\n+")
# The number of an item: "3. ", "3) ", "Step 3: ".
_LIST_MARK: Final = re.compile(r"^(?:\W*\d+[.)](?=\s)|\W*[^\W\d_]+ \d+[.:)](?=\W))", re.MULTILINE)
_ITEM: Final = re.compile(r"^\s*(?:[-*•+]|\d+[.)])\s", re.MULTILINE)
_ENUMERATED: Final = re.compile(r":\s*([^.!?\n:]+)")
_BETWEEN_ITEMS: Final = re.compile(r"[,;、]|\b(?:and|or|und|oder|et|ou|y|o|e|en|of)\b")
_TERM: Final = re.compile(r"\d+(?:[.,]\d+)*%?|\.\d+|[+−–*×·÷/]|-|(?<=\s)x(?=\s)")
_LEAST_COUNTED: Final = 2
_MOST_COUNTED: Final = 10
# A result is searched among calculations of at most this many numbers of a sentence.
_MOST_OPERANDS: Final = 12


# What a number counts if a noun follows it. Such a number is no period and no price.
_THINGS: Final = "things"
_SUFFIXED: Final = re.compile(r"\d[^\W\d_]+$")  # "40m"
_NOUN: Final = re.compile(
    r" (?!(?:and|or|to|und|oder|bis|et|ou|à|y|o|e|a|per|pro|par|por|op|of|van|til|full|more|less|later|only"
    r"|each|every|before|after|from|with|when|until|unless|instead|\w+ly|mehr|nach|ohne|avec|pour|avant|antes|para)\b)"
    r"[^\W\d_]{4,}"
)
# "1, 3 and 7 days": the unit of the last number is the unit of all.
_JOINED: Final = re.compile(
    r"(?:\s|,|and|or|to|[-–—/&~〜～]|und|oder|bis|et|ou|à|y|o|a|e|en|of|tot|または|から|或|到|至)+"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with what it measures: a currency, `%`, a period in seconds (`s`) or months (`mo`), things, or
    nothing that is known. `words` is the number and its unit as written, `at` where they begin.
    """

    number: Number
    at: int
    words: str
    unit: str | None = None
    factor: float = 1.0

    @property
    def values(self) -> frozenset[float]:
        """The possible values of the number, in its unit as written."""
        return frozenset(float(r[1]) for r in self.number.readings if r[0] == "n")

    @property
    def factors(self) -> frozenset[float]:
        """What a calculation with a percentage writes: 21% is the factor 1.21, 0.79, or 0.21."""
        return frozenset(round(f, 6) for v in self.values for f in (1 + v / 100, 1 - v / 100, v / 100))

    def fits(self, other: Quantity) -> bool:
        """Whether both can be the same quantity."""
        bare = self.unit in (None, _THINGS)
        if not (bare or other.unit or other.number.firm):
            return False  # "twice" is no support for "2 days"
        if other.unit == "%" and bare and not self.values.isdisjoint(other.factors):
            return True
        if other.unit == _THINGS:
            return bare and self.number.same(other.number)
        if self.unit and other.unit and self.unit != _THINGS:
            if self.unit != other.unit:
                return False
            ours = {round(v * self.factor, 6) for v in self.values}
            return not ours.isdisjoint(round(v * other.factor, 6) for v in other.values)
        return self.number.same(other.number)


def quantities_of(text: str) -> list[Quantity]:
    """The quantities of `text`. Markers of numbered lists are none."""
    plain = _LIST_MARK.sub(lambda mark: " " * len(mark.group()), text)
    edges = [match.start() + i for i, match in enumerate(_SCRIPT_EDGE.finditer(plain))]
    spaced = _SCRIPT_EDGE.sub(" ", plain)
    seen: Counter[str] = Counter()
    found = []
    for number in numbers_of(spaced):
        at = _nth(spaced, number.text, seen[number.text])
        seen[number.text] += 1
        if at < 0:
            found.append(Quantity(number, 0, number.text))
            continue
        unit, factor, start, end = _unit_of(number, spaced, at)
        start, end = (place - sum(edge < place for edge in edges) for place in (start, end))
        found.append(Quantity(number, start, text[start:end].strip(), unit, factor))
    return _with_shared_units(sorted(found, key=lambda one: one.at), text)


def _with_shared_units(found: Sequence[Quantity], text: str) -> list[Quantity]:
    """The quantities, each without a unit with that of the next one if only "and" or a comma is between."""
    done: list[Quantity] = []
    for quantity in reversed(found):
        following = done[-1] if done else None
        between = text[quantity.at + len(quantity.words) : following.at] if following else ""
        alike = following and quantity.unit is None and quantity.words[-1:].isdigit()
        if following and alike and quantity.values and _JOINED.fullmatch(between):
            quantity = replace(quantity, unit=following.unit, factor=following.factor)
        done.append(quantity)
    return done[::-1]


def unsupported_quantities(
    answer: str, known: Sequence[Quantity], *, same_language: bool = True
) -> Iterator[Quantity]:
    """The quantities of the answer that are not among the `known` ones.

    The result of a calculation is fine if the sentence shows the numbers that it comes from. So is the number
    of the items that the answer lists ("two ways: ..."). In the `same_language`, a number of the evidence in
    front of an unknown noun counts things and is no period; in another one, the noun may be a unit.
    """
    counts = _counts(answer)
    calculated: list[Quantity] = []
    quantities = quantities_of(answer)
    if not same_language:
        quantities, known = _without_things(quantities), _without_things(known)
    for sentence, start in _sentences(answer):
        supported: list[Quantity] = []
        others: list[Quantity] = []
        for quantity in (one for one in quantities if start <= one.at < start + len(sentence)):
            is_count = quantity.unit in (None, _THINGS) and not counts.isdisjoint(quantity.values)
            fits = any(quantity.fits(other) for other in chain(known, calculated))
            found = is_count or fits or not quantity.number.firm
            (supported if found else others).append(quantity)
        equations = list(_equations(sentence)) if others else []
        for quantity in others:
            if _solves(quantity, equations) or _is_calculated(quantity, supported):
                calculated.append(quantity)
                supported.append(quantity)
            else:
                yield quantity


def _without_things(quantities: Sequence[Quantity]) -> list[Quantity]:
    return [replace(one, unit=None) if one.unit == _THINGS else one for one in quantities]


def _nth(text: str, wanted: str, skip: int) -> int:
    """Where `wanted` begins after `skip` earlier places, not inside a longer number; -1 if nowhere."""
    at = -1
    pattern = re.compile(rf"(?<!\d)(?<!\d[.,]){re.escape(wanted)}(?!\d)")
    for found, match in enumerate(pattern.finditer(text)):
        at = match.start()
        if found == skip:
            break
    return at


def _unit_of(number: Number, text: str, at: int) -> tuple[str | None, float, int, int]:
    """The unit of the number at this place, its factor, and the start and end of both."""
    end = at + len(number.text)
    if not any(reading[0] == "n" for reading in number.readings):
        return None, 1.0, at, end
    for name, behind, ahead in _money():
        if match := behind.match(text, end):
            return name, 1.0, at, match.end()
        if match := ahead.search(text, max(at - 4, 0), at):
            return name, 1.0, match.start(), end
    for factor, unit, words in ((1.0, "%", _PERCENT), *_PERIODS):
        if match := _unit_pattern(words).match(text, end):
            return unit, factor, at, match.end()
    counts_things = not _SUFFIXED.search(number.text) and _NOUN.match(text, end)
    return _THINGS if counts_things else None, 1.0, at, end


@cache
def _money() -> list[tuple[str, re.Pattern[str], re.Pattern[str]]]:
    return [
        (name, _unit_pattern(words), re.compile(rf"(?<![^\W\d_])(?:{words})\s?$", re.IGNORECASE))
        for name, words in _CURRENCIES.items()
    ]


@cache
def _unit_pattern(words: str) -> re.Pattern[str]:
    """A unit after its number, perhaps with a word such as "business" or "working" between."""
    return re.compile(
        rf"[ \u00a0-]?(?:(?:business|calendar|full|consecutive|more|extra)\s)?(?:{words})(?![a-zà-ÿ])",
        re.IGNORECASE,
    )


def _sentences(text: str) -> Iterator[tuple[str, int]]:
    at = 0
    for match in _SENTENCE.finditer(text):
        yield text[at : match.end()], at
        at = match.end()
    yield text[at:], at


def _counts(answer: str) -> frozenset[float]:
    """The small numbers that can count what the answer lists."""
    listed = len(_ITEM.findall(answer))
    inline = [len(_BETWEEN_ITEMS.findall(m[1])) for m in _ENUMERATED.finditer(answer)]
    found = {listed, *(n + 1 for n in inline), *inline, _LEAST_COUNTED}
    return frozenset(float(n) for n in found if _LEAST_COUNTED <= n <= _MOST_COUNTED)


def _is_calculated(result: Quantity, operands: Sequence[Quantity]) -> bool:
    """Whether two of the operands make the result: a sum or difference of one unit, a product, a quotient,
    or a share.
    """
    pool = [one for one in operands if one.number.firm and one.values - {0.0}][-_MOST_OPERANDS:]
    made = (value for a, b in permutations(pool, 2) for value in _results(a, b, result.unit))
    return any(abs(value - wanted) <= 0.005 for value in made for wanted in result.values)


def _results(a: Quantity, b: Quantity, unit: str | None) -> Iterator[float]:
    units = [None if one == _THINGS else one for one in (a.unit, b.unit, unit)]
    for x, y in product(a.values, b.values):
        if b.unit == "%":
            yield from (x * y / 100, x * (1 + y / 100), x * (1 - y / 100))
        elif units[0] == units[1] or None in units[:2]:
            if units[2] in units[:2] or None in units:
                yield from (x + y, x - y)
            yield x * y
            if y:
                yield x / y


def _equations(sentence: str) -> Iterator[float]:
    """The value of each calculation in front of an equals sign. Words between its numbers are skipped."""
    for left in sentence.split("=")[:-1]:
        terms: list[str] = []
        for token in reversed(_TERM.findall(left)):
            is_sign = not token[-1].isdigit() and token[-1] != "%"
            if is_sign == (len(terms) % 2 == 0):
                break
            terms.append(token)
        terms = terms[::-1] if len(terms) % 2 else terms[-2::-1]
        if len(terms) >= 3 and (value := _value(terms)) is not None:
            yield value


def _value(terms: Sequence[str]) -> float | None:
    """The value of numbers with `+ - * /` between them."""
    total, factor, sign = 0.0, _number(terms[0]), 1.0
    for operator, term in zip(terms[1::2], terms[2::2], strict=True):
        value = _number(term)
        if operator in "+-−–":
            total, factor, sign = total + sign * factor, value, 1.0 if operator == "+" else -1.0
        elif operator in "/÷:":
            if not value:
                return None
            factor /= value
        else:
            factor *= value
    return total + sign * factor


def _number(term: str) -> float:
    share = 0.01 if term.endswith("%") else 1.0
    (number, *_) = numbers_of(f"0{term}" if term[0] == "." else term.rstrip("%"))
    return share * min(float(reading[1]) for reading in number.readings if reading[0] == "n")


def _solves(result: Quantity, equations: Sequence[float]) -> bool:
    """Whether the result is the value of an equation, rounded as it is written."""
    decimals = len(re.sub(r".*[.,]|^\d+$", "", result.number.text.strip()))
    return any(abs(value - one) <= 0.5 * 10**-decimals for value in equations for one in result.values)
