"""A frame on a GPU that only knows shapes: devices, host crossings, layouts and launches, without a GPU."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException

from engine.borders.tick import Tick
from engine.generator import noise
from engine.generator.backends.blocks import Given, to_rgba
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.fused import fuse
from engine.generator.backends.kernels import layers
from engine.generator.backends.kernels.kernels import Kernels
from engine.generator.backends.native import native_layers
from engine.generator.backends.prepare import prepare
from engine.generator.backends.staged import StagedBlocks
from engine.generator.calibration.calibration import Calibration
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.stylegan import Settings as StyleGANSettings
from engine.generator.networks.stylegan import StyleGAN
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.order import WARPS
from tests.builders.fake_card import CARD, CONVOLUTIONS, card
from tests.builders.params import Params

LAUNCHED: list[str] = []
CONFIG = Config(img_resolution=64, z_dim=16, w_dim=16, channels=(64, 32, 32, 16, 16), mapping_features=(16,) * 2)


def launch(kernel: str, blocks: int, threads: int, *values: Tensor | int | float | None) -> None:
    """Stand where a kernel is launched: it reads addresses, so all must lie on the card, in one piece."""
    assert blocks > 0
    assert threads == 256
    for value in values:
        if isinstance(value, Tensor):
            whole = value.is_contiguous() or value.is_contiguous(memory_format=torch.channels_last)
            assert (value.device, whole) == (CARD, True), kernel
    LAUNCHED.append(kernel)


def blocks_of(fused: bool | str, monkeypatch: pytest.MonkeyPatch) -> EagerBlocks:
    for module in (native_layers, layers):  # it reads the values, at the opening
        monkeypatch.setattr(module, "separable", lambda fir: torch.empty(8))
    if fused == "kernels":
        prepared = prepare(StyleGAN2(CONFIG).eval().requires_grad_(False), normalize=True)
        return layers.KernelBlocks(prepared, torch.float16, Kernels(launch, "shapes only"))
    blocks = EagerBlocks(prepare(StyleGAN2(CONFIG).eval().requires_grad_(False), normalize=True), torch.float16)
    if fused:
        fuse(blocks)
    return blocks


def paint(blocks: EagerBlocks, levels: int = 5, calibration: Calibration | None = None) -> Tensor:
    network = blocks.prepared.network
    given = Given(*blocks.prepared.modulation(torch.empty(network.num_ws, network.w_dim)))
    x = img = None
    for level in range(levels):
        x, img = blocks.run(level, x, img, given)
    if calibration is not None:
        img = calibration.finish(blocks.prepared, levels - 1, x, img, given.styles, given.scales)
    return to_rgba(img[0])


@pytest.mark.parametrize("fused", [False, True, "kernels"])
def test_a_frame_stays_on_its_device_and_waits_for_nothing(fused: bool | str, monkeypatch: pytest.MonkeyPatch) -> None:
    with card() as seen:
        blocks = blocks_of(fused, monkeypatch)
        seen.begin()
        frame = paint(blocks)
    assert (frame.device, frame.dtype, tuple(frame.shape)) == (CARD, torch.uint8, (64, 64, 4))
    assert seen.crossings == []
    assert seen.views == [], "a weight is laid out anew in every frame"
    products = sum(seen.operators[name] for name in CONVOLUTIONS)
    assert products >= (9 if fused == "kernels" else 14), "nine layers and five ToRGBs"


def test_with_our_kernels_a_frame_is_a_few_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine convolutions and fourteen kernels; what else there is, is the size of a style or of a weight."""
    with card() as seen:
        blocks = blocks_of("kernels", monkeypatch)
        seen.begin()
        LAUNCHED.clear()
        paint(blocks)
    assert Counter(LAUNCHED) == {"finish_fp16": 5, "finish_up_fp16": 4, "paint_fp16": 5}
    assert sum(seen.operators[name] for name in CONVOLUTIONS) == 9, "ToRGB is none"
    passes = ("leaky_relu", "leaky_relu_", "clamp_", "add_", "addcmul", "constant_pad_nd")
    left = [name for name in seen.operators if name.split(".")[1] in passes]
    assert left == [], "a pass over maps that a kernel should do"


