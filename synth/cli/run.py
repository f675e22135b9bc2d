"""`synth run`: the live display, the funnel at the end, three rows, and the next commands."""

from __future__ import annotations

import gc
import sys
from contextlib import closing
from pathlib import Path

from synth.api import run_to_end
from synth.cli.console import print_json, print_line, print_text, say
from synth.cli.display import Display
from synth.cli.errors import error_document, report
from synth.cli.interrupt import interrupted_words, interruptible
from synth.cli.tables import overview_text, row_line
from synth.hints import command
from synth.llm.base import Json, PrefixCounts
from synth.pipeline.progress import Progress
from synth.pipeline.report import RunResult
from synth.pipeline.run import run_recipe
from synth.recipe.load import load_recipe
from synth.store import RunReader


def run_recipe_file(
    recipe: Path,
    out: Path | None,
    settings: list[str],
    limit: int | None,
    *,
    retry_failed: bool,
    as_json: bool,
) -> int:
    """One call of `synth run`. Returns the exit code."""
    _spare_the_collector()
    progress = Progress()
    loaded = load_recipe(recipe, settings, limit)
    folder = out if out is not None else loaded.run_folder
    with Display(progress):
        work = run_recipe(loaded, folder, progress, retry_failed=retry_failed)
        result = run_to_end(interruptible(work, progress.say, interrupted_words(sys.argv[1:])))
    name = recipe if out is None and not settings else Path(result.summary["run"])
    if as_json:
        print_json(_document(result, name))
    elif result.error is None or _came_to_something(result.summary):
        _report(result, name, _same_command(recipe, out, settings, limit))
    if result.error is not None:
        return report(result.error, as_json=False, run=name)
    return result.exit_code


def _spare_the_collector() -> None:
    """Makes garbage collection rarer. A run creates thousands of small objects and hardly any cycles:
    searching for cycles 400 times in 10,000 rows took a tenth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _came_to_something(summary: Json) -> bool:
    """Whether there is a row or a reply to report. Before most fatal errors there is none."""
    rows = summary["accepted"] or summary["dropped"] or summary["failed"]
    return bool(rows or summary["total"]["requests"])


def _document(result: RunResult, name: Path) -> Json:
    if result.error is None:
        return result.summary
    return {**result.summary, "error": error_document(result.error, name)}


def _same_command(recipe: Path, out: Path | None, settings: list[str], limit: int | None) -> str:
    """The command that continues this run, without options that hold for one call only."""
    words: list[str | Path] = ["run", recipe]
    words += ["--out", out] if out is not None else []
    words += ["--limit", str(limit)] if limit is not None else []
    for setting in settings:
        words += ["--set", setting]
    return command(*words)


def _report(result: RunResult, name: Path, same_command: str) -> None:
    with closing(RunReader(Path(result.summary["run"]))) as run:
        print_text(overview_text(run))
        drafts = (row for row in run.rows(status="kept") if row.lineage.stage)
        for _, row in zip(range(3), drafts, strict=False):
            print_line(row_line(row))
    print_text("")
    print_text(_words(result.summary))
    if repeated := result.summary["repeated"]:
        counts = ", ".join(f"{name} {count}" for name, count in repeated.items())
        print_text(f"Left out as duplicates: {counts}")
    if skipped := result.summary["skipped"]:
        counts = ", ".join(f"{name} {count}" for name, count in skipped.items())
        print_text(f"Skipped as unusable: {counts}. {result.summary['run']}/skipped.jsonl lists them.")
    if result.error is not None:
        print_text(f"Continue:      {same_command}")
    else:
        print_text(_next_steps(result.summary, name, same_command))


def _next_steps(summary: Json, name: Path, same_command: str) -> str:
    """The next commands. If all drafts were dropped, there is nothing to export."""
    again = ""
    if summary["failed"]:
        again = f"Failed rows:   {command('show', name, '--status', 'failed')}\n"
        again += f"Retry:         {same_command} --retry-failed\n"
    if summary["accepted"] or not (summary["dropped"] or summary["failed"]):
        return f"{again}Look at rows:  {command('show', name)}\nExport:        {command('export', name)}"
    reasons = sorted(summary["dropped"].items(), key=lambda item: -item[1])[:3]
    why = f" Mostly: {', '.join(f'{reason} {count}' for reason, count in reasons)}." if reasons else ""
    dropped = f"\nLook at them:  {command('show', name, '--status', 'dropped')}" if reasons else ""
    return f"No draft was kept.{why}{dropped}\n{again}".rstrip()


def _words(summary: Json) -> str:
    tokens = summary["tokens"]
    cost = f", {summary['cost_usd']:.4f} usd" if summary["cost_usd"] is not None else ""
    words = (
        f"{summary['accepted']} drafts accepted, {sum(summary['dropped'].values())} dropped,"
        f" {summary['failed']} failed, {summary['pending']} pending. {summary['requests']} requests"
        f" ({tokens['prompt'] + tokens['completion']:,} tokens{cost}) in {summary['seconds']:.1f} s"
    )
    reused = f"; {summary['reused']} replies were reused from the run folder" if summary["reused"] else ""
    return f"{words}{reused}{_prefix_words(summary)}."


def _prefix_words(summary: Json) -> str:
    rate = PrefixCounts(summary["prefix_queries"], summary["prefix_hits"]).hit_rate
    return f"; prefix-cache hit rate {rate:.0%}" if rate is not None else ""


def dry_run_recipe(
    recipe: Path, out: Path | None, settings: list[str], limit: int | None, *, as_json: bool
) -> int:
    """Prints what the run would send. Sends nothing."""
    from synth.pipeline.dry_run import dry_run

    plan = run_to_end(dry_run(recipe, settings, limit, out))
    if as_json:
        print_json(plan.document())
        return 0
    for shown in plan.shown:
        print_text(f"=== {plan.heading(shown)} ===")
        for message in shown.messages:
            print_text(f"[{message['role']}]\n{message['content']}\n")
    say(plan.words())
    return 0
