"""The funnel and rows, as text."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from synth.frozen import thaw
from synth.printable import printable_line
from synth.reports.position_bias import position_bias_of
from synth.reports.topic_coverage import TopicCoverage, topic_coverage_of
from synth.reports.variety import variety_of
from synth.row import Event, Lineage, Review, Row
from synth.store import FunnelLine, RunReader

# Characters of a detail, and of the row next to it.
_DETAIL_SHOWN = 200

# If there are more topics, only those with the fewest drafts are shown.
_TOPICS_SHOWN = 40


def funnel_text(lines: Sequence[FunnelLine]) -> str:
    """One line per stage: rows in, new rows, rows out, and the reasons for drops."""
    rows: list[tuple[str, ...]] = [("stage", "in", "new", "kept", "dropped", "failed", "pending", "reasons")]
    for line in lines:
        dropped = sum(line.dropped.values())
        reasons = ", ".join(f"{reason} {n}" for reason, n in line.dropped.items())
        numbers = (line.came, line.born, line.passed, dropped, line.failed, line.pending)
        rows.append((line.stage, *(f"{n:,}" if n else "-" for n in numbers), reasons))
    widths = [max(len(row[i]) for row in rows) for i in range(7)]
    text = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in range(1, 7)), row[7]]
        text.append("  ".join(cells).rstrip())
    return "\n".join(text)


def coverage_text(coverage: TopicCoverage) -> str:
    """The number of kept drafts per topic. If there are too many topics, those with the fewest drafts."""
    rows = list(coverage.rows.items())
    head = f"topics: {len(rows) - len(coverage.none)} of {len(rows)} have drafts"
    if coverage.without:
        head += f"; {coverage.without} drafts have no topic"
    if len(rows) > _TOPICS_SHOWN:
        rows = sorted(rows, key=lambda row: row[1])[:_TOPICS_SHOWN]
        head += f"; the {_TOPICS_SHOWN} with the fewest:"
    width = max((len(str(count)) for _, count in rows), default=0)
    return "\n".join([head, *(f"  {count or '-':>{width}}  {topic}" for topic, count in rows)])


def overview_text(reader: RunReader) -> str:
    """The funnel. If the recipe has them, also topics, axes of `vary` and the consistency of judges."""
    parts = [funnel_text(reader.funnel(reader.stage_names()))]
    if (coverage := topic_coverage_of(reader)) is not None:
        parts.append(coverage_text(coverage))
    parts += [counts.words(stage) for stage, counts in variety_of(reader).items()]
    parts += [swaps.words(stage) for stage, swaps in position_bias_of(reader).items()]
    return "\n\n".join(parts) + "\n"


def row_line(row: Row, width: int = 110) -> str:
    """One row in one line: id, status, scores, request and answer. For a lost row, the reason too."""
    scores = " ".join(f"{name} {score:g}" for name, score in row.scores.items())
    ended = f"{row.stage}: {row.reason}" if row.reason else row.status
    if row.review.status == "edited":
        ended += ", edited"
    head = " ".join(part for part in (row.id, ended, scores) if part)
    texts = [message for message in row.conversation.messages if message["role"] != "system"]
    body = " -> ".join(shorten(str(m.get("content") or ""), 200, placeholder="...") for m in texts[-2:])
    if row.detail:
        why = shorten(row.detail, _DETAIL_SHOWN, placeholder="...")
        return f"{head}  {why}" + (f"  | {shorten(body, _DETAIL_SHOWN, placeholder='...')}" if body else "")
    return f"{head}  {shorten(body, max(width - len(head), 40), placeholder='...')}"


def row_text(row: Row) -> str:
    """One whole row: its messages and everything that happened to it."""
    lines = [f"{row.id}  {row.status}"]
    if row.reason:
        lines.append(printable_line(f"  by {row.stage}: {row.reason} ({row.detail})"))
    for message in row.conversation.messages:
        said = message.get("content") or thaw(message.get("tool_calls"))
        lines += ["", f"[{message['role']}]", str(said)]
    lines += ["", f"came from   {_origin(row.lineage)}"]
    for key in ("model", "prompt", "sampling", "request", "source"):
        if value := thaw(getattr(row.lineage, key)):
            lines.append(printable_line(f"{key:<11} {value}"))
    for key in ("parents", "shots"):
        if ids := getattr(row.lineage, key):
            lines.append(f"{key:<11} {', '.join(ids)}")
    for key in ("scores", "labels", "cluster"):
        if value := thaw(getattr(row, key)):
            lines.append(f"{key:<11} {value}")
    lines += _review(row.review)
    lines += [printable_line(f"history     {_event(event)}") for event in row.history]
    return "\n".join(lines)


def _review(review: Review) -> list[str]:
    """The decision, who made it, the texts from before, and all answers."""
    if review.status == "none":
        return []
    by = ", ".join(review.by)
    head = review.status + (f" by {by}" if by else "") + (f" at {review.at}" if review.at else "")
    if review.waiting:
        head += f", {review.waiting} answers to come"
    lines = [f"review      {head}"]
    for before, words in (
        (review.before, "answer before"),
        (review.before_prompt, "request before"),
        (thaw(review.before_scores), "scores before"),
    ):
        if before:
            lines.append(printable_line(f"  {words}: {before}"))
    for name, answer in thaw(review.answers).items():
        said = ", ".join(f"{question}: {value}" for question, value in answer.items())
        lines.append(printable_line(f"  {name}: {said}"))
    return lines


def _origin(lineage: Lineage) -> str:
    return f"{lineage.origin}, through {lineage.stage}" if lineage.stage else lineage.origin


def _event(event: Event) -> str:
    details = thaw(event.details)
    by = details.pop("by", None)
    did = " ".join(event.did) + (f" by {', '.join(by)}" if by else "")
    rest = ", ".join(
        f"{key}: {shorten(str(value), 160, placeholder='...')!r}"
        for key, value in details.items()
        if value is not None
    )
    return f"{event.stage}: {did}{' (' + rest + ')' if rest else ''}"
