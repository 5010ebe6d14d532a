"""The opening of ``vj live --replay``: a gesture log that is performed again under the clock of a show."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from engine.borders.errors import UserError
from engine.borders.options import ShowOptions, StageOptions
from engine.gesture.chased import Chased
from engine.gesture.reader import read
from engine.show.open_inputs import Inputs

Options = TypeVar("Options", bound=StageOptions)


def check(options: StageOptions) -> None:
    """UserError where a replay is asked for without a clock, or with presets of another evening."""
    if options.replay is None:
        if options.replay_at is not None:
            raise UserError("--replay-at: there is no log to begin there; name one with --replay F.jsonl")
        return
    if options.timecode is None:
        raise UserError(f"--replay {options.replay}: it follows a show's clock: give --timecode mtc or ltc:CHANNEL")
    for flag, given in (("--setlist", options.setlist), ("--preset", options.preset != ShowOptions().preset)):
        if given and flag.removeprefix("--") not in options.recalled:
            raise UserError(f"{flag}: {options.replay} has its own presets; leave {flag} away")


def chased(options: Options, inputs: Inputs) -> tuple[Options, Chased | None]:
    """Return the performance, None where none is asked for, and the options with what it was given then."""
    if options.replay is None:
        return options, None
    performance = read(options.replay, inputs.table)
    then = performance.head["options"]
    seed = options.seed if options.seed is not None else then["seed"]
    given = replace(options, model=options.model or then["model"], seed=seed, takeover=then["takeover"])
    return given, Chased(performance, inputs.timecode, options.replay_at)
