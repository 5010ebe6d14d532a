"""How well and how soon the ears hear: onsets and tempo against songs whose truth is known.

usage: python -m tools.onsets.evaluate FOLDER [FOLDER ...] [--json benchmarks/onsets.json] [--quick]

tools/onsets/songs.py makes such folders: each holds NAME.wav beside NAME.json = {"bpm": x,
"onsets": [s, ...]}. Each song is brought to a peak level between -30 and 0 dBFS (drawn from --seed)
and given white noise at --noise dBFS, as a room would. Onsets match within 50 ms (mir_eval); delay
is heard_at minus the true onset. The distance of Tempo's predicted beats from the true eighths is
reported apart. Tempo is right within 2 % of the truth or an octave of it, in the
median after 8 s. by_level tells quiet songs from loud ones; missed is the share of the onsets of
voices that begin alone, where the truth knows its voices. --quick leaves out stock aubio (hfc,
512/128, minimum interval 40 ms), which otherwise hears the same samples.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aubio
import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.analyser import HOP_LENGTH, Analyser
from engine.audio.songs.song import whole
from engine.cli.analyze import beats

WINDOW = 0.05  # seconds on either side; onsets match within it
LEVELS = {"-30 to -20 dBFS": -20.0, "-20 to -10 dBFS": -10.0, "-10 to 0 dBFS": 0.0}  # upper bound of the peak
TEMPO_FROM, TEMPO_WITHIN, OCTAVES = 8.0, 0.02, (0.25, 0.5, 1.0, 2.0, 4.0)

Heard = tuple[list[float], list[float]]  # where onsets are, when they were known; seconds


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table, and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--hop", type=int, default=HOP_LENGTH)
    parser.add_argument("--noise", type=float, default=-60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(argv)
    words = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "tools.onsets.evaluate", *words])
    figures: dict[str, Any] = {"command": command, "hop_length": args.hop, "sets": {}}
    for folder in args.folders:
        figures["sets"][folder.name] = evaluate(folder, args.hop, args.noise, args.seed, quick=args.quick)
        print(folder.name, json.dumps(figures["sets"][folder.name], indent=1))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def evaluate(folder: Path, hop_length: int, noise: float, seed: int, *, quick: bool = False) -> dict[str, Any]:
    """Return the figures of one folder."""
    rng = np.random.default_rng(seed)
    ours, stock, by_level = _Score(), _Score(), {name: _Score() for name in LEVELS}
    tempi, hops, seconds, busy = [], 0, 0.0, 0.0
    misplaced: list[float] = []
    paths = sorted(p for p in folder.glob("*.wav") if p.with_suffix(".json").exists())
    for path in paths:
        truth = json.loads(path.with_suffix(".json").read_text())
        song = whole(path)
        peak = rng.uniform(-30.0, 0.0)
        samples = in_a_room(song.mono(), peak, noise, rng)
        began = time.process_time()
        heard, bpm, grid = analyse(samples, song.samplerate, hop_length)
        busy += time.process_time() - began
        seconds += len(samples) / song.samplerate
        hops += len(samples) // hop_length
        ours.add(path.stem, truth, heard)
        by_level[next(name for name, below in LEVELS.items() if peak <= below)].add(path.stem, truth, heard)
        if not quick:
            stock.add(path.stem, truth, stock_aubio(samples, song.samplerate))
        tempi.append(any(abs(bpm / (truth["bpm"] * octave) - 1.0) <= TEMPO_WITHIN for octave in OCTAVES))
        eighth = 30.0 / truth["bpm"]
        misplaced += [1000.0 * abs(beat - eighth * round(beat / eighth)) for beat in grid]
    return {
        "songs": len(paths),
        "onsets": ours.figures(),
        "by_level": {name: score.figures() for name, score in by_level.items()},
        "missed": ours.missed(),
        **({} if quick else {"stock_aubio": stock.figures()}),
        "tempo_right": round(float(np.mean(tempi)), 3),
        "predicted_beats_off_ms_p50": round(float(np.median(misplaced)), 1) if misplaced else None,
        "us_per_hop": round(busy / hops * 1e6, 1),
        "core_share": round(busy / seconds, 4),
        "hardest": ours.hardest(),
    }


def in_a_room(samples: NDArray[np.float32], peak: float, noise: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the samples at a peak level with white noise added, both in dBFS."""
    loud = samples / np.abs(samples).max() * 10 ** (peak / 20)
    heard: NDArray[np.float32] = (loud + 10 ** (noise / 20) * rng.standard_normal(len(samples))).astype(np.float32)
    return heard


