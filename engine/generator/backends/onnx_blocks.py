"""Every block of a prepared network as an ONNX graph, written by hand: what TensorRT builds its engines from.

Every block is a graph of its own, because feature warps bend the maps between two blocks. It takes what a `Blocks`
takes: x, img, the network's flat `styles` and `scales` (fp32, worked out outside) and the layers' noise maps; it
returns x, img and the finished picture `rgba`. Nothing is traced, so that a 1024-px
network takes seconds. In half precision the convolutions are fp16 and their sums come back to fp32 for scale,
noise, bias, nonlinearity and clamp; the RGB is summed up in fp32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from engine.generator.backends.eager import SAFE_CLAMP
from engine.generator.backends.prepare import SLOPES, BlockPlan, LayerPlan, Prepared

OPSET, IR_VERSION = 17, 9  # versions of ONNX; the oldest with every operator used here, so that any runtime reads them
FUNCTIONS = {"tanh": "Tanh", "sigmoid": "Sigmoid", "elu": "Elu", "selu": "Selu", "softplus": "Softplus"}


def refusal(prepared: Prepared) -> str | None:
    """Say why a network cannot be written as graphs, or None."""
    if prepared.activation not in (*SLOPES, *FUNCTIONS, "swish"):
        return f"its nonlinearity is {prepared.activation}"
    if any(min(_square(block.fir).shape) < 2 for block in prepared.blocks):
        return "its resampling filter is a single tap"
    return None


def block_model(prepared: Prepared, level: int, half: bool) -> bytes:
    """Return block ``level`` as a serialised ONNX model; with ``half`` ``prepared`` must be normalised.

    Inputs: styles [S + 1], scales [convolutions, widest], noise0 and noise1 [H, W] where the model has noise;
    x [1, C, h, w] and img [1, channels, h, w] where a block went before. Outputs: x, img and rgba [R, R, 4] uint8
    where the block paints, called x_out, img_out, rgba.
    """
    plan, graph = prepared.blocks[level], _Graph(half)
    channels = prepared.network.img_channels
    styles, scales = (graph.input(n, s) for n, s in zip(("styles", "scales"), prepared.modulation.shapes, strict=True))
    if level == 0:
        start = graph.constant(_array(plan.source.const)[None], low=True)
    else:
        start = graph.input("x", (1, plan.convs[0].fan_in, *prepared.blocks[level - 1].shape), low=True)
    painted = level > 0 and any(block.rgb is not None for block in prepared.blocks[:level])
    img = graph.input("img", (1, channels, *prepared.blocks[level - 1].shape)) if painted else None
    x, wide = start, ""
    for i, own in enumerate(plan.convs):
        noise = None if own.noise is None else graph.input(f"noise{i}", own.shape)
        wide = _convolve(graph, own, x, styles, scales, noise)
        if plan.source.is_resnet and i == 1:
            wide = graph.add("Add", graph.wide(_skip(graph, plan, start)), wide)
        x = graph.low(wide)
    graph.output("x_out", x, (1, plan.convs[-1].fan_out, *plan.shape), low=True)
    if plan.rgb is not None:
        img = _paint(graph, plan, plan.rgb, x, img, styles)
        graph.output("img_out", img, (1, channels, *plan.shape))
        graph.output("rgba", _finished(graph, img, channels, plan.shape), (*plan.shape, 4), picture=True)
    return graph.serialise(f"b{plan.resolution}")


class _Graph:
    """ONNX nodes by name; ``low`` marks what is fp16 in half precision."""

    def __init__(self, half: bool) -> None:
        self.half = half
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._constants: list[Any] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node and return the name of its result."""
        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: NDArray[Any] | float | list[int], low: bool = False) -> str:
        """Add a constant; lists are integers."""
        array = np.asarray(values, dtype=np.int64 if isinstance(values, list) else np.float32)
        if low and self.half:
            array = array.astype(np.float16)
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def input(self, name: str, shape: tuple[int, ...], low: bool = False) -> str:
        """Declare an input."""
        self._inputs.append(helper.make_tensor_value_info(name, self._type(low), list(shape)))
        return name

    def output(self, name: str, value: str, shape: tuple[int, ...], low: bool = False, picture: bool = False) -> None:
        """Declare an output called ``name``; a picture becomes uint8 there, which TensorRT has at its edges only."""
        kind = int(TensorProto.UINT8) if picture else self._type(low)
        self._nodes.append(helper.make_node("Cast", [value], [name], to=kind))
        self._outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def low(self, name: str) -> str:
        """Return a value of fp32 in the precision of the convolutions."""
        return self.add("Cast", name, to=TensorProto.FLOAT16) if self.half else name

    def wide(self, name: str) -> str:
        """Return a result of a convolution as fp32."""
        return self.add("Cast", name, to=TensorProto.FLOAT) if self.half else name

    def clip(self, name: str, bound: float | None) -> str:
        """Bound a fp32 value."""
        if bound is None or math.isinf(bound):
            return name
        return self.add("Clip", name, self.constant(-bound), self.constant(bound))

    def serialise(self, name: str) -> bytes:
        """Return the model."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="latentvj")
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _type(self, low: bool) -> int:
        return int(TensorProto.FLOAT16 if low and self.half else TensorProto.FLOAT)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().float().cpu().numpy(), dtype=np.float32)


def _square(fir: Tensor) -> NDArray[np.float32]:
    """The FIR as a 2-D kernel."""
    kernel = _array(fir)
    return np.outer(kernel, kernel) if kernel.ndim == 1 else kernel


def _per_map(graph: _Graph, flat: str, start: int, count: int, row: int | None = None) -> str:
    """``count`` values of a vector from ``start`` on, or of a matrix's row, as [1, count, 1, 1]."""
    begin, end, axes = ([start], [start + count], [0]) if row is None else ([row, 0], [row + 1, count], [0, 1])
    part = graph.add("Slice", flat, graph.constant(begin), graph.constant(end), graph.constant(axes))
    return graph.add("Reshape", part, graph.constant([1, count, 1, 1]))


