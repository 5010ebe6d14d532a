"""Tensors and arrays as a file describes them: where their numbers lie, checked before a number is read."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from engine.generator.checkpoints.pickles.pickle_names import DAMAGED, ITEMSIZE, Blob, Global, Record
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.refusals import Refused

if TYPE_CHECKING:  # importing torch takes seconds and 200 MB, too much for refusing a file
    import torch

NUMPY_CODES = {
    "f4": "float32", "f2": "float16", "f8": "float64", "i8": "int64", "i4": "int32",
    "i2": "int16", "i1": "int8", "u1": "uint8", "b1": "bool",
}  # fmt: skip
FORMS = {
    "float32": "<f", "float16": "<e", "float64": "<d", "int64": "<q", "int32": "<i",
    "int16": "<h", "int8": "<b", "uint8": "<B", "bool": "<?",
}  # fmt: skip
MOST_DIMENSIONS, MOST_TENSORS = 8, 5000  # of a tensor, of a file; more are refused
LARGEST_FILE = 4 << 30  # bytes; a larger file is refused (a training file with optimizers has under 1 GB)


@dataclass(eq=False, slots=True)
class Storage:
    """A flat sequence of numbers. Without a `dtype` it is untyped, and each tensor on it has its own type."""

    dtype: str | None
    numel: int  # numbers; bytes where it is untyped
    data: Span | None = None  # None until it is known; in the legacy container it follows the tensors

    @property
    def nbytes(self) -> int:
        """Return the number of bytes that it declares."""
        return self.numel * (1 if self.dtype is None else ITEMSIZE[self.dtype])

    def capacity(self, dtype: str) -> int:
        """Return the number of values of that type that it holds. Raises Refused when its own type is another."""
        if self.dtype is None:
            return self.numel // ITEMSIZE[dtype]
        if self.dtype != dtype:
            raise Refused(DAMAGED)
        return self.numel

    def attach(self, data: Span) -> None:
        """Attach its bytes. Raises Refused when they are more or fewer than declared."""
        if data.length != self.nbytes:
            raise Refused("a tensor in it has more or less data than it declares: download it again")
        self.data = data


@dataclass(frozen=True, eq=False, slots=True)
class TensorRef:
    """A tensor in the file: a strided view of a storage. Shape, strides and offset count numbers, not bytes."""

    storage: Storage
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    @property
    def numel(self) -> int:
        """Return the number of its values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Return the number of bytes of its values in the file."""
        return self.numel * ITEMSIZE[self.dtype]

    def load(self) -> torch.Tensor:
        """Return the tensor, contiguous, in its own memory and with the file's dtype. Raises Refused."""
        import torch  # here, so that a refusal does not wait for it

        if self.storage.data is None:
            raise Refused(DAMAGED)
        itemsize, dtype = ITEMSIZE[self.dtype], getattr(torch, self.dtype)
        last = sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        count = last + 1 if self.numel else 0
        data = self.storage.data.sub(self.offset * itemsize, count * itemsize)
        raw = torch.empty(data.length, dtype=torch.uint8)
        data.read_into(raw.numpy().data)
        return torch.as_strided(raw.view(dtype), self.shape, self.stride).contiguous()


def tensor_ref(storage: object, dtype: str, offset: object, shape: object, stride: object) -> TensorRef:
    """Return the view; it lies inside its storage and is no larger than it. Raises Refused."""
    if not isinstance(storage, Storage) or not is_size(offset):
        raise Refused(DAMAGED)
    sizes, steps = size_tuple(shape), size_tuple(stride)
    if len(sizes) != len(steps):
        raise Refused(DAMAGED)
    capacity, numel = storage.capacity(dtype), math.prod(sizes)
    last = offset + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if numel and (numel > capacity or last >= capacity):
        raise Refused("a tensor in it reaches beyond its own data: it is damaged or made to do harm")
    return TensorRef(storage, dtype, sizes, steps, offset if numel else 0)


