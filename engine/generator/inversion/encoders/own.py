"""Our own encoder: small enough to travel with a model, learnt by `tools/train encoder` for any generator.

A residual network that halves the picture to 4x4 pixels; a dense layer answers with one w, and another with what every
layer adds to it (e4e's delta, arXiv:2102.02766, so that the answer stays near W). Inputs are drawn down to `side`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.generator.checkpoints.refusals import Refused
from engine.generator.inversion.encoders.encoder import Encoder
from engine.system.files import as_text

KIND = "latentvj encoder"
SUFFIX = ".encoder.safetensors"
LAST_SIDE = 4  # pixels of the map that the dense layers read
MOST_WIDTH, MOST_WS = 4096, 64  # sizes of layers and answers; larger ones are refused


@dataclass(frozen=True, slots=True)
class Shape:
    """What shapes an encoder: `side` pixels are seen; `widths` are the maps of every halving, from `side` / 2 on."""

    num_ws: int
    w_dim: int
    side: int
    widths: tuple[int, ...]
    channels: int = 3

    def __post_init__(self) -> None:
        if self.side >> len(self.widths) != LAST_SIDE or not 1 <= self.num_ws <= MOST_WS:
            raise ValueError("the halvings do not lead to 4 pixels")
        if not all(1 <= size <= MOST_WIDTH for size in (*self.widths, self.w_dim)) or self.channels not in (1, 3):
            raise ValueError("a layer of no size")


class Half(nn.Module):
    """A residual block that halves: two convolutions with group norm, beside them the mean of four pixels."""

    def __init__(self, fan_in: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(1, fan_in), nn.GroupNorm(1, width)
        self.conv1 = nn.Conv2d(fan_in, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.shortcut = nn.Conv2d(fan_in, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, I, S, S] -> [N, O, S/2, S/2]."""
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.conv2(F.silu(self.norm2(y)))
        beside: Tensor = self.shortcut(F.avg_pool2d(x, 2)) + y
        return beside


class OwnEncoder(Encoder):
    """See the module."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.settings, self.num_ws, self.w_dim = shape, shape.num_ws, shape.w_dim
        self.shape, self.input_channels = (shape.side, shape.side), shape.channels
        first, *rest = shape.widths
        self.entry = nn.Conv2d(shape.channels, first, 4, stride=2, padding=1)
        widths = (first, *rest)
        self.blocks = nn.Sequential(*(Half(a, b) for a, b in zip(widths, rest, strict=False)))
        flat = widths[-1] * LAST_SIDE**2
        self.norm = nn.GroupNorm(1, widths[-1])
        self.mean = nn.Linear(flat, shape.w_dim)
        self.deltas = nn.Linear(shape.w_dim, shape.num_ws * shape.w_dim) if shape.num_ws > 1 else None

    def encode(self, x: Tensor) -> Tensor:
        """See Encoder."""
        maps: Tensor = F.silu(self.norm(self.blocks(self.entry(x))))
        w: Tensor = self.mean(maps.flatten(1))
        return w[:, None]


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