def _convolve(graph: _Graph, plan: LayerPlan, x: str, styles: str, scales: str, noise: str | None) -> str:
    """act(conv(x * style) * scale + noise + bias), clamped, as fp32 [1, O, H, W]."""
    weight = _array(plan.weight)
    scale = _per_map(graph, scales, 0, plan.fan_out, plan.index)
    if graph.half:  # of unit reach, like the normalised styles: no sum leaves fp16's range
        reach = np.maximum(np.abs(weight).max(axis=(1, 2, 3)) * math.sqrt(weight[0].size), 1e-8)
        weight = weight / reach[:, None, None, None]
        scale = graph.add("Mul", scale, graph.constant(reach[None, :, None, None]))
    style = graph.low(_per_map(graph, styles, plan.style_at, plan.fan_in))
    x = graph.add("Mul", x, style)
    if plan.kind == "up":
        kernel = graph.constant(weight.transpose(1, 0, 2, 3), low=True)
        y = graph.add("ConvTranspose", x, kernel, strides=[2, 2], kernel_shape=[3, 3])
        y = _filter(graph, y, plan.fir, plan.fan_out)
    else:
        y = graph.add("Conv", x, graph.constant(weight, low=True), pads=[1, 1, 1, 1], kernel_shape=[3, 3])
    y = graph.add("Mul", graph.wide(y), scale)
    if noise is not None:
        y = graph.add("Add", y, noise)
    y = graph.add("Add", y, graph.constant(_array(plan.bias)[None, :, None, None]))
    bound = plan.clamp
    if graph.half:
        bound = min(math.inf if bound is None else bound, SAFE_CLAMP * plan.post_gain)
    return graph.clip(_activate(graph, plan, y), bound)


