"""Who listens to ALSA's ports, from the kernel's own list of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.control.hands.midi_links import listened

CLIENTS = """Client info
  cur  clients : 4
  peak clients : 5
  max  clients : 192

Client   0 : "System" [Kernel Legacy]
  Port   0 : "Timer" (Rwe-)
  Port   1 : "Announce" (R-e-)
Client  20 : "nanoKONTROL2" [Kernel Legacy]
  Port   0 : "nanoKONTROL2 MIDI 1" (RWeX) [In/Out]
    Connecting To: 130:0, 129:0[real:0]
  Port   1 : "nanoKONTROL2 MIDI 2" (RWeX) [In/Out]
Client 129 : "latentvj" [User Legacy PID: 4711]
  Port   0 : "in nanoKONTROL2:nanoKONTROL2 MIDI 1" (-We-) [Out]
    Connected From: 20:0[real:0]
Client 130 : "aseqdump" [User Legacy]
  Port   0 : "aseqdump" (-We-)
    Connected From: 20:0
"""


@pytest.mark.parametrize(
    ("full", "ours", "expected"),
    [
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "latentvj", True),
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "aseqdump", True),
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "nobody", False),
        ("nanoKONTROL2:nanoKONTROL2 MIDI 2 20:1", "latentvj", False),
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 24:0", "latentvj", None),  # it is not there
        ("a port without a number", "latentvj", None),
    ],
)
def test_a_port_is_listened_to_by_us_by_others_or_by_nobody(
    tmp_path: Path, full: str, ours: str, expected: bool | None
) -> None:
    (tmp_path / "clients").write_text(CLIENTS)
    assert listened(full, ours, tmp_path / "clients") is expected


def test_without_the_kernels_list_nobody_can_tell(tmp_path: Path) -> None:
    assert listened("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "latentvj", tmp_path / "none") is None
