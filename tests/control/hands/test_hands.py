"""Keys, MIDI and OSC become one Controls; what is learned is kept."""

from pathlib import Path

import pytest

from engine.borders.errors import UserError
from engine.borders.tick import Tick
from engine.control.hands import profile as files
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.profile import Profile
from engine.control.hands.profiles import Profiles
from engine.system import resources
from tests.builders.hands import Cues, Ports
from tests.builders.params import TABLE


class Player:
    """Hands, and everything they are laid on."""

    def __init__(self, own: Path) -> None:
        self.keys: list[tuple[str, str]] = []
        self.cues, self.ports, self.told = Cues(), Ports(), []
        self.own = own
        self.profiles = Profiles(resources.resource("presets", "controllers"), own, TABLE, self.save, self.told.append)
        self.hands = Hands(Keyboard(self.pop), self.cues, self.told.append, TABLE, self.ports, None, self.profiles)
        self.index = 0

    @staticmethod
    def save(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def pop(self) -> list[tuple[str, str]]:
        keys, self.keys = self.keys, []
        return keys

    def read(self, *keys: str):
        self.keys += [(key, "press") for key in keys]
        self.index += 1
        return self.hands.read(Tick(self.index, self.index / 60, 1 / 60))


@pytest.fixture
def player(tmp_path: Path) -> Player:
    return Player(tmp_path / "controllers")


def test_a_knob_goes_by_its_address_and_its_name(player: Player) -> None:
    player.ports.say(0xB0, 16, 127)
    values = player.read().values
    assert (values["midi.cc.1.16"], values["midi.knob_1"], values["knob_1"]) == (1.0, 1.0, 1.0)
    assert player.read().values["knob_1"] == 1.0


def test_an_unknown_controller_has_its_addresses(player: Player) -> None:
    player.ports.say(0xB9, 21, 0, 0x99, 36, 127, port="Thing")
    assert dict(player.read().values) == {
        "midi.cc.10.21": 0.0, "midi.note.10.36": 1.0, "midi.note.10.36.toggle": 1.0,
    }  # fmt: skip


def test_presses_are_edges_once_and_turn_toggles_over(player: Player) -> None:
    player.ports.say(0x90, 1, 127)
    controls = player.read("A")
    assert controls.edges == ("key.A", "midi.note.1.1", "midi.button_1", "button_1")
    assert controls.values["midi.button_1.toggle"] == controls.values["key.A.toggle"] == 1.0
    assert player.read().edges == ()
    assert player.read("A").values["key.A.toggle"] == 0.0


def test_keys_do_what_a_show_needs(player: Player) -> None:
    assert player.read("B").blackout
    assert player.read("Z").freeze
    controls = player.read("BACKSPACE")
    assert (controls.blackout, controls.freeze, controls.commands) == (False, False, ("panic",))
    player.read("RIGHT", "LEFT")
    player.ports.say(0xC0, 3)
    player.read()
    assert player.cues.asked == ["next", "previous", 3]


def test_taps_and_midi_clock_in_order_of_trust(player: Player) -> None:
    assert player.read().tempo is None
    player.read("SPACE")
    for _ in range(29):
        player.read()
    tempo = player.read("SPACE").tempo
    assert tempo is not None
    assert tempo.bpm == pytest.approx(120.0)
    assert player.read("PERIOD").tempo.bpm == pytest.approx(240.0)
    for k in range(49):
        player.ports.say(0xF8, time=100.0 + k / 48)
    assert player.read().tempo.bpm == pytest.approx(120.0)
    assert player.read("T").tempo is not None  # the clock still runs


def test_unplugging_releases_notes_and_keeps_values(player: Player) -> None:
    player.ports.say(0xB0, 16, 64, 0x90, 1, 127)
    player.read()
    player.ports.went.append("MIDI Mix")
    values = player.read().values
    assert (values["midi.knob_1"], values["midi.button_1"], values["midi.note.1.1"]) == (64 / 127, 0.0, 0.0)


def test_lights_follow_toggles_and_are_told_again_after_a_plug(player: Player) -> None:
    player.ports.say(0xB0, 16, 64)
    player.read()
    assert ("MIDI Mix", (0x90, 1, 0)) in player.ports.sent
    player.ports.sent.clear()
    player.ports.say(0x90, 1, 127)
    player.read()
    player.read()
    assert player.ports.sent == [("MIDI Mix", (0x90, 1, 127))]
    player.ports.sent.clear()
    player.ports.went.append("MIDI Mix")
    player.read()
    assert ("MIDI Mix", (0x90, 1, 127)) in player.ports.sent


def test_learning_binds_a_knob_for_this_show_and_the_next(player: Player) -> None:
    player.read("M")
    player.read("DOWN", "DOWN")
    target = player.hands.learn.target
    assert any(target in line for line in player.hands.lines())
    player.ports.say(0xB0, 99, 5)
    player.read()
    assert any("cc.1.99" in line for line in player.hands.lines())
    assert player.read("M").bindings == {target: "midi.cc.1.99"}
    assert player.hands.lines() == ()
    player.profiles.close()
    again = Player(player.own)
    again.ports.say(0xB0, 99, 6)
    assert again.read().bindings == {target: "midi.cc.1.99"}
    again.ports.say(0xB0, 16, 6)
    assert again.read().values["midi.knob_1"] == 6 / 127  # the shipped names are still there


def test_learning_without_a_move_or_cancelled_binds_nothing(player: Player) -> None:
    player.read("M")
    player.read("M")
    player.read("M")
    player.ports.say(0xB0, 99, 5)
    player.read()
    player.read("DELETE")
    assert player.read().bindings == {}
    assert not player.own.exists()


def test_a_click_on_the_overlay_binds_at_once(player: Player) -> None:
    player.read("M")
    player.ports.say(0xB0, 16, 5)
    player.read()
    player.hands.choose("picture.zoom")
    assert player.read().bindings == {"picture.zoom": "midi.knob_1"}


def test_what_cannot_be_written_is_learned_for_the_show(tmp_path: Path) -> None:
    player = Player(tmp_path)

    def refuse(path: Path, text: str) -> None:
        raise UserError(f"{path}: cannot write there")

    player.profiles._save = refuse
    player.read("M")
    player.ports.say(0xB0, 16, 5)
    player.read()
    assert player.read("M").bindings
    player.profiles.close()
    assert any("cannot write there" in line for line in player.told)


def test_shipped_profiles_fit_their_controllers_and_survive_being_written() -> None:
    shipped = files.load_all(resources.resource("presets", "controllers"), TABLE)
    for port, control, address in (
        ("MIDI Mix:MIDI Mix MIDI 1", "fader_9", "cc.1.62"),
        ("nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTRL", "knob_8", "cc.1.23"),
        ("LPD8:LPD8 MIDI 1", "pad_8", "note.1.43"),
        ("APC Key 25:APC Key 25 MIDI 1", "knob_1", "cc.1.48"),
    ):
        (profile,) = [p for p in shipped if p.fits(port)]
        assert profile.controls[control] == address
        assert files.parse(files.write(profile), Path("again.toml"), TABLE) == profile
        assert len(set(profile.controls.values())) == len(profile.controls)


@pytest.mark.parametrize(
    ("text", "culprits"),
    [
        ("nam = 'x'", ["'nam'", "'name'"]),
        ("match = 'x'", ["'match'"]),
        ("[controls]\nknob_1 = 'cc.0.1'", ["[controls]", "'cc.0.1'"]),
        ("[controls]\nknob_1 = 'cc.1.128'", ["'cc.1.128'"]),
        ("[controls]\n'Knob 1' = 'cc.1.1'", ["'Knob 1'"]),
        ("[bindings]\nsped = 'cc.1.1'", ["[bindings]", "'sped'", "'speed'"]),
        ("[commands]\n'note.1.1' = 'panik'", ["[commands]", "'panik'", "'panic'"]),
        ("[leds]\nbutton_1 = 5", ["[leds]"]),
        ("name = x", ["TOML"]),
    ],
)
def test_a_mistake_in_a_profile_is_named(text: str, culprits: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        files.parse(text, Path("mine.toml"), TABLE)
    for culprit in ["mine.toml", *culprits]:
        assert culprit in str(refused.value)


def test_bindings_reach_every_parameter() -> None:
    profile = Profile("x", ("x",), bindings=dict.fromkeys(TABLE, "cc.1.1"))
    assert files.parse(files.write(profile), Path("x.toml"), TABLE) == profile
