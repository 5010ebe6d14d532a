"""The set-up: what it does once, what it skips, what it heals, and what it says when it may not."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tools import start
from tools.setup import environment, extras, system_parts
from tools.setup.system_parts import Part

TOOLS = Path(environment.__file__).parents[1]
SETUP = ["start.py", "test.py", "setup/environment.py", "setup/extras.py", "setup/system_parts.py"]


class Machine:
    """A machine whose commands only leave the marks the set-up looks for."""

    def __init__(self):
        self.ran = []
        self.fails = {}  # a word of a command: its exit code, or the exception it dies of

    def __call__(self, command, progress=False):
        line = " ".join(map(str, command))
        self.ran.append(line)
        if "-m venv" in line:
            environment.PYTHON.parent.mkdir(parents=True)
            environment.PYTHON.write_text("#!/bin/sh\nexit 0\n")  # sound, whatever it is asked
            environment.PYTHON.chmod(0o755)
            (environment.VENV / "pyvenv.cfg").write_text("version = 3.11.7\n")
        for word, end in self.fails.items():
            if word in line:
                if isinstance(end, int):
                    return end
                raise end
        return 0

    def did(self, word):
        return sum(word in line for line in self.ran)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine()
    for name, path in {
        "ROOT": "", "VENV": ".venv", "PYTHON": ".venv/bin/python", "LOG": "log", "LOCK": "lock", "DEV_LOCK": "dev",
        "MARK": ".venv/.setup-unfinished",
    }.items():  # fmt: skip
        monkeypatch.setattr(environment, name, tmp_path / path)
    environment.LOCK.write_text("numpy==1\n")
    environment.DEV_LOCK.write_text("pytest==1\n")
    monkeypatch.setattr(environment, "run", machine)
    for name in ("parts_to_make_an_environment", "parts_to_run", "parts_to_test"):
        monkeypatch.setattr(system_parts, name, list)
    monkeypatch.setattr(system_parts, "parts_to_install", lambda wheels_build: [])
    return machine


def lacking(monkeypatch, part, where="parts_to_run", prefix=None):
    monkeypatch.setattr(system_parts, where, lambda: [part])
    monkeypatch.setattr(system_parts, "has_apt", lambda: True)
    monkeypatch.setattr(system_parts, "apt_prefix", lambda: prefix)


def test_a_second_start_does_nothing(machine):
    environment.ready()
    assert machine.did("-m venv") == 1
    assert machine.did("install -r") == 1
    done = len(machine.ran)
    environment.ready()
    assert len(machine.ran) == done


def test_the_tests_set_up_does_for_the_start_too(machine):
    environment.ready(test=True)
    done = len(machine.ran)
    environment.ready()
    environment.ready(test=True)
    assert len(machine.ran) == done


def test_a_changed_lock_is_installed_into_the_same_environment(machine):
    environment.ready()
    environment.LOCK.write_text("numpy==2\n")
    environment.ready()
    assert machine.did("install -r") == 2
    assert machine.did("-m venv") == 1


def test_an_interrupted_set_up_heals(machine, capsys):
    machine.fails = {"install -r": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        environment.ready()
    machine.fails = {}
    environment.ready()
    assert machine.did("-m venv") == 2
    assert "interrupted: making .venv anew" in capsys.readouterr().err


def test_an_environment_whose_python_is_gone_is_made_anew(machine, capsys):
    environment.ready()
    environment.PYTHON.unlink()
    environment.ready()
    assert machine.did("-m venv") == 2
    assert ".venv has no Python: making .venv anew" in capsys.readouterr().err


def test_when_pip_fails_one_line_says_so_and_what_is_installed_stays(machine, capsys):
    environment.ready()
    environment.LOCK.write_text("numpy==2\n")
    machine.fails = {"install -r": 1}
    environment.LOG.write_text("ERROR: no network\n")
    with pytest.raises(SystemExit) as ended:
        environment.ready()
    assert ended.value.code == 2
    assert "pip could not install" in capsys.readouterr().err.splitlines()[-1]
    machine.fails = {}
    environment.ready()
    assert machine.did("-m venv") == 1


@pytest.mark.parametrize(("nvidia", "extra"), [(False, "cpu"), (True, "cuda")])
def test_the_extra_that_fits_the_machine_is_installed_once(machine, monkeypatch, nvidia, extra):
    monkeypatch.setattr(extras, "has_nvidia", lambda: nvidia)
    for name in extras.GAIN:
        extras.lock_of(environment.ROOT, name).write_text(f"{name}==1\n")
    for _ in range(2):
        environment.ready()
    did = {name: machine.did(f"requirements-{name}.lock") for name in extras.GAIN}
    assert did == {"cpu": 0, "cuda": 0, "tensorrt": 0, extra: 1}
    environment.ready(also=["tensorrt"])
    environment.ready(also=["tensorrt"])
    assert machine.did("requirements-tensorrt.lock") == 1
    extras.lock_of(environment.ROOT, extra).write_text("newer==2\n")
    environment.ready()
    assert machine.did(f"requirements-{extra}.lock") == 2


def test_an_extra_that_cannot_be_fetched_does_not_stop_the_start(machine, monkeypatch, capsys):
    monkeypatch.setattr(extras, "has_nvidia", lambda: False)
    for name in ("cpu", "tensorrt"):
        extras.lock_of(environment.ROOT, name).write_text(f"{name}==1\n")
    machine.fails = {"requirements-cpu.lock": 1, "requirements-tensorrt.lock": 1}
    for _ in range(2):
        environment.ready(also=["tensorrt"])
    assert machine.did("requirements-cpu.lock") == 1  # told once, not at every start
    assert machine.did("requirements-tensorrt.lock") == 2  # asked for, so tried again
    assert capsys.readouterr().err.count("going on without it") == 3


def test_tensorrt_is_installed_on_request(machine, monkeypatch):
    asked = []
    monkeypatch.setattr(environment, "ready", lambda test=False, also=(): asked.append(list(also)))
    monkeypatch.setattr(start, "become", lambda arguments: asked.append(arguments) or 0)
    for arguments in (["--tensorrt", "bench"], ["bench", "--tensorrt"]):
        monkeypatch.setattr(sys, "argv", ["start.py", *arguments])
        start.main()
    assert asked == [["tensorrt"], ["bench"], [], ["bench", "--tensorrt"]]


@pytest.mark.parametrize("name", ["cpu", "cuda", "tensorrt", "dev"])
def test_what_is_pinned_is_what_the_extra_asks_for(name):
    project = tomllib.loads((TOOLS.parent / "pyproject.toml").read_text())["project"]
    text = extras.lock_of(TOOLS.parent, name).read_text() + extras.lock_of(TOOLS.parent, "tensorrt").read_text()
    for wanted in project["optional-dependencies"][name]:
        package = re.match(r"[\w-]+", wanted)[0]
        assert re.search(rf"^{package}[=!]=", text, re.MULTILINE | re.IGNORECASE), package


def test_what_may_not_be_installed_is_named_in_one_line_to_run(machine, monkeypatch, capsys):
    lacking(monkeypatch, Part("EGL", lambda: False, ("libegl1",)))
    with pytest.raises(SystemExit) as ended:
        environment.ready()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "missing: EGL" in said
    assert said.splitlines()[-1].strip() == "sudo apt-get update && sudo apt-get install -y libegl1"
    assert machine.ran == []


def test_what_only_tests_need_is_no_reason_to_stop(machine, monkeypatch, capsys):
    lacking(monkeypatch, Part("Xvfb", lambda: False, ("xvfb",), needed=False), "parts_to_test")
    environment.ready(test=True)
    assert "going on without Xvfb" in capsys.readouterr().err


def test_a_fresh_machine_fetches_the_lists_and_tries_again(machine, monkeypatch):
    lacking(monkeypatch, Part("EGL", lambda: machine.did("update") > 0, ("libegl1",)), prefix=["sudo", "-n"])
    machine.fails = {"libegl1": 100}
    environment.ready()
    assert [line.split()[-1] for line in machine.ran[:3]] == ["libegl1", "update", "libegl1"]
    assert all(line.startswith("sudo -n env DEBIAN_FRONTEND=noninteractive") for line in machine.ran[:3])


def test_without_a_display_the_demo_is_a_film(monkeypatch, capsys):
    monkeypatch.setattr(system_parts, "has_display", lambda: False)
    assert start.demo() == ["render", "demo", "-o", "show.mp4", "--seconds", "10"]
    assert "show.mp4" in capsys.readouterr().err
    monkeypatch.setattr(system_parts, "has_display", lambda: True)
    assert start.demo() == ["rehearse", "demo"]


@pytest.mark.parametrize("name", SETUP)
def test_the_set_up_needs_nothing_installed(name):
    tree = ast.parse((TOOLS / name).read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes]
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"tools"}


@pytest.mark.parametrize("name", ["start.py", "test.py"])
def test_an_older_python_can_read_that_it_is_too_old(name):
    ast.parse((TOOLS / name).read_text(encoding="utf-8"), feature_version=(3, 7))
