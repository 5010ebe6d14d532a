"""One network a style (Johnson et al., arXiv:1603.08155), as pytorch/examples' fast_neural_style has it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from engine.stage.style.trunk import Affine, Convolution, Trunk

RESIDUALS = 5  # pairs of convolutions in the middle


class TransformerNet(nn.Module):
    """A trunk whose normalisations have a scale and a shift of their own. In and out: RGB 0..255, out not clamped."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """``tensors`` by the program's names, conv1.conv2d.weight …; KeyError and ValueError where they make none."""
        super().__init__()

        def layer(name: str, stride: int = 1, up: int = 1) -> Convolution:
            return Convolution(tensors[f"{name}.conv2d.weight"], tensors[f"{name}.conv2d.bias"], stride, up)

        pairs = [(layer(f"res{i}.conv1"), layer(f"res{i}.conv2")) for i in range(1, RESIDUALS + 1)]
        self.trunk = Trunk(
            [layer("conv1"), layer("conv2", stride=2), layer("conv3", stride=2)],
            pairs,
            [layer("deconv1", up=2), layer("deconv2", up=2), layer("deconv3")],
            squash=False,
        )
        norms = ["in1", "in2", "in3", *(f"res{i}.in{j}" for i in range(1, RESIDUALS + 1) for j in (1, 2)), "in4", "in5"]
        self.scales = nn.ParameterList(nn.Parameter(tensors[f"{name}.weight"].float()) for name in norms)
        self.shifts = nn.ParameterList(nn.Parameter(tensors[f"{name}.bias"].float()) for name in norms)

    def forward(self, image: Tensor) -> Tensor:
        """Return the painted image; sides grow to multiples of 4."""
        affine: list[Affine | None] = [(g[None], b[None]) for g, b in zip(self.scales, self.shifts, strict=True)]
        painted: Tensor = self.trunk(image, [*affine, None])
        return painted
