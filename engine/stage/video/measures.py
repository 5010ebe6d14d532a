"""What a route can hear of a video: its motion, its brightness and its colour, from a small picture of every frame."""

from __future__ import annotations

import colorsys
from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.borders.video import PREFIX

SMALL = (48, 27)  # pixels; what is measured
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709
MOTION_SECONDS = 0.1  # s; motion is what has changed in this time, so that 25 and 60 frames a second say the same
GRAIN = 4.0 / 255.0  # 0..1; a change of a camera's own noise, which is no motion
FULL = 0.25  # 0..1; the mean change that is motion 1: a quarter of black to white, all over the picture
KEPT = 64  # frames; a tenth of a second has no more


class Measures:
    """Measures frame after frame. Times are seconds of one clock and never fall, but for a film that begins anew."""

    def __init__(self) -> None:
        self.values: Mapping[str, float] = {}
        self._past: deque[tuple[float, NDArray[np.float32]]] = deque(maxlen=KEPT)

    def take(self, small: NDArray[np.uint8], seconds: float) -> None:
        """Measure the frame of that moment: ``small`` is uint8 [H, W, 3], of size SMALL."""
        rgb = small.astype(np.float32) / np.float32(255.0)
        luma: NDArray[np.float32] = (rgb @ LUMA).astype(np.float32)
        while len(self._past) > 1 and self._past[1][0] <= seconds - MOTION_SECONDS + 1e-6:
            self._past.popleft()
        if self._past and self._past[0][0] > seconds:
            self._past.clear()
        red, green, blue = (float(each) for each in rgb.mean((0, 1)))
        self.values = {
            f"{PREFIX}motion": self._motion(luma, seconds),
            f"{PREFIX}brightness": float(luma.mean()),
            f"{PREFIX}red": red,
            f"{PREFIX}green": green,
            f"{PREFIX}blue": blue,
            f"{PREFIX}hue": colorsys.rgb_to_hsv(red, green, blue)[0],
        }
        self._past.append((seconds, luma))

    def _motion(self, luma: NDArray[np.float32], seconds: float) -> float:
        """Return what has changed since a tenth of a second ago; slow videos: since the frame before."""
        if not self._past:
            return 0.0
        then, before = self._past[0]
        change = float(np.maximum(np.abs(luma - before) - GRAIN, 0.0).mean())
        return min(change * MOTION_SECONDS / max(seconds - then, MOTION_SECONDS) / FULL, 1.0)

    def still(self) -> None:
        """Say that nothing moves: the video is lost, and what it showed last stays."""
        self._past.clear()
        if self.values:
            self.values = {**self.values, f"{PREFIX}motion": 0.0}
