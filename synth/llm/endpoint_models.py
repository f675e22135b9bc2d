"""The models that an OpenAI-compatible server offers: asked once, through the openai client."""

from __future__ import annotations

from synth.errors import UnreachableError


async def served_models(base_url: str, api_key: str | None = None) -> list[str]:
    """Their names, in the server's order. Raises `UnreachableError` for none."""
    import openai

    # The client insists on a key, and would take one from the environment; none named, none sent.
    headers: dict[str, str | openai.Omit] = {} if api_key else {"Authorization": openai.Omit()}
    client = openai.AsyncOpenAI(
        base_url=base_url,
        api_key=api_key or "none",
        max_retries=1,
        timeout=10.0,
    )
    try:
        models = [model.id async for model in client.models.list(extra_headers=headers)]
    except (openai.OpenAIError, ValueError) as error:
        raise UnreachableError(
            f"no list of models: {error}",
            where=base_url,
            hint="Is the server up, and does the address end in /v1?",
        ) from None
    finally:
        await client.close()
    if not models:
        raise UnreachableError("offers no model.", where=base_url)
    return models
