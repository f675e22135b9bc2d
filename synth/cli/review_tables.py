"""The status and the accounts of a review, as text."""

from __future__ import annotations

from synth.cli.console import print_line
from synth.llm.base import Json
from synth.review.accounts import Account


def print_account(account: Account) -> None:
    """One line, flushed: a password is shown only here."""
    password = f"  password {account.password} (shown this once)" if account.password else ""
    print_line(f"{account.username}  {account.role}{password}")


def status_text(status: Json) -> str:
    """The whole output of `synth review status`, for a terminal."""
    lines = [
        f"{target['name']}: {target['done']} of {target['rows']} rows done, {target['begun']} started"
        for target in status["places"]
    ]
    rows = ", ".join(f"{name} {count}" for name, count in status["rows"].items())
    unpulled = f" ({status['unpulled']} answers not pulled yet)" if status["unpulled"] else ""
    lines += ["", f"rows: {rows}{unpulled}"]
    for name, person in status["annotators"].items():
        pace = f", {person['median_seconds']:g} s each" if person["median_seconds"] is not None else ""
        lines.append(f"{name}: {person['answers']} answers{pace}")
    lines += _estimates(status["estimates"])
    questions = status["agreement"]["questions"]
    if questions:
        lines += ["", "agreement, on rows with answers of several annotators:"]
        lines += [f"  {name}: {_question(question)}" for name, question in questions.items()]
    disputed = status["agreement"]["disputed"]
    if disputed:
        lines.append("most disagreement: " + ", ".join(each["row"] for each in disputed[:5]))
    return "\n".join(lines)


def _estimates(estimates: Json) -> list[str]:
    words = {
        "wrong": "of the kept drafts are edited or rejected (estimated from the random share)",
        "false_rejections": "of the rows that the judge dropped are restored",
    }
    return [
        f"{share['share']:.0%} ({share['low']:.0%} to {share['high']:.0%}) {words[name]}"
        f" ({share['rows']} rows read)"
        for name, share in estimates.items()
        if name in words and share["rows"]
    ]


def _question(question: Json) -> str:
    parts = [f"{question['rows']} rows", f"{question['percent']:.0%} the same"]
    alpha = question.get("alpha")
    if alpha and alpha["value"] is not None:
        parts.append(f"alpha {alpha['value']:.2f} ({alpha['low']:.2f} to {alpha['high']:.2f})")
    kappas = ((name, question.get(name)) for name in ("cohen", "fleiss"))
    parts += [f"{name} {kappa:.2f}" for name, kappa in kappas if kappa is not None]
    return ", ".join(parts)
