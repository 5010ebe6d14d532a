"""The wheel's network becomes the ears', and another file is refused."""

import io
import zipfile

import numpy as np
import pytest
import torch

from engine.audio.hearing import beat_network
from tools.ears import beatnet


def test_the_arrays_of_the_wheel_are_those_that_the_ears_read(tmp_path):
    with np.load(beat_network.WEIGHTS) as file:
        ours = {name: torch.tensor(file[name].astype(np.float32)) for name in file.files}
    state = {own: ours[ears] for ears, own in beatnet.NAMES.items()}
    state["conv1.weight"] = state["conv1.weight"][:, None]
    for layer in (0, 1):
        state[f"lstm.bias_ih_l{layer}"] = ours[f"bias{layer + 1}"] - 0.5
        state[f"lstm.bias_hh_l{layer}"] = torch.full_like(ours[f"bias{layer + 1}"], 0.5)
    data = io.BytesIO()
    torch.save(state, data)
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr(beatnet.NETWORK, data.getvalue())
    assert beatnet.main([str(tmp_path / "a.whl"), "-o", str(tmp_path / "beat.npz")]) == 0
    with np.load(tmp_path / "beat.npz") as file:
        assert set(file.files) == set(ours)
        for name in file.files:
            assert file[name].dtype == np.float16
            assert file[name].astype(np.float32) == pytest.approx(ours[name].numpy(), abs=1e-3)


def test_another_file_is_refused(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "b.whl", "w") as wheel:
        wheel.writestr("something.txt", "else")
    assert beatnet.main([str(tmp_path / "b.whl"), "-o", str(tmp_path / "beat.npz")]) == 2
    assert "is not BeatNet's wheel" in capsys.readouterr().err
