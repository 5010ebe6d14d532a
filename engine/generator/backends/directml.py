"""Blocks by ONNX Runtime on DirectML: any GPU under Windows, also AMD's, which no build of torch there is kept up for.

The graphs are those that TensorRT builds from, a block each, so that warps stay live. NOT YET RUN ON A GPU: here the
same code ran on ONNX Runtime's own processor. Maps cross between host and GPU with every block, so it is asked for by
name and "auto" leaves it out. Its picture is compared with plain PyTorch's before it plays.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from engine.generator.backends.agreement import compare
from engine.generator.backends.blocks import Unavailable
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import Prepared
from engine.generator.backends.tensorrt import EngineBlocks

PROVIDER = "DmlExecutionProvider"
MISSING = 'is not installed (Windows; start.py --directml, or  pip install "latentvj[directml]")'
TYPES = {torch.float32: np.float32, torch.uint8: np.uint8}


def refusal(prepared: Prepared, precision: str) -> str | None:
    """Say why this backend cannot play a network on this machine, or None."""
    if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("onnx") is None:
        return MISSING
    import onnxruntime

    if PROVIDER not in onnxruntime.get_available_providers():
        return MISSING
    from engine.generator.backends import onnx_blocks

    return onnx_blocks.refusal(prepared)


def open_blocks(prepared: Prepared, precision: str) -> DirectMlBlocks:
    """Load a session for every block and compare; Unavailable where one does not load or the pictures differ."""
    from engine.generator.backends.onnx_blocks import block_model

    levels = range(len(prepared.blocks))
    blocks = DirectMlBlocks(prepared, "fp32", [Session(block_model(prepared, i, False), PROVIDER) for i in levels])
    with torch.inference_mode():
        compare(blocks, EagerBlocks(prepared, torch.float32), "DirectML")
    return blocks


class DirectMlBlocks(EngineBlocks):
    """A network as sessions of ONNX Runtime."""

    backend = "directml"


class Session:
    """A block's graph that reads and writes torch's memory by its address, see tensorrt.Engine."""

    def __init__(self, model: bytes, provider: str) -> None:
        """Raises Unavailable where the runtime cannot load it."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.enable_mem_pattern = False  # DirectML asks for both (ONNX Runtime's page on its provider)
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3  # errors only
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=[provider])
        except Exception as error:  # a driver's; the runtime's errors have no common type
            raise Unavailable(f"DirectML does not load a block: {error}") from error
        self.inputs = {one.name: torch.contiguous_format for one in self._session.get_inputs()}
        self.outputs = {one.name: torch.contiguous_format for one in self._session.get_outputs()}

    def __call__(self, tensors: Mapping[str, Tensor]) -> None:
        """See tensorrt.Engine."""
        binding = self._session.io_binding()
        for name, tensor in tensors.items():
            bind = binding.bind_input if name in self.inputs else binding.bind_output
            bind(name, "cpu", 0, TYPES[tensor.dtype], list(tensor.shape), tensor.data_ptr())
        self._session.run_with_iobinding(binding)
