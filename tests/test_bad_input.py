"""Bad input gets one clear paragraph, the right exit code, and loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from synth.cli import main
from synth.recipe.load import load_recipe

Change = Callable[[Path], object]


def synth(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as a shell would run it, without the time it takes to start Python."""
    out, err = StringIO(), StringIO()
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), out.getvalue(), err.getvalue())


def replaced(old: str, new: str) -> Change:
    def change(recipe: Path) -> None:
        text = recipe.read_text()
        assert old in text
        recipe.write_text(text.replace(old, new))

    return change


def seeds(content: str | bytes) -> Change:
    data = content.encode() if isinstance(content, str) else content
    return lambda recipe: (recipe.parent / "seeds.jsonl").write_bytes(data)


def prompt(text: str) -> Change:
    def change(recipe: Path) -> None:
        (recipe.parent / "mine.md").write_text(text)
        replaced("{count: 40}", "{count: 40, prompt: mine.md}")(recipe)

    return change


OUTPUT = (
    "output: {type: object, required: [instruction, response],"
    " properties: {instruction: {type: string}, response: {type: string}}}\n"
)
HEAD = f"---\nname: mine\nversion: 1\ninputs: [examples, system]\n{OUTPUT}source: me\n---\n"
ONE = '{"instruction": "a b c d", "response": "e"}\n'

