"""The options of every stage: what a recipe may write. Light to import; the stages themselves are not."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from synth.recipe.base import AskingOptions, Count, Positive, Sampling, Share, StageOptions, Strict
from synth.stages.taxonomy import read_taxonomy
from synth.text.standardise.options import Options as StandardiseRules
from synth.user_code import FUNCTION_PATTERN, split_name


def _names_a_function(value: str) -> str:
    split_name(value)
    return value


FunctionName = Annotated[
    str, AfterValidator(_names_a_function), Field(json_schema_extra={"pattern": FUNCTION_PATTERN})
]


class TopicsOptions(AskingOptions):
    """What rows are to be about: makers behind it fill its topics evenly."""

    taxonomy: str | list[Any] | dict[str, Any] | None = Field(
        default=None,
        description="A file beside the recipe, or names, nested as you like; without it, seeds give one.",
    )
    shown: Positive = Field(default=20, description="Seeds that one request shows, about.")
    topics: Positive = Field(default=12, description="Most topics that are drawn from the seeds.")
    subtopics: Count = Field(default=6, description="Most sub-topics of each.")
    sampling: Sampling = Sampling(temperature=0.3)

    @field_validator("taxonomy")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if isinstance(value, list | dict):
            read_taxonomy(value)
        return value


# Self-Instruct, https://arxiv.org/abs/2212.10560, table 4 and the released code.
SELF_INSTRUCT_SAMPLING = Sampling(temperature=0.7, top_p=0.5, presence_penalty=2.0, max_tokens=1024)
SELF_INSTRUCT_KEYWORDS = (
    "image",
    "images",
    "graph",
    "graphs",
    "picture",
    "pictures",
    "file",
    "files",
    "map",
    "maps",
    "draw",
    "plot",
    "go to",
)


class GenerateOptions(AskingOptions):
    """New rows in the manner of the seeds (Self-Instruct)."""

    count: Positive = Field(default=100, description="Drafts that are to pass the filters below.")
    shots: Positive = Field(default=8, description="Examples in each prompt.")
    machine_shots: Count = Field(
        default=2, description="So many of them from kept drafts, once there are any."
    )
    novelty: float = Field(
        default=0.7, ge=0, lt=1, description="Highest ROUGE-L F1 with any seed or kept draft."
    )
    min_words: Count = Field(default=4, description="Fewest words of an instruction.")
    max_words: Positive = Field(default=150, description="Most words of an instruction.")
    keywords: tuple[str, ...] = Field(
        default=SELF_INSTRUCT_KEYWORDS,
        description="What a text model cannot do; a word that a seed uses is let be.",
    )
    repeated: Share = Field(
        default=0.3, description="Most runs of four words that a text may say again; more is a loop."
    )
    sampling: Sampling = SELF_INSTRUCT_SAMPLING


# Humpback, https://arxiv.org/abs/2308.06259, section 3.1 and table 1.
HUMPBACK_SAMPLING = Sampling(temperature=0.7, top_p=0.9)
HUMPBACK_KEEP = 4.5
HUMPBACK_SEED_TAG = "Answer in the style of an AI Assistant."
HUMPBACK_DOCUMENT_TAG = "Answer with knowledge from web search."

# What an assistant says where the passages do not hold the answer.
NOT_IN_CONTEXT = "The answer is not in the context."


class ContextOptions(Strict):
    """Questions with their passages in the prompt (RAFT, https://arxiv.org/abs/2403.10131)."""

    distractors: Positive = Field(default=4, description="Other passages beside the one that answers.")
    absent: Share = Field(default=0.2, description="Share of questions whose own passage is left out.")
    answer: str = Field(default=NOT_IN_CONTEXT, description="What is right where it is left out.")
    prompt: str = Field(default="with_context", description="How the user's message is put together.")


class TagOptions(Strict):
    """System prompts that tell what people wrote as an answer from what they wrote as a text."""

    seeds: str = HUMPBACK_SEED_TAG
    documents: str = HUMPBACK_DOCUMENT_TAG


class BacktranslateOptions(AskingOptions):
    """Instructions, or questions and answers, for what documents say (Humpback, RAFT)."""

    count: Positive | None = Field(default=None, description="Drafts that are to pass; without it, all do.")
    mode: Literal["instruction", "questions"] = Field(
        default="instruction", description="The text as the answer, or questions about it with quotes."
    )
    shortest: Positive = Field(default=600, description="Fewest characters of a passage.")
    longest: Positive = Field(default=3000, description="Most characters of a passage.")
    judge: str | None = Field(default=None, description="One of `models`, in the place of `judge`.")
    sampling_of_judge: Sampling = Sampling(temperature=0.0)
    keep: Annotated[float, Field(ge=-1e6, le=1e6)] | None = Field(
        default=HUMPBACK_KEEP, description="Least score in curation, of 1 to 5; null leaves curation out."
    )
    curate: str = Field(default="curate", description="The curation's prompt.")
    round_trip: bool = Field(
        default=True, description="Answer the instruction without the text, and drop it where that differs."
    )
    rewrite: bool = Field(default=False, description="Rewrite the text in the style of an assistant.")
    tags: TagOptions | None = Field(default=None, description="Humpback's system prompts; {} for its own.")
    questions: Positive = Field(default=3, description="Questions for each passage.")
    passages: Positive = Field(default=1, description="Passages of one document that a question is about.")
    context: ContextOptions | None = Field(
        default=None, description="Put the passage into the prompt, among others."
    )
    sampling: Sampling = HUMPBACK_SAMPLING

    @model_validator(mode="after")
    def _fits(self) -> BacktranslateOptions:
        if self.longest < 2 * self.shortest:
            raise ValueError("longest must be at least twice shortest")
        if self.mode == "instruction" and (self.context or self.passages > 1):
            raise ValueError("context and passages go with `mode: questions`")
        return self


# How a request is reworded, by the name under which a recipe chooses it.
STYLES = {
    "formal": "in formal, complete sentences",
    "casual": "the way somebody types it in a chat, informally",
    "short": "as short as it can be said",
    "long": "at greater length, in two or three sentences",
    "order": "with the parts of the sentence in another order and another sentence structure",
    "keywords": "as the keywords that somebody would type into a search box",
    "typos": "with two or three typing errors in ordinary words, but none in names, numbers or code",
}


class ParaphraseOptions(AskingOptions):
    """The same answer, other wordings of the request (SQLCoder2)."""

    from_: tuple[str, ...] | None = Field(
        default=None, alias="from", description="Sources and earlier makers to draw on; all by default."
    )
    variants: Positive = Field(default=2, description="Wordings of each row.")
    count: Positive | None = Field(default=None, description="Wordings that are to pass in all.")
    styles: tuple[str, ...] = Field(
        default=("formal", "casual", "short", "order", "long"),
        description="Of formal, casual, short, long, order, keywords, typos, or your own words.",
    )
    languages: tuple[str, ...] = Field(default=(), description="Other languages, taken in turn with styles.")
    similarity: tuple[Share, Share] = Field(
        default=(0.4, 0.98), description="Least and most similarity of the two wordings' embeddings."
    )
    judge: str | None = Field(default=None, description="One of `models`, in the place of `judge`.")
    sampling_of_judge: Sampling = Sampling(temperature=0.0)
    ask_judge: bool = Field(default=True, description="Let the judge say whether both ask for the same.")
    sampling: Sampling = Sampling(temperature=0.9, top_p=0.95, max_tokens=512)

    @model_validator(mode="after")
    def _something_to_do(self) -> ParaphraseOptions:
        if not self.styles and not self.languages:
            raise ValueError("there are neither styles nor languages")
        if self.similarity[0] >= self.similarity[1]:
            raise ValueError("similarity: the least is not below the most")
        return self


# Evol-Instruct, https://arxiv.org/abs/2304.12244: four ways into depth and one into breadth.
EVOL_DEPTH = {
    "constraints": "add one more constraint or requirement",
    "deepening": "where it asks about certain issues, ask deeper and more broadly about them",
    "concretizing": "replace general ideas by more specific ones",
    "reasoning": "where a few simple steps of thought solve it, ask expressly for several steps of reasoning",
}
EVOL_BREADTH = "breadth"
EVOL_SORRY_WORDS = 80


class EvolveOptions(AskingOptions):
    """Harder and rarer requests out of those that are there (Evol-Instruct)."""

    from_: tuple[str, ...] | None = Field(
        default=None, alias="from", description="Sources and earlier makers to draw on; all by default."
    )
    variants: Positive = Field(default=1, description="Evolved requests of each row.")
    count: Positive | None = Field(default=None, description="Evolved rows that are to pass in all.")
    operations: tuple[str, ...] = Field(
        default=(*EVOL_DEPTH, EVOL_BREADTH), description="Taken in turn, so that each comes equally often."
    )
    judge: str | None = Field(default=None, description="One of `models`, in the place of `judge`.")
    sampling_of_judge: Sampling = Sampling(temperature=0.0)
    ask_judge: bool = Field(default=True, description="Let the judge say whether anything was gained.")
    sampling: Sampling = Sampling(temperature=1.0, top_p=0.9)

    @field_validator("operations")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = (*EVOL_DEPTH, EVOL_BREADTH)
        if not value or set(value) - set(known):
            raise ValueError(f"must be some of {', '.join(known)}")
        return value


# LLM2LLM, https://arxiv.org/abs/2403.15042: one new row for each that went wrong, from real rows alone.
LLM2LLM_EACH = 1


class TargetFailuresOptions(AskingOptions):
    """New examples for what today's model gets wrong (LLM2LLM)."""

    each: Positive = Field(default=LLM2LLM_EACH, description="New rows for each failure.")
    count: Positive | None = Field(default=None, description="Drafts that are to pass, in proportion.")
    pairs: bool = Field(
        default=True, description="Also keep each failed request with a right answer, the bad one rejected."
    )
    alike: Share = Field(default=0.45, description="Similarity from which failures are one pattern.")
    novelty: float = Field(
        default=0.7, ge=0, lt=1, description="Highest ROUGE-L F1 with a failure, a seed or a draft."
    )
    sampling: Sampling = Sampling(temperature=0.7, top_p=0.9)


class GroundedOptions(Strict):
    """Answers from documents: from what is found for the request, among other passages (RAFT)."""

    passages: Positive = Field(default=2, description="Passages found for each request.")
    distractors: Count = Field(default=3, description="Other passages beside them.")
    in_prompt: bool = Field(
        default=True, description="Keep the passages in the row's prompt; its answer ends with the right one."
    )
    answer: str = Field(default=NOT_IN_CONTEXT, description="What is right where no passage holds it.")
    shortest: Positive = Field(default=300, description="Fewest characters of a passage.")
    longest: Positive = Field(default=1500, description="Most characters of a passage.")
    draft: str = Field(default="grounded", description="The prompt that the answer is drafted with.")
    prompt: str = Field(default="with_context", description="How the user's message is put together.")

    @model_validator(mode="after")
    def _fits(self) -> GroundedOptions:
        if self.longest < 2 * self.shortest:
            raise ValueError("longest must be at least twice shortest")
        return self


class RespondOptions(AskingOptions):
    """Answers for rows that have none; several for each; longer conversations; old ones answered anew."""

    system: str | None = Field(default=None, description="A system prompt for rows without one.")
    n: Positive = Field(default=1, description="Candidate answers for every row.")
    models: tuple[str, ...] = Field(default=(), description="Who gives them, in turn.")
    temperatures: tuple[Annotated[float, Field(ge=0.0, le=5.0)], ...] = Field(
        default=(), description="At which temperatures, in turn."
    )
    systems: tuple[str, ...] = Field(default=(), description="Under which system prompts, in turn.")
    turns: Positive = Field(default=1, description="Answers in a conversation; a model plays the user.")
    user: str | None = Field(default=None, description="One of `models` that plays the user.")
    again: bool = Field(default=False, description="Answer every turn of existing conversations anew.")
    grounded: GroundedOptions | None = Field(
        default=None, description="Answer from `sources.documents`, with a quote; {} for the usual way."
    )

    @model_validator(mode="after")
    def _one_thing(self) -> RespondOptions:
        several = self.models or self.temperatures or self.systems
        if self.n == 1 and several:
            raise ValueError("models, temperatures and systems take turns among n > 1 candidates")
        if (self.n > 1) + (self.turns > 1) + self.again > 1:
            raise ValueError("n, turns and again are three things: use a stage for each")
        if self.grounded and (self.n > 1 or self.turns > 1 or self.again):
            raise ValueError("grounded gives one answer to a row that has none: without n, turns and again")
        return self


class ApplyOptions(StageOptions):
    """A function of the user's own."""

    function: FunctionName = Field(description="FILE.py:FUNCTION, a file in the recipe's folder.")
    options: dict[str, Any] = Field(default_factory=dict, description="Passed on as keyword arguments.")


class StandardiseOptions(StandardiseRules, StageOptions):
    """One form for all texts."""


class DedupeOptions(StageOptions):
    """Joins near-copies: the first stays."""

    on: Literal["prompt", "answer", "both"] = "prompt"
    threshold: Share = Field(
        default=0.8, description="Jaccard similarity of shingles from which two are copies."
    )


class RedactOptions(StageOptions):
    """Stand-ins for people's data in all sources, as they are read. Stands first."""

    emails: bool = Field(default=True, description="E-mail addresses.")
    phones: bool = Field(default=True, description="Telephone numbers that are valid in their country.")
    cards: bool = Field(default=True, description="Card numbers with the right last digit.")
    accounts: bool = Field(default=True, description="IBANs, bank routing numbers, account numbers.")
    names: str | None = Field(default=None, description="A file with one name a line.")
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(
        default=None, description="The country of telephone numbers that are written without one, such as DE."
    )


class CheckOptions(StageOptions):
    """What can be executed about an answer: one of `json`, `sql` and `function`."""

    schema_: str | None = Field(
        default=None, alias="json", description="A JSON schema the answer agrees with."
    )
    sql: str | None = Field(
        default=None, description="A SQLite or DuckDB file the answer runs on, read-only."
    )
    function: FunctionName | None = Field(
        default=None,
        description="FILE.py:FUNCTION in the recipe's folder: code of your own, run under `synth run` alone.",
    )
    seconds: Annotated[float, Field(gt=0, le=600)] = Field(default=5.0, description="What a query may take.")
    empty: bool = Field(default=True, description="Keep queries whose result has no rows.")

    @model_validator(mode="after")
    def _one_of_them(self) -> CheckOptions:
        named = [value for value in (self.schema_, self.sql, self.function) if value is not None]
        if len(named) != 1:
            raise ValueError("needs one of `json`, `sql` and `function`")
        return self
