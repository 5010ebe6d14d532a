"""The show, on one page: what happens in which order, and nothing else."""

from __future__ import annotations

from engine.borders.moment import Moment
from engine.rig import Rig


def perform(rig: Rig) -> None:
    """Play until the clock stops: every frame heard, felt, travelled, imagined and shown."""
    for tick in rig.clock:
        if ready := rig.setlist.poll(tick):  # switched or edited; a broken file leaves the last good one
            rig.cue(ready)
        features = rig.ears.latest(tick)  # AudioFeatures; onsets are drained, never sampled
        controls = rig.hands.read(tick)  # keys, MIDI, OSC
        params = rig.routing(features, controls, tick)
        ws = rig.path(params, tick)  # [num_ws, w_dim]
        frame = rig.generator(ws, params, tick)  # [H, W, 4] uint8, stays on the device
        picture = rig.compositor(frame, params, rig.overlay(tick, ws, params), tick)
        rig.window.present(picture)
        rig.service(Moment(tick, controls, params, ws, frame, picture))  # keep, record, take a picture
        rig.meter.mark(tick, features, controls, params, ws)
