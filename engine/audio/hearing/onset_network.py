"""The onset network: at each step, the likelihood that a sound has just begun.

A dense layer reads the step's inputs, a gated recurrent unit remembers earlier steps, and a small head joins both to
one likelihood. The unit is that of Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP
2014, in the variant that applies the reset gate after the matrix product.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from engine.audio.hearing.spectrum import Vector

WEIGHTS = Path(__file__).with_name("onset.npz")


class OnsetNetwork:
    """Reads the inputs of a stream, one step at a time, and remembers between steps."""

    def __init__(self, inputs: int) -> None:
        """Load the weights. Raises ValueError when they take another number of ``inputs``."""
        with np.load(WEIGHTS) as file:
            w = {name: file[name].astype(np.float32) for name in file.files}
        if w["dense"].shape[1] != inputs:
            raise ValueError(f"{WEIGHTS.name} takes {w['dense'].shape[1]} inputs, not {inputs}")
        self._dense, self._dense_bias = w["dense"], w["dense_bias"]  # [units, inputs], [units]
        # The rows of three gates follow each other: reset, update, candidate. The logistic function of x is
        # 0.5 + 0.5 * tanh(0.5 * x), so the first two have half their weights, which is exact.
        size = w["kept"].shape[1]
        for name in ("heard", "heard_bias", "kept", "kept_bias"):
            w[name][: 2 * size] *= np.float32(0.5)
        self._heard, self._heard_bias = w["heard"], w["heard_bias"]  # [3 * memory, units], [3 * memory]
        self._kept, self._kept_bias = w["kept"], w["kept_bias"]  # [3 * memory, memory], [3 * memory]
        self._head, self._head_bias = w["head"], w["head_bias"]  # [more units, units + memory], [more units]
        self._out, self._out_bias = w["out"], float(w["out_bias"])
        self._joined = np.zeros(len(w["dense"]) + size, np.float32)  # units and memory, side by side
        self._units, self._memory = self._joined[: len(w["dense"])], self._joined[len(w["dense"]) :]

    def __call__(self, views: Vector, keep: bool = True) -> float:
        """Return the likelihood (0..1) that a sound has just begun, from a step's ``views`` [inputs].

        The step is remembered unless ``keep`` is False.
        """
        units, memory = self._units, self._memory
        before = None if keep else memory.copy()
        size = len(memory)
        np.add(self._dense @ views, self._dense_bias, out=units)
        np.maximum(units, 0.0, out=units)
        heard = self._heard @ units
        heard += self._heard_bias
        kept = self._kept @ memory
        kept += self._kept_bias
        gates = heard[: 2 * size] + kept[: 2 * size]
        np.tanh(gates, out=gates)
        gates *= 0.5
        gates += 0.5
        reset, update = gates[:size], gates[size:]
        reset *= kept[2 * size :]
        reset += heard[2 * size :]
        candidate = np.tanh(reset)
        memory -= candidate
        memory *= update
        memory += candidate
        joined = self._head @ self._joined
        joined += self._head_bias
        np.maximum(joined, 0.0, out=joined)
        if before is not None:
            memory[:] = before
        return 0.5 + 0.5 * math.tanh(0.5 * (float(self._out @ joined) + self._out_bias))
