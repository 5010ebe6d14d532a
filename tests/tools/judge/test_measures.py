"""Figures of quality: known answers, and the commands that print them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from engine.borders.errors import UserError
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from tools.judge import exhibits, fid, jump, swd
from tools.judge.measures import blur, frechet, laplacian, sliced_distance, structure
from tools.judge.measures import swd as distances
from tools.judge.networks import VGG, Inception, Lpips
from tools.train import snapshot

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # FID's weights are what they are


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(n: int, seed: int, side: int = 32) -> torch.Tensor:
    coarse = torch.rand(n, 3, 4, 4, generator=source(seed)) * 2 - 1
    return F.interpolate(coarse, size=(side, side), mode="bicubic")


def test_a_pyramid_puts_detail_on_its_scale():
    y = torch.arange(64.0)
    wave = (torch.pi * y).cos().expand(1, 3, 64, 64)  # every other column
    energy = [float(band.square().mean()) for band in laplacian(wave)]
    assert energy[0] > 100 * max(energy[1:])
    flat = [float(band.square().mean()) for band in laplacian(torch.full((1, 3, 64, 64), 0.5))]
    assert flat[0] == pytest.approx(0, abs=1e-9)
    assert flat[-1] == pytest.approx(0.25, rel=1e-3)
    assert [band.shape[-1] for band in laplacian(wave)] == [64, 32, 16]
    assert torch.allclose(blur(torch.ones(1, 3, 16, 16)), torch.ones(1, 3, 16, 16))


def test_the_distance_of_shifted_clouds_is_known():
    cloud = torch.randn(1500, 20, generator=source())
    assert sliced_distance(cloud, cloud, source()) == 0
    shift = torch.zeros(20)
    shift[3] = 2.0
    # E|2 u_1| of a random direction u in 20 dimensions
    axes = F.normalize(torch.randn(100_000, 20, generator=source(1)))
    expected = float((2 * axes[:, 3]).abs().mean())
    assert sliced_distance(cloud, cloud + shift, source()) == pytest.approx(expected, rel=0.1)


def test_swd_tells_where_pictures_differ():
    a, b = blobs(64, 1), blobs(64, 2)
    same = distances(a, b, patches=16)
    noisy = distances(a, b + 0.3 * torch.randn(b.shape, generator=source(3)), patches=16)
    gray = distances(a, b.mean(dim=1, keepdim=True).expand_as(b), patches=16)
    assert list(same) == [32, 16]
    assert noisy[32] > 3 * same[32]
    assert noisy[16] < 1.5 * same[16]
    assert gray[16] > 2 * same[16]
    assert distances(a, b, patches=16) == same


def test_the_frechet_distance_of_normal_clouds_is_known():
    rng = np.random.default_rng(0)
    a = rng.normal(0, 1, (20_000, 3))
    b = rng.normal(0, 1, (20_000, 3)) * [1, 2, 3] + [1, 0, 0]
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet(a, b) == pytest.approx(1 + 0 + 1 + 4, rel=0.05)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert frechet(a @ turn, b @ turn) == pytest.approx(frechet(a, b), rel=1e-6)


def inception_weights(scale: int = 32) -> dict[str, torch.Tensor]:
    """Inception-v3's layers at a fraction of their widths, random. Widths: Szegedy et al., table 1."""
    state: dict[str, torch.Tensor] = {}
    generator = source()

    def conv(name: str, fan_in: int, fan_out: int, *kernel: int) -> int:
        fan_out = max(fan_out // scale, 2)
        height, width = kernel if len(kernel) == 2 else (kernel[0], kernel[0])
        std = (2 / (fan_in * height * width)) ** 0.5
        state[f"{name}.conv.weight"] = torch.randn(fan_out, fan_in, height, width, generator=generator) * std
        state.update({f"{name}.bn.{part}": torch.zeros(fan_out) for part in ("running_mean", "bias")})
        state.update({f"{name}.bn.{part}": torch.ones(fan_out) for part in ("running_var", "weight")})
        return fan_out

    x = 3
    for name, out in (("1a_3x3", 32), ("2a_3x3", 32), ("2b_3x3", 64), ("3b_1x1", 80), ("4a_3x3", 192)):
        x = conv(f"Conv2d_{name}", x, out, int(name[-1]))
    for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        one = conv(f"{block}.branch1x1", x, 64, 1)
        two = conv(f"{block}.branch5x5_2", conv(f"{block}.branch5x5_1", x, 48, 1), 64, 5)
        y = conv(f"{block}.branch3x3dbl_2", conv(f"{block}.branch3x3dbl_1", x, 64, 1), 96, 3)
        x = one + two + conv(f"{block}.branch3x3dbl_3", y, 96, 3) + conv(f"{block}.branch_pool", x, 64, 1)
    y = conv("Mixed_6a.branch3x3dbl_2", conv("Mixed_6a.branch3x3dbl_1", x, 64, 1), 96, 3)
    x = conv("Mixed_6a.branch3x3", x, 384, 3) + conv("Mixed_6a.branch3x3dbl_3", y, 96, 3) + x
    for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        ends = conv(f"{block}.branch1x1", x, 192, 1) + conv(f"{block}.branch_pool", x, 192, 1)
        for name, kernels in (("7x7", ((1, 1), (1, 7), (7, 1))), ("7x7dbl", ((1, 1), (7, 1), (1, 7), (7, 1), (1, 7)))):
            y = x
            for i, kernel in enumerate(kernels):
                y = conv(f"{block}.branch{name}_{i + 1}", y, 192, *kernel)
            ends += y
        x = ends
    y = conv("Mixed_7a.branch7x7x3_1", x, 192, 1)
    y = conv("Mixed_7a.branch7x7x3_3", conv("Mixed_7a.branch7x7x3_2", y, 192, 1, 7), 192, 7, 1)
    one = conv("Mixed_7a.branch3x3_2", conv("Mixed_7a.branch3x3_1", x, 192, 1), 320, 3)
    x = one + conv("Mixed_7a.branch7x7x3_4", y, 192, 3) + x
    for block in ("Mixed_7b", "Mixed_7c"):
        one = conv(f"{block}.branch3x3_1", x, 384, 1)
        two = conv(f"{block}.branch3x3dbl_2", conv(f"{block}.branch3x3dbl_1", x, 448, 1), 384, 3)
        ends = conv(f"{block}.branch1x1", x, 320, 1) + conv(f"{block}.branch_pool", x, 192, 1)
        for name, fan_in in (("branch3x3_2", one), ("branch3x3dbl_3", two)):
            ends += conv(f"{block}.{name}a", fan_in, 384, 1, 3) + conv(f"{block}.{name}b", fan_in, 384, 3, 1)
        x = ends
    return state


def test_the_layout_has_all_of_inceptions_convolutions():
    """Ninety-four without the exit at its side; the code above and judges.py would have to be wrong alike."""
    assert len([name for name in inception_weights(64) if name.endswith("conv.weight")]) == 94


class Program(torch.nn.Module):
    """As FID's published TorchScript is called."""

    def forward(self, x: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        return x.float().mean(dim=(2, 3)) / 255


def test_inception_reads_both_kinds_of_file(tmp_path):
    torch.save(inception_weights(), tmp_path / "state.pth")
    torch.jit.script(Program()).save(tmp_path / "program.pt")
    judge = Inception(tmp_path / "state.pth")
    x = blobs(2, 1)
    seen = judge(x)
    assert seen.shape == (2, 10 + 4 * 12 + 6)
    assert torch.isfinite(seen).all()
    assert not torch.allclose(seen[0], seen[1])
    assert torch.allclose(judge(x[:1]), seen[:1], atol=1e-5)
    assert torch.allclose(Inception(tmp_path / "program.pt")(torch.ones(1, 3, 8, 8)), torch.ones(1, 3))
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no weights")
    for name, said in (("other.pth", "not Inception"), ("text.pth", "neither TorchScript")):
        with pytest.raises(UserError, match=said):
            Inception(tmp_path / name)


def vgg_weights(linear: bool) -> dict[str, torch.Tensor]:
    state, fan_in = {}, 3
    for stage, layers in enumerate(VGG):
        for i in layers:
            fan_out = 4 * (stage + 1)
            state[f"features.{i}.weight"] = torch.randn(fan_out, fan_in, 3, 3, generator=source(i)) / fan_in**0.5 / 3
            state[f"features.{i}.bias"] = torch.zeros(fan_out)
            fan_in = fan_out
        if linear:
            state[f"lin{stage}.model.1.weight"] = torch.rand(1, fan_in, 1, 1, generator=source(stage))
    return state


@pytest.mark.parametrize("judge", ["structure", "lpips", "unweighted"])
def test_a_perceptual_distance_grows_with_the_change(tmp_path, judge):
    compare = structure
    if judge != "structure":
        torch.save(vgg_weights(judge == "lpips"), tmp_path / "vgg.pth")
        compare = Lpips(tmp_path / "vgg.pth")
        assert compare.weighted is (judge == "lpips")
    a, b = blobs(3, 1), blobs(3, 2)
    assert compare(a, a).abs().max() < 1e-6
    grown = [compare(a, torch.lerp(a, b, t)).mean() for t in (0.05, 0.3, 1.0)]
    assert grown[0] < grown[1] < grown[2]
    assert torch.allclose(compare(a, b), compare(b, a), atol=1e-6)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    config = Config(img_resolution=16, z_dim=8, w_dim=8, channels=(8, 8, 4), mapping_features=(8, 8))
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    snapshot.export(path, StyleGAN2.random(config))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(16):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)).save(path / f"{i}.png")
    return path


