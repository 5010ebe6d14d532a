"""What can go wrong in a night: each fault begins, lasts some seconds and is made good again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.night.venue import Venue
from tests.builders.sound_server import Source
from tests.builders.unplugged import unplugged

Act = Callable[[Venue, random.Random], str]  # returns what it did, and for a flood how many last values were lost
FLOOD = 20_000  # packets
ADDRESSES = 24  # that a flood of OSC moves
TAKEN = 1 << 30  # bytes that a neighbour takes
ARRIVES_SECONDS = 3.0  # s; a flood's last values are seen by then
SPIN = "import time; end = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
TAKE = "import time; taken = b'x' * {taken}; time.sleep({seconds})"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault."""

    act: Act
    stops: bool = False  # whether it stops the show's process itself
    window: bool = False  # whether it needs a display
    moves: bool = False  # whether the picture on the wall changes with it in order
    supervised: bool = False  # whether it needs a supervisor


def sound_killed(venue: Venue, chance: random.Random) -> str:
    """Kill the sound server, and start it again."""
    venue.end_sound(signal.SIGKILL)
    time.sleep(chance.uniform(0.5, 3.0))
    venue.start_sound()
    return ""


def sound_hung(venue: Venue, chance: random.Random) -> str:
    """Stop the sound server for some seconds.

    JACK's dummy driver, which no sound card wakes, may go on sleeping for most of a minute then. No message comes
    through meanwhile, whoever listens: the server is started anew.
    """
    venue.signal_sound(signal.SIGSTOP)
    time.sleep(chance.uniform(0.5, 4.0))
    venue.signal_sound(signal.SIGCONT)
    if venue.sound_runs():
        return ""
    venue.end_sound(signal.SIGKILL)
    venue.start_sound()
    return "JACK's driver went on sleeping, and was started anew"


def input_pulled(venue: Venue, chance: random.Random) -> str:
    """Unplug the sound input, and plug it in again."""
    return _pulled(venue.sources["stage"], chance)


def midi_pulled(venue: Venue, chance: random.Random) -> str:
    """Unplug the controller, and plug it in again."""
    return _pulled(venue.sources["desk"], chance)


def _pulled(source: Source, chance: random.Random) -> str:
    source.plug("out")
    time.sleep(chance.uniform(0.2, 3.0))
    source.plug("in")
    return ""


def default_changed(venue: Venue, chance: random.Random) -> str:
    """Let another input be the system's default: the one before goes, and later it is the other way round."""
    venue.sources["other"] = Source("other", "click", 0.3, venue.env)
    venue.sources.pop("stage").kill()
    time.sleep(chance.uniform(3.0, 5.0))
    venue.sources["stage"] = Source("stage", "click", 0.25, venue.env)
    venue.sources.pop("other").kill()
    return ""


