"""`context: documents` and `facts`: what the writer is shown, and what the rows say of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from desks import desk, documents, requests, rows, run, seeds

import synth
from synth.errors import RecipeError, SourceError
from synth.exports.splits import Origins
from synth.llm.base import Json
from synth.row import Lineage, content_id

SOURCES = {"seeds": "seeds.jsonl", "documents": "docs/*.md"}
ALONE = {"answers": False, "per_request": 3}


def prepared(folder: Path, documents_: int = 4, stages: list[Json] | None = None, **options: object) -> Path:
    seeds(folder)
    documents(folder, documents_)
    drafting = {"generate": {"context": "documents", "count": 12, **options}}
    return desk(folder, [*(stages or []), drafting, {"respond": {}}], [], sources=SOURCES)


def passages_in(request: Json) -> list[str]:
    text = request["messages"][-1]["content"]
    return [part.partition("</passage>")[0].strip() for part in text.split("<passage>")[1:]]


def drafting(recipe: Path) -> list[Json]:
    return [request for request in requests(recipe) if passages_in(request)]


def test_every_passage_is_shown_equally_often(tmp_path: Path) -> None:
    recipe = prepared(tmp_path)
    assert run(recipe).error is None
    shown = Counter(text for request in drafting(recipe)[:12] for text in passages_in(request))
    assert sorted(shown.values()) == [3, 3, 3, 3]


@pytest.mark.parametrize("options", [{}, ALONE])
def test_a_row_names_the_passage_of_its_prompt(tmp_path: Path, options: Json) -> None:
    recipe = prepared(tmp_path, **options)
    assert run(recipe).error is None
    shown = {text for request in drafting(recipe) for text in passages_in(request)}
    found = rows(recipe, status="kept")
    for row in found:
        source = row["lineage"]["source"]
        text = (tmp_path / source["file"]).read_text()[source["start"] : source["end"]]
        assert row["lineage"]["parents"] == [content_id("passage", text)]
        assert text in shown
    assert len({row["lineage"]["source"]["file"] for row in found}) == 4


def test_the_rows_of_one_passage_share_a_split(tmp_path: Path) -> None:
    recipe = prepared(tmp_path, 8, count=40, **ALONE)
    assert run(recipe).error is None
    found = rows(recipe, status="kept")
    lineages = [(row["id"], Lineage(**row["lineage"])) for row in synth.open(recipe).rows()]
    origins = Origins(lineages, 0.5)
    splits: dict[str, set[str | None]] = {}
    for row in found:
        splits.setdefault(row["lineage"]["source"]["file"], set()).add(origins.split(row["id"]))
    assert {len(each) for each in splits.values()} == {1}
    assert {split for each in splits.values() for split in each} == {"train", "test"}


@pytest.mark.parametrize(
    ("answer", "claims"),
    [
        ("It runs at 107 degrees in step 7.", None),
        ("Press **Cool down** under Settings > Heat: error BX-77 ends after 45 minutes.",
         ("'Settings > Heat'", "'BX-77'", "'45 minutes'")),
    ],
)  # fmt: skip
def test_facts_that_the_passage_lacks_drop_the_draft(
    tmp_path: Path, answer: str, claims: tuple[str, ...] | None
) -> None:
    script = [{"match": ".", "text": {"instruction": "How hot is the kiln in step 7?", "response": answer}}]
    seeds(tmp_path)
    documents(tmp_path, 1)
    stages = [{"generate": {"context": "documents", "count": 1}}]
    recipe = desk(tmp_path, stages, script, sources=SOURCES)
    run(recipe, "budget.requests=1")
    (row,) = rows(recipe)
    if claims is None:
        assert row["status"] == "kept"
        return
    assert row["reason"] == "unsupported"
    assert row["detail"].startswith("nothing supports ")
    assert all(claim in row["detail"] for claim in claims)
    # Without evidence, there is nothing to check it against.
    recipe = desk(tmp_path, [{"generate": {"count": 1}}], script, sources=SOURCES)
    run(recipe, "budget.requests=1", out=tmp_path / "without")
    assert [row["reason"] for row in synth.open(tmp_path / "without").rows(status="kept")][-1] is None


def test_a_new_document_asks_only_about_itself(tmp_path: Path) -> None:
    recipe = prepared(tmp_path, 8, count=16, shots_from_drafts=0)
    assert run(recipe, "window=1").error is None
    before = len(drafting(recipe))
    documents(tmp_path, 9)
    assert run(recipe, "window=1").error is None
    new = [text for request in drafting(recipe)[before:] for text in passages_in(request)]
    assert 1 <= len(new) <= 3
    assert all("number 8" in text for text in new)


def test_a_topic_is_shown_with_its_nearest_passages(tmp_path: Path) -> None:
    topics = {"topics": {"taxonomy": ["a kiln", "a loom"]}}
    recipe = prepared(tmp_path, 8, [topics], count=12)
    assert run(recipe).error is None
    first = {"a kiln": "The kiln", "a loom": "A loom"}
    for topic, words in first.items():
        about = [r for r in drafting(recipe) if f"example about: {topic}." in r["messages"][-1]["content"]]
        shown = Counter(text for request in about for text in passages_in(request))
        # The two nearest take turns, and one of them is the document about the topic.
        assert len(shown) == 2
        assert abs(shown.most_common()[0][1] - shown.most_common()[1][1]) <= 1
        assert any(words in text for text in shown)


def test_a_passage_is_shown_below_its_headings(tmp_path: Path) -> None:
    seeds(tmp_path)
    (tmp_path / "docs").mkdir()
    body = "The press has two keys, and both open the lid of it. " * 10
    (tmp_path / "docs" / "a.md").write_text(f"# Press\n\n## Keys\n\n{body}\n\n## Lids\n\n{body}")
    recipe = desk(tmp_path, [{"generate": {"context": "documents", "count": 4}}], [], sources=SOURCES)
    run(recipe, "budget.requests=4")
    shown = {text.partition("The press")[0] for request in drafting(recipe) for text in passages_in(request)}
    assert shown == {"# Press\n\n## Keys\n\n", "Press\n\n## Lids\n\n"}


@pytest.mark.parametrize("options", [{}, ALONE])
def test_facts_are_shown_in_every_request(tmp_path: Path, options: Json) -> None:
    seeds(tmp_path)
    (tmp_path / "facts.md").write_text("The press has two keys.\n")
    stages = [{"generate": {"facts": "facts.md", "count": 6, **options}}, {"respond": {}}]
    recipe = desk(tmp_path, stages, [], sources={"seeds": "seeds.jsonl"})
    assert run(recipe).error is None
    systems = [r["messages"][0]["content"] for r in requests(recipe) if r["messages"][0]["role"] == "system"]
    assert len(systems) >= 2
    assert all("<facts>\nThe press has two keys.\n</facts>" in text for text in systems)
    # Another file is another recipe.
    before = len(requests(recipe))
    assert run(recipe).summary["requests"] == 0
    (tmp_path / "facts.md").write_text("The press has three keys.\n")
    assert run(recipe).summary["requests"] > 0
    assert "three keys" in requests(recipe)[before]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "`facts` cannot be read"), (" \n", "is empty"), ("a" * 20_001, "has 20,001 characters")],
)
def test_a_file_of_no_use_says_why(tmp_path: Path, content: str | None, words: str) -> None:
    seeds(tmp_path)
    if content is not None:
        (tmp_path / "facts.md").write_text(content)
    recipe = desk(tmp_path, [{"generate": {"facts": "facts.md"}}], [], sources={"seeds": "seeds.jsonl"})
    with pytest.raises(SourceError, match=words):
        run(recipe)


def test_documents_that_are_missing_or_too_short_are_refused(tmp_path: Path) -> None:
    seeds(tmp_path)
    stages = [{"generate": {"context": "documents"}}]
    with pytest.raises(RecipeError, match=r"sources\.documents"):
        run(desk(tmp_path, stages, [], sources={"seeds": "seeds.jsonl"}))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Too short.")
    with pytest.raises(SourceError, match="a piece needs at least 300"):
        run(desk(tmp_path, stages, [], sources=SOURCES))


def test_facts_are_redacted_like_every_source(tmp_path: Path) -> None:
    seeds(tmp_path)
    (tmp_path / "facts.md").write_text("Ask ann.schmidt@northwind.io for the key of press 7.\n")
    stages = ["redact", {"generate": {"facts": "facts.md", "count": 2}}]
    recipe = desk(tmp_path, stages, [], sources={"seeds": "seeds.jsonl"})
    assert run(recipe).error is None
    said = "\n".join(message["content"] for each in requests(recipe) for message in each["messages"])
    assert "for the key of press 7." in said
    assert "northwind" not in said
