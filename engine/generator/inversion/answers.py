"""What an encoder answers to a picture: at once, or in ReStyle's steps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.inversion import pictures
from engine.generator.inversion.encoders.files import CARS_SHAPE, EncoderFile

ITERATIONS = 5  # of ReStyle


def seen_by(file: EncoderFile, picture: Image.Image) -> Tensor:
    """Return a square picture as the encoder sees it [1, C, H, W], -1..1, drawn to its size as its program does."""
    encoder = file.encoder
    if encoder.shape == CARS_SHAPE:  # a car's picture lies in the middle of the square
        picture = picture.crop((0, picture.height // 8, picture.width, picture.height - picture.height // 8))
    channels = 1 if encoder.input_channels == 1 else 3
    x = pictures.tensor(picture, encoder.shape, channels, Image.Resampling.BILINEAR)
    return (x + 1.0) / 2.0 if file.kind == "GradualStyleEncoder" and channels == 1 else x  # pSp's sketches are 0..1


@torch.no_grad()
def answers(file: EncoderFile, x: Tensor, iterations: int = ITERATIONS) -> list[Tensor]:
    """Return the encoder's answers [N, num_ws, w_dim] to pictures x, one each iteration; one of any but ReStyle.

    Raises UserError for ReStyle without a generator, which it needs to look at its own answers.
    """
    encoder, average, network = file.encoder, file.average, file.network
    start = torch.zeros(()) if average is None else average[None]
    if not encoder.iterative:
        return [_spread(file, encoder(x) + start)]
    if network is None or average is None:
        raise UserError(f"{file.path}: ReStyle looks at its own answers, and there is no model: name it with --model")
    found: list[Tensor] = []
    ws = average[None].expand(len(x), network.num_ws, -1)
    for _ in range(iterations):
        beside = _beside(file, network.synthesize(ws))
        ws = encoder(torch.cat((x, beside), dim=1)) + ws
        found.append(ws)
    return found


def _beside(file: EncoderFile, image: Tensor) -> Tensor:
    """Return the generator's picture as ReStyle sees it beside the one it is asked about."""
    if file.encoder.shape == CARS_SHAPE:
        edge = image.shape[2] // 8
        image = image[:, :, edge : image.shape[2] - edge]
    return F.adaptive_avg_pool2d(image, file.encoder.shape)


def _spread(file: EncoderFile, ws: Tensor) -> Tensor:
    """Return ws of every layer; one w is taken for all."""
    count = ws.shape[1] if file.network is None else file.network.num_ws
    return ws.expand(-1, count, -1).contiguous()
