"""Another model in mid-show: the old one plays on until the new one is ready, and comes through without a jump."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.borders.cue import Cue, Ready
from engine.borders.errors import UserError
from engine.borders.tick import Tick
from engine.cli.rehearse import RehearseOptions, open_rehearsal
from engine.control.presets import preset as presets
from engine.generator.checkpoints import stylegan2_settings as settings
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.loop import perform
from engine.show.clock import FixedClock
from tests.builders.params import TABLE
from tests.builders.show import trace
from tests.parts import need


def save(path: Path, bias: float, w_dim: int) -> None:
    """Write a small model whose pictures are all about as bright as ``bias`` says."""
    config = Config(img_resolution=16, z_dim=8, w_dim=w_dim, channels=(8, 8, 8), mapping_features=(w_dim,) * 2)
    network = StyleGAN2.random(config, 1)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for name in state:
        if name.endswith("torgb.weight"):
            state[name] *= 0.02
    state["synthesis.b16.torgb.bias"] += bias
    save_file(state, path, metadata={"init_kwargs": json.dumps(settings.init_kwargs(config))})


def preset(path: Path, model: Path) -> None:
    path.write_text(f'name = "swap"\nmodel = "{model}"\n[latent]\nseeds = [1, 2]\n')


@pytest.mark.alone
def test_a_model_is_swapped_without_a_jump_and_a_broken_one_never(tmp_path: Path) -> None:
    need("EGL")
    save(tmp_path / "dark.safetensors", -0.7, 8)
    save(tmp_path / "light.safetensors", 0.7, 12)
    (tmp_path / "broken.pkl").write_bytes(b"\x80\x04 this is no checkpoint")
    look = tmp_path / "look.toml"
    preset(look, tmp_path / "dark.safetensors")
    said: list[str] = []
    options = RehearseOptions(
        song="demo",
        preset=str(look),
        headless=True,
        mute=True,
        size=(32, 32),
        seconds=31.0,
        fps=30.0,
        trace=tmp_path / "t.jsonl",
    )
    with open_rehearsal(options, said.append) as rig:
        levels: list[float] = []
        present, read = rig.window.present, rig.window.read
        later = ["light.safetensors", "broken.pkl"]

        def watch(picture: object) -> None:
            present(picture)
            levels.append(float(read().mean()))
            # The second one when the first is there, and has stayed for a moment.
            if len(levels) == 20 or (len(later) == 1 and min(levels[-10:]) > 140):
                preset(look, tmp_path / later.pop(0))

        def until_told(ticks: Iterable[Tick]) -> Iterator[Tick]:
            for tick in ticks:
                if any("broken.pkl" in line for line in said):
                    return
                yield tick

        rig.window.present, rig.clock = watch, until_told(rig.clock)
        perform(rig)
    assert not later, f"only {len(levels)} frames in {options.seconds} seconds"
    assert levels[10] < 80
    assert levels[-1] > 140, "the new model never came, or the broken one was taken"
    steps = np.abs(np.diff(levels))
    assert steps.max() < 0.5 * (levels[-1] - levels[0]), "the picture jumped"
    lines = trace(tmp_path / "t.jsonl")
    assert [line["index"] for line in lines] == list(range(len(levels)))
    assert any("broken.pkl" in line for line in said), said
    assert torch.is_inference_mode_enabled() is False


def test_a_cut_shows_nothing_of_the_preset_before_and_a_morph_does(tmp_path: Path) -> None:
    """Both presets slit-scan: after a cut the ring begins anew, in a morph and after an edit it goes on."""
    need("EGL")
    save(tmp_path / "model.safetensors", 0.0, 8)
    scan = "[params.slitscan]\nlayer = 8\nstrength = 1.0\n"
    for name, seeds in (("one", "[1, 2]"), ("two", "[1, 2]")):
        text = f'name = "{name}"\nmodel = "{tmp_path / "model.safetensors"}"\n[latent]\nseeds = {seeds}\n{scan}'
        (tmp_path / f"{name}.toml").write_text(text)
    options = RehearseOptions(
        song="demo", preset=str(tmp_path / "one.toml"), headless=True, mute=True, size=(32, 32), seconds=1.0, fps=30.0
    )
    one, two = (presets.load(tmp_path / f"{name}.toml", TABLE) for name in ("one", "two"))
    with open_rehearsal(options, lambda line: None) as rig:
        cut: list[str] = []
        own, rig.parts.model.cut = rig.parts.model.cut, lambda: (cut.append("cut"), own())[1]
        for cue in (Cue(one, 0.0), Cue(two, 2.0), Cue(two, 0.0)):
            rig.take(Ready(cue))
        assert cut == []
        rig.take(Ready(Cue(one, 0.0)))
        assert cut == ["cut"]
        perform(rig)


def test_a_layer_that_is_not_there_is_clamped_and_shown_once(tmp_path: Path) -> None:
    """A preset is refused at load; a route that leads past the model's last block is clamped, and the wall says so."""
    need("EGL")
    save(tmp_path / "model.safetensors", 0.0, 8)
    look, said = tmp_path / "look.toml", []
    text = f'name = "look"\nmodel = "{tmp_path / "model.safetensors"}"\n[latent]\nseeds = [1, 2]\n'
    options = RehearseOptions(
        song="demo", preset=str(look), headless=True, mute=True, size=(32, 32), seconds=1.6, fps=30.0
    )
    look.write_text(text + "[params.rotate]\nlayer = 64\nturns = 0.1\n")
    with pytest.raises(UserError, match=r"\[params.rotate\].*layer = 64.*4, 8, 16"):
        open_rehearsal(options, said.append)
    route = '[[routes]]\nsource = "lfo.saw.4s"\ntarget = "rotate.layer"\nmode = "set"\nrange = [64.0, 64.0]\n'
    look.write_text(text + "[params.rotate]\nlayer = 16\nturns = 0.1\n" + route)
    with open_rehearsal(options, said.append) as rig:
        rig.clock = FixedClock(30.0, 3.0)  # a slow machine would skip the frames that tell
        perform(rig)
    assert [line for line in said if "rotate.layer" in line] == [
        "rotate.layer = 64: no such block is painted; plays at 16 px"
    ]
