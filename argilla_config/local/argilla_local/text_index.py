"""The full-text index: tables in the server's own database that triggers keep up to date.

A record and its words change in one transaction, so a crash undoes both.
One row of `argilla_local_texts` is one field of one record (of a chat field, one message).
"""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import ColumnElement, Connection, Select, String, column, func, select, table, text
from sqlalchemy.ext.asyncio import AsyncSession

from argilla_local import triggers
from argilla_local.query_string import And, Fuzzy, Leaf, Not, Or, Phrase, Prefix, Query, Word, positive_leaves

TEXTS = table(
    "argilla_local_texts", column("id"), column("record_id"), column("field"), column("text", String)
)
WORDS = table("argilla_local_words", column("rowid"), column("text", String), column("rank"))
VOCABULARY = table("argilla_local_vocabulary", column("term", String), column("doc"))

MAX_FUZZY_EXPANSIONS = 10
"""The maximum number of words for one fuzzy word, as Argilla sets it for Elasticsearch."""

# Only text is searched: the messages of a chat without their roles, all of a custom field, no images.
_FIELD_TEXTS = """
    SELECT {record}.id, field.key, field.value
      FROM {source} json_each({record}.fields) AS field
      LEFT JOIN fields ON fields.dataset_id = {record}.dataset_id AND fields.name = field.key
     WHERE field.type = 'text' AND coalesce(json_extract(fields.settings, '$.type'), '') <> 'image'
    UNION ALL
    SELECT {record}.id, field.key, json_extract(message.value, '$.content')
      FROM {source} json_each({record}.fields) AS field, json_each(field.value) AS message
     WHERE field.type = 'array' AND json_extract(message.value, '$.content') IS NOT NULL
    UNION ALL
    SELECT {record}.id, field.key, group_concat(coalesce(leaf.key, '') || ' ' || leaf.atom, ' ')
      FROM {source} json_each({record}.fields) AS field, json_tree(field.value) AS leaf
     WHERE field.type = 'object' AND leaf.atom IS NOT NULL
     GROUP BY {record}.id, field.key
"""
_ADD = "INSERT INTO argilla_local_texts (record_id, field, text) " + _FIELD_TEXTS
_ADD_NEW = _ADD.format(source="", record="NEW")
_ADD_ALL = _ADD.format(source="records,", record="records")
_TABLES = (
    "CREATE TABLE IF NOT EXISTS argilla_local_texts "
    "(id INTEGER PRIMARY KEY, record_id CHAR(32) NOT NULL, field VARCHAR NOT NULL, text TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ix_argilla_local_texts_record_id ON argilla_local_texts (record_id)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS argilla_local_words USING fts5("
    "text, content='argilla_local_texts', content_rowid='id', tokenize='unicode61 remove_diacritics 0')",
    "CREATE VIRTUAL TABLE IF NOT EXISTS argilla_local_vocabulary USING fts5vocab(argilla_local_words, 'row')",
)
_FORGET_TEXTS = "DELETE FROM argilla_local_texts WHERE record_id = OLD.id;"
_TRIGGERS = {
    "argilla_local_record_added": f"AFTER INSERT ON records BEGIN {_ADD_NEW}; END",
    "argilla_local_record_changed": "AFTER UPDATE OF fields ON records "
    f"BEGIN {_FORGET_TEXTS} {_ADD_NEW}; END",
    "argilla_local_record_removed": f"AFTER DELETE ON records BEGIN {_FORGET_TEXTS} END",
    "argilla_local_text_added": "AFTER INSERT ON argilla_local_texts BEGIN "
    "INSERT INTO argilla_local_words (rowid, text) VALUES (NEW.id, NEW.text); END",
    "argilla_local_text_removed": "AFTER DELETE ON argilla_local_texts BEGIN "
    "INSERT INTO argilla_local_words (argilla_local_words, rowid, text) "
    "VALUES ('delete', OLD.id, OLD.text); END",
}


def install(connection: Connection) -> None:
    """Creates tables and triggers, and fills the tables if they are new (the database of another server)."""
    for statement in _TABLES:
        connection.execute(text(statement))
    if triggers.ensure(connection, _TRIGGERS):
        connection.execute(text("DELETE FROM argilla_local_texts"))
        connection.execute(text(_ADD_ALL))


