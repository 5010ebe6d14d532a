"""Writes checkpoints as other programs do, with nothing of theirs: the layouts only, for reading them back."""

from __future__ import annotations

import argparse
import io
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.generator.networks.stylegan2 import Config, StyleGAN2

State = dict[str, Tensor]


def lively(config: Config, seed: int = 0) -> StyleGAN2:
    """A random network in which every weight matters: biases and noise strengths are not zero."""
    network = StyleGAN2.random(config, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith(("bias", "noise_strength", "w_avg")):
                tensor += 0.3 * torch.randn(tensor.shape, generator=generator)
    return network.eval().requires_grad_(False)


def stub(module: str, name: str) -> Any:
    """A class that pickle takes for `module.name`."""
    return type(name, (), {"__module__": module, "__qualname__": name})


@contextmanager
def named(*things: Any) -> Iterator[None]:
    """While this lasts, each thing can be imported where it says it lives: pickle looks before it writes."""
    before = dict(sys.modules)
    try:
        for thing in things:
            parts = thing.__module__.split(".")
            for i in range(1, len(parts) + 1):
                sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
            if parts[0] not in ("numpy", "torch", "builtins"):
                setattr(sys.modules[thing.__module__], thing.__qualname__, thing)
        yield
    finally:
        for name in sys.modules.keys() - before.keys():
            del sys.modules[name]


def _reconstruct_persistent_obj(meta: Any) -> Any:
    raise AssertionError("a reader called what the file names")


_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
_reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
EasyDict = type("EasyDict", (dict,), {"__module__": "dnnlib.util", "__qualname__": "EasyDict"})


class Persisted:
    """A module of the NVIDIA kind: pickled as a call with its source, class name and state."""

    def __init__(self, class_name: str, state: dict[str, Any], source: str = "import os\n") -> None:
        self.meta = EasyDict(type="class", version=6, module_src=source, class_name=class_name, state=state)

    def __reduce__(self) -> Any:
        return _reconstruct_persistent_obj, (self.meta,)


def module_tree(state: State, attributes: dict[str, dict[str, Any]], source: str = "import os\n") -> Persisted:
    """The flat state as modules inside modules; `attributes` are added to the states, by module path."""

    def make(prefix: str) -> Persisted:
        own: dict[str, Any] = {
            "training": False,
            "_parameters": OrderedDict(),
            "_buffers": OrderedDict(),
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_modules": OrderedDict(),
            **attributes.get(prefix.removesuffix("."), {}),
        }
        for name, tensor in state.items():
            if not name.startswith(prefix):
                continue
            head, _, rest = name.removeprefix(prefix).partition(".")
            if rest:
                if head not in own["_modules"]:
                    own["_modules"][head] = make(f"{prefix}{head}.")
            elif head in ("noise_const", "resample_filter", "w_avg"):
                own["_buffers"][head] = tensor
            else:
                own["_parameters"][head] = torch.nn.Parameter(tensor, requires_grad=False)
        return Persisted("Generator" if not prefix else "Layer", own, source)

    return make("")


def nvidia_kwargs(config: Config, flat: bool = False, **extra: Any) -> dict[str, Any]:
    """Constructor keywords of stylegan2-ada-pytorch, or the flat ones of the stylegan3 repository."""
    synthesis = {"channel_base": 4096, "channel_max": 64, "architecture": config.architecture, **extra}
    return {
        "z_dim": config.z_dim,
        "c_dim": config.c_dim,
        "w_dim": config.w_dim,
        "img_resolution": config.img_resolution,
        "img_channels": config.img_channels,
        "mapping_kwargs": EasyDict(num_layers=len(config.mapping_features)),
        **(synthesis if flat else {"synthesis_kwargs": EasyDict(synthesis)}),
    }


def nvidia(
    network: StyleGAN2,
    *,
    flat: bool = False,
    wrap: str = "snapshot",
    protocol: int = 4,
    attributes: dict[str, dict[str, Any]] | None = None,
    source: str = "import os\n",
    state: State | None = None,
    **extra: Any,
) -> bytes:
    """A `.pkl` of stylegan2-ada-pytorch (or, flat, of the stylegan3 repository)."""
    kwargs = nvidia_kwargs(network.config, flat, **extra)
    root = {"_init_args": (), "_init_kwargs": kwargs, "z_dim": np.int64(network.config.z_dim)}
    state = network.state_dict() if state is None else state
    module = module_tree(state, {"": root, **(attributes or {})}, source)
    other = module_tree({name: tensor * 0 for name, tensor in state.items()}, {"": root}, source)
    top: Any = {"snapshot": {"training_set_kwargs": EasyDict(path="x"), "G": other, "D": None, "G_ema": module}}
    top |= {"ema": {"G_ema": module}, "bare": module}
    with named(_reconstruct_persistent_obj, EasyDict):
        return pickle.dumps(top[wrap], protocol=protocol)


ROS_LAYER: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "weight": ("conv.weight", lambda t: t[None]),
    "affine.weight": ("conv.modulation.weight", lambda t: t),
    "affine.bias": ("conv.modulation.bias", lambda t: t),
    "noise_strength": ("noise.weight", lambda t: t.reshape(1)),
}


