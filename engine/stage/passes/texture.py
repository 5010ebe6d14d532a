"""The generator's frame into a GL texture: without leaving the GPU where CUDA and OpenGL share one.

Three ways are tried in this order; ``FrameTexture.path`` says which one is in use:

``cuda-gl``  CUDA writes into a pixel buffer that OpenGL owns; the texture is filled from it inside the GPU.
``pinned``   an asynchronous copy to page-locked memory, and from there through a ring of pixel buffers.
``upload``   a plain upload, for frames that are in the machine's memory already.

The two CUDA ways were written from the documentation and have NOT been run on a GPU yet.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import moderngl

from engine.borders.errors import out_of_memory
from engine.stage.passes.canvas import draws_in_software

if TYPE_CHECKING:
    import torch  # imported where it is used: a bad checkpoint is refused before torch is loaded

NVIDIA = "NVIDIA Corporation"  # OpenGL's vendor where NVIDIA's own driver draws
KEPT = 4  # textures; frames of another size reuse a kept texture, and CUDA registers nothing anew
RING = 3  # pixel buffers: one is filled, one is read, one is spare
_BROKEN_BINDINGS = "12.9.3"  # gives null handles for graphics resources
_OTHER_GPU = ("CUDA_ERROR_OPERATING_SYSTEM", "CUDA_ERROR_UNKNOWN", "304", "999")
_HYBRID = (
    "OpenGL is not on this CUDA GPU; on a laptop with two, start with "
    "__NV_PRIME_RENDER_OFFLOAD=1 __GLX_VENDOR_LIBRARY_NAME=nvidia"
)


class Carrier(Protocol):
    """One way to bring a frame to a texture."""

    @property
    def waited(self) -> float:
        """Seconds of the last write in which the host waited for the frame."""
        ...

    def write(self, texture: moderngl.Texture, frame: torch.Tensor) -> None:
        """Fill ``texture`` with ``frame``, uint8 [H, W, 4]."""
        ...

    def close(self) -> None:
        """Release what was registered."""
        ...


def upload(texture: moderngl.Texture, frame: torch.Tensor) -> None:
    """Fill ``texture`` from the machine's memory; from a device without a faster way (Apple's) the frame is fetched."""
    texture.write(frame.detach().cpu().contiguous().numpy())


class _DevicePointer:
    """Mapped GL memory as torch takes it: https://numba.readthedocs.io, __cuda_array_interface__ 3."""

    def __init__(self, pointer: int, shape: tuple[int, ...]) -> None:
        self.__cuda_array_interface__ = {
            "version": 3,
            "data": (pointer, False),
            "shape": shape,
            "typestr": "|u1",
            "strides": None,
            "stream": None,  # map and copy are on one stream, so there is nothing to wait for
        }


class CudaGL:
    """Pixel buffers that OpenGL owns and CUDA writes. Not run on a GPU yet.

    The GL context must be current and on the same GPU; it is made before torch's primary context.
    """

    waited = 0.0  # unmapping orders the copy before OpenGL's own work

    def __init__(self, ctx: moderngl.Context, frame: torch.Tensor) -> None:
        from cuda.core import (  # type: ignore[import-not-found,unused-ignore]
            LEGACY_DEFAULT_STREAM,
            Device,
            GraphicsResource,
            Stream,
        )

        Device(frame.device.index).set_current()  # torch's primary context: a tensor's device has its index
        self._default, self._wrap = LEGACY_DEFAULT_STREAM, Stream.from_handle
        self._buffers = [ctx.buffer(reserve=frame.numel()) for _ in range(RING)]
        self._resources: list[Any] = []
        try:
            for buffer in self._buffers:
                self._resources.append(GraphicsResource.from_gl_buffer(buffer.glo, flags="write_discard"))
        except Exception:
            self.close()
            raise
        self._next = 0

    def write(self, texture: moderngl.Texture, frame: torch.Tensor) -> None:
        """Map, copy and unmap on the generator's stream. Unmapping orders CUDA before GL, so nothing waits."""
        import torch

        handle = torch.cuda.current_stream(frame.device).cuda_stream
        stream = self._wrap(handle) if handle else self._default
        resource, buffer = self._resources[self._next], self._buffers[self._next]
        self._next = (self._next + 1) % RING
        with resource.map(stream=stream) as mapped:
            pointer = _DevicePointer(int(mapped.handle), tuple(frame.shape))
            torch.as_tensor(pointer, device=frame.device).copy_(frame)
        texture.write(buffer)  # bound as the unpack buffer: a copy inside the GPU

    def close(self) -> None:
        """Unregister from CUDA before GL deletes the buffers."""
        for resource in self._resources:
            resource.close()
        for buffer in self._buffers:
            buffer.release()
        self._resources, self._buffers = [], []


class Pinned:
    """Through page-locked memory, for CUDA frames where OpenGL is elsewhere. Not run on a GPU yet."""

    def __init__(self, ctx: moderngl.Context, frame: torch.Tensor) -> None:
        import torch

        self._buffers = [ctx.buffer(reserve=frame.numel()) for _ in range(RING)]
        self._hosts = [torch.empty(frame.shape, dtype=torch.uint8, pin_memory=True) for _ in range(RING)]
        self._bytes = [host.numpy() for host in self._hosts]  # views, made once
        self._copied: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._next = 0
        self.waited = 0.0

    def write(self, texture: moderngl.Texture, frame: torch.Tensor) -> None:
        """Copy down, wait for that copy alone, copy up. Not waiting would cost a frame of latency."""
        import torch

        index = self._next
        self._next = (self._next + 1) % RING
        self._hosts[index].copy_(frame, non_blocking=True)
        self._copied.record(torch.cuda.current_stream(frame.device))
        start = time.perf_counter()
        self._copied.synchronize()
        self.waited = time.perf_counter() - start
        self._buffers[index].write(self._bytes[index])
        texture.write(self._buffers[index])

    def close(self) -> None:
        """Delete the buffers."""
        for buffer in self._buffers:
            buffer.release()
        self._buffers = []


