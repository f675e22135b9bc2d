"""What Argilla's own tests leave open: every scope of filters and sorts, lists, and staying in step."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from argilla_server.enums import SimilarityOrder, SortOrder
from argilla_server.search_engine import (
    AndFilter,
    MetadataFilterScope,
    Order,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
    TextQuery,
)
from conftest import World
from sqlalchemy import delete, text, update

ALL = ["alpha", "beta", "gamma", "delta", "empty"]


def metadata(name: str) -> MetadataFilterScope:
    return MetadataFilterScope(metadata_property=name)


def suggestion(question: str, property: str) -> SuggestionFilterScope:
    return SuggestionFilterScope(question=question, property=property)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("red", {"alpha", "beta"}),
        ("RED", {"alpha", "beta"}),
        ("red wine", {"beta"}),
        ('"red wine"', {"beta"}),
        ('"wine red"', set()),
        ('"river wine"~2', {"beta"}),
        ('"river wine"~1', set()),
        ("fox", {"alpha"}),
        ("fox*", {"alpha", "gamma"}),
        ("foz~1", {"alpha"}),
        ("wihne~1", {"beta", "gamma"}),
        ("can't", {"alpha"}),
        ("wine-glasses", {"gamma"}),
        ("blue | wine", {"beta", "gamma"}),
        ("-river", {"gamma", "delta", "empty"}),
        ("river -wine", {"alpha"}),
        ("テキスト", {"delta"}),
        ("🎉", {"delta"}),
        ("!!!", set()),
        ('"', set()),
        ("'; DROP TABLE records; --", set()),
        ('red" OR "blue', set()),
        ("NEAR(red", set()),
        ("text:red", set()),
        ("%", set()),
    ],
)
def test_full_text(world: World, query: str, found: set[str]) -> None:
    assert set(world.search(query)) == found


def test_text_is_found_in_every_kind_of_field_but_pictures(own_world: World) -> None:
    record = own_world.records["empty"]
    record.fields = {
        "chat": [{"role": "user", "content": "one zebra"}, {"role": "assistant", "content": "two yaks"}],
        "data": {"deep": [{"animal": "walrus", "count": 17}]},
        "picture": "https://example.org/quagga.png",
        "text": None,
    }
    own_world.change(record)
    for query in ("zebra", "yaks", "walrus", "17", "animal"):
        assert own_world.search(query) == ["empty"], query
    assert own_world.search("quagga") == []
    assert own_world.search('"zebra two"') == [], "a phrase does not run over two messages"
    assert own_world.search(TextQuery(q="zebra", field="chat")) == ["empty"]
    assert own_world.search(TextQuery(q="zebra", field="text")) == []


def test_a_more_relevant_record_comes_first(own_world: World) -> None:
    own_world.records["gamma"].fields = {"text": "fox fox fox"}
    own_world.change(own_world.records["gamma"])
    assert own_world.search("fox") == ["gamma", "alpha"]


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        (TermsFilter(metadata("stage"), ["draft"]), ["alpha", "gamma"]),
        (TermsFilter(metadata("tags"), ["y"]), ["alpha", "beta"]),
        (TermsFilter(metadata("words"), ["5", "6"]), ["beta", "gamma"]),
        (TermsFilter(metadata("words"), ["six"]), []),
        (RangeFilter(metadata("words"), ge=6), ["alpha", "gamma"]),
        (RangeFilter(metadata("words"), le=5), ["beta"]),
        (RangeFilter(metadata("score"), ge=0.10000000149011612, le=2.5), ["alpha", "beta"]),
        (RangeFilter(metadata("score"), ge=3.299999952316284, le=3.299999952316284), ["delta"]),
        (TermsFilter(suggestion("rating", "value"), ["4"]), ["alpha"]),
        (TermsFilter(suggestion("labels", "value"), ["r"]), ["gamma"]),
        (TermsFilter(suggestion("rating", "agent"), ["gpt"]), ["alpha"]),
        (RangeFilter(suggestion("rating", "score"), ge=0.5, le=1), ["alpha"]),
        (RangeFilter(suggestion("labels", "score"), ge=0.5, le=1), ["gamma"]),
        (TermsFilter(ResponseFilterScope(question="labels"), ["q"]), ["alpha", "beta"]),
        (RangeFilter(ResponseFilterScope(question="rating"), ge=2, le=4), ["beta"]),
        (TermsFilter(RecordFilterScope("external_id"), ["beta"]), ["beta"]),
        (TermsFilter(RecordFilterScope("status"), ["completed"]), []),
        (RangeFilter(RecordFilterScope("inserted_at"), le="2000-01-01"), []),
        (RangeFilter(RecordFilterScope("inserted_at"), ge=0.0), ALL),
        (
            AndFilter([TermsFilter(metadata("stage"), ["draft"]), RangeFilter(metadata("score"), ge=1)]),
            ["gamma"],
        ),
    ],
)
def test_filters(world: World, filter_: Any, found: list[str]) -> None:
    assert world.search(filter=filter_) == found


@pytest.mark.parametrize(
    ("user", "statuses", "found"),
    [
        ("ann", ["pending"], ["gamma", "delta", "empty"]),
        ("bob", ["pending"], ["beta", "delta", "empty"]),
        ("ann", ["submitted"], ["alpha"]),
        ("bob", ["submitted", "discarded"], ["alpha", "gamma"]),
        ("ann", ["pending", "draft"], ["beta", "gamma", "delta", "empty"]),
        (None, ["pending"], ["delta", "empty"]),
        (None, ["discarded"], ["gamma"]),
    ],
)
def test_response_status_is_a_users_own_or_anybodys(
    world: World, user: str | None, statuses: list[str], found: list[str]
) -> None:
    scope = ResponseFilterScope(property="status", user=world.users[user] if user else None)
    before = list(statuses)
    assert world.search(filter=TermsFilter(scope, statuses)) == found
    assert statuses == before, "the caller's filter stays as it is"


def test_response_values_are_a_users_own_or_anybodys(world: World) -> None:
    for user, found in ((world.users["ann"], []), (world.users["bob"], ["alpha"]), (None, ["alpha"])):
        assert (
            world.search(filter=TermsFilter(ResponseFilterScope(question="rating", user=user), ["5"]))
            == found
        )


def test_a_record_by_its_id(world: World) -> None:
    filter_ = TermsFilter(RecordFilterScope("id"), [str(world.records["gamma"].id), "no id"])
    assert world.search(filter=filter_) == ["gamma"]


@pytest.mark.parametrize(
    ("scope", "ascending", "descending"),
    [
        (metadata("score"), ["alpha", "beta", "delta", "gamma"], ["gamma", "delta", "beta", "alpha"]),
        (metadata("words"), ["beta", "gamma", "alpha"], ["alpha", "gamma", "beta"]),
        (metadata("tags"), ["alpha", "beta", "gamma"], ["gamma", "alpha", "beta"]),
        (suggestion("rating", "value"), ["beta", "alpha"], ["alpha", "beta"]),
        (suggestion("rating", "score"), ["beta", "alpha"], ["alpha", "beta"]),
        (suggestion("rating", "agent"), ["alpha", "beta"], ["beta", "alpha"]),
        (ResponseFilterScope(question="rating"), ["beta", "alpha"], ["alpha", "beta"]),
        (ResponseFilterScope(property="status"), ["gamma", "beta", "alpha"], ["alpha", "beta", "gamma"]),
        (RecordFilterScope("external_id"), sorted(ALL), sorted(ALL, reverse=True)),
        (RecordFilterScope("inserted_at"), ALL, ALL[::-1]),
    ],
)
def test_sorts_put_the_missing_last(
    world: World, scope: Any, ascending: list[str], descending: list[str]
) -> None:
    for order, expected in ((SortOrder.asc, ascending), (SortOrder.desc, descending)):
        found = world.search(sort=[Order(scope, order)])
        assert found[: len(expected)] == expected
        assert sorted(found) == sorted(ALL)


def test_a_second_sort_settles_what_the_first_leaves(world: World) -> None:
    found = world.search(
        sort=[Order(metadata("stage"), SortOrder.asc), Order(metadata("score"), SortOrder.desc)]
    )
    assert found == ["gamma", "alpha", "beta", "delta", "empty"]


def test_one_users_ratings_sort_that_users_list(world: World) -> None:
    scope = ResponseFilterScope(question="rating", user=world.users["ann"])
    assert world.search(sort=[Order(scope, SortOrder.desc)])[:2] == ["beta", "alpha"]


def test_each_user_meets_the_records_in_an_order_of_their_own(world: World) -> None:
    orders = {tuple(world.search(user_id=uuid4())) for _ in range(20)}
    assert len(orders) > 5
    assert all(sorted(order) == sorted(ALL) for order in orders)
    user = uuid4()
    assert world.search(user_id=user) == world.search(user_id=user)
    pages = [world.search(user_id=user, offset=offset, limit=2) for offset in (0, 2, 4)]
    assert [name for page in pages for name in page] == world.search(user_id=user)


def test_the_total_is_told_beyond_the_last_page(world: World) -> None:
    responses = world.run(world.engine.search(world.dataset, "red", offset=10))
    assert (responses.items, responses.total) == ([], 2)


def test_similarity(world: World) -> None:
    settings = world.dataset.vectors_settings[0]

    def similar(**named: Any) -> list[tuple[str, float]]:
        found = world.run(world.engine.similarity_search(world.dataset, settings, **named))
        return list(zip(world.names(found), [round(item.score, 2) for item in found.items], strict=True))

    assert similar(value=[2.0, 0.0]) == [("alpha", 1.0), ("beta", 1.0), ("delta", 0.5), ("gamma", 0.0)]
    assert similar(record=world.records["alpha"]) == [("beta", 1.0), ("delta", 0.5), ("gamma", 0.0)]
    least = SimilarityOrder.least_similar
    assert similar(value=[2.0, 0.0], order=least, max_results=1) == [("gamma", 1.0)]
    assert similar(value=[2.0, 0.0], threshold=0.6) == [("alpha", 1.0), ("beta", 1.0)]
    assert similar(value=[2.0, 0.0], query="wine") == [("beta", 1.0), ("gamma", 0.0)]
    draft = TermsFilter(metadata("stage"), ["draft"])
    assert similar(value=[2.0, 0.0], filter=draft) == [("alpha", 1.0), ("gamma", 0.0)]


def test_similarity_follows_every_change_of_a_vector(own_world: World) -> None:
    from argilla_server.models import Vector

    settings = own_world.dataset.vectors_settings[0]

    def nearest() -> list[str]:
        return own_world.names(
            own_world.run(own_world.engine.similarity_search(own_world.dataset, settings, value=[0.0, 1.0]))
        )

    assert nearest()[0] == "beta"

    async def execute(statement: Any) -> None:
        async with own_world.sessions() as session:
            await session.execute(statement)
            await session.commit()

    changed = Vector.record_id == own_world.records["gamma"].id
    own_world.run(execute(update(Vector).where(changed).values(value=[0.0, 5.0])))
    assert nearest()[0] == "gamma"
    own_world.run(execute(delete(Vector).where(changed)))
    assert "gamma" not in nearest()


def _seen_by(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of vectors in each page that is read."""
    from argilla_local import vectors

    read, sizes = vectors._page, []

    def noted(changes: Any, dimensions: int) -> Any:
        sizes.append(len(changes))
        return read(changes, dimensions)

    monkeypatch.setattr(vectors, "_page", noted)
    return sizes


