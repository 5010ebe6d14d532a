"""The show, on one page: what happens in which order, and nothing else."""

from __future__ import annotations

from engine.borders.moment import Moment
from engine.rig import Rig


def perform(rig: Rig) -> None:
    """Play until the clock stops: every frame heard, felt, travelled, imagined and shown."""
    approach(rig)
    meter = rig.meter
    for tick in rig.clock:
        if ready := rig.cues.poll(tick):  # switched or edited; a broken file leaves the last good one
            rig.take(ready)
        meter.begin()
        features = rig.ears.latest(tick)  # AudioFeatures; onsets are drained, never sampled
        controls = rig.hands.read(tick)  # keys, MIDI, OSC
        params = rig.route(features, controls, tick)
        meter.lap("control")
        ws = rig.travel(params, tick)  # [num_ws, w_dim]
        meter.lap("latent")
        made = rig.picture.imagine(ws, params, tick)  # [H, W, 4] uint8, stays on the device
        late = rig.latch(tick, features, controls, params)  # what came meanwhile shows in this very picture
        frame = rig.picture.finish(made, late.params)
        scene = rig.overlay(tick, ws, late.params, rig.path.t)
        meter.lap("composite")
        drawn = rig.picture.compose(frame, late, scene, tick)
        rig.window.present(drawn)
        meter.lap("present")
        rig.service(Moment(tick, controls, params, ws, frame, drawn))  # keep, record, take a picture
        meter.mark(tick, late.features, late.controls, late.params, ws, rig.path.t, params)


def approach(rig: Rig) -> None:
    """Go to the clock's first frame: every frame before it is heard, felt and travelled, and made only where needed."""
    rig.picture.recollect(rig.before.seen)
    for number, (tick, made) in enumerate(rig.before.frames, 1):
        if ready := rig.cues.poll(tick):
            rig.take(ready)
        features, controls = rig.ears.latest(tick), rig.hands.read(tick)
        params = rig.route(features, controls, tick)
        ws = rig.travel(params, tick)
        frame = rig.picture.prepare(ws, params, tick, made)
        late = rig.latch(tick, features, controls, params)
        scene = rig.overlay(tick, ws, late.params, rig.path.t)
        rig.picture.complete(frame, late, scene, tick, made)
        if memory := rig.before.memory_behind(number):
            rig.picture.recall(memory)
    rig.picture.begin(rig.before.shown_from)
