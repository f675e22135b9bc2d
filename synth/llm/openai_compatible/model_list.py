"""Lists the models of an OpenAI-compatible server, with the same client as a run."""

from __future__ import annotations

import orjson

from synth.errors import UnreachableError
from synth.http import ConnectionFailed
from synth.llm.openai_compatible.pool import hint_of
from synth.llm.openai_compatible.retry import judge
from synth.llm.openai_compatible.transport import Transport

# Seconds; longer than the timeout of a connection.
_SECONDS = 12.0


async def served_models(base_url: str, api_key: str | None = None) -> list[str]:
    """The models' names, in the server's order. Raises `UnreachableError` if there are none, and
    `InputError` for an invalid address or key.
    """
    transport = Transport(base_url, api_key)
    await transport.open()
    try:
        status, headers, raw = await transport.models(_SECONDS)
    except ConnectionFailed as error:
        raise _no_list(transport, error.words, "Is the server up, and is this its address?") from None
    finally:
        await transport.close()
    if status != 200:
        words = transport.without_key(judge(status, headers, raw, answered_before=False).words)
        raise _no_list(transport, words, _hint(status, api_key))
    models = model_names(raw)
    if not models:
        raise UnreachableError("offers no model.", where=transport.label, hint=_hint(status, api_key))
    return models


def model_names(raw: bytes) -> list[str]:
    """The names in a list of models. Empty if it is not such a list, which not every server has."""
    try:
        return [str(model["id"]) for model in orjson.loads(raw)["data"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return []


def _no_list(transport: Transport, words: str, hint: str) -> UnreachableError:
    return UnreachableError(
        f"does not list its models: {words.rstrip('.')}.", where=transport.label, hint=hint
    )


def _hint(status: int, api_key: str | None) -> str:
    """A hint for an HTTP status, when a new address is tried."""
    if status in (401, 403) and api_key is None:
        return (
            "This server needs a key: name the environment variable that has it (`api_key_env` in a recipe)."
        )
    if status >= 500 or status == 429:
        return "Try again later."
    return hint_of([status]) or "Does the address end in /v1?"
