"""Promises 1 to 4 on the fake model: no request twice, no reply lost, equal rows, and edits cost only
their changes.
"""

from __future__ import annotations

import asyncio
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import synth
from synth.api import export, run_with_result
from synth.errors import Unfinished
from synth.llm.base import Json
from synth.store import RunFolder, RunStore
from synth.store.journal import read_records


def run(recipe: Path, out: Path, *changes: str) -> Json:
    result = run_with_result(recipe, out, settings=changes)
    assert result.error is None, result.error
    return result.summary


def exported(run_folder: Path) -> dict[str, bytes]:
    folder = export(run_folder).folder
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def asked(run_folder: Path) -> list[tuple[str, int]]:
    return [(r.identity, r.max_tokens) for _, r in read_records(RunFolder(run_folder).journal)]


def requested(run_folder: Path) -> list[str]:
    return [r.identity for _, r in read_records(RunFolder(run_folder).journal) if r.identity]


def test_a_finished_run_has_nothing_to_do(desk: Path, tmp_path: Path) -> None:
    first = run(desk, tmp_path / "out")
    again = run(desk, tmp_path / "out")
    assert first["accepted"] > 0
    assert first["requests"] > 0
    assert again["requests"] == 0
    assert again["reused"] == 0
    assert again["accepted"] == first["accepted"]
    assert again["total"]["requests"] == first["requests"]


def test_every_row_is_accounted_for_at_every_stage(desk: Path, tmp_path: Path) -> None:
    summary = run(desk, tmp_path / "out", "models.writer.broken=0.2", "models.judge.fail=0.2")
    funnel = synth.open(tmp_path / "out").funnel()
    for before, line in pairwise(funnel):
        assert line.came == before.passed
    rows = list(synth.open(tmp_path / "out").rows())
    dropped = sum(summary["dropped"].values())
    drafts = [row for row in rows if row["lineage"]["stage"] or row["status"] != "kept"]
    assert summary["failed"] > 0
    assert dropped > 0
    assert summary["accepted"] + dropped + summary["failed"] == len(drafts)
    assert all(row["reason"] for row in rows if row["status"] in ("dropped", "failed"))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_journal_cut_short_asks_only_for_what_is_gone(desk: Path, tmp_path: Path, share: float) -> None:
    out = tmp_path / "out"
    run(desk, out)
    files = exported(out)
    journal = RunFolder(out).journal
    whole = journal.read_bytes()
    journal.write_bytes(whole[: int(len(whole) * share)])
    kept = len(asked(out))
    again = run(desk, out)
    assert again["reused"] == kept
    assert exported(out) == files
    identities = asked(out)
    assert len(identities) == len(set(identities))


