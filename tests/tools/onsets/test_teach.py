"""What is taught is what the ears compute, and teaching it makes it better."""

import json

import numpy as np
import torch

from engine.audio.hearing import onset
from engine.audio.hearing.ear import Ear
from engine.audio.hearing.onset_network import WEIGHTS
from tests.builders.signals import SAMPLERATE, clicks, sine, write
from tools.onsets.hearing import SECONDS, STEP, Lesson, cut_tones, hear, interruptions, listen, past
from tools.onsets.teach import LENGTH, Network, clips, loss_of, teach


def network():
    ear = Ear(SAMPLERATE)
    torch.manual_seed(0)
    return Network(ear.counts[0], len(ear.centres))


def test_the_taught_network_says_what_the_ears_say():
    song = clicks([0.3, 0.55, 0.8], 1.2) + sine(220, 1.2, 0.05)
    level = hear(song)
    detector = onset.OnsetDetector(SAMPLERATE)
    memory = Ear(SAMPLERATE).memory
    padded = np.concatenate([np.zeros(memory - STEP, np.float32), song])
    said = []
    for step in range(len(level)):
        said.append(detector._take(detector._ear.bands(padded[step * STEP : step * STEP + memory])))
        detector._growth.remember()
    taught = network()
    taught.load(WEIGHTS)
    heard = level.astype(np.float32)
    with torch.no_grad():
        likely = torch.sigmoid(taught(*(torch.tensor(part[None]) for part in (heard, *past(heard)))))[0].numpy()
    begun = round(onset.START_SECONDS * SAMPLERATE / STEP) + 1  # before it the ears may say nothing
    assert likely.max() > 0.9
    assert np.abs(likely - said)[begun:].max() < 0.03  # levels are kept in half precision


def test_an_onset_is_said_at_once_and_not_later():
    batch = clips([(Lesson(np.zeros((LENGTH, 66), np.float16), np.array([0.1, 0.5])), 0)])
    ends = (np.arange(LENGTH) + 1) * SECONDS
    yes = ends[batch.answer[0].numpy() == 1.0]
    assert yes.min() >= 0.101
    assert yes[yes < 0.4].max() <= 0.1145
    assert (ends[batch.windows[1]] == yes[yes > 0.4]).all()
    late = batch.late[0].numpy()
    assert set(late[(ends > 0.1185) & (ends < 0.154)]) == {0}
    assert set(late[(ends > 0.5185) & (ends < 0.554)]) == {1}
    assert set(late[(ends < 0.1165) | (ends > 0.556)]) == {-1}


def test_a_folder_is_heard_once_and_kept(tmp_path):
    times = [0.3, 0.7, 1.2, 1.6, 2.3]
    write(tmp_path / "1.wav", np.stack([clicks(times, 3.0)] * 2, axis=1))
    (tmp_path / "1.json").write_text(json.dumps({"onsets": times}))
    heard = listen(tmp_path, 3, plain=False)
    assert len(heard) == 3
    (tmp_path / "1.wav").unlink()
    for one, again in zip(heard, listen(tmp_path, 3, plain=False), strict=True):
        assert np.array_equal(one.level, again.level)
        assert np.array_equal(one.onsets, again.onsets)
        at = (one.onsets / SECONDS).astype(int)
        assert all(one.level[step + 2 : step + 6].sum() > one.level[step - 8 : step - 4].sum() for step in at)


def test_interruptions_let_whole_onsets_through():
    truth = np.sort(np.random.default_rng(1).uniform(0.5, 20.0, 60))
    gate, through = interruptions(21 * SAMPLERATE, truth, np.random.default_rng(2))
    assert 0 < len(through) < len(truth)
    for time in truth:
        span = gate[int((time - 0.002) * SAMPLERATE) : int((time + 0.004) * SAMPLERATE)]
        assert span.all() if time in through else not span.any()


def test_a_late_yes_is_worse_the_less_the_onset_was_answered():
    batch = clips([(Lesson(np.zeros((LENGTH, 66), np.float16), np.array([0.5])), 0)])
    ends = (np.arange(LENGTH) + 1) * SECONDS

    class Says(torch.nn.Module):
        def forward(self, level, slow, peaks):
            return self.logits[None]

    def wrong(*yes):
        says = Says()
        says.logits = torch.full((LENGTH,), -6.0)
        for begin, end in yes:
            says.logits[torch.tensor((ends > begin) & (ends < end))] = 6.0
        return loss_of(says, batch, 8.0).item()

    soon, late = (0.502, 0.517), (0.522, 0.553)
    assert wrong(soon) < wrong() < wrong(late)
    assert wrong(soon, late) - wrong(soon) < 0.2 * (wrong(late) - wrong())


def test_teaching_lowers_the_loss_and_its_weights_are_read_again(tmp_path):
    rng = np.random.default_rng(0)
    pieces = [cut_tones(noisy, rng) for noisy in (False, True)]
    lessons = [
        Lesson(hear(samples[: 3 * SAMPLERATE]), np.array([t for t in begins if t < 3])) for samples, begins in pieces
    ]
    untaught = network()
    batch = clips([(lessons[0], 0), (lessons[1], 200), (lessons[1], 600)])
    with torch.no_grad():
        before = loss_of(untaught, batch, 8.0).item()
    taught = teach(untaught, [lessons], [1.0], (), minutes=0.05, rate=3e-3, late=8.0)
    with torch.no_grad():
        after = loss_of(taught, batch, 8.0).item()
    assert after < before
    taught.save(tmp_path / "weights.npz")
    again = network()
    again.load(tmp_path / "weights.npz")
    for a, b in zip(taught.parameters(), again.parameters(), strict=True):
        assert torch.equal(a.half(), b.half())