def tensor_of(value: object) -> TensorRef | None:
    """Return the tensor in a value from a pickle: torch's, or NumPy's array or scalar; None for anything else."""
    if isinstance(value, TensorRef):
        return value
    if not isinstance(value, Record):
        return None
    name = str(value.target).replace("numpy._core.", "numpy.core.")
    if name == "numpy.core.multiarray._reconstruct" and isinstance(value.state, tuple) and len(value.state) == 5:
        _version, shape, dtype, fortran, data = value.state
        return array(dtype, shape, data, "F" if fortran else "C")
    if name == "numpy.core.numeric._frombuffer" and len(value.args) == 4:
        data, dtype, shape, order = value.args
        return array(dtype, shape, data, order)
    if name == "numpy.core.multiarray.scalar" and len(value.args) == 2:
        return array(value.args[0], (), value.args[1], "C")
    return None


def number_of(value: object) -> float | int | bool | None:
    """Return a Python number, or NumPy's scalar as one; None for anything else. Raises Refused for a damaged scalar."""
    if isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, Record) or not value.args or not isinstance(value.args[-1], (bytes, str)):
        return None  # Python 2 has strings; long data is a Blob: no number has it, and it stays unread
    ref = tensor_of(value)
    if ref is None or ref.shape or ref.storage.data is None or ref.dtype not in FORMS:
        return None
    number: float | int | bool = struct.unpack(FORMS[ref.dtype], ref.storage.data.read())[0]
    return number


def array(dtype: object, shape: object, data: object, order: object) -> TensorRef:
    """Return a NumPy array from its parts: data of exactly its size, in C or Fortran order. Raises Refused."""
    name, sizes = numpy_dtype(dtype), size_tuple(shape)
    if isinstance(data, str):  # Python 2's bytes
        data = data.encode("latin-1", "replace")
    if order not in ("C", "F"):
        raise Refused(DAMAGED)
    storage = Storage(name, math.prod(sizes))
    storage.attach(span_of(data))
    steps, step = [], 1
    for size in reversed(sizes) if order == "C" else sizes:
        steps.append(step)
        step *= size
    return tensor_ref(storage, name, 0, sizes, tuple(reversed(steps) if order == "C" else steps))


def numpy_dtype(value: object) -> str:
    """Return the name of a pickled numpy.dtype. Raises Refused for one that no weights have, or big-endian order."""
    code, order = None, "<"
    if isinstance(value, Record) and str(value.target) == "numpy.dtype" and value.args:
        code = value.args[0]
        if isinstance(value.state, tuple) and len(value.state) > 1:
            order = str(value.state[1])
    if not isinstance(code, str) or code.lstrip("<|") not in NUMPY_CODES or order not in ("<", "|"):
        raise Refused("an array in it is of a kind that no weights are: it is damaged or made elsewhere")
    return NUMPY_CODES[code.lstrip("<|")]


def span_of(data: object) -> Span:
    """Return the bytes of a pickled byte string as a span. Raises Refused for anything else."""
    if isinstance(data, bytes):
        return Span.of(data)
    if isinstance(data, Blob):
        return data.bytes_span()
    raise Refused(DAMAGED)


def is_size(value: object) -> TypeGuard[int]:
    """Return whether a value is an int from 0 to 2^48, more than any tensor has."""
    return type(value) is int and 0 <= value < 1 << 48


def size_tuple(value: object) -> tuple[int, ...]:
    """Return sizes or strides as a tuple of ints. Raises Refused."""
    if not isinstance(value, (tuple, list)) or len(value) > MOST_DIMENSIONS:
        raise Refused(DAMAGED)
    if not all(is_size(size) for size in value):
        raise Refused(DAMAGED)
    return tuple(value)


def torch_dtype(value: object) -> str:
    """Return the name of a torch.dtype. Raises Refused for an unknown one."""
    if isinstance(value, Global) and value.module == "torch" and value.name in ITEMSIZE:
        return value.name
    raise Refused(DAMAGED)


def check_total(tensors: Iterable[TensorRef], size: int) -> None:
    """Raise Refused when tensors that share storages would take much more memory than the file's `size` in bytes."""
    listed = list(tensors)
    if len(listed) > MOST_TENSORS or sum(tensor.nbytes for tensor in listed) > 2 * size + (1 << 20):
        raise Refused("its tensors are far more than the file holds: it is made to exhaust the reader")