def test_the_journal_cut_at_every_byte_of_its_last_records(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(desk, out, "stages.generate.count=5", "holdout.rows=50")
    journal = RunFolder(out).journal
    whole = journal.read_bytes()
    places = [place for place, _ in read_records(journal)]
    start = places[-3].offset
    expected = [place.offset + place.length for place in places[-3:]]
    for cut in range(start, len(whole)):
        os.truncate(journal, cut)
        ends = [place.offset + place.length for place, _ in read_records(journal, start)]
        assert ends == [end for end in expected if end <= cut]
        journal.write_bytes(whole)


def test_a_deleted_database_is_made_again_without_asking(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(desk, out)
    files = exported(out)
    for file in out.glob("rows.sqlite*"):
        file.unlink()
    assert run(desk, out)["requests"] == 0
    assert exported(out) == files


def test_a_damaged_database_is_made_again_without_asking(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(desk, out)
    files = exported(out)
    for side in out.glob("rows.sqlite-*"):
        side.unlink()
    database = RunFolder(out).database
    whole = database.read_bytes()
    database.write_bytes(whole[:4096] + b"w" * (len(whole) - 4096))
    assert run(desk, out)["requests"] == 0
    assert exported(out) == files


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), delay=st.sampled_from([0.0, 0.002, 0.01]), window=st.sampled_from([8]))
def test_the_order_of_replies_changes_nothing(
    desk: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, delay: float, window: int
) -> None:
    folder = tmp_path_factory.mktemp("orders")
    common = (f"seed={seed}", f"window={window}")
    run(desk, folder / "still", *common)
    run(desk, folder / "shaken", *common, f"models.writer.delay={delay}", f"models.judge.delay={delay}")
    still, shaken = (exported(folder / name) for name in ("still", "shaken"))
    for file in ("train.jsonl", "test.jsonl", "receipts.jsonl"):
        assert still[file] == shaken[file]


def test_raising_count_asks_for_no_old_request_again(desk: Path, tmp_path: Path) -> None:
    run(desk, tmp_path / "edited")
    before = set(asked(tmp_path / "edited"))
    run(desk, tmp_path / "edited", "stages.generate.count=60")
    run(desk, tmp_path / "fresh", "stages.generate.count=60")
    after = asked(tmp_path / "edited")
    assert before < set(after)
    assert len(after) == len(set(after))
    assert exported(tmp_path / "edited") == exported(tmp_path / "fresh")


def test_another_judges_prompt_asks_the_writer_nothing(desk: Path, tmp_path: Path) -> None:
    run(desk, tmp_path / "edited")
    text = (Path(__file__).parent.parent / "prompts" / "score" / "quality.md").read_text()
    (tmp_path / "strict.md").write_text(text.replace("You grade an", "You grade strictly an"))
    before = len(asked(tmp_path / "edited"))
    summary = run(desk, tmp_path / "edited", "stages.score.rubric=strict.md")
    records = [r for _, r in read_records(RunFolder(tmp_path / "edited").journal)][before:]
    assert summary["requests"] == len(records) > 0
    assert all(b"strictly" in record.request for record in records)
    run(desk, tmp_path / "fresh", "stages.score.rubric=strict.md")
    assert exported(tmp_path / "edited") == exported(tmp_path / "fresh")


def test_raising_max_tokens_asks_again_only_what_was_cut(desk: Path, tmp_path: Path) -> None:
    short = ("models.writer.cut=0.3", "stages.generate.sampling={temperature: 0.7, max_tokens: 300}")
    longer = ("models.writer.cut=0.3", "stages.generate.sampling={temperature: 0.7, max_tokens: 600}")
    run(desk, tmp_path / "edited", *short)
    records = [r for _, r in read_records(RunFolder(tmp_path / "edited").journal)]
    cut = {r.identity for r in records if b'"finish_reason":"length"' in r.reply and r.max_tokens == 300}
    assert cut
    run(desk, tmp_path / "edited", *longer)
    again = [r.identity for _, r in read_records(RunFolder(tmp_path / "edited").journal)][len(records) :]
    old = {r.identity for r in records}
    assert cut & set(again)
    assert set(again) & old <= cut


def test_another_seed_changes_few_draws(desk: Path, tmp_path: Path) -> None:
    run(desk, tmp_path / "out", "stages.generate.count=100")
    before = {
        r.identity
        for _, r in read_records(RunFolder(tmp_path / "out").journal)
        if b'"examples"' not in r.request
    }
    seeds = tmp_path / "seeds.jsonl"
    extra = '{"instruction": "Is there a discount for a school choir?", "response": "Yes, write to sales."}\n'
    seeds.write_text(seeds.read_text() + extra)
    run(desk, tmp_path / "out", "stages.generate.count=100")
    new = [
        r
        for _, r in read_records(RunFolder(tmp_path / "out").journal)
        if r.identity not in before and b"Write one new example" in r.request
    ]
    assert 0 < len(new) <= 25


def test_a_budget_stops_and_goes_on(desk: Path, tmp_path: Path) -> None:
    result = run_with_result(desk, tmp_path / "out", settings=["budget.requests=30"])
    assert isinstance(result.error, Unfinished)
    assert result.exit_code == 1
    assert result.summary["requests"] == 30
    assert result.summary["pending"] > 0
    run(desk, tmp_path / "out")
    run(desk, tmp_path / "fresh")
    assert exported(tmp_path / "out") == exported(tmp_path / "fresh")


def test_failed_requests_are_final_until_told_otherwise(desk: Path, tmp_path: Path) -> None:
    failing = run_with_result(desk, tmp_path / "out", settings=["models.judge.fail=0.5"])
    assert failing.exit_code == 1
    failed = failing.summary["failed"]
    assert failed > 0
    healthy = run_with_result(desk, tmp_path / "out")
    assert healthy.summary["failed"] == failed
    retried = run_with_result(desk, tmp_path / "out", retry_failed=True)
    assert retried.summary["failed"] == 0
    assert retried.exit_code == 0


def refused_then_mended(desk: Path, out: Path) -> tuple[Json, Json]:
    """A run whose writer refuses four of ten requests, and `--retry-failed` when it refuses none."""
    refused = run_with_result(desk, out, settings=["models.writer.fail=0.4"]).summary
    assert refused["failed"] > 0
    mended = run_with_result(desk, out, retry_failed=True)
    assert mended.error is None
    assert mended.exit_code == 0
    return refused, mended.summary


def test_a_retry_replaces_the_rows_that_failed(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused, mended = refused_then_mended(desk, out)
    run(desk, tmp_path / "fresh")
    assert mended["failed"] == 0
    assert not list(synth.open(out).rows(status="failed"))
    assert exported(out) == exported(tmp_path / "fresh")
    assert mended["requests"] >= refused["failed"]
    assert mended["total"]["requests"] == refused["requests"] + mended["requests"] == len(requested(out))


def test_a_retry_that_is_killed_at_its_mark_is_gone_on_with(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    failed = run_with_result(desk, out, settings=["models.writer.fail=0.4"]).summary["failed"]

    async def mark_and_die() -> None:
        store = RunStore(out, "desk")
        store.start()
        assert await store.retry_failures()
        store.close()

    asyncio.run(mark_and_die())
    mended = run(desk, out)
    assert mended["failed"] == 0 < failed
    assert mended["total"]["requests"] == len(requested(out))


def test_a_retry_of_nothing_asks_for_nothing(desk: Path, tmp_path: Path) -> None:
    run(desk, tmp_path / "out")
    size = RunFolder(tmp_path / "out").journal.stat().st_size
    again = run_with_result(desk, tmp_path / "out", retry_failed=True)
    assert (again.exit_code, again.summary["requests"], again.summary["reused"]) == (0, 0, 0)
    assert RunFolder(tmp_path / "out").journal.stat().st_size == size


def test_a_target_is_met_exactly(desk: Path, tmp_path: Path) -> None:
    summaries = []
    for name, delay in (("still", 0.0), ("shaken", 0.003)):
        summary = run(desk, tmp_path / name, "target=23", f"models.writer.delay={delay}")
        summaries.append((summary["accepted"], summary["dropped"]))
    assert summaries[0] == summaries[1]
    assert summaries[0][0] == 23


def test_no_prompt_ever_shows_the_holdout(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(desk, out)
    held = [row for row in synth.open(out).rows() if row["lineage"]["origin"] == "holdout"]
    requests = [record.request.decode() for _, record in read_records(RunFolder(out).journal)]
    assert len(held) == 8
    for row in held:
        for message in row["messages"]:
            assert not any(message["content"] in request for request in requests)


def test_a_budget_stops_in_front_of_a_stage_with_an_order(desk: Path, tmp_path: Path) -> None:
    """Rows that wait their turn behind one that nobody can pay for any more end as pending."""
    text = desk.read_text().replace("  - standardise: {}\n  - dedupe: {}\n", "")
    desk.write_text(text.replace("'>= 2'}\n", "'>= 2'}\n  - dedupe: {}\n"))
    result = run_with_result(desk, tmp_path / "out", settings=["budget.requests=60"])
    assert isinstance(result.error, Unfinished)
    assert result.summary["pending"] > 0
    run(desk, tmp_path / "out", "models.judge.delay=0.003")
    run(desk, tmp_path / "fresh")
    assert exported(tmp_path / "out")["train.jsonl"] == exported(tmp_path / "fresh")["train.jsonl"]


def test_a_target_that_nearly_nothing_reaches_stops_and_says_why(desk: Path, tmp_path: Path) -> None:
    result = run_with_result(desk, tmp_path / "out", settings=["target=30", "models.judge.script=ones.jsonl"])
    assert isinstance(result.error, Unfinished)
    assert "low_score" in result.error.message
    assert result.exit_code == 1


def test_an_example_is_shown_as_its_maker_kept_it_whatever_later_stages_make_of_it(
    desk: Path, tmp_path: Path
) -> None:
    """Answered from the journal, later stages are through before draws that they must not touch."""
    text = desk.read_text().replace("- standardise: {}", "- respond: {turns: 2}")
    desk.write_text(text.replace("count: 40", "count: 20, shots_from_drafts: 4") + "window: 1\n")
    out = tmp_path / "out"
    run(desk, out, "models.writer.delay=0.01")
    files = exported(out)
    for file in out.glob("rows.sqlite*"):
        file.unlink()
    assert run(desk, out, "models.writer.delay=0.01")["requests"] == 0
    assert exported(out) == files
