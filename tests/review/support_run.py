"""A small support desk with realistic drafts, for tests of the annotators' page."""

from __future__ import annotations

import json
import re
from pathlib import Path

# Requests, and what the scripted model answers to each.
DRAFTS = {
    "How do I reset my password?": "Open **Settings**, choose *Security*, then press Reset.",
    "The invoice for March is wrong. What now?": "Invoices cannot be changed once they are sent.",
    "Can I export my zebra pictures?": "Yes. Choose Pictures, then **Export all**:\n\n"
    "1. a ZIP for originals\n2. a PDF for proofs",
    "How many staff calendars are in the Team plan?": "The Team plan has ten staff calendars.",
    "Why did my client get two reminders?": "One was sent by SMS and one by e-mail. Switch one of them off "
    "under Reminders.",
    "How do I cancel my subscription today?": "Settings, Plan, Cancel. It ends with the month you have paid.",
}
# And how it rewords one of them.
REWORDED = {"Can I export my zebra pictures?": "Is it possible to export my zebra pictures?"}

_RECIPE = """
name: support
seed: 7
models:
  writer: {provider: fake, script: replies.jsonl}
  judge: {provider: fake, model: judge}
sources: {prompts: prompts.jsonl}
stages:
  - respond: {sampling: {max_tokens: 40000}}
  - paraphrase: {variants: 1, ask_judge: false}
  - score: {rubric: quality}
review: {task: edit, rows: all}
"""


def write_support(folder: Path, more: dict[str, str] | None = None) -> Path:
    """A recipe over `DRAFTS` and `more`, with the fake model's script beside it."""
    drafts = DRAFTS | (more or {})
    rules = [{"match": f"{re.escape(asked)}.*Reword it", "text": said} for asked, said in REWORDED.items()]
    # A wording that did not change is dropped: all other requests have one each.
    rules += [{"match": f"{re.escape(asked)}.*Reword it", "text": asked} for asked in drafts]
    rules += [{"match": re.escape(asked), "text": said} for asked, said in drafts.items()]
    _write_lines(folder / "replies.jsonl", rules)
    _write_lines(folder / "prompts.jsonl", [{"instruction": asked} for asked in drafts])
    recipe = folder / "recipe.yaml"
    recipe.write_text(_RECIPE)
    return recipe


def _write_lines(path: Path, lines: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
