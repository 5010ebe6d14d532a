"""Small networks of the families before StyleGAN2, and writers of their programs' files: the layouts only."""

from __future__ import annotations

import io
import math
import pickle
import struct
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from engine.generator.networks.dcgan import DCGAN, LayerSettings
from engine.generator.networks.dcgan import Settings as DCGANSettings
from engine.generator.networks.network import Network
from engine.generator.networks.pggan import PGGAN
from engine.generator.networks.pggan import Settings as PGGANSettings
from engine.generator.networks.stylegan import Settings as StyleGANSettings
from engine.generator.networks.stylegan import StyleGAN
from tests.builders.checkpoints import named, stub

SLOW = 0.01


def filled(network: Network, seed: int = 0) -> Any:
    """The network with random weights of a size that keeps its maps near 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.3)
            if tensor.ndim > 1 and not name.endswith(("noise_const", "w_avg")):
                rows = tensor.shape[0] if isinstance(network, DCGAN) else math.prod(tensor.shape[1:])
                tensor.mul_(4.0 / math.sqrt(rows))
            if name.endswith(("variance", "scale", "affine.bias")):
                tensor.abs_().add_(0.5)
    return network.eval().requires_grad_(False)


def stylegan(seed: int = 0, levels: int = 4, **settings: Any) -> StyleGAN:
    """A StyleGAN of 4, 8, … pixels."""
    basis: dict[str, Any] = {
        "z_dim": 8,
        "w_dim": 6,
        "channels": (8, 8, 6, 6, 4, 4)[:levels],
        "mapping_features": (7, 6),
        "fused": (False,) * levels,
        "painted": (True,) * levels,
        "truncation_cutoff": 8,
    }
    network: StyleGAN = filled(StyleGAN(StyleGANSettings(**(basis | settings))), seed)
    network.mapping.w_avg.copy_(network.mapping.w_avg[:1].expand_as(network.mapping.w_avg))
    return network


def pggan(seed: int = 0, levels: int = 4, **settings: Any) -> PGGAN:
    """A PGGAN of 4, 8, … pixels."""
    basis: dict[str, Any] = {"z_dim": 8, "channels": (8, 8, 6, 6, 4)[:levels], "fused": (False,) * levels}
    network: PGGAN = filled(PGGAN(PGGANSettings(**(basis | settings))), seed)
    network.stage(0).dense_bias.zero_()
    return network


def dcgan(seed: int = 0, z_dim: int = 8, c_dim: int = 0, doublings: int = 3, out: int = 3) -> DCGAN:
    """A DCGAN of 4x4 pixels, doubled so often."""
    widths = [z_dim + c_dim, *(4 << k for k in reversed(range(doublings))), out]
    network: DCGAN = filled(DCGAN(DCGANSettings(layers=dcgan_layers(widths), c_dim=c_dim)), seed)
    return network


def dcgan_layers(widths: Sequence[int]) -> tuple[LayerSettings, ...]:
    """The paper's layers from 4x4 pixels on, between these widths."""
    last = len(widths) - 2
    return tuple(
        LayerSettings(
            fan_in=widths[i],
            fan_out=widths[i + 1],
            kernel=(4, 4),
            stride=(2, 2) if i else (1, 1),
            padding=(1, 1) if i else (0, 0),
            norm=i < last,
            activation="relu" if i < last else "tanh",
        )
        for i in range(last + 1)
    )


Variables = list[tuple[str, Any]]


def array(tensor: Tensor, factor: float = 1.0) -> np.ndarray:
    return np.ascontiguousarray((tensor / factor).numpy())


def kernel(tensor: Tensor, gain: float = math.sqrt(2.0), swapped: bool = False) -> np.ndarray:
    """[out, in, k, k] as TensorFlow's [k, k, in, out] (or [k, k, out, in]), with its learning rate equalized."""
    fan_in = math.prod(tensor.shape[1:])
    return array(tensor.permute(2, 3, 0, 1) if swapped else tensor.permute(2, 3, 1, 0), gain / math.sqrt(fan_in))


def dense(tensor: Tensor, gain: float = math.sqrt(2.0), slow: float = 1.0) -> np.ndarray:
    """[out, in] as TensorFlow's [in, out]."""
    return array(tensor.t(), gain / math.sqrt(tensor.shape[1]) * slow)


def mapping_variables(network: StyleGAN) -> Variables:
    found: Variables = [("LabelConcat/weight", array(network.mapping.label))] if network.c_dim else []
    for i, layer in enumerate(network.mapping.layers):
        assert isinstance(layer.weight, Tensor)
        assert isinstance(layer.bias, Tensor)
        found += [(f"Dense{i}/weight", dense(layer.weight, slow=SLOW)), (f"Dense{i}/bias", array(layer.bias, SLOW))]
    return found


