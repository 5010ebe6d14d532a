"""Pickles of stylegan2-ada-pytorch and stylegan3: persisted modules, read as data.

Every module is `torch_utils.persistence._reconstruct_persistent_obj({module_src, class_name, state})`. NVIDIA's
loader executes `module_src`; this reader only hashes it. The modules' own attributes (`conv_clamp`, a layer's gain)
show the defaults of the program that wrote the file.
"""

from __future__ import annotations

import hashlib
import math

from engine.generator.checkpoints.contents import Found, Note, Plain, Source, Weight, plain
from engine.generator.checkpoints.families import ADVICE, PLAYED, recognise
from engine.generator.checkpoints.pickles.pickle_names import DAMAGED, Blob, Record
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.pickles.tensors import number_of, tensor_of
from engine.generator.checkpoints.refusals import EXHAUSTS, Refused

PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
POSITIONAL = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs")
OUTER = (*POSITIONAL, "init_kwargs")
MOST_MODULES, DEEPEST_MODULE = 2000, 20  # modules and levels of nesting; a file with more is refused

# Other networks with the same pickling: the module that holds a parameter, and what the file then is.
RELATIVES = (
    ("mapping.embed_proj", "StyleGAN-XL"),
    ("synthesis.layers", "StyleGAN-XL or a relative of it"),
    ("backbone", "EG3D"),
    ("synthesis.fg", "StyleNeRF"),
    ("synthesis.init", "Projected GAN (FastGAN)"),
    ("synthesis.first_stage", "an AnyresGAN"),
    ("encoder", "an encoder"),
)
XL_SETTINGS = {"path_stem", "head_layers", "up_factor", "rand_embedding"}


def is_module(value: object) -> bool:
    """Return whether a value is a persisted module."""
    return isinstance(value, Record) and str(value.target) == PERSISTENT


def find(top: object) -> Found | None:
    """Return the generator in a snapshot or a dictionary, or the bare generator; None without any module."""
    if is_module(top):
        return read_module(top, [])
    if not isinstance(top, dict):
        return None
    if is_module(top.get("G_ema")):
        return read_module(top["G_ema"], [])
    if is_module(top.get("G")):
        note = Note("weights", "G", "assumed: the file has no G_ema, and these look rougher")
        return read_module(top["G"], [note])
    if any(is_module(value) for value in top.values()):
        named = ", ".join(str(key) for key, value in top.items() if is_module(value))[:80]
        raise Refused(f"it holds {named} but no generator (G_ema): ask its author for the whole snapshot")
    return None


def read_module(module: object, notes: list[Note]) -> Found:
    """Return the generator's weights and settings. Raises Refused for another kind of network."""
    walk = Walk()
    walk.enter(module, "", DEEPEST_MODULE)
    kwargs = init_kwargs(walk.root_state)
    family = family_of(walk, kwargs)
    if family == "stylegan3":
        return Found("StyleGAN3 pickle", family, kwargs, walk.weights, walk.sources, notes, walk.attributes)
    is_flat = any(key not in OUTER for key in kwargs)  # the only visible difference between the two programs
    name = "stylegan3-repository pickle of the StyleGAN2 class" if is_flat else "stylegan2-ada-pytorch pickle"
    found = Found(name, family, nest(kwargs), walk.weights, walk.sources, notes, walk.attributes)
    adopt_attributes(found)
    if is_flat and "conv_clamp" not in section(found, "synthesis_kwargs"):
        section(found, "synthesis_kwargs")["conv_clamp"] = 256
        found.assume("conv_clamp", 256, "the default of the program that wrote it")
    return found


class Walk:
    """Collects what the modules hold, one visit per path; the visits are limited, because modules can repeat."""

    def __init__(self) -> None:
        self.weights: dict[str, Weight] = {}
        self.attributes: dict[str, dict[str, Plain]] = {}
        self.root_state: dict[object, object] = {}
        self.class_name = ""
        self.visited = 0
        self._sources: dict[str, Source] = {}
        self._hashed: set[int] = set()

    @property
    def sources(self) -> tuple[Source, ...]:
        """Return the program texts, each once."""
        return tuple(self._sources.values())

    def enter(self, module: object, path: str, depth: int) -> None:
        """Collect a module and the modules inside it; `path` ends in a dot or is empty."""
        self.visited += 1
        if self.visited > MOST_MODULES or depth < 0:
            raise Refused(f"its modules are nested or repeated beyond all measure: {EXHAUSTS}")
        state = self.state_of(module)
        if not path:
            self.root_state = state
        self.attributes[path.removesuffix(".")] = {
            str(key): plain(value)
            for key, value in state.items()
            if isinstance(key, str) and (value is None or isinstance(value, str) or is_number(value))
        }
        for group in ("_parameters", "_buffers"):
            for name, value in members(state, group):
                if value is None:
                    continue
                ref = tensor_of(value)
                if ref is None:
                    raise Refused(f"its parameter {shown(path + name)} is no tensor: it is damaged or made to do harm")
                self.weights[path + name] = Weight(ref)
        for name, value in members(state, "_modules"):
            if value is not None:
                self.enter(value, f"{path}{name}.", depth - 1)

    def state_of(self, module: object) -> dict[object, object]:
        """A module's own dictionary; its program text is hashed in passing."""
        if not isinstance(module, Record):
            raise Refused(DAMAGED)
        if not is_module(module):
            if not isinstance(module.state, dict):
                raise Refused(f"its generator holds a {shown(str(module.target))}, which no StyleGAN does")
            return module.state
        meta = module.args[0] if module.args else None
        state = meta.get("state") if isinstance(meta, dict) else None
        if not isinstance(meta, dict) or not isinstance(state, dict):
            raise Refused(DAMAGED)
        name = meta.get("class_name")
        class_name = shown(name) if isinstance(name, str) else "?"
        self.class_name = self.class_name or class_name
        text = meta.get("module_src")
        if text and id(text) not in self._hashed:  # modules of one file share one text
            self._hashed.add(id(text))
            digest, size = source_hash(text)
            self._sources.setdefault(digest, Source(class_name, digest, size))
        return state


