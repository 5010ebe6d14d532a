"""Outputs beside the window: they cost no time, a failing one leaves alone, a missing one says what to install."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from engine.borders.errors import UserError
from engine.borders.tick import Tick
from engine.stage.letterbox import letterbox
from engine.stage.outputs.bus import Bus
from engine.stage.outputs.output import OUTPUTS, open_output
from engine.stage.outputs.sender import Sender
from engine.stage.passes.compositor import Compositor
from engine.stage.recording import recorder
from engine.stage.recording.recorder import Recorder
from engine.stage.recording.recording import Recording
from tests.builders.params import Params
from tests.builders.pictures import still_life
from tests.builders.show import vj_here


@pytest.fixture(scope="module", autouse=True)
def ndi_here(tmp_path_factory):
    """NDI, which reads this once, asks this machine directly: one by itself may have no multicast."""
    folder = tmp_path_factory.mktemp("ndi")
    (folder / "ndi-config.v1.json").write_text('{"ndi": {"networks": {"ips": "127.0.0.1,", "discovery": ""}}}')
    before = os.environ.get("NDI_CONFIG_DIR")
    os.environ["NDI_CONFIG_DIR"] = str(folder)
    yield
    os.environ.pop("NDI_CONFIG_DIR")
    if before is not None:
        os.environ["NDI_CONFIG_DIR"] = before


class Silence:
    """A soundtrack without sound, on the ticks' clock."""

    samplerate, channels = 48000, 2

    def begin(self, tick):
        self.start = tick.time

    def position(self, tick):
        return tick.time - self.start

    def take(self, tick):
        return np.zeros((0, 2), np.float32)

    def end(self, seconds):
        return self.take(None)


class Film:
    """An output in this process: a recorder."""

    name, on_gpu = "film", False

    def __init__(self, path):
        self.recorder = Recorder(path, (64, 48), 25, codec="libx264")

    def send(self, picture, seconds):
        self.recorder.picture(picture, seconds)
        while self.recorder._waiting:
            time.sleep(0.001)

    def close(self):
        self.recorder.close()


class Wall:
    """An output on the GPU: another program would read the texture where it is."""

    name, on_gpu = "wall", True

    def __init__(self):
        self.seen, self.closed = [], 0

    def send(self, picture, seconds):
        self.seen.append((seconds, np.frombuffer(picture.read(), np.uint8).reshape(picture.height, picture.width, 4)))
        if len(self.seen) == 3:
            raise RuntimeError("the cable\nwas pulled")

    def close(self):
        self.closed += 1


def open_bus(window, tmp_path, outputs=()):
    said = []
    recording = Recording(window, 25, Silence(), said.append, tmp_path / "films")
    return Bus(window, said.append, recording, outputs, tmp_path / "stills"), said


def draw(compositor, bus, index):
    compositor(still_life(), Params({"picture.rotation": index / 40}))
    bus(Tick(index, index / 25, 1 / 25))


def test_every_output_gets_the_picture_and_a_failing_one_leaves(open_window, tmp_path):
    window, film, wall = open_window(64, 48), Film(tmp_path / "film.mp4"), Wall()
    bus, said = open_bus(window, tmp_path, (film, wall))
    compositor, drawn = Compositor(window), []
    for index in range(10):
        draw(compositor, bus, index)
        drawn.append(window.read_rgba())
        while index > 2 and film.recorder.frames < index - 2:
            time.sleep(0.002)
    bus.close()
    bus.close()
    assert [seconds for seconds, _ in wall.seen] == [0.0, 1 / 25, 2 / 25]
    assert all(np.array_equal(seen[::-1], was) for (_, seen), was in zip(wall.seen, drawn, strict=False))
    assert wall.closed == 1
    assert said == ["output wall stopped: RuntimeError: the cable was pulled"]
    with av.open(str(tmp_path / "film.mp4")) as file:
        shown = [(float(f.time), f.to_ndarray(format="rgb24", src_colorspace="ITU709")) for f in file.decode(video=0)]
    assert len(shown) >= 8  # the last ones come at once, and one picture waits
    for seconds, picture in shown:
        assert np.abs(picture.astype(int) - drawn[round(seconds * 25)][..., :3]).mean() < 6
    assert bus.summary()[0] == said[0]
    assert "output film: " in bus.summary()[1]


