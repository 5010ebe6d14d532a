"""The whole engine: a real window on a real X server, and a clip on disk."""

from __future__ import annotations

import itertools
import subprocess
import time
from pathlib import Path

import av
import numpy as np
import pytest

from tests.builders.show import ROOT, command, screen, trace, vj_here
from tests.parts import need

SECONDS = 8.0  # of the clip: four of a quiet beginning, four of a beat
ABSENT = '{"midi": "no such port", "display": "DP-7", "operator": "DP-8"}'


@pytest.mark.alone
def test_a_rehearsal_shows_a_moving_picture_in_a_window(tmp_path: Path) -> None:
    """What is remembered and absent costs a line each, and the one display there is does not take its place."""
    (tmp_path / "latentvj").mkdir()
    (tmp_path / "latentvj" / "remembered.json").write_text(ABSENT)
    with screen(tmp_path) as display:
        show = subprocess.Popen(
            command(
                "rehearse",
                "demo",
                "--mute",
                "--seconds",
                "4",
                "--fps",
                "20",
                "--size",
                "480x480",
                "--trace",
                tmp_path / "t.jsonl",
            ),
            cwd=ROOT,
            env=display.env | {"XDG_CONFIG_HOME": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        seen = []
        while show.poll() is None:
            picture = display.pixels()
            if picture.max() > 0:
                seen.append(picture)
            time.sleep(0.1)
        _, said = show.communicate()
    assert show.returncode == 0, said
    assert len(seen) >= 8, "the window never lit up"
    lit = (seen[-1].max(axis=2) > 0).mean()
    assert 0.1 < lit < 0.4, "a 480-px window on a 1280x800 display"
    assert len({picture.tobytes() for picture in seen}) >= 4, "the picture stood still"
    lines = trace(tmp_path / "t.jsonl")
    assert [line["index"] for line in lines] == list(range(len(lines)))
    assert all(line["timings_ms"]["frame"] > 0 for line in lines)
    assert "fps" in said
    assert "ms" in said
    first, *told = said.splitlines()
    assert first == "remembered: MIDI no such port, display DP-7, operator's window DP-8; --forget starts without"
    for absent in ("DP-7 is not connected", "DP-8, which is not connected", "'no such port' in its name, it is waited"):
        assert sum(absent in line for line in told) == 1, said


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the first seconds of the demo and their trace."""
    need("EGL")
    folder = tmp_path_factory.mktemp("clip")
    done = vj_here(
        "render",
        "demo",
        "-o",
        folder / "clip.mp4",
        "--seconds",
        SECONDS,
        "--size",
        "96x96",
        "--resolution",
        32,
        "--seed",
        1,
        "--trace",
        folder / "30.jsonl",
    )
    assert done.returncode == 0, done.stderr
    return folder / "clip.mp4", folder / "30.jsonl"


def test_the_clip_has_picture_sound_and_length(clip: tuple[Path, Path]) -> None:
    with av.open(str(clip[0])) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert float(video.average_rate or 0) >= 24
        frames = [frame.to_ndarray(format="gray").astype(np.float32) for frame in container.decode(video)]
        assert len(frames) / float(video.average_rate or 1) == pytest.approx(SECONDS, abs=0.1)
    with av.open(str(clip[0])) as container:
        sound = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    samples = np.concatenate(sound, axis=1)
    assert samples.shape[1] / rate == pytest.approx(SECONDS, abs=0.1)
    assert np.abs(samples).max() > 0.1
    assert min(frame.mean() for frame in frames) > 20, "a black frame"
    assert min(frame.std() for frame in frames) > 5, "a blank frame"


def test_loud_passages_move_more_than_silence(clip: tuple[Path, Path]) -> None:
    with av.open(str(clip[0])) as container:
        frames = [frame.to_ndarray(format="gray").astype(np.float32) for frame in container.decode(video=0)]
    motion = np.asarray([np.abs(b - a).mean() for a, b in itertools.pairwise(frames)])
    rms = np.asarray([line["features"]["rms"] for line in trace(clip[1])])[1 : len(motion) + 1]
    loud, quiet = motion[rms >= np.quantile(rms, 0.75)], motion[rms <= np.quantile(rms, 0.1)]
    assert loud.mean() > 3 * quiet.mean()


def test_same_seed_same_ws_and_any_frame_rate_the_same_way(clip: tuple[Path, Path], tmp_path: Path) -> None:
    done = vj_here(
        "render",
        "demo",
        "-o",
        tmp_path / "again.mp4",
        "--seconds",
        "2",
        "--size",
        "32x32",
        "--resolution",
        8,
        "--no-flash-guard",
        "--seed",
        1,
        "--trace",
        tmp_path / "again.jsonl",
    )
    assert done.returncode == 0, done.stderr
    first, again = trace(clip[1]), trace(tmp_path / "again.jsonl")
    assert [line["ws_hash"] for line in again] == [line["ws_hash"] for line in first[: len(again)]]
    done = vj_here(
        "render",
        "demo",
        "-o",
        tmp_path / "fast.mp4",
        "--seconds",
        "4",
        "--size",
        "32x32",
        "--fps",
        60,
        "--resolution",
        8,
        "--no-flash-guard",
        "--seed",
        1,
        "--trace",
        tmp_path / "60.jsonl",
    )
    assert done.returncode == 0, done.stderr
    fast = trace(tmp_path / "60.jsonl")[::2]
    assert fast[-1]["t"] > 0.01
    assert max(abs(a["t"] - b["t"]) for a, b in zip(first, fast, strict=False)) < 1e-3
