"""The performer's hands: keys, MIDI and OSC, merged into one Controls a frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType

from engine.borders.controls import Controls, Searched, Tempo
from engine.borders.params import Param, Table
from engine.borders.tick import Tick
from engine.control.hands.commands import KEYS
from engine.control.hands.contracts import CueList, MidiPorts, OscPort
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.learn import Binding, Learn
from engine.control.hands.midi_messages import Message
from engine.control.hands.osc_addresses import nearest_address
from engine.control.hands.profile import Profile
from engine.control.hands.profiles import Profiles
from engine.control.hands.surface import Move, Surface
from engine.control.routing.beat import MidiClock, Taps

CLAMPED_SECONDS = 6.0  # s; from one line about an OSC value out of range to the next: faders send hundreds
UNKNOWN = 256  # names by OSC that no row has; a show keeps no more
DROPPED = 1000  # values replaced by later ones; the first line tells of that many, each next of ten times more
LINES = 2  # a frame; each looks for the nearest name, which takes milliseconds
FACTORS = (0.25, 4.0)  # x; the heard tempo is halved and doubled between these


class Hands:
    """Reads everything the performer can touch, once a frame."""

    def __init__(
        self,
        keyboard: Keyboard,
        cues: CueList,
        notify: Callable[[str], None],
        table: Table,
        midi: MidiPorts | None = None,
        osc: OscPort | None = None,
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
        self._bindings: Mapping[str, str] = MappingProxyType({})
        self._stood: Mapping[str, str] = MappingProxyType({})  # bindings of a show that this one takes up
        self._values: dict[str, float] = {}
        self._overrides: dict[str, float] = {}
        self._untold: deque[tuple[str, str]] = deque()  # addresses and names that do nothing, and why
        self._unknown: set[str] = set()  # names that OSC has set and no row had
        self._taps, self._clock = Taps(), MidiClock()
        self._factor = 1.0
        self._blackout = self._freeze = False
        self._edges: list[str] = []
        self._commands: list[str] = []
        self._offset: float | None = None  # from the rig's clock to MIDI's monotonic seconds
        self._last_moved: str | None = None
        self._clamped_at = -CLAMPED_SECONDS
        self._osc_told = DROPPED  # values; a line tells when more were replaced

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the names of the open MIDI ports."""
        return self._midi.ports if self._midi is not None else ()

    @property
    def last_moved(self) -> str | None:
        """Return the last MIDI control that moved, for the soundcheck and the overlay."""
        return self._last_moved

    @property
    def learning(self) -> str | None:
        """Return the parameter that MIDI learn is for at present, None while nothing is learned."""
        return self.learn.target if self.learn.active else None

    @property
    def searching(self) -> Searched | None:
        """Return what is typed to find a preset, None while nothing is."""
        return self._keyboard.searching

    @property
    def learn_line(self) -> str:
        """Return what to say of learning, empty while nothing is learned."""
        return self.learn.line or ""

    def take(self, table: Table) -> None:
        """Play on the rows of ``table`` from now on: a cue has changed them."""
        self._table = table
        self.learn.take(table)

    def read(self, tick: Tick) -> Controls:
        """Return where everything stands, and what was pressed and asked for since the last call."""
        self._edges, self._commands = [], []
        keys = self._keyboard.read(tick)
        self._values |= keys.values
        for edge in keys.edges:
            self._press(edge)
            self._ask(KEYS.get(edge.removeprefix("key.")), tick)
        if self._midi is not None:
            self._read_midi(self._midi, tick)
        if self._osc is not None:
            self._read_osc(self._osc, tick)
        if self._midi is not None:
            self._light(self._midi)
        return Controls(
            values=MappingProxyType(dict(self._values)),
            edges=tuple(self._edges),
            commands=tuple(self._commands),
            overrides=MappingProxyType(dict(self._overrides)),
            bindings=self._bindings,
            tempo=self._clock_tempo(tick) or self._taps.tempo(tick.time),
            tempo_factor=self._factor,
            blackout=self._blackout,
            freeze=self._freeze,
        )

    def stand(self, controls: Controls, time: float) -> None:
        """Take up where everything stood in another show, at ``time`` on this one's clock."""
        self._values, self._overrides = dict(controls.values), dict(controls.overrides)
        self._stood = self._bindings = controls.bindings
        self._factor, self._blackout, self._freeze = controls.tempo_factor, controls.blackout, controls.freeze
        if controls.tempo is not None and not controls.tempo.exact:  # MIDI clock goes on by itself
            self._taps.stand(controls.tempo, time)

    def lines(self) -> tuple[str, ...]:
        """Return what the overlay says about the hands."""
        return tuple(line for line in (*self.states(), self.learn.line) if line)

    def states(self) -> tuple[str, ...]:
        """Return the switches that are on, in a word each."""
        return ("blackout",) * self._blackout + ("frozen",) * self._freeze

    def choose(self, target: str) -> None:
        """Take a parameter for MIDI learn, as when it is clicked on the overlay."""
        self._keep(self.learn.select(target))

    def _read_midi(self, midi: MidiPorts, tick: Tick) -> None:
        for port in midi.gone():
            if port in self._surfaces:
                for move in self._surfaces[port].unplug():
                    self._move(move)
        for received in midi.poll():
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
            self._surfaces[port] = Surface(port, self._profiles.find(port) if self._profiles else Profile(port))
            self._bind()
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
        """Note a press, and turn its toggle over."""
        self._edges.append(name)
        toggle = f"{name}.toggle"
        self._values[toggle] = 1.0 - self._values.get(toggle, 0.0)

    def _read_osc(self, osc: OscPort, tick: Tick) -> None:
        for asked in osc.poll():
            if asked.kind == "params":
                self._override(asked.name, asked.value, tick)
            elif asked.kind == "control":
                self._values[f"osc.{asked.name}"] = asked.value
            elif asked.kind == "command":
                self._ask(asked.name, tick)
            else:
                self._cues.go(asked.name or int(asked.value))
        self._untold.extend(osc.refused())
        for _ in range(min(len(self._untold), LINES)):
            self._refuse(*self._untold.popleft())
        if osc.dropped() >= self._osc_told:
            self._osc_told *= 10
            self._notify(f"OSC: {osc.dropped()} values came faster than frames; the last of every address counts")

    def _refuse(self, address: str, why: str) -> None:
        """Tell of an OSC address, or a parameter's name, that does nothing, with the nearest that does."""
        if why:
            self._notify(f"OSC: {address}: {why}")
        elif address.startswith("/"):
            self._notify(f"OSC: nothing answers to {address!r}; {nearest_address(address, self._table)}")
        else:
            self._notify(f"OSC: no parameter {address!r} plays at present; {self._table.nearest(address)}")

    def _override(self, name: str, value: float, tick: Tick) -> None:
        """Keep what OSC sets. A name that no row has at present does nothing until the row comes."""
        if name in self._table:
            self._overrides[name] = self._clamp(self._table[name], value, tick)
        elif name in self._unknown or len(self._unknown) < UNKNOWN:
            self._overrides[name] = value
            if name not in self._unknown:
                self._unknown.add(name)
                self._untold.append((name, ""))

    def _clamp(self, param: Param, value: float, tick: Tick) -> float:
        """Return the value in the parameter's range; a line tells of one outside, though not each time."""
        if not param.low <= value <= param.high and tick.time - self._clamped_at >= CLAMPED_SECONDS:
            self._clamped_at = tick.time
            ends = f"{param.low:g} to {param.high:g}"
            self._notify(f"OSC: {param.name} {value:g} is outside {ends}; taken as {param.clamp(value):g}")
        return param.clamp(value)

    def _ask(self, command: str | None, tick: Tick) -> None:
        """Carry out a command. The desk and the service are told of all commands, and some concern only them."""
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
            self._cue(command.removeprefix("cue."))
        elif command.startswith("learn"):
            self._learn(command)
        elif command == "tap" or command.startswith("tempo."):
            self._tempo(command, tick)

    def _cue(self, which: str) -> None:
        """Ask for a cue: "next", "previous", or its number from 1."""
        if which == "next":
            self._cues.next()
        elif which == "previous":
            self._cues.previous()
        else:
            self._cues.go(int(which) - 1)

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
        self._bind()
        self._notify(f"learned: {binding.address} on {binding.port} is {binding.target}")

    def _bind(self) -> None:
        """Collect {parameter: source} of every controller's learned bindings; the row of a parameter may be away."""
        found = dict(self._stood)  # of controllers that have said nothing in this show
        for surface in self._surfaces.values():
            names = surface.profile.names()
            for target, address in surface.profile.bindings.items():
                found[target] = f"midi.{names.get(address, address)}"
        self._bindings = MappingProxyType(found)

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

    def _clock_tempo(self, tick: Tick) -> Tempo | None:
        return self._clock.tempo(tick.time + self._offset) if self._offset is not None else None

    def _light(self, midi: MidiPorts) -> None:
        """Light the buttons whose toggle is on, where the profile says how."""
        for surface in self._surfaces.values():
            if surface.profile.leds:
                on = {name: self._values.get(f"midi.{name}.toggle", 0.0) > 0.0 for name in surface.profile.leds}
                for octets in surface.lights(on):
                    midi.send(surface.port, octets)
