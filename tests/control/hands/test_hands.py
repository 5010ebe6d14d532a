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
from engine.control.hands.surface import Move, Surface
from engine.control.routing.sources import is_knob
from engine.system import resources
from tests.builders.hands import Cues, Ports
from tests.builders.params import TABLE
from tests.builders.show import ROOT


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
    assert player.read("M").bindings == {target: "midi.cc.1.99@MIDI Mix"}
    assert player.hands.lines() == ()
    player.profiles.close()
    again = Player(player.own)
    again.ports.say(0xB0, 99, 6)
    assert again.read().bindings == {target: "midi.cc.1.99@MIDI Mix"}
    again.ports.say(0xB0, 16, 6)
    assert again.read().values["midi.knob_1"] == 6 / 127  # the shipped names are still there


def learn(player: Player, *messages: tuple[int, ...], port: str = "MIDI Mix") -> dict[str, str]:
    """Learn for the parameter that is next; return all bindings then."""
    player.read("M")
    for octets in messages:
        player.ports.say(*octets, port=port)
    player.read()
    return dict(player.read("M").bindings)


def test_what_is_learned_on_one_controller_is_not_moved_by_another(player: Player) -> None:
    player.ports.ports = ("Box A", "Box B")
    target = player.hands.learn.target
    (source,) = learn(player, (0xB0, 21, 5), (0xB0, 21, 99), port="Box A").values()
    controls = player.read()
    assert controls.bindings == {target: source}
    assert controls.values[source] == 99 / 127  # it is known where the knob stands
    player.ports.say(0xB0, 21, 20, port="Box A")
    assert player.read().values[source] == 20 / 127
    player.ports.say(0xB0, 21, 120, port="Box B")
    values = player.read().values
    assert (values[source], values["midi.cc.1.21"]) == (20 / 127, 120 / 127)
    player.profiles.close()
    again = Player(player.own)  # the next evening
    again.ports.ports = ("Box B", "Box A")
    again.ports.say(0xB0, 21, 120, port="Box B")
    controls = again.read()
    assert controls.bindings == {target: source}
    assert source not in controls.values


def test_two_of_a_make_learn_each_their_own(player: Player) -> None:
    player.ports.ports = ("LPD8", "LPD8 (2)", "LPD8-(2)")  # names that are one without their signs
    for port in player.ports.ports:
        learn(player, (0xB0, 1, 5), (0xB0, 1, 99), port=port)
        player.read("M", "DOWN", "M")  # the next parameter
    assert sorted(player.read().bindings.values()) == sorted(f"midi.knob_1@{port}" for port in player.ports.ports)
    player.profiles.close()
    kept = [files.load(path, TABLE) for path in sorted(player.own.iterdir())]
    assert sorted(profile.port for profile in kept) == sorted(player.ports.ports)
    assert len({target for profile in kept for target in profile.bindings}) == 3


def test_a_parameter_is_learned_once(player: Player) -> None:
    player.ports.ports = ("Box A", "Box B")
    learn(player, (0xB0, 21, 5), port="Box A")
    bindings = learn(player, (0xB0, 22, 5), port="Box B")
    assert list(bindings.values()) == ["midi.cc.1.22@Box B"]
    player.profiles.close()
    again = Player(player.own)
    again.ports.ports = ("Box A", "Box B")
    assert again.read().bindings == bindings


def test_a_profile_by_name_binds_the_first_of_two_and_a_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('match = ["Box"]\n[bindings]\nspeed = "cc.1.21"\n', encoding="utf-8")
    player = Player(tmp_path)
    player.ports.ports = ("Box:out", "Box-01:out")
    assert player.read().bindings == {"speed": "midi.cc.1.21@Box:out"}
    assert any("Box-01:out is like Box:out" in line for line in player.told)
    before = (tmp_path / "mine.toml").read_text(encoding="utf-8")
    learn(player, (0xB0, 30, 5), port="Box-01:out")
    player.profiles.close()
    assert (tmp_path / "mine.toml").read_text(encoding="utf-8") == before  # a hand has written it


