"""VGG16's convolutions, with torchvision's names for their layers; widths come from the file.

Written from Simonyan & Zisserman, "Very Deep Convolutional Networks" (arXiv:1409.1556), configuration D. Files are read
as data: torchvision's `vgg16-397923af.pth` (`features.N.weight`), in-domain inversion's (`layerN.weight`), a bare
state_dict (`N.weight`), and safetensors of any of these.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.borders.errors import UserError
from engine.generator.checkpoints import safetensors_files
from engine.generator.checkpoints.checkpoint import check_numbers
from engine.generator.checkpoints.contents import Weight
from engine.generator.checkpoints.flavours.draft import tensors_in
from engine.generator.checkpoints.pickles.pickle_names import Budget
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.pickles.tensors import check_total
from engine.generator.checkpoints.pickles.torch_files import read_any
from engine.generator.checkpoints.refusals import Refused, refuse_foreign

CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # torchvision's numbers of the layers
POOLS = (4, 9, 16, 23, 30)
RELU1_1, RELU1_2, RELU2_2, RELU3_2, RELU3_3, RELU4_2, RELU4_3, RELU5_3 = 1, 3, 8, 13, 15, 20, 22, 29
NAME = re.compile(r"(?:(?:net\.|vgg16\.)?(?:features\.|slice\d\.|layer))?(\d{1,2})\.(weight|bias)")
SMALLEST = 16  # pixels; of a smaller picture nothing is left before the last layers
ADVICE = "give torchvision's vgg16-397923af.pth, or fetch it with --download-vgg"


class Vgg16(nn.Module):
    """The convolutions. What the numbers of a picture are beforehand, whoever uses it decides."""

    def __init__(self, shapes: Sequence[tuple[int, int]]) -> None:
        """``shapes`` are the outputs and inputs of the convolutions that there are, first to last."""
        super().__init__()
        self.features = nn.ModuleDict(
            {str(i): nn.Conv2d(inputs, outputs, 3, padding=1) for i, (outputs, inputs) in zip(CONVOLUTIONS, shapes)}  # noqa: B905 - files may end early
        )

    def maps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Return what the layers of these numbers (ascending, each a ReLU's) make of x [N, 3, H, W]."""
        seen: list[Tensor] = []
        for i in range(layers[-1] + 1):
            if str(i) in self.features:
                x = self.features[str(i)](x)
            elif i in POOLS:
                x = F.max_pool2d(x, 2)
            else:
                x = F.relu(x)
            if i in layers:
                seen.append(x)
        return seen


def load(path: Path) -> Vgg16:
    """Read VGG16 from a file; nothing in it is run. Raises UserError, which names it."""
    try:
        state = _state(path)
        found = [state[f"{i}.weight"] for i in CONVOLUTIONS if f"{i}.weight" in state]
        if len(found) < CONVOLUTIONS.index(21) + 1:
            raise Refused(f"it holds no VGG16: {ADVICE}")
        check_numbers(state)
        network = Vgg16([(t.shape[0], t.shape[1]) for t in found])
        network.load_state_dict({f"features.{name}": tensor for name, tensor in state.items()}, assign=True)
    except Refused as refused:
        raise UserError(f"{path}: {refused.reason}") from None
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file: {ADVICE}") from None
    except (RuntimeError, IndexError, ValueError):
        raise UserError(f"{path}: its weights make no VGG16: {ADVICE}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror or error}") from error
    return network.eval().requires_grad_(False)


def _state(path: Path) -> dict[str, Tensor]:
    """Return the convolutions' tensors by number; the classifier behind them is left in the file."""
    with path.open("rb") as file:
        span = Span(file, 0, file.seek(0, 2))
        head = span.head(1024)
        refuse_foreign(head, span.length)
        if safetensors_files.is_safetensors(head):
            held = {name: t.float() for name, t in safetensors_files.map_state(path).items()}
            return {f"{m[1]}.{m[2]}": t for name, t in held.items() if (m := NAME.fullmatch(name))}
        top = read_any(span, Budget(decoded=span.length))
        if isinstance(top, dict) and isinstance(top.get("state_dict"), dict):
            top = top["state_dict"]
        tensors = tensors_in(top) if isinstance(top, dict) else {}
        check_total(tensors.values(), span.length)
        named = {f"{m[1]}.{m[2]}": ref for name, ref in tensors.items() if (m := NAME.fullmatch(name))}
        wanted = {f"{i}.{part}" for i in CONVOLUTIONS for part in ("weight", "bias")}
        return {name: Weight(ref).load() for name, ref in named.items() if name in wanted}


def normalized(x: Tensor) -> Tensor:
    """Return a picture of -1..1 as torchvision's networks want it; LPIPS's shift and scale are the same numbers."""
    shift = torch.tensor([-0.030, -0.088, -0.188], device=x.device).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450], device=x.device).view(1, 3, 1, 1)
    return (x - shift) / scale


def caffe(x: Tensor) -> Tensor:
    """Return a picture of -1..1 as Caffe's VGG wants it: BGR, 0..255, minus the means of ImageNet."""
    mean = torch.tensor([103.939, 116.779, 123.68], device=x.device).view(1, 3, 1, 1)
    return ((x + 1.0) * 255.0 / 2.0).flip(1) - mean
