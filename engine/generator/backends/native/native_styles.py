"""The styles and scales of every layer by compiled code: each layer's affine reads its own w alone."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from engine.generator.backends.native.native_layers import address
from engine.generator.backends.prepare import LayerPlan, Prepared, padded

ALONE = 1 << 20  # numbers of all affines and demodulations; fewer are read by one thread


class _Style(ctypes.Structure):
    """Style in native.cpp."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("weight", "bias", "power")),
        ("gain", ctypes.c_float),
        *((name, ctypes.c_int) for name in ("row", "fan_in", "fan_out", "style_at", "scale_at")),
    )


class Styles:
    """What `Modulation` returns, without its normalising: ws [num_ws, w_dim] -> styles [S + 1], scales [convs, O]."""

    def __init__(self, prepared: Prepared, library: ctypes.CDLL, threads: int) -> None:
        """Lay the affines and demodulations out, a layer's in one piece each."""
        modulation = prepared.modulation
        plans = [plan for block in prepared.blocks for plan in (*block.convs, block.rgb) if plan is not None]
        (self._size,), self._scales = modulation.shapes
        self._square = torch.empty(self._size)
        self._held: list[Tensor | None] = []
        self._layers = (_Style * len(plans))(*(self._layer(prepared, plan) for plan in plans))
        total = sum(each.numel() for each in self._held if each is not None)
        self._library, self._threads = library, 1 if total < ALONE else threads

    def _layer(self, prepared: Prepared, plan: LayerPlan) -> _Style:
        weight, bias, power, gain = prepared.modulation.parts(plan)
        self._held += (weight, bias, power)
        addresses = (address(weight), address(bias), address(power))
        sizes = (padded(plan.fan_in), padded(plan.fan_out), plan.style_at, plan.index * self._scales[1])
        return _Style(*addresses, gain, plan.ws_index, *sizes)

    def __call__(self, ws: Tensor) -> tuple[Tensor, Tensor]:
        """Return new tensors; what lies between the layers in them is not set."""
        ws = ws.float().contiguous()
        styles, scales = torch.empty(self._size), torch.empty(self._scales)
        styles[-1] = 0.0
        out = (address(styles), address(scales), address(self._square))
        self._library.vj_styles(address(ws), ws.shape[1], self._layers, len(self._layers), *out, self._threads)
        return styles, scales
