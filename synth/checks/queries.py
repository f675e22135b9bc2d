"""A check that runs an answer's SQL on a read-only database, with limits on time and memory."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from synth.checks.reasons import CheckReason
from synth.checks.verdict import AnswerCheck, Objection
from synth.errors import RecipeError, UnreachableError
from synth.hints import pip_install
from synth.isolated import Isolated, TooMuch
from synth.isolated.reasons import LimitReason
from synth.llm.base import Json
from synth.row import Row

# Time is measured in SQLite's own steps, so that a busy machine does not change which rows are kept. This
# number of steps counts as one second.
STEPS_A_SECOND: Final = 10_000_000
_STEPS_A_LOOK: Final = 10_000
# The longest value and statement, in bytes: `zeroblob(1e9)` is a single step.
_LONGEST_VALUE: Final = 2**24
# DuckDB's memory limit per query; and the limit in bytes of the whole process, since DuckDB reserves more
# than it uses.
_DUCKDB_MEMORY: Final = "1GB"
_MEMORY: Final = {"sqlite": 2**30, "duckdb": 4 * 2**30}

_FENCED: Final = re.compile(r"^[ \t]*```[ \t]*\w*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.MULTILINE)
_READS: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_NO_FUNCTIONS: Final = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})


def sql_check(file: Path, seconds: float, *, empty: bool) -> AnswerCheck:
    """Checks that the answer is one SQL query that runs on `file`. With `empty`, its result may have no rows.

    The query is the only fenced block of the answer, or the whole answer. Raises `RecipeError` if the file is
    not a database, and `UnreachableError` if DuckDB is not installed.
    """
    process = Isolated(_MEMORY[_kind_of(file)])

    def check(row: Row) -> Objection | None:
        query = query_of(row.conversation.answer or "")
        if not query:
            return Objection(CheckReason.NOT_SQL, "the answer has no query")
        try:
            said = process.ask("sql", 2 * seconds, file=str(file.resolve()), query=query, allowed=seconds)
        except TooMuch as error:
            reason = (
                CheckReason.SQL_TIME if error.reason is LimitReason.CHECK_TIMEOUT else CheckReason.SQL_ERROR
            )
            return Objection(reason, f"{error.words}: {query[:200]}")
        if said["objection"] is not None:
            code, words = said["objection"]
            return Objection(CheckReason(code), words)
        return None if said["rows"] or empty else Objection(CheckReason.SQL_EMPTY, f"no rows: {query[:200]}")

    return AnswerCheck(check, process.close)


def query_of(answer: str) -> str:
    """The only fenced block of an answer, or the whole answer."""
    fenced = _FENCED.findall(answer)
    return str(fenced[0] if len(fenced) == 1 else answer).strip().rstrip(";").strip()


def run_query(file: str, query: str, allowed: float) -> Json:
    """Runs `query` in this process. Returns what is wrong with it, and whether its result has a row."""
    run = _on_sqlite if _kind_of(Path(file)) == "sqlite" else _on_duckdb
    objection, rows = run(Path(file), query, allowed)
    return {"objection": objection and [objection.reason, objection.detail], "rows": rows}


def _kind_of(file: Path) -> Literal["sqlite", "duckdb"]:
    with file.open("rb") as content:
        start = content.read(16)
    if start.startswith(b"SQLite format 3\x00"):
        return "sqlite"
    if start[8:12] == b"DUCK":
        if importlib.util.find_spec("duckdb") is None:
            raise UnreachableError(
                "DuckDB is not installed.", where=str(file), hint=f"Install it: `{pip_install('duckdb')}`."
            )
        return "duckdb"
    raise RecipeError("is neither a SQLite nor a DuckDB database.", where=str(file))


def _on_sqlite(file: Path, query: str, seconds: float) -> tuple[Objection | None, bool]:
    connection = _opened(file)
    looks = int(seconds * STEPS_A_SECOND / _STEPS_A_LOOK)
    connection.set_progress_handler(_ends_after(looks), _STEPS_A_LOOK)
    cursor = connection.cursor()
    try:
        cursor.execute(query)
        if cursor.description is None:
            return Objection(CheckReason.NOT_SQL, f"is not a query: {query[:200]}"), False
        rows = cursor.fetchone() is not None
        while cursor.fetchmany(1000):  # Reads all rows, because an error can occur in the last one.
            pass
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        return _sqlite_objection(error, query), False
    finally:
        cursor.close()
    return None, rows


@lru_cache(maxsize=1)
def _opened(file: Path) -> sqlite3.Connection:
    """One connection for all queries. None of them can change the file or the connection."""
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, _LONGEST_VALUE)
    # Sorting uses memory, which is limited, and cannot fill the disk.
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.set_authorizer(_only_reads)
    return connection


def _only_reads(action: int, first: str | None, second: str | None, *_: object) -> int:
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _NO_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _ends_after(looks: int) -> Callable[[], bool]:
    left = [looks]

    def ends() -> bool:
        left[0] -= 1
        return left[0] < 0

    return ends


def _sqlite_objection(error: Exception, query: str) -> Objection:
    words = str(error)
    if "interrupted" in words:
        return Objection(CheckReason.SQL_TIME, f"takes longer than allowed: {query[:200]}")
    if "not authorized" in words or "prohibited" in words:
        return Objection(CheckReason.SQL_WRITES, f"does more than read ({words}): {query[:200]}")
    syntax = "syntax error" in words or "incomplete input" in words or "unrecognized token" in words
    one_only = "one statement at a time" in words
    return Objection(
        CheckReason.NOT_SQL if syntax or one_only else CheckReason.SQL_ERROR, f"{words}: {query[:200]}"
    )


def _on_duckdb(file: Path, query: str, seconds: float) -> tuple[Objection | None, bool]:
    """Runs a query on DuckDB, which has no steps to count: the clock limits it."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "threads": "1",
        "memory_limit": _DUCKDB_MEMORY,
    }
    connection = duckdb.connect(str(file), read_only=True, config=settings)
    timer = threading.Timer(seconds, connection.interrupt)
    try:
        connection.execute("SET lock_configuration = true")
        statements = duckdb.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            several = len(statements) != 1
            code = CheckReason.NOT_SQL if several else CheckReason.SQL_WRITES
            return Objection(
                code, f"{'is not one query' if several else 'does more than read'}: {query[:200]}"
            ), False
        timer.start()
        result = connection.execute(statements[0])
        rows = result.fetchone() is not None
        while result.fetchmany(1000):
            pass
    except duckdb.InterruptException:
        return Objection(CheckReason.SQL_TIME, f"takes longer than {seconds:g} s: {query[:200]}"), False
    except duckdb.ParserException as error:
        return Objection(CheckReason.NOT_SQL, f"{error}: {query[:200]}"), False
    except duckdb.Error as error:
        return Objection(CheckReason.SQL_ERROR, f"{error}: {query[:200]}"), False
    finally:
        timer.cancel()
        connection.close()
    return None, rows
