"""Checks the options of `export` against the format, before any row exists."""

from __future__ import annotations

from synth.errors import ExportError
from synth.exports.formats.base import Format
from synth.recipe.model import ExportOptions


def check_options(form: Format, options: ExportOptions) -> None:
    """Raises `ExportError`, with the key in `where`, if an option does not fit the format or is missing."""
    _check_reasoning(form, options)
    if options.mix and form.kind not in ("answer", "prompt"):
        raise ExportError(
            f"{form.name} needs preferences, and general data has none.",
            where="export.mix",
            hint="Leave it out for this format.",
        )
    check_model(options)


def check_model(options: ExportOptions) -> None:
    """Raises `ExportError` if tokens must be counted, but no model is set."""
    if options.model is None and counts_tokens(options):
        raise ExportError(
            "counting tokens needs the tokenizer of the model to train.",
            where="export.max_length" if options.max_length is not None else "export.mix",
            hint="Set `export.model` to its folder or its name on the hub.",
        )


def counts_tokens(options: ExportOptions) -> bool:
    """Whether the export counts tokens, which needs the tokenizer of the model to train."""
    return options.max_length is not None or any(source.tokens is not None for source in options.mix)


def _check_reasoning(form: Format, options: ExportOptions) -> None:
    """Raises `ExportError` if the format has no field for the model's reasoning."""
    if options.reasoning == "strip" or form.thinks_beside:
        return
    if form.kind != "answer":
        raise ExportError(
            f"{form.name} has no answers that a model wrote after reasoning.",
            where="export.reasoning",
            hint="Use `strip` for this format.",
        )
    if options.reasoning == "field":
        raise ExportError(
            f"{form.name} has no separate field for reasoning.",
            where="export.reasoning",
            hint="Use `think`: the reasoning is then part of the answer, between <think> and </think>.",
        )
