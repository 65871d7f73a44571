"""How customers are served, and what they take instead when a product is out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.network.world import World

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Served:
    """What one period's customers got: each (node, product)."""

    sold: Floats
    unmet: Floats
    substituted: Floats | None  # demand that came from other products, or went to them


class Counter:
    """Serves customers from stock."""

    def __init__(self, world: World) -> None:
        self._swaps = swaps(world)

    def serve(self, want: Floats, stock: Floats, works: Floats | float = 1.0) -> Served:
        """Serve what is wanted; ``works`` (node, 1) is the share of it that a node can handle."""
        sold = np.minimum(want * works, stock)
        unmet = want - sold
        if not self._swaps:
            return Served(sold, unmet, None)
        moved = np.zeros_like(want)
        # Customers of a closed node go home, they do not take something else.
        is_open = np.broadcast_to(works, (len(want), 1))[:, 0] > 0
        for wanted, instead, share in self._swaps:
            asked = np.minimum(unmet[:, wanted] * share, want[:, wanted]) * is_open
            taken = np.minimum(asked, stock[:, instead] - sold[:, instead])
            taken = np.where(np.isfinite(taken), taken, asked)
            moved[:, wanted] -= taken
            moved[:, instead] += taken
            sold[:, instead] += taken
            unmet[:, wanted] -= taken
        return Served(sold, unmet, moved)


def swaps(world: World) -> list[tuple[int, int, float]]:
    """(product, substitute, share of its customers that takes it), in the order of the file."""
    place = {name: k for k, name in enumerate(world.products)}
    return [
        (place[name], place[other], share)
        for name, product in world.model.products.items()
        for other, share in product.substitutes.items()
    ]
