"""Checks server addresses and key variables. Does not show values that may be secret."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from synth.errors import InputError, UnreachableError
from synth.recipe.base import ModelConfig

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
# Longer names without an underscore look like keys.
_LONGEST_WORD = 12
_EXAMPLE = "For example http://127.0.0.1:8000/v1"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_IN_BRACKETS = re.compile(r"\[[0-9A-Fa-f:.]+\](:[0-9]*)?")
_NUMBERS = re.compile(r"[0-9.]+")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_OTHER_SCHEME = re.compile(r"^([A-Za-z]+:)?[/\\]+")


def check_address(url: str) -> None:
    """Raises `ValueError`, with a correction, if `url` cannot be a `base_url`."""
    if "@" in url:
        raise ValueError(
            "contains a user name or a password (the part before an @). Addresses are shown and stored in "
            "files, so put the key into an environment variable and name the variable (`api_key_env`). In a "
            "path, write %40 for @"
        )
    if not url.isprintable() or " " in url:
        raise ValueError("contains a space, a line break or another character that addresses cannot have")
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise ValueError(f"is not an http:// or https:// address: write http://{_OTHER_SCHEME.sub('', url)}")
    if "?" in url or "#" in url:
        raise ValueError("contains a ? or a #: write only the part before it")
    if _PERCENT.search(url):
        raise ValueError("contains a % without two hexadecimal digits after it: write %25 for %")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"is not an address: {error}. {_EXAMPLE}") from None
    if not host:
        raise ValueError(f"has no host. {_EXAMPLE}")
    if not (_IN_BRACKETS.fullmatch(parts.netloc) if "[" in parts.netloc else _can_be_host(host)):
        raise ValueError(f"has an impossible host: {host[:80]!r}. {_EXAMPLE}")
    if port == 0:
        raise ValueError("has the port 0: ports go from 1 to 65535")


def _can_be_host(host: str) -> bool:
    try:
        if _NUMBERS.fullmatch(host):
            return bool(ip_address(host))
        return _NAME.fullmatch(host.encode("idna").decode()) is not None
    except ValueError:
        return False


def check_key(key: str) -> None:
    """Raises `ValueError` if `key` cannot be sent as a key."""
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(
            "contains characters that keys cannot have. Does it contain a space or a line break?"
        )


def model_key(name: str, config: ModelConfig) -> str | None:
    """The key in the variable that `models.NAME` names. None if it names no variable.

    Raises `UnreachableError` if the variable is not set, `InputError` if its value cannot be a key.
    """
    if config.key_variable is None:
        return None
    where, variable = f"models.{name}.api_key_env", shown_variable(config.key_variable)
    key = os.environ.get(config.key_variable)
    if not key:
        hint = f"export {variable}=... and run the same command again."
        if variable != config.key_variable:
            hint = "Name the variable that holds the key, such as WRITER_KEY; never the key itself."
        raise UnreachableError(f"the variable {variable} is not set.", where=where, hint=hint)
    try:
        check_key(key)
    except ValueError as error:
        raise InputError(f"the key in {variable} {error}", where=where) from None
    return key


def shown_variable(name: str) -> str:
    """The name of an unset variable, for an error. If it looks like a key, only its beginning."""
    usual = _VARIABLE.fullmatch(name) and ("_" in name or len(name) <= _LONGEST_WORD)
    return name if usual else f"{name[:4]}... ({len(name)} characters)"
