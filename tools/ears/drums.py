"""Teach the ears kick, snare and hat: the weights in engine/audio/hearing/drums.npz.

usage: python -m tools.ears.drums PACKAGES -o engine/audio/hearing/drums.npz [--seed 0]

Recorded kits (Debian's hydrogen-drumkits and -effects; every fourth kit only measures) play random patterns, half of
them over synthesizers of tools.ears.mixes. Where each part is struck is known, because it is played here. A logistic
regression from the growth of the onset detector's bands to the three drums is fitted: a strike has one step in time
that must say yes; the steps around it count for nothing, and all others must say no.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.audio.hearing import drums
from engine.audio.hearing.ear import Ear
from engine.audio.hearing.growth import MEMORY, PAST
from engine.audio.hearing.spectrum import Vector
from engine.system.files import write_whole
from tools.ears.mixes import Grid, Sounds, find_kits, play_synth, put, repitched
from tools.ears.songs import SAMPLERATE
from tools.onsets.hearing import SECONDS, Rng, hear

PIECE_SECONDS, PIECES = 10.0, 5  # length of a piece, of which each kit plays so many
EVERY = 4  # one kit in so many measures
SOON, LATE, AFTER = (
    0.001,
    0.016,
    0.060,
)  # s after a strike: from and to which a yes is right, and until which it is nothing
EARLY = 0.004  # s before a strike, from which a yes is nothing
STEPS, RATE, DECAY = 1500, 0.02, 1e-4  # of Adam, its rate, and the weights' pull to 0
MISSED = 4.0  # weight of a strike beside that of a step without
CHANCE = {"kick": 0.5, "snare": 0.35, "hat": 0.75, "other": 0.06}  # of a part, to be struck on an eighth
LOUD = {"kick": 1.0, "snare": 0.8, "hat": 0.3, "other": 0.6}


@dataclass(frozen=True, slots=True)
class Piece:
    """What was heard of a piece: growth [steps, bands] and, for each drum, where it is struck in seconds."""

    growth: Vector
    struck: dict[str, list[float]]


def play(sounds: Sounds, kit: dict[str, list[Path]], rng: Rng) -> Piece:
    """Return a piece of one kit."""
    grid = Grid(float(rng.uniform(70.0, 170.0)), 4, 0.2, 0.0, 0.003)
    sound = np.zeros(round(PIECE_SECONDS * SAMPLERATE), np.float32)
    struck: dict[str, list[float]] = {name: [] for name in drums.NAMES}
    for part, paths in kit.items():
        sample = sounds.sample(paths[int(rng.integers(len(paths)))]) if paths else np.zeros(0, np.float32)
        sample = repitched(sample, float(2 ** rng.normal(0.0, 0.15)))
        loud = LOUD[part] * float(2 ** rng.normal(0.0, 0.4))
        for step in range(0, int(PIECE_SECONDS / (15.0 / grid.bpm)), 2):
            time = grid.time(0, step, rng)
            if len(sample) and time < PIECE_SECONDS - 0.2 and rng.random() < CHANCE[part]:
                put(sound, sample, time, loud * float(rng.uniform(0.5, 1.0)))
                if part in struck:
                    struck[part].append(time + 0.001)
    if rng.random() < 0.5:
        other = play_synth(grid, rng).sound
        level = float(np.sqrt(np.mean(sound**2)) / max(1e-6, np.sqrt(np.mean(other**2))))
        sound[: len(other)] += np.float32(level * 10 ** (rng.uniform(-20.0, 3.0) / 20.0)) * other[: len(sound)]
    sound *= np.float32(10 ** (rng.uniform(-25.0, -3.0) / 20.0) / max(1e-6, float(np.abs(sound).max())))
    return Piece(growth_of(hear(sound).astype(np.float32)), struck)


def growth_of(level: Vector) -> Vector:
    """Return how much levels [steps, bands] grew over the highest ones of the recent past, as the ears reckon it."""
    split = Ear(SAMPLERATE).counts[0]
    padded = np.concatenate([np.zeros((MEMORY, level.shape[1]), np.float32), level])
    parts = []
    for (first, last), part in zip(PAST, (slice(0, split), slice(split, None)), strict=True):
        views = [padded[MEMORY - back : MEMORY - back + len(level), part] for back in range(first, last + 1)]
        parts.append(np.maximum(level[:, part] - np.max(views, axis=0), 0.0))
    return np.concatenate(parts, axis=1)


def windows(piece: Piece) -> tuple[Vector, list[tuple[int, list[int]]]]:
    """Return the weight of a no at each step [steps, drums], and of each strike its drum and the steps for a yes."""
    ends = (np.arange(len(piece.growth)) + 1) * SECONDS
    weight = np.ones((len(ends), len(drums.NAMES)), np.float32)
    strikes = []
    for index, name in enumerate(drums.NAMES):
        for time in piece.struck[name]:
            weight[slice(*np.searchsorted(ends, (time - EARLY, time + AFTER)).tolist()), index] = 0.0
            first, last = np.searchsorted(ends, (time + SOON, time + LATE)).tolist()
            strikes.append((index, [min(step, last - 1) for step in range(first, first + 5)]))
    return weight, strikes


def fit(pieces: Sequence[Piece], seed: int) -> dict[str, Vector]:
    """Return the weights [drums, bands] and the biases [drums]."""
    torch.manual_seed(seed)
    growth = torch.tensor(np.concatenate([piece.growth for piece in pieces]))
    weights, drum, steps, offset = [], [], [], 0
    for piece in pieces:
        weight, strikes = windows(piece)
        weights.append(weight)
        drum += [index for index, _ in strikes]
        steps += [[offset + step for step in within] for _, within in strikes]
        offset += len(piece.growth)
    no, which, where = torch.tensor(np.concatenate(weights)), torch.tensor(drum), torch.tensor(steps)
    layer = nn.Linear(growth.shape[1], len(drums.NAMES))
    optimizer = torch.optim.Adam(layer.parameters(), RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        pick = torch.randint(len(growth), (20000,))
        false = (nn.functional.softplus(layer(growth[pick])) * no[pick]).mean() * len(growth) / len(which)
        some = torch.randint(len(which), (1000,))
        best = layer(growth[where[some]]).gather(2, which[some][:, None, None].expand(-1, where.shape[1], 1)).amax(1)
        loss = false + MISSED * nn.functional.softplus(-best).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return {"weights": layer.weight.detach().numpy(), "biases": layer.bias.detach().numpy()}


def measure(pieces: Sequence[Piece]) -> dict[str, dict[str, float]]:
    """Return precision, recall and F of what the ears tell, with the shipped weights, within 50 ms."""
    import mir_eval  # takes a second, for scipy's statistics

    counts = dict.fromkeys(drums.NAMES, (0, 0, 0))
    for piece in pieces:
        ears = drums.Drums(SECONDS)
        told = np.array([ears(row) for row in piece.growth])
        for index, name in enumerate(drums.NAMES):
            times = (np.nonzero(told[:, index])[0] + 1) * SECONDS
            true = np.array(piece.struck[name])
            hits = len(mir_eval.util.match_events(true, times, 0.05)) if len(true) and len(times) else 0
            a, b, c = counts[name]
            counts[name] = (a + hits, b + len(times), c + len(true))
    return {
        name: {
            "precision": round(hits / max(1, told_), 3),
            "recall": round(hits / max(1, true_), 3),
            "f": round(2 * hits / max(1, told_ + true_), 3),
        }
        for name, (hits, told_, true_) in counts.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Play, hear, fit, write, and measure on the kits that were not taught."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packages", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    rng = np.random.default_rng(args.seed)
    sounds = Sounds([kit for kit in find_kits(args.packages) if sum(bool(kit[name]) for name in drums.NAMES) > 1], [])
    taught: list[Piece] = []
    kept: list[Piece] = []
    for number, kit in enumerate(sounds.kits):
        (kept if number % EVERY == 0 else taught).extend(play(sounds, kit, rng) for _ in range(PIECES))
    arrays = fit(taught, args.seed)
    write_whole(args.out, lambda path: np.savez(path, allow_pickle=False, **arrays))
    print(len(taught), "pieces taught; on", len(kept), "of other kits", measure(kept))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
