"""How a frame reaches its texture, and that the way without host copies has none."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch

from engine.borders.tick import Tick
from engine.stage.desktop.overlay import Scene
from engine.stage.passes import texture as module
from engine.stage.passes.compositor import Compositor
from engine.stage.passes.source import files_of
from engine.stage.passes.texture import KEPT, RING, CudaGL, FrameTexture, explain, why_not_cuda_gl
from tests.builders.params import TABLE, Params
from tests.builders.pictures import quadrants, still_life
from tests.parts import need_cuda


def contents(texture):
    return np.frombuffer(texture.read(), np.uint8).reshape(texture.height, texture.width, 4)


def test_a_frame_in_memory_is_uploaded_as_it_is(open_window):
    texture = FrameTexture(open_window(8, 8).ctx)
    for frame in (quadrants(16), still_life(32), still_life(32).flip(0), still_life(64)[::2, ::2]):
        texture.write(frame)
        assert np.array_equal(contents(texture.texture), frame.numpy())
    assert texture.path == "upload"
    assert texture.reason == "the generator runs on cpu"


def test_the_texture_is_kept_while_the_size_stays(open_window):
    texture = FrameTexture(open_window(8, 8).ctx)
    texture.write(quadrants(16))
    first = texture.texture
    texture.write(quadrants(16))
    assert texture.texture is first
    texture.write(quadrants(32))
    assert texture.texture is not first


def test_a_step_back_to_a_size_makes_nothing_anew(open_window):
    """On a GPU a new texture registers three buffers with CUDA and tries them, in the main thread of the show."""
    texture, made = FrameTexture(open_window(8, 8).ctx), {}
    for size in (64, 32, 16, 32, 64):
        texture.write(still_life(size))
        assert texture.texture is made.setdefault(size, texture.texture)
        assert np.array_equal(contents(texture.texture), still_life(size).numpy())
    for size in range(17, 17 + KEPT):
        texture.write(still_life(size))
    texture.write(still_life(64))
    assert texture.texture is not made[64], "sizes used longest ago are let go"
    texture.close()
    assert texture.texture is None


def test_where_cuda_fails_in_mid_show_frames_go_by_the_host(open_window, cuda, monkeypatch):
    class Failing(CudaGL):
        def write(self, texture, frame):
            if fails:
                raise RuntimeError("CUDA_ERROR_UNKNOWN")

    class ByHost(module.Pinned):
        def __init__(self, ctx, frame):
            made.append(tuple(frame.shape))

        def write(self, texture, frame):
            module.upload(texture, frame.as_subclass(torch.Tensor))

        def close(self): ...

    fails, made = False, []
    monkeypatch.setattr(module, "why_not_cuda_gl", lambda renderer, vendor: "")
    monkeypatch.setattr(module, "CudaGL", Failing)
    monkeypatch.setattr(module, "Pinned", ByHost)
    texture = FrameTexture(open_window(8, 8).ctx)
    texture.write(still_life(16).as_subclass(OnGpu))
    assert texture.path == "cuda-gl"
    fails = True
    for size in (16, 16, 32):
        texture.write(still_life(size).as_subclass(OnGpu))
        assert np.array_equal(contents(texture.texture), still_life(size).numpy())
    assert texture.path == "pinned"
    assert "__NV_PRIME_RENDER_OFFLOAD=1" in texture.reason
    assert made == [(16, 16, 4), (32, 32, 4)], "CUDA was tried again"


@pytest.mark.parametrize("frame", [torch.zeros(4, 4, 3, dtype=torch.uint8), torch.zeros(4, 4, 4)])
def test_what_is_no_frame_is_refused(open_window, frame):
    with pytest.raises(ValueError, match=r"uint8 \[H, W, 4\]"):
        FrameTexture(open_window(8, 8).ctx).write(frame)


HOST = {"cpu", "numpy", "tolist", "item", "tobytes", "synchronize", "__array__"}
ON_THE_WAY = (
    "engine.generator.backends.cuda_graphs", "engine.show.picture", "engine.show.interpolation", "engine.loop",
    "engine.stage.passes.compositor",
    "engine.stage.passes.chain",
    "engine.stage.passes.blend", "engine.stage.passes.enlarge", "engine.stage.passes.guard", "engine.stage.outputs.bus",
)  # fmt: skip


def used(source):
    return {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}


def test_the_cuda_way_never_touches_the_host():
    assert not used(inspect.getsource(CudaGL)) & (HOST | {"read"})
    assert not used(inspect.getsource(FrameTexture)) & HOST


@pytest.mark.parametrize("name", ON_THE_WAY)
def test_nothing_on_a_frames_way_to_the_screen_touches_the_host(name):
    assert not used(inspect.getsource(importlib.import_module(name))) & HOST


class FakeStream:
    @staticmethod
    def from_handle(handle):
        return ("stream", handle)


class FakeResource:
    """A registered buffer: mapping lends host memory, unmapping puts it into the GL buffer."""

    log: ClassVar[list[str]] = []
    buffers: ClassVar[dict[int, object]] = {}
    memory: ClassVar[dict[int, torch.Tensor]] = {}

    @classmethod
    def from_gl_buffer(cls, glo, flags):
        assert flags == "write_discard"
        resource = cls()
        resource.glo = glo
        return resource

    @contextmanager
    def map(self, *, stream):
        buffer = self.buffers[self.glo]
        self.memory[self.glo] = torch.zeros(buffer.size, dtype=torch.uint8)
        self.log.append(f"map {stream}")
        yield SimpleNamespace(handle=self.glo)
        buffer.write(self.memory[self.glo].numpy())
        self.log.append("unmap")

    def close(self):
        self.log.append("close")


@pytest.fixture
def cuda(monkeypatch):
    """CUDA's side of a shared GPU, in host memory; the stream is 0 once, then 77."""
    core = ModuleType("cuda.core")
    core.Device = lambda index: SimpleNamespace(set_current=lambda: None)
    core.GraphicsResource, core.Stream, core.LEGACY_DEFAULT_STREAM = FakeResource, FakeStream, "default"
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.core", core)
    monkeypatch.setattr(FakeResource, "log", [])
    streams = itertools.chain([0], itertools.repeat(77))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=next(streams)))

    def as_tensor(pointer, device):
        about = pointer.__cuda_array_interface__
        assert (about["typestr"], about["strides"], about["version"]) == ("|u1", None, 3)
        return FakeResource.memory[about["data"][0]].view(about["shape"])

    monkeypatch.setattr(torch, "as_tensor", as_tensor)


