"""The one tree of exceptions. Each knows its exit code; the command line only prints it.

0 done · 1 ended unfinished or a gate failed · 2 the user's input is wrong · 3 something could not be
reached · 4 this machine stopped it · 70 a bug · 130 interrupted.
"""

from __future__ import annotations

from typing import ClassVar


class SynthError(Exception):
    """Base of everything that `synth` raises on purpose.

    `message` says what is wrong, `where` the file, line or key, `hint` what to do about it. For RUN in a
    hint, the run's folder is filled in where it is known.
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
    """An argument, a file or a run folder is not what the command needs."""

    code = "input"
    exit_code = 2


class RecipeError(InputError):
    """The recipe is broken, or asks for what cannot be."""

    code = "recipe"


class SourceError(InputError):
    """A source file is missing, unreadable or holds a row that cannot be used."""

    code = "source"


class PromptError(InputError):
    """A prompt file is broken, or its inputs and its variables do not agree."""

    code = "prompt"


class ExportError(InputError):
    """A row cannot be expressed in the format asked for, or nothing is left to export."""

    code = "export"


class UnreachableError(SynthError):
    """An endpoint, a server or a model could not be reached, or refuses everybody."""

    code = "unreachable"
    exit_code = 3


class MachineError(SynthError):
    """This machine stopped it: disk full, no permission, the folder in use."""

    code = "machine"
    exit_code = 4


class Unfinished(SynthError):
    """The run stopped before its end for a reason that is no fault: a budget, a target out of reach."""

    code = "unfinished"
    exit_code = 1


class NothingServes(Unfinished):
    """A model gives a stage nothing but refusals, or nothing but answers that cannot be used."""


class GateFailed(SynthError):
    """Everything ran, and what it found does not pass."""

    code = "gate"
    exit_code = 1
