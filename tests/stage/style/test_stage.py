"""The style in the show: nothing at strength 0, shares, morphs, its own size and rate, alike at any frame rate."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from engine.borders.params import STYLE_ROWS, Params, Table
from engine.borders.tick import Tick
from engine.stage.style.stage import StyleStage

TABLE = Table(STYLE_ROWS)


class Paint:
    """A look whose styles are flat colours: code [1, 3] is the colour that covers everything."""

    grain = 4

    def __init__(self, *colours: tuple[float, float, float], painter: object = None, size: int = 8) -> None:
        self.colours = [torch.tensor([colour]) for colour in colours]
        self.painter, self.size, self.seen = painter or self, size, list[tuple[int, ...]]()

    def code(self, shares: Sequence[float]) -> Tensor:
        shares = shares[: len(self.colours)]
        if sum(shares) <= 0.0:
            raise ValueError
        return torch.stack([c * s for c, s in zip(self.colours, shares, strict=True)]).sum(0) / sum(shares)

    def paint(self, image: Tensor, code: Tensor) -> Tensor:
        self.seen.append(tuple(image.shape[-2:]))
        return code[:, :, None, None].expand_as(image)


def params(**changes: float) -> Params:
    return Params({f"style.{name.replace('_', '.')}": value for name, value in changes.items()}, TABLE)


def frame(value: int = 100, side: int = 16) -> Tensor:
    made = torch.full((side, side, 4), value, dtype=torch.uint8)
    made[..., 3] = 200
    return made


def stage(look: Paint) -> StyleStage:
    made = StyleStage()
    made.take(look, 0.0)
    return made


def tick(dt: float = 0.0) -> Tick:
    return Tick(0, 0.0, dt)


@pytest.mark.parametrize("still", [{"strength": 0.0}, {"mix_1": 0.0}])
def test_strength_nothing_hands_the_very_frame_on(still: dict[str, float]) -> None:
    given, look = frame(), Paint((1.0, 0.0, 0.0))
    assert stage(look)(given, params(**still), tick()) is given
    assert not look.seen  # and costs nothing
    assert StyleStage()(given, params(), tick()) is given


def test_strength_goes_between_the_picture_and_the_painting_and_alpha_stays() -> None:
    given = frame()
    made = stage(Paint((1.0, 0.0, 0.2)))(given, params(strength=0.5), tick())
    assert made[0, 0].tolist() == [178, 50, 76, 200]
    assert given[0, 0].tolist() == [100, 100, 100, 200]  # the generator may use its frame again


def test_styles_blend_by_their_shares() -> None:
    made = stage(Paint((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))(frame(), params(mix_1=0.25, mix_2=0.75), tick())
    assert made[0, 0, :3].tolist() == [64, 0, 191]


def test_it_paints_at_its_own_size_and_no_larger_than_the_picture() -> None:
    look = Paint((1.0, 0.0, 0.0), size=8)
    styled = stage(look)
    assert styled(torch.zeros(16, 32, 4, dtype=torch.uint8), params(), tick()).shape == (16, 32, 4)
    large = Paint((1.0, 0.0, 0.0), size=64)
    stage(large)(frame(), params(), tick())
    assert (look.seen, large.seen) == ([(8, 16)], [(16, 16)])


def test_the_governors_sizes_end_at_the_presets() -> None:
    styled = stage(Paint((1.0, 0.0, 0.0), size=128))
    assert (styled.sizes, styled.working) == ((48, 64, 96, 128), 128)
    styled.size = 64
    assert styled.working == 64
    assert (StyleStage().sizes, StyleStage().working) == ((), 0)


@pytest.mark.parametrize("fps", [30, 60, 120])
def test_paintings_come_at_their_rate_and_the_motion_goes_on_between(fps: int) -> None:
    look = Paint((1.0, 0.0, 0.0))
    styled = stage(look)
    made = [styled(frame(i), params(rate=15.0), tick(1 / fps)) for i in range(fps)]
    assert len(look.seen) == 15
    assert made[1][0, 0, 1] == 1  # green: the painting took all of the first frame's 0, and 1 is new


@pytest.mark.parametrize("fps", [30, 60, 120])
def test_a_calm_painting_follows_in_seconds_whatever_the_rate(fps: int) -> None:
    styled = stage(Paint((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    styled(frame(), params(calm=0.25), tick())
    for _ in range(fps // 2):
        made = styled(frame(), params(calm=0.25, mix_1=0.0, mix_2=1.0), tick(1 / fps))
    assert abs(int(made[0, 0, 0]) - 255 * (1 - 2.718281828**-2)) <= 2


@pytest.mark.parametrize("fps", [30, 60, 120])
def test_a_cue_to_other_styles_of_one_network_morphs_alike_at_any_rate(fps: int) -> None:
    network = object()
    before, after = Paint((1.0, 0.0, 0.0), painter=network), Paint((0.0, 0.0, 1.0), painter=network)
    styled = stage(before)
    styled(frame(), params(), tick())
    styled.take(after, 1.0)
    for _ in range(fps // 2):
        made = styled(frame(), params(), tick(1 / fps))
    assert made[0, 0, :3].tolist() == [128, 0, 128]
    assert len(before.seen) == 1  # one network paints
    for _ in range(fps):
        made = styled(frame(), params(), tick(1 / fps))
    assert made[0, 0, :3].tolist() == [0, 0, 255]


def test_a_cue_to_another_network_fades_and_one_to_none_fades_out() -> None:
    first, second = Paint((1.0, 0.0, 0.0)), Paint((0.0, 0.0, 1.0))
    styled = stage(first)
    styled(frame(), params(), tick())
    styled.take(second, 1.0)
    assert styled(frame(), params(), tick(0.5))[0, 0, :3].tolist() == [128, 0, 128]
    styled(frame(), params(), tick(0.6))
    styled.take(None, 1.0)
    assert styled(frame(100), params(), tick(0.5))[0, 0, :3].tolist() == [50, 50, 178]
    given = frame()
    assert styled(given, params(), tick(0.6)) is given
