"""Blocks by TensorRT: one engine per block, so that feature warps work between any two blocks.

Engines read and write torch's memory by its address, on torch's current stream; x and img lie in buffers of the
block's own until it is run again, and nothing is copied. NOT YET RUN ON A GPU: before it is adopted, the whole
network is compared with the plain PyTorch blocks on the very GPU, and what does not agree is not played.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator import cuda
from engine.generator.backends.agreement import compare
from engine.generator.backends.blocks import DTYPES, Blocks, Given, Images, Unavailable
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import BlockPlan, Prepared
from engine.generator.backends.table import BACKENDS, listed
from engine.generator.backends.tensorrt_build import MISSING, Engines, Library, find_library, listener
from engine.system.files import write_whole


class Engine(Protocol):
    """One block that can be run: reads and writes tensors of its own names, types and layouts."""

    @property
    def inputs(self) -> Mapping[str, torch.memory_format]:
        """The tensors it reads and how they are laid out."""
        ...

    @property
    def outputs(self) -> Mapping[str, torch.memory_format]:
        """The tensors it writes and how they are laid out."""
        ...

    def __call__(self, tensors: Mapping[str, Tensor]) -> None:
        """Run on the tensors' memory."""
        ...


class EngineBlocks(Blocks):
    """A network as engines."""

    backend = "tensorrt"

    def __init__(self, prepared: Prepared, precision: str, engines: Sequence[Engine]) -> None:
        self.prepared, self.precision = prepared, precision
        self.dtype = DTYPES[precision]
        self.device = prepared.blocks[0].source.const.device
        self._engines = engines
        self._outputs = [self._make_outputs(plan, one) for plan, one in zip(prepared.blocks, engines, strict=True)]

    def _make_outputs(self, plan: BlockPlan, engine: Engine) -> dict[str, Tensor]:
        channels = self.prepared.network.img_channels
        shapes = {
            "x_out": ((1, plan.convs[-1].fan_out, *plan.shape), self.dtype),
            "img_out": ((1, channels, *plan.shape), torch.float32),
            "rgba": ((*plan.shape, 4), torch.uint8),
        }
        made = {}
        for name, layout in engine.outputs.items():
            shape, dtype = shapes[name]
            made[name] = torch.empty(shape, dtype=dtype, device=self.device).contiguous(memory_format=layout)
        return made

    def run(self, level: int, x: Tensor | None, img: Tensor | None, given: Given) -> Images:
        """See Blocks."""
        engine, outputs = self._engines[level], self._outputs[level]
        inputs = {"styles": given.styles, "scales": given.scales}
        inputs |= {f"noise{i}": noise.contiguous() for i, noise in enumerate(given.noise(self.prepared.blocks[level]))}
        if x is not None:
            layout = engine.inputs.get("x", torch.contiguous_format)
            inputs["x"] = x.to(self.dtype).contiguous(memory_format=layout)
        if img is not None:
            inputs["img"] = img.float().contiguous()
        if given.rgba is not None and "rgba" in outputs:
            outputs = {**outputs, "rgba": given.rgba}
        engine({**{name: inputs[name] for name in engine.inputs}, **outputs})
        return outputs["x_out"], outputs.get("img_out", img)


class KernelCache:
    """The kernels that TensorRT for RTX compiles when an engine first runs. NOT YET RUN ON A GPU."""

    def __init__(self, engine: Any, path: Path) -> None:
        """Take what ``path`` holds; a file that is missing, or that the library does not take, is made anew."""
        self._path = path
        self.config = engine.create_runtime_config()
        self._cache = self.config.create_runtime_cache()
        self._held = b""
        with contextlib.suppress(OSError):
            self._held = path.read_bytes()
        if self._held:
            self._cache.deserialize(self._held)
        self.config.set_runtime_cache(self._cache)

    def keep(self) -> None:
        """Write the kernels, whole or not at all, if there are new ones. A full disk costs the next start some time."""
        made = self._cache.serialize()
        if made is None or bytes(made) == self._held:
            return
        self._held = bytes(made)
        with contextlib.suppress(OSError, UserError):
            write_whole(self._path, Path.write_bytes, self._held)