def test_the_cuda_way_maps_copies_and_unmaps_on_the_generators_stream(open_window, cuda):
    ctx = open_window(8, 8).ctx
    frame = still_life(16)
    carrier = CudaGL(ctx, frame)
    FakeResource.buffers = {buffer.glo: buffer for buffer in carrier._buffers}
    texture = ctx.texture((16, 16), 4)
    for _ in range(RING + 1):
        carrier.write(texture, frame)
        assert np.array_equal(contents(texture), frame.numpy())
        frame = frame.flip(1)
    carrier.close()
    maps = ["map default", "unmap"] + ["map ('stream', 77)", "unmap"] * RING
    assert FakeResource.log == maps + ["close"] * RING


class OnGpu(torch.Tensor):
    """A frame that says it is on a GPU, and that nobody may fetch from there."""

    @property
    def device(self):
        return torch.device("cuda", 0)

    def _fetched(self, *_args, **_kwargs):
        raise AssertionError("a host copy of the frame")

    cpu = numpy = tolist = item = to = type = __array__ = __getitem__ = _fetched


def test_fetching_a_frame_is_caught():
    frame = still_life(8).as_subclass(OnGpu)
    for fetch in (lambda: frame.cpu(), lambda: frame.numpy(), lambda: np.asarray(frame), lambda: frame.to("cpu")):
        with pytest.raises(AssertionError, match="host copy"):
            fetch()


def test_a_frame_on_the_gpu_is_shown_without_a_host_copy(open_window, cuda, monkeypatch):
    """Through fades between frames, every pass, the guard and the desktop, as Picture and Compositor do it."""
    made = []

    class Watched(CudaGL):
        def __init__(self, ctx, frame):
            super().__init__(ctx, frame)
            made.append(self)
            FakeResource.buffers |= {buffer.glo: buffer for buffer in self._buffers}

    monkeypatch.setattr(module, "why_not_cuda_gl", lambda renderer, vendor: "")
    monkeypatch.setattr(module, "CudaGL", Watched)
    monkeypatch.setattr(FakeResource, "buffers", {})
    window = open_window(96, 64)
    names = tuple(sorted(files_of()))
    on = Params({name: 0.5 for name in TABLE if name.endswith(".amount")} | {"desktop.mode": 1.0})
    compositor = Compositor(window, names)
    for index in range(6):
        frame = still_life(32).roll(index, 1).as_subclass(OnGpu)
        compositor.upload(frame, keep=index > 2)
        compositor.draw(on, Scene(), Tick(index, index / 30, 1 / 30), share=0.5)
    assert compositor.texture.path == "cuda-gl"
    assert len(made) >= 1
    assert window.read().std() > 10
    compositor.draw(Params(), Scene(), Tick(6, 0.2, 1 / 30), share=0.5)
    compositor.close()


def test_the_reason_says_what_to_do():
    assert "__NV_PRIME_RENDER_OFFLOAD=1" in explain(RuntimeError("CUDA_ERROR_OPERATING_SYSTEM: OS call failed"))
    assert "__GLX_VENDOR_LIBRARY_NAME=nvidia" in explain(RuntimeError("error 999"))
    assert "no memory" in explain(RuntimeError("no memory"))
    assert "software" in why_not_cuda_gl("llvmpipe (LLVM 15.0.6, 256 bits)")


def test_the_broken_bindings_are_not_used(monkeypatch):
    monkeypatch.setattr(module, "version", lambda name: "12.9.3")
    assert "12.9.3" in why_not_cuda_gl("NVIDIA GeForce")
    monkeypatch.setattr(module, "version", lambda name: "12.9.4")
    assert why_not_cuda_gl("NVIDIA GeForce") == ""
    hybrid = why_not_cuda_gl("Mesa Intel(R) UHD Graphics 630", "Intel")  # a laptop whose screen is on the other card
    assert "Intel" in hybrid
    assert "__NV_PRIME_RENDER_OFFLOAD=1" in hybrid


def test_a_cuda_frame_reaches_the_texture(open_window):
    need_cuda()
    texture = FrameTexture(open_window(8, 8).ctx)
    for frame in (quadrants(16), still_life(64), still_life(64).flip(0)):
        texture.write(frame.cuda())
        assert np.array_equal(contents(texture.texture), frame.numpy())
    assert texture.path in ("cuda-gl", "pinned")
