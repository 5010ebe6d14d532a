"""How long a 1024-px config-F checkpoint takes to load, cold and from the cache, and how much memory at most.

usage: python -m benchmarks.loading [--resolution 1024] [--runs 3] [--stylegan]

With ``--stylegan`` it is StyleGAN's generator, as NVIDIA's pickle and as lernapparat's list.

Every load is a fresh process whose torch is imported already, so the numbers are the loader's own; the import is
shown beside them. Memory is the peak of resident memory (VmHWM), and that peak less what importing torch took.
Must hold: cold under 3 s, from the cache under 1 s, the peak's rise under three times the weights.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

CHILD = """
import json, sys, time
began = time.perf_counter()
import torch
imported = time.perf_counter()
def peak():
    return next(int(l.split()[1]) / 1024 for l in open("/proc/self/status") if l.startswith("VmHWM"))
base = peak()
from engine.generator.checkpoints import checkpoint
started = time.perf_counter()
loaded = checkpoint.load(sys.argv[1], cache=sys.argv[2] == "cache")
read = time.perf_counter()
network = checkpoint.build(loaded)
done = time.perf_counter()
weights = sum(t.numel() * 4 for t in loaded.state.values()) / 2**20
print(json.dumps({"import_s": imported - began, "load_s": read - started, "build_s": done - read,
                  "peak_mb": peak(), "rise_mb": peak() - base, "weights_mb": weights}))
"""


def write_files(folder: Path, resolution: int) -> list[Path]:
    """The same random generator as our safetensors, an NVIDIA snapshot (G and G_ema), and a rosinality file."""
    from engine.generator.checkpoints import checkpoint
    from engine.generator.networks.stylegan2 import Config, StyleGAN2
    from tests.builders import checkpoints as writers

    network = StyleGAN2.random(Config(img_resolution=resolution))
    state = {name: tensor.detach() for name, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    pickled = folder / "nvidia.pkl"
    pickled.write_bytes(writers.nvidia(network))
    (folder / "rosinality.pt").write_bytes(writers.rosinality(network.requires_grad_(False)))
    checkpoint.convert(checkpoint.load(pickled, cache=False), folder / "ours.safetensors")
    return [folder / "ours.safetensors", pickled, folder / "rosinality.pt"]


def write_stylegan(folder: Path, resolution: int) -> list[Path]:
    """A random StyleGAN of the paper's widths: NVIDIA's pickle, which merges into one network, and lernapparat's."""
    import torch

    from engine.generator.networks.stylegan import Settings, StyleGAN
    from tests.builders import families

    widths = (512, 512, 512, 512, 256, 128, 64, 32, 16)[: resolution.bit_length() - 2]
    fused, painted = tuple(4 << level >= 128 for level in range(len(widths))), (True,) * len(widths)
    mapping = (512,) * 8
    network = StyleGAN(
        Settings(z_dim=512, w_dim=512, channels=widths, mapping_features=mapping, fused=fused, painted=painted)
    )
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.normal_()
    network.mapping.w_avg.copy_(network.mapping.w_avg[:1].expand_as(network.mapping.w_avg).clone())
    network.eval().requires_grad_(False)
    (folder / "nvidia.pkl").write_bytes(families.tensorflow_stylegan(network))
    (folder / "lernapparat.pt").write_bytes(families.lernapparat_list(network))
    return [folder / "nvidia.pkl", folder / "lernapparat.pt"]


def measure(path: Path, how: str, folder: Path) -> dict[str, float]:
    """One load in a process of its own."""
    environment = {**os.environ, "LATENTVJ_CACHE": str(folder / "cache"), "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), how], capture_output=True, text=True, env=environment, check=True
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    """Write the files, load each of them cold and cached, and print the best of some runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stylegan", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("file                  MB      how  load s  build s  rise MB x weights  peak MB")
        for path in (write_stylegan if args.stylegan else write_files)(folder, args.resolution):
            for how in ("no cache", "cold", "cache"):
                runs = []
                for _ in range(args.runs):
                    if how == "cold":
                        for copy in (folder / "cache").glob("*"):
                            copy.unlink()
                    runs.append(measure(path, "no" if how == "no cache" else "cache", folder))
                best = min(runs, key=lambda run: run["load_s"])
                size = path.stat().st_size / 2**20
                print(
                    f"{path.name:<18} {size:5.0f} {how:>8} {best['load_s']:7.2f} {best['build_s']:8.2f}"
                    f" {best['rise_mb']:8.0f} {best['rise_mb'] / best['weights_mb']:9.2f} {best['peak_mb']:8.0f}"
                )
        print(f"import torch: {best['import_s']:.2f} s")


if __name__ == "__main__":
    main()
