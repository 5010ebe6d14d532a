"""The engine's own form of a checkpoint: safetensors with NVIDIA's names, and the settings as JSON in the metadata.

`init_kwargs` holds NVIDIA's keywords, so other programs can read the file. `latentvj` holds what a conversion knows
of its source, and a checksum that shows a damaged copy in the cache. The format is a little-endian u64, a JSON header
of that length, then the numbers (huggingface/safetensors, README).
"""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypedDict

from engine.borders.errors import out_of_memory
from engine.generator.checkpoints.contents import Found, Note, Plain, Source
from engine.generator.checkpoints.families import PLAYED, recognise
from engine.generator.checkpoints.pickles.spans import TRUNCATED, Span
from engine.generator.checkpoints.pickles.tensors import MOST_TENSORS
from engine.generator.checkpoints.refusals import AGAIN, EXHAUSTS, Refused
from engine.system.files import as_text

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_HEADER = 4_000_000  # bytes; a file with a longer one is refused (a 1024-px generator's has 25,000)
FLOATS = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8}  # bytes of a number, by type
DAMAGED_HEADER = f"its safetensors header is damaged: {AGAIN}"
CHUNK = 1 << 22  # bytes; read at once
SUM, NO_SUM = re.compile(rb"crc32=[0-9a-f]{8}"), b"crc32=00000000"  # of the whole file with NO_SUM in the sum's place


class Entry(TypedDict):
    """A tensor in the header: its type (FLOATS), its shape, and its first byte and the one after it, of the numbers."""

    dtype: str
    shape: list[int]
    data_offsets: list[int]


@dataclass(frozen=True, slots=True)
class Header:
    """A file's header, checked: its tensors by name, the metadata, and where the numbers begin."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    data_start: int  # bytes from the file's start


def is_safetensors(head: bytes) -> bool:
    """Return whether a file with the first bytes `head` is safetensors: a length, then JSON."""
    return len(head) > 8 and head[8:9] == b"{" and head[5:8] == b"\0\0\0"


def read_header(span: Span) -> Header:
    """Return the header; every tensor is in its place. Raises Refused."""
    (length,) = struct.unpack("<Q", span.read(0, 8))
    if length > LARGEST_HEADER:
        raise Refused(f"its safetensors header is larger than any model's: {EXHAUSTS}")
    try:
        header = json.loads(span.read(8, length))
    except (ValueError, RecursionError):
        raise Refused(DAMAGED_HEADER) from None
    metadata = header.pop("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise Refused(DAMAGED_HEADER)
    check_entries(header, span.length - 8 - length)
    return Header(header, metadata, 8 + length)


def check_entries(header: dict[str, object], length: int) -> None:
    """Raise Refused unless the tensors fill the rest of the file, `length` bytes, one after the other."""
    spans = []
    if len(header) > MOST_TENSORS:
        raise Refused(f"it lists more tensors than any generator has: {EXHAUSTS}")
    for name, entry in header.items():
        if not isinstance(entry, dict) or entry.get("dtype") not in FLOATS:
            raise Refused(f"its {name[:60]!r} is no floating-point tensor, so this is no generator's file")
        shape, offsets = entry.get("shape"), entry.get("data_offsets")
        if not (isinstance(shape, list) and isinstance(offsets, list) and len(offsets) == 2):
            raise Refused(DAMAGED_HEADER)
        if not all(type(number) is int and number >= 0 for number in (*shape, *offsets)):
            raise Refused(DAMAGED_HEADER)
        spans.append((offsets[0], offsets[1], math.prod(shape) * FLOATS[entry["dtype"]]))
    end = 0
    for first, after, size in sorted(spans):
        if first != end or after - first != size:
            raise Refused(DAMAGED_HEADER)
        end = after
    if end != length:
        raise Refused(TRUNCATED if end > length else DAMAGED_HEADER)


def read_found(span: Span) -> Found:
    """Return the generator with its settings. Raises Refused for safetensors of anything else."""
    header = read_header(span)
    settings, ours = parsed(header.metadata, "init_kwargs"), parsed(header.metadata, "latentvj")
    family = ours.get("family")
    if not isinstance(family, str):
        family = recognise(tuple(header.entries))
        if family is None:
            raise Refused(f"this safetensors file is no {PLAYED} generator, only those can be played")
    found = Found(str(ours.get("format", "safetensors")), family, settings, {})
    found.notes = [Note(text(n, "setting"), n.get("value"), text(n, "how")) for n in objects(ours, "notes")]
    found.sources = tuple(
        Source(text(s, "class_name"), text(s, "sha256"), whole(s, "bytes")) for s in objects(ours, "sources")
    )
    return found


def parsed(metadata: dict[str, str], name: str) -> dict[str, Plain]:
    """Return a JSON object of the metadata, empty where there is none. Raises Refused when it is damaged."""
    try:
        value = json.loads(metadata.get(name, "{}"))
    except (ValueError, RecursionError):
        raise Refused(DAMAGED_HEADER) from None
    if not isinstance(value, dict):
        raise Refused(DAMAGED_HEADER)
    return value


def objects(parent: dict[str, Plain], name: str) -> list[dict[str, Plain]]:
    """Return a list of JSON objects, empty where there is none. Raises Refused when it is something else."""
    items = parent.get(name, [])
    if not isinstance(items, list):
        raise Refused(DAMAGED_HEADER)
    found = [item for item in items if isinstance(item, dict)]
    if len(found) != len(items):
        raise Refused(DAMAGED_HEADER)
    return found


def text(item: dict[str, Plain], name: str) -> str:
    """Return a text of a JSON object. Raises Refused where there is none."""
    value = item.get(name)
    if not isinstance(value, str):
        raise Refused(DAMAGED_HEADER)
    return value


def whole(item: dict[str, Plain], name: str) -> int:
    """Return a whole number of a JSON object. Raises Refused where there is none."""
    value = item.get(name)
    if not isinstance(value, int):
        raise Refused(DAMAGED_HEADER)
    return value


def map_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors by name, fp32; those that the file has in fp32 are memory-mapped. Raises Refused.

    The safetensors package (0.8.0) never frees two objects of every tensor that it hands over: a show that changes its
    model all night would grow by them.
    """
    import torch

    with path.open("rb") as file:
        length = file.seek(0, 2)
        header = read_header(Span(file, 0, length))
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}
    try:
        with as_text(path) as name:
            numbers = torch.UntypedStorage.from_file(name, False, length)
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        raise Refused(TRUNCATED) from None  # the file shrank while it was read
    state = {}
    for tensor, entry in header.entries.items():
        first, after = (header.data_start + offset for offset in entry["data_offsets"])
        part, kind = numbers[first:after], types[entry["dtype"]]
        flat = torch.empty(0, dtype=kind).set_(part if first % kind.itemsize == 0 else part.clone())
        state[tensor] = flat.reshape(entry["shape"]).to(torch.float32)
    return state


