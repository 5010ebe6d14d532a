"""Every command in the README is run: here with small pictures, with LATENTVJ_LONG=1 as it is written, in a clone."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from engine.cli.main import COMMANDS, parser
from tests.builders.program import Program
from tests.builders.short_song import beginning
from tests.builders.show import ROOT, screen, vj_here
from tests.parts import need

README = (ROOT / "README.md").read_text(encoding="utf-8")
START = "python3 tools/start.py"
GIVEN = {"SONG": "demo", "OUT.mp4": "out.mp4", "OUT.png": "out.png", "CKPT": "fruit", "F.jsonl": "log.jsonl",
         "WS.npy": "w.npy", "PICTURE": "me.png", "OUT.npy": "out.npy",
         "PART…": "part.mkv", "FILM": "film.mp4"}  # fmt: skip
SMALL = ["--size", "64x64", "--resolution", "8", "--backend", "plain"]
SHOW = ["--headless", "--seconds", "0.5", *SMALL]
SMALLER = {
    "live": SHOW,
    "soundcheck": SHOW,
    "rehearse": [*SHOW, "--mute", "--log", "log.jsonl"],
    "render": ["--seconds", "0.2", *SMALL],
    "bench": ["--frames", "3", *SMALL],
    "image": ["--resolution", "8"],
    "project": ["--steps", "1"],
    "model convert": ["-o", "out.safetensors"],
    "edit": ["--boundary", "w.npy=1"],
}
SHOWS = ("live", "soundcheck", "rehearse")  # need a process of their own
PLAYS = ("live", "rehearse")  # as written they play for long
PLAY_SECONDS = 10.0  # s; then they are asked to end


def commands(text: str) -> list[str]:
    """Return the commands on a page, in its order: those of shell blocks, and those between back quotes.

    A command that another one begins with is its name, and no command to type.
    """
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    found = [line.partition("#")[0].strip() for line in blocks.splitlines()]
    for quoted in re.findall(r"`((?:vj|python3|bash) [^`]+)`", text):
        head, _, last = quoted.replace("\\|", "|").rpartition(" ")
        words = head.split(" ")
        found += [" ".join([*words[:-1], each, last]) for each in words[-1].split("|")]
    return [one for one in dict.fromkeys(found) if one and not any(o.startswith(f"{one} ") for o in found)]


ALL = commands(README)


def words_of(command: str) -> list[str] | None:
    """Return what vj gets from a command, None for one of another program."""
    if command != START and not command.startswith((f"{START} ", "vj ")):
        return None
    words = shlex.split(command.removeprefix(START).removeprefix("vj "))
    return [GIVEN.get(word, word) for word in words]


def test_the_readme_has_commands_and_no_unknown_ones() -> None:
    assert len(ALL) >= 15
    asked = [words_of(command) for command in ALL]
    assert {words[0] for words in asked if words} == set(COMMANDS), "each command of vj is on the page"
    others = [command for command, words in zip(ALL, asked, strict=True) if words is None]
    for command in others:
        program, file = command.split()[:2]
        assert program in ("python3", "bash")
        assert (ROOT / file).is_file(), command


def name_of(words: list[str]) -> str:
    """Return the name of a command of vj, the demo's where there is none."""
    return " ".join(words[:2]) if words[:1] == ["model"] else (words or ["rehearse"])[0]


@pytest.mark.parametrize("command", [command for command in ALL if words_of(command)])
def test_vj_takes_the_words(command: str) -> None:
    words = words_of(command) or []
    name = name_of(words)
    parser(words[0]).parse_args([*words, *(SMALLER[name] if name == "model convert" else [])])


