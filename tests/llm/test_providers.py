"""A provider is found by its name: ours, and one that another installed package adds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

import synth
from synth.cli.app import main
from synth.errors import RecipeError
from synth.llm.providers import PROVIDERS
from synth.recipe.json_schema import recipe_schema
from synth.recipe.load import load_recipe

ROOT = Path(__file__).parents[2]

# A whole provider: it answers with the word that the recipe names.
PACKAGE = '''
from typing import Literal

from synth.llm.base import PrefixCounts, Reply
from synth.llm.chat_completions import read_reply, write_reply
from synth.llm.providers import HealthCheck, Provider
from synth.recipe.base import ModelConfig


class EchoConfig(ModelConfig):
    """Answers every prompt with one word."""

    provider: Literal["echo"] = "echo"
    model: str = "echo-1"
    word: str = "hello"


class EchoClient:
    in_flight = retries = 0
    prefix_counts = PrefixCounts()

    def __init__(self, config):
        self.model, self._word = config.model, config.word

    async def open(self): ...
    async def close(self): ...

    async def ask(self, request):
        return write_reply(Reply(f"{self._word} {request.messages[-1]['content']}", model=self.model))

    def read(self, raw):
        return read_reply(raw)


async def it_is_there():
    return "an echo is everywhere"


PROVIDER = Provider(
    EchoConfig,
    build=lambda models, context: {name: EchoClient(config) for name, config in models.items()},
    check=lambda name, config, folder: [HealthCheck(it_is_there)],
)
'''


def install(folder: Path, entry_point: str) -> None:
    """What an installer leaves behind: the package, and a folder that says what it adds."""
    (folder / "echo_models.py").write_text(PACKAGE)
    about = folder / "echo_models-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-models\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[synth.providers]\necho = {entry_point}\n")


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package `echo-models`, installed."""
    site = tmp_path / "site"
    site.mkdir()
    install(site, "echo_models:PROVIDER")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "echo_models", raising=False)


def write_recipe(folder: Path, model: str) -> Path:
    (folder / "prompts.jsonl").write_text('{"instruction": "Are you there?"}\n')
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"name: echo\nmodels:\n  writer: {model}\n"
        "sources: {prompts: prompts.jsonl}\nstages: [respond: {}]\n"
    )
    return recipe


@pytest.mark.usefixtures("echo")
def test_a_recipe_runs_with_a_provider_of_another_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path, "{provider: echo, word: Yes.}")
    synth.run(recipe)
    (row,) = synth.open(recipe)
    assert row["messages"][-1]["content"] == "Yes. Are you there?"
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(recipe)])
    assert ended.value.code in (0, None)
    assert "ok    models.writer: an echo is everywhere" in capsys.readouterr().out


@pytest.mark.usefixtures("echo")
def test_its_keys_are_checked_and_in_the_schema(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no key 'wrd' here\. Did you mean 'word'\?") as error:
        load_recipe(write_recipe(tmp_path, "{provider: echo, wrd: Yes.}"))
    assert error.value.where == f"{tmp_path / 'recipe.yaml'}:3: models.writer.wrd"
    schema = recipe_schema()
    assert {"$ref": "#/$defs/EchoConfig"} in schema["properties"]["models"]["additionalProperties"]["oneOf"]
    assert "word" in schema["$defs"]["EchoConfig"]["properties"]


@pytest.mark.usefixtures("echo")
def test_it_is_named_among_the_others(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="provider must be embedded, endpoint, fake, vllm or echo"):
        load_recipe(write_recipe(tmp_path, "{provider: ecko}"))


@pytest.mark.parametrize(
    ("entry_point", "words"),
    [
        ("echo_models:NOTHING", "'echo' is added by echo_models:NOTHING, which cannot be imported"),
        ("no_such_module:PROVIDER", "which cannot be imported: No module named 'no_such_module'"),
        ("echo_models:EchoConfig", "'echo' is added by echo_models:EchoConfig, which is no Provider"),
    ],
)
def test_a_broken_package_is_an_error_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry_point: str, words: str
) -> None:
    install(tmp_path, entry_point)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RecipeError, match=words) as error:
        load_recipe(write_recipe(tmp_path, "{provider: echo}"))
    assert error.value.where == f"{tmp_path / 'recipe.yaml'}:3: models.writer"


@pytest.mark.parametrize("name", PROVIDERS.names)
def test_only_the_providers_of_a_recipe_are_loaded(tmp_path: Path, name: str) -> None:
    model = {"provider": name, "model": "m"} | ({"base_url": "http://a/v1"} if name == "endpoint" else {})
    recipe = write_recipe(tmp_path, orjson.dumps(model).decode())
    code = f"import sys; from synth.recipe.load import load_recipe; load_recipe({str(recipe)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(*sys.modules)"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    own = PROVIDERS.find(name).config.__module__
    folders = {PROVIDERS.find(other).config.__module__ for other in PROVIDERS.names}
    assert loaded & folders == {own}
    assert not {one for one in loaded if one.startswith(f"{own}.")}
    assert "pyreqwest" not in loaded
