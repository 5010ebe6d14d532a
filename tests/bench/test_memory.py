"""Memory that really runs out, in a process of its own with a limit on its address space."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.bench.rates import config_f
from engine.borders.errors import UserError, out_of_memory
from engine.generator.backends import memory
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.plain import PlainPlayer
from engine.show.room import room
from tests.builders.model_file import save
from tests.builders.show import ROOT
from tests.parts import need

LARGE = Config(img_resolution=1024, z_dim=16, w_dim=16, channels=(8,) * 9, mapping_features=(16,) * 2)

FRAMES_MB = 130  # the first frame of LARGE takes about 175

# Everything that is loaded lazily is loaded before the limit is set, so that only the frames meet it.
LIMITED = """
import resource, sys
from engine.cli.main import main
extra, above, small, *arguments = sys.argv[1:]
at = arguments.index("--model")
assert main([*arguments[:at], "--model", small]) == 0
line = next(line for line in open("/proc/self/status") if line.startswith(above))
limit = int(line.split()[1]) * 1024 + int(extra) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(main(arguments))
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a model whose frames are large, and one whose frames are small."""
    folder = tmp_path_factory.mktemp("models")
    small = Config(img_resolution=16, z_dim=16, w_dim=16, channels=(8,) * 3, mapping_features=(16,) * 2)
    return save(folder / "large.safetensors", LARGE), save(folder / "small.safetensors", small)


def limited(above: str, cache: Path, small: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command with ``FRAMES_MB`` over the VmSize or VmPeak that the same command has with a small model."""
    words = [sys.executable, "-c", LIMITED, FRAMES_MB, above, small, *arguments]
    # glibc would set 64 MB of addresses aside for a thread that finds the heap busy: a matter of chance.
    env = os.environ | {"MALLOC_ARENA_MAX": "1", "LATENTVJ_CACHE": str(cache)}
    return subprocess.run(
        list(map(str, words)), cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space are Linux's")
def test_too_large_at_start_is_named_with_a_size_that_does_fit(models: tuple[Path, Path], tmp_path: Path) -> None:
    need("EGL")
    large, small = models
    small_and_short = ["--seconds", "0.1", "--size", "32x32", "--backend", "eager", "--precision", "fp32"]
    show = ("render", "demo", "-o", tmp_path / "o.mp4", *small_and_short)
    done = limited("VmSize", tmp_path, small, *show, "--model", large)
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "out of memory" in last
    found = re.search(r"--resolution (\d+)", last)
    assert found, last
    assert 64 <= int(found[1]) < 1024, last
    # The video's encoder takes memory once the first frame is there, more where there are more cores: the line does
    # not speak about that. The peak of the small show holds it.
    again = limited("VmPeak", tmp_path, small, *show, "--model", large, "--resolution", found[1])
    assert again.returncode == 0, f"{last}\n{again.stderr}"


def test_what_does_not_fit_beside_the_frames_is_told_with_a_size_that_leaves_more() -> None:
    player = PlainPlayer(StyleGAN2.random(LARGE))
    with pytest.raises(UserError, match=r"beside frames of 1024 pixels.*; try --resolution 512"), room(lambda: player):
        bytearray(2**60)
    with pytest.raises(RuntimeError, match="cannot be multiplied"), room(lambda: player):
        torch.empty(2, 3) @ torch.empty(2, 3)


def test_every_allocator_is_understood_and_other_errors_are_not() -> None:
    with pytest.raises(RuntimeError) as real:
        torch.empty(2**55, dtype=torch.uint8)
    assert out_of_memory(real.value), real.value
    with pytest.raises(MemoryError) as plain:
        bytearray(2**60)
    assert out_of_memory(plain.value)
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not out_of_memory(ValueError("out of memory"))


def test_the_estimate_grows_with_the_size_and_covers_the_maps() -> None:
    config = config_f(256)
    shaped = StyleGAN2(config, initialize=False)
    sizes = [memory.frame_bytes(shaped, r) for r in config.resolutions]
    assert sizes == sorted(sizes)
    kept = sum(r * r * c * 4 for r, c in zip(config.resolutions, config.channels, strict=True))
    assert kept < sizes[-1] < 4 * kept
    network = StyleGAN2.random(Config(img_resolution=64, z_dim=8, w_dim=8, channels=(8,) * 5, mapping_features=(8,)))
    assert memory.fitting(network, 64, 10**9) == 32
    assert memory.fitting(network, 64, 10) is None
