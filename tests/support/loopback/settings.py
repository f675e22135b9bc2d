"""The settings and faults of a loopback server. `POST /control` changes them during a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds; shares between 0 and 1.

    Speed: an answer takes `latency` plus `token_time` for each of its words, `jitter` times more or less;
    `capacity` are served at once, the others wait. Beyond `knee` at once everything slows so that
    throughput stays what it is at the knee, or with `smooth` approaches that from the start, as a GPU
    does. `canned` answers with a fixed text, for tests of speed.

    Faults, as shares of requests: `error_500`, `drop` (closed in mid-answer), `hang` (never answered),
    `cut` (ended by length), `broken` (half a text that says it is whole), `garbled` (a body that is no
    JSON), `aborted` (the engine died: half a text, finish reason `abort`).
    """

    latency: float = 0.0
    token_time: float = 0.0
    jitter: float = 0.0
    capacity: int = 256
    knee: int = 0
    smooth: bool = False
    canned: bool = False

    error_500: float = 0.0
    drop: float = 0.0
    hang: float = 0.0
    cut: float = 0.0
    broken: float = 0.0
    garbled: float = 0.0
    aborted: float = 0.0

    # 429 for so long from when it is set, naming `retry_after` where that is not 0.
    busy: float = 0.0
    retry_after: float = 0.0
    # 429 beyond so many waiting (-1: never), and beyond so many requests a minute (0: never).
    queue: int = -1
    requests_per_minute: int = 0

    key: str = ""
    models: str = "fake"
    context: int = 0
    redirect: str = ""
    health: int = 200
    metrics: bool = True
    # Seconds that it takes over each read of `/metrics`.
    metrics_time: float = 0.0
    # Comma-separated: json_schema, json_object, structured_outputs, guided_json; what else is asked is a 400.
    structured: str = "json_schema,json_object,structured_outputs,guided_json"
    logprobs: bool = True
    demand_max_completion_tokens: bool = False
    # "", "field" or "inline": where the model writes what it thinks.
    reasoning: str = ""
    # Keep request bodies and keys for `GET /log?bodies=1`.
    record: bool = False

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """These settings with `changes`. Raises `ValueError` for a name or a type that does not fit."""
        known = {field.name: type(field.default) for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no setting {name!r}")
            fits = isinstance(value, int | float) if known[name] is float else isinstance(value, known[name])
            if not fits:
                raise ValueError(f"{name} must be {known[name].__name__}, not {value!r}")
        return replace(self, **changes)
