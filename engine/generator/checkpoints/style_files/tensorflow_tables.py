"""TensorFlow's checkpoints V1 and V2 without TensorFlow: the sorted string tables that both are made of.

A table is LevelDB's (google/leveldb, doc/table_format.md): blocks of keys with shared beginnings, an index of blocks,
a footer of 48 bytes with the magic number. V2's ``.index`` holds for each tensor where its numbers lie in
``.data-00000-of-00001`` (tensorflow/core/protobuf/tensor_bundle.proto). V1 is one file that holds the tensors
themselves (tensorflow/core/util/saved_tensor_slice.proto). Nothing in a file runs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.generator.checkpoints.pickles.spans import TRUNCATED, Span
from engine.generator.checkpoints.pickles.tensors import LARGEST_FILE, MOST_TENSORS
from engine.generator.checkpoints.refusals import AGAIN, EXHAUSTS, Refused
from engine.generator.checkpoints.style_files.onnx_files import fields, signed, varint

if TYPE_CHECKING:
    from torch import Tensor

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)  # the last bytes of a table
FOOTER = 48  # bytes
DAMAGED = f"its TensorFlow table is damaged: {AGAIN}"
DTYPES = {1: "<f4", 2: "<f8", 19: "<f2"}  # tensorflow/core/framework/types.proto; others are no weights
OBJECTS = b"_CHECKPOINTABLE_OBJECT_GRAPH"  # the key of what a SavedModel's checkpoint says of its variables
LARGEST_BLOCK = 1 << 30  # bytes of a block, unpacked


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor of a V2 checkpoint lies: its type, shape, and bytes in the data file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


def is_table(span: Span) -> bool:
    """Return whether a file ends as a table does."""
    return span.length >= FOOTER and span.read(span.length - 8, 8) == MAGIC


def read_checkpoint(path: Path, span: Span) -> dict[str, Tensor]:
    """Return the tensors of the checkpoint whose table is ``span``: floating-point ones, by name, fp32.

    ``path`` is the table's file; V2's data lie beside it. Raises Refused and OSError.
    """
    try:
        rows = list(entries(span))
        if not rows or rows[0][0] != b"":
            raise Refused("this sorted string table is no TensorFlow checkpoint: give its .index or .ckpt file")
        if path.name.endswith(".index"):
            return _read_v2(path, rows)
        return _read_v1(rows)
    except (IndexError, struct.error, UnicodeDecodeError, ValueError, OverflowError):
        raise Refused(DAMAGED) from None


def entries(span: Span) -> Iterator[tuple[bytes, memoryview]]:
    """Yield every key and value of a table, in order. Raises Refused, IndexError and ValueError."""
    footer = memoryview(span.read(span.length - FOOTER, FOOTER))
    _, at = _handle(footer, 0)  # of the meta index
    index, _ = _handle(footer, at)
    left = 2 * LARGEST_FILE  # bytes that blocks may unpack to, in all
    for _, value in _rows(_block(span, *index)):
        block = _block(span, *_handle(value, 0)[0])
        left -= len(block)
        if left < 0:
            raise Refused(f"its blocks unpack to far more than the file holds: {EXHAUSTS}")
        yield from _rows(block)


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(span: Span, offset: int, size: int) -> memoryview:
    """Return a block's bytes, unpacked where it is; the byte behind it says how it is packed."""
    raw = memoryview(span.read(offset, size + 1))
    if raw[size] == 0:
        return raw[:size]
    if raw[size] == 1:
        return memoryview(unsnapped(raw[:size]))
    raise Refused(DAMAGED)


