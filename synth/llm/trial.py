"""Stops a stage early whose model never gives it an answer that serves: more requests would only cost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from synth.errors import NothingServes
from synth.llm.base import RequestFailed

# That many refusals in a row with the same words, or answers of which none serves, are no bad luck.
_EQUAL_REFUSALS = 10
_USELESS_ANSWERS = 20

_SHOWN = 300


@dataclass
class Trial:
    """What one model answered one stage in this call. It is over with the first answer that serves, also
    with one out of the journal: from then on, what fails is a row's own matter.
    """

    model: str
    stage: str
    served: bool = False
    _useless: int = 0
    _alike: int = 0
    _last: str = ""
    _stop: NothingServes | None = None
    _number: int = 0
    # Requests whose use is not known yet, oldest first, with their numbers.
    _open: dict[str, int] = field(default_factory=dict)
    _waits_for: int | None = None

    def sent(self, identity: str) -> None:
        """Takes note of a request. Raises `NothingServes` where the stage has been stopped."""
        if self._stop is not None:
            raise self._stop
        self._number += 1
        self._open[identity] = self._number

    def gone(self, identity: str) -> None:
        """Takes note that nothing more is to come of a request."""
        self._open.pop(identity, None)

    def refused(self, identity: str, failure: RequestFailed) -> NothingServes | None:
        """Takes note of a refusal. Returns what stops the stage, where it is one too many."""
        self.gone(identity)
        # Numbers differ from request to request: "you requested 1949 tokens".
        words = f"{failure.status} {re.sub('[0-9]+', '#', failure.words)}"
        self._alike = self._alike + 1 if words == self._last else 1
        self._last = words
        status = f" (HTTP {failure.status})" if failure.status else ""
        said = f"{_shown(failure.words)}{status}"
        if self._alike >= _EQUAL_REFUSALS:
            return self._stopped(
                f"{self.model} refuses every request, the last {self._alike} for the same reason: {said}",
                "Mend the recipe or the server, and run the same command again: what was refused is asked"
                " again. `synth show {run} --status failed` lists the rows.",
            )
        return self._without_answer(said, "failed")

    def useful(self, identity: str) -> None:
        """Takes note of an answer that serves."""
        self.gone(identity)
        self.served = True

    def unusable(self, identity: str, words: str) -> NothingServes | None:
        """Takes note of an answer that does not serve. Returns what stops the stage, where it is one too
        many."""
        self.gone(identity)
        self._alike, self._last = 0, ""
        return self._without_answer(_shown(words), "dropped")

    def _without_answer(self, words: str, status: str) -> NothingServes | None:
        self._useless += 1
        if self._useless < _USELESS_ANSWERS:
            return None
        return self._stopped(
            f"none of the first {self._useless} answers of {self.model} can be used. The last one: {words}",
            "Mend the prompt, the model or the server, and run the same command again: it goes on with"
            f" further requests. `synth show {{run}} --status {status}` lists the rows.",
        )

    def _stopped(self, message: str, hint: str) -> NothingServes | None:
        if self._waits_for is None:
            self._waits_for = self._number
        oldest = next(iter(self._open.values()), self._number + 1)
        if self.served or self._stop is not None or oldest <= self._waits_for:
            return None
        self._stop = NothingServes(f"{message}.", where=f"stage {self.stage!r}", hint=hint)
        return self._stop


def _shown(words: str) -> str:
    return " ".join(words.split())[:_SHOWN].rstrip(".")
