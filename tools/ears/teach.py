"""Teach the onset network real music: the weights in engine/audio/hearing/onset.npz, from an older file of them.

usage: python -m tools.ears.teach FOLDER -o WEIGHTS.npz [--init OLDER.npz] [--part P]      (FOLDER needs 3 GB)

Everything is made in FOLDER, and what is there already is kept, so a run that was stopped goes on: recorded songs
(tools.ears.songs) with what the teachers hear in them (tools.ears.teachers), mixes (tools.ears.mixes) and pieces of a
soundfont (tools.onsets.lessons) whose onsets are known, and sounds without any. The older weights were taught by
tools.onsets.teach alone. Every eighth song is not taught: thresholds are chosen on those. What is written lies --share
of the way from the older weights to the taught ones (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
2022), which keeps more of what was known. --part takes less of everything, in a FOLDER of its own.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.audio.hearing.ear import Ear
from engine.audio.hearing.onset_network import WEIGHTS
from tools.ears import mixes, songs, teachers
from tools.onsets import lessons
from tools.onsets.hearing import Lesson, listen
from tools.onsets.songs import render
from tools.onsets.teach import BATCH, LENGTH, Network, clips, loss_of, silences

SHARE = 0.6  # of the way from the older weights to the taught ones
SHARES = (0.45, 0.20, 0.22, 0.13)  # of a batch: songs, mixes, pieces, sounds without onsets
LATE = 2.0  # weight of a late yes
MIXES, PIECES = 120, 80  # seeds from 0 on
EVERY = 8  # one song in so many is not taught; what the teachers hear in it lies beside it all the same
STEPS, RATE, WARM = 1250, 1.2e-3, 20  # of AdamW, its highest rate, and the steps until then
SCHEDULE = 3000  # steps; the rate falls as a cosine of this length, which is not waited for
MEAN = 0.985  # of the running mean of the weights that is kept at a step


def prepare(folder: Path, part: float = 1.0) -> list[list[Lesson]]:
    """Make what is taught, or a ``part`` (0..1), hear it, and return songs, mixes, pieces, sounds without onsets."""
    made = {name: folder / name for name in ("songs", "mixes", "pieces")}
    songs.fetch_taught(made["songs"], part)
    for index, song in enumerate(sorted(made["songs"].glob("*.wav"))):
        told = song.with_suffix(".held" if index % EVERY == 0 else ".json")
        if not told.exists():
            told.write_text(json.dumps(teachers.label(songs.mono(song))) + "\n")
    mixes.main([str(made["mixes"]), "0", str(math.ceil(part * MIXES)), "--sounds", str(folder / "packages")])
    missing = [n for n in range(math.ceil(part * PIECES)) if not (made["pieces"] / f"{n}.json").exists()]
    if render(lessons.lesson, made["pieces"], missing):
        raise OSError("the pieces cannot be played")
    return [*(listen(each, 1, plain=False) for each in made.values()), silences(part)]


def fit(network: Network, taught: Sequence[Sequence[Lesson]], steps: int, seed: int) -> Network:
    """Teach the network; return the running mean of its weights."""
    rng, mean = np.random.default_rng(seed), copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = (
                RATE
                * min(1.0, (step + 1) / WARM)
                * (0.02 + 0.49 * (1.0 + math.cos(math.pi * step / max(steps, SCHEDULE))))
            )
        chosen = rng.choice(len(taught), BATCH, p=SHARES)
        drawn = []
        for kind in chosen:
            one = taught[kind][int(rng.integers(len(taught[kind])))]
            start = 0 if rng.random() < 0.15 else int(rng.integers(0, max(1, len(one.level) - LENGTH)))
            drawn.append((one, start))
        loss = loss_of(network, clips(drawn), LATE)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for kept, now in zip(mean.parameters(), network.parameters(), strict=True):
                kept.lerp_(now, 1.0 - min(MEAN, (step + 1) / (step + 11)))
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}: {loss.item():.4f}", flush=True)
    return mean


def main(argv: Sequence[str] | None = None) -> int:
    """Make, hear, teach, and write the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, default=WEIGHTS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--share", type=float, default=SHARE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--part", type=float, default=1.0, help="of what is taught; a small one shows that all of it runs"
    )
    args = parser.parse_args(argv)
    torch.manual_seed(args.seed)
    ear = Ear(songs.SAMPLERATE)
    older = Network(ear.counts[0], len(ear.centres))
    try:
        older.load(args.init)
        taught = prepare(args.folder, args.part)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    new = fit(copy.deepcopy(older), taught, args.steps, args.seed)
    with torch.no_grad():
        for kept, now in zip(older.parameters(), new.parameters(), strict=True):
            kept.lerp_(now, args.share)
    older.save(args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
