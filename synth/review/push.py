"""Sends rows to annotators: the rows selected by the recipe's `review`, each once, and conflicts for
adjudication.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from synth.errors import InputError
from synth.llm.base import Json
from synth.recipe.model import Recipe, ReviewOptions
from synth.review.aggregate import Decision, aggregate_all
from synth.review.answers import label_of, parse_answer
from synth.review.overlay import overlay_of
from synth.review.records import ReviewRecord, Unfit, record_of
from synth.review.run_recipe import run_recipe_of
from synth.review.selection import Picked, judging_of, select
from synth.review.targets.base import RefusedRecord, ReviewBackend, Say, TargetSpec
from synth.review.tasks import recipe_task
from synth.row import Row
from synth.store import Decisions, ReviewStore, ReviewTarget, RunReader, ShownRow

OVERLAP = "-overlap"
CONFLICTS = "-conflicts"


def dataset_names(name: str) -> set[str]:
    """All dataset names that a push to `name` can have used."""
    return {name, name + OVERLAP, name + CONFLICTS}


@dataclass
class PushReport:
    """The result of a push, in rows.

    `there` rows were shown before. `decided` rows are in no target because people have already decided on
    them. `unfit` rows lack a field that the task shows.
    """

    targets: list[str] = field(default_factory=list)
    sent: int = 0
    there: int = 0
    decided: int = 0
    conflicts: int = 0
    shares: dict[str, int] = field(default_factory=dict)
    unfit: list[RefusedRecord] = field(default_factory=list)
    refused: list[RefusedRecord] = field(default_factory=list)

    def document(self) -> Json:
        """The document that `--json` prints."""
        return {
            "places": self.targets,
            "sent": self.sent,
            "there": self.there,
            "decided": self.decided,
            "conflicts": self.conflicts,
            "shares": dict(sorted(self.shares.items())),
            "unfit": [{"row": each.row, "why": each.why} for each in self.unfit],
            "refused": [{"row": each.row, "why": each.why} for each in self.refused],
        }


@dataclass(frozen=True)
class PushOptions:
    """`name` is the name of the dataset or file, which may belong to another run; by default, the run's own.
    `review` replaces the `review` of the last run's recipe. The recipe's paths are relative to `base`.
    """

    name: str | None = None
    review: ReviewOptions | None = None
    base: Path = Path()


def push(run: Path, backend: ReviewBackend, options: PushOptions, progress: Say) -> PushReport:
    """Shows the rows that the recipe selects for review; rows already shown stay unchanged.

    Raises `InputError` for an unusable task or run, and `UnreachableError` if the server is gone; the next
    push continues.
    """
    with ReviewStore(run) as store:
        reader = RunReader(run)
        try:
            return _Push(store, reader, backend, options, progress).push()
        finally:
            reader.close()


class _Push:
    def __init__(
        self,
        store: ReviewStore,
        reader: RunReader,
        backend: ReviewBackend,
        options: PushOptions,
        progress: Say,
    ) -> None:
        self._store = store
        self._reader = reader
        self._backend = backend
        self._progress = progress
        self._recipe: Recipe = run_recipe_of(reader)
        self._review = options.review or self._recipe.review
        self._task = recipe_task(self._review.task, options.base)
        self._known: Decisions = store.decisions.read()
        self._name = options.name or reader.name.lower()
        self._names = dataset_names(self._name)
        if options.name is None and backend.shares_names:
            own = f"{self._name}-{store.folder.read_id()}"
            self._names |= dataset_names(own)
            self._name = self._free_name(self._name, own)
        self._labels: list[str] = []
        self._report = PushReport()

    def _free_name(self, usual: str, own: str) -> str:
        """The run's name. The run's id is added if datasets with that name belong to another run."""
        targets = [target for target in self._known.targets.values() if target.backend == self._backend.kind]
        ours = {target.id for target in targets}
        pushed = not dataset_names(own).isdisjoint(target.name for target in targets)
        if pushed or any(self._backend.is_taken(name, ours) for name in sorted(dataset_names(usual))):
            return own
        return usual

    def push(self) -> PushReport:
        recipe = self._recipe
        picked = select(self._reader.made(), self._review, judging_of(recipe), recipe.seed)
        if not picked:
            raise InputError("has no drafts to review.", where=str(self._store.folder.path))
        for each in picked:
            self._report.shares[each.share] = self._report.shares.get(each.share, 0) + 1
        wanted = {each.row for each in picked}
        drafts = {row.id: row for row in self._reader.made() if row.id in wanted}
        # For a label question without labels: the classes that the rows have.
        self._labels = sorted({label_of(draft)[1] for draft in drafts.values()})
        for needed, rows in self._by_target(picked).items():
            self._push_rows(needed, rows, drafts)
        self._push_conflicts()
        overlay_of(self._known, recipe).refresh(self._store.overlay, self._store.version)
        return self._report

    def _by_target(self, picked: Sequence[Picked]) -> Mapping[int, Sequence[Picked]]:
        if self._backend.shares_targets:
            return {1: picked}
        groups: dict[int, list[Picked]] = {}
        for each in picked:
            groups.setdefault(each.needed, []).append(each)
        return groups

    def _push_rows(self, needed: int, picked: Sequence[Picked], drafts: Mapping[str, Row]) -> None:
        mixed = self._review.overlap < 1
        name = self._name + (OVERLAP if needed > 1 and mixed else "")
        target = self._open(TargetSpec(name, self._task, needed, labels=self._labels))
        records, shown = [], {}
        for each in picked:
            draft = drafts[each.row]
            try:
                record = record_of(
                    draft, self._task, hide_scores=each.share == "random", seed=self._recipe.seed
                )
            except Unfit as unfit:
                self._report.unfit.append(RefusedRecord(each.row, str(unfit)))
                continue
            records.append(replace(record, needed=each.needed))
            shown[each.row] = ShownRow(target.id, each.row, each.share, each.needed, draft, record.order)
        self._send(target, records, shown, self._decided())

    def _decided(self) -> set[str]:
        """Rows with a decision under this name, even if their dataset is gone."""
        return {
            row
            for row, decision in aggregate_all(self._known).items()
            if decision.answered
            and not decision.waiting
            and self._known.targets[decision.shown.target].name in self._names
        }

    def _push_conflicts(self) -> None:
        """Pushes conflicts: the different texts side by side, for an adjudicator."""
        open_cases = [
            d for d in aggregate_all(self._known).values() if d.status == "conflict" and not d.waiting
        ]
        if not open_cases:
            return
        wanted = TargetSpec(self._name + CONFLICTS, self._task, adjudicates=True, labels=self._labels)
        target = self._open(wanted)
        records, shown = [], {}
        for case in open_cases:
            draft = case.shown.draft
            record = record_of(
                draft,
                self._task,
                hide_scores=True,
                seed=self._recipe.seed,
                versions=versions_of(case, self._known),
            )
            records.append(record)
            shown[record.row] = ShownRow(target.id, record.row, "conflict", 1, draft, record.order)
        self._report.conflicts = len(records)
        self._send(target, records, shown)

    def _open(self, wanted: TargetSpec) -> ReviewTarget:
        target = self._backend.open(wanted)
        self._store.decisions.append(self._known, [target])
        self._report.targets.append(target.name)
        return target

    def _send(
        self,
        target: ReviewTarget,
        records: Sequence[ReviewRecord],
        shown: Mapping[str, ShownRow],
        decided: Set[str] = frozenset(),
    ) -> None:
        """Sends rows that are neither shown nor decided, or that the recipe changed before anybody answered.

        Each row is written to disk before it is shown, so that every answer belongs to a known row.
        """
        present = self._backend.present(target)
        known = self._known.shown
        settled = [record for record in records if record.row in decided and record.row not in present]
        send = [
            record
            for record in records
            if (record.row not in present and record.row not in decided)
            or (present.get(record.row) is False and known.get((target.id, record.row)) != shown[record.row])
        ]
        self._report.decided += len(settled)
        self._report.there += len(records) - len(send) - len(settled)
        late = [r for r in records if r.row in present and (target.id, r.row) not in known]
        done = 0

        def note(batch: Sequence[ReviewRecord]) -> None:
            nonlocal done
            done += len(batch)
            self._progress(f"{target.name}: {done} of {len(send)} rows sent")

        self._store.decisions.append(self._known, [shown[record.row] for record in (*late, *send)])
        refused = self._backend.send(target, send, note) if send else []
        self._report.refused += refused
        self._report.sent += len(send) - len(refused)


def versions_of(case: Decision, decisions: Decisions) -> dict[str, str]:
    """Each annotator's version of a row, by name."""
    versions = {}
    for answer in decisions.answers.values():
        shown = decisions.shown.get((answer.target, answer.row))
        target = decisions.targets[answer.target]
        if answer.row != case.shown.row or shown is None or target.adjudicates or answer.status == "draft":
            continue
        vote = parse_answer(answer, shown)
        texts = [vote.better or vote.text or vote.chosen or vote.label or "", vote.prompt or ""]
        kept = "\n\n".join(text for text in reversed(texts) if text)
        versions[answer.by] = kept if vote.keep else f"*rejected* {', '.join(vote.reasons)}"
    return versions
