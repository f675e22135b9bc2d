"""Draft with a model, correct with people, export what a trainer accepts.

The Python API has the steps of the command line: `run`, `open` and `export`.

>>> import synth
>>> run = synth.run("recipe.yaml")
>>> run
Run('runs/desk': 98 kept, 2 dropped)
>>> synth.open("runs/desk").row(next(run.drafts())["id"])["status"]
'kept'
>>> synth.export(run, format="messages").files
{'train': 90, 'test': 8}

The functions raise a `synth.errors.SynthError` where the command would exit with an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synth.api import Run, export, run
    from synth.api import open_run as open

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "export", "open", "run"]

_IN_API = {"Run": "Run", "export": "export", "open": "open_run", "run": "run"}


def __dir__() -> list[str]:
    # So that `synth.` completes to the API, not to the imports of this file.
    return __all__


def __getattr__(name: str) -> Any:
    # Imported at first use, so that `synth --help` and `import synth` are fast.
    if name in _IN_API:
        from synth import api

        return getattr(api, _IN_API[name])
    raise AttributeError(f"module 'synth' has no attribute {name!r}")
