"""Shipped files are found from a checkout and from an installed wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from engine.system import resources

ROOT = Path(__file__).resolve().parents[2]


def test_a_checkout_uses_the_folders_at_its_root():
    assert resources.resource("shaders", "lib") == ROOT / "shaders" / "lib"
    assert resources.resource("presets").is_dir()


def test_the_built_in_song_answers_to_its_name():
    song = resources.find("presets/songs", "demo", ".ogg", ".flac")
    assert song is not None
    assert song.is_file()
    assert "demo" in resources.names("presets/songs", ".ogg", ".flac")


@pytest.mark.parametrize("name", ["", "nobody", "../demo", "/etc/passwd", "songs/demo"])
def test_only_a_plain_shipped_name_is_found(name):
    assert resources.find("presets/songs", name, ".ogg", "") is None


def test_every_package_of_the_engine_is_in_the_wheel():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    here = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("engine/**/__init__.py")}
    assert here == {name for name in listed if not name.startswith("engine._data")}


def test_an_installed_wheel_carries_shaders_and_presets(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("engine", "presets", "shaders"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, source / name)
    build = "from setuptools import build_meta as b; import sys; print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=source, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    wheel = tmp_path / done.stdout.split()[-1]
    installed = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:  # a wheel of pure Python is installed by unpacking it
        archive.extractall(installed)
    (installed / "presets").mkdir()  # a stranger's folder of the same name must not be taken for ours
    ask = (
        "import engine, engine.system.resources as r; print(engine.__file__);"
        "print(r.find('presets/songs', 'demo', '.ogg')); print(r.resource('shaders'));"
        "from engine.cli.main import run; import sys; sys.argv = ['vj', 'presets']; run()"
    )
    env = os.environ | {"PYTHONPATH": str(installed)}
    out = subprocess.check_output([sys.executable, "-P", "-c", ask], cwd=tmp_path, env=env, text=True)
    package, song, shaders, *presets = out.splitlines()
    assert any("tidal" in line for line in presets)  # `vj presets`, as the installed command runs it
    entry = (next(installed.glob("latentvj-*.dist-info")) / "entry_points.txt").read_text()
    assert "vj = engine.cli.main:run" in entry
    assert Path(package).is_relative_to(installed)
    assert Path(song).is_relative_to(installed)
    assert _others(Path(shaders)) == _others(ROOT / "shaders")
    assert _others(installed / "engine") >= _others(ROOT / "engine")


def _others(folder):
    """The files in ``folder`` that are not Python's."""
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {path.as_posix() for path in files if path.suffix not in {".py", ".pyc", ".so"}}
