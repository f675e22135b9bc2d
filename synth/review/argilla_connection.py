"""A connection to an Argilla server: the Argilla client for datasets, and the HTTP API for records.

The client's methods for records hide what a review needs: when an answer was saved, which record of a batch
was refused, and whether a list was read completely.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synth.errors import InputError, UnreachableError
from synth.hints import pip_install
from synth.llm.base import Json
from synth.recipe.api_keys import check_address, check_key, shown_variable
from synth.review import local_argilla as local
from synth.review.argilla_api import ArgillaApi, does_not_answer

if TYPE_CHECKING:
    import argilla as rg

_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """The address of an Argilla server, and an API key."""

    url: str
    api_key: str


def find_server(url: str | None, api_key_env: str | None) -> Server:
    """The server named on the command line, or the running local one.

    Raises `InputError` if only one of the two options is set, and `UnreachableError` if no server is running.
    """
    if url is None:
        if api_key_env is not None:
            raise InputError("--api-key-env needs --url.", hint="Without both, the local Argilla is used.")
        running = local.find()
        return Server(running.url, running.api_key)
    if api_key_env is None:
        raise InputError(
            "--url needs --api-key-env: the name of the variable that holds your key.",
            hint="You find the key on Argilla's page, below your name, Settings.",
        )
    key = os.environ.get(api_key_env)
    if not key:
        shown = shown_variable(api_key_env)
        raise UnreachableError(f"the variable {shown} is not set.", hint=f"export {shown}=...")
    try:
        check_address(url)
    except ValueError as error:
        raise InputError(f"the address {error}.", where="--url") from None
    try:
        check_key(key)
    except ValueError as error:
        raise InputError(f"the key in {api_key_env} {error}", where="--api-key-env") from None
    return Server(url.rstrip("/"), key)


class Connection:
    """A connection to one Argilla server. Raises `UnreachableError` if it does not answer or refuses the
    key.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._rg = _argilla()
        try:
            with warnings.catch_warnings():
                # The client warns about versions and about its own deprecated code. A reviewer cannot act on
                # either.
                warnings.simplefilter("ignore")
                self.client: rg.Argilla = self._rg.Argilla(
                    api_url=server.url, api_key=server.api_key, timeout=_TIMEOUT_SECONDS, retries=2
                )
        except Exception as error:
            raise does_not_answer(str(error) or type(error).__name__, server.url) from error
        self._api = ArgillaApi(server, _TIMEOUT_SECONDS)

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Json:
        """The JSON response to `method path`. Raises `Refusal` or `UnreachableError`."""
        return self._api.call(method, path, body, **params)

    def close(self) -> None:
        """May be called twice."""
        self._api.close()
        self.client.http_client.close()


def _argilla() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import argilla
    except ImportError as error:
        raise InputError(
            f"Argilla's client is not installed ({error.name} is missing).",
            hint=f"Type `{pip_install('argilla', 'requests')}`. Or review through a file: --backend file.",
        ) from error
    return argilla
