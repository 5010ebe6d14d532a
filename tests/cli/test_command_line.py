"""Bad input: exit code 2, one line that names it and says what to do. Never a traceback."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.borders.errors import UserError
from engine.cli.image import number
from engine.cli.main import COMMANDS, command, main, parser
from engine.cli.say import voice
from engine.generator.networks.stylegan2 import Config
from tests.builders.model_file import save
from tests.builders.show import ROOT


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_can_be_asked_for_is_run(name: str) -> None:
    """Each has a module of its name, which says what it takes and runs it."""
    assert callable(command(name).run)
    assert name in parser(name).format_help()
    assert COMMANDS[name]


def test_vj_alone_says_what_it_can_do_and_what_to_try_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    lines = capsys.readouterr().err.splitlines()
    (presets,) = (at for at, line in enumerate(lines) if "tidal" in line and "default" in line)
    assert presets == 10, "what it can do is told in ten lines"
    assert re.findall(r"\bvj ([a-z]+)", "\n".join(lines[:presets])) == list(COMMANDS)
    assert len(lines[lines.index("try first:") + 1 :]) == 3


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "text.wav").write_text("this is not a sound\n" * 40)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "misspelt.toml").write_text('name = "x"\n[params]\nsped = 1\n')
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"\n')
    np.save(tmp_path / "short.npy", np.zeros(7, np.float32))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        ("render DIR/gone.wav -o DIR/o.mp4", "gone.wav"),
        ("render DIR/text.wav -o DIR/o.mp4", "text.wav"),
        ("render DIR/empty.wav -o DIR/o.mp4", "empty.wav"),
        ("render DIR/folder.wav -o DIR/o.mp4", "folder.wav"),
        ("analyze DIR/text.wav", "text.wav"),
        ("rehearse DIR/gone.wav --headless --mute", "gone.wav"),
        ("render demo -o DIR/o.mp4 --preset nope", "nope"),
        ("render demo -o DIR/o.mp4 --preset DIR/gone.toml", "gone.toml"),
        ("render demo -o DIR/o.mp4 --preset DIR/misspelt.toml", "sped"),
        ("render demo -o DIR/o.mp4 --preset DIR/latin.toml", "latin.toml"),
        ("render demo -o DIR/o.mp4 --resolution 100", "100"),
        ("render demo -o DIR/o.mp4 --resolution 4096", "4096"),
        ("render demo -o DIR/o.mp4 --model nope", "nope"),
        ("render demo -o DIR/o.mp4 --model DIR/text.wav", "text.wav"),
        ("render demo -o DIR/o.xyz", "o.xyz"),
        ("render demo -o DIR/gone/o.mp4", "gone"),
        ("render demo", "--output"),
        ("render demo -o DIR/o.mp4 --fps 0", "--fps"),
        ("render demo -o DIR/o.mp4 --fps nan", "--fps"),
        ("render demo -o DIR/o.mp4 --seconds -3", "--seconds"),
        ("render demo -o DIR/o.mp4 --size 12", "--size"),
        ("render demo -o DIR/o.mp4 --trace DIR/gone/t.jsonl", "t.jsonl"),
        ("bench --resolution 100", "100"),
        ("image -o DIR/o.png --z DIR/short.npy", "short.npy"),
        ("image -o DIR/o.png --ws DIR/short.npy", "short.npy"),
        ("image -o DIR/o.png --ws DIR/objects.npy", "objects.npy"),
        ("image -o DIR/o.png --ws DIR/gone.npy", "gone.npy"),
        ("image -o DIR/o.png --seed 9..2", "9..2"),
        ("image -o DIR/o.png --label 3", "--label"),
        ("image -o DIR/o.gif", "o.gif"),
        ("paint", "paint"),
    ],
)
def test_refused_in_one_line(words: str, culprit: str, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word.replace("DIR", str(files)) for word in words.split()]) == 2
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.strip()]
    assert len(lines) == 1, said.err
    assert culprit in lines[0]
    assert "Traceback" not in said.err + said.out
    assert not list(files.glob("o.*")), "a refused command left a file behind"


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (("live", "--preset", "", "--headless"), "--preset"),
        (("live", "--headless", "--model="), "--model"),
        (("live", "--audio-in", "", "--headless"), "--audio-in"),
        (("analyze", ""), "analyze"),
        (("",), "vj"),
    ],
)
def test_an_empty_argument_is_refused(words: tuple[str, ...], culprit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{culprit}: is followed by nothing")


LONG = 300 * "x"


@pytest.mark.parametrize(
    "words",
    [
        ("live", "--headless", "--preset", LONG),
        ("live", "--headless", "--preset", f"{LONG}.toml"),
        ("live", "--headless", "--model", LONG),
        ("live", "--headless", "--setlist", f"{LONG}.toml"),
        ("render", "demo", "-o", f"{LONG}.mp4", "--resolution", "8"),
        ("render", LONG, "-o", "o.mp4"),
        ("analyze", f"{LONG}.wav"),
        ("image", "-o", "o.png", "--z", f"{LONG}.npy"),
        ("model", "info", LONG),
        ("model", "info", "."),
        ("attributes", ".", "list"),
        ("stylize", LONG, "-o", "o.png"),
        ("render", "--replay", "deep.jsonl", "-o", "o.mp4"),
        ("render", "--replay", "odd.jsonl", "-o", "o.mp4"),
        ("render", "--replay", "nul.jsonl", "-o", "o.mp4"),
    ],
    ids=lambda words: " ".join(words)[:60],
)
def test_a_name_that_no_file_can_have_is_refused_in_one_line(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, head in (("deep", '"a":' + "[" * 60_000), ("odd", '"song":"\\ud800"}'), ("nul", '"song":"a\\u0000b"}')):
        (tmp_path / f"{name}.jsonl").write_text('{"gesture_log":1,' + head + "\n")
    assert main(words) == 2
    said = capsys.readouterr()
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert any(word in said.err for word in (LONG, ".jsonl", "."))
    assert not list(tmp_path.glob("o.*"))


def test_a_folder_that_may_not_be_entered_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As root every folder may be entered, so the system's answer is made up."""

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", refuse)
    assert main(["analyze", "closed/song.wav"]) == 2
    assert "closed/song.wav" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to print to")
