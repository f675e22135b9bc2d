"""The tree of exceptions. Each class has its exit code; the command line only prints the error.

0 done · 1 unfinished, or a gate failed · 2 the user's input is wrong · 3 something could not be reached ·
4 this machine stopped it · 70 a bug · 130 interrupted.
"""

from __future__ import annotations

from typing import ClassVar


class SynthError(Exception):
    """Base of all exceptions that `synth` raises on purpose.

    `message` says what is wrong, `where` names the file, line or key, and `hint` says what to do. If the
    run's folder is known, it replaces RUN in the hint.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" {self.hint}" if self.hint else ""
        return f"{place}{self.message}{advice}"


class InputError(SynthError):
    """An argument, a file or a run folder is wrong for the command."""

    code = "input"
    exit_code = 2


class RecipeError(InputError):
    """The recipe is invalid, or asks for something impossible."""

    code = "recipe"


class SourceError(InputError):
    """A source file is missing or unreadable, or has a row that cannot be used."""

    code = "source"


class PromptError(InputError):
    """A prompt file is invalid, or its inputs and its variables differ."""

    code = "prompt"


class ExportError(InputError):
    """The format cannot express a row, or there is no row to export."""

    code = "export"


class UnreachableError(SynthError):
    """An endpoint, a server or a model could not be reached, or refuses every request."""

    code = "unreachable"
    exit_code = 3


class MachineError(SynthError):
    """This machine stopped the command: disk full, no permission, run folder in use."""

    code = "machine"
    exit_code = 4


class Unfinished(SynthError):
    """The run stopped early without a fault: a budget is used up, or a target is out of reach."""

    code = "unfinished"
    exit_code = 1


class NothingServes(Unfinished):
    """A model gives a stage only refusals, or only unusable replies."""


class GateFailed(SynthError):
    """Everything ran, and the result does not pass the gate."""

    code = "gate"
    exit_code = 1
