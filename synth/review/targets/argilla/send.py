"""Sends records to Argilla, and finds those that it refuses."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from synth.errors import UnreachableError
from synth.llm.base import Json
from synth.review.argilla_api import Refusal
from synth.review.argilla_connection import Connection
from synth.review.records import ReviewRecord
from synth.review.targets.base import RefusedRecord
from synth.review.tasks import FieldSpec

# After this number of consecutive server errors, the server is at fault, not a record.
_FAULTS = 3


class Sender:
    """Sends items, and finds those that the server refuses."""

    def __init__(self, connection: Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._faults = 0
        self.refused: list[RefusedRecord] = []

    def send(self, items: Sequence[Json]) -> None:
        """Sends all items in one request. If it is refused, sends each half separately."""
        try:
            self._connection.call("PUT", self._path, {"items": list(items)})
            self._faults = 0
        except (Refusal, TypeError) as error:
            if len(items) > 1:
                middle = len(items) // 2
                self.send(items[:middle])
                self.send(items[middle:])
                return
            self._refuse(items[0], error)

    def _refuse(self, item: Json, error: Refusal | TypeError) -> None:
        why = error.words if isinstance(error, Refusal) else f"is not valid text ({error})"
        self.refused.append(RefusedRecord(item["external_id"], why))
        if isinstance(error, Refusal) and error.status >= 500:
            self._faults += 1
            if self._faults >= _FAULTS:
                raise UnreachableError(
                    f"Argilla answered {error.status} to {self._faults} records one after another: {why}",
                    where=self._connection.server.url,
                    hint="Sent records are kept. Run the same command again to continue.",
                )


def item_of(
    record: ReviewRecord,
    fields: Sequence[FieldSpec],
    questions: Mapping[str, str],
    vectors: Mapping[str, list[float]],
) -> Json:
    """The record as Argilla's API takes it; `questions` are ids by name."""
    plain = {spec.name for spec in fields if not spec.use_markdown}
    return {
        "external_id": record.row,
        "fields": {n: _escaped(value) if n in plain else value for n, value in record.fields.items()},
        "metadata": record.metadata,
        "suggestions": [
            {"question_id": questions[name], "value": value, "type": "model"}
            for name, value in record.suggestions.items()
        ],
        "vectors": {name: vector for name, vector in vectors.items() if vector},
    }


def _escaped(value: Any) -> Any:
    """Escapes a text or the messages of a chat, so that the page shows every character and executes none.

    Argilla's page inserts fields without Markdown as raw HTML: a tag in a draft would become a tag of the
    page, and its `onerror` would run with the annotator's rights. (Markdown fields are sanitised.)
    """
    if isinstance(value, str):
        return html.escape(value, quote=False)
    return [{**message, "content": html.escape(message["content"], quote=False)} for message in value]