def analyse(samples: NDArray[np.float32], samplerate: int, hop_length: int) -> tuple[Heard, float, list[float]]:
    """Return what the engine's analyser hears, and after eight seconds the median of its bpm, and its beats."""
    analyser = Analyser(samplerate, hop_length)
    times: list[float] = []
    heard_at: list[float] = []
    bpm = []
    hops = [analyser(hop) for hop in hops_of(samples, hop_length)]
    for features in hops:
        times += [onset.time for onset in features.onsets]
        heard_at += [onset.heard_at for onset in features.onsets]
        if features.time >= TEMPO_FROM:
            bpm.append(features.bpm)
    grid = [beat for beat in beats(hops) if beat >= TEMPO_FROM]
    return (times, heard_at), float(np.median(bpm)) if bpm else 0.0, grid


def stock_aubio(samples: NDArray[np.float32], samplerate: int) -> Heard:
    """Return what aubio's own onset object hears."""
    hop_length = 128
    detector = aubio.onset("hfc", 512, hop_length, samplerate)
    detector.set_minioi_ms(40)
    times, heard_at = [], []
    for index, hop in enumerate(hops_of(samples, hop_length)):
        if detector(hop):
            times.append(float(detector.get_last_s()))
            heard_at.append((index + 1) * hop_length / samplerate)
    return times, heard_at


def hops_of(samples: NDArray[np.float32], hop_length: int) -> NDArray[np.float32]:
    """Return the whole hops of the samples, [hops, hop_length]."""
    count = len(samples) // hop_length
    return samples[: count * hop_length].reshape(count, hop_length)


class _Score:
    """Hits, misses and delays over many songs."""

    def __init__(self) -> None:
        self._hits = self._true = self._heard = 0
        self._delays: list[float] = []
        self._songs: list[tuple[float, str]] = []
        self._voices: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()

    def add(self, name: str, song: dict[str, Any], heard: Heard) -> None:
        """Count one song."""
        import mir_eval  # takes a second, for scipy's statistics

        truth = song["onsets"]
        match: Callable[..., list[tuple[int, int]]] = mir_eval.util.match_events
        times, heard_at = heard
        pairs = match(np.array(truth), np.array(times), WINDOW)
        self._hits += len(pairs)
        self._true += len(truth)
        self._heard += len(times)
        self._delays += [1000.0 * (heard_at[j] - truth[i]) for i, j in pairs]
        found = {i for i, _ in pairs}
        for index, voice in enumerate(song.get("voices", [])):
            self._voices[voice] += 1
            self._missed[voice] += index not in found
        self._songs.append((round(2 * len(pairs) / max(1, len(truth) + len(times)), 3), name))

    def figures(self) -> dict[str, float]:
        """Return F, precision and recall over all onsets, and the delays in milliseconds."""
        p50, p95 = np.percentile(self._delays, [50, 95]) if self._delays else (0.0, 0.0)
        return {
            "f": round(2 * self._hits / max(1, self._true + self._heard), 4),
            "precision": round(self._hits / max(1, self._heard), 4),
            "recall": round(self._hits / max(1, self._true), 4),
            "delay_ms_p50": round(float(p50), 1),
            "delay_ms_p95": round(float(p95), 1),
        }

    def missed(self) -> dict[str, float]:
        """Return the share of onsets missed of the voices that were missed most."""
        return {voice: round(count / self._voices[voice], 3) for voice, count in self._missed.most_common(6) if count}

    def hardest(self) -> dict[str, float]:
        """Return the songs with the lowest F."""
        return {name: f for f, name in sorted(self._songs)[:4]}


if __name__ == "__main__":
    raise SystemExit(main())