def test_an_encoder_is_learned_with_its_kind_and_counts_from_then_on(player: Player) -> None:
    (source,) = learn(player, *((0xB0, 20, value) for value in (65, 65, 63, 63, 65)), port="Twister").values()
    (file,) = (player.profiles.close(), *player.own.iterdir())[1:]
    profile = files.load(file, TABLE)
    assert (profile.port, profile.kinds) == ("Twister", {"cc.1.20": "relative-binary-offset"})
    for value in (65, 65, 63):
        player.ports.say(0xB0, 20, value, port="Twister")
    controls = player.read()
    assert controls.turned[source] == pytest.approx(1 / 127)
    assert controls.values[source] == pytest.approx(0.5 + 1 / 127)


def test_an_encoder_learned_to_one_side_tells_its_encoding_later_and_that_is_kept(player: Player) -> None:
    (source,) = learn(player, (0xB0, 20, 1), (0xB0, 20, 1), port="Box").values()
    for value in (1, 65, 65):
        player.ports.say(0xB0, 20, value, port="Box")
    assert player.read().turned[source] == pytest.approx(-1 / 127)
    player.profiles.close()
    (file,) = player.own.iterdir()
    assert files.load(file, TABLE).kinds == {"cc.1.20": "relative-sign-magnitude"}


def test_a_profile_of_your_own_declares_the_mode_of_a_shipped_one(tmp_path: Path) -> None:
    text = 'match = ["Midi Fighter Twister"]\n[kinds]\nknob = "relative-binary-offset"\n'
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    player = Player(tmp_path)
    for value in (65, 65, 63):
        player.ports.say(0xB0, 4, value, port="Midi Fighter Twister")
    assert player.read().turned["midi.knob_5"] == pytest.approx(1 / 127)


def test_a_declared_kind_stays_unless_the_gesture_contradicts_it(tmp_path: Path) -> None:
    kinds = '[kinds]\n"cc.1.20" = "relative-sign-magnitude"\n"cc.1.21" = "relative-sign-magnitude"\n'
    (tmp_path / "mine.toml").write_text(f'match = ["Box"]\n{kinds}', encoding="utf-8")
    player = Player(tmp_path)
    learn(player, (0xB0, 20, 1), (0xB0, 20, 1), port="Box")
    learn(player, *((0xB0, 21, value) for value in range(20, 90, 2)), port="Box")
    assert player.profiles.find("Box").kinds == {"cc.1.20": "relative-sign-magnitude", "cc.1.21": "7-bit"}


def test_a_touch_of_a_learned_fader_presses_nothing(player: Player) -> None:
    touch = ((0x90, 104, 127), (0xE0, 0, 64), (0xE0, 0, 90), (0x90, 104, 0))
    assert list(learn(player, *touch, port="X").values()) == ["midi.bend.1@X"]
    player.ports.say(0x90, 104, 127, port="X")
    controls = player.read()
    assert controls.edges == ()
    assert controls.values["midi.note.1.104"] == 1.0


def test_a_learned_button_is_no_knob_that_waits(player: Player) -> None:
    (source,) = learn(player, (0xB0, 48, 127), (0xB0, 48, 0), port="Box").values()
    assert source == "midi.switch.cc.1.48@Box"
    assert not is_knob(source)
    player.ports.say(0xB0, 48, 127, port="Box")
    controls = player.read()
    assert (controls.values[source], source in controls.edges) == (1.0, True)