def test_the_commands_of_the_readme_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, the longest way in which the page asks for it; a rehearsal first, whose log is rendered again."""
    need("EGL")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none")
    song = beginning(tmp_path, 1.0)
    np.save("w.npy", np.eye(1, 8, dtype=np.float32))
    shutil.copy(ROOT / "docs/fruit-sheet.jpg", tmp_path / "me.png")  # the content says what a picture is
    asked = {name_of(words): words for command in sorted(ALL, key=len) if (words := words_of(command))}
    replay = next(words for command in ALL if (words := words_of(command)) and "--replay" in words)
    for words in (asked.pop("rehearse"), *asked.values(), replay):
        name = name_of(words)
        if name == "join":
            assert run_here(["render", song, "-o", "part.mkv", "--frames", "0:6", *SMALLER["render"]])[0] == 0
        wanted = ["--resolution", "8"] if "--replay" in words else SMALLER.get(name, [])
        typed = [song if word == "demo" and name == "analyze" else word for word in words]
        code, said = run([*typed, *wanted]) if name in SHOWS else run_here([*typed, *wanted])
        assert_works(name, code, said)


def run(words: list[str]) -> tuple[int, str]:
    """Run vj in a process that has loaded everything; return its exit code and what it said."""
    with tempfile.TemporaryFile("w+") as said:
        code = Program(words, said, cwd=Path.cwd()).wait(180.0)
        said.seek(0)
        return code, said.read()


def run_here(words: list[str]) -> tuple[int, str]:
    """Run what shows nothing, in this process."""
    done = vj_here(*words)
    return done.returncode, done.stdout + done.stderr


def assert_works(name: str, code: int, said: str) -> None:
    """Hold the answer of a command against what a machine without devices and GPU must answer."""
    assert "Traceback" not in said
    if name == "soundcheck":
        assert code in (0, 1), said
    elif name == "model compile" and code:
        assert (code, "--gpu" in said) == (2, True), said
    else:
        assert code == 0, said


@pytest.mark.alone
@pytest.mark.skipif(not os.environ.get("LATENTVJ_LONG"), reason="minutes: LATENTVJ_LONG=1 runs it")
def test_every_command_works_as_written_in_a_fresh_clone(tmp_path: Path) -> None:
    """On a display, without a device. What the clone installs is here already; tools/test.py is running this."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    python = prepared(clone)
    with screen(tmp_path) as display:
        env = display.env | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
        for name in ("CONFIG", "STATE", "DATA"):
            env[f"XDG_{name}_HOME"] = str(tmp_path / name)
        log = [python, "-m", "engine", "rehearse", "demo", "--seconds", "1", "--log", "log.jsonl"]
        subprocess.run(log, cwd=clone, env=env, check=True)
        for command in (command for command in ALL if words_of(command) is not None):
            words = words_of(command) or []
            typed = " ".join(GIVEN.get(word, word) for word in command.split())
            more = " -o out.safetensors" if typed.startswith("vj model convert") else ""
            began = time.monotonic()
            code, said = typed_in(f"{typed}{more}", clone, env, name_of(words) in PLAYS)
            print(f"{time.monotonic() - began:6.1f} s  {code}  {typed}{more}")
            assert_works(name_of(words), code, said)


def prepared(clone: Path) -> Path:
    """Give a clone an environment that has this one's packages and the command vj; return its Python."""
    script = (
        "import sys; sys.path.insert(0, '.'); from tools.setup import environment as e, extras as x, torch_wheel as t;"
        "e.VENV.joinpath('.ready').write_text(e.fingerprint(False)); fits = x.fitting(t.installed_build(e.VENV));"
        "e.VENV.joinpath('.extra-' + fits).write_text(x.lock_of(e.ROOT, fits).read_text())"
    )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    python = clone / ".venv/bin/python"
    place = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    (Path(place) / "packages.pth").write_text(f"{clone}\n{sysconfig.get_path('purelib')}\n")
    (python.parent / "vj").write_text(f"#!{python}\nfrom engine.cli.main import run\nrun()\n")
    (python.parent / "vj").chmod(0o755)
    subprocess.run([sys.executable, "-c", script], cwd=clone, check=True)
    return python


def typed_in(command: str, folder: Path, env: dict[str, str], plays: bool) -> tuple[int, str]:
    """Run a command in a shell; return its exit code and what it said. One that plays is asked to end after a while.

    Its first line comes when it is open.
    """
    with tempfile.TemporaryFile("w+") as said:
        program = subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=folder, env=env, stdout=said, stderr=said)
        deadline = time.monotonic() + 600.0
        while plays and program.poll() is None and not os.fstat(said.fileno()).st_size:
            assert time.monotonic() < deadline, f"{command}: it does not begin"
            time.sleep(0.1)
        try:
            code = program.wait(PLAY_SECONDS if plays else 1800.0)
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGTERM)
            code = program.wait(60.0)
        said.seek(0)
        return code, said.read()
