"""A layer's pointwise work on a GPU as one compiled kernel each. NOT YET RUN ON A GPU (benchmarks/gpu_check)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.borders.errors import first_line, out_of_memory
from engine.generator.backends.eager import EagerBlocks, EagerLayer
from engine.generator.backends.prepare import SLOPES, LayerPlan

# Shapes that torch.compile may have of one function, in the whole process. Its own limit of 8 leaves the ninth, which
# is the largest layer, without a kernel.
SHAPES = 256
# Inductor keeps a value in memory that is read four times; these let it be computed again inside one kernel.
ONE_KERNEL = {"realize_reads_threshold": 128, "realize_acc_reads_threshold": 256, "realize_opcount_threshold": 100_000}


def finish(
    y: Tensor, scale: Tensor | None, bias: Tensor | None, noise: Tensor | None, slope: float, clamp: float | None
) -> Tensor:
    """One pass instead of five once it is compiled: scale, bias, noise, leaky ReLU, clamp, in fp32 registers."""
    z = y.float()
    if scale is not None:
        z = z * scale.float()[None, :, None, None]
    if bias is not None:
        z = z + bias.float()[None, :, None, None]
    if noise is not None:
        z = z + noise.float()
    z = torch.where(z > 0, z, z * slope)
    return (z if clamp is None else z.clamp(-clamp, clamp)).to(y.dtype)


def finish_up(
    y: Tensor, taps: Tensor, scale: Tensor, bias: Tensor, noise: Tensor | None, slope: float, clamp: float | None
) -> Tensor:
    """`finish` of a bare transposed convolution y [1, O, 2h+1, 2w+1] through the 4x4 FIR: a stencil, no extra pass."""
    height, width = y.shape[2] - 1, y.shape[3] - 1
    wide = F.pad(y, (1, 1, 1, 1)).float()
    rows = [wide[:, :, i : i + height] for i in range(4)]
    down = rows[0] * taps[0] + rows[1] * taps[1] + rows[2] * taps[2] + rows[3] * taps[3]
    columns = [down[:, :, :, i : i + width] for i in range(4)]
    z = columns[0] * taps[4] + columns[1] * taps[5] + columns[2] * taps[6] + columns[3] * taps[7]
    return finish(z, scale, bias, noise, slope, clamp).to(y.dtype, memory_format=torch.channels_last)


class FusedLayer(EagerLayer):
    """A layer whose pointwise work is one compiled kernel; falls back to the plain operators for good on failure."""

    compiled = (finish, finish_up)

    def __init__(self, plan: LayerPlan, dtype: torch.dtype) -> None:
        from engine.generator.backends.native.native_layers import separable

        super().__init__(plan, dtype)
        self.fold, self.low_scale = False, False  # the kernels take the scale in fp32
        self.stencil = separable(plan.fir) if plan.kind == "up" else None

    def finish(self, y: Tensor, scale: Tensor | None, bias: Tensor | None, noise: Tensor | None) -> Tensor:
        """See EagerLayer."""
        slope = SLOPES.get(self.plan.activation)
        if slope is None:
            return super().finish(y, scale, bias, noise)
        return type(self).compiled[0](y, scale, bias, noise, slope, self.clamp)

    def finish_up(self, y: Tensor, scale: Tensor, bias: Tensor, noise: Tensor | None) -> Tensor:
        """See EagerLayer."""
        slope = SLOPES.get(self.plan.activation)
        if slope is None or self.stencil is None:
            return super().finish_up(y, scale, bias, noise)
        return type(self).compiled[1](y, self.stencil, scale, bias, noise, slope, self.clamp)


def fuse(blocks: EagerBlocks) -> None:
    """Let every layer's pointwise work be done by one kernel each."""
    blocks.convs = [[FusedLayer(layer.plan, layer.dtype) for layer in block] for block in blocks.convs]


def compiled() -> None:
    """Let the kernels of FusedLayer be compiled when they are first called."""
    import torch._dynamo

    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, SHAPES)
    FusedLayer.compiled = (
        torch.compile(finish, dynamic=False),
        torch.compile(finish_up, dynamic=False, options=dict(ONE_KERNEL)),
    )


def limit_hits() -> int:
    """Return how many shapes were left without a kernel because torch.compile's limit was reached."""
    import torch._dynamo.utils

    unfused: dict[str, int] = torch._dynamo.utils.counters["unimplemented"]
    return sum(count for reason, count in unfused.items() if "recompile_limit" in reason)


def try_fusing(blocks: EagerBlocks, paint: Callable[[], object]) -> str | None:
    """Compile the kernels by running ``paint``, a frame of ``blocks``; where that fails, play with plain operators.

    Return a line of what went wrong, or None.
    """
    plain = blocks.convs
    try:
        compiled()
        fuse(blocks)
        with torch.inference_mode():
            paint()
    except Exception as error:  # a compiler's launcher raises what it likes, at the first call as well
        if out_of_memory(error):
            raise
        blocks.convs = plain
        return f"plays without fused kernels: {first_line(error)}"
    return f"{hits} shapes have no fused kernel" if (hits := limit_hits()) else None
