"""Adapts OpenVINO GenAI: loads it without telemetry, and maps the sampling parameters of other servers to
it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from synth.errors import UnreachableError
from synth.hints import pip_install
from synth.llm.base import Json

if TYPE_CHECKING:
    import openvino_genai

# The allowed keys of a request's `sampling`, besides `stop`. The library uses the same names.
SAMPLING = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
    }
)

Properties = Mapping[str, str]

# Three things make a reply depend on the rest of the batch: sums in bfloat16 (the default on CPUs with such
# instructions), an 8-bit key-value cache, and quantisation of activations by group. One hint turns all three
# off in the way that fits the CPU; CPUs with bf16 refuse an f32 cache without it. The single names are for
# versions of the library that interpret the hint differently.
_BATCH_INVARIANT: tuple[Properties, ...] = (
    {"EXECUTION_MODE_HINT": "ACCURACY"},
    {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"},
)
_FASTEST: Properties = {}

# The architectures that the library can read from GGUF files (Llama, SmolLM and Qwen models).
_READABLE = frozenset({"llama", "qwen2", "qwen3"})

# The grammar of a string with length bounds has one state per length, and takes minutes to compile. So the
# bounds are removed from the schema, and the caller checks them in the answer.
_LENGTHS = frozenset({"minLength", "maxLength"})
_COUNTED = re.compile(r"\{\d")
# `[11:12:14] /build/path/json_schema_converter.cc:898: `, and the like.
_SOURCE = re.compile(r"^.*\.(?:cc|cpp|hpp|h):\d+: *")
# The values of these keys map user-defined names to schemas, or are plain values instead of schemas.
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_VALUES = frozenset({"enum", "const", "default", "examples"})


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Hides OpenVINO's telemetry package, which reports each import over the network and stores an id in the
    home folder.

    OpenVINO uses its own stub if the package is missing.
    """
    name = "openvino_telemetry"
    before = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before


def import_genai() -> Any:
    """The module `openvino_genai`. Raises `UnreachableError` if it is not installed or cannot be loaded."""
    try:
        with _without_telemetry():
            import openvino_genai
    except ImportError as error:
        raise UnreachableError(
            f"the embedded model needs OpenVINO GenAI, which does not load: {error}.",
            hint=f"Install it: `{pip_install('openvino-genai')}`.",
        ) from None
    return openvino_genai


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded model, its properties, and a note for the user about them."""

    pipeline: openvino_genai.ContinuousBatchingPipeline
    properties: Properties
    note: str | None = None


def properties_for(*, batch_invariant: bool) -> tuple[Properties, ...]:
    """Sets of properties for this CPU, best first. The last one is the library's default.

    Names that this version of the library does not support on this CPU are left out.
    """
    if not batch_invariant:
        return (_FASTEST,)
    import_genai()  # imports `openvino`, without its telemetry
    from openvino import Core

    supported = Core().get_property("CPU", "SUPPORTED_PROPERTIES")
    usable = [{name: value for name, value in one.items() if name in supported} for one in _BATCH_INVARIANT]
    return (*filter(None, usable), _FASTEST)


def load_pipeline(
    file: Path, architecture: str, *, cache_gib: int, sequences: int, properties: Sequence[Properties]
) -> Loaded:
    """Loads a GGUF file for the CPU with the first of `properties` that the library accepts.

    `Loaded.note` reports if it was not the first one. Raises `UnreachableError` with the library's message if
    it accepts none. The library enforces `sequences` in only one of its two schedulers, and not in this one,
    so the caller must limit the number of requests.
    """
    genai = import_genai()
    scheduler = genai.SchedulerConfig()
    scheduler.cache_size = cache_gib
    scheduler.max_num_seqs = sequences
    scheduler.enable_prefix_caching = True
    refusals: list[str] = []
    for chosen in properties:
        try:
            pipeline = genai.ContinuousBatchingPipeline(str(file), scheduler, "CPU", dict(chosen))
        except (RuntimeError, IndexError, ValueError) as error:
            # The Python errors of C++ exceptions. A file without the required keys raises IndexError.
            refusals.append(last_line(error))
            continue
        if not pipeline.get_tokenizer().chat_template:
            raise UnreachableError(
                "this model has no chat template, so it cannot be asked.",
                where=str(file),
                hint="Name the instruction-tuned version of the model.",
            )
        return Loaded(pipeline, chosen, _fallback_note(chosen, refusals) if refusals else None)
    raise UnreachableError(
        f"OpenVINO cannot load this model, of the architecture {architecture!r}: {refusals[0]}",
        where=str(file),
        hint="Is the file damaged? If not, upgrade OpenVINO: it may not support this CPU. Or use an endpoint."
        if architecture in _READABLE
        else "It reads GGUF files of the Llama, SmolLM and Qwen families; for others, use an endpoint.",
    )


def _fallback_note(chosen: Properties, refusals: Sequence[str]) -> str:
    note = f"the embedded model runs with {dict(chosen) or 'the defaults of OpenVINO'}: {refusals[0]}"
    if chosen == _FASTEST:
        note += " Its replies can depend on which other requests it answers at the same time."
    return note


def generation_config(wanted: Json, most: int) -> openvino_genai.GenerationConfig:
    """Maps `wanted` (sampling, seed, schema, logprobs) to the library's configuration, for at most `most`
    tokens.

    Raises `RuntimeError` for values outside the library's range.
    """
    genai = import_genai()
    config = genai.GenerationConfig()
    config.apply_chat_template = False
    config.max_new_tokens = most
    config.logprobs = min(wanted["logprobs"], 1)
    sampling: Mapping[str, Any] = wanted["sampling"]
    config.do_sample = sampling.get("temperature", 1.0) > 0
    if config.do_sample:
        config.rng_seed = wanted["seed"]
    for name in SAMPLING & sampling.keys():
        # A temperature of 0 means no sampling, and servers treat top_k below 1 as no bound.
        if not (name in ("temperature", "top_k") and sampling[name] <= 0):
            setattr(config, name, sampling[name])
    if stop := sampling.get("stop"):
        config.stop_strings = {stop} if isinstance(stop, str) else set(stop)
    if wanted["schema"] is not None:
        config.structured_output_config = genai.StructuredOutputConfig(
            json_schema=orjson.dumps(without_bounds(wanted["schema"])).decode()
        )
    return config


def without_bounds(schema: Any) -> Any:
    """The JSON schema without bounds on the lengths of strings, which make its grammar explode."""
    if isinstance(schema, list):
        return [without_bounds(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept: Json = {}
    for key, value in schema.items():
        if key in _LENGTHS or (key == "pattern" and _COUNTED.search(str(value))):
            continue
        if key in _NAMED and isinstance(value, dict):
            kept[key] = {name: without_bounds(part) for name, part in value.items()}
        else:
            kept[key] = value if key in _VALUES else without_bounds(value)
    return kept


def last_line(error: Exception) -> str:
    """The message of the library's exception, without its checks, sources and build paths."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return _SOURCE.sub("", lines[-1]) if lines else type(error).__name__
