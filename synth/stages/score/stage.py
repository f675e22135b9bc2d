"""Scores rows on rubrics, and drops rows that do not satisfy `keep`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from statistics import fmean

from synth.errors import PromptError
from synth.llm.base import Json, RequestFailed
from synth.reasons import SharedAction
from synth.row import Candidate, Row
from synth.stages.asking import Unusable, last_of
from synth.stages.bar import LEAST_CHANCE
from synth.stages.base import RowStage
from synth.stages.context import Context
from synth.stages.forecast import Forecast, Requests
from synth.stages.judging import PROBE_WORDS, Judge, Judgement, score_of, warn_of_own_drafts
from synth.stages.reply_reasons import JudgeReason
from synth.stages.score.listwise import ListwiseJudge
from synth.stages.score.options import ScoreOptions
from synth.stages.score.reasons import ScoreAction, ScoreReason
from synth.stages.score.rubrics import read_rubrics
from synth.stages.score.shown import Shown
from synth.stages.verdicts import Chances

Grades = Mapping[str, Chances[int]]


class Score(RowStage):
    """Held-out rows pass unchanged, because no prompt may show them."""

    version = 2
    preparation = PROBE_WORDS

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        method = SideBySide if options.listwise else OneByOne
        self._method = method(name, options, context)

    async def prepare(self) -> None:
        """Determines and reports how this model's scores are read."""
        if self._method.judge is not None:
            await self._method.judge.prepare(self._options.score_from)

    async def apply(self, row: Row) -> Row:
        """Adds `scores[rubric]`, and drops the row if the scores do not satisfy `keep`."""
        if not self._scores(row):
            return row
        row, error = await last_of(self._method.steps(row, row.conversation.answer or ""), row)
        return row if error is None else self._not_scored(row, error)

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
        model = context.judge(options.model)
        rubrics = read_rubrics(options, context)
        self._labels = rubrics.labels
        self._shown = Shown(context)
        self.judge = Judge(
            name,
            context,
            model,
            rubrics.prompt,
            options.sampling,
            options.attempts,
            names=list(rubrics.labels),
            constants=rubrics.constants,
        )
        for key, levels in zip(options.keys, self.judge.scales.values(), strict=True):
            _check_bar(options, key, levels)
        warn_of_own_drafts(context, name, model, drops=options.keep is not None)

    def expect(self, answers: int) -> Requests:
        """Forecasts a request for each answer."""
        return Requests.up_to(answers, least=1)

    async def steps(self, row: Row, answer: str) -> AsyncIterator[Row]:
        """Scores the answer, then every candidate. Raises `Unusable` if the answer gets no score."""
        judgement = await self._judged(row, answer)
        grades = self._by_key(judgement)
        row = _marked(row, grades)
        how = ScoreAction(self.judge.reading)
        for name, (key, grade) in zip(self._labels, grades.items(), strict=True):
            details = {"key": key, "prompt": self._labels[name]} | _chance(self._options, key, grade)
            row = judgement.noted(row, self._name, how, name, **details)
        if self._options.candidates and row.candidates:
            yield row
            row, grades = await self._best_of(row, answer, grades)
        yield _decided(row, self._name, self._options, grades)

    async def _best_of(self, row: Row, answer: str, of_answer: Grades) -> tuple[Row, Grades]:
        """The row with scores of its candidates, and the grades of its answer: the best one, in a draft."""
        given = await asyncio.gather(*(self._of(row, c, answer, of_answer) for c in row.candidates))
        pairs = list(zip(row.candidates, given, strict=True))
        candidates = [c if grades is None else _scored(c, _mean(grades)) for c, grades in pairs]
        row = replace(row, candidates=candidates)
        # For a tie, the earlier one.
        ranked = [(_mean(grades), c.content, grades) for c, grades in pairs if grades is not None]
        best, text, grades = max(ranked, key=itemgetter(0), default=(0.0, answer, of_answer))
        if best > _mean(of_answer) and row.draft:
            return _answered_with(row, text, self._name, grades), grades
        return row, of_answer

    async def _of(self, row: Row, candidate: Candidate, answer: str, of_answer: Grades) -> Grades | None:
        """The candidate's grades. None if none can be read, or if people already found the candidate
        worse.
        """
        if candidate.found_worse:
            return None
        if candidate.content == answer:
            return of_answer
        try:
            return self._by_key(await self._judged(row, candidate.content))
        except Unusable:
            return None

    async def _judged(self, row: Row, response: str) -> Judgement:
        return await self.judge.score({**self._shown.values(row, [response]), "response": response})

    def _by_key(self, judgement: Judgement) -> Grades:
        return dict(zip(self._options.keys, judgement.grades.values(), strict=True))


