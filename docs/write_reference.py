"""Writes the tables of recipe keys and of reasons into the pages: `python -m docs.write_reference`.

A page says where a table goes: everything between `<!-- generated: options generate -->` and
`<!-- end -->` is replaced. The tables come from the options of the stages, the blocks of the recipe and the
reasons, so edit those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.rendered_prompts import rendered_prompts
from synth.exports.eligibility import WithheldReason
from synth.llm.providers import PROVIDERS
from synth.reasons import Code
from synth.recipe.base import JUDGING, AskingOptions, ModelConfig, Sampling, StageOptions
from synth.recipe.files import FileSource, RunSource, Sources
from synth.recipe.load import SET_BY_COMMAND
from synth.recipe.model import Budget, ExportOptions, Holdout, Recipe, ReviewOptions
from synth.review.reasons import ReviewAction, ReviewReason
from synth.stages.registry import STAGES

DOCS = Path(__file__).parent
PLACE = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)

# The page of a stage, where it has another name.
PAGES = {"check": "checks"}

# The blocks that have a section of their own.
BLOCKS = {"holdout": Holdout, "budget": Budget, "review": ReviewOptions, "export": ExportOptions}


def main() -> None:
    """Brings all pages up to date."""
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text()
        if (new := up_to_date(text)) != text:
            page.write_text(new)


def up_to_date(text: str) -> str:
    """The text of a page with its tables as the code has them."""
    return PLACE.sub(lambda place: f"{place[1]}{_table_for(*place[2].split())}{place[3]}", text)


def _table_for(table: str, *names: str) -> str:
    """The text of one place: `options KIND`, `reasons KIND`, `history KIND`, `recipe`, or `prompts`."""
    tables: dict[str, Callable[..., str]] = {
        "options": options_table,
        "reasons": reasons_table,
        "history": history_table,
        "recipe": recipe_reference,
        "prompts": rendered_prompts,
    }
    return tables[table](*names)


def options_table(kind: str) -> str:
    """The keys of a stage that only it has, or that have another default there."""
    options = STAGES.find(kind).options
    shared = "every stage that asks a model" if issubclass(options, AskingOptions) else "every stage"
    link = f"recipe.md#{shared.replace(' ', '-')}"
    return f"{keys_table(options)}\nThe keys of [{shared}]({link}) also apply.\n"


def reasons_table(kind: str) -> str:
    """Why a stage drops rows, why people's decisions do, or why rows are withheld from an export."""
    codes: dict[str, Sequence[Code]] = {"export": list(WithheldReason), "review": list(ReviewReason)}
    return _markdown(("reason", "meaning"), _sentences(codes.get(kind) or STAGES.find(kind).options.reasons))


def history_table(kind: str) -> str:
    """What a stage, or a review, notes in the history of a row."""
    codes = list(ReviewAction) if kind == "review" else STAGES.find(kind).options.actions
    return _markdown(("entry", "meaning"), _sentences(codes))


def recipe_reference() -> str:
    """All keys of a recipe, by block."""
    return "\n" + "\n".join(_sections()) + "\n"


