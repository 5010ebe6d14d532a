"""Decoded frames as pixels: as large as they are needed, premultiplied, and a small one that is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Pixels
from engine.stage.video.measures import SMALL
from engine.stage.video.still import premultiplied

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own know no alpha


def pixels(frame: Any, largest: int) -> Pixels:
    """Return a frame as uint8 [H, W, 4], premultiplied, its longer side at most ``largest`` pixels."""
    scale = min(1.0, largest / max(frame.width, frame.height))
    size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    return premultiplied(np.asarray(frame.to_ndarray(format="rgba", width=size[0], height=size[1])))


def small(frame: Any) -> NDArray[np.uint8]:
    """Return a frame as uint8 [H, W, 3] of size SMALL: means of what is there."""
    width, height = SMALL
    return np.asarray(frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray())


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the decoded frames, with the alpha of a WebM film."""
    name = ALPHA_DECODERS.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        yield from container.decode(stream)
        return
    decoder: Any = av.CodecContext.create(name, "r")  # av's types know no decoder of pictures
    for packet in container.demux(stream):
        for frame in decoder.decode(packet):
            frame.time_base = packet.time_base or stream.time_base
            yield frame