class LoadedEngine:
    """An engine on this GPU. NOT YET RUN ON A GPU."""

    def __init__(self, library: Library, engine: bytes, kernels: Path | None = None) -> None:
        """``kernels``: where TensorRT for RTX keeps what it compiles for this GPU, so that another start does not.

        Raises Unavailable where the library cannot load the engine.
        """
        trt, log = library.module, listener(library.module)
        self._runtime = trt.Runtime(log)
        self._engine = self._runtime.deserialize_cuda_engine(engine)
        if self._engine is None:
            raise Unavailable(f"{library.name} {library.version} does not load its own engine{log.reason()}")
        self._cache = None if kernels is None else KernelCache(self._engine, kernels)
        given = () if self._cache is None else (self._cache.config,)
        self._context = self._engine.create_execution_context(*given)
        if self._context is None:
            raise Unavailable(f"{library.name} has no memory left for its engine{log.reason()}")
        self._beside: torch.cuda.Stream | None = None
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        reads = {name: self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT for name in names}
        self.inputs = {name: self._layout(trt, name) for name in names if reads[name]}
        self.outputs = {name: self._layout(trt, name) for name in names if not reads[name]}

    def keep(self) -> None:
        """Keep the kernels that were compiled since the engine was loaded; call it after a first run."""
        if self._cache is not None:
            self._cache.keep()

    def _layout(self, trt: Any, name: str) -> torch.memory_format:
        kind = self._engine.get_tensor_format(name)
        if kind == trt.TensorFormat.LINEAR:
            return torch.contiguous_format
        if kind == trt.TensorFormat.HWC8 and self._engine.get_tensor_shape(name)[1] % 8 == 0:
            return torch.channels_last
        raise Unavailable(f"an engine wants {name} laid out as {kind}")

    def __call__(self, tensors: Mapping[str, Tensor]) -> None:
        """See Engine; RuntimeError when it does not run."""
        for name, tensor in tensors.items():
            self._context.set_tensor_address(name, tensor.data_ptr())
        now = torch.cuda.current_stream()
        if now.cuda_stream:
            self._run(now)
            return
        beside = self._beside = self._beside or cuda.stream()  # on the default stream it waits for the whole device
        beside.wait_stream(now)
        self._run(beside)
        now.wait_stream(beside)

    def _run(self, stream: torch.cuda.Stream) -> None:
        if not self._context.execute_async_v3(stream.cuda_stream):
            raise RuntimeError("TensorRT did not run a block")


def refusal(prepared: Prepared, precision: str) -> str | None:
    """Say why this backend cannot play a network on this machine, or None."""
    try:
        check(prepared, precision)
    except Unavailable as error:
        return str(error)
    return None


def check(prepared: Prepared, precision: str) -> Library:
    """Return the library that can play a network; Unavailable says why there is none."""
    library = None if importlib.util.find_spec("onnx") is None else find_library()
    if library is None:
        raise Unavailable(MISSING)
    from engine.generator.backends import onnx_blocks

    if reason := onnx_blocks.refusal(prepared):
        raise Unavailable(f"TensorRT cannot play this model: {reason}")
    if precision not in BACKENDS["tensorrt"].precisions:
        raise Unavailable(f"TensorRT plays in {listed(BACKENDS['tensorrt'].precisions)}, not {precision}")
    return library


def open_blocks(prepared: Prepared, precision: str) -> EngineBlocks:
    """Build what is not kept yet, load, warm up and compare; for any thread. Unavailable says why not."""
    from engine.generator.backends.onnx_blocks import block_model

    library = check(prepared, precision)
    major, minor = torch.cuda.get_device_capability()
    engines = Engines(library, f"sm{major}{minor}", torch.cuda.get_device_name())
    half = precision == "fp16"
    models = [block_model(prepared, level, half) for level in range(len(prepared.blocks))]
    loaded = [LoadedEngine(library, engines.get(model), engines.kernels(model)) for model in models]
    blocks = EngineBlocks(prepared, precision, loaded)
    beside = cuda.stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside), torch.inference_mode():
        compare(blocks, EagerBlocks(prepared, blocks.dtype), "TensorRT")
    beside.synchronize()
    for engine in loaded:
        engine.keep()
    return blocks