def synthesis_variables(network: StyleGAN, stored_noise: bool = True) -> Variables:
    own = network.settings
    found: Variables = [("lod", np.float32(network.lod))]
    levels = len(own.channels)
    for index, layer in enumerate(network.layers):
        block = f"{4 << index // 2}x{4 << index // 2}"
        name = {0: "Dense" if own.dense else "Const", 1: "Conv"}.get(index, ("Conv0_up", "Conv1")[index % 2])
        if layer.conv is not None:
            assert isinstance(layer.conv.weight, Tensor)
            found.append((f"{block}/{name}/weight", kernel(layer.conv.weight)))
        elif own.dense:
            found.append((f"{block}/{name}/weight", dense(network.stage(0).dense, math.sqrt(2.0) / 4)))
        else:
            found.append((f"{block}/{name}/const", array(network.stage(0).const[None])))
        found.append((f"{block}/{name}/bias", array(layer.bias)))
        if own.use_noise:
            found.append((f"{block}/{name}/Noise/weight", array(layer.noise_strength)))
            if stored_noise:
                found.append((f"noise{index}", array(layer.noise_const[None, None])))
        if own.use_styles:
            one = torch.cat([torch.ones(layer.width), torch.zeros(layer.width)])
            found.append((f"{block}/{name}/StyleMod/weight", dense(layer.affine.weight, 1.0)))
            found.append((f"{block}/{name}/StyleMod/bias", array(layer.affine.bias - one)))
    return found + rgb_variables(network, levels)


def rgb_variables(network: StyleGAN | PGGAN, levels: int) -> Variables:
    found: Variables = []
    for level in range(levels):
        stage, lod = network.stage(level), levels - 1 - level
        assert isinstance(stage.torgb.weight, Tensor)
        found.append((f"ToRGB_lod{lod}/weight", kernel(stage.torgb.weight, 1.0)))
        found.append((f"ToRGB_lod{lod}/bias", array(stage.torgb_bias)))
    return found


def tensorflow_network(
    cls: type, version: int, function: str, kwargs: dict[str, Any], variables: Any, **parts: Any
) -> Any:
    network = cls()
    network.__dict__.update(
        version=version, name=function, static_kwargs=kwargs, build_module_src="import os\n", build_func_name=function,
        variables=variables, components=parts,
    )  # fmt: skip
    return network


def tensorflow_stylegan(network: StyleGAN, protocol: int = 4, **kwargs: Any) -> bytes:
    """A `.pkl` of NVlabs/stylegan: G, D and Gs, of which Gs counts."""
    cls = stub("dnnlib.tflib.network", "Network")
    own = network.settings
    kwargs = {"resolution": network.resolution, "label_size": network.c_dim, "fused_scale": any(own.fused), **kwargs}
    mapping = tensorflow_network(cls, 3, "G_mapping", kwargs, mapping_variables(network))
    synthesis = tensorflow_network(cls, 3, "G_synthesis", kwargs, synthesis_variables(network))
    own_variables = [("lod", np.float32(network.lod)), ("dlatent_avg", array(network.w_avg))]
    g_smooth = tensorflow_network(cls, 3, "G_style", kwargs, own_variables, synthesis=synthesis, mapping=mapping)
    other = tensorflow_network(cls, 3, "G_style", kwargs, [])
    critic = tensorflow_network(cls, 3, "D_basic", kwargs, [("lod", np.float32(0))])
    with named(cls):
        return pickle.dumps((other, critic, g_smooth), protocol)


def paper_variables(network: PGGAN, swapped: bool) -> Variables:
    levels, first = len(network.stages), network.stage(0)
    found: Variables = [("lod", np.float32(network.lod)), ("4x4/Dense/weight", dense(first.dense, math.sqrt(2.0) / 4))]
    found.append(("4x4/Dense/bias", array(first.bias)))
    for level in range(levels):
        stage, block, fused = network.stage(level), f"{4 << level}x{4 << level}", network.settings.fused[level]
        if level:
            name = "Conv0_up" if fused else "Conv0"
            assert isinstance(stage.conv0.conv.weight, Tensor)
            found.append((f"{block}/{name}/weight", kernel(stage.conv0.conv.weight, swapped=fused and swapped)))
            found.append((f"{block}/{name}/bias", array(stage.conv0.bias)))
        name = "Conv1" if level else "Conv"
        assert isinstance(stage.conv1.conv.weight, Tensor)
        found += [
            (f"{block}/{name}/weight", kernel(stage.conv1.conv.weight)),
            (f"{block}/{name}/bias", array(stage.conv1.bias)),
        ]
    return found + rgb_variables(network, levels)


def tensorflow_pggan(network: PGGAN, first: bool = True, **kwargs: Any) -> bytes:
    """A `.pkl` of progressive_growing_of_gans (`first`), or of a PGGAN that NVlabs/stylegan trained."""
    cls = stub("tfutil", "Network") if first else stub("dnnlib.tflib.network", "Network")
    kwargs = {"label_size": network.c_dim, "is_template_graph": True, **kwargs}
    g_smooth = tensorflow_network(cls, 2 if first else 3, "G_paper", kwargs, paper_variables(network, swapped=first))
    if first:
        del g_smooth.components
    with named(cls):
        return pickle.dumps((g_smooth, g_smooth, g_smooth), 4)


