"""Cameras: which there are, and how FFmpeg opens one. Video4Linux, AVFoundation and DirectShow; only the lists of the
first are read here, the last two by FFmpeg itself. NOT run with a camera yet: no machine had one.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from engine.system.quiet import quiet_stderr

QUERYCAP = 0x80685600  # VIDIOC_QUERYCAP of videodev2.h: 104 bytes are read
CAPABILITIES = 84  # bytes before `capabilities` and `device_caps` in them
CAPTURES, SAYS_OWN = 0x1, 0x80000000  # V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_DEVICE_CAPS
V4L2 = "v4l2"  # FFmpeg's name of Video4Linux
WANTED = "1280x720"  # pixels; a camera that has no such mode gives its own


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera: its name, and what FFmpeg calls it."""

    name: str
    device: str


@dataclass(frozen=True, slots=True)
class System:
    """FFmpeg's way to cameras on a system, with the options that are tried one after the other."""

    format: str
    options: Sequence[Mapping[str, str]]


SYSTEMS: Mapping[str, System] = MappingProxyType(
    {
        "linux": System(
            V4L2,
            ({"input_format": "mjpeg", "video_size": WANTED}, {"video_size": WANTED}, {}),  # raw HD is slow over USB 2
        ),
        # Without a rate AVFoundation asks for 29.97, which most cameras refuse.
        "darwin": System("avfoundation", ({"framerate": "30", "video_size": WANTED}, {"framerate": "30"}, {})),
        "win32": System("dshow", ({"video_size": WANTED, "rtbufsize": "64M"}, {"rtbufsize": "64M"})),
    }
)


def system() -> System | None:
    """Return this system's way to cameras, None where FFmpeg knows none."""
    return SYSTEMS.get(sys.platform)


def cameras() -> tuple[Camera, ...]:
    """Return the cameras that are plugged in."""
    way = system()
    if way is None:
        return ()
    return _video4linux() if way.format == V4L2 else _by_ffmpeg(way.format)


def _by_ffmpeg(name: str) -> tuple[Camera, ...]:
    import av
    from av.device import enumerate_input_devices

    found = []
    with contextlib.suppress(av.error.FFmpegError, OSError, ValueError), quiet_stderr():
        for device in enumerate_input_devices(name):
            if "video" in (device.media_types or ("video",)):
                shown = device.description or device.name
                found.append(Camera(shown, f"video={device.name}" if name == "dshow" else device.name))
    return tuple(found)


def _video4linux(folder: Path = Path("/sys/class/video4linux")) -> tuple[Camera, ...]:
    """Return the devices that capture; one camera may have others, for its settings."""
    found = []
    for each in sorted(folder.glob("video*"), key=lambda path: (len(path.name), path.name)):
        device = f"/dev/{each.name}"
        if not _captures(device):
            continue
        try:
            name = (each / "name").read_text().strip()
        except (OSError, UnicodeDecodeError):
            name = each.name
        found.append(Camera(name, device))
    return tuple(found)


def _captures(device: str) -> bool:
    import fcntl

    try:
        opened = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:  # it is gone, or not for this user: opening it says which
        return os.path.exists(device)
    try:
        said = bytearray(104)
        fcntl.ioctl(opened, QUERYCAP, said)
    except OSError:
        return False
    finally:
        os.close(opened)
    every, own = struct.unpack_from("=II", said, CAPABILITIES)
    return bool((own if every & SAYS_OWN else every) & CAPTURES)
