"""The gesture log: what goes in comes out, bit for bit, and a performance can be rendered again."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import time
import wave
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
import pytest

from engine.audio.songs.edited import Passage
from engine.audio.songs.song import whole
from engine.audio.songs.song_ears import SongEars
from engine.borders.controls import Controls, Tempo
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures, Onset
from engine.borders.tick import Tick
from engine.borders.timecode import RATES, Timecode
from engine.cli.render import RenderOptions
from engine.cli.replay import open_sound
from engine.control.presets.preset import parse
from engine.gesture.players import ExactEars, LogClock, LogCues, LogEars, LogHands, LogJoins
from engine.gesture.reader import LoggedFrame, LoggedJoin, read
from engine.gesture.writer import GestureLog
from engine.latent.path import Path as LatentPath
from engine.system.resources import resource
from tests.builders.params import TABLE, Params
from tests.builders.program import Program
from tests.builders.short_song import beginning
from tests.builders.show import trace, vj_here
from tests.builders.sound_server import MODEL
from tests.parts import need

LONG = bool(os.environ.get("LATENTVJ_LONG"))
PLAIN = 'name = "plain"\n[latent]\nseeds = [1, 2, 3]\n[params]\nspeed = 0.2\n'
JOINED = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
HEAD = {"song": None, "preset": {"name": "plain", "path": None, "text": PLAIN}, "options": {}, "model": {}}


def hop(time_: float, dice: random.Random) -> AudioFeatures:
    onsets = (Onset(time_ - 0.01, time_, dice.random()),) if dice.random() < 0.1 else ()
    return AudioFeatures(time_, *(dice.random() for _ in range(5)), onsets, 120 / 7, dice.random(), dice.random())


def performed(count: int = 200, seed: int = 0) -> list[tuple[Tick, AudioFeatures, Controls]]:
    """A show at uneven ticks: hops, silences, knobs, presses, taps, bindings."""
    dice, rows, now, heard, last = random.Random(seed), [], 0.0, 0, AudioFeatures()
    values: dict[str, float] = {}
    for index in range(count):
        dt = dice.choice([1 / 60, 1 / 30, 0.001, 0.21, 0.0]) * dice.random() if index else 0.0
        now += dt
        recent = []
        while (heard + 1) * 256 / 44100 <= now:
            heard += 1
            recent.append(hop(heard * 256 / 44100, dice))
        last = recent[-1] if recent else last
        onsets = tuple(o for each in recent for o in each.onsets)
        features = replace(last, onsets=onsets, recent=tuple(recent))
        if 60 < index < 70:
            features = AudioFeatures(time=now, bpm=last.bpm, onsets=onsets, recent=tuple(recent))
        values[f"midi.cc.1.{index % 5}"] = dice.random()
        if index == 100:
            values.clear()
        controls = Controls(
            values=MappingProxyType(dict(values)), edges=("key.A",) * (index % 7 == 0),
            commands=("tap", "panic") * (index % 11 == 0),
            overrides=MappingProxyType({"speed": 0.1} if index > 50 else {}),
            bindings=MappingProxyType({"speed": "midi.cc.1.2"} if 20 < index < 80 else {}),
            turned=MappingProxyType({"midi.knob_2": index / 127} if 30 < index < 90 else {}),
            tempo=Tempo(119.9 + index, now * 2, index > 150, "Link") if index > 90 else None,
            timecode=Timecode(now, RATES[index % 4], "runs") if index % 19 else None,
            tempo_factor=0.5 if index > 30 else 1.0, blackout=index % 13 == 5, freeze=index % 17 == 3,
        )  # fmt: skip
        rows.append((Tick(index, now, dt), features, controls))
    return rows


def write(path: Path, rows: list[tuple[Tick, AudioFeatures, Controls]]) -> GestureLog:
    log = GestureLog(path, lambda line: None)
    log.begin(HEAD)
    desk = log.heard(lambda features, controls, tick: controls)
    travel = log.travelled(lambda params, tick: np.full((2, 3), tick.index, np.float32))
    for tick, features, controls in rows:
        if tick.index == 40:
            log.cue(parse(PLAIN.replace("0.2", "0.4"), path.parent / "b.toml", TABLE), 0.3, 0.1, "isf:Ink.fs")
        if tick.index == 50:
            log.joined(JOINED, replace=True, now=False)
        desk(features, controls, tick)
        travel(None, tick)
    return log


def test_everything_that_crossed_a_border_comes_back_bit_for_bit(tmp_path: Path) -> None:
    rows = performed()
    assert len(fields(Controls)) == 11, "a new field of Controls: let performed() move it"
    write(tmp_path / "g.jsonl", rows).close()
    back = read(tmp_path / "g.jsonl", TABLE)
    assert [(f.tick, f.features, f.controls) for f in back.frames] == rows
    (cue,) = back.cues
    assert (cue.index, cue.seconds, cue.t, cue.transition) == (40, 0.3, 0.1, "isf:Ink.fs")
    assert cue.preset == parse(PLAIN.replace("0.2", "0.4"), tmp_path / "b.toml", TABLE)
    assert len({frame.ws for frame in back.frames}) == len(rows)
    (join,) = back.joins
    assert (join.index, join.replace, join.now) == (50, True, False)
    assert join.point.tobytes() == JOINED.tobytes()


@pytest.mark.parametrize("exact", [True, False])
def test_points_that_joined_a_path_join_it_again(exact: bool) -> None:
    """The same ways, bit for bit, on the ticks of the log; at their own times on others."""
    drawn = np.random.default_rng(1).standard_normal((5, 2, 3)).astype(np.float32)
    ticks = [Tick(i, i / 30, 1 / 30) for i in range(240)]
    params = Params({"speed": 0.1})
    moments = {40: (drawn[3], False, False), 41: (drawn[4], True, True), 150: (drawn[3], False, True)}
    path, was, joins = LatentPath(drawn[:3], np.zeros(3)), [], []
    for tick in ticks:
        was.append(path.travel(params, tick).astype(np.float32))
        if tick.index in moments:
            point, replace_, now = moments[tick.index]
            path.join(point, replace=replace_, now=now)
            joins.append(LoggedJoin(tick.index + 1, point, replace_, now))
    frames = [LoggedFrame(tick, AudioFeatures(), Controls()) for tick in ticks]
    again = LogJoins(joins, frames, exact, LatentPath(drawn[:3], np.zeros(3)))
    if not exact:
        ticks = [Tick(i, i / 60, 1 / 60) for i in range(480)]
    now_ = [again(params, tick) for tick in ticks]
    if exact:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(was, now_, strict=True))
    else:
        assert np.abs(np.stack(now_[::2]) - np.stack(was)).max() < 0.1 * np.abs(np.stack(was)).max()
    plain = LatentPath(drawn[:3], np.zeros(3))
    assert np.abs(np.stack([plain.travel(params, Tick(i, i / 30, 1 / 30)) for i in range(240)]) - was).max() > 0.5


def test_a_song_that_was_sought_in_sounds_as_it_was_heard(tmp_path: Path) -> None:
    song = beginning(tmp_path, 3.0)
    passages = (
        Passage(9728, 96_000),
        Passage(19_456, 96_000, plays=False),
        Passage(29_184, 48_000, loop=(48_000, 60_000)),
    )
    log = GestureLog(tmp_path / "g.jsonl", lambda line: None)
    log.begin({**HEAD, "song": song})
    log.passage(passages[0])
    log.heard(lambda features, controls, tick: controls)(AudioFeatures(), Controls(), Tick(0, 0.1, 0.0))
    log.travelled(lambda params, tick: np.zeros((2, 3), np.float32))(None, Tick(0, 0.1, 0.0))
    for passage in passages[1:]:
        log.passage(passage)
    log.close()
    performance = read(tmp_path / "g.jsonl", TABLE)
    assert performance.passages == passages
    sound, begins = open_sound(RenderOptions(output=tmp_path / "x.mp4"), performance, print)
    samples = whole(song).samples
    assert begins == 4800
    assert sound is not None
    assert (sound.read(9720, 9730) == np.concatenate([samples[9720:9728], samples[96_000:96_002]])).all()
    assert not sound.read(20_000, 29_000).any()
    assert (sound.read(29_184 + 11_999, 29_184 + 12_001) == samples[[59_999, 48_000]]).all()


def test_a_first_picture_that_was_slow_moves_no_sound(tmp_path: Path) -> None:
    """Drawn 0.12 s late, it is where the recording begins: what is heard with the others is what was then."""
    path, dice = tmp_path / "g.jsonl", random.Random(2)
    log = GestureLog(path, lambda line: None)
    log.begin(HEAD)
    desk = log.heard(lambda features, controls, tick: controls)
    travel = log.travelled(lambda params, tick: np.zeros((2, 3), np.float32))
    begins = {"a.mp4": 3, "b.mp4": 50, "none.mp4": 99}  # frames; the log ends before the last one's second picture
    drawn: list[float] = []  # when each picture was, on the clock of the ticks
    for index in range(100):
        tick = Tick(index, index / 50, 0.02)
        desk(AudioFeatures(), Controls(), tick)
        travel(None, tick)
        films = [name for name, first in begins.items() if first <= index]
        drawn.append(tick.time + (0.12 if index in begins.values() else dice.choice([0.004, 0.005, 0.006, 0.03])))
        if films:
            if begins[films[-1]] == index:
                log.recording(tmp_path / films[-1], tick)
            log.placed(drawn[-1] - drawn[begins[films[-1]]])
            log.placed(drawn[-1] - drawn[begins[films[-1]]] + 0.01)  # between two frames
    log.close()
    begun = [at for _, at in read(path, TABLE).recordings]
    usual = 0.0055  # seconds from a tick to its picture
    assert begun[:2] == pytest.approx([drawn[3] - usual, drawn[50] - usual], abs=0.001)
    assert begun[2] == 99 / 50  # nothing better is known


def test_what_was_written_before_a_crash_can_be_read(tmp_path: Path) -> None:
    rows, path = performed(50), tmp_path / "g.jsonl"
    log = write(path, rows)
    whole = path.read_bytes()  # not closed yet
    log.close()
    for cut in range(len(whole) - 2000, len(whole), 97):
        path.write_bytes(whole[:cut])
        back = read(path, TABLE).frames
        assert len(back) == whole[:cut].count(b'"i":') - (whole[cut - 1 : cut] != b"\n" and b'"i":' in whole[
            whole[:cut].rindex(b"\n") : cut])  # fmt: skip
        assert [frame.features for frame in back] == [row[1] for row in rows[: len(back)]]


def test_an_earlier_log_is_kept(tmp_path: Path) -> None:
    path, said = tmp_path / "g.jsonl", []
    path.write_text("yesterday\n")
    log = GestureLog(path, said.append)
    assert path.read_text() == "yesterday\n", "nothing is touched before the show begins"
    log.begin(HEAD)
    log.close()
    assert (tmp_path / "g_1.jsonl").read_text() == "yesterday\n"
    assert "g_1.jsonl" in said[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "not a gesture log"), ("[]\n", "not a gesture log"), ('{"index": 0}\n', "not a gesture log"),
     ('{"gesture_log": 1, "measures": [], "preset": {"text": "", "path": null, "name": "x"}}\n', "no frame"),
     ('{"gesture_log": 1, "measures": []}\n{"i": 0}\n', "damaged"),
     ('{"gesture_log": 1}\nnonsense\n', ":2: not a line")],
)  # fmt: skip
def test_what_is_no_log_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "g.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=says) as caught:
        read(path, TABLE)
    assert str(path) in str(caught.value)


def test_with_the_ticks_of_the_log_every_frame_is_what_it_was(tmp_path: Path) -> None:
    rows = performed()
    assert any(a[0].time == b[0].time for a, b in pairwise(rows))  # as when a player stalls
    write(tmp_path / "g.jsonl", rows).close()
    back = read(tmp_path / "g.jsonl", TABLE)
    ears, hands = ExactEars(back.frames), LogHands(back.frames, exact=True)
    cues = LogCues(back.cues, back.frames, True, lambda preset, t: t)
    again = [(cues.poll(tick), tick, ears.latest(tick), hands.read(tick)) for tick in LogClock(back.frames, None, None)]
    assert [row[1:] for row in again] == rows
    assert [row[1].index for row in again if row[0]] == [40]


@pytest.mark.parametrize("fps", [10, 24, 60, 240])
def test_at_another_frame_rate_nothing_is_lost_or_heard_twice(tmp_path: Path, fps: float) -> None:
    rows = performed()
    write(tmp_path / "g.jsonl", rows).close()
    frames = read(tmp_path / "g.jsonl", TABLE).frames
    clock = LogClock(frames, fps, None)
    ears, hands, taken = LogEars(frames), LogHands(frames), []
    cues = LogCues(read(tmp_path / "g.jsonl", TABLE).cues, frames, False, lambda preset, t: (preset.name, t))
    hops, edges, commands, ticks = [], [], [], list(clock)
    for tick in ticks:
        taken += [(tick.time, ready.parts)] if (ready := cues.poll(tick)) else []
        heard, held = ears.latest(tick), hands.read(tick)
        hops, edges, commands = [*hops, *heard.recent], [*edges, *held.edges], [*commands, *held.commands]
        assert heard.time <= tick.time + 1e-6
        now = max((row for row in rows if row[0].time <= tick.time + 1e-9), key=lambda row: row[0].index)
        assert held.values == now[2].values
        if held.tempo is not None:
            since = (tick.time - now[0].time) * held.tempo.bpm / 60
            assert held.tempo.beats == pytest.approx(now[2].tempo.beats + since)
    end = ticks[-1].time
    assert hops == [each for row in rows for each in row[1].recent if each.time <= end + 1e-9]
    before = [row for row in rows if row[0].time <= end + 1e-9]
    assert edges == [edge for row in before for edge in row[2].edges]
    assert commands == [each for row in before for each in row[2].commands]
    assert taken[0][0] >= rows[40][0].time - 1e-9
    assert taken[0][0] - rows[40][0].time <= 1 / fps
    assert taken[0][1] == ("plain", 0.1)
    assert math.isclose(len(ticks) / fps, rows[-1][0].time + rows[-1][0].dt, abs_tol=1 / fps)


def rehearse(folder: Path, seconds: float, song: object = "demo") -> Program:
    """A rehearsal with a setlist: morphs to and fro between paths, with sources of sound, chance and beat."""
    one, two, evening = (folder / f"{name}.toml" for name in ("one", "two", "evening"))
    route = '[[routes]]\ntarget = "speed"\namount = 0.3\nrelease = 0.2\nsource = '
    one.write_text(f'{PLAIN}{route}"audio.bass"\n')
    two.write_text(f'{PLAIN.replace("1, 2, 3", "7, 8")}{route}"random.1b"\n')
    evening.write_text(f'[[cues]]\npreset = "{one}"\nafter = 0.6\n'
                       f'[[cues]]\npreset = "{two}"\nmorph = 0.5\nafter = 1.2\n')  # fmt: skip
    words = ("rehearse", song, "--mute", "--headless", "--size", "64x64", "--fps", 30, "--model", MODEL, "--setlist",
             evening, "--seed", 3, "--seconds", seconds, "--log", folder / "g.jsonl", "--trace", folder / "a.jsonl",
             "--backend", "eager", "--resolution", 16)  # fmt: skip
    with (folder / "said.txt").open("w") as said:
        return Program([str(word) for word in words], said)


def again(folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return vj_here("render", "--replay", folder / "g.jsonl", "-o", folder / "again.mp4", "--size", "64x64", "--backend",
                   "eager", "--resolution", 16, "--trace", folder / "b.jsonl", *more)  # fmt: skip


def same(folder: Path) -> list[dict]:
    """Return the trace of the performance, after comparing that of the replay with it."""
    # Pictures between two frames, on a slow machine, have the newer one's latents and no line in a replay.
    was = [row for row in trace(folder / "a.jsonl") if row.get("generated", True)]
    now = trace(folder / "b.jsonl")
    assert [row["ws_hash"] for row in now] == [row["ws_hash"] for row in was]
    assert [row["params"] for row in now] == [row["params"] for row in was]
    assert [row["features"] for row in now] == [row["features"] for row in was]
    return was


@pytest.mark.alone
def test_a_rehearsal_is_rendered_again(tmp_path: Path) -> None:
    need("EGL")
    show = rehearse(tmp_path, 6.0)
    two = tmp_path / "two.toml"
    while show.poll() is None:
        rows = (tmp_path / "a.jsonl").read_text().splitlines() if (tmp_path / "a.jsonl").exists() else []
        if len(rows) > 2 and json.loads(rows[-2])["time"] > 0.9:
            two.write_text(two.read_text().replace("speed = 0.2", "speed = 0.5"))  # taken over while it plays
            break
        time.sleep(0.02)
    assert show.wait(60) == 0, (tmp_path / "said.txt").read_text()
    two.unlink()  # the log has its text
    done = again(tmp_path)
    assert done.returncode == 0, done.stderr
    rows = same(tmp_path)
    assert f"{len(rows)} of {len(rows)} frames have the latents of the performance" in done.stderr
    log = read(tmp_path / "g.jsonl", TABLE)
    assert len(log.cues) >= 3  # the morph, the edit, back to the first
    assert any(cue.preset.params["speed"] == 0.5 for cue in log.cues), "the edit was not taken over"
    ears = SongEars(whole(resource("presets", "songs", "demo.ogg")))  # heard ahead or when due: to the bit the same
    heard = [hop for frame in log.frames for hop in frame.features.recent]
    assert heard == list(ears.latest(log.frames[-1].tick).recent)
    # Not the trace's times: where a slow machine crossfades, those are of what is seen, older than the frame.
    times = [frame.tick.time - log.frames[0].tick.time for frame in log.frames]
    with av.open(str(tmp_path / "again.mp4")) as file:
        shown = [float(frame.time) for frame in file.decode(video=0)]
    assert shown == pytest.approx(times, abs=1e-3)
    with av.open(str(tmp_path / "again.mp4")) as file:
        sound = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    end = times[-1] + log.frames[-1].tick.dt  # the last picture is seen for as long as it took
    assert sound == pytest.approx(end, abs=0.1)
    first = (tmp_path / "again.mp4").read_bytes()
    assert again(tmp_path).returncode == 0
    assert (tmp_path / "again.mp4").read_bytes() == first

    done = again(tmp_path, "--fps", 25, "--resolution", 32)
    assert done.returncode == 0, done.stderr
    even = trace(tmp_path / "b.jsonl")
    assert [row["time"] - even[0]["time"] for row in even] == pytest.approx([i / 25 for i in range(len(even))])
    last = min(even, key=lambda row: abs(row["time"] - even[0]["time"] - times[-1]))
    # Where a busy machine held a frame up, the performance has gone on at one speed, the replay with the sound's.
    speeds = [row["params"]["speed"] for row in rows]
    steps = np.array([frame.tick.dt for frame in log.frames])
    held = float(steps[steps > 2 * np.median(steps)].sum()) * (max(speeds) - min(speeds))
    assert (last["t"] - rows[-1]["t"] + 0.5) % 1.0 - 0.5 == pytest.approx(0.0, abs=0.05 + held)  # the way is closed


def test_render_wants_a_song_or_a_log(tmp_path: Path) -> None:
    done = vj_here("render", "-o", tmp_path / "x.mp4")
    assert done.returncode == 2
    assert "--replay" in done.stderr
    done = vj_here("render", "--replay", tmp_path / "none.jsonl", "-o", tmp_path / "x.mp4")
    assert done.returncode == 2
    assert "none.jsonl" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "x.mp4").exists()


@pytest.mark.alone
@pytest.mark.skipif(not LONG, reason="two minutes: LATENTVJ_LONG=1 runs it")
def test_one_minute(tmp_path: Path) -> None:
    demo = whole(resource("presets", "songs", "demo.ogg"))
    with wave.open(str(tmp_path / "long.wav"), "wb") as file:
        file.setparams((demo.channels, 2, demo.samplerate, 0, "NONE", ""))
        file.writeframes((np.tile(demo.samples, (2, 1)).clip(-1, 1) * 32767).astype("<i2").tobytes())
    show = rehearse(tmp_path, 60.0, tmp_path / "long.wav")
    assert show.wait(180) == 0, (tmp_path / "said.txt").read_text()
    assert again(tmp_path).returncode == 0
    print(f"{len(same(tmp_path))} frames, {len(read(tmp_path / 'g.jsonl', TABLE).cues)} cues, all ws_hash equal; "
          f"log {(tmp_path / 'g.jsonl').stat().st_size} bytes")  # fmt: skip
