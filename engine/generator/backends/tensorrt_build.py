"""Builds TensorRT engines and keeps them: `tensorrt` where it is installed, else TensorRT for RTX.

TensorRT for RTX builds for any of its GPUs on a machine without one, in about a second for a whole network, and
compiles the kernels when the engine is loaded; `tensorrt` builds for the GPU in the machine, in minutes, with
measurements of its own. Only the building has been run, without a GPU.

An engine is kept under the digest of all it was made from: the ONNX graph with the checkpoint's weights, resolution
and precision in it, the library with its version, and the GPU. A changed one of these is another name, so that a
stale or foreign engine is never found; a truncated one fails its checksum and is built anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from engine.borders.errors import UserError
from engine.generator.backends.blocks import Unavailable
from engine.system.files import write_whole

MAGIC = b"latentvj engine 1\n"
KEPT_BYTES = 4 * 10**9  # bytes; size of the cache, from which the engines used longest ago are deleted first
MODULES = {"tensorrt": "tensorrt", "tensorrt_rtx_bindings": "TensorRT for RTX", "tensorrt_rtx": "TensorRT for RTX"}
MISSING = 'TensorRT is not installed; run  pip install "latentvj[tensorrt]"'


@dataclass(frozen=True, slots=True)
class Library:
    """TensorRT, whichever it is."""

    module: Any
    name: str
    rtx: bool

    @property
    def version(self) -> str:
        """As the library says it."""
        return str(self.module.__version__)

    def refusal(self, gpu: str) -> str | None:
        """Say why engines for ``gpu`` ("sm86") cannot be built, or None."""
        if not self.rtx:
            return None
        known = [name.lower() for name in self.module.ComputeCapability.__members__ if name.startswith("SM")]
        if gpu in known:
            return None
        listed = ", ".join(sorted(known, key=lambda name: int(name[2:])))
        return f"{self.name} {self.version} has no {gpu}; it has {listed}"


def listener(trt: Any) -> Any:
    """Return a logger for ``trt``, a TensorRT, that prints nothing: ``reason()`` is the first error, behind a colon."""

    class Listener(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self._errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
                self._errors.append(message)

        def reason(self) -> str:
            own = [line for error in self._errors if "catchCudaError" not in error for line in error.splitlines()[:1]]
            return f": {own[0]}" if own else ""  # the others say that there is no GPU here, which is no reason

    return Listener()


def find_library() -> Library | None:
    """Return the TensorRT that is installed; None without one, or with one that does not load."""
    for module, name in MODULES.items():
        with contextlib.suppress(ImportError, OSError):
            return Library(importlib.import_module(module), name, module != "tensorrt")
    return None


class Engines:
    """Builds what is not kept yet, for one library and one GPU."""

    def __init__(self, library: Library, gpu: str, device: str = "", folder: Path | None = None) -> None:
        """``gpu`` is the compute capability ("sm86"); ``device`` the GPU's name.

        `tensorrt` tunes its engines to the very device. Raises Unavailable for a GPU that the library does not have.
        """
        if reason := library.refusal(gpu):
            raise Unavailable(reason)
        self.library, self.gpu = library, gpu
        self._identity = f"{library.name}\n{library.version}\n{gpu}\n{'' if library.rtx else device}\n"
        self.folder = folder or user_cache_path("latentvj") / "tensorrt"
        self.built = 0  # engines that were not there

    def get(self, model: bytes) -> bytes:
        """Return the engine of an ONNX model, kept or built now; Unavailable when it cannot be built."""
        digest = hashlib.sha256(self._identity.encode() + model).hexdigest()
        path = self.folder / f"{digest[:32]}.engine"
        engine = _read(path, digest)
        if engine is None:
            engine = self.build(model)
            self.built += 1
            self._keep(path, digest, engine)
        return engine

    def kernels(self, model: bytes) -> Path | None:
        """Return the file of the kernels that are compiled for the engine of ``model``; None where none are."""
        digest = hashlib.sha256(self._identity.encode() + model).hexdigest()
        return self.folder / f"{digest[:32]}.kernels" if self.library.rtx else None

    def build(self, model: bytes) -> bytes:
        """Build one engine: strongly typed, so that every type is the graph's own."""
        trt = self.library.module
        log = listener(trt)
        builder = trt.Builder(log)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, log)
        if not parser.parse(model):
            why = " ".join(parser.get_error(0).desc().split())
            raise Unavailable(f"{self.library.name} does not read the graph: {why}")
        for i in range(network.num_inputs):
            _prefer_channels_last(trt, network.get_input(i))
        for i in range(network.num_outputs):
            _prefer_channels_last(trt, network.get_output(i))
        config = builder.create_builder_config()
        if self.library.rtx:
            config.num_compute_capabilities = 1
            config.set_compute_capability(getattr(trt.ComputeCapability, self.gpu.upper()), 0)
        engine = builder.build_serialized_network(network, config)
        if engine is None:
            raise Unavailable(
                f"{self.library.name} {self.library.version} could not build an engine for {self.gpu}{log.reason()}"
            )
        return bytes(engine)

    def _keep(self, path: Path, digest: str, engine: bytes) -> None:
        """Write the engine whole or not at all; a full or read-only disk costs the next start some time, no more."""
        head = MAGIC + f"{digest}\n{hashlib.sha256(engine).hexdigest()}\n".encode()
        with contextlib.suppress(OSError, UserError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, Path.write_bytes, head + engine)
            _make_room(self.folder)


def _prefer_channels_last(trt: Any, tensor: Any) -> None:
    """Let images of fp16 cross as the convolutions keep them, where that needs no padding."""
    if tensor.dtype == trt.float16 and len(tensor.shape) == 4 and tensor.shape[1] % 8 == 0:
        tensor.allowed_formats = 1 << int(trt.TensorFormat.HWC8)


def _read(path: Path, digest: str) -> bytes | None:
    """Return the engine in ``path`` if it is whole and the one that ``digest`` names; mark it as used."""
    try:
        held = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    head, _, rest = held.partition(b"\n")
    named, _, rest = rest.partition(b"\n")
    checksum, _, engine = rest.partition(b"\n")
    whole = head + b"\n" == MAGIC and named == digest.encode()
    return engine if whole and hashlib.sha256(engine).hexdigest().encode() == checksum else None


def _make_room(folder: Path) -> None:
    files = [file for file in folder.iterdir() if file.suffix in (".engine", ".kernels")]
    kept = sorted(((file.stat().st_mtime, file) for file in files), reverse=True)
    size = 0
    for _, file in kept:
        size += file.stat().st_size
        if size > KEPT_BYTES:
            file.unlink(missing_ok=True)
