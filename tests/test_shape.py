"""The shape of the code: directions of imports, the speed of `--help`, the length of modules."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "synth"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {
    "aiohttp",
    "argilla",
    "datasets",
    "numpy",
    "openai",
    "openvino_genai",
    "pandas",
    "pyarrow",
    "pyreqwest",
    "vllm",
    "wordllama",
}

# Who may not import whom; everything may use recipe, row and errors.
FORBIDDEN = {
    "synth/stages": (
        "synth.store", "synth.pipeline", "synth.cli", "synth.api",
        "synth.llm.fake", "synth.llm.embedded", "synth.llm.openai_compatible", "synth.llm.vllm",
    ),
    "synth/llm": ("synth.store", "synth.pipeline", "synth.stages", "synth.cli", "synth.api"),
    "synth/store": ("synth.pipeline", "synth.stages", "synth.cli", "synth.api"),
    "synth/text": ("synth.store", "synth.pipeline", "synth.stages", "synth.api", "synth.llm", "synth.row"),
    "synth/checks": ("synth.store", "synth.pipeline", "synth.stages", "synth.cli", "synth.api"),
    "synth/documents": ("synth.store", "synth.pipeline", "synth.stages", "synth.api", "synth.row"),
    "synth/redaction": ("synth.store", "synth.pipeline", "synth.stages", "synth.cli", "synth.api"),
    "synth/pipeline": ("synth.cli", "synth.api"),
}  # fmt: skip


def imports_of(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def runs_first(module: Path) -> set[str]:
    """The modules that run before this one's first line of its own: what it imports at its top level."""
    found: set[str] = set()
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            steps = name.split(".")
            found |= {".".join(steps[:n]) for n in range(1, len(steps) + 1)}
    return found


def name_of(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def loaded_by(*arguments: str) -> set[str]:
    code = f"import sys; sys.argv = {['synth', *arguments]!r}\nfrom synth.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_help_loads_nothing_heavy() -> None:
    assert not loaded_by("--help") & HEAVY


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_go_one_way(folder: str) -> None:
    for module in (ROOT / folder).rglob("*.py"):
        for imported in imports_of(module):
            assert not imported.startswith(FORBIDDEN[folder]), (
                f"{module.relative_to(ROOT)} imports {imported}"
            )


def test_no_import_goes_in_a_circle() -> None:
    known = {name_of(module) for module in MODULES}
    graph = {}
    for module in MODULES:
        name = name_of(module)
        # A module's own packages run before it whatever it says.
        graph[name] = {m for m in runs_first(module) & known if not f"{name}.".startswith(f"{m}.")}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_module_fits_in_the_head(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 420
    assert not any(isinstance(node, ast.Global) for node in ast.walk(ast.parse(module.read_text())))


def test_a_class_name_means_one_thing() -> None:
    defined: dict[str, list[str]] = {}
    for module in MODULES:
        for node in ast.parse(module.read_text()).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if isinstance(node, ast.ClassDef):
                names = [node.name]
            # Aliases of types are written as classes are; constants are all capitals.
            for name in (name for name in names if name[0].isupper() and not name.isupper()):
                defined.setdefault(name, []).append(str(module.relative_to(PACKAGE)))
    assert {name: places for name, places in defined.items() if len(places) > 1} == {}


def test_a_verb_names_its_options_module_class_and_prompts() -> None:
    from synth.stages.registry import STAGES

    for kind in STAGES.names:
        plugin = STAGES.find(kind)
        name = plugin.load().__name__
        assert name.lower() == kind.replace("_", "")
        assert plugin.options.__name__ == f"{name}Options"
        assert plugin.options.__module__ == f"synth.stages.{kind}.options"
        assert plugin.place == f"synth.stages.{kind}.stage:{name}"
    assert {folder.name for folder in (ROOT / "prompts").iterdir()} <= set(STAGES.names)


def test_every_prompt_is_valid() -> None:
    from synth.prompts import read_prompt

    prompts = list((ROOT / "prompts").rglob("*.md"))
    assert prompts
    for prompt in prompts:
        assert read_prompt(prompt, prompt.stem).source


def test_text_leaves_at_one_place() -> None:
    """What prints goes past the escapes of `synth/cli/console.py`."""
    for module in MODULES:
        calls = [node.func for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)]
        printing = {ast.unparse(call) for call in calls} & {"print", "typer.echo", "traceback.print_exc"}
        # `python -m synth.llm.embedded.download` prints the path of the model, for the Makefile.
        if module.relative_to(PACKAGE).as_posix() not in ("cli/console.py", "llm/embedded/download.py"):
            assert not printing, module