def _activate(graph: _Graph, plan: LayerPlan, y: str) -> str:
    name = plan.activation
    if name == "linear":
        return y
    if name in SLOPES:
        return graph.add("LeakyRelu", y, alpha=SLOPES[name]) if SLOPES[name] else graph.add("Relu", y)
    y = graph.add("Mul", y, graph.add("Sigmoid", y)) if name == "swish" else graph.add(FUNCTIONS[name], y)
    return y if plan.post_gain == 1.0 else graph.add("Mul", y, graph.constant(plan.post_gain))


def _filter(graph: _Graph, y: str, fir: Tensor, channels: int) -> str:
    """A bare transposed convolution [1, O, 2h+1, 2w+1] through the FIR, as `eager.filter_up`."""
    kernel = np.flip(_square(fir)) * 4
    fh, fw = kernel.shape
    pads = [(fh + 1) // 2 - 1, (fw + 1) // 2 - 1, (fh - 2) // 2, (fw - 2) // 2]
    kernels = graph.constant(np.repeat(kernel[None, None], channels, axis=0), low=True)
    return graph.add("Conv", y, kernels, group=channels, pads=pads, kernel_shape=[fh, fw])


def _upsample(graph: _Graph, x: str, fir: Tensor, channels: int, low: bool) -> str:
    """`network.upsample2` as one transposed convolution with the FIR itself, its margins cut off."""
    kernel = _square(fir) * 4
    fh, fw = kernel.shape
    top, left = fh - 1 - (fh + 1) // 2, fw - 1 - (fw + 1) // 2
    kernels = graph.constant(np.repeat(kernel[None, None], channels, axis=0), low=low)
    pads = [top, left, fh - 2 - top, fw - 2 - left]
    return graph.add("ConvTranspose", x, kernels, group=channels, strides=[2, 2], pads=pads, kernel_shape=[fh, fw])


def _skip(graph: _Graph, plan: BlockPlan, start: str) -> str:
    skip = plan.source.skip
    weight = _array(skip.weight) * (skip.weight_gain * math.sqrt(0.5))
    thin = graph.add("Conv", start, graph.constant(weight, low=True), kernel_shape=[1, 1])
    return _upsample(graph, thin, skip.resample_filter, plan.convs[-1].fan_out, low=True)


def _paint(graph: _Graph, plan: BlockPlan, rgb: LayerPlan, x: str, img: str | None, styles: str) -> str:
    """ToRGB on top of what the blocks before have painted, fp32."""
    style = _per_map(graph, styles, rgb.style_at, rgb.fan_in)
    weight = graph.low(graph.add("Mul", graph.constant(_array(rgb.weight)), style))
    painted = graph.wide(graph.add("Conv", x, weight, kernel_shape=[1, 1]))
    painted = graph.add("Add", painted, graph.constant(_array(rgb.bias)[None, :, None, None]))
    bound = rgb.clamp
    if graph.half:
        bound = min(math.inf if bound is None else bound, SAFE_CLAMP)
    painted = graph.clip(painted, bound)
    if img is None:
        return painted
    return graph.add("Add", _upsample(graph, img, plan.fir, rgb.fan_out, low=False), painted)


def _finished(graph: _Graph, img: str, channels: int, shape: tuple[int, int]) -> str:
    """`eager.to_rgba`: [H, W, 4], whole numbers 0..255."""
    count = min(channels, 4) if channels >= 3 else 1
    if channels != count:
        img = graph.add("Slice", img, graph.constant([0]), graph.constant([count]), graph.constant([1]))
    levels = graph.add("Add", graph.add("Mul", img, graph.constant(127.5)), graph.constant(128.0))
    levels = graph.add("Floor", graph.add("Clip", levels, graph.constant(0.0), graph.constant(255.0)))
    if count == 1:
        levels = graph.add("Concat", levels, levels, levels, axis=1)
    if count != 4:  # opaque
        levels = graph.add("Pad", levels, graph.constant([0, 0, 0, 0, 0, 1, 0, 0]), graph.constant(255.0))
    pixels = graph.add("Transpose", levels, perm=[0, 2, 3, 1])
    return graph.add("Reshape", pixels, graph.constant([*shape, 4]))
