"""Pickles of the TensorFlow StyleGAN2 (v4) and stylegan2-ada (v5), without TensorFlow; older ones are handed on.

The file is a tuple (G, D, Gs) of `dnnlib.tflib.network.Network`. Each one is a state with `static_kwargs`,
`components` (mapping, synthesis) and `variables`, a list of (name, array). Gs has the averaged weights, which are for
use.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from engine.generator.checkpoints.contents import Found, Plain, Source, Weight, plain
from engine.generator.checkpoints.families import ADVICE
from engine.generator.checkpoints.flavours import tensorflow_first
from engine.generator.checkpoints.nvidia_files import shown, source_hash
from engine.generator.checkpoints.pickles.pickle_names import DAMAGED, Record
from engine.generator.checkpoints.pickles.tensors import tensor_of
from engine.generator.checkpoints.refusals import Refused

if TYPE_CHECKING:
    from torch import Tensor

NETWORK = "dnnlib.tflib.network.Network"
FIRST_NETWORK, THEANO_NETWORK = "tfutil.Network", "network.Network"
SIZED = re.compile(r"synthesis/(\d{1,5})x(\d{1,5})/(.+)")
LOD = re.compile(r"synthesis/ToRGB_lod(\d{1,2})/(.+)")
DENSE = re.compile(r"mapping/Dense(\d{1,3})/(weight|bias)")
NOISE = re.compile(r"synthesis/noise(\d{1,2})")
LAYERS = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb", "Skip": "skip"}

# By TensorFlow's keyword: NVIDIA's section and keyword, and the default of the program that wrote the file.
KEYWORDS: dict[str, tuple[str, str, Plain]] = {
    "mapping_lrmul": ("mapping_kwargs", "lr_multiplier", 0.01),
    "mapping_nonlinearity": ("mapping_kwargs", "activation", "lrelu"),
    "normalize_latents": ("mapping_kwargs", "normalize_z", True),
    "nonlinearity": ("synthesis_kwargs", "activation", "lrelu"),
    "resample_kernel": ("synthesis_kwargs", "resample_filter", [1, 3, 3, 1]),
    "conv_clamp": ("synthesis_kwargs", "conv_clamp", None),
}


def is_network(value: object) -> bool:
    """Return whether a value is a pickled network of TensorFlow's StyleGANs or of the older Progressive GANs."""
    return isinstance(value, Record) and str(value.target) in (NETWORK, FIRST_NETWORK, THEANO_NETWORK)


def find(top: object) -> Found | None:
    """Return the generator among the networks; None without any TensorFlow network."""
    networks = [item for item in top if is_network(item)] if isinstance(top, (tuple, list)) else []
    if is_network(top):
        networks = [top]
    if not networks:
        return None
    return read_network(networks[-1])  # Gs is the last of the three


def read_network(network: object) -> Found:
    """Return the weights and settings of Gs. Raises Refused for another network."""
    state = state_of(network)
    version, function = state.get("version"), state.get("build_func_name")
    assert isinstance(network, Record)
    if str(network.target) == THEANO_NETWORK:
        return tensorflow_first.theano(state, source_of(state))
    variables: dict[str, Weight] = {}
    settings: dict[str, Plain] = {}
    sources = collect(state, variables, settings, "", depth=3)
    if isinstance(function, str) and function.startswith("D_"):
        raise Refused(f"this is a discriminator, which paints nothing: give the generator's file; {ADVICE}")
    if function == "G_style" and not is_second(variables):
        return tensorflow_first.style(variables, settings, sources)
    if function == "G_paper" or str(network.target) == FIRST_NETWORK:
        return tensorflow_first.paper(variables, settings, sources, first=str(network.target) == FIRST_NETWORK)
    if not isinstance(version, int) or version < 3:
        raise Refused(f"its {shown(str(function))} is no generator that is known of: {ADVICE}")
    label = "v5, stylegan2-ada" if "mapping/LabelEmbed/weight" in variables or version > 4 else "v4, stylegan2"
    found = Found(f"TensorFlow pickle ({label})", "stylegan2", translate(settings), {}, sources)
    synthesis_weights(variables, found)
    mapping_weights(variables, found)
    if "synthesis.b4.const" not in found.weights:
        raise Refused(f"its {shown(str(function))} is no StyleGAN2 generator: {ADVICE}")
    for keyword, (_section, name, value) in KEYWORDS.items():
        if keyword not in settings:
            name = "mapping_activation" if keyword == "mapping_nonlinearity" else name
            found.assume(name, value, "the default of the program that wrote it")
    return found


def is_second(variables: dict[str, Weight]) -> bool:
    """Return whether the weights are StyleGAN2's, whatever the file calls its network."""
    return any(name.endswith("/mod_weight") for name in variables)


def source_of(state: dict[object, object]) -> tuple[Source, ...]:
    """Return a network's program text, hashed."""
    text, name = state.get("build_module_src"), state.get("build_func_name")
    if not text:
        return ()
    digest, size = source_hash(text)
    return (Source(shown(name) if isinstance(name, str) else "?", digest, size),)


def state_of(network: object) -> dict[object, object]:
    """Return a network's state. Raises Refused when it is something else."""
    if not isinstance(network, Record) or not isinstance(network.state, dict):
        raise Refused(DAMAGED)
    return network.state


