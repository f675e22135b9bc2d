"""Scores rows on a rubric, and drops those below the bar."""

from __future__ import annotations

from collections.abc import Sequence

from synth.llm.base import Json
from synth.row import Row, content_of
from synth.stages.base import Context, Unusable
from synth.stages.judging import Judge
from synth.stages.options import ScoreOptions


class Score:
    """An `Asks`. Held-out rows are passed by: no prompt shows them."""

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self.name = name
        self._options = options
        named = options.prompt or options.rubric
        prompt = context.prompt("score", options, options.rubric, ["conversation", "response"])
        model = context.model("judge", options)
        self._judge = Judge(name, context, model, prompt, options.sampling, options.attempts)
        self._key = options.as_ or named.removesuffix(".md").rsplit("/", 1)[-1]

    async def prepare(self) -> None:
        """Settles how this model's scores are read, and says so."""
        await self._judge.prepare(self._options.read)

    async def ask(self, row: Row) -> None:
        """Adds `scores[rubric]`, and drops the row where that is below the bar."""
        if row.held_out or row.answer is None or (row.given and not self._options.seeds):
            return
        judge = self._judge
        values = {"conversation": transcript(row.messages[:-1]), "response": row.answer}
        try:
            judgement = await judge.score(values)
        except Unusable as unusable:
            if row.given:
                row.history.append({"stage": self.name, "did": ["not_scored"], "detail": unusable.detail})
            else:
                row.drop(self.name, "no_score", unusable.detail)
            return
        row.scores[self._key] = judgement.score
        row.history.append(judgement.event(self.name, judge.reading, judge.prompt, judge.model))
        if row.draft and not self._options.keeps(judgement.score):
            detail = f"{self._key} {judgement.score:.2f}, wanted {self._options.keep}"
            row.drop(self.name, "low_score", detail)


def transcript(conversation: Sequence[Json]) -> str:
    """One request as it is; several messages with their roles."""
    turns = [m for m in conversation if m["role"] != "system"]
    if len(turns) == 1 and len(conversation) == 1:
        return content_of(turns[0])
    return "\n\n".join(f"{m['role'].capitalize()}: {content_of(m)}" for m in conversation)
