"""Other programs' pictures as a video in: NDI (cyndilib), Spout (SpoutGL), Syphon (syphon-python).

NDI's library opens and looks for senders here, and has not received one: that needs a network with avahi. Spout and
Syphon are written from their documentation and NOT run.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

import av
import numpy as np

from engine.borders.contracts import Pixels
from engine.borders.errors import UserError
from engine.stage.video.feeds import Feed, Lost
from engine.stage.video.frames import pixels, small
from engine.stage.video.measures import Measures
from engine.stage.video.place import Place

FIND_SECONDS = 2.0  # s; how long one search of the network for a source lasts
WAIT_MS = 200  # ms; longest wait for a frame
SILENT_SECONDS = 1.0  # s; a source that is disconnected for longer counts as lost
POLL_SECONDS = 0.005  # s; between two looks at a picture that another program may have changed
RGBA = 0x1908  # OpenGL's name of the format
BGRA_TO_RGBA = [2, 1, 0, 3]


def open_foreign(place: Place, largest: int, measures: Measures) -> Feed:
    """Open another program's picture; UserError where it is not there, or its library is not."""
    if place.kind == "ndi":
        return NdiFeed(place.name, largest, measures)
    if place.kind == "spout":
        return SpoutFeed(place.name, largest, measures)
    return SyphonFeed(place.name, largest, measures)


def _load(kind: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        how = f"pip install 'latentvj[{kind}]'"
        raise UserError(f"--video-in {kind}: {module.partition('.')[0]} is not installed ({error}): {how}") from error


def _one_of(kind: str, name: str, names: list[str]) -> str:
    """Return the source whose name has ``name`` in it; UserError lists what there is."""
    for each in names:
        if name.casefold() in each.casefold():
            return each
    listed = f"there are {', '.join(names)}" if names else "none is there"
    raise UserError(f"--video-in {kind}:{name}: no {kind} source of that name; {listed}")


class _Foreign:
    """What the three have in common: pixels of a picture that came as an array, with straight alpha."""

    waits, hangs = True, True

    def __init__(self, largest: int, measures: Measures) -> None:
        self._largest, self._measures = largest, measures

    def _taken(self, rgba: np.ndarray[Any, np.dtype[np.uint8]]) -> Pixels:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgba), format="rgba")
        self._measures.take(small(frame), time.monotonic())
        return pixels(frame, self._largest)

    def stop(self) -> None:
        """See Feed."""


class NdiFeed(_Foreign):
    """A source in the network."""

    def __init__(self, name: str, largest: int, measures: Measures) -> None:
        super().__init__(largest, measures)
        receiving = _load("ndi", "cyndilib.receiver")
        colours = _load("ndi", "cyndilib.wrapper.ndi_recv").RecvColorFormat
        self._finder = _load("ndi", "cyndilib.finder").Finder()
        self._video = receiving.ReceiveFrameType.recv_video
        self._finder.open()
        try:
            found = self._find(name)
            self._receiver = receiving.Receiver(color_format=colours.RGBX_RGBA)
            self._frame = _load("ndi", "cyndilib.video_frame").VideoRecvFrame()
            self._receiver.set_video_frame(self._frame)
            self._receiver.set_source(self._finder.get_source(found))
        except UserError:
            self._finder.close()
            raise
        self._connected = time.monotonic()

    def _find(self, name: str) -> str:
        until = time.monotonic() + FIND_SECONDS
        while True:
            names = list(self._finder.get_source_names())
            if any(name.casefold() in each.casefold() for each in names) or time.monotonic() > until:
                return _one_of("ndi", name, names)
            self._finder.wait_for_sources(0.2)

    def read(self, seconds: float) -> Pixels | None:
        """See Feed."""
        if self._receiver.is_connected():
            self._connected = time.monotonic()
        elif time.monotonic() - self._connected > SILENT_SECONDS:
            raise Lost("its sender has gone")
        if not self._receiver.receive(self._video, WAIT_MS) or not self._frame.xres:
            time.sleep(POLL_SECONDS)
            return None
        width, height = self._frame.xres, self._frame.yres
        rgba = np.empty(width * height * 4, np.uint8)
        self._frame.fill_p_data(rgba)
        return self._taken(rgba.reshape(height, width, 4))

    def close(self) -> None:
        """See Feed."""
        self._receiver.disconnect()
        self._finder.close()


class SpoutFeed(_Foreign):
    """A sender of the same Windows machine."""

    def __init__(self, name: str, largest: int, measures: Measures) -> None:
        super().__init__(largest, measures)
        self._receiver = _load("spout", "SpoutGL").SpoutReceiver()
        self._receiver.createOpenGL()  # this thread has no context of its own
        found = _one_of("spout", name, list(self._receiver.getSenderList()))
        self._receiver.setReceiverName(found)
        self._rgba = np.empty((0, 0, 4), np.uint8)

    def read(self, seconds: float) -> Pixels | None:
        """See Feed."""
        buffer = self._rgba.reshape(-1) if self._rgba.size else None
        got = self._receiver.receiveImage(buffer, RGBA, False, 0)
        if self._receiver.isUpdated():
            self._rgba = np.zeros((self._receiver.getSenderHeight(), self._receiver.getSenderWidth(), 4), np.uint8)
            return None
        if not got:
            raise Lost("its sender has gone")
        if not self._rgba.size or not self._receiver.isFrameNew():
            time.sleep(POLL_SECONDS)
            return None
        return self._taken(self._rgba)

    def close(self) -> None:
        """See Feed."""
        self._receiver.releaseReceiver()
        self._receiver.closeOpenGL()


class SyphonFeed(_Foreign):
    """A server of the same Mac."""

    def __init__(self, name: str, largest: int, measures: Measures) -> None:
        super().__init__(largest, measures)
        library = _load("syphon", "syphon")
        self._directory = library.SyphonServerDirectory()
        servers = {f"{each.app_name} {each.name}".strip(): each for each in self._directory.servers}
        self._client = library.SyphonMetalClient(servers[_one_of("syphon", name, list(servers))])
        self._image = _load("syphon", "syphon.utils.numpy").mtl_texture_to_image

    def read(self, seconds: float) -> Pixels | None:
        """See Feed."""
        if not self._client.is_valid:
            raise Lost("its server has gone")
        if not self._client.has_new_frame:
            time.sleep(POLL_SECONDS)
            return None
        return self._taken(self._image(self._client.new_frame_image)[..., BGRA_TO_RGBA])

    def close(self) -> None:
        """See Feed."""
        self._client.stop()
