"""The set-up: what it does once, what it skips, what it heals, and what it says when it may not."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from engine.system import graphics_cards
from engine.system.graphics_cards import Card, Machine
from engine.system.torch_build import PYTHONS
from tests.builders.machines import MACHINES
from tools import start
from tools.setup import commands, environment, extras, installer, newer_python, shell, system_parts, torch_wheel
from tools.setup.system_parts import Part

TOOLS = Path(environment.__file__).parents[1]
SETUP = ["start.py", "test.py", *(f"setup/{path.name}" for path in (TOOLS / "setup").glob("[a-z]*.py")),
         "../engine/system/graphics_cards.py", "../engine/system/torch_build.py"]  # fmt: skip


class Commands:
    """A machine whose commands only leave the marks the set-up looks for."""

    def __init__(self):
        self.ran = []
        self.fails = {}  # a word of a command: its exit code, or the exception it dies of

    def __call__(self, command, progress=False):
        line = " ".join(map(str, command))
        self.ran.append(line)
        if " venv " in line:
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
    machine = Commands()
    for name, path in {
        "ROOT": "", "VENV": ".venv", "PYTHON": ".venv/bin/python", "LOG": "log", "LOCK": "lock", "DEV_LOCK": "dev",
        "MARK": ".venv/.setup-unfinished", "ASKED": ".venv/.torch-asked",
    }.items():  # fmt: skip
        monkeypatch.setattr(environment, name, tmp_path / path)
    monkeypatch.setattr(commands, "LOG", environment.LOG)
    monkeypatch.setenv("LATENTVJ_INSTALLER", "pip")
    monkeypatch.setattr(installer, "sources", list)
    monkeypatch.setattr(graphics_cards, "machine", lambda python: Machine("Linux", "x86_64", python or (3, 11)))
    environment.LOCK.write_text("torch==2.13.0\nnumpy==1\n")
    environment.DEV_LOCK.write_text("pytest==1\n")
    monkeypatch.setattr(environment, "run", machine)
    for name in ("parts_to_make_an_environment", "parts_to_run", "parts_to_test"):
        monkeypatch.setattr(system_parts, name, list)
    monkeypatch.setattr(system_parts, "parts_to_install", lambda wheels_build, test: [])
    return machine


def lacking(monkeypatch, part, where="parts_to_run", prefix=None):
    monkeypatch.setattr(system_parts, where, lambda: [part])
    monkeypatch.setattr(system_parts, "has_apt", lambda: True)
    monkeypatch.setattr(system_parts, "apt_prefix", lambda: prefix)


def test_a_second_start_does_nothing(machine):
    environment.ready()
    assert machine.did("-m venv") == 1
    assert machine.did("compile -r") == 1
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
    environment.LOCK.write_text("torch==2.13.0\nnumpy==2\n")
    environment.ready()
    assert machine.did("compile -r") == 2
    assert machine.did("-m venv") == 1


def test_what_the_tests_need_comes_beside_the_rest_and_a_failure_of_either_ends_the_set_up(machine, capsys):
    for word in ("compile -r", "--no-deps -r"):
        machine.fails = {word: 1}
        with pytest.raises(SystemExit):
            environment.ready(test=True)
        assert "pip could not install" in capsys.readouterr().err
    machine.fails = {}
    environment.ready(test=True)
    assert (
        machine.did(f"--no-compile -r {environment.LOCK}") == machine.did(f"--no-deps -r {environment.DEV_LOCK}") == 3
    )
    assert [machine.did(probe) for probe in environment.PROBES_OF_TESTS] == [1, 1]
    assert environment.PROBE in environment.PROBES_OF_TESTS[0]


def test_the_locks_of_the_tests_name_all_that_their_packages_need():
    """They are installed without what they ask for."""
    locks = [TOOLS.parent / f"requirements{name}.lock" for name in ("", "-dev", "-tensorrt")]
    base, *of_tests = (set(re.findall(r"^([\w-]+)==", lock.read_text().lower(), re.MULTILINE)) for lock in locks)
    named = {canonicalize_name(name) for name in base.union(*of_tests)}
    for package in set().union(*of_tests):
        with suppress(metadata.PackageNotFoundError):  # of another system
            for line in metadata.requires(package) or ():
                wanted = Requirement(line)
                if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                    assert canonicalize_name(wanted.name) in named, f"{package} needs {wanted.name}"


def test_an_interrupted_set_up_heals(machine, capsys):
    machine.fails = {"compile -r": KeyboardInterrupt()}
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
    environment.LOCK.write_text("torch==2.13.0\nnumpy==2\n")
    machine.fails = {"compile -r": 1}
    environment.LOG.write_text("ERROR: no network\n")
    with pytest.raises(SystemExit) as ended:
        environment.ready()
    assert ended.value.code == 2
    assert "pip could not install" in capsys.readouterr().err.splitlines()[-1]
    machine.fails = {}
    environment.ready()
    assert machine.did("-m venv") == 1


@pytest.mark.parametrize(
    ("build", "card", "extra"),
    [("cpu", False, "cpu"), ("cuda", True, "cuda"), ("cpu", True, "cpu"), ("cuda", False, "cpu"), (None, True, "cpu")],
)
def test_the_extra_that_fits_what_torch_can_do_is_installed_once(machine, monkeypatch, build, card, extra):
    """A card that this torch cannot use is no reason to go without OpenVINO."""
    monkeypatch.setattr(torch_wheel, "installed_build", lambda environment: build)
    monkeypatch.setattr(extras, "nvidia_is_here", lambda: card)
    for name in extras.GAIN:
        extras.lock_of(environment.ROOT, name).write_text(f"{name}==1\n")
    for _ in range(2):
        environment.ready()
    did = {name: machine.did(f"requirements-{name}.lock") for name in extras.GAIN}
    assert did == {"cpu": 0, "cuda": 0, "tensorrt": 0, "directml": 0, "faces": 0, extra: 1}
    environment.ready(also=["tensorrt"])
    environment.ready(also=["tensorrt"])
    assert machine.did("requirements-tensorrt.lock") == 1
    extras.lock_of(environment.ROOT, extra).write_text("newer==2\n")
    environment.ready()
    assert machine.did(f"requirements-{extra}.lock") == 2


def test_an_extra_that_cannot_be_fetched_does_not_stop_the_start(machine, monkeypatch, capsys):
    for name in ("cpu", "tensorrt"):
        extras.lock_of(environment.ROOT, name).write_text(f"{name}==1\n")
    machine.fails = {"requirements-cpu.lock": 1, "requirements-tensorrt.lock": 1}
    for _ in range(2):
        environment.ready(also=["tensorrt"])
    assert machine.did("requirements-cpu.lock") == 1  # told once, not at every start
    assert machine.did("requirements-tensorrt.lock") == 2  # asked for, so tried again
    assert capsys.readouterr().err.count("going on without it") == 3


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["--tensorrt", "bench"], (["tensorrt"], None, ["bench"])),
        (["--faces", "rehearse", "demo"], (["faces"], None, ["rehearse", "demo"])),
        (["bench", "--tensorrt"], ([], None, ["bench", "--tensorrt"])),
        (["--torch=cu126", "--tensorrt", "devices"], (["tensorrt"], "cu126", ["devices"])),
        ([], ([], None, [])),
    ],
)
def test_what_stands_first_is_for_the_set_up(monkeypatch, arguments, asked):
    assert start.own(arguments) == asked


@pytest.mark.parametrize("name", ["cpu", "cuda", "tensorrt", "directml", "faces", "dev"])
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


def test_the_first_start_prints_the_line_that_puts_vj_on_the_path(machine, capsys, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/bash")
    environment.ready()
    said = capsys.readouterr().err.splitlines()
    line = said[said.index(next(line for line in said if "the command vj in this shell" in line)) + 1].strip()
    (environment.PYTHON.parent / "vj").write_text("#!/bin/sh\necho it is vj\n")
    (environment.PYTHON.parent / "vj").chmod(0o755)
    done = subprocess.run(["sh", "-c", f"{line}\nvj"], capture_output=True, text=True, check=False)
    assert done.stdout == "it is vj\n"
    monkeypatch.setenv("PATH", str(environment.PYTHON.parent), prepend=os.pathsep)
    assert shell.advice(environment.PYTHON.parent, os.environ) == ""
    environment.ready()
    assert "the command vj" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("env", "system", "line"),
    [
        ({"SHELL": "/usr/bin/fish"}, "posix", "fish_add_path '/my vj/bin'"),
        ({"SHELL": "/bin/tcsh"}, "posix", "set path = ('/my vj/bin' $path)"),
        ({"SHELL": "/bin/zsh"}, "posix", "export PATH='/my vj/bin':\"$PATH\""),
        ({}, "posix", "export PATH='/my vj/bin':\"$PATH\""),
        ({"PROMPT": "$P$G"}, "nt", 'set "PATH=/my vj/bin;%PATH%"'),
        ({}, "nt", "$env:Path = '/my vj/bin;' + $env:Path"),
    ],
)
def test_every_shell_has_a_line_of_its_own(env, system, line):
    assert shell.advice(Path("/my vj/bin"), env, system).splitlines()[1].strip() == line


def test_without_a_display_the_demo_is_a_film(monkeypatch, capsys):
    monkeypatch.setattr(system_parts, "has_display", lambda: False)
    assert start.demo() == ["render", "show", "-o", "show.mp4", "--preset", "tunnel", "--seconds", "20"]
    assert "show.mp4" in capsys.readouterr().err
    monkeypatch.setattr(system_parts, "has_display", lambda: True)
    assert start.demo()[:3] == ["rehearse", "show", "--setlist"]
    assert Path(start.demo()[3]).is_file()


@pytest.mark.parametrize("name", SETUP)
def test_the_set_up_needs_nothing_installed(name):
    tree = ast.parse((TOOLS / name).read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes]
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"tools", "engine"}


@pytest.mark.parametrize("name", ["start.py", "test.py", "setup/newer_python.py"])
def test_an_older_python_can_read_that_it_is_too_old(name):
    ast.parse((TOOLS / name).read_text(encoding="utf-8"), feature_version=(3, 7))


def test_an_older_python_hands_over_once_to_the_one_that_uv_finds(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert newer_python.start("start.py", ["bench"]) == 2
    assert "uv, which brings one" in capsys.readouterr().err
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/said"\nexit 7\n')
    uv.chmod(0o755)
    assert newer_python.start("start.py", ["bench", "--seconds", "3"]) == 7
    said = (tmp_path / "said").read_text()
    assert said == "run --no-project --quiet --python >=3.11,<3.15 start.py bench --seconds 3\n"
    monkeypatch.setenv(newer_python.HANDED_OVER, "3.8")  # uv brought one that is too old as well
    assert newer_python.start("start.py", ["bench"]) == 2


def test_the_pythons_that_uv_may_bring_are_those_of_the_wheels():
    (_, first), (_, last) = PYTHONS
    assert f">=3.{first},<3.{last + 1}" == newer_python.FITTING


RTX = Card("nvidia", "RTX 4090", "580.88", (8, 9))


def test_the_torch_of_the_machine_is_installed_before_the_lock_and_its_command_is_told(machine, monkeypatch, capsys):
    monkeypatch.setattr(graphics_cards, "machine", lambda python: Machine("Windows", "x86_64", (3, 11), (RTX,)))
    environment.ready()
    torch, lock = (next(i for i, line in enumerate(machine.ran) if word in line) for word in ("+cu130", "compile -r"))
    assert torch < lock
    assert "RTX 4090, driver 580.88: CUDA 13.0" in (said := capsys.readouterr().err)
    assert "--extra-index-url https://download.pytorch.org/whl/cu130" in said
    assert "torch==2.13.0+cu130" in said


@pytest.mark.parametrize("by", ["uv", "pip"])
@pytest.mark.parametrize("name", MACHINES)
def test_every_machine_gets_its_commands_in_order(machine, monkeypatch, name, by):
    (system, processor), python, cards, build, _ = MACHINES[name]
    monkeypatch.setattr(graphics_cards, "machine", lambda python_: Machine(system, processor, python, tuple(cards)))
    monkeypatch.setenv("LATENTVJ_INSTALLER", by)
    monkeypatch.setattr(installer.shutil, "which", lambda program, path=None: "/bin/uv" if program == "uv" else None)
    environment.ready()
    python_there, lock = environment.PYTHON, environment.LOCK
    install = {
        "uv": f"/bin/uv pip install --python {python_there}",
        "pip": f"{python_there} -m pip --disable-pip-version-check install --no-compile",
    }[by]
    index = f"--extra-index-url https://download.pytorch.org/whl/{build}"
    strategy = "--index-strategy unsafe-best-match " if by == "uv" else ""
    torch = [f"{install} {index} {strategy}--constraint {lock} torch==2.13.0+{build}"] if build != "pypi" else []
    base = getattr(sys, "_base_executable", sys.executable)
    made = f"/bin/uv venv --python {base}" if by == "uv" else f"{base} -m venv"
    assert machine.ran == [
        f"{made} {environment.VENV}",
        *torch,
        f"{install} -r {lock}",
        f"{install} --no-deps --no-build-isolation --editable {environment.ROOT}",
        f"{python_there} -c {environment.PROBE}",
    ]


def test_where_the_index_cannot_be_reached_one_line_says_what_that_costs(machine, monkeypatch, capsys):
    monkeypatch.setattr(graphics_cards, "machine", lambda python: Machine("Windows", "x86_64", (3, 11), (RTX,)))
    machine.fails = {"+cu130": 1}
    environment.ready()
    lines = [line for line in capsys.readouterr().err.splitlines() if "cannot be had now" in line]
    assert len(lines) == 1
    assert "the GPU stands idle" in lines[0]
    assert machine.did("compile -r") == 1


def test_where_packages_come_from_a_place_of_its_own_torch_does_too(machine, monkeypatch, capsys):
    monkeypatch.setattr(installer, "sources", lambda: ["find-links"])
    environment.ready()
    assert machine.did("download.pytorch.org") == 0
    assert "find-links" in capsys.readouterr().err
    environment.ready(torch="cpu")  # asked for by name, and remembered
    assert machine.did("torch==2.13.0+cpu") == 1
    environment.LOCK.write_text("torch==2.14.0\n")
    environment.ready()
    assert machine.did("torch==2.14.0+cpu") == 1


@pytest.mark.parametrize("wanted", ["cu999", "auto"])
def test_a_torch_that_there_is_not_ends_the_set_up(machine, monkeypatch, capsys, wanted):
    monkeypatch.setattr(graphics_cards, "machine", lambda python: Machine("Darwin", "x86_64", (3, 11)))
    with pytest.raises(SystemExit) as ended:
        environment.ready(torch=wanted)
    assert ended.value.code == 2
    assert ("cu999" if wanted == "cu999" else "Intel processor") in capsys.readouterr().err
    assert environment.PYTHON.exists()


def test_a_new_card_or_none_any_more_chooses_again(machine, monkeypatch):
    environment.ready()
    monkeypatch.setattr(graphics_cards, "nvidia_is_here", lambda: True)
    environment.ready()
    assert machine.did("compile -r") == 2


@pytest.mark.skipif(not system_parts.LINUX, reason="the parts of Linux")
def test_a_start_needs_no_compiler_and_the_tests_do():
    assert [part.name for part in system_parts.parts_to_install(wheels_build=False) if part.needed] == []
    needed = {part.name for part in system_parts.parts_to_install(wheels_build=False, test=True) if part.needed}
    assert needed == {"a C compiler", "Python's headers", "PortAudio's headers"}


@pytest.mark.parametrize("step", [" venv ", "torch==2.13.0+cpu", "compile -r", "--editable", "import aubio"])
def test_a_set_up_that_is_interrupted_anywhere_goes_on_at_the_next_start(machine, step):
    machine.fails = {step: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        environment.ready()
    assert not (environment.VENV / ".ready").exists()
    machine.fails = {}
    machine.ran.clear()
    environment.ready()
    assert [machine.did(word) for word in ("torch==2.13.0+cpu", "compile -r", "--editable", "import aubio")] == [1] * 4
    machine.ran.clear()
    environment.ready()
    assert machine.ran == []


def test_a_checkout_that_cannot_be_written_to_is_told_in_one_line(machine, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(environment, "LOG", tmp_path / "no such folder" / "log")
    with pytest.raises(SystemExit) as ended:
        environment.ready()
    assert ended.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("the set-up cannot go on: ")


def test_a_checkout_that_cannot_be_written_to_plays_from_a_folder_of_the_users(machine, monkeypatch, tmp_path, capsys):
    own = tmp_path / "own" / "checkout-1"
    packages = own / ".venv/lib/python3.11/site-packages"
    for name, path in {"VENV": ".venv", "PYTHON": ".venv/bin/python", "LOG": "log", "MARK": ".venv/.mark"}.items():
        monkeypatch.setattr(environment, name, own / path)
    machine.fails = {"import aubio": 0}
    monkeypatch.setattr(environment, "install_torch", lambda chosen, asked: packages.mkdir(parents=True))
    environment.ready()
    assert f"goes into {own}" in capsys.readouterr().err
    assert machine.did("--editable") == 0  # setuptools would write into the checkout
    assert (packages / "latentvj.pth").read_text() == f"{environment.ROOT}\n"
    if os.name == "posix":
        command = (own / ".venv/bin/vj").read_text().splitlines()
        assert command == ["#!/bin/sh", f'exec {own}/.venv/bin/python -P -m engine "$@"']


def test_the_environment_lies_in_the_checkout_where_that_can_be_written_to(monkeypatch, tmp_path):
    variables = {"XDG_DATA_HOME": str(tmp_path / "data"), "LOCALAPPDATA": str(tmp_path / "data")}
    assert commands.place(tmp_path, variables) == tmp_path
    monkeypatch.setattr(commands.os, "access", lambda path, mode: False)
    there = commands.place(tmp_path, variables)
    assert there.parent == tmp_path / "data/latentvj"
    assert commands.place(tmp_path / "other", variables) != there
    (tmp_path / ".venv").mkdir()  # made while it could be written to
    assert commands.place(tmp_path, variables) == tmp_path
