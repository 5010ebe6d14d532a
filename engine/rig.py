"""The composition root: opens, names and closes every part. The only file that knows them all.

``live``, ``rehearse``, ``render`` and ``bench`` differ in which clock, ears and window the rig holds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import resources
from engine.audio import song as songs
from engine.audio.player import open_player
from engine.clock import FixedClock, LiveClock, SongClock, Tick
from engine.control import preset as presets
from engine.control.controls import Controls
from engine.control.keyboard import Keyboard
from engine.control.params import Params
from engine.control.preset import Preset
from engine.control.routing import Routing
from engine.errors import UserError
from engine.latent import path as paths
from engine.meter import Meter
from engine.options import Options
from engine.protocols import Ears, Window
from engine.stage.notices import Notices

MODEL_SUFFIXES = (".safetensors", ".pkl", ".pt")
SONG_SUFFIXES = (".ogg", ".flac", ".wav", ".opus", ".mp3")
VIDEO_SIZE = (720, 720)
VIDEO_FPS = 30.0


@dataclass
class Rig:
    """Every part of a show, by the name the loop calls it."""

    clock: Iterable[Tick]
    ears: Ears
    hands: Any  # read(tick) -> Controls
    routing: Callable[[Any, Controls, Tick], Params]
    path: Callable[[Params, Tick], NDArray[np.float32]]
    generator: Callable[[NDArray[np.float32], Params, Tick], Any]
    compositor: Callable[[Any, Params, tuple[str, ...], Tick], Any]
    overlay: Callable[[Tick], tuple[str, ...]]
    window: Window
    meter: Meter
    preset: Preset
    model: Any  # the generator itself, with its sizes and names
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.__exit__(*error)  # type: ignore[arg-type]


def open_rehearsal(options: Options, notify: Callable[[str], None]) -> Rig:
    """Open a song, its player and a window; the picture follows the playback position."""
    from engine.stage.window import GlfwWindow

    preset, song = find_preset(options), open_song(options)
    with contextlib.ExitStack() as stack:
        window: Any = (
            _headless(options) if options.headless
            else GlfwWindow(options.size or (960, 960), f"latentvj: {preset.name}", not options.windowed and
                            options.display is not None, options.display)
        )
        stack.callback(window.close)
        model = open_model(options, preset)
        player, notice = open_player(song, options.mute)
        stack.callback(player.close)
        meter = Meter(options.trace, playback=lambda: player.position)
        fps = options.fps or getattr(window, "refresh_rate", 0.0) or 60.0
        pace = LiveClock(fps, running=lambda: not window.closed and not player.finished)
        clock = SongClock(lambda: player.position, pace, options.seconds, meter.work_seconds)
        rig = _assemble(options, preset, model, window, songs.SongEars(song), clock, meter, stack)
        if notice:
            notify(notice)
            rig.meter.event(notice)
        player.start()
        return rig


def open_render(options: Options, progress: Callable[[FixedClock], Iterable[Tick]]) -> Rig:
    """Open a song and a video file; every frame is rendered, however long it takes."""
    from engine.stage.encoder import VideoWindow

    preset, song = find_preset(options), open_song(options)
    if options.output is None:
        raise UserError("vj render: say where to write the video, -o OUT.mp4")
    fps, size = options.fps or VIDEO_FPS, options.size or VIDEO_SIZE
    seconds = min(options.seconds or song.duration, song.duration)
    clock = FixedClock(fps, seconds)
    with contextlib.ExitStack() as stack:
        model = open_model(options, preset)
        window = VideoWindow(options.output, size, fps, song.samples, song.samplerate, (clock.frames or 0) / fps)
        stack.push(_finish_or_abort(window))
        meter = Meter(options.trace)
        return _assemble(options, preset, model, window, songs.SongEars(song), progress(clock), meter, stack)


def open_bench(options: Options, between: Callable[[Any, FixedClock], Iterable[Tick]]) -> Rig:
    """Open the same loop on a fixed clock with no devices. ``between(model, clock)`` may time other things."""
    preset, song = find_preset(options), open_song(options)
    fps = options.fps or 60.0
    clock = FixedClock(fps, options.frames / fps if options.frames else options.seconds)
    with contextlib.ExitStack() as stack:
        window = _headless(options)
        stack.callback(window.close)
        model = open_model(options, preset)
        meter = Meter(options.trace)
        return _assemble(
            options, preset, model, window, songs.SongEars(song), between(model, clock), meter, stack
        )


def _assemble(
    options: Options, preset: Preset, model: Any, window: Any, ears: Ears,
    clock: Iterable[Tick], meter: Meter, stack: contextlib.ExitStack,
) -> Rig:
    """Put the parts together, every stage of the frame timed by the meter."""
    from engine.stage.compositor import Compositor

    path = paths.Path(points(model, preset, options.seed), model.w_avg)
    meter.position = lambda: path.t
    compositor = Compositor(window, preset.passes)
    upload = meter.timed("upload", compositor.upload)
    draw = meter.timed("composite", compositor.draw)

    def compose(frame: Any, params: Params, overlay: tuple[str, ...], tick: Tick) -> Any:
        upload(frame)
        return draw(params, overlay, tick)

    def imagine(ws: NDArray[np.float32], params: Params, tick: Tick) -> Any:
        return model(ws, params)

    stack.callback(ears.close)
    stack.callback(meter.close)
    keyboard = Keyboard(window.keys)
    return Rig(
        clock=clock,
        ears=_Timed(ears, "latest", "control", meter),
        hands=_Timed(keyboard, "read", "control", meter),
        routing=meter.timed("control", Routing(preset.params, preset.routes)),
        path=meter.timed("latent", path),
        generator=meter.timed("generator", imagine),
        compositor=compose,
        overlay=Notices(),
        window=_Timed(window, "present", "present", meter),
        meter=meter,
        preset=preset,
        model=model,
        closing=stack.pop_all(),
    )


class _Timed:
    """A part whose one busy method is timed; everything else is the part's own."""

    def __init__(self, part: Any, method: str, stage: str, meter: Meter) -> None:
        self._part = part
        setattr(self, method, meter.timed(stage, getattr(part, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def _finish_or_abort(window: Any) -> Callable[..., None]:
    """Return an exit callback: a finished video is kept, a broken one leaves what was there before."""

    def leave(kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            window.close()
        else:
            window.abort()

    return leave


def _headless(options: Options) -> Any:
    from engine.stage.headless import HeadlessWindow

    return HeadlessWindow(options.size or VIDEO_SIZE)


def find_preset(options: Options) -> Preset:
    """Return the preset the options name; UserError when there is none or it is wrong."""
    return presets.find(options.preset, resources.resource("presets"))


def open_song(options: Options) -> songs.Song:
    """Return the song the options name, ``demo`` being the built-in one."""
    name = options.song or "demo"
    shipped = resources.find("presets/songs", name, *SONG_SUFFIXES)
    return songs.load(shipped or Path(name))


def find_model(name: str) -> Path:
    """Return the file of the model called ``name``: a shipped name or a path."""
    shipped = resources.find("presets/models", name, *MODEL_SUFFIXES)
    if shipped is not None:
        return shipped
    if Path(name).exists():
        return Path(name)
    listed = ", ".join(resources.names("presets/models", *MODEL_SUFFIXES))
    raise UserError(f"no model {name!r}: choose one of {listed}, or give a checkpoint file")


def open_model(options: Options, preset: Preset) -> Any:
    """Load the model and make its generator, on CUDA where there is one."""
    import torch

    from engine.generator import checkpoint
    from engine.generator.runtime import EagerGenerator

    path = find_model(options.model or preset.model)
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    return EagerGenerator(checkpoint.build(checkpoint.load(path)), device, options.resolution)


def seeds_to_z(seeds: Iterable[int], z_dim: int) -> NDArray[np.float32]:
    """Return z [n, z_dim] of integer seeds, as StyleGAN's own tools draw them."""
    return np.stack([np.random.RandomState(seed).randn(z_dim) for seed in seeds]).astype(np.float32)


def points(model: Any, preset: Preset, seed: int | None) -> NDArray[np.float32]:
    """Return the path's points [n, num_ws, w_dim]; ``seed`` draws others of the same number."""
    seeds: Iterable[int | str] = preset.latent.seeds
    if seed is not None:
        seeds = [int(s) for s in np.random.default_rng(seed).integers(0, 2**32, len(preset.latent.seeds))]
    numbers = [s for s in seeds if isinstance(s, int)]
    return np.asarray(model.map(seeds_to_z(numbers, model.z_dim)))
