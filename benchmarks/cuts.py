"""Do cuts between families cost more than cuts within one? python -m benchmarks.cuts --json benchmarks/cuts.json

Two setlists play in turns, headless at 20 frames a second, a warp on in every preset: one cuts from StyleGAN2 to
StyleGAN3 T and R, StyleGAN, PGGAN and DCGAN (random weights, at most 64 px), the other between six StyleGAN2 files of
64 px. Frames that come late in the two seconds around each cue are counted, the first round apart, in which every file
is read for the first time. Wanted: between the families at most twice those within one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.generator.networks.dcgan import DCGAN, Settings  # noqa: E402
from engine.generator.networks.stylegan3 import Config3, StyleGAN3  # noqa: E402
from tests.builders import checkpoints, families, networks  # noqa: E402

FPS = 20.0  # frames a second
AFTER = 5.0  # s; from one cue to the next
AROUND = 1.0  # s; before and after a cue
THREE: dict[str, Any] = {"channel_base": 512, "channel_max": 16, "num_layers": 6}
WIDTHS = (64, 64, 64, 48, 32)  # of the blocks from 4 to 64 px
PRESET = """
model = "{model}"
[latent]
seeds = [1, 2, 3, 4]
[params.swirl]
layer = {layer}
turns = 0.3
"""


def main() -> int:
    """Play the setlists in turns, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of each setlist, in turns")
    parser.add_argument("--times", type=int, default=3, help="that each round goes through its setlist")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sets = {"six families": write(folder / "six", between()), "one family": write(folder / "one", within())}
        for _ in range(args.rounds):
            for name, setlist in sets.items():
                rows.append({"setlist": name, **play(setlist, 6 * args.times), "load": round(os.getloadavg()[0], 1)})
                print(rows[-1], flush=True)
    late = {name: sum(row["late_around"] for row in rows if row["setlist"] == name) for name in sets}
    figures = {
        "command": " ".join(["python -m benchmarks.cuts", *sys.argv[1:]]),
        "late_around_cues": late,
        "cues": {name: sum(row["cues"] for row in rows if row["setlist"] == name) for name in sets},
        "holds": late["six families"] <= 2 * late["one family"],
        "rounds": rows,
    }
    print(json.dumps({key: value for key, value in figures.items() if key != "rounds"}, indent=1))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if figures["holds"] else 1


def between() -> list[tuple[str, bytes | StyleGAN3]]:
    """Return a file of each family: its name and what is in it."""
    stylegan = families.stylegan(levels=5, channels=WIDTHS, z_dim=64, w_dim=64, mapping_features=(64,) * 4)
    pggan = families.pggan(levels=5, channels=WIDTHS, z_dim=64)
    dcgan = families.filled(DCGAN(Settings(layers=families.dcgan_layers((64, 64, 48, 32, 16, 3)))))
    kinds: dict[str, dict[str, Any]] = {
        "t": {}, "r": {"conv_kernel": 1, "use_radial_filters": True},
    }  # fmt: skip
    three = {kind: Config3(img_resolution=64, z_dim=64, w_dim=64, **THREE, **more) for kind, more in kinds.items()}
    return [
        ("two.pkl", checkpoints.nvidia(networks.network(0, channels=WIDTHS))),
        ("t.safetensors", StyleGAN3.random(three["t"])),
        ("r.safetensors", StyleGAN3.random(three["r"])),
        ("one.pkl", families.tensorflow_stylegan(stylegan)),
        ("pg.pkl", families.tensorflow_pggan(pggan)),
        ("dc.pth", families.saved(families.dcgan_state(dcgan))),
    ]


def within() -> list[tuple[str, bytes | StyleGAN3]]:
    """Return six files of one family."""
    return [
        (f"two{seed}.pkl", checkpoints.nvidia(networks.network(seed, channels=WIDTHS))) for seed in range(6)
    ]  # fmt: skip


def write(folder: Path, files: list[tuple[str, bytes | StyleGAN3]]) -> Path:
    """Write the files, a preset for each, and a setlist that goes through them; return the setlist."""
    folder.mkdir()
    rows = []
    for name, held in files:
        path = folder / name
        if isinstance(held, bytes):
            path.write_bytes(held)
        else:
            more = {"conv_kernel": 1, "use_radial_filters": True} if name.startswith("r.") else {}
            head = {"init_kwargs": json.dumps(THREE | more | {"mapping_kwargs": {}})}
            save_file(held.state_dict(), path, metadata=head)
        layer = 64 if isinstance(held, StyleGAN3) else 16
        path.with_suffix(".toml").write_text(PRESET.format(model=name, layer=layer), encoding="utf-8")
        rows.append(f'[[cues]]\npreset = "{path.stem}.toml"\nafter = {AFTER}\n')
    setlist = folder / "set.toml"
    setlist.write_text("\n".join(rows), encoding="utf-8")
    return setlist


def play(setlist: Path, cues: int) -> dict[str, Any]:
    """Play so many cues; return how many frames came late around them, and elsewhere."""
    trace = setlist.with_name("trace.jsonl")
    words = ["live", "--headless", "--setlist", setlist, "--fps", FPS, "--size", "64x64", "--no-governor"]
    words += ["--no-interpolation", "--seconds", AFTER * cues, "--trace", trace]
    homes = {f"XDG_{each}_HOME": str(setlist.parent / each) for each in ("CONFIG", "DATA", "STATE", "CACHE")}
    env = {**os.environ, **homes, "JACK_DEFAULT_SERVER": "latentvj-nobody"}
    command = [sys.executable, "-m", "engine", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    rows = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    first = AFTER * 6 - AROUND  # s; from here on every file has been read once
    around = elsewhere = frames = 0
    to: dict[int, list[int]] = {each: [0, 0] for each in range(6)}
    slow: dict[int, list[float]] = {each: [] for each in range(6)}
    for row in rows:
        if row["time"] < first:
            continue
        off = row["time"] % AFTER
        near = min(off, AFTER - off) <= AROUND
        late = any(event.startswith("late by") for event in row["events"])
        cue = int(row["time"] / AFTER) % 6
        to[cue][not near] += late
        slow[cue].append(row["timings_ms"]["generator"])
        frames, around, elsewhere = frames + near, around + (late and near), elsewhere + (late and not near)
    told = [event for row in rows for event in row["events"] if "late by" not in event]
    return {
        "cues": cues - 6,
        "frames_around": frames,
        "late_around": around,
        "late_elsewhere": elsewhere,
        "late_by_preset": [{"around": near, "elsewhere": far} for near, far in to.values()],
        "generator_ms_by_preset": [round(sorted(each)[len(each) // 2], 1) for each in slow.values() if each],
        "told": sorted(set(told))[:6],
    }


if __name__ == "__main__":
    torch.manual_seed(0)
    sys.exit(main())
