"""`check`: JSON, SQL and a user's function, alone and in a whole run."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import synth
from synth.checks.queries import query_of, sql_check
from synth.checks.schema import json_check
from synth.checks.user_function import own_check
from synth.cli import main
from synth.errors import RecipeError
from synth.row import Lineage, Row
from synth.schema_validation import wrong_schema
from tests.made_row import made_row

SCHEMA = {
    "type": "object",
    "properties": {"sku": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["sku", "count"],
    "additionalProperties": False,
}


def row(answer: str) -> Row:
    messages = [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": answer}]
    return made_row("ab12", messages, Lineage("prompt"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A SQLite database with two tables."""
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as database:
        database.executescript(
            "CREATE TABLE items (sku TEXT, price REAL); INSERT INTO items VALUES ('a', 1.5), ('b', 2.5);"
            "CREATE TABLE orders (sku TEXT, n INTEGER);"
        )
    database.close()
    return file


# --- JSON ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ('{"sku": "a", "count": 2}', None, ""),
        (' {"count": 1, "sku": ""}\n', None, ""),
        ('{"sku": "a", "count": 0}', "off_schema", "['count']"),
        ('{"sku": "a"}', "off_schema", "required"),
        ('{"sku": "a", "count": 2, "x": 1}', "off_schema", "'x'"),
        ("[]", "off_schema", "object"),
        ('Here it is: {"sku": "a", "count": 2}', "not_json", "Here it is"),
        ('```json\n{"sku": "a", "count": 2}\n```', "not_json", "```"),
        ('{"sku": "a", "count": 2', "not_json", ""),
        ('{"sku": "a", "sku": "b", "count": 2}', "not_json", "twice"),
        ('{"sku": "a", "count": NaN}', "not_json", "NaN"),
        ("", "not_json", ""),
        ("[" * 100_000, "not_json", "recursion"),
    ],
)
def test_json(answer: str, reason: str | None, words: str, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA))
    objection = json_check(file)(row(answer))
    assert (objection and objection.reason) == reason
    assert objection is None or words in objection.detail


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        ('{"type": "objekt"}', "is not a JSON schema"),
        ('{"minimum": "x"}', "is not a JSON schema"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_schema_that_is_none(content: str | bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(RecipeError, match=words):
        json_check(file)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "http://127.0.0.1:9/none.json"}, "nothing is fetched"),
        ({"properties": {"a": {"items": {"$ref": "file:///etc/hostname"}}}}, "nothing is fetched"),
        ({"$ref": "other.json"}, "nothing is fetched"),
        ({"$ref": "#/$defs/none"}, "nothing is fetched"),
        ({"$id": "http://127.0.0.1:9/a", "properties": {"x": {"$dynamicRef": "b"}}}, "nothing is fetched"),
        ({"$ref": "#"}, "circle"),
        ({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"allOf": [{"$ref": "#"}]}}}, "circle"),
        ({"properties": {"a": {"pattern": "("}}}, "'\\(' is not a 'regex'"),
        ({"patternProperties": {"[": {}}}, "is not a 'regex'"),
        ({"$ref": "#/x", "x": {"pattern": "["}}, "is not a 'regex'"),
        ({"$ref": "#/x", "x": {"type": "objekt"}}, "objekt"),
        ({"$ref": "#/x", "x": {"$ref": "http://127.0.0.1:9/x"}}, "nothing is fetched"),
    ],
)
def test_a_schema_that_leads_elsewhere(schema: dict[str, object], words: str, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    with pytest.raises(RecipeError, match=words):
        json_check(file)
    assert re.search(words, str(wrong_schema(schema)))


def test_a_schema_may_refer_to_itself_and_to_the_drafts(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    tree = {"type": "object", "properties": {"below": {"type": "array", "items": {"$ref": "#"}}}}
    file.write_text(json.dumps({**tree, "additionalProperties": False}))
    assert json_check(file)(row('{"below": [{"below": []}]}')) is None
    objection = json_check(file)(row('{"below": [{"above": []}]}'))
    assert objection is not None
    assert objection.detail.startswith("['below'][0]")
    file.write_text('{"$ref": "https://json-schema.org/draft/2020-12/schema"}')
    assert json_check(file)(row('{"type": "object"}')) is None
    assert json_check(file)(row('{"type": "objekt"}')) is not None


DOUBLED = {
    "$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(60)} | {"a60": {}},
    "$ref": "#/$defs/a0",
}


@pytest.mark.parametrize(
    ("schema", "answer"),
    [({"pattern": "^(a+)+$"}, json.dumps("a" * 40 + "!")), (DOUBLED, "{}")],
    ids=["a pattern that backtracks", "references that double"],
)
def test_a_check_that_takes_too_long_drops_its_row(schema: object, answer: str, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    check = json_check(file)
    objection = check(row(answer))
    assert objection is not None
    assert objection.reason == "check_timeout"
    assert "longer than 1 s" in objection.detail


# --- SQL ----------------------------------------------------------------------------------------------

QUERIES = [
    ("SELECT sku, price FROM items ORDER BY price", None),
    ("```sql\nSELECT count(*) FROM items;\n```", None),
    ("The query is:\n```\nWITH x AS (SELECT 1 AS a) SELECT a FROM x\n```\nIt counts.", None),
    ("SELECT sku FROM orders", None),
    ("SELECT colour FROM items", "sql_error"),
    ("SELECT * FROM customers", "sql_error"),
    ("SELEC * FROM items", "not_sql"),
    ("SELECT * FROM items WHERE (price > 1", "not_sql"),
    ("There is no such table.", "not_sql"),
    ("", "not_sql"),
    ("SELECT 1; SELECT 2", "not_sql"),
    ("SELECT 1; DROP TABLE items", "not_sql"),
    ("DROP TABLE items", "sql_writes"),
    ("DELETE FROM items", "sql_writes"),
    ("INSERT INTO items VALUES ('c', 3)", "sql_writes"),
    ("UPDATE items SET price = 0", "sql_writes"),
    ("CREATE TABLE t (a INTEGER)", "sql_writes"),
    ("ATTACH DATABASE '/tmp/other.sqlite' AS other", "sql_writes"),
    ("PRAGMA writable_schema = 1", "sql_writes"),
    ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", "sql_time"),
    ("SELECT length(zeroblob(1000000000))", "sql_error"),
    ("SELECT load_extension('/tmp/x.so')", "sql_writes"),
]


@pytest.mark.parametrize(("answer", "reason"), QUERIES)
def test_sqlite(answer: str, reason: str | None, shop: Path) -> None:
    before = shop.read_bytes()
    objection = sql_check(shop, 0.1, empty=True)(row(answer))
    assert (objection and objection.reason) == reason
    assert shop.read_bytes() == before
    assert sorted(file.name for file in shop.parent.iterdir()) == ["shop.sqlite"]


DUCKDB_QUERIES = [
    *[query for query in QUERIES if "zeroblob" not in query[0] and "load_extension" not in query[0]],
    ("SELECT * FROM read_csv('/etc/passwd')", "sql_error"),
    ("COPY items TO '/tmp/items.csv'", "sql_writes"),
    ("SET enable_external_access = true", "sql_writes"),
]
ON_DUCKDB = """
import json, sys
from pathlib import Path
import duckdb
from synth.checks.queries import sql_check
from synth.conversation import Conversation
from synth.row import Lineage
from synth.row import Row

file = Path(sys.argv[1])
with duckdb.connect(str(file)) as database:
    database.execute("CREATE TABLE items (sku TEXT, price DOUBLE); INSERT INTO items VALUES ('a', 1.5)")
    database.execute("CREATE TABLE orders (sku TEXT, n INTEGER)")
before, check, reasons = file.read_bytes(), sql_check(file, 0.5, empty=True), []
for answer in json.load(sys.stdin):
    said = Conversation([{"role": "assistant", "content": answer}])
    objection = check(Row("a", said, Lineage("prompt")))
    reasons.append(objection and objection.reason)
    assert file.read_bytes() == before
print(json.dumps(reasons))
"""


@pytest.mark.skipif(importlib.util.find_spec("duckdb") is None, reason="DuckDB is not installed")
def test_duckdb(tmp_path: Path) -> None:
    """In a process of its own: DuckDB complains at the end of one that has loaded other libraries, too."""
    answers = json.dumps([answer for answer, _ in DUCKDB_QUERIES])
    done = subprocess.run(
        [sys.executable, "-c", ON_DUCKDB, str(tmp_path / "shop.duckdb")],
        input=answers,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr
    for (answer, reason), said in zip(DUCKDB_QUERIES, json.loads(done.stdout), strict=True):
        # What does not parse for one database is an unknown name for the other.
        assert said in ({reason} if reason != "not_sql" else {"not_sql", "sql_error"}), answer


# Each compares eight million characters with thousands at every place, within one step of SQLite.
LONG = "WITH t(a) AS (SELECT hex(zeroblob(4000000)))"


@pytest.mark.parametrize(
    "query",
    [
        f"{LONG} SELECT instr(a, substr(a, 1, 3999999) || 'x') FROM t",
        f"{LONG} SELECT a LIKE '%' || substr(a, 1, 40000) || 'x' FROM t",
        f"{LONG} SELECT a GLOB '*' || substr(a, 1, 40000) || 'x' FROM t",
        f"{LONG} SELECT replace(a, substr(a, 1, 3999999) || 'x', '') FROM t",
    ],
)
def test_a_function_that_never_looks_up_is_ended(query: str, shop: Path) -> None:
    check = sql_check(shop, 0.1, empty=True)
    before = time.monotonic()
    objection = check(row(query))
    assert time.monotonic() - before < 30
    assert objection is not None
    assert objection.reason == "sql_time"
    assert check(row("SELECT 1")) is None


def test_what_is_stopped_while_its_process_starts_asks_nothing(shop: Path) -> None:
    check = sql_check(shop, 600, empty=True)
    query = f"{LONG} SELECT instr(a, substr(a, 1, 3999999) || 'x') FROM t"
    asked = threading.Thread(target=check, args=[row(query)])
    asked.start()
    check.stop()
    asked.join(timeout=60)
    assert not asked.is_alive()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the process in /proc")
def test_a_query_ends_with_what_asked_for_it(shop: Path) -> None:
    query = f"{LONG} SELECT instr(a, substr(a, 1, 3999999) || 'x') FROM t"
    code = (
        "import sys; from pathlib import Path; from synth.isolated import Isolated\n"
        "work = Isolated(2**30); process = work._started(); print(process.pid, flush=True)\n"
        f"work.ask('sql', 600, file={str(shop)!r}, allowed=600, query={query!r})"
    )
    asker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert asker.stdout is not None
    worker = int(asker.stdout.readline())
    time.sleep(0.5)
    asker.kill()
    asker.communicate()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists() and "Z" not in Path(f"/proc/{worker}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_query_without_memory_is_an_error_of_its_own(shop: Path) -> None:
    check = sql_check(shop, 5, empty=True)
    objection = check(
        row(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200)"
            " SELECT zeroblob(15000000 + i) AS b FROM n ORDER BY b"
        )
    )
    assert objection is not None
    assert objection.reason == "sql_error"
    assert "more than 1,024 MiB of memory" in objection.detail
    assert check(row("SELECT 1")) is None


def test_a_query_in_a_run_can_be_interrupted(recipe: Path, shop: Path) -> None:
    (recipe.parent / "script.jsonl").write_text(
        json.dumps({"text": f"{LONG} SELECT instr(a, substr(a, 1, 3999999) || 'x') FROM t"}) + "\n"
    )
    recipe.write_text(recipe.read_text().replace("{json: schema.json}", "{sql: shop.sqlite, seconds: 600}"))
    process = subprocess.Popen(
        [sys.executable, "-m", "synth", "run", str(recipe)],
        stderr=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        folder = recipe.parent / "runs" / "counts"
        deadline = time.monotonic() + 60
        while b"instr" not in b"".join(file.read_bytes() for file in folder.glob("*journal*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        before = time.monotonic()
        assert process.wait(timeout=60) == 130
        assert time.monotonic() - before < 10
    finally:
        process.kill()
        process.communicate()


def test_a_result_may_have_to_hold_rows(shop: Path) -> None:
    objection = sql_check(shop, 1, empty=False)(row("SELECT sku FROM orders"))
    assert objection is not None
    assert objection.reason == "sql_empty"


def test_what_takes_too_long_does_not_depend_on_the_clock(shop: Path) -> None:
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) SELECT max(i) FROM n"
    check = sql_check(shop, 0.1, empty=True)
    assert check(row(counting.format(10_000))) is None
    objection = check(row(counting.format(1_000_000)))
    assert objection is not None
    assert objection.reason == "sql_time"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    file.write_text("hello")
    with pytest.raises(RecipeError, match="neither"):
        sql_check(file, 1, empty=True)


def test_two_blocks_are_no_one_query() -> None:
    two = "```\nSELECT 1\n```\n```\nSELECT 2\n```"
    assert query_of(two) == two


# --- a function of one's own ----------------------------------------------------------------------------

OWN = """
def short(row):
    return len(row["answer"]) < 20 or "too long"

def yes(row):
    row["messages"].clear()
    return True

def no(row):
    return False

def quiet(row):
    pass

def fails(row):
    return row["nothing"]

def odd(row):
    return 3
"""


@pytest.mark.parametrize(
    ("function", "words"), [("short", "too long"), ("yes", None), ("no", "no() says no"), ("quiet", None)]
)
def test_a_function_of_ones_own(function: str, words: str | None, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    check, file = own_check(f"own.py:{function}", tmp_path, "check.function")
    given = row("a rather long answer, this one")
    objection = check(given)
    assert (objection and objection.detail) == words
    assert len(given.conversation.messages) == 2, "it was given a copy"
    assert file == tmp_path / "own.py"
    assert not any(name.startswith("synth_user") for name in sys.modules)


def load_and_ask(named: str, folder: Path) -> None:
    check, _ = own_check(named, folder, "check.function")
    check(row("x"))


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("own.py:fails", "KeyError"),
        ("own.py:odd", "int"),
        ("own.py:gone", "no function gone()"),
        ("own.py", "names no function"),
        ("other.py:short", "no such file"),
        ("broken.py:short", "SyntaxError"),
        ("raising.py:short", "ZeroDivisionError"),
    ],
)
def test_a_function_that_cannot_be_used(named: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("x = 1\ndef short(:\n")
    (tmp_path / "raising.py").write_text("x = 1\n1 / 0\n")
    with pytest.raises(RecipeError) as error:
        load_and_ask(named, tmp_path)
    assert words in str(error.value)
    if words in ("KeyError", "SyntaxError", "ZeroDivisionError"):
        assert error.value.where is not None
        assert error.value.where.rpartition(":")[2] == {"KeyError": "16"}.get(words, "2")


# --- in a run -----------------------------------------------------------------------------------------


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Three prompts, of which the writer answers one with JSON; and a seed whose answer is none."""
    replies = [
        {"match": "first", "text": '{"sku": "a", "count": 1}'},
        {"match": "second", "text": '{"sku": "a"}'},
        {"match": "third", "text": "No idea."},
    ]
    (tmp_path / "script.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    prompts = [{"instruction": f"The {word} one, please."} for word in ("first", "second", "third")]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    (tmp_path / "seeds.jsonl").write_text('{"instruction": "Count.", "response": "Two."}\n')
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    file = tmp_path / "recipe.yaml"
    file.write_text(
        "name: counts\nmodels: {writer: {provider: fake, script: script.jsonl}}\n"
        "sources: {seeds: seeds.jsonl, prompts: prompts.jsonl}\n"
        "stages:\n  - respond: {}\n  - check: {json: schema.json}\n"
    )
    return file


def test_a_run_drops_what_does_not_hold_and_never_a_seed(recipe: Path) -> None:
    run = synth.run(recipe)
    kept = list(run)
    assert [r["messages"][-1]["content"] for r in kept] == ["Two.", '{"sku": "a", "count": 1}']
    assert kept[0]["history"] == [
        {"stage": "check", "did": ["not_json"], "detail": kept[0]["history"][0]["detail"]}
    ]
    assert {(r["stage"], r["reason"]) for r in run.rows(status="dropped")} == {
        ("check", "off_schema"),
        ("check", "not_json"),
    }


def test_a_changed_schema_asks_nobody_and_decides_anew(recipe: Path) -> None:
    synth.run(recipe)
    (recipe.parent / "schema.json").write_text('{"type": "object"}')
    result = synth.api.run_with_result(recipe)
    assert result.summary["requests"] == 0
    assert result.summary["accepted"] == 2


def test_code_runs_under_run_alone(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = recipe.parent / "it-ran"
    (recipe.parent / "own.py").write_text(
        f"from pathlib import Path\nPath({str(trace)!r}).touch()\ndef yes(row):\n    return True\n"
    )
    recipe.write_text(recipe.read_text().replace("{json: schema.json}", "{function: 'own.py:yes'}"))
    for command in (["run", str(recipe), "--dry-run"], ["doctor", str(recipe)], ["schema"]):
        with pytest.raises(SystemExit):
            main(command)
        assert not trace.exists(), command
    capsys.readouterr()
    synth.run(recipe)
    assert trace.exists()


def test_a_function_that_fails_stops_the_run_and_loses_no_reply(recipe: Path) -> None:
    own = recipe.parent / "own.py"
    own.write_text("def yes(row):\n    return 1 / 0\n")
    recipe.write_text(recipe.read_text().replace("{json: schema.json}", "{function: 'own.py:yes'}"))
    stopped = synth.api.run_with_result(recipe)
    assert stopped.exit_code == 2
    assert "own.py:2" in str(stopped.error)
    own.write_text("def yes(row):\n    return True\n")
    again = synth.api.run_with_result(recipe)
    assert again.exit_code == 0
    assert again.summary["total"]["requests"] == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("{}", "needs one of"),
        ("{json: schema.json, sql: a.sqlite}", "needs one of"),
        ("{json: none.json}", "no such file"),
        ("{sql: schema.json}", "neither a SQLite"),
        ("{function: schema.json}", "names no function"),
        ("{sql: a.sqlite, seconds: 0}", "seconds"),
    ],
)
def test_bad_options(options: str, words: str, recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("{json: schema.json}", options))
    with pytest.raises(RecipeError, match=words):
        synth.run(recipe)
