"""Drafts new requests in the style of the seeds: Self-Instruct (https://arxiv.org/abs/2212.10560).

Each request to the writer shows a few seeds and, once there are any, a few kept drafts. It asks for several
requests alone, or for one request with its answer, as JSON. A draft is kept if it passes the filters and is
not too similar to any seed or kept draft.
"""

from __future__ import annotations

from collections.abc import Sequence

from synth.conversation import Conversation
from synth.errors import RecipeError, SourceError
from synth.row import Lineage, Row, content_id
from synth.stages.asking import settled
from synth.stages.base import Maker
from synth.stages.context import Context, no_source
from synth.stages.evidence import Evidence
from synth.stages.forecast import MakerForecast, Requests, draft_to_come
from synth.stages.generate.drafting import Drafting, FewShotDraw, templates_of
from synth.stages.generate.few_shot import EvenDraws, ExamplePool, NearPools
from synth.stages.generate.filters import CopyFilter, InstructionFilter, request_of
from synth.stages.generate.options import GenerateOptions
from synth.stages.generate.reasons import GenerateReason
from synth.stages.generate.system_prompt import system_prompt
from synth.stages.generate.variety import Variety
from synth.stages.source_items import Seed
from synth.text.similarity.novelty import NoveltyIndex


class Generate(Maker):
    """Samples few-shot examples from the seeds and from kept drafts, and asks for one or several drafts."""

    version = 2

    def __init__(self, name: str, options: GenerateOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._window = context.recipe.window
        self._salt = f"{context.recipe.seed}:{name}"
        _check_answered(name, options, context)
        shown = _examples(name, context)
        self._evidence = Evidence(name, options, context)
        self.files = self._evidence.files
        system = system_prompt(name, options.system, context.seeds, context.warn)
        self._drafting = Drafting(name, options, context, self._evidence, system)
        self.drafts_each = self._drafting.each
        self._taxonomy = context.taxonomy
        self._leaves = EvenDraws(self._salt, self._window, self.drafts_each)
        self._variety = Variety(options, context.seeds, self._salt)
        self._seeds, self._drafts = ExamplePool(), ExamplePool()
        self._near = NearPools(shown, options.shots)
        for seed in shown:
            self._seeds.add(seed, since=0)
        seeds = [seed.row.conversation for seed in context.seeds]
        self._known = NoveltyIndex(options.novelty)
        for conversation in seeds:
            self._known.add(request_of(conversation))
        self._filter = InstructionFilter(options, seeds)
        self._copies = CopyFilter(templates_of(self._drafting.prompt), seeds)

    @property
    def count(self) -> int:
        """The number of drafts that must pass the filters."""
        return self._options.count

    def draw(self, index: int) -> FewShotDraw:
        """By default two drafts and six seeds as examples; more seeds as long as there are too few drafts.

        A request is numbered within its topic, or else within its passage. So a new topic or document changes
        few of the others.
        """
        options = self._options
        topic, number, salt = None, index, self._salt
        if self._taxonomy is not None:
            topic, number = self._leaves.draw(index, self._taxonomy.leaves, self._taxonomy.weights)
            salt = f"{salt}:{topic}"
        passages = self._evidence.passages_for(topic, number)
        if passages and topic is None:
            number, salt = index // self._evidence.turns, f"{salt}:{passages[0].id}"
        most = min(options.shots_from_drafts, options.shots - 1)
        machine = self._drafts.draw(f"{salt}:machine", number, most, at=index)
        human = self._human(topic, salt, number, options.shots - len(machine))
        wanted = [self._variety.draw(salt, number, place) for place in range(self.drafts_each)]
        return FewShotDraw(_interleaved(human, machine), topic, passages, number, wanted)

    def _human(self, topic: str | None, salt: str, number: int, count: int) -> list[Row]:
        """Seeds as examples: random ones, but with a topic, half are from those nearest to it."""
        if topic is None:
            return self._seeds.draw(salt, number, count)
        near = self._near.of(topic).draw(f"{salt}:near", number, count // 2)
        known = {row.id for row in near}
        others = [row for row in self._seeds.draw(salt, number, count) if row.id not in known]
        return [*near, *others[: count - len(near)]]

    async def make(self, index: int, drawn: FewShotDraw) -> list[Row]:
        """Sends one request, with retries if the reply cannot be parsed."""
        parents = tuple(passage.id for passage in drawn.passages)
        lineage = Lineage(
            "seed",
            # Rows that are written from one passage share a split.
            parents=parents,
            shots=tuple(shot.id for shot in drawn.shots),
            stage=self.name,
            source=drawn.passages[0].place if drawn.passages else None,
            topic=drawn.topic,
        )
        about = drawn.topic or parents
        which = (about, drawn.number) if about else (index,)
        row = Row(content_id(self.name, *which), Conversation(), lineage)
        return await settled(self.name, row, self._drafting.draft(drawn, row))

    def admit(self, index: int, row: Row) -> Row:
        """Applies the filters, then compares with every seed and every kept draft."""
        request, answer = request_of(row.conversation), row.conversation.answer
        if reason := self._filter.reason(request, answer) or self._copies.reason(request, answer):
            return row.dropped(self.name, *reason)
        if near := self._known.nearest(request):
            return row.dropped(
                self.name, GenerateReason.NOT_NOVEL, f"ROUGE-L {near.score:.2f} with an earlier request"
            )
        self._known.add(request)
        self._drafts.add(Seed(row), since=index + self._window)
        if self._taxonomy is not None:
            self._leaves.kept(index)
        return row

    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        """Forecasts the requests if no draft is dropped. Each dropped draft adds some."""
        count = wanted or 0
        requests = -(-count // self.drafts_each)
        draft = draft_to_come(self.name, answered=self._options.answers_)
        return MakerForecast(Requests(requests, requests, None), count, draft)


def _check_answered(name: str, options: GenerateOptions, context: Context) -> None:
    """Raises `RecipeError` if nothing answers requests without answers."""
    stages = context.recipe.stages
    later = stages[[stage.name for stage in stages].index(name) + 1 :]
    if not options.answers_ and not any(stage.options.answers for stage in later):
        raise RecipeError(
            f"{name!r} drafts requests without answers, and no stage after it gives any.",
            where=context.where(name, "answers"),
            hint="Add `- respond: {}` after it.",
        )


def _examples(name: str, context: Context) -> list[Seed]:
    """The seeds that can be shown: exchanges and conversations of texts. Raises `SourceError` if none can."""
    shown = [seed for seed in context.seeds if _is_shown(seed.row)]
    if shown:
        return shown
    if not context.seeds:
        raise no_source(name, "seeds")
    raise SourceError(
        "no seed is a conversation of texts, in which user and assistant take turns.",
        where="sources.seeds",
        hint=f"The stage {name!r} shows such seeds as examples.",
    )


def _is_shown(row: Row) -> bool:
    roles = [message["role"] for message in row.conversation.messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    return turns == ["user", "assistant"] * (len(turns) // 2) and bool(row.conversation.answer)


def _interleaved(human: Sequence[Row], machine: Sequence[Row]) -> list[Row]:
    """The examples in the order of the draw, with drafts spread among the seeds."""
    shots = list(human)
    for place, row in enumerate(machine, start=1):
        shots.insert(place * len(human) // (len(machine) + 1) + place - 1, row)
    return shots
