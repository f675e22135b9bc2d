"""Makes stand-ins: of the same kind as the value, belonging to nobody, and always the same for one value.

A stand-in is a keyed hash (HMAC-SHA256) of the value, so it does not depend on an order: a new seed changes
no other stand-in, and so no other prompt. Without the key, nobody can find the telephone number by trying
all. No stand-in can belong to a person: `example.com` (RFC 2606), the country code 999, a card and an IBAN
with an invalid checksum.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from synth.redaction.kinds import DataKind

_STARTS: Final = re.findall("[a-z]+", "b br d dr f g gr h j k kl l m n p pr r s st t tr v w z")
_VOWELS: Final = "aeiou"
_ENDS: Final = ["n", "l", "r", "s", "m", "th", "nd"]


# Digits in a stand-in can look like a telephone number of the recipe's `region`.
STAND_IN: Final = re.compile(
    r"person-[0-9a-f]{10}@example\.com|\+999 \d{4} \d{6}|0000 \d{4} \d{4} \d{4}|ZZ00 \d{4} \d{4} \d{4}"
)


def stand_in(key: bytes, kind: DataKind, value: str, turn: int = 0) -> str:
    """The stand-in of `value`. If two values would share one, another `turn` gives another one."""
    digest = hmac.digest(key, f"{kind}\0{value}\0{turn}".encode(), hashlib.sha256)
    number = int.from_bytes(digest, "big")
    digits = f"{number % 10**12:012d}"
    if kind is DataKind.EMAIL:
        return f"person-{digest.hex()[:10]}@example.com"
    if kind is DataKind.PHONE:
        return f"+999 {digits[:4]} {digits[4:10]}"
    if kind is DataKind.CARD:
        from stdnum import luhn

        body = f"0000{digits[:11]}"
        last = next(d for d in "0123456789" if not luhn.is_valid(body + d))
        return f"{body[:4]} {body[4:8]} {body[8:12]} {body[12:]}{last}"
    if kind is DataKind.ACCOUNT:
        return f"ZZ00 {digits[:4]} {digits[4:8]} {digits[8:]}"
    return _name(number, words=min(len(value.split()), 2))


def _name(number: int, words: int) -> str:
    """A pronounceable name that most likely nobody has: "Drenavis", "Kolufar Brimeto"."""
    made = []
    for _ in range(words):
        word = ""
        for _ in range(3):
            number, start = divmod(number, len(_STARTS))
            number, vowel = divmod(number, len(_VOWELS))
            word += _STARTS[start] + _VOWELS[vowel]
        number, end = divmod(number, len(_ENDS))
        made.append((word + _ENDS[end]).capitalize())
    return " ".join(made)
