"""What each style method costs beside plain PyTorch: ``python -m benchmarks.style_methods``.

Networks of the published widths with random weights, a picture at each size, ours and the textbook's in turns. The
textbook is written here as the papers' programs are: nn.InstanceNorm2d and nn.ReflectionPad2d, a scale and a shift
behind it. Gatys is one evaluation of the losses with its gradient. Milliseconds are medians of this process's time on
the processor, which other programs on the machine do not lengthen.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.stage import style
from engine.stage.style import conditional
from engine.stage.style.adain import DECODER, ENCODER, UPS_BEFORE
from engine.stage.style.recognition import BLOCKS

SIZES = (128, 256)  # pixels of the picture's side
STYLES = 16  # of the conditional network
Run = Callable[[Tensor], object]


def drawn(*shape: int) -> Tensor:
    """Return random weights of a size that keeps the features' size."""
    return torch.randn(shape) * math.sqrt(2.0 / math.prod(shape[1:]))


def reflected(weight: Tensor, bias: Tensor | None, stride: int = 1, up: int = 1) -> nn.Sequential:
    """Return a textbook convolution on a reflected border, after nearest enlargement."""
    convolution = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], stride, bias=bias is not None)
    convolution.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
    before = [nn.Upsample(scale_factor=up)] if up > 1 else []
    return nn.Sequential(*before, nn.ReflectionPad2d(weight.shape[2] // 2), convolution)


def shapes() -> dict[str, tuple[int, int, int, int]]:
    """Return name and weights' shape of the image transformation network's layers, in order."""
    rows = {"contract.0": (32, 3, 9, 9), "contract.1": (64, 32, 3, 3), "contract.2": (128, 64, 3, 3)}
    rows |= {f"res.{i}.{j}": (128, 128, 3, 3) for i in range(5) for j in (0, 1)}
    return rows | {"expand.0": (64, 128, 3, 3), "expand.1": (32, 64, 3, 3), "expand.2": (3, 32, 9, 9)}


class Textbook(nn.Module):
    """The image transformation network as the programs write it."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """``tensors`` by the names of `shapes`, with .weight, .gamma and .beta [N, C]."""
        super().__init__()
        strides, ups = {"contract.1": 2, "contract.2": 2}, {"expand.0": 2, "expand.1": 2}
        self.layers = nn.ModuleList(
            reflected(tensors[f"{name}.weight"], None, strides.get(name, 1), ups.get(name, 1)) for name in shapes()
        )
        self.norms = nn.ModuleList(nn.InstanceNorm2d(shape[0]) for shape in shapes().values())
        self.rows = [(tensors[f"{name}.gamma"], tensors[f"{name}.beta"]) for name in shapes()]

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        """Return the painted picture."""
        rows = [((shares @ g)[..., None, None], (shares @ b)[..., None, None]) for g, b in self.rows]

        def layer(i: int, x: Tensor) -> Tensor:
            found: Tensor = self.norms[i](self.layers[i](x)) * rows[i][0] + rows[i][1]
            return found

        for i in range(3):
            x = torch.relu(layer(i, x))
        for i in range(3, 13, 2):
            x = x + layer(i + 1, torch.relu(layer(i, x)))
        x = torch.relu(layer(14, torch.relu(layer(13, x))))
        return torch.sigmoid(layer(15, x))


def many_styles() -> tuple[Run, Run]:
    """Return the conditional network: ours, and the textbook's."""
    tensors = {f"{name}.weight": drawn(*shape) for name, shape in shapes().items()}
    for name, shape in shapes().items():
        tensors |= {f"{name}.gamma": torch.rand(STYLES, shape[0]) + 0.5, f"{name}.beta": torch.randn(STYLES, shape[0])}
    ours, textbook, shares = conditional.from_tensors(tensors, {}), Textbook(tensors), torch.full((1, STYLES), 1 / 16)
    return lambda x: ours(x, shares), lambda x: textbook(x, shares)


def adain() -> tuple[Run, Run]:
    """Return AdaIN at strength 1: ours, and the textbook's."""
    sizes = [3, 3, 64, 64, 128, 128, 256, 256, 256, 256, 512]
    back = [512, 256, 256, 256, 256, 128, 128, 64, 64, 3]
    tensors: dict[str, Tensor] = {}
    for part, numbers, widths in (("encoder", ENCODER, sizes), ("decoder", DECODER, back)):
        for number, into, out in zip(numbers, widths, widths[1:], strict=False):
            side = 1 if (part, number) == ("encoder", 0) else 3
            tensors |= {f"{part}.{number}.weight": drawn(out, into, side, side), f"{part}.{number}.bias": drawn(out)}
    ours = style.AdaIN(tensors)
    statistics = ours.statistics(torch.rand(1, 3, 64, 64)).detach()

    def convolution(part: str, number: int) -> nn.Sequential:
        up = 2 if part == "decoder" and number in UPS_BEFORE else 1
        return reflected(tensors[f"{part}.{number}.weight"], tensors[f"{part}.{number}.bias"], up=up)

    encoder: list[nn.Module] = []
    for number in ENCODER:
        if number in (9, 16, 29):
            encoder.append(nn.MaxPool2d(2, ceil_mode=True))
        encoder += [convolution("encoder", number), *([nn.ReLU()] if number else [])]
    decoder = [layer for number in DECODER for layer in (convolution("decoder", number), nn.ReLU())][:-1]
    first, last = nn.Sequential(*encoder), nn.Sequential(*decoder)

    def textbook(x: Tensor) -> Tensor:
        seen = first(x)
        mean, deviation = seen.mean((2, 3), keepdim=True), (seen.var((2, 3), keepdim=True) + 1e-5).sqrt()
        wanted = statistics[..., None, None]
        painted: Tensor = last((seen - mean) / deviation * wanted[:, 1] + wanted[:, 0])
        return painted

    return lambda x: ours(x, statistics), textbook


def gatys() -> tuple[Run, Run]:
    """Return one evaluation of Gatys' losses with its gradient: ours, and the textbook's."""
    widths, into, tensors = (64, 128, 256, 512, 512), 3, dict[str, Tensor]()
    for block, count in BLOCKS:
        for i in range(1, count + 1):
            out = widths[block - 1]
            tensors |= {f"conv{block}_{i}.weight": drawn(out, into, 3, 3), f"conv{block}_{i}.bias": torch.zeros(out)}
            into = out
    network = style.Vgg(tensors)
    wanted: dict[int, style.Targets] = {}

    def targets(x: Tensor) -> style.Targets:
        if x.shape[-1] not in wanted:
            wanted[x.shape[-1]] = style.targets(network, x, [x.flip(-1)])
        return wanted[x.shape[-1]]

    def ours(x: Tensor) -> None:
        x = network.prepare(x).requires_grad_(True)
        torch.stack(style.layer_losses(network, x, targets(x))).sum().backward()  # type: ignore[no-untyped-call]

    def textbook(x: Tensor) -> None:
        known = targets(x)
        x = network.prepare(x).requires_grad_(True)
        y, found = x, {}
        for block, count in (*BLOCKS[:4], (5, 1)):
            for i in range(1, count + 1):
                y = F.relu(F.conv2d(y, tensors[f"conv{block}_{i}.weight"], tensors[f"conv{block}_{i}.bias"], padding=1))
                found[f"r{block}{i}"] = y
            y = F.max_pool2d(y, 2)
        losses = [F.mse_loss(found["r42"], known.features[0])]
        for layer, gram, weight in zip(known.style_layers, known.grams, known.style_weights, strict=True):
            flat = found[layer].flatten(2)
            losses.append(weight * F.mse_loss(flat @ flat.transpose(1, 2) / flat.shape[2], gram))
        sum(losses, torch.zeros(())).backward()  # type: ignore[no-untyped-call]

    return ours, textbook


def timed(run: Run, picture: Tensor) -> float:
    """Return the milliseconds of processor time that one run takes."""
    begun = time.process_time()
    run(picture)
    return 1e3 * (time.process_time() - begun)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    a = parser.parse_args()
    torch.manual_seed(0)
    found: dict[str, dict[str, float]] = {}
    for name, make in (("conditional, feedforward", many_styles), ("adain", adain), ("gatys, an evaluation", gatys)):
        ours, textbook = make()
        for size in SIZES:
            picture = torch.rand(1, 3, size, size)
            with torch.set_grad_enabled(make is gatys):
                rows = [[timed(run, picture) for run in (ours, textbook)] for _ in range(a.rounds + 1)][1:]
            middle = np.median(rows, 0)
            ratio = float(np.median([plain / own for own, plain in rows]))
            found[f"{name}, {size} px"] = {
                "ms": round(float(middle[0]), 1),
                "plain_ms": round(float(middle[1]), 1),
                "times_as_fast": round(ratio, 2),
            }
            print(name, size, found[f"{name}, {size} px"], flush=True)
    figures = {"threads": torch.get_num_threads(), "load": round(os.getloadavg()[0], 1), "methods": found}
    if a.json is not None:
        a.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
