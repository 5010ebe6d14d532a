"""The recognisers while they learn: batch normalisation that is folded away, and heads that are dropped, at the end."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.backends.processor import has_fast_bf16
from engine.generator.perceptual.names import ATTRIBUTES
from engine.generator.perceptual.recogniser import ANGLES, OUTPUTS, SHARPNESS, Recogniser
from tools.fruit.render import KNOBS
from tools.judge.recogniser import Second
from tools.train.together import SharedNorm, gathered

Network = Recogniser | Second


def told_of(labels: Tensor) -> Tensor:
    """Turn attributes [N, 8] into what a head is to tell [N, 10]: an angle becomes its sine and cosine."""
    columns: list[Tensor] = []
    for name, column in zip(ATTRIBUTES, labels.unbind(1), strict=True):
        columns += [column.sin(), column.cos()] if name in ANGLES else [column]
    return torch.stack(columns, 1)


class Student(nn.Module):
    """A recogniser that learns: its convolutions, each followed by batch normalisation (Ioffe & Szegedy, 2015)."""

    def __init__(self, network: Network, labels: Tensor) -> None:
        """``labels`` [M, 8] of the lessons say how the heads' outputs are scaled."""
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for convolution in network.convolutions:
            assert isinstance(convolution, nn.Conv2d)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        self.norms = nn.ModuleList(SharedNorm(c.out_channels) for c in network.convolutions if isinstance(c, nn.Conv2d))
        told = told_of(labels)
        network.centre.copy_(told.mean(0))
        network.scale.copy_(told.std(0))
        self.knobs = nn.Linear(network.tell.in_features, len(KNOBS))  # all that the renderer knows; a help to the maps

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return kind logits, what is told in standard deviations, knobs, and identity of ``x`` [N, 3, 64, 64]."""
        network = self.network
        cells = network.gathered(network.maps(x, list(self.norms))[-1]).float()
        with torch.autocast("cpu", enabled=False):
            identity = F.normalize(network.kind(cells), dim=1)
            kinds = SHARPNESS * identity @ F.normalize(network.prototypes, dim=1).T
            hidden = F.relu(network.hidden(cells))
            return kinds, network.tell(hidden), self.knobs(hidden), identity

    def target(self, labels: Tensor) -> Tensor:
        """Return what is to be told of ``labels`` [N, 8], in standard deviations [N, 10]."""
        scaled: Tensor = (told_of(labels) - self.network.centre) / self.network.scale
        return scaled

    @torch.no_grad()
    def folded(self, fresh: Network) -> Network:
        """Return ``fresh`` with what was learnt, each normalisation folded into the convolution before it."""
        fresh.load_state_dict(self.network.state_dict())
        for convolution, norm in zip(fresh.convolutions, self.norms, strict=True):
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_var is not None
            assert norm.running_mean is not None
            assert convolution.bias is not None
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            convolution.weight.mul_(gain[:, None, None, None])
            convolution.bias.copy_((convolution.bias - norm.running_mean) * gain + norm.bias)
        return fresh.eval().requires_grad_(False)


def contrast(identity: Tensor, share: Tensor, temperature: float = 0.1, part: slice | None = None) -> Tensor:
    """Supervised contrastive loss (Khosla et al., arXiv:2004.11362, eq. 2) with soft positives.

    ``identity`` [N, D] of length 1; two pictures are positives by the kinds that they share, ``share`` [N, 11].
    ``part``: the mean over these rows only, each against all.
    """
    part = part or slice(0, len(share))
    same = share[part] @ share.T
    own = torch.eye(len(share), dtype=torch.bool)[part]
    same = same.masked_fill(own, 0)
    logits = (identity[part] @ identity.T / temperature).masked_fill(own, -1e4)
    likely = logits - logits.logsumexp(1, keepdim=True)
    return -((same * likely).sum(1) / same.sum(1).clamp(min=0.1)).mean()


def losses(
    student: Student, x: Tensor, labels: Tensor, knobs: Tensor, share: Tensor, part: slice | None = None
) -> dict[str, Tensor]:
    """Return the parts of the loss of a batch, weighted; their sum is learnt from.

    ``part``: of these rows only, while other processes take the others; they are compared with all.
    """
    part = part or slice(0, len(x))
    with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        kinds, told, guessed, identity = student(x[part])
    everybody = gathered(identity, part, len(x))
    labels, knobs = labels[part], knobs[part]
    return {
        "kinds": torch.sum(-share[part] * kinds.log_softmax(1), 1).mean(),
        "attributes": 4.0 * F.smooth_l1_loss(told, student.target(labels), beta=0.5),
        "knobs": 0.5 * F.smooth_l1_loss(guessed, knobs, beta=0.5),
        "identity": 0.3 * contrast(everybody, share, part=part),
    }


def errors(told: Tensor, labels: Tensor) -> Sequence[float]:
    """Return the mean absolute error of each attribute, in its unit."""
    found: list[float] = (told - labels).abs().mean(0).tolist()
    return found


assert len(ATTRIBUTES) + len(ANGLES) == OUTPUTS
