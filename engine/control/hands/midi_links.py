"""Whether an open MIDI port is still connected to ours: one that is pulled and put in again at once has its old name.

JACK tells who is connected to a port. ALSA's kernel driver lists it in a file, whose form is that of
snd_seq_info_clients_read in the kernel's sound/core/seq/seq_clientmgr.c. Of other systems nobody can tell.
"""

from __future__ import annotations

import re
from pathlib import Path

from engine.control.hands.midi_clients import CLIENT, Port
from engine.control.hands.midi_library import rtmidi
from engine.control.hands.port_names import ears
from engine.system.jack_server import JackServer

CLIENTS = Path("/proc/asound/seq/clients")
_CLIENT = re.compile(r'Client\s+(\d+) : "(.*)"')
_PORT = re.compile(r"  Port\s+(\d+) : ")
_TO = "    Connecting To: "
_ADDRESS = re.compile(r"(\d+):\d+")


def hears(port: Port, jack: JackServer | None) -> bool:
    """Return whether a port that is there is still ours. One whose connection was never seen counts as ours."""
    linked: bool | None = None
    if port.api == rtmidi.API_UNIX_JACK and jack is not None and not jack.dead:
        linked = jack.linked(port.full, ears(port.label))
    elif port.api == rtmidi.API_LINUX_ALSA:
        linked = listened(port.full, CLIENT)
    port.heard = port.heard or linked is True
    return linked is not False or not port.heard


def listened(full: str, ours: str, clients: Path = CLIENTS) -> bool | None:
    """Return whether a client called ``ours`` listens to the port that RtMidi calls ``full`` (``NAME:PORT 20:0``).

    None where that cannot be told: there is no such port, or no such file.
    """
    found = re.search(r" (\d+):(\d+)$", full)
    try:
        lines = clients.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    if found is None:
        return None
    wanted, ours_numbered = (int(found[1]), int(found[2])), set[int]()
    links: set[int] | None = None
    client, at = -1, (-1, -1)
    for line in lines:
        if (head := _CLIENT.match(line)) is not None:
            client, at = int(head[1]), (-1, -1)
            if head[2] == ours:
                ours_numbered.add(client)
        elif (port := _PORT.match(line)) is not None:
            at = client, int(port[1])
            links = set() if at == wanted else links
        elif at == wanted and line.startswith(_TO):
            links = {int(number) for number in _ADDRESS.findall(line)}
    return None if links is None else bool(links & ours_numbered)
