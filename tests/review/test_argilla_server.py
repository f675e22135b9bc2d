"""The connection to Argilla, and the error if its client is missing."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from synth.errors import InputError
from synth.review.argilla_connection import Connection, Server

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_client_is_named_as_its_package_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "argilla", None)
    with pytest.raises(InputError, match=r"pip install 'argilla>=2\.8,<3' requests`.*--backend file"):
        Connection(Server("http://127.0.0.1:9", "key"))


def test_a_review_works_after_the_default_installation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    packages = {re.split("[<>=]", wanted)[0] for wanted in project["dependencies"]}
    assert {"argilla", "requests"} <= packages
    pins = {
        name: {line for line in (ROOT / "requirements" / name).read_text().splitlines() if "==" in line}
        for name in ("demo.txt", "dev.txt")
    }
    assert any(pin.startswith("argilla==") for pin in pins["demo.txt"])
    assert pins["demo.txt"] <= pins["dev.txt"]


def test_no_message_tells_to_install_this_package_from_an_index() -> None:
    told = re.compile(r"pip install '?synth")
    assert told.search("pip install 'synth[argilla]'")
    for source in (ROOT / "synth").rglob("*.py"):
        assert not told.search(source.read_text("utf-8")), source
