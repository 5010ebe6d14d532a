"""Give a distilled model fine details (seeds, speckles, leaf veins, edges), of which a regression finds only the mean.

It goes on with a run of tools.fruit.distill. The renderer's picture of the same theta stays the target. Beside it a
small critic compares crops with the renderer's crops. It sees both with the blurred target, so it judges the fine
detail and not the kind of fruit (a conditional patch critic, pix2pix, section 3; non-saturating loss with R1,
StyleGAN2). Its features are a perceptual distance as well (pix2pixHD, section 3.3). Only a window of the two finest
blocks is computed, because white background teaches nothing and a CPU is slow.

    python -m tools.fruit.sharpen data/fruit256 --run data/run256 --minutes 60
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.backends.processor import has_fast_bf16
from engine.system.files import write_whole
from tools.fruit.cpu_synthesis import draw_window
from tools.fruit.losses import apart, pyramid_loss
from tools.fruit.shards import Shards
from tools.fruit.student import Plan, to_tensor
from tools.fruit.timed_run import arguments, sit, surround
from tools.fruit.training import Training
from tools.train.together import together

WINDOW = 32  # pixels of the block that is cut; side of the window
EDGE = 4  # pixels of that block; the window's border is ignored, because pixels outside would change it
BLUR = 16  # times; by which the critic's condition is reduced
LOUD = 8.0
R1_EVERY = 8
WIDTH = 32  # channels; of the critic's first layer


class Critic(nn.Module):
    """Crops [N, C, h, w] and their condition [N, C, h, w] -> a verdict per patch [N, 1, h/8, w/8] and the features."""

    def __init__(self, width: int = WIDTH, channels: int = 3) -> None:
        super().__init__()
        widths = (3 * channels, width, 2 * width, 4 * width)
        self.down = nn.ModuleList(nn.Conv2d(i, o, 4, stride=2, padding=1) for i, o in itertools.pairwise(widths))
        self.body = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.verdict = nn.Conv2d(widths[-1], 1, 3, padding=1)
        for layer in (*self.down, self.body):
            nn.init.kaiming_normal_(layer.weight, 0.2)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, crop: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge."""
        fine = crop - F.avg_pool2d(crop, 3, 1, 1, count_include_pad=False)  # the fine detail that it judges, amplified
        x, features = torch.cat([crop, LOUD * fine, condition], 1), []
        low = has_fast_bf16() and (not crop.requires_grad or crop.grad_fn is not None)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            for layer in (*self.down, self.body):
                x = F.leaky_relu(layer(x), 0.2)
                features.append(x.float())
            return self.verdict(x).float(), features  # in full precision, because R1 differentiates twice


def border_distance(error: Tensor, rows: bool, columns: bool) -> Tensor:
    """Return the error along the outermost two pixels of a window [N, 3, h, w] at the picture's own border.

    These pixels are few and white. A mean over all pixels would not teach that zeros lie beyond them.
    """
    strips = [error[:, :, :2], error[:, :, -2:]] if rows else []
    strips += [error[..., :2], error[..., -2:]] if columns else []
    return sum((s.abs().mean() for s in strips), error.new_zeros(()))


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of the parts of the generator's loss."""

    distance: float = 1.0
    critic: float = 0.02
    features: float = 0.5
    r1: float = 0.05


