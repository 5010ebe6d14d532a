"""Files made to do harm. Every builder gets the path of a canary: whatever runs in a reader creates it."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import torch

from engine.generator.networks.stylegan2 import Config
from tests.builders import checkpoints as writers
from tests.builders.checkpoints import lively
from tests.generator.checkpoints import hostile_families

SMALL = Config(img_resolution=8, z_dim=4, w_dim=4, channels=(4, 4), mapping_features=(4,))
HEAD = b"\x80\x04"


STAND_IN = Config  # pickled as a storage's persistent id


class Call:
    """Pickled as a call of `module.name` with the given arguments."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> Any:
        return self.function, self.args


def run(canary: str) -> Call:
    import os

    return Call(os.system, f"touch {canary}")


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def raw_call(module: str, name: str, argument: str) -> bytes:
    """`module.name(argument)` without a module of that name here."""
    return HEAD + text(module) + text(name) + b"\x93" + text(argument) + b"\x85R."


def snapshot(canary: str, place: str) -> bytes:
    """A whole, good snapshot with one call in it."""
    call, state = run(canary), lively(SMALL).state_dict()
    root: dict[str, Any] = {"_init_args": (), "_init_kwargs": writers.nvidia_kwargs(SMALL)}
    extra: dict[str, dict[str, Any]] = {"": root}
    if place == "attribute":
        extra["synthesis.b4.conv1"] = {"conv_clamp": call}
    if place == "init_kwargs":
        root["_init_kwargs"] = {**root["_init_kwargs"], "evil": [call]}
    if place == "hook":
        root["_forward_hooks"] = OrderedDict({0: call})
    top: dict[str, Any] = {"G_ema": writers.module_tree(state, extra)}
    if place == "beside":
        top["training_set_kwargs"] = {"path": call}
    if place == "key":
        top = {**top, call: 1}
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        return pickle.dumps(top, 4)


def with_parameter(value: Any, group: str = "_parameters") -> bytes:
    """A good generator with one more parameter."""
    root = {"_init_args": (), "_init_kwargs": writers.nvidia_kwargs(SMALL)}
    module = writers.module_tree(lively(SMALL).state_dict(), {"": root})
    module.meta["state"][group]["odd"] = value
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        return pickle.dumps({"G_ema": module}, 4)


def with_settings(value: Any) -> bytes:
    root = {"_init_args": (), "_init_kwargs": value}
    module = writers.module_tree(lively(SMALL).state_dict(), {"": root})
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        return pickle.dumps({"G_ema": module}, 4)


def storage(data: bytes) -> Call:
    return Call(torch.storage._load_from_bytes, data)


def view(storage: Any, offset: Any, size: Any, stride: Any) -> Call:
    return Call(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict())


def few() -> Any:
    """A storage of four numbers."""
    return torch.storage.TypedStorage(
        wrap_storage=torch.zeros(4).untyped_storage(), dtype=torch.float32, _internal=True
    )


def shared(depth: int, make: Callable[[Any], Any], seed: Any) -> Any:
    """Two references to the same thing, again and again: 2^depth paths."""
    for _ in range(depth):
        seed = make(seed)
    return seed


def module_bomb() -> bytes:
    def layer(inner: Any) -> Any:
        return writers.Persisted("Layer", {"_modules": OrderedDict(a=inner, b=inner)})

    inner = shared(15, layer, writers.Persisted("Layer", {"_parameters": {}}))
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        return pickle.dumps({"G_ema": inner}, 4)


def deep_modules() -> bytes:
    inner = writers.Persisted("Layer", {})
    for _ in range(100):
        inner = writers.Persisted("Layer", {"_modules": {"a": inner}})
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        return pickle.dumps({"G_ema": inner}, 4)


def legacy(top: Any, numel: int | None = None) -> bytes:
    out = io.BytesIO()
    torch.save(top, out, _use_new_zipfile_serialization=False)
    data = out.getvalue()
    if numel is None:
        return data
    return data[:-24] + struct.pack("<q", numel) + data[-16:]