def _rows(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise Refused(DAMAGED)
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        own, at = varint(block, at)
        size, at = varint(block, at)
        if shared > len(key) or at + own + size > end:
            raise Refused(DAMAGED)
        key = key[:shared] + bytes(block[at : at + own])
        yield key, block[at + own : at + own + size]
        at += own + size


def unsnapped(data: memoryview) -> bytes:
    """Return what Snappy packed (google/snappy, format_description.txt). Raises Refused and IndexError."""
    size, at = varint(data, 0)
    if size > LARGEST_BLOCK:
        raise Refused(f"a block in it unpacks to more than any has: {EXHAUSTS}")
    out = bytearray()
    while at < len(data):
        tag, at = data[at], at + 1
        if tag & 3 == 0:  # literal bytes
            count = (tag >> 2) + 1
            if count > 60:
                wide = count - 60
                count, at = int.from_bytes(data[at : at + wide], "little") + 1, at + wide
            out += data[at : at + count]
            at += count
        else:  # a copy of what is there already
            if tag & 3 == 1:
                count, back, at = ((tag >> 2) & 7) + 4, ((tag >> 5) << 8) | data[at], at + 1
            else:
                wide = 2 if tag & 3 == 2 else 4
                count, back, at = (tag >> 2) + 1, int.from_bytes(data[at : at + wide], "little"), at + wide
            if not 0 < back <= len(out):
                raise Refused(DAMAGED)
            for _ in range(count):
                out.append(out[-back])
        if len(out) > size:
            raise Refused(DAMAGED)
    if len(out) != size:
        raise Refused(DAMAGED)
    return bytes(out)


def _read_v2(path: Path, rows: list[tuple[bytes, memoryview]]) -> dict[str, Tensor]:
    """Return a V2 checkpoint's tensors. Only one data file is read, as the published ones have it."""
    places: dict[str, Place] = {}
    graph: Place | None = None
    for key, value in rows[1:]:
        found = dict(fields(value))
        shard, dtype = found.get(3, 0), found.get(1, 0)
        if shard != 0:
            raise Refused("its numbers are spread over several data files: save it as one")
        at, size = _int(found.get(4, 0)), _int(found.get(5, 0))
        if key == OBJECTS:
            graph = Place("", (), at, size)
        elif dtype in DTYPES and 7 not in found:
            places[key.decode()] = Place(DTYPES[int(dtype)], _shape(found.get(2, memoryview(b""))), at, size)
    if len(places) > MOST_TENSORS:
        raise Refused(f"it lists more tensors than any style network has: {EXHAUSTS}")
    data = path.with_name(f"{path.name.removesuffix('.index')}.data-00000-of-00001")
    if not data.is_file():
        raise Refused(f"its numbers are missing: put {data.name} beside it")
    with data.open("rb") as file:
        span = Span(file, 0, file.seek(0, 2))
        names = _full_names(span.read(graph.offset, graph.size)) if graph is not None else {}
        return {
            names.get(key, key): _numbers(span.read(p.offset, p.size), p.dtype, p.shape) for key, p in places.items()
        }


def _full_names(data: bytes) -> dict[str, str]:
    """Return the variables' own names by their keys, of a SavedModel's checkpoint: its keys are only numbers.

    ``data`` is a tensor of one string: its length, four bytes that check the length, a TrackableObjectGraph
    (tensorflow/core/protobuf/trackable_object_graph.proto).
    """
    size, at = varint(memoryview(data), 0)
    names: dict[str, str] = {}
    for _, node in fields(memoryview(data)[at + 4 : at + 4 + size]):
        for number, attribute in fields(node) if isinstance(node, memoryview) else ():
            if number != 2 or not isinstance(attribute, memoryview):
                continue
            found = {kind: bytes(part).decode() for kind, part in fields(attribute) if isinstance(part, memoryview)}
            if 2 in found and 3 in found:
                names[found[3]] = found[2]
    return names


def _read_v1(rows: list[tuple[bytes, memoryview]]) -> dict[str, Tensor]:
    """Return a V1 checkpoint's tensors: the first row lists names and shapes, each other row is a tensor."""
    declared: dict[str, tuple[str, tuple[int, ...]]] = {}
    for number, meta in fields(rows[0][1]):
        if number == 1 and isinstance(meta, memoryview):
            for kind, tensor in fields(meta):
                if kind == 1 and isinstance(tensor, memoryview):
                    name, dtype, shape = _declared(tensor)
                    declared[name] = dtype, shape
    found: dict[str, Tensor] = {}
    for _, value in rows[1:]:
        for number, saved in fields(value):
            if number == 2 and isinstance(saved, memoryview):
                name, data = _saved(saved)
                if name not in declared or name in found:
                    raise Refused("a tensor in it is saved in several slices: save it whole")
                dtype, shape = declared[name]
                if dtype:
                    found[name] = _numbers(data, dtype, shape)
    return found


def _declared(data: memoryview) -> tuple[str, str, tuple[int, ...]]:
    """Return name, type ("" where it is no floating-point tensor) and shape of a SavedSliceMeta."""
    found = dict(fields(data))
    name = found.get(1, memoryview(b""))
    text = bytes(name).decode() if isinstance(name, memoryview) else ""
    return text, DTYPES.get(_int(found.get(3, 0)), ""), _shape(found.get(2, memoryview(b"")))


def _saved(data: memoryview) -> tuple[str, bytes]:
    """Return a SavedSlice's name and its numbers as bytes: a TensorProto's content, or its listed floats, doubles."""
    name, raw = "", b""
    for number, value in fields(data):
        if number == 1 and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif number == 3 and isinstance(value, memoryview):
            for kind, part in fields(value):
                if kind in (4, 5, 6) and isinstance(part, memoryview):
                    raw += bytes(part)
    return name, raw


def _shape(data: int | memoryview) -> tuple[int, ...]:
    """Return the sizes of a TensorShapeProto."""
    if not isinstance(data, memoryview):
        raise Refused(DAMAGED)
    sizes: list[int] = []
    for number, dim in fields(data):
        if number == 2 and isinstance(dim, memoryview):
            sizes.append(signed(_int(dict(fields(dim)).get(1, 0))))
    if any(size < 0 for size in sizes):
        raise Refused(DAMAGED)
    return tuple(sizes)


def _int(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise Refused(DAMAGED)
    return value


def _numbers(data: bytes, dtype: str, shape: tuple[int, ...]) -> Tensor:
    import torch

    flat = np.frombuffer(data, dtype)
    if flat.size != int(np.prod(shape, dtype=np.int64)):
        raise Refused(TRUNCATED)
    return torch.from_numpy(flat.astype(np.float32).reshape(shape))
