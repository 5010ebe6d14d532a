"""The slit-scan follows the bass of the built-in song, and every shipped preset plays it."""

import itertools

import numpy as np
import pytest
import torch

from engine.audio.songs import song as songs
from engine.audio.songs.song_ears import SongEars
from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures
from engine.borders.preset import Route
from engine.borders.tick import Tick
from engine.control.presets.preset import load
from engine.control.routing.routing import Routing
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.plain import PlainPlayer
from engine.generator.warps.layers import check_layers
from engine.show.clock import FixedClock
from engine.show.open_background import drawn_passes
from engine.show.open_path import open_path
from engine.stage.isf.files import rows_of
from engine.system import resources
from tests.builders.params import TABLE

PRESETS = resources.names("presets", ".toml")
TEN = ("settle", "harvest", "tidal", "whirlpool", "mandala", "shutter", "market", "ghosts", "chimera", "pond")
FPS = 12.0


@pytest.fixture(scope="module")
def model() -> PlainPlayer:
    config = Config(img_resolution=64, z_dim=16, w_dim=32, channels=(24, 24, 16, 16, 8))
    return PlainPlayer(StyleGAN2.random(config))


@pytest.fixture(scope="module")
def hearing() -> list[tuple[Tick, AudioFeatures]]:
    """The first seconds of the built-in song: silence, the intro, the groove from 4 s, its beat sure from 7 s."""
    path = resources.find("presets/songs", "demo", ".ogg")
    assert path is not None
    ears = SongEars(songs.load(path))
    return [(tick, ears.latest(tick)) for tick in FixedClock(FPS, 11.0)]


def test_a_route_from_the_bass_to_the_slit_scan_shows(
    model: PlainPlayer, hearing: list[tuple[Tick, AudioFeatures]]
) -> None:
    preset = load(resources.resource("presets", "tidal.toml"), TABLE)
    base = {"speed": 0.4, "slitscan.layer": 32.0, "slitscan.seconds": 1.0}
    route = Route("audio.bass", "slitscan.strength", amount=0.4, attack=0.01, release=0.1)
    routing, path = Routing(base, [route], TABLE), open_path(model, preset)
    heard, changed = [], []
    for tick, features in hearing[: 8 * int(FPS)]:
        params = routing(features, Controls(), tick)
        ws = path(params, tick)
        with torch.inference_mode():
            plain = model.image(torch.from_numpy(ws)[None])
            bent = model(ws, params, tick)
        straight = (plain[0].permute(1, 2, 0) * 127.5 + 128).clamp(0, 255)
        heard.append(max((hop.bass for hop in features.recent), default=features.bass))
        changed.append((bent[..., :3].float() - straight).abs().mean().item())
    model.warps.reset()
    assert np.corrcoef(heard, changed)[0, 1] > 0.5
    silence, loud = changed[: int(FPS)], changed[int(5 * FPS) :]
    assert np.mean(silence) < 0.6  # rounding to 8 bits, and nothing else
    assert np.mean(loud) > 3.0


# The model here has no sliders and another w; tests/control/presets plays the presets of those that have.
OF_ANY_MODEL = [
    name
    for name in PRESETS
    if not any(
        part in resources.resource("presets", f"{name}.toml").read_text("utf-8") for part in ("attribute.", ".npy")
    )
]


@pytest.mark.parametrize("name", OF_ANY_MODEL)
def test_every_preset_plays_and_moves(name: str, model: PlainPlayer, hearing: list[tuple[Tick, AudioFeatures]]) -> None:
    preset = load(resources.resource("presets", f"{name}.toml"), TABLE)
    assert len(preset.description) > 20
    check_layers(preset.params, 128, name)
    table = TABLE.grown(rows_of(drawn_passes(preset)))  # with those of its ISF shaders
    routing, path, seen = Routing(preset.params, preset.routes, table), open_path(model, preset), []
    for tick, features in hearing[7 * int(FPS) :: 3]:
        params = routing(features, Controls(), tick)
        seen.append(model(path(params, tick), params, tick).float())
    model.warps.reset()
    steps = [(b - a).abs().mean().item() for a, b in itertools.pairwise(seen)]
    assert np.mean(steps) > 0.5  # of 255, every quarter of a second
    assert all(np.isfinite(steps))


@pytest.mark.parametrize("name", TEN)
def test_every_preset_has_eight_knobs_that_do_something(name: str) -> None:
    routes = load(resources.resource("presets", f"{name}.toml"), TABLE).routes
    knobs = {r.source: r for r in routes if r.source.startswith("midi.knob_")}
    assert sorted(knobs) == [f"midi.knob_{i}" for i in range(1, 9)]
    assert len({r.target for r in knobs.values()}) == 8
    assert all(r.mode == "set" and r.range[0] != r.range[1] for r in knobs.values())