def is_whole(file: BinaryIO, header: Header) -> bool:
    """Return whether the file still has the checksum that was written into it."""
    file.seek(0)
    start = file.read(header.data_start)
    total = zlib.crc32(SUM.sub(NO_SUM, start))
    while chunk := file.read(CHUNK):
        total = zlib.crc32(chunk, total)
    return (found := SUM.search(start)) is not None and found[0] == with_sum(total)


def with_sum(total: int) -> bytes:
    """Return the checksum as the header holds it."""
    return b"crc32=%08x" % total


def write(path: Path, state: dict[str, Tensor], family: str, found: Found) -> None:
    """Write a generator in fp32, one tensor at a time, without a second copy of all weights in memory."""
    entries: dict[str, object] = {}
    end = 0
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in state.items()}
    for name, tensor in tensors.items():
        size = 4 * tensor.numel()
        entries[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [end, end + size]}
        end += size
    ours = {
        "family": family,
        "format": found.format,
        "notes": [asdict(note) for note in found.notes],
        "sources": [asdict(source) for source in found.sources],
        "sum": NO_SUM.decode(),
    }
    entries["__metadata__"] = {
        "format": "pt",
        "init_kwargs": json.dumps(found.settings),
        "latentvj": json.dumps(ours),
    }
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    start = struct.pack("<Q", len(header)) + header
    total = zlib.crc32(start)
    with path.open("wb") as file:
        file.write(start)
        for tensor in tensors.values():
            data = tensor.reshape(-1).numpy().data
            total = zlib.crc32(data, total)
            file.write(data)
        file.seek(0)
        file.write(start.replace(NO_SUM, with_sum(total), 1))
