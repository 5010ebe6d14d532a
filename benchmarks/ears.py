#!/usr/bin/env python3
"""How well the ears hear recorded music: ``python -m benchmarks.ears FOLDER [FOLDER ...] [--json F]``.

A folder holds annotated songs: NAME.json = {"onsets": [s, ...], "beats": [s, ...], "bpm": x} beside NAME.wav (or any
sound file of that name); "kind" tells the kind of music and "package" stands in for it. ``python -m tools.ears.songs
measure`` makes one. What is heard in each song, as it is and at the level it has, is compared with the annotation:

- onsets: F within 50 and 25 ms of the annotation (mir_eval's matching), and ``heard_at`` minus the annotated time;
- tempo: the median of the reported bpm is within 4 % of the annotated one, its half or its double;
- beats: the predicted beats' F within 70 ms, and continuity at the annotated level and at related levels (CMLt, AMLt;
  mir_eval.beat, the first five seconds left out as it does);
- tempo changes a minute: how often the reported bpm moved by more than 4 % after the first eight seconds;
- CPU time, as a share of one core.

Stock aubio (onset hfc and tempo, 1024/256, nothing set) hears the same samples in the same run. A total is the mean
over songs; the delays are of all onsets together.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import aubio
import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.analyser import HOP_LENGTH, Analyser
from engine.audio.songs.song import whole
from engine.cli.analyze import beats
from engine.system.files import write_whole

WINDOWS = {"f": 0.05, "f_25ms": 0.025}  # seconds on either side of an annotated onset
SETTLED_SECONDS = 8.0  # from the start; until then the tempo may change
TEMPO_WITHIN, OCTAVES = 0.04, (0.5, 1.0, 2.0)
AUBIO_WINDOW, AUBIO_HOP = 1024, 256  # samples

Samples = NDArray[np.float32]
Figures = dict[str, float]


@dataclass
class Heard:
    """What a listener heard in one song; seconds."""

    onsets: list[float] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)
    bpm: list[tuple[float, float]] = field(default_factory=list)  # of every hop: its time, the reported tempo
    cpu: float = 0.0  # of one core


def ours(samples: Samples, samplerate: int) -> Heard:
    """Listen with the engine's analyser."""
    analyser, began = Analyser(samplerate, HOP_LENGTH), time.process_time()
    hops = [analyser(hop) for hop in hops_of(samples, HOP_LENGTH)]
    cpu = (time.process_time() - began) / (len(samples) / samplerate)
    onsets = [onset for hop in hops for onset in hop.onsets]
    return Heard(
        [onset.time for onset in onsets],
        [onset.heard_at for onset in onsets],
        beats(hops),
        [(hop.time, hop.bpm) for hop in hops],
        cpu,
    )


def stock_aubio(samples: Samples, samplerate: int) -> Heard:
    """Listen with aubio's own onset and tempo."""
    onset = aubio.onset("hfc", AUBIO_WINDOW, AUBIO_HOP, samplerate)
    tempo = aubio.tempo("default", AUBIO_WINDOW, AUBIO_HOP, samplerate)
    heard, began = Heard(), time.process_time()
    for index, hop in enumerate(hops_of(samples, AUBIO_HOP)):
        now = (index + 1) * AUBIO_HOP / samplerate
        if onset(hop):
            heard.onsets.append(float(onset.get_last_s()))
            heard.heard_at.append(now)
        if tempo(hop):
            heard.beats.append(float(tempo.get_last_s()))
        heard.bpm.append((now, float(tempo.get_bpm())))
    heard.cpu = (time.process_time() - began) / (len(samples) / samplerate)
    return heard


def hops_of(samples: Samples, length: int) -> Samples:
    """Return the whole hops of the samples, [hops, length]."""
    count = len(samples) // length
    return samples[: count * length].reshape(count, length)


LISTENERS: dict[str, Callable[[Samples, int], Heard]] = {"ours": ours, "stock_aubio": stock_aubio}


