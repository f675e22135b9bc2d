"""Scores rows on a rubric, and drops those below the bar."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from synth.llm.base import Json
from synth.row import Row, content_of
from synth.stages.base import Context, Unusable
from synth.stages.judging import Judge, Judgement
from synth.stages.score_options import ScoreOptions


class Score:
    """An `Asks`. Held-out rows are passed by: no prompt shows them."""

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self.name = name
        self._options = options
        prompt = context.prompt("score", options, options.rubric, ["conversation", "response"])
        model = context.model("judge", options)
        self._judge = Judge(name, context, model, prompt, options.sampling, options.attempts)
        self._key = options.key

    async def prepare(self) -> None:
        """Settles how this model's scores are read, and says so."""
        await self._judge.prepare(self._options.read)

    async def ask(self, row: Row) -> None:
        """Adds `scores[rubric]`, and drops the row where that is below the bar."""
        if row.held_out or row.answer is None or (row.given and not self._options.seeds):
            return
        try:
            judgement = await self._judged(row, row.answer)
        except Unusable as unusable:
            if row.given:
                row.history.append({"stage": self.name, "did": ["not_scored"], "detail": unusable.detail})
            else:
                row.drop(self.name, "no_score", unusable.detail)
            return
        row.scores[self._key] = judgement.score
        row.history.append(self._event(judgement))
        if self._options.candidates and row.candidates:
            await self._score_candidates(row, judgement.score)
        score = row.scores[self._key]
        if row.draft and not self._options.keeps(score):
            row.drop(self.name, "low_score", f"{self._key} {score:.2f}, wanted {self._options.keep}")

    async def _judged(self, row: Row, response: str) -> Judgement:
        return await self._judge.score({"conversation": transcript(row.messages[:-1]), "response": response})

    async def _score_candidates(self, row: Row, of_answer: float) -> None:
        """Scores each; of a draft's, the best becomes its answer (the earlier one of two that are level)."""
        scores = await asyncio.gather(*(self._candidate_score(row, c, of_answer) for c in row.candidates))
        row.candidates = [
            candidate if score is None else {**candidate, "score": score}
            for candidate, score in zip(row.candidates, scores, strict=True)
        ]
        ranked = [candidate for candidate in row.candidates if candidate.get("score") is not None]
        best = max(ranked, key=lambda c: c["score"], default=None)
        if row.draft and best is not None and best["score"] > of_answer:
            row.history.append({"stage": self.name, "did": ["best_candidate"], "before": row.answer})
            row.messages = [*row.messages[:-1], {"role": "assistant", "content": best["content"]}]
            row.scores[self._key] = best["score"]

    async def _candidate_score(self, row: Row, candidate: Json, of_answer: float) -> float | None:
        """None where no score can be read, and for an answer that people found to be worse already."""
        if candidate.get("source") in ("failure", "rejected"):
            return None
        if candidate["content"] == row.answer:
            return of_answer
        try:
            return (await self._judged(row, candidate["content"])).score
        except Unusable:
            return None

    def _event(self, judgement: Judgement) -> Json:
        return judgement.event(self.name, self._judge.reading, self._judge.prompt, self._judge.model)


def transcript(conversation: Sequence[Json]) -> str:
    """One request as it is; several messages with their roles."""
    turns = [m for m in conversation if m["role"] != "system"]
    if len(turns) == 1 and len(conversation) == 1:
        return content_of(turns[0])
    return "\n\n".join(f"{m['role'].capitalize()}: {content_of(m)}" for m in conversation)
