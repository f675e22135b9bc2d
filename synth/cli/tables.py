"""The funnel and rows, as text."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from synth.llm.base import Json
from synth.printable import printable_line
from synth.store import Coverage, FunnelLine

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


def coverage_text(coverage: Coverage) -> str:
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


def row_line(receipt: Json, width: int = 110) -> str:
    """One row in one line: id, status, scores, request and answer. For a lost row, the reason too."""
    scores = " ".join(f"{name} {score:g}" for name, score in receipt["scores"].items())
    ended = f"{receipt['stage']}: {receipt['reason']}" if receipt["reason"] else receipt["status"]
    if receipt["review"]["status"] == "edited":
        ended += ", edited"
    head = " ".join(part for part in (receipt["id"], ended, scores) if part)
    texts = [m for m in receipt["messages"] if m["role"] != "system"]
    body = " -> ".join(shorten(str(m.get("content") or ""), 200, placeholder="...") for m in texts[-2:])
    if receipt["detail"]:
        why = shorten(receipt["detail"], _DETAIL_SHOWN, placeholder="...")
        return f"{head}  {why}" + (f"  | {shorten(body, _DETAIL_SHOWN, placeholder='...')}" if body else "")
    return f"{head}  {shorten(body, max(width - len(head), 40), placeholder='...')}"


def row_text(receipt: Json) -> str:
    """One whole row: its messages and everything that happened to it."""
    lines = [f"{receipt['id']}  {receipt['status']}"]
    if receipt["reason"]:
        lines.append(printable_line(f"  by {receipt['stage']}: {receipt['reason']} ({receipt['detail']})"))
    for message in receipt["messages"]:
        lines += ["", f"[{message['role']}]", str(message.get("content") or message.get("tool_calls"))]
    lineage = receipt["lineage"]
    lines += ["", f"origin      {_origin(lineage)}"]
    for key in ("model", "prompt", "sampling", "request", "source"):
        if lineage.get(key):
            lines.append(printable_line(f"{key:<11} {lineage[key]}"))
    for key in ("parents", "shots"):
        if lineage[key]:
            lines.append(f"{key:<11} {', '.join(lineage[key])}")
    for key in ("scores", "labels", "cluster"):
        if receipt[key]:
            lines.append(f"{key:<11} {receipt[key]}")
    lines += _review(receipt["review"])
    lines += [printable_line(f"history     {_event(event)}") for event in receipt["history"]]
    return "\n".join(lines)


def _review(review: Json) -> list[str]:
    """The decision, who made it, the texts from before, and all answers."""
    if review["status"] == "none":
        return []
    by = ", ".join(review.get("by") or ())
    head = (
        review["status"] + (f" by {by}" if by else "") + (f" at {review['at']}" if review.get("at") else "")
    )
    if review.get("waiting"):
        head += f", {review['waiting']} answers missing"
    lines = [f"review      {head}"]
    for key, words in (
        ("before", "answer before"),
        ("before_prompt", "request before"),
        ("before_scores", "scores before"),
    ):
        if review.get(key):
            lines.append(printable_line(f"  {words}: {review[key]}"))
    for name, answer in (review.get("answers") or {}).items():
        said = ", ".join(f"{question}: {value}" for question, value in answer.items())
        lines.append(printable_line(f"  {name}: {said}"))
    return lines


def _origin(lineage: Json) -> str:
    return f"{lineage['origin']}, by {lineage['stage']}" if lineage["stage"] else str(lineage["origin"])


def _event(event: Json) -> str:
    rest = {k: v for k, v in event.items() if k not in ("stage", "did", "by") and v is not None}
    did = " ".join(event.get("did", []))
    if event.get("by"):
        did += f" by {', '.join(event['by'])}"
    details = ", ".join(f"{k}: {shorten(str(v), 160, placeholder='...')!r}" for k, v in rest.items())
    return f"{event['stage']}: {did}{' (' + details + ')' if details else ''}"