@pytest.mark.alone
def test_recordings_and_stills_are_asked_for_in_mid_show(open_window, tmp_path):
    window = open_window(64, 48)
    bus, said = open_bus(window, tmp_path)
    compositor, drawn = Compositor(window), []
    for index in range(12):
        if index in (2, 8):
            bus.record()
        if index == 5:
            bus.screenshot()
        draw(compositor, bus, index)
        drawn.append(window.read_rgba())
        time.sleep(0.02)
    bus.close()
    (film,), (still,) = (tmp_path / "films").iterdir(), (tmp_path / "stills").iterdir()
    from PIL import Image

    assert np.array_equal(np.asarray(Image.open(still)), drawn[5][..., :3])
    with av.open(str(film)) as file:
        assert [float(f.time) for f in file.decode(video=0)] == pytest.approx([i / 25 for i in range(6)], abs=1e-3)
    assert said[0] == f"recording to {film}"
    assert any(line.startswith(f"recorded {film}: 6 frames") for line in said)
    assert bus.summary() == [f"recorded {film}: 6 frames"]


def test_a_still_of_the_last_frame_is_written_when_all_is_closed(open_window, tmp_path):
    window = open_window(1600, 1200)
    bus, said = open_bus(window, tmp_path)
    bus.screenshot()
    draw(Compositor(window), bus, 0)
    bus.close()
    (still,) = (tmp_path / "stills").iterdir()
    assert said == [f"screenshot: {still}"]


def test_dropped_frames_are_counted_and_told(open_window, tmp_path, monkeypatch):
    window = open_window(64, 48)
    bus, said = open_bus(window, tmp_path)
    compositor = Compositor(window)
    bus.record()
    assert bus.figures() == (("recording", "0:00, 0 dropped"),)
    draw(compositor, bus, 0)
    monkeypatch.setattr(recorder, "MAX_PICTURES", 0)  # an encoder that never catches up
    for index in range(1, 200):
        draw(compositor, bus, index)
    assert bus.states() == ("198 frames not recorded",)
    assert bus.figures() == (("recording", "0:07, 198 dropped"),)
    bus.close()
    told = [line for line in said if "dropped so far" in line]
    assert 1 <= len(told) <= 2  # not every frame
    assert bus.summary()[0].endswith(": 0 frames, 200 dropped")
    assert bus.states() == bus.figures() == ()


def test_a_recording_that_cannot_be_is_told_and_the_show_goes_on(open_window, tmp_path):
    window = open_window(64, 48)
    (tmp_path / "films").write_text("not a folder")
    (tmp_path / "stills").write_text("not a folder")
    bus, said = open_bus(window, tmp_path)
    bus.record()
    bus.screenshot()
    draw(Compositor(window), bus, 0)
    bus.close()
    assert [line.partition(":")[0] for line in said] == ["not recording", "no screenshot"]


def test_a_slow_output_gets_the_newest_picture_and_nobody_waits():
    release, got = threading.Event(), []

    class Slow:
        name, on_gpu = "slow", False

        def send(self, picture, seconds):
            release.wait(10)
            got.append(seconds)

        def close(self):
            got.append("closed")

    sender = Sender(Slow())
    for second in range(50):
        sender.picture(np.zeros((2, 2, 4), np.uint8), second)
        time.sleep(0.001)
    release.set()
    sender.close()
    assert got[-2:] == [49, "closed"]
    assert sender.dropped + sender.sent == 50
    assert sender.dropped >= 47


def test_a_picture_of_another_size_is_fitted_whole():
    picture = np.full((10, 20, 4), 200, np.uint8)
    assert letterbox(picture, (20, 10)) is picture
    fitted = letterbox(picture, (40, 40))
    assert fitted.shape == (40, 40, 4)
    assert fitted[20, 20, 0] == 200
    assert fitted[2, 20, 0] == 0


