"""Counts a run's kept drafts per topic, including topics without any."""

from __future__ import annotations

from dataclasses import dataclass

from synth.llm.base import Json
from synth.stages.registry import options_class
from synth.store.reader import RunReader


@dataclass(frozen=True, slots=True)
class TopicCoverage:
    """Kept drafts by topic, in the taxonomy's order, including topics with none. `without` counts drafts
    without a topic.
    """

    rows: dict[str, int]
    without: int

    @property
    def none(self) -> list[str]:
        """Topics without a kept draft."""
        return [topic for topic, count in self.rows.items() if not count]

    def document(self) -> Json:
        """The document that `synth run --json` prints."""
        return {"rows": self.rows, "none": self.none, "without": self.without}


def topic_coverage_of(reader: RunReader) -> TopicCoverage | None:
    """The topic coverage of a run. None if no stage of the recipe has topics.

    An unfinished run has not stored its list of topics yet. Then only topics with drafts are counted.
    """
    stages = [stage["name"] for stage in reader.recipe["stages"] if options_class(stage["kind"]).names_topics]
    if not stages:
        return None
    notes = reader.notes.get("stages", {}) if reader.finished else {}
    counts = reader.topics()
    without = counts.pop(None, 0)
    rows = {leaf: counts.pop(leaf, 0) for stage in stages for leaf in notes.get(stage, {}).get("leaves", ())}
    return TopicCoverage({**rows, **{topic: n for topic, n in counts.items() if topic is not None}}, without)
