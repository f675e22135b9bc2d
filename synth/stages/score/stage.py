"""Scores rows on a rubric, and drops rows that do not satisfy `keep`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from operator import itemgetter

from synth.llm.base import RequestFailed
from synth.reasons import SharedAction
from synth.row import Candidate, Row
from synth.stages.asking import Unusable, last_of
from synth.stages.base import RowStage
from synth.stages.context import Context
from synth.stages.forecast import Forecast, Requests
from synth.stages.judging import PROBE_WORDS, Judge, Judgement
from synth.stages.reply_reasons import JudgeReason
from synth.stages.score.listwise import ListwiseJudge
from synth.stages.score.options import ScoreOptions
from synth.stages.score.reasons import ScoreAction, ScoreReason
from synth.stages.transcript import transcript


class Score(RowStage):
    """Held-out rows pass unchanged, because no prompt may show them."""

    version = 2
    preparation = PROBE_WORDS

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._key = options.key
        method = SideBySide if options.listwise else OneByOne
        self._method = method(name, options, context)

    async def prepare(self) -> None:
        """Determines and reports how this model's scores are read."""
        if self._method.judge is not None:
            await self._method.judge.prepare(self._options.score_from)

    async def apply(self, row: Row) -> Row:
        """Adds `scores[rubric]`, and drops the row if the score does not satisfy `keep`."""
        if not self._scores(row):
            return row
        row, error = await last_of(self._method.steps(row, row.conversation.answer or ""), row)
        if error is not None:
            return self._not_scored(row, error)
        score = row.scores[self._key]
        if row.draft and not self._options.keeps(score):
            row = row.dropped(
                self.name, ScoreReason.LOW_SCORE, f"{self._key} {score:.2f}, wanted {self._options.keep}"
            )
        return row

    def _not_scored(self, row: Row, error: Unusable | RequestFailed) -> Row:
        if isinstance(error, RequestFailed):
            if row.given:
                return row.with_event(self.name, SharedAction.FAILED, detail=error.words)
            return row.failed(self.name, error.words)
        if row.given:
            return row.with_event(self.name, ScoreAction.NOT_SCORED, detail=error.detail)
        return row.dropped(self.name, JudgeReason.NO_SCORE, error.detail)

    def forecast(self, row: Row) -> Forecast:
        """Forecasts a request for the answer, and one per candidate or one for all together."""
        if not self._scores(row):
            return Forecast(Requests(), row)
        shown = [c.content for c in row.candidates if self._options.candidates and not c.found_worse]
        return Forecast(self._method.expect(len({row.conversation.answer, *shown})), row)

    def _scores(self, row: Row) -> bool:
        return not row.held_out and row.conversation.has_answer and (self._options.seeds or not row.given)


class OneByOne:
    """Judges each answer separately."""

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self._name = name
        self._options = options
        prompt = context.prompt(options, options.rubric, ["conversation", "response"])
        model = context.judge(options.model)
        self.judge = Judge(name, context, model, prompt, options.sampling, options.attempts)

    def expect(self, answers: int) -> Requests:
        """Forecasts the requests to judge this number of answers."""
        return Requests.up_to(answers, least=1)

    async def steps(self, row: Row, answer: str) -> AsyncIterator[Row]:
        """Scores the answer, then every candidate. Raises `Unusable` if the answer gets no score."""
        judgement = await self._judged(row, answer)
        row = row.with_score(self._options.key, judgement.score)
        row = judgement.noted(
            row, self._name, ScoreAction(self.judge.reading), self.judge.prompt.label, self.judge.model
        )
        yield row
        if not self._options.candidates or not row.candidates:
            return
        scores = await asyncio.gather(*(self._of(row, c, judgement.score) for c in row.candidates))
        candidates = [
            candidate if score is None else _scored(candidate, score)
            for candidate, score in zip(row.candidates, scores, strict=True)
        ]
        row = replace(row, candidates=candidates)
        # The best candidate becomes the answer of a draft. For a tie, the earlier one.
        ranked = [(c.score, c.content) for c in candidates if c.score is not None]
        best, text = max(ranked, key=itemgetter(0), default=(judgement.score, answer))
        if best > judgement.score:
            row = _answered_with(row, text, best, self._name, self._options.key)
        yield row

    async def _of(self, row: Row, candidate: Candidate, of_answer: float) -> float | None:
        """The candidate's score. None if no score can be read, or if people already found the candidate
        worse.
        """
        if candidate.found_worse:
            return None
        if candidate.content == row.conversation.answer:
            return of_answer
        try:
            return (await self._judged(row, candidate.content)).score
        except Unusable:
            return None

    async def _judged(self, row: Row, response: str) -> Judgement:
        conversation = transcript(row.conversation.prompt)
        return await self.judge.score({"conversation": conversation, "response": response})


class SideBySide:
    """Judges the answer and its candidates in one prompt. A row with one answer uses the same rubric."""

    # Scores are read as written, so no probe is needed.
    judge = None

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self._name = name
        self._options = options
        self._listwise = ListwiseJudge(name, options, context)

    def expect(self, answers: int) -> Requests:
        """Forecasts the requests to judge this number of answers."""
        return Requests.up_to(2 if self._options.swap and answers > 1 else 1, least=1)

    async def steps(self, row: Row, answer: str) -> AsyncIterator[Row]:
        """Scores the answer and every candidate. Raises `Unusable` if there are no scores."""
        shown = [c for c in row.candidates if self._options.candidates and not c.found_worse]
        texts = list(dict.fromkeys([answer, *(c.content for c in shown)]))
        row, compared = await self._listwise.judge(row, transcript(row.conversation.prompt), texts)
        found = dict(zip(texts, compared, strict=True))
        row = row.with_score(self._options.key, found[answer].score)
        candidates = [
            _scored(c, found[c.content].score, found[c.content].by_order) if c in shown else c
            for c in row.candidates
        ]
        row = replace(row, candidates=candidates)
        for text, verdict in sorted(found.items(), key=lambda pair: -pair[1].score):
            if verdict.beats(found[answer]):
                row = _answered_with(row, text, verdict.score, self._name, self._options.key)
                break
        yield row


def _scored(candidate: Candidate, score: float, by_order: Sequence[float] = ()) -> Candidate:
    """The candidate with its score; with both scores if there are two orders, to distinguish wins from
    ties.
    """
    return replace(candidate, score=score, by_order=by_order if len(by_order) > 1 else ())


def _answered_with(row: Row, text: str, score: float, stage: str, key: str) -> Row:
    """Gives the best candidate to a draft. A given row keeps its answer."""
    if not row.draft:
        return row
    row = row.with_event(stage, ScoreAction.BEST_CANDIDATE, before=row.conversation.answer)
    return row.with_reply(text).with_score(key, score)