def blurred(target: Tensor) -> Tensor:
    """Return [N, 3, h, w] reduced BLUR times and enlarged again."""
    height, width = target.shape[-2:]
    small = F.interpolate(target, size=(height // BLUR, width // BLUR), mode="area")
    return F.interpolate(small, size=(height, width), mode="bilinear", align_corners=False)


def fruit_share(target: Tensor, verdict: Tensor, ground: float = 1.0) -> Tensor:
    """Return the weight of each of the critic's patches [N, 1, h, w], small on the ground; their mean is 1."""
    away = (apart(target, ground) > 0.12).float()
    share = F.interpolate(away, size=verdict.shape[-2:], mode="area") + 0.05
    return share / share.mean()


def window_at(rng: np.random.Generator, cut: int) -> tuple[int, int]:
    """Return where a window begins in block ``cut``: mostly on the fruit, sometimes at a border."""
    room = cut - WINDOW
    place = np.clip(np.round(rng.normal(room / 2, room / 6, 2)), 0, room).astype(int)
    if rng.random() < 0.3:  # the picture's border is learnt too: zeros lie beyond it
        place = rng.integers(0, room + 1, 2)
        place[rng.integers(2)] = rng.choice([0, room])
    return int(place[0]), int(place[1])


def inside(start: int, cut: int, scale: int) -> tuple[slice, slice]:
    """Return the part of a window without its border, in pixels of the whole picture and of the window."""
    low = 0 if start == 0 else EDGE * scale
    high = WINDOW * scale - (0 if start == cut - WINDOW else EDGE * scale)
    return slice(start * scale + low, start * scale + high), slice(low, high)


class Sharpening:
    """A run that goes on with a critic."""

    log = "sharpen.csv"
    names: tuple[str, ...] = ("distance", "L1", "features", "fooled", "critic")

    def __init__(self, run: Training, weights: Weights, rate: float, width: int = WIDTH) -> None:
        """``width`` is the critic's."""
        self.run, self.weights, self.resolution = run, weights, run.plan.resolution
        with torch.random.fork_rng():
            torch.manual_seed(run.plan.seed)  # the same in all that learn together
            self.critic = Critic(width, run.subject.channels)
        self.ground = run.subject.ground
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=rate, betas=(0.0, 0.99))
        self.steps = 0
        path = run.folder / "critic.pt"
        if path.exists():
            saved = torch.load(path, weights_only=True)
            self.critic.load_state_dict(saved["critic"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.steps = saved["steps"]

    def warmth(self) -> float:
        """See Lesson."""
        return (self.steps + 1) / 50

    def step(self, data: Shards, rate: float) -> tuple[float, ...]:
        """One step of both; returns what ``names`` says: critic is the critic's own loss."""
        run, plan = self.run, self.run.plan
        theta, pictures = data.draw(run.rng, run.batch)
        cut, scale = plan.resolution // 4, 4
        y, x = window_at(run.rng, cut)
        w = run.student.embedding(torch.from_numpy(theta))
        drawn, coarse = draw_window(run.student.generator.synthesis, w, cut, (y, x, WINDOW))
        whole = to_tensor(pictures, plan.resolution)
        (rows, own_rows), (columns, own_columns) = inside(y, cut, scale), inside(x, cut, scale)
        target, drawn = whole[:, :, rows, columns].contiguous(), drawn[:, :, own_rows, own_columns]
        condition = blurred(target)
        told = self._teach_critic(target, drawn.detach(), condition)
        distance, plain = pyramid_loss(drawn, target, ground=self.ground)
        distance = distance + border_distance(drawn - target, y in (0, cut - WINDOW), x in (0, cut - WINDOW))
        overall, _ = pyramid_loss(coarse, F.avg_pool2d(whole, scale), ground=self.ground)
        for p in self.critic.parameters():
            p.requires_grad_(False)
        with torch.no_grad():
            _, wanted = self.critic(target, condition)
        verdict, seen = self.critic(drawn, condition)
        for p in self.critic.parameters():
            p.requires_grad_(True)
        features = torch.stack(
            [(a - b).abs().mean() / (b.abs().mean() + 1e-3) for a, b in zip(seen, wanted, strict=True)]
        ).mean()
        fooled = (fruit_share(target, verdict, self.ground) * F.softplus(-verdict)).mean()
        use = self.weights
        loss = use.distance * (distance + overall) + use.features * features + use.critic * fooled
        run.learn(loss, rate, len(theta))
        self.steps += 1
        return tuple(float(v.detach()) for v in (distance, plain, features, fooled, told))

    def _teach_critic(self, real: Tensor, drawn: Tensor, condition: Tensor) -> Tensor:
        lazy = self.steps % R1_EVERY == 0
        real = real.requires_grad_(lazy)
        judged_real, judged_drawn = self.critic(real, condition)[0], self.critic(drawn, condition)[0]
        share = fruit_share(real.detach(), judged_real, self.ground)
        loss = (share * (F.softplus(-judged_real) + F.softplus(judged_drawn))).mean()
        total = loss
        if lazy:
            (slope,) = torch.autograd.grad(judged_real.mean((1, 2, 3)).sum(), real, create_graph=True)
            total = loss + self.weights.r1 / 2 * R1_EVERY * slope.square().sum((1, 2, 3)).mean()
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self.run.together.average([p.grad for p in self.critic.parameters() if p.grad is not None])
        self.optimizer.step()
        real.requires_grad_(False)
        return loss

    def save(self) -> None:
        """Write both snapshots, each whole or not at all."""
        self.run.save()
        state = {"critic": self.critic.state_dict(), "optimizer": self.optimizer.state_dict(), "steps": self.steps}
        write_whole(self.run.folder / "critic.pt", lambda part: torch.save(state, part))


def main() -> None:
    """Go on with a run."""
    surround("tools.fruit.sharpen")
    p = arguments(__doc__, batch=12, rate=2e-3, settle=0.3)
    p.add_argument("--critic", type=float, default=Weights().critic, help="weight of the critic's verdict")
    p.add_argument("--features", type=float, default=Weights().features, help="weight of the critic's features")
    a = p.parse_args()
    with together() as here:
        run = Training(Plan(batch=a.batch, rate=a.rate), a.run, here)
        work = Sharpening(run, Weights(critic=a.critic, features=a.features), 5e-4)
        sit(work, Shards(a.data, subject=run.subject), a)


if __name__ == "__main__":
    main()
