"""`synth init`: a folder in the user's own words, on the embedded model or on a server, or no folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from synth.recipe.load import load_recipe
from tests.support.loopback.process import LoopbackProcess

TEMPLATES = sorted(path.parent.name for path in Path("examples").glob("*/recipe.yaml"))
KEY = "sk-canary-5f0c9"
# Seconds. A line comes every three; the rest is for a busy machine. Without these lines it would be twenty.
LONGEST_SILENCE = 10.0


def start(*words: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "synth", "init", *words]
    both = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **variables}, text=True, stdout=both, stderr=both
    )


def init(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    process = start(*words, cwd=cwd, **variables)
    out, err = process.communicate(timeout=110)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def longest_silence(process: subprocess.Popen[str]) -> tuple[float, str]:
    """The longest time between two lines on stderr, from the first one to the end, and all that was said."""
    assert process.stderr is not None
    said = [process.stderr.readline()]
    last, longest = time.monotonic(), 0.0
    for line in process.stderr:
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
        said.append(line)
    process.wait(timeout=60)
    return max(longest, time.monotonic() - last), "".join(said)


@pytest.mark.parametrize("server", [False, True])
@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_is_in_the_users_own_words(tmp_path: Path, template: str, server: bool) -> None:
    from synth.cli.copy_template import Writer, copy_template, find_template

    folder = tmp_path / "Ann's new desk"
    writer = Writer("big: model", "http://gpu:8000/v1", "GPU_KEY") if server else None
    recipe = copy_template(find_template(template), folder, writer)
    texts = {file: file.read_text() for file in folder.rglob("*") if file.suffix in (".md", ".yaml", ".py")}
    for file, text in texts.items():
        for old in ("examples/", "../..", "endpoint.yaml", "make demo", "MODEL\n", "URL\n"):
            assert old not in text, file
        for target in re.findall(r"\]\(([^)#]+)\)", text) if file.suffix == ".md" else ():
            assert "://" in target or (file.parent / target).exists(), (file, target)
    rows = re.findall(r"^\| `.*? \|", texts[folder / "README.md"], re.MULTILINE)
    listed = re.findall(r"`([\w-]+(?:\.\w+|/))`", "".join(rows))
    assert listed
    assert [name for name in listed if not (folder / name).exists()] == []
    names = [yaml.safe_load(text)["name"] for file, text in texts.items() if file.suffix == ".yaml"]
    assert len(set(names)) == len(names)
    loaded = load_recipe(recipe)
    assert loaded.name == "Ann-s-new-desk"
    if server:
        config = loaded.models["writer"]
        assert (config.model, config.api_key_env) == ("big: model", "GPU_KEY")
    commands = re.findall(r"^synth .*", texts[folder / "README.md"], re.MULTILINE)
    for command in commands:
        named = re.search(r"'[^']*'\"'\"'[^']*'", command)
        assert named, command
        assert (tmp_path / shlex.split(named[0])[0]).is_file(), command


def test_the_readme_of_the_folder_works_as_it_says(tmp_path: Path) -> None:
    assert init("my-desk", cwd=tmp_path).returncode == 0
    readme = (tmp_path / "my-desk" / "README.md").read_text()
    assert "synth run my-desk/recipe.yaml" in readme
    fake = ("--set", "models.writer.provider=fake")
    line = [sys.executable, "-m", "synth", "run", "my-desk/recipe.yaml", *fake, "--json"]
    ran = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=True)
    assert json.loads(ran.stdout)["run"].endswith("my-desk/runs/my-desk")


def test_a_folder_without_a_latin_name(tmp_path: Path) -> None:
    assert init("поддержка", cwd=tmp_path).returncode == 0
    assert load_recipe(tmp_path / "поддержка" / "recipe.yaml").name == "support"


def test_a_hosted_api_with_a_key(tmp_path: Path) -> None:
    with LoopbackProcess(models="small,large", key=KEY, record=True) as server:
        options = ("--endpoint", server.url, "--api-key-env", "HOSTED_KEY", "--json")
        done = init("mine", *options, "--model", "large", cwd=tmp_path, HOSTED_KEY=KEY)
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        assert made["model"] == "large"
        assert len(made["rows"]) == 5
        first = init("first", *options, cwd=tmp_path, HOSTED_KEY=KEY)
        assert json.loads(first.stdout)["model"] == "small"
        assert "offers small, large. Using the first one; choose another with --model NAME." in first.stderr
        asked = {record["body"]["model"] for record in server.log(bodies=True)["bodies"]}
        assert asked == {"small", "large"}
    writer = yaml.safe_load((tmp_path / "mine" / "recipe.yaml").read_text())["models"]["writer"]
    assert writer == {"model": "large", "base_url": server.url, "api_key_env": "HOSTED_KEY"}
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("key", ["sk-wrong", None])
def test_a_wrong_or_missing_key_is_said_to_be_one(tmp_path: Path, key: str | None) -> None:
    with LoopbackProcess(models="large", key=KEY) as server:
        options = ["--endpoint", server.url, "--model", "large"]
        more = ["--api-key-env", "HOSTED_KEY"] if key else []
        done = init("mine", *options, *more, cwd=tmp_path, **({"HOSTED_KEY": key} if key else {}))
    assert done.returncode == 3
    assert "Incorrect API key" in done.stderr
    hint = "Is the key correct" if key else "--api-key-env VAR names the variable"
    assert hint in done.stderr
    assert "/v1?" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_variable_that_is_not_set(tmp_path: Path) -> None:
    options = ("--endpoint", "http://127.0.0.1:9/v1", "--api-key-env", "NOT_THERE")
    done = init("mine", *options, cwd=tmp_path)
    assert done.returncode == 3
    assert "NOT_THERE is not set" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("--model", "x"), ("--api-key-env", "X")])
def test_options_of_a_server_need_one(tmp_path: Path, words: tuple[str, str]) -> None:
    done = init("mine", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{words[0]}: needs --endpoint URL" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [True, False])
def test_a_server_that_fails_leaves_no_folder_and_is_never_silent(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "mine").mkdir()
    with LoopbackProcess(models="large", error_500=1.0) as server:
        process = start("mine", "--endpoint", server.url, cwd=tmp_path)
        silence, said = longest_silence(process)
        process.communicate()
    assert process.returncode == 3, said
    assert silence <= LONGEST_SILENCE, said
    assert f"waiting for {server.url}: the engine stumbled" in said
    assert list(tmp_path.rglob("*")) == ([tmp_path / "mine"] if there else [])


def test_the_wait_for_a_rate_limit_is_said(tmp_path: Path) -> None:
    with LoopbackProcess(models="large") as server:
        server.control(busy=14.0)
        process = start("mine", "--endpoint", server.url, "--model", "large", cwd=tmp_path)
        silence, said = longest_silence(process)
        process.communicate()
    assert process.returncode == 0, said
    assert silence <= LONGEST_SILENCE, said
    assert f"waiting for {server.url}: Rate limit reached" in said


def test_an_interrupt_leaves_no_folder(tmp_path: Path) -> None:
    with LoopbackProcess(models="large", hang=1.0) as server:
        process = start("mine", "--endpoint", server.url, cwd=tmp_path)
        end = time.monotonic() + 60
        while not (tmp_path / "mine" / "runs").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_template(tmp_path: Path) -> None:
    done = init("mine", "--template", "nope", cwd=tmp_path)
    assert done.returncode == 2
    assert ", ".join(TEMPLATES) in done.stderr
