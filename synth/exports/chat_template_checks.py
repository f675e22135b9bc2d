"""Checks the rows of an export against the chat templates of well-known models.

Loaders silently drop or cut anything that a template does not show. At export time the model to train is
often not known yet. So each row is rendered with four templates that refuse and skip different things. No row
is withheld for the result, but the card reports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synth.errors import ExportError
from synth.exports.example import TrainingExample
from synth.exports.target_model import TargetModel

NAMES = ("qwen3", "llama3", "gemma3", "phi3")
_FOLDER = Path(__file__).parent / "chat_templates"
_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


@dataclass(slots=True)
class Seen:
    """The number of rows that a template shows in full, and the problem with the first other row."""

    model: TargetModel
    whole: int = 0
    wrong: str | None = None


class Templates:
    """Renders rows with the chat templates, and counts the results."""

    def __init__(self) -> None:
        self.rows = 0
        self._seen = {
            name: Seen(TargetModel(name, (_FOLDER / f"{name}.jinja").read_text("utf-8"), _SPECIAL, len))
            for name in NAMES
        }

    def look(self, example: TrainingExample) -> None:
        """Renders one row with every template."""
        self.rows += 1
        for seen in self._seen.values():
            wrong = _wrong(seen.model, example)
            if wrong is None:
                seen.whole += 1
            elif seen.wrong is None:
                seen.wrong = f"row {example.id}: {wrong}"

    def passed(self) -> list[str]:
        """The line on the card about templates that show all rows in full."""
        whole = [name for name, seen in self._seen.items() if seen.whole == self.rows]
        if not whole:
            return []
        return [
            f"Chat templates that show every text of every row, with each answer right behind its prompt:"
            f" {', '.join(whole)}."
        ]

    def failed(self) -> list[str]:
        """One line for each other template, with the first row that it does not show in full."""
        words = []
        for name, seen in self._seen.items():
            if seen.wrong is not None:
                whole = f"{seen.whole} of {self.rows} rows whole"
                words.append(f"The chat template of {name} shows {whole}; not {seen.wrong}.")
        return words


def _wrong(model: TargetModel, example: TrainingExample) -> str | None:
    try:
        return model.flaw(example)
    except ExportError as error:
        return error.message.removesuffix(".")
