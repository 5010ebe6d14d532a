"""The command line: live | soundcheck | rehearse | render | bench | image | analyze | model | devices."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from engine.borders.errors import UserError, out_of_memory
from engine.borders.options import Options
from engine.cli.arguments import options_of, parser
from engine.system import start_ahead as ahead
from engine.system.allocator import tune_allocator
from engine.system.voice import Voice

voice = Voice()


def _live(args: argparse.Namespace) -> int:
    voice.begin()
    with ahead.fetching():
        from engine.cli.live import open_live
        from engine.loop import perform

        opened = open_live(options_of(args), say)
    with opened as rig:
        perform(rig)
    conclude(rig)
    return 0


def _soundcheck(args: argparse.Namespace) -> int:
    from engine.cli import soundcheck

    voice.begin()
    return soundcheck.run(options_of(args), say)


def _rehearse(args: argparse.Namespace) -> int:
    voice.begin()
    options = options_of(args)
    with ahead.fetching(lambda: _read_ahead(options)):
        from engine import rig as rigs
        from engine.loop import perform

        opened = rigs.open_rehearsal(options, say)
    with opened as rig:
        perform(rig)
    conclude(rig)
    return 0


def _read_ahead(options: Options) -> None:
    from engine.audio.songs import song
    from engine.show import opening

    song.load_ahead(opening.find_song(options))


def conclude(rig: Any) -> None:
    """Say how the show ran, and what it left behind."""
    say(summary(rig))
    for line in rig.bus.summary() if rig.bus is not None else ():
        say(line)


def summary(rig: Any) -> str:
    """Return one line on how the show ran and what held it back."""
    fps, stages = rig.meter.fps(), rig.meter.stages_ms()
    slowest = max(stages, key=lambda stage: stages[stage])
    line = (
        f"{rig.meter.frames} frames, {fps['median']:.1f} fps (slowest 1 %: {fps['p1']:.1f}); "
        f"a frame takes {rig.meter.frame_ms()['p50']:.1f} ms, most of it {slowest} ({stages[slowest]:.1f} ms)"
    )
    if rig.meter.period is not None:
        line += f"; {rig.meter.late} late, {rig.meter.missed} refreshes without a new picture"
    if rig.meter.between:
        made = rig.meter.generated_fps()["median"]
        line += f"; generated at {made:.1f} fps, {rig.meter.between} crossfades in between"
    offset = rig.meter.offset_ms()
    return line + (f"; picture against sound {offset['median']:+.1f} ms" if offset else "")


def _render(args: argparse.Namespace) -> int:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from engine import rig as rigs
    from engine.gesture import players as replay
    from engine.loop import perform

    options = options_of(args)
    if options.song is None and options.replay is None:
        raise UserError("vj render: name a SONG, or a gesture log with --replay")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar, contextlib.ExitStack() as stack:

        def track(clock: Any) -> Any:
            return bar.track(clock, total=clock.frames, description=f"render {options.output}")

        opened = replay.open_replay(options, track, say) if options.replay else rigs.open_render(options, track)
        rig = stack.enter_context(opened)
        perform(rig)
    if rig.proof is not None:
        say(f"{rig.proof.same} of {rig.proof.frames} frames have the latents of the performance")
    say(f"{options.output}: {rig.meter.frames} frames, {1e3 / max(rig.meter.frame_ms()['p50'], 1e-3):.1f} fps")
    return 0


def _bench(args: argparse.Namespace) -> int:
    from engine.bench import run as bench

    if args.sweep:
        from engine.bench import sweep as bench_sweep

        wanted = bench_sweep.parse(args.models, args.resolutions, args.backends, args.precisions)
        return bench_sweep.run(options_of(args), wanted, args.json, args.plot)
    return bench.run(options_of(args), args.json, args.warps)


def _image(args: argparse.Namespace) -> int:
    from engine.cli import image

    image.run(args)
    say(f"{args.output}: written")
    return 0


def _analyze(args: argparse.Namespace) -> int:
    from engine.cli import analyze
    from engine.show.opening import open_song

    return analyze.run(open_song(options_of(args)), args.json, args.plot)


def _devices(args: argparse.Namespace) -> int:
    from engine.cli import devices

    return devices.run(as_json=args.json)


def _model(args: argparse.Namespace) -> int:
    from engine.cli import model as model_cli

    if args.action == "info":
        model_cli.info(args.checkpoint, args.json)
    elif args.action == "compile":
        model_cli.compile_engines(args.checkpoint, args.gpu, args.precision)
    else:
        model_cli.convert(args.checkpoint, args.output)
    return 0


def say(line: str) -> None:
    """Print one line for the performer, apart from what a command outputs; a show does not wait for its reader."""
    voice.say(line)


RUN: Mapping[str, Callable[[argparse.Namespace], int]] = MappingProxyType(
    {
        "live": _live, "soundcheck": _soundcheck, "rehearse": _rehearse, "render": _render, "bench": _bench,
        "image": _image, "analyze": _analyze, "devices": _devices, "model": _model,
    }
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 2 with one line on bad input, or 130 when interrupted."""
    tune_allocator()  # before anything loads torch
    try:
        args = parser().parse_args(argv)
        return RUN[args.command](args)
    except UserError as error:
        say(" ".join(str(error).split()))
        return 2
    except KeyboardInterrupt:
        return 130
    except (MemoryError, RuntimeError, OSError) as error:
        if not out_of_memory(error):
            raise
        say("out of memory: choose a smaller --resolution or --size, or close other programs")
        return 2
    finally:
        voice.end()


def run() -> NoReturn:
    """Run the command line, and end with all that matters closed and written.

    The libraries' own farewells are not waited for: torch's take longer than all else, and those of threads
    that a dead sound server holds, or a backend that is still being built, may never come.
    """
    code = main()
    for out in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or nobody reads it
            out.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
