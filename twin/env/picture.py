"""A small raster picture of the network's stock, for ``render()``; no plotting library needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.engine.event import EventEngine
from twin.network.world import World

HEIGHT, BAR, GAP, MARGIN = 160, 14, 4, 12
STOCK, DEBT, ROAD, PAPER = (38, 99, 181), (196, 60, 45), (150, 150, 150), (250, 250, 248)


def draw_stock(world: World, engine: EventEngine) -> NDArray[np.uint8]:
    """Three bars per node: on hand, owed, on order; scaled to the order-up-to levels."""
    bars = np.stack(
        [
            engine.on_hand.sum(axis=1),
            engine.owed().sum(axis=1),
            world.inbound.total(engine.on_order).sum(axis=1),
        ],
        axis=1,
    )
    full = max(2.0 * float(world.order_up_to.sum(axis=1).max(initial=1.0)), 1.0)
    heights = (np.clip(bars / full, 0.0, 1.0) * (HEIGHT - 2 * MARGIN)).astype(int)
    step = 3 * BAR + 2 * GAP
    image = np.empty((HEIGHT, 2 * MARGIN + step * len(world.nodes), 3), dtype=np.uint8)
    image[:] = PAPER
    for node, row in enumerate(heights):
        for bar, (height, colour) in enumerate(zip(row, (STOCK, DEBT, ROAD), strict=True)):
            left = MARGIN + node * step + bar * BAR
            image[HEIGHT - MARGIN - height : HEIGHT - MARGIN, left : left + BAR - 1] = colour
    image[HEIGHT - MARGIN : HEIGHT - MARGIN + 1, MARGIN:-MARGIN] = ROAD
    return image