def _sections() -> Iterator[str]:
    yield _section(
        "## Top level", "The blocks are described below.", _markdown(_HEAD, _rows(Recipe, flat=False))
    )
    yield "## `models`\n\nEach model has a name, which stages use: `models: {writer: {...}, judge: {...}}`.\n"
    yield _section("### Every model", "", keys_table(ModelConfig))
    for name in PROVIDERS.built_in:
        config = PROVIDERS.find(name).config
        yield _section(f"### `provider: {name}`", _summary(config), keys_table(config))
    yield _section("### Sampling", _summary(Sampling), keys_table(Sampling))
    yield _section("## `sources`", _summary(Sources), keys_table(Sources, "sources."))
    words = "A source is a file, a glob or `hf:NAME`, a block with these keys, or a list of sources."
    yield _section("### A file with options", words, keys_table(FileSource))
    yield _section("### A run", _summary(RunSource), keys_table(RunSource))
    for block, name in (
        (Holdout, "holdout"),
        (Budget, "budget"),
        (ReviewOptions, "review"),
        (ExportOptions, "export"),
    ):
        yield _section(f"## `{name}`", _summary(block), keys_table(block, f"{name}."))
    yield "## `stages`\n\nA list. Each entry is a stage with its keys: `- generate: {count: 200}`.\n"
    yield _section("### Every stage", "", keys_table(StageOptions))
    yield _section("### Every stage that asks a model", "", keys_table(AskingOptions))
    for kind in STAGES.built_in:
        page = PAGES.get(kind, kind)
        options = STAGES.find(kind).options
        words = f"{_summary(options)} See [{page}.md]({page}.md)."
        yield _section(f"### `{kind}`", words, keys_table(options))


def _section(*parts: str) -> str:
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


_HEAD = ("key", "default", "description")


def keys_table(block: type[BaseModel], prefix: str = "") -> str:
    """The keys of a block and of the blocks inside it, without those that its base class has, too."""
    return _markdown(_HEAD, _rows(block, prefix))


def _rows(block: type[BaseModel], prefix: str = "", *, flat: bool = True) -> Iterator[Sequence[str]]:
    # What a stage changes of the common keys comes after its own keys.
    fields = sorted(block.model_fields.items(), key=lambda each: each[0] in AskingOptions.model_fields)
    for name, field in fields if issubclass(block, StageOptions) else block.model_fields.items():
        if name in SET_BY_COMMAND or _is_inherited(block, name, field):
            continue
        key = f"{prefix}{field.alias or name}"
        yield f"`{key}`", _default(block, name), _description(field)
        below = _block_in(field.annotation)
        if flat and below is not None and below is not Sampling:
            several = get_origin(field.annotation) is tuple
            yield from _rows(below, f"{key}[]." if several else f"{key}.")


def _is_inherited(block: type[BaseModel], name: str, field: FieldInfo) -> bool:
    """Whether a base class, whose keys have a table of their own, has the key with the same meaning."""
    for base in (AskingOptions, StageOptions, ModelConfig):
        if block is not base and issubclass(block, base) and name in base.model_fields:
            above = base.model_fields[name]
            return (above.description, _default(base, name)) == (field.description, _default(block, name))
    return False


def _block_in(annotation: Any) -> type[BaseModel] | None:
    """The block that a key holds, alone or in a list; None for a value, and for one of several blocks."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = {block for part in get_args(annotation) if (block := _block_in(part)) is not None}
    return found.pop() if len(found) == 1 else None


def _default(block: type[BaseModel], name: str) -> str:
    field = block.model_fields[name]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if issubclass(block, AskingOptions) and name == "sampling":
        value = block.usual_sampling
    if name == "judge_sampling":
        value = JUDGING
    if isinstance(value, BaseModel):
        value = value.model_dump(by_alias=True, exclude_unset=True)
    if value is None:
        return "none"
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, str):
        return f"`{value}`"
    flow = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).strip()
    return f"`{flow.removesuffix('...').strip()}`"


def _description(field: FieldInfo) -> str:
    assert field.description, "tests/test_reference.py asks for one"
    choices = [f"`{choice}`" for choice in _choices(field.annotation)]
    if len(choices) > 1 and not all(choice in field.description for choice in choices):
        return f"{field.description} One of {', '.join(choices)}."
    return field.description


def _choices(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [choice for part in get_args(annotation) for choice in _choices(part)]


def _summary(block: type[BaseModel]) -> str:
    """The first paragraph of its docstring."""
    return " ".join(cleandoc(block.__doc__ or "").split("\n\n")[0].split())


def _sentences(codes: Iterable[Code]) -> Iterator[Sequence[str]]:
    return ((f"`{code}`", code.sentence) for code in codes)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
