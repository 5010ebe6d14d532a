"""ONNX files, read as data without the package onnx: the graph's nodes and constants.

A file is one protobuf message (onnx/onnx.proto): ModelProto has its graph as field 7; a GraphProto has nodes (1),
initializers (5), inputs (11) and outputs (12). Only what the style networks hold is read; nothing in the file runs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from engine.borders.style_weights import Attribute, Graph, Node
from engine.generator.checkpoints.refusals import AGAIN, EXHAUSTS, Refused

if TYPE_CHECKING:
    from torch import Tensor

DAMAGED = f"its ONNX graph is damaged: {AGAIN}"
MOST_NODES = 20_000  # nodes of a graph; a file with more is refused
MOST_NUMBERS = 1 << 28  # numbers of a tensor; one with more is refused
DTYPES = {1: "<f4", 2: "<u1", 3: "<i1", 6: "<i4", 7: "<i8", 9: "<u1", 10: "<f2", 11: "<f8"}  # TensorProto.DataType

Value: TypeAlias = "int | memoryview"


def read_graph(data: bytes) -> Graph:
    """Return the graph of an ONNX file. Raises Refused where it is damaged or no ONNX."""
    try:
        graphs = [value for number, value in fields(memoryview(data)) if number == 7 and isinstance(value, memoryview)]
        if len(graphs) != 1:
            raise Refused(DAMAGED)
        return _graph(graphs[0])
    except (IndexError, struct.error, UnicodeDecodeError, ValueError):
        raise Refused(DAMAGED) from None


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield a message's fields: number and value, an int or a part of ``data``. Raises Refused and IndexError."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        value: Value
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at : at + 8], at + 8
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind == 5:
            value, at = data[at : at + 4], at + 4
        else:
            raise Refused(DAMAGED)
        if at > len(data):
            raise Refused(DAMAGED)
        yield key >> 3, value


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte and the place behind it. Raises Refused for one of more than 64 bits."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise Refused(DAMAGED)


def signed(value: int) -> int:
    """Return a varint as the signed number that it stands for."""
    return value - (1 << 64) if value >> 63 else value


def _graph(data: memoryview) -> Graph:
    nodes: list[Node] = []
    constants: dict[str, Tensor] = {}
    inputs: list[str] = []
    outputs: list[str] = []
    for number, value in fields(data):
        if not isinstance(value, memoryview):
            continue
        if number == 1:
            nodes.append(_node(value, constants))
        elif number == 5:
            name, tensor = _tensor(value)
            constants[name] = tensor
        elif number in (11, 12):
            (inputs if number == 11 else outputs).append(_text(value, 1))
        if len(nodes) > MOST_NODES:
            raise Refused(f"it lists more nodes than any style network has: {EXHAUSTS}")
    return Graph(tuple(nodes), constants, tuple(n for n in inputs if n not in constants), tuple(outputs))


def _node(data: memoryview, constants: dict[str, Tensor]) -> Node:
    """Return a NodeProto; the value of a Constant goes to ``constants``."""
    lists: dict[int, list[str]] = {1: [], 2: []}
    operator, attributes = "", dict[str, Attribute]()
    for number, value in fields(data):
        if not isinstance(value, memoryview):
            continue
        if number in lists:
            lists[number].append(bytes(value).decode())
        elif number == 4:
            operator = bytes(value).decode()
        elif number == 5:
            name, attribute = _attribute(value, lists[2], constants)
            attributes[name] = attribute
    return Node(operator, tuple(lists[1]), tuple(lists[2]), attributes)


def _attribute(data: memoryview, outputs: list[str], constants: dict[str, Tensor]) -> tuple[str, Attribute]:
    """Return an AttributeProto: a float (2), an int (3), a string (4), ints (8), or a Constant's tensor (5)."""
    name, value, ints = "", None, list[int]()
    found: Attribute = None
    for number, value in fields(data):
        if isinstance(value, int):
            if number == 3:
                found = signed(value)
            elif number == 8:
                ints.append(signed(value))
        elif number == 1:
            name = bytes(value).decode()
        elif number == 2:
            found = float(struct.unpack("<f", value)[0])
        elif number == 4:
            found = bytes(value).decode()
        elif number == 5 and len(outputs) == 1:
            constants[outputs[0]] = _tensor(value)[1]
        elif number == 8:
            ints += _packed(value)
    return name, tuple(ints) if ints else found


def _tensor(data: memoryview) -> tuple[str, Tensor]:
    """Return a TensorProto's name and numbers: raw (9), or listed as floats (4), int32 (5) or int64 (7)."""
    import torch

    dims: list[int] = []
    name, dtype, raw, listed = "", 0, None, list[float]()
    for number, value in fields(data):
        if number == 1:
            dims += _whole(value)
        elif number == 2 and isinstance(value, int):
            dtype = value
        elif number in (5, 7):
            listed += _whole(value)
        elif number == 4 and isinstance(value, memoryview):
            listed += struct.unpack(f"<{len(value) // 4}f", value)
        elif number == 8 and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif number == 9 and isinstance(value, memoryview):
            raw = value
    if dtype not in DTYPES or any(not 0 <= size <= MOST_NUMBERS for size in dims):
        raise Refused(DAMAGED)
    kind = np.dtype(DTYPES[dtype])
    flat = np.frombuffer(raw, kind) if raw is not None else np.array(listed, kind)
    if flat.size != int(np.prod(dims, dtype=np.int64)):
        raise Refused(DAMAGED)
    return name, torch.from_numpy(flat.reshape(dims).copy())


def _whole(value: Value) -> list[int]:
    """Return the whole numbers of a repeated field: one, or many that are packed."""
    return [signed(value)] if isinstance(value, int) else _packed(value)


def _packed(data: memoryview) -> list[int]:
    at, found = 0, []
    while at < len(data):
        value, at = varint(data, at)
        found.append(signed(value))
    return found


def _text(data: memoryview, wanted: int) -> str:
    for number, value in fields(data):
        if number == wanted and isinstance(value, memoryview):
            return bytes(value).decode()
    return ""


def conditional_tensors(graph: Graph) -> Mapping[str, Tensor]:
    """Return the constants of the wheel's 26-style network, by the names that `conditional` reads."""
    return {
        name.replace(".norm.", ".").removesuffix(".w") + (".weight" if name.endswith(".w") else ""): tensor
        for name, tensor in graph.constants.items()
        if name.split(".")[0] in ("contract", "res", "expand")
    }
