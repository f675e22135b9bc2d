"""Scores rows on a rubric, and drops those below the bar."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from synth.frozen import FrozenJson
from synth.llm.base import Json
from synth.row import Row, content_of
from synth.stages.base import Context, Unusable
from synth.stages.expected import Requests
from synth.stages.judging import PROBE_WORDS, Judge, Judgement
from synth.stages.score_options import ScoreOptions
from synth.stages.together import Compared, Together


class Score:
    """An `Asks`. Held-out rows are passed by: no prompt shows them."""

    preparation = PROBE_WORDS

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self.name = name
        self._options = options
        self._key = options.key
        way = SideBySide if options.together else OneByOne
        self._way = way(name, options, context)

    async def prepare(self) -> None:
        """Settles how this model's scores are read, and says so."""
        await self._way.prepare()

    async def ask(self, row: Row) -> None:
        """Adds `scores[rubric]`, and drops the row where that is below the bar."""
        if not self._scores(row) or row.answer is None:
            return
        try:
            await self._way.score(row, row.answer)
        except Unusable as unusable:
            if row.given:
                row.note(self.name, "not_scored", detail=unusable.detail)
            else:
                row.drop(self.name, "no_score", unusable.detail)
            return
        score = row.scores[self._key]
        if row.draft and not self._options.keeps(score):
            row.drop(self.name, "low_score", f"{self._key} {score:.2f}, wanted {self._options.keep}")

    def expect(self, row: Row) -> Requests:
        """A request for the answer, and one for each candidate or for all together."""
        if not self._scores(row):
            return Requests()
        shown = [c["content"] for c in row.candidates if self._options.candidates and _is_to_judge(c)]
        return self._way.expect(len({row.answer, *shown}))

    def _scores(self, row: Row) -> bool:
        return not row.held_out and row.answer is not None and (self._options.seeds or not row.given)


class OneByOne:
    """Each answer is judged by itself."""

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self._name = name
        self._options = options
        prompt = context.prompt("score", options, options.rubric, ["conversation", "response"])
        model = context.model("judge", options)
        self._judge = Judge(name, context, model, prompt, options.sampling, options.attempts)

    async def prepare(self) -> None:
        """Settles how this model's scores are read, and says so."""
        await self._judge.prepare(self._options.read)

    def expect(self, answers: int) -> Requests:
        """What judging so many answers of a row takes."""
        return Requests.up_to(answers, least=1)

    async def score(self, row: Row, answer: str) -> None:
        """Scores the answer and every candidate. Raises `Unusable` where the answer gets no score."""
        judgement = await self._judged(row, answer)
        row.scores = {**row.scores, self._options.key: judgement.score}
        judgement.note(row, self._name, self._judge.reading, self._judge.prompt, self._judge.model)
        if not self._options.candidates or not row.candidates:
            return
        scores = await asyncio.gather(*(self._of(row, c, judgement.score) for c in row.candidates))
        row.candidates = [
            candidate if score is None else _scored(candidate, score)
            for candidate, score in zip(row.candidates, scores, strict=True)
        ]
        # The best becomes the answer of a draft; the earlier one of two that are level.
        ranked = [candidate for candidate in row.candidates if candidate.get("score") is not None]
        best = max(ranked, key=lambda c: c["score"], default=None)
        if best is not None and best["score"] > judgement.score:
            _answer_with(row, best, self._name, self._options.key)

    async def _of(self, row: Row, candidate: FrozenJson, of_answer: float) -> float | None:
        """None where no score can be read, and for an answer that people found to be worse already."""
        if not _is_to_judge(candidate):
            return None
        if candidate["content"] == row.answer:
            return of_answer
        try:
            return (await self._judged(row, candidate["content"])).score
        except Unusable:
            return None

    async def _judged(self, row: Row, response: str) -> Judgement:
        return await self._judge.score({"conversation": transcript(row.messages[:-1]), "response": response})


class SideBySide:
    """The answer and its candidates are judged in one prompt; a row with one answer by the same rubric."""

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self._name = name
        self._options = options
        self._judge = Together(name, options, context)

    async def prepare(self) -> None:
        """Scores are read as they are written: there is nothing to find out."""

    def expect(self, answers: int) -> Requests:
        """What judging so many answers of a row takes."""
        return Requests.up_to(2 if self._options.swap and answers > 1 else 1, least=1)

    async def score(self, row: Row, answer: str) -> None:
        """Scores the answer and every candidate. Raises `Unusable` where they get no scores."""
        shown = [c for c in row.candidates if self._options.candidates and _is_to_judge(c)]
        texts = list(dict.fromkeys([answer, *(c["content"] for c in shown)]))
        compared = await self._judge.judge(row, transcript(row.messages[:-1]), texts)
        found = dict(zip(texts, compared, strict=True))
        row.scores = {**row.scores, self._options.key: found[answer].score}
        row.candidates = [_scored(c, *_score_of(found, c)) if c in shown else c for c in row.candidates]
        for text, verdict in sorted(found.items(), key=lambda pair: -pair[1].score):
            if verdict.beats(found[answer]):
                best = {"content": text, "score": verdict.score}
                _answer_with(row, best, self._name, self._options.key)
                break


def _score_of(found: Mapping[str, Compared], candidate: FrozenJson) -> tuple[float, Sequence[float]]:
    verdict = found[candidate["content"]]
    return verdict.score, verdict.by_order


def _scored(candidate: FrozenJson, score: float, by_order: Sequence[float] = ()) -> Json:
    """The candidate with its score; where there are two orders, with both, to tell wins from ties."""
    known = {key: value for key, value in candidate.items() if key != "by_order"}
    orders = {"by_order": list(by_order)} if len(by_order) > 1 else {}
    return {**known, "score": score, **orders}


def _is_to_judge(candidate: FrozenJson) -> bool:
    """Whether people have not found it to be worse already."""
    return candidate.get("source") not in ("failure", "rejected")


def _answer_with(row: Row, best: FrozenJson, stage: str, key: str) -> None:
    """A draft takes over the best candidate; what was given keeps its answer."""
    if not row.draft:
        return
    row.note(stage, "best_candidate", before=row.answer)
    row.messages = [*row.messages[:-1], {"role": "assistant", "content": best["content"]}]
    row.scores = {**row.scores, key: best["score"]}


def transcript(conversation: Sequence[FrozenJson]) -> str:
    """One request as it is; several messages with their roles."""
    turns = [m for m in conversation if m["role"] != "system"]
    if len(turns) == 1 and len(conversation) == 1:
        return content_of(turns[0])
    return "\n\n".join(f"{m['role'].capitalize()}: {content_of(m)}" for m in conversation)
