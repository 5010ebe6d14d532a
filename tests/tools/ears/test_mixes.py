"""What was coded with few bits still lies where its onsets are known to be."""

import numpy as np
import pytest

from tests.builders.signals import SAMPLERATE
from tools.ears import mixes
from tools.ears.songs import mono, write_wav


class Drawn:
    """Draws the same number every time."""

    def __init__(self, number):
        self.number = number

    def integers(self, _below):
        return self.number


@pytest.mark.parametrize("coder", [0, 1])
def test_a_coded_mix_is_no_later(tmp_path, coder):
    hits = np.zeros(2 * SAMPLERATE, np.float32)
    for place in (9000, 30000, 52000, 70000):
        hits[place : place + 3000] = np.random.default_rng(place).standard_normal(3000) * np.geomspace(0.3, 0.002, 3000)
    path = tmp_path / "mix.wav"
    write_wav(path, hits)
    mixes.coded(path, Drawn(coder))
    coded = mono(path)
    assert len(coded) == len(hits)
    assert 0.3 < coded.std() / hits.std() < 1.1  # it is the sound, and not all of it
    like = np.fft.irfft(np.fft.rfft(coded, 2**18) * np.conj(np.fft.rfft(hits, 2**18)))
    assert int(like.argmax()) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["mix.wav"]
