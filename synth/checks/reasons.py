"""What the checks of the stage `check` can object to."""

from __future__ import annotations

from synth.reasons import Reason


class CheckReason(Reason):
    """Why an executed answer is wrong."""

    NOT_JSON = "not_json", "the answer is not exactly one JSON document, has a duplicate key, or has `NaN`"
    OFF_SCHEMA = "off_schema", "the answer does not match the schema; the detail says where"
    NOT_SQL = "not_sql", "the answer does not parse as SQL, has several statements, or has none"
    SQL_ERROR = "sql_error", "the database refuses the query: an unknown column, or a type that does not fit"
    SQL_WRITES = (
        "sql_writes",
        "the query does more than read: `INSERT`, `PRAGMA`, `ATTACH`, `COPY`, loading an extension",
    )
    SQL_TIME = "sql_time", "the query takes longer than `seconds`"
    SQL_EMPTY = "sql_empty", "the result has no rows, and `empty` is false"
    CHECK_FAILED = "check_failed", "your function rejects the answer; the detail is what it returned"
