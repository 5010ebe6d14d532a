"""``vj project``: exact for encoders, whole files, one line for what it cannot take."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.cli.main import main
from engine.generator.checkpoints import checkpoint
from engine.generator.checkpoints.refusals import FOREIGN
from engine.generator.inversion import tuning
from tests.builders.inversion import DATA, flavour, network, png, reference

SMALL = ("--model", str(DATA / "G_small_state.pt"))
QUICK = (*SMALL, "--steps", "4")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return png(tmp_path / "me.png", reference("projector_ada")["target_u8"])


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.strip().splitlines()


@pytest.mark.parametrize(
    ("name", "key", "more"), [("psp", "w_plus", ()), ("restyle_psp", "latents", ("--iterations", "3"))]
)
def test_an_encoders_own_answer(tmp_path: Path, name: str, key: str, more: tuple[str, ...]) -> None:
    case, out = reference(f"{name}_small"), tmp_path / "out.npy"
    source = png(tmp_path / "in.png", case["image_u8"][0])
    encoder = ("--encoder", str(DATA / f"{name}_small.pt"))
    assert main(["project", str(source), *encoder, "--steps", "0", *more, "-o", str(out)]) == 0
    found = np.load(out)
    assert found.dtype == np.float32
    assert np.abs(found - case[key][-1]).max() < 1e-4


def test_in_domain_with_its_encoder_and_vgg(tmp_path: Path) -> None:
    case, out = reference("idinvert"), tmp_path / "out.npy"
    source = png(tmp_path / "in.png", case["image_u8"][0])
    files = ("--model", str(DATA / "generator_small.pth"), "--encoder", str(DATA / "encoder_small.pth"))
    vgg = ("--vgg", str(DATA / "vgg16_small.pth"))
    assert main(["project", str(source), *files, *vgg, "--recipe", "indomain", "--steps", "20", "-o", str(out)]) == 0
    # Adam divides by gradients of 1e-8, so that the rounding of the start grows to some 1e-4 in a few numbers.
    assert np.abs(np.load(out) - case["code_after20"][0]).max() < 1e-3
    assert np.abs(np.load(out) - case["code_after20"][0]).mean() < 5e-5


def test_an_encoder_without_a_generator_still_answers(tmp_path: Path, picture: Path) -> None:
    encoder, out = flavour(tmp_path / "e.pt", drop=("decoder.",)), tmp_path / "out.npy"
    report = tmp_path / "r.json"
    given = ["project", str(picture), "--encoder", str(encoder), "--steps", "0", "-o", str(out), "--json", str(report)]
    assert main(given) == 0
    assert np.load(out).shape == (10, 32)
    assert json.loads(report.read_text())[0]["mse"] is None


def test_tuning_by_the_command_leaves_deltas_that_bring_the_picture_nearer(tmp_path: Path, picture: Path) -> None:
    out = tmp_path / "out.npy"
    assert main(["project", str(picture), *QUICK, "--seconds", "1", "--tune", "-o", str(out)]) == 0
    ws, plain, tuned = np.load(out), network("G_small_state.pt"), network("G_small_state.pt")
    path = tuning.beside(out)
    assert path.name == "out.tuned.safetensors"
    tuning.apply(path, tuned, checkpoint.load(DATA / "G_small_state.pt").sha256)
    target = torch.from_numpy(reference("projector_ada")["target_u8"].astype(np.float32))
    target = (target.permute(2, 0, 1) if target.shape[-1] == 3 else target) / 127.5 - 1
    with torch.no_grad():
        before, after = (
            float((net.synthesize(torch.from_numpy(ws)[None])[0] - target).square().mean()) for net in (plain, tuned)
        )
    assert after < before


def test_result_report_and_comparison_agree(tmp_path: Path, picture: Path) -> None:
    out, report, sheet = tmp_path / "out.npz", tmp_path / "r.json", tmp_path / "c.png"
    given = ["project", str(picture), *QUICK, "--noise-maps", "-o", str(out), "--json", str(report)]
    assert main([*given, "--compare", str(sheet)]) == 0
    with np.load(out) as held:
        ws, noise = held["ws"], [held[f"noise_{i}"] for i in range(7)]
    (row,) = json.loads(report.read_text())
    net = network("G_small_state.pt")
    for layer, map_ in zip(net.noises(), noise, strict=True):
        layer.const.copy_(torch.from_numpy(map_))
    painted = net.synthesize(torch.from_numpy(ws)[None])[0] * 127.5 + 128
    levels = painted.clamp(0, 255).to(torch.uint8).numpy().astype(float)
    mse = ((levels - reference("projector_ada")["target_u8"].astype(float)) ** 2).mean()
    assert row["mse"] == pytest.approx(mse, rel=1e-3)
    assert row["psnr"] == pytest.approx(10 * np.log10(255**2 / mse), abs=0.01)
    assert (row["picture"], row["space"], row["steps"]) == (str(picture), "w+", 4)
    assert row["curve"][-1][1] == row["mse"]
    with Image.open(sheet) as shown:
        assert shown.size == (128, 64)


def test_a_result_is_taken_up_again(tmp_path: Path, picture: Path) -> None:
    first, second, report = tmp_path / "1.npz", tmp_path / "2.npy", tmp_path / "r.json"
    assert main(["project", str(picture), *SMALL, "--steps", "25", "-o", str(first), "--json", str(report)]) == 0
    before = json.loads(report.read_text())[0]["mse"]
    given = ["project", str(picture), *QUICK, "--continue", str(first), "-o", str(second), "--json", str(report)]
    assert main(given) == 0
    assert json.loads(report.read_text())[0]["curve"][0][1] == pytest.approx(before)


def test_a_folder_of_pictures_and_one_that_is_none(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.png", "b.gif", "a.jpg"):
        Image.open(picture).save(folder / name)
    (folder / "c.jpg").write_text("these are words")
    assert main(["project", str(folder), *QUICK, "-o", str(out)]) == 2
    assert sorted(p.name for p in out.iterdir()) == ["a-2.npy", "a.npy", "b.npy"]
    assert [line for line in lines(capsys) if "c.jpg" in line] == [
        f"{folder / 'c.jpg'}: this is no picture: give a PNG, JPEG, WebP or another photograph"
    ]


BAD: list[tuple[bytes | None, str]] = [
    (b"these are words", "this is no picture"),
    (b"", "this is no picture"),
    (FOREIGN[11].magic + b"-1.7\n", "this is no picture"),
    (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "picture"),
    (None, "broken"),
]


@pytest.mark.parametrize(("data", "said"), BAD)
def test_what_is_no_picture_leaves_nothing(
    tmp_path: Path, picture: Path, data: bytes | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(picture.read_bytes()[:-700] if data is None else data)
    before = sorted(tmp_path.iterdir())
    assert main(["project", str(bad), *QUICK, "-o", str(tmp_path / "out.npy")]) == 2
    (line,) = lines(capsys)
    assert said in line
    assert str(bad) in line
    assert sorted(tmp_path.iterdir()) == before


REFUSED = [
    (("--encoder", str(DATA / "psp_small.pt")), "10 w of 32 numbers, and the model wants 8 of 24"),
    (("--steps", "0"), "--steps 0: that is an encoder's own answer"),
    (("--recipe", "indomain"), "--recipe indomain: the encoder"),
    (("--recipe", "stylegan2", "--space", "w+"), "--space w+"),
    (("--noise-maps",), "out.npz"),
    (("--box", "0,0,500"), "--box 0,0,500 is not inside its 32x32 pixels"),
    (("--crop", "--box", "0,0,5"), "--crop and --box"),
    (("--face", "1,1,9,1,5,9", "--align"), "--face and --align"),
    (("--vgg", str(DATA / "vgg16_small.pth")), "other widths than LPIPS's heads"),
    (("--vgg", str(DATA / "encoder_small.pth")), "holds no VGG16"),
]


@pytest.mark.parametrize(("more", "said"), REFUSED)
def test_what_does_not_fit_is_said_in_one_line(
    tmp_path: Path, picture: Path, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.npy"
    assert main(["project", str(picture), *SMALL, *more, "-o", str(out)]) == 2
    (line,) = lines(capsys)
    assert said in line
    assert not out.exists()


def test_an_output_is_never_an_input(tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = picture.read_bytes()
    assert main(["project", str(picture), *QUICK, "-o", str(tmp_path / "o.npy"), "--compare", str(picture)]) == 2
    assert "is a picture of this very run" in lines(capsys)[0]
    point = tmp_path / "p.npy"
    np.save(point, np.zeros((8, 24), np.float32))
    assert main(["project", str(picture), *QUICK, "--continue", str(point), "-o", str(point)]) == 2
    assert "is the result that is continued of this very run" in lines(capsys)[0]
    assert picture.read_bytes() == before


def test_time_is_counted_by_the_processor_where_that_is_asked_for(tmp_path: Path, picture: Path) -> None:
    report = tmp_path / "r.json"
    given = ["project", str(picture), *SMALL, "--steps", "100000", "--recipe", "image2stylegan", "--json", str(report)]
    assert main([*given, "--processor-seconds", "0.5", "-o", str(tmp_path / "out.npy")]) == 0
    (row,) = json.loads(report.read_text())
    assert 0.3 < row["processor_seconds"] < 2.0
    assert 0 < row["steps"] < 100000


def test_a_full_disk_leaves_nothing_and_says_so(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(file: object, array: object, **_: object) -> None:
        file.write(b"the first bytes")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", full)
    before = sorted(tmp_path.iterdir())
    assert main(["project", str(picture), *QUICK, "-o", str(tmp_path / "out.npy")]) == 2
    assert "out.npy: cannot write it: No space left on device" in lines(capsys)[-1]
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_keeps_the_best_so_far(
    number: int, code: int, tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.generator.inversion.recipes.ours import Ours

    steps = Ours.step

    def interrupted(self: Ours, index: int, progress: float) -> object:
        if index == 6:
            signal.raise_signal(number)
        return steps(self, index, progress)

    monkeypatch.setattr(Ours, "step", interrupted)
    out = tmp_path / "out.npy"
    assert main(["project", str(picture), *SMALL, "-o", str(out)]) == code
    assert np.load(out).shape == (8, 24)
