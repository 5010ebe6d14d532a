"""Write the weights of the beat network, engine/audio/hearing/beat.npz, from BeatNet's wheel.

usage: pip download --no-deps BeatNet==1.1.3 -d FOLDER
       python -m tools.ears.beatnet FOLDER/BeatNet-1.1.3-py3-none-any.whl -o engine/audio/hearing/beat.npz

One of the wheel's three networks, in half precision; nothing else is changed. engine/audio/hearing/beat.md tells whose
they are.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from engine.audio.hearing.spectrum import Vector
from engine.system.files import write_whole

NETWORK = "BeatNet/models/model_2_weights.pt"  # of three; beat.md tells why
NAMES = {  # the names of the ears and of BeatNet
    "kernel": "conv1.weight",
    "kernel_bias": "conv1.bias",
    "dense": "linear0.weight",
    "dense_bias": "linear0.bias",
    "heard1": "lstm.weight_ih_l0",
    "kept1": "lstm.weight_hh_l0",
    "heard2": "lstm.weight_ih_l1",
    "kept2": "lstm.weight_hh_l1",
    "out": "linear.weight",
    "out_bias": "linear.bias",
}


def read(wheel: Path) -> dict[str, Vector]:
    """Return the arrays as the ears know them."""
    with zipfile.ZipFile(wheel) as file:
        state = torch.load(io.BytesIO(file.read(NETWORK)), weights_only=True)
    arrays: dict[str, Vector] = {ears: state[own].numpy() for ears, own in NAMES.items()}
    arrays["kernel"] = arrays["kernel"][:, 0]
    for layer in (0, 1):
        arrays[f"bias{layer + 1}"] = (state[f"lstm.bias_ih_l{layer}"] + state[f"lstm.bias_hh_l{layer}"]).numpy()
    return arrays


def main(argv: Sequence[str] | None = None) -> int:
    """Convert."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args(argv)
    try:
        halves = {name: array.astype(np.float16) for name, array in read(args.wheel).items()}
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        print(f"{args.wheel}: is not BeatNet's wheel ({error})", file=sys.stderr)
        return 2
    write_whole(args.out, lambda temporary: np.savez_compressed(temporary, allow_pickle=False, **halves))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
