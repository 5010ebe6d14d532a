"""Telemetry of the machine, all of it measured: NVIDIA's NVML reports on the GPUs, psutil on the rest.

A slow thread polls both, and the overlay reads the last result. A number that is not available is None.
"""

from __future__ import annotations

import platform
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

HISTORY = 66  # samples; length of the graphs
MAX_PROCESSES = 4  # processes that are listed beside the engine's own

Untyped: TypeAlias = Any  # of psutil and pynvml, which have no types


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU as NVML describes it."""

    index: int
    name: str
    memory_used: int  # bytes
    memory_total: int  # bytes
    utilisation: int | None  # percent
    temperature: int | None  # degrees Celsius
    power: float | None  # watts
    power_limit: float | None  # watts
    fan: int | None  # percent


@dataclass(frozen=True, slots=True)
class Machine:
    """The state of the machine at one moment.

    ``processes`` are this engine and the others that compute on the first GPU. Histories are percent, oldest first.
    """

    clock: str  # date and time, as a desktop's panel shows them
    cpu_name: str
    cpu: float  # percent, the mean of all cores
    cores: tuple[float, ...]  # percent
    load: tuple[float, float, float]  # the means of 1, 5 and 15 minutes
    memory_used: int  # bytes
    memory_total: int  # bytes
    swap: float  # percent
    processes: tuple[tuple[int, float, int, float, str], ...]  # pid, CPU percent, bytes, CPU seconds, command
    gpus: tuple[Gpu, ...]
    driver: str
    cpu_history: tuple[float, ...]
    gpu_history: tuple[float, ...]
    memory_history: tuple[float, ...] = ()


class Telemetry:
    """Measures every ``period`` seconds in its own thread; ``latest`` is the last result, None before the first."""

    def __init__(self, period: float = 1.0) -> None:
        self.latest: Machine | None = None
        self._period = period
        self._cpu: deque[float] = deque(maxlen=HISTORY)
        self._gpu: deque[float] = deque(maxlen=HISTORY)
        self._memory: deque[float] = deque(maxlen=HISTORY)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def look(self) -> Machine | None:
        """Return the last answer, None before the first."""
        return self.latest

    def _run(self) -> None:
        import psutil

        nvml, driver = _open_nvml()
        me = psutil.Process()
        name = cpu_name()
        psutil.cpu_percent(percpu=True)  # the first results of both cover the time since boot
        me.cpu_percent()
        while not self._stop.wait(self._period):
            self.latest = self._measure(psutil, me, nvml, driver, name)

    def _measure(self, psutil: Untyped, me: Untyped, nvml: Untyped, driver: str, name: str) -> Machine:
        cores = tuple(psutil.cpu_percent(percpu=True))
        cpu = sum(cores) / max(1, len(cores))
        gpus = _ask_gpus(nvml)
        self._cpu.append(cpu)
        if gpus and gpus[0].utilisation is not None:
            self._gpu.append(float(gpus[0].utilisation))
        memory = psutil.virtual_memory()
        self._memory.append(100.0 * (memory.total - memory.available) / max(1, memory.total))
        with me.oneshot():
            times = me.cpu_times()
            mine = (me.pid, me.cpu_percent(), me.memory_info().rss, times.user + times.system, "vj")
        return Machine(
            clock=time.strftime("%a %d %b  %H:%M"),
            cpu_name=name,
            cpu=cpu,
            cores=cores,
            load=psutil.getloadavg(),
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            swap=psutil.swap_memory().percent,
            processes=(mine, *_others(psutil, nvml, me.pid)),
            gpus=gpus,
            driver=driver,
            cpu_history=tuple(self._cpu),
            gpu_history=tuple(self._gpu),
            memory_history=tuple(self._memory),
        )

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join(2.0 * self._period + 1.0)


def cpu_name() -> str:
    """Return the processor's name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "CPU"


def _open_nvml() -> tuple[Untyped, str]:
    """Return the module of NVML and the driver's version, or (None, "") without an NVIDIA driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml, _text(pynvml.nvmlSystemGetDriverVersion())
    except (ImportError, OSError, RuntimeError):
        return None, ""
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "pynvml":
            raise
        return None, ""


def _ask_gpus(nvml: Untyped) -> tuple[Gpu, ...]:
    if nvml is None:
        return ()

    def ask(function: Callable[..., Untyped], *arguments: Untyped) -> Untyped:
        try:
            return function(*arguments)
        except nvml.NVMLError:  # a card may lack a sensor
            return None

    found = []
    for index in range(ask(nvml.nvmlDeviceGetCount) or 0):
        gpu = ask(nvml.nvmlDeviceGetHandleByIndex, index)
        memory = None if gpu is None else ask(nvml.nvmlDeviceGetMemoryInfo, gpu)
        if memory is None:
            continue
        rates = ask(nvml.nvmlDeviceGetUtilizationRates, gpu)
        power, limit = ask(nvml.nvmlDeviceGetPowerUsage, gpu), ask(nvml.nvmlDeviceGetEnforcedPowerLimit, gpu)
        found.append(
            Gpu(
                index=index,
                name=_text(ask(nvml.nvmlDeviceGetName, gpu) or "GPU"),
                memory_used=memory.used,
                memory_total=memory.total,
                utilisation=None if rates is None else rates.gpu,
                temperature=ask(nvml.nvmlDeviceGetTemperature, gpu, nvml.NVML_TEMPERATURE_GPU),
                power=None if power is None else power / 1000,  # from milliwatts
                power_limit=None if limit is None else limit / 1000,
                fan=ask(nvml.nvmlDeviceGetFanSpeed, gpu),
            )
        )
    return tuple(found)


def _others(psutil: Untyped, nvml: Untyped, me: int) -> tuple[tuple[int, float, int, float, str], ...]:
    """Return the other processes that compute on the first GPU, by NVML; their bytes are those of the GPU."""
    if nvml is None:
        return ()
    found = []
    try:
        for process in nvml.nvmlDeviceGetComputeRunningProcesses(nvml.nvmlDeviceGetHandleByIndex(0)):
            if process.pid != me:
                other = psutil.Process(process.pid)
                times = other.cpu_times()
                taken = times.user + times.system
                found.append((process.pid, 0.0, process.usedGpuMemory or 0, taken, other.name()))
    except (nvml.NVMLError, psutil.Error):  # the process has ended, or belongs to another user
        pass
    return tuple(found[:MAX_PROCESSES])


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