@dataclass(frozen=True, slots=True)
class Way:
    """A texture for frames of one size on one device, and how they reach it."""

    texture: moderngl.Texture
    carrier: Carrier | None
    path: str
    reason: str

    def close(self) -> None:
        """Release what was registered, then the texture."""
        if self.carrier is not None:
            self.carrier.close()
        self.texture.release()


class FrameTexture:
    """The texture that the passes read. ``path`` says how frames reach it, and ``reason`` why in that way."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self.texture: moderngl.Texture | None = None
        self._carrier: Carrier | None = None
        self._made_for: tuple[torch.Size, torch.device] | None = None
        self._ways: OrderedDict[tuple[torch.Size, torch.device], Way] = OrderedDict()  # the one in use is the last
        self._refused = ""  # why CUDA does not write to OpenGL any more
        self.path = ""
        self.reason = "no frame yet"

    @property
    def waited(self) -> float:
        """Return the seconds of the last write in which the host waited for the generator's device."""
        return 0.0 if self._carrier is None else self._carrier.waited

    def write(self, frame: torch.Tensor) -> None:
        """Show ``frame``, uint8 [H, W, 4], from now on. A frame of a size that is not kept makes a new texture."""
        if self._made_for != (frame.shape, frame.device):
            self._prepare(frame)
        assert self.texture is not None
        if self._carrier is None:
            upload(self.texture, frame)
            return
        try:
            self._carrier.write(self.texture, frame)
        except Exception as error:
            if not isinstance(self._carrier, CudaGL) or out_of_memory(error):
                raise
            self._refused = explain(error)  # a driver that fails once fails in every frame
            self.close()
            self.write(frame)

    def _prepare(self, frame: torch.Tensor) -> None:
        """Make a texture of the frame's size and choose how frames of this kind reach it."""
        import torch

        if frame.ndim != 3 or frame.shape[2] != 4 or frame.dtype != torch.uint8:
            raise ValueError(f"a frame is uint8 [H, W, 4], not {frame.dtype} {list(frame.shape)}")
        made_for = frame.shape, frame.device
        if made_for not in self._ways:
            texture = self._ctx.texture((frame.shape[1], frame.shape[0]), 4)
            texture.repeat_x = texture.repeat_y = False
            try:
                self._ways[made_for] = Way(texture, *self._choose(texture, frame))
            except Exception:
                texture.release()
                raise
        self._ways.move_to_end(made_for)  # not earlier: where no other can be made the one before is still shown
        way, self._made_for = self._ways[made_for], made_for
        self.texture, self._carrier, self.path, self.reason = way.texture, way.carrier, way.path, way.reason
        while len(self._ways) > KEPT:
            self._ways.popitem(last=False)[1].close()

    def _choose(self, texture: moderngl.Texture, frame: torch.Tensor) -> tuple[Carrier | None, str, str]:
        if frame.device.type != "cuda":
            return None, "upload", f"the generator runs on {frame.device.type}"
        reason = self._refused or why_not_cuda_gl(str(self._ctx.info["GL_RENDERER"]), str(self._ctx.info["GL_VENDOR"]))
        if not reason:
            carrier: CudaGL | None = None
            try:
                carrier = CudaGL(self._ctx, frame)
                carrier.write(texture, frame)  # a probe: registering can succeed where mapping fails
                return carrier, "cuda-gl", "CUDA and OpenGL share this GPU"
            except Exception as error:  # noqa: BLE001 - whatever the drivers say, the show has a second way
                reason = explain(error)
                if carrier is not None:
                    carrier.close()
        return Pinned(self._ctx, frame), "pinned", reason

    def close(self) -> None:
        """Release the textures and what was registered for them."""
        while self._ways:
            self._ways.popitem()[1].close()
        self._carrier = self.texture = self._made_for = None


def why_not_cuda_gl(renderer: str, vendor: str = NVIDIA) -> str:
    """Return why CUDA cannot write to OpenGL here, without trying it; "" where it may."""
    if draws_in_software(renderer):
        return f"OpenGL runs in software ({renderer}). {_HYBRID}"
    if vendor != NVIDIA:  # Mesa's drivers of other cards answer CUDA's calls with crashes
        return f"OpenGL runs on {renderer}, {vendor}. {_HYBRID}"
    try:
        version("cuda-core")
        bindings = version("cuda-bindings")
    except ImportError as error:
        return f"the package {error.name} is not installed"
    if bindings == _BROKEN_BINDINGS:
        return f"cuda-bindings {bindings} is broken: install another version"
    return ""


def version(package: str) -> str:
    """Return the version of an installed package; ImportError without it."""
    from importlib import metadata  # what it imports takes longer than this whole module

    return metadata.version(package)


def explain(error: Exception) -> str:
    """Return the meaning of a failed probe in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if any(mark in text for mark in _OTHER_GPU):
        return f"{_HYBRID} ({text})"
    return f"CUDA could not write to OpenGL's buffer ({text})"
