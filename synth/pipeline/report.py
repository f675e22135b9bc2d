"""The report of a call of `synth run`, read from the run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synth.errors import SynthError
from synth.llm.base import Json
from synth.llm.model import Model
from synth.pipeline.inputs import RunInputs
from synth.pipeline.progress import Progress
from synth.pipeline.summary import request_counts, row_counts
from synth.reports.position_bias import position_bias_of
from synth.reports.topic_coverage import topic_coverage_of
from synth.reports.variety import variety_of
from synth.stages.base import Stage
from synth.store import ModelUse, RunReader, RunStore


@dataclass(frozen=True)
class RunResult:
    """The result of a call. `summary` is the document that `synth run --json` prints."""

    summary: Json
    error: SynthError | None

    @property
    def exit_code(self) -> int:
        """The exit code; 0 if the run is complete and no row failed."""
        if self.error is not None:
            return self.error.exit_code
        return 1 if self.summary["failed"] else 0


def report_of(
    store: RunStore,
    models: Sequence[Model],
    before: Sequence[ModelUse],
    given: RunInputs,
    counters: Json,
    error: SynthError | None,
) -> RunResult:
    """The summary of a call that ended, perhaps with `error`. `before` has the requests of earlier calls."""
    reader = RunReader(store.folder.path)
    uses = store.usage()
    try:
        call = {**request_counts(uses, models, before), **counters}
        total = {**request_counts(uses, models), **reader.total}
        rows = {**row_counts(reader), **_left_out(reader, given)}
        return RunResult({**rows, **call, "total": total, **_of_stages(reader)}, error)
    finally:
        reader.close()


def _left_out(reader: RunReader, given: RunInputs) -> Json:
    # A finished run is not replayed, so it has not read its prompts and documents again.
    notes = reader.notes if reader.finished else {}
    repeated = {**notes.get("repeated", {}), **given.repeated}
    skipped = {**notes.get("skipped", {}), **given.skipped.counts}
    return {"repeated": dict(sorted(repeated.items())), "skipped": dict(sorted(skipped.items()))}


def _of_stages(reader: RunReader) -> Json:
    stages = reader.notes.get("stages", {}) if reader.finished else {}
    coverage = topic_coverage_of(reader)
    biases = position_bias_of(reader)
    swapped = {stage: {"position_swap": bias.document()} for stage, bias in biases.items()}
    varied = {stage: counts.document() for stage, counts in variety_of(reader).items()}
    return {
        "stages": {**stages, **swapped, **varied},
        **({"topics": coverage.document()} if coverage else {}),
    }


def notes_of(given: RunInputs, stages: Sequence[Stage], sources: Json, progress: Progress) -> Json:
    """The notes that a finished run keeps about the call that finished it."""
    return {
        "messages": list(progress.messages),
        "sources": sources,
        "seeds": len(given.seeds),
        "holdout": len(given.holdout),
        "repeated": given.repeated,
        "skipped": given.skipped.counts,
        "stages": {stage.name: report for stage in stages if (report := stage.report())},
    }
