"""The composition root: opens, names and closes every part. The only file that knows them all.

``live``, ``rehearse``, ``render`` and ``bench`` differ in which clock, ears and window the rig holds.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.songs.player import open_player
from engine.audio.songs.song_ears import SongEars
from engine.audio.songs.soundtrack import SongTrack
from engine.borders.contracts import Ears, Window
from engine.borders.controls import Controls
from engine.borders.cue import Ready
from engine.borders.errors import UserError
from engine.borders.options import Options, size_of
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.control.hands.keyboard import Keyboard
from engine.control.presets.setlist import Setlist
from engine.control.routing.desk import Desk
from engine.latent.crossing import Crossing
from engine.show.clock import FixedClock, LiveClock, SongClock
from engine.show.cue_changes import Changes
from engine.show.cue_loader import Backstage, NoCues
from engine.show.keep_point import Keeper
from engine.show.meter import Meter
from engine.show.open_inputs import keep_presets, open_console
from engine.show.open_outputs import open_bus, open_log, serve
from engine.show.opening import VIDEO_SIZE, find_preset, first_picture, headless, make_path, open_model, open_song
from engine.show.operator_view import Cockpit
from engine.show.pace import keep_pace
from engine.show.picture import Picture
from engine.show.service import Service
from engine.show.table import STANDARD
from engine.stage.desktop.overlay import Overlay, Scene
from engine.stage.operator.notices import Notices
from engine.stage.outputs.bus import Bus
from engine.system import user_folders as settings
from engine.system.telemetry import Telemetry

VIDEO_FPS = 30.0
AHEAD_SECONDS = 5.0  # of a rehearsal's song that are heard before they are due: longer than a machine stalls


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
    service: Service
    meter: Meter
    preset: Preset
    model: Any  # the generator itself, with its sizes and names
    bus: Bus | None = None  # the recording and the outputs
    proof: Any = None  # of a replay: how many frames have the performance's latents
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Rig:
        # What is open stays open: looking through it again and again would cost the collector whole frames.
        gc.collect()
        gc.freeze()
        return self

    def __exit__(self, *error: object) -> None:
        gc.unfreeze()
        self.closing.__exit__(*error)  # type: ignore[arg-type]


def open_rehearsal(options: Options, notify: Callable[[str], None]) -> Rig:
    """Open a song, its player and a window; the picture follows the playback position."""
    song = open_song(options)
    with contextlib.ExitStack() as stack:
        meter = Meter(options.trace, pictures=options.trace_pictures)
        notices = Notices(notify, meter.event)
        console = open_console(options, notices, stack)
        preset = console.setlist.preset
        window: Any = headless(options) if options.headless else _window(options, preset.name)
        stack.callback(window.close)
        fps = options.fps or getattr(window, "refresh_rate", 0.0) or 60.0
        bus = open_bus(options, window, fps, SongTrack(song), notices.post, stack)
        model = open_model(options, preset)
        player, notice = open_player(song, options.mute)
        stack.callback(player.close)
        meter.playback = lambda: player.position
        meter.period = 1.0 / fps
        pace = LiveClock(fps, running=lambda: not window.closed and not player.finished)
        clock = SongClock(lambda: player.position, pace, options.seconds, meter.work_seconds)
        rig = assemble(options, preset, model, window, SongEars(song, ahead=AHEAD_SECONDS), clock, meter, stack,
                       console.desk(options), console.hands(window), console.setlist, notices, bus)
        if notice:
            notices.post(notice)
        player.start()
        return rig


def _window(options: Options, name: str) -> Any:
    from engine.stage.windows.window import GlfwWindow  # not for a show without one: GLFW looks for itself in a process

    full = not options.windowed and options.display is not None
    return GlfwWindow(size_of(options, (960, 960)), f"latentvj: {name}", full, options.display)


def open_render(options: Options, progress: Callable[[FixedClock], Iterable[Tick]]) -> Rig:
    """Open a song and a video file; every frame is rendered, however long it takes."""
    from engine.stage.windows.video_file import VideoWindow

    preset, song = find_preset(options), open_song(options)
    if options.output is None:
        raise UserError("vj render: say where to write the video, -o OUT.mp4")
    fps, size = options.fps or VIDEO_FPS, size_of(options, VIDEO_SIZE)
    seconds = min(options.seconds or song.duration, song.duration)
    clock = FixedClock(fps, seconds)
    with contextlib.ExitStack() as stack:
        window = VideoWindow(options.output, size, fps, song.samples, song.samplerate, (clock.frames or 0) / fps)
        stack.push(finish_or_abort(window))
        model = open_model(options, preset)
        model.settle()  # one backend from the first frame to the last
        meter = Meter(options.trace, pictures=options.trace_pictures)
        return assemble(options, preset, model, window, SongEars(song), progress(clock), meter, stack)


def open_bench(
    options: Options, between: Callable[[Any, FixedClock], Iterable[Tick]], model: Any = None
) -> Rig:
    """Open the same loop on a fixed clock with no devices. ``between(model, clock)`` may time other things.

    ``model`` is played instead of the one that the options name.
    """
    preset, song = find_preset(options), open_song(options)
    fps = options.fps or 60.0
    clock = FixedClock(fps, options.frames / fps if options.frames else options.seconds)
    with contextlib.ExitStack() as stack:
        window = headless(options)
        stack.callback(window.close)
        model = model or open_model(options, preset)
        model.settle()  # one backend from the first frame to the last
        meter = Meter(options.trace, pictures=options.trace_pictures)
        return assemble(
            options, preset, model, window, SongEars(song), between(model, clock), meter, stack
        )


def assemble(
    options: Options, preset: Preset, model: Any, window: Any, ears: Ears,
    clock: Iterable[Tick], meter: Meter, stack: contextlib.ExitStack, desk: Desk | None = None,
    hands: Any = None, setlist: Setlist | None = None, notices: Notices | None = None, bus: Bus | None = None,
    recall: Callable[[Callable[[Preset, float], Any]], Any] | None = None,
) -> Rig:
    """Put the parts together, every stage of the frame timed by the meter.

    Without ``hands`` the window's keys are only sources; without ``setlist`` the preset is never changed.
    ``recall`` makes cues of the past, that are prepared when they are due.
    """
    stack.callback(ears.close)
    desk, notices = desk or Desk(preset, STANDARD, options.seed or 0), notices or Notices()
    hands = hands or Keyboard(window.keys)
    path = Crossing(make_path(options, preset, model), lambda: desk.share)
    meter.position = lambda: path.t
    meter.pixels = window.read_rgba
    picture = Picture(window, model, preset, meter, notices.post, options.flash_guard)
    picture.fill(float(options.fit == "crop"))
    first_picture(picture.warm, model)
    log = None if bus is None else open_log(options, preset, model, ears, bus, notices.post, stack)
    changes = Changes(options, desk, path, picture, log)
    cues: Any = NoCues()
    if setlist is not None:
        cues = Backstage(setlist, changes.needs, changes.prepare, notices.post)
    elif recall is not None:
        cues = recall(changes.prepare)
    service = _attend(options, desk, path, picture, meter, notices, bus, stack)
    cockpit = Cockpit(window, meter, desk, notices, hands, setlist,
                      lambda: (*picture.states(), *(bus.states() if bus is not None else ())),
                      bus.figures if bus is not None else tuple)
    stack.callback(cockpit.close)
    cockpit.attend(service, picture.faults)
    telemetry = Telemetry()
    stack.callback(telemetry.close)
    if options.operator is not None:
        cockpit.open(options.operator)
    if not options.flash_guard:
        notices.post("the flash guard is off: large flashes can trigger seizures")
    scene = Overlay(lambda: telemetry.latest, cockpit.lines, cockpit.panel, picture.faults)
    stack.callback(meter.close)
    return Rig(
        clock=clock,
        setlist=cues,
        cue=changes.take,
        ears=_Timed(ears, "latest", "control", meter),
        hands=_Timed(hands, "read", "control", meter),
        routing=meter.timed("control", desk if log is None else log.heard(desk)),
        path=meter.timed("latent", path if log is None else log.travelled(path)),
        generator=picture.imagine,
        compositor=picture.compose,
        overlay=meter.timed("composite", lambda tick, ws, params: scene(tick, ws, params, path.t)),
        window=_Timed(window, "present", "present", meter),
        service=service,
        meter=meter,
        preset=preset,
        model=model,
        bus=bus,
        closing=stack.pop_all(),
    )


def _attend(
    options: Options, desk: Desk, path: Crossing, picture: Picture, meter: Meter, notices: Notices, bus: Bus | None,
    stack: contextlib.ExitStack,
) -> Service:
    """Return what does, after every frame, what was asked for and what the show needs."""
    service, keeper = Service(), Keeper(settings.data("kept"), lambda: path.point, notices.post)
    stack.callback(keeper.close)
    service.watch(picture.look)
    service.on("keep", keeper.keep)
    keep_presets(service, desk, notices.post, stack)
    keep_pace(options, picture, meter, service, stack)
    if bus is not None:
        picture.tap = meter.timed("outputs", bus)
        serve(service, bus)
    return service


class _Timed:
    """A part whose one busy method is timed; everything else is the part's own."""

    def __init__(self, part: Any, method: str, stage: str, meter: Meter) -> None:
        self._part = part
        setattr(self, method, meter.timed(stage, getattr(part, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def finish_or_abort(window: Any) -> Callable[..., None]:
    """Return an exit callback: a finished video is kept, a broken one leaves what was there before."""

    def leave(kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            window.close()
        else:
            window.abort()

    return leave
