"""Recording while performing: in sync, never in the way, and playable whatever happens."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine.borders.errors import UserError
from engine.stage.passes.compositor import Compositor
from engine.stage.recording.readback import PACK, STREAM_READ, Readback, readable
from engine.stage.recording.recorder import MAX_PICTURES, Recorder, Still
from tests.builders.params import Params
from tests.builders.pictures import flat, still_life
from tests.builders.show import ROOT

RATE = 48000


def level(value, size=(64, 48)):
    return np.full((size[1], size[0], 4), value, np.uint8)


def wait_for(so, seconds=20):
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def record(path, seconds=3.0, fps=30, hit=1.0):
    """Black and silent, but for a white picture and a loud sound from ``hit`` for a tenth of a second."""
    recorder = Recorder(path, (64, 48), fps, RATE, 2, "libx264")
    for index in range(round(seconds * fps)):
        at = index / fps
        on = hit <= at < hit + 0.1
        recorder.picture(level(255 if on else 0), at)
        recorder.sound(np.full((RATE // fps, 2), 0.0, np.float32) + 0.8 * on * np.sin(np.arange(RATE // fps))[:, None])
        wait_for(lambda: recorder._waiting < MAX_PICTURES)
    recorder.close()
    assert (recorder.failure, recorder.dropped, recorder.frames) == ("", 0, round(seconds * fps))


@pytest.mark.parametrize("seed", range(3))
def test_pictures_keep_their_times_through_stalls_longer_than_a_fragment(tmp_path, seed):
    path, dice, heard, times = tmp_path / "stalls.mp4", random.Random(seed), 0, [0.0]
    while times[-1] < 30.0:
        times.append(times[-1] + (dice.choice([1.3, 4.5, 11.0]) if dice.random() < 0.04 else dice.uniform(0.02, 0.05)))
    recorder = Recorder(path, (64, 48), 30, RATE, 2, "libx264")
    for before, now in zip([0.0, 0.0, *times], times, strict=False):  # pictures come two frames after their sound
        for _ in range(heard, round(now * RATE) - 1024, 1024):
            recorder.sound(np.zeros((1024, 2), np.float32))
            heard += 1024
        if now != before:
            recorder.picture(level(0), before)
        wait_for(lambda: recorder._queue.qsize() == 0)
    recorder.close()
    with av.open(str(path)) as file:
        seen = [float(frame.time) for frame in file.decode(video=0)]
    assert len(seen) == recorder.frames > 50
    assert seen == pytest.approx(times[: len(seen)], abs=1e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_picture_and_sound_are_in_step_and_of_the_right_length(tmp_path, suffix):
    path = tmp_path / f"show{suffix}"
    record(path)
    with av.open(str(path)) as file:
        frames = [(float(f.time), f.to_ndarray(format="gray").mean()) for f in file.decode(video=0)]
    with av.open(str(path)) as file:
        sound = [(float(f.time), np.abs(f.to_ndarray()).max()) for f in file.decode(audio=0)]
    assert len(frames) == 90
    start = frames[0][0]  # a fragmented MP4 begins with AAC's 21 ms of priming, pictures and sound alike
    assert start < 0.025
    assert frames[-1][0] + 1 / 30 - start == pytest.approx(3.0, abs=0.01)
    assert sound[-1][0] == pytest.approx(3.0, abs=0.05)
    seen = min(at for at, value in frames if value > 100)
    heard = min(at for at, value in sound if value > 0.2)
    assert seen - start == pytest.approx(1.0, abs=0.002)
    assert heard == pytest.approx(seen, abs=0.03)


def test_frames_keep_the_time_at_which_they_were_shown(tmp_path):
    path, times = tmp_path / "uneven.mp4", [0.0, 0.031, 0.05, 0.2, 0.21, 0.9]
    recorder = Recorder(path, (64, 48), 60, None, codec="libx264")
    for at in times:
        recorder.picture(level(90), at)
        wait_for(lambda: recorder._waiting == 0)
    recorder.picture(level(90), 0.9)  # the same moment again
    recorder.close()
    recorder.close()
    with av.open(str(path)) as file:
        assert [float(f.time) for f in file.decode(video=0)] == pytest.approx(times, abs=0.001)
    assert recorder.dropped == 1


@pytest.mark.alone
def test_a_slow_encoder_drops_frames_and_never_holds_the_show_up(tmp_path):
    recorder = Recorder(tmp_path / "big.mp4", (1280, 720), 60, None, codec="libx264")
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 4), np.uint8)
    longest = 0.0
    for index in range(60):
        began = time.perf_counter()
        recorder.picture(noise, index / 60)
        longest = max(longest, time.perf_counter() - began)
    recorder.close()
    assert recorder.dropped > 0
    assert recorder.dropped + recorder.frames == 60
    assert longest < 0.5


def test_what_was_recorded_before_a_kill_plays(tmp_path):
    path = tmp_path / "killed.mp4"
    program = f"""
