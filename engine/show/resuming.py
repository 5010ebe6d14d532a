"""A show that takes up where another one stood: its options, and its parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from engine.borders.moment import Moment
from engine.borders.options import StageOptions
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.borders.standing import GIVEN, Standing
from engine.control.presets.setlist import Setlist
from engine.latent.crossing import Crossing
from engine.show.held_picture import HeldPicture
from engine.show.journal import Journal, from_json
from engine.show.parts import Parts
from engine.show.service import Service
from engine.system.last_good import last_good
from engine.system.watch import Beat, Watch

Options = TypeVar("Options", bound=StageOptions)
HELD = ("key.", "midi.note.", "midi.touch.")  # sources that a hand may have let go of meanwhile


def resumed_options(options: Options, standing: Standing, notify: Callable[[str], None]) -> Options:
    """Return ``options`` with the preset that played, and with what was given then and is not given now."""
    defaults = {field.name: field.default for field in fields(options)}
    taken: dict[str, Any] = {}
    for name in GIVEN:
        value = standing.given.get(name)
        if value is not None and getattr(options, name) == defaults[name]:
            taken[name] = Path(str(value)) if name in ("setlist", "shaders") else value
    setlist = taken.get("setlist")
    if isinstance(setlist, Path) and not last_good.at_hand(setlist):
        notify(f"{setlist}: the setlist is gone; the show goes on without it")
        del taken["setlist"]
    if standing.path is None:
        taken["preset"] = standing.name
    elif last_good.at_hand(standing.path):
        taken["preset"] = str(standing.path)
    else:
        notify(f"{standing.path}: the preset that played is gone; {options.preset} plays instead")
    return replace(options, **taken)


def begin_setlist(setlist: Setlist, standing: Standing) -> None:
    """Let the setlist begin with the cue that played."""
    setlist.begin_with(standing.place, standing.path)


def take_up(parts: Parts, path: Crossing) -> None:
    """Bring the hands, the desk and the path to where they stood."""
    standing = parts.standing
    if standing is None:
        return
    table = parts.desk.table
    values = {n: v for n, v in standing.controls.values.items() if n.endswith(".toggle") or not n.startswith(HELD)}
    controls = replace(standing.controls, values=values)
    parts.hands.stand(controls, standing.time)
    playing = parts.desk.preset
    if (playing.path and playing.path.absolute()) != standing.path:
        return  # the preset is gone: its knobs mean nothing to another one
    params = Params({name: value for name, value in standing.params.items() if name in table}, table)
    parts.desk.stand(controls, standing.routes, params, standing.beats, standing.bpm)
    path.stand(standing.phases, params)


class Stander:
    """Says where a show stands after the frame that it saw last."""

    def __init__(self, parts: Parts, path: Crossing) -> None:
        self._parts, self._path = parts, path
        options = asdict(parts.options)
        given = {name: options[name] for name in GIVEN if options.get(name) is not None}
        self._given = {n: str(v.absolute()) if isinstance(v, Path) else v for n, v in given.items()}
        self._seen: Moment | None = None
        self._playing: Preset | None = None

    def see(self, moment: Moment) -> None:
        """Take the frame that was just presented."""
        self._seen = moment
        preset = self._parts.desk.preset
        if preset is not self._playing:
            self._playing = preset
            if preset.path is not None:
                last_good.good(preset.path, preset.text)

    def __call__(self) -> Standing | None:
        """Return where the show stands; None before its first frame."""
        parts, seen = self._parts, self._seen
        if seen is None:
            return None
        desk, preset = parts.desk, parts.desk.preset
        return Standing(
            written=time.time(),
            time=seen.tick.time,
            name=preset.name,
            path=None if preset.path is None else preset.path.absolute(),
            place=parts.setlist.index if parts.setlist is not None else 0,
            given=self._given,
            controls=seen.controls,
            routes=desk.standing(),
            params=seen.params,
            phases=self._path.phases,
            beats=desk.beat.position,
            bpm=desk.beat.bpm,
            recording=parts.bus is not None and parts.bus.recording.recorder is not None,
        )


def keep_journal(parts: Parts, path: Crossing, service: Service) -> None:
    """Write the journal of a live show, frame by frame."""
    if parts.journal is None:
        return
    stander, watch = Stander(parts, path), parts.supervisor
    journal = Journal(stander, parts.notices.post, parts.journal, None if watch is None else partial(_share, watch))
    parts.stack.callback(journal.close)

    def note(moment: Moment) -> None:
        stander.see(moment)
        journal.note(moment.controls)

    if watch is not None:
        service.watch(partial(tell_beat, watch, parts, path))
        if (wall := parts.window.wall) is not None:
            service.watch(HeldPicture(parts.window, wall, watch.hold, watch.put).look)
    service.watch(note)


def _share(watch: Watch, text: str) -> None:
    """Have the supervisor keep where the show stands, and what its files held when they were good."""
    watch.keep(text)
    if (files := last_good.changed()) is not None:
        watch.keep_files(files)


def tell_beat(watch: Watch, parts: Parts, path: Crossing, moment: Moment) -> None:
    """Tell the supervisor of a frame that was presented."""
    first, *rest = path.phases
    phases = first, rest[0] if rest else 0.0
    frames = watch.beat.frames + 1
    watch.tell(Beat(frames, time.monotonic(), moment.tick.time, phases, parts.desk.beat.position))


def returned(watch: Watch | None) -> Standing | None:
    """Return where the show stood when its supervisor brought it back; None where it begins."""
    if watch is None or not watch.life[0]:
        return None
    try:
        standing = from_json(watch.kept)
    except ValueError:  # it died before its first frame
        return None
    beat = watch.beat
    return replace(standing, time=beat.time, phases=beat.phases[: len(standing.phases)], beats=beat.beats)
