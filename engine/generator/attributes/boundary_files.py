"""Files of boundaries and directions of other programs, read as data: nothing in them is run.

InterFaceGAN's .npy [1, w_dim]; in-domain inversion's .npy, a pickled dictionary with its layers; e4e's, ReStyle's and
anycost's .pt; rosinality's factor.pt, whose columns are directions; GANSpace's .npz, whose components have a standard
deviation; and arrays [k, w_dim] of directions, as SeFa makes them. FILE#INDEX names one of many, from 0.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.borders.errors import UserError
from engine.generator.attributes.boundary import Array, Boundary
from engine.generator.checkpoints.pickles.pickle_names import Budget, Record
from engine.generator.checkpoints.pickles.pickle_reader import Unpickler
from engine.generator.checkpoints.pickles.spans import Cursor, Span
from engine.generator.checkpoints.pickles.tensors import TensorRef, tensor_of
from engine.generator.checkpoints.pickles.torch_files import PLAIN, read_any
from engine.generator.checkpoints.refusals import Refused

LARGEST = 1 << 28  # bytes of a file, and of an array in it; a larger one is refused (GANSpace's have under 100 MB)
UNIT = 1e-3  # from 1; how long a normal may be
MOST = 100_000  # directions in a file
OPERATIONS, TEXT = 50_000, 1_000_000  # opcodes and bytes of text in a pickle; anycost's forty directions take 2,000
NPY, ZIP = b"\x93NUMPY", b"PK"
COMPONENTS, SPREADS = "lat_comp", "lat_stdev"  # what GANSpace calls them
ROWS = ("boundary", "boundaries", "direction", "directions", "eigvecs", "eigvec", "w")  # keys of an .npz, best first


def read(path: Path, index: int | None, num_ws: int | None = None) -> Boundary:
    """Return the boundary in a file, number ``index`` where it holds many. UserError names the file.

    ``num_ws``, where it is known, tells a direction for each layer from many directions.
    """
    try:
        with path.open("rb") as file:
            span = Span(file, 0, file.seek(0, 2))
            if span.length > LARGEST:
                raise Refused(f"{span.length >> 20} MB is no file of a boundary")
            return _read(file, span, index, num_ws)
    except Refused as refused:
        raise UserError(f"{path}: {refused.reason}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror or error}") from error


def budget(span: Span) -> Budget:
    """Return what reading a small file may use."""
    return Budget(operations=OPERATIONS, text=TEXT, decoded=span.length)


def _read(file: BinaryIO, span: Span, index: int | None, num_ws: int | None) -> Boundary:
    head = span.head(8)
    if head.startswith(NPY):
        return _read_npy(span, index, num_ws)
    if head.startswith(ZIP) and (arrays := _members(file)) is not None:
        return _read_npz(arrays, index, num_ws)
    if head[:1] == b"\x80" or head.startswith(ZIP):
        return _read_torch(read_any(span, budget(span)), index, num_ws)
    raise Refused("this is no file of a boundary: give a .npy, .npz or .pt of directions")


def _read_npy(span: Span, index: int | None, num_ws: int | None) -> Boundary:
    """Read an array of numbers, or the one dictionary that in-domain inversion pickles."""
    array = _npy_array(span)
    if isinstance(array, Span):
        cursor = Cursor(array)
        return _dictionary(Unpickler(cursor, budget(span), PLAIN).load())
    return _chosen(array, index, num_ws, has_distance=True)


def _npy_array(span: Span) -> Array | Span:
    """Return the numbers of a .npy, or the span of the pickle in one that holds a single object. Raises Refused."""
    import io

    head = io.BytesIO(span.head(1 << 16))
    try:
        version = np.lib.format.read_magic(head)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(head)
    except (ValueError, TypeError, SyntaxError, EOFError, OverflowError, MemoryError, RecursionError):
        raise Refused("its header is damaged: save it again with numpy.save") from None
    body = span.sub(head.tell(), span.length - head.tell())
    if dtype == np.dtype(object):
        if shape != ():
            raise Refused("it holds Python objects, and a boundary is numbers: save it again with numpy.save")
        return body
    count = int(np.prod(shape, dtype=object))
    if dtype.kind != "f" or not 0 < count * dtype.itemsize <= body.length:
        raise Refused(f"it holds {dtype} numbers of shape {list(shape)}, not a boundary")
    flat = np.frombuffer(body.read(0, count * dtype.itemsize), dtype=dtype)
    return np.asarray(flat.reshape(shape, order="F" if fortran else "C"), dtype=np.float64)


def _dictionary(top: object) -> Boundary:
    """Return in-domain inversion's {'boundary': [1, num_ws, w_dim], 'meta_data': {'manipulate_layers': …}}."""
    if isinstance(top, Record) and isinstance(top.state, tuple) and len(top.state) == 5:  # the array of one object
        held = top.state[4]
        top = held[0] if isinstance(held, list) and len(held) == 1 else None
    ref = tensor_of(top.get("boundary")) if isinstance(top, dict) else None
    if not isinstance(top, dict) or ref is None:
        raise Refused("it holds objects, and none is the boundary of in-domain inversion")
    rows = _numbers(ref)
    rows = rows[0] if rows.ndim == 3 and len(rows) == 1 else rows
    if rows.ndim != 2:
        raise Refused(f"its boundary has the shape {list(ref.shape)}, not [1, layers, w_dim]")
    about = top.get("meta_data")
    chosen = about.get("manipulate_layers") if isinstance(about, dict) else None
    return Boundary(rows if len(rows) > 1 else rows[0], layers=_layers(chosen))


