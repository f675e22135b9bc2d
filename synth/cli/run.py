"""`synth run`: the live display, the funnel at the end, three rows, and what to type next."""

from __future__ import annotations

import gc
import json
import os
import shlex
from pathlib import Path

from synth.api import open_run, run_to_end, run_with_result
from synth.cli.display import Display
from synth.cli.errors import report, say
from synth.cli.tables import coverage_text, funnel_text, row_line
from synth.llm.base import Json, PrefixCounts
from synth.pipeline.progress import Progress
from synth.pipeline.run import RunResult


def run_recipe_file(
    recipe: Path,
    out: Path | None,
    settings: list[str],
    limit: int | None,
    *,
    retry_failed: bool,
    as_json: bool,
) -> int:
    """One call of `synth run`; gives its exit code."""
    _spare_the_collector()
    progress = Progress()
    with Display(progress):
        result = run_with_result(
            recipe, out, settings=settings, limit=limit, retry_failed=retry_failed, progress=progress
        )
    if as_json:
        print(json.dumps(_document(result)), flush=True)
    else:
        name = recipe if out is None and not settings else Path(result.summary["run"])
        _report(result, name, _same_command(recipe, out, settings, limit))
    if result.error is not None:
        return report(result.error, as_json=False)
    return result.exit_code


def _spare_the_collector() -> None:
    """This process lives for one run, which keeps thousands of small objects and drops hardly any in circles:
    looking for those 400 times in 10,000 rows took a tenth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _document(result: RunResult) -> Json:
    if result.error is None:
        return result.summary
    error = result.error
    words = {"code": error.code, "message": error.message, "where": error.where, "hint": error.hint}
    return {**result.summary, "error": words}


def _same_command(recipe: Path, out: Path | None, settings: list[str], limit: int | None) -> str:
    """What goes on with this run, without what is for one call alone."""
    words = ["synth", "run", os.path.relpath(recipe)]
    words += ["--out", os.path.relpath(out)] if out is not None else []
    words += ["--limit", str(limit)] if limit is not None else []
    for setting in settings:
        words += ["--set", setting]
    return shlex.join(words)


def _report(result: RunResult, name: Path, same_command: str) -> None:
    run = open_run(result.summary["run"])
    print(funnel_text(run.funnel()))
    print()
    if (coverage := run.coverage()) is not None:
        print(coverage_text(coverage) + "\n")
    for stage, swaps in run.swaps().items():
        print(swaps.words(stage) + "\n")
    drafts = (row for row in run if row["lineage"]["stage"])
    for _, row in zip(range(3), drafts, strict=False):
        print(row_line(row))
    print()
    print(_words(result.summary))
    if repeated := result.summary["repeated"]:
        print("Left out as repeats: " + ", ".join(f"{name} {count}" for name, count in repeated.items()))
    shown = shlex.quote(os.path.relpath(name))
    if result.error is not None:
        print(f"Go on:         {same_command}")
        return
    if result.summary["failed"]:
        print(f"Failed rows:   synth show {shown} --status failed")
        print(f"Ask again:     {same_command} --retry-failed")
    print(f"Look at rows:  synth show {shown}\nExport:        synth export {shown}")


def _words(summary: Json) -> str:
    tokens = summary["tokens"]
    cost = f", {summary['cost_usd']:.4f} usd" if summary["cost_usd"] is not None else ""
    words = (
        f"{summary['accepted']} drafts accepted, {sum(summary['dropped'].values())} dropped,"
        f" {summary['failed']} failed, {summary['pending']} pending. {summary['requests']} requests"
        f" ({tokens['prompt'] + tokens['completion']:,} tokens{cost}) in {summary['seconds']:.1f} s"
    )
    reused = f"; {summary['reused']} answers came from the run folder" if summary["reused"] else ""
    return f"{words}{reused}{_prefix_words(summary)}."


def _prefix_words(summary: Json) -> str:
    rate = PrefixCounts(summary["prefix_queries"], summary["prefix_hits"]).hit_rate
    return f"; the servers' prefix caches held {rate:.0%} of the prompt tokens" if rate is not None else ""


def dry_run_recipe(
    recipe: Path, out: Path | None, settings: list[str], limit: int | None, *, as_json: bool
) -> int:
    """Prints what would be asked, and calls nothing."""
    from synth.pipeline.dry_run import dry_run

    plan = run_to_end(dry_run(recipe, settings, limit, out))
    if as_json:
        print(json.dumps(plan.document()))
        return 0
    for shown in plan.shown:
        print(f"=== {plan.heading(shown)} ===")
        for message in shown.messages:
            print(f"[{message['role']}]\n{message['content']}\n")
    say(plan.words())
    return 0
