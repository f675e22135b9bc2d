r"""Text that others wrote (models, servers, files), made safe to print.

A terminal obeys control characters. Characters without width, or that change the direction of a line, hide
the real text. Each of them becomes a visible escape such as `\x1b`.
"""

from __future__ import annotations

import json
import re
from typing import Any

# Control, format, surrogate, line and paragraph separators, and letters that show nothing; not line breaks
# and tabs. Of the format characters, the visible signs of Arabic, Syriac and Kaithi are left out.
_UNSAFE = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
)
# Joiners have no width either. Persian, Hindi and many emoji are spelled with them, so they stay between
# characters of such scripts.
_JOINED = r"\u0600-\u1fff\u20a0-\ufdff\ufe0f\ufe70-\ufefc\U00010000-\U0001faff"
_FIND = re.compile(f"[{_UNSAFE}]|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])")
_BREAKS = re.compile(r"\s*\n\s*")


def printable(text: str) -> str:
    """`text` with an escape for each character that could act on a terminal. Line breaks and tabs stay."""
    return _FIND.sub(_escape, text)


def printable_line(text: str) -> str:
    """The same in one line: each line break becomes a space, so no foreign text starts a line."""
    return printable(_BREAKS.sub(" ", text))


def printable_json(document: Any) -> str:
    """`document` as JSON with the same value, readable in every language, and safe to print."""
    return _FIND.sub(_escape_json, json.dumps(document, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape_json(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if match[0] != "\x7f" else "\\u007f"