import time, numpy as np
from engine.stage.recording.recorder import Recorder
recorder = Recorder({str(path)!r}, (64, 48), 30, 48000, 2, "libx264")
for index in range(100000):
    recorder.picture(np.full((48, 64, 4), index % 256, np.uint8), index / 30)
    recorder.sound(np.zeros((1600, 2), np.float32))
    time.sleep(0.002)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        wait_for(lambda: path.exists() and path.stat().st_size > 20_000, 60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with av.open(str(path)) as file:
        assert sum(1 for _ in file.decode(video=0)) >= 30
    with av.open(str(path)) as file:
        assert sum(1 for _ in file.decode(audio=0)) >= 30


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_ends_the_recording_and_not_the_show(tmp_path):
    path = tmp_path / "full.mp4"
    path.symlink_to("/dev/full")
    recorder = Recorder(path, (64, 48), 30, None, codec="libx264")
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 4), np.uint8)
    for index in range(600):
        recorder.picture(np.roll(noise, index, 0), index / 30)
        if recorder.failure:
            break
        time.sleep(0.001)
    recorder.close()
    assert "No space left" in recorder.failure


@pytest.mark.skipif(os.name != "posix", reason="files are not limited there")
@pytest.mark.parametrize("name", ["short.mp4", "short.mkv"])
def test_an_end_that_does_not_fit_on_the_disk_is_told(tmp_path, name):
    import resource

    recorder, limits = Recorder(tmp_path / name, (64, 48), 30, None, codec="libx264"), resource.RLIMIT_FSIZE
    before = resource.getrlimit(limits)
    resource.setrlimit(limits, (100, before[1]))  # bytes of a file; more fails as on a full disk
    try:
        for index in range(4):
            recorder.picture(level(60 * index), index / 30)
        recorder.close()
    finally:
        resource.setrlimit(limits, before)
    assert "the end was not written" in recorder.failure


@pytest.mark.parametrize("name", ["nowhere/show.mp4", "show.webm"])
def test_a_place_that_cannot_be_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=name.rpartition("/")[2].replace(".", r"\.")) as caught:
        Recorder(tmp_path / name, (64, 48), 30)
    assert "\n" not in str(caught.value)


def test_the_window_is_recorded_as_it_was_shown(open_window, tmp_path):
    path, window = tmp_path / "window.mp4", open_window(96, 64)
    compositor, readback = Compositor(window), Readback(window)
    recorder = Recorder(path, window.size, 25, None, codec="libx264")
    drawn = []
    for index in range(20):
        compositor(still_life(), Params({"picture.rotation": index / 40}))
        readback.take([partial(recorder.picture, seconds=index / 25)])
        drawn.append(window.read())
        wait_for(lambda: recorder._waiting == 0)
    readback.close()
    recorder.close()
    with av.open(str(path)) as file:
        shown = [f.to_ndarray(format="rgb24", src_colorspace="ITU709") for f in file.decode(video=0)]
    assert len(shown) == 20
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(shown, drawn, strict=True)) < 5


def test_pictures_are_handed_over_once_in_order_and_at_their_own_size(open_window):
    window, got = open_window(32, 16), []
    readback = Readback(window)
    for value in range(7):
        window.size = (32, 16) if value < 4 else (16, 8)
        window.target.clear(value / 255, 0.0, 0.0, 1.0)
        readback.take([got.append] if value != 5 else [])
    assert len(got) >= 4  # at most a ring's length behind
    readback.close()
    assert [int(pixels[0, 0, 0]) for pixels in got] == [0, 1, 2, 3, 4, 6]
    assert [pixels.shape for pixels in got] == [(16, 32, 4)] * 4 + [(8, 16, 4)] * 2


