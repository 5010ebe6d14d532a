"""The build of torch for a machine: one row each, with the very command; nvidia-smi as it answers, hangs and is old."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.system import graphics_cards
from engine.system.graphics_cards import Card, Machine, windows_card
from engine.system.torch_build import choose, idle, named
from tests.builders.machines import LINUX, MACHINES, RTX_4090, UHD
from tools.setup import installer, torch_wheel

PIP = installer.pip(Path("python"))


INDEXED = (
    "python -m pip --disable-pip-version-check install --no-compile "
    "--extra-index-url https://download.pytorch.org/whl/{0} "
)


@pytest.mark.parametrize("name", MACHINES)
def test_every_machine_gets_its_torch(name):
    (system, processor), python, cards, build, missed = MACHINES[name]
    choice = choose(Machine(system, processor, python, tuple(cards)))
    assert (choice.build, bool(missed)) == (build, bool(choice.missed))
    assert missed in choice.missed
    assert "\n" not in choice.why
    command = torch_wheel.command(choice, "2.13.0", PIP, Path("lock"))
    if build == "pypi":
        assert command is None
    else:
        assert " ".join(command) == (INDEXED + "--constraint lock torch==2.13.0+{0}").format(build)


def test_a_mac_with_an_intel_processor_is_told_that_there_is_none():
    with pytest.raises(ValueError, match="Intel processor"):
        choose(Machine("Darwin", "x86_64", (3, 12)))


def test_pypis_torch_replaces_another_build_of_the_same_version():
    choice = choose(Machine(*LINUX, (3, 11), (RTX_4090,)))
    assert torch_wheel.command(choice, "2.13.0", PIP, Path("lock"), has="2.13.0") is None
    command = torch_wheel.command(choice, "2.13.0", PIP, Path("lock"), has="2.13.0+cpu")
    assert command[-3:] == ["--force-reinstall", "--no-deps", "torch==2.13.0"]


def test_a_build_can_be_asked_for():
    assert named("cu126", Machine(*LINUX, (3, 11))).index == "https://download.pytorch.org/whl/cu126"
    assert named("auto", Machine(*LINUX, (3, 11))).build == "cpu"
    with pytest.raises(ValueError, match="--torch=cu42"):
        named("cu42", Machine(*LINUX, (3, 11)))


@pytest.mark.parametrize(
    ("name", "usable", "version", "words"),
    [
        ("Windows laptop, Intel and RTX 4090", ("cpu",), "2.13.0", "pip --force-reinstall --extra-index-url "
         "https://download.pytorch.org/whl/cu130 torch==2.13.0+cu130"),
        ("Windows laptop, Intel and RTX 4090", ("cuda", "cpu"), "2.13.0+cu130", None),
        ("Windows laptop, Intel and RTX 4090", ("cpu",), "2.13.0+cu130", "cannot begin it"),
        ("Linux, RTX 4090", ("cpu",), "2.13.0+cpu", "pip --force-reinstall torch==2.13.0"),
        ("Linux, RTX 4090", ("cpu",), "2.13.0", "cannot begin it"),
        ("Windows, RTX 5090, old driver", ("cpu",), "2.13.0", "install NVIDIA's driver 580 or newer"),
        ("Linux, RX 7900", ("cpu",), "2.13.0+cpu", "+rocm7.2"),
        ("Linux, RX 7900", ("cuda", "cpu"), "2.13.0+rocm7.2", None),
        ("Windows, Arc", ("cpu",), "2.13.0", "+xpu"),
        ("Windows, AMD", ("cpu",), "2.13.0", None),
        ("Linux, Kepler", ("cpu",), "2.13.0+cpu", None),
        ("Linux, a Ryzen's own GPU", ("cpu",), "2.13.0+cpu", None),
        ("Linux, the driver does not answer", ("cpu",), "2.13.0", "try nvidia-smi"),
        ("Mac, M3", ("cpu",), "2.13.0", "cannot begin it"),
        ("Linux, no GPU", ("cpu",), "2.13.0+cpu", None),
    ],
)  # fmt: skip
def test_a_gpu_that_stands_idle_is_named_with_the_line_that_mends_it(name, usable, version, words):
    (system, processor), python, cards, *_ = MACHINES[name]
    found = idle(Machine(system, processor, python, tuple(cards)), usable, version, "pip")
    if words is None:
        assert found is None
    else:
        assert words in f"{found.why} {found.mend}"


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Install an nvidia-smi that is a shell script, and no other card."""

    def install(script):
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(graphics_cards, "_sysfs", lambda: iter([Card("nvidia", "NVIDIA GPU 2684", "570.10"), UHD]))
    return install


