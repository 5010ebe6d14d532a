"""What a command opens for a show, before the rest is put around it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Cues, Ears, Hands, Model, Path, Window
from engine.borders.controls import Controls
from engine.borders.cue import PreparedCue
from engine.borders.door import Door
from engine.borders.features import AudioFeatures
from engine.borders.made import Before
from engine.borders.options import ShowOptions, StageOptions
from engine.borders.params import Params, Table
from engine.borders.preset import Preset
from engine.borders.standing import Standing
from engine.borders.tick import Tick
from engine.borders.video import Seen
from engine.control.presets.setlist import Setlist
from engine.control.routing.desk import Desk
from engine.gesture.chased import Chased
from engine.gesture.reader import LoggedFrame
from engine.gesture.writer import GestureLog
from engine.show.arrivals import Arrivals
from engine.show.corner_pin import CornerPin
from engine.show.meter import Meter
from engine.stage.desktop.overlay import Scene
from engine.stage.operator.notices import Notices
from engine.stage.outputs.bus import Bus
from engine.system.watch import Watch

Route = Callable[[AudioFeatures, Controls, Tick], Params]
Travel = Callable[[Params, Tick], NDArray[np.float32]]
Prepare = Callable[[Preset, float | None], PreparedCue]  # what a preset plays with, its path beginning there
Overlay = Callable[[Tick, NDArray[np.float32], Params, float], Scene]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What differs between commands. ``stage`` are the options of a show that is played by hand, None of a render."""

    options: ShowOptions
    stage: StageOptions | None = None
    preset: Preset
    table: Table  # the rows of every preset; the desk has those that the model and the passes bring as well
    model: Model
    window: Window
    ears: Ears
    hands: Hands
    desk: Desk
    clock: Iterable[Tick]
    before: Before = field(default_factory=Before)  # the frames of the film before the clock's
    meter: Meter
    notices: Notices = field(default_factory=Notices)
    setlist: Setlist | None = None
    now: Callable[[], float] | None = None  # s; the show's time of a picture drawn now: it is drawn by late latching
    arrivals: Arrivals | None = None  # what a picture does not wait its time for
    logged: tuple[LoggedFrame, ...] = ()  # of a performance: what its pictures were drawn with
    chased: Chased | None = None  # a performance that is played again under a show's clock
    past: Callable[[Prepare], Cues] | None = None  # makes the cues of a performance that is played again
    joined: Callable[[Path], Travel] | None = None  # travels a path that points joined in that performance
    bus: Bus | None = None  # the recording and the outputs
    corners: CornerPin | None = None  # of the wall's picture
    video: Seen | None = None  # what a camera or a film shows
    doors: tuple[Door, ...] = ()  # to other programs
    song: Callable[[float], str] | None = None  # says where a rehearsal's song is at a time of the show
    log: GestureLog | None = None
    journal: FilePath | None = None  # where the show stands is written there, every second
    standing: Standing | None = None  # where to take the show up
    supervisor: Watch | None = None  # the memory that the show shares with it
    watch: Callable[[Travel], Travel] | None = None  # looks at every ws
    attended: bool = True  # commands such as keep and record are carried out
    film: bool = False  # the pictures become a film: nothing is written on them
    stack: contextlib.ExitStack  # what is open is closed with it
