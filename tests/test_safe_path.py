"""Python processes that `synth` starts never import modules from the user's current folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from synth.errors import InputError
from synth.review.local_argilla import serve
from tests.support.loopback.process import LoopbackProcess

ROOT = Path(__file__).parent.parent
SOURCES = [
    *(ROOT / "synth").rglob("*.py"),
    *(ROOT / "argilla_config" / "local" / "argilla_local").rglob("*.py"),
]


def commands(source: Path) -> Iterator[list[object]]:
    """Lists in the source that name a module to run."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.List):
            words = [each.value if isinstance(each, ast.Constant) else None for each in node.elts]
            if "-m" in words:
                yield words


def test_every_module_is_started_with_a_safe_path() -> None:
    found = [(source.name, words) for source in SOURCES for words in commands(source)]
    assert len(found) > 5
    for name, words in found:
        assert words[1:3] == ["-P", "-m"], name


def test_a_folder_with_our_own_name_is_not_taken_for_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "synth").mkdir()
    (tmp_path / "synth" / "__init__.py").write_text("raise SystemExit('taken')")
    monkeypatch.chdir(tmp_path)
    with LoopbackProcess() as server:
        assert server.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("host", ["", " "])
def test_an_empty_host_opens_nothing(host: str) -> None:
    with pytest.raises(InputError, match="every network"):
        serve(host=host, ready=lambda server: None, progress=lambda line: None)


@pytest.mark.parametrize("name", ["tmp", "server.log", "notes.txt"])
def test_a_folder_of_the_user_is_not_taken_for_data(tmp_path: Path, name: str) -> None:
    mine = tmp_path / name
    mine.write_text("years")
    with pytest.raises(InputError, match="not the data of an Argilla server"):
        serve(data=tmp_path, ready=lambda server: None, progress=lambda line: None)
    assert [(path, path.read_text()) for path in tmp_path.iterdir()] == [(mine, "years")]
    with pytest.raises(InputError, match="is a file"):
        serve(data=mine, ready=lambda server: None, progress=lambda line: None)
