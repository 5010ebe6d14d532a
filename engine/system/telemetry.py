"""What the machine is really doing: NVIDIA's NVML where there is a GPU, psutil everywhere. Nothing invented.

A slow thread asks, the overlay reads the last answer. A number that cannot be had is None and shown so.
"""

from __future__ import annotations

import platform
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HISTORY = 66  # samples kept for the graphs
MOST_PROCESSES = 4  # beside our own


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU as NVML describes it; bytes, watts, degrees Celsius, percent."""

    index: int
    name: str
    memory_used: int
    memory_total: int
    utilisation: int | None
    temperature: int | None
    power: float | None
    power_limit: float | None
    fan: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """One look at the machine.

    ``processes`` are this engine and whatever else computes on the GPU: (pid, CPU %, bytes, seconds, command).
    Histories are percent, oldest first.
    """

    clock: str
    cpu_name: str
    cpu: float
    cores: tuple[float, ...]
    load: tuple[float, float, float]
    memory_used: int
    memory_total: int
    swap: float
    processes: tuple[tuple[int, float, int, float, str], ...]
    gpus: tuple[Gpu, ...]
    driver: str
    cpu_history: tuple[float, ...]
    gpu_history: tuple[float, ...]
    memory_history: tuple[float, ...] = ()


class Telemetry:
    """Asks every ``period`` seconds on its own thread; ``latest`` is the last answer, None before the first."""

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
        psutil.cpu_percent(percpu=True)  # the first answer of both is the time since boot
        me.cpu_percent()
        while not self._stop.wait(self._period):
            self.latest = self._look(psutil, me, nvml, driver, name)

    def _look(self, psutil: Any, me: Any, nvml: Any, driver: str, name: str) -> Machine:
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
        """Stop asking."""
        self._stop.set()
        self._thread.join(2.0 * self._period + 1.0)


def cpu_name() -> str:
    """Return what the processor calls itself."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "CPU"


def _open_nvml() -> tuple[Any, str]:
    """Return NVML and the driver's version, or (None, "") where there is no NVIDIA driver."""
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


def _ask_gpus(nvml: Any) -> tuple[Gpu, ...]:
    if nvml is None:
        return ()

    def ask(question: Callable[..., Any], *about: Any) -> Any:
        try:
            return question(*about)
        except nvml.NVMLError:  # not every card has every sensor
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
                power=None if power is None else power / 1000,  # milliwatts
                power_limit=None if limit is None else limit / 1000,
                fan=ask(nvml.nvmlDeviceGetFanSpeed, gpu),
            )
        )
    return tuple(found)


def _others(psutil: Any, nvml: Any, me: int) -> tuple[tuple[int, float, int, float, str], ...]:
    """Return the other processes that compute on the first GPU, as NVML knows them: bytes are the GPU's."""
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
    except (nvml.NVMLError, psutil.Error):  # gone meanwhile, or none of our business
        pass
    return tuple(found[:MOST_PROCESSES])


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