def is_number(value: object) -> bool:
    """Return whether a value is a Python number or a NumPy scalar; an array of one number is neither."""
    return number_of(value) is not None


def members(state: dict[object, object], group: str) -> list[tuple[str, object]]:
    """Return the named items of a module's dictionary `group`. Raises Refused when it is no such dictionary."""
    items = state.get(group, {})
    if not isinstance(items, dict) or not all(isinstance(name, str) for name in items):
        raise Refused(DAMAGED)
    return list(items.items())


def source_hash(text: object) -> tuple[str, int]:
    """Return the SHA-256 of an embedded program text and its size in bytes; a long text stays in the file."""
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    if not isinstance(text, (bytes, Blob)):
        raise Refused(DAMAGED)
    span = text.span if isinstance(text, Blob) else Span.of(text)
    digest = hashlib.sha256()
    for at in range(0, span.length, 1 << 20):
        digest.update(span.read(at, min(1 << 20, span.length - at)))
    return digest.hexdigest(), span.length


def shown(text: str) -> str:
    """Return a name from the file, made printable and short enough for a message."""
    return "".join(ch if ch.isprintable() else "?" for ch in text[:60])


def init_kwargs(state: dict[object, object]) -> dict[str, Plain]:
    """Return the generator's constructor arguments as keywords, those by position included."""
    kwargs, args = plain(state.get("_init_kwargs", {})), plain(state.get("_init_args", []))
    if not isinstance(kwargs, dict) or not isinstance(args, list) or len(args) > len(POSITIONAL):
        raise Refused(DAMAGED)
    return {**dict(zip(POSITIONAL, args, strict=False)), **kwargs}


def nest(kwargs: dict[str, Plain]) -> dict[str, Plain]:
    """Return the flat keywords of the stylegan3 repository in the nested form of stylegan2-ada-pytorch."""
    outer = {key: value for key, value in kwargs.items() if key in POSITIONAL}
    inner = outer.get("synthesis_kwargs", {})
    flat = {key: value for key, value in kwargs.items() if key not in OUTER}
    return {**outer, "synthesis_kwargs": {**(inner if isinstance(inner, dict) else {}), **flat}}


def family_of(walk: Walk, kwargs: dict[str, Plain]) -> str:
    """Return the network's family, by the names of its weights. Raises Refused, with the name, for a relative."""
    if XL_SETTINGS & kwargs.keys() or walk.class_name == "SuperresGenerator":
        raise Refused(f"this is StyleGAN-XL, which is not supported: {ADVICE}")
    for parent, name in RELATIVES:
        if any(weight.startswith(parent + ".") for weight in walk.weights):
            raise Refused(f"this is {name}, which is not supported: {ADVICE}")
    if (family := recognise(walk.weights)) is not None:
        return family
    raise Refused(f"its {walk.class_name or 'network'} is no {PLAYED} generator, only those can be played")


def adopt_attributes(found: Found) -> None:
    """Take settings from the modules' attributes, because the programs' defaults differ."""
    layer = found.attributes.get("synthesis.b4.conv1", {})
    synthesis, mapping = section(found, "synthesis_kwargs"), section(found, "mapping_kwargs")
    for name in ("conv_clamp", "activation"):
        if name in layer:
            synthesis[name] = layer[name]
    dense = found.attributes.get("mapping.fc0", {})
    gain, weight = dense.get("weight_gain"), found.weights.get("mapping.fc0.weight")
    if isinstance(gain, (int, float)) and weight is not None and len(weight.ref.shape) == 2:
        mapping["lr_multiplier"] = float(f"{gain * math.sqrt(weight.ref.shape[1]):.9g}")
    if "activation" in dense:
        mapping["activation"] = dense["activation"]


def section(found: Found, name: str) -> dict[str, Plain]:
    """Return a nested group of settings; it is added where it is missing."""
    group = found.settings.get(name)
    if not isinstance(group, dict):
        group = found.settings[name] = {}
    return group
