"""Does a supervised show come back? python -m benchmarks.kills --kills 100 --json benchmarks/kills.json

``vj live --headless --supervise`` at 64 px is killed again and again: by SIGKILL, by SIGSTOP until the supervisor sees
that it hangs, and by the kernel because its memory is taken away (where this user may make a memory cgroup). Before
each, OSC moves a source and sets a parameter. Every return must have equal parameters and a place on the path within
one second's travel; p95 is at most 5 s and the worst 8 s, from the end of the process to the next
picture. What hung is counted from its detection, three seconds after its last picture.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.night.hunger import Pasture  # noqa: E402
from benchmarks.night.udp import free_port, osc  # noqa: E402

if TYPE_CHECKING:
    from tests.builders.supervised import Supervised

P95, WORST = 5.0, 8.0  # s; no return may take longer
HUNG = 3.0  # s without a picture; then the supervisor ends the show (engine/cli/supervise.py)
PATIENCE = 60.0  # s; a show that is not back by then does not come back


def main() -> int:
    """Kill, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="by SIGKILL")
    parser.add_argument("--hangs", type=int, default=10, help="by SIGSTOP")
    parser.add_argument("--starved", type=int, default=10, help="by taking its memory")
    parser.add_argument("--seed", type=int, default=0, help="of the order and the moments")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    if args.starved and not Pasture.possible():
        print("no memory cgroup may be made here: none is starved", file=sys.stderr)
        args.starved = 0
    deaths = ["kill"] * args.kills + ["hang"] * args.hangs + ["starve"] * args.starved
    chance.shuffle(deaths)
    with tempfile.TemporaryDirectory() as folder:
        returns = list(play(Path(folder), deaths, chance))
    figures = {"command": " ".join(["python -m benchmarks.kills", *sys.argv[1:]]), **summary(returns)}
    print(json.dumps({key: value for key, value in figures.items() if key != "each"}, indent=2))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if figures["holds"] else 1


def play(folder: Path, deaths: list[str], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield what every return was like."""
    from tests.builders.supervised import supervised

    port = free_port()
    words = ("--headless", "--size", "64x64", "--osc-port", port, "--backend", "auto")
    with (
        contextlib.ExitStack() as stack,
        supervised(folder, *words) as show,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
    ):
        pasture = None
        if "starve" in deaths:
            pasture = Pasture(show.process.pid)
            stack.callback(pasture.close)
        show.plays()
        for number, death in enumerate(deaths):
            source, psi = round(chance.random(), 3), round(0.3 + 0.7 * chance.random(), 3)
            move(show, out, port, source, psi)
            show.plays(chance.randrange(3, 45))
            yield {"death": death, **come_back(show, death, pasture)}
            print(f"{number + 1}/{len(deaths)} {death}", end="\r", file=sys.stderr, flush=True)


def move(show: Supervised, out: socket.socket, port: int, source: float, psi: float) -> None:
    """Move a source and set a parameter; return when the trace has both."""
    zoom = 0.5 + 1.5 * source
    give_up = time.monotonic() + PATIENCE
    out.sendto(osc("/control/zoom", source), ("127.0.0.1", port))
    out.sendto(osc("/params/truncation_psi", psi), ("127.0.0.1", port))
    while True:
        show.plays(1)
        params = show.rows()[-1]["params"]
        if abs(params["picture.zoom"] - zoom) < 1e-3 and abs(params["truncation_psi"] - psi) < 1e-3:
            return
        assert time.monotonic() < give_up, "OSC did not come through"


def come_back(show: Supervised, death: str, pasture: Pasture | None) -> dict[str, Any]:
    """End the show's process; return how it came back."""
    pid, count = show.show(), len(show.rows())
    at = time.monotonic()
    end(pid, death, pasture)
    give_up = at + PATIENCE
    while not (later := [row for row in show.rows()[count:] if is_back(row)]):
        if time.monotonic() > give_up or show.process.poll() is not None:
            return {"returned": False}
        time.sleep(0.01)
    rows = show.rows()
    number = rows.index(later[0], count)
    before, after = rows[number - 1], rows[number]
    travel = abs(after["t"] - before["t"]) % 1.0
    since = before["mono"] + HUNG if death == "hang" else max(at, before["mono"])
    return {
        "returned": True,
        "seconds": round(after["mono"] - since, 3),
        "without_picture_s": round(after["mono"] - before["mono"], 3),
        "equal": before["params"] == after["params"],
        "travelled": round(min(travel, 1.0 - travel), 5),
        "allowed": before["params"]["speed"],
        "index_goes_on": after["index"] == before["index"] + 1,
    }


def is_back(row: dict[str, Any]) -> bool:
    """Return whether it is the first picture of a process that was brought back."""
    return any("the show is back" in line for line in row["events"])


def end(pid: int, death: str, pasture: Pasture | None) -> None:
    """End a process, or make the kernel or its supervisor end it."""
    if death == "starve":
        assert pasture is not None
        pasture.starve(pid)
    else:
        os.kill(pid, signal.SIGKILL if death == "kill" else signal.SIGSTOP)


def summary(returns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all returns, and of each kind."""
    back = [each for each in returns if each["returned"]]
    fine = [each for each in back if each["equal"] and each["travelled"] <= each["allowed"] and each["index_goes_on"]]
    whole = times(back)
    return {
        "deaths": len(returns),
        "returns": len(back),
        "equal_parameters": sum(each["equal"] for each in back),
        "t_within_a_second": sum(each["travelled"] <= each["allowed"] for each in back),
        "seconds": whole,
        "kinds": {
            kind: {"deaths": sum(each["death"] == kind for each in returns)}
            | times([each for each in back if each["death"] == kind])
            for kind in sorted({each["death"] for each in returns})
        },
        "cores": os.cpu_count(),
        "load_at_end": round(os.getloadavg()[0], 1),
        "holds": len(fine) == len(returns) and whole["p95"] <= P95 and whole["worst"] <= WORST,
        "each": returns,
    }


def times(back: list[dict[str, Any]]) -> dict[str, float]:
    """Return the median, p95 and worst seconds of some returns."""
    if not back:
        return {}
    seconds = [each["seconds"] for each in back]
    p50, p95 = np.percentile(seconds, [50, 95])
    return {"median": round(float(p50), 2), "p95": round(float(p95), 2), "worst": max(seconds)}


if __name__ == "__main__":
    sys.exit(main())
