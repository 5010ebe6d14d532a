"""Teach the ears what the start of a sound is: the weights in engine/audio/hearing/onset.npz.

usage: python -m tools.onsets.teach LESSONS [LESSONS ...] [--dev DEV ...] [--minutes 75] -o WEIGHTS.npz

The folders are as tools/onsets/lessons.py makes them; what was heard in one is kept in it. Each song
is heard --takes times: at random levels, through random tone controls, in random rooms. One clip in
seven has no onset (noise, hum, swell) or holds cut tones. --share gives the share of each folder (without
it all are equal). Songs in --dev are only reported on. --init starts from the weights of another file.
benchmarks/README.md tells how the shipped weights were taught.

The loss has two parts: the error of each step, and the error of each onset and each silence. An onset
needs one step in time that says yes; of a silence the worst step counts (as in multiple-instance learning:
Dietterich, Lathrop and Lozano-Pérez, "Solving the multiple instance problem with axis-parallel rectangles",
1997). A late yes to an onset without an answer in time weighs --late times as much.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.audio.hearing import growth
from engine.audio.hearing.ear import Ear
from engine.audio.hearing.spectrum import Vector
from engine.system.files import write_whole
from tools.onsets.hearing import (
    AFTER,
    EARLY,
    LATE,
    OVER,
    SAMPLERATE,
    SECONDS,
    SOON,
    Lesson,
    Rng,
    cut_tones,
    hear,
    listen,
    past,
    quiet,
)

BATCH, LENGTH = 24, 400  # clips in a batch; steps in a clip
BEFORE, WARM_UP = 400, 60  # steps before a clip, from which its past is computed; steps at its start that do not count
UNITS, MEMORY, MORE_UNITS = 64, 96, 32
QUIET, CUT, QUIET_SHARE = 250, 64, 0.15  # sounds without onsets; pieces of cut tones; the share of both in a batch
SILENCE = 12  # steps; a silence is split into windows of this length, and the worst step counts
ONSET_SHARE = 0.2  # weight of the onsets' and silences' loss; the steps' loss has 1
ANSWERED = 0.5  # least weight of a late yes to an onset that was answered in time
NOTHING = 4.0  # weight of a yes in a clip without any onset
NAMES = {  # the names of the ears and of PyTorch
    "dense": "dense.weight",
    "dense_bias": "dense.bias",
    "heard": "gru.weight_ih_l0",
    "heard_bias": "gru.bias_ih_l0",
    "kept": "gru.weight_hh_l0",
    "kept_bias": "gru.bias_hh_l0",
    "head": "head.weight",
    "head_bias": "head.bias",
    "out": "out.weight",
    "out_bias": "out.bias",
}


class Network(nn.Module):
    """What engine/audio/hearing/onset_network.py computes step by step, for whole clips."""

    def __init__(self, split: int, bands: int) -> None:
        """``split`` of the ``bands`` belong to the longer window."""
        super().__init__()
        self.parts = (slice(0, split), slice(split, bands))
        self.dense = nn.Linear(growth.VIEWS * bands, UNITS)
        self.gru = nn.GRU(UNITS, MEMORY, batch_first=True)
        self.head = nn.Linear(UNITS + MEMORY, MORE_UNITS)
        self.out = nn.Linear(MORE_UNITS, 1)

    def forward(self, level: Tensor, slow: Tensor, peaks: Tensor) -> Tensor:
        """Return logits [clips, steps] for levels and what past() says of them; before them was silence."""
        steps, memory = level.shape[1], growth.MEMORY
        padded = nn.functional.pad(level, (0, 0, memory, 0))
        near = padded[:, memory - growth.DIFFERENCE_STEPS : memory - growth.DIFFERENCE_STEPS + steps]
        most = torch.cat(
            [
                nn.functional.max_pool1d(
                    padded[:, memory - last : memory - first + steps, part].transpose(1, 2), last - first + 1, 1
                ).transpose(1, 2)
                for (first, last), part in zip(growth.PAST, self.parts, strict=True)
            ],
            -1,
        )
        views = torch.cat(
            [level, level - near, torch.relu(level - most), level - slow, (level[:, :, None] - peaks).flatten(2)], -1
        )
        units = torch.relu(self.dense(views))
        kept, _ = self.gru(units)
        logits: Tensor = self.out(torch.relu(self.head(torch.cat([units, kept], -1))))[..., 0]
        return logits

    def arrays(self) -> dict[str, Tensor]:
        """Return the weights by the names that the ears know."""
        return {ears: self.get_parameter(own) for ears, own in NAMES.items()}

    def save(self, path: Path) -> None:
        """Write the weights as the ears read them, in half precision."""
        arrays = {name: array.detach().half().numpy() for name, array in self.arrays().items()}
        arrays["out"], arrays["out_bias"] = arrays["out"][0], arrays["out_bias"][0]
        write_whole(path, lambda temporary: np.savez(temporary, allow_pickle=False, **arrays))

    def load(self, path: Path) -> None:
        """Read what save() wrote."""
        with np.load(path) as file, torch.no_grad():
            for name, array in self.arrays().items():
                array.copy_(torch.tensor(file[name]).reshape(array.shape))


@dataclass(frozen=True, slots=True)
class Clips:
    """A batch: what was heard, and the right answers."""

    heard: tuple[Tensor, Tensor, Tensor]  # level, slow, peaks
    answer: Tensor  # [clips, steps]
    weight: Tensor  # [clips, steps]
    late: Tensor  # [clips, steps], which onset a yes would be late for, or -1
    windows: Tensor  # [onsets, steps of a window], where in the flat batch each may be answered; -1: nowhere


def clips(drawn: Sequence[tuple[Lesson, int]]) -> Clips:
    """Return the clips of lessons that begin at the given steps."""
    heard: list[tuple[Vector, ...]] = []
    answer, weight = np.zeros((len(drawn), LENGTH), np.float32), np.ones((len(drawn), LENGTH), np.float32)
    late = np.full(answer.shape, -1)
    windows: list[list[int]] = []
    widest = math.ceil((LATE - SOON) / SECONDS)
    ends = (np.arange(LENGTH) + 1) * SECONDS
    for clip, (one, start) in enumerate(drawn):
        before = max(0, start - BEFORE)
        level = one.level[before : start + LENGTH].astype(np.float32)
        here = slice(start - before, None)
        count = len(level) - here.start
        heard.append(
            tuple(
                np.pad(part[here], [(0, LENGTH - count)] + [(0, 0)] * (part.ndim - 1)) for part in (level, *past(level))
            )
        )
        times = one.onsets - start * SECONDS
        times = times[(times > -0.1) & (times < ends[-1])]
        for moment in one.unsure - start * SECONDS:
            if -0.1 < moment < ends[-1]:
                weight[clip, slice(*np.searchsorted(ends, (moment + EARLY, moment + AFTER)).tolist())] = 0.0
        for begin, end in ((OVER, AFTER), (EARLY, SOON), (LATE, OVER), (SOON, LATE)):  # later spans go over earlier
            for number, moment in enumerate(times, len(windows)):
                span = slice(*np.searchsorted(ends, (moment + begin, moment + end), side="right").tolist())
                late[clip, span] = number if begin == OVER else -1
                answer[clip, span], weight[clip, span] = float(begin == SOON), float(begin in (OVER, SOON))
        for moment in times:
            first, last = np.searchsorted(ends, (moment + SOON, moment + LATE), side="right").tolist()
            whole = last - first >= widest - 1 and last < count and (not start or first >= WARM_UP)
            within = (clip * LENGTH + np.minimum(first + np.arange(widest), last - 1)).tolist()
            windows.append(within if whole else [-1] * widest)
        weight[clip] *= NOTHING if not len(one.onsets) else 1.0
        weight[clip, : WARM_UP if start else 0] = 0.0
        weight[clip, count:] = 0.0
    stacked = [torch.tensor(np.stack(part)) for part in zip(*heard, strict=True)]
    return Clips(
        (stacked[0], stacked[1], stacked[2]),
        torch.tensor(answer),
        torch.tensor(weight),
        torch.tensor(late),
        torch.tensor(np.array(windows, int).reshape(-1, widest)),
    )


def draw(folders: Sequence[Sequence[Lesson]], share: Sequence[float], rng: Rng) -> Clips:
    """Return a batch of clips, from each folder as often as its ``share`` (which sum to 1)."""
    drawn = []
    for folder in rng.choice(len(folders), BATCH, p=share):
        lessons = folders[int(folder)]
        one = lessons[int(rng.integers(len(lessons)))]
        start = 0 if rng.random() < 0.15 else int(rng.integers(0, max(1, len(one.level) - LENGTH)))
        drawn.append((one, start))
    return clips(drawn)


def loss_of(network: Network, batch: Clips, late: float) -> Tensor:
    """Return how wrong the network is about a batch."""
    logits = network(*batch.heard)
    counted = batch.windows[:, 0] >= 0
    best = logits.flatten()[batch.windows.clamp(min=0)].amax(1)
    missed = torch.where(counted, 1.0 - torch.sigmoid(best.detach()), 0.5)
    missed = torch.cat([missed, missed.new_zeros(1)])  # the last for the steps that are late for nothing
    wrong = torch.where(batch.late >= 0, (late * missed[batch.late]).clamp(min=ANSWERED), 1.0) * batch.weight
    steps = nn.functional.binary_cross_entropy_with_logits(logits, batch.answer, reduction="none") * wrong
    false = nn.functional.softplus(logits) * wrong * (1.0 - batch.answer)
    false = false[:, : LENGTH // SILENCE * SILENCE].reshape(len(false), -1, SILENCE).amax(-1)
    onsets = (nn.functional.softplus(-best)[counted].sum() + false.sum()) / (counted.sum() + 1) / 2.0
    loss: Tensor = steps.sum() / batch.weight.sum() + ONSET_SHARE * onsets
    return loss


def teach(
    network: Network,
    folders: Sequence[Sequence[Lesson]],
    share: Sequence[float],
    dev: Sequence[Lesson],
    minutes: float,
    rate: float,
    late: float,
) -> Network:
    """Teach the network for ``minutes`` and report now and then; return the running mean of its weights."""
    rng = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(network.parameters(), rate, betas=(0.9, 0.99), weight_decay=1e-3)
    mean = copy.deepcopy(network)
    began, step, recent = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - began) / (60.0 * minutes)) < 1.0 or not step:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100) * (0.02 + 0.49 * (1.0 + math.cos(math.pi * min(1.0, done))))
        loss = loss_of(network, draw(folders, share, rng), late)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            for kept, now in zip(mean.parameters(), network.parameters(), strict=True):
                kept.lerp_(now, 1.0 - min(0.998, step / (step + 20)))
        recent += max(0.01, 1.0 / step) * (loss.item() - recent)
        if step % 250 == 0:
            with torch.no_grad():
                other = loss_of(mean, draw([dev], [1.0], np.random.default_rng(0)), late) if dev else math.nan
            print(f"step {step} ({done:.0%}): {recent:.4f}, songs not taught {float(other):.4f}", flush=True)
    return mean


def silences(part: float = 1.0) -> list[Lesson]:
    """Return the sounds without onsets, and the cut tones, or only a ``part`` (0..1)."""
    rng = np.random.default_rng(5)
    lessons = [Lesson(hear(quiet(kind % 6, rng)), np.zeros(0)) for kind in range(math.ceil(part * QUIET))]
    pieces = [cut_tones(number % 2 == 1, rng) for number in range(math.ceil(part * CUT))]
    return lessons + [Lesson(hear(samples), np.array(begins)) for samples, begins in pieces]


def main(argv: Sequence[str] | None = None) -> int:
    """Listen, teach, and write the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("lessons", nargs="+", type=Path)
    parser.add_argument("--share", nargs="*", type=float, default=[])
    parser.add_argument("--dev", nargs="*", type=Path, default=[])
    parser.add_argument("--takes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=75.0)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--late", type=float, default=2.0)
    parser.add_argument("--init", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args(argv)
    if args.share and len(args.share) != len(args.lessons):
        parser.error(f"--share: {len(args.share)} for {len(args.lessons)} folders")
    share = np.array(args.share or [1.0] * len(args.lessons))
    share = np.append(share / share.sum() * (1.0 - QUIET_SHARE), QUIET_SHARE)
    folders = [*(listen(folder, args.takes, plain=False) for folder in args.lessons), silences()]
    dev = [one for folder in args.dev for one in listen(folder, 1, plain=True)]
    torch.manual_seed(0)
    ear = Ear(SAMPLERATE)
    network = Network(ear.counts[0], len(ear.centres))
    if args.init:
        network.load(args.init)
    teach(network, folders, share.tolist(), dev, args.minutes, args.rate, args.late).save(args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
