"""The C++ of our own for 64-bit Arm: compiled by a cross compiler, and a layer's numbers by an emulated processor."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.generator.backends.native import native_build
from engine.generator.backends.native.native_layers import Conv
from engine.generator.backends.prepare import padded
from engine.stage.matte import compiled_key
from tests.builders.layers import layer, textbook

COMPILER, EMULATOR = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
PROCESSORS = ("cortex-a72", "neoverse-n1", "neoverse-v1")  # a Raspberry Pi 4, a server, one with SVE
BLOCK = 8  # columns of a block of packed weights: two registers of four
pytestmark = [
    pytest.mark.skipif("LATENTVJ_LONG" not in os.environ, reason="half a minute; LATENTVJ_LONG=1"),
    pytest.mark.skipif(COMPILER is None, reason="no g++ for aarch64 (Debian: g++-aarch64-linux-gnu)"),
]


def compile_for_arm(source: Path, flags: tuple[str, ...], out: Path, processor: str = PROCESSORS[0]) -> None:
    assert COMPILER is not None
    line = [COMPILER, *flags, "-Wall", "-Werror", f"-mcpu={processor}", "-o", str(out), str(source)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("processor", PROCESSORS)
def test_all_sources_compile_with_the_flags_of_the_engine(processor: str, tmp_path: Path) -> None:
    for build in (native_build, compiled_key):
        compile_for_arm(build.SOURCES[0], build.FLAGS, tmp_path / "made.so", processor)
        assert (tmp_path / "made.so").read_bytes()[18] == 183, "the file is not for aarch64"


class ArmLibrary:
    """What `Conv` asks of the library before it is called."""

    def vj_block(self, _fan_out: int) -> int:
        return BLOCK


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if EMULATOR is None:
        pytest.skip("no qemu-aarch64 (Debian: qemu-user)")
    path = tmp_path_factory.mktemp("arm") / "layer"
    shared = ("-shared", "-fPIC")
    flags = (*(flag for flag in native_build.FLAGS if flag not in shared), "-static")
    compile_for_arm(
        Path(__file__).with_name("arm_layer.cpp"), (*flags, f"-I{native_build.SOURCES[0].parent}"), path, "neoverse-n1"
    )
    return path


@pytest.mark.parametrize(
    ("kind", "size"), [("up", (18, 20)), ("conv", (18, 20)), ("up", (7, 8)), ("conv", (7, 8)), ("conv", (60, 50))]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_an_emulated_layer_is_the_textbooks(program: Path, kind: str, size: tuple[int, int], threads: int) -> None:
    fan_in, fan_out = 32, 24
    plan = layer(kind, size, fan_in, fan_out)
    conv = Conv(plan, ArmLibrary(), threads, "fp32")  # type: ignore[arg-type]
    assert conv.weight is not None
    width = padded(fan_out)
    x, style, noise = torch.randn(*size, padded(fan_in)), torch.rand(padded(fan_in)) + 0.5, torch.randn(plan.shape)
    header = (*size, padded(fan_in), width, int(kind == "up"), conv.how, threads, conv.weight.numel())
    parts = (x, conv.weight, style, torch.ones(width), conv.bias, noise, conv.fir)
    given = np.array(header, np.int32).tobytes() + b"".join(part.float().numpy().tobytes() for part in parts)
    assert EMULATOR is not None
    done = subprocess.run([EMULATOR, str(program)], input=given, capture_output=True, timeout=120, check=True)
    got = torch.frombuffer(bytearray(done.stdout), dtype=torch.float32)
    assert got.numel() == math.prod(plan.shape) * width
    wanted = textbook(plan, x, style, noise)
    assert float((got.view(*plan.shape, width)[..., :fan_out] - wanted).abs().max()) < 1e-4
