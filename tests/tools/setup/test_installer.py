"""Which program installs: uv where it may, pip where pip has settings that uv does not know."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.setup import installer

PYTHON = Path("/somewhere/.venv/bin/python")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user without settings for pip or uv."""
    for name in [*installer.UV_SOURCES, "LATENTVJ_INSTALLER", "PIP_CONFIG_FILE", "XDG_CONFIG_HOME"]:
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in installer.os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "xdg"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    files = installer._files
    monkeypatch.setattr(installer, "_files", lambda env: [p for p in files(env) if p.parent != Path("/etc")])
    return tmp_path


def put_uv(home):
    program = home / "bin/uv"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program)


def never(*_arguments):
    raise AssertionError("nothing is to be installed")


def test_the_uv_of_the_machine_installs(home):
    program = put_uv(home)
    found = installer.find(PYTHON, never)
    assert found.install("x") == [program, "pip", "install", "--python", str(PYTHON), "x"]
    assert installer.uv_on_path() == program
    # uv would take every package from the first index that knows its name
    assert found.from_index("https://i", "torch")[-5:-1] == ["--extra-index-url", "https://i", "--index-strategy",
                                                            "unsafe-best-match"]  # fmt: skip


def test_without_one_uv_is_put_into_the_environment_and_else_pip_installs(home):
    ran = []
    found = installer.find(PYTHON, lambda command: ran.append(command) or 1)
    assert ran == [[str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--no-compile",
                    *installer.PATIENCE, "--only-binary", ":all:", "uv"]]  # fmt: skip
    assert (found.name, found.why) == ("pip", "uv cannot be had here")


@pytest.mark.skipif(sys.platform != "linux", reason="the places of Linux")
@pytest.mark.parametrize("place", ["xdg/pip/pip.conf", ".pip/pip.conf", ".config/pip/pip.conf", "own.conf"])
@pytest.mark.parametrize(
    "line", ["index-url = https://mirror", "find-links=/wheels", "constraint = c.txt", "proxy = p"]
)
def test_where_a_file_of_pip_says_where_from_pip_installs(home, monkeypatch, place, line):
    put_uv(home)
    (home / place).parent.mkdir(parents=True, exist_ok=True)
    (home / place).write_text(f"[global]\n{line}\ntimeout = 5\n")
    if place == "own.conf":
        monkeypatch.setenv("PIP_CONFIG_FILE", str(home / place))
    found = installer.find(PYTHON, never)
    key = line.split("=")[0].strip()
    assert (found.name, found.why) == ("pip", f"pip has settings here ({key})")
    assert installer.sources() == ([] if key == "proxy" else [key])
    assert installer.uv_on_path() is None


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONSTRAINT", "PIP_CERT"])
def test_where_a_variable_of_pip_says_where_from_pip_installs(home, monkeypatch, name):
    put_uv(home)
    monkeypatch.setenv(name, "x")
    assert installer.find(PYTHON, never).name == "pip"
    monkeypatch.setenv("UV_FIND_LINKS", "/wheels")  # uv has settings of its own
    assert installer.find(PYTHON, never).name == "uv"
    assert installer.sources() == ["UV_FIND_LINKS"]


@pytest.mark.parametrize("name", ["PIP_DISABLE_PIP_VERSION_CHECK", "PIP_DEFAULT_TIMEOUT", "PIP_NO_INPUT"])
def test_settings_that_change_nothing_are_no_reason(home, monkeypatch, name):
    program = put_uv(home)
    monkeypatch.setenv(name, "1")
    assert installer.find(PYTHON, never).command[0] == program


def test_the_user_decides(home, monkeypatch):
    put_uv(home)
    monkeypatch.setenv("LATENTVJ_INSTALLER", "pip")
    assert installer.find(PYTHON, never).name == "pip"
    monkeypatch.setenv("LATENTVJ_INSTALLER", "uv")
    monkeypatch.setenv("PIP_INDEX_URL", "x")
    assert installer.find(PYTHON, never).name == "uv"


def test_a_file_that_is_no_settings_file_is_none(home, monkeypatch):
    (home / ".pip").mkdir()
    (home / ".pip/pip.conf").write_bytes(b"\xff\xfe[glo")
    assert installer.pip_settings() == {}
