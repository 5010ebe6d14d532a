"""What a pickle may name, and the inert values that its calls, strings and keys become."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.refusals import EXHAUSTS, UNTRUSTED, Refused

DAMAGED = "the pickle in it is damaged: download it again"


@dataclass(frozen=True, slots=True)
class Global:
    """A name the file refers to. Only a name: nothing was looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Record:
    """An object the file would build: what it calls, with what, and the state it sets afterwards."""

    target: Global
    args: tuple[object, ...]
    state: object = None


@dataclass(eq=False, slots=True)
class Blob:
    """A long string left in the file: bytes, UTF-8 text, or (protocol 2's bytes) latin-1 characters as UTF-8."""

    span: Span
    kind: str = "bytes"  # or "text", "latin1"

    def bytes_span(self) -> Span:
        """Where the bytes that are meant lie: decoded once, if need be. Raises Refused when they are damaged."""
        if self.kind == "latin1":
            try:
                self.span = Span.of(self.span.read().decode("utf-8").encode("latin-1"))
            except UnicodeError:
                raise Refused(DAMAGED) from None
            self.kind = "bytes"
        return self.span


@dataclass(eq=False, slots=True)
class Key:
    """A dictionary key of a kind no settings use. Compared by identity: hashing a stranger's tuple can be a trap."""

    value: object


