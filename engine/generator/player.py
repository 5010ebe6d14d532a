"""A model as the loop sees it: ws in, a finished uint8 frame out, on the device that it was made on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.contracts import NoiseMode
from engine.borders.errors import UserError
from engine.borders.keying import Keying
from engine.borders.params import Param, Params
from engine.borders.tick import Tick
from engine.generator import directions
from engine.generator.attributes.sliders import Sliders
from engine.generator.backends import memory
from engine.generator.backends.blocks import Blocks
from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.calibration.calibration import Calibration
from engine.generator.networks.network import Network
from engine.generator.noise import Noise
from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.map_sizes import MapSizes

SETTLED = 0.5  # seconds; a layer that stays that long on a block that is not painted is told


class Player(ABC):
    """What every model has in common: its network's sizes, the way into W, and what moves by itself."""

    rows: tuple[Param, ...] = ()
    device_seconds: float | None = None
    blocks: Blocks | None = None  # the backend's, where the frame is made block by block

    def __init__(self, network: Network, aspect: Fraction | None = None) -> None:
        """``network`` lies on the device that it plays on; frames are cut to ``aspect``, width / height."""
        self.network, self.device = network, network.device
        self.resolution = self.model_resolution = network.resolution
        self.num_ws, self.w_dim, self.z_dim, self.c_dim = network.num_ws, network.w_dim, network.z_dim, network.c_dim
        self.warps, self.noise = FeatureWarps(network.bends, self.device), Noise()
        self.aspect = aspect  # what frames are cut to; None: all that is painted
        if network.c_dim > 1:
            self.rows = (label_row(network.c_dim),)
        self.keying = Keying(own=network.img_channels == 4)
        self._sliders: Sliders | None = None
        self._notes: list[str] = []
        self._last: tuple[Params, float] | None = None  # of the last frame: what it was bent by, and its time
        # By warp that plays on another block than asked for: what is asked for, and since when, seconds of the show.
        self._asked: dict[str, tuple[float, float]] = {}
        self._told: set[tuple[str, int]] = set()  # warps and blocks that a line told of

    @property
    @abstractmethod
    def backend(self) -> str:
        """What plays it at the moment, by its name in table.BACKENDS."""

    @property
    @abstractmethod
    def precision(self) -> str:
        """What the convolutions are multiplied in: fp32, bf16 or fp16."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """The resolutions that `set_resolution` takes in mid-show, ascending."""

    @property
    def has_w(self) -> bool:
        """Whether its network maps z to a space of its own."""
        return self.network.has_w

    @property
    def w_avg(self) -> NDArray[np.float32]:
        """The mean of w [w_dim]: where truncation leads to."""
        return np.asarray(self.network.w_avg.float().cpu().numpy())

    def __call__(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> Tensor:
        """Return the frame at ``tick``, uint8 RGBA [H, W, 4], for ``ws`` [num_ws, w_dim]; not to be changed."""
        self._last = params, tick.time
        self.noise.advance(params, tick.dt)
        if self.warps.resolutions:
            self.warps.begin(params, tick.time, tick.dt)
        if self.warps.snapped or self._asked:
            self._tell_snapped(params, tick)
        return self._paint(ws, params)

    def pass_by(self, params: Params, tick: Tick) -> Mapping[int, frozenset[float]]:
        """Move on to ``tick`` without a frame; return the times of the frames whose maps its frame would show.

        They go by the place of the warp that shows, see Shown.
        """
        self.noise.advance(params, tick.dt)
        if not self.warps.resolutions:
            return {}
        if not self.warps.map_bytes:
            sizes = MapSizes(self.warps.resolutions, self.device)
            with self.bent_by(sizes):
                self._probe(np.repeat(self.w_avg[None], self.num_ws, axis=0), params)
            self.warps.map_bytes.update(sizes.map_bytes)
        self.warps.begin(params, tick.time, tick.dt)
        return self.warps.sees()

    def _probe(self, ws: NDArray[np.float32], params: Params) -> None:
        """Run a frame for the warps to see its maps."""
        self._paint(ws, params)

    @abstractmethod
    def _paint(self, ws: NDArray[np.float32], params: Params) -> Tensor:
        """Return the frame; noise and warps are where this frame has them."""

    @abstractmethod
    def image(self, ws: Tensor, noise_mode: NoiseMode = "const", generator: torch.Generator | None = None) -> Tensor:
        """Return the raw float image [N, C, H, W], about -1..1, unclamped, for ``ws`` [N, num_ws, w_dim].

        No warps. ``noise_mode`` is "const", "none" or "random", drawn from ``generator``.
        """

    @torch.inference_mode()
    def map(self, z: NDArray[np.floating], c: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
        """Return the untruncated ws [n, num_ws, w_dim] of ``z`` [n, z_dim] and labels ``c`` [n, c_dim]."""
        labels = None if c is None else torch.as_tensor(c, dtype=torch.float32, device=self.device)
        ws = self.network.map(torch.as_tensor(z, dtype=torch.float32, device=self.device), labels)
        return np.asarray(ws.cpu().numpy(), dtype=np.float32)

    def truncate(self, ws: NDArray[np.float32], psi: float) -> NDArray[np.float32]:
        """Return ``ws`` [n, num_ws, w_dim] drawn towards w_avg as the file's own program does; psi 1 leaves them."""
        if psi == 1.0:
            return ws
        return np.asarray(self.network.truncate(torch.from_numpy(ws).to(self.device), psi).cpu().numpy())

    def directions(self, kind: str) -> NDArray[np.float32]:
        """Return the directions [8, w_dim] of ``kind``, "sefa" or "ganspace"; finding them takes seconds."""
        return directions.find(kind, self.network)

    def bring(self, sliders: Sliders) -> None:
        """Play the model's own attributes; their rows come with them."""
        self._sliders = sliders
        self.rows = (*self.rows, *sliders.rows)

    def key_by(self, keying: Keying) -> None:
        """Take what is known of the background that the model paints."""
        self.keying = keying

    def slide(self, ws: NDArray[np.floating], params: Params) -> NDArray[np.float64]:
        """Return ``ws`` [num_ws, w_dim] moved by the model's own attributes; as they are while these are at rest."""
        return np.asarray(ws, dtype=np.float64) if self._sliders is None else self._sliders(ws, params)

    def reach(self, warps: Iterable[str]) -> None:
        """Make ready that these warps may bend any frame from now on: a preset can switch them on."""
        if self.network.bends:
            self.warps.keep(warps)

    def cut(self) -> None:
        """Begin anew: the next frame shows nothing of what moved by itself before."""
        self.noise.reset()
        self.warps.reset()

    def set_resolution(self, resolution: int | None) -> None:
        """Render ``resolution`` pixels from the next frame on; None: all of the model. UserError lists the sizes."""
        self.resolution = check_resolution(resolution, self.network.stops)
        self.warps.resolutions = tuple(r for r in self.network.bends if r <= self.resolution)

    @contextmanager
    def bent_by(self, warps: FeatureWarps) -> Iterator[None]:
        """Bend frames by ``warps`` instead of the player's own, inside the block."""
        own, self.warps = self.warps, warps
        try:
            yield
        finally:
            self.warps = own

    def prepared(self) -> Prepared:
        """Return the network as the fast backends prepare it; for networks of modulated blocks."""
        return prepare(self.network)

    @abstractmethod
    def calibrate(self, now: Calibration | None, fit: Callable[[], Calibration] | None = None) -> None:
        """Make reduced pictures look like the whole ones by ``now`` (None: leave them), later by ``fit`` if given."""

    @abstractmethod
    def prepare_sizes(self, sizes: Sequence[int]) -> None:
        """Make ready what frames of ``sizes`` need beside the present one's."""

    @abstractmethod
    def work(self, resolution: int) -> float:
        """Return the cost of a frame at ``resolution`` as a share of the whole model's."""

    @abstractmethod
    def relieve(self) -> None:
        """Give back the memory that larger frames have left behind."""

    def advice(self) -> str:
        """Return in one line what to do when a frame does not fit into memory."""
        return memory.advice(self.network, self.resolution, str(self.device))

    @abstractmethod
    def settle(self, timeout: float | None = None) -> None:
        """Wait until whatever is being built beside the show is in place."""

    def note(self, line: str) -> None:
        """Keep ``line`` for the performer; callable from any thread."""
        self._notes.append(line)

    def take_notes(self) -> tuple[str, ...]:
        """Return what the performer should know since the last call, a line each."""
        taken = tuple(self._notes)
        del self._notes[: len(taken)]  # another thread may add one meanwhile
        return taken

    def _tell_snapped(self, params: Params, tick: Tick) -> None:
        """Note the warps that play on another block than asked for, each block once.

        In a morph a layer glides through values that are no block; these pass soon and are not told.
        """
        asked: dict[str, tuple[float, float]] = {}
        for name, layer in self.warps.snapped.items():
            wanted, since = params[f"{name}.layer"], tick.time
            if name in self._asked and self._asked[name][0] == wanted:
                since = min(since, self._asked[name][1])
            asked[name] = wanted, since
            if tick.time - since >= SETTLED and (name, layer) not in self._told:
                self._told.add((name, layer))
                self.note(f"{name}.layer = {wanted:g}: no such block is painted; plays at {layer} px")
        self._asked = asked


def label_row(classes: int) -> Param:
    """Return the parameter that a conditional model brings."""
    return Param("label", 0.0, 0.0, classes - 1.0, "", "the model's class; between two whole numbers it blends them")


def check_resolution(wanted: int | None, stops: tuple[int, ...]) -> int:
    """Return the render resolution; UserError with the list when the model cannot stop there."""
    if wanted is None or wanted == stops[-1]:
        return stops[-1]
    if len(stops) == 1:
        raise UserError(f"--resolution {wanted}: this model only paints at its full {stops[-1]} pixels")
    if wanted not in stops:
        listed = ", ".join(map(str, stops))
        raise UserError(f"--resolution {wanted}: this model renders at {listed} pixels; choose one of these")
    return wanted
