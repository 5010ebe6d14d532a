"""A stretch of a film, ``--frames A:B``: which frames, what was heard, and what of the frames before them is made."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from safetensors import SafetensorError

from engine.borders.contracts import Model
from engine.borders.errors import UnseenPast, UserError
from engine.borders.made import Before, Handed, Made, Memory, Seen, Shown
from engine.borders.tick import Tick
from engine.cli import handover
from engine.cli.guarded import Guarded
from engine.loop import perform
from engine.rig import Rig
from engine.show.needs import needed
from engine.show.room import room
from engine.stage.recording import part as parts
from engine.stage.recording.part import Part
from engine.stage.windows.headless import HeadlessWindow

SURVEYED = (16, 16)  # pixels; nothing is drawn while a film is surveyed


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Frames ``begin`` to ``end`` (not included) of a film; with ``made`` None they are surveyed and not made."""

    begin: int
    end: int
    made: Sequence[Made] | None = None  # how far each frame before ``begin`` is made
    handed: Handed | None = None  # what an earlier part has handed over
    model: Model | None = None  # one that is open already
    seen: Seen = field(default_factory=dict)  # what the flash guard has seen in an earlier try

    def split(self, ticks: Sequence[Tick]) -> tuple[Sequence[Tick], Before]:
        """Return the ticks of these frames, and those before them; UserError where the film has not so many."""
        if self.end > len(ticks):
            raise UserError(f"--frames {self.begin}:{self.end}: the film has {len(ticks)} frames; the first is 0")
        if self.made is None:
            return ticks[: self.end], Before()
        before = zip(ticks[: self.begin], self.made, strict=True)
        return ticks[self.begin : self.end], Before(tuple(before), ticks[self.begin].time, self.handed, self.seen)


def parse_frames(text: str) -> tuple[int, int]:
    """Return A and B of ``A:B``; UserError where it is no stretch of frames."""
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text.strip())
    if not match or int(match[1]) >= int(match[2]):
        raise UserError(f"--frames {text}: write it as A:B, from frame A (the first is 0) to B, which is not included")
    return int(match[1]), int(match[2])


Proof = TypeVar("Proof")


@dataclass(frozen=True, slots=True)
class Film(Generic[Proof]):
    """A film that is open: the rig, what proves a replay, and for a stretch of it what the part says of itself."""

    rig: Rig
    proof: Proof
    part: Part | None = None


def check_output(output: Path) -> None:
    """UserError where a part of a film cannot have that name."""
    if output.suffix.lower() != parts.SUFFIX:
        raise UserError(f"{output}: a part of a film ends in {parts.SUFFIX}: vj join makes a film of the parts")


def render_stretch(
    frames: tuple[int, int],
    output: Path,
    flash_guard: bool,
    opener: Callable[[Stretch], Film[Proof]],
    tell: Callable[[str], None],
) -> Film[Proof]:
    """Render the frames to ``output``, exactly as the whole film has them; return the film.

    ``opener`` opens the film for a stretch. What an earlier part has handed over is looked for beside ``output``,
    and what this part has for the next one is left there.
    """
    whole = Stretch(begin=frames[0], end=frames[1], made=())
    if not whole.begin:
        return _made(opener(whole), output, tell)
    whole = replace(whole, made=None)
    with contextlib.ExitStack() as stack:
        film = opener(whole)
        stack.enter_context(film.rig)
        ticks, shown = survey(film.rig)
        model, part = film.rig.parts.model, film.part
        model.cut()
    guarded, handed, before = Guarded.of(ticks, whole.begin, flash_guard), None, 0
    made = needed(ticks, shown, whole.begin, guarded.drawn())
    if part is not None and (shown[whole.begin].endless or _looks_far(made, guarded)):
        handed = _handed_over(output.parent, part, tell)
    while True:
        made = needed(ticks, shown, whole.begin, guarded.drawn(), 0 if handed is None else handed.frames)
        _tell(tell, made, before, guarded, whole, shown[whole.begin].endless)
        try:
            return _made(opener(replace(whole, made=made, model=model, handed=handed, seen=guarded.seen)), output, tell)
        except UnseenPast:
            before += sum(each > Made.NOTHING for each in made)
            handed = None
            guarded.further()
            model.cut()


def _made(film: Film[Proof], output: Path, tell: Callable[[str], None]) -> Film[Proof]:
    """Make the pictures; where the next part will look back at all of them, leave what it needs beside the file."""
    memory: Memory = {}
    with film.rig as rig, room(lambda: rig.picture.model):
        perform(rig)
        if film.part is not None and film.part.frames[1] < film.part.of and rig.picture.endless:
            memory = rig.picture.memory()
    if memory and film.part is not None:
        try:
            handover.write(output.with_suffix(handover.SUFFIX), film.part, memory)
        except UserError as error:  # the part is whole; the next one takes longer
            tell(f"{error}: the part is complete; the one behind it begins further back")
    return film


def _handed_over(folder: Path, part: Part, tell: Callable[[str], None]) -> Handed | None:
    """Return what an earlier part in ``folder`` has handed over."""
    state = handover.find(folder, part, tell)
    if state is None:
        return None
    try:
        handed = state.read()
    except (OSError, SafetensorError):
        tell(f"{state.path}: cannot be read to its end: it is left aside")
        return None
    tell(f"frames {part.frames[0]}:{part.frames[1]}: goes on from frame {state.frames}, by {state.path.name}")
    return handed


def _looks_far(made: Sequence[Made], guarded: Guarded) -> bool:
    """Whether more is painted and drawn than the flash guard wants."""
    return any(each > Made.GENERATED for each in made[: guarded.begin])


def survey(rig: Rig) -> tuple[list[Tick], list[Shown]]:
    """Hear and feel a film without travelling or painting it; return its ticks, and what each frame shows of others."""
    ticks, shown = [], []
    for tick in rig.clock:
        if ready := rig.cues.poll(tick):
            rig.take(ready)
        features, controls = rig.ears.latest(tick), rig.hands.read(tick)
        params = rig.route(features, controls, tick)
        late = rig.latch(tick, features, controls, params)
        ticks.append(tick)
        shown.append(rig.picture.pass_by(params, late.params, tick))
    return ticks, shown


def surveyed() -> HeadlessWindow:
    """Return the window of a film that is surveyed."""
    return HeadlessWindow(SURVEYED)


def _tell(
    tell: Callable[[str], None],
    made: Sequence[Made],
    before: int,
    guarded: Guarded,
    whole: Stretch,
    endless: Sequence[str],
) -> None:
    """Say how many frames are made that are not of the stretch, and what looks back so far.

    ``before`` were made in earlier tries.
    """
    counts = {stage: sum(each >= stage for each in made) for stage in Made if stage}
    total = before + counts[Made.GENERATED]
    if not total:
        return
    far = whole.begin - guarded.begin
    reasons = [("its warps", Made.GENERATED), ("its style", Made.PAINTED), ("its passes", Made.DRAWN)]
    back = next((what for what, stage in reversed(reasons) if counts[stage] > far), None)
    if back is None and guarded.tries:
        back = "the flash guard"
    elif back in ("its style", "its passes") and endless:
        back = f"{' and '.join(endless)}: without end; the part before, made first in the same folder, spares it"
    why = f", for {back}" if back else ""
    share = total / (whole.end - whole.begin)
    told = f"frames {whole.begin}:{whole.end}: {total} before them are made too"
    tell(f"{told}, {share:.0%}{why}")
