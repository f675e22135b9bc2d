"""Parses and renders the templates of prompts.

A recipe and its templates can come from strangers. In Jinja's sandbox a template runs no code, but it can
still request a terabyte of memory, or loop for ever. So such templates run in a process that can be killed.
The packaged templates run here.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from synth.isolated import TooMuch, shared
from synth.isolated.tasks import TooLong
from synth.llm.base import Json

# Limits for rendering one prompt: seconds of processor time, and characters.
SECONDS: Final = 1.0
_LONGEST: Final = 16 * 2**20
_MOST_BITS: Final = 10_000

_OTHER_FILES: Final = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)


# The exceptions of the types that a template can use.
_RAISED: Final = (
    TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


class TemplateFault(Exception):
    """A template is unusable: `line` in the prompt's file (0: unknown), and the message."""

    def __init__(self, line: int, words: str) -> None:
        super().__init__(words)
        self.line = line
        self.words = words


@dataclass(frozen=True, slots=True)
class Part:
    """One message of a prompt: its role, its template, and the number of lines before it in the file."""

    role: str
    text: str
    before: int


def variables(parts: Sequence[Part], *, trusted: bool) -> frozenset[str]:
    """The variables of the templates. Raises `TemplateFault` for an invalid template."""
    return frozenset(_ask("variables", parts, trusted=trusted))


def render(parts: Sequence[Part], values: Mapping[str, Any], *, trusted: bool) -> list[str]:
    """The text of each part. Raises `TemplateFault`."""
    texts: list[str] = _ask("render", parts, trusted=trusted, values=dict(values))
    return texts


def _ask(do: str, parts: Sequence[Part], *, trusted: bool, **given: Any) -> Any:
    plain = [[part.role, part.text, part.before] for part in parts]
    if trusted:
        answer = TASKS[do](plain, **given)
    else:
        try:
            answer = shared.ask(do, SECONDS, parts=plain, **given)
        except TooMuch as error:
            raise TemplateFault(0, error.words) from None
    if "words" in answer:
        raise TemplateFault(answer["line"], answer["words"])
    return answer["found"]


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox without randomness: the same values give the same prompt. Powers are limited."""

    intercepted_binops = frozenset({"**"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True)
        del self.globals["lipsum"]
        del self.filters["random"]

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """`**`, the only operator that can take for ever in one step."""
        if isinstance(left, int) and isinstance(right, int) and right * left.bit_length() > _MOST_BITS:
            raise OverflowError("the power is too large")
        return super().call_binop(context, operator, left, right)


_environment: Final = _Environment()


def _variables(parts: list[list[Any]]) -> Json:
    used: set[str] = set()
    for _, text, before in parts:
        try:
            tree = _environment.parse(text)
            if other := next(tree.find_all(_OTHER_FILES), None):
                kind = type(other).__name__.lower()
                return _fault(before + other.lineno, f"a prompt is one file: `{kind}` is not allowed")
            used |= meta.find_undeclared_variables(tree)
            _template(text)
        except TemplateSyntaxError as error:
            return _fault(before + error.lineno, f"it is not a valid template: {error.message}")
        except (TemplateError, SyntaxError, RecursionError, MemoryError) as error:
            return _fault(before + 1, f"it is not a valid template: {_said(error)}")
    return {"found": sorted(used)}


def _render(parts: list[list[Any]], values: Json) -> Json:
    found: list[str] = []
    for _, text, before in parts:
        template = _template(text)
        try:
            found.append(template.render(values).strip("\n"))
        except TooLong as error:
            at = template.get_corresponding_lineno(_line_of(error))
            return _fault(before + at, f"takes longer than {SECONDS:g} s to render")
        except _RAISED as error:
            return _fault(before + _line_of(error), f"does not render: {_said(error)}")
        if sum(map(len, found)) > _LONGEST:
            return _fault(before + 1, f"renders to more than {_LONGEST // 2**20} million characters")
    return {"found": found}


# What `synth.isolated` can be asked.
TASKS: Final[Mapping[str, Callable[..., Json]]] = {"variables": _variables, "render": _render}


@lru_cache(maxsize=256)
def _template(text: str) -> Template:
    return _environment.from_string(text)


def _fault(line: int, words: str) -> Json:
    return {"line": line, "words": words}


def _line_of(error: BaseException) -> int:
    """The template line where the error occurred."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == "<template>"), 1)


def _said(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply, or calls itself without end"
    if isinstance(error, SyntaxError):
        return error.msg
    return str(error).rstrip(".") or type(error).__name__
