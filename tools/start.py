#!/usr/bin/env python3
"""Set everything up, then play: `python3 tools/start.py` runs the demo, with arguments it runs `vj`.

python3 tools/start.py                           the demo: in a window, or to show.mp4 without a display
python3 tools/start.py rehearse song.flac        whatever vj takes
python3 tools/start.py --help                    what vj takes
python3 tools/start.py --tensorrt [...]          install the extra tensorrt first
python3 tools/start.py --directml [...]          install the extra directml first (Windows)
python3 tools/start.py --faces [...]             install the model of the preset faces first
python3 tools/start.py --torch=NAME [...]        another build of torch: auto, cpu, cu126, cu130, rocm7.2, xpu, pypi
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
if sys.version_info < (3, 11):  # noqa: UP036 (an older one hands over here, before it reads newer syntax)
    from tools.setup.newer_python import start

    sys.exit(start(__file__, sys.argv[1:]))
from tools.setup import environment, extras, system_parts

SETLIST = Path(__file__).resolve().parent.parent / "presets" / "setlists" / "show.toml"


def demo() -> list[str]:
    """Return the arguments for vj when the user gives none."""
    if system_parts.has_display():
        return ["rehearse", "show", "--setlist", str(SETLIST)]
    environment.say("no display here: rendering twenty seconds of the demo to show.mp4")
    return ["render", "show", "-o", "show.mp4", "--preset", "tunnel", "--seconds", "20"]


def become(arguments: list[str]) -> int:
    """Run vj in this process's place, so that its exit code and Ctrl-C are its own."""
    # -P: a folder called engine in the user's own folder is not our package.
    command = [str(environment.PYTHON), "-P", "-m", "engine", *arguments]
    if os.name != "nt":
        os.execve(command[0], command, environment.variables())
    process = subprocess.Popen(command, env=environment.variables())
    while True:  # Windows cannot replace a process; Ctrl-C reaches vj by itself, and vj ends in its own way
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def own(arguments: list[str]) -> tuple[list[str], str | None, list[str]]:
    """Return what is this program's own and stands first: extras, a build of torch; then what is for vj."""
    also: list[str] = []
    torch = None
    while arguments:
        name, _, value = arguments[0].removeprefix("--").partition("=")
        if arguments[0] in {f"--{extra}" for extra in extras.ON_REQUEST}:
            also.append(name)
        elif arguments[0].startswith("--torch="):
            torch = value
        else:
            break
        arguments = arguments[1:]
    return also, torch, arguments


def main() -> int:
    """Set up, then run vj."""
    also, torch, arguments = own(sys.argv[1:])
    try:
        environment.ready(also=also, torch=torch)
    except KeyboardInterrupt:
        print("interrupted; start again to go on", file=sys.stderr)
        return 130
    return become(arguments or demo())


if __name__ == "__main__":
    sys.exit(main())
