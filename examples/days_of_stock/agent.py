"""Keeps so many days of recent demand in stock and on order; leaves vehicles to the static policy.

It needs nothing but Python: a line of JSON comes in, a line of JSON goes out.
"""

from __future__ import annotations

import json
import sys
from typing import Any

DAYS = 7.0
RECENT = 7
"""Periods that ``demand.read`` looks back."""
Message = dict[str, Any]


def say(message: Message) -> None:
    """Send one line."""
    print(json.dumps(message), flush=True)


def order(message: Message, write: Message) -> Message:
    """Order up to the days of stock, product by product, on the first lane of the node."""
    found = {answer["tool"]: answer for answer in message["answers"]}
    products, lanes = write["products"], write["lanes"]
    quantities = [0.0] * (lanes * products)
    for product in range(products):
        stock, coming = found["inventory.read"], found["orders.read"]
        position = stock["on_hand"][product] - stock["owed"][product]
        position += sum(coming["waiting"][product::products])
        position += sum(coming["in_transit"][product::products])
        per_day = sum(found["demand.read"]["recent"][product::products]) / RECENT
        quantities[product] = max(0.0, DAYS * per_day - position)
    agent, period = message["agent"], message["period"]
    return {
        "version": "1",
        "call": f"{agent}/{period}",
        "agent": agent,
        "entity": write["entity"],
        "tool": "order.place",
        "period": period,
        "key": f"{period}/{agent}",
        "quantities": quantities,
    }


def main() -> None:
    """Answer every question, until the pipe is closed."""
    writes: dict[str, Message] = {}
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "start":
            writes = {spec["agent"]: spec["write"] for spec in message["agents"]}
            say({"type": "ready", "name": "days of stock"})
        elif message["type"] == "decide":
            write = writes[message["agent"]]
            if write["tool"] == "order.place":
                say(order(message, write))
            else:
                said = {"agent": message["agent"], "period": message["period"]}
                say({"type": "pass", **said})


if __name__ == "__main__":
    main()
