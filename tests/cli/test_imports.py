"""What is imported on the way to the first picture, and for a few lines of help: what is not needed stays out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from engine.system import later_modules, torch_import
from tests.builders.show import ROOT, screen

TELLS = """
import json, os, sys
leave = os._exit
def tell():
    there = {name: type(module).__name__ for name, module in sys.modules.items()}
    with open(OUT, "w") as file:
        json.dump(there, file)
def left(code):
    tell()
    leave(code)
os._exit = left
from engine.cli.main import run
try:
    run()
finally:
    tell()
"""
# What torch, GLFW or a library would bring along, or has brought: seconds on the way to the first picture.
NOT_BEFORE_A_PICTURE = (
    *("torch._dynamo", "torch._inductor", "torch._decomp", "torch._refs", "torch.onnx", "sympy", "networkx", "jinja2"),
    *("cffi", "pycparser", "onnx", "onnxruntime", "openvino", "scipy", "rich", "numpy.testing", "pydoc", "asyncio"),
    *("unittest", "urllib.request", "torch._meta_registrations"),
)
NOT_FOR_HELP = ("numpy", "torch", "moderngl", "glfw", "av", "PIL", "sounddevice", "rtmidi", "mido", "rich", "scipy")


def imported(words: list[str], folder: Path, env: dict[str, str]) -> dict[str, str]:
    """Run ``vj``; return the modules that it has imported by its end, and of what type each is."""
    out = folder / "modules.json"
    program = TELLS.replace("OUT", repr(str(out)))
    homes = {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("STATE", "DATA", "CONFIG")}
    line = [sys.executable, "-c", program, *words]
    done = subprocess.run(line, cwd=ROOT, env=env | homes, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 2), done.stderr
    found: dict[str, str] = json.loads(out.read_text())
    return found


def below(names: tuple[str, ...], modules: dict[str, str]) -> list[str]:
    return [each for each in modules if any(each == name or each.startswith(f"{name}.") for name in names)]


def test_a_rehearsal_shows_its_first_pictures_without_what_it_does_not_need(tmp_path: Path) -> None:
    with screen(tmp_path) as opened:
        words = ["rehearse", "demo", "--mute", "--windowed", "--seconds", "0.05"]
        modules = imported(words, tmp_path, opened.env | {"LIBGL_ALWAYS_SOFTWARE": "1"})
    awake = {name: kind for name, kind in modules.items() if kind != later_modules.Asleep.__name__}
    assert {"torch", "glfw", "numpy"} <= awake.keys()
    early = (*torch_import.EARLY, torch_import.RULES)
    assert not [each for each in below((*NOT_BEFORE_A_PICTURE, *torch_import.LATER), awake) if each not in early]


def test_help_and_vj_alone_import_no_library(tmp_path: Path) -> None:
    for words in (["--version"], ["--help"], []):
        assert not below(NOT_FOR_HELP, imported(words, tmp_path, dict(os.environ)))
