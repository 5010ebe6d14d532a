"""A preset that listens to what no flag has opened: one line says which flag would."""

from __future__ import annotations

from engine.borders.options import StageOptions
from engine.borders.preset import Background, Preset, Route
from engine.show.shut_doors import ShutDoors


def listening(*sources: str, background: str | None = None) -> Preset:
    return Preset(
        "mine",
        routes=tuple(Route(source, "speed") for source in sources),
        background=None if background is None else Background(background),
    )


def test_each_shut_door_is_told_once_in_a_show_with_the_flag_that_opens_it() -> None:
    told: list[str] = []
    shut = ShutDoors(StageOptions(), told.append)
    shut.tell(listening("osc.fader", "osc.other", "audio.bass", "midi.knob_1", "key.A"))
    assert told == ["mine: osc.fader stays as it is; OSC is off: --osc-port N listens"]
    shut.tell(listening("osc.fader", "dmx.0.12"))
    shut.tell(listening("dmx.1.5", background="video"))
    assert told[1:] == [
        "mine: dmx.0.12 stays as it is; DMX is off: --dmx-in artnet:UNIVERSE listens",
        "mine: its background stays as it is; there is no video in: --video-in NAME brings one",
    ]


def test_open_doors_and_what_needs_none_are_not_told() -> None:
    told: list[str] = []
    shut = ShutDoors(StageOptions(osc_port=9000, dmx_in=("artnet:0",), video_in="0"), told.append)
    shut.tell(listening("osc.fader", "dmx.0.12", "video.motion", background="video"))
    ShutDoors(StageOptions(), told.append).tell(listening("audio.bass", background="feedback"))
    assert told == []
