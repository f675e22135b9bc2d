"""One vLLM server for all tests: it takes a minute to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import Served, require_vllm


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Up, and up again after a test has killed it."""
    require_vllm()
    server = Served(tmp_path_factory.mktemp("served"))
    server.start()
    yield server
    if server.is_running:
        assert server.stop() == (130, "vLLM is stopped.")
