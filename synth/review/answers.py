"""Reads one person's answer to one row, for any task: whether to keep the row, and with which text.

Questions are known by their names: `response` and `instruction` are texts to train on, `choice`, `ranking`
and `better` are about candidates, `label` is a class, `reasons` and `comment` say why. All other questions
are stored and counted, but change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synth.conversation import Conversation
from synth.llm.base import Json
from synth.row import PATTERN, VARIED, Row
from synth.store import Answer, ShownRow

LETTERS = "abcd"
EQUAL = "equal"
NONE = "none"


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """`chosen` is a candidate's text or EQUAL. `text` is the answer after the annotator's edits. `losers` are
    the candidates that this person likes less than `better` or `chosen`, best first.
    """

    by: str
    at: str
    keep: bool
    text: str | None = None
    prompt: str | None = None
    label: str | None = None
    chosen: str | None = None
    better: str | None = None
    losers: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    comment: str | None = None


def parse_answer(answer: Answer, shown: ShownRow) -> ParsedAnswer:
    """The parsed answer, if it was submitted or discarded."""
    values = answer.values
    conversation = shown.draft.conversation
    better = _words(values.get("better"))
    choice = values.get("choice")
    text = values.get("response")
    keep = answer.status == "submitted"
    if choice == NONE and better is None:
        keep = False
    if text is not None and not str(text).strip():
        keep = False
    chosen = EQUAL if choice == EQUAL else _candidate(choice, shown.order)
    return ParsedAnswer(
        by=answer.by,
        at=answer.at,
        keep=keep,
        text=None if text is None else as_drafted(str(text), conversation.answer or ""),
        prompt=_prompt(values.get("instruction"), conversation),
        label=values.get("label"),
        chosen=chosen,
        better=better,
        losers=_losers(better or chosen, choice, values.get("ranking"), shown.order),
        reasons=_reasons(values, choice),
        comment=_words(values.get("comment")),
    )


def label_of(row: Row) -> tuple[str | None, str]:
    """The name and value of the row's class. None if the answer itself is the class."""
    for name in ("label", *row.labels):
        if name == PATTERN or name.startswith(VARIED):
            continue
        if isinstance(row.labels.get(name), str):
            return name, row.labels[name]
    return None, (row.conversation.answer or "").strip()


def as_drafted(text: str, draft: str) -> str:
    """The draft if `text` differs from it only in line ends and surrounding space, which editors change. Else
    `text`.
    """
    return draft if plain(text) == plain(draft) else text


def plain(text: str) -> str:
    """The form in which two texts are compared."""
    return text.replace("\r\n", "\n").strip()


def _prompt(value: Any, conversation: Conversation) -> str | None:
    words = _words(value)
    return None if words is None else as_drafted(words, conversation.last_request)


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _candidate(letter: Any, order: tuple[str, ...]) -> str | None:
    place = LETTERS.find(letter) if isinstance(letter, str) and len(letter) == 1 else -1
    return order[place] if 0 <= place < len(order) else None


def _losers(best: str | None, choice: Any, ranking: Any, order: tuple[str, ...]) -> tuple[str, ...]:
    """Candidates that the person ranked below `best`, in the ranking's order if the ranking agrees with
    `best`.
    """
    if best is None or (best == EQUAL):
        return ()
    ranked = [_candidate(letter, order) for letter in _ranked(ranking)]
    if ranked and _candidate(choice, order) == ranked[0]:
        order = tuple(text for text in ranked if text is not None)
    return tuple(dict.fromkeys(text for text in order if plain(text) != plain(best)))


def _ranked(ranking: Any) -> list[str]:
    """Letters by rank, best first. Empty if two share a rank or one has none."""
    if not isinstance(ranking, list) or not ranking:
        return []
    ranks = [item.get("rank") for item in ranking]
    if None in ranks or len(set(ranks)) < len(ranks):
        return []
    return [item["value"] for item in sorted(ranking, key=lambda item: item["rank"])]


def _reasons(values: Json, choice: Any) -> tuple[str, ...]:
    ticked = values.get("reasons")
    reasons = tuple(ticked) if isinstance(ticked, list) else ()
    return (*reasons, "none_is_good") if choice == NONE else reasons
