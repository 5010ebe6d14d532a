"""Channels: scales some of a layer's channels, chosen at random or by their likeness to one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.borders.params import Param, Params
from engine.generator.warps.state import Fitted, Grab, Setup, State, as_weight
from engine.generator.warps.warp import MapWarp, Phases, Scalar, Scalars, layer

if TYPE_CHECKING:
    from torch import Tensor


class Selection:
    """The channels that are scaled: a random share, or those most like one channel."""

    def __init__(self, like: Tensor, seed: float) -> None:
        """For maps ``like`` [N,C,H,W], ordered by lot with ``seed``."""
        import torch

        channels = like.shape[1]
        self._rank = torch.zeros(channels, device=like.device)  # 0..1, the chosen ones lowest
        self._channel = torch.arange(channels, device=like.device)
        self.random(seed)

    def random(self, seed: float) -> None:
        """Order the channels by lot. It is done on the host: a seed gives the same order on every device.

        Not inside a captured frame; the device is not waited for.
        """
        import torch

        with torch.inference_mode():
            spread = ((torch.arange(len(self._rank), device="cpu") + 1) * 12.9898 + seed * 78.233).sin() * 437.585
            order, there = spread.frac().abs(), self._rank.device.type == "cuda"
            self._rank.copy_(order.pin_memory() if there else order, non_blocking=there)

    def like(self, x: Tensor, channel: Scalar, grab: Scalar) -> None:
        """Order them by how closely their maps in x follow channel number ``channel`` (1..C) now, if ``grab``.

        A cluster of features, after Broad et al., found by the correlation of what the maps show.
        """
        maps = x[0].float().flatten(1)
        maps = maps - maps.mean(dim=1, keepdim=True)
        maps = maps * (maps.square().sum(dim=1, keepdim=True) + 1e-12).rsqrt()
        last = len(self._channel)
        wanted = min(channel, last) if isinstance(channel, (int, float)) else channel.clamp(max=last)
        chosen = (self._channel + 1 == wanted).float()
        alike = (maps @ (chosen @ maps)).abs()
        rank = alike.argsort(descending=True).argsort().float() / len(self._channel)
        self._rank.lerp_(rank, as_weight(grab, rank))

    def scale(self, x: Tensor, gain: Scalar, share: Scalar) -> Tensor:
        """Return x with the chosen ``share`` of its channels multiplied by ``gain``."""
        factor = 1.0 + (self._rank < share) * (gain - 1.0)
        return x * factor.to(x.dtype)[None, :, None, None]


class Scaled(State):
    """The channels chosen at every layer. ``variant`` is whether they are chosen by likeness."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.scalars["channels.grab"] = 0.0
        self._grab, self._alike, self._seed = Grab(), False, 0.0
        self._selections = Fitted(Selection)
        self._grabbed_at = 0.0  # seconds

    def begin(self, params: Params, time: float) -> None:
        """See State. Channels are compared in the first frame, and ordered by lot when the seed has changed."""
        alike, seed = params["channels.like"] > 0.0, params["channels.seed"]
        if not alike and (self._alike or seed != self._seed):
            for selection in self._selections.values():
                selection.random(seed)
        self._seed, self.variant = seed, alike
        self._alike = alike
        self.scalars["channels.grab"] = grab = self._grab((params["channels.layer"], params["channels.like"]))
        if grab:
            self._grabbed_at = time

    def sees(self) -> tuple[float, ...]:
        """See State: the frame in which channels were compared."""
        return (self._grabbed_at,) if self._alike else ()

    def __call__(self, layer: int, x: Tensor, img: Tensor | None, k: Scalars) -> tuple[Tensor, Tensor | None]:
        """See State. The RGB has no channels of the layer, and stays."""
        selection = self._selections(layer, "x", x, self._seed)
        if self._alike:
            selection.like(x, k["channels.like"], k["channels.grab"])
        return selection.scale(x, k["channels.gain"], k["channels.share"]), img

    def end(self, layer: int) -> bool:
        """See State. The selection is small, and stays."""
        self._grab.forget()
        return False

    def reset(self) -> None:
        """See State."""
        self._grab.forget()


def is_on(params: Params, phases: Phases) -> bool:
    """Return whether any channel is scaled by anything but 1."""
    return (params["channels.gain"] - 1.0) * params["channels.share"] != 0.0


def scalars(params: Params, phases: Phases) -> dict[str, float]:
    """Return the knobs as they are."""
    return {name: params[name] for name in ("channels.gain", "channels.share", "channels.like")}


CHANNELS = MapWarp(
    name="channels",
    rows=(
        layer("channels", "block whose channels are scaled"),
        Param("channels.gain", 1.0, -4.0, 4.0, "x", "1 as is, 0 ablated, negative inverted"),
        Param("channels.share", 0.25, 0.0, 1.0, "", "share of the channels that are scaled"),
        Param("channels.seed", 0.0, 0.0, 999.0, "", "seed of the random choice", whole=True),
        Param("channels.like", 0.0, 0.0, 1024.0, "", "0 at random; n those most like channel n", whole=True),
    ),
    switch=is_on,
    example={"channels.gain": 0.0},
    scalars=scalars,
    state=Scaled,
)