def test_pictures_are_read_from_memory_that_is_meant_for_it(open_window):
    """A driver may keep what it believes is drawn from in the card's own memory: a 4K picture took it tens of ms."""
    ctx = open_window(32, 16).ctx
    buffer, usage = readable(ctx, 4096), ctypes.c_int()
    bind = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint)(ctx.mglo._context.load("glBindBuffer"))
    ask = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p)(
        ctx.mglo._context.load("glGetBufferParameteriv")
    )
    bind(PACK, buffer.glo)
    ask(PACK, 0x8765, ctypes.byref(usage))  # GL_BUFFER_USAGE
    bind(PACK, 0)
    assert usage.value == STREAM_READ
    buffer.write(bytes(range(256)) * 16)
    assert buffer.read() == bytes(range(256)) * 16


@pytest.mark.parametrize("other", [(192, 64), (48, 128), (33, 17), (128, 128), (1, 90)])
def test_a_window_that_changes_its_size_leaves_the_film_its_shape(tmp_path, other):
    """A disc stays a disc: what was as wide as high is as wide as high in the film, with bars beside it."""
    path, size = tmp_path / "film.mp4", (64, 64)
    recorder = Recorder(path, size, 25, None, codec="libx264")
    for index, (width, height) in enumerate([size, other, size]):
        picture, side = np.full((height, width, 4), 90, np.uint8), min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        picture[top : top + side, left : left + side] = 230
        recorder.picture(picture, index / 25)
        wait_for(lambda: recorder._waiting == 0)
    recorder.close()
    with av.open(str(path)) as file:
        first, changed, last = (frame.to_ndarray(format="gray") for frame in file.decode(video=0))
    assert first.shape == changed.shape == last.shape == (64, 64)
    assert min(first.min(), last.min()) > 180
    square, scale = changed > 160, 64 / max(other)
    assert square.any(axis=0).sum() == pytest.approx(min(other) * scale, abs=2)
    assert square.any(axis=1).sum() == pytest.approx(min(other) * scale, abs=2)
    across, down = (changed > 48).any(axis=0).sum(), (changed > 48).any(axis=1).sum()
    assert (across, down) == pytest.approx((max(1, other[0] * scale), max(1, other[1] * scale)), abs=2)


def test_a_screenshot_is_the_picture_and_overwrites_none(open_window, tmp_path):
    window, folder, said = open_window(48, 48), tmp_path / "new" / "folder", []
    Compositor(window)(still_life(), Params())
    for name in ("still", None):
        Still(folder, said.append, name).picture(window.read_rgba()).join()
    Compositor(window)(flat((1, 2, 3)), Params())
    Still(folder, said.append, "still").picture(window.read_rgba()).join()
    assert np.array_equal(np.asarray(Image.open(folder / "still.png")), still_life().numpy()[..., :3])
    assert Image.open(folder / "still_2.png").getpixel((5, 5)) == (1, 2, 3)
    assert len(os.listdir(folder)) == 3
    assert said[2] == f"screenshot: {folder / 'still_2.png'}"
    with pytest.raises(UserError, match="cannot make"):
        Still(folder / "still.png" / "nowhere", said.append)


def test_a_screenshot_keeps_what_shows_through(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = 100, 50, 0, 128  # premultiplied; a PNG is straight
    still = Still(tmp_path, [].append)
    still.picture(pixels).join()
    with Image.open(still.path) as saved:
        assert (saved.mode, saved.getpixel((1, 1)), saved.getpixel((1, 3))) == (
            "RGBA",
            (199, 100, 0, 128),
            (0, 0, 0, 0),
        )


def test_two_screenshots_of_one_second_are_two_files(tmp_path):
    said = []
    stills = [Still(tmp_path, said.append, "show") for _ in range(3)]  # the first is not written when the others begin
    for still in stills:
        still.picture(level(100)).join()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["show.png", "show_2.png", "show_3.png"]
