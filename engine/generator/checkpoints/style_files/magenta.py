"""Magenta's variables under the names that `stage/style` knows: multi-style and arbitrary networks.

tensorflow/magenta, image_stylization and arbitrary_image_stylization. Kernels are HWIO there, and OIHW here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.borders.style_weights import StyleWeights
from engine.generator.checkpoints.refusals import Refused

if TYPE_CHECKING:
    from torch import Tensor

LAYER = re.compile(
    r"(?:.*/)?(?:contract/conv(?P<contract>\d)|residual/residual(?P<pair>\d{1,2})/conv(?P<half>\d)"
    r"|expand/conv(?P<expand>\d)/conv)/(?P<rest>[^/].*)"
)
BATCH_EPS = 1e-3  # of slim's batch normalisation
SLOTS = ("Adam", "Adam_1", "ExponentialMovingAverage", "Momentum", "RMSProp")


def find(tensors: dict[str, Tensor], source: str) -> StyleWeights:
    """Return the style network in a checkpoint's variables. Raises Refused where there is none."""
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = LAYER.fullmatch(name)
        if match is None or name.rsplit("/", 1)[-1] in SLOTS:
            continue
        layers.setdefault(_layer(match), {})[match["rest"]] = tensor
    if not any("weights" in layer for layer in layers.values()):
        raise Refused("it holds no style network of Magenta's: no transformer/contract, residual and expand in it")
    if any("InstanceNorm/gamma" in layer for layer in layers.values()):
        found = {name: tensor for key, layer in layers.items() for name, tensor in _conditional(key, layer).items()}
        return StyleWeights("conditional", source, found)
    if any("StyleNorm/Conv/weights" in layer for layer in layers.values()):
        found = {name: tensor for key, layer in layers.items() for name, tensor in _arbitrary(key, layer).items()}
        return StyleWeights("arbitrary", source, found | _predictor(tensors))
    raise Refused("its transformer has neither InstanceNorm nor StyleNorm behind its convolutions: it is damaged")


def _layer(match: re.Match[str]) -> str:
    if match["contract"]:
        return f"contract.{int(match['contract']) - 1}"
    if match["pair"]:
        return f"res.{int(match['pair']) - 1}.{int(match['half']) - 1}"
    return f"expand.{int(match['expand']) - 1}"


def _kernel(key: str, layer: dict[str, Tensor]) -> Tensor:
    if "weights" not in layer or layer["weights"].ndim != 4:
        raise Refused(f"its {key} has no kernel: it is damaged")
    return layer["weights"].permute(3, 2, 0, 1).contiguous()


def _conditional(key: str, layer: dict[str, Tensor]) -> dict[str, Tensor]:
    try:
        gamma, beta = layer["InstanceNorm/gamma"], layer["InstanceNorm/beta"]
    except KeyError:
        raise Refused(f"its {key} lacks gammas or betas: it is damaged") from None
    width = _kernel(key, layer).shape[0]  # a network of one style has them flat
    return {
        f"{key}.weight": _kernel(key, layer),
        f"{key}.gamma": gamma.reshape(-1, width),
        f"{key}.beta": beta.reshape(-1, width),
    }


def _arbitrary(key: str, layer: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a layer with its batch normalisation folded in, or with what makes gammas and betas from a vector."""
    weight = _kernel(key, layer)
    found: dict[str, Tensor] = {}
    if "biases" in layer:
        found[f"{key}.bias"] = layer["biases"]
    if "BatchNorm/moving_mean" in layer:
        scale = (layer["BatchNorm/moving_variance"] + BATCH_EPS).rsqrt()
        if "BatchNorm/gamma" in layer:
            scale = scale * layer["BatchNorm/gamma"]
        bias = layer.get("biases", layer["BatchNorm/beta"] * 0)
        found[f"{key}.bias"] = (bias - layer["BatchNorm/moving_mean"]) * scale + layer["BatchNorm/beta"]
        weight = weight * scale[:, None, None, None]
    for part, name in (("Conv", "beta"), ("Conv_1", "gamma")):
        if f"StyleNorm/{part}/weights" in layer:
            found[f"{key}.{name}.weight"] = layer[f"StyleNorm/{part}/weights"].flatten(0, 2).T.contiguous()
            width = found[f"{key}.{name}.weight"].shape[0]
            found[f"{key}.{name}.bias"] = layer.get(f"StyleNorm/{part}/biases", weight.new_zeros(width))
    return {f"{key}.weight": weight, **found}


def _predictor(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the recognition network's variables that predict a vector, under their own names."""
    return {
        name: tensor
        for name, tensor in tensors.items()
        if name.startswith(("InceptionV3/", "bottleneck", "Conv/")) and name.rsplit("/", 1)[-1] not in SLOTS
    }