def test_what_is_not_there_is_refused_before_the_show(tmp_path):
    done = vj_here("rehearse", "demo", "--mute", "--headless", "--output", "fax")
    assert done.returncode == 2
    assert "fax" in done.stderr.splitlines()[-1]
    assert all(name in done.stderr.splitlines()[-1] for name in OUTPUTS)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_refusal_is_one_line_that_says_what_to_do(name):
    if name == "ndi" and importlib.util.find_spec("cyndilib"):
        pytest.skip("it is there, and tried below: its library finds no second source of a process")
    try:
        output = open_output(name, (64, 48), 30)
    except UserError as error:
        said = str(error)
        assert said.startswith(f"--output {name}: ")
        assert "\n" not in said
        assert any(hint in said for hint in ("pip install 'latentvj[", "only", "modprobe", "OBS"))
    else:
        output.send(np.zeros((48, 64, 4), np.uint8), 0.0)
        output.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the camera's own refusal on Linux")
def test_no_camera_to_send_to_is_refused():
    pytest.importorskip("pyvirtualcam")
    if any(Path("/dev").glob("video*")):
        pytest.skip("there is a camera")
    with pytest.raises(UserError, match="v4l2loopback"):
        open_output("virtual-camera", (64, 48), 30)


def test_the_camera_library_gets_rgb_of_its_size():
    """pyvirtualcam itself, with a camera of our own registered in the place of a driver's."""
    library = pytest.importorskip("pyvirtualcam")
    got = []

    class Camera:
        def __init__(self, **about):
            self.about = about

        def send(self, frame):
            got.append(frame.copy())

        def device(self):
            return "ours"

        def native_fourcc(self):
            return None

        def close(self):
            got.append("closed")

    library.register_backend("v4l2loopback", Camera)
    output = open_output("virtual-camera", (65, 48), 30)
    picture = np.arange(48 * 65 * 4, dtype=np.uint32).astype(np.uint8).reshape(48, 65, 4)[::-1]
    output.send(picture[:, :64], 0.0)
    output.send(picture, 0.0)
    output.close()
    assert np.array_equal(got[0].reshape(48, 64, 3), picture[:, :64, :3])
    assert got[1].shape == (64 * 48 * 3,)
    assert got[2] == "closed"


def test_ndi_is_received_as_it_was_sent():
    """NDI's own library both ways, through this machine's network."""
    pytest.importorskip("cyndilib")
    from cyndilib.finder import Finder
    from cyndilib.receiver import ReceiveFrameType, Receiver
    from cyndilib.video_frame import VideoRecvFrame
    from cyndilib.wrapper.ndi_recv import RecvColorFormat

    output = open_output("ndi", (64, 48), 30)
    picture = np.full((48, 64, 4), (200, 100, 50, 255), np.uint8)
    picture[:, 32:] = 100, 50, 25, 128  # premultiplied; it is sent straight
    deadline = time.monotonic() + 20
    receiver = None
    with Finder() as finder:
        while time.monotonic() < deadline:
            output.send(picture[::-1], 0.0)
            time.sleep(0.02)
            names = [name for name in finder.get_source_names() if "latentvj" in name]
            if names and receiver is None:
                receiver = Receiver(color_format=RecvColorFormat.RGBX_RGBA)
                frame = VideoRecvFrame()
                receiver.set_video_frame(frame)
                receiver.set_source(finder.get_source(names[0]))
            connected = receiver is not None and receiver.is_connected()
            if connected and receiver.receive(ReceiveFrameType.recv_video, 100) and frame.xres == 64:
                break
        else:
            output.close()
            pytest.skip("no NDI source is found on this machine")
    got = np.zeros(48 * 64 * 4, np.uint8)
    frame.fill_p_data(got)
    got = got.reshape(48, 64, 4)
    output.close()
    assert np.abs(got[:, 4:-4, :3].astype(int) - [200, 100, 50])[:, [0, 10, -10, -1]].max() < 6
    assert np.abs(got[:, [4, -4], 3].astype(int) - [255, 128]).max() < 6
