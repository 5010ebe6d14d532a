"""What a drill's trace says."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.night import pictures, vitals
from benchmarks.night.faults import FAULTS

if TYPE_CHECKING:
    from benchmarks.chaos import Drill, Struck

OUTSIDE, INSIDE = 0.5, 5.0  # s; no gap may be longer
HUNG = 3.0  # s; a hang is detected after that (engine/cli/supervise.py)
AFTER = 1.5  # s; a gap that begins so soon after a fault's end is still of it
LOST = re.compile(r"lost (\d+)(?:; (\d+) at first)?")  # what a flood tells
PERIOD = 1 / 30  # s; of the show's frames


def figures(drill: Drill, trace: Path, stalls: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return the figures of a drill; ``stalls`` are the canary's gaps."""
    shown = pictures.read(trace)
    gaps = [gap for gap in shown.gaps if gap.begin > drill.began and gap.end < drill.ended]
    rows = [told(gap, drill.struck, stalls, drill.began) for gap in gaps]
    inside = [row for row in rows if row["stops"]]
    outside = [row for row in rows if not row["stops"]]
    floods = [LOST.match(each.told) for each in drill.struck]
    lost, by_jack = (sum(int(flood[n] or 0) for flood in floods if flood) for n in (1, 2))
    away = [each.name for each in drill.struck if "did not come back" in each.told]
    longest_outside = max((row["seconds"] for row in outside), default=0.0)
    longest_inside = max((row["after_detection"] for row in inside), default=0.0)
    seen = [each.wall for each in drill.struck if each.wall is not None and not FAULTS[each.name].stops]
    return {
        "minutes": round((drill.ended - drill.began) / 60, 1),
        "faults": len(drill.struck),
        "pictures": shown.shown,
        "numbers_missing": shown.missing,
        "longest_gap_outside_s": longest_outside,
        "longest_gap_outside_without_the_machines_own_s": max((r["seconds"] - r["canary"] for r in outside), default=0),
        "longest_gap_stopped_s": max((row["seconds"] for row in inside), default=0.0),
        "longest_gap_stopped_after_detection_s": longest_inside,
        "canary_longest_gap_s": round(max((b - a for a, b in stalls), default=0.0), 3),
        "frames_lost": sum(round(gap.seconds / PERIOD) - 1 for gap in gaps),
        "values_lost": lost,
        "values_lost_by_jack": by_jack,
        "did_not_come_back": away,
        "wall": {
            "looks": sum(each.looks for each in seen),
            "other": sum(each.other for each in seen),
            "worst_share": max((each.worst for each in seen), default=0.0),
        },
        **steady(drill.struck),
        "exit_code": drill.exit_code,
        "load_at_end": round(os.getloadavg()[0], 1),
        "holds": longest_outside <= OUTSIDE and longest_inside <= INSIDE and not lost and not away
        and drill.exit_code == 0 and not sum(each.other for each in seen),
        "longest": sorted(rows, key=lambda row: -row["seconds"])[:12],
        "longest_outside": sorted(outside, key=lambda row: -row["seconds"])[:12],
        "struck": [row_of(each, drill.began) for each in drill.struck],
    }  # fmt: skip


def told(
    gap: pictures.Gap, struck: Sequence[Struck], stalls: Sequence[tuple[float, float]], began: float
) -> dict[str, Any]:
    """Return a gap with the fault that it belongs to, and how long the canary stood meanwhile."""
    of = [each for each in struck if each.begin <= gap.end and gap.begin <= each.end + AFTER]
    stopping = [each for each in of if FAULTS[each.name].stops]
    name = (stopping or of)[-1].name if of else ""
    detection = HUNG if name == "hung" else 0.0
    canary = sum(max(0.0, min(b, gap.end) - max(a, gap.begin)) for a, b in stalls)
    return {
        "fault": name,
        "stops": bool(stopping),
        "seconds": round(gap.seconds, 3),
        "after_detection": round(max(0.0, gap.seconds - detection), 3),
        "canary": round(canary, 3),
        "minute": round((gap.begin - began) / 60, 2),
        "stage": gap.stage,
        "stage_seconds": round(gap.stage_seconds, 3),
    }


def steady(struck: Sequence[Struck]) -> dict[str, Any]:
    """Return how threads, descriptors and memory went, process by process."""
    lives: dict[int, list[vitals.Vitals]] = {}
    for each in struck:
        if each.calm is not None:
            lives.setdefault(each.life, []).append(each.calm)
    rows = [
        {
            "minutes": round((seen[-1].at - seen[0].at) / 60, 1),
            "faults": len(seen),
            **{
                name: [round(getattr(seen[at], name)) for at in (0, len(seen) // 2, -1)]
                for name in ("threads", "descriptors", "pss_mb")
            },
        }
        for seen in lives.values()
        if len(seen) > 2
    ]
    return {"lives": rows}


def row_of(each: Struck, began: float) -> dict[str, Any]:
    """Return what was struck, in short."""
    calm = each.calm
    return {
        "minute": round((each.begin - began) / 60, 2),
        "fault": each.name,
        "seconds": round(each.end - each.begin, 1),
        "told": each.told,
        **({"threads": calm.threads, "descriptors": calm.descriptors, "pss_mb": round(calm.pss_mb)} if calm else {}),
        **({"wall": asdict(each.wall)} if each.wall is not None else {}),
    }
