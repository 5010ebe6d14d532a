"""What the performer sees of the show, and where: in the operator's window, or over the picture on the wall."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.borders.contracts import Hands, Window
from engine.borders.door import Door
from engine.borders.errors import Trouble, UserError
from engine.borders.faults import Faults
from engine.borders.moment import Moment
from engine.borders.tick import Tick
from engine.borders.timecode import Timecode
from engine.control.hands.commands import legend
from engine.control.presets.listing import thumbnail_of
from engine.control.presets.setlist import Setlist
from engine.control.routing.beat import tempo_source
from engine.control.routing.desk import Desk
from engine.show.corner_pin import PREFIX as PIN
from engine.show.corner_pin import CornerPin
from engine.show.meter import Meter
from engine.stage.operator import corners as corner_marks
from engine.stage.operator import layout, lines, panes
from engine.stage.operator.notices import Notices
from engine.stage.operator.opening import open_operator
from engine.stage.operator.sheet import Sheet
from engine.stage.operator.status import Portrait, Status
from engine.stage.outputs.bus import Bus
from engine.stage.passes.guard import GUARD_OFF, GUARD_WARNING

if TYPE_CHECKING:
    from engine.stage.operator.window import Operator

PERIOD = 0.05  # s between two looks: the performer reads, the audience does not
MAX_SHARE = 0.1  # of the time; the operator's window takes no more, where it is slow it is drawn less often
GHOST_LINES = 3
PEEK_KEY = "key.N"
PEEK_SECONDS = 6.0  # for which the last lines are shown where no key is held
RECENT = 30  # frames; the rate shown is their mean


class OperatorView:
    """Shows where everything stands. ``lines`` and ``panel`` are for the wall, ``attend`` serves a frame.

    While the operator's window is open the wall stays clean, unless the head-up panel is asked for as well.
    """

    def __init__(
        self,
        window: Window,
        meter: Meter,
        desk: Desk,
        notices: Notices,
        hands: Hands,
        setlist: Setlist | None = None,
        bus: Bus | None = None,
        states: Callable[[], tuple[str, ...]] = tuple,
        faults: Faults | None = None,
        on_wall: bool = False,
        song: Callable[[float], str] | None = None,
        beside: Callable[[], tuple[str, ...]] = tuple,
        doors: Sequence[Door] = (),
        corners: CornerPin | None = None,
        portrait: Callable[[], Portrait | None] | None = None,
    ) -> None:
        """``states`` says in a few words each what is wrong with the picture; ``faults`` keep the show from ours.

        ``on_wall``: the lines are written over the audience's picture as well. Otherwise a key shows them.

        ``song`` says at a time where the song of a rehearsal is, ``beside`` what is done beside the show.
        ``doors`` are open to other programs, ``corners`` are those of the wall's picture. ``portrait`` is the one
        that joins the path.
        """
        self._window, self._meter, self._desk, self._notices = window, meter, desk, notices
        self._hands, self._setlist, self._bus, self._picture_states = hands, setlist, bus, states
        self._faults, self._song, self._beside, self._doors = faults or Faults(), song, beside, doors
        self._corners = corners
        self._portrait = portrait
        self._operator: Operator | None = None
        self._headup, self._on_wall = False, on_wall
        self._peeks, self._peeks_until = False, 0.0  # a key is held that shows the last lines; s, or they are shown
        self._params = desk.held()
        self._asks_keys, self._tempo_from, self._now = False, "", 0.0
        self._code: Timecode | None = None
        self._tiles: tuple[tuple[tuple[str, Path | None], ...], tuple[tuple[str, Path | None], ...]] = ((), ())
        self._sheet: Sheet | None = None
        self._drawn_at = self._looked_at = -PERIOD

    def open(self, display: str = "") -> None:
        """Open the operator's window, on ``display`` if one is named; UserError when that cannot be."""
        self._operator = open_operator(self._window, display)

    def toggle_operator(self, moment: Moment) -> None:
        """Open the operator's window, or close it."""
        if self._operator is not None:
            self.close()
            return
        try:
            self.open()
        except UserError as error:
            self._notices.post(Trouble(str(error)))

    def toggle_headup(self, moment: Moment) -> None:
        """Show the compact panel over the picture, or take it away."""
        self._headup = not self._headup

    def toggle_legend(self, moment: Moment) -> None:
        """Show what the keys do, or take it away."""
        self._asks_keys = not self._asks_keys

    def peek(self, moment: Moment) -> None:
        """Show the last lines over the picture: while their key is held, or for some seconds."""
        if PEEK_KEY not in moment.controls.edges:
            self._peeks_until = moment.tick.time + PEEK_SECONDS

    def nothing(self, tick: Tick) -> tuple[str, ...]:
        """Tell the lines of ``tick``; none is written on the picture."""
        self._notices(tick)
        return ()

    def lines(self, tick: Tick) -> tuple[str, ...]:
        """Return what is written on the wall: nothing but the flash guard's warning, unless lines are asked for.

        Lines are notices, the state of the hands, and knobs that wait to be met.
        """
        posted = self._notices(tick)
        if self._operator is not None and not self._headup and not self._on_wall:
            return ()
        if not self._on_wall:
            return tuple(line for line in (*posted, *self._picture_states()) if line in (GUARD_WARNING, GUARD_OFF))
        if self._shows_panel():
            return (*posted, *self._states())
        ghosts = self._desk.ghosts().items()
        waiting = [f"{name}: knob at {at:.0%}, waits at {ghost:.0%}" for name, (at, ghost) in ghosts]
        return (*posted, *self._hands.lines(), *self._states(), *waiting[:GHOST_LINES])

    def panel(self, tick: Tick) -> Sheet | None:
        """Return the panel over the picture, None where there is none; it is a new one when it has changed."""
        lay_out = self._panel_of(tick)
        if lay_out is None:
            self._sheet = None
        elif self._sheet is None or self._sheet.size != self._window.size or self._due(self._looked_at, tick):
            self._looked_at = tick.time
            self._sheet = lay_out(self._status(), self._window.size)
        return self._sheet

    def _panel_of(self, tick: Tick) -> Callable[[Status, tuple[int, int]], Sheet] | None:
        """Return what lays out the panel that a key has opened over the picture; None: there is none."""
        if self._operator is None and self._hands.searching is not None:
            return panes.search
        if self._operator is None and self._asks_keys:
            return panes.legend
        if self._shows_panel():
            return layout.headup
        if self._operator is None and (self._peeks or tick.time < self._peeks_until):
            return lines.last
        return None

    def attend(self, moment: Moment) -> None:
        """Take clicks, and draw the operator's window if it is time."""
        self._faults.attempt("the operator's window", self._attend, moment)

    def _attend(self, moment: Moment) -> None:
        self._params, self._now, self._code = moment.params, moment.tick.time, moment.controls.timecode
        self._tempo_from = tempo_source(moment.controls.tempo, self._meter.features)
        self._peeks = moment.controls.values.get(PEEK_KEY, 0.0) > 0.0
        sheet = self._sheet
        self._window.point(sheet is not None and self._hands.learning is not None)
        for at in self._window.clicks():
            self._choose((sheet.hit(*at),) if sheet is not None else ())
        if self._operator is None:
            return
        self._choose(self._operator.chosen())
        for name, value in self._operator.turned():
            if self._corners is not None and name.startswith(PIN):
                self._corners.set(name, value)
            else:
                self._hands.set(name, value)
        for corner, place in self._operator.dragged().items():
            if self._corners is not None:
                self._corners.drag(corner, *place)
        if self._operator.closed:
            self.close()
        elif self._due(self._drawn_at, moment.tick, max(PERIOD, self._operator.cost / MAX_SHARE)):
            self._drawn_at = moment.tick.time
            self._operator.draw(self._status())

    def _due(self, last: float, tick: Tick, period: float = PERIOD) -> bool:
        return not last <= tick.time < last + period  # before it: the song began anew

    def _choose(self, clicked: Iterable[str | None]) -> None:
        for name in clicked:
            if self._corners is not None and name == corner_marks.TOGGLE:
                self._corners.toggle()
            elif self._corners is not None and name == corner_marks.RESET:
                self._corners.reset()
            elif name and name.startswith(panes.CUE) and self._setlist is not None:
                self._setlist.go(self._setlist.cues[int(name.removeprefix(panes.CUE))][0])
            elif name and not name.startswith(":") and self._hands.learning is not None:
                self._hands.choose(name)

    def _shows_panel(self) -> bool:
        return self._headup or (self._operator is None and self._hands.learning is not None)

    def _states(self) -> tuple[str, ...]:
        bus = self._bus.states() if self._bus is not None else ()
        return (*self._picture_states(), *bus, *self._beside())

    def _status(self) -> Status:
        meter, preset, learning = self._meter, self._desk.preset, self._hands.learning
        gaps = meter.lately()
        recent = gaps[-RECENT:]
        return Status(
            cue=preset.name,
            place=_place(self._setlist),
            fps=len(recent) / sum(recent) if sum(recent) > 0.0 else 0.0,
            wanted_fps=1.0 / meter.period if meter.period else 0.0,
            late=meter.late,
            missed=meter.missed,
            figures=self._figures(),
            doors=self._opened(),
            gaps=tuple(gaps),
            features=meter.features,
            params=self._params if self._corners is None else self._corners.values(self._params),
            base=preset.params,
            played=self._desk.played(),
            knobs=self._desk.knobs(self._params),
            tempo=self._desk.beat.bpm if self._tempo_from else 0.0,
            tempo_from=self._tempo_from,
            cues=self._cues(),
            cue_at=min(self._setlist.index, len(self._setlist.cues) - 1) if self._setlist is not None else 0,
            cue_wanted=self._setlist.wanted if self._setlist is not None else None,
            goes_on_in=self._setlist.goes_on_in(self._now) if self._setlist is not None else None,
            searched=self._hands.searching,
            legend=legend() if self._asks_keys else (),
            learning=learning,
            learn_line=self._hands.learn_line if learning is not None else "",
            states=(*self._hands.states(), *self._states()),
            corners=None if self._corners is None else self._corners.places(self._params),
            editing=self._corners is not None and self._corners.editing,
            log=tuple(self._notices.log),
            portrait=None if self._portrait is None else self._portrait(),
        )

    def _figures(self) -> tuple[tuple[str, str], ...]:
        """Return where the song is, and what recordings and outputs say of themselves."""
        song = (("song", self._song(self._now)),) if self._song is not None else ()
        return (*song, *(self._bus.figures() if self._bus is not None else ()))

    def _opened(self) -> tuple[tuple[str, str], ...]:
        """Return where a sender's timecode is, and what the doors say of themselves."""
        code = self._code
        timecode = (("timecode", f"{code.label} ({code.rate.name}) {code.state}"),) if code is not None else ()
        return (*timecode, *((door.name, line) for door in self._doors if (line := door.line())))

    def _cues(self) -> tuple[tuple[str, Path | None], ...]:
        """Return the names of the evening's presets and where their thumbnails lie."""
        cues = self._setlist.cues if self._setlist is not None else ()
        if cues != self._tiles[0]:
            self._tiles = cues, tuple((name, thumbnail_of(path) if path else None) for name, path in cues)
        return self._tiles[1]

    def close(self) -> None:
        """Close the operator's window; a second call does nothing."""
        if self._operator is not None:
            self._operator.close()
            self._operator = None


def _place(setlist: Setlist | None) -> str:
    """Return where the evening is: the cue's number, and what follows."""
    if setlist is None or len(setlist.names) < 2:
        return ""
    names, index = setlist.names, setlist.index
    return f"cue {index + 1} of {len(names)}, next: {names[(index + 1) % len(names)]}"
