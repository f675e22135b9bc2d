"""Hashes for orders and random choices. They depend only on the item, so a new row changes no other one."""

from __future__ import annotations

import hashlib


def rank(*parts: object) -> bytes:
    """A sort key that looks random and depends only on `parts` (SHA-256 of them, joined by colons).

    The first parts are the salt: orders with different salts are independent.
    """
    text = ":".join(map(str, parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def number(*parts: object) -> int:
    """A 64-bit integer that depends only on `parts`, uniformly distributed."""
    return int.from_bytes(rank(*parts)[:8], "big")


def fraction(*parts: object) -> float:
    """A number from 0 (inclusive) to 1 (exclusive) that depends only on `parts`, uniformly distributed."""
    return number(*parts) / 2**64
