"""Uploads a finished export to the Hugging Face hub, file by file, unchanged.

`Dataset.push_to_hub` would write new Parquet files and a new card: the manifest's checksums would no longer
match, and users would load other files than the checked ones. So `HfApi` uploads the folder itself.
`datasets.load_dataset` reads it by the card's `configs`.
"""

from __future__ import annotations

from pathlib import Path

from synth.errors import InputError, SynthError, UnreachableError


def push_to_hub(folder: Path, name: str, *, private: bool) -> str:
    """Creates the dataset `name` (`USER/NAME`) or replaces its files. Returns its URL.

    The token comes from `hf auth login` or HF_TOKEN, and is sent only to the hub.
    Raises `InputError` if the hub refuses the name or the token, and `UnreachableError` if the hub cannot be
    reached or has a fault.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    # The base error of the hub client's HTTP library: httpx or httpx2, depending on the release.
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
        raise InputError(f"is not a valid dataset name: {error}", where=f"--push-to-hub {name}") from None
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