def rosinality_state(network: StyleGAN2) -> State:
    """The generator's state_dict with rosinality's names."""
    result: State = {}
    for name, tensor in network.state_dict().items():
        part, _, rest = name.partition(".")
        if part == "mapping" and rest.startswith("fc"):
            index, _, kind = rest.removeprefix("fc").partition(".")
            result[f"style.{int(index) + 1}.{kind}"] = tensor
        elif part == "synthesis":
            block, _, rest = rest.partition(".")
            result |= rosinality_layer(int(block[1:]), rest, tensor)
    return result


def rosinality_layer(resolution: int, rest: str, tensor: Tensor) -> State:
    k = resolution.bit_length() - 4  # of the pair of convolutions, from 8 px on
    if rest == "const":
        return {"input.input": tensor[None]}
    layer, _, kind = rest.partition(".")
    if layer == "resample_filter":
        return {f"to_rgbs.{k}.upsample.kernel": tensor * 4} if k >= 0 else {}
    index = {"conv0": 2 * k + 1, "conv1": 2 * k + 2}.get(layer, 0)
    name = {"conv0": f"convs.{2 * k}", "conv1": f"convs.{2 * k + 1}", "torgb": f"to_rgbs.{k}"}[layer]
    name = name if k >= 0 else {"conv1": "conv1", "torgb": "to_rgb1"}[layer]
    if kind == "noise_const":
        return {f"noises.noise_{index}": tensor[None, None]}
    if kind == "resample_filter":
        return {f"{name}.conv.blur.kernel": tensor * 4} if layer == "conv0" else {}
    if kind == "bias":
        return {f"{name}.bias": tensor[None, :, None, None]} if layer == "torgb" else {f"{name}.activate.bias": tensor}
    theirs, change = ROS_LAYER[kind]
    return {f"{name}.{theirs}": change(tensor)}


def rosinality(
    network: StyleGAN2, *, legacy: bool = False, training: bool = False, prefix: str = "", noises: bool = True
) -> bytes:
    """A `.pt` of rosinality's: converted (with latent_avg) or a training file (with Namespace and optimizer)."""
    state = OrderedDict((prefix + name, tensor) for name, tensor in rosinality_state(network).items())
    if not noises:
        state = OrderedDict((name, tensor) for name, tensor in state.items() if "noises" not in name)
    top: dict[str, Any] = {"g_ema": state, "latent_avg": network.mapping.w_avg}
    if training:
        zeroed = OrderedDict((name, tensor * 0) for name, tensor in state.items())
        moments = {0: {"step": 5, "exp_avg": torch.zeros(3)}}
        top = {
            "g": zeroed,
            "d": OrderedDict(x=torch.zeros(2)),
            "g_ema": state,
            "g_optim": {"state": moments, "param_groups": [{"lr": 0.002, "params": [0]}]},
            "args": argparse.Namespace(path="data", size=64, lr=0.002),
        }
    out = io.BytesIO()
    torch.save(top, out, _use_new_zipfile_serialization=not legacy)
    return out.getvalue()


TF_LAYER = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB", "skip": "Skip"}


