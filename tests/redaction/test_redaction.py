"""People's data found by its form and checksum, replaced before anything holds it, and kept in one file."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import synth
from synth.errors import InputError, MachineError, RecipeError
from synth.redaction import Redactor, ledger_of, restore
from synth.redaction.finders import accounts, cards, emails, phones
from synth.redaction.kinds import DataKind
from synth.redaction.ledger import RedactionLedger
from synth.redaction.names import Names
from synth.redaction.redactor import KindsToRedact
from synth.redaction.stand_ins import STAND_IN, stand_in

# Published test numbers: they have right checksums, and belong to nobody.
IBANS = (
    # The examples of ISO 13616's registry for countries that joined it late.
    "BI42 1000 0100 0100 0033 2045 181",
    "DJ21 0001 0000 0001 5400 0100 186",
    "FK88 SC12 3456 7890 12",
    "HN88 CABF 0000 0000 0002 5000 5469",
    "MN12 1234 1234 5678 9123",
    "NI45 BAPR 0000 0013 0000 0355 8124",
    "OM81 0180 0000 0129 9123 456",
    "RU03 0445 2522 5408 1781 0538 0913 1041 9",
    "SO21 1000 0010 0100 0100 141",
    "YE15 CBYE 0001 0188 6123 4567 8912 34",
    "DE89 3704 0044 0532 0130 00",
    "GB82WEST12345698765432",
    "FR14 2004 1010 0505 0001 3M02 606",
    "NL91ABNA0417164300",
)
CARDS = (
    "4111 1111 1111 1111",
    "5555555555554444",
    "3782 822463 10005",
    "6011-1111-1111-1117",
    "2223003122003222",
)


def values(found: object) -> list[str]:
    return [one.value for one in found]  # type: ignore[attr-defined]


# --- what is found ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to Anna.Berg+shop@mail.northwind.co.uk.", ["anna.berg+shop@mail.northwind.co.uk"]),
        ("<jörg@müller.de>, (a_b@x.org)", ["jörg@müller.de", "a_b@x.org"]),
        ("you@example.com, me@host.test, a@localhost", []),
        ("@anna, 3 @ 4, a@b, user@", []),
    ],
)
def test_emails(text: str, found: list[str]) -> None:
    assert values(emails(text)) == found


@pytest.mark.parametrize("card", CARDS)
def test_cards(card: str) -> None:
    digits = "".join(c for c in card if c.isdigit())
    assert values(cards(f"My card {card} was charged.")) == [digits]
    assert values(cards(f"My card {card[:-1]}{(int(card[-1]) + 1) % 10} was charged.")) == []


@pytest.mark.parametrize(
    "text", ["0000 0000 0000 0000", "order 1234567890123", "3.14159265358979", "id-4111111111111111-x"]
)
def test_no_cards(text: str) -> None:
    assert values(cards(text)) == []


@pytest.mark.parametrize("iban", IBANS)
def test_ibans(iban: str) -> None:
    plain = iban.replace(" ", "")
    assert values(accounts(f"Pay to {iban} and tell us.")) == [plain]
    assert values(accounts(f"pay to {iban.lower()}, please")) == [plain]
    assert values(accounts(f"Pay to {iban[:-1]}{'1' if iban[-1] != '1' else '2'}.")) == []


def test_account_numbers_need_their_word() -> None:
    assert values(accounts("Routing number: 021000021, account no. 1234 5678 90.")) == [
        "021000021",
        "1234567890",
    ]
    assert values(accounts("Kontonummer: 0532013000")) == ["0532013000"]
    assert values(accounts("Routing number 021000022; order 1234567890; account 48213")) == []


@pytest.mark.parametrize(
    ("text", "region", "found"),
    [
        ("Call +49 30 901820 or +1 (212) 736-5000.", None, ["+4930901820", "+12127365000"]),
        ("Ruf 030 901820 an", "DE", ["+4930901820"]),
        ("Ruf 030 901820 an", None, []),
        ("order 48213, 2024-03-05, 12:30, 1,500.00", "US", []),
        ("+999 1234 567890", None, []),
    ],
)
def test_phones(text: str, region: str | None, found: list[str]) -> None:
    assert values(phones(text, region)) == found


NAMES = Names(["Anna Schmidt", "Schmidt", "Will", "Jean-Luc O'Neill", "José Nuñez", "J. R. Hale", "李小龙"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Anna Schmidt and ANNA SCHMIDT, anna\nschmidt too", ["anna schmidt"] * 3),
        ("Frau Schmidt's order, schmidt", ["schmidt"]),
        ("Will Will go? It will.", ["will", "will"]),
        ("Goodwill, Willow, Schmidtke", []),
        ("jean-luc o’neill called", ["jean-luc o'neill"]),
        ("Jose\u0301 Nun\u0303ez", ["josé nuñez"]),
        ("J. R. Hale", ["j r hale"]),
        ("Anna, Schmidt", ["schmidt"]),
        ("李小龙", ["李小龙"]),
    ],
)
def test_names(text: str, found: list[str]) -> None:
    assert values(NAMES.find(text)) == found


def test_checksums() -> None:
    assert values(accounts("ABA routing ٠٢١٠٠٠٠٢١")) == ["٠٢١٠٠٠٠٢١"]
    assert values(accounts("ABA routing 021000021")) == ["021000021"]
    assert values(accounts("ABA routing 021000022, rtn 000000000")) == []


# --- what stands in for it ------------------------------------------------------------------------------


@pytest.fixture
def redactor(tmp_path: Path) -> Redactor:
    ledger = RedactionLedger(tmp_path / "run.redactions.jsonl", lambda words: None)
    return Redactor(KindsToRedact(names=NAMES, region="DE"), ledger)


LETTER = (
    "Anna Schmidt <anna@northwind.io>, 030 901820 or +49 30 901820, card 4111 1111 1111 1111,"
    " IBAN DE89 3704 0044 0532 0130 00. Yours, Anna Schmidt (ANNA@northwind.io)"
)
SECRETS = ("Anna", "Schmidt", "northwind", "901820", "4111", "0532")


def test_one_value_has_one_stand_in(redactor: Redactor, tmp_path: Path) -> None:
    text = redactor.text(LETTER)
    assert not any(secret in text for secret in SECRETS)
    name, phone = text.partition(" <")[0], text.partition(">, ")[2].partition(" or ")[0]
    assert text.count(name) == 2
    assert text.count(phone) == 2
    assert text.count("@example.com") == 2
    assert text.count(text.partition("<")[2].partition("@")[0]) == 2
    assert redactor.text("Ask anna@northwind.io") == f"Ask {text.partition('<')[2].partition('>')[0]}"
    assert restore(text, tmp_path / "run.redactions.jsonl").count("Anna Schmidt") == 2


@given(st.integers(0, 2**64))
def test_stand_ins_are_nobodys(number: int) -> None:
    for kind in DataKind:
        made = stand_in(b"key", kind, f"value {number}")
        assert not [*emails(made), *cards(made), *accounts(made), *phones(made, None)], made
        assert STAND_IN.fullmatch(made) or kind == "name"


def test_a_stand_in_that_looks_like_a_number_of_the_region_stays(redactor: Redactor) -> None:
    assert values(phones("+999 6598 356579", "DE")) == ["+49356579"]
    assert redactor.text("Call +999 6598 356579") == "Call +999 6598 356579"


def test_redacting_twice_changes_nothing(redactor: Redactor) -> None:
    once = redactor.text(LETTER)
    assert redactor.text(once) == once


def test_messages_keep_their_form(redactor: Redactor) -> None:
    call = {
        "type": "function",
        "function": {"name": "mail", "arguments": {"to": ["anna@northwind.io"], "n": 2}},
    }
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    (after,), kinds = redactor.messages([messages])
    assert kinds == ["email"]
    assert after[0] == messages[0]
    assert after[1]["tool_calls"][0]["function"]["arguments"]["n"] == 2
    assert "northwind" not in json.dumps(after)
    assert messages[1]["tool_calls"] == [call], "what was given stays as it was"


def test_two_values_never_share_a_stand_in(redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "synth.redaction.redactor.stand_in", lambda key, kind, value, turn=0: f"person-{turn}@example.com"
    )
    text = redactor.text("a@northwind.io b@northwind.io a@northwind.io")
    assert text == "person-0@example.com person-1@example.com person-0@example.com"


# --- the file -------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    file, said = tmp_path / "x.jsonl", []
    os.umask(os.umask(0))
    RedactionLedger(file, said.append).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    RedactionLedger(file, said.append).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "other users could read" in said[0]


def test_a_line_that_was_cut_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    with RedactionLedger(file, print) as ledger:
        first = Redactor(KindsToRedact(), ledger).text("a@northwind.io")
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    with RedactionLedger(file, print) as ledger:
        assert Redactor(KindsToRedact(), ledger).text("a@northwind.io") == first
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    ["hello\n", '{"format": 1}\n', '{"format": 1, "key": "zz"}\n', "[]\n", '{"format": 9, "key": ""}\n'],
)
def test_a_file_that_is_no_ledger(content: str, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(content)
    with pytest.raises(InputError):
        RedactionLedger(file, print)
    assert file.read_text() == content


def test_a_ledger_in_use(tmp_path: Path) -> None:
    with RedactionLedger(tmp_path / "x.jsonl", print), pytest.raises(MachineError, match="in use"):
        RedactionLedger(tmp_path / "x.jsonl", print)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MachineError):
        RedactionLedger(tmp_path / "x.jsonl", print)


# --- in a run -------------------------------------------------------------------------------------------


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Seeds, a holdout and prompts that hold people's data, and a name list."""
    seeds = [
        {
            "instruction": f"Mail {n}: {LETTER}",
            "response": f"Dear Anna Schmidt, we wrote to anna@northwind.io ({n}).",
        }
        for n in range(8)
    ]
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps(seed) + "\n" for seed in seeds))
    (tmp_path / "prompts.jsonl").write_text(json.dumps({"instruction": f"Answer this: {LETTER}"}) + "\n")
    (tmp_path / "names.txt").write_text("# people\nAnna Schmidt\n\nSchmidt\n")
    file = tmp_path / "recipe.yaml"
    file.write_text(
        "name: desk\nmodels: {writer: {provider: fake}}\nholdout: {rows: 2}\n"
        "sources: {seeds: seeds.jsonl, prompts: prompts.jsonl}\n"
        "stages:\n  - redact: {names: names.txt, region: DE}\n  - generate: {count: 5}\n  - respond: {}\n"
    )
    return file