def _layers(value: object) -> tuple[int, ...] | None:
    """Return the layers of a list [0, 1] or a text "0-2,5"; None for all."""
    if value is None or value in ("", []):
        return None
    if isinstance(value, (list, tuple)):
        found = [each for each in value if isinstance(each, int) and 0 <= each < MOST]
        if len(found) == len(value):
            return tuple(found)
    if isinstance(value, int) and 0 <= value < MOST:
        return (value,)
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,4}(-\d{1,4})?(\s*,\s*\d{1,4}(-\d{1,4})?)*\s*", value):
        pairs = [part.strip().partition("-") for part in value.split(",")]
        return tuple(layer for low, _, high in pairs for layer in range(int(low), int(high or low) + 1))
    raise Refused("the layers that it names are no numbers")


def _members(file: BinaryIO) -> Mapping[str, Array] | None:
    """Return the arrays of an .npz that matter, by name; None where the archive is torch's. Raises Refused."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            if not infos or not all(name.endswith(".npy") for name in infos):
                return None
            names = [name.removesuffix(".npy") for name in infos]
            wanted = (COMPONENTS, SPREADS) if COMPONENTS in names else (_row_key(names),)
            found = {}
            for name in wanted:
                info = infos.get(f"{name}.npy")
                if info is None:
                    raise Refused(f"it lacks {name}: save the components again with their deviations")
                if info.file_size > LARGEST:
                    raise Refused(f"its {name} is larger than any boundary")
                with archive.open(info) as member:
                    array = _npy_array(Span.of(member.read(LARGEST)))
                if isinstance(array, Span):
                    raise Refused("it holds Python objects, and directions are numbers")
                found[name] = array
            return found
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, zlib.error):
        raise Refused("its archive is damaged: save it again with numpy.savez") from None


def _row_key(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    known = [name for name in ROWS if name in names]
    if not known:
        raise Refused(f"it holds {', '.join(names[:6])}; call the directions 'directions'")
    return known[0]


def _read_npz(arrays: Mapping[str, Array], index: int | None, num_ws: int | None) -> Boundary:
    """Return a component of GANSpace, one standard deviation to the unit, or a row of an array."""
    if COMPONENTS not in arrays:
        return _chosen(next(iter(arrays.values())), index, num_ws, has_distance=False)
    components, spreads = arrays[COMPONENTS], arrays[SPREADS].reshape(-1)
    components = components.reshape(len(components), -1)
    if len(spreads) != len(components):
        raise Refused("its components and deviations differ in number")
    at = _index(index, len(components))
    return Boundary(_finite(components[at]), unit=float(_finite(spreads[at : at + 1])[0]))


def _read_torch(top: object, index: int | None, num_ws: int | None) -> Boundary:
    """Return a direction of a .pt: a tensor, a dictionary of tensors, or rosinality's factors."""
    if isinstance(top, dict):
        factors = tensor_of(top.get("eigvec"))
        if factors is not None:
            columns = _numbers(factors)
            if columns.ndim != 2:
                raise Refused("its factors are no matrix")
            return Boundary(_finite(columns[:, _index(index, columns.shape[1])]))
        named = [ref for name in ROWS if (ref := tensor_of(top.get(name))) is not None]
        held = named[:1] or [ref for value in top.values() if (ref := tensor_of(value)) is not None]
        if not held or len({ref.shape for ref in held}) > 1:  # a network's weights, for instance
            raise Refused("it holds no directions of one shape: save them alone with torch.save")
        if named:
            return _chosen(_numbers(held[0]), index, num_ws, has_distance=True)
        return _chosen(_numbers(held[_index(index, len(held))]), None, num_ws, has_distance=True)
    if isinstance(top, list) and top and all(tensor_of(each) is not None for each in top):
        ref = tensor_of(top[_index(index, len(top))])
        index = None
    else:
        ref = tensor_of(top)
    if ref is None:
        raise Refused("it holds no tensor of directions: save one alone with torch.save")
    return _chosen(_numbers(ref), index, num_ws, has_distance=True)


