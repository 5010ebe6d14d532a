"""Is a film made in parts the very film? And what do the parts cost?

    python -m benchmarks.farm ranges --work F --json J      # six presets and a replay, 8 ranges each
    python -m benchmarks.farm cluster --work F --json J     # the same over two nodes, one killed half-way; needs Ray
    python -m benchmarks.farm cost --work F --json J        # seconds of two halves against one process
    python -m benchmarks.farm before --work F --json J      # the frames that are made before a range of 30 s

Films have 12 s, 12 frames a second and 64 px, fp32 on the backend plain. Every range is a process of its own, in which
nothing but the modules is loaded when it begins; they are made in an order drawn by lot, `--jobs` at a time. A result
replaces that of the same name in the JSON file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

from engine.system.resources import resource

PRESETS = Path(__file__).parent / "farm_presets"
NAMES = ("slits", "holds", "springs", "drift", "trails", "painted")
SMALL = ("--size", "64x64", "--resolution", "64", "--backend", "plain", "--precision", "fp32")
FILM = ("--fps", "12", "--seconds", "12")
RANGES = 8
SERVER = multiprocessing.get_context("forkserver")
LARGE = ("--size", "256x256", "--backend", "plain", "--precision", "fp32")
LONG = (360, 720)  # frames at 12 a second: the second half of a minute
HALVES = ((0, 424), (424, 720))  # of a minute, by measured cost: the second one hears the whole song first
LOADED = ("av", "moderngl", "rich.progress", "engine.generator.backends.table", "engine.stage.style.stage")
SETLIST = """
[[cues]]
preset = "{0}/slits.toml"
after = 2.5
[[cues]]
preset = "{0}/holds.toml"
morph = 1.0
after = 3.0
[[cues]]
preset = "{0}/painted.toml"
after = 2.5
[[cues]]
preset = "{0}/springs.toml"
morph = 0.5
"""


def vj(*words: object, core: int | None = None) -> tuple[int, str, float, float]:
    """Run vj; return its exit code, what it said, the seconds it took and those of its processor time."""
    command = [sys.executable, "-m", "engine", *map(str, words)]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "LP_NUM_THREADS": "1"}
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as text:
        process = subprocess.Popen(command, env=env, stdout=text, stderr=text)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        text.seek(0)
        return process.returncode, text.read(), time.monotonic() - begun, used.ru_utime + used.ru_stime


def forked(*words: object) -> tuple[int, str]:
    """Run vj in a new process that has the modules loaded; return its exit code and what it said."""
    said = SERVER.SimpleQueue()
    process = SERVER.Process(target=_vj_here, args=([*map(str, words)], said))
    process.start()
    code, text = said.get()
    process.join()
    return code, text


def _vj_here(words: list[str], said: Any) -> None:
    from engine.cli.main import main

    with tempfile.TemporaryFile("w+") as text:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            code = main(words)
        text.seek(0)
        said.put((code, text.read()))


def rows(trace: Path) -> list[tuple[int, str]]:
    """Return the number and the picture's digest of every line."""
    return [(row["index"], row["picture_hash"]) for row in map(json.loads, trace.read_text().splitlines())]


def traced(path: Path) -> tuple[object, ...]:
    """Return the words for a film and the trace of its pictures."""
    return "-o", path, "--trace", f"{path}.jsonl", "--trace-pictures"


