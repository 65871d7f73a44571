"""How the customers of many replications are served, and what they take instead."""

from __future__ import annotations

from typing import Any

from twin.engine.serving import swaps
from twin.network.world import World


class BatchCounter:
    """``twin.engine.serving.Counter`` for many replications, without writing in place."""

    def __init__(self, world: World, xp: Any) -> None:
        self._xp = xp
        self._swaps = swaps(world)

    def serve(self, want: Any, able: Any, stock: Any) -> tuple[Any, Any, Any | None]:
        """Sold, unmet and substituted, each (node, product, B).

        ``want`` is what customers want, ``able`` the part of it that open nodes can handle.
        """
        sold = self._xp.minimum(able, stock)
        unmet = want - sold
        if not self._swaps:
            return sold, unmet, None
        return self._substitute(want, able, stock, sold, unmet)

    def _substitute(
        self, want: Any, able: Any, stock: Any, sold: Any, unmet: Any
    ) -> tuple[Any, Any, Any]:
        xp, products = self._xp, range(want.shape[1])
        sales, missed = [sold[:, k] for k in products], [unmet[:, k] for k in products]
        moved = [0 * sold[:, k] for k in products]
        for wanted, instead, share in self._swaps:
            asked = xp.minimum(missed[wanted] * share, want[:, wanted])
            # Customers of a closed node go home, they do not take something else.
            asked = xp.where((able[:, wanted] > 0) | (want[:, wanted] <= 0), asked, 0 * asked)
            taken = xp.minimum(asked, xp.clip(stock[:, instead] - sales[instead], 0, None))
            moved[wanted], moved[instead] = moved[wanted] - taken, moved[instead] + taken
            sales[instead], missed[wanted] = sales[instead] + taken, missed[wanted] - taken
        return xp.stack(sales, 1), xp.stack(missed, 1), xp.stack(moved, 1)