def _nearest(world: World, value: list[float]) -> list[str]:
    settings = world.dataset.vectors_settings[0]
    return world.names(world.run(world.engine.similarity_search(world.dataset, settings, value=value)))


def test_only_the_vectors_that_changed_are_read_again(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argilla_local import vectors

    monkeypatch.setattr(vectors, "_PAGE", 3)
    sizes = _seen_by(own_world, monkeypatch)
    assert _nearest(own_world, [1.0, 0.0]) == ["alpha", "beta", "delta", "gamma"]
    assert sizes == [3, 1]
    own_world.run(
        _execute(own_world, """UPDATE vectors SET value = '[3.0, 0.0]' WHERE value = '[-1.0, 0.0]'""")
    )
    assert sorted(_nearest(own_world, [1.0, 0.0])[:2]) == ["alpha", "gamma"]
    gone = own_world.records["alpha"].id.hex
    own_world.run(_execute(own_world, f"DELETE FROM records WHERE id = '{gone}'"))
    assert _nearest(own_world, [1.0, 0.0]) == ["gamma", "beta", "delta"]
    assert sizes == [3, 1, 1, 1]


def test_whoever_lists_a_dataset_has_its_vectors_read(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argilla_local.engine import SqliteSearchEngine

    own_world.engine = engine = SqliteSearchEngine(own_world.sessions, reads_ahead=True)
    sizes = _seen_by(own_world, monkeypatch)

    async def list_twice() -> None:
        for _ in range(2):
            await engine.search(own_world.dataset)
        await asyncio.gather(*engine._vectors._ahead.values())

    own_world.run(list_twice())
    assert sizes == [4]
    assert _nearest(own_world, [1.0, 0.0])[0] == "alpha"
    assert sizes == [4], "find similar had nothing to read"
    own_world.run(
        _execute(own_world, """UPDATE vectors SET value = '[1.0, 0.0]' WHERE value = '[0.0, 0.0]'""")
    )
    own_world.run(engine.index_records(own_world.dataset, []))
    own_world.run(list_twice())
    assert sizes == [4, 1]


def test_a_database_of_an_older_version_gets_this_ones_triggers(own_world: World) -> None:
    from argilla_local import schema

    async def put_back_and_install() -> None:
        async with own_world.database.begin() as connection:
            await connection.execute(text("DROP TABLE argilla_local_vector_changes"))
            await connection.execute(text("DROP TRIGGER argilla_local_vector_moved"))
            await connection.execute(text("DROP TRIGGER argilla_local_vector_added"))
            counted = "UPDATE argilla_local_vector_versions SET version = version + 1"
            await connection.execute(
                text(
                    f"CREATE TRIGGER argilla_local_vector_added AFTER INSERT ON vectors BEGIN {counted}; END"
                )
            )
            await connection.run_sync(schema.install)

    own_world.run(put_back_and_install())
    assert _nearest(own_world, [1.0, 0.0]) == ["alpha", "beta", "delta", "gamma"]
    record, kind = own_world.records["empty"].id.hex, own_world.dataset.vectors_settings[0].id.hex
    added = "INSERT INTO vectors (id, record_id, vector_settings_id, value, inserted_at, updated_at) "
    added += f"VALUES ('{'0' * 32}', '{record}', '{kind}', '[0.0, 1.0]', datetime(), datetime())"
    own_world.run(_execute(own_world, added))
    assert _nearest(own_world, [0.0, 1.0])[0] == "empty"


async def _execute(world: World, statement: str) -> None:
    async with world.sessions() as session:
        await session.execute(text("PRAGMA foreign_keys = ON"))
        await session.execute(text(statement))
        await session.commit()


def test_the_index_follows_every_change_of_a_record(own_world: World) -> None:
    own_world.records["alpha"].fields = {"text": "an orange cat"}
    own_world.change(own_world.records["alpha"])
    assert own_world.search("orange") == ["alpha"]
    assert own_world.search("fox") == []

    async def remove() -> None:
        async with own_world.sessions() as session:
            await session.execute(text("PRAGMA foreign_keys = ON"))
            await session.execute(text("DELETE FROM datasets"))
            await session.commit()

    own_world.run(remove())
    assert own_world.search("orange | red") == []
    assert _index_rows(own_world) == 0, "words go with the records of a removed dataset"


def test_an_index_whose_triggers_were_lost_is_made_again(own_world: World) -> None:
    from argilla_local import text_index

    async def lose_and_install() -> None:
        async with own_world.database.begin() as connection:
            await connection.execute(text("DROP TRIGGER argilla_local_record_changed"))
            await connection.execute(text("""UPDATE records SET fields = '{"text": "tangerine"}'"""))
            await connection.run_sync(text_index.install)

    own_world.run(lose_and_install())
    assert sorted(own_world.search("tangerine")) == sorted(ALL)
    assert own_world.search("fox") == []


def _index_rows(world: World) -> int:
    async def count() -> int:
        async with world.sessions() as session:
            return await session.scalar(text("SELECT count(*) FROM argilla_local_texts")) or 0

    rows: int = world.run(count())
    return rows


def test_metrics(world: World) -> None:
    properties = {one.name: one for one in world.dataset.metadata_properties}

    def metrics(name: str) -> dict[str, Any]:
        found: dict[str, Any] = world.run(world.engine.compute_metrics_for(properties[name])).model_dump()
        return found

    tags = [{"term": "y", "count": 2}, {"term": "x", "count": 1}, {"term": "z", "count": 1}]
    assert metrics("tags") == {"type": "terms", "total": 4, "values": tags}
    assert metrics("words") == {"type": "integer", "min": 5, "max": 7}
    assert metrics("score") == {"type": "float", "min": pytest.approx(0.1), "max": 4.75}


def test_progress(world: World) -> None:
    assert world.run(world.engine.get_dataset_progress(world.dataset)) == {"total": 5, "pending": 5}
    for name, expected in (
        ("ann", {"total": 2, "submitted": 1, "draft": 1}),
        ("bob", {"total": 2, "submitted": 1, "discarded": 1}),
    ):
        assert world.run(world.engine.get_dataset_user_progress(world.dataset, world.users[name])) == expected