def test_a_reduced_frame_is_finished_on_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    with card() as seen:
        blocks = blocks_of(True, monkeypatch)
        calibration = Calibration(blocks.prepared)
        calibration.rest(blocks.prepared, 2)
        seen.begin()
        assert paint(blocks, 3, calibration).device == CARD
    assert seen.crossings == []


def test_every_warp_in_a_frame_stays_on_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    with card() as seen:
        for warp in WARPS:
            params = Params({f"{warp.name}.layer": 16.0, **warp.example})
            warps = FeatureWarps(CONFIG.resolutions, CARD, graphs=True)
            monkeypatch.setattr(warps._values, "load", lambda shared, _, warps=warps: laid_out(warps, shared))
            warps.begin(params, 0.0, 1 / 60)
            bend(warps)  # it allocates in its first frame, outside any graph
            warps.begin(params, 1 / 60, 1 / 60)
            seen.begin()
            assert bend(warps).device == CARD
            assert seen.crossings == [], warp.name


def bend(warps: FeatureWarps) -> Tensor:
    """Bend the maps of 16 px by what is on, as a frame does."""
    maps, image = torch.empty(1, 32, 16, 16, dtype=torch.float16), torch.empty(1, 3, 16, 16)
    assert warps.active(16)
    return warps(16, maps.contiguous(memory_format=torch.channels_last), image)[0]


def laid_out(warps: FeatureWarps, shared: dict[str, float]) -> None:
    """Give the warps room for their numbers, without the copy from pinned memory, which needs a driver."""
    if warps._values._numbers is None:
        warps._values._numbers = warps._values._lay_out(tuple(shared))


class InPlace(StyleGAN):
    """A StyleGAN that is made quick itself: a copy of its tensors would lie on another card."""

    def quick(self, dtype: torch.dtype) -> InPlace:
        self.is_quick = True
        self.quicken(dtype)
        return self


def stylegan() -> StagedBlocks:
    wide = StyleGANSettings(
        z_dim=8, w_dim=8, channels=(8, 8, 8), mapping_features=(8,), fused=(False,) * 3, painted=(True,) * 3
    )
    return StagedBlocks(InPlace(wide).eval().requires_grad_(False), "fp16")


@pytest.mark.parametrize("family", ["stylegan2", "stylegan"])
def test_a_frame_without_graphs_waits_for_nothing_either(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the noise drifts every block gets numbers from the host: from pinned memory, which nothing waits for.

    A frame that copies from any other memory cannot be recorded as a graph, either.
    """
    monkeypatch.setattr(noise, "maps_beside", lambda stored, gain, index: torch.empty(noise.MAPS, *stored.shape))
    with card() as seen:
        blocks = stylegan() if family == "stylegan" else blocks_of(False, monkeypatch)
        network = blocks.prepared.network
        player = IncrementalPlayer(network, blocks)
        seen.begin()
        for index in range(2):
            ws = np.full((network.num_ws, network.w_dim), index, np.float32)
            assert player(ws, Params({"noise.drift": 1.0}), Tick(index, index / 60, 1 / 60)).device == CARD
    assert seen.crossings == []
    assert len(seen.sent) >= 2 * len(network.resolutions), "no numbers came"


def test_what_reads_a_value_or_mixes_devices_would_be_seen() -> None:
    with card() as seen:
        here = torch.empty(4)
        with pytest.raises(DataDependentOutputException):
            here.sum().item()
        with pytest.raises(RuntimeError, match="same device"):
            here + torch.empty(4, device="cpu")
        here.cpu()
    assert seen.crossings == ["aten.to.dtype_layout"]
