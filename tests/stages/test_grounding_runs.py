"""Whole runs on the articles of the support example: a model that keeps to what it is shown, and one that
invents. The inventions are facts of other articles, changed facts, and sentences of PandaLM's test set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
import yaml

import synth
from synth.api import run_with_result
from synth.llm.base import Json, Reply, Request
from synth.llm.fake.client import FakeClient
from synth.llm.fake.replies import finish_reply
from synth.recipe.model import Recipe

TESTS = Path(__file__).parents[1]
SUPPORT = TESTS.parent / "examples" / "support"
ARTICLES = "\n".join(path.read_text("utf-8") for path in sorted((SUPPORT / "documents").glob("*.md")))
FOREIGN = (TESTS / "data" / "foreign_sentences.txt").read_text("utf-8").splitlines()[1:]

# What the issue names: paths, codes, prices and shares, periods.
FACTS = {
    "path": r"\b(?:Settings|Booking|Privacy)(?: > [A-Z][\w-]+)+",
    "code": r"BW-\d{3}",
    "price": r"€\d+(?:\.\d+)?|\d+(?:\.\d+)?%",
    "period": r"\b\d+ (?:business )?(?:days|hours|minutes|months|seconds)\b",
}
FACT = re.compile("|".join(FACTS.values()))


def plain(text: str) -> str:
    return " ".join(text.replace("**", "").replace("`", "").replace("→", ">").split())


def facts(text: str, kind: str | None = None) -> list[str]:
    return [m.group() for m in (re.compile(FACTS[kind]) if kind else FACT).finditer(plain(text))]


class Writer(FakeClient):
    """Answers from the passages of a request as `write` says, from the three sentences that it quotes.

    To some questions it finds no answer: a stage stops if none of the first 20 replies is usable.
    """

    def __init__(self, write: Callable[[str, list[str], Random], str]) -> None:
        super().__init__("writer")
        self._write = write

    def _scripted(self, request: Request) -> Reply | None:
        shown = str(request.messages[-1]["content"])
        if request.schema and "requests" in request.schema["properties"]:
            text = orjson.dumps({"requests": _asked_about(shown, Random(request.identity))}).decode()
            return finish_reply(request.messages, text, max_tokens=2000, model=self.model)
        passages, _, question = shown.rpartition("The user's last message:\n")
        if Random(question).random() < 0.15:
            return finish_reply(request.messages, "NOT FOUND", max_tokens=2000, model=self.model)
        sentences = [
            s.strip()
            for s in re.split(r"(?<=[.!?])\s+|\n(?:[-\d].? )?", re.sub(r"Passage \d+:\n", "\n", passages))
            if len(s.split()) >= 5 and "|" not in s and s.strip()[-1] in ".!?"
        ]
        asked = set(re.findall(r"[a-z]{4,}", question.lower()))

        def nearness(sentence: str) -> int:
            return len(asked & set(re.findall(r"[a-z]{4,}", sentence.lower()))) + 2 * bool(facts(sentence))

        best = sorted(sentences, key=lambda s: (-nearness(s), s))[:3]
        quotes = "\n".join(f"<quote>{sentence}</quote>" for sentence in best)
        answer = self._write(passages, best, Random(request.identity))
        text = f"{quotes}\n<answer>\n{answer}\n</answer>"
        return finish_reply(request.messages, text, max_tokens=2000, model=self.model)


def _asked_about(shown: str, rng: Random) -> list[str]:
    """Requests about the passage that `generate` shows."""
    (passage,) = re.findall(r"<passage>\n(.*?)\n</passage>", shown, re.DOTALL)[:1]
    sentences = [s for s in re.split(r"(?<=[.!?])\s+|\n", plain(passage)) if len(s.split()) >= 6]
    frames: tuple[str, ...] = (
        "Could you tell me if it is right that {}?",
        "Somebody told me: {} Is that so?",
    )
    frames += ("I read that {} How does it work?", "{} Does it hold for us, too?")
    picked = rng.sample(sentences, min(5, len(sentences)))
    return [rng.choice(frames).format(f"{s[0].lower()}{s[1:]}".rstrip(".")) for s in picked]


OPENINGS = ("", "Yes. ", "Good question! ", "Here is how it works:\n\n", "In short: ")


def faithful(passages: str, sentences: list[str], rng: Random) -> str:
    """The sentences in the words of an assistant: other marks, order and numerals."""
    sentences = rng.sample(sentences, len(sentences))
    text = "\n".join(f"- {s}" for s in sentences) if rng.random() < 0.4 else " ".join(sentences)
    changes = (
        lambda t: t.replace("**", ""),
        lambda t: t.replace(" > ", " → "),
        lambda t: re.sub(r"€(\d+)", r"\1 euros", t),
        lambda t: re.sub(r"\b14 days\b", "two weeks", t),
        lambda t: re.sub(r"\b(?:24) hours\b", "one day", t),
        lambda t: re.sub(r"\b30 days\b", "thirty days", t),
        lambda t: re.sub(r"\b(\d+)%", r"\1 percent", t),
    )
    for change in changes:
        text = change(text) if rng.random() < 0.5 else text
    return rng.choice(OPENINGS) + text + rng.choice(("", "\n\nIs there anything else I can help with?"))


def of_another_article(passages: str, sentences: list[str], rng: Random) -> tuple[str, str]:
    """A fact in the answer becomes one of its kind that no shown passage has."""
    found = [(kind, fact) for kind in FACTS for s in sentences for fact in facts(s, kind)]
    kind, own = rng.choice(found) if found else (rng.choice(list(FACTS)), "")
    known = plain(passages)
    others = sorted({fact for fact in facts(ARTICLES, kind) if fact not in known})
    new = rng.choice(others)
    text = plain(" ".join(sentences))
    return (text.replace(own, new, 1) if own else f"{text} See {new}."), new


def altered(passages: str, sentences: list[str], rng: Random) -> tuple[str, str]:
    """A number of the answer becomes another one, or a path gets another end."""
    text = plain(" ".join(sentences))
    found = facts(text)
    if not found:
        return f"{text} It costs €{rng.randint(201, 999)}.", "€"
    own = rng.choice(found)
    if ">" in own:
        new = f"{own.rpartition(' > ')[0]} > {rng.choice(('Preferences', 'Danger zone', 'Export all'))}"
    else:
        new = re.sub(r"\d+", lambda number: str(int(number[0]) * 3 + rng.randint(101, 700)), own, count=1)
    return text.replace(own, new, 1), new


def of_somebody_else(passages: str, sentences: list[str], rng: Random) -> tuple[str, str]:
    new = rng.choice(FOREIGN)
    return f"{' '.join(sentences)} {new}", new


INVENTORS = (of_another_article, altered, of_somebody_else)


def inventing(passages: str, sentences: list[str], rng: Random) -> str:
    return rng.choice(INVENTORS)(passages, sentences, rng)[0]


Clients = Callable[[Recipe, Callable[[str], None]], dict[str, FakeClient]]
DOCUMENTS = {"documents": str(SUPPORT / "documents" / "*.md")}
PROMPTS = {**DOCUMENTS, "prompts": str(SUPPORT / "prompts.jsonl")}


def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, write: Any, *makers: Json, **grounded: object
) -> list[Json]:
    """The rows that `respond` answers, of the prompts of the support example or of the drafts of `makers`."""
    clients: Clients = lambda recipe, say: {"writer": Writer(write)}  # noqa: E731
    monkeypatch.setattr("synth.pipeline.run.build_clients", clients)
    recipe = {
        "name": "support",
        "models": {"writer": {"provider": "fake"}},
        "sources": {**DOCUMENTS, "seeds": str(SUPPORT / "seeds.jsonl")} if makers else PROMPTS,
        "stages": [*makers, {"respond": {"grounded": grounded or True, "attempts": 1}}],
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert run_with_result(folder / "recipe.yaml").error is None
    rows = (row for row in synth.open(folder / "recipe.yaml").rows() if row["reason"] != "not_in_context")
    return [r for r in rows if r["stage"] in (None, "respond") and (r["lineage"]["stage"] or not makers)]


@pytest.mark.parametrize("in_prompt", [True, False])
def test_facts_of_a_faithful_model_stand_in_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_prompt: bool
) -> None:
    rows = run(tmp_path, monkeypatch, faithful, in_prompt=in_prompt)
    kept = [row["messages"][-1]["content"] for row in rows if row["status"] == "kept"]
    assert len(kept) >= 0.95 * len(rows), Counter(row.get("detail") for row in rows)
    found = [fact for answer in kept for fact in facts(answer)]
    known = plain(ARTICLES)
    assert len(found) > 40
    assert sum(fact in known for fact in found) >= 0.95 * len(found)


@pytest.mark.parametrize("invent", INVENTORS)
def test_rows_of_an_inventing_model_are_dropped_with_the_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invent: Any
) -> None:
    made: set[str] = set()

    def write(passages: str, sentences: list[str], rng: Random) -> str:
        answer, claim = invent(passages, sentences, rng)
        made.add(claim)
        return str(answer)

    rows = run(tmp_path, monkeypatch, write)
    dropped = [row for row in rows if row["status"] == "dropped"]
    assert {row["reason"] for row in dropped} == {"unsupported"}
    kept = [row["messages"][-1]["content"] for row in rows if row["status"] == "kept"]
    assert len(dropped) >= 0.9 * len(rows), kept
    for row in dropped:
        claims = re.findall(r"['\"]([^'\"]+)['\"]", row["detail"])
        assert any(claim in new or new in claim for claim in claims for new in made), row["detail"]


def test_of_a_model_that_invents_in_turn_nine_of_ten_rows_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = run(tmp_path, monkeypatch, inventing)
    assert sum(row.get("reason") == "unsupported" for row in rows) >= 0.9 * len(rows)


# Drafts of requests alone, about passages of the articles.
GENERATE = {"generate": {"count": 60, "answers": False, "context": "documents"}}


def test_facts_of_faithful_drafts_stand_in_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = run(tmp_path, monkeypatch, faithful, GENERATE)
    kept = [row["messages"] for row in rows if row["status"] == "kept"]
    assert len(kept) >= 0.95 * len(rows) > 40
    found = [
        fact for messages in kept for m in messages if m["role"] != "system" for fact in facts(m["content"])
    ]
    known = plain(ARTICLES).lower()
    assert len(found) > 100
    assert sum(fact.lower() in known for fact in found) >= 0.95 * len(found)


def test_of_inventing_drafts_nine_of_ten_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = run(tmp_path, monkeypatch, inventing, GENERATE)
    assert len(rows) > 40
    assert sum(row.get("reason") == "unsupported" for row in rows) >= 0.9 * len(rows)
