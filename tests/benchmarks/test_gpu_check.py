"""The script for a GPU is run where a GPU can be had, which is seldom: here all of it is tried on a CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu_check.__main__ import run as run_step
from benchmarks.gpu_check.__main__ import show
from benchmarks.gpu_check.bounds import misses
from benchmarks.gpu_check.report import Report
from benchmarks.gpu_check.step import perform
from benchmarks.gpu_check.steps import NO_GPU, STEPS, Step, chosen
from tests.parts import need

ROOT = Path(__file__).resolve().parents[2]
# What the engine and the tools can import, but a machine with a GPU and the carried wheels has not got.
ABSENT = "aubio av glfw pyaudio rtmidi pythonosc openvino mido mir_eval onnx tensorrt rich psutil pynvml safetensors"
WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {absent!r}.split() else super().find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""


def run_dry(out: Path) -> subprocess.CompletedProcess[str]:
    absent = out / "absent"
    absent.mkdir()
    (absent / "sitecustomize.py").write_text(WITHOUT.format(absent=ABSENT))
    env = {k: v for k, v in os.environ.items() if k not in ("STEPS", "LIMIT")}
    env |= {"OUT": str(out), "PYTHON": sys.executable, "PYTHONPATH": str(absent), "DRY": "1"}
    command = ["bash", str(ROOT / "benchmarks" / "gpu_check" / "run.sh")]
    return subprocess.run(command, cwd=out, env=env, capture_output=True, text=True, timeout=500)


def results(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_every_step_runs_dry_without_an_error(tmp_path):
    need("EGL")
    ended = run_dry(tmp_path)
    lines = results(tmp_path)
    assert [line for line in lines if "error" in line] == []
    assert [line["step"] for line in lines if "done" in line] == [step.name for step in STEPS] + ["tests"]
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "carry: wheels of platformdirs, moderngl, glcontext; of cuda-core" in ended.stdout


def test_a_step_that_takes_too_long_is_killed_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.gpu_check.step.DRY", True)
    assert run_step(STEPS[1], tmp_path, 0.05) == 1
    assert run_step(STEPS[2], tmp_path, 0.0) == 1
    assert results(tmp_path) == [
        {"step": "truth", "error": "killed after 0.05 s"},
        {"step": "texture", "error": "not begun: the time is up"},
    ]


def test_what_a_step_raises_is_a_line(tmp_path):
    assert perform(Step("nothing", "environment", 1.0), tmp_path) == (NO_GPU if not torch.cuda.is_available() else 1)
    report = Report("some", tmp_path)
    report.tell(snr_db=12.0)
    assert results(tmp_path)[-1]["missed"] == ["snr_db is 12.0, wanted >= 40"]
    assert show((tmp_path / "results.jsonl").read_text().splitlines()) == 1


def test_an_unknown_step_is_named():
    assert [step.seconds for step in chosen(["truth:5", "warps"])] == [5.0, 60]
    assert chosen([]) == list(STEPS)
    with pytest.raises(KeyError, match="no step 'sped': choose among environment, truth, "):
        chosen(["sped"])


def test_bounds():
    assert misses({"snr_db": 55.0, "host_ms": 0.2, "captures_by_knobs": 0, "anything": "else"}) == []
    assert misses({"snr_db": 39.0}) == ["snr_db is 39.0, wanted >= 40"]
    assert misses({"finite_at_psi_2": False}) == ["finite_at_psi_2 is False, wanted >= 1"]
    assert misses({"size": 256, "ratio_to_fp32_reference": 1.0}) == []
    assert misses({"size": 1024, "ratio_to_fp32_reference": 1.0}) == ["ratio_to_fp32_reference is 1.0, wanted >= 4"]
    assert misses({"size": 1024, "resolution": 256, "ratio_to_fp32_reference": 1.0}) == []
