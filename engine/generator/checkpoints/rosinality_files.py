"""Checkpoints of rosinality's stylegan2-pytorch, and bare state_dicts with NVIDIA's names.

The file is a dictionary with `g_ema`. A converted file also has `latent_avg`; one from training has the optimizers'
states and an `argparse.Namespace`. All sizes come from the weights' shapes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.generator.checkpoints.contents import Found, Plain, Weight
from engine.generator.checkpoints.families import ADVICE
from engine.generator.checkpoints.pickles.tensors import TensorRef, tensor_of
from engine.generator.checkpoints.refusals import Refused

if TYPE_CHECKING:
    from torch import Tensor

STYLE = re.compile(r"style\.(\d{1,3})\.(weight|bias)")
LAYER = re.compile(r"(conv1|to_rgb1|convs\.(\d{1,2})|to_rgbs\.(\d{1,2}))\.(.+)")
NOISE = re.compile(r"noises\.noise_(\d{1,2})")


def first(tensor: Tensor) -> Tensor:
    """Return a tensor [1, ...] without its first dimension."""
    return tensor[0]


def flat(tensor: Tensor) -> Tensor:
    """Return a tensor as one row of numbers."""
    return tensor.reshape(-1)


def scalar(tensor: Tensor) -> Tensor:
    """Return a tensor of one number without dimensions."""
    return tensor.reshape(())


def unit_sum(tensor: Tensor) -> Tensor:
    """Return a FIR kernel with NVIDIA's sum of 1; rosinality's sum is 4."""
    return tensor / tensor.sum()


CHANGES = {
    "conv.weight": ("weight", first),
    "conv.modulation.weight": ("affine.weight", None),
    "conv.modulation.bias": ("affine.bias", None),
    "conv.blur.kernel": ("resample_filter", unit_sum),
    "activate.bias": ("bias", None),
    "bias": ("bias", flat),
    "noise.weight": ("noise_strength", scalar),
}

# A key that only the file of another program has, and what that file is.
RELATIVES = (
    ("GAN", "a lucidrains stylegan2-pytorch checkpoint, another network under the same name"),
    ("G.initial_block", "a lucidrains stylegan2-pytorch checkpoint, another network under the same name"),
    ("synthesis.input.", "a bare StyleGAN3 state_dict, without the settings it needs"),
    ("encoder.", "an encoder (pSp or e4e)"),
    ("params_ema", "a restoration model"),
    ("model.diffusion_model.", "a diffusion model"),
)


def find(top: object) -> Found | None:
    """Return the generator in the dictionary `top`; None when it is no dictionary with a generator's tensors."""
    if not isinstance(top, dict):
        return None
    groups = [name for name in ("g_ema", "G_ema", "g", "G") if isinstance(top.get(name), dict)]
    state = top[groups[0]] if groups else top
    tensors = state_dict(state) if isinstance(state, dict) else {}
    if "synthesis.b4.const" in tensors:
        settings: dict[str, Plain] = {}
        return Found("state_dict with NVIDIA's names", "stylegan2", settings, weights_of(tensors))
    if "input.input" not in tensors or "conv1.conv.weight" not in tensors:
        return None
    found = Found("rosinality checkpoint", "stylegan2", {}, translate(tensors))
    if groups and groups[0] in "gG":
        found.assume("weights", groups[0], "the file has no g_ema, and these look rougher")
    if (average := tensor_of(top.get("latent_avg"))) is not None:
        found.weights["mapping.w_avg"] = Weight(average, flat)
    for name, value in (("lr_multiplier", 0.01), ("conv_clamp", None)):
        found.assume(name, value, "the format does not hold it, and its program knows no other")
    return found


def state_dict(state: dict[object, object]) -> dict[str, TensorRef]:
    """Return the tensors by name, without the prefix of training on several GPUs."""
    tensors = {}
    for name, value in state.items():
        if isinstance(name, str) and (ref := tensor_of(value)) is not None:
            tensors[name.removeprefix("module.")] = ref
    return tensors


def weights_of(tensors: dict[str, TensorRef]) -> dict[str, Weight]:
    """Return the generator's tensors as weights, unchanged."""
    return {name: Weight(ref) for name, ref in tensors.items() if name.startswith(("mapping.", "synthesis."))}


def translate(tensors: dict[str, TensorRef]) -> dict[str, Weight]:
    """Return the weights under NVIDIA's names; `tensors` have rosinality's."""
    weights: dict[str, Weight] = {}
    for name, ref in tensors.items():
        if match := STYLE.fullmatch(name):  # style.0 normalises
            weights[f"mapping.fc{int(match[1]) - 1}.{match[2]}"] = Weight(ref)
        elif match := LAYER.fullmatch(name):
            translate_layer(match, ref, weights)
        elif match := NOISE.fullmatch(name):
            index = int(match[1])
            layer = f"b{4 << (index + 1) // 2}.conv{(index + 1) % 2}"
            weights[f"synthesis.{layer}.noise_const"] = Weight(ref, lambda t: t[0, 0])
        elif name == "input.input":
            weights["synthesis.b4.const"] = Weight(ref, first)
    return weights


def translate_layer(match: re.Match[str], ref: TensorRef, weights: dict[str, Weight]) -> None:
    """Add one tensor of a convolution or ToRGB to `weights`."""
    if match[2] is not None:
        layer = f"synthesis.b{8 << int(match[2]) // 2}.conv{int(match[2]) % 2}"
    elif match[3] is not None:
        layer = f"synthesis.b{8 << int(match[3])}.torgb"
    else:
        layer = "synthesis.b4." + {"conv1": "conv1", "to_rgb1": "torgb"}[match[1]]
    if match[4] == "upsample.kernel":
        weights[layer.removesuffix("torgb") + "resample_filter"] = Weight(ref, unit_sum)
    elif match[4] in CHANGES:
        name, change = CHANGES[match[4]]
        weights[f"{layer}.{name}"] = Weight(ref, change)


def refuse_relatives(top: object) -> None:
    """Raise Refused, with its name, for a dictionary of another program."""
    if not isinstance(top, dict):
        return
    keys = [key for key in top if isinstance(key, str)]
    for value in top.values():
        if isinstance(value, dict):
            keys += [key for key in value if isinstance(key, str)]
    for start, what in RELATIVES:
        if any(key == start or (key.startswith(start) and start.endswith((".", "block"))) for key in keys):
            raise Refused(f"this is {what}: {ADVICE}")
