"""Reads facts about a model from the header of its GGUF file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from synth.errors import InputError, MachineError

# GGUF's codes of value types: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class GgufFacts:
    """A model's architecture and its context length in tokens."""

    architecture: str
    context: int | None


def read_facts(file: Path) -> GgufFacts:
    """Reads the header of a GGUF file. Raises `InputError` if it is not one, or is truncated."""
    try:
        with file.open("rb") as content:
            return _read_header(content)
    except (struct.error, UnicodeDecodeError, KeyError):
        raise InputError("is a broken or truncated GGUF file.", where=str(file)) from None
    except ValueError as error:
        raise InputError(str(error), where=str(file), hint="Name a file that ends in .gguf.") from None
    except OSError as error:
        raise MachineError(f"cannot be read: {error.strerror}.", where=str(file)) from None


def _read_header(content: BinaryIO) -> GgufFacts:
    if content.read(4) != b"GGUF":
        raise ValueError("is not a GGUF file.")
    version, _tensors, count = _unpack(content, "IQQ")
    if version < 2:
        raise ValueError(f"is a GGUF file of version {version}, which is not supported.")
    architecture, context = "", None
    # The vocabulary is long and comes last; everything needed comes before it.
    for _ in range(count):
        key = _string(content)
        value = _value(content, _unpack(content, "I")[0])
        if key == "general.architecture":
            architecture = str(value)
        elif key == f"{architecture}.context_length":
            context = int(value)
            break
    return GgufFacts(architecture, context)


def _unpack(content: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{form}", content.read(struct.calcsize(f"<{form}")))


def _string(content: BinaryIO) -> str:
    return content.read(_unpack(content, "Q")[0]).decode()


def _value(content: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(content)
    if kind == _ARRAY:
        inner, length = _unpack(content, "IQ")
        return [_value(content, inner) for _ in range(length)]
    return _unpack(content, _SCALARS[kind])[0]