def tensorflow_variables(network: StyleGAN2, *, label_concat: bool, lod: bool) -> dict[str, dict[str, Any]]:
    """The variables of the mapping and the synthesis network, in TensorFlow's names and layouts."""
    config = network.config
    found: dict[str, dict[str, Any]] = {"mapping": {}, "synthesis": {}, "": {"lod": np.float32(0)}}
    for name, tensor in network.state_dict().items():
        t = tensor.numpy()
        part, _, rest = name.partition(".")
        if part == "mapping":
            layer, _, kind = rest.partition(".")
            if layer == "w_avg":
                found[""]["dlatent_avg"] = t
            elif layer == "embed" and label_concat:
                if kind == "weight":
                    found["mapping"]["LabelConcat/weight"] = t.T / np.float32(np.sqrt(config.c_dim))
            else:
                layer = layer.replace("fc", "Dense").replace("embed", "LabelEmbed")
                found["mapping"][f"{layer}/{kind}"] = t.T if kind == "weight" else t
        else:
            block, _, rest = rest.partition(".")
            tensorflow_layer(found["synthesis"], int(block[1:]), rest, t, config, lod)
    return found


def tensorflow_layer(
    out: dict[str, np.ndarray], resolution: int, rest: str, t: np.ndarray, config: Config, lod: bool
) -> None:
    size = f"{resolution}x{resolution}"
    if rest == "const":
        out[f"{size}/Const/const"] = t[None]
        return
    layer, _, kind = rest.partition(".")
    if "resample_filter" in (layer, kind):
        return
    theirs = "Conv" if resolution == 4 and layer == "conv1" else TF_LAYER[layer]
    path = f"{size}/{theirs}"
    if lod and layer == "torgb":
        path = f"ToRGB_lod{(config.img_resolution // resolution).bit_length() - 1}"
    if kind == "noise_const":
        index = 0 if resolution == 4 else 2 * (resolution.bit_length() - 1) - (5 if layer == "conv0" else 4)
        out[f"noise{index}"] = t[None, None]
    elif kind == "weight":
        t = t[:, :, ::-1, ::-1] if layer in ("conv0", "skip") else t
        out[f"{path}/weight"] = np.ascontiguousarray(t.transpose(2, 3, 1, 0))
    elif kind == "affine.weight":
        out[f"{path}/mod_weight"] = t.T
    elif kind == "affine.bias":
        out[f"{path}/mod_bias"] = t - 1
    else:
        out[f"{path}/{kind}"] = t


def tensorflow(
    network: StyleGAN2,
    *,
    version: int = 4,
    protocol: int = 3,
    label_concat: bool = True,
    lod: bool = False,
    function: str = "G_main",
    extra_lods: bool = False,
    **settings: Any,
) -> bytes:
    """A `.pkl` of TensorFlow's (G, D, Gs)."""
    network_class = stub("dnnlib.tflib.network", "Network")
    config = network.config

    def make(name: str, variables: dict[str, dict[str, np.ndarray]], kwargs: dict[str, Any]) -> Any:
        def one(part: str, func: str, components: dict[str, Any]) -> Any:
            instance = network_class()
            instance.__dict__ |= {
                "version": version,
                "name": part or name,
                "static_kwargs": dict(kwargs),
                "components": components,
                "build_module_src": "import os\n",
                "build_func_name": func,
                "variables": list(variables.get(part, {}).items()),
            }
            return instance

        inner = {"synthesis": one("synthesis", "G_synthesis", {}), "mapping": one("mapping", "G_mapping", {})}
        return one("", function, inner)

    kwargs = {
        "num_channels": config.img_channels,
        "resolution": config.img_resolution,
        "label_size": config.c_dim,
        "latent_size": config.z_dim,
        "dlatent_size": config.w_dim,
        "fmap_base": 2048,
        "fmap_max": 64,
        **settings,
    }
    variables = tensorflow_variables(network, label_concat=label_concat, lod=lod)
    if extra_lods:
        variables["synthesis"]["ToRGB_lod1/bias"] = np.ones(config.img_channels, np.float32)
    blank = {part: {k: np.zeros_like(v) for k, v in vs.items()} for part, vs in variables.items()}
    top = (make("G", blank, kwargs), make("D", {}, {}), make("Gs", variables, kwargs))
    with named(network_class):
        return pickle.dumps(top, protocol=protocol)
