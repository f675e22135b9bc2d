"""Orders and draws that depend on a thing's own name: another row or seed changes no other one's place."""

from __future__ import annotations

import hashlib


def rank(*parts: object) -> bytes:
    """A sort key that looks random, and depends on `parts` alone (SHA-256 of them, joined by colons).

    The first parts are the salt: two orders with different salts have nothing to do with each other.
    """
    text = ":".join(map(str, parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def number(*parts: object) -> int:
    """A whole number of 64 bits that depends on `parts` alone, evenly spread."""
    return int.from_bytes(rank(*parts)[:8], "big")


def fraction(*parts: object) -> float:
    """A number from 0 up to 1 that depends on `parts` alone, evenly spread."""
    return number(*parts) / 2**64
