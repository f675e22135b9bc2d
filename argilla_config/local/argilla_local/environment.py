"""The settings of `argilla-server`, which it reads from the environment when it is first imported."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from argilla_local.files import PAGE_FOLDER, Credentials

SEARCH_ENGINE = "sqlite"


def configure(data: Path, credentials: Credentials) -> None:
    """Sets the variables that the server reads. Call this before anything of the server is imported.

    Settings that the user made for another Argilla (a database, an API key) are removed first.
    """
    for name in [name for name in os.environ if name.startswith("ARGILLA_")]:
        del os.environ[name]
    os.environ |= {
        "ARGILLA_HOME_PATH": str(data),
        "ARGILLA_SEARCH_ENGINE": SEARCH_ENGINE,
        "ARGILLA_AUTH_SECRET_KEY": credentials.secret_key,
        "ARGILLA_AUTH_OAUTH_CFG": str(data / "oauth.yaml"),  # not a file of the current folder
        "ARGILLA_CORS_ORIGINS": "[]",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    temporary = data / PAGE_FOLDER  # the server copies its page to a temporary folder and never removes it
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