def zipped(pickled: bytes, data: bytes = b"\0" * 16, method: int = zipfile.ZIP_STORED, extra: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        file.writestr("a/data.pkl", pickled)
        file.writestr("a/data/0", data)
        for i in range(extra):
            file.writestr(f"a/data/x{i}", b"")
    return out.getvalue()


def persistent(numel: int, size: tuple[int, ...] | None = None, stride: tuple[int, ...] = ()) -> bytes:
    """data.pkl of a torch archive: one tensor on storage "0", or that storage alone."""

    class Pickler(pickle._Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", numel) if obj is STAND_IN else None

    out = io.BytesIO()
    Pickler(out, 2).dump(STAND_IN if size is None else {"g_ema": {"input.input": view(STAND_IN, 0, size, stride)}})
    return out.getvalue()


def safetensors(header: bytes, data: bytes = b"\0" * 64, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def collisions() -> bytes:
    """Integers that all hash alike: a dictionary of them takes quadratic time."""
    keys = [(2**61 - 1) * k for k in range(1, 60_000)]
    return HEAD + b"}(" + b"".join(b"\x8a\x0a" + k.to_bytes(10, "little") + b"N" for k in keys) + b"u."


def names(canary: str) -> Iterator[tuple[str, bytes]]:
    """Names that no reader may look up, alone or behind names that it knows."""
    for module, name in (
        ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"), ("builtins", "eval"),
        ("builtins", "exec"), ("builtins", "getattr"), ("__builtin__", "eval"), ("runpy", "_run_code"),
        ("importlib", "import_module"), ("operator", "attrgetter"), ("functools", "partial"), ("pickle", "loads"),
        ("torch", "load"), ("torch.hub", "load"), ("torch.serialization", "load"), ("numpy", "load"),
        ("numpy.testing._private.utils", "runstring"), ("webbrowser", "open"), ("pty", "spawn"), ("code", "interact"),
        ("torch.serialization", "os.system"), ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch_utils.persistence", "_reconstruct_persistent_obj.__globals__"), ("dnnlib.util", "EasyDict.update"),
        ("torch.nn.modules.module", "os.system"), ("torch.nn.modules", "os"), ("collections", "OrderedDict.fromkeys"),
        ("some_package", "function"), ("pip", "main"), ("", "system"), ("os\n", "system"), ("ｏｓ", "system"),
    ):  # fmt: skip
        yield f"name {module!r} {name!r}", raw_call(module, name, f"touch {canary}")


def files(canary: str) -> Iterator[tuple[str, bytes]]:
    """All of them, by what they try."""
    yield from names(canary)
    for place in ("beside", "attribute", "init_kwargs", "hook", "key"):
        yield f"call {place}", snapshot(canary, place)
    code = f"import os; os.system('touch {canary}')"
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        yield "module_src alone", pickle.dumps(writers.Persisted("Generator", {}, code), 4)
        yield "module_src in a snapshot", pickle.dumps({"G_ema": writers.Persisted("Generator", {}, code)}, 4)
    evil = pickle.dumps(run(canary))
    yield "call alone", evil
    yield "call, then garbage", evil + b"garbage" * 9
    yield "call, popped, then garbage", evil[:-1] + b"0\xff\xff"
    yield "good pickle, then a call", pickle.dumps({"G_ema": 1}) + evil
    yield "text pickle", pickle.dumps(run(canary), 0)
    yield "old pickle", pickle.dumps(run(canary), 1)
    yield "call inside a storage", with_parameter(view(storage(evil), 0, (1,), (1,)))
    yield "call inside a storage's container", with_parameter(view(storage(legacy(run(canary))), 0, (1,), (1,)))
    yield "call inside an archive inside a storage", with_parameter(view(storage(zipped(evil)), 0, (1,), (1,)))
    yield "call inside an archive", zipped(evil)
    yield "call inside a state_dict", zipped(pickle.dumps({"g_ema": {"conv1.conv.weight": run(canary)}}, 2))
    yield "call inside the legacy stream", legacy({"g_ema": run(canary)})
    yield "call as the legacy magic", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + evil
    yield from machine(canary)
    yield from exhausting()
    yield from tensors()
    yield from hostile_families.files(canary)


def machine(canary: str) -> Iterator[tuple[str, bytes]]:
    """Opcodes that build, rewrite or fetch objects."""
    function = b"ctorch._utils\n_rebuild_tensor_v2\n"
    yield "BUILD onto a function", HEAD + function + b"}" + text("__code__") + b"Nsb."
    yield "BUILD onto a class", HEAD + b"ccollections\nOrderedDict\n}" + text("__init__") + b"Nsb."
    yield "BUILD with slots", HEAD + b"cdnnlib.tflib.network\nNetwork\nN}" + text("__reduce__") + b"Ns\x86b."
    yield "BUILD twice", HEAD + b"cargparse\nNamespace\n)\x81}b}b."
    yield "EXT1", HEAD + b"\x82\x01."
    yield "EXT2", HEAD + b"\x83\x01\x00."
    yield "EXT4", HEAD + b"\x84\x01\x00\x00\x00."
    yield "INST", b"(" + b"S'touch " + canary.encode() + b"'\nios\nsystem\n."
    yield "OBJ", HEAD + b"(cos\nsystem\n" + text(f"touch {canary}") + b"o."
    yield "PERSID", HEAD + b"Pos.system\n."
    yield "BINPERSID", HEAD + text("os.system") + b"Q."
    yield "NEWOBJ of a function", HEAD + b"cos\nsystem\n" + text("true") + b"\x85\x81."
    yield "NEWOBJ of a number", HEAD + b"K\x01)\x81."
    yield "REDUCE of a string", HEAD + text("os.system") + text("true") + b"\x85R."
    yield "REDUCE without a tuple", HEAD + function + b"]R."
    yield "codec bomb", HEAD + b"c_codecs\nencode\n" + text("x" * 100) + text("zip") + b"\x86R."
    yield "codec that runs", HEAD + b"c_codecs\ndecode\n" + text("x") + text("rot13") + b"\x86R."
    yield "dict of a tuple that hashes deep", HEAD + b"})" + b"\x85" * 200_000 + b"Ns."
    yield "SETITEM on a class", HEAD + b"ccollections\nOrderedDict\nNNs."
    yield "APPEND to a class", HEAD + b"ccollections\nOrderedDict\nNa."
    yield "empty stack", HEAD + b"."
    yield "nothing on the stack", HEAD + b"R."
    yield "unknown memo", HEAD + b"h\x05."
    yield "unknown opcode", HEAD + b"\xff."
    yield "protocol 200", b"\x80\xc8N."


def exhausting() -> Iterator[tuple[str, bytes]]:
    """Files that cost far more to read than to write."""
    huge = struct.pack("<Q", 1 << 62)
    for name, code in (("text", b"\x8d"), ("bytes", b"\x8e"), ("bytearray", b"\x96"), ("frame", b"\x95")):
        yield f"2^62 of {name}", HEAD + code + huge + b"."
    yield "2^31 of long", HEAD + b"\x8b\xff\xff\xff\x7f."
    yield "2^32 of bytes", HEAD + b"B\xff\xff\xff\xff."
    yield "memo 2^31", HEAD + b"Nr\xff\xff\xff\x7f."
    yield "memo 2^32", HEAD + b"Nr\xff\xff\xff\xff."
    for name, opened, closed in (("lists", b"]", b"a"), ("dicts", b"}N", b"s"), ("tuples", b")", b"\x85")):
        start = opened if name == "tuples" else opened * 200_000 + opened[:1]
        yield f"200,000 {name} deep", HEAD + start + closed * 200_000 + b"."
    yield "200,000 marks deep", HEAD + b"(" * 200_000 + b"t" * 200_000 + b"."
    yield "a million marks", HEAD + b"(" * 1_000_000
    yield "ten million steps", HEAD + b"N0" * 5_000_000 + b"N."
    yield "a million lists", HEAD + b"(" + b"]" * 1_000_000 + b"t."
    yield "100 MB of text", HEAD + b"(" + (text("x" * 60_000) * 1700) + b"t."
    yield "colliding keys", collisions()
    again = b"h\x00h\x01h\x02\x86Ra" * 30_000
    start = b"c_codecs\nencode\n\x94" + text("é" * 50_000) + b"\x94" + text("latin1") + b"\x94000]"
    yield "the same text decoded again and again", HEAD + start + again + b"."
    yield "shared lists", with_settings({"z_dim": shared(60, lambda x: [x, x], 1)})
    yield "shared dicts", with_settings(shared(60, lambda x: {"a": x, "b": x}, 1))
    yield "shared modules", module_bomb()
    yield "deep modules", deep_modules()
    cycle: list[Any] = []
    cycle.append(cycle)
    yield "settings that hold themselves", with_settings({"z_dim": cycle})
    inner = storage(legacy(few()))
    for _ in range(12):
        inner = storage(pickle.dumps(inner, 4))
    yield "container in container", with_parameter(view(inner, 0, (1,), (1,)))
    yield "deflated archive", zipped(pickle.dumps({"g_ema": 1}), b"\0" * 50_000_000, zipfile.ZIP_DEFLATED)
    yield "archive of many entries", zipped(pickle.dumps({"g_ema": 1}), extra=60_000)
    archive, calls = zipped(persistent(4), extra=1000), b"h\x00h\x01\x85R0" * 30_000
    start = b"ctorch.storage\n_load_from_bytes\n\x94B" + struct.pack("<I", len(archive)) + archive + b"\x9400"
    yield "archive read again and again", HEAD + start + calls + b"N."
    yield "archive that claims 2^62", b"PK\x03\x04" + zipped(b"N.")[4:-22] + b"PK\x05\x06" + b"\xff" * 16 + b"\0\0"
    nested = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "safetensors 200,000 deep", safetensors(nested)
    yield "safetensors of 2^39", safetensors(b"{}", length=1 << 39)
    yield "safetensors with a list", safetensors(b'{"a":' + b"[" * 100_000)
    entry = {"dtype": "F32", "shape": [1 << 40, 1 << 20], "data_offsets": [0, 64]}
    yield "safetensors of 2^60 numbers", safetensors(json.dumps({"synthesis.b4.const": entry}).encode())
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, 1 << 62]}
    yield "safetensors beyond its end", safetensors(json.dumps({"synthesis.b4.const": entry}).encode())


def tensors() -> Iterator[tuple[str, bytes]]:
    """Tensors that are none, or lie about what they hold."""
    yield "stride 0", with_parameter(view(few(), 0, (1 << 20, 1 << 20), (0, 0)))
    yield "small stride 0", with_parameter(view(few(), 0, (5,), (0,)))
    yield "beyond the storage", with_parameter(view(few(), 0, (4,), (2,)))
    yield "offset beyond", with_parameter(view(few(), 4, (1,), (1,)))
    yield "negative offset", with_parameter(view(few(), -4, (4,), (1,)))
    yield "negative stride", with_parameter(view(few(), 0, (4,), (-1,)))
    yield "2^62 numbers", with_parameter(view(few(), 0, (1 << 62,), (1,)))
    yield "a size that is text", with_parameter(view(few(), 0, ("4",), (1,)))
    yield "short storage", with_parameter(view(storage(legacy(few())[:-8]), 0, (4,), (1,)))
    yield "storage of 2^62", with_parameter(view(storage(legacy(few(), 1 << 62)), 0, (4,), (1,)))
    yield "storage of -1", with_parameter(view(storage(legacy(few(), -1)), 0, (4,), (1,)))
    yield "no storage", with_parameter(view([1, 2, 3, 4], 0, (4,), (1,)))
    yield "archive with a short storage", zipped(persistent(4, (4,), (1,)), b"\0" * 8)
    yield "archive with a long view", zipped(persistent(4, (1 << 40,), (0,)))
    yield "archive with 2^60 declared", zipped(persistent(1 << 60, (1,), (1,)))
    yield "archive without its storage", zipped(persistent(4, (4,), (1,))).replace(b"a/data/0", b"a/data/1")
    for value in ("text", 3, [torch.zeros(2)], {"a": 1}, b"bytes" * 2000, writers.Persisted("Layer", {})):
        yield f"parameter that is {type(value).__name__}", with_parameter(value)
        yield f"buffer that is {type(value).__name__}", with_parameter(value, "_buffers")
    yield "parameter of a list", with_parameter(Call(torch._utils._rebuild_parameter, [1], False, OrderedDict()))
    yield "module that is a tensor", with_parameter(torch.zeros(2), "_modules")
