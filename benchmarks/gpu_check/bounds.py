"""What a GPU is asked for: the bound of every figure that has one."""

from __future__ import annotations

from collections.abc import Mapping

BOUNDS = {  # figure: comparison, bound
    "snr_db": (">=", 40.0),
    "finite_at_psi_2": (">=", 1.0),
    "captures_by_knobs": ("<=", 0.0),
    "allocated_by_knobs_bytes": ("<=", 0.0),
    "captures_by_steps": ("<=", 0.0),
    "captures_by_steps_after_cue": ("<=", 0.0),
    "texture_holds_the_frame": (">=", 1.0),
    "shown_in_between": (">=", 1.0),
    "host_ms": ("<=", 0.3),
    "frame_p50_ms": ("<=", 2.0),
    "ratio_to_fp32_reference": (">=", 4.0),
    "ratio_to_fp16_reference": (">=", 2.5),
}
AT_FULL_SIZE = ("frame_p50_ms", "ratio_to_fp32_reference", "ratio_to_fp16_reference")
FULL_SIZE = 1024  # pixels, unreduced; only there are the figures of AT_FULL_SIZE asked for


def misses(figures: Mapping[str, object]) -> list[str]:
    """Return one line for every figure beyond its bound. A figure that was not measured is not asked for."""
    whole = figures.get("size") == FULL_SIZE and figures.get("resolution") in (None, FULL_SIZE)
    lines = []
    for name, (comparison, bound) in BOUNDS.items():
        value = figures.get(name)
        if not isinstance(value, int | float) or (name in AT_FULL_SIZE and not whole):
            continue
        if not (value >= bound if comparison == ">=" else value <= bound):
            lines.append(f"{name} is {value}, wanted {comparison} {bound:g}")
    return lines
