"""The compose file of the full deployment, as far as it can be checked without Docker."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from synth.review.environment import ensure_environment

TEAM = Path(__file__).resolve().parents[2] / "argilla_config" / "team"
TEXT = (TEAM / "compose.yaml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(TEXT)["services"]


def test_it_is_a_compose_file_by_the_specification() -> None:
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text())
    jsonschema.validate(yaml.safe_load(TEXT), schema)
    with pytest.raises(jsonschema.ValidationError, match="helthcheck"):
        jsonschema.validate({"services": {"redis": {**SERVICES["redis"], "helthcheck": {}}}}, schema)


def test_it_has_all_parts_pinned_and_health_checked() -> None:
    assert set(SERVICES) == {"argilla", "worker", "postgres", "redis", "elasticsearch"}
    for service in SERVICES.values():
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-alpine)?$", service["image"])
        assert service["healthcheck"]["test"]
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        for needed in service.get("depends_on", {}).values():
            assert needed == {"condition": "service_healthy"}


def test_only_the_page_can_be_reached_and_only_from_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["argilla"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["argilla"]["ports"])


def test_passwords_come_from_the_environment_and_none_has_a_default() -> None:
    lines = (TEAM / "env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", TEXT)) == set(example)
    secret = {name for name in example if re.search("PASSWORD|KEY", name)}
    assert len(secret) == 6
    for name in secret:
        assert example[name] == ""
        assert set(re.findall(rf"(?<!\$)\$\{{{name}(.*?)\}}", TEXT)) == {":?set it in .env"}


KNOWN = """
import json
from argilla_server.security.settings import settings as auth
from argilla_server.settings import settings
each = {s.model_config["env_prefix"] + name for s in (settings, auth) for name in s.model_fields}
print(json.dumps([name.upper() for name in each]))
"""


@pytest.mark.heavy
def test_the_server_knows_every_setting_that_it_is_given(tmp_path: Path) -> None:
    """A name that was mistyped, or that a release renamed, would be read by nobody."""
    python = ensure_environment(lambda line: None)
    environment = {**os.environ, "ARGILLA_HOME_PATH": str(tmp_path)}
    said = subprocess.run([python, "-c", KNOWN], env=environment, capture_output=True, text=True, check=True)
    known = set(json.loads(said.stdout.splitlines()[-1]))
    for service in ("argilla", "worker"):
        given = {name for name in SERVICES[service]["environment"] if name.startswith("ARGILLA_")}
        assert len(given) == 5
        assert given <= known