async def matches(
    session: AsyncSession, query: Query, record_id: ColumnElement[str], field: str | None
) -> ColumnElement[bool]:
    """The condition that a record matches. Each leaf may match a different field."""
    if isinstance(query, Not):
        return ~(await matches(session, query.child, record_id, field))
    if isinstance(query, And | Or):
        parts = [await matches(session, child, record_id, field) for child in query.children]
        combined = parts[0]
        for part in parts[1:]:
            combined = combined & part if isinstance(query, And) else combined | part
        return combined
    found: Select[tuple[str]]
    if _needs_substring(query.text):
        found = select(TEXTS.c.record_id).where(TEXTS.c.text.contains(query.text, autoescape=True))
    else:
        expression = await _fts_expression(session, query)
        rows = select(WORDS.c.rowid).where(WORDS.c.text.op("MATCH")(expression))
        found = select(TEXTS.c.record_id).where(TEXTS.c.id.in_(rows))
    if field is not None:
        found = found.where(TEXTS.c.field == field)
    return record_id.in_(found)


async def scores(session: AsyncSession, query: Query, field: str | None) -> Select[tuple[str, float]] | None:
    """(record id, relevance) of the records that contain a leaf: BM25, summed over their fields."""
    leaves = [leaf for leaf in positive_leaves(query) if not _needs_substring(leaf.text)]
    if not leaves:
        return None
    expression = " OR ".join([f"({await _fts_expression(session, leaf)})" for leaf in leaves])
    ranked = (
        select(TEXTS.c.record_id, func.sum(-WORDS.c.rank).label("score"))
        .join_from(WORDS, TEXTS, TEXTS.c.id == WORDS.c.rowid)
        .where(WORDS.c.text.op("MATCH")(expression))
        .group_by(TEXTS.c.record_id)
    )
    return ranked if field is None else ranked.where(TEXTS.c.field == field)


async def _fts_expression(session: AsyncSession, leaf: Leaf) -> str:
    """`leaf` in the language of FTS5's MATCH, with every part quoted."""
    pieces = [_quoted(piece) for piece in re.findall(r"\w+(?:['’.]\w+)*", leaf.text)] or [_quoted(leaf.text)]
    match leaf:
        case Word():
            return " AND ".join(pieces)
        case Prefix():
            return " AND ".join([*pieces[:-1], pieces[-1] + " *"])
        case Phrase(slop=slop) if slop and len(pieces) > 1:
            return f"NEAR({' '.join(pieces)}, {slop})"
        case Phrase():
            return _quoted(leaf.text)
        case Fuzzy(edits=edits):
            return " OR ".join(
                [_quoted(word) for word in await _words_near(session, leaf.text.lower(), edits)]
            )


def _quoted(words: str) -> str:
    return '"' + words.replace('"', '""') + '"'


async def _words_near(session: AsyncSession, word: str, edits: int) -> list[str]:
    """`word`, and the indexed words within `edits` edits: the nearest first, then the most frequent."""
    length = func.length(VOCABULARY.c.term)
    candidates = select(VOCABULARY.c.term, VOCABULARY.c.doc).where(
        length.between(len(word) - edits, len(word) + edits)
    )
    near = []
    for term, records in await session.execute(candidates):
        distance = edit_distance(word, term, edits)
        if distance <= edits:
            near.append((distance, -records, term))
    return [word, *(term for _, _, term in sorted(near)[:MAX_FUZZY_EXPANSIONS] if term != word)]


def edit_distance(one: str, other: str, limit: int) -> int:
    """The Levenshtein distance, or `limit + 1` if it is larger than `limit`."""
    previous = list(range(len(other) + 1))
    for row, char in enumerate(one, start=1):
        current = [row]
        for col, other_char in enumerate(other, start=1):
            change = previous[col - 1] + (char != other_char)
            current.append(min(change, previous[col] + 1, current[col - 1] + 1))
        if min(current) > limit:
            return limit + 1
        previous = current
    return previous[-1]


_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


def _needs_substring(words: str) -> bool:
    """Whether FTS5 cannot split the text into words (Chinese, Japanese, Thai...) or drops it (emoji)."""
    return bool(_UNSPACED.search(words)) or any(unicodedata.category(char) == "So" for char in words)
