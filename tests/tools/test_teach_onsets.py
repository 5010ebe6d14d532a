"""What is taught is what the ears compute, and teaching it makes it better."""

import numpy as np
import torch

from engine.audio import onset
from tests.audio.signals import SAMPLERATE, clicks, sine
from tools.onset_answers import STEP, answer, cut_tones, hear, lesson
from tools.teach_onsets import Network, draw, loss_of, teach


def network():
    ear = onset.Ear(SAMPLERATE)
    torch.manual_seed(0)
    return Network(ear.counts[0], len(ear.centres))


def test_the_taught_network_says_what_the_ears_say():
    song = clicks([0.3, 0.55, 0.8], 1.2) + sine(220, 1.2, 0.05)
    level = hear(song)
    detector = onset.OnsetDetector(SAMPLERATE)
    memory = onset.Ear(SAMPLERATE).memory
    padded = np.concatenate([np.zeros(memory - STEP, np.float32), song])
    said = [detector._take(padded[i * STEP:i * STEP + memory])[0] for i in range(len(level))]
    taught = network()
    taught.load(onset.WEIGHTS)
    one = lesson(level, ())
    with torch.no_grad():
        parts = [torch.tensor(part[None]).float() for part in (one.level, one.slow, one.peaks)]
        likely = torch.sigmoid(taught(*parts))[0].numpy()
    begun = round(onset.START_SECONDS * SAMPLERATE / STEP) + 1  # before it the ears may say nothing
    assert likely.max() > 0.9
    assert np.abs(likely - said)[begun:].max() < 0.03  # levels are kept in half precision


def test_an_onset_is_said_at_once_and_not_later():
    said, weight = answer([0.1], 100)
    ends = (np.arange(100) + 1) * STEP / SAMPLERATE
    yes = ends[said == 1.0]
    assert yes.min() >= 0.101
    assert yes.max() <= 0.1166
    assert set(weight[(ends > 0.121) & (ends < 0.154)]) == {4.0}


def test_teaching_lowers_the_loss_and_its_weights_are_read_again(tmp_path):
    rng = np.random.default_rng(0)
    pieces = [cut_tones(noisy, rng) for noisy in (False, True)]
    lessons = [lesson(hear(samples[:3 * SAMPLERATE]), [t for t in begins if t < 3]) for samples, begins in pieces]
    taught = network()
    with torch.no_grad():
        before = loss_of(taught, draw(lessons, np.random.default_rng(1))).item()
    teach(taught, lessons, (), steps=6, rate=3e-3)
    with torch.no_grad():
        after = loss_of(taught, draw(lessons, np.random.default_rng(1))).item()
    assert after < before
    taught.save(tmp_path / "weights.npz")
    again = network()
    again.load(tmp_path / "weights.npz")
    assert all(torch.equal(a, b) for a, b in zip(taught.parameters(), again.parameters(), strict=True))
