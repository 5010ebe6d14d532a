"""The mapper as a show plays it: one w a frame, in NumPy, with all that does not depend on w worked out beforehand.

`Mapper.edit` is made for training: many w, gradients, weights that change. For one w most of its time went into calling
some fifty operations of torch. Here the weights stand still: w is divided by its spread in the first layer's weights,
what the pace's first layer adds for every slider and knot is a table, and nearly all that is left is matrix products.
Where all layers of a model are alike, as a training makes them, and all rows of the frame's ws are equal, as they are
but in w+, one row is moved for all. The numbers are those of `Mapper.edit`, but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.generator.attributes.mapper import KNOT, KNOTS, Mapper
from engine.generator.attributes.pace import MOST, Pace, placed, stays

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layers:
    """What the mapper knows of each of R layers of w; H is its hidden size, K the number of attributes."""

    entered: Floats  # [R, H]: what the first layer adds
    directions: Floats  # [K, R * w_dim]
    readout: Floats  # [K, R * w_dim]


class PlayedMapper:
    """`Mapper.edit` for one w."""

    def __init__(self, mapper: Mapper) -> None:
        """The weights of ``mapper`` and of its pace are taken as they are now."""
        self.count = count = len(mapper.names)
        w_dim = mapper.w_dim
        enter, offset = _exact(mapper.enter.weight).T, _exact(mapper.offset)
        entered = _exact(mapper.layers) + offset @ enter[w_dim : w_dim + count]  # the offset of a, gone through U
        directions, readout = _exact(mapper.directions), _exact(mapper.readout)
        self._all = Layers(_single(entered), _flat(directions), _flat(readout))
        self._one: Layers | None = None
        if all(bool((each == each[:, :1]).all()) for each in (entered[None], directions, readout)):
            self._one = Layers(_single(entered[:1]), _flat(directions[:, :1]), _flat(readout.sum(1)))
        self._mean, sd = _exact(mapper.mean), float(mapper.sd)
        self._enter, self._known = _single(enter[:w_dim] / sd), _single(enter[w_dim:])
        self._middle, self._bias = _single(_exact(mapper.middle.weight).T), _single(_exact(mapper.middle.bias))
        self._gate, self._leave = _single(_exact(mapper.gate.weight).T), _single(_exact(mapper.leave.weight).T)
        self._curves, self._places = _exact(mapper.curves), np.arange(count)
        self._pace = None if mapper.pace is None else PlayedPace(mapper.pace, sd)

    def __call__(self, ws: NDArray[np.float64], asked: NDArray[np.float64]) -> Floats:
        """Return by how much ws [num_ws, w_dim] moves where its attributes are moved by ``asked`` [K].

        The result has the shape of ws, or one row for all.
        """
        layers, rows = self._all, ws
        if self._one is not None and bool((ws == ws[0]).all()):
            layers, rows = self._one, ws[:1]
        x = _single(rows - self._mean)
        change = self._strengths(asked if self._pace is None else self._pace.evened(x, asked))
        known: Floats = np.concatenate((layers.readout @ x.reshape(-1), change))  # a, but for its offset, and da
        h: Floats = x @ self._enter
        h += layers.entered
        h += known @ self._known
        h = _silu(h) @ self._middle
        h += self._bias
        h = _silu(h)
        h *= change @ self._gate
        step: Floats = h @ self._leave
        step += (change @ layers.directions).reshape(step.shape)
        return step

    def _strengths(self, asked: NDArray[np.float64]) -> Floats:
        """Return the da [K] of ``asked`` [K], as `Mapper.strengths`; NaN stays NaN and raises nothing."""
        place = asked / KNOT + KNOTS // 2
        below = np.fmin(np.fmax(np.floor(place), 0.0), KNOTS - 2.0)
        at = below.astype(np.intp)
        low, high = self._curves[self._places, at], self._curves[self._places, at + 1]
        return _single(low + (place - below) * (high - low))


class PlayedPace:
    """`Pace.evened` for one w."""

    def __init__(self, pace: Pace, sd: float) -> None:
        """``sd`` is the spread of w."""
        sliders = _exact(pace.sliders)
        self._enter = _single(_exact(pace.enter.weight).T / sd)
        self._own = _single(_exact(pace.powers) @ sliders[:, :3] + _exact(pace.enter.bias))  # [K, knots - 1, H]
        self._middle = _single(_exact(pace.middle.weight).T)
        self._bias = _single(sliders[:, 3:] + _exact(pace.middle.bias))  # [K, 1, H]
        self._leave, self._last = _single(_exact(pace.leave.weight)[0]), float(_exact(pace.leave.bias)[0])

    def evened(self, x: Floats, asked: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the changes [K] at which the picture has come as far as ``asked`` [K].

        x [R, w_dim] are the rows of ws less the mean.
        """
        wanted = asked.tolist()
        which = [k for k, each in enumerate(wanted) if not stays(each)]
        if not which:
            return asked
        h = self._own[which]
        h += x.mean(0) @ self._enter
        shape = h.shape
        h = (_silu(h).reshape(-1, shape[-1]) @ self._middle).reshape(shape)  # one product for all sliders
        h += self._bias[which]
        logs = _silu(h) @ self._leave + self._last
        paces = np.exp(np.clip(logs, -MOST, MOST)).tolist()
        for k, pace in zip(which, paces, strict=True):
            wanted[k] = placed(pace, wanted[k])
        return np.array(wanted)


def _silu(x: Floats) -> Floats:
    """Return x * sigmoid(x). By tanh, which does not overflow."""
    found: Floats = np.tanh(x * np.float32(0.5))
    found += 1.0
    found *= x
    found *= np.float32(0.5)
    return found


def _exact(tensor: Tensor) -> NDArray[np.float64]:
    return np.asarray(tensor.detach().cpu().double().numpy())


def _single(array: NDArray[np.float64]) -> Floats:
    return np.ascontiguousarray(array, dtype=np.float32)


def _flat(array: NDArray[np.float64]) -> Floats:
    return _single(array.reshape(len(array), -1))
