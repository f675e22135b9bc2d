"""Reads a run folder (funnel, rows, notes), also while a run is writing."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synth.errors import InputError, MachineError
from synth.llm.base import Json
from synth.recipe.renamed_keys import with_new_keys
from synth.row import Lineage, Row
from synth.store import checksums, database
from synth.store.folder import RunFolder
from synth.store.review_log import DecisionLog

# Rows after people's decisions: from `overlay` if present, otherwise from `rows`. The first form has only the
# counted columns, which an index covers. In the second, SQLite can merge both parts by place without sorting,
# as long as a query selects the place and the column types are equal.
_COUNTED = "draft, ifnull(born, :review) AS born, ended, stage, reason"
_NOW = """(
    SELECT {columns}, CAST(iif(version < :version, 'superseded', status) AS TEXT) AS status
    FROM rows WHERE id NOT IN (SELECT id FROM overlay)
    UNION ALL
    SELECT {columns}, status FROM overlay
)"""
_COUNTS = _NOW.format(columns=_COUNTED)
_ROWS = _NOW.format(columns=f"id, place, receipt, {_COUNTED}")

REVIEW = "review"


@dataclass(frozen=True, slots=True)
class FunnelLine:
    """One stage: the rows that came in or were made there, and their outcomes."""

    stage: str
    came: int
    born: int
    dropped: dict[str, int]
    failed: int
    pending: int

    @property
    def passed(self) -> int:
        """Rows that passed to the next stage."""
        return self.came + self.born - sum(self.dropped.values()) - self.failed - self.pending


class RunReader:
    """Rows and counts of a run. Rows come in the run's fixed order.

    Each call sees the latest state. Use `snapshot` for several calls that must agree with one another.
    """

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        self.name = str(self.folder.read_about().get("name"))
        self._held_recipe: Json | None = None
        # A call that was killed at its very start leaves a database without rows and without a recipe.
        if not (self.folder.database.exists() and self.folder.recipe.exists()):
            raise InputError(
                "has no rows yet.",
                where=str(path),
                hint="`synth run` makes them. It reuses the journal's replies.",
            )
        try:
            checksums.check_to_read(self.folder)
            DecisionLog(self.folder.decisions).check()
            checksums.check_decisions(self.folder)
            self._database = database.connect(self.folder.database, writable=False)
        except sqlite3.OperationalError as error:
            raise MachineError(f"cannot be read: {error}.", where=str(self.folder.database)) from None
        except OSError as error:
            raise MachineError(f"cannot be read: {error.strerror}.", where=str(self.folder.path)) from None
        self._version = self._read_version()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A context manager: all reads inside see the state of one moment, even while a run is writing.

        Do not keep it open for long: SQLite's write-ahead log grows while the run writes.
        """
        self._database.execute("BEGIN")
        try:
            self._version = self._read_version()
            # The recipe is a file, which the database's transaction does not cover.
            self._held_recipe = self.recipe if self.folder.recipe.exists() else None
            yield
        finally:
            self._held_recipe = None
            self._database.execute("ROLLBACK")

    @property
    def recipe(self) -> Json:
        """The effective recipe of the last call. An older run's has its keys under today's names."""
        if self._held_recipe is not None:
            return self._held_recipe
        return with_new_keys(self._parsed(self.folder.recipe.read_bytes(), self.folder.recipe))

    @property
    def base(self) -> Path:
        """The folder that the recipe's paths are relative to. Older runs did not store it; for them
        runs/NAME is assumed.
        """
        return (self.folder.path / (self._meta("base") or Path("..", ".."))).resolve()

    @property
    def finished(self) -> bool:
        """Whether the last call finished."""
        return bool(self._meta("finished"))

    def finished_by(self, fingerprint: str) -> bool:
        """Whether the last call finished with this fingerprint, so that another call has nothing to do."""
        size = self.folder.journal.stat().st_size if self.folder.journal.exists() else 0
        return self._meta("finished") == f"{fingerprint}:{size}"

    @property
    def notes(self) -> Json:
        """The notes of the finished run: findings per model, warnings, sources."""
        return dict(self._parsed(self._meta("notes") or "{}"))

    @property
    def total(self) -> Json:
        """The counters, summed over all calls."""
        return dict(self._parsed(self._meta("total") or "{}"))

    def rows(
        self,
        *,
        status: str | None = None,
        stage: str | None = None,
        only: Callable[[str], bool] | None = None,
    ) -> Iterator[Row]:
        """Rows in the run's order. `stage` selects rows that were made or that ended there.

        `only` filters by id, before a row is decoded.
        """
        query = f"SELECT id, receipt, status, place FROM {_ROWS} WHERE 1"
        if status is not None:
            query += " AND status = :status"
        if stage is not None:
            query += " AND (stage = :stage OR receipt -> '$.lineage.stage' = json_quote(:stage))"
        query += " ORDER BY place"
        values = {**self._now, "status": status, "stage": stage}
        for row_id, receipt, now, _ in self._database.execute(query, values):
            if only is None or only(row_id):
                yield self._row(receipt, now)

    def lineages(self) -> Iterator[tuple[str, Lineage]]:
        """The id and the lineage of every row, in no particular order. This is faster than reading rows."""
        for row_id, receipt in self._database.execute(f"SELECT id, receipt FROM {_ROWS}", self._now):
            yield row_id, Lineage(**self._parsed(receipt)["lineage"])

    def row(self, row_id: str) -> Row:
        """One row by its id or a unique prefix of it. Raises `InputError`."""
        lines = self._database.execute(
            f"SELECT receipt, status FROM {_ROWS} WHERE id >= :start AND id < :end LIMIT 2",
            {**self._now, "start": row_id, "end": row_id + "\x7f"},
        ).fetchall()
        if len(lines) != 1:
            words = "there is no row" if not lines else "several rows begin with"
            raise InputError(
                f"{words} {row_id!r}.", where=str(self.folder.path), hint="`synth show RUN` lists them."
            )
        return self._row(*lines[0])

    def count(self, status: str) -> int:
        """The number of rows in `rows(status=status)`."""
        query = f"SELECT count(*) FROM {_COUNTS} WHERE status = :status"
        (count,) = self._database.execute(query, {**self._now, "status": status}).fetchone()
        return int(count)

    def counts(self) -> dict[str, int]:
        """Rows by status. Kept rows count only if they are drafts, because inputs were not made by the run.

        `carried` are kept rows with a decision that the recipe does not make any more.
        """
        counts: Counter[str] = Counter()
        for status, carried, count in self._database.execute(
            f"SELECT status, status = 'kept' AND born = :review, count(*) FROM {_COUNTS}"
            " WHERE draft = 1 OR status != 'kept' GROUP BY 1, 2",
            self._now,
        ):
            counts["carried" if carried else status] += count
        return dict(sorted(counts.items()))

    def topics(self) -> dict[str | None, int]:
        """Kept drafts by intended topic, including topics whose drafts were all dropped."""
        lines = self._database.execute(
            "SELECT receipt ->> '$.lineage.topic' AS topic, sum(status = 'kept')"
            f" FROM {_ROWS} WHERE draft = 1 AND status != 'superseded' GROUP BY 1 ORDER BY 1",
            self._now,
        )
        return dict(lines.fetchall())

    def label_counts(self, stage: str, label: str) -> dict[str, int]:
        """Kept drafts of one stage by the value of a label."""
        lines = self._database.execute(
            f"SELECT receipt ->> :path AS value, count(*) FROM {_ROWS} WHERE draft = 1 AND status = 'kept'"
            " AND receipt ->> '$.lineage.stage' = :stage AND value IS NOT NULL GROUP BY 1 ORDER BY 1",
            {**self._now, "stage": stage, "path": f'$.labels."{label}"'},
        )
        return dict(lines.fetchall())

    def drops(self) -> dict[str, int]:
        """The number of dropped rows by `stage: reason`."""
        lines = self._database.execute(
            f"SELECT stage || ': ' || reason, count(*) FROM {_COUNTS}"
            " WHERE status = 'dropped' GROUP BY 1 ORDER BY 1",
            self._now,
        )
        return dict(lines.fetchall())

    def funnel(self, stages: list[str]) -> list[FunnelLine]:
        """One line for the sources and one per stage. Each line's numbers add up with the line before.

        If people decided on rows, `review` is the last line.
        """
        groups = self._database.execute(
            f"SELECT born, ended, status, reason, count(*) FROM {_COUNTS} WHERE status != 'superseded'"
            " GROUP BY 1, 2, 3, 4",
            self._now,
        ).fetchall()
        last = self._now["review"]
        if any(last in (born, ended) for born, ended, *_ in groups):
            stages = [*stages, REVIEW]
        lines = []
        came = 0
        for index, stage in enumerate(["sources", *stages]):
            born = sum(n for b, _, _, _, n in groups if b == index)
            ended = [(status, reason, n) for _, e, status, reason, n in groups if e == index]
            dropped: Counter[str] = Counter()
            for status, reason, n in ended:  # one group per stage that made such rows
                if status == "dropped":
                    dropped[str(reason)] += n
            line = FunnelLine(
                stage,
                came,
                born,
                dict(sorted(dropped.items())),
                sum(n for status, _, n in ended if status == "failed"),
                sum(n for status, _, n in ended if status == "pending"),
            )
            lines.append(line)
            came = line.passed
        return lines

    def made(self) -> Iterator[Row]:
        """The rows of the last run's recipe as the stages left them, without people's decisions."""
        for receipt, status in self._database.execute(
            "SELECT receipt, status FROM rows WHERE version >= ? ORDER BY place", (self._version,)
        ):
            yield self._row(receipt, status)

    @property
    def _now(self) -> dict[str, int]:
        """Query parameters: the recipe's version, which tells current rows from older ones, and the index
        of the review.
        """
        stages = len(self.stage_names()) if self.folder.recipe.exists() else 0
        return {"version": self._version, "review": stages + 1}

    def stage_names(self) -> list[str]:
        """The stages of the last call's recipe, in order."""
        return [stage["name"] for stage in self.recipe["stages"]]

    def close(self) -> None:
        """May be called twice."""
        self._database.close()

    def _read_version(self) -> int:
        return int(self._parsed(self._meta("version") or "0"))

    def _row(self, receipt: bytes, status: str) -> Row:
        """A row with its current `status`: a row of an older recipe is superseded."""
        try:
            return Row.from_json({**self._parsed(receipt), "status": status})
        except (KeyError, TypeError) as error:
            raise database.DamagedDatabase(self.folder.database, f"a row lacks {error}") from None

    def _parsed(self, text: str | bytes, file: Path | None = None) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise database.DamagedDatabase(file or self.folder.database, str(error)) from None

    def _meta(self, key: str) -> str | None:
        line = self._database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return line[0] if line else None
