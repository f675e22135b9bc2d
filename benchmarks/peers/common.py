"""What every peer's job shares: its arguments, its prompts, and the check that it ended with all its answers.

Imported by each `*_job.py` from the folder they stand in, so it needs the standard library alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

MODEL = "fake"
KEY = "none"
MAX_TOKENS = 64


@dataclass(frozen=True)
class Job:
    """`rows` prompts, one answer each from the server at `url`, which takes `at_once` requests at once."""

    url: str
    rows: int
    at_once: int

    @property
    def prompts(self) -> list[str]:
        """One question a row, no two alike."""
        return [question(i) for i in range(self.rows)]


def question(i: int) -> str:
    """The prompt of row `i`, the same for every client."""
    return f"Question {i}: what is {i} times {i % 97}?"


def job_from_arguments() -> Job:
    """Reads `URL ROWS AT_ONCE` from the command line."""
    url, rows, at_once = sys.argv[1:4]
    return Job(url, int(rows), int(at_once))


def check(job: Job, answers: Iterable[object]) -> None:
    """Ends with an error unless there are as many answers as prompts, none of them empty."""
    answered = sum(isinstance(answer, str) and bool(answer) for answer in answers)
    if answered != job.rows:
        sys.exit(f"{answered} answers to {job.rows} prompts")
