"""The onset network: at each step, the likelihood that a sound has just begun.

A dense layer reads the step's inputs, a gated recurrent unit remembers earlier steps, and a small head joins both to
one likelihood. The unit is that of Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP
2014, in the variant that applies the reset gate after the matrix product.

A call into NumPy costs more than the numbers it works on, so what can be one matrix is one: the biases are columns that
meet a constant 1, and all that the unit multiplies with weights is one product.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.spectrum import Vector

Numbers = NDArray[np.float64]

WEIGHTS = Path(__file__).with_name("onset.npz")


class OnsetNetwork:
    """Reads the inputs of a stream, one step at a time, and remembers between steps."""

    SCRATCH = ("_products", "_more")

    def __init__(self, mix: Numbers, bands: int) -> None:
        """Load the weights. Raises ValueError when they take another number of inputs.

        ``mix`` [views, parts]: each of the views that the network learned from is a sum of the parts that it is given
        here. Both have ``bands`` values.
        """
        with np.load(WEIGHTS) as file:
            w = {name: file[name].astype(np.float64) for name in file.files}
        views, parts = mix.shape
        units, inputs = w["dense"].shape
        if inputs != views * bands:
            raise ValueError(f"{WEIGHTS.name} takes {inputs} inputs, not {views * bands}")
        dense = np.einsum("uvb,vp->upb", w["dense"].reshape(units, views, bands), mix).reshape(units, parts * bands)
        self._dense = _matrix(dense, w["dense_bias"])  # [units, parts * bands + 1]
        self._unit = _gates(w["heard"], w["heard_bias"], w["kept"], w["kept_bias"])  # [4 * memory, units + memory + 1]
        self._head = _matrix(w["head"], w["head_bias"])  # [more units, units + memory + 1]
        self._out, self._out_bias = w["out"].astype(np.float32), float(w["out_bias"])
        size = w["kept"].shape[1]
        self._given = np.zeros(parts * bands + 1, np.float32)
        self._joined = np.zeros(units + size + 1, np.float32)  # units and memory, side by side
        self._given[-1] = self._joined[-1] = 1.0
        self.parts = self._given[:-1].reshape(parts, bands)  # what the next call reads
        self._units, self._memory = self._joined[:units], self._joined[units:-1]
        self._products = np.zeros(4 * size, np.float32)
        self._gates, self._reset, self._update, self._kept, self._candidate = (
            self._products[begin * size : end * size] for begin, end in ((0, 2), (0, 1), (1, 2), (2, 3), (3, 4))
        )
        self._more = np.zeros(len(self._head), np.float32)
        self._half, self._none = np.full(size, 0.5, np.float32), np.zeros(max(units, len(self._head)), np.float32)
        self._no_units, self._no_more = self._none[:units], self._none[: len(self._head)]

    def __call__(self, keep: bool = True) -> float:
        """Return the likelihood (0..1) that a sound has just begun, from ``parts`` of a step.

        The step is remembered unless ``keep`` is False.
        """
        units, memory, reset, update, more = self._units, self._memory, self._reset, self._update, self._more
        before = None if keep else memory.copy()
        self._dense.dot(self._given, units)
        np.maximum(units, self._no_units, out=units)
        self._unit.dot(self._joined, self._products)
        np.tanh(self._gates, self._gates)
        np.multiply(reset, self._kept, reset)
        np.add(reset, self._candidate, reset)
        np.tanh(reset, reset)  # the candidate for the memory
        np.multiply(update, self._half, update)
        np.add(update, self._half, update)
        np.subtract(memory, reset, memory)
        np.multiply(memory, update, memory)
        np.add(memory, reset, memory)
        self._head.dot(self._joined, more)
        np.maximum(more, self._no_more, out=more)
        likelihood = 0.5 + 0.5 * math.tanh(0.5 * (float(self._out.dot(more)) + self._out_bias))
        if before is not None:
            memory[:] = before
        return likelihood


def _matrix(weights: Numbers, bias: Numbers) -> Vector:
    """Return weights [out, in] and their bias [out] as one matrix [out, in + 1]."""
    return np.column_stack([weights, bias]).astype(np.float32)


def _gates(heard: Numbers, heard_bias: Numbers, kept: Numbers, kept_bias: Numbers) -> Vector:
    """Return one matrix [4 * memory, units + memory + 1] of the unit's weights and biases.

    ``heard`` [3 * memory, units] and ``kept`` [3 * memory, memory] have rows for three gates: reset, update, candidate.
    The logistic function of x is 0.5 + 0.5 * tanh(0.5 * x), so the first two have half their weights. The reset gate's
    own halves are in what it multiplies, the third rows, and what it adds, the fourth.
    """
    size = kept.shape[1]
    gates, candidate = slice(0, 2 * size), slice(2 * size, 3 * size)
    both = 0.5 * np.column_stack([heard[gates], kept[gates], heard_bias[gates] + kept_bias[gates]])
    of_kept = 0.5 * np.column_stack([np.zeros_like(heard[candidate]), kept[candidate], kept_bias[candidate]])
    of_heard = np.column_stack([heard[candidate], np.zeros_like(kept[candidate]), heard_bias[candidate]])
    return np.concatenate([both, of_kept, of_heard + of_kept]).astype(np.float32)
