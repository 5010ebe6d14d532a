"""The composition root: opens, names and closes every part. The only file that knows them all.

``live``, ``rehearse``, ``render`` and ``bench`` differ in which clock, ears and window the rig holds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import resources
from engine.audio import song as songs
from engine.audio.player import open_player
from engine.backstage import Backstage, NoCues, Ready
from engine.clock import FixedClock, LiveClock, SongClock, Tick
from engine.control import preset as presets
from engine.control.controls import Controls
from engine.control.desk import Desk
from engine.control.hands import Hands
from engine.control.keyboard import Keyboard
from engine.control.params import Params
from engine.control.preset import Preset
from engine.control.setlist import Entry, Setlist
from engine.errors import UserError
from engine.latent import path as paths
from engine.latent.crossing import Crossing
from engine.meter import Meter
from engine.options import Options
from engine.protocols import Ears, Window
from engine.stage.notices import Notices
from engine.stage.overlay import Overlay, Scene
from engine.stage.telemetry import Telemetry

MODEL_SUFFIXES = (".safetensors", ".pkl", ".pt")
SONG_SUFFIXES = (".ogg", ".flac", ".wav", ".opus", ".mp3")
VIDEO_SIZE = (720, 720)
VIDEO_FPS = 30.0
FADE = "crossfade.amount"
FADE_FRAMES = 6  # a crossfade between two models takes at least so many
SWAP_SECONDS = 0.3  # the shortest crossfade between two models: even a cut does not jump
GHOST_LINES = 3


@dataclass
class Rig:
    """Every part of a show, by the name the loop calls it."""

    clock: Iterable[Tick]
    setlist: Any  # poll(tick) -> Ready | None
    cue: Callable[[Ready], None]
    ears: Ears
    hands: Any  # read(tick) -> Controls
    routing: Callable[[Any, Controls, Tick], Params]
    path: Callable[[Params, Tick], NDArray[np.float32]]
    generator: Callable[[NDArray[np.float32], Params, Tick], Any]
    compositor: Callable[[Any, Params, Scene, Tick], Any]
    overlay: Callable[[Tick, NDArray[np.float32], Params], Scene]
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
            headless(options) if options.headless
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
        notices = Notices(notify, meter.event)
        desk = Desk(preset, options.seed or 0)
        setlist = Setlist((Entry(options.preset),), resources.resource("presets"), notices.post, desk.beat)
        hands = Hands(Keyboard(window.keys), setlist, notices.post)
        rig = assemble(options, preset, model, window, songs.SongEars(song), clock, meter, stack, desk,
                       hands, setlist, notices)
        if notice:
            notices.post(notice)
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
        window = VideoWindow(options.output, size, fps, song.samples, song.samplerate, (clock.frames or 0) / fps)
        stack.push(_finish_or_abort(window))
        model = open_model(options, preset)
        model.settle()  # one backend from the first frame to the last
        meter = Meter(options.trace)
        return assemble(options, preset, model, window, songs.SongEars(song), progress(clock), meter, stack)


def open_bench(options: Options, between: Callable[[Any, FixedClock], Iterable[Tick]]) -> Rig:
    """Open the same loop on a fixed clock with no devices. ``between(model, clock)`` may time other things."""
    preset, song = find_preset(options), open_song(options)
    fps = options.fps or 60.0
    clock = FixedClock(fps, options.frames / fps if options.frames else options.seconds)
    with contextlib.ExitStack() as stack:
        window = headless(options)
        stack.callback(window.close)
        model = open_model(options, preset)
        model.settle()  # one backend from the first frame to the last
        meter = Meter(options.trace)
        return assemble(
            options, preset, model, window, songs.SongEars(song), between(model, clock), meter, stack
        )


def assemble(
    options: Options, preset: Preset, model: Any, window: Any, ears: Ears,
    clock: Iterable[Tick], meter: Meter, stack: contextlib.ExitStack, desk: Desk | None = None,
    hands: Any = None, setlist: Setlist | None = None, notices: Notices | None = None,
) -> Rig:
    """Put the parts together, every stage of the frame timed by the meter.

    Without ``hands`` the window's keys are only sources; without ``setlist`` the preset is never changed.
    """
    desk, notices = desk or Desk(preset, options.seed or 0), notices or Notices()
    path = Crossing(make_path(options, preset, model), lambda: desk.share)
    meter.position = lambda: path.t
    stage = _Stage(window, model, preset, meter, notices.post)
    stage.warm()
    cues: Any = NoCues()
    if setlist is not None:
        cues = Backstage(setlist, lambda wanted: _differs(options, stage, wanted),
                         lambda wanted: _prepare(options, stage, wanted, path.t), notices.post)

    def take(ready: Ready) -> None:
        """Change to a preset whose parts are ready."""
        desk.cue(ready.cue.preset, ready.cue.seconds)
        if ready.parts is not None:
            fresh, journey = ready.parts
            path.take(journey, cut=ready.cue.seconds <= 0.0 or fresh is not stage.model)
            stage.swap(fresh, ready.cue.seconds)
        stage.take(ready.cue.preset)

    hands = hands or Keyboard(window.keys)
    telemetry = Telemetry()
    scene = Overlay(lambda: telemetry.latest, _lines(notices, hands, desk))
    stack.callback(telemetry.close)
    stack.callback(ears.close)
    stack.callback(meter.close)
    return Rig(
        clock=clock,
        setlist=cues,
        cue=take,
        ears=_Timed(ears, "latest", "control", meter),
        hands=_Timed(hands, "read", "control", meter),
        routing=meter.timed("control", desk),
        path=meter.timed("latent", path),
        generator=meter.timed("generator", stage.imagine),
        compositor=stage.compose,
        overlay=meter.timed("composite", lambda tick, ws, params: scene(tick, ws, params, path.t)),
        window=_Timed(window, "present", "present", meter),
        meter=meter,
        preset=preset,
        model=model,
        closing=stack.pop_all(),
    )


class _Stage:
    """The parts of the picture that a cue can change: the model and the passes."""

    def __init__(
        self, window: Any, model: Any, preset: Preset, meter: Meter, notify: Callable[[str], None]
    ) -> None:
        self.model, self.preset = model, preset
        from engine.stage.compositor import Compositor

        self._compositor = Compositor(window, _with_fade(preset.passes), notify=notify)
        self._upload = meter.timed("upload", self._compositor.upload)
        self._draw = meter.timed("composite", self._compositor.draw)
        self._shown: tuple[Params, Tick] | None = None
        self._fade, self._left = 0.0, 0.0  # seconds of a crossfade, in all and still to come

    def warm(self) -> None:
        """Do once, unseen, what is slow the first time: the show's first frame is then like the others."""
        params, ws = Params(), np.repeat(self.model.w_avg[None], self.model.num_ws, axis=0)
        self.model.warps.begin(params, 0.0, 0.0)
        self._compositor(self.model(ws, params), params, (), Tick(0, 0.0, 0.0))

    def take(self, preset: Preset) -> None:
        """Draw by the preset's passes from now on."""
        if preset.passes != self.preset.passes:
            self._compositor.change(_with_fade(preset.passes))
        self.preset = preset

    def swap(self, model: Any, seconds: float) -> None:
        """Play ``model`` from the next frame on; its picture comes through the old one's in ``seconds``."""
        if model is self.model:
            return
        self.model = model
        self._fade = self._left = max(seconds, SWAP_SECONDS)
        if self._shown is not None:  # once more the old frame, for the crossfade to hold; it is not presented
            params, tick = self._shown
            self._draw(params | {FADE: 1.0}, Scene(), replace(tick, dt=0.0))

    def imagine(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> Any:
        """Return the model's frame, bent as the knobs say."""
        self.model.warps.begin(params, tick.time, tick.dt)
        return self.model(ws, params)

    def compose(self, frame: Any, params: Params, overlay: Scene, tick: Tick) -> Any:
        """Return the picture."""
        self._upload(frame)
        if self._left > 0.0:
            params = params | {FADE: max(params[FADE], self._left / self._fade)}
            self._left -= min(tick.dt, self._fade / FADE_FRAMES)  # a slow show fades longer rather than jump
        self._shown = params, tick
        return self._draw(params, overlay, tick)


def _with_fade(passes: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``passes`` with the one that a change of model needs; it costs nothing while it is off."""
    return passes if "crossfade" in passes else (*passes, "crossfade")


def _differs(options: Options, stage: _Stage, wanted: Preset) -> bool:
    """Return whether ``wanted`` needs another model or another path; UserError when it does not fit the model."""
    if stage.preset.latent != wanted.latent or _other_model(options, stage.preset, wanted):
        return True
    _check(wanted, stage.model)
    return False


def _other_model(options: Options, playing: Preset, wanted: Preset) -> bool:
    return options.model is None and playing.model != wanted.model


def _prepare(options: Options, stage: _Stage, wanted: Preset, t: float) -> tuple[Any, paths.Path]:
    """Load what ``wanted`` needs, in any thread; the path goes on from ``t``."""
    model = open_model(options, wanted) if _other_model(options, stage.preset, wanted) else stage.model
    return model, make_path(options, wanted, model, t)


def make_path(options: Options, preset: Preset, model: Any, t: float = 0.0) -> paths.Path:
    """Return the path that the preset asks for through the model's latent space, beginning at ``t``."""
    from engine.generator import latents

    _check(preset, model)
    return latents.open_path(model, preset, options.seed, t)


def _check(preset: Preset, model: Any) -> None:
    """UserError when the preset names layers that the model does not have."""
    from engine.generator import warp

    warp.check_layers(preset.params, model.model_resolution, str(preset.path or preset.name))


def _lines(notices: Notices, hands: Any, desk: Desk) -> Callable[[Tick], tuple[str, ...]]:
    """Return what the overlay says: notices, the state of the hands, and knobs that wait to be met."""

    def overlay(tick: Tick) -> tuple[str, ...]:
        told = hands.lines() if hasattr(hands, "lines") else ()
        waiting = (f"{name}: knob at {knob:.0%}, waits at {ghost:.0%}" for name, (knob, ghost) in desk.ghosts().items())
        return (*notices(tick), *told, *list(waiting)[:GHOST_LINES])

    return overlay


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


def headless(options: Options) -> Any:
    """Return a window that is not there, of the size asked for."""
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
    """Load the model and make its generator, on CUDA where there is one.

    It can paint at once; a faster backend may still be under way and takes over between two frames. Call
    ``settle()`` to wait for that.
    """
    from engine.generator import checkpoint

    found = checkpoint.load(find_model(options.model or preset.model))  # a bad file is refused before torch is loaded
    import torch

    from engine.generator.select import open_generator

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    return open_generator(
        checkpoint.build(found),
        device=device, backend=options.backend, precision=options.precision, resolution=options.resolution,
    )
