"""What OSC has set: parameters in place of the preset's values, and the lines about what does nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from engine.borders.params import Param, Table
from engine.control.hands.osc_addresses import nearest_address

CLAMPED_SECONDS = 6.0  # s; from one line about a value out of range to the next: faders send hundreds
UNKNOWN = 256  # names that no row has; a show keeps no more
LINES = 2  # a frame; each looks for the nearest name, which takes milliseconds


class Overrides:
    """The parameters that OSC has set, until panic."""

    def __init__(self, table: Table, notify: Callable[[str], None]) -> None:
        self.table = table  # the rows that play
        self.values: dict[str, float] = {}
        self._notify = notify
        self._untold: deque[tuple[str, str]] = deque()  # addresses and names that do nothing, and why
        self._unknown: set[str] = set()  # names that were set and that no row had
        self._clamped_at = -CLAMPED_SECONDS

    def set(self, name: str, value: float, time: float) -> None:
        """Keep what is set at ``time``. A name that no row has at present does nothing until the row comes."""
        if name in self.table:
            self.values[name] = self._clamp(self.table[name], value, time)
        elif name in self._unknown or len(self._unknown) < UNKNOWN:
            self.values[name] = value
            if name not in self._unknown:
                self._unknown.add(name)
                self._untold.append((name, ""))

    def tell(self, refused: Iterable[tuple[str, str]]) -> None:
        """Tell of addresses, or names of parameters, that do nothing, with the nearest that does; some at a time."""
        self._untold.extend(refused)
        for _ in range(min(len(self._untold), LINES)):
            self._refuse(*self._untold.popleft())

    def _refuse(self, address: str, why: str) -> None:
        if why:
            self._notify(f"OSC: {address}: {why}")
        elif address.startswith("/"):
            self._notify(f"OSC: nothing answers to {address!r}; {nearest_address(address, self.table)}")
        else:
            self._notify(f"OSC: no parameter {address!r} plays at present; {self.table.nearest(address)}")

    def _clamp(self, param: Param, value: float, time: float) -> float:
        """Return the value in the parameter's range; a line tells of one outside, though not each time."""
        if not param.low <= value <= param.high and time - self._clamped_at >= CLAMPED_SECONDS:
            self._clamped_at = time
            ends = f"{param.low:g} to {param.high:g}"
            self._notify(f"OSC: {param.name} {value:g} is outside {ends}; taken as {param.clamp(value):g}")
        return param.clamp(value)
