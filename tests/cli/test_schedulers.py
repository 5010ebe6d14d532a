"""The examples of docs/farm.md as they stand there, run by a loop that does what the schedulers do."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest

from tests.builders.short_song import beginning

ROOT = Path(__file__).resolve().parents[2]
FARM = (ROOT / "docs/farm.md").read_text(encoding="utf-8")
SMALL = "--size 32x32 --resolution 8 --backend plain --seconds 0.4"
COUNT, FPS = 12, 30  # frames of the film; a second


def blocks(language: str, holding: str) -> list[str]:
    return [each for each in re.findall(rf"```{language}\n(.*?)```", FARM, re.DOTALL) if holding in each]


def slurm() -> str:
    """Return the script that SLURM would run."""
    (script,) = blocks("sh", "#SBATCH")
    return script


def cue(frame: int) -> list[str]:
    """Return the command of the layer for one of its frames, as OpenCue fills it in."""
    (script,) = blocks("python", "outline")
    (command,) = [node.value for node in ast.walk(ast.parse(script)) if getattr(node, "arg", None) == "command"]
    words: list[str] = ast.literal_eval(command)
    return [word.replace("#IFRAME#", str(frame)).replace("900", "4") for word in words]


@pytest.fixture
def node(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Return a folder with a song and a ``vj`` that makes small pictures, and the environment of a task."""
    vj = tmp_path / "bin/vj"
    vj.parent.mkdir()
    vj.write_text(f'#!/bin/sh\n[ "$1" = render ] && set -- "$@" {SMALL}\nexec {sys.executable} -m engine "$@"\n')
    vj.chmod(0o755)
    Path(beginning(tmp_path, 1.0)).rename(tmp_path / "song.wav")
    env = {**os.environ, "PATH": f"{vj.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "FRAMES": "4"}
    return tmp_path, env


def ran(folder: Path, env: dict[str, str], *command: str) -> None:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not os.environ.get("LATENTVJ_LONG"), reason="five processes: LATENTVJ_LONG=1 runs it")
@pytest.mark.parametrize("scheduler", ["slurm", "opencue"])
def test_a_scheduler_makes_the_film_in_any_order(node: tuple[Path, dict[str, str]], scheduler: str) -> None:
    folder, env = node
    (folder / "array.sh").write_text(slurm())
    kept: dict[int, int] = {}
    for task in (2, 0, 1, 0):  # the last one is run again, as --requeue may
        if scheduler == "slurm":
            ran(folder, {**env, "SLURM_ARRAY_TASK_ID": str(task)}, "sh", "array.sh")
            assert (
                kept.setdefault(task, (folder / f"part{task}.mkv").stat().st_mtime_ns)
                == (folder / f"part{task}.mkv").stat().st_mtime_ns
            )  # what was there is not made again
        else:
            ran(folder, env, *cue(task))
    ran(folder, env, "sh", "-c", "vj join part*.mkv -o film.mp4")
    with av.open(str(folder / "film.mp4")) as film:
        times = [round(float(frame.time or 0.0) * FPS) for frame in film.decode(video=0)]
        assert times == [*range(COUNT)]
        assert len(film.streams.audio) == 1
        assert film.duration == pytest.approx(1e6 * COUNT / FPS, abs=3e4)


def test_the_examples_are_whole() -> None:
    subprocess.run(["sh", "-n"], input=slurm(), text=True, check=True)
    assert [word for word in cue(3) if "vj render" in word] == [
        "vj render song.wav --fps 30 --frames $((3 * 4)):$(((3 + 1) * 4)) -o part3.mkv"
    ]
