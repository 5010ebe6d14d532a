"""What the performer sees of the show, and where: in the operator's window, or over the picture on the wall."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.borders.errors import UserError
from engine.borders.faults import Faults
from engine.borders.moment import Moment
from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.control.routing.desk import Desk
from engine.show.meter import Meter
from engine.show.service import Service
from engine.stage.operator import layout as board
from engine.stage.operator.notices import Notices
from engine.stage.operator.sheet import Sheet
from engine.stage.operator.status import Status

if TYPE_CHECKING:
    from engine.stage.operator.window import Operator

PERIOD = 0.05  # s between two looks: the performer reads, the audience does not
SHARE = 0.1  # of the time that the operator's window may take: where it is slow it is drawn less often
GHOST_LINES = 3
Figures = Callable[[], tuple[tuple[str, str], ...]]


class Cockpit:
    """Shows where everything stands. ``lines`` and ``panel`` are for the wall, ``__call__`` serves a frame.

    While the operator's window is open the wall stays clean, unless the head-up panel is asked for as well.
    """

    def __init__(
        self, window: Any, meter: Meter, desk: Desk, notices: Notices, hands: Any = None, setlist: Any = None,
        states: Callable[[], tuple[str, ...]] = lambda: (), figures: Figures = lambda: (),
    ) -> None:
        """``states`` are words such as "flash guard off", ``figures`` more numbers by name; both in short."""
        self._window, self._meter, self._desk, self._notices = window, meter, desk, notices
        self._hands: Any = hands if hasattr(hands, "learn") else None
        self._setlist, self._states, self._figures = setlist, states, figures
        self._operator: Operator | None = None
        self._headup = False
        self._params = Params({}, desk.table)
        self._sheet: Sheet | None = None
        self._drawn_at = self._looked_at = -PERIOD

    def attend(self, service: Service, faults: Faults) -> None:
        """Look at every frame, and open and close at the performer's keys."""
        service.on("operator", self.toggle_operator)
        service.on("overlay", self.toggle_headup)
        service.watch(lambda moment: faults.attempt("the operator's window", lambda: self(moment)))

    def open(self, display: str = "") -> None:
        """Open the operator's window, on ``display`` if one is named; UserError when that cannot be."""
        if not hasattr(self._window, "handle"):
            raise UserError("--operator: there is no window beside which it could open (--headless)")
        from engine.stage.operator.window import Operator

        self._operator = Operator(self._window, display)

    def toggle_operator(self, moment: Moment) -> None:
        """Open the operator's window, or close it."""
        if self._operator is not None:
            self._close_operator()
            return
        try:
            self.open()
        except UserError as error:
            self._notices.post(str(error))

    def toggle_headup(self, moment: Moment) -> None:
        """Show the compact panel over the picture, or take it away."""
        self._headup = not self._headup

    def lines(self, tick: Tick) -> tuple[str, ...]:
        """Return what is written on the wall: notices, the state of the hands, and knobs that wait to be met."""
        posted = self._notices(tick)
        if self._operator is not None and not self._headup:
            return ()
        told = self._hands.lines() if self._hands is not None else ()
        if self._shows_panel():
            return (*posted, *self._states())
        waiting = (f"{name}: knob at {at:.0%}, waits at {ghost:.0%}" for name, (at, ghost) in self._ghosts().items())
        return (*posted, *told, *self._states(), *list(waiting)[:GHOST_LINES])

    def panel(self, tick: Tick) -> Sheet | None:
        """Return the panel over the picture, None where there is none; it is a new one when it has changed."""
        if not self._shows_panel():
            self._sheet = None
        elif self._sheet is None or self._sheet.size != self._window.size or self._due(self._looked_at, tick):
            self._looked_at = tick.time
            self._sheet = board.headup(self._status(), self._window.size)
        return self._sheet

    def __call__(self, moment: Moment) -> None:
        """Take clicks, and draw the operator's window if it is time."""
        self._params = moment.params
        if hasattr(self._window, "point"):
            self._window.point(self._sheet is not None and self._learning() is not None)
            clicked = [self._sheet.hit(*at) if self._sheet is not None else None for at in self._window.clicks()]
            self._choose(clicked)
        if self._operator is None:
            return
        self._choose(self._operator.chosen())
        if self._operator.closed:
            self._close_operator()
        elif self._due(self._drawn_at, moment.tick, max(PERIOD, self._operator.cost / SHARE)):
            self._drawn_at = moment.tick.time
            self._operator.draw(self._status())

    def _due(self, last: float, tick: Tick, period: float = PERIOD) -> bool:
        return not last <= tick.time < last + period  # before it: the song began anew

    def _choose(self, clicked: Any) -> None:
        for name in clicked:
            if name and self._learning() is not None:
                self._hands.choose(name)

    def _learning(self) -> str | None:
        learn = self._hands.learn if self._hands is not None else None
        return learn.target if learn is not None and learn.active else None

    def _shows_panel(self) -> bool:
        return self._headup or (self._operator is None and self._learning() is not None)

    def _ghosts(self) -> dict[str, tuple[float, float]]:
        return self._desk.ghosts()

    def _status(self) -> Status:
        meter, preset, learning = self._meter, self._desk.preset, self._learning()
        gaps = meter.lately()
        recent = gaps[-30:]
        return Status(
            cue=preset.name,
            place=_place(self._setlist),
            fps=len(recent) / sum(recent) if sum(recent) > 0.0 else 0.0,
            wanted_fps=1.0 / meter.period if meter.period else 0.0,
            late=meter.late,
            missed=meter.missed,
            figures=self._figures(),
            gaps=tuple(gaps),
            features=meter.features,
            params=self._params,
            base=preset.params,
            played=self._desk.played(),
            knobs=self._desk.knobs(self._params),
            learning=learning,
            learn_line=self._hands.learn.line or "" if learning is not None else "",
            states=(*(self._hands.states() if self._hands is not None else ()), *self._states()),
            log=tuple(self._notices.log),
        )

    def _close_operator(self) -> None:
        if self._operator is not None:
            self._operator.close()
            self._operator = None

    def close(self) -> None:
        """Close the operator's window with the show."""
        self._close_operator()


def _place(setlist: Any) -> str:
    """Return where the evening is: the cue's number, and what follows."""
    if setlist is None or len(setlist.names) < 2:
        return ""
    names, index = setlist.names, setlist.index
    return f"cue {index + 1} of {len(names)}, next: {names[(index + 1) % len(names)]}"
