"""Tensors and arrays as a file describes them: where the numbers lie, checked before a byte of them is read."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from engine.generator.checkpoints.pickles.pickle_names import DAMAGED, ITEMSIZE, Blob, Global, Record
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.refusals import Refused

if TYPE_CHECKING:  # importing torch takes seconds and 200 MB, too much for saying no to a bad file
    import torch

NUMPY_CODES = {
    "f4": "float32", "f2": "float16", "f8": "float64", "i8": "int64", "i4": "int32",
    "i2": "int16", "i1": "int8", "u1": "uint8", "b1": "bool",
}  # fmt: skip
FORMS = {
    "float32": "<f", "float16": "<e", "float64": "<d", "int64": "<q", "int32": "<i",
    "int16": "<h", "int8": "<b", "uint8": "<B", "bool": "<?",
}  # fmt: skip
MOST_DIMENSIONS, MOST_TENSORS = 8, 5000
LARGEST_FILE = 4 << 30  # bytes; a training file with optimizers is under 1 GB


@dataclass(eq=False, slots=True)
class Storage:
    """A flat run of numbers. `dtype` None is untyped: the tensors on it say what the bytes are."""

    dtype: str | None
    numel: int  # bytes, where untyped
    data: Span | None = None  # the legacy container brings it after the tensors

    @property
    def nbytes(self) -> int:
        """How many bytes it declares."""
        return self.numel * (1 if self.dtype is None else ITEMSIZE[self.dtype])

    def capacity(self, dtype: str) -> int:
        """How many numbers of that type it holds. Raises Refused for a type that is not its own."""
        if self.dtype is None:
            return self.numel // ITEMSIZE[dtype]
        if self.dtype != dtype:
            raise Refused(DAMAGED)
        return self.numel

    def attach(self, data: Span) -> None:
        """Give it its bytes. Raises Refused when they are more or fewer than declared."""
        if data.length != self.nbytes:
            raise Refused("a tensor in it has more or less data than it declares: download it again")
        self.data = data


@dataclass(frozen=True, eq=False, slots=True)
class TensorRef:
    """A tensor in the file: a strided view on a storage. Shape, strides and offset count numbers, not bytes."""

    storage: Storage
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    @property
    def numel(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes they take in the file."""
        return self.numel * ITEMSIZE[self.dtype]

    def load(self) -> torch.Tensor:
        """The tensor itself, contiguous, of its own memory and of the file's dtype. Raises Refused."""
        import torch  # here, so that refusing a file never waits for it

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
    """The view, checked: it lies inside its storage and is no larger than it. Raises Refused."""
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
    """The tensor that a value read from a pickle is: torch's, or NumPy's array or scalar. None: no tensor."""
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
    """A Python number, or NumPy's scalar as one. None: no number. Raises Refused for a damaged scalar."""
    if isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, Record) or not value.args or not isinstance(value.args[-1], bytes):
        return None  # the test for bytes keeps long data, which no number has, from being read here
    ref = tensor_of(value)
    if ref is None or ref.shape or ref.storage.data is None or ref.dtype not in FORMS:
        return None
    number: float | int | bool = struct.unpack(FORMS[ref.dtype], ref.storage.data.read())[0]
    return number


def array(dtype: object, shape: object, data: object, order: object) -> TensorRef:
    """A NumPy array from its parts: data in C or Fortran order, nothing over. Raises Refused."""
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
    """The name of a pickled numpy.dtype. Raises Refused for one that no weights have, or a foreign byte order."""
    code, order = None, "<"
    if isinstance(value, Record) and str(value.target) == "numpy.dtype" and value.args:
        code = value.args[0]
        if isinstance(value.state, tuple) and len(value.state) > 1:
            order = str(value.state[1])
    if not isinstance(code, str) or code.lstrip("<|") not in NUMPY_CODES or order not in ("<", "|"):
        raise Refused("an array in it is of a kind that no weights are: it is damaged or made elsewhere")
    return NUMPY_CODES[code.lstrip("<|")]


def span_of(data: object) -> Span:
    """The bytes of a pickled byte string, left in the file where they are. Raises Refused for anything else."""
    if isinstance(data, bytes):
        return Span.of(data)
    if isinstance(data, Blob):
        return data.bytes_span()
    raise Refused(DAMAGED)


def is_size(value: object) -> TypeGuard[int]:
    """Whether it is a plain number from 0 up to more than any tensor has."""
    return type(value) is int and 0 <= value < 1 << 48


def size_tuple(value: object) -> tuple[int, ...]:
    """Sizes or strides, checked. Raises Refused."""
    if not isinstance(value, (tuple, list)) or len(value) > MOST_DIMENSIONS:
        raise Refused(DAMAGED)
    if not all(is_size(size) for size in value):
        raise Refused(DAMAGED)
    return tuple(value)


def torch_dtype(value: object) -> str:
    """The name of a torch.dtype. Raises Refused for one that is unknown."""
    if isinstance(value, Global) and value.module == "torch" and value.name in ITEMSIZE:
        return value.name
    raise Refused(DAMAGED)


def check_total(tensors: Iterable[TensorRef], size: int) -> None:
    """Raise Refused when tensors that share storages would unfold to much more than the file."""
    listed = list(tensors)
    if len(listed) > MOST_TENSORS or sum(tensor.nbytes for tensor in listed) > 2 * size + (1 << 20):
        raise Refused("its tensors are far more than the file holds: it is made to exhaust the reader")
