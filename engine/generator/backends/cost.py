"""What stopping at each of a network's sizes costs, as shares of the whole frame."""

from __future__ import annotations

from engine.generator.networks.network import Network


def share(network: Network, resolution: int) -> float:
    """Return the cost of a frame at ``resolution`` as a share of the whole one's: arithmetic and traffic alike.

    1 for a network whose cost is not known.
    """
    part, whole = network.cost(resolution), network.cost()
    if part is None or whole is None:
        return 1.0
    return (part.flops / whole.flops + part.traffic / whole.traffic) / 2


def steps(network: Network) -> list[dict[str, float]]:
    """Return what stopping at each size costs: GFLOP and MB a frame (2 bytes an item), and shares of the whole."""
    whole, told = network.cost(), []
    for resolution in network.stops:
        part = network.cost(resolution)
        if part is None or whole is None or resolution < 8:
            continue
        told.append(
            {
                "resolution": resolution,
                "gflop": round(part.flops / 1e9, 2),
                "gflop_share": round(part.flops / whole.flops, 3),
                "mb": round(part.traffic / 1e6, 1),
                "mb_share": round(part.traffic / whole.traffic, 3),
            }
        )
    return told
