"""Commands in messages and documents work unchanged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from synth import hints

ROOT = Path(__file__).parent.parent
FOLDERS = ("synth", "docs", "examples", "prompts", "argilla_config", "benchmarks")
# Another project owns the name `synth` on the package index, and this one is not on it.
FROM_AN_INDEX = re.compile(r"\bsynth(desk)?\[|(pip3?|pipx|uv \w+) install\b[^\n]*['\" ]synth(desk)?\b")


def documents() -> list[Path]:
    files = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")]
    for folder in FOLDERS:
        found = (ROOT / folder).rglob("*")
        files += [file for file in found if file.suffix in (".py", ".md", ".yaml", ".txt", ".toml")]
    return [file for file in files if "runs" not in file.relative_to(ROOT).parts]


def test_nothing_tells_people_to_install_this_project_from_an_index() -> None:
    files = documents()
    assert len(files) > 200
    found = [str(file) for file in files if FROM_AN_INDEX.search(file.read_text("utf-8"))]
    assert not found


@pytest.mark.parametrize(
    "line", ["pip install 'synth[vllm]'", "pip install synth", "uv pip install synthdesk"]
)
def test_the_search_finds_such_a_line(line: str) -> None:
    assert FROM_AN_INDEX.search(f"Install it: {line}.")


def test_the_distribution_is_synthdesk_and_the_command_synth() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "synthdesk"
    assert project["scripts"] == {"synth": "synth.cli:main"}


def test_a_hint_has_the_bounds_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = set(project["dependencies"]).union(*project["optional-dependencies"].values())
    assert set(hints.REQUIREMENTS.values()) <= known


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The programs of an environment whose path has a space in it."""
    folder = tmp_path / "my env" / "bin"
    folder.mkdir(parents=True)
    for name in ("python", "synth"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


def test_a_program_is_a_short_name_only_where_typing_it_starts_this_one(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert hints.program("synth") == f"'{environment}/synth'"
    assert hints.program("pip") == f"'{environment}/python' -m pip"
    monkeypatch.setenv("PATH", str(environment))
    assert hints.program("synth") == "synth"
    other = tmp_path / "other"
    other.mkdir()
    (other / "synth").write_text("#!/bin/sh\n")
    (other / "synth").chmod(0o755)
    monkeypatch.setenv("PATH", f"{other}{os.pathsep}{environment}")
    assert hints.program("synth") == f"'{environment}/synth'"
    (other / "synth").unlink()
    (other / "synth").symlink_to(environment / "synth")  # as pipx does it
    assert hints.program("synth") == "synth"


def test_paths_are_short_and_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hints.command("show", tmp_path / "my desk").endswith("synth show 'my desk'")
    assert hints.command("show", Path("/a")).endswith("synth show /a")


def test_a_hint_names_the_third_party_package(tmp_path: Path) -> None:
    code = "from synth.hints import pip_install; print(pip_install('vllm')); print(pip_install('tokenizers'))"
    bare = {"PATH": "/nowhere", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=bare, check=True)
    bounded, plain = done.stdout.splitlines()
    assert bounded.endswith("pip install 'vllm>=0.20'")
    assert plain.endswith("pip install tokenizers")
    assert Path(bounded.split()[0]).exists()


@pytest.mark.parametrize("words", [(), ("review",)])
def test_each_line_of_the_help_is_whole(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "synth", *words, "--help"]
    shown = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"}, check=True
    )
    commands = shown.stdout.partition("Commands:\n")[2].splitlines()
    assert commands
    assert all(line.endswith(".") and not line.endswith("...") for line in commands), shown.stdout
