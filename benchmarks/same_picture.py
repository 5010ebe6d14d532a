"""Whether another checkout renders the same pictures as this one, bit for bit.

usage: python -m benchmarks.same_picture OTHER [--presets default,tidal,harvest] [--backends plain,native]
           [--seconds 10] [--json FILE]

Both checkouts render the demo in fp32 with ``--trace-pictures``, each preset by each backend; the hashes of ws and of
the pictures are compared frame by frame. OTHER is a folder, for example of `git worktree add OTHER COMMIT`; it is run
by this Python. Pictures are compared on one machine: another processor rounds otherwise. Exit code 1 for a difference.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


def rows(tree: Path, preset: str, backend: str, seconds: float) -> list[tuple[str, str]]:
    """Return the hashes of ws and picture of every frame that ``tree`` renders."""
    with tempfile.TemporaryDirectory() as folder:
        film, trace = Path(folder) / "x.mp4", Path(folder) / "x.jsonl"
        command = [sys.executable, "-m", "engine", "render", "demo", "--preset", preset, "--backend", backend]
        command += ["--precision", "fp32", "--seed", "1", "-o", str(film), "--seconds", str(seconds)]
        command += ["--trace", str(trace), "--trace-pictures"]
        environment = os.environ | {"PYTHONPATH": str(tree)}
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{tree}: {preset} by {backend}: {done.stderr.strip()}")
        frames = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    return [(frame["ws_hash"], frame["picture_hash"]) for frame in frames]


def digest(found: list[tuple[str, str]]) -> str:
    """Return one hash of all frames' hashes, to be compared with a later run on the same machine."""
    return hashlib.blake2b(repr(found).encode(), digest_size=16).hexdigest()


def compare(other: Path, preset: str, backend: str, seconds: float) -> dict[str, object]:
    """Render with both checkouts; return how many frames are equal."""
    before, now = (rows(tree, preset, backend, seconds) for tree in (other, HERE))
    pairs = list(zip(before, now, strict=False))
    return {
        "preset": preset,
        "backend": backend,
        "frames": [len(before), len(now)],
        "equal_ws": sum(a[0] == b[0] for a, b in pairs),
        "equal_pictures": sum(a[1] == b[1] for a, b in pairs),
        "digest": digest(now),
    }


def main() -> int:
    """Compare the presets by the backends, print a line each, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--presets", default="default,tidal,harvest")
    parser.add_argument("--backends", default="plain,native")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = []
    for preset in args.presets.split(","):
        for backend in args.backends.split(","):
            found.append(compare(args.other.resolve(), preset, backend, args.seconds))
            print(" ".join(f"{name} {value}" for name, value in found[-1].items()), flush=True)
    if args.json is not None:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    same = all(one["frames"] == [one["equal_ws"]] * 2 == [one["equal_pictures"]] * 2 for one in found)
    print("the same pictures" if same else "NOT the same pictures")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
