"""Trained networks that others have published, run from the user's own weights: Inception-v3 and VGG16.

The networks' shapes are read from the weights, layer by layer; the layout is Inception-v3's (Szegedy et al.,
arXiv:1512.00567) with the pooling that FID's original weights need, and VGG16's (arXiv:1409.1556). A TorchScript
file is run as it is. Nothing is downloaded.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.borders.errors import UserError

State = dict[str, Tensor]
BROKEN = (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError)
VGG = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))  # convolutions by stage, as torchvision numbers them
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # as LPIPS has them, for pictures of -1..1


def read(path: Path) -> Any:
    """A TorchScript module or a state_dict. UserError when it is neither."""
    try:
        return torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except BROKEN:
        pass
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, dict) and all(isinstance(value, Tensor) for value in state.values()):
            return state
    except BROKEN:
        pass
    raise UserError(f"{path}: neither TorchScript nor a state_dict of tensors")


class Inception:
    """Pictures [N,3,R,R], about -1..1 -> features [N, D], what FID compares (pool3; D is 2048)."""

    def __init__(self, path: Path) -> None:
        """UserError when the weights are not Inception-v3's."""
        self._weights = read(path)
        if isinstance(self._weights, dict) and "Mixed_7c.branch1x1.conv.weight" not in self._weights:
            raise UserError(f"{path}: not Inception-v3's weights (Mixed_7c.branch1x1.conv.weight is missing)")

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Look at pictures."""
        if isinstance(self._weights, dict):
            x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False)
            return self._pool3(x)
        levels = (x * 127.5 + 128).clamp(0, 255).to(torch.uint8)
        try:
            return self._weights(levels, return_features=True)  # type: ignore[no-any-return]
        except RuntimeError:  # a program without that switch
            return self._weights(levels).flatten(1)  # type: ignore[no-any-return]

    def _conv(self, x: Tensor, name: str, stride: int = 1, same: bool = True) -> Tensor:
        w = self._weights
        kernel = w[f"{name}.conv.weight"]
        pad = (kernel.shape[2] // 2, kernel.shape[3] // 2) if same else (0, 0)
        x = F.conv2d(x, kernel, stride=stride, padding=pad)
        mean, variance, gain, bias = (
            w[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.relu(F.batch_norm(x, mean, variance, gain, bias, eps=1e-3))

    def _chain(self, x: Tensor, block: str, *names: str) -> Tensor:
        for name in names:
            x = self._conv(x, f"{block}.{name}")
        return x

    def _pool3(self, x: Tensor) -> Tensor:
        for name, stride, same in (("1a_3x3", 2, False), ("2a_3x3", 1, False), ("2b_3x3", 1, True)):
            x = self._conv(x, f"Conv2d_{name}", stride, same)
        x = self._conv(self._conv(F.max_pool2d(x, 3, 2), "Conv2d_3b_1x1"), "Conv2d_4a_3x3", same=False)
        x = F.max_pool2d(x, 3, 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._mix(x, name, ("branch1x1",), _numbered("branch5x5", 2), _numbered("branch3x3dbl", 3))
        x = self._shrink(x, "Mixed_6a", (), "branch3x3", _numbered("branch3x3dbl", 2), "branch3x3dbl_3")
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._mix(x, name, ("branch1x1",), _numbered("branch7x7", 3), _numbered("branch7x7dbl", 5))
        x = self._shrink(x, "Mixed_7a", ("branch3x3_1",), "branch3x3_2", _numbered("branch7x7x3", 3), "branch7x7x3_4")
        x = self._fork(x, "Mixed_7b", _average)
        x = self._fork(x, "Mixed_7c", lambda y: F.max_pool2d(y, 3, 1, 1))
        return x.mean(dim=(2, 3))

    def _mix(self, x: Tensor, block: str, *branches: Sequence[str]) -> Tensor:
        ways = [self._chain(x, block, *names) for names in branches]
        return torch.cat([*ways, self._chain(_average(x), block, "branch_pool")], dim=1)

    def _shrink(
        self, x: Tensor, block: str, before: Sequence[str], last: str, long: Sequence[str], long_last: str
    ) -> Tensor:
        one = self._conv(self._chain(x, block, *before), f"{block}.{last}", 2, same=False)
        two = self._conv(self._chain(x, block, *long), f"{block}.{long_last}", 2, same=False)
        return torch.cat([one, two, F.max_pool2d(x, 3, 2)], dim=1)

    def _fork(self, x: Tensor, block: str, pool: Callable[[Tensor], Tensor]) -> Tensor:
        one = self._chain(x, block, "branch3x3_1")
        two = self._chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2")
        forks = [self._chain(y, block, f"{name}{side}") for y, name in ((one, "branch3x3_2"), (two, "branch3x3dbl_3"))
                 for side in "ab"]  # fmt: skip
        ends = [self._chain(x, block, "branch1x1"), *forks, self._chain(pool(x), block, "branch_pool")]
        return torch.cat(ends, dim=1)


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}_{i + 1}" for i in range(count)]


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class Lpips:
    """The perceptual distance of pictures [N,3,R,R], about -1..1: [N]. Smaller pictures than 32 px are enlarged.

    From a state_dict: torchvision's VGG16 (features.N.weight) with LPIPS's own linear layers
    (linN.model.1.weight) beside it in one file; without them every feature counts alike, and `weighted` is False.
    """

    def __init__(self, path: Path) -> None:
        """UserError when the weights are not VGG16's."""
        self._weights = read(path)
        self.weighted = not isinstance(self._weights, dict) or "lin0.model.1.weight" in self._weights
        if isinstance(self._weights, dict) and "features.28.weight" not in self._weights:
            raise UserError(f"{path}: not VGG16's weights (features.28.weight is missing)")

    @torch.no_grad()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare picture by picture."""
        if a.shape[-1] < 32:
            a, b = (F.interpolate(x, size=(32, 32), mode="bilinear", align_corners=False) for x in (a, b))
        if not isinstance(self._weights, dict):
            fa, fb = (
                self._weights(x * 127.5 + 127.5, resize_images=False, return_lpips=True).flatten(1) for x in (a, b)
            )
            return (fa - fb).square().sum(dim=1)  # type: ignore[no-any-return]
        distance = torch.zeros(len(a))
        for stage, (xa, xb) in enumerate(zip(self._stages(a), self._stages(b), strict=True)):
            apart = (F.normalize(xa, dim=1, eps=1e-10) - F.normalize(xb, dim=1, eps=1e-10)).square()
            weight = self._weights.get(f"lin{stage}.model.1.weight")
            felt = apart.sum(dim=1, keepdim=True) if weight is None else F.conv2d(apart, weight)
            distance += felt.mean(dim=(1, 2, 3))
        return distance

    def _stages(self, x: Tensor) -> list[Tensor]:
        shift, scale = (torch.tensor(v)[None, :, None, None] for v in (SHIFT, SCALE))
        x, found = (x - shift) / scale, []
        for stage, layers in enumerate(VGG):
            x = F.max_pool2d(x, 2) if stage else x
            for i in layers:
                kernel, bias = (self._weights[f"features.{i}.{what}"] for what in ("weight", "bias"))
                x = F.relu(F.conv2d(x, kernel, bias, padding=1))
            found.append(x)
        return found
