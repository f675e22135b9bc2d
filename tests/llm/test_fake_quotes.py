"""The fake model answers from passages, so that a recipe with `respond: grounded` can be tried offline."""

from __future__ import annotations

from pathlib import Path

import synth

SUPPORT = Path(__file__).parents[2] / "examples" / "support"
RECIPE = """\
name: grounded
models: {writer: {provider: fake}}
sources: {prompts: prompts.jsonl, documents: articles/*.md}
stages: [respond: {grounded: {in_prompt: false}}]
export: {format: trl-sft}
"""


def test_a_grounded_run_on_the_fake_model_keeps_rows_with_sentences_of_the_documents(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    texts = []
    for file in (SUPPORT / "documents").glob("*.md"):
        texts.append(file.read_text("utf-8"))
        (tmp_path / "articles" / file.name).write_text(texts[-1], "utf-8")
    (tmp_path / "prompts.jsonl").write_bytes((SUPPORT / "prompts.jsonl").read_bytes())
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    rows = list(synth.run(tmp_path / "recipe.yaml").rows())
    kept = [row["messages"][-1]["content"] for row in rows if row["status"] == "kept"]
    assert len(rows) == 40
    assert len(kept) == 40
    assert len(set(kept)) > 20
    assert all(any(answer in text for text in texts) for answer in kept)