@pytest.mark.parametrize("words", [("presets",), ("model", "info", "fruit")])
def test_what_cannot_be_printed_is_told_and_no_success(words: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "engine", *words], cwd=ROOT, stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False)  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("standard output: No space left on device")


def test_analyze_writes_the_contract(tmp_path: Path) -> None:
    out = tmp_path / "heard.json"
    assert main(["analyze", "demo", "--json", str(out)]) == 0
    heard = json.loads(out.read_text())
    assert {"samplerate", "hop_length", "bpm", "onsets", "beats"} <= set(heard)
    assert all(o["heard_at"] >= o["time"] >= 0.0 for o in heard["onsets"])
    assert 60 < heard["bpm"] < 200


def test_image_raw_and_picture_agree(tmp_path: Path) -> None:
    from PIL import Image

    assert main(["image", "-o", str(tmp_path / "a.npy"), "--seed", "3", "--psi", "0.7"]) == 0
    assert main(["image", "-o", str(tmp_path / "a.png"), "--seed", "3", "--psi", "0.7"]) == 0
    assert main(["image", "-o", str(tmp_path / "cut.png"), "--seed", "3", "--psi", "0.7", "--alpha"]) == 0
    with Image.open(tmp_path / "cut.png") as cut:
        assert cut.mode == "RGBA"
        assert (cut.getpixel((5, 5))[3], cut.getpixel((128, 128))[3]) == (0, 255)
    raw = np.load(tmp_path / "a.npy")
    assert raw.dtype == np.float32
    assert raw.shape[0] == 3
    picture = np.asarray(Image.open(tmp_path / "a.png")).astype(np.float32)
    assert np.abs(np.clip(raw.transpose(1, 2, 0) * 127.5 + 128, 0, 255) - picture).max() <= 1.0


def test_a_sheet_has_the_seed_in_the_corner_of_every_tile(small: Path, tmp_path: Path) -> None:
    from PIL import Image

    pictures = []
    for words in ([], ["--no-numbers"]):
        out = tmp_path / "sheet.png"
        assert main(["image", "-o", str(out), "--seed", "9..10", "--model", str(small), *words]) == 0
        pictures.append(np.asarray(Image.open(out)).astype(int))
    rows, columns = np.nonzero(np.abs(pictures[0] - pictures[1]).sum(axis=2))
    assert rows.min() >= 64 - 16
    left, right = columns[columns < 64], columns[columns >= 64] - 64
    assert 0 < left.max() < right.max() < 32, "10 is wider than 9"


def test_a_tile_that_is_too_small_for_its_number_stays_as_it_is() -> None:
    from PIL import Image

    sheet = Image.new("RGB", (64, 16), (90, 90, 90))
    number(sheet, [123456, 1], 32, 16)
    assert np.asarray(sheet)[:, :32].std() == 0
    assert np.asarray(sheet)[:, 32:].std() > 0


def test_bench_measures_its_reference(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    assert main(["bench", "--model", str(small), "--frames", "12", "--size", "64x64", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert figures["frames"] == 12
    assert set(figures["stages_ms"]) == {"control", "latent", "generator", "upload", "composite", "present"}
    assert figures["reference"]["frames"] >= 6
    assert figures["reference"]["fps"] > 0
    assert figures["stages_ms"]["generator"] > 0


def test_devices_answers_on_any_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {
        "sound",
        "video",
        "MIDI",
        "displays",
        "picture",
        "generator",
        "remembered",
    }


def test_a_checkpoint_can_be_refused_before_torch_is_loaded() -> None:
    modules = "engine.rig, engine.cli.image, engine.generator.checkpoints.checkpoint"
    loaded = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, check=False).returncode == 0


def test_the_reason_is_the_last_line_whatever_libraries_say(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Chatty:
        add_arguments = staticmethod(lambda _parser: None)

        @staticmethod
        def run(_args: object) -> int:
            voice.begin(foreign=True)
            os.write(2, b"a library says the same\n" * 50)
            raise UserError("the reason")

    monkeypatch.setattr("engine.cli.main.command", lambda _name: Chatty)
    assert main(["devices"]) == 2
    *before, last = capfd.readouterr().err.strip().splitlines()
    assert last == "the reason"
    assert "libraries: 49 more lines of theirs were left out" in before


@pytest.mark.parametrize("wanted", ["100", "128", "-8"])
@pytest.mark.parametrize(
    "words",
    [
        "live --headless",
        "soundcheck --headless",
        "rehearse demo --headless --mute",
        "render demo -o DIR/o.mp4",
        "bench",
        "image -o DIR/o.png",
    ],
)
def test_a_size_that_the_model_has_not_is_refused_with_the_list(
    words: str,
    wanted: str,
    small: Path,
    files: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)  # the show takes one of its own
    asked = [word.replace("DIR", str(files)) for word in words.split()]
    assert main([*asked, "--model", str(small), "--resolution", wanted]) == 2
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert f"--resolution {wanted}" in last
    assert "8, 16, 32, 64" in last


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of 64 px."""
    config = Config(img_resolution=64, z_dim=16, w_dim=16, channels=(8,) * 5, mapping_features=(16,) * 2)
    return save(tmp_path_factory.mktemp("model") / "small.safetensors", config)