def every_byte(folder: Path) -> bytes:
    for database in folder.rglob("*.sqlite"):
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_nothing_of_the_run_holds_what_was_replaced(recipe: Path) -> None:
    run = synth.run(recipe)
    synth.export(run, format="trl-sft")
    held = every_byte(run.path)
    assert b"@example.com" in held
    for secret in ("anna@", "ANNA@", "Anna Schmidt", "northwind", "901820", "4111 1111", "0532 0130"):
        assert secret.encode() not in held, secret
    ledger = ledger_of(run.path)
    assert ledger == recipe.parent / "runs" / "desk.redactions.jsonl"
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
    assert b"anna@northwind.io" in ledger.read_bytes()
    kept = next(iter(run))
    assert kept["history"][0] == {"stage": "redact", "did": ["account", "card", "email", "name", "phone"]}
    assert "Anna Schmidt" in restore(kept["messages"][0]["content"], ledger)


def test_the_same_key_gives_the_same_rows_and_another_does_not(recipe: Path, tmp_path: Path) -> None:
    first = [row["messages"] for row in synth.run(recipe, tmp_path / "a")]
    key = ledger_of(tmp_path / "a").read_bytes().partition(b"\n")[0] + b"\n"
    ledger_of(tmp_path / "b").write_bytes(key)
    assert [row["messages"] for row in synth.run(recipe, tmp_path / "b")] == first
    assert [row["messages"] for row in synth.run(recipe, tmp_path / "c")] != first


