"""A wheel that is built from this tree and installed elsewhere works like the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
CACHES = ("runs", "__pycache__", ".ruff_cache", ".mypy_cache", ".pytest_cache")
PARTS = ("synth", "prompts", "argilla_config", "examples", "pyproject.toml", "README.md", "LICENSE")

FAKE = ("--set", "models={writer: {provider: fake}, judge: {provider: fake}}")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy in which an example has been run."""
    tree = tmp_path_factory.mktemp("tree")
    for part in PARTS:
        if (REPOSITORY / part).is_dir():
            shutil.copytree(REPOSITORY / part, tree / part, ignore=shutil.ignore_patterns(*CACHES))
        else:
            shutil.copy(REPOSITORY / part, tree)
    run = tree / "examples" / "support" / "runs" / "support"
    run.mkdir(parents=True)
    (run / "replies.journal").write_text("what a model said")
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", out, tree)
    return next(out.iterdir())


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is installed, with nothing of the checkout beside it."""
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--target", folder, wheel)
    return folder


def pip(*words: object) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    subprocess.run(command, check=True, timeout=300)


def installed(site: Path, folder: Path, *words: object) -> str:
    """What the installed package prints; the checkout comes behind it on the path, if at all."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_that_it_needs_travels_and_no_run_does(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for name in ("prompts", "argilla_config", "examples"):
        folder = REPOSITORY / name
        files = {file.relative_to(REPOSITORY) for file in folder.rglob("*") if file.is_file()}
        files = {file for file in files if not set(CACHES) & set(file.parts)}
        assert {f"synth/_data/{file.as_posix()}" for file in files} <= inside
    parts = {f.relative_to(REPOSITORY) for f in (REPOSITORY / "synth").rglob("*") if f.is_file()}
    assert {part.as_posix() for part in parts if not set(CACHES) & set(part.parts)} <= inside
    assert not [name for name in inside if "/runs/" in name or name.endswith(".pyc")]


def test_from_nothing_to_an_export_and_a_review(site: Path, tmp_path: Path) -> None:
    where = installed(site, tmp_path, "-c", "import synth; print(synth.__file__)")
    assert Path(where.strip()).is_relative_to(site)
    synth = ("-m", "synth")
    installed(site, tmp_path, *synth, "init", "desk")
    installed(site, tmp_path, *synth, "run", "desk/recipe.yaml", *FAKE)
    installed(site, tmp_path, *synth, "export", "desk/recipe.yaml", "--out", "rows")
    assert (tmp_path / "rows" / "train.jsonl").read_text().strip()
    installed(site, tmp_path, *synth, "review", "push", "desk/recipe.yaml", "--backend", "file")
    assert list((tmp_path / "desk" / "runs" / "desk" / "review").iterdir())


def test_the_local_server_is_found_in_it(site: Path, tmp_path: Path) -> None:
    program = "from synth.review.environment import package_folder; print(package_folder())"
    folder = Path(installed(site, tmp_path, "-c", program).strip())
    assert folder.is_relative_to(site)
    assert (folder / "argilla_local" / "server.py").is_file()
