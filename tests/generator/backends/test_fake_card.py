"""A frame on a GPU that only knows shapes: devices, host crossings, layouts and launches, without a GPU.

FakeTensors on ``cuda:0`` are carried by a torch without CUDA, too. A tensor of the host that meets one of the device
raises, as it would on a GPU, and so does reading a value. Nothing is computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from engine.generator.backends.blocks import Given, to_rgba
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.fused import fuse
from engine.generator.backends.kernels import layers
from engine.generator.backends.kernels.kernels import Kernels
from engine.generator.backends.native import native_layers
from engine.generator.backends.prepare import prepare
from engine.generator.calibration.calibration import Calibration
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.order import WARPS
from tests.builders.params import Params

CARD = torch.device("cuda:0")
LAUNCHED: list[str] = []
CONFIG = Config(img_resolution=64, z_dim=16, w_dim=16, channels=(64, 32, 32, 16, 16), mapping_features=(16,) * 2)
WAITS = ("aten._local_scalar_dense.default", "aten.nonzero.default")  # for the device
CONVOLUTIONS = ("aten.conv2d.default", "aten.conv2d.padding", "aten.conv_transpose2d.input")


class Seen(TorchDispatchMode):
    """Notes every operator that is run."""

    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        """Count from here on."""
        self.operators: Counter[str] = Counter()
        self.crossings: list[str] = []  # copies between host and device, and what waits for a value
        self.views: list[str] = []  # of convolutions whose weight is laid out in no format: cuDNN would copy it

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out, name = func(*args, **(kwargs or {})), str(func)
        self.operators[name] += 1
        devices = {value.device.type for value in (*args, out) if isinstance(value, Tensor) and value.ndim}
        if name in WAITS or len(devices) > 1:
            self.crossings.append(name)
        if name in CONVOLUTIONS and args[1].shape[-1] == 3:
            formats = (torch.contiguous_format, torch.channels_last)
            self.views += [] if any(args[1].is_contiguous(memory_format=each) for each in formats) else [name]
        return out


class Indexing(TorchFunctionMode):
    """Indexes and copies by operators: torch's own methods ask for the device, which is not there."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is Tensor.__getitem__:
            return indexed(*args)
        if func is Tensor.__setitem__ and isinstance(args[1], Tensor):
            return torch.ops.aten.index_put_(args[0], [args[1]], args[0].new_full((), args[2]))
        if func is Tensor.__setitem__:
            place = indexed(*args[:2])
            return torch.ops.aten.copy_(place, args[2]) if isinstance(args[2], Tensor) else place.fill_(args[2])
        if func is Tensor.copy_:
            return torch.ops.aten.copy_(args[0], args[1])
        if func is Tensor.pin_memory:
            return args[0]
        if func is torch.tensor:  # of numbers: an upload
            return torch.empty(np.shape(args[0]), dtype=(kwargs or {}).get("dtype"), device=CARD)
        if func is Tensor.contiguous:
            layout = (kwargs or {}).get("memory_format", torch.contiguous_format)
            own = args[0].is_contiguous(memory_format=layout)
            return args[0] if own else torch.ops.aten.clone(args[0], memory_format=layout)
        return func(*args, **(kwargs or {}))


def indexed(tensor, index):
    """Return ``tensor[index]`` of numbers, slices, tensors and None."""
    dim, index = 0, index if isinstance(index, tuple) else (index,)
    if any(each is ... for each in index):
        at = next(i for i, each in enumerate(index) if each is ...)
        missing = tensor.ndim - sum(each is not None for each in index) + 1
        index = (*index[:at], *(slice(None),) * missing, *index[at + 1 :])
    for each in index:
        if each is None:
            tensor, dim = tensor.unsqueeze(dim), dim + 1
        elif isinstance(each, int):
            tensor = tensor.select(dim, each)
        elif isinstance(each, slice):
            tensor, dim = torch.ops.aten.slice.Tensor(tensor, dim, each.start, each.stop, each.step or 1), dim + 1
        else:
            tensor, dim = torch.ops.aten.index.Tensor(tensor, [None] * dim + [each]), dim + each.ndim
    return tensor


@contextmanager
def card() -> Iterator[Seen]:
    """Let new tensors lie on the GPU that is none."""
    with ExitStack() as stack:
        for mode in (FakeTensorMode(), torch.inference_mode(), CARD, Indexing()):
            stack.enter_context(mode)
        yield stack.enter_context(Seen())


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


def test_what_reads_a_value_or_mixes_devices_would_be_seen() -> None:
    with card() as seen:
        here = torch.empty(4)
        with pytest.raises(DataDependentOutputException):
            here.sum().item()
        with pytest.raises(RuntimeError, match="same device"):
            here + torch.empty(4, device="cpu")
        here.cpu()
    assert seen.crossings == ["aten.to.dtype_layout"]
