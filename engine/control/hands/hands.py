"""The performer's hands: keys, MIDI and OSC, merged into one Controls a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any, Protocol

from engine.borders.controls import Controls
from engine.borders.params import Param, Table
from engine.borders.tick import Tick
from engine.control.hands.commands import KEYS
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.learn import Binding, Learn
from engine.control.hands.midi_messages import Message
from engine.control.hands.profiles import Profiles
from engine.control.hands.surface import Move, Surface
from engine.control.routing.beat import MidiClock, Taps

CLAMPED_SECONDS = 6.0  # between lines about OSC values out of range: faders send hundreds
UNKNOWN = 256  # names by OSC that no row has; a show keeps no more
FACTORS = (0.25, 4.0)  # how far the heard tempo can be halved and doubled


class Cues(Protocol):
    """What the hands need of a setlist."""

    def next(self) -> None: ...  # noqa: D102
    def previous(self) -> None: ...  # noqa: D102
    def go(self, cue: int | str) -> None: ...  # noqa: D102


class MidiPorts(Protocol):
    """What the hands need of MIDI: what came, which ports went, and a way to light lights."""

    @property
    def ports(self) -> tuple[str, ...]: ...  # noqa: D102
    def poll(self) -> Iterable[Any]: ...  # noqa: D102
    def gone(self) -> Iterable[str]: ...  # noqa: D102
    def send(self, port: str, octets: tuple[int, ...]) -> None: ...  # noqa: D102


class Hands:
    """Reads everything the performer can touch, once a frame."""

    def __init__(
        self,
        keyboard: Keyboard,
        cues: Cues,
        notify: Callable[[str], None],
        table: Table,
        midi: MidiPorts | None = None,
        osc: Any = None,
        profiles: Profiles | None = None,
    ) -> None:
        """``table`` has the rows that play, ``profiles`` name MIDI's controls.

        ``midi`` and ``osc`` are None where there is none.
        """
        self._keyboard, self._cues, self._notify = keyboard, cues, notify
        self._midi, self._osc, self._profiles = midi, osc, profiles
        self._table = table
        self.learn = Learn(table)
        self._surfaces: dict[str, Surface] = {}
        self._values: dict[str, float] = {}
        self._overrides: dict[str, float] = {}
        self._taps, self._clock = Taps(), MidiClock()
        self._unknown: set[str] = set()  # names that OSC has set and no row had
        self._factor = 1.0
        self._blackout = self._freeze = False
        self._edges: list[str] = []
        self._commands: list[str] = []
        self._offset: float | None = None  # from the rig's clock to MIDI's monotonic seconds
        self._last_moved: str | None = None
        self._clamped_at = -CLAMPED_SECONDS

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the names of the open MIDI ports."""
        return self._midi.ports if self._midi is not None else ()

    @property
    def last_moved(self) -> str | None:
        """Return the last MIDI control that moved, for the soundcheck and the overlay."""
        return self._last_moved

    def read(self, tick: Tick) -> Controls:
        """Return where everything stands, and what was pressed and asked for since the last call."""
        self._edges, self._commands = [], []
        keys = self._keyboard.read(tick)
        self._values |= keys.values
        for edge in keys.edges:
            self._press(edge)
            self._ask(KEYS.get(edge.removeprefix("key.")), tick)
        self._read_midi(tick)
        self._read_osc(tick)
        self._light()
        return Controls(
            values=MappingProxyType(dict(self._values)),
            edges=tuple(self._edges),
            commands=tuple(self._commands),
            overrides=MappingProxyType(dict(self._overrides)),
            bindings=MappingProxyType(self._bindings()),
            tempo=self._clock_tempo(tick) or self._taps.tempo(tick.time),
            tempo_factor=self._factor,
            blackout=self._blackout,
            freeze=self._freeze,
        )

    def lines(self) -> tuple[str, ...]:
        """Return what the overlay says about the hands."""
        return tuple(line for line in (*self.states(), self.learn.line) if line)

    def states(self) -> tuple[str, ...]:
        """Return the switches that are on, in a word each."""
        return ("blackout",) * self._blackout + ("frozen",) * self._freeze

    def choose(self, target: str) -> None:
        """Take a parameter for MIDI learn, as when it is clicked on the overlay."""
        self._keep(self.learn.select(target))

    def _read_midi(self, tick: Tick) -> None:
        if self._midi is None:
            return
        for port in self._midi.gone():
            if port in self._surfaces:
                for move in self._surfaces[port].unplug():
                    self._move(move)
        for received in self._midi.poll():
            # The last message of a frame came a moment before it: the smallest difference is the truest.
            offset = received.time - tick.time
            self._offset = offset if self._offset is None else max(self._offset, offset)
            for heard in self._surface(received.port).hear(received.octets, received.time):
                if isinstance(heard, Message):
                    self._system(heard, received.time)
                else:
                    self._move(heard)
                    self.learn.hear(received.port, heard.address)
                    if heard.pressed:
                        self._ask(self._surface(received.port).profile.commands.get(heard.address), tick)

    def _surface(self, port: str) -> Surface:
        if port not in self._surfaces:
            from engine.control.hands.profile import Profile

            self._surfaces[port] = Surface(port, self._profiles.find(port) if self._profiles else Profile(port))
        return self._surfaces[port]

    def _system(self, message: Message, time: float) -> None:
        if message.kind in ("clock", "start", "continue", "stop"):
            self._clock.hear(message.kind, time)
        elif message.kind == "program":
            self._cues.go(message.data[0])

    def _move(self, move: Move) -> None:
        self._values |= dict.fromkeys(move.keys, move.value)
        self._last_moved = f"{move.source} {move.value:.2f}"
        if move.pressed:
            for name in move.keys:
                self._press(name)

    def _press(self, name: str) -> None:
        """Note that something went down, and turn its toggle over."""
        self._edges.append(name)
        toggle = f"{name}.toggle"
        self._values[toggle] = 1.0 - self._values.get(toggle, 0.0)

    def _read_osc(self, tick: Tick) -> None:
        for asked in self._osc.poll() if self._osc is not None else ():
            if asked.kind == "params":
                self._override(asked.name, asked.value, tick)
            elif asked.kind == "control":
                self._values[f"osc.{asked.name}"] = asked.value
            elif asked.kind == "command":
                self._ask(asked.name, tick)
            else:
                self._cues.go(asked.name or int(asked.value))

    def _override(self, name: str, value: float, tick: Tick) -> None:
        """Keep what OSC sets. A name that no row has at present does nothing until the row comes."""
        if name in self._table:
            self._overrides[name] = self._clamp(self._table[name], value, tick)
        elif name in self._unknown or len(self._unknown) < UNKNOWN:
            self._overrides[name] = value
            if name not in self._unknown:
                self._unknown.add(name)
                self._notify(f"OSC: no parameter {name!r} plays at present; {self._table.nearest(name)}")

    def _clamp(self, param: Param, value: float, tick: Tick) -> float:
        """Return the value in the parameter's range, telling where it was not, but not each time."""
        if not param.low <= value <= param.high and tick.time - self._clamped_at >= CLAMPED_SECONDS:
            self._clamped_at = tick.time
            ends = f"{param.low:g} to {param.high:g}"
            self._notify(f"OSC: {param.name} {value:g} is outside {ends}; taken as {param.clamp(value):g}")
        return param.clamp(value)

    def _ask(self, command: str | None, tick: Tick) -> None:
        """Carry out a command; all are told to the desk and the service as well, some concern only them."""
        if command is None:
            return
        self._commands.append(command)
        if command == "panic":
            self._panic()
        elif command == "blackout":
            self._blackout = not self._blackout
        elif command == "freeze":
            self._freeze = not self._freeze
        elif command.startswith("cue."):
            (self._cues.next if command == "cue.next" else self._cues.previous)()
        elif command.startswith("learn"):
            self._learn(command)
        elif command == "tap" or command.startswith("tempo."):
            self._tempo(command, tick)

    def _panic(self) -> None:
        """Take every switch, toggle and OSC value back; what hands still hold stays held."""
        self._blackout = self._freeze = False
        self._overrides = {}
        self._values = {name: value for name, value in self._values.items() if not name.endswith(".toggle")}
        self.learn.cancel()

    def _learn(self, command: str) -> None:
        if command == "learn":
            self._keep(self.learn.toggle())
        elif command == "learn.cancel":
            self.learn.cancel()
        else:
            self.learn.step(1 if command == "learn.next" else -1)

    def _keep(self, binding: Binding | None) -> None:
        """Keep what was learned, for this show and the next."""
        if binding is None or self._profiles is None:
            return
        profile = self._profiles.bind(binding.port, binding.target, binding.address)
        self._surface(binding.port).learn(profile)
        self._notify(f"learned: {binding.address} on {binding.port} is {binding.target}")

    def _tempo(self, command: str, tick: Tick) -> None:
        if command == "tap":
            self._taps.tap(tick.time)
        elif command == "tempo.auto":
            self._taps.clear()
            self._factor = 1.0
        else:
            factor = 2.0 if command == "tempo.double" else 0.5
            self._taps.scale(factor)
            self._factor = min(max(self._factor * factor, FACTORS[0]), FACTORS[1])

    def _clock_tempo(self, tick: Tick) -> Any:
        return self._clock.tempo(tick.time + self._offset) if self._offset is not None else None

    def _bindings(self) -> dict[str, str]:
        """Return {parameter: source} of every controller's learned bindings."""
        found: dict[str, str] = {}
        for surface in self._surfaces.values():
            names = surface.profile.names()
            for target, address in surface.profile.bindings.items():
                found[target] = f"midi.{names.get(address, address)}"
        return found

    def _light(self) -> None:
        """Light the buttons whose toggle is on, where the profile says how."""
        if self._midi is None:
            return
        for surface in self._surfaces.values():
            on = {name: self._values.get(f"midi.{name}.toggle", 0.0) > 0.0 for name in surface.profile.leds}
            for octets in surface.lights(on):
                self._midi.send(surface.port, octets)
