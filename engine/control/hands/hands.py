"""The performer's hands: keys, MIDI and OSC, merged into one Controls a frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from engine.borders.controls import Controls, Searched, Tempo
from engine.borders.params import Table
from engine.borders.tick import Tick
from engine.borders.video import Seen
from engine.control.hands.commands import KEYS
from engine.control.hands.contracts import Channels, CueList, MidiPorts, OscPort, Session, Timing
from engine.control.hands.controller import START
from engine.control.hands.controllers import Controllers
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.learn import Binding, Learn
from engine.control.hands.midi_messages import Message
from engine.control.hands.overrides import Overrides
from engine.control.hands.profiles import Profiles
from engine.control.hands.replaced import next_of
from engine.control.hands.song_control import NO_SONG, REQUESTS, SongControl
from engine.control.hands.surface import Move
from engine.control.routing.beat import MidiClock, Taps

DROPPED = 1000  # values replaced by later ones; the first line tells of that many, each next of ten times more
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
        song: SongControl | None = None,
        timecode: Timing | None = None,
        link: Session | None = None,
        dmx: Channels | None = None,
        video: Seen | None = None,
    ) -> None:
        """``table`` has the rows that play, ``profiles`` name MIDI's controls, ``song`` is a rehearsal's,
        ``timecode`` what takes MIDI timecode, ``link`` a session whose tempo is trusted less than MIDI clock's,
        ``dmx`` a light desk's channels, ``video`` what a camera or a film shows.

        ``midi`` and ``osc`` are None where there is none.
        """
        self._keyboard, self._cues, self._notify = keyboard, cues, notify
        self._osc, self._overrides = osc, Overrides(table, notify)
        self._song, self._no_song_told, self._timecode = song, False, timecode
        self._link, self._dmx, self._video = link, dmx, video
        self.learn = Learn(table)
        self._midi = Controllers(midi, profiles, self.learn, notify) if midi is not None else None
        self._stood: Mapping[str, str] = MappingProxyType({})  # bindings of a show that this one takes up
        self._values: dict[str, float] = {}
        self._turned: dict[str, float] = {}  # how far each encoder was turned in all
        self._taps, self._clock = Taps(), MidiClock()
        self._factor = 1.0
        self._blackout = self._freeze = False
        self._edges: list[str] = []
        self._commands: list[str] = []
        self._offset: float | None = None  # from the rig's clock to MIDI's monotonic seconds
        self._osc_told = DROPPED  # values; a line tells when more were replaced

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the names of the open MIDI ports."""
        return self._midi.ports if self._midi is not None else ()

    @property
    def last_moved(self) -> str | None:
        """Return the last MIDI control that moved, for the soundcheck and the overlay."""
        return self._midi.last_moved if self._midi is not None else None

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
        self._overrides.table = table
        self.learn.take(table)

    def read(self, tick: Tick) -> Controls:
        """Return where everything stands, and what was pressed and asked for since the last call."""
        self._edges, self._commands = [], []
        # A key or OSC begins and ends learn; where frames are slow the gesture between has come in the same frame.
        learned_first = self.learn.active
        if learned_first:
            self._read_midi(tick)
        self._read_keys(tick)
        self._read_osc(tick)
        if self._dmx is not None:
            self._values |= self._dmx.poll()
        if self._video is not None:
            self._values |= self._video.values(tick.time)
        if not learned_first:
            self._read_midi(tick)
        if self._midi is not None:
            self._midi.light(self._values)
        return Controls(
            values=MappingProxyType(dict(self._values)),
            edges=tuple(self._edges),
            commands=tuple(self._commands),
            overrides=MappingProxyType(dict(self._overrides.values)),
            bindings=self._bindings(),
            turned=MappingProxyType(dict(self._turned)),
            timecode=None if self._timecode is None else self._timecode.now,
            tempo=self._tempo_at(tick),
            tempo_factor=self._factor,
            blackout=self._blackout,
            freeze=self._freeze,
        )

    def stand(self, controls: Controls, time: float) -> None:
        """Take up where everything stood in another show, at ``time`` on this one's clock."""
        self._values, self._overrides.values = dict(controls.values), dict(controls.overrides)
        self._stood, self._turned = controls.bindings, dict(controls.turned)
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

    def set(self, name: str, value: float | None) -> None:
        """Set a parameter, as with the mouse on the panel: it stands as if by OSC, until panic. None lets go of it."""
        if value is None:
            self._overrides.values.pop(name, None)
        elif (param := self._overrides.table.get(name)) is not None:
            self._overrides.values[name] = param.clamp(value)

    def _read_keys(self, tick: Tick) -> None:
        keys = self._keyboard.read(tick)
        self._values |= keys.values
        for edge in keys.edges:
            self._press(edge)
            self._ask(KEYS.get(edge.removeprefix("key.")), tick)

    def _read_midi(self, tick: Tick) -> None:
        midi = self._midi
        if midi is None:
            return
        now = None if self._offset is None else tick.time + self._offset
        for did in midi.read(now):
            if isinstance(did.what, Message):
                self._system(did.what, did.time)
            else:
                self._move(did.what)
                self._ask(did.command, tick)
        if midi.last_heard is not None:
            # The last message of a frame came a moment before it: the smallest difference is the truest.
            offset = midi.last_heard - tick.time
            self._offset = offset if self._offset is None else max(self._offset, offset)

    def _system(self, message: Message, time: float) -> None:
        if message.kind in ("clock", "start", "continue", "stop"):
            self._clock.hear(message.kind, time)
        elif message.kind == "program":
            self._cues.go(message.data[0])
        elif self._timecode is not None and message.kind in ("time_code", "sysex"):
            self._timecode.hear(message.kind, message.data, time)

    def _move(self, move: Move) -> None:
        for key in move.keys:
            if move.turned is None:
                self._values[key] = move.value
            else:  # an encoder has no place of its own: it goes on from where its name stands
                at = self._values.get(key, START) + move.turned
                self._values[key] = min(max(at, 0.0), 1.0)
                self._turned[key] = self._turned.get(key, 0.0) + move.turned
        if move.pressed:
            for name in move.keys:
                self._press(name)
        if move.latched:
            self._values |= {f"{name}.toggle": move.value for name in move.keys}

    def _press(self, name: str) -> None:
        """Note a press, and turn its toggle over."""
        self._edges.append(name)
        toggle = f"{name}.toggle"
        self._values[toggle] = 1.0 - self._values.get(toggle, 0.0)

    def _read_osc(self, tick: Tick) -> None:
        osc = self._osc
        if osc is None:
            return
        for asked in osc.poll():
            if asked.kind == "params":
                self._overrides.set(asked.name, asked.value, tick.time)
            elif asked.kind == "control":
                self._values[f"osc.{asked.name}"] = asked.value
            elif asked.kind == "command":
                self._ask(asked.name, tick)
            elif asked.kind in ("transport", "seek"):
                self._transport(asked.name, None if math.isnan(asked.value) else asked.value)
            else:
                self._cues.go(asked.name or int(asked.value))
        self._overrides.tell(osc.refused())
        if osc.dropped() >= self._osc_told:
            self._osc_told = next_of(self._osc_told, osc.dropped())
            self._notify(f"OSC: {osc.dropped()} values came faster than frames; the last of every address counts")

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
        elif command.startswith("transport."):
            self._transport(command.removeprefix("transport."))
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

    def _transport(self, request: str, number: float | None = None) -> None:
        """Ask something of the song; where there is none a line says so, once."""
        if self._song is not None:
            REQUESTS[request](self._song, number)
        elif not self._no_song_told:
            self._no_song_told = True
            self._notify(NO_SONG)

    def _panic(self) -> None:
        """Take every switch, toggle and OSC value back; what hands still hold stays held."""
        self._blackout = self._freeze = False
        self._overrides.values = {}
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
        if binding is not None and self._midi is not None:
            self._values |= self._midi.keep(binding)

    def _bindings(self) -> Mapping[str, str]:
        """Return {parameter: source} of what is learned; the controllers of another show may not be here yet."""
        learned = self._midi.bindings if self._midi is not None else {}
        return MappingProxyType({**self._stood, **learned})

    def _tempo(self, command: str, tick: Tick) -> None:
        if command == "tap":
            self._taps.tap(tick.time)
            if self._link is not None and (tapped := self._taps.tempo(tick.time)) is not None:
                self._link.propose(tapped.bpm)
        elif command == "tempo.auto":
            self._taps.clear()
            self._factor = 1.0
        else:
            factor = 2.0 if command == "tempo.double" else 0.5
            self._taps.scale(factor)
            self._factor = min(max(self._factor * factor, FACTORS[0]), FACTORS[1])

    def _tempo_at(self, tick: Tick) -> Tempo | None:
        """Return the tempo that is trusted most: MIDI clock's, a session's, the tapped one."""
        shared = None if self._link is None else self._link.tempo(tick)
        return self._clock_tempo(tick) or shared or self._taps.tempo(tick.time)

    def _clock_tempo(self, tick: Tick) -> Tempo | None:
        return self._clock.tempo(tick.time + self._offset) if self._offset is not None else None