def collect(
    state: dict[object, object], variables: dict[str, Weight], settings: dict[str, Plain], path: str, depth: int
) -> tuple[Source, ...]:
    """Collect the variables and settings of a network and its components; return its program texts, hashed."""
    pairs, components = state.get("variables", []), state.get("components", {})
    kwargs = plain(state.get("static_kwargs", {}))
    if not isinstance(pairs, list) or not isinstance(components, dict) or not isinstance(kwargs, dict) or depth < 0:
        raise Refused(DAMAGED)
    settings.update({key: value for key, value in kwargs.items() if key not in settings})
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise Refused(DAMAGED)
        if (ref := tensor_of(pair[1])) is None:
            raise Refused(f"its variable {shown(pair[0])} is no array: it is damaged or made to do harm")
        variables[path + pair[0]] = Weight(ref)
    sources = {source.sha256: source for source in source_of(state)}
    for name in ("mapping", "synthesis"):
        if name in components:
            inner = collect(state_of(components[name]), variables, settings, f"{path}{name}/", depth - 1)
            sources.update({source.sha256: source for source in inner})
    return tuple(sources.values())


def translate(settings: dict[str, Plain]) -> dict[str, Plain]:
    """Return TensorFlow's keywords as those of NVIDIA's PyTorch programs."""
    sections: dict[str, dict[str, Plain]] = {"mapping_kwargs": {}, "synthesis_kwargs": {}}
    for keyword, (section, name, default) in KEYWORDS.items():
        sections[section][name] = settings.get(keyword, default)
    base, widest = settings.get("fmap_base", 16384), settings.get("fmap_max", 512)
    if isinstance(base, int) and isinstance(widest, int):
        sections["synthesis_kwargs"] |= {"channel_base": 2 * base, "channel_max": widest}
    return {**sections}


def synthesis_weights(variables: dict[str, Weight], found: Found) -> None:
    """Add the synthesis network's variables to `found.weights`, under the names of NVIDIA's PyTorch programs."""
    sizes = sorted({(int(m[1]) * int(m[2]), m[1], m[2]) for name in variables if (m := SIZED.fullmatch(name))})
    levels = {(width, height): level for level, (_, width, height) in enumerate(sizes)}
    last = 4 << max(len(levels) - 1, 0)
    for name, weight in variables.items():
        if match := SIZED.fullmatch(name):
            block, rest = f"synthesis.b{4 << levels[match[1], match[2]]}", match[3]
        elif (match := LOD.fullmatch(name)) and int(match[1]) == 0:
            # config-D grew its network and kept a ToRGB per stage; the finished network uses only the last one.
            block, rest = f"synthesis.b{last}", f"ToRGB/{match[2]}"
        elif match := NOISE.fullmatch(name):
            index = int(match[1])
            layer = f"b{4 << (index + 1) // 2}.conv{(index + 1) % 2}"
            found.weights[f"synthesis.{layer}.noise_const"] = Weight(weight.ref, lambda t: t[0, 0])
            continue
        else:
            continue
        for ours, changed in layer_weights(rest, weight):
            found.weights[f"{block}.{ours}"] = changed
    unused = [name for name in found.weights if name.endswith("noise_const") and not has_noise(name, found)]
    for name in unused:
        del found.weights[name]


def has_noise(name: str, found: Found) -> bool:
    """Return whether the layer of this noise_const has a noise_strength."""
    return name.replace("noise_const", "noise_strength") in found.weights


def layer_weights(rest: str, weight: Weight) -> list[tuple[str, Weight]]:
    """Return a variable of a block, such as `Conv0_up/mod_bias`, under NVIDIA's name and with the change it needs."""
    if rest == "Const/const":
        return [("const", Weight(weight.ref, lambda t: t[0]))]
    tf_layer, _, variable = rest.partition("/")
    layer = LAYERS.get(tf_layer)
    changes = {
        "weight": ("weight", lambda t: t.permute(3, 2, 0, 1)),
        "bias": ("bias", None),
        "noise_strength": ("noise_strength", lambda t: t.reshape(())),
        "mod_weight": ("affine.weight", lambda t: t.t()),
        "mod_bias": ("affine.bias", lambda t: t + 1),  # TensorFlow adds the 1 later; PyTorch's bias contains it
    }
    if layer is None or variable not in changes:
        return []
    name, change = changes[variable]
    if variable == "weight" and layer in ("conv0", "skip"):
        change = upsampling  # TensorFlow's transposed convolution reads the kernel backwards
    return [(f"{layer}.{name}", Weight(weight.ref, change))]


def upsampling(weight: Tensor) -> Tensor:
    """Return an upsampling layer's weight [k, k, in, out] as [out, in, k, k], the kernel turned by 180 degrees."""
    return weight.permute(3, 2, 0, 1).flip(2, 3)


def mapping_weights(variables: dict[str, Weight], found: Found) -> None:
    """Add the mapping network's variables to `found.weights`, under the names of NVIDIA's PyTorch programs."""
    for name, weight in variables.items():
        if match := DENSE.fullmatch(name):
            change = (lambda t: t.t()) if match[2] == "weight" else None
            found.weights[f"mapping.fc{int(match[1])}.{match[2]}"] = Weight(weight.ref, change)
    if (average := variables.get("dlatent_avg")) is not None:
        found.weights["mapping.w_avg"] = Weight(average.ref)
    mapping = found.settings["mapping_kwargs"]
    assert isinstance(mapping, dict)
    if (label := variables.get("mapping/LabelConcat/weight")) is not None:
        mapping["label_style"] = "concat"
        # LabelConcat multiplies the labels by the weight alone; a dense layer also divides by the root of their number.
        found.weights["mapping.embed.weight"] = Weight(label.ref, lambda t: t.t() * math.sqrt(t.shape[0]))
    elif (label := variables.get("mapping/LabelEmbed/weight")) is not None:
        mapping["label_style"] = "separate"
        found.weights["mapping.embed.weight"] = Weight(label.ref, lambda t: t.t())
        if (bias := variables.get("mapping/LabelEmbed/bias")) is not None:
            found.weights["mapping.embed.bias"] = Weight(bias.ref)
