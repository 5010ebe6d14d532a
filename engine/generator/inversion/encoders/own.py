"""Our own encoder: small enough to travel with a model, learnt by `tools/train/encoder` for any generator.

A picture of 64 px goes through stages of 3x3 convolutions, each half the size of the one before: those of the
recogniser, whose weights a training begins with. Dense layers over the last two maps answer with one w for all layers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.generator.checkpoints.refusals import Refused
from engine.generator.inversion.encoders.encoder import Encoder
from engine.system.files import as_text

KIND = "latentvj encoder"
SUFFIX = ".encoder.safetensors"
GRID = 4  # pixels of a side of the maps that the dense layers read
MOST_WIDTH = 4096  # of a layer; an encoder of wider ones is refused


@dataclass(frozen=True, slots=True)
class Shape:
    """What shapes an encoder: `side` pixels are seen; `widths` are the maps of its stages, the first at full size."""

    num_ws: int
    w_dim: int
    side: int = 64
    widths: tuple[int, ...] = (16, 32, 64, 128, 192)
    hidden: int = 256
    channels: int = 3

    def __post_init__(self) -> None:
        if self.side >> (len(self.widths) - 1) != GRID or not 1 <= self.num_ws <= MOST_WIDTH:
            raise ValueError("the stages do not lead to 4 pixels")
        if not all(1 <= size <= MOST_WIDTH for size in (*self.widths, self.w_dim, self.hidden)):
            raise ValueError("a layer of no size")
        if self.channels not in (1, 3):
            raise ValueError("pictures of no known kind")


class OwnEncoder(Encoder):
    """See the module."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.settings, self.num_ws, self.w_dim = shape, shape.num_ws, shape.w_dim
        self.shape, self.input_channels = (shape.side, shape.side), shape.channels
        self.convolutions = nn.ModuleList([nn.Conv2d(shape.channels, shape.widths[0], 3, padding=1)])
        for before, width in pairwise(shape.widths):
            self.convolutions.append(nn.Conv2d(before, width, 3, stride=2, padding=1))
            self.convolutions.append(nn.Conv2d(width, width, 3, padding=1))
        read = (shape.widths[-1] + shape.widths[-2]) * GRID**2
        self.norm = nn.LayerNorm(read)
        self.dense, self.second = nn.Linear(read, shape.hidden), nn.Linear(shape.hidden, shape.hidden)
        self.answer = nn.Linear(shape.hidden, shape.w_dim)

    def read(self, x: Tensor) -> Tensor:
        """Return what the dense layers read of pictures [N, C, side, side]: [N, F]."""
        maps: list[Tensor] = []
        for number, convolution in enumerate(self.convolutions):
            x = F.relu(convolution(x))
            if number % 2 == 0:
                maps.append(x)
        return torch.cat((maps[-1].flatten(1), F.avg_pool2d(maps[-2], 2).flatten(1)), dim=1)

    def tell(self, read: Tensor) -> Tensor:
        """Return w [N, w_dim] without the average, of what `read` returns."""
        y = F.gelu(self.dense(self.norm(read)))
        y = y + F.gelu(self.second(y))
        w: Tensor = self.answer(y)
        return w

    def encode(self, x: Tensor) -> Tensor:
        """See Encoder."""
        return self.tell(self.read(x))[:, None]


def beside(model: Path) -> Path:
    """Return the path of a model's own encoder."""
    return model.with_name(model.name.removesuffix(model.suffix) + SUFFIX)


def save(path: Path, encoder: OwnEncoder, average: Tensor, digest: str) -> None:
    """Write an encoder and the average [w_dim] that is added to its answers; half precision, for its size.

    ``digest`` is the SHA-256 of the model it was trained for.
    """
    state = {name: tensor.detach().half().contiguous() for name, tensor in encoder.state_dict().items()}
    state["average"] = average.detach().float().contiguous()
    about = {"format": KIND, "shape": json.dumps(asdict(encoder.settings)), "model_sha256": digest}
    save_file(state, path, about)


def load(path: Path, digest: str = "") -> tuple[OwnEncoder, Tensor]:
    """Return the encoder of a file and its average [1, w_dim]. Raises Refused, also for another model's ``digest``."""
    try:
        with as_text(path) as name, safe_open(name, "pt") as file:
            said = file.metadata() or {}
            if said.get("format") != KIND:
                raise Refused("it is no encoder: give one that tools/train learnt")
            if digest and said.get("model_sha256") not in ("", digest):
                raise Refused("it is the encoder of another model: delete it, or learn one for this model")
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 - it is no dictionary
        held = json.loads(said["shape"])
        encoder = OwnEncoder(Shape(**held | {"widths": tuple(held["widths"])}))
        average = state.pop("average")
        encoder.load_state_dict(state, strict=True)
        if average.shape != (encoder.w_dim,):
            raise ValueError("an average of another size")
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError, AttributeError):
        raise Refused("it is a damaged encoder: learn it again, or copy it again") from None
    return encoder, average[None]
