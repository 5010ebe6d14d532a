"""Opens the doors to other programs that the options ask for; all are closed by default."""

from __future__ import annotations

import contextlib

from engine.borders.contracts import Window
from engine.borders.door import Door
from engine.borders.errors import UserError
from engine.borders.options import StageOptions
from engine.control.feedback.osc_out import OscOut
from engine.control.lights import artnet_out
from engine.control.lights.artnet_out import ArtnetSender
from engine.gesture.chased import Chased
from engine.show.light_out import LightOut
from engine.show.meter import Meter
from engine.show.open_inputs import Inputs
from engine.system.network import HERE, endpoint


def open_doors(
    options: StageOptions,
    inputs: Inputs,
    window: Window,
    meter: Meter,
    stack: contextlib.ExitStack,
    chased: Chased | None = None,
) -> tuple[Door, ...]:
    """Return the doors, to be closed with ``stack``; UserError names what is wrong with an address."""
    doors: list[Door] = []
    for text in options.osc_out:
        to = endpoint("--osc-out", text)
        if to[1] == options.osc_port and to[0] in (HERE, options.osc_host):
            raise UserError(f"--osc-out {text}: --osc-port listens there, and would hear itself: choose another port")
        doors.append(OscOut(to, inputs.beat, chased or inputs.setlist, lambda: meter.features, inputs.notify))
        inputs.notify(f"OSC: telling {to[0]}:{to[1]} what changes")
    for text in dict.fromkeys(options.artnet_out):
        sender = ArtnetSender(artnet_out.parse(text), inputs.notify)
        doors.append(LightOut(sender, window, inputs.beat, lambda: meter.features))
        inputs.notify(f"Art-Net: telling {sender.address}, universe {sender.universe}")
    doors += [door for door in (inputs.link, inputs.dmx, inputs.video) if door is not None]
    for door in doors:
        stack.callback(door.close)
    return tuple(doors)