def test_of_a_model_with_a_mask_the_colours_are_judged(tmp_path):
    network = StyleGAN2.random(
        Config(img_resolution=16, z_dim=8, w_dim=8, img_channels=4, channels=(8, 8, 8), mapping_features=(8, 8))
    )
    snapshot.export(tmp_path / "masked.safetensors", network)
    assert exhibits.gather(str(tmp_path / "masked.safetensors"), 3, 16).shape == (3, 3, 16, 16)


def test_swd_as_a_command(model, folder, tmp_path, capsys):
    assert swd.main([str(model), str(folder), "--count", "8", "--json", str(tmp_path / "swd.json")]) == 0
    assert "| 16 |" in capsys.readouterr().out
    row = json.loads((tmp_path / "swd.json").read_text())["scales"]["16"]
    assert row["ratio"] == pytest.approx(row["distance"] / row["baseline"])
    assert row["ratio"] > 1.5
    assert swd.main([str(model), str(folder), "--count", "9"]) == 2
    assert "16 usable pictures, 18 are asked for" in capsys.readouterr().err
    assert swd.main([str(folder), str(folder), "--count", "4"]) == 2
    assert "--resolution" in capsys.readouterr().err


def test_fid_as_a_command(model, folder, tmp_path, capsys):
    torch.jit.script(Program()).save(tmp_path / "program.pt")
    more = ["--inception", str(tmp_path / "program.pt"), "--count", "16"]
    assert fid.main([str(model), str(folder), *more]) == 0
    far = float(capsys.readouterr().out.split()[-1])
    assert fid.main([str(folder), str(folder), "--resolution", "16", *more]) == 0
    assert abs(float(capsys.readouterr().out.split()[-1])) < 1e-3 < far


def test_jump_as_a_command(model, tmp_path, capsys):
    assert jump.main([str(model), "--steps", "24", "--json", str(tmp_path / "jump.json")]) == 0
    found = json.loads((tmp_path / "jump.json").read_text())
    assert 0 < found["median"] <= found["max"] < found["half_a_loop_apart"]
    assert "structure: largest step" in capsys.readouterr().out


def test_a_jump_is_seen():
    images = torch.stack([torch.lerp(*blobs(2, 1), i / 20) for i in range(21)])
    even = jump.steps_between(images, None)
    cut = torch.cat([images[:10], blobs(1, 7), images[11:]])
    broken = jump.steps_between(cut, None)
    assert even.max() < 3 * even.median()
    assert broken.max() > 10 * broken.median()
