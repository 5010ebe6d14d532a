"""Timecode as senders make it: LTC as sound, MTC as messages; with jitter, noise, dropouts and jumps."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.audio.inputs.timecode_tap import TimecodeTap
from engine.borders.timecode import RATES, Rate, Reading
from engine.control.timing.chase import Chase
from engine.control.timing.mtc import MtcReader

SYNC = (0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1)


def ltc_bits(count: int, rate: Rate) -> list[int]:
    """Return the 80 bits of a frame, in the order in which they are sent."""
    label = rate.label(count)
    hours, minutes, seconds, frames = (int(label[at : at + 2]) for at in (0, 3, 6, 9))
    bits = [0] * 64
    for number, unit_at, tens_at in ((frames, 0, 8), (seconds, 16, 24), (minutes, 32, 40), (hours, 48, 56)):
        for k in range(4):
            bits[unit_at + k] |= number % 10 >> k & 1
        for k in range(3):
            bits[tens_at + k] |= number // 10 >> k & 1
    bits[10] = int(rate.drop)
    for k in range(4):  # user bits: any
        bits[4 + 8 * k] = count >> k & 1
    bits[27] = sum(bits) % 2  # the polarity correction of one of the systems
    return [*bits, *SYNC]


def ltc(
    counts: Sequence[int],
    rate: Rate,
    samplerate: int = 48000,
    *,
    amplitude: float = 0.5,
    noise_db: float | None = None,
    jitter: float = 0.0,
    speed: float = 1.0,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Return the sound of the frames ``counts``.

    ``noise_db`` is the noise's rms against the signal's, ``jitter`` that of every edge in shares of half a bit.
    """
    random = np.random.default_rng(seed)
    bits = np.array([ltc_bits(count, rate) for count in counts]).reshape(-1)
    halves = np.stack([np.ones_like(bits), bits], 1).reshape(-1)  # whether the sign changes before a half
    signs = np.cumprod(1 - 2 * halves)
    half = samplerate / (float(rate.fps) * speed) / 160.0
    edges = np.arange(len(halves) + 1) * half
    edges[1:-1] += random.normal(0.0, jitter * half, len(edges) - 2)
    samples = np.arange(round(edges[-1]))
    wave = amplitude * signs[np.clip(np.searchsorted(edges, samples + 0.5) - 1, 0, len(signs) - 1)].astype(np.float64)
    wave = np.convolve(wave, np.full(2, 0.5), "same")  # a rise time, as ST 12-1 asks for
    if noise_db is not None:
        wave = wave + random.normal(0.0, amplitude * 10 ** (noise_db / 20), len(wave))
    return wave.astype(np.float32)


def quarter_frames(count: int, rate: Rate) -> list[int]:
    """Return the eight data bytes of a label's quarter frames."""
    label = rate.label(count)
    hours, minutes, seconds, frames = (int(label[at : at + 2]) for at in (0, 3, 6, 9))
    hours |= RATES.index(rate) << 5
    halves = [part for number in (frames, seconds, minutes, hours) for part in (number & 15, number >> 4)]
    return [piece << 4 | nibble for piece, nibble in enumerate(halves)]


def mtc(start: int, frames: int, rate: Rate, begins: float = 0.0) -> list[tuple[int, float]]:
    """Return the quarter frames of ``frames`` frames from ``start`` on: data bytes and seconds."""
    fps = float(rate.fps)
    found = []
    for offset in range(0, frames, 2):
        for piece, data in enumerate(quarter_frames(start + offset, rate)):
            found.append((data, begins + (offset + piece / 4.0) / fps))
    return found


def full_frame(count: int, rate: Rate) -> tuple[int, ...]:
    """Return the system exclusive message that says where a sender stands, F0 and F7 included."""
    label = rate.label(count)
    hours, minutes, seconds, frames = (int(label[at : at + 2]) for at in (0, 3, 6, 9))
    return (0xF0, 0x7F, 0x7F, 0x01, 0x01, hours | RATES.index(rate) << 5, minutes, seconds, frames, 0xF7)


class Take(NamedTuple):
    """A stretch of timecode: it begins at ``begins`` (seconds) with frame ``frame`` and lasts ``seconds``."""

    begins: float
    frame: int
    seconds: float


Heard = list[tuple[float, Reading]]  # readings, and when the show had them (seconds)


def by_ear(
    takes: Sequence[Take],
    rate: Rate,
    noise_db: float | None = None,
    jitter: float = 0.0,
    late: float = 0.0,
    samplerate: int = 48000,
    stalls: float = 0.0,
    lost: float = 0.0,
) -> Heard:
    """Return what the ears make of LTC: silence, or noise, between the takes; blocks come up to ``late`` s late.

    The machine stops for up to ``stalls`` s twice a second, and loses that share of its blocks. What a stop held up
    comes at its end.
    """
    random = np.random.default_rng(1)
    sound = np.zeros(round((takes[-1].begins + takes[-1].seconds) * samplerate), np.float32)
    for take in takes:
        frames = range(take.frame, take.frame + int(take.seconds * float(rate.fps)) + 1)
        wave = ltc(frames, rate, samplerate, jitter=jitter)
        begin = round(take.begins * samplerate)
        room = min(round(take.seconds * samplerate), len(sound) - begin)
        sound[begin : begin + room] = wave[:room]
    if noise_db is not None:
        sound += random.normal(0.0, 0.5 * 10 ** (noise_db / 20), len(sound)).astype(np.float32)
    heard: Heard = []
    arrived = until = 0.0
    tap = TimecodeTap(1, lambda reading: heard.append((arrived, reading)), print)
    tap.begin(samplerate)
    for start in range(0, len(sound), 512):
        block = sound[start : start + 512]
        arrived = (start + len(block)) / samplerate + random.uniform(0.0, late)
        if stalls and random.random() < 2.0 * 512 / samplerate:
            until = arrived + random.uniform(0.0, stalls)
        arrived = max(arrived, until)
        if not lost or random.random() >= lost:
            tap(block[:, None], arrived)
    return heard


def by_midi(takes: Sequence[Take], rate: Rate, jitter: float = 0.0, lost: float = 0.0) -> Heard:
    """Return what the reader makes of MTC whose messages come up to ``jitter`` s late, a share of them ``lost``."""
    random = np.random.default_rng(1)
    reader, heard = MtcReader(), []
    for take in takes:
        frames = int(take.seconds * float(rate.fps)) & ~1
        for data, sent in mtc(take.frame, frames, rate, take.begins):
            time = sent + random.uniform(0.0, jitter)
            if random.random() >= lost and (reading := reader.quarter(data, time)) is not None:
                heard.append((time, reading))
    return heard


def chased(heard: Heard, takes: Sequence[Take], rate: Rate, fps: float = 60.0) -> list[tuple[float, float]]:
    """Follow readings through a show of ``fps`` frames a second; return times and errors in frames of the timecode.

    Where nothing is known yet the error is infinite. Between two takes the clock should run on as in the one before.
    """
    chase, errors, coming = Chase(), [], deque(heard)
    for index in range(int((takes[-1].begins + takes[-1].seconds) * fps)):
        time = index / fps
        while coming and coming[0][0] <= time:
            chase.put(coming.popleft()[1])
        take = [take for take in takes if take.begins <= time or take is takes[0]][-1]
        truth = take.frame / float(rate.fps) + time - take.begins
        code = chase.at(time)
        errors.append((time, float("inf") if code is None else abs(code.position - truth) * float(rate.fps)))
    return errors
