"""Replaces personal data in texts and messages while they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from synth.recipe.model import Recipe
from synth.redaction.finders import PersonalValue, accounts, cards, emails, phones
from synth.redaction.kinds import DataKind
from synth.redaction.ledger import RedactionLedger, ledger_of
from synth.redaction.names import Names, read_names
from synth.redaction.stand_ins import STAND_IN, stand_in

_TAKEN: Final = "\x1f"  # marks text where a value was already found
# Keys of a message whose values are never personal data.
_FORM: Final = frozenset({"role", "type"})


@dataclass(frozen=True, slots=True)
class KindsToRedact:
    """The kinds of values to replace."""

    emails: bool = True
    phones: bool = True
    cards: bool = True
    accounts: bool = True
    region: str | None = None
    names: Names | None = None


class Redactor:
    """Replaces a value by the same stand-in everywhere. Call `close` at the end of the run."""

    def __init__(self, wanted: KindsToRedact, ledger: RedactionLedger) -> None:
        self._wanted = wanted
        self._ledger = ledger
        self._known: dict[tuple[DataKind, str], str] = {}

    @property
    def fingerprint(self) -> str:
        """A digest that changes with the key and does not reveal it."""
        return hashlib.sha256(b"fingerprint" + self._ledger.key).hexdigest()

    def text(self, text: str) -> str:
        """`text` without personal data."""
        return self._redacted(text, set())

    def messages(self, messages: list[Any]) -> tuple[list[Any], list[str]]:
        """Messages (or tools) with all texts redacted, and the kinds that were found, sorted."""
        kinds: set[DataKind] = set()
        return self._walk(messages, kinds), sorted(kinds)

    def close(self) -> None:
        """Closes the ledger."""
        self._ledger.close()

    def _walk(self, value: Any, kinds: set[DataKind]) -> Any:
        if isinstance(value, str):
            return self._redacted(value, kinds)
        if isinstance(value, list):
            return [self._walk(item, kinds) for item in value]
        if isinstance(value, dict):
            return {k: v if k in _FORM else self._walk(v, kinds) for k, v in value.items()}
        return value

    def _redacted(self, text: str, kinds: set[DataKind]) -> str:
        parts: list[str] = []
        at = 0
        for found in self._found(text):
            kinds.add(found.kind)
            parts += (text[at : found.start], self._stand_in(found, text[found.start : found.end]))
            at = found.end
        return "".join([*parts, text[at:]]) if parts else text

    def _found(self, text: str) -> list[PersonalValue]:
        """Matches from left to right, without overlaps: the most certain kind wins."""
        wanted = self._wanted
        kinds: list[tuple[bool, Callable[[str], Iterable[PersonalValue]]]] = [
            (wanted.emails, emails),
            (wanted.accounts, accounts),
            (wanted.cards, cards),
            (wanted.phones, lambda rest: phones(rest, wanted.region)),
            (wanted.names is not None, lambda rest: wanted.names.find(rest) if wanted.names else ()),
        ]
        taken: list[PersonalValue] = []
        rest = STAND_IN.sub(lambda match: _TAKEN * len(match.group()), text)
        for is_wanted, find in kinds:
            for found in list(find(rest)) if is_wanted else ():
                if rest[found.start : found.end] == text[found.start : found.end]:
                    taken.append(found)
                    rest = rest[: found.start] + _TAKEN * (found.end - found.start) + rest[found.end :]
        return sorted(taken, key=lambda found: found.start)

    def _stand_in(self, found: PersonalValue, written: str) -> str:
        known = self._known.get((found.kind, found.value))
        if known is not None:
            return known
        made = stand_in(self._ledger.key, found.kind, found.value)
        turn = 0
        while self._ledger.holders.get(made, found.value) != found.value:
            turn += 1
            made = stand_in(self._ledger.key, found.kind, found.value, turn)
        self._known[found.kind, found.value] = made
        if made not in self._ledger.holders:
            self._ledger.note(made, found.kind, found.value, written)
        return made


def open_redactor(recipe: Recipe, run: Path, warn: Callable[[str], None]) -> Redactor | None:
    """The redactor of a recipe whose first stage is `redact`, with the ledger next to `run`; else None.

    Raises `RecipeError`, `InputError`, `MachineError`.
    """
    first = recipe.stages[0] if recipe.stages else None
    if first is None or not first.options.redacts:
        return None
    options: Any = first.options
    names = read_names(recipe.folder / options.names) if options.names else None
    wanted = KindsToRedact(
        options.emails, options.phones, options.cards, options.accounts, options.region, names
    )
    ledger = RedactionLedger(ledger_of(run), warn)
    if ledger.is_new and (run / "run.json").exists():
        warn(f"{ledger.file} is new, so stand-ins differ from those of the run's earlier calls.")
    return Redactor(wanted, ledger)
