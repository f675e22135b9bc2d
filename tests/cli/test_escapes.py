"""Text from a model or a server cannot control the terminal, wherever it is printed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import yaml
from hostile_server import ATTACK, MODEL, hostile_server
from terminal import DISPLAY, Shown, in_terminal

from synth.printable import printable, printable_json, printable_line

ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Of Unicode's format characters, these are visible signs of a script, and joiners are part of spelling.
VISIBLE_SIGNS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


def test_every_character_that_acts_or_hides_has_an_escape() -> None:
    for code in set(range(sys.maxunicode + 1)) - VISIBLE_SIGNS - {ord("\n"), ord("\t")}:
        if unicodedata.category(chr(code)) in ACTING:
            assert printable(f"a{chr(code)}b").isascii(), hex(code)


def test_escapes_are_visible_and_words_stay() -> None:
    assert printable("a\x1b[2J\x9b\u202e\U000e0041") == r"a\x1b[2J\x9b\u202e\U000e0041"
    for words in ("Grüße, 你好, שלום", "می\u200cخواهم", "👨\u200d👩\u200d👧 ❤️", "two\nlines\tand a tab"):
        assert printable(words) == words
    assert printable("a\u200d\u200d\u200db") == r"a\u200d\u200d\u200db"
    assert printable_line("Error: x\n  Error: forged\n") == "Error: x Error: forged "


def test_json_stays_json_of_the_same_value() -> None:
    document = {"text": f"{ATTACK}\\\x9b\x7f\ud800", "plain": "Grüße, 你好"}
    text = printable_json(document)
    assert json.loads(text) == document
    assert "Grüße, 你好" in text
    assert printable(text) == text


def nothing_acts(shown: Shown) -> None:
    """No control byte but what the display makes, and no line that a text of others began."""
    rest = DISPLAY.sub(b"", shown.raw).replace(b"\r\n", b"\n").decode()
    acting = [c for c in rest if c != "\n" and unicodedata.category(c) in ACTING]
    assert not acting, rest
    assert not re.search(r"^(ok {2}forged|Error: forged|provider)", rest, re.MULTILINE), rest


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shown]:
    """A folder that `init` made with the hostile server's rows, and what the terminal got meanwhile."""
    folder = tmp_path_factory.mktemp("hostile")
    with hostile_server() as url:
        made = in_terminal("init", "mine", "--endpoint", url, cwd=folder)
        assert made.code == 0, made.text
        recipe = folder / "mine" / "recipe.yaml"
        # `standardise` takes most of these characters out of the rows.
        recipe.write_text(
            recipe.read_text().replace("count: 200", "count: 12").replace("  - standardise: {}\n", "")
        )
        ran = in_terminal("run", "mine/recipe.yaml", cwd=folder)
        checked = in_terminal("doctor", "mine/recipe.yaml", cwd=folder)
    assert checked.code == 0, checked.text
    for shown in (made, ran, checked):
        nothing_acts(shown)
        assert r"\x1b[2J" in shown.text
    return folder, ran


def test_the_name_of_a_model_is_a_name_in_the_recipe(drafted: tuple[Path, Shown]) -> None:
    text = (drafted[0] / "mine" / "recipe.yaml").read_text()
    assert yaml.safe_load(text)["models"]["writer"]["model"] == MODEL
    assert text.isascii()
    assert text.isprintable() or not re.search(r"[^\n -~]", text)


def test_init_run_and_doctor_print_escapes(drafted: tuple[Path, Shown]) -> None:
    assert "[red]markup[/red]" in drafted[1].text


@pytest.mark.parametrize("words", [(), ("--stage", "generate")])
def test_the_list_of_show(drafted: tuple[Path, Shown], words: tuple[str, ...]) -> None:
    shown = in_terminal("show", "mine/recipe.yaml", *words, cwd=drafted[0])
    assert shown.code == 0
    assert r"\u202e" in shown.text
    nothing_acts(shown)


def test_show_row_and_json(drafted: tuple[Path, Shown]) -> None:
    shown = in_terminal("show", "mine/recipe.yaml", "--json", cwd=drafted[0])
    nothing_acts(shown)
    rows = [json.loads(line) for line in shown.text.splitlines()]
    draft = next(row for row in rows if row["lineage"]["stage"])
    assert any(ATTACK in str(message["content"]) for message in draft["messages"])
    whole = in_terminal("show", "mine/recipe.yaml", draft["id"], cwd=drafted[0])
    assert r"\x1b[2J" in whole.text
    nothing_acts(whole)


@pytest.mark.parametrize("status", [401, 500, 404])
def test_errors_of_a_server(tmp_path: Path, drafted: tuple[Path, Shown], status: int) -> None:
    recipe = (drafted[0] / "mine" / "recipe.yaml").read_text()
    with hostile_server(refuse=status) as url:
        shutil.copytree(drafted[0] / "mine" / "documents", tmp_path / "documents")
        shutil.copy(drafted[0] / "mine" / "seeds.jsonl", tmp_path)
        recipe = re.sub("http://127.0.0.1:[0-9]+/v1", url, recipe)
        (tmp_path / "recipe.yaml").write_text(recipe)
        for words in (("doctor", "recipe.yaml"), ("init", "new", "--endpoint", url)):
            shown = in_terminal(*words, cwd=tmp_path)
            assert shown.code == 3, shown.text
            nothing_acts(shown)
        patience = "--set=models.writer.give_up_after=2"
        for more in ((), ("--json",)):
            shown = in_terminal("run", "recipe.yaml", patience, *more, cwd=tmp_path)
            assert shown.code == 3, shown.text
            assert "forged" in shown.text
            nothing_acts(shown)


def test_a_terminal_that_lacks_a_character_gets_an_escape(drafted: tuple[Path, Shown]) -> None:
    variables = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for words in (("show", "mine/recipe.yaml"), ("show", "mine/recipe.yaml", "--json")):
        command = [sys.executable, "-m", "synth", *words]
        done = subprocess.run(command, cwd=drafted[0], env=variables, capture_output=True, check=True)
        assert done.stdout.isascii()
    assert all(json.loads(line) for line in done.stdout.splitlines())
