"""Ableton Link with peers on this machine: does joining change anybody's tempo, and how far are the bars apart?

usage: ``python -m benchmarks.link [--tries 50] [--json F.json]``

In every try a peer of another process plays at a tempo of its own, and the engine's follower joins: begun before the
peer, just after it, or long after. ``changed`` counts the tries after which the peer had another tempo. ``phase_ms`` is
what lies between the follower's beat at a tick and the peer's at the same moment, 60 times a second. After each try one
of the two leaves; a second follower is there in every fifth.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from link import Link

from engine.borders.controls import Tempo
from engine.borders.tick import Tick
from engine.control.timing.link import LinkTempo
from engine.control.timing.stage_time import StageTime

PEER = """
import sys
from link import Link
peer = None
for line in sys.stdin:
    word, _, value = line.strip().partition(" ")
    if word == "begin":
        peer = Link(float(value)); peer.enabled = True
    elif word == "ask":
        state = peer.captureSessionState()
        print(state.tempo(), state.beatAtTime(int(value), 4.0), peer.numPeers(), flush=True)
    elif word == "end":
        peer.enabled = False; peer = None
"""
FPS = 60
MEET_SECONDS = 15.0  # s; a follower that has not met its peer by then has not met it
PLAY_SECONDS = 1.0  # s; of every try in which both play


class Peer:
    """A peer in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, words: str) -> None:
        """Give it an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()

    def ask(self, micros: int) -> tuple[float, float]:
        """Return its tempo, and its beat at a moment of Link's clock."""
        self.say(f"ask {micros}")
        assert self._process.stdout is not None
        tempo, beat, _ = map(float, self._process.stdout.readline().split())
        return tempo, beat

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10.0)


class Follower:
    """The engine's follower, asked as a show does."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.link = LinkTempo(False, self.told.append, StageTime())
        self._start = time.monotonic()
        self._index = 0

    def frame(self) -> Tempo | None:
        """Wait for the next frame; return the tempo in it."""
        self._index += 1
        due = self._start + self._index / FPS
        time.sleep(max(0.0, due - time.monotonic()))
        return self.link.tempo(Tick(self._index, time.monotonic() - self._start, 1 / FPS))


def one(peer: Peer, clock: Link, bpm: float, head_start: float, second: bool) -> tuple[float, float, list[float]]:
    """Return the peer's tempo after a try, the seconds until they met, and the phases in seconds between them.

    The peer begins ``head_start`` seconds before the follower, or after it where that is below 0.
    """
    followers = []
    if head_start >= 0.0:
        peer.say(f"begin {bpm}")
        time.sleep(head_start)
    followers = [Follower() for _ in range(1 + second)]
    if head_start < 0.0:
        until = time.monotonic() - head_start
        while time.monotonic() < until:
            followers[0].frame()
        peer.say(f"begin {bpm}")
    began, phases = time.monotonic(), []
    met = float("inf")
    while time.monotonic() < began + MEET_SECONDS and time.monotonic() < began + met + PLAY_SECONDS:
        for follower in followers:
            tempo = follower.frame()
        micros, moment = clock.clock().micros(), time.monotonic()
        if tempo is None:
            continue
        met = min(met, moment - began)
        _, beat = peer.ask(micros)
        ours = followers[-1].link.tempo(Tick(0, moment - followers[-1]._start, 0.0))
        if ours is not None and moment > began + met + 0.25:
            phases.append(((ours.beats - beat + 2.0) % 4.0 - 2.0) * 60.0 / ours.bpm)
    after, _ = peer.ask(clock.clock().micros())
    if head_start > 1.0:  # this time the peer leaves first
        peer.say("end")
        time.sleep(0.5)
    for follower in followers:
        follower.link.close()
    if head_start <= 1.0:
        peer.say("end")
    time.sleep(0.3)
    return after, met, phases


def measure(tries: int) -> dict[str, object]:
    """Return the figures of so many tries."""
    dice, peer, clock = random.Random(4), Peer(), Link(120.0)
    changed, meetings, phases, unmet = 0, [], [], 0
    for number in range(tries):
        bpm = round(dice.uniform(60.0, 180.0), 2)
        head_start = dice.choice([-2.0, -0.6, 0.0, 0.1, 0.3, 0.6, 2.0])
        after, met, found = one(peer, clock, bpm, head_start, number % 5 == 4)
        changed += abs(after - bpm) > 1e-3 * bpm
        unmet += met == float("inf")
        meetings.append(met)
        phases += found
        print(f"{number + 1}: {bpm} bpm, head start {head_start} s: {after:.3f} bpm, met after {met:.2f} s", flush=True)
    peer.close()
    apart = np.abs(phases) * 1e3
    return {
        "tries": tries,
        "changed": changed,
        "unmet": unmet,
        "met_s": {"median": round(float(np.median(meetings)), 3), "max": round(max(meetings), 3)},
        "phase_ms": {q: round(float(np.percentile(apart, p)), 3) for q, p in (("p50", 50), ("p95", 95), ("max", 100))},
        "samples": len(phases),
    }


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description="Ableton Link with peers on this machine")
    parser.add_argument("--tries", type=int, default=50)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = measure(args.tries)
    print(json.dumps(found))
    if args.json is not None:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
