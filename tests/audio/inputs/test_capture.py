"""What an input's block tells before a hop is whole is not told again by the hop."""

from __future__ import annotations

from engine.audio.inputs.capture import _without
from engine.borders.features import AudioFeatures, Onset


def test_what_was_told_early_is_not_struck_twice() -> None:
    told, new = Onset(0.995, 1.001, 0.8), Onset(0.999, 1.004, 0.5)
    early = AudioFeatures(time=1.001, onsets=(told,), kick=0.7)
    hop = AudioFeatures(time=1.004, onsets=(told, new), kick=0.7, hat=0.4, onset_strength=0.8, rms=0.2)
    left = _without(hop, early)
    assert (left.onsets, left.kick, left.hat) == ((new,), 0.0, 0.4)
    assert (left.time, left.rms, left.onset_strength) == (1.004, 0.2, 0.8)
