"""The path through latent space: the position on the loop, and the ws of each frame."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.latent.spring import Spring
from engine.latent.traveller import Array, Travel, Traveller, ease

# Rows of ws; StyleGAN's ranges of layers (Karras et al. 2019, figure 3): 4 to 8 px, 16 to 32 px, and the rest.
RANGES = {"coarse": slice(0, 4), "middle": slice(4, 8), "fine": slice(8, None)}
Relabel = Callable[[float], Sequence[NDArray[np.floating] | None]]  # a label -> its points, of both travellers
Slide = Callable[[Array, Params], Array]  # ws [num_ws, w_dim] and the parameters -> ws
JOIN_SECONDS = 2.0  # s; within which the way changes over where a point joins it
DIRECTIONS = tuple(f"direction.{i}" for i in range(1, 9))


class Path:
    """Moves along a closed spline through latent space, at the speed that the parameters give.

    A spring follows the point on the spline, unless its stiffness is 0. The result is truncated, each range of layers
    by its own parameter (Karras et al. 2019, appendix B), and the directions are added. ``t`` is the position on the
    loop, 0..1.
    """

    def __init__(
        self,
        points: NDArray[np.floating],
        w_avg: NDArray[np.floating],
        t: float = 0.0,
        *,
        travel: Travel = Travel(),  # noqa: B008 - frozen
        to_w: Callable[[Array], NDArray[np.floating]] | None = None,
        mix_points: NDArray[np.floating] | None = None,
        directions: NDArray[np.floating] | None = None,
        truncated: bool = True,
        relabel: Relabel | None = None,
        label: float = 0.0,
        slide: Slide | None = None,
    ) -> None:
        """``points`` [n, num_ws, w_dim] are untruncated, ``w_avg`` is [w_dim], ``t`` is the start on the loop.

        With ``to_w`` the points are of another space (z [n, z_dim]); it maps one to ws [num_ws, w_dim], once a frame.
        ``mix_points`` are the second traveller's, in the same space. ``directions`` [k, w_dim] or [k, num_ws, w_dim],
        k <= 8, are one standard deviation long. Without ``truncated`` the truncation parameters do nothing.
        ``relabel`` is told the parameter ``label`` when it is no longer ``label``. ``slide`` moves the frame's ws
        [num_ws, w_dim] by the model's own attributes, behind truncation and directions. Raises ValueError for shapes
        that do not fit and for numbers that are not finite.
        """
        self._w_avg = np.asarray(w_avg, dtype=np.float64)
        self._first = Traveller(points, travel, t, to_w)
        self._second = None if mix_points is None else Traveller(mix_points, travel, t, to_w)
        self._directions = np.zeros((0, 1, len(self._w_avg)))
        if directions is not None:
            given = np.asarray(directions, dtype=np.float64)
            self._directions = given[:, None] if given.ndim == 2 else given
            if given.ndim not in (2, 3) or len(given) > len(DIRECTIONS) or not np.isfinite(given).all():
                raise ValueError(f"directions have shape {given.shape}, wanted up to 8 of [w_dim], all finite")
        self._truncated, self._relabel, self._label = truncated, relabel, label
        self._slide = slide
        self._spring = Spring()
        self._to_w = to_w
        self._joining: list[tuple[Array, bool, bool]] = []  # points that wait for their place: replace, now
        self._left: tuple[Traveller, float] | None = None  # the way before a point joined, and the seconds since
        self._point, self._next = 0.0, 0.0  # the last jump.point and jump.next
        self._last: tuple[Array, Array] | None = None

    def join(self, point: NDArray[np.floating], *, replace: bool = False, now: bool = False) -> bool:
        """Make ``point`` [num_ws, w_dim], untruncated, the next one; return False where the way leads through z.

        ``replace``: in the next one's place. ``now``: go there at once. Either way the picture moves over smoothly.
        """
        if self._to_w is not None and point.shape[0] != 1:
            return False
        place = np.asarray(point if self._to_w is None else point[0], dtype=np.float64)
        self._joining.append((place, replace, now))
        return True

    @property
    def t(self) -> float:
        """Return the first traveller's position on the loop, 0..1."""
        return self._first.t

    @property
    def phases(self) -> tuple[float, ...]:
        """Return where the travellers are: what `stand` takes."""
        return tuple(each.phase for each in (self._first, self._second) if each is not None)

    def stand(self, phases: Sequence[float], params: Params) -> None:
        """Take up where another path stood. Jumps that ``params`` ask for were made there."""
        for traveller, phase in zip((self._first, self._second), phases, strict=False):
            if traveller is not None:
                traveller.stand(phase)
        self._point, self._next = params["jump.point"], params["jump.next"]

    @property
    def point(self) -> NDArray[np.float32]:
        """Return the frame's untruncated w, float32 [num_ws, w_dim]: truncated as in this frame, it is this picture.

        Raises ValueError before the first frame.
        """
        if self._last is None:
            raise ValueError("the path has no point before its first frame")
        ws, psi = self._last
        whole = np.where(np.abs(psi) > 1e-3, psi, 1.0)
        return np.asarray(self._w_avg + (ws - self._w_avg) / whole, dtype=np.float32)

    def __call__(self, params: Params, tick: Tick) -> NDArray[np.float32]:
        """Move on by speed x dt and return the ws, float32 [num_ws, w_dim]."""
        return np.asarray(self.travel(params, tick), dtype=np.float32)

    def travel(self, params: Params, tick: Tick) -> Array:
        """Move on by speed x dt and return the ws as they are worked out, float64 [num_ws, w_dim]."""
        self._heed_label(params)
        self._take_joining()
        w = self._first.advance(params["speed"] * tick.dt, tick.dt)
        if self._jump(params):
            w = self._first.advance(0.0, 0.0)
            cut = params["jump.glide"] <= 0.0
        else:
            cut = False
        w = self._faded(w, params, tick)
        if self._second is not None:
            other = self._second.advance(params["mix.speed"] * tick.dt, tick.dt)
            w = w + _by_range(params, "mix", len(w)) * (other - w)
        w = self._spring(w, params["spring.stiffness"], params["spring.damping"], tick.dt, cut)
        psi = np.ones((len(w), 1))
        if self._truncated:
            psi = params["truncation_psi"] * _by_range(params, "truncation", len(w))
        ws = self._w_avg + psi * (w - self._w_avg)
        for name, direction in zip(DIRECTIONS, self._directions, strict=False):
            if params[name] != 0.0:
                ws = ws + params[name] * direction
        if self._slide is not None:
            ws = self._slide(ws, params)
        self._last = (ws, psi)
        return ws

    def _take_joining(self) -> None:
        """Give the first point that waits its place on the way, unless one has just got its own."""
        if not self._joining or self._left is not None:
            return
        point, replace, now = self._joining.pop(0)
        before, self._first = self._first, self._first.with_point(point, replace=replace)
        self._left = (before, 0.0)
        if now:
            self._first.next(0.0)

    def _faded(self, w: Array, params: Params, tick: Tick) -> Array:
        """Return w, led over from where the way before leads on."""
        if self._left is None:
            return w
        before, since = self._left[0], self._left[1] + tick.dt
        old = before.advance(params["speed"] * tick.dt, tick.dt)
        self._left = None if since >= JOIN_SECONDS else (before, since)
        return old + ease(min(since / JOIN_SECONDS, 1.0)) * (w - old)

    def _heed_label(self, params: Params) -> None:
        """Travel through the points of another class where the parameter asks for it."""
        if self._relabel is None or (label := params.get("label", self._label)) == self._label:
            return
        self._label = label
        for traveller, points in zip((self._first, self._second), self._relabel(label), strict=False):
            if traveller is not None and points is not None:
                traveller.renew(points)

    def _jump(self, params: Params) -> bool:
        """Jump when a jump parameter rises; return whether one did."""
        point, rising = params["jump.point"], params["jump.next"]
        glide = params["jump.glide"]
        jumped = True
        if point != self._point and point >= 1.0:
            self._first.jump(int(point) - 1, glide)
        elif rising > 0.5 >= self._next:
            self._first.next(glide)
        else:
            jumped = False
        self._point, self._next = point, rising
        return jumped


def _by_range(params: Params, name: str, num_ws: int) -> Array:
    """Return the coarse, middle and fine values of the parameters ``name`` on their rows [num_ws, 1]."""
    rows = np.empty((num_ws, 1))
    for part, where in RANGES.items():
        rows[where] = params[f"{name}.{part}"]
    return rows


def digest(ws: NDArray[np.float32]) -> str:
    """Return a digest of the exact bits of ``ws``: blake2b, 8 bytes, in hex."""
    return hashlib.blake2b(np.ascontiguousarray(ws).tobytes(), digest_size=8).hexdigest()
