"""A JACK client in a process of its own, so that a test can kill it: ``python source.py NAME KIND [GAP]``.

KIND is click (a burst every GAP seconds over faint noise), zeros, level (stuck at 0.3), nan, room (pink
noise at -50 dBFS), or knobs: a MIDI controller without sound, on which a line "send 176 16 96" sends those
bytes and what comes is printed as "lit 144 1 127". Prints "ready", then the monotonic time at which each
click entered the sound server. A line "out" on standard input unplugs it, "in" plugs it in again; both
are answered.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time

import jack
import numpy as np


class Clicks:
    """Fills buffers with a burst every ``gap`` seconds and notes when each began."""

    def __init__(self, samplerate: int, gap: float) -> None:
        t = np.arange(round(0.05 * samplerate)) / samplerate
        self.burst = (0.5 * np.sin(2 * np.pi * (60 + 900 * np.exp(-t * 300)) * t) * np.exp(-t * 80)).astype(np.float32)
        self.samplerate, self.gap = samplerate, round(gap * samplerate)
        self.random = np.random.default_rng(7)
        self.at = 0
        self.begun: list[float] = []

    def fill(self, buffer: np.ndarray) -> None:
        now, count = time.monotonic(), len(buffer)
        buffer[:] = 1e-4 * self.random.standard_normal(count)
        for k in range(max(0, self.at - len(self.burst)) // self.gap, (self.at + count) // self.gap + 1):
            start = k * self.gap - self.at
            first, last = max(0, start), min(count, start + len(self.burst))
            if k and last > first:
                buffer[first:last] += self.burst[first - start : last - start]
                if start >= 0:
                    self.begun.append(now + start / self.samplerate)
        self.at += count


waiting: list[bytes] = []  # MIDI messages to be sent
lit: list[bytes] = []  # and those that came


def pink(count: int, dbfs: float) -> np.ndarray:
    spectrum = np.fft.rfft(np.random.default_rng(5).standard_normal(count))
    spectrum[0] = 0.0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum)
    return np.asarray(noise * 10 ** (dbfs / 20) / np.sqrt(np.mean(noise**2)), dtype=np.float32)


room = pink(1 << 17, -50.0)


def plug_in(name: str, kind: str, clicks: Clicks) -> jack.Client:
    client = jack.Client(name)
    if kind == "knobs":
        knobs = client.midi_outports.register("midi_capture_1")
        lights = client.midi_inports.register("midi_playback_1")

        def send(_count: int) -> None:
            knobs.clear_buffer()
            with contextlib.suppress(jack.JackError):  # the period's buffer is full: the rest goes with the next one
                while waiting:
                    knobs.write_midi_event(0, waiting[0])
                    waiting.pop(0)
            lit.extend(bytes(data) for _, data in lights.incoming_midi_events())

        client.set_process_callback(send)
        client.activate()
        return client
    port = client.outports.register("out_1")

    def process(count: int) -> None:
        buffer = port.get_array()
        if kind == "click":
            clicks.fill(buffer)
        elif kind == "room":
            room[:] = np.roll(room, -count)
            buffer[:] = room[:count]
        else:
            buffer[:] = {"zeros": 0.0, "level": 0.3, "nan": np.nan}[kind]

    client.set_process_callback(process)
    client.activate()
    return client


def main(name: str, kind: str, gap: float = 0.5) -> None:
    clicks = Clicks(48000, gap)
    client: jack.Client | None = plug_in(name, kind, clicks)
    print("ready", flush=True)
    asked = b""
    while True:
        if b"\n" not in asked and select.select([sys.stdin], [], [], 0.01)[0]:
            more = os.read(sys.stdin.fileno(), 4096)  # a file's own buffer would hide lines from select
            if not more:
                return
            asked += more
        if b"\n" in asked:
            line, _, asked = asked.partition(b"\n")
            word = line.decode().strip()
            if word.startswith("send "):
                waiting.append(bytes(map(int, word.split()[1:])))
                continue
            if client is not None:
                client.deactivate()
                client.close()
            client = plug_in(name, kind, clicks) if word == "in" else None
            print(word, flush=True)
        while lit:
            print("lit", *lit.pop(0), flush=True)
        while clicks.begun:
            print(f"{clicks.begun.pop(0):.6f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:]))
