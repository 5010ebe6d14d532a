"""StyleGAN3's settings: from a file's contents to a network's Config3 and a complete state_dict."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from engine.generator.checkpoints.contents import Found, Note, Plain
from engine.generator.checkpoints.families import ADVICE, Whole
from engine.generator.checkpoints.refusals import Refused
from engine.generator.checkpoints.stylegan2_settings import check_said, clamp, group, number
from engine.generator.networks.stylegan3 import Config3, StyleGAN3

State = dict[str, Tensor]
LAYER = re.compile(r"synthesis\.L(\d{1,3})_(\d{1,5})_(\d{1,5})\.weight")
DENSE = re.compile(r"mapping\.fc(\d{1,3})\.weight")
# Keywords that change the picture and that no weight's shape shows: the name, and whether it is a whole number.
SPOKEN = {
    "channel_base": False, "channel_max": False, "num_critical": True, "first_cutoff": False,
    "first_stopband": False, "last_stopband_rel": False, "margin_size": True, "output_scale": False,
    "filter_size": True, "lrelu_upsampling": True,
}  # fmt: skip
LARGEST = 4096  # pixels of a side; a larger generator is refused


def complete(found: Found, state: State) -> Whole:
    """Return the network, its settings and its weights. Raises Refused when they disagree or a weight is missing."""
    try:
        config = read_config(found, state)
        check_layers(config, state)
        network = StyleGAN3(config, initialize=False)
        expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    except (KeyError, ValueError, IndexError, TypeError, RuntimeError, ArithmeticError) as error:
        raise Refused(f"its weights make no StyleGAN3 generator ({str(error)[:80]}): download it again") from None
    for name, shape in expected.items():
        if name not in state:
            raise Refused(f"it lacks the weights {name}: it is damaged or made with settings this engine does not know")
        if tuple(state[name].shape) != shape:
            raise Refused(f"its {name} is {list(state[name].shape)} where {list(shape)} is due: it is damaged")
    if extra := sorted(state.keys() - expected.keys()):
        raise Refused(f"it has weights no StyleGAN3 has ({extra[0]}): {ADVICE}")
    check_said(found, config)
    note(found, config)
    return Whole(network, config, init_kwargs(config), {name: state[name] for name in expected})


def read_config(found: Found, state: State) -> Config3:
    """Return the settings: those that the weights' shapes show, and the others from the file or the paper.

    (Karras et al., "Alias-free generative adversarial networks", NeurIPS 2021.)
    """
    layers = sorted((int(m[1]), int(m[2]), m[0]) for name in state if (m := LAYER.fullmatch(name)))
    dense = sorted(int(m[1]) for name in state if (m := DENSE.fullmatch(name)))
    if [i for i, _, _ in layers] != list(range(len(layers))) or len(layers) < 3:
        raise Refused("its layers are not whole: it is damaged or not a StyleGAN3 generator")
    if dense != list(range(len(dense))) or not dense:
        raise Refused("its mapping network is not whole: it is damaged or not a StyleGAN3 generator")
    if not 8 <= layers[-1][1] <= LARGEST or len(layers) > 64:
        raise Refused("its pictures are larger than any StyleGAN3's: it is made to exhaust the machine")
    said = found.settings | group(found, "synthesis_kwargs")
    values: dict[str, Any] = {
        key: (int if whole else float)(number(said[key], key)) for key, whole in SPOKEN.items() if key in said
    }
    if any(values.get(key, 0) > 64 for key in ("margin_size", "filter_size", "lrelu_upsampling")):
        raise Refused("its filters are larger than any StyleGAN3's: it is made to exhaust the machine")
    embed = state["mapping.embed.weight"].shape if "mapping.embed.weight" in state else (0, 0)
    first, last = state[layers[0][2]], state[layers[-1][2]]
    if "conv_clamp" in said:
        values["conv_clamp"] = clamp(said["conv_clamp"])
    return Config3(
        img_resolution=layers[-1][1],
        z_dim=state["mapping.fc0.weight"].shape[1] - embed[0],
        c_dim=embed[1],
        w_dim=state["synthesis.input.affine.weight"].shape[1],
        img_channels=last.shape[0],
        num_mapping_layers=len(dense),
        lr_multiplier=number(group(found, "mapping_kwargs").get("lr_multiplier", 0.01), "lr_multiplier"),
        num_layers=len(layers) - 1,
        conv_kernel=first.shape[-1],
        use_radial_filters=any(n.endswith(".down_filter") and t.ndim == 2 for n, t in state.items()),
        **values,
    )


def check_layers(config: Config3, state: State) -> None:
    """Raise Refused when the settings describe other layers than the file has; no memory is allocated before."""
    rates = config.layers()
    for i, after in enumerate(rates):
        kernel = 1 if i == config.num_layers else config.conv_kernel
        wanted = (after.channels, rates[max(i - 1, 0)].channels, kernel, kernel)
        weight = state.get(f"synthesis.L{i}_{after.size}_{after.channels}.weight")
        if weight is None or tuple(weight.shape) != wanted:
            raise Refused(f"its layer {i} is not the one its settings describe: it is damaged")


def note(found: Found, config: Config3) -> None:
    """Note of each setting how it is known, unless there is a note already."""
    noted, said = {n.setting for n in found.notes}, found.settings | group(found, "synthesis_kwargs")
    for name in (*SPOKEN, "conv_clamp"):
        if name not in noted:
            how = "found in the file" if name in said else "assumed: StyleGAN3's own default"
            found.notes.append(Note(name, getattr(config, name), how))
    for name in ("num_layers", "conv_kernel", "use_radial_filters", "num_mapping_layers"):
        if name not in noted:
            found.notes.append(Note(name, getattr(config, name), "read from the weights"))


def init_kwargs(config: Config3) -> dict[str, Plain]:
    """Return the Config3 as NVIDIA's keywords, for the engine's safetensors."""
    kwargs: dict[str, Plain] = {name: getattr(config, name) for name in ("z_dim", "c_dim", "w_dim")}
    kwargs |= {"img_resolution": config.img_resolution, "img_channels": config.img_channels}
    kwargs["mapping_kwargs"] = {"num_layers": config.num_mapping_layers, "lr_multiplier": config.lr_multiplier}
    shaping = (*SPOKEN, "num_layers", "conv_kernel", "use_radial_filters", "conv_clamp")
    return kwargs | {name: getattr(config, name) for name in shaping}