def test_a_button_that_remembers_says_itself_whether_it_is_on(tmp_path: Path) -> None:
    text = 'match = ["Box"]\n[controls]\nbutton_1 = "cc.1.48"\n[kinds]\nbutton = "toggle"\n'
    (tmp_path / "mine.toml").write_text(text + '[commands]\n"cc.1.48" = "blackout"\n', encoding="utf-8")
    player = Player(tmp_path)
    for value, on in ((127, 1.0), (0, 0.0), (127, 1.0)):
        player.ports.say(0xB0, 48, value, port="Box")
        controls = player.read()
        assert controls.values["midi.button_1.toggle"] == on
        assert (controls.blackout, controls.commands) == (bool(on), ("blackout",))


def test_a_light_has_its_colour_and_a_controller_is_greeted_whenever_it_comes(tmp_path: Path) -> None:
    text = 'match = ["Box"]\nstart = ["F0 00 20 29 F7"]\n[controls]\npad_1 = "note.1.36"\npad_2 = "note.1.37"\n'
    text += '[leds]\npad_1 = "note.7.36"\npad_2 = "note.7.37"\n[lit]\npad = 21\npad_2 = 5\n'
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    player = Player(tmp_path)
    player.ports.ports = ("Box",)
    hello = ("Box", (0xF0, 0x00, 0x20, 0x29, 0xF7))
    player.ports.say(0x90, 36, 100, 37, 100, port="Box")
    player.read()
    assert player.ports.sent == [hello, ("Box", (0x96, 36, 21)), ("Box", (0x96, 37, 5))]
    player.ports.went.append("Box")
    player.ports.ports = ()
    player.read()
    player.ports.ports = ("Box",)
    player.read()
    assert player.ports.sent[3:] == player.ports.sent[:3]


def test_values_that_came_faster_than_frames_are_counted(player: Player) -> None:
    for number in range(1100):
        player.ports.say(0xB0, 16, number % 128)
    player.ports.say(0xB0, 16, 77)
    assert player.read().values["midi.knob_1"] == 77 / 127
    assert [line for line in player.told if "faster than frames" in line] == [
        "MIDI: 1100 values came faster than frames; the last of every control counts"
    ]


def test_a_flood_is_told_once_however_large(player: Player) -> None:
    for number in range(12_000):
        player.ports.say(0xB0, 16, number % 128)
    player.read()
    player.read()
    assert len([line for line in player.told if "faster than frames" in line]) == 1


@pytest.mark.parametrize("ends", [True, False])
def test_a_gesture_in_the_frame_in_which_learn_begins_or_ends_is_learned(player: Player, ends: bool) -> None:
    for number in range(2):
        if (number == 1) == ends:
            for value in range(0, 120, 10):
                player.ports.say(0xB0, 21, value)
        player.read("M")
    assert any(line.startswith("learned: cc.1.21") for line in player.told)


def test_the_second_byte_of_a_pair_may_be_lost(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('match = ["Box"]\n[kinds]\n"cc.1.7" = "14-bit"\n', encoding="utf-8")
    player = Player(tmp_path)
    player.ports.say(0xB0, 7, 127, port="Box", time=50.0)
    assert "midi.cc.1.7" not in player.read().values
    for _ in range(3):
        values = player.read().values
    assert values["midi.cc.1.7"] == 1.0


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
    assert player.read().bindings == {"picture.zoom": "midi.knob_1@MIDI Mix"}


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
        ("Launch Control XL:Launch Control XL MIDI 1", "fader_8", "cc.9.84"),
        ("Launchpad Mini MK3:Launchpad Mini MK3 LPMiniMK3 MI", "pad_64", "note.1.88"),
        ("LPX MIDI Out", "button_16", "cc.1.19"),
        ("APC40 mkII:APC40 mkII MIDI 1", "fader_8", "cc.8.7"),
        ("APC Mini mk2 Control", "pad_64", "note.1.63"),
        ("Midi Fighter Twister:Midi Fighter Twister MIDI 1", "button_16", "cc.2.15"),
        ("X-TOUCH MINI:X-TOUCH MINI MIDI 1", "knob_9", "cc.11.11"),
        ("MPD218:MPD218 Port A", "pad_1", "note.10.36"),
        ("Arturia BeatStep:Arturia BeatStep MIDI 1", "knob_16", "cc.1.72"),
    ):
        (profile,) = [p for p in shipped if p.fits(port)]
        assert profile.controls[control] == address
        assert files.parse(files.write(profile), Path("again.toml"), TABLE) == profile
        assert len(set(profile.controls.values())) == len(profile.controls)


