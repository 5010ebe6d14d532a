"""Our own GPU kernels without a GPU: their source is run on a CPU, thread by thread, and compiled for every card."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter

import pytest
import torch

from engine.generator.backends.blocks import Given, to_rgba
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.half_check import settle_precision
from engine.generator.backends.kernels import nvrtc
from engine.generator.backends.kernels.kernels import Kernels
from engine.generator.backends.kernels.layers import KernelBlocks, KernelLayer
from engine.generator.backends.prepare import prepare
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.system.compiled import compiler
from tests.builders.cuda_interpreter import NAMES, Interpreter
from tests.builders.networks import VARIANTS, draw, network, signal_to_noise

CARDS = ("75", "86", "89", "90", "120")
REGISTERS = 96  # of a thread; at 80 an SM holds three blocks of 256, at 128 two
needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C++ compiler on this machine")


def blocks_of(net: StyleGAN2, dtype: torch.dtype, launch: Interpreter | None = None) -> KernelBlocks:
    kernels = Kernels(launch or Interpreter(), "interpreted")
    return KernelBlocks(prepare(net, normalize=dtype == torch.float16), dtype, kernels)


@needs_compiler
@pytest.mark.parametrize("settings", VARIANTS, ids=lambda s: "-".join(map(str, s.values())))
def test_the_kernels_numbers_are_the_networks(settings):
    net = network(**settings)
    ws = draw(net)
    got = IncrementalPlayer(net, blocks_of(net, torch.float32)).image(ws)
    assert torch.allclose(got, net.synthesis(ws), atol=1e-4, rtol=1e-4)


@needs_compiler
@pytest.mark.parametrize(("dtype", "decibels"), [(torch.float16, 45.0), (torch.bfloat16, 28.0)])
def test_in_sixteen_bits_they_stay_near(dtype, decibels):
    net = network(conv_clamp=256.0)
    ws = draw(net)
    plain = IncrementalPlayer(net, EagerBlocks(prepare(net, normalize=dtype == torch.float16), dtype)).image(ws)
    got, wanted = IncrementalPlayer(net, blocks_of(net, dtype)).image(ws), net.synthesis(ws)
    assert signal_to_noise(wanted, got) > decibels
    assert signal_to_noise(wanted, got) > signal_to_noise(wanted, plain) - 1, "worse than plain operators"


@needs_compiler
@pytest.mark.parametrize("colors", [1, 3, 4])
def test_one_launch_beside_each_convolution_and_the_bytes_with_the_last(colors):
    net, launch = network(img_channels=colors), Interpreter()
    blocks = blocks_of(net, torch.float32, launch)
    given = blocks.given(draw(net)[0])
    x = img = None
    for level in range(len(blocks.convs)):
        rgba = torch.zeros(*blocks.shape(level), 4, dtype=torch.uint8)
        x, img = blocks.run(level, x, img, Given(given.styles, given.scales, 1.0, None, rgba))
        assert int((rgba.int() - to_rgba(img[0]).int()).abs().max()) <= 1, "the last bit of a product"
        assert bool((rgba[..., 3] == 255).all()) or colors == 4
    levels = len(blocks.convs)
    assert Counter(launch.launched) == {"finish_fp32": levels, "finish_up_fp32": levels - 1, "paint_fp32": levels}


@needs_compiler
def test_what_a_kernel_does_not_take_is_done_by_plain_operators():
    net, launch = network(channels=(40, 36, 24, 18, 8), resample_filter=(1.0, 3.0, 3.0, 1.0)), Interpreter()
    blocks = blocks_of(net, torch.float32, launch)
    ws = draw(net)
    assert torch.allclose(IncrementalPlayer(net, blocks).image(ws), net.synthesis(ws), atol=1e-4, rtol=1e-4)
    kinds = [isinstance(layer, KernelLayer) for block in blocks.convs for layer in block]
    assert kinds == [True, False, False, True, True, False, False, True, True]
    assert launch.launched


@needs_compiler
def test_a_number_that_is_none_is_not_hidden_by_the_clamp():
    net = network(conv_clamp=1.0)
    blocks = blocks_of(net, torch.float16)
    y = torch.full((1, 8, 4, 4), float("nan"), dtype=torch.float16)
    layer = blocks.convs[4][1]
    assert isinstance(layer, KernelLayer)
    layer.convolve = lambda x, style: y
    assert bool(layer.styled(y, None, torch.ones(8), None, None).isnan().all())


class Wrong(Interpreter):
    """A card on which one kernel computes nonsense."""

    def __call__(self, kernel, blocks, threads, *values):
        super().__call__(kernel, blocks, threads, *values)
        if kernel == "finish_up_fp16" and values[2] == 16:
            values[1].zero_()


@needs_compiler
def test_a_block_whose_kernel_is_wrong_on_a_card_is_played_by_plain_operators(tmp_path):
    net = network()
    blocks = blocks_of(net, torch.float16, Wrong())
    line = settle_precision(net, blocks, "a card", tmp_path / "precision.json")
    assert line == "fp16 does not paint every block of this model on this card: 16 px in plain"
    ws = draw(net)
    assert signal_to_noise(net.synthesis(ws), IncrementalPlayer(net, blocks).image(ws)) > 40
    plain = EagerBlocks(prepare(net, normalize=True), torch.float16)
    assert settle_precision(net, plain, "a card", tmp_path / "precision.json") is None, "what was found of kernels"


class Code:
    """A binary."""

    def __init__(self, code: bytes) -> None:
        self.code = code

    @classmethod
    def from_cubin(cls, code: bytes) -> Code:
        return cls(code)


class Core:
    """What is used of cuda.core to compile and load; compiles to what it was asked for."""

    __version__ = "1.2.2"
    ObjectCode = Code

    def __init__(self) -> None:
        self.compiled: list[str] = []

    def ProgramOptions(self, **options):  # noqa: N802
        return options

    def Program(self, source, kind, options):  # noqa: N802
        assert (source, kind) == (nvrtc.SOURCE.read_text(), "c++")
        self._options = options
        return self

    def compile(self, target):
        assert target == "cubin"
        self.compiled.append(self._options["arch"])
        return Code(f"{self._options['arch']} {self._options['define_macro']}".encode())


def test_compiling_happens_once_for_a_card_and_a_source(tmp_path, monkeypatch):
    core = Core()
    folder = tmp_path / "new" / "folder"
    first = nvrtc.compile_for(core, "sm_90", "fp16", folder)
    again = nvrtc.compile_for(core, "sm_90", "fp16", folder)
    assert again.code == first.code == b"sm_90 ['WITHOUT_FP32', 'WITHOUT_BF16']"
    assert all(f"#ifndef {macro}\n" in nvrtc.SOURCE.read_text() for macro in ("WITHOUT_FP32", "WITHOUT_BF16"))
    assert core.compiled == ["sm_90"]
    nvrtc.compile_for(core, "sm_120", "fp16", folder)
    changed = tmp_path / "maps.cu"
    changed.write_text(nvrtc.SOURCE.read_text() + "// changed\n")
    monkeypatch.setattr(nvrtc, "SOURCE", changed)
    nvrtc.compile_for(core, "sm_90", "fp16", folder)
    nvrtc.compile_for(core, "sm_90", "bf16", folder)
    assert core.compiled == ["sm_90", "sm_120", "sm_90", "sm_90"]
    (tmp_path / "file").write_text("where a folder should be")
    assert nvrtc.compile_for(core, "sm_90", "fp16", tmp_path / "file").code, (
        "a folder that cannot be made costs no show"
    )


@pytest.mark.skipif("LATENTVJ_LONG" not in os.environ, reason="half a minute; LATENTVJ_LONG=1")
@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no CUDA toolkit on this machine")
@pytest.mark.parametrize("card", CARDS)
def test_every_card_compiles_them_without_spills(card, tmp_path):
    command = ["nvcc", "-cubin", f"-arch=sm_{card}", "-std=c++17", "-Xptxas", "-v", "-o", str(tmp_path / "maps.cubin")]
    said = subprocess.run([*command, str(nvrtc.SOURCE)], capture_output=True, text=True, check=True).stderr
    names = re.findall(r"Compiling entry function '(\w+)'", said)
    assert sorted(names) == sorted(NAMES)
    assert re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", said) == [("0", "0")] * len(NAMES)
    assert max(map(int, re.findall(r"Used (\d+) registers", said))) <= REGISTERS
