"""Finds personal data by its form, and checks the checksum if the kind has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from synth.redaction.kinds import DataKind


@dataclass(frozen=True, slots=True)
class PersonalValue:
    """A value at `text[start:end]`. `value` is its normal form, the same for all its spellings."""

    start: int
    end: int
    kind: DataKind
    value: str


_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[\w-]+\.)+[^\W\d_]{2,}(?![\w-])")
# Reserved names that belong to nobody (RFC 2606 and 6761). Documentation and our stand-ins use them.
_NOBODYS: Final = re.compile(
    r"[@.](?:example\.(?:com|org|net)|example|invalid|test|localhost)$", re.IGNORECASE
)
_CARD: Final = re.compile(r"(?<![\w.,-])\d(?:[ -]?\d){12,18}(?![\w-]|[.,]\d)")
# The first digits of the large card schemes.
_SCHEME: Final = re.compile(r"3[0-9]|4|5[0-9]|6|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)")
_IBAN_PART: Final = re.compile(r"(\d+)!")
_IBAN_START: Final = re.compile(r"(?<!\w)([A-Z]{2})\d{2}(?=[ A-Z0-9])", re.IGNORECASE)
_ROUTING: Final = re.compile(r"\b(?:routing|aba|rtn)\b\D{0,30}?\b(\d{9})\b", re.IGNORECASE)
_ACCOUNT: Final = re.compile(
    r"\b(?:account|acct\.?|a/c|konto|kontonummer|compte|cuenta|conto|rekening|bankrekening)\b[\s.:#]{0,3}"
    r"(?:number|no|nr|num|nummer|n°|nº)?[\s.:#]{0,3}(?:is\s+|ist\s+|:\s*)?(\d(?:[ -]?\d){6,16})(?!\d)",
    re.IGNORECASE,
)


def emails(text: str) -> Iterator[PersonalValue]:
    """Email addresses, except reserved ones that belong to nobody."""
    for match in _EMAIL.finditer(text):
        address = match.group().strip(".")
        if not _NOBODYS.search(address):
            start = match.start() + match.group().index(address)
            yield PersonalValue(start, start + len(address), DataKind.EMAIL, address.lower())


def cards(text: str) -> Iterator[PersonalValue]:
    """Card numbers: 13 to 19 digits of a known scheme with a correct check digit (Luhn)."""
    from stdnum import luhn

    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if _SCHEME.match(digits) and luhn.is_valid(_ascii(digits)) and len(set(digits)) > 1:
            yield PersonalValue(match.start(), match.end(), DataKind.CARD, digits)


def accounts(text: str) -> Iterator[PersonalValue]:
    """IBANs, US routing numbers and account numbers.

    An IBAN must have the length of its country and a correct checksum (ISO 13616). A US routing number must
    follow that word and have a correct checksum. An account number has no checksum: it is any number of 7
    digits or more after a word for an account.
    """
    from stdnum.us import rtn

    for start in _IBAN_START.finditer(text):
        found = _iban(text, start.start(), _iban_length(start[1].upper()))
        if found:
            yield found
    for match in _ROUTING.finditer(text):
        if rtn.is_valid(_ascii(match[1])) and set(match[1]) != {"0"}:
            yield PersonalValue(match.start(1), match.end(1), DataKind.ACCOUNT, match[1])
    for match in _ACCOUNT.finditer(text):
        yield PersonalValue(match.start(1), match.end(1), DataKind.ACCOUNT, re.sub(r"\D", "", match[1]))


def phones(text: str, region: str | None) -> Iterator[PersonalValue]:
    """Phone numbers that are valid in their country. Those without a country code need a `region` ("DE")."""
    import phonenumbers

    matches = phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.VALID)
    for match in matches:
        value = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
        yield PersonalValue(match.start, match.end, DataKind.PHONE, value)


@lru_cache
def _iban_length(country: str) -> int:
    """The length of an IBAN of this country (ISO 13616's registry); 0 if the country has none."""
    from stdnum import numdb

    [(_, entry), *_] = numdb.get("iban").info(country)
    parts = _IBAN_PART.findall(entry.get("bban", ""))
    return 4 + sum(map(int, parts)) if parts else 0


def _ascii(digits: str) -> str:
    """Arabic or full-width digits as ASCII digits, for the checksum."""
    return "".join(str(int(digit)) for digit in digits)


def _iban(text: str, start: int, length: int) -> PersonalValue | None:
    """The IBAN of `length` characters at `start`, without its single spaces; None if there is none."""
    from stdnum.iso7064 import mod_97_10

    at, held = start, ""
    while at < len(text) and len(held) < length:
        char = text[at]
        if char.isascii() and char.isalnum():
            held += char.upper()
        elif char not in " -" or text[at - 1] in " -":
            return None
        at += 1
    whole = at >= len(text) or not text[at].isalnum()
    if length and len(held) == length and whole and mod_97_10.is_valid(held[4:] + held[:4]):
        return PersonalValue(start, at, DataKind.ACCOUNT, held)
    return None
