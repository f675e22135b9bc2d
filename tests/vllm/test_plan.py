"""The plan of `synth serve`, and whether models fit: computed without vLLM and without a GPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synth.errors import InputError
from synth.llm.vllm.fit import GIB, USABLE, ModelSize, describe, read_size, share_card
from synth.llm.vllm.plan import ServerPlan, is_open_to_a_network, plan_model, plan_servers
from synth.recipe.load import load_recipe
from synth.recipe.model import Recipe


def recipe(folder: Path, **models: dict[str, Any]) -> Recipe:
    file = folder / "recipe.yaml"
    text = {"name": "plans", "models": models, "sources": {"prompts": "p.jsonl"}, "stages": [{"respond": {}}]}
    file.write_text(json.dumps(text))
    return load_recipe(file)


def endpoint(model: str, *urls: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "base_url": list(urls), **more}


def plans(loaded: Recipe, named: str | None = None, **more: Any) -> list[ServerPlan]:
    keys = more.pop("keys", {})
    return plan_servers(loaded, keys, named, **{"host": None, "port": None, **more})


def test_two_models_get_a_server_each(tmp_path: Path) -> None:
    loaded = recipe(
        tmp_path,
        writer=endpoint("big", "http://localhost:8001/v1"),
        judge=endpoint("small", "http://127.0.0.1:8002/v1"),
    )
    assert [(p.served, p.port, p.url) for p in plans(loaded)] == [
        ("big", 8001, "http://127.0.0.1:8001/v1"),
        ("small", 8002, "http://127.0.0.1:8002/v1"),
    ]
    assert [p.served for p in plans(loaded, "judge")] == ["small"]


def test_one_model_for_both_is_one_server(tmp_path: Path) -> None:
    same = endpoint("big", "http://localhost:8001/v1")
    (plan,) = plans(recipe(tmp_path, writer=same, judge={**same, "sampling": {"temperature": 0}}))
    assert plan.names == ("writer", "judge")


def test_two_models_at_one_address_are_refused(tmp_path: Path) -> None:
    url = "http://localhost:8001/v1"
    with pytest.raises(InputError, match="cannot both be served at port 8001"):
        plans(recipe(tmp_path, writer=endpoint("big", url), judge=endpoint("small", url)))


def test_of_a_pool_only_the_servers_of_this_machine_are_started(tmp_path: Path) -> None:
    loaded = recipe(tmp_path, writer=endpoint("big", "http://gpu-b:8000/v1", "http://[::1]:8003/v1"))
    assert [p.port for p in plans(loaded)] == [8003]


def test_another_machine_s_server_needs_a_host(tmp_path: Path) -> None:
    loaded = recipe(tmp_path, writer=endpoint("big", "http://gpu-a:8005/v1"))
    with pytest.raises(InputError, match="no base_url is on this machine: http://gpu-a:8005/v1"):
        plans(loaded)
    (plan,) = plans(loaded, host="0.0.0.0")
    assert (plan.host, plan.port) == ("0.0.0.0", 8005)
    assert is_open_to_a_network([plan])


def test_without_a_host_it_binds_to_loopback(tmp_path: Path) -> None:
    (plan,) = plans(recipe(tmp_path, writer=endpoint("big", "http://localhost/v1")))
    assert not is_open_to_a_network([plan])
    flags = plan.flags(cpu=False)
    assert flags[flags.index("--host") + 1] == "127.0.0.1"
    assert flags[flags.index("--port") + 1] == "80"


def test_a_model_that_is_no_server_cannot_be_served(tmp_path: Path) -> None:
    loaded = recipe(tmp_path, writer={"provider": "fake"})
    with pytest.raises(InputError, match="nothing to serve"):
        plans(loaded)
    with pytest.raises(InputError, match="'writer' is no model of this recipe with a base_url"):
        plans(loaded, "writer")


def test_the_key_is_in_the_environment_and_nowhere_else(tmp_path: Path) -> None:
    loaded = recipe(tmp_path, writer=endpoint("big", "http://localhost:8001/v1", api_key_env="KEY"))
    (plan,) = plans(loaded, keys={"writer": "sk-secret"})
    assert plan.environment == {"VLLM_API_KEY": "sk-secret"}
    assert "sk-secret" not in repr(plan) + " ".join(plan.flags(cpu=False))


def test_flags_of_the_user_come_last(tmp_path: Path) -> None:
    loaded = recipe(tmp_path, writer=endpoint("big", "http://localhost:8001/v1", context=4096))
    flags = plans(loaded)[0].flags(cpu=False, gpu_share=0.45, extra=["--max-num-seqs", "8"])
    assert flags[-2:] == ["--max-num-seqs", "8"]
    assert flags[flags.index("--gpu-memory-utilization") + 1] == "0.45"
    assert flags[flags.index("--max-model-len") + 1] == "4096"


def test_a_folder_beside_the_recipe_is_loaded_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "tuned").mkdir()
    (plan,) = plans(recipe(tmp_path, writer=endpoint("tuned", "http://localhost:8001/v1")))
    assert (plan.model, plan.served) == (str((tmp_path / "tuned").resolve()), "tuned")
    assert plan_model("owner/name", host=None, port=None).model == "owner/name"


# Qwen3-8B as its config.json has it: 36 layers, 8 key-value heads of 128, bfloat16: 144 KiB a token.
QWEN3_8B = {
    "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "hidden_size": 4096, "torch_dtype": "bfloat16",
}  # fmt: skip


def model_folder(folder: Path, config: dict[str, Any], weights: int) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    for number in range(2):
        with (folder / f"model-{number}.safetensors").open("wb") as file:
            file.truncate(weights // 2)
    return folder


def test_a_size_is_read_from_the_files(tmp_path: Path) -> None:
    size = read_size("q", model_folder(tmp_path / "q", QWEN3_8B, 16 * GIB))
    assert size == ModelSize("q", 16 * GIB, 144 * 1024)
    nested = {"text_config": QWEN3_8B, "vision_config": {}}
    assert read_size("v", model_folder(tmp_path / "v", nested, 2 * GIB)) == ModelSize("v", 2 * GIB, 147456)


@pytest.mark.parametrize("config", [{}, {"num_hidden_layers": 3}])
def test_a_size_that_nothing_tells_is_unknown(tmp_path: Path, config: dict[str, Any]) -> None:
    assert read_size("x", model_folder(tmp_path / "x", config, GIB)) is None
    assert read_size("x", tmp_path / "nowhere") is None


WRITER, JUDGE = ModelSize("writer-8b", 16 * GIB, 147456), ModelSize("judge-14b", 28 * GIB, 163840)


def test_models_that_fit_share_the_card() -> None:
    shares = share_card([WRITER, JUDGE], 80 * GIB)
    assert shares is not None
    assert sum(shares) <= USABLE
    for size, share in zip([WRITER, JUDGE], shares, strict=True):
        assert share * 80 * GIB >= size.needs()
    assert "they fit" in describe([WRITER, JUDGE], 80 * GIB)


def test_models_that_do_not_fit_are_said_so_with_the_sums() -> None:
    assert share_card([WRITER, JUDGE], 48 * GIB) is None
    words = describe([WRITER, JUDGE], 48 * GIB)
    assert words.endswith("they do not fit.")
    assert "16.0 GiB of weights, 4.5 GiB for 32,768 tokens" in words
    assert share_card([WRITER], 48 * GIB) == [USABLE]
