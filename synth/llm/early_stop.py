"""Stops a stage early if its model never returns a usable reply, since more requests would only cost
money.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from synth.errors import NothingServes
from synth.llm.base import RequestFailed

# A stage stops after this many consecutive refusals with the same message, or if none of this many first
# replies is usable.
_EQUAL_REFUSALS = 10
_USELESS_ANSWERS = 20

_SHOWN = 160


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A failed request: why, whether it was refused, and a key that equal refusals share."""

    words: str
    refused: bool
    alike: str = ""


@dataclass
class Trial:
    """The first replies of one model to one stage in this call.

    The trial ends with the first usable reply, even one from the journal: after that, a failure concerns only
    its row. Requests are judged in the order in which they were sent, because refusals often arrive before
    answers.
    """

    model: str
    stage: str
    served: bool = False
    _sent: int = 0
    _judged: int = 0
    _outcomes: dict[int, _Outcome] = field(default_factory=dict)
    _row: list[_Outcome] = field(default_factory=list)
    _stop: NothingServes | None = None

    def begin(self) -> int:
        """The number of the next request. Raises `NothingServes` if the stage has been stopped."""
        if self._stop is not None:
            raise self._stop
        self._sent += 1
        return self._sent - 1

    def refused(self, number: int, failure: RequestFailed) -> NothingServes | None:
        """Records a refusal. Returns the error that stops the stage, if there are too many."""
        status = f" (HTTP {failure.status})" if failure.status else ""
        # Numbers differ between requests ("you requested 1949 tokens"), so they are masked.
        alike = f"{failure.status} {re.sub('[0-9]+', '#', failure.words)}"
        return self._note(number, _Outcome(f"{_shown(failure.words)}{status}", refused=True, alike=alike))

    def unusable(self, number: int, words: str) -> NothingServes | None:
        """Records an unusable reply. Returns the error that stops the stage, if there are too many."""
        return self._note(number, _Outcome(_shown(words), refused=False))

    def _note(self, number: int, outcome: _Outcome) -> NothingServes | None:
        if self.served or self._stop is not None:
            return None
        self._outcomes[number] = outcome
        while self._stop is None and self._judged in self._outcomes:
            self._judge(self._outcomes.pop(self._judged))
            self._judged += 1
        return self._stop

    def _judge(self, outcome: _Outcome) -> None:
        alike = self._row and self._row[0].refused and self._row[0].alike == outcome.alike
        self._row = [*self._row, outcome] if alike else [outcome]
        if outcome.refused and len(self._row) == _EQUAL_REFUSALS:
            self._end(
                f"{self.model} refuses every request, the last {len(self._row)} for the same reason:"
                f" {outcome.words}",
                "Fix the recipe or the server, and run the same command again: refused requests are"
                " sent again. `synth show RUN --status failed` lists the rows.",
            )
        elif self._judged + 1 == _USELESS_ANSWERS:
            status = "failed" if outcome.refused else "dropped"
            self._end(
                f"none of the first {self._judged + 1} answers of {self.model} can be used. The last one:"
                f" {outcome.words}",
                "Fix the prompt, the model or the server, and run the same command again: it continues with"
                f" further requests. `synth show RUN --status {status}` lists the rows.",
            )

    def _end(self, message: str, hint: str) -> None:
        dot = "" if message.endswith(".") else "."
        self._stop = NothingServes(f"{message}{dot}", where=f"stage {self.stage!r}", hint=hint)


def _shown(words: str) -> str:
    text = " ".join(words.split())
    return f"{text[:_SHOWN]} ..." if len(text) > _SHOWN else text.rstrip(".")
