"""Any style at once by adaptive instance normalisation (Huang and Belongie, arXiv:1703.06868).

The layers are pytorch-AdaIN's: the encoder is VGG19 up to relu4_1 with reflected borders, whose first layer takes
RGB 0..1 to what VGG was trained with; the decoder mirrors it. The decoder's output is not clamped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.stage.style.trunk import Convolution

EPS = 1e-5  # added to the sample variance
ENCODER = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29)  # the convolutions' numbers in the file
POOLS_BEFORE = (9, 16, 29)  # a maximum over 2x2 places, sides rounded up, before these
TAPS = (2, 9, 16, 29)  # relu1_1, relu2_1, relu3_1, relu4_1 are behind these
DECODER = (1, 5, 8, 11, 14, 18, 21, 25, 28)
UPS_BEFORE = (5, 18, 25)  # nearest enlargement, twice, before these
WEIGHTS = (1.0, 10.0)  # of the content's and the style's loss in training


class AdaIN(nn.Module):
    """Encoder and decoder. In: RGB 0..1; out: the same, sides multiples of 8 (rounded up), not clamped."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """``tensors``: encoder.N.weight, decoder.N.bias …; KeyError where one is missing."""
        super().__init__()

        def layer(part: str, number: int) -> Convolution:
            up = 2 if part == "decoder" and number in UPS_BEFORE else 1
            name = f"{part}.{number}"
            return Convolution(tensors[f"{name}.weight"], tensors[f"{name}.bias"], up=up)

        self.encoder = nn.ModuleList(layer("encoder", number) for number in ENCODER)
        self.decoder = nn.ModuleList(layer("decoder", number) for number in DECODER)

    def features(self, image: Tensor) -> list[Tensor]:
        """Return relu1_1, relu2_1, relu3_1 and relu4_1 of ``image`` [B, 3, H, W]."""
        x, found = image, []
        for number, layer in zip(ENCODER, self.encoder, strict=True):
            if number in POOLS_BEFORE:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            x = layer(x) if number == 0 else torch.relu(layer(x))
            if number in TAPS:
                found.append(x)
        return found

    def decode(self, features: Tensor) -> Tensor:
        """Return the picture of relu4_1."""
        x = features
        for number, layer in zip(DECODER, self.decoder, strict=True):
            x = layer(x)
            x = x if number == DECODER[-1] else torch.relu(x)
        return x

    def forward(self, content: Tensor, statistics: Tensor, strength: float | Tensor = 1.0) -> Tensor:
        """Return ``content`` painted with ``statistics`` [B or 1, 2, C] of a style, or of a blend of styles."""
        features = self.features(content)[-1]
        target = restated(features, statistics)
        return self.decode(strength * target + (1.0 - strength) * features)

    def statistics(self, style: Tensor) -> Tensor:
        """Return the mean and deviation of a style's relu4_1, [B, 2, C]; a blend of styles is a blend of these."""
        return statistics(self.features(style)[-1])

    def losses(self, content: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Return the content's and the style's loss of training, unweighted, for pictures of one size."""
        wanted = self.features(style)
        target = adain(self.features(content)[-1], wanted[-1])
        made = self.features(self.decode(target))
        apart = [F.mse_loss(statistics(a)[:, i], statistics(b)[:, i]) for a, b in zip(made, wanted, strict=True)
                 for i in (0, 1)]  # fmt: skip
        return F.mse_loss(made[-1], target), torch.stack(apart).sum()


def statistics(features: Tensor) -> Tensor:
    """Return mean and deviation of every channel, [B, 2, C]; the deviation is of a sample, as the program has it."""
    flat = features.flatten(2)
    deviation = (flat.var(dim=2) + EPS).sqrt()
    return torch.stack([flat.mean(dim=2), deviation], dim=1)


def restated(features: Tensor, wanted: Tensor) -> Tensor:
    """Return ``features`` [B, C, H, W] with the ``wanted`` statistics [B or 1, 2, C]."""
    own = statistics(features)[..., None, None]
    mean, deviation = wanted[:, 0, :, None, None], wanted[:, 1, :, None, None]
    return (features - own[:, 0]) / own[:, 1] * deviation + mean


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Return features of a content with the statistics of a style's."""
    return restated(content, statistics(style))


def interpolated(content: Tensor, styles: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Return the blend of AdaIN to several styles' features, by their shares."""
    return torch.stack([share * adain(content, s) for s, share in zip(styles, shares, strict=True)]).sum(0)


def coral(style: Tensor, content: Tensor) -> Tensor:
    """Return ``style`` [3, H, W] with the colours of ``content``: its channels' mean, deviation and correlation.

    Correlation alignment (Sun et al., arXiv:1511.05547), as pytorch-AdaIN does to preserve colour.
    """
    source, target = _normalised(style), _normalised(content)
    inverse = torch.linalg.inv(_root(source[0] @ source[0].T + torch.eye(3, dtype=style.dtype, device=style.device)))
    root = _root(target[0] @ target[0].T + torch.eye(3, dtype=style.dtype, device=style.device))
    aligned: Tensor = root @ (inverse @ source[0]) * target[2] + target[1]
    return aligned.view_as(style)


def _normalised(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    flat = picture.reshape(3, -1)
    mean, deviation = flat.mean(1, keepdim=True), flat.std(1, keepdim=True)
    return (flat - mean) / deviation.clamp(min=1e-12), mean, deviation


def _root(matrix: Tensor) -> Tensor:
    u, d, vh = torch.linalg.svd(matrix)
    root: Tensor = u @ d.sqrt().diag() @ vh
    return root
