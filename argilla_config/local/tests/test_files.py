from __future__ import annotations

import os
from pathlib import Path

import pytest
from argilla_local.files import (
    CREDENTIALS_FILE,
    DataFolderError,
    forget_state,
    load_credentials,
    lock,
    write_private_json,
)


def test_damaged_credentials_say_what_to_do(tmp_path: Path) -> None:
    made = load_credentials(tmp_path)
    assert load_credentials(tmp_path) == made
    file = tmp_path / CREDENTIALS_FILE
    for damaged in (file.read_text()[:-5], "[]", '{"username": "owner"}'):
        file.write_text(damaged)
        with pytest.raises(DataFolderError, match=r"damaged\. Remove it"):
            load_credentials(tmp_path)
    file.unlink()
    assert load_credentials(tmp_path).password != made.password


def test_a_server_forgets_its_own_state_and_no_others(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    forget_state(state, {"pid": 1})
    write_private_json(state, {"pid": 2})
    forget_state(state, {"pid": 1})
    assert state.exists()
    assert os.stat(state).st_mode & 0o077 == 0
    forget_state(state, {"pid": 2})
    assert not state.exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "thesis.tex").write_text("years")
    (tmp_path / CREDENTIALS_FILE).write_text('{"type": "service_account"}')
    with pytest.raises(DataFolderError, match="not the data of an Argilla"), lock(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [CREDENTIALS_FILE, "tmp"]
    assert (tmp_path / "tmp" / "thesis.tex").read_text() == "years"


def test_what_a_killed_first_start_left_is_no_hindrance(tmp_path: Path) -> None:
    load_credentials(tmp_path)
    (tmp_path / "server.log").touch()
    with lock(tmp_path):
        pass
    (tmp_path / "argilla.db").touch()
    (tmp_path / "tmp").mkdir()
    with lock(tmp_path):
        pass


def test_a_folder_is_served_once(tmp_path: Path) -> None:
    refused = pytest.raises(DataFolderError, match="in use by another server")
    with lock(tmp_path), refused, lock(tmp_path):
        pass
    with lock(tmp_path):
        pass
