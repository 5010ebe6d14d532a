"""Teach the ears what the start of a sound is: weights like those of engine/audio/onset.npz.

usage: python -m tools.teach_onsets LESSONS [LESSONS ...] [--dev DEV ...] [--steps 3000] -o WEIGHTS.npz

The folders are as tools/onset_lessons.py makes them; what was heard in one is kept in it. Each song
is heard --takes times, as loud as chance has it, through other tone controls, in other rooms; in
between there is noise, hum and swell without any onset, and tones that are cut. Songs in --dev are only
reported on. --init continues from the weights of another file. The shipped weights were taught in several
rounds, by an earlier form of this (benchmarks/README.md); this one has not been run to the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.audio import onset
from tools.onset_answers import SAMPLERATE, Lesson, Rng, cut_tones, hear, lesson, listen, quiet

BATCH, LENGTH, WARM_UP = 24, 400, 45  # clips; steps in each; steps that a clip from mid-song needs to find itself
UNITS, MORE_UNITS = 40, 40
QUIET, CUT = 36, 48  # sounds without onsets, and pieces of cut tones


class Network(nn.Module):
    """What engine/audio/onset.py computes step by step, for whole clips."""

    def __init__(self, split: int, bands: int) -> None:
        """``split`` of the ``bands`` belong to the longer window."""
        super().__init__()
        self.parts = (slice(0, split), slice(split, bands))
        self.dense = nn.Linear(onset.VIEWS * bands, UNITS)
        self.taps = nn.Linear(len(onset.TAPS) * UNITS, MORE_UNITS)
        self.out = nn.Linear(MORE_UNITS, 1)

    def forward(self, level: Tensor, slow: Tensor, peaks: Tensor) -> Tensor:
        """Return logits [clips, steps] for what Lesson holds, [clips, steps, ...]; before it was silence."""
        steps, memory = level.shape[1], onset.MEMORY
        padded = nn.functional.pad(level, (0, 0, memory, 0))
        near = padded[:, memory - onset.NEAR:memory - onset.NEAR + steps]
        past = torch.cat([
            nn.functional.max_pool1d(
                padded[:, memory - last:memory - first + steps, part].transpose(1, 2), last - first + 1, 1
            ).transpose(1, 2)
            for (first, last), part in zip(onset.PAST, self.parts, strict=True)], -1)
        x = torch.cat([level, level - near, torch.relu(level - past), level - slow,
                       (level[:, :, None] - peaks).flatten(2)], -1)
        longest = max(onset.TAPS)
        units = nn.functional.pad(torch.relu(self.dense(x)), (0, 0, longest, 0))
        units = torch.cat([units[:, longest - back:longest - back + steps] for back in onset.TAPS], -1)
        logits: Tensor = self.out(torch.relu(self.taps(units)))[..., 0]
        return logits

    def save(self, path: Path) -> None:
        """Write the weights as the ears read them."""
        arrays = {"dense": self.dense.weight, "dense_bias": self.dense.bias, "taps": self.taps.weight,
                  "taps_bias": self.taps.bias, "out": self.out.weight[0], "out_bias": self.out.bias[0]}
        np.savez(path, allow_pickle=False, **{name: array.detach().numpy() for name, array in arrays.items()})

    def load(self, path: Path) -> None:
        """Read what save() wrote."""
        with np.load(path) as file:
            for name in ("dense", "taps", "out"):
                module = getattr(self, name)
                module.weight.data = torch.tensor(file[name]).reshape(module.weight.shape)
                module.bias.data = torch.tensor(file[f"{name}_bias"]).reshape(module.bias.shape)


def draw(lessons: Sequence[Lesson], rng: Rng) -> list[Tensor]:
    """Return level, slow, peaks, answer and weight of a batch of clips."""
    clips = []
    for index in rng.integers(len(lessons), size=BATCH):
        one = lessons[index]
        start = 0 if rng.random() < 0.2 else int(rng.integers(0, max(1, len(one.answer) - LENGTH)))
        here = slice(start, start + LENGTH)
        weight = one.weight[here].copy()
        weight[: WARM_UP if start else 0] = 0.0
        clips.append((one.level[here], one.slow[here], one.peaks[here], one.answer[here], weight))
    return [torch.tensor(np.stack(part)).float() for part in zip(*clips, strict=True)]


def loss_of(network: Network, batch: Sequence[Tensor]) -> Tensor:
    """Return the mean cross entropy of a batch."""
    level, slow, peaks, said, weight = batch
    loss = nn.functional.binary_cross_entropy_with_logits(network(level, slow, peaks), said, reduction="none")
    return (loss * weight).sum() / weight.sum()


def teach(network: Network, lessons: Sequence[Lesson], dev: Sequence[Lesson], steps: int, rate: float) -> None:
    """Teach the network, reporting now and then."""
    rng = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, rate / 50)
    mean = 0.0
    for step in range(1, steps + 1):
        loss = loss_of(network, draw(lessons, rng))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        mean += max(0.01, 1.0 / step) * (loss.item() - mean)
        if step % 250 == 0:
            with torch.no_grad():
                other = loss_of(network, draw(dev, np.random.default_rng(0))).item() if dev else float("nan")
            print(f"step {step}: {mean:.4f}, songs not taught {other:.4f}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Listen, teach, and write the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("lessons", nargs="+", type=Path)
    parser.add_argument("--dev", nargs="*", type=Path, default=[])
    parser.add_argument("--takes", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--init", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    lessons = [one for folder in args.lessons for one in listen(folder, args.takes, plain=False)]
    dev = [one for folder in args.dev for one in listen(folder, 1, plain=True)]
    lessons += [lesson(hear(quiet(kind % 6, rng)), ()) for kind in range(QUIET)]
    for number in range(CUT):
        samples, begins = cut_tones(number % 2 == 1, rng)
        lessons.append(lesson(hear(samples), begins))
    torch.manual_seed(0)
    ear = onset.Ear(SAMPLERATE)
    network = Network(ear.counts[0], len(ear.centres))
    if args.init:
        network.load(args.init)
    teach(network, lessons, dev, args.steps, args.rate)
    network.save(args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