def _numbers(ref: TensorRef) -> Array:
    """Return the numbers of a tensor or array in a pickle, float64, without importing torch. Raises Refused."""
    if ref.nbytes > LARGEST or not ref.numel:
        raise Refused(f"a tensor of shape {list(ref.shape)} is no boundary")
    if ref.dtype not in ("float16", "float32", "float64") or ref.storage.data is None:
        raise Refused(f"it holds {ref.dtype} numbers, not a boundary")
    dtype = np.dtype(ref.dtype).newbyteorder("<")
    last = sum((size - 1) * step for size, step in zip(ref.shape, ref.stride, strict=True))
    raw = ref.storage.data.sub(ref.offset * dtype.itemsize, (last + 1) * dtype.itemsize).read()
    flat = np.frombuffer(raw, dtype=dtype)
    view = np.lib.stride_tricks.as_strided(flat, ref.shape, [step * dtype.itemsize for step in ref.stride])
    return np.array(view, dtype=np.float64)


def _chosen(array: Array, index: int | None, num_ws: int | None, *, has_distance: bool) -> Boundary:
    """Return the boundary of [w_dim], [1, w_dim], [1, num_ws, w_dim], [1, num_ws * w_dim], or ``index`` of many."""
    if array.ndim == 0 or array.ndim > 3 or len(array) > MOST:
        raise Refused(f"an array of shape {list(array.shape)} is no boundary")
    if array.ndim == 1:
        array = array[None]
    per_layer = array.ndim == 2 and index is None and num_ws is not None and len(array) == num_ws > 1
    if per_layer:
        return Boundary(_finite(array))
    many = len(array) > 1
    rows = _finite(array[_index(index, len(array))])
    if rows.ndim == 2 and len(rows) == 1:
        rows = rows[0]
    is_normal = (
        rows.ndim == 1 and abs(float(np.linalg.norm(rows)) - 1.0) < UNIT
    )  # e4e's are longer, and have no distance
    return Boundary(rows, has_distance=has_distance and is_normal and not many)


def _index(index: int | None, count: int) -> int:
    if index is None and count == 1:
        return 0
    if index is None:
        raise Refused(f"it holds {count} directions: name one, FILE#0 to FILE#{count - 1}")
    if not 0 <= index < count:
        raise Refused(f"it has no direction {index}: FILE#0 to FILE#{count - 1} are there")
    return index


def _finite(rows: Array) -> Array:
    if not np.isfinite(rows).all() or not rows.any():
        raise Refused("its numbers are not finite, or all zero")
    return rows
