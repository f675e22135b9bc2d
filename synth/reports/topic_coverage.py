"""How many drafts a run kept on each topic that it was to fill, and the topics that have none."""

from __future__ import annotations

from dataclasses import dataclass

from synth.llm.base import Json
from synth.stages.registry import options_class
from synth.store.reader import RunReader


@dataclass(frozen=True, slots=True)
class TopicCoverage:
    """Kept drafts by topic, in the taxonomy's order, those without any included; `without` have no topic."""

    rows: dict[str, int]
    without: int

    @property
    def none(self) -> list[str]:
        """Topics that no kept draft was written on."""
        return [topic for topic, count in self.rows.items() if not count]

    def document(self) -> Json:
        """As `synth run --json` says it."""
        return {"rows": self.rows, "none": self.none, "without": self.without}


def topic_coverage_of(reader: RunReader) -> TopicCoverage | None:
    """None where no stage of the recipe names topics.

    A run on its way has not said yet which topics there are: then only those count that were asked for.
    """
    stages = [stage["name"] for stage in reader.recipe["stages"] if options_class(stage["kind"]).names_topics]
    if not stages:
        return None
    notes = reader.notes.get("stages", {}) if reader.finished else {}
    counts = reader.topics()
    without = counts.pop(None, 0)
    rows = {leaf: counts.pop(leaf, 0) for stage in stages for leaf in notes.get(stage, {}).get("leaves", ())}
    return TopicCoverage({**rows, **{topic: n for topic, n in counts.items() if topic is not None}}, without)
