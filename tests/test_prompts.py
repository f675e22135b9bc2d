"""A prompt template from a stranger ends, in bounded memory, and its errors have a position."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synth.errors import PromptError
from synth.packaged import packaged
from synth.prompts import Prompt, read_prompt

HEAD = "---\nname: mine\nversion: 1\ninputs: [a]\nsource: me\n---\n# user\n"

# What line 9 holds, and words of the message. Where no line can be named, it is line 8, the first.
FIRST = ("a long prompt", "parentheses", "blocks")
BAD = {
    "include": ("{% include 'x' %}", "`include` is not allowed"),
    "import": ("{% import 'x' as y %}", "`import` is not allowed"),
    "from": ("{% from 'x' import y %}", "`fromimport` is not allowed"),
    "extends": ("{% extends a %}", "`extends` is not allowed"),
    "a multiplied text": ("{{ 'x' * 10**10 }}", "too much memory"),
    "a multiplied input": ("{{ a * 10000000000 }}", "too much memory"),
    "a multiplied list": ("{{ ([1] * 1000000000) | length }}", "too much memory"),
    "a wide number": ("{{ '%999999999d' % 1 }}", "too much memory"),
    "a wide text": ("{{ '{:>9999999999}'.format(a) }}", "too much memory"),
    "center, the filter": ("{{ 'x' | center(10000000000) }}", "too much memory"),
    "center, the method": ("{{ 'x'.center(10000000000) }}", "too much memory"),
    "a list that grows": (
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "too much memory|longer than 1 s",
    ),
    "a long prompt": ("{% for i in range(999) %}{{ 'x' * 20000 }}{% endfor %}", "16 million characters"),
    "nested loops": (
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "longer than 1 s",
    ),
    "sums of sums": ("{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}", "longer than 1 s"),
    "numbers that grow": (
        "{% set n = namespace(x=3) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
        "longer than 1 s",
    ),
    "a large power": ("{{ 10 ** (10 ** 8) }}", "power is too large"),
    "recursion": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself"),
    "division by zero": ("{{ 1 / 0 }}", "division by zero"),
    "parentheses": ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "nested too deeply"),
    "blocks": ("{% for i in a %}" * 30 + "{% endfor %}" * 30, "too many statically nested blocks"),
    "chance": ("{{ [1, 2] | random }}", "No filter named 'random'"),
    "a missing key": ("{{ a.b }}", "has no attribute 'b'"),
    "what the sandbox forbids": ("{{ a.__class__ }}", "unsafe"),
    "a broken tag": ("{% if %}", "Expected an expression"),
}


def rendered(folder: Path, body: str) -> Prompt:
    file = folder / "mine.md"
    file.write_text(HEAD + body)
    prompt = read_prompt(file, "generate/mine")
    prompt.render({"a": "hello"})
    return prompt


@pytest.mark.parametrize("case", BAD)
def test_a_template_that_cannot_be_used_says_where(tmp_path: Path, case: str) -> None:
    line, words = BAD[case]
    number = 8 if case in FIRST else 9
    started, used = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PromptError) as error:
        rendered(tmp_path, "{{ a }}\n" + line + "\n")
    assert error.value.where in (f"{tmp_path / 'mine.md'}:{number}", f"prompt generate/mine, line {number}")
    assert re.search(words, error.value.message)
    assert time.process_time() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used < 50_000


def test_chance_is_no_part_of_a_prompt(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="uses `lipsum` without declaring it"):
        rendered(tmp_path, "{{ a }}{{ lipsum(n=10000000) }}")


def test_a_template_renders_the_same_in_both_places(tmp_path: Path) -> None:
    values = {
        "examples": ["First.\n", "ü \ud800 \U0001f600", "{{ system }}"],
        "system": "# user\nBe brief.",
        "topic": None,
        **dict.fromkeys(("conversations", "facts")),
        "wanted": ["register: terse"],
        "passages": ["A passage."],
    }
    theirs = packaged("prompts") / "generate" / "self_instruct.md"
    (tmp_path / "own.md").write_text(theirs.read_text())
    ours = read_prompt(tmp_path / "own.md", "generate/self_instruct")
    assert not ours.trusted
    assert ours.render(values) == read_prompt(theirs, "generate/self_instruct").render(values)


def test_a_hundred_prompts_take_no_second(tmp_path: Path) -> None:
    prompt = rendered(tmp_path, "{{ a }}")
    started = time.monotonic()
    for _ in range(100):
        prompt.render({"a": "hello " * 500})
    assert time.monotonic() - started < 1


def test_packaged_prompts_start_no_process() -> None:
    code = (
        "from synth.isolated import shared; from synth.packaged import packaged\n"
        "from synth.prompts import read_prompt\n"
        "file = packaged('prompts') / 'score' / 'quality.md'\n"
        "assert read_prompt(file, 'score/quality').trusted and shared._process is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)
