"""``vj live --supervise``: the show plays in a process of its own, and this one brings it back when it dies.

This process imports neither torch nor OpenGL, so that what takes a show down does not take it down. It reads the
show's beat in the memory that both share (engine/system/watch.py). A second process has imported everything and is
copied for each return, and a double of it stands ready for when it dies (engine/cli/warm.py). On a display another one
holds a picture behind the show's window, or in its place, so that nobody sees the desktop meanwhile
(engine/stage/windows/curtain.py).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import FrameType

from engine.borders.errors import UserError
from engine.cli.say import say
from engine.cli.warm import Warm, environment, python
from engine.system import hang
from engine.system.starved import Waited
from engine.system.watch import AS_THEY_ARE, AWAY, LEAVE, RUNNING, UP, Watch

HUNG_SECONDS = 3.0  # s without a frame; then the show is ended and brought back
LATE_SECONDS = 0.5  # s without a frame; after that, time in which the show waits for a core is counted
STARVED_SECONDS = 9.0  # s; the most that waiting for a core adds to HUNG_SECONDS: a new process would wait as well
OPENING_SECONDS = 60.0  # s; a show that comes back has its first frame by then
SLEPT_SECONDS = 1.0  # s between two looks; then this process was stopped too, and the show is given its time anew
TELL_SECONDS = 0.2  # s; a show that hangs has written down where
LOOK_SECONDS = 0.1  # s; from one look to the next
END_SECONDS = 20.0  # s; a show that was asked to end has closed its films by then
CURTAIN_SECONDS = 5.0  # s; the curtain is up by then
FEW = 5  # attempts to start a process; then the supervisor gives up
FORGET = 2  # crashes in a row without a picture; then the show starts as typed: perhaps it dies of what was kept
PAUSE_SECONDS, LONG_PAUSE_SECONDS = 0.5, 5.0  # s; after a process without a picture, and after many in a row
GIVE_UP_SECONDS = 600.0  # s without a picture; a broken file is mended by then, a display is back
MISTAKE = 2  # exit code where a file is broken; it may be mended
ENDED = (0, 130)  # exit codes of a show that ended because somebody wanted it to


def supervise(words: list[str], headless: bool, display: str | None, windowed: bool = False) -> int:
    """Play ``vj`` with ``words`` until it ends in order; return its exit code."""
    if not sys.platform.startswith("linux"):
        raise UserError("--supervise runs on Linux only so far: start without it")
    with Supervisor(words, None if headless else display or "", windowed) as supervisor:
        return supervisor.run()


class Supervisor:
    """Starts the show, watches it, and starts it again."""

    def __init__(self, words: list[str], display: str | None, windowed: bool) -> None:
        """``display`` is that of the curtain, "" for the first one, None for none; a ``windowed`` show needs none."""
        self._words, self._display, self._windowed = words, display, windowed
        self._watch = Watch.make()
        self._asked: int | None = None  # the signal that asked for the end
        self._warm: Warm | None = None
        self._double: Warm | None = None
        self._curtain: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Supervisor:
        self._before = {number: signal.signal(number, self._hear) for number in self._heard()}
        self._wakeup = signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        return self

    def __exit__(self, *error: object) -> None:
        for each in filter(None, (self._warm, self._double)):
            each.close()
        if self._curtain is not None:
            self._curtain.kill()
            self._curtain.wait()
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @staticmethod
    def _heard() -> Iterator[signal.Signals]:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                yield number

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self._asked = self._asked or number
        with contextlib.suppress(OSError):
            if self._pid:
                os.kill(self._pid, number)

    def run(self) -> int:
        """Watch until the show ends in order; return its exit code."""
        life, barren, crashes, reason, dark = 0, 0, 0, "", 0.0
        while True:
            self._raise_curtain()
            self._watch.begin(life, reason)
            frames = self._watch.beat.frames
            end = self._live(dark)
            if end is None:
                return 130 if self._asked == signal.SIGINT else 0
            died, (code, reason) = time.monotonic(), end
            showed = self._watch.beat.frames > frames
            if code in ENDED or self._asked is not None or (life == 0 and not showed):
                return 0 if code == RUNNING and self._asked is not None else code if code != RUNNING else 1
            self._watch.set_flag(AWAY, True)
            if showed:
                barren, crashes, dark = 0, 0, died
                self._watch.set_flag(AS_THEY_ARE, False)
            else:
                barren, crashes = barren + 1, crashes + (code != MISTAKE)
                if code == MISTAKE:  # with what was good of its files; they may have been mended meanwhile
                    self._watch.set_flag(AS_THEY_ARE, not self._watch.flag(AS_THEY_ARE))
            if died - dark > GIVE_UP_SECONDS:
                say(f"supervisor: {reason}; it does not come back, {barren} times in a row")
                return code if code != RUNNING else 1
            if crashes == FORGET:
                self._watch.forget()
            say(f"supervisor: {reason}; it comes back")
            if barren:
                select.select([self._wake], [], [], min(PAUSE_SECONDS * barren, LONG_PAUSE_SECONDS))
            life += 1

    def _live(self, dark: float) -> tuple[int, str] | None:
        """Start a process and watch it to its end; return its exit code and what ended it. None: it was not wanted."""
        pid = self._start()
        if pid is None:
            return None
        self._pid = pid
        try:
            alive = os.pidfd_open(pid)
        except OSError:
            return self._watch.code, self._of(self._watch.code)
        try:
            if self._asked is not None:  # it came between the start and here
                os.kill(pid, self._asked)
            return self._attend(pid, alive, dark)
        finally:
            self._pid = 0
            os.close(alive)

    def _attend(self, pid: int, alive: int, dark: float) -> tuple[int, str]:
        begun = looked = fresh = time.monotonic()
        frames, killed, told, waited = self._watch.beat.frames, "", not dark, Waited(pid)
        while True:
            ready, _, _ = select.select([alive, self._wake], [], [], LOOK_SECONDS)
            now = time.monotonic()
            if alive in ready:
                code = self._watch.code
                return code, killed or self._of(code)
            if self._wake in ready:
                os.read(self._wake, 64)
            if now - looked > SLEPT_SECONDS:
                begun, fresh = now, now
            looked, beat = now, self._watch.beat
            if beat.frames > frames and not told:
                told = True
                self._watch.set_flag(AWAY, False)
                say(f"supervisor: the picture is back after {beat.mono - dark:.1f} s")
            if self._watch.flag(LEAVE):
                self._watch.set_flag(LEAVE, False)
                os.kill(pid, signal.SIGTERM)
            still = now - max(beat.mono, fresh) if beat.frames > frames else 0.0
            if not killed:
                crowded = self._crowded(waited, still)
                killed = self._verdict(still, crowded, beat.frames > frames, begun, now)
            if killed:
                self._end(pid)
            elif told:
                self._replace_the_dead()

    @staticmethod
    def _end(pid: int) -> None:
        """Kill a show that hangs, once it has written down where. One that cannot write that dies of being asked."""
        with contextlib.suppress(ProcessLookupError):
            if hang.SIGNAL is not None:
                os.kill(pid, hang.SIGNAL)
                time.sleep(TELL_SECONDS)
            os.kill(pid, signal.SIGKILL)

    @staticmethod
    def _crowded(waited: Waited, still: float) -> float:
        """Return how many of the ``still`` seconds since its last frame the show had no core for."""
        if still < LATE_SECONDS:
            waited.end()
        elif not waited.begun:
            waited.begin()
        return min(waited.seconds(), STARVED_SECONDS)

    def _verdict(self, still: float, crowded: float, showed: bool, begun: float, now: float) -> str:
        """Return why the show must be ended; empty where it need not be. ``still`` s ago was its last frame."""
        if self._asked is not None:
            self._end_by = getattr(self, "_end_by", now + END_SECONDS)
            return "the show did not end when it was asked to" if now > self._end_by else ""
        if self._watch.code != RUNNING:
            return ""
        if showed:
            return f"the show hung for {HUNG_SECONDS:g} s" if still - crowded > HUNG_SECONDS else ""
        late = self._watch.life[0] > 0 and now - begun > OPENING_SECONDS
        return f"the show had no picture for {OPENING_SECONDS:g} s" if late else ""

    @staticmethod
    def _of(code: int) -> str:
        return "the show was killed" if code == RUNNING else f"the show ended with exit code {code}"

    def _start(self) -> int | None:
        """Return the number of a new process of the show; None where the end was asked for meanwhile."""
        for _ in range(FEW):
            if self._warm is None:
                self._warm = Warm.load(self._watch)
            pid = self._warm.ask(self._words, self._wake)
            if self._asked is not None:
                if pid:
                    os.kill(pid, signal.SIGKILL)
                return None
            if pid:
                return pid
            self._promote_the_double()
        raise UserError("--supervise: the show's process does not start; start without it to see why")

    def _replace_the_dead(self) -> None:
        """Start what stands ready for the next return, and has died, anew; it loads while the show plays."""
        if self._warm is not None and self._warm.ended:
            self._promote_the_double()
        if self._warm is None:
            self._warm = Warm.load(self._watch)
        if self._double is None or self._double.ended:
            self._double = self._warm.double()
        if self._curtain is not None and self._curtain.poll() is not None:
            self._open_curtain(late=True)

    def _promote_the_double(self) -> None:
        """Let the double take the place of what is copied, which has died."""
        if self._warm is not None:
            self._warm.close()
        self._warm, self._double = self._double, None

    def _raise_curtain(self) -> None:
        """Start the process that holds a picture, where there is a display and it does not run."""
        if self._display is None or (self._curtain is not None and self._curtain.poll() is None):
            return
        self._open_curtain(late=False)
        assert self._curtain is not None
        give_up = time.monotonic() + CURTAIN_SECONDS
        while not self._watch.flag(UP) and self._curtain.poll() is None and time.monotonic() < give_up:
            time.sleep(0.02)  # it lies behind the show's window if it is there first

    def _open_curtain(self, late: bool) -> None:
        """Start it; ``late``: its window waits until the show's is gone, for it would lie before it."""
        self._watch.set_flag(UP, False)
        how = ["windowed"] if self._windowed else ["late"] if late else []
        command = [*python("engine.stage.windows.curtain"), str(self._watch.fd), self._display or "", *how]
        nothing = subprocess.DEVNULL
        self._curtain = subprocess.Popen(
            command, env=environment(), pass_fds=[self._watch.fd], stdin=subprocess.PIPE, stdout=nothing, stderr=nothing
        )
