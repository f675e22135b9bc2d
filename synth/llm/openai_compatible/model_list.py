"""The models that an OpenAI-compatible server offers: asked once, as a run would ask."""

from __future__ import annotations

import orjson

from synth.errors import UnreachableError
from synth.http import ConnectionFailed
from synth.llm.openai_compatible.pool import hint_of
from synth.llm.openai_compatible.retry import judge
from synth.llm.openai_compatible.transport import Transport

# More than it takes until a connection counts as failed.
_SECONDS = 12.0


async def served_models(base_url: str, api_key: str | None = None) -> list[str]:
    """Their names, in the server's order. Raises `UnreachableError` for none, `InputError` for an address or
    a key that cannot be one."""
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
    """The names in a list of models; none where it is no such list, which not every server has."""
    try:
        return [str(model["id"]) for model in orjson.loads(raw)["data"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return []


def _no_list(transport: Transport, words: str, hint: str) -> UnreachableError:
    return UnreachableError(f"no list of models: {words.rstrip('.')}.", where=transport.label, hint=hint)


def _hint(status: int, api_key: str | None) -> str:
    """What to do about a status, for somebody who tries a new address."""
    if status in (401, 403) and api_key is None:
        return "This server needs a key: name the variable that holds it (`api_key_env` in a recipe)."
    if status >= 500 or status == 429:
        return "Try again later."
    return hint_of([status]) or "Does the address end in /v1?"