def test_a_seed_more_changes_no_other_stand_in(recipe: Path) -> None:
    before = {row["id"] for row in synth.run(recipe) if row["lineage"]["stage"] is None}
    seeds = recipe.parent / "seeds.jsonl"
    new = json.dumps({"instruction": "From zoe@northwind.io", "response": "Hello Schmidt."}) + "\n"
    seeds.write_text(new + seeds.read_text())
    after = {row["id"] for row in synth.run(recipe) if row["lineage"]["stage"] is None}
    assert before <= after
    assert len(after) == len(before) + 1


def test_a_finished_run_is_finished_until_the_names_change(recipe: Path) -> None:
    synth.run(recipe)
    assert synth.api.run_with_result(recipe).summary["reused"] == 0
    (recipe.parent / "names.txt").write_text("Schmidt\n")
    assert "Anna" in json.dumps([row["messages"] for row in synth.run(recipe)])


def test_a_lost_ledger_is_said(recipe: Path) -> None:
    from synth.pipeline.progress import Progress

    synth.run(recipe)
    ledger_of(recipe.parent / "runs" / "desk").unlink()
    progress = Progress()
    synth.run(recipe, progress=progress)
    assert any("is new, so stand-ins differ" in words for words in progress.messages)


def test_a_dry_run_shows_redacted_prompts_and_leaves_no_file(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from synth.cli import main

    with pytest.raises(SystemExit):
        main(["run", str(recipe), "--dry-run"])
    shown = "".join(capsys.readouterr())
    assert "@example.com" in shown
    assert "northwind" not in shown
    assert not list(recipe.parent.rglob("*.redactions.jsonl"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  - respond: {}", "  - respond: {}\n  - redact: {as: again}", "must be the first stage"),
        ("names.txt", "none.txt", "no such file"),
        ("names.txt", "seeds", "no such file"),
        ("region: DE", "region: Germany", "region"),
        ("region: DE", "phone: false", "Did you mean"),
    ],
)  # fmt: skip
def test_bad_options(old: str, new: str, words: str, recipe: Path) -> None:
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new))
    with pytest.raises(RecipeError, match=words):
        synth.run(recipe)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "no names"), (b"\xff\xfe", "UTF-8"), (b"A\n", "too short")]
)
def test_bad_name_lists(content: bytes, words: str, recipe: Path) -> None:
    (recipe.parent / "names.txt").write_bytes(content)
    with pytest.raises(RecipeError, match=words):
        synth.run(recipe)
