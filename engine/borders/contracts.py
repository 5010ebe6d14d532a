"""The contracts between parts: all that is called on ears, hands, cues, a path, a model, a window or an output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.borders.controls import Controls, Searched
from engine.borders.cue import Ready
from engine.borders.features import AudioFeatures
from engine.borders.keying import Keying
from engine.borders.params import Param, Params, Table
from engine.borders.place import Place
from engine.borders.tick import Tick

if TYPE_CHECKING:
    import moderngl
    import torch
    from torch import Tensor


Frame: TypeAlias = (
    "Tensor"  # a finished picture: uint8 RGBA [H, W, 4] on the model's device; its alpha may be the model's
)
Drawn: TypeAlias = "moderngl.Framebuffer"  # the finished picture, as the compositor has drawn it
Pixels: TypeAlias = NDArray[np.uint8]  # the finished picture as it is read back: [H, W, 4], top row first
NoiseMode: TypeAlias = Literal["const", "none", "random"]  # StyleGAN's per-pixel noise: stored, none, or drawn


class Ears(Protocol):
    """A source of sound, already analysed."""

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return what was heard up to ``tick``; its ``recent`` holds every hop since the last call."""
        ...

    def close(self) -> None:
        """Release the device."""
        ...


class Playback(Protocol):
    """A song that plays."""

    @property
    def position(self) -> float:
        """Return the seconds of the show that the speakers are at now; no seek makes it run backwards."""
        ...


class Hands(Protocol):
    """What the performer touches. Those that only read a keyboard or a log inherit the answers to everything else."""

    def read(self, tick: Tick) -> Controls:
        """Return where everything stands, and what was pressed and asked for since the last call."""
        ...

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the names of the open MIDI ports."""
        return ()

    @property
    def last_moved(self) -> str | None:
        """Return the last MIDI control that moved and where to, for people to read."""
        return None

    @property
    def learning(self) -> str | None:
        """Return the parameter that MIDI learn is for at present, None while nothing is learned."""
        return None

    @property
    def searching(self) -> Searched | None:
        """Return what is typed to find a preset, None while nothing is."""
        return None

    @property
    def learn_line(self) -> str:
        """Return what to say of learning, empty while nothing is learned."""
        return ""

    def take(self, table: Table) -> None:
        """Play on the rows of ``table`` from now on: a cue has changed them."""
        return

    def choose(self, target: str) -> None:
        """Take a parameter for MIDI learn, as when it is clicked on the panel."""
        return

    def set(self, name: str, value: float | None) -> None:
        """Set a parameter, as with the mouse on the panel, until panic; None lets go of it."""
        return

    def stand(self, controls: Controls, time: float) -> None:
        """Take up where everything stood in another show, at ``time`` on this one's clock."""
        return

    def lines(self) -> tuple[str, ...]:
        """Return what the wall says about the hands."""
        return ()

    def states(self) -> tuple[str, ...]:
        """Return the switches that are on, in a word each."""
        return ()


class Cues(Protocol):
    """What decides when another preset begins."""

    def poll(self, tick: Tick) -> Ready | None:
        """Return the change that begins at ``tick``, if one does; what it needs is loaded."""
        ...


class Path(Protocol):
    """A way through latent space."""

    @property
    def t(self) -> float:
        """Return the position on the loop, 0..1."""
        ...

    @property
    def phases(self) -> tuple[float, ...]:
        """Return where its travellers are: what `stand` takes."""
        ...

    def stand(self, phases: Sequence[float], params: Params) -> None:
        """Take up where another path stood, with ``params`` in force."""
        ...

    @property
    def point(self) -> NDArray[np.float32]:
        """Return the point [num_ws, w_dim] that, at this frame's truncation, is this frame's picture: to keep."""
        ...

    def join(self, point: NDArray[np.floating], *, replace: bool = False, now: bool = False) -> bool:
        """Make an untruncated point [num_ws, w_dim] the next one, or go there now; False where none can be taken."""
        ...

    def travel(self, params: Params, tick: Tick) -> NDArray[np.floating]:
        """Move on to ``tick`` and return the ws [num_ws, w_dim]."""
        ...


