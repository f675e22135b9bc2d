"""Shows rows as the model to train will see them: with its chat template and its tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Template, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from synth.conversation import content_of
from synth.errors import ExportError
from synth.exports.example import TrainingExample
from synth.exports.options import check_model, counts_tokens
from synth.hints import pip_install
from synth.llm.base import Json
from synth.recipe.model import ExportOptions

# Counts the tokens of a text.
CountTokens = Callable[[str], int]


class TargetModel:
    """A chat template and a tokenizer."""

    def __init__(self, name: str, template: str, special_tokens: Json, count: CountTokens) -> None:
        self._name = name
        self._special_tokens = special_tokens
        self._count = count
        try:
            self._template = _compiled(template)
        except TemplateError as error:
            raise ExportError(
                f"the chat template is not valid: {error}.", where=f"export.model: {name}"
            ) from None

    def length(self, example: TrainingExample) -> int:
        """Tokens of the whole row; in a pair, of the longer one."""
        return max(self._count(self._render(example, messages)) for messages in _conversations(example))

    def leaves_out(self, example: TrainingExample) -> str | None:
        """A sentence about a text of the row that the template does not show in full, or None."""
        lost = (self._lost(messages, self._render(example, messages)) for messages in _conversations(example))
        return next(filter(None, lost), None)

    def flaw(self, example: TrainingExample) -> str | None:
        """A sentence about a lost text or about a loss mask that misses the answer, or None."""
        for messages in _conversations(example):
            rendered = self._render(example, messages)
            flaw = self._lost(messages, rendered) or self._moved(example, messages, rendered)
            if flaw:
                return flaw
        return None

    def _lost(self, messages: Sequence[Json], rendered: str) -> str | None:
        for message in messages:
            text = content_of(message).strip()
            # Some templates (llama3.1) show a tool's result as a JSON string.
            quoted = message["role"] == "tool" and json.dumps(text, ensure_ascii=False) in rendered
            if text not in rendered and not quoted:
                return f"the chat template of {self._name} leaves out {text[:60]!r}"
        return None

    def _moved(self, example: TrainingExample, messages: Sequence[Json], rendered: str) -> str | None:
        """Trainers assume that the answer begins where the rendered prompt ends."""
        *asked, answer = messages
        if answer["role"] != "assistant" or not asked:
            return None
        if rendered.startswith(self._render(example, asked, ask=True)):
            return None
        return f"the chat template of {self._name} shows the prompt in another way before its answer"

    def _render(self, example: TrainingExample, messages: Sequence[Json], *, ask: bool = False) -> str:
        """The text that a trainer sees. With `ask`, it ends where the model starts to write."""
        try:
            return self._template.render(
                messages=messages,
                tools=list(example.tools) or None,
                add_generation_prompt=ask,
                **self._special_tokens,
            )
        except (TemplateError, TypeError) as error:
            raise ExportError(
                f"the chat template of {self._name} refuses it: {error}.", where=f"row {example.id}"
            ) from None


@lru_cache(maxsize=16)
def _compiled(template: str) -> Template:
    """The compiled template, cached: every export uses the same few, and compiling one takes 40 ms."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(raise_exception=_refuse, strftime_now=lambda _: "1 Jan 2026")
    return environment.from_string(template)


def target_model(options: ExportOptions, base: Path) -> TargetModel | None:
    """The model of `export.model`. None if its folder (relative to `base`) does not exist and no lengths are
    needed.

    Raises `ExportError` if it cannot be loaded.
    """
    check_model(options)
    if options.model is None:
        return None
    folder = base / options.model
    if not folder.is_dir():
        if not counts_tokens(options):
            return None
        folder = _fetched(options.model)
    return load_target(folder, options.model)


def load_target(folder: Path, name: str) -> TargetModel:
    """Reads `tokenizer.json`, `tokenizer_config.json` and the chat template of a model's folder."""
    try:
        tokenizers = import_module("tokenizers")
    except ImportError:
        raise ExportError(
            "needs the package `tokenizers`.",
            where=f"export.model: {name}",
            hint=f"Install it: `{pip_install('tokenizers')}`.",
        ) from None
    config = _json(folder / "tokenizer_config.json")
    template_file = folder / "chat_template.jinja"
    template = template_file.read_text("utf-8") if template_file.is_file() else config.get("chat_template")
    if not isinstance(template, str) or not (folder / "tokenizer.json").is_file():
        raise ExportError(
            "has no chat template and `tokenizer.json`.",
            where=f"export.model: {name}",
            hint="A model to train on conversations needs both.",
        )
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    special = {key: _token(config[key]) for key in ("bos_token", "eos_token", "unk_token") if config.get(key)}
    return TargetModel(
        name, template, special, lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
    )


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download

    patterns = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (OSError, ValueError) as error:
        raise ExportError(
            f"the tokenizer could not be loaded: {error}",
            where=f"export.model: {name}",
            hint="Name a folder that contains the model.",
        ) from None


def _json(file: Path) -> Json:
    return dict(orjson.loads(file.read_bytes())) if file.is_file() else {}


def _token(value: Any) -> str:
    return str(value["content"]) if isinstance(value, dict) else str(value)


def _conversations(example: TrainingExample) -> list[list[Json]]:
    whole = [list(example.messages)]
    if example.rejected is not None:
        whole.append([*example.prompt, {"role": "assistant", "content": example.rejected}])
    return whole


def _to_json(value: Any, indent: int | None = None, **_: Any) -> str:
    """Like the `tojson` filter of transformers: no ASCII escapes, and no HTML escapes."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(words: str) -> None:
    raise TemplateError(words)


class _Generation(Extension):
    """Ignores `{% generation %}`, with which training templates mark answers."""

    tags = {"generation"}  # noqa: RUF012 - jinja's own interface

    def parse(self, parser: Parser) -> list[Node]:
        """The body alone."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)
