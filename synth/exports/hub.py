"""Sends a finished export to the Hugging Face hub, file by file as it is.

`Dataset.push_to_hub` would write Parquet of its own and a card of its own: then the checksums of the manifest
would be those of other files, and what was checked would not be what others load. The client that it uploads
with sends the folder instead; `datasets.load_dataset` reads it there by the `configs` of the card.
"""

from __future__ import annotations

from pathlib import Path

from synth.errors import InputError, SynthError, UnreachableError


def push_to_hub(folder: Path, name: str, *, private: bool) -> str:
    """Makes the dataset `name` (`USER/NAME`), or replaces what a push put there before; its address.

    The token is that of `hf auth login` or HF_TOKEN, and goes to the hub alone.
    Raises `InputError` for a name or a token that the hub does not take, `UnreachableError` where it cannot
    be reached or has a fault.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    # What the library that it speaks HTTP with raises: httpx or httpx2, by release.
    http_error: type[Exception] = HfHubHTTPError.__bases__[0]
    hub = HfApi()
    try:
        repository = hub.create_repo(name, repo_type="dataset", private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=repository.repo_id,
            repo_type="dataset",
            folder_path=folder,
            commit_message="Export of synth",
            delete_patterns=["*"],
        )
    except HFValidationError as error:
        raise InputError(f"is no name of a dataset: {error}", where=f"--push-to-hub {name}") from None
    except LocalTokenNotFoundError:
        raise InputError(
            "needs a token.", where=f"--push-to-hub {name}", hint="Type `hf auth login`, or set HF_TOKEN."
        ) from None
    except HfHubHTTPError as error:
        raise _refused(error.response.status_code, name, hub.endpoint) from None
    except http_error as error:
        raise UnreachableError(
            f"cannot be reached: {error}.", where=hub.endpoint, hint="The export is in place; push it again."
        ) from None
    return str(repository)


def _refused(status: int, name: str, endpoint: str) -> SynthError:
    if status in (401, 403):
        return InputError(
            f"the hub does not let this token write there ({status}).",
            where=f"--push-to-hub {name}",
            hint="Log in with `hf auth login` and a token that may write.",
        )
    if 400 <= status < 500:
        return InputError(f"the hub refuses it ({status}).", where=f"--push-to-hub {name}")
    return UnreachableError(
        f"answers with a fault ({status}).", where=endpoint, hint="The export is in place; push it again."
    )
