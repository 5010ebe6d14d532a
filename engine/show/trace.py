"""The trace: one JSON line for every picture that was presented (`--trace F.jsonl`; docs/commands.md has its keys)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.borders.controls import Controls
from engine.borders.features import BANDS, AudioFeatures, level_of
from engine.borders.latched import Latched
from engine.borders.params import Params, Table
from engine.latent.path import digest
from engine.system.line_file import LineFile

LAST_BYTES = 1 << 20  # bytes; the last line of a trace is shorter
STRIKES = tuple((name, attrgetter(name)) for name in ("kick", "snare", "hat", "drop"))  # last a hop
Value = float | str | bool | Mapping[str, float] | Mapping[str, float | str] | Sequence[str]


class Trace:
    """Writes a line at once, so that a crash leaves all but the last one."""

    def __init__(
        self,
        path: Path,
        pixels: Callable[[], NDArray[np.uint8]] | None = None,
        tell: Callable[[str], None] | None = None,
        again: bool = False,
        first: int = 0,
    ) -> None:
        """UserError when ``path`` cannot be written.

        Where it can be written no longer, ``tell`` gets a line and the show goes on; without it that is a UserError.

        ``again``: a show that comes back goes on with its file, and with the numbers of its pictures.

        ``first`` is the number of the first picture.

        ``pixels`` reads what was presented, uint8 [H, W, 4], top row first; a line then has its digest.
        """
        self._pixels = pixels
        self._frame: dict[str, Value] = {}
        self._generator = Params({}, Table())  # of the newest frame
        self._first = _mended(path) if again else first
        self._file = LineFile(path, "the trace", tell, anew=not again)

    def frame(
        self,
        features: AudioFeatures,
        controls: Controls,
        params: Params,
        t: float,
        ws: NDArray[np.float32],
        seconds: Mapping[str, float],
        generator: Params | None = None,
    ) -> None:
        """Take the newest frame: what was heard, held and asked for, ``t`` on the path, and its stages' seconds.

        ``params`` are those it is drawn with, ``generator`` those it was generated with; None: the same.
        """
        self._generator = params if generator is None else generator
        self._frame = {
            "features": _heard(features, len(features.onsets)),
            "controls": dict(controls.values),
            **_told(controls),
            **self._params(params),
            "t": t,
            "ws_hash": digest(ws),
            "timings_ms": {stage: round(each * 1e3, 4) for stage, each in seconds.items()},
            "generated": True,
        }

    def between(self, features: AudioFeatures, late: Latched | None = None) -> None:
        """What follows shows the newest frame crossfaded with the one before.

        ``late`` is what it was drawn with; without it, the frame's own line has counted the onsets.
        """
        self._frame = self._frame | {"features": _heard(features, 0 if late is None else len(features.onsets))}
        self._frame["generated"] = False
        if late is not None:
            self._frame.pop("params_generator", None)
            self._frame |= {"controls": dict(late.controls.values), **self._params(late.params)}

    def _params(self, params: Params) -> dict[str, Value]:
        """Return the entries of what is drawn with, and of what was generated with where that differs."""
        if params is self._generator or params == self._generator:
            return {"params": dict(params)}
        return {"params": dict(params), "params_generator": dict(self._generator)}

    def write(self, index: int, time: float, mono: float, events: Sequence[str], more: Mapping[str, float]) -> None:
        """Write the line of a picture that was presented at ``mono`` (monotonic seconds)."""
        line = {"index": self._first + index, "time": time, **self._frame, "mono": mono, "events": events, **more}
        if self._pixels is not None:
            line["picture_hash"] = hashlib.blake2b(self._pixels().tobytes()).hexdigest()
        self._file.write(json.dumps(line))

    def close(self) -> None:
        """Finish the file; a second call does nothing."""
        self._file.close()


def _mended(path: Path) -> int:
    """Cut off a last line that is not whole, and return the number that follows that of the last picture."""
    try:
        with path.open("rb+") as file:
            start = max(0, file.seek(0, os.SEEK_END) - LAST_BYTES)
            file.seek(start)
            end = file.read()
            whole = end[: end.rfind(b"\n") + 1]
            file.truncate(start + len(whole))
        return int(json.loads(whole.splitlines()[-1])["index"]) + 1
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return 0


def _told(controls: Controls) -> dict[str, Value]:
    """Return what other programs tell: timecode, and the tempo that somebody has given."""
    told: dict[str, Value] = {}
    if (code := controls.timecode) is not None:
        told["timecode"] = {"label": code.label, "position": code.position, "rate": code.rate.name, "state": code.state}
    if (tempo := controls.tempo) is not None:
        told["tempo"] = {"bpm": tempo.bpm, "source": tempo.source}
    return told


def _heard(features: AudioFeatures, onsets: int) -> dict[str, float]:
    """Return the features as a line has them: the onsets since the last frame are counted."""
    return {
        "time": features.time,
        "rms": features.rms,
        "level": level_of(features),
        "bass": features.bass,
        "mid": features.mid,
        "treble": features.treble,
        "onset_strength": features.onset_strength,
        "onsets": onsets,
        "bpm": features.bpm,
        "beat_phase": features.beat_phase,
        "beat_confidence": features.beat_confidence,
        "spectral_centroid": features.spectral_centroid,
        **{f"band_{name}": value for name, value in zip(BANDS, features.bands, strict=True)},
        "loudness": features.loudness,
        "energy_trend": features.energy_trend,
        "spectral_flux": features.spectral_flux,
        "pitch_class": features.pitch_class,
        "bar_beats": features.bar_beats,
        "bar_phase": features.bar_phase,
        "bar_confidence": features.bar_confidence,
        **{name: max((strike(hop) for hop in features.recent), default=strike(features)) for name, strike in STRIKES},
    }
