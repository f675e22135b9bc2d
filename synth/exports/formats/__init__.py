"""Every format by name. A further one is an entry of a module here, with its rules beside it."""

from __future__ import annotations

from synth.errors import ExportError
from synth.exports.formats import alpaca, axolotl, gemini, mistral, openai, sharegpt, trl
from synth.exports.formats.base import Format
from synth.suggestions import did_you_mean

FORMATS: dict[str, Format] = {
    form.name: form
    for module in (trl, openai, mistral, gemini, axolotl, sharegpt, alpaca)
    for form in module.FORMATS
}


def find_format(name: str) -> Format:
    """The format of that name. Raises `ExportError`, naming those that there are."""
    if name in FORMATS:
        return FORMATS[name]
    raise ExportError(
        f"there is no format {name!r}.{did_you_mean(name, FORMATS)}",
        where="export.format",
        hint=f"Formats: {', '.join(FORMATS)}.",
    )
