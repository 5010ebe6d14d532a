"""Whether the frames are right: fp16 and the graph against the network itself in fp32."""

from __future__ import annotations

import torch

from benchmarks.gpu_check.device import DEVICE
from benchmarks.gpu_check.players import Opened, frame_ms, open_player, paint, path_of
from benchmarks.gpu_check.report import Report
from engine.bench.rates import signal_to_noise_db
from engine.generator.backends.blocks import to_rgba

SIZE = 256


def truth(report: Report) -> None:
    """Compare the fp16 picture and the graph's frame with fp32 without TF32, with plain and with fused operators."""
    for fused in (False, True):
        opened = open_player(SIZE, fused=fused)
        player = opened.player
        path = path_of(player, 4)
        figures = compare(opened, torch.from_numpy(path[:1]).to(DEVICE))
        report.tell(
            fused=fused,
            size=SIZE,
            open_s=opened.seconds,
            backend=player.backend,
            kernels=getattr(player.blocks, "kernels", ""),
            notes=player.take_notes(),
            **figures,
            captures=player.captures,
            **frame_ms(player, path),
        )


@torch.inference_mode()
def compare(opened: Opened, ws: torch.Tensor) -> dict[str, float]:
    """Return how far the player's picture and frame at ``ws`` [1, num_ws, w_dim] are from the network's."""
    network, player = opened.network, opened.player
    torch.backends.cudnn.allow_tf32 = False
    exact = network.synthesis(ws)
    torch.backends.cudnn.allow_tf32 = True
    with_tf32 = network.synthesis(ws)
    image = player.image(ws)
    frame = paint(player, ws[0].cpu().numpy())
    torch.cuda.synchronize()
    off = (frame.int() - to_rgba(exact[0]).int()).abs()
    return {
        "snr_db": round(signal_to_noise_db(exact, image), 1),
        "snr_of_tf32_db": round(signal_to_noise_db(exact, with_tf32), 1),
        "finite_at_psi_2": bool(torch.isfinite(player.image(ws * 2)).all()),
        "frame_off_by_most": int(off.max()),
        "frame_off_by_mean": float(off.float().mean()),
    }
