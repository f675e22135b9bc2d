"""Makes drafts from passages, each used once, with one of two methods."""

from __future__ import annotations

from collections.abc import Sequence

from synth.conversation import Conversation, system_message
from synth.errors import SourceError
from synth.row import Lineage, Row, content_id
from synth.stable_hash import rank
from synth.stages.asking import settled
from synth.stages.backtranslate.instructions import Instructions
from synth.stages.backtranslate.options import BacktranslateOptions
from synth.stages.backtranslate.questions import Questions
from synth.stages.backtranslate.reasons import BacktranslateAction
from synth.stages.base import Maker
from synth.stages.context import Context, no_source
from synth.stages.forecast import MakerForecast, Requests, draft_to_come
from synth.stages.judging import PROBE_WORDS
from synth.stages.source_items import Passage


class Backtranslate(Maker):
    """Makes drafts from documents. With `tags`, it also tags the seeds that pass it."""

    version = 2
    preparation = PROBE_WORDS

    def __init__(self, name: str, options: BacktranslateOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        if context.recipe.sources.documents is None:
            raise no_source(name, "documents")
        passages = context.passages(options.min_chars, options.max_chars)
        if not passages:
            raise SourceError(
                f"hold no passage of {options.min_chars} to {options.max_chars} characters.",
                where="sources.documents",
                hint=f"Set `min_chars` of the stage {name!r} lower, or add documents.",
            )
        salt = f"{context.recipe.seed}:{name}"
        self._groups = _groups(passages, options.passages, salt)
        method = Instructions if options.mode == "instruction" else Questions
        self._method = method(name, options, context, passages, salt)
        self.drafts_each = self._method.drafts_each

    @property
    def count(self) -> int:
        """The number of drafts that must pass. None for all passages."""
        return self._options.count or len(self._groups) * self.drafts_each

    async def prepare(self) -> None:
        """Determines how the judge is read."""
        await self._method.prepare()

    def draw(self, index: int) -> Sequence[Passage] | None:
        """The next passage, or several neighbours in one document."""
        return self._groups[index] if index < len(self._groups) else None

    async def make(self, index: int, drawn: Sequence[Passage]) -> list[Row]:
        """Sends a chain of requests: the draft, then its checks."""
        ids = tuple(passage.id for passage in drawn)
        lineage = Lineage("document", parents=ids, stage=self.name, source=drawn[0].place)
        stub = Row(content_id(self.name, ids), Conversation(), lineage)
        return await settled(self.name, stub, self._method.draft(drawn, lineage))

    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        """Forecasts a chain of requests per passage, or one request for several questions."""
        left = max(0, len(self._groups) - drawn)
        each, chain = self.drafts_each, self._method.chain
        least = left if wanted is None else min(-(-wanted // each), left)
        # Further passages replace dropped drafts.
        requests = Requests(least * self._method.usual, least, left * chain)
        drafts = least * each if wanted is None else min(least * each, wanted)
        return MakerForecast(requests, drafts, draft_to_come(self.name, "document"))

    def pass_by(self, row: Row) -> Row:
        """Tags a seed, so that the model can distinguish its style from that of documents."""
        tags = self._options.tags
        if not (tags and row.given and row.conversation.system is None):
            return row
        messages = (system_message(tags.seeds), *row.conversation.messages)
        return row.with_messages(messages).with_event(self.name, BacktranslateAction.TAGGED)


def _groups(passages: Sequence[Passage], size: int, salt: str) -> list[list[Passage]]:
    """Groups of neighbours in one document, in an order that mixes documents and is stable when some are
    added.
    """
    groups: list[list[Passage]] = []
    for passage in passages:
        last = groups[-1] if groups else []
        if 0 < len(last) < size and last[-1].file == passage.file:
            last.append(passage)
        else:
            groups.append([passage])
    return sorted(groups, key=lambda group: rank(salt, group[0].id))