def theano_pggan(network: PGGAN, **spec: Any) -> bytes:
    """A pickle of the original program, as Python 2 wrote it: no names, a scale for every layer."""
    cls = stub("network", "Network")
    values: list[Any] = []
    levels, first = len(network.stages), network.stage(0)

    def layer(weight: Tensor, bias: Tensor) -> None:
        scale = np.float32(0.5 + 0.1 * len(values))
        values.extend([array(weight, float(scale)), np.asarray(scale), array(bias)])

    layer(first.dense.view(-1, 4, 4, network.z_dim).permute(0, 3, 1, 2), first.bias)
    for level in range(levels):
        stage = network.stage(level)
        for one in (stage.conv1,) if level == 0 else (stage.conv0, stage.conv1):
            assert isinstance(one.conv.weight, Tensor)
            layer(one.conv.weight.flip(2, 3), one.bias)
    for level in reversed(range(levels)):
        stage = network.stage(level)
        assert isinstance(stage.torgb.weight, Tensor)
        layer(stage.torgb.weight[:, :, 0, 0].t(), stage.torgb_bias)
    one = cls()
    one.__dict__.update(
        build_func_spec={"func": "G_paper", "resolution": network.resolution, **spec},
        build_module_src="import os\n",
        param_values=values,
        toplevel_params={"cur_lod": np.float32(network.lod)},
    )
    with named(cls):
        return as_python2((one, one, one))


class Python2(pickle._Pickler):
    """Writes bytes as Python 2 writes its strings."""

    dispatch: ClassVar[Any] = {**pickle._Pickler.dispatch}

    def save_string(self, value: bytes) -> None:
        head = b"U" + struct.pack("<B", len(value)) if len(value) < 256 else b"T" + struct.pack("<i", len(value))
        self.write(head + value)  # type: ignore[attr-defined]
        self.memoize(value)  # type: ignore[attr-defined]

    dispatch[bytes] = save_string


def as_python2(top: Any) -> bytes:
    """The pickle of protocol 2 as Python 2 writes it."""
    out = io.BytesIO()
    Python2(out, 2).dump(top)
    return out.getvalue()


def lernapparat_list(network: StyleGAN) -> bytes:
    """lernapparat's list of G, D, Gs with TensorFlow's names: what training learns, nothing else."""
    pairs = [(f"G_mapping/{name}", value) for name, value in mapping_variables(network)]
    pairs += [(f"G_synthesis/{name}", value) for name, value in synthesis_variables(network, stored_noise=False)]
    state = OrderedDict((name, torch.from_numpy(value)) for name, value in pairs if not name.endswith("/lod"))
    return saved([OrderedDict((k, v * 0) for k, v in state.items()), OrderedDict(x=torch.zeros(2)), state])


def dcgan_state(network: DCGAN, gap: int = 0) -> dict[str, Tensor]:
    """A DCGAN's state_dict; after the first block `gap` layers without weights follow, such as a dropout."""
    state: dict[str, Tensor] = {}
    at = 0
    for index, layer in enumerate(network.layers):
        held = layer.state_dict()
        state[f"main.{at}.weight"] = held["weight"]
        if "scale" in held:
            names = {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}
            state |= {f"main.{at + 1}.{theirs}": held[ours] for ours, theirs in names.items()}
            state[f"main.{at + 1}.num_batches_tracked"] = torch.tensor(7)
        at += 3 + gap * (index == 0)
    return state


def whole_module(state: dict[str, Tensor], legacy: bool = True, attribute: Any = None) -> bytes:
    """The state_dict as a whole pickled module of classes that this machine does not have."""
    cls = type("Generator", (nn.Module,), {"__module__": "model", "__qualname__": "Generator"})
    part = type("ConvBlock", (nn.Module,), {"__module__": "model", "__qualname__": "ConvBlock"})
    root = cls()
    for name, tensor in state.items():
        *path, last = name.split(".")
        at: nn.Module = root
        for step in path:
            if step not in at._modules:
                at.add_module(step, part())
            inner = at._modules[step]
            assert inner is not None
            at = inner
        if last in ("weight", "bias"):
            at.register_parameter(last, nn.Parameter(tensor.clone()))
        else:
            at.register_buffer(last, tensor.clone())
    root.__dict__["attribute"] = attribute
    with named(cls, part):
        return saved(root, legacy)


def saved(top: Any, legacy: bool = False) -> bytes:
    """What torch.save writes."""
    import warnings

    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no source text can be found of classes that are made here
        torch.save(top, out, _use_new_zipfile_serialization=not legacy)
    return out.getvalue()
