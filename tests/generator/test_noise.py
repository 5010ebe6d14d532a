"""The noise that drifts: as loud at any moment, smooth, the same at any frame rate, and the same on every backend."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from engine.borders.tick import REST, Tick
from engine.generator.backends.blocks import to_rgba
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.incremental import IncrementalPlayer
from engine.generator.noise import Fields, Grain, Noise, maps_beside, mixture
from engine.generator.plain import PlainPlayer
from tests.builders.networks import BACKENDS, draw, network, opened
from tests.builders.params import Params

DRIFT = Params({"noise.drift": 1.0})


def seen(phase: float, size: int = 256) -> torch.Tensor:
    """One layer's noise, a stored map of unit variance, after ``phase``."""
    maps = maps_beside(torch.randn(size, size, generator=torch.Generator().manual_seed(5)), 1.0, 0)
    return torch.tensordot(torch.tensor(mixture(phase)), maps, 1)


@pytest.mark.parametrize("phase", [0.0, 0.11, 0.5, 1.0, 7.3, 1000.25])
def test_the_variance_is_one_at_all_times(phase: float) -> None:
    assert sum(weight * weight for weight in mixture(phase)) == pytest.approx(1.0)
    assert float(seen(phase).var()) == pytest.approx(1.0, abs=0.03)  # 65536 pixels: a deviation of 0.006


def test_it_drifts_and_does_not_flicker() -> None:
    """Half a turn a second at 60 fps: neighbouring frames nearly alike, a second apart strangers, no step a jolt."""
    maps = [seen(0.5 * frame / 60) for frame in range(90)]
    alike = [float(torch.corrcoef(torch.stack((a.ravel(), b.ravel())))[0, 1]) for a, b in pairwise(maps)]
    assert min(alike) > 0.99
    steps = [float((b - a).square().mean().sqrt()) for a, b in pairwise(maps)]
    assert max(abs(math.log(b / a)) for a, b in pairwise(steps)) < 0.05
    far = float(torch.corrcoef(torch.stack((maps[0].ravel(), maps[60].ravel())))[0, 1])
    assert far < 0.1
    assert float((seen(0.0) - maps_beside(maps[0], 1.0, 0)[0]).abs().max()) == 0.0


@pytest.mark.parametrize("fps", [24, 30, 60, 120])
def test_the_frame_rate_does_not_matter(fps: int) -> None:
    noise = Noise()
    for _ in range(2 * fps):
        noise.advance(DRIFT, 1 / fps)
    assert noise.phase == pytest.approx(2.0)


def test_every_resolution_has_its_own_strength_and_a_silent_one_never_changes() -> None:
    noise, knobs = Noise(), Params({"noise.strength": 2.0, "noise.r8": 0.5, "noise.r16": 0.0, "noise.drift": 1.0})
    assert noise.grains(knobs, (4, 8, 16)) == (Grain(2.0), Grain(1.0), Grain(0.0))
    noise.advance(knobs, 0.25)
    first, second, third = noise.grains(knobs, (4, 8, 16))
    assert first.weights == second.weights == mixture(0.25)
    assert third == Grain(0.0)


@pytest.fixture(scope="module", params=BACKENDS)
def played(request: pytest.FixtureRequest) -> IncrementalPlayer:
    return opened(network(), request.param)


def test_every_backend_paints_the_networks_own_noise(played: IncrementalPlayer) -> None:
    net = network()
    fast, plain, ws = IncrementalPlayer(net, played.blocks), PlainPlayer(network()), draw(net)
    still = plain(ws[0].numpy(), Params(), REST).clone()
    for knobs in (DRIFT, Params({"noise.drift": 1.0, "noise.r32": 0.0, "noise.r8": 3.0}), Params({"noise.r64": 2.0})):
        wanted, got = (generator(ws[0].numpy(), knobs, Tick(0, 0.0, 0.3)) for generator in (plain, fast))
        assert int((got.int() - wanted.int()).abs().max()) <= 1
        assert int((got.int() - still.int()).abs().max()) > 1
    assert torch.equal(to_rgba(plain.image(ws)[0]), still)  # a still has the model's own


def test_what_is_left_out_makes_no_difference(played: IncrementalPlayer) -> None:
    net = network()
    fast, fresh = IncrementalPlayer(net, played.blocks), opened(net, played.backend)
    steps = np.random.default_rng(1)
    ws = draw(net)[0].numpy().copy()
    for index in range(20):
        ws[int(steps.integers(0, 14)) :] += 0.1
        drift = float(index % 5 == 3)
        some = {"noise.r4": float(index > 12), f"noise.r{8 << index % 4}": 0.5 * index % 2}
        knobs = Params({"noise.drift": drift, **some})
        fresh._forget()
        tick = Tick(index, index / 30, 1 / 30)
        assert torch.equal(fast(ws, knobs, tick), fresh(ws, knobs, tick)), index


def test_only_the_blocks_whose_noise_changed_are_run_again() -> None:
    net = network()
    fast, ran = opened(net, "eager"), []
    run, ws = fast.blocks.run, draw(net)[0].numpy()
    fast.blocks.run = lambda level, *rest: (ran.append(level), run(level, *rest))[1]  # type: ignore[method-assign]

    def blocks(**values: float) -> list[int]:
        knobs = Params({f"noise.{name}": value for name, value in values.items()})
        ran.clear()
        fast(ws, knobs, Tick(0, 0.0, 0.1))
        return list(ran)

    assert blocks() == [0, 1, 2, 3, 4]
    assert blocks() == []
    assert blocks(r32=2.0) == [3, 4]
    assert blocks(r32=2.0, r64=0.0) == [4]
    silent = {"r4": 0.0, "r8": 0.0, "r16": 0.0}
    assert blocks(**silent, drift=1.0) == [0, 1, 2, 3, 4]
    assert blocks(**silent, drift=1.0) == [3, 4]
    assert blocks(**silent, drift=0.0) == []


def test_the_maps_keep_their_addresses() -> None:
    """A captured graph writes and reads them where they were."""
    fields = Fields(EagerBlocks(prepare(network()), torch.float32), 5)
    fields.fill()
    first, second = (fields.maps(3, torch.tensor(mixture(phase))) for phase in (0.1, 0.2))
    assert first is not None
    assert [m.data_ptr() for m in first] == [m.data_ptr() for m in second or ()]
    assert Fields(EagerBlocks(prepare(network(use_noise=False)), torch.float32), 5).maps(3, torch.ones(4)) is None