def judge(heard: Heard, truth: dict[str, list[float]], bpm: float) -> tuple[Figures, list[float]]:
    """Return the figures of a song, and the delays of its onsets in milliseconds."""
    import mir_eval  # takes a second, for scipy's statistics

    match: Callable[..., list[tuple[int, int]]] = mir_eval.util.match_events
    true, found = np.array(truth["onsets"]), np.array(heard.onsets)
    figures: Figures = {}
    delays: list[float] = []
    for name, window in WINDOWS.items():
        pairs = match(true, found, window) if len(true) and len(found) else []
        figures[name] = 2.0 * len(pairs) / max(1, len(true) + len(found))
        if name == "f":
            figures["precision"] = len(pairs) / max(1, len(found))
            figures["recall"] = len(pairs) / max(1, len(true))
            delays = [1000.0 * (heard.heard_at[j] - true[i]) for i, j in pairs]
    figures["delay_ms_p95"] = float(np.percentile(delays, 95)) if delays else 0.0
    said = [tempo for _, tempo in heard.bpm if tempo > 0.0]
    median = float(np.median(said)) if said else 0.0
    figures["bpm"] = median
    figures["tempo_right"] = float(any(abs(median / (bpm * octave) - 1.0) <= TEMPO_WITHIN for octave in OCTAVES))
    figures["tempo_changes_a_minute"] = changes_a_minute(heard.bpm)
    trim = mir_eval.beat.trim_beats
    true_beats, found_beats = trim(np.array(truth["beats"])), trim(np.array(heard.beats))
    figures["beat_f"] = float(mir_eval.beat.f_measure(true_beats, found_beats)) if len(found_beats) else 0.0
    _, cml, _, aml = mir_eval.beat.continuity(true_beats, found_beats) if len(found_beats) > 1 else (0.0,) * 4
    figures["cml_t"], figures["aml_t"] = float(cml), float(aml)
    figures["core_share"] = heard.cpu
    return figures, delays


def changes_a_minute(bpm: Sequence[tuple[float, float]]) -> float:
    """Return how often a minute the tempo moved by more than TEMPO_WITHIN, once it had time to settle."""
    later = [tempo for moment, tempo in bpm if moment >= SETTLED_SECONDS and tempo > 0.0]
    if not later:
        return 0.0
    held, changes = later[0], 0
    for tempo in later:
        if abs(tempo / held - 1.0) > TEMPO_WITHIN:
            held, changes = tempo, changes + 1
    return 60.0 * changes / max(1.0, bpm[-1][0] - SETTLED_SECONDS)


def mean(songs: Sequence[Figures], delays: Sequence[float]) -> Figures:
    """Return the means of the songs' figures, the least F, and the delays over all onsets."""
    names = [name for name in songs[0] if name not in ("bpm", "delay_ms_p95")]
    total = {name: float(np.mean([song[name] for song in songs])) for name in names}
    p50, p95 = np.percentile(delays, [50, 95]) if len(delays) else (0.0, 0.0)
    return total | {
        "least_f": min(song["f"] for song in songs),
        "delay_ms_p50": float(p50),
        "delay_ms_p95": float(p95),
        "songs": len(songs),
    }


def measure(folders: Sequence[Path], names: Sequence[str]) -> dict[str, object]:
    """Return all figures: for each listener the total, those of each kind of music, and those of each song."""
    songs: dict[str, dict[str, Figures]] = {name: {} for name in names}
    delays: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    kinds: dict[str, list[str]] = {}
    for path in [path for folder in folders for path in sorted(folder.glob("*.json"))]:
        about = json.loads(path.read_text())
        sound = next((other for other in sorted(path.parent.glob(f"{path.stem}.*")) if other != path), None)
        if sound is None:
            raise FileNotFoundError(f"{path}: no sound file of that name beside it")
        song = whole(sound)
        kinds.setdefault(about.get("kind") or about.get("package") or path.parent.name, []).append(path.stem)
        for name in names:
            heard = LISTENERS[name](song.mono(), song.samplerate)
            songs[name][path.stem], delays[name][path.stem] = judge(heard, about, float(about["bpm"]))
        print_row(path.stem, about["bpm"], [songs[name][path.stem] for name in names])
    return {
        name: {
            "total": rounded(mean(list(songs[name].values()), list(chain.from_iterable(delays[name].values())))),
            "kinds": {
                kind: rounded(mean([songs[name][one] for one in own], list(chain(*(delays[name][one] for one in own)))))
                for kind, own in kinds.items()
            },
            "songs": {one: rounded(figures) for one, figures in songs[name].items()},
        }
        for name in names
    }


def rounded(figures: Figures) -> Figures:
    """Return figures for people."""
    return {name: round(value, 1 if "ms" in name and name != "f_25ms" else 3) for name, value in figures.items()}


def print_row(song: str, bpm: float, figures: Sequence[Figures]) -> None:
    """Print one song: of each listener the onsets' F and p95, the tempo, the beats' F, the tempo's changes."""
    told = "   ".join(
        f"F {one['f']:.2f} {one['delay_ms_p95']:4.0f} ms {one['bpm']:5.1f}{'+' if one['tempo_right'] else ' '}"
        f" beat {one['beat_f']:.2f} {one['tempo_changes_a_minute']:3.0f}/min"
        for one in figures
    )
    print(f"{song[-34:]:34} {bpm:5.1f}  {told}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="leave out stock aubio")
    args = parser.parse_args(argv)
    try:
        result = measure(args.folders, list(LISTENERS)[: 1 if args.quick else None])
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    for name, figures in result.items():
        print(name, json.dumps(figures["total"] if isinstance(figures, dict) else figures))
    if args.json:
        write_whole(args.json, Path.write_text, json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
