"""Simulated machines: system and processor, Python, cards; the build of torch for each, a part of what is missed."""

from __future__ import annotations

from engine.system.graphics_cards import Card


def nvidia(name: str, driver: str | None, compute: tuple[int, int] | None = None) -> Card:
    return Card("nvidia", name, driver, compute)


RTX_4090, RTX_5090 = nvidia("RTX 4090", "580.88", (8, 9)), nvidia("RTX 5090", "581.15", (12, 0))
UHD, ARC = Card("intel", "Intel(R) UHD Graphics"), Card("intel", "Intel(R) Arc(TM) A770 Graphics")
RX_7900, VEGA = Card("amd", "AMD GPU 744c", target="gfx1100"), Card("amd", "AMD GPU 1638", target="gfx90c")
LINUX, WINDOWS, MAC = ("Linux", "x86_64"), ("Windows", "x86_64"), ("Darwin", "arm64")

# system and processor, Python, cards: build, and a part of what is missed ("" where nothing is)
MACHINES = {
    "Windows laptop, Intel and RTX 4090": (WINDOWS, (3, 12), [UHD, RTX_4090], "cu130", ""),
    "Windows, RTX 5090": (WINDOWS, (3, 14), [RTX_5090], "cu130", ""),
    "Windows, GTX 1080": (WINDOWS, (3, 11), [nvidia("GTX 1080", "580.88", (6, 1))], "cu126", ""),
    "Windows, driver of 2024": (WINDOWS, (3, 11), [nvidia("RTX 3060", "566.36", (8, 6))], "cu126", ""),
    "Windows, old driver": (WINDOWS, (3, 11), [nvidia("RTX 3060", "511.65", (8, 6))], "pypi", "driver 525 or newer"),
    "Windows, RTX 5090, old driver": (WINDOWS, (3, 13), [nvidia("RTX 5090", "572.16", (12, 0))], "pypi", "driver 580"),
    "Windows, no GPU": (WINDOWS, (3, 13), [], "pypi", ""),
    "Windows, AMD": (WINDOWS, (3, 12), [Card("amd", "Radeon RX 7900 XT")], "pypi", ""),
    "Windows, Arc": (WINDOWS, (3, 12), [ARC], "xpu", ""),
    "Windows, Intel UHD": (WINDOWS, (3, 12), [UHD], "pypi", ""),
    "Linux, RTX 4090": (LINUX, (3, 11), [RTX_4090], "pypi", ""),
    "Linux, two cards, an old and a new": (
        LINUX,
        (3, 11),
        [nvidia("GTX 1080", "580.65", (6, 1)), RTX_4090],
        "pypi",
        "",
    ),
    "Linux, V100": (LINUX, (3, 11), [nvidia("Tesla V100", "580.65.06", (7, 0))], "cu126", ""),
    "Linux, driver 535": (LINUX, (3, 12), [nvidia("RTX 2080", "535.183.01", (7, 5))], "cu126", ""),
    "Linux, driver 470": (LINUX, (3, 12), [nvidia("RTX 2080", "470.256.02")], "cpu", "driver 525 or newer"),
    "Linux, Kepler": (LINUX, (3, 12), [nvidia("GTX 680", "470.256.02", (3, 0))], "cpu", ""),
    "Linux, the driver does not answer": (LINUX, (3, 12), [nvidia("NVIDIA GPU 2684", None)], "cpu", "does not answer"),
    "Linux, nvidia-smi hung, driver known": (LINUX, (3, 12), [nvidia("NVIDIA GPU 2684", "590.44")], "pypi", ""),
    "Linux, no GPU": (LINUX, (3, 11), [], "cpu", ""),
    "Linux, Python 3.14, Intel UHD": (LINUX, (3, 14), [Card("intel", "Intel GPU 9a49")], "cpu", ""),
    "Linux, Arc B580": (LINUX, (3, 13), [Card("intel", "Intel GPU e20b")], "xpu", ""),
    "Linux, RX 7900": (LINUX, (3, 12), [RX_7900], "rocm7.2", ""),
    "Linux, a Ryzen's own GPU": (LINUX, (3, 12), [VEGA], "cpu", ""),
    "Linux, AMD without its compute driver": (LINUX, (3, 12), [Card("amd", "AMD GPU 744c")], "cpu", "/dev/kfd"),
    "Linux on ARM, no GPU": (("Linux", "arm64"), (3, 12), [], "cpu", ""),
    "Linux on ARM, GB10": (("Linux", "arm64"), (3, 12), [nvidia("GB10", "580.95", (12, 1))], "cu130", ""),
    "Mac, M3": (MAC, (3, 13), [Card("apple", "Apple's GPU")], "pypi", ""),
}
