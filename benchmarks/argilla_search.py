"""Measures searches and lists of a local Argilla, with the requests of its page.

    python benchmarks/argilla_search.py --records 20000 --rounds 40

Starts the server on a separate folder, and sends requests over HTTP. Each time is that of a whole response
with 50 records, their suggestions and their responses. The records are written directly to the database,
because the API would take minutes for 20,000 of them. The database's triggers fill the index in both cases.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from synth.review.environment import ensure_environment, package_folder

STAGES = ("generate", "backtranslate", "paraphrase", "respond")
DIMENSIONS = 256
PAGE = 50
# Seconds between opening a list and the search for similar records.
AHEAD_SECONDS = 10


class Process:
    """The server's process. Its CPU time, unlike the elapsed time, is the same on a busy machine."""

    def __init__(self, pid: int) -> None:
        self._stat = Path(f"/proc/{pid}/stat")

    def cpu_seconds(self) -> float:
        user, system = self._stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Api:
    def __init__(self, url: str, api_key: str) -> None:
        self._url = f"{url}/api/v1/"
        self._headers = {"X-Argilla-Api-Key": api_key, "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)


def make_dataset(api: Api) -> dict[str, str]:
    """Creates a dataset like those of `synth review push`. Returns its id and those of its parts."""
    workspace = api.call("GET", "me/workspaces")["items"][0]["id"]
    dataset = api.call("POST", "datasets", {"name": "benchmark", "workspace_id": workspace})["id"]
    path = f"datasets/{dataset}"
    for name in ("instruction", "input"):
        field = {"name": name, "title": name, "required": name == "instruction", "settings": {"type": "text"}}
        api.call("POST", f"{path}/fields", field)
    text = {"name": "response", "title": "response", "required": True, "settings": {"type": "text"}}
    question = api.call("POST", f"{path}/questions", text)["id"]
    options = [{"value": value} for value in range(1, 6)]
    rating = {"name": "quality", "title": "quality", "settings": {"type": "rating", "options": options}}
    api.call("POST", f"{path}/questions", rating)
    for name, kind in (("stage", "terms"), ("score", "float"), ("length", "integer")):
        settings = {"type": kind}
        api.call("POST", f"{path}/metadata-properties", {"name": name, "title": name, "settings": settings})
    vector = {"name": "embedding", "title": "embedding", "dimensions": DIMENSIONS}
    vectors = api.call("POST", f"{path}/vectors-settings", vector)["id"]
    api.call("PUT", f"{path}/publish")
    user = api.call("GET", "me")["id"]
    return {"dataset": dataset, "question": question, "vectors": vectors, "user": user}


def fill(
    database: Path, ids: dict[str, str], records: int, words: list[str], rng: random.Random
) -> list[str]:
    """Adds records with text, metadata, a suggestion and a vector. Every third has a response."""
    hexed = {name: uuid.UUID(value).hex for name, value in ids.items()}
    start = datetime.now(UTC).replace(tzinfo=None)
    rows: dict[str, list[tuple[Any, ...]]] = {
        "records": [],
        "suggestions": [],
        "vectors": [],
        "responses": [],
    }
    for index in range(records):
        record, at = uuid.UUID(int=rng.getrandbits(128)).hex, str(start + timedelta(milliseconds=index))
        instruction = " ".join(rng.choices(words, WEIGHTS, k=rng.randint(10, 60)))
        fields = json.dumps(
            {"instruction": instruction, "input": " ".join(rng.choices(words, WEIGHTS, k=20))}
        )
        metadata = {
            "stage": rng.choice(STAGES),
            "score": round(rng.uniform(1, 5), 2),
            "length": len(instruction),
        }
        rows["records"].append(
            (record, fields, json.dumps(metadata), "pending", f"r{index}", hexed["dataset"], at, at)
        )
        draft = json.dumps(" ".join(rng.choices(words, WEIGHTS, k=120)))
        suggestion = (draft, str(rng.random()), "writer", "model", record, hexed["question"], at, at)
        rows["suggestions"].append((uuid.uuid4().hex, *suggestion))
        value = json.dumps([rng.gauss(0, 1) for _ in range(DIMENSIONS)])
        rows["vectors"].append((value, record, hexed["vectors"], uuid.uuid4().hex, at, at))
        if index % 3 == 0:
            values = json.dumps({"response": {"value": "edited"}, "quality": {"value": rng.randint(1, 5)}})
            status = rng.choice(("submitted", "draft", "discarded"))
            rows["responses"].append((uuid.uuid4().hex, values, status, record, hexed["user"], at, at))
    columns = {
        "records": "id, fields, metadata, status, external_id, dataset_id, inserted_at, updated_at",
        "suggestions": "id, value, score, agent, type, record_id, question_id, inserted_at, updated_at",
        "vectors": "value, record_id, vector_settings_id, id, inserted_at, updated_at",
        "responses": 'id, "values", status, record_id, user_id, inserted_at, updated_at',
    }
    with sqlite3.connect(database) as connection:
        for table, tuples in rows.items():
            marks = ", ".join("?" * len(tuples[0]))
            connection.executemany(f"INSERT INTO {table} ({columns[table]}) VALUES ({marks})", tuples)
    return [str(uuid.UUID(row[0])) for row in rows["records"]]


def terms(scope: dict[str, str], *values: str) -> dict[str, Any]:
    return {"type": "terms", "scope": scope, "values": list(values)}


def between(name: str, ge: float, le: float) -> dict[str, Any]:
    return {"type": "range", "scope": {"entity": "metadata", "metadata_property": name}, "ge": ge, "le": le}


def query(text: str | None, filters: list[dict[str, Any]], sort: dict[str, str] | None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if text is not None:
        body["query"] = {"text": {"q": text}}
    if filters:
        body["filters"] = {"and": filters}
    if sort is not None:
        body["sort"] = [{"scope": sort, "order": "desc"}]
    return body


STAGE = {"entity": "metadata", "metadata_property": "stage"}
SCORE = {"entity": "metadata", "metadata_property": "score"}
STATUS = {"entity": "response", "property": "status"}
SUGGESTED = {"entity": "suggestion", "question": "response", "property": "score"}
QUALITY = {"entity": "response", "question": "quality"}
INSERTED = {"entity": "record", "property": "inserted_at"}


def requests(words: list[str], rng: random.Random, records: list[str]) -> dict[str, dict[str, Any]]:
    """One body per kind of request, with other words in each call."""
    frequent, other = words[rng.randint(0, 20)], words[rng.randint(0, 200)]
    stage = terms(STAGE, *rng.sample(STAGES, 2))
    low = rng.uniform(1, 3)
    similar = query(None, [stage], None)
    similar["query"] = {"vector": {"name": "embedding", "record_id": rng.choice(records)}}
    return {
        "word + terms + sort by metadata": query(frequent, [stage], SCORE),
        "two words + range + sort by date": query(
            f"{frequent} {other}", [between("score", low, 5)], INSERTED
        ),
        "prefix + pending + sort by suggestion": query(
            f"{frequent[:3]}*", [terms(STATUS, "pending")], SUGGESTED
        ),
        "phrase or word + range + sort": query(
            f'"{frequent} {other}" | {other}', [between("length", 50, 300)], SCORE
        ),
        "not + submitted + sort by response": query(f"-{frequent}", [terms(STATUS, "submitted")], QUALITY),
        "fuzzy + terms + sort by metadata": query(f"{other}~1", [stage], SCORE),
        "the page's first list (pending, shuffled)": query(None, [terms(STATUS, "pending")], None),
        "find similar + terms": similar,
    }


def first_similar(
    api: Api, process: Process, ids: dict[str, str], records: list[str], database: Path
) -> None:
    """Times "find similar" with and without vectors that the server has to read first."""
    path = f"me/datasets/{ids['dataset']}/records/search?limit={PAGE}"
    body = {"query": {"vector": {"name": "embedding", "record_id": records[0]}}}

    def change(share: str) -> None:
        with sqlite3.connect(database, timeout=60) as connection:
            connection.execute(f"UPDATE vectors SET value = value WHERE {share}")

    def ask(name: str) -> None:
        began, worked = time.perf_counter(), process.cpu_seconds()
        api.call("POST", path, body)
        figures = [time.perf_counter() - began, process.cpu_seconds() - worked]
        print(f"| {name} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |")

    print('\n| "find similar" | s | CPU s |\n|---|---:|---:|')
    ask(f"first search, {len(records)} vectors to read")
    ask("again")
    change("rowid % 100 = 0")
    ask(f"after {len(records) // 100} vectors have changed")
    change("true")
    api.call("POST", path, {})
    time.sleep(AHEAD_SECONDS)
    ask(f"after all have changed, {AHEAD_SECONDS} s after the list was opened")


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def measure(
    api: Api,
    process: Process,
    ids: dict[str, str],
    words: list[str],
    rng: random.Random,
    records: list[str],
    rounds: int,
) -> None:
    path = f"me/datasets/{ids['dataset']}/records/search?include=suggestions&include=responses&limit={PAGE}"
    times: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    totals: dict[str, list[int]] = {}
    for round_ in range(rounds + 1):
        for name, body in requests(words, rng, records).items():
            began, worked = time.perf_counter(), process.cpu_seconds()
            total = api.call("POST", path, body)["total"]
            if round_:  # round 0 is the warm-up: the server reads its database and vectors
                times.setdefault(name, []).append((time.perf_counter() - began) * 1000)
                cpu.setdefault(name, []).append((process.cpu_seconds() - worked) * 1000)
                totals.setdefault(name, []).append(total)
            else:
                print(f"first   {name:44} {(time.perf_counter() - began) * 1000:7.0f} ms", file=sys.stderr)
    print("\n| request | records found | median ms | p95 ms | CPU ms |")
    print("|---|---:|---:|---:|---:|")
    for name, each in times.items():
        print(row(name, f"{statistics.median(totals[name]):.0f}", each, cpu[name]))
    sorted_ones = [name for name in times if "sort" in name]
    all_times, all_cpu = ([one for name in sorted_ones for one in kind[name]] for kind in (times, cpu))
    print(row("**all with query, filter and sort**", "", all_times, all_cpu))
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", file=sys.stderr)


def row(name: str, found: str, times: list[float], cpu: list[float]) -> str:
    figures = [statistics.median(times), p95(times), statistics.mean(cpu)]
    return f"| {name} | {found} | " + " | ".join(f"{figure:.0f}" for figure in figures) + " |"


VOCABULARY = 5000
WEIGHTS = [1 / rank for rank in range(1, VOCABULARY + 1)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    rng = random.Random(7)
    words = ["".join(rng.choices("abcdefghijklmnoprstuv", k=rng.randint(4, 10))) for _ in range(VOCABULARY)]
    python = ensure_environment(lambda line: print(line, file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(python),
            "-m",
            "argilla_local",
            "serve",
            "--data",
            folder,
            "--port",
            "0",
            "--stop-with-stdin",
        ]
        environment = {**os.environ, "PYTHONPATH": str(package_folder())}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment, text=True, **pipes) as server:
            assert server.stdout is not None
            state = json.loads(server.stdout.readline())
            api = Api(state["url"], state["api_key"])
            ids = make_dataset(api)
            began = time.perf_counter()
            records = fill(Path(folder) / "argilla.db", ids, arguments.records, words, rng)
            size = (Path(folder) / "argilla.db").stat().st_size / 2**20
            print(
                f"{len(records)} records in {time.perf_counter() - began:.0f} s, {size:.0f} MiB",
                file=sys.stderr,
            )
            first_similar(api, Process(state["pid"]), ids, records, Path(folder) / "argilla.db")
            measure(api, Process(state["pid"]), ids, words, rng, records, arguments.rounds)


if __name__ == "__main__":
    main()
