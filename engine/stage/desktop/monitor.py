"""The right terminal: nvitop's layout with the measured state of the machine."""

from __future__ import annotations

from engine.stage.desktop.glyphs import BLUE, CYAN, GREEN, GREY, INK, PURPLE, RED, YELLOW, Line, Span
from engine.system.telemetry import HISTORY, Gpu, Machine

WIDTH = 79  # characters of a line
_INSIDE = WIDTH - 2
_SPLIT = (31, 22, 22)  # characters; widths of nvitop's three columns
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = " ▁▂▃▄▅▆▇█"


def monitor(machine: Machine | None) -> list[Line]:
    """Return the panel's lines, each WIDTH characters wide."""
    if machine is None:
        return [(("asking the machine ...", GREY),)]
    lines: list[Line] = [((machine.clock, INK), (" " * (WIDTH - len(machine.clock) - 8) + "latentvj", GREY))]
    lines += _gpus(machine) if machine.gpus else _processor(machine)
    lines.append(())
    lines.append((("[ CPU: ", INK), *_bar(machine.cpu, 40), (_fill(f" {machine.cpu:5.1f}%", 8), INK), (" ]", INK)))
    share = 100.0 * machine.memory_used / max(1, machine.memory_total)
    lines.append((("[ MEM: ", INK), *_bar(share, 40), (_fill(f" {share:5.1f}%", 8), INK), (" ]", INK)))
    lines.append(((_fill(f"  load {' '.join(f'{x:.2f}' for x in machine.load)}   swap {machine.swap:.1f}%"), GREY),))
    lines.append(())
    if machine.gpu_history:
        lines += _graph("GPU", machine.gpu_history, GREEN)
    lines += _graph("CPU", machine.cpu_history, CYAN)
    lines += _graph("MEM", machine.memory_history, YELLOW)
    lines.append(((" " * 6 + "a minute ago" + "now".rjust(HISTORY - 12), GREY),))
    lines.append(())
    lines += _processes(machine)
    return lines


def _gpus(machine: Machine) -> list[Line]:
    lines: list[Line] = [
        ((_rule("╒", "═", "═", "╕"), GREY),),
        _row(f" NVML       Driver Version: {machine.driver}"),
        ((_rule("├", "─", "┬", "┤"), GREY),),
        _columns((" GPU  Name", INK), (" Temp  Pwr:Usage/Cap", INK), (" Memory-Usage / Util", INK)),
        ((_rule("╞", "═", "╪", "╡"), GREY),),
    ]
    for gpu in machine.gpus:
        used = f" {gpu.memory_used >> 20}MiB/{gpu.memory_total >> 20}MiB"
        lines.append(_columns((f" {gpu.index:3d}  {gpu.name}", GREEN), (_heat(gpu), YELLOW), (used, CYAN)))
        lines.append(
            _columns((f"      fan {_of(gpu.fan, '%')}", GREY), ("", INK), (f" {_of(gpu.utilisation, '%')}", GREEN))
        )
    return [*lines, ((_rule("╘", "═", "╧", "╛"), GREY),)]


def _heat(gpu: Gpu) -> str:
    return f" {_of(gpu.temperature, '°C')}  {_of(gpu.power, 'W')}/{_of(gpu.power_limit, 'W')}"


def _of(value: float | None, unit: str) -> str:
    """Return a number of the driver with its unit, or N/A where there is none."""
    return "N/A" if value is None else f"{value:.0f}{unit}"


def _processor(machine: Machine) -> list[Line]:
    """Return the panel of a machine without an NVIDIA GPU; its first line says so."""
    used = f" {machine.memory_used >> 20}MiB/{machine.memory_total >> 20}MiB"
    lines: list[Line] = [
        ((_rule("╒", "═", "═", "╕"), GREY),),
        _row(" No NVIDIA GPU here: the processor does it all           (psutil)"),
        ((_rule("├", "─", "┬", "┤"), GREY),),
        _columns((" CPU  Name", INK), (" Cores", INK), (" Memory-Usage / Util", INK)),
        ((_rule("╞", "═", "╪", "╡"), GREY),),
        _columns((f"   0  {machine.cpu_name}", GREEN), (f" {len(machine.cores)}", YELLOW), (used, CYAN)),
        _columns(("", INK), ("", INK), (f" {machine.cpu:.0f}%", GREEN)),
        ((_rule("╘", "═", "╧", "╛"), GREY),),
    ]
    cores = machine.cores
    for first in range(0, min(len(cores), 16), 2):
        spans: list[Span] = []
        for index in range(first, min(first + 2, len(cores), 16)):
            spans += [(f" {index:3d} ", GREY), *_bar(cores[index], 24), (f"{cores[index]:5.0f}%   ", INK)]
        lines.append(tuple(spans))
    return lines


def _processes(machine: Machine) -> list[Line]:
    lines: list[Line] = [
        ((_rule("╒", "═", "═", "╕"), GREY),),
        _row(" Processes:"),
        _row(f" {'PID':>8} {'%CPU':>8} {'MEM':>10} {'TIME':>10}  COMMAND"),
        ((_rule("╞", "═", "═", "╡"), GREY),),
    ]
    for pid, cpu, memory, seconds, command in machine.processes:
        took = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
        lines.append(_row(f" {pid:>8} {cpu:>7.1f}% {memory >> 20:>7}MiB {took:>10}  {command}", PURPLE))
    return [*lines, ((_rule("╘", "═", "═", "╛"), GREY),)]


def _graph(name: str, history: tuple[float, ...], colour: int, rows: int = 4) -> list[Line]:
    """Return a graph of the last minute, ``rows`` high, with the latest value beside it."""
    recent = history[-HISTORY:]
    lines: list[Line] = []
    for row in range(rows):
        low, high = 100.0 * (rows - 1 - row) / rows, 100.0 / rows
        steps = (min(8, max(0, round((value - low) / high * 8))) for value in recent)
        bars = "".join(_LEVELS[step] for step in steps).rjust(HISTORY)
        said = f" {recent[-1]:3.0f}%" if row == 0 and recent else ""
        lines.append(((f" {name if row == 0 else '':<4}│", GREY), (bars, colour), (said, INK)))
    return lines


def _bar(percent: float, width: int) -> list[Span]:
    """Return a bar of up to ``width`` characters, in steps of an eighth; green, above 60 % yellow, above 85 % red."""
    eighths = round(min(max(percent, 0.0), 100.0) / 100.0 * width * 8)
    text = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    colour = GREEN if percent < 60 else YELLOW if percent < 85 else RED
    return [(text, colour), (" " * (width - len(text)), BLUE)]


def _rule(left: str, fill: str, cross: str, right: str) -> str:
    return left + cross.join(fill * width for width in _SPLIT) + right


def _row(text: str, colour: int = INK) -> Line:
    return (("│", GREY), (_fill(text, _INSIDE), colour), ("│", GREY))


def _columns(*cells: Span) -> Line:
    spans: list[Span] = [("│", GREY)]
    for (text, colour), width in zip(cells, _SPLIT, strict=True):
        spans += [(_fill(text, width), colour), ("│", GREY)]
    return tuple(spans)


def _fill(text: str, width: int = WIDTH) -> str:
    return text[:width].ljust(width)
