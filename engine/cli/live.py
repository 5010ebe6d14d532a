"""``vj live``: the show. Opens the input, the controllers and the window, and performs."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from engine.audio.inputs.capture import LiveEars
from engine.audio.inputs.channels import spoken
from engine.audio.inputs.devices import AudioDevice
from engine.audio.inputs.inputs import DEFAULT
from engine.audio.inputs.timecode_tap import TimecodeTap
from engine.audio.songs.soundtrack import LiveTrack
from engine.borders.contracts import Ears, Window
from engine.borders.errors import UserError
from engine.borders.options import StageOptions, parse_label
from engine.cli import arguments, chase, remembered
from engine.cli.conclusion import goes_on, play
from engine.cli.say import say, voice
from engine.cli.supervise import supervise
from engine.control.timing.show_timecode import SentTimecode
from engine.gesture.chased import Chased, ChasedEars, ChasedHands
from engine.rig import Rig, assemble
from engine.show.arrivals import Arrivals
from engine.show.clock import LiveClock
from engine.show.journal import journal_path, last_standing
from engine.show.meter import Events
from engine.show.open_corners import open_corners
from engine.show.open_doors import open_doors
from engine.show.open_inputs import Inputs, open_inputs
from engine.show.open_outputs import begin_log, open_bus, open_log
from engine.show.open_video import seen_as
from engine.show.open_window import fill_wall, open_window, rate_of, tell_first
from engine.show.opening import open_meter, open_model
from engine.show.parts import Parts
from engine.show.resuming import begin_setlist, resumed_options, returned
from engine.show.table import playing_table
from engine.stage.operator.notices import Notices
from engine.system import hang, start_ahead, user_folders
from engine.system.awake import Awake
from engine.system.last_good import last_good
from engine.system.watch import attached, life_of

CHANNELS = "channels of {}"  # the name under which an input's channels are remembered
SWITCH_SECONDS = 0.001  # s; Python hands its lock on this often, for the ears must not wait 5 ms for a busy loop


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions(StageOptions):
    """The options of a live show."""

    audio_in: str | None = None  # a part of the input's name, or "default"
    channels: tuple[int, ...] = ()  # of the input, from 1; empty: what is remembered of the device, or the first two
    resume: bool = False  # takes up the last show
    supervise: bool = False  # a process beside it brings the show back when it dies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj live`` takes."""
    arguments.add_audio_in(parser)
    arguments.add_video_in(parser)
    arguments.add_hands(parser)
    arguments.add_show(parser)
    arguments.add_window(parser)
    arguments.add_keeping(parser)
    parser.add_argument(
        "--supervise", action="store_true", help="a process beside the show brings it back within seconds when it dies"
    )
    remembered.add_forget(parser)
    parser.add_argument(
        "--replay", type=arguments.path, metavar="F.jsonl", help="perform a gesture log again under --timecode"
    )
    parser.add_argument(
        "--replay-at", type=parse_label, metavar="TIME", help="the label where its show or song began (as it was, or 0)"
    )
    parser.add_argument("--resume", action="store_true", help="take up last night's state: preset, knobs, place, tempo")


def run(args: argparse.Namespace) -> int:
    """Perform, and say how it went."""
    options = arguments.options_of(args, LiveOptions)
    chase.check(options)
    if options.supervise and attached() is None:
        return supervise(args.words, options.headless, options.display, options.windowed)
    voice.begin(foreign=True)
    with start_ahead.fetching():
        opened = open_live(options, say)
    return play(opened)


