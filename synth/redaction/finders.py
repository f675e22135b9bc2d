"""Where people's data stands in a text: what has a form of its own, and a checksum where its kind has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from synth.text.languages import word_list

Kind = Literal["email", "phone", "card", "account", "name"]


@dataclass(frozen=True, slots=True)
class Found:
    """A value at `text[start:end]`; `value` is the form in which two spellings of it are one."""

    start: int
    end: int
    kind: Kind
    value: str


_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[\w-]+\.)+[^\W\d_]{2,}(?![\w-])")
# Names that belong to nobody (RFC 2606 and 6761): documentation uses them, and so do the stand-ins.
_NOBODYS: Final = re.compile(
    r"[@.](?:example\.(?:com|org|net)|example|invalid|test|localhost)$", re.IGNORECASE
)
_CARD: Final = re.compile(r"(?<![\w.,-])\d(?:[ -]?\d){12,18}(?![\w-]|[.,]\d)")
# 13 to 19 digits that begin like a card of one of the large schemes.
_SCHEME: Final = re.compile(r"3[0-9]|4|5[0-9]|6|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)")
_IBAN_START: Final = re.compile(r"(?<!\w)([A-Z]{2})\d{2}(?=[ A-Z0-9])", re.IGNORECASE)
_IBAN_LENGTHS: Final = {
    pair[:2]: int(pair[2:])
    for pair in word_list(
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28"
        " EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26"
        " IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28"
        " NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25"
        " SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
    )
}
_ROUTING: Final = re.compile(r"\b(?:routing|aba|rtn)\b\D{0,30}?\b(\d{9})\b", re.IGNORECASE)
_ACCOUNT: Final = re.compile(
    r"\b(?:account|acct\.?|a/c|konto|kontonummer|compte|cuenta|conto|rekening|bankrekening)\b[\s.:#]{0,3}"
    r"(?:number|no|nr|num|nummer|n°|nº)?[\s.:#]{0,3}(?:is\s+|ist\s+|:\s*)?(\d(?:[ -]?\d){6,16})(?!\d)",
    re.IGNORECASE,
)


def emails(text: str) -> Iterator[Found]:
    """Addresses, except those that can belong to nobody."""
    for match in _EMAIL.finditer(text):
        address = match.group().strip(".")
        if not _NOBODYS.search(address):
            start = match.start() + match.group().index(address)
            yield Found(start, start + len(address), "email", address.lower())


def cards(text: str) -> Iterator[Found]:
    """Card numbers: 13 to 19 digits of a known scheme with a right last digit (Luhn)."""
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if _SCHEME.match(digits) and luhn(digits) and len(set(digits)) > 1:
            yield Found(match.start(), match.end(), "card", digits)


def accounts(text: str) -> Iterator[Found]:
    """IBANs (ISO 13616: length of the country, remainder 1 of 97); US routing numbers behind that word, with
    their checksum; and a number of 7 digits or more behind the word for an account, which has none."""
    for start in _IBAN_START.finditer(text):
        found = _iban(text, start.start(), _IBAN_LENGTHS.get(start[1].upper(), 0))
        if found:
            yield found
    for match in _ROUTING.finditer(text):
        if routing_checksum(match[1]):
            yield Found(match.start(1), match.end(1), "account", match[1])
    for match in _ACCOUNT.finditer(text):
        yield Found(match.start(1), match.end(1), "account", re.sub(r"\D", "", match[1]))


def phones(text: str, region: str | None) -> Iterator[Found]:
    """Numbers that are valid where they belong; without a country's code only with a `region` ("DE")."""
    import phonenumbers

    matches = phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.VALID)
    for match in matches:
        value = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
        yield Found(match.start, match.end, "phone", value)


def luhn(digits: str) -> bool:
    """Whether the last digit is the right one (ISO/IEC 7812)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def iban_checksum(iban: str) -> bool:
    """Whether an IBAN without spaces, in capitals, leaves 1 when it is divided by 97 (ISO 7064)."""
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def routing_checksum(digits: str) -> bool:
    """Whether nine digits are a US bank's number (ABA): weights 3, 7, 1."""
    return digits != "0" * 9 and sum(int(d) * w for d, w in zip(digits, (3, 7, 1) * 3, strict=True)) % 10 == 0


def _iban(text: str, start: int, length: int) -> Found | None:
    """The `length` letters and digits from `start` on, single spaces apart, if they are an IBAN."""
    at, held = start, ""
    while at < len(text) and len(held) < length:
        char = text[at]
        if char.isascii() and char.isalnum():
            held += char.upper()
        elif char not in " -" or text[at - 1] in " -":
            return None
        at += 1
    whole = at >= len(text) or not text[at].isalnum()
    if length and len(held) == length and whole and iban_checksum(held):
        return Found(start, at, "account", held)
    return None