# What is done to a good recipe, the exit code, and words that the message must have.
CASES: dict[str, tuple[Change, int, tuple[str, ...]]] = {
    "broken yaml": (replaced("seed: 3", "seed: [3"), 2, ("recipe.yaml:", "not valid YAML")),
    "a key twice": (replaced("seed: 3", "seed: 3\nseed: 4"), 2, ("recipe.yaml:3", "occurs twice")),
    "empty recipe": (lambda r: r.write_text(""), 2, ("contains no keys",)),
    "a list": (lambda r: r.write_text("- a\n"), 2, ("contains no keys",)),
    "recipe not utf-8": (lambda r: r.write_bytes(b"name: \xff\n"), 2, ("not UTF-8",)),
    "unknown key": (replaced("seed: 3", "sead: 3"), 2, ("recipe.yaml:2", "Did you mean 'seed'")),
    "unknown stage": (replaced("dedupe: {}", "dedup: {}"), 2, ("recipe.yaml:11", "Did you mean 'dedupe'")),
    "unknown option": (replaced("{count: 40}", "{cuont: 40}"), 2, ("recipe.yaml:9", "Did you mean 'count'")),
    "unknown model key": (replaced("{provider: fake}", "{provider: fake, modle: x}"), 2, ("'model'",)),
    "unknown provider": (
        replaced("{provider: fake}", "{provider: magic}"),
        2,
        ("embedded, endpoint, fake or vllm",),
    ),
    "wrong type": (replaced("{count: 40}", "{count: many}"), 2, ("recipe.yaml:9", "count", "integer")),
    "negative count": (replaced("{count: 40}", "{count: -1}"), 2, ("count", "greater")),
    "no name": (replaced("name: desk\n", ""), 2, ("'name' is missing",)),
    "bad name": (replaced("name: desk", "name: ../up"), 2, ("name",)),
    "no stages": (lambda r: r.write_text("name: x\nmodels: {writer: {provider: fake}}\n"), 2, ("stages",)),
    "no writer": (replaced("  writer:", "  author:"), 2, ("models.writer",)),
    "unknown model": (replaced("{count: 40}", "{count: 4, model: jugde}"), 2, ("Did you mean 'judge'",)),
    "a stage twice": (replaced("dedupe: {}", "standardise: {}"), 2, ("two stages", "as:")),
    "bad keep": (replaced("'>= 2'", "good"), 2, ("keep", ">= 4")),
    "bad share": (replaced("{count: 40}", "{novelty: 7}"), 2, ("novelty",)),
    "newer recipe": (replaced("seed: 3", "seed: 3\nversion: 99"), 2, ("Update synth",)),
    "split is no whole": (replaced("seed: 3", "export: {split: {train: 0.5, test: 0.1}}"), 2, ("0.6",)),
    "usd without price": (
        replaced("{provider: fake, model: judge}", "{model: m, base_url: 'http://h/v1'}\nbudget: {usd: 1}"),
        2,
        ("needs the price",),
    ),
    "no such url": (replaced("{provider: fake}", "{model: m, base_url: 'gpu:8000'}"), 2, ("http",)),
    "a key, not its name": (
        replaced("{provider: fake}", "{model: m, base_url: 'http://h/v1', api_key_env: 'sk-12-ab'}"),
        2,
        ("name of an environment variable",),
    ),
    "missing seeds": (lambda r: (r.parent / "seeds.jsonl").unlink(), 2, ("no such file", "seeds.jsonl")),
    "empty seeds": (seeds("\n"), 2, ("has no rows", "seeds.jsonl")),
    "seed without response": (seeds('{"instruction": "a b c d"}\n'), 2, ("seeds.jsonl:1", "no `response`")),
    "empty response": (seeds('{"instruction": "a", "response": " "}\n'), 2, ("`response` is empty",)),
    "response is a number": (seeds('{"instruction": "a", "response": 3}\n'), 2, ("`response` is not text",)),
    "no instruction": (seeds(ONE + '{"question": "a"}\n'), 2, ("seeds.jsonl:2", "`question`")),
    "seed is a list": (seeds("[1]\n"), 2, ("not a JSON object",)),
    "broken json": (seeds(ONE + '{"instruction": \n'), 2, ("seeds.jsonl:2", "not valid JSON")),
    "seeds not utf-8": (seeds(b'{"instruction": "\xff", "response": "a"}\n'), 2, ("not UTF-8",)),
    "a 50 MB line": (seeds(b'{"instruction": "' + b"a" * 50_000_000 + b'"}\n'), 2, ("longer than 16 MiB",)),
    "ids twice": (
        seeds(
            '{"id": 1, "instruction": "a", "response": "b"}\n{"id": 1, "instruction": "c", "response": "d"}\n'
        ),
        2,
        ("seeds.jsonl:2", "occurs twice"),
    ),
    "bad role": (seeds('{"messages": [{"role": "boss", "content": "a"}]}\n'), 2, ("messages.0", "role")),
    "no answer": (seeds('{"messages": [{"role": "user", "content": "a"}]}\n'), 2, ("without a response",)),
    "holdout too large": (replaced("rows: 8", "rows: 60"), 2, ("leaves nothing",)),
    "unknown suffix": (replaced("seeds.jsonl", "recipe.yaml"), 2, ("not read as rows",)),
    "prompt without head": (prompt("Hello {{ examples }}"), 2, ("mine.md", "front matter")),
    "undeclared variable": (prompt(HEAD + "{{ examples }} {{ system }} {{ secret }}"), 2, ("`secret`",)),
    "unused input": (prompt(HEAD + "{{ examples }}"), 2, ("declares `system` without using it",)),
    "unknown input": (prompt(HEAD.replace("system", "mood") + "{{ examples }} {{ mood }}"), 2, ("`mood`",)),
    "broken template": (prompt(HEAD + "{% for x in examples %} {{ system }}"), 2, ("not a valid template",)),
    "a template that runs code": (
        prompt(HEAD + "{{ examples.__class__.__mro__[1].__subclasses__() }} {{ system }}"),
        2,
        ("does not render", "unsafe"),
    ),
    "a prompt for plain text": (
        prompt(HEAD.replace(OUTPUT, "output: text\n") + "{{ examples }} {{ system }}"),
        2,
        ("does not guarantee `instruction`",),
    ),
    "an answer that may lack a field": (
        prompt(HEAD.replace(", response]", "]") + "{{ examples }} {{ system }}"),
        2,
        ("does not guarantee `response`",),
    ),
    "a field of another type": (
        prompt(
            HEAD.replace("response: {type: string}", "response: {type: array}")
            + "{{ examples }} {{ system }}"
        ),
        2,
        ("does not guarantee `response`",),
    ),
    "missing prompt": (replaced("{count: 40}", "{prompt: nothere}"), 2, ("no prompt 'nothere'",)),
    "mistyped rubric": (
        replaced("rubric: quality", "rubric: qualty"),
        2,
        ("recipe.yaml:12: stages.3.score.rubric", "Did you mean 'quality'"),
    ),
    "unknown export format": (
        replaced("seed: 3", "seed: 3\nexport: {format: opneai}"),
        2,
        ("recipe.yaml:3: export.format", "Did you mean 'openai'"),
    ),
    "reasoning without a place": (
        replaced("seed: 3", "seed: 3\nexport: {format: alpaca, reasoning: field}"),
        2,
        ("recipe.yaml:3: export.reasoning", "no separate field for reasoning"),
    ),
    "general data among preferences": (
        replaced("seed: 3", "seed: 3\nexport: {format: trl-dpo, mix: [{source: seeds.jsonl, rows: 3}]}"),
        2,
        ("recipe.yaml:3: export.mix", "general data has none"),
    ),
    "length without a model": (
        replaced("seed: 3", "seed: 3\nexport: {max_length: 512}"),
        2,
        ("recipe.yaml:3: export.max_length", "export.model"),
    ),
    "missing general data": (
        replaced("seed: 3", "seed: 3\nexport:\n  mix:\n    - {source: nothere.jsonl, rows: 3}"),
        2,
        ("recipe.yaml:5: export.mix.0.source", "nothere.jsonl", "no such file"),
    ),
    "unknown review task": (
        replaced("seed: 3", "seed: 3\nreview: {task: edti}"),
        2,
        ("recipe.yaml:3: review.task", "Did you mean 'edit'"),
    ),
    "missing review task": (
        replaced("seed: 3", "seed: 3\nreview: {task: nothere.yaml}"),
        2,
        ("recipe.yaml:3: review.task", "nothere.yaml"),
    ),
    "mistyped function": (
        lambda r: (
            (r.parent / "mine.py").write_text("def is_short(row):\n    return True\n"),
            replaced("dedupe: {}", "check: {function: 'mine.py:is_shrot'}")(r),
        ),
        2,
        ("recipe.yaml:11: stages.2.check.function", "mine.py", "Did you mean 'is_short'"),
    ),
    "missing function file": (
        replaced("dedupe: {}", "check: {function: 'nothere.py:is_short'}"),
        2,
        ("recipe.yaml:11: stages.2.check.function", "nothere.py"),
    ),
    "missing schema": (
        replaced("dedupe: {}", "check: {json: nothere.json}"),
        2,
        ("recipe.yaml:11: stages.2.check.json", "nothere.json"),
    ),
    "a run that draws on itself": (
        replaced("seeds: seeds.jsonl", "seeds: [seeds.jsonl, {run: runs/../runs/desk}]"),
        2,
        ("recipe.yaml:6: sources.seeds", "writes its own run to"),
    ),
    "rubric without levels": (replaced("rubric: quality", "rubric: mine.md"), 2, ("no prompt 'mine.md'",)),
    "unset key": (
        replaced("{provider: fake}", "{model: m, base_url: 'http://127.0.0.1:9/v1', api_key_env: NOT_SET_X}"),
        3,
        ("NOT_SET_X is not set",),
    ),
    "no model file": (replaced("{provider: fake}", "{provider: embedded, model: no.gguf}"), 3, ("no.gguf",)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_recipe_or_source(name: str, desk: Path) -> None:
    change, code, words = CASES[name]
    change(desk)
    done = synth("run", "recipe.yaml", "--json", cwd=desk.parent)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    error = json.loads(done.stdout)["error"]
    assert set(error) == {"code", "message", "where", "hint"}
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("arguments", [("--dry-run",), ()])
def test_what_only_export_would_refuse_costs_no_request(arguments: tuple[str, ...], desk: Path) -> None:
    done = synth("run", "recipe.yaml", *arguments, "--set", "export.format=nothing", cwd=desk.parent)
    assert done.returncode == 2
    assert "there is no format 'nothing'" in done.stderr
    assert not (desk.parent / "runs").exists()


def test_a_run_that_draws_on_the_folder_it_is_told_to_write(desk: Path) -> None:
    folder = desk.parent
    assert synth("run", "recipe.yaml", "--out", "first", cwd=folder).returncode == 0
    replaced("seeds: seeds.jsonl", "seeds: {run: first}")(desk)
    own = synth("run", "recipe.yaml", "--out", "first", cwd=folder)
    assert (own.returncode, "writes its own run to" in own.stderr) == (2, True)
    plan = synth("run", "recipe.yaml", "--out", "first", "--dry-run", cwd=folder)
    assert (plan.returncode, "writes its own run to" in plan.stderr) == (2, True)
    assert synth("run", "recipe.yaml", "--out", "second", "--limit", "2", cwd=folder).returncode == 0


def test_a_row_without_a_match_of_an_argument(desk: Path) -> None:
    (desk.parent / "empty").mkdir()
    for arguments, words in (
        (("run", "nothere.yaml"), "no such file"),
        (("run", "empty"), "contains no recipe"),
        (("run", "recipe.yaml", "--set", "nonsense"), "key=value"),
        (("run", "recipe.yaml", "--set", "stages.score2.keep=1"), "no stage 'score2'"),
        (("show", "nothere"), "no such run folder"),
        (("show", "empty"), "contains no recipe"),
        (("export", "recipe.yaml"), "not a run folder"),
        (("frobnicate",), "frobnicate"),
        (("run",), "RECIPE"),
    ):
        done = synth(*arguments, cwd=desk.parent)
        assert done.returncode == 2, (arguments, done.stderr)
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_folders_that_are_not_this_runs(desk: Path) -> None:
    folder = desk.parent
    assert synth("run", "recipe.yaml", "--out", "out", cwd=folder).returncode == 0
    other = synth("run", "recipe.yaml", "--out", "out", "--set", "name=other", cwd=folder)
    assert (other.returncode, "another recipe" in other.stderr) == (2, True)
    (folder / "full").mkdir()
    (folder / "full" / "letter.txt").write_text("mine")
    full = synth("run", "recipe.yaml", "--out", "full", cwd=folder)
    assert (full.returncode, "not empty" in full.stderr) == (2, True)
    (folder / "out" / "run.json").write_text('{"format": 99, "name": "desk"}')
    newer = synth("show", "out", cwd=folder)
    assert (newer.returncode, "Update synth" in newer.stderr) == (2, True)


def test_two_runs_on_one_folder(desk: Path) -> None:
    slow = [sys.executable, "-m", "synth", "run", "recipe.yaml", "--out", "out"]
    slow += ["--set", "models.writer.delay=20"]
    with subprocess.Popen(slow, cwd=desk.parent, stderr=subprocess.DEVNULL) as first:
        while not (desk.parent / "out" / "rows.sqlite").exists():
            assert first.poll() is None
        second = synth("run", "recipe.yaml", "--out", "out", cwd=desk.parent)
        first.kill()
    assert second.returncode == 4
    assert "in use" in second.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full's cousin, a small tmpfs")
def test_a_full_disk(desk: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "none", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("may not mount a tmpfs here")
    try:
        done = synth("run", "recipe.yaml", "--out", str(small / "out"), cwd=desk.parent)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    assert done.returncode == 4, done.stderr
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_endpoint_that_is_not_there(desk: Path) -> None:
    nowhere = "{model: m, base_url: 'http://127.0.0.1:9/v1', give_up_after: 1}"
    replaced("{provider: fake, model: judge}", nowhere)(desk)
    done = synth("run", "recipe.yaml", "--json", cwd=desk.parent)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "unreachable"
    assert json.loads(done.stdout)["pending"] > 0


def test_a_key_that_yaml_takes_for_a_boolean_is_a_word(desk: Path) -> None:
    replaced("dedupe: {}", "dedupe: {on: answer}")(desk)
    (dedupe,) = [stage for stage in load_recipe(desk).stages if stage.kind == "dedupe"]
    assert dedupe.options.model_dump()["on"] == "answer"