def compare(whole: Path, film: Path) -> dict[str, Any]:
    """Return what differs between two films: lengths, times of frames, the sound, seeking."""
    found: dict[str, Any] = {}
    times, sounds = [], []
    for path in (whole, film):
        with av.open(str(path)) as file:
            times.append([float(frame.time or 0.0) for frame in file.decode(video=0)])
        with av.open(str(path)) as file:
            sounds.append(np.concatenate([each.to_ndarray() for each in file.decode(audio=0)], axis=1))
    found["frames"] = [len(each) for each in times]
    shifts = [abs(one - other) for one, other in zip(*times, strict=False)]
    found["largest_shift_ms"] = round(1e3 * max(shifts), 3)
    found["same_sound"] = bool(np.array_equal(sounds[0], sounds[1]))
    missed = 0
    with av.open(str(film)) as file:
        stream = file.streams.video[0]
        assert stream.time_base is not None
        for wanted in times[1][:: max(1, len(times[1]) // 24)]:
            file.seek(round(wanted / stream.time_base), stream=stream)
            reached = next(f for f in file.decode(stream) if float(f.time or 0.0) >= wanted - 1e-3)
            missed += abs(float(reached.time or 0.0) - wanted) > 2e-3
    found["seeks_missed"] = missed
    return found


def in_ranges(name: str, asked: Sequence[object], work: Path, jobs: int) -> dict[str, Any]:
    """Make a film whole, and in ranges; compare every picture, and the joined film."""
    whole = work / f"{name}.mp4"
    code, said = forked("render", *asked, *traced(whole))
    assert code == 0, said
    pictures = rows(Path(f"{whole}.jsonl"))
    cuts = [round(len(pictures) * i / RANGES) for i in range(RANGES + 1)]
    parts = [(begin, end, work / f"{name}.{begin}.mkv") for begin, end in pairwise(cuts) if end > begin]
    random.Random(name).shuffle(parts)

    def make(part: tuple[int, int, Path]) -> tuple[int, str]:
        code, said = forked("render", *asked, *traced(part[2]), "--frames", f"{part[0]}:{part[1]}")
        assert code == 0, said
        before = [int(count) for count in re.findall(r"(\d+) before them are made too", said)]
        return (before[-1] if before else 0), said

    with ThreadPoolExecutor(jobs) as pool:
        befores = [before for before, _ in pool.map(make, parts)]
    made = dict(rows_ for _, _, path in parts for rows_ in rows(Path(f"{path}.jsonl")))
    film = work / f"{name}.joined.mp4"
    code, said = forked("join", *(path for _, _, path in parts), "-o", film)
    assert code == 0, said
    return {
        "order": [begin for begin, _, _ in parts],
        "made_before": befores,
        "pictures": len(pictures),
        "distinct": len({digest for _, digest in pictures}),
        "different": sum(made.get(index) != digest for index, digest in pictures),
        "joined": compare(whole, film),
    }


def asked_for(name: str, work: Path) -> tuple[object, ...]:
    """Return the words that render a film; a performance with four cues is played first."""
    if name != "replay":
        return ("demo", "--preset", PRESETS / f"{name}.toml", *FILM, *SMALL)
    setlist, log = work / "setlist.toml", work / "log.jsonl"
    setlist.write_text(SETLIST.format(PRESETS.resolve()))
    show = ("--mute", "--headless", "--seconds", "12", "--fps", "12", "--setlist", setlist, "--log", log)
    code, said = forked("rehearse", "demo", *show, *SMALL, "--no-governor", "--no-interpolation")
    assert code == 0, said
    return ("--replay", log, "--fps", "12", *SMALL)


def kill_half_way(film: Path, frames: int, nodes: Any, node: Any, told: dict[str, int]) -> None:
    """Take a node from the cluster when half of a film's frames are there."""
    folder = film.with_name(f"{film.name}.parts")
    while True:
        names = [re.fullmatch(r"(\d+)-(\d+)\.mkv", path.name) for path in folder.glob("*.mkv")]
        made = sum(int(name[2]) - int(name[1]) for name in names if name)
        if made >= frames / 2:
            nodes.remove_node(node, allow_graceful=False)
            told["killed_at"] = made
            return
        if "ended" in told:
            return
        time.sleep(0.1)


def over_cluster(name: str, asked: Sequence[object], work: Path) -> dict[str, Any]:
    """Make a film whole, and over two nodes, of which one is killed half-way; compare."""
    from ray.cluster_utils import Cluster

    whole, film = work / f"{name}.mp4", work / f"{name}.farm.mp4"
    code, said = forked("render", *asked, *traced(whole))
    assert code == 0, said
    pictures = rows(Path(f"{whole}.jsonl"))
    memory = {"object_store_memory": 100 << 20}
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **memory})
    second = nodes.add_node(num_cpus=1, **memory)
    nodes.wait_for_nodes()
    told: dict[str, int] = {}
    killer = threading.Thread(target=kill_half_way, args=(film, len(pictures), nodes, second, told), daemon=True)
    killer.start()
    code, said, seconds, _ = vj("render", *asked, *traced(film), "--ray-address", nodes.address)
    told["ended"] = 1
    killer.join()
    nodes.shutdown()
    assert code == 0, said
    made = rows(Path(f"{film}.jsonl"))
    return {
        "pictures": len(pictures),
        "different": sum(one != other for one, other in zip(pictures, made, strict=True)),
        "killed_at": told.get("killed_at"),
        "lost": said.count("they are made again"),
        "seconds": round(seconds, 1),
        "joined": compare(whole, film),
    }


