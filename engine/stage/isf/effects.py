"""The ISF shaders of a show: each is tried before it is taken, and tried again when its file is saved."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moderngl
from numpy.typing import NDArray

from engine.borders.errors import Trouble
from engine.borders.features import AudioFeatures
from engine.borders.made import Memory
from engine.stage.isf.effect import Date, Effect, Moment
from engine.stage.isf.files import Shader, find, is_behind, is_isf, read
from engine.stage.isf.first_picture import DATE
from engine.stage.isf.inputs import SOUNDS
from engine.stage.isf.sound import Sound
from engine.stage.isf.trial import TrialRoom
from engine.stage.passes.canvas import Canvas, Size
from engine.stage.passes.source import ShaderError
from engine.system.last_good import last_good
from engine.system.watched_file import WatchedFile

BUFFER = "buffer:"  # begins the names of what buffers hold


@dataclass(slots=True)
class _Watched:
    """The files of a shader that plays, to take it anew when one is saved."""

    files: tuple[WatchedFile, ...]

    @classmethod
    def of(cls, shader: Shader) -> _Watched:
        """Watch every file that the shader is made of."""
        return cls(tuple(WatchedFile(path) for path, _ in shader.stamps))

    def saved(self, now: float) -> bool:
        """Return whether one was saved since the last time, and count it as read."""
        found = [file for file in self.files if file.saved(now)]
        for file in found:
            file.take()
        return bool(found)


class Effects:
    """Every ISF shader that was tried, by the name of its pass, and those that are compiled."""

    def __init__(self, ctx: moderngl.Context, folders: Sequence[Path], size: Callable[[], Size], live: bool) -> None:
        """``folders`` are a performer's own. ``size`` returns that of the window, at which first pictures are tried.

        ``live``: DATE is the clock's on the wall; else it begins at the same noon for everybody.
        """
        self._ctx, self._folders, self._size, self._live = ctx, tuple(folders), size, live
        self._sound = Sound(ctx)
        self._tried: dict[str, Shader] = {}
        self._effects: dict[str, Effect] = {}
        self._watched: dict[str, _Watched] = {}
        self._renewing: threading.Thread | None = None
        self._renewed: list[tuple[str, Shader | None, str]] = []  # what was tried anew: its shader, or what is wrong

    def untried(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return which of the passes are ISF files that no trial has seen, as they are now. Any thread may ask."""
        return tuple(name for name in names if is_isf(name) and not self._known(name))

    def _known(self, name: str) -> bool:
        return name in self._effects or (name in self._tried and self._tried[name].unchanged)

    def try_out(self, names: Iterable[str]) -> None:
        """Try the ISF files among ``names`` that are new, in any thread; ShaderError is one line.

        What has played before the show died is taken as it is.
        """
        new = self.untried(names)
        if not new:
            return
        with TrialRoom() as room:
            for name in new:
                shader = read(find(name, self._folders))
                if is_behind(name) and not shader.header.is_generator:
                    raise ShaderError(f"{shader.path}: no generator: it changes a picture, so it cannot lie behind one")
                if not all(map(last_good.proven, shader.texts)):
                    room.try_out(shader, self._size())
                self._tried[name] = shader

    def load(self, name: str) -> None:
        """Compile what was tried; what was not is tried now. ShaderError is one line."""
        if name in self._effects:
            return
        self.try_out((name,))
        shader = self._tried[name]
        self._put(name, Effect(self._ctx, shader))

    def _put(self, name: str, effect: Effect) -> None:
        """Play the shader from now on, and see when it is saved."""
        self._effects[name], self._watched[name] = effect, _Watched.of(effect.shader)
        for path in effect.shader.texts:
            last_good.good(path)

    def hear(self, features: AudioFeatures) -> None:
        """Take what was heard up to the next picture, for inputs of sound."""
        self._sound.hear(features)

    def __contains__(self, name: str) -> bool:
        """Return whether a pass is loaded."""
        return name in self._effects

    def progress_of(self, name: str) -> str:
        """Return the parameter that is the progress of a loaded transition; ShaderError for what is none."""
        shader = self._effects[name].shader
        if not shader.header.is_transition:
            raise ShaderError(f"{shader.path}: no transition: that has the inputs startImage, endImage and progress")
        return f"{shader.prefix}progress"

    def draw(
        self,
        name: str,
        before: moderngl.Texture,
        values: Mapping[str, object],
        to: Canvas,
        pictures: Mapping[str, moderngl.Texture] | None = None,
        video: moderngl.Texture | None = None,
    ) -> None:
        """Draw a pass that is loaded, from the picture ``before`` it; ``values`` has the time and the parameters.

        ``pictures`` are those of image inputs that show another one, ``video`` that of
        inputs that are wired to it.
        """
        effect = self._effects[name]
        heard = [each for each in effect.shader.header.inputs if each.kind in SOUNDS]
        shown = {} if video is None else dict.fromkeys(self._wired(name, values), video)
        others = {**shown, **(pictures or {}), **{each.name: self._sound.picture(each) for each in heard}}
        time, dt = values["time"], values["dt"]
        assert isinstance(time, float)
        assert isinstance(dt, float)
        effect.draw(before, others, values, self._moment(time, dt), to, is_behind(name))

    def _wired(self, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        """Return the image inputs of a loaded pass that show the video in."""
        shader = self._effects[name].shader
        return tuple(each.name for each in shader.header.inputs if each.shows_video(values, shader.prefix))

    def shows_video(self, name: str, values: Mapping[str, object]) -> bool:
        """Return whether a loaded pass shows the video in."""
        return bool(self._wired(name, values))

    def remembers(self, name: str) -> bool:
        """Return whether a pass that is loaded makes its picture from what it drew before."""
        return self._effects[name].remembers

    def pass_by(self, name: str, values: Mapping[str, object]) -> None:
        """Count a picture of a pass that is not drawn."""
        self._effects[name].pass_by(values)

    def memory(self, on: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Return what the buffers of the passes that are ``on`` hold."""
        return {
            f"{BUFFER}{buffer}:{name}": pixels for name in on for buffer, pixels in self._effects[name].memory().items()
        }

    def recall(self, memory: Memory) -> None:
        """Have the buffers hold what they did elsewhere; what is not theirs is left alone."""
        for key, pixels in memory.items():
            if key.startswith(BUFFER):
                buffer, _, name = key.removeprefix(BUFFER).partition(":")
                self._effects[name].recall(buffer, pixels)

    def _moment(self, time: float, dt: float) -> Moment:
        """Return when a picture is."""
        return Moment(time, dt, _today() if self._live else (*DATE[:3], (DATE[3] + time) % 86400.0))

    def reload(self, notify: Callable[[str], None]) -> bool:
        """Try what has been saved beside the show, and take what was tried; return whether a shader is another now.

        A broken file leaves what ran, and is told.
        """
        if self._renewing is None:
            now = time.monotonic()
            saved = [name for name, watched in self._watched.items() if watched.saved(now)]
            if saved:
                self._renewing = threading.Thread(target=self._renew, args=(saved,), name="isf", daemon=True)
                self._renewing.start()
            return False
        if self._renewing.is_alive():
            return False
        self._renewing = None
        renewed, self._renewed = self._renewed, []
        taken = [self._take(name, shader, error, notify) for name, shader, error in renewed]
        return any(taken)

    def _renew(self, names: Iterable[str]) -> None:
        with TrialRoom() as room:
            for name in names:
                try:
                    shader = read(find(name, self._folders))
                    room.try_out(shader, self._size())
                    self._renewed.append((name, shader, ""))
                except ShaderError as error:
                    self._renewed.append((name, None, str(error)))

    def _take(self, name: str, shader: Shader | None, error: str, notify: Callable[[str], None]) -> bool:
        """Play the shader as it is now; where it is broken, tell, and go on with the last good one."""
        effect = None
        if shader is not None:
            try:
                effect = Effect(self._ctx, shader)
            except ShaderError as broken:
                error = str(broken)
        if effect is None or shader is None:
            notify(Trouble(f"{error}; the last good one plays on"))
            return False
        old, self._tried[name] = self._effects[name], shader
        self._put(name, effect)
        notify(f"{shader.path.name}: taken anew")
        if old.shader.rows != shader.rows:
            notify(f"{shader.path.name}: other inputs are declared now; they count from the next cue on")
        old.release()
        return True

    def forget(self, on: Iterable[str]) -> None:
        """Let every shader that is not ``on`` begin anew when it comes on again."""
        for name in self._effects.keys() - set(on):
            self._effects[name].forget()

    def release(self) -> None:
        """Give everything back."""
        for effect in self._effects.values():
            effect.release()
        self._effects = {}
        self._sound.release()


def _today() -> Date:
    now = datetime.datetime.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return float(now.year), float(now.month), float(now.day), (now - midnight).total_seconds()
