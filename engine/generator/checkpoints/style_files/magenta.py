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
PREDICTOR = re.compile(
    r"(?P<before>(?:.*/)?)InceptionV3/(?P<scope>Conv2d_[1-4][ab]_\dx\d|Mixed_(?:5[b-d]|6[a-e])/Branch_\d/[^/]+)/weights"
)
REST = ("weights", "biases", "BatchNorm/beta", "BatchNorm/gamma", "BatchNorm/moving_mean", "BatchNorm/moving_variance")
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
        weight, found[f"{key}.bias"] = _normalised(weight, layer)
    for part, name in (("Conv", "beta"), ("Conv_1", "gamma")):
        if f"StyleNorm/{part}/weights" in layer:
            found[f"{key}.{name}.weight"] = layer[f"StyleNorm/{part}/weights"].flatten(0, 2).T.contiguous()
            width = found[f"{key}.{name}.weight"].shape[0]
            found[f"{key}.{name}.bias"] = layer.get(f"StyleNorm/{part}/biases", weight.new_zeros(width))
    return {f"{key}.weight": weight, **found}


def _normalised(weight: Tensor, layer: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return a kernel and a bias with the layer's batch normalisation folded in. Raises Refused."""
    try:
        scale = (layer["BatchNorm/moving_variance"] + BATCH_EPS).rsqrt()
        mean = layer["BatchNorm/moving_mean"]
    except KeyError as error:
        raise Refused(f"a layer in it has no {error.args[0]}: it is damaged") from None
    scale = scale * layer.get("BatchNorm/gamma", 1.0)
    bias = (layer.get("biases", 0.0) - mean) * scale + layer.get("BatchNorm/beta", 0.0)
    return weight * scale[:, None, None, None], bias


def _predictor(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the recognition network that predicts a vector, as `stage/style/inception` names it; none: empty.

    Its convolutions are predict.Conv2d_1a_3x3.weight and predict.Mixed_5b/Branch_0/Conv2d_0a_1x1.bias, with their
    batch normalisation folded in, and what makes 100 numbers of them is predict.bottleneck.weight. Raises Refused.
    """
    found: dict[str, Tensor] = {}
    before = ""
    for name in tensors:
        match = PREDICTOR.fullmatch(name)
        if match is None:
            continue
        before, scope = match["before"], match["scope"]
        layer = {rest: tensors[full] for rest in REST if (full := f"{name.removesuffix('weights')}{rest}") in tensors}
        kernel, bias = _normalised(_kernel(scope, layer), layer)
        found[f"predict.{scope}.weight"], found[f"predict.{scope}.bias"] = kernel, bias
    if not found:
        return {}
    try:
        weight, bias = tensors[f"{before}Conv/weights"], tensors[f"{before}Conv/biases"]
    except KeyError as error:
        raise Refused(f"it has InceptionV3, but not {error.args[0]} that makes a vector of it: it is damaged") from None
    return found | {"predict.bottleneck.weight": weight.flatten(0, 2).T.contiguous(), "predict.bottleneck.bias": bias}
