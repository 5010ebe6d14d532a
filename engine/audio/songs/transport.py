"""The transport of a rehearsal: seek, pause, and loops, on a sound that player, ears and recordings share."""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.audio.songs.edited import EditedSong, Passage
from engine.audio.songs.player import SilentPlayer, SongPlayer
from engine.audio.songs.song_ears import SongEars

REACTION_SECONDS = 0.12  # s; from a request to what is heard of it: the device has taken what comes before
END_SECONDS = 1.0  # s; before the song's end a seek stops
SHORTEST_SECONDS = 0.25  # s; of a loop


class Transport:
    """Edits the sound while it plays."""

    def __init__(
        self,
        sound: EditedSong,
        player: SongPlayer | SilentPlayer,
        ears: SongEars,
        notify: Callable[[str], None],
        log: Callable[[Passage], None] | None = None,
    ) -> None:
        """``notify`` gets a line for every request, ``log`` every passage."""
        self._sound, self._player, self._ears, self._notify = sound, player, ears, notify
        self._log = log
        self._loop: tuple[int, int] | None = None
        self._from: int | None = None  # a loop's beginning that has no end yet

    @property
    def paused(self) -> bool:
        """Return whether the song stands."""
        return not self._sound.last.plays

    def seek(self, seconds: float) -> None:
        """Go to a place in the song; one beyond its ends is the nearest inside."""
        self._edit(place=self._samples(seconds))
        self._tell("")

    def skip(self, seconds: float) -> None:
        """Go on by ``seconds``, or back."""
        self.seek(self._here() / self._sound.samplerate + seconds)

    def pause(self, on: bool | None = None) -> None:
        """Hold the song, or let it go on; None changes to the other."""
        on = not self.paused if on is None else on
        if on != self.paused:
            self._edit(plays=not on)
        self._tell("paused" if on else "plays")

    def loop_from(self, seconds: float | None = None) -> None:
        """Begin a loop at a place, here without one; it goes round as soon as it has an end."""
        self._from = self._here() if seconds is None else self._samples(seconds)
        if self._loop is not None:
            self._go_round(self._from, self._loop[1])
        else:
            self._notify(f"loop from {clock(self._from / self._sound.samplerate)}; now its end")

    def loop_to(self, seconds: float | None = None) -> None:
        """End the loop at a place, here without one, and go round."""
        end = self._here() if seconds is None else self._samples(seconds)
        self._go_round(0 if self._from is None else self._from, end)

    def clear_loop(self) -> None:
        """Go round no longer: the song goes on from here."""
        had, self._loop, self._from = self._loop is not None, None, None
        if had:
            self._edit()
        self._notify("no loop")

    def line(self, time: float) -> str:
        """Return where the song is, how long it is, and what holds it."""
        rate = self._sound.samplerate
        text = f"{clock(self._sound.place(time) // 1)} of {clock(self._sound.song.duration // 1)}"
        if self._loop is not None:
            text += f", loop {clock(self._loop[0] / rate)} to {clock(self._loop[1] / rate)}"
        return f"{text}, paused" if self.paused else text

    def _go_round(self, begin: int, end: int) -> None:
        rate = self._sound.samplerate
        if end - begin < SHORTEST_SECONDS * rate:
            self._notify(f"a loop from {clock(begin / rate)} to {clock(end / rate)} is too short: set its end later")
            return
        self._from, self._loop = begin, (begin, end)
        here = self._here()
        self._edit(place=here if begin <= here < end else begin)
        self._tell(f"loop {clock(begin / rate)} to {clock(end / rate)}")

    def _edit(self, place: int | None = None, plays: bool | None = None) -> None:
        """Change what is heard as soon as that can be: at the end of a hop that nobody has taken yet."""
        at, last = self._soon(), self._sound.last
        passage = Passage(
            at=at,
            place=self._sound.of_song(at) if place is None else place,
            plays=last.plays if plays is None else plays,
            loop=self._loop,
        )
        self._sound.edit(passage)
        self._ears.edit(at)
        self._player.edit(at)
        if self._log is not None:
            self._log(passage)

    def _soon(self) -> int:
        """Return the first sample of the show that can still be changed, at a hop's beginning."""
        hop, rate = self._ears.hop_length, self._sound.samplerate
        first = max(round((self._player.taken + REACTION_SECONDS) * rate), self._ears.returned * hop, self._sound.begin)
        return math.ceil(max(first, self._sound.last.at) / hop) * hop

    def _here(self) -> int:
        """Return the sample of the song that is heard when a request of now is."""
        return self._sound.of_song(self._soon())

    def _samples(self, seconds: float) -> int:
        end = max(0.0, self._sound.song.duration - END_SECONDS)
        return round(min(max(seconds, 0.0), end) * self._sound.samplerate)

    def _tell(self, what: str) -> None:
        place = clock(self._here() / self._sound.samplerate)
        self._notify(f"song at {place}: {what}" if what else f"song at {place}{', paused' if self.paused else ''}")


def clock(seconds: float) -> str:
    """Return 0:07.5, 3:25 or 1:02:03: tenths of a second where there are any."""
    tenths = round(seconds * 10)
    whole, tenth = divmod(tenths, 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{tenth}" if tenth else text
