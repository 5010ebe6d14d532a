"""PyTorch's containers, read as data: the ZIP archive (since 1.6), the legacy stream, and tensors in any pickle.

A tensor is `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, …)`. In torch's containers its storage is a
persistent id. In a plain pickle the storage is a byte string with a legacy container in it.
"""

from __future__ import annotations

import struct

from engine.generator.checkpoints.pickles.pickle_names import DAMAGED, STORAGES, Budget, Dialect, Global
from engine.generator.checkpoints.pickles.pickle_reader import Unpickler
from engine.generator.checkpoints.pickles.spans import Cursor, Span
from engine.generator.checkpoints.pickles.tensors import Storage, TensorRef, span_of, tensor_ref, torch_dtype
from engine.generator.checkpoints.pickles.zip_reader import entries
from engine.generator.checkpoints.refusals import EXHAUSTS, Refused

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_HEAD = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # that number as a pickle, after its protocol
BIG_ENDIAN = "it was written on a big-endian machine: convert it where it was made"


def is_legacy(head: bytes) -> bool:
    """Return whether a file with the first bytes `head` is torch's legacy stream."""
    return head[:1] == b"\x80" and head[2 : 2 + len(LEGACY_HEAD)] == LEGACY_HEAD


def is_zip(head: bytes) -> bool:
    """Return whether a file with the first bytes `head` is a ZIP archive."""
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def read_any(span: Span, budget: Budget) -> object:
    """Return the top object of a torch container of either kind, or of a plain pickle. Raises Refused."""
    head = span.head(64)
    if is_zip(head):
        return read_zip(span, budget)
    if is_legacy(head):
        return read_legacy(span, budget)
    cursor = Cursor(span)
    top = Unpickler(cursor, budget, PLAIN).load()
    if cursor.position != span.length:
        raise Refused("there is more in the file after its pickle ends: it is damaged or tampered with")
    return top


def read_zip(span: Span, budget: Budget) -> object:
    """Return the top object of torch's ZIP archive. Raises Refused for other archives."""
    found = entries(span, budget)
    names = [name for name in found if name == "data.pkl" or name.endswith("/data.pkl")]
    if any(name.endswith("constants.pkl") or "/code/" in name for name in found):
        raise Refused(
            "this is a TorchScript program, not a checkpoint: ask its author for the .pkl or .pt it came from"
        )
    if len(names) != 1 or names[0].count("/") > 1:
        what = "NumPy arrays" if all(name.endswith(".npy") for name in found) else "no PyTorch checkpoint"
        raise Refused(f"this is a ZIP archive with {what} in it: unpack it and give the checkpoint inside, if any")
    root = names[0].removesuffix("data.pkl")
    if root + "byteorder" in found and found[root + "byteorder"].head(16).strip() != b"little":
        raise Refused(BIG_ENDIAN)

    def persistent(pid: object) -> Storage:
        storage, key = declared(pid)
        if f"{root}data/{key}" not in found:
            raise Refused(DAMAGED)
        storage.attach(found[f"{root}data/{key}"])
        return storage

    return Unpickler(Cursor(found[names[0]]), budget, Dialect(CALLS, persistent)).load()


def read_legacy(span: Span, budget: Budget) -> object:
    """Return the top object of torch's stream before 1.6: five pickles, then the numbers. Raises Refused."""
    cursor, storages = Cursor(span), dict[str, Storage]()

    def persistent(pid: object) -> object:
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module" and isinstance(pid[1], Global):
            return pid[1]  # a class of a whole pickled module; the file and the program text beside it are left alone
        storage, key = declared(pid)
        known = storages.setdefault(key, storage)
        if (known.dtype, known.numel) != (storage.dtype, storage.numel):
            raise Refused(DAMAGED)
        return known

    magic, version, system = (Unpickler(cursor, budget, Dialect()).load() for _ in range(3))
    if magic != LEGACY_MAGIC or version != 1001 or not isinstance(system, dict):
        raise Refused(DAMAGED)
    if system.get("little_endian") is not True:
        raise Refused(BIG_ENDIAN)
    top = Unpickler(cursor, budget, Dialect(CALLS, persistent)).load()
    keys = Unpickler(cursor, budget, Dialect()).load()
    if not isinstance(keys, list):
        raise Refused(DAMAGED)
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        (numel,) = struct.unpack("<q", cursor.take(8))
        if storage is None or numel != storage.numel:
            raise Refused(DAMAGED)
        storage.attach(cursor.leave(storage.nbytes))
    if any(storage.data is None for storage in storages.values()):
        raise Refused(DAMAGED)
    return top


def declared(pid: object) -> tuple[Storage, str]:
    """Return a storage without its bytes, and its key, from torch's persistent id. Raises Refused."""
    if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage" or pid[5:] not in ((), (None,)):
        raise Refused(DAMAGED)
    kind, key, numel = pid[1], str(pid[2]) if isinstance(pid[2], (str, int)) else None, pid[4]
    if not isinstance(kind, Global) or key is None or type(numel) is not int or numel < 0:
        raise Refused(DAMAGED)
    if kind.name == "UntypedStorage":
        return Storage(None, numel), key
    dtype = STORAGES.get((kind.module, kind.name))
    if dtype is None:
        raise Refused(DAMAGED)
    return Storage(dtype, numel), key


def nested(budget: Budget, args: tuple[object, ...]) -> Storage:
    """Answer `torch.storage._load_from_bytes(bytes)`: a storage in its own container, read with the same budget."""
    if len(args) != 1:
        raise Refused(DAMAGED)
    if budget.nesting <= 0:
        raise Refused(f"it is a container inside a container, again and again: {EXHAUSTS}")
    budget.nesting -= 1
    top = read_any(span_of(args[0]), budget)
    budget.nesting += 1
    if not isinstance(top, Storage):
        raise Refused(DAMAGED)
    return top


def rebuild_tensor(_budget: Budget, args: tuple[object, ...]) -> TensorRef:
    """Answer `_rebuild_tensor` and `_v2`: (storage, offset, size, stride, …)."""
    if len(args) < 4 or not isinstance(args[0], Storage):
        raise Refused(DAMAGED)
    dtype = args[0].dtype
    if dtype is None:
        raise Refused(DAMAGED)
    return tensor_ref(args[0], dtype, args[1], args[2], args[3])


def rebuild_tensor_v3(_budget: Budget, args: tuple[object, ...]) -> TensorRef:
    """Answer `_rebuild_tensor_v3`: (storage, offset, size, stride, requires_grad, hooks, dtype, …)."""
    if len(args) < 7:
        raise Refused(DAMAGED)
    return tensor_ref(args[0], torch_dtype(args[6]), args[1], args[2], args[3])


def rebuild_parameter(_budget: Budget, args: tuple[object, ...]) -> TensorRef:
    """Answer `_rebuild_parameter`: the tensor in it. Raises Refused for anything but a tensor."""
    if not args or not isinstance(args[0], TensorRef):
        raise Refused("a parameter in it is no tensor: it is damaged or made to do harm")
    return args[0]


def size(_budget: Budget, args: tuple[object, ...]) -> tuple[object, ...]:
    """Answer `torch.Size(list)`."""
    if len(args) != 1 or not isinstance(args[0], (list, tuple)):
        raise Refused(DAMAGED)
    return tuple(args[0])


CALLS = {
    ("torch._utils", "_rebuild_tensor"): rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v3"): rebuild_tensor_v3,
    ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): rebuild_parameter,
    ("torch.storage", "_load_from_bytes"): nested,
    ("torch", "Size"): size,
}
PLAIN = Dialect(CALLS)
