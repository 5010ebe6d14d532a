"""Training pictures: whatever a folder may hold is used, or named and counted."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.borders.errors import UserError
from tests.parts import need
from tools.train import run as train
from tools.train.pictures import SHOWN, Files, Ledger, open_pictures, order


def draw(path: Path, size=(16, 16), mode="RGB", colour="red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def opened(path: Path, resolution: int = 16) -> tuple[Files, Ledger, list[str]]:
    told: list[str] = []
    ledger = Ledger(told.append)
    source = open_pictures(str(path), resolution, ledger)
    assert isinstance(source, Files)
    return source, ledger, told


def test_every_kind_of_picture_is_used(tmp_path):
    for mode, colour in (("RGB", "red"), ("L", 90), ("RGBA", (0, 0, 255, 0)), ("P", 3), ("1", 1), ("CMYK", 0)):
        draw(tmp_path / "sub" / f"{mode}.{'tif' if mode == 'CMYK' else 'png'}", mode=mode, colour=colour)
    source, ledger, _ = opened(tmp_path)
    assert source.count == 6
    assert not ledger.counts
    pictures = {name: source.picture(i) for i, name in enumerate(source.names)}
    assert {picture.shape for picture in pictures.values()} == {(16, 16, 3)}
    assert (pictures["sub/RGBA.png"] == 255).all()  # what is transparent lies on white
    assert (pictures["sub/RGB.png"] == (255, 0, 0)).all()
    assert (pictures["sub/L.png"] == 90).all()


def test_what_cannot_be_used_is_named_and_counted(tmp_path):
    draw(tmp_path / "good.png")
    draw(tmp_path / "wide.png", (40, 20), colour="white")
    draw(tmp_path / "small.png", (8, 30))
    (tmp_path / "torn.png").write_bytes((tmp_path / "good.png").read_bytes()[:20])
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".DS_Store").write_text("hidden")
    source, ledger, told = opened(tmp_path)
    assert source.names == ["good.png", "wide.png"]
    assert sorted(ledger.counts.values()) == [1, 1, 1, 1]
    for name in ("small.png (8x30)", "torn.png", "notes.txt", "wide.png (40x20)"):
        assert any(line.startswith(name) for line in told), told
    assert (source.picture(1) == 255).all()


def test_a_picture_that_proves_damaged_is_replaced_by_the_next(tmp_path):
    rng = np.random.default_rng(0)
    for name in "abc":
        Image.fromarray(rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)).save(tmp_path / f"{name}.png")
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    source, ledger, told = opened(tmp_path, 64)
    assert source.count == 3
    for _ in range(2):
        assert np.array_equal(source.picture(1), source.picture(2))
    assert ledger.counts == {"is damaged, left out": 1}
    assert told == ["b.png: is damaged, left out"]


def test_only_some_names_are_told(tmp_path):
    draw(tmp_path / "good.png")
    for i in range(20):
        (tmp_path / f"{i}.jpg").write_bytes(b"no picture")
    _, ledger, told = opened(tmp_path)
    assert ledger.counts == {"cannot be read as a picture, left out": 20}
    assert len(told) == SHOWN + 1


def test_a_zip_is_a_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for i, colour in enumerate(("red", "lime")):
            archive.write(draw(tmp_path / f"{i}.png", colour=colour), f"in/{i}.png")
        archive.writestr("in/torn.png", b"\x89PNG and no more")
    source, ledger, _ = opened(tmp_path / "set.zip")
    assert source.names == ["in/0.png", "in/1.png"]
    assert (source.picture(1) == (0, 255, 0)).all()
    assert sum(ledger.counts.values()) == 1


def packed(folder: Path, name: str, *files: Path) -> None:
    with tarfile.open(folder / name, "w") as tar:
        for file in files:
            tar.add(file, file.name)


def test_tars_are_a_folder(tmp_path):
    red, blue, text = (tmp_path / name for name in ("0001.png", "0002.jpg", "0002.txt"))
    draw(red)
    draw(blue, colour="blue")
    text.write_text("what it shows")
    (tmp_path / "set").mkdir()
    packed(tmp_path / "set", "000.tar", red, text)
    packed(tmp_path / "set", "001.tar", blue)
    source, ledger, _ = opened(tmp_path / "set")
    assert source.names == ["000.tar/0001.png", "001.tar/0002.jpg"]
    assert source.picture(0)[8, 8].tolist() == [255, 0, 0]
    assert source.picture(1)[8, 8, 2] > 200
    assert list(ledger.counts) == ["no picture by its name, left out"]
    assert opened(tmp_path / "set/000.tar")[0].names == ["000.tar/0001.png"]


def test_a_tar_that_cannot_be_read_is_named(tmp_path):
    draw(tmp_path / "a.png", size=(64, 64), mode="RGB")
    (tmp_path / "set").mkdir()
    packed(tmp_path / "set", "0.tar", tmp_path / "a.png")
    whole = (tmp_path / "set/0.tar").read_bytes()
    (tmp_path / "set/0.tar").write_bytes(whole[:600])
    with pytest.raises(UserError, match=r"0.tar: no readable tar"):
        opened(tmp_path / "set")
    (tmp_path / "set/0.tar").write_bytes(gzip.compress(whole))
    with pytest.raises(UserError, match=r"0.tar: no readable tar"):
        opened(tmp_path / "set")


@pytest.mark.parametrize("what", ["empty", "missing", "text", "small", "torn"])
def test_nothing_to_train_on_is_refused_in_one_line(tmp_path, what, capsys):
    data = tmp_path / "data"
    if what != "missing":
        data.mkdir()
    if what == "text":
        data = tmp_path / "data.zip"
        data.write_text("not a zip")
    if what == "small":
        draw(data / "a.png", (4, 4))
    if what == "torn":
        whole = draw(data / "a.png", (64, 64)).read_bytes()
        (data / "a.png").write_bytes(whole[: len(whole) // 2])
    arguments = ["--data", str(data), "--out", str(tmp_path / "out"), "--resolution", "16", "--latent", "8",
                 "--channel-max", "8", "--batch", "4", "--device", "cpu"]  # fmt: skip
    assert train.main(arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert str(data) in said[-1]
    assert "Traceback" not in "".join(said)


def test_every_pass_sees_every_picture_once(tmp_path):
    for i in range(7):
        draw(tmp_path / f"{i}.png")
    source, _, _ = opened(tmp_path)
    numbers = list(order(source, 3, 0, 21))
    assert [sorted(numbers[i : i + 7]) for i in (0, 7, 14)] == [list(range(7))] * 3
    assert numbers[:7] != numbers[7:14]
    assert list(order(source, 3, 5, 10)) == numbers[5:15]
    assert list(order(source, 4, 0, 21)) != numbers


def test_the_renderer_is_endless():
    need("EGL")
    source = open_pictures("fruit", 32, Ledger(print))
    assert source.count is None
    numbers = list(order(source, 0, 10**6, 2))
    first, second = (source.picture(number) for number in numbers)
    assert first.shape == (32, 32, 3)
    assert not np.array_equal(first, second)
    assert np.array_equal(source.picture(numbers[0]), first)


def test_shards_are_averaged_down(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 3)).astype(np.uint8)
    np.savez(tmp_path / "000000.npz", theta=np.zeros((3, 1)), pictures=pictures)
    source = open_pictures(str(tmp_path), 4, Ledger(print))
    assert source.count == 3
    assert abs(float(source.picture(1)[0, 0, 0]) - pictures[1, :2, :2, 0].mean()) <= 0.5
    (tmp_path / "000001.npz").write_bytes(b"torn")
    with pytest.raises(UserError, match="000001"):
        open_pictures(str(tmp_path), 4, Ledger(print))
