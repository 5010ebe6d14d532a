"""Dependencies point one way: the table below is the law, in rows of folders.

Imports are read from the source; those inside functions and under TYPE_CHECKING count as well.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ANY = frozenset({"*"})


@dataclass(frozen=True)
class Layer:
    """The folders of the engine that a folder may import, and the third parties."""

    folders: frozenset[str]
    others: frozenset[str]


def layer(folders: str, others: str) -> Layer:
    return Layer(frozenset(folders.split()), frozenset(others.split()))


# The law, a row a folder: what a folder may import of the engine, and of third parties. The longest folder that a
# module lies in is its row.
PARTS = "engine.borders engine.system"
LAYERS = {
    "engine.borders": layer("engine.borders", "numpy torch moderngl"),  # the last two as types of frame and picture
    "engine.system": layer("engine.system engine.borders", "platformdirs psutil pynvml"),
    "engine.audio": layer(f"engine.audio {PARTS}", "numpy aubio av sounddevice"),
    "engine.control": layer(f"engine.control {PARTS}", "numpy rtmidi pylibremidi link"),
    "engine.latent": layer(f"engine.latent {PARTS}", "numpy"),
    "engine.generator": layer(
        f"engine.generator {PARTS}", "numpy torch safetensors onnx onnxruntime openvino platformdirs psutil PIL"
    ),
    "engine.stage": layer(f"engine.stage {PARTS}", "numpy torch cuda moderngl glfw glcontext PIL av"),
    "engine.gesture": layer(f"engine.gesture {PARTS} engine.audio engine.control engine.latent", "numpy"),
    "engine.show": layer(
        f"engine.show {PARTS} engine.audio engine.control engine.latent engine.generator engine.stage engine.gesture",
        "numpy torch",
    ),
    "engine.rig": layer(f"engine.show {PARTS}", ""),
    "engine.loop": layer("engine.rig engine.borders", ""),
    "engine.cli": layer("*", "*"),
    "engine.bench": layer("*", "*"),
    "engine": layer("engine.cli", ""),
}


def layer_of(module: str) -> str:
    return max((name for name in LAYERS if f"{module}.".startswith(f"{name}.")), key=len)


def module_name(path: Path, root: Path = ROOT) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / "engine").rglob("*.py"))}


def imports(module: str, source: str, known: set[str], is_package: bool = False) -> Iterator[str]:
    """Yield the dotted name of everything ``module`` imports; of the engine, the module it comes from."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            for alias in node.names:  # `from engine.audio import song` is engine.audio.songs.song
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base


def violations(module: str, imported: set[str]) -> list[str]:
    row, wrong = LAYERS[layer_of(module)], []
    for name in sorted(imported):
        package = name.partition(".")[0]
        if name == "engine":  # the package itself: its version
            continue
        if package == "engine":
            if row.folders != ANY and layer_of(name) not in row.folders:
                wrong.append(f"{module} ({layer_of(module)}) imports {name} ({layer_of(name)})")
        elif package in {"tools", "tests"}:
            wrong.append(f"{module} imports {name}: the engine knows neither tools nor tests")
        elif package not in sys.stdlib_module_names and row.others != ANY and package not in row.others:
            wrong.append(f"{module} ({layer_of(module)}) imports {name}")
    return wrong


def imported_by(module: str) -> set[str]:
    path = MODULES[module]
    source = path.read_text(encoding="utf-8")
    return set(imports(module, source, set(MODULES), path.name == "__init__.py"))


@pytest.mark.parametrize("module", MODULES)
def test_imports_follow_the_table(module):
    assert violations(module, imported_by(module)) == []


def test_only_commands_and_the_loop_know_the_rig():
    knowing = {layer_of(name) for name in MODULES if "engine.rig" in imported_by(name)}
    assert knowing <= {"engine.loop", "engine.cli", "engine.bench"}


@pytest.mark.parametrize(
    ("module", "source", "right"),
    [
        ("engine.latent.path", "import numpy as np\nfrom engine.borders.tick import Tick", True),
        ("engine.latent.path", "import torch", False),
        ("engine.latent.path", "def f():\n    from engine.generator.networks import layers", False),
        ("engine.control.presets.preset", "from ...audio import songs", False),
        ("engine.control.presets.preset", "from . import reader", True),
        ("engine.control.hands.midi", "import rtmidi", True),
        ("engine.borders.features", "import aubio", False),
        ("engine.stage.windows.window", "from engine.generator import player", False),
        ("engine.stage.desktop.overlay", "from engine.borders.features import AudioFeatures", True),
        ("engine.stage.windows.window", "import engine.audio.songs.song", False),
        ("engine.show.picture", "import engine.stage.passes.compositor, engine.generator.player", True),
        ("engine.show.picture", "import engine.rig", False),
        ("engine.loop", "import torch", False),
        ("engine.rig", "import engine.stage.windows.window", False),
        ("engine.cli.live", "import tools.song", False),
    ],
)
def test_the_check_itself(module, source, right):
    known = {"engine.audio.songs.song", "engine.borders.params", "engine.generator.player", module}
    assert (violations(module, set(imports(module, source, known))) == []) is right


def unchecked(names: list[str], source: str) -> list[str]:
    """Return what ``source`` imports or uses of modules that mypy does not follow, such as ``torch.fx.*``."""
    words = "|".join(re.escape(name.removesuffix(".*")) for name in names)
    return re.findall(rf"""(?<![\w.'"`#])(?:{words})\b""", source)


def test_what_mypy_does_not_follow_is_used_nowhere() -> None:
    checks = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    names = [name for row in checks["overrides"] if row.get("follow_imports") == "skip" for name in row["module"]]
    assert unchecked(names, "import torch.fx as fx\nx = torch.ao.nn") == ["torch.fx", "torch.ao"]
    files = [file for folder in checks["files"] for file in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 500
    assert {str(file): found for file in files if (found := unchecked(names, file.read_text(encoding="utf-8")))} == {}
