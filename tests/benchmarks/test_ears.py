"""The evaluation on recorded music says what is right, late and missed."""

import json

import numpy as np
import pytest

from benchmarks import ears
from tests.builders.signals import clicks, write

TRUTH = {"onsets": [1.0, 2.0, 3.0, 4.0], "beats": np.arange(5.5, 12.0, 0.5).tolist()}


def test_what_was_heard_is_judged():
    heard = ears.Heard(
        onsets=[1.01, 2.04, 3.2],
        heard_at=[1.02, 2.05, 3.21],
        beats=(np.arange(5.5, 12.0, 0.5) + 0.02).tolist(),
        bpm=[(1.0, 0.0), (8.0, 61.0), (9.0, 61.0), (10.0, 61.0)],
    )
    figures, delays = ears.judge(heard, TRUTH, 120.0)
    assert figures["f"] == pytest.approx(2 * 2 / 7)
    assert figures["f_25ms"] == pytest.approx(2 * 1 / 7)
    assert (figures["precision"], figures["recall"]) == (pytest.approx(2 / 3), 0.5)
    assert delays == pytest.approx([20.0, 50.0])
    assert figures["tempo_right"] == 1.0  # 61 is within 4 % of half of 120
    assert figures["beat_f"] == figures["cml_t"] == 1.0


def test_a_tempo_that_jumps_is_counted_after_it_settled():
    steady = [(t, 120.0 if t > 3 else 90.0) for t in np.arange(0.0, 68.0, 0.5)]
    assert ears.changes_a_minute(steady) == 0.0
    jumping = [(t, 120.0 if t % 20 < 10 else 80.0) for t in np.arange(0.0, 68.5, 0.5)]
    assert ears.changes_a_minute(jumping) == pytest.approx(6.0, abs=0.1)
    assert ears.changes_a_minute([(9.0, 0.0)]) == 0.0


def test_a_listener_that_hears_nothing_has_nothing_right():
    figures, delays = ears.judge(ears.Heard(), TRUTH, 120.0)
    assert delays == []
    assert {figures[name] for name in ("f", "f_25ms", "tempo_right", "beat_f", "cml_t")} == {0.0}


def test_a_folder_is_measured_by_both(tmp_path, capsys):
    beats = np.arange(0.5, 4.0, 0.5)
    write(tmp_path / "a.wav", np.stack([clicks(beats, 4.0)] * 2, axis=1))
    about = {"onsets": beats.tolist(), "beats": beats.tolist(), "bpm": 120.0, "kind": "clicks"}
    (tmp_path / "a.json").write_text(json.dumps(about))
    assert ears.main([str(tmp_path), "--json", str(tmp_path.parent / "f.json")]) == 0
    result = json.loads((tmp_path.parent / "f.json").read_text())
    assert set(result) == {"ours", "stock_aubio"}
    assert result["ours"]["songs"]["a"]["f"] == 1.0
    assert result["ours"]["kinds"]["clicks"]["songs"] == 1
    assert result["ours"]["total"]["least_f"] == 1.0
    (tmp_path / "a.wav").unlink()
    assert ears.main([str(tmp_path)]) == 2
    assert "no sound file" in capsys.readouterr().err