def twice(work: Path) -> Path:
    """Return a song of a minute: the demo song, played twice."""
    path = work / "twice.wav"
    with av.open(str(resource("presets", "songs", "demo.ogg"))) as file:
        blocks = [each.to_ndarray() for each in file.decode(audio=0)]
        rate = file.streams.audio[0].rate
    samples = np.concatenate([*blocks, *blocks], axis=1)
    if samples.dtype.kind == "f":
        samples = np.clip(samples * 32767.0, -32768, 32767).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(samples.T).astype("<i2").tobytes())
    return path


def forget(work: Path) -> None:
    """Let nobody know what was heard in earlier films."""
    shutil.rmtree(work / "cache" / "heard", ignore_errors=True)


def cost(work: Path) -> dict[str, Any]:
    """Two processes at the same time, on a core each, against one on one core: nobody has heard the song before."""
    found: dict[str, Any] = {"load": round(os.getloadavg()[0], 1), "film": "60 s at 12 fps, 256 px, plain, fp32"}
    asked = (twice(work), "--fps", "12", "--seconds", "60", *LARGE)
    warm = vj("render", "demo", "--fps", "12", "--seconds", "0.5", *LARGE, "-o", work / "warm.mp4")
    assert warm[0] == 0, warm[1]
    forget(work)
    code, said, whole, used = vj("render", *asked, "-o", work / "one.mp4", core=0)
    assert code == 0, said
    forget(work)

    def half(core: int) -> tuple[int, str, float, float]:
        begin, end = HALVES[core]
        return vj("render", *asked, "-o", work / f"half.{begin}.mkv", "--frames", f"{begin}:{end}", core=core)

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(half, range(2)))
    assert all(code == 0 for code, _, _, _ in made), made
    seconds = [each[2] for each in made]
    found["halves"] = [f"{begin}:{end}" for begin, end in HALVES]
    found["one_process_s"], found["one_process_cpu_s"] = round(whole, 1), round(used, 1)
    found["halves_s"] = [round(each, 1) for each in seconds]
    found["halves_cpu_s"] = [round(each[3], 1) for each in made]
    found["ratio"] = round(max(seconds) / whole, 3)
    return found


def before(work: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return how many frames are made before a range of 30 s, by preset: all tries counted."""
    song, shares = twice(work), {}
    for name in names:
        film = (song, "--preset", PRESETS / f"{name}.toml", "--fps", "12", "--seconds", "60", *SMALL)
        code, said, _, _ = vj("render", *film, "-o", work / "long.mkv", "--frames", f"{LONG[0]}:{LONG[1]}")
        assert code == 0, said
        told = re.findall(r"(\d+) before them are made too", said)
        frames = int(told[-1]) if told else 0
        shares[name] = {"frames": frames, "share": round(frames / (LONG[1] - LONG[0]), 3)}
        print(name, shares[name], flush=True)
    return shares


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("ranges", "cluster", "cost", "before"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[])
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    os.environ |= {"OMP_NUM_THREADS": "1", "LP_NUM_THREADS": "1"}
    SERVER.set_forkserver_preload(["torch", "engine.cli.render", "engine.cli.join", "engine.cli.stretch", *LOADED])
    os.environ["LATENTVJ_CACHE"] = str(asked.work.resolve() / "cache")
    if asked.what == "cost":
        keep(asked.json, "cost", cost(asked.work))
        return
    if asked.what == "before":
        for name in asked.only or NAMES:
            keep(asked.json, "before_30_s", before(asked.work, [name]))
        return
    for name in asked.only or (*NAMES, "replay"):
        words = asked_for(name, asked.work)
        if asked.what == "cluster":
            found = over_cluster(name, words, asked.work)
        else:
            found = in_ranges(name, words, asked.work, asked.jobs)
        print(name, json.dumps(found), flush=True)
        keep(asked.json, asked.what, {name: found})


def keep(path: Path, what: str, found: dict[str, Any]) -> None:
    """Put results into the JSON file, each in place of the one of its name."""
    known = json.loads(path.read_text()) if path.exists() else {}
    known[what] = {**known.get(what, {}), **found}
    path.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
