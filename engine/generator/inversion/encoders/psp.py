"""pSp, e4e and ReStyle: encoders into W and W+ on one of two backbones.

Written from Richardson et al., "Encoding in Style" (arXiv:2008.00951), Tov et al., "Designing an Encoder for StyleGAN
Image Manipulation" (arXiv:2102.02766) and Alaluf et al., "ReStyle" (arXiv:2104.02699). pSp's and e4e's files have the
same names and shapes: what an encoder is, its file's `opts` say (`encoder_type`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.generator.inversion.encoders.backbones import Shapes, irse, resnet34
from engine.generator.inversion.encoders.encoder import Conv, Encoder, Equal, MapToStyle, run, widened

COARSE, MIDDLE = 3, 7  # ws from these on read the finer maps
MOST_WS = 40  # an encoder of more layers is none
POOLED = 7  # pixels of a side that the dense head of an encoder into W+ sees


@dataclass(frozen=True, slots=True)
class Kind:
    """What an `encoder_type` means: where its heads sit, and whether the first answers for all layers (e4e)."""

    head: str  # "pyramid", "last", "w", "dense"
    backbone: str = "irse"
    progressive: bool = False


KINDS = {
    "GradualStyleEncoder": Kind("pyramid"),
    "ResNetGradualStyleEncoder": Kind("pyramid", "resnet34"),
    "Encoder4Editing": Kind("pyramid", progressive=True),
    "BackboneEncoder": Kind("last"),
    "ResNetBackboneEncoder": Kind("last", "resnet34"),
    "ProgressiveBackboneEncoder": Kind("last", progressive=True),
    "ResNetProgressiveBackboneEncoder": Kind("last", "resnet34", progressive=True),
    "BackboneEncoderUsingLastLayerIntoW": Kind("w"),
    "SingleStyleCodeEncoder": Kind("w"),
    "BackboneEncoderUsingLastLayerIntoWPlus": Kind("dense"),
}


class Backbone(Encoder):
    """An encoder whose state_dict has the names of the files."""

    def __init__(self, kind: Kind, shapes: Shapes) -> None:
        super().__init__()
        self.kind = kind
        if kind.backbone == "resnet34":
            entry, self.body, self.taps = resnet34(shapes)
            self.conv1, self.bn1, self.relu = entry.conv1, entry.bn1, entry.relu
            self.input_channels = shapes["conv1.weight"][1]
        else:
            self.input_layer, self.body, self.taps = irse(shapes)
            self.input_channels = shapes["input_layer.0.weight"][1]
        self.iterative = self.input_channels == 6

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps that end the last three stages, fine to coarse."""
        x = self.relu(self.bn1(self.conv1(x))) if self.kind.backbone == "resnet34" else self.input_layer(x)
        return run(self.body, x, self.taps)


class StyleEncoder(Backbone):
    """An encoder with one head a layer: pSp, e4e, and both kinds of ReStyle."""

    def __init__(self, kind: Kind, shapes: Shapes) -> None:
        super().__init__(kind, shapes)
        heads: list[nn.Module] = []
        while f"styles.{len(heads)}.linear.weight" in shapes and len(heads) <= MOST_WS:
            name = f"styles.{len(heads)}.convs."
            halvings = sum(key.startswith(name) and key.endswith(".weight") for key in shapes)
            width, fan_in = shapes[f"{name}0.weight"][:2]
            heads.append(MapToStyle(fan_in, width, halvings))
        self.styles = nn.ModuleList(heads)
        if kind.head == "pyramid":
            self.latlayer1, self.latlayer2 = (
                Conv(shapes[f"latlayer{i}.weight"][1], shapes[f"latlayer{i}.weight"][0], 1) for i in (1, 2)
            )

    def encode(self, x: Tensor) -> Tensor:
        """See Encoder."""
        fine, middle, coarse = self.maps(x)
        sources = [coarse] * len(self.styles)
        count = len(self.styles)
        if self.kind.progressive and self.stage is not None:
            count = min(self.stage + 1, count)
        if self.kind.head == "pyramid" and count > COARSE:
            second = widened(coarse, self.latlayer1(middle))
            sources[COARSE:MIDDLE] = [second] * len(sources[COARSE:MIDDLE])
            if count > MIDDLE:
                sources[MIDDLE:] = [widened(second, self.latlayer2(fine))] * len(sources[MIDDLE:])
        answers: list[Tensor] = [head(source) for head, source in zip(self.styles[:count], sources, strict=False)]
        if self.kind.progressive:
            first = answers[0]
            answers = [first, *(first + delta for delta in answers[1:])] + [first] * (len(self.styles) - count)
        return torch.stack(answers, dim=1)


class SingleEncoder(Backbone):
    """An encoder into W: the mean of the last map, a dense layer."""

    def __init__(self, kind: Kind, shapes: Shapes) -> None:
        super().__init__(kind, shapes)
        self.linear = Equal(*reversed(shapes["linear.weight"]))

    def encode(self, x: Tensor) -> Tensor:
        """See Encoder."""
        answer: Tensor = self.linear(self.maps(x)[-1].mean(dim=(2, 3)))
        return answer[:, None]


class DenseEncoder(Backbone):
    """An encoder into W+ by one dense layer over the last map, pooled to 7x7."""

    def __init__(self, kind: Kind, shapes: Shapes) -> None:
        super().__init__(kind, shapes)
        width = shapes["output_layer_2.0.weight"][0]
        out, fan_in = shapes["output_layer_2.3.weight"]
        if fan_in != width * POOLED**2:
            raise ValueError(f"a dense layer over {fan_in} numbers")
        pool = nn.AdaptiveAvgPool2d((POOLED, POOLED))
        self.output_layer_2 = nn.Sequential(nn.BatchNorm2d(width), pool, nn.Flatten(), nn.Linear(fan_in, out))
        self.linear = Equal(*reversed(shapes["linear.weight"]))
        self.w_dim = out

    def encode(self, x: Tensor) -> Tensor:
        """See Encoder."""
        answer: Tensor = self.linear(self.output_layer_2(self.maps(x)[-1]))
        return answer.view(len(x), -1, self.w_dim)


def build(encoder_type: str, shapes: Shapes) -> Backbone:
    """Return the encoder of a file's type and shapes. ValueError or KeyError where they make none."""
    kind = KINDS[encoder_type]
    made = {"w": SingleEncoder, "dense": DenseEncoder}.get(kind.head, StyleEncoder)
    return made(kind, shapes)
