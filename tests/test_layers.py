"""Dependencies point one way (design, section 2): the table below is the rule.

Imports are read from the source; those inside functions and under TYPE_CHECKING count as well.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ANY = frozenset({"*"})


@dataclass(frozen=True)
class Layer:
    """Modules, the layers of the engine they may import, and the third parties they may import."""

    modules: tuple[str, ...]
    layers: frozenset[str]
    others: frozenset[str]


def layer(modules: str, layers: str, others: str = "") -> Layer:
    return Layer(tuple(modules.split()), frozenset(layers.split()), frozenset(others.split()))


# The first row whose pattern fits a module is its layer.
LAYERS = {
    # The rig, and what opens it with live devices.
    "top": layer(
        "engine.rig engine.show.opening engine.show.open_inputs engine.cli.live engine.gesture.players engine.cli.soundcheck engine.__main__"
        " engine.cli.devices",
        "*",
        "*",
    ),
    "loop": layer("engine.loop", "core hearing top command"),  # a Rig is all it knows
    "hearing": layer(
        "engine.audio engine.borders.features engine.audio.hearing.spectrum engine.audio.hearing.onset_network engine.audio.hearing.onset"
        " engine.audio.hearing.rhythm engine.audio.hearing.tempo engine.audio.hearing.analyser",
        "core hearing",
        "numpy aubio",
    ),
    "hands": layer(
        "engine.control.hands.midi engine.control.hands.midi_ports engine.control.hands.osc", "core", "numpy rtmidi pythonosc"
    ),
    "core": layer(
        "engine engine.show.clock engine.borders.errors engine.borders.faults engine.system.files engine.borders.contracts engine.system.quiet engine.system.resources"
        " engine.control engine.control.* engine.latent engine.latent.*",
        "core hearing",
        "numpy",
    ),
    "ears": layer("engine.audio.*", "core hearing ears", "numpy aubio av pyaudio rich PIL"),
    "generator": layer(
        "engine.generator engine.generator.*",
        "core generator",
        "numpy torch safetensors onnx openvino platformdirs psutil rich PIL",  # PIL: a kept point has a thumbnail
    ),
    "stage": layer(
        "engine.stage engine.stage.*",
        "core hearing stage",
        "numpy torch cuda moderngl glfw glcontext PIL av psutil pynvml rich platformdirs",
    ),
    # The commands beside the loop (bench, image, analyze, ...). They reach the edges through the rig:
    # test_only_the_rig_knows_two_edges holds them to at most one edge of their own.
    "command": layer("engine.*", "*", "*"),
}
EDGES = {"hands", "ears", "generator", "stage"}


def layer_of(module: str) -> str:
    return next(name for name, row in LAYERS.items() if any(fnmatchcase(module, p) for p in row.modules))


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
        if package == "engine":
            if row.layers != ANY and layer_of(name) not in row.layers:
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


@pytest.mark.parametrize("module", [name for name in MODULES if layer_of(name) != "top"])
def test_only_the_rig_knows_two_edges(module):
    touched = {layer_of(name) for name in imported_by(module) if name.startswith("engine")} & EDGES
    assert len(touched - {layer_of(module)}) <= 1, f"{module} joins {sorted(touched)}: let engine.rig do it"


def test_only_the_loop_and_the_commands_know_the_rig():
    knowing = {name for name in MODULES if "engine.rig" in imported_by(name)}
    assert {layer_of(name) for name in knowing} <= {"top", "loop", "command"}


@pytest.mark.parametrize(
    ("module", "source", "right"),
    [
        ("engine.latent.path", "import numpy as np\nfrom engine.show.clock import Tick", True),
        ("engine.latent.path", "import torch", False),
        ("engine.latent.path", "def f():\n    from engine.generator.networks.stylegan2 import Generator", False),
        ("engine.control.presets.preset", "from ..audio import song", False),
        ("engine.control.presets.preset", "from . import params", True),
        ("engine.control.hands.midi", "import rtmidi", True),
        ("engine.control.routing.routing", "import rtmidi", False),
        ("engine.borders.features", "import aubio", True),
        ("engine.show.clock", "import aubio", False),
        ("engine.stage.windows.window", "from engine.generator import runtime", False),
        ("engine.stage.desktop.overlay", "from engine.borders.features import AudioFeatures", True),
        ("engine.stage.windows.window", "import engine.audio.songs.song", False),
        ("engine.loop", "import torch", False),
        ("engine.rig", "import torch, engine.stage.windows.window, engine.audio.songs.song", True),
        ("engine.rig", "import tools.song", False),
    ],
)
def test_the_check_itself(module, source, right):
    known = {"engine.audio.songs.song", "engine.borders.params", "engine.generator.player", module}
    assert (violations(module, set(imports(module, source, known))) == []) is right
