"""What was heard, as pictures one row high: the wave and its spectrum, for inputs of the types audio and audioFFT."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.borders.features import AudioFeatures
from engine.stage.isf.inputs import Input

QUIET = 0.5  # of a wave's picture, where nothing sounds


def columns_of_wave(wave: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """Return the wave around 0.5 [columns], oldest first; a single column has its loudness (RMS) instead."""
    if columns == 1:
        loud = float(np.sqrt(np.mean(wave * wave))) if wave.size else 0.0
        return np.array([QUIET + 0.5 * min(loud, 1.0)], np.float32)
    around: NDArray[np.float32] = np.clip(QUIET + 0.5 * _grouped(wave, columns), 0.0, 1.0)
    return around


def columns_of_spectrum(spectrum: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """Return the spectrum [columns], low frequencies first: the root of magnitudes, 1 for a sine of full scale."""
    return np.sqrt(np.clip(_grouped(spectrum, columns), 0.0, 1.0))


def _grouped(values: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """Return ``values`` as so many columns: means of neighbours, or between neighbours where there are fewer."""
    if not values.size:
        return np.zeros(columns, np.float32)
    edges = np.linspace(0.0, values.size, columns + 1)
    if columns >= values.size:
        middles = (edges[1:] + edges[:-1]) / 2.0 - 0.5
        return np.interp(middles, np.arange(values.size), values).astype(np.float32)
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    at = np.interp(edges, np.arange(values.size + 1), total)
    means: NDArray[np.float32] = (np.diff(at) / np.diff(edges)).astype(np.float32)
    return means


class Sound:
    """The pictures of what was heard last, each made when a shader asks for it."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._heard = AudioFeatures()
        self._textures: dict[tuple[str, int], moderngl.Texture] = {}
        self._fresh: set[tuple[str, int]] = set()  # the pictures that show what was heard last

    def hear(self, features: AudioFeatures) -> None:
        """Take what was heard up to now."""
        self._heard = features
        self._fresh.clear()

    def picture(self, of: Input) -> moderngl.Texture:
        """Return the picture for an input, as many columns wide as it asks for."""
        values = self._heard.wave if of.kind == "audio" else self._heard.spectrum
        columns = of.samples or max(1, values.size)
        key = of.kind, columns
        if key not in self._textures:
            texture = self._ctx.texture((columns, 1), 4, dtype="f4")
            texture.repeat_x = texture.repeat_y = False
            self._textures[key] = texture
        if key not in self._fresh:
            shape = columns_of_wave if of.kind == "audio" else columns_of_spectrum
            rgba = np.ones((columns, 4), np.float32)
            rgba[:, :3] = shape(values, columns)[:, None]
            self._textures[key].write(rgba.tobytes())
            self._fresh.add(key)
        return self._textures[key]

    def release(self) -> None:
        """Give the textures back."""
        for texture in self._textures.values():
            texture.release()
        self._textures = {}
        self._fresh.clear()