class Model(Protocol):
    """A generative model as it is played: ws in, a frame out, which stays on the model's device."""

    @property
    def num_ws(self) -> int:
        """How many w a frame is made from."""
        ...

    @property
    def w_dim(self) -> int:
        """Numbers in a w."""
        ...

    @property
    def z_dim(self) -> int:
        """Numbers in a z."""
        ...

    @property
    def c_dim(self) -> int:
        """Classes of a conditional model; 0 for one without."""
        ...

    @property
    def has_w(self) -> bool:
        """Whether it maps z to a space of its own; without, z with the label behind it is its w, never truncated."""
        ...

    @property
    def w_avg(self) -> NDArray[np.float32]:
        """The mean of w [w_dim]: where truncation leads to."""
        ...

    @property
    def rows(self) -> tuple[Param, ...]:
        """The parameters that this model brings to the table."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it plays and where its frames lie."""
        ...

    @property
    def backend(self) -> str:
        """What plays it at the moment, by the name that ``--backend`` takes."""
        ...

    @property
    def precision(self) -> str:
        """What it multiplies in: fp32, bf16 or fp16."""
        ...

    @property
    def model_resolution(self) -> int:
        """Pixels of the whole model's picture."""
        ...

    @property
    def resolution(self) -> int:
        """Pixels of the frames at present."""
        ...

    @property
    def sizes(self) -> tuple[int, ...]:
        """The resolutions that `set_resolution` takes in mid-show, ascending."""
        ...

    @property
    def aspect(self) -> Fraction | None:
        """Width / height that frames are cut to; None leaves the model's own shape."""
        ...

    @property
    def keying(self) -> Keying:
        """What is known of the background that it paints, and whether a frame's alpha is its own."""
        ...

    @property
    def device_seconds(self) -> float | None:
        """What a recent frame took on its device; None where only the caller's clock knows."""
        ...

    def __call__(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> Frame:
        """Return the frame at ``tick`` for ``ws`` [num_ws, w_dim], bent and with the noise that ``params`` say.

        What moves by itself moves on by ``tick.dt``. The frame is the caller's to keep until the next call.
        """
        ...

    def pass_by(self, params: Params, tick: Tick) -> Mapping[int, frozenset[float]]:
        """Move on to ``tick`` without a frame; return the times of the frames that its frame would still show.

        They go by place, see Shown.
        """
        ...

    def image(self, ws: Tensor, noise_mode: NoiseMode = "const", generator: torch.Generator | None = None) -> Tensor:
        """Return the raw float image [N, C, H, W], about -1..1, unclamped, for ``ws`` [N, num_ws, w_dim].

        Nothing bends it. ``generator`` draws the noise of "random".
        """
        ...

    def map(self, z: NDArray[np.floating], c: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
        """Return the untruncated ws [n, num_ws, w_dim] of ``z`` [n, z_dim] and labels ``c`` [n, c_dim]."""
        ...

    def truncate(self, ws: NDArray[np.float32], psi: float) -> NDArray[np.float32]:
        """Return ``ws`` [n, num_ws, w_dim] drawn towards w_avg as the file's own program does; psi 1 leaves them."""
        ...

    def directions(self, kind: str) -> NDArray[np.float32]:
        """Return the directions [8, w_dim] of ``kind``, "sefa" or "ganspace"; finding them takes seconds."""
        ...

    def slide(self, ws: NDArray[np.floating], params: Params) -> NDArray[np.float64]:
        """Return ``ws`` [num_ws, w_dim] moved by the model's own attributes; as they are while these are at rest."""
        ...

    def reach(self, warps: Iterable[str]) -> None:
        """Make ready that these warps may bend any frame from now on: a preset can switch them on."""
        ...

    def cut(self) -> None:
        """Begin anew: the next frame shows nothing of what moved by itself before."""
        ...

    def set_resolution(self, resolution: int | None) -> None:
        """Render ``resolution`` pixels from the next frame on; None: the whole model. UserError lists the sizes."""
        ...

    def prepare_sizes(self, sizes: Sequence[int]) -> None:
        """Make ready what frames of ``sizes`` need, so that a step between two sizes costs no hitch."""
        ...

    def work(self, resolution: int) -> float:
        """Return the cost of a frame at ``resolution`` as a share of the whole model's."""
        ...

    def relieve(self) -> None:
        """Give back the memory that larger frames have left behind."""
        ...

    def advice(self) -> str:
        """Return in one line what to do when a frame does not fit into memory."""
        ...

    def settle(self, timeout: float | None = None) -> None:
        """Wait until whatever is being built beside the show is in place."""
        ...

    def take_notes(self) -> tuple[str, ...]:
        """Return what the performer should know since the last call, a line each: what failed, what was moved."""
        ...


class Footage(Protocol):
    """What may lie behind the picture: a still, a film, a camera."""

    def at(self, seconds: float) -> Pixels | None:
        """Return what is seen ``seconds`` into the show, premultiplied; None before the first frame. Never waits.

        The same array, and not an equal one, where nothing has changed.
        """
        ...

    def close(self) -> None:
        """Release the file or the device; a second call does nothing."""
        ...


class Look(Protocol):
    """A style network with a preset's styles, ready to paint on the model's device."""

    @property
    def painter(self) -> object:
        """The network: two looks with one painter morph into each other style by style."""
        ...

    @property
    def grain(self) -> int:
        """Pixels that the sides of what it paints are multiples of."""
        ...

    @property
    def size(self) -> int:
        """The shorter side of what it paints, pixels, as the preset asks."""
        ...

    def code(self, shares: Sequence[float]) -> Tensor:
        """Return the blend [1, K] of its styles by their shares; ValueError where none has one."""
        ...

    def paint(self, image: Tensor, code: Tensor) -> Tensor:
        """Return ``image`` [1, 3, H, W], RGB 0..1, fp32, painted: of the same size and range."""
        ...


class Wall(Protocol):
    """A window on a screen, for the operator's window beside it, which shares its textures and hands it keys."""

    @property
    def handle(self) -> object:
        """The window system's pointer to it."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, now."""
        ...

    @property
    def display(self) -> str:
        """The name of the display that shows it; empty where there is none."""
        ...

    @property
    def place(self) -> Place:
        """Where it lies on the desktop, now."""
        ...

    def reduce(self, into: Drawn) -> None:
        """Copy the picture that was presented to a smaller framebuffer, on the GPU."""
        ...

    def preview(self, size: tuple[int, int]) -> moderngl.Texture:
        """Return the last picture as a texture for a window that shares the context; in software of ``size``."""
        ...

    def on_key(self, handle: object, key: int, scancode: int, action: int, mods: int, /) -> None:
        """Take a key that was pressed in the other window."""
        ...

    @property
    def typing(self) -> bool:
        """Whether letters are text at present, which a slash begins; Escape then closes nothing."""
        ...

    def on_character(self, handle: object, code: int, /) -> None:
        """Take a character that was typed in the other window."""
        ...

    def on_drop(self, handle: object, paths: Sequence[str], /) -> None:
        """Take files that were dropped on the other window."""
        ...

    def dropped(self) -> tuple[str, ...]:
        """Return the files that were dropped on either window since the last call."""
        ...


class Window(Protocol):
    """Where pictures go: a screen, a film, or nowhere. A picture is drawn to ``target`` and shown by ``present``."""

    @property
    def ctx(self) -> moderngl.Context:
        """The OpenGL context that everything is made in."""
        ...

    @property
    def target(self) -> Drawn:
        """What to draw to; another framebuffer after the window has changed its size."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, now."""
        ...

    @property
    def refresh_rate(self) -> float:
        """Pictures a second (Hz) that the display or the film shows."""
        ...

    @property
    def wall(self) -> Wall | None:
        """The window as a second one beside it sees it; None where nobody sees this one."""
        ...

    @property
    def paced(self) -> bool:
        """Whether ``present`` waits for the display."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it is over: the performer has closed it, or the film is complete."""
        ...

    def present(self, picture: Drawn | None = None) -> None:
        """Show what was drawn; return once it has been handed over."""
        ...

    def read_rgba(self) -> Pixels:
        """Return what was drawn last, uint8 [H, W, 4], top row first."""
        ...

    def keys(self) -> tuple[tuple[str, str], ...]:
        """Return (name, "press" | "release") of every key since the last call: ESCAPE, SPACE, F, A, F1, ...

        A character that was typed is (character, "type"), after its key's press.
        """
        ...

    def clicks(self) -> tuple[tuple[float, float], ...]:
        """Return where the mouse was clicked since the last call: pixels of ``size`` from the top left."""
        ...

    def waiting(self) -> bool:
        """Return whether a key or a click has come since ``keys`` and ``clicks`` were called."""
        ...

    def point(self, on: bool) -> None:
        """Show the mouse's arrow in fullscreen as well, while there is something to click."""
        ...

    def close(self) -> None:
        """Release the screen or finish the film; a second call does nothing."""
        ...

    def abort(self) -> None:
        """Close the window without keeping the film that it wrote."""
        ...


class PixelOutput(Protocol):
    """One more place that the picture goes to, fed with pixels in a thread of its own. ``send`` may wait.

    An error that ``send`` raises takes this output out of the show with a line; the show goes on.
    """

    @property
    def name(self) -> str:
        """What ``--output`` calls it."""
        ...

    @property
    def on_gpu(self) -> Literal[False]:
        """False: ``send`` takes pixels."""
        ...

    def send(self, picture: Pixels, seconds: float) -> None:
        """Show ``picture``, uint8 [H, W, 4], top row first and read-only, made for ``seconds`` on the rig's clock."""
        ...

    def close(self) -> None:
        """Let go of the device; a second call does nothing."""
        ...


class TextureOutput(Protocol):
    """One more place that the picture goes to, fed with a texture in the loop's thread. ``send`` must not wait.

    An error that ``send`` raises takes this output out of the show with a line; the show goes on.
    """

    @property
    def name(self) -> str:
        """What ``--output`` calls it."""
        ...

    @property
    def on_gpu(self) -> Literal[True]:
        """True: ``send`` takes a texture."""
        ...

    def send(self, picture: moderngl.Texture, seconds: float) -> None:
        """Show ``picture``, its lower row first, made for ``seconds`` on the rig's clock."""
        ...

    def close(self) -> None:
        """Let go of the device; a second call does nothing."""
        ...


Output: TypeAlias = PixelOutput | TextureOutput
