"""StyleGAN3: no reference weights are at hand, so it is held to what its paper promises and its files look like."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.borders.errors import UserError
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.stylegan3 import Config3, StyleGAN3
from tests.builders import checkpoints as writers

T = Config3(img_resolution=64, z_dim=32, w_dim=32, channel_base=2048, channel_max=32)
R = Config3(
    img_resolution=64, z_dim=32, w_dim=32, channel_base=2048, channel_max=32, conv_kernel=1, use_radial_filters=True
)


def shifted(network: StyleGAN3, ws: torch.Tensor, x: float, y: float, turns: float = 0.0) -> torch.Tensor:
    """Render after moving the input's waves by x, y (of the picture's width) and turning them."""
    angle = turns * 2 * np.pi
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    matrix[:2, 2] = [x, y]
    network.synthesis.input.transform.copy_(torch.from_numpy(matrix))
    with torch.no_grad():
        return network.synthesis(ws)[0]


def snr(picture: torch.Tensor, noise: torch.Tensor) -> float:
    return float(10 * torch.log10((picture - picture.mean()).square().mean() / noise.square().mean()))


def test_layer_names_are_those_of_the_published_1024_px_model() -> None:
    names = [f"L{i}_{r.size}_{r.channels}" for i, r in enumerate(Config3(img_resolution=1024).layers())]
    assert names == [
        "L0_36_512", "L1_36_512", "L2_52_512", "L3_52_512", "L4_84_512", "L5_148_512", "L6_148_512", "L7_276_323",
        "L8_276_203", "L9_532_128", "L10_1044_81", "L11_1044_51", "L12_1044_32", "L13_1024_32", "L14_1024_3",
    ]  # fmt: skip


@pytest.mark.parametrize("config", [T, R], ids=["T", "R"])
def test_a_shift_of_the_waves_is_a_shift_of_the_picture(config: Config3) -> None:
    network = StyleGAN3.random(config, 1)
    with torch.no_grad():
        ws = network.mapping(torch.randn(1, 32, generator=torch.Generator().manual_seed(0)))
        still = shifted(network, ws, 0.0, 0.0)
        moved = shifted(network, ws, -4 / 64, -9 / 64)  # the waves go left and up, the picture right and down
    inside, same = moved[:, 17:-8, 12:-8], still[:, 8:-17, 8:-12]
    assert snr(same, inside - same) > 45
    assert snr(same, moved[:, 8:-17, 8:-12] - same) < 20, "the picture did not move at all"


def test_configuration_r_turns_with_its_waves() -> None:
    network = StyleGAN3.random(R, 1)
    with torch.no_grad():
        ws = network.mapping(torch.randn(1, 32, generator=torch.Generator().manual_seed(0)))
        still, turned = shifted(network, ws, 0, 0), shifted(network, ws, 0, 0, turns=0.25)
    best = max(snr(still, torch.rot90(turned, k, (1, 2)) - still) for k in (1, 3))
    assert best > 35


def nvidia_pickle(network: StyleGAN3) -> bytes:
    """Write the file its trainer writes: persisted modules with flat keywords, empty filters included."""
    kwargs = json.loads(metadata(network.config)["init_kwargs"])
    last = f"synthesis.{network.synthesis.names[-1]}"
    empty = {"_buffers": {"up_filter": None, "down_filter": None}}
    tree = writers.module_tree(
        network.state_dict(), {"": {"_init_args": (), "_init_kwargs": writers.EasyDict(kwargs)}, last: empty}
    )
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        return pickle.dumps({"G": None, "D": None, "G_ema": tree}, protocol=4)


@pytest.mark.parametrize("config", [T, R], ids=["T", "R"])
def test_loads_converts_and_renders_the_same(config: Config3, tmp_path: Path) -> None:
    network = StyleGAN3.random(config, 2)
    source = tmp_path / "plain.safetensors"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, source, metadata=metadata(config))
    loaded = checkpoint.load(source)
    assert (loaded.family, loaded.config) == ("stylegan3", config)
    checkpoint.convert(loaded, tmp_path / "ours.safetensors")
    (tmp_path / "theirs.pkl").write_bytes(nvidia_pickle(network))
    again = checkpoint.load(tmp_path / "ours.safetensors")
    theirs = checkpoint.load(tmp_path / "theirs.pkl", cache=False)
    assert again.config == theirs.config == config
    z = torch.randn(1, 32)
    with torch.no_grad():
        wanted = network(z)
        for read in (loaded, again, theirs):
            assert torch.equal(checkpoint.build(read)(z), wanted)


def metadata(config: Config3) -> dict[str, str]:
    kwargs = {name: getattr(config, name) for name in ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")}
    kwargs |= {"channel_base": config.channel_base, "channel_max": config.channel_max, "magnitude_ema_beta": 0.999}
    return {"init_kwargs": json.dumps(kwargs | {"mapping_kwargs": {}})}


def test_settings_that_do_not_fit_the_weights_are_refused(tmp_path: Path) -> None:
    network = StyleGAN3.random(T, 2)
    wrong = json.loads(metadata(T)["init_kwargs"]) | {"channel_base": 512}
    save_file(network.state_dict(), tmp_path / "x.safetensors", metadata={"init_kwargs": json.dumps(wrong)})
    with pytest.raises(UserError, match=r"x\.safetensors"):
        checkpoint.load(tmp_path / "x.safetensors")
