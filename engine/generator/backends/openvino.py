"""Blocks by OpenVINO, the optional extra `cpu`: compiles in about a second and needs no C++ compiler.

Every block is a model of its own, converted from the eager one, so that caching, warps and reduced resolution work
as with any other backend. x and img cross between blocks as fp32.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import warnings
from typing import Any

import torch
from platformdirs import user_cache_path
from torch import Tensor, nn

from engine.generator.backends.blocks import Blocks, Given, Images
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import Prepared
from engine.generator.backends.processor import lacks
from engine.system.compiled import processor

MISSING = 'is not installed; run  pip install "latentvj[cpu]"'


class _Block(nn.Module):
    """One block with tensors only: (styles, scales, a noise map for each convolution, x, img) -> (x, img)."""

    def __init__(self, blocks: EagerBlocks, level: int) -> None:
        super().__init__()
        self.blocks, self.level = blocks, level
        self.first = level == 0
        self.painted = any(block.rgb is not None for block in blocks.prepared.blocks[:level])
        self.paints = blocks.prepared.blocks[level].rgb is not None
        self.noises = sum(conv.noise is not None for conv in blocks.prepared.blocks[level].convs)

    def inputs(self) -> tuple[Tensor, ...]:
        """Return example inputs, in order."""
        prepared = self.blocks.prepared
        plan, before = prepared.blocks[self.level], prepared.blocks[max(self.level - 1, 0)]
        styles, scales = prepared.modulation(torch.zeros(prepared.network.num_ws, prepared.network.w_dim))
        examples = [styles, scales, *(torch.zeros(plan.shape) for _ in range(self.noises))]
        if not self.first:
            examples.append(torch.zeros(1, plan.convs[0].fan_in, *before.shape))
        if self.painted:
            examples.append(torch.zeros(1, prepared.network.img_channels, *before.shape))
        return tuple(examples)

    def forward(self, styles: Tensor, scales: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        maps, images = others[: self.noises], others[self.noises :]
        x = None if self.first else images[0]
        img = images[1] if self.painted else None
        x, img = self.blocks.run(self.level, x, img, Given(styles, scales, maps=maps or None))
        return (x.float(),) if img is None else (x.float(), img)


def _convert(block: _Block) -> Any:
    """Return the block as an OpenVINO model of fixed shapes.

    By the frontend itself: `openvino.convert_model` reports home over the network first, and a show without
    one waits a minute for that.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    examples = block.inputs()
    frontend = FrontEndManager().load_by_framework("pytorch")
    with warnings.catch_warnings():  # tracing warns of every size it takes for fixed; they are
        warnings.simplefilter("ignore")
        decoder = TorchScriptPythonDecoder(block, example_input=examples)  # must outlive the conversion
    model = frontend.convert(frontend.load(decoder))
    model.reshape({i: list(example.shape) for i, example in enumerate(examples)})
    return model


def _keep_compiled(core: Any) -> None:
    """Let OpenVINO keep what it compiles in the user's cache; its keys hold the model, settings and version."""
    folder = user_cache_path("latentvj") / "openvino" / hashlib.sha256(processor().encode()).hexdigest()[:16]
    with contextlib.suppress(OSError, RuntimeError):  # a read-only home costs a second at every start, no more
        folder.mkdir(parents=True, exist_ok=True)
        core.set_property({"CACHE_DIR": str(folder)})


def refusal(prepared: Prepared, precision: str) -> str | None:
    """Say why this backend cannot play a network on this machine, or None."""
    return lacks(precision) if importlib.util.find_spec("openvino") else MISSING


def open_blocks(prepared: Prepared, precision: str) -> OpenVinoBlocks:
    """Convert and compile every block; ImportError where OpenVINO is not installed."""
    return OpenVinoBlocks(prepared, precision, torch.get_num_threads())


class OpenVinoBlocks(Blocks):
    """Every block compiled by OpenVINO for this processor."""

    backend = "openvino"

    def __init__(self, prepared: Prepared, precision: str, threads: int, device: str = "CPU") -> None:
        """Convert and compile; ImportError where OpenVINO is not installed.

        It decides by the processor whether it heeds ``precision``: the blocks' own is what it took.
        """
        import openvino

        self.prepared = prepared
        eager = EagerBlocks(prepared, torch.float32)
        for layer in (layer for block in eager.convs for layer in block):
            layer.fold, layer.constant = False, True
        core = openvino.Core()
        _keep_compiled(core)
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            **({"INFERENCE_NUM_THREADS": threads} if device == "CPU" else {}),
        }
        self._requests: list[Any] = []
        self._outputs: list[int] = []
        with torch.inference_mode(False), torch.no_grad():
            for level in range(len(prepared.blocks)):
                block = _Block(eager, level)
                model = _convert(block)
                self._outputs.append(len(model.outputs))
                compiled = core.compile_model(model, device, settings)
                self._requests.append(compiled.create_infer_request())
        taken = compiled.get_property("INFERENCE_PRECISION_HINT")
        self.precision = {openvino.Type.bf16: "bf16", openvino.Type.f16: "fp16"}.get(taken, "fp32")

    def run(self, level: int, x: Tensor | None, img: Tensor | None, given: Given) -> Images:
        """See Blocks. x and img are the request's own memory until it runs again."""
        inputs = [given.styles, given.scales, *given.noise(self.prepared.blocks[level])]
        inputs += [one.float().contiguous() for one in (x, img) if one is not None]
        request = self._requests[level]
        request.infer([one.numpy() for one in inputs], share_inputs=True)
        outputs = [torch.from_numpy(request.get_output_tensor(i).data) for i in range(self._outputs[level])]
        painted = outputs[1] if len(outputs) > 1 else None
        given.show(painted)
        return outputs[0], painted
