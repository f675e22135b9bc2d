"""A search engine for Argilla's server that finds nothing, for tests that do not need search."""

from __future__ import annotations

from typing import Any

from argilla_server.search_engine import SearchEngine


async def nothing(*_: Any, **__: Any) -> None:
    """There is no index to change."""


async def there(*_: Any) -> bool:
    return True


async def new_instance(cls: Any) -> Any:
    return cls()


methods: dict[str, Any] = dict.fromkeys(SearchEngine.__abstractmethods__, nothing)
methods |= {"new_instance": classmethod(new_instance), "ping": there}
SearchEngine.register("no_search")(type("NoSearch", (SearchEngine,), methods))
