"""The registry of export formats.

To add a format here, add an entry to a module of this folder, with its rules. Another package adds a `Format`
through an entry point of the group `synth.formats`.
"""

from __future__ import annotations

from synth.errors import ExportError
from synth.exports.formats import alpaca, axolotl, gemini, mistral, openai, sharegpt, trl
from synth.exports.formats.base import Format
from synth.plugins import Registry
from synth.suggestions import did_you_mean

FORMATS: dict[str, Format] = {
    form.name: form
    for module in (trl, openai, mistral, gemini, axolotl, sharegpt, alpaca)
    for form in module.FORMATS
}


_ADDED = Registry("synth.formats", {}, Format)


def find_format(name: str) -> Format:
    """The format with this name. Raises `ExportError`, which lists the known names."""
    if name in FORMATS:
        return FORMATS[name]
    try:
        return _ADDED.find(name)
    except KeyError:
        names = [*FORMATS, *_ADDED.names]
        raise ExportError(
            f"there is no format {name!r}.{did_you_mean(name, names)}",
            where="export.format",
            hint=f"Formats: {', '.join(names)}.",
        ) from None
    except ValueError as error:
        raise ExportError(f"{error}.", where="export.format") from None