def open_live(
    options: LiveOptions, notify: Callable[[str], None], wrap: Callable[[LiveEars], Ears] | None = None
) -> Rig:
    """Open everything a show needs. UserError names what is not there; ``notify`` gets lines for the performer.

    ``wrap`` returns ears that listen to the ears.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    watch = attached()
    if watch is not None:
        last_good.begin(watch.files)
        hang.tell_where(user_folders.state("hung.txt"), again=life_of(watch) > 0)
    back = returned(watch)  # the show died, and comes back
    standing = back or (last_standing() if options.resume else None)
    with contextlib.ExitStack() as stack:
        events = Events()
        notices = Notices(notify, events.tell)
        stack.enter_context(voice.foreign.told_to(notices.post))
        if standing is not None:
            options = resumed_options(options, standing, notices.post)
        if back is not None and watch is not None:
            options = replace(options, record=options.record if back.recording else None)
            notices.post(f"the show is back: {watch.life[1]}")
        inputs = open_inputs(options, notices, stack, back is not None)
        if standing is not None:
            begin_setlist(inputs.setlist, standing)
        options, chased = chase.chased(options, inputs)
        preset = inputs.setlist.preset if chased is None else chased.first
        ears = open_ears(options, notices.post, back is not None, open_tap(options, inputs, notices.post))
        stack.callback(ears.close)
        place = watch.place if watch is not None and back is not None else None
        window = open_window(options, preset.name, not options.windowed, notices.post, place)
        stack.callback(window.close)
        stack.callback(Awake().close)
        _leave_a_core()
        fps = rate_of(window, options)
        # Where the swap waits for the display a picture that is drawn early is seen no sooner.
        arrivals = None if window.paced else Arrivals(ears.rang, inputs.waiting(window))
        show_clock = _open_clock(options, fps, window, arrivals, back.time if back else 0.0)
        log = open_log(options, notices.post, stack)
        bus = open_bus(options, window, fps, LiveTrack(ears), log, notices.post, stack)
        if back is not None and back.recording and options.record is None:  # the key R had begun it
            bus.record()
        options = fill_wall(options, window.size)
        model = open_model(options, preset)
        table = playing_table(inputs.table, options.shaders, model, preset)
        begin_log(log, options, "live", None, ears.device.samplerate if ears.device else None, preset, model)
        meter = open_meter(
            options, window, 1.0 / fps, events, outputs=True, tell=notices.post, again=life_of(watch) > 0
        )
        rig = assemble(
            Parts(
                options=options,
                stage=options,
                preset=preset,
                table=inputs.table,
                model=model,
                window=window,
                ears=_heard(ears, wrap, chased),
                hands=inputs.hands(window, table)
                if chased is None
                else ChasedHands(chased, inputs.hands(window, table)),
                desk=inputs.desk(options, table, preset),
                setlist=inputs.setlist if chased is None else None,
                chased=chased,
                clock=show_clock,
                now=show_clock.time,
                arrivals=arrivals,
                meter=meter,
                notices=notices,
                bus=bus,
                video=inputs.video,
                corners=open_corners(inputs.table, window, notices.post, stack),
                doors=open_doors(options, inputs, window, meter, stack, chased),
                log=log,
                journal=journal_path() if wrap is None else None,  # a soundcheck is no show
                standing=standing,
                supervisor=watch,
                stack=stack.pop_all(),
            )
        )
        tell_first(window, options, notify)
        remembered.remember_show(rig, options, heard_as(options, ears), seen_as(inputs.video))
        return rig


def _heard(ears: LiveEars, wrap: Callable[[LiveEars], Ears] | None, chased: Chased | None) -> Ears:
    """Return what the show hears by: the input, or what a performance has heard."""
    heard = ears if wrap is None else wrap(ears)
    return heard if chased is None else ChasedEars(chased, heard)


def _open_clock(
    options: LiveOptions, fps: float, window: Window, arrivals: Arrivals | None, begins: float
) -> LiveClock:
    """Return the show's clock; a frame begins early where something arrives."""
    listen = None if arrivals is None else arrivals.wait
    return LiveClock(fps, options.seconds, partial(goes_on, window), listen=listen, begins=begins)


def _leave_a_core() -> None:
    """Keep torch off one core: its threads wait for each other, and with the ears' among them all of them wait."""
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 2) - 1)))


def open_tap(options: LiveOptions, inputs: Inputs, notify: Callable[[str], None]) -> TimecodeTap | None:
    """Return what hears timecode on a channel of the input, None where none is asked for."""
    if options.timecode == "mtc" or not isinstance(inputs.timecode, SentTimecode):
        return None
    return TimecodeTap(int((options.timecode or "").partition(":")[2]), inputs.timecode.put, notify)


def open_ears(
    options: LiveOptions, notify: Callable[[str], None], later: bool = False, timecode: TimecodeTap | None = None
) -> LiveEars:
    """Open the input asked for, or the system's default. What was not asked for now may be plugged in later.

    ``later``: nothing here waits for a sound server.
    """
    asked = options.audio_in is not None and "audio_in" not in options.recalled
    ears = LiveEars(
        options.audio_in,
        notify,
        must_exist=asked,
        channels=lambda device: chosen(options, device),
        later=later,
        timecode=timecode,
    )
    device = ears.device
    if device is not None and options.channels:
        if max(options.channels) > device.channels:
            ears.close()
            raise UserError(
                f"--channels {spoken(options.channels)}: {device.name} has {device.channels}; choose of these"
            )
        user_folders.remember({CHANNELS.format(device.name): spoken(options.channels)})
    if device is not None and (asked or chosen(options, device)):
        kind = ", a loopback" if device.loopback else ""
        which = f", channels {spoken(chosen(options, device))}" if chosen(options, device) else ""
        notify(f"hearing {device.name} ({device.host_api}{kind}{which})")
    return ears


def chosen(options: LiveOptions, device: AudioDevice) -> tuple[int, ...]:
    """Return the channels of a device that are asked for, or remembered of it; none means the first two."""
    if options.channels:
        return options.channels
    kept = user_folders.remembered().get(CHANNELS.format(device.name), "")
    try:
        return arguments.channels(kept) if kept else ()
    except argparse.ArgumentTypeError:  # the file was edited
        return ()


def heard_as(options: LiveOptions, ears: LiveEars) -> str | None:
    """Return the name by which the input is found again, None where there is none yet."""
    if options.audio_in == DEFAULT:
        return DEFAULT
    return None if ears.device is None else ears.device.name
