"""What a night may bring: python -m benchmarks.chaos --minutes 30 --seed 1 [--windowed] --json F.json

A supervised show plays with sound, a controller, OSC, a recording, a gesture log, a setlist, a pass and a second model;
one random fault follows another, drawn by the seed. Three rounds of faults that leave the process alone are followed by
one of those that stop it. Then the trace is read: the longest gap between two pictures outside the faults that stop the
process (at most 0.5 s) and in those (at most 5 s, after the three seconds in which a hang is detected), the frames and
the last values that were lost, and threads, file descriptors and memory before every fault. With ``--windowed`` it
plays under Xvfb, and screenshots of a frozen picture are compared while things fail: no line may stand on the wall.

A gap that this program's own canary has, too, a process that only sleeps, is the machine's: it is told apart.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.night import report, vitals, wall  # noqa: E402
from benchmarks.night.faults import FAULTS  # noqa: E402
from benchmarks.night.venue import Asked, Venue  # noqa: E402

CALM_SECONDS = (1.5, 3.0)  # s; from one fault to the next
ROUNDS = 3  # of the faults that leave the process alone, before one round of the others
CANARY = """
import sys, time
last = time.monotonic()
while True:
    time.sleep(0.01)
    now = time.monotonic()
    if now - last > 0.1:
        print(last, now, flush=True)
    last = now
"""


@dataclass(slots=True)
class Struck:
    """A fault that was."""

    name: str
    begin: float  # monotonic seconds
    end: float = 0.0
    told: str = ""
    calm: vitals.Vitals | None = None  # before it
    life: int = 0  # the show's process
    wall: wall.Seen | None = None


@dataclass(slots=True)
class Drill:
    """Everything that was struck, in order."""

    struck: list[Struck] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    exit_code: int = 0


def main() -> int:
    """Play, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--windowed", action="store_true", help="under Xvfb, with screenshots; headless without")
    parser.add_argument("--only", help="names of faults between commas, instead of all")
    parser.add_argument("--folder", type=Path, help="an empty folder, whose files stay; a temporary one without")
    parser.add_argument("--suffix", default="", help="of the sound server's name, where several drills run at once")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    for name in args.only.split(",") if args.only else ():
        if name not in FAULTS:
            parser.error(f"no fault {name!r}: choose among {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory() as made:
        folder = args.folder or Path(made)
        with subprocess.Popen([sys.executable, "-c", CANARY], stdout=subprocess.PIPE, text=True) as canary:
            try:
                drill = strike(args, folder)
            finally:
                canary.kill()
            lines = canary.stdout.readlines() if canary.stdout is not None else []
        stalls = [(float(a), float(b)) for a, b in map(str.split, lines)]
        figures = report.figures(drill, folder / "trace.jsonl", stalls)
    figures = {"command": " ".join(["python -m benchmarks.chaos", *sys.argv[1:]]), **figures}
    print(json.dumps({key: value for key, value in figures.items() if key != "struck"}, indent=2))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if figures["holds"] else 1


def deck(args: argparse.Namespace, chance: random.Random) -> list[str]:
    """Return the faults of a cycle in the order in which they come."""
    if args.only:
        names = args.only.split(",")
        chance.shuffle(names)
        return list(names)
    here = [name for name, fault in FAULTS.items() if args.windowed or not fault.window]
    cards = []
    for number in range(ROUNDS + 1):
        of_this = [name for name in here if FAULTS[name].stops == (number == ROUNDS)]
        chance.shuffle(of_this)
        cards += of_this
    return cards


def strike(args: argparse.Namespace, folder: Path) -> Drill:
    """Play the show and let things fail; return what was done."""
    chance, drill = random.Random(args.seed), Drill()
    with Venue(Asked(folder, args.windowed, supervised=True, suffix=args.suffix)) as venue:
        drill.began = time.monotonic()
        cards: list[str] = []
        while time.monotonic() < drill.began + args.minutes * 60:
            cards = cards or deck(args, chance)
            drill.struck.append(one(venue, cards.pop(0), chance))
            last = drill.struck[-1]
            print(
                f"{(last.begin - drill.began) / 60:5.1f} min  {last.name}: {last.end - last.begin:.1f} s {last.told}",
                file=sys.stderr, flush=True,
            )  # fmt: skip
        drill.ended = time.monotonic()
        venue.end_show()
        drill.exit_code = venue.process.returncode
    return drill


def one(venue: Venue, name: str, chance: random.Random) -> Struck:
    """Let one thing fail, in calm."""
    fault = FAULTS[name]
    time.sleep(chance.uniform(*CALM_SECONDS))
    venue.plays(3)
    pid = venue.show()
    calm = vitals.look(pid)
    frozen = wall.Frozen(venue) if venue.display is not None and not fault.moves else None
    struck = Struck(name, time.monotonic(), calm=calm, life=pid)
    struck.told = fault.act(venue, chance)
    struck.end = time.monotonic()
    if frozen is not None:
        struck.wall = frozen.thaw(fault.stops)
    return struck


if __name__ == "__main__":
    sys.exit(main())
