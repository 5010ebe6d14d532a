"""What commands say to the performer, apart from what they output."""

from __future__ import annotations

from engine.system.voice import Voice

voice = Voice()


def say(line: str) -> None:
    """Print one line for the performer on stderr; a show does not wait for its reader."""
    voice.say(line)
