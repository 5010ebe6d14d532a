"""The mapper of the unofficial 850552586/Latent-To-Latent, read as data: one network for one attribute.

It begins from a boundary's edit, w_a = w + factor * direction, and returns w' = 0.7 w + 0.3 net(w_a). Three networks
serve the layers 0 to 3, 4 to 7 and from 8 on; each is two layers with tanh and one without, equalised with a learning
rate multiplier of 0.01 (Karras et al. 2019). Ours is `mapper`; this reads what people have trained with that program.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.borders.errors import UserError
from engine.generator.attributes.boundary_files import budget
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.pickles.tensors import LARGEST_FILE, check_total, tensor_of
from engine.generator.checkpoints.pickles.torch_files import read_any
from engine.generator.checkpoints.refusals import Refused

if TYPE_CHECKING:
    from torch import Tensor

PARTS = {"course_mapping": slice(0, 4), "medium_mapping": slice(4, 8), "fine_mapping": slice(8, None)}
LR_MULTIPLIER = 0.01
SHARE = 0.3  # of the network in w'
DEPTH = 3  # layers of a network


def read(path: Path) -> dict[str, Tensor]:
    """Return the weights by name, with the equalisation in them. UserError for any other file."""
    try:
        with path.open("rb") as file:
            span = Span(file, 0, file.seek(0, 2))
            if span.length > LARGEST_FILE:
                raise Refused("it is larger than any mapper")
            top = read_any(span, budget(span))
            refs = {name: tensor_of(value) for name, value in top.items()} if isinstance(top, dict) else {}
            wanted = [f"{part}.mapping.{i}.0" for part in PARTS for i in range(DEPTH)]
            held = {f"{name}.{kind}": refs.get(f"{name}.{kind}") for name in wanted for kind in ("weight", "bias")}
            found = {name: ref for name, ref in held.items() if ref is not None}
            if len(found) != len(held):
                raise Refused("it holds no mapper of three parts")
            check_total(found.values(), span.length)
            state = {name: ref.load().float() for name, ref in found.items()}
    except Refused as refused:
        raise UserError(f"{path}: {refused.reason}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror or error}") from error
    return {
        name: tensor * LR_MULTIPLIER * (tensor.shape[1] ** -0.5 if tensor.ndim == 2 else 1.0)
        for name, tensor in state.items()
    }


def edit(state: Mapping[str, Tensor], ws: Tensor, direction: Tensor, factor: float) -> Tensor:
    """Return w' [..., num_ws, w_dim] of ws for the boundary ``direction`` [w_dim]."""
    import torch

    moved = ws + factor * direction
    parts = []
    for part, layers in PARTS.items():
        x = moved[..., layers, :]
        for i in range(DEPTH):
            name = f"{part}.mapping.{i}.0"
            x = torch.nn.functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])
            x = torch.tanh(x) if i + 1 < DEPTH else x
        parts.append(x)
    return (1.0 - SHARE) * ws + SHARE * torch.cat(parts, dim=-2)
