"""StyleGAN, PGGAN and DCGAN as they are played: fast blocks, warps, early stops, noise, labels, two precisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from engine.borders.tick import Tick
from engine.generator.backends.processor import has_amx, multiplies_bf16
from engine.generator.backends.select import open_generator
from engine.generator.directions import find
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.network import Network
from engine.generator.networks.staged import Staged
from engine.generator.plain import PlainPlayer
from engine.system.compiled import compiler
from tests.builders import families
from tests.builders.networks import KNOBS, signal_to_noise

NETWORKS: dict[str, Any] = {
    "stylegan": lambda: families.stylegan(fused=(False, False, True, False)),
    "stylegan bias first": lambda: families.stylegan(bias_first=True, norm_eps=1e-5),
    "stylegan pixel norm": lambda: families.stylegan(use_pixel_norm=True),
    "stylegan dense": lambda: families.stylegan(dense=True, output="tanh"),
    "stylegan lod": lambda: families.stylegan(lod=1.3),
    "pggan": lambda: families.pggan(fused=(False, False, True, True)),
    "pggan lod": lambda: families.pggan(lod=0.4, norm_first=True, output="tanh"),
    "stylegan other blur": lambda: families.stylegan(blur=(1.0, 3.0, 3.0, 1.0), activation="relu"),
    "stylegan no blur": lambda: families.stylegan(blur=(), use_noise=False),
    "dcgan": families.dcgan,
}


def opened(network: Network, precision: str = "fp32", backend: str = "auto") -> IncrementalPlayer:
    player = open_generator(network, precision=precision, backend=backend)
    assert isinstance(player, IncrementalPlayer)
    player.settle()
    native = isinstance(network, Staged) and network.compiles and backend == "auto" and compiler() and not has_amx()
    assert (player.backend, player.precision, player.take_notes()) == ("native" if native else "eager", precision, ())
    return player


def draw(network: Network, seed: int = 1) -> torch.Tensor:
    z = torch.randn(1, network.z_dim, generator=torch.Generator().manual_seed(seed))
    return network.map(z, torch.eye(network.c_dim)[:1] if network.c_dim else None)


def tick(index: int) -> Tick:
    return Tick(index, index / 30, 1 / 30)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_fast_blocks_paint_the_networks_picture(name: str) -> None:
    network = NETWORKS[name]()
    wanted, ws = network.synthesize(draw(network)), draw(network)
    for player in (opened(network), opened(network, backend="eager"), PlainPlayer(network)):
        assert torch.allclose(player.image(ws), wanted, atol=2e-5 * float(wanted.abs().max()))
        silent = network.synthesize(ws, "none")
        assert torch.allclose(player.image(ws, "none"), silent, atol=2e-5 * float(silent.abs().max()))


@pytest.mark.skipif(not multiplies_bf16(), reason="this processor has no instructions for bf16")
@pytest.mark.parametrize("name", ["stylegan", "pggan", "dcgan"])
def test_bf16_is_near(name: str) -> None:
    network = NETWORKS[name]()
    ws = draw(network)
    assert signal_to_noise(network.synthesize(ws), opened(network, "bf16").image(ws)) > 25


@pytest.mark.parametrize("name", ["stylegan", "pggan", "dcgan"])
def test_every_frame_is_the_plain_players_with_warps_between_any_two_blocks(name: str) -> None:
    network = NETWORKS[name]()
    fast, plain = opened(network), PlainPlayer(NETWORKS[name]())
    settings: list[dict[str, float]] = [{}, {}]
    settings += [{"rotate.turns": 0.1, "rotate.layer": float(r), "noise.drift": 0.5} for r in network.bends]
    settings += [{"kaleidoscope.segments": 6.0, "kaleidoscope.layer": float(network.bends[0])}, {}]
    for index, knobs in enumerate(settings):
        ws = draw(network, index // 2)[0].numpy()
        ours, theirs = (p(ws, KNOBS.changed(knobs), tick(index)).int() for p in (fast, plain))
        assert ours.shape == (network.shape[0], network.shape[1], 4)
        assert int((ours - theirs).abs().max()) <= 1, (index, knobs)


@pytest.mark.parametrize("name", ["stylegan", "stylegan lod", "pggan"])
def test_it_stops_early_wherever_there_is_a_to_rgb(name: str) -> None:
    network = NETWORKS[name]()
    ws = draw(network)
    player = opened(network)
    assert player.sizes == network.stops
    for stop in network.stops:
        player.set_resolution(stop)
        wanted = network.synthesize(ws, stop_at=stop)
        assert wanted.shape[2:] == (stop, stop)
        assert torch.allclose(player.image(ws), wanted, atol=1e-5 * float(wanted.abs().max()))
        assert player(ws[0].numpy(), KNOBS, tick(stop)).shape == (stop, stop, 4)


def test_a_stylegan_mixes_two_w_at_any_layer() -> None:
    network = families.stylegan()
    one, two = draw(network, 1), draw(network, 2)
    mixed = torch.cat((one[:, :3], two[:, 3:]), dim=1)
    player = opened(network)
    for ws in (one, mixed, two):
        wanted = network.synthesize(ws)
        frame = player(ws[0].numpy(), KNOBS, tick(0))
        assert int((frame[..., :3].float() - (wanted[0].permute(1, 2, 0) * 127.5 + 128).clamp(0, 255)).abs().max()) <= 1


@pytest.mark.parametrize("kind", ["sefa", "ganspace"])
@pytest.mark.parametrize("name", ["stylegan", "pggan", "dcgan"])
def test_directions_are_found(kind: str, name: str) -> None:
    network = NETWORKS[name]()
    found = find(kind, network)
    assert found.shape == (min(8, network.w_dim), network.w_dim)
    assert np.isfinite(found).all()
    assert (np.linalg.norm(found, axis=1) > 0).all()


def test_a_file_without_noise_is_silent_until_it_drifts() -> None:
    network = families.stylegan(noise_stored=False)
    for noise in network.noises():
        noise.const.zero_()
    ws = draw(network)
    assert torch.equal(network.synthesize(ws, "const"), network.synthesize(ws, "none"))
    player = opened(network)
    still = player(ws[0].numpy(), KNOBS, tick(0)).clone()
    assert (
        int((player(ws[0].numpy(), KNOBS.changed({"noise.drift": 3.0}), tick(1)).int() - still.int()).abs().max()) > 2
    )


@pytest.mark.parametrize("name", ["pggan", "dcgan"])
def test_a_family_without_w_is_never_truncated(name: str) -> None:
    network = NETWORKS[name]()
    ws = draw(network)
    assert ws.shape == (1, 1, network.z_dim)
    assert torch.equal(network.truncate(ws, 0.7), ws)
    assert np.array_equal(opened(network).truncate(ws.numpy(), 0.7), ws.numpy())
