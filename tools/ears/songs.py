"""Recorded music for the ears, from Debian's packages: songs to learn from, and songs to be measured with.

usage: python -m tools.ears.songs teach FOLDER
       python -m tools.ears.songs measure ANNOTATIONS FOLDER

``teach`` writes the first SECONDS of every song of TAUGHT as mono WAV at 44.1 kHz. ``measure`` writes the songs that
the JSON files in ANNOTATIONS name ({"package", "file", "seconds", "sha256_of_file", ...}) with those files beside
them. A song must be of no package that is taught. Packages are fetched with ``apt-get download`` and unpacked with
``dpkg -x``, without being installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import subprocess
import sys
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from engine.audio.hearing.spectrum import Vector
from engine.audio.songs.song import whole

SAMPLERATE = 44100
TAUGHT = ("supertux-data", "hedgewars-data", "wesnoth-1.16-music")  # free games; the card tells their licences
SECONDS = 40.0  # of a song, from its start; no more is taught
SMALLEST = 200_000  # bytes; shorter files are noises and jingles
NO_MUSIC = ("speech", "Sounds", "sounds", "Voices")  # folders of a game that hold none


def unpack(package: str, folder: Path) -> Path:
    """Fetch a Debian package and return the folder that it is unpacked in."""
    out = folder / package
    if not out.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", package], cwd=folder, check=True)
        archive = next(folder.glob(f"{package}_*.deb"))
        half = folder / f"{package}.half"  # a run that was stopped leaves this one
        subprocess.run(["dpkg", "-x", str(archive.resolve()), str(half)], check=True)
        half.rename(out)
        archive.unlink()
    return out


def mono(path: Path, seconds: float = 0.0) -> Vector:
    """Return the samples of a sound file as mono at SAMPLERATE, or only its first ``seconds``."""
    song = whole(path)
    samples = song.mono()
    if song.samplerate != SAMPLERATE:
        common = math.gcd(SAMPLERATE, song.samplerate)
        samples = resample_poly(samples, SAMPLERATE // common, song.samplerate // common).astype(np.float32)
    return samples[: round(seconds * SAMPLERATE)] if seconds else samples


def write_wav(path: Path, samples: Vector) -> None:
    """Write mono samples, -1..1, as 16 bit."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLERATE)
        file.writeframes((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())


def fetch_taught(out: Path, part: float = 1.0) -> None:
    """Write the songs of TAUGHT, or only a ``part`` (0..1), which is spread over each package."""
    out.mkdir(parents=True, exist_ok=True)
    for package in TAUGHT:
        songs = [
            path
            for path in sorted(unpack(package, out / "packages").rglob("*.ogg"))
            if path.stat().st_size >= SMALLEST and not set(path.parts) & set(NO_MUSIC)
        ]
        for path in songs[:: round(1.0 / part)]:
            wav = out / f"{package}__{path.stem}.wav"
            if not wav.exists():
                write_wav(wav, mono(path, SECONDS))


def fetch_measured(annotations: Path, out: Path) -> None:
    """Write the songs that the files in ``annotations`` name, and those files; refuse a song that is another."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(annotations.glob("*.json")):
        about = json.loads(path.read_text())
        if about["package"] in TAUGHT:
            raise ValueError(f"{path}: {about['package']} is taught, so it cannot measure")
        song = next(unpack(about["package"], out / "packages").rglob(about["file"]))
        if hashlib.sha256(song.read_bytes()).hexdigest() != about["sha256_of_file"]:
            raise ValueError(f"{song}: is not the file that {path.name} tells about")
        write_wav(out / f"{path.stem}.wav", mono(song, about["seconds"]))
        (out / path.name).write_text(path.read_text())


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch the songs of one kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    taught = kinds.add_parser("teach")
    measured = kinds.add_parser("measure")
    measured.add_argument("annotations", type=Path)
    for kind in (taught, measured):
        kind.add_argument("folder", type=Path)
    args = parser.parse_args(argv)
    try:
        fetch_taught(args.folder) if args.kind == "teach" else fetch_measured(args.annotations, args.folder)
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
