"""The table of docs/fidelity.md is true: each constant is in the code, and each test that pins it exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "fidelity.md"
NAME = re.compile(r"`([^`]+)`")


def lines() -> list[list[str]]:
    """The cells of each line of the table, without its head."""
    rows = [line.strip().strip("|").split("|") for line in TABLE.read_text().splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@cache
def named_in(file: Path) -> set[str]:
    found = (node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef))
    return {name for name in found if name.startswith("test_")}


def exists(name: str) -> bool:
    """Whether `stages.generate.options.GenerateOptions.shots` is something in the package."""
    module, *inside = name.rsplit(".", 2) if name.split(".")[-2][0].isupper() else name.rsplit(".", 1)
    found = import_module(f"synth.{module}")
    for step in inside:
        if isinstance(found, type) and issubclass(found, BaseModel) and step in found.model_fields:
            return True
        if not hasattr(found, step):
            return False
        found = getattr(found, step)
    return True


@pytest.mark.parametrize("line", lines(), ids=lambda line: line[1][:40])
def test_a_line_names_code_and_a_test_that_are_there(line: list[str]) -> None:
    _, constant, code, pinned = line
    assert constant
    assert NAME.findall(code), "no place in the code"
    for name in NAME.findall(code):
        assert exists(name), name
    assert NAME.findall(pinned), "no test"
    for name in NAME.findall(pinned):
        file, _, test = name.partition("::")
        assert test in named_in(TESTS / file), name
