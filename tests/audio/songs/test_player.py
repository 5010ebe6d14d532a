"""Playback through a real JACK server, and the silent clock where there is no sound."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.audio.inputs import devices
from engine.audio.songs.edited import EditedSong, Passage
from engine.audio.songs.player import LOST_SECONDS, SilentPlayer, SongPlayer, _Progress, open_player
from engine.audio.songs.song import Song
from engine.audio.songs.standstill import Standstill
from engine.system import quiet
from tests.builders.jack_registry import server_name
from tests.builders.signals import clicks
from tests.builders.sound_server import end_server
from tests.parts import missing, need

CLICKS = [0.3, 0.8, 1.3, 1.8]

# A second client that hears what the player's client plays, and says on the monotonic clock when:
# PortAudio lists JACK's clients as inputs, once they are there.
LISTENER = """
import sys, time
import numpy as np
from engine.audio.inputs import portaudio
from engine.system import quiet
import pyaudio
audio = portaudio.open_portaudio()
infos = [audio.get_device_info_by_index(i) for i in range(audio.get_device_count())]
player = next(i for i in infos if i["name"] != "system" and i["maxInputChannels"])
heard = []
last = [-1.0]
def callback(data, count, times, status):
    now = time.monotonic()
    block = np.frombuffer(data, np.float32)
    first = int(np.argmax(np.abs(block) > 0.1))
    if abs(block[first]) > 0.1 and now - last[0] > 0.2:
        last[0] = now
        heard.append(now - (count - first) / rate)
    return None, pyaudio.paContinue
rate = int(player["defaultSampleRate"])
with quiet.quiet_stderr():
    stream = audio.open(rate=rate, channels=1, format=pyaudio.paFloat32, input=True, frames_per_buffer=256,
                        input_device_index=player["index"], stream_callback=callback)
print("ready", flush=True)
sys.stdin.readline()
print(" ".join(str(moment) for moment in heard))
"""


def song(samplerate=44100, seconds=2.1, channels=2):
    sound = clicks(CLICKS, seconds, 0.9, samplerate=samplerate)
    return Song(Path("clicks.wav"), np.repeat(sound[:, None], channels, axis=1), samplerate)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Run a JACK server without hardware, at 48 kHz; the tests that want it take ``jack``."""
    need("jackd", "portaudio")
    name, said = server_name("p"), tmp_path_factory.mktemp("jack") / "jack.log"
    log = said.open("w")
    server = subprocess.Popen(
        ["jackd", "-n", name, "-r", "-d", "dummy", "-r", "48000", "-p", "256"], stdout=log, stderr=log
    )
    try:
        yield name, said
    finally:
        end_server(server)
        log.close()


@pytest.fixture
def jack(server, monkeypatch):
    """Let this process and its children find the JACK server."""
    name, said = server
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if any(device.host_api.startswith("JACK") for device in devices.list_devices().outputs):
            return
        time.sleep(0.05)
    missing(f"jackd does not run, or PortAudio knows no JACK: {said.read_text()}")