class SideBySide:
    """Judges the answer and its candidates in one prompt. A row with one answer uses the same rubric."""

    # Scores are read as written, so no probe is needed.
    judge = None

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self._name = name
        self._options = options
        (self._key,) = options.keys
        self._shown = Shown(context)
        self._listwise = ListwiseJudge(name, options, context)
        _check_bar(options, self._key, self._listwise.levels)

    def expect(self, answers: int) -> Requests:
        """Forecasts the requests to judge this number of answers."""
        return Requests.up_to(2 if self._options.swap and answers > 1 else 1, least=1)

    async def steps(self, row: Row, answer: str) -> AsyncIterator[Row]:
        """Scores the answer and every candidate. Raises `Unusable` if there are no scores."""
        shown = [c for c in row.candidates if self._options.candidates and not c.found_worse]
        texts = list(dict.fromkeys([answer, *(c.content for c in shown)]))
        row, compared = await self._listwise.judge(row, self._shown.values(row, texts), texts)
        found = dict(zip(texts, compared, strict=True))
        candidates = [
            _scored(c, found[c.content].score, found[c.content].by_order) if c in shown else c
            for c in row.candidates
        ]
        row = replace(_marked(row, {self._key: found[answer].grade}), candidates=candidates)
        grades = {self._key: found[answer].grade}
        for text, verdict in sorted(found.items(), key=lambda pair: -pair[1].score):
            if verdict.beats(found[answer]) and row.draft:
                grades = {self._key: verdict.grade}
                row = _answered_with(row, text, self._name, grades)
                break
        yield _decided(row, self._name, self._options, grades)


def _check_bar(options: ScoreOptions, key: str, levels: range) -> None:
    """Raises `PromptError` if no level of the rubric satisfies its bar."""
    bar = options.bars.get(key)
    if bar is not None and not any(map(bar.holds, levels)):
        raise PromptError(
            f"no level of the rubric {key!r} ({levels[0]} to {levels[-1]}) satisfies `keep: {bar}`."
        )


def _mean(grades: Grades) -> float:
    return fmean(map(score_of, grades.values()))


def _chance(options: ScoreOptions, key: str, grade: Chances[int]) -> Json:
    """The probability that the grade satisfies its bar, for a receipt. Empty without a bar."""
    bar = options.bars.get(key)
    return {} if bar is None else {"chance": round(grade.that(bar.holds), 4)}


def _marked(row: Row, grades: Grades) -> Row:
    for key, grade in grades.items():
        row = row.with_score(key, score_of(grade))
    return row


def _decided(row: Row, stage: str, options: ScoreOptions, grades: Grades) -> Row:
    """The row, dropped if it is a draft with a grade that is unlikely to satisfy its bar."""
    lacking = [
        f"P({key} {bar}) = {chance:.2f}, score {score_of(grades[key]):.2f}"
        for key, bar in options.bars.items()
        if (chance := grades[key].that(bar.holds)) < LEAST_CHANCE
    ]
    if row.given or not lacking:
        return row
    return row.dropped(stage, ScoreReason.LOW_SCORE, "; ".join(lacking))


def _scored(candidate: Candidate, score: float, by_order: Sequence[float] = ()) -> Candidate:
    """The candidate with its score; with both scores if there are two orders, to distinguish wins from
    ties.
    """
    return replace(candidate, score=round(score, 4), by_order=by_order if len(by_order) > 1 else ())


def _answered_with(row: Row, text: str, stage: str, grades: Grades) -> Row:
    """Gives the best candidate to a draft."""
    row = row.with_event(stage, ScoreAction.BEST_CANDIDATE, before=row.conversation.answer)
    return _marked(row.with_reply(text), grades)