@dataclass(slots=True)
class Budget:
    """What reading one file may cost, all pickles nested in it together."""

    operations: int = 500_000  # a whole 1024-px training snapshot takes about 60,000
    text: int = 32_000_000  # bytes of strings and of archives' directories held in memory
    decoded: int = 0  # bytes of tensors spelt as text: no more than the file has
    nesting: int = 3  # containers inside containers


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a format adds: calls that we answer ourselves, and what its persistent ids stand for."""

    calls: Mapping[tuple[str, str], Callable[[Budget, tuple[object, ...]], object]] = field(default_factory=dict)
    persistent: Callable[[object], object] | None = None


# What tensors are made of: the types of number, their size in bytes, and the torch classes that hold them.
ITEMSIZE = {
    "float32": 4, "float16": 2, "bfloat16": 2, "float64": 8,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip
STORAGES = {
    ("torch", "FloatStorage"): "float32", ("torch", "HalfStorage"): "float16",
    ("torch", "BFloat16Storage"): "bfloat16", ("torch", "DoubleStorage"): "float64",
    ("torch", "LongStorage"): "int64", ("torch", "IntStorage"): "int32",
    ("torch", "ShortStorage"): "int16", ("torch", "CharStorage"): "int8",
    ("torch", "ByteStorage"): "uint8", ("torch", "BoolStorage"): "bool",
}  # fmt: skip

# Exact (module, name) pairs of what real checkpoints hold besides tensors. All stay inert.
KNOWN = frozenset(
    {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"),
        ("dnnlib.tflib.network", "Network"),
        ("tfutil", "Network"),
        ("argparse", "Namespace"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
        ("torch", "device"),
        ("torch.storage", "UntypedStorage"),
        ("torch.storage", "TypedStorage"),
        *STORAGES,
        *(("torch", dtype) for dtype in ITEMSIZE),
        *(("torch", layout) for layout in ("contiguous_format", "channels_last", "strided")),
        ("torch._tensor", "Tensor"),
        ("torch", "Tensor"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
        *(("pathlib", name) for name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath")),
        *((b, name) for b in ("builtins", "__builtin__") for name in ("object", "int", "float", "str", "bool")),
    }
)
DICTS = frozenset(
    {
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("dnnlib.util", "EasyDict"),
        ("dnnlib", "EasyDict"),
        *((b, "dict") for b in ("builtins", "__builtin__")),
    }
)
SETS = frozenset((b, name) for b in ("builtins", "__builtin__") for name in ("set", "frozenset", "list", "tuple"))
BYTES = frozenset((b, name) for b in ("builtins", "__builtin__") for name in ("bytearray", "bytes"))
ENCODE = ("_codecs", "encode")

# Packages a network has no business naming beyond the pairs above. Other packages' classes may stand, as opaque
# records, where the generator does not look (a discriminator of another family, say); torch's layers likewise.
CLOSED = sys.stdlib_module_names | {"torch", "numpy", "__builtin__", "copy_reg", "commands", "nt", "posix"}
LAYERS = re.compile(r"torch\.(nn\.modules|nn\.parameter|optim)(\.\w+)*")
IDENTIFIER = re.compile(r"[^\W\d]\w*")
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def admit(module: str, name: str, dialect: Dialect) -> Global:
    """The name as a record, if a checkpoint may name it at all. Raises Refused where it may not."""
    pair = (module, name)
    if pair in KNOWN or pair in DICTS or pair in SETS or pair in BYTES or pair == ENCODE:
        return Global(module, name)
    if pair in dialect.calls:
        return Global(module, name)
    shown = f"{module[:60]}.{name[:60]}".encode("ascii", "backslashreplace").decode()
    shown = "".join(ch if ch.isprintable() else "?" for ch in shown)
    if not MODULE.fullmatch(module) or not IDENTIFIER.fullmatch(name):
        raise Refused(f"it asks for {shown!r}, which no checkpoint names: {UNTRUSTED}")
    if module.split(".")[0] in CLOSED and not (LAYERS.fullmatch(module) and name[0].isupper()):
        raise Refused(f"it asks for {shown}, which no checkpoint needs: {UNTRUSTED}")
    return Global(module, name)


def call(function: Global, args: tuple[object, ...], budget: Budget, dialect: Dialect) -> object:
    """The value of a call that we answer ourselves, or else an inert record of it. Raises Refused."""
    pair = (function.module, function.name)
    if (answer := dialect.calls.get(pair)) is not None:
        return answer(budget, args)
    if pair in DICTS:
        return plain_dict(args)
    if pair in SETS:
        return list(args[0]) if args and isinstance(args[0], (list, tuple)) else []
    if pair == ENCODE or pair in BYTES:
        return encoded(args, budget)
    if pair not in KNOWN and not function.name[0].isupper():
        raise Refused(f"it calls {function}, which no checkpoint needs: {UNTRUSTED}")
    return Record(function, args)


def create(cls: object, args: object) -> object:
    """An inert instance: a plain dict where the class is one. Raises Refused when it is no class at all."""
    if not isinstance(cls, Global) or not isinstance(args, tuple):
        raise Refused(f"its pickle builds an instance of something that is no class: {UNTRUSTED}")
    return {} if (cls.module, cls.name) in DICTS else Record(cls, args)


def plain_key(key: object) -> object:
    """The key itself where it is of a plain kind that cannot be made to collide."""
    if isinstance(key, (str, bytes)) or key is None:
        return key
    if isinstance(key, int) and abs(key) < 1 << 40:
        return key
    return Key(key)


def plain_dict(args: tuple[object, ...]) -> dict[object, object]:
    """A dict from a list of pairs, as protocol 0 and 1 write an OrderedDict; a default factory is dropped."""
    result: dict[object, object] = {}
    for pair in args[0] if args and isinstance(args[0], (list, tuple)) else ():
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise Refused(DAMAGED)
        result[plain_key(pair[0])] = pair[1]
    return result


def encoded(args: tuple[object, ...], budget: Budget) -> object:
    """Bytes, as they are or as older protocols spell them: text with "latin-1" as its encoding."""
    text = args[0] if args else b""
    if isinstance(text, bytes) or (isinstance(text, Blob) and text.kind == "bytes"):
        return text
    if len(args) != 2 or args[1] not in ("latin1", "latin-1"):
        raise Refused(f"it decodes data in a way that no checkpoint does: {UNTRUSTED}")
    if isinstance(text, Blob) and text.kind == "text":
        budget.decoded -= text.span.length
        if budget.decoded < 0:
            raise Refused(f"it decodes the same data again and again: {EXHAUSTS}")
        return Blob(text.span, "latin1")
    try:
        return text.encode("latin-1") if isinstance(text, str) else b""
    except UnicodeEncodeError:
        raise Refused(DAMAGED) from None
