"""The names that a pickle may use, and the inert values that its calls, strings and keys become."""

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
    """A name that the file refers to. It is only a name: nothing is imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Record:
    """An object that the file would build: what it calls, with which arguments, and the state that it then sets."""

    target: Global
    args: tuple[object, ...]
    state: object = None


@dataclass(eq=False, slots=True)
class Blob:
    """A long string that stays in the file: bytes, UTF-8 text, or latin-1 characters as UTF-8 (protocol 2's bytes)."""

    span: Span
    kind: str = "bytes"  # or "text", "latin1"

    def bytes_span(self) -> Span:
        """Return the span of the bytes; latin-1 characters are decoded once. Raises Refused when they are damaged."""
        if self.kind == "latin1":
            try:
                self.span = Span.of(self.span.read().decode("utf-8").encode("latin-1"))
            except UnicodeError:
                raise Refused(DAMAGED) from None
            self.kind = "bytes"
        return self.span


@dataclass(eq=False, slots=True)
class Key:
    """A dictionary key of a type that no settings use. It is compared by identity: hashing a tuple can be an attack."""

    value: object


@dataclass(slots=True)
class Budget:
    """The resources that reading one file may use, with all pickles that are nested in it."""

    operations: int = 500_000  # opcodes (a 1024-px training snapshot takes about 60,000)
    text: int = 32_000_000  # bytes in memory, of strings and of archives' directories
    decoded: int = 0  # bytes of tensors that are written as text; the reader sets the file's size
    nesting: int = 3  # levels of containers inside containers


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a format adds to pickle: calls that the reader answers itself, and the meaning of persistent ids."""

    calls: Mapping[tuple[str, str], Callable[[Budget, tuple[object, ...]], object]] = field(default_factory=dict)
    persistent: Callable[[object], object] | None = None


# The types of a tensor's numbers: their sizes in bytes, and the torch classes that hold them.
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

# Exact pairs (module, name) that real checkpoints hold besides tensors. All of these stay inert.
KNOWN = frozenset(
    {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"),
        ("dnnlib.tflib.network", "Network"),
        ("tfutil", "Network"),
        ("network", "Network"),
        ("argparse", "Namespace"),
        ("torch.nn.parallel.data_parallel", "DataParallel"),
        ("torch.nn.backends.thnn", "_get_thnn_function_backend"),
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

# From these packages a file may name only the pairs above and torch's layers. Classes of other packages become opaque
# records; they do no harm in parts that the generator does not use, such as another family's discriminator.
CLOSED = sys.stdlib_module_names | {"torch", "numpy", "__builtin__", "copy_reg", "commands", "nt", "posix"}
LAYERS = re.compile(r"torch\.(nn\.modules|nn\.parameter|optim)(\.\w+)*")
IDENTIFIER = re.compile(r"[^\W\d]\w*")
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def admit(module: str, name: str, dialect: Dialect) -> Global:
    """Return the name as an inert value. Raises Refused for a name that no checkpoint may use."""
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
    """Return the value of a call that the reader answers itself, or an inert record of the call. Raises Refused."""
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
    """Return an inert instance; a plain dict where the class is a kind of dict. Raises Refused when it is no class."""
    if not isinstance(cls, Global) or not isinstance(args, tuple):
        raise Refused(f"its pickle builds an instance of something that is no class: {UNTRUSTED}")
    return {} if (cls.module, cls.name) in DICTS else Record(cls, args)


def plain_key(key: object) -> object:
    """Return the key if its type is safe to hash, which means without collisions by intent; otherwise a `Key`."""
    if isinstance(key, (str, bytes)) or key is None:
        return key
    if isinstance(key, int) and abs(key) < 1 << 40:
        return key
    return Key(key)


def plain_dict(args: tuple[object, ...]) -> dict[object, object]:
    """Return a dict from a list of pairs, as protocols 0 and 1 write an OrderedDict; a default factory is dropped."""
    result: dict[object, object] = {}
    for pair in args[0] if args and isinstance(args[0], (list, tuple)) else ():
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise Refused(DAMAGED)
        result[plain_key(pair[0])] = pair[1]
    return result


def encoded(args: tuple[object, ...], budget: Budget) -> object:
    """Return bytes; older protocols write them as text with the encoding "latin-1". Raises Refused."""
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
