"""Ableton Link: the tempo and the bars of a session of other programs, followed; a lead may propose a tempo.

While nobody is there nothing is joined (link_scout.py): the first peer that is heard has its tempo. Whoever is left
alone leaves, so that a peer that comes back meets no older session of ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.borders.controls import Tempo
from engine.borders.errors import Trouble, UserError
from engine.borders.moment import Moment
from engine.borders.tick import Tick
from engine.control.timing.link_scout import HIGHEST_BPM, LOWEST_BPM, LinkScout
from engine.control.timing.stage_time import StageTime

if TYPE_CHECKING:
    from link import Link

QUANTUM = 4.0  # beats; a bar
LEAD_SECONDS = 1.5  # s; a lead listens for that long before it opens a session of its own
ALONE_SECONDS = 0.5  # s; without a peer for that long, a session is left
JOIN_SECONDS = 6.0  # s; a peer that was heard is met within that
QUIET_SECONDS = 0.5  # s; after leaving, what is heard may still be our own
UNKNOWN_BPM = 120.0  # beats a minute; of a lead that has none yet


class LinkTempo:
    """A session's tempo, while somebody else is in it. Everything is asked from the loop's thread."""

    name = "Link"

    def __init__(
        self,
        lead: bool,
        notify: Callable[[str], None],
        stage: StageTime,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``stage`` places ticks on the machine's clock. UserError where Link or its network is not there.

        ``lead``: taps propose a tempo, and a session is opened where there is none.
        """
        try:
            from link import Link
        except ImportError as error:
            raise UserError(
                f"--link: LinkPython-extern is not installed ({error}): pip install 'latentvj[link]'"
            ) from error
        try:
            self._scout = LinkScout()
        except OSError as error:
            raise UserError(f"--link: this machine's network does not let Link listen: {error}") from error
        self._make: Callable[[float], Link] = Link
        self._lead, self._notify, self._now = lead, notify, now
        self._stage = stage
        self._link: Link | None = None
        self._began = now()  # s; when listening, or the session, began
        self._alone_since = self._began
        self._proposed = UNKNOWN_BPM
        self._peers = 0
        self._bpm = 0.0
        self._played = False  # whether anybody has said start in this session
        self._playing = True
        self._held = 0.0  # beats; where the count stands while the session is stopped
        self._closed = False

    def tempo(self, tick: Tick) -> Tempo | None:
        """Return the session's tempo and its beats at ``tick``, on its bars; None while nobody else is there."""
        if self._closed:
            return None
        now = self._now()
        link = self._link
        if link is None:
            self._listen(now)
            return None
        self._count(link.numPeers(), now)
        if self._peers == 0:
            met = JOIN_SECONDS if not self._bpm else ALONE_SECONDS
            if not self._lead and now - self._alone_since > met:
                self._leave(now)
            return None
        return self._read(link, self._stage.at(tick))

    def propose(self, bpm: float) -> None:
        """Take a tempo that was tapped. Only a lead passes it on."""
        if not self._lead or not LOWEST_BPM <= bpm <= HIGHEST_BPM:
            return
        self._proposed = bpm
        if self._link is not None:
            state = self._link.captureSessionState()
            state.setTempo(bpm, self._link.clock().micros())
            self._link.commitSessionState(state)

    def attend(self, moment: Moment) -> None:
        """See Door: the tempo is asked for by the hands."""
        return

    def line(self) -> str:
        """Return how many peers there are, and the tempo."""
        if self._link is None or self._peers == 0:
            return "leads, no peers" if self._lead and self._link is not None else "no peers"
        peers = f"{self._peers} peer{'s' * (self._peers != 1)}"
        return f"{peers}, {self._bpm:.2f} bpm{'' if self._playing else ', stopped'}{', leads' * self._lead}"

    def close(self) -> None:
        """Leave; a second call does nothing."""
        if not self._closed:
            self._closed = True
            if self._link is not None:
                self._link.enabled = False
            self._scout.close()

    def _listen(self, now: float) -> None:
        """Join the session of somebody who is heard, at its tempo; a lead that hears nobody opens one."""
        if now - self._began < QUIET_SECONDS and self._bpm:
            self._scout.skip()
            return
        bpm = self._scout.heard()
        if bpm is None and not (self._lead and now - self._began > LEAD_SECONDS):
            return
        self._link = self._make(self._proposed if bpm is None else bpm)
        self._link.startStopSyncEnabled = True
        self._link.enabled = True
        self._alone_since, self._bpm, self._played, self._playing = now, 0.0, False, True

    def _count(self, peers: int, now: float) -> None:
        if peers:
            self._alone_since = now
        if peers != self._peers:
            if (peers == 0) != (self._peers == 0):
                self._notify("Link: a peer is here" if peers else Trouble("Link: nobody is there any more"))
            self._peers = peers

    def _leave(self, now: float) -> None:
        assert self._link is not None
        self._link.enabled = False
        self._link = None
        self._began = now
        self._scout.skip()

    def _read(self, link: Link, moment: float) -> Tempo:
        """Return the session's tempo at ``moment`` (monotonic seconds); Link's own clock is another one."""
        state = link.captureSessionState()
        micros = link.clock().micros() + round((moment - self._now()) * 1e6)
        self._bpm = state.tempo()
        playing = state.isPlaying()
        self._played = self._played or playing
        self._playing = playing or not self._played  # who never says start plays
        if self._playing:
            self._held = state.beatAtTime(micros, QUANTUM)
        return Tempo(self._bpm, self._held, exact=True, source="Link")
