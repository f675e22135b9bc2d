"""A recipe from a stranger: YAML that expands to gigabytes, endless numbers, names that leave the folder."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from synth.errors import InputError, PromptError, RecipeError
from synth.llm.openai_compatible import EndpointConfig
from synth.prompts import read_prompt
from synth.recipe.load import load_recipe
from synth.review.tasks import load_task
from synth.yaml_data import YamlFault, load_yaml

RECIPE = (
    "name: desk\nseed: 3\nmodels:\n  writer: {provider: fake}\nsources: {seeds: seeds.jsonl}\n"
    "stages:\n  - generate: {count: 40}\n"
)


def laughs(first: str, line: str) -> str:
    """Nine aliases of nine aliases of nine aliases."""
    pairs = zip("abcdefghij", "bcdefghijk", strict=True)
    return f"a: &a {first}\n" + "".join(line.format(above=above, it=it) for above, it in pairs)


LAUGHS = {
    "lists": laughs("[x]", "{it}: &{it} [" + ", ".join(["*{above}"] * 9) + "]\n"),
    "mappings": laughs(
        "{{x: y}}", "{it}: &{it} {{" + ", ".join(f"k{n}: *{{above}}" for n in range(9)) + "}}\n"
    ),
    "merged": laughs("{{x: y}}", "{it}: &{it} {{<<: [" + ", ".join(["*{above}"] * 9) + "]}}\n"),
    "items": laughs("[x]", "{it}: &{it}\n" + "  - *{above}\n" * 9),
}
LAUGHS = {name: text.replace("{{", "{").replace("}}", "}") for name, text in LAUGHS.items()}

# What follows a good recipe, and words that the message must have.
YAML: dict[str, tuple[str, str]] = {
    **{f"laughs, {name}": (text, "more than 200,000 values") for name, text in LAUGHS.items()},
    "a list in itself": ("x: &a [*a]\n", r"recipe.yaml:8: the alias \*a refers to itself"),
    "a mapping in itself": ("x: &a {b: *a}\n", "refers to itself"),
    "500 levels": ("x: " + "[" * 500 + "]" * 500, "more than 50 levels"),
    "5,000 levels": ("x: " + "{a: " * 5000 + "}" * 5000, "more than 50 levels"),
    "levels that do not end": ("x: " + "[" * 50_000, "more than 50 levels"),
    "levels of indentation": ("".join("  " * n + "a:\n" for n in range(600)), "more than 50 levels"),
    "two megabytes": ("x: " + "y" * 2**21, "larger than 1 MiB"),
    "a list as a key": ("? [a, b]\n: 3\n", "recipe.yaml:8: a key is a text, not a list"),
    "a mapping as a key": ("? {a: b}\n: 3\n", "not a mapping"),
    "null as a key": ("~: 3\n", "a key is missing"),
    "a number as a key": ("3: 3\n", "no key '3'"),
    "a key twice": ("seed: 4\n", "occurs twice"),
    "an unknown alias": ("x: *y\n", "undefined alias"),
    "bytes": ("x: !!binary aGVsbG8=\n", "!!binary"),
    "a set": ("x: !!set {a, b}\n", "!!set"),
    "an object": ("x: !!python/object/apply:os.getcwd []\n", "!!python"),
    "half of a character": ('export: {system: "\\ud800"}\n', "half of a character"),
    "a zero byte": ('export: {system: "a\\0b"}\n', "zero byte"),
    "infinity": ("budget: {usd: .inf}\n", "recipe.yaml:8: .inf is not a finite number"),
    "no number": ("budget: {usd: .nan}\n", "not a finite number"),
    "infinity in words": (
        "budget: {usd: inf}\n",
        "recipe.yaml:8: budget.usd: .* finite number",
    ),
    "a number above all": ("budget: {usd: 1.0e+400}\n", "not a finite number"),
    "400 digits": ("budget: {tokens: 1" + "0" * 400 + "}\n", "more than 64 bits"),
    "5,000 digits": ("budget: {tokens: 1" + "0" * 5000 + "}\n", "more than 64 bits"),
    "5,000 hexadecimal digits": ("budget: {tokens: 0x" + "f" * 5000 + "}\n", "more than 64 bits"),
    "5,000 digits in quotes": ("budget: {tokens: '1" + "0" * 5000 + "'}\n", "integer"),
    "a budget of 64 bits": ("budget: {requests: 18446744073709551615}\n", "more than 64 bits"),
    "a margin without end": ("export: {pairs: {margin: inf}}\n", "finite number"),
}


@pytest.mark.parametrize("case", YAML)
def test_what_yaml_may_not_hold(tmp_path: Path, case: str) -> None:
    more, words = YAML[case]
    file = tmp_path / "recipe.yaml"
    file.write_text(RECIPE + more)
    started, used = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RecipeError, match=words):
        load_recipe(file)
    assert time.process_time() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used < 200_000


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seed: 3", "seed: '9223372036854775808'", "recipe.yaml:2: seed: input should be less than"),
        ("{provider: fake}", "{provider: fake, delay: inf}", "writer.delay: input should be a finite number"),
        (
            "{provider: fake}",
            "{provider: fake, sampling: {max_tokens: 9999999999}}",
            "max_tokens: .* less",
        ),
        ("{provider: fake}", "{provider: fake, sampling: {top_k: 9999999999}}", "top_k: .* less than"),
        (
            "{provider: fake}",
            "{provider: fake, price: {prompt: nan, completion: 1}}",
            "price.prompt: .* finite",
        ),
        ("count: 40", "attempts: 1000000000", "generate.attempts: .* less than or equal to 100"),
        ("- generate: {count: 40}", "- score: {keep: '>= nan'}", "comparison"),
        ("- generate: {count: 40}", "- score: {keep: 1.0e+30}", "comparison"),
        ("- generate: {count: 40}", "- backtranslate: {keep: inf}", "keep: .* finite"),
        ("seeds.jsonl", "'hf:../..'", "sources.seeds: 'hf:../..' is not the name of a dataset"),
        ("seeds.jsonl", "{path: 'hf:/etc'}", "sources.seeds.path: 'hf:/etc' is not the name"),
        ("seeds.jsonl", "[a.jsonl, 'hf:a/b/../../..']", "sources.seeds.1: .* is not the name"),
        ("seeds.jsonl", "{path: a.csv, feilds: {a: b}}", "no key 'feilds' here. Did you mean 'fields'"),
        (
            "seeds.jsonl",
            "[{path: a.csv, weight: big}]",
            "sources.seeds.0.weight: .* valid number",
        ),
        ("seeds.jsonl", "3", "sources.seeds: input should be a valid string, not 3"),
    ],
)
def test_what_a_recipe_may_not_hold(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in RECIPE
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace(old, new))
    with pytest.raises(RecipeError, match=words):
        load_recipe(tmp_path / "recipe.yaml")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("budget=3", r"--set budget=3: it takes keys, for example budget: \{requests: 3\}"),
        ("budget.usd=x", "--set budget.usd=x: input should be a valid number"),
        ("stages.generate.count=x", "--set stages.generate.count=x: input should be a valid integer"),
        ("stages.0.shots=x", "--set stages.0.shots=x: input"),
        ("models.writer={provider: fake, delay: x}", "--set models.writer=.*: input"),
        ("seed=" + "[" * 3000, "--set seed=.*more than 50 levels"),
        ("a=!!python/name:x", "--set a=!!python/name:x: it contains !!python"),
        ("name=\udc80", "--set name=.*is not text"),
        ("stages.generate=3", "is a whole stage"),
        ("name.x=3", "below a plain value"),
        ("stages.99999999999999999999.count=3", "no stage '99999"),
    ],
)
def test_a_bad_setting_names_itself_and_no_line_of_the_file(tmp_path: Path, setting: str, words: str) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    with pytest.raises(InputError, match=words) as error:
        load_recipe(tmp_path / "recipe.yaml", [setting])
    assert "recipe.yaml" not in str(error.value)


def test_a_mistake_of_the_file_beside_a_good_setting_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE + "budget: {usd: x, requests: 3}\n")
    with pytest.raises(RecipeError, match=r"recipe.yaml:8: budget.usd: input"):
        load_recipe(tmp_path / "recipe.yaml", ["budget.requests=4"])


def test_keys_are_texts_and_halves_of_a_character_are_joined(tmp_path: Path) -> None:
    bias = "{model: m, base_url: 'http://h/v1', extra_body: {logit_bias: {50256: -1, on: 1, 2024-01-01: 2}}}"
    recipe = RECIPE.replace("{provider: fake}", bias) + 'export: {system: "\\ud83d\\ude00"}\n'
    (tmp_path / "recipe.yaml").write_text(recipe)
    loaded = load_recipe(tmp_path / "recipe.yaml")
    writer = loaded.models["writer"]
    assert isinstance(writer, EndpointConfig)
    assert writer.extra_body == {"logit_bias": {"50256": -1, "on": 1, "2024-01-01": 2}}
    assert loaded.export.system == "\U0001f600"


def test_anchors_and_merges_work() -> None:
    text = "a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3}\nc: [*a, *a]\nd: {<<: [*a, {1: 2}]}"
    assert load_yaml(text) == {
        "a": {"x": 1, "y": [2]},
        "b": {"x": 3, "y": [2]},
        "c": [{"x": 1, "y": [2]}] * 2,
        "d": {"x": 1, "y": [2], "1": 2},
    }
    assert load_yaml("") is None


@pytest.mark.parametrize("name", LAUGHS)
def test_every_reader_of_yaml_has_the_same_bounds(tmp_path: Path, name: str) -> None:
    text = LAUGHS[name]
    with pytest.raises(YamlFault, match="more than 200,000 values"):
        load_yaml(text)
    task = tmp_path / "task.yaml"
    task.write_text(text)
    with pytest.raises(InputError, match="more than 200,000 values"):
        load_task(task)
    prompt = tmp_path / "prompt.md"
    prompt.write_text(f"---\n{text}---\nhello\n")
    with pytest.raises(PromptError, match="more than 200,000 values"):
        read_prompt(prompt, "generate/prompt")


@pytest.mark.parametrize("file", ["/dev/zero", "/proc/self/mem"])
def test_a_file_without_end_is_no_recipe_and_no_script(tmp_path: Path, file: str) -> None:
    from synth.errors import SynthError
    from synth.llm.fake.client import read_script

    for read in (load_recipe, read_script):
        with pytest.raises(SynthError, match=r"is larger than|cannot be read"):
            read(Path(file))
