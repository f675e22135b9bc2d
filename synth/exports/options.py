"""What of `export` does not go together: known from the recipe, before any row is there."""

from __future__ import annotations

from synth.errors import ExportError
from synth.exports.formats.base import Format
from synth.recipe.model import ExportOptions


def check_options(form: Format, options: ExportOptions) -> None:
    """Raises `ExportError`, with the key in `where`, for what the format cannot do or needs besides."""
    _check_reasoning(form, options)
    if options.mix and form.kind not in ("answer", "prompt"):
        raise ExportError(
            f"{form.name} is made of preferences, and general data has none.",
            where="export.mix",
            hint="Leave it out for this format.",
        )
    check_model(options)


def check_model(options: ExportOptions) -> None:
    """Raises `ExportError` where tokens are to be counted, and no model says how."""
    if options.model is None and counts_tokens(options):
        raise ExportError(
            "counting tokens needs the model that is to be trained.",
            where="export.max_length" if options.max_length is not None else "export.mix",
            hint="Set `export.model` to its folder or its name on the hub.",
        )


def counts_tokens(options: ExportOptions) -> bool:
    """Whether the lengths of rows matter, which takes the tokenizer of the model to train."""
    return options.max_length is not None or any(source.tokens is not None for source in options.mix)


def _check_reasoning(form: Format, options: ExportOptions) -> None:
    """Raises `ExportError` where a format has no place for what the model thought."""
    if options.reasoning == "strip" or form.thinks_beside:
        return
    if form.kind != "answer":
        raise ExportError(
            f"{form.name} has answers that nobody thought about, or none.",
            where="export.reasoning",
            hint="Leave it at strip for this format.",
        )
    if options.reasoning == "field":
        raise ExportError(
            f"{form.name} has no field for reasoning beside an answer.",
            where="export.reasoning",
            hint="Set it to think: then it stands in the answer, between <think> and </think>.",
        )
