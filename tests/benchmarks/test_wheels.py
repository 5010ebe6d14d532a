"""What is asked for on every platform: the markers of the locks, and with LATENTVJ_LONG=1 that there are wheels."""

from __future__ import annotations

import os

import pytest

from benchmarks.wheels.__main__ import PLATFORMS, PYTHONS, Target, wanted, without_wheel

TARGETS = [Target(platform, python) for platform in PLATFORMS for python in PYTHONS]
COMPILED = {"Linux aarch64": {"moderngl", "glcontext"}}  # the set-up names them


def names(target, lock="requirements.lock"):
    return {package.partition("==")[0].lower() for package in wanted(lock, target)}


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_every_platform_has_one_package_for_sound_and_one_for_midi(target):
    sound = {"Windows": {"pyaudiowpatch"}}.get(target.platform, {"sounddevice"})
    midi = {"python-rtmidi"} if target.python < "3.13" else {"pylibremidi"}
    asked = names(target)
    assert asked & {"pyaudio", "pyaudiowpatch", "sounddevice"} == sound
    assert asked & {"python-rtmidi", "pylibremidi"} == midi
    assert {"torch", "numpy", "av", "glfw"} <= asked


def test_tensorrt_is_for_nvidias_processors_only():
    assert "tensorrt-rtx-cu13-libs" in names(Target("Windows", "3.12"), "requirements-tensorrt.lock")
    assert "tensorrt-rtx-cu13-libs" not in names(Target("macOS arm64", "3.12"), "requirements-tensorrt.lock")


@pytest.mark.skipif(os.environ.get("LATENTVJ_LONG") != "1", reason="asks the package index: LATENTVJ_LONG=1 runs it")
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_every_package_has_a_wheel_or_is_named_by_the_set_up(target):
    assert without_wheel(target) == COMPILED.get(target.platform, set())