def spoil(path: Path, chance: random.Random) -> str:
    """Break a file in one of the ways in which files break; return which."""
    whole = path.read_bytes()
    how = chance.choice(("empty", "half", "rubbish", "bytes", "gone", "twice"))
    if how == "gone":
        path.unlink()
        return how
    octets = bytearray(whole)
    for _ in range(20):
        octets[chance.randrange(len(octets))] = chance.randrange(256)
    broken = {"empty": b"", "half": whole[: len(whole) // 2], "rubbish": chance.randbytes(500), "bytes": bytes(octets)}
    path.write_bytes(broken.get(how, whole + whole))
    return how


def _spoilt(venue: Venue, path: Path, chance: random.Random) -> str:
    whole, told = path.read_bytes(), []
    for _ in range(3):  # an editor that saves again and again
        told.append(spoil(path, chance))
        time.sleep(chance.uniform(0.3, 0.9))
        path.write_bytes(whole)
    time.sleep(0.5)
    return f"{path.name}: {', '.join(told)}"


def preset_broken(venue: Venue, chance: random.Random) -> str:
    """Break the preset that plays."""
    return _spoilt(venue, venue.folder / "evening.toml", chance)


def setlist_broken(venue: Venue, chance: random.Random) -> str:
    """Break the setlist."""
    return _spoilt(venue, venue.folder / "set.toml", chance)


def shader_broken(venue: Venue, chance: random.Random) -> str:
    """Break a pass of the preset."""
    return _spoilt(venue, venue.folder / "shaders" / "night.frag", chance)


def checkpoint_broken(venue: Venue, chance: random.Random) -> str:
    """Break the checkpoint of a preset, and ask for that preset; then mend it and ask again, and go back."""
    path = venue.folder / "guest.pt"
    whole = path.read_bytes()
    how = spoil(path, chance)
    venue.ask("/cue/guest")
    time.sleep(1.5)
    path.write_bytes(whole)
    venue.ask("/cue/guest")
    time.sleep(1.5)
    venue.ask("/cue/evening")
    time.sleep(1.0)
    return how


def profile_broken(venue: Venue, chance: random.Random) -> str:
    """Break the controller's profile while the controller comes back."""
    path = venue.folder / "config" / "latentvj" / "controllers" / "desk.toml"
    whole = path.read_bytes()
    how = spoil(path, chance)
    _pulled(venue.sources["desk"], chance)
    path.write_bytes(whole)
    return how


def disk_full(venue: Venue, chance: random.Random) -> str:
    """Fill the disk that has the film, the gesture log and the journal; then record anew."""
    ballast = venue.small / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while venue.mounted and file.write(bytes(1 << 16)):
            pass
    time.sleep(chance.uniform(1.0, 4.0))
    ballast.unlink(missing_ok=True)
    for film in venue.small.glob("film*"):
        film.unlink(missing_ok=True)
    return "" if venue.mounted else "no disk of its own"


def cues(venue: Venue, chance: random.Random) -> str:
    """Ask for one cue after the other."""
    for _ in range(12):
        venue.ask(chance.choice(("/cue/second", "/cue/evening", "/command/cue.next", "/command/cue.previous")))
        time.sleep(chance.uniform(0.05, 0.3))
    venue.ask("/cue/evening")
    time.sleep(1.0)
    return ""


def osc_flood(venue: Venue, chance: random.Random) -> str:
    """Send thousands of packets at once, rubbish among them; the last value of every address must arrive."""
    for number in range(FLOOD):
        kind = number % 40
        if kind == 0:
            venue.send(chance.randbytes(chance.randrange(1, 64)))
        elif kind == 1:
            venue.ask(f"/no/such/{chance.randrange(50)}", 1.0)
        else:
            venue.ask(f"/control/flood{number % ADDRESSES}", chance.random())
    last = {f"osc.flood{each}": round(chance.random(), 3) for each in range(ADDRESSES)}
    for name, value in last.items():
        venue.ask(f"/control/{name.removeprefix('osc.')}", value)
    return f"lost {_lost(venue, last)}"


def midi_flood(venue: Venue, chance: random.Random) -> str:
    """Turn eight controls at once as fast as a port takes it; the last value of every one must arrive.

    Where JACK has left somebody out of a period meanwhile, and a value is missing, the last ones are sent once more.
    """
    desk, since = venue.sources["desk"], venue.sound_said()
    for _ in range(150):
        for control in range(20, 28):
            desk.send(0xB0, control, chance.randrange(128))
        time.sleep(0.01)
    last = {f"midi.cc.1.{control}": chance.randrange(128) for control in range(20, 28)}
    lost, again = _turned(venue, desk, last), ""
    if lost and (left_out := venue.left_out(since)):
        again = f"; {lost} at first, as JACK left out {', '.join(sorted(set(left_out)))}"
        lost = _turned(venue, desk, last)
    return f"lost {lost}{again}"


def _turned(venue: Venue, desk: Source, last: dict[str, int]) -> int:
    """Turn controls to these values; return how many of them do not arrive."""
    for name, value in last.items():
        desk.send(0xB0, int(name.rpartition(".")[2]), value)
    return _lost(venue, {name: value / 127 for name, value in last.items()})


def _lost(venue: Venue, last: dict[str, float]) -> int:
    """Return how many of these controls do not stand there in time."""

    def missing() -> int:
        controls = venue.rows()[-1]["controls"] if venue.rows() else {}
        return sum(abs(controls.get(name, -1.0) - value) > 2e-3 for name, value in last.items())

    venue.until(lambda: missing() == 0, ARRIVES_SECONDS)
    return missing()


def core_throttled(venue: Venue, chance: random.Random) -> str:
    """Keep the show on one core with a program that computes as hard as it can."""
    seconds, pid = chance.uniform(1.0, 3.0), venue.show()
    cores = os.sched_getaffinity(0)
    core = {chance.choice(sorted(cores))}
    busy = subprocess.Popen([sys.executable, "-c", SPIN.format(seconds=seconds)])
    os.sched_setaffinity(busy.pid, core)
    tasks = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    for who, where in ((core, seconds), (cores, 0.0)):
        for task in tasks:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(task, who)
        time.sleep(where)
    busy.wait(10.0)
    return ""


def memory_taken(venue: Venue, chance: random.Random) -> str:
    """Let a neighbour take a gigabyte at once."""
    seconds = chance.uniform(1.0, 3.0)
    subprocess.run([sys.executable, "-c", TAKE.format(taken=TAKEN, seconds=seconds)], check=False)
    return ""


def display_dropped(venue: Venue, chance: random.Random) -> str:
    """Pull the display's cable for some seconds."""
    assert venue.display is not None
    with unplugged(f":{venue.display.number}"):
        time.sleep(chance.uniform(0.5, 3.0))
    time.sleep(1.5)
    return ""


def stopped(venue: Venue, chance: random.Random) -> str:
    """Stop the show for less than its supervisor waits."""
    pid, seconds = _playing(venue), chance.uniform(0.3, 2.2)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
    return f"{seconds:.1f} s"


def _playing(venue: Venue) -> int:
    """Return the number of the process that plays, once there is one."""
    venue.until(lambda: venue.show() != 0)
    return venue.show() or sys.exit("no process plays")


def _comes_back(venue: Venue, pid: int) -> str:
    back = venue.until(lambda: venue.show() not in (0, pid)) and venue.plays(10)
    return "" if back else "it did not come back"


def killed(venue: Venue, _chance: random.Random) -> str:
    """Kill the show."""
    pid = _playing(venue)
    os.kill(pid, signal.SIGKILL)
    return _comes_back(venue, pid)


def hung(venue: Venue, _chance: random.Random) -> str:
    """Stop the show for good."""
    pid = _playing(venue)
    os.kill(pid, signal.SIGSTOP)
    return _comes_back(venue, pid)


def starved(venue: Venue, _chance: random.Random) -> str:
    """Take the memory, until the kernel kills the show."""
    pid = _playing(venue)
    if venue.pasture is None:
        return killed(venue, _chance)
    venue.pasture.starve(pid)
    return _comes_back(venue, pid)


def killed_without_spare(venue: Venue, chance: random.Random) -> str:
    """Kill the process that is copied for a return, and the curtain; the show a while later.

    The first one's double is copied then, and has a double of its own by the next time.
    """
    for spare in (venue.copied(), venue.beside("curtain")):
        if spare:
            os.kill(spare, signal.SIGKILL)
    time.sleep(chance.uniform(4.0, 6.0))
    return killed(venue, chance)


def killed_with_broken_files(venue: Venue, chance: random.Random) -> str:
    """Kill the show while one of its files is broken, and mend the file a second later."""
    controllers = venue.folder / "config" / "latentvj" / "controllers"
    files = [venue.folder / "evening.toml", venue.folder / "set.toml", venue.folder / "shaders" / "night.frag"]
    path = chance.choice([*files, controllers / "desk.toml"])
    whole, pid = path.read_bytes(), _playing(venue)
    how = spoil(path, chance)
    os.kill(pid, signal.SIGKILL)
    time.sleep(1.0)
    path.write_bytes(whole)
    return f"{path.name} {how} {_comes_back(venue, pid)}"


def display_killed(venue: Venue, chance: random.Random) -> str:
    """Kill the X server, and start it again under its number."""
    assert venue.display is not None
    number, pid = venue.display.number, venue.show()
    venue.end_display(signal.SIGKILL)
    time.sleep(chance.uniform(0.1, 1.0))
    venue.start_display(number)
    return _comes_back(venue, pid)


FAULTS: dict[str, Fault] = {
    "sound_killed": Fault(sound_killed),
    "sound_hung": Fault(sound_hung),
    "input_pulled": Fault(input_pulled),
    "midi_pulled": Fault(midi_pulled),
    "default_changed": Fault(default_changed),
    "preset_broken": Fault(preset_broken),
    "setlist_broken": Fault(setlist_broken),
    "shader_broken": Fault(shader_broken),
    "checkpoint_broken": Fault(checkpoint_broken, moves=True),
    "profile_broken": Fault(profile_broken),
    "disk_full": Fault(disk_full),
    "cues": Fault(cues, moves=True),
    "osc_flood": Fault(osc_flood),
    "midi_flood": Fault(midi_flood),
    "core_throttled": Fault(core_throttled),
    "memory_taken": Fault(memory_taken),
    "display_dropped": Fault(display_dropped, window=True, moves=True),
    "stopped": Fault(stopped, stops=True),
    "killed": Fault(killed, stops=True, supervised=True),
    "hung": Fault(hung, stops=True, supervised=True),
    "starved": Fault(starved, stops=True, supervised=True),
    "killed_without_spare": Fault(killed_without_spare, stops=True, supervised=True),
    "killed_with_broken_files": Fault(killed_with_broken_files, stops=True, supervised=True),
    "display_killed": Fault(display_killed, stops=True, window=True, moves=True, supervised=True),
}
