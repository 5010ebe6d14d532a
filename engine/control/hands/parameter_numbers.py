"""NRPN on one channel: CC 99 and 98 choose a parameter by its number, CC 6 and 38 set it.

(The Complete MIDI 1.0 Detailed Specification, MIDI Manufacturers Association, 1996: registered and non-registered
parameter numbers.)
"""

from __future__ import annotations

COARSE, FINE = 6, 38  # the CCs of data entry
NUMBER_FINE, NUMBER_COARSE = 98, 99
REGISTERED = (100, 101)  # a registered parameter is chosen instead, or none
NONE = 0x3FFF  # the number that chooses nothing


class ParameterNumbers:
    """Keeps which parameter is chosen; its number may come once and its values for ever after."""

    CONTROLS = (COARSE, FINE, NUMBER_FINE, NUMBER_COARSE, *REGISTERED)  # are no controls beside the parameters

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._number: dict[int, int] = {}

    @property
    def chosen(self) -> str | None:
        """Return the address of the parameter that is chosen, or None."""
        if len(self._number) < 2:
            return None
        number = self._number[NUMBER_COARSE] << 7 | self._number[NUMBER_FINE]
        return None if number == NONE else f"nrpn.{self._channel}.{number}"

    def take(self, control: int, value: int) -> tuple[str, str] | None:
        """Take a CC; return the address that it sets, and which byte of it, "coarse" or "fine"."""
        if control in (NUMBER_FINE, NUMBER_COARSE):
            self._number[control] = value
        elif control in REGISTERED:
            self._number = {}
        elif control in (COARSE, FINE) and (chosen := self.chosen) is not None:
            return chosen, "coarse" if control == COARSE else "fine"
        return None

    def copy(self) -> ParameterNumbers:
        """Return another one on which the same parameter is chosen."""
        other = ParameterNumbers(self._channel)
        other._number = dict(self._number)
        return other


def chooses(octets: tuple[int, ...]) -> bool:
    """Return whether a message chooses a parameter, or none."""
    return len(octets) == 3 and octets[0] >> 4 == 0xB and octets[1] in (NUMBER_FINE, NUMBER_COARSE, *REGISTERED)
