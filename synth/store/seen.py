"""Which identities may have been seen: a Bloom filter of fixed size (Bloom, CACM 1970)."""

from __future__ import annotations

# 2^23 bits are one MiB, whatever the number of rows: with a million identities, one question in 30 is
# answered "perhaps" for nothing.
_BITS = 1 << 23
_HASHES = 3


class Seen:
    """Remembers SHA-256 digests in one MiB. May take a new one for a known one, never the other way round."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS >> 3)

    def add(self, digest: bytes) -> None:
        """Remembers a digest of 32 bytes."""
        for position in _positions(digest):
            self._bits[position >> 3] |= 1 << (position & 7)

    def __contains__(self, digest: bytes) -> bool:
        return all(self._bits[position >> 3] >> (position & 7) & 1 for position in _positions(digest))


def _positions(digest: bytes) -> list[int]:
    """Parts of the digest itself: it is as random as any hash of it would be."""
    return [int.from_bytes(digest[start : start + 4], "big") % _BITS for start in range(0, 4 * _HASHES, 4)]