@pytest.fixture
def nowhere(monkeypatch):
    """Let no JACK server be found."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "vj-test-nobody")
    if devices.list_devices().outputs:
        pytest.skip("this machine has a sound card")


@pytest.mark.alone
def test_position_follows_the_sound(jack):
    """At 1.1 s, on the device's way through the song, it goes on at 1.5 s: the click of 1.8 s sounds at 1.4."""
    sound = EditedSong(song())
    expected = [*CLICKS[:2], CLICKS[3] - 0.4]
    player, notice = open_player(sound)
    assert notice is None
    assert isinstance(player, SongPlayer)
    assert player.position == 0.0
    listener = subprocess.Popen(
        [sys.executable, "-c", LISTENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert listener.stdout.readline() == "ready\n"
    player.start()
    moments, positions = [], []
    while (not positions or positions[-1] < player.length) and len(moments) < 1000:
        moments.append(time.monotonic())
        positions.append(player.position)
        if positions[-1] > 0.8 and sound.last.at == 0:
            sound.edit(Passage(round(1.1 * 44100), round(1.5 * 44100)))
            player.edit(sound.last.at)
        time.sleep(0.005)
    time.sleep(0.1)
    heard = [float(word) for word in listener.communicate("\n", timeout=20)[0].split()]
    player.close()
    player.close()
    at, where = np.array(moments), np.array(positions)

    assert (np.diff(where) >= 0).all()
    assert where[-1] == pytest.approx(1.7)
    assert player.latency < 0.2
    assert len(heard) == 3
    said = np.interp(heard, at, where)
    assert max(min(abs(said_at - click) for click in expected) for said_at in said) < 0.040  # where the sound is
    if (
        np.abs(np.diff(heard) - np.diff(expected)).max() < 0.010
    ):  # a busy machine's JACK may itself be late, the sound with it
        running = (where > 0.3) & (where < 1.6)
        offset = at[running] - where[running]
        assert np.abs(offset - np.median(offset)).max() < 0.040


@pytest.mark.alone
def test_devices_of_a_jack_server(jack):
    listed = devices.list_devices()
    assert listed.reason is None
    (system,) = [device for device in listed.outputs if device.name == "system"]
    assert (system.channels, system.samplerate, system.default) == (2, 48000, True)
    assert any(device.default for device in listed.inputs)


@pytest.mark.alone
def test_mono_and_another_samplerate_play_on_both_speakers(jack):
    player = SongPlayer(song(samplerate=44100, seconds=0.4, channels=1))
    player.start()
    deadline = time.monotonic() + 5
    while not player.finished and time.monotonic() < deadline:
        time.sleep(0.02)
    position = player.position
    player.close()
    assert position == pytest.approx(0.4)


def test_a_machine_without_sound_is_silent_in_one_line(nowhere, capfd):
    player, notice = open_player(song())
    assert isinstance(player, SilentPlayer)
    assert notice is not None
    assert "silent" in notice
    assert "\n" not in notice
    assert devices.list_devices().reason
    assert capfd.readouterr().err == ""


def test_without_a_package_for_sound(monkeypatch):
    monkeypatch.setenv("LATENTVJ_SOUND", "no_such_package")
    player, notice = open_player(song())
    assert isinstance(player, SilentPlayer)
    assert "PyAudio" in str(notice)
    assert "PyAudio" in str(devices.list_devices().reason)


def test_mute_is_silent_without_notice():
    player, notice = open_player(song(), mute=True)
    assert isinstance(player, SilentPlayer)
    assert notice is None


@pytest.mark.alone
def test_the_silent_player_keeps_time():
    player = SilentPlayer(song(seconds=0.4))
    assert (player.position, player.finished) == (0.0, False)
    player.start()
    began = time.monotonic()
    time.sleep(0.2)
    assert player.position == pytest.approx(time.monotonic() - began, abs=0.02)
    time.sleep(0.3)
    assert (player.position, player.finished) == (0.4, True)
    player.close()


def play(progress, moments, samples=480):
    for moment in moments:
        progress.mark(moment, samples)


def test_late_callbacks_do_not_shake_the_position():
    progress = _Progress(48000)
    due = 100 + np.arange(150) * 0.01
    play(progress, due + np.random.default_rng(0).exponential(0.003, 150))
    assert progress.position(101.495, 0.02) == pytest.approx(1.475, abs=0.002)


def test_a_dropout_is_learnt_within_a_second():
    progress = _Progress(48000)
    play(progress, 100 + np.arange(100) * 0.01)
    play(progress, 101.2 + np.arange(120) * 0.01)  # 0.2 s of silence between
    assert progress.position(102.395, 0.0) == pytest.approx(2.195, abs=0.005)


def test_the_position_waits_for_late_sound_and_runs_on_without():
    progress = _Progress(48000)
    play(progress, 100 + np.arange(100) * 0.01)
    assert progress.position(101.3, 0.0) == pytest.approx(1.0)
    assert not progress.lost(101.3)
    assert progress.lost(103.0)
    assert progress.position(103.0, 0.0) == pytest.approx(1.0 + (103.0 - 100.99) - LOST_SECONDS)


def test_quiet_stderr_silences_what_writes_past_python(capfd):
    with quiet.quiet_stderr():
        os.write(2, b"ALSA lib conf.c:5180: nobody wants to know\n")
    os.write(2, b"this matters\n")
    assert capfd.readouterr().err == "this matters\n"


@pytest.mark.parametrize(
    ("name", "loopback"),
    [
        ("Monitor of Built-in Audio", True),
        ("BlackHole 2ch", True),
        ("Stereo Mix (Realtek)", True),
        ("USB Microphone", False),
    ],
)
def test_loopback_by_name(name, loopback):
    assert devices.is_loopback(name) is loopback


def test_a_process_that_stood_is_seen_by_looks_and_a_slow_machine_is_not_taken_for_one():
    moments = iter(np.cumsum([10.0, 0.01, 0.02, 30.0, 0.02, *[0.02] * 60, 0.9, 2.5, 2.5, 2.6, 2.4]))
    standstill = Standstill(lambda: float(next(moments)))
    looks = [standstill.look() for _ in range(70)]
    assert looks[:5] == [0.0, 0.0, 0.0, pytest.approx(30.0), 0.0]
    assert sum(looks[5:]) == 0.0  # slower and slower


def test_the_position_does_not_run_on_over_the_time_in_which_the_process_stood():
    progress = _Progress(48000)
    play(progress, 100 + np.arange(100) * 0.01)
    assert progress.position(101.0, 0.0) == pytest.approx(1.0, abs=0.02)
    progress.stood(30.0)  # it is asked before the device asks again
    assert progress.position(131.0, 0.0) <= 1.0
    play(progress, 131.01 + np.arange(10) * 0.01)
    assert progress.position(131.11, 0.0) == pytest.approx(1.1, abs=0.02)


DIES = """
import os, sys, time
from pathlib import Path
from engine.audio.songs.player import SongPlayer
from engine.audio.songs.song import Song
from tests.builders.signals import clicks
from tests.builders.sound_server import end_server
player = SongPlayer(Song(Path("clicks.wav"), clicks([0.3], 2.1, 0.9)[:, None].repeat(2, axis=1), 44100))
player.start()
print("plays", flush=True)
sys.stdin.readline()
deadline = time.monotonic() + 10
while not player._server.dead and time.monotonic() < deadline:
    time.sleep(0.01)
player.close()
print("closed", flush=True)
os._exit(0)
"""


@pytest.mark.alone
def test_a_player_whose_sound_server_has_died_closes():
    """PortAudio asserts there that the server answers, which would end the process before its films are finished."""
    from tests.builders.sound_server import ROOT, SoundServer

    need("jackd", "portaudio")
    server = SoundServer()
    process = subprocess.Popen(
        [sys.executable, "-c", DIES], cwd=ROOT, env=server.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "plays\n"
    finally:
        server.close()
    out, _ = process.communicate("\n", timeout=30)
    assert (process.returncode, out) == (0, "closed\n")
