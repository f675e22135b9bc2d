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


def test_a_folder_is_served_once(tmp_path: Path) -> None:
    refused = pytest.raises(DataFolderError, match="in use by another server")
    with lock(tmp_path), refused, lock(tmp_path):
        pass
    with lock(tmp_path):
        pass