def test_nvidia_smi_names_every_card_and_replaces_what_linux_knows_of_them(smi):
    smi('echo "0, NVIDIA GeForce RTX 4090, 580.88, 8.9"; echo "1, NVIDIA RTX A2000, 580.88, 8.6"')
    found = graphics_cards.cards("Linux", "x86_64")
    assert [(card.vendor, card.name, card.compute, card.number) for card in found] == [
        ("nvidia", "NVIDIA GeForce RTX 4090", (8, 9), 0), ("nvidia", "NVIDIA RTX A2000", (8, 6), 1),
        ("intel", UHD.name, None, None),
    ]  # fmt: skip


def test_an_old_nvidia_smi_that_knows_no_capability_still_tells_its_driver(smi):
    smi('case "$1" in *compute_cap*) echo Field is not valid; exit 2;; esac; echo "0, GeForce GTX 980, 470.82.01"')
    found = graphics_cards.cards("Linux", "x86_64")
    assert (found[0].driver, found[0].compute) == ("470.82.01", None)
    assert "driver 525 or newer: 470.82.01 is too old" in choose(Machine("Linux", "x86_64", (3, 11), found)).missed


@pytest.mark.parametrize("script", ["exec sleep 60", "exit 9", "echo No devices were found"])
def test_an_nvidia_smi_that_hangs_or_fails_is_done_without(smi, monkeypatch, script):
    assert graphics_cards.ANSWER_SECONDS == 2.0
    monkeypatch.setattr(graphics_cards, "ANSWER_SECONDS", 0.1)
    smi(script)
    began = time.process_time()
    found = graphics_cards.cards("Linux", "x86_64")
    assert time.process_time() - began < 1.0
    assert [card.driver for card in found] == ["570.10", None]  # as Linux tells


def test_linux_names_amds_architectures_and_leaves_a_processors_node_out(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    write("class/drm/card0/device/vendor", "0x1002\n")
    write("class/drm/card0/device/device", "0x744c\n")
    write("class/drm/card0-DP-1/device/vendor", "0x1002\n")
    write("class/drm/card1/device/vendor", "0x1234\n")
    write("class/kfd/kfd/topology/nodes/0/properties", "cpu_cores_count 16\ngfx_target_version 0\n")
    write("class/kfd/kfd/topology/nodes/1/properties", "simd_count 192\ngfx_target_version 110000\n")
    assert list(graphics_cards._sysfs(tmp_path)) == [Card("amd", "AMD GPU 744c", target="gfx1100")]
    write("class/kfd/kfd/topology/nodes/1/properties", "gfx_target_version 90010\n")
    assert next(graphics_cards._sysfs(tmp_path)).target == "gfx90a"


@pytest.mark.parametrize(
    ("number", "version", "card"),
    [
        ("pci\\ven_10de&dev_2757", "32.0.15.8088", Card("nvidia", "A", "580.88")),
        ("pci\\ven_8086&dev_46a6", "31.0.101.4502", Card("intel", "A")),
        ("root\\basicdisplay", "10.0", None),
    ],
)
def test_the_registry_of_windows_names_card_and_driver(number, version, card):
    assert windows_card(number, "A", version) == card