SHIPPED = files.load_all(resources.resource("presets", "controllers"), TABLE)


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda profile: profile.name)
def test_every_shipped_control_is_of_its_kind_and_every_light_can_be_lit(shipped: Profile) -> None:
    surface = Surface("x", shipped)
    for name, address in shipped.controls.items():
        group, channel, number = address.split(".")
        status = (0x90 if group == "note" else 0xB0) | int(channel) - 1
        (move,) = surface.hear((status, int(number), 65), 0.0)
        assert isinstance(move, Move)
        assert (move.name, move.pressed) == (name, name.startswith(("button_", "pad_")))
        assert (move.turned is not None) == shipped.kind(address).startswith("relative")
    messages = list(surface.lights({f"midi.{name}.toggle": 1.0 for name in shipped.leds}))
    assert len(messages) == len(shipped.start) + len(shipped.leds)
    assert len({message[:2] for message in messages[len(shipped.start) :]}) == len(shipped.leds)  # each its own
    for message in messages[len(shipped.start) :]:
        assert 0 < message[2] <= 127
    assert set(shipped.leds) <= set(shipped.controls)


def test_the_documents_list_every_shipped_controller_once() -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8") + (ROOT / "README.md").read_text(encoding="utf-8")
    for shipped in SHIPPED:
        counts = {"knobs": "knob", "faders": "fader", "pads": "pad", "buttons": "button"}
        found = {many: sum(name.startswith(f"{one}_") for name in shipped.controls) for many, one in counts.items()}
        has = ", ".join(f"{count} {many}" for many, count in found.items() if count)
        assert page.count(f"| {shipped.name} | {has} | {len(shipped.leds) or 'none'} |") == 1


@pytest.mark.parametrize(
    ("text", "culprits"),
    [
        ("nam = 'x'", ["'nam'", "'name'"]),
        ("match = 'x'", ["'match'"]),
        ("[controls]\nknob_1 = 'cc.0.1'", ["[controls]", "'cc.0.1'"]),
        ("[controls]\nknob_1 = 'cc.1.128'", ["'cc.1.128'", "'cc.1.127'"]),
        ("[bindings]\nspeed = 'cc.17.1'", ["[bindings]", "'cc.17.1'", "'cc.16.1'"]),
        ("[controls]\n'Knob 1' = 'cc.1.1'", ["'Knob 1'"]),
        ("[kinds]\n'cc.1.1' = '14bit'", ["[kinds]", "'14bit'", "'14-bit'"]),
        ("[kinds]\n'cc.1.40' = '14-bit'", ["[kinds]", "cc.1.40", "0 to 31"]),
        ("[kinds]\n'note.1.40' = '7-bit'", ["[kinds]", "note.1.40", "momentary"]),
        ("[controls]\nknob_1 = 'cc.1.1'\n[kinds]\nknbo = '7-bit'", ["[kinds]", "'knbo'", "'knob_1'"]),
        ("[kinds]\n'Knob 1' = '7-bit'", ["[kinds]", "'Knob 1'"]),
        ("[controls]\na = 'cc.1.1'\nb = 'cc.1.33'\n[kinds]\na = '14-bit'", ["[kinds]", "cc.1.33", "fine byte"]),
        ("[lit]\npad = 128", ["[lit]", "pad"]),
        ("[leds]\npad_1 = 'bend.1'", ["[leds]", "bend.1"]),
        ("start = ['F0 0']", ["'start'"]),
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
