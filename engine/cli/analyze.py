"""``vj analyze``: what the ears hear in a song: to read, as JSON, as a picture."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.hearing.analyser import HOP_LENGTH
from engine.audio.songs.song import AnySong
from engine.audio.songs.song_ears import SongEars
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick
from engine.cli import arguments
from engine.cli.analyze_summary import summary
from engine.control.routing.beat import TRUSTED_BAR
from engine.show.opening import open_song
from engine.system.files import write_whole

CHUNK_SECONDS = 1.0  # of song between two steps of the progress bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj analyze`` takes."""
    parser.add_argument("song", help="a sound file, or 'demo'")
    parser.add_argument("--json", type=arguments.path, metavar="F", help="write onsets, beats and tempo")
    parser.add_argument("--plot", type=arguments.path, metavar="F.png", help="draw them")


def run(args: argparse.Namespace) -> int:
    """Analyse a song."""
    return report(open_song(args.song), args.json, args.plot)


def report(song: AnySong, json_path: Path | None, plot_path: Path | None) -> int:
    """Analyse a song, write what was asked for, or print a summary when nothing was; return the exit code."""
    heard = listen(song, show_progress=True)
    result = analyze(song, heard)
    text = json.dumps(result, indent=1) + "\n"
    if json_path is not None:
        write_whole(json_path, Path.write_text, text, encoding="utf-8")
    if plot_path is not None:
        write_whole(plot_path, plot, song, result, heard)
    if json_path is None and plot_path is None:
        print("\n".join(summary(song, result, heard)))
    return 0


def listen(song: AnySong, hop_length: int = HOP_LENGTH, *, show_progress: bool = False) -> list[AudioFeatures]:
    """Return every hop of a song, the last one filled up with silence, without ``wave`` and ``spectrum``.

    They are nearly all of a hop's memory: two hours of them are 17 GB.
    """
    from rich.console import Console
    from rich.progress import track

    song.measure()
    ears = SongEars(song, hop_length)
    end = song.duration + hop_length / song.samplerate
    ticks = [Tick(i, min(i * CHUNK_SECONDS, end), CHUNK_SECONDS) for i in range(int(end / CHUNK_SECONDS) + 2)]
    bar = track(
        ticks,
        "listening",
        console=Console(stderr=True),
        transient=True,
        disable=not (show_progress and sys.stderr.isatty()),
    )
    nothing = AudioFeatures().wave
    return [replace(hop, wave=nothing, spectrum=nothing) for tick in bar for hop in ears.latest(tick).recent]


def analyze(song: AnySong, heard: Sequence[AudioFeatures] | None = None) -> dict[str, Any]:
    """Return the contract's dictionary; ``heard`` is ``listen(song)``, if it is there already.

    Times are seconds of the song. ``heard_at`` is when an onset was known, to half a hop. ``downbeats`` are
    only those that the ears are sure of.
    """
    heard = listen(song) if heard is None else heard
    bpm = [hop.bpm for hop in heard if hop.bpm]
    return {
        "samplerate": song.samplerate,
        "hop_length": round(heard[0].time * song.samplerate) if heard else HOP_LENGTH,
        "bpm": round(float(np.median(bpm)), 2) if bpm else 0.0,
        "onsets": [
            {"time": round(o.time, 4), "heard_at": round(o.heard_at, 4), "strength": round(o.strength, 4)}
            for hop in heard
            for o in hop.onsets
        ],
        "beats": [round(time, 4) for time in beats(heard)],
        "downbeats": [round(time, 4) for time in downbeats(heard)],
    }


def beats(heard: Sequence[AudioFeatures]) -> list[float]:
    """Return where the beat phase passes zero, in seconds."""
    return [
        max(0.0, now.time - now.beat_phase * 60.0 / now.bpm)
        for before, now in pairwise(heard)
        if now.bpm and before.bpm and now.beat_phase < before.beat_phase - 0.5
    ]


def downbeats(heard: Sequence[AudioFeatures]) -> list[float]:
    """Return where bars begin, in seconds: where ``beat.bar`` strikes."""
    return [
        max(0.0, now.time - now.bar_phase * now.bar_beats * 60.0 / now.bpm)
        for before, now in pairwise(heard)
        if now.bpm and before.bpm and now.bar_phase < before.bar_phase - 0.5 and now.bar_confidence > TRUSTED_BAR[0]
    ]


def plot(out_png: Path, song: AnySong, result: dict[str, Any], heard: Sequence[AudioFeatures] | None = None) -> None:
    """Draw waveform, bands, onsets and beats as a PNG. Raises OSError when it cannot be written."""
    from engine.cli import analyze_plot as plotting

    plotting.draw(song, result, listen(song) if heard is None else heard).save(out_png, format="PNG")
