"""The examples in the docstrings of the Python API run, and show what they say."""

from __future__ import annotations

import doctest
from pathlib import Path
from types import ModuleType

import pytest

import synth
from synth import api

# The examples of `synth` make the run that the examples of `synth.api` open.
MODULES = (synth, api)


def examples_of(module: ModuleType) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(
        module, module.__name__, extraglobs={"synth": synth}
    )
    return [example for example in found if example.examples]


def test_the_examples_run(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.parent)
    runner = doctest.DocTestRunner()
    said: list[str] = []
    for module in MODULES:
        for example in examples_of(module):
            runner.run(example, out=said.append)
    assert not runner.failures, "".join(said)


def test_each_part_of_the_api_has_an_example() -> None:
    named = {example.name.rpartition(".")[2] for example in examples_of(api)}
    assert named == {"run", "open_run", "export", "Run"}
    assert examples_of(synth)
